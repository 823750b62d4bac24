//! The choice between representations (RFC 9110 12): weights, Accept, Accept-Encoding.

use super::{MediaType, list};
use crate::octets::{trim_end, trim_start};
use alloc::vec::Vec;

/// How much a client wants something (12.4.2), in thousandths; zero is "not acceptable".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u16);

impl Weight {
    /// What has no weight written.
    pub const FULL: Self = Self(1000);
    /// Not acceptable.
    pub const NONE: Self = Self(0);

    /// Thousandths, 0 to 1000.
    pub const fn thousandths(self) -> u16 {
        self.0
    }

    /// `"0" [ "." 0*3DIGIT ]` or `"1" [ "." 0*3"0" ]`
    fn parse(value: &[u8]) -> Option<Self> {
        let (whole, fraction) = match value {
            [whole, b'.', fraction @ ..] => (whole, fraction),
            [whole] => (whole, &[][..]),
            _ => return None,
        };
        let digits = fraction.len() <= 3 && fraction.iter().all(u8::is_ascii_digit);
        let digit = |at: usize| fraction.get(at).map_or(0, |digit| u16::from(digit - b'0'));
        let part = || digit(0) * 100 + digit(1) * 10 + digit(2);
        match whole {
            b'0' if digits => Some(Self(part())),
            b'1' if digits && part() == 0 => Some(Self::FULL),
            _ => None,
        }
    }
}

/// The elements of an Accept, Accept-Encoding or like field, in order: what stands before the weight, and
/// the weight. An element with a malformed weight is left out.
pub fn weighted(value: &[u8]) -> impl Iterator<Item = (&[u8], Weight)> {
    list::parts(value, b',').filter_map(|element| {
        let mut is_plain = list::outside_quotes();
        let ends = element
            .iter()
            .map(|&octet| is_plain(octet) && octet == b';');
        for (end, _) in ends.enumerate().filter(|(_, ends)| *ends) {
            let parameter = trim_start(&element[end + 1..]);
            if let [b'q' | b'Q', b'=', weight @ ..] = parameter {
                // Extensions behind the weight are of the past (12.5.1).
                let weight = list::parts(weight, b';').next().unwrap_or_default();
                return Weight::parse(weight).map(|weight| (trim_end(&element[..end]), weight));
            }
        }
        Some((element, Weight::FULL))
    })
}

/// How much a client wants a representation of this type (12.5.1): the weight of the most specific
/// range that the `lines` of its Accept fields have for it. Without any line everything is welcome.
///
/// ```
/// use netkit_http::semantics::{MediaType, Weight, media_type_weight};
///
/// let accept = [&b"text/*;q=0.3, text/html, */*;q=0.1"[..]];
/// let html = MediaType::parse(b"text/html;charset=utf-8").expect("a media type");
/// assert_eq!(media_type_weight(accept, &html), Weight::FULL);
/// ```
pub fn media_type_weight<'f>(
    lines: impl IntoIterator<Item = &'f [u8]>,
    of: &MediaType<'_>,
) -> Weight {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_none() {
        return Weight::FULL;
    }
    let ranges = lines.flat_map(weighted);
    let fitting = ranges.filter_map(|(range, weight)| {
        let range = MediaType::parse(range)?;
        specificity(&range, of).map(|specificity| (specificity, weight))
    });
    // Of two that are as specific, the first one counts.
    let best = fitting.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map_or(Weight::NONE, |(_, weight)| weight)
}

/// How precisely a media range is about this type, if it is; every parameter makes it preciser.
fn specificity(range: &MediaType<'_>, of: &MediaType<'_>) -> Option<usize> {
    if range.is("*", "*") {
        return Some(0);
    }
    if range.subtype() == "*" {
        return range.kind().eq_ignore_ascii_case(of.kind()).then_some(1);
    }
    let mut wanted = range.parameters();
    let has_all = wanted.all(|(name, value)| {
        // A charset has no case (8.3.2); other values may have.
        let same = |found: &str| {
            found == value || (name == "charset" && found.eq_ignore_ascii_case(&value))
        };
        of.parameter(name).is_some_and(|found| same(&found))
    });
    let fits = range.is(of.kind(), of.subtype()) && has_all;
    fits.then(|| 2 + range.parameters().count())
}

/// Which of `offers`, the best first, is the content coding to use for a client whose Accept-Encoding
/// fields are `lines` (12.5.3); `None` is to send the content as it is.
///
/// An offer that the client wants no less than content without any coding is used. Nothing is said by
/// no field at all: most who leave it out cannot decode.
///
/// ```
/// use netkit_http::semantics::content_coding;
///
/// assert_eq!(content_coding([&b"deflate, gzip;q=0.5"[..]], &["gzip", "deflate"]), Some("deflate"));
/// assert_eq!(content_coding([&b"br, identity"[..]], &["gzip"]), None);
/// ```
pub fn content_coding<'f, 'o>(
    lines: impl IntoIterator<Item = &'f [u8]>,
    offers: &[&'o str],
) -> Option<&'o str> {
    let elements: Vec<_> = lines.into_iter().flat_map(weighted).collect();
    let said = |name: &str| {
        let mut elements = elements.iter();
        let found = elements.find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, weight)| *weight)
    };
    // "gzip" has another name of the past (8.4.1.3), and "*" is every name that is not written.
    let weight = |name: &str| {
        let other = || (name == "gzip").then(|| said("x-gzip")).flatten();
        said(name).or_else(other).or_else(|| said("*"))
    };
    let plain = said("identity").unwrap_or(Weight::NONE);
    let wanted = offers.iter().filter_map(|&offer| {
        let weight = weight(offer).filter(|weight| *weight > Weight::NONE && *weight >= plain)?;
        Some((offer, weight))
    });
    let best = wanted.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(offer, _)| offer)
}

#[cfg(test)]
mod tests {
    use super::{Weight, content_coding, media_type_weight, weighted};
    use crate::semantics::MediaType;
    use alloc::{format, vec::Vec};
    use proptest::prelude::*;

    #[test]
    fn weights() {
        for (text, thousandths) in [
            ("0", 0),
            ("1", 1000),
            ("0.", 0),
            ("1.", 1000),
            ("1.000", 1000),
            ("0.5", 500),
            ("0.05", 50),
            ("0.007", 7),
            ("0.999", 999),
        ] {
            let weight = Weight::parse(text.as_bytes()).map(Weight::thousandths);
            assert_eq!(weight, Some(thousandths), "{text}");
        }
        for bad in [
            "", ".5", "2", "1.1", "1.001", "0.1234", "1.0000", "-0", "0,5", "0.a", "00", "0.5 ",
        ] {
            assert_eq!(Weight::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn elements_and_their_weights() {
        let list = "a;q=0.5, b ; Q=1 ,c;d=\";q=0\" ; q=0.25;x=y, e;q=2, f;q, g;level=1";
        let found: Vec<_> = weighted(list.as_bytes())
            .map(|(item, weight)| (str::from_utf8(item).unwrap(), weight.thousandths()))
            .collect();
        let expected = [
            ("a", 500),
            ("b", 1000),
            ("c;d=\";q=0\"", 250),
            ("f;q", 1000),
            ("g;level=1", 1000),
        ];
        assert_eq!(found, expected);
    }

    /// RFC 9110 12.5.1's table, and what else there is.
    #[test]
    fn the_most_specific_range_counts() {
        let accept = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, \
                      text/plain;format=fixed;q=0.4, */*;q=0.5";
        for (of, thousandths) in [
            ("text/plain;format=flowed", 1000),
            ("text/plain", 700),
            ("text/html", 300),
            ("image/jpeg", 500),
            ("text/plain;format=fixed", 400),
            ("text/html;level=3", 300),
            ("TEXT/PLAIN;a=b;format=fixed", 400),
        ] {
            let of = MediaType::parse(of.as_bytes()).unwrap();
            let weight = media_type_weight([accept.as_bytes()], &of);
            assert_eq!(weight.thousandths(), thousandths, "{of:?}");
        }
        let html = MediaType::parse(b"text/html;charset=UTF-8;a=B").unwrap();
        for (lines, thousandths) in [
            (&[][..], 1000),
            (&[""], 0),
            (&["image/*"], 0),
            (&["text/html;q=0, */*"], 0),
            (&["text/html;q=0.1", "text/html;q=0.2"], 100),
            (&["nonsense, */*;q=0.2"], 200),
            (&["text/html;charset=utf-8;q=0.4, text/*"], 400),
            (&["text/html;a=b;q=0.4, text/*;q=0.2"], 200),
            (&["*/html"], 0),
        ] {
            let weight = media_type_weight(lines.iter().map(|line: &&str| line.as_bytes()), &html);
            assert_eq!(weight.thousandths(), thousandths, "{lines:?}");
        }
    }

    #[test]
    fn codings() {
        for (lines, coding) in [
            (&[][..], None),
            (&[""], None),
            (&["gzip"], Some("gzip")),
            (&["GZip"], Some("gzip")),
            (&["x-gzip"], Some("gzip")),
            (&["deflate"], Some("deflate")),
            (&["gzip, deflate, br"], Some("gzip")),
            (&["deflate, gzip"], Some("gzip")),
            (&["deflate", "gzip;q=0.9"], Some("deflate")),
            (&["gzip;q=0"], None),
            (&["gzip;q=0, *"], Some("deflate")),
            (&["*"], Some("gzip")),
            (&["*;q=0"], None),
            (&["gzip;q=0.5, identity"], None),
            (&["gzip;q=0.5, identity;q=0.5"], Some("gzip")),
            (&["identity;q=0, *;q=0.1"], Some("gzip")),
            (&["br"], None),
            (&["gzip;q=x"], None),
        ] {
            let lines = lines.iter().map(|line: &&str| line.as_bytes());
            let found = content_coding(lines.clone(), &["gzip", "deflate"]);
            assert_eq!(found, coding, "{:?}", lines.collect::<Vec<_>>());
        }
        assert_eq!(content_coding([&b"gzip"[..]], &[]), None);
    }

    proptest! {
        #[test]
        fn every_weight_is_read(thousandths in 0u16..=1000) {
            let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
            prop_assert_eq!(Weight::parse(text.as_bytes()), Some(Weight(thousandths)));
            let element = format!("a/b;c=d ; q={text}");
            let found: Vec<_> = weighted(element.as_bytes()).collect();
            prop_assert_eq!(found, [(&b"a/b;c=d"[..], Weight(thousandths))]);
        }

        #[test]
        fn nothing_panics(value: Vec<u8>, text in "[a;,=q\"\\\\ /*.01]{0,30}") {
            let html = MediaType::parse(b"text/html").unwrap();
            for value in [&value[..], text.as_bytes()] {
                let _ = media_type_weight([value], &html);
                let _ = content_coding([value], &["gzip"]);
                if let Some(found) = MediaType::parse(value) {
                    let _ = found.parameters().count();
                }
            }
        }
    }
}
