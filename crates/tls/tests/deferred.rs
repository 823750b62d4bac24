//! What a configuration leaves to its owner: the choice after the ClientHello, signatures, verdicts.

mod duo;

use duo::{Authority, Duo, NOW, Said, client_config, random, server_config};
use netkit_tls::{
    AlertDescription, ClientAuth, Connection, Error, Event, ExtensionType, Identity, NamedGroup,
    ProtocolVersion, Question, SignatureScheme, Spoken,
};
use netkit_x509::Roots;
use std::sync::Arc;

/// An identity whose key is elsewhere, and that key.
fn elsewhere(authority: &Authority) -> (Arc<Identity>, rcgen::KeyPair) {
    let (chain, key) = authority.leaf("localhost", &rcgen::PKCS_ECDSA_P256_SHA256);
    let schemes = vec![SignatureScheme::ECDSA_SECP256R1_SHA256];
    (
        Arc::new(Identity::with_key_elsewhere(chain, schemes).unwrap()),
        key,
    )
}

fn sign(key: &rcgen::KeyPair, connection: &Connection) -> Vec<u8> {
    let to_sign = connection.to_sign().expect("it asks");
    assert_eq!(to_sign.scheme(), SignatureScheme::ECDSA_SECP256R1_SHA256);
    rcgen::SigningKey::sign(key, to_sign.content()).unwrap()
}

/// An undecided server that has been offered the client's hello, and that hello.
fn asked() -> (Duo, Vec<u8>) {
    let (server, roots) = server_config();
    let mut duo = Duo::new(client_config(roots), server);
    duo.server = Connection::undecided(NOW, random());
    let mut arrived = std::mem::take(&mut duo.to_server);
    let step = duo.server.recv(&mut arrived, &mut duo.to_client).unwrap();
    assert_eq!(
        (step.used, step.event),
        (0, Event::Question(Question::Hello))
    );
    (duo, arrived)
}

#[test]
fn a_server_may_choose_once_it_has_seen_the_hello() {
    let (server, roots) = server_config();
    let mut client = client_config(roots);
    client.alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut duo = Duo::new(client, server.clone());
    duo.server = Connection::undecided(NOW, random());
    let arrived = duo.to_server.clone();

    // Whatever the pieces, nothing is used before the choice.
    for end in 0..arrived.len() {
        let mut piece = arrived[..end].to_vec();
        let step = duo.server.recv(&mut piece, &mut duo.to_client);
        let step = step.unwrap();
        assert_eq!((step.used, step.event), (0, Event::NeedData), "after {end}");
        assert!(duo.server.hello().is_none());
    }
    let mut input = arrived.clone();
    let step = duo.server.recv(&mut input, &mut duo.to_client).unwrap();
    assert_eq!(
        (step.used, step.event),
        (0, Event::Question(Question::Hello))
    );
    let step = duo.server.recv(&mut input, &mut duo.to_client).unwrap();
    assert_eq!((step.used, step.event), (0, Event::Waiting));
    assert!(input == arrived && duo.to_client.is_empty());

    let hello = duo.server.hello().unwrap();
    assert_eq!(hello.octets(), &arrived[5..]);
    assert_eq!(hello.random()[..], arrived[11..43]);
    assert_eq!(hello.session_id(), &arrived[44..76]);
    assert_eq!(hello.server_name(), Some("localhost"));
    assert_eq!(hello.protocols(), [&b"h2"[..], b"http/1.1"]);
    assert!(hello.versions().contains(&ProtocolVersion::TLS1_3));
    assert!(hello.groups().any(|group| group == NamedGroup::X25519));
    let schemes: Vec<_> = hello.signature_schemes().collect();
    assert!(schemes.contains(&SignatureScheme::ED25519));
    assert!(hello.cipher_suites().all(|suite| suite.name().is_some()));
    let kinds: Vec<_> = hello.extensions().map(|(kind, _)| kind).collect();
    assert_eq!(kinds[0], ExtensionType::SERVER_NAME);
    assert!(kinds.contains(&ExtensionType::KEY_SHARE));

    duo.server.choose(Arc::new(server)).unwrap();
    duo.connect().unwrap();
}

#[test]
fn a_hello_may_be_refused_with_any_alert() {
    let (mut duo, _) = asked();
    let alert = AlertDescription::UNRECOGNIZED_NAME;
    let refused = Error::Refused(alert);
    assert_eq!(duo.server.refuse(alert, &mut duo.to_client), refused);
    assert_eq!(duo.to_client, [21, 3, 3, 0, 2, 2, alert.0]);
    assert_eq!(duo.server.recv(&mut [], &mut Vec::new()), Err(refused));
    assert_eq!(duo.settle(), Err(Error::PeerAlert(alert)));
}

#[test]
fn what_is_no_hello_is_refused_before_the_question() {
    let hear = |octets: &[u8]| {
        let mut server = Connection::undecided(NOW, random());
        let mut out = Vec::new();
        let heard = server
            .recv(&mut octets.to_vec(), &mut out)
            .map(|step| step.used);
        (heard, out)
    };
    let http = hear(b"GET / HTTP/1.1\r\n");
    let no_tls = Error::PeerNotTls(Spoken::HttpRequest);
    assert_eq!(http, (Err(no_tls), vec![21, 3, 3, 0, 2, 2, 10]));
    let (finished, _) = hear(&[22, 3, 1, 0, 4, 20, 0, 0, 0]);
    assert!(
        matches!(finished, Err(Error::PeerUnexpectedMessage(..))),
        "{finished:?}"
    );
    let (data, _) = hear(&[23, 3, 3, 0, 1, 0]);
    assert!(
        matches!(data, Err(Error::PeerUnexpectedRecord(_))),
        "{data:?}"
    );
    let (empty, _) = hear(&[22, 3, 1, 0, 0]);
    assert!(
        matches!(empty, Err(Error::PeerDecode(_))),
        "one may come after another for ever: {empty:?}"
    );
    let (long, _) = hear(&[22, 3, 1, 0, 4, 1, 1, 0, 0]);
    assert!(matches!(long, Err(Error::PeerTooMany(_))), "{long:?}");
    let (broken, _) = hear(&[22, 3, 1, 0, 4, 1, 0, 0, 0]);
    assert!(matches!(broken, Err(Error::PeerDecode(_))), "{broken:?}");
}

#[test]
fn a_server_s_key_may_be_elsewhere() {
    let authority = Authority::new();
    let (identity, key) = elsewhere(&authority);
    let mut server = authority.server("localhost");
    server.identities = vec![identity];
    let mut duo = Duo::new(client_config(authority.roots()), server);
    duo.deliver_to_server().unwrap();
    assert_eq!(duo.server_heard, [Said::Question(Question::Sign)]);
    assert!(duo.server.peer_chain().is_empty());
    let before = duo.to_client.len();
    let mut more = duo.to_server.clone();
    more.extend([20, 3, 3, 0, 1, 1]);
    let step = duo.server.recv(&mut more, &mut duo.to_client).unwrap();
    assert_eq!(
        (step.used, step.event),
        (0, Event::Waiting),
        "no input is taken"
    );
    let signature = sign(&key, &duo.server);
    duo.server
        .signature(&signature, &mut duo.to_client)
        .unwrap();
    assert!(
        duo.to_client.len() > before,
        "the rest of the flight leaves at once"
    );
    duo.server_heard.clear();
    duo.connect().unwrap();
    assert_eq!(duo.say_to_server(b"hello").unwrap(), b"hello");
}

#[test]
fn nothing_follows_a_close_that_comes_before_the_answer() {
    let authority = Authority::new();
    let (identity, key) = elsewhere(&authority);
    let mut server = authority.server("localhost");
    server.identities = vec![identity];
    let mut duo = Duo::new(client_config(authority.roots()), server.clone());
    duo.deliver_to_server().unwrap();
    let signature = sign(&key, &duo.server);
    duo.server.close(&mut duo.to_client).unwrap();
    let sent = duo.to_client.clone();
    assert_eq!(
        duo.server.signature(&signature, &mut duo.to_client),
        Err(Error::MisuseNotAsked)
    );
    assert!(duo.to_client == sent, "close_notify is the last");

    let (mut duo, mut arrived) = asked();
    let all = arrived.len();
    duo.server.close(&mut duo.to_client).unwrap();
    let server = Arc::new(server);
    assert_eq!(duo.server.choose(server), Err(Error::MisuseNotAsked));
    let step = duo.server.recv(&mut arrived, &mut Vec::new()).unwrap();
    assert_eq!((step.used, step.event), (all, Event::NeedData));
}

#[test]
fn a_wrong_signature_is_the_client_s_to_find() {
    let authority = Authority::new();
    let mut server = authority.server("localhost");
    server.identities = vec![elsewhere(&authority).0];
    let mut duo = Duo::new(client_config(authority.roots()), server);
    duo.deliver_to_server().unwrap();
    duo.server
        .signature(b"nothing", &mut duo.to_client)
        .unwrap();
    assert_eq!(duo.settle(), Err(Error::PeerBadSignature));
}

#[test]
fn a_client_s_owner_may_judge_the_server() {
    for verdict in [Ok(()), Err(netkit_x509::Error::UnknownIssuer)] {
        let (server, _) = server_config();
        let mut client = client_config(Arc::new(Roots::new()));
        client.verifier = None;
        let mut duo = Duo::new(client, server);
        duo.deliver_to_server().unwrap();
        let mut arrived = std::mem::take(&mut duo.to_client);
        let used = loop {
            let step = duo.client.recv(&mut arrived, &mut duo.to_server).unwrap();
            let used = step.used;
            if step.event == Event::Question(Question::Verify) {
                break used;
            }
            arrived.drain(..used);
        };
        assert_eq!(duo.client.peer_chain().len(), 1);
        assert!(duo.client.to_sign().is_none());
        arrived.drain(..used);
        let step = duo.client.recv(&mut arrived, &mut duo.to_server).unwrap();
        assert_eq!((step.used, step.event), (0, Event::Waiting));
        let taken = duo.client.verdict(verdict, &mut duo.to_server);
        assert_eq!(taken, verdict.map_err(Error::PeerCertificate));
        if verdict.is_ok() {
            // What waited behind the question goes on without new input.
            duo.to_client = arrived;
            let step = duo.client.recv(&mut duo.to_client, &mut duo.to_server);
            assert_eq!(step.unwrap().event, Event::Connected);
            duo.to_client.clear();
            duo.settle().unwrap();
            assert_eq!(duo.server_heard, [Said::Connected]);
        } else {
            let told = Error::PeerAlert(AlertDescription::UNKNOWN_CA);
            assert_eq!(duo.settle(), Err(told));
        }
    }
}

#[test]
fn an_answer_to_no_question_is_misuse_and_harms_nothing() {
    let mut duo = Duo::connected();
    let out = &mut Vec::new();
    let misuse = Error::MisuseNotAsked;
    let (config, _) = server_config();
    assert_eq!(duo.server.choose(Arc::new(config.clone())), Err(misuse));
    assert_eq!(duo.server.signature(b"", out), Err(misuse));
    assert_eq!(duo.client.verdict(Ok(()), out), Err(misuse));
    assert_eq!(duo.client.show(None, out), Err(misuse));
    assert!(out.is_empty());
    assert_eq!(duo.say_to_server(b"on").unwrap(), b"on");

    let (mut duo, _) = asked();
    assert_eq!(
        duo.server.signature(b"", out),
        Err(misuse),
        "another question"
    );
    duo.server.choose(Arc::new(config.clone())).unwrap();
    assert_eq!(duo.server.choose(Arc::new(config)), Err(misuse), "once");
    assert!(duo.server.hello().is_none());
}

#[test]
fn a_client_s_key_may_be_elsewhere_too() {
    let authority = Authority::new();
    let (identity, key) = elsewhere(&authority);
    let mut server = authority.server("localhost");
    server.client_auth = Some(ClientAuth::required(authority.roots()));
    let mut client = client_config(authority.roots());
    client.identities = vec![identity];
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    duo.deliver_to_client().unwrap();
    assert_eq!(duo.client_heard, [Said::Question(Question::Sign)]);
    assert!(!duo.client.is_connected());
    let signature = sign(&key, &duo.client);
    duo.client
        .signature(&signature, &mut duo.to_server)
        .unwrap();
    let step = duo.client.recv(&mut [], &mut duo.to_server).unwrap();
    assert_eq!(step.event, Event::Connected, "without new input");
    duo.settle().unwrap();
    assert_eq!(duo.server_heard, [Said::Connected]);
    assert_eq!(duo.server.peer_chain().len(), 1);
}

#[test]
fn an_undecided_server_that_is_shown_less_than_before_waits() {
    let (server, roots) = server_config();
    let duo = Duo::new(client_config(roots), server);
    let mut server = Connection::undecided(NOW, random());
    // A whole record with a part of the hello, and then less than that.
    let hello = &duo.to_server[5..];
    let mut record = vec![22, 3, 1, 0, 10];
    record.extend(&hello[..10]);
    for length in [record.len(), 3] {
        let step = server.recv(&mut record[..length], &mut Vec::new()).unwrap();
        assert_eq!((step.used, step.event), (0, Event::NeedData));
    }
}
