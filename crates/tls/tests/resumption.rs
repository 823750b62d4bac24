//! Going on from an earlier connection: tickets, keys shared beforehand, early data.

mod duo;

use duo::{Authority, Duo, Messages, NOW, Said, client_config, random};
use netkit_tls::{
    AlertDescription as Alert, CipherSuite, ClientAuth, ClientConfig, ClientSession,
    ClientSessionMemory, ClientSessions, Connection, ContentType, EarlyData, EarlyDataPolicy,
    EarlyDataRefusal, Error, ExternalPsk, HandshakeType, NamedGroup, ServerConfig, ServerName,
    SingleUse, TicketKeys, UnixTime,
    generators::{hear, inject, seal},
    limits::EARLY_DATA_WINDOW,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

fn after(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(NOW.as_secs() + seconds))
}

fn sessions() -> Arc<dyn ClientSessions> {
    Arc::new(ClientSessionMemory::default())
}

fn keys(secret: u8) -> Arc<TicketKeys> {
    Arc::new(TicketKeys::from_secret(&[secret; 32]))
}

/// A client that keeps sessions and a server that gives tickets.
fn configs() -> (ClientConfig, ServerConfig) {
    let authority = Authority::new();
    let mut server = authority.server("localhost");
    server.sessions = Some(keys(1));
    let mut client = client_config(authority.roots());
    client.sessions = Some(sessions());
    (client, server)
}

/// As [`configs`], and both ready for early data.
fn early_configs() -> (ClientConfig, ServerConfig) {
    let (mut client, mut server) = configs();
    client.early_data = true;
    server.early_data = Some(EarlyDataPolicy {
        max_size: 1_000,
        guard: Arc::new(SingleUse::new(NOW)),
    });
    (client, server)
}

fn duo_at(now: UnixTime, client: &ClientConfig, server: &ServerConfig) -> Duo {
    let name = ServerName::try_from("localhost").unwrap();
    let mut to_server = Vec::new();
    let client = Arc::new(client.clone());
    Duo {
        client: Connection::client(client, name, now, random(), &mut to_server).unwrap(),
        server: Connection::server(Arc::new(server.clone()), now, random()),
        to_server,
        to_client: Vec::new(),
        client_heard: Vec::new(),
        server_heard: Vec::new(),
    }
}

/// A connection between these, settled; whether it went on from an earlier one.
fn resumes_at(now: UnixTime, client: &ClientConfig, server: &ServerConfig) -> bool {
    let mut duo = duo_at(now, client, server);
    duo.connect().unwrap();
    assert_eq!(duo.client.agreed(), duo.server.agreed());
    assert_eq!(duo.say_to_server(b"question").unwrap(), b"question");
    assert_eq!(duo.say_to_client(b"answer").unwrap(), b"answer");
    duo.client.agreed().unwrap().resumed
}

fn resumes(client: &ClientConfig, server: &ServerConfig) -> bool {
    resumes_at(NOW, client, server)
}

#[test]
fn a_client_goes_on_from_each_ticket_once() {
    let (mut client, mut server) = configs();
    server.tickets = 1;
    assert!(!resumes(&client, &server), "the first is full");
    assert!(resumes(&client, &server));
    assert!(
        resumes(&client, &server),
        "a resumed one gives a ticket too"
    );
    let kept = client.sessions.take();
    assert!(!resumes(&client, &server));
    (client.sessions, server.tickets) = (kept, 0);
    assert!(resumes(&client, &server));
    assert!(!resumes(&client, &server), "the ticket was used");
}

#[test]
fn a_resumed_connection_knows_who_the_server_proved_to_be() {
    let (client, server) = configs();
    resumes(&client, &server);
    let mut duo = Duo::new(client, server.clone());
    duo.connect().unwrap();
    assert!(duo.client.agreed().unwrap().resumed);
    assert_eq!(duo.client.agreed().unwrap().signature_scheme, None);
    assert_eq!(duo.client.peer_chain(), server.identities[0].chain());
}

#[test]
fn every_suite_goes_on_with_its_own_hash() {
    for suite in [
        CipherSuite::TLS_AES_128_GCM_SHA256,
        CipherSuite::TLS_AES_256_GCM_SHA384,
        CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
    ] {
        let (client, mut server) = configs();
        server.cipher_suites = vec![suite];
        assert!(!resumes(&client, &server));
        assert!(resumes(&client, &server), "{suite}");
        // The client's next session is for a suite that the server has given up.
        server.cipher_suites = match suite {
            CipherSuite::TLS_AES_256_GCM_SHA384 => vec![CipherSuite::TLS_AES_128_GCM_SHA256],
            _ => vec![CipherSuite::TLS_AES_256_GCM_SHA384],
        };
        assert!(!resumes(&client, &server), "{suite}");
    }
}

#[test]
fn a_retry_is_bound_too() {
    let (client, mut server) = configs();
    server.groups = vec![NamedGroup::SECP256R1];
    assert!(!resumes(&client, &server));
    let mut duo = Duo::new(client, server);
    duo.connect().unwrap();
    let agreed = duo.client.agreed().unwrap();
    assert!(agreed.resumed && agreed.hello_retry);
    assert_eq!(Some(agreed), duo.server.agreed());
}

#[test]
fn tickets_outlive_a_restart_with_the_same_secret_and_no_other() {
    let (client, mut server) = configs();
    assert!(!resumes(&client, &server));
    server.sessions = Some(keys(1));
    assert!(
        resumes(&client, &server),
        "another process, or another member"
    );
    server.sessions = Some(keys(2));
    assert!(
        !resumes(&client, &server),
        "unknown tickets cost a full handshake"
    );
    server.sessions = None;
    assert!(!resumes(&client, &server));
}

#[test]
fn a_session_ends_and_no_chain_of_them_outlives_the_proof() {
    let (client, mut server) = configs();
    server.session_lifetime = 100;
    server.tickets = 1;
    assert!(!resumes_at(NOW, &client, &server));
    assert!(resumes_at(after(60), &client, &server));
    assert!(resumes_at(after(99), &client, &server));
    assert!(
        !resumes_at(after(100), &client, &server),
        "100 seconds after the signature"
    );
    assert!(resumes_at(after(199), &client, &server));
}

#[test]
fn a_session_is_not_for_another_verifier() {
    let (client, server) = configs();
    assert!(!resumes(&client, &server));
    let mut other = client_config(Authority::new().roots());
    other.sessions = client.sessions.clone();
    let mut duo = Duo::new(other, server);
    assert!(matches!(duo.connect(), Err(Error::PeerCertificate(_))));
}

/// A store that shows what it holds for any name.
#[derive(Default)]
struct AnyName(Mutex<Vec<ClientSession>>);

impl ClientSessions for AnyName {
    fn put(&self, _: &ServerName<'static>, session: ClientSession) {
        self.0.lock().unwrap().push(session);
    }

    fn take(&self, _: &ServerName<'static>) -> Option<ClientSession> {
        self.0.lock().unwrap().pop()
    }
}

#[test]
fn a_ticket_of_another_name_is_not_taken() {
    let authority = Authority::new();
    let mut server = authority.server("localhost");
    server.identities.push(Arc::new(
        authority.identity("other", &rcgen::PKCS_ECDSA_P256_SHA256),
    ));
    server.sessions = Some(keys(1));
    let mut client = client_config(authority.roots());
    client.sessions = Some(Arc::new(AnyName::default()));
    assert!(!resumes(&client, &server));
    let mut duo = Duo::new(client.clone(), server.clone());
    let name = ServerName::try_from("other").unwrap();
    duo.to_server.clear();
    duo.client =
        Connection::client(Arc::new(client), name, NOW, random(), &mut duo.to_server).unwrap();
    duo.connect().unwrap();
    assert!(!duo.client.agreed().unwrap().resumed);
    assert_eq!(duo.client.peer_chain(), server.identities[1].chain());
}

/// A client with a certificate, and a server that asks for one.
fn mutual() -> (ClientConfig, ServerConfig, Authority) {
    let (mut client, mut server) = configs();
    let authority = Authority::new();
    let identity = authority.identity("client", &rcgen::PKCS_ECDSA_P256_SHA256);
    client.identities = vec![Arc::new(identity)];
    server.client_auth = Some(ClientAuth::required(authority.roots()));
    if let Some(auth) = &mut server.client_auth {
        auth.verifier = Some(Arc::new(netkit_tls::DangerousAcceptAny));
    }
    (client, server, authority)
}

#[test]
fn a_resumed_client_is_who_it_was_and_is_judged_again() {
    let (client, mut server, _authority) = mutual();
    assert!(!resumes(&client, &server));
    let mut duo = Duo::new(client.clone(), server.clone());
    duo.connect().unwrap();
    assert!(duo.server.agreed().unwrap().resumed);
    assert_eq!(duo.server.peer_chain(), client.identities[0].chain());
    // A server that would not let it in now does not.
    server.client_auth = Some(ClientAuth::required(Authority::new().roots()));
    let mut duo = Duo::new(client.clone(), server.clone());
    assert!(duo.connect().is_err());
    // A session without a certificate is none for a server that requires one.
    let (mut nobody, mut server) = configs();
    assert!(!resumes(&nobody, &server));
    server.client_auth = Some(ClientAuth::required(Authority::new().roots()));
    nobody.identities.clear();
    let mut duo = Duo::new(nobody, server);
    let _ = duo.settle();
    assert!(!duo.server.is_connected());
}

#[test]
fn a_client_does_not_go_on_as_somebody_else() {
    let (mut client, server, authority) = mutual();
    assert!(!resumes(&client, &server));
    let other = authority.identity("client", &rcgen::PKCS_ECDSA_P256_SHA256);
    client.identities = vec![Arc::new(other)];
    let mut duo = Duo::new(client.clone(), server);
    duo.connect().unwrap();
    assert!(!duo.client.agreed().unwrap().resumed);
    assert_eq!(duo.server.peer_chain(), client.identities[0].chain());
}

/// A second ClientHello for `server`, taken from a client's watcher.
fn second_hello(client: &ClientConfig, server: &ServerConfig) -> Vec<u8> {
    assert!(!resumes(client, server));
    let sent = Arc::new(Messages::default());
    let mut client = client.clone();
    client.watch = Some(sent.clone());
    let _ = Duo::new(client, server.clone());
    sent.sent()[0].clone()
}

fn server_says(server: &ServerConfig, hello: &[u8]) -> Result<(), Error> {
    let mut server = Connection::server(Arc::new(server.clone()), NOW, random());
    inject(&mut server, hello, &mut Vec::new())
}

#[test]
fn a_binder_that_does_not_fit_ends_the_handshake() {
    let (client, server) = configs();
    let hello = second_hello(&client, &server);
    assert_eq!(server_says(&server, &hello), Ok(()));
    let last = hello.len() - 1;
    for (place, why) in [(last, "the binder"), (8, "the random that it covers")] {
        let mut altered = hello.clone();
        altered[place] ^= 1;
        let error = server_says(&server, &altered).expect_err(why);
        assert_eq!(error, Error::PeerBadBinder, "{why}");
        assert_eq!(error.alert(), Some(Alert::DECRYPT_ERROR));
    }
}

#[test]
fn a_ticket_that_was_altered_costs_a_full_handshake() {
    let (client, server) = configs();
    let hello = second_hello(&client, &server);
    // Before the binder: its list's length and its own, the age; then the ticket's last octet.
    let ticket_end = hello.len() - 32 - 3 - 4;
    let mut altered = hello.clone();
    altered[ticket_end - 1] ^= 1;
    let shows_certificate = |hello: &[u8]| {
        let sent = Arc::new(Messages::default());
        let mut server = server.clone();
        server.watch = Some(sent.clone());
        assert_eq!(server_says(&server, hello), Ok(()));
        let kinds = sent.sent().into_iter().map(|message| message[0]);
        kinds
            .collect::<Vec<_>>()
            .contains(&HandshakeType::CERTIFICATE.0)
    };
    assert!(!shows_certificate(&hello));
    assert!(shows_certificate(&altered));
}

#[test]
fn a_server_looks_at_the_first_few_keys_of_many() {
    let psk = |number: u8| ExternalPsk::new(&[number], &[7; 32]).unwrap();
    for (count, found) in [(8, true), (9, false)] {
        let (client, server) = psk_configs(vec![psk(count)], (1..=count).map(psk).collect());
        let mut duo = Duo::new(client, server);
        let connected = duo.connect();
        assert_eq!(connected, Ok(()));
        let identity = duo.server.agreed().unwrap().psk_identity.clone();
        assert_eq!(identity.is_some(), found, "{count} keys");
    }
}

#[test]
fn the_server_chooses_among_the_keys_that_were_offered() {
    let (client, mut server) = configs();
    assert!(!resumes(&client, &server));
    let sent = Arc::new(Messages::default());
    server.watch = Some(sent.clone());
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    let mut hello = sent.sent()[0].clone();
    assert!(hello.ends_with(&[0, 41, 0, 2, 0, 0]), "selected_identity");
    *hello.last_mut().unwrap() = 1;
    let refused = inject(&mut duo.client, &hello, &mut Vec::new());
    assert!(matches!(refused, Err(Error::PeerIllegalParameter(_))));
}

fn psk_configs(psks: Vec<ExternalPsk>, offers: Vec<ExternalPsk>) -> (ClientConfig, ServerConfig) {
    let (mut client, mut server) = configs();
    (client.sessions, server.sessions) = (None, None);
    client.external_psks = offers;
    server.external_psks = Some(Arc::new(psks));
    (client, server)
}

#[test]
fn a_key_shared_beforehand_replaces_the_certificate() {
    let psk = ExternalPsk::new(b"device 7", &[7; 32]).unwrap();
    let (client, mut server) = psk_configs(vec![psk.clone()], vec![psk.clone()]);
    server.identities.clear();
    let mut duo = Duo::new(client.clone(), server.clone());
    duo.connect().unwrap();
    let agreed = duo.server.agreed().unwrap();
    assert_eq!(agreed.psk_identity.as_deref(), Some(&b"device 7"[..]));
    assert!(!agreed.resumed && duo.client.peer_chain().is_empty());
    assert_eq!(Some(agreed), duo.client.agreed());
    // Somebody who knows only the name.
    let other = ExternalPsk::new(b"device 7", &[8; 32]).unwrap();
    let mut wrong = client.clone();
    wrong.external_psks = vec![other];
    let refused = Duo::new(wrong, server).deliver_to_server();
    assert_eq!(refused, Err(Error::PeerBadBinder));
    // A server that does not know it shows its certificate.
    let (_, server) = psk_configs(vec![psk], Vec::new());
    let mut stranger = client;
    stranger.external_psks = vec![ExternalPsk::new(b"device 9", &[7; 32]).unwrap()];
    let mut duo = Duo::new(stranger, server);
    assert!(matches!(duo.connect(), Err(Error::PeerCertificate(_))));
}

#[test]
fn no_session_goes_on_from_a_key_that_is_given_up_or_was_never_there() {
    let psk = ExternalPsk::new(b"device 7", &[7; 32]).unwrap();
    let (mut client, mut server) = configs();
    let certified = client.clone();
    client.external_psks = vec![psk.clone()];
    server.external_psks = Some(Arc::new(vec![psk]));
    let mut duo = Duo::new(client.clone(), server.clone());
    duo.connect().unwrap();
    assert!(duo.client.agreed().unwrap().psk_identity.is_some());
    // The server has shown this client no certificate so far.
    client.external_psks.clear();
    assert!(!resumes(&client, &server));

    // A member with the same tickets' secret, which lets nobody in without a key.
    assert!(resumes(&certified, &server));
    server.identities.clear();
    let refused = Duo::new(certified, server).deliver_to_server();
    assert_eq!(refused, Err(Error::PeerNoCommonScheme));
}

#[test]
fn an_imported_key_suits_each_hash_and_is_no_plain_one() {
    for suite in [
        CipherSuite::TLS_AES_128_GCM_SHA256,
        CipherSuite::TLS_AES_256_GCM_SHA384,
    ] {
        let psks = || {
            ExternalPsk::import(b"device", &[7; 32], b"context")
                .unwrap()
                .to_vec()
        };
        let (client, mut server) = psk_configs(psks(), psks());
        server.cipher_suites = vec![suite];
        let mut duo = Duo::new(client, server);
        duo.connect().unwrap();
        let agreed = duo.client.agreed().unwrap();
        assert_eq!(agreed.cipher_suite, suite);
        // RFC 9258 5.1: identity and context behind their lengths, TLS 1.3, the KDF.
        let kdf = 1 + u8::from(suite == CipherSuite::TLS_AES_256_GCM_SHA384);
        let mut identity = b"\0\x06device\0\x07context\x03\x04\0".to_vec();
        identity.push(kdf);
        assert_eq!(agreed.psk_identity.as_deref(), Some(&identity[..]));
    }
    let [imported, _] = ExternalPsk::import(b"device", &[7; 32], b"").unwrap();
    let [other, _] = ExternalPsk::import(b"device", &[7; 32], b"other").unwrap();
    assert_ne!(imported.identity(), other.identity());
}

#[test]
fn early_data_arrives_before_the_handshake_ends_and_is_told_apart() {
    let (client, server) = early_configs();
    assert!(!resumes(&client, &server));
    let mut duo = Duo::new(client, server);
    assert_eq!(duo.client.early_data_left(), 1_000);
    duo.client
        .send_early(&[b"early ", b"question"], &mut duo.to_server)
        .unwrap();
    assert_eq!(duo.client.early_data_left(), 1_000 - 14);
    duo.deliver_to_server().unwrap();
    assert_eq!(
        duo.server_heard,
        [Said::EarlyData(b"early question".to_vec())]
    );
    // What the client sends before it hears the server is early data too.
    duo.client
        .send_early(&[b"more"], &mut duo.to_server)
        .unwrap();
    duo.settle().unwrap();
    assert_eq!(
        duo.server_heard[1..],
        [Said::EarlyData(b"more".to_vec()), Said::Connected]
    );
    assert_eq!(duo.client.agreed(), duo.server.agreed());
    assert_eq!(duo.client.agreed().unwrap().early_data, EarlyData::Accepted);
    let late = duo.client.send_early(&[b"late"], &mut duo.to_server);
    assert_eq!(late, Err(Error::MisuseEarlyData));
    assert_eq!(duo.say_to_server(b"usual").unwrap(), b"usual");
}

#[test]
fn early_data_is_off_unless_both_sides_want_it() {
    let (client, server) = early_configs();
    let (mut silent, mut deaf) = (client.clone(), server.clone());
    silent.early_data = false;
    assert!(!resumes(&silent, &server));
    let mut duo = Duo::new(silent, server.clone());
    assert_eq!(duo.client.early_data_left(), 0);
    duo.connect().unwrap();
    deaf.early_data = None;
    let mut client = client;
    client.sessions = Some(sessions());
    assert!(!resumes(&client, &deaf));
    let mut duo = Duo::new(client, server);
    assert_eq!(duo.client.early_data_left(), 0, "its ticket allows none");
    let refusal = duo.client.early_data_refusal();
    assert_eq!(refusal, Some(EarlyDataRefusal::Session));
    duo.connect().unwrap();
    assert_eq!(
        duo.client.agreed().unwrap().early_data,
        EarlyData::NotOffered
    );
}

/// Sends early data to a server that will not take it: it goes on without, and the client learns so.
fn refuses_early_data(
    (why, refusal): (&str, EarlyDataRefusal),
    now: UnixTime,
    client: &ClientConfig,
    server: &ServerConfig,
) {
    let mut duo = duo_at(now, client, server);
    let early = [7; 900];
    duo.client
        .send_early(&[&early], &mut duo.to_server)
        .expect(why);
    duo.settle().expect(why);
    assert_eq!(duo.server_heard, [Said::Connected], "{why}");
    let agreed = duo.client.agreed().unwrap();
    assert_eq!(agreed.early_data, EarlyData::Rejected, "{why}");
    assert_eq!(Some(agreed), duo.server.agreed(), "{why}");
    assert_eq!(duo.server.early_data_refusal(), Some(refusal), "{why}");
    assert_eq!(duo.client.early_data_refusal(), None, "{why}");
    assert_eq!(duo.say_to_server(&early).unwrap(), early, "{why}");
}

#[test]
fn early_data_that_is_not_taken_is_read_past_and_the_client_learns_so() {
    let (client, server) = early_configs();
    let full = || {
        assert!(!resumes(
            &ClientConfig {
                sessions: None,
                ..client.clone()
            },
            &server
        ));
        resumes(&client, &server);
    };
    full();
    let mut other = server.clone();
    other.sessions = Some(keys(9));
    refuses_early_data(
        ("unknown ticket", EarlyDataRefusal::NotItsKey),
        NOW,
        &client,
        &other,
    );
    full();
    let mut other = server.clone();
    other.groups = vec![NamedGroup::SECP256R1];
    refuses_early_data(
        ("retry", EarlyDataRefusal::HelloRetry),
        NOW,
        &client,
        &other,
    );
    full();
    let mut other = server.clone();
    other.early_data = None;
    refuses_early_data(
        ("given up", EarlyDataRefusal::SwitchedOff),
        NOW,
        &client,
        &other,
    );
    full();
    let mut other = server.clone();
    other.early_data = Some(EarlyDataPolicy {
        max_size: 100,
        guard: Arc::new(SingleUse::new(NOW)),
    });
    refuses_early_data(
        ("less than was promised", EarlyDataRefusal::Session),
        NOW,
        &client,
        &other,
    );
    full();
    let mut other = server.clone();
    other.cipher_suites = vec![CipherSuite::TLS_CHACHA20_POLY1305_SHA256];
    refuses_early_data(
        ("other suite", EarlyDataRefusal::NotItsKey),
        NOW,
        &client,
        &other,
    );
    full();
    let restarted = EarlyDataPolicy {
        max_size: 1_000,
        guard: Arc::new(SingleUse::new(after(5))),
    };
    let mut other = server.clone();
    other.early_data = Some(restarted);
    refuses_early_data(
        ("the guard is younger", EarlyDataRefusal::MayBeReplay),
        after(6),
        &client,
        &other,
    );
}

#[test]
fn all_the_early_data_that_a_ticket_allows_is_read_past() {
    const MOST: u32 = 100_000;
    let (client, mut server) = early_configs();
    let policy = |since| EarlyDataPolicy {
        max_size: MOST,
        guard: Arc::new(SingleUse::new(since)),
    };
    server.early_data = Some(policy(NOW));
    assert!(!resumes(&client, &server));
    server.early_data = Some(policy(after(1)));
    let mut duo = duo_at(after(1), &client, &server);
    // In short records: what is around their content does not count (RFC 9846 4.7.1).
    for _ in 0..MOST / 100 {
        let sent = duo.client.send_early(&[&[7; 100]], &mut duo.to_server);
        sent.unwrap();
    }
    duo.connect().unwrap();
    let agreed = duo.server.agreed().unwrap();
    assert_eq!(agreed.early_data, EarlyData::Rejected);
}

#[test]
fn early_data_is_for_the_protocol_that_it_was_written_in() {
    let (mut client, mut server) = early_configs();
    client.alpn = vec![b"a".to_vec(), b"b".to_vec()];
    server.alpn = vec![b"a".to_vec()];
    assert!(!resumes(&client, &server));
    server.alpn = vec![b"b".to_vec()];
    refuses_early_data(
        ("other protocol", EarlyDataRefusal::Protocol),
        NOW,
        &client,
        &server,
    );
    // A client that no longer speaks it offers none.
    server.alpn = vec![b"a".to_vec(), b"b".to_vec()];
    client.sessions = Some(sessions());
    assert!(!resumes(&client, &server));
    client.alpn = vec![b"b".to_vec()];
    let mut duo = Duo::new(client, server);
    assert_eq!(duo.client.early_data_left(), 0);
    let refusal = duo.client.early_data_refusal();
    assert_eq!(refusal, Some(EarlyDataRefusal::Protocol));
}

#[test]
fn an_age_that_is_wrong_is_told_with_how_much() {
    let (client, server) = early_configs();
    let flight = early_flight(&client, &server);
    let late = after(EARLY_DATA_WINDOW + 1);
    let mut server = Connection::server(Arc::new(server), late, random());
    let (mut out, mut heard) = (Vec::new(), Vec::new());
    duo::deliver(&mut server, flight, &mut out, &mut heard).unwrap();
    let off_by = -1 - EARLY_DATA_WINDOW.cast_signed();
    let refusal = server.early_data_refusal();
    assert_eq!(refusal, Some(EarlyDataRefusal::TicketAge(off_by)));
}

/// RFC 9846 5.1: no record stands between the parts of a message, read past or not.
#[test]
fn early_data_that_is_not_taken_does_not_stand_inside_a_message() {
    const JUNK: [u8; 9] = [23, 3, 3, 0, 4, 0, 0, 0, 0];
    let (client, mut server) = early_configs();
    assert!(!resumes(&client, &server));
    server.groups = vec![NamedGroup::SECP256R1];
    let hears = |inside: &[u8]| {
        assert!(!resumes(
            &ClientConfig {
                sessions: None,
                ..client.clone()
            },
            &server
        ));
        let mut duo = Duo::new(client.clone(), server.clone());
        duo.client
            .send_early(&[b"pay"], &mut duo.to_server)
            .unwrap();
        duo.deliver_to_server().unwrap();
        duo.deliver_to_client().unwrap();
        let (header, hello) = duo.to_server.split_at(5);
        assert_eq!(
            usize::from(u16::from_be_bytes([header[3], header[4]])),
            hello.len()
        );
        let (front, back) = hello.split_at(16);
        let record =
            |part: &[u8]| [&[22, 3, 3], &(part.len() as u16).to_be_bytes()[..], part].concat();
        duo.to_server = [&JUNK[..], &record(front), inside, &record(back)].concat();
        duo.deliver_to_server()
    };
    assert_eq!(hears(&[]), Ok(()));
    let refused = Error::PeerUnexpectedRecord(ContentType::APPLICATION_DATA);
    assert_eq!(hears(&JUNK), Err(refused));
}

/// The octets of a client's first flight with early data.
fn early_flight(client: &ClientConfig, server: &ServerConfig) -> Vec<u8> {
    assert!(!resumes(client, server));
    let mut duo = Duo::new(client.clone(), server.clone());
    duo.client
        .send_early(&[b"pay"], &mut duo.to_server)
        .unwrap();
    duo.to_server
}

/// What a server at `now` takes of a flight that anybody may have kept.
fn hears_flight(now: UnixTime, server: &ServerConfig, flight: &[u8]) -> Vec<Said> {
    let mut server = Connection::server(Arc::new(server.clone()), now, random());
    let mut heard = Vec::new();
    duo::deliver(&mut server, flight.to_vec(), &mut Vec::new(), &mut heard).unwrap();
    heard
}

#[test]
fn early_data_is_taken_once_and_not_late() {
    let (client, server) = early_configs();
    let flight = early_flight(&client, &server);
    let taken = [Said::EarlyData(b"pay".to_vec())];
    assert_eq!(hears_flight(NOW, &server, &flight), taken);
    for seconds in [0, 1, 10, 20, 1_000] {
        let heard = hears_flight(after(seconds), &server, &flight);
        assert_eq!(heard, [], "a replay after {seconds} seconds");
    }
    // A replay over a connection that was made at the time and kept waiting.
    let other = ClientConfig {
        sessions: Some(sessions()),
        ..client.clone()
    };
    assert!(!resumes(&other, &server));
    let mut later = duo_at(after(100), &other, &server);
    later
        .client
        .send_early(&[b"new"], &mut later.to_server)
        .unwrap();
    later.deliver_to_server().unwrap();
    assert_eq!(later.server_heard, [Said::EarlyData(b"new".to_vec())]);
    assert_eq!(hears_flight(NOW, &server, &flight), []);
    // One that was held back, and seen by nobody before.
    let (client, server) = early_configs();
    let flight = early_flight(&client, &server);
    assert_eq!(hears_flight(after(11), &server, &flight), []);
    assert_eq!(hears_flight(after(10), &server, &flight), taken);
}

#[test]
fn early_data_over_the_limit_ends_the_connection() {
    let (client, server) = early_configs();
    assert!(!resumes(&client, &server));
    let mut duo = Duo::new(client, server);
    let over = duo.client.send_early(&[&[7; 1_001]], &mut duo.to_server);
    assert_eq!(over, Err(Error::MisuseEarlyData));
    duo.client
        .send_early(&[&[7; 1_000]], &mut duo.to_server)
        .unwrap();
    duo.deliver_to_server().unwrap();
    seal(
        &mut duo.client,
        ContentType::APPLICATION_DATA,
        &[7],
        &mut duo.to_server,
    )
    .unwrap();
    let refused = duo.deliver_to_server();
    assert_eq!(refused, Err(Error::PeerTooMany("octets of early data")));
}

#[test]
fn the_end_of_early_data_has_its_turn_once() {
    const END: [u8; 4] = [5, 0, 0, 0];
    let (client, server) = early_configs();
    let flight = early_flight(&client, &server);
    let waiting = || {
        let mut server = Connection::server(Arc::new(server.clone()), NOW, random());
        let mut arrived = flight.clone();
        let mut out = Vec::new();
        let step = hear(&mut server, &mut arrived, &mut out).unwrap();
        assert!(matches!(step.event, Some(Said::EarlyData(_))));
        server
    };
    let mut server = waiting();
    let mut out = Vec::new();
    assert_eq!(
        inject(&mut server, &[20, 0, 0, 0], &mut out),
        Err(Error::PeerUnexpectedMessage(
            HandshakeType::FINISHED,
            "WAIT_EOED"
        ))
    );
    let (_, fresh) = early_configs();
    let mut twice = END.to_vec();
    twice.extend(END);
    let mut duo = Duo::new(client_config(Authority::new().roots()), fresh);
    assert_eq!(
        inject(&mut duo.server, &twice, &mut out),
        Err(Error::PeerUnexpectedMessage(
            HandshakeType::END_OF_EARLY_DATA,
            "WAIT_CH"
        ))
    );
}

#[test]
fn both_sides_export_the_same_and_each_label_and_context_its_own() {
    let mut duo = Duo::connected();
    let mut export = |label: &[u8], context: &[u8]| {
        let (mut ours, mut theirs) = ([0; 40], [0; 40]);
        duo.client.export(label, context, &mut ours).unwrap();
        duo.server.export(label, context, &mut theirs).unwrap();
        assert_eq!(ours, theirs);
        ours
    };
    let first = export(b"EXPERIMENTAL a", b"");
    assert_ne!(first, export(b"EXPERIMENTAL b", b""));
    assert_ne!(first, export(b"EXPERIMENTAL a", b"context"));
    assert_ne!(first, [0; 40]);
    let long = [b'x'; 250];
    let mut out = [0; 8];
    assert_eq!(duo.client.export(&long[..249], b"", &mut out), Ok(()));
    assert_eq!(
        duo.client.export(&long, b"", &mut out),
        Err(Error::MisuseExport)
    );
    let mut out = vec![0; 255 * 48 + 1];
    assert_eq!(
        duo.client.export(b"x", b"", &mut out),
        Err(Error::MisuseExport)
    );
    let (client, server) = configs();
    let mut duo = Duo::new(client, server);
    let early = duo.client.export(b"x", b"", &mut [0; 8]);
    assert_eq!(early, Err(Error::MisuseNotOpen));
}
