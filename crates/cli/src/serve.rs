//! `netkit serve`: a folder over HTTPS.

mod access_log;
mod answer;
mod content_type;
mod echo;
mod files;
mod listing;

use std::convert::Infallible;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

#[cfg(all(feature = "tun", target_os = "linux"))]
use netkit::Handler;
use netkit::http::{Request, Response};
use netkit::tls::{ClientAuth, Identity, ServerConfig};
use netkit::{Arrival, Body, Server, Shutdown};

use crate::args;
use crate::dev_ca::{self, DevCa};
use crate::exit::Failure;
use files::Folder;

pub(crate) fn run(args: &args::Serve) -> Result<(), Failure> {
    let folder = Folder::open(&args.folder).map_err(|e| Failure::file(args.folder.display(), e))?;
    let (server, dev) = server(args)?;
    let shutdown = Shutdown::new();
    drain_on_signal(shutdown.clone())?;
    let mut server = server.shutdown(shutdown).on_refusal(|peer, error| {
        crate::say(&format!("{} refused: {}", named(peer), error.report()));
    });
    if !args.lenient.is_empty() {
        let leniencies = args.lenient.iter().copied().collect();
        server = server.lenient(leniencies, |peer, used, at| {
            crate::say(&format!("{} {}", named(peer), crate::passed(used, at)));
        });
    }
    let ready = |at: SocketAddr| greet(args, at, dev.as_ref());
    let site = Arc::new(Site {
        folder,
        echo: args.ws_echo.clone(),
    });
    let handler = move |request: Request<Body>| {
        let site = Arc::clone(&site);
        // Nothing here reads a request's body.
        let request = request.map(drop);
        async move { Ok::<_, Infallible>(respond(&site, &request).await) }
    };
    #[cfg(all(feature = "tun", target_os = "linux"))]
    if args.stack.tun.is_some() {
        return on_tun(args, server, ready, handler);
    }
    let at = args.listen.unwrap_or((Ipv4Addr::LOCALHOST, PORT).into());
    server.run(at, 0, ready, handler)?;
    Ok(())
}

/// A client in the log.
fn named(peer: Option<SocketAddr>) -> String {
    peer.map_or_else(|| "-".to_owned(), |peer| peer.ip().to_string())
}

/// Where it listens unless told otherwise.
const PORT: u16 = 8443;

/// Serves by a host of our own, which one thread drives.
#[cfg(all(feature = "tun", target_os = "linux"))]
fn on_tun(
    args: &args::Serve,
    server: Server,
    ready: impl FnOnce(SocketAddr),
    handler: impl Handler,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::file("runtime", e))?;
    runtime.block_on(async {
        let Some(host) = crate::tun::Host::open(&args.stack)? else {
            return Ok(());
        };
        let own = args.stack.tun_addr.first();
        let own = own.map(|own| SocketAddr::new(own.address(), PORT));
        let at = args
            .listen
            .or(own)
            .unwrap_or((Ipv4Addr::UNSPECIFIED, PORT).into());
        let bound = server.transport(host.net.clone()).bind(at)?;
        ready(bound.local_addr());
        let served = bound.serve(handler).await;
        host.finish().await?;
        Ok(served?)
    })
}

/// What is served.
struct Site {
    folder: Folder,
    /// The path of the WebSocket that echoes.
    echo: Option<String>,
}

async fn respond(site: &Site, request: &Request<()>) -> Response<Body> {
    let response = if site.echo.as_deref() == Some(request.uri().path()) {
        echo::to(request)
    } else {
        answer::to(&site.folder, request).await
    };
    let peer = request
        .extensions()
        .get::<Arrival>()
        .and_then(|arrival| arrival.peer);
    crate::say(&access_log::line(
        SystemTime::now(),
        peer,
        request,
        &response,
    ));
    response
}

/// The development CA of this run, as its user needs it.
struct Dev {
    name: String,
    file: CaFile,
}

/// Where the CA's certificate lies; a file that nobody asked for goes when the server does.
struct CaFile {
    path: PathBuf,
    ours: bool,
}

impl Drop for CaFile {
    fn drop(&mut self) {
        if self.ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn server(args: &args::Serve) -> Result<(Server, Option<Dev>), Failure> {
    if args.http {
        return Ok((Server::http(), None));
    }
    let (identity, dev) = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => (netkit::identity::pem_files(cert, key)?, None),
        _ => development(args).map(|(identity, dev)| (identity, Some(dev)))?,
    };
    let mut config = ServerConfig::new(identity);
    config.versions = args.tls.range()?;
    config.tls12.rsa_key_transport = args.rsa_key_transport;
    if let Some(file) = &args.client_ca {
        let roots = netkit::roots::pem_file(file)?;
        config.client_auth = Some(ClientAuth::required(Arc::new(roots)));
    }
    Ok((Server::https_with(config), dev))
}

/// A certificate of a new development CA.
fn development(args: &args::Serve) -> Result<(Identity, Dev), Failure> {
    let name = args.dev_ca.as_deref().unwrap_or("localhost");
    let bad_name = |e| Failure::usage(format!("--dev-ca {name}: {e}"));
    let ca = DevCa::new("netkit development CA").map_err(bad_name)?;
    let validity = dev_ca::lasting(SystemTime::now());
    let signed = ca
        .sign(&dev_ca::names_of(name), args.key_type, &validity)
        .map_err(bad_name)?;
    let identity = Identity::new(vec![signed.certificate], &signed.key)
        .map_err(|e| Failure::usage(format!("--dev-ca {name}: {e}")))?;
    let file = write_ca(ca.pem(), args.ca_out.as_deref())?;
    let name = name.to_owned();
    Ok((identity, Dev { name, file }))
}

fn write_ca(pem: &str, wanted: Option<&Path>) -> Result<CaFile, Failure> {
    let ours = wanted.is_none();
    let path = wanted.map_or_else(passing_path, Path::to_owned);
    let mut options = OpenOptions::new();
    // In a folder that others write to, a file that is already there may be a trap.
    let options = if ours {
        options.create_new(true)
    } else {
        options.create(true).truncate(true)
    };
    options
        .write(true)
        .open(&path)
        .and_then(|mut file| file.write_all(pem.as_bytes()))
        .map_err(|e| Failure::file(path.display(), e))?;
    Ok(CaFile { path, ours })
}

/// A name in the system's folder for temporary files. Process ids come again, times hardly.
fn passing_path() -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_nanos();
    std::env::temp_dir().join(format!("netkit-ca-{}-{now}.pem", std::process::id()))
}

/// As a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if path.chars().all(plain) {
        path
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

/// What the user needs to know, the curl line above all.
fn greet(args: &args::Serve, at: SocketAddr, dev: Option<&Dev>) {
    let scheme = if args.http { "http" } else { "https" };
    crate::say(&format!(
        "serving {} on {scheme}://{at}/",
        args.folder.display()
    ));
    let port = at.port();
    let Some(Dev { name, file }) = dev else {
        return;
    };
    let reached = if at.ip().is_unspecified() {
        loopback_like(at.ip())
    } else {
        at.ip()
    };
    let resolve = match (name.as_str(), name.parse::<IpAddr>()) {
        ("localhost", _) if reached.is_loopback() => String::new(),
        (_, Ok(_)) => String::new(),
        (name, Err(_)) => format!(
            "--resolve {name}:{port}:{} ",
            dev_ca::in_url(&reached.to_string())
        ),
    };
    let host = dev_ca::in_url(name);
    crate::say("with a development CA, good for a week; to see it work:");
    crate::say(&format!(
        "  curl --cacert {} {resolve}https://{host}:{port}/",
        quoted(&file.path)
    ));
}

fn loopback_like(unspecified: IpAddr) -> IpAddr {
    match unspecified {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    }
}

/// The first SIGINT or SIGTERM begins the shutdown; the second ends the process.
fn drain_on_signal(shutdown: Shutdown) -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |e| Failure::file("signals", e);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(failed)?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt()).map_err(failed)?,
            signal(SignalKind::terminate()).map_err(failed)?,
        )
    };
    std::thread::spawn(move || {
        let mut next = move || {
            runtime.block_on(std::future::poll_fn(|cx| {
                let interrupted = interrupt.poll_recv(cx).is_ready();
                let terminated = terminate.poll_recv(cx).is_ready();
                if interrupted || terminated {
                    std::task::Poll::Ready(())
                } else {
                    std::task::Poll::Pending
                }
            }));
        };
        next();
        crate::say("finishing the requests that are running");
        shutdown.begin();
        next();
        std::process::exit(130);
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_a_shell() {
        assert_eq!(quoted(Path::new("/tmp/a-b_1.pem")), "/tmp/a-b_1.pem");
        assert_eq!(quoted(Path::new("my ca")), "'my ca'");
        assert_eq!(quoted(Path::new("it's; rm")), r"'it'\''s; rm'");
    }
}
