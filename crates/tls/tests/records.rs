//! A peer that holds the keys and breaks the rules of records.

mod duo;

use duo::{Duo, NOW, Said, client_config, random, server_config};
use netkit_tls::{
    AlertDescription, Connection, ContentType, Error, ServerName,
    generators::{seal, wear_down},
    limits::{MAX_EMPTY_RECORDS, MAX_PLAINTEXT, MAX_WARNINGS, MIN_FRAGMENT},
};
use std::sync::Arc;

/// What an open server says of records that its client seals.
fn heard(records: &[(ContentType, &[u8])]) -> Result<Vec<Said>, Error> {
    let mut duo = Duo::connected();
    duo.server_heard.clear();
    for (kind, content) in records {
        seal(&mut duo.client, *kind, content, &mut duo.to_server).unwrap();
    }
    duo.deliver_to_server().map(|()| duo.server_heard)
}

const DATA: ContentType = ContentType::APPLICATION_DATA;
const HANDSHAKE: ContentType = ContentType::HANDSHAKE;
const ALERT: ContentType = ContentType::ALERT;

#[test]
fn empty_records_are_no_events_and_not_forever() {
    let limit = usize::from(MAX_EMPTY_RECORDS);
    assert_eq!(heard(&vec![(DATA, &b""[..]); limit]), Ok(vec![]));
    let many = Error::PeerTooMany("empty records");
    assert_eq!(heard(&vec![(DATA, &b""[..]); limit + 1]), Err(many));
    let mut broken_up = vec![(DATA, &b""[..]); limit];
    broken_up.push((DATA, b"data"));
    broken_up.extend(vec![(DATA, &b""[..]); limit]);
    assert_eq!(heard(&broken_up), Ok(vec![Said::Data(b"data".to_vec())]));
}

/// Octets of the bodies of records.
fn lengths(mut octets: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let Some((header, rest)) = octets.split_at_checked(5) {
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        lengths.push(length);
        octets = &rest[length..];
    }
    lengths
}

#[test]
fn records_are_no_longer_than_the_configuration_says() {
    const LONGEST: usize = 100;
    // The inner type, and the tag.
    const SEALED: usize = LONGEST + 1 + 16;
    let (mut server, roots) = server_config();
    let mut client = client_config(roots);
    (client.max_fragment, server.max_fragment) = (LONGEST, LONGEST);
    let mut duo = Duo::new(client.clone(), server.clone());
    let hello = lengths(&duo.to_server);
    assert!(
        hello.len() > 1
            && hello[..hello.len() - 1]
                .iter()
                .all(|length| *length == LONGEST)
    );
    duo.deliver_to_server().unwrap();
    let flight = lengths(&duo.to_client);
    assert!(flight.iter().all(|length| *length <= SEALED) && flight.contains(&SEALED));
    duo.connect().unwrap();
    for (from, to) in [
        (&mut duo.client, &mut duo.to_server),
        (&mut duo.server, &mut duo.to_client),
    ] {
        from.send(&[&[7; 150], &[7; 51]], to).unwrap();
        assert_eq!(lengths(to), [SEALED, SEALED, 1 + 1 + 16]);
        let (front, behind) = from.room_around();
        for (content, fits) in [(LONGEST, Ok(())), (LONGEST + 1, Err(Error::MisuseRecord))] {
            let mut record = vec![0; front + content + behind];
            assert_eq!(from.send_in_place(&mut record, &mut Vec::new()), fits);
        }
    }
    for wrong in [0, MIN_FRAGMENT - 1, MAX_PLAINTEXT + 1] {
        client.max_fragment = wrong;
        let name = ServerName::try_from("localhost").unwrap();
        let refused = Connection::client(
            Arc::new(client.clone()),
            name,
            NOW,
            random(),
            &mut Vec::new(),
        );
        assert_eq!(
            refused.err(),
            Some(Error::MisuseConfig(
                "max_fragment is not 64 to 16384 octets"
            ))
        );
    }
}

#[test]
fn warnings_are_no_events_and_not_forever() {
    let limit = usize::from(MAX_WARNINGS);
    let user_canceled: (ContentType, &[u8]) = (ALERT, &[1, 90]);
    assert_eq!(heard(&vec![user_canceled; limit]), Ok(vec![]));
    let many = Error::PeerTooMany("warnings");
    assert_eq!(heard(&vec![user_canceled; limit + 1]), Err(many));
}

#[test]
fn nothing_stands_between_the_parts_of_a_message() {
    let (front, back) = (&[24, 0][..], &[0, 1, 0][..]);
    assert_eq!(heard(&[(HANDSHAKE, front), (HANDSHAKE, back)]), Ok(vec![]));
    assert_eq!(
        heard(&[(HANDSHAKE, front), (DATA, b"data")]),
        Err(Error::PeerMisalignedMessage)
    );
    assert_eq!(
        heard(&[(HANDSHAKE, front), (DATA, b"")]),
        Err(Error::PeerMisalignedMessage)
    );
    assert_eq!(
        heard(&[(HANDSHAKE, front), (ALERT, &[1, 90]), (HANDSHAKE, back)]),
        Err(Error::PeerMisalignedMessage),
        "not even a warning"
    );
}

#[test]
fn types_without_a_place_behind_protection_are_refused() {
    for kind in [ContentType::CHANGE_CIPHER_SPEC, ContentType(24)] {
        assert_eq!(
            heard(&[(kind, &[1])]),
            Err(Error::PeerUnexpectedRecord(kind))
        );
    }
    for kind in [HANDSHAKE, ALERT] {
        // RFC 9846 5.1: zero-length fragments of these types are not sent.
        assert_eq!(
            heard(&[(kind, b"")]),
            Err(Error::PeerUnexpectedRecord(kind))
        );
    }
}

#[test]
fn padding_is_not_data() {
    // The sealer puts the type behind all of it: these zeros are data.
    let padded = heard(&[(DATA, b"data\0\0\0")]);
    assert_eq!(padded, Ok(vec![Said::Data(b"data\0\0\0".to_vec())]));
    // Type 0 behind the content makes the true type the last octet that is not zero.
    let padded = heard(&[(ContentType(0), b"data\x17\0\0")]);
    assert_eq!(padded, Ok(vec![Said::Data(b"data".to_vec())]));
    let nothing = heard(&[(ContentType(0), &[0; 100])]);
    assert_eq!(nothing, Err(Error::PeerUnexpectedRecord(ContentType(0))));
}

#[test]
fn close_notify_in_a_handshake_is_the_peers_failure() {
    let (server, roots) = server_config();
    let mut duo = Duo::new(client_config(roots), server);
    duo.to_client = vec![21, 3, 3, 0, 2, 1, 0];
    let closed = Error::PeerAlert(AlertDescription::CLOSE_NOTIFY);
    assert_eq!(duo.deliver_to_client(), Err(closed));
}

#[test]
fn data_before_the_servers_finished_is_refused() {
    let (mut server, roots) = server_config();
    server.groups = vec![netkit_tls::NamedGroup::SECP256R1];
    let mut duo = Duo::new(client_config(roots), server);
    duo.deliver_to_server().unwrap();
    // The client waits for a second answer; the server has no keys yet.
    seal(&mut duo.server, DATA, b"data", &mut duo.to_client).unwrap();
    assert_eq!(
        duo.deliver_to_client(),
        Err(Error::PeerUnexpectedRecord(DATA))
    );
}

#[test]
fn a_record_is_sealed_where_it_stands() {
    let mut duo = Duo::connected();
    let (front, behind) = duo.client.room_around();
    for length in [1, 700, 16_384] {
        let body: Vec<u8> = (0..length).map(|i| i as u8).collect();
        let mut record = vec![0; front];
        record.extend(&body);
        record.resize(front + length + behind, 0);
        duo.client
            .send_in_place(&mut record, &mut duo.to_server)
            .unwrap();
        assert!(duo.to_server.is_empty(), "nothing goes before it");
        duo.to_server = record;
        duo.server_heard.clear();
        duo.settle().unwrap();
        assert_eq!(duo.server_heard, [Said::Data(body)]);
    }
    for length in [0, 16_385] {
        let mut record = vec![0; front + length + behind];
        let sent = duo.client.send_in_place(&mut record, &mut duo.to_server);
        assert_eq!(sent, Err(Error::MisuseRecord));
        assert!(record.iter().all(|octet| *octet == 0), "untouched");
    }
    let sent = duo.client.send_in_place(&mut [0; 3], &mut duo.to_server);
    assert_eq!(sent, Err(Error::MisuseRecord));
    assert_eq!(duo.say_to_server(b"on").unwrap(), b"on");
}

#[test]
fn a_worn_out_key_is_changed_before_a_record_in_place() {
    let mut duo = Duo::connected();
    wear_down(&mut duo.client, 1);
    let (front, behind) = duo.client.room_around();
    let mut record = vec![7; front + 3 + behind];
    duo.client
        .send_in_place(&mut record, &mut duo.to_server)
        .unwrap();
    assert!(!duo.to_server.is_empty(), "the KeyUpdate goes first");
    duo.to_server.extend(record);
    duo.server_heard.clear();
    duo.settle().unwrap();
    assert_eq!(duo.server_heard, [Said::Data(vec![7; 3])]);
}
