//! A host without a network.

mod hand;

use hand::*;
use netkit_stack::{
    Dropped, Error, Event, Host, HostConfig,
    ip::{self, Header, ICMP, ICMPV6, Packet},
    limits,
    tcp::{self, Backlog, Flags, KeepAlive, PROTOCOL, PseudoHeader, Secret, State},
};
use std::{net::SocketAddr, time::Duration};

#[test]
fn a_closed_port_is_refused_by_a_reset_in_both_families() {
    for family in 0..2 {
        let (mut host, now) = (host(), SECOND);
        let arrived = segment(THEIRS[family], OURS[family], syn(5, 80));
        assert_eq!(host.recv(now, &arrived), Err(Dropped::Refused));
        let answer = only(&mut host, now);
        let reset = tcp_of(&answer);
        assert_eq!(reset.flags(), Flags::RST | Flags::ACK);
        assert_eq!((reset.source_port(), reset.destination_port()), (80, 5));
        assert_eq!(reset.acknowledgment_number(), tcp::Seq(1001));
        // A reset is not answered, nor what was damaged.
        let mut header = syn(5, 80);
        header.flags = Flags::RST;
        let arrived = segment(THEIRS[family], OURS[family], header);
        assert_eq!(host.recv(now, &arrived), Err(Dropped::Refused));
        let mut arrived = segment(THEIRS[family], OURS[family], syn(5, 80));
        *arrived.last_mut().expect("octets") ^= 1;
        assert_eq!(
            host.recv(now, &arrived),
            Err(Dropped::Segment(tcp::Malformed::Checksum))
        );
        silent(&mut host, now);
    }
}

#[test]
fn what_is_for_many_or_from_nobody_is_dropped_silently() {
    let (mut host, now) = (host(), SECOND);
    host.listen(at("::", 80), Backlog::default()).expect("free");
    for (source, destination, why) in [
        ("192.0.2.2", "192.0.2.255", Dropped::Broadcast),
        ("192.0.2.2", "192.0.2.0", Dropped::Broadcast),
        ("192.0.2.2", "255.255.255.255", Dropped::Broadcast),
        ("192.0.2.2", "224.0.0.1", Dropped::Broadcast),
        ("2001:db8::2", "ff02::1", Dropped::Broadcast),
        ("192.0.2.2", "192.0.2.3", Dropped::NotOurs),
        ("2001:db8::2", "2001:db8::3", Dropped::NotOurs),
        ("192.0.2.255", "192.0.2.1", Dropped::BadSource),
        ("255.255.255.255", "192.0.2.1", Dropped::BadSource),
        ("224.0.0.1", "192.0.2.1", Dropped::BadSource),
        ("127.0.0.1", "192.0.2.1", Dropped::BadSource),
        ("0.0.0.0", "192.0.2.1", Dropped::BadSource),
        ("::1", "2001:db8::1", Dropped::BadSource),
        ("::", "2001:db8::1", Dropped::BadSource),
        ("ff02::1", "2001:db8::1", Dropped::BadSource),
        ("::ffff:192.0.2.2", "2001:db8::1", Dropped::BadSource),
    ] {
        for port in [80, 81] {
            let arrived = segment(source, destination, syn(5, port));
            assert_eq!(host.recv(now, &arrived), Err(why), "{source} {destination}");
            silent(&mut host, now);
        }
        let arrived = packet(source, destination, ip::UDP, &[0; 8]);
        assert_eq!(host.recv(now, &arrived), Err(why), "{source} {destination}");
        silent(&mut host, now);
    }
}

#[test]
fn nobody_connects_to_many_hosts_or_without_an_address() {
    let (mut host, now) = (host(), SECOND);
    for address in [
        "192.0.2.255",
        "255.255.255.255",
        "224.0.0.1",
        "0.0.0.0",
        "::",
        "ff02::1",
    ] {
        assert_eq!(
            host.connect(now, None, at(address, 80)),
            Err(Error::MisuseBroadcast)
        );
    }
    let local = |text| Some(at(text, 5));
    let connect = |host: &mut Host, from, to| host.connect(now, local(from), at(to, 80));
    assert_eq!(
        connect(&mut host, "192.0.2.9", "192.0.2.2"),
        Err(Error::MisuseNotOurs)
    );
    assert_eq!(
        connect(&mut host, "192.0.2.1", "2001:db8::2"),
        Err(Error::MisuseFamily)
    );
    assert!(connect(&mut host, "192.0.2.1", "192.0.2.2").is_ok());
    assert_eq!(
        connect(&mut host, "192.0.2.1", "192.0.2.2"),
        Err(Error::MisuseInUse)
    );
    let mut four = host_at(&["192.0.2.1/24"]);
    assert_eq!(
        four.connect(now, None, at("2001:db8::2", 80)),
        Err(Error::MisuseFamily)
    );
    let listen = |host: &mut Host, text| host.listen(at(text, 80), Backlog::default());
    assert_eq!(
        listen(&mut host, "192.0.2.9").map(drop),
        Err(Error::MisuseNotOurs)
    );
    assert!(listen(&mut host, "192.0.2.1").is_ok());
    assert_eq!(
        listen(&mut host, "192.0.2.1").map(drop),
        Err(Error::MisuseInUse)
    );
    let error = Host::new(HostConfig::new([], Secret::new([7; 16]))).map(drop);
    assert_eq!(error, Err(Error::MisuseConfig));
    let mut small = HostConfig::new(
        ["2001:db8::1/64".parse().expect("a prefix")],
        Secret::new([7; 16]),
    );
    small.mtu = 1279;
    assert_eq!(Host::new(small).map(drop), Err(Error::MisuseConfig));
}

#[test]
fn the_source_is_that_of_the_nearest_network() {
    let addresses = [
        "192.0.2.1/24",
        "10.0.0.1/8",
        "10.1.0.1/16",
        "2001:db8::1/64",
        "fd00::1/8",
    ];
    let mut host = host_at(&addresses);
    for (to, from) in [
        ("192.0.2.9", "192.0.2.1"),
        ("10.2.0.9", "10.0.0.1"),
        ("10.1.0.9", "10.1.0.1"),
        ("198.51.100.1", "192.0.2.1"),
        ("2001:db8::9", "2001:db8::1"),
        ("fd01::9", "fd00::1"),
        ("2001:db9::9", "2001:db8::1"),
        ("10.1.0.1", "10.1.0.1"),
    ] {
        let id = host.connect(SECOND, None, at(to, 80)).expect("a way");
        let local = host.connection(id).expect("held").local();
        assert_eq!(local.ip(), ip(from), "to {to}");
        assert!(local.port() >= 1024);
    }
}

/// An unknown option, one of no operation, and one that ends the list.
#[test]
fn options_of_ip_are_passed_over() {
    let (mut host, now) = (host(), SECOND);
    host.listen(at("::", 80), Backlog::default()).expect("free");
    let plain = segment(THEIRS[0], OURS[0], syn(5, 80));
    let mut header = Header::new(ip(THEIRS[0]), ip(OURS[0]), PROTOCOL).expect("one family");
    header.options = &[0x5e, 4, 9, 9, 1, 0x9e, 2, 0];
    let mut octets = vec![0; header.length()];
    octets.extend_from_slice(&plain[20..]);
    header.write(&mut octets);
    host.recv(now, &octets).expect("taken");
    let answer = only(&mut host, now);
    assert_eq!(tcp_of(&answer).flags(), Flags::SYN | Flags::ACK);
}

#[test]
fn connections_are_told_apart_by_both_ends() {
    let (mut a, mut b, now) = (host(), peer(), SECOND);
    let (listener, _) = a.listen(at(OURS[0], 80), Backlog::default()).expect("free");
    let (other, _) = a
        .listen(at("0.0.0.0", 81), Backlog::default())
        .expect("free");
    let ids: Vec<_> = (0..300u32)
        .map(|number| {
            let to = at(OURS[0], if number % 3 == 0 { 81 } else { 80 });
            b.connect(now, None, to).expect("a way")
        })
        .collect();
    let mut accepted = 0;
    let mut clock = now;
    while accepted < 300 {
        exchange(&mut a, &mut b, clock);
        for id in [listener, other] {
            while let Some(server) = a.accept(clock, id) {
                accepted += 1;
                let remote = a.connection(server).expect("held").remote().port();
                a.send(clock, server, &remote.to_be_bytes()).expect("open");
            }
        }
        clock += SECOND;
    }
    exchange(&mut a, &mut b, clock);
    for id in ids {
        let mut heard = [0; 2];
        let own = b.connection(id).expect("held").local().port();
        assert_eq!(b.read(clock, id, &mut heard), Ok(2));
        assert_eq!(u16::from_be_bytes(heard), own);
    }
    assert_eq!((a.connections(), b.connections()), (300, 300));
}

#[test]
fn a_connection_lives_and_is_forgotten() {
    for family in 0..2 {
        let (mut a, mut b, mut now) = (host(), peer(), SECOND);
        let (server, client) = connected(&mut a, &mut b, family, now);
        assert_eq!(b.send(now, client, b"question"), Ok(8));
        exchange(&mut a, &mut b, now);
        let told = news(&mut a);
        assert!(told.iter().any(
            |event| matches!(event, Event::Socket(id, ready) if *id == server && ready.readable)
        ));
        let mut heard = [0; 9];
        assert_eq!(a.read(now, server, &mut heard), Ok(8));
        b.leave(now, client);
        assert_eq!(b.send(now, client, b"more"), Err(Error::MisuseGone));
        exchange(&mut a, &mut b, now);
        assert_eq!(state(&a, server), State::CloseWait);
        a.leave(now, server);
        exchange(&mut a, &mut b, now);
        assert_eq!((a.connections(), b.connections()), (0, 1));
        assert!(a.is_idle() && b.is_idle());
        // TIME-WAIT ends by itself.
        for _ in 0..10 {
            let Some(due) = b.timeout() else { break };
            now = due;
            silent(&mut b, now);
        }
        assert_eq!((b.connections(), b.timeout()), (0, None));
        assert_eq!(now, SECOND + Duration::from_secs(240));
    }
}

#[test]
fn a_syn_takes_the_place_of_time_wait() {
    let (mut a, mut b, now) = (host(), peer(), SECOND);
    let (server, client) = connected(&mut a, &mut b, 0, now);
    let local = b.connection(client).expect("held").local();
    a.close(now, server).expect("held");
    exchange(&mut a, &mut b, now);
    b.leave(now, client);
    exchange(&mut a, &mut b, now);
    assert_eq!((state(&a, server), b.connections()), (State::TimeWait, 0));
    let now = now + SECOND;
    let again = b
        .connect(now, Some(local), at(OURS[0], 80))
        .expect("free again");
    exchange(&mut a, &mut b, now);
    assert_eq!(state(&b, again), State::Established);
    assert_eq!(state(&a, server), State::Closed);
}

#[test]
fn an_unlistened_port_resets_who_waits_and_refuses_who_comes() {
    let (mut a, mut b, now) = (host(), peer(), SECOND);
    let (listener, _) = a.listen(at("::", 80), Backlog::default()).expect("free");
    assert_eq!(a.listens_at(listener), Some(at("::", 80)));
    let client = b.connect(now, None, at(OURS[0], 80)).expect("a way");
    exchange(&mut a, &mut b, now);
    a.unlisten(now, listener);
    let reset = sent(&mut a, now).expect("a reset");
    b.recv(now, &reset).expect("taken");
    silent(&mut b, now);
    assert_eq!(
        b.connection(client).expect("held").error(),
        Some(tcp::Error::PeerReset)
    );
    assert!(
        news(&mut b).iter().any(
            |event| matches!(event, Event::Socket(id, ready) if *id == client && ready.closed)
        )
    );
    assert_eq!(
        (a.accept(now, listener), a.listens_at(listener)),
        (None, None)
    );
    let client = b.connect(now, None, at(OURS[0], 80)).expect("a way");
    let asks = only(&mut b, now);
    assert_eq!(a.recv(now, &asks), Err(Dropped::Refused));
    b.recv(now, &only(&mut a, now)).ok();
    assert_eq!(
        b.connection(client).expect("held").error(),
        Some(tcp::Error::PeerRefused)
    );
}

#[test]
fn a_port_of_the_hosts_choice_is_free() {
    let mut host = host();
    let mut taken = Vec::new();
    for _ in 0..50 {
        let (_, at) = host
            .listen(at("0.0.0.0", 0), Backlog::default())
            .expect("free");
        assert!(at.port() >= 1024 && !taken.contains(&at.port()));
        taken.push(at.port());
    }
}

#[test]
fn a_host_talks_to_itself() {
    let (mut host, now) = (host(), SECOND);
    let (listener, at) = host
        .listen(at(OURS[0], 0), Backlog::default())
        .expect("free");
    let client = host.connect(now, None, at).expect("a way");
    silent(&mut host, now);
    let server = host.accept(now, listener).expect("connected");
    host.send(now, client, b"myself").expect("open");
    silent(&mut host, now);
    let mut heard = [0; 6];
    assert_eq!(host.read(now, server, &mut heard), Ok(6));
    assert_eq!(&heard, b"myself");
}

#[test]
fn fields_of_ips_header_are_the_sockets() {
    let (mut a, mut b, now) = (host(), peer(), SECOND);
    let (listener, _) = a.listen(at("::", 80), Backlog::default()).expect("free");
    a.set_listener_fields(listener, 9, 0x2e).expect("listens");
    let client = b.connect(now, None, at(OURS[0], 80)).expect("a way");
    b.set_hop_limit(client, 3).expect("held");
    b.set_dscp(client, 0x0a).expect("held");
    let asks = only(&mut b, now);
    let asked = Packet::parse(&asks).expect("a packet");
    assert_eq!((asked.hop_limit, asked.traffic_class), (3, 0x28));
    a.recv(now, &asks).expect("taken");
    let answers = only(&mut a, now);
    let answered = Packet::parse(&answers).expect("a packet");
    assert_eq!((answered.hop_limit, answered.traffic_class), (9, 0xb8));
    b.recv(now, &answers).expect("taken");
    exchange(&mut a, &mut b, now);
    let server = a.accept(now, listener).expect("connected");
    assert_eq!(b.heard_dscp(client), Some(0x2e));
    // It may be changed later.
    a.set_hop_limit(server, 77).expect("held");
    a.send(now, server, b"x").expect("open");
    let says = only(&mut a, now);
    let said = Packet::parse(&says).expect("a packet");
    assert_eq!((said.hop_limit, said.traffic_class), (77, 0xb8));
}

#[test]
fn echo_requests_are_answered_to_one_host_only() {
    let (mut host, now) = (host(), SECOND);
    let mut request = vec![8, 0, 0, 0, 1, 2, 3, 4, b'e', b'c', b'h', b'o'];
    let sum = tcp::internet_checksum(&request);
    request[2..4].copy_from_slice(&sum.to_be_bytes());
    host.recv(now, &packet(THEIRS[0], OURS[0], ICMP, &request))
        .expect("taken");
    let reply = only(&mut host, now);
    let reply = Packet::parse(&reply).expect("a packet");
    assert_eq!(
        (reply.source, reply.destination),
        (ip(OURS[0]), ip(THEIRS[0]))
    );
    assert_eq!((reply.payload[0], &reply.payload[4..]), (0, &request[4..]));
    assert_eq!(tcp::internet_checksum(reply.payload), 0);
    let many = packet(THEIRS[0], "192.0.2.255", ICMP, &request);
    assert_eq!(host.recv(now, &many), Err(Dropped::Broadcast));
    request[11] ^= 1;
    let damaged = packet(THEIRS[0], OURS[0], ICMP, &request);
    assert_eq!(host.recv(now, &damaged), Err(Dropped::Message));
    let short = packet(THEIRS[0], OURS[0], ICMP, &request[..7]);
    assert_eq!(host.recv(now, &short), Err(Dropped::Message));
    silent(&mut host, now);
    let mut request = vec![128, 0, 0, 0, 1, 2, 3, 4, 9];
    let pseudo = PseudoHeader::carrying(ICMPV6, ip(THEIRS[1]), ip(OURS[1])).expect("one family");
    let sum = pseudo.checksum(&request);
    request[2..4].copy_from_slice(&sum.to_be_bytes());
    host.recv(now, &packet(THEIRS[1], OURS[1], ICMPV6, &request))
        .expect("taken");
    let reply = only(&mut host, now);
    let reply = Packet::parse(&reply).expect("a packet");
    assert_eq!(
        (reply.protocol, reply.payload[0], &reply.payload[4..]),
        (ICMPV6, 129, &request[4..])
    );
    assert_eq!(pseudo.checksum(reply.payload), 0);
    // The two families' messages are not each other's.
    for (family, protocol) in [(0, ICMPV6), (1, ICMP)] {
        let arrived = packet(THEIRS[family], OURS[family], protocol, &request);
        assert_eq!(host.recv(now, &arrived), Err(Dropped::Protocol));
    }
}

#[test]
fn what_nobody_here_speaks_is_reported() {
    let (mut host, now) = (host(), SECOND);
    let datagram = |family: usize| packet(THEIRS[family], OURS[family], ip::UDP, &[0; 1400]);
    assert_eq!(error_of(&mut host, &datagram(0), now), ([3, 3], 0));
    assert_eq!(error_of(&mut host, &datagram(1), now), ([1, 4], 0));
    let other = |family: usize| packet(THEIRS[family], OURS[family], 132, &[0; 20]);
    assert_eq!(error_of(&mut host, &other(0), now), ([3, 2], 0));
    assert_eq!(error_of(&mut host, &other(1), now), ([4, 1], 6));
    let with = |extension: &[u8]| packet(THEIRS[1], OURS[1], 60, extension);
    assert_eq!(
        error_of(&mut host, &with(&[6, 0, 0x9e, 4, 0, 0, 0, 0]), now),
        ([4, 2], 42)
    );
    assert_eq!(
        error_of(&mut host, &with(&[6, 0, 0xde, 4, 0, 0, 0, 0]), now),
        ([4, 2], 42)
    );
    let routed = packet(THEIRS[1], OURS[1], 43, &[6, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(error_of(&mut host, &routed, now), ([4, 0], 42));
    // Discarded in silence: the option says so, or it was for many, or it ends there.
    for octets in [
        with(&[6, 0, 0x5e, 4, 0, 0, 0, 0]),
        packet(THEIRS[1], "ff02::1", 60, &[6, 0, 0xde, 4, 0, 0, 0, 0]),
        packet(THEIRS[1], "ff02::1", 43, &[6, 0, 0, 1, 0, 0, 0, 0]),
        packet("ff02::1", OURS[1], 43, &[6, 0, 0, 1, 0, 0, 0, 0]),
        packet("::1", OURS[1], 43, &[6, 0, 0, 1, 0, 0, 0, 0]),
        packet(THEIRS[1], "2001:db8::3", 43, &[6, 0, 0, 1, 0, 0, 0, 0]),
    ] {
        host.recv(now, &octets).expect_err("discarded");
        silent(&mut host, now);
    }
    let many = packet(THEIRS[1], "ff02::1", 60, &[6, 0, 0x9e, 4, 0, 0, 0, 0]);
    assert_eq!(error_of(&mut host, &many, now), ([4, 2], 42));
    host.recv(now, &packet(THEIRS[1], OURS[1], 59, &[]))
        .expect("nothing");
    silent(&mut host, now);
}

#[test]
fn errors_are_few_and_answer_no_errors() {
    let (mut host, now) = (host(), SECOND);
    let datagram = packet(THEIRS[0], OURS[0], ip::UDP, &[0; 8]);
    let mut count = 0;
    for _ in 0..100 {
        host.recv(now, &datagram).expect_err("refused");
        count += usize::from(sent(&mut host, now).is_some());
    }
    assert_eq!(count, limits::ERRORS_AT_ONCE as usize);
    let now = now + limits::ERROR_INTERVAL;
    host.recv(now, &datagram).expect_err("refused");
    only(&mut host, now);
    let now = now + SECOND;
    for (family, protocol, kind) in [(0, ICMPV6, 1), (1, ICMP, 3)] {
        // An error of the other family's protocol is an unknown protocol, and still an error.
        let message = [kind, 0, 0, 0, 0, 0, 0, 0];
        let arrived = packet(THEIRS[family], OURS[family], protocol, &message);
        assert_eq!(host.recv(now, &arrived), Err(Dropped::Protocol));
        silent(&mut host, now);
    }
    // What waits is bounded.
    for port in 0..1000 {
        host.recv(now, &segment(THEIRS[0], OURS[0], syn(port, 9)))
            .expect_err("refused");
    }
    let waiting = std::iter::from_fn(|| sent(&mut host, now)).count();
    assert_eq!(waiting, limits::OUTBOX);
}

#[test]
fn hard_errors_end_an_opening_and_soft_ones_do_not() {
    for (family, kind, code, is_hard) in [
        (0, 3, 2, true),
        (0, 3, 3, true),
        (0, 3, 0, false),
        (0, 3, 1, false),
        (0, 3, 5, false),
        (0, 3, 13, false),
        (0, 11, 0, false),
        (0, 12, 0, false),
        (0, 4, 0, false),
        (1, 1, 1, true),
        (1, 1, 4, true),
        (1, 1, 0, false),
        (1, 1, 3, false),
        (1, 3, 0, false),
        (1, 4, 1, false),
        // No errors at all.
        (0, 13, 0, false),
        (1, 133, 0, false),
    ] {
        let (mut host, now) = (host(), SECOND);
        let id = host
            .connect(now, None, at(THEIRS[family], 80))
            .expect("a way");
        let syn = only(&mut host, now);
        host.recv(now, &about(kind, code, 0, &syn)).expect("taken");
        silent(&mut host, now);
        let connection = host.connection(id).expect("held");
        assert_eq!(
            connection.state() == State::Closed,
            is_hard,
            "{family} {kind} {code}"
        );
        let is_soft = !is_hard && (kind < 13) && kind != 4 || (family == 1 && kind == 4);
        assert_eq!(
            connection.has_soft_error(),
            is_soft,
            "{family} {kind} {code}"
        );
        if is_hard {
            assert_eq!(connection.error(), Some(tcp::Error::PathUnreachable));
            assert_eq!(news(&mut host).len(), 1);
        }
    }
}

#[test]
fn reports_about_what_was_not_sent_are_nobodys() {
    let (mut host, now) = (host(), SECOND);
    let id = host.connect(now, None, at(THEIRS[0], 80)).expect("a way");
    let syn = only(&mut host, now);
    let changed = |offset: usize| {
        let mut quoted = syn.clone();
        quoted[20 + offset] ^= 0x40;
        quoted
    };
    // Another port of ours, another of theirs, cut too short, another protocol.
    for quoted in [
        &changed(0),
        &changed(2),
        &syn[..27].to_vec(),
        &packet(OURS[0], THEIRS[0], 17, &[0; 8]),
    ] {
        assert_eq!(
            host.recv(now, &about(3, 3, 0, quoted)),
            Err(Dropped::Report)
        );
    }
    // A number that is not in flight (RFC 5927 4.1), and no packet at all.
    host.recv(now, &about(3, 3, 0, &changed(4)))
        .expect("ignored");
    host.recv(now, &about(3, 3, 0, &[0x45; 12]))
        .expect("ignored");
    assert_eq!(state(&host, id), State::SynSent);
    // Eight octets of the segment are enough.
    host.recv(now, &about(3, 3, 0, &syn[..28])).expect("taken");
    assert_eq!(state(&host, id), State::Closed);
}

#[test]
fn a_packet_too_big_makes_segments_smaller() {
    for (family, kind, code, field, expected) in [
        (0, 3, 4, 1000, 1000),
        // A router that is too old to say: the next plateau.
        (0, 3, 4, 0, 1492),
        (1, 2, 0, 1300, 1300),
        // Below IPv6's least MTU: as if it were that.
        (1, 2, 0, 600, 1280),
    ] {
        let (mut a, mut b, now) = (host(), peer(), SECOND);
        let (server, client) = connected(&mut a, &mut b, family, now);
        a.send(now, server, &[7; 1400]).expect("open");
        a.send(now, server, &vec![7; 20_000]).expect("open");
        let large = sent(&mut a, now).expect("data");
        assert_eq!(large.len(), 1500);
        while sent(&mut a, now).is_some() {}
        a.recv(now, &about(kind, code, field, &large))
            .expect("taken");
        let next = sent(&mut a, now).expect("again");
        assert_eq!(next.len(), expected, "{family} {field}");
        assert_eq!(
            tcp_of(&next).sequence_number(),
            tcp_of(&large).sequence_number()
        );
        b.recv(now, &next).expect("taken");
        exchange(&mut a, &mut b, now);
        let mut read = vec![0; 30_000];
        let mut now = now;
        let mut total = 0;
        while total < 21_400 {
            now += SECOND;
            exchange(&mut a, &mut b, now);
            total += b.read(now, client, &mut read).expect("held");
        }
    }
}

#[test]
fn buffers_are_given_back_when_a_connection_rests() {
    let (mut a, mut b, mut now) = (host(), peer(), SECOND);
    let (server, client) = connected(&mut a, &mut b, 0, now);
    a.send(now, server, &[7; 10_000]).expect("open");
    exchange(&mut a, &mut b, now);
    b.read(now, client, &mut [0; 10_000]).expect("held");
    exchange(&mut a, &mut b, now);
    let held = |host: &Host, id| host.connection(id).expect("held").buffered();
    assert!(held(&a, server) > 0 && held(&b, client) > 0);
    for _ in 0..20 {
        now += SECOND;
        exchange(&mut a, &mut b, now);
    }
    assert_eq!((held(&a, server), held(&b, client)), (0, 0));
    assert_eq!((a.timeout(), b.timeout()), (None, None));
}

#[test]
fn options_reach_the_connection() {
    let (mut a, mut b, now) = (host(), peer(), SECOND);
    let (server, _client) = connected(&mut a, &mut b, 0, now);
    // Nagle's rule holds the second small segment back, unless it is off.
    a.send(now, server, b"one").expect("open");
    only(&mut a, now);
    a.send(now, server, b"two").expect("open");
    silent(&mut a, now);
    a.set_nodelay(now, server, true).expect("held");
    only(&mut a, now);
    let keep_alive = KeepAlive {
        idle: 3 * SECOND,
        ..KeepAlive::default()
    };
    a.set_keep_alive(now, server, Some(keep_alive))
        .expect("held");
    a.set_user_timeout(now, server, 5 * SECOND).expect("held");
    while state(&a, server) != State::Closed {
        let clock = a.timeout().expect("a timer");
        while sent(&mut a, clock).is_some() {}
        assert!(clock < now + 200 * SECOND);
    }
    assert_eq!(
        a.connection(server).expect("held").error(),
        Some(tcp::Error::PathTimedOut)
    );
}

#[test]
fn those_that_nobody_reads_any_more_are_limited() {
    let (mut host, now) = (host(), SECOND);
    for number in 0..limits::ORPHANS + 10 {
        let to = SocketAddr::new(ip("198.51.100.1"), 1 + (number % 60_000) as u16);
        let id = host.connect(now, None, to).expect("a way");
        while sent(&mut host, now).is_some() {}
        host.leave(now, id);
        while sent(&mut host, now).is_some() {}
    }
    assert_eq!(host.connections(), 0);
}
