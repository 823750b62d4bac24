//! Hellos: what the client offers, and what the server's answer makes of it (RFC 9846 4.2, 4.3).

use super::{Keyed, State, WaitEe};
use crate::{
    codepoints::{CipherSuite, ContentType, ProtocolVersion},
    config::ClientConfig,
    connection::{Agreed, EarlyData},
    crypto::kx::KeyShare,
    error::Error,
    io::Io,
    limits::MAX_TICKET_LIFETIME,
    messages::{HelloRetryRequest, Offer, ServerHello, ServerHelloHead, ServerHelloTls12},
    psk::OfferedPsk,
    resumption::{ClientSession, EarlyDataRefusal, Session, Shown, end_of_proof},
    tls12,
    tls13::{
        both::handshake_traffic,
        schedule::{Early, Handshake},
    },
    transcript::Transcript,
};
use alloc::{boxed::Box, string::ToString, sync::Arc, vec, vec::Vec};
use rustls_pki_types::{ServerName, UnixTime};

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

/// Octets of early data that the session allows, if its protocol would still be understood; or why there is
/// none.
fn early_data_for(config: &ClientConfig, psks: &[OfferedPsk]) -> Result<u32, EarlyDataRefusal> {
    use EarlyDataRefusal as No;
    if !config.early_data {
        return Err(No::SwitchedOff);
    }
    let session = psks.first().and_then(|psk| psk.session.as_ref());
    let session = session.ok_or(No::NotItsKey)?;
    if session.max_early_data == 0 {
        return Err(No::Session);
    }
    let spoken = |protocol: &Vec<u8>| config.alpn.contains(protocol);
    if !session.alpn.as_ref().is_none_or(spoken) {
        return Err(No::Protocol);
    }
    Ok(session.max_early_data)
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
    client.early_left = early_data_for(&client.config, &client.psks)
        .inspect_err(|why| io.facts.early_data_refusal = Some(*why))
        .ok();
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
    pub(super) client: Client,
    shares: Vec<KeyShare>,
    hello: Vec<u8>,
}

impl WaitSh {
    pub(super) fn tls12(
        self,
        m: &ServerHelloTls12<'_>,
        io: &mut Io<'_>,
    ) -> Result<tls12::client::State, Error> {
        tls12::client::start(self.client, &self.hello, m, io)
    }

    pub(super) fn server_hello(
        self,
        m: &ServerHello<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitEe>, Error> {
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
    pub(super) fn retry(
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
    pub(super) seen: Seen,
    shares: Vec<KeyShare>,
    /// The suite of the HelloRetryRequest, which the ServerHello must repeat.
    cipher_suite: CipherSuite,
}

impl WaitRetriedSh {
    pub(super) fn server_hello(
        self,
        m: &ServerHello<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitEe>, Error> {
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
pub(super) struct Seen {
    pub(super) client: Client,
    transcript: Transcript,
    hello_retry: bool,
}

/// RFC 9846 4.3.1: the ServerHello has the version of the HelloRetryRequest before it.
pub(super) const ANOTHER_VERSION: Error =
    Error::PeerIllegalParameter("the version changed after a retry");

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
