//! The peers, and what to do without one.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use libtest_mimic::{Failed, Trial};

/// A program that a test talks to, or a right that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// `curl`.
    Curl,
    /// `openssl`, 3.0 or later.
    OpenSsl,
    /// `nginx`.
    Nginx,
    /// `gnutls-cli`.
    GnuTls,
    /// `tshark`, and the right to capture on the loopback interface.
    Tshark,
    /// `go`, 1.25 or later.
    Go,
    /// `wrk`.
    Wrk,
    /// `python3`: its standard library alone.
    Python,
    /// `node`: its standard library alone.
    Node,
    /// `ping`.
    Ping,
    /// The right to make a network namespace and a TUN device in it, and the programs for that.
    Tun,
}

const COUNT: usize = 11;

/// Makes a device and ends.
#[rustfmt::skip]
const TUN: [&str; 11] = [
    "--pdeathsig", "KILL", "unshare", "--net", "ip", "tuntap", "add", "dev", "tun0", "mode", "tun",
];

impl Peer {
    /// The command that starts it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::OpenSsl => "openssl",
            // Debian keeps it where a user's PATH does not look.
            Self::Nginx if std::path::Path::new("/usr/sbin/nginx").exists() => "/usr/sbin/nginx",
            Self::Nginx => "nginx",
            Self::GnuTls => "gnutls-cli",
            Self::Tshark => "tshark",
            Self::Go => "go",
            Self::Wrk => "wrk",
            Self::Python => "python3",
            Self::Node => "node",
            Self::Ping => "ping",
            // Ends what it starts when its parent ends, however that does.
            Self::Tun => "setpriv",
        }
    }

    /// Why it cannot be used here, if so.
    pub fn missing(self) -> Option<&'static str> {
        static KNOWN: [OnceLock<bool>; COUNT] = [const { OnceLock::new() }; COUNT];
        let here = KNOWN[self as usize].get_or_init(|| {
            let arguments: &[&str] = match self {
                Self::Nginx => &["-v"],
                Self::OpenSsl | Self::Go => &["version"],
                // Lists the interfaces only to those who may capture on one.
                Self::Tshark => &["-i", "lo", "-a", "duration:0", "-w", "/dev/null"],
                Self::Ping => &["-V"],
                Self::Tun => &TUN,
                _ => &["--version"],
            };
            let mut command = Command::new(self.command());
            let command = command.args(arguments).stdin(Stdio::null());
            let output = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
            // wrk tells its version and calls that a failure.
            output.is_ok_and(|status| status.success() || self == Self::Wrk)
        });
        (!here).then_some(match self {
            Self::Curl => "no curl",
            Self::OpenSsl => "no openssl",
            Self::Nginx => "no nginx",
            Self::GnuTls => "no gnutls-cli",
            Self::Tshark => "no tshark, or no right to capture",
            Self::Go => "no go",
            Self::Wrk => "no wrk",
            Self::Python => "no python3",
            Self::Node => "no node",
            Self::Ping => "no ping",
            Self::Tun => "no setpriv, unshare or ip, or no right to make a TUN device",
        })
    }
}

/// A test that needs these peers. Without one it shows as ignored, with the reason; where
/// `NETKIT_REQUIRE_PEERS` is 1 it fails.
pub fn trial<F>(name: impl Into<String>, peers: &[Peer], test: F) -> Trial
where
    F: FnOnce() -> Result<(), Failed> + Send + 'static,
{
    let Some(why) = peers.iter().find_map(|peer| peer.missing()) else {
        return Trial::test(name, test);
    };
    let required = std::env::var("NETKIT_REQUIRE_PEERS").is_ok_and(|value| value == "1");
    Trial::test(name, move || Err(why.into()))
        .with_kind(why)
        .with_ignored_flag(!required)
}
