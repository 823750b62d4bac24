//! Ways that packets take: source routes (RFC 9293 3.9.2.1, RFC 1122 3.2.1.8 (c)), and what a path carries.

mod hand;

use hand::*;
use netkit_stack::{
    Dropped, Error, Host, HostConfig,
    ip::{Header, Packet, Route, SourceRoute},
    tcp::{self, Backlog, Flags, PROTOCOL, PseudoHeader, Secret, Segment, State},
};
use std::net::Ipv4Addr;

fn hop(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, last)
}

fn route(hops: &[Ipv4Addr]) -> SourceRoute {
    SourceRoute::new(hops, false).expect("room")
}

/// A host that answers by the routes that packets came by.
fn trusting() -> Host {
    let mut config = HostConfig::new(
        ["192.0.2.1/24".parse().expect("a prefix")],
        Secret::new([7; 16]),
    );
    config.source_routes = true;
    Host::new(config).expect("a host")
}

/// A segment from the peer that passed `hops`.
fn routed(header: tcp::Header, hops: &[Ipv4Addr]) -> Vec<u8> {
    let plain = segment(THEIRS[0], OURS[0], header);
    let mut option = vec![131, 3 + 4 * hops.len() as u8, 4 + 4 * hops.len() as u8];
    option.extend(hops.iter().flat_map(Ipv4Addr::octets));
    option.push(0);
    let mut header = Header::new(ip(THEIRS[0]), ip(OURS[0]), PROTOCOL).expect("one family");
    header.options = &option;
    let mut octets = vec![0; header.length()];
    octets.extend_from_slice(&plain[20..]);
    header.write(&mut octets);
    octets
}

/// The segment of a packet that goes by some route to the peer in the end, and whom it goes to first.
fn on_its_way(octets: &[u8]) -> (Segment<'_>, Ipv4Addr) {
    let packet = Packet::parse(octets).expect("a packet");
    assert_eq!(packet.route(), Route::Onward(ip4(THEIRS[0])));
    // The pseudo-header has the final destination (RFC 9293 3.1).
    let pseudo = PseudoHeader::new(packet.source, ip(THEIRS[0])).expect("one family");
    let segment = Segment::parse(packet.payload).expect("a segment");
    let std::net::IpAddr::V4(first) = packet.destination else {
        panic!("of IPv4")
    };
    (
        *segment.verify(pseudo).expect("its checksum is right"),
        first,
    )
}

fn ip4(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}

fn ack(of: &Segment<'_>, seq: u32) -> tcp::Header {
    tcp::Header {
        sequence_number: tcp::Seq(seq),
        acknowledgment_number: of.sequence_number() + of.length(),
        flags: Flags::ACK,
        ..syn(5, 80)
    }
}

#[test]
fn a_connection_opens_by_the_route_that_its_owner_names() {
    let (mut host, now) = (trusting(), SECOND);
    let by = route(&[hop(7), hop(8)]);
    let id = host
        .connect_by(now, None, at(THEIRS[0], 80), by)
        .expect("a way");
    assert_eq!(host.source_route(id), Some(by));
    let octets = only(&mut host, now);
    let (first, next) = on_its_way(&octets);
    assert_eq!((first.flags(), next), (Flags::SYN, hop(7)));
    // MUST-52: a route that the peer's packets came by does not replace it.
    let answer = tcp::Header {
        source_port: 80,
        destination_port: first.source_port(),
        acknowledgment_number: first.sequence_number() + 1,
        flags: Flags::SYN | Flags::ACK,
        ..syn(80, first.source_port())
    };
    host.recv(now, &routed(answer, &[hop(20)])).expect("taken");
    let octets = only(&mut host, now);
    assert_eq!(on_its_way(&octets).1, hop(7));
    assert_eq!(host.source_route(id), Some(by));
    // MUST-16: the option takes its room.
    host.send(now, id, &[5; 5000]).expect("open");
    let octets = sent(&mut host, now).expect("data");
    assert_eq!(octets.len(), 20 + 12 + 20 + 536 - 12);
    host.abort(now, id).expect("held");
    while let Some(octets) = sent(&mut host, now) {
        assert_eq!(Packet::parse(&octets).expect("a packet").options.len(), 12);
    }
    assert_eq!(host.source_route(id), None);
}

#[test]
fn a_route_has_to_be_one() {
    let (mut host, now) = (host(), SECOND);
    let by = |host: &mut Host, to: &str, first: Ipv4Addr| {
        host.connect_by(now, None, at(to, 80), route(&[first]))
            .err()
    };
    let many = Ipv4Addr::new(224, 0, 0, 1);
    let ours = by(&mut host, THEIRS[0], ip4(OURS[0]));
    assert_eq!(ours, Some(Error::MisuseBroadcast));
    assert_eq!(by(&mut host, THEIRS[1], hop(7)), Some(Error::MisuseFamily));
    assert_eq!(by(&mut host, THEIRS[0], many), Some(Error::MisuseBroadcast));
    assert_eq!(host.connections(), 0);
}

#[test]
fn answers_go_back_by_the_route_that_a_packet_came_by() {
    let (mut host, now) = (trusting(), SECOND);
    let listening = host.listen(at("0.0.0.0", 80), Backlog::default());
    let (listener, _) = listening.expect("free");
    host.recv(now, &routed(syn(5, 80), &[hop(7), hop(8)]))
        .expect("taken");
    let octets = only(&mut host, now);
    let (answer, next) = on_its_way(&octets);
    assert_eq!((answer.flags(), next), (Flags::SYN | Flags::ACK, hop(8)));
    let option = Packet::parse(&octets).expect("a packet").options;
    assert_eq!(option, [131, 11, 4, 198, 51, 100, 7, 192, 0, 2, 2, 0]);
    // One that would begin at many hosts, or here, is none.
    for first in [Ipv4Addr::BROADCAST, ip4(OURS[0])] {
        host.recv(now, &routed(syn(6, 80), &[first]))
            .expect("taken");
        let octets = only(&mut host, now);
        assert_eq!(
            Packet::parse(&octets).expect("a packet").destination,
            ip(THEIRS[0])
        );
        let reset = tcp::Header {
            flags: Flags::RST,
            sequence_number: tcp::Seq(1001),
            ..syn(6, 80)
        };
        // It returns to LISTEN.
        let _ = host.recv(now, &segment(THEIRS[0], OURS[0], reset));
        silent(&mut host, now);
    }
    // It stays although the next packet came without one.
    host.recv(now, &segment(THEIRS[0], OURS[0], ack(&answer, 1001)))
        .expect("taken");
    let id = host.accept(now, listener).expect("connected");
    assert_eq!(host.source_route(id), Some(route(&[hop(8), hop(7)])));
    host.send(now, id, b"data").expect("open");
    let octets = only(&mut host, now);
    assert_eq!(on_its_way(&octets).1, hop(8));
    // SHLD-24: a later one takes its place.
    let mut data = ack(&answer, 1001);
    data.acknowledgment_number += 4;
    host.recv(now, &routed(data, &[hop(9)])).expect("taken");
    host.send(now, id, b"data").expect("open");
    let octets = only(&mut host, now);
    assert_eq!(on_its_way(&octets).1, hop(9));
    // Not one that a segment brings which is not taken.
    let mut stray = ack(&answer, 900_000);
    stray.acknowledgment_number += 4;
    let refused = host.recv(now, &routed(stray, &[hop(66)]));
    assert_eq!(refused, Err(Dropped::Tcp(tcp::Dropped::OutsideWindow)));
    assert_eq!(host.source_route(id), Some(route(&[hop(9)])));
}

#[test]
fn unless_asked_a_host_answers_by_no_route() {
    let (mut host, now) = (host(), SECOND);
    host.listen(at("::", 80), Backlog::default()).expect("free");
    host.recv(now, &routed(syn(5, 80), &[hop(7)]))
        .expect("taken");
    let octets = only(&mut host, now);
    assert_eq!(tcp_of(&octets).flags(), Flags::SYN | Flags::ACK);
    assert_eq!(
        Packet::parse(&octets).expect("a packet").destination,
        ip(THEIRS[0])
    );
}

/// RFC 1122 3.3.5: a host that forwards nothing says so.
#[test]
fn what_goes_on_from_here_is_not_taken() {
    let (mut host, now) = (trusting(), SECOND);
    let mut octets = routed(syn(5, 80), &[hop(7)]);
    // Its pointer is at the last address.
    octets[22] = 4;
    octets[10..12].fill(0);
    let sum = tcp::internet_checksum(&octets[..28]);
    octets[10..12].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(error_of(&mut host, &octets, now), ([3, 5], 0));
    assert_eq!(host.recv(now, &octets), Err(Dropped::SourceRoute));
}

#[test]
fn an_error_about_what_went_by_a_route_is_heard() {
    let (mut host, now) = (host(), SECOND);
    let id = host
        .connect_by(now, None, at(THEIRS[0], 80), route(&[hop(7)]))
        .expect("a way");
    let octets = only(&mut host, now);
    host.recv(now, &about(3, 3, 0, &octets)).expect("taken");
    assert_eq!(state(&host, id), State::Closed);
}

#[test]
fn what_is_remembered_of_handshakes_is_bounded() {
    let (mut host, now) = (trusting(), SECOND);
    let (listener, _) = host
        .listen(at("0.0.0.0", 80), Backlog::default())
        .expect("free");
    let mut first = None;
    for port in 1..=2000 {
        host.recv(now, &routed(syn(port, 80), &[hop(7)]))
            .expect("answered");
        while let Some(octets) = sent(&mut host, now) {
            let is_routed = !Packet::parse(&octets).expect("a packet").options.is_empty();
            if port == 1 {
                first = Some(on_its_way(&octets).0.sequence_number());
            }
            assert_eq!(
                is_routed,
                port as usize <= netkit_stack::limits::SOURCE_ROUTES
            );
        }
    }
    // A later one takes the place of its own.
    let done = tcp::Header {
        sequence_number: tcp::Seq(1001),
        acknowledgment_number: first.expect("answered") + 1,
        flags: Flags::ACK,
        ..syn(1, 80)
    };
    host.recv(now, &routed(done, &[hop(9)])).expect("taken");
    let id = host.accept(now, listener).expect("connected");
    assert_eq!(host.source_route(id), Some(route(&[hop(9)])));
    // Those of a listener that is gone make room.
    host.unlisten(now, listener);
    while sent(&mut host, now).is_some() {}
    host.listen(at("0.0.0.0", 81), Backlog::default())
        .expect("free");
    host.recv(now, &routed(syn(5, 81), &[hop(7)]))
        .expect("answered");
    let octets = only(&mut host, now);
    assert_eq!(on_its_way(&octets).1, hop(7));
}

/// RFC 1191 6.2, RFC 8201 5.2: what one connection hears of a path, the next one to that host knows.
#[test]
fn the_next_connection_knows_how_small_a_path_is() {
    for (family, kind, code, mtu) in [(0, 3, 4, 1000u32), (1, 2, 0, 1300)] {
        let (mut a, mut b, now) = (host(), peer(), SECOND);
        let (server, _) = connected(&mut a, &mut b, family, now);
        a.send(now, server, &[7; 16_000]).expect("open");
        let large = sent(&mut a, now).expect("data");
        assert_eq!(large.len(), 1500);
        while sent(&mut a, now).is_some() {}
        a.recv(now, &about(kind, code, mtu, &large)).expect("taken");
        exchange(&mut a, &mut b, now);
        let longest = |a: &mut Host, b: &mut Host, port: u16, now| {
            b.listen(at(THEIRS[family], port), Backlog::default())
                .expect("free");
            let id = a
                .connect(now, None, at(THEIRS[family], port))
                .expect("a way");
            exchange(a, b, now);
            a.send(now, id, &[7; 16_000]).expect("open");
            let mut longest = 0;
            while let Some(octets) = sent(a, now) {
                longest = longest.max(octets.len());
                b.recv(now, &octets).expect("taken");
            }
            longest
        };
        assert_eq!(longest(&mut a, &mut b, 81, now), mtu as usize);
        // It may have grown in the meantime.
        let later = now + netkit_stack::limits::PATH_MTU;
        assert_eq!(longest(&mut a, &mut b, 82, later), 1500);
    }
}

/// Nobody can make a path small by a report about nothing in flight.
#[test]
fn a_report_about_nothing_in_flight_makes_no_path_smaller() {
    let (mut a, mut b, now) = (host(), peer(), SECOND);
    let (server, _) = connected(&mut a, &mut b, 0, now);
    a.send(now, server, &[7; 1448]).expect("open");
    let large = sent(&mut a, now).expect("data");
    b.recv(now, &large).expect("taken");
    exchange(&mut a, &mut b, now + SECOND);
    a.recv(now, &about(3, 4, 600, &large)).expect("ignored");
    let id = a.connect(now, None, at(THEIRS[0], 90)).expect("a way");
    assert_eq!(a.connection(id).expect("held").path_mtu(), 1500);
}
