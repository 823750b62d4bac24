//! Octets from anyone to a TLS server: the same outcome in any pieces, and an alert for each refusal.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit_core::split::Cuts;
use netkit_fuzz::{carry, server};
use netkit_tls::generators::{Hello, Mutation};

#[derive(Debug, arbitrary::Arbitrary)]
struct Input {
    hello: Option<Hello>,
    mutations: Vec<Mutation>,
    cuts: Cuts,
    rest: Vec<u8>,
}

fuzz_target!(|input: Input| {
    let mut octets = Vec::new();
    if let Some(Ok(message)) = input.hello.map(|hello| hello.message()) {
        let length = message.len().min(16_384);
        octets.extend([22, 3, 1, (length >> 8) as u8, length as u8]);
        octets.extend(&message[..length]);
    }
    octets.extend(input.rest);
    for mutation in &input.mutations {
        mutation.apply(&mut octets);
    }
    let outcome = |cuts: &Cuts| {
        let mut out = Vec::new();
        let heard = carry(&mut server(), &octets, cuts, &mut out);
        let told = heard.error.is_none_or(|error| error.alert().is_none());
        assert!(told || !out.is_empty(), "no alert");
        heard
    };
    let whole = outcome(&Cuts(vec![]));
    assert!(whole.events.is_empty(), "nobody without keys is heard");
    assert_eq!(whole, outcome(&input.cuts));
});
