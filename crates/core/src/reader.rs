use core::fmt;

/// A cursor over bytes whose lengths a peer chose: every read is checked, every nested block must
/// end exactly, and integers are big-endian.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

/// Why bytes do not have the shape that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadError {
    /// A field extends past the end of its block.
    Short,
    /// A block goes on after its last field.
    Trailing,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "a field extends past the end of its block",
            Self::Trailing => "a block goes on after its last field",
        })
    }
}

impl core::error::Error for ReadError {}

impl<'a> Reader<'a> {
    /// Reads from the front of `bytes`.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// What has not been read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether everything has been read.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Number of octets not read yet.
    #[inline]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The next `count` octets.
    #[inline]
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], ReadError> {
        let (head, tail) = self.bytes.split_at_checked(count).ok_or(ReadError::Short)?;
        self.bytes = tail;
        Ok(head)
    }

    /// The next `N` octets as an array.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let (head, tail) = self.bytes.split_first_chunk().ok_or(ReadError::Short)?;
        self.bytes = tail;
        Ok(*head)
    }

    /// One octet.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, ReadError> {
        self.array().map(u8::from_be_bytes)
    }

    /// Two octets.
    #[inline]
    pub fn u16(&mut self) -> Result<u16, ReadError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Three octets.
    #[inline]
    pub fn u24(&mut self) -> Result<u32, ReadError> {
        self.array()
            .map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// Four octets.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, ReadError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight octets.
    #[inline]
    pub fn u64(&mut self) -> Result<u64, ReadError> {
        self.array().map(u64::from_be_bytes)
    }

    /// The content of a block behind a one-octet length.
    pub fn block_u8(&mut self) -> Result<&'a [u8], ReadError> {
        let count = self.u8()?;
        self.bytes(usize::from(count))
    }

    /// The content of a block behind a two-octet length.
    pub fn block_u16(&mut self) -> Result<&'a [u8], ReadError> {
        let count = self.u16()?;
        self.bytes(usize::from(count))
    }

    /// The content of a block behind a three-octet length.
    pub fn block_u24(&mut self) -> Result<&'a [u8], ReadError> {
        let count = self.u24()?;
        self.bytes(count as usize)
    }

    /// Ends the block: an error if anything is left.
    pub const fn end(&self) -> Result<(), ReadError> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(ReadError::Trailing)
        }
    }

    /// Reads the whole of `bytes` with `read`; anything left over is an error.
    pub fn whole<T, E: From<ReadError>>(
        bytes: &'a [u8],
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut reader = Self::new(bytes);
        let value = read(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    /// Reads a block behind a one-octet length with `read`, which must read all of it.
    pub fn nested_u8<T, E: From<ReadError>>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        Self::whole(self.block_u8()?, read)
    }

    /// Reads a block behind a two-octet length with `read`, which must read all of it.
    pub fn nested_u16<T, E: From<ReadError>>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        Self::whole(self.block_u16()?, read)
    }

    /// Reads a block behind a three-octet length with `read`, which must read all of it.
    pub fn nested_u24<T, E: From<ReadError>>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        Self::whole(self.block_u24()?, read)
    }
}

#[cfg(test)]
mod tests {
    use super::{ReadError, Reader};

    #[test]
    fn integers_are_big_endian() {
        let mut reader = Reader::new(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.u16(), Ok(0x0203));
        assert_eq!(reader.u24(), Ok(0x0004_0506));
        assert_eq!(reader.u32(), Ok(0x0708_090a));
        assert_eq!(reader.u8(), Err(ReadError::Short));
        assert_eq!(Reader::new(&[0, 0, 0, 0, 0, 0, 1, 0]).u64(), Ok(256));
    }

    #[test]
    fn a_failed_read_takes_nothing() {
        let mut reader = Reader::new(&[9, 9]);
        assert_eq!(reader.bytes(3), Err(ReadError::Short));
        assert_eq!(reader.u32(), Err(ReadError::Short));
        assert_eq!(reader.len(), 2);
        assert_eq!(reader.bytes(2), Ok(&[9, 9][..]));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn nested_blocks_end_exactly() {
        let two = |reader: &mut Reader<'_>| reader.u16();
        assert_eq!(Reader::new(&[2, 0, 7]).nested_u8(two), Ok(7));
        assert_eq!(Reader::new(&[0, 2, 0, 7]).nested_u16(two), Ok(7));
        assert_eq!(Reader::new(&[0, 0, 2, 0, 7]).nested_u24(two), Ok(7));
        assert_eq!(
            Reader::new(&[3, 0, 7, 1]).nested_u8(two),
            Err(ReadError::Trailing)
        );
        assert_eq!(
            Reader::new(&[3, 0, 7]).nested_u8(two),
            Err(ReadError::Short)
        );
        assert_eq!(Reader::whole(&[0, 7, 0], two), Err(ReadError::Trailing));
    }
}
