//! Chunked content, from octets to slices: the head of a request is behind them already.
//!
//! The peer is a loop on `httparse::parse_chunk_size`: it reads a size, skips the data and the CRLF behind it.
//! netkit's `Server` also bounds sizes and extensions, checks that CRLF, and keeps its place for the next call.

use crate::measure::{Bench, Contest, Unit, in_batches, timed};
use netkit_http::{Event, Server, Slot};
use std::{fmt::Write, hint::black_box};

const SIZES: [usize; 3] = [16, 64, 256];

/// Chunks of one body.
const CHUNKS: usize = 64;

/// Bodies read between two looks at the clock.
const BATCH: u64 = 16;

pub fn run(bench: &mut Bench) {
    for size in SIZES {
        let name = &format!("chunks/{size}");
        if bench.wants(name) {
            compare(bench, name, size);
        }
    }
}

fn body(size: usize) -> String {
    let mut body = String::new();
    for _ in 0..CHUNKS {
        let _ = write!(body, "{size:x}\r\n{}\r\n", "a".repeat(size));
    }
    body + "0\r\n\r\n"
}

fn compare(bench: &mut Bench, name: &str, size: usize) {
    let raw = body(size);
    let mut ours = raw.clone().into_bytes();
    assert_eq!(our_turn(&mut waiting(), &mut ours), CHUNKS * size);
    assert_eq!(their_turn(raw.as_bytes()), CHUNKS * size);
    let contest = Contest {
        name,
        peer: "httparse",
        unit: Unit::Rate(CHUNKS as u64),
    };
    bench.run(
        &contest,
        |times| {
            in_batches(times, BATCH, |batch| {
                let mut servers: Vec<Server> = (0..batch).map(|_| waiting()).collect();
                timed(|| {
                    for server in &mut servers {
                        assert_eq!(our_turn(server, black_box(&mut ours)), CHUNKS * size);
                    }
                })
            })
        },
        |times| {
            in_batches(times, BATCH, |batch| {
                timed(|| {
                    for _ in 0..batch {
                        assert_eq!(their_turn(black_box(raw.as_bytes())), CHUNKS * size);
                    }
                })
            })
        },
    );
}

/// A server that has heard the head of a request.
fn waiting() -> Server {
    let mut server = Server::default();
    let mut head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let mut slots = [Slot::default(); 2];
    let step = server.recv(&mut head, &mut slots);
    assert!(step.is_ok_and(|step| matches!(step.event, Event::Head(_))));
    server
}

fn our_turn(server: &mut Server, input: &mut [u8]) -> usize {
    let (mut slots, mut at, mut total) = ([], 0, 0);
    loop {
        let step = server.recv(&mut input[at..], &mut slots).expect("chunks");
        at += step.used;
        match step.event {
            Event::Data(data) => total += black_box(data).len(),
            Event::End => return total,
            event => unreachable!("{event:?}"),
        }
    }
}

fn their_turn(input: &[u8]) -> usize {
    let (mut at, mut total) = (0, 0);
    loop {
        let parsed = httparse::parse_chunk_size(&input[at..]).expect("a size");
        let httparse::Status::Complete((line, size)) = parsed else {
            unreachable!("the body is whole");
        };
        at += line;
        if size == 0 {
            assert_eq!(&input[at..], b"\r\n");
            return total;
        }
        let size = usize::try_from(size).expect("a chunk that is here");
        total += black_box(&input[at..at + size]).len();
        at += size + 2;
    }
}
