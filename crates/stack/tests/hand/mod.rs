//! A host whose peer is the test: packets by hand, and two hosts that pass them to each other.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use netkit_stack::{
    Event, Host, HostConfig, SocketId,
    ip::{Header, ICMP, ICMPV6, Packet},
    tcp::{self, Backlog, Flags, PROTOCOL, PseudoHeader, Secret, Segment, State},
};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

pub const SECOND: Duration = Duration::from_secs(1);
pub const OURS: [&str; 2] = ["192.0.2.1", "2001:db8::1"];
pub const THEIRS: [&str; 2] = ["192.0.2.2", "2001:db8::2"];

pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub fn at(text: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip(text), port)
}

pub fn host_at(addresses: &[&str]) -> Host {
    let addresses = addresses.iter().map(|text| text.parse().expect("a prefix"));
    Host::new(HostConfig::new(addresses, Secret::new([7; 16]))).expect("a host")
}

pub fn host() -> Host {
    host_at(&["192.0.2.1/24", "2001:db8::1/64"])
}

pub fn peer() -> Host {
    host_at(&["192.0.2.2/24", "2001:db8::2/64"])
}

/// A packet from anybody to anybody.
pub fn packet(source: &str, destination: &str, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let header = Header::new(ip(source), ip(destination), protocol).expect("one family");
    let mut octets = vec![0; header.length()];
    octets.extend_from_slice(payload);
    header.write(&mut octets);
    octets
}

pub fn segment(source: &str, destination: &str, header: tcp::Header) -> Vec<u8> {
    let mut octets = vec![0; header.length()];
    let pseudo = PseudoHeader::new(ip(source), ip(destination)).expect("one family");
    header.write(pseudo, &mut octets);
    packet(source, destination, PROTOCOL, &octets)
}

pub fn syn(from: u16, to: u16) -> tcp::Header {
    tcp::Header {
        source_port: from,
        destination_port: to,
        sequence_number: tcp::Seq(1000),
        flags: Flags::SYN,
        window: 1000,
        ..tcp::Header::default()
    }
}

pub fn sent(host: &mut Host, now: Duration) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let sent = host.transmit(now, &mut out)?;
    assert_eq!(sent.range, 0..out.len());
    Some(out)
}

/// What a host says in one packet, and nothing else.
pub fn only(host: &mut Host, now: Duration) -> Vec<u8> {
    let octets = sent(host, now).expect("something to say");
    assert_eq!(sent(host, now), None);
    octets
}

pub fn silent(host: &mut Host, now: Duration) {
    assert_eq!(sent(host, now), None);
}

pub fn tcp_of(octets: &[u8]) -> Segment<'_> {
    let packet = Packet::parse(octets).expect("a packet");
    assert_eq!(packet.protocol, PROTOCOL);
    let pseudo = PseudoHeader::new(packet.source, packet.destination).expect("one family");
    let segment = Segment::parse(packet.payload).expect("a segment");
    *segment.verify(pseudo).expect("its checksum is right")
}

/// Passes packets both ways until both fall silent.
pub fn exchange(a: &mut Host, b: &mut Host, now: Duration) {
    let mut quiet = false;
    while !quiet {
        quiet = true;
        while let Some(octets) = sent(a, now) {
            // Among them may be what came twice, or came too early.
            let _ = b.recv(now, &octets);
            quiet = false;
        }
        while let Some(octets) = sent(b, now) {
            let _ = a.recv(now, &octets);
            quiet = false;
        }
    }
}

pub fn news(host: &mut Host) -> Vec<Event> {
    std::iter::from_fn(|| host.event()).collect()
}

/// A connection from `b` to port 80 of `a`.
pub fn connected(a: &mut Host, b: &mut Host, family: usize, now: Duration) -> (SocketId, SocketId) {
    let listener = match a.listen(at("::", 80), Backlog::default()) {
        Ok((id, _)) => id,
        Err(error) => panic!("{error}"),
    };
    let client = b.connect(now, None, at(OURS[family], 80)).expect("a way");
    exchange(a, b, now);
    assert!(news(a).contains(&Event::Acceptable(listener)));
    let server = a.accept(now, listener).expect("connected");
    (server, client)
}

pub fn state(host: &Host, id: SocketId) -> State {
    host.connection(id).expect("held").state()
}

/// Type, code and the four octets behind the checksum of the error that a packet causes, and that it quotes
/// the packet.
pub fn error_of(host: &mut Host, arrived: &[u8], now: Duration) -> ([u8; 2], u32) {
    host.recv(now, arrived).expect_err("refused");
    let octets = only(host, now);
    let error = Packet::parse(&octets).expect("a packet");
    let at = u32::from_be_bytes(error.payload[4..8].try_into().expect("four octets"));
    let quoted = &error.payload[8..];
    assert!(!quoted.is_empty() && arrived.starts_with(quoted));
    let sum = match error.source {
        IpAddr::V4(_) => tcp::internet_checksum(error.payload),
        IpAddr::V6(_) => {
            let pseudo = PseudoHeader::carrying(ICMPV6, error.source, error.destination);
            pseudo.expect("one family").checksum(error.payload)
        }
    };
    assert_eq!(sum, 0);
    ([error.payload[0], error.payload[1]], at)
}

/// An ICMP message about `quoted`.
pub fn about(kind: u8, code: u8, field: u32, quoted: &[u8]) -> Vec<u8> {
    let (source, destination, protocol) = match quoted[0] >> 4 {
        4 => (THEIRS[0], OURS[0], ICMP),
        _ => (THEIRS[1], OURS[1], ICMPV6),
    };
    let mut message = vec![kind, code, 0, 0];
    message.extend_from_slice(&field.to_be_bytes());
    message.extend_from_slice(quoted);
    let sum = match protocol {
        ICMP => tcp::internet_checksum(&message),
        _ => PseudoHeader::carrying(ICMPV6, ip(source), ip(destination))
            .expect("one family")
            .checksum(&message),
    };
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    packet(source, destination, protocol, &message)
}
