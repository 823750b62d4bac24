//! Conditional requests (RFC 9110 13).

use super::{EntityTag, HttpDate};
use crate::octets::trim;
use alloc::vec::Vec;

/// What tells the selected representation from earlier and other ones (RFC 9110 8.8).
#[derive(Debug, Clone, Copy, Default)]
pub struct Validators<'a> {
    /// Its entity tag.
    pub etag: Option<EntityTag<'a>>,
    /// When it was last modified.
    pub last_modified: Option<HttpDate>,
}

/// What a request's conditions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The method is to be performed.
    Perform {
        /// Whether a Range field counts: the method is GET, and If-Range, if there is one, holds.
        range: bool,
    },
    /// Status 304, with the fields that RFC 9110 15.4.5 lists.
    NotModified,
    /// Status 412.
    PreconditionFailed,
}

/// Evaluates the conditions of a request with `method` in the order of RFC 9110 13.2.2. `fields` are the
/// request's, with names in any case; `current` is the selected representation, if there is one.
///
/// It is for whoever would answer the same request without conditions with 2xx, or 412; other answers
/// need no conditions (13.2.1). `now` is the time of the answer: a representation that changed within its
/// last second may change again (8.8.2.2).
///
/// ```
/// use netkit_http::semantics::{EntityTag, HttpDate, Validators, Verdict, evaluate};
///
/// let current = Validators { etag: EntityTag::new(false, "v2"), last_modified: None };
/// let now = HttpDate::from_unix(1_800_000_000);
/// let asked = [("If-None-Match", &b"\"v1\", \"v2\""[..])];
/// assert_eq!(evaluate("GET", asked, Some(&current), now), Verdict::NotModified);
/// assert_eq!(evaluate("PUT", asked, Some(&current), now), Verdict::PreconditionFailed);
/// ```
pub fn evaluate<'f>(
    method: &str,
    fields: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    current: Option<&Validators<'_>>,
    now: HttpDate,
) -> Verdict {
    // 13.2.1: "methods that do not involve the selection or modification of a selected representation".
    if matches!(method, "CONNECT" | "OPTIONS" | "TRACE") {
        return Verdict::Perform { range: false };
    }
    let asked = Asked::from_fields(fields);
    let modified = current.and_then(|current| current.last_modified);
    let reads = matches!(method, "GET" | "HEAD");
    // (1) and (2)
    let etag = current.and_then(|current| current.etag);
    let is_same = |tag: &EntityTag<'_>| etag.is_some_and(|etag| etag.strong_eq(tag));
    let is_alike = |tag: &EntityTag<'_>| etag.is_some_and(|etag| etag.weak_eq(tag));
    let unchanged = match lists(&asked.if_match, is_same, current.is_some()) {
        Some(matches) => matches,
        None => match (date(&asked.if_unmodified_since, now), modified) {
            (Some(since), Some(modified)) => modified <= since,
            // 13.1.4: ignored without a valid date, or where there is none to compare it with.
            _ => true,
        },
    };
    if !unchanged {
        return Verdict::PreconditionFailed;
    }
    // (3) and (4)
    match lists(&asked.if_none_match, is_alike, current.is_some()) {
        Some(true) if reads => return Verdict::NotModified,
        Some(true) => return Verdict::PreconditionFailed,
        None if reads => match (date(&asked.if_modified_since, now), modified) {
            (Some(since), Some(modified)) if modified <= since => return Verdict::NotModified,
            _ => {}
        },
        Some(false) | None => {}
    }
    // (5) and (6). 14.2: GET is the only method with ranges.
    let range = method == "GET" && if_range(&asked.if_range, current, now);
    Verdict::Perform { range }
}

/// The lines of each field that is a condition.
#[derive(Default)]
#[expect(clippy::struct_field_names, reason = "they are the fields' names")]
struct Asked<'f> {
    if_match: Vec<&'f [u8]>,
    if_none_match: Vec<&'f [u8]>,
    if_modified_since: Vec<&'f [u8]>,
    if_unmodified_since: Vec<&'f [u8]>,
    if_range: Vec<&'f [u8]>,
}

impl<'f> Asked<'f> {
    fn from_fields(fields: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Self {
        let mut asked = Self::default();
        for (name, value) in fields {
            let lines = [
                ("if-match", &mut asked.if_match),
                ("if-none-match", &mut asked.if_none_match),
                ("if-modified-since", &mut asked.if_modified_since),
                ("if-unmodified-since", &mut asked.if_unmodified_since),
                ("if-range", &mut asked.if_range),
            ];
            let mut lines = lines.into_iter();
            if let Some((_, lines)) = lines.find(|row| name.eq_ignore_ascii_case(row.0)) {
                lines.push(trim(value));
            }
        }
        asked
    }
}

/// A date; none if it is malformed, or there twice.
fn date(lines: &[&[u8]], now: HttpDate) -> Option<HttpDate> {
    match lines {
        [date] => HttpDate::parse(date, now),
        _ => None,
    }
}

/// Whether one of the tags that the lines list is the current one's; `*` is every tag, where something
/// `exists`. `None` without a line.
fn lists(
    lines: &[&[u8]],
    is_current: impl Fn(&EntityTag<'_>) -> bool,
    exists: bool,
) -> Option<bool> {
    let mut matches = lines.iter().map(|line| match *line {
        b"*" => exists,
        line => EntityTag::list(line).any(|tag| is_current(&tag)),
    });
    let first = matches.next()?;
    Some(first || matches.any(|matches| matches))
}

/// 13.1.5: whether a part of the current representation goes with what the client has.
fn if_range(lines: &[&[u8]], current: Option<&Validators<'_>>, now: HttpDate) -> bool {
    let (value, current) = match (lines, current) {
        ([], _) => return true,
        ([value], Some(current)) => (value, current),
        _ => return false,
    };
    if let Some(tag) = EntityTag::parse(value) {
        return current.etag.is_some_and(|etag| etag.strong_eq(&tag));
    }
    // A date matches exactly or not at all, and only one that is a strong validator.
    let date = HttpDate::parse(value, now);
    date.is_some() && date == current.last_modified && date < Some(now)
}

#[cfg(test)]
mod tests {
    use super::{Validators, Verdict, evaluate};
    use crate::semantics::{EntityTag, HttpDate};
    use Verdict::{NotModified, PreconditionFailed};

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const UNIX: i64 = 784_111_777;

    const WITH_RANGE: Verdict = Verdict::Perform { range: true };
    const WITHOUT: Verdict = Verdict::Perform { range: false };

    fn verdict_at(now: i64, method: &str, fields: &[(&str, &str)]) -> Verdict {
        let current = Validators {
            etag: EntityTag::new(false, "a"),
            last_modified: Some(HttpDate::from_unix(UNIX)),
        };
        let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
        evaluate(method, fields, Some(&current), HttpDate::from_unix(now))
    }

    fn verdict(method: &str, fields: &[(&str, &str)]) -> Verdict {
        verdict_at(UNIX + 60, method, fields)
    }

    /// What a field with this value comes to, for GET and for PUT.
    fn both(name: &str, value: &str) -> (Verdict, Verdict) {
        (
            verdict("GET", &[(name, value)]),
            verdict("PUT", &[(name, value)]),
        )
    }

    #[test]
    fn one_condition() {
        let perform = (WITH_RANGE, WITHOUT);
        let failed = (PreconditionFailed, PreconditionFailed);
        let unmodified = (NotModified, PreconditionFailed);
        for (name, value, expected) in [
            ("if-match", "\"a\"", perform),
            ("If-Match", "\"b\", \"a\"", perform),
            ("if-match", "*", perform),
            ("if-match", "W/\"a\"", failed),
            ("if-match", "\"b\"", failed),
            ("if-match", "", failed),
            ("if-match", "nonsense", failed),
            ("if-none-match", "\"b\"", perform),
            ("if-none-match", "", perform),
            ("if-none-match", "\"a\"", unmodified),
            ("if-none-match", "\"b\", W/\"a\"", unmodified),
            ("if-none-match", "*", unmodified),
            ("if-unmodified-since", BEFORE, failed),
            ("if-unmodified-since", MODIFIED, perform),
            ("if-unmodified-since", AFTER, perform),
            ("if-unmodified-since", "nonsense", perform),
            ("if-modified-since", BEFORE, perform),
            ("if-modified-since", MODIFIED, (NotModified, WITHOUT)),
            ("if-modified-since", AFTER, (NotModified, WITHOUT)),
            ("if-modified-since", "nonsense", perform),
        ] {
            assert_eq!(both(name, value), expected, "{name}: {value}");
        }
        assert_eq!(verdict("HEAD", &[("if-none-match", "\"a\"")]), NotModified);
        assert_eq!(
            verdict("HEAD", &[("if-modified-since", AFTER)]),
            NotModified
        );
    }

    #[test]
    fn the_order_of_several() {
        for (method, fields, expected) in [
            // A tag knows more than a date.
            (
                "GET",
                [("if-match", "\"a\""), ("if-unmodified-since", BEFORE)],
                WITH_RANGE,
            ),
            (
                "GET",
                [("if-none-match", "\"b\""), ("if-modified-since", AFTER)],
                WITH_RANGE,
            ),
            // What must hold comes before what must not.
            (
                "GET",
                [("if-none-match", "\"a\""), ("if-match", "\"b\"")],
                PreconditionFailed,
            ),
            (
                "GET",
                [
                    ("if-modified-since", AFTER),
                    ("if-unmodified-since", BEFORE),
                ],
                PreconditionFailed,
            ),
            (
                "GET",
                [("if-match", "\"a\""), ("if-none-match", "\"a\"")],
                NotModified,
            ),
            (
                "GET",
                [("if-unmodified-since", AFTER), ("if-modified-since", AFTER)],
                NotModified,
            ),
            // If-Range is last.
            (
                "GET",
                [("if-range", "\"a\""), ("if-none-match", "\"a\"")],
                NotModified,
            ),
            // A list may be in several lines; a date may not.
            (
                "GET",
                [("if-none-match", "\"b\""), ("if-none-match", "\"a\"")],
                NotModified,
            ),
            (
                "GET",
                [("if-modified-since", AFTER), ("if-modified-since", AFTER)],
                WITH_RANGE,
            ),
            (
                "OPTIONS",
                [("if-match", "\"b\""), ("if-none-match", "*")],
                WITHOUT,
            ),
        ] {
            assert_eq!(verdict(method, &fields), expected, "{method} {fields:?}");
        }
    }

    #[test]
    fn if_range() {
        for (value, range) in [
            ("\"a\"", true),
            ("W/\"a\"", false),
            ("\"b\"", false),
            ("\"b\", \"a\"", false),
            ("*", false),
            ("", false),
            (MODIFIED, true),
            ("Sunday, 06-Nov-94 08:49:37 GMT", true),
            (BEFORE, false),
            (AFTER, false),
        ] {
            let found = verdict("GET", &[("if-range", value)]);
            assert_eq!(found, Verdict::Perform { range }, "{value}");
        }
        assert_eq!(verdict("HEAD", &[("if-range", "\"a\"")]), WITHOUT);
        assert_eq!(
            verdict("GET", &[("if-range", "\"a\""), ("if-range", "\"a\"")]),
            WITHOUT
        );
        // Within its second, a date is no strong validator.
        assert_eq!(verdict_at(UNIX, "GET", &[("if-range", MODIFIED)]), WITHOUT);
        assert_eq!(
            verdict_at(UNIX + 1, "GET", &[("if-range", MODIFIED)]),
            WITH_RANGE
        );
    }

    #[test]
    fn nothing_is_there() {
        let now = HttpDate::from_unix(UNIX);
        let of = |name, value: &'static str, current: Option<&Validators<'_>>| {
            evaluate("PUT", [(name, value.as_bytes())], current, now)
        };
        assert_eq!(of("if-match", "*", None), PreconditionFailed);
        assert_eq!(of("if-none-match", "*", None), WITHOUT);
        assert_eq!(of("if-unmodified-since", BEFORE, None), WITHOUT);
        // Something without validators.
        let bare = Validators::default();
        assert_eq!(of("if-match", "*", Some(&bare)), WITHOUT);
        assert_eq!(of("if-match", "\"a\"", Some(&bare)), PreconditionFailed);
        assert_eq!(of("if-none-match", "*", Some(&bare)), PreconditionFailed);
        assert_eq!(of("if-unmodified-since", BEFORE, Some(&bare)), WITHOUT);
        let asked =
            |value: &'static [u8], current| evaluate("GET", [("if-range", value)], current, now);
        for value in [&b"\"a\""[..], BEFORE.as_bytes(), b"nonsense"] {
            assert_eq!(asked(value, Some(&bare)), WITHOUT);
            assert_eq!(asked(value, None), WITHOUT);
        }
        assert_eq!(evaluate("GET", [], None, now), WITH_RANGE);
    }
}
