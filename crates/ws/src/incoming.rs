//! What this side hears.

use crate::{
    CloseCode, Error, Found, FrameHead, Kind, Limits, Mask, OpCode, Place, coding::Inflator,
    utf8::Utf8, watch::Watched,
};
use alloc::vec::Vec;
use core::ops::Range;
use netkit_core::Step;

/// The receiving half of a connection.
pub(crate) struct Incoming {
    /// RFC 6455 5.1: a server's frames come masked, a client's do not.
    masked: bool,
    inflate: Option<Inflator>,
    awaits: Awaits,
    message: Option<Message>,
}

/// What comes next.
enum Awaits {
    Head,
    Payload(Payload),
    /// Nothing: the peer's close frame was its last.
    Nothing,
}

/// A message of which more is to come.
struct Message {
    kind: Kind,
    compressed: bool,
    utf8: Utf8,
    /// Octets so far, inflated.
    length: u64,
    /// Octets of its frames, as their heads say.
    framed: u64,
}

/// What is left of a data frame.
struct Payload {
    left: u64,
    fin: bool,
    mask: Mask,
    /// Octets at the front that are unmasked already.
    opened: usize,
}

/// Some of a data frame.
struct Piece {
    used: usize,
    /// Nothing of the frame is left.
    over: bool,
    fault: Option<Error>,
}

/// What one call found, and what is wrong with what follows it.
pub(crate) struct Heard {
    pub(crate) step: Step<Found>,
    pub(crate) fault: Option<Error>,
}

impl Heard {
    const fn well(used: usize, found: Found) -> Self {
        Self {
            step: Step::new(used, found),
            fault: None,
        }
    }
}

impl Incoming {
    pub(crate) const fn new(masked: bool, inflate: Option<Inflator>) -> Self {
        Self {
            masked,
            inflate,
            awaits: Awaits::Head,
            message: None,
        }
    }

    /// Whether the peer has said close.
    pub(crate) const fn is_closed(&self) -> bool {
        matches!(self.awaits, Awaits::Nothing)
    }

    pub(crate) fn step(
        &mut self,
        limits: &Limits,
        watched: &Watched,
        input: &mut [u8],
        inflated: &mut Vec<u8>,
    ) -> Result<Heard, Error> {
        let mut used = 0;
        loop {
            match &self.awaits {
                Awaits::Nothing => return Ok(Heard::well(input.len(), Found::Closed)),
                Awaits::Payload(_) => {
                    if let Some(heard) = self.payload(limits, &mut used, input, inflated)? {
                        return Ok(heard);
                    }
                }
                Awaits::Head => {
                    let Some((head, length)) = FrameHead::read(&input[used..])? else {
                        return Ok(Heard::well(used, Found::NeedData));
                    };
                    self.check(&head, limits)?;
                    if !head.opcode.is_control() {
                        self.begin(&head, limits)?;
                        used += length;
                    } else if ((input.len() - used - length) as u64) < head.length {
                        return Ok(Heard::well(used, Found::NeedData));
                    }
                    watched.frame(false, &head);
                    if head.opcode.is_control() {
                        // A control frame's length was bounded.
                        let payload = used + length..used + length + head.length as usize;
                        return self.control(&head, payload, input);
                    }
                }
            }
        }
    }

    /// What the roles and the extensions say about every frame.
    fn check(&self, head: &FrameHead, limits: &Limits) -> Result<(), Error> {
        match head.masking_key {
            None if self.masked => return Err(Error::PeerUnmasked),
            Some(_) if !self.masked => return Err(Error::PeerMasked),
            _ => {}
        }
        // RFC 7692 6: on the first frame of a message only.
        let first = matches!(head.opcode, OpCode::TEXT | OpCode::BINARY);
        if head.rsv1 && (self.inflate.is_none() || !first) {
            return Err(Error::PeerReservedBit);
        }
        if head.length > limits.frame {
            return Err(Error::PeerFrameTooLong);
        }
        Ok(())
    }

    /// RFC 6455 5.4: what a data frame is, in or outside a message.
    fn begin(&mut self, head: &FrameHead, limits: &Limits) -> Result<(), Error> {
        let kind = match (&self.message, head.opcode) {
            (None, OpCode::TEXT) => Some(Kind::Text),
            (None, OpCode::BINARY) => Some(Kind::Binary),
            (Some(_), OpCode::CONTINUATION) => None,
            (None, _) => return Err(Error::PeerContinuation),
            (Some(_), _) => return Err(Error::PeerInterleaved),
        };
        if let Some(kind) = kind {
            self.message = Some(Message {
                kind,
                compressed: head.rsv1,
                utf8: Utf8::default(),
                length: 0,
                framed: 0,
            });
        }
        if let Some(message) = &mut self.message {
            message.framed = message.framed.saturating_add(head.length);
            if !message.compressed && message.framed > limits.message {
                return Err(Error::PeerMessageTooLong);
            }
        }
        self.awaits = Awaits::Payload(Payload {
            left: head.length,
            fin: head.fin,
            mask: head.masking_key.map_or(Mask::NONE, Mask::new),
            opened: 0,
        });
        Ok(())
    }

    /// More of a data frame, behind the `used` octets; `None` if it was empty and over.
    fn payload(
        &mut self,
        limits: &Limits,
        used: &mut usize,
        input: &mut [u8],
        inflated: &mut Vec<u8>,
    ) -> Result<Option<Heard>, Error> {
        let (Awaits::Payload(payload), Some(message)) = (&mut self.awaits, &mut self.message)
        else {
            return Ok(None);
        };
        let rest = &mut input[*used..];
        let inflate = self.inflate.as_mut().filter(|_| message.compressed);
        let piece = match inflate {
            Some(inflate) => payload.inflate(inflate, rest, inflated),
            None => payload.take(rest),
        };
        let bytes = if message.compressed {
            &inflated[..]
        } else {
            &rest[..piece.used]
        };
        let over = piece.over && payload.fin;
        let (good, fault) = message.accept(bytes, over, limits);
        let fault = fault.or(piece.fault);
        let (kind, last) = (message.kind, over && fault.is_none());
        let place = if message.compressed {
            inflated.truncate(good);
            Place::Inflated
        } else {
            Place::Input(*used..*used + good)
        };
        *used += piece.used;
        if piece.over {
            self.awaits = Awaits::Head;
        }
        if over {
            self.message = None;
        }
        match fault {
            _ if good > 0 || last => Ok(Some(Heard {
                step: Step::new(*used, Found::Data { kind, place, last }),
                fault,
            })),
            Some(fault) => Err(fault),
            None if piece.over => Ok(None),
            None => Ok(Some(Heard::well(*used, Found::NeedData))),
        }
    }

    /// A whole control frame.
    fn control(
        &mut self,
        head: &FrameHead,
        payload: Range<usize>,
        input: &mut [u8],
    ) -> Result<Heard, Error> {
        let (used, octets) = (payload.end, &mut input[payload.clone()]);
        head.masking_key.map_or(Mask::NONE, Mask::new).apply(octets);
        let found = match head.opcode {
            OpCode::PING => Found::Ping(payload),
            OpCode::PONG => Found::Pong(payload),
            _ => {
                let code = close_code(octets)?;
                self.awaits = Awaits::Nothing;
                let reason = payload.end.min(payload.start + 2)..payload.end;
                Found::Closing { code, reason }
            }
        };
        Ok(Heard::well(used, found))
    }
}

/// RFC 6455 5.5.1: nothing, or a code and a reason in UTF-8.
fn close_code(payload: &[u8]) -> Result<Option<CloseCode>, Error> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(None),
            _ => Err(Error::PeerCloseLength),
        };
    };
    let code = CloseCode(u16::from_be_bytes(*code));
    if !code.may_be_sent() {
        return Err(Error::PeerCloseCode);
    }
    if core::str::from_utf8(reason).is_err() {
        return Err(Error::PeerUtf8);
    }
    Ok(Some(code))
}

impl Message {
    /// How many of `bytes` are good, and what is wrong with the next, or with the end.
    fn accept(&mut self, bytes: &[u8], last: bool, limits: &Limits) -> (usize, Option<Error>) {
        let (room, fault) = self.room(limits);
        let (mut good, mut fault) = match usize::try_from(room) {
            Ok(room) if bytes.len() > room => (room, Some(fault)),
            _ => (bytes.len(), None),
        };
        if self.kind == Kind::Text {
            let valid = self.utf8.check(&bytes[..good]);
            let cut = last && fault.is_none() && !self.utf8.is_complete();
            if valid < good || cut {
                (good, fault) = (valid, Some(Error::PeerUtf8));
            }
        }
        self.length += good as u64;
        (good, fault)
    }

    /// How much longer the message may become, and what it is if it does.
    fn room(&self, limits: &Limits) -> (u64, Error) {
        let ratio = self.framed.saturating_mul(limits.inflate_ratio);
        let ratio = ratio.max(limits.inflated_free);
        if self.compressed && ratio < limits.message {
            (ratio - self.length, Error::PeerInflatesTooMuch)
        } else {
            (limits.message - self.length, Error::PeerMessageTooLong)
        }
    }
}

impl Payload {
    /// As much as is there.
    fn take(&mut self, input: &mut [u8]) -> Piece {
        let used = self.here(input);
        self.mask.apply(&mut input[..used]);
        self.left -= used as u64;
        Piece {
            used,
            over: self.left == 0,
            fault: None,
        }
    }

    /// As much as fits into `inflated` when it is inflated.
    fn inflate(
        &mut self,
        inflate: &mut Inflator,
        input: &mut [u8],
        inflated: &mut Vec<u8>,
    ) -> Piece {
        let here = self.here(input);
        if self.opened < here {
            self.mask.apply(&mut input[self.opened..here]);
            self.opened = here;
        }
        let last = self.fin && here as u64 == self.left;
        let ran = inflate.run(&input[..here], last, inflated);
        self.left -= ran.used as u64;
        self.opened -= ran.used;
        Piece {
            used: ran.used,
            over: self.left == 0 && ran.drained,
            fault: ran.fault,
        }
    }

    /// How many octets of the payload are in `input`.
    fn here(&self, input: &[u8]) -> usize {
        usize::try_from(self.left).map_or(input.len(), |left| left.min(input.len()))
    }
}
