use core::fmt;

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
    /// The signature algorithm is not supported, or does not fit the key.
    UnsupportedSignatureAlgorithm,
    /// The public key is of a kind or size that is not supported (RSA needs 2048 to 8192 bits).
    UnsupportedKey,
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
    /// The search for a path used up [`MAX_SIGNATURE_CHECKS`](crate::limits::MAX_SIGNATURE_CHECKS) or
    /// [`MAX_NAME_COMPARISONS`](crate::limits::MAX_NAME_COMPARISONS).
    BudgetExceeded,

    /// The certificate is for other names than the one asked for (RFC 9525 6).
    NameMismatch,
}

impl Error {
    /// A stable identifier of the variant.
    pub const fn name(self) -> &'static str {
        self.words().0
    }

    /// The variant's stable name and what it says to a person.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NoCertificate => ("no_certificate", "the peer sent no certificate"),
            Self::Malformed => ("malformed", "a certificate is malformed"),
            Self::CertificateTooLong => ("certificate_too_long", "a certificate is too long"),
            Self::TooManyCertificates => (
                "too_many_certificates",
                "the chain has too many certificates",
            ),
            Self::UnsupportedVersion => (
                "unsupported_version",
                "a certificate is not of X.509 version 3",
            ),
            Self::InvalidSerialNumber => (
                "invalid_serial_number",
                "a serial number is not a positive integer of at most 20 octets",
            ),
            Self::SignatureAlgorithmMismatch => (
                "signature_algorithm_mismatch",
                "a certificate names two different signature algorithms",
            ),
            Self::DuplicateExtension => (
                "duplicate_extension",
                "a certificate has the same extension twice",
            ),
            Self::UnsupportedCriticalExtension => (
                "unsupported_critical_extension",
                "a certificate has a critical extension that is not understood",
            ),
            Self::InvalidSubjectAltName => (
                "invalid_subject_alt_name",
                "the subjectAltName extension is malformed",
            ),
            Self::InvalidNameConstraints => (
                "invalid_name_constraints",
                "a nameConstraints extension is malformed",
            ),
            Self::Expired { .. } => ("expired", "certificate expired"),
            Self::NotYetValid { .. } => ("not_yet_valid", "certificate not valid yet"),
            Self::UnknownIssuer => (
                "unknown_issuer",
                "no path leads from the certificate to a trusted root",
            ),
            Self::BadSignature => ("bad_signature", "a signature does not verify"),
            Self::UnsupportedSignatureAlgorithm => (
                "unsupported_signature_algorithm",
                "a signature algorithm is not supported or does not fit the key",
            ),
            Self::UnsupportedKey => (
                "unsupported_key",
                "a public key is of an unsupported kind or size",
            ),
            Self::IssuerNotCa => ("issuer_not_ca", "an issuer is not a CA"),
            Self::PathLenExceeded => (
                "path_len_exceeded",
                "a CA's path length constraint is exceeded",
            ),
            Self::KeyUsageNotAllowed => (
                "key_usage_not_allowed",
                "keyUsage does not allow what a key was used for",
            ),
            Self::ExtendedKeyUsageNotAllowed => (
                "extended_key_usage_not_allowed",
                "extKeyUsage does not allow this purpose",
            ),
            Self::NameConstraintViolation => (
                "name_constraint_violation",
                "a name lies outside a CA's name constraints",
            ),
            Self::BudgetExceeded => (
                "budget_exceeded",
                "the search for a path to a trusted root took too much work",
            ),
            Self::NameMismatch => (
                "name_mismatch",
                "the certificate is not for the name asked for",
            ),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words().1)?;
        match *self {
            Self::Expired { not_after, now } => {
                write!(f, " ({not_after} has passed, it is {now})")
            }
            Self::NotYetValid { not_before, now } => {
                write!(f, " ({not_before} is to come, it is {now})")
            }
            _ => Ok(()),
        }
    }
}

impl core::error::Error for Error {}
