//! Octets from anyone to either role, with compression or without: the same events in any pieces, answers
//! that the other role understands, and memory within the limits.
//!
//! The bits of the first octet choose the role, compression, forgetfulness, and how long the cuts are;
//! cuts, then the stream, follow.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit_core::split::{Cuts, transcript};
use netkit_fuzz::ws;
use netkit_ws::{
    Limits,
    generators::{Heard, hear},
};

/// Small enough that a fuzzer reaches them.
const LIMITS: Limits = Limits {
    frame: 2000,
    message: 3000,
    inflate_ratio: 20,
    inflated_free: 200,
    pong_backlog: 300,
};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, rest)) = input.split_first() else {
        return;
    };
    let (cuts, stream) = rest.split_at(rest.len().min(usize::from(choice % 8)));
    let cuts = Cuts(cuts.to_vec());
    let agreed = ws::agreed(choice & 0x40 != 0, choice & 0x20 != 0);
    let side = || match choice & 0x80 {
        0 => ws::server(&agreed, LIMITS),
        _ => ws::client(&agreed, LIMITS),
    };

    let (mut first, mut second) = (side(), side());
    let (mut out, mut others) = (Vec::new(), Vec::new());
    let whole = transcript([stream], |input| hear(&mut first, input, &mut out));
    let pieces = transcript(cuts.pieces(stream), |input| {
        hear(&mut second, input, &mut others)
    });
    assert_eq!(whole, pieces);
    assert!(out.len() <= 2 * LIMITS.pong_backlog);
    for event in &whole.events {
        if let Heard::Data(_, bytes, _) = event {
            assert!(bytes.len() as u64 <= LIMITS.message);
        }
    }
    if let Some(error) = whole.error {
        assert!(error.name().starts_with("Peer"), "{error:?}");
        assert!(first.has_closed());
        assert_eq!(hear(&mut first, &mut [], &mut Vec::new()), Err(error));
    }

    let mut other = match choice & 0x80 {
        0 => ws::client(&agreed, Limits::default()),
        _ => ws::server(&agreed, Limits::default()),
    };
    let answers = transcript([&out[..]], |input| hear(&mut other, input, &mut Vec::new()));
    assert_eq!((answers.error, answers.left), (None, 0));
});
