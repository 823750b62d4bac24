//! What the two halves of a WebSocket share: the wire and the machine, under a lock that is held while they
//! are polled and never while anybody waits.

use super::{CloseReason, Config, Timeouts};
use crate::{
    error::{Error, Stage},
    shutdown::Shutdown,
    switched::Switched,
    timeouts::Deadline,
    transport::Stream,
    wire::{Broken, Wire},
};
use netkit_ws::{CloseCode, Connection, Found, Kind};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker, ready},
};

pub(super) struct Shared {
    socket: Mutex<Socket>,
    protocol: Option<String>,
    wakers: Arc<Wakers>,
    /// `wakers` as one.
    both: Waker,
}

/// Either half may be the one that writes: what can be written wakes both.
#[derive(Default)]
struct Wakers {
    sender: Mutex<Option<Waker>>,
    receiver: Mutex<Option<Waker>>,
}

/// Whatever holds one of this module's locks leaves what it guards whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember(slot: &Mutex<Option<Waker>>, cx: &Context<'_>) {
    let mut slot = lock(slot);
    match &mut *slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        for slot in [&self.sender, &self.receiver] {
            if let Some(waker) = &*lock(slot) {
                waker.wake_by_ref();
            }
        }
    }
}

impl Shared {
    pub(super) fn new(socket: Socket, protocol: Option<String>) -> Self {
        let wakers = Arc::<Wakers>::default();
        Self {
            socket: Mutex::new(socket),
            protocol,
            both: Arc::clone(&wakers).into(),
            wakers,
        }
    }

    pub(super) fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        lock(&self.socket).reason.clone()
    }

    /// More of a message, or all of it, instead of what `octets` held.
    pub(super) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        whole: bool,
        octets: &mut Vec<u8>,
    ) -> Poll<Result<Option<(Kind, bool)>, Error>> {
        remember(&self.wakers.receiver, cx);
        let mut socket = lock(&self.socket);
        let mut writes = Context::from_waker(&self.both);
        let received = ready!(socket.poll_recv(cx, &mut writes, whole))?;
        octets.clear();
        std::mem::swap(octets, &mut socket.message);
        Poll::Ready(Ok(received))
    }

    /// Waits for room to queue something.
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if lock(&self.socket).wire.has_room() {
            return Poll::Ready(Ok(()));
        }
        self.poll_flush(cx)
    }

    /// Waits until everything queued has left.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        remember(&self.wakers.sender, cx);
        let mut writes = Context::from_waker(&self.both);
        lock(&self.socket).poll_send(cx, &mut writes)
    }

    pub(super) fn queue(&self, kind: Kind, octets: &[u8], last: bool) -> Result<(), Error> {
        lock(&self.socket).queue(|machine, out| machine.send(kind, &[octets], last, out))
    }

    pub(super) fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        lock(&self.socket).queue(|machine, out| machine.ping(payload, out))
    }

    fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        lock(&self.socket).queue(|machine, out| machine.close(code, reason, out))?;
        // The receiver's clock now runs for the close.
        if let Some(receiver) = &*lock(&self.wakers.receiver) {
            receiver.wake_by_ref();
        }
        Ok(())
    }

    /// Says close, unless that was said.
    pub(super) fn close_once(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        if lock(&self.socket).machine.has_closed() {
            return Ok(());
        }
        self.close(code, reason)
    }
}

/// A wire joined to the WebSocket machine.
pub(crate) struct Socket {
    wire: Wire<Box<dyn Stream>>,
    machine: Connection,
    timeouts: Timeouts,
    /// RFC 6455 7.1.1: the server ends the transport, the client waits for that.
    ends_first: bool,
    /// When it is ready, this side goes away.
    stop: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// What has arrived of a message that nobody has taken yet.
    message: Vec<u8>,
    inflated: Vec<u8>,
    /// Frames on their way to the wire.
    scratch: Vec<u8>,
    /// The receiver's: for what `waits_for` says.
    deadline: Deadline,
    waits_for: Option<Stage>,
    /// The sender's.
    stalled: Deadline,
    /// Octets that had left when `stalled` was armed.
    left_then: Option<u64>,
    phase: Phase,
    reason: Option<CloseReason>,
}

enum Phase {
    Open,
    /// Nothing more is to be heard: the transport ends, then the receiver is told why.
    Ending(Option<Error>),
    Over,
}

impl Socket {
    /// A client's end of what a response switched.
    pub(crate) fn client(switched: Switched, machine: Connection, config: &Config) -> Self {
        Self::new(switched, machine, config)
    }

    /// A server's end of what a response switched; it goes away when `stop` begins.
    pub(super) fn server(
        switched: Switched,
        machine: Connection,
        config: &Config,
        stop: Option<&Shutdown>,
    ) -> Self {
        let mut socket = Self::new(switched, machine, config);
        socket.ends_first = true;
        socket.stop = stop.map(Shutdown::waiter);
        socket
    }

    fn new(switched: Switched, mut machine: Connection, config: &Config) -> Self {
        if let Some(watch) = &config.watch {
            machine.watch(Arc::clone(watch));
        }
        Self {
            wire: switched.into_wire(),
            machine,
            timeouts: config.timeouts,
            ends_first: false,
            stop: None,
            message: Vec::new(),
            inflated: Vec::new(),
            scratch: Vec::new(),
            deadline: Deadline::new(),
            waits_for: None,
            stalled: Deadline::new(),
            left_then: None,
            phase: Phase::Open,
            reason: None,
        }
    }

    /// Queues what the machine writes.
    fn queue<T>(
        &mut self,
        write: impl FnOnce(&mut Connection, &mut Vec<u8>) -> Result<T, netkit_ws::Error>,
    ) -> Result<T, Error> {
        if !matches!(self.phase, Phase::Open) {
            return Err(Error::ws(Stage::Frames, netkit_ws::Error::MisuseClosed));
        }
        let written = write(&mut self.machine, &mut self.scratch);
        self.queue_scratch()?;
        written.map_err(|error| Error::ws(Stage::Frames, error))
    }

    fn queue_scratch(&mut self) -> Result<(), Error> {
        if self.scratch.is_empty() {
            return Ok(());
        }
        let queued = self.wire.queue(&[&self.scratch]);
        self.scratch.clear();
        queued.map_err(|broken| broken.at(Stage::Frames))
    }

    /// Writes out what is queued; an error of it once nothing more is to be heard is no news.
    fn poll_flush(&mut self, writes: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let flushed = ready!(self.wire.poll_flush(writes));
        Poll::Ready(flushed.map_err(|broken| broken.at(Stage::Frames)))
    }

    /// [`poll_flush`](Self::poll_flush) for the sender, as long as octets leave.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        writes: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if let Poll::Ready(flushed) = self.poll_flush(writes) {
            self.left_then = None;
            self.stalled.disarm();
            return Poll::Ready(flushed);
        }
        let left = Some(self.wire.written());
        if self.left_then != left {
            self.left_then = left;
            self.stalled.arm(Stage::SendFrame, self.timeouts.send);
        }
        self.stalled.poll(cx).map(Err)
    }

    /// Waits for a piece of a message, or all of it. `cx` is the receiver's; `writes` wakes both.
    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        writes: &mut Context<'_>,
        whole: bool,
    ) -> Poll<Result<Option<(Kind, bool)>, Error>> {
        loop {
            if !matches!(self.phase, Phase::Open) {
                return self.poll_end(cx, writes).map_ok(|()| None);
            }
            let found = self.poll_found(cx, writes, whole);
            if !matches!(found, Poll::Ready(Err(_)))
                && let Poll::Ready(late) = self.poll_closing(cx)
            {
                self.end(Some(late));
                continue;
            }
            match found {
                Poll::Ready(Ok(None)) => {}
                Poll::Ready(Ok(received)) => return Poll::Ready(Ok(received)),
                Poll::Ready(Err(error)) => self.end(Some(error)),
                Poll::Pending => match ready!(self.poll_clock(cx)) {
                    Ok(()) => {}
                    Err(error) => self.end(Some(error)),
                },
            }
        }
    }

    /// One step of the machine; what is ready of a message, if something is.
    fn poll_found(
        &mut self,
        cx: &mut Context<'_>,
        writes: &mut Context<'_>,
        whole: bool,
    ) -> Poll<Result<Option<(Kind, bool)>, Error>> {
        // A peer that does not read its answers is not read from; one that has gone is heard to the end.
        if !self.wire.has_room() && self.poll_flush(writes).is_pending() {
            return Poll::Pending;
        }
        let input = self.wire.unread();
        let step = self
            .machine
            .step(input, &mut self.inflated, &mut self.scratch);
        self.queue_scratch()?;
        let step = step.map_err(|error| Error::ws(Stage::Frames, error))?;
        let mut received = None;
        match step.event {
            Found::Data { kind, place, last } => {
                let octets = place.lend(self.wire.unread(), &mut self.inflated);
                self.message.extend_from_slice(octets);
                received = (last || !whole).then_some((kind, last));
            }
            Found::Closing { code, reason } => {
                let reason = String::from_utf8_lossy(&self.wire.unread()[reason]).into_owned();
                self.reason = Some(CloseReason { code, reason });
            }
            Found::Closed => self.end(None),
            Found::NeedData => {
                self.wire.eat(step.used);
                return self.poll_more(cx, writes);
            }
            Found::Ping(_) | Found::Pong(_) => {}
        }
        self.wire.eat(step.used);
        Poll::Ready(Ok(received))
    }

    /// Since this side has said close: whether the peer has had its time. A peer that goes on sending
    /// has no more than a silent one.
    fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        if !self.machine.has_closed() || !matches!(self.phase, Phase::Open) {
            return Poll::Pending;
        }
        if self.waits_for != Some(Stage::Close) {
            self.wait(Stage::Close, self.timeouts.close);
        }
        self.deadline.poll(cx)
    }

    /// Waits for octets, or their end.
    fn poll_more<T>(
        &mut self,
        cx: &mut Context<'_>,
        writes: &mut Context<'_>,
    ) -> Poll<Result<Option<T>, Error>> {
        // Answers leave before anybody waits. Where they cannot, what the peer sent before it left is
        // still heard.
        let flushed = self.poll_flush(writes);
        let more = self.wire.poll_more(cx);
        if !matches!(more, Poll::Ready(Ok(true)))
            && let Poll::Ready(failed @ Err(_)) = flushed
        {
            return Poll::Ready(failed.map(|()| None));
        }
        let more = ready!(more).map_err(|broken| broken.at(Stage::Frames))?;
        if self.waits_for != Some(Stage::Close) {
            self.waits_for = None;
        }
        if !more {
            self.machine
                .eof()
                .map_err(|error| Error::ws(Stage::Frames, error))?;
            self.end(None);
        }
        Poll::Ready(Ok(None))
    }

    /// Gives back what a quiet connection does not need.
    fn rest(&mut self) {
        self.wire.rest();
        self.inflated.clear();
        for buffer in [&mut self.inflated, &mut self.scratch, &mut self.message] {
            buffer.shrink_to_fit();
        }
    }

    /// The peer is silent: ready when something is due, which is done, or was.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let told = self.stop.as_mut().map(|stop| stop.as_mut().poll(cx));
        if told.is_some_and(|told| told.is_ready()) {
            self.stop = None;
            if !self.machine.has_closed() {
                let going = |machine: &mut Connection, out: &mut Vec<u8>| {
                    machine.close(CloseCode::GOING_AWAY, "the server stops", out)
                };
                return Poll::Ready(self.queue(going));
            }
        }
        if self.waits_for.is_none() {
            self.wait(Stage::Frames, self.timeouts.ping);
        }
        let late = ready!(self.deadline.poll(cx));
        if self.waits_for != Some(Stage::Frames) {
            return Poll::Ready(Err(late));
        }
        self.rest();
        self.wait(Stage::Pong, self.timeouts.pong);
        Poll::Ready(self.queue(|machine, out| machine.ping(&[], out)))
    }

    fn wait(&mut self, stage: Stage, after: std::time::Duration) {
        self.waits_for = Some(stage);
        self.deadline.arm(stage, after);
    }

    /// Nothing more is to be heard.
    fn end(&mut self, why: Option<Error>) {
        self.phase = Phase::Ending(why);
        self.wait(Stage::Close, self.timeouts.close);
    }

    /// Ends the transport, as far as the peer takes part in it, and tells why.
    fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        writes: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if matches!(self.phase, Phase::Ending(_)) {
            ready!(self.poll_gone(cx, writes));
        }
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Ending(Some(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Both directions have ended, or failed, or had their time.
    fn poll_gone(&mut self, cx: &mut Context<'_>, writes: &mut Context<'_>) -> Poll<()> {
        loop {
            let more = self.poll_ends(cx, writes);
            if matches!(more, Poll::Ready(Ok(false) | Err(_))) || self.deadline.poll(cx).is_ready()
            {
                return Poll::Ready(());
            }
            ready!(more).ok();
        }
    }

    /// Ends both directions, the server's first; whether something has come instead. It is dropped, but
    /// read, so that the kernel does not answer it with a reset that takes the close frame with it.
    fn poll_ends(
        &mut self,
        cx: &mut Context<'_>,
        writes: &mut Context<'_>,
    ) -> Poll<Result<bool, Broken>> {
        let failed = matches!(self.phase, Phase::Ending(Some(_)));
        if self.ends_first || failed {
            ready!(self.wire.poll_close(writes))?;
        } else {
            ready!(self.wire.poll_flush(writes))?;
        }
        let unread = self.wire.unread().len();
        self.wire.eat(unread);
        let more = ready!(self.wire.poll_more(cx))?;
        if !more {
            ready!(self.wire.poll_close(writes))?;
        }
        Poll::Ready(Ok(more))
    }
}

impl Drop for Socket {
    /// RFC 6455 7.1.1: closed cleanly, as far as that goes without waiting.
    fn drop(&mut self) {
        if !matches!(self.phase, Phase::Open) {
            return;
        }
        if !self.machine.has_closed() {
            let code = if std::thread::panicking() {
                CloseCode::INTERNAL_ERROR
            } else {
                CloseCode::GOING_AWAY
            };
            let _ = self.queue(|machine, out| machine.close(code, "", out));
        }
        let _ = self
            .wire
            .poll_close(&mut Context::from_waker(Waker::noop()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{limits::WRITE_AHEAD, websocket::WebSocket};
    use netkit_ws::{Limits, handshake::Agreed};
    use std::{io, net::SocketAddr, sync::mpsc, thread, time::Duration};
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    const CLOSED: &[u8] = &[0x88, 2, 0x03, 0xe8];
    const HI: &[u8] = &[0x81, 2, b'h', b'i'];

    /// A server that never lets anybody wait for what it sends.
    struct Server {
        sends: &'static [u8],
        /// The same for ever, or once.
        without_end: bool,
        takes: Takes,
    }

    enum Takes {
        Everything,
        Nothing,
        /// It has gone.
        Never,
    }

    impl AsyncRead for Server {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            room: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            while room.remaining() >= self.sends.len() && !self.sends.is_empty() {
                room.put_slice(self.sends);
                if !self.without_end {
                    self.sends = &[];
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Server {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            octets: &[u8],
        ) -> Poll<io::Result<usize>> {
            match self.takes {
                Takes::Everything => Poll::Ready(Ok(octets.len())),
                Takes::Nothing => Poll::Pending,
                Takes::Never => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl Stream for Server {
        fn local_addr(&self) -> Option<SocketAddr> {
            None
        }

        fn peer_addr(&self) -> Option<SocketAddr> {
            None
        }
    }

    impl Server {
        /// A client's end of a connection with it.
        fn connected(self) -> Socket {
            let mut config = Config::default();
            config.timeouts.close = Duration::from_millis(50);
            let random = crate::random::system();
            let machine = Connection::client(&Agreed::default(), Limits::default(), random);
            let wire = Wire::new(Box::new(self) as Box<dyn Stream>, None, Vec::new());
            Socket::client(Switched::over(wire), machine, &config)
        }
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn a_peer_that_never_pauses_cannot_put_off_the_end() {
        // The first never answers the close frame; the second goes on behind its own.
        for (sends, expected) in [(HI, Err(Stage::Close)), (CLOSED, Ok(()))] {
            let (ended, end) = mpsc::channel();
            thread::spawn(move || {
                let server = Server {
                    sends,
                    without_end: true,
                    takes: Takes::Everything,
                };
                let closed = block_on(async {
                    let socket = WebSocket::new(server.connected(), None);
                    socket.close(CloseCode::NORMAL_CLOSURE, "").await
                });
                ended.send(closed.map_err(|error| error.stage())).unwrap();
            });
            let closed = end.recv_timeout(Duration::from_secs(30));
            assert_eq!(closed.expect("it ends"), expected);
        }
    }

    #[test]
    fn what_a_peer_does_not_read_is_one_message_beyond_the_limit() {
        let server = Server {
            sends: &[],
            without_end: false,
            takes: Takes::Nothing,
        };
        block_on(async {
            let shared = Shared::new(server.connected(), None);
            let mut cx = Context::from_waker(Waker::noop());
            let message = vec![0; 10_000];
            let mut queued = 0;
            while shared.poll_ready(&mut cx).is_ready() {
                shared.queue(Kind::Binary, &message, true).unwrap();
                queued += message.len();
                assert!(queued < WRITE_AHEAD + message.len());
            }
            assert!(queued >= WRITE_AHEAD - message.len());
        });
    }

    #[test]
    fn what_came_before_the_peer_left_is_heard_though_nothing_can_be_sent() {
        for message in ["too late".to_owned(), "x".repeat(2 * WRITE_AHEAD)] {
            let server = Server {
                sends: &[0x81, 2, b'h', b'i', 0x88, 2, 0x03, 0xe8],
                without_end: false,
                takes: Takes::Never,
            };
            block_on(async {
                let mut socket = WebSocket::new(server.connected(), None);
                assert!(socket.send(message).await.is_err());
                assert_eq!(socket.recv().await.unwrap(), Some("hi".into()));
                assert_eq!(socket.recv().await.unwrap(), None);
                let why = socket.close_reason().unwrap();
                assert_eq!(why.code, Some(CloseCode::NORMAL_CLOSURE));
            });
        }
    }

    #[test]
    fn close_may_be_said_before_and_after_the_peer_said_it_but_nothing_else_after() {
        for peer_first in [false, true] {
            let server = Server {
                sends: CLOSED,
                without_end: false,
                takes: Takes::Everything,
            };
            block_on(async {
                let (mut sender, mut receiver) = WebSocket::new(server.connected(), None).split();
                if peer_first {
                    assert_eq!(receiver.recv().await.unwrap(), None);
                }
                for _ in 0..2 {
                    sender.close(CloseCode::NORMAL_CLOSURE, "").await.unwrap();
                }
                let misused = |error: Error| error.to_string();
                let sent = sender.send("late").await.map_err(misused);
                let pinged = sender.ping(b"late").await.map_err(misused);
                assert_eq!(sent, pinged);
                assert!(sent.unwrap_err().contains("close"));
                assert_eq!(receiver.recv().await.unwrap(), None);
            });
        }
    }
}
