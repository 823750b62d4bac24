use crate::{
    error::{Error, Stage},
    limits::{KEPT_WHEN_IDLE, READ_AT_FIRST, READ_AT_MOST, WRITE_AHEAD},
};
use netkit_core::{Inbox, Step};
use netkit_tls::{self as tls, Found, Question};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream, with TLS on it or not, as plaintext to look at and plaintext to send.
///
/// What arrived is opened in place. [`unread`](Self::unread) lends the plaintext at the front;
/// its reader eats what it used, and when it needs more than one record holds, the rest of that
/// record moves to `spill` and the next is appended there.
pub(crate) struct Wire<S> {
    io: S,
    tls: Option<Box<tls::Connection>>,
    /// As it arrived. Its first `plain` octets are opened plaintext; the next `behind` belong to the
    /// same record and go when the plaintext has been eaten.
    inbox: Inbox,
    plain: usize,
    behind: usize,
    spill: Inbox,
    /// Octets to read at once: grows while reads fill the room.
    want: usize,
    /// As it leaves; the first `sent` octets have left.
    out: Vec<u8>,
    sent: usize,
    written: u64,
    /// What is queued came from reading: no writer waits for it to leave, the reader sees to it.
    answers: bool,
    ended: bool,
    refused: Option<tls::Error>,
}

/// Why a [`Wire`] failed.
#[derive(Debug)]
pub(crate) enum Broken {
    Io(io::Error),
    Tls(tls::Error),
}

impl Broken {
    /// The same as an error of `stage`.
    pub(crate) fn at(self, stage: Stage) -> Error {
        match self {
            Self::Io(error) => Error::io(stage, error),
            Self::Tls(error) => Error::tls(stage, error),
        }
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Broken> for io::Error {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Io(error) => error,
            Broken::Tls(error @ tls::Error::Truncated) => {
                Self::new(io::ErrorKind::UnexpectedEof, error)
            }
            Broken::Tls(error) => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

impl<S> Wire<S> {
    /// `tls` may already have something to say in `out`.
    pub(crate) fn new(io: S, tls: Option<Box<tls::Connection>>, out: Vec<u8>) -> Self {
        Self {
            io,
            tls,
            inbox: Inbox::new(),
            plain: 0,
            behind: 0,
            spill: Inbox::new(),
            want: READ_AT_FIRST,
            out,
            sent: 0,
            written: 0,
            answers: false,
            ended: false,
            refused: None,
        }
    }

    pub(crate) fn io(&self) -> &S {
        &self.io
    }

    pub(crate) fn tls(&self) -> Option<&tls::Connection> {
        self.tls.as_deref()
    }

    fn is_open(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| tls.is_connected())
    }

    /// The plaintext that arrived and was not eaten.
    pub(crate) fn unread(&mut self) -> &mut [u8] {
        if self.spill.is_empty() {
            &mut self.inbox.unread()[..self.plain]
        } else {
            self.spill.unread()
        }
    }

    /// Drops the first `used` octets of [`unread`](Self::unread).
    pub(crate) fn eat(&mut self, used: usize) {
        if self.spill.is_empty() {
            self.plain -= used;
            let record = if self.plain == 0 {
                std::mem::take(&mut self.behind)
            } else {
                0
            };
            self.inbox.consume(used + record);
        } else {
            self.spill.consume(used);
        }
    }

    /// Whether the peer has ended its direction.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Opens the next record if it is here already; whether there is plaintext to read.
    pub(crate) fn open_next(&mut self) -> bool {
        let Some(tls) = self
            .tls
            .as_mut()
            .filter(|_| self.plain == 0 && self.refused.is_none())
        else {
            return self.plain > 0;
        };
        let silent = self.out.is_empty();
        match tls.step(self.inbox.unread(), &mut self.out) {
            Ok(step) => self.take(&step),
            // It repeats at the next read, after what was read before it.
            Err(error) => self.refused = Some(error),
        }
        self.answers |= silent && !self.out.is_empty();
        self.plain > 0
    }

    /// Takes note of what a step of the TLS machine did.
    fn take(&mut self, step: &Step<Found>) {
        match &step.event {
            Found::Data(range) => {
                self.plain = range.len();
                self.behind = step.used - range.end;
                self.inbox.consume(range.start);
            }
            // It waits until the client is done with its handshake, which nobody can do who only sends
            // again what another sent (RFC 8470 5.1).
            Found::EarlyData(range) => {
                self.spill.extend(&self.inbox.unread()[range.clone()]);
                self.inbox.consume(step.used);
            }
            Found::PeerClosed => {
                self.ended = true;
                self.inbox.consume(step.used);
            }
            Found::NeedData | Found::Connected | Found::Question(_) | Found::Waiting => {
                self.inbox.consume(step.used);
            }
        }
    }

    /// Octets that still have to leave.
    pub(crate) fn unsent(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Octets that have left since the wire was made.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Whether more may be queued before something has left.
    pub(crate) fn has_room(&self) -> bool {
        self.unsent() < WRITE_AHEAD
    }

    /// Queues `parts`, one after the other: under TLS in as few records as hold them.
    pub(crate) fn queue(&mut self, parts: &[&[u8]]) -> Result<(), Broken> {
        self.answers = false;
        // A peer that reads just enough to leave a rest must not make this hold all that has left.
        if self.sent >= WRITE_AHEAD {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
        if let Some(tls) = &mut self.tls {
            return tls.send(parts, &mut self.out).map_err(Broken::Tls);
        }
        self.out.reserve(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            self.out.extend_from_slice(part);
        }
        Ok(())
    }

    /// Gives back what an idle connection does not need.
    pub(crate) fn rest(&mut self) {
        if self.inbox.capacity() > KEPT_WHEN_IDLE {
            self.inbox.rest();
            self.want = READ_AT_FIRST;
        }
        self.spill.rest();
        if self.out.is_empty() && self.out.capacity() > KEPT_WHEN_IDLE {
            self.out = Vec::new();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Waits for plaintext behind what [`unread`](Self::unread) shows now. `false`: the peer has
    /// ended its direction, and no more will come.
    pub(crate) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Broken>> {
        if self.ended && self.refused.is_none() {
            return Poll::Ready(Ok(false));
        }
        if self.tls.is_some() {
            self.poll_record(cx)
        } else {
            let count = ready!(self.poll_fill(cx))?;
            self.plain += count;
            Poll::Ready(Ok(count > 0))
        }
    }

    /// [`poll_more`](Self::poll_more) under TLS.
    fn poll_record(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Broken>> {
        if self.plain > 0 {
            self.spill();
        }
        loop {
            match ready!(self.poll_step(cx))? {
                Found::NeedData => {
                    // A step may have answered (a key update): that must not wait for the next write.
                    let _ = self.poll_answers(cx);
                    if ready!(self.poll_fill(cx))? == 0 && !self.cut() {
                        return Poll::Ready(Ok(false));
                    }
                }
                Found::Data(_) => {
                    if !self.spill.is_empty() {
                        self.spill();
                    }
                    return Poll::Ready(Ok(true));
                }
                Found::PeerClosed => return Poll::Ready(Ok(false)),
                Found::Connected | Found::EarlyData(_) | Found::Question(_) | Found::Waiting => {}
            }
        }
    }

    /// Moves the opened plaintext behind what was spilled before.
    fn spill(&mut self) {
        self.spill.extend(&self.inbox.unread()[..self.plain]);
        self.inbox.consume(self.plain + self.behind);
        (self.plain, self.behind) = (0, 0);
    }

    /// One step of the TLS machine. On an error what it has to say to the peer leaves first.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<Found, Broken>> {
        if let Some(error) = self.refused {
            // The alert is a courtesy: the reason stays the first one.
            let _ = ready!(self.poll_answers(cx));
            return Poll::Ready(Err(Broken::Tls(error)));
        }
        let silent = self.out.is_empty();
        let tls = self.tls.as_mut().expect("called under TLS only");
        let stepped = tls.step(self.inbox.unread(), &mut self.out);
        self.answers |= silent && !self.out.is_empty();
        match stepped {
            Ok(step) => {
                self.take(&step);
                Poll::Ready(Ok(step.event))
            }
            Err(error) => {
                self.refused = Some(error);
                self.poll_step(cx)
            }
        }
    }

    /// Whether the transport ended without close_notify; it then counts as refused.
    fn cut(&mut self) -> bool {
        let tls = self.tls.as_mut().expect("called under TLS only");
        self.refused = tls.eof().err();
        self.refused.is_some()
    }

    /// Writes out what reading has queued. A writer that waits keeps its place: its waker is not
    /// replaced by the reader's.
    fn poll_answers(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if !self.answers {
            return Poll::Ready(Ok(()));
        }
        let written = ready!(self.write_out(cx));
        self.answers = false;
        Poll::Ready(written)
    }

    /// Reads once into the inbox; 0 at the end, which it remembers.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Broken>> {
        let room = self.inbox.space(self.want);
        let offered = room.len();
        let mut read = ReadBuf::new(room);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
        let count = read.filled().len();
        self.inbox.filled(count);
        if count == 0 {
            self.ended = true;
        } else if count == offered {
            self.want = (2 * self.want).min(READ_AT_MOST);
        }
        Poll::Ready(Ok(count))
    }

    /// Writes out what is queued, and flushes the transport.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.answers = false;
        self.write_out(cx)
    }

    fn write_out(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        while self.sent < self.out.len() {
            let count = ready!(Pin::new(&mut self.io).poll_write(cx, &self.out[self.sent..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
            }
            self.sent += count;
            self.written += count as u64;
        }
        self.out.clear();
        self.sent = 0;
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        Poll::Ready(Ok(()))
    }

    /// Ends this side's direction: TLS's close_notify, then the transport's end.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if let Some(tls) = self.tls.as_mut().filter(|_| self.refused.is_none()) {
            tls.close(&mut self.out).map_err(Broken::Tls)?;
        }
        ready!(self.poll_flush(cx))?;
        ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }

    /// Runs the TLS handshake to its end, this side's last flight written, or to a question, what goes
    /// before its answer on the way.
    pub(crate) fn poll_handshake(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Question>, Broken>> {
        while !self.is_open() {
            match ready!(self.poll_step(cx))? {
                Found::NeedData => {
                    if let Poll::Ready(Err(error)) = self.poll_flush(cx) {
                        return Poll::Ready(Err(error));
                    }
                    if ready!(self.poll_fill(cx))? == 0 {
                        self.cut();
                    }
                }
                Found::Question(question) => {
                    let _ = self.poll_flush(cx)?;
                    return Poll::Ready(Ok(Some(question)));
                }
                _ => {}
            }
        }
        self.poll_flush(cx).map_ok(|()| None)
    }

    /// Answers a question of the TLS machine; an answer that it refuses shows at the next poll.
    pub(crate) fn answer(
        &mut self,
        answer: impl FnOnce(&mut tls::Connection, &mut Vec<u8>) -> Result<(), tls::Error>,
    ) {
        if let Some(tls) = self.tls.as_mut() {
            self.refused = answer(tls, &mut self.out).err();
            self.answers |= self.refused.is_some();
        }
    }

    /// The stream, and what has been read of it and not used.
    pub(crate) fn into_parts(mut self) -> (S, Vec<u8>) {
        let unread = self.inbox.unread().to_vec();
        (self.io, unread)
    }
}

/// The plaintext as a stream: what is written leaves with the next write or with `flush`.
impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if wire.unread().is_empty() && !ready!(wire.poll_more(cx))? {
            return Poll::Ready(Ok(()));
        }
        // Every record that is here already may come along: fewer calls for a reader with room.
        loop {
            let unread = wire.unread();
            let count = unread.len().min(buf.remaining());
            buf.put_slice(&unread[..count]);
            wire.eat(count);
            if buf.remaining() == 0 || !wire.open_next() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    /// Queues the parts, joined, up to what may wait; then writes what the transport takes.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        const PARTS: usize = 8;
        let mut parts: [&[u8]; PARTS] = [&[]; PARTS];
        let mut room = WRITE_AHEAD;
        for (part, buf) in parts
            .iter_mut()
            .zip(bufs.iter().filter(|buf| !buf.is_empty()))
        {
            *part = &buf[..buf.len().min(room)];
            room -= part.len();
        }
        if room == WRITE_AHEAD {
            return Poll::Ready(Ok(0));
        }
        let wire = self.get_mut();
        if !wire.has_room() {
            ready!(wire.poll_flush(cx))?;
        }
        wire.queue(&parts)?;
        match wire.poll_flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(WRITE_AHEAD - room)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_flush(cx).map_err(Broken::into)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_close(cx).map_err(Broken::into)
    }
}

#[cfg(test)]
mod tests {
    use super::Wire;
    use crate::limits::WRITE_AHEAD;
    use std::{
        io,
        pin::Pin,
        task::{Context, Poll, Waker},
    };
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    /// Takes 1000 octets every other time it is asked.
    struct Drip(bool);

    impl AsyncWrite for Drip {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            octets: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0 = !self.0;
            if self.0 {
                Poll::Ready(Ok(octets.len().min(1000)))
            } else {
                Poll::Pending
            }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncRead for Drip {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[test]
    fn a_peer_that_always_leaves_a_rest_does_not_make_the_outbox_grow() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut wire = Wire::new(Drip(false), None, vec![0; 5000]);
        for _ in 0..10_000 {
            assert!(wire.has_room());
            wire.queue(&[&[7; 1000]]).unwrap();
            assert!(wire.poll_flush(&mut cx).is_pending());
            assert_eq!(wire.unsent(), 5000);
        }
        let held = wire.out.capacity();
        assert!(held <= 4 * WRITE_AHEAD, "{held} octets");
    }
}
