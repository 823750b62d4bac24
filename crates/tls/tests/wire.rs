//! What the octets between the two look like, to those who see no more.

mod duo;

use duo::{Duo, Messages, client_config, server_config};
use netkit_tls::{
    Error, NamedGroup,
    generators::{inject, wear_down},
    limits::{MAX_KEY_UPDATES, MAX_TICKETS},
};
use std::sync::Arc;

/// The types of the records in `octets`.
fn types(octets: &[u8]) -> Vec<u8> {
    let (mut rest, mut types) = (octets, Vec::new());
    // The first ClientHello shows an old version (RFC 9846 5.1).
    while let [kind, 3, 1 | 3, high, low, body @ ..] = rest {
        types.push(*kind);
        rest = &body[usize::from(u16::from_be_bytes([*high, *low]))..];
    }
    assert!(rest.is_empty());
    types
}

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const PROTECTED: u8 = 23;

#[test]
fn middleboxes_see_one_change_cipher_spec_a_side_before_what_is_protected() {
    let (server, roots) = server_config();
    let mut duo = Duo::new(client_config(roots), server);
    assert_eq!(types(&duo.to_server), [HANDSHAKE]);
    duo.deliver_to_server().unwrap();
    assert_eq!(
        types(&duo.to_client),
        [HANDSHAKE, CHANGE_CIPHER_SPEC, PROTECTED]
    );
    duo.deliver_to_client().unwrap();
    assert_eq!(types(&duo.to_server), [CHANGE_CIPHER_SPEC, PROTECTED]);
}

#[test]
fn with_a_retry_it_comes_with_the_retry_and_not_again() {
    let (mut server, roots) = server_config();
    server.groups = vec![NamedGroup::SECP256R1];
    let mut duo = Duo::new(client_config(roots), server);
    duo.deliver_to_server().unwrap();
    assert_eq!(types(&duo.to_client), [HANDSHAKE, CHANGE_CIPHER_SPEC]);
    duo.deliver_to_client().unwrap();
    assert_eq!(types(&duo.to_server), [CHANGE_CIPHER_SPEC, HANDSHAKE]);
    duo.deliver_to_server().unwrap();
    assert_eq!(types(&duo.to_client), [HANDSHAKE, PROTECTED]);
    duo.deliver_to_client().unwrap();
    assert_eq!(types(&duo.to_server), [PROTECTED]);
    duo.deliver_to_server().unwrap();
    assert!(duo.server.is_connected());
}

#[test]
fn a_client_without_a_session_id_gets_no_change_cipher_spec() {
    for groups in [vec![NamedGroup::X25519], vec![NamedGroup::SECP256R1]] {
        let retried = groups != [NamedGroup::X25519];
        let (mut server, roots) = server_config();
        server.groups = groups;
        let mut duo = Duo::new(client_config(roots), server);
        // The hello without its session id: 32 octets fewer in the message and in the record.
        duo.to_server.drain(44..76);
        (duo.to_server[4], duo.to_server[8], duo.to_server[43]) =
            (duo.to_server[4] - 32, duo.to_server[8] - 32, 0);
        duo.deliver_to_server().unwrap();
        let expected: &[u8] = if retried {
            &[HANDSHAKE]
        } else {
            &[HANDSHAKE, PROTECTED]
        };
        assert_eq!(types(&duo.to_client), expected);
    }
}

#[test]
fn a_cookie_alone_is_reason_enough_for_a_retry_and_comes_back() {
    let (mut server, roots) = server_config();
    server.groups = vec![NamedGroup::SECP256R1];
    let sent = Arc::new(Messages::default());
    server.watch = Some(sent.clone());
    let mut duo = Duo::new(client_config(roots), server);
    let first = duo.to_server.clone();
    duo.deliver_to_server().unwrap();
    let mut retry = sent.sent()[0].clone();
    // The extensions are supported_versions and key_share: a cookie takes the latter's place.
    let cookie = [0, 44, 0, 5, 0, 3, 0xc0, 0x0c, 0x1e];
    retry.truncate(82);
    retry.extend(cookie);
    (retry[3], retry[75]) = (retry[3] + 3, retry[75] + 3);
    let mut second = Vec::new();
    assert_eq!(inject(&mut duo.client, &retry, &mut second), Ok(()));
    assert_eq!(types(&second), [CHANGE_CIPHER_SPEC, HANDSHAKE]);
    let has = |octets: &[u8], part: &[u8]| octets.windows(part.len()).any(|window| window == part);
    assert!(has(&second, &cookie) && !has(&first, &cookie));
    let share = &first[first.len() - 32..];
    assert!(has(&second, share), "the share has not changed");
}

#[test]
fn a_key_update_is_answered_if_it_asks_and_this_side_has_not_closed() {
    for (asks, records) in [(true, 2), (false, 1)] {
        let mut duo = Duo::connected();
        duo.client.update_keys(asks, &mut duo.to_server).unwrap();
        duo.deliver_to_server().unwrap();
        duo.server.send(&[b"data"], &mut duo.to_client).unwrap();
        assert_eq!(types(&duo.to_client).len(), records);
    }

    let mut duo = Duo::connected();
    duo.server.close(&mut duo.to_client).unwrap();
    duo.to_client.clear();
    duo.client.update_keys(true, &mut duo.to_server).unwrap();
    duo.deliver_to_server().unwrap();
    assert!(duo.to_client.is_empty(), "nothing follows close_notify");
}

#[test]
fn requests_while_this_side_is_silent_are_met_before_its_next_data() {
    let mut duo = Duo::connected();
    for _ in 0..3 {
        duo.client.update_keys(true, &mut duo.to_server).unwrap();
    }
    duo.deliver_to_server().unwrap();
    assert!(duo.to_client.is_empty(), "who is silent stays silent");
    for (records, what) in [(2, "one answer to all, and data"), (1, "data")] {
        duo.to_client.clear();
        duo.server.send(&[b"data"], &mut duo.to_client).unwrap();
        assert_eq!(types(&duo.to_client).len(), records, "{what}");
    }
}

#[test]
fn a_worn_out_key_is_changed_before_the_data_that_it_could_not_protect() {
    let mut duo = Duo::connected();
    wear_down(&mut duo.client, 3);
    let mut records = |body: &[u8]| {
        duo.client.send(&[body], &mut duo.to_server).unwrap();
        let types = types(&duo.to_server);
        duo.server_heard.clear();
        duo.deliver_to_server().unwrap();
        assert_eq!(duo.server_heard.len(), body.len().div_ceil(16_384));
        types.len()
    };
    assert_eq!(records(b"first"), 1, "two are left, and data needs one");
    assert_eq!(
        records(&vec![0; 20_000]),
        3,
        "two would leave none to announce"
    );
    assert_eq!(records(b"third"), 1, "the next key is new");
}

#[test]
fn the_limits_are_where_they_are_said_to_be() {
    let updates = |count: u8| {
        let mut duo = Duo::connected();
        for _ in 0..count {
            duo.client.update_keys(false, &mut duo.to_server).unwrap();
        }
        duo.deliver_to_server()
    };
    assert_eq!(updates(MAX_KEY_UPDATES), Ok(()));
    let many = Error::PeerTooMany("KeyUpdate messages without data");
    assert_eq!(updates(MAX_KEY_UPDATES + 1), Err(many));

    let tickets = |count: u8| {
        let ticket = [4, 0, 0, 14, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0];
        let messages = ticket.repeat(usize::from(count));
        inject(&mut Duo::connected().client, &messages, &mut Vec::new())
    };
    assert_eq!(tickets(MAX_TICKETS), Ok(()));
    assert!(tickets(MAX_TICKETS + 1).is_err());
}
