//! A certificate, read in place into what a verdict needs (RFC 5280 4.1): nothing is copied and nothing
//! allocated. `der` and `x509-cert` read the same; a property test holds the two equal.

use crate::{
    Error,
    asn1::{
        Read, SEQUENCE, algorithm_identifier, bit_string, bits, constructed, context, element,
        integer, natural, only_sequence, optional, sequence, time, whole,
    },
    directory,
    extensions::Extensions,
    limits::{MAX_CERTIFICATE_LEN, MAX_SERIAL_LEN},
    signature::PublicKey,
};
use netkit_core::{NotDer, Reader};

/// RFC 5280 4.1. Every slice borrows from the certificate's DER; `issuer` and `subject` are the
/// content of the Name's SEQUENCE.
#[derive(Debug, Clone)]
pub(crate) struct Certificate<'a> {
    pub(crate) der: &'a [u8],
    pub(crate) signed: Signed<'a>,
    pub(crate) version_3: bool,
    /// The INTEGER's content.
    pub(crate) serial_number: &'a [u8],
    pub(crate) issuer: &'a [u8],
    /// First and last second of validity, since the Unix epoch.
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    pub(crate) subject: &'a [u8],
    /// Content of the SubjectPublicKeyInfo SEQUENCE.
    pub(crate) subject_public_key_info: &'a [u8],
    pub(crate) public_key: PublicKey<'a>,
    pub(crate) extensions: Extensions<'a>,
}

/// Something and its signature: a certificate, a CRL or an OCSP response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed<'a> {
    /// The signed octets, header included.
    pub(crate) tbs: &'a [u8],
    /// Content of the AlgorithmIdentifier SEQUENCE.
    pub(crate) algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// `SEQUENCE { tbs, AlgorithmIdentifier, BIT STRING }`, all of `der`.
    pub(crate) fn read(der: &'a [u8]) -> Read<Self> {
        whole(only_sequence(der)?, Self::fields)
    }

    /// The three fields.
    pub(crate) fn fields(reader: &mut Reader<'a>) -> Read<Self> {
        let tbs = reader.tlv()?;
        if tbs.tag != SEQUENCE {
            return Err(NotDer);
        }
        Ok(Self {
            tbs: tbs.octets,
            algorithm: algorithm_identifier(reader)?,
            signature: bit_string(reader)?,
        })
    }
}

impl<'a> Certificate<'a> {
    /// Reads one certificate, which must fill `der`.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, Error> {
        if der.len() > MAX_CERTIFICATE_LEN {
            return Err(Error::CertificateTooLong);
        }
        let signed = Signed::read(der)?;
        let mut reader = Reader::new(only_sequence(signed.tbs)?);
        let reader = &mut reader;
        let version = version(reader)?;
        let serial_number = integer(reader)?;
        let inner_algorithm = sequence(reader)?;
        let issuer = name(reader)?;
        let (not_before, not_after) = whole(sequence(reader)?, |reader| {
            Ok((time(reader)?, time(reader)?))
        })?;
        let subject = name(reader)?;
        let subject_public_key_info = sequence(reader)?;
        unique_identifiers(reader)?;
        let list = optional(reader, constructed(3))?;
        crate::asn1::end(reader)?;
        let version_3 = version_3(version, list.is_some())?;
        if inner_algorithm != signed.algorithm {
            return Err(Error::SignatureAlgorithmMismatch);
        }
        // RFC 5280 4.1.2.4: "The issuer field MUST contain a non-empty distinguished name".
        if issuer.is_empty() {
            return Err(Error::Malformed);
        }
        Ok(Self {
            der,
            signed,
            version_3,
            serial_number,
            issuer,
            not_before,
            not_after,
            subject,
            subject_public_key_info,
            public_key: PublicKey::of_info(subject_public_key_info)?,
            extensions: match list {
                Some(list) => Extensions::parse(only_sequence(list)?)?,
                None => Extensions::default(),
            },
        })
    }

    /// Whether issuer and subject are the same name (RFC 5280 6.1).
    pub(crate) fn is_self_issued(&self) -> bool {
        directory::same(self.issuer, self.subject)
    }

    /// RFC 5280 4.1.2.2: positive, at most 20 octets. Roots from before that rule have zero.
    pub(crate) fn serial_number_fits(&self) -> bool {
        let negative = self
            .serial_number
            .first()
            .is_some_and(|octet| octet & 0x80 != 0);
        !negative && self.serial_number != [0] && self.serial_number.len() <= MAX_SERIAL_LEN
    }

    /// Whether basicConstraints says that it is a CA.
    pub(crate) fn is_ca(&self) -> bool {
        self.extensions
            .basic_constraints
            .is_some_and(|constraints| constraints.ca)
    }
}

/// `[0] EXPLICIT INTEGER DEFAULT v1`.
fn version(reader: &mut Reader<'_>) -> Read<Option<u32>> {
    optional(reader, constructed(0))?
        .map(|content| natural(whole(content, integer)?))
        .transpose()
}

/// A Name: the content of its SEQUENCE, whose form was checked.
pub(crate) fn name<'a>(reader: &mut Reader<'a>) -> Read<&'a [u8]> {
    let name = element(reader, SEQUENCE)?;
    directory::check(name)?;
    Ok(name)
}

/// issuerUniqueID and subjectUniqueID: RFC 5280 4.1.2.8 has no use for them.
fn unique_identifiers(reader: &mut Reader<'_>) -> Read<()> {
    for number in [1, 2] {
        if let Some(content) = optional(reader, context(number))? {
            bits(content)?;
        }
    }
    Ok(())
}

/// Whether the certificate is of version 3 (RFC 5280 4.1.2.1). DER leaves out the default, version 1.
const fn version_3(version: Option<u32>, extensions: bool) -> Result<bool, Error> {
    match (version, extensions) {
        (Some(2), _) => Ok(true),
        (None | Some(1), false) => Ok(false),
        _ => Err(Error::UnsupportedVersion),
    }
}
