//! Sessions and tickets from anyone: what decodes encodes to the same, and nobody makes a ticket without
//! the key.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit_tls::{ServerSessions, Session, TicketKeys, generators::Mutation};
use std::sync::LazyLock;

#[derive(Debug, arbitrary::Arbitrary)]
struct Input {
    octets: Vec<u8>,
    mutations: Vec<Mutation>,
}

static KEYS: LazyLock<TicketKeys> = LazyLock::new(|| TicketKeys::from_secret(&[1; 32]));

fuzz_target!(|input: Input| {
    assert!(KEYS.get(&input.octets).is_none(), "a ticket was guessed");
    let Ok(session) = Session::decode(&input.octets) else {
        return;
    };
    let encoded = session.encode().expect("as long as it was");
    assert_eq!(encoded[..], input.octets[..]);
    let random = &mut getrandom::rand_core::UnwrapErr(getrandom::SysRng);
    let ticket = KEYS.put(&session, random).expect("a ticket");
    assert_eq!(KEYS.get(&ticket), Some(session));
    let mut altered = ticket.clone();
    for mutation in &input.mutations {
        mutation.apply(&mut altered);
    }
    assert!(altered == ticket || KEYS.get(&altered).is_none());
});
