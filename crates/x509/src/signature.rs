//! Public keys and signatures. The only file that names ring.

use crate::{
    Error,
    asn1::{
        Read, bit_string, check_algorithm_identifier, integer, oid, only_sequence, sequence, whole,
    },
    certificate::{Certificate, Signed},
    inputs::KeyUsage,
    limits::{MAX_RSA_BITS, MIN_RSA_BITS},
    oids,
    section6::key_usage,
};
use core::fmt;
use der::asn1::ObjectIdentifier;
use netkit_core::{NotDer, Reader};
use ring::{digest, signature as algorithms};
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
    /// ECDSA on P-521, with the feature `p521`; without it such a key is one of the others.
    EcP521,
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// Any other, by its algorithm, or by its curve: parsed, but good for nothing here.
    Other(ObjectIdentifier),
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA of {bits} bits"),
            Self::EcP256 => f.write_str("ECDSA on P-256"),
            Self::EcP384 => f.write_str("ECDSA on P-384"),
            Self::EcP521 => f.write_str("ECDSA on P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other(algorithm) => Named(*algorithm).fmt(f),
        }
    }
}

/// An algorithm by its name, or else by its number.
pub(crate) struct Named(pub(crate) ObjectIdentifier);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match oids::algorithm_name(self.0.as_bytes()) {
            Some(name) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
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
    /// ECDSA on P-521 with SHA-256, with the feature `p521`.
    EcdsaP521Sha256,
    /// ECDSA on P-521 with SHA-384, as above.
    EcdsaP521Sha384,
    /// ECDSA on P-521 with SHA-512, as above.
    EcdsaP521Sha512,
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

    /// The hash of an algorithm that ring does not have, on P-521.
    #[cfg(feature = "p521")]
    fn hash_on_p521(self) -> Option<&'static digest::Algorithm> {
        Some(match self {
            Self::EcdsaP521Sha256 => &digest::SHA256,
            Self::EcdsaP521Sha384 => &digest::SHA384,
            Self::EcdsaP521Sha512 => &digest::SHA512,
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
            KeyKind::EcP521 if is(alg_id::ECDSA_SHA256) => Self::EcdsaP521Sha256,
            KeyKind::EcP521 if is(alg_id::ECDSA_SHA384) => Self::EcdsaP521Sha384,
            KeyKind::EcP521 if is(alg_id::ECDSA_SHA512) => Self::EcdsaP521Sha512,
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

/// The public key of a certificate in DER, if its keyUsage allows this use or is absent (RFC 5280 4.2.1.3).
/// The certificate is parsed, not verified.
pub fn key_for(certificate: &[u8], usage: KeyUsage) -> Result<PublicKey<'_>, Error> {
    let certificate = Certificate::parse(certificate)?;
    key_usage(&certificate.extensions, Some(usage))?;
    Ok(certificate.public_key)
}

impl<'a> PublicKey<'a> {
    /// The public key of a certificate in DER. The certificate is parsed, not verified.
    pub fn of_certificate(der: &'a [u8]) -> Result<Self, Error> {
        Ok(Certificate::parse(der)?.public_key)
    }

    /// A key from the content of a SubjectPublicKeyInfo SEQUENCE.
    pub(crate) fn of_info(content: &'a [u8]) -> Read<Self> {
        let (algorithm, subject_public_key) = whole(content, |reader| {
            Ok((sequence(reader)?, bit_string(reader)?))
        })?;
        let is = |known: alg_id::AlgorithmIdentifier| algorithm == known.as_ref();
        let kind = if is(alg_id::RSA_ENCRYPTION) {
            KeyKind::Rsa {
                bits: rsa_bits(subject_public_key)?,
            }
        } else if is(alg_id::ECDSA_P256) {
            KeyKind::EcP256
        } else if is(alg_id::ECDSA_P384) {
            KeyKind::EcP384
        } else if cfg!(feature = "p521") && is(alg_id::ECDSA_P521) {
            KeyKind::EcP521
        } else if is(alg_id::ED25519) {
            KeyKind::Ed25519
        } else {
            KeyKind::Other(other_key(algorithm)?)
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
        #[cfg(feature = "p521")]
        if let (Some(hash), KeyKind::EcP521) = (algorithm.hash_on_p521(), self.kind) {
            let hash = digest::digest(hash, message);
            return crate::p521::verify(self.subject_public_key, hash.as_ref(), signature);
        }
        let implementation = algorithm
            .for_key(self.kind)
            .ok_or(Error::AlgorithmDoesNotFitKey)?;
        algorithms::UnparsedPublicKey::new(implementation, self.subject_public_key)
            .verify(message, signature)
            .map_err(|_| Error::BadSignature)
    }

    /// Checks that this key signed a certificate (RFC 5280 6.1.3 (a)(1)), a CRL or an OCSP response.
    pub(crate) fn verify_signed(&self, signed: &Signed<'_>) -> Result<(), Error> {
        self.usable()?;
        let algorithm = SignatureAlgorithm::of_identifier(signed.algorithm, self.kind)
            .ok_or_else(|| unsupported(signed.algorithm))?;
        self.verify(algorithm, signed.tbs, signed.signature)
    }

    /// Refuses keys that no supported algorithm can use.
    pub(crate) const fn usable(&self) -> Result<(), Error> {
        // CA/Browser Forum BR 6.1.5: the modulus size is divisible by 8.
        match self.kind {
            KeyKind::Rsa { bits }
                if bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS && bits.is_multiple_of(8) =>
            {
                Ok(())
            }
            KeyKind::EcP256 | KeyKind::EcP384 | KeyKind::EcP521 | KeyKind::Ed25519 => Ok(()),
            KeyKind::Rsa { .. } | KeyKind::Other(_) => Err(Error::UnsupportedKey(self.kind)),
        }
    }
}

/// Why an AlgorithmIdentifier (the content of its SEQUENCE) is of no use: it is not known, or it is not for
/// this kind of key.
fn unsupported(identifier: &[u8]) -> Error {
    use KeyKind::{EcP256, EcP384, EcP521, Ed25519, Rsa};
    let known = |kind| SignatureAlgorithm::of_identifier(identifier, kind).is_some();
    let built_in = [Rsa { bits: 0 }, EcP256, EcP384, Ed25519];
    if built_in.into_iter().any(known) || cfg!(feature = "p521") && known(EcP521) {
        return Error::AlgorithmDoesNotFitKey;
    }
    match algorithm_oid(identifier) {
        Ok(algorithm) => Error::UnsupportedSignatureAlgorithm(algorithm),
        Err(NotDer) => Error::Malformed,
    }
}

/// The algorithm of an AlgorithmIdentifier, given the content of its SEQUENCE.
fn algorithm_oid(identifier: &[u8]) -> Read<ObjectIdentifier> {
    let oid = oid(&mut Reader::new(identifier))?;
    ObjectIdentifier::from_bytes(oid).map_err(|_| NotDer)
}

/// What to call a key that is of no use: by its curve if it has a named one, or else by its algorithm.
fn other_key(identifier: &[u8]) -> Read<ObjectIdentifier> {
    check_algorithm_identifier(identifier)?;
    let mut reader = Reader::new(identifier);
    let algorithm = oid(&mut reader)?;
    let curve = (algorithm == oids::EC_PUBLIC_KEY)
        .then(|| oid(&mut reader).ok())
        .flatten();
    ObjectIdentifier::from_bytes(curve.unwrap_or(algorithm)).map_err(|_| NotDer)
}

/// The hash of an AlgorithmIdentifier (the content of its SEQUENCE) over `octets`. For finding things: SHA-1
/// is among them.
pub(crate) fn hash(identifier: &[u8], octets: &[u8]) -> Option<digest::Digest> {
    let algorithm = match oid(&mut Reader::new(identifier)).ok()? {
        oids::SHA1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        oids::SHA256 => &digest::SHA256,
        oids::SHA384 => &digest::SHA384,
        oids::SHA512 => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(algorithm, octets))
}

/// RFC 6960 4.2.1: KeyHash is the SHA-1 of a responder's key.
pub(crate) fn key_hash(key: &PublicKey<'_>) -> digest::Digest {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, key.subject_public_key)
}

/// The size of the modulus in an RSAPublicKey (RFC 8017 A.1.1).
fn rsa_bits(public_key: &[u8]) -> Read<u32> {
    let (modulus, exponent) = whole(only_sequence(public_key)?, |reader| {
        Ok((integer(reader)?, integer(reader)?))
    })?;
    let negative = |integer: &[u8]| integer.first().is_some_and(|octet| octet & 0x80 != 0);
    if negative(modulus) || negative(exponent) {
        return Err(NotDer);
    }
    let octets = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    // A certificate's length bounds the product.
    let leading = octets.first().map_or(0, |octet| octet.leading_zeros());
    Ok(octets.len() as u32 * 8 - leading)
}
