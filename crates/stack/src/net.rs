//! Sockets for tokio: a host, one task that drives it over a device, and handles to both.

mod bridge;
mod cable;
mod device;
mod driver;
mod listener;
mod stream;

pub use bridge::bridge;
pub use cable::Cable;
pub use device::Device;
pub use driver::Driver;
pub use listener::TcpListener;
pub use stream::{OwnedReadHalf, OwnedWriteHalf, TcpStream};

use crate::{Error, Host, HostConfig, ListenerId, SocketId, ip::SourceRoute};
use alloc::{sync::Arc, vec::Vec};
use core::{
    fmt,
    net::SocketAddr,
    task::{Poll, Waker},
    time::Duration,
};
use netkit_tcp::{Backlog, State};
use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::time::Instant;

/// A TCP/IP host on a device: what `tokio::net` is for the kernel's. Cheap to clone.
///
/// [`new`](Self::new) gives it and its driver, which has to be polled for anything to happen; one task
/// does. The time is tokio's: on a runtime whose clock is paused it is virtual.
#[derive(Clone)]
pub struct Net(Arc<Owner>);

/// Whoever holds the host: the last one to go ends the driver, once everything is said.
struct Owner(Arc<Shared>);

/// What handles and driver share.
struct Shared {
    epoch: Instant,
    state: Mutex<Inner>,
}

struct Inner {
    host: Host,
    sockets: BTreeMap<SocketId, Waiting>,
    listeners: BTreeMap<ListenerId, Vec<Waker>>,
    /// Where others may listen too.
    shared: Vec<listener::Shared>,
    driver: Option<Waker>,
    /// Nobody holds the host any more.
    is_abandoned: bool,
    /// The driver is gone: why.
    dead: Option<(io::ErrorKind, alloc::string::String)>,
}

/// Who waits for a socket.
#[derive(Default)]
struct Waiting {
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Net {
    /// A host on `device`, whose MTU it takes, and the future that drives it: it ends when the device
    /// fails, or when every `Net`, stream and listener is dropped and what they had sent is delivered.
    ///
    /// # Errors
    /// [`Error::MisuseConfig`].
    pub fn new<D: Device>(device: D, mut config: HostConfig) -> Result<(Self, Driver<D>), Error> {
        config.mtu = device.mtu();
        let shared = Arc::new(Shared {
            epoch: Instant::now(),
            state: Mutex::new(Inner {
                host: Host::new(config)?,
                sockets: BTreeMap::new(),
                listeners: BTreeMap::new(),
                shared: Vec::new(),
                driver: None,
                is_abandoned: false,
                dead: None,
            }),
        });
        let driver = Driver::new(device, Arc::clone(&shared));
        Ok((Self(Arc::new(Owner(shared))), driver))
    }

    /// Connects to `remote`, from a port of the host's choice.
    ///
    /// # Errors
    /// `ConnectionRefused`, `TimedOut`, `HostUnreachable` and their like; the inner error is [`Error`].
    pub async fn connect(&self, remote: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::open(self, None, remote, None).await
    }

    /// Connects from `local`; an unspecified address or port 0 is the host's choice.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_from(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> io::Result<TcpStream> {
        TcpStream::open(self, Some(local), remote, None).await
    }

    /// Connects by a source route: see [`Host::connect_by`].
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_by(
        &self,
        remote: SocketAddr,
        route: SourceRoute,
    ) -> io::Result<TcpStream> {
        TcpStream::open(self, None, remote, Some(route)).await
    }

    /// Listens at `at`: see [`Host::listen`].
    ///
    /// # Errors
    /// `AddrInUse`, `AddrNotAvailable`.
    pub fn listen(&self, at: SocketAddr, backlog: Backlog) -> io::Result<TcpListener> {
        TcpListener::open(self, at, backlog)
    }

    /// Listens at `at` beside those who listen there already in this way: connections go to whoever
    /// accepts first.
    ///
    /// # Errors
    /// As [`listen`](Self::listen).
    pub fn listen_shared(&self, at: SocketAddr, backlog: Backlog) -> io::Result<TcpListener> {
        TcpListener::open_shared(self, at, backlog)
    }

    /// Looks at the host, or does something to it that no socket offers.
    pub fn with_host<T>(&self, act: impl FnOnce(&mut Host, Duration) -> T) -> T {
        let mut inner = self.shared().lock();
        let result = act(&mut inner.host, self.shared().now());
        inner.wake_driver();
        result
    }

    fn shared(&self) -> &Shared {
        &self.0.0
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.shared().lock();
        f.debug_struct("Net")
            .field("addresses", &inner.host.config().addresses)
            .field("connections", &inner.host.connections())
            .finish_non_exhaustive()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.is_abandoned = true;
        inner.wake_driver();
    }
}

impl Shared {
    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// A panic elsewhere, in an allocation say, leaves the host whole: its calls are complete or not
    /// begun.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn wake_driver(&mut self) {
        if let Some(waker) = self.driver.take() {
            waker.wake();
        }
    }

    /// Fails once the driver is gone.
    fn alive(&self) -> io::Result<()> {
        match &self.dead {
            None => Ok(()),
            Some((kind, why)) => Err(io::Error::new(*kind, why.clone())),
        }
    }

    fn state(&self, id: SocketId) -> State {
        let connection = self.host.connection(id);
        connection.map_or(State::Closed, netkit_tcp::Connection::state)
    }

    /// Waits for one side of a socket.
    fn wait<T>(&mut self, id: SocketId, side: Side, waker: &Waker) -> Poll<T> {
        let waiting = self.sockets.entry(id).or_default();
        let place = match side {
            Side::Reader => &mut waiting.reader,
            Side::Writer => &mut waiting.writer,
        };
        match place {
            Some(known) => known.clone_from(waker),
            None => *place = Some(waker.clone()),
        }
        Poll::Pending
    }
}

#[derive(Clone, Copy)]
enum Side {
    Reader,
    Writer,
}

/// An error of a host as the standard library has them, in the words of its own layer.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        use netkit_tcp::Error as Tcp;
        let kind = match error {
            Error::Tcp(Tcp::PeerRefused) => io::ErrorKind::ConnectionRefused,
            Error::Tcp(Tcp::PeerReset) => io::ErrorKind::ConnectionReset,
            Error::Tcp(Tcp::PathTimedOut) => io::ErrorKind::TimedOut,
            Error::Tcp(Tcp::PathUnreachable) => io::ErrorKind::HostUnreachable,
            Error::Tcp(Tcp::LocalAborted) => io::ErrorKind::ConnectionAborted,
            Error::Tcp(Tcp::MisuseClosing) => io::ErrorKind::BrokenPipe,
            Error::MisuseGone => io::ErrorKind::NotConnected,
            Error::MisuseInUse | Error::LocalPortsUsedUp => io::ErrorKind::AddrInUse,
            Error::MisuseNotOurs => io::ErrorKind::AddrNotAvailable,
            Error::MisuseFamily => io::ErrorKind::NetworkUnreachable,
            Error::MisuseConfig | Error::MisuseBroadcast | Error::Tcp(Tcp::MisuseAddress) => {
                io::ErrorKind::InvalidInput
            }
            // TCP's list may grow.
            Error::Tcp(_) => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
