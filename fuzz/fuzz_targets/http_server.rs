//! Octets from anyone to a server: the same events in any pieces, progress in every call, and
//! requests that the client's encoder writes are heard as they were meant.
//!
//! The first octet says how long the cuts are; cuts, then the stream, follow.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use netkit_core::split::{Cuts, transcript};
use netkit_http::{
    Client, Limits,
    generators::{Heard, Request, hear_requests},
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

fuzz_target!(|input: &[u8]| {
    let Some((&count, rest)) = input.split_first() else {
        return;
    };
    let (cuts, stream) = rest.split_at(rest.len().min(usize::from(count % 8)));
    let cuts = Cuts(cuts.to_vec());

    let whole = transcript([stream], hear_requests(LIMITS));
    let pieces = transcript(cuts.pieces(stream), hear_requests(LIMITS));
    assert_eq!(whole, pieces);
    assert!(
        whole
            .error
            .is_none_or(|failure| !failure.error.name().starts_with("Misuse"))
    );

    what_is_sent_is_heard(stream, &cuts);
});

fn what_is_sent_is_heard(choices: &[u8], cuts: &Cuts) {
    let Ok(request) = Request::arbitrary(&mut Unstructured::new(choices)) else {
        return;
    };
    let (mut client, mut out) = (Client::default(), Vec::new());
    if request.send(&mut client, &mut out).is_err() {
        // Longer than a start line may be, or more fields than slots: never a panic.
        return;
    }
    let said = transcript(cuts.pieces(&out), hear_requests(Limits::default()));
    if said.error.is_some() {
        assert!(out.len() > 1000, "{request:?}: {said:?}");
        return;
    }
    let (Some(Heard::Request(method, target, ..)), Some(Heard::End)) =
        (said.events.first(), said.events.last())
    else {
        panic!("{request:?}: {said:?}");
    };
    assert_eq!((method, target), (&request.method, &request.target));
    let content = said.events.iter().find_map(|event| match event {
        Heard::Data(data) => Some(data.clone()),
        _ => None,
    });
    assert_eq!(content.unwrap_or_default(), request.body.pieces.concat());
}
