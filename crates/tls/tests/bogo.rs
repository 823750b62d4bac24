//! What BoringSSL's test runner found that our own tests had missed, and what its tests made us offer: see
//! `docs/conformance.md`.

mod duo;

use duo::{Authority, Duo, Messages, NOW, Said, client_config, random, server_config};
use netkit_tls::{
    AlertDescription as Alert, CipherSuite as Suite, ClientAuth, ClientConfig, ClientSessionMemory,
    Connection, ContentType, DangerousAcceptAny, EarlyDataPolicy, Error, Event, ExtensionType as X,
    Presented, ProtocolVersion as V, Question, ServerConfig, ServerName, ServerVerifier,
    SessionIdMemory, SignatureScheme as Scheme, SingleUse, TicketKeys, UnixTime, Versions,
    generators::inject,
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

const BOTH: [V; 2] = [V::TLS1_2, V::TLS1_3];

/// A pair that has one version, keeps sessions and gives tickets.
fn configs(version: V) -> (ClientConfig, ServerConfig) {
    let (mut server, roots) = server_config();
    let mut client = client_config(roots);
    (client.versions, server.versions) = (Versions::only(version), Versions::only(version));
    client.sessions = Some(Arc::new(ClientSessionMemory::default()));
    server.sessions = Some(Arc::new(TicketKeys::from_secret(&[1; 32])));
    (client, server)
}

fn connect(client: &ClientConfig, server: &ServerConfig) -> Result<Duo, Error> {
    let mut duo = Duo::new(client.clone(), server.clone());
    duo.settle().map(|()| duo)
}

/// Whether the two go on from what they had.
fn resumes(client: &ClientConfig, server: &ServerConfig) -> bool {
    let duo = connect(client, server).unwrap();
    duo.server.agreed().unwrap().resumed
}

/// Where the extensions of a ServerHello of TLS 1.2 stand: behind its session id, suite and compression.
fn extensions_at(hello: &[u8]) -> usize {
    4 + 2 + 32 + 1 + usize::from(hello[38]) + 2 + 1
}

fn sent_by_server(client: &ClientConfig, server: &ServerConfig) -> Vec<Vec<u8>> {
    let sent = Arc::new(Messages::default());
    let mut server = server.clone();
    server.watch = Some(sent.clone());
    Duo::new(client.clone(), server)
        .deliver_to_server()
        .unwrap();
    sent.sent()
}

fn has_extension(message: &[u8], kind: X) -> bool {
    let empty = [&kind.0.to_be_bytes()[..], &[0, 0]].concat();
    message.windows(4).any(|four| four == empty)
}

#[test]
fn a_server_says_that_it_took_the_name() {
    for version in BOTH {
        let (client, server) = configs(version);
        let says = |client: &ClientConfig, name: &'static str| {
            let sent = Arc::new(Messages::default());
            let mut server = server.clone();
            server.watch = Some(sent.clone());
            // It would take the session that is for the next.
            let mut without = client.clone();
            without.sessions = None;
            let mut duo = Duo::new(without, server.clone());
            duo.to_server.clear();
            let name = ServerName::try_from(name).unwrap();
            let (config, out) = (Arc::new(client.clone()), &mut duo.to_server);
            duo.client = Connection::client(config, name, NOW, random(), out).unwrap();
            duo.deliver_to_server().unwrap();
            let place = usize::from(version == V::TLS1_3);
            has_extension(&sent.sent()[place], X::SERVER_NAME)
        };
        assert!(says(&client, "localhost"));
        assert!(!says(&client, "127.0.0.1"), "which is no name on the wire");
        // RFC 6066 3: not where a session goes on.
        assert!(!resumes(&client, &server));
        assert!(!says(&client, "localhost"));
    }
}

#[test]
fn a_server_hello_that_answers_nothing_has_no_extensions() {
    let (client, mut server) = configs(V::TLS1_2);
    server.sessions = None;
    server.tls12.require_extended_master_secret = false;
    let hello = sent_by_server(&client, &server).remove(0);
    assert!(hello.len() > extensions_at(&hello));
    // A client that knows no extension.
    let sent = Arc::new(Messages::default());
    let mut watched = client.clone();
    watched.watch = Some(sent.clone());
    drop(Duo::new(watched, server.clone()));
    let mut bare = sent.sent().remove(0);
    let extensions = 4 + 2 + 32 + 1 + usize::from(bare[38]);
    let suites = usize::from(u16::from_be_bytes([bare[extensions], bare[extensions + 1]]));
    bare.truncate(extensions + 2 + suites + 2);
    // Without signature_algorithms only RSA key transport is left to agree on, or a refusal.
    bare[3] = (bare.len() - 4) as u8;
    let mut duo = Duo::new(client, server);
    let refused = inject(&mut duo.server, &bare, &mut Vec::new());
    assert_eq!(refused, Err(Error::PeerNoCommonScheme));
}

#[test]
fn a_client_of_tls12_alone_shows_no_session_id_without_a_session() {
    for (version, length) in [(V::TLS1_2, 0), (V::TLS1_3, 32)] {
        let (client, server) = configs(version);
        let shown = || Duo::new(client.clone(), server.clone()).to_server[5 + 38];
        assert_eq!(shown(), length, "{version}");
        assert!(!resumes(&client, &server));
        assert_eq!(
            shown(),
            32,
            "a ticket's, whose echo tells that it was taken"
        );
    }
    let (client, mut server) = configs(V::TLS1_2);
    server.sessions = None;
    server.session_ids = Some(Arc::new(SessionIdMemory::default()));
    assert!(!resumes(&client, &server) && resumes(&client, &server));
}

#[test]
fn each_version_has_an_alert_of_its_own_for_a_client_without_a_certificate() {
    for (version, alert) in [
        (V::TLS1_2, Alert::HANDSHAKE_FAILURE),
        (V::TLS1_3, Alert::CERTIFICATE_REQUIRED),
    ] {
        let (client, mut server) = configs(version);
        server.client_auth = Some(ClientAuth::required(Authority::new().roots()));
        let mut duo = Duo::new(client, server);
        assert_eq!(duo.settle(), Err(Error::PeerNoClientCertificate(version)));
        assert_eq!(duo.deliver_to_client(), Err(Error::PeerAlert(alert)));
    }
}

#[test]
fn change_cipher_spec_between_the_parts_of_a_message_is_out_of_its_turn() {
    for version in BOTH {
        let (_, server) = configs(version);
        let mut server = Connection::server(Arc::new(server), NOW, random());
        let mut input = [22, 3, 3, 0, 4, 1, 0, 0, 40, 20, 3, 3, 0, 1, 1];
        let heard = server.recv(&mut input, &mut Vec::new());
        let out_of_turn = Error::PeerUnexpectedRecord(ContentType::CHANGE_CIPHER_SPEC);
        assert_eq!(heard.map(drop), Err(out_of_turn));
    }
}

#[test]
fn the_first_client_hello_is_in_a_record_for_old_servers() {
    let (client, mut server) = configs(V::TLS1_3);
    server.groups = vec![netkit_tls::NamedGroup::SECP256R1];
    let mut duo = Duo::new(client, server);
    assert_eq!(duo.to_server[..3], [22, 3, 1]);
    duo.deliver_to_server().unwrap();
    duo.deliver_to_client().unwrap();
    assert_eq!(
        duo.to_server[..9],
        [20, 3, 3, 0, 1, 1, 22, 3, 3],
        "after a retry"
    );
}

#[test]
fn a_server_of_tls12_may_say_which_groups_it_has() {
    let (client, server) = configs(V::TLS1_2);
    let sent = Arc::new(Messages::default());
    let mut watched = server;
    watched.watch = Some(sent.clone());
    let mut duo = Duo::new(client, watched);
    duo.deliver_to_server().unwrap();
    let mut hello = sent.sent().remove(0);
    let groups = [0, 10, 0, 4, 0, 2, 0, 29];
    let at = extensions_at(&hello);
    hello[at + 1] += groups.len() as u8;
    hello[3] += groups.len() as u8;
    hello.extend(groups);
    assert_eq!(inject(&mut duo.client, &hello, &mut Vec::new()), Ok(()));
}

#[test]
fn no_suite_that_our_keys_serve_is_no_suite_in_common() {
    let (mut client, server) = configs(V::TLS1_2);
    client.cipher_suites = vec![Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256];
    let refused = connect(&client, &server).map(drop);
    assert_eq!(refused, Err(Error::PeerNoCommonSuite));
}

#[test]
fn early_data_is_answered_before_the_client_is_done() {
    let (mut client, mut server) = configs(V::TLS1_3);
    client.early_data = true;
    server.early_data = Some(EarlyDataPolicy {
        max_size: 100,
        guard: Arc::new(SingleUse::new(NOW)),
    });
    assert!(!resumes(&client, &server));
    let mut duo = Duo::new(client, server);
    let too_soon = duo.server.send(&[b"before"], &mut duo.to_client);
    assert_eq!(too_soon, Err(Error::MisuseNotOpen));
    duo.client
        .send_early(&[b"question"], &mut duo.to_server)
        .unwrap();
    duo.deliver_to_server().unwrap();
    assert_eq!(duo.server_heard, [Said::EarlyData(b"question".to_vec())]);
    assert!(!duo.server.is_connected());
    duo.server.send(&[b"answer"], &mut duo.to_client).unwrap();
    duo.deliver_to_client().unwrap();
    assert_eq!(
        duo.client_heard,
        [Said::Connected, Said::Data(b"answer".to_vec())]
    );
    // Its end and Finished come apart.
    duo.server.send(&[b"more"], &mut duo.to_client).unwrap();
    duo.settle().unwrap();
    assert!(duo.server.is_connected());
}

/// Says what it is told to, and keeps what it was shown.
#[derive(Default)]
struct Fickle {
    refuses: AtomicBool,
    shown: Mutex<Vec<Option<Vec<u8>>>>,
}

impl ServerVerifier for Fickle {
    fn verify(
        &self,
        presented: &Presented<'_>,
        _: &ServerName<'_>,
        _: UnixTime,
    ) -> Result<(), netkit_x509::Error> {
        let staple = presented.ocsp_response.map(<[u8]>::to_vec);
        self.shown.lock().unwrap().push(staple);
        if self.refuses.load(Ordering::Relaxed) {
            Err(netkit_x509::Error::UnknownIssuer)
        } else {
            Ok(())
        }
    }
}

#[test]
fn a_client_that_wants_to_judges_a_resumed_server_again_with_its_staple() {
    for version in BOTH {
        let (mut client, mut server) = configs(version);
        let authority = Authority::new();
        let identity = authority.identity("localhost", &rcgen::PKCS_ECDSA_P256_SHA256);
        server.identities = vec![Arc::new(identity.with_ocsp_response(b"good".to_vec()))];
        let fickle = Arc::new(Fickle::default());
        client.verifier = Some(fickle.clone());
        assert!(!resumes(&client, &server) && resumes(&client, &server));
        assert_eq!(
            fickle.shown.lock().unwrap().len(),
            1,
            "not unless it wants to"
        );
        client.judge_resumed = true;
        let duo = connect(&client, &server).unwrap();
        assert!(duo.server.agreed().unwrap().resumed);
        assert_eq!(duo.client.ocsp_response(), Some(&b"good"[..]));
        let shown = fickle.shown.lock().unwrap().clone();
        assert_eq!(shown, [Some(b"good".to_vec()), Some(b"good".to_vec())]);
        fickle.refuses.store(true, Ordering::Relaxed);
        let refused = connect(&client, &server).map(drop);
        let unknown = Error::PeerCertificate(netkit_x509::Error::UnknownIssuer);
        assert_eq!(refused, Err(unknown), "{version}");
    }
}

#[test]
fn an_owner_that_judges_resumed_servers_too_has_sessions() {
    for version in BOTH {
        let (mut client, server) = configs(version);
        client.verifier = None;
        for judge_resumed in [false, true] {
            client.judge_resumed = judge_resumed;
            let mut resumed = Vec::new();
            for _ in 0..2 {
                let mut duo = Duo::new(client.clone(), server.clone());
                duo.deliver_to_server().unwrap();
                let mut arrived = std::mem::take(&mut duo.to_client);
                let step = duo.client.recv(&mut arrived, &mut duo.to_server).unwrap();
                assert_eq!(step.event, Event::Question(Question::Verify));
                let used = step.used;
                duo.client.verdict(Ok(()), &mut duo.to_server).unwrap();
                duo.to_client = arrived.split_off(used);
                duo.to_client.is_empty().then(|| duo.deliver_to_server());
                let mut nothing = [];
                while duo.to_client.is_empty() {
                    let step = duo.client.recv(&mut nothing, &mut duo.to_server).unwrap();
                    if step.event == Event::NeedData {
                        break;
                    }
                }
                duo.settle().unwrap();
                resumed.push(duo.server.agreed().unwrap().resumed);
            }
            assert_eq!(resumed, [false, judge_resumed], "{version}");
        }
    }
}

#[test]
fn a_server_may_rely_on_one_verdict_as_long_as_the_session_lasts() {
    for version in BOTH {
        let (mut client, mut server) = configs(version);
        let authority = Authority::new();
        let own = authority.identity("me", &rcgen::PKCS_ECDSA_P256_SHA256);
        client.identities = vec![Arc::new(own)];
        let mut auth = ClientAuth::required(authority.roots());
        server.client_auth = Some(auth.clone());
        assert!(!resumes(&client, &server) && resumes(&client, &server));
        // Other roots, that know nothing of it.
        auth.verifier = Some(Authority::new().roots());
        auth.judge_resumed = false;
        server.client_auth = Some(auth.clone());
        assert!(resumes(&client, &server));
        auth.judge_resumed = true;
        server.client_auth = Some(auth);
        let refused = connect(&client, &server).map(drop);
        assert!(
            matches!(refused, Err(Error::PeerCertificate(_))),
            "{refused:?}"
        );
    }
}

#[test]
fn an_identity_signs_as_it_is_told_to_and_for_others() {
    let authority = Authority::new();
    let own = authority.identity("localhost", &rcgen::PKCS_ECDSA_P256_SHA256);
    let (p256, p384) = (
        Scheme::ECDSA_SECP256R1_SHA256,
        Scheme::ECDSA_SECP384R1_SHA384,
    );
    assert_eq!(own.schemes(), [p256]);
    assert!(own.sign(p256, b"content").unwrap().is_ok());
    assert!(own.sign(p384, b"content").is_none());
    for wrong in [vec![], vec![p384], vec![p256, p384]] {
        let own = authority.identity("localhost", &rcgen::PKCS_ECDSA_P256_SHA256);
        assert!(matches!(
            own.with_schemes(wrong),
            Err(Error::MisuseConfig(_))
        ));
    }
    let own = own.with_schemes(vec![p256]).unwrap();
    assert_eq!(own.schemes(), [p256]);
}

#[test]
fn both_know_who_was_shown_and_how_each_signed() {
    for version in BOTH {
        let (mut client, mut server) = configs(version);
        let authority = Authority::new();
        client.identities = vec![Arc::new(authority.identity("me", &rcgen::PKCS_ED25519))];
        server.client_auth = Some(ClientAuth::required(authority.roots()));
        let duo = connect(&client, &server).unwrap();
        for side in [&duo.client, &duo.server] {
            let agreed = side.agreed().unwrap();
            assert_eq!(
                agreed.signature_scheme,
                Some(Scheme::ECDSA_SECP256R1_SHA256)
            );
            assert_eq!(agreed.client_signature_scheme, Some(Scheme::ED25519));
        }
        let shown = |side: &Connection, of: &Arc<netkit_tls::Identity>| {
            side.identity().is_some_and(|own| Arc::ptr_eq(own, of))
        };
        assert!(shown(&duo.client, &client.identities[0]));
        assert!(shown(&duo.server, &server.identities[0]));
        let resumed = connect(&client, &server).unwrap();
        assert!(resumed.client.identity().is_none() && resumed.server.identity().is_none());
    }
}

#[test]
fn an_identity_for_its_issuers_is_shown_to_servers_that_name_one() {
    for version in BOTH {
        let (mut client, mut server) = configs(version);
        let authority = Authority::new();
        let own = authority.identity("me", &rcgen::PKCS_ED25519);
        client.identities = vec![Arc::new(own.for_its_issuers_only())];
        let mut auth = ClientAuth::requested(authority.roots());
        auth.verifier = Some(Arc::new(DangerousAcceptAny));
        for (authorities, shown) in [
            (authority.roots().subjects().collect(), true),
            (Authority::new().roots().subjects().collect(), false),
            (Vec::new(), false),
        ] {
            client.sessions = None;
            auth.authorities = authorities;
            server.client_auth = Some(auth.clone());
            let duo = connect(&client, &server).unwrap();
            assert_eq!(!duo.server.peer_chain().is_empty(), shown, "{version}");
        }
    }
}

#[test]
fn an_identity_for_its_issuers_is_shown_to_clients_that_name_one() {
    let authority = Authority::new();
    let own = |name| authority.identity(name, &rcgen::PKCS_ECDSA_P256_SHA256);
    let (mut client, mut server) = configs(V::TLS1_3);
    client.verifier = Some(Arc::new(DangerousAcceptAny));
    let special = Arc::new(own("localhost").for_its_issuers_only());
    server.identities = vec![special, Arc::new(own("localhost"))];
    let sent = Arc::new(Messages::default());
    client.watch = Some(sent.clone());
    drop(Duo::new(client.clone(), server.clone()));
    let plain = sent.sent().remove(0);
    let subject: Vec<u8> = authority.roots().subjects().next().unwrap();
    let block = |content: &[u8]| {
        let length = (content.len() as u16).to_be_bytes();
        [&length[..], content].concat()
    };
    let shown_to = |authorities: Option<Vec<u8>>| {
        let mut hello = plain.clone();
        if let Some(content) = authorities {
            let extension = [
                &X::CERTIFICATE_AUTHORITIES.0.to_be_bytes()[..],
                &block(&content),
            ];
            let extension = extension.concat();
            let suites = 4 + 2 + 32 + 1 + 32;
            let length = usize::from(u16::from_be_bytes([hello[suites], hello[suites + 1]]));
            let at = suites + 2 + length + 2;
            let all = u16::from_be_bytes([hello[at], hello[at + 1]]) + extension.len() as u16;
            hello[at..at + 2].copy_from_slice(&all.to_be_bytes());
            hello.extend(extension);
            let body = (hello.len() - 4) as u16;
            hello[2..4].copy_from_slice(&body.to_be_bytes());
        }
        let mut connection = Connection::server(Arc::new(server.clone()), NOW, random());
        inject(&mut connection, &hello, &mut Vec::new())?;
        let shown = connection.identity().expect("it shows one");
        Ok(Arc::ptr_eq(shown, &server.identities[0]))
    };
    assert_eq!(shown_to(None), Ok(false));
    assert_eq!(shown_to(Some(block(&block(&subject)))), Ok(true));
    let other = Authority::new().roots().subjects().next().unwrap();
    assert_eq!(shown_to(Some(block(&block(&other)))), Ok(false));
    for broken in [
        block(&[]),
        block(&[0, 0]),
        block(&block(&subject))[1..].to_vec(),
    ] {
        let refused: Result<bool, Error> = shown_to(Some(broken));
        assert!(matches!(refused, Err(Error::PeerDecode(_))), "{refused:?}");
    }
}

#[test]
fn an_open_connection_may_be_refused() {
    for version in BOTH {
        let (client, server) = configs(version);
        let mut duo = Duo::new(client, server);
        let denied = Error::Refused(Alert::ACCESS_DENIED);
        let early = duo.server.refuse(Alert::ACCESS_DENIED, &mut duo.to_client);
        assert_eq!(early, Error::MisuseNotAsked);
        duo.settle().unwrap();
        let refused = duo.server.refuse(Alert::ACCESS_DENIED, &mut duo.to_client);
        assert_eq!(refused, denied);
        let told = Error::PeerAlert(Alert::ACCESS_DENIED);
        assert_eq!(duo.deliver_to_client(), Err(told));
        assert_eq!(duo.server.send(&[b"no"], &mut duo.to_client), Err(denied));
    }
}

/// A client whose owner says who it is, asked by the server, and its connection up to the question.
fn asked(version: V) -> (Duo, Vec<u8>, Authority) {
    let (mut client, mut server) = configs(version);
    client.asks_identity = true;
    let authority = Authority::new();
    server.client_auth = Some(ClientAuth::requested(authority.roots()));
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    let mut arrived = std::mem::take(&mut duo.to_client);
    loop {
        let step = duo.client.recv(&mut arrived, &mut duo.to_server).unwrap();
        let (used, event) = (step.used, step.event == Event::Question(Question::Identity));
        arrived.drain(..used);
        if event {
            return (duo, arrived, authority);
        }
        assert!(used > 0, "the question comes first");
    }
}

#[test]
fn an_owner_says_who_the_client_is_when_a_server_asks() {
    for version in BOTH {
        for shows in [false, true] {
            let (mut duo, mut rest, authority) = asked(version);
            let step = duo.client.recv(&mut rest, &mut duo.to_server).unwrap();
            assert_eq!((step.used, step.event), (0, Event::Waiting));
            let request = duo.client.identity_request().unwrap();
            let named: Vec<_> = authority.roots().subjects().collect();
            assert_eq!(request.authorities(), named);
            let types: &[u8] = if version == V::TLS1_2 { &[64, 1] } else { &[] };
            assert_eq!(request.certificate_types(), types);
            assert_eq!(request.schemes()[0], Scheme::ECDSA_SECP256R1_SHA256);
            let pkcs1 = request.schemes().contains(&Scheme::RSA_PKCS1_SHA256);
            assert_eq!(
                pkcs1,
                version == V::TLS1_2,
                "no handshake of TLS 1.3 is so signed"
            );
            let own = Arc::new(authority.identity("me", &rcgen::PKCS_ED25519));
            let shown = shows.then(|| own.clone());
            duo.client.show(shown, &mut duo.to_server).unwrap();
            let again = duo.client.show(None, &mut duo.to_server);
            assert_eq!(again, Err(Error::MisuseNotAsked));
            assert!(duo.client.identity_request().is_none());
            duo.to_client = rest;
            if duo.to_client.is_empty() {
                let step = duo.client.recv(&mut [], &mut duo.to_server).unwrap();
                assert!(step.used == 0);
            }
            duo.settle().unwrap();
            assert!(duo.client.is_connected() && duo.server.is_connected());
            let expected = if shows { own.chain() } else { &[] };
            assert_eq!(duo.server.peer_chain(), expected);
        }
    }
}

#[test]
fn an_identity_that_the_server_cannot_use_is_no_answer_and_a_refusal_is_one() {
    for version in BOTH {
        let (mut duo, _, authority) = asked(version);
        let chain = authority
            .identity("me", &rcgen::PKCS_ED25519)
            .chain()
            .to_vec();
        let unknown = netkit_tls::Identity::with_key_elsewhere(chain, vec![Scheme(0xfefe)]);
        let misused = duo
            .client
            .show(Some(Arc::new(unknown.unwrap())), &mut duo.to_server);
        assert!(matches!(misused, Err(Error::MisuseConfig(_))));
        assert!(
            duo.client.identity_request().is_some(),
            "which harms nothing"
        );
        let refused = duo.client.refuse(Alert::ACCESS_DENIED, &mut duo.to_server);
        assert_eq!(refused, Error::Refused(Alert::ACCESS_DENIED));
        assert!(duo.settle().is_err());
    }
}

#[test]
fn key_shares_are_sent_for_the_groups_that_are_named() {
    use netkit_tls::NamedGroup as G;
    let (mut client, mut server) = configs(V::TLS1_3);
    client.sessions = None;
    client.groups = vec![G::X25519, G::SECP256R1, G::SECP384R1];
    for (shares, accepted, retry) in [
        (None, G::X25519, false),
        (None, G::SECP384R1, true),
        (Some(vec![G::SECP384R1, G::SECP256R1]), G::SECP256R1, false),
        (Some(vec![G::SECP384R1, G::SECP256R1]), G::X25519, true),
        (Some(vec![]), G::X25519, true),
    ] {
        client.key_shares = shares;
        server.groups = vec![accepted];
        let duo = connect(&client, &server).unwrap();
        let agreed = duo.client.agreed().unwrap();
        assert_eq!((agreed.group, agreed.hello_retry), (Some(accepted), retry));
    }
    client.groups = vec![G::X25519];
    client.key_shares = Some(vec![G::SECP256R1]);
    let name = ServerName::try_from("localhost").unwrap();
    let refused = Connection::client(Arc::new(client), name, NOW, random(), &mut Vec::new());
    assert!(matches!(refused, Err(Error::MisuseConfig(_))));
}
