//! The client's handshake (RFC 9846 A.1).
//!
//! ```text
//!                            START
//!                             | send ClientHello
//!          +--------------> WAIT_SH --------------------+
//!          |                  | ServerHello             | HelloRetryRequest
//!          |                  |                         v  send ClientHello
//!          |                  | <-- ServerHello -- WAIT_RETRIED_SH
//!          |                  v
//!   keys:  |               WAIT_EE
//!  handshake                  | EncryptedExtensions -- of a pre-shared key --> WAIT_FINISHED
//!          |                  v
//!          |             WAIT_CERT_CR -- CertificateRequest --> (WAIT_IDENTITY) -- ours --> WAIT_CERT
//!          |                  | Certificate, or CompressedCertificate             the same two |
//!          |                  v <---------------------------------------------------------------+
//!          |             (WAIT_VERDICT) <--- of a session that is judged again --- WAIT_EE
//!          |                  | the verifier's verdict -- of such a session --> WAIT_FINISHED
//!          |                  v
//!          |               WAIT_CV
//!          |                  | CertificateVerify
//!          |                  v
//!          +---            WAIT_FINISHED ------ Finished, and we have a certificate ---+
//!                             | Finished; send [EndOfEarlyData,]                      |
//!                             |   [empty Certificate,] Finished                       v
//!                             |                                              (WAIT_SIGNATURE)
//!                             |     our key's signature; send Certificate,            |
//!   keys: application         v                        CertificateVerify, Finished    |
//!                            OPEN <---------------------------------------------------+
//!                             +--- NewSessionTicket, KeyUpdate ---> OPEN
//! ```
//!
//! The states in parentheses wait for us, not for the peer.

use super::{
    both::{
        Application, Open, add_finished, application, check_finished, check_verify,
        handshake_traffic, signed_content,
    },
    schedule::{Early, Handshake, HandshakeTraffic, Main},
    tickets::Keeper,
};
use crate::{
    codepoints::{
        CertificateCompressionAlgorithm, CipherSuite, ContentType, HandshakeType, ProtocolVersion,
        SignatureScheme,
    },
    compression::decompress,
    config::ClientConfig,
    connection::{Agreed, Asks, EarlyData},
    crypto::kx::KeyShare,
    error::Error,
    identity::{IdentityRequest, Shown as Identified, ToSign},
    io::Io,
    limits::MAX_TICKET_LIFETIME,
    messages::{
        Certificate, CertificateRequest, CertificateVerify, CompressedCertificate,
        EncryptedExtensions, Finished, HelloRetryRequest, Message, Offer, ServerHello,
        ServerHelloHead, ServerHelloTls12, write_certificate, write_certificate_verify,
        write_message,
    },
    psk::OfferedPsk,
    resumption::{ClientSession, Session, Shown, end_of_proof},
    tls12,
    transcript::{Flight, Side, Transcript},
    verify::Judge,
};
use alloc::{boxed::Box, string::ToString, sync::Arc, vec, vec::Vec};
use rustls_pki_types::{ServerName, UnixTime};

/// What the client waits for.
pub(crate) enum State {
    WaitSh(Box<WaitSh>),
    WaitRetriedSh(Box<WaitRetriedSh>),
    WaitEe(Box<WaitEe>),
    WaitCertCr(Box<WaitCertCr>),
    WaitIdentity(Box<WaitIdentity>),
    WaitCert(Box<WaitCert>),
    WaitVerdict(Box<WaitVerdict>),
    WaitCv(Box<WaitCv>),
    WaitFinished(Box<WaitFinished>),
    WaitSignature(Box<WaitSignature>),
    Open(Box<Open>),
    /// The server has not this version.
    Tls12(tls12::client::State),
}

impl State {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::WaitSh(_) => "WAIT_SH",
            Self::WaitRetriedSh(_) => "WAIT_RETRIED_SH",
            Self::WaitEe(_) => "WAIT_EE",
            Self::WaitCertCr(_) => "WAIT_CERT_CR",
            Self::WaitIdentity(_) => "WAIT_IDENTITY",
            Self::WaitCert(_) => "WAIT_CERT",
            Self::WaitVerdict(_) => "WAIT_VERDICT",
            Self::WaitCv(_) => "WAIT_CV",
            Self::WaitFinished(_) => "WAIT_FINISHED",
            Self::WaitSignature(_) => "WAIT_SIGNATURE",
            Self::Open(_) => "OPEN",
            Self::Tls12(s) => s.name(),
        }
    }

    /// Whether the server may still choose TLS 1.2.
    pub(crate) fn may_be_tls12(&self) -> bool {
        matches!(self, Self::WaitSh(s) if s.client.config.speaks(ProtocolVersion::TLS1_2))
    }

    /// What was offered, while the server has agreed to nothing.
    pub(crate) fn offered(&self) -> Option<&ClientConfig> {
        match self {
            Self::WaitSh(s) => Some(&s.client.config),
            Self::WaitRetriedSh(s) => Some(&s.seen.client.config),
            _ => None,
        }
    }

    /// Octets of early data that may still be sent, while any may be.
    pub(crate) fn early_left(&mut self) -> Option<&mut u32> {
        match self {
            Self::WaitSh(s) => s.client.early_left.as_mut(),
            Self::WaitEe(s) => s.0.client.early_left.as_mut(),
            Self::WaitVerdict(s) => s.keyed.client.early_left.as_mut(),
            Self::WaitFinished(s) => s.keyed.client.early_left.as_mut(),
            _ => None,
        }
    }

    /// What our side has to decide before the flow goes on.
    pub(crate) fn asks(&self) -> Option<Asks<'_>> {
        match self {
            Self::WaitIdentity(s) => Some(Asks::Identity(&s.request, &s.keyed.client.config)),
            Self::WaitVerdict(s) => Some(Asks::Verdict(s.judge())),
            Self::WaitSignature(s) => Some(Asks::Signature(&s.to_sign)),
            Self::Tls12(s) => s.asks(),
            _ => None,
        }
    }
}

/// The flow: every state, every message that has its turn in it, and the state that follows.
pub(crate) fn advance(
    state: State,
    message: &Message<'_>,
    io: &mut Io<'_>,
) -> Result<State, Error> {
    use {Message as M, State as S};
    Ok(match (state, message) {
        (S::WaitSh(s), M::ServerHello(m)) => S::WaitEe(s.server_hello(&m.read()?, io)?),
        (S::WaitSh(s), M::ServerHelloTls12(m)) => S::Tls12(s.tls12(&m.read()?, io)?),
        (S::WaitSh(s), M::HelloRetryRequest(m)) => S::WaitRetriedSh(s.retry(&m.read()?, io)?),
        (S::WaitRetriedSh(s), M::ServerHello(m)) => S::WaitEe(s.server_hello(&m.read()?, io)?),
        (S::WaitRetriedSh(_), M::ServerHelloTls12(_)) => return Err(ANOTHER_VERSION),
        (S::WaitEe(s), M::EncryptedExtensions(m)) => match s.extensions(&m.read()?, io)? {
            AfterEe::Certificate(s) => S::WaitCertCr(s),
            AfterEe::Psk(s) => S::WaitFinished(s),
            AfterEe::Verdict(s) => S::WaitVerdict(s),
        },
        (S::WaitCertCr(s), M::CertificateRequest(m)) => S::WaitIdentity(s.request(&m.read()?, io)?),
        (S::WaitIdentity(s), M::Identity(shown)) => S::WaitCert(s.identity(shown)),
        (S::WaitCertCr(s), M::Certificate(m)) => S::WaitVerdict(s.certificate(m.read()?, io)?),
        (S::WaitCert(s), M::Certificate(m)) => S::WaitVerdict(s.certificate(m.read()?, io)?),
        (S::WaitCertCr(s), M::CompressedCertificate(m)) if s.0.takes_compressed() => {
            S::WaitVerdict(s.compressed_certificate(&m.read()?, io)?)
        }
        (S::WaitCert(s), M::CompressedCertificate(m)) if s.0.takes_compressed() => {
            S::WaitVerdict(s.compressed_certificate(&m.read()?, io)?)
        }
        (S::WaitVerdict(s), M::Verdict(verdict)) => match s.verdict(*verdict)? {
            AfterVerdict::Verify(s) => S::WaitCv(s),
            AfterVerdict::Psk(s) => S::WaitFinished(s),
        },
        (S::WaitCv(s), M::CertificateVerify(m)) => S::WaitFinished(s.verify(&m.read()?, io)?),
        (S::WaitFinished(s), M::Finished(m)) => match s.finished(&m.read()?, io)? {
            AfterFinished::Sign(s) => S::WaitSignature(s),
            AfterFinished::Open(s) => S::Open(s),
        },
        (S::WaitSignature(s), M::Signature(signature)) => S::Open(s.signature(signature, io)?),
        (S::Open(s), M::NewSessionTicket(m)) => {
            S::Open(Box::new(s.new_session_ticket(&m.read()?, io)?))
        }
        (S::Open(s), M::KeyUpdate(m)) => S::Open(Box::new(s.key_update(&m.read()?, io)?)),
        (S::Tls12(s), m) => S::Tls12(tls12::client::advance(s, m, io)?),
        (state, message) => return Err(message.unexpected(state.name())),
    })
}

/// What the client keeps from its ClientHello on.
pub(crate) struct Client {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
    pub(crate) random: [u8; 32],
    /// Random, or that of the session that is offered.
    pub(crate) legacy_session_id: Vec<u8>,
    pub(crate) psks: Vec<OfferedPsk>,
    /// The session to go on from in TLS 1.2.
    pub(crate) session: Option<Session>,
    /// Its ticket, if it has one.
    pub(crate) ticket: Vec<u8>,
    pub(crate) early_data: EarlyData,
    /// Octets of early data that may still be sent, while any may be.
    pub(crate) early_left: Option<u32>,
}

impl Client {
    /// What a ClientHello with these key shares and this cookie offers.
    pub(crate) fn offer<'a>(
        &'a self,
        shares: &'a [KeyShare],
        cookie: Option<&'a [u8]>,
    ) -> Offer<'a> {
        Offer {
            config: &self.config,
            name: &self.name,
            random: &self.random,
            legacy_session_id: &self.legacy_session_id,
            shares,
            cookie,
            psks: &self.psks,
            ticket: &self.ticket,
            early_data: self.early_left.is_some(),
        }
    }

    /// Sends a ClientHello and returns it; `before` are the messages before a second one.
    fn hello(
        &self,
        shares: &[KeyShare],
        cookie: Option<&[u8]>,
        before: Option<&Transcript>,
        io: &mut Io<'_>,
    ) -> Result<Vec<u8>, Error> {
        let offer = self.offer(shares, cookie);
        let mut hello = Vec::with_capacity(512);
        offer.write(&mut hello)?;
        if !self.psks.is_empty() {
            let bound = hello.len() - offer.binders_len();
            let (front, binders) = hello.split_at_mut(bound);
            self.bind(front, &mut binders[2..], before);
        }
        io.note_sent(&hello);
        let start = io.out.len();
        io.outgoing
            .send(ContentType::HANDSHAKE, &[&hello], io.out)?;
        if before.is_none() {
            // RFC 9846 5.1: for old servers that want to see a version of their own.
            let oldest = ProtocolVersion::TLS1_0.0.to_be_bytes();
            io.out[start + 1..start + 3].copy_from_slice(&oldest);
        }
        Ok(hello)
    }

    /// Proves that we have each key: writes its binder over `front` (RFC 9846 4.3.11.2).
    fn bind(&self, front: &[u8], mut binders: &mut [u8], before: Option<&Transcript>) {
        for OfferedPsk { psk, .. } in &self.psks {
            let truncated = match before {
                Some(before) => before.hash_with(front),
                None => psk.hash.of(front),
            };
            let binder = Early::new(psk).binder(psk.origin, &truncated);
            let (place, rest) = binders.split_at_mut(1 + psk.hash.len());
            place[1..].copy_from_slice(binder.as_ref());
            binders = rest;
        }
    }

    /// Offers a session; in TLS 1.2 the echo of a random session id tells that its ticket was taken
    /// (RFC 5077 3.4).
    fn go_on_from(&mut self, kept: ClientSession, io: &mut Io<'_>) {
        let ClientSession { session, shown, .. } = kept;
        match shown {
            Shown::Ticket(ticket) if session.version() == ProtocolVersion::TLS1_3 => {
                self.psks
                    .push(OfferedPsk::of_session(session, ticket, io.now));
                return;
            }
            Shown::Ticket(ticket) => {
                self.ticket = ticket;
                self.legacy_session_id = new_session_id(io);
            }
            Shown::SessionId(id) => self.legacy_session_id = id,
        }
        self.session = Some(session);
    }

    /// Early data is sent from here on, if the first key allows it (RFC 9846 4.3.10).
    fn begin_early_data(&mut self, hello: &[u8], io: &mut Io<'_>) {
        let [
            OfferedPsk {
                psk,
                session: Some(session),
                ..
            },
            ..,
        ] = &self.psks[..]
        else {
            return;
        };
        if self.early_left.is_none() {
            return;
        }
        let secret = Early::new(psk).traffic(session.cipher_suite, &psk.hash.of(hello));
        io.log_secret("CLIENT_EARLY_TRAFFIC_SECRET", &self.random, secret.expose());
        io.change_cipher_spec();
        io.outgoing.rekey(secret.record_key());
        io.note_keys(true, "early data");
        // Until the server says otherwise.
        self.early_data = EarlyData::Rejected;
    }
}

fn new_session_id(io: &mut Io<'_>) -> Vec<u8> {
    let mut id = vec![0; 32];
    io.random.fill_bytes(&mut id);
    id
}

/// A session with the server that the configuration may go on from.
fn session_for(
    config: &ClientConfig,
    name: &ServerName<'static>,
    now: UnixTime,
) -> Option<ClientSession> {
    let kept = config.sessions.as_ref()?.take(name)?;
    kept.fits(config, now).then_some(kept)
}

/// Octets of early data that the session allows, if its protocol would still be understood.
fn early_data_for(config: &ClientConfig, psks: &[OfferedPsk]) -> Option<u32> {
    let session = psks.first()?.session.as_ref()?;
    let spoken = |protocol: &Vec<u8>| config.alpn.contains(protocol);
    let understood = session.alpn.as_ref().is_none_or(spoken);
    (config.early_data && understood && session.max_early_data > 0)
        .then_some(session.max_early_data)
}

/// Sends the ClientHello.
pub(crate) fn start(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    io: &mut Io<'_>,
) -> Result<State, Error> {
    config.check()?;
    let mut client = Client {
        name,
        random: [0; 32],
        legacy_session_id: Vec::new(),
        psks: Vec::new(),
        session: None,
        ticket: Vec::new(),
        early_data: EarlyData::NotOffered,
        early_left: None,
        config,
    };
    io.random.fill_bytes(&mut client.random);
    if client.config.speaks(ProtocolVersion::TLS1_3) {
        // Middlebox compatibility (RFC 9846 D.4): any value, 32 octets.
        client.legacy_session_id = new_session_id(io);
    }
    if let Some(kept) = session_for(&client.config, &client.name, io.now) {
        client.go_on_from(kept, io);
    }
    // The keys that are shared anyway come after a session's.
    if client.config.speaks(ProtocolVersion::TLS1_3) {
        let external = client.config.external_psks.iter();
        client.psks.extend(external.map(OfferedPsk::external));
    }
    client.early_left = early_data_for(&client.config, &client.psks);
    let shares = client
        .config
        .shares()
        .map(|group| KeyShare::generate(group, io.random))
        .collect::<Result<Vec<_>, _>>()?;
    let hello = client.hello(&shares, None, None, io)?;
    client.begin_early_data(&hello, io);
    Ok(State::WaitSh(Box::new(WaitSh {
        client,
        shares,
        hello,
    })))
}

/// A ClientHello has been sent.
pub(crate) struct WaitSh {
    client: Client,
    shares: Vec<KeyShare>,
    hello: Vec<u8>,
}

impl WaitSh {
    fn tls12(
        self,
        m: &ServerHelloTls12<'_>,
        io: &mut Io<'_>,
    ) -> Result<tls12::client::State, Error> {
        tls12::client::start(self.client, &self.hello, m, io)
    }

    fn server_hello(self, m: &ServerHello<'_>, io: &mut Io<'_>) -> Result<Box<WaitEe>, Error> {
        check_head(&m.head, &self.client, &self.shares, None)?;
        let transcript = Transcript::new(m.head.cipher_suite, &self.hello);
        let seen = Seen {
            client: self.client,
            transcript,
            hello_retry: false,
        };
        agree_keys(seen, self.shares, m, io)
    }

    /// Answers a HelloRetryRequest (RFC 9846 4.2.4) with a second ClientHello.
    fn retry(
        mut self,
        m: &HelloRetryRequest<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitRetriedSh>, Error> {
        check_head(&m.head, &self.client, &self.shares, None)?;
        let has = |group| self.shares.iter().any(|share| share.group() == group);
        let shares = match m.selected_group {
            Some(group) if has(group) => {
                return Err(Error::PeerIllegalParameter(
                    "a retry asks for the share it has",
                ));
            }
            Some(group) if !self.client.config.groups.contains(&group) => {
                return Err(Error::PeerIllegalParameter(
                    "a retry for a group not offered",
                ));
            }
            Some(group) => vec![KeyShare::generate(group, io.random)?],
            None if m.cookie.is_none() => {
                return Err(Error::PeerIllegalParameter(
                    "a retry that would change nothing",
                ));
            }
            None => self.shares,
        };
        io.aligned()?;
        let cipher_suite = m.head.cipher_suite;
        let mut transcript = Transcript::retried(cipher_suite, &self.hello, io.raw);
        if self.client.early_data == EarlyData::NotOffered {
            io.change_cipher_spec();
        }
        // RFC 9846 4.2.2: no more early data, and no keys that do not suit the server's suite.
        self.client.early_left = None;
        io.outgoing.clear();
        self.client.psks.retain(|psk| psk.psk.suits(cipher_suite));
        let hello = self
            .client
            .hello(&shares, m.cookie, Some(&transcript), io)?;
        transcript.add(&hello);
        Ok(Box::new(WaitRetriedSh {
            seen: Seen {
                client: self.client,
                transcript,
                hello_retry: true,
            },
            shares,
            cipher_suite,
        }))
    }
}

/// A second ClientHello has been sent.
pub(crate) struct WaitRetriedSh {
    seen: Seen,
    shares: Vec<KeyShare>,
    /// The suite of the HelloRetryRequest, which the ServerHello must repeat.
    cipher_suite: CipherSuite,
}

impl WaitRetriedSh {
    fn server_hello(self, m: &ServerHello<'_>, io: &mut Io<'_>) -> Result<Box<WaitEe>, Error> {
        check_head(
            &m.head,
            &self.seen.client,
            &self.shares,
            Some(self.cipher_suite),
        )?;
        agree_keys(self.seen, self.shares, m, io)
    }
}

/// What is known of the handshake once the hash function is.
struct Seen {
    client: Client,
    transcript: Transcript,
    hello_retry: bool,
}

/// RFC 9846 4.3.1: the ServerHello has the version of the HelloRetryRequest before it.
const ANOTHER_VERSION: Error = Error::PeerIllegalParameter("the version changed after a retry");

/// Refuses a ServerHello or HelloRetryRequest that answers another ClientHello.
fn check_head(
    head: &ServerHelloHead<'_>,
    client: &Client,
    shares: &[KeyShare],
    retried_suite: Option<CipherSuite>,
) -> Result<(), Error> {
    if retried_suite.is_some() && head.selected_version != ProtocolVersion::TLS1_3 {
        return Err(ANOTHER_VERSION);
    }
    head.check(&client.offer(shares, None))?;
    if retried_suite.is_some_and(|suite| suite != head.cipher_suite) {
        return Err(Error::PeerIllegalParameter(
            "the suite changed after a retry",
        ));
    }
    Ok(())
}

/// Ends the key exchange: from here both directions are under handshake keys.
fn agree_keys(
    mut seen: Seen,
    shares: Vec<KeyShare>,
    m: &ServerHello<'_>,
    io: &mut Io<'_>,
) -> Result<Box<WaitEe>, Error> {
    let (group, public) = m.key_share;
    let mut shares = shares.into_iter();
    let share = shares
        .find(|share| share.group() == group)
        .ok_or(Error::PeerIllegalParameter(
            "a key share for a group not asked for",
        ))?;
    let aligned = io.aligned()?;
    let cipher_suite = m.head.cipher_suite;
    seen.transcript.add(io.raw);
    let psk = select(&mut seen.client, m)?;
    let early = psk.as_ref().map(|psk| Early::new(&psk.psk));
    let secret = share.agree(public, |shared| Handshake::new(early, cipher_suite, shared))?;
    let (ours, theirs) = handshake_traffic(&secret, &seen.transcript, &seen.client.random, io);
    if !seen.hello_retry && seen.client.early_data == EarlyData::NotOffered {
        io.change_cipher_spec();
    }
    io.incoming.rekey(aligned, theirs.record_key());
    io.note_keys(false, "handshake");
    if seen.client.early_left.is_none() {
        io.outgoing.rekey(ours.record_key());
        io.note_keys(true, "handshake");
    }
    let session = psk.as_ref().and_then(|psk| psk.session.as_ref());
    let external = psk.as_ref().filter(|psk| psk.session.is_none());
    Ok(Box::new(WaitEe(Keyed {
        agreed: Agreed {
            version: ProtocolVersion::TLS1_3,
            cipher_suite,
            group: Some(group),
            signature_scheme: None,
            client_signature_scheme: None,
            alpn: None,
            server_name: match &seen.client.name {
                ServerName::DnsName(name) => Some(name.as_ref().to_string()),
                _ => None,
            },
            hello_retry: seen.hello_retry,
            resumed: session.is_some(),
            psk_identity: external.map(|psk| psk.identity.clone()),
            early_data: seen.client.early_data,
        },
        proved_until: match session {
            Some(session) => session.end(),
            None => end_of_proof(MAX_TICKET_LIFETIME, io),
        },
        psk,
        client: seen.client,
        transcript: seen.transcript,
        secret,
        ours,
        theirs,
    })))
}

/// The pre-shared key that the server chose.
fn select(client: &mut Client, m: &ServerHello<'_>) -> Result<Option<OfferedPsk>, Error> {
    // RFC 9846 4.3.10: early data is under the first.
    if m.selected_identity != Some(0) {
        client.early_left = None;
    }
    let Some(index) = m.selected_identity.map(usize::from) else {
        return Ok(None);
    };
    match client.psks.get(index) {
        Some(psk) if psk.psk.suits(m.head.cipher_suite) => Ok(Some(client.psks.swap_remove(index))),
        Some(_) => Err(Error::PeerIllegalParameter(
            "a pre-shared key for another hash function",
        )),
        None => Err(Error::PeerIllegalParameter(
            "a pre-shared key that was not offered",
        )),
    }
}

/// What is known of the handshake once there are keys.
struct Keyed {
    client: Client,
    /// The key that both go on from; without one the server shows a certificate.
    psk: Option<OfferedPsk>,
    /// Until when what the server has proved, or proves now, may be relied on.
    proved_until: u64,
    transcript: Transcript,
    secret: Handshake,
    ours: HandshakeTraffic,
    theirs: HandshakeTraffic,
    agreed: Agreed,
}

/// ServerHello has been received.
pub(crate) struct WaitEe(Keyed);

impl WaitEe {
    fn extensions(
        mut self,
        m: &EncryptedExtensions<'_>,
        io: &mut Io<'_>,
    ) -> Result<AfterEe, Error> {
        let keyed = &mut self.0;
        let config = &keyed.client.config;
        let offer = keyed.client.offer(&[], None);
        m.extensions.answer_only(|kind| offer.offers(kind))?;
        if let Some(protocol) = m.protocol {
            if !config.alpn.iter().any(|offered| offered == protocol) {
                return Err(Error::PeerIllegalParameter(
                    "a protocol that was not offered",
                ));
            }
            keyed.agreed.alpn = Some(protocol.to_vec());
        }
        keyed.transcript.add(io.raw);
        keyed.early_data_answer(m.early_data, io)?;
        let Some(psk) = &keyed.psk else {
            return Ok(AfterEe::Certificate(Box::new(WaitCertCr(self.0))));
        };
        if let Some(session) = &psk.session {
            io.keep_chain(session.peer_chain.clone(), session.staples.clone());
            if keyed.client.config.judge_resumed {
                return Ok(AfterEe::Verdict(Box::new(WaitVerdict {
                    keyed: self.0,
                    asked: None,
                })));
            }
        }
        Ok(AfterEe::Psk(Box::new(WaitFinished {
            keyed: self.0,
            asked: None,
        })))
    }
}

/// Where EncryptedExtensions lead.
enum AfterEe {
    Certificate(Box<WaitCertCr>),
    Psk(Box<WaitFinished>),
    Verdict(Box<WaitVerdict>),
}

impl Keyed {
    /// What becomes of early data. Refused, it ends here: our messages are under handshake keys from
    /// here on.
    fn early_data_answer(&mut self, accepted: bool, io: &mut Io<'_>) -> Result<(), Error> {
        if !accepted {
            if self.client.early_left.take().is_some() {
                io.outgoing.rekey(self.ours.record_key());
                io.note_keys(true, "handshake");
            }
            return Ok(());
        }
        // RFC 9846 4.3.10: what was said in it was said in the session's suite and protocol.
        let session = self.psk.as_ref().and_then(|psk| psk.session.as_ref());
        if session.is_none_or(|session| session.cipher_suite != self.agreed.cipher_suite) {
            return Err(Error::PeerIllegalParameter(
                "early data is taken with another suite",
            ));
        }
        if session.is_none_or(|session| session.alpn != self.agreed.alpn) {
            return Err(Error::PeerIllegalParameter(
                "early data is taken with another protocol",
            ));
        }
        self.agreed.early_data = EarlyData::Accepted;
        Ok(())
    }
}

/// Ends early data, if it was taken (RFC 9846 4.5.4); from here on our messages are under handshake keys.
fn end_early_data(
    client: &mut Client,
    transcript: &mut Transcript,
    ours: &HandshakeTraffic,
    io: &mut Io<'_>,
) -> Result<(), Error> {
    if client.early_left.take().is_none() {
        return Ok(());
    }
    let mut flight = Flight::default();
    flight.add(transcript, io, |out| {
        write_message(out, HandshakeType::END_OF_EARLY_DATA, |_| Ok(()))
    })?;
    flight.send(io)?;
    io.outgoing.rekey(ours.record_key());
    io.note_keys(true, "handshake");
    Ok(())
}

/// EncryptedExtensions has been received.
pub(crate) struct WaitCertCr(Keyed);

impl WaitCertCr {
    /// The server asks for a client certificate.
    fn request(
        mut self,
        m: &CertificateRequest<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitIdentity>, Error> {
        // RFC 9846 4.4.2: the context is for requests after the handshake.
        if !m.context.is_empty() {
            return Err(Error::PeerIllegalParameter(
                "a certificate_request_context in the handshake",
            ));
        }
        self.0.transcript.add(io.raw);
        let schemes = m.signature_algorithms.iter().map(SignatureScheme);
        let request = IdentityRequest::new(
            schemes.filter(|scheme| !scheme.is_pkcs1()),
            &m.certificate_authorities,
        );
        let compression = m
            .certificate_compression
            .iter()
            .flat_map(|list| list.iter());
        Ok(Box::new(WaitIdentity {
            keyed: self.0,
            request,
            compression: compression.map(CertificateCompressionAlgorithm).collect(),
        }))
    }

    fn certificate(self, m: Certificate<'_>, io: &mut Io<'_>) -> Result<Box<WaitVerdict>, Error> {
        self.0.certificate(m, None, io)
    }

    fn compressed_certificate(
        self,
        m: &CompressedCertificate<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitVerdict>, Error> {
        self.0.compressed_certificate(m, None, io)
    }
}

/// CertificateRequest has been received.
pub(crate) struct WaitIdentity {
    keyed: Keyed,
    request: IdentityRequest,
    /// How the server takes our certificates beside as they are.
    compression: Vec<CertificateCompressionAlgorithm>,
}

impl WaitIdentity {
    fn identity(self, shown: &Identified) -> Box<WaitCert> {
        let asked = Asked {
            shown: shown.clone(),
            compression: self.compression,
        };
        Box::new(WaitCert(self.keyed, asked))
    }
}

/// The server asked for a certificate: what it gets.
struct Asked {
    shown: Identified,
    compression: Vec<CertificateCompressionAlgorithm>,
}

/// The server asked for a certificate, and we know which it gets.
pub(crate) struct WaitCert(Keyed, Asked);

impl WaitCert {
    fn certificate(self, m: Certificate<'_>, io: &mut Io<'_>) -> Result<Box<WaitVerdict>, Error> {
        self.0.certificate(m, Some(self.1), io)
    }

    fn compressed_certificate(
        self,
        m: &CompressedCertificate<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitVerdict>, Error> {
        self.0.compressed_certificate(m, Some(self.1), io)
    }
}

impl Keyed {
    /// Whether the server may compress its certificates: who was not told of it has no such message.
    fn takes_compressed(&self) -> bool {
        !self.client.config.certificate_compression.is_empty()
    }

    fn compressed_certificate(
        self,
        m: &CompressedCertificate<'_>,
        asked: Option<Asked>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitVerdict>, Error> {
        let config = &self.client.config;
        let (offered, longest) = (
            &config.certificate_compression,
            config.max_handshake_message,
        );
        let body = decompress(m, offered, longest)?;
        self.certificate(Certificate::whole(&body)?, asked, io)
    }

    fn certificate(
        mut self,
        m: Certificate<'_>,
        asked: Option<Asked>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitVerdict>, Error> {
        if !m.certificate_request_context.is_empty() {
            return Err(Error::PeerIllegalParameter(
                "a context in the server's Certificate",
            ));
        }
        if m.certificate_list.is_empty() {
            return Err(Error::PeerNoCertificate);
        }
        let offer = self.client.offer(&[], None);
        let (chain, staples) = m.take(|kind| offer.offers(kind))?;
        io.keep_chain(chain, staples);
        self.transcript.add(io.raw);
        Ok(Box::new(WaitVerdict { keyed: self, asked }))
    }
}

/// The server's Certificate has been received, or is a session's. It is judged before its signature: a
/// refusal costs less.
pub(crate) struct WaitVerdict {
    keyed: Keyed,
    asked: Option<Asked>,
}

impl WaitVerdict {
    fn judge(&self) -> Judge<'_> {
        let client = &self.keyed.client;
        Judge::Server(client.config.verifier.as_deref(), &client.name)
    }

    fn verdict(self, verdict: Result<(), netkit_x509::Error>) -> Result<AfterVerdict, Error> {
        verdict.map_err(Error::PeerCertificate)?;
        let Self { keyed, asked } = self;
        Ok(match keyed.psk {
            None => AfterVerdict::Verify(Box::new(WaitCv { keyed, asked })),
            Some(_) => AfterVerdict::Psk(Box::new(WaitFinished { keyed, asked })),
        })
    }
}

/// Where a verdict leads.
enum AfterVerdict {
    Verify(Box<WaitCv>),
    Psk(Box<WaitFinished>),
}

/// The server's certificates are good.
pub(crate) struct WaitCv {
    keyed: Keyed,
    asked: Option<Asked>,
}

impl WaitCv {
    fn verify(
        self,
        m: &CertificateVerify<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitFinished>, Error> {
        let mut keyed = self.keyed;
        let accepted = &keyed.client.config.signature_schemes;
        check_verify(m, accepted, Side::Server, &keyed.transcript, io)?;
        keyed.agreed.signature_scheme = Some(m.algorithm);
        keyed.transcript.add(io.raw);
        Ok(Box::new(WaitFinished {
            keyed,
            asked: self.asked,
        }))
    }
}

/// The server has proved who it is.
pub(crate) struct WaitFinished {
    keyed: Keyed,
    asked: Option<Asked>,
}

/// Where the server's Finished leads.
enum AfterFinished {
    Sign(Box<WaitSignature>),
    Open(Box<Open>),
}

impl WaitFinished {
    fn finished(self, m: &Finished<'_>, io: &mut Io<'_>) -> Result<AfterFinished, Error> {
        let mut keyed = self.keyed;
        check_finished(m, &keyed.theirs, &keyed.transcript)?;
        let aligned = io.aligned()?;
        keyed.transcript.add(io.raw);
        let main = keyed.secret.main();
        let traffic = application(&main, &keyed.transcript, &keyed.client.random, io);
        io.incoming.rekey(aligned, traffic.server.record_key());
        io.note_keys(false, "application");
        end_early_data(&mut keyed.client, &mut keyed.transcript, &keyed.ours, io)?;

        let mut ending = Ending {
            transcript: keyed.transcript,
            flight: Flight::default(),
            handshake_ours: keyed.ours,
            traffic,
            main,
            client: keyed.client,
            proved_until: keyed.proved_until,
            agreed: keyed.agreed,
        };
        let Some(Asked { shown, compression }) = self.asked else {
            return ending.finish(io).map(AfterFinished::Open);
        };
        ending.flight.add(&mut ending.transcript, io, |out| {
            let identity = shown.as_ref().map(|(identity, _)| &**identity);
            let takes = |algorithm| compression.contains(&algorithm);
            // A server's request may ask for staples; a client has none.
            write_certificate(out, identity, |_| false, takes)
        })?;
        let Some((identity, scheme)) = shown else {
            return ending.finish(io).map(AfterFinished::Open);
        };
        io.facts.identity = Some(Arc::clone(&identity));
        Ok(AfterFinished::Sign(Box::new(WaitSignature {
            to_sign: ToSign {
                identity,
                scheme,
                content: signed_content(Side::Client, &ending.transcript),
            },
            ending,
        })))
    }
}

/// What is left once the server's part is done: our Finished, and what may stand before it.
struct Ending {
    transcript: Transcript,
    flight: Flight,
    handshake_ours: HandshakeTraffic,
    traffic: Application,
    main: Main,
    client: Client,
    proved_until: u64,
    agreed: Agreed,
}

impl Ending {
    fn finish(mut self, io: &mut Io<'_>) -> Result<Box<Open>, Error> {
        add_finished(
            &mut self.flight,
            &mut self.transcript,
            io,
            &self.handshake_ours,
        )?;
        self.flight.send(io)?;
        io.outgoing.rekey(self.traffic.client.record_key());
        io.note_keys(true, "application");
        let Client { config, name, .. } = self.client;
        // Who showed no certificate is known by the key alone, which may be given up any time.
        let external = self.agreed.psk_identity.is_some();
        io.agree(self.agreed);
        let keeper = (config.sessions.is_some() && !external).then(|| {
            Box::new(Keeper {
                secret: self.main.resumption(&self.transcript.hash()),
                config,
                name,
                end: self.proved_until,
            })
        });
        Ok(Box::new(Open::client(self.traffic, keeper)))
    }
}

/// Our certificate waits for its key's signature.
pub(crate) struct WaitSignature {
    to_sign: ToSign,
    ending: Ending,
}

impl WaitSignature {
    fn signature(mut self, signature: &[u8], io: &mut Io<'_>) -> Result<Box<Open>, Error> {
        let Ending {
            flight, transcript, ..
        } = &mut self.ending;
        flight.add(transcript, io, |out| {
            write_certificate_verify(out, self.to_sign.scheme, signature)
        })?;
        self.ending.agreed.client_signature_scheme = Some(self.to_sign.scheme);
        self.ending.finish(io)
    }
}
