//! A transport, with a copy of every octet that passes.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use netkit::sim::Host;
use netkit::tls::ContentType;
use netkit::{Doing, Listener, Stream, Transport};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What passed one connection.
#[derive(Debug, Default, Clone)]
pub(crate) struct Passed {
    pub(crate) out: Vec<u8>,
    pub(crate) back: Vec<u8>,
}

type Wire = Arc<Mutex<Passed>>;

/// A host that keeps what its streams carry. For a demonstration: it holds all of it.
#[derive(Debug, Clone)]
pub(crate) struct Tap {
    host: Host,
    wires: Arc<Mutex<Vec<Wire>>>,
}

impl Tap {
    pub(crate) fn over(host: &Host) -> Self {
        Self {
            host: host.clone(),
            wires: Arc::default(),
        }
    }

    /// One entry a connection, in the order they were dialled.
    pub(crate) fn passed(&self) -> Vec<Passed> {
        locked(&self.wires)
            .iter()
            .map(|wire| locked(wire).clone())
            .collect()
    }
}

impl Transport for Tap {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Doing<'a, Vec<SocketAddr>> {
        self.host.resolve(host, port)
    }

    fn connect(&self, to: SocketAddr) -> Doing<'_, Box<dyn Stream>> {
        Box::pin(async move {
            let inner = self.host.connect(to).await?;
            let wire = Wire::default();
            locked(&self.wires).push(Arc::clone(&wire));
            Ok(Box::new(Tapped { inner, wire }) as Box<dyn Stream>)
        })
    }

    fn listen(&self, at: SocketAddr, share: bool) -> io::Result<Box<dyn Listener>> {
        self.host.listen(at, share)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Tapped {
    inner: Box<dyn Stream>,
    wire: Wire,
}

impl Stream for Tapped {
    fn local_addr(&self) -> Option<SocketAddr> {
        self.inner.local_addr()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.inner.peer_addr()
    }
}

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        locked(&self.wire)
            .back
            .extend_from_slice(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        locked(&self.wire).out.extend_from_slice(&buf[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A TLS record as anyone on the way sees it (RFC 9846 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) content_type: u8,
    /// Octets after the header.
    pub(crate) length: usize,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = ContentType(self.content_type);
        write!(f, "{kind} record, {RECORD_HEADER} + {} octets", self.length)
    }
}

/// RFC 9846 5.1: content type, legacy version, length.
pub(crate) const RECORD_HEADER: usize = 5;

/// The whole records in `octets`; nothing if something is left over.
pub(crate) fn records(mut octets: &[u8]) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    while let Some((header, rest)) = octets.split_first_chunk::<RECORD_HEADER>() {
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        octets = rest.get(length..)?;
        records.push(Record {
            content_type: header[0],
            length,
        });
    }
    octets.is_empty().then_some(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_cut_at_their_lengths() {
        let wire = [22, 3, 1, 0, 2, 9, 9, 20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 0];
        let cut = records(&wire).unwrap();
        let record = |content_type, length| Record {
            content_type,
            length,
        };
        assert_eq!(cut, [record(22, 2), record(20, 1), record(23, 0)]);
        assert_eq!(records(&[]), Some(Vec::new()));
        for short in 1..wire.len() {
            let whole = [7, 13].contains(&short);
            assert_eq!(records(&wire[..short]).is_some(), whole, "{short}");
        }
    }
}
