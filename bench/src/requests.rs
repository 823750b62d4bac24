//! HTTPS over loopback with keep-alive: client and server share one thread, so an exchange costs what
//! both spend on it.
//!
//! The peer is hyper's connections on tokio-rustls: one connection a task, no pool, no timeout but that
//! of a request's head. netkit's side is `Client` and `Server` as users meet them: from URL to origin,
//! a pool, a timeout for each stage, the connection's story in every response.

use crate::{
    measure::{Bench, Contest, Unit},
    parties::{Parties, SUITES, name},
    streams::runtime,
};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{client::conn::http1::SendRequest, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use netkit::{
    Body, Bytes, Client, Server,
    http::{Request, Response, StatusCode, Uri},
};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const BODY: &str = "hello, world";
const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

pub fn run(bench: &mut Bench) {
    for connections in [1, 32] {
        let name = &format!("https/keep-alive/{connections}");
        if bench.wants(name) {
            compare(bench, name, connections);
        }
    }
}

fn compare(bench: &mut Bench, name: &str, connections: usize) {
    // A turn keeps every connection busy for a while.
    let exchanges = 4 * connections as u64;
    let (parties, runtime) = (Parties::new(), runtime());
    let (mut ours, mut theirs) = runtime.block_on(async {
        let ours = Ours::new(&parties, our_server(&parties), connections);
        let at = their_server(&parties).await;
        let mut theirs = Vec::new();
        for _ in 0..connections {
            theirs.push(Theirs::new(&parties, at).await);
        }
        let mut ours = vec![ours; connections];
        // Opens the connections that the pool is to hold.
        share(exchanges, &mut ours).await;
        (ours, theirs)
    });
    let contest = Contest {
        name,
        peer: "hyper, rustls",
        unit: Unit::Rate(exchanges),
    };
    bench.run(
        &contest,
        |times| runtime.block_on(share(times * exchanges, &mut ours)),
        |times| runtime.block_on(share(times * exchanges, &mut theirs)),
    );
}

/// Who makes one exchange after the other.
trait Asks: Send + 'static {
    fn ask(&mut self) -> impl Future<Output = ()> + Send;
}

/// Makes `times` exchanges, each of `askers` in a task of its own.
async fn share<A: Asks>(times: u64, askers: &mut Vec<A>) -> Duration {
    let made = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let tasks: Vec<_> = askers
        .drain(..)
        .map(|mut asker| {
            let made = Arc::clone(&made);
            tokio::spawn(async move {
                while made.fetch_add(1, Relaxed) < times {
                    asker.ask().await;
                }
                asker
            })
        })
        .collect();
    for task in tasks {
        askers.push(task.await.expect("every exchange succeeds"));
    }
    start.elapsed()
}

#[derive(Clone)]
struct Ours {
    client: Client,
    uri: Uri,
}

impl Ours {
    fn new(parties: &Parties, at: SocketAddr, connections: usize) -> Self {
        let client = Client::builder()
            .tls(parties.our_client(&SUITES[0]))
            .idle_per_host(connections)
            .build();
        Self {
            client: client.expect("a client"),
            uri: format!("https://localhost:{}/", at.port())
                .parse()
                .expect("a URL"),
        }
    }
}

impl Asks for Ours {
    async fn ask(&mut self) {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = self.uri.clone();
        let response = self.client.request(request).await.expect("a response");
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect(100).await.expect("a body");
        assert_eq!(body, BODY);
    }
}

fn our_server(parties: &Parties) -> SocketAddr {
    let server = Server::https_with(parties.our_server(&SUITES[0]));
    let bound = server.bind(LOOPBACK).expect("a port");
    let at = bound.local_addr();
    tokio::spawn(
        bound.serve(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::from(BODY)))),
    );
    at
}

struct Theirs(SendRequest<Empty<Bytes>>);

impl Theirs {
    async fn new(parties: &Parties, at: SocketAddr) -> Self {
        let stream = TcpStream::connect(at).await.expect("connects");
        stream.set_nodelay(true).expect("an option of TCP");
        let connector = TlsConnector::from(parties.their_client(&SUITES[0]));
        let stream = connector.connect(name(), stream).await;
        let stream = TokioIo::new(stream.expect("a handshake"));
        let handshake = hyper::client::conn::http1::handshake(stream).await;
        let (sender, connection) = handshake.expect("a connection");
        tokio::spawn(connection);
        Self(sender)
    }
}

impl Asks for Theirs {
    async fn ask(&mut self) {
        self.0.ready().await.expect("a connection");
        let request = Request::get("/")
            .header("host", "localhost")
            .body(Empty::new())
            .expect("a request");
        let response = self.0.send_request(request).await.expect("a response");
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await.expect("a body");
        assert_eq!(body.to_bytes(), BODY);
    }
}

async fn their_server(parties: &Parties) -> SocketAddr {
    let acceptor = TlsAcceptor::from(parties.their_server(&SUITES[0]));
    let listener = TcpListener::bind(LOOPBACK).await.expect("a port");
    let at = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("an option of TCP");
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.expect("a handshake");
                let answer = service_fn(async |_| {
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(
                        BODY.as_bytes(),
                    ))))
                });
                http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), answer)
                    .await
                    .expect("requests until the end");
            });
        }
    });
    at
}
