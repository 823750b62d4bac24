//! TLS 1.2: every state against every message, and ChangeCipherSpec.

mod duo;

use duo::{Authority, Duo, Messages, answers, client_config, elsewhere, turn, waits};
use netkit_tls::{
    ClientAuth, ClientConfig, ClientSessionMemory, Connection, ContentType, DangerousAcceptAny,
    Error, HandshakeType as H, ProtocolVersion, ServerConfig, TicketKeys, Versions,
    generators::inject,
};
use std::{fmt::Write as _, sync::Arc};

const COLUMNS: [(&str, H); 16] = [
    ("HR", H::HELLO_REQUEST),
    ("CH", H::CLIENT_HELLO),
    ("SH", H::SERVER_HELLO),
    ("NST", H::NEW_SESSION_TICKET),
    ("EE", H::ENCRYPTED_EXTENSIONS),
    ("CT", H::CERTIFICATE),
    ("CS", H::CERTIFICATE_STATUS),
    ("SKE", H::SERVER_KEY_EXCHANGE),
    ("CR", H::CERTIFICATE_REQUEST),
    ("SHD", H::SERVER_HELLO_DONE),
    ("CV", H::CERTIFICATE_VERIFY),
    ("CKE", H::CLIENT_KEY_EXCHANGE),
    ("FIN", H::FINISHED),
    ("KU", H::KEY_UPDATE),
    ("EOED", H::END_OF_EARLY_DATA),
    ("hash", H::MESSAGE_HASH),
];

/// Where a state waits for us, "-": the peer's messages wait with it. The last columns are ChangeCipherSpec
/// and our answers: an identity, a verdict, a signature.
const EXPECTED: &str = "\
client               HR   CH   SH   NST  EE   CT   CS   SKE  CR   SHD  CV   CKE  FIN  KU   EOED  hash  CCS  id   ver  sig
WAIT_CERT            .    .    .    .    .    x    .    .    .    .    .    .    .    .    .    .    .    .    .    .
WAIT_SKE             .    .    .    .    .    .    x    x    .    .    .    .    .    .    .    .    .    .    .    .
WAIT_CR              .    .    .    .    .    .    .    .    x    x    .    .    .    .    .    .    .    .    .    .
WAIT_IDENTITY        -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    x    .    .
WAIT_DONE            .    .    .    .    .    .    .    .    .    x    .    .    .    .    .    .    .    .    .    .
WAIT_VERDICT         -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    .    x    .
WAIT_SIGNATURE       -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    .    .    x
WAIT_CCS             .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    x    .    .    .
WAIT_FINISHED        .    .    .    .    .    .    .    .    .    .    .    .    x    .    .    .    .    .    .    .
OPEN                 x    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .
resumed              HR   CH   SH   NST  EE   CT   CS   SKE  CR   SHD  CV   CKE  FIN  KU   EOED  hash  CCS  id   ver  sig
WAIT_RESUMED_VERDICT -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    .    x    .
WAIT_CCS             .    .    .    x    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .
WAIT_CCS             .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    x    .    .    .
WAIT_FINISHED        .    .    .    .    .    .    .    .    .    .    .    .    x    .    .    .    .    .    .    .
server               HR   CH   SH   NST  EE   CT   CS   SKE  CR   SHD  CV   CKE  FIN  KU   EOED  hash  CCS  id   ver  sig
WAIT_SIGNATURE       -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    .    .    x
WAIT_CERT            .    .    .    .    .    x    .    .    .    .    .    .    .    .    .    .    .    .    .    .
WAIT_VERDICT         -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    -    .    x    .
WAIT_CKE             .    .    .    .    .    .    .    .    .    .    .    x    .    .    .    .    .    .    .    .
WAIT_CV              .    .    .    .    .    .    .    .    .    .    x    .    .    .    .    .    .    .    .    .
WAIT_CCS             .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    x    .    .    .
WAIT_FINISHED        .    .    .    .    .    .    .    .    .    .    .    .    x    .    .    .    .    .    .    .
OPEN                 .    x    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .
resumed              HR   CH   SH   NST  EE   CT   CS   SKE  CR   SHD  CV   CKE  FIN  KU   EOED  hash  CCS  id   ver  sig
WAIT_CCS             .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    x    .    .    .
WAIT_FINISHED        .    .    .    .    .    .    .    .    .    .    .    .    x    .    .    .    .    .    .    .
";

/// A pair whose server staples, and what each has sent.
fn pair(client_auth: bool) -> (Duo, [Arc<Messages>; 2]) {
    pair_with(client_auth, |_, _, _| ())
}

/// The same; `configure` has the last word.
fn pair_with(
    client_auth: bool,
    configure: impl FnOnce(&mut ClientConfig, &mut ServerConfig, &Authority),
) -> (Duo, [Arc<Messages>; 2]) {
    let authority = Authority::new();
    let algorithm = &rcgen::PKCS_ECDSA_P256_SHA256;
    let identity = authority.identity("localhost", algorithm);
    let mut server = ServerConfig::new(identity.with_ocsp_response(vec![7]));
    let mut client = client_config(authority.roots());
    client.versions = Versions::only(ProtocolVersion::TLS1_2);
    client.verifier = Some(Arc::new(DangerousAcceptAny));
    if client_auth {
        client.identities = vec![Arc::new(authority.identity("me", algorithm))];
        let mut auth = ClientAuth::required(authority.roots());
        auth.verifier = Some(Arc::new(DangerousAcceptAny));
        server.client_auth = Some(auth);
    }
    let sent = [Arc::new(Messages::default()), Arc::new(Messages::default())];
    client.watch = Some(sent[0].clone());
    server.watch = Some(sent[1].clone());
    configure(&mut client, &mut server, &authority);
    (Duo::new(client, server), sent)
}

/// A client with `fed` of its server's messages taken, and a request for a certificate if `asked`.
fn client(fed: usize, asked: bool) -> Connection {
    client_of(pair(false), fed, asked)
}

fn client_of(
    (mut duo, [_, sent]): (Duo, [Arc<Messages>; 2]),
    fed: usize,
    asked: bool,
) -> Connection {
    /// With one type of certificate, one scheme and no authority.
    const CERTIFICATE_REQUEST: &[u8] = &[13, 0, 0, 8, 1, 64, 0, 2, 4, 3, 0, 0];
    let mut out = Vec::new();
    duo.deliver_to_server().unwrap();
    for message in &sent.sent()[..fed] {
        inject(&mut duo.client, message, &mut out).unwrap();
    }
    if asked {
        inject(&mut duo.client, CERTIFICATE_REQUEST, &mut out).unwrap();
    }
    duo.client
}

fn client_that_asks_who_it_is() -> Connection {
    let pair = pair_with(false, |client, _, _| client.asks_identity = true);
    client_of(pair, 4, true)
}

fn client_that_asks_for_a_verdict() -> Connection {
    let pair = pair_with(false, |client, _, _| client.verifier = None);
    client_of(pair, 5, false)
}

fn client_that_asks_for_a_signature() -> Connection {
    let (mut duo, _) = pair_with(true, |client, _, authority| {
        client.identities = vec![Arc::new(elsewhere(authority, "me"))];
    });
    duo.deliver_to_server().unwrap();
    duo.deliver_to_client().unwrap();
    duo.client
}

fn server_that_asks_for_a_signature() -> Connection {
    let (mut duo, _) = pair_with(false, |_, server, authority| {
        server.identities = vec![Arc::new(elsewhere(authority, "localhost"))];
    });
    duo.deliver_to_server().unwrap();
    duo.server
}

fn server_that_asks_for_a_verdict() -> Connection {
    let (duo, sent) = pair_with(true, |_, server, _| {
        let auth = server.client_auth.as_mut();
        auth.expect("it asks for certificates").verifier = None;
    });
    server_of((duo, sent), 1)
}

fn later_client(finished: bool) -> Connection {
    let (mut duo, _) = pair(false);
    duo.deliver_to_server().unwrap();
    duo.deliver_to_client().unwrap();
    duo.deliver_to_server().unwrap();
    if !finished {
        const CHANGE_CIPHER_SPEC: usize = 6;
        duo.to_client.truncate(CHANGE_CIPHER_SPEC);
    }
    duo.deliver_to_client().unwrap();
    duo.client
}

/// A server with `fed` of its client's messages after the ClientHello taken.
fn server(client_auth: bool, fed: usize) -> Connection {
    server_of(pair(client_auth), fed)
}

fn server_of((mut duo, [sent, _]): (Duo, [Arc<Messages>; 2]), fed: usize) -> Connection {
    duo.deliver_to_server().unwrap();
    duo.deliver_to_client().unwrap();
    for message in &sent.sent()[1..=fed] {
        inject(&mut duo.server, message, &mut Vec::new()).unwrap();
    }
    duo.server
}

fn later_server(finished: bool) -> Connection {
    let (mut duo, _) = pair(false);
    duo.deliver_to_server().unwrap();
    duo.deliver_to_client().unwrap();
    if !finished {
        const FINISHED: usize = 5 + 8 + 16 + 16;
        duo.to_server.truncate(duo.to_server.len() - FINISHED);
    }
    duo.deliver_to_server().unwrap();
    duo.server
}

/// A pair that goes on from an earlier connection, and what its server has sent.
fn resuming() -> (Duo, Arc<Messages>) {
    let authority = Authority::new();
    let mut server = authority.server("localhost");
    server.sessions = Some(Arc::new(TicketKeys::from_secret(&[1; 32])));
    let mut client = client_config(authority.roots());
    client.versions = Versions::only(ProtocolVersion::TLS1_2);
    client.sessions = Some(Arc::new(ClientSessionMemory::default()));
    let mut first = Duo::new(client.clone(), server.clone());
    first.connect().unwrap();
    let sent = Arc::new(Messages::default());
    server.watch = Some(sent.clone());
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    (duo, sent)
}

/// A client that goes on, with `fed` of its server's messages taken.
fn resumed_client(fed: usize) -> Connection {
    let (mut duo, sent) = resuming();
    for message in &sent.sent()[..fed] {
        inject(&mut duo.client, message, &mut Vec::new()).unwrap();
    }
    duo.client
}

/// A client that has to judge again whom it goes on with.
fn resumed_client_that_asks_for_a_verdict() -> Connection {
    let authority = Authority::new();
    let mut server = authority.server("localhost");
    server.sessions = Some(Arc::new(TicketKeys::from_secret(&[1; 32])));
    let mut client = client_config(authority.roots());
    client.versions = Versions::only(ProtocolVersion::TLS1_2);
    client.sessions = Some(Arc::new(ClientSessionMemory::default()));
    client.verifier = None;
    client.judge_resumed = true;
    let mut first = Duo::new(client.clone(), server.clone());
    first.deliver_to_server().unwrap();
    first.deliver_to_client().unwrap();
    first.client.verdict(Ok(()), &mut first.to_server).unwrap();
    first.settle().unwrap();
    let sent = Arc::new(Messages::default());
    server.watch = Some(sent.clone());
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    inject(&mut duo.client, &sent.sent()[0], &mut Vec::new()).unwrap();
    duo.client
}

const CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// `connection`, with the peer's ChangeCipherSpec taken.
fn keyed(mut connection: Connection) -> Connection {
    let mut record = CHANGE_CIPHER_SPEC;
    let step = connection.recv(&mut record, &mut Vec::new()).unwrap();
    assert_eq!(step.used, record.len());
    connection
}

fn rows(side: &str, states: &[(&'static str, &dyn Fn() -> Connection)], matrix: &mut String) {
    write!(matrix, "{side:19}").unwrap();
    let names = COLUMNS.iter().map(|(column, _)| *column);
    for column in names.chain(["CCS", "id", "ver", "sig"]) {
        write!(matrix, "  {column:3}").unwrap();
    }
    *matrix += "\n";
    for (state, reach) in states {
        write!(matrix, "{state:19}").unwrap();
        for (_, kind) in COLUMNS {
            // Whether the body parses does not matter, but where it is empty: the turn is judged first.
            let cell = turn(reach(), state, kind, &[kind.0, 0, 0, 0]);
            write!(matrix, "  {cell:3}").unwrap();
        }
        write!(matrix, "  {:3}", change_cipher_spec(reach(), state)).unwrap();
        for cell in answers(reach) {
            write!(matrix, "  {cell:3}").unwrap();
        }
        *matrix += "\n";
    }
}

fn change_cipher_spec(mut connection: Connection, state: &str) -> &'static str {
    if waits(&mut connection) {
        return "-";
    }
    let mut input = CHANGE_CIPHER_SPEC;
    let heard = connection.recv(&mut input, &mut Vec::new());
    match heard.err() {
        // Where there is a key, one in the clear is no record of the peer's.
        Some(error) => {
            let kind = ContentType::CHANGE_CIPHER_SPEC;
            let errors = [Error::PeerUnexpectedRecord(kind), Error::PeerBadRecordMac];
            assert!(errors.contains(&error), "{state}: {error}");
            "."
        }
        None => "x",
    }
}

#[test]
fn every_state_takes_its_messages_and_no_other() {
    let mut matrix = String::new();
    rows(
        "client",
        &[
            ("WAIT_CERT", &|| client(1, false)),
            ("WAIT_SKE", &|| client(2, false)),
            ("WAIT_CR", &|| client(4, false)),
            ("WAIT_IDENTITY", &client_that_asks_who_it_is),
            ("WAIT_DONE", &|| client(4, true)),
            ("WAIT_VERDICT", &client_that_asks_for_a_verdict),
            ("WAIT_SIGNATURE", &client_that_asks_for_a_signature),
            ("WAIT_CCS", &|| client(5, false)),
            ("WAIT_FINISHED", &|| later_client(false)),
            ("OPEN", &|| later_client(true)),
        ],
        &mut matrix,
    );
    rows(
        "resumed",
        &[
            (
                "WAIT_RESUMED_VERDICT",
                &resumed_client_that_asks_for_a_verdict,
            ),
            ("WAIT_CCS", &|| resumed_client(1)),
            ("WAIT_CCS", &|| resumed_client(2)),
            ("WAIT_FINISHED", &|| keyed(resumed_client(2))),
        ],
        &mut matrix,
    );
    rows(
        "server",
        &[
            ("WAIT_SIGNATURE", &server_that_asks_for_a_signature),
            ("WAIT_CERT", &|| server(true, 0)),
            ("WAIT_VERDICT", &server_that_asks_for_a_verdict),
            ("WAIT_CKE", &|| server(false, 0)),
            ("WAIT_CV", &|| server(true, 2)),
            ("WAIT_CCS", &|| server(false, 1)),
            ("WAIT_FINISHED", &|| later_server(false)),
            ("OPEN", &|| later_server(true)),
        ],
        &mut matrix,
    );
    rows(
        "resumed",
        &[
            ("WAIT_CCS", &|| resuming().0.server),
            ("WAIT_FINISHED", &|| keyed(resuming().0.server)),
        ],
        &mut matrix,
    );
    println!("{matrix}");
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeeze(&matrix), squeeze(EXPECTED));
}
