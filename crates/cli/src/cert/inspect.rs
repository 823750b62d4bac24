//! `netkit cert inspect`: what certificates say, from a file or from a server.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netkit::tls::{ClientConfig, DangerousAcceptAny};
use netkit::x509::PublicKey;
use netkit::{CertificateDer, ServerName, TlsStream};
use tokio::net::TcpStream;

use super::sections;
use crate::args::Inspect;
use crate::certificate::Certificate;
use crate::exit::Failure;

/// For connection and handshake.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run(args: &Inspect) -> Result<(), Failure> {
    let chain = match args.what.strip_prefix("https://") {
        Some(authority) => of_server(authority)?,
        None => sections::<CertificateDer<'_>>(Path::new(&args.what))?,
    };
    let now = SystemTime::now();
    for (nth, der) in chain.iter().enumerate() {
        if nth > 0 {
            crate::say("");
        }
        let lines = lines(der, now).ok_or_else(|| {
            Failure::certificate(format!("{}: certificate {nth} cannot be read", args.what))
        })?;
        for line in lines {
            crate::say(&line);
        }
    }
    Ok(())
}

/// One fact a line. Control characters in them must not reach the terminal.
fn lines(der: &[u8], now: SystemTime) -> Option<Vec<String>> {
    let certificate = Certificate::read(der)?;
    let mut lines: Vec<String> = certificate.lines(now).into();
    if let Ok(key) = PublicKey::of_certificate(der) {
        lines.push(format!("key     {}", key.kind()));
    }
    lines.extend(certificate.extensions);
    let printable = |line: String| -> String {
        let replaced = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        line.chars().map(replaced).collect()
    };
    Some(lines.into_iter().map(printable).collect())
}

/// What a server shows, believed or not. Nothing is sent to it after the handshake.
fn of_server(authority: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let authority: http::uri::Authority = authority
        .parse()
        .map_err(|error| Failure::usage(format!("{authority}: {error}")))?;
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let port = authority.port_u16().unwrap_or(443);
    let name = ServerName::try_from(host.clone())
        .map_err(|error| Failure::usage(format!("{host}: {error}")))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::file("runtime", error))?;
    let config = Arc::new(ClientConfig::with_verifier(Arc::new(DangerousAcceptAny)));
    runtime.block_on(async {
        let shaken = tokio::time::timeout(PATIENCE, async {
            let stream = TcpStream::connect((host.as_str(), port))
                .await
                .map_err(|error| Failure::tcp(format!("{host}:{port}: {error}")))?;
            Ok::<_, Failure>(TlsStream::connect(stream, config, name).await?)
        });
        let stream = shaken
            .await
            .map_err(|_| Failure::timeout(format!("{host}:{port} took too long")))??;
        let chain = stream.peer_chain().iter();
        Ok(chain.map(|certificate| certificate.to_vec()).collect())
    })
}
