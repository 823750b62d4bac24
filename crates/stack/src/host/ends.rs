use core::net::{IpAddr, SocketAddr};
use netkit_tcp::Connection;

/// Both ends of a connection, as numbers that are compared at once; the ports first, which differ most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ends {
    ports: u32,
    remote: u128,
    local: u128,
}

impl Ends {
    pub(super) fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            ports: u32::from(remote.port()) << 16 | u32::from(local.port()),
            remote: bits(remote.ip()),
            local: bits(local.ip()),
        }
    }

    pub(super) fn of(connection: &Connection) -> Self {
        Self::new(connection.local(), connection.remote())
    }
}

/// IPv4 addresses have a place in IPv6 that no packet of IPv6 may use (RFC 4942 2.2): none is taken for
/// another.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => four.to_ipv6_mapped().to_bits(),
        IpAddr::V6(six) => six.to_bits(),
    }
}
