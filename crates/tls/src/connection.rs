//! One connection: records in, events out, whichever side and state.

use crate::{
    codepoints::{
        AlertDescription, CipherSuite, ContentType, HandshakeType, KeyUpdateRequest, NamedGroup,
        ProtocolVersion, SignatureScheme,
    },
    config::{ClientConfig, ServerConfig},
    error::{Error, Malformed},
    io::Io,
    joiner::{Aligned, Joiner},
    limits::{MAX_CHANGE_CIPHER_SPECS, MAX_EMPTY_RECORDS, MAX_WARNINGS},
    messages::{HEADER_LEN, Message},
    record::{Incoming, Opened, Outgoing, front},
    tls13::{both::Open, client, server},
    watch::{Note, Watched, What},
};
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::{fmt, mem, ops::Range};
use netkit_core::Step;
use rand_core::CryptoRng;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// What happened, lending from the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'b> {
    /// Nothing more until more input arrives.
    NeedData,
    /// The handshake is done: the peer is who it should be, and data may be sent.
    Connected,
    /// Application data, opened in place.
    Data(&'b mut [u8]),
    /// The peer sends no more data. Ours may still be sent.
    PeerClosed,
}

/// What happened, with places in the input instead of slices of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// As [`Event::NeedData`].
    NeedData,
    /// As [`Event::Connected`].
    Connected,
    /// As [`Event::Data`]: where in the input the opened data stands.
    Data(Range<usize>),
    /// As [`Event::PeerClosed`].
    PeerClosed,
}

/// What the two sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreed {
    /// The version.
    pub version: ProtocolVersion,
    /// The cipher suite.
    pub cipher_suite: CipherSuite,
    /// The group of the key exchange.
    pub group: NamedGroup,
    /// The scheme of the server's signature; `None` where nothing was signed.
    pub signature_scheme: Option<SignatureScheme>,
    /// The application's protocol.
    pub alpn: Option<Vec<u8>>,
    /// The name that the client asked for, if it was a host name.
    pub server_name: Option<String>,
    /// Whether the server asked for another key share first.
    pub hello_retry: bool,
}

/// What is known of the peer and of the handshake, for whoever asks.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) peer_chain: Vec<CertificateDer<'static>>,
    pub(crate) agreed: Option<Agreed>,
}

/// A side's flow.
enum Flow {
    Client(client::State),
    Server(server::State),
    /// A handler has failed, and with it the connection.
    Over,
}

impl Flow {
    fn advance(self, message: &Message<'_>, io: &mut Io<'_>) -> Result<Self, Error> {
        Ok(match self {
            Self::Client(state) => Self::Client(client::advance(state, message, io)?),
            Self::Server(state) => Self::Server(server::advance(state, message, io)?),
            Self::Over => Self::Over,
        })
    }

    fn open(&mut self) -> Option<&mut Open> {
        match self {
            Self::Client(client::State::Open(open)) | Self::Server(server::State::Open(open)) => {
                Some(open)
            }
            _ => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Client(state) => state.name(),
            Self::Server(state) => state.name(),
            Self::Over => "OVER",
        }
    }
}

/// What became of a record's content.
enum Content {
    /// It is no event of its own.
    Taken,
    Data,
    Closed,
}

/// How much of what costs us and moves nothing has come in a row.
#[derive(Default)]
struct Idle {
    empty_records: u8,
    warnings: u8,
}

/// A TLS connection, client or server, without I/O.
///
/// ```text
/// client(..) or server(..), then (recv | send | update_keys)*, then close, eof
/// ```
///
/// [`recv`](Self::recv) takes what arrived, [`send`](Self::send) what is to leave; both append to an
/// outbox whatever has to be written to the transport. The idiom is `netkit_core`'s.
pub struct Connection {
    flow: Flow,
    joiner: Joiner,
    incoming: Incoming,
    outgoing: Outgoing,
    random: Box<dyn CryptoRng + Send>,
    now: UnixTime,
    facts: Facts,
    watched: Watched,
    idle: Idle,
    change_cipher_specs: u8,
    /// The open connection has been reported.
    connected: bool,
    peer_closed: bool,
    send_closed: bool,
    failed: Option<Error>,
}

impl Connection {
    /// A client's side. Appends the ClientHello to `out`.
    ///
    /// `name` is who the server has to prove to be; `now` is when.
    ///
    /// # Errors
    /// [`Error::MisuseConfig`], [`Error::CryptoFailed`].
    pub fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        now: UnixTime,
        random: Box<dyn CryptoRng + Send>,
        out: &mut Vec<u8>,
    ) -> Result<Self, Error> {
        let mut connection = Self::new(Flow::Over, config.watched(), now, random);
        let mut io = connection.io(&[], None, out);
        let state = client::start(config, name, &mut io)?;
        connection.flow = Flow::Client(state);
        Ok(connection)
    }

    /// A server's side. Sends nothing until the ClientHello has arrived.
    pub fn server(
        config: Arc<ServerConfig>,
        now: UnixTime,
        random: Box<dyn CryptoRng + Send>,
    ) -> Self {
        let watched = config.watched();
        let state = server::State::WaitCh(Box::new(server::WaitCh::new(config)));
        Self::new(Flow::Server(state), watched, now, random)
    }

    fn new(flow: Flow, watched: Watched, now: UnixTime, random: Box<dyn CryptoRng + Send>) -> Self {
        Self {
            flow,
            joiner: Joiner::default(),
            incoming: Incoming::default(),
            outgoing: Outgoing::default(),
            random,
            now,
            facts: Facts::default(),
            watched,
            idle: Idle::default(),
            change_cipher_specs: 0,
            connected: false,
            peer_closed: false,
            send_closed: false,
            failed: None,
        }
    }

    fn io<'c>(
        &'c mut self,
        raw: &'c [u8],
        alignment: Option<Aligned>,
        out: &'c mut Vec<u8>,
    ) -> Io<'c> {
        Io {
            raw,
            alignment,
            incoming: &mut self.incoming,
            outgoing: &mut self.outgoing,
            out,
            random: &mut *self.random,
            now: self.now,
            send_closed: self.send_closed,
            facts: &mut self.facts,
            watched: &self.watched,
        }
    }

    /// Takes the front of `input` and says what happened; the data it lends is opened in place.
    ///
    /// The rest of `input`, unaltered, comes first in the next call. `out` is to be sent even on an
    /// error: it then ends with the alert. After [`Event::PeerClosed`] everything is ignored.
    ///
    /// # Errors
    /// All of [`Error`] but those that the constructors report; an error is final and repeats.
    pub fn recv<'b>(
        &mut self,
        input: &'b mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Step<Event<'b>>, Error> {
        let Step { used, event } = self.step(input, out)?;
        Ok(Step::new(
            used,
            match event {
                Found::NeedData => Event::NeedData,
                Found::Connected => Event::Connected,
                Found::Data(range) => Event::Data(&mut input[range]),
                Found::PeerClosed => Event::PeerClosed,
            },
        ))
    }

    /// As [`recv`](Self::recv), but says where in `input` the data stands: for owners that split
    /// their buffers.
    pub fn step(&mut self, input: &mut [u8], out: &mut Vec<u8>) -> Result<Step<Found>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.try_step(input, out)
            .map_err(|error| self.fail(error, out))
    }

    fn try_step(&mut self, input: &mut [u8], out: &mut Vec<u8>) -> Result<Step<Found>, Error> {
        let mut used = 0;
        loop {
            // RFC 9846 6.1: what follows a close_notify is ignored. Ours in a handshake ends both
            // directions: going on would send messages behind it.
            if self.peer_closed || (self.send_closed && !self.connected) {
                return Ok(Step::new(input.len(), Found::NeedData));
            }
            if self.messages(out)? {
                return Ok(Step::new(used, Found::Connected));
            }
            let octets = &mut input[used..];
            let Some(record) = front(octets)? else {
                return Ok(Step::new(used, Found::NeedData));
            };
            let opened = self.incoming.open(&record, octets)?;
            let start = used;
            used += record.len();
            if let Opened::Content(kind, range) = opened {
                let found = match self.content(kind, &octets[range.clone()])? {
                    Content::Taken => continue,
                    Content::Data => Found::Data(start + range.start..start + range.end),
                    Content::Closed => Found::PeerClosed,
                };
                return Ok(Step::new(used, found));
            }
        }
    }

    /// Takes the content of one record.
    fn content(&mut self, kind: ContentType, content: &[u8]) -> Result<Content, Error> {
        // RFC 9846 5.1: nothing stands between the parts of a message, and only alerts, which end
        // the connection anyway, may try.
        if !self.joiner.is_empty() && !matches!(kind, ContentType::HANDSHAKE | ContentType::ALERT) {
            return Err(Error::PeerMisalignedMessage);
        }
        match kind {
            ContentType::HANDSHAKE if content.is_empty() => Err(Error::PeerDecode(
                Malformed::Shape("a handshake record without content"),
            )),
            ContentType::HANDSHAKE => {
                self.joiner.push(content);
                Ok(Content::Taken)
            }
            ContentType::ALERT => self.alert(content),
            ContentType::CHANGE_CIPHER_SPEC => self.change_cipher_spec(content),
            _ => self.data(content),
        }
    }

    fn data(&mut self, content: &[u8]) -> Result<Content, Error> {
        let Some(open) = self.flow.open() else {
            return Err(Error::PeerUnexpectedRecord(ContentType::APPLICATION_DATA));
        };
        if content.is_empty() {
            self.idle.empty_records += 1;
            if self.idle.empty_records > MAX_EMPTY_RECORDS {
                return Err(Error::PeerTooMany("empty records"));
            }
            return Ok(Content::Taken);
        }
        open.heard_data();
        self.idle = Idle::default();
        Ok(Content::Data)
    }

    fn alert(&mut self, content: &[u8]) -> Result<Content, Error> {
        // The level tells nothing in TLS 1.3 (RFC 9846 6).
        let &[_level, description] = content else {
            return Err(Error::PeerDecode(Malformed::Shape(
                "an alert is not two octets long",
            )));
        };
        let description = AlertDescription(description);
        self.watched.note(&Note {
            sent: false,
            what: What::Alert(description),
        });
        match description {
            // A client that leaves before it is done has not ended any data.
            AlertDescription::CLOSE_NOTIFY if self.flow.open().is_some() => {
                self.peer_closed = true;
                Ok(Content::Closed)
            }
            AlertDescription::USER_CANCELED if self.idle.warnings < MAX_WARNINGS => {
                self.idle.warnings += 1;
                Ok(Content::Taken)
            }
            AlertDescription::USER_CANCELED => Err(Error::PeerTooMany("warnings")),
            description => Err(Error::PeerAlert(description)),
        }
    }

    /// RFC 9846 5: the dummy record may come between the first ClientHello and the peer's Finished.
    fn change_cipher_spec(&mut self, content: &[u8]) -> Result<Content, Error> {
        let waits_for_hello = matches!(self.flow, Flow::Server(server::State::WaitCh(_)));
        if content != [1] || waits_for_hello || self.flow.open().is_some() {
            return Err(Error::PeerUnexpectedRecord(ContentType::CHANGE_CIPHER_SPEC));
        }
        if self.change_cipher_specs == MAX_CHANGE_CIPHER_SPECS {
            return Err(Error::PeerTooMany("ChangeCipherSpec records"));
        }
        self.change_cipher_specs += 1;
        self.watched.note(&Note {
            sent: false,
            what: What::ChangeCipherSpec,
        });
        Ok(Content::Taken)
    }

    /// Takes messages that no record protects.
    #[cfg(any(feature = "proptest", feature = "arbitrary"))]
    pub(crate) fn take_messages(
        &mut self,
        octets: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.joiner.push(octets);
        self.messages(out).map_err(|error| self.fail(error, out))
    }

    /// Leaves the sending key so many records to protect.
    #[cfg(any(feature = "proptest", feature = "arbitrary"))]
    pub(crate) fn wear_down_to(&mut self, left: u64) {
        self.outgoing.wear_down_to(left);
    }

    /// Sends a record that need not follow any rule.
    #[cfg(any(feature = "proptest", feature = "arbitrary"))]
    pub(crate) fn seal_record(
        &mut self,
        kind: ContentType,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.outgoing.record(kind, content.len(), out, |out| {
            out.extend_from_slice(content);
        })
    }

    /// Takes the handshake messages that have arrived whole; whether the connection opened.
    fn messages(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        if self.joiner.is_empty() {
            return Ok(false);
        }
        let mut joiner = mem::take(&mut self.joiner);
        let mut opened = false;
        while !opened {
            let Some(place) = joiner.take()? else {
                break;
            };
            let aligned = joiner.aligned();
            let raw = joiner.octets(place);
            let kind = HandshakeType(raw[0]);
            self.watched.note(&Note {
                sent: false,
                what: What::Handshake(kind, raw),
            });
            let flow = mem::replace(&mut self.flow, Flow::Over);
            let mut io = self.io(raw, aligned, out);
            self.flow = flow.advance(&Message::new(kind, &raw[HEADER_LEN..]), &mut io)?;
            opened = !self.connected && self.flow.open().is_some();
            self.connected |= opened;
        }
        joiner.rest();
        self.joiner = joiner;
        Ok(opened)
    }

    /// Makes `error` final and appends its alert, once.
    fn fail(&mut self, error: Error, out: &mut Vec<u8>) -> Error {
        self.failed = Some(error);
        if let Some(alert) = error.alert()
            && !self.send_closed
        {
            // A key that is worn out or broken cannot tell the peer; nothing else can go wrong.
            let _ = self.send_alert(alert, out);
        }
        self.send_closed = true;
        error
    }

    fn send_alert(&mut self, alert: AlertDescription, out: &mut Vec<u8>) -> Result<(), Error> {
        const WARNING: u8 = 1;
        const FATAL: u8 = 2;
        let level = match alert {
            AlertDescription::CLOSE_NOTIFY | AlertDescription::USER_CANCELED => WARNING,
            _ => FATAL,
        };
        self.watched.note(&Note {
            sent: true,
            what: What::Alert(alert),
        });
        self.outgoing
            .send(ContentType::ALERT, &[&[level, alert.0]], out)
    }

    /// Appends `body`, its parts joined, to `out` in records.
    ///
    /// # Errors
    /// [`Error::MisuseNotOpen`] before [`Event::Connected`] and after [`close`](Self::close), which
    /// harms nothing; after a failure, that error again.
    pub fn send(&mut self, body: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Error> {
        let (open, outgoing) = self.sending()?;
        if open.will_send_data() || !outgoing.has_room_for(body) {
            self.update_keys(false, out)?;
        }
        self.outgoing.send(ContentType::APPLICATION_DATA, body, out)
    }

    /// Moves this side to its next key, and with `ask_peer_too` asks the peer to do the same.
    ///
    /// It is not needed: a key that has protected as many records as it may is changed by itself.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn update_keys(&mut self, ask_peer_too: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        let request = KeyUpdateRequest(u8::from(ask_peer_too));
        let (open, outgoing) = self.sending()?;
        let message = open.announce_key(request, outgoing, out)?;
        self.watched.note(&Note {
            sent: true,
            what: What::Handshake(HandshakeType::KEY_UPDATE, &message),
        });
        Ok(())
    }

    /// What sends, if this side may.
    fn sending(&mut self) -> Result<(&mut Open, &mut Outgoing), Error> {
        match (self.failed, self.flow.open()) {
            (Some(error), _) => Err(error),
            (None, Some(open)) if !self.send_closed => Ok((open, &mut self.outgoing)),
            _ => Err(Error::MisuseNotOpen),
        }
    }

    /// Appends close_notify: this side sends no more. Doing it again changes nothing. Before
    /// [`Event::Connected`] it gives up the handshake, and what still arrives is ignored.
    ///
    /// # Errors
    /// After a failure, that error again.
    pub fn close(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if !self.send_closed {
            if self.flow.open().is_none() {
                // RFC 9846 6.1: who leaves a handshake says so first.
                self.send_alert(AlertDescription::USER_CANCELED, out)?;
            }
            self.send_alert(AlertDescription::CLOSE_NOTIFY, out)?;
            self.send_closed = true;
        }
        Ok(())
    }

    /// The transport ended.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the peer's close_notify had not arrived: somebody may have cut the
    /// data short. After a failure, that error again.
    pub fn eof(&mut self) -> Result<(), Error> {
        match self.failed {
            Some(error) => Err(error),
            None if self.peer_closed => Ok(()),
            None => {
                self.send_closed = true;
                Err(*self.failed.insert(Error::Truncated))
            }
        }
    }

    /// Whether the handshake is done and nothing has failed.
    pub fn is_connected(&self) -> bool {
        self.connected && self.failed.is_none()
    }

    /// What was agreed on, once connected.
    pub fn agreed(&self) -> Option<&Agreed> {
        self.facts.agreed.as_ref()
    }

    /// The peer's certificates as it sent them, its own first; also after they were refused.
    pub fn peer_chain(&self) -> &[CertificateDer<'static>] {
        &self.facts.peer_chain
    }
}

/// Shows where the connection stands, and no secret.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("state", &self.flow.name())
            .field("agreed", &self.facts.agreed)
            .field("peer_closed", &self.peer_closed)
            .field("send_closed", &self.send_closed)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
