use crate::{
    conformance::Rule,
    dates::{Day, Span},
    revocation::{Reason, Unknown},
    signature::{KeyKind, Named},
};
use core::fmt;
use der::asn1::ObjectIdentifier;

/// Why a certificate, a chain or a signature was refused. All of these are the peer's doing, or its
/// issuers', or say that the local roots do not know them; times are in seconds of the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Error {
    /// The peer sent no certificate.
    NoCertificate,
    /// The octets are not a certificate in DER (RFC 5280 4.1), or a field breaks its profile.
    Malformed,
    /// A certificate is longer than [`MAX_CERTIFICATE_LEN`](crate::limits::MAX_CERTIFICATE_LEN).
    CertificateTooLong,
    /// The chain has more certificates than [`MAX_POOL`](crate::limits::MAX_POOL).
    TooManyCertificates,
    /// Not a version 3 certificate (RFC 5280 4.1.2.1).
    UnsupportedVersion,
    /// The serial number is zero, negative or too long (RFC 5280 4.1.2.2).
    InvalidSerialNumber,
    /// The algorithm named outside the signed part differs from the one inside (RFC 5280 4.1.1.2).
    SignatureAlgorithmMismatch,
    /// The same extension occurs twice (RFC 5280 4.2).
    DuplicateExtension,
    /// An extension that must be understood is not (RFC 5280 4.2).
    UnsupportedCriticalExtension,
    /// The subjectAltName extension does not parse (RFC 5280 4.2.1.6).
    InvalidSubjectAltName,
    /// The nameConstraints extension does not parse or sets bounds that are not defined
    /// (RFC 5280 4.2.1.10).
    InvalidNameConstraints,

    /// The certificate's time has passed (RFC 5280 4.1.2.5).
    Expired {
        /// Last second of the certificate's validity.
        not_after: u64,
        /// The time of the verdict.
        now: u64,
    },
    /// The certificate's time has not come (RFC 5280 4.1.2.5).
    NotYetValid {
        /// First second of the certificate's validity.
        not_before: u64,
        /// The time of the verdict.
        now: u64,
    },

    /// No path leads to a trusted root.
    UnknownIssuer,
    /// A signature does not verify under the issuer's key.
    BadSignature,
    /// The signature algorithm is not supported.
    UnsupportedSignatureAlgorithm(ObjectIdentifier),
    /// The signature algorithm is for another kind of key than the one that is to have signed.
    AlgorithmDoesNotFitKey,
    /// The public key is of a kind or size that is not supported (RSA needs 2048 to 8192 bits).
    UnsupportedKey(KeyKind),
    /// The issuer is not a CA (RFC 5280 4.2.1.9).
    IssuerNotCa,
    /// More CAs follow than a CA's pathLenConstraint allows (RFC 5280 4.2.1.9).
    PathLenExceeded,
    /// keyUsage does not allow what the key was used for (RFC 5280 4.2.1.3).
    KeyUsageNotAllowed,
    /// extKeyUsage, the certificate's or a CA's above it, excludes the purpose (RFC 5280 4.2.1.12).
    ExtendedKeyUsageNotAllowed,
    /// A name lies outside what a CA above it may vouch for (RFC 5280 4.2.1.10).
    NameConstraintViolation,
    /// A policy extension does not parse, or says what it must not (RFC 5280 4.2.1.4, 4.2.1.5, 4.2.1.11).
    InvalidPolicies,
    /// A certificate policy is required, and the path is valid for none that is accepted
    /// (RFC 5280 6.1.3 (f), 6.1.5 (g)).
    NoValidPolicy,
    /// Every path has more CAs than [`Inputs::max_intermediates`](crate::Inputs::max_intermediates) allows.
    PathTooLong,
    /// A certificate breaks a rule of the profile that the root is trusted under.
    Nonconforming(Rule),
    /// The search for a path used up [`MAX_SIGNATURE_CHECKS`](crate::limits::MAX_SIGNATURE_CHECKS),
    /// [`MAX_SEARCH_STEPS`](crate::limits::MAX_SEARCH_STEPS) or
    /// [`MAX_NAME_COMPARISONS`](crate::limits::MAX_NAME_COMPARISONS).
    BudgetExceeded,

    /// A CA says that it revoked a certificate (RFC 5280 6.3, RFC 6960 2.2).
    Revoked {
        /// When, in seconds of the Unix epoch.
        at: u64,
        /// Why.
        reason: Reason,
    },
    /// Nothing that was given says whether a certificate was revoked, and the caller wants to know.
    RevocationUnknown(Unknown),

    /// The certificate is for other names than the one asked for (RFC 9525 6).
    NameMismatch,
}

impl Error {
    /// A stable name, for logs and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCertificate => "no_certificate",
            Self::Malformed => "malformed",
            Self::CertificateTooLong => "certificate_too_long",
            Self::TooManyCertificates => "too_many_certificates",
            Self::UnsupportedVersion => "unsupported_version",
            Self::InvalidSerialNumber => "invalid_serial_number",
            Self::SignatureAlgorithmMismatch => "signature_algorithm_mismatch",
            Self::DuplicateExtension => "duplicate_extension",
            Self::UnsupportedCriticalExtension => "unsupported_critical_extension",
            Self::InvalidSubjectAltName => "invalid_subject_alt_name",
            Self::InvalidNameConstraints => "invalid_name_constraints",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::UnknownIssuer => "unknown_issuer",
            Self::BadSignature => "bad_signature",
            Self::UnsupportedSignatureAlgorithm(_) => "unsupported_signature_algorithm",
            Self::AlgorithmDoesNotFitKey => "algorithm_does_not_fit_key",
            Self::UnsupportedKey(_) => "unsupported_key",
            Self::IssuerNotCa => "issuer_not_ca",
            Self::PathLenExceeded => "path_len_exceeded",
            Self::KeyUsageNotAllowed => "key_usage_not_allowed",
            Self::ExtendedKeyUsageNotAllowed => "extended_key_usage_not_allowed",
            Self::NameConstraintViolation => "name_constraint_violation",
            Self::InvalidPolicies => "invalid_policies",
            Self::NoValidPolicy => "no_valid_policy",
            Self::PathTooLong => "path_too_long",
            Self::Nonconforming(_) => "nonconforming",
            Self::BudgetExceeded => "budget_exceeded",
            Self::Revoked { .. } => "revoked",
            Self::RevocationUnknown(_) => "revocation_unknown",
            Self::NameMismatch => "name_mismatch",
        }
    }

    /// What it says to a person.
    const fn text(self) -> &'static str {
        match self {
            Self::NoCertificate => "the peer sent no certificate",
            Self::Malformed => "a certificate is malformed",
            Self::CertificateTooLong => "a certificate is too long",
            Self::TooManyCertificates => "the chain has too many certificates",
            Self::UnsupportedVersion => "a certificate is not of X.509 version 3",
            Self::InvalidSerialNumber => {
                "a serial number is not a positive integer of at most 20 octets"
            }
            Self::SignatureAlgorithmMismatch => {
                "a certificate names two different signature algorithms"
            }
            Self::DuplicateExtension => "a certificate has the same extension twice",
            Self::UnsupportedCriticalExtension => {
                "a certificate has a critical extension that is not understood"
            }
            Self::InvalidSubjectAltName => "the subjectAltName extension is malformed",
            Self::InvalidNameConstraints => "a nameConstraints extension is malformed",
            Self::Expired { .. } => "certificate expired",
            Self::NotYetValid { .. } => "certificate not valid yet",
            Self::UnknownIssuer => "no path leads from the certificate to a trusted root",
            Self::BadSignature => "a signature does not verify",
            Self::UnsupportedSignatureAlgorithm(_) => "a signature algorithm is not supported",
            Self::AlgorithmDoesNotFitKey => "a signature algorithm does not fit the key",
            Self::UnsupportedKey(_) => "a public key is of an unsupported kind or size",
            Self::IssuerNotCa => "an issuer is not a CA",
            Self::PathLenExceeded => "a CA's path length constraint is exceeded",
            Self::KeyUsageNotAllowed => "keyUsage does not allow what a key was used for",
            Self::ExtendedKeyUsageNotAllowed => "extKeyUsage does not allow this purpose",
            Self::NameConstraintViolation => "a name lies outside a CA's name constraints",
            Self::InvalidPolicies => "a policy extension is malformed",
            Self::NoValidPolicy => "no acceptable certificate policy holds for the path",
            Self::PathTooLong => "the path to a trusted root has too many CAs",
            Self::Nonconforming(_) => "a certificate is not made as it must be",
            Self::Revoked { .. } => "certificate revoked",
            Self::RevocationUnknown(_) => "it is not known whether a certificate was revoked",
            Self::BudgetExceeded => "the search for a path to a trusted root took too much work",
            Self::NameMismatch => "the certificate is not for the name asked for",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())?;
        match *self {
            Self::Expired { not_after, now } => {
                let ago = Span(now.saturating_sub(not_after));
                write!(f, " {ago} ago (notAfter {})", Day(not_after))
            }
            Self::NotYetValid { not_before, now } => {
                let ahead = Span(not_before.saturating_sub(now));
                write!(f, ", it starts in {ahead} (notBefore {})", Day(not_before))
            }
            Self::UnsupportedSignatureAlgorithm(algorithm) => write!(f, ": {}", Named(algorithm)),
            Self::UnsupportedKey(kind) => write!(f, ": {kind}"),
            Self::Nonconforming(rule) => write!(f, ": {rule}"),
            Self::Revoked { at, reason } => write!(f, " on {}: {reason}", Day(at)),
            Self::RevocationUnknown(unknown) => write!(f, ": {unknown}"),
            _ => Ok(()),
        }
    }
}

impl core::error::Error for Error {}
