/// Checks text that comes in pieces, wherever they are cut (RFC 6455 8.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Utf8 {
    /// The beginning of a character whose end is still to come.
    begun: [u8; 4],
    length: usize,
}

impl Utf8 {
    /// How many of `octets` can be part of UTF-8 text behind what was checked before. If that is not
    /// all of them, the next one cannot, whatever follows.
    pub(crate) fn check(&mut self, octets: &[u8]) -> usize {
        let mut at = 0;
        while self.length > 0 {
            let Some(&octet) = octets.get(at) else {
                return at;
            };
            if !self.push(octet) {
                return at;
            }
            at += 1;
        }
        match core::str::from_utf8(&octets[at..]) {
            Ok(_) => octets.len(),
            Err(error) => {
                at += error.valid_up_to();
                while at < octets.len() && self.push(octets[at]) {
                    at += 1;
                }
                at
            }
        }
    }

    /// Whether the text may end here: not inside a character.
    pub(crate) const fn is_complete(&self) -> bool {
        self.length == 0
    }

    /// One more octet of a character; whether it can be.
    fn push(&mut self, octet: u8) -> bool {
        self.begun[self.length] = octet;
        self.length += 1;
        match core::str::from_utf8(&self.begun[..self.length]) {
            Ok(_) => self.length = 0,
            Err(error) if error.error_len().is_none() => {}
            Err(_) => {
                self.length -= 1;
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Utf8;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// How many octets are accepted one at a time.
    fn slowly(octets: &[u8]) -> (usize, bool) {
        let mut utf8 = Utf8::default();
        let good = octets
            .iter()
            .take_while(|octet| utf8.check(&[**octet]) == 1)
            .count();
        (good, utf8.is_complete())
    }

    #[test]
    fn what_cannot_be_is_refused_at_its_octet() {
        for (octets, good) in [
            (&b"abc\xff"[..], 3),
            (b"\xc0\xaf", 0),
            (b"\xe0\x80\x80", 1),
            (b"\xed\xa0\x80", 1),
            (b"\xf4\x90\x80\x80", 1),
            (b"\xf5\x80", 0),
            (b"a\xe2\x82(", 3),
            (b"\x80", 0),
        ] {
            assert_eq!(Utf8::default().check(octets), good, "{octets:x?}");
            assert_eq!(slowly(octets).0, good, "{octets:x?}");
        }
    }

    #[test]
    fn text_must_not_end_inside_a_character() {
        let euro = "\u{20ac}".as_bytes();
        let mut utf8 = Utf8::default();
        assert_eq!(utf8.check(&euro[..2]), 2);
        assert!(!utf8.is_complete());
        assert_eq!(utf8.check(&euro[2..]), 1);
        assert!(utf8.is_complete());
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_library_wherever_text_is_cut(
            octets in prop_oneof![
                any::<Vec<u8>>(),
                any::<alloc::string::String>().prop_map(Vec::from),
                proptest::collection::vec(prop_oneof![Just(0xe2), Just(0xf0), 0x80u8..0xc0, Just(b'a')], 0..12),
            ],
            cut in any::<prop::sample::Index>(),
        ) {
            let (front, back) = octets.split_at(cut.index(octets.len() + 1));
            let mut utf8 = Utf8::default();
            let mut good = utf8.check(front);
            if good == front.len() {
                good += utf8.check(back);
            }
            prop_assert_eq!((good, utf8.is_complete()), slowly(&octets));
            let whole = good == octets.len() && utf8.is_complete();
            prop_assert_eq!(whole, core::str::from_utf8(&octets).is_ok());
        }
    }
}
