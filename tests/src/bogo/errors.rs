//! BoringSSL's words for our errors: the one table.

use netkit::tls::{Error, Malformed};

/// The name of our error, a part of what it says in detail (or nothing, for any), and what BoringSSL's error
/// queue holds then.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "peer_not_tls",
        "the client speaks plain HTTP",
        "HTTP_REQUEST",
    ),
    ("peer_not_tls", "CONNECT", "HTTPS_PROXY_REQUEST"),
    ("peer_not_tls", "", "WRONG_VERSION_NUMBER"),
    ("peer_decode", "an alert is not two octets", "BAD_ALERT"),
    (
        "peer_decode",
        "an empty certificate_authorities",
        "ERROR_PARSING_EXTENSION",
    ),
    ("peer_decode", "an empty protocol name", "PARSE_TLSEXT"),
    (
        "peer_decode",
        "legacy_session_id over 32",
        "CLIENTHELLO_PARSE_FAILED",
    ),
    (
        "peer_decode",
        "a ChangeCipherSpec",
        "BAD_CHANGE_CIPHER_SPEC",
    ),
    (
        "peer_decode",
        "the peer's ClientHello",
        "CLIENTHELLO_PARSE_FAILED",
    ),
    (
        "peer_decode",
        "the peer's extension key_share",
        "DECODE_ERROR",
    ),
    (
        "peer_decode",
        "the peer's extension",
        "ERROR_PARSING_EXTENSION",
    ),
    ("peer_decode", "", "DECODE_ERROR"),
    (
        "peer_illegal_parameter",
        "a certificate compression algorithm stands twice",
        "ERROR_PARSING_EXTENSION",
    ),
    (
        "peer_illegal_parameter",
        "a certificate compression algorithm that was not offered",
        "UNKNOWN_CERT_COMPRESSION_ALG",
    ),
    (
        "peer_illegal_parameter",
        "a cipher suite that was not offered",
        "WRONG_CIPHER_RETURNED",
    ),
    (
        "peer_illegal_parameter",
        "a group that was not offered",
        "WRONG_CURVE",
    ),
    (
        "peer_illegal_parameter",
        "a key share for a group not asked for",
        "WRONG_CURVE",
    ),
    (
        "peer_illegal_parameter",
        "a pre-shared key for another hash",
        "OLD_SESSION_PRF_HASH_MISMATCH",
    ),
    (
        "peer_illegal_parameter",
        "a pre-shared key that was not offered",
        "PSK_IDENTITY_NOT_FOUND",
    ),
    (
        "peer_illegal_parameter",
        "a protocol that was not offered",
        "INVALID_ALPN_PROTOCOL",
    ),
    (
        "peer_illegal_parameter",
        "a retry asks for the share",
        "WRONG_CURVE",
    ),
    (
        "peer_illegal_parameter",
        "a retry for a group not offered",
        "WRONG_CURVE",
    ),
    (
        "peer_illegal_parameter",
        "a retry that would change nothing",
        "EMPTY_HELLO_RETRY_REQUEST",
    ),
    (
        "peer_illegal_parameter",
        "a session that there has not been",
        "SERVER_ECHOED_INVALID_SESSION_ID",
    ),
    (
        "peer_illegal_parameter",
        "a signature scheme",
        "WRONG_SIGNATURE_TYPE",
    ),
    (
        "peer_illegal_parameter",
        "a certificate on a curve that was not offered",
        "BAD_ECC_CERT",
    ),
    (
        "peer_illegal_parameter",
        "a certificate whose key is not its suite's",
        "WRONG_CERTIFICATE_TYPE",
    ),
    (
        "peer_illegal_parameter",
        "the version changed after a retry",
        "SECOND_SERVERHELLO_VERSION_MISMATCH",
    ),
    (
        "peer_illegal_parameter",
        "a version that was not offered",
        "UNSUPPORTED_PROTOCOL",
    ),
    (
        "peer_illegal_parameter",
        "an extension that has no place in a ServerHello",
        "UNEXPECTED_EXTENSION",
    ),
    (
        "peer_illegal_parameter",
        "an extension that has no place",
        "ERROR_PARSING_EXTENSION",
    ),
    (
        "peer_illegal_parameter",
        "an extension stands twice",
        "DUPLICATE_EXTENSION",
    ),
    (
        "peer_illegal_parameter",
        "another cipher suite than the session's",
        "OLD_SESSION_CIPHER_NOT_RETURNED",
    ),
    (
        "peer_illegal_parameter",
        "legacy_version is not",
        "UNSUPPORTED_PROTOCOL",
    ),
    (
        "peer_illegal_parameter",
        "legacy_compression_method is not",
        "DECODE_ERROR",
    ),
    (
        "peer_illegal_parameter",
        "compression_method is not",
        "UNSUPPORTED_COMPRESSION_ALGORITHM",
    ),
    (
        "peer_illegal_parameter",
        "compression_methods",
        "INVALID_COMPRESSION_LIST",
    ),
    (
        "peer_illegal_parameter",
        "early data is taken with another protocol",
        "ALPN_MISMATCH_ON_EARLY_DATA",
    ),
    (
        "peer_illegal_parameter",
        "early data is taken with another suite",
        "CIPHER_MISMATCH_ON_EARLY_DATA",
    ),
    (
        "peer_illegal_parameter",
        "ec_point_formats",
        "ERROR_PARSING_EXTENSION",
    ),
    (
        "peer_illegal_parameter",
        "key_exchange is no point",
        "BAD_ECPOINT",
    ),
    (
        "peer_illegal_parameter",
        "not one binder for each",
        "PSK_IDENTITY_BINDER_COUNT_MISMATCH",
    ),
    (
        "peer_illegal_parameter",
        "pre_shared_key is not the last",
        "PRE_SHARED_KEY_MUST_BE_LAST",
    ),
    (
        "peer_illegal_parameter",
        "the suite changed after a retry",
        "WRONG_CIPHER_RETURNED",
    ),
    (
        "peer_illegal_parameter",
        "TLS 1.2 after early data",
        "WRONG_VERSION_ON_EARLY_DATA",
    ),
    (
        "peer_illegal_parameter",
        "two key shares for one group",
        "DUPLICATE_KEY_SHARE",
    ),
    ("peer_illegal_parameter", "", "DECODE_ERROR"),
    (
        "peer_unexpected_message",
        "Finished in state WAIT_CCS",
        "UNEXPECTED_RECORD",
    ),
    ("peer_unexpected_message", "", "UNEXPECTED_MESSAGE"),
    (
        "peer_unexpected_record",
        "of type handshake",
        "INVALID_OUTER_RECORD_TYPE",
    ),
    (
        "peer_unexpected_record",
        "0x00",
        "DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
    ),
    ("peer_unexpected_record", "", "UNEXPECTED_RECORD"),
    ("peer_misaligned_message", "", "EXCESS_HANDSHAKE_DATA"),
    ("peer_record_overflow", "", "DATA_LENGTH_TOO_LONG"),
    (
        "peer_bad_record_mac",
        "",
        "BAD_DECRYPT:DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
    ),
    ("peer_too_many", "empty records", "TOO_MANY_EMPTY_FRAGMENTS"),
    (
        "peer_too_many",
        "ChangeCipherSpec",
        "TOO_MANY_EMPTY_FRAGMENTS",
    ),
    ("peer_too_many", "KeyUpdate", "TOO_MANY_KEY_UPDATES"),
    (
        "peer_too_many",
        "uncompressed",
        "UNCOMPRESSED_CERT_TOO_LARGE",
    ),
    ("peer_too_many", "warnings", "TOO_MANY_WARNING_ALERTS"),
    ("peer_too_many", "early data", "TOO_MUCH_READ_EARLY_DATA"),
    (
        "peer_too_many",
        "octets in one handshake message",
        "EXCESSIVE_MESSAGE_SIZE",
    ),
    ("peer_too_many", "", "TOO_MANY"),
    ("peer_no_common_version", "", "UNSUPPORTED_PROTOCOL"),
    ("peer_downgrade", "", "TLS13_DOWNGRADE"),
    ("peer_inappropriate_fallback", "", "INAPPROPRIATE_FALLBACK"),
    (
        "peer_unprotected",
        "extended_master_secret",
        "RESUMED_EMS_SESSION_WITHOUT_EMS_EXTENSION",
    ),
    (
        "peer_unprotected",
        "",
        "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
    ),
    ("peer_no_common_suite", "", "NO_SHARED_CIPHER"),
    ("peer_no_common_group", "", "NO_SHARED_GROUP"),
    (
        "peer_no_common_scheme",
        "",
        "NO_COMMON_SIGNATURE_ALGORITHMS",
    ),
    ("peer_no_common_curve", "", "WRONG_CURVE"),
    ("peer_no_common_authority", "", "NO_MATCHING_ISSUER"),
    ("peer_no_common_protocol", "", "NO_APPLICATION_PROTOCOL"),
    ("peer_missing_extension", "key_share", "MISSING_KEY_SHARE"),
    (
        "peer_missing_extension",
        "signature_algorithms",
        "NO_COMMON_SIGNATURE_ALGORITHMS",
    ),
    (
        "peer_missing_extension",
        "supported_groups",
        "NO_SHARED_GROUP",
    ),
    ("peer_missing_extension", "", "MISSING_EXTENSION"),
    ("peer_unsupported_extension", "", "UNEXPECTED_EXTENSION"),
    (
        "peer_no_certificate",
        "",
        "PEER_DID_NOT_RETURN_A_CERTIFICATE",
    ),
    (
        "peer_no_client_certificate",
        "",
        "PEER_DID_NOT_RETURN_A_CERTIFICATE",
    ),
    ("peer_bad_compression", "", "CERT_DECOMPRESSION_FAILED"),
    ("peer_certificate", "keyUsage", "KEY_USAGE_BIT_INCORRECT"),
    (
        "peer_certificate",
        "a public key is of an unsupported kind",
        "UNSUPPORTED_ALGORITHM",
    ),
    ("peer_certificate", "", "CERTIFICATE_VERIFY_FAILED"),
    ("peer_bad_signature", "", "BAD_SIGNATURE"),
    ("peer_bad_finished", "", "DIGEST_CHECK_FAILED"),
    ("peer_bad_binder", "", "DIGEST_CHECK_FAILED"),
    // Asked for before there is any.
    ("misuse_not_open", "", "HANDSHAKE_NOT_COMPLETE"),
    ("truncated", "", "HANDSHAKE_NOT_COMPLETE"),
    (
        "misuse_config",
        "a protocol name is not 1 to 255",
        "INVALID_ALPN_PROTOCOL",
    ),
    (
        "misuse_config",
        "no versions",
        "NO_SUPPORTED_VERSIONS_ENABLED",
    ),
];

/// BoringSSL's words for an error, between colons.
pub fn words(error: Error) -> String {
    let (name, detail) = (error.name(), detail(error));
    if let Error::PeerAlert(alert) = error {
        return alert_words(&alert.to_string().to_lowercase());
    }
    let row = WORDS
        .iter()
        .find(|(of, part, _)| *of == name && detail.contains(part));
    format!(
        ":{}:",
        row.map_or("NOT_IN_THE_TABLE", |(_, _, words)| words)
    )
}

/// What the error says beside its name.
fn detail(error: Error) -> String {
    match error {
        Error::PeerDecode(Malformed::Shape(what))
        | Error::PeerIllegalParameter(what)
        | Error::PeerTooMany(what)
        | Error::MisuseConfig(what) => what.to_owned(),
        other => other.to_string(),
    }
}

/// An alert keeps its name of SSL 3 if it had one.
fn alert_words(name: &str) -> String {
    const OF_SSL3: [&str; 13] = [
        "close_notify",
        "unexpected_message",
        "bad_record_mac",
        "decompression_failure",
        "handshake_failure",
        "no_certificate",
        "bad_certificate",
        "unsupported_certificate",
        "certificate_revoked",
        "certificate_expired",
        "certificate_unknown",
        "illegal_parameter",
        "no_renegotiation",
    ];
    // Gone since TLS 1.2.
    let name = name.replace("alertdescription(0x1e)", "decompression_failure");
    let name = name.as_str();
    let of = if OF_SSL3.contains(&name) {
        "SSLV3"
    } else {
        "TLSV1"
    };
    format!(":{of}_ALERT_{}:", name.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::{WORDS, words};
    use netkit::tls::{AlertDescription, Error, Malformed};

    #[test]
    fn an_error_has_the_words_of_the_first_row_that_fits() {
        assert_eq!(words(Error::PeerBadSignature), ":BAD_SIGNATURE:");
        assert_eq!(
            words(Error::PeerTooMany("warnings")),
            ":TOO_MANY_WARNING_ALERTS:"
        );
        assert_eq!(words(Error::PeerDecode(Malformed::Short)), ":DECODE_ERROR:");
        let alert = |alert| words(Error::PeerAlert(alert));
        assert_eq!(
            alert(AlertDescription::RECORD_OVERFLOW),
            ":TLSV1_ALERT_RECORD_OVERFLOW:"
        );
        assert_eq!(
            alert(AlertDescription::HANDSHAKE_FAILURE),
            ":SSLV3_ALERT_HANDSHAKE_FAILURE:"
        );
    }

    #[test]
    fn no_row_stands_behind_one_that_covers_it() {
        for (at, (name, part, _)) in WORDS.iter().enumerate() {
            for (before, other, _) in &WORDS[..at] {
                assert!(before != name || !part.contains(other), "{name} {part:?}");
            }
        }
    }
}
