//! A certificate, parsed into what a verdict needs: borrowed slices of the signed bytes, and the
//! extensions that are understood.

use crate::{
    Error,
    constraints::NameConstraints,
    limits::{MAX_CERTIFICATE_LEN, MAX_EXTENSIONS, MAX_SERIAL_LEN},
    signature::PublicKey,
};
use alloc::vec::Vec;
use der::{
    Decode, DecodeValue, Header, Length, Reader, SliceReader, Tag, TagNumber,
    asn1::{BitStringRef, IntRef, ObjectIdentifier, OctetStringRef, SequenceRef},
    oid::AssociatedOid,
};
use x509_cert::{
    ext::pkix::{
        self, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName,
        name::{GeneralName, GeneralNames},
    },
    name::Name,
    time::{Time, Validity as TimeRange},
};

/// RFC 5280 4.1. Every slice borrows from the certificate's DER; `issuer` and `subject` are the
/// content of the Name's SEQUENCE, which is how trust anchors hold it too.
#[derive(Debug, Clone)]
pub(crate) struct Certificate<'a> {
    pub(crate) der: &'a [u8],
    /// The signed octets, header included.
    pub(crate) tbs: &'a [u8],
    /// Content of the AlgorithmIdentifier SEQUENCE; the inner and outer one are equal.
    pub(crate) signature_algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
    pub(crate) issuer: &'a [u8],
    pub(crate) subject: &'a [u8],
    pub(crate) subject_name: Name,
    pub(crate) subject_public_key_info: &'a [u8],
    pub(crate) public_key: PublicKey<'a>,
    pub(crate) profile: Profile,
}

/// What a certificate says of itself, apart from names and keys: owned, so that roots can keep it.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) version_3: bool,
    /// RFC 5280 4.1.2.2: positive, at most 20 octets.
    pub(crate) serial_number_fits: bool,
    /// First and last second of validity, since the Unix epoch.
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    pub(crate) extensions: Extensions,
}

/// The extensions that take part in a verdict (RFC 5280 4.2.1).
#[derive(Debug, Clone, Default)]
pub(crate) struct Extensions {
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) extended_key_usage: Option<ExtendedKeyUsage>,
    pub(crate) subject_alt_name: Option<GeneralNames>,
    pub(crate) subject_alt_name_critical: bool,
    pub(crate) name_constraints: Option<NameConstraints>,
    /// A critical extension that is none of the above was seen.
    pub(crate) unknown_critical: bool,
}

/// The fields as they stand, before any is judged.
struct Fields<'a> {
    tbs: &'a [u8],
    outer_algorithm: &'a [u8],
    signature: BitStringRef<'a>,
    version: Option<u8>,
    serial_number: IntRef<'a>,
    inner_algorithm: &'a [u8],
    issuer: &'a [u8],
    validity: TimeRange,
    subject: &'a [u8],
    subject_name: Name,
    subject_public_key_info: &'a [u8],
    extensions: Option<&'a [u8]>,
}

impl<'a> Certificate<'a> {
    /// Parses one certificate, which must fill `der`.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, Error> {
        if der.len() > MAX_CERTIFICATE_LEN {
            return Err(Error::CertificateTooLong);
        }
        let fields = Fields::decode(der).map_err(|_| Error::Malformed)?;
        let version_3 = version_3(&fields)?;
        if fields.inner_algorithm != fields.outer_algorithm {
            return Err(Error::SignatureAlgorithmMismatch);
        }
        // RFC 5280 4.1.2.4: "The issuer field MUST contain a non-empty distinguished name".
        if fields.issuer.is_empty() {
            return Err(Error::Malformed);
        }
        Ok(Self {
            der,
            tbs: fields.tbs,
            signature_algorithm: fields.outer_algorithm,
            signature: fields.signature.as_bytes().ok_or(Error::Malformed)?,
            issuer: fields.issuer,
            subject: fields.subject,
            subject_name: fields.subject_name,
            subject_public_key_info: fields.subject_public_key_info,
            public_key: PublicKey::of_info(fields.subject_public_key_info)
                .map_err(|_| Error::Malformed)?,
            profile: Profile {
                version_3,
                serial_number_fits: serial_number_fits(fields.serial_number),
                not_before: seconds(fields.validity.not_before)?,
                not_after: seconds(fields.validity.not_after)?,
                extensions: match fields.extensions {
                    Some(list) => Extensions::parse(list)?,
                    None => Extensions::default(),
                },
            },
        })
    }

    /// Whether issuer and subject are the same name (RFC 5280 6.1: self-issued).
    pub(crate) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
}

impl<'a> Fields<'a> {
    fn decode(der: &'a [u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(der)?;
        let (tbs, outer_algorithm, signature) = reader.sequence(|reader| -> der::Result<_> {
            let tbs = reader.tlv_bytes()?;
            Ok((tbs, sequence(reader)?, BitStringRef::decode(reader)?))
        })?;
        reader.finish()?;
        let mut reader = SliceReader::new(tbs)?;
        let fields = reader.sequence(|reader| -> der::Result<Self> {
            let version = reader.context_specific(TagNumber(0), der::TagMode::Explicit)?;
            let serial_number = IntRef::decode(reader)?;
            let inner_algorithm = sequence(reader)?;
            let (issuer, _) = name(reader)?;
            let validity = TimeRange::decode(reader)?;
            let (subject, subject_name) = name(reader)?;
            let subject_public_key_info = sequence(reader)?;
            // issuerUniqueID and subjectUniqueID: RFC 5280 4.1.2.8 has no use for them.
            for number in [1, 2] {
                reader.context_specific::<BitStringRef<'a>>(
                    TagNumber(number),
                    der::TagMode::Implicit,
                )?;
            }
            let extensions = reader
                .context_specific::<&SequenceRef>(TagNumber(3), der::TagMode::Explicit)?
                .map(SequenceRef::as_bytes);
            Ok(Self {
                tbs,
                outer_algorithm,
                signature,
                version,
                serial_number,
                inner_algorithm,
                issuer,
                validity,
                subject,
                subject_name,
                subject_public_key_info,
                extensions,
            })
        })?;
        reader.finish()?;
        Ok(fields)
    }
}

/// The content of a SEQUENCE.
fn sequence<'a>(reader: &mut SliceReader<'a>) -> der::Result<&'a [u8]> {
    Ok(<&SequenceRef>::decode(reader)?.as_bytes())
}

/// What the content of a Name's SEQUENCE says.
pub(crate) fn name_of_content(content: &[u8]) -> der::Result<Name> {
    let header = Header::new(Tag::Sequence, Length::try_from(content.len())?);
    let mut reader = SliceReader::new(content)?;
    let name = Name::decode_value(&mut reader, header)?;
    reader.finish()?;
    Ok(name)
}

/// A Name: the content of its SEQUENCE, and what it says.
fn name<'a>(reader: &mut SliceReader<'a>) -> der::Result<(&'a [u8], Name)> {
    let content = sequence(reader)?;
    Ok((content, name_of_content(content)?))
}

/// Whether the certificate is of version 3 (RFC 5280 4.1.2.1). DER leaves out the default, version 1.
fn version_3(fields: &Fields<'_>) -> Result<bool, Error> {
    match (fields.version, fields.extensions) {
        (Some(2), _) => Ok(true),
        (None | Some(1), None) => Ok(false),
        _ => Err(Error::UnsupportedVersion),
    }
}

/// RFC 5280 4.1.2.2. Roots from before that rule have zero.
fn serial_number_fits(serial: IntRef<'_>) -> bool {
    let octets = serial.as_bytes();
    let negative = octets.first().is_some_and(|octet| octet & 0x80 != 0);
    let zero = octets.iter().all(|&octet| octet == 0);
    !negative && !zero && octets.len() <= MAX_SERIAL_LEN
}

/// Seconds since the Unix epoch. RFC 5280 4.1.2.5: dates through 2049 are UTCTime.
fn seconds(time: Time) -> Result<u64, Error> {
    match time {
        Time::GeneralTime(general) if general.to_date_time().year() < 2050 => Err(Error::Malformed),
        _ => Ok(time.to_unix_duration().as_secs()),
    }
}

impl Extensions {
    /// Parses the content of the Extensions SEQUENCE.
    fn parse(list: &[u8]) -> Result<Self, Error> {
        let mut extensions = Self::default();
        let mut seen: Vec<ObjectIdentifier> = Vec::new();
        let mut reader = SliceReader::new(list).map_err(|_| Error::Malformed)?;
        if reader.is_finished() {
            return Err(Error::Malformed); // SIZE (1..MAX)
        }
        while !reader.is_finished() {
            let (oid, critical, value) = extension(&mut reader).map_err(|_| Error::Malformed)?;
            if seen.len() == MAX_EXTENSIONS {
                return Err(Error::Malformed);
            }
            if seen.contains(&oid) {
                return Err(Error::DuplicateExtension);
            }
            seen.push(oid);
            extensions.take(oid, critical, value)?;
        }
        Ok(extensions)
    }

    /// Keeps one extension: a row for each that is understood.
    fn take(&mut self, oid: ObjectIdentifier, critical: bool, value: &[u8]) -> Result<(), Error> {
        match oid {
            BasicConstraints::OID => self.basic_constraints = Some(read(value)?),
            KeyUsage::OID => self.key_usage = Some(key_usage(value)?),
            ExtendedKeyUsage::OID => self.extended_key_usage = Some(extended_key_usage(value)?),
            SubjectAltName::OID => {
                self.subject_alt_name = Some(subject_alt_name(value)?);
                self.subject_alt_name_critical = critical;
            }
            pkix::NameConstraints::OID => {
                self.name_constraints = Some(NameConstraints::parse(value)?);
            }
            _ => self.unknown_critical |= critical,
        }
        Ok(())
    }
}

/// One Extension: extnID, critical and the content of extnValue.
fn extension<'a>(reader: &mut SliceReader<'a>) -> der::Result<(ObjectIdentifier, bool, &'a [u8])> {
    reader.sequence(|reader| -> der::Result<_> {
        let oid = ObjectIdentifier::decode(reader)?;
        let critical = Option::<bool>::decode(reader)?.unwrap_or(false);
        let value = <&OctetStringRef>::decode(reader)?;
        Ok((oid, critical, value.as_bytes()))
    })
}

fn read<'a, T: Decode<'a>>(value: &'a [u8]) -> Result<T, Error> {
    T::from_der(value).map_err(|_| Error::Malformed)
}

/// RFC 5280 4.2.1.3: "at least one of the bits MUST be set to 1".
fn key_usage(value: &[u8]) -> Result<KeyUsage, Error> {
    let usage: KeyUsage = read(value)?;
    if usage.0.is_empty() {
        Err(Error::Malformed)
    } else {
        Ok(usage)
    }
}

/// RFC 5280 4.2.1.12: SIZE (1..MAX).
fn extended_key_usage(value: &[u8]) -> Result<ExtendedKeyUsage, Error> {
    let usage: ExtendedKeyUsage = read(value)?;
    if usage.0.is_empty() {
        Err(Error::Malformed)
    } else {
        Ok(usage)
    }
}

/// RFC 5280 4.2.1.6: SIZE (1..MAX); a name that does not parse spoils the certificate.
fn subject_alt_name(value: &[u8]) -> Result<Vec<GeneralName>, Error> {
    let parses = |name: &GeneralName| match name {
        GeneralName::IpAddress(octets) => matches!(octets.as_bytes().len(), 4 | 16),
        _ => true,
    };
    match GeneralNames::from_der(value) {
        Ok(names) if !names.is_empty() && names.iter().all(parses) => Ok(names),
        _ => Err(Error::InvalidSubjectAltName),
    }
}
