use crate::{
    body::Body,
    coding,
    connection::Connection,
    dial::{self, Target, Trust},
    error::{Error, Stage},
    exchange::{Failed, Running},
    lenience,
    limits::IDLE_PER_HOST,
    pool::{Conn, Origin, Pool},
    random, roots,
    span::{self, Span},
    switched::Switched,
    timeouts::ClientTimeouts,
    transport::{Tcp, Transport},
    websocket::{self, WebSocket},
};
use http::{
    HeaderValue, Method, Request, Response, Uri,
    header::{CONNECTION, HOST},
    request::Parts,
    uri::Scheme,
};
use netkit_http::{Leniencies, Leniency, Version, limits::CodingLimits};
use netkit_tls::{ClientConfig, ClientSessionMemory, DangerousAcceptAny, KeyLog};
use netkit_ws::handshake::Opening;
use netkit_x509::Roots;
use std::{fmt, sync::Arc, time::Duration};

/// An HTTP/1.1 client for `http` and `https`. Its clones share its pool of connections.
///
/// A connection belongs to one exchange until the response's body has been read to its end; then the
/// next request to the same origin may use it. Redirects are returned, not followed. Nothing runs in
/// the background: requests and bodies make progress while they are polled.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

/// What every request of a client needs.
pub(crate) struct Shared {
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) trust: Trust,
    pub(crate) timeouts: ClientTimeouts,
    pub(crate) pool: Pool,
    pub(crate) keep_alive: bool,
    pub(crate) version: Version,
    pub(crate) connect_to: Option<(String, u16)>,
    pub(crate) lenience: lenience::OfServers,
    /// Content codings are asked for and taken off.
    pub(crate) decode: Option<CodingLimits>,
}

type Configure = Box<dyn FnOnce(&mut ClientConfig) + Send>;

/// What a [`Client`] is made of.
pub struct ClientBuilder {
    transport: Box<dyn Transport>,
    roots: Option<Arc<Roots>>,
    tls: Option<ClientConfig>,
    accept_any: bool,
    key_log: Option<Arc<dyn KeyLog>>,
    configure: Vec<Configure>,
    timeouts: ClientTimeouts,
    keep_alive: bool,
    idle_per_host: usize,
    idle_for: Duration,
    version: Version,
    connect_to: Option<String>,
    lenience: lenience::OfServers,
    decode: Option<CodingLimits>,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            transport: Box::new(Tcp),
            roots: None,
            tls: None,
            accept_any: false,
            key_log: None,
            configure: Vec::new(),
            timeouts: ClientTimeouts::default(),
            keep_alive: true,
            idle_per_host: IDLE_PER_HOST,
            idle_for: Duration::from_secs(50),
            version: Version::Http11,
            connect_to: None,
            lenience: lenience::OfServers::default(),
            decode: None,
        }
    }
}

impl ClientBuilder {
    /// Where trust begins. The default is [`roots::system`].
    #[must_use]
    pub fn roots(mut self, roots: impl Into<Arc<Roots>>) -> Self {
        self.roots = Some(roots.into());
        self
    }

    /// The whole TLS configuration. Its verifier judges the servers; [`roots`](Self::roots) then serve
    /// for the diagnosis of a refusal only.
    #[must_use]
    pub fn tls(mut self, config: ClientConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// Has the last word on the TLS configuration: cipher suites, groups, versions, a watch.
    #[must_use]
    pub fn configure_tls(
        mut self,
        configure: impl FnOnce(&mut ClientConfig) + Send + 'static,
    ) -> Self {
        self.configure.push(Box::new(configure));
        self
    }

    /// Accepts every certificate: **whoever stands on the wire can then read and change everything**.
    #[must_use]
    pub fn danger_accept_any_certificate(mut self) -> Self {
        self.accept_any = true;
        self
    }

    /// Takes the secrets of every connection (RFC 9850), with which a capture can be read.
    #[must_use]
    pub fn key_log(mut self, log: Arc<dyn KeyLog>) -> Self {
        self.key_log = Some(log);
        self
    }

    /// How long to wait in each stage.
    #[must_use]
    pub fn timeouts(mut self, timeouts: ClientTimeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Without: every request has a connection of its own, and says `Connection: close`.
    #[must_use]
    pub fn keep_alive(mut self, on: bool) -> Self {
        self.keep_alive = on;
        self
    }

    /// Idle connections to keep for each origin. Default: 8.
    #[must_use]
    pub fn idle_per_host(mut self, count: usize) -> Self {
        self.idle_per_host = count;
        self
    }

    /// How long a connection may be idle and be used again. Default: 50 s, less than servers allow.
    #[must_use]
    pub fn idle_for(mut self, idle: Duration) -> Self {
        self.idle_for = idle;
        self
    }

    /// Speaks HTTP/1.0: no chunks, one request a connection.
    #[must_use]
    pub fn http1_0(mut self, on: bool) -> Self {
        self.version = if on { Version::Http10 } else { Version::Http11 };
        self
    }

    /// Dials `HOST:PORT` whatever the URL says. The name that a certificate has to be for, and `Host`,
    /// stay the URL's.
    #[must_use]
    pub fn connect_to(mut self, authority: impl Into<String>) -> Self {
        self.connect_to = Some(authority.into());
        self
    }

    /// Asks for gzip and deflate, and decodes what comes in one of them: Content-Encoding and Content-Length then
    /// disappear from the response's head, [`Exchange::decoded`](crate::Exchange::decoded) says which it was,
    /// and a body that is not what its coding says fails, or is more than `limits` allow.
    ///
    /// A request with an Accept-Encoding of its own keeps it; one with a Range asks for no coding, and a part
    /// is not decoded. Off by default.
    #[must_use]
    pub fn decode(mut self, limits: CodingLimits) -> Self {
        self.decode = Some(limits);
        self
    }

    /// Lets pass what `leniencies` say, of servers that are known to need it. `hear` is told of each that a
    /// response used: the server's host and port, and the octet of its stream where it showed first.
    #[must_use]
    pub fn lenient(
        mut self,
        leniencies: Leniencies,
        hear: impl Fn((String, u16), Leniency, u64) + Send + Sync + 'static,
    ) -> Self {
        self.lenience = lenience::OfServers::new(leniencies, hear);
        self
    }

    /// Where streams come from. The default is [`Tcp`].
    #[must_use]
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Box::new(transport);
        self
    }

    /// The client; loads the system's roots if no others were named.
    pub fn build(self) -> Result<Client, Error> {
        let roots = match self.roots {
            Some(roots) => Some(roots),
            None if self.accept_any || self.tls.is_some() => None,
            None => Some(Arc::new(roots::system()?)),
        };
        let given = self.tls.is_some();
        let mut config = match (self.tls, &roots) {
            (Some(config), _) => config,
            (None, Some(roots)) => ClientConfig::new(Arc::clone(roots)),
            (None, None) => ClientConfig::with_verifier(Arc::new(DangerousAcceptAny)),
        };
        // A configuration that was given decides for itself.
        if !given {
            config.sessions = Some(Arc::new(ClientSessionMemory::default()));
        }
        if self.accept_any {
            config.verifier = Some(Arc::new(DangerousAcceptAny));
        }
        if self.key_log.is_some() {
            config.key_log = self.key_log;
        }
        if config.alpn.is_empty() {
            config.alpn.push(b"http/1.1".to_vec());
        }
        for configure in self.configure {
            configure(&mut config);
        }
        let connect_to = self.connect_to.map(|to| host_and_port(&to)).transpose()?;
        Ok(Client {
            shared: Arc::new(Shared {
                transport: self.transport,
                trust: Trust {
                    config: Arc::new(config),
                    roots,
                },
                timeouts: self.timeouts,
                pool: Pool::new(self.idle_per_host, self.idle_for),
                keep_alive: self.keep_alive,
                version: self.version,
                connect_to,
                lenience: self.lenience,
                decode: self.decode,
            }),
        })
    }
}

/// `HOST:PORT`, the host in brackets if it is an IPv6 address.
fn host_and_port(text: &str) -> Result<(String, u16), Error> {
    text.parse::<http::uri::Authority>()
        .ok()
        .and_then(|authority| Some((bare(authority.host()).to_owned(), authority.port_u16()?)))
        .ok_or_else(|| {
            Error::usage(format!("{text:?} is not HOST:PORT")).advise("write example.com:443")
        })
}

/// A host without the brackets around an IPv6 address.
fn bare(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host)
}

impl Client {
    /// A client with the system's roots and every default.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// What a client is made of, to change some of it.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Fetches `url`.
    pub async fn get(&self, url: &str) -> Result<Response<Body>, Error> {
        let mut request = Request::new(());
        *request.uri_mut() = parsed(
            url,
            "write https://host/path, with other than ASCII characters as %XX",
        )?;
        self.request(request).await
    }

    /// Opens a WebSocket at `url`, `ws://` or `wss://`, with every default.
    pub async fn websocket(&self, url: &str) -> Result<WebSocket, Error> {
        let mut request = Request::new(());
        *request.uri_mut() = parsed(url, "write wss://host/path")?;
        self.websocket_with(request, &websocket::Config::default())
            .await
    }

    /// Opens a WebSocket as `config` says. The request's URI says where, `ws` or `wss`; its fields,
    /// `Origin` or `Cookie` say, go along.
    ///
    /// An answer other than the switch is an error that names its status.
    pub async fn websocket_with(
        &self,
        mut request: Request<()>,
        config: &websocket::Config,
    ) -> Result<WebSocket, Error> {
        let refused = |error| Error::ws(Stage::ResponseHead, error);
        *request.uri_mut() = over_http(request.uri())?;
        let mut random = random::system();
        let opening = Opening::new(config.handshake(), &mut *random)
            .map_err(|error| Error::ws(Stage::Setup, error))?;
        for (name, value) in opening.fields() {
            let value = HeaderValue::try_from(value).map_err(|error| {
                Error::usage("a subprotocol cannot stand in a field").because(error)
            })?;
            request.headers_mut().insert(name, value);
        }
        let mut response = self.request(request.map(|()| Body::empty())).await?;
        let fields = response.headers().iter();
        let fields: Vec<_> = fields
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let agreed = opening
            .check(response.status().into(), fields.into_iter())
            .map_err(|error| refused(error).about(&response.status().to_string()))?;
        let switched = Switched::take(&mut response);
        let switched = switched.ok_or_else(|| refused(netkit_ws::Error::PeerStatus))?;
        let machine = netkit_ws::Connection::client(&agreed, config.limits, random);
        let socket = websocket::Socket::client(switched, machine, config);
        Ok(WebSocket::new(socket, agreed.protocol))
    }

    /// Sends `request`, whose URI says where to, and waits for the head of the response.
    ///
    /// `Host` is added. An idempotent request (RFC 9110 9.2.2) whose body is in memory is sent once
    /// more, on a new connection, if a pooled one turns out to have ended before an octet of the
    /// response came. The connection's story is in the response's extensions as an
    /// [`Exchange`](crate::Exchange). Where the response ends HTTP on the connection (101, or a success to
    /// CONNECT), [`Switched::take`](crate::Switched::take) has what comes next.
    ///
    /// The URI of a CONNECT is `host:port`, where the tunnel goes to; the proxy that makes it is what
    /// [`connect_to`](ClientBuilder::connect_to) names.
    pub async fn request<B: Into<Body>>(
        &self,
        request: Request<B>,
    ) -> Result<Response<Body>, Error> {
        let (parts, body) = request.into_parts();
        let span = Span::exchange(&parts);
        let answered = span.run(self.answered(parts, body.into())).await;
        match &answered {
            Ok(response) => span.status(response.status()),
            Err(error) => span.failed(error),
        }
        answered
    }

    async fn answered(&self, mut parts: Parts, body: Body) -> Result<Response<Body>, Error> {
        let shared = &self.shared;
        let origin = origin(&parts)?;
        self.complete(&mut parts)?;
        let target = target(&parts);
        let may_share = shared.keep_alive && parts.method != Method::CONNECT;
        let pooled = may_share.then(|| shared.pool.take(&origin));
        let Some(conn) = pooled.flatten() else {
            return self.fresh((&parts, &target, body), &origin).await;
        };
        let again = body.again().filter(|_| parts.method.is_idempotent());
        let failed = match self.exchange(conn, (&parts, &target, body), &origin).await {
            Ok(response) => return Ok(response),
            Err(failed) => failed,
        };
        match again.filter(|_| failed.silent && !failed.error.is_timeout()) {
            Some(body) => self.fresh((&parts, &target, body), &origin).await,
            None => Err(failed.error),
        }
    }

    /// Adds what the caller need not say.
    fn complete(&self, parts: &mut Parts) -> Result<(), Error> {
        if !parts.headers.contains_key(HOST) {
            let host = parts.uri.host().unwrap_or_default();
            let value = match parts.uri.port_u16() {
                Some(port) if Some(port) != default_port(parts) => {
                    HeaderValue::try_from(format!("{host}:{port}"))
                }
                _ => HeaderValue::try_from(host),
            };
            let value = value
                .map_err(|error| Error::usage("the host cannot stand in a field").because(error))?;
            parts.headers.insert(HOST, value);
        }
        if !self.shared.keep_alive && !parts.headers.contains_key(CONNECTION) {
            let close = HeaderValue::from_static("close");
            parts.headers.insert(CONNECTION, close);
        }
        if self.shared.decode.is_some() {
            coding::ask(&mut parts.headers);
        }
        Ok(())
    }

    /// The exchange on a new connection.
    async fn fresh(
        &self,
        request: (&Parts, &str, Body),
        origin: &Origin,
    ) -> Result<Response<Body>, Error> {
        let shared = &self.shared;
        let target = Target {
            host: &origin.host,
            port: origin.port,
            instead: shared.connect_to.as_ref(),
            tls: origin.https.then_some(&shared.trust),
        };
        let (wire, facts) = dial::dial(&*shared.transport, &target, &shared.timeouts).await?;
        span::dialled(&facts);
        let machine = netkit_http::Client::default().lenient(shared.lenience.leniencies);
        let told = shared.lenience.of((origin.host.clone(), origin.port));
        let conn = Conn {
            link: Connection::new(wire, machine, told),
            facts: Arc::new(facts),
            requests: 0,
        };
        let done = self.exchange(Box::new(conn), request, origin).await;
        done.map_err(|failed| failed.error)
    }

    async fn exchange(
        &self,
        conn: Box<Conn>,
        request: (&Parts, &str, Body),
        origin: &Origin,
    ) -> Result<Response<Body>, Failed> {
        let shared = Arc::clone(&self.shared);
        Running::start(conn, request, shared, origin.clone())?
            .response()
            .await
    }
}

fn parsed(url: &str, advice: &'static str) -> Result<Uri, Error> {
    url.parse().map_err(|error| {
        Error::usage(format!("{url:?} is not a URL: {error}"))
            .because(error)
            .advise(advice)
    })
}

/// A WebSocket's URL (RFC 6455 3) as the one of its handshake.
fn over_http(uri: &Uri) -> Result<Uri, Error> {
    let scheme = match uri.scheme_str() {
        Some("ws") => Scheme::HTTP,
        Some("wss") => Scheme::HTTPS,
        _ => {
            return Err(
                Error::usage(format!("{uri} is not a WebSocket's URL")).advise("use ws or wss")
            );
        }
    };
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(scheme);
    Uri::from_parts(parts)
        .map_err(|error| Error::usage(format!("{uri} is not a WebSocket's URL")).because(error))
}

/// Where the request goes.
fn origin(parts: &Parts) -> Result<Origin, Error> {
    let uri = &parts.uri;
    if parts.method == Method::CONNECT {
        return tunnel(uri);
    }
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host().filter(|host| !host.is_empty()))
    else {
        return Err(
            Error::usage(format!("{uri} is not an absolute URL")).advise("write https://host/path")
        );
    };
    let Some(default) = default_port(parts) else {
        return Err(
            Error::usage(format!("the scheme {scheme} is not supported"))
                .advise("use http or https"),
        );
    };
    // The port that is written, if any: one that is no number of 16 bits must not become the default.
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let written = authority.rsplit('@').next().unwrap_or_default();
    let port = match written
        .strip_prefix(host)
        .and_then(|rest| rest.strip_prefix(':'))
    {
        None | Some("") => default,
        Some(written) => uri.port_u16().ok_or_else(|| {
            Error::usage(format!("{written} is not a port")).advise("ports go up to 65535")
        })?,
    };
    Ok(Origin {
        https: scheme == "https",
        host: bare(host).to_ascii_lowercase(),
        port,
    })
}

/// RFC 9112 3.2.3: host and port, no more. The proxy is spoken to without TLS.
fn tunnel(uri: &Uri) -> Result<Origin, Error> {
    let end = uri.authority().filter(|_| uri.path_and_query().is_none());
    let end = end.and_then(|end| Some((end.host(), end.port_u16()?)));
    let (host, port) = end.ok_or_else(|| {
        Error::usage(format!("{uri} is not where a tunnel can go")).advise("write host:port")
    })?;
    Ok(Origin {
        https: false,
        host: bare(host).to_ascii_lowercase(),
        port,
    })
}

fn default_port(parts: &Parts) -> Option<u16> {
    match parts.uri.scheme_str()? {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// The origin-form of the target (RFC 9112 3.2.1), or a CONNECT's authority-form (3.2.3).
fn target(parts: &Parts) -> String {
    match parts.uri.path_and_query() {
        None if parts.method == Method::CONNECT => parts.uri.to_string(),
        Some(target) if target.as_str().starts_with('/') => target.as_str().to_owned(),
        Some(target) => format!("/{target}"),
        None => "/".to_owned(),
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("timeouts", &self.shared.timeouts)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").finish_non_exhaustive()
    }
}
