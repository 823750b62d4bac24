//! HTTP/1.1 without TLS, both sides over a stream in memory: request and response, head and chunks, in both
//! directions, on one connection in one thread.
//!
//! hyper is its connections, driven as its documentation has it. netkit's side is the same work on its
//! machines, `Client` and `Server`, joined to the stream by the few lines below: what hyper is to be compared
//! with is the codec, and `netkit`'s client and server have rows of their own (`https/keep-alive`).

use crate::{
    measure::{Bench, Contest, Unit},
    streams::runtime,
};
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::{
    Request, Response,
    body::{Body as _, Bytes, Frame, Incoming},
    client::conn::http1::SendRequest,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use netkit_core::Inbox;
use netkit_http::{BodyLength, Client, Event, NO_FIELDS, RequestLine, Server, Slot, Status};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// Octets of each chunk, and chunks of each body.
const BODIES: [(usize, usize); 3] = [(0, 0), (64, 16), (1024, 16)];

/// What the stream holds.
const ROOM: usize = 64 * 1024;

pub fn run(bench: &mut Bench) {
    for (size, count) in BODIES {
        let name = &match size {
            0 => "exchange/heads".to_owned(),
            size => format!("exchange/chunks/{count}x{size}"),
        };
        if bench.wants(name) {
            compare(bench, name, Content { size, count });
        }
    }
}

/// What both directions carry.
#[derive(Clone, Copy)]
struct Content {
    size: usize,
    count: usize,
}

const CHUNK: &[u8] = &[b'a'; 1024];

const FIELDS: [(&str, &str); 3] = [
    ("User-Agent", "bench/1"),
    ("Accept", "*/*"),
    ("Content-Type", "application/octet-stream"),
];

fn compare(bench: &mut Bench, name: &str, content: Content) {
    let runtime = runtime();
    let (mut ours, mut theirs) =
        runtime.block_on(async { (Ours::new(content), Theirs::new(content).await) });
    let contest = Contest {
        name,
        peer: "hyper",
        unit: Unit::Time,
    };
    bench.run(
        &contest,
        |times| {
            runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..times {
                    ours.ask().await;
                }
                start.elapsed()
            })
        },
        |times| runtime.block_on(theirs.ask(times)),
    );
}

/// netkit's client; its server is a task.
struct Ours {
    stream: DuplexStream,
    client: Client,
    content: Content,
    inbox: Inbox,
    out: Vec<u8>,
}

impl Ours {
    fn new(content: Content) -> Self {
        let (stream, far) = duplex(ROOM);
        tokio::spawn(serve(far, content));
        Self {
            stream,
            client: Client::default(),
            content,
            inbox: Inbox::new(),
            out: Vec::new(),
        }
    }

    async fn ask(&mut self) {
        let Self {
            stream,
            client,
            content,
            inbox,
            out,
        } = self;
        let line = RequestLine::new("POST", "/echo?q=1");
        let fields = FIELDS.into_iter().chain([("Host", "localhost")]);
        if client
            .send_head(line, fields, content.length(), out)
            .expect("a request")
        {
            for _ in 0..content.count {
                let behind = client.send_data(content.size as u64, out).expect("a chunk");
                out.extend_from_slice(&CHUNK[..content.size]);
                out.extend_from_slice(behind);
            }
            client.send_end(NO_FIELDS, out).expect("an end");
        }
        stream.write_all(out).await.expect("a stream");
        out.clear();
        let (mut slots, mut total) = ([Slot::default(); 64], 0);
        loop {
            let step = client.recv(inbox.unread(), &mut slots).expect("a response");
            let used = step.used;
            let more = match step.event {
                Event::Data(data) => {
                    total += data.len();
                    false
                }
                Event::Head(head) => {
                    assert_eq!(head.status, Status::OK);
                    false
                }
                Event::End => {
                    inbox.consume(used);
                    assert_eq!(total, content.size * content.count);
                    return;
                }
                _ => true,
            };
            inbox.consume(used);
            if more {
                fill(stream, inbox).await;
            }
        }
    }
}

impl Content {
    const fn length(self) -> BodyLength {
        match self.size {
            0 => BodyLength::None,
            _ => BodyLength::Chunked,
        }
    }
}

/// Reads once; whether the stream goes on.
async fn fill(stream: &mut DuplexStream, inbox: &mut Inbox) -> bool {
    let count = stream.read(inbox.space(8 * 1024)).await.expect("a stream");
    inbox.filled(count);
    count > 0
}

async fn serve(mut stream: DuplexStream, content: Content) {
    let (mut server, mut inbox, mut out) = (Server::default(), Inbox::new(), Vec::new());
    let (mut slots, mut total) = ([Slot::default(); 64], 0);
    loop {
        let step = server.recv(inbox.unread(), &mut slots).expect("a request");
        let used = step.used;
        let mut more = false;
        match step.event {
            Event::Data(data) => total += data.len(),
            Event::Head(head) => assert_eq!(head.target, "/echo?q=1"),
            Event::End => {
                assert_eq!(std::mem::take(&mut total), content.size * content.count);
                answer(&mut server, content, &mut out);
                stream.write_all(&out).await.expect("a stream");
                out.clear();
            }
            _ => more = true,
        }
        inbox.consume(used);
        if more && !fill(&mut stream, &mut inbox).await {
            return;
        }
    }
}

fn answer(server: &mut Server, content: Content, out: &mut Vec<u8>) {
    let date = [("Date", "Mon, 23 Nov 2026 03:00:00 GMT")];
    let fields = FIELDS.into_iter().chain(date);
    if server
        .send_head(Status::OK, fields, content.length(), out)
        .expect("a response")
    {
        for _ in 0..content.count {
            let behind = server.send_data(content.size as u64, out).expect("a chunk");
            out.extend_from_slice(&CHUNK[..content.size]);
            out.extend_from_slice(behind);
        }
        server.send_end(NO_FIELDS, out).expect("an end");
    }
}

/// Chunks that are there at once.
struct Chunks(Content);

impl futures_core::Stream for Chunks {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(left) = self.0.count.checked_sub(1) else {
            return Poll::Ready(None);
        };
        self.0.count = left;
        let chunk = Bytes::from_static(&CHUNK[..self.0.size]);
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }
}

type TheirBody = BoxBody<Bytes, Infallible>;

fn their_body(content: Content) -> TheirBody {
    match content.size {
        0 => http_body_util::Empty::new().boxed(),
        _ => StreamBody::new(Chunks(content)).boxed(),
    }
}

struct Theirs {
    sender: SendRequest<TheirBody>,
    content: Content,
}

async fn drained(mut body: Incoming) -> usize {
    let mut total = 0;
    while !body.is_end_stream()
        && let Some(frame) = body.frame().await
    {
        total += frame.expect("a frame").data_ref().map_or(0, Bytes::len);
    }
    total
}

impl Theirs {
    async fn new(content: Content) -> Self {
        let (near, far) = duplex(ROOM);
        let answer = service_fn(move |request: Request<Incoming>| async move {
            assert_eq!(request.uri(), "/echo?q=1");
            let total = drained(request.into_body()).await;
            assert_eq!(total, content.size * content.count);
            let mut response = Response::builder();
            for (name, value) in FIELDS {
                response = response.header(name, value);
            }
            Ok::<_, Infallible>(response.body(their_body(content)).expect("a response"))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(far), answer));
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(near)).await;
        let (sender, connection) = handshake.expect("a connection");
        tokio::spawn(connection);
        Self { sender, content }
    }

    async fn ask(&mut self, times: u64) -> Duration {
        let start = Instant::now();
        for _ in 0..times {
            self.sender.ready().await.expect("a connection");
            let mut request = Request::post("/echo?q=1").header("Host", "localhost");
            for (name, value) in FIELDS {
                request = request.header(name, value);
            }
            let request = request.body(their_body(self.content)).expect("a request");
            let response = self.sender.send_request(request).await.expect("a response");
            let total = drained(response.into_body()).await;
            assert_eq!(total, self.content.size * self.content.count);
        }
        start.elapsed()
    }
}
