use crate::{
    body::Body,
    error::{Error, Layer, Stage},
    lenience::Told,
    limits::{FIELDS, WRITE_AHEAD},
    timeouts::Deadline,
    transport::Stream,
    wire::Wire,
};
use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::Frame;
use netkit_core::Step;
use netkit_http::{
    Error as HttpError, Failure, Fields, Found, RequestRanges, ResponseRanges, Slot,
};
use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

/// What the two roles' HTTP machines have in common.
pub(crate) trait Machine {
    /// What it finds of a head.
    type Head;
    fn step(
        &mut self,
        input: &mut [u8],
        slots: &mut [Slot],
    ) -> Result<Step<Found<Self::Head>>, HttpError>;
    /// Tells what was let pass of the message that arrives.
    fn tell(&self, told: &mut Told);
    /// What ended the messages that arrive.
    fn failure(&self) -> Option<Failure>;
    fn eof(&mut self);
    fn send_data(&mut self, length: u64, out: &mut Vec<u8>) -> Result<&'static [u8], HttpError>;
    fn send_end(&mut self, trailers: &HeaderMap, out: &mut Vec<u8>) -> Result<(), HttpError>;
}

macro_rules! machine {
    ($Role:ty, $Head:ty) => {
        impl Machine for $Role {
            type Head = $Head;

            fn step(
                &mut self,
                input: &mut [u8],
                slots: &mut [Slot],
            ) -> Result<Step<Found<$Head>>, HttpError> {
                Self::step(self, input, slots)
            }

            fn tell(&self, told: &mut Told) {
                told.tell(self.leniencies_used());
            }

            fn failure(&self) -> Option<Failure> {
                Self::failure(self)
            }

            fn eof(&mut self) {
                Self::eof(self);
            }

            fn send_data(
                &mut self,
                length: u64,
                out: &mut Vec<u8>,
            ) -> Result<&'static [u8], HttpError> {
                Self::send_data(self, length, out)
            }

            fn send_end(
                &mut self,
                trailers: &HeaderMap,
                out: &mut Vec<u8>,
            ) -> Result<(), HttpError> {
                Self::send_end(self, netkit_http::unframed(trailers), out)
            }
        }
    };
}

machine!(netkit_http::Client, ResponseRanges);
machine!(netkit_http::Server, RequestRanges);

/// A stream, with TLS or without, joined to the HTTP machine of one role.
pub(crate) struct Connection<M> {
    pub(crate) wire: Wire<Box<dyn Stream>>,
    pub(crate) machine: M,
    pub(crate) slots: Box<[Slot]>,
    pub(crate) deadline: Deadline,
    /// Heads and chunk framing, on their way to the wire.
    pub(crate) scratch: Vec<u8>,
    /// Octets that had left when the send deadline was last armed.
    left_then: Option<u64>,
    /// Who hears of what is let pass.
    told: Option<Told>,
}

/// A message to send, behind its head.
pub(crate) struct Sending {
    body: Body,
    piece: Bytes,
    trailers: HeaderMap,
    /// Everything is queued; it has yet to leave.
    queued: bool,
}

impl Sending {
    /// `content`: whether the machine awaits content behind the head.
    pub(crate) fn new(body: Body, content: bool) -> Self {
        Self {
            body,
            piece: Bytes::new(),
            trailers: HeaderMap::new(),
            queued: !content,
        }
    }
}

/// A head or trailer section that the `http` crate cannot hold.
pub(crate) fn refused(stage: Stage, error: http::Error) -> Error {
    Error::new(Layer::Http, stage, error.to_string()).because(error)
}

impl<M: Machine> Connection<M> {
    pub(crate) fn new(wire: Wire<Box<dyn Stream>>, machine: M, told: Option<Told>) -> Self {
        Self {
            wire,
            machine,
            slots: vec![Slot::default(); FIELDS].into_boxed_slice(),
            deadline: Deadline::new(),
            scratch: Vec::new(),
            left_then: None,
            told,
        }
    }

    /// What the machine finds next; never "need data". The event refers to the front of the wire's
    /// unread octets: the caller eats `used` when it is done with it.
    pub(crate) fn poll_found(
        &mut self,
        stage: Stage,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Step<Found<M::Head>>, Error>> {
        loop {
            let stepped = self.machine.step(self.wire.unread(), &mut self.slots);
            let step = stepped.map_err(|error| match self.machine.failure() {
                Some(failure) => Error::refused(stage, failure),
                None => Error::http(stage, error),
            })?;
            if !matches!(step.event, Found::NeedData) {
                let marks = matches!(step.event, Found::Head(_) | Found::Interim(_) | Found::End);
                if let Some(told) = self.told.as_mut().filter(|_| marks) {
                    self.machine.tell(told);
                }
                return Poll::Ready(Ok(step));
            }
            self.wire.eat(step.used);
            if !ready!(self.wire.poll_more(cx)).map_err(|broken| broken.at(stage))? {
                self.machine.eof();
            }
        }
    }

    /// The next piece of the content that is being received; `None` when the message is complete.
    pub(crate) fn poll_content(
        &mut self,
        stage: Stage,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, Error>> {
        let step = ready!(self.poll_found(stage, cx))?;
        let input = self.wire.unread();
        let frame = match step.event {
            Found::Data(range) => Some(Frame::data(Bytes::copy_from_slice(&input[range]))),
            Found::Trailers(count) => {
                let trailers = HeaderMap::try_from(Fields::new(input, &self.slots[..count]))
                    .map_err(|error| refused(stage, error))?;
                Some(Frame::trailers(trailers))
            }
            _ => None,
        };
        self.wire.eat(step.used);
        Poll::Ready(Ok(frame))
    }

    /// Queues the head in `scratch` and as much content as there is room for, and writes it out. Ready
    /// when all of the message has left.
    ///
    /// A failing body fails the message: what has been sent stays without its end.
    pub(crate) fn poll_send(
        &mut self,
        sending: &mut Sending,
        stage: Stage,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        while !sending.queued {
            if !self.wire.has_room() {
                ready!(self.wire.poll_flush(cx)).map_err(|broken| broken.at(stage))?;
            }
            if sending.piece.is_empty() {
                match sending.body.poll_piece(cx)? {
                    Poll::Ready(Some(frame)) => match frame.into_data() {
                        Ok(data) => sending.piece = data,
                        Err(frame) => {
                            sending.trailers = frame.into_trailers().unwrap_or_default();
                        }
                    },
                    Poll::Ready(None) => self.queue_end(sending, stage)?,
                    Poll::Pending => {
                        // What is there need not wait for what is not.
                        self.queue(&[], &[], stage)?;
                        ready!(self.wire.poll_flush(cx)).map_err(|broken| broken.at(stage))?;
                        return Poll::Pending;
                    }
                }
            } else {
                self.queue_piece(sending, stage)?;
            }
        }
        self.poll_send_head(stage, cx)
    }

    /// Queues the head in `scratch`, and writes it out.
    pub(crate) fn poll_send_head(
        &mut self,
        stage: Stage,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        self.queue(&[], &[], stage)?;
        let flushed = self.wire.poll_flush(cx);
        flushed.map_err(|broken| broken.at(stage))
    }

    fn queue_piece(&mut self, sending: &mut Sending, stage: Stage) -> Result<(), Error> {
        let length = sending.piece.len().min(WRITE_AHEAD);
        let behind = self
            .machine
            .send_data(length as u64, &mut self.scratch)
            .map_err(|error| Error::http(stage, error))?;
        let queued = self.queue(&sending.piece[..length], behind, stage);
        sending.piece.advance(length);
        queued
    }

    fn queue_end(&mut self, sending: &mut Sending, stage: Stage) -> Result<(), Error> {
        sending.queued = true;
        self.machine
            .send_end(&sending.trailers, &mut self.scratch)
            .map_err(|error| Error::http(stage, error))
    }

    /// Queues what is in `scratch`, then `content`, then `behind`.
    fn queue(&mut self, content: &[u8], behind: &[u8], stage: Stage) -> Result<(), Error> {
        if self.scratch.is_empty() && content.is_empty() && behind.is_empty() {
            return Ok(());
        }
        let queued = self.wire.queue(&[&self.scratch, content, behind]);
        self.scratch.clear();
        queued.map_err(|broken| broken.at(stage))
    }

    /// The deadline of a side that sends: it starts again with every octet that leaves.
    pub(crate) fn poll_stalled(
        &mut self,
        stage: Stage,
        after: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Error> {
        if self.wire.unsent() == 0 {
            // The body's source is slow, not the peer.
            self.left_then = None;
            self.deadline.disarm();
            return Poll::Pending;
        }
        let left = Some(self.wire.written());
        if self.left_then != left || !self.deadline.is_of(stage) {
            self.left_then = left;
            self.deadline.arm(stage, after);
        }
        self.deadline.poll(cx)
    }
}
