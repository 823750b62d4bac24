//! Octets from anyone to a client: the same events in any pieces, progress in every call, and
//! responses that the server's encoder writes are heard as they were meant.
//!
//! The first octet chooses the request and says how long the cuts are; cuts, then the stream, follow.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use netkit_core::split::{Cuts, transcript};
use netkit_http::{
    BodyLength, Client, Limits, RequestLine, Server, Slot,
    generators::{Heard, Response, hear_responses},
};

/// Small enough that a fuzzer reaches them.
const LIMITS: Limits = Limits {
    start_line: 200,
    head: 600,
    trailers: 100,
    empty_lines: 2,
    chunk_line: 40,
    chunk_extensions: 60,
    interim_responses: 4,
    pipeline: 4,
};

/// A client that has sent what `choice` says; the octets it sent.
fn client(choice: u8, limits: Limits) -> (Client, Vec<u8>) {
    let (mut client, mut out) = (Client::new(limits), Vec::new());
    let upgrade = [("Host", "h"), ("Connection", "upgrade"), ("Upgrade", "x")];
    let (methods, fields): (&[&str], &[(&str, &str)]) = match choice % 5 {
        0 => (&["HEAD", "GET"], &upgrade[..1]),
        1 => (&["GET"], &upgrade),
        2 => (&["CONNECT"], &upgrade[..1]),
        3 => (&["GET", "GET", "GET"], &upgrade[..1]),
        _ => (&["GET"], &upgrade[..1]),
    };
    for method in methods {
        let target = if *method == "CONNECT" { "h:443" } else { "/" };
        let line = RequestLine::new(method, target);
        let sent = client.send_head(line, fields.iter().copied(), BodyLength::None, &mut out);
        assert_eq!(sent, Ok(false));
    }
    (client, out)
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, rest)) = input.split_first() else {
        return;
    };
    let (cuts, stream) = rest.split_at(rest.len().min(usize::from(choice / 32)));
    let cuts = Cuts(cuts.to_vec());

    let hear = || hear_responses(client(choice, LIMITS).0);
    let whole = transcript([stream], hear());
    let pieces = transcript(cuts.pieces(stream), hear());
    assert_eq!(whole, pieces);
    assert!(
        whole
            .error
            .is_none_or(|failure| failure.error.name().starts_with("Peer"))
    );

    what_is_sent_is_heard(stream, &cuts);
});

fn what_is_sent_is_heard(choices: &[u8], cuts: &Cuts) {
    let Ok(response) = Response::arbitrary(&mut Unstructured::new(choices)) else {
        return;
    };
    let (client, mut request) = client(4, Limits::default());
    let (mut server, mut out) = (Server::default(), Vec::new());
    let mut slots = [Slot::default(); 8];
    assert!(server.recv(&mut request, &mut slots).is_ok());
    assert_eq!(response.send(&mut server, &mut out), Ok(()));
    let said = transcript(cuts.pieces(&out), hear_responses(client));
    if said.error.is_some() {
        assert!(out.len() > 1000, "{response:?}: {said:?}");
        return;
    }
    let Some(Heard::Response(status, ..)) = said.events.first() else {
        panic!("{response:?}: {said:?}");
    };
    assert_eq!(*status, response.status);
    let content = said.events.iter().find_map(|event| match event {
        Heard::Data(data) => Some(data.clone()),
        _ => None,
    });
    let expected = match status.0 {
        304 => Vec::new(),
        _ => response.body.pieces.concat(),
    };
    assert_eq!(content.unwrap_or_default(), expected);
}
