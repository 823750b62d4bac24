//! One connection: records in, events out, whichever side and state.

use crate::{
    codepoints::{
        AlertDescription, CipherSuite, ContentType, HandshakeType, KeyUpdateRequest, NamedGroup,
        ProtocolVersion, SignatureScheme,
    },
    config::{ClientConfig, ServerConfig},
    disagreement::Disagreement,
    error::{Error, Malformed},
    hello::Hello,
    identity::{Identity, IdentityRequest, Staples, ToSign},
    io::{ALERT_WARNING, Io, send_alert},
    joiner::{Aligned, Joiner},
    limits::{
        MAX_CHANGE_CIPHER_SPECS, MAX_EMPTY_RECORDS, MAX_HANDSHAKE_MESSAGE, MAX_PLAINTEXT,
        MAX_WARNINGS,
    },
    messages::{HEADER_LEN, Message},
    record::{Incoming, Opened, Outgoing, front},
    tls12, tls13,
    tls13::{client, server},
    verify::{Judge, Presented},
    watch::{Note, Watched, What},
};
use alloc::{
    boxed::Box,
    string::{String, ToString},
    sync::Arc,
    vec,
    vec::Vec,
};
use core::{fmt, mem, ops::Range};
use netkit_core::Step;
use netkit_x509::KeyUsage;
use rand_core::CryptoRng;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// What happened, lending from the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'b> {
    /// Nothing more until more input arrives.
    NeedData,
    /// The owner has to decide something. Shows once, and only where the configuration leaves the
    /// decision to it.
    Question(Question),
    /// Nothing more until the question is answered.
    Waiting,
    /// The handshake is done: the peer is who it should be, and data may be sent.
    Connected,
    /// Application data, opened in place.
    Data(&'b mut [u8]),
    /// As [`Data`](Self::Data), of a client that is not done with its handshake: **anybody may have sent
    /// it a second time** (RFC 9846 8). Only where [`ServerConfig::early_data`] is set.
    EarlyData(&'b mut [u8]),
    /// The peer sends no more data. Ours may still be sent.
    PeerClosed,
}

/// What happened, with places in the input instead of slices of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// As [`Event::NeedData`].
    NeedData,
    /// As [`Event::Question`].
    Question(Question),
    /// As [`Event::Waiting`].
    Waiting,
    /// As [`Event::Connected`].
    Connected,
    /// As [`Event::Data`]: where in the input the opened data stands.
    Data(Range<usize>),
    /// As [`Event::EarlyData`], with its place.
    EarlyData(Range<usize>),
    /// As [`Event::PeerClosed`].
    PeerClosed,
}

/// What an owner decides, at once or later; until then the connection waits, and takes no input.
/// Instead of an answer, [`Connection::refuse`] ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Which configuration serves this client: see [`Connection::hello`], answer with
    /// [`Connection::choose`]. Only of a connection that [`Connection::undecided`] made.
    Hello,
    /// Who the client is, to a server that asks: see [`Connection::identity_request`], answer with
    /// [`Connection::show`]. Only where [`ClientConfig::asks_identity`] is set.
    Identity,
    /// A signature: see [`Connection::to_sign`], answer with [`Connection::signature`].
    Sign,
    /// Whether the peer's certificates are good: see [`Connection::peer_chain`], answer with
    /// [`Connection::verdict`].
    Verify,
}

/// What the two sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreed {
    /// The version.
    pub version: ProtocolVersion,
    /// The cipher suite.
    pub cipher_suite: CipherSuite,
    /// The group of the key exchange; `None` in RSA key transport.
    pub group: Option<NamedGroup>,
    /// The scheme of the server's signature; `None` where nothing was signed.
    pub signature_scheme: Option<SignatureScheme>,
    /// The scheme of the client's signature; `None` where it showed no certificate.
    pub client_signature_scheme: Option<SignatureScheme>,
    /// The application's protocol.
    pub alpn: Option<Vec<u8>>,
    /// The name that the client asked for, if it was a host name.
    pub server_name: Option<String>,
    /// Whether the server asked for another key share first.
    pub hello_retry: bool,
    /// Whether they went on from an earlier connection, and nothing was signed.
    pub resumed: bool,
    /// The identity of the external pre-shared key that both have, if they went on from one.
    pub psk_identity: Option<Vec<u8>>,
    /// What became of early data.
    pub early_data: EarlyData,
}

/// What became of the client's early data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlyData {
    /// The client offered none.
    NotOffered,
    /// The server did not take it: none of it has been read, and it may be sent again.
    Rejected,
    /// The server took it.
    Accepted,
}

impl Agreed {
    /// The group of the key exchange, or that it was RSA key transport.
    pub fn key_exchange(&self) -> String {
        self.group
            .map_or_else(|| "RSA key transport".into(), |group| group.to_string())
    }
}

/// What is known of the peer and of the handshake, for whoever asks.
#[derive(Default)]
pub(crate) struct Facts {
    /// Whether the peer's key decrypts our secret instead of signing.
    pub(crate) key_transport: bool,
    pub(crate) peer_chain: Vec<CertificateDer<'static>>,
    pub(crate) staples: Staples,
    /// Who we have shown ourselves to be.
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) agreed: Option<Agreed>,
    pub(crate) disagreement: Option<Box<Disagreement>>,
}

/// What our side has to decide before a flow goes on.
pub(crate) enum Asks<'a> {
    Signature(&'a ToSign),
    Verdict(Judge<'a>),
    Identity(&'a IdentityRequest, &'a ClientConfig),
}

impl Asks<'_> {
    fn question(&self) -> Question {
        match self {
            Self::Signature(_) => Question::Sign,
            Self::Verdict(_) => Question::Verify,
            Self::Identity(..) => Question::Identity,
        }
    }
}

/// It moves nothing, and another may follow for ever (RFC 9846 5.1).
const EMPTY_HANDSHAKE: Error =
    Error::PeerDecode(Malformed::Shape("a handshake record without content"));

/// A ClientHello that has been looked at where it lies: nothing is used before the owner has chosen.
#[derive(Default)]
struct Glance {
    joiner: Joiner,
    /// How far the input has been looked at, from its front.
    seen: usize,
    hello: Option<Range<usize>>,
}

impl Glance {
    /// Looks on; whether the ClientHello is there.
    fn look(&mut self, input: &[u8]) -> Result<bool, Error> {
        while self.hello.is_none() {
            // What has been looked at comes again, in front of what is new.
            let Some(record) = front(input.get(self.seen..).unwrap_or_default())? else {
                return Ok(false);
            };
            if record.kind != ContentType::HANDSHAKE {
                return Err(Error::PeerUnexpectedRecord(record.kind));
            }
            let fragment = &input[self.seen..][record.fragment.clone()];
            if fragment.is_empty() {
                return Err(EMPTY_HANDSHAKE);
            }
            self.seen += record.len();
            self.joiner.push(fragment);
            self.hello = self.joiner.take(MAX_HANDSHAKE_MESSAGE)?;
        }
        match HandshakeType(self.octets()[0]) {
            HandshakeType::CLIENT_HELLO => Hello::read(self.octets()).map(|_| true),
            other => Err(Error::PeerUnexpectedMessage(other, "WAIT_CH")),
        }
    }

    fn octets(&self) -> &[u8] {
        let place = self.hello.clone();
        place.map_or(&[], |place| self.joiner.octets(place))
    }
}

impl Facts {
    fn presented(&self) -> Presented<'_> {
        Presented {
            chain: &self.peer_chain,
            ocsp_response: self.staples.ocsp_response.as_deref(),
            sct_list: self.staples.sct_list.as_deref(),
            key_usage: if self.key_transport {
                KeyUsage::KeyEncipherment
            } else {
                KeyUsage::DigitalSignature
            },
        }
    }
}

/// A side's flow.
enum Flow {
    Undecided(Box<Glance>),
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
            Self::Undecided(_) | Self::Over => Self::Over,
        })
    }

    /// What our side has to decide before the flow goes on.
    fn asks(&self) -> Option<Asks<'_>> {
        match self {
            Self::Client(state) => state.asks(),
            Self::Server(state) => state.asks(),
            Self::Undecided(_) | Self::Over => None,
        }
    }

    fn open(&mut self) -> Option<Open<'_>> {
        use {client::State as C, server::State as S};
        match self {
            Self::Client(C::Open(open)) | Self::Server(S::Open(open)) => Some(Open::Tls13(open)),
            Self::Client(C::Tls12(tls12::client::State::Open(open)))
            | Self::Server(S::Tls12(tls12::server::State::Open(open))) => Some(Open::Tls12(open)),
            _ => None,
        }
    }

    /// Octets of early data that a client may still send, or a server has still to take, while the
    /// flow is where either may be.
    fn early_left(&mut self) -> Option<&mut u32> {
        match self {
            Self::Client(state) => state.early_left(),
            Self::Server(state) => state.early_left(),
            _ => None,
        }
    }

    /// Whether it is a server's that has taken early data, and has still to hear that its client is done.
    fn answers_early_data(&self) -> bool {
        matches!(self, Self::Server(state) if state.answers_early_data())
    }

    fn is_tls12(&self) -> bool {
        matches!(
            self,
            Self::Client(client::State::Tls12(_)) | Self::Server(server::State::Tls12(_))
        )
    }

    /// Whether an alert's level tells something: in TLS 1.2, and as long as it may be what the server
    /// chooses.
    fn has_alert_levels(&self) -> bool {
        self.is_tls12() || matches!(self, Self::Client(state) if state.may_be_tls12())
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Client(state) => state.name(),
            Self::Server(state) => state.name(),
            Self::Undecided(_) => "UNDECIDED",
            Self::Over => "OVER",
        }
    }
}

/// What an open connection of either version can do.
enum Open<'f> {
    Tls12(&'f mut tls12::both::Open),
    Tls13(&'f mut tls13::both::Open),
}

impl Open<'_> {
    fn heard_data(&mut self) {
        match self {
            Self::Tls12(open) => open.heard_data(),
            Self::Tls13(open) => open.heard_data(),
        }
    }

    fn export(&self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        match self {
            Self::Tls12(open) => open.export(label, context, out),
            Self::Tls13(open) => open.export(label, context, out),
        }
    }
}

/// What became of a record's content.
enum Content {
    /// It is no event of its own.
    Taken,
    Data,
    EarlyData,
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
/// A configuration that answers everything itself, as a plain one does, shows no
/// [`Question`]. Otherwise the owner answers when it can, and calls [`recv`](Self::recv) again.
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
    max_handshake_message: usize,
    idle: Idle,
    change_cipher_specs: u8,
    /// What the owner has been asked and not answered.
    asked: Option<Question>,
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
        let mut connection = Self::new(Flow::Over, now, random);
        connection.watched = config.watched();
        connection.max_handshake_message = config.max_handshake_message;
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
        let mut connection = Self::new(Flow::Over, now, random);
        connection.serve(config);
        connection
    }

    /// A server's side that shows [`Question::Hello`] once the ClientHello has arrived. Until its
    /// owner has chosen, no input is used and nothing is sent: it may also hand all that arrived
    /// to somebody else.
    pub fn undecided(now: UnixTime, random: Box<dyn CryptoRng + Send>) -> Self {
        Self::new(Flow::Undecided(Box::default()), now, random)
    }

    fn new(flow: Flow, now: UnixTime, random: Box<dyn CryptoRng + Send>) -> Self {
        Self {
            flow,
            joiner: Joiner::default(),
            incoming: Incoming::default(),
            outgoing: Outgoing::default(),
            random,
            now,
            facts: Facts::default(),
            watched: Watched::default(),
            max_handshake_message: MAX_HANDSHAKE_MESSAGE,
            idle: Idle::default(),
            change_cipher_specs: 0,
            asked: None,
            connected: false,
            peer_closed: false,
            send_closed: false,
            failed: None,
        }
    }

    fn serve(&mut self, config: Arc<ServerConfig>) {
        self.watched = config.watched();
        self.max_handshake_message = config.max_handshake_message;
        self.flow = Flow::Server(server::State::WaitCh(Box::new(server::WaitCh::new(config))));
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
                Found::Question(question) => Event::Question(question),
                Found::Waiting => Event::Waiting,
                Found::Connected => Event::Connected,
                Found::Data(range) => Event::Data(&mut input[range]),
                Found::EarlyData(range) => Event::EarlyData(&mut input[range]),
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
        // RFC 9846 6.1: what follows a close_notify is ignored. Ours in a handshake ends both
        // directions: going on would send messages behind it.
        if self.peer_closed || (self.send_closed && !self.connected) {
            return Ok(Step::new(input.len(), Found::NeedData));
        }
        if let Flow::Undecided(glance) = &mut self.flow {
            return glance.look(input).map(|there| {
                Step::new(
                    0,
                    match (there, self.asked) {
                        (false, _) => Found::NeedData,
                        (true, Some(_)) => Found::Waiting,
                        (true, None) => Found::Question(*self.asked.insert(Question::Hello)),
                    },
                )
            });
        }
        let mut used = 0;
        loop {
            if let Some(question) = self.messages(out)? {
                let asked = self.asked.replace(question).is_some();
                let found = if asked {
                    Found::Waiting
                } else {
                    Found::Question(question)
                };
                return Ok(Step::new(used, found));
            }
            if !self.connected && self.flow.open().is_some() {
                self.connected = true;
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
                let place = start + range.start..start + range.end;
                let found = match self.content(kind, &octets[range], out)? {
                    Content::Taken => continue,
                    Content::Data => Found::Data(place),
                    Content::EarlyData => Found::EarlyData(place),
                    Content::Closed => Found::PeerClosed,
                };
                return Ok(Step::new(used, found));
            }
        }
    }

    /// Takes the content of one record.
    fn content(
        &mut self,
        kind: ContentType,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Content, Error> {
        // RFC 9846 5.1: nothing stands between the parts of a message, and only alerts that end the
        // connection anyway may try.
        if !self.joiner.is_empty() && !matches!(kind, ContentType::HANDSHAKE | ContentType::ALERT) {
            // One that would have a turn of its own has none here.
            return Err(match kind {
                ContentType::CHANGE_CIPHER_SPEC => Error::PeerUnexpectedRecord(kind),
                _ => Error::PeerMisalignedMessage,
            });
        }
        match kind {
            ContentType::HANDSHAKE if content.is_empty() => Err(EMPTY_HANDSHAKE),
            ContentType::HANDSHAKE => {
                self.joiner.push(content);
                Ok(Content::Taken)
            }
            ContentType::ALERT => self.alert(content),
            ContentType::CHANGE_CIPHER_SPEC => self.change_cipher_spec(content, out),
            _ => self.data(content),
        }
    }

    fn data(&mut self, content: &[u8]) -> Result<Content, Error> {
        let takes_early_data = matches!(self.flow, Flow::Server(server::State::WaitEoed(_)));
        if !takes_early_data && self.flow.open().is_none() {
            return Err(Error::PeerUnexpectedRecord(ContentType::APPLICATION_DATA));
        }
        if content.is_empty() {
            self.idle.empty_records += 1;
            if self.idle.empty_records > MAX_EMPTY_RECORDS {
                return Err(Error::PeerTooMany("empty records"));
            }
            return Ok(Content::Taken);
        }
        self.idle = Idle::default();
        match self.flow.open() {
            Some(mut open) => {
                open.heard_data();
                Ok(Content::Data)
            }
            None => self.early_data(content),
        }
    }

    /// Takes early data off its budget (RFC 9846 4.3.10).
    fn early_data(&mut self, content: &[u8]) -> Result<Content, Error> {
        const OVER: Error = Error::PeerTooMany("octets of early data");
        let left = self.flow.early_left().ok_or(OVER)?;
        let length = u32::try_from(content.len()).map_err(|_| OVER)?;
        *left = left.checked_sub(length).ok_or(OVER)?;
        Ok(Content::EarlyData)
    }

    fn alert(&mut self, content: &[u8]) -> Result<Content, Error> {
        let &[level, description] = content else {
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
            // The level tells nothing in TLS 1.3 (RFC 9846 6), and all in TLS 1.2 (RFC 5246 7.2).
            description
                if description == AlertDescription::USER_CANCELED
                    || (level == ALERT_WARNING
                        && description != AlertDescription::CLOSE_NOTIFY
                        && self.flow.has_alert_levels()) =>
            {
                if !self.joiner.is_empty() {
                    return Err(Error::PeerMisalignedMessage);
                }
                if self.idle.warnings == MAX_WARNINGS {
                    return Err(Error::PeerTooMany("warnings"));
                }
                self.idle.warnings += 1;
                Ok(Content::Taken)
            }
            description => Err(Error::PeerAlert(description)),
        }
    }

    /// In TLS 1.3 a dummy that may come between the first ClientHello and the peer's Finished (RFC 9846
    /// 5). In TLS 1.2 it comes once and has its turn like a message (RFC 5246 7.1): an earlier one would
    /// be somebody else's.
    fn change_cipher_spec(&mut self, content: &[u8], out: &mut Vec<u8>) -> Result<Content, Error> {
        let waits_for_hello = matches!(self.flow, Flow::Server(server::State::WaitCh(_)));
        let tls12 = self.flow.is_tls12();
        let repeated = tls12 && self.change_cipher_specs > 0;
        if tls12 && content != [1] {
            return Err(Error::PeerDecode(Malformed::Shape(
                "a ChangeCipherSpec is not one octet of 1",
            )));
        }
        if content != [1] || waits_for_hello || repeated || self.flow.open().is_some() {
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
        if tls12 {
            let aligned = self.joiner.aligned();
            self.advance(&Message::ChangeCipherSpec, &[], aligned, out)?;
        }
        Ok(Content::Taken)
    }

    /// Takes messages that no record protects.
    #[cfg(any(feature = "proptest", feature = "arbitrary"))]
    pub(crate) fn take_messages(&mut self, octets: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.joiner.push(octets);
        self.messages(out)
            .map(drop)
            .map_err(|error| self.fail(error, out))
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
        self.outgoing.record(kind, out, |out| {
            out.extend_from_slice(content);
        })
    }

    /// Takes the handshake messages that have arrived whole, until the flow asks what only the owner
    /// can answer.
    fn messages(&mut self, out: &mut Vec<u8>) -> Result<Option<Question>, Error> {
        let mut question = self.answer(out)?;
        if self.joiner.is_empty() {
            return Ok(question);
        }
        let mut joiner = mem::take(&mut self.joiner);
        while question.is_none() {
            let Some(place) = joiner.take(self.max_handshake_message)? else {
                break;
            };
            let aligned = joiner.aligned();
            let raw = joiner.octets(place);
            let kind = HandshakeType(raw[0]);
            self.watched.note(&Note {
                sent: false,
                what: What::Handshake(kind, raw),
            });
            self.advance(&Message::new(kind, &raw[HEADER_LEN..]), raw, aligned, out)?;
            question = self.answer(out)?;
        }
        joiner.rest();
        self.joiner = joiner;
        Ok(question)
    }

    fn advance(
        &mut self,
        message: &Message<'_>,
        raw: &[u8],
        aligned: Option<Aligned>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let flow = mem::replace(&mut self.flow, Flow::Over);
        let mut io = self.io(raw, aligned, out);
        self.flow = flow.advance(message, &mut io)?;
        Ok(())
    }

    /// Answers what the flow asks as far as the configuration can; what is left is the owner's.
    fn answer(&mut self, out: &mut Vec<u8>) -> Result<Option<Question>, Error> {
        while let Some(asks) = self.flow.asks() {
            let (signature, verdict, shown);
            let answer = match &asks {
                Asks::Signature(to_sign) => {
                    signature = to_sign.sign().transpose()?;
                    signature.as_deref().map(Message::Signature)
                }
                Asks::Identity(request, config) => {
                    shown = (!config.asks_identity).then(|| request.choose(&config.identities));
                    shown.as_ref().map(Message::Identity)
                }
                Asks::Verdict(judge) => {
                    verdict = judge.verdict(&self.facts.presented(), self.now);
                    verdict.map(Message::Verdict)
                }
            };
            let Some(answer) = answer else {
                return Ok(Some(asks.question()));
            };
            self.advance(&answer, &[], None, out)?;
        }
        Ok(None)
    }

    /// The ClientHello, while [`Question::Hello`] waits for its answer.
    pub fn hello(&self) -> Option<Hello<'_>> {
        match &self.flow {
            Flow::Undecided(glance) if self.asked.is_some() => Hello::read(glance.octets()).ok(),
            _ => None,
        }
    }

    /// Answers [`Question::Hello`]: `config` serves this client. The input is used from here on.
    ///
    /// # Errors
    /// [`Error::MisuseNotAsked`], which harms nothing.
    pub fn choose(&mut self, config: Arc<ServerConfig>) -> Result<(), Error> {
        self.asked_for(Question::Hello)?;
        self.asked = None;
        self.serve(config);
        Ok(())
    }

    /// What the server wants to see, while [`Question::Identity`] waits for its answer.
    pub fn identity_request(&self) -> Option<&IdentityRequest> {
        match self.flow.asks() {
            Some(Asks::Identity(request, _)) => Some(request),
            _ => None,
        }
    }

    /// Answers [`Question::Identity`]: who we are; `None`: we show no certificate. Call
    /// [`recv`](Self::recv) again, also without new input.
    ///
    /// # Errors
    /// [`Error::MisuseNotAsked`], or [`Error::MisuseConfig`] if the server does not accept how the identity's
    /// key signs: neither harms anything. Otherwise as [`recv`](Self::recv).
    pub fn show(
        &mut self,
        identity: Option<Arc<Identity>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.asked_for(Question::Identity)?;
        let request = self.identity_request().ok_or(Error::MisuseNotAsked)?;
        let shown = match identity {
            None => None,
            Some(identity) => match request.scheme_of(&identity) {
                Some(scheme) => Some((identity, scheme)),
                None => {
                    return Err(Error::MisuseConfig(
                        "an identity that the server cannot use",
                    ));
                }
            },
        };
        self.take_answer(&Message::Identity(&shown), out)
    }

    /// What has to be signed, while [`Question::Sign`] waits for its answer.
    pub fn to_sign(&self) -> Option<&ToSign> {
        match self.flow.asks() {
            Some(Asks::Signature(to_sign)) => Some(to_sign),
            _ => None,
        }
    }

    /// Answers [`Question::Sign`]. What follows is appended to `out`; call [`recv`](Self::recv) again,
    /// also without new input.
    ///
    /// # Errors
    /// [`Error::MisuseNotAsked`], which harms nothing; otherwise as [`recv`](Self::recv).
    pub fn signature(&mut self, signature: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.asked_for(Question::Sign)?;
        self.take_answer(&Message::Signature(signature), out)
    }

    /// Answers [`Question::Verify`]. Call [`recv`](Self::recv) again, also without new input.
    ///
    /// # Errors
    /// [`Error::MisuseNotAsked`], which harms nothing; [`Error::PeerCertificate`] with the verdict.
    pub fn verdict(
        &mut self,
        verdict: Result<(), netkit_x509::Error>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.asked_for(Question::Verify)?;
        self.take_answer(&Message::Verdict(verdict), out)
    }

    /// Ends a connection that waits for an answer, or is open and not wanted any more (access_denied, say):
    /// appends `alert` and returns the error that now repeats.
    pub fn refuse(&mut self, alert: AlertDescription, out: &mut Vec<u8>) -> Error {
        match (self.failed, self.asked) {
            (Some(error), _) => error,
            (None, None) if !self.connected => Error::MisuseNotAsked,
            (None, _) => self.fail(Error::Refused(alert), out),
        }
    }

    fn asked_for(&self, question: Question) -> Result<(), Error> {
        match (self.failed, self.asked) {
            (Some(error), _) => Err(error),
            (None, Some(asked)) if asked == question => Ok(()),
            _ => Err(Error::MisuseNotAsked),
        }
    }

    fn take_answer(&mut self, answer: &Message<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        self.asked = None;
        self.advance(answer, &[], None, out)
            .map_err(|error| self.fail(error, out))
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
        send_alert(alert, &mut self.outgoing, &self.watched, out)
    }

    /// Appends `body`, its parts joined, to `out` in records. A server may answer early data at once, before
    /// its client is done: the answer goes to whoever has the session's key, and to nobody else.
    ///
    /// # Errors
    /// [`Error::MisuseNotOpen`] before [`Event::Connected`] and after [`close`](Self::close), which
    /// harms nothing; after a failure, that error again.
    pub fn send(&mut self, body: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Error> {
        self.prepare(body, out)?;
        self.outgoing.send(ContentType::APPLICATION_DATA, body, out)
    }

    /// Octets that [`send_in_place`](Self::send_in_place) needs in front of the content and behind it.
    pub fn room_around(&self) -> (usize, usize) {
        self.outgoing.room()
    }

    /// Makes `record` a record where it stands, so that its content is not copied: room in front, 1 to
    /// 16 384 octets of content, room behind, as [`room_around`](Self::room_around) says. What this
    /// appends to `out` leaves before the record.
    ///
    /// # Errors
    /// [`Error::MisuseRecord`] if the content is empty or too long, which harms nothing; otherwise as
    /// [`send`](Self::send).
    pub fn send_in_place(&mut self, record: &mut [u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let (front, behind) = self.room_around();
        let content = record.len().saturating_sub(front + behind);
        if !(1..=MAX_PLAINTEXT).contains(&content) {
            return Err(Error::MisuseRecord);
        }
        self.prepare(&[&record[..content]], out)?;
        self.outgoing
            .seal_in_place(ContentType::APPLICATION_DATA, record)
    }

    /// Changes the key first where it is worn out, or where the peer waits for that. TLS 1.2 cannot: a
    /// worn-out key ends the connection.
    fn prepare(&mut self, body: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Error> {
        if self.failed.is_none() && !self.send_closed && self.flow.answers_early_data() {
            return if self.outgoing.has_room_for(body) {
                Ok(())
            } else {
                Err(self.fail(Error::KeyExhausted, out))
            };
        }
        let (open, outgoing) = self.sending()?;
        let worn_out = !outgoing.has_room_for(body);
        match open {
            Open::Tls12(_) if worn_out => Err(self.fail(Error::KeyExhausted, out)),
            Open::Tls12(_) => Ok(()),
            Open::Tls13(open) => {
                if open.will_send_data() || worn_out {
                    self.update_keys(false, out)?;
                }
                Ok(())
            }
        }
    }

    /// Octets that a client may send before the server has answered: none unless
    /// [`ClientConfig::early_data`] is set and a session allows it.
    pub fn early_data_left(&mut self) -> usize {
        match (&self.flow, self.failed, self.send_closed) {
            (Flow::Client(_), None, false) => {
                self.flow.early_left().map_or(0, |left| *left as usize)
            }
            _ => 0,
        }
    }

    /// Appends `body`, its parts joined, as early data (RFC 9846 2.3). Once connected, [`Agreed::early_data`]
    /// says whether the server took it; otherwise it may be sent again.
    ///
    /// **It has no protection against being sent twice by others**, and none that outlives the key of the
    /// session: send only requests that may be done twice.
    ///
    /// # Errors
    /// [`Error::MisuseEarlyData`] if it is more than [`early_data_left`](Self::early_data_left), which
    /// harms nothing; after a failure, that error again.
    pub fn send_early(&mut self, body: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let length: usize = body.iter().map(|part| part.len()).sum();
        if length > self.early_data_left() {
            return Err(Error::MisuseEarlyData);
        }
        if let Some(left) = self.flow.early_left() {
            // Not more than is left, which fits.
            *left -= length as u32;
        }
        self.outgoing.send(ContentType::APPLICATION_DATA, body, out)
    }

    /// Fills `out` with a key for another protocol, which both sides get from the same `label` and
    /// `context` (RFC 9846 7.5). Labels are registered with IANA, or begin with "EXPERIMENTAL". In TLS 1.2
    /// (RFC 5705) an empty context is none.
    ///
    /// # Errors
    /// [`Error::MisuseNotOpen`] before [`Event::Connected`]; [`Error::MisuseExport`] if label (249 octets)
    /// or output (255 hashes) is too long, or if TLS 1.2 is without extended_master_secret (RFC 7627 5.4).
    /// Neither harms anything.
    pub fn export(&mut self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        match (self.failed, self.flow.open()) {
            (Some(error), _) => Err(error),
            (None, Some(open)) => open.export(label, context, out),
            (None, None) => Err(Error::MisuseNotOpen),
        }
    }

    /// Moves this side to its next key, and with `ask_peer_too` asks the peer to do the same.
    ///
    /// It is not needed: a key that has protected as many records as it may is changed by itself.
    ///
    /// # Errors
    /// As [`send`](Self::send); [`Error::MisuseNoKeyUpdate`] in TLS 1.2, which harms nothing.
    pub fn update_keys(&mut self, ask_peer_too: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        let request = KeyUpdateRequest(u8::from(ask_peer_too));
        let (Open::Tls13(open), outgoing) = self.sending()? else {
            return Err(Error::MisuseNoKeyUpdate);
        };
        let message = open.announce_key(request, outgoing, out)?;
        self.watched.note(&Note {
            sent: true,
            what: What::Handshake(HandshakeType::KEY_UPDATE, &message),
        });
        Ok(())
    }

    /// What sends, if this side may.
    fn sending(&mut self) -> Result<(Open<'_>, &mut Outgoing), Error> {
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
            // An answer would send messages behind it.
            self.asked = None;
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

    /// Why there was no agreement: of a server, what neither has in common; of a client whose server
    /// refused its ClientHello without saying why, all that it offered.
    pub fn disagreements(&self) -> Vec<Disagreement> {
        use AlertDescription as A;
        if let Some(disagreement) = &self.facts.disagreement {
            return vec![(**disagreement).clone()];
        }
        let told = matches!(
            self.failed,
            Some(Error::PeerAlert(
                A::HANDSHAKE_FAILURE
                    | A::PROTOCOL_VERSION
                    | A::INSUFFICIENT_SECURITY
                    | A::NO_APPLICATION_PROTOCOL
            ))
        );
        match &self.flow {
            Flow::Client(state) if told => state
                .offered()
                .map(Disagreement::of_client)
                .unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// Which of the configuration's identities this side has shown; none in a connection that goes on from
    /// an earlier one.
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        self.facts.identity.as_ref()
    }

    /// The peer's certificates as it sent them, its own first; also after they were refused.
    pub fn peer_chain(&self) -> &[CertificateDer<'static>] {
        &self.facts.peer_chain
    }

    /// The OCSP response in DER that the server stapled, as it came.
    pub fn ocsp_response(&self) -> Option<&[u8]> {
        self.facts.staples.ocsp_response.as_deref()
    }

    /// The SignedCertificateTimestampList that came with the server's certificate.
    pub fn sct_list(&self) -> Option<&[u8]> {
        self.facts.staples.sct_list.as_deref()
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
