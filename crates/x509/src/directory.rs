//! Distinguished names (RFC 5280 4.1.2.4) and their comparison (7.1), in place. A name is the content
//! of its SEQUENCE throughout, which is how trust anchors hold it.

use crate::{
    asn1::{IA5_STRING, PRINTABLE_STRING, Read, SET, UTF8_STRING, element, oid, sequence, whole},
    limits::{MAX_COMPARED_ATTRIBUTES, MAX_COMPARED_VALUE},
};
use netkit_core::{NotDer, Reader, Tlv};

/// An attribute of a name: its type, and its value as one element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute<'a> {
    pub(crate) oid: &'a [u8],
    pub(crate) value: Tlv<'a>,
}

impl<'a> Attribute<'a> {
    fn read(reader: &mut Reader<'a>) -> Read<Self> {
        whole(sequence(reader)?, |reader| {
            Ok(Self {
                oid: oid(reader)?,
                value: reader.tlv()?,
            })
        })
    }

    /// The value's text, if its characters are known here.
    pub(crate) fn text(&self) -> Option<&'a str> {
        matches!(self.value.tag, UTF8_STRING | PRINTABLE_STRING | IA5_STRING)
            .then(|| core::str::from_utf8(self.value.content).ok())
            .flatten()
    }
}

/// Checks the form of a name: RDNs are SETs of at least one attribute, in DER's order.
pub(crate) fn check(name: &[u8]) -> Read<()> {
    let mut rdns = Reader::new(name);
    while !rdns.is_empty() {
        check_rdn(element(&mut rdns, SET)?)?;
    }
    Ok(())
}

fn check_rdn(content: &[u8]) -> Read<()> {
    let mut reader = Reader::new(content);
    Attribute::read(&mut reader)?;
    let mut before = content;
    // X.690 11.6: ascending, and a set has nothing twice. Nearly all have one.
    while !reader.is_empty() {
        let this = reader.rest();
        let first = before.len() - this.len();
        Attribute::read(&mut reader)?;
        let second = this.len() - reader.len();
        if before[..first] >= this[..second] {
            return Err(NotDer);
        }
        before = this;
    }
    Ok(())
}

/// The RDNs of a name that was checked.
fn rdns(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader::new(name);
    core::iter::from_fn(move || element(&mut reader, SET).ok())
}

fn attributes_of_rdn(rdn: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    let mut reader = Reader::new(rdn);
    core::iter::from_fn(move || Attribute::read(&mut reader).ok())
}

/// All attributes of a name that was checked.
pub(crate) fn attributes(name: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    rdns(name).flat_map(attributes_of_rdn)
}

/// The texts of a name's attributes of this type.
pub(crate) fn texts<'a>(name: &'a [u8], oid: &[u8]) -> impl Iterator<Item = Option<&'a str>> {
    attributes(name)
        .filter(move |attribute| attribute.oid == oid)
        .map(|attribute| attribute.text())
}

/// Whether two names are the same by 7.1: one that cannot be told is another.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    one == other || (within(one, other) == Some(true) && within(other, one) == Some(true))
}

/// Whether `name` lies in `base`'s subtree: `base`'s RDNs are its first. `None` if that cannot be told.
pub(crate) fn within(name: &[u8], base: &[u8]) -> Option<bool> {
    let mut told = Some(true);
    let mut of_name = rdns(name);
    for of_base in rdns(base) {
        let verdict = match of_name.next() {
            Some(of_name) => same_rdn(of_name, of_base),
            None => Some(false),
        };
        match verdict {
            Some(true) => {}
            Some(false) => return Some(false),
            None => told = None,
        }
    }
    told
}

/// Whether two RDNs, sets of attributes, are the same; `None` if that cannot be told.
fn same_rdn(one: &[u8], other: &[u8]) -> Option<bool> {
    if one == other {
        return Some(true);
    }
    if let (Some(one), Some(other)) = (single(one), single(other)) {
        return same_attribute(&one, &other);
    }
    let count = attributes_of_rdn(one)
        .take(MAX_COMPARED_ATTRIBUTES + 1)
        .count();
    let of_other = attributes_of_rdn(other)
        .take(MAX_COMPARED_ATTRIBUTES + 1)
        .count();
    if count != of_other {
        return Some(false);
    }
    if count > MAX_COMPARED_ATTRIBUTES {
        return None;
    }
    // Both ways: one may have twice what the other has once.
    match (each_is_in(one, other), each_is_in(other, one)) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// Whether each attribute of one RDN is in the other; `None` if that cannot be told.
fn each_is_in(one: &[u8], other: &[u8]) -> Option<bool> {
    let mut told = Some(true);
    for attribute in attributes_of_rdn(one) {
        let verdicts =
            attributes_of_rdn(other).map(|candidate| same_attribute(&attribute, &candidate));
        match verdicts.fold(Some(false), either) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => told = None,
        }
    }
    told
}

/// The attribute of an RDN that has only one, as nearly all have.
fn single(rdn: &[u8]) -> Option<Attribute<'_>> {
    let mut reader = Reader::new(rdn);
    let attribute = Attribute::read(&mut reader).ok()?;
    reader.is_empty().then_some(attribute)
}

/// One of the two is true; `None` if that cannot be told.
const fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn same_attribute(one: &Attribute<'_>, other: &Attribute<'_>) -> Option<bool> {
    if one.oid != other.oid {
        return Some(false);
    }
    if one.value.octets == other.value.octets {
        return Some(true);
    }
    let long = |value: &Tlv<'_>| value.content.len() > MAX_COMPARED_VALUE;
    if long(&one.value) || long(&other.value) {
        return None;
    }
    let (one, other) = (one.text()?, other.text()?);
    if differ_at_a_letter(one, other) {
        return Some(false);
    }
    if prepared(one).eq(prepared(other)) {
        return Some(true);
    }
    // RFC 4518 2: one letter may have several forms, and some characters none.
    (is_plain(one) && is_plain(other)).then_some(false)
}

/// Whether RFC 4518 2 prepares a text as [`prepared`] does.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|c| c.is_ascii_graphic() || c.is_ascii_whitespace())
}

/// Whether two texts that are alike so far differ in a letter, digit or mark of ASCII: then [`prepared`] differs
/// too. It is how most names differ.
fn differ_at_a_letter(one: &str, other: &str) -> bool {
    let pair = one.bytes().zip(other.bytes());
    let mut differing = pair.filter(|(one, other)| !one.eq_ignore_ascii_case(other));
    differing
        .next()
        .is_some_and(|(one, other)| one.is_ascii_graphic() && other.is_ascii_graphic())
}

/// 7.1: strings are compared without regard to case and to the amount of white space.
fn prepared(text: &str) -> impl Iterator<Item = char> {
    let spaced = text.split_whitespace().enumerate().flat_map(|(nth, word)| {
        let space = (nth > 0).then_some(' ');
        space.into_iter().chain(word.chars())
    });
    spaced.flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::{differ_at_a_letter, prepared};
    use proptest::prelude::*;

    #[test]
    fn texts_are_compared_without_regard_to_case_and_space() {
        for (one, other, same) in [
            ("a b", "A  B", true),
            (" a b ", "a b", true),
            ("a b", "ab", false),
            ("a", "b", false),
            ("a", "a b", false),
            ("\u{c9}x", "\u{e9}X", true),
            ("\u{c9}x", "\u{e9}y", false),
            // KELVIN SIGN.
            ("\u{212a}", "k", true),
        ] {
            let verdict = !differ_at_a_letter(one, other) && prepared(one).eq(prepared(other));
            assert_eq!(verdict, same, "{one:?} {other:?}");
        }
    }

    proptest! {
        #[test]
        fn texts_that_differ_at_a_letter_differ(one in "[aAbB k\u{212a}\u{e9}\u{c9}]{0,5}", other in "[aAbB k\u{212a}\u{e9}\u{c9}]{0,5}") {
            prop_assert!(!differ_at_a_letter(&one, &other) || !prepared(&one).eq(prepared(&other)));
        }
    }
}
