//! Handshakes: RFC 9293 3.5, 3.7.1; options of SYNs; the rules of RFC 5961.

mod hand;

use hand::{A, F, Host, OURS, PEER_ISS, PEERS, R, S, config, from_peer, ms, pseudo};
use netkit_tcp::{
    Connection, Dropped, Error, Flags, Header, Icmp, OptionKind, Segment, Seq, State, TcpOption,
    refusal,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};

#[test]
fn three_segments_open_a_connection() {
    let mut host = Host::connecting(config());
    assert_eq!(host.connection.state(), State::SynSent);
    let heard = host.hear(S | A, 0, 1, b"");
    assert!(heard.connected);
    assert_eq!(host.said(), [". 1+0 ack 1"]);
    assert_eq!(host.connection.state(), State::Established);
}

#[test]
fn both_sides_may_open_at_once() {
    let mut host = Host::connecting(config());
    assert!(!host.hear(S, 0, 0, b"").connected);
    assert_eq!(host.said(), ["S. 0+0 ack 1"]);
    assert_eq!(host.connection.state(), State::SynReceived);
    // Figure 8: each side's SYN,ACK is answered, and the answer establishes.
    host.hear(S | A, 0, 1, b"");
    assert_eq!(host.said(), [". 1+0 ack 1"]);
    assert!(host.hear(A, 1, 1, b"").connected);
    assert_eq!(host.connection.state(), State::Established);
}

#[test]
fn the_ack_that_opens_has_the_window_that_counts() {
    let mut host = Host::connecting(config());
    host.window = 100;
    host.hear(S, 0, 0, b"");
    assert_eq!(host.said(), ["S. 0+0 ack 1"]);
    host.window = 1000;
    assert!(host.hear(A, 1, 1, b"").connected);
    assert_eq!(host.connection.send(&[0; 536]), Ok(536));
    assert_eq!(host.said(), ["P. 1+536 ack 1"]);
}

#[test]
fn a_reset_answers_a_syn_to_a_closed_port() {
    let mut host = Host::connecting(config());
    let heard = host.hear(R | A, 0, 1, b"");
    assert!(heard.ended);
    assert_eq!(host.connection.error(), Some(Error::PeerRefused));
    assert!(host.said().is_empty());
}

#[test]
fn a_reset_without_the_right_ack_is_ignored_in_syn_sent() {
    let mut host = Host::connecting(config());
    assert_eq!(host.hear(R, 0, 0, b"").dropped, Some(Dropped::NoAck));
    assert_eq!(
        host.hear(R | A, 0, 2, b"").dropped,
        Some(Dropped::UnacceptableAck)
    );
    assert!(host.said().is_empty());
    assert_eq!(host.connection.state(), State::SynSent);
}

#[test]
fn an_old_syn_ack_is_answered_by_a_reset() {
    let mut host = Host::connecting(config());
    assert_eq!(
        host.hear(S | A, 0, 77, b"").dropped,
        Some(Dropped::UnacceptableAck)
    );
    assert_eq!(host.said(), ["R 77+0"]);
    assert_eq!(host.connection.state(), State::SynSent);
}

#[test]
fn no_connection_to_many_hosts_or_to_none() {
    let open = |local: &str, remote: &str| {
        let (local, remote) = (
            local.parse().expect("an address"),
            remote.parse().expect("an address"),
        );
        Connection::connect(Duration::ZERO, Arc::new(config()), local, remote).map(|_| ())
    };
    for remote in [
        "255.255.255.255:80",
        "224.0.0.5:80",
        "0.0.0.0:80",
        "192.0.2.2:0",
        "[2001:db8::1]:80",
    ] {
        assert_eq!(
            open("192.0.2.1:50000", remote),
            Err(Error::MisuseAddress),
            "{remote}"
        );
    }
    assert_eq!(
        open("[2001:db8::1]:1", "[ff02::1]:80"),
        Err(Error::MisuseAddress)
    );
    assert_eq!(open("[2001:db8::1]:1", "[2001:db8::2]:80"), Ok(()));
}

fn syn_options(change: impl FnOnce(&mut netkit_tcp::Config)) -> Vec<u8> {
    let mut config = config();
    (config.timestamps, config.sack, config.window_scale) = (true, true, true);
    change(&mut config);
    let (ours, peers) = (SocketAddr::from(OURS), SocketAddr::from(PEERS));
    let mut connection =
        Connection::connect(ms(5), Arc::new(config), ours, peers).expect("addresses");
    let mut out = Vec::new();
    connection.transmit(ms(5), &mut out).expect("a SYN");
    let kinds = Segment::parse(&out).expect("whole").options();
    kinds
        .map(|option| option.expect("well-formed").kind().0)
        .collect()
}

#[test]
fn a_syn_carries_its_options_in_the_order_of_linux() {
    assert_eq!(syn_options(|_| {}), [2, 4, 8, 1, 3]);
    assert_eq!(
        syn_options(|config| config.timestamps = false),
        [2, 1, 1, 4, 1, 3]
    );
    assert_eq!(
        syn_options(|config| config.sack = false),
        [2, 1, 1, 8, 1, 3]
    );
    assert_eq!(syn_options(|config| config.window_scale = false), [2, 4, 8]);
}

#[test]
fn the_mss_is_announced_in_every_syn_and_nowhere_else() {
    let mut host = Host::connecting(config());
    host.now += Duration::from_secs(1);
    let again = host.segments().pop().expect("a SYN again");
    let mss = |octets: &[u8]| {
        let first = Segment::parse(octets).expect("whole").options().next();
        first.is_some_and(|option| option == Ok(TcpOption::MaximumSegmentSize(1460)))
    };
    assert!(mss(&again));
    let mut host = Host::established(config());
    host.connection.send(b"x").expect("open");
    assert!(!mss(&host.segments().pop().expect("data")));
}

#[test]
fn a_peer_without_mss_gets_536_octets_or_1220_over_ipv6() {
    let mut host = Host::established_with(config(), &[]);
    host.connection.send(&[0; 600]).expect("open");
    assert_eq!(host.said()[0], ". 1+536 ack 1");

    let (local, remote): (SocketAddr, SocketAddr) = (
        "[2001:db8::1]:1".parse().expect("an address"),
        "[2001:db8::2]:2".parse().expect("an address"),
    );
    let pseudo = netkit_tcp::PseudoHeader::new(local.ip(), remote.ip()).expect("one family");
    let mut connection =
        Connection::connect(ms(0), Arc::new(config()), local, remote).expect("addresses");
    let mut out = Vec::new();
    connection.transmit(ms(0), &mut out).expect("a SYN");
    let syn = Segment::parse(&out).expect("whole");
    assert_eq!(
        syn.options().next(),
        Some(Ok(TcpOption::MaximumSegmentSize(1440)))
    );
    let header = Header {
        source_port: 2,
        destination_port: 1,
        acknowledgment_number: syn.sequence_number() + 1,
        flags: S | A,
        window: 5000,
        ..Header::default()
    };
    let mut octets = vec![0; 20];
    header.write(pseudo, &mut octets);
    let segment = Segment::parse(&octets)
        .expect("whole")
        .verify(pseudo)
        .expect("right");
    connection.recv(ms(1), &segment);
    connection.send(&[0; 2000]).expect("open");
    let mut out = Vec::new();
    let longest = std::iter::from_fn(|| connection.transmit(ms(1), &mut out))
        .map(|sent| sent.range.len() - 20);
    assert_eq!(longest.max(), Some(1220));
}

#[test]
fn segments_are_no_larger_than_either_side_can_carry() {
    let mut small = config();
    small.mtu = 576;
    for (config, announced, size) in [
        (config(), 100, 100),
        (config(), 9000, 1460),
        (small, 9000, 536),
        (config_with_timestamps(), 1000, 988),
        (config(), 0, 48),
    ] {
        let timestamps = TcpOption::Timestamps {
            value: 1,
            echo_reply: 0,
        };
        let mut host = Host::established_with(
            config,
            &[TcpOption::MaximumSegmentSize(announced), timestamps],
        );
        host.connection.send(&[0; 3000]).expect("open");
        let longest = host
            .segments()
            .iter()
            .map(|octets| Segment::parse(octets).expect("whole").payload().len())
            .max();
        assert_eq!(longest, Some(size), "{announced}");
    }
}

fn config_with_timestamps() -> netkit_tcp::Config {
    let mut config = config();
    config.timestamps = true;
    config
}

#[test]
fn options_are_passed_over_in_any_segment_and_illegal_lengths_do_no_harm() {
    let mut host = Host::established_with(
        config(),
        &[
            TcpOption::Other(OptionKind(99), &[1, 2, 3]),
            TcpOption::MaximumSegmentSize(700),
        ],
    );
    host.options = vec![
        TcpOption::Other(OptionKind(98), &[1; 5]),
        TcpOption::NoOperation,
    ];
    assert_eq!(host.hear(A, 1, 1, b"data").data, 4);
    // A length of zero, then one beyond the header.
    for illegal in [[77, 0, 0, 0], [77, 40, 0, 0]] {
        let header = Header {
            sequence_number: PEER_ISS + 5,
            acknowledgment_number: host.iss + 1,
            flags: A,
            window: 1000,
            ..Header::default()
        };
        let mut octets = from_peer(
            header
                .with_options([TcpOption::SackPermitted])
                .expect("room"),
            b"",
        );
        octets[20..24].copy_from_slice(&illegal);
        pseudo().fill(&mut octets);
        let segment = Segment::parse(&octets)
            .expect("whole")
            .verify(pseudo())
            .expect("right");
        assert_eq!(host.connection.recv(host.now, &segment).dropped, None);
    }
    host.connection.send(&[0; 1000]).expect("open");
    assert!(host.said().contains(&". 1+700 ack 5".to_owned()));
}

#[test]
fn a_syn_inside_a_connection_is_challenged() {
    let mut host = Host::established(config());
    assert_eq!(
        host.hear(S, 5, 0, b"").dropped,
        Some(Dropped::ChallengedSyn)
    );
    assert_eq!(host.said(), [". 1+0 ack 1"]);
    // A peer that rebooted: anywhere else in the number space too.
    host.hear(S, 1_000_000_000, 0, b"");
    assert_eq!(host.said(), [". 1+0 ack 1"]);
    assert_eq!(host.connection.state(), State::Established);
}

#[test]
fn a_reset_ends_a_connection_only_at_the_next_number() {
    let mut host = Host::established(config());
    assert_eq!(
        host.hear(R, 2, 0, b"").dropped,
        Some(Dropped::ChallengedReset)
    );
    assert_eq!(host.said(), [". 1+0 ack 1"]);
    assert_eq!(
        host.hear(R, 100_000, 0, b"").dropped,
        Some(Dropped::OutsideWindow)
    );
    assert!(host.said().is_empty());
    let heard = host.hear(R, 1, 0, b"data");
    assert!(heard.ended);
    assert_eq!(host.connection.error(), Some(Error::PeerReset));
    assert_eq!(host.connection.send(b"x"), Err(Error::PeerReset));
}

#[test]
fn challenges_are_ten_a_second() {
    let mut host = Host::established(config());
    let mut said = 0;
    for _ in 0..50 {
        host.hear(R, 2, 0, b"");
        said += host.said().len();
    }
    assert_eq!(said, 10);
    host.wait(ms(1000));
    host.hear(R, 2, 0, b"");
    assert_eq!(host.said().len(), 1);
}

#[test]
fn a_syn_again_in_syn_received_is_answered_at_once() {
    let mut host = Host::in_state(config(), State::SynReceived);
    host.hear(S, 0, 0, b"");
    assert_eq!(host.said(), ["S. 0+0 ack 1"]);
}

#[test]
fn what_is_no_syn_and_outside_of_the_window_brings_none() {
    let mut host = Host::in_state(config(), State::SynReceived);
    let old = 0u32.wrapping_sub(5);
    let heard = host.hear(Flags::NONE, old, 0, b"abc");
    assert_eq!(heard.dropped, Some(Dropped::OutsideWindow));
    let said = host.said();
    assert!(said.iter().all(|line| !line.contains('S')), "{said:?}");
}

#[test]
fn data_and_fin_with_the_syn_ack_are_taken() {
    let mut host = Host::connecting(config());
    let heard = host.hear(S | A | F, 0, 1, b"data");
    assert!(heard.connected && heard.peer_closed);
    assert_eq!(heard.data, 4);
    assert_eq!(host.said(), [". 1+0 ack 6"]);
    assert_eq!(host.connection.unread().0, b"data");
}

#[test]
fn hard_icmp_errors_end_an_opening_and_soft_ones_do_not() {
    let mut host = Host::connecting(config());
    for report in [Icmp::Soft, Icmp::SourceQuench, Icmp::TooBig(500)] {
        host.connection.icmp(report, host.iss);
        assert_eq!(host.connection.state(), State::SynSent);
    }
    assert!(host.connection.has_soft_error());
    host.connection.icmp(Icmp::Hard, host.iss + 5);
    assert_eq!(
        host.connection.state(),
        State::SynSent,
        "a number that was not sent"
    );
    host.connection.icmp(Icmp::Hard, host.iss);
    assert_eq!(host.connection.error(), Some(Error::PathUnreachable));
}

#[test]
fn a_smaller_path_gets_smaller_segments() {
    let mut host = Host::established(config());
    host.connection.send(&[0; 2000]).expect("open");
    assert_eq!(host.said().len(), 2);
    host.connection.icmp(Icmp::Hard, host.iss + 1);
    assert_eq!(
        host.connection.state(),
        State::Established,
        "RFC 5927: soft once synchronized"
    );
    host.connection.icmp(Icmp::TooBig(540), host.iss + 1);
    assert_eq!(host.said()[0], ". 1+500 ack 1");
}

#[test]
fn the_flags_of_a_stray_segment_choose_its_reset() {
    let mut host = Host::in_state(config(), State::Closed);
    host.hear(Flags::NONE, 1, 0, b"abc");
    assert_eq!(host.said(), ["R. zero+0 ack 4"]);
    host.hear(A, 1, 9, b"abc");
    assert_eq!(host.said(), ["R 9+0"]);
    host.hear(R, 1, 9, b"abc");
    assert!(host.said().is_empty());
}

#[test]
fn a_segment_for_nobody_is_refused_to_its_sender() {
    for (flags, number, ack) in [(S, Seq(0), Some(PEER_ISS + 4)), (A, Seq(9), None)] {
        let header = Header {
            sequence_number: PEER_ISS,
            acknowledgment_number: Seq(9),
            flags,
            ..Header::default()
        };
        let octets = from_peer(header, b"abc");
        let segment = Segment::parse(&octets).expect("whole").vouched();
        let refused = refusal(&segment).expect("a RST");
        assert_eq!(
            (refused.source_port, refused.destination_port),
            (OURS.1, PEERS.1)
        );
        assert_eq!(refused.sequence_number, number);
        assert!(refused.flags.has(R));
        assert_eq!(
            refused
                .flags
                .has(A)
                .then_some(refused.acknowledgment_number),
            ack
        );
    }
    let octets = from_peer(
        Header {
            flags: R,
            ..Header::default()
        },
        b"",
    );
    let segment = Segment::parse(&octets).expect("whole").vouched();
    assert_eq!(refusal(&segment), None);
}
