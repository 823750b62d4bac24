use crate::codepoints::{
    AlertDescription, ContentType, ExtensionType, HandshakeType, ProtocolVersion,
};
use core::fmt;

/// Why a connection failed, and whose fault it is.
///
/// After an error the connection is over: the error repeats, and what the call appended to `out`
/// (the alert) is still to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The peer's first octets are no TLS record: what they are.
    PeerNotTls(Spoken),
    /// A message does not parse.
    PeerDecode(Malformed),
    /// A field has a value that is not allowed there.
    PeerIllegalParameter(&'static str),
    /// A handshake message out of its turn; the state that refused it.
    PeerUnexpectedMessage(HandshakeType, &'static str),
    /// A record of a type that has no place here.
    PeerUnexpectedRecord(ContentType),
    /// A message crosses a change of keys, or something stands between its parts (RFC 9846 5.1).
    PeerMisalignedMessage,
    /// A record or its plaintext is longer than allowed.
    PeerRecordOverflow,
    /// A protected record does not authenticate.
    PeerBadRecordMac,
    /// More of something than anybody needs; see [`limits`](crate::limits).
    PeerTooMany(&'static str),
    /// No version in common.
    PeerNoCommonVersion,
    /// The server chose TLS 1.2, and its random says that it would have chosen TLS 1.3 (RFC 9846 4.2.3).
    PeerDowngrade,
    /// The client was refused a higher version by somebody that is not us (RFC 7507).
    PeerInappropriateFallback,
    /// The peer has TLS 1.2 without this extension, which closes a hole in it.
    PeerUnprotected(ExtensionType),
    /// No cipher suite in common.
    PeerNoCommonSuite,
    /// No group in common.
    PeerNoCommonGroup,
    /// No signature scheme in common that our certificate's key can use.
    PeerNoCommonScheme,
    /// The client of TLS 1.2 has not the curve of our certificate's key (RFC 8422 5.3).
    PeerNoCommonCurve,
    /// No identity of ours is from an authority that the peer names (RFC 9846 4.3.4).
    PeerNoCommonAuthority,
    /// No application protocol in common.
    PeerNoCommonProtocol,
    /// A required extension is absent.
    PeerMissingExtension(ExtensionType),
    /// An extension answers none that was offered.
    PeerUnsupportedExtension(ExtensionType),
    /// The server sent no certificate.
    PeerNoCertificate,
    /// The client sent no certificate where one is required; in this version, which has an alert of its own for it.
    PeerNoClientCertificate(ProtocolVersion),
    /// The peer's CompressedCertificate does not decompress to as many octets as it says (RFC 8879 4).
    PeerBadCompression,
    /// The peer's certificate was refused.
    PeerCertificate(netkit_x509::Error),
    /// The peer's CertificateVerify does not verify.
    PeerBadSignature,
    /// The peer's Finished does not verify.
    PeerBadFinished,
    /// The client's binder does not verify: it has not the key that it names.
    PeerBadBinder,
    /// The peer ended the connection with an alert.
    PeerAlert(AlertDescription),
    /// The transport ended before the peer's close_notify: data may be missing.
    Truncated,
    /// The certificate chain given to us is empty or broken.
    MisuseCertificate(netkit_x509::Error),
    /// The private key does not parse or is of a kind that is not supported.
    MisuseKey,
    /// The private key belongs to another certificate.
    MisuseKeyMismatch,
    /// Data may be sent only between [`Connected`](crate::Event::Connected) and `close`.
    MisuseNotOpen,
    /// A record to be sent in place has no content, or more than a record holds.
    MisuseRecord,
    /// TLS 1.2 has no key update.
    MisuseNoKeyUpdate,
    /// Early data that the server does not take, or more of it than it takes.
    MisuseEarlyData,
    /// An exporter's label or output is too long (RFC 9846 7.5).
    MisuseExport,
    /// An answer to a [`Question`](crate::Question) that was not asked.
    MisuseNotAsked,
    /// The owner refused the connection, with this alert.
    Refused(AlertDescription),
    /// The configuration allows no handshake: a list is empty, too long or names what is not built in.
    MisuseConfig(&'static str),
    /// A key has protected as many records as it may.
    KeyExhausted,
    /// A primitive failed: no randomness, or a signature could not be made.
    CryptoFailed,
}

/// Why a message does not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// A field extends past the end of its block.
    Short,
    /// A block goes on after its last field.
    Trailing,
    /// This message ends inside a field, or goes on after its last.
    Message(HandshakeType),
    /// This extension's content ends inside a field, or goes on after its last.
    Extension(ExtensionType),
    /// A field has a length or shape that its definition does not allow.
    Shape(&'static str),
}

/// What a peer speaks that speaks no TLS, as far as its first octets tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spoken {
    /// A request of plain HTTP.
    HttpRequest,
    /// A request to an HTTP proxy for a tunnel (CONNECT).
    HttpConnect,
    /// A response of plain HTTP.
    HttpResponse,
    /// Nothing that is known here.
    Unknown,
}

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HttpRequest => "the client speaks plain HTTP here: it wants https, or another port",
            Self::HttpConnect => {
                "the client takes this port for an HTTP proxy's (it sent CONNECT), and it speaks TLS"
            }
            Self::HttpResponse => "the server speaks plain HTTP here: use http, or another port",
            Self::Unknown => {
                "the peer does not speak TLS here (its first octets are no TLS record); \
                 is the port right, or is it plain http?"
            }
        })
    }
}

impl Malformed {
    /// The same, now that it is known what does not parse.
    pub(crate) const fn within(self, place: Self) -> Self {
        match self {
            Self::Short | Self::Trailing => place,
            Self::Message(_) | Self::Extension(_) | Self::Shape(_) => self,
        }
    }
}

impl Error {
    /// The same, now that it is known what does not parse.
    pub(crate) const fn within(self, place: Malformed) -> Self {
        match self {
            Self::PeerDecode(why) => Self::PeerDecode(why.within(place)),
            other => other,
        }
    }
}

impl From<netkit_core::ReadError> for Error {
    fn from(error: netkit_core::ReadError) -> Self {
        Self::PeerDecode(match error {
            netkit_core::ReadError::Short => Malformed::Short,
            netkit_core::ReadError::Trailing => Malformed::Trailing,
        })
    }
}

/// Our own message outgrew its length field: a list in the configuration is too long.
impl From<netkit_core::TooLong> for Error {
    fn from(_: netkit_core::TooLong) -> Self {
        Self::MisuseConfig("a list does not fit its message")
    }
}

impl Error {
    /// The alert that tells the peer, if it is to be told.
    pub const fn alert(&self) -> Option<AlertDescription> {
        use AlertDescription as A;
        Some(match self {
            Self::PeerNotTls(_)
            | Self::PeerUnexpectedMessage(..)
            | Self::PeerUnexpectedRecord(_)
            | Self::PeerMisalignedMessage
            | Self::PeerTooMany(_) => A::UNEXPECTED_MESSAGE,
            Self::PeerDecode(_) | Self::PeerNoCertificate => A::DECODE_ERROR,
            Self::PeerIllegalParameter(_) | Self::PeerDowngrade => A::ILLEGAL_PARAMETER,
            Self::PeerInappropriateFallback => A::INAPPROPRIATE_FALLBACK,
            Self::PeerRecordOverflow => A::RECORD_OVERFLOW,
            Self::PeerBadRecordMac => A::BAD_RECORD_MAC,
            Self::PeerNoCommonVersion => A::PROTOCOL_VERSION,
            Self::PeerNoCommonSuite
            | Self::PeerNoCommonGroup
            | Self::PeerNoCommonScheme
            | Self::PeerNoCommonCurve
            | Self::PeerNoCommonAuthority
            | Self::PeerUnprotected(_)
            // RFC 5246 7.4.6.
            | Self::PeerNoClientCertificate(ProtocolVersion::TLS1_2) => A::HANDSHAKE_FAILURE,
            Self::PeerNoCommonProtocol => A::NO_APPLICATION_PROTOCOL,
            Self::PeerNoClientCertificate(_) => A::CERTIFICATE_REQUIRED,
            Self::PeerMissingExtension(_) => A::MISSING_EXTENSION,
            Self::PeerUnsupportedExtension(_) => A::UNSUPPORTED_EXTENSION,
            Self::PeerBadCompression => A::BAD_CERTIFICATE,
            Self::PeerCertificate(error) => crate::verify::alert_for(*error),
            Self::PeerBadSignature | Self::PeerBadFinished | Self::PeerBadBinder => {
                A::DECRYPT_ERROR
            }
            Self::PeerAlert(_)
            | Self::Truncated
            | Self::MisuseNotOpen
            | Self::MisuseNoKeyUpdate
            | Self::MisuseEarlyData
            | Self::MisuseExport
            | Self::MisuseNotAsked
            | Self::MisuseRecord => return None,
            Self::Refused(alert) => *alert,
            Self::MisuseCertificate(_)
            | Self::MisuseKey
            | Self::MisuseKeyMismatch
            | Self::MisuseConfig(_)
            | Self::KeyExhausted
            | Self::CryptoFailed => A::INTERNAL_ERROR,
        })
    }

    /// A stable name, for logs and tables.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PeerNotTls(_) => "peer_not_tls",
            Self::PeerDecode(_) => "peer_decode",
            Self::PeerIllegalParameter(_) => "peer_illegal_parameter",
            Self::PeerUnexpectedMessage(..) => "peer_unexpected_message",
            Self::PeerUnexpectedRecord(_) => "peer_unexpected_record",
            Self::PeerMisalignedMessage => "peer_misaligned_message",
            Self::PeerRecordOverflow => "peer_record_overflow",
            Self::PeerBadRecordMac => "peer_bad_record_mac",
            Self::PeerTooMany(_) => "peer_too_many",
            Self::PeerNoCommonVersion => "peer_no_common_version",
            Self::PeerDowngrade => "peer_downgrade",
            Self::PeerInappropriateFallback => "peer_inappropriate_fallback",
            Self::PeerUnprotected(_) => "peer_unprotected",
            Self::PeerNoCommonSuite => "peer_no_common_suite",
            Self::PeerNoCommonGroup => "peer_no_common_group",
            Self::PeerNoCommonScheme => "peer_no_common_scheme",
            Self::PeerNoCommonCurve => "peer_no_common_curve",
            Self::PeerNoCommonAuthority => "peer_no_common_authority",
            Self::PeerNoCommonProtocol => "peer_no_common_protocol",
            Self::PeerMissingExtension(_) => "peer_missing_extension",
            Self::PeerUnsupportedExtension(_) => "peer_unsupported_extension",
            Self::PeerNoCertificate => "peer_no_certificate",
            Self::PeerNoClientCertificate(_) => "peer_no_client_certificate",
            Self::PeerBadCompression => "peer_bad_compression",
            Self::PeerCertificate(_) => "peer_certificate",
            Self::PeerBadSignature => "peer_bad_signature",
            Self::PeerBadFinished => "peer_bad_finished",
            Self::PeerBadBinder => "peer_bad_binder",
            Self::PeerAlert(_) => "peer_alert",
            Self::Truncated => "truncated",
            Self::MisuseCertificate(_) => "misuse_certificate",
            Self::MisuseKey => "misuse_key",
            Self::MisuseKeyMismatch => "misuse_key_mismatch",
            Self::MisuseNotOpen => "misuse_not_open",
            Self::MisuseNoKeyUpdate => "misuse_no_key_update",
            Self::MisuseEarlyData => "misuse_early_data",
            Self::MisuseExport => "misuse_export",
            Self::MisuseNotAsked => "misuse_not_asked",
            Self::MisuseRecord => "misuse_record",
            Self::Refused(_) => "refused",
            Self::MisuseConfig(_) => "misuse_config",
            Self::KeyExhausted => "key_exhausted",
            Self::CryptoFailed => "crypto_failed",
        }
    }
}

impl fmt::Display for Error {
    #[expect(clippy::too_many_lines, reason = "each error has its words")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerNotTls(spoken) => spoken.fmt(f),
            Self::PeerDecode(Malformed::Short) => {
                f.write_str("a message of the peer ends inside a field")
            }
            Self::PeerDecode(Malformed::Trailing) => {
                f.write_str("a message of the peer goes on after its last field")
            }
            Self::PeerDecode(Malformed::Message(kind)) => {
                write!(f, "the peer's {kind} ends inside a field or goes on after its last")
            }
            Self::PeerDecode(Malformed::Extension(kind)) => write!(
                f,
                "the peer's extension {kind} ends inside a field or goes on after its last"
            ),
            Self::PeerDecode(Malformed::Shape(what)) => {
                write!(f, "a message of the peer is malformed: {what}")
            }
            Self::PeerIllegalParameter(what) => {
                write!(f, "the peer sent a value that is not allowed: {what}")
            }
            Self::PeerUnexpectedMessage(got, state) => {
                write!(f, "the peer sent {got} in state {state}")
            }
            Self::PeerUnexpectedRecord(got) => {
                write!(f, "the peer sent a record of type {got} out of its turn")
            }
            Self::PeerMisalignedMessage => f.write_str(
                "a handshake message of the peer is interrupted or crosses a key change",
            ),
            Self::PeerRecordOverflow => f.write_str("the peer sent a record over the size limit"),
            Self::PeerBadRecordMac => f.write_str(
                "a record of the peer does not authenticate: it was damaged or forged on the way",
            ),
            Self::PeerTooMany(what) => write!(f, "the peer sent too many {what}"),
            Self::PeerNoCommonVersion => f.write_str("no version in common with the peer"),
            Self::PeerDowngrade => f.write_str(
                "the server has TLS 1.3 and yet answers with TLS 1.2: somebody on the way lowered \
                 the version",
            ),
            Self::PeerInappropriateFallback => f.write_str(
                "the client tried again with a lower version, which was not needed: somebody on \
                 the way interferes",
            ),
            Self::PeerUnprotected(extension) => {
                write!(
                    f,
                    "the peer's TLS 1.2 lacks {extension}, and is not safe without it"
                )
            }
            Self::PeerNoCommonSuite => f.write_str("no cipher suite in common with the peer"),
            Self::PeerNoCommonGroup => f.write_str("no key exchange group in common with the peer"),
            Self::PeerNoCommonScheme => f.write_str(
                "the peer accepts no signature scheme that our certificate's key can use",
            ),
            Self::PeerNoCommonCurve => f.write_str(
                "the client's supported_groups lack the curve of our certificate's key, which TLS 1.2 \
                 wants there",
            ),
            Self::PeerNoCommonAuthority => f.write_str(
                "the peer names the authorities that it trusts, and none of our certificates is theirs",
            ),
            Self::PeerNoCommonProtocol => {
                f.write_str("no application protocol (ALPN) in common with the peer")
            }
            Self::PeerMissingExtension(extension) => {
                write!(f, "the peer left out the extension {extension}")
            }
            Self::PeerUnsupportedExtension(extension) => {
                write!(
                    f,
                    "the peer answered the extension {extension}, which was not offered"
                )
            }
            Self::PeerNoCertificate => f.write_str("the server sent no certificate"),
            Self::PeerNoClientCertificate(_) => {
                f.write_str("the client showed no certificate, and here it has to")
            }
            Self::PeerBadCompression => f.write_str(
                "the peer's compressed certificates do not decompress to as many octets as it says",
            ),
            Self::PeerCertificate(error) => write!(f, "the peer's certificate is refused: {error}"),
            Self::PeerBadSignature => {
                f.write_str("the peer did not prove that it holds its certificate's private key")
            }
            Self::PeerBadFinished => {
                f.write_str("the peer's Finished does not match: the handshake was tampered with")
            }
            Self::PeerBadBinder => f.write_str(
                "the client does not prove that it has the pre-shared key that it names",
            ),
            Self::PeerAlert(alert) => write!(f, "the peer ended the connection with alert {alert}"),
            Self::Truncated => f.write_str(
                "the connection ended without close_notify: what was received may be incomplete",
            ),
            Self::MisuseCertificate(error) => {
                write!(f, "our certificate chain is unusable: {error}")
            }
            Self::MisuseKey => f.write_str(
                "the private key does not parse or is of an unsupported kind \
                 (RSA 2048-4096, ECDSA P-256/P-384 and Ed25519 are supported)",
            ),
            Self::MisuseKeyMismatch => {
                f.write_str("the private key does not belong to the first certificate of the chain")
            }
            Self::MisuseNotOpen => f.write_str("the connection is not open for sending"),
            Self::MisuseNoKeyUpdate => f.write_str("TLS 1.2 has no key update"),
            Self::MisuseRecord => {
                f.write_str("a record to send in place holds 1 to 16384 octets between its margins")
            }
            Self::MisuseEarlyData => {
                f.write_str("early data that the server does not take, or too much of it")
            }
            Self::MisuseExport => f.write_str("an exporter's label or output is too long"),
            Self::MisuseNotAsked => f.write_str("an answer to a question that was not asked"),
            Self::Refused(alert) => write!(f, "we refused the connection with alert {alert}"),
            Self::MisuseConfig(what) => write!(f, "unusable TLS configuration: {what}"),
            Self::KeyExhausted => f.write_str("a key has protected as many records as it may"),
            Self::CryptoFailed => f.write_str("a cryptographic primitive failed"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::PeerCertificate(error) | Self::MisuseCertificate(error) => Some(error),
            _ => None,
        }
    }
}
