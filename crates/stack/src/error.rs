use core::fmt;

/// Why a call to a host was refused, or what ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// The connection's own error.
    Tcp(netkit_tcp::Error),
    /// The socket or listener of this name was given up.
    MisuseGone,
    /// Someone listens, or has a connection, between these ends already.
    MisuseInUse,
    /// The local address is none of this host's.
    MisuseNotOurs,
    /// A configuration without an address, or whose MTU is too small for one.
    MisuseConfig,
    /// This host has no address of the peer's family.
    MisuseFamily,
    /// The peer's address means many hosts, or none (RFC 9293 3.9.2.3, MUST-46).
    MisuseBroadcast,
    /// Every port towards that peer is taken.
    LocalPortsUsedUp,
}

impl Error {
    /// The variant's name: stable, for logs and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp(error) => error.name(),
            Self::MisuseGone => "MisuseGone",
            Self::MisuseInUse => "MisuseInUse",
            Self::MisuseNotOurs => "MisuseNotOurs",
            Self::MisuseConfig => "MisuseConfig",
            Self::MisuseFamily => "MisuseFamily",
            Self::MisuseBroadcast => "MisuseBroadcast",
            Self::LocalPortsUsedUp => "LocalPortsUsedUp",
        }
    }
}

impl From<netkit_tcp::Error> for Error {
    fn from(error: netkit_tcp::Error) -> Self {
        Self::Tcp(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(error) => return error.fmt(f),
            Self::MisuseGone => "the socket was given up before",
            Self::MisuseInUse => "the address is in use: choose another port",
            Self::MisuseNotOurs => "the address is none of this host's",
            Self::MisuseConfig => {
                "a host needs an address, and an MTU of 68 octets for IPv4 or 1280 for IPv6"
            }
            Self::MisuseFamily => "this host has no address of the peer's family",
            Self::MisuseBroadcast => "nobody can connect to an address of many hosts, or of none",
            Self::LocalPortsUsedUp => "every port towards that peer is in use",
        })
    }
}

impl core::error::Error for Error {}

/// Why a packet was not taken, or what it carried was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dropped {
    /// It is no IP packet, or one that has to be discarded.
    Packet(crate::ip::Malformed),
    /// It is for somebody else: a host forwards nothing (RFC 1122 3.3.5).
    NotOurs,
    /// Its source is no host's address.
    BadSource,
    /// It is for many hosts, and not answered (RFC 9293 3.9.2.3, MUST-57).
    Broadcast,
    /// A piece of a packet that does not fit the others: none is kept (RFC 5722).
    Fragment,
    /// Its source route goes on to somebody else: a host forwards nothing (RFC 1122 3.3.5).
    SourceRoute,
    /// What it carries is no TCP segment.
    Segment(netkit_tcp::Malformed),
    /// What it carries is no ICMP message, or its checksum is wrong.
    Message,
    /// Nobody listens on that port.
    Refused,
    /// Nothing here speaks that protocol.
    Protocol,
    /// A report about something that this host did not send.
    Report,
    /// TCP did not take the segment.
    Tcp(netkit_tcp::Dropped),
}
