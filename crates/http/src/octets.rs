//! The character classes of RFC 9110 5.6 and RFC 3986, and the scans over them.

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
pub(crate) fn token_length(octets: &[u8]) -> usize {
    octets
        .iter()
        .position(|&octet| !is(octet, TCHAR))
        .unwrap_or(octets.len())
}

/// Whether `octets` are a token (RFC 9110 5.6.2).
pub(crate) fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty() && token_length(octets) == octets.len()
}

/// Whether `octets` may stand in a path and query.
pub(crate) fn is_target(octets: &[u8]) -> bool {
    is_encoded(octets, TARGET)
}

/// Whether `octets` are a registered name (RFC 3986 3.2.2) that is not empty.
pub(crate) fn is_reg_name(octets: &[u8]) -> bool {
    !octets.is_empty() && is_encoded(octets, REG_NAME)
}

/// Octets of `class`, and "%" before two hexadecimal digits (RFC 3986 2.1).
fn is_encoded(mut octets: &[u8], class: u8) -> bool {
    while let Some(at) = octets.iter().position(|&octet| !is(octet, class)) {
        match &octets[at..] {
            [b'%', a, b, rest @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                octets = rest;
            }
            _ => return false,
        }
    }
    true
}

/// Whether no field value may hold `octet` (RFC 9110 5.5): controls but HTAB.
const fn is_control(octet: u8) -> bool {
    (octet < b' ' && octet != b'\t') || octet == 0x7f
}

type Block = [u8; 16];

/// Whether there is a control character. Written without a branch for each octet, so that the compiler
/// compares all sixteen at once.
fn has_control(block: &Block) -> bool {
    let any = |found, &octet| found | is_control(octet);
    block.iter().fold(false, any)
}

/// Index of the first control character: is it one, for every octet at once, by sums that never cross
/// from one octet into the next; the answers are the highest bits.
const fn first_control_of(block: Block) -> Option<usize> {
    const ONES: u128 = u128::MAX / 0xff;
    const HIGHEST: u128 = ONES << 7;
    let octets = u128::from_le_bytes(block);
    let low = octets & !HIGHEST;
    let not_below_space = low + ONES * (0x80 - b' ' as u128);
    let not_tab = (low ^ (ONES * b'\t' as u128)) + (HIGHEST - ONES);
    let is_delete = low + ONES;
    let found = ((!not_below_space & not_tab) | is_delete) & !octets & HIGHEST;
    if found == 0 {
        return None;
    }
    Some(found.trailing_zeros() as usize / 8)
}

/// Index of the first control character.
pub(crate) fn first_control(octets: &[u8]) -> Option<usize> {
    let (blocks, rest) = octets.as_chunks();
    if let Some(at) = blocks.iter().position(has_control) {
        return first_control_of(blocks[at]).map(|found| at * size_of::<Block>() + found);
    }
    if rest.is_empty() {
        return None;
    }
    match octets.last_chunk() {
        // It overlaps the block before it, which has none: no octet is looked at alone.
        Some(last) => {
            first_control_of(*last).map(|found| octets.len() - size_of::<Block>() + found)
        }
        None => rest.iter().position(|&octet| is_control(octet)),
    }
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
