use crate::Reader;
use core::fmt;

/// One element of DER (X.690 8.1, 10.1): a tag of one octet and a content of definite length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// The identifier octet: class, constructed bit and number.
    pub tag: u8,
    /// The content octets.
    pub content: &'a [u8],
    /// The whole element, header included.
    pub octets: &'a [u8],
}

/// The octets are not DER: they end early, a length is not in its shortest form or indefinite, or
/// a tag has more than one octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotDer;

impl fmt::Display for NotDer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not DER")
    }
}

impl core::error::Error for NotDer {}

impl<'a> Reader<'a> {
    /// The next element. A failed read takes nothing.
    #[inline]
    pub fn tlv(&mut self) -> Result<Tlv<'a>, NotDer> {
        /// A number of 31 and more follows in octets of its own (X.690 8.1.2.4).
        const HIGH_NUMBER: u8 = 0x1f;
        let &[tag, first, ref rest @ ..] = self.rest() else {
            return Err(NotDer);
        };
        if tag & HIGH_NUMBER == HIGH_NUMBER {
            return Err(NotDer);
        }
        let (header, length) = match first {
            0..=0x7f => (2, usize::from(first)),
            _ => long(first, rest).ok_or(NotDer)?,
        };
        let end = header.checked_add(length).ok_or(NotDer)?;
        let octets = self.bytes(end).map_err(|_| NotDer)?;
        let content = octets.get(header..).ok_or(NotDer)?;
        Ok(Tlv {
            tag,
            content,
            octets,
        })
    }

    /// The tag of the next element, if there is one.
    pub fn next_tag(&self) -> Option<u8> {
        self.rest().first().copied()
    }
}

/// Octets of a header whose length has the long form, and the length that it announces: `first` says how
/// many octets of `rest` it has.
fn long(first: u8, rest: &[u8]) -> Option<(usize, usize)> {
    // X.690 10.1: "the minimum number of octets".
    match (first, rest) {
        (0x81, &[a @ 0x80..=0xff, ..]) => Some((3, usize::from(a))),
        (0x82, &[a @ 1..=0xff, b, ..]) => Some((4, usize::from(u16::from_be_bytes([a, b])))),
        (0x83, &[a @ 1..=0xff, b, c, ..]) => {
            Some((5, usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?))
        }
        (0x84, &[a @ 1..=0xff, b, c, d, ..]) => {
            Some((6, usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{NotDer, Tlv};
    use crate::Reader;
    use alloc::vec;

    #[test]
    fn elements_follow_each_other() {
        let mut reader = Reader::new(&[0x30, 2, 5, 0, 4, 0]);
        assert_eq!(reader.next_tag(), Some(0x30));
        let outer = reader.tlv().unwrap();
        assert_eq!((outer.tag, outer.content), (0x30, &[5, 0][..]));
        assert_eq!(outer.octets, [0x30, 2, 5, 0]);
        let empty = Tlv {
            tag: 4,
            content: &[],
            octets: &[4, 0],
        };
        assert_eq!(reader.tlv(), Ok(empty));
        assert_eq!(reader.next_tag(), None);
        assert_eq!(reader.tlv(), Err(NotDer));
    }

    #[test]
    fn a_length_has_its_shortest_form() {
        for (header, length) in [
            (&[4, 127][..], 127),
            (&[4, 0x81, 128], 128),
            (&[4, 0x81, 255], 255),
            (&[4, 0x82, 1, 0], 256),
            (&[4, 0x82, 0xff, 0xff], 65_535),
            (&[4, 0x83, 1, 0, 0], 65_536),
        ] {
            let mut octets = header.to_vec();
            octets.resize(header.len() + length, 7);
            let read = Reader::new(&octets).tlv();
            assert_eq!(read.map(|read| read.content.len()), Ok(length));
            octets.pop();
            assert_eq!(Reader::new(&octets).tlv(), Err(NotDer), "cut: {length}");
        }
        for header in [
            &[4, 0x80][..],
            &[4, 0x81, 127],
            &[4, 0x82, 0, 255],
            &[4, 0x83, 0, 1, 0],
            &[4, 0x84, 0, 1, 0, 0],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[4, 0x85, 1, 0, 0, 0, 0],
            &[0x1f, 1],
        ] {
            let mut octets = header.to_vec();
            octets.extend(vec![7; 70_000]);
            let mut reader = Reader::new(&octets);
            assert_eq!(reader.tlv(), Err(NotDer), "{header:?}");
            assert_eq!(reader.len(), octets.len(), "a failed read takes nothing");
        }
    }
}
