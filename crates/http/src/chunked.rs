//! Chunk-size lines (RFC 9112 7.1).

use crate::{
    Error,
    error::Fault,
    octets::{is_ows, token_length, trim_start},
};
use alloc::vec::Vec;

/// What stands behind the data of a chunk.
pub(crate) const CHUNK_END: &[u8] = b"\r\n";

/// The size in the line at the front, which has no extension, is not the last, and fits a `u16`; and the
/// octets of the line, with its CRLF. Any other line is left to [`parse_line`].
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "a chunk's place is the next one's start: through memory it comes late"
)]
pub(crate) fn clean_line(input: &[u8]) -> Option<(usize, usize)> {
    let mut size = 0;
    for (digits, &octet) in input.iter().enumerate().take(DIGITS + 1) {
        if !IS_HEX_DIGIT[usize::from(octet)] {
            let end = digits + CHUNK_END.len();
            return (size > 0 && input.get(digits..end)? == CHUNK_END).then_some((size, end));
        }
        size = size << 4 | usize::from(hex_value(octet));
    }
    None
}

/// Hexadecimal digits of a `u16`.
const DIGITS: usize = 4;

/// Whether each octet is a hexadecimal digit. The next chunk's place waits for the value of a digit, but not
/// for the look into this table.
static IS_HEX_DIGIT: [bool; 256] = {
    let mut digits = [false; 256];
    let mut octet = 0;
    while octet < digits.len() {
        digits[octet] = (octet as u8).is_ascii_hexdigit();
        octet += 1;
    }
    digits
};

/// What a hexadecimal digit is worth: the letters follow each other from 0x41 and 0x61.
const fn hex_value(digit: u8) -> u8 {
    (digit & 0xf) + 9 * (digit >> 6)
}

/// Reads `chunk-size [ chunk-ext ]`: the size and the octets of the extensions.
pub(crate) fn parse_line(line: &[u8]) -> Result<(u64, usize), Fault> {
    let mut size = 0u64;
    let mut digits = 0;
    while let Some(&digit) = line.get(digits).filter(|octet| octet.is_ascii_hexdigit()) {
        // "MUST anticipate potentially large hexadecimal numerals": 7.1.
        if size >> 60 != 0 {
            return Err(Error::PeerChunkSize.at(digits));
        }
        size = size << 4 | u64::from(hex_value(digit));
        digits += 1;
    }
    let extensions = &line[digits..];
    let begins_one = |octet: &u8| is_ows(*octet) || *octet == b';';
    if digits == 0 || !extensions.first().is_none_or(begins_one) {
        return Err(Error::PeerChunkSize.at(digits));
    }
    match extension_fault(extensions) {
        Some(at) => Err(Error::PeerChunkExtension.at(digits + at)),
        None => Ok((size, extensions.len())),
    }
}

/// Where `extensions` break RFC 9112 7.1.1: `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`.
fn extension_fault(extensions: &[u8]) -> Option<usize> {
    let mut rest = extensions;
    let at = |rest: &[u8]| Some(extensions.len() - rest.len());
    while !rest.is_empty() {
        let Some(behind) = after_sign(rest, b';') else {
            return at(trim_start(rest));
        };
        let name = token_length(behind);
        if name == 0 {
            return at(behind);
        }
        rest = &behind[name..];
        if let Some(value) = after_sign(rest, b'=') {
            let length = token_length(value).max(quoted_length(value));
            if length == 0 {
                return at(value);
            }
            rest = &value[length..];
        }
    }
    None
}

/// What stands behind `BWS sign BWS`.
fn after_sign(octets: &[u8], sign: u8) -> Option<&[u8]> {
    let behind = trim_start(octets).strip_prefix(&[sign])?;
    Some(trim_start(behind))
}

/// Octets of the quoted-string (RFC 9110 5.6.4) in front; zero when there is none.
fn quoted_length(octets: &[u8]) -> usize {
    let mut escaped = false;
    for (at, &octet) in octets.iter().enumerate() {
        match octet {
            b'"' if at == 0 => {}
            _ if at == 0 => return 0,
            b'\t' | b' '..=b'~' | 0x80.. if escaped => escaped = false,
            b'"' => return at + 1,
            b'\\' => escaped = true,
            b'\t' | b' '..=b'~' | 0x80.. => {}
            _ => return 0,
        }
    }
    0
}

/// Appends the size line of a chunk of `size` octets.
pub(crate) fn write_line(size: u64, out: &mut Vec<u8>) {
    let digits = (64 - size.leading_zeros()).div_ceil(4).max(1);
    out.extend((0..digits).rev().map(|digit| {
        let nibble = (size >> (4 * digit) & 0xf) as usize;
        b"0123456789abcdef"[nibble]
    }));
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::{parse_line, write_line};
    use crate::Error;
    use alloc::vec::Vec;

    #[test]
    fn sizes() {
        for (line, size) in [
            (&b"0"[..], 0),
            (b"000A", 10),
            (b"a", 10),
            (b"ffffffffffffffff", u64::MAX),
            (b"0000000000000000000000005", 5),
            (b"5;a", 5),
            (b"5;a=b;c=\"d;\\\"e\";f", 5),
            (b"5 ; a = b", 5),
            (b"5\t;\ta\t=\t\"\x80\"", 5),
        ] {
            assert_eq!(parse_line(line).map(|(size, _)| size), Ok(size), "{line:?}");
        }
        assert_eq!(parse_line(b"5;ab").map(|(_, extensions)| extensions), Ok(3));
    }

    #[test]
    fn not_sizes() {
        for (line, at) in [
            (&b""[..], 0),
            (b"0x5", 1),
            (b"+5", 0),
            (b"-5", 0),
            (b"\t5", 0),
            (b"G", 0),
            (b"5\0", 1),
            (b"5\x0b", 1),
            (b"\xb5", 0),
            (b"5_", 1),
            (b"10000000000000005", 16),
            (b"00000000ffffffffffffffff0", 24),
        ] {
            assert_eq!(
                parse_line(line),
                Err(Error::PeerChunkSize.at(at)),
                "{line:?}"
            );
        }
    }

    #[test]
    fn not_extensions() {
        for (line, at) in [
            (&b"5 "[..], 2),
            (b"5 abc", 2),
            (b"5 5", 2),
            (b"5;", 2),
            (b"5;a;", 4),
            (b"5;a ", 4),
            (b"5;=b", 2),
            (b"5;a=", 4),
            (b"5;a=\"b", 4),
            (b"5;a=\"b\"c", 7),
            (b"5;a=\"\\", 4),
            (b"5;a=\"\0\"", 4),
            (b"5;a\rb", 3),
            (b"5;a\0b", 3),
            (b"5;a b", 4),
            (b"5;a=\"\\\x7f\"", 4),
        ] {
            assert_eq!(
                parse_line(line),
                Err(Error::PeerChunkExtension.at(at)),
                "{line:?}"
            );
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for size in [
            1,
            15,
            16,
            255,
            256,
            u64::from(u32::MAX),
            u64::MAX >> 4,
            u64::MAX,
        ] {
            let mut out = Vec::new();
            write_line(size, &mut out);
            assert_ne!(out[0], b'0', "{size}");
            let line = out.strip_suffix(b"\r\n").unwrap_or_default();
            assert_eq!(parse_line(line), Ok((size, 0)));
        }
    }
}
