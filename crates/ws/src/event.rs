use crate::{CloseCode, OpCode};
use core::ops::Range;

/// What a message consists of (RFC 6455 5.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8, which is checked as it arrives.
    Text,
    /// Octets.
    Binary,
}

impl Kind {
    pub(crate) const fn opcode(self) -> OpCode {
        match self {
            Self::Text => OpCode::TEXT,
            Self::Binary => OpCode::BINARY,
        }
    }
}

/// What one call of `recv` saw.
///
/// A message is one or more `Data`, the last of which says so; nothing but `Ping`, `Pong` and `Closing`
/// comes between them. `NeedData` and `Closed` end a run of calls.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'b> {
    /// Call again when more octets have arrived.
    NeedData,
    /// Octets of a message, unmasked and inflated. Those of a text may end inside a character, but
    /// none of them is wrong.
    Data {
        /// The message's kind.
        kind: Kind,
        /// Never empty but at the end of a message.
        bytes: &'b mut [u8],
        /// The message is complete.
        last: bool,
    },
    /// A ping: the pong that answers it is in `out`, or will be.
    Ping(&'b [u8]),
    /// A pong, asked for or not.
    Pong(&'b [u8]),
    /// The peer's close frame; it is answered, unless it is the answer.
    Closing {
        /// Why; none if the peer does not say.
        code: Option<CloseCode>,
        /// UTF-8, for logs.
        reason: &'b str,
    },
    /// Both sides have said close. What still arrives is dropped.
    Closed,
}

/// The same as [`Event`] with places in the input: for an owner that splits its buffer instead of
/// borrowing from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// See [`Event::NeedData`].
    NeedData,
    /// See [`Event::Data`].
    Data {
        /// The message's kind.
        kind: Kind,
        /// Where the octets are.
        place: Place,
        /// The message is complete.
        last: bool,
    },
    /// See [`Event::Ping`].
    Ping(Range<usize>),
    /// See [`Event::Pong`].
    Pong(Range<usize>),
    /// See [`Event::Closing`].
    Closing {
        /// Why.
        code: Option<CloseCode>,
        /// Where the reason is: UTF-8.
        reason: Range<usize>,
    },
    /// See [`Event::Closed`].
    Closed,
}

/// Where the octets of a message are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the input, unmasked.
    Input(Range<usize>),
    /// They are all that the buffer for inflated octets holds.
    Inflated,
}

impl Place {
    /// The octets there.
    #[inline]
    pub fn lend<'b>(self, input: &'b mut [u8], inflated: &'b mut [u8]) -> &'b mut [u8] {
        match self {
            Self::Input(range) => &mut input[range],
            Self::Inflated => inflated,
        }
    }
}

impl Found {
    /// The event, lent from the buffers of the call.
    #[inline]
    pub(crate) fn lend<'b>(self, input: &'b mut [u8], inflated: &'b mut [u8]) -> Event<'b> {
        match self {
            Self::NeedData => Event::NeedData,
            Self::Data { kind, place, last } => Event::Data {
                kind,
                bytes: place.lend(input, inflated),
                last,
            },
            Self::Ping(range) => Event::Ping(&input[range]),
            Self::Pong(range) => Event::Pong(&input[range]),
            Self::Closing { code, reason } => Event::Closing {
                code,
                // It was checked to be UTF-8.
                reason: core::str::from_utf8(&input[reason]).unwrap_or_default(),
            },
            Self::Closed => Event::Closed,
        }
    }
}
