//! WebSocket (RFC 6455), as a client and from a handler: [`Client::websocket`](crate::Client::websocket)
//! and [`accept`].

mod socket;
mod upgrade;

pub use upgrade::{Upgrade, accept};

pub(crate) use socket::Socket;

use crate::error::Error;
use bytes::Bytes;
use futures_core::Stream as Messages;
use futures_sink::Sink;
use netkit_ws::{CloseCode, Deflate, Kind, Limits, Watch};
use socket::Shared;
use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// What a WebSocket is to be.
#[derive(Clone)]
pub struct Config {
    /// Subprotocols, the best first. Default: none.
    pub protocols: Vec<String>,
    /// Compression (RFC 7692), where the peer speaks it, too. Default: on.
    pub deflate: Option<Deflate>,
    /// What one peer may cost.
    pub limits: Limits,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Hears of every frame.
    pub watch: Option<Arc<dyn Watch>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            protocols: Vec::new(),
            deflate: Some(Deflate::default()),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            watch: None,
        }
    }
}

impl Config {
    /// What the handshake needs of it.
    pub(crate) fn handshake(&self) -> netkit_ws::handshake::Config {
        netkit_ws::handshake::Config {
            protocols: self.protocols.clone(),
            deflate: self.deflate,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("protocols", &self.protocols)
            .field("deflate", &self.deflate)
            .field("limits", &self.limits)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

/// How long a WebSocket waits. `Duration::MAX` turns one off. But for `send`, time is kept while somebody
/// receives: nothing runs in the background.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// From the last octet of the peer's to a ping. Default: 30 s.
    pub ping: Duration,
    /// From that ping to any octet of the peer's. Default: 20 s.
    pub pong: Duration,
    /// Writing, without progress. Default: 30 s.
    pub send: Duration,
    /// From either side's close frame to the end of the connection. Default: 5 s.
    pub close: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            ping: Duration::from_secs(30),
            pong: Duration::from_secs(20),
            send: Duration::from_secs(30),
            close: Duration::from_secs(5),
        }
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Octets.
    Binary(Bytes),
}

impl Message {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Binary(_) => Kind::Binary,
        }
    }

    /// Its octets.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(octets) => octets,
        }
    }

    /// A message as it was received: text was checked to be UTF-8.
    fn received(kind: Kind, octets: Vec<u8>) -> Self {
        match kind {
            Kind::Text => Self::Text(match String::from_utf8(octets) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
            Kind::Binary => Self::Binary(octets.into()),
        }
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Bytes> for Message {
    fn from(octets: Bytes) -> Self {
        Self::Binary(octets)
    }
}

impl From<Vec<u8>> for Message {
    fn from(octets: Vec<u8>) -> Self {
        Self::Binary(octets.into())
    }
}

/// Why the peer closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReason {
    /// None if it did not say.
    pub code: Option<CloseCode>,
    /// For logs.
    pub reason: String,
}

/// A WebSocket after its handshake: messages both ways.
///
/// Pings are answered, sent when the peer is silent, and close frames answered, while somebody receives.
/// Who does not receive holds the peer back. Dropping it says close, as far as that goes without
/// waiting.
pub struct WebSocket {
    sender: Sender,
    receiver: Receiver,
}

/// The half that sends. It needs somebody to receive at the other half: see [`WebSocket`].
pub struct Sender(Arc<Shared>);

/// The half that receives.
pub struct Receiver(Arc<Shared>);

impl WebSocket {
    pub(crate) fn new(socket: Socket, protocol: Option<String>) -> Self {
        let shared = Arc::new(Shared::new(socket, protocol));
        Self {
            sender: Sender(Arc::clone(&shared)),
            receiver: Receiver(shared),
        }
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.sender.0.protocol()
    }

    /// See [`Receiver::recv`].
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.receiver.recv().await
    }

    /// See [`Receiver::recv_into`].
    pub async fn recv_into(&mut self, message: &mut Vec<u8>) -> Result<Option<Kind>, Error> {
        self.receiver.recv_into(message).await
    }

    /// See [`Receiver::recv_piece`].
    pub async fn recv_piece(&mut self, piece: &mut Vec<u8>) -> Result<Option<(Kind, bool)>, Error> {
        self.receiver.recv_piece(piece).await
    }

    /// See [`Sender::send`].
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.sender.send(message).await
    }

    /// See [`Sender::send_piece`].
    pub async fn send_piece(&mut self, kind: Kind, piece: &[u8], last: bool) -> Result<(), Error> {
        self.sender.send_piece(kind, piece, last).await
    }

    /// Says close as [`Sender::close`] does, and waits until the peer has and the connection has ended.
    /// Messages that still come are dropped.
    pub async fn close(mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.sender.close(code, reason).await?;
        let mut dropped = Vec::new();
        while self.receiver.recv_piece(&mut dropped).await?.is_some() {}
        Ok(())
    }

    /// See [`Receiver::close_reason`].
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.receiver.close_reason()
    }

    /// Two halves, for two tasks. Neither waits while it holds a lock.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

impl Sender {
    /// Sends a message, and waits until it has left. Dropping the future loses nothing: a message that was
    /// begun leaves whole.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        self.send_piece(message.kind(), message.as_bytes(), true)
            .await
    }

    /// Sends a piece of a message, which never has to be whole in memory; the last piece says so.
    pub async fn send_piece(&mut self, kind: Kind, piece: &[u8], last: bool) -> Result<(), Error> {
        poll_fn(|cx| self.0.poll_ready(cx)).await?;
        self.0.queue(kind, piece, last)?;
        poll_fn(|cx| self.0.poll_flush(cx)).await
    }

    /// Sends a ping, with at most 125 octets. Pongs to it show to nobody but a watch.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        poll_fn(|cx| self.0.poll_ready(cx)).await?;
        self.0.ping(payload)?;
        poll_fn(|cx| self.0.poll_flush(cx)).await
    }

    /// Says close, unless that was said, in answer to the peer's perhaps: nothing can be sent after it. The
    /// receiver hears the rest.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.0.close_once(code, reason)?;
        poll_fn(|cx| self.0.poll_flush(cx)).await
    }
}

impl Receiver {
    /// The next message; none when the connection has been closed well. Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The next message, in the place of what `message` held: without an allocation, once it has
    /// grown.
    pub async fn recv_into(&mut self, message: &mut Vec<u8>) -> Result<Option<Kind>, Error> {
        let received = poll_fn(|cx| self.0.poll_recv(cx, true, message)).await?;
        Ok(received.map(|(kind, _)| kind))
    }

    /// The next piece of a message as it arrived, in the place of what `piece` held, and whether it is the
    /// last. Text may be cut inside a character.
    pub async fn recv_piece(&mut self, piece: &mut Vec<u8>) -> Result<Option<(Kind, bool)>, Error> {
        poll_fn(|cx| self.0.poll_recv(cx, false, piece)).await
    }

    /// Why the peer closed, once it has.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.0.close_reason()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        let mut octets = Vec::new();
        self.0.poll_recv(cx, true, &mut octets).map_ok(|received| {
            received.map(|(kind, _)| Message::received(kind, std::mem::take(&mut octets)))
        })
    }
}

impl Messages for Receiver {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx).map(Result::transpose)
    }
}

impl Messages for WebSocket {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(cx).map(Result::transpose)
    }
}

impl Sink<Message> for Sender {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.0.queue(message.kind(), message.as_bytes(), true)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_flush(cx)
    }

    /// Says close, as [`Sender::close`] with 1000 does.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.close_once(CloseCode::NORMAL_CLOSURE, "")?;
        self.0.poll_flush(cx)
    }
}

impl Sink<Message> for WebSocket {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.sender).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        Pin::new(&mut self.sender).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.sender).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.sender).poll_close(cx)
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("protocol", &self.protocol())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}
