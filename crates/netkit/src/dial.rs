use crate::{
    error::{Error, Layer, Stage},
    timeouts::{ClientTimeouts, within},
    tls_stream,
    transport::{Doing, Stream, Transport},
    wire::Wire,
};
use netkit_tls::{Agreed, CertificateDer, ClientConfig, ServerName};
use netkit_x509::Roots;
use std::{
    fmt::Write, future::poll_fn, io, net::SocketAddr, sync::Arc, task::Poll, time::Duration,
};
use tokio::time::Instant;

/// How long one address may stay silent before the next is tried beside it (RFC 8305 5: 250 ms).
const HEAD_START: Duration = Duration::from_millis(250);

/// What is known of a connection since it was made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Facts {
    /// The host that was asked for.
    pub host: String,
    /// Its addresses, in the order in which they were tried.
    pub resolved: Vec<SocketAddr>,
    /// Addresses that did not answer, and why.
    pub refused: Vec<(SocketAddr, String)>,
    /// The address that did.
    pub peer: Option<SocketAddr>,
    /// This side's address.
    pub local: Option<SocketAddr>,
    /// What TLS agreed on; none without TLS.
    pub tls: Option<Agreed>,
    /// The server's certificates, its own first; none without TLS.
    pub chain: Vec<CertificateDer<'static>>,
    /// How long the lookup took.
    pub dns: Duration,
    /// How long the transport's handshake took, with addresses that did not answer.
    pub connect: Duration,
    /// How long the TLS handshake took.
    pub handshake: Option<Duration>,
}

/// Who to dial, and whom to expect there.
pub(crate) struct Target<'a> {
    /// As in the URL: the name that a certificate has to be for.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// Dialled instead of the two.
    pub(crate) instead: Option<&'a (String, u16)>,
    pub(crate) tls: Option<&'a Trust>,
}

/// How servers are judged.
pub(crate) struct Trust {
    pub(crate) config: Arc<ClientConfig>,
    /// What the config's verifier rests on, for the diagnosis of a refusal.
    pub(crate) roots: Option<Arc<Roots>>,
}

/// Looks up, connects, and shakes hands.
pub(crate) async fn dial(
    transport: &dyn Transport,
    target: &Target<'_>,
    timeouts: &ClientTimeouts,
) -> Result<(Wire<Box<dyn Stream>>, Facts), Error> {
    let (host, port) = match target.instead {
        Some((host, port)) => (host.as_str(), *port),
        None => (target.host, target.port),
    };
    let start = Instant::now();
    let resolved = within(
        Stage::Resolve,
        timeouts.resolve,
        resolve(transport, host, port),
    )
    .await?;
    let found = Instant::now();
    let (stream, refused) = connect(transport, &resolved, timeouts.connect).await?;
    let connected = Instant::now();
    let mut facts = Facts {
        host: target.host.to_owned(),
        resolved,
        refused,
        peer: stream.peer_addr(),
        local: stream.local_addr(),
        tls: None,
        chain: Vec::new(),
        dns: found - start,
        connect: connected - found,
        handshake: None,
    };
    let Some(trust) = target.tls else {
        return Ok((Wire::new(stream, None, Vec::new()), facts));
    };
    let name = server_name(target.host)?;
    let shake = tls_stream::connect(
        stream,
        Arc::clone(&trust.config),
        name,
        trust.roots.as_deref(),
        &(),
    );
    let wire = within(Stage::TlsHandshake, timeouts.tls_handshake, shake).await?;
    facts.handshake = Some(connected.elapsed());
    if let Some(tls) = wire.tls() {
        facts.tls = tls.agreed().cloned();
        facts.chain = tls.peer_chain().to_vec();
    }
    Ok((wire, facts))
}

/// The name that the server has to prove.
fn server_name(host: &str) -> Result<ServerName<'static>, Error> {
    ServerName::try_from(host.to_owned()).map_err(|error| {
        Error::usage(format!("{host:?} is neither a host name nor an address"))
            .because(error)
            .advise("write internationalised names in their ASCII form (xn--...)")
    })
}

async fn resolve(
    transport: &dyn Transport,
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, Error> {
    let failed = |why: String| {
        Error::new(Layer::Name, Stage::Resolve, why)
            .advise("check the spelling of the host name, and that the network has a resolver")
    };
    match transport.resolve(host, port).await {
        Ok(found) if found.is_empty() => Err(failed(format!("{host} has no address"))),
        Ok(found) => Ok(found),
        Err(error) => Err(failed(format!("no address for {host}: {error}")).because(error)),
    }
}

type Refused = Vec<(SocketAddr, String)>;

/// The first address that answers. Each has a head start before the next is tried beside it.
async fn connect(
    transport: &dyn Transport,
    addresses: &[SocketAddr],
    after: Duration,
) -> Result<(Box<dyn Stream>, Refused), Error> {
    let mut refused = Refused::new();
    let mut last = None;
    let mut waiting = addresses.iter();
    let mut trying: Vec<(SocketAddr, Doing<'_, Box<dyn Stream>>)> = Vec::new();
    let mut next = Box::pin(tokio::time::sleep(HEAD_START));
    loop {
        match waiting.next() {
            Some(&to) => trying.push((to, attempt(transport, to, after))),
            None if trying.is_empty() => break,
            None => {}
        }
        next.as_mut().reset(Instant::now() + HEAD_START);
        let more = !waiting.as_slice().is_empty();
        // A stream, or a refusal, or the time for the next address.
        let happened = poll_fn(|cx| {
            for at in 0..trying.len() {
                if let Poll::Ready(result) = trying[at].1.as_mut().poll(cx) {
                    let (to, _) = trying.swap_remove(at);
                    return Poll::Ready(Some((to, result)));
                }
            }
            if more && next.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await;
        match happened {
            Some((_, Ok(stream))) => return Ok((stream, refused)),
            Some((to, Err(error))) => {
                refused.push((to, error.to_string()));
                last = Some(error);
            }
            None => {}
        }
    }
    Err(nobody_answered(&refused, last))
}

/// Dials one address, for no longer than `after`.
fn attempt(
    transport: &dyn Transport,
    to: SocketAddr,
    after: Duration,
) -> Doing<'_, Box<dyn Stream>> {
    Box::pin(async move {
        let dialled = async {
            let dialled = transport.connect(to).await;
            dialled.map_err(|error| Error::io(Stage::Connect, error))
        };
        within(Stage::Connect, after, dialled)
            .await
            .map_err(io::Error::other)
    })
}

/// The last refusal, and the others in its text.
fn nobody_answered(refused: &Refused, last: Option<io::Error>) -> Error {
    let Some(last) = last else {
        return Error::new(Layer::Name, Stage::Resolve, "the host has no address");
    };
    let last = Error::io(Stage::Connect, last);
    let mut said = String::new();
    for (to, _) in refused {
        let _ = write!(said, "{}{to}", if said.is_empty() { "" } else { ", " });
    }
    last.about(&said)
}
