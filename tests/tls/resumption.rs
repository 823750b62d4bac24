//! Resumption, pre-shared keys, early data and exporters, against OpenSSL both ways.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;

use libtest_mimic::Trial;
use netkit::UnixTime;
use netkit::tls::{
    Agreed, ClientConfig, ClientSessionMemory, Connection, EarlyData, EarlyDataPolicy, ExternalPsk,
    ProtocolVersion, ServerConfig, ServerName, SessionIdMemory, SingleUse, TicketKeys,
};
use netkit_tests::certificates::{Authority, Key};
use netkit_tests::tls_cases::{Broken, Heard, Link, random};
use netkit_tests::{Failed, Peer, ensure, openssl, trial};

type Tested = Result<(), Failed>;

const EXPORTER: &str = "EXPERIMENTAL netkit";
const PSK: [u8; 16] = *b"0123456789abcdef";

pub(crate) fn trials() -> Vec<Trial> {
    let openssl = |name: &str, test: fn() -> Tested| trial(name, &[Peer::OpenSsl], test);
    vec![
        openssl("server/resumption/across_a_restart", reused_after_a_restart),
        openssl("client/resumption/ticket", client_resumes),
        openssl("server/resumption/tls12/ticket", reused_tls12_ticket),
        openssl("server/resumption/tls12/id", reused_tls12_id),
        openssl(
            "client/resumption/tls12/ticket",
            client_resumes_tls12_ticket,
        ),
        openssl("client/resumption/tls12/id", client_resumes_tls12_id),
        openssl("server/resumption/psk", server_shares_a_key),
        openssl("client/resumption/psk", client_shares_a_key),
        openssl("server/resumption/early_data", server_takes_early_data),
        openssl("client/resumption/early_data", client_sends_early_data),
        openssl("client/resumption/early_data/rejected", client_sends_again),
        openssl("server/resumption/exporter", server_exports),
    ]
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn failed(broken: Broken) -> Failed {
    format!("{broken:?}").into()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// What our server saw of one connection.
struct Seen {
    agreed: Agreed,
    early: Vec<u8>,
    exported: String,
}

/// A server of ours that echoes, and tells of each connection when its client closes.
struct Echo {
    at: SocketAddr,
    seen: mpsc::Receiver<Result<Seen, String>>,
}

impl Echo {
    fn start(config: ServerConfig) -> Result<Self, Failed> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let at = listener.local_addr()?;
        let (tell, seen) = mpsc::channel();
        let config = Arc::new(config);
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let ended = echo(socket, Arc::clone(&config)).map_err(|e| format!("{e:?}"));
                if tell.send(ended).is_err() {
                    return;
                }
            }
        });
        Ok(Self { at, seen })
    }

    fn seen(&self) -> Result<Seen, Failed> {
        Ok(self.seen.recv_timeout(netkit_tests::process::PATIENCE)??)
    }
}

fn echo(socket: TcpStream, config: Arc<ServerConfig>) -> Result<Seen, Broken> {
    let connection = Connection::server(config, UnixTime::now(), random());
    let mut link = Link::new(socket, connection, Vec::new())?;
    let (mut early, mut exported) = (Vec::new(), [0; 20]);
    loop {
        match link.hear()? {
            Heard::Connected => {
                let label = EXPORTER.as_bytes();
                link.connection.export(label, b"", &mut exported)?;
                early.clone_from(&link.early);
            }
            Heard::Data(data) => link.connection.send(&[&data], &mut link.out)?,
            Heard::PeerClosed => break,
        }
    }
    let agreed = link.connection.agreed().cloned();
    link.drain();
    Ok(Seen {
        agreed: agreed.expect("connected"),
        early,
        exported: hex(&exported),
    })
}

fn hex(octets: &[u8]) -> String {
    octets
        .iter()
        .fold(String::new(), |text, octet| format!("{text}{octet:02X}"))
}

/// An authority's server, and where the authority's certificate is.
fn server() -> Result<(ServerConfig, PathBuf, tempfile::TempDir), Failed> {
    let place = tempfile::tempdir()?;
    let authority = Authority::new("a test CA")?;
    let ca = authority.write(place.path())?;
    let mut config = ServerConfig::new(authority.localhost(Key::P256)?.identity()?);
    config.sessions = Some(Arc::new(TicketKeys::from_secret(&[5; 32])));
    Ok((config, ca, place))
}

/// Says something over `s_client` and waits for its echo, then closes.
fn chat(at: SocketAddr, ca: &Path, options: &[&str]) -> Result<String, Failed> {
    let mut client = openssl::client(at, ca, options)?;
    client.type_in(b"a question\n")?;
    client.says("a question")?;
    let ended = client.finish()?.ok()?;
    Ok(format!("{}{}", ended.out, ended.err))
}

fn has(said: &str, words: &str) -> Tested {
    ensure!(said.contains(words), "no {words:?} in\n{said}");
    Ok(())
}

fn reused_after_a_restart() -> Tested {
    let (config, ca, place) = server()?;
    let session = text(&place.path().join("session"));
    let first = Echo::start(config.clone())?;
    let said = chat(first.at, &ca, &["-tls1_3", "-sess_out", &session])?;
    has(&said, "New, TLSv1.3")?;
    ensure!(!first.seen()?.agreed.resumed);
    // Another process would have no more than the secret.
    let mut restarted = config;
    restarted.sessions = Some(Arc::new(TicketKeys::from_secret(&[5; 32])));
    let second = Echo::start(restarted)?;
    let said = chat(second.at, &ca, &["-tls1_3", "-sess_in", &session])?;
    has(&said, "Reused, TLSv1.3")?;
    ensure!(second.seen()?.agreed.resumed);
    Ok(())
}

fn reused_tls12_ticket() -> Tested {
    let (config, ca, place) = server()?;
    let mut restarted = config.clone();
    restarted.sessions = Some(Arc::new(TicketKeys::from_secret(&[5; 32])));
    reused_tls12([config, restarted], &ca, place.path(), &["-tls1_2"])
}

fn reused_tls12_id() -> Tested {
    let (mut config, ca, place) = server()?;
    config.session_ids = Some(Arc::new(SessionIdMemory::default()));
    let options = ["-tls1_2", "-no_ticket"];
    reused_tls12([config.clone(), config], &ca, place.path(), &options)
}

/// A first connection to one server and a second to the other, in TLS 1.2.
fn reused_tls12(
    [first, second]: [ServerConfig; 2],
    ca: &Path,
    place: &Path,
    options: &[&str],
) -> Tested {
    let session = text(&place.join("session"));
    let first = Echo::start(first)?;
    let said = chat(first.at, ca, &[options, &["-sess_out", &session]].concat())?;
    has(&said, "New, TLSv1.2")?;
    ensure!(!first.seen()?.agreed.resumed);
    let second = Echo::start(second)?;
    let said = chat(second.at, ca, &[options, &["-sess_in", &session]].concat())?;
    has(&said, "Reused, TLSv1.2")?;
    ensure!(second.seen()?.agreed.resumed);
    Ok(())
}

fn server_shares_a_key() -> Tested {
    let (mut config, ca, _place) = server()?;
    config.external_psks = Some(Arc::new(vec![ExternalPsk::new(b"device 7", &PSK)?]));
    config.identities.clear();
    let server = Echo::start(config)?;
    let key = hex(&PSK);
    let options = ["-tls1_3", "-psk", &key, "-psk_identity", "device 7"];
    has(&chat(server.at, &ca, &options)?, "Reused, TLSv1.3")?;
    let agreed = server.seen()?.agreed;
    ensure!(agreed.psk_identity.as_deref() == Some(b"device 7") && !agreed.resumed);
    Ok(())
}

fn server_takes_early_data() -> Tested {
    let (mut config, ca, place) = server()?;
    config.early_data = Some(EarlyDataPolicy {
        max_size: 1_000,
        guard: Arc::new(SingleUse::new(UnixTime::now())),
    });
    let session = text(&place.path().join("session"));
    let early = place.path().join("early");
    std::fs::write(&early, b"an early question\n")?;
    let early = text(&early);
    let server = Echo::start(config)?;
    chat(server.at, &ca, &["-tls1_3", "-sess_out", &session])?;
    ensure!(server.seen()?.agreed.early_data == EarlyData::NotOffered);
    let options = ["-tls1_3", "-sess_in", &session, "-early_data", &early];
    let said = chat(server.at, &ca, &options)?;
    has(&said, "Early data was accepted")?;
    has(&said, "an early question")?;
    let seen = server.seen()?;
    ensure!(seen.early == b"an early question\n");
    ensure!(seen.agreed.early_data == EarlyData::Accepted);
    // The same ticket again: the handshake resumes, and the early data is refused.
    let said = chat(server.at, &ca, &options)?;
    has(&said, "Early data was rejected")?;
    has(&said, "Reused, TLSv1.3")?;
    let seen = server.seen()?;
    ensure!(seen.early.is_empty() && seen.agreed.early_data == EarlyData::Rejected);
    Ok(())
}

fn server_exports() -> Tested {
    let (config, ca, _place) = server()?;
    let server = Echo::start(config)?;
    let options = [
        "-tls1_3",
        "-keymatexport",
        EXPORTER,
        "-keymatexportlen",
        "20",
    ];
    let said = chat(server.at, &ca, &options)?;
    let ours = server.seen()?.exported;
    has(&said, &format!("Keying material: {ours}"))
}

/// `s_server`, and a client of ours that trusts it and keeps sessions.
fn s_server(
    options: &[&str],
) -> Result<(openssl::Server, ClientConfig, tempfile::TempDir), Failed> {
    let place = tempfile::tempdir()?;
    let authority = Authority::new("a test CA")?;
    let files = authority.localhost(Key::P256)?.write(place.path())?;
    let server = openssl::server(&files, options)?;
    let mut client = ClientConfig::new(authority.roots()?);
    client.sessions = Some(Arc::new(ClientSessionMemory::default()));
    client.early_data = true;
    Ok((server, client, place))
}

/// Connects, sends `early`, says `word`, waits until the server shows it and answers, and closes.
fn visit(
    config: &ClientConfig,
    server: &mut openssl::Server,
    early: &[u8],
    word: &str,
) -> Result<Agreed, Failed> {
    let mut out = Vec::new();
    let name = ServerName::try_from("localhost")?;
    let config = Arc::new(config.clone());
    let connection = Connection::client(config, name, UnixTime::now(), random(), &mut out)
        .map_err(Broken::from)
        .map_err(failed)?;
    let socket = TcpStream::connect(server.at)?;
    let mut link = Link::new(socket, connection, out).map_err(failed)?;
    link.connection.send_early(&[early], &mut link.out)?;
    ensure!(matches!(link.hear().map_err(failed)?, Heard::Connected));
    let line = format!("{word}\n");
    link.connection.send(&[line.as_bytes()], &mut link.out)?;
    link.flush().map_err(failed)?;
    server.running.says(word)?;
    server.running.type_in(b"an answer\n")?;
    // The tickets come before it.
    ensure!(matches!(link.hear().map_err(failed)?, Heard::Data(data) if data == b"an answer\n"));
    let agreed = link.connection.agreed().cloned().ok_or("not connected")?;
    link.connection.close(&mut link.out)?;
    link.flush().map_err(failed)?;
    link.drain();
    Ok(agreed)
}

fn client_resumes() -> Tested {
    let (mut server, client, _place) = s_server(&["-tls1_3"])?;
    ensure!(!visit(&client, &mut server, b"", "first word")?.resumed);
    let agreed = visit(&client, &mut server, b"", "second word")?;
    ensure!(agreed.resumed && agreed.signature_scheme.is_none());
    server.running.says("Reused session-id")
}

fn client_resumes_tls12_ticket() -> Tested {
    client_resumes_tls12(&["-tls1_2"])
}

fn client_resumes_tls12_id() -> Tested {
    client_resumes_tls12(&["-tls1_2", "-no_ticket"])
}

fn client_resumes_tls12(options: &[&str]) -> Tested {
    let (mut server, client, _place) = s_server(options)?;
    ensure!(!visit(&client, &mut server, b"", "first word")?.resumed);
    let agreed = visit(&client, &mut server, b"", "second word")?;
    ensure!(agreed.resumed && agreed.version == ProtocolVersion::TLS1_2);
    server.running.says("Reused session-id")
}

fn client_shares_a_key() -> Tested {
    let key = hex(&PSK);
    let options = ["-tls1_3", "-psk", &key, "-psk_identity", "device 7"];
    let (mut server, mut client, _place) = s_server(&options)?;
    client.external_psks = vec![ExternalPsk::new(b"device 7", &PSK)?];
    let agreed = visit(&client, &mut server, b"", "a word")?;
    ensure!(agreed.psk_identity.as_deref() == Some(b"device 7"));
    Ok(())
}

fn client_sends_early_data() -> Tested {
    let (mut server, client, _place) = s_server(&["-tls1_3", "-early_data"])?;
    ensure!(visit(&client, &mut server, b"", "first word")?.early_data == EarlyData::NotOffered);
    let agreed = visit(&client, &mut server, b"an early word\n", "second word")?;
    ensure!(agreed.early_data == EarlyData::Accepted);
    server.running.says("Early data received")?;
    server.running.says("an early word")
}

fn client_sends_again() -> Tested {
    // Against replays it would forget the ticket at the first of the two ClientHellos.
    let options = [
        "-tls1_3",
        "-early_data",
        "-no_anti_replay",
        "-groups",
        "P-256",
    ];
    let (mut server, client, _place) = s_server(&options)?;
    ensure!(visit(&client, &mut server, b"", "first word")?.hello_retry);
    let agreed = visit(&client, &mut server, b"an early word\n", "second word")?;
    ensure!(agreed.early_data == EarlyData::Rejected && agreed.resumed && agreed.hello_retry);
    ensure!(!server.running.said().contains("an early word"));
    Ok(())
}
