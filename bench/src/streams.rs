//! TLS streams on tokio, one thread for both ends: pieces of 64 KiB written, flushed at the end, and read.

use crate::{
    measure::{Bench, Contest, Unit},
    parties::{Parties, SUITES, content, name},
};
use netkit::TlsStream;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const PIECE: usize = 64 * 1024;

pub fn run(bench: &mut Bench) {
    let runtime = runtime();
    if bench.wants("stream/duplex") {
        let pairs = (duplex(PIECE), duplex(PIECE));
        compare(bench, &runtime, "stream/duplex", pairs);
    }
    if bench.wants("stream/loopback") {
        let pairs = runtime.block_on(async { (tcp_pair().await, tcp_pair().await) });
        compare(bench, &runtime, "stream/loopback", pairs);
    }
}

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("bound");
    let (client, server) = tokio::join!(TcpStream::connect(at), listener.accept());
    let (client, (server, _)) = (client.expect("connects"), server.expect("connects"));
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("an option of TCP");
    }
    (client, server)
}

/// `pairs` of streams: ours and theirs.
fn compare<S: AsyncRead + AsyncWrite + Unpin>(
    bench: &mut Bench,
    runtime: &Runtime,
    name: &str,
    (ours, theirs): ((S, S), (S, S)),
) {
    let (parties, suite) = (Parties::new(), &SUITES[0]);
    let (mut ours, mut theirs) = runtime.block_on(async {
        (
            our_lane(&parties, ours).await,
            their_lane(&parties, theirs).await,
        )
    });
    let contest = Contest {
        name: &format!("{name}/{}", suite.name),
        peer: "tokio-rustls",
        unit: Unit::Octets(PIECE),
    };
    bench.run(
        &contest,
        |times| runtime.block_on(ours.carry(times)),
        |times| runtime.block_on(theirs.carry(times)),
    );
}

async fn our_lane<S: AsyncRead + AsyncWrite + Unpin>(
    parties: &Parties,
    (client, server): (S, S),
) -> Lane<TlsStream<S>> {
    let suite = &SUITES[0];
    let (client, server) = tokio::join!(
        TlsStream::connect(client, Arc::new(parties.our_client(suite)), name()),
        TlsStream::accept(server, Arc::new(parties.our_server(suite))),
    );
    Lane::new(client.expect("a handshake"), server.expect("a handshake")).await
}

async fn their_lane<S: AsyncRead + AsyncWrite + Unpin>(
    parties: &Parties,
    (client, server): (S, S),
) -> Lane<tokio_rustls::TlsStream<S>> {
    let suite = &SUITES[0];
    let (client, server) = tokio::join!(
        TlsConnector::from(parties.their_client(suite)).connect(name(), client),
        TlsAcceptor::from(parties.their_server(suite)).accept(server),
    );
    let (client, server) = (client.expect("a handshake"), server.expect("a handshake"));
    Lane::new(client.into(), server.into()).await
}

/// Two connected streams; what goes in at one comes out at the other.
struct Lane<T> {
    writer: T,
    reader: T,
    body: Vec<u8>,
    room: Vec<u8>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Lane<T> {
    /// Shows first, both ways, that what comes out is what went in.
    async fn new(writer: T, reader: T) -> Self {
        let mut lane = Self {
            writer,
            reader,
            body: content(PIECE),
            room: vec![0; PIECE],
        };
        for _ in 0..2 {
            lane.check().await;
            std::mem::swap(&mut lane.writer, &mut lane.reader);
        }
        lane
    }

    async fn check(&mut self) {
        let (body, mut got) = (self.body.repeat(3), vec![0; 3 * PIECE]);
        let write = async {
            self.writer.write_all(&body).await.expect("writes");
            self.writer.flush().await.expect("writes");
        };
        let read = async {
            self.reader.read_exact(&mut got).await.expect("reads");
        };
        tokio::join!(write, read);
        assert!(got == body);
    }

    async fn carry(&mut self, pieces: u64) -> Duration {
        let Self {
            writer,
            reader,
            body,
            room,
        } = self;
        let start = Instant::now();
        let write = async {
            for _ in 0..pieces {
                writer.write_all(body).await.expect("writes");
            }
            writer.flush().await.expect("writes");
        };
        let read = async {
            let mut left = pieces as usize * PIECE;
            while left > 0 {
                let count = reader.read(room).await.expect("reads");
                assert!(count > 0, "the stream ended");
                left -= count;
            }
        };
        tokio::join!(write, read);
        start.elapsed()
    }
}
