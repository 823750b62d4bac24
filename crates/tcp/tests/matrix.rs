//! Every state with every kind of segment: what is answered, and the state that follows
//! (RFC 9293 3.10.7).

mod hand;

use hand::{A, F, Host, OURS, PEER_ISS, PEERS, R, S, U, config, from_peer, pseudo};
use netkit_tcp::{Backlog, Flags, Header, Heard, Listener, Segment, Seq, State};
use std::{fmt::Write, sync::Arc, time::Duration};

#[test]
fn every_state_answers_every_segment_as_the_table_says() {
    // Name, flags, seq, ack, data. RCV.NXT is 1; behind a FIN all numbers are one more.
    let segments: [(&str, Flags, u32, u32, &[u8]); 20] = [
        ("nothing", Flags::NONE, 1, 0, b""),
        ("ACK", A, 1, 1, b""),
        ("ACK of all", A, 1, 2, b""),
        ("ACK of the unsent", A, 1, 500, b""),
        ("data", A, 1, 1, b"data"),
        ("data in part old", A, 0u32.wrapping_sub(1), 1, b"data"),
        ("data all old", A, 0u32.wrapping_sub(9), 1, b"data"),
        (
            "data, ACK too old",
            A,
            1,
            0u32.wrapping_sub(70_000),
            b"data",
        ),
        ("data ahead", A, 9, 1, b"data"),
        ("data outside", A, 900_000, 1, b"data"),
        ("urgent data", A | U, 1, 1, b"data"),
        ("FIN", F | A, 1, 1, b""),
        ("FIN, ACK of all", F | A, 1, 2, b""),
        ("FIN ahead", F | A, 9, 1, b""),
        ("SYN", S, 0, 0, b""),
        ("SYN in window", S, 9, 0, b""),
        ("SYN,ACK", S | A, 0, 1, b""),
        ("RST ahead", R, 9, 0, b""),
        ("RST outside", R, 900_000, 0, b""),
        ("RST,ACK", R | A, 1, 1, b""),
    ];
    let mut table = String::new();
    for state in State::ALL {
        writeln!(table, "{state}").expect("a string");
        for (name, flags, seq, ack, data) in segments {
            let (heard, said, after) = if state == State::Listen {
                listening(flags, seq, ack, data)
            } else {
                let mut host = Host::in_state(config(), state);
                let fin = u32::from(host.connection.at_end());
                let heard = host.hear(flags, seq.wrapping_add(fin), ack, data);
                (heard, host.said(), host.connection.state())
            };
            let dropped = heard
                .dropped
                .map(|why| format!("{why:?}"))
                .unwrap_or_default();
            let line = format!(
                "  {name:18} {:12} {dropped:16} {}",
                after.to_string(),
                said.join("; ")
            );
            writeln!(table, "{}", line.trim_end()).expect("a string");
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/matrix.txt");
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert!(table == expected, "tests/matrix.txt differs from:\n{table}");
}

/// What a listener makes of a segment.
fn listening(flags: Flags, seq: u32, ack: u32, data: &[u8]) -> (Heard, Vec<String>, State) {
    let now = Duration::from_secs(1);
    let mut listener = Listener::new(Arc::new(config()), Backlog::default());
    let header = Header {
        sequence_number: PEER_ISS + seq,
        acknowledgment_number: Seq(ack),
        flags,
        window: 10_000,
        ..Header::default()
    };
    let octets = from_peer(header, data);
    let segment = Segment::parse(&octets).expect("whole");
    let segment = segment.verify(pseudo()).expect("right");
    let heard = listener.recv(now, OURS.into(), PEERS.into(), &segment);
    let mut out = Vec::new();
    let mut said = Vec::new();
    while let Some((_, sent)) = listener.transmit(now, &mut out) {
        let segment = Segment::parse(&out[sent.range]).expect("whole");
        let flags = segment.flags();
        said.push(match (flags.has(S), segment.acknowledgment_number()) {
            (true, ack) => format!("{flags} 0+0 ack {}", ack.since(PEER_ISS)),
            (false, _) => format!("{flags} {}+0", segment.sequence_number().0.cast_signed()),
        });
    }
    let state = match listener.timeout() {
        Some(_) => State::SynReceived,
        None => State::Listen,
    };
    (heard, said, state)
}
