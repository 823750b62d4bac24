//! OCSP responses (RFC 6960), read in place.

use crate::{
    Error, Inputs, Purpose,
    asn1::{
        ENUMERATED, GENERALIZED_TIME, OBJECT_IDENTIFIER, OCTET_STRING, Read, constructed, context,
        element, end, generalized, integer, natural, only_sequence, optional, sequence, whole,
    },
    certificate::{Certificate, Signed},
    choice::distinguished_name,
    directory,
    extensions::{KeyUsageBits, each_once},
    limits::{MAX_OCSP_AGE, MAX_OCSP_RESPONSE_LEN},
    oids,
    path::Search,
    revocation::{Issuer, Reason, Revocation, Status, Unknown},
    section6,
    signature::{PublicKey, hash, key_hash},
};
use netkit_core::{NotDer, Reader};

/// What the responses say of `certificate`: of several that know it the newest has the word, and of two of
/// the same second the one that revokes.
pub(crate) fn status(
    search: &mut Search<'_, '_>,
    certificate: &Certificate<'_>,
    issuer: &Issuer<'_>,
    revocation: &Revocation<'_>,
) -> Result<Status, Error> {
    let mut unknown = Unknown::NothingGiven;
    let mut newest: Option<Word> = None;
    for der in revocation.ocsp_responses {
        let Ok(response) = BasicResponse::parse(der) else {
            continue;
        };
        match response.word(search, certificate, issuer, revocation)? {
            Ok(word) if newest.is_none_or(|newest| word.outdoes(newest)) => newest = Some(word),
            Ok(_) => {}
            Err(reason) => unknown = unknown.max(reason),
        }
    }
    Ok(newest.map_or(Status::Unknown(unknown), |word| word.status))
}

/// What a believed response says of a certificate.
#[derive(Clone, Copy)]
struct Word {
    this_update: u64,
    status: Status,
}

impl Word {
    fn outdoes(self, other: Self) -> bool {
        let rank = |word: Self| {
            let (known, revoked) = match word.status {
                Status::Unknown(_) => (false, false),
                Status::Good => (true, false),
                Status::Revoked { .. } => (true, true),
            };
            (known, word.this_update, revoked)
        };
        rank(self) > rank(other)
    }
}

/// BasicOCSPResponse (4.2.1).
struct BasicResponse<'a> {
    signed: Signed<'a>,
    /// Contents of SEQUENCEs: the responder's certificates, and the SingleResponses.
    certificates: &'a [u8],
    responder: ResponderId<'a>,
    responses: &'a [u8],
}

#[derive(Clone, Copy)]
enum ResponderId<'a> {
    ByName(&'a [u8]),
    ByKey(&'a [u8]),
}

/// SingleResponse (4.2.1).
struct SingleResponse<'a> {
    hash_algorithm: &'a [u8],
    issuer_name_hash: &'a [u8],
    issuer_key_hash: &'a [u8],
    serial_number: &'a [u8],
    status: Status,
    this_update: u64,
    next_update: Option<u64>,
}

impl<'a> BasicResponse<'a> {
    fn parse(der: &'a [u8]) -> Result<Self, Error> {
        if der.len() > MAX_OCSP_RESPONSE_LEN {
            return Err(Error::Malformed);
        }
        let basic = whole(only_sequence(der)?, successful)?;
        let mut reader = Reader::new(only_sequence(basic)?);
        let signed = Signed::fields(&mut reader)?;
        let certificates = optional(&mut reader, constructed(0))?;
        end(&reader)?;
        let mut reader = Reader::new(only_sequence(signed.tbs)?);
        if optional(&mut reader, constructed(0))?.is_some() {
            return Err(Error::Malformed); // DER leaves out version 1, and there is no other.
        }
        let responder = ResponderId::read(&mut reader)?;
        generalized(element(&mut reader, GENERALIZED_TIME)?)?; // producedAt
        let responses = sequence(&mut reader)?;
        extensions(&mut reader)?;
        end(&reader)?;
        Ok(Self {
            signed,
            certificates: certificates
                .map(only_sequence)
                .transpose()?
                .unwrap_or_default(),
            responder,
            responses,
        })
    }

    /// What it says of `certificate`, if it is to be believed.
    fn word(
        &self,
        search: &mut Search<'_, '_>,
        certificate: &Certificate<'_>,
        issuer: &Issuer<'_>,
        revocation: &Revocation<'_>,
    ) -> Result<Result<Word, Unknown>, Error> {
        let mut reader = Reader::new(self.responses);
        let mut unknown = Unknown::NothingGiven;
        let mut newest: Option<Word> = None;
        while !reader.is_empty() {
            let Ok(single) = SingleResponse::read(&mut reader) else {
                return Ok(Err(unknown));
            };
            search.budget.search_step()?;
            if !single.is_about(certificate, issuer) {
                continue;
            }
            if !single.is_fresh(search.inputs.now.as_secs(), revocation.accept_stale) {
                unknown = Unknown::Stale;
                continue;
            }
            let word = single.word();
            if newest.is_none_or(|newest| word.outdoes(newest)) {
                newest = Some(word);
            }
        }
        match newest {
            None => Ok(Err(unknown)),
            Some(_) if !self.is_signed(search, issuer)? => Ok(Err(Unknown::NotSignedByIssuer)),
            Some(word) => Ok(Ok(word)),
        }
    }

    /// 4.2.2.2: the issuer signed the response, or one whom it certified for that.
    fn is_signed(&self, search: &mut Search<'_, '_>, issuer: &Issuer<'_>) -> Result<bool, Error> {
        if self.responder.is(issuer.name, &issuer.key) {
            search.budget.signature_check()?;
            if issuer.key.verify_signed(&self.signed).is_ok() {
                return Ok(true);
            }
        }
        let mut reader = Reader::new(self.certificates);
        while !reader.is_empty() {
            search.budget.search_step()?;
            let Ok(octets) = reader.tlv().map(|element| element.octets) else {
                break;
            };
            let Ok(delegate) = Certificate::parse(octets) else {
                continue;
            };
            if self.is_delegate(search, &delegate, issuer)? {
                search.budget.signature_check()?;
                if delegate.public_key.verify_signed(&self.signed).is_ok() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Issued by the certificate's issuer itself, for OCSPSigning, and valid.
    fn is_delegate(
        &self,
        search: &mut Search<'_, '_>,
        delegate: &Certificate<'_>,
        issuer: &Issuer<'_>,
    ) -> Result<bool, Error> {
        let purposes = delegate.extensions.extended_key_usage;
        let inputs = Inputs {
            purpose: Purpose::OcspSigning,
            key_usage: None,
            ..search.inputs.clone()
        };
        // RFC 5280 4.2.1.12: OCSPSigning goes with "digitalSignature and/or nonRepudiation".
        let signs = delegate.extensions.key_usage.is_none_or(|bits| {
            bits.has(KeyUsageBits::DIGITAL_SIGNATURE) || bits.has(KeyUsageBits::NON_REPUDIATION)
        });
        let fits = self.responder.is(delegate.subject, &delegate.public_key)
            && directory::same(delegate.issuer, issuer.name)
            && signs
            && purposes.is_some_and(|purposes| purposes.has(oids::OCSP_SIGNING))
            && section6::issued(delegate, inputs.now.as_secs()).is_ok()
            && section6::end_entity(delegate, &inputs).is_ok();
        if !fits {
            return Ok(false);
        }
        search.budget.signature_check()?;
        Ok(issuer.key.verify_signed(&delegate.signed).is_ok())
    }
}

/// OCSPResponse: `SEQUENCE { responseStatus, [0] EXPLICIT SEQUENCE { type, OCTET STRING } }` of a successful
/// one: the OCTET STRING's content.
fn successful<'a>(reader: &mut Reader<'a>) -> Read<&'a [u8]> {
    if element(reader, ENUMERATED)? != [0] {
        return Err(NotDer);
    }
    whole(only_sequence(element(reader, constructed(0))?)?, |reader| {
        if element(reader, OBJECT_IDENTIFIER)? != oids::BASIC_OCSP_RESPONSE {
            return Err(NotDer);
        }
        element(reader, OCTET_STRING)
    })
}

/// `[1] EXPLICIT Extensions`: none is needed here, and a critical one is not understood.
fn extensions(reader: &mut Reader<'_>) -> Result<(), Error> {
    let Some(content) = optional(reader, constructed(1))? else {
        return Ok(());
    };
    each_once(only_sequence(content)?, |extension| {
        if extension.critical {
            return Err(Error::UnsupportedCriticalExtension);
        }
        Ok(())
    })
}

impl<'a> ResponderId<'a> {
    fn read(reader: &mut Reader<'a>) -> Read<Self> {
        if let Some(content) = optional(reader, constructed(1))? {
            let name = only_sequence(content)?;
            directory::check(name)?;
            return Ok(Self::ByName(name));
        }
        whole(element(reader, constructed(2))?, |reader| {
            Ok(Self::ByKey(element(reader, OCTET_STRING)?))
        })
    }

    fn is(self, name: &[u8], key: &PublicKey<'_>) -> bool {
        match self {
            Self::ByName(responder) => directory::same(responder, name),
            Self::ByKey(responder) => key_hash(key).as_ref() == responder,
        }
    }
}

impl<'a> SingleResponse<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let mut fields = Reader::new(sequence(reader)?);
        let reader = &mut fields;
        let (hash_algorithm, issuer_name_hash, issuer_key_hash, serial_number) =
            whole(sequence(reader)?, |reader| {
                Ok((
                    sequence(reader)?,
                    element(reader, OCTET_STRING)?,
                    element(reader, OCTET_STRING)?,
                    integer(reader)?,
                ))
            })?;
        let status = cert_status(reader)?;
        let this_update = generalized(element(reader, GENERALIZED_TIME)?)?;
        let next_update = optional(reader, constructed(0))?
            .map(|content| {
                whole(content, |reader| {
                    generalized(element(reader, GENERALIZED_TIME)?)
                })
            })
            .transpose()?;
        extensions(reader)?;
        end(reader)?;
        Ok(Self {
            hash_algorithm,
            issuer_name_hash,
            issuer_key_hash,
            serial_number,
            status,
            this_update,
            next_update,
        })
    }

    /// CertID: the hashes of the issuer's name and key, and the serial number.
    fn is_about(&self, certificate: &Certificate<'_>, issuer: &Issuer<'_>) -> bool {
        let is_hash = |of: &[u8], octets: &[u8]| {
            hash(self.hash_algorithm, octets).is_some_and(|hash| hash.as_ref() == of)
        };
        self.serial_number == certificate.serial_number
            && is_hash(
                self.issuer_name_hash,
                &distinguished_name(certificate.issuer),
            )
            && is_hash(self.issuer_key_hash, issuer.key.subject_public_key())
    }

    const fn word(&self) -> Word {
        Word {
            this_update: self.this_update,
            status: self.status,
        }
    }

    /// 4.2.2.1.
    fn is_fresh(&self, now: u64, accept_stale: bool) -> bool {
        let until = self
            .next_update
            .unwrap_or(self.this_update.saturating_add(MAX_OCSP_AGE));
        self.this_update <= now && (now <= until || accept_stale)
    }
}

/// CertStatus: `[0]` good, `[1]` RevokedInfo, `[2]` unknown.
fn cert_status(reader: &mut Reader<'_>) -> Read<Status> {
    const GOOD: u8 = context(0);
    const REVOKED: u8 = constructed(1);
    const UNKNOWN: u8 = context(2);
    let element = reader.tlv()?;
    match (element.tag, element.content) {
        (GOOD, []) => Ok(Status::Good),
        (UNKNOWN, []) => Ok(Status::Unknown(Unknown::ResponderDoesNotKnow)),
        (REVOKED, content) => whole(content, revoked_info),
        _ => Err(NotDer),
    }
}

fn revoked_info(reader: &mut Reader<'_>) -> Read<Status> {
    let at = generalized(element(reader, GENERALIZED_TIME)?)?;
    let reason = match optional(reader, constructed(0))? {
        None => Reason::Unspecified,
        Some(content) => {
            let code = natural(whole(content, |reader| element(reader, ENUMERATED))?)?;
            let code = u8::try_from(code).map_err(|_| NotDer)?;
            Reason::of_code(code).ok_or(NotDer)?
        }
    };
    Ok(Status::Revoked { at, reason })
}
