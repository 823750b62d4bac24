//! TLS 1.2: going on from an earlier connection, by ticket and by session id.

mod duo;

use duo::{Authority, Duo, Messages, NOW, client_config, random};
use netkit_tls::{
    CipherSuite, ClientAuth, ClientConfig, ClientSession, ClientSessionMemory, ClientSessions,
    Connection, DangerousAcceptAny, Error, ExtensionType, HandshakeType, ProtocolVersion,
    ServerConfig, ServerName, SessionIdMemory, TicketKeys, UnixTime, Versions, generators::inject,
};
use std::{
    sync::{Arc, Mutex, RwLock},
    time::Duration,
};

const TLS1_2: Versions = Versions::only(ProtocolVersion::TLS1_2);

fn keys(secret: u8) -> Arc<TicketKeys> {
    Arc::new(TicketKeys::from_secret(&[secret; 32]))
}

/// How a server lets its clients go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Ticket,
    Id,
}

const BOTH: [By; 2] = [By::Ticket, By::Id];

/// A client of both versions that keeps sessions, and a server of TLS 1.2.
fn configs(by: By) -> (ClientConfig, ServerConfig) {
    let authority = Authority::new();
    let mut server = authority.server("localhost");
    server.versions = TLS1_2;
    match by {
        By::Ticket => server.sessions = Some(keys(1)),
        By::Id => server.session_ids = Some(Arc::new(SessionIdMemory::default())),
    }
    let mut client = client_config(authority.roots());
    client.sessions = Some(Arc::new(ClientSessionMemory::default()));
    (client, server)
}

fn after(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(NOW.as_secs() + seconds))
}

fn duo_for(name: &str, now: UnixTime, client: &ClientConfig, server: &ServerConfig) -> Duo {
    let name = ServerName::try_from(name).unwrap().to_owned();
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

/// A connection between these, that carries data both ways; whether it went on from an earlier one.
fn resumes_in(duo: &mut Duo) -> bool {
    duo.connect().unwrap();
    assert_eq!(duo.client.agreed(), duo.server.agreed());
    assert_eq!(duo.say_to_server(b"question").unwrap(), b"question");
    assert_eq!(duo.say_to_client(b"answer").unwrap(), b"answer");
    duo.client.agreed().unwrap().resumed
}

fn resumes(client: &ClientConfig, server: &ServerConfig) -> bool {
    resumes_in(&mut Duo::new(client.clone(), server.clone()))
}

#[test]
fn a_client_goes_on_by_ticket_and_by_id_and_shows_each_once() {
    for by in BOTH {
        let (client, server) = configs(by);
        assert!(!resumes(&client, &server), "{by:?}: the first is full");
        let mut duo = Duo::new(client.clone(), server.clone());
        assert!(resumes_in(&mut duo), "{by:?}");
        let agreed = duo.client.agreed().unwrap();
        assert_eq!(agreed.version, ProtocolVersion::TLS1_2);
        assert_eq!((agreed.group, agreed.signature_scheme), (None, None));
        assert_eq!(duo.client.peer_chain(), server.identities[0].chain());
        // A resumed one gives a ticket too, and no id: the client's is used.
        assert_eq!(resumes(&client, &server), by == By::Ticket);
    }
}

#[test]
fn a_resumed_connection_has_keys_of_its_own() {
    let (client, server) = configs(By::Ticket);
    let export = |duo: &mut Duo| {
        let (mut ours, mut theirs) = ([0; 20], [0; 20]);
        let label = b"EXPERIMENTAL netkit";
        duo.client.export(label, b"", &mut ours).unwrap();
        duo.server.export(label, b"", &mut theirs).unwrap();
        assert_eq!(ours, theirs);
        ours
    };
    let mut exported = Vec::new();
    for resumed in [false, true] {
        let mut duo = Duo::new(client.clone(), server.clone());
        assert_eq!(resumes_in(&mut duo), resumed);
        exported.push(export(&mut duo));
    }
    assert_ne!(exported[0], exported[1]);
}

#[test]
fn tickets_outlive_a_restart_and_rotations_and_no_other_secret_takes_them() {
    let (client, mut server) = configs(By::Ticket);
    assert!(!resumes(&client, &server));
    server.sessions = Some(keys(1));
    assert!(
        resumes(&client, &server),
        "another process, the same secret"
    );
    let mut rotated = TicketKeys::from_secret(&[1; 32]);
    rotated.rotate(&[2; 32]);
    server.sessions = Some(Arc::new(RwLock::new(rotated)));
    assert!(resumes(&client, &server), "a secret before the present one");
    server.sessions = Some(keys(2));
    assert!(resumes(&client, &server), "sealed with the present one");
    server.sessions = Some(keys(3));
    assert!(!resumes(&client, &server), "costs a full handshake");
    server.sessions = None;
    assert!(!resumes(&client, &server));
}

#[test]
fn an_id_that_is_not_known_costs_a_full_handshake() {
    let (client, mut server) = configs(By::Id);
    assert!(!resumes(&client, &server));
    server.session_ids = Some(Arc::new(SessionIdMemory::default()));
    assert!(!resumes(&client, &server));
    assert!(resumes(&client, &server), "the full one gave an id");
}

#[test]
fn a_session_ends_and_no_chain_of_them_outlives_the_proof() {
    let (client, mut server) = configs(By::Ticket);
    server.session_lifetime = 100;
    let resumes_at = |seconds| {
        let now = after(seconds);
        resumes_in(&mut duo_for("localhost", now, &client, &server))
    };
    assert!(!resumes_at(0));
    assert!(resumes_at(60));
    assert!(resumes_at(99));
    assert!(!resumes_at(100), "100 seconds after the signature");
    assert!(resumes_at(199));
}

/// A store that shows what it holds for any name, and keeps it.
#[derive(Default)]
struct Lasting(Mutex<Vec<ClientSession>>);

impl ClientSessions for Lasting {
    fn put(&self, _: &ServerName<'static>, session: ClientSession) {
        self.0.lock().unwrap().push(session);
    }

    fn take(&self, _: &ServerName<'static>) -> Option<ClientSession> {
        self.0.lock().unwrap().first().cloned()
    }
}

#[test]
fn a_server_ends_a_session_itself() {
    for by in BOTH {
        let (mut client, mut server) = configs(by);
        client.sessions = Some(Arc::new(Lasting::default()));
        server.session_lifetime = 100;
        assert!(!resumes(&client, &server));
        for (seconds, resumed) in [(99, true), (100, false)] {
            let mut duo = Duo::new(client.clone(), server.clone());
            // The client's clock stands still.
            let config = Arc::new(server.clone());
            duo.server = Connection::server(config, after(seconds), random());
            assert_eq!(resumes_in(&mut duo), resumed, "{by:?} {seconds}");
        }
    }
}

#[test]
fn a_session_of_another_name_is_not_taken() {
    for by in BOTH {
        let (mut client, server) = configs(by);
        client.verifier = Some(Arc::new(DangerousAcceptAny));
        client.sessions = Some(Arc::new(Lasting::default()));
        assert!(!resumes(&client, &server));
        assert!(resumes(&client, &server));
        let mut duo = duo_for("other", NOW, &client, &server);
        assert!(!resumes_in(&mut duo), "{by:?}");
    }
}

#[test]
fn a_session_is_not_for_another_verifier() {
    let (client, server) = configs(By::Ticket);
    assert!(!resumes(&client, &server));
    let mut other = client_config(Authority::new().roots());
    other.sessions = client.sessions;
    let refused = Duo::new(other, server).connect();
    assert!(matches!(refused, Err(Error::PeerCertificate(_))));
}

#[test]
fn a_session_is_for_a_suite_that_both_still_have() {
    let suites = [
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ];
    for by in BOTH {
        for suite in suites {
            let (mut client, mut server) = configs(by);
            client.sessions = Some(Arc::new(Lasting::default()));
            server.cipher_suites = vec![suite];
            assert!(!resumes(&client, &server));
            assert!(resumes(&client, &server), "{by:?} {suite}");
            let others = || suites.iter().copied().filter(|other| *other != suite);
            let mut changed = server.clone();
            changed.cipher_suites = others().collect();
            assert!(!resumes(&client, &changed), "the server gave it up");
            server.cipher_suites = suites.to_vec();
            client.cipher_suites = others().collect();
            assert!(!resumes(&client, &server), "the client gave it up");
        }
    }
}

#[test]
fn no_session_goes_on_in_another_version() {
    let (mut client, mut server) = configs(By::Ticket);
    client.sessions = Some(Arc::new(Lasting::default()));
    assert!(!resumes(&client, &server));
    server.versions = Versions::default();
    assert!(!resumes(&client, &server), "of TLS 1.2, in TLS 1.3");
    let (mut client, mut server) = configs(By::Ticket);
    client.sessions = Some(Arc::new(Lasting::default()));
    server.versions = Versions::default();
    assert!(!resumes(&client, &server));
    assert!(resumes(&client, &server));
    server.versions = TLS1_2;
    assert!(!resumes(&client, &server), "of TLS 1.3, in TLS 1.2");
}

#[test]
fn the_protocol_is_chosen_anew() {
    let (mut client, mut server) = configs(By::Ticket);
    client.alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    for protocol in [&b"h2"[..], b"http/1.1"] {
        server.alpn = vec![protocol.to_vec()];
        let mut duo = Duo::new(client.clone(), server.clone());
        assert_eq!(resumes_in(&mut duo), protocol == b"http/1.1");
        assert_eq!(duo.client.agreed().unwrap().alpn.as_deref(), Some(protocol));
    }
}

#[test]
fn a_resumed_client_is_who_it_was_and_is_judged_again() {
    for by in BOTH {
        let (mut client, mut server) = configs(by);
        client.sessions = Some(Arc::new(Lasting::default()));
        let nobody = client.clone();
        assert!(!resumes(&nobody, &server));
        assert!(resumes(&nobody, &server));
        server.client_auth = Some(ClientAuth::required(Authority::new().roots()));
        let refused = Duo::new(nobody, server.clone()).connect();
        assert_eq!(
            refused,
            Err(Error::PeerNoClientCertificate(ProtocolVersion::TLS1_2)),
            "{by:?}"
        );

        let identity = Authority::new().identity("client", &rcgen::PKCS_ECDSA_P256_SHA256);
        client.identities = vec![Arc::new(identity)];
        client.sessions = Some(Arc::new(Lasting::default()));
        let mut auth = ClientAuth::required(Authority::new().roots());
        auth.authorities.clear();
        auth.verifier = Some(Arc::new(DangerousAcceptAny));
        server.client_auth = Some(auth);
        assert!(!resumes(&client, &server));
        let mut duo = Duo::new(client.clone(), server.clone());
        assert!(resumes_in(&mut duo), "{by:?}");
        assert_eq!(duo.server.peer_chain(), client.identities[0].chain());
        // A server that would not let it in now does not.
        let mut auth = ClientAuth::required(Authority::new().roots());
        auth.authorities.clear();
        server.client_auth = Some(auth);
        let refused = Duo::new(client, server).connect();
        assert!(matches!(refused, Err(Error::PeerCertificate(_))), "{by:?}");
    }
}

/// The ClientHello with which a client goes on, and its server.
fn second_hello(by: By) -> (Vec<u8>, ServerConfig) {
    let (mut client, mut server) = configs(by);
    client.versions = TLS1_2;
    server.tls12.require_extended_master_secret = false;
    assert!(!resumes(&client, &server));
    let sent = Arc::new(Messages::default());
    client.watch = Some(sent.clone());
    let _ = Duo::new(client, server.clone());
    (sent.sent()[0].clone(), server)
}

/// What a server answers to `hello`: the kinds of its messages.
fn answer(server: &ServerConfig, hello: &[u8]) -> Result<Vec<HandshakeType>, Error> {
    let sent = Arc::new(Messages::default());
    let mut server = server.clone();
    server.watch = Some(sent.clone());
    let mut server = Connection::server(Arc::new(server), NOW, random());
    inject(&mut server, hello, &mut Vec::new())?;
    let kinds = sent.sent().iter().map(|m| HandshakeType(m[0])).collect();
    Ok(kinds)
}

/// Where the content of an extension begins, with its length.
fn extension(hello: &[u8], kind: ExtensionType) -> (usize, usize) {
    let suites = 4 + 2 + 32 + 1 + 32;
    let mut at = suites + 2 + usize::from(hello[suites + 1]) + 2 + 2;
    loop {
        let length = usize::from(u16::from_be_bytes([hello[at + 2], hello[at + 3]]));
        if hello[at..at + 2] == kind.0.to_be_bytes() {
            return (at + 4, length);
        }
        at += 4 + length;
    }
}

#[test]
fn an_altered_ticket_or_id_costs_a_full_handshake() {
    use HandshakeType as H;
    for by in BOTH {
        let (mut hello, server) = second_hello(by);
        let finished = answer(&server, &hello).unwrap();
        match by {
            By::Ticket => assert_eq!(
                finished,
                [H::SERVER_HELLO, H::NEW_SESSION_TICKET, H::FINISHED]
            ),
            By::Id => assert_eq!(finished, [H::SERVER_HELLO, H::FINISHED]),
        }
        let (ticket, length) = extension(&hello, ExtensionType::SESSION_TICKET);
        let place = match by {
            By::Ticket => ticket + length - 1,
            By::Id => 4 + 2 + 32 + 1,
        };
        hello[place] ^= 1;
        let full = answer(&server, &hello).unwrap();
        assert_eq!(full[..2], [H::SERVER_HELLO, H::CERTIFICATE], "{by:?}");
    }
}

#[test]
fn a_client_that_gives_up_extended_master_secret_does_not_go_on() {
    for by in BOTH {
        let (mut hello, server) = second_hello(by);
        let kind = ExtensionType::EXTENDED_MASTER_SECRET;
        let (at, _) = extension(&hello, kind);
        // An extension that nobody knows in its place.
        hello[at - 4..at - 2].copy_from_slice(&[0xfe, 0xfe]);
        assert_eq!(answer(&server, &hello), Err(Error::PeerUnprotected(kind)));
    }
}

#[test]
fn without_extended_master_secret_there_is_no_session() {
    use HandshakeType as H;
    for by in BOTH {
        let (mut hello, server) = second_hello(by);
        let (at, _) = extension(&hello, ExtensionType::EXTENDED_MASTER_SECRET);
        hello[at - 4..at - 2].copy_from_slice(&[0xfe, 0xfe]);
        hello[4 + 2 + 32 + 1] ^= 1;
        let (ticket, length) = extension(&hello, ExtensionType::SESSION_TICKET);
        if length > 0 {
            hello[ticket] ^= 1;
        }
        let sent = Arc::new(Messages::default());
        let mut watched = server.clone();
        watched.watch = Some(sent.clone());
        let mut server = Connection::server(Arc::new(watched), NOW, random());
        inject(&mut server, &hello, &mut Vec::new()).unwrap();
        let hello = &sent.sent()[0];
        assert_eq!(hello[0], H::SERVER_HELLO.0);
        assert_eq!(hello[38], 0, "no session id");
        let kind = ExtensionType::SESSION_TICKET.0.to_be_bytes();
        assert!(!hello[42..].windows(2).any(|two| two == kind));
    }
}

/// What a client says to the ServerHello that goes on from its session, altered.
fn server_hello(alter: impl Fn(&mut Vec<u8>)) -> Result<(), Error> {
    let (client, mut server) = configs(By::Id);
    assert!(!resumes(&client, &server));
    let sent = Arc::new(Messages::default());
    server.watch = Some(sent.clone());
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    let mut hello = sent.sent()[0].clone();
    alter(&mut hello);
    inject(&mut duo.client, &hello, &mut Vec::new())
}

#[test]
fn a_server_that_goes_on_keeps_to_the_session() {
    assert_eq!(server_hello(|_| {}), Ok(()));
    // Behind the session id: another suite of the client's.
    let suite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;
    let other = server_hello(|hello| hello[71..73].copy_from_slice(&suite.0.to_be_bytes()));
    let why = "another cipher suite than the session's";
    assert_eq!(other, Err(Error::PeerIllegalParameter(why)));
    let kind = ExtensionType::EXTENDED_MASTER_SECRET;
    let without = |hello: &mut Vec<u8>| {
        let at = (76..hello.len() - 3)
            .find(|at| hello[*at..*at + 4] == [0, 23, 0, 0])
            .unwrap();
        hello.drain(at..at + 4);
        hello[75] -= 4;
        hello[3] -= 4;
    };
    assert_eq!(server_hello(without), Err(Error::PeerUnprotected(kind)));
}

#[test]
fn an_announced_ticket_has_to_come() {
    let (client, server) = configs(By::Ticket);
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    duo.deliver_to_client().unwrap();
    let mut change_cipher_spec = [20, 3, 3, 0, 1, 1];
    let refused = duo.client.recv(&mut change_cipher_spec, &mut Vec::new());
    let kind = netkit_tls::ContentType::CHANGE_CIPHER_SPEC;
    assert_eq!(refused.err(), Some(Error::PeerUnexpectedRecord(kind)));
}

#[test]
fn a_finished_that_does_not_fit_opens_nothing() {
    let (client, server) = configs(By::Id);
    assert!(!resumes(&client, &server));
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    let last = duo.to_client.len() - 1;
    duo.to_client[last] ^= 1;
    assert_eq!(duo.deliver_to_client(), Err(Error::PeerBadRecordMac));
    assert!(!duo.client.is_connected() && !duo.server.is_connected());
}
