//! Handshake messages out of records: several in one, or one across several (RFC 9846 5.1).

use crate::{error::Error, messages::HEADER_LEN};
use alloc::vec::Vec;
use core::ops::Range;

/// Proof that no octet of a further message has arrived: only then may a key change.
#[derive(Debug)]
pub(crate) struct Aligned(());

/// Collects handshake messages.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    octets: Vec<u8>,
    /// Where the first message that has not been taken begins.
    start: usize,
}

impl Joiner {
    /// Appends the content of a handshake record.
    pub(crate) fn push(&mut self, fragment: &[u8]) {
        self.octets.drain(..self.start);
        self.start = 0;
        self.octets.extend_from_slice(fragment);
    }

    /// Where the next whole message stands, header included. A message over `limit` is refused by
    /// its header, before its body arrives.
    pub(crate) fn take(&mut self, limit: usize) -> Result<Option<Range<usize>>, Error> {
        let rest = &self.octets[self.start..];
        let Some(&[_kind, a, b, c]) = rest.first_chunk::<HEADER_LEN>() else {
            return Ok(None);
        };
        let length = HEADER_LEN + u32::from_be_bytes([0, a, b, c]) as usize;
        if length > limit {
            return Err(Error::PeerTooMany("octets in one handshake message"));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let place = self.start..self.start + length;
        self.start = place.end;
        Ok(Some(place))
    }

    /// The octets of a message that was taken since the last [`push`](Self::push).
    pub(crate) fn octets(&self, place: Range<usize>) -> &[u8] {
        &self.octets[place]
    }

    /// Whether everything that arrived has been taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.octets.len()
    }

    /// The proof that a key may change, if nothing is left.
    pub(crate) fn aligned(&self) -> Option<Aligned> {
        self.is_empty().then_some(Aligned(()))
    }

    /// Gives back the memory of messages that have been taken.
    pub(crate) fn rest(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Joiner;
    use crate::{error::Error, limits::MAX_HANDSHAKE_MESSAGE};
    use alloc::{vec, vec::Vec};

    fn take(joiner: &mut Joiner) -> Option<Vec<u8>> {
        let place = joiner.take(MAX_HANDSHAKE_MESSAGE).unwrap()?;
        Some(joiner.octets(place).to_vec())
    }

    #[test]
    fn joins_and_separates_and_knows_when_keys_may_change() {
        let mut joiner = Joiner::default();
        assert!(joiner.aligned().is_some());
        joiner.push(&[20, 0, 0, 1, 9, 24, 0]);
        assert_eq!(take(&mut joiner), Some(vec![20, 0, 0, 1, 9]));
        assert_eq!(take(&mut joiner), None);
        assert!(joiner.aligned().is_none());
        joiner.rest();
        assert!(joiner.octets.capacity() > 0, "what is left is kept");
        joiner.push(&[0, 1]);
        assert_eq!(take(&mut joiner), None);
        joiner.push(&[0]);
        assert_eq!(take(&mut joiner), Some(vec![24, 0, 0, 1, 0]));
        assert!(joiner.aligned().is_some());
        joiner.push(&[20, 0, 0, 0]);
        assert_eq!(take(&mut joiner), Some(vec![20, 0, 0, 0]));
        joiner.rest();
        assert_eq!(joiner.octets.capacity(), 0, "nothing left, no memory held");
    }

    #[test]
    fn refuses_a_long_message_by_its_header() {
        let header = |length: usize| {
            let mut header = (length as u32).to_be_bytes();
            header[0] = 11;
            header
        };
        let mut joiner = Joiner::default();
        joiner.push(&header(MAX_HANDSHAKE_MESSAGE - 4));
        assert_eq!(joiner.take(MAX_HANDSHAKE_MESSAGE), Ok(None));
        let mut joiner = Joiner::default();
        joiner.push(&header(MAX_HANDSHAKE_MESSAGE - 3));
        assert!(matches!(
            joiner.take(MAX_HANDSHAKE_MESSAGE),
            Err(Error::PeerTooMany(_))
        ));
    }
}
