use netkit_tls as tls;
use std::{error::Error as StdError, fmt, io, time::Duration};

/// What foreign code (a body, a handler) fails with.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Which layer of the connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// The caller's own side: a URL, a configuration, a file, a body that could not be read.
    Usage,
    /// Finding the addresses of a host name.
    Name,
    /// The reliable byte stream: TCP.
    Transport,
    /// Transport Layer Security, but for the peer's certificate.
    Tls,
    /// The peer's certificate: who it is, and who says so.
    Certificate,
    /// The Hypertext Transfer Protocol.
    Http,
    /// The WebSocket protocol.
    WebSocket,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Usage => "usage",
            Self::Name => "DNS",
            Self::Transport => "TCP",
            Self::Tls => "TLS",
            Self::Certificate => "certificate",
            Self::Http => "HTTP",
            Self::WebSocket => "WebSocket",
        })
    }
}

/// What was being done. Every timeout belongs to one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Before any connection: URL, configuration, files.
    Setup,
    /// The client looks up the host's addresses.
    Resolve,
    /// The client dials.
    Connect,
    /// Either side: TLS handshake.
    TlsHandshake,
    /// The client writes its request.
    SendRequest,
    /// The client waits for the head of the response.
    ResponseHead,
    /// The client reads the body of the response.
    ResponseBody,
    /// The server reads the head of a request.
    RequestHead,
    /// The server reads the body of a request.
    RequestBody,
    /// The server waits for its handler.
    Handler,
    /// The server writes its response.
    SendResponse,
    /// The server waits for another request on the same connection.
    Idle,
    /// The server finishes what runs, after it was told to stop.
    Drain,
    /// Either side of a WebSocket exchanges frames.
    Frames,
    /// Either side of a WebSocket writes a frame.
    SendFrame,
    /// Either side of a WebSocket waits for a sign of life.
    Pong,
    /// Either side of a WebSocket waits for the other to close it.
    Close,
    /// A body, or a TLS stream, by itself.
    Stream,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Setup => "setup",
            Self::Resolve => "looking up the host",
            Self::Connect => "connecting",
            Self::TlsHandshake => "handshake",
            Self::SendRequest => "sending the request",
            Self::ResponseHead => "waiting for the response",
            Self::ResponseBody => "reading the response body",
            Self::RequestHead => "reading the request",
            Self::RequestBody => "reading the request body",
            Self::Handler => "handling the request",
            Self::SendResponse => "sending the response",
            Self::Idle => "waiting for another request",
            Self::Drain => "finishing after shutdown",
            Self::Frames => "exchanging frames",
            Self::SendFrame => "sending a frame",
            Self::Pong => "waiting for a pong",
            Self::Close => "closing the WebSocket",
            Self::Stream => "streaming",
        })
    }
}

/// Why a client, a server or a stream failed: the layer, the stage, the reason, and what to try.
///
/// `Display` speaks of this layer alone, in one line; [`source`](StdError::source) has the rest, and
/// [`report`](Self::report) puts all of it together for a terminal.
pub struct Error(Box<Inner>);

struct Inner {
    layer: Layer,
    stage: Stage,
    why: String,
    kind: Kind,
    advice: Option<&'static str>,
    diagnosis: Option<String>,
    source: Option<BoxError>,
}

/// What a caller may want to treat apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Timeout,
    /// A body is longer than its reader allows.
    TooLong,
}

impl Error {
    pub(crate) fn new(layer: Layer, stage: Stage, why: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            layer,
            stage,
            why: why.into(),
            kind: Kind::Plain,
            advice: None,
            diagnosis: None,
            source: None,
        }))
    }

    pub(crate) fn advise(mut self, advice: &'static str) -> Self {
        self.0.advice = Some(advice);
        self
    }

    pub(crate) fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn diagnosed(mut self, diagnosis: Option<String>) -> Self {
        self.0.diagnosis = diagnosis;
        self
    }

    pub(crate) fn usage(why: impl Into<String>) -> Self {
        Self::new(Layer::Usage, Stage::Setup, why)
    }

    pub(crate) fn timeout(stage: Stage, after: Duration) -> Self {
        let layer = match stage {
            Stage::Resolve => Layer::Name,
            Stage::Connect => Layer::Transport,
            Stage::TlsHandshake | Stage::Stream => Layer::Tls,
            Stage::Setup | Stage::Handler => Layer::Usage,
            Stage::SendRequest
            | Stage::ResponseHead
            | Stage::ResponseBody
            | Stage::RequestHead
            | Stage::RequestBody
            | Stage::SendResponse
            | Stage::Idle
            | Stage::Drain => Layer::Http,
            Stage::Frames | Stage::SendFrame | Stage::Pong | Stage::Close => Layer::WebSocket,
        };
        let mut error = Self::new(layer, stage, format!("timed out after {after:?}"))
            .advise("raise the stage's timeout if the peer is known to be this slow");
        error.0.kind = Kind::Timeout;
        error
    }

    /// A body is longer than the `limit` octets that its reader allows.
    pub(crate) fn too_long(limit: usize) -> Self {
        let why = format!("the body is longer than the {limit} octets allowed");
        let mut error = Self::new(Layer::Usage, Stage::Stream, why);
        error.0.kind = Kind::TooLong;
        error
    }

    pub(crate) fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The transport failed. An [`Error`] that travelled inside comes out again as it was.
    pub(crate) fn io(stage: Stage, error: io::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(ours) => return ours,
            Err(error) => error,
        };
        let advice = match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                "nothing listens there: check the port, and that the server runs"
            }
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                "the peer dropped the connection: its log may say why"
            }
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
                "there is no route to that address: check the network"
            }
            io::ErrorKind::AddrInUse => "another program listens there: choose another port",
            io::ErrorKind::PermissionDenied => {
                "the system refuses it: ports below 1024 need privileges"
            }
            _ => return Self::new(Layer::Transport, stage, error.to_string()).because(error),
        };
        Self::new(Layer::Transport, stage, error.to_string())
            .because(error)
            .advise(advice)
    }

    /// The TLS machine refused.
    pub(crate) fn tls(stage: Stage, error: tls::Error) -> Self {
        let (layer, advice) = match error {
            tls::Error::PeerCertificate(refused) => {
                (Layer::Certificate, certificate_advice(refused))
            }
            tls::Error::Truncated => (
                Layer::Tls,
                "the connection was cut, by the peer or on the way: what arrived is incomplete; try again",
            ),
            tls::Error::PeerAlert(_) => (
                Layer::Tls,
                "the peer refused: its log may say what does not suit it (version, cipher suite, name, certificate)",
            ),
            tls::Error::PeerNotTls(tls::Spoken::HttpRequest | tls::Spoken::HttpConnect) => {
                (Layer::Tls, "the client has to use https for this port")
            }
            tls::Error::PeerNotTls(_) => (
                Layer::Tls,
                "the peer does not speak TLS on this port: check the port, or use http",
            ),
            tls::Error::MisuseCertificate(_)
            | tls::Error::MisuseKey
            | tls::Error::MisuseKeyMismatch
            | tls::Error::MisuseNotOpen
            | tls::Error::MisuseConfig(_) => {
                (Layer::Usage, "correct the TLS configuration on this side")
            }
            _ => (
                Layer::Tls,
                "the peer does not suit this side's configuration, or breaks TLS's rules",
            ),
        };
        Self::new(layer, stage, error.to_string())
            .because(error)
            .advise(advice)
    }

    /// The HTTP machine refused.
    pub(crate) fn http(stage: Stage, error: netkit_http::Error) -> Self {
        Self::new(Layer::Http, stage, error.to_string()).because(error)
    }

    /// The HTTP machine refused what arrived.
    pub(crate) fn refused(stage: Stage, failure: netkit_http::Failure) -> Self {
        Self::new(Layer::Http, stage, failure.to_string()).because(failure.error)
    }

    /// The WebSocket machine or handshake refused.
    pub(crate) fn ws(stage: Stage, error: netkit_ws::Error) -> Self {
        use netkit_ws::Error as Refused;
        let refused = Self::new(Layer::WebSocket, stage, error.to_string()).because(error);
        match error {
            Refused::PeerStatus => {
                refused.advise("check the path: this one may not be a WebSocket's")
            }
            Refused::Truncated => {
                refused.advise("the connection was cut, by the peer or on the way: try again")
            }
            _ => refused,
        }
    }

    /// The same error, with what it was about in front.
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.0.why = format!("{what}: {}", self.0.why);
        self
    }

    /// A request's body is read after its connection is gone.
    pub(crate) fn abandoned() -> Self {
        Self::new(
            Layer::Http,
            Stage::RequestBody,
            "the connection that the body came on is gone",
        )
        .advise("read the body before the response is complete")
    }

    /// The error of the HTTP machine underneath, if it was one.
    pub(crate) fn http_error(&self) -> Option<netkit_http::Error> {
        self.0.source.as_deref()?.downcast_ref().copied()
    }

    /// A body or handler of the caller's failed. An [`Error`] comes out as it was.
    pub(crate) fn foreign(stage: Stage, error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => *ours,
            Err(error) => Self::new(Layer::Usage, stage, error.to_string()).because(error),
        }
    }

    /// The layer that failed.
    pub fn layer(&self) -> Layer {
        self.0.layer
    }

    /// What was being done.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// Whether the [`stage`](Self::stage) took longer than it may.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == Kind::Timeout
    }

    /// What to try.
    pub fn advice(&self) -> Option<&str> {
        self.0.advice
    }

    /// Why a certificate was refused, in several lines for a person: both names, the dates, the
    /// issuer that is missing.
    pub fn diagnosis(&self) -> Option<&str> {
        self.0.diagnosis.as_deref()
    }

    /// Everything there is to say, in several lines for a terminal.
    pub fn report(&self) -> String {
        let mut report = self.to_string();
        let mut said = self.0.why.clone();
        let mut next = self.source();
        while let Some(error) = next {
            let text = error.to_string();
            if !said.contains(&text) {
                report.push_str("\n  because: ");
                report.push_str(&text);
                said = text;
            }
            next = error.source();
        }
        for line in self.diagnosis().into_iter().flat_map(str::lines) {
            // Its first line may be what the error says already.
            if !self.0.why.ends_with(line) {
                report.push_str("\n  ");
                report.push_str(line);
            }
        }
        if let Some(advice) = self.advice() {
            report.push_str("\n  try: ");
            report.push_str(advice);
        }
        report
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            layer, stage, why, ..
        } = &*self.0;
        write!(f, "{layer}: {stage}: {why}")
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

/// What to try when a certificate was refused.
fn certificate_advice(refused: netkit_x509::Error) -> &'static str {
    use netkit_x509::Error as Refused;
    match refused {
        Refused::Expired { .. } | Refused::NotYetValid { .. } => {
            "check this machine's clock; if it is right, the server needs a new certificate"
        }
        Refused::NameMismatch => "ask for a name that the certificate is for",
        Refused::UnknownIssuer => {
            "if you know the issuing CA to be yours, trust its certificate (a PEM file)"
        }
        _ => "the server's operator has to replace the certificate: send this server nothing",
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Layer, Stage};
    use std::{io, time::Duration};

    #[test]
    fn one_line_names_layer_stage_and_reason_and_the_report_adds_the_rest() {
        let error = Error::io(Stage::Connect, io::ErrorKind::ConnectionRefused.into());
        assert_eq!(error.to_string(), "TCP: connecting: connection refused");
        assert!(error.report().contains("\n  try: nothing listens there"));
        assert_eq!(error.layer(), Layer::Transport);
    }

    #[test]
    fn an_error_survives_a_trip_through_io() {
        let error = Error::timeout(Stage::RequestBody, Duration::from_secs(3));
        let back = Error::io(Stage::Stream, io::Error::other(error));
        assert!(back.is_timeout());
        assert_eq!(back.stage(), Stage::RequestBody);
    }
}
