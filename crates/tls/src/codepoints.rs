//! The registries of numbers that TLS puts on the wire, a row a value, in IANA's names.

use netkit_core::wire_enum;

wire_enum! {
    /// What a record carries (RFC 9846 5.1).
    pub struct ContentType(u8) {
        /// One octet: in TLS 1.2 the next records are under new keys, in TLS 1.3 a dummy for middleboxes.
        CHANGE_CIPHER_SPEC = 20, "change_cipher_spec";
        /// An alert.
        ALERT = 21, "alert";
        /// Handshake messages or parts of them.
        HANDSHAKE = 22, "handshake";
        /// Application data, or any protected content.
        APPLICATION_DATA = 23, "application_data";
    }
}

wire_enum! {
    /// A version of the protocol (RFC 9846 4.3.1).
    pub struct ProtocolVersion(u16) {
        /// TLS 1.0.
        TLS1_0 = 0x0301, "TLS 1.0";
        /// TLS 1.1.
        TLS1_1 = 0x0302, "TLS 1.1";
        /// TLS 1.2, and the version that the fields of TLS 1.3's legacy headers show.
        TLS1_2 = 0x0303, "TLS 1.2";
        /// TLS 1.3.
        TLS1_3 = 0x0304, "TLS 1.3";
    }
}

wire_enum! {
    /// The kind of a handshake message (RFC 9846 4).
    pub struct HandshakeType(u8) {
        /// HelloRequest: a server of TLS 1.2 asks to renegotiate.
        HELLO_REQUEST = 0, "HelloRequest";
        /// ClientHello.
        CLIENT_HELLO = 1, "ClientHello";
        /// ServerHello, and HelloRetryRequest.
        SERVER_HELLO = 2, "ServerHello";
        /// NewSessionTicket.
        NEW_SESSION_TICKET = 4, "NewSessionTicket";
        /// EndOfEarlyData.
        END_OF_EARLY_DATA = 5, "EndOfEarlyData";
        /// EncryptedExtensions.
        ENCRYPTED_EXTENSIONS = 8, "EncryptedExtensions";
        /// Certificate.
        CERTIFICATE = 11, "Certificate";
        /// ServerKeyExchange, of TLS 1.2.
        SERVER_KEY_EXCHANGE = 12, "ServerKeyExchange";
        /// CertificateRequest.
        CERTIFICATE_REQUEST = 13, "CertificateRequest";
        /// ServerHelloDone, of TLS 1.2.
        SERVER_HELLO_DONE = 14, "ServerHelloDone";
        /// CertificateVerify.
        CERTIFICATE_VERIFY = 15, "CertificateVerify";
        /// ClientKeyExchange, of TLS 1.2.
        CLIENT_KEY_EXCHANGE = 16, "ClientKeyExchange";
        /// Finished.
        FINISHED = 20, "Finished";
        /// CertificateStatus, of TLS 1.2 (RFC 6066 8).
        CERTIFICATE_STATUS = 22, "CertificateStatus";
        /// KeyUpdate.
        KEY_UPDATE = 24, "KeyUpdate";
        /// CompressedCertificate (RFC 8879).
        COMPRESSED_CERTIFICATE = 25, "CompressedCertificate";
        /// The synthetic message that stands for the first ClientHello after a retry.
        MESSAGE_HASH = 254, "message_hash";
    }
}

wire_enum! {
    /// A cipher suite (RFC 9846 B.4).
    pub struct CipherSuite(u16) {
        /// AES-128-GCM with SHA-256.
        TLS_AES_128_GCM_SHA256 = 0x1301, "TLS_AES_128_GCM_SHA256";
        /// AES-256-GCM with SHA-384.
        TLS_AES_256_GCM_SHA384 = 0x1302, "TLS_AES_256_GCM_SHA384";
        /// ChaCha20-Poly1305 with SHA-256.
        TLS_CHACHA20_POLY1305_SHA256 = 0x1303, "TLS_CHACHA20_POLY1305_SHA256";
        /// TLS 1.2: a signed key exchange with an ECDSA or Ed25519 certificate (RFC 5289).
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = 0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
        /// TLS 1.2, as above.
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 = 0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
        /// TLS 1.2, as above (RFC 7905).
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 = 0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
        /// TLS 1.2: a signed key exchange with an RSA certificate (RFC 5289).
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 = 0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
        /// TLS 1.2, as above.
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 = 0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
        /// TLS 1.2, as above (RFC 7905).
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 = 0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256";
        /// TLS 1.2: RSA key transport, without forward secrecy (RFC 5288).
        TLS_RSA_WITH_AES_128_GCM_SHA256 = 0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256";
        /// TLS 1.2, as above.
        TLS_RSA_WITH_AES_256_GCM_SHA384 = 0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384";
    }
}

wire_enum! {
    /// A group for the key exchange (RFC 9846 4.3.7).
    pub struct NamedGroup(u16) {
        /// P-256.
        SECP256R1 = 0x0017, "secp256r1";
        /// P-384.
        SECP384R1 = 0x0018, "secp384r1";
        /// secp521r1 (P-521).
        SECP521R1 = 0x0019, "secp521r1";
        /// X25519.
        X25519 = 0x001d, "x25519";
        /// X25519 with ML-KEM-768 (draft-ietf-tls-ecdhe-mlkem).
        X25519MLKEM768 = 0x11ec, "X25519MLKEM768";
    }
}

wire_enum! {
    /// A signature algorithm with its hash and, for ECDSA, its curve (RFC 9846 4.3.3).
    pub struct SignatureScheme(u16) {
        /// RSASSA-PKCS1-v1_5 with SHA-256: in TLS 1.3 for certificates only.
        RSA_PKCS1_SHA256 = 0x0401, "rsa_pkcs1_sha256";
        /// RSASSA-PKCS1-v1_5 with SHA-384: in TLS 1.3 for certificates only.
        RSA_PKCS1_SHA384 = 0x0501, "rsa_pkcs1_sha384";
        /// RSASSA-PKCS1-v1_5 with SHA-512: in TLS 1.3 for certificates only.
        RSA_PKCS1_SHA512 = 0x0601, "rsa_pkcs1_sha512";
        /// ECDSA on P-256 with SHA-256.
        ECDSA_SECP256R1_SHA256 = 0x0403, "ecdsa_secp256r1_sha256";
        /// ECDSA on P-384 with SHA-384.
        ECDSA_SECP384R1_SHA384 = 0x0503, "ecdsa_secp384r1_sha384";
        /// ECDSA on P-521 with SHA-512: with the feature `p521`.
        ECDSA_SECP521R1_SHA512 = 0x0603, "ecdsa_secp521r1_sha512";
        /// RSASSA-PSS with SHA-256 and an rsaEncryption key.
        RSA_PSS_RSAE_SHA256 = 0x0804, "rsa_pss_rsae_sha256";
        /// RSASSA-PSS with SHA-384 and an rsaEncryption key.
        RSA_PSS_RSAE_SHA384 = 0x0805, "rsa_pss_rsae_sha384";
        /// RSASSA-PSS with SHA-512 and an rsaEncryption key.
        RSA_PSS_RSAE_SHA512 = 0x0806, "rsa_pss_rsae_sha512";
        /// Ed25519.
        ED25519 = 0x0807, "ed25519";
    }
}

wire_enum! {
    /// How certificates are compressed (RFC 8879 7.3).
    pub struct CertificateCompressionAlgorithm(u16) {
        /// zlib (RFC 1950).
        ZLIB = 1, "zlib";
        /// Brotli (RFC 7932).
        BROTLI = 2, "brotli";
        /// Zstandard (RFC 8878).
        ZSTD = 3, "zstd";
    }
}

wire_enum! {
    /// The kind of an extension (RFC 9846 4.3).
    pub struct ExtensionType(u16) {
        /// The name of the server (RFC 6066).
        SERVER_NAME = 0, "server_name";
        /// Fragment length (RFC 6066): known, never offered.
        MAX_FRAGMENT_LENGTH = 1, "max_fragment_length";
        /// OCSP stapling (RFC 6066).
        STATUS_REQUEST = 5, "status_request";
        /// Groups for the key exchange.
        SUPPORTED_GROUPS = 10, "supported_groups";
        /// Encodings of points of elliptic curves in TLS 1.2 (RFC 8422).
        EC_POINT_FORMATS = 11, "ec_point_formats";
        /// Schemes for signatures of handshakes, and of certificates unless the next says more.
        SIGNATURE_ALGORITHMS = 13, "signature_algorithms";
        /// The application's protocol (RFC 7301).
        APPLICATION_LAYER_PROTOCOL_NEGOTIATION = 16, "application_layer_protocol_negotiation";
        /// Certificate transparency (RFC 6962).
        SIGNED_CERTIFICATE_TIMESTAMP = 18, "signed_certificate_timestamp";
        /// Padding of a ClientHello (RFC 7685).
        PADDING = 21, "padding";
        /// TLS 1.2 binds its master secret to the handshake (RFC 7627).
        EXTENDED_MASTER_SECRET = 23, "extended_master_secret";
        /// How certificates may be compressed (RFC 8879).
        COMPRESS_CERTIFICATE = 27, "compress_certificate";
        /// Tickets of TLS 1.2 (RFC 5077).
        SESSION_TICKET = 35, "session_ticket";
        /// Keys that both have already.
        PRE_SHARED_KEY = 41, "pre_shared_key";
        /// Data before the handshake ends.
        EARLY_DATA = 42, "early_data";
        /// Versions, offered and chosen.
        SUPPORTED_VERSIONS = 43, "supported_versions";
        /// What a HelloRetryRequest asks to have back.
        COOKIE = 44, "cookie";
        /// How pre-shared keys may be used.
        PSK_KEY_EXCHANGE_MODES = 45, "psk_key_exchange_modes";
        /// Authorities whose certificates are acceptable.
        CERTIFICATE_AUTHORITIES = 47, "certificate_authorities";
        /// Object identifiers that a client certificate must have.
        OID_FILTERS = 48, "oid_filters";
        /// Willingness to be asked for a certificate later.
        POST_HANDSHAKE_AUTH = 49, "post_handshake_auth";
        /// Schemes for signatures in certificates.
        SIGNATURE_ALGORITHMS_CERT = 50, "signature_algorithms_cert";
        /// Public keys of the key exchange.
        KEY_SHARE = 51, "key_share";
        /// Renegotiation in TLS 1.2 is bound to what it follows (RFC 5746).
        RENEGOTIATION_INFO = 0xff01, "renegotiation_info";
    }
}

wire_enum! {
    /// Why a connection ends (RFC 9846 6).
    pub struct AlertDescription(u8) {
        /// No more data follows in this direction.
        CLOSE_NOTIFY = 0, "close_notify";
        /// A message out of its turn.
        UNEXPECTED_MESSAGE = 10, "unexpected_message";
        /// A record that does not authenticate.
        BAD_RECORD_MAC = 20, "bad_record_mac";
        /// A record longer than the limit.
        RECORD_OVERFLOW = 22, "record_overflow";
        /// No acceptable set of parameters.
        HANDSHAKE_FAILURE = 40, "handshake_failure";
        /// A certificate that is broken.
        BAD_CERTIFICATE = 42, "bad_certificate";
        /// A certificate of a kind that is not supported.
        UNSUPPORTED_CERTIFICATE = 43, "unsupported_certificate";
        /// A certificate that its issuer revoked.
        CERTIFICATE_REVOKED = 44, "certificate_revoked";
        /// A certificate outside its validity.
        CERTIFICATE_EXPIRED = 45, "certificate_expired";
        /// A certificate refused for another reason.
        CERTIFICATE_UNKNOWN = 46, "certificate_unknown";
        /// A field with a value that is not allowed.
        ILLEGAL_PARAMETER = 47, "illegal_parameter";
        /// A chain that ends at no trusted authority.
        UNKNOWN_CA = 48, "unknown_ca";
        /// Access refused.
        ACCESS_DENIED = 49, "access_denied";
        /// A message that does not parse.
        DECODE_ERROR = 50, "decode_error";
        /// A signature or a Finished that does not verify.
        DECRYPT_ERROR = 51, "decrypt_error";
        /// No version in common.
        PROTOCOL_VERSION = 70, "protocol_version";
        /// Parameters below what the peer requires.
        INSUFFICIENT_SECURITY = 71, "insufficient_security";
        /// A failure that is not the peer's.
        INTERNAL_ERROR = 80, "internal_error";
        /// A retry with a lower version that should not have been needed.
        INAPPROPRIATE_FALLBACK = 86, "inappropriate_fallback";
        /// The user gave up.
        USER_CANCELED = 90, "user_canceled";
        /// No renegotiation, in TLS 1.2.
        NO_RENEGOTIATION = 100, "no_renegotiation";
        /// A required extension is absent.
        MISSING_EXTENSION = 109, "missing_extension";
        /// An extension that was not offered.
        UNSUPPORTED_EXTENSION = 110, "unsupported_extension";
        /// No such server name here.
        UNRECOGNIZED_NAME = 112, "unrecognized_name";
        /// A stapled OCSP response that is not acceptable.
        BAD_CERTIFICATE_STATUS_RESPONSE = 113, "bad_certificate_status_response";
        /// No such pre-shared key here.
        UNKNOWN_PSK_IDENTITY = 115, "unknown_psk_identity";
        /// A client certificate is required.
        CERTIFICATE_REQUIRED = 116, "certificate_required";
        /// A failure without a better name.
        GENERAL_ERROR = 117, "general_error";
        /// No application protocol in common.
        NO_APPLICATION_PROTOCOL = 120, "no_application_protocol";
    }
}

wire_enum! {
    /// What a KeyUpdate asks of its receiver (RFC 9846 4.7.3).
    pub struct KeyUpdateRequest(u8) {
        /// Nothing.
        UPDATE_NOT_REQUESTED = 0, "update_not_requested";
        /// To update its keys too.
        UPDATE_REQUESTED = 1, "update_requested";
    }
}
