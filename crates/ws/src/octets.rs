//! The characters of field values (RFC 9110 5.6).

/// Whether `octet` may stand in a token (RFC 9110 5.6.2).
pub(crate) fn is_tchar(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

/// Whether `octets` are a token.
pub(crate) fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(|&octet| is_tchar(octet))
}

/// `octets` without leading whitespace.
pub(crate) const fn trim_start(mut octets: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = octets {
        octets = rest;
    }
    octets
}

/// `octets` without whitespace around them.
pub(crate) const fn trim(octets: &[u8]) -> &[u8] {
    let mut octets = trim_start(octets);
    while let [rest @ .., b' ' | b'\t'] = octets {
        octets = rest;
    }
    octets
}

/// The elements of the lists (RFC 9110 5.6.1) in `values`.
pub(crate) fn elements<'a>(
    values: impl IntoIterator<Item = &'a [u8]>,
) -> impl Iterator<Item = &'a [u8]> {
    let split = |value: &'a [u8]| value.split(|&octet| octet == b',').map(trim);
    values.into_iter().flat_map(split)
}
