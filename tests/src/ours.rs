//! netkit's own server in a thread, answering what the tests ask.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use netkit::http::header::CONTENT_ENCODING;
use netkit::http::{HeaderValue, Method, Request, Response, StatusCode};
use netkit::tls::{Agreed, ServerConfig};
use netkit::{Arrival, Body, Coding, Handler, Server, Shutdown, Transport, WebSocket, websocket};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use crate::cases;
use crate::certificates::Leaf;
use crate::octets::{Check, Octets};
use crate::process::PATIENCE;

/// A running server; it ends when dropped.
pub struct Ours {
    /// Where it listens.
    pub at: SocketAddr,
    refusals: Arc<Mutex<Vec<String>>>,
    shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
}

impl Ours {
    /// HTTPS with this certificate; `configure` has the last word.
    pub fn https(leaf: &Leaf, configure: impl FnOnce(&mut ServerConfig)) -> Result<Self, Failed> {
        let mut config = ServerConfig::new(leaf.identity()?);
        configure(&mut config);
        Self::start(Server::https_with(config), always(answer))
    }

    /// HTTP.
    pub fn http() -> Result<Self, Failed> {
        Self::start(Server::http(), always(answer))
    }

    /// HTTP, answering as the shared cases want it.
    pub fn cases() -> Result<Self, Failed> {
        Self::start(Server::http(), cases::answer)
    }

    /// HTTP at `at` of another TCP: what `open` makes in the server's own runtime.
    pub fn over<T: Transport>(
        at: SocketAddr,
        open: impl FnOnce() -> Result<T, Failed> + Send + 'static,
    ) -> Result<Self, Failed> {
        Self::run(Server::http(), always(answer), at, move |server| {
            Ok(server.transport(open()?))
        })
    }

    fn start(server: Server, handler: impl Handler) -> Result<Self, Failed> {
        Self::run(server, handler, (Ipv4Addr::LOCALHOST, 0).into(), Ok)
    }

    /// `last` has the last word on the server, inside of its runtime.
    fn run(
        server: Server,
        handler: impl Handler,
        at: SocketAddr,
        last: impl FnOnce(Server) -> Result<Server, Failed> + Send + 'static,
    ) -> Result<Self, Failed> {
        let shutdown = Shutdown::new();
        let refusals = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&refusals);
        let server = server
            .shutdown(shutdown.clone())
            .on_refusal(move |_, error| {
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(error.report());
            });
        let (ready, listening) = mpsc::channel();
        let thread = thread::spawn(move || {
            let ended = block_on(async {
                let bound = last(server)?.bind(at)?;
                let _ = ready.send(bound.local_addr());
                bound.serve(handler).await?;
                Ok::<_, Failed>(())
            });
            if let Err(error) = ended {
                panic!("our server: {}", error.message().unwrap_or("failed"));
            }
        });
        let at = listening.recv_timeout(PATIENCE)?;
        Ok(Self {
            at,
            refusals,
            shutdown,
            thread: Some(thread),
        })
    }

    /// `https://localhost:PORT` and the path.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.at.port())
    }

    /// Waits until the server has refused a connection in these words.
    pub fn refused(&self, words: &str) -> Result<(), Failed> {
        let until = Instant::now() + PATIENCE / 2;
        loop {
            let refusals = self
                .refusals
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            if refusals.iter().any(|refusal| refusal.contains(words)) {
                return Ok(());
            }
            crate::ensure!(Instant::now() < until, "no {words:?} in {refusals:#?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.shutdown.begin();
        let ended = self
            .thread
            .take()
            .is_none_or(|thread| thread.join().is_ok());
        assert!(ended || thread::panicking(), "our server panicked");
    }
}

/// A handler that always has an answer.
fn always<F>(answer: impl Fn(Request<Body>) -> F + Send + Sync + 'static) -> impl Handler
where
    F: Future<Output = Response<Body>> + Send + 'static,
{
    move |request| {
        let answered = answer(request);
        async { Ok::<_, Infallible>(answered.await) }
    }
}

/// Runs a future on this thread, with sockets and timers.
///
/// # Panics
/// If the system has no file descriptors left.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .expect("a runtime needs only file descriptors")
        .block_on(future)
}

/// `/ws` is a WebSocket that echoes, `/octets/N` has that many octets, `/chunked/N` too but does not say so, `/gzip/N` and `/deflate/N` have them coded; what is posted is checked;
/// anything else tells what TLS agreed on.
async fn answer(request: Request<Body>) -> Response<Body> {
    if request.uri().path() == "/ws" {
        return websocket::accept(&request, echo);
    }
    if matches!(*request.method(), Method::POST | Method::PUT) {
        return check(request.into_body()).await;
    }
    let path = request.uri().path();
    let count = |prefix: &str| {
        path.strip_prefix(prefix)
            .and_then(|count: &str| count.parse().ok())
    };
    if let Some(count) = count("/octets/") {
        return Response::new(Body::read(Octets::new(count), Some(count)));
    }
    if let Some(count) = count("/chunked/") {
        return Response::new(Body::read(Octets::new(count), None));
    }
    for coding in Coding::ALL {
        if let Some(count) = count(&format!("/{}/", coding.name())) {
            let body = Body::read(Octets::new(count), Some(count)).encoded(coding, 6);
            let mut response = Response::new(body);
            let name = HeaderValue::from_static(coding.name());
            response.headers_mut().insert(CONTENT_ENCODING, name);
            return response;
        }
    }
    // These break off after one octet too few.
    if let Some(length) = path.strip_prefix("/cut/") {
        let announced = (length == "octets").then_some(CUT + 1);
        let broken = Octets::new(CUT).chain(Broken);
        return Response::new(Body::read(broken, announced));
    }
    let arrival = request.extensions().get::<Arrival>();
    let tls = arrival.and_then(|arrival| arrival.tls.as_deref());
    let number = arrival.map_or(0, |arrival| arrival.number);
    Response::new(Body::from(format!(
        "request {number} for {path}, {}\n",
        words(tls)
    )))
}

async fn echo(mut socket: WebSocket) {
    let mut message = Vec::new();
    while let Ok(Some(kind)) = socket.recv_into(&mut message).await {
        if socket.send_piece(kind, &message, true).await.is_err() {
            return;
        }
    }
}

/// Where what is cut breaks off: long after its head has left.
const CUT: u64 = 1 << 20;

/// A source that fails at once.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Ready(Err(std::io::Error::other("broken on purpose")))
    }
}

fn words(agreed: Option<&Agreed>) -> String {
    let Some(agreed) = agreed else {
        return "without TLS".to_owned();
    };
    format!(
        "{} {} {} {} name={} alpn={} retry={}",
        agreed.version,
        agreed.cipher_suite,
        agreed.key_exchange(),
        agreed
            .signature_scheme
            .map_or("unsigned".to_owned(), |scheme| scheme.to_string()),
        agreed.server_name.as_deref().unwrap_or("none"),
        agreed
            .alpn
            .as_deref()
            .map_or("none".into(), String::from_utf8_lossy),
        agreed.hello_retry,
    )
}

async fn check(mut body: Body) -> Response<Body> {
    let announced = body.length();
    let mut check = Check::default();
    while let Some(piece) = body.chunk().await {
        let wrong = match piece {
            Ok(piece) => check.next(&piece).err(),
            Err(error) => Some(error.report()),
        };
        if let Some(wrong) = wrong {
            let mut response = Response::new(Body::from(wrong));
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            return response;
        }
    }
    Response::new(Body::from(format!(
        "{} octets, announced {announced:?}\n",
        check.end()
    )))
}
