//! The messages of authentication (RFC 9846 4.4.2, 4.5) and those behind the handshake (4.7).

use super::{
    Extensions, ListU16, Parse, Place,
    extensions::{list_u16, write_list},
    write_message,
};
use crate::{
    codepoints::{
        CertificateCompressionAlgorithm, ExtensionType, HandshakeType, KeyUpdateRequest,
        SignatureScheme,
    },
    compression::{CertificateCompression, Form, Stapled, has_repeats},
    config::ClientAuth,
    error::{Error, Malformed},
    identity::{Identity, Staples},
    limits::MAX_CHAIN,
};
use alloc::{sync::Arc, vec::Vec};
use core::marker::PhantomData;
use netkit_core::{Reader, TooLong, Writer};
use rustls_pki_types::CertificateDer;

/// The only kind of certificate status: an OCSP response (RFC 6066 8).
const OCSP: u8 = 1;

/// A chain of certificates, the end entity's first.
pub(crate) struct Certificate<'a> {
    pub(crate) certificate_request_context: &'a [u8],
    /// DER, with the extensions that came along.
    pub(crate) certificate_list: Vec<(&'a [u8], Extensions<'a>)>,
}

impl<'a> Parse<'a> for Certificate<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let certificate_request_context = reader.block_u8()?;
        let certificate_list = reader.nested_u24(|reader| {
            let mut list = Vec::new();
            while !reader.is_empty() {
                if list.len() == MAX_CHAIN {
                    return Err(Error::PeerTooMany("certificates"));
                }
                let der = reader.block_u24()?;
                if der.is_empty() {
                    return Err(Error::PeerDecode(Malformed::Shape("an empty certificate")));
                }
                list.push((der, Extensions::parse(reader, Place::Certificate)?));
            }
            Ok(list)
        })?;
        Ok(Self {
            certificate_request_context,
            certificate_list,
        })
    }
}

impl<'a> Certificate<'a> {
    /// Reads a body that was compressed.
    pub(crate) fn whole(body: &'a [u8]) -> Result<Self, Error> {
        Reader::whole(body, Self::parse)
    }

    /// The chain, and what is stapled to its first certificate. Refuses an extension that `offered`
    /// does not know of.
    pub(crate) fn take(
        self,
        offered: impl Fn(ExtensionType) -> bool,
    ) -> Result<(Vec<CertificateDer<'static>>, Staples), Error> {
        let mut staples = Staples::default();
        let mut chain = Vec::with_capacity(self.certificate_list.len());
        for (der, extensions) in self.certificate_list {
            extensions.answer_only(&offered)?;
            let ocsp_response = extensions.read(ExtensionType::STATUS_REQUEST, ocsp_response)?;
            if chain.is_empty() {
                staples.ocsp_response = ocsp_response.map(<[u8]>::to_vec);
                staples.sct_list = extensions
                    .get(ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP)
                    .map(<[u8]>::to_vec);
            }
            chain.push(CertificateDer::from(der.to_vec()));
        }
        Ok((chain, staples))
    }
}

/// A CertificateStatus (RFC 6066 8).
pub(crate) fn ocsp_response<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Error> {
    let kind = reader.u8()?;
    match reader.block_u24()? {
        response if kind == OCSP && !response.is_empty() => Ok(response),
        _ => Err(Error::PeerDecode(Malformed::Shape(
            "a certificate status is not one OCSP response",
        ))),
    }
}

/// Appends a Certificate: the chain of `identity` with those staples that `wanted` has, or no
/// certificate. Or a CompressedCertificate, if there is one with an algorithm that the peer `takes`.
pub(crate) fn write_certificate(
    out: &mut Vec<u8>,
    identity: Option<&Identity>,
    wanted: impl Fn(ExtensionType) -> bool,
    takes: impl Fn(CertificateCompressionAlgorithm) -> bool,
) -> Result<(), TooLong> {
    let stapled = identity.map_or_else(Stapled::default, |it| Stapled::those(it, wanted));
    match identity.and_then(|it| it.compressed.find(stapled, takes)) {
        Some(form) => write_compressed_certificate(out, form),
        None => write_message(out, HandshakeType::CERTIFICATE, |out| {
            write_certificate_body(out, identity, stapled)
        }),
    }
}

/// Appends what a Certificate has behind its header. There is no certificate_request_context: that is for
/// requests after the handshake.
pub(crate) fn write_certificate_body(
    out: &mut Vec<u8>,
    identity: Option<&Identity>,
    stapled: Stapled,
) -> Result<(), TooLong> {
    out.u8(0); // certificate_request_context
    out.nested_u24(|out| {
        let chain = identity.map(Identity::chain).unwrap_or_default();
        let mut staples = identity.map(|identity| &identity.staples);
        chain.iter().try_for_each(|certificate| {
            out.nested_u24(|out| {
                out.bytes(certificate);
                Ok(())
            })?;
            out.nested_u16(|out| match staples.take() {
                Some(staples) => write_staples(out, staples, stapled),
                None => Ok(()),
            })
        })
    })
}

fn write_compressed_certificate(out: &mut Vec<u8>, form: &Form) -> Result<(), TooLong> {
    write_message(out, HandshakeType::COMPRESSED_CERTIFICATE, |out| {
        out.u16(form.algorithm.0);
        out.bytes(&form.uncompressed_length);
        out.nested_u24(|out| {
            out.bytes(&form.octets);
            Ok(())
        })
    })
}

fn write_staples(out: &mut Vec<u8>, staples: &Staples, stapled: Stapled) -> Result<(), TooLong> {
    let kind = ExtensionType::STATUS_REQUEST;
    if let Some(response) = staples.ocsp_response.as_ref().filter(|_| stapled.has(kind)) {
        out.u16(kind.0);
        out.nested_u16(|out| write_ocsp_response(out, response))?;
    }
    let kind = ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP;
    if let Some(list) = staples.sct_list.as_ref().filter(|_| stapled.has(kind)) {
        out.u16(kind.0);
        out.nested_u16(|out| {
            out.bytes(list);
            Ok(())
        })?;
    }
    Ok(())
}

/// Appends a CertificateStatus.
pub(crate) fn write_ocsp_response(out: &mut Vec<u8>, response: &[u8]) -> Result<(), TooLong> {
    out.u8(OCSP);
    out.nested_u24(|out| {
        out.bytes(response);
        Ok(())
    })
}

/// A Certificate whose body is compressed (RFC 8879 4).
pub(crate) struct CompressedCertificate<'a> {
    pub(crate) algorithm: CertificateCompressionAlgorithm,
    /// Octets of the body.
    pub(crate) uncompressed_length: u32,
    /// compressed_certificate_message: never empty.
    pub(crate) message: &'a [u8],
}

impl<'a> Parse<'a> for CompressedCertificate<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let algorithm = CertificateCompressionAlgorithm(reader.u16()?);
        let uncompressed_length = reader.u24()?;
        match reader.block_u24()? {
            [] => Err(Error::PeerDecode(Malformed::Shape(
                "an empty compressed_certificate_message",
            ))),
            message => Ok(Self {
                algorithm,
                uncompressed_length,
                message,
            }),
        }
    }
}

/// The content of compress_certificate (RFC 8879 3).
pub(super) fn compression_algorithms<'a>(reader: &mut Reader<'a>) -> Result<ListU16<'a>, Error> {
    let list = ListU16::new(reader.block_u8()?)?;
    if has_repeats(list.iter()) {
        return Err(Error::PeerIllegalParameter(
            "a certificate compression algorithm stands twice",
        ));
    }
    Ok(list)
}

/// Appends the content of compress_certificate.
pub(super) fn write_compression_algorithms(
    out: &mut Vec<u8>,
    algorithms: &[Arc<dyn CertificateCompression>],
) -> Result<(), TooLong> {
    out.nested_u8(|out| {
        let numbers = algorithms.iter().map(|known| known.algorithm());
        numbers.for_each(|number| out.u16(number.0));
        Ok(())
    })
}

/// A server's wish for a client certificate.
pub(crate) struct CertificateRequest<'a> {
    /// certificate_request_context
    pub(crate) context: &'a [u8],
    pub(crate) signature_algorithms: ListU16<'a>,
    /// Distinguished names in DER: any of their certificates will do; none: any at all.
    pub(crate) certificate_authorities: Vec<&'a [u8]>,
    /// How the client's certificates may be compressed, if at all.
    pub(crate) certificate_compression: Option<ListU16<'a>>,
}

impl<'a> Parse<'a> for CertificateRequest<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let context = reader.block_u8()?;
        let extensions = Extensions::parse(reader, Place::CertificateRequest)?;
        Ok(Self {
            context,
            signature_algorithms: extensions
                .require(ExtensionType::SIGNATURE_ALGORITHMS, list_u16)?,
            certificate_authorities: extensions
                .read(ExtensionType::CERTIFICATE_AUTHORITIES, authorities)?
                .unwrap_or_default(),
            certificate_compression: extensions
                .read(ExtensionType::COMPRESS_CERTIFICATE, compression_algorithms)?,
        })
    }
}

/// The content of certificate_authorities: never empty (RFC 9846 4.3.4).
pub(super) fn authorities<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a [u8]>, Error> {
    match distinguished_names(reader)? {
        names if names.is_empty() => Err(Error::PeerDecode(Malformed::Shape(
            "an empty certificate_authorities",
        ))),
        names => Ok(names),
    }
}

/// A list of distinguished names (RFC 9846 4.3.4).
pub(crate) fn distinguished_names<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a [u8]>, Error> {
    reader.nested_u16(|reader| {
        let mut names = Vec::new();
        while !reader.is_empty() {
            match reader.block_u16()? {
                [] => {
                    return Err(Error::PeerDecode(Malformed::Shape(
                        "an empty distinguished name",
                    )));
                }
                name => names.push(name),
            }
        }
        Ok(names)
    })
}

/// Appends a list of distinguished names.
pub(crate) fn write_distinguished_names(
    out: &mut Vec<u8>,
    names: &[Vec<u8>],
) -> Result<(), TooLong> {
    out.nested_u16(|out| {
        names.iter().try_for_each(|name| {
            out.nested_u16(|out| {
                out.bytes(name);
                Ok(())
            })
        })
    })
}

/// Appends a CertificateRequest.
pub(crate) fn write_certificate_request(
    out: &mut Vec<u8>,
    client_auth: &ClientAuth,
) -> Result<(), TooLong> {
    write_message(out, HandshakeType::CERTIFICATE_REQUEST, |out| {
        out.u8(0); // certificate_request_context
        out.nested_u16(|out| {
            let schemes = &client_auth.signature_schemes;
            out.u16(ExtensionType::SIGNATURE_ALGORITHMS.0);
            out.nested_u16(|out| write_list(out, schemes.iter().map(|scheme| scheme.0)))?;
            let algorithms = &client_auth.certificate_compression;
            if !algorithms.is_empty() {
                out.u16(ExtensionType::COMPRESS_CERTIFICATE.0);
                out.nested_u16(|out| write_compression_algorithms(out, algorithms))?;
            }
            if client_auth.authorities.is_empty() {
                return Ok(());
            }
            out.u16(ExtensionType::CERTIFICATE_AUTHORITIES.0);
            out.nested_u16(|out| write_distinguished_names(out, &client_auth.authorities))
        })
    })
}

/// Appends a CertificateVerify.
pub(crate) fn write_certificate_verify(
    out: &mut Vec<u8>,
    scheme: SignatureScheme,
    signature: &[u8],
) -> Result<(), TooLong> {
    write_message(out, HandshakeType::CERTIFICATE_VERIFY, |out| {
        out.u16(scheme.0);
        out.nested_u16(|out| {
            out.bytes(signature);
            Ok(())
        })
    })
}

/// The proof that a peer holds its certificate's private key.
pub(crate) struct CertificateVerify<'a> {
    pub(crate) algorithm: SignatureScheme,
    pub(crate) signature: &'a [u8],
}

impl<'a> Parse<'a> for CertificateVerify<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Self {
            algorithm: SignatureScheme(reader.u16()?),
            signature: reader.block_u16()?,
        })
    }
}

/// The proof that both sides saw the same handshake.
pub(crate) struct Finished<'a> {
    pub(crate) verify_data: &'a [u8],
}

impl<'a> Parse<'a> for Finished<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Self {
            verify_data: reader.bytes(reader.len())?,
        })
    }
}

/// Appends a Finished.
pub(crate) fn write_finished(out: &mut Vec<u8>, verify_data: &[u8]) -> Result<(), TooLong> {
    write_message(out, HandshakeType::FINISHED, |out| {
        out.bytes(verify_data);
        Ok(())
    })
}

/// A ticket for a later connection.
pub(crate) struct NewSessionTicket<'a> {
    /// In seconds.
    pub(crate) ticket_lifetime: u32,
    pub(crate) ticket_age_add: u32,
    pub(crate) ticket_nonce: &'a [u8],
    pub(crate) ticket: &'a [u8],
    /// max_early_data_size, in octets; 0: none.
    pub(crate) max_early_data: u32,
}

impl<'a> Parse<'a> for NewSessionTicket<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let (ticket_lifetime, ticket_age_add) = (reader.u32()?, reader.u32()?);
        let ticket_nonce = reader.block_u8()?;
        let ticket = match reader.block_u16()? {
            [] => return Err(Error::PeerDecode(Malformed::Shape("an empty ticket"))),
            ticket => ticket,
        };
        let extensions = Extensions::parse(reader, Place::NewSessionTicket)?;
        let max_early_data =
            extensions.read(ExtensionType::EARLY_DATA, |reader| Ok(reader.u32()?))?;
        Ok(Self {
            ticket_lifetime,
            ticket_age_add,
            ticket_nonce,
            ticket,
            max_early_data: max_early_data.unwrap_or_default(),
        })
    }
}

/// Appends a NewSessionTicket.
pub(crate) fn write_new_session_ticket(
    out: &mut Vec<u8>,
    m: &NewSessionTicket<'_>,
) -> Result<(), TooLong> {
    write_message(out, HandshakeType::NEW_SESSION_TICKET, |out| {
        out.u32(m.ticket_lifetime);
        out.u32(m.ticket_age_add);
        out.nested_u8(|out| {
            out.bytes(m.ticket_nonce);
            Ok(())
        })?;
        out.nested_u16(|out| {
            out.bytes(m.ticket);
            Ok(())
        })?;
        out.nested_u16(|out| {
            if m.max_early_data == 0 {
                return Ok(());
            }
            out.u16(ExtensionType::EARLY_DATA.0);
            out.nested_u16(|out| {
                out.u32(m.max_early_data);
                Ok(())
            })
        })
    })
}

/// The client's early data has ended: what follows is under handshake keys.
pub(crate) struct EndOfEarlyData<'a>(PhantomData<&'a ()>);

impl<'a> Parse<'a> for EndOfEarlyData<'a> {
    fn parse(_: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Self(PhantomData))
    }
}

/// The sender's next records are under its next key.
pub(crate) struct KeyUpdate<'a> {
    pub(crate) request_update: KeyUpdateRequest,
    /// Only so that every message has the lifetime of what it was read from.
    lifetime: PhantomData<&'a ()>,
}

impl<'a> Parse<'a> for KeyUpdate<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let request_update = KeyUpdateRequest(reader.u8()?);
        if request_update.name().is_none() {
            return Err(Error::PeerIllegalParameter(
                "request_update is neither 0 nor 1",
            ));
        }
        Ok(Self {
            request_update,
            lifetime: PhantomData,
        })
    }
}
