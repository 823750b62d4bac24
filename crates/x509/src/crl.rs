//! Certificate revocation lists (RFC 5280 5), read in place.

use crate::{
    Error,
    asn1::{
        ENUMERATED, GENERALIZED_TIME, INTEGER, Read, SET, UTC_TIME, constructed, context, element,
        flag, integer, named_bits, natural, only_sequence, optional, sequence, time, whole,
    },
    certificate::{Signed, name},
    directory,
    extensions::{AuthorityKeyIdentifier, each_once},
    general_name::{GeneralName, GeneralNames},
    limits::MAX_CRL_LEN,
    oids,
    revocation::Reason,
};
use alloc::vec::Vec;
use netkit_core::{NotDer, Reader};

/// A complete or delta CRL (5.1).
#[derive(Debug, Clone)]
pub(crate) struct Crl<'a> {
    pub(crate) signed: Signed<'a>,
    pub(crate) issuer: &'a [u8],
    pub(crate) this_update: u64,
    pub(crate) next_update: Option<u64>,
    /// Content of revokedCertificates.
    revoked: &'a [u8],
    pub(crate) key_identifier: Option<&'a [u8]>,
    /// INTEGER's contents.
    pub(crate) number: Option<&'a [u8]>,
    pub(crate) base_number: Option<&'a [u8]>,
    /// The extension's value, which a delta CRL shares with its complete CRL.
    pub(crate) scope: Option<&'a [u8]>,
    pub(crate) issuing_distribution_point: IssuingDistributionPoint<'a>,
    /// 5.2: authorityKeyIdentifier and cRLNumber are there, and each extension is critical or not as it must be.
    pub(crate) conforms: bool,
}

impl<'a> Crl<'a> {
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, Error> {
        if der.len() > MAX_CRL_LEN {
            return Err(Error::Malformed);
        }
        let signed = Signed::read(der)?;
        let mut reader = Reader::new(only_sequence(signed.tbs)?);
        let reader = &mut reader;
        let version = optional(reader, INTEGER)?.map(natural).transpose()?;
        if sequence(reader)? != signed.algorithm {
            return Err(Error::SignatureAlgorithmMismatch);
        }
        let issuer = name(reader)?;
        let this_update = time(reader)?;
        let has_next = matches!(reader.next_tag(), Some(UTC_TIME | GENERALIZED_TIME));
        let next_update = has_next.then(|| time(reader)).transpose()?;
        let revoked = optional(reader, crate::asn1::SEQUENCE)?;
        let list = optional(reader, constructed(0))?;
        crate::asn1::end(reader)?;
        // 5.1.2.1: version 2 exactly if there are extensions, and nothing else.
        if !matches!((version, list), (Some(1), _) | (None, None)) || issuer.is_empty() {
            return Err(Error::Malformed);
        }
        let mut crl = Self {
            signed,
            issuer,
            this_update,
            next_update,
            revoked: revoked.unwrap_or_default(),
            key_identifier: None,
            number: None,
            base_number: None,
            scope: None,
            issuing_distribution_point: IssuingDistributionPoint::default(),
            conforms: true,
        };
        if let Some(list) = list {
            crl.extensions(only_sequence(list)?)?;
        }
        crl.conforms &= crl.key_identifier.is_some() && crl.number.is_some();
        Ok(crl)
    }

    /// 5.2: a row for each that is understood.
    fn extensions(&mut self, list: &'a [u8]) -> Result<(), Error> {
        each_once(list, |extension| {
            let value = extension.value;
            let must_be_critical = match extension.oid {
                oids::AUTHORITY_KEY_IDENTIFIER | oids::CRL_NUMBER => false,
                oids::DELTA_CRL_INDICATOR | oids::ISSUING_DISTRIBUTION_POINT => true,
                _ => extension.critical,
            };
            self.conforms &= extension.critical == must_be_critical;
            match extension.oid {
                oids::AUTHORITY_KEY_IDENTIFIER => {
                    self.key_identifier = AuthorityKeyIdentifier::read(value)?.key_identifier;
                }
                oids::CRL_NUMBER => self.number = Some(whole(value, integer)?),
                oids::DELTA_CRL_INDICATOR => self.base_number = Some(whole(value, integer)?),
                oids::ISSUING_DISTRIBUTION_POINT => {
                    self.scope = Some(value);
                    self.issuing_distribution_point = IssuingDistributionPoint::read(value)?;
                }
                _ if extension.critical => return Err(Error::UnsupportedCriticalExtension),
                _ => {}
            }
            Ok(())
        })
    }

    pub(crate) const fn is_delta(&self) -> bool {
        self.base_number.is_some()
    }

    /// The last entry for this certificate (5.3.1). A list with a critical entry extension that is not
    /// understood says nothing of any certificate.
    pub(crate) fn entry(
        &self,
        certificate_issuer: &[u8],
        serial_number: &[u8],
    ) -> Result<Option<Entry>, Error> {
        let mut reader = Reader::new(self.revoked);
        // 5.3.3: the issuer of an entry is that of the entry before it, and of the first the CRL's.
        let mut issuer_is_meant = directory::same(self.issuer, certificate_issuer);
        let mut found = None;
        while !reader.is_empty() {
            let mut fields = Reader::new(sequence(&mut reader)?);
            let serial = integer(&mut fields)?;
            let revoked_at = time(&mut fields)?;
            let mut entry = Entry {
                at: revoked_at,
                reason: Reason::Unspecified,
            };
            if !fields.is_empty() {
                each_once(sequence(&mut fields)?, |extension| {
                    match extension.oid {
                        oids::REASON_CODE => entry.reason = Reason::read(extension.value)?,
                        oids::CERTIFICATE_ISSUER if self.issuing_distribution_point.indirect => {
                            let names = GeneralNames::of_content(only_sequence(extension.value)?)?;
                            issuer_is_meant = names_directory(names, certificate_issuer);
                        }
                        oids::INVALIDITY_DATE => {}
                        _ if extension.critical => {
                            return Err(Error::UnsupportedCriticalExtension);
                        }
                        _ => {}
                    }
                    Ok(())
                })?;
                crate::asn1::end(&fields)?;
            }
            if issuer_is_meant && serial == serial_number {
                found = Some(entry);
            }
        }
        Ok(found)
    }
}

/// What an entry says of its certificate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) at: u64,
    pub(crate) reason: Reason,
}

impl Reason {
    /// 5.3.1: the extension's value.
    fn read(value: &[u8]) -> Read<Self> {
        match whole(value, |reader| element(reader, ENUMERATED))? {
            [code] => Self::of_code(*code).ok_or(NotDer),
            _ => Err(NotDer),
        }
    }
}

/// Whether one of the names is this distinguished name.
pub(crate) fn names_directory(names: GeneralNames<'_>, name: &[u8]) -> bool {
    let mut names = names.iter();
    names.any(
        |listed| matches!(listed, GeneralName::Directory(listed) if directory::same(listed, name)),
    )
}

/// ReasonFlags (4.2.1.13): the bits of every reason there is.
pub(crate) const ALL_REASONS: u16 = 0x7f80;

/// 4.2.1.13: one place where a CRL for a certificate may be found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DistributionPoint<'a> {
    name: Option<DistributionPointName<'a>>,
    pub(crate) reasons: Option<u16>,
    pub(crate) crl_issuer: Option<GeneralNames<'a>>,
}

impl<'a> DistributionPoint<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Read<Self> {
        whole(sequence(reader)?, |reader| {
            let point = Self {
                name: DistributionPointName::read(reader)?,
                reasons: optional(reader, context(1))?.map(named_bits).transpose()?,
                crl_issuer: optional(reader, constructed(2))?
                    .map(GeneralNames::of_content)
                    .transpose()?,
            };
            // "a DistributionPoint MUST NOT consist of only the reasons field"
            if point.name.is_none() && point.crl_issuer.is_none() {
                return Err(NotDer);
            }
            Ok(point)
        })
    }

    /// 6.3.3 (b)(2)(i): whether a CRL of that scope is the one of this point, for a certificate of
    /// `certificate_issuer`.
    pub(crate) fn is_of(&self, crl: &Crl<'_>, certificate_issuer: &[u8]) -> bool {
        let Some(of_crl) = crl.issuing_distribution_point.name else {
            return true;
        };
        match (self.name, self.crl_issuer) {
            (Some(name), crl_issuer) => {
                let relative_to = crl_issuer
                    .into_iter()
                    .flat_map(GeneralNames::iter)
                    .find_map(|name| match name {
                        GeneralName::Directory(name) => Some(name),
                        _ => None,
                    });
                name.meets(
                    relative_to.unwrap_or(certificate_issuer),
                    of_crl,
                    crl.issuer,
                )
            }
            (None, Some(crl_issuer)) => {
                DistributionPointName::FullName(crl_issuer).meets(&[], of_crl, crl.issuer)
            }
            (None, None) => of_crl.is_directory(crl.issuer, certificate_issuer),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum DistributionPointName<'a> {
    FullName(GeneralNames<'a>),
    /// Content of the RDN's SET.
    RelativeToIssuer(&'a [u8]),
}

impl<'a> DistributionPointName<'a> {
    /// `[0] EXPLICIT CHOICE { [0] fullName, [1] nameRelativeToCRLIssuer }`.
    fn read(reader: &mut Reader<'a>) -> Read<Option<Self>> {
        let Some(content) = optional(reader, constructed(0))? else {
            return Ok(None);
        };
        whole(content, |reader| {
            if let Some(names) = optional(reader, constructed(0))? {
                return Ok(Some(Self::FullName(GeneralNames::of_content(names)?)));
            }
            Ok(Some(Self::RelativeToIssuer(element(
                reader,
                constructed(1),
            )?)))
        })
    }

    /// Whether two of them have a name in common; relative ones are so to these issuers.
    fn meets(self, issuer: &[u8], other: Self, other_issuer: &[u8]) -> bool {
        match self {
            Self::FullName(names) => names.iter().any(|name| match name {
                GeneralName::Directory(name) => other.is_directory(other_issuer, name),
                name => match other {
                    Self::FullName(others) => others.iter().any(|other| other == name),
                    Self::RelativeToIssuer(_) => false,
                },
            }),
            Self::RelativeToIssuer(rdn) => other.is_directory(other_issuer, &below(issuer, rdn)),
        }
    }

    /// Whether one of its names is this distinguished name.
    fn is_directory(self, issuer: &[u8], name: &[u8]) -> bool {
        match self {
            Self::FullName(names) => names_directory(names, name),
            Self::RelativeToIssuer(rdn) => directory::same(&below(issuer, rdn), name),
        }
    }
}

/// The name of `issuer` with one RDN more.
fn below(issuer: &[u8], rdn: &[u8]) -> Vec<u8> {
    let mut name = issuer.to_vec();
    name.extend(crate::choice::framed(SET, rdn));
    name
}

/// 5.2.5: what a CRL covers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct IssuingDistributionPoint<'a> {
    name: Option<DistributionPointName<'a>>,
    pub(crate) only_contains: OnlyContains,
    pub(crate) only_some_reasons: Option<u16>,
    pub(crate) indirect: bool,
}

/// Which certificates a CRL is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum OnlyContains {
    #[default]
    All,
    UserCertificates,
    CaCertificates,
    AttributeCertificates,
}

impl<'a> IssuingDistributionPoint<'a> {
    fn read(value: &'a [u8]) -> Read<Self> {
        whole(only_sequence(value)?, |reader| {
            let name = DistributionPointName::read(reader)?;
            let user = flag(reader, context(1))?;
            let ca = flag(reader, context(2))?;
            let only_some_reasons = optional(reader, context(3))?.map(named_bits).transpose()?;
            let indirect = flag(reader, context(4))?;
            let attribute = flag(reader, context(5))?;
            Ok(Self {
                name,
                only_contains: OnlyContains::of(user, ca, attribute)?,
                only_some_reasons,
                indirect,
            })
        })
    }
}

impl OnlyContains {
    /// "at most one of onlyContainsUserCerts, onlyContainsCACerts, and onlyContainsAttributeCerts".
    const fn of(user: bool, ca: bool, attribute: bool) -> Read<Self> {
        match (user, ca, attribute) {
            (false, false, false) => Ok(Self::All),
            (true, false, false) => Ok(Self::UserCertificates),
            (false, true, false) => Ok(Self::CaCertificates),
            (false, false, true) => Ok(Self::AttributeCertificates),
            _ => Err(NotDer),
        }
    }
}
