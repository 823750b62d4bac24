//! Every state against every message: which has its turn where.

mod duo;

use duo::{Authority, Duo, Messages, NOW, answers, client_config, elsewhere, server_config, turn};
use netkit_tls::{
    ClientAuth, ClientConfig, ClientSessionMemory, Connection, DangerousAcceptAny, EarlyDataPolicy,
    HandshakeType, NamedGroup, ServerConfig, SingleUse, TicketKeys, Zlib, generators::inject,
};
use std::{fmt::Write as _, sync::Arc};

/// A body for each column. Whether it parses does not matter: the turn is judged first.
const COLUMNS: [(&str, HandshakeType); 12] = [
    ("CH", HandshakeType::CLIENT_HELLO),
    ("SH", HandshakeType::SERVER_HELLO),
    ("HRR", HandshakeType::SERVER_HELLO),
    ("EE", HandshakeType::ENCRYPTED_EXTENSIONS),
    ("CR", HandshakeType::CERTIFICATE_REQUEST),
    ("CT", HandshakeType::CERTIFICATE),
    ("CCT", HandshakeType::COMPRESSED_CERTIFICATE),
    ("CV", HandshakeType::CERTIFICATE_VERIFY),
    ("FIN", HandshakeType::FINISHED),
    ("NST", HandshakeType::NEW_SESSION_TICKET),
    ("KU", HandshakeType::KEY_UPDATE),
    ("EOED", HandshakeType::END_OF_EARLY_DATA),
];

/// Where a state waits for us, "-": the peer's messages wait with it. The last columns are our answers: an
/// identity, a verdict, a signature.
const EXPECTED: &str = "\
client           CH   SH   HRR  EE   CR   CT   CCT  CV   FIN  NST  KU   EOED id   ver  sig
WAIT_SH          .    x    x    .    .    .    .    .    .    .    .    .    .    .    .
WAIT_RETRIED_SH  .    x    .    .    .    .    .    .    .    .    .    .    .    .    .
WAIT_EE          .    .    .    x    .    .    .    .    .    .    .    .    .    .    .
WAIT_CERT_CR     .    .    .    .    x    x    x    .    .    .    .    .    .    .    .
WAIT_IDENTITY    -    -    -    -    -    -    -    -    -    -    -    -    x    .    .
WAIT_CERT        .    .    .    .    .    x    x    .    .    .    .    .    .    .    .
WAIT_VERDICT     -    -    -    -    -    -    -    -    -    -    -    -    .    x    .
WAIT_CV          .    .    .    .    .    .    .    x    .    .    .    .    .    .    .
WAIT_FINISHED    .    .    .    .    .    .    .    .    x    .    .    .    .    .    .
WAIT_SIGNATURE   -    -    -    -    -    -    -    -    -    -    -    -    .    .    x
OPEN             .    .    .    .    .    .    .    .    .    x    x    .    .    .    .
server           CH   SH   HRR  EE   CR   CT   CCT  CV   FIN  NST  KU   EOED id   ver  sig
WAIT_CH          x    .    .    .    .    .    .    .    .    .    .    .    .    .    .
WAIT_RETRIED_CH  x    .    .    .    .    .    .    .    .    .    .    .    .    .    .
WAIT_SIGNATURE   -    -    -    -    -    -    -    -    -    -    -    -    .    .    x
WAIT_EOED        .    .    .    .    .    .    .    .    .    .    .    x    .    .    .
WAIT_CERT        .    .    .    .    .    x    x    .    .    .    .    .    .    .    .
WAIT_VERDICT     -    -    -    -    -    -    -    -    -    -    -    -    .    x    .
WAIT_CV          .    .    .    .    .    .    .    x    .    .    .    .    .    .    .
WAIT_FINISHED    .    .    .    .    .    .    .    .    x    .    .    .    .    .    .
OPEN             .    .    .    .    .    .    .    .    .    .    x    .    .    .    .
";

/// SHA-256 of "HelloRetryRequest" (RFC 9846 4.2.3).
const RETRY_RANDOM: &str = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";

fn message(column: &str, kind: HandshakeType) -> Vec<u8> {
    let mut body = vec![3, 3];
    if column == "HRR" {
        body.extend(hex::decode(RETRY_RANDOM).unwrap());
    }
    let mut message = vec![kind.0, 0, 0, body.len() as u8];
    message.extend(body);
    message
}

/// A request for a client certificate with one signature scheme.
const CERTIFICATE_REQUEST: &[u8] = &[13, 0, 0, 11, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3];

/// A client with `fed` of its server's messages taken, and a request for a certificate if `asked`.
fn client(retried: bool, fed: usize, asked: bool) -> Connection {
    client_with(retried, fed, asked, |_| ())
}

fn client_with(
    retried: bool,
    fed: usize,
    asked: bool,
    configure: impl FnOnce(&mut ClientConfig),
) -> Connection {
    let (mut server, roots) = server_config();
    let sent = Arc::new(Messages::default());
    server.watch = Some(sent.clone());
    if retried {
        server.groups = vec![NamedGroup::SECP256R1];
    }
    let mut client = client_config(roots);
    client.certificate_compression = vec![Arc::new(Zlib)];
    configure(&mut client);
    let mut duo = Duo::new(client, server);
    let mut out = Vec::new();
    duo.deliver_to_server().unwrap();
    for index in 0..fed {
        let message = sent.sent()[index].clone();
        inject(&mut duo.client, &message, &mut out).unwrap();
        if asked && index == 1 {
            inject(&mut duo.client, CERTIFICATE_REQUEST, &mut out).unwrap();
        }
    }
    duo.client
}

/// A client that is asked for its key's signature.
fn signing_client() -> Connection {
    let authority = Authority::new();
    let mut server = authority.server("localhost");
    server.client_auth = Some(ClientAuth::required(authority.roots()));
    let mut client = client_config(authority.roots());
    client.identities = vec![Arc::new(elsewhere(&authority, "me"))];
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    // It has asked where its input ends.
    duo.deliver_to_client().unwrap();
    duo.client
}

fn allow_early_data(client: &mut ClientConfig, server: &mut ServerConfig) {
    client.sessions = Some(Arc::new(ClientSessionMemory::default()));
    client.early_data = true;
    server.sessions = Some(Arc::new(TicketKeys::from_secret(&[1; 32])));
    server.early_data = Some(EarlyDataPolicy {
        max_size: 100,
        guard: Arc::new(SingleUse::new(NOW)),
    });
}

fn server(name: &str) -> Connection {
    let authority = Authority::new();
    let mut server = authority.server("localhost");
    let mut client = client_config(authority.roots());
    let sent = Arc::new(Messages::default());
    client.watch = Some(sent.clone());
    client.identities.clone_from(&server.identities);
    if name == "WAIT_RETRIED_CH" {
        server.groups = vec![NamedGroup::SECP256R1];
    }
    if matches!(name, "WAIT_CERT" | "WAIT_VERDICT" | "WAIT_CV") {
        let mut auth = ClientAuth::required(authority.roots());
        auth.verifier = (name != "WAIT_VERDICT").then(|| Arc::new(DangerousAcceptAny) as _);
        auth.certificate_compression = vec![Arc::new(Zlib)];
        server.client_auth = Some(auth);
    }
    if name == "WAIT_SIGNATURE" {
        server.identities = vec![Arc::new(elsewhere(&authority, "localhost"))];
    }
    if name == "WAIT_EOED" {
        allow_early_data(&mut client, &mut server);
        Duo::new(client.clone(), server.clone()).connect().unwrap();
    }
    let mut duo = Duo::new(client, server);
    match name {
        "WAIT_CH" => {}
        "OPEN" => duo.connect().unwrap(),
        _ => duo.deliver_to_server().unwrap(),
    }
    if matches!(name, "WAIT_VERDICT" | "WAIT_CV") {
        duo.deliver_to_client().unwrap();
        inject(&mut duo.server, &sent.sent()[1], &mut Vec::new()).unwrap();
    }
    duo.server
}

fn rows(side: &str, states: &[(&'static str, &dyn Fn() -> Connection)], matrix: &mut String) {
    write!(matrix, "{side:15}").unwrap();
    let names = COLUMNS.iter().map(|(column, _)| *column);
    for column in names.chain(["id", "ver", "sig"]) {
        write!(matrix, "  {column:3}").unwrap();
    }
    *matrix += "\n";
    for (state, reach) in states {
        write!(matrix, "{state:15}").unwrap();
        for (column, kind) in COLUMNS {
            let cell = turn(reach(), state, kind, &message(column, kind));
            write!(matrix, "  {cell:3}").unwrap();
        }
        for cell in answers(reach) {
            write!(matrix, "  {cell:3}").unwrap();
        }
        *matrix += "\n";
    }
}

#[test]
fn every_state_takes_its_messages_and_no_other() {
    let mut matrix = String::new();
    rows(
        "client",
        &[
            ("WAIT_SH", &|| client(false, 0, false)),
            ("WAIT_RETRIED_SH", &|| client(true, 1, false)),
            ("WAIT_EE", &|| client(false, 1, false)),
            ("WAIT_CERT_CR", &|| client(false, 2, false)),
            ("WAIT_IDENTITY", &|| {
                client_with(false, 2, true, |config| config.asks_identity = true)
            }),
            ("WAIT_CERT", &|| client(false, 2, true)),
            ("WAIT_VERDICT", &|| {
                client_with(false, 3, false, |config| config.verifier = None)
            }),
            ("WAIT_CV", &|| client(false, 3, false)),
            ("WAIT_FINISHED", &|| client(false, 4, false)),
            ("WAIT_SIGNATURE", &signing_client),
            ("OPEN", &|| client(false, 5, false)),
        ],
        &mut matrix,
    );
    rows(
        "server",
        &[
            "WAIT_CH",
            "WAIT_RETRIED_CH",
            "WAIT_SIGNATURE",
            "WAIT_EOED",
            "WAIT_CERT",
            "WAIT_VERDICT",
            "WAIT_CV",
            "WAIT_FINISHED",
            "OPEN",
        ]
        .map(|name| (name, move || server(name)))
        .iter()
        .map(|(name, reach)| (*name, reach as &dyn Fn() -> Connection))
        .collect::<Vec<_>>(),
        &mut matrix,
    );
    println!("{matrix}");
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeeze(&matrix), squeeze(EXPECTED));
}
