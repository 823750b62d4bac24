//! Two thousand slow peers at once end by their timers, while others are served. In memory: no system has to
//! lend four thousand descriptors.

mod support;

use netkit::{
    Body, Doing, Listener, Server, ServerTimeouts, Stream, Transport,
    http::{Request, Response},
};
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use support::LOOPBACK;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    sync::mpsc,
    task::JoinSet,
};

const SLOW: usize = 2000;
const KINDS: usize = 5;
const TIMER: Duration = Duration::from_millis(600);

/// One end of a pipe.
struct End(DuplexStream);

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for End {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Stream for End {
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }
}

/// What was dialled, on its way to whoever listens.
struct Dialled(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for Dialled {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Box<dyn Stream>>> {
        match ready!(self.0.poll_recv(cx)) {
            Some(end) => Poll::Ready(Ok(Box::new(End(end)))),
            None => Poll::Pending,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(LOOPBACK)
    }
}

/// Listens once.
struct Pipes(Mutex<Option<Dialled>>);

impl Transport for Pipes {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Doing<'a, Vec<SocketAddr>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn connect(&self, _: SocketAddr) -> Doing<'_, Box<dyn Stream>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn listen(&self, _: SocketAddr, _: bool) -> io::Result<Box<dyn Listener>> {
        let dialled = self.0.lock().unwrap().take();
        Ok(Box::new(dialled.ok_or(io::ErrorKind::AddrInUse)?))
    }
}

async fn length(request: Request<Body>) -> Result<Response<Body>, netkit::Error> {
    let body = request.into_body().collect(1 << 20).await?;
    Ok(Response::new(Body::from(body.len().to_string())))
}

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// Dials, and says what its kind says; what it heard until the end, and when that was.
async fn slow(kind: usize, mut end: DuplexStream) -> (usize, String, Duration) {
    let start = Instant::now();
    let kind = kind % KINDS;
    let begins = match kind {
        0 => "",
        1 => GET,
        2 => "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf",
        3 => "GET / HTTP/1.1\r\nHost: ",
        _ => "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n",
    };
    end.write_all(begins.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    if kind >= 3 {
        // An octet now and then does not buy a head more time, nor a body.
        while end.write_all(b"h").await.is_ok() {
            let some = tokio::time::timeout(TIMER / 4, end.read_buf(&mut heard)).await;
            if some.is_ok() {
                break;
            }
        }
    }
    let _ = end.read_to_end(&mut heard).await;
    let heard = String::from_utf8(heard).unwrap();
    (kind, heard, start.elapsed())
}

#[tokio::test]
async fn two_thousand_slow_peers_end_by_their_timers_while_others_are_served() {
    let (dial, dialled) = mpsc::unbounded_channel();
    let timeouts = ServerTimeouts {
        request_head: TIMER,
        request_body: TIMER,
        idle: TIMER,
        ..ServerTimeouts::default()
    };
    let server = Server::http()
        .timeouts(timeouts)
        .transport(Pipes(Mutex::new(Some(Dialled(dialled)))));
    tokio::spawn(server.bind(LOOPBACK).unwrap().serve(length));
    let new = || {
        let (ours, theirs) = duplex(4096);
        dial.send(theirs).unwrap();
        ours
    };
    let mut peers: JoinSet<_> = (0..SLOW).map(|kind| slow(kind, new())).collect();

    let over = AtomicBool::new(false);
    let others = async {
        let mut served = 0;
        let mut longest = Duration::ZERO;
        while !over.load(Ordering::Relaxed) {
            let mut end = new();
            for _ in 0..10 {
                let start = Instant::now();
                end.write_all(GET.as_bytes()).await.unwrap();
                let mut answer = [0; 512];
                let count = end.read(&mut answer).await.unwrap();
                assert!(answer[..count].starts_with(b"HTTP/1.1 200 OK\r\n"));
                longest = longest.max(start.elapsed());
                served += 1;
                tokio::task::yield_now().await;
            }
        }
        (served, longest)
    };
    let ended = async {
        while let Some(peer) = peers.join_next().await {
            let (kind, heard, took) = peer.unwrap();
            match kind {
                // Nobody has asked for anything yet: there is nothing to answer.
                0 | 3 => assert_eq!(heard, ""),
                1 => assert!(heard.starts_with("HTTP/1.1 200 OK\r\n"), "{heard}"),
                _ => assert!(heard.starts_with("HTTP/1.1 408 "), "{heard}"),
            }
            assert!(took >= TIMER, "{kind} {took:?}");
            assert!(took < 20 * TIMER, "{kind} {took:?}");
        }
        over.store(true, Ordering::Relaxed);
    };
    let ((served, longest), ()) = tokio::join!(others, ended);
    assert!(served >= 20, "{served}");
    assert!(longest < 5 * TIMER, "{longest:?}");
}
