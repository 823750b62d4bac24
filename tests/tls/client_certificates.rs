//! Client certificates and stapled OCSP responses, in both directions.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use netkit::UnixTime;
use netkit::tls::{
    ClientAuth, ClientConfig, Connection, Error, ProtocolVersion, ServerConfig, Versions,
};
use netkit_tests::certificates::{Authority, Files, Key, Leaf};
use netkit_tests::process::{PATIENCE, run};
use netkit_tests::tls_cases::{Broken, Heard, Link, random};
use netkit_tests::{Failed, Peer, Running, Trial, ensure, openssl, trial};

use crate::{KEYS, OPENSSL, Tested};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, key, _) in KEYS {
        for (version, in_words) in [
            (ProtocolVersion::TLS1_2, "tls1.2"),
            (ProtocolVersion::TLS1_3, "tls1.3"),
        ] {
            trials.push(trial(
                format!("server/client_certificate/{name}/{in_words}"),
                OPENSSL,
                move || server_sees(key, version),
            ));
            trials.push(trial(
                format!("client/client_certificate/{name}/{in_words}"),
                OPENSSL,
                move || client_shows(key, version),
            ));
        }
    }
    let one = |name: &str, test: fn() -> Tested| trial(name, OPENSSL, test);
    trials.extend([
        one("server/client_certificate/none", server_sees_none),
        one(
            "server/client_certificate/unknown_ca",
            server_refuses_another_ca,
        ),
        one("client/client_certificate/none", client_shows_none),
        one("client/client_certificate/by_authority", client_chooses),
        trial(
            "server/client_certificate/gnutls",
            &[Peer::GnuTls],
            server_sees_gnutls,
        ),
        trial(
            "client/client_certificate/gnutls",
            &[Peer::GnuTls],
            client_shows_gnutls,
        ),
        one("server/ocsp_stapling", server_staples),
        one("client/ocsp_stapling", client_takes_a_staple),
    ]);
    trials
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A CA, whose certificate and a server's lie in the folder.
struct Scene {
    place: tempfile::TempDir,
    ca: Authority,
    files: Files,
}

impl Scene {
    fn set() -> Result<Self, Failed> {
        let place = tempfile::tempdir()?;
        let ca = Authority::new("a test CA")?;
        ca.write(place.path())?;
        let files = ca.localhost(Key::P256)?.write(place.path())?;
        Ok(Self { place, ca, files })
    }

    fn ca(&self) -> String {
        text(&self.place.path().join("ca.pem"))
    }

    fn server(&self) -> Result<ServerConfig, Failed> {
        let identity = netkit::identity::pem_files(&self.files.certificate, &self.files.key)?;
        Ok(ServerConfig::new(identity))
    }

    fn client(&self) -> Result<ClientConfig, Failed> {
        Ok(ClientConfig::new(self.ca.roots()?))
    }

    /// A server of ours that requires a certificate of the scene's CA.
    fn requiring(&self) -> Result<ServerConfig, Failed> {
        let mut config = self.server()?;
        config.client_auth = Some(ClientAuth::required(self.ca.roots()?));
        Ok(config)
    }
}

/// Until the handshake is done, or broken.
fn handshake(link: &mut Link) -> Result<(), Broken> {
    while !matches!(link.hear()?, Heard::Connected) {}
    link.flush()
}

/// One of our servers accepts the client that `start` starts towards it.
fn accepted(
    config: ServerConfig,
    start: impl FnOnce(SocketAddr) -> Result<Running, Failed>,
) -> Result<(Running, Link, Result<(), Broken>), Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = start(listener.local_addr()?)?;
    let (socket, _) = listener.accept()?;
    let connection = Connection::server(Arc::new(config), UnixTime::now(), random());
    let mut link = new_link(socket, connection, Vec::new())?;
    let ended = handshake(&mut link);
    Ok((client, link, ended))
}

fn new_link(socket: TcpStream, connection: Connection, out: Vec<u8>) -> Result<Link, Failed> {
    Link::new(socket, connection, out).map_err(|broken| format!("{broken:?}").into())
}

fn done(ended: Result<(), Broken>) -> Tested {
    ended.map_err(|broken| format!("{broken:?}").into())
}

/// Ends with this error, and lets the peer read why.
fn refused(link: Link, ended: Result<(), Broken>, because: Error) -> Tested {
    link.drain();
    match ended {
        Err(Broken::Tls(error)) if error == because => Ok(()),
        other => Err(format!("{other:?}, not {because:?}").into()),
    }
}

/// The peer showed this certificate; it may add its CA's.
fn shown(link: &Link, leaf: &Leaf) -> Tested {
    let chain = link.connection.peer_chain();
    ensure!(
        chain.first() == leaf.identity()?.chain().first(),
        "another certificate of {}",
        chain.len()
    );
    Ok(())
}

fn server_sees(key: Key, version: ProtocolVersion) -> Tested {
    let scene = Scene::set()?;
    let leaf = scene.ca.client(key, "a-client")?;
    let place = tempfile::tempdir()?;
    let files = leaf.write(place.path())?;
    let (certificate, key) = (text(&files.certificate), text(&files.key));
    let options = ["-cert", &certificate, "-key", &key];
    let mut config = scene.requiring()?;
    config.versions = Versions::only(version);
    let (client, mut link, ended) = accepted(config, |at| {
        openssl::client(at, scene.ca().as_ref(), &options)
    })?;
    done(ended)?;
    shown(&link, &leaf)?;
    done(close(&mut link))?;
    client.finish()?.ok()?.says(&[
        "Acceptable client certificate CA names\nCN = a test CA",
        "Verify return code: 0 (ok)",
    ])
}

/// Says goodbye and waits for the peer's.
fn close(link: &mut Link) -> Result<(), Broken> {
    link.connection.send(&[b"seen\n"], &mut link.out)?;
    link.connection.close(&mut link.out)?;
    link.flush()
}

fn server_sees_none() -> Tested {
    let scene = Scene::set()?;
    let start = |at| openssl::client(at, scene.ca().as_ref(), &[]);
    let (client, link, ended) = accepted(scene.requiring()?, start)?;
    refused(
        link,
        ended,
        Error::PeerNoClientCertificate(ProtocolVersion::TLS1_3),
    )?;
    client.wait()?.says(&["alert certificate required"])?;

    let mut config = scene.server()?;
    config.client_auth = Some(ClientAuth::requested(scene.ca.roots()?));
    let (client, mut link, ended) = accepted(config, start)?;
    done(ended)?;
    ensure!(link.connection.peer_chain().is_empty(), "a certificate");
    done(close(&mut link))?;
    client.finish()?.ok()?.says(&["seen"])
}

fn server_refuses_another_ca() -> Tested {
    let scene = Scene::set()?;
    let place = tempfile::tempdir()?;
    let other = Authority::new("another CA")?.client(Key::P256, "a-client")?;
    let files = other.write(place.path())?;
    let (certificate, key) = (text(&files.certificate), text(&files.key));
    let options = ["-cert", &certificate, "-key", &key];
    let (client, link, ended) = accepted(scene.requiring()?, |at| {
        openssl::client(at, scene.ca().as_ref(), &options)
    })?;
    let unknown = Error::PeerCertificate(netkit::x509::Error::UnknownIssuer);
    refused(link, ended, unknown)?;
    client.wait()?.says(&["alert unknown ca"])
}

fn server_sees_gnutls() -> Tested {
    let scene = Scene::set()?;
    let leaf = scene.ca.client(Key::Rsa, "a-client")?;
    let place = tempfile::tempdir()?;
    let files = leaf.write(place.path())?;
    let (client, mut link, ended) = accepted(scene.requiring()?, |at| {
        let port = at.port().to_string();
        let arguments = [
            "--x509cafile",
            &scene.ca(),
            "--x509certfile",
            &text(&files.certificate),
            "--x509keyfile",
            &text(&files.key),
            "--port",
            &port,
            "localhost",
        ];
        Running::start(Peer::GnuTls.command(), arguments)
    })?;
    done(ended)?;
    shown(&link, &leaf)?;
    done(close(&mut link))?;
    client.wait()?.ok()?.says(&[
        "Successfully sent 1 certificate(s) to server",
        "Handshake was completed",
        "seen",
    ])
}

/// What a server answers to our client's GET.
fn got(config: ClientConfig, at: SocketAddr) -> Result<(Link, Result<String, Broken>), Failed> {
    let mut out = Vec::new();
    let name = "localhost".try_into()?;
    let now = UnixTime::now();
    let connection = Connection::client(Arc::new(config), name, now, random(), &mut out)?;
    let mut link = new_link(TcpStream::connect(at)?, connection, out)?;
    let answer = get(&mut link);
    Ok((link, answer))
}

fn get(link: &mut Link) -> Result<String, Broken> {
    handshake(link)?;
    let request = b"GET / HTTP/1.0\r\n\r\n";
    link.connection.send(&[request], &mut link.out)?;
    let mut answer = Vec::new();
    loop {
        match link.hear()? {
            Heard::Data(data) => answer.extend(data),
            Heard::PeerClosed => return Ok(String::from_utf8_lossy(&answer).into_owned()),
            Heard::Connected => {}
        }
    }
}

/// `s_server -www -Verify`: it wants a certificate of this CA.
fn verifying(scene: &Scene, ca: &str) -> Result<openssl::Server, Failed> {
    let options = [
        "-www",
        "-Verify",
        "1",
        "-verify_return_error",
        "-CAfile",
        ca,
    ];
    openssl::server(&scene.files, &options)
}

fn client_shows(key: Key, version: ProtocolVersion) -> Tested {
    let scene = Scene::set()?;
    let server = verifying(&scene, &scene.ca())?;
    let mut config = scene.client()?;
    config.versions = Versions::only(version);
    let identity = scene.ca.client(key, "a-client")?.identity()?;
    config.identities.push(Arc::new(identity));
    let (_, page) = got(config, server.at)?;
    let page = page.map_err(|broken| format!("{broken:?}"))?;
    ensure!(page.contains("Subject: CN=a-client"), "{page}");
    Ok(())
}

fn client_shows_none() -> Tested {
    let scene = Scene::set()?;
    let server = verifying(&scene, &scene.ca())?;
    let (_, page) = got(scene.client()?, server.at)?;
    let required = netkit::tls::AlertDescription::CERTIFICATE_REQUIRED;
    match page {
        Err(Broken::Tls(Error::PeerAlert(alert))) if alert == required => {}
        other => return Err(format!("{other:?}").into()),
    }
    server
        .running
        .complains("peer did not return a certificate")
}

/// Of two identities, the one that the server's list of CAs asks for.
fn client_chooses() -> Tested {
    let scene = Scene::set()?;
    let folder = tempfile::tempdir()?;
    let other = Authority::new("another CA")?;
    let others = text(&other.write(folder.path())?);
    for (ca, name) in [(scene.ca(), "of-the-first"), (others, "of-the-other")] {
        let server = verifying(&scene, &ca)?;
        let mut config = scene.client()?;
        for (ca, name) in [(&scene.ca, "of-the-first"), (&other, "of-the-other")] {
            let identity = ca.client(Key::P256, name)?.identity()?;
            config.identities.push(Arc::new(identity));
        }
        let (_, page) = got(config, server.at)?;
        let page = page.map_err(|broken| format!("{broken:?}"))?;
        ensure!(page.contains(&format!("Subject: CN={name}")), "{page}");
    }
    Ok(())
}

fn client_shows_gnutls() -> Tested {
    let scene = Scene::set()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let server = Running::start(
        "gnutls-serv",
        [
            "--http",
            "--require-client-cert",
            "--verify-client-cert",
            "--x509cafile",
            &scene.ca(),
            "--x509certfile",
            &text(&scene.files.certificate),
            "--x509keyfile",
            &text(&scene.files.key),
            "--port",
            &port.to_string(),
        ],
    )?;
    server.complains(&format!("0.0.0.0 port {port}...done"))?;
    // It says so before it listens.
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    let until = Instant::now() + PATIENCE / 2;
    while TcpStream::connect(at).is_err() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut config = scene.client()?;
    let identity = scene.ca.client(Key::P256, "a-client")?.identity()?;
    config.identities.push(Arc::new(identity));
    let (_, page) = got(config, at)?;
    let page = page.map_err(|broken| format!("{broken:?}"))?;
    ensure!(page.contains("CN=a-client"), "{page}");
    Ok(())
}

/// A response in DER for the scene's server certificate, good for a day: `openssl ocsp` makes it.
fn ocsp_response(scene: &Scene) -> Result<Vec<u8>, Failed> {
    let file = |name: &str| text(&scene.place.path().join(name));
    let certificate = text(&scene.files.certificate);
    let serial = ["x509", "-noout", "-serial", "-in", &certificate];
    let serial = run("openssl", serial, b"")?.ok()?.out;
    let serial = serial.trim().trim_start_matches("serial=");
    let row = format!("V\t491231235959Z\t\t{serial}\tunknown\t/CN=localhost\n");
    std::fs::write(file("index.txt"), row)?;
    std::fs::write(file("ca.key"), scene.ca.key_pem())?;
    let (index, key, response) = (file("index.txt"), file("ca.key"), file("ocsp.der"));
    let ca = scene.ca();
    let mut arguments = vec![
        "ocsp", "-index", &index, "-ndays", "1", "-respout", &response,
    ];
    arguments.extend(["-rsigner", &ca, "-rkey", &key, "-CA", &ca]);
    arguments.extend(["-issuer", &ca, "-cert", &certificate]);
    run("openssl", arguments, b"")?.ok()?;
    Ok(std::fs::read(response)?)
}

fn server_staples() -> Tested {
    let scene = Scene::set()?;
    let response = ocsp_response(&scene)?;
    let identity = netkit::identity::pem_files(&scene.files.certificate, &scene.files.key)?;
    let config = ServerConfig::new(identity.with_ocsp_response(response));
    let (client, mut link, ended) = accepted(config, |at| {
        openssl::client(at, scene.ca().as_ref(), &["-status"])
    })?;
    done(ended)?;
    done(close(&mut link))?;
    client.finish()?.ok()?.says(&[
        "OCSP Response Status: successful (0x0)",
        "Cert Status: good",
        "Verify return code: 0 (ok)",
    ])
}

fn client_takes_a_staple() -> Tested {
    let scene = Scene::set()?;
    let response = ocsp_response(&scene)?;
    let file = text(&scene.place.path().join("ocsp.der"));
    let server = openssl::server(&scene.files, &["-www", "-status_file", &file])?;
    let (link, page) = got(scene.client()?, server.at)?;
    page.map_err(|broken| format!("{broken:?}"))?;
    ensure!(
        link.connection.ocsp_response() == Some(&response[..]),
        "another response, or none"
    );
    let plain = openssl::server(&scene.files, &["-www"])?;
    let (link, page) = got(scene.client()?, plain.at)?;
    page.map_err(|broken| format!("{broken:?}"))?;
    ensure!(link.connection.ocsp_response().is_none(), "a response");
    Ok(())
}
