//! Public keys and signatures. The only file that names ring.

use crate::{
    Error,
    certificate::Certificate,
    limits::{MAX_RSA_BITS, MIN_RSA_BITS},
};
use der::{
    Decode, Reader, SliceReader,
    asn1::{BitStringRef, SequenceRef, UintRef},
};
use ring::signature as algorithms;
use rustls_pki_types::alg_id;

/// The kind of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// RSA (rsaEncryption).
    Rsa {
        /// Size of the modulus.
        bits: u32,
    },
    /// ECDSA on P-256.
    EcP256,
    /// ECDSA on P-384.
    EcP384,
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// Any other: parsed, but good for nothing here.
    Other,
}

/// An algorithm to verify signatures with. The curve of an ECDSA algorithm is the key's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017).
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RsaPkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsaPkcs1Sha512,
    /// RSASSA-PSS with SHA-256, MGF1 with the same hash, and a salt as long as the hash (RFC 8017).
    RsaPssSha256,
    /// RSASSA-PSS with SHA-384.
    RsaPssSha384,
    /// RSASSA-PSS with SHA-512.
    RsaPssSha512,
    /// ECDSA on P-256 with SHA-256, signature in ASN.1 (RFC 5480).
    EcdsaP256Sha256,
    /// ECDSA on P-256 with SHA-384.
    EcdsaP256Sha384,
    /// ECDSA on P-384 with SHA-256.
    EcdsaP384Sha256,
    /// ECDSA on P-384 with SHA-384.
    EcdsaP384Sha384,
    /// Ed25519 (RFC 8032).
    Ed25519,
}

impl SignatureAlgorithm {
    /// ring's implementation, if a key of `kind` can verify with this algorithm.
    fn for_key(self, kind: KeyKind) -> Option<&'static dyn algorithms::VerificationAlgorithm> {
        use KeyKind::{EcP256, EcP384, Rsa};
        Some(match (self, kind) {
            (Self::RsaPkcs1Sha256, Rsa { .. }) => &algorithms::RSA_PKCS1_2048_8192_SHA256,
            (Self::RsaPkcs1Sha384, Rsa { .. }) => &algorithms::RSA_PKCS1_2048_8192_SHA384,
            (Self::RsaPkcs1Sha512, Rsa { .. }) => &algorithms::RSA_PKCS1_2048_8192_SHA512,
            (Self::RsaPssSha256, Rsa { .. }) => &algorithms::RSA_PSS_2048_8192_SHA256,
            (Self::RsaPssSha384, Rsa { .. }) => &algorithms::RSA_PSS_2048_8192_SHA384,
            (Self::RsaPssSha512, Rsa { .. }) => &algorithms::RSA_PSS_2048_8192_SHA512,
            (Self::EcdsaP256Sha256, EcP256) => &algorithms::ECDSA_P256_SHA256_ASN1,
            (Self::EcdsaP256Sha384, EcP256) => &algorithms::ECDSA_P256_SHA384_ASN1,
            (Self::EcdsaP384Sha256, EcP384) => &algorithms::ECDSA_P384_SHA256_ASN1,
            (Self::EcdsaP384Sha384, EcP384) => &algorithms::ECDSA_P384_SHA384_ASN1,
            (Self::Ed25519, KeyKind::Ed25519) => &algorithms::ED25519,
            _ => return None,
        })
    }

    /// The algorithm that a certificate's AlgorithmIdentifier (`identifier`, the content of the
    /// SEQUENCE) means when the issuer's key is of `kind`. RFC 4055 5: NULL parameters of the
    /// PKCS#1 algorithms may be absent.
    fn of_identifier(identifier: &[u8], kind: KeyKind) -> Option<Self> {
        const DER_NULL: &[u8] = &[5, 0];
        let is = |known: alg_id::AlgorithmIdentifier| identifier == known.as_ref();
        let pkcs1 = |known: alg_id::AlgorithmIdentifier| {
            is(known) || known.as_ref().strip_suffix(DER_NULL) == Some(identifier)
        };
        Some(match kind {
            KeyKind::Rsa { .. } if pkcs1(alg_id::RSA_PKCS1_SHA256) => Self::RsaPkcs1Sha256,
            KeyKind::Rsa { .. } if pkcs1(alg_id::RSA_PKCS1_SHA384) => Self::RsaPkcs1Sha384,
            KeyKind::Rsa { .. } if pkcs1(alg_id::RSA_PKCS1_SHA512) => Self::RsaPkcs1Sha512,
            KeyKind::Rsa { .. } if is(alg_id::RSA_PSS_SHA256) => Self::RsaPssSha256,
            KeyKind::Rsa { .. } if is(alg_id::RSA_PSS_SHA384) => Self::RsaPssSha384,
            KeyKind::Rsa { .. } if is(alg_id::RSA_PSS_SHA512) => Self::RsaPssSha512,
            KeyKind::EcP256 if is(alg_id::ECDSA_SHA256) => Self::EcdsaP256Sha256,
            KeyKind::EcP256 if is(alg_id::ECDSA_SHA384) => Self::EcdsaP256Sha384,
            KeyKind::EcP384 if is(alg_id::ECDSA_SHA256) => Self::EcdsaP384Sha256,
            KeyKind::EcP384 if is(alg_id::ECDSA_SHA384) => Self::EcdsaP384Sha384,
            KeyKind::Ed25519 if is(alg_id::ED25519) => Self::Ed25519,
            _ => return None,
        })
    }
}

/// A certificate's subjectPublicKeyInfo (RFC 5280 4.1.2.7).
#[derive(Debug, Clone, Copy)]
pub struct PublicKey<'a> {
    kind: KeyKind,
    subject_public_key: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// The public key of a certificate in DER. The certificate is parsed, not verified.
    pub fn of_certificate(der: &'a [u8]) -> Result<Self, Error> {
        Ok(Certificate::parse(der)?.public_key)
    }

    /// A key from the content of a SubjectPublicKeyInfo SEQUENCE.
    pub(crate) fn of_info(content: &'a [u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(content)?;
        let algorithm = <&SequenceRef>::decode(&mut reader)?;
        let key = BitStringRef::decode(&mut reader)?;
        reader.finish()?;
        let subject_public_key = key.as_bytes().ok_or(der::Tag::BitString.value_error())?;
        let is = |known: alg_id::AlgorithmIdentifier| algorithm.as_bytes() == known.as_ref();
        let kind = if is(alg_id::RSA_ENCRYPTION) {
            KeyKind::Rsa {
                bits: rsa_bits(subject_public_key)?,
            }
        } else if is(alg_id::ECDSA_P256) {
            KeyKind::EcP256
        } else if is(alg_id::ECDSA_P384) {
            KeyKind::EcP384
        } else if is(alg_id::ED25519) {
            KeyKind::Ed25519
        } else {
            KeyKind::Other
        };
        Ok(Self {
            kind,
            subject_public_key,
        })
    }

    /// What kind of key it is.
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The content of the subjectPublicKey BIT STRING: an RSAPublicKey in DER, an uncompressed point, or
    /// an Ed25519 key. Equal to a private key's public half exactly if the two are a pair.
    pub const fn subject_public_key(&self) -> &'a [u8] {
        self.subject_public_key
    }

    /// Checks that `signature` over `message` was made with this key's private half.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        self.usable()?;
        let implementation = algorithm
            .for_key(self.kind)
            .ok_or(Error::UnsupportedSignatureAlgorithm)?;
        algorithms::UnparsedPublicKey::new(implementation, self.subject_public_key)
            .verify(message, signature)
            .map_err(|_| Error::BadSignature)
    }

    /// Checks that this key signed `certificate` (RFC 5280 6.1.3 (a)(1)).
    pub(crate) fn verify_certificate(&self, certificate: &Certificate<'_>) -> Result<(), Error> {
        self.usable()?;
        let algorithm =
            SignatureAlgorithm::of_identifier(certificate.signature_algorithm, self.kind)
                .ok_or(Error::UnsupportedSignatureAlgorithm)?;
        self.verify(algorithm, certificate.tbs, certificate.signature)
    }

    /// Refuses keys that no supported algorithm can use.
    pub(crate) const fn usable(&self) -> Result<(), Error> {
        match self.kind {
            KeyKind::Rsa { bits } => {
                // CA/Browser Forum BR 6.1.5: the modulus size is divisible by 8.
                if bits < MIN_RSA_BITS || bits > MAX_RSA_BITS || !bits.is_multiple_of(8) {
                    return Err(Error::UnsupportedKey);
                }
                Ok(())
            }
            KeyKind::EcP256 | KeyKind::EcP384 | KeyKind::Ed25519 => Ok(()),
            KeyKind::Other => Err(Error::UnsupportedKey),
        }
    }
}

/// The size of the modulus in an RSAPublicKey (RFC 8017 A.1.1).
fn rsa_bits(public_key: &[u8]) -> der::Result<u32> {
    let mut reader = SliceReader::new(public_key)?;
    let bits = reader.sequence(|reader| -> der::Result<u32> {
        let modulus = UintRef::decode(reader)?;
        UintRef::decode(reader)?; // publicExponent
        let octets = modulus.as_bytes();
        // A certificate's length bounds the product.
        let leading = octets.first().map_or(0, |octet| octet.leading_zeros());
        Ok(octets.len() as u32 * 8 - leading)
    })?;
    reader.finish()?;
    Ok(bits)
}
