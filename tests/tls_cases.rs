//! The programs that strangers' TLS suites are put to, against OpenSSL and each other.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use netkit::UnixTime;
use netkit::tls::{ClientConfig, Connection};
use netkit_core::{Reader, TooLong, Writer};
use netkit_tests::certificates::{Authority, Key};
use netkit_tests::process::{Ended, run};
use netkit_tests::tls_cases::{Heard, Link, random};
use netkit_tests::{Failed, Peer, Running, Trial, ensure, openssl, trial};

type Tested = Result<(), Failed>;

const SERVER: &str = env!("CARGO_BIN_EXE_tls-case-server");
const CLIENT: &str = env!("CARGO_BIN_EXE_tls-case-client");

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn main() {
    let openssl = |name: &str, test: fn() -> Tested| trial(name, &[Peer::OpenSsl], test);
    netkit_tests::run(vec![
        openssl("server/answers_in_one_record_and_closes", one_record),
        openssl("server/updates_keys_when_asked_to", key_update),
        openssl("server/echoes", echo),
        openssl("server/lets_an_alert_be_read", alert_is_read),
        openssl("server/client_certificates", client_certificates),
        openssl("server/alpn", alpn),
        openssl("server/versions", server_versions),
        openssl("server/tickets", server_tickets),
        openssl("server/early_data", server_early_data),
        openssl("server/psk", server_psk),
        Trial::test("client/psk", client_psk),
        openssl("server/rsa_key_transport", server_rsa_key_transport),
        Trial::test("server/takes_a_long_client_hello", long_hello),
        Trial::test("server/serves_many_at_once", many_at_once),
        openssl("client/tells_the_facts", client_tells),
        openssl("client/versions", client_versions),
        openssl("client/rsa_key_transport", client_rsa_key_transport),
        openssl("client/tells_its_alert", client_tells_its_alert),
        openssl("client/shows_a_certificate", client_shows_a_certificate),
    ])
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The program's server, and where its CA is.
struct Serving {
    _running: Running,
    at: SocketAddr,
    ca: PathBuf,
    authority: Authority,
    _place: tempfile::TempDir,
}

fn serve(options: &[&str]) -> Result<Serving, Failed> {
    serve_with(Key::P256, options)
}

fn serve_with(key: Key, options: &[&str]) -> Result<Serving, Failed> {
    let place = tempfile::tempdir()?;
    let authority = Authority::new("a test CA")?;
    let ca = authority.write(place.path())?;
    let files = authority.localhost(key)?.write(place.path())?;
    let (certificate, key) = (text(&files.certificate), text(&files.key));
    let ca_text = text(&ca);
    let mut all = vec![
        "--listen",
        "127.0.0.1:0",
        "--cert",
        &certificate,
        "--key",
        &key,
    ];
    all.extend(options.iter().map(|&option| match option {
        "CA" => ca_text.as_str(),
        other => other,
    }));
    let running = Running::start(SERVER, &all)?;
    let at = running.line_after("listening on ")?.parse()?;
    Ok(Serving {
        _running: running,
        at,
        ca,
        authority,
        _place: place,
    })
}

impl Serving {
    fn config(&self) -> Result<ClientConfig, Failed> {
        Ok(ClientConfig::new(self.authority.roots()?))
    }

    /// One of our clients, which has sent its ClientHello.
    fn link(&self) -> Result<Link, Failed> {
        let mut out = Vec::new();
        let (config, name) = (Arc::new(self.config()?), "localhost".try_into()?);
        let connection = Connection::client(config, name, UnixTime::now(), random(), &mut out)?;
        let mut link = Link::new(TcpStream::connect(self.at)?, connection, out)
            .map_err(|broken| format!("{broken:?}"))?;
        link.flush().map_err(|broken| format!("{broken:?}"))?;
        Ok(link)
    }

    fn asked(&self, request: &[u8], options: &[&str]) -> Result<Ended, Failed> {
        let mut client = openssl::client(self.at, &self.ca, options)?;
        let _ = client.type_in(request);
        client.wait()
    }
}

/// A piece of data is a record's.
fn one_record() -> Tested {
    let serving = serve(&[])?;
    let mut link = serving.link()?;
    let mut data = Vec::new();
    loop {
        match heard(&mut link)? {
            Heard::Connected => link.connection.send(&[GET], &mut link.out)?,
            Heard::Data(piece) => data.push(String::from_utf8_lossy(&piece).into_owned()),
            Heard::PeerClosed => break,
        }
    }
    let [answer] = data.as_slice() else {
        return Err(format!("{data:?}").into());
    };
    ensure!(
        answer.starts_with("HTTP/1.1 200 OK\r\n")
            && answer.contains("TLS_AES_128_GCM_SHA256 resumed=false"),
        "{answer}"
    );
    serving
        .asked(GET, &["-quiet"])?
        .ok()?
        .says(&["200 OK", "TLS 1.3 TLS_AES_128_GCM_SHA256"])
}

fn heard(link: &mut Link) -> Result<Heard, Failed> {
    link.hear().map_err(|broken| format!("{broken:?}").into())
}

fn key_update() -> Tested {
    let request = b"GET /keyupdate HTTP/1.1\r\n\r\n";
    let client = serve(&[])?.asked(request, &["-quiet", "-msg"])?.ok()?;
    client.says(&["<<< TLS 1.3, Handshake [length 0005], KeyUpdate", "200 OK"])
}

fn echo() -> Tested {
    let serving = serve(&["--echo"])?;
    let mut client = openssl::client(serving.at, &serving.ca, &["-quiet"])?;
    for words in ["one\n", "another\n"] {
        client.type_in(words.as_bytes())?;
        client.says(words)?;
    }
    Ok(())
}

/// The server half-closes: what it never reads does not reset the connection before its alert is read.
fn alert_is_read() -> Tested {
    let serving = serve(&[])?;
    let mut socket = TcpStream::connect(serving.at)?;
    // A record of an unknown type, and a lot after it.
    socket.write_all(&[99, 3, 3, 0, 1, 0])?;
    socket.write_all(&vec![0; 1 << 16])?;
    std::thread::sleep(Duration::from_millis(100));
    let mut said = Vec::new();
    socket.read_to_end(&mut said)?;
    ensure!(said == [21, 3, 3, 0, 2, 2, 10], "{said:?}");
    let client = serving.asked(GET, &["-groups", "P-521"])?;
    ensure!(!client.status.success(), "{client}");
    client.says(&["alert handshake failure"])
}

fn client_certificates() -> Tested {
    let place = tempfile::tempdir()?;
    for (options, without) in [
        (&["--client-ca", "CA"][..], "200 OK"),
        (
            &["--client-ca", "CA", "--require-client-cert"],
            "alert certificate required",
        ),
    ] {
        let serving = serve(options)?;
        let leaf = serving.authority.client(Key::Rsa, "a-client")?;
        let files = leaf.write(place.path())?;
        let (certificate, key) = (text(&files.certificate), text(&files.key));
        let with = ["-cert", &certificate, "-key", &key];
        serving
            .asked(GET, &with)?
            .ok()?
            .says(&["CN = a test CA", "200 OK"])?;
        serving.asked(GET, &[])?.says(&[without])?;
    }
    Ok(())
}

fn alpn() -> Tested {
    let client = serve(&["--alpn", "a,http/1.1"])?.asked(GET, &["-alpn", "b,http/1.1"])?;
    client.ok()?.says(&["ALPN protocol: http/1.1"])
}

fn server_versions() -> Tested {
    for (limit, good, bad) in [
        ("--tls-max", "1.2", "-tls1_3"),
        ("--tls-min", "1.3", "-tls1_2"),
    ] {
        let serving = serve(&[limit, good])?;
        let answer = format!("TLS {good} TLS_");
        serving.asked(GET, &["-quiet"])?.ok()?.says(&[&answer])?;
        let refused = serving.asked(GET, &[bad])?;
        ensure!(!refused.status.success(), "{refused}");
        refused.says(&["alert protocol version"])?;
    }
    // There is no KeyUpdate to be had in TLS 1.2.
    let request = b"GET /keyupdate HTTP/1.1\r\n\r\n";
    let client = serve(&[])?.asked(request, &["-quiet", "-tls1_2"])?;
    client.ok()?.says(&["200 OK", "TLS 1.2 TLS_ECDHE_"])
}

/// `s_client` keeps what it got last, and goes on from it.
fn server_tickets() -> Tested {
    let (serving, place) = (serve(&[])?, tempfile::tempdir()?);
    let session = text(&place.path().join("session"));
    serving.asked(GET, &["-sess_out", &session])?.ok()?;
    serving
        .asked(GET, &["-sess_in", &session])?
        .ok()?
        .says(&["Reused, TLSv1.3", "resumed=true early_data=NotOffered"])
}

fn server_early_data() -> Tested {
    let (serving, place) = (serve(&["--early-data", "1000"])?, tempfile::tempdir()?);
    let session = text(&place.path().join("session"));
    let early = place.path().join("early");
    std::fs::write(&early, GET)?;
    serving.asked(GET, &["-sess_out", &session])?.ok()?;
    let options = ["-sess_in", &session, "-early_data", &text(&early)];
    // The request comes early, and no other does.
    serving.asked(b"", &options)?.ok()?.says(&[
        "Early data was accepted",
        "resumed=true early_data=Accepted",
    ])?;
    // A ticket brings it once.
    serving
        .asked(GET, &options)?
        .says(&["Early data was rejected", "early_data=Rejected"])
}

fn server_psk() -> Tested {
    let serving = serve(&["--psk", "somebody:000102030405060708090a0b0c0d0e0f"])?;
    let psk = "000102030405060708090a0b0c0d0e0f";
    let client = serving.asked(GET, &["-psk", psk, "-psk_identity", "somebody"])?;
    client
        .ok()?
        .says(&["Reused, TLSv1.3", "no peer certificate available", "200 OK"])
}

fn client_psk() -> Tested {
    let psk = ["--psk", "somebody:000102030405060708090a0b0c0d0e0f"];
    let serving = serve(&psk)?;
    let (at, ca) = (serving.at.to_string(), text(&serving.ca));
    let client = run(CLIENT, [&[&at, "--cacert", &ca], &psk[..]].concat(), b"")?;
    client
        .ok()?
        .says(&["psk_identity somebody\ncertificates 0\n", "200 OK"])
}

fn server_rsa_key_transport() -> Tested {
    let rsa = ["-tls1_2", "-cipher", "AES128-GCM-SHA256"];
    for (switch, words) in [
        (&["--rsa-key-transport"][..], "Cipher is AES128-GCM-SHA256"),
        (&[], "alert handshake failure"),
    ] {
        let serving = serve_with(Key::Rsa, switch)?;
        serving.asked(GET, &rsa)?.says(&[words])?;
    }
    Ok(())
}

/// Cipher suites and an extension that together fill two length fields: nobody's ClientHello is
/// longer.
fn long_hello() -> Tested {
    let serving = serve(&[])?;
    let mut out = Vec::new();
    let (config, name) = (Arc::new(serving.config()?), "localhost".try_into()?);
    Connection::client(config, name, UnixTime::now(), random(), &mut out)?;
    let hello = lengthened(&out)?;
    ensure!(hello.len() > 130_000, "{} octets", hello.len());
    let mut socket = TcpStream::connect(serving.at)?;
    for fragment in hello.chunks(1 << 14) {
        socket.write_all(&[22, 3, 1])?;
        socket.write_all(&u16::try_from(fragment.len())?.to_be_bytes())?;
        socket.write_all(fragment)?;
    }
    let mut said = [0; 6];
    socket.read_exact(&mut said)?;
    ensure!((said[0], said[5]) == (22, 2), "no ServerHello: {said:?}");
    Ok(())
}

/// The ClientHello in a record, with as many made-up cipher suites and as much padding (RFC 7685) as
/// there is room for.
fn lengthened(record: &[u8]) -> Result<Vec<u8>, Failed> {
    let mut reader = Reader::new(record.get(9..).ok_or("no ClientHello")?);
    let mut body = reader.bytes(34)?.to_vec();
    let (session_id, suites) = (reader.block_u8()?, reader.block_u16()?);
    let (compression, extensions) = (reader.block_u8()?, reader.block_u16()?);
    let made_up = [0x1a, 0x1a].repeat((65_534 - suites.len()) / 2);
    let padding = vec![0; 65_535 - extensions.len() - 4];
    body.nested_u8(all(session_id))?;
    body.nested_u16(all(&[suites, &made_up].concat()))?;
    body.nested_u8(all(compression))?;
    body.nested_u16(|out| {
        out.u16(21);
        out.nested_u16(all(&padding))?;
        out.bytes(extensions);
        Ok(())
    })?;
    let mut hello = vec![1];
    hello.nested_u24(all(&body))?;
    Ok(hello)
}

/// A block of these octets.
fn all(octets: &[u8]) -> impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong> {
    |out| {
        out.bytes(octets);
        Ok(())
    }
}

fn many_at_once() -> Tested {
    let serving = serve(&[])?;
    let mut links = (0..50)
        .map(|_| serving.link())
        .collect::<Result<Vec<_>, _>>()?;
    for link in &mut links {
        ensure!(matches!(heard(link)?, Heard::Connected), "no handshake");
    }
    // All are open; the last is answered first.
    for link in links.iter_mut().rev() {
        link.connection.send(&[GET], &mut link.out)?;
        ensure!(matches!(heard(link)?, Heard::Data(_)), "no answer");
    }
    Ok(())
}

/// `s_server -www` for `localhost`, and the program's client with these options.
fn get(server: &[&str], options: &[&str]) -> Result<Ended, Failed> {
    get_from(Key::P256, server, options)
}

fn get_from(key: Key, server: &[&str], options: &[&str]) -> Result<Ended, Failed> {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let files = ca.localhost(key)?.write(place.path())?;
    let ca = text(&ca.write(place.path())?);
    let server = openssl::server(&files, &[&["-www"], server].concat())?;
    let at = server.at.to_string();
    run(CLIENT, [&[&at, "--cacert", &ca], options].concat(), b"")
}

fn client_tells() -> Tested {
    let by_name = ["--name", "localhost", "--alpn", "http/1.1"];
    get(&["-alpn", "http/1.1"], &by_name)?.ok()?.says(&[
        "version TLS 1.3\ncipher_suite TLS_AES_",
        "group x25519\n",
        "signature_scheme ecdsa_secp256r1_sha256\n",
        "alpn http/1.1\n",
        "certificates 1\n\nHTTP/1.0 200 ok",
    ])
}

fn client_versions() -> Tested {
    let max = get(&[], &["--tls-max", "1.2"])?.ok()?;
    max.says(&["version TLS 1.2\ncipher_suite TLS_ECDHE_ECDSA_"])?;
    let min = get(&["-tls1_2"], &["--tls-min", "1.3"])?;
    ensure!(min.code() == Some(1), "{min}");
    min.says(&["protocol_version"])
}

fn client_rsa_key_transport() -> Tested {
    let server = ["-tls1_2", "-cipher", "AES256-GCM-SHA384"];
    get_from(Key::Rsa, &server, &["--rsa-key-transport"])?
        .ok()?
        .says(&["cipher_suite TLS_RSA_WITH_AES_256_GCM_SHA384\n", "200 ok"])?;
    let without = get_from(Key::Rsa, &server, &[])?;
    ensure!(without.code() == Some(1), "{without}");
    without.says(&["handshake_failure"])
}

fn client_tells_its_alert() -> Tested {
    let wrong = get(&[], &["--name", "other.example"])?;
    ensure!(wrong.code() == Some(1), "{wrong}");
    wrong.says(&["error peer_certificate: ", "alert sent: bad_certificate"])?;
    // The other way round, the server sends it.
    let told = get(&["-groups", "P-521"], &[])?;
    ensure!(told.code() == Some(1), "{told}");
    told.says(&["error peer_alert: ", "handshake_failure", "no alert sent"])
}

fn client_shows_a_certificate() -> Tested {
    let place = tempfile::tempdir()?;
    let serving = serve(&["--client-ca", "CA", "--require-client-cert"])?;
    let files = serving.authority.client(Key::Ed25519, "a-client")?;
    let files = files.write(place.path())?;
    let (at, ca) = (serving.at.to_string(), text(&serving.ca));
    let plain = [at.as_str(), "--cacert", &ca, "--name", "localhost"];
    let (certificate, key) = (text(&files.certificate), text(&files.key));
    let with = ["--cert", &certificate, "--key", &key];
    run(CLIENT, [&plain[..], &with].concat(), b"")?
        .ok()?
        .says(&["200 OK"])?;
    let without = run(CLIENT, plain, b"")?;
    ensure!(without.code() == Some(1), "{without}");
    without.says(&["error peer_alert: ", "certificate_required"])
}
