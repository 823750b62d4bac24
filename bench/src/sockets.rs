//! WebSocket: a client sends a message, a server sends it back, both in one thread over a pipe in memory
//! that no side waits for.
//!
//! The peers are driven as their own documents drive them: tungstenite on `Read` and `Write`,
//! fastwebsockets on tokio's traits, whose futures are ready at once here.

use crate::{
    measure::{Bench, Contest, Unit, timed},
    parties::content,
};
use fastwebsockets::{Frame, Payload};
use netkit::Bytes;
use netkit_core::Inbox;
use netkit_ws::{Connection, Event, Kind, Limits, handshake::Agreed};
use rand_core::UnwrapErr;
use std::{
    cell::RefCell,
    hint::black_box,
    io::{self, IoSlice, Read, Write},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::{
    Message,
    protocol::{Role, WebSocketConfig},
};

pub fn run(bench: &mut Bench) {
    for size in [1024, 16 * 1024] {
        mask(bench, size);
    }
    for (label, size) in [
        ("echo/64", 64),
        ("echo/1K", 1024),
        ("echo/64K", 64 * 1024),
        ("echo/1M", 1024 * 1024),
        ("whole/1M", 1024 * 1024),
    ] {
        echo(bench, label, size);
    }
}

fn echo(bench: &mut Bench, label: &str, size: usize) {
    let name = &format!("ws/{label}");
    if !bench.wants(name) {
        return;
    }
    let (content, gathers) = (content(size), label.starts_with("whole"));
    let contest = |peer| Contest {
        name,
        peer,
        unit: Unit::Octets(size),
    };
    let (mut ours, mut theirs) = (Pair::ours(gathers), Pair::tungstenite(size));
    race(
        bench,
        &contest("tungstenite"),
        &content,
        &mut ours,
        &mut theirs,
    );
    let (mut ours, mut theirs) = (Pair::ours(gathers), Pair::fastwebsockets());
    race(
        bench,
        &contest("fastwebsockets"),
        &content,
        &mut ours,
        &mut theirs,
    );
}

/// A payload unmasked where it is, against a copy of it.
fn mask(bench: &mut Bench, size: usize) {
    let name = &format!("ws/unmask/{size}");
    if !bench.wants(name) {
        return;
    }
    let (mut payload, mut copy) = (content(size), vec![0; size]);
    let source = payload.clone();
    let mut client = client();
    let key = client.head(Kind::Binary, &[&payload], true, &mut Vec::new());
    let key = key.expect("open");
    let ours = |times| {
        timed(|| {
            for _ in 0..times {
                let mut mask = black_box(key);
                mask.apply(black_box(&mut payload));
            }
        })
    };
    let theirs = |times| {
        timed(|| {
            for _ in 0..times {
                black_box(&mut copy).copy_from_slice(black_box(&source));
            }
        })
    };
    let contest = Contest {
        name,
        peer: "memcpy",
        unit: Unit::Octets(size),
    };
    bench.run(&contest, ours, theirs);
}

fn race<A: Echo, B: Echo>(
    bench: &mut Bench,
    contest: &Contest<'_>,
    content: &[u8],
    ours: &mut Pair<A>,
    theirs: &mut Pair<B>,
) {
    let shared = Bytes::copy_from_slice(content);
    assert!(ours.echo(&shared), "our echo differs");
    assert!(theirs.echo(&shared), "the peer's echo differs");
    bench.run(
        contest,
        |times| ours.run(times, &shared),
        |times| theirs.run(times, &shared),
    );
}

/// One side of a connection.
trait Echo {
    /// Sends a message.
    fn say(&mut self, content: &Bytes);
    /// Waits for a message, and sends it back.
    fn echo(&mut self);
    /// Waits for a message, whole; whether it is `content`, or, if that is not to be compared, as long.
    fn hear(&mut self, content: &Bytes, compare: bool) -> bool;
}

struct Pair<S> {
    client: S,
    server: S,
}

impl<S: Echo> Pair<S> {
    fn echo(&mut self, content: &Bytes) -> bool {
        self.client.say(content);
        self.server.echo();
        self.client.hear(content, true)
    }

    fn run(&mut self, times: u64, content: &Bytes) -> std::time::Duration {
        timed(|| {
            for _ in 0..times {
                self.client.say(content);
                self.server.echo();
                assert!(self.client.hear(content, false), "another length");
            }
        })
    }
}

/// One direction: written octets wait to be read.
#[derive(Default)]
struct Direction {
    octets: Vec<u8>,
    read: usize,
}

/// Octets that the pipe copies at once. The C library copies more of them with an instruction that on some
/// processors is tens of times slower for some alignments: chance would decide the race.
const PIECE: usize = 2048;

impl Direction {
    fn write(&mut self, octets: &[u8]) -> usize {
        self.octets.reserve(octets.len());
        for piece in octets.chunks(PIECE) {
            self.octets.extend_from_slice(piece);
        }
        octets.len()
    }

    /// Up to so many octets, in pieces.
    fn read(&mut self, most: usize, mut take: impl FnMut(&[u8])) {
        let waiting = &self.octets[self.read..];
        let waiting = &waiting[..waiting.len().min(most)];
        waiting.chunks(PIECE).for_each(&mut take);
        self.read += waiting.len();
        if self.read == self.octets.len() {
            self.octets.clear();
            self.read = 0;
        }
    }
}

/// One end of a pipe.
struct End {
    incoming: Rc<RefCell<Direction>>,
    outgoing: Rc<RefCell<Direction>>,
}

fn pipe() -> [End; 2] {
    let (there, back) = <(Rc<RefCell<Direction>>, Rc<RefCell<Direction>>)>::default();
    [
        End {
            incoming: Rc::clone(&back),
            outgoing: Rc::clone(&there),
        },
        End {
            incoming: there,
            outgoing: back,
        },
    ]
}

impl Read for End {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut count = 0;
        self.incoming.borrow_mut().read(room.len(), |piece| {
            room[count..count + piece.len()].copy_from_slice(piece);
            count += piece.len();
        });
        match count {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for End {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Ok(self.outgoing.borrow_mut().write(octets))
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut outgoing = self.outgoing.borrow_mut();
        Ok(parts.iter().map(|part| outgoing.write(part)).sum())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = room.remaining();
        let mut incoming = self.incoming.borrow_mut();
        incoming.read(most, |piece| room.put_slice(piece));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(octets))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write_vectored(parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// netkit's machine and the buffers that its owner keeps.
struct Ours {
    machine: Connection,
    inbox: Inbox,
    inflated: Vec<u8>,
    out: Vec<u8>,
    /// What came of a message, where it has to be whole.
    message: Vec<u8>,
    gathers: bool,
    end: End,
}

/// Octets to read at once, as tungstenite reads.
const READ: usize = 128 * 1024;

fn client() -> Connection {
    let random = Box::new(UnwrapErr(getrandom::SysRng));
    Connection::client(&Agreed::default(), Limits::default(), random)
}

impl Pair<Ours> {
    /// Both sides keep a message until it is whole, or take it as it comes.
    fn ours(gathers: bool) -> Self {
        let [client_end, server_end] = pipe();
        let side = |machine, end| Ours {
            machine,
            inbox: Inbox::new(),
            inflated: Vec::new(),
            out: Vec::new(),
            message: Vec::new(),
            gathers,
            end,
        };
        let server = Connection::server(&Agreed::default(), Limits::default());
        Self {
            client: side(client(), client_end),
            server: side(server, server_end),
        }
    }
}

/// Sends a server's frame: its head is written in front of octets that stay where they are.
fn frame(
    machine: &mut Connection,
    end: &mut End,
    out: &mut Vec<u8>,
    (octets, last): (&mut [u8], bool),
) {
    out.clear();
    let mask = machine.head(Kind::Binary, &[octets], last, out);
    mask.expect("open").apply(octets);
    let written = end.write_vectored(&[IoSlice::new(out), IoSlice::new(octets)]);
    assert_eq!(written.expect("a pipe"), out.len() + octets.len());
}

impl Ours {
    /// Waits for a message: `take` is lent it whole or in pieces, and whether that is the last.
    fn recv(
        &mut self,
        mut take: impl FnMut(&mut Connection, &mut End, &mut Vec<u8>, (&mut [u8], bool)),
    ) {
        let Self {
            machine,
            inbox,
            inflated,
            out,
            message,
            gathers,
            end,
        } = self;
        let mut short = false;
        loop {
            if short || inbox.is_empty() {
                let count = end.read(inbox.space(READ)).expect("something was sent");
                inbox.filled(count);
            }
            let step = machine.recv(inbox.unread(), inflated, out);
            let step = step.expect("no rule is broken");
            let used = step.used;
            short = step.event == Event::NeedData;
            let over = match step.event {
                Event::Data { bytes, last, .. } if *gathers && !(last && message.is_empty()) => {
                    message.extend_from_slice(bytes);
                    if last {
                        take(machine, end, out, (message, true));
                        message.clear();
                    }
                    last
                }
                Event::Data { bytes, last, .. } => {
                    take(machine, end, out, (bytes, last));
                    last
                }
                Event::NeedData => false,
                other => panic!("{other:?} instead of data"),
            };
            inbox.consume(used);
            if over {
                return;
            }
        }
    }
}

impl Echo for Ours {
    fn say(&mut self, content: &Bytes) {
        self.out.clear();
        let sent = self
            .machine
            .send(Kind::Binary, &[content], true, &mut self.out);
        sent.expect("open");
        self.end.write_all(&self.out).expect("a pipe");
    }

    fn echo(&mut self) {
        self.recv(frame);
    }

    fn hear(&mut self, content: &Bytes, compare: bool) -> bool {
        let (mut length, mut same) = (0, true);
        self.recv(|_, _, _, (bytes, _)| {
            same &= !compare || content[length..].starts_with(bytes);
            length += bytes.len();
        });
        same && length == content.len()
    }
}

struct Tungstenite(tungstenite::WebSocket<End>);

impl Pair<Tungstenite> {
    /// It clears its buffer before each read: for short messages it is given a short one.
    fn tungstenite(size: usize) -> Self {
        let [client, server] = pipe();
        let room = if size <= 1024 { 4096 } else { READ };
        let config = WebSocketConfig::default().read_buffer_size(room);
        let side = |end, role| {
            Tungstenite(tungstenite::WebSocket::from_raw_socket(
                end,
                role,
                Some(config),
            ))
        };
        Self {
            client: side(client, Role::Client),
            server: side(server, Role::Server),
        }
    }
}

impl Echo for Tungstenite {
    fn say(&mut self, content: &Bytes) {
        self.0.send(Message::Binary(content.clone())).expect("open");
    }

    fn echo(&mut self) {
        let message = self.0.read().expect("a message");
        self.0.send(message).expect("open");
    }

    fn hear(&mut self, content: &Bytes, compare: bool) -> bool {
        let message = self.0.read().expect("a message");
        message.len() == content.len() && (!compare || message.into_data() == *content)
    }
}

struct FastWebSockets(fastwebsockets::WebSocket<End>);

impl Pair<FastWebSockets> {
    fn fastwebsockets() -> Self {
        let [client, server] = pipe();
        let side =
            |end, role| FastWebSockets(fastwebsockets::WebSocket::after_handshake(end, role));
        Self {
            client: side(client, fastwebsockets::Role::Client),
            server: side(server, fastwebsockets::Role::Server),
        }
    }
}

/// What a future comes to that never waits.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the pipe never lets anybody wait"),
    }
}

impl Echo for FastWebSockets {
    fn say(&mut self, content: &Bytes) {
        let frame = Frame::binary(Payload::Borrowed(content));
        at_once(self.0.write_frame(frame)).expect("open");
    }

    fn echo(&mut self) {
        at_once(async {
            let frame = self.0.read_frame().await.expect("a frame");
            let back = Frame::new(frame.fin, frame.opcode, None, frame.payload);
            self.0.write_frame(back).await.expect("open");
        });
    }

    fn hear(&mut self, content: &Bytes, compare: bool) -> bool {
        let frame = at_once(self.0.read_frame()).expect("a frame");
        frame.payload.len() == content.len() && (!compare || frame.payload == &content[..])
    }
}
