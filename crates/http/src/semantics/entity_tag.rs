//! Entity tags (RFC 9110 8.8.3).

use crate::octets::{trim, trim_start};
use core::fmt;

/// What tells two representations of a resource apart.
///
/// It has no `==`: [`strong_eq`](Self::strong_eq) and [`weak_eq`](Self::weak_eq) answer different questions.
/// `Display` writes it as a field has it.
#[derive(Clone, Copy)]
pub struct EntityTag<'a> {
    weak: bool,
    opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// The tag with `opaque` between its quotes; `None` if that has a control character, a space or a quote.
    pub fn new(weak: bool, opaque: &'a str) -> Option<Self> {
        let opaque = opaque.as_bytes();
        (length(opaque) == opaque.len()).then_some(Self { weak, opaque })
    }

    /// Reads the value of an ETag field.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        match Self::first(value)? {
            (tag, []) => Some(tag),
            _ => None,
        }
    }

    /// The tag that `octets` begin with, and what follows. "W/" is case-sensitive.
    fn first(octets: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, octets) = match octets.strip_prefix(b"W/") {
            Some(rest) => (true, rest),
            None => (false, octets),
        };
        let octets = octets.strip_prefix(b"\"")?;
        let (opaque, rest) = octets.split_at(length(octets));
        let rest = rest.strip_prefix(b"\"")?;
        Some((Self { weak, opaque }, rest))
    }

    /// The tags of a list, as If-Match has it; they end where the list stops being one. A tag may hold
    /// commas, and a backslash is nothing special in it.
    pub(super) fn list(mut rest: &'a [u8]) -> impl Iterator<Item = Self> {
        core::iter::from_fn(move || {
            while let [b',', behind @ ..] = trim_start(rest) {
                rest = behind;
            }
            let (tag, behind) = Self::first(trim_start(rest))?;
            rest = trim(behind);
            matches!(rest, [] | [b',', ..]).then_some(tag)
        })
    }

    /// Whether it promises no more than that representations mean the same (8.8.1).
    pub const fn is_weak(&self) -> bool {
        self.weak
    }

    /// Octet for octet the same representation (8.8.3.2).
    pub fn strong_eq(&self, other: &EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// As good as the same (8.8.3.2).
    pub fn weak_eq(&self, other: &EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

/// Leading octets that a tag may hold: visible characters but the quote, and whatever is not ASCII.
fn length(octets: &[u8]) -> usize {
    let legal = |octet: u8| octet > b' ' && octet != b'"' && octet != 0x7f;
    octets
        .iter()
        .position(|&octet| !legal(octet))
        .unwrap_or(octets.len())
}

impl fmt::Display for EntityTag<'_> {
    /// What is not ASCII is replaced by `?`; a tag that this side made has nothing of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.weak { "W/\"" } else { "\"" })?;
        for &octet in self.opaque {
            let c = if octet.is_ascii() { octet.into() } else { '?' };
            fmt::Write::write_char(f, c)?;
        }
        f.write_str("\"")
    }
}

impl fmt::Debug for EntityTag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::EntityTag;
    use alloc::{string::ToString, vec::Vec};

    fn tag(text: &str) -> EntityTag<'_> {
        EntityTag::parse(text.as_bytes()).unwrap()
    }

    /// RFC 9110 8.8.3.2's table.
    #[test]
    fn two_comparisons() {
        for (one, other, strong, weak) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "W/\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
            ("\"1\"", "\"2\"", false, false),
        ] {
            let (one, other) = (tag(one), tag(other));
            assert_eq!(one.strong_eq(&other), strong, "{one} {other}");
            assert_eq!(one.weak_eq(&other), weak, "{one} {other}");
        }
        assert!(tag("W/\"1\"").is_weak() && !tag("\"1\"").is_weak());
    }

    #[test]
    fn what_is_a_tag() {
        for text in ["\"\"", "W/\"\"", "\"a,b\"", "\"a\\\"", "\"!#~\""] {
            assert_eq!(tag(text).to_string(), text);
        }
        assert_eq!(EntityTag::parse(b"\"\x80\"").unwrap().to_string(), "\"?\"");
        for bad in [
            "", "a", "\"", "\"a", "a\"", "w/\"a\"", "W\"a\"", "W/ \"a\"", "\"a b\"", "\"a\tb\"",
            "\"\x7f\"", "\"\0\"", "\"a\"b", "\"a\" ", "*",
        ] {
            assert!(EntityTag::parse(bad.as_bytes()).is_none(), "{bad}");
        }
        assert_eq!(
            EntityTag::new(true, "a-1").unwrap().to_string(),
            "W/\"a-1\""
        );
        assert!(EntityTag::new(false, "a\"b").is_none() && EntityTag::new(false, "a b").is_none());
    }

    #[test]
    fn lists_of_tags() {
        let table: [(&str, &[&str]); 9] = [
            ("", &[]),
            (" , ,", &[]),
            ("\"a\"", &["\"a\""]),
            ("\"a\",W/\"b\" ,\t\"c,d\"", &["\"a\"", "W/\"b\"", "\"c,d\""]),
            (", \"a\" , ,\"b\",", &["\"a\"", "\"b\""]),
            ("\"a\\\", \"b\"", &["\"a\\\"", "\"b\""]),
            ("\"a\", b, \"c\"", &["\"a\""]),
            ("\"a\" \"b\"", &[]),
            ("*", &[]),
        ];
        for (list, expected) in table {
            let found: Vec<_> = EntityTag::list(list.as_bytes())
                .map(|tag| tag.to_string())
                .collect();
            assert_eq!(found, expected, "{list}");
        }
    }
}
