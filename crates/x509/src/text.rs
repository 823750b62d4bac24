//! A peer's text, fit for a terminal.

use crate::choice::distinguished_name as framed_name;
use alloc::string::{String, ToString};
use core::net::{Ipv4Addr, Ipv6Addr};
use der::Decode;
use x509_cert::name::Name;

/// Characters of a peer's text that are printed.
const SHOWN: usize = 200;

/// The content of a Name's SEQUENCE, as RFC 4514 writes it.
pub(crate) fn distinguished_name(content: &[u8]) -> String {
    if content.is_empty() {
        return "(no subject)".into();
    }
    match Name::from_der(&framed_name(content)) {
        Ok(name) => printable(&name.to_string()),
        Err(_) => "(a name that cannot be shown)".into(),
    }
}

/// The address in an iPAddress.
pub(crate) fn address(octets: &[u8]) -> Option<String> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(octets).to_string());
    }
    let octets = <[u8; 16]>::try_from(octets).ok()?;
    Some(Ipv6Addr::from(octets).to_string())
}

/// A text, bounded and without characters that would move a terminal's cursor or reorder the text around
/// them.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::new();
    for c in text.chars().take(SHOWN) {
        let reorders = matches!(
            c,
            '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        );
        printable.push(if c.is_control() || reorders {
            '\u{fffd}'
        } else {
            c
        });
    }
    if text.chars().nth(SHOWN).is_some() {
        printable.push_str("...");
    }
    printable
}
