//! The stage: a CA and a certificate in memory, a server on one host of a simulated network, and clients on
//! the other.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use netkit::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use netkit::sim::Network;
use netkit::tls::{ClientConfig, Identity, KeyLog, ProtocolVersion, ServerConfig, Versions};
use netkit::x509::Roots;
use netkit::{Arrival, Body, CertificateDer, Client, Exchange, Server, Shutdown};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::echo::{self, Frames};
use super::tap::{Passed, Tap};
use super::{ending, transport};
use crate::args::{Breakage, KeyType};
use crate::dev_ca::{self, DAY, DevCa};
use crate::exit::Failure;
use crate::key_log::KeyLogFile;
use crate::story::{Heard, Recorder};

/// The server's name.
pub(crate) const NAME: &str = "demo.example";

/// Requests of each course.
pub(crate) const REQUESTS: u32 = 3;

/// What the server's handler saw of a request.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// `GET /long/1 HTTP/1.1`
    pub(crate) line: String,
    /// Where it came from, and its number on that connection.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) number: u32,
    /// The server name that the client asked TLS for.
    pub(crate) server_name: Option<String>,
    /// Octets of the head as text.
    pub(crate) octets: usize,
}

/// What the client got for a request.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
    pub(crate) exchange: Exchange,
    /// Octets of the head as text, and the body.
    pub(crate) octets: usize,
}

/// Some requests by one client.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) name: &'static str,
    pub(crate) answered: Vec<Answered>,
    pub(crate) passed: Vec<Passed>,
    pub(crate) heard: Vec<Heard>,
    pub(crate) took: Duration,
    /// When it was over, since the simulation began.
    pub(crate) ended: Duration,
}

/// How the two sides agree on keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As they do by default.
    Usual,
    /// By RSA key transport in TLS 1.2.
    RsaKeyTransport,
}

/// The server, what it saw, and what clients need to reach it.
pub(crate) struct Stage {
    pub(crate) network: Network,
    pub(crate) at: SocketAddr,
    pub(crate) certificate: CertificateDer<'static>,
    /// What clients trust.
    trusted: CertificateDer<'static>,
    served: Arc<Mutex<Vec<Served>>>,
    /// What the server saw of WebSockets.
    pub(crate) frames: Arc<Frames>,
    refused: Arc<Mutex<Vec<String>>>,
    style: Style,
    key_log: Option<Arc<KeyLogFile>>,
    shutdown: Shutdown,
    server: JoinHandle<Result<(), netkit::Error>>,
}

impl Style {
    fn key_type(self) -> KeyType {
        match self {
            // Its signatures are all of one length.
            Self::Usual => KeyType::Ed25519,
            Self::RsaKeyTransport => KeyType::Rsa,
        }
    }
}

impl Stage {
    /// Makes the certificates and starts the server; `breakage` is what to get wrong.
    pub(crate) fn set(
        network: Network,
        breakage: Option<Breakage>,
        style: Style,
        key_log: Option<Arc<KeyLogFile>>,
    ) -> Result<Self, Failure> {
        let failed = |e| Failure::demo(format!("making certificates: {e}"));
        let ca = DevCa::with("netkit demo CA", KeyType::Ed25519).map_err(failed)?;
        let trusted = match breakage {
            Some(Breakage::Ca) => DevCa::with("another CA", KeyType::Ed25519)
                .map_err(failed)?
                .certificate()
                .clone(),
            _ => ca.certificate().clone(),
        };
        let name = if breakage == Some(Breakage::Name) {
            "wrong.example"
        } else {
            NAME
        };
        let validity = match breakage {
            Some(Breakage::Expired) => {
                dev_ca::lasting(SystemTime::now() - dev_ca::LIFETIME - Duration::from_secs(DAY))
            }
            _ => dev_ca::lasting(SystemTime::now()),
        };
        let signed = ca
            .sign(&dev_ca::names_of(name), style.key_type(), &validity)
            .map_err(failed)?;
        let certificate = signed.certificate.clone();
        let identity = Identity::new(vec![signed.certificate], &signed.key)
            .map_err(|e| Failure::demo(format!("the certificate does not suit its key: {e}")))?;
        let mut config = ServerConfig::new(identity);
        config.alpn = vec![b"http/1.1".to_vec()];
        config.tls12.rsa_key_transport = style == Style::RsaKeyTransport;
        let (served, refused) = (
            Arc::<Mutex<Vec<_>>>::default(),
            Arc::<Mutex<Vec<_>>>::default(),
        );
        let heard = Arc::clone(&refused);
        let shutdown = Shutdown::new();
        let bound = Server::https_with(config)
            .transport(network.server.clone())
            .shutdown(shutdown.clone())
            .on_refusal(move |_, error| push(&heard, error.to_string()))
            .bind(network.server.at(443))?;
        let at = bound.local_addr();
        let (seen, frames) = (Arc::clone(&served), Arc::<Frames>::default());
        let watching = Arc::clone(&frames);
        let server = tokio::spawn(bound.serve(move |request| {
            note(&seen, &request);
            let response = match request.uri().path() {
                echo::PATH => echo::answer(&request, &watching),
                path => Response::new(Body::from(body(path))),
            };
            let thinks = request.uri().path() == ending::PATH;
            async move {
                if thinks {
                    tokio::time::sleep(ending::THINKS).await;
                }
                Ok::<_, Infallible>(response)
            }
        }));
        Ok(Self {
            network,
            at,
            certificate,
            trusted,
            served,
            frames,
            refused,
            style,
            key_log,
            shutdown,
            server,
        })
    }

    /// [`REQUESTS`] requests, one after the other: on one connection if `keep_alive`, else each on its own.
    pub(crate) async fn course(
        &self,
        name: &'static str,
        keep_alive: bool,
    ) -> Result<Course, Failure> {
        let tap = Tap::over(&self.network.client);
        let recorder = Arc::new(Recorder::new());
        let client = self.client(keep_alive, &tap, &recorder)?;
        let mut answered = Vec::new();
        let started = Instant::now();
        for number in 1..=REQUESTS {
            answered.push(self.ask(&client, &format!("/{name}/{number}")).await?);
        }
        let took = started.elapsed();
        Ok(Course {
            name,
            answered,
            passed: tap.passed(),
            heard: recorder.heard(),
            took,
            ended: self.network.elapsed(),
        })
    }

    /// A client that trusts what this stage has it trust.
    pub(crate) fn client(
        &self,
        keep_alive: bool,
        tap: &Tap,
        recorder: &Arc<Recorder>,
    ) -> Result<Client, Failure> {
        let (watch, style) = (Arc::clone(recorder), self.style);
        let mut client = Client::builder()
            .roots(self.roots()?)
            .keep_alive(keep_alive)
            .transport(tap.clone())
            .configure_tls(move |config| {
                config.watch = Some(watch);
                if style == Style::RsaKeyTransport {
                    config.versions = Versions::only(ProtocolVersion::TLS1_2);
                    config.cipher_suites = vec![transport::SUITE];
                    config.tls12.rsa_key_transport = true;
                }
            });
        if let Some(log) = &self.key_log {
            client = client.key_log(Arc::clone(log) as Arc<dyn KeyLog>);
        }
        Ok(client.build()?)
    }

    fn roots(&self) -> Result<Roots, Failure> {
        let mut roots = Roots::new();
        roots
            .add(&self.trusted)
            .map_err(|e| Failure::demo(format!("the CA: {e}")))?;
        Ok(roots)
    }

    /// What a client of TLS alone needs.
    pub(crate) fn client_config(&self) -> Result<ClientConfig, Failure> {
        let mut config = ClientConfig::new(Arc::new(self.roots()?));
        config.alpn.push(b"http/1.1".to_vec());
        config.key_log = self.key_log.clone().map(|log| log as Arc<dyn KeyLog>);
        Ok(config)
    }

    pub(crate) async fn ask(&self, client: &Client, path: &str) -> Result<Answered, Failure> {
        let response = client.get(&url(path)).await?;
        let exchange = response.extensions().get::<Exchange>().cloned();
        let exchange = exchange.ok_or_else(|| Failure::demo("a response without its story"))?;
        let status = response.status();
        let head = format!("HTTP/1.1 {status}\r\n").len() + fields(response.headers());
        let body = response.into_body().collect(1 << 16).await?;
        let octets = head + body.len();
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answered {
            status,
            body,
            exchange,
            octets,
        })
    }

    /// What the server saw so far.
    pub(crate) fn served(&self) -> Vec<Served> {
        self.served
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Why the server turned clients away.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Ends the server, and waits until it has.
    pub(crate) async fn strike(&mut self) -> Result<(), Failure> {
        self.shutdown.begin();
        match (&mut self.server).await {
            Ok(ended) => Ok(ended?),
            Err(error) => Err(Failure::demo(format!("the server: {error}"))),
        }
    }
}

pub(crate) fn url(path: &str) -> String {
    format!("https://{NAME}{path}")
}

/// The body that answers a path.
pub(crate) fn body(path: &str) -> String {
    format!("You asked for {path}.\n")
}

fn note(served: &Mutex<Vec<Served>>, request: &Request<Body>) {
    let arrival = request.extensions().get::<Arrival>();
    let line = format!(
        "{} {} {:?}",
        request.method(),
        request.uri(),
        request.version()
    );
    let octets = line.len() + 2 + fields(request.headers());
    let tls = arrival.and_then(|arrival| arrival.tls.as_ref());
    push(
        served,
        Served {
            line,
            peer: arrival.and_then(|arrival| arrival.peer),
            number: arrival.map_or(0, |arrival| arrival.number),
            server_name: tls.and_then(|agreed| agreed.server_name.clone()),
            octets,
        },
    );
}

/// Octets of the fields and the empty line that ends them (RFC 9112 2.1).
fn fields(headers: &HeaderMap) -> usize {
    let field = |(name, value): (&HeaderName, &HeaderValue)| {
        name.as_str().len() + ": ".len() + value.len() + "\r\n".len()
    };
    headers.iter().map(field).sum::<usize>() + "\r\n".len()
}

fn push<T>(list: &Mutex<Vec<T>>, item: T) {
    list.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(item);
}
