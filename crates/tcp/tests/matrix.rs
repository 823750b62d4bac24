//! Every state with every kind of segment: what is answered, and the state that follows
//! (RFC 9293 3.10.7). LISTEN is in `listening.rs`.

mod hand;

use hand::{A, F, Host, R, S, U, config};
use netkit_tcp::{Flags, State};
use std::fmt::Write;

#[test]
fn every_state_answers_every_segment_as_the_table_says() {
    // Name, flags, seq, ack, data. RCV.NXT is 1; behind a FIN all numbers are one more.
    let segments: [(&str, Flags, u32, u32, &[u8]); 14] = [
        ("nothing", Flags::NONE, 1, 0, b""),
        ("ACK", A, 1, 1, b""),
        ("ACK of all", A, 1, 2, b""),
        ("ACK of the unsent", A, 1, 500, b""),
        ("data", A, 1, 1, b"data"),
        ("data ahead", A, 9, 1, b"data"),
        ("data outside", A, 900_000, 1, b"data"),
        ("urgent data", A | U, 1, 1, b"data"),
        ("FIN", F | A, 1, 1, b""),
        ("SYN", S, 0, 0, b""),
        ("SYN in window", S, 9, 0, b""),
        ("SYN,ACK", S | A, 0, 1, b""),
        ("RST ahead", R, 9, 0, b""),
        ("RST,ACK", R | A, 1, 1, b""),
    ];
    let mut table = String::new();
    for state in State::ALL
        .into_iter()
        .filter(|state| *state != State::Listen)
    {
        writeln!(table, "{state}").expect("a string");
        for (name, flags, seq, ack, data) in segments {
            let mut host = Host::in_state(config(), state);
            let fin = u32::from(host.connection.at_end());
            let heard = host.hear(flags, seq + fin, ack, data);
            let said = host.said();
            let dropped = heard
                .dropped
                .map(|why| format!("{why:?}"))
                .unwrap_or_default();
            let line = format!(
                "  {name:18} {:12} {dropped:16} {}",
                host.connection.state().to_string(),
                said.join("; ")
            );
            writeln!(table, "{}", line.trim_end()).expect("a string");
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/matrix.txt");
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert!(table == expected, "tests/matrix.txt differs from:\n{table}");
}
