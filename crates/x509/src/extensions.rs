//! The extensions that take part in a verdict (RFC 5280 4.2), read in place.

use crate::{
    Error,
    asn1::{
        BIT_STRING, BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Read, constructed, context,
        element, flag, named_bits, natural, oid, only_sequence, optional, sequence, whole,
    },
    constraints::NameConstraints,
    general_name::{GeneralName, GeneralNames},
    limits::{MAX_EXTENSIONS, MAX_POLICIES},
    oids,
};
use netkit_core::{NotDer, Reader};

/// What a certificate says of itself, apart from names and keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extensions<'a> {
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) key_usage: Option<KeyUsageBits>,
    pub(crate) extended_key_usage: Option<ExtendedKeyUsage<'a>>,
    pub(crate) subject_alt_name: Option<GeneralNames<'a>>,
    pub(crate) name_constraints: Option<NameConstraints<'a>>,
    pub(crate) authority_key_identifier: Option<AuthorityKeyIdentifier<'a>>,
    pub(crate) subject_key_identifier: Option<&'a [u8]>,
    pub(crate) certificate_policies: Option<CertificatePolicies<'a>>,
    pub(crate) policy_mappings: Option<PolicyMappings<'a>>,
    pub(crate) policy_constraints: Option<PolicyConstraints>,
    /// SkipCerts.
    pub(crate) inhibit_any_policy: Option<u32>,
    /// Content of CRLDistributionPoints.
    pub(crate) crl_distribution_points: Option<&'a [u8]>,
    /// Content of AuthorityInfoAccessSyntax.
    pub(crate) authority_info_access: Option<&'a [u8]>,
    /// The [`Kind`]s that were seen, and those of them that are critical.
    seen: Kinds,
    critical: Kinds,
    /// A critical extension that is none of the above was seen.
    pub(crate) unknown_critical: bool,
}

/// A set of [`Kind`]s.
#[derive(Debug, Clone, Copy, Default)]
struct Kinds(u32);

impl Kinds {
    const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }

    const fn add(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u32;
    }
}

/// An extension that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    BasicConstraints,
    KeyUsage,
    ExtendedKeyUsage,
    SubjectAltName,
    NameConstraints,
    AuthorityKeyIdentifier,
    SubjectKeyIdentifier,
    CertificatePolicies,
    PolicyMappings,
    PolicyConstraints,
    InhibitAnyPolicy,
    CrlDistributionPoints,
    FreshestCrl,
    AuthorityInfoAccess,
    /// Not used, but RFC 5280 4.2.1.8 and 4.2.2.2 say something of their criticality.
    SubjectDirectoryAttributes,
    SubjectInfoAccess,
}

impl Kind {
    /// 2.5.29, id-ce, and an arc; or below id-pe (RFC 5280 A.2).
    fn of(oid: &[u8]) -> Option<Self> {
        Some(match *oid {
            [0x55, 0x1d, 9] => Self::SubjectDirectoryAttributes,
            [0x55, 0x1d, 14] => Self::SubjectKeyIdentifier,
            [0x55, 0x1d, 15] => Self::KeyUsage,
            [0x55, 0x1d, 17] => Self::SubjectAltName,
            [0x55, 0x1d, 19] => Self::BasicConstraints,
            [0x55, 0x1d, 30] => Self::NameConstraints,
            [0x55, 0x1d, 31] => Self::CrlDistributionPoints,
            [0x55, 0x1d, 32] => Self::CertificatePolicies,
            [0x55, 0x1d, 33] => Self::PolicyMappings,
            [0x55, 0x1d, 35] => Self::AuthorityKeyIdentifier,
            [0x55, 0x1d, 36] => Self::PolicyConstraints,
            [0x55, 0x1d, 37] => Self::ExtendedKeyUsage,
            [0x55, 0x1d, 46] => Self::FreshestCrl,
            [0x55, 0x1d, 54] => Self::InhibitAnyPolicy,
            _ if oid == oids::AUTHORITY_INFO_ACCESS => Self::AuthorityInfoAccess,
            _ if oid == oids::SUBJECT_INFO_ACCESS => Self::SubjectInfoAccess,
            _ => return None,
        })
    }
}

/// One Extension as it stands.
pub(crate) struct Extension<'a> {
    pub(crate) oid: &'a [u8],
    pub(crate) critical: bool,
    /// The content of extnValue.
    pub(crate) value: &'a [u8],
}

impl<'a> Extension<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Read<Self> {
        whole(sequence(reader)?, |reader| {
            Ok(Self {
                oid: oid(reader)?,
                critical: flag(reader, BOOLEAN)?,
                value: element(reader, OCTET_STRING)?,
            })
        })
    }
}

/// OIDs of extensions that were seen.
struct Seen<'a> {
    oids: [Option<&'a [u8]>; MAX_EXTENSIONS],
    count: usize,
}

impl<'a> Seen<'a> {
    const fn new() -> Self {
        Self {
            oids: [None; MAX_EXTENSIONS],
            count: 0,
        }
    }

    /// "A certificate MUST NOT include more than one instance of a particular extension."
    fn add(&mut self, oid: &'a [u8]) -> Result<(), Error> {
        if self
            .oids
            .iter()
            .take(self.count)
            .any(|seen| *seen == Some(oid))
        {
            return Err(Error::DuplicateExtension);
        }
        *self.oids.get_mut(self.count).ok_or(Error::Malformed)? = Some(oid);
        self.count += 1;
        Ok(())
    }
}

/// Hands over each Extension of a list that has at least one (RFC 5280 4.2).
fn each<'a>(
    list: &'a [u8],
    mut take: impl FnMut(Extension<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut reader = Reader::new(list);
    loop {
        take(Extension::read(&mut reader)?)?;
        if reader.is_empty() {
            return Ok(());
        }
    }
}

/// Hands over each Extension of a list that has at least one and none twice (RFC 5280 5.2, RFC 6960 4.4).
pub(crate) fn each_once<'a>(
    list: &'a [u8],
    mut take: impl FnMut(Extension<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut seen = Seen::new();
    each(list, |extension| {
        seen.add(extension.oid)?;
        take(extension)
    })
}

impl<'a> Extensions<'a> {
    /// Reads the content of the Extensions SEQUENCE.
    pub(crate) fn parse(list: &'a [u8]) -> Result<Self, Error> {
        let mut extensions = Self::default();
        let mut others = Seen::new();
        each(list, |extension| {
            if let Some(kind) = Kind::of(extension.oid) {
                return extensions.take(kind, &extension);
            }
            extensions.unknown_critical |= extension.critical;
            others.add(extension.oid)
        })?;
        Ok(extensions)
    }

    pub(crate) const fn has(&self, kind: Kind) -> bool {
        self.seen.has(kind)
    }

    pub(crate) const fn is_critical(&self, kind: Kind) -> bool {
        self.critical.has(kind)
    }

    /// Keeps one extension: a row for each that is understood.
    fn take(&mut self, kind: Kind, extension: &Extension<'a>) -> Result<(), Error> {
        let value = extension.value;
        if self.seen.has(kind) {
            return Err(Error::DuplicateExtension);
        }
        self.seen.add(kind);
        if extension.critical {
            self.critical.add(kind);
        }
        match kind {
            Kind::BasicConstraints => self.basic_constraints = Some(BasicConstraints::read(value)?),
            Kind::KeyUsage => self.key_usage = Some(KeyUsageBits::read(value)?),
            Kind::ExtendedKeyUsage => {
                self.extended_key_usage = Some(ExtendedKeyUsage::read(value)?);
            }
            Kind::SubjectAltName => self.subject_alt_name = Some(subject_alt_name(value)?),
            Kind::NameConstraints => self.name_constraints = Some(NameConstraints::read(value)?),
            Kind::AuthorityKeyIdentifier => {
                self.authority_key_identifier = Some(AuthorityKeyIdentifier::read(value)?);
            }
            Kind::SubjectKeyIdentifier => {
                self.subject_key_identifier = Some(whole(value, |r| element(r, OCTET_STRING))?);
            }
            Kind::CertificatePolicies => {
                self.certificate_policies = Some(CertificatePolicies::read(value)?);
            }
            Kind::PolicyMappings => self.policy_mappings = Some(PolicyMappings::read(value)?),
            Kind::PolicyConstraints => {
                self.policy_constraints = Some(PolicyConstraints::read(value)?);
            }
            Kind::InhibitAnyPolicy => {
                self.inhibit_any_policy = Some(natural(whole(value, |r| element(r, INTEGER))?)?);
            }
            Kind::CrlDistributionPoints => {
                self.crl_distribution_points = Some(distribution_points(value)?);
            }
            Kind::FreshestCrl => drop(distribution_points(value)?),
            Kind::AuthorityInfoAccess => {
                self.authority_info_access = Some(authority_info_access(value)?);
            }
            // Nothing in them is used: a critical one is not understood.
            Kind::SubjectDirectoryAttributes | Kind::SubjectInfoAccess => {
                self.unknown_critical |= extension.critical;
            }
        }
        Ok(())
    }
}

/// RFC 5280 4.2.1.9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BasicConstraints {
    pub(crate) ca: bool,
    pub(crate) path_len_constraint: Option<u32>,
}

impl BasicConstraints {
    fn read(value: &[u8]) -> Read<Self> {
        whole(only_sequence(value)?, |reader| {
            Ok(Self {
                ca: flag(reader, BOOLEAN)?,
                path_len_constraint: optional(reader, INTEGER)?.map(natural).transpose()?,
            })
        })
    }
}

/// RFC 5280 4.2.1.3: the bits, the first of them highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyUsageBits(u16);

impl KeyUsageBits {
    pub(crate) const DIGITAL_SIGNATURE: Self = Self(0x8000);
    pub(crate) const NON_REPUDIATION: Self = Self(0x4000);
    pub(crate) const KEY_ENCIPHERMENT: Self = Self(0x2000);
    pub(crate) const KEY_CERT_SIGN: Self = Self(0x0400);
    pub(crate) const CRL_SIGN: Self = Self(0x0200);

    /// "at least one of the bits MUST be set to 1".
    fn read(value: &[u8]) -> Read<Self> {
        match named_bits(whole(value, |reader| element(reader, BIT_STRING))?)? {
            0 => Err(NotDer),
            bits => Ok(Self(bits)),
        }
    }

    pub(crate) const fn has(self, bit: Self) -> bool {
        self.0 & bit.0 != 0
    }
}

/// RFC 5280 4.2.1.12: purposes, at least one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExtendedKeyUsage<'a>(&'a [u8]);

impl<'a> ExtendedKeyUsage<'a> {
    fn read(value: &'a [u8]) -> Read<Self> {
        let content = only_sequence(value)?;
        let mut reader = Reader::new(content);
        loop {
            oid(&mut reader)?;
            if reader.is_empty() {
                return Ok(Self(content));
            }
        }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || oid(&mut reader).ok())
    }

    pub(crate) fn has(self, purpose: &[u8]) -> bool {
        self.iter().any(|listed| listed == purpose)
    }
}

/// RFC 5280 4.2.1.6: a name that does not parse spoils the certificate.
fn subject_alt_name(value: &[u8]) -> Result<GeneralNames<'_>, Error> {
    only_sequence(value)
        .and_then(GeneralNames::of_content)
        .map_err(|_| Error::InvalidSubjectAltName)
}

/// RFC 5280 4.2.1.1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AuthorityKeyIdentifier<'a> {
    pub(crate) key_identifier: Option<&'a [u8]>,
    /// authorityCertIssuer or authorityCertSerialNumber is present.
    pub(crate) names_certificate: bool,
}

impl<'a> AuthorityKeyIdentifier<'a> {
    pub(crate) fn read(value: &'a [u8]) -> Read<Self> {
        whole(only_sequence(value)?, |reader| {
            let key_identifier = optional(reader, context(0))?;
            let issuer = optional(reader, constructed(1))?
                .map(GeneralNames::of_content)
                .transpose()?;
            let serial = optional(reader, context(2))?
                .map(crate::asn1::shortest)
                .transpose()?;
            Ok(Self {
                key_identifier,
                names_certificate: issuer.is_some() || serial.is_some(),
            })
        })
    }
}

/// RFC 5280 4.2.1.4: at least one policy, none twice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CertificatePolicies<'a>(&'a [u8]);

impl<'a> CertificatePolicies<'a> {
    fn read(value: &'a [u8]) -> Result<Self, Error> {
        let policies = Self(only_sequence(value)?);
        let mut reader = Reader::new(policies.0);
        let mut count = 0;
        loop {
            let policy = Self::policy(&mut reader)?;
            if policies.iter().take(count).any(|before| before == policy) || count == MAX_POLICIES {
                return Err(Error::InvalidPolicies);
            }
            count += 1;
            if reader.is_empty() {
                return Ok(policies);
            }
        }
    }

    /// PolicyInformation; its qualifiers say nothing that a verdict needs.
    fn policy(reader: &mut Reader<'a>) -> Read<&'a [u8]> {
        whole(sequence(reader)?, |reader| {
            let policy = oid(reader)?;
            if !reader.is_empty() {
                sequence(reader)?;
            }
            Ok(policy)
        })
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || Self::policy(&mut reader).ok())
    }

    pub(crate) fn has_any_policy(self) -> bool {
        self.iter().any(|policy| policy == oids::ANY_POLICY)
    }
}

/// RFC 5280 4.2.1.5: at least one pair of issuerDomainPolicy and subjectDomainPolicy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PolicyMappings<'a>(&'a [u8]);

impl<'a> PolicyMappings<'a> {
    fn read(value: &'a [u8]) -> Result<Self, Error> {
        let mappings = Self(only_sequence(value)?);
        let mut reader = Reader::new(mappings.0);
        let mut count = 0;
        loop {
            Self::pair(&mut reader)?;
            count += 1;
            if count > MAX_POLICIES {
                return Err(Error::InvalidPolicies);
            }
            if reader.is_empty() {
                return Ok(mappings);
            }
        }
    }

    fn pair(reader: &mut Reader<'a>) -> Read<(&'a [u8], &'a [u8])> {
        whole(sequence(reader)?, |reader| Ok((oid(reader)?, oid(reader)?)))
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || Self::pair(&mut reader).ok())
    }
}

/// RFC 5280 4.2.1.11: at least one of the two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PolicyConstraints {
    pub(crate) require_explicit_policy: Option<u32>,
    pub(crate) inhibit_policy_mapping: Option<u32>,
}

impl PolicyConstraints {
    fn read(value: &[u8]) -> Result<Self, Error> {
        let constraints = whole(only_sequence(value)?, |reader| {
            Ok(Self {
                require_explicit_policy: optional(reader, context(0))?.map(natural).transpose()?,
                inhibit_policy_mapping: optional(reader, context(1))?.map(natural).transpose()?,
            })
        })?;
        if constraints.require_explicit_policy.is_none()
            && constraints.inhibit_policy_mapping.is_none()
        {
            return Err(Error::InvalidPolicies);
        }
        Ok(constraints)
    }
}

/// RFC 5280 4.2.1.13: at least one DistributionPoint; each is read when a CRL is looked for.
fn distribution_points(value: &[u8]) -> Read<&[u8]> {
    let content = only_sequence(value)?;
    let mut reader = Reader::new(content);
    loop {
        crate::crl::DistributionPoint::read(&mut reader)?;
        if reader.is_empty() {
            return Ok(content);
        }
    }
}

/// RFC 5280 4.2.2.1: at least one AccessDescription.
fn authority_info_access(value: &[u8]) -> Read<&[u8]> {
    let content = only_sequence(value)?;
    let mut reader = Reader::new(content);
    loop {
        access_description(&mut reader)?;
        if reader.is_empty() {
            return Ok(content);
        }
    }
}

/// accessMethod and accessLocation.
pub(crate) fn access_description<'a>(reader: &mut Reader<'a>) -> Read<(&'a [u8], GeneralName<'a>)> {
    whole(sequence(reader)?, |reader| {
        Ok((
            element(reader, OBJECT_IDENTIFIER)?,
            GeneralName::read(reader)?,
        ))
    })
}
