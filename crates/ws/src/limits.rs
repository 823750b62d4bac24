//! What one peer may cost before it is refused.

/// Octets of one frame's payload. A frame is streamed, so a long one costs no memory here; but who
/// keeps messages whole keeps it. tungstenite's limit, and enough for Autobahn's longest.
pub const FRAME: u64 = 16 * 1024 * 1024;

/// Octets of one message, after inflation. Attack: a message without an end, a few octets that inflate
/// to gigabytes.
pub const MESSAGE: u64 = 16 * 1024 * 1024;

/// How many octets one compressed octet may become, beyond [`INFLATED_FREE`]. DEFLATE's most is 1032.
/// Attack: a little traffic that keeps this side busy; text compresses to a tenth, logs to a fiftieth.
pub const INFLATE_RATIO: u64 = 100;

/// Octets that a message may inflate to whatever its ratio is: repetitive but small messages are no
/// attack.
pub const INFLATED_FREE: u64 = 1024 * 1024;

/// Octets of output that no longer take pongs for every ping: RFC 6455 5.5.3 lets a side answer the
/// latest only. Attack: pings from a peer that does not read.
pub const PONG_BACKLOG: usize = 4 * 1024;

/// Octets inflated in one call.
#[cfg(feature = "deflate")]
pub(crate) const INFLATED_PIECE: usize = 16 * 1024;

/// Final blocks (RFC 7692 7.2.3.5) in one message. Attack: each is two octets, and a new beginning that
/// takes as long as two hundred others. Who ends a message so needs one.
#[cfg(feature = "deflate")]
pub(crate) const FINAL_BLOCKS: u32 = 64;

/// Octets of buffer for compression that a connection keeps between messages.
#[cfg(feature = "deflate")]
pub(crate) const KEPT: usize = 64 * 1024;

/// Extensions and subprotocols that an opening handshake may list. Attack: a head full of them, each
/// looked at.
pub(crate) const LISTED: usize = 32;

/// The limits of one connection; the constants of this module by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of one frame's payload: [`FRAME`].
    pub frame: u64,
    /// Octets of one message: [`MESSAGE`].
    pub message: u64,
    /// Octets that one compressed octet may become: [`INFLATE_RATIO`]. The octets of a frame count as
    /// soon as its head announces them, so that a refusal does not depend on how they arrive.
    pub inflate_ratio: u64,
    /// Octets that any compressed message may inflate to: [`INFLATED_FREE`].
    pub inflated_free: u64,
    /// Octets of output above which only the latest ping is answered: [`PONG_BACKLOG`].
    pub pong_backlog: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame: FRAME,
            message: MESSAGE,
            inflate_ratio: INFLATE_RATIO,
            inflated_free: INFLATED_FREE,
            pong_backlog: PONG_BACKLOG,
        }
    }
}
