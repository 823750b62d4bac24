use super::{Inner, Net, Side};
use crate::{Error, Host, SocketId, ip::SourceRoute};
use alloc::sync::Arc;
use core::{
    fmt,
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use netkit_tcp::{KeepAlive, State};
use std::{format, io};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection. `poll_shutdown` sends our FIN; the peer's data may still be read. Dropping it gives both
/// directions up: what was written is still delivered, but data that arrive unread are answered by a RST.
pub struct TcpStream(Arc<Socket>);

struct Socket {
    net: Net,
    id: SocketId,
    local: SocketAddr,
    remote: SocketAddr,
}

impl TcpStream {
    pub(super) async fn open(
        net: &Net,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        route: Option<SourceRoute>,
    ) -> io::Result<Self> {
        let stream = {
            let shared = net.shared();
            let mut inner = shared.lock();
            inner.alive()?;
            let (host, now) = (&mut inner.host, shared.now());
            let id = match route {
                Some(route) => host.connect_by(now, local, remote, route)?,
                None => host.connect(now, local, remote)?,
            };
            inner.wake_driver();
            Self::of(net, id, &inner.host)
        };
        poll_fn(|cx| stream.0.poll_connected(cx)).await?;
        Ok(stream)
    }

    pub(super) fn accepted(net: &Net, id: SocketId, host: &Host) -> (Self, SocketAddr) {
        let stream = Self::of(net, id, host);
        let remote = stream.0.remote;
        (stream, remote)
    }

    fn of(net: &Net, id: SocketId, host: &Host) -> Self {
        let unknown = SocketAddr::from(([0; 4], 0));
        let connection = host.connection(id);
        let (local, remote) = connection.map_or((unknown, unknown), |connection| {
            (connection.local(), connection.remote())
        });
        Self(Arc::new(Socket {
            net: net.clone(),
            id,
            local,
            remote,
        }))
    }

    /// Our end.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local
    }

    /// The peer's end.
    pub fn peer_addr(&self) -> SocketAddr {
        self.0.remote
    }

    /// The state.
    pub fn state(&self) -> State {
        self.0.net.shared().lock().state(self.0.id)
    }

    /// Ends the connection at once: a RST tells the peer. What arrived may still be read.
    pub fn abort(&self) {
        self.0.act(Host::abort).ok();
    }

    /// Whether small segments leave although data are unacknowledged (RFC 9293 3.7.4, MUST-17).
    ///
    /// # Errors
    /// That the connection is gone.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0
            .act(|host, now, id| host.set_nodelay(now, id, nodelay))
    }

    /// Turns probes of an idle connection on or off (RFC 9293 3.8.4, MUST-24).
    ///
    /// # Errors
    /// That the connection is gone.
    pub fn set_keep_alive(&self, keep_alive: Option<KeepAlive>) -> io::Result<()> {
        self.0
            .act(|host, now, id| host.set_keep_alive(now, id, keep_alive))
    }

    /// Sets R2: how long data may stay unanswered (RFC 9293 3.8.3, MUST-21).
    ///
    /// # Errors
    /// That the connection is gone.
    pub fn set_user_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.0
            .act(|host, now, id| host.set_user_timeout(now, id, timeout))
    }

    /// Sets TTL or hop limit (RFC 9293 3.9.2, MUST-49).
    ///
    /// # Errors
    /// That the connection is gone.
    pub fn set_hop_limit(&self, hop_limit: u8) -> io::Result<()> {
        self.0.act(|host, _, id| host.set_hop_limit(id, hop_limit))
    }

    /// Sets the Differentiated Services Code Point (RFC 9293 3.9.2, MUST-48).
    ///
    /// # Errors
    /// That the connection is gone.
    pub fn set_dscp(&self, dscp: u8) -> io::Result<()> {
        self.0.act(|host, _, id| host.set_dscp(id, dscp))
    }

    /// One half to read and one to write, for two tasks.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        (OwnedReadHalf(Arc::clone(&self.0)), OwnedWriteHalf(self.0))
    }
}

impl Socket {
    fn act(
        &self,
        act: impl FnOnce(&mut Host, Duration, SocketId) -> Result<(), Error>,
    ) -> io::Result<()> {
        let shared = self.net.shared();
        let mut inner = shared.lock();
        act(&mut inner.host, shared.now(), self.id)?;
        inner.wake_driver();
        Ok(())
    }

    fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.net.shared().lock();
        inner.alive()?;
        match inner.state(self.id) {
            State::SynSent | State::SynReceived => inner.wait(self.id, Side::Writer, cx.waker()),
            State::Closed => Poll::Ready(Err(why_closed(&inner, self.id))),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let shared = self.net.shared();
        let mut inner = shared.lock();
        let connection = inner.host.connection(self.id).ok_or(Error::MisuseGone)?;
        let (first, rest) = connection.unread();
        if !first.is_empty() {
            let head = first.len().min(buffer.remaining());
            buffer.put_slice(&first[..head]);
            let tail = rest.len().min(buffer.remaining());
            buffer.put_slice(&rest[..tail]);
            inner.host.consume(shared.now(), self.id, head + tail)?;
            // The window may open.
            inner.wake_driver();
            return Poll::Ready(Ok(()));
        }
        if connection.at_end() {
            return Poll::Ready(Ok(()));
        }
        if connection.state() == State::Closed {
            return Poll::Ready(Err(why_closed(&inner, self.id)));
        }
        inner.alive()?;
        inner.wait(self.id, Side::Reader, cx.waker())
    }

    fn poll_write(&self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let shared = self.net.shared();
        let mut inner = shared.lock();
        inner.alive()?;
        let taken = inner.host.send(shared.now(), self.id, octets)?;
        if taken == 0 && !octets.is_empty() {
            return inner.wait(self.id, Side::Writer, cx.waker());
        }
        inner.wake_driver();
        Poll::Ready(Ok(taken))
    }

    fn poll_shutdown(&self) -> Poll<io::Result<()>> {
        Poll::Ready(self.act(Host::close))
    }
}

/// What ended a connection, and in which words.
fn why_closed(inner: &Inner, id: SocketId) -> io::Error {
    let error = inner
        .host
        .connection(id)
        .and_then(netkit_tcp::Connection::error);
    // Without one the connection was taken back before the peer answered.
    let error = error.unwrap_or(netkit_tcp::Error::MisuseClosing);
    Error::Tcp(error).into()
}

impl Drop for Socket {
    fn drop(&mut self) {
        let shared = self.net.shared();
        let mut inner = shared.lock();
        inner.host.leave(shared.now(), self.id);
        inner.sockets.remove(&self.id);
        inner.wake_driver();
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read(cx, buffer)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown()
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends = format!("{} - {}", self.0.local, self.0.remote);
        f.debug_tuple("TcpStream").field(&ends).finish()
    }
}

/// The half of a [`TcpStream`] that reads.
pub struct OwnedReadHalf(Arc<Socket>);

/// The half of a [`TcpStream`] that writes; dropping it sends our FIN.
pub struct OwnedWriteHalf(Arc<Socket>);

impl AsyncRead for OwnedReadHalf {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read(cx, buffer)
    }
}

impl AsyncWrite for OwnedWriteHalf {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown()
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        let _ = self.0.poll_shutdown();
    }
}

impl fmt::Debug for OwnedReadHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedReadHalf")
            .field(&self.0.remote)
            .finish()
    }
}

impl fmt::Debug for OwnedWriteHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedWriteHalf")
            .field(&self.0.remote)
            .finish()
    }
}
