//! Object identifiers, as the content of their DER.

macro_rules! oids {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        $($(#[$doc])* pub(crate) const $name: &[u8] =
            const { &ObjectIdentifier::new_unwrap($text) }.as_bytes();)+
    };
}

use der::asn1::ObjectIdentifier;

// RFC 5280 4.2.1, 4.2.2.
oids! {
    ANY_POLICY = "2.5.29.32.0";
    AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";
    ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0";
    AUTHORITY_INFO_ACCESS = "1.3.6.1.5.5.7.1.1";
    SUBJECT_INFO_ACCESS = "1.3.6.1.5.5.7.1.11";
    CA_ISSUERS = "1.3.6.1.5.5.7.48.2";
}

// RFC 5280 4.2.1.12.
oids! {
    SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
    OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";
}

// RFC 5280 5.2, 5.3.
oids! {
    CRL_NUMBER = "2.5.29.20";
    REASON_CODE = "2.5.29.21";
    INVALIDITY_DATE = "2.5.29.24";
    DELTA_CRL_INDICATOR = "2.5.29.27";
    ISSUING_DISTRIBUTION_POINT = "2.5.29.28";
    CERTIFICATE_ISSUER = "2.5.29.29";
}

// RFC 6960 4.2.
oids! {
    BASIC_OCSP_RESPONSE = "1.3.6.1.5.5.7.48.1.1";
}

// Attributes of names (RFC 4519, RFC 2985).
oids! {
    COMMON_NAME = "2.5.4.3";
    EMAIL_ADDRESS = "1.2.840.113549.1.9.1";
}

// Keys whose parameters say more than their algorithm (RFC 5480).
oids! {
    EC_PUBLIC_KEY = "1.2.840.10045.2.1";
}

// Hashes (RFC 3279, RFC 4055).
oids! {
    SHA1 = "1.3.14.3.2.26";
    SHA256 = "2.16.840.1.101.3.4.2.1";
    SHA384 = "2.16.840.1.101.3.4.2.2";
    SHA512 = "2.16.840.1.101.3.4.2.3";
}

/// What algorithms that are refused are called.
pub(crate) fn algorithm_name(oid: &[u8]) -> Option<&'static str> {
    const NAMES: [(&str, &str); 13] = [
        ("1.2.840.113549.1.1.4", "MD5 with RSA"),
        ("1.2.840.113549.1.1.5", "SHA-1 with RSA"),
        ("1.2.840.113549.1.1.10", "RSASSA-PSS with these parameters"),
        ("1.2.840.113549.1.1.14", "SHA-224 with RSA"),
        ("1.2.840.10045.4.1", "SHA-1 with ECDSA"),
        ("1.2.840.10045.4.3.1", "SHA-224 with ECDSA"),
        ("1.2.840.10045.4.3.4", "SHA-512 with ECDSA"),
        ("1.2.840.10040.4.1", "DSA"),
        ("2.16.840.1.101.3.4.3.2", "SHA-256 with DSA"),
        ("1.2.840.10045.3.1.1", "ECDSA on P-192"),
        ("1.3.132.0.33", "ECDSA on P-224"),
        ("1.3.132.0.35", "ECDSA on P-521"),
        ("1.3.101.113", "Ed448"),
    ];
    NAMES
        .iter()
        .find(|(text, _)| ObjectIdentifier::new_unwrap(text).as_bytes() == oid)
        .map(|(_, name)| *name)
}
