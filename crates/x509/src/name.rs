//! Service identity (RFC 9525): the name that was asked for against those in subjectAltName. The
//! subject's common name is never consulted.

use crate::{Error, certificate::Certificate};
use rustls_pki_types::{IpAddr, ServerName};
use x509_cert::ext::pkix::name::GeneralName;

/// RFC 9525 6.3 and 6.5: one presented identifier of the same kind has to match.
pub(crate) fn matches(certificate: &Certificate<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    let presented = certificate
        .profile
        .extensions
        .subject_alt_name
        .iter()
        .flatten();
    let mut presented = presented;
    let found = match name {
        ServerName::DnsName(asked) => presented.any(|presented| match presented {
            GeneralName::DnsName(presented) => dns_matches(presented.as_str(), asked.as_ref()),
            _ => false,
        }),
        ServerName::IpAddress(IpAddr::V4(asked)) => {
            presented.any(|presented| ip_matches(presented, asked.as_ref()))
        }
        ServerName::IpAddress(IpAddr::V6(asked)) => {
            presented.any(|presented| ip_matches(presented, asked.as_ref()))
        }
        _ => false,
    };
    if found {
        Ok(())
    } else {
        Err(Error::NameMismatch)
    }
}

/// Whether a DNS name that a certificate presents stands for the one that was asked for.
pub(crate) fn dns_matches(presented: &str, asked: &str) -> bool {
    DnsPattern::parse(presented).is_some_and(|pattern| pattern.matches(asked))
}

/// RFC 9525 6.5: "the octets of the reference IP-ID ... match exactly".
fn ip_matches(presented: &GeneralName, asked: &[u8]) -> bool {
    matches!(presented, GeneralName::IpAddress(octets) if octets.as_bytes() == asked)
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
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
    };
    name.len() <= 253 && name.split('.').all(label)
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
