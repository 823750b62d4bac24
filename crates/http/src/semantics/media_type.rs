//! Media types (RFC 9110 8.3.1).

use super::list;
use crate::octets::{is_token, trim_end};
use alloc::{borrow::Cow, string::String};
use core::fmt;

/// A media type as Content-Type has it, or a media range as Accept has it: `text/html;charset=utf-8`.
#[derive(Clone, Copy)]
pub struct MediaType<'a> {
    kind: &'a str,
    subtype: &'a str,
    /// Behind the first semicolon.
    parameters: &'a [u8],
}

impl<'a> MediaType<'a> {
    /// Reads it. Parameters that are malformed are left out when they are looked at.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let end = value.iter().position(|&octet| octet == b';');
        let (essence, parameters) = match end {
            Some(end) => (&value[..end], &value[end + 1..]),
            None => (value, &[][..]),
        };
        let slash = essence.iter().position(|&octet| octet == b'/')?;
        let token = |octets: &'a [u8]| {
            let text = core::str::from_utf8(octets).ok()?;
            is_token(octets).then_some(text)
        };
        Some(Self {
            kind: token(&essence[..slash])?,
            subtype: token(trim_end(&essence[slash + 1..]))?,
            parameters,
        })
    }

    /// Before the slash, in the case that it came in.
    pub const fn kind(&self) -> &'a str {
        self.kind
    }

    /// Behind the slash, in the case that it came in.
    pub const fn subtype(&self) -> &'a str {
        self.subtype
    }

    /// Whether it is `kind/subtype`, in any case and with any parameters.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    /// The value of the first parameter with this name, in any case, without its quotes.
    pub fn parameter(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut all = self.parameters();
        let found = all.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        Some(found.1)
    }

    /// Names and values in order, without the malformed ones (5.6.6).
    pub fn parameters(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> + use<'a> {
        list::parts(self.parameters, b';').filter_map(|part| {
            let text = core::str::from_utf8(part).ok()?;
            // "no whitespace around the equals sign": 5.6.6.
            let (name, value) = text.split_once('=')?;
            let value = unquoted(value)?;
            is_token(name.as_bytes()).then_some((name, value))
        })
    }
}

/// A token, or what a quoted string (5.6.4) stands for.
fn unquoted(value: &str) -> Option<Cow<'_, str>> {
    if is_token(value.as_bytes()) {
        return Some(Cow::Borrowed(value));
    }
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains(['\\', '"']) {
        return Some(Cow::Borrowed(inner));
    }
    let mut plain = String::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => return None,
            '\\' => plain.push(rest.next()?),
            c => plain.push(c),
        }
    }
    Some(Cow::Owned(plain))
}

impl fmt::Debug for MediaType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.subtype)?;
        for (name, value) in self.parameters() {
            write!(f, ";{name}={value:?}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::MediaType;
    use alloc::{format, vec::Vec};

    /// RFC 9110 8.3.1: "all equivalent".
    #[test]
    fn one_type_in_four_spellings() {
        for text in [
            "text/html;charset=utf-8",
            "Text/HTML;Charset=\"utf-8\"",
            "text/html; charset=\"utf-8\"",
            "text/html ;; CHARSET=\"u\\tf-8\"; x",
        ] {
            let found = MediaType::parse(text.as_bytes()).unwrap();
            assert!(
                found.is("text", "html") && !found.is("text", "plain"),
                "{text}"
            );
            assert!(!found.is("html", "html"));
            assert_eq!(
                found.parameter("charset").as_deref(),
                Some("utf-8"),
                "{text}"
            );
            assert_eq!(found.parameter("x"), None);
        }
        let found = MediaType::parse(b"image/svg+xml").unwrap();
        assert_eq!((found.kind(), found.subtype()), ("image", "svg+xml"));
    }

    #[test]
    fn parameters() {
        let found = MediaType::parse(b"a/b;c=\"d;e\\\"\";f = g;h=i;j=\"k;l=m").unwrap();
        let all: Vec<_> = found.parameters().collect();
        assert_eq!(all, [("c", "d;e\"".into()), ("h", "i".into())]);
        assert_eq!(format!("{found:?}"), "a/b;c=\"d;e\\\"\";h=\"i\"");
        for bad in [
            "a/b;c",
            "a/b;c=",
            "a/b;=d",
            "a/b;c=\"d",
            "a/b;c=\"d\"e\"",
            "a/b;c=\"d\\",
            "a/b;c=\"\\\"",
            "a/b;c=\x7f",
        ] {
            let found = MediaType::parse(bad.as_bytes()).unwrap();
            assert_eq!(found.parameters().count(), 0, "{bad}");
        }
    }

    #[test]
    fn what_is_no_type() {
        for bad in [
            "",
            "text",
            "text/",
            "/html",
            "text /html",
            "text/ html",
            "te(xt/html",
            "text/html/x",
            "text/\u{e9}",
        ] {
            assert!(MediaType::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
