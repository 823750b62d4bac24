//! Private keys of certificates.

use crate::{codepoints::SignatureScheme, error::Error};
use alloc::{vec, vec::Vec};
use core::fmt;
use netkit_core::Writer;
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
        RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
    },
};
use rustls_pki_types::{PrivateKeyDer, PrivateSec1KeyDer};

/// A private key that can sign handshakes.
pub(crate) enum SigningKey {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    #[cfg(feature = "p521")]
    P521(super::p521::SigningKey),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Reads a PKCS#8, SEC1 or PKCS#1 key.
    pub(crate) fn new(key: &PrivateKeyDer<'_>) -> Result<Self, Error> {
        match key {
            PrivateKeyDer::Pkcs8(key) => Self::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Sec1(key) => Self::from_sec1(key),
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der())
                .map(Self::Rsa)
                .map_err(|_| Error::MisuseKey),
            _ => Err(Error::MisuseKey),
        }
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, Error> {
        let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm| {
            EcdsaKeyPair::from_pkcs8(algorithm, der, &SystemRandom::new())
        };
        ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map(Self::P256)
            .or_else(|_| ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING).map(Self::P384))
            .or_else(|_| p521(der))
            .or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Self::Ed25519))
            .or_else(|_| RsaKeyPair::from_pkcs8(der).map(Self::Rsa))
            .map_err(|_| Error::MisuseKey)
    }

    /// SEC1 leaves the curve to its envelope: try the key in that of each curve.
    fn from_sec1(key: &PrivateSec1KeyDer<'_>) -> Result<Self, Error> {
        /// AlgorithmIdentifier { id-ecPublicKey, secp256r1 }.
        const P256: &[u8] = &[
            0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
            0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
        ];
        /// AlgorithmIdentifier { id-ecPublicKey, secp384r1 }.
        const P384: &[u8] = &[
            0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
            0x81, 0x04, 0x00, 0x22,
        ];
        /// AlgorithmIdentifier { id-ecPublicKey, secp521r1 }.
        const P521: &[u8] = &[
            0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
            0x81, 0x04, 0x00, 0x23,
        ];
        [P256, P384, P521]
            .into_iter()
            .find_map(|curve| {
                let pkcs8 = envelop_sec1(curve, key.secret_sec1_der()).ok()?;
                Self::from_pkcs8(&pkcs8).ok()
            })
            .ok_or(Error::MisuseKey)
    }

    /// The schemes that the key can sign with, best first.
    pub(crate) fn schemes(&self) -> &'static [SignatureScheme] {
        use SignatureScheme as S;
        match self {
            Self::Rsa(_) => &[
                S::RSA_PSS_RSAE_SHA256,
                S::RSA_PSS_RSAE_SHA384,
                S::RSA_PSS_RSAE_SHA512,
                S::RSA_PKCS1_SHA256,
                S::RSA_PKCS1_SHA384,
                S::RSA_PKCS1_SHA512,
            ],
            Self::P256(_) => &[S::ECDSA_SECP256R1_SHA256],
            Self::P384(_) => &[S::ECDSA_SECP384R1_SHA384],
            #[cfg(feature = "p521")]
            Self::P521(_) => &[S::ECDSA_SECP521R1_SHA512],
            Self::Ed25519(_) => &[S::ED25519],
        }
    }

    /// The public half as the subjectPublicKey bits of a certificate hold it.
    pub(crate) fn public(&self) -> &[u8] {
        match self {
            Self::Rsa(pair) => pair.public_key().as_ref(),
            Self::P256(pair) | Self::P384(pair) => pair.public_key().as_ref(),
            #[cfg(feature = "p521")]
            Self::P521(key) => key.public(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    /// Signs `message` with `scheme`, one of [`schemes`](Self::schemes).
    pub(crate) fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let padding: &dyn RsaEncoding = match scheme {
                    SignatureScheme::RSA_PSS_RSAE_SHA256 => &RSA_PSS_SHA256,
                    SignatureScheme::RSA_PSS_RSAE_SHA384 => &RSA_PSS_SHA384,
                    SignatureScheme::RSA_PKCS1_SHA256 => &RSA_PKCS1_SHA256,
                    SignatureScheme::RSA_PKCS1_SHA384 => &RSA_PKCS1_SHA384,
                    SignatureScheme::RSA_PKCS1_SHA512 => &RSA_PKCS1_SHA512,
                    _ => &RSA_PSS_SHA512,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message, &mut signature)
                    .map_err(|_| Error::CryptoFailed)?;
                Ok(signature)
            }
            Self::P256(pair) | Self::P384(pair) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| Error::CryptoFailed),
            #[cfg(feature = "p521")]
            Self::P521(key) => key.sign(message),
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

/// A key on P-521 in PKCS#8, where that is built in.
#[cfg(feature = "p521")]
fn p521(pkcs8: &[u8]) -> Result<SigningKey, Error> {
    super::p521::SigningKey::from_pkcs8(pkcs8).map(SigningKey::P521)
}

#[cfg(not(feature = "p521"))]
fn p521(_: &[u8]) -> Result<SigningKey, Error> {
    Err(Error::MisuseKey)
}

/// PKCS#8's PrivateKeyInfo (RFC 5208 5) around a SEC1 key.
fn envelop_sec1(
    algorithm: &[u8],
    sec1: &[u8],
) -> Result<zeroize::Zeroizing<Vec<u8>>, netkit_core::TooLong> {
    /// A DER element with a length of two octets, which DER allows only from 256 on: ring's reader
    /// and ours want the shortest form.
    fn element(out: &mut Vec<u8>, tag: u8, content: &[&[u8]]) -> Result<(), netkit_core::TooLong> {
        let length: usize = content.iter().map(|part| part.len()).sum();
        out.u8(tag);
        match u8::try_from(length) {
            Ok(short @ 0..128) => out.u8(short),
            Ok(long) => out.bytes(&[0x81, long]),
            Err(_) => {
                out.u8(0x82);
                out.u16(u16::try_from(length).map_err(|_| netkit_core::TooLong)?);
            }
        }
        for part in content {
            out.bytes(part);
        }
        Ok(())
    }
    // Reserved at once: growth would leave copies of the key behind.
    let mut key = zeroize::Zeroizing::new(Vec::with_capacity(sec1.len() + 8));
    element(&mut key, 0x04, &[sec1])?;
    let mut out = zeroize::Zeroizing::new(Vec::with_capacity(key.len() + algorithm.len() + 16));
    element(&mut out, 0x30, &[&[0x02, 0x01, 0x00], algorithm, &key])?;
    Ok(out)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa(_) => "SigningKey(RSA)",
            Self::P256(_) => "SigningKey(P-256)",
            Self::P384(_) => "SigningKey(P-384)",
            #[cfg(feature = "p521")]
            Self::P521(_) => "SigningKey(P-521)",
            Self::Ed25519(_) => "SigningKey(Ed25519)",
        })
    }
}
