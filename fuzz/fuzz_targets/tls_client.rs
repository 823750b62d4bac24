//! A TLS client against octets from anyone, and against a server that holds the keys but sends what
//! it likes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit_core::split::Cuts;
use netkit_fuzz::{carry, client, server};
use netkit_tls::generators::{Mutation, inject};

#[derive(Debug, arbitrary::Arbitrary)]
enum Input {
    /// Octets in place of a server's answer.
    Octets(Vec<u8>, Cuts),
    /// A server's true answer, altered on the way.
    Altered(Vec<Mutation>, Cuts),
    /// Messages, each a kind and a body, after so much of the handshake.
    Messages(bool, Vec<(u8, Vec<u8>)>),
    /// As `Altered`, in TLS 1.2.
    Tls12(Vec<Mutation>, Cuts),
}

fuzz_target!(|input: Input| {
    let mut hello = Vec::new();
    let mut client = client(matches!(input, Input::Tls12(..)), &mut hello);
    let mut out = Vec::new();
    let mut answer = Vec::new();
    let mut answer_hello = || {
        let heard = carry(&mut server(), &hello, &Cuts(vec![]), &mut answer);
        assert_eq!(heard.error, None);
        std::mem::take(&mut answer)
    };
    match input {
        Input::Octets(octets, cuts) => {
            let heard = carry(&mut client, &octets, &cuts, &mut out);
            assert!(heard.events.is_empty(), "nobody without keys is heard");
        }
        Input::Altered(mutations, cuts) | Input::Tls12(mutations, cuts) => {
            let mut octets = answer_hello();
            for mutation in &mutations {
                mutation.apply(&mut octets);
            }
            carry(&mut client, &octets, &cuts, &mut out);
        }
        Input::Messages(connected, messages) => {
            if connected {
                let octets = answer_hello();
                carry(&mut client, &octets, &Cuts(vec![]), &mut out);
                assert!(client.is_connected());
            }
            for (kind, body) in messages {
                let [_, a, b, c] = (body.len() as u32).to_be_bytes();
                let message = [&[kind % 32, a, b, c], &body[..]].concat();
                if inject(&mut client, &message, &mut out).is_err() {
                    break;
                }
            }
        }
    }
});
