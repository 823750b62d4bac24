use super::{Inner, Net, TcpStream};
use crate::ListenerId;
use alloc::{
    sync::{Arc, Weak},
    vec::Vec,
};
use core::{
    fmt,
    future::poll_fn,
    net::SocketAddr,
    task::{Context, Poll},
};
use netkit_tcp::Backlog;
use std::io;

/// A port that listens. Clones share its connections; when the last is dropped, nobody listens any more
/// and those who were not accepted are reset.
#[derive(Clone)]
pub struct TcpListener(Arc<Listening>);

pub(super) struct Listening {
    net: Net,
    id: ListenerId,
    at: SocketAddr,
}

/// A listener that others may join.
pub(super) type Shared = Weak<Listening>;

impl TcpListener {
    pub(super) fn open_shared(net: &Net, at: SocketAddr, backlog: Backlog) -> io::Result<Self> {
        let known = {
            let inner = net.shared().lock();
            let all = inner.shared.iter().filter_map(Weak::upgrade);
            // Not inside the search: a last one to go locks the host.
            all.collect::<Vec<_>>()
        };
        if let Some(known) = known.into_iter().find(|listening| listening.at == at) {
            return Ok(Self(known));
        }
        let listener = Self::open(net, at, backlog)?;
        let mut inner = net.shared().lock();
        inner.shared.retain(|it| it.strong_count() > 0);
        inner.shared.push(Arc::downgrade(&listener.0));
        drop(inner);
        Ok(listener)
    }

    pub(super) fn open(net: &Net, at: SocketAddr, backlog: Backlog) -> io::Result<Self> {
        let mut inner = net.shared().lock();
        inner.alive()?;
        let (id, at) = inner.host.listen(at, backlog)?;
        inner.listeners.insert(id, Vec::new());
        drop(inner);
        let net = net.clone();
        Ok(Self(Arc::new(Listening { net, id, at })))
    }

    /// The next connection that is established, and its peer.
    ///
    /// # Errors
    /// That the host's driver has ended.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// The same, to be polled.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let Listening { net, id, .. } = &*self.0;
        let mut inner = net.shared().lock();
        inner.alive()?;
        let Inner {
            host, listeners, ..
        } = &mut *inner;
        if let Some(socket) = host.accept(net.shared().now(), *id) {
            let peer = TcpStream::accepted(net, socket, host);
            inner.wake_driver();
            return Poll::Ready(Ok(peer));
        }
        let waiting = listeners.entry(*id).or_default();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.at
    }

    /// Sets TTL or hop limit and DSCP of the connections that are accepted from now on: see
    /// [`Host::set_listener_fields`](crate::Host::set_listener_fields).
    ///
    /// # Errors
    /// That the listener is gone.
    pub fn set_fields(&self, hop_limit: u8, dscp: u8) -> io::Result<()> {
        let mut inner = self.0.net.shared().lock();
        Ok(inner.host.set_listener_fields(self.0.id, hop_limit, dscp)?)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let shared = self.net.shared();
        let mut inner = shared.lock();
        inner.host.unlisten(shared.now(), self.id);
        inner.listeners.remove(&self.id);
        inner.wake_driver();
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TcpListener").field(&self.0.at).finish()
    }
}
