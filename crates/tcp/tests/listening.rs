//! Listeners: RFC 9293 3.10.7.2, 3.9.1; SYN floods (RFC 4987); ports in TIME-WAIT (RFC 6191).

mod hand;

use hand::{A, R, S, config, ms};
use netkit_tcp::{
    Backlog, Config, Dropped, Flags, Header, Heard, Listener, PseudoHeader, Segment, Seq, State,
    TcpOption,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};

fn here() -> SocketAddr {
    "192.0.2.1:80".parse().expect("an address")
}

fn peer(number: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 2], 10_000 + number))
}

struct Port {
    now: Duration,
    listener: Listener,
    options: Vec<TcpOption<'static>>,
}

impl Port {
    fn open(config: Config, syn_queue: usize, accept_queue: usize) -> Self {
        let listener = Listener::new(
            Arc::new(config),
            Backlog {
                syn_queue,
                accept_queue,
            },
        );
        Self {
            now: ms(5000),
            listener,
            options: Vec::new(),
        }
    }

    fn hear_at(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        flags: Flags,
        seq: u32,
        ack: Seq,
        data: &[u8],
    ) -> Heard {
        let pseudo = PseudoHeader::new(local.ip(), remote.ip()).expect("one family");
        let header = Header {
            source_port: remote.port(),
            destination_port: local.port(),
            sequence_number: Seq(seq),
            acknowledgment_number: ack,
            flags,
            window: 10_000,
            ..Header::default()
        };
        let header = header
            .with_options(self.options.iter().copied())
            .expect("room");
        let mut octets = vec![0; header.length()];
        octets.extend_from_slice(data);
        header.write(pseudo, &mut octets);
        let segment = Segment::parse(&octets)
            .expect("whole")
            .verify(pseudo)
            .expect("right");
        self.listener.recv(self.now, local, remote, &segment)
    }

    fn hear(&mut self, number: u16, flags: Flags, seq: u32, ack: Seq) -> Heard {
        self.hear_at(here(), peer(number), flags, seq, ack, b"")
    }

    /// What is due: to whom, flags, its number, and its options.
    fn said(&mut self) -> Vec<(u16, String, Seq, Vec<u8>)> {
        let mut out = Vec::new();
        std::iter::from_fn(|| {
            let ((_, remote), sent) = self.listener.transmit(self.now, &mut out)?;
            let segment = Segment::parse(&out[sent.range]).expect("whole");
            let (flags, seq) = (segment.flags().to_string(), segment.sequence_number());
            Some((
                remote.port() - 10_000,
                flags,
                seq,
                segment.option_octets().to_vec(),
            ))
        })
        .collect()
    }

    /// A SYN, and the number of the answer.
    fn syn(&mut self, number: u16) -> Seq {
        self.hear(number, S, 100, Seq(0));
        let said = self.said();
        assert_eq!((said.len(), &*said[0].1), (1, "S."), "{said:?}");
        said[0].2
    }
}

#[test]
fn a_handshake_ends_in_the_accept_queue() {
    let mut port = Port::open(config(), 4, 4);
    let iss = port.syn(1);
    assert!(port.listener.accept().is_none());
    assert!(port.hear(1, A, 101, iss + 1).connected);
    // Data may come before the owner accepts.
    let heard = port.hear_at(here(), peer(1), A, 101, iss + 1, b"early");
    assert_eq!(heard.data, 5);
    let connection = port.listener.accept().expect("established");
    assert_eq!(
        (connection.state(), connection.remote()),
        (State::Established, peer(1))
    );
    assert_eq!(connection.unread().0, b"early");
    assert!(port.listener.accept().is_none());
}

#[test]
fn a_syn_inside_an_accepted_connection_is_challenged() {
    let mut port = Port::open(config(), 4, 4);
    let iss = port.syn(1);
    port.hear(1, A, 101, iss + 1);
    let heard = port.hear(1, S, 101, Seq(0));
    assert_eq!(heard.dropped, Some(Dropped::ChallengedSyn));
    let connection = port.listener.accept().expect("established");
    assert_eq!(connection.state(), State::Established);
}

#[test]
fn many_connections_share_a_port() {
    let mut port = Port::open(config(), 200, 200);
    let numbers: Vec<Seq> = (0..100).map(|number| port.syn(number)).collect();
    for (number, iss) in numbers.iter().enumerate() {
        assert!(port.hear(number as u16, A, 101, *iss + 1).connected);
    }
    assert_eq!(port.listener.waiting(), 100);
    let remotes =
        std::iter::from_fn(|| port.listener.accept()).map(|connection| connection.remote());
    assert!(
        remotes.eq((0..100).map(peer)),
        "in the order of their handshakes"
    );
}

#[test]
fn what_is_no_syn_is_answered_as_the_rfc_says() {
    let mut port = Port::open(config(), 4, 4);
    assert_eq!(
        port.hear(1, R, 100, Seq(0)).dropped,
        Some(Dropped::NoConnection)
    );
    assert!(port.said().is_empty());
    port.hear(1, A, 100, Seq(500));
    assert_eq!(port.said()[0].1, "R");
    port.hear(1, S | A, 100, Seq(500));
    let (_, flags, seq, _) = port.said().remove(0);
    assert_eq!((&*flags, seq), ("R", Seq(500)));
    assert_eq!(
        port.hear(1, Flags::FIN, 100, Seq(0)).dropped,
        Some(Dropped::NoSyn)
    );
    assert!(port.said().is_empty());
}

#[test]
fn syns_to_or_from_no_host_are_dropped_silently() {
    let mut port = Port::open(config(), 4, 4);
    for (local, remote) in [
        ("255.255.255.255:80", "192.0.2.2:5"),
        ("224.0.0.1:80", "192.0.2.2:5"),
        ("192.0.2.1:80", "255.255.255.255:5"),
        ("192.0.2.1:80", "224.0.0.1:5"),
        ("192.0.2.1:80", "0.0.0.0:5"),
        ("192.0.2.1:80", "192.0.2.2:0"),
    ] {
        let (local, remote) = (
            local.parse().expect("an address"),
            remote.parse().expect("an address"),
        );
        let heard = port.hear_at(local, remote, S, 1, Seq(0), b"");
        assert_eq!(heard.dropped, Some(Dropped::BadAddress), "{local} {remote}");
    }
    assert!(port.said().is_empty());
    port.syn(1);
}

#[test]
fn a_reset_in_syn_received_returns_the_listener_to_listen() {
    let mut port = Port::open(config(), 1, 4);
    port.syn(1);
    port.hear(1, R, 101, Seq(0));
    assert!(port.said().is_empty());
    assert_eq!(port.listener.timeout(), None, "nothing is remembered");
    let iss = port.syn(2);
    assert!(port.hear(2, A, 101, iss + 1).connected);
}

#[test]
fn a_full_accept_queue_makes_handshakes_wait() {
    let mut port = Port::open(config(), 4, 1);
    let (first, second) = (port.syn(1), port.syn(2));
    assert!(port.hear(1, A, 101, first + 1).connected);
    assert_eq!(
        port.hear(2, A, 101, second + 1).dropped,
        Some(Dropped::QueueFull)
    );
    assert_eq!(
        port.hear(3, S, 100, Seq(0)).dropped,
        Some(Dropped::QueueFull)
    );
    assert!(port.listener.accept().is_some());
    assert!(port.hear(2, A, 101, second + 1).connected);
}

#[test]
fn a_flood_of_syns_costs_no_memory_and_keeps_nobody_out() {
    let mut port = Port::open(config(), 2, 8);
    port.syn(1);
    port.syn(2);
    let cookie = port.syn(3);
    let again = port.syn(3);
    assert_eq!(cookie, again, "nothing was remembered");
    assert_eq!(
        port.hear(3, A, 101, cookie + 2).dropped,
        Some(Dropped::BadCookie)
    );
    assert_eq!(port.said()[0].1, "R");
    assert_eq!(
        port.hear(4, A, 101, cookie + 1).dropped,
        Some(Dropped::BadCookie),
        "another's cookie"
    );
    port.said();
    assert_eq!(
        port.hear(3, A, 102, cookie + 1).dropped,
        Some(Dropped::BadCookie),
        "another number"
    );
    port.said();
    port.now += Duration::from_secs(60);
    assert!(
        port.hear_at(here(), peer(3), A, 101, cookie + 1, b"data")
            .connected
    );
    let connection = port.listener.accept().expect("established");
    assert_eq!(connection.unread().0, b"data");
    assert_eq!(connection.state(), State::Established);
}

#[test]
fn a_cookie_is_good_for_two_minutes_and_only_while_there_is_a_flood() {
    let mut port = Port::open(config(), 0, 8);
    let cookie = port.syn(3);
    port.now += Duration::from_secs(130);
    assert_eq!(
        port.hear(3, A, 101, cookie + 1).dropped,
        Some(Dropped::BadCookie)
    );
}

#[test]
fn a_cookie_remembers_mss_and_with_timestamps_the_other_options() {
    let mut config = config();
    (config.timestamps, config.sack, config.window_scale) = (true, true, true);
    let mut port = Port::open(config, 0, 8);
    port.options = vec![
        TcpOption::MaximumSegmentSize(1300),
        TcpOption::SackPermitted,
        TcpOption::Timestamps {
            value: 77,
            echo_reply: 0,
        },
        TcpOption::NoOperation,
        TcpOption::WindowScale(9),
    ];
    port.hear(1, S, 100, Seq(0));
    let (_, _, cookie, options) = port.said().remove(0);
    assert_eq!(options[..4], [2, 4, 5, 180]);
    let value = u32::from_be_bytes(options[8..12].try_into().expect("four octets"));
    assert_eq!(options[12..16], [0, 0, 0, 77], "TSecr");
    port.options = vec![TcpOption::Timestamps {
        value: 78,
        echo_reply: value,
    }];
    assert!(port.hear(1, A, 101, cookie + 1).connected);
    let mut connection = port.listener.accept().expect("established");
    connection.send(&[0; 3000]).expect("open");
    let mut out = Vec::new();
    let sent = connection.transmit(port.now, &mut out).expect("data");
    // The window of 10000 is scaled by 9, and the MSS is 1300 less the timestamp.
    let segment = Segment::parse(&out[sent.range]).expect("whole");
    assert_eq!(segment.payload().len(), 1288);
    let later = segment.options().find_map(|option| match option {
        Ok(TcpOption::Timestamps { value, .. }) => Some(value),
        _ => None,
    });
    assert!(
        later.is_some_and(|later| later.wrapping_sub(value) < 1000),
        "the clock does not go back"
    );
}

#[test]
fn a_port_in_time_wait_is_used_again_with_later_numbers() {
    let mut port = Port::open(config(), 4, 4);
    let iss = port.syn(1);
    port.hear(1, A, 101, iss + 1);
    let mut old = port.listener.accept().expect("established");
    let pseudo = PseudoHeader::new(here().ip(), peer(1).ip()).expect("one family");
    let segment = |flags, seq, ack| {
        let header = Header {
            source_port: peer(1).port(),
            destination_port: here().port(),
            sequence_number: Seq(seq),
            acknowledgment_number: ack,
            flags,
            window: 1000,
            ..Header::default()
        };
        let mut octets = vec![0; 20];
        header.write(pseudo, &mut octets);
        octets
    };
    old.close();
    let mut out = Vec::new();
    old.transmit(port.now, &mut out);
    let fin = segment(Flags::FIN | A, 101, iss + 2);
    old.recv(port.now, &Segment::parse(&fin).expect("whole").vouched());
    assert_eq!(old.state(), State::TimeWait);
    let syn = segment(S, 5000, Seq(0));
    let syn = Segment::parse(&syn).expect("whole").vouched();
    assert!(old.yields_to(&syn));
    assert_eq!(port.listener.reuse(port.now, &old, &syn).dropped, None);
    let (_, flags, number, _) = port.said().remove(0);
    assert_eq!(flags, "S.");
    assert!(number.after(iss + 2), "beyond the old connection's");
}

#[test]
fn a_listener_that_closes_resets_those_who_wait() {
    let mut port = Port::open(config(), 4, 4);
    let iss = port.syn(1);
    port.hear(1, A, 101, iss + 1);
    port.syn(2);
    let mut out = Vec::new();
    let sent = port.listener.close(port.now, &mut out);
    assert_eq!(sent.len(), 2);
    for (_, sent) in sent {
        assert!(
            Segment::parse(&out[sent.range])
                .expect("whole")
                .flags()
                .has(R)
        );
    }
}

#[test]
fn a_silent_peer_is_forgotten_after_180_seconds() {
    let mut port = Port::open(config(), 4, 4);
    port.syn(1);
    let began = port.now;
    while let Some(at) = port.listener.timeout() {
        port.now = at;
        port.said();
    }
    assert_eq!(port.now.abs_diff(began), Duration::from_secs(180));
}
