use crate::{Fields, Slot};
use core::ops::Range;

/// What one call of `recv` saw. `H` is the head of the role: [`RequestHead`](crate::RequestHead) on
/// a server, [`ResponseHead`](crate::ResponseHead) on a client.
///
/// A message is `Head (Data)* [Trailers] End`; a response may have `Interim`s in front. `NeedData`,
/// `Waiting`, `Switched` and `Closed` end a run of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'b, H> {
    /// Call again when more octets have arrived.
    NeedData,
    /// Server: the request is complete; call again when the response is. A pipelined request stays
    /// unread until then, so no response can overtake another (RFC 9112 9.3.2).
    Waiting,
    /// The head of a message.
    Head(H),
    /// Client: the head of a 1xx response; the final response is still to come (RFC 9110 15.2).
    Interim(H),
    /// Octets of the content, transfer coding removed.
    Data(&'b [u8]),
    /// The trailer section behind a chunked body, if it has fields. They are not to be merged into
    /// the header fields (RFC 9110 6.5.1).
    Trailers(Fields<'b>),
    /// The message is complete.
    End,
    /// The connection is no longer HTTP/1.1: unused input belongs to the tunnel or the protocol that
    /// was switched to (RFC 9110 7.8, 9.3.6).
    Switched,
    /// No further message is to come. What still arrives is dropped (RFC 9112 9.6).
    Closed,
}

/// The same as [`Event`] with places in the input: for an owner that splits its buffer instead of
/// borrowing from it. `L` is [`RequestRanges`](crate::RequestRanges) or
/// [`ResponseRanges`](crate::ResponseRanges).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<L> {
    /// See [`Event::NeedData`].
    NeedData,
    /// See [`Event::Waiting`].
    Waiting,
    /// See [`Event::Head`].
    Head(L),
    /// See [`Event::Interim`].
    Interim(L),
    /// See [`Event::Data`].
    Data(Range<usize>),
    /// See [`Event::Trailers`]: the number of slots filled.
    Trailers(usize),
    /// See [`Event::End`].
    End,
    /// See [`Event::Switched`].
    Switched,
    /// See [`Event::Closed`].
    Closed,
}

impl<L> Found<L> {
    /// The event, lent from the input and slots of the call.
    #[inline]
    pub(crate) fn lend<'b, H>(
        self,
        input: &'b [u8],
        slots: &'b [Slot],
        head: impl FnOnce(L, &'b [u8], &'b [Slot]) -> H,
    ) -> Event<'b, H> {
        match self {
            Self::NeedData => Event::NeedData,
            Self::Waiting => Event::Waiting,
            Self::Head(ranges) => Event::Head(head(ranges, input, slots)),
            Self::Interim(ranges) => Event::Interim(head(ranges, input, slots)),
            Self::Data(range) => Event::Data(&input[range]),
            Self::Trailers(count) => Event::Trailers(Fields::new(input, &slots[..count])),
            Self::End => Event::End,
            Self::Switched => Event::Switched,
            Self::Closed => Event::Closed,
        }
    }
}
