use alloc::vec::Vec;

/// The received octets that a machine has not eaten yet.
///
/// The owner of a machine reads from its transport into [`space`](Self::space), says how much
/// arrived with [`filled`](Self::filled), offers [`unread`](Self::unread) to the machine and drops
/// what the machine used with [`consume`](Self::consume).
///
/// Space stays initialised between reads, so a busy connection neither allocates nor clears memory;
/// [`rest`](Self::rest) gives the buffer back when the connection goes idle with nothing unread.
#[derive(Default)]
pub struct Inbox {
    /// Initialised to its whole length; the unread part is `start..end`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    /// An inbox that holds nothing and has allocated nothing.
    pub const fn new() -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    /// Number of unread octets.
    pub const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether everything received has been consumed.
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The unread octets. A machine may open or unmask them in place.
    #[inline]
    pub fn unread(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.end]
    }

    /// At least `want` octets of room behind the unread ones, to read into.
    ///
    /// Moves the unread octets to the front, or grows the buffer, only when room is short.
    #[inline]
    pub fn space(&mut self, want: usize) -> &mut [u8] {
        if self.buffer.len() - self.end < want {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.buffer.len() - self.end < want {
                self.buffer.resize(self.end + want, 0);
            }
        }
        &mut self.buffer[self.end..]
    }

    /// Says that the first `count` octets of [`space`](Self::space) were received.
    ///
    /// # Panics
    /// If `count` exceeds the space.
    #[inline]
    pub fn filled(&mut self, count: usize) {
        assert!(
            count <= self.buffer.len() - self.end,
            "more octets filled than there was space for"
        );
        self.end += count;
    }

    /// Appends a copy of `octets`.
    pub fn extend(&mut self, octets: &[u8]) {
        self.space(octets.len())[..octets.len()].copy_from_slice(octets);
        self.filled(octets.len());
    }

    /// Drops the first `used` unread octets.
    ///
    /// # Panics
    /// If `used` exceeds [`len`](Self::len).
    #[inline]
    pub fn consume(&mut self, used: usize) {
        assert!(used <= self.len(), "more octets consumed than were unread");
        self.start += used;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Gives the buffer back if nothing is unread: an idle connection holds no buffer.
    pub fn rest(&mut self) {
        if self.is_empty() {
            *self = Self::new();
        }
    }

    /// Octets of memory that the inbox holds.
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }
}

/// Shows sizes only: the octets may be secret.
impl core::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inbox")
            .field("unread", &self.len())
            .field("capacity", &self.capacity())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Inbox;

    #[test]
    fn keeps_order_while_it_moves_and_grows() {
        let mut inbox = Inbox::new();
        let mut expected = alloc::collections::VecDeque::new();
        for round in 0..200usize {
            let piece: alloc::vec::Vec<u8> = (0..round % 13).map(|i| (round + i) as u8).collect();
            inbox.extend(&piece);
            expected.extend(piece);
            let eat = inbox.len().min(round % 11);
            assert!(inbox.unread()[..eat].iter().eq(expected.iter().take(eat)));
            inbox.consume(eat);
            expected.drain(..eat);
            assert_eq!(inbox.len(), expected.len());
        }
        assert!(inbox.unread().iter().eq(expected.iter()));
    }

    #[test]
    fn an_idle_inbox_holds_no_buffer() {
        let mut inbox = Inbox::new();
        inbox.extend(b"abc");
        inbox.rest();
        assert_eq!(inbox.unread(), b"abc", "rest must not drop unread octets");
        inbox.consume(3);
        assert!(inbox.capacity() > 0);
        inbox.rest();
        assert_eq!(inbox.capacity(), 0);
    }

    #[test]
    #[should_panic(expected = "more octets consumed")]
    fn refuses_to_consume_what_never_arrived() {
        let mut inbox = Inbox::new();
        inbox.extend(b"ab");
        inbox.consume(3);
    }
}
