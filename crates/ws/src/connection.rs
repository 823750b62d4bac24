use crate::{
    CloseCode, Error, Event, Found, Kind, Limits, Mask, OpCode,
    error::Answer,
    handshake::Agreed,
    incoming::{Heard, Incoming},
    mask::Keys,
    outgoing::Outgoing,
    watch::{Watch, Watched},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;
use netkit_core::Step;
use rand_core::CryptoRng;

/// One side of a connection, after the opening handshake.
///
/// ```text
/// recv   (Data* Data(last) | Ping | Pong)* Closing Closed      control frames also between Data
/// send   (send | head | ping | pong)* close
/// ```
///
/// Pings and close frames are answered in the call that hears them. After an error the close frame
/// that tells the peer is in `out`; what `recv` saw before it came first, as `Data`.
pub struct Connection {
    limits: Limits,
    incoming: Incoming,
    outgoing: Outgoing,
    watched: Watched,
    failure: Option<Error>,
}

impl Connection {
    /// A client's side, with what the handshake agreed on. Masking keys come from `random`.
    pub fn client(agreed: &Agreed, limits: Limits, random: Box<dyn CryptoRng + Send>) -> Self {
        let (deflate, inflate) = agreed.coding(true);
        Self::new(
            limits,
            Incoming::new(false, inflate),
            Outgoing::new(Some(Keys::new(random)), deflate),
        )
    }

    /// A server's side, with what the handshake agreed on.
    pub fn server(agreed: &Agreed, limits: Limits) -> Self {
        let (deflate, inflate) = agreed.coding(false);
        Self::new(
            limits,
            Incoming::new(true, inflate),
            Outgoing::new(None, deflate),
        )
    }

    fn new(limits: Limits, incoming: Incoming, outgoing: Outgoing) -> Self {
        Self {
            limits,
            incoming,
            outgoing,
            watched: Watched::default(),
            failure: None,
        }
    }

    /// Lets `watch` look on from here.
    pub fn watch(&mut self, watch: Arc<dyn Watch>) {
        self.watched = Watched(Some(watch));
    }

    /// Eats the front of `input` and sees one event, which lends from `input` or, if the message was
    /// compressed, from `inflated`. What the peer is owed is appended to `out`.
    ///
    /// Whatever `inflated` held is gone; give the same buffer every time. Its capacity, at least 16 KiB
    /// once something was compressed, is what one event can lend.
    pub fn recv<'b>(
        &mut self,
        input: &'b mut [u8],
        inflated: &'b mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<Step<Event<'b>>, Error> {
        let step = self.step(input, inflated, out)?;
        Ok(step.map(|found| found.lend(input, inflated)))
    }

    /// The same as [`recv`](Self::recv) with places in `input`.
    pub fn step(
        &mut self,
        input: &mut [u8],
        inflated: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<Step<Found>, Error> {
        if let Some(error) = self.failure {
            return Err(error);
        }
        let heard = self
            .incoming
            .step(&self.limits, &self.watched, input, inflated);
        let Heard { step, fault } = heard.map_err(|error| self.fail(error, out))?;
        match &step.event {
            Found::Ping(payload) => self.outgoing.owe_pong(&input[payload.clone()]),
            // RFC 6455 5.5.1: "typically echos the status code it received".
            Found::Closing { code, .. } if !self.outgoing.is_closed() => {
                let _ = self.outgoing.close(*code, "", &self.watched, out);
            }
            _ => {}
        }
        self.outgoing.pay_pong(&self.limits, &self.watched, out);
        if let Some(fault) = fault {
            // The next call says so: what was good comes first.
            self.fail(fault, out);
        }
        Ok(step)
    }

    /// RFC 6455 7.1.7: the peer is told with a close frame, unless this side has said close.
    fn fail(&mut self, error: Error, out: &mut Vec<u8>) -> Error {
        self.failure = Some(error);
        if let Answer::Close(code) = error.answer()
            && !self.outgoing.is_closed()
        {
            let _ = self.outgoing.close(Some(code), "", &self.watched, out);
        }
        error
    }

    /// The transport ended: an error if the peer has not said close (RFC 6455 7.1.5).
    pub fn eof(&mut self) -> Result<(), Error> {
        if self.incoming.is_closed() {
            return Ok(());
        }
        Err(*self.failure.get_or_insert(Error::Truncated))
    }

    /// Appends a message, or more of one: the last piece says so. Pieces of a message have one kind, and
    /// control frames may stand between them.
    ///
    /// The payload's parts follow each other in one frame; they are copied, compressed if that was
    /// agreed on, and masked on a client.
    pub fn send(
        &mut self,
        kind: Kind,
        payload: &[&[u8]],
        last: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.outgoing
            .send((kind, last), payload, &self.watched, out)
    }

    /// Appends what stands before `payload`, which never passes through here: the caller applies the
    /// mask to it in place, which on a server does nothing, and sends it behind `out`. It is not
    /// compressed, and cannot follow a piece that was.
    pub fn head(
        &mut self,
        kind: Kind,
        payload: &[&[u8]],
        last: bool,
        out: &mut Vec<u8>,
    ) -> Result<Mask, Error> {
        self.outgoing
            .head((kind, last), payload, &self.watched, out)
    }

    /// Appends a ping; the payload is at most 125 octets.
    pub fn ping(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.outgoing
            .control(OpCode::PING, &[payload], &self.watched, out)
    }

    /// Appends a pong that nobody asked for (RFC 6455 5.5.3); the payload is at most 125 octets.
    pub fn pong(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.outgoing
            .control(OpCode::PONG, &[payload], &self.watched, out)
    }

    /// Appends this side's close frame: nothing may be sent behind it. The peer's is still to come,
    /// and data before it.
    ///
    /// The reason, at most 123 octets, is for the peer's log.
    pub fn close(&mut self, code: CloseCode, reason: &str, out: &mut Vec<u8>) -> Result<(), Error> {
        self.outgoing.close(Some(code), reason, &self.watched, out)
    }

    /// Whether this side has sent its close frame.
    pub const fn has_closed(&self) -> bool {
        self.outgoing.is_closed()
    }

    /// Whether both sides have said close: the server ends the transport, the client waits for that
    /// (RFC 6455 7.1.1).
    pub const fn is_over(&self) -> bool {
        self.outgoing.is_closed() && self.incoming.is_closed()
    }
}

/// Shows the state only: payloads and keys are nobody's business.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("limits", &self.limits)
            .field("has_closed", &self.has_closed())
            .field("is_over", &self.is_over())
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}
