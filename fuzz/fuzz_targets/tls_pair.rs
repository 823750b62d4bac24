//! A TLS client and server with somebody between them who alters what they send: data arrives as it was
//! sent, or not at all, and nobody but its sender ends it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit_core::split::Cuts;
use netkit_fuzz::{carry, client, resuming, server};
use netkit_tls::generators::{Mutation, Said};

#[derive(Debug, arbitrary::Arbitrary)]
struct Turn {
    to_server: Vec<Mutation>,
    to_client: Vec<Mutation>,
    data: Vec<u8>,
    update: Option<bool>,
    close: bool,
}

#[derive(Debug, arbitrary::Arbitrary)]
struct Input {
    turns: [Turn; 4],
    cuts: Cuts,
    tls12: bool,
    /// Whether they go on from an earlier connection, and with what early data.
    resume: Option<Vec<u8>>,
}

fuzz_target!(|input: Input| {
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    let (mut client, mut server) = match &input.resume {
        Some(early) => resuming(early, &mut to_server),
        None => (client(input.tls12, &mut to_server), server()),
    };
    let mut early = Vec::new();
    let (mut sent, mut got) = (Vec::new(), Vec::new());
    let (mut closed, mut ended) = (false, false);
    for turn in input.turns {
        for mutation in &turn.to_server {
            mutation.apply(&mut to_server);
        }
        let octets = std::mem::take(&mut to_server);
        for said in carry(&mut server, &octets, &input.cuts, &mut to_client).events {
            match said {
                Said::Connected | Said::Question(_) => {}
                Said::EarlyData(data) => early.extend(data),
                Said::Data(data) => got.extend(data),
                Said::PeerClosed => ended = true,
            }
        }
        for mutation in &turn.to_client {
            mutation.apply(&mut to_client);
        }
        let octets = std::mem::take(&mut to_client);
        carry(&mut client, &octets, &input.cuts, &mut to_server);
        if client.send(&[&turn.data], &mut to_server).is_ok() {
            sent.extend(&turn.data);
        }
        if let Some(ask) = turn.update {
            let _ = client.update_keys(ask, &mut to_server);
        }
        if turn.close {
            closed |= client.close(&mut to_server).is_ok();
        }
    }
    assert!(sent.starts_with(&got), "altered data was heard");
    assert!(
        input.resume.unwrap_or_default().starts_with(&early),
        "altered early data was heard"
    );
    assert!(
        !ended || (closed && got == sent),
        "cut data was taken for whole"
    );
    if client.is_connected() && server.is_connected() {
        assert_eq!(client.agreed(), server.agreed());
    }
});
