use crate::CloseCode;
use core::fmt;
use netkit_http::Status;

/// What the peer is told of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A close frame with this code, which the machine has written.
    Close(CloseCode),
    /// In the opening handshake: the response to send.
    Status(Status),
    /// Nothing: there is nobody left, or nothing that the peer did.
    Nothing,
}

/// One row per error: variant, the answer, the rule, what happened.
macro_rules! errors {
    ($( $Variant:ident, $Answer:ident $(($of:path))?, $rule:literal, $text:literal; )*) => {
        /// Why a connection was refused or failed, and whose fault it is: `Peer..` broke a rule or a
        /// limit, `Truncated` means that the transport ended without a close frame, `Misuse..` is a call
        /// that would have broken a rule.
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

            /// What the peer is told.
            pub const fn answer(self) -> Answer {
                match self {
                    $( Self::$Variant => Answer::$Answer $(($of))?, )*
                }
            }

            /// The section that was broken.
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
    PeerReservedBit, Close(CloseCode::PROTOCOL_ERROR), "RFC 6455 5.2", "a reserved bit is set that no extension agreed on";
    PeerOpCode, Close(CloseCode::PROTOCOL_ERROR), "RFC 6455 5.2", "a reserved opcode";
    PeerUnmasked, Close(CloseCode::PROTOCOL_ERROR), "RFC 6455 5.1", "a client's frame is not masked";
    PeerMasked, Close(CloseCode::PROTOCOL_ERROR), "RFC 6455 5.1", "a server's frame is masked";
    PeerLengthNotMinimal, Close(CloseCode::PROTOCOL_ERROR), "RFC 6455 5.2", "a length in more octets than it needs";
    PeerLength, Close(CloseCode::PROTOCOL_ERROR), "RFC 6455 5.2", "a length of more than 63 bits";
    PeerControlFragmented, Close(CloseCode::PROTOCOL_ERROR), "RFC 6455 5.5", "a control frame is fragmented";
    PeerControlTooLong, Close(CloseCode::PROTOCOL_ERROR), "RFC 6455 5.5", "a control frame with more than 125 octets";
    PeerContinuation, Close(CloseCode::PROTOCOL_ERROR), "RFC 6455 5.4", "a continuation of no message";
    PeerInterleaved, Close(CloseCode::PROTOCOL_ERROR), "RFC 6455 5.4", "a message begins inside another";
    PeerCloseLength, Close(CloseCode::PROTOCOL_ERROR), "RFC 6455 5.5.1", "a close frame with half a code";
    PeerCloseCode, Close(CloseCode::PROTOCOL_ERROR), "RFC 6455 7.4", "a close code that must not be sent";
    PeerUtf8, Close(CloseCode::INVALID_PAYLOAD), "RFC 6455 8.1", "text that is not UTF-8";
    PeerDeflate, Close(CloseCode::INVALID_PAYLOAD), "RFC 7692 7.2.2", "compressed octets that do not inflate";
    PeerFrameTooLong, Close(CloseCode::TOO_BIG), "RFC 6455 10.4", "a frame is longer than the limit";
    PeerMessageTooLong, Close(CloseCode::TOO_BIG), "RFC 6455 10.4", "a message is longer than the limit";
    PeerInflatesTooMuch, Close(CloseCode::TOO_BIG), "RFC 6455 10.4", "a message inflates to more than the limit's multiple";
    Truncated, Nothing, "RFC 6455 7.1.5", "the connection ended without a close frame";
    PeerMethod, Status(Status::METHOD_NOT_ALLOWED), "RFC 6455 4.2.1 (1)", "the method of the handshake is not GET";
    PeerHttpVersion, Status(Status::HTTP_VERSION_NOT_SUPPORTED), "RFC 6455 4.2.1 (1)", "the handshake is not HTTP/1.1";
    PeerNoUpgrade, Status(Status::UPGRADE_REQUIRED), "RFC 6455 4.2.1 (3, 4)", "the request does not ask to upgrade to websocket";
    PeerKey, Status(Status::BAD_REQUEST), "RFC 6455 4.2.1 (5)", "Sec-WebSocket-Key is not 16 octets in base64, once";
    PeerVersion, Status(Status::UPGRADE_REQUIRED), "RFC 6455 4.2.2 (4)", "Sec-WebSocket-Version is not 13";
    PeerProtocols, Status(Status::BAD_REQUEST), "RFC 6455 4.1 (10)", "Sec-WebSocket-Protocol is not a list of different tokens";
    PeerExtensions, Status(Status::BAD_REQUEST), "RFC 6455 9.1", "Sec-WebSocket-Extensions is not a list of extensions";
    PeerOrigin, Status(Status::FORBIDDEN), "RFC 6455 10.2", "a page of this origin may not connect";
    PeerStatus, Nothing, "RFC 6455 4.1", "the server did not switch to websocket";
    PeerUpgrade, Nothing, "RFC 6455 4.1 (2, 3)", "the server switched to something other than websocket";
    PeerAccept, Nothing, "RFC 6455 4.1 (4)", "Sec-WebSocket-Accept does not answer the key";
    PeerExtension, Nothing, "RFC 6455 4.1 (5)", "the server agreed to an extension that was not offered so";
    PeerProtocol, Nothing, "RFC 6455 4.1 (6)", "the server chose a subprotocol that was not offered";
    MisuseClosed, Nothing, "RFC 6455 5.5.1", "nothing may follow this side's close frame";
    MisuseOrder, Nothing, "RFC 6455 5.4", "a message of another kind is unfinished";
    MisuseUtf8, Nothing, "RFC 6455 5.6", "text to send is not UTF-8";
    MisuseControlTooLong, Nothing, "RFC 6455 5.5", "a control frame to send has more than 125 octets";
    MisuseCloseCode, Nothing, "RFC 6455 7.4", "a close code that must not be sent";
    MisuseProtocol, Nothing, "RFC 6455 4.1 (10)", "subprotocols are tokens, each once";
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text(), self.rule())
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::{Answer, Error};

    #[test]
    fn every_error_has_one_answer_that_may_be_sent() {
        for &error in Error::ALL {
            let name = error.name();
            match error.answer() {
                Answer::Close(code) => assert!(code.may_be_sent(), "{name}"),
                Answer::Status(status) => assert!((400..600).contains(&status.0), "{name}"),
                Answer::Nothing => {}
            }
            if name.starts_with("Misuse") || name == "Truncated" {
                assert_eq!(error.answer(), Answer::Nothing, "{name}");
            } else {
                assert!(name.starts_with("Peer"), "{name}");
            }
        }
    }
}
