//! Octets of a stream between the network and the owner.

use alloc::{vec, vec::Vec};
use core::ops::Range;

/// A buffer of octets that grows with what is put into it. What is put beyond `len` has gaps: who puts
/// it remembers where.
#[derive(Default)]
pub(crate) struct Buffer {
    /// Its length is a power of two or zero.
    octets: Vec<u8>,
    head: usize,
    len: usize,
}

impl Buffer {
    /// Octets that are there without a gap.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Puts `data` at `at` octets behind the front.
    pub(crate) fn put(&mut self, at: usize, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        self.reserve(at + data.len());
        let range = self.place(at);
        let (first, rest) = data.split_at(data.len().min(self.octets.len() - range));
        self.octets[range..range + first.len()].copy_from_slice(first);
        self.octets[..rest.len()].copy_from_slice(rest);
    }

    /// Says that `count` octets more are there without a gap.
    pub(crate) fn extend(&mut self, count: usize) {
        self.len += count;
        debug_assert!(self.len <= self.octets.len());
    }

    /// The octets of `range`, in two pieces.
    pub(crate) fn slices(&self, range: Range<usize>) -> (&[u8], &[u8]) {
        if range.is_empty() {
            return (&[], &[]);
        }
        let (start, length) = (self.place(range.start), range.len());
        let first = length.min(self.octets.len() - start);
        (
            &self.octets[start..start + first],
            &self.octets[..length - first],
        )
    }

    /// Drops `count` octets off the front.
    pub(crate) fn consume(&mut self, count: usize) {
        self.len -= count;
        if count > 0 {
            self.head = self.place(count);
        }
    }

    /// Gives the memory back.
    pub(crate) fn release(&mut self) {
        *self = Self::default();
    }

    /// Octets of memory held.
    pub(crate) const fn capacity(&self) -> usize {
        self.octets.capacity()
    }

    const fn place(&self, at: usize) -> usize {
        (self.head + at) & (self.octets.len() - 1)
    }

    fn reserve(&mut self, size: usize) {
        let old = self.octets.len();
        if size <= old {
            return;
        }
        let mut octets = vec![0; size.next_power_of_two().max(2048)];
        octets[..old - self.head].copy_from_slice(&self.octets[self.head..]);
        octets[old - self.head..old].copy_from_slice(&self.octets[..self.head]);
        self.octets = octets;
        self.head = 0;
    }
}

/// Shows sizes only: the octets may be secret.
impl core::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Buffer")
            .field("len", &self.len)
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Buffer;
    use std::{collections::VecDeque, vec::Vec};

    #[test]
    fn keeps_order_while_it_wraps_and_grows() {
        let mut buffer = Buffer::default();
        let mut expected = VecDeque::new();
        for round in 0..2000usize {
            let piece: Vec<u8> = (0..round % 37).map(|i| (round + i) as u8).collect();
            buffer.put(buffer.len(), &piece);
            buffer.extend(piece.len());
            expected.extend(piece);
            let eat = buffer.len().min(round % 35);
            let (first, rest) = buffer.slices(0..eat);
            assert!(first.iter().chain(rest).eq(expected.iter().take(eat)));
            buffer.consume(eat);
            expected.drain(..eat);
            assert_eq!(buffer.len(), expected.len());
        }
        let (first, rest) = buffer.slices(0..buffer.len());
        assert!(first.iter().chain(rest).eq(expected.iter()));
    }

    #[test]
    fn what_lies_beyond_a_gap_stays_while_the_ring_grows() {
        let mut buffer = Buffer::default();
        buffer.put(0, b"ab");
        buffer.extend(2);
        buffer.consume(1);
        buffer.put(5000, b"xyz");
        buffer.put(1, &[b'.'; 4999]);
        buffer.extend(5002);
        let (first, rest) = buffer.slices(5000..5003);
        assert_eq!([first, rest].concat(), b"xyz");
        assert_eq!(buffer.slices(0..2).0, b"b.");
    }
}
