//! A server's side of one connection, from accept to close.

use crate::{
    body::Body,
    connection::{Connection, Sending, refused},
    date,
    error::{BoxError, Error, Kind, Layer, Stage},
    feed::{Feed, Wants, feed},
    limits::DISCARD,
    server::{Handler, Server},
    shutdown::Shutdown,
    span::Span,
    switched::{Switched, TakeOver},
    timeouts::{Patience, within},
    tls_stream,
    transport::Stream,
    wire::Wire,
};
use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CONTENT_TYPE, DATE},
};
use http_body::Frame;
use netkit_http::{BodyLength, Found, Framing, Status};
use netkit_tls::Agreed;
use std::{
    future::poll_fn,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};

/// How a request came: in every request's extensions.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Arrival {
    /// The client's address.
    pub peer: Option<SocketAddr>,
    /// The address that it dialled.
    pub local: Option<SocketAddr>,
    /// What TLS agreed on; none without TLS.
    pub tls: Option<Arc<Agreed>>,
    /// Which request on the connection this is, from 1.
    pub number: u32,
    /// The server's.
    pub(crate) shutdown: Shutdown,
}

/// Serves one connection to its end.
pub(crate) async fn serve<H: Handler>(
    server: Arc<Server>,
    stream: Box<dyn Stream>,
    handler: Arc<H>,
) {
    let span = Span::connection(stream.peer_addr());
    span.run(connection(server, stream, handler)).await;
}

async fn connection<H: Handler>(server: Arc<Server>, stream: Box<dyn Stream>, handler: Arc<H>) {
    let (peer, local) = (stream.peer_addr(), stream.local_addr());
    let wire = match &server.tls {
        None => Ok(Wire::new(stream, None, Vec::new())),
        Some(config) => {
            let shake = tls_stream::accept(stream, Arc::clone(config), &());
            within(Stage::TlsHandshake, server.timeouts.tls_handshake, shake).await
        }
    };
    let wire = match wire {
        Ok(wire) => wire,
        Err(error) => return server.refused(peer, &error),
    };
    let agreed = wire.tls().and_then(|tls| tls.agreed().cloned());
    let arrival = Arrival {
        peer,
        local,
        tls: agreed.map(Arc::new),
        number: 0,
        shutdown: server.shutdown.clone(),
    };
    let machine = netkit_http::Server::default().lenient(server.lenience.leniencies);
    let mut serving = Serving {
        link: Connection::new(wire, machine, server.lenience.of(peer)),
        stop: server.shutdown.waiter(),
        hears_stop: false,
        server,
        arrival,
        feed: None,
        patience: Patience::default(),
        waits_for: None,
        linger: false,
        cut: false,
        take_over: None,
    };
    let ended = serving.exchanges(&*handler).await;
    if let Err(error) = &ended {
        serving.server.refused(peer, error);
    }
    let switched = serving.link.machine.has_switched();
    match serving.take_over.take().filter(|_| switched) {
        Some(take_over) => take_over.run(Switched::over(serving.link.wire)).await,
        None => serving.close().await,
    }
}

struct Serving {
    link: Connection<netkit_http::Server>,
    server: Arc<Server>,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// `stop` was polled once. The connection is one task: that wakes it whatever it then waits for,
    /// and a lock that all connections share is left alone.
    hears_stop: bool,
    arrival: Arrival,
    /// The body of the current request on its way to the handler.
    feed: Option<Feed>,
    /// For the body of the current request.
    patience: Patience,
    /// The stage that the deadline was armed for.
    waits_for: Option<Stage>,
    /// The peer may still be sending when this side has nothing more to say.
    linger: bool,
    /// A response has begun and will not end: the connection must not look as if it had.
    cut: bool,
    /// Who goes on with the connection if the response ends HTTP on it.
    take_over: Option<TakeOver>,
}

impl Serving {
    /// One exchange after the other.
    async fn exchanges<H: Handler>(&mut self, handler: &H) -> Result<(), Error> {
        loop {
            let request = match poll_fn(|cx| self.poll_request(cx)).await {
                Ok(Some(request)) => request,
                Ok(None) => return Ok(()),
                Err(error) => return self.refuse(error).await,
            };
            let span = Span::request(&request);
            let response = span.run(self.handle(handler, request)).await;
            match &response {
                Ok(response) => span.status(response.status()),
                Err(error) => span.handler_failed(error),
            }
            if let Some(error) = self.respond(response).await? {
                return Err(error);
            }
            if !poll_fn(|cx| self.poll_rest(cx)).await? || self.link.machine.has_switched() {
                return Ok(());
            }
            self.link.wire.rest();
        }
    }

    /// Waits for the head of the next request; `None` when there is none.
    fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Request<Body>>, Error>> {
        if self.server.shutdown.begun() {
            self.link.machine.close();
        }
        loop {
            match self.link.poll_found(Stage::RequestHead, cx) {
                Poll::Ready(Ok(step)) => {
                    let request = match &step.event {
                        Found::Head(ranges) => {
                            let head = ranges.lend(self.link.wire.unread(), &self.link.slots);
                            Some((Request::try_from(head), ranges.framing))
                        }
                        _ => None,
                    };
                    self.link.wire.eat(step.used);
                    let Some((request, framing)) = request else {
                        return Poll::Ready(Ok(None));
                    };
                    self.waits_for = None;
                    let request = request.map_err(|error| refused(Stage::RequestHead, error))?;
                    return Poll::Ready(self.begin(request, framing, cx).map(Some));
                }
                // A peer that goes away between two requests ends nothing.
                Poll::Ready(Err(error))
                    if error.layer() != Layer::Http && self.link.wire.unread().is_empty() =>
                {
                    return Poll::Ready(Ok(None));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
            let idle = self.link.wire.unread().is_empty();
            if idle && self.is_told_to_stop(cx) {
                self.link.machine.close();
                continue;
            }
            let timeouts = &self.server.timeouts;
            return if idle {
                self.wait(Stage::Idle, timeouts.idle);
                // Silence is no fault: the connection ends.
                self.link.deadline.poll(cx).map(|_| Ok(None))
            } else {
                self.wait(Stage::RequestHead, timeouts.request_head);
                self.link.deadline.poll(cx).map(Err)
            };
        }
    }

    /// Whether shutdown has begun; if not, its begin wakes this task, now and for every later wait.
    fn is_told_to_stop(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.hears_stop {
            self.hears_stop = true;
            return self.stop.as_mut().poll(cx).is_ready();
        }
        self.server.shutdown.begun()
    }

    /// Arms the deadline, if it is not armed for `stage` already.
    fn wait(&mut self, stage: Stage, after: std::time::Duration) {
        if self.waits_for != Some(stage) {
            self.waits_for = Some(stage);
            self.link.deadline.arm(stage, after);
        }
    }

    /// The peer owes more of the request's body.
    fn wait_for_body(&mut self) {
        if self.waits_for != Some(Stage::RequestBody) {
            let after = self.patience.begin(&self.server.timeouts);
            self.wait(Stage::RequestBody, after);
        }
    }

    /// The request with its body: whole if it is here already, else as it arrives.
    fn begin(
        &mut self,
        request: Request<()>,
        framing: Framing,
        cx: &mut Context<'_>,
    ) -> Result<Request<Body>, Error> {
        self.arrival.number += 1;
        self.patience = Patience::default();
        let here = self.link.wire.unread().len() as u64;
        let left = match framing {
            Framing::Length(octets) => Some(octets),
            Framing::None | Framing::Switched => Some(0),
            Framing::Chunked | Framing::UntilClose => None,
        };
        let body = if left.is_some_and(|left| left <= here) {
            // Nothing of this waits: the octets are here.
            let mut content = Bytes::new();
            while let Poll::Ready(frame) = self.link.poll_content(Stage::RequestBody, cx) {
                match frame?.map(Frame::into_data) {
                    Some(data) => content = data.unwrap_or_default(),
                    None => break,
                }
            }
            Body::full(content)
        } else {
            let (connection, body) = feed(left);
            self.feed = Some(connection);
            Body::pieces(body)
        };
        let mut request = request.map(|()| body);
        request.extensions_mut().insert(self.arrival.clone());
        Ok(request)
    }

    /// Runs the handler, and feeds it the body as it asks for it.
    async fn handle<H: Handler>(
        &mut self,
        handler: &H,
        request: Request<Body>,
    ) -> Result<Response<Body>, BoxError> {
        let mut work = pin!(handler.handle(request));
        let (stage, after) = (Stage::Handler, self.server.timeouts.handler);
        poll_fn(|cx| {
            loop {
                let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
                match polled {
                    Ok(Poll::Ready(response)) => return Poll::Ready(response),
                    Ok(Poll::Pending) => {}
                    Err(_) => {
                        let error = Error::new(Layer::Usage, stage, "the handler panicked");
                        return Poll::Ready(Err(error.into()));
                    }
                }
                if self.poll_feed(cx) {
                    continue;
                }
                if self.waits_for != Some(Stage::RequestBody) {
                    self.wait(stage, after);
                }
                return self.link.deadline.poll(cx).map(|late| Err(late.into()));
            }
        })
        .await
    }

    /// Moves the request's body on; whether the body's end has something new.
    fn poll_feed(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(feed) = &self.feed else {
            return false;
        };
        match feed.poll_wanted(cx) {
            Poll::Pending => return false,
            Poll::Ready(Wants::Nothing) => {
                self.feed = None;
                self.waits_for = None;
                return false;
            }
            Poll::Ready(Wants::Piece) => {}
        }
        self.send_continue();
        let piece = match self.link.poll_content(Stage::RequestBody, cx) {
            Poll::Ready(piece) => piece,
            Poll::Pending => {
                // The interim response leaves as soon as it can; an error shows when the response is sent.
                let _ = self.link.wire.poll_flush(cx);
                self.wait_for_body();
                match self.link.deadline.poll(cx) {
                    Poll::Ready(late) => Err(late),
                    Poll::Pending => return false,
                }
            }
        };
        self.waits_for = None;
        self.patience.got(octets(&piece));
        let goes_on = matches!(piece, Ok(Some(_)));
        self.linger |= piece.is_err();
        let Some(feed) = &self.feed else {
            return false;
        };
        feed.put(piece.transpose(), cx);
        if !goes_on {
            self.feed = None;
        }
        true
    }

    /// RFC 9110 10.1.1: a client that waits for it gets 100 when its body is wanted.
    fn send_continue(&mut self) {
        if !self.link.machine.expects_continue() {
            return;
        }
        let none: [(&str, &str); 0] = [];
        let mut interim = Vec::new();
        let machine = &mut self.link.machine;
        if machine
            .send_interim(Status::CONTINUE, none, &mut interim)
            .is_ok()
        {
            // A failure of the wire shows again when the response is sent.
            let _ = self.link.wire.queue(&[&interim]);
        }
    }

    /// Sends the handler's response, or what its error is answered with; that error comes back.
    async fn respond(
        &mut self,
        response: Result<Response<Body>, BoxError>,
    ) -> Result<Option<Error>, Error> {
        let (response, failure) = match response {
            Ok(response) => (response, None),
            Err(error) => {
                let error = Error::foreign(Stage::Handler, error);
                (apology(&error), Some(error))
            }
        };
        let sent = self.send(response, failure.is_some()).await;
        match (sent, failure) {
            (Err(error), None) if error.layer() == Layer::Http => {
                // The machine refused the handler's head: nothing of it has left.
                if self.link.machine.awaits_response() {
                    self.send(apology(&error), true).await?;
                }
                Ok(Some(error))
            }
            (_, Some(error)) => Ok(Some(error)),
            (Err(error), None) => Err(error),
            (Ok(()), None) => Ok(None),
        }
    }

    /// Sends a response; the last one if `last`.
    async fn send(&mut self, response: Response<Body>, last: bool) -> Result<(), Error> {
        if last || self.server.shutdown.begun() {
            self.link.machine.close();
        }
        self.linger |= last;
        let (mut parts, body) = response.into_parts();
        self.take_over = parts.extensions.remove();
        if !parts.headers.contains_key(DATE) {
            parts.headers.insert(DATE, date::now());
        }
        let length = BodyLength::of(body.length(), &parts.headers);
        let link = &mut self.link;
        let content = link
            .machine
            .send_head(
                parts.status.into(),
                netkit_http::unframed(&parts.headers),
                length,
                &mut link.scratch,
            )
            .map_err(|error| Error::http(Stage::SendResponse, error))?;
        self.waits_for = None;
        let mut sending = Sending::new(body, content);
        let (stage, after) = (Stage::SendResponse, self.server.timeouts.send);
        let sent = poll_fn(|cx| {
            loop {
                if let Poll::Ready(sent) = self.link.poll_send(&mut sending, stage, cx) {
                    return Poll::Ready(sent);
                }
                // The response may depend on the rest of the request.
                if !self.poll_feed(cx) {
                    break;
                }
            }
            if self.waits_for.is_some() {
                return Poll::Pending;
            }
            self.link.poll_stalled(stage, after, cx).map(Err)
        })
        .await;
        self.cut = sent.is_err();
        sent
    }

    /// Answers a request that could not be read, where there is somebody to answer.
    async fn refuse(&mut self, error: Error) -> Result<(), Error> {
        if self.link.machine.awaits_response() {
            // Why it failed matters more than whether the answer arrived.
            let _ = self.send(apology(&error), true).await;
        }
        Err(error)
    }

    /// The response has been sent: what is left of the request is read, for the handler if it kept
    /// the body, else for nobody. Whether the connection can serve another request.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        while self.feed.is_some() {
            if !self.poll_feed(cx) && self.feed.is_some() {
                if self.waits_for != Some(Stage::RequestBody) {
                    self.wait(Stage::Handler, self.server.timeouts.handler);
                }
                return self.link.deadline.poll(cx).map(Err);
            }
        }
        let mut dropped = 0;
        while !self.link.machine.is_idle() && !self.link.machine.has_switched() {
            if !self.link.machine.keep_alive() || dropped > DISCARD {
                self.linger = true;
                return Poll::Ready(Ok(false));
            }
            match self.link.poll_content(Stage::RequestBody, cx)? {
                Poll::Ready(Some(frame)) => {
                    let new = frame.data_ref().map_or(0, |data| data.len() as u64);
                    dropped += new;
                    self.waits_for = None;
                    self.patience.got(new);
                }
                Poll::Ready(None) => break,
                Poll::Pending => {
                    self.wait_for_body();
                    return self.link.deadline.poll(cx).map(Err);
                }
            }
        }
        Poll::Ready(Ok(true))
    }

    /// Ends this side, then reads what the peer still sends, so that the kernel does not answer it
    /// with a reset that takes the response with it (RFC 9112 9.6).
    async fn close(mut self) {
        // RFC 9112 8: content until close is complete only if the close was orderly.
        if self.cut {
            return;
        }
        let wire = &mut self.link.wire;
        let farewell = poll_fn(|cx| {
            ready!(wire.poll_close(cx)).map_err(|broken| broken.at(Stage::Idle))?;
            Poll::Ready(Ok(()))
        });
        if within(Stage::SendResponse, self.server.timeouts.linger, farewell)
            .await
            .is_err()
        {
            return;
        }
        if !self.linger {
            return;
        }
        let gone = poll_fn(|cx| {
            loop {
                let unread = wire.unread().len();
                wire.eat(unread);
                match ready!(wire.poll_more(cx)) {
                    Ok(true) => {}
                    _ => return Poll::Ready(Ok(())),
                }
            }
        });
        let _ = within(Stage::SendResponse, self.server.timeouts.linger, gone).await;
    }
}

/// Octets of content in what came.
fn octets<E>(piece: &Result<Option<Frame<Bytes>>, E>) -> u64 {
    let frame = piece.as_ref().ok().and_then(Option::as_ref);
    let data = frame.and_then(Frame::data_ref);
    data.map_or(0, |data| data.len() as u64)
}

/// The response to a request that failed.
fn apology(error: &Error) -> Response<Body> {
    let status = match (error.http_error(), error.kind()) {
        (Some(error), _) => error.status().try_into().ok(),
        (None, Kind::TooLong) => Some(StatusCode::PAYLOAD_TOO_LARGE),
        (None, Kind::Timeout) if error.stage() == Stage::Handler => {
            Some(StatusCode::SERVICE_UNAVAILABLE)
        }
        (None, Kind::Timeout) => Some(StatusCode::REQUEST_TIMEOUT),
        (None, Kind::Plain) if error.stage() == Stage::RequestHead => Some(StatusCode::BAD_REQUEST),
        (None, Kind::Plain) => None,
    };
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // What went wrong inside is the log's business, not the peer's.
    let text = match error.http_error() {
        Some(error) if !status.is_server_error() => format!("{status}: {error}\n"),
        _ => format!("{status}\n"),
    };
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
