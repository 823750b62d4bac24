//! Name constraints (RFC 5280 4.2.1.10): which names a CA may vouch for.
//!
//! DNS names, addresses, distinguished names, mailboxes and URIs are compared. A constraint on any other kind
//! refuses every name of that kind below it. What cannot be compared is never permitted and always
//! excluded.

use crate::{
    Error,
    asn1::{Read, constructed, context, natural, only_sequence, optional, sequence, whole},
    budget::Budget,
    directory,
    general_name::{GeneralName, GeneralNames},
    identity::{DnsPattern, is_dns_name, is_within},
    oids,
};
use core::{mem::discriminant, net::Ipv6Addr};
use netkit_core::{NotDer, Reader};

/// A CA's permitted and excluded subtrees: contents of GeneralSubtrees, checked when they were read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameConstraints<'a> {
    permitted: Subtrees<'a>,
    excluded: Subtrees<'a>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Subtrees<'a>(&'a [u8]);

impl<'a> NameConstraints<'a> {
    /// Reads the extension's value.
    pub(crate) fn read(value: &'a [u8]) -> Result<Self, Error> {
        only_sequence(value)
            .and_then(Self::of_content)
            .map_err(|_| Error::InvalidNameConstraints)
    }

    /// Reads the content of the extension's SEQUENCE, as trust anchors hold it.
    pub(crate) fn of_content(content: &'a [u8]) -> Read<Self> {
        whole(content, |reader| {
            let permitted = optional(reader, constructed(0))?.map(Subtrees::of_content);
            let excluded = optional(reader, constructed(1))?.map(Subtrees::of_content);
            // "either the permittedSubtrees field or the excludedSubtrees MUST be present"
            if permitted.is_none() && excluded.is_none() {
                return Err(NotDer);
            }
            Ok(Self {
                permitted: permitted.transpose()?.unwrap_or_default(),
                excluded: excluded.transpose()?.unwrap_or_default(),
            })
        })
    }

    /// Holds a certificate's `subject` and `alternative` names against the subtrees.
    pub(crate) fn check(
        self,
        subject: &[u8],
        alternative: Option<GeneralNames<'_>>,
        budget: &mut Budget,
    ) -> Result<(), Error> {
        for name in alternative.into_iter().flat_map(GeneralNames::iter) {
            self.check_name(name, budget)?;
        }
        // An empty subject names nobody.
        if !subject.is_empty() {
            self.check_name(GeneralName::Directory(subject), budget)?;
        }
        // RFC 5280 constrains an emailAddress in the subject as an rfc822Name.
        for address in directory::texts(subject, oids::EMAIL_ADDRESS) {
            // One whose characters are not known is no mailbox.
            self.check_name(GeneralName::Rfc822(address.unwrap_or_default()), budget)?;
        }
        Ok(())
    }

    fn check_name(self, name: GeneralName<'_>, budget: &mut Budget) -> Result<(), Error> {
        for subtree in self.excluded.iter() {
            budget.name_comparison()?;
            if subtree.constrains(name) && subtree.may_overlap(name) {
                return Err(Error::NameConstraintViolation);
            }
        }
        let mut constrained = false;
        for subtree in self.permitted.iter() {
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

impl<'a> Subtrees<'a> {
    /// SIZE (1..MAX).
    fn of_content(content: &'a [u8]) -> Read<Self> {
        let mut reader = Reader::new(content);
        loop {
            Subtree::read(&mut reader)?;
            if reader.is_empty() {
                return Ok(Self(content));
            }
        }
    }

    fn iter(self) -> impl Iterator<Item = Subtree<'a>> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || Subtree::read(&mut reader).ok())
    }
}

/// The base of a GeneralSubtree.
#[derive(Debug, Clone, Copy)]
struct Subtree<'a>(GeneralName<'a>);

impl<'a> Subtree<'a> {
    fn read(reader: &mut Reader<'a>) -> Read<Self> {
        whole(sequence(reader)?, |reader| {
            let base = GeneralName::read(reader)?;
            let minimum = optional(reader, context(0))?.map(natural).transpose()?;
            let maximum = optional(reader, context(1))?;
            // "the minimum MUST be zero, and maximum MUST be absent"; DER leaves the default out.
            let sound = minimum.is_none() && maximum.is_none() && is_base(base);
            sound.then_some(Self(base)).ok_or(NotDer)
        })
    }

    /// Whether this subtree says something about names of this kind.
    fn constrains(self, name: GeneralName<'_>) -> bool {
        discriminant(&self.0) == discriminant(&name)
    }

    /// Whether every name that `name` stands for is inside.
    fn holds_all(self, name: GeneralName<'_>) -> bool {
        match (self.0, name) {
            (GeneralName::Dns(base), GeneralName::Dns(name)) => match DnsPattern::parse(name) {
                Some(DnsPattern::Exact(name)) => is_within(name, base),
                // `*.a.example` under `b.a.example` stands for names outside as well.
                Some(DnsPattern::Wildcard(parent)) => is_within(parent, base),
                None => false,
            },
            (base, name) => single_within(base, name) == Some(true),
        }
    }

    /// Whether a name that `name` stands for may be inside.
    fn may_overlap(self, name: GeneralName<'_>) -> bool {
        match (self.0, name) {
            (GeneralName::Dns(base), GeneralName::Dns(name)) => match DnsPattern::parse(name) {
                Some(DnsPattern::Exact(name)) => is_within(name, base),
                // `*.example` overlaps `a.example` and all below it.
                Some(DnsPattern::Wildcard(parent)) => {
                    is_within(parent, base) || is_within(base, parent)
                }
                None => true,
            },
            (base, name) => single_within(base, name) != Some(false),
        }
    }
}

/// Whether a name can be the base of a subtree.
fn is_base(base: GeneralName<'_>) -> bool {
    match base {
        // The empty name holds all.
        GeneralName::Dns(name) => name.is_empty() || is_dns_name(name),
        GeneralName::Rfc822(name) => is_host_or_domain(name) || Mailbox::parse(name).is_some(),
        GeneralName::Uri(name) => is_host_or_domain(name),
        GeneralName::Ip(octets) => is_network(octets),
        _ => true,
    }
}

/// `host.example`, or `.example` for all below it. The empty one holds all.
fn is_host_or_domain(base: &str) -> bool {
    base.is_empty() || is_dns_name(base.strip_prefix('.').unwrap_or(base))
}

/// Address and mask "in the style of RFC 4632 (CIDR)".
fn is_network(octets: &[u8]) -> bool {
    let mask = octets.get(octets.len() / 2..).unwrap_or_default();
    let full = mask.iter().take_while(|&&octet| octet == 0xff).count();
    let contiguous = match mask.get(full..).and_then(<[u8]>::split_first) {
        None => true,
        Some((edge, rest)) => {
            edge.leading_ones() + edge.trailing_zeros() >= 8 && rest.iter().all(|&octet| octet == 0)
        }
    };
    matches!(octets.len(), 8 | 32) && contiguous
}

/// Whether a name that stands for itself alone is inside; `None` if that cannot be told.
fn single_within(base: GeneralName<'_>, name: GeneralName<'_>) -> Option<bool> {
    match (base, name) {
        (GeneralName::Ip(base), GeneralName::Ip(address)) => Some(address_within(address, base)),
        (GeneralName::Directory(base), GeneralName::Directory(name)) => {
            directory::within(name, base)
        }
        (GeneralName::Rfc822(base), GeneralName::Rfc822(name)) => {
            Some(Mailbox::parse(name)?.within(base))
        }
        (GeneralName::Uri(base), GeneralName::Uri(name)) => {
            Some(host_within(uri_host(name)?, base))
        }
        _ => None,
    }
}

/// An address of the other family is not within.
fn address_within(address: &[u8], network: &[u8]) -> bool {
    let (base, mask) = network.split_at(network.len() / 2);
    address.len() == base.len()
        && address
            .iter()
            .zip(base)
            .zip(mask)
            .all(|((a, b), m)| a & m == b & m)
}

/// A host under `host.example`, which is itself alone, or `.example`, which is all below.
fn host_within(host: &str, base: &str) -> bool {
    match base.strip_prefix('.') {
        Some(domain) => host.len() > domain.len() && is_within(host, domain),
        None => base.is_empty() || host.eq_ignore_ascii_case(base),
    }
}

/// `Local-part@Domain` (RFC 5321 4.1.2), without comments and quoted parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mailbox<'a> {
    local_part: &'a str,
    domain: &'a str,
}

impl<'a> Mailbox<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (local_part, domain) = text.split_once('@')?;
        let is_atext = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&c);
        let dot_string = local_part
            .split('.')
            .all(|atom| !atom.is_empty() && atom.bytes().all(is_atext));
        (dot_string && is_dns_name(domain)).then_some(Self { local_part, domain })
    }

    /// RFC 5280 4.2.1.10: one mailbox, all at a host, or all at hosts of a domain.
    fn within(self, base: &str) -> bool {
        match Mailbox::parse(base) {
            Some(base) => self.same(base),
            None => host_within(self.domain, base),
        }
    }

    /// RFC 5280 7.5: the domain without regard to case, the local part exactly.
    pub(crate) fn same(self, other: Self) -> bool {
        self.local_part == other.local_part && self.domain.eq_ignore_ascii_case(other.domain)
    }
}

/// The fully qualified host of a URI (RFC 3986 3.2.2): RFC 5280 4.2.1.10 has a constraint refuse URIs without
/// one, and addresses.
fn uri_host(uri: &str) -> Option<&str> {
    let (_, host) = crate::identity::scheme_and_host(uri)?;
    let address = host.parse::<core::net::Ipv4Addr>().is_ok()
        || host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .is_some_and(|host| host.parse::<Ipv6Addr>().is_ok());
    (is_dns_name(host) && host.contains('.') && !address).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_are_held_to_mailboxes_hosts_and_domains() {
        for (base, name, within) in [
            ("a@b.example", "a@b.example", Some(true)),
            ("a@b.example", "a@B.EXAMPLE", Some(true)),
            ("a@b.example", "A@b.example", Some(false)),
            ("b.example", "a@b.example", Some(true)),
            ("b.example", "a@c.b.example", Some(false)),
            (".b.example", "a@c.b.example", Some(true)),
            (".b.example", "a@b.example", Some(false)),
            (".b.example", "a@cb.example", Some(false)),
            ("", "a@b.example", Some(true)),
            ("*@b.example", "*@b.example", Some(true)),
            ("*@b.example", "a@b.example", Some(false)),
            ("b.example", "a@@b.example", None),
            ("b.example", "a@c@b.example", None),
            ("b.example", "@b.example", None),
            ("b.example", "a@", None),
            ("b.example", "b.example", None),
            ("b.example", "a..c@b.example", None),
            ("b.example", "\"a\"@b.example", None),
        ] {
            let verdict = single_within(GeneralName::Rfc822(base), GeneralName::Rfc822(name));
            assert_eq!(verdict, within, "{name} under {base}");
        }
    }

    #[test]
    fn uris_are_held_by_their_host() {
        for (base, name, within) in [
            ("a.example", "https://a.example/x", Some(true)),
            ("a.example", "https://A.Example:8443", Some(true)),
            ("a.example", "https://me:pw@a.example?q", Some(true)),
            ("a.example", "https://b.a.example", Some(false)),
            (".a.example", "https://b.a.example#f", Some(true)),
            (".a.example", "https://a.example", Some(false)),
            (".a.example", "https://a.example@b.example/", Some(false)),
            ("a.example", "urn:a.example", None),
            ("a.example", "https://", None),
            ("a.example", "https://192.0.2.1/", None),
            ("a.example", "https://[2001:db8::1]/", None),
            ("a.example", "https://localhost/", None),
            ("a.example", "a.example", None),
        ] {
            let verdict = single_within(GeneralName::Uri(base), GeneralName::Uri(name));
            assert_eq!(verdict, within, "{name} under {base}");
        }
    }

    #[test]
    fn bases_have_a_form() {
        for (base, good) in [
            (GeneralName::Rfc822("a@b.example"), true),
            (GeneralName::Rfc822(".b.example"), true),
            (GeneralName::Rfc822("a@@b.example"), false),
            (GeneralName::Uri(".b.example"), true),
            (GeneralName::Uri("https://b.example"), false),
            (GeneralName::Dns(".b.example"), false),
            (GeneralName::Ip(&[192, 0, 2, 0, 255, 255, 255, 0]), true),
            (GeneralName::Ip(&[192, 0, 2, 0, 255, 0, 255, 0]), false),
            (GeneralName::Ip(&[192, 0, 2, 0]), false),
        ] {
            assert_eq!(is_base(base), good, "{base:?}");
        }
    }
}
