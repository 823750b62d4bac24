//! DER of RSA keys.

use netkit_core::{ReadError, Reader};

/// Octets that are not the DER that was expected.
pub(super) struct NotDer;

impl From<ReadError> for NotDer {
    fn from(_: ReadError) -> Self {
        Self
    }
}

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// RSAPublicKey (RFC 8017 A.1.1): modulus and publicExponent.
pub(super) fn rsa_public_key(der: &[u8]) -> Result<(&[u8], &[u8]), NotDer> {
    let content = Reader::whole(der, |reader| element(reader, SEQUENCE))?;
    Reader::whole(content, |reader| Ok((unsigned(reader)?, unsigned(reader)?)))
}

/// RSAPrivateKey (RFC 8017 A.1.2) of two primes: all its numbers after the version.
pub(super) fn rsa_private_key(der: &[u8]) -> Result<[&[u8]; 8], NotDer> {
    let content = Reader::whole(der, |reader| element(reader, SEQUENCE))?;
    Reader::whole(content, |reader| {
        expect(reader, &[INTEGER, 1, 0])?;
        let mut parts = [&[][..]; 8];
        for part in &mut parts {
            *part = unsigned(reader)?;
        }
        Ok(parts)
    })
}

/// PKCS#8's PrivateKeyInfo (RFC 5208 5) of an RSA key: its privateKey.
pub(super) fn private_key_info(der: &[u8]) -> Result<&[u8], NotDer> {
    /// AlgorithmIdentifier { rsaEncryption, NULL }.
    const RSA_ENCRYPTION: &[u8] = &[
        0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    ];
    let mut reader = Reader::new(Reader::whole(der, |reader| element(reader, SEQUENCE))?);
    expect(&mut reader, &[INTEGER, 1, 0])?;
    expect(&mut reader, RSA_ENCRYPTION)?;
    // Attributes may follow.
    element(&mut reader, OCTET_STRING)
}

/// The content of an element with that tag.
fn element<'a>(reader: &mut Reader<'a>, tag: u8) -> Result<&'a [u8], NotDer> {
    expect(reader, &[tag])?;
    let length = match reader.u8()? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(reader.u8()?),
        0x82 => usize::from(reader.u16()?),
        _ => return Err(NotDer),
    };
    Ok(reader.bytes(length)?)
}

/// An INTEGER that is not negative, without leading zeros.
fn unsigned<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], NotDer> {
    match element(reader, INTEGER)? {
        [0, octets @ ..] if octets.first() >= Some(&0x80) => Ok(octets),
        octets @ [0x01..=0x7f, ..] => Ok(octets),
        _ => Err(NotDer),
    }
}

fn expect(reader: &mut Reader<'_>, octets: &[u8]) -> Result<(), NotDer> {
    if reader.bytes(octets.len())? == octets {
        Ok(())
    } else {
        Err(NotDer)
    }
}
