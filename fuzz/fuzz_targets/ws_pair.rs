//! A conversation of any messages, compressed or not, in any pieces, is heard as it was meant.
//!
//! The first octet is as in `ws_frames`.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use netkit_core::split::{Cuts, transcript};
use netkit_fuzz::ws;
use netkit_ws::{
    Limits,
    generators::{Heard, Said, hear},
};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, rest)) = input.split_first() else {
        return;
    };
    let (cuts, choices) = rest.split_at(rest.len().min(usize::from(choice % 8)));
    let Ok(said) = Vec::<Said>::arbitrary(&mut Unstructured::new(choices)) else {
        return;
    };
    let agreed = ws::agreed(choice & 0x40 != 0, choice & 0x20 != 0);
    let client = ws::client(&agreed, Limits::default());
    let server = ws::server(&agreed, Limits::default());
    let (mut from, mut to) = match choice & 0x80 {
        0 => (client, server),
        _ => (server, client),
    };
    let mut stream = Vec::new();
    for said in &said {
        said.send(&mut from, &mut stream).expect("may be sent");
    }
    let expected: Vec<Heard> = said.iter().map(Said::heard).collect();
    let mut out = Vec::new();
    let cuts = Cuts(cuts.to_vec());
    let heard = transcript(cuts.pieces(&stream), |input| hear(&mut to, input, &mut out));
    assert_eq!((heard.error, heard.left), (None, 0));
    assert_eq!(heard.events, expected);
});
