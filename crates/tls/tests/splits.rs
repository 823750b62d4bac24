//! However the octets arrive, both sides report the same; whatever arrives, neither panics.

mod duo;

use duo::{Duo, client_config, server_config};
use netkit_core::split::{Cuts, same_for_every_split, transcript};
use netkit_tls::{
    ClientSessionMemory, Connection, EarlyDataPolicy, ProtocolVersion, SessionIdMemory, SingleUse,
    TicketKeys, Versions,
    generators::{Hello, Mutation, Said, hear, inject},
};
use proptest::prelude::*;
use std::sync::Arc;

/// Carries `octets` in these pieces and returns what was heard.
fn carry(
    machine: &mut Connection,
    octets: &mut Vec<u8>,
    cuts: &Cuts,
    out: &mut Vec<u8>,
) -> Vec<Said> {
    let arrived = std::mem::take(octets);
    let heard = transcript(cuts.pieces(&arrived), |input| hear(machine, input, out));
    assert_eq!((heard.error, heard.left), (None, 0));
    heard.events
}

fn server_on(octets: &[u8]) {
    let (config, _) = server_config();
    let config = Arc::new(config);
    let said = same_for_every_split(octets, || {
        let mut machine = Connection::server(config.clone(), duo::NOW, duo::random());
        let mut out = Vec::new();
        move |input: &mut [u8]| hear(&mut machine, input, &mut out)
    });
    // Without the client's keys nobody gets further than an answer.
    assert_eq!(said.events, []);
}

fn record(message: &[u8]) -> Vec<u8> {
    let mut record = vec![22, 3, 1, (message.len() >> 8) as u8, message.len() as u8];
    record.extend_from_slice(message);
    record
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_split_of_a_conversation_gives_the_same_events(
        to_server: Cuts,
        to_client: Cuts,
        question in proptest::collection::vec(any::<u8>(), 1..40_000),
        answer in proptest::collection::vec(any::<u8>(), 1..400),
    ) {
        let (server, roots) = server_config();
        let mut duo = Duo::new(client_config(roots), server);
        let (mut client_heard, mut server_heard) = (Vec::new(), Vec::new());
        for turn in 0..4 {
            server_heard.extend(carry(&mut duo.server, &mut duo.to_server, &to_server, &mut duo.to_client));
            if turn == 2 {
                duo.server.send(&[&answer], &mut duo.to_client).unwrap();
                duo.server.update_keys(true, &mut duo.to_client).unwrap();
                duo.server.send(&[&answer], &mut duo.to_client).unwrap();
                duo.server.close(&mut duo.to_client).unwrap();
            }
            client_heard.extend(carry(&mut duo.client, &mut duo.to_client, &to_client, &mut duo.to_server));
            if turn == 1 {
                duo.client.send(&[&question[..1], &question[1..]], &mut duo.to_server).unwrap();
            }
        }
        let mut twice = answer.clone();
        twice.extend(&answer);
        prop_assert_eq!(client_heard, [Said::Connected, Said::Data(twice), Said::PeerClosed]);
        prop_assert_eq!(server_heard, [Said::Connected, Said::Data(question)]);
    }

    #[test]
    fn every_split_of_early_data_gives_the_same_events(
        to_server: Cuts,
        to_client: Cuts,
        early in proptest::collection::vec(any::<u8>(), 1..20_000),
        taken: bool,
    ) {
        let (mut server, roots) = server_config();
        server.sessions = Some(Arc::new(TicketKeys::from_secret(&[1; 32])));
        server.early_data = Some(EarlyDataPolicy {
            max_size: 20_000,
            guard: Arc::new(SingleUse::new(duo::NOW)),
        });
        let mut client = client_config(roots);
        client.sessions = Some(Arc::new(ClientSessionMemory::default()));
        client.early_data = true;
        Duo::new(client.clone(), server.clone()).connect().unwrap();
        if !taken {
            server.early_data = None;
        }
        let mut duo = Duo::new(client, server);
        duo.client.send_early(&[&early], &mut duo.to_server).unwrap();
        let (mut client_heard, mut server_heard) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            server_heard.extend(carry(&mut duo.server, &mut duo.to_server, &to_server, &mut duo.to_client));
            client_heard.extend(carry(&mut duo.client, &mut duo.to_client, &to_client, &mut duo.to_server));
        }
        prop_assert_eq!(client_heard, [Said::Connected]);
        let mut expected = vec![Said::Connected];
        if taken {
            expected.insert(0, Said::EarlyData(early));
        }
        prop_assert_eq!(server_heard, expected);
    }

    #[test]
    fn every_split_of_an_abbreviated_handshake_gives_the_same_events(
        to_server: Cuts,
        to_client: Cuts,
        by_ticket: bool,
    ) {
        let (mut server, roots) = server_config();
        server.versions = Versions::only(ProtocolVersion::TLS1_2);
        if by_ticket {
            server.sessions = Some(Arc::new(TicketKeys::from_secret(&[1; 32])));
        }
        server.session_ids = Some(Arc::new(SessionIdMemory::default()));
        let mut client = client_config(roots);
        client.sessions = Some(Arc::new(ClientSessionMemory::default()));
        Duo::new(client.clone(), server.clone()).connect().unwrap();
        let mut duo = Duo::new(client, server);
        let (mut client_heard, mut server_heard) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            server_heard.extend(carry(&mut duo.server, &mut duo.to_server, &to_server, &mut duo.to_client));
            client_heard.extend(carry(&mut duo.client, &mut duo.to_client, &to_client, &mut duo.to_server));
        }
        prop_assert_eq!(client_heard, [Said::Connected]);
        prop_assert_eq!(server_heard, [Said::Connected]);
        prop_assert!(duo.client.agreed().unwrap().resumed);
        prop_assert_eq!(duo.client.agreed(), duo.server.agreed());
    }

    #[test]
    fn any_hello_is_answered_or_refused_the_same_in_every_split(
        hello: Hello,
        mutations in proptest::collection::vec(any::<Mutation>(), 0..3),
    ) {
        let mut octets = record(&hello.message().unwrap());
        for mutation in &mutations {
            mutation.apply(&mut octets);
        }
        server_on(&octets);
    }

    #[test]
    fn an_altered_flight_never_connects(place: u16, value in 1u8..) {
        let (server, roots) = server_config();
        let mut duo = Duo::new(client_config(roots), server);
        duo.deliver_to_server().unwrap();
        let place = usize::from(place) % duo.to_client.len();
        duo.to_client[place] ^= value;
        // An altered length may leave the client waiting for more than there is.
        let flight = std::mem::take(&mut duo.to_client);
        let to_server = &mut duo.to_server;
        let _ = transcript([&flight[..]], |input| hear(&mut duo.client, input, to_server));
        let answer = std::mem::take(&mut duo.to_server);
        let _ = transcript([&answer[..]], |input| hear(&mut duo.server, input, &mut Vec::new()));
        // A record's version is not protected: an alteration there may pass, but then nothing else
        // has changed.
        prop_assert_eq!(duo.client.is_connected(), duo.server.is_connected());
        prop_assert_eq!(duo.client.agreed(), duo.server.agreed());
    }

    #[test]
    fn any_message_of_a_peer_with_the_keys_is_taken_or_refused(
        hello: Hello,
        connected: bool,
        to_client: bool,
        kind: u8,
        mutations in proptest::collection::vec(any::<Mutation>(), 1..5),
    ) {
        let (server, roots) = server_config();
        let mut duo = Duo::new(client_config(roots), server);
        if connected {
            duo.connect().unwrap();
        }
        let mut message = hello.message().unwrap();
        message[0] = kind % 32;
        for mutation in &mutations {
            mutation.apply(&mut message);
        }
        let mut out = Vec::new();
        let machine = if to_client { &mut duo.client } else { &mut duo.server };
        if let Err(error) = inject(machine, &message, &mut out) {
            prop_assert_eq!(machine.recv(&mut [], &mut Vec::new()), Err(error), "errors repeat");
            prop_assert!(error.alert().is_none() || !out.is_empty(), "the alert is sent");
        }
    }
}
