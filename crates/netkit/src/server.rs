use crate::{
    body::Body,
    error::{BoxError, Error, Layer, Stage},
    lenience,
    limits::CONNECTIONS,
    random, serving,
    shutdown::Shutdown,
    timeouts::ServerTimeouts,
    transport::{Listener, Stream, Tcp, Transport},
};
use http::{Request, Response};
use netkit_http::{Leniencies, Leniency};
use netkit_tls::{Identity, ServerConfig, TicketKeys};
use std::{
    fmt, future::poll_fn, io, net::SocketAddr, num::NonZero, sync::Arc, task::Poll, thread,
    time::Duration,
};
use tokio::task::JoinSet;

/// What is done with a request: any `async` closure or function from a request to a response.
///
/// An error or a panic is answered with 500, and the connection ends; an error of the request's body is
/// answered with its own status.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn handle(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Body>, BoxError>> + Send;
}

impl<F, R, E> Handler for F
where
    F: Fn(Request<Body>) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response<Body>, E>> + Send,
    E: Into<BoxError>,
{
    async fn handle(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        self(request).await.map_err(Into::into)
    }
}

type OnRefusal = dyn Fn(Option<SocketAddr>, &Error) + Send + Sync;

/// An HTTP/1.1 server for `http` or `https`: how it is to be. [`bind`](Self::bind) it and
/// [`serve`](Bound::serve) in a runtime of one's own, or [`run`](Self::run) it on every core.
#[derive(Clone)]
pub struct Server {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) timeouts: ServerTimeouts,
    pub(crate) shutdown: Shutdown,
    max_connections: usize,
    on_refusal: Option<Arc<OnRefusal>>,
    pub(crate) lenience: lenience::OfClients,
}

/// A server that listens.
pub struct Bound {
    server: Server,
    listener: Box<dyn Listener>,
    local_addr: SocketAddr,
}

impl Server {
    fn new(tls: Option<ServerConfig>) -> Self {
        Self {
            transport: Arc::new(Tcp),
            tls: tls.map(Arc::new),
            timeouts: ServerTimeouts::default(),
            shutdown: Shutdown::new(),
            max_connections: CONNECTIONS,
            on_refusal: None,
            lenience: lenience::OfClients::default(),
        }
    }

    /// A server without TLS.
    pub fn http() -> Self {
        Self::new(None)
    }

    /// A server with TLS that is `identity`. Clients may resume: it seals their sessions under keys that
    /// nobody else has, and that end with it.
    pub fn https(identity: Identity) -> Self {
        let mut config = ServerConfig::new(identity);
        config.sessions = Some(Arc::new(TicketKeys::new(&mut *random::system())));
        Self::https_with(config)
    }

    /// A server with TLS as `config` says. If that names no application protocol, it is `http/1.1`
    /// or, for clients that offer nothing newer, `http/1.0`.
    pub fn https_with(mut config: ServerConfig) -> Self {
        if config.alpn.is_empty() {
            config.alpn = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
        }
        Self::new(Some(config))
    }

    /// How long to wait in each stage.
    #[must_use]
    pub fn timeouts(mut self, timeouts: ServerTimeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Connections to hold at once, on each thread of [`run`](Self::run); more wait in the kernel.
    /// Default: 10 000.
    #[must_use]
    pub fn max_connections(mut self, count: usize) -> Self {
        self.max_connections = count.max(1);
        self
    }

    /// Where streams come from. The default is [`Tcp`].
    #[must_use]
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Arc::new(transport);
        self
    }

    /// The handle to stop it by.
    #[must_use]
    pub fn shutdown(mut self, handle: Shutdown) -> Self {
        self.shutdown = handle;
        self
    }

    /// Hears of connections that failed: handshakes, bad requests, timeouts, handlers' errors. For a
    /// log.
    #[must_use]
    pub fn on_refusal(
        mut self,
        hear: impl Fn(Option<SocketAddr>, &Error) + Send + Sync + 'static,
    ) -> Self {
        self.on_refusal = Some(Arc::new(hear));
        self
    }

    /// Lets pass what `leniencies` say, of clients that are known to need it. `hear` is told of each that a
    /// request used: the client's address, and the octet of its stream where it showed first.
    #[must_use]
    pub fn lenient(
        mut self,
        leniencies: Leniencies,
        hear: impl Fn(Option<SocketAddr>, Leniency, u64) + Send + Sync + 'static,
    ) -> Self {
        self.lenience = lenience::OfClients::new(leniencies, hear);
        self
    }

    pub(crate) fn refused(&self, peer: Option<SocketAddr>, error: &Error) {
        if let Some(hear) = &self.on_refusal {
            hear(peer, error);
        }
    }

    /// Listens at `at`; port 0 asks for any free one. With [`Tcp`] it has to be called inside a tokio
    /// runtime.
    pub fn bind(self, at: SocketAddr) -> Result<Bound, Error> {
        self.listen(at, false)
    }

    fn listen(self, at: SocketAddr, share: bool) -> Result<Bound, Error> {
        let failed =
            |error: io::Error| Error::io(Stage::Setup, error).about(&format!("listening at {at}"));
        let listener = self.transport.listen(at, share).map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        Ok(Bound {
            server: self,
            listener,
            local_addr,
        })
    }

    /// Serves until its [`Shutdown`] begins, on `threads` threads, 0 for one on every core. Each has a
    /// runtime and a listener of its own (`SO_REUSEPORT`), so connections share nothing but `handler`.
    /// `ready` hears the address.
    ///
    /// Where the system does not balance listeners it is one thread. Call it outside a runtime: it
    /// blocks.
    pub fn run<H: Handler>(
        self,
        at: SocketAddr,
        threads: usize,
        ready: impl FnOnce(SocketAddr),
        handler: H,
    ) -> Result<(), Error> {
        let threads = match NonZero::new(threads) {
            _ if !cfg!(target_os = "linux") => 1,
            Some(threads) => threads.get(),
            None => thread::available_parallelism().map_or(1, NonZero::get),
        };
        let handler = Arc::new(handler);
        let runtime = runtime()?;
        let first = {
            let _inside = runtime.enter();
            self.clone().listen(at, threads > 1)?
        };
        let at = first.local_addr;
        let mut others = Vec::new();
        for _ in 1..threads {
            let runtime = self::runtime()?;
            let bound = {
                let _inside = runtime.enter();
                self.clone().listen(at, true)?
            };
            others.push((runtime, bound));
        }
        ready(at);
        thread::scope(|scope| {
            let others: Vec<_> = others
                .into_iter()
                .map(|(runtime, bound)| {
                    let handler = Arc::clone(&handler);
                    scope.spawn(move || runtime.block_on(bound.serve_with(handler)))
                })
                .collect();
            let mut result = runtime.block_on(first.serve_with(handler));
            for other in others {
                // A panic outside a handler is a bug; the other threads have ended well by now.
                let ended = other
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                result = result.and(ended);
            }
            result
        })
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::io(Stage::Setup, error))
}

/// What ends the wait of the accepting loop.
enum Next {
    Stream(Box<dyn Stream>),
    Failed(io::Error),
    /// A connection ended.
    Ended,
    Stop,
}

impl Bound {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The handle to stop it by.
    pub fn shutdown(&self) -> Shutdown {
        self.server.shutdown.clone()
    }

    /// Serves until its [`Shutdown`] begins and what runs then has ended, in the caller's runtime: one
    /// task a connection. Dropping the future drops every connection.
    ///
    /// It fails only if connections had to be cut after the drain timeout.
    pub async fn serve<H: Handler>(self, handler: H) -> Result<(), Error> {
        self.serve_with(Arc::new(handler)).await
    }

    async fn serve_with<H: Handler>(self, handler: Arc<H>) -> Result<(), Error> {
        let Self {
            server,
            mut listener,
            ..
        } = self;
        let server = Arc::new(server);
        let mut connections = JoinSet::new();
        let mut stop = server.shutdown.waiter();
        loop {
            let next = poll_fn(|cx| {
                if stop.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Next::Stop);
                }
                if let Poll::Ready(Some(_)) = connections.poll_join_next(cx) {
                    return Poll::Ready(Next::Ended);
                }
                if connections.len() >= server.max_connections {
                    return Poll::Pending;
                }
                listener.poll_accept(cx).map(|accepted| match accepted {
                    Ok(stream) => Next::Stream(stream),
                    Err(error) => Next::Failed(error),
                })
            });
            match next.await {
                Next::Stream(stream) => {
                    let (server, handler) = (Arc::clone(&server), Arc::clone(&handler));
                    connections.spawn(serving::serve(server, stream, handler));
                }
                Next::Failed(error) => {
                    let scarce = !is_of_one_connection(&error);
                    server.refused(None, &Error::io(Stage::Connect, error));
                    if scarce {
                        // Out of descriptors, say: others have to end before the next try succeeds.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
                Next::Ended => {}
                Next::Stop => break,
            }
        }
        drop(listener);
        drain(connections, server.timeouts.drain).await
    }
}

/// Errors of accept(2) that concern the connection that was to be accepted, not the next.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NotConnected
            | io::ErrorKind::Interrupted
    )
}

/// Waits for what runs, and cuts what still runs after `after`.
async fn drain(mut connections: JoinSet<()>, after: Duration) -> Result<(), Error> {
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(after, ended).await.is_ok() {
        return Ok(());
    }
    let cut = connections.len();
    connections.shutdown().await;
    Err(Error::new(
        Layer::Http,
        Stage::Drain,
        format!("{cut} connections still ran after {after:?} and were cut"),
    ))
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("tls", &self.tls)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("server", &self.server)
            .field("local_addr", &self.local_addr)
            .finish_non_exhaustive()
    }
}
