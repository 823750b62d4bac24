//! Why a chain was refused, for a person. Nothing here takes part in a verdict.

use crate::{
    Error, Identity, Inputs, Roots, Rule, Unknown,
    certificate::Certificate,
    dates::{DAY, Day, Span},
    directory,
    extensions::access_description,
    general_name::{GeneralName, GeneralNames},
    identity::{DnsPattern, dns_matches, is_within},
    limits::MAX_POOL,
    oids, section6,
    text::{address, distinguished_name, printable},
    tree::{self, Attempt},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;
use netkit_core::Reader;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// Names of a certificate that are printed; the rest is counted.
const NAMES_SHOWN: usize = 8;

/// Why a chain was refused: facts, and what to try. [`Display`](fmt::Display) gives
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
    /// The names in the end entity's subjectAltName.
    pub presented: Vec<String>,
    /// Distinguished name (RFC 4514) of the certificate at fault, where it can be told.
    pub certificate: Option<String>,
    /// Distinguished name of the issuer that neither the chain nor the roots have.
    pub missing_issuer: Option<String>,
    /// Where the certificate at fault says that its issuer's can be fetched (RFC 5280 4.2.2.1).
    pub issuer_at: Option<String>,
    /// The search for a path, where it is the search that failed.
    pub search: Option<Attempt>,
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
        if let Some(uri) = &self.issuer_at {
            write!(f, "\n  it may be at: {uri}")?;
        }
        if let Some(search) = &self.search {
            write!(f, "\n  the search, from the certificate up:{search}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

fn names(f: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
    if names.is_empty() {
        return f.write_str("no name at all");
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
/// of that call.
pub fn diagnose(
    chain: &[CertificateDer<'_>],
    roots: &Roots,
    name: &ServerName<'_>,
    now: UnixTime,
    error: Error,
) -> Diagnosis {
    let identity = Identity::Server(name);
    Diagnosis::of(chain, roots, Some(&identity), &Inputs::server(now), error)
}

impl Diagnosis {
    /// Explains why [`Roots::verify`], or [`Path::is_for`](crate::Path::is_for) an `identity`, refused `chain`
    /// with `error`. It takes a few parses and comparisons, and a few signature checks where a path was
    /// looked for. It cannot change the verdict.
    pub fn of(
        chain: &[CertificateDer<'_>],
        roots: &Roots,
        identity: Option<&Identity<'_>>,
        inputs: &Inputs<'_>,
        error: Error,
    ) -> Self {
        let parsed: Vec<_> = chain
            .iter()
            .take(MAX_POOL + 1)
            .map(|der| Certificate::parse(der))
            .collect();
        let chain = Chain {
            end_entity: parsed.first().and_then(|parsed| parsed.as_ref().ok()),
            pool: parsed.iter().skip(1).flatten().collect(),
            roots,
            inputs,
        };
        let fault = chain.fault(error);
        let mut diagnosis = Self {
            error,
            summary: error.to_string(),
            asked: identity.map(ToString::to_string).unwrap_or_default(),
            presented: chain.end_entity.map(presented).unwrap_or_default(),
            certificate: fault.map(distinguished_name),
            missing_issuer: None,
            issuer_at: None,
            search: chain.search(error),
            hint: hint(error),
        };
        match (error, identity) {
            (Error::NotYetValid { not_before, now }, _) => {
                diagnosis.not_yet_valid(not_before, now);
            }
            (Error::NameMismatch, Some(identity)) => {
                diagnosis.name_mismatch(chain.end_entity, identity);
            }
            (Error::UnknownIssuer, _) => diagnosis.unknown_issuer(&chain),
            _ => {}
        }
        diagnosis
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

    fn name_mismatch(&mut self, end_entity: Option<&Certificate<'_>>, identity: &Identity<'_>) {
        let asked = self.asked.as_str();
        let of_common_name = |end_entity: &Certificate<'_>| {
            directory::texts(end_entity.subject, oids::COMMON_NAME)
                .flatten()
                .any(|common_name| dns_matches(common_name, asked))
        };
        let near = |is_near: fn(&str, &str) -> bool| {
            self.presented.iter().find(|other| is_near(other, asked))
        };
        self.hint = if end_entity.is_some_and(of_common_name) {
            Some(
                "only the subject's common name says so, and that has no meaning any more \
                 (RFC 9525): issue it again with a subjectAltName"
                    .into(),
            )
        } else if near(near_wildcard).is_some() {
            Some("a wildcard stands for exactly one label (RFC 9525 6.3)".into())
        } else if let Some(other) = near(differ_in_www) {
            Some(format!("the certificate is for {other}: ask for that"))
        } else if matches!(identity, Identity::Server(ServerName::IpAddress(_))) {
            Some(
                "an address needs an iPAddress in subjectAltName: ask for a name, or issue it again"
                    .into(),
            )
        } else {
            near(one_label_off)
                .map(|other| format!("the certificate is for {other}: one label differs"))
        };
        self.summary = format!("the certificate is not for {asked}");
    }

    /// Follows the issuers by name to the first that is nowhere.
    fn unknown_issuer(&mut self, chain: &Chain<'_>) {
        let Some(end_entity) = chain.end_entity else {
            return;
        };
        let last = chain.last(end_entity);
        self.missing_issuer = Some(distinguished_name(last.issuer));
        self.certificate = Some(distinguished_name(last.subject));
        self.hint = if chain.roots.is_empty() {
            Some("no root is trusted at all: load the system's roots or a CA file".into())
        } else if last.is_self_issued() && core::ptr::eq(last, end_entity) {
            self.summary = "the certificate is signed by itself, and not trusted".into();
            Some("if it is yours, trust it as a root".into())
        } else if last.is_self_issued() {
            self.summary = "the chain ends in a root that is not trusted".into();
            Some("if this CA is yours, trust it as a root".into())
        } else {
            self.issuer_at = issuer_at(last);
            Some(
                "the server may have left out an intermediate certificate, or the CA is private: \
                 trust its root"
                    .into(),
            )
        };
    }
}

/// What to try, where the error alone tells.
fn hint(error: Error) -> Option<String> {
    Some(
        match error {
            Error::Expired { now, .. } => {
                return Some(format!(
                    "renew the certificate; if today is not {}, set this machine's clock",
                    Day(now)
                ));
            }
            Error::BadSignature => {
                "a CA made anew under its old name has another key: trust the new one, \
                 or issue the certificate again"
            }
            Error::ExtendedKeyUsageNotAllowed | Error::KeyUsageNotAllowed => {
                "a server's certificate needs extKeyUsage serverAuth and keyUsage \
                 digitalSignature, its CAs keyCertSign"
            }
            Error::IssuerNotCa => "a CA's certificate needs basicConstraints with cA true",
            Error::UnsupportedKey(_) => {
                "use ECDSA on P-256 or P-384, Ed25519, or RSA of 2048 bits or more"
            }
            Error::UnsupportedSignatureAlgorithm(_) => {
                "have the certificate signed with SHA-256 or better"
            }
            Error::Nonconforming(Rule::CommonNameNotInSubjectAltName) => {
                "leave the common name out, or make it one of the names"
            }
            Error::Revoked { .. } => "do not trust it; its holder needs a new certificate",
            Error::RevocationUnknown(Unknown::Stale) => "fetch a newer CRL or OCSP response",
            Error::RevocationUnknown(_) => {
                "give the CRL or OCSP response of each certificate's issuer"
            }
            _ => return None,
        }
        .into(),
    )
}

/// What the refused verdict had before it.
struct Chain<'d> {
    end_entity: Option<&'d Certificate<'d>>,
    pool: Vec<&'d Certificate<'d>>,
    roots: &'d Roots,
    inputs: &'d Inputs<'d>,
}

impl<'d> Chain<'d> {
    fn judge_end_entity(&self, end_entity: &Certificate<'_>) -> Result<(), Error> {
        section6::issued(end_entity, self.inputs.now.as_secs())?;
        section6::end_entity(end_entity, self.inputs)
    }

    /// The search, if it was come to and it failed.
    fn search(&self, error: Error) -> Option<Attempt> {
        let end_entity = self.end_entity?;
        if error == Error::NameMismatch || self.judge_end_entity(end_entity).is_err() {
            return None;
        }
        Some(tree::of(end_entity, &self.pool, self.roots, self.inputs))
    }

    /// Name of the first certificate that by itself earns `error`.
    fn fault(&self, error: Error) -> Option<&'d [u8]> {
        let now = self.inputs.now.as_secs();
        if let Some(end_entity) = self.end_entity
            && self.judge_end_entity(end_entity) == Err(error)
        {
            return Some(end_entity.subject);
        }
        for certificate in &self.pool {
            let verdict = section6::issued(certificate, now)
                .and_then(|()| section6::issuer(certificate, self.inputs.purpose));
            if verdict == Err(error) {
                return Some(certificate.subject);
            }
        }
        let issued = |subject: &[u8]| {
            let mut chain = self.end_entity.iter().chain(&self.pool);
            chain.any(|below| directory::same(below.issuer, subject))
        };
        let root = self.roots.anchors().iter().find(|root| {
            let verdict = |root: &Certificate<'_>| {
                section6::certificate(root, now)
                    .and_then(|()| section6::issuer(root, self.inputs.purpose))
            };
            let certificate = root.read().ok().and_then(|root| root.certificate);
            issued(&root.subject) && certificate.as_ref().map(verdict) == Some(Err(error))
        })?;
        Some(&root.subject)
    }

    /// The certificate whose issuer is nowhere.
    fn last(&self, end_entity: &'d Certificate<'d>) -> &'d Certificate<'d> {
        let mut last = end_entity;
        for _ in &self.pool {
            let issuer = self
                .pool
                .iter()
                .find(|ca| ca.subject == last.issuer && !core::ptr::eq(**ca, last));
            match issuer {
                Some(issuer) if !last.is_self_issued() => last = issuer,
                _ => break,
            }
        }
        last
    }
}

/// Where the issuer's certificate can be fetched, if its authorityInfoAccess says so.
fn issuer_at(certificate: &Certificate<'_>) -> Option<String> {
    let mut reader = Reader::new(certificate.extensions.authority_info_access?);
    while let Ok((method, location)) = access_description(&mut reader) {
        if let (oids::CA_ISSUERS, GeneralName::Uri(uri)) = (method, location) {
            return Some(printable(uri));
        }
    }
    None
}

/// The identities in subjectAltName.
fn presented(certificate: &Certificate<'_>) -> Vec<String> {
    let names = certificate.extensions.subject_alt_name;
    names
        .into_iter()
        .flat_map(GeneralNames::iter)
        .filter_map(|name| match name {
            GeneralName::Dns(name) | GeneralName::Rfc822(name) | GeneralName::Uri(name) => {
                Some(printable(name))
            }
            GeneralName::Ip(octets) => address(octets),
            _ => None,
        })
        .collect()
}

/// Whether a wildcard fails only by the number of labels.
fn near_wildcard(presented: &str, asked: &str) -> bool {
    match DnsPattern::parse(presented) {
        Some(DnsPattern::Wildcard(parent)) => is_within(asked, parent),
        _ => false,
    }
}

fn differ_in_www(one: &str, other: &str) -> bool {
    one.strip_prefix("www.") == Some(other) || other.strip_prefix("www.") == Some(one)
}

/// Whether two names are the same but for one label: another, one more, or one less.
fn one_label_off(one: &str, other: &str) -> bool {
    let (longer, shorter) = if one.split('.').count() >= other.split('.').count() {
        (one, other)
    } else {
        (other, one)
    };
    let labels = |name: &'_ str| {
        name.split('.')
            .map(str::to_ascii_lowercase)
            .collect::<Vec<_>>()
    };
    let (longer, shorter) = (labels(longer), labels(shorter));
    let differ = |longer: &[String], shorter: &[String]| {
        longer.iter().zip(shorter).filter(|(a, b)| a != b).count()
    };
    match longer.len() - shorter.len() {
        // Two labels have to be shared: many names end in `com`.
        0 => longer.len() > 2 && differ(&longer, &shorter) == 1,
        1 => (0..longer.len()).any(|at| {
            let mut without = longer.clone();
            without.remove(at);
            shorter.len() > 1 && without == shorter
        }),
        _ => false,
    }
}
