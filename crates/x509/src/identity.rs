//! Service identity (RFC 9525): the name that was asked for against those in subjectAltName. The
//! subject's common name is never consulted.

use crate::{
    Error,
    certificate::Certificate,
    constraints::Mailbox,
    general_name::{GeneralName, GeneralNames},
};
use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};
use rustls_pki_types::{IpAddr, ServerName};

/// Whom a certificate is to be for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity<'a> {
    /// A server: DNS-ID or IP-ID (RFC 9525 6.3, 6.5).
    Server(&'a ServerName<'a>),
    /// A mailbox: an rfc822Name, the domain without regard to case (RFC 5280 7.5).
    Email(&'a str),
    /// URI-ID (RFC 9525 6.4): scheme and host of a URI; a wildcard is not honoured.
    Uri(&'a str),
}

impl<'a> From<&'a ServerName<'a>> for Identity<'a> {
    fn from(name: &'a ServerName<'a>) -> Self {
        Self::Server(name)
    }
}

impl fmt::Display for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(ServerName::DnsName(name)) => f.write_str(name.as_ref()),
            Self::Server(ServerName::IpAddress(IpAddr::V4(octets))) => {
                Ipv4Addr::from(*octets.as_ref()).fmt(f)
            }
            Self::Server(ServerName::IpAddress(IpAddr::V6(octets))) => {
                Ipv6Addr::from(*octets.as_ref()).fmt(f)
            }
            Self::Server(_) => f.write_str("(a name that cannot be shown)"),
            Self::Email(text) | Self::Uri(text) => f.write_str(text),
        }
    }
}

/// RFC 9525 6.3 to 6.5: one presented identifier of the same kind has to match.
pub(crate) fn matches(certificate: &Certificate<'_>, asked: &Identity<'_>) -> Result<(), Error> {
    let presented = certificate.extensions.subject_alt_name;
    let mut presented = presented.into_iter().flat_map(GeneralNames::iter);
    if presented.any(|presented| matches_one(presented, asked)) {
        Ok(())
    } else {
        Err(Error::NameMismatch)
    }
}

fn matches_one(presented: GeneralName<'_>, asked: &Identity<'_>) -> bool {
    match (presented, asked) {
        (GeneralName::Dns(presented), Identity::Server(ServerName::DnsName(asked))) => {
            dns_matches(presented, asked.as_ref())
        }
        // RFC 9525 6.5: "the octets of the reference IP-ID ... match exactly".
        (GeneralName::Ip(octets), Identity::Server(ServerName::IpAddress(IpAddr::V4(asked)))) => {
            octets == asked.as_ref()
        }
        (GeneralName::Ip(octets), Identity::Server(ServerName::IpAddress(IpAddr::V6(asked)))) => {
            octets == asked.as_ref()
        }
        (GeneralName::Rfc822(presented), Identity::Email(asked)) => {
            match (Mailbox::parse(presented), Mailbox::parse(asked)) {
                (Some(presented), Some(asked)) => presented.same(asked),
                _ => false,
            }
        }
        (GeneralName::Uri(presented), Identity::Uri(asked)) => uri_matches(presented, asked),
        _ => false,
    }
}

/// Whether a DNS name that a certificate presents stands for the one that was asked for.
pub(crate) fn dns_matches(presented: &str, asked: &str) -> bool {
    DnsPattern::parse(presented).is_some_and(|pattern| pattern.matches(asked))
}

/// RFC 9525 6.4: the same scheme, and hosts that match as DNS names do, or are the same octets.
fn uri_matches(presented: &str, asked: &str) -> bool {
    let (Some((scheme, host)), Some((asked_scheme, asked_host))) =
        (scheme_and_host(presented), scheme_and_host(asked))
    else {
        return false;
    };
    scheme.eq_ignore_ascii_case(asked_scheme) && host.eq_ignore_ascii_case(asked_host)
}

/// `scheme://[userinfo@]host[:port][/...]` (RFC 3986 3): the two parts that identify a service.
pub(crate) fn scheme_and_host(uri: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|c| c.is_ascii_digit()) => host,
        _ => host,
    };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"+-.".contains(&c));
    (is_scheme && !host.is_empty()).then_some((scheme, host))
}

/// A DNS name as a certificate presents it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DnsPattern<'a> {
    /// One name.
    Exact(&'a str),
    /// `*.` and this: every name with one label more.
    Wildcard(&'a str),
}

impl<'a> DnsPattern<'a> {
    /// RFC 9525 6.3: a wildcard only as the whole left-most label; here also only above two
    /// labels or more, for nobody owns all of `com`.
    pub(crate) fn parse(presented: &'a str) -> Option<Self> {
        match presented.strip_prefix("*.") {
            Some(rest) => (is_dns_name(rest) && rest.contains('.')).then_some(Self::Wildcard(rest)),
            None => is_dns_name(presented).then_some(Self::Exact(presented)),
        }
    }

    pub(crate) fn matches(self, asked: &str) -> bool {
        // An absolute name ends in the root's empty label, which certificates leave out.
        let asked = asked.strip_suffix('.').unwrap_or(asked);
        match self {
            Self::Exact(name) => asked.eq_ignore_ascii_case(name),
            Self::Wildcard(parent) => asked.split_once('.').is_some_and(|(label, rest)| {
                !label.is_empty() && rest.eq_ignore_ascii_case(parent)
            }),
        }
    }
}

/// RFC 1034 3.5, and underscores, which are in use. At most 253 characters.
pub(crate) fn is_dns_name(name: &str) -> bool {
    let fits = |label: usize| (1..=63).contains(&label);
    let mut label = 0;
    for c in name.bytes() {
        label = match c {
            b'.' if fits(label) => 0,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' => label + 1,
            _ => return false,
        };
    }
    name.len() <= 253 && fits(label)
}

/// Whether `name` is `domain` or ends in `.` and `domain`; the empty domain holds every name.
pub(crate) fn is_within(name: &str, domain: &str) -> bool {
    if domain.is_empty() {
        return true;
    }
    let Some(at) = name.len().checked_sub(domain.len()) else {
        return false;
    };
    let (front, back) = name.as_bytes().split_at(at);
    back.eq_ignore_ascii_case(domain.as_bytes()) && front.last().is_none_or(|&c| c == b'.')
}

#[cfg(test)]
mod tests {
    use super::{GeneralName, Identity, is_dns_name, matches_one};
    use alloc::string::String;

    #[test]
    fn a_name_is_labels_between_dots() {
        let [long, longer] = [63, 64].map(|count| "a".repeat(count));
        let of_labels = |lengths: [usize; 4]| lengths.map(|length| "a".repeat(length)).join(".");
        for name in ["a", "a-b.c_d.0", "A.B", &long, &of_labels([63, 63, 63, 61])] {
            assert!(is_dns_name(name), "{name}");
        }
        for name in [
            "", ".", ".a", "a.", "a..b", "a b", "*.a", "\u{e9}.a", &longer,
        ] {
            assert!(!is_dns_name(name), "{name}");
        }
        assert!(!is_dns_name(&of_labels([63, 63, 63, 62])));
        assert!(!is_dns_name(&[&long, ".", &longer].concat() as &String));
    }

    #[test]
    fn mailboxes_and_uris_match_as_their_rfcs_say() {
        let mail =
            |presented, asked| matches_one(GeneralName::Rfc822(presented), &Identity::Email(asked));
        assert!(mail("Me@a.example", "Me@A.EXAMPLE"));
        assert!(!mail("Me@a.example", "me@a.example"));
        assert!(!mail("a.example", "a.example"));
        let uri =
            |presented, asked| matches_one(GeneralName::Uri(presented), &Identity::Uri(asked));
        assert!(uri("sip://A.example/x", "SIP://a.example"));
        assert!(!uri("sips://a.example", "sip://a.example"));
        assert!(!uri("sip://*.example", "sip://a.example"));
        assert!(!uri("urn:a", "urn:a"));
        assert!(!uri("https://me@b.example", "https://me"));
        assert!(!matches_one(
            GeneralName::Dns("a.example"),
            &Identity::Uri("https://a.example")
        ));
    }
}
