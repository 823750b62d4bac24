//! TLS 1.2, client against server in memory.

mod duo;

use duo::{Authority, Duo, Lines, Messages, client_config, server_config, server_config_with};
use netkit_tls::{
    AlertDescription as Alert, CipherSuite as Suite, ClientAuth, ClientConfig, ContentType, Error,
    Event, ExtensionType, HandshakeType, NamedGroup, ProtocolVersion, ServerConfig,
    SignatureScheme, Versions,
    generators::{self, Said, inject, seal},
};
use std::sync::Arc;

const TLS1_2: Versions = Versions::only(ProtocolVersion::TLS1_2);
const TLS1_3: Versions = Versions::only(ProtocolVersion::TLS1_3);

/// A client and a server that have TLS 1.2 alone.
fn configs(algorithm: &'static rcgen::SignatureAlgorithm) -> (ClientConfig, ServerConfig) {
    let (mut server, roots) = server_config_with(algorithm);
    let mut client = client_config(roots);
    (client.versions, server.versions) = (TLS1_2, TLS1_2);
    (client, server)
}

fn ecdsa() -> (ClientConfig, ServerConfig) {
    configs(&rcgen::PKCS_ECDSA_P256_SHA256)
}

fn connected() -> Duo {
    let (client, server) = ecdsa();
    let mut duo = Duo::new(client, server);
    duo.connect().unwrap();
    duo
}

const ECDSA: [Suite; 3] = [
    Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    Suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
];

#[test]
fn every_suite_and_group_carries_data_both_ways() {
    for suite in ECDSA {
        for group in [
            NamedGroup::X25519,
            NamedGroup::SECP256R1,
            NamedGroup::SECP384R1,
        ] {
            let (mut client, mut server) = ecdsa();
            client.cipher_suites = vec![suite];
            // RFC 8422 5.3: the certificate's curve is offered too.
            client.groups = vec![group, NamedGroup::SECP256R1];
            server.groups = vec![group];
            let mut duo = Duo::new(client, server);
            duo.connect().unwrap();
            let agreed = duo.client.agreed().unwrap();
            assert_eq!(agreed.version, ProtocolVersion::TLS1_2);
            assert_eq!((agreed.cipher_suite, agreed.group), (suite, Some(group)));
            assert_eq!(duo.server.agreed(), duo.client.agreed());
            assert_eq!(duo.say_to_server(b"question").unwrap(), b"question");
            let long = vec![7; 40_000];
            assert_eq!(duo.say_to_client(&long).unwrap(), long);
        }
    }
}

#[test]
fn ed25519_and_p384_certificates_sign_the_key_exchange() {
    for (algorithm, scheme) in [
        (&rcgen::PKCS_ED25519, SignatureScheme::ED25519),
        (
            &rcgen::PKCS_ECDSA_P384_SHA384,
            SignatureScheme::ECDSA_SECP384R1_SHA384,
        ),
    ] {
        let (client, server) = configs(algorithm);
        let mut duo = Duo::new(client, server);
        duo.connect().unwrap();
        assert_eq!(duo.client.agreed().unwrap().signature_scheme, Some(scheme));
    }
}

#[test]
fn each_side_goes_down_to_the_version_that_the_other_has() {
    for client_has_12 in [false, true] {
        let (mut server, roots) = server_config();
        let mut client = client_config(roots);
        if client_has_12 {
            client.versions = TLS1_2;
        } else {
            server.versions = TLS1_2;
        }
        let mut duo = Duo::new(client, server);
        duo.connect().unwrap();
        let version = duo.client.agreed().unwrap().version;
        assert_eq!(version, ProtocolVersion::TLS1_2);
    }
    let (mut server, roots) = server_config();
    server.versions = TLS1_3;
    let mut client = client_config(roots);
    client.versions = TLS1_2;
    let mut duo = Duo::new(client, server);
    assert_eq!(duo.settle(), Err(Error::PeerNoCommonVersion));
    assert_eq!(
        duo.deliver_to_client(),
        Err(Error::PeerAlert(Alert::PROTOCOL_VERSION))
    );
}

/// The ServerHello that a server of TLS 1.2 gives this client, altered, given to the client.
fn server_hello(client: ClientConfig, alter: fn(&mut Vec<u8>)) -> Result<(), Error> {
    let (_, mut server) = ecdsa();
    server.alpn = vec![b"h".to_vec()];
    let sent = Arc::new(Messages::default());
    server.watch = Some(sent.clone());
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    let mut hello = sent.sent()[0].clone();
    alter(&mut hello);
    let length = hello.len() - 4;
    hello[2..4].copy_from_slice(&(length as u16).to_be_bytes());
    inject(&mut duo.client, &hello, &mut Vec::new())
}

/// Both versions, of whom the server takes the lower.
fn client_of_both() -> ClientConfig {
    let (_, roots) = server_config();
    client_config(roots)
}

/// Replaces an extension without content, or of one octet, at the place where it stands.
fn without(hello: &mut Vec<u8>, extension: ExtensionType) {
    let kind = extension.0.to_be_bytes();
    let at = 42 + hello[42..].windows(2).position(|two| two == kind).unwrap();
    let length = usize::from(hello[at + 3]);
    hello.drain(at..at + 4 + length);
    let left = hello.len() - 44;
    hello[42..44].copy_from_slice(&(left as u16).to_be_bytes());
}

#[test]
fn a_server_that_could_have_more_and_says_so_was_tampered_with() {
    assert_eq!(server_hello(client_of_both(), |_| {}), Ok(()));
    let downgraded: fn(&mut Vec<u8>) = |hello| hello[30..38].copy_from_slice(b"DOWNGRD\x01");
    let refused = Err(Error::PeerDowngrade);
    assert_eq!(server_hello(client_of_both(), downgraded), refused);
    // RFC 9846 4.2.3: neither value, whichever version is chosen.
    let further: fn(&mut Vec<u8>) = |hello| hello[30..38].copy_from_slice(b"DOWNGRD\x00");
    assert_eq!(server_hello(client_of_both(), further), refused);
    // Who has no more cannot tell.
    assert_eq!(server_hello(ecdsa().0, downgraded), Ok(()));
    // A server that has more says so.
    let (mut server, roots) = server_config();
    let sent = Arc::new(Messages::default());
    server.watch = Some(sent.clone());
    let mut client = client_config(roots);
    client.versions = TLS1_2;
    Duo::new(client, server).connect().unwrap();
    assert_eq!(sent.sent()[0][30..38], *b"DOWNGRD\x01");
}

#[test]
fn what_a_server_hello_may_not_say_is_refused() {
    type Alter = fn(&mut Vec<u8>);
    let cases: [(&str, Alter, Error); 8] = [
        (
            "an older version",
            |hello| hello[5] = 2,
            Error::PeerNoCommonVersion,
        ),
        (
            "a suite that was not offered",
            |hello| hello[39..41].copy_from_slice(&[0, 0x9c]),
            Error::PeerIllegalParameter("a cipher suite that was not offered"),
        ),
        (
            "a suite of another version",
            |hello| hello[39..41].copy_from_slice(&[0x13, 1]),
            Error::PeerIllegalParameter("a cipher suite that was not offered"),
        ),
        (
            "compression",
            |hello| hello[41] = 1,
            Error::PeerIllegalParameter("compression_method is not null"),
        ),
        (
            "no renegotiation_info",
            |hello| without(hello, ExtensionType::RENEGOTIATION_INFO),
            Error::PeerUnprotected(ExtensionType::RENEGOTIATION_INFO),
        ),
        (
            "an earlier handshake",
            |hello| {
                assert_eq!(hello[44..49], [0xff, 1, 0, 1, 0]);
                hello.splice(47..49, [2, 1, 9]);
                hello[43] += 1;
            },
            Error::PeerUnprotected(ExtensionType::RENEGOTIATION_INFO),
        ),
        (
            "no extended_master_secret",
            |hello| without(hello, ExtensionType::EXTENDED_MASTER_SECRET),
            Error::PeerUnprotected(ExtensionType::EXTENDED_MASTER_SECRET),
        ),
        (
            "an extension that was not offered",
            |hello| {
                hello.extend([0, 35, 0, 0]);
                hello[43] += 4;
            },
            Error::PeerUnsupportedExtension(ExtensionType::SESSION_TICKET),
        ),
    ];
    for (what, alter, error) in cases {
        assert_eq!(server_hello(client_of_both(), alter), Err(error), "{what}");
    }
}

/// What a server says of a ClientHello of TLS 1.2 with these suites and further extensions.
fn client_hello(suites: &[u16], extensions: &[(ExtensionType, &[u8])]) -> Result<(), Error> {
    let (_, mut server) = ecdsa();
    server.versions = Versions::default();
    let mut hello = generators::Hello {
        random: [1; 32],
        session_id: vec![],
        cipher_suites: vec![Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256.0],
        offers_tls13: false,
        extensions: vec![
            (ExtensionType::SIGNATURE_ALGORITHMS.0, vec![0, 2, 4, 3]),
            (ExtensionType::SUPPORTED_GROUPS.0, vec![0, 4, 0, 29, 0, 23]),
        ],
    };
    hello.cipher_suites.extend(suites);
    for (kind, content) in extensions {
        hello.extensions.retain(|(other, _)| *other != kind.0);
        hello.extensions.push((kind.0, content.to_vec()));
    }
    let mut duo = Duo::new(client_of_both(), server);
    inject(&mut duo.server, &hello.message().unwrap(), &mut Vec::new())
}

#[test]
fn what_a_client_hello_may_not_say_is_refused() {
    use ExtensionType as X;
    const FALLBACK_SCSV: u16 = 0x5600;
    let secure = (X::EXTENDED_MASTER_SECRET, &[][..]);
    assert_eq!(client_hello(&[], &[secure]), Ok(()));
    assert_eq!(
        client_hello(&[], &[]),
        Err(Error::PeerUnprotected(X::EXTENDED_MASTER_SECRET))
    );
    assert_eq!(
        client_hello(&[FALLBACK_SCSV], &[secure]),
        Err(Error::PeerInappropriateFallback)
    );
    assert_eq!(
        Error::PeerInappropriateFallback.alert(),
        Some(Alert::INAPPROPRIATE_FALLBACK)
    );
    assert_eq!(
        client_hello(&[], &[secure, (X::RENEGOTIATION_INFO, &[1, 9])]),
        Err(Error::PeerUnprotected(X::RENEGOTIATION_INFO))
    );
    assert_eq!(
        client_hello(&[], &[secure, (X::EC_POINT_FORMATS, &[1, 1])]),
        Err(Error::PeerIllegalParameter(
            "ec_point_formats without uncompressed"
        ))
    );
    assert_eq!(
        client_hello(&[], &[secure, (X::SUPPORTED_GROUPS, &[0, 2, 0, 9])]),
        Err(Error::PeerNoCommonGroup)
    );
    assert_eq!(
        client_hello(&[], &[secure, (X::SIGNATURE_ALGORITHMS, &[0, 2, 8, 4])]),
        Err(Error::PeerNoCommonScheme)
    );
    // A list that cannot be read is not one that is not there.
    for (kind, broken) in [
        (X::SUPPORTED_GROUPS, &[0, 3, 0, 23, 0][..]),
        (X::SIGNATURE_ALGORITHMS, &[0, 3, 4, 3, 4]),
    ] {
        let heard = client_hello(&[], &[secure, (kind, broken)]);
        assert!(matches!(heard, Err(Error::PeerDecode(_))), "{heard:?}");
    }
}

#[test]
fn extended_master_secret_is_optional_where_that_was_asked_for() {
    let (mut client, mut server) = ecdsa();
    client.tls12.require_extended_master_secret = false;
    server.tls12.require_extended_master_secret = false;
    let without: fn(&mut Vec<u8>) = |hello| without(hello, ExtensionType::EXTENDED_MASTER_SECRET);
    assert_eq!(server_hello(client, without), Ok(()));
    let mut duo = Duo::new(ecdsa().0, server);
    let hello = generators::Hello {
        random: [1; 32],
        session_id: vec![],
        cipher_suites: vec![Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256.0],
        offers_tls13: false,
        extensions: vec![(ExtensionType::SIGNATURE_ALGORITHMS.0, vec![0, 2, 4, 3])],
    };
    let hello = hello.message().unwrap();
    assert_eq!(inject(&mut duo.server, &hello, &mut Vec::new()), Ok(()));
}

#[test]
fn clients_show_certificates_and_prove_them() {
    let authority = Authority::new();
    for (algorithm, required) in [
        (Some(&rcgen::PKCS_ECDSA_P256_SHA256), true),
        (Some(&rcgen::PKCS_ED25519), true),
        (None, false),
        (None, true),
    ] {
        let mut server = authority.server("localhost");
        let mut auth = ClientAuth::required(authority.roots());
        auth.required = required;
        server.client_auth = Some(auth);
        let mut client = client_config(authority.roots());
        client.versions = TLS1_2;
        let identity = algorithm.map(|algorithm| Arc::new(authority.identity("me", algorithm)));
        client.identities.extend(identity.clone());
        let mut duo = Duo::new(client, server);
        if algorithm.is_none() && required {
            assert_eq!(
                duo.settle(),
                Err(Error::PeerNoClientCertificate(ProtocolVersion::TLS1_2))
            );
            continue;
        }
        duo.connect().unwrap();
        let chain = identity.map_or(vec![], |identity| identity.chain().to_vec());
        assert_eq!(duo.server.peer_chain(), chain);
        assert_eq!(duo.say_to_server(b"me").unwrap(), b"me");
    }
}

#[test]
fn a_client_certificate_without_its_proof_is_refused() {
    let authority = Authority::new();
    let mut server = authority.server("localhost");
    server.client_auth = Some(ClientAuth::required(authority.roots()));
    let mut client = client_config(authority.roots());
    client.versions = TLS1_2;
    let algorithm = &rcgen::PKCS_ECDSA_P256_SHA256;
    client.identities = vec![Arc::new(authority.identity("me", algorithm))];
    let sent = Arc::new(Messages::default());
    client.watch = Some(sent.clone());
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    duo.deliver_to_client().unwrap();
    let [_hello, certificate, exchange, verify, _finished] = &sent.sent()[..] else {
        panic!("{:?}", sent.sent());
    };
    let mut out = Vec::new();
    inject(&mut duo.server, certificate, &mut out).unwrap();
    inject(&mut duo.server, exchange, &mut out).unwrap();
    let mut forged = verify.clone();
    *forged.last_mut().unwrap() ^= 1;
    let refused = inject(&mut duo.server, &forged, &mut out);
    assert_eq!(refused, Err(Error::PeerBadSignature));
}

#[test]
fn the_key_log_has_the_master_secret_under_the_clients_random() {
    let (mut client, mut server) = ecdsa();
    let (ours, theirs) = (Arc::new(Lines::default()), Arc::new(Lines::default()));
    client.key_log = Some(ours.clone());
    server.key_log = Some(theirs.clone());
    let sent = Arc::new(Messages::default());
    client.watch = Some(sent.clone());
    Duo::new(client, server).connect().unwrap();
    let lines = ours.0.lock().unwrap();
    let [line] = &lines[..] else {
        panic!("{lines:?}");
    };
    let random = hex::encode(&sent.sent()[0][6..38]);
    let secret = line
        .strip_prefix(&format!("CLIENT_RANDOM {random} "))
        .unwrap();
    assert_eq!(secret.len(), 96);
    assert_eq!(*lines, *theirs.0.lock().unwrap());
}

#[test]
fn a_change_cipher_spec_before_its_turn_is_refused() {
    const CCS: [u8; 6] = [20, 3, 3, 0, 1, 1];
    let early = Err(Error::PeerUnexpectedRecord(ContentType::CHANGE_CIPHER_SPEC));
    // Before the client's key exchange: keys of an empty premaster secret would follow.
    let (client, server) = ecdsa();
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    duo.to_server = CCS.to_vec();
    assert_eq!(duo.deliver_to_server(), early);
    // Right behind the ServerHello, and in front of it.
    for place in [0, 1] {
        let (client, server) = ecdsa();
        let sent = Arc::new(Messages::default());
        let server = ServerConfig {
            watch: Some(sent.clone()),
            ..server
        };
        let mut duo = Duo::new(client, server);
        duo.deliver_to_server().unwrap();
        let hello = sent.sent()[0].clone();
        let mut hello = [&[22, 3, 3, 0, hello.len() as u8][..], &hello].concat();
        if place == 0 {
            // It might be TLS 1.3's dummy, until the hello says that it is none.
            duo.to_client = [&CCS[..], &duo.to_client].concat();
        } else {
            hello.extend(CCS);
            duo.to_client = hello;
        }
        assert_eq!(duo.settle(), early, "{place}");
    }
    // A second one, under the key.
    let mut duo = connected();
    seal(
        &mut duo.client,
        ContentType::CHANGE_CIPHER_SPEC,
        &[1],
        &mut duo.to_server,
    )
    .unwrap();
    assert_eq!(duo.deliver_to_server(), early);
}

#[test]
fn nothing_is_heard_in_the_clear_once_there_are_keys() {
    for kind in [20, 21, 22, 23] {
        let mut duo = connected();
        duo.to_server = vec![kind, 3, 3, 0, 2, 1, 0];
        assert_eq!(duo.deliver_to_server(), Err(Error::PeerBadRecordMac));
    }
}

#[test]
fn a_finished_that_was_tampered_with_is_refused() {
    let (client, server) = ecdsa();
    let sent = Arc::new(Messages::default());
    let mut client = client;
    client.watch = Some(sent.clone());
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    duo.deliver_to_client().unwrap();
    let [_hello, exchange, finished] = &sent.sent()[..] else {
        panic!();
    };
    let mut out = Vec::new();
    inject(&mut duo.server, exchange, &mut out).unwrap();
    // Before ChangeCipherSpec it has no turn.
    let early = Error::PeerUnexpectedMessage(HandshakeType::FINISHED, "WAIT_CCS");
    assert_eq!(inject(&mut duo.server, finished, &mut out), Err(early));
    for length in [0, 11, 12, 13] {
        let mut duo = until_finished();
        let mut forged = vec![20, 0, 0, length];
        forged.extend(vec![7; length.into()]);
        assert_eq!(
            inject(&mut duo.server, &forged, &mut out),
            Err(Error::PeerBadFinished)
        );
    }
}

/// A server that waits for Finished.
fn until_finished() -> Duo {
    let (client, server) = ecdsa();
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    duo.deliver_to_client().unwrap();
    let finished = duo.to_server.len() - (5 + 8 + 16 + 16);
    duo.to_server.truncate(finished);
    duo.deliver_to_server().unwrap();
    assert!(format!("{:?}", duo.server).contains("WAIT_FINISHED"));
    duo
}

#[test]
fn nobody_renegotiates() {
    const NO_RENEGOTIATION: [u8; 2] = [1, 100];
    let mut duo = connected();
    let request = [0, 0, 0, 0];
    let hello = [1, 0, 0, 0];
    for round in 1..=5 {
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        let answers = [
            inject(&mut duo.client, &request, &mut to_server),
            inject(&mut duo.server, &hello, &mut to_client),
        ];
        if round == 5 {
            let refused = Err(Error::PeerTooMany("wishes to renegotiate"));
            assert_eq!(answers, [refused, refused]);
            return;
        }
        assert_eq!(answers, [Ok(()), Ok(())]);
        // A warning that the other hears, and goes on.
        let length = 5 + 8 + NO_RENEGOTIATION.len() + 16;
        assert_eq!((to_server.len(), to_client.len()), (length, length));
        assert_eq!((to_server[0], to_client[0]), (21, 21));
        duo.to_server = to_server;
        duo.to_client = to_client;
        duo.settle().unwrap();
        assert!(duo.client.is_connected() && duo.server.is_connected());
    }
}

#[test]
fn who_has_closed_answers_no_wish_to_renegotiate() {
    let mut duo = connected();
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    duo.client.close(&mut to_server).unwrap();
    duo.server.close(&mut to_client).unwrap();
    let sent = (to_server.clone(), to_client.clone());
    inject(&mut duo.client, &[0, 0, 0, 0], &mut to_server).unwrap();
    inject(&mut duo.server, &[1, 0, 0, 0], &mut to_client).unwrap();
    assert!((to_server, to_client) == sent, "close_notify is the last");
}

#[test]
fn warnings_are_bounded_and_data_forgives_them() {
    let mut duo = connected();
    let warn = |duo: &mut Duo| {
        let warning = [1, Alert::UNRECOGNIZED_NAME.0];
        seal(
            &mut duo.client,
            ContentType::ALERT,
            &warning,
            &mut duo.to_server,
        )
        .unwrap();
        duo.deliver_to_server()
    };
    for _ in 0..4 {
        warn(&mut duo).unwrap();
    }
    assert_eq!(duo.say_to_server(b"data").unwrap(), b"data");
    for _ in 0..4 {
        warn(&mut duo).unwrap();
    }
    assert_eq!(warn(&mut duo), Err(Error::PeerTooMany("warnings")));
    let mut duo = connected();
    let fatal = [2, Alert::UNRECOGNIZED_NAME.0];
    seal(
        &mut duo.client,
        ContentType::ALERT,
        &fatal,
        &mut duo.to_server,
    )
    .unwrap();
    assert_eq!(
        duo.deliver_to_server(),
        Err(Error::PeerAlert(Alert::UNRECOGNIZED_NAME))
    );
}

#[test]
fn empty_records_are_bounded() {
    let mut duo = connected();
    let mut last = Ok(());
    for _ in 0..33 {
        assert_eq!(last, Ok(()));
        let data = ContentType::APPLICATION_DATA;
        seal(&mut duo.client, data, &[], &mut duo.to_server).unwrap();
        last = duo.deliver_to_server();
    }
    assert_eq!(last, Err(Error::PeerTooMany("empty records")));
}

#[test]
fn keys_do_not_change_and_a_worn_out_one_ends_the_connection() {
    let mut duo = connected();
    let mut out = Vec::new();
    let refused = duo.client.update_keys(true, &mut out);
    assert_eq!(refused, Err(Error::MisuseNoKeyUpdate));
    assert_eq!(duo.say_to_server(b"harmless").unwrap(), b"harmless");
    generators::wear_down(&mut duo.client, 2);
    assert_eq!(duo.say_to_server(b"last").unwrap(), b"last");
    let worn_out = duo.client.send(&[b"more"], &mut duo.to_server);
    assert_eq!(worn_out, Err(Error::KeyExhausted));
    assert_eq!(
        duo.deliver_to_server(),
        Err(Error::PeerAlert(Alert::INTERNAL_ERROR))
    );
}

#[test]
fn a_record_is_sealed_where_it_stands() {
    for suite in ECDSA {
        let (mut client, server) = ecdsa();
        client.cipher_suites = vec![suite];
        let mut duo = Duo::new(client, server);
        duo.connect().unwrap();
        let (front, behind) = duo.client.room_around();
        let mut record = vec![0; front];
        record.extend(b"where it stands");
        record.resize(record.len() + behind, 0);
        duo.client
            .send_in_place(&mut record, &mut duo.to_server)
            .unwrap();
        let step = duo.server.recv(&mut record, &mut Vec::new()).unwrap();
        assert_eq!(step.event, Event::Data(&mut b"where it stands".to_vec()));
    }
}

#[test]
fn an_orderly_close_is_heard_and_a_cut_is_not_one() {
    let mut duo = connected();
    duo.client.close(&mut duo.to_server).unwrap();
    duo.server_heard.clear();
    duo.deliver_to_server().unwrap();
    assert_eq!(duo.server_heard, [Said::PeerClosed]);
    assert_eq!(duo.server.eof(), Ok(()));
    assert_eq!(duo.client.eof(), Err(Error::Truncated));
}
