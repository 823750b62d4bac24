use crate::Status;
use core::fmt;

/// One row per error: variant, the status that a server answers with, the rule, what happened.
macro_rules! errors {
    ($( $Variant:ident, $STATUS:ident, $rule:literal, $text:literal; )*) => {
        /// Why a message was refused, and whose fault it is: `Peer..` broke a rule of the protocol or
        /// a limit, `Truncated` and `Unanswered` mean that the transport ended too early, `Misuse..`
        /// is a call that would have put a malformed message on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Error {
            $( #[doc = concat!(stringify!($Variant), ": ", $text, " (", $rule, ").")] $Variant, )*
        }

        impl Error {
            /// Every error, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),*];

            /// The variant's name: stable, for logs and tables.
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$Variant => stringify!($Variant), )*
                }
            }

            /// The status that a server answers with before it closes. A gateway answers 502 whatever is
            /// wrong with a response (RFC 9110 15.6.3); what only a response can break says so itself.
            pub const fn status(self) -> Status {
                match self {
                    $( Self::$Variant => Status::$STATUS, )*
                }
            }

            /// The section that the message breaks.
            pub const fn rule(self) -> &'static str {
                match self {
                    $( Self::$Variant => $rule, )*
                }
            }

            const fn text(self) -> &'static str {
                match self {
                    $( Self::$Variant => $text, )*
                }
            }
        }
    };
}

errors! {
    PeerEmptyLines, BAD_REQUEST, "RFC 9112 2.2", "too many empty lines before a request line";
    PeerRequestLine, BAD_REQUEST, "RFC 9112 3", "the request line is not method SP target SP version";
    PeerMethod, BAD_REQUEST, "RFC 9110 9.1", "the method is not a token";
    PeerTarget, BAD_REQUEST, "RFC 9112 3.2", "the request target has no form that its method allows";
    PeerVersion, BAD_REQUEST, "RFC 9112 2.3", "the protocol version is not HTTP/d.d";
    PeerVersionUnsupported, HTTP_VERSION_NOT_SUPPORTED, "RFC 9110 15.6.6", "the major version is not 1";
    PeerStartLineTooLong, URI_TOO_LONG, "RFC 9112 3", "the start line is longer than the limit";
    PeerStatusLine, BAD_GATEWAY, "RFC 9112 4", "the status line is not version SP status SP reason";
    PeerBareLf, BAD_REQUEST, "RFC 9112 2.2", "a line ends in LF without CR";
    PeerBareCr, BAD_REQUEST, "RFC 9112 2.2", "a CR is not followed by LF";
    PeerFieldName, BAD_REQUEST, "RFC 9112 5", "a field line does not begin with a token and a colon";
    PeerSpaceBeforeColon, BAD_REQUEST, "RFC 9112 5.1", "whitespace between a field name and its colon";
    PeerFoldedLine, BAD_REQUEST, "RFC 9112 5.2", "a field value goes on in the next line";
    PeerFieldValue, BAD_REQUEST, "RFC 9110 5.5", "a control character in a field value or reason";
    PeerTooManyFields, REQUEST_HEADER_FIELDS_TOO_LARGE, "RFC 9110 5.4", "more fields than slots";
    PeerHeadTooLong, REQUEST_HEADER_FIELDS_TOO_LARGE, "RFC 9110 5.4", "the head is longer than the limit";
    PeerTrailersTooLong, REQUEST_HEADER_FIELDS_TOO_LARGE, "RFC 9110 5.4", "the trailer section is longer than the limit";
    PeerHostMissing, BAD_REQUEST, "RFC 9112 3.2", "an HTTP/1.1 request without a Host field";
    PeerHostRepeated, BAD_REQUEST, "RFC 9112 3.2", "more than one Host field";
    PeerHost, BAD_REQUEST, "RFC 9112 3.2", "the Host field is not a host and a port";
    PeerExpectation, EXPECTATION_FAILED, "RFC 9110 10.1.1", "an expectation other than 100-continue";
    PeerContentLength, BAD_REQUEST, "RFC 9112 6.3 (5)", "Content-Length is not a decimal number of 64 bits";
    PeerContentLengthRepeated, BAD_REQUEST, "RFC 9112 6.3 (5)", "more than one Content-Length";
    PeerLengthAndTransferEncoding, BAD_REQUEST, "RFC 9112 6.3 (3)", "Content-Length beside Transfer-Encoding";
    PeerTransferEncoding, BAD_REQUEST, "RFC 9112 6.1", "Transfer-Encoding is not a list of codings with chunked once";
    PeerTransferEncodingVersion, BAD_REQUEST, "RFC 9112 6.1", "Transfer-Encoding in an HTTP/1.0 message";
    PeerChunkedNotFinal, BAD_REQUEST, "RFC 9112 6.3 (4)", "chunked is not the final transfer coding";
    PeerTransferCodingUnknown, NOT_IMPLEMENTED, "RFC 9112 6.1", "a transfer coding other than chunked";
    PeerConnectContent, BAD_REQUEST, "RFC 9110 9.3.6", "a CONNECT request with content";
    PeerChunkSize, BAD_REQUEST, "RFC 9112 7.1", "a chunk size is not a hexadecimal number of 64 bits";
    PeerChunkExtension, BAD_REQUEST, "RFC 9112 7.1.1", "malformed chunk extension";
    PeerChunkExtensionsTooLong, BAD_REQUEST, "RFC 9112 7.1.1", "chunk extensions are longer than the limit";
    PeerChunkEnd, BAD_REQUEST, "RFC 9112 7.1", "chunk data is not followed by CRLF";
    PeerUnsolicited, BAD_GATEWAY, "RFC 9112 9.2", "a response that no request asked for";
    PeerSwitched, BAD_GATEWAY, "RFC 9110 7.8", "101 without an Upgrade field in the request";
    PeerTooManyInterim, BAD_GATEWAY, "RFC 9110 15.2", "too many interim responses";
    PeerGzipHeader, BAD_REQUEST, "RFC 1952 2.3", "gzip content, or its next member, has no valid header";
    PeerGzipHeaderTooLong, BAD_REQUEST, "RFC 1952 2.3", "the header of gzip content is longer than the limit";
    PeerDeflate, BAD_REQUEST, "RFC 1951 3.2", "deflate data is malformed";
    PeerPresetDictionary, BAD_REQUEST, "RFC 1950 2.2", "deflate content wants a dictionary that nobody has";
    PeerCodingChecksum, BAD_REQUEST, "RFC 9110 8.4.1", "decoded content has another checksum than its coding says";
    PeerCodingLength, BAD_REQUEST, "RFC 1952 2.3.1", "decoded content has another length than its coding says";
    PeerCodingTrailing, BAD_REQUEST, "RFC 9110 8.4.1", "something follows the end of coded content";
    PeerDecodedTooLong, CONTENT_TOO_LARGE, "RFC 9110 15.5.14", "content decodes to more than the limit";
    PeerCodingRatio, CONTENT_TOO_LARGE, "RFC 9110 15.5.14", "content decodes to too many times its coded length";
    TruncatedCoding, BAD_REQUEST, "RFC 9110 8.4.1", "content ended inside its coding";
    Truncated, BAD_REQUEST, "RFC 9112 8", "the connection ended inside a message";
    Unanswered, BAD_GATEWAY, "RFC 9112 9.3.1", "the connection ended before a response began";
    MisuseMethod, INTERNAL_SERVER_ERROR, "RFC 9110 9.1", "the method to send is not a token";
    MisuseTarget, INTERNAL_SERVER_ERROR, "RFC 9112 3.2", "the target to send has no form that its method allows";
    MisuseHost, INTERNAL_SERVER_ERROR, "RFC 9112 3.2", "an HTTP/1.1 request needs one valid Host field";
    MisuseStatus, INTERNAL_SERVER_ERROR, "RFC 9110 15", "the status cannot be sent here";
    MisuseFieldName, INTERNAL_SERVER_ERROR, "RFC 9110 5.1", "a field name to send is not a token";
    MisuseFieldValue, INTERNAL_SERVER_ERROR, "RFC 9110 5.5", "a field value to send holds a control character";
    MisuseFramingField, INTERNAL_SERVER_ERROR, "RFC 9112 6", "Content-Length and Transfer-Encoding are written from the body's length";
    MisuseTrailer, INTERNAL_SERVER_ERROR, "RFC 9110 6.5.1", "a field that cannot be a trailer, or trailers without chunks";
    MisuseContent, INTERNAL_SERVER_ERROR, "RFC 9112 6.3", "content where the message can have none, or of a length it cannot have";
    MisuseContentLength, INTERNAL_SERVER_ERROR, "RFC 9110 8.6", "more or less content than the head declared";
    MisuseExpectation, INTERNAL_SERVER_ERROR, "RFC 9110 10.1.1", "100-continue is expected for content that the request has not";
    MisuseOrder, INTERNAL_SERVER_ERROR, "RFC 9112 9.3.2", "it is not the turn of this call";
    MisusePipelineFull, INTERNAL_SERVER_ERROR, "RFC 9112 9.3.2", "too many requests are outstanding";
    MisuseClosed, INTERNAL_SERVER_ERROR, "RFC 9112 9.6", "the connection takes no further message";
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text(), self.rule())
    }
}

impl core::error::Error for Error {}

/// What ended a stream: the rule that was broken, and the octet where it showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// What was wrong; it names the section, and the status to answer.
    pub error: Error,
    /// The octet's place in the received stream, counted from zero.
    pub at: u64,
    /// The octet itself; none where the stream ended instead.
    pub octet: Option<u8>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { error, at, octet } = self;
        match octet {
            Some(octet) => write!(f, "{error}: {:?} at octet {at}", char::from(*octet)),
            None => write!(f, "{error}: the end at octet {at}"),
        }
    }
}

impl core::error::Error for Failure {}

/// An error and the octet of the input where it shows: it has arrived whatever pieces the input came in, but
/// for an error of the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) error: Error,
    /// Counted from the front of the input.
    pub(crate) at: usize,
}

impl Error {
    /// The fault of breaking this rule at octet `at` of the input.
    pub(crate) const fn at(self, at: usize) -> Fault {
        Fault { error: self, at }
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Failure};
    use crate::Status;
    use alloc::string::ToString;

    #[test]
    fn names_say_whose_fault_it_is_and_what_to_answer() {
        for &error in Error::ALL {
            let (name, status) = (error.name(), error.status());
            if name.starts_with("Misuse") {
                assert_eq!(status, Status::INTERNAL_SERVER_ERROR, "{name}");
            } else {
                assert!(name.starts_with("Peer") || name.starts_with('T') || name.starts_with('U'));
                assert_ne!(status, Status::INTERNAL_SERVER_ERROR, "{name}");
            }
            assert!(error.rule().starts_with("RFC "), "{name}");
        }
        assert_eq!(
            Error::PeerTransferCodingUnknown.status(),
            Status::NOT_IMPLEMENTED
        );
        assert_eq!(
            Error::PeerTooManyFields.status(),
            Status::REQUEST_HEADER_FIELDS_TOO_LARGE
        );
    }

    #[test]
    fn a_failure_shows_the_octet() {
        let failure = Failure {
            error: Error::PeerBareLf,
            at: 16,
            octet: Some(b'\n'),
        };
        assert_eq!(
            failure.to_string(),
            "a line ends in LF without CR (RFC 9112 2.2): '\\n' at octet 16"
        );
        let failure = Failure {
            error: Error::Truncated,
            octet: None,
            ..failure
        };
        assert!(failure.to_string().ends_with(": the end at octet 16"));
    }
}
