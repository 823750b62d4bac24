//! Our own TCP/IP host as a transport.

use crate::{
    limits::BACKLOG,
    transport::{Doing, Listener, Stream, Transport},
};
use netkit_stack::{Net, TcpListener, TcpStream, tcp::Backlog};
use std::{
    io,
    net::SocketAddr,
    task::{Context, Poll, ready},
};

impl Transport for Net {
    /// The system's resolver, unless `host` is an address; of what it finds, the families that the host
    /// has an address of.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Doing<'a, Vec<SocketAddr>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, port)).await?;
            let families = self.with_host(|host, _| {
                let addresses = &host.config().addresses;
                let has = |four| addresses.iter().any(|it| it.address().is_ipv4() == four);
                (has(true), has(false))
            });
            let reachable = found.filter(|at| if at.is_ipv4() { families.0 } else { families.1 });
            Ok(reachable.collect())
        })
    }

    fn connect(&self, to: SocketAddr) -> Doing<'_, Box<dyn Stream>> {
        Box::pin(async move {
            let stream = Net::connect(self, to).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }

    fn listen(&self, at: SocketAddr, share: bool) -> io::Result<Box<dyn Listener>> {
        let backlog = Backlog {
            accept_queue: BACKLOG as usize,
            ..Backlog::default()
        };
        let listener = if share {
            self.listen_shared(at, backlog)?
        } else {
            Net::listen(self, at, backlog)?
        };
        Ok(Box::new(listener))
    }
}

impl Stream for TcpStream {
    fn local_addr(&self) -> Option<SocketAddr> {
        Some(Self::local_addr(self))
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        Some(Self::peer_addr(self))
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
        Ok(Self::local_addr(self))
    }
}
