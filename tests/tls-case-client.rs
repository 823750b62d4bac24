//! The client that strangers' TLS suites are put to: it sends one GET and prints what was agreed and
//! the answer; or the error and the alert that it sent, and fails.

use std::error::Error;
use std::io::Write;
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;

use netkit::tls::{ClientConfig, Connection};
use netkit::{ServerName, UnixTime};
use netkit_tests::tls_cases::{Broken, CommandLine, Heard, Link, random};

const USAGE: &str = "usage: tls-case-client HOST:PORT [--cacert PEM] [--name NAME] \
[--cert PEM --key PEM] [--tls-min V] [--tls-max V] [--alpn LIST] [--rsa-key-transport] \
[--psk IDENTITY:HEX]";

const VALUED: [&str; 8] = [
    "cacert", "name", "cert", "key", "tls-min", "tls-max", "alpn", "psk",
];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let line = CommandLine::read(&VALUED, &["rsa-key-transport"])
        .map_err(|error| format!("{error}\n{USAGE}"))?;
    let [at] = line.others.as_slice() else {
        return Err(USAGE.into());
    };
    let host = at.rsplit_once(':').map_or(at.as_str(), |(host, _)| host);
    let name = line.value("name").unwrap_or(host.trim_matches(['[', ']']));
    let name = ServerName::try_from(name.to_owned())?;
    let socket = TcpStream::connect(at)?;
    let mut out = Vec::new();
    let config = Arc::new(config(&line)?);
    let connection = Connection::client(config, name, UnixTime::now(), random(), &mut out)?;
    let mut link = Link::new(socket, connection, out).map_err(|error| format!("{error:?}"))?;
    let ended = get(&mut link, host);
    let mut stdout = std::io::stdout().lock();
    Ok(match ended {
        Ok(answer) => {
            facts(&link, &mut stdout)?;
            writeln!(stdout)?;
            stdout.write_all(&answer)?;
            link.drain();
            ExitCode::SUCCESS
        }
        Err(Broken::Tls(error)) => {
            writeln!(stdout, "error {}: {error}", error.name())?;
            match error.alert() {
                Some(alert) => writeln!(stdout, "alert sent: {alert}")?,
                None => writeln!(stdout, "no alert sent")?,
            }
            link.drain();
            ExitCode::FAILURE
        }
        Err(Broken::Socket(error)) => {
            writeln!(stdout, "error socket: {error}")?;
            ExitCode::FAILURE
        }
    })
}

fn config(line: &CommandLine) -> Result<ClientConfig, Box<dyn Error>> {
    let roots = match line.value("cacert") {
        Some(file) => netkit::roots::pem_file(file)?,
        None => netkit::roots::system()?,
    };
    let mut config = ClientConfig::new(Arc::new(roots));
    config.alpn = line.list("alpn");
    config.versions = line.versions()?;
    config.external_psks.extend(line.psk()?);
    config.tls12.rsa_key_transport = line.has("rsa-key-transport");
    if let (Some(cert), Some(key)) = (line.value("cert"), line.value("key")) {
        let identity = netkit::identity::pem_files(cert, key)?;
        config.identities.push(Arc::new(identity));
    }
    Ok(config)
}

/// Everything that the server sends until it closes.
fn get(link: &mut Link, host: &str) -> Result<Vec<u8>, Broken> {
    let mut answer = Vec::new();
    loop {
        match link.hear()? {
            Heard::Connected => {
                let request =
                    format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
                link.connection.send(&[request.as_bytes()], &mut link.out)?;
            }
            Heard::Data(data) => answer.extend(data),
            Heard::PeerClosed => {
                link.connection.close(&mut link.out)?;
                return Ok(answer);
            }
        }
    }
}

/// What was agreed, a fact a line.
fn facts(link: &Link, to: &mut impl Write) -> std::io::Result<()> {
    let Some(agreed) = link.connection.agreed() else {
        return Ok(());
    };
    writeln!(to, "version {}", agreed.version)?;
    writeln!(to, "cipher_suite {}", agreed.cipher_suite)?;
    writeln!(to, "group {}", agreed.key_exchange())?;
    if let Some(scheme) = agreed.signature_scheme {
        writeln!(to, "signature_scheme {scheme}")?;
    }
    if let Some(alpn) = &agreed.alpn {
        writeln!(to, "alpn {}", String::from_utf8_lossy(alpn))?;
    }
    writeln!(to, "resumed {}", agreed.resumed)?;
    if let Some(identity) = &agreed.psk_identity {
        writeln!(to, "psk_identity {}", String::from_utf8_lossy(identity))?;
    }
    writeln!(to, "certificates {}", link.connection.peer_chain().len())
}
