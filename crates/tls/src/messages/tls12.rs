//! The messages that only TLS 1.2 has, and those that look otherwise there (RFC 5246 7.4).

use super::{
    Extensions, ListU16, Parse, Place,
    certificate::{
        distinguished_names, ocsp_response, write_distinguished_names, write_ocsp_response,
    },
    extensions::{list_u16, nothing, protocol_name, write_list},
    hello::session_id,
    write_message,
};
use crate::{
    codepoints::{
        CipherSuite, ExtensionType, HandshakeType, NamedGroup, ProtocolVersion, SignatureScheme,
    },
    config::ClientAuth,
    error::{Error, Malformed},
    identity::Identity,
    limits::MAX_CHAIN,
};
use alloc::vec::Vec;
use core::marker::PhantomData;
use netkit_core::{Reader, TooLong, Writer};
use rustls_pki_types::CertificateDer;

/// The only encoding of points (RFC 8422 5.1.2).
const UNCOMPRESSED: u8 = 0;
/// An elliptic curve by its number (RFC 8422 5.4).
const NAMED_CURVE: u8 = 3;

/// A ServerHello that chose TLS 1.2.
pub(crate) struct ServerHelloTls12<'a> {
    pub(crate) random: [u8; 32],
    pub(crate) session_id: &'a [u8],
    pub(crate) cipher_suite: CipherSuite,
    pub(crate) extensions: Extensions<'a>,
    pub(crate) protocol: Option<&'a [u8]>,
}

impl<'a> Parse<'a> for ServerHelloTls12<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        if ProtocolVersion(reader.u16()?) != ProtocolVersion::TLS1_2 {
            return Err(Error::PeerNoCommonVersion);
        }
        let random = reader.array()?;
        let session_id = session_id(reader, "session_id over 32 octets")?;
        let cipher_suite = CipherSuite(reader.u16()?);
        if reader.u8()? != 0 {
            return Err(Error::PeerIllegalParameter(
                "compression_method is not null",
            ));
        }
        let extensions = Extensions::parse_optional(reader, Place::ServerHelloTls12)?;
        for empty in [
            ExtensionType::SERVER_NAME,
            ExtensionType::STATUS_REQUEST,
            ExtensionType::EXTENDED_MASTER_SECRET,
            ExtensionType::SESSION_TICKET,
        ] {
            extensions.read(empty, nothing)?;
        }
        extensions.read(ExtensionType::EC_POINT_FORMATS, point_formats)?;
        let protocol = extensions.read(
            ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
            |reader| reader.nested_u16(protocol_name),
        )?;
        Ok(Self {
            random,
            session_id,
            cipher_suite,
            extensions,
            protocol,
        })
    }
}

/// Refuses a list of encodings without the one that everybody has (RFC 8422 5.1.2).
pub(super) fn point_formats(reader: &mut Reader<'_>) -> Result<(), Error> {
    if !reader.block_u8()?.contains(&UNCOMPRESSED) {
        return Err(Error::PeerIllegalParameter(
            "ec_point_formats without uncompressed",
        ));
    }
    Ok(())
}

/// renegotiated_connection (RFC 5746 3.2): empty in a first handshake, which is the only one.
pub(crate) fn first_handshake(reader: &mut Reader<'_>) -> Result<(), Error> {
    match reader.block_u8()? {
        [] => Ok(()),
        _ => Err(Error::PeerUnprotected(ExtensionType::RENEGOTIATION_INFO)),
    }
}

/// The contents of ec_point_formats and renegotiation_info, as both sides send them.
pub(crate) const POINT_FORMATS: [u8; 2] = [1, UNCOMPRESSED];
pub(crate) const FIRST_HANDSHAKE: [u8; 1] = [0];

/// Appends a ServerHello; `write_extensions` appends its extensions.
pub(crate) fn write_server_hello_tls12(
    out: &mut Vec<u8>,
    random: &[u8; 32],
    session_id: &[u8],
    cipher_suite: CipherSuite,
    write_extensions: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>,
) -> Result<(), TooLong> {
    write_message(out, HandshakeType::SERVER_HELLO, |out| {
        out.u16(ProtocolVersion::TLS1_2.0);
        out.bytes(random);
        out.nested_u8(|out| {
            out.bytes(session_id);
            Ok(())
        })?;
        out.u16(cipher_suite.0);
        out.u8(0); // compression_method: null
        // RFC 5246 7.4.1.3: who has none says nothing of them.
        let before = out.len();
        out.nested_u16(write_extensions)?;
        if out.len() == before + 2 {
            out.truncate(before);
        }
        Ok(())
    })
}

/// A chain of certificates, the end entity's first.
pub(crate) struct CertificateTls12(pub(crate) Vec<CertificateDer<'static>>);

impl Parse<'_> for CertificateTls12 {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.nested_u24(|reader| {
            let mut chain = Vec::new();
            while !reader.is_empty() {
                if chain.len() == MAX_CHAIN {
                    return Err(Error::PeerTooMany("certificates"));
                }
                match reader.block_u24()? {
                    [] => return Err(Error::PeerDecode(Malformed::Shape("an empty certificate"))),
                    der => chain.push(CertificateDer::from(der.to_vec())),
                }
            }
            Ok(Self(chain))
        })
    }
}

/// Appends a Certificate: the chain of `identity`, or no certificate.
pub(crate) fn write_certificate_tls12(
    out: &mut Vec<u8>,
    identity: Option<&Identity>,
) -> Result<(), TooLong> {
    write_message(out, HandshakeType::CERTIFICATE, |out| {
        out.nested_u24(|out| {
            let chain = identity.map(Identity::chain).unwrap_or_default();
            chain.iter().try_for_each(|certificate| {
                out.nested_u24(|out| {
                    out.bytes(certificate);
                    Ok(())
                })
            })
        })
    })
}

/// What a server staples to its certificate (RFC 6066 8).
pub(crate) struct CertificateStatus<'a> {
    pub(crate) ocsp_response: &'a [u8],
}

impl<'a> Parse<'a> for CertificateStatus<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let ocsp_response = ocsp_response(reader)?;
        Ok(Self { ocsp_response })
    }
}

/// Appends a CertificateStatus.
pub(crate) fn write_certificate_status(out: &mut Vec<u8>, response: &[u8]) -> Result<(), TooLong> {
    write_message(out, HandshakeType::CERTIFICATE_STATUS, |out| {
        write_ocsp_response(out, response)
    })
}

/// The server's share of an ECDHE key exchange, signed (RFC 8422 5.4).
pub(crate) struct ServerKeyExchange<'a> {
    /// ServerECDHParams: what is signed, behind the randoms.
    pub(crate) params: &'a [u8],
    pub(crate) group: NamedGroup,
    pub(crate) public: &'a [u8],
    pub(crate) algorithm: SignatureScheme,
    pub(crate) signature: &'a [u8],
}

impl<'a> Parse<'a> for ServerKeyExchange<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let body = reader.rest();
        if reader.u8()? != NAMED_CURVE {
            return Err(Error::PeerIllegalParameter("a curve that is not named"));
        }
        let group = NamedGroup(reader.u16()?);
        let public = ec_point(reader)?;
        let params = &body[..body.len() - reader.len()];
        Ok(Self {
            params,
            group,
            public,
            algorithm: SignatureScheme(reader.u16()?),
            signature: reader.block_u16()?,
        })
    }
}

/// A public key (RFC 8422 5.4).
fn ec_point<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Error> {
    match reader.block_u8()? {
        [] => Err(Error::PeerDecode(Malformed::Shape("an empty point"))),
        point => Ok(point),
    }
}

/// Appends ServerECDHParams.
pub(crate) fn write_params(
    out: &mut Vec<u8>,
    group: NamedGroup,
    public: &[u8],
) -> Result<(), TooLong> {
    out.u8(NAMED_CURVE);
    out.u16(group.0);
    out.nested_u8(|out| {
        out.bytes(public);
        Ok(())
    })
}

/// Appends a ServerKeyExchange.
pub(crate) fn write_server_key_exchange(
    out: &mut Vec<u8>,
    params: &[u8],
    scheme: SignatureScheme,
    signature: &[u8],
) -> Result<(), TooLong> {
    write_message(out, HandshakeType::SERVER_KEY_EXCHANGE, |out| {
        out.bytes(params);
        out.u16(scheme.0);
        out.nested_u16(|out| {
            out.bytes(signature);
            Ok(())
        })
    })
}

/// The types of client certificates (RFC 5246 7.4.4, RFC 8422 5.5).
const RSA_SIGN: u8 = 1;
const ECDSA_SIGN: u8 = 64;

/// A server's wish for a client certificate.
pub(crate) struct CertificateRequestTls12<'a> {
    pub(crate) certificate_types: &'a [u8],
    supported_signature_algorithms: ListU16<'a>,
    /// Distinguished names in DER: any of their certificates will do; none: any at all.
    pub(crate) certificate_authorities: Vec<&'a [u8]>,
}

impl<'a> Parse<'a> for CertificateRequestTls12<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Self {
            certificate_types: reader.block_u8()?,
            supported_signature_algorithms: list_u16(reader)?,
            certificate_authorities: distinguished_names(reader)?,
        })
    }
}

impl CertificateRequestTls12<'_> {
    /// The schemes that a certificate whose key signs with will do.
    pub(crate) fn accepted(&self) -> impl Iterator<Item = SignatureScheme> {
        let schemes = self.supported_signature_algorithms.iter();
        schemes.map(SignatureScheme).filter(|scheme| {
            let kind = if scheme.is_rsa() {
                RSA_SIGN
            } else {
                ECDSA_SIGN
            };
            self.certificate_types.contains(&kind)
        })
    }
}

/// Appends a CertificateRequest.
pub(crate) fn write_certificate_request_tls12(
    out: &mut Vec<u8>,
    client_auth: &ClientAuth,
) -> Result<(), TooLong> {
    write_message(out, HandshakeType::CERTIFICATE_REQUEST, |out| {
        out.bytes(&[2, ECDSA_SIGN, RSA_SIGN]);
        let schemes = &client_auth.signature_schemes;
        write_list(out, schemes.iter().map(|scheme| scheme.0))?;
        write_distinguished_names(out, &client_auth.authorities)
    })
}

/// A ticket, in the server's last flight (RFC 5077 3.3).
pub(crate) struct NewSessionTicketTls12<'a> {
    /// In seconds; 0: the server does not say.
    pub(crate) ticket_lifetime_hint: u32,
    /// Empty: the server gives none after all.
    pub(crate) ticket: &'a [u8],
}

impl<'a> Parse<'a> for NewSessionTicketTls12<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Self {
            ticket_lifetime_hint: reader.u32()?,
            ticket: reader.block_u16()?,
        })
    }
}

/// Appends a NewSessionTicket.
pub(crate) fn write_new_session_ticket_tls12(
    out: &mut Vec<u8>,
    m: &NewSessionTicketTls12<'_>,
) -> Result<(), TooLong> {
    write_message(out, HandshakeType::NEW_SESSION_TICKET, |out| {
        out.u32(m.ticket_lifetime_hint);
        out.nested_u16(|out| {
            out.bytes(m.ticket);
            Ok(())
        })
    })
}

/// The server's part is done.
pub(crate) struct ServerHelloDone<'a>(PhantomData<&'a ()>);

impl<'a> Parse<'a> for ServerHelloDone<'a> {
    fn parse(_: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Self(PhantomData))
    }
}

/// Appends a ServerHelloDone.
pub(crate) fn write_server_hello_done(out: &mut Vec<u8>) -> Result<(), TooLong> {
    write_message(out, HandshakeType::SERVER_HELLO_DONE, |_| Ok(()))
}

/// The client's part of the key exchange.
pub(crate) struct ClientKeyExchange<'a>(&'a [u8]);

impl<'a> Parse<'a> for ClientKeyExchange<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Self(reader.bytes(reader.len())?))
    }
}

impl<'a> ClientKeyExchange<'a> {
    /// A share of ECDHE (RFC 8422 5.7).
    pub(crate) fn ec_point(&self) -> Result<&'a [u8], Error> {
        Reader::whole(self.0, ec_point)
    }

    /// An encrypted premaster secret (RFC 5246 7.4.7.1).
    #[cfg(feature = "rsa-key-transport")]
    pub(crate) fn encrypted_premaster(&self) -> Result<&'a [u8], Error> {
        Reader::whole(self.0, |reader| Ok(reader.block_u16()?))
    }
}

/// Appends a ClientKeyExchange with the body that `write` appends.
pub(crate) fn write_client_key_exchange(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>,
) -> Result<(), TooLong> {
    write_message(out, HandshakeType::CLIENT_KEY_EXCHANGE, write)
}

/// A server's wish to renegotiate, which nobody grants.
pub(crate) struct HelloRequest<'a>(PhantomData<&'a ()>);

impl<'a> Parse<'a> for HelloRequest<'a> {
    fn parse(_: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Self(PhantomData))
    }
}
