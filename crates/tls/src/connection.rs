//! One connection: records in, events out, whichever side and state.

mod flow;
mod questions;
mod sending;

use crate::{
    codepoints::{
        AlertDescription, CipherSuite, ContentType, HandshakeType, NamedGroup, ProtocolVersion,
        SignatureScheme,
    },
    config::{ClientConfig, ServerConfig},
    disagreement::Disagreement,
    error::{Error, Malformed},
    identity::{Identity, Staples},
    io::{ALERT_WARNING, Io, send_alert},
    joiner::{Aligned, Joiner},
    limits::{MAX_CHANGE_CIPHER_SPECS, MAX_EMPTY_RECORDS, MAX_HANDSHAKE_MESSAGE, MAX_WARNINGS},
    messages::{HEADER_LEN, Message},
    record::{Incoming, Opened, Outgoing, front},
    resumption::EarlyDataRefusal,
    tls13::{client, server},
    verify::Presented,
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
use flow::Flow;
use netkit_core::Step;
use netkit_x509::KeyUsage;
pub(crate) use questions::Asks;
pub use questions::Question;
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
    pub(crate) early_data_refusal: Option<EarlyDataRefusal>,
}

/// It moves nothing, and another may follow for ever (RFC 9846 5.1).
const EMPTY_HANDSHAKE: Error =
    Error::PeerDecode(Malformed::Shape("a handshake record without content"));

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
        connection.outgoing.limit(config.max_fragment);
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
        self.outgoing.limit(config.max_fragment);
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
            if opened == Opened::Skipped && !self.joiner.is_empty() {
                // RFC 9846 5.1: nothing stands between the parts of a message, early data neither.
                return Err(Error::PeerUnexpectedRecord(record.kind));
            }
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

    /// Why early data was not taken, at a server that was offered it, or not offered, at a client; `None` where it
    /// was.
    pub fn early_data_refusal(&self) -> Option<EarlyDataRefusal> {
        self.facts.early_data_refusal
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
