//! Ways that packets take to their destinations, where they are not the usual ones: source routes (RFC 9293
//! 3.9.2.1) and small paths (RFC 1191, RFC 8201).

use super::{Ends, Host, Party, SocketId};
use crate::{
    Error,
    config::is_unicast,
    ip::{Header, Packet, Route, SourceRoute},
    limits,
};
use alloc::collections::BTreeMap;
use core::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use netkit_tcp::{Connection, PROTOCOL};

/// The source routes of connections.
#[derive(Debug, Default)]
pub(super) struct Routes {
    known: BTreeMap<Ends, Known>,
}

#[derive(Debug)]
struct Known {
    route: SourceRoute,
    local: SocketAddr,
    /// By the owner: what the peer sends does not replace it (MUST-52).
    is_given: bool,
}

/// How a packet leaves: to whom first, and what it says of its way.
pub(super) struct Way {
    pub(super) next: IpAddr,
    option: [u8; 40],
    length: usize,
}

impl Way {
    const fn direct(remote: IpAddr) -> Self {
        Self {
            next: remote,
            option: [0; 40],
            length: 0,
        }
    }

    /// The header of a segment's packet.
    pub(super) fn header(&self, local: IpAddr) -> Option<Header<'_>> {
        let mut header = Header::new(local, self.next, PROTOCOL)?;
        header.options = &self.option[..self.length];
        Some(header)
    }
}

impl Routes {
    pub(super) fn way(&self, local: SocketAddr, remote: SocketAddr) -> Way {
        if self.known.is_empty() {
            return Way::direct(remote.ip());
        }
        match (self.known.get(&Ends::new(local, remote)), remote.ip()) {
            (Some(known), IpAddr::V4(destination)) => Way {
                next: known.route.first().into(),
                option: known.route.option(destination),
                length: known.route.length(),
            },
            _ => Way::direct(remote.ip()),
        }
    }

    pub(super) fn forget(&mut self, ends: &Ends) {
        self.known.remove(ends);
    }

    fn length(&self, ends: &Ends) -> usize {
        let known = self.known.get(ends);
        known.map_or(0, |known| known.route.length())
    }
}

impl Host {
    /// Opens a connection as [`connect`](Self::connect) does, by a source route: all its packets take that, whatever
    /// the peer's came by (RFC 9293 3.9.2.1, MUST-51, MUST-52). Networks that the route crosses mostly drop
    /// such packets (RFC 7126 4.3).
    ///
    /// # Errors
    /// As [`connect`](Self::connect); [`Error::MisuseFamily`] over IPv6, which has no such option (RFC 5095).
    pub fn connect_by(
        &mut self,
        now: Duration,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        route: SourceRoute,
    ) -> Result<SocketId, Error> {
        if remote.is_ipv6() {
            return Err(Error::MisuseFamily);
        }
        if !self.is_hop(route.first()) {
            return Err(Error::MisuseBroadcast);
        }
        let id = self.connect(now, local, remote)?;
        let local = self.socket(id)?.connection.local();
        self.keep_route(local, remote, route, true);
        Ok(id)
    }

    /// The source route of a connection's packets, if they have one.
    pub fn source_route(&self, id: SocketId) -> Option<SourceRoute> {
        let ends = Ends::of(self.connection(id)?);
        self.routes.known.get(&ends).map(|known| known.route)
    }

    /// A segment was taken that came by a source route: the answers go back by it (MUST-53), by the latest of
    /// several (SHLD-24).
    pub(super) fn learn_route(
        &mut self,
        packet: &Packet<'_>,
        local: SocketAddr,
        remote: SocketAddr,
    ) {
        if let (true, Route::Back(route)) = (self.config.source_routes, packet.route())
            && self.is_hop(route.first())
        {
            self.keep_route(local, remote, route, false);
        }
    }

    /// Whether a packet may go there first.
    fn is_hop(&self, first: Ipv4Addr) -> bool {
        is_unicast(&self.config, first.into()) && !self.config.is_ours(first.into())
    }

    fn keep_route(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        route: SourceRoute,
        is_given: bool,
    ) {
        let ends = Ends::new(local, remote);
        let known = self.routes.known.get(&ends);
        if !is_given && known.is_some_and(|known| known.is_given) {
            return;
        }
        let is_known = known.is_some();
        if !is_known && self.routes.known.len() >= limits::SOURCE_ROUTES {
            // Of handshakes that came to nothing.
            let (sockets, ports) = (&self.by_ends, &self.by_port);
            self.routes.known.retain(|ends, known| {
                sockets.contains_key(ends)
                    || ports.keys().any(|(port, _)| *port == known.local.port())
            });
        }
        if is_known || is_given || self.routes.known.len() < limits::SOURCE_ROUTES {
            self.routes.known.insert(
                ends,
                Known {
                    route,
                    local,
                    is_given,
                },
            );
        }
        if let Some(&key) = self.by_ends.get(&ends)
            && let Some(socket) = self.sockets.get_mut(key)
        {
            socket.connection.set_ip_options(self.routes.length(&ends));
            self.touched(Party::Socket(key));
        }
    }

    /// What is known of the way to a connection's peer before anything is sent on it.
    pub(super) fn prepare(&mut self, now: Duration, connection: &mut Connection) {
        if let Some(mtu) = self.paths.mtu(now, connection.remote().ip()) {
            connection.set_path_mtu(mtu);
        }
        let options = self.routes.length(&Ends::of(connection));
        connection.set_ip_options(options);
    }
}

/// The MTU of paths that carry less than the link does, by destination (RFC 1191 6.2, RFC 8201 5.2).
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// Until when it is believed.
    known: BTreeMap<IpAddr, (u16, Duration)>,
}

impl Paths {
    pub(super) fn hear(&mut self, now: Duration, remote: IpAddr, mtu: u16) {
        if self.known.len() >= limits::PATHS && !self.known.contains_key(&remote) {
            self.known.retain(|_, (_, until)| *until > now);
            let oldest = self.known.iter().min_by_key(|(_, (_, until))| *until);
            if let Some(&oldest) = oldest.map(|(remote, _)| remote)
                && self.known.len() >= limits::PATHS
            {
                self.known.remove(&oldest);
            }
        }
        self.known.insert(remote, (mtu, now + limits::PATH_MTU));
    }

    fn mtu(&self, now: Duration, remote: IpAddr) -> Option<u16> {
        let (mtu, until) = self.known.get(&remote)?;
        (*until > now).then_some(*mtu)
    }
}

#[cfg(test)]
mod tests {
    use super::Paths;
    use crate::limits::{PATH_MTU, PATHS};
    use core::{net::IpAddr, time::Duration};

    #[test]
    fn paths_are_believed_for_a_while_and_the_oldest_makes_room() {
        let mut paths = Paths::default();
        let at = |index: usize| IpAddr::from([10, 0, (index >> 8) as u8, index as u8]);
        let now = Duration::from_secs(5);
        for index in 0..PATHS {
            paths.hear(now + Duration::from_millis(index as u64), at(index), 600);
        }
        let later = now + Duration::from_secs(60);
        paths.hear(later, at(1), 500);
        assert_eq!(paths.mtu(later, at(0)), Some(600));
        assert_eq!(paths.mtu(later, at(1)), Some(500));
        paths.hear(later, at(PATHS), 700);
        assert_eq!(paths.mtu(later, at(0)), None);
        assert_eq!(paths.mtu(later, at(2)), Some(600));
        assert_eq!(paths.known.len(), PATHS);
        // Those that are too old go first, all at once.
        let end = now + PATH_MTU + Duration::from_secs(5);
        assert_eq!(paths.mtu(end, at(2)), None);
        paths.hear(end, at(PATHS + 1), 800);
        assert_eq!(paths.known.len(), 3);
        assert_eq!(paths.mtu(end, at(1)), Some(500));
    }
}
