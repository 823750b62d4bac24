use crate::{Error, Prefix, Watch, limits, prefix::is_host};
use alloc::{sync::Arc, vec::Vec};
use core::net::IpAddr;
use netkit_tcp::{Config, Secret};

/// What a host is.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Its addresses; of one family, or both. The first of a family is the source towards networks that
    /// it is not in.
    pub addresses: Vec<Prefix>,
    /// Octets of the largest packet that the link carries.
    pub mtu: u16,
    /// TTL and hop limit, unless a socket sets its own (RFC 9293 3.9.2, MUST-49).
    pub hop_limit: u8,
    /// Whether connections from peers whose packets came by a source route answer by it (RFC 9293 3.9.2.1, MUST-53).
    /// Off, it is passed over as an option that is not understood: with it anybody on the route can speak
    /// for any address (RFC 7126 4.3.2), so Linux too wants to be asked (`accept_source_route`).
    pub source_routes: bool,
    /// What its connections have in common; their MTU is [`mtu`](Self::mtu), whatever stands there.
    pub tcp: Config,
    /// Who looks on.
    pub watch: Option<Arc<dyn Watch>>,
}

impl HostConfig {
    /// A host with these addresses on a link of 1500 octets, and sixteen octets of good randomness.
    pub fn new(addresses: impl IntoIterator<Item = Prefix>, secret: Secret) -> Self {
        Self {
            addresses: addresses.into_iter().collect(),
            mtu: 1500,
            hop_limit: limits::HOP_LIMIT,
            source_routes: false,
            tcp: Config::new(secret),
            watch: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let least = self.addresses.iter().map(|prefix| match prefix.address() {
            IpAddr::V4(_) => limits::MIN_MTU_V4,
            IpAddr::V6(_) => limits::MIN_MTU_V6,
        });
        match least.max() {
            Some(least) if self.mtu >= least => Ok(()),
            _ => Err(Error::MisuseConfig),
        }
    }

    /// Whether an address is this host's.
    pub(crate) fn is_ours(&self, address: IpAddr) -> bool {
        self.addresses
            .iter()
            .any(|prefix| prefix.address() == address)
    }

    /// Whether an address means every host of a network that this one is in, or of all.
    pub(crate) fn is_broadcast(&self, address: IpAddr) -> bool {
        self.addresses
            .iter()
            .any(|prefix| prefix.is_broadcast(address))
            || matches!(address, IpAddr::V4(four) if four.is_broadcast())
    }

    /// The source towards `remote` (RFC 9293 3.9.2.3, MUST-44): the address whose network it is in, by the
    /// longest prefix, or else the first of its family (RFC 1122 3.3.4.3, RFC 6724 5 rule 8).
    pub(crate) fn source_towards(&self, remote: IpAddr) -> Option<IpAddr> {
        let of_family = || {
            self.addresses
                .iter()
                .filter(|prefix| prefix.address().is_ipv4() == remote.is_ipv4())
        };
        let itself = of_family().find(|prefix| prefix.address() == remote);
        let near = || {
            of_family()
                .filter(|prefix| prefix.contains(remote))
                .max_by_key(|prefix| prefix.length())
        };
        let chosen = itself.or_else(near).or_else(|| of_family().next());
        chosen.map(Prefix::address)
    }
}

/// Whether an address may be one peer's, as far as this host can tell (RFC 9293 3.9.2.3).
pub(crate) fn is_unicast(config: &HostConfig, address: IpAddr) -> bool {
    is_host(address) && !config.is_broadcast(address)
}
