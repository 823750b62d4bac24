//! A packet arrives: whose it is, and what it does.

use super::{Ends, Host, Party, Readiness, Socket, pieces};
use crate::{
    Dropped, Note,
    config::is_unicast,
    icmp::{self, Message, Report},
    ip::{self, Malformed, Packet, Route},
    limits,
    prefix::is_loopback,
    slab::Key,
};
use alloc::{vec, vec::Vec};
use core::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use netkit_tcp::{Heard, Icmp, PROTOCOL, PseudoHeader, Segment, Seq, State, Verified, refusal};

impl Host {
    /// Takes a packet that arrived on the link.
    ///
    /// # Errors
    /// [`Dropped`] says why it, or what it carried, was not taken: for a log, or a counter. What has to be
    /// answered is answered nevertheless.
    pub fn recv(&mut self, now: Duration, octets: &[u8]) -> Result<(), Dropped> {
        let packet = Packet::parse(octets).map_err(|error| {
            self.discard(now, octets, error);
            Dropped::Packet(error.reason)
        })?;
        if !is_unicast(&self.config, packet.source) || is_loopback(packet.source) {
            return Err(Dropped::BadSource);
        }
        if !self.config.is_ours(packet.destination) {
            let many = !is_unicast(&self.config, packet.destination);
            return Err(if many {
                Dropped::Broadcast
            } else {
                Dropped::NotOurs
            });
        }
        if let Route::Onward(_) = packet.route() {
            self.report(now, &packet, Report::SourceRoute);
            return Err(Dropped::SourceRoute);
        }
        let Some(piece) = packet.fragment else {
            return self.take(now, &packet);
        };
        match self.pieces.take(now, &packet, piece) {
            Ok(None) => Ok(()),
            Err(pieces::Refused) => Err(Dropped::Fragment),
            Ok(Some(whole)) => {
                let packet = Packet::parse(&whole).map_err(|error| {
                    self.discard(now, &whole, error);
                    Dropped::Packet(error.reason)
                })?;
                self.take(now, &packet)
            }
        }
    }

    /// A whole packet for this host.
    fn take(&mut self, now: Duration, packet: &Packet<'_>) -> Result<(), Dropped> {
        let taken = self.deliver(now, packet);
        if !matches!(taken, Err(Dropped::Segment(_))) {
            self.note(now, false, packet);
        }
        taken
    }

    /// Tells who looks on of a segment that was sent or received.
    pub(super) fn note(&self, at: Duration, sent: bool, packet: &Packet<'_>) {
        let (Some(watch), PROTOCOL) = (&self.config.watch, packet.protocol) else {
            return;
        };
        let Ok(segment) = Segment::parse(packet.payload) else {
            return;
        };
        let source = SocketAddr::new(packet.source, segment.source_port());
        let destination = SocketAddr::new(packet.final_destination(), segment.destination_port());
        let (local, remote) = if sent {
            (source, destination)
        } else {
            (destination, source)
        };
        watch.segment(&Note {
            at,
            sent,
            local,
            remote,
            segment,
            packet: packet.octets,
            state: self.state(local, remote),
        });
    }

    /// The state of the connection between two ends.
    fn state(&self, local: SocketAddr, remote: SocketAddr) -> State {
        let known = self.by_ends.get(&Ends::new(local, remote));
        if let Some(socket) = known.and_then(|key| self.sockets.get(*key)) {
            return socket.connection.state();
        }
        let listening = self
            .listener_at(local)
            .and_then(|key| self.listeners.get(key));
        listening.map_or(State::Closed, |it| it.listener.state(local, remote))
    }

    /// What a packet to this host carries.
    fn deliver(&mut self, now: Duration, packet: &Packet<'_>) -> Result<(), Dropped> {
        match (packet.protocol, packet.source) {
            (PROTOCOL, _) => self.segment(now, packet),
            (ip::ICMP, IpAddr::V4(_)) | (ip::ICMPV6, IpAddr::V6(_)) => self.message(now, packet),
            (ip::NO_NEXT_HEADER, IpAddr::V6(_)) => Ok(()),
            (ip::UDP, _) => {
                // RFC 1122 4.1.3.1: nobody listens on any port.
                self.report(now, packet, Report::Port);
                Err(Dropped::Refused)
            }
            _ => {
                // RFC 1122 3.2.2.1, RFC 8200 4.
                self.report(now, packet, Report::Protocol(packet.protocol_at));
                Err(Dropped::Protocol)
            }
        }
    }

    fn segment(&mut self, now: Duration, packet: &Packet<'_>) -> Result<(), Dropped> {
        let malformed = |error: netkit_tcp::SegmentError| Dropped::Segment(error.reason);
        let segment = Segment::parse(packet.payload).map_err(malformed)?;
        let pseudo = PseudoHeader::new(packet.source, packet.destination);
        let segment = segment
            .verify(pseudo.ok_or(Dropped::BadSource)?)
            .map_err(malformed)?;
        let local = SocketAddr::new(packet.destination, segment.destination_port());
        let remote = SocketAddr::new(packet.source, segment.source_port());
        let known = self.by_ends.get(&Ends::new(local, remote)).copied();
        let heard = match known {
            Some(key) if self.yields(key, &segment) => {
                self.reuse(now, key, local, &segment).unwrap_or_default()
            }
            Some(key) => self.hear(now, key, packet.traffic_class, &segment),
            None => match self.listener_at(local) {
                Some(key) => self.knock(now, key, (local, remote), &segment),
                None => return Err(self.refuse(packet, &segment)),
            },
        };
        if let Some(why) = heard.dropped {
            return Err(Dropped::Tcp(why));
        }
        self.learn_route(packet, local, remote);
        Ok(())
    }

    /// A segment for a connection.
    fn hear(&mut self, now: Duration, key: Key, class: u8, segment: &Verified<'_>) -> Heard {
        let Some(socket) = self.sockets.get_mut(key) else {
            return Heard::default();
        };
        socket.heard_traffic_class = class;
        socket.last_used = now;
        let heard = socket.connection.recv(now, segment);
        let news = Readiness {
            connected: heard.connected,
            readable: heard.data > 0 || heard.peer_closed || heard.urgent,
            writable: heard.connected
                || heard.acked > 0 && socket.connection.room() >= self.tcp.send_buffer as usize / 4,
            closed: heard.ended,
        };
        self.tell(key, news);
        self.touched(Party::Socket(key));
        heard
    }

    /// A segment for nobody yet.
    fn knock(
        &mut self,
        now: Duration,
        key: Key,
        (local, remote): (SocketAddr, SocketAddr),
        segment: &Verified<'_>,
    ) -> Heard {
        let Some(listening) = self.listeners.get_mut(key) else {
            return Heard::default();
        };
        let heard = listening.listener.recv(now, local, remote, segment);
        self.announce(key);
        self.touched(Party::Listener(key));
        heard
    }

    /// Tells a listener's owner of those who wait.
    pub(super) fn announce(&mut self, key: Key) {
        if let Some(listening) = self.listeners.get_mut(key)
            && listening.listener.waiting() > 0
            && !listening.has_news
        {
            listening.has_news = true;
            self.news.push_back(Party::Listener(key));
        }
    }

    /// Tells a socket's owner.
    pub(super) fn tell(&mut self, key: Key, news: Readiness) {
        let Some(socket) = self.sockets.get_mut(key) else {
            return;
        };
        if news == Readiness::default() || socket.is_left {
            return;
        }
        let known = &mut socket.news;
        known.connected |= news.connected;
        known.readable |= news.readable;
        known.writable |= news.writable;
        known.closed |= news.closed;
        if !socket.has_news {
            socket.has_news = true;
            self.news.push_back(Party::Socket(key));
        }
    }

    /// Whether a SYN takes the place of a connection in TIME-WAIT (RFC 6191).
    fn yields(&self, key: Key, segment: &Verified<'_>) -> bool {
        let yields = |socket: &Socket| socket.connection.yields_to(segment);
        self.sockets.get(key).is_some_and(yields)
    }

    fn reuse(
        &mut self,
        now: Duration,
        old: Key,
        local: SocketAddr,
        segment: &Verified<'_>,
    ) -> Option<Heard> {
        let key = self.listener_at(local)?;
        let socket = self.sockets.get_mut(old)?;
        let listening = self.listeners.get_mut(key)?;
        let heard = listening.listener.reuse(now, &socket.connection, segment);
        if heard.dropped.is_none() {
            self.retire(old);
        }
        self.touched(Party::Listener(key));
        Some(heard)
    }

    /// Takes a connection's ends from it: whoever still holds it finds it closed.
    fn retire(&mut self, key: Key) {
        let Some(socket) = self.sockets.get_mut(key) else {
            return;
        };
        socket.connection.abort();
        self.touched(Party::Socket(key));
        self.settle(key);
    }

    /// Who listens there: at that address, at any of its family, or at any at all.
    fn listener_at(&self, local: SocketAddr) -> Option<Key> {
        let port = local.port();
        let any_six = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let any = match local.ip() {
            IpAddr::V4(_) => IpAddr::from([0; 4]),
            IpAddr::V6(_) => any_six,
        };
        [local.ip(), any, any_six]
            .iter()
            .find_map(|ip| self.by_port.get(&(port, *ip)).copied())
    }

    /// RFC 9293 3.10.7.1: there is no connection, and nobody who waits for one.
    fn refuse(&mut self, packet: &Packet<'_>, segment: &Verified<'_>) -> Dropped {
        let (local, remote) = (packet.destination, packet.source);
        let answer = refusal(segment).zip(PseudoHeader::new(local, remote));
        if let Some((header, pseudo)) = answer {
            let mut octets = vec![0; header.length()];
            header.write(pseudo, &mut octets);
            let (local, remote) = (SocketAddr::new(local, 0), SocketAddr::new(remote, 0));
            self.enclose(local, remote, self.config.hop_limit, &octets);
        }
        Dropped::Refused
    }

    fn message(&mut self, now: Duration, packet: &Packet<'_>) -> Result<(), Dropped> {
        match icmp::parse(packet).ok_or(Dropped::Message)? {
            Message::EchoRequest(rest) => {
                let reply = icmp::echo_reply(packet, rest);
                self.post(reply);
                Ok(())
            }
            Message::Error(report, quoted) => self.hear_report(now, report, &quoted),
            Message::Other => Ok(()),
        }
    }

    /// RFC 9293 3.9.2.2, MUST-54: to the connection that sent what is quoted.
    fn hear_report(
        &mut self,
        now: Duration,
        report: Icmp,
        quoted: &Packet<'_>,
    ) -> Result<(), Dropped> {
        let [ports, sequence] = quoted
            .payload
            .as_chunks::<4>()
            .0
            .first_chunk::<2>()
            .copied()
            .map(|words| words.map(u32::from_be_bytes))
            .ok_or(Dropped::Report)?;
        if quoted.protocol != PROTOCOL || quoted.fragment.is_some_and(|it| it.offset > 0) {
            return Err(Dropped::Report);
        }
        let local = SocketAddr::new(quoted.source, (ports >> 16) as u16);
        let remote = SocketAddr::new(quoted.final_destination(), ports as u16);
        let key = self.by_ends.get(&Ends::new(local, remote)).copied();
        let key = key.ok_or(Dropped::Report)?;
        let socket = self.sockets.get_mut(key).ok_or(Dropped::Report)?;
        let mtu = socket.connection.path_mtu();
        socket.connection.icmp(report, Seq(sequence));
        if socket.connection.path_mtu() < mtu {
            let mtu = socket.connection.path_mtu();
            self.paths.hear(now, remote.ip(), mtu);
        }
        socket.last_used = now;
        self.touched(Party::Socket(key));
        Ok(())
    }

    /// A packet that cannot be read to its end: its sender may have to be told.
    fn discard(&mut self, now: Duration, octets: &[u8], error: ip::PacketError) {
        let (report, even_many) = match error.reason {
            Malformed::OptionTold => (Report::Option(error.at), true),
            Malformed::OptionToldIfUnicast => (Report::Option(error.at), false),
            Malformed::Routing => (Report::Field(error.at), false),
            Malformed::FirstFragment => (Report::FirstFragment, false),
            _ => return,
        };
        let Some((source, destination)) = Packet::ends_of(octets) else {
            return;
        };
        let is_ours = self.config.is_ours(destination);
        let us = if even_many && !is_ours && !is_unicast(&self.config, destination) {
            self.config.source_towards(source)
        } else {
            is_ours.then_some(destination)
        };
        if let Some(us) = us
            && is_unicast(&self.config, source)
            && !is_loopback(source)
            && self.errors.take(now)
        {
            self.post(icmp::report(us, source, report, octets));
        }
    }

    /// Reports an error to a packet's sender, unless it was one itself (RFC 1122 3.2.2).
    pub(super) fn report(&mut self, now: Duration, packet: &Packet<'_>, report: Report) {
        if !icmp::is_error(packet.protocol, packet.payload) && self.errors.take(now) {
            let (us, them) = (packet.destination, packet.source);
            self.post(icmp::report(us, them, report, packet.octets));
        }
    }

    /// Puts a segment into a packet that belongs to no connection.
    pub(super) fn enclose(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        hop_limit: u8,
        segment: &[u8],
    ) {
        let way = self.routes.way(local, remote);
        let packet = way.header(local.ip()).map(|mut header| {
            header.hop_limit = hop_limit;
            let mut packet: Vec<u8> = vec![0; header.length()];
            packet.extend_from_slice(segment);
            header.write(&mut packet);
            packet
        });
        self.post(packet);
    }

    fn post(&mut self, packet: Option<Vec<u8>>) {
        if self.outbox.len() < limits::OUTBOX {
            self.outbox.extend(packet);
        }
    }
}
