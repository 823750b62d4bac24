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
use tungstenite::{Message, protocol::Role};

pub fn run(bench: &mut Bench) {
    for size in [1024, 16 * 1024] {
        mask(bench, size);
    }
    for (size, label) in [
        (64, "64"),
        (1024, "1K"),
        (64 * 1024, "64K"),
        (1024 * 1024, "1M"),
    ] {
        let content = content(size);
        let contest = |name, peer| Contest {
            name,
            peer,
            unit: Unit::Octets(size),
        };
        let name = &format!("ws/echo/{label}");
        if bench.wants(name) {
            let (mut ours, mut theirs) = (Pair::ours(), Pair::tungstenite());
            race(
                bench,
                &contest(name, "tungstenite"),
                &content,
                &mut ours,
                &mut theirs,
            );
            let (mut ours, mut theirs) = (Pair::ours(), Pair::fastwebsockets());
            race(
                bench,
                &contest(name, "fastwebsockets"),
                &content,
                &mut ours,
                &mut theirs,
            );
        }
    }
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
        let mut incoming = self.incoming.borrow_mut();
        let mut waiting = &incoming.octets[incoming.read..];
        let count = waiting.read(room)?;
        incoming.read += count;
        if incoming.read == incoming.octets.len() {
            incoming.octets.clear();
            incoming.read = 0;
        }
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(count)
    }
}

impl Write for End {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.outgoing.borrow_mut().octets.write(octets)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.outgoing.borrow_mut().octets.write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut incoming = self.incoming.borrow_mut();
        let waiting = &incoming.octets[incoming.read..];
        let count = waiting.len().min(room.remaining());
        room.put_slice(&waiting[..count]);
        incoming.read += count;
        if incoming.read == incoming.octets.len() {
            incoming.octets.clear();
            incoming.read = 0;
        }
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
    /// A message that came in more than one read.
    message: Vec<u8>,
    end: End,
}

/// Octets to read at once, as tungstenite reads.
const READ: usize = 128 * 1024;

fn client() -> Connection {
    let random = Box::new(UnwrapErr(getrandom::SysRng));
    Connection::client(&Agreed::default(), Limits::default(), random)
}

impl Pair<Ours> {
    fn ours() -> Self {
        let server = Connection::server(&Agreed::default(), Limits::default());
        let [client, server] = [client(), server]
            .into_iter()
            .zip(pipe())
            .map(|(machine, end)| Ours {
                machine,
                inbox: Inbox::new(),
                inflated: Vec::new(),
                out: Vec::new(),
                message: Vec::new(),
                end,
            })
            .collect::<Vec<_>>()
            .try_into()
            .unwrap_or_else(|_| unreachable!());
        Self { client, server }
    }
}

impl Ours {
    /// Waits for a message; it is lent to `take` whole.
    fn recv<T>(
        &mut self,
        take: impl FnOnce(&mut Connection, &mut End, &mut Vec<u8>, &mut [u8]) -> T,
    ) -> T {
        loop {
            let step = self
                .machine
                .recv(self.inbox.unread(), &mut self.inflated, &mut self.out)
                .expect("no rule is broken");
            let used = step.used;
            match step.event {
                Event::Data { bytes, last, .. } if last && self.message.is_empty() => {
                    let taken = take(&mut self.machine, &mut self.end, &mut self.out, bytes);
                    self.inbox.consume(used);
                    return taken;
                }
                Event::Data { bytes, last, .. } => {
                    self.message.extend_from_slice(bytes);
                    self.inbox.consume(used);
                    if last {
                        let taken = take(
                            &mut self.machine,
                            &mut self.end,
                            &mut self.out,
                            &mut self.message,
                        );
                        self.message.clear();
                        return taken;
                    }
                }
                Event::NeedData => {
                    self.inbox.consume(used);
                    let count = self
                        .end
                        .read(self.inbox.space(READ))
                        .expect("something was sent");
                    self.inbox.filled(count);
                }
                other => panic!("{other:?} instead of data"),
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
        self.recv(|machine, end, out, bytes| {
            out.clear();
            let mask = machine.head(Kind::Binary, &[bytes], true, out);
            mask.expect("open").apply(bytes);
            let parts = [IoSlice::new(out), IoSlice::new(bytes)];
            let written = end.write_vectored(&parts).expect("a pipe");
            assert_eq!(written, out.len() + bytes.len());
        });
    }

    fn hear(&mut self, content: &Bytes, compare: bool) -> bool {
        self.recv(|_, _, _, bytes| bytes.len() == content.len() && (!compare || bytes == content))
    }
}

struct Tungstenite(tungstenite::WebSocket<End>);

impl Pair<Tungstenite> {
    fn tungstenite() -> Self {
        let [client, server] = pipe();
        let side =
            |end, role| Tungstenite(tungstenite::WebSocket::from_raw_socket(end, role, None));
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
