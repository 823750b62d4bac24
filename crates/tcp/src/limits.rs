//! What a connection may cost, and how long it may wait: value, source, and the attack or fault that
//! each stops. Those that are a matter of taste are defaults of [`Config`](crate::Config).

use core::time::Duration;

/// Maximum segment lifetime: RFC 9293 3.4.1 says two minutes. TIME-WAIT lasts twice as long (MUST-13),
/// so that no old segment meets a new connection.
pub const MSL: Duration = Duration::from_secs(120);

/// RTO before the first measurement: RFC 6298 (2.1).
pub const FIRST_RTO: Duration = Duration::from_secs(1);

/// RTO for data after a SYN had to be sent again: RFC 6298 (5.7).
pub const RTO_AFTER_SYN: Duration = Duration::from_secs(3);

/// The smallest RTO: RFC 6298 (2.4).
pub const MIN_RTO: Duration = Duration::from_secs(1);

/// The largest RTO: RFC 6298 (2.5) allows 60 seconds or more.
pub const MAX_RTO: Duration = Duration::from_secs(60);

/// Retransmissions after which the path is suspect, R1: RFC 9293 3.8.3, SHLD-10.
pub const R1: u32 = 3;

/// How long data may stay unanswered, R2: RFC 9293 3.8.3, SHLD-11. Without it a dead peer holds memory
/// for ever.
pub const USER_TIMEOUT: Duration = Duration::from_secs(100);

/// How long a SYN may stay unanswered: RFC 9293 3.8.3, MUST-23.
pub const SYN_TIMEOUT: Duration = Duration::from_secs(180);

/// How long an ACK may be delayed: RFC 9293 3.8.6.3, MUST-40 says less than 0.5 seconds; Linux's least.
pub const DELAYED_ACK: Duration = Duration::from_millis(40);

/// How long silly-window avoidance may hold data back: RFC 9293 3.8.6.2.1 says 0.1 to 1 second.
pub const OVERRIDE: Duration = Duration::from_millis(200);

/// How long a connection that nobody reads any more waits for the peer's FIN: Linux's
/// `tcp_fin_timeout`. Without it a silent peer holds it for ever.
pub const FIN_WAIT_2: Duration = Duration::from_secs(60);

/// Challenge ACKs that one connection sends in a second: RFC 5961 7. More would make it an amplifier;
/// a count that connections share would tell an attacker about the others (CVE-2016-5696).
pub const CHALLENGE_ACKS: u8 = 10;

/// Segments that have to arrive beyond a hole before it counts as lost: RFC 6675 2 (DupThresh).
pub const DUPLICATES: u8 = 3;

/// The same on a path that reorders: Linux's `tcp_max_reordering`.
pub const REORDERING: u16 = 300;

/// Disjoint ranges remembered beyond a hole, received and SACKed alike. More are dropped with an ACK:
/// every other octet of a window would otherwise cost eight octets each to remember. Every other segment
/// is missing after slow start has overrun a queue, and each has to be remembered to be repaired at once.
pub const RANGES: usize = 1024;

/// Octets of the receive buffer: Linux's default (`tcp_rmem`). Grows with what arrives.
pub const RECEIVE_BUFFER: u32 = 256 * 1024;

/// Octets of the send buffer. Grows with what is queued.
pub const SEND_BUFFER: u32 = 256 * 1024;

/// The largest buffer that the largest window scale can announce: RFC 7323 2.3.
pub const MAX_BUFFER: u32 = 1 << 30;

/// The least MSS that is believed: RFC 9293 3.7.1's default less the options; a smaller one would make
/// headers of all traffic (CVE-2019-11479). Linux's `TCP_MIN_SND_MSS`.
pub const MIN_MSS: u16 = 48;

/// Octets of data that a segment has room for at least, whatever options stand beside them: [`MIN_MSS`] less a
/// timestamp's twelve.
pub(crate) const MIN_SMSS: u32 = MIN_MSS as u32 - 12;

/// The most octets of options that IPv4's header has room for: RFC 791 3.1.
pub const IP_OPTIONS: usize = 40;

/// Octets of data given at once to a device that cuts them into segments: what the 16-bit length of
/// IP's header leaves beside the largest headers, 20 and 60 octets.
pub const SUPER_SEGMENT: u32 = 65_535 - 20 - 60;

/// Connections that have not finished their handshake, for one listener: beyond it cookies are sent
/// (RFC 4987 3.6). A flood of SYNs would otherwise fill memory.
pub const SYN_QUEUE: usize = 256;

/// Connections that wait to be accepted, for one listener: Linux's `somaxconn` was 128 for long.
pub const ACCEPT_QUEUE: usize = 128;

/// Segments without a connection that wait to be sent for one listener: more are dropped, as the
/// network might.
pub const REPLIES: usize = 64;
