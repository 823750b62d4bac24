//! Sizes that bound what one peer can make this side hold. The HTTP and TLS machines have their own.

/// Octets read from the transport at once, at first. A quiet connection needs no more.
pub(crate) const READ_AT_FIRST: usize = 8 * 1024;

/// Octets read from the transport at once when reads keep filling the buffer: four TLS records
/// (RFC 9846 5.1) a system call.
pub(crate) const READ_AT_MOST: usize = 4 * (16 * 1024 + 256 + 5);

/// Octets of buffer that an idle connection may keep. Ten thousand idle connections: 160 MB.
pub(crate) const KEPT_WHEN_IDLE: usize = READ_AT_FIRST;

/// Octets waiting to be written above which nothing more is taken from a body: back-pressure reaches
/// the body's source when the peer reads slowly.
pub(crate) const WRITE_AHEAD: usize = 64 * 1024;

/// Octets of a request's body that are read and dropped when the handler did not want them, so that the
/// connection can serve another request. More than that and it closes instead: reading on would
/// let a peer keep the server busy for nothing.
pub(crate) const DISCARD: u64 = 256 * 1024;

/// Connections that a server holds at once by default; further ones wait in the kernel's backlog.
/// Attack: open sockets until memory or descriptors are gone.
pub(crate) const CONNECTIONS: usize = 10_000;

/// Connections that wait in the kernel for the server to accept them.
pub(crate) const BACKLOG: u32 = 1024;

/// Idle connections that a client keeps for one origin by default.
pub(crate) const IDLE_PER_HOST: usize = 8;

/// Idle connections that a client keeps in all. Attack: a crawl of many hosts exhausts descriptors.
pub(crate) const IDLE_IN_ALL: usize = 256;

/// Field lines that one head may have. RFC 9110 5.4 leaves it open; Apache and Go's peers stop at 100.
pub(crate) const FIELDS: usize = 128;
