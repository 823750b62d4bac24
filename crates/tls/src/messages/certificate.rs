//! The messages of authentication (RFC 9846 4.4.2, 4.5) and those behind the handshake (4.7).

use super::{Extensions, Parse, Place, extensions::list_u16};
use crate::{
    codepoints::{ExtensionType, KeyUpdateRequest, SignatureScheme},
    error::{Error, Malformed},
    limits::MAX_CHAIN,
};
use alloc::vec::Vec;
use core::marker::PhantomData;
use netkit_core::Reader;

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

/// A server's wish for a client certificate.
pub(crate) struct CertificateRequest<'a> {
    pub(crate) certificate_request_context: &'a [u8],
}

impl<'a> Parse<'a> for CertificateRequest<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let certificate_request_context = reader.block_u8()?;
        let extensions = Extensions::parse(reader, Place::CertificateRequest)?;
        extensions.require(ExtensionType::SIGNATURE_ALGORITHMS, list_u16)?;
        Ok(Self {
            certificate_request_context,
        })
    }
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

/// A ticket for a later connection.
pub(crate) struct NewSessionTicket<'a>(PhantomData<&'a ()>);

impl<'a> Parse<'a> for NewSessionTicket<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        reader.u32()?; // ticket_lifetime
        reader.u32()?; // ticket_age_add
        reader.block_u8()?; // ticket_nonce
        if reader.block_u16()?.is_empty() {
            return Err(Error::PeerDecode(Malformed::Shape("an empty ticket")));
        }
        let extensions = Extensions::parse(reader, Place::NewSessionTicket)?;
        extensions.read(ExtensionType::EARLY_DATA, |reader| Ok(reader.u32()?))?;
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
