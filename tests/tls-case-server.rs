//! The server that strangers' TLS suites are put to. It answers every HTTP request with 200, head and
//! body in one record, and closes; `GET /keyupdate` gets a KeyUpdate(update_requested) first.

use std::error::Error;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use netkit::UnixTime;
use netkit::tls::{
    ClientAuth, Connection, EarlyDataPolicy, ProtocolVersion, ServerConfig, SessionIdMemory,
    SingleUse, TicketKeys,
};
use netkit_tests::tls_cases::{Broken, CommandLine, Heard, Link, random};

const USAGE: &str = "usage: tls-case-server --listen ADDR --cert PEM --key PEM \
[--client-ca PEM [--require-client-cert]] [--tls-min V] [--tls-max V] [--alpn LIST] [--echo] \
[--rsa-key-transport] [--early-data N] [--psk IDENTITY:HEX]";

const VALUED: [&str; 9] = [
    "listen",
    "cert",
    "key",
    "client-ca",
    "tls-min",
    "tls-max",
    "alpn",
    "early-data",
    "psk",
];
const FLAGS: [&str; 3] = ["require-client-cert", "echo", "rsa-key-transport"];

/// A ClientHello may be as long as this.
const MAX_CLIENT_HELLO: usize = 1 << 18;

/// A request's head may be as long as this.
const MAX_HEAD: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let line = CommandLine::read(&VALUED, &FLAGS).map_err(|error| format!("{error}\n{USAGE}"))?;
    let config = Arc::new(config(&line)?);
    let listener = TcpListener::bind(line.required("listen")?)?;
    writeln!(std::io::stdout(), "listening on {}", listener.local_addr()?)?;
    let echo = line.has("echo");
    for socket in listener.incoming() {
        let (socket, config) = (socket?, Arc::clone(&config));
        std::thread::spawn(move || serve(socket, config, echo));
    }
    Ok(())
}

fn config(line: &CommandLine) -> Result<ServerConfig, Box<dyn Error>> {
    let identity = netkit::identity::pem_files(line.required("cert")?, line.required("key")?)?;
    let mut config = ServerConfig::new(identity);
    config.max_handshake_message = MAX_CLIENT_HELLO;
    config.alpn = line.list("alpn");
    config.versions = line.versions()?;
    config.sessions = Some(Arc::new(TicketKeys::new(&mut random())));
    config.session_ids = Some(Arc::new(SessionIdMemory::default()));
    if let Some(psk) = line.psk()? {
        config.external_psks = Some(Arc::new(vec![psk]));
    }
    if let Some(size) = line.value("early-data") {
        config.early_data = Some(EarlyDataPolicy {
            max_size: size.parse()?,
            guard: Arc::new(SingleUse::new(UnixTime::now())),
        });
    }
    config.tls12.rsa_key_transport = line.has("rsa-key-transport");
    if let Some(file) = line.value("client-ca") {
        let roots = Arc::new(netkit::roots::pem_file(file)?);
        config.client_auth = Some(if line.has("require-client-cert") {
            ClientAuth::required(roots)
        } else {
            ClientAuth::requested(roots)
        });
    }
    Ok(config)
}

fn serve(socket: TcpStream, config: Arc<ServerConfig>, echo: bool) {
    let connection = Connection::server(config, UnixTime::now(), random());
    let Ok(mut link) = Link::new(socket, connection, Vec::new()) else {
        return;
    };
    let ended = if echo {
        echo_all(&mut link)
    } else {
        answer(&mut link)
    };
    if let Err(Broken::Tls(error)) = ended {
        let _ = writeln!(std::io::stdout(), "{}: {error}", error.name());
    }
    link.drain();
}

/// Sends back what comes, until the peer closes.
fn echo_all(link: &mut Link) -> Result<(), Broken> {
    loop {
        match link.hear()? {
            Heard::Connected => {}
            Heard::Data(data) => link.connection.send(&[&data], &mut link.out)?,
            Heard::PeerClosed => return Ok(link.connection.close(&mut link.out)?),
        }
    }
}

/// Answers one request, or none if the peer closes before.
fn answer(link: &mut Link) -> Result<(), Broken> {
    let mut head = Vec::new();
    let ends = |head: &[u8]| head.windows(4).any(|four| four == b"\r\n\r\n");
    while !ends(&head) && head.len() < MAX_HEAD {
        match link.hear()? {
            Heard::Connected => {}
            Heard::Data(data) => head.extend(data),
            Heard::PeerClosed => return Ok(link.connection.close(&mut link.out)?),
        }
    }
    let agreed = link.connection.agreed();
    let has_key_updates = agreed.is_some_and(|agreed| agreed.version == ProtocolVersion::TLS1_3);
    if has_key_updates && head.starts_with(b"GET /keyupdate ") {
        link.connection.update_keys(true, &mut link.out)?;
    }
    let body = link.connection.agreed().map_or_else(String::new, |agreed| {
        format!(
            "{} {} resumed={} early_data={:?}\n",
            agreed.version, agreed.cipher_suite, agreed.resumed, agreed.early_data
        )
    });
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    link.connection
        .send(&[response.as_bytes()], &mut link.out)?;
    link.connection.close(&mut link.out)?;
    // What the peer still says is heard: its next key, and its own close_notify.
    loop {
        if let Heard::PeerClosed = link.hear()? {
            return Ok(());
        }
    }
}
