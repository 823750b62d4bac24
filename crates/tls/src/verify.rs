//! Judging a peer: its certificates, and its proof that it holds their key.

use crate::{
    codepoints::{AlertDescription, CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme},
    error::Error,
    identity::curve_of,
    suites::KeyExchange,
};
use alloc::vec::Vec;
use netkit_x509::{
    Identity, Inputs, KeyKind, KeyUsage, Revocation, Roots, SignatureAlgorithm, key_for,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// What a peer showed to prove who it is.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Presented<'a> {
    /// Its certificates: not empty, its own first, the rest in no particular order.
    pub chain: &'a [CertificateDer<'static>],
    /// An OCSP response in DER about the first (RFC 6066 8), if one was stapled.
    pub ocsp_response: Option<&'a [u8]>,
    /// A SignedCertificateTimestampList about the first (RFC 6962 3.3), if one came along.
    pub sct_list: Option<&'a [u8]>,
    /// What the first certificate's key is used for: keyEncipherment in RSA key transport,
    /// digitalSignature everywhere else.
    pub key_usage: KeyUsage,
}

/// Decides whether a server's certificates prove the name that the client asked for.
///
/// [`Roots`] is the one to use. Whatever it decides, the server's signature of the handshake under
/// the first certificate's key is checked as well.
pub trait ServerVerifier: Send + Sync {
    /// `Ok` to go on.
    fn verify(
        &self,
        presented: &Presented<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), netkit_x509::Error>;
}

impl ServerVerifier for Roots {
    fn verify(
        &self,
        presented: &Presented<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), netkit_x509::Error> {
        let stapled: Vec<&[u8]> = presented.ocsp_response.into_iter().collect();
        let mut inputs = Inputs::server(now);
        inputs.key_usage = Some(presented.key_usage);
        inputs.revocation = Some(Revocation::stapled(&stapled));
        self.verify(presented.chain, &inputs)?
            .is_for(&Identity::Server(name))
    }
}

/// Decides whether a client's certificates are good. Whose they are is for the application to read.
///
/// [`Roots`] is the one to use. Whatever it decides, the client's signature of the handshake under
/// the first certificate's key is checked as well.
pub trait ClientVerifier: Send + Sync {
    /// `Ok` to go on.
    fn verify(&self, presented: &Presented<'_>, now: UnixTime) -> Result<(), netkit_x509::Error>;
}

impl ClientVerifier for Roots {
    fn verify(&self, presented: &Presented<'_>, now: UnixTime) -> Result<(), netkit_x509::Error> {
        self.verify_client(presented.chain, now)
    }
}

/// Accepts every certificate. **Whoever stands on the wire can then read and change everything**:
/// for tests and for looking at broken servers, never for data that matters.
#[derive(Debug, Clone, Copy)]
pub struct DangerousAcceptAny;

impl ServerVerifier for DangerousAcceptAny {
    fn verify(
        &self,
        _: &Presented<'_>,
        _: &ServerName<'_>,
        _: UnixTime,
    ) -> Result<(), netkit_x509::Error> {
        Ok(())
    }
}

impl ClientVerifier for DangerousAcceptAny {
    fn verify(&self, _: &Presented<'_>, _: UnixTime) -> Result<(), netkit_x509::Error> {
        Ok(())
    }
}

/// What a flow waits for while a peer's certificates are judged.
pub(crate) enum Judge<'a> {
    /// Of a server: by whom, unless the owner decides, and for which name.
    Server(Option<&'a dyn ServerVerifier>, &'a ServerName<'static>),
    /// Of a client: by whom, unless the owner decides.
    Client(Option<&'a dyn ClientVerifier>),
}

impl Judge<'_> {
    /// The verdict, unless it is the owner's.
    pub(crate) fn verdict(
        &self,
        presented: &Presented<'_>,
        now: UnixTime,
    ) -> Option<Result<(), netkit_x509::Error>> {
        match self {
            Self::Server(verifier, name) => {
                verifier.map(|verifier| verifier.verify(presented, name, now))
            }
            Self::Client(verifier) => verifier.map(|verifier| verifier.verify(presented, now)),
        }
    }
}

/// Checks that the key of a server's certificate is for its suite of TLS 1.2 (RFC 5246 7.4.2), may be used
/// as it does (RFC 5280 4.2.1.3), and is on one of the `groups` that we offered (RFC 8422 5.3).
pub(crate) fn check_key(
    certificate: &CertificateDer<'_>,
    suite: CipherSuite,
    groups: &[NamedGroup],
) -> Result<(), Error> {
    use {KeyExchange as E, KeyKind as K};
    let usage = match suite.key_exchange() {
        E::Rsa => KeyUsage::KeyEncipherment,
        E::EcdheRsa | E::EcdheEcdsa | E::Tls13 => KeyUsage::DigitalSignature,
    };
    let kind = key_for(certificate, usage)
        .map_err(Error::PeerCertificate)?
        .kind();
    match (suite.key_exchange(), kind) {
        (E::Rsa, K::Other(_)) => {
            return Err(Error::PeerCertificate(netkit_x509::Error::UnsupportedKey(
                kind,
            )));
        }
        // The scheme that it signs with may have been offered or not.
        (E::EcdheRsa | E::EcdheEcdsa, K::Other(_))
        | (E::Rsa | E::EcdheRsa, K::Rsa { .. })
        | (E::EcdheEcdsa, K::EcP256 | K::EcP384 | K::EcP521 | K::Ed25519) => {}
        _ => {
            return Err(Error::PeerIllegalParameter(
                "a certificate whose key is not its suite's",
            ));
        }
    }
    if curve_of(kind).is_some_and(|curve| !groups.contains(&curve)) {
        return Err(Error::PeerIllegalParameter(
            "a certificate on a curve that was not offered",
        ));
    }
    Ok(())
}

/// Checks a signature of the handshake under the certificate's key. In TLS 1.3 the scheme fixes the
/// curve, and PKCS#1 v1.5 has no place (RFC 9846 4.3.3); in TLS 1.2 an ECDSA scheme names the hash
/// alone, and PKCS#1 v1.5 is the rule (RFC 5246 7.4.1.4.1).
pub(crate) fn check_signature(
    version: ProtocolVersion,
    certificate: &CertificateDer<'_>,
    scheme: SignatureScheme,
    content: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    use {SignatureAlgorithm as A, SignatureScheme as S};
    // RFC 9846 4.5.2.2: digitalSignature, whatever the verifier looks at.
    let key = key_for(certificate, KeyUsage::DigitalSignature).map_err(Error::PeerCertificate)?;
    if let kind @ KeyKind::Other(_) = key.kind() {
        let unsupported = netkit_x509::Error::UnsupportedKey(kind);
        return Err(Error::PeerCertificate(unsupported));
    }
    let algorithm = match (scheme, key.kind()) {
        (S::RSA_PSS_RSAE_SHA256, KeyKind::Rsa { .. }) => A::RsaPssSha256,
        (S::RSA_PSS_RSAE_SHA384, KeyKind::Rsa { .. }) => A::RsaPssSha384,
        (S::RSA_PSS_RSAE_SHA512, KeyKind::Rsa { .. }) => A::RsaPssSha512,
        (S::ECDSA_SECP256R1_SHA256, KeyKind::EcP256) => A::EcdsaP256Sha256,
        (S::ECDSA_SECP384R1_SHA384, KeyKind::EcP384) => A::EcdsaP384Sha384,
        (S::ECDSA_SECP521R1_SHA512, KeyKind::EcP521) => A::EcdsaP521Sha512,
        (S::ED25519, KeyKind::Ed25519) => A::Ed25519,
        (scheme, kind) if version == ProtocolVersion::TLS1_2 => tls12_only(scheme, kind)?,
        _ => return Err(UNFIT),
    };
    key.verify(algorithm, content, signature)
        .map_err(|_| Error::PeerBadSignature)
}

/// The algorithm of a scheme that only TLS 1.2 allows with such a key.
fn tls12_only(scheme: SignatureScheme, kind: KeyKind) -> Result<SignatureAlgorithm, Error> {
    use {SignatureAlgorithm as A, SignatureScheme as S};
    Ok(match (scheme, kind) {
        (S::RSA_PKCS1_SHA256, KeyKind::Rsa { .. }) => A::RsaPkcs1Sha256,
        (S::RSA_PKCS1_SHA384, KeyKind::Rsa { .. }) => A::RsaPkcs1Sha384,
        (S::RSA_PKCS1_SHA512, KeyKind::Rsa { .. }) => A::RsaPkcs1Sha512,
        (S::ECDSA_SECP256R1_SHA256, KeyKind::EcP521) => A::EcdsaP521Sha256,
        (S::ECDSA_SECP384R1_SHA384, KeyKind::EcP521) => A::EcdsaP521Sha384,
        (S::ECDSA_SECP256R1_SHA256, KeyKind::EcP384) => A::EcdsaP384Sha256,
        (S::ECDSA_SECP384R1_SHA384, KeyKind::EcP256) => A::EcdsaP256Sha384,
        _ => return Err(UNFIT),
    })
}

const UNFIT: Error =
    Error::PeerIllegalParameter("a signature scheme that does not fit the certificate's key");

/// The alert for a certificate's refusal (RFC 9846 6.2).
pub(crate) const fn alert_for(error: netkit_x509::Error) -> AlertDescription {
    use {AlertDescription as A, netkit_x509::Error as X};
    match error {
        X::Expired { .. } | X::NotYetValid { .. } => A::CERTIFICATE_EXPIRED,
        X::UnknownIssuer | X::PathTooLong | X::BudgetExceeded => A::UNKNOWN_CA,
        X::Revoked { .. } => A::CERTIFICATE_REVOKED,
        X::RevocationUnknown(_) => A::CERTIFICATE_UNKNOWN,
        X::NoCertificate => A::DECODE_ERROR,
        X::UnsupportedVersion
        | X::UnsupportedCriticalExtension
        | X::UnsupportedSignatureAlgorithm(_)
        | X::AlgorithmDoesNotFitKey
        | X::UnsupportedKey(_) => A::UNSUPPORTED_CERTIFICATE,
        X::Malformed
        | X::CertificateTooLong
        | X::TooManyCertificates
        | X::InvalidSerialNumber
        | X::SignatureAlgorithmMismatch
        | X::DuplicateExtension
        | X::InvalidSubjectAltName
        | X::InvalidNameConstraints
        | X::InvalidPolicies
        | X::NoValidPolicy
        | X::Nonconforming(_)
        | X::BadSignature
        | X::IssuerNotCa
        | X::PathLenExceeded
        | X::KeyUsageNotAllowed
        | X::ExtendedKeyUsageNotAllowed
        | X::NameConstraintViolation
        | X::NameMismatch => A::BAD_CERTIFICATE,
    }
}
