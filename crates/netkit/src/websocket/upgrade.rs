//! From a handler's request to a WebSocket.

use super::{Config, WebSocket};
use crate::{body::Body, serving::Arrival, switched::TakeOver};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use netkit_ws::{
    Answer, Connection,
    handshake::{self, Offer, OwnedFields},
};

/// A request that asks for a WebSocket.
#[derive(Debug)]
pub struct Upgrade {
    offer: Offer,
    arrival: Option<Arrival>,
}

impl Upgrade {
    /// Reads a request. The error is the response to it: 400, 405, 426 or 505, with what has to be in it.
    ///
    /// A request without an upgrade is refused with 426: a handler that has something else to say to
    /// those looks first.
    #[expect(clippy::result_large_err, reason = "it is what the handler returns")]
    pub fn of<B>(request: &Request<B>) -> Result<Self, Response<Body>> {
        let version = match request.version() {
            Version::HTTP_10 => netkit_http::Version::Http10,
            _ => netkit_http::Version::Http11,
        };
        let fields = request.headers().iter();
        let fields: Vec<_> = fields
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let method = request.method().as_str();
        match Offer::read(method, version, fields.into_iter()) {
            Ok(offer) => Ok(Self {
                offer,
                arrival: request.extensions().get().cloned(),
            }),
            Err(error) => Err(refusal(error)),
        }
    }

    /// Where the page comes from that asks, if a browser does. Browsers let any page connect anywhere:
    /// a server that trusts cookies has to look (RFC 6455 10.2), and to answer 403.
    pub fn origin(&self) -> Option<&str> {
        self.offer.origin()
    }

    /// The subprotocols that the client speaks, the best first.
    pub fn protocols(&self) -> &[String] {
        self.offer.protocols()
    }

    /// The response that switches, 101; when it has left, `run` runs in the connection's task. When the
    /// server is told to stop, the WebSocket says 1001.
    pub fn accept<F, R>(self, config: Config, run: F) -> Response<Body>
    where
        F: FnOnce(WebSocket) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let (agreed, fields) = self.offer.accept(&config.handshake());
        let mut response = with_fields(StatusCode::SWITCHING_PROTOCOLS, fields);
        response
            .extensions_mut()
            .insert(TakeOver::new(move |switched| {
                let machine = Connection::server(&agreed, config.limits);
                let stop = self.arrival.as_ref().map(|arrival| &arrival.shutdown);
                let socket = super::Socket::server(switched, machine, &config, stop);
                run(WebSocket::new(socket, agreed.protocol))
            }));
        response
    }
}

/// Answers a request for a WebSocket: `run` gets it, with every default. A request for something else is
/// refused.
pub fn accept<B, F, R>(request: &Request<B>, run: F) -> Response<Body>
where
    F: FnOnce(WebSocket) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    match Upgrade::of(request) {
        Ok(upgrade) => upgrade.accept(Config::default(), run),
        Err(refusal) => refusal,
    }
}

fn refusal(error: netkit_ws::Error) -> Response<Body> {
    let status = match error.answer() {
        Answer::Status(status) => StatusCode::from_u16(status.0).ok(),
        Answer::Close(_) | Answer::Nothing => None,
    };
    let status = status.unwrap_or(StatusCode::BAD_REQUEST);
    let refusal = with_fields(status, handshake::refusal_fields(error));
    refusal.map(|_| Body::from(format!("{error}\n")))
}

fn with_fields(status: StatusCode, fields: OwnedFields) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    for (name, value) in fields {
        // Each is a token or a list of tokens.
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::try_from(value),
        ) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
