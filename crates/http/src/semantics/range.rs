//! Parts of a representation (RFC 9110 14): ranges of octets.

use super::list;
use crate::octets::trim;
use core::{fmt, ops::Range};

/// What a request with a Range field is to be answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selected {
    /// All of it, status 200: the field is none that is understood, or asks for several parts, which 14.2
    /// allows to ignore.
    Whole,
    /// These octets, never empty, status 206.
    Part(Range<u64>),
    /// None that exist, status 416.
    Unsatisfiable,
}

/// What the Range field `value` selects of a representation of `length` octets (14.1.2).
///
/// ```
/// use netkit_http::semantics::{Selected, select};
///
/// assert_eq!(select(b"bytes=2-3", 10), Selected::Part(2..4));
/// assert_eq!(select(b"bytes=-3", 10), Selected::Part(7..10));
/// assert_eq!(select(b"bytes=10-", 10), Selected::Unsatisfiable);
/// ```
pub fn select(value: &[u8], length: u64) -> Selected {
    let Some(set) = after_unit(value, b'=') else {
        return Selected::Whole;
    };
    let mut specs = list::parts(set, b',');
    let (Some(spec), None) = (specs.next(), specs.next()) else {
        return Selected::Whole;
    };
    let Some(octets) = int_range(spec).or_else(|| suffix_range(spec, length)) else {
        return Selected::Whole;
    };
    let octets = octets.start..octets.end.min(length);
    if octets.is_empty() {
        Selected::Unsatisfiable
    } else {
        Selected::Part(octets)
    }
}

/// What stands behind `bytes` and `sign`. "All range unit names are case-insensitive": 14.1.
fn after_unit(value: &[u8], sign: u8) -> Option<&[u8]> {
    let (unit, rest) = value.split_at_checked(b"bytes".len())?;
    let rest = rest.strip_prefix(&[sign])?;
    unit.eq_ignore_ascii_case(b"bytes").then_some(rest)
}

/// `first-pos "-" [ last-pos ]`, where the end may be beyond every end.
fn int_range(spec: &[u8]) -> Option<Range<u64>> {
    let dash = spec.iter().position(|&octet| octet == b'-')?;
    let first = number(&spec[..dash])?;
    let last = match &spec[dash + 1..] {
        [] => u64::MAX,
        digits => number(digits)?,
    };
    (first <= last).then(|| first..last.saturating_add(1))
}

/// `"-" suffix-length`
fn suffix_range(spec: &[u8], length: u64) -> Option<Range<u64>> {
    let suffix = number(spec.strip_prefix(b"-")?)?;
    Some(length.saturating_sub(suffix)..length)
}

/// What does not fit is beyond the end of everything.
fn number(digits: &[u8]) -> Option<u64> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all.then(|| {
        let next = |number: u64, digit: &u8| {
            let shifted = number.checked_mul(10)?;
            shifted.checked_add(u64::from(digit - b'0'))
        };
        let exact = digits.iter().try_fold(0, next);
        exact.unwrap_or(u64::MAX)
    })
}

/// The value of a Content-Range field (14.4), in octets. `Display` writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentRange {
    /// With status 206: which octets of how many, if that is known.
    Part {
        /// Never empty.
        octets: Range<u64>,
        /// Of the whole representation.
        complete: Option<u64>,
    },
    /// With status 416: how many there are.
    Unsatisfied {
        /// Of the whole representation.
        complete: u64,
    },
}

impl ContentRange {
    /// Reads it; `None` for what is malformed, contradicts itself (14.4), or is not in octets.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let value = after_unit(trim(value), b' ')?;
        let slash = value.iter().position(|&octet| octet == b'/')?;
        let (range, complete) = (&value[..slash], &value[slash + 1..]);
        let complete = match complete {
            b"*" => None,
            digits => Some(exact(digits)?),
        };
        if range == b"*" {
            return complete.map(|complete| Self::Unsatisfied { complete });
        }
        let dash = range.iter().position(|&octet| octet == b'-')?;
        let (first, last) = (exact(&range[..dash])?, exact(&range[dash + 1..])?);
        let octets = first..last.checked_add(1)?;
        let fits = complete.is_none_or(|complete| octets.end <= complete);
        (!octets.is_empty() && fits).then_some(Self::Part { octets, complete })
    }
}

/// A number that fits.
fn exact(digits: &[u8]) -> Option<u64> {
    number(digits).filter(|number| *number < u64::MAX)
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part { octets, complete } => {
                write!(
                    f,
                    "bytes {}-{}/",
                    octets.start,
                    octets.end.saturating_sub(1)
                )?;
                match complete {
                    Some(complete) => write!(f, "{complete}"),
                    None => f.write_str("*"),
                }
            }
            Self::Unsatisfied { complete } => write!(f, "bytes */{complete}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ContentRange, Selected, select};
    use alloc::{format, string::ToString};
    use proptest::prelude::*;

    #[test]
    fn ranges_of_ten_octets() {
        let table = [
            ("bytes=0-0", Selected::Part(0..1)),
            ("bytes=0-9", Selected::Part(0..10)),
            ("Bytes=2-4", Selected::Part(2..5)),
            ("bytes=5-", Selected::Part(5..10)),
            ("bytes=9-", Selected::Part(9..10)),
            ("bytes=5-18446744073709551615", Selected::Part(5..10)),
            ("bytes=5-99999999999999999999999", Selected::Part(5..10)),
            ("bytes=-3", Selected::Part(7..10)),
            ("bytes=-30", Selected::Part(0..10)),
            ("bytes= 2-4 ,", Selected::Part(2..5)),
            ("bytes=10-", Selected::Unsatisfiable),
            ("bytes=10-20", Selected::Unsatisfiable),
            ("bytes=99999999999999999999999-", Selected::Unsatisfiable),
            ("bytes=-0", Selected::Unsatisfiable),
            ("bytes=4-2", Selected::Whole),
            ("bytes=-", Selected::Whole),
            ("bytes=--1", Selected::Whole),
            ("bytes=1--1", Selected::Whole),
            ("bytes=", Selected::Whole),
            ("bytes", Selected::Whole),
            ("bytes 0-1", Selected::Whole),
            ("bytes=a-b", Selected::Whole),
            ("bytes=+1-2", Selected::Whole),
            ("bytes=1 - 2", Selected::Whole),
            ("bytes=1-x", Selected::Whole),
            ("bytes=0-1,3-4", Selected::Whole),
            ("lines=0-1", Selected::Whole),
            ("", Selected::Whole),
        ];
        for (range, part) in table {
            assert_eq!(select(range.as_bytes(), 10), part, "{range}");
        }
        assert_eq!(select(b"bytes=0-", 0), Selected::Unsatisfiable);
        assert_eq!(select(b"bytes=-1", 0), Selected::Unsatisfiable);
    }

    #[test]
    fn content_ranges() {
        for text in [
            "bytes 0-0/1",
            "bytes 42-1233/1234",
            "bytes 0-4/*",
            "bytes */0",
        ] {
            let range = ContentRange::parse(text.as_bytes());
            assert_eq!(range.map(|range| range.to_string()).as_deref(), Some(text));
        }
        assert_eq!(
            ContentRange::parse(b" bytes 5-9/10 "),
            Some(ContentRange::Part {
                octets: 5..10,
                complete: Some(10)
            })
        );
        for bad in [
            "",
            "bytes",
            "bytes 0-4",
            "bytes 0-/5",
            "bytes -4/5",
            "bytes */*",
            "bytes 4-0/5",
            "bytes 0-5/5",
            "bytes 0-4/x",
            "bytes=0-4/5",
            "lines 0-4/5",
            "bytes 0-4/5/6",
            "bytes 0-18446744073709551615/*",
            "bytes 0-4/99999999999999999999",
            "bytes  0-4/5",
        ] {
            assert_eq!(ContentRange::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_selected_is_there(first: u64, last: u64, length: u64, suffix: bool) {
            let range = if suffix { format!("bytes=-{last}") } else { format!("bytes={first}-{last}") };
            if let Selected::Part(octets) = select(range.as_bytes(), length) {
                prop_assert!(octets.start < octets.end && octets.end <= length);
                let part = ContentRange::Part { octets, complete: Some(length) };
                let read = ContentRange::parse(part.to_string().as_bytes());
                prop_assert!(read == Some(part) || length == u64::MAX);
            }
        }

        #[test]
        fn nothing_panics(value: std::vec::Vec<u8>, text in "bytes[= ][0-9*,-]{0,9}/?[0-9*]{0,3}", length: u64) {
            let _ = select(&value, length);
            let _ = select(text.as_bytes(), length);
            let _ = ContentRange::parse(&value);
            let _ = ContentRange::parse(text.as_bytes());
        }
    }
}
