//! The header of a gzip member (RFC 1952 2.3), octet by octet.

use crate::Error;
use flate2::Crc;

const FHCRC: u8 = 1 << 1;
const FEXTRA: u8 = 1 << 2;
const FNAME: u8 = 1 << 3;
const FCOMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0xe0;

/// ID1, ID2 and CM: gzip, and deflate in it.
pub(super) const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// Octets of the part that every header has.
pub(super) const FIXED: u32 = 10;

/// What of a header has been read.
#[derive(Debug)]
pub(super) struct Header {
    part: Part,
    flags: u8,
    /// Octets so far.
    length: u32,
    /// Of the octets before [`Part::Check`].
    crc: Crc,
}

/// What the next octet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Fixed,
    /// The lower octet of XLEN.
    ExtraLength,
    /// The upper one, and what the lower one was.
    ExtraLengthHigh(u8),
    /// So many octets of the extra field are left.
    Extra(u16),
    Name,
    Comment,
    /// The lower octet of CRC16.
    Check,
    /// The upper one.
    CheckHigh,
    End,
}

impl Header {
    pub(super) fn new() -> Self {
        Self {
            part: Part::Fixed,
            flags: 0,
            length: 0,
            crc: Crc::new(),
        }
    }

    /// Takes the next octet; whether it was the last one. A header longer than `limit` is refused.
    pub(super) fn next(&mut self, octet: u8, limit: u32) -> Result<bool, Error> {
        if self.length >= limit {
            return Err(Error::PeerGzipHeaderTooLong);
        }
        // 2.3.1: "CRC16 [...] of the gzip header, up to and not including the CRC16".
        let [low, high, ..] = self.crc.sum().to_le_bytes();
        let then = match self.part {
            Part::Fixed => self.fixed(octet)?,
            Part::ExtraLength => Part::ExtraLengthHigh(octet),
            Part::ExtraLengthHigh(low) => self.extra(u16::from_le_bytes([low, octet])),
            Part::Extra(left) => self.extra(left - 1),
            Part::Name if octet == 0 => self.behind(FNAME),
            Part::Comment if octet == 0 => self.behind(FCOMMENT),
            part @ (Part::Name | Part::Comment) => part,
            Part::Check if octet == low => Part::CheckHigh,
            Part::CheckHigh if octet == high => Part::End,
            Part::Check | Part::CheckHigh | Part::End => return Err(Error::PeerGzipHeader),
        };
        if !matches!(self.part, Part::Check | Part::CheckHigh) {
            self.crc.update(&[octet]);
        }
        self.part = then;
        self.length += 1;
        Ok(then == Part::End)
    }

    fn fixed(&mut self, octet: u8) -> Result<Part, Error> {
        let legal = match self.length {
            at @ 0..=2 => octet == MAGIC[at as usize],
            3 => octet & RESERVED == 0,
            // MTIME, XFL and OS say nothing about the content.
            _ => true,
        };
        if !legal {
            return Err(Error::PeerGzipHeader);
        }
        if self.length == 3 {
            self.flags = octet;
        }
        Ok(if self.length + 1 == FIXED {
            self.behind(0)
        } else {
            Part::Fixed
        })
    }

    fn extra(&self, left: u16) -> Part {
        if left == 0 {
            self.behind(FEXTRA)
        } else {
            Part::Extra(left)
        }
    }

    /// What follows the part with this flag.
    fn behind(&self, flag: u8) -> Part {
        let order = [
            (FEXTRA, Part::ExtraLength),
            (FNAME, Part::Name),
            (FCOMMENT, Part::Comment),
            (FHCRC, Part::Check),
        ];
        let passed = order.iter().position(|row| row.0 == flag);
        let rest = order.iter().skip(passed.map_or(0, |at| at + 1));
        let mut next = rest.filter(|row| self.flags & row.0 != 0);
        next.next().map_or(Part::End, |row| row.1)
    }
}

#[cfg(test)]
mod tests {
    use super::Header;
    use crate::Error;
    use alloc::vec::Vec;

    /// Octets of the header that `input` begins with; none if it does not end there.
    fn read(input: &[u8], limit: u32) -> Result<Option<usize>, Error> {
        let mut header = Header::new();
        for (at, &octet) in input.iter().enumerate() {
            if header.next(octet, limit)? {
                return Ok(Some(at + 1));
            }
        }
        Ok(None)
    }

    const PLAIN: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\xff";

    fn with(flags: u8, more: &[u8]) -> Vec<u8> {
        let mut header = PLAIN.to_vec();
        header[3] = flags;
        header.extend_from_slice(more);
        header
    }

    #[test]
    fn headers_end_where_their_flags_say() {
        for (flags, more) in [
            (0, &b""[..]),
            (1, b""), // FTEXT is a hint.
            (4, b"\0\0"),
            (4, b"\x03\0abc"),
            (8, b"name\0"),
            (8, b"\0"),
            (16, b"comment\0"),
            (4 | 8 | 16, b"\x01\0\0n\0c\0"),
        ] {
            let mut header = with(flags, more);
            let length = header.len();
            for end in 0..length {
                assert_eq!(read(&header[..end], 100), Ok(None), "{flags} {end}");
            }
            header.push(b'x');
            assert_eq!(read(&header, 100), Ok(Some(length)), "{flags}");
            assert_eq!(read(&header, length as u32), Ok(Some(length)));
            let short = Err(Error::PeerGzipHeaderTooLong);
            assert_eq!(read(&header, length as u32 - 1), short);
        }
        let mut long = with(4, b"\x00\x01");
        long.resize(long.len() + 256, b'x');
        assert_eq!(read(&long, 1000), Ok(Some(long.len())));
    }

    #[test]
    fn the_check_of_a_header() {
        let mut header = with(2 | 8, b"n\0");
        let mut crc = flate2::Crc::new();
        crc.update(&header);
        header.extend_from_slice(&crc.sum().to_le_bytes()[..2]);
        assert_eq!(read(&header, 100), Ok(Some(header.len())));
        for at in [header.len() - 1, header.len() - 2, 4, 10] {
            let mut wrong = header.clone();
            wrong[at] ^= 1;
            assert_eq!(read(&wrong, 100), Err(Error::PeerGzipHeader), "{at}");
        }
    }

    #[test]
    fn what_is_no_header() {
        for (at, octet) in [
            (0, 0x1e),
            (1, 0x8c),
            (2, 7),
            (3, 0x20),
            (3, 0x40),
            (3, 0x80),
        ] {
            let mut header = PLAIN.to_vec();
            header[at] = octet;
            assert_eq!(read(&header, 100), Err(Error::PeerGzipHeader), "{at}");
        }
    }
}
