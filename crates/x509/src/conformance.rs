//! What certificates have to be made like, besides what path validation needs: the profile of RFC 5280
//! section 4, and the Baseline Requirements of the CA/Browser Forum (BR), which bind the web's CAs.

use crate::{
    certificate::Certificate,
    directory,
    extensions::{ExtendedKeyUsage, KeyUsageBits, Kind},
    general_name::{GeneralName, GeneralNames},
    identity::is_dns_name,
    oids,
    signature::KeyKind,
};
use alloc::string::ToString;
use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

/// How strictly the paths of a root are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Profile {
    /// RFC 5280 section 6: what a path needs to be safe to believe. For roots of one's own.
    #[default]
    Path,
    /// And section 4: what a conforming CA issues.
    Rfc5280,
    /// And the Baseline Requirements for TLS server certificates, which bind the web's public CAs.
    WebPki,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $word:literal, $text:literal;)+) => {
        /// A rule of a [`Profile`] that a certificate breaks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Rule { $($(#[$doc])* $name,)+ }

        impl Rule {
            /// A stable name, for logs and tables.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }

        impl fmt::Display for Rule {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text,)+ })
            }
        }
    };
}

rules! {
    /// RFC 5280 4.2.1.1, 4.2.1.2, 4.2.1.8, 4.2.1.15, 4.2.2: an extension that must not be critical is.
    CriticalExtension: "critical_extension", "an extension is critical that must not be (RFC 5280 4.2)";
    /// RFC 5280 4.2.1.9 to 4.2.1.11, 4.2.1.14: an extension that must be critical is not.
    NotCriticalExtension: "not_critical_extension", "an extension is not critical that must be (RFC 5280 4.2)";
    /// RFC 5280 4.2.1.1: authorityKeyIdentifier with a keyIdentifier, unless self-signed.
    NoAuthorityKeyIdentifier: "no_authority_key_identifier", "no authorityKeyIdentifier names the issuer's key (RFC 5280 4.2.1.1)";
    /// RFC 5280 4.2.1.2: subjectKeyIdentifier in a CA.
    NoSubjectKeyIdentifier: "no_subject_key_identifier", "a CA has no subjectKeyIdentifier (RFC 5280 4.2.1.2)";
    /// RFC 5280 4.2.1.3: keyUsage in a CA.
    NoKeyUsage: "no_key_usage", "a CA has no keyUsage (RFC 5280 4.2.1.3)";
    /// RFC 5280 4.2.1.9: pathLenConstraint only with cA and keyCertSign.
    PathLenWithoutCa: "path_len_without_ca", "pathLenConstraint without cA and keyCertSign (RFC 5280 4.2.1.9)";
    /// RFC 5280 4.2.1.6: dNSName in the preferred name syntax.
    DnsNameSyntax: "dns_name_syntax", "a dNSName is not a host name (RFC 5280 4.2.1.6)";
    /// BR 7.1.2.1.3, 7.1.2.11.1: authorityKeyIdentifier holds a keyIdentifier and nothing else.
    AuthorityKeyIdentifierFields: "authority_key_identifier_fields", "authorityKeyIdentifier has other fields than keyIdentifier (BR 7.1.2.11.1)";
    /// BR 7.1.2.1.3: a root's authorityKeyIdentifier names its own key.
    KeyIdentifierMismatch: "key_identifier_mismatch", "a root's two key identifiers differ (BR 7.1.2.1.3)";
    /// BR 7.1.2.1.2: no extKeyUsage in a root.
    ExtendedKeyUsageInRoot: "extended_key_usage_in_root", "a root has extKeyUsage (BR 7.1.2.1.2)";
    /// BR 7.1.2.7.6, 7.1.2.7.10: extKeyUsage of a server, not critical, without anyExtendedKeyUsage.
    ServerExtendedKeyUsage: "server_extended_key_usage", "a server's extKeyUsage is absent, critical or for anything (BR 7.1.2.7.10)";
    /// BR 7.1.2.7.8: a server is no CA.
    CaAsServer: "ca_as_server", "a server's certificate is a CA's (BR 7.1.2.7.8)";
    /// BR 7.1.2.7.12: subjectAltName has dNSNames and iPAddresses only, and is critical exactly if the subject is
    /// empty.
    ServerSubjectAltName: "server_subject_alt_name", "a server's subjectAltName is absent, has other kinds of names, or is critical beside a subject (BR 7.1.2.7.12)";
    /// BR 7.1.4.3: the common name is a copy of a name in subjectAltName.
    CommonNameNotInSubjectAltName: "common_name_not_in_subject_alt_name", "the common name is no copy of a name in subjectAltName (BR 7.1.4.3)";
    /// BR 7.1.3.1: keys are RSA or ECDSA.
    KeyAlgorithm: "key_algorithm", "a key is neither RSA nor ECDSA (BR 7.1.3.1)";
}

/// Where a certificate stands in its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Root,
    Intermediate,
    EndEntity,
}

/// Judges one certificate of a path.
pub(crate) fn check(
    certificate: &Certificate<'_>,
    place: Place,
    profile: Profile,
) -> Result<(), Rule> {
    if profile == Profile::Path {
        return Ok(());
    }
    criticality(certificate, profile)?;
    authority_key_identifier(certificate, place)?;
    if certificate.is_ca() {
        ca(certificate)?;
    }
    path_len(certificate)?;
    dns_names(certificate)?;
    if profile == Profile::WebPki {
        web_pki(certificate, place)?;
    }
    Ok(())
}

fn held(holds: bool, rule: Rule) -> Result<(), Rule> {
    if holds { Ok(()) } else { Err(rule) }
}

fn criticality(certificate: &Certificate<'_>, profile: Profile) -> Result<(), Rule> {
    let extensions = &certificate.extensions;
    let never = [
        Kind::AuthorityKeyIdentifier,
        Kind::SubjectKeyIdentifier,
        Kind::AuthorityInfoAccess,
        Kind::FreshestCrl,
    ];
    held(
        !never.iter().any(|kind| extensions.is_critical(*kind)),
        Rule::CriticalExtension,
    )?;
    // BR 7.1.2.5.2 allows nameConstraints either way.
    let always = [
        (Kind::PolicyConstraints, true),
        (Kind::InhibitAnyPolicy, true),
        (Kind::NameConstraints, profile == Profile::Rfc5280),
        (Kind::BasicConstraints, certificate.is_ca()),
    ];
    let critical = |(kind, applies): &(Kind, bool)| {
        !applies || !extensions.has(*kind) || extensions.is_critical(*kind)
    };
    held(always.iter().all(critical), Rule::NotCriticalExtension)
}

fn authority_key_identifier(certificate: &Certificate<'_>, place: Place) -> Result<(), Rule> {
    let identifier = certificate.extensions.authority_key_identifier;
    let present = identifier.is_some_and(|identifier| identifier.key_identifier.is_some());
    // "in all certificates generated by conforming CAs", but for the self-signed: nobody is above them.
    let excused =
        || identifier.is_none() && place != Place::Intermediate && is_self_signed(certificate);
    held(present || excused(), Rule::NoAuthorityKeyIdentifier)
}

/// Self-issued; or signed with its own key under another name, which costs a signature check to see.
fn is_self_signed(certificate: &Certificate<'_>) -> bool {
    certificate.is_self_issued()
        || certificate
            .public_key
            .verify_signed(&certificate.signed)
            .is_ok()
}

fn ca(certificate: &Certificate<'_>) -> Result<(), Rule> {
    let extensions = &certificate.extensions;
    held(
        extensions.subject_key_identifier.is_some(),
        Rule::NoSubjectKeyIdentifier,
    )?;
    held(extensions.key_usage.is_some(), Rule::NoKeyUsage)
}

fn path_len(certificate: &Certificate<'_>) -> Result<(), Rule> {
    let extensions = &certificate.extensions;
    let limited = extensions
        .basic_constraints
        .is_some_and(|constraints| constraints.path_len_constraint.is_some());
    let signs = extensions
        .key_usage
        .is_some_and(|bits| bits.has(KeyUsageBits::KEY_CERT_SIGN));
    held(
        !limited || (certificate.is_ca() && signs),
        Rule::PathLenWithoutCa,
    )
}

fn alternative_names<'a>(certificate: &Certificate<'a>) -> impl Iterator<Item = GeneralName<'a>> {
    let names = certificate.extensions.subject_alt_name;
    names.into_iter().flat_map(GeneralNames::iter)
}

fn dns_names(certificate: &Certificate<'_>) -> Result<(), Rule> {
    let mut names = alternative_names(certificate);
    held(
        names.all(|name| match name {
            GeneralName::Dns(name) => is_host_name(name),
            _ => true,
        }),
        Rule::DnsNameSyntax,
    )
}

/// RFC 1034 3.5 with RFC 1123 2.1, below a wildcard or not: no underscores, no hyphens at an edge, no address.
fn is_host_name(name: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    let edges = |label: &str| !label.starts_with('-') && !label.ends_with('-');
    is_dns_name(name)
        && !name.contains('_')
        && name.split('.').all(edges)
        && name.parse::<Ipv4Addr>().is_err()
}

fn web_pki(certificate: &Certificate<'_>, place: Place) -> Result<(), Rule> {
    let kind = certificate.public_key.kind();
    held(
        !matches!(kind, KeyKind::Ed25519 | KeyKind::Other(_)),
        Rule::KeyAlgorithm,
    )?;
    let identifier = certificate.extensions.authority_key_identifier;
    held(
        identifier.is_none_or(|identifier| {
            identifier.key_identifier.is_some() && !identifier.names_certificate
        }),
        Rule::AuthorityKeyIdentifierFields,
    )?;
    match place {
        Place::Root => root(certificate),
        Place::Intermediate => Ok(()),
        Place::EndEntity => server(certificate),
    }
}

fn root(certificate: &Certificate<'_>) -> Result<(), Rule> {
    let extensions = &certificate.extensions;
    let authority = extensions
        .authority_key_identifier
        .and_then(|identifier| identifier.key_identifier);
    held(
        !certificate.is_self_issued()
            || authority.is_none()
            || authority == extensions.subject_key_identifier,
        Rule::KeyIdentifierMismatch,
    )?;
    held(
        !certificate.is_self_issued() || extensions.extended_key_usage.is_none(),
        Rule::ExtendedKeyUsageInRoot,
    )
}

fn server(certificate: &Certificate<'_>) -> Result<(), Rule> {
    let extensions = &certificate.extensions;
    held(!certificate.is_ca(), Rule::CaAsServer)?;
    let purposes = extensions.extended_key_usage;
    let for_anything = |purposes: ExtendedKeyUsage<'_>| purposes.has(oids::ANY_EXTENDED_KEY_USAGE);
    held(
        purposes.is_some_and(|purposes| !for_anything(purposes))
            && !extensions.is_critical(Kind::ExtendedKeyUsage),
        Rule::ServerExtendedKeyUsage,
    )?;
    let sound = alternative_names(certificate)
        .all(|name| matches!(name, GeneralName::Dns(_) | GeneralName::Ip(_)));
    held(
        sound
            && extensions.has(Kind::SubjectAltName)
            && extensions.is_critical(Kind::SubjectAltName) == certificate.subject.is_empty(),
        Rule::ServerSubjectAltName,
    )?;
    let mut common_names = directory::texts(certificate.subject, oids::COMMON_NAME);
    held(
        common_names.all(|text| text.is_some_and(|text| is_copy(text, certificate))),
        Rule::CommonNameNotInSubjectAltName,
    )
}

/// BR 7.1.4.3: a dNSName character for character, an address as RFC 3986 3.2.2 or RFC 5952 4 writes it. The
/// domain of a wildcard passes too: it names nobody else.
fn is_copy(common_name: &str, certificate: &Certificate<'_>) -> bool {
    alternative_names(certificate).any(|name| match name {
        GeneralName::Dns(name) => {
            name.strip_prefix("*.") == Some(common_name) || name == common_name
        }
        GeneralName::Ip(octets) => {
            let v4 = <[u8; 4]>::try_from(octets).map(|octets| Ipv4Addr::from(octets).to_string());
            let v6 = <[u8; 16]>::try_from(octets).map(|octets| Ipv6Addr::from(octets).to_string());
            v4.or(v6).is_ok_and(|text| text == common_name)
        }
        _ => false,
    })
}
