//! Request targets (RFC 9112 3.2) and what a Host field may say (RFC 9110 7.2).

use crate::octets::{beyond_target, is_reg_name, is_target};
use core::net::Ipv6Addr;
use memchr::memchr2;

/// Whether `target` has a form that `method` allows: origin-form, absolute-form, authority-form for
/// CONNECT only, asterisk-form for OPTIONS only.
pub(crate) fn is_valid(method: &[u8], target: &[u8]) -> bool {
    match (method, target) {
        (b"CONNECT", _) => is_authority(target, Port::Required),
        (_, [b'/', ..]) => is_target(target),
        (_, b"*") => method == b"OPTIONS",
        _ => is_absolute(target),
    }
}

/// Where `target`, which is not valid, has an octet that none may have; else its first.
#[cold]
pub(crate) fn fault(target: &[u8]) -> usize {
    beyond_target(target).unwrap_or(0)
}

/// Whether `target` is in origin-form but for octets that RFC 3986 wants encoded, and text.
#[cold]
pub(crate) fn is_raw(target: &[u8]) -> bool {
    let legal = |&octet: &u8| octet > b' ' && octet != 0x7f && octet != b'#';
    target.starts_with(b"/") && target.iter().all(legal) && core::str::from_utf8(target).is_ok()
}

/// The authority of an absolute-form target, and what stands behind it.
pub(crate) fn split_absolute(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let scheme = target.iter().position(|&octet| octet == b':')?;
    let rest = target[scheme..].strip_prefix(b"://")?;
    let is_scheme = target[..scheme]
        .iter()
        .all(|&octet| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet));
    if !is_scheme || !target[0].is_ascii_alphabetic() {
        return None;
    }
    Some(rest.split_at(memchr2(b'/', b'?', rest).unwrap_or(rest.len())))
}

fn is_absolute(target: &[u8]) -> bool {
    split_absolute(target).is_some_and(|(authority, path)| {
        // RFC 9110 4.2.4: userinfo is an error; the host is not empty.
        is_authority(authority, Port::Optional) && is_target(path)
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Port {
    Optional,
    Required,
}

/// Whether a Host field may say `value` (RFC 9110 7.2): `uri-host [ ":" port ]`, not empty.
pub(crate) fn is_host(value: &[u8]) -> bool {
    is_authority(value, Port::Optional)
}

fn is_authority(authority: &[u8], port: Port) -> bool {
    let end = if authority.starts_with(b"[") {
        match authority.iter().position(|&octet| octet == b']') {
            Some(end) if is_ip_literal(&authority[1..end]) => end + 1,
            _ => return false,
        }
    } else {
        let colon = authority.iter().position(|&octet| octet == b':');
        let end = colon.unwrap_or(authority.len());
        if !is_reg_name(&authority[..end]) {
            return false;
        }
        end
    };
    match &authority[end..] {
        [] | [b':'] => port == Port::Optional,
        [b':', digits @ ..] => is_port(digits),
        _ => false,
    }
}

/// RFC 3986 3.2.2: an IPv6 address, or `"v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )`.
fn is_ip_literal(literal: &[u8]) -> bool {
    match literal {
        [b'v' | b'V', future @ ..] => {
            let mut parts = future.splitn(2, |&octet| octet == b'.');
            let version = parts.next().unwrap_or_default();
            let address = parts.next().unwrap_or_default();
            !version.is_empty()
                && version.iter().all(u8::is_ascii_hexdigit)
                && !address.is_empty()
                && address
                    .iter()
                    .all(|&octet| octet == b':' || (octet != b'%' && is_reg_name(&[octet])))
        }
        _ => core::str::from_utf8(literal).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok()),
    }
}

/// A port that TCP can have: digits up to 65535.
fn is_port(digits: &[u8]) -> bool {
    digits.iter().all(u8::is_ascii_digit)
        && core::str::from_utf8(digits).is_ok_and(|text| text.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::{is_host, is_valid};

    #[test]
    fn hosts() {
        for good in [
            "h",
            "h.example",
            "a:80",
            "a:",
            "127.0.0.1",
            "[::1]",
            "[::1]:443",
            "[v1.a:b]",
            "a_b",
            "%41",
            "xn--bcher-kva.example",
            "a:65535",
        ] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "a b",
            "[::1",
            "a:b",
            "a\\b",
            "a<b>",
            "a:-1",
            "%zz",
            "a:99999",
            "u@h",
            "a/b",
            "::1",
            "[::1]x",
            "[1.2.3.4]",
            "[]",
            "[v.a]",
            "[v1.]",
            "[vg.a]",
            "[v1.%41]",
            ":80",
            "a,b",
            "a:80:80",
        ] {
            let comma = bad == "a,b"; // A sub-delim: RFC 3986 lets a name have it.
            assert_eq!(is_host(bad.as_bytes()), comma, "{bad}");
        }
    }

    #[test]
    fn targets() {
        for (method, target) in [
            ("GET", "/"),
            ("GET", "//a//b"),
            ("GET", "/p;x=1/../q?a=b&c=d/e?f"),
            ("GET", "/%00"),
            ("GET", "http://h.example"),
            ("GET", "http://h.example?q"),
            ("GET", "HTTPS://h.example:8/abs?q=1"),
            ("OPTIONS", "*"),
            ("OPTIONS", "/"),
            ("CONNECT", "h.example:443"),
            ("CONNECT", "[::1]:443"),
        ] {
            assert!(
                is_valid(method.as_bytes(), target.as_bytes()),
                "{method} {target}"
            );
        }
        for (method, target) in [
            ("GET", ""),
            ("GET", "*"),
            ("GET", "foo"),
            ("GET", "h.example:80"),
            ("GET", "/a#b"),
            ("GET", "/%zz"),
            ("GET", "http://u:p@h.example/"),
            ("GET", "http:///x"),
            ("GET", "http:/x"),
            ("GET", "://h/"),
            ("GET", "1http://h/"),
            ("GET", "http://h/#f"),
            ("get", "*"),
            ("CONNECT", "h.example"),
            ("CONNECT", "h.example:"),
            ("CONNECT", "/"),
            ("CONNECT", "http://h.example:443/"),
        ] {
            assert!(
                !is_valid(method.as_bytes(), target.as_bytes()),
                "{method} {target}"
            );
        }
    }
}
