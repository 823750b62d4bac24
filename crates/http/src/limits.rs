//! What one message may cost before it is refused. The slots of a head are an argument of `recv`:
//! their number limits the fields.

/// Octets of a request line or status line, without CRLF. RFC 9112 3 recommends support for 8000;
/// nginx and Apache stop at 8 KiB. Without it one line fills the inbox.
pub const START_LINE: u32 = 8 * 1024;

/// Octets of a head, from its first to its last CRLF. nginx takes 32 KiB, Node 16 KiB, Go 1 MiB.
/// Without it a head without an end fills the inbox (RFC 9110 5.4).
pub const HEAD: u32 = 64 * 1024;

/// Octets of a trailer section, with its last CRLF. It is held like a head, behind any body.
pub const TRAILERS: u32 = 16 * 1024;

/// Empty lines before one request line. RFC 9112 2.2 asks a server to ignore at least one; endless
/// ones keep a connection alive for nothing.
pub const EMPTY_LINES: u32 = 4;

/// Octets of one chunk-size line, without CRLF: sixteen hexadecimal digits and room for extensions.
pub const CHUNK_LINE: u32 = 1024;

/// Octets that the chunk extensions of one message may add up to. RFC 9112 7.1.1: "ought to limit
/// the total length"; nginx and Go bound the overhead since CVE-2023-39326 (extensions on one-octet
/// chunks multiply the traffic of a body).
pub const CHUNK_EXTENSIONS: u32 = 16 * 1024;

/// Interim responses before a final one. RFC 9110 15.2 sets no bound; without one a server keeps a
/// client busy for ever.
pub const INTERIM_RESPONSES: u32 = 64;

/// Requests that a client may have outstanding on one connection. The machine remembers each one's
/// method until its answer came.
pub const PIPELINE: u32 = 64;

/// Octets that coded content may decode to. Behind a ratio that passes for good, a peer could keep a client
/// busy, and its disk filling, for as long as it likes.
pub const DECODED: u64 = 16 << 30;

/// How many times its coded length content may be: a stream of zeros is 1030 times as long as its deflate data,
/// text is 3 to 20 times as long. Apache's DeflateInflateRatioLimit is 200.
pub const RATIO: u64 = 200;

/// Octets that content may decode to whatever its ratio: little is cheap, and may well be all the same.
pub const BEFORE_RATIO: u64 = 1 << 20;

/// The ratio is judged each time so many coded octets have come; between two times they decode to a
/// little more than a thousand times as much.
#[cfg(feature = "coding")]
pub(crate) const RATIO_GRID: u64 = 1024;

/// Octets of the header of one gzip member. RFC 1952 2.3 sets no bound to a file's name or comment; an extra
/// field has at most 65 537.
pub const GZIP_HEADER: u32 = 80 * 1024;

/// The limits of decoding; the constants of this module by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodingLimits {
    /// Octets of content: [`DECODED`].
    pub decoded: u64,
    /// Octets of content for each coded one: [`RATIO`]; 0 counts as 1.
    pub ratio: u64,
    /// Octets of content before the ratio counts: [`BEFORE_RATIO`].
    pub before_ratio: u64,
    /// Octets of a gzip member's header: [`GZIP_HEADER`].
    pub gzip_header: u32,
}

impl Default for CodingLimits {
    fn default() -> Self {
        Self {
            decoded: DECODED,
            ratio: RATIO,
            before_ratio: BEFORE_RATIO,
            gzip_header: GZIP_HEADER,
        }
    }
}

/// The limits of one connection; the constants of this module by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a start line: [`START_LINE`].
    pub start_line: u32,
    /// Octets of a head: [`HEAD`].
    pub head: u32,
    /// Octets of a trailer section: [`TRAILERS`].
    pub trailers: u32,
    /// Empty lines before a request line: [`EMPTY_LINES`].
    pub empty_lines: u32,
    /// Octets of a chunk-size line: [`CHUNK_LINE`].
    pub chunk_line: u32,
    /// Octets of all chunk extensions of a message: [`CHUNK_EXTENSIONS`].
    pub chunk_extensions: u32,
    /// Interim responses before a final one: [`INTERIM_RESPONSES`].
    pub interim_responses: u32,
    /// Outstanding requests: [`PIPELINE`].
    pub pipeline: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start_line: START_LINE,
            head: HEAD,
            trailers: TRAILERS,
            empty_lines: EMPTY_LINES,
            chunk_line: CHUNK_LINE,
            chunk_extensions: CHUNK_EXTENSIONS,
            interim_responses: INTERIM_RESPONSES,
            pipeline: PIPELINE,
        }
    }
}
