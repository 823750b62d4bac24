//! A network namespace for each test: its program, started again inside of it, and a TUN device there on whose
//! other end the kernel is.

use std::net::SocketAddr;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use netkit::stack::link::{Link, LinkConfig, Path};
use netkit::stack::tcp::Secret;
use netkit::stack::{Cable, Device, HostConfig, Net, Tun, bridge};

use crate::peer::Peer;
use crate::process::{Running, run};

/// The test that this process is to run, inside of its namespace.
const INSIDE: &str = "NETKIT_TEST_INSIDE";

/// No test takes longer, on a busy machine and when asked to carry a gigabyte.
const PATIENCE: Duration = Duration::from_secs(180);

/// Starts the program `$0` inside. Ten thousand connections are as many files.
const ENTER: &str = "ulimit -n 16384 2>/dev/null || ulimit -n \"$(ulimit -H -n)\"; exec \"$0\"";

/// Makes the namespaces. If whoever started this is killed, so is `unshare`, and with it its child, process 1.
#[rustfmt::skip]
const NAMESPACES: [&str; 8] = [
    "--pdeathsig", "KILL", "unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
];

/// A test that runs in a network namespace of its own, as process 1 of a namespace of processes: devices,
/// settings and everything that it started end with it, however it ends; and it ends with the process that started it.
///
/// The test itself runs in a process of its own that makes the same trials: those in front of it are made
/// and forgotten.
pub fn trial(
    name: impl Into<String>,
    peers: &[Peer],
    test: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let name = name.into();
    if let Ok(wanted) = std::env::var(INSIDE) {
        if wanted != name {
            return Trial::test(name, || Ok(()));
        }
        let ended = test();
        if let Err(why) = &ended {
            eprintln!("{}", why.message().unwrap_or("failed"));
        }
        std::process::exit(i32::from(ended.is_err()));
    }
    let all: Vec<Peer> = [&[Peer::Tun], peers].concat();
    let inside = format!("{INSIDE}={name}");
    crate::trial(name, &all, move || {
        let program = std::env::current_exe()?.display().to_string();
        let command = ["env", &inside, "sh", "-c", ENTER, &program];
        let ended = Running::start(Peer::Tun.command(), [&NAMESPACES[..], &command].concat())?;
        ended.wait_within(PATIENCE)?.ok().map(drop)
    })
}

/// Of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    Four,
    /// IPv6.
    Six,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Four, Self::Six];

    fn is_four(self) -> bool {
        self == Self::Four
    }

    /// Octets of both headers in front of a segment's options.
    pub fn headers(self) -> u16 {
        if self.is_four() { 40 } else { 60 }
    }
}

/// The namespace that this process is in: the kernel on one end of `tun0`, a host of ours on the other.
#[derive(Debug, Clone)]
pub struct Place {
    /// Whose addresses it has.
    pub family: Family,
    mtu: u16,
}

impl Place {
    /// Makes the device.
    pub fn new(family: Family, mtu: u16) -> Result<Self, Failed> {
        let place = Self { family, mtu };
        ip(&["link", "set", "lo", "up"])?;
        place.link("tun0", mtu, 77)?;
        Ok(place)
    }

    /// Makes a second one, for a second host, whose packets the kernel forwards.
    pub fn second_link(&self, mtu: u16) -> Result<(), Failed> {
        if self.family.is_four() {
            self.set("ipv4/ip_forward", 1)?;
        } else {
            self.set("ipv6/conf/all/forwarding", 1)?;
        }
        self.link("tun1", mtu, 78)
    }

    /// A device with the kernel's address on it.
    fn link(&self, name: &str, mtu: u16, network: u8) -> Result<(), Failed> {
        let mtu = mtu.to_string();
        let address = self.prefix(network, 1);
        ip(&["tuntap", "add", "dev", name, "mode", "tun"])?;
        ip(&["link", "set", name, "mtu", &mtu])?;
        if self.family.is_four() {
            ip(&["addr", "add", &address, "dev", name])?;
        } else {
            // It stays while the device is down, and is of use before the kernel knows that it is nobody else's.
            self.set(&format!("ipv6/conf/{name}/keep_addr_on_down"), 1)?;
            ip(&["addr", "add", &address, "dev", name, "nodad"])?;
        }
        ip(&["link", "set", name, "up"])
    }

    fn address(&self, network: u8, host: u16, port: u16) -> SocketAddr {
        match self.family {
            Family::Four => ([10, network, 0, host as u8], port).into(),
            Family::Six => ([0xfd00, network.into(), 0, 0, 0, 0, 0, host], port).into(),
        }
    }

    fn prefix(&self, network: u8, host: u16) -> String {
        let length = if self.family.is_four() { 24 } else { 64 };
        format!("{}/{length}", self.address(network, host, 0).ip())
    }

    /// Our address on the device, and the length of its prefix.
    pub fn our_prefix(&self) -> String {
        self.prefix(77, 2)
    }

    /// Our end.
    pub fn ours(&self, port: u16) -> SocketAddr {
        self.address(77, 2, port)
    }

    /// The kernel's.
    pub fn theirs(&self, port: u16) -> SocketAddr {
        self.address(77, 1, port)
    }

    /// Of the second host.
    pub fn second(&self, port: u16) -> SocketAddr {
        self.address(78, 2, port)
    }

    /// What a kernel that agreed on all or some options says of its connection: the octets of a segment.
    pub fn mss(&self, timestamps: bool) -> u16 {
        self.mtu - self.family.headers() - if timestamps { 12 } else { 0 }
    }

    /// A host on the device, driven by this runtime.
    pub fn host(&self) -> Result<Net, Failed> {
        self.host_on(Tun::open("tun0")?, |_| ())
    }

    /// A host at our address on this device.
    pub fn host_on<D>(
        &self,
        device: D,
        configure: impl FnOnce(&mut HostConfig),
    ) -> Result<Net, Failed>
    where
        D: Device + Unpin + Send + 'static,
    {
        drive(device, &self.our_prefix(), configure)
    }

    /// The same behind a network that does this to packets, each way.
    pub fn host_behind(&self, seed: u64, path: &Path) -> Result<Net, Failed> {
        let path = Path {
            mtu: self.mtu.into(),
            ..path.clone()
        };
        let [near, far] = Cable::new(Link::new(seed, LinkConfig::both(path)));
        tokio::spawn(bridge(far, Tun::open("tun0")?));
        self.host_on(near, |_| ())
    }

    /// A host on the second device, whose far end of the cable is larger than the kernel's.
    pub fn second_host(&self) -> Result<Net, Failed> {
        let [near, far] = Cable::new(Link::new(0, LinkConfig::default()));
        tokio::spawn(bridge(far, Tun::open("tun1")?));
        drive(near, &self.prefix(78, 2), |_| ())
    }

    /// Writes a setting of the namespace.
    pub fn set(&self, name: &str, value: u8) -> Result<(), Failed> {
        let path = format!("/proc/sys/net/{name}");
        std::fs::write(&path, value.to_string()).map_err(|e| format!("{path}: {e}").into())
    }

    /// Waits until the kernel tells this of its TCP sockets, with single spaces, and returns all that it tells.
    pub async fn tells(&self, words: &str) -> Result<String, Failed> {
        for _ in 0..500 {
            let told = sockets()?;
            if told.contains(words) {
                return Ok(told);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(format!("no {words:?} in {}", sockets()?).into())
    }
}

/// What the kernel tells of its TCP sockets, with single spaces.
pub fn sockets() -> Result<String, Failed> {
    let told = run("ss", ["-tnioaH"], b"")?.ok()?.out;
    Ok(told.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// `ip` with these arguments.
pub fn ip(arguments: &[&str]) -> Result<(), Failed> {
    run("ip", arguments, b"")?.ok().map(drop)
}

fn drive<D>(
    device: D,
    address: &str,
    configure: impl FnOnce(&mut HostConfig),
) -> Result<Net, Failed>
where
    D: Device + Unpin + Send + 'static,
{
    let mut secret = [0; 16];
    getrandom::fill(&mut secret).map_err(|e| e.to_string())?;
    let mut config = HostConfig::new([address.parse()?], Secret::new(secret));
    configure(&mut config);
    let (net, driver) = Net::new(device, config)?;
    tokio::spawn(driver);
    Ok(net)
}
