//! Name constraints (RFC 5280 4.2.1.10): which names a CA may vouch for.
//!
//! DNS names, IP addresses and distinguished names are compared. A constraint on any other kind
//! refuses every name of that kind below it.

use crate::{
    Error,
    limits::{MAX_COMPARED_ATTRIBUTES, MAX_COMPARED_VALUE},
    name::{DnsPattern, is_dns_name, is_within},
    path::Budget,
};
use alloc::{boxed::Box, string::String, vec::Vec};
use core::mem::discriminant;
use der::{
    Decode, DecodeValue, Header, Length, Reader, SliceReader, Tag, Tagged,
    asn1::{Any, ObjectIdentifier},
};
use x509_cert::{
    attr::AttributeTypeAndValue,
    ext::pkix::{self, constraints::name::GeneralSubtree, name::GeneralName},
    name::{Name, RelativeDistinguishedName},
};

/// PKCS#9 emailAddress, which holds an address in a subject.
const EMAIL_ADDRESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1");

/// A CA's permitted and excluded subtrees.
#[derive(Debug, Clone)]
pub(crate) struct NameConstraints {
    permitted: Vec<Subtree>,
    excluded: Vec<Subtree>,
}

/// The base of a GeneralSubtree.
#[derive(Debug, Clone)]
enum Subtree {
    Dns(String),
    /// Address and mask, both of the length that the extension gave.
    Ip(Box<[u8]>, Box<[u8]>),
    Directory(Name),
    /// A kind that is not compared.
    Opaque(GeneralName),
}

/// A name to hold against constraints.
#[derive(Clone, Copy)]
enum Constrained<'a> {
    Alternative(&'a GeneralName),
    Subject(&'a Name),
    /// An emailAddress in the subject: RFC 5280 constrains it as an rfc822Name.
    SubjectEmail,
}

impl NameConstraints {
    /// Parses the extension's value.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, Error> {
        pkix::NameConstraints::from_der(value)
            .map_err(|_| Error::InvalidNameConstraints)
            .and_then(Self::of_extension)
    }

    /// Parses the content of the extension's SEQUENCE, as trust anchors hold it.
    pub(crate) fn parse_content(content: &[u8]) -> Result<Self, Error> {
        let decode = || -> der::Result<pkix::NameConstraints> {
            let header = Header::new(Tag::Sequence, Length::try_from(content.len())?);
            let mut reader = SliceReader::new(content)?;
            let extension = pkix::NameConstraints::decode_value(&mut reader, header)?;
            reader.finish()?;
            Ok(extension)
        };
        decode()
            .map_err(|_| Error::InvalidNameConstraints)
            .and_then(Self::of_extension)
    }

    fn of_extension(extension: pkix::NameConstraints) -> Result<Self, Error> {
        let subtrees = |list: Option<Vec<GeneralSubtree>>| match list {
            Some(list) if list.is_empty() => Err(Error::InvalidNameConstraints), // SIZE (1..MAX)
            list => list.into_iter().flatten().map(Subtree::of).collect(),
        };
        let constraints = Self {
            permitted: subtrees(extension.permitted_subtrees)?,
            excluded: subtrees(extension.excluded_subtrees)?,
        };
        // "either the permittedSubtrees field or the excludedSubtrees MUST be present"
        if constraints.permitted.is_empty() && constraints.excluded.is_empty() {
            return Err(Error::InvalidNameConstraints);
        }
        Ok(constraints)
    }

    /// Holds a certificate's `subject` (content of the Name) and `alternative` names against the
    /// subtrees.
    pub(crate) fn check(
        &self,
        subject: &Name,
        alternative: &[GeneralName],
        budget: &mut Budget,
    ) -> Result<(), Error> {
        for name in alternative {
            self.check_name(Constrained::Alternative(name), budget)?;
        }
        // An empty subject names nobody.
        if !subject.is_empty() {
            self.check_name(Constrained::Subject(subject), budget)?;
        }
        if subject
            .iter()
            .any(|attribute| attribute.oid == EMAIL_ADDRESS)
        {
            self.check_name(Constrained::SubjectEmail, budget)?;
        }
        Ok(())
    }

    fn check_name(&self, name: Constrained<'_>, budget: &mut Budget) -> Result<(), Error> {
        for subtree in &self.excluded {
            budget.name_comparison()?;
            if subtree.constrains(name) && subtree.may_overlap(name) {
                return Err(Error::NameConstraintViolation);
            }
        }
        let mut constrained = false;
        for subtree in &self.permitted {
            budget.name_comparison()?;
            if subtree.constrains(name) {
                if subtree.holds_all(name) {
                    return Ok(());
                }
                constrained = true;
            }
        }
        if constrained {
            Err(Error::NameConstraintViolation)
        } else {
            Ok(())
        }
    }
}

impl Subtree {
    fn of(subtree: GeneralSubtree) -> Result<Self, Error> {
        // "the minimum MUST be zero, and maximum MUST be absent"
        if subtree.minimum != 0 || subtree.maximum.is_some() {
            return Err(Error::InvalidNameConstraints);
        }
        match subtree.base {
            // The empty name holds all.
            GeneralName::DnsName(name) if name.is_empty() || is_dns_name(name.as_str()) => {
                Ok(Self::Dns(name.as_str().into()))
            }
            GeneralName::DnsName(_) => Err(Error::InvalidNameConstraints),
            GeneralName::IpAddress(octets) => Self::ip(octets.as_bytes()),
            GeneralName::DirectoryName(name) => Ok(Self::Directory(name)),
            other => Ok(Self::Opaque(other)),
        }
    }

    /// Address and mask "in the style of RFC 4632 (CIDR)".
    fn ip(octets: &[u8]) -> Result<Self, Error> {
        let (address, mask) = octets.split_at(octets.len() / 2);
        let ones = mask
            .iter()
            .map(|octet| octet.leading_ones())
            .take_while(|&ones| ones == 8)
            .count();
        let contiguous =
            mask.get(ones..)
                .and_then(<[u8]>::split_first)
                .is_none_or(|(edge, rest)| {
                    edge.leading_ones() + edge.trailing_zeros() >= 8
                        && rest.iter().all(|&octet| octet == 0)
                });
        if !matches!(octets.len(), 8 | 32) || !contiguous {
            return Err(Error::InvalidNameConstraints);
        }
        Ok(Self::Ip(address.into(), mask.into()))
    }

    /// Whether this subtree says something about names of this kind.
    fn constrains(&self, name: Constrained<'_>) -> bool {
        match (self, name) {
            (Self::Dns(_), Constrained::Alternative(GeneralName::DnsName(_)))
            | (Self::Ip(..), Constrained::Alternative(GeneralName::IpAddress(_)))
            | (
                Self::Directory(_),
                Constrained::Alternative(GeneralName::DirectoryName(_)) | Constrained::Subject(_),
            )
            | (Self::Opaque(GeneralName::Rfc822Name(_)), Constrained::SubjectEmail) => true,
            (Self::Opaque(base), Constrained::Alternative(name)) => {
                discriminant(base) == discriminant(name)
            }
            _ => false,
        }
    }

    /// Whether every name that `name` stands for is inside. What cannot be compared is not.
    fn holds_all(&self, name: Constrained<'_>) -> bool {
        match (self, name) {
            (Self::Dns(base), Constrained::Alternative(GeneralName::DnsName(name))) => {
                match DnsPattern::parse(name.as_str()) {
                    Some(DnsPattern::Exact(name)) => is_within(name, base),
                    // `*.a.example` under `b.a.example` stands for names outside as well.
                    Some(DnsPattern::Wildcard(parent)) => is_within(parent, base),
                    None => false,
                }
            }
            (Self::Ip(base, mask), Constrained::Alternative(GeneralName::IpAddress(address))) => {
                ip_within(address.as_bytes(), base, mask)
            }
            (
                Self::Directory(base),
                Constrained::Alternative(GeneralName::DirectoryName(name))
                | Constrained::Subject(name),
            ) => directory_within(name, base) == Some(true),
            _ => false,
        }
    }

    /// Whether a name that `name` stands for may be inside. What cannot be compared may.
    fn may_overlap(&self, name: Constrained<'_>) -> bool {
        match (self, name) {
            (Self::Dns(base), Constrained::Alternative(GeneralName::DnsName(name))) => {
                match DnsPattern::parse(name.as_str()) {
                    Some(DnsPattern::Exact(name)) => is_within(name, base),
                    // `*.example` overlaps `a.example` and all below it.
                    Some(DnsPattern::Wildcard(parent)) => {
                        is_within(parent, base) || is_within(base, parent)
                    }
                    None => true,
                }
            }
            (Self::Ip(base, mask), Constrained::Alternative(GeneralName::IpAddress(address))) => {
                ip_within(address.as_bytes(), base, mask)
            }
            (
                Self::Directory(base),
                Constrained::Alternative(GeneralName::DirectoryName(name))
                | Constrained::Subject(name),
            ) => directory_within(name, base) != Some(false),
            _ => true,
        }
    }
}

/// An address of the other family is not within.
fn ip_within(address: &[u8], base: &[u8], mask: &[u8]) -> bool {
    address.len() == base.len()
        && address
            .iter()
            .zip(base)
            .zip(mask)
            .all(|((a, b), m)| a & m == b & m)
}

/// RFC 5280 7.1: within, if `base`'s RDNs are the first of `name`'s. `None` if that cannot be told.
fn directory_within(name: &Name, base: &Name) -> Option<bool> {
    if base.len() > name.len() {
        return Some(false);
    }
    let mut told = Some(true);
    for (of_name, of_base) in name.iter_rdn().zip(base.iter_rdn()) {
        match same_rdn(of_name, of_base) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => told = None,
        }
    }
    told
}

/// Whether two RDNs, sets of attributes, are the same; `None` if that cannot be told.
fn same_rdn(one: &RelativeDistinguishedName, other: &RelativeDistinguishedName) -> Option<bool> {
    if one.len() != other.len() {
        return Some(false);
    }
    if one.len() > MAX_COMPARED_ATTRIBUTES {
        return None;
    }
    let mut told = Some(true);
    for attribute in one.iter() {
        let verdicts = other
            .iter()
            .map(|candidate| same_attribute(attribute, candidate));
        match verdicts.fold(Some(false), either) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => told = None,
        }
    }
    told
}

/// One of the two is true; `None` if that cannot be told.
const fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn same_attribute(one: &AttributeTypeAndValue, other: &AttributeTypeAndValue) -> Option<bool> {
    if one.oid != other.oid {
        return Some(false);
    }
    if one.value == other.value {
        return Some(true);
    }
    match (prepared(&one.value), prepared(&other.value)) {
        (Some(one), Some(other)) => Some(one == other),
        _ => None,
    }
}

/// RFC 5280 7.1: strings are compared without regard to case and to the amount of white space.
/// `None` for encodings whose characters are not known here, and for long values.
fn prepared(value: &Any) -> Option<String> {
    if value.value().len() > MAX_COMPARED_VALUE {
        return None;
    }
    let known = matches!(
        value.tag(),
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String
    );
    let text = known
        .then(|| core::str::from_utf8(value.value()).ok())
        .flatten()?;
    let mut prepared = String::new();
    for word in text.split_whitespace() {
        if !prepared.is_empty() {
            prepared.push(' ');
        }
        prepared.extend(word.chars().flat_map(char::to_lowercase));
    }
    Some(prepared)
}
