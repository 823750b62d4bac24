//! hyper's two roles over octets that are there at once, without a runtime: the messages that it hears to
//! their end.

use ::hyper::{
    HeaderMap, Method, Request, Response, Uri,
    body::{Bytes, Incoming},
    client, header,
    rt::{Read, ReadBufCursor, Write},
    server,
    service::service_fn,
};
use http_body_util::{BodyExt, Empty};
use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

/// A message, whoever heard it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Method and target as `http` understands it, or the status code.
    pub start: String,
    /// By name, in lower case.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Transfer coding removed.
    pub content: Vec<u8>,
    /// Like `fields`.
    pub trailers: Vec<(String, Vec<u8>)>,
}

/// The start of a request; none if `http` has no such target.
pub fn request_start(method: &str, target: &str) -> Option<String> {
    let target: Uri = target.parse().ok()?;
    Some(format!("{method} {target}"))
}

/// Fields in the order of their names.
pub fn by_name<'f>(fields: impl Iterator<Item = (&'f str, &'f [u8])>) -> Vec<(String, Vec<u8>)> {
    let lower = |(name, value): (&str, &[u8])| (name.to_ascii_lowercase(), value.to_vec());
    let mut fields: Vec<_> = fields.map(lower).collect();
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields
}

/// RFC 9112 5.2 leaves open how many spaces stand for a line break in a value: in each field, one for all that
/// stand together.
pub fn single_spaced(mut message: Message) -> Message {
    for (_, value) in message.fields.iter_mut().chain(&mut message.trailers) {
        let words = value.split(|octet| b" \t".contains(octet));
        let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
        *value = words.join(&b' ');
    }
    message
}

fn of_map(fields: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    by_name(
        fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes())),
    )
}

/// The message, once all of its content was heard.
async fn message(start: String, fields: HeaderMap, body: Incoming) -> ::hyper::Result<Message> {
    let whole = body.collect().await?;
    let trailers = whole.trailers().map(of_map).unwrap_or_default();
    Ok(Message {
        start,
        fields: of_map(&fields),
        content: whole.to_bytes().to_vec(),
        trailers,
    })
}

/// What is there to be read, in pieces, and then the end; what is written is dropped.
struct Wire<'s> {
    stream: &'s [u8],
    piece: usize,
    /// A client must not be answered before it has asked.
    open: bool,
}

impl Read for Wire<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut room: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.open {
            return Poll::Pending;
        }
        let count = self.piece.min(self.stream.len()).min(room.remaining());
        let (piece, rest) = self.stream.split_at(count);
        self.stream = rest;
        room.put_slice(piece);
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.open = true;
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Polls until it is done, or has had a turn for each octet.
fn run<F: Future>(future: F, stream: &[u8]) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..stream.len() + 32).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

/// The requests that a server hears, each of which it answers with 200 and nothing in it.
pub fn requests(stream: &[u8], piece: usize) -> Vec<Message> {
    let heard = RefCell::new(Vec::new());
    let wire = Wire {
        stream,
        piece,
        open: true,
    };
    let service = service_fn(|request: Request<Incoming>| async {
        let (parts, body) = request.into_parts();
        let start = format!("{} {}", parts.method, parts.uri);
        heard
            .borrow_mut()
            .push(message(start, parts.headers, body).await?);
        Ok::<_, ::hyper::Error>(Response::new(Empty::<Bytes>::new()))
    });
    let mut server = server::conn::http1::Builder::new();
    let _ = run(
        server.half_close(true).serve_connection(wire, service),
        stream,
    );
    heard.into_inner()
}

/// The final response to a request that has no content, as a client hears it. A switch of protocols ends it
/// like any other.
pub fn response(method: &str, upgrades: bool, stream: &[u8], piece: usize) -> Option<Message> {
    let wire = Wire {
        stream,
        piece,
        open: false,
    };
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = method.parse().expect("a token");
    *request.uri_mut() = match *request.method() {
        Method::CONNECT => Uri::from_static("h:443"),
        _ => Uri::from_static("/"),
    };
    let field = header::HeaderValue::from_static;
    request.headers_mut().insert(header::HOST, field("h"));
    if upgrades {
        request
            .headers_mut()
            .insert(header::CONNECTION, field("upgrade"));
        request.headers_mut().insert(header::UPGRADE, field("x"));
    }
    let asked = async {
        let mut client = client::conn::http1::Builder::new();
        // RFC 9112 5.2: a user agent replaces obs-fold; hyper does so when told.
        client.allow_obsolete_multiline_headers_in_responses(true);
        let (mut sender, connection) = client.handshake(wire).await.ok()?;
        let mut connection = pin!(connection);
        let mut ended = false;
        let mut exchange = pin!(async {
            let response = sender.send_request(request).await.ok()?;
            let (parts, body) = response.into_parts();
            let start = parts.status.as_str().to_owned();
            message(start, parts.headers, body).await.ok()
        });
        poll_fn(|context| {
            ended = ended || connection.as_mut().poll(context).is_ready();
            exchange.as_mut().poll(context)
        })
        .await
    };
    run(asked, stream).flatten()
}
