use crate::limits::BACKLOG;
use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
};

/// Something that a transport is still doing.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// A reliable, ordered byte stream between two addresses.
///
/// `poll_shutdown` ends this side's direction; dropping the stream ends both.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// This side's address, if the transport has addresses.
    fn local_addr(&self) -> Option<SocketAddr>;
    /// The other side's address, if the transport has addresses.
    fn peer_addr(&self) -> Option<SocketAddr>;
}

/// Takes in what peers dial.
pub trait Listener: Send + 'static {
    /// The next stream. An error concerns that one stream; the listener goes on.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Box<dyn Stream>>>;
    /// Where it listens.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// Where streams come from: the one seam below [`Client`](crate::Client) and
/// [`Server`](crate::Server), which run unchanged on any transport.
pub trait Transport: Send + Sync + 'static {
    /// The addresses of `host`, best first.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Doing<'a, Vec<SocketAddr>>;
    /// Dials `to`.
    fn connect(&self, to: SocketAddr) -> Doing<'_, Box<dyn Stream>>;
    /// Listens at `at`; port 0 asks for any free one. With `share` other listeners may be opened at
    /// the same address, and the transport divides the streams among them.
    fn listen(&self, at: SocketAddr, share: bool) -> io::Result<Box<dyn Listener>>;
}

/// The kernel's TCP, and the system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tcp;

impl Transport for Tcp {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Doing<'a, Vec<SocketAddr>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }

    fn connect(&self, to: SocketAddr) -> Doing<'_, Box<dyn Stream>> {
        Box::pin(async move {
            let stream = TcpStream::connect(to).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }

    fn listen(&self, at: SocketAddr, share: bool) -> io::Result<Box<dyn Listener>> {
        let socket = if at.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        if share {
            share_port(&socket)?;
        }
        socket.bind(at)?;
        Ok(Box::new(socket.listen(BACKLOG)?))
    }
}

/// Linux balances new connections over the sockets that share a port; elsewhere the last one may get all.
#[cfg(target_os = "linux")]
fn share_port(socket: &TcpSocket) -> io::Result<()> {
    socket.set_reuseport(true)
}

#[cfg(not(target_os = "linux"))]
fn share_port(_: &TcpSocket) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this system does not balance listeners that share a port",
    ))
}

impl Stream for TcpStream {
    fn local_addr(&self) -> Option<SocketAddr> {
        Self::local_addr(self).ok()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        Self::peer_addr(self).ok()
    }
}

impl Listener for TcpListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Box<dyn Stream>>> {
        let (stream, _) = ready!(Self::poll_accept(self, cx))?;
        // Heads and bodies leave in whole records: waiting to join them only adds delay.
        stream.set_nodelay(true)?;
        Poll::Ready(Ok(Box::new(stream)))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }
}

impl fmt::Debug for dyn Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}
