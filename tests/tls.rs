//! TLS against OpenSSL, GnuTLS, curl and others. Every test asserts on what the peer says it saw.

#[path = "tls/client_certificates.rs"]
mod client_certificates;
#[path = "tls/compression.rs"]
mod compression;
#[path = "tls/p521.rs"]
mod p521;
#[path = "tls/resumption.rs"]
mod resumption;
#[path = "tls/tls12.rs"]
mod tls12;

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use netkit::tls::{CipherSuite, ClientConfig, NamedGroup, ServerConfig};
use netkit::{Body, Client, Error, Exchange, Layer, ServerName, TlsStream};
use netkit_tests::certificates::{Authority, Key, Valid};
use netkit_tests::openssl::{self, GROUPS, SUITES};
use netkit_tests::ours::{Ours, block_on};
use netkit_tests::process::Running;
use netkit_tests::{Failed, Peer, ensure, trial};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Tested = Result<(), Failed>;

const OPENSSL: &[Peer] = &[Peer::OpenSsl];

/// A kind of certificate key, and how OpenSSL calls its signatures.
const KEYS: [(&str, Key, &str); 4] = [
    ("RSA", Key::Rsa, "RSA-PSS"),
    ("P-256", Key::P256, "ECDSA"),
    ("P-384", Key::P384, "ECDSA"),
    ("Ed25519", Key::Ed25519, "ed25519"),
];

fn main() {
    let mut trials = Vec::new();
    for suite in SUITES {
        for (group, words) in GROUPS {
            trials.push(trial(
                format!("server/{suite}/{group}"),
                OPENSSL,
                move || server_speaks(suite, group, words),
            ));
            trials.push(trial(
                format!("client/{suite}/{group}"),
                OPENSSL,
                move || client_speaks(suite, group),
            ));
        }
    }
    for (name, key, words) in KEYS {
        trials.push(trial(
            format!("server/certificate/{name}"),
            OPENSSL,
            move || server_signs(key, words),
        ));
        trials.push(trial(
            format!("client/certificate/{name}"),
            OPENSSL,
            move || client_verifies(key),
        ));
    }
    let one = |name: &str, test: fn() -> Tested| trial(name, OPENSSL, test);
    trials.extend([
        one("server/hello_retry_request", server_retries),
        one("client/hello_retry_request", client_is_told_to_retry),
        one("server/alpn", server_alpn),
        one("client/alpn", client_alpn),
        one("server/server_name", server_name),
        one("server/two_requests_on_one_connection", two_requests),
        one("server/key_update", server_updates_keys),
        one("server/refuses_tls1.1", server_refuses_old_versions),
        one("client/refuses_tls1.1", client_refuses_old_versions),
        one("server/refused_by_client", server_is_refused),
        one("server/truncation", server_sees_truncation),
        one("client/truncation", client_sees_truncation),
        one("client/close_notify", client_sees_the_end),
        one("client/key_update", client_hears_key_updates),
        one("client/wrong_name", client_refuses_a_wrong_name),
        one("client/expired", client_refuses_what_is_over),
        one("client/unknown_ca", client_refuses_an_unknown_ca),
        one("client/any_certificate", client_can_be_told_to_accept_any),
        trial("server/gnutls", &[Peer::GnuTls], gnutls),
        trial("server/hybrid", &[Peer::Go], server_is_hybrid),
        trial("client/hybrid", &[Peer::Go], client_is_hybrid),
        trial("server/gnutls_key_update", &[Peer::GnuTls], gnutls_rekeys),
    ]);
    trials.extend(client_certificates::trials());
    trials.extend(compression::trials());
    trials.extend(p521::trials());
    trials.extend(tls12::trials());
    trials.extend(resumption::trials());
    netkit_tests::run(trials)
}

fn group(name: &str) -> NamedGroup {
    match name {
        "P-256" => NamedGroup::SECP256R1,
        "P-384" => NamedGroup::SECP384R1,
        _ => NamedGroup::X25519,
    }
}

fn suite(name: &str) -> CipherSuite {
    let named = |suite: &&CipherSuite| suite.name() == Some(name);
    *CipherSuite::ALL
        .iter()
        .find(named)
        .unwrap_or(&CipherSuite::ALL[0])
}

/// One of ours, and `s_client` towards it with these options, which asks for `/` and ends.
fn asked(
    key: Key,
    configure: impl FnOnce(&mut ServerConfig),
    options: &[&str],
) -> Result<(Ours, netkit_tests::process::Ended), Failed> {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let ours = Ours::https(&ca.localhost(key)?, configure)?;
    let mut client = openssl::client(ours.at, &ca.write(place.path())?, options)?;
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    // It has ended already if there was no handshake.
    let _ = client.type_in(request);
    Ok((ours, client.wait()?))
}

fn server_speaks(suite_name: &str, group_name: &str, words: &str) -> Tested {
    let options = ["-ciphersuites", suite_name, "-groups", group_name];
    let (_ours, client) = asked(Key::P256, |_| (), &options)?;
    let cipher = format!("New, TLSv1.3, Cipher is {suite_name}");
    let key = format!("Temp Key: {words}");
    let saw = format!("TLS 1.3 {suite_name} {} ", group(group_name));
    client.ok()?.says(&[
        &cipher,
        &key,
        "Verify return code: 0 (ok)",
        "HTTP/1.1 200 OK",
        &saw,
    ])
}

fn server_signs(key: Key, words: &str) -> Tested {
    let (_ours, client) = asked(key, |_| (), &[])?;
    let signature = format!("Peer signature type: {words}");
    client
        .ok()?
        .says(&[&signature, "Verify return code: 0 (ok)", "HTTP/1.1 200 OK"])
}

fn server_retries() -> Tested {
    let x25519_only = |config: &mut ServerConfig| config.groups = vec![NamedGroup::X25519];
    let (_ours, client) = asked(Key::P256, x25519_only, &["-groups", "P-384:X25519", "-msg"])?;
    let client = client.ok()?;
    let hellos = client.out.matches(", ClientHello").count();
    ensure!(hellos == 2, "s_client sent {hellos} ClientHellos\n{client}");
    client.says(&[
        "Temp Key: X25519, 253 bits",
        "Verify return code: 0",
        "retry=true",
    ])
}

fn server_alpn() -> Tested {
    let http = |config: &mut ServerConfig| config.alpn = vec![b"http/1.1".to_vec()];
    let (_ours, client) = asked(Key::P256, http, &["-alpn", "h2,http/1.1"])?;
    client
        .ok()?
        .says(&["ALPN protocol: http/1.1", "alpn=http/1.1"])?;
    let (_ours, client) = asked(Key::P256, http, &[])?;
    client.ok()?.says(&["No ALPN negotiated", "alpn=none"])?;
    // RFC 7301 3.2: no common protocol is fatal.
    let (ours, client) = asked(Key::P256, http, &["-alpn", "h2"])?;
    ensure!(!client.status.success(), "h2 alone was accepted\n{client}");
    client.says(&["tlsv1 alert no application protocol"])?;
    ours.refused("TLS")
}

fn server_name() -> Tested {
    let (_ours, client) = asked(Key::P256, |_| (), &["-servername", "localhost"])?;
    client.ok()?.says(&["name=localhost"])?;
    let (_ours, client) = asked(Key::P256, |_| (), &["-noservername"])?;
    client.ok()?.says(&["name=none"])
}

fn two_requests() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let ours = Ours::https(&ca.localhost(Key::P256)?, |_| ())?;
    let mut client = openssl::client(ours.at, &ca.write(place.path())?, &["-quiet"])?;
    client.type_in(b"GET /first HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    client.says("request 1 for /first")?;
    client.type_in(b"GET /second HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    client.says("request 2 for /second")?;
    client.wait()?.ok()?;
    // Pipelined: both requests leave before any answer comes.
    let mut client = openssl::client(ours.at, &place.path().join("ca.pem"), &["-quiet"])?;
    client.type_in(
        b"GET /a HTTP/1.1\r\nHost: localhost\r\n\r\nGET /b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    )?;
    let ended = client.wait()?.ok()?;
    let at = |words: &str| ended.out.find(words);
    let (a, b) = (at("request 1 for /a"), at("request 2 for /b"));
    ensure!(a.is_some() && a < b, "not both, in order: {ended}");
    Ok(())
}

/// `s_client` reads `k` (update) and `K` (update, and ask for one) at the start of a line.
fn server_updates_keys() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let ours = Ours::https(&ca.localhost(Key::P256)?, |_| ())?;
    let mut client = openssl::client(ours.at, &ca.write(place.path())?, &["-msg"])?;
    client.says("Verify return code: 0 (ok)")?;
    for (number, command) in (1..).zip(["k\n", "K\n", "K\n"]) {
        client.type_in(command.as_bytes())?;
        client.complains(&["", "KEYUPDATE\n"].concat())?;
        let request = format!("GET /{number} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        // A command is a whole read of standard input: what follows must come later.
        std::thread::sleep(Duration::from_millis(100));
        client.type_in(request.as_bytes())?;
        client.says(&format!("request {number} for /{number}"))?;
    }
    let said = client.said();
    let updates = |way: &str| {
        said.lines()
            .filter(|line| line.starts_with(way) && line.contains("KeyUpdate"))
            .count()
    };
    let (sent, received) = (updates(">>>"), updates("<<<"));
    ensure!(
        (sent, received) == (3, 2),
        "sent {sent}, received {received}\n{said}"
    );
    Ok(())
}

/// What OpenSSL needs to speak TLS 1.1.
const OLD: [&str; 3] = ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"];

fn server_refuses_old_versions() -> Tested {
    let (ours, client) = asked(Key::P256, |_| (), &OLD)?;
    ensure!(!client.status.success(), "TLS 1.1 was accepted\n{client}");
    client.says(&["tlsv1 alert protocol version"])?;
    ours.refused("TLS")
}

/// The peer refuses our certificate, and our server is told why.
fn server_is_refused() -> Tested {
    let place = tempfile::tempdir()?;
    let other = Authority::new("another CA")?.write(place.path())?;
    let ca = Authority::new("a test CA")?;
    let ours = Ours::https(&ca.localhost(Key::P256)?, |_| ())?;
    let client = openssl::client(ours.at, &other, &[])?.finish()?;
    ensure!(
        !client.status.success(),
        "an unknown CA was accepted\n{client}"
    );
    client.says(&["unable to get local issuer certificate"])?;
    ours.refused("unknown_ca")?;

    let trusted = ca.write(place.path())?;
    let wrong_name = ["-verify_hostname", "other.example"];
    let client = openssl::client(ours.at, &trusted, &wrong_name)?.finish()?;
    ensure!(
        !client.status.success(),
        "a wrong name was accepted\n{client}"
    );
    client.says(&["hostname mismatch"])?;
    ours.refused("bad_certificate")?;

    let over = Ours::https(&ca.leaf(Key::P256, &["localhost"], Valid::Over)?, |_| ())?;
    let client = openssl::client(over.at, &trusted, &[])?.finish()?;
    ensure!(
        !client.status.success(),
        "an expired certificate was accepted\n{client}"
    );
    client.says(&["certificate has expired"])?;
    over.refused("certificate_expired")
}

/// What a bare TLS stream of ours reads from a client that is killed.
fn server_sees_truncation() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let config = Arc::new(ServerConfig::new(ca.localhost(Key::P256)?.identity()?));
    let trusted = ca.write(place.path())?;
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        for polite in [true, false] {
            let mut client = openssl::client(listener.local_addr()?, &trusted, &["-quiet"])?;
            let (tcp, _) = listener.accept().await?;
            let mut stream = TlsStream::accept(tcp, Arc::clone(&config)).await?;
            client.type_in(b"half a message")?;
            let mut octets = [0; 14];
            stream.read_exact(&mut octets).await?;
            if polite {
                // Told to, s_client says close_notify.
                stream.shutdown().await?;
                let ended = client.finish()?;
                ensure!(ended.status.success(), "{ended}");
                ensure!(stream.read(&mut octets).await? == 0, "data after the end");
            } else {
                client.kill();
                let error = match stream.read(&mut octets).await {
                    Ok(count) => return Err(format!("{count} octets from the dead").into()),
                    Err(error) => error,
                };
                ensure!(
                    error.kind() == std::io::ErrorKind::UnexpectedEof,
                    "{error:?}"
                );
            }
        }
        Ok(())
    })
}

/// Go's program with no group but X25519MLKEM768, compiled first: that takes longer than a peer may.
fn go_hybrid(arguments: &[&OsStr]) -> Result<Running, Failed> {
    const PROGRAM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/hybrid");
    static COMPILED: LazyLock<bool> = LazyLock::new(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/go/hybrid.go");
        let mut go = Command::new(Peer::Go.command());
        let status = go.args(["build", "-o", PROGRAM, source]).status();
        status.is_ok_and(|status| status.success())
    });
    ensure!(*COMPILED, "go does not compile hybrid.go");
    Running::start(PROGRAM, arguments)
}

fn server_is_hybrid() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let ours = Ours::https(&ca.localhost(Key::P256)?, |config| {
        config.groups = vec![NamedGroup::X25519, NamedGroup::X25519MLKEM768];
    })?;
    let (at, ca) = (ours.at.to_string(), ca.write(place.path())?);
    let client = go_hybrid(&["client".as_ref(), at.as_ref(), ca.as_ref()])?.finish()?;
    client
        .ok()?
        .says(&["X25519MLKEM768 200 OK", " X25519MLKEM768 "])
}

fn client_is_hybrid() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let files = ca.localhost(Key::P256)?.write(place.path())?;
    let words = [
        "server".as_ref(),
        files.certificate.as_ref(),
        files.key.as_ref(),
    ];
    let server = go_hybrid(&words)?;
    let at = server.line_after("listening ")?;
    let mut config = ClientConfig::new(ca.roots()?);
    // A retry brings the share that the server wants; offered first, it is there at once.
    for groups in [
        vec![NamedGroup::X25519, NamedGroup::X25519MLKEM768],
        vec![NamedGroup::X25519MLKEM768],
    ] {
        config.groups = groups;
        let client = Client::builder().tls(config.clone()).build()?;
        let port = at.rsplit(':').next().unwrap_or_default();
        let said = block_on(async {
            let response = client.get(&format!("https://localhost:{port}/")).await?;
            response.into_body().collect(1 << 10).await
        })?;
        ensure!(said == "agreed on X25519MLKEM768\n", "{said:?}");
    }
    Ok(())
}

/// GnuTLS's words for its handshake with ours.
fn gnutls() -> Tested {
    for (group, words) in [("X25519", "ECDHE-X25519"), ("SECP256R1", "ECDHE-SECP256R1")] {
        for (suite, cipher) in [
            ("AES-128-GCM", "AES-128-GCM"),
            ("CHACHA20-POLY1305", "CHACHA20-POLY1305"),
        ] {
            let priority = format!(
                "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-{group}:-CIPHER-ALL:+{suite}"
            );
            let ended = gnutls_asks(
                &priority,
                b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                &[],
            )?;
            let description = format!("Description: (TLS1.3-X.509)-({words})");
            let cipher = format!("({cipher})");
            ended.ok()?.says(&[
                &description,
                &cipher,
                "Handshake was completed",
                "HTTP/1.1 200 OK",
            ])?;
        }
    }
    Ok(())
}

/// `--inline-commands`: `^rekey^` on a line of its own sends a KeyUpdate.
fn gnutls_rekeys() -> Tested {
    let text = b"^rekey^\nGET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let ended = gnutls_asks(
        "NORMAL:-VERS-ALL:+VERS-TLS1.3",
        text,
        &["--inline-commands"],
    )?;
    ended
        .ok()?
        .says(&["Rekey was completed", "HTTP/1.1 200 OK"])
}

fn gnutls_asks(
    priority: &str,
    text: &[u8],
    options: &[&str],
) -> Result<netkit_tests::process::Ended, Failed> {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let ours = Ours::https(&ca.localhost(Key::P256)?, |_| ())?;
    let (port, ca) = (ours.at.port().to_string(), ca.write(place.path())?);
    let ca = ca.display().to_string();
    let mut arguments = vec!["--x509cafile", &ca, "--priority", priority, "--port", &port];
    arguments.extend(options);
    arguments.push("localhost");
    let mut client = Running::start(Peer::GnuTls.command(), arguments)?;
    client.says("Handshake was completed")?;
    for line in text.split_inclusive(|&octet| octet == b'\n') {
        client.type_in(line)?;
        if line.starts_with(b"^") {
            client.says("Rekey was completed")?;
        }
    }
    client.wait()
}

/// `s_server -www` with these options, and one of our clients that asks it for `/`.
fn asks(
    key: Key,
    options: &[&str],
    configure: impl FnOnce(&mut ClientConfig) + Send + 'static,
) -> Result<(openssl::Server, Result<Page, Error>), Failed> {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let files = ca.localhost(key)?.write(place.path())?;
    let mut all = vec!["-www"];
    all.extend(options);
    let server = openssl::server(&files, &all)?;
    let client = Client::builder()
        .roots(ca.roots()?)
        .configure_tls(configure)
        .build()?;
    let got = block_on(get(&client, server.at, "localhost"));
    Ok((server, got))
}

/// What came: the body, and the story of its connection.
struct Page {
    text: String,
    exchange: Exchange,
}

async fn get(client: &Client, at: SocketAddr, host: &str) -> Result<Page, Error> {
    let response = client
        .get(&format!("https://{host}:{}/", at.port()))
        .await?;
    let exchange = response.extensions().get::<Exchange>().cloned();
    let exchange = exchange.expect("every response of our client has its story");
    let body: Body = response.into_body();
    let text = String::from_utf8_lossy(&body.collect(1 << 20).await?).into_owned();
    Ok(Page { text, exchange })
}

fn client_speaks(suite_name: &'static str, group_name: &'static str) -> Tested {
    let options = ["-ciphersuites", suite_name, "-groups", group_name];
    let (_server, page) = asks(Key::P256, &options, move |config| {
        config.groups = vec![group(group_name)];
        config.cipher_suites = vec![suite(suite_name)];
    })?;
    let page = page?;
    // The page has OpenSSL's own names; `Shared groups` uses lower case and SEC's.
    let shared = format!("Shared groups: {}\n", openssl_group(group_name));
    let cipher = format!("New, TLSv1.3, Cipher is {suite_name}\n");
    for words in [&cipher, &shared] {
        ensure!(page.text.contains(words), "no {words:?} in {}", page.text);
    }
    Ok(())
}

fn openssl_group(name: &str) -> &str {
    match name {
        "P-256" => "secp256r1",
        "P-384" => "secp384r1",
        _ => "x25519",
    }
}

fn client_verifies(key: Key) -> Tested {
    let (_server, page) = asks(key, &[], |_| ())?;
    let page = page?;
    ensure!(
        page.text.contains("New, TLSv1.3, Cipher is"),
        "{}",
        page.text
    );
    Ok(())
}

/// The server knows no group that the client sent a key share for.
fn client_is_told_to_retry() -> Tested {
    for name in ["P-256", "P-384"] {
        let (server, page) = asks(Key::P256, &["-groups", name, "-msg"], |config| {
            config.groups = vec![
                NamedGroup::X25519,
                NamedGroup::SECP256R1,
                NamedGroup::SECP384R1,
            ];
        })?;
        let page = page?;
        let shared = format!("Shared groups: {}\n", openssl_group(name));
        ensure!(
            page.text.contains(&shared),
            "no {shared:?} in {}",
            page.text
        );
        let retried = page
            .exchange
            .connection
            .tls
            .as_ref()
            .is_some_and(|tls| tls.hello_retry);
        let hellos = server.running.said().matches(", ClientHello").count();
        ensure!(
            retried && hellos == 2,
            "{name}: retry {retried}, {hellos} ClientHellos"
        );
    }
    Ok(())
}

fn client_alpn() -> Tested {
    let (server, ca) = typing_server(&["-alpn", "http/1.1"])?;
    block_on(async {
        let stream = joined(&server, &ca, &[b"h2", b"http/1.1"]).await?;
        ensure!(
            stream.agreed().alpn.as_deref() == Some(b"http/1.1"),
            "{:?}",
            stream.agreed()
        );
        Ok::<_, Failed>(())
    })?;
    server.running.says("ALPN protocols selected: http/1.1")
}

fn client_refuses_old_versions() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let files = ca.localhost(Key::P256)?.write(place.path())?;
    let server = openssl::server(&files, &[&["-www"], &OLD[..]].concat())?;
    let client = Client::builder().roots(ca.roots()?).build()?;
    let error = refusal(block_on(get(&client, server.at, "localhost")))?;
    ensure!(error.layer() == Layer::Tls, "{}", error.report());
    // It is the server that finds no version in common.
    ensure!(
        error.report().contains("protocol_version"),
        "{}",
        error.report()
    );
    server.running.complains("unsupported protocol")
}

fn refusal(got: Result<Page, Error>) -> Result<Error, Failed> {
    match got {
        Ok(page) => Err(format!("accepted: {}", page.text).into()),
        Err(error) => Ok(error),
    }
}

/// Ours refuses: in words that help, and with an alert that OpenSSL names.
fn refuses(
    leaf_names: &[&str],
    valid: Valid,
    trusted: bool,
    words: &[&str],
    alert: &str,
) -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let files = ca.leaf(Key::P256, leaf_names, valid)?.write(place.path())?;
    let server = openssl::server(&files, &["-www"])?;
    let roots = if trusted {
        ca.roots()?
    } else {
        Authority::new("another CA")?.roots()?
    };
    let client = Client::builder().roots(roots).build()?;
    let error = refusal(block_on(get(&client, server.at, "localhost")))?;
    let report = error.report();
    ensure!(error.layer() == Layer::Certificate, "{report}");
    for words in words {
        ensure!(report.contains(words), "no {words:?} in {report}");
    }
    server.running.complains(alert)
}

fn client_refuses_a_wrong_name() -> Tested {
    let names = ["other.example", "third.example"];
    refuses(
        &names,
        Valid::Now,
        true,
        &["localhost", "other.example"],
        "alert bad certificate",
    )
}

fn client_refuses_what_is_over() -> Tested {
    refuses(
        &["localhost"],
        Valid::Over,
        true,
        &["expired", "10 days"],
        "alert certificate expired",
    )
}

fn client_refuses_an_unknown_ca() -> Tested {
    refuses(
        &["localhost"],
        Valid::Now,
        false,
        &["a test CA"],
        "alert unknown ca",
    )
}

fn client_can_be_told_to_accept_any() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let files = ca
        .leaf(Key::P256, &["other.example"], Valid::Over)?
        .write(place.path())?;
    let server = openssl::server(&files, &["-www"])?;
    let client = Client::builder().danger_accept_any_certificate().build()?;
    let page = block_on(get(&client, server.at, "localhost"))?;
    ensure!(page.text.contains("Cipher is TLS_"), "{}", page.text);
    Ok(())
}

/// A stream of ours to `s_server`, which sends what is typed.
async fn joined(
    server: &openssl::Server,
    ca: &Authority,
    alpn: &[&[u8]],
) -> Result<TlsStream<TcpStream>, Failed> {
    let mut config = ClientConfig::new(ca.roots()?);
    config.alpn = alpn.iter().map(|name| name.to_vec()).collect();
    let config = Arc::new(config);
    let tcp = TcpStream::connect(server.at).await?;
    let name = ServerName::try_from("localhost")?;
    Ok(TlsStream::connect(tcp, config, name).await?)
}

fn typing_server(options: &[&str]) -> Result<(openssl::Server, Authority), Failed> {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let files = ca.localhost(Key::P256)?.write(place.path())?;
    Ok((
        openssl::server(&files, &[&["-naccept", "1"], options].concat())?,
        ca,
    ))
}

/// `s_server` too reads `k` and `K` at the start of a line.
fn client_hears_key_updates() -> Tested {
    let (mut server, ca) = typing_server(&["-msg"])?;
    block_on(async {
        let mut stream = joined(&server, &ca, &[]).await?;
        for (number, command) in (1..).zip([b"k\n", b"K\n", b"K\n"]) {
            server.running.type_in(command)?;
            server.running.says("Handshake [length 0005], KeyUpdate")?;
            // A command is a whole read of standard input: what follows must come later.
            tokio::time::sleep(Duration::from_millis(100)).await;
            server.running.type_in(b"under the next key\n")?;
            let mut octets = [0; 19];
            stream.read_exact(&mut octets).await?;
            ensure!(&octets == b"under the next key\n", "{octets:?}");
            // An update that was asked for leaves with what is sent next.
            let answer = format!("answer {number}\n");
            stream.write_all(answer.as_bytes()).await?;
            server.running.says(&answer)?;
        }
        Ok::<_, Failed>(())
    })?;
    let said = server.running.said();
    let updates = |way: &str| {
        let updates = |line: &&str| line.starts_with(way) && line.contains("KeyUpdate");
        said.lines().filter(updates).count()
    };
    let (sent, received) = (updates(">>>"), updates("<<<"));
    ensure!(
        (sent, received) == (3, 2),
        "sent {sent}, received {received}\n{said}"
    );
    Ok(())
}

fn client_sees_truncation() -> Tested {
    let (mut server, ca) = typing_server(&[])?;
    block_on(async {
        let mut stream = joined(&server, &ca, &[]).await?;
        server.running.type_in(b"half a message")?;
        let mut octets = [0; 14];
        stream.read_exact(&mut octets).await?;
        server.running.kill();
        match stream.read(&mut octets).await {
            Ok(count) => Err(format!("{count} octets from the dead").into()),
            Err(error) => {
                ensure!(
                    error.kind() == std::io::ErrorKind::UnexpectedEof,
                    "{error:?}"
                );
                Ok(())
            }
        }
    })
}

fn client_sees_the_end() -> Tested {
    let (mut server, ca) = typing_server(&[])?;
    block_on(async {
        let mut stream = joined(&server, &ca, &[]).await?;
        stream.write_all(b"a line\n").await?;
        server.running.says("a line")?;
        server.running.type_in(b"an answer\n")?;
        let mut octets = [0; 10];
        stream.read_exact(&mut octets).await?;
        ensure!(&octets == b"an answer\n", "{octets:?}");
        stream.shutdown().await?;
        // Told so, s_server says close_notify and ends.
        ensure!(stream.read(&mut octets).await? == 0, "data after the end");
        server.running.finish()?.ok()?;
        Ok(())
    })
}
