use crate::{codepoints::SignatureScheme, crypto::sign::SigningKey, error::Error};
use alloc::vec::Vec;
use netkit_x509::PublicKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate chain with the private key of its first certificate: who a server is.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: SigningKey,
}

impl Identity {
    /// Takes a chain, the end entity's certificate first, and its private key in PKCS#8, SEC1 or
    /// PKCS#1: RSA of 2048 to 4096 bits, ECDSA on P-256 or P-384, or Ed25519.
    ///
    /// # Errors
    /// [`Error::MisuseCertificate`], [`Error::MisuseKey`], or [`Error::MisuseKeyMismatch`] if the
    /// key belongs to another certificate.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<Self, Error> {
        let end_entity = chain
            .first()
            .ok_or(Error::MisuseCertificate(netkit_x509::Error::NoCertificate))?;
        let public = PublicKey::of_certificate(end_entity).map_err(Error::MisuseCertificate)?;
        let key = SigningKey::new(key)?;
        if public.subject_public_key() != key.public() {
            return Err(Error::MisuseKeyMismatch);
        }
        Ok(Self { chain, key })
    }

    /// The certificates, the end entity's first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The schemes that the key can sign with, best first.
    pub fn schemes(&self) -> &'static [SignatureScheme] {
        self.key.schemes()
    }

    pub(crate) fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.key.sign(scheme, message)
    }
}
