use core::{fmt, net::SocketAddr, time::Duration};
use netkit_tcp::{Segment, State};

/// Looks on at a host's connections, to tell their story: [`HostConfig::watch`](crate::HostConfig::watch).
pub trait Watch: Send + Sync {
    /// Called for each segment that the host sends, and for each that arrives whole, after it had its
    /// effect. It may not call the host.
    fn segment(&self, note: &Note<'_>);
}

/// A segment that was sent or received.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Note<'p> {
    /// When.
    pub at: Duration,
    /// Whether this host sent it.
    pub sent: bool,
    /// This host's end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// The segment.
    pub segment: Segment<'p>,
    /// The packet that it travels in.
    pub packet: &'p [u8],
    /// The state of the connection between these ends, now that it was sent or received: LISTEN if there is
    /// none yet, CLOSED if there is none and nobody listens.
    pub state: State,
}

impl fmt::Debug for dyn Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}
