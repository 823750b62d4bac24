//! DER by hand, for what rcgen does not write.

/// An element.
pub(crate) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut octets = match length {
        0..=127 => vec![tag, length as u8],
        128..=255 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    octets.extend(content);
    octets
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    der(0x30, &parts.concat())
}

/// 1.2.3 and an arc: a policy.
pub(crate) fn policy(arc: u8) -> Vec<u8> {
    der(6, &[0x2a, 3, arc])
}

/// 2.5.29 and an arc: an extension.
pub(crate) fn extension(arc: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    sequence(&[&[6, 3, 0x55, 0x1d, arc], critical, &der(4, value)])
}
