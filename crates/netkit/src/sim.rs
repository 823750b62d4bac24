//! A client and a server in one thread, each on a TCP/IP host of its own, with a simulated network between
//! them, in virtual time: a test of hours takes milliseconds, and a seed repeats it.
//!
//! The same [`Client`](crate::Client) and [`Server`](crate::Server) run on it as on the kernel's TCP, and so does
//! whatever else takes a [`Transport`] or tokio's traits. Whenever every task waits, the clock goes on to
//! the next timer or arrival, so timeouts, retransmissions and delays cost nothing.
//!
//! ```
//! use netkit::sim::{Chance, LinkConfig, Path, Sim};
//! use netkit::http::{Request, Response};
//! use netkit::{Body, Client, Error, Server, x509::Roots};
//! use std::time::Duration;
//!
//! // Across an ocean: 60 ms each way, and every tenth packet is lost.
//! let path = Path {
//!     delay: Duration::from_millis(60),
//!     loss: Chance::percent(10.0),
//!     ..Path::default()
//! };
//! let (text, took) = Sim::new(7).link(LinkConfig::both(path)).run(async |network| {
//!     let server = Server::http().transport(network.server.clone());
//!     let bound = server.bind(network.server.at(80))?;
//!     tokio::spawn(bound.serve(async |request: Request<Body>| {
//!         Ok::<_, Error>(Response::new(Body::from(format!("{}!", request.uri()))))
//!     }));
//!
//!     let client = Client::builder()
//!         .transport(network.client.clone())
//!         .roots(Roots::new())
//!         .build()?;
//!     // Every name is the server's.
//!     let response = client.get("http://server.example/hello").await?;
//!     let body = response.into_body().collect(100).await?;
//!     Ok::<_, Error>((String::from_utf8_lossy(&body).into_owned(), network.elapsed()))
//! })??;
//!
//! assert_eq!(text, "/hello!");
//! assert!(took >= Duration::from_millis(240), "two round trips at least: {took:?}");
//! # Ok::<(), Error>(())
//! ```
//!
//! What is the same for a seed: every time, length and flag, as far as the tasks decide nothing by chance
//! themselves (tokio's `select!` does, without `biased`), and certificates have keys whose signatures are all of
//! one length (Ed25519). TLS draws its keys from the system all the same.

use crate::{
    error::{Error, Stage},
    transport::{Doing, Listener, Stream, Transport},
};
use netkit_stack::{Cable, HostConfig, Net, Prefix, link::Link, pcap, tcp::Secret};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

pub use netkit_stack::link::{Chance, End, Fate, LinkConfig, Path, Sighting, Tap};

/// How long the network goes on after the story's end, for what is still to be said.
const AFTERWARDS: Duration = Duration::from_secs(60);

type Change = Box<dyn FnMut(End, &mut HostConfig)>;

/// A network that is about to be: [`run`](Self::run) it.
pub struct Sim {
    seed: u64,
    config: LinkConfig,
    taps: Vec<Box<dyn Tap>>,
    changes: Vec<Change>,
    /// What went wrong with the captures.
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl Sim {
    /// A perfect wire. The seed decides what the hosts and the link leave to chance.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            config: LinkConfig::default(),
            taps: Vec::new(),
            changes: Vec::new(),
            failure: Arc::default(),
        }
    }

    /// What the link does. The client is at [`End::A`].
    #[must_use]
    pub fn link(mut self, config: LinkConfig) -> Self {
        self.config = config;
        self
    }

    /// Shows every packet, and its fate, to `tap`.
    #[must_use]
    pub fn tap(mut self, tap: impl Tap + 'static) -> Self {
        self.taps.push(Box::new(tap));
        self
    }

    /// Has the last word on both hosts: TCP's options, its congestion control, a watch.
    #[must_use]
    pub fn hosts(mut self, change: impl FnMut(End, &mut HostConfig) + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Writes every packet as it is sent, also those that will be lost, in libpcap's format, for
    /// Wireshark. Times begin in 1970.
    #[must_use]
    pub fn capture(self, mut into: impl io::Write + Send + 'static) -> Self {
        let failure = Arc::clone(&self.failure);
        let mut octets = Vec::new();
        pcap::start(&mut octets);
        let mut seen = 0;
        self.tap(move |sighting: &Sighting<'_>| {
            // A second copy is the network's doing.
            if sighting.number != seen {
                pcap::packet(sighting.at, sighting.packet, &mut octets);
            }
            seen = sighting.number;
            let written = into.write_all(&octets).and_then(|()| into.flush());
            octets.clear();
            if let Err(error) = written {
                let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(error);
            }
        })
    }

    /// Runs `story` with a host for each side, on a runtime of its own with virtual time, and then what
    /// both sides still have to say, for a minute at most. Call it outside a runtime.
    ///
    /// # Errors
    /// That there is no runtime, a host's configuration was spoilt, or a capture could not be written.
    pub fn run<T>(mut self, story: impl AsyncFnOnce(Network) -> T) -> Result<T, Error> {
        let failed = |error| Error::io(Stage::Setup, error);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(failed)?;
        let told = runtime.block_on(async {
            let mut link = Link::new(self.seed, self.config.clone());
            for tap in self.taps.drain(..) {
                link.tap(tap);
            }
            let [a, b] = Cable::new(link);
            let started = Instant::now();
            let (client, driver) = Net::new(a, self.host(End::A)).map_err(io::Error::from)?;
            let drives_client = tokio::spawn(driver);
            let (server, driver) = Net::new(b, self.host(End::B)).map_err(io::Error::from)?;
            let drives_server = tokio::spawn(driver);
            let told = story(Network {
                client: Host::new(client, End::A),
                server: Host::new(server, End::B),
                started,
            });
            let told = told.await;
            let rest = async {
                let _ = drives_client.await;
                let _ = drives_server.await;
            };
            // Whatever still holds a host then holds it in vain.
            let _ = tokio::time::timeout(AFTERWARDS, rest).await;
            Ok(told)
        });
        // Dropping what still runs may send more.
        drop(runtime);
        let told = told.map_err(failed)?;
        let failure = self
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        failure.map_or(Ok(told), |error| Err(failed(error).about("the capture")))
    }

    fn host(&mut self, at: End) -> HostConfig {
        let addresses = addresses(at).map(|address| {
            Prefix::new(address, if address.is_ipv4() { 24 } else { 64 })
                .expect("a length of its family's")
        });
        let secret = u128::from(self.seed) << 1 | at as u128;
        let mut config = HostConfig::new(addresses, Secret::new(secret.to_le_bytes()));
        for change in &mut self.changes {
            change(at, &mut config);
        }
        config
    }
}

/// Both families' addresses for documentation (RFC 5737, RFC 3849).
fn addresses(at: End) -> [IpAddr; 2] {
    let last = at as u16 + 1;
    [
        Ipv4Addr::new(192, 0, 2, last as u8).into(),
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into(),
    ]
}

/// The two hosts of a simulation, and its time.
#[derive(Debug, Clone)]
pub struct Network {
    /// The host at [`End::A`]: 192.0.2.1 and 2001:db8::1.
    pub client: Host,
    /// The host at [`End::B`]: 192.0.2.2 and 2001:db8::2.
    pub server: Host,
    started: Instant,
}

impl Network {
    /// Virtual time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// One of the hosts, as a transport for [`Client`](crate::Client) and [`Server`](crate::Server). To it every name is
/// the other host's.
#[derive(Debug, Clone)]
pub struct Host {
    net: Net,
    at: End,
}

impl Host {
    const fn new(net: Net, at: End) -> Self {
        Self { net, at }
    }

    /// A port of this host, at its IPv4 address.
    pub fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(addresses(self.at)[0], port)
    }

    /// The same at its IPv6 address.
    pub fn at_v6(&self, port: u16) -> SocketAddr {
        SocketAddr::new(addresses(self.at)[1], port)
    }

    /// Its sockets.
    pub const fn net(&self) -> &Net {
        &self.net
    }
}

impl Transport for Host {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Doing<'a, Vec<SocketAddr>> {
        let found = match host.parse() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => vec![SocketAddr::new(addresses(self.at.other())[0], port)],
        };
        Box::pin(std::future::ready(Ok(found)))
    }

    fn connect(&self, to: SocketAddr) -> Doing<'_, Box<dyn Stream>> {
        Transport::connect(&self.net, to)
    }

    fn listen(&self, at: SocketAddr, share: bool) -> io::Result<Box<dyn Listener>> {
        Transport::listen(&self.net, at, share)
    }
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim")
            .field("seed", &self.seed)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
