//! What this side sends.

use crate::{
    CloseCode, Error, FrameHead, Kind, Mask, OpCode, coding::Deflator, frame::CONTROL,
    limits::Limits, mask::Keys, utf8::Utf8, watch::Watched,
};
use alloc::vec::Vec;

/// Octets copied and masked at once.
const PIECE: usize = 2048;

/// The sending half of a connection.
pub(crate) struct Outgoing {
    /// A client's.
    keys: Option<Keys>,
    deflate: Option<Deflator>,
    /// The unfinished message.
    message: Option<Message>,
    /// The payload of a ping that is still to be answered.
    owed: Option<Vec<u8>>,
    closed: bool,
}

/// A message of which more is to be sent.
#[derive(Clone, Copy)]
struct Message {
    kind: Kind,
    compressed: bool,
    utf8: Utf8,
}

impl Outgoing {
    pub(crate) const fn new(keys: Option<Keys>, deflate: Option<Deflator>) -> Self {
        Self {
            keys,
            deflate,
            message: None,
            owed: None,
            closed: false,
        }
    }

    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Appends a frame's head; its payload has to follow.
    fn frame(
        &mut self,
        (opcode, fin, rsv1): (OpCode, bool, bool),
        length: usize,
        watched: &Watched,
        out: &mut Vec<u8>,
    ) -> Mask {
        let masking_key = self.keys.as_mut().map(Keys::next);
        let head = FrameHead {
            fin,
            rsv1,
            opcode,
            masking_key,
            length: length as u64,
        };
        watched.frame(true, &head);
        head.write(out);
        masking_key.map_or(Mask::NONE, Mask::new)
    }

    /// The next frame of a message: whether it is the first, and the message as it is before the frame.
    fn turn(&self, kind: Kind) -> Result<(bool, Message), Error> {
        if self.closed {
            return Err(Error::MisuseClosed);
        }
        match self.message {
            None => Ok((
                true,
                Message {
                    kind,
                    compressed: false,
                    utf8: Utf8::default(),
                },
            )),
            Some(message) if message.kind == kind => Ok((false, message)),
            Some(_) => Err(Error::MisuseOrder),
        }
    }

    /// Appends the head of a data frame that is not compressed.
    pub(crate) fn head(
        &mut self,
        (kind, last): (Kind, bool),
        payload: &[&[u8]],
        watched: &Watched,
        out: &mut Vec<u8>,
    ) -> Result<Mask, Error> {
        let (first, mut message) = self.turn(kind)?;
        if message.compressed {
            return Err(Error::MisuseOrder);
        }
        message.check(payload, last)?;
        let opcode = message.opcode(first);
        self.message = (!last).then_some(message);
        let length = payload.iter().map(|part| part.len()).sum();
        Ok(self.frame((opcode, last, false), length, watched, out))
    }

    /// Appends a data frame, compressed if that was agreed on and is worth it.
    pub(crate) fn send(
        &mut self,
        (kind, last): (Kind, bool),
        payload: &[&[u8]],
        watched: &Watched,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let (first, mut message) = self.turn(kind)?;
        let length = payload.iter().map(|part| part.len()).sum();
        let worth = |deflate: &Deflator| deflate.is_worth(length, last);
        message.compressed |= first && self.deflate.as_ref().is_some_and(worth);
        let Some(mut deflate) = self.deflate.take_if(|_| message.compressed) else {
            let mut mask = self.head((kind, last), payload, watched, out)?;
            for part in payload {
                append(part, &mut mask, out);
            }
            return Ok(());
        };
        let checked = message.check(payload, last);
        if checked.is_ok() {
            self.message = (!last).then_some(message);
            let compressed = deflate.message(payload, last);
            let opcode = message.opcode(first);
            let mut mask = self.frame((opcode, last, first), compressed.len(), watched, out);
            append(compressed, &mut mask, out);
        }
        self.deflate = Some(deflate);
        checked
    }

    /// Appends a control frame.
    pub(crate) fn control(
        &mut self,
        opcode: OpCode,
        payload: &[&[u8]],
        watched: &Watched,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if self.closed {
            return Err(Error::MisuseClosed);
        }
        let length = payload.iter().map(|part| part.len()).sum();
        if length as u64 > CONTROL {
            return Err(Error::MisuseControlTooLong);
        }
        self.closed = opcode == OpCode::CLOSE;
        let mut mask = self.frame((opcode, true, false), length, watched, out);
        for part in payload {
            append(part, &mut mask, out);
        }
        Ok(())
    }

    /// Appends a close frame; one without a code says nothing.
    pub(crate) fn close(
        &mut self,
        code: Option<CloseCode>,
        reason: &str,
        watched: &Watched,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        match code {
            None => self.control(OpCode::CLOSE, &[], watched, out),
            Some(code) if code.may_be_sent() => {
                let payload = [&code.0.to_be_bytes()[..], reason.as_bytes()];
                self.control(OpCode::CLOSE, &payload, watched, out)
            }
            Some(_) => Err(Error::MisuseCloseCode),
        }
    }

    /// A ping is to be answered, and no earlier one any more that was not.
    pub(crate) fn owe_pong(&mut self, payload: &[u8]) {
        let owed = self.owed.get_or_insert_default();
        owed.clear();
        owed.extend_from_slice(payload);
    }

    /// Answers the latest ping, if `out` has room for it.
    #[inline]
    pub(crate) fn pay_pong(&mut self, limits: &Limits, watched: &Watched, out: &mut Vec<u8>) {
        let room = out.len() <= limits.pong_backlog;
        if let Some(owed) = self.owed.take_if(|_| room) {
            // RFC 6455 5.5.2: no pong is due behind a close frame.
            let _ = self.control(OpCode::PONG, &[&owed], watched, out);
        }
    }
}

impl Message {
    const fn opcode(self, first: bool) -> OpCode {
        if first {
            self.kind.opcode()
        } else {
            OpCode::CONTINUATION
        }
    }

    fn check(&mut self, payload: &[&[u8]], last: bool) -> Result<(), Error> {
        if self.kind == Kind::Binary {
            return Ok(());
        }
        let fits = payload
            .iter()
            .all(|part| self.utf8.check(part) == part.len());
        if fits && (!last || self.utf8.is_complete()) {
            Ok(())
        } else {
            Err(Error::MisuseUtf8)
        }
    }
}

/// Piece by piece: what was just copied is masked while it is in the nearest cache.
fn append(payload: &[u8], mask: &mut Mask, out: &mut Vec<u8>) {
    out.reserve(payload.len());
    for piece in payload.chunks(PIECE) {
        let start = out.len();
        out.extend_from_slice(piece);
        mask.apply(&mut out[start..]);
    }
}
