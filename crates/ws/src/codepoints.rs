//! The registries of RFC 6455 11.7 and 11.8.

use netkit_core::wire_enum;

wire_enum! {
    /// What a frame is (RFC 6455 5.2): four bits.
    pub struct OpCode(u8) {
        /// More of the message that an earlier frame began.
        CONTINUATION = 0x0, "continuation";
        /// A message of text begins.
        TEXT = 0x1, "text";
        /// A message of octets begins.
        BINARY = 0x2, "binary";
        /// This side's last frame.
        CLOSE = 0x8, "close";
        /// To be answered with a pong.
        PING = 0x9, "ping";
        /// The answer to a ping, or a sign of life.
        PONG = 0xa, "pong";
    }
}

impl OpCode {
    /// RFC 6455 5.5: control frames have the highest of the four bits.
    pub const fn is_control(self) -> bool {
        self.0 & 0x8 != 0
    }
}

wire_enum! {
    /// Why a connection is closed (RFC 6455 7.4, and IANA's registry).
    pub struct CloseCode(u16) {
        /// Done.
        NORMAL_CLOSURE = 1000, "normal closure";
        /// The server stops, or the user leaves the page.
        GOING_AWAY = 1001, "going away";
        /// A rule of the protocol was broken.
        PROTOCOL_ERROR = 1002, "protocol error";
        /// A kind of message that this side takes none of.
        UNSUPPORTED_DATA = 1003, "unsupported data";
        /// Never sent: the close frame had no code.
        NO_STATUS = 1005, "no status received";
        /// Never sent: there was no close frame.
        ABNORMAL_CLOSURE = 1006, "abnormal closure";
        /// The message is not what its kind says: text that is not UTF-8.
        INVALID_PAYLOAD = 1007, "invalid frame payload data";
        /// Against this side's policy, where nothing says it better.
        POLICY_VIOLATION = 1008, "policy violation";
        /// A message is too big.
        TOO_BIG = 1009, "message too big";
        /// The client wanted an extension that the server did not agree to.
        MANDATORY_EXTENSION = 1010, "mandatory extension";
        /// The server met with something unexpected.
        INTERNAL_ERROR = 1011, "internal error";
        /// The server restarts.
        SERVICE_RESTART = 1012, "service restart";
        /// The server is overloaded.
        TRY_AGAIN_LATER = 1013, "try again later";
        /// A gateway got an invalid answer.
        BAD_GATEWAY = 1014, "bad gateway";
    }
}

impl CloseCode {
    /// Whether a close frame may carry it (RFC 6455 7.4.1, 7.4.2): registered and not reserved, or in the
    /// ranges of libraries and applications.
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

#[cfg(test)]
mod tests {
    use super::{CloseCode, OpCode};

    #[test]
    fn control_frames_have_the_highest_bit() {
        let control: alloc::vec::Vec<_> = OpCode::ALL.iter().filter(|op| op.is_control()).collect();
        assert_eq!(control, [&OpCode::CLOSE, &OpCode::PING, &OpCode::PONG]);
    }

    #[test]
    fn reserved_and_unregistered_codes_are_not_sent() {
        for code in [
            0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535,
        ] {
            assert!(!CloseCode(code).may_be_sent(), "{code}");
        }
        for code in [1000, 1003, 1007, 1014, 3000, 3999, 4000, 4999] {
            assert!(CloseCode(code).may_be_sent(), "{code}");
        }
    }
}
