//! What a host may cost, and what it tells strangers: value, source, and the attack or fault that each
//! stops. What one connection may cost are [`netkit_tcp::limits`].

use core::time::Duration;

/// TTL and hop limit of what is sent: IANA's recommendation (RFC 1700, "IP TIME TO LIVE PARAMETER").
pub const HOP_LIMIT: u8 = 64;

/// The least MTU of a link that carries IPv4: RFC 791 3.2.
pub const MIN_MTU_V4: u16 = 68;

/// The least MTU of a link that carries IPv6: RFC 8200 5.
pub const MIN_MTU_V6: u16 = 1280;

/// Extension headers in front of what a packet of IPv6 carries. RFC 8200 4.1 lists six kinds of which one
/// comes twice; more are a search that somebody else pays for (RFC 9098).
pub const EXTENSION_HEADERS: usize = 8;

/// Packets without a connection that wait to be sent: echo replies, errors, resets. More are dropped, as
/// the network might.
pub const OUTBOX: usize = 64;

/// ICMP errors sent at once, and
pub const ERRORS_AT_ONCE: u32 = 10;

/// how long each takes to be allowed again: RFC 4443 2.4 (f) wants a token bucket and gives these
/// figures. Without it the host multiplies a flood.
pub const ERROR_INTERVAL: Duration = Duration::from_millis(100);

/// Packets that are put together from pieces at once; the oldest makes room. Whoever sends first pieces only would
/// otherwise fill memory (RFC 8900 3.7); each may hold 64 KiB.
pub const FRAGMENTED_PACKETS: usize = 16;

/// Pieces of one packet: as many as a link of 576 octets makes of the longest. Pieces of eight octets would otherwise
/// cost many times what they carry (CVE-2018-5391).
pub const FRAGMENTS: usize = 128;

/// How long the pieces of a packet are waited for: RFC 1122 3.3.2 says 60 to 120 seconds, RFC 8200 4.5 says 60.
pub const REASSEMBLY: Duration = Duration::from_secs(60);

/// Source routes that are remembered from peers, where they are at all: each handshake may bring one.
pub const SOURCE_ROUTES: usize = 1024;

/// Destinations whose path's MTU is remembered; the oldest makes room. Only what answers a segment in flight is
/// believed, so nobody else can fill it.
pub const PATHS: usize = 1024;

/// How long it is: RFC 1191 6.3 and RFC 8201 4 recommend ten minutes.
pub const PATH_MTU: Duration = Duration::from_secs(600);

/// Octets of an IPv4 packet that an error quotes: RFC 1812 4.3.2.3 says as much as 576 octets hold.
pub const QUOTED_V4: usize = 548;

/// Octets of an IPv6 packet that an error quotes: RFC 4443 2.4 (c), as much as 1280 octets hold.
pub const QUOTED_V6: usize = 1232;

/// Connections that nobody reads any more, TIME-WAIT included. Beyond it the oldest in TIME-WAIT goes; if
/// there is none, who leaves resets. Linux's `tcp_max_orphans` is of this size on a small machine. Without
/// it peers that never answer a FIN would hold memory at no cost to them.
pub const ORPHANS: usize = 8192;

/// How long a connection's empty buffers are kept: a busy one needs them again at once, an idle one may be
/// so for hours.
pub const IDLE: Duration = Duration::from_secs(1);
