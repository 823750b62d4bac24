//! Why a chain was refused, for a person. Nothing here takes part in a verdict.

use crate::{
    Error, Roots,
    certificate::{Certificate, name_of_content},
    dates::{DAY, Day, Span},
    limits::MAX_POOL,
    name::{DnsPattern, dns_matches},
    validate::{self, Purpose},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};
use der::oid::db::rfc4519::COMMON_NAME;
use rustls_pki_types::{CertificateDer, IpAddr, ServerName, UnixTime};
use x509_cert::{ext::pkix::name::GeneralName, name::Name};

/// Names of a certificate that are printed; the rest is counted.
const NAMES_SHOWN: usize = 8;

/// Characters of a peer's text that are printed.
const TEXT_SHOWN: usize = 200;

/// Why a server's chain was refused: facts, and what to try. [`Display`](fmt::Display) gives
/// [`summary`](Self::summary), then the rest on indented lines. A peer's text in it is free of
/// control characters and bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The verdict that is explained.
    pub error: Error,
    /// One line: what is wrong.
    pub summary: String,
    /// The name that was asked for.
    pub asked: String,
    /// DNS names and IP addresses in the end entity's subjectAltName.
    pub presented: Vec<String>,
    /// Distinguished name (RFC 4514) of the certificate at fault, where it can be told.
    pub certificate: Option<String>,
    /// Distinguished name of the issuer that neither the chain nor the roots have.
    pub missing_issuer: Option<String>,
    /// What to try, if there is something.
    pub hint: Option<String>,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)?;
        if self.error == Error::NameMismatch {
            write!(f, "\n  asked for: {}\n  it is for: ", self.asked)?;
            names(f, &self.presented)?;
        }
        if let Some(certificate) = &self.certificate {
            write!(f, "\n  certificate: {certificate}")?;
        }
        if let Some(issuer) = &self.missing_issuer {
            write!(f, "\n  missing issuer: {issuer}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

fn names(f: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
    if names.is_empty() {
        return f.write_str("no DNS name or IP address at all");
    }
    for (nth, name) in names.iter().take(NAMES_SHOWN).enumerate() {
        write!(f, "{}{name}", if nth == 0 { "" } else { ", " })?;
    }
    match names.len().saturating_sub(NAMES_SHOWN) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

/// Explains why [`Roots::verify_server`] refused `chain` with `error`; the other arguments are those
/// of that call. A few parses and comparisons; no signature is checked.
pub fn diagnose(
    chain: &[CertificateDer<'_>],
    roots: &Roots,
    name: &ServerName<'_>,
    now: UnixTime,
    error: Error,
) -> Diagnosis {
    let now = now.as_secs();
    let parsed: Vec<_> = chain
        .iter()
        .take(MAX_POOL + 1)
        .map(|der| Certificate::parse(der))
        .collect();
    let end_entity = parsed.first().and_then(|parsed| parsed.as_ref().ok());
    let mut diagnosis = Diagnosis {
        error,
        summary: error.to_string(),
        asked: asked(name),
        presented: end_entity.map(presented).unwrap_or_default(),
        certificate: at_fault(&parsed, roots, now, error),
        missing_issuer: None,
        hint: None,
    };
    match error {
        Error::Expired { now, .. } => diagnosis.expired(now),
        Error::NotYetValid { not_before, now } => diagnosis.not_yet_valid(not_before, now),
        Error::NameMismatch => diagnosis.name_mismatch(end_entity, name),
        Error::UnknownIssuer => diagnosis.unknown_issuer(&parsed, roots),
        Error::BadSignature => {
            diagnosis.hint = Some(
                "a CA made anew under its old name has another key: trust the new one, \
                 or issue the certificate again"
                    .into(),
            );
        }
        Error::ExtendedKeyUsageNotAllowed | Error::KeyUsageNotAllowed => {
            diagnosis.hint = Some(
                "a server's certificate needs extKeyUsage serverAuth and keyUsage \
                 digitalSignature, its CAs keyCertSign"
                    .into(),
            );
        }
        Error::IssuerNotCa => {
            diagnosis.hint = Some("a CA's certificate needs basicConstraints with cA true".into());
        }
        Error::UnsupportedKey => {
            diagnosis.hint =
                Some("use ECDSA on P-256 or P-384, Ed25519, or RSA of 2048 bits or more".into());
        }
        _ => {}
    }
    diagnosis
}

impl Diagnosis {
    fn expired(&mut self, now: u64) {
        self.hint = Some(format!(
            "renew the certificate; if today is not {}, set this machine's clock",
            Day(now)
        ));
    }

    fn not_yet_valid(&mut self, not_before: u64, now: u64) {
        let ahead = not_before.saturating_sub(now);
        self.hint = Some(if ahead < DAY {
            format!(
                "the two clocks may differ: this machine's is {} behind",
                Span(ahead)
            )
        } else {
            format!("if today is not {}, set this machine's clock", Day(now))
        });
    }

    fn name_mismatch(&mut self, end_entity: Option<&Certificate<'_>>, name: &ServerName<'_>) {
        let asked = self.asked.as_str();
        let common_name = end_entity.and_then(common_name);
        self.summary = format!("the certificate is not for {asked}");
        self.hint = if common_name.is_some_and(|common_name| dns_matches(&common_name, asked)) {
            Some("only the subject's common name says so, and that has no meaning any more (RFC 9525): \
                 issue it again with a subjectAltName".into())
        } else if self
            .presented
            .iter()
            .any(|presented| near_wildcard(presented, asked))
        {
            Some("a wildcard stands for exactly one label (RFC 9525 6.3)".into())
        } else if let Some(other) = self
            .presented
            .iter()
            .find(|other| differ_in_www(other, asked))
        {
            Some(format!("the certificate is for {other}: ask for that"))
        } else if matches!(name, ServerName::IpAddress(_)) {
            Some("an address needs an iPAddress in subjectAltName: ask for a name, or issue it again".into())
        } else {
            None
        };
    }

    /// Follows the issuers by name to the first that is nowhere.
    fn unknown_issuer(&mut self, chain: &[Result<Certificate<'_>, Error>], roots: &Roots) {
        let Some(Ok(end_entity)) = chain.first() else {
            return;
        };
        let mut last = end_entity;
        for _ in chain {
            let issuer = chain
                .iter()
                .flatten()
                .find(|ca| ca.subject == last.issuer && !core::ptr::eq(*ca, last));
            match issuer {
                Some(issuer) if !last.is_self_issued() => last = issuer,
                _ => break,
            }
        }
        let issuer = name_of_content(last.issuer).map(|name| distinguished_name(&name));
        self.missing_issuer = issuer.ok();
        self.certificate = Some(distinguished_name(&last.subject_name));
        self.hint = if roots.is_empty() {
            Some("no root is trusted at all: load the system's roots or a CA file".into())
        } else if last.is_self_issued() && core::ptr::eq(last, end_entity) {
            self.summary = "the certificate is signed by itself, and not trusted".into();
            Some("if it is yours, trust it as a root".into())
        } else if last.is_self_issued() {
            self.summary = "the chain ends in a root that is not trusted".into();
            Some("if this CA is yours, trust it as a root".into())
        } else {
            Some(
                "the server may have left out an intermediate certificate, or the CA is private: \
                 trust its root"
                    .into(),
            )
        };
    }
}

/// The first certificate that by itself earns `error`.
fn at_fault(
    chain: &[Result<Certificate<'_>, Error>],
    roots: &Roots,
    now: u64,
    error: Error,
) -> Option<String> {
    let purpose = Purpose::ServerAuth;
    let (end_entity, pool) = chain.split_first()?;
    if let Ok(certificate) = end_entity {
        let verdict = validate::issued(certificate, now)
            .and_then(|()| validate::end_entity(certificate, purpose));
        if verdict == Err(error) {
            return Some(distinguished_name(&certificate.subject_name));
        }
    }
    for certificate in pool.iter().flatten() {
        let verdict = validate::issued(certificate, now)
            .and_then(|()| validate::issuer(&certificate.profile, purpose));
        if verdict == Err(error) {
            return Some(distinguished_name(&certificate.subject_name));
        }
    }
    let issued = |subject: &[u8]| chain.iter().flatten().any(|below| below.issuer == subject);
    let root = roots.anchors().iter().find(|root| {
        let verdict = |profile| {
            validate::certificate(profile, now).and_then(|()| validate::issuer(profile, purpose))
        };
        issued(&root.subject) && root.profile().map(verdict) == Some(Err(error))
    })?;
    name_of_content(&root.subject)
        .ok()
        .map(|name| distinguished_name(&name))
}

fn asked(name: &ServerName<'_>) -> String {
    match name {
        ServerName::DnsName(name) => name.as_ref().into(),
        ServerName::IpAddress(IpAddr::V4(octets)) => Ipv4Addr::from(*octets.as_ref()).to_string(),
        ServerName::IpAddress(IpAddr::V6(octets)) => Ipv6Addr::from(*octets.as_ref()).to_string(),
        _ => String::new(),
    }
}

/// The identities in subjectAltName that a server can be asked for.
fn presented(certificate: &Certificate<'_>) -> Vec<String> {
    let names = certificate
        .profile
        .extensions
        .subject_alt_name
        .iter()
        .flatten();
    names
        .filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(printable(name.as_str())),
            GeneralName::IpAddress(octets) => address(octets.as_bytes()),
            _ => None,
        })
        .collect()
}

fn address(octets: &[u8]) -> Option<String> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(octets).to_string());
    }
    let octets = <[u8; 16]>::try_from(octets).ok()?;
    Some(Ipv6Addr::from(octets).to_string())
}

fn common_name(certificate: &Certificate<'_>) -> Option<String> {
    let attributes = certificate.subject_name.iter();
    let value = attributes
        .filter(|attribute| attribute.oid == COMMON_NAME)
        .last()?;
    core::str::from_utf8(value.value.value())
        .ok()
        .map(Into::into)
}

/// Whether a wildcard fails only by the number of labels.
fn near_wildcard(presented: &str, asked: &str) -> bool {
    match DnsPattern::parse(presented) {
        Some(DnsPattern::Wildcard(parent)) => crate::name::is_within(asked, parent),
        _ => false,
    }
}

fn differ_in_www(one: &str, other: &str) -> bool {
    one.strip_prefix("www.") == Some(other) || other.strip_prefix("www.") == Some(one)
}

fn distinguished_name(name: &Name) -> String {
    if name.is_empty() {
        return "(no subject)".into();
    }
    printable(&name.to_string())
}

/// A peer's text, bounded and without characters that would move a terminal's cursor or reorder
/// the text around them.
fn printable(text: &str) -> String {
    let mut printable = String::new();
    for c in text.chars().take(TEXT_SHOWN) {
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
    if text.chars().nth(TEXT_SHOWN).is_some() {
        printable.push_str("...");
    }
    printable
}
