//! Lists whose elements may hold quoted strings (RFC 9110 5.6.1, 5.6.4).

use crate::octets::trim;

/// Tells, of each octet of a value in turn, whether it stands outside every quoted string. One without
/// an end goes to the end of the value.
pub(super) fn outside_quotes() -> impl FnMut(u8) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    move |octet| {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        !quoted
    }
}

/// The parts of `value` between `separator`s that stand outside quoted strings, trimmed, without the
/// empty ones.
pub(super) fn parts(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut is_outside = outside_quotes();
    value
        .split(move |&octet| is_outside(octet) && octet == separator)
        .map(trim)
        .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::parts;
    use alloc::vec::Vec;

    #[test]
    fn separators_inside_quotes_separate_nothing() {
        let table: [(&str, &[&str]); 7] = [
            ("", &[]),
            (" , ,", &[]),
            ("a, b ,c", &["a", "b", "c"]),
            ("a=\"b,c\", d", &["a=\"b,c\"", "d"]),
            ("\"a\\\",b\",c", &["\"a\\\",b\"", "c"]),
            ("\"a,b", &["\"a,b"]),
            ("a\\,b", &["a\\", "b"]),
        ];
        for (value, expected) in table {
            let found: Vec<_> = parts(value.as_bytes(), b',').collect();
            let expected: Vec<_> = expected.iter().map(|part| part.as_bytes()).collect();
            assert_eq!(found, expected, "{value}");
        }
    }
}
