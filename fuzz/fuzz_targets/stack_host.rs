//! A host that anybody sends packets to while its owner does as it likes: no panic, what it sends is whole
//! and its own, it falls silent, and what it holds is bounded.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use netkit_stack::{
    Event, Host, HostConfig, ListenerId, SocketId,
    ip::{Header, ICMP, ICMPV6, Packet},
    tcp::{self, Backlog, PseudoHeader, Secret, Segment},
};
use std::{net::IpAddr, net::SocketAddr, time::Duration};

/// What happens next.
#[derive(Debug, Arbitrary)]
enum Act<'a> {
    /// Octets off the link.
    Octets(&'a [u8]),
    /// A segment from the peer, with its checksum put right.
    Segment {
        to: u8,
        from: u8,
        octets: &'a [u8],
    },
    /// An ICMP message from the peer, likewise.
    Message {
        octets: &'a [u8],
        six: bool,
    },
    /// A piece of a packet from the peer.
    Piece {
        offset: u8,
        name: u8,
        more: bool,
        six: bool,
        octets: &'a [u8],
    },
    /// A SYN that came by a source route, or a segment of the connection that it opened.
    Routed {
        flags: u8,
        options: [u8; 12],
    },
    /// The peer answers what it was last sent, its numbers right but for a little.
    Answer {
        flags: u8,
        ack: i8,
        seq: i8,
        window: u16,
        data: u8,
    },
    Wait(u16),
    Connect {
        port: u8,
        six: bool,
    },
    Send {
        socket: u8,
        length: u16,
    },
    Read {
        socket: u8,
        length: u16,
    },
    Close(u8),
    Leave(u8),
    Abort(u8),
    Accept,
    Unlisten,
    Listen(u8),
}

fn ip(six: bool, host: u16) -> IpAddr {
    if six {
        IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host])
    } else {
        IpAddr::from([192, 0, 2, host as u8])
    }
}

/// A packet from the peer.
fn packet(six: bool, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let header = Header::new(ip(six, 2), ip(six, 1), protocol).expect("one family");
    let mut octets = vec![0; header.length()];
    octets.extend_from_slice(payload);
    header.write(&mut octets);
    octets
}

/// A piece of an echo request, or of anything: in IPv6 behind a fragment header.
fn piece(six: bool, name: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    if six {
        let [high, low] = (offset | u16::from(more)).to_be_bytes();
        let extension = [ICMPV6, 0, high, low, 0, 0, 0, name];
        return packet(true, 44, &[&extension, payload].concat());
    }
    let mut octets = packet(false, ICMP, payload);
    let field = offset / 8 | if more { 0x2000 } else { 0 };
    octets[4..6].copy_from_slice(&[0, name]);
    octets[6..8].copy_from_slice(&field.to_be_bytes());
    octets[10..12].fill(0);
    let sum = tcp::internet_checksum(&octets[..20]);
    octets[10..12].copy_from_slice(&sum.to_be_bytes());
    octets
}

struct World {
    host: Host,
    now: Duration,
    sockets: Vec<SocketId>,
    listener: Option<ListenerId>,
    last: Vec<u8>,
}

impl World {
    fn act(&mut self, act: &Act<'_>) {
        let now = self.now;
        match *act {
            Act::Octets(octets) => {
                let _ = self.host.recv(now, octets);
            }
            Act::Segment { to, from, octets } => {
                let mut octets = octets.to_vec();
                octets.resize(octets.len().max(tcp::HEADER), 0);
                octets[..4].copy_from_slice(&[4, from & 3, 4, to & 3]);
                self.segment(from & 4 != 0, octets);
            }
            Act::Message { octets, six } => {
                let mut octets = octets.to_vec();
                octets.resize(octets.len().max(8), 0);
                octets[2..4].fill(0);
                let sum = if six {
                    let pseudo = PseudoHeader::carrying(ICMPV6, ip(six, 2), ip(six, 1));
                    pseudo.expect("one family").checksum(&octets)
                } else {
                    tcp::internet_checksum(&octets)
                };
                octets[2..4].copy_from_slice(&sum.to_be_bytes());
                let protocol = if six { ICMPV6 } else { ICMP };
                let _ = self.host.recv(now, &packet(six, protocol, &octets));
            }
            Act::Piece {
                offset,
                name,
                more,
                six,
                octets,
            } => {
                let offset = u16::from(offset & 15) * 8;
                let octets = piece(six, name & 3, offset, more, octets);
                let _ = self.host.recv(now, &octets);
            }
            Act::Routed { flags, options } => {
                let header = tcp::Header {
                    source_port: 1024,
                    destination_port: 1024,
                    flags: tcp::Flags(u16::from(flags)),
                    window: 1000,
                    ..tcp::Header::default()
                };
                let mut ip =
                    Header::new(ip(false, 2), ip(false, 1), tcp::PROTOCOL).expect("one family");
                ip.options = &options;
                let mut octets = vec![0; ip.length() + header.length()];
                let pseudo = PseudoHeader::new(self::ip(false, 2), self::ip(false, 1));
                header.write(pseudo.expect("one family"), &mut octets[32..]);
                ip.write(&mut octets);
                let _ = self.host.recv(now, &octets);
            }
            Act::Answer {
                flags,
                ack,
                seq,
                window,
                data,
            } => self.answer(flags, ack, seq, window, data),
            Act::Wait(ms) => self.now += Duration::from_millis(u64::from(ms) * 7),
            Act::Connect { port, six } => {
                let to = SocketAddr::new(ip(six, 2), 1024 + u16::from(port & 3));
                if self.sockets.len() < 8 {
                    self.sockets.extend(self.host.connect(now, None, to));
                }
            }
            Act::Send { socket, length } => {
                if let Some(id) = self.socket(socket) {
                    let _ = self.host.send(now, id, &vec![7; length.into()]);
                }
            }
            Act::Read { socket, length } => {
                if let Some(id) = self.socket(socket) {
                    let _ = self.host.read(now, id, &mut vec![0; length.into()]);
                }
            }
            Act::Close(socket) => {
                if let Some(id) = self.socket(socket) {
                    let _ = self.host.close(now, id);
                }
            }
            Act::Leave(socket) => {
                if let Some(id) = self.socket(socket) {
                    self.host.leave(now, id);
                    self.sockets.retain(|known| *known != id);
                }
            }
            Act::Abort(socket) => {
                if let Some(id) = self.socket(socket) {
                    let _ = self.host.abort(now, id);
                }
            }
            Act::Accept => {
                if let Some(id) = self.listener {
                    self.sockets.extend(self.host.accept(now, id));
                }
            }
            Act::Unlisten => {
                if let Some(id) = self.listener.take() {
                    self.host.unlisten(now, id);
                }
            }
            Act::Listen(port) => {
                let at = SocketAddr::new(IpAddr::from([0u16; 8]), 1024 + u16::from(port & 3));
                let backlog = Backlog {
                    syn_queue: 4,
                    accept_queue: 4,
                };
                if self.listener.is_none()
                    && let Ok((id, _)) = self.host.listen(at, backlog)
                {
                    self.listener = Some(id);
                }
            }
        }
    }

    fn socket(&self, index: u8) -> Option<SocketId> {
        let count = self.sockets.len();
        self.sockets.get(usize::from(index) % count.max(1)).copied()
    }

    fn segment(&mut self, six: bool, mut octets: Vec<u8>) {
        let pseudo = PseudoHeader::new(ip(six, 2), ip(six, 1)).expect("one family");
        pseudo.fill(&mut octets);
        let _ = self
            .host
            .recv(self.now, &packet(six, tcp::PROTOCOL, &octets));
    }

    fn answer(&mut self, flags: u8, ack: i8, seq: i8, window: u16, data: u8) {
        let last = self.last.clone();
        let Ok(sent) = Packet::parse(&last) else {
            return;
        };
        let Ok(segment) = Segment::parse(sent.payload) else {
            return;
        };
        let shifted = |number: tcp::Seq, by: i8| tcp::Seq(number.0.wrapping_add_signed(by.into()));
        let header = tcp::Header {
            source_port: segment.destination_port(),
            destination_port: segment.source_port(),
            sequence_number: shifted(segment.acknowledgment_number(), seq / 16),
            acknowledgment_number: shifted(segment.sequence_number() + segment.length(), ack / 16),
            flags: tcp::Flags(u16::from(flags)),
            window,
            ..tcp::Header::default()
        };
        let mut octets = vec![0; header.length() + usize::from(data)];
        let pseudo = PseudoHeader::new(sent.source, sent.final_destination()).expect("one family");
        header.write(pseudo, &mut octets);
        let six = sent.source.is_ipv6();
        self.segment(six, octets);
    }

    fn settle(&mut self) {
        let mut out = Vec::new();
        for count in 0.. {
            assert!(count < 5000, "never silent");
            out.clear();
            let Some(sent) = self.host.transmit(self.now, &mut out) else {
                break;
            };
            let octets = &out[sent.range];
            assert!(octets.len() <= 1500);
            let sent = Packet::parse(octets).expect("whole");
            assert_eq!(sent.source, ip(sent.source.is_ipv6(), 1));
            assert!(!sent.destination.is_multicast() && !sent.destination.is_unspecified());
            if sent.protocol == tcp::PROTOCOL {
                let pseudo = PseudoHeader::new(sent.source, sent.final_destination());
                let pseudo = pseudo.expect("one family");
                let segment = Segment::parse(sent.payload).expect("whole");
                segment.verify(pseudo).expect("its checksum is right");
                if sent.destination == ip(sent.source.is_ipv6(), 2) {
                    self.last = octets.to_vec();
                }
            }
        }
        for count in 0.. {
            assert!(count < 100, "more news than sockets");
            match self.host.event() {
                Some(Event::Socket(id, _)) => assert!(self.host.connection(id).is_some()),
                Some(Event::Acceptable(id)) => assert_eq!(Some(id), self.listener),
                None => break,
            }
        }
        let due = self.host.timeout();
        assert!(
            due.is_none_or(|at| at > self.now),
            "a timer that ran out stays"
        );
    }
}

fuzz_target!(|data: &[u8]| {
    let addresses = ["192.0.2.1/24", "2001:db8::1/64"].map(|text| text.parse().expect("a prefix"));
    let mut config = HostConfig::new(addresses, Secret::new([7; 16]));
    config.source_routes = data.len().is_multiple_of(2);
    let mut world = World {
        host: Host::new(config).expect("a host"),
        now: Duration::from_secs(1),
        sockets: Vec::new(),
        listener: None,
        last: Vec::new(),
    };
    world.act(&Act::Listen(0));
    let mut acts = Unstructured::new(data);
    for _ in 0..200 {
        let Ok(act) = Act::arbitrary(&mut acts) else {
            break;
        };
        if acts.is_empty() {
            break;
        }
        world.act(&act);
        world.settle();
    }
    // Left alone, it forgets everything.
    for id in core::mem::take(&mut world.sockets) {
        world.host.leave(world.now, id);
    }
    if let Some(id) = world.listener.take() {
        world.host.unlisten(world.now, id);
    }
    for _ in 0..2000 {
        world.settle();
        match world.host.timeout() {
            Some(at) => world.now = at,
            None => break,
        }
    }
    assert_eq!(world.host.connections(), 0, "held for ever");
});
