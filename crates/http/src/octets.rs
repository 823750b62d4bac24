//! The character classes of RFC 9110 5.6 and RFC 3986, and the scans over them.

use crate::blocks;

const TCHAR: u8 = 1;
const TARGET: u8 = 2;
const REG_NAME: u8 = 4;

/// The classes of every octet.
static CLASSES: [u8; 256] = classes();

const fn mark(mut table: [u8; 256], octets: &[u8], class: u8) -> [u8; 256] {
    let mut i = 0;
    while i < octets.len() {
        table[octets[i] as usize] |= class;
        i += 1;
    }
    table
}

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 128 {
        if (octet as u8).is_ascii_alphanumeric() {
            table[octet] = TCHAR | TARGET | REG_NAME;
        }
        octet += 1;
    }
    // RFC 9110 5.6.2.
    table = mark(table, b"!#$%&'*+-.^_`|~", TCHAR);
    // RFC 3986 2.2, 2.3: unreserved and sub-delims.
    table = mark(table, b"-._~!$&'()*+,;=", TARGET | REG_NAME);
    table = mark(table, b":@/?", TARGET);
    // Not in RFC 3986's path or query, but browsers send them there as they are (WHATWG URL 1.3).
    mark(table, b"[]|{}^`", TARGET)
}

const fn is(octet: u8, class: u8) -> bool {
    CLASSES[octet as usize] & class != 0
}

/// Number of leading octets that a token may hold.
#[inline]
pub(crate) fn token_length(octets: &[u8]) -> usize {
    let plain = blocks::first(octets, 0, blocks::beyond_name).unwrap_or(octets.len());
    let rest = octets[plain..].iter().position(|&octet| !is(octet, TCHAR));
    rest.map_or(octets.len(), |rest| plain + rest)
}

/// Whether `octets` are a token (RFC 9110 5.6.2).
pub(crate) fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty() && token_length(octets) == octets.len()
}

/// Whether `octets` may stand in a path and query.
pub(crate) fn is_target(octets: &[u8]) -> bool {
    beyond_target(octets).is_none()
}

/// Index of the first octet that may not stand in a path and query.
pub(crate) fn beyond_target(octets: &[u8]) -> Option<usize> {
    unencoded(octets, TARGET)
}

/// Whether `octets` are a registered name (RFC 3986 3.2.2) that is not empty.
pub(crate) fn is_reg_name(octets: &[u8]) -> bool {
    !octets.is_empty() && unencoded(octets, REG_NAME).is_none()
}

/// Index of the first octet that is neither of `class` nor "%" before two hexadecimal digits (RFC 3986 2.1).
fn unencoded(octets: &[u8], class: u8) -> Option<usize> {
    let mut from = 0;
    loop {
        from += octets[from..].iter().position(|&octet| !is(octet, class))?;
        match octets[from..] {
            [b'%', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => from += 3,
            _ => return Some(from),
        }
    }
}

/// Index of the first octet that no field value may hold (RFC 9110 5.5): controls but HTAB.
#[inline]
pub(crate) fn first_control(octets: &[u8]) -> Option<usize> {
    blocks::first(octets, 0, blocks::controls)
}

/// Whether `octet` is optional whitespace (RFC 9110 5.6.3).
pub(crate) const fn is_ows(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// `octets` without leading whitespace.
pub(crate) const fn trim_start(mut octets: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = octets {
        octets = rest;
    }
    octets
}

/// `octets` without trailing whitespace.
pub(crate) const fn trim_end(mut octets: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = octets {
        octets = rest;
    }
    octets
}

/// `octets` without leading and trailing whitespace.
pub(crate) const fn trim(octets: &[u8]) -> &[u8] {
    trim_end(trim_start(octets))
}

/// The elements of a list (RFC 9110 5.6.1), empty ones included.
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&octet| octet == b',').map(trim)
}

#[cfg(test)]
mod tests {
    use super::{elements, first_control, is_reg_name, is_target, is_token, trim};
    use alloc::vec;

    #[test]
    fn tokens_are_those_of_the_grammar() {
        for octet in 0..=255u8 {
            let expected = octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
            assert_eq!(is_token(&[octet]), expected, "{octet:#x}");
        }
        assert!(!is_token(b""));
        assert!(!is_token(b"a b"));
    }

    #[test]
    fn a_control_is_found_wherever_it_is() {
        for length in 0..70 {
            let mut octets = vec![b'a'; length];
            assert_eq!(first_control(&octets), None);
            for at in 0..length {
                for octet in 0..=255 {
                    octets[at] = octet;
                    let control = octet != b'\t' && octet.is_ascii_control();
                    let expected = control.then_some(at);
                    assert_eq!(first_control(&octets), expected, "{octet:#x} of {length}");
                }
                octets[at] = b'\t';
            }
        }
        assert_eq!(first_control(b"0123456789abcde\x80\x7f\x1f"), Some(16));
    }

    #[test]
    fn percents_need_two_digits() {
        assert!(is_target(b"/%00%0d%Ff?a[b]|c"));
        for bad in [
            &b"/%"[..],
            b"/%1",
            b"/%zz",
            b"/%1g",
            b"/a#b",
            b"/a b",
            b"/\x80",
            b"/\\",
            b"/\"",
        ] {
            assert!(!is_target(bad), "{bad:?}");
        }
        assert!(is_reg_name(b"a-b.example_%41"));
        for bad in [
            &b""[..],
            b"%zz",
            b"a:b",
            b"a@b",
            b"a/b",
            b"a\\b",
            b"a b",
            b"[a]",
        ] {
            assert!(!is_reg_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn lists_are_split_and_trimmed() {
        assert!(elements(b" a,\tb , ,c").eq([&b"a"[..], b"b", b"", b"c"]));
        assert_eq!(trim(b" \t "), b"");
    }
}
