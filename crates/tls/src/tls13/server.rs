//! The server's handshake (RFC 9846 A.2).
//!
//! ```text
//!                         WAIT_CH ------------ ClientHello without a usable share ---+
//!                            |                                                      | send HelloRetryRequest
//!                            | ClientHello                                          v
//!                            | <------------------ ClientHello ------------ WAIT_RETRIED_CH
//!                            | send ServerHello; with a pre-shared key EncryptedExtensions,
//!                            |   Finished: on to WAIT_EOED, or without early data to WAIT_FINISHED
//!   keys: handshake          | send EncryptedExtensions, [CertificateRequest,] Certificate
//!                            v
//!                    (WAIT_SIGNATURE)
//!                            | our key's signature; send CertificateVerify, Finished
//!   send: application        +-------------------- a certificate was asked for ----------+
//!                            |                                                           v
//!                            |  <--------------------- empty Certificate ----------- WAIT_CERT
//!                            |                        Certificate, or CompressedCertificate |
//!                            |                                                    (WAIT_VERDICT)
//!                            |                                                           | the verdict
//!                            v  <--------------------- CertificateVerify ------------ WAIT_CV
//!                       WAIT_FINISHED <--- EndOfEarlyData --- WAIT_EOED (receive: early data)
//!                            | Finished; send NewSessionTicket
//!   receive: application     v
//!                           OPEN --- KeyUpdate ---> OPEN
//! ```
//!
//! The states in parentheses wait for us, not for the peer.

use super::{
    both::{
        Application, Open, add_finished, application, check_finished, check_verify,
        handshake_traffic, signed_content,
    },
    choice::{ChosenPsk, Offered},
    schedule::{Early, EarlyTraffic, Handshake, HandshakeTraffic, Main},
    tickets::give,
};
use crate::{
    codepoints::{
        CertificateCompressionAlgorithm, CipherSuite, ContentType, ExtensionType, HandshakeType,
        NamedGroup, ProtocolVersion, SignatureScheme,
    },
    compression::{CertificateCompression, decompress},
    config::ServerConfig,
    connection::{Agreed, Asks, EarlyData},
    crypto::{hash::Digest, kx::KeyShare},
    disagreement::Disagreement,
    error::Error,
    identity::{Identity, ToSign},
    io::Io,
    limits::MAX_SKIPPED_EARLY_DATA,
    messages::{
        Certificate, CertificateVerify, ClientHello, CompressedCertificate, EndOfEarlyData,
        Finished, ListU16, Message, write_certificate, write_certificate_request,
        write_certificate_verify, write_message, write_protocol, write_server_hello,
    },
    resumption::{Session, end_of_proof},
    tls12,
    transcript::{Flight, Side, Transcript},
    verify::Judge,
};
use alloc::{borrow::ToOwned, boxed::Box, sync::Arc, vec::Vec};
use netkit_core::Writer;

/// What the server waits for.
pub(crate) enum State {
    WaitCh(Box<WaitCh>),
    WaitRetriedCh(Box<WaitRetriedCh>),
    WaitSignature(Box<WaitSignature>),
    WaitEoed(Box<WaitEoed>),
    WaitCert(Box<WaitCert>),
    WaitVerdict(Box<WaitVerdict>),
    WaitCv(Box<WaitCv>),
    WaitFinished(Box<WaitFinished>),
    Open(Box<Open>),
    /// The client has not this version.
    Tls12(tls12::server::State),
}

impl State {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::WaitCh(_) => "WAIT_CH",
            Self::WaitRetriedCh(_) => "WAIT_RETRIED_CH",
            Self::WaitSignature(_) => "WAIT_SIGNATURE",
            Self::WaitEoed(_) => "WAIT_EOED",
            Self::WaitCert(_) => "WAIT_CERT",
            Self::WaitVerdict(_) => "WAIT_VERDICT",
            Self::WaitCv(_) => "WAIT_CV",
            Self::WaitFinished(_) => "WAIT_FINISHED",
            Self::Open(_) => "OPEN",
            Self::Tls12(s) => s.name(),
        }
    }

    /// Octets of early data that may still come, while any may.
    pub(crate) fn early_left(&mut self) -> Option<&mut u32> {
        match self {
            Self::WaitEoed(s) => Some(&mut s.left),
            _ => None,
        }
    }

    /// Whether early data is taken, and may be answered: our Finished is sent.
    pub(crate) fn answers_early_data(&self) -> bool {
        match self {
            Self::WaitEoed(_) => true,
            Self::WaitFinished(s) => s.rest.agreed.early_data == EarlyData::Accepted,
            _ => false,
        }
    }

    /// What our side has to decide before the flow goes on.
    pub(crate) fn asks(&self) -> Option<Asks<'_>> {
        match self {
            Self::WaitSignature(s) => Some(Asks::Signature(&s.to_sign)),
            Self::WaitVerdict(s) => Some(Asks::Verdict(s.judge())),
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
        (S::WaitCh(s), M::ClientHello(m)) => match s.client_hello(&m.read()?, io)? {
            AfterCh::Shared(AfterShare::Sign(s)) => S::WaitSignature(s),
            AfterCh::Shared(AfterShare::Psk(s)) => S::WaitFinished(s),
            AfterCh::Shared(AfterShare::EarlyData(s)) => S::WaitEoed(s),
            AfterCh::Retry(s) => S::WaitRetriedCh(s),
            AfterCh::Tls12(s) => S::Tls12(s),
        },
        (S::WaitRetriedCh(s), M::ClientHello(m)) => match s.client_hello(&m.read()?, io)? {
            AfterShare::Sign(s) => S::WaitSignature(s),
            AfterShare::Psk(s) => S::WaitFinished(s),
            AfterShare::EarlyData(s) => S::WaitEoed(s),
        },
        (S::WaitEoed(s), M::EndOfEarlyData(m)) => S::WaitFinished(s.end(&m.read()?, io)?),
        (S::WaitSignature(s), M::Signature(signature)) => match s.signature(signature, io)? {
            AfterSignature::Certificate(s) => S::WaitCert(s),
            AfterSignature::Finished(s) => S::WaitFinished(s),
        },
        (S::WaitCert(s), M::Certificate(m)) => match s.certificate(m.read()?, io)? {
            AfterCertificate::Given(s) => S::WaitVerdict(s),
            AfterCertificate::None(s) => S::WaitFinished(s),
        },
        (S::WaitCert(s), M::CompressedCertificate(m)) if s.takes_compressed() => {
            match s.compressed_certificate(&m.read()?, io)? {
                AfterCertificate::Given(s) => S::WaitVerdict(s),
                AfterCertificate::None(s) => S::WaitFinished(s),
            }
        }
        (S::WaitVerdict(s), M::Verdict(verdict)) => S::WaitCv(s.verdict(*verdict)?),
        (S::WaitCv(s), M::CertificateVerify(m)) => S::WaitFinished(s.verify(&m.read()?, io)?),
        (S::WaitFinished(s), M::Finished(m)) => S::Open(s.finished(&m.read()?, io)?),
        (S::Open(s), M::KeyUpdate(m)) => S::Open(Box::new(s.key_update(&m.read()?, io)?)),
        (S::Tls12(s), m) => S::Tls12(tls12::server::advance(s, m, io)?),
        (state, message) => return Err(message.unexpected(state.name())),
    })
}

/// Nothing has been received.
pub(crate) struct WaitCh {
    config: Arc<ServerConfig>,
}

/// Where a first ClientHello leads.
enum AfterCh {
    Shared(AfterShare),
    Retry(Box<WaitRetriedCh>),
    Tls12(tls12::server::State),
}

/// Where a ClientHello with a usable share leads.
enum AfterShare {
    Sign(Box<WaitSignature>),
    Psk(Box<WaitFinished>),
    EarlyData(Box<WaitEoed>),
}

impl WaitCh {
    pub(crate) fn new(config: Arc<ServerConfig>) -> Self {
        Self { config }
    }

    fn client_hello(self, m: &ClientHello<'_>, io: &mut Io<'_>) -> Result<AfterCh, Error> {
        self.config.check()?;
        let config = Arc::clone(&self.config);
        self.answer(m, io)
            .inspect_err(|error| io.disagree(Disagreement::of_server(*error, &config, m)))
    }

    fn answer(self, m: &ClientHello<'_>, io: &mut Io<'_>) -> Result<AfterCh, Error> {
        // Checked here although it is only reported where one identity serves all: a name that is none
        // is refused.
        m.server_name()?;
        if choose_version(&self.config, m)? == ProtocolVersion::TLS1_2 {
            return tls12::server::start(self.config, m, io).map(AfterCh::Tls12);
        }
        check_hello(m)?;
        let choice = Choice::new(&self.config, m, None, io)?;
        // RFC 9846 4.3.10: what is not taken is read past.
        let early_data = match m.extensions.get(ExtensionType::EARLY_DATA) {
            Some(_) => EarlyData::Rejected,
            None => EarlyData::NotOffered,
        };
        if early_data == EarlyData::Rejected {
            let granted = self
                .config
                .early_data
                .as_ref()
                .map_or(0, |policy| policy.max_size);
            io.incoming
                .skip_early_data(MAX_SKIPPED_EARLY_DATA.max(granted as usize));
        }
        let groups = m.supported_groups()?;
        match choose_share(&self.config.groups, groups, &m.key_shares()?)? {
            Some(share) => {
                let transcript = Transcript::new(choice.cipher_suite, io.raw);
                let seen = Seen {
                    config: self.config,
                    transcript,
                    hello_retry: false,
                    early_data,
                };
                seen.respond(choice, share, m, io).map(AfterCh::Shared)
            }
            None => self
                .retry(choice.cipher_suite, groups, early_data, m, io)
                .map(AfterCh::Retry),
        }
    }

    /// Asks for a share of a group that both have (RFC 9846 4.2.4).
    fn retry(
        self,
        cipher_suite: CipherSuite,
        groups: ListU16<'_>,
        early_data: EarlyData,
        m: &ClientHello<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitRetriedCh>, Error> {
        io.aligned()?;
        let group = first_common(self.config.groups.iter().map(|group| group.0), groups)
            .map(NamedGroup)
            .ok_or(Error::PeerNoCommonGroup)?;
        let mut retry = Vec::new();
        let session_id = m.legacy_session_id;
        write_server_hello(&mut retry, None, session_id, cipher_suite, None, |out| {
            out.u16(group.0);
            Ok(())
        })?;
        let transcript = Transcript::retried(cipher_suite, io.raw, &retry);
        io.note_sent(&retry);
        io.outgoing
            .send(ContentType::HANDSHAKE, &[&retry], io.out)?;
        if !m.legacy_session_id.is_empty() {
            io.change_cipher_spec();
        }
        Ok(Box::new(WaitRetriedCh {
            seen: Seen {
                config: self.config,
                transcript,
                hello_retry: true,
                early_data,
            },
            cipher_suite,
            group,
            lasting: m.lasting(io.raw, cipher_suite.hash()),
        }))
    }
}

/// A HelloRetryRequest has been sent.
pub(crate) struct WaitRetriedCh {
    seen: Seen,
    cipher_suite: CipherSuite,
    group: NamedGroup,
    /// What of the first ClientHello the second must repeat, hashed.
    lasting: Digest,
}

impl WaitRetriedCh {
    fn client_hello(mut self, m: &ClientHello<'_>, io: &mut Io<'_>) -> Result<AfterShare, Error> {
        io.incoming.skip_no_more();
        check_hello(m)?;
        // RFC 9846 4.2.2: the second ClientHello changes only what the retry asked for.
        let lasting = m.lasting(io.raw, self.cipher_suite.hash());
        if lasting.as_ref() != self.lasting.as_ref() {
            return Err(Error::PeerIllegalParameter(
                "the ClientHello changed after a retry",
            ));
        }
        if m.extensions.get(ExtensionType::EARLY_DATA).is_some() {
            return Err(Error::PeerIllegalParameter("early_data after a retry"));
        }
        let Seen {
            config, transcript, ..
        } = &self.seen;
        let choice = Choice::new(config, m, Some((self.cipher_suite, transcript)), io)?;
        let [(group, public)] = m.key_shares()?[..] else {
            return Err(Error::PeerIllegalParameter(
                "not the one key share that the retry asked for",
            ));
        };
        if group != self.group {
            return Err(Error::PeerIllegalParameter(
                "a key share for a group not asked for",
            ));
        }
        self.seen.transcript.add(io.raw);
        self.seen.respond(choice, (group, public), m, io)
    }
}

/// What the server chose from a ClientHello, but for the key share.
struct Choice {
    cipher_suite: CipherSuite,
    proof: Proof,
    alpn: Option<Vec<u8>>,
}

/// How the server proves who it is: by a key that only it and the client have, or by a signature.
enum Proof {
    Psk(Box<ChosenPsk>),
    Certificate(Arc<Identity>, SignatureScheme),
}

impl Choice {
    /// `retried` is the suite of a retry, and the messages up to this ClientHello.
    fn new(
        config: &ServerConfig,
        m: &ClientHello<'_>,
        retried: Option<(CipherSuite, &Transcript)>,
        io: &Io<'_>,
    ) -> Result<Self, Error> {
        let alpn = choose_protocol(&config.alpn, m)?;
        if let Some(psk) = (Offered { config, m, retried }).psk(io)? {
            return Ok(Self {
                cipher_suite: psk.cipher_suite,
                proof: Proof::Psk(Box::new(psk)),
                alpn,
            });
        }
        let suites = config.suites(ProtocolVersion::TLS1_3).map(|suite| suite.0);
        let schemes = m.signature_algorithms()?;
        let accepts = |scheme: SignatureScheme| schemes.contains(scheme.0) && !scheme.is_pkcs1();
        let wanted = m.wanted_identity()?;
        let (identity, signature_scheme) = config
            .identity_that(|identity| identity.scheme_for(accepts), &wanted)
            .ok_or_else(|| config.no_identity(&wanted))?;
        let cipher_suite = match retried {
            Some((suite, _)) => suite,
            None => first_common(suites, m.cipher_suites)
                .map(CipherSuite)
                .ok_or(Error::PeerNoCommonSuite)?,
        };
        Ok(Self {
            cipher_suite,
            proof: Proof::Certificate(Arc::clone(identity), signature_scheme),
            alpn,
        })
    }
}

impl Choice {
    /// The session that it goes on from.
    fn session(&self) -> Option<&Session> {
        match &self.proof {
            Proof::Psk(psk) => psk.session(),
            Proof::Certificate(..) => None,
        }
    }

    fn selected_identity(&self) -> Option<u16> {
        match &self.proof {
            Proof::Psk(psk) => Some(psk.index),
            Proof::Certificate(..) => None,
        }
    }

    fn early(&self) -> Option<Early> {
        match &self.proof {
            Proof::Psk(psk) => Some(Early::new(&psk.psk)),
            Proof::Certificate(..) => None,
        }
    }
}

/// The first of `ours` that `theirs` has too.
fn first_common(mut ours: impl Iterator<Item = u16>, theirs: ListU16<'_>) -> Option<u16> {
    ours.find(|&value| theirs.contains(value))
}

/// The highest version that both have (RFC 9846 4.3.1); without supported_versions the client's highest
/// is its legacy_version (D.2).
fn choose_version(config: &ServerConfig, m: &ClientHello<'_>) -> Result<ProtocolVersion, Error> {
    let theirs = m.supported_versions()?;
    config
        .spoken()
        .find(|&ours| match theirs {
            Some(theirs) => theirs.contains(ours.0),
            None => ours == ProtocolVersion::TLS1_2 && m.legacy_version >= ours,
        })
        .ok_or(Error::PeerNoCommonVersion)
}

/// Refuses what a ClientHello of TLS 1.3 may not have.
fn check_hello(m: &ClientHello<'_>) -> Result<(), Error> {
    if m.legacy_compression_methods != [0] {
        return Err(Error::PeerIllegalParameter(
            "legacy_compression_methods is not null alone",
        ));
    }
    // Of no use where nothing is compressed, and looked at all the same.
    m.certificate_compression()?;
    // RFC 9846 4.3.11: it is last, and useless without its modes.
    if m.extensions.get(ExtensionType::PRE_SHARED_KEY).is_some() {
        let last = m.extensions.iter().last().map(|(kind, _)| kind);
        if last != Some(ExtensionType::PRE_SHARED_KEY) {
            return Err(Error::PeerIllegalParameter(
                "pre_shared_key is not the last extension",
            ));
        }
        let modes = ExtensionType::PSK_KEY_EXCHANGE_MODES;
        if m.extensions.get(modes).is_none() {
            return Err(Error::PeerMissingExtension(modes));
        }
    }
    Ok(())
}

/// The client's share for our most preferred group that it sent one for. A share for a group that
/// the client does not support is refused (RFC 9846 4.3.8).
fn choose_share<'a>(
    ours: &[NamedGroup],
    supported: ListU16<'_>,
    shares: &[(NamedGroup, &'a [u8])],
) -> Result<Option<(NamedGroup, &'a [u8])>, Error> {
    if shares.iter().any(|(group, _)| !supported.contains(group.0)) {
        return Err(Error::PeerIllegalParameter(
            "a key share for a group that is not supported",
        ));
    }
    let share_of = |group: &NamedGroup| shares.iter().find(|(theirs, _)| theirs == group).copied();
    Ok(ours.iter().find_map(share_of))
}

/// Our most preferred protocol that the client offers. Offering none, or serving none, is no
/// failure; having none in common is (RFC 7301 3.2).
pub(crate) fn choose_protocol(
    ours: &[Vec<u8>],
    m: &ClientHello<'_>,
) -> Result<Option<Vec<u8>>, Error> {
    let Some(theirs) = m.protocols()? else {
        return Ok(None);
    };
    if ours.is_empty() {
        return Ok(None);
    }
    ours.iter()
        .find(|name| theirs.contains(&name.as_slice()))
        .cloned()
        .map(Some)
        .ok_or(Error::PeerNoCommonProtocol)
}

/// What is known of the handshake before there are keys.
struct Seen {
    config: Arc<ServerConfig>,
    transcript: Transcript,
    hello_retry: bool,
    early_data: EarlyData,
}

impl Seen {
    /// Sends ServerHello and, with a pre-shared key, all up to Finished. From here our messages are under
    /// handshake keys, and the client's once its early data has ended.
    fn respond(
        mut self,
        choice: Choice,
        (group, public): (NamedGroup, &[u8]),
        m: &ClientHello<'_>,
        io: &mut Io<'_>,
    ) -> Result<AfterShare, Error> {
        let aligned = io.aligned()?;
        let cipher_suite = choice.cipher_suite;
        let early_data = self.early_data(&choice, m, io);
        let early = choice.early();
        // A share that is refused is refused before anything leaves.
        let (key_exchange, secret) = KeyShare::answer(group, public, io.random, |shared| {
            Handshake::new(early, cipher_suite, shared)
        })?;
        self.server_hello((group, &key_exchange), &choice, m, io)?;
        if !m.legacy_session_id.is_empty() && !self.hello_retry {
            io.change_cipher_spec();
        }
        let (theirs, ours) = handshake_traffic(&secret, &self.transcript, &m.random, io);
        io.outgoing.rekey(ours.record_key());
        io.note_keys(true, "handshake");
        if let Some((traffic, _)) = &early_data {
            io.incoming.skip_no_more();
            io.incoming.rekey(aligned, traffic.record_key());
            io.note_keys(false, "early data");
        } else {
            io.incoming.rekey(aligned, theirs.record_key());
            io.note_keys(false, "handshake");
        }
        let mut unfinished = Unfinished {
            flight: Flight::default(),
            ours,
            secret,
            client_random: m.random,
            rest: Rest {
                agreed: self.agreed(&choice, group, m)?,
                takes_tickets: m.takes_tickets()?,
                proved_until: match choice.session() {
                    Some(session) => session.end(),
                    None => end_of_proof(self.config.session_lifetime, io),
                },
                config: self.config,
                transcript: self.transcript,
                theirs,
            },
        };
        unfinished.encrypted_extensions(io)?;
        match choice.proof {
            Proof::Certificate(identity, scheme) => unfinished
                .sign(identity, scheme, m, io)
                .map(AfterShare::Sign),
            Proof::Psk(psk) => {
                psk.restore(io);
                let finished = unfinished.finish(io)?;
                Ok(match early_data {
                    Some((_, left)) => AfterShare::EarlyData(Box::new(WaitEoed { finished, left })),
                    None => AfterShare::Psk(Box::new(finished)),
                })
            }
        }
    }

    /// The secret of early data and how much of it is taken, if any is.
    fn early_data(
        &mut self,
        choice: &Choice,
        m: &ClientHello<'_>,
        io: &Io<'_>,
    ) -> Option<(EarlyTraffic, u32)> {
        let Proof::Psk(psk) = &choice.proof else {
            return None;
        };
        // RFC 9846 4.3.10: a retry refuses it.
        if self.hello_retry {
            return None;
        }
        let left = psk.early_data(&self.config, choice.alpn.as_deref(), m, io)?;
        self.early_data = EarlyData::Accepted;
        let hello = self.transcript.hash();
        let traffic = Early::new(&psk.psk).traffic(choice.cipher_suite, &hello);
        io.log_secret("CLIENT_EARLY_TRAFFIC_SECRET", &m.random, traffic.expose());
        Some((traffic, left))
    }

    fn server_hello(
        &mut self,
        (group, key_exchange): (NamedGroup, &[u8]),
        choice: &Choice,
        m: &ClientHello<'_>,
        io: &mut Io<'_>,
    ) -> Result<(), Error> {
        let mut random = [0; 32];
        io.random.fill_bytes(&mut random);
        let mut flight = Flight::default();
        flight.add(&mut self.transcript, io, |out| {
            write_server_hello(
                out,
                Some(&random),
                m.legacy_session_id,
                choice.cipher_suite,
                choice.selected_identity(),
                |out| {
                    out.u16(group.0);
                    out.nested_u16(|out| {
                        out.bytes(key_exchange);
                        Ok(())
                    })
                },
            )
        })?;
        flight.send(io)
    }

    fn agreed(
        &self,
        choice: &Choice,
        group: NamedGroup,
        m: &ClientHello<'_>,
    ) -> Result<Agreed, Error> {
        let (signature_scheme, psk_identity) = match &choice.proof {
            Proof::Certificate(_, scheme) => (Some(*scheme), None),
            Proof::Psk(psk) => (None, psk.external_identity()),
        };
        Ok(Agreed {
            version: ProtocolVersion::TLS1_3,
            cipher_suite: choice.cipher_suite,
            group: Some(group),
            signature_scheme,
            client_signature_scheme: None,
            alpn: choice.alpn.clone(),
            server_name: m.server_name()?.map(ToOwned::to_owned),
            hello_retry: self.hello_retry,
            resumed: choice.session().is_some(),
            psk_identity,
            early_data: self.early_data,
        })
    }
}

/// What is left until our Finished is sent.
struct Unfinished {
    flight: Flight,
    ours: HandshakeTraffic,
    secret: Handshake,
    client_random: [u8; 32],
    rest: Rest,
}

impl Unfinished {
    fn encrypted_extensions(&mut self, io: &mut Io<'_>) -> Result<(), Error> {
        let Rest {
            agreed, transcript, ..
        } = &mut self.rest;
        self.flight.add(transcript, io, |out| {
            write_message(out, HandshakeType::ENCRYPTED_EXTENSIONS, |out| {
                out.nested_u16(|out| {
                    // RFC 6066 3: the name was taken, and not where a session has it.
                    if agreed.server_name.is_some() && !agreed.resumed {
                        out.u16(ExtensionType::SERVER_NAME.0);
                        out.nested_u16(|_| Ok(()))?;
                    }
                    write_protocol(agreed.alpn.as_deref(), out)?;
                    if agreed.early_data == EarlyData::Accepted {
                        out.u16(ExtensionType::EARLY_DATA.0);
                        out.nested_u16(|_| Ok(()))?;
                    }
                    Ok(())
                })
            })
        })
    }

    /// Adds CertificateRequest and Certificate, and prepares what is signed next.
    fn sign(
        mut self,
        identity: Arc<Identity>,
        scheme: SignatureScheme,
        m: &ClientHello<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitSignature>, Error> {
        let Rest {
            config, transcript, ..
        } = &mut self.rest;
        if let Some(client_auth) = &config.client_auth {
            self.flight.add(transcript, io, |out| {
                write_certificate_request(out, client_auth)
            })?;
        }
        io.facts.identity = Some(Arc::clone(&identity));
        let compression = m.certificate_compression()?;
        self.flight.add(transcript, io, |out| {
            let wanted = |kind| m.extensions.get(kind).is_some();
            let takes = |algorithm: CertificateCompressionAlgorithm| {
                compression.is_some_and(|list| list.contains(algorithm.0))
            };
            write_certificate(out, Some(&identity), wanted, takes)
        })?;
        Ok(Box::new(WaitSignature {
            to_sign: ToSign {
                identity,
                scheme,
                content: signed_content(Side::Server, &self.rest.transcript),
            },
            unfinished: self,
        }))
    }

    /// Sends all with Finished. From here our messages are under application keys.
    fn finish(mut self, io: &mut Io<'_>) -> Result<WaitFinished, Error> {
        let mut rest = self.rest;
        add_finished(&mut self.flight, &mut rest.transcript, io, &self.ours)?;
        self.flight.send(io)?;
        let main = self.secret.main();
        let traffic = application(&main, &rest.transcript, &self.client_random, io);
        io.outgoing.rekey(traffic.server.record_key());
        io.note_keys(true, "application");
        Ok(WaitFinished {
            rest,
            main,
            traffic,
        })
    }
}

/// What is left once the server's part is signed.
struct Rest {
    config: Arc<ServerConfig>,
    transcript: Transcript,
    theirs: HandshakeTraffic,
    agreed: Agreed,
    takes_tickets: bool,
    /// Until when what the client has proved, or proves now, may be relied on.
    proved_until: u64,
}

/// Our certificate waits for its key's signature.
pub(crate) struct WaitSignature {
    to_sign: ToSign,
    unfinished: Unfinished,
}

/// Where our Finished leads.
enum AfterSignature {
    Certificate(Box<WaitCert>),
    Finished(Box<WaitFinished>),
}

impl WaitSignature {
    fn signature(mut self, signature: &[u8], io: &mut Io<'_>) -> Result<AfterSignature, Error> {
        let Unfinished { flight, rest, .. } = &mut self.unfinished;
        flight.add(&mut rest.transcript, io, |out| {
            write_certificate_verify(out, self.to_sign.scheme, signature)
        })?;
        let finished = self.unfinished.finish(io)?;
        Ok(if finished.rest.config.client_auth.is_some() {
            AfterSignature::Certificate(Box::new(WaitCert(finished)))
        } else {
            AfterSignature::Finished(Box::new(finished))
        })
    }
}

/// Our Finished has been sent, and early data is taken.
pub(crate) struct WaitEoed {
    finished: WaitFinished,
    /// Octets of early data that may still come.
    left: u32,
}

impl WaitEoed {
    /// The client's next messages are under handshake keys.
    fn end(self, _: &EndOfEarlyData<'_>, io: &mut Io<'_>) -> Result<Box<WaitFinished>, Error> {
        let mut finished = self.finished;
        let aligned = io.aligned()?;
        finished.rest.transcript.add(io.raw);
        io.incoming
            .rekey(aligned, finished.rest.theirs.record_key());
        io.note_keys(false, "handshake");
        Ok(Box::new(finished))
    }
}

/// Our Finished has been sent, and a certificate asked for.
pub(crate) struct WaitCert(WaitFinished);

/// Where the client's Certificate leads.
enum AfterCertificate {
    Given(Box<WaitVerdict>),
    None(Box<WaitFinished>),
}

impl WaitCert {
    fn compression(&self) -> &[Arc<dyn CertificateCompression>] {
        let auth = self.0.rest.config.client_auth.as_ref();
        auth.map_or(&[], |auth| &auth.certificate_compression)
    }

    /// Whether the client may compress its certificates: who was not told of it has no such message.
    fn takes_compressed(&self) -> bool {
        !self.compression().is_empty()
    }

    fn compressed_certificate(
        self,
        m: &CompressedCertificate<'_>,
        io: &mut Io<'_>,
    ) -> Result<AfterCertificate, Error> {
        let longest = self.0.rest.config.max_handshake_message;
        let body = decompress(m, self.compression(), longest)?;
        self.certificate(Certificate::whole(&body)?, io)
    }

    fn certificate(
        mut self,
        m: Certificate<'_>,
        io: &mut Io<'_>,
    ) -> Result<AfterCertificate, Error> {
        if !m.certificate_request_context.is_empty() {
            return Err(Error::PeerIllegalParameter(
                "a context that the request did not have",
            ));
        }
        // Nothing in the request asks for an extension of the answer.
        let (chain, staples) = m.take(|_| false)?;
        self.0.rest.transcript.add(io.raw);
        if !chain.is_empty() {
            io.keep_chain(chain, staples);
            return Ok(AfterCertificate::Given(Box::new(WaitVerdict(self.0))));
        }
        self.0
            .rest
            .config
            .allow_no_certificate(ProtocolVersion::TLS1_3)?;
        Ok(AfterCertificate::None(Box::new(self.0)))
    }
}

/// The client's Certificate has been received.
pub(crate) struct WaitVerdict(WaitFinished);

impl WaitVerdict {
    fn judge(&self) -> Judge<'_> {
        self.0.rest.config.client_judge()
    }

    fn verdict(self, verdict: Result<(), netkit_x509::Error>) -> Result<Box<WaitCv>, Error> {
        verdict.map_err(Error::PeerCertificate)?;
        Ok(Box::new(WaitCv(self.0)))
    }
}

/// The client's certificates are good.
pub(crate) struct WaitCv(WaitFinished);

impl WaitCv {
    fn verify(
        mut self,
        m: &CertificateVerify<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitFinished>, Error> {
        let rest = &mut self.0.rest;
        let auth = rest.config.client_auth.as_ref();
        let accepted = auth.map_or(&[][..], |auth| &auth.signature_schemes);
        check_verify(m, accepted, Side::Client, &rest.transcript, io)?;
        rest.transcript.add(io.raw);
        rest.agreed.client_signature_scheme = Some(m.algorithm);
        Ok(Box::new(self.0))
    }
}

/// Our Finished has been sent, and the client's certificate, if any, is good.
pub(crate) struct WaitFinished {
    rest: Rest,
    main: Main,
    traffic: Application,
}

impl WaitFinished {
    fn finished(self, m: &Finished<'_>, io: &mut Io<'_>) -> Result<Box<Open>, Error> {
        let mut rest = self.rest;
        check_finished(m, &rest.theirs, &rest.transcript)?;
        let aligned = io.aligned()?;
        io.incoming.rekey(aligned, self.traffic.client.record_key());
        io.note_keys(false, "application");
        // Who was let in by a key of its own goes on with that: a ticket would outlive it.
        let external = rest.agreed.psk_identity.is_some();
        if rest.takes_tickets && !external && rest.config.sessions.is_some() {
            rest.transcript.add(io.raw);
            let secret = self.main.resumption(&rest.transcript.hash());
            give(&rest.config, &secret, &rest.agreed, rest.proved_until, io)?;
        }
        io.agree(rest.agreed);
        Ok(Box::new(Open::server(self.traffic)))
    }
}
