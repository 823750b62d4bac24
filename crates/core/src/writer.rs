use alloc::vec::Vec;
use core::fmt;

/// Appends big-endian integers and length-prefixed blocks. Nesting on the wire is nesting in code:
///
/// ```
/// use netkit_core::{TooLong, Writer};
/// let mut out = Vec::new();
/// out.nested_u16(|out| {
///     out.u8(7);
///     out.nested_u8(|out| {
///         out.bytes(b"ab");
///         Ok(())
///     })
/// })?;
/// assert_eq!(out, [0, 4, 7, 2, b'a', b'b']);
/// # Ok::<(), TooLong>(())
/// ```
pub trait Writer {
    /// Appends `octets` as they are.
    fn bytes(&mut self, octets: &[u8]);

    /// Appends one octet.
    #[inline]
    fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    /// Appends two octets.
    #[inline]
    fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    /// Appends four octets.
    #[inline]
    fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// Appends eight octets.
    #[inline]
    fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    /// Appends what `write` appends, behind its one-octet length.
    fn nested_u8(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), TooLong>,
    ) -> Result<(), TooLong>;

    /// Appends what `write` appends, behind its two-octet length.
    fn nested_u16(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), TooLong>,
    ) -> Result<(), TooLong>;

    /// Appends what `write` appends, behind its three-octet length.
    fn nested_u24(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), TooLong>,
    ) -> Result<(), TooLong>;
}

/// A block's content does not fit the length field in front of it. What was written of it stays:
/// the whole message is to be thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a block does not fit the length field in front of it")
    }
}

impl core::error::Error for TooLong {}

/// Writes a block behind a length of `N` octets.
fn nested<const N: usize>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>,
) -> Result<(), TooLong> {
    let at = out.len();
    out.extend_from_slice(&[0; N]);
    write(out)?;
    let length = (out.len() - at - N) as u64;
    let octets = length.to_be_bytes();
    let (high, low) = octets.split_at(octets.len() - N);
    if high.iter().any(|&octet| octet != 0) {
        return Err(TooLong);
    }
    out[at..at + N].copy_from_slice(low);
    Ok(())
}

impl Writer for Vec<u8> {
    #[inline]
    fn bytes(&mut self, octets: &[u8]) {
        self.extend_from_slice(octets);
    }

    fn nested_u8(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        nested::<1>(self, write)
    }

    fn nested_u16(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        nested::<2>(self, write)
    }

    fn nested_u24(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        nested::<3>(self, write)
    }
}

#[cfg(test)]
mod tests {
    use super::{TooLong, Writer};
    use alloc::{vec, vec::Vec};

    #[test]
    fn a_block_fills_its_length_field_but_never_overflows_it() {
        for (length, result) in [(0, Ok(())), (255, Ok(())), (256, Err(TooLong))] {
            let mut out = Vec::new();
            let wrote = out.nested_u8(|out| {
                out.bytes(&vec![1; length]);
                Ok(())
            });
            assert_eq!(wrote, result, "{length}");
            if wrote.is_ok() {
                assert_eq!(usize::from(out[0]), length);
                assert_eq!(out.len(), length + 1);
            }
        }
        let mut out = Vec::new();
        assert_eq!(
            out.nested_u16(|out| {
                out.bytes(&vec![1; 65_536]);
                Ok(())
            }),
            Err(TooLong)
        );
        let mut out = Vec::new();
        assert_eq!(
            out.nested_u24(|out| {
                out.bytes(&vec![1; 65_536]);
                Ok(())
            }),
            Ok(())
        );
        assert_eq!(out[..3], [1, 0, 0]);
    }

    #[test]
    fn integers_are_big_endian() {
        let mut out = Vec::new();
        out.u8(1);
        out.u16(2);
        out.u32(3);
        out.u64(4);
        assert_eq!(out, [1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4]);
    }
}
