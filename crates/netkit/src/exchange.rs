//! One request and its response, on a connection that it holds until the response is complete.

use crate::{
    body::{Body, Pieces},
    client::Shared,
    coding,
    connection::{Sending, refused},
    dial::Facts,
    error::{Error, Layer, Stage},
    pool::{Conn, Origin},
    switched::Switched,
};
use bytes::Bytes;
use http::{Response, request::Parts};
use http_body::Frame;
use netkit_http::{BodyLength, Found, Framing, RequestLine, coding::Coding};
use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};

/// How a response came about: in every response's extensions.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Exchange {
    /// The connection, and how it was made.
    pub connection: Arc<Facts>,
    /// Whether an earlier request had used it.
    pub reused: bool,
    /// Which request on the connection this was, from 1.
    pub number: u32,
    /// From the start of the exchange on the connection until the request had been written; zero if
    /// the response came before.
    pub sent: Duration,
    /// From the start of the exchange on the connection until the response's head had arrived.
    pub first_byte: Duration,
    /// The content coding that was taken off the body: see [`decode`](crate::ClientBuilder::decode).
    pub decoded: Option<Coding>,
}

/// An exchange under way.
pub(crate) struct Running {
    /// `None` when it is over.
    conn: Option<Box<Conn>>,
    sending: Option<Sending>,
    /// How long the content waits for 100, while it does (RFC 9110 10.1.1).
    patience: Option<Pin<Box<Sleep>>>,
    /// Why the request could not be sent. The server may have answered all the same (RFC 9112 9.5).
    unsent: Option<Error>,
    shared: Arc<Shared>,
    origin: Origin,
    start: Instant,
    sent: Duration,
    waits_for: Option<Stage>,
    /// The response is complete.
    received: bool,
}

/// Why an exchange failed, and whether the server had answered with a single octet by then.
pub(crate) struct Failed {
    pub(crate) error: Error,
    pub(crate) silent: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self {
            error,
            silent: false,
        }
    }
}

impl Running {
    /// Puts the request on its way.
    pub(crate) fn start(
        mut conn: Box<Conn>,
        (parts, target, body): (&Parts, &str, Body),
        shared: Arc<Shared>,
        origin: Origin,
    ) -> Result<Self, Error> {
        let line = RequestLine {
            method: parts.method.as_str(),
            target,
            version: shared.version,
        };
        let length = BodyLength::of(body.length(), &parts.headers);
        let fields = netkit_http::unframed(&parts.headers);
        let link = &mut conn.link;
        let content = link
            .machine
            .send_head(line, fields, length, &mut link.scratch)
            .map_err(|error| Error::http(Stage::SendRequest, error))?;
        conn.requests += 1;
        let waits = conn.link.machine.awaits_continue();
        let patience = waits.then(|| Box::pin(sleep(shared.timeouts.expect_continue)));
        Ok(Self {
            conn: Some(conn),
            sending: Some(Sending::new(body, content)),
            patience,
            unsent: None,
            shared,
            origin,
            start: Instant::now(),
            sent: Duration::ZERO,
            waits_for: None,
            received: false,
        })
    }

    /// Waits for the head of the response.
    pub(crate) async fn response(mut self) -> Result<Response<Body>, Failed> {
        let head = poll_fn(|cx| self.poll_head(cx)).await;
        let (mut response, framing) = match head {
            Ok(head) => head,
            Err(error) => {
                let conn = self.conn.as_mut();
                let silent = conn.is_some_and(|conn| conn.link.wire.unread().is_empty());
                return Err(Failed { error, silent });
            }
        };
        let Some(conn) = &self.conn else {
            return Err(Error::abandoned().into());
        };
        let exchange = Exchange {
            connection: Arc::clone(&conn.facts),
            reused: conn.requests > 1,
            number: conn.requests,
            sent: self.sent,
            first_byte: self.start.elapsed(),
            decoded: None,
        };
        response.extensions_mut().insert(exchange);
        // RFC 9110 7.8: what follows is another protocol's, as soon as the request is complete.
        let switches = framing == Framing::Switched && self.sending.is_none();
        if let Some(conn) = self.conn.take_if(|_| switches) {
            Switched::over(conn.link.wire).keep(&mut response);
            return Ok(response.map(|()| Body::empty()));
        }
        let decode = self.shared.decode;
        let body = self.into_body(framing)?;
        let mut response = response.map(|()| body);
        let decoded = decode.and_then(|limits| coding::take_off(&mut response, limits));
        if let Some(exchange) = response.extensions_mut().get_mut::<Exchange>() {
            exchange.decoded = decoded;
        }
        Ok(response)
    }

    /// Moves the request on. A request that cannot be sent is no reason to stop reading.
    fn poll_sending(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let (Some(conn), Some(sending)) = (&mut self.conn, &mut self.sending) else {
            return Ok(());
        };
        let (link, stage) = (&mut conn.link, Stage::SendRequest);
        let waits = link.machine.awaits_continue()
            && self
                .patience
                .as_mut()
                .is_some_and(|patience| patience.as_mut().poll(cx).is_pending());
        let polled = if waits {
            link.poll_send_head(stage, cx)
        } else {
            self.patience = None;
            link.poll_send(sending, stage, cx)
        };
        match polled {
            Poll::Ready(Ok(())) if waits => {}
            Poll::Ready(Ok(())) => {
                self.sending = None;
                self.sent = self.start.elapsed();
            }
            Poll::Ready(Err(error)) if error.layer() == Layer::Transport => {
                self.sending = None;
                self.unsent = Some(error);
            }
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => {}
        }
        Ok(())
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Response<()>, Framing), Error>> {
        self.poll_sending(cx)?;
        let Some(conn) = &mut self.conn else {
            return Poll::Ready(Err(Error::abandoned()));
        };
        let link = &mut conn.link;
        while let Poll::Ready(found) = link.poll_found(Stage::ResponseHead, cx) {
            let step = match found {
                Ok(step) => step,
                Err(error) => return Poll::Ready(Err(self.unsent.take().unwrap_or(error))),
            };
            let interim = matches!(step.event, Found::Interim(_));
            let head = match &step.event {
                Found::Head(ranges) => {
                    let head = ranges.lend(link.wire.unread(), &link.slots);
                    let response = Response::try_from(head)
                        .map_err(|error| refused(Stage::ResponseHead, error))?;
                    Some((response, ranges.framing))
                }
                _ => None,
            };
            link.wire.eat(step.used);
            if interim && self.patience.is_some() {
                // It may be what the content waits for.
                return self.poll_head(cx);
            }
            if let Some(head) = head {
                link.deadline.disarm();
                if self.patience.take().is_some() && !link.machine.is_sending() {
                    // The answer came first: the content is not wanted.
                    self.sending = None;
                }
                return Poll::Ready(Ok(head));
            }
        }
        let timeouts = &self.shared.timeouts;
        if self.sending.is_some() {
            return link
                .poll_stalled(Stage::SendRequest, timeouts.send, cx)
                .map(Err);
        }
        if self.waits_for.replace(Stage::ResponseHead).is_none() {
            link.deadline
                .arm(Stage::ResponseHead, timeouts.response_head);
        }
        link.deadline.poll(cx).map(Err)
    }

    /// The body behind the head: whole if it is here already, else as it arrives.
    fn into_body(mut self, framing: Framing) -> Result<Body, Error> {
        let here = self
            .conn
            .as_mut()
            .map_or(0, |conn| conn.link.wire.unread().len() as u64);
        let left = match framing {
            Framing::None | Framing::Switched => Some(0),
            Framing::Length(octets) => Some(octets),
            Framing::Chunked | Framing::UntilClose => None,
        };
        self.waits_for = None;
        let mut incoming = Incoming {
            running: self,
            left,
        };
        if incoming.running.sending.is_some() || left.is_none_or(|left| left > here) {
            return Ok(Body::pieces(incoming));
        }
        // Nothing of this waits: the octets are here.
        let mut cx = Context::from_waker(Waker::noop());
        let mut content = Bytes::new();
        while let Poll::Ready(Some(piece)) = incoming.running.poll_piece(&mut cx) {
            content = piece?.into_data().unwrap_or_default();
        }
        Ok(Body::full(content))
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Err(error) = self.poll_sending(cx) {
            return self.fail(error);
        }
        let Some(conn) = &mut self.conn else {
            // A body that failed stays failed: its end would make it look whole.
            return Poll::Ready(Some(Err(Error::abandoned())));
        };
        let link = &mut conn.link;
        if self.received {
            return self.poll_end(cx);
        }
        match link.poll_content(Stage::ResponseBody, cx) {
            Poll::Ready(Ok(Some(frame))) => {
                self.waits_for = None;
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Ok(None)) => {
                self.received = true;
                self.poll_end(cx)
            }
            Poll::Ready(Err(error)) => self.fail(error),
            Poll::Pending => {
                if self.waits_for.replace(Stage::ResponseBody).is_none() {
                    let after = self.shared.timeouts.response_body;
                    link.deadline.arm(Stage::ResponseBody, after);
                }
                let late = ready!(link.deadline.poll(cx));
                self.fail(late)
            }
        }
    }

    /// The response is complete. So is the exchange when the request is, too, unless the server says that
    /// it wants no more of it (RFC 9112 9.6).
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let link = self.conn.as_mut().map(|conn| &mut conn.link);
        let link = link.filter(|link| self.sending.is_some() && link.machine.keep_alive());
        if let Some(link) = link {
            let after = self.shared.timeouts.send;
            let late = ready!(link.poll_stalled(Stage::SendRequest, after, cx));
            return self.fail(late);
        }
        self.finish();
        Poll::Ready(None)
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(conn) = self.conn.take() {
            conn.retire();
        }
        Poll::Ready(Some(Err(error)))
    }

    /// The exchange is over: the connection goes where it came from, if it is good for another.
    fn finish(&mut self) {
        let Some(mut conn) = self.conn.take() else {
            return;
        };
        let link = &mut conn.link;
        let good = link.machine.keep_alive()
            && link.machine.is_idle()
            && !link.wire.ended()
            && link.wire.unread().is_empty();
        if good {
            self.shared.pool.put(&self.origin, conn);
        } else {
            conn.retire();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            conn.retire();
        }
    }
}

/// A response's body that is still arriving.
struct Incoming {
    running: Running,
    left: Option<u64>,
}

impl Pieces for Incoming {
    fn poll_piece(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let piece = ready!(this.running.poll_piece(cx));
        if let (Some(left), Some(Ok(frame))) = (&mut this.left, &piece) {
            *left -= frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        Poll::Ready(piece)
    }

    fn length(&self) -> Option<u64> {
        self.left
    }
}
