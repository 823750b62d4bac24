//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use http::{HeaderName, HeaderValue, Method};
use netkit::Leniency;
use netkit::tls::{ProtocolVersion, Versions};

use crate::exit;

/// Serves, fetches and explains HTTP over TLS, layer by layer.
#[derive(Debug, Parser)]
#[command(name = "netkit", version, after_help = exit::TABLE, arg_required_else_help = true)]
pub(crate) struct Netkit {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(Demo),
    Serve(Serve),
    Get(Get),
    Cert(Cert),
    Ws(Ws),
}

/// A whole HTTPS exchange on this machine, told layer by layer.
///
/// Makes a CA and a server certificate in memory, starts a server on a TCP/IP host of our own, makes
/// requests from another over a simulated wire, in virtual time, and tells what each layer did. Needs no
/// network and no files. Exits 0 only if all that it tells happened.
#[derive(Debug, Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct Demo {
    /// Break the server's certificate and show the client's warning and the reason
    #[arg(long = "break", value_name = "WHAT")]
    pub(crate) breakage: Option<Breakage>,
    /// Tell TLS 1.2's RSA key transport instead: the eight steps, and the octets that each moves
    #[arg(long, conflicts_with = "breakage")]
    pub(crate) rsa_key_transport: bool,
    /// Lose so many of a hundred packets
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub(crate) loss: f64,
    /// Repeat a run: the same seed has the same times, lengths and flags
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Write every packet to FILE, for Wireshark; begins in 1970
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
    /// Write the sessions' secrets to FILE (RFC 9850), for Wireshark; whoever has it can read them
    #[arg(long, value_name = "FILE")]
    pub(crate) keylog: Option<PathBuf>,
    /// Tell more: every segment, every TLS message and record, the randoms, the certificate
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text
        .parse()
        .map_err(|_| format!("{text:?} is not a number"))?;
    if (0.0..=100.0).contains(&percent) {
        Ok(percent)
    } else {
        Err("a percentage is between 0 and 100".to_owned())
    }
}

/// What is wrong with the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Breakage {
    /// Its time is over
    Expired,
    /// It is for another name
    Name,
    /// A CA that the client does not trust signed it
    Ca,
}

/// Serve the files of a folder over HTTPS.
///
/// Without --cert it makes a development CA and a certificate that live as long as the server, and
/// prints the curl line to paste. Names that begin with a dot are not served, and symbolic links
/// only as far as they stay in the folder. SIGINT and SIGTERM let running requests finish; a second
/// one does not.
#[derive(Debug, Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct Serve {
    /// The folder to serve
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// The address and port to listen on; port 0 takes any and prints it [default: 127.0.0.1:8443, with
    /// --tun port 8443 of that host]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// The server's certificate and the ones that lead to its CA, as PEM
    #[arg(long, value_name = "PEM", requires = "key", conflicts_with = "dev_ca")]
    pub(crate) cert: Option<PathBuf>,
    /// The certificate's private key, as PEM
    #[arg(long, value_name = "PEM", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Make a development CA and a certificate for NAME (without --cert: for localhost)
    #[arg(long, value_name = "NAME")]
    pub(crate) dev_ca: Option<String>,
    /// The kind of the development certificate's key
    #[arg(
        long,
        value_name = "TYPE",
        default_value = "ecdsa",
        conflicts_with = "cert"
    )]
    pub(crate) key_type: KeyType,
    /// Require client certificates from the CAs in this file
    #[arg(long, value_name = "PEM")]
    pub(crate) client_ca: Option<PathBuf>,
    /// Accept RSA key transport in TLS 1.2. It has no forward secrecy: whoever gets the private key
    /// later reads all that was recorded
    #[arg(long)]
    pub(crate) rsa_key_transport: bool,
    /// Write the development CA's certificate to FILE, for `curl --cacert`
    #[arg(long, value_name = "FILE", conflicts_with = "cert")]
    pub(crate) ca_out: Option<PathBuf>,
    /// Echo what clients say in a WebSocket at PATH
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub(crate) ws_echo: Option<String>,
    /// Take requests that break RULE, and tell of each: for clients that are known to need it, and nobody in
    /// between who could read them otherwise; may be repeated
    #[arg(long, value_name = "RULE", value_parser = leniency())]
    pub(crate) lenient: Vec<Leniency>,
    /// Serve HTTP without TLS
    #[arg(long, conflicts_with_all = ["cert", "key", "dev_ca", "key_type", "client_ca", "ca_out", "rsa_key_transport", "tls_min", "tls_max"])]
    pub(crate) http: bool,
    #[command(flatten)]
    pub(crate) tls: TlsVersions,
    #[cfg(all(feature = "tun", target_os = "linux"))]
    #[command(flatten)]
    pub(crate) stack: Stack,
}

/// netkit's own TCP/IP host instead of the kernel's.
#[cfg(all(feature = "tun", target_os = "linux"))]
#[derive(Debug, Args)]
pub(crate) struct Stack {
    /// Speak TCP by a host of netkit's own on the TUN device NAME, instead of by the kernel. The device
    /// has to be there and up: `ip tuntap add dev NAME mode tun`, `ip addr add IP/PREFIX dev NAME` for the
    /// kernel's end, `ip link set NAME up`
    #[arg(long, value_name = "NAME", requires = "tun_addr")]
    pub(crate) tun: Option<String>,
    /// That host's address, another one of the kernel's network there; may be repeated, for both families
    #[arg(long, value_name = "IP/PREFIX", requires = "tun")]
    pub(crate) tun_addr: Vec<netkit::stack::Prefix>,
}

/// A kind of private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyType {
    /// On P-256
    Ecdsa,
    /// RFC 8410
    Ed25519,
    /// Of 2048 bits
    Rsa,
}

/// Fetch a URL.
///
/// The body goes to standard output, everything else to standard error. Redirects are followed with
/// -L only, and a status of 400 or above is an answer like any other.
#[derive(Debug, Args)]
#[command(after_help = exit::TABLE)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Get {
    /// http:// or https://
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Write the body to FILE
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Trust the CAs in this file instead of the system's
    #[arg(long, value_name = "PEM")]
    pub(crate) cacert: Option<PathBuf>,
    /// The certificate to show to servers that ask for one, and what leads to its CA, as PEM
    #[arg(long, value_name = "PEM", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// That certificate's private key, as PEM
    #[arg(long, value_name = "PEM", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Offer RSA key transport in TLS 1.2, which has no forward secrecy
    #[arg(long)]
    pub(crate) rsa_key_transport: bool,
    /// Accept any certificate. Whoever is on the way can then read and change everything
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,
    /// Tell each layer's story
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// The request's method (default: GET, with -d POST, with -I HEAD)
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub(crate) method: Option<Method>,
    /// Add a header field; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<Field>,
    /// Send DATA, or with @FILE the file's octets (@- for standard input)
    #[arg(short, long, value_name = "DATA|@FILE")]
    pub(crate) data: Option<String>,
    /// Ask with HEAD, and print the response's head
    #[arg(short = 'I', long, conflicts_with_all = ["data", "output"])]
    pub(crate) head: bool,
    /// Speak HTTP/1.0
    #[arg(long = "http1.0")]
    pub(crate) http1_0: bool,
    #[command(flatten)]
    pub(crate) tls: TlsVersions,
    /// Connect here; the name that the certificate must have stays the URL's
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) connect_to: Option<String>,
    /// Follow redirects, at most ten and never from HTTPS to HTTP. Authorization and Cookie stay with the
    /// URL's own origin
    #[arg(short = 'L', long)]
    pub(crate) location: bool,
    /// Ask only for what the file of -o does not have yet, and append it, if it is still the same: the file's time
    /// says which it was. A download that breaks off leaves the time that the server gave
    #[arg(long, requires = "output", conflicts_with_all = ["data", "head", "compressed"])]
    pub(crate) resume: bool,
    /// Ask for a compressed answer (gzip, deflate), and decompress it
    #[arg(long)]
    pub(crate) compressed: bool,
    /// Take a response that breaks RULE, and tell of it: for a server that is known to need it; may be repeated
    #[arg(long, value_name = "RULE", value_parser = leniency())]
    pub(crate) lenient: Vec<Leniency>,
    /// Give up after so many seconds, whatever has arrived
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) max_time: Option<Duration>,
    #[cfg(all(feature = "tun", target_os = "linux"))]
    #[command(flatten)]
    pub(crate) stack: Stack,
}

/// A leniency, by its name.
fn leniency() -> impl TypedValueParser<Value = Leniency> {
    let names = Leniency::ALL.iter().map(|known| known.name());
    PossibleValuesParser::new(names)
        .try_map(|name| Leniency::named(&name).ok_or("is none of the names"))
}

/// A time that is longer than nothing.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "wants a number of seconds")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err("wants more than no seconds".to_owned()),
    }
}

/// Shows, judges and makes certificates.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Cert {
    #[command(subcommand)]
    pub(crate) command: CertCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CertCommand {
    Inspect(Inspect),
    Verify(Verify),
    New(New),
}

/// Show what certificates say.
///
/// Nothing is judged: a server's certificates are shown whether they are good or not.
#[derive(Debug, Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct Inspect {
    /// A file with certificates, PEM or DER, or the https:// URL of a server
    #[arg(value_name = "FILE|URL")]
    pub(crate) what: String,
}

/// Judge a chain of certificates, and say why it is refused.
///
/// The first certificate in FILE is judged; the others may help to find a path, in any order.
#[derive(Debug, Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct Verify {
    /// The chain, as PEM, or one certificate in DER
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Trust the CAs in this file instead of the system's
    #[arg(long, value_name = "PEM")]
    pub(crate) roots: Option<PathBuf>,
    /// The host name or address that the certificate has to be for
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Certificate revocation lists, PEM or DER; may be repeated. Given any, each certificate's status
    /// has to be known
    #[arg(long, value_name = "FILE")]
    pub(crate) crl: Vec<PathBuf>,
    /// An OCSP response in DER; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) ocsp: Vec<PathBuf>,
    /// Judge as of this time instead of now: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ
    #[arg(long, value_name = "TIME")]
    pub(crate) time: Option<String>,
    /// Judge a client's certificate
    #[arg(long)]
    pub(crate) client: bool,
    /// How strictly the paths of --roots are judged
    #[arg(
        long,
        value_name = "PROFILE",
        default_value = "path",
        requires = "roots"
    )]
    pub(crate) profile: ProfileName,
}

/// How strictly a path is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileName {
    /// RFC 5280 section 6: what makes a path safe to believe
    Path,
    /// And section 4: what a conforming CA issues
    Rfc5280,
    /// And the CA/Browser Forum's Baseline Requirements
    Webpki,
}

/// Make a certificate and its private key.
///
/// Both are written as PEM, the certificate first. Without --ca it is self-signed.
#[derive(Debug, Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct New {
    /// DNS names or addresses that it is for; the first is its common name
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
    /// Sign it with the CA in FILE, certificate and key as PEM; if there is no such file, a new CA is
    /// made and written to it
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// For a client instead of a server
    #[arg(long)]
    pub(crate) client: bool,
    /// The kind of its private key
    #[arg(long, value_name = "TYPE", default_value = "ecdsa")]
    pub(crate) key_type: KeyType,
    /// How long it lasts
    #[arg(long, value_name = "DAYS", default_value = "90", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) days: u32,
    /// Write both to FILE, which must not exist, instead of to standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// The versions of TLS to speak.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct TlsVersions {
    /// The lowest version of TLS to accept
    #[arg(long, value_name = "V", default_value = "1.2")]
    tls_min: TlsVersion,
    /// The highest version of TLS to accept
    #[arg(long, value_name = "V", default_value = "1.3")]
    tls_max: TlsVersion,
}

impl TlsVersions {
    pub(crate) fn range(self) -> Result<Versions, exit::Failure> {
        if self.tls_min > self.tls_max {
            return Err(exit::Failure::usage("--tls-min is above --tls-max"));
        }
        Ok(Versions {
            min: self.tls_min.number(),
            max: self.tls_max.number(),
        })
    }
}

impl TlsVersion {
    fn number(self) -> ProtocolVersion {
        match self {
            Self::V1_2 => ProtocolVersion::TLS1_2,
            Self::V1_3 => ProtocolVersion::TLS1_3,
        }
    }
}

/// Talk to a WebSocket.
///
/// Each line of standard input becomes a message of text, and each message a line of standard output;
/// octets are told in hexadecimal. The end of standard input closes the WebSocket.
#[derive(Debug, Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct Ws {
    /// ws:// or wss://
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Trust the CAs in this file instead of the system's
    #[arg(long, value_name = "PEM")]
    pub(crate) cacert: Option<PathBuf>,
    /// Accept any certificate. Whoever is on the way can then read and change everything
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,
    /// Tell of every frame
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Add a header field to the handshake; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<Field>,
    /// Offer a subprotocol; may be repeated, the best first
    #[arg(short, long = "protocol", value_name = "NAME")]
    pub(crate) protocols: Vec<String>,
    /// Do not offer compression
    #[arg(long)]
    pub(crate) no_deflate: bool,
}

/// The path of a URL.
fn path(text: &str) -> Result<String, String> {
    if text.starts_with('/') {
        Ok(text.to_owned())
    } else {
        Err(format!("a path begins with a slash: /{text}"))
    }
}

/// A version of TLS, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum TlsVersion {
    /// RFC 5246
    #[value(name = "1.2")]
    V1_2,
    /// RFC 9846
    #[value(name = "1.3")]
    V1_3,
}

/// A header field as `-H` gives it.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
}

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once(':').ok_or("wants NAME: VALUE")?;
        Ok(Self {
            name: name
                .parse()
                .map_err(|_| format!("{name:?} is no header field name"))?,
            value: HeaderValue::from_str(value.trim())
                .map_err(|_| format!("{value:?} is no header field value"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Netkit::command().debug_assert();
    }

    #[test]
    fn header_fields() {
        let field: Field = "X-A:  b c ".parse().unwrap();
        assert_eq!(
            (field.name.as_str(), field.value.as_bytes()),
            ("x-a", &b"b c"[..])
        );
        for bad in ["", "X", "X Y: z", ": z", "X: a\r\nY: b"] {
            assert!(bad.parse::<Field>().is_err(), "{bad:?}");
        }
    }
}
