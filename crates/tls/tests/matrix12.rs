//! TLS 1.2: every state against every message, and ChangeCipherSpec.

mod duo;

use duo::{Authority, Duo, Messages, client_config};
use netkit_tls::{
    ClientAuth, ClientSessionMemory, Connection, ContentType, DangerousAcceptAny, Error,
    HandshakeType as H, ProtocolVersion, ServerConfig, TicketKeys, Versions, generators::inject,
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

/// The last column is ChangeCipherSpec.
const EXPECTED: &str = "\
client         HR   CH   SH   NST  EE   CT   CS   SKE  CR   SHD  CV   CKE  FIN  KU   EOED hash CCS
WAIT_CERT      .    .    .    .    .    x    .    .    .    .    .    .    .    .    .    .    .
WAIT_SKE       .    .    .    .    .    .    x    x    .    .    .    .    .    .    .    .    .
WAIT_CR        .    .    .    .    .    .    .    .    x    x    .    .    .    .    .    .    .
WAIT_DONE      .    .    .    .    .    .    .    .    .    x    .    .    .    .    .    .    .
WAIT_CCS       .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    x
WAIT_FINISHED  .    .    .    .    .    .    .    .    .    .    .    .    x    .    .    .    .
OPEN           x    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .
resumed        HR   CH   SH   NST  EE   CT   CS   SKE  CR   SHD  CV   CKE  FIN  KU   EOED hash CCS
WAIT_CCS       .    .    .    x    .    .    .    .    .    .    .    .    .    .    .    .    .
WAIT_CCS       .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    x
WAIT_FINISHED  .    .    .    .    .    .    .    .    .    .    .    .    x    .    .    .    .
server         HR   CH   SH   NST  EE   CT   CS   SKE  CR   SHD  CV   CKE  FIN  KU   EOED hash CCS
WAIT_CERT      .    .    .    .    .    x    .    .    .    .    .    .    .    .    .    .    .
WAIT_CKE       .    .    .    .    .    .    .    .    .    .    .    x    .    .    .    .    .
WAIT_CV        .    .    .    .    .    .    .    .    .    .    x    .    .    .    .    .    .
WAIT_CCS       .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    x
WAIT_FINISHED  .    .    .    .    .    .    .    .    .    .    .    .    x    .    .    .    .
OPEN           .    x    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .
resumed        HR   CH   SH   NST  EE   CT   CS   SKE  CR   SHD  CV   CKE  FIN  KU   EOED hash CCS
WAIT_CCS       .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    x
WAIT_FINISHED  .    .    .    .    .    .    .    .    .    .    .    .    x    .    .    .    .
";

/// A pair whose server staples, and what each has sent.
fn pair(client_auth: bool) -> (Duo, [Arc<Messages>; 2]) {
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
    (Duo::new(client, server), sent)
}

/// A client with `fed` of its server's messages taken, and a request for a certificate if `asked`.
fn client(fed: usize, asked: bool) -> Connection {
    /// With one type of certificate, one scheme and no authority.
    const CERTIFICATE_REQUEST: &[u8] = &[13, 0, 0, 8, 1, 64, 0, 2, 4, 3, 0, 0];
    let (mut duo, [_, sent]) = pair(false);
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
    let (mut duo, [sent, _]) = pair(client_auth);
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

const CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// `connection`, with the peer's ChangeCipherSpec taken.
fn keyed(mut connection: Connection) -> Connection {
    let mut record = CHANGE_CIPHER_SPEC;
    let step = connection.recv(&mut record, &mut Vec::new()).unwrap();
    assert_eq!(step.used, record.len());
    connection
}

type Reach = fn() -> Connection;

fn rows(side: &str, states: &[(&'static str, Reach)], matrix: &mut String) {
    write!(matrix, "{side:13}").unwrap();
    let names = COLUMNS.iter().map(|(column, _)| *column);
    for column in names.chain(["CCS"]) {
        write!(matrix, "  {column:3}").unwrap();
    }
    *matrix += "\n";
    for (state, reach) in states {
        write!(matrix, "{state:13}").unwrap();
        for (column, kind) in COLUMNS {
            // Whether the body parses does not matter, but where it is empty: the turn is judged first.
            let message = [kind.0, 0, 0, 0];
            let heard = inject(&mut reach(), &message, &mut Vec::new());
            let refused = heard == Err(Error::PeerUnexpectedMessage(kind, state));
            assert!(
                refused || !matches!(heard, Err(Error::PeerUnexpectedMessage(..))),
                "{state} {column}: {heard:?}"
            );
            write!(matrix, "  {:3}", if refused { "." } else { "x" }).unwrap();
        }
        let heard = reach()
            .recv(&mut CHANGE_CIPHER_SPEC.clone(), &mut Vec::new())
            .err();
        let refused = match heard {
            // Where there is a key, one in the clear is no record of the peer's.
            Some(error) => {
                let kind = ContentType::CHANGE_CIPHER_SPEC;
                let errors = [Error::PeerUnexpectedRecord(kind), Error::PeerBadRecordMac];
                assert!(errors.contains(&error), "{state}: {error}");
                "."
            }
            None => "x",
        };
        writeln!(matrix, "  {refused}").unwrap();
    }
}

#[test]
fn every_state_takes_its_messages_and_no_other() {
    let mut matrix = String::new();
    rows(
        "client",
        &[
            ("WAIT_CERT", || client(1, false)),
            ("WAIT_SKE", || client(2, false)),
            ("WAIT_CR", || client(4, false)),
            ("WAIT_DONE", || client(4, true)),
            ("WAIT_CCS", || client(5, false)),
            ("WAIT_FINISHED", || later_client(false)),
            ("OPEN", || later_client(true)),
        ],
        &mut matrix,
    );
    rows(
        "resumed",
        &[
            ("WAIT_CCS", || resumed_client(1)),
            ("WAIT_CCS", || resumed_client(2)),
            ("WAIT_FINISHED", || keyed(resumed_client(2))),
        ],
        &mut matrix,
    );
    rows(
        "server",
        &[
            ("WAIT_CERT", || server(true, 0)),
            ("WAIT_CKE", || server(false, 0)),
            ("WAIT_CV", || server(true, 2)),
            ("WAIT_CCS", || server(false, 1)),
            ("WAIT_FINISHED", || later_server(false)),
            ("OPEN", || later_server(true)),
        ],
        &mut matrix,
    );
    rows(
        "resumed",
        &[
            ("WAIT_CCS", || resuming().0.server),
            ("WAIT_FINISHED", || keyed(resuming().0.server)),
        ],
        &mut matrix,
    );
    println!("{matrix}");
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeeze(&matrix), squeeze(EXPECTED));
}
