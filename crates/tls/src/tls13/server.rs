//! The server's handshake (RFC 9846 A.2, without pre-shared keys).
//!
//! ```text
//!                         WAIT_CH ------------ ClientHello without a usable share ---+
//!                            |                                                      | send HelloRetryRequest
//!                            | ClientHello                                          v
//!                            | <------------------ ClientHello ------------ WAIT_RETRIED_CH
//!                            | send ServerHello
//!   keys: handshake          | send EncryptedExtensions, [CertificateRequest,] Certificate
//!                            v
//!                    (WAIT_SIGNATURE)
//!                            | our key's signature; send CertificateVerify, Finished
//!   send: application        +-------------------- a certificate was asked for ----------+
//!                            |                                                           v
//!                            |  <--------------------- empty Certificate ----------- WAIT_CERT
//!                            |                                                           | Certificate
//!                            |                                                    (WAIT_VERDICT)
//!                            |                                                           | the verdict
//!                            v  <--------------------- CertificateVerify ------------ WAIT_CV
//!                       WAIT_FINISHED
//!                            | Finished
//!   receive: application     v
//!                           OPEN --- KeyUpdate ---> OPEN
//! ```
//!
//! The states in parentheses wait for us, not for the peer.

use super::{
    both::{
        Open, Side, add_finished, application_traffic, check_finished, check_verify,
        handshake_traffic, signed_content,
    },
    schedule::{ApplicationTraffic, Early, Handshake, HandshakeTraffic},
};
use crate::{
    codepoints::{
        CipherSuite, ContentType, ExtensionType, HandshakeType, NamedGroup, ProtocolVersion,
        SignatureScheme,
    },
    config::ServerConfig,
    connection::{Agreed, Asks},
    crypto::kx::KeyShare,
    disagreement::Disagreement,
    error::Error,
    identity::{Identity, ToSign},
    io::Io,
    messages::{
        Certificate, CertificateVerify, ClientHello, Finished, ListU16, Message, write_certificate,
        write_certificate_request, write_certificate_verify, write_message, write_server_hello,
    },
    transcript::{Flight, Transcript},
    verify::Judge,
};
use alloc::{borrow::ToOwned, boxed::Box, sync::Arc, vec::Vec};
use netkit_core::{TooLong, Writer};

/// What the server waits for.
pub(crate) enum State {
    WaitCh(Box<WaitCh>),
    WaitRetriedCh(Box<WaitRetriedCh>),
    WaitSignature(Box<WaitSignature>),
    WaitCert(Box<WaitCert>),
    WaitVerdict(Box<WaitVerdict>),
    WaitCv(Box<WaitCv>),
    WaitFinished(Box<WaitFinished>),
    Open(Box<Open>),
}

impl State {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::WaitCh(_) => "WAIT_CH",
            Self::WaitRetriedCh(_) => "WAIT_RETRIED_CH",
            Self::WaitSignature(_) => "WAIT_SIGNATURE",
            Self::WaitCert(_) => "WAIT_CERT",
            Self::WaitVerdict(_) => "WAIT_VERDICT",
            Self::WaitCv(_) => "WAIT_CV",
            Self::WaitFinished(_) => "WAIT_FINISHED",
            Self::Open(_) => "OPEN",
        }
    }

    /// What our side has to decide before the flow goes on.
    pub(crate) fn asks(&self) -> Option<Asks<'_>> {
        match self {
            Self::WaitSignature(s) => Some(Asks::Signature(&s.to_sign)),
            Self::WaitVerdict(s) => Some(Asks::Verdict(s.judge())),
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
            AfterCh::Shared(s) => S::WaitSignature(s),
            AfterCh::Retry(s) => S::WaitRetriedCh(s),
        },
        (S::WaitRetriedCh(s), M::ClientHello(m)) => {
            S::WaitSignature(s.client_hello(&m.read()?, io)?)
        }
        (S::WaitSignature(s), M::Signature(signature)) => match s.signature(signature, io)? {
            AfterSignature::Certificate(s) => S::WaitCert(s),
            AfterSignature::Finished(s) => S::WaitFinished(s),
        },
        (S::WaitCert(s), M::Certificate(m)) => match s.certificate(m.read()?, io)? {
            AfterCertificate::Given(s) => S::WaitVerdict(s),
            AfterCertificate::None(s) => S::WaitFinished(s),
        },
        (S::WaitVerdict(s), M::Verdict(verdict)) => S::WaitCv(s.verdict(*verdict)?),
        (S::WaitCv(s), M::CertificateVerify(m)) => S::WaitFinished(s.verify(&m.read()?, io)?),
        (S::WaitFinished(s), M::Finished(m)) => S::Open(s.finished(&m.read()?, io)?),
        (S::Open(s), M::KeyUpdate(m)) => S::Open(Box::new(s.key_update(&m.read()?, io)?)),
        (state, message) => {
            return Err(Error::PeerUnexpectedMessage(message.kind(), state.name()));
        }
    })
}

/// Nothing has been received.
pub(crate) struct WaitCh {
    config: Arc<ServerConfig>,
}

/// Where a first ClientHello leads.
enum AfterCh {
    Shared(Box<WaitSignature>),
    Retry(Box<WaitRetriedCh>),
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
        check_versions(m)?;
        let choice = Choice::new(&self.config, m)?;
        // RFC 9846 4.3.10: no pre-shared key is taken, so what came with one is read past.
        if m.extensions.get(ExtensionType::EARLY_DATA).is_some() {
            io.incoming.skip_early_data();
        }
        let groups = m.supported_groups()?;
        match choose_share(&self.config.groups, groups, &m.key_shares()?)? {
            Some(share) => {
                let transcript = Transcript::new(choice.cipher_suite, io.raw);
                respond(&self.config, choice, transcript, share, false, m, io).map(AfterCh::Shared)
            }
            None => self
                .retry(choice.cipher_suite, groups, m, io)
                .map(AfterCh::Retry),
        }
    }

    /// Asks for a share of a group that both have (RFC 9846 4.2.4).
    fn retry(
        self,
        cipher_suite: CipherSuite,
        groups: ListU16<'_>,
        m: &ClientHello<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitRetriedCh>, Error> {
        io.aligned()?;
        let group = first_common(self.config.groups.iter().map(|group| group.0), groups)
            .map(NamedGroup)
            .ok_or(Error::PeerNoCommonGroup)?;
        let mut retry = Vec::new();
        write_server_hello(&mut retry, None, m.legacy_session_id, cipher_suite, |out| {
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
            config: self.config,
            transcript,
            cipher_suite,
            group,
            random: m.random,
        }))
    }
}

/// A HelloRetryRequest has been sent.
pub(crate) struct WaitRetriedCh {
    config: Arc<ServerConfig>,
    transcript: Transcript,
    cipher_suite: CipherSuite,
    group: NamedGroup,
    /// The first ClientHello's random, which the second must repeat.
    random: [u8; 32],
}

impl WaitRetriedCh {
    fn client_hello(
        mut self,
        m: &ClientHello<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitSignature>, Error> {
        io.incoming.skip_no_more();
        check_versions(m)?;
        // RFC 9846 4.2.2: the second ClientHello changes only what the retry asked for.
        if m.random != self.random {
            return Err(Error::PeerIllegalParameter(
                "the random changed after a retry",
            ));
        }
        if m.extensions.get(ExtensionType::EARLY_DATA).is_some() {
            return Err(Error::PeerIllegalParameter("early_data after a retry"));
        }
        let choice = Choice::new(&self.config, m)?;
        if choice.cipher_suite != self.cipher_suite {
            return Err(Error::PeerIllegalParameter(
                "the suites changed after a retry",
            ));
        }
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
        self.transcript.add(io.raw);
        respond(
            &self.config,
            choice,
            self.transcript,
            (group, public),
            true,
            m,
            io,
        )
    }
}

/// What the server chose from a ClientHello, but for the key share.
struct Choice {
    cipher_suite: CipherSuite,
    identity: Arc<Identity>,
    signature_scheme: SignatureScheme,
    alpn: Option<Vec<u8>>,
}

impl Choice {
    fn new(config: &ServerConfig, m: &ClientHello<'_>) -> Result<Self, Error> {
        let suites = config.cipher_suites.iter().map(|suite| suite.0);
        let schemes = m.signature_algorithms()?;
        let (identity, signature_scheme) = config
            .identity_for(|scheme| schemes.contains(scheme.0), m.server_name()?)
            .ok_or(Error::PeerNoCommonScheme)?;
        Ok(Self {
            cipher_suite: first_common(suites, m.cipher_suites)
                .map(CipherSuite)
                .ok_or(Error::PeerNoCommonSuite)?,
            identity: Arc::clone(identity),
            signature_scheme,
            alpn: choose_protocol(&config.alpn, m)?,
        })
    }
}

/// The first of `ours` that `theirs` has too.
fn first_common(mut ours: impl Iterator<Item = u16>, theirs: ListU16<'_>) -> Option<u16> {
    ours.find(|&value| theirs.contains(value))
}

fn check_versions(m: &ClientHello<'_>) -> Result<(), Error> {
    let versions = m.supported_versions()?;
    if !versions.is_some_and(|versions| versions.contains(ProtocolVersion::TLS1_3.0)) {
        return Err(Error::PeerNoCommonVersion);
    }
    if m.legacy_compression_methods != [0] {
        return Err(Error::PeerIllegalParameter(
            "legacy_compression_methods is not null alone",
        ));
    }
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
    // Checked here although they are only reported: a name that is none is refused.
    m.server_name()?;
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
fn choose_protocol(ours: &[Vec<u8>], m: &ClientHello<'_>) -> Result<Option<Vec<u8>>, Error> {
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

/// Sends ServerHello, and prepares what is signed next. From here both sides' messages are under
/// handshake keys.
fn respond(
    config: &Arc<ServerConfig>,
    choice: Choice,
    mut transcript: Transcript,
    (group, public): (NamedGroup, &[u8]),
    hello_retry: bool,
    m: &ClientHello<'_>,
    io: &mut Io<'_>,
) -> Result<Box<WaitSignature>, Error> {
    let aligned = io.aligned()?;
    let cipher_suite = choice.cipher_suite;
    // A share that is refused is refused before anything leaves.
    let (key_exchange, secret) = KeyShare::answer(group, public, io.random, |shared| {
        Early::new(cipher_suite).handshake(shared)
    })?;
    let mut random = [0; 32];
    io.random.fill_bytes(&mut random);
    let mut flight = Flight::default();
    flight.add(&mut transcript, io, |out| {
        write_server_hello(
            out,
            Some(&random),
            m.legacy_session_id,
            cipher_suite,
            |out| {
                out.u16(group.0);
                out.nested_u16(|out| {
                    out.bytes(&key_exchange);
                    Ok(())
                })
            },
        )
    })?;
    flight.send(io)?;
    if !m.legacy_session_id.is_empty() && !hello_retry {
        io.change_cipher_spec();
    }
    let (theirs, ours) = handshake_traffic(&secret, &transcript, &m.random, io);
    io.outgoing.rekey(ours.record_key());
    io.note_keys(true, "handshake");
    io.incoming.rekey(aligned, theirs.record_key());
    io.note_keys(false, "handshake");

    let mut flight = Flight::default();
    show(config, &choice, m, &mut flight, &mut transcript, io)?;
    Ok(Box::new(WaitSignature {
        to_sign: ToSign {
            identity: choice.identity,
            scheme: choice.signature_scheme,
            content: signed_content(Side::Server, &transcript),
        },
        flight,
        ours,
        secret,
        client_random: m.random,
        rest: Rest {
            config: Arc::clone(config),
            transcript,
            theirs,
            agreed: Agreed {
                version: ProtocolVersion::TLS1_3,
                cipher_suite,
                group,
                signature_scheme: Some(choice.signature_scheme),
                alpn: choice.alpn,
                server_name: m.server_name()?.map(ToOwned::to_owned),
                hello_retry,
            },
        },
    }))
}

/// Adds EncryptedExtensions, CertificateRequest and Certificate to the flight.
fn show(
    config: &ServerConfig,
    choice: &Choice,
    m: &ClientHello<'_>,
    flight: &mut Flight,
    transcript: &mut Transcript,
    io: &mut Io<'_>,
) -> Result<(), Error> {
    flight.add(transcript, io, |out| {
        write_message(out, HandshakeType::ENCRYPTED_EXTENSIONS, |out| {
            out.nested_u16(|out| write_protocol(choice.alpn.as_deref(), out))
        })
    })?;
    if let Some(client_auth) = &config.client_auth {
        flight.add(transcript, io, |out| {
            write_certificate_request(out, client_auth)
        })?;
    }
    flight.add(transcript, io, |out| {
        let wanted = |kind| m.extensions.get(kind).is_some();
        write_certificate(out, &[], Some(&choice.identity), wanted)
    })
}

/// The ALPN answer, if there is one.
fn write_protocol(protocol: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), TooLong> {
    let Some(protocol) = protocol else {
        return Ok(());
    };
    out.u16(ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION.0);
    out.nested_u16(|out| {
        out.nested_u16(|out| {
            out.nested_u8(|out| {
                out.bytes(protocol);
                Ok(())
            })
        })
    })
}

/// What is left once the server's part is signed.
struct Rest {
    config: Arc<ServerConfig>,
    transcript: Transcript,
    theirs: HandshakeTraffic,
    agreed: Agreed,
}

/// Our certificate waits for its key's signature.
pub(crate) struct WaitSignature {
    to_sign: ToSign,
    flight: Flight,
    ours: HandshakeTraffic,
    secret: Handshake,
    client_random: [u8; 32],
    rest: Rest,
}

/// Where our Finished leads.
enum AfterSignature {
    Certificate(Box<WaitCert>),
    Finished(Box<WaitFinished>),
}

impl WaitSignature {
    /// Sends all up to Finished. From here our messages are under application keys.
    fn signature(self, signature: &[u8], io: &mut Io<'_>) -> Result<AfterSignature, Error> {
        let Self {
            mut flight,
            mut rest,
            ..
        } = self;
        flight.add(&mut rest.transcript, io, |out| {
            write_certificate_verify(out, self.to_sign.scheme, signature)
        })?;
        add_finished(&mut flight, &mut rest.transcript, io, &self.ours)?;
        flight.send(io)?;
        let main = self.secret.main();
        let (theirs, ours) = application_traffic(main, &rest.transcript, &self.client_random, io);
        io.outgoing.rekey(ours.record_key());
        io.note_keys(true, "application");
        let asked = rest.config.client_auth.is_some();
        let finished = WaitFinished { rest, theirs, ours };
        Ok(if asked {
            AfterSignature::Certificate(Box::new(WaitCert(finished)))
        } else {
            AfterSignature::Finished(Box::new(finished))
        })
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
        match &self.0.rest.config.client_auth {
            Some(auth) if auth.required => Err(Error::PeerNoClientCertificate),
            _ => Ok(AfterCertificate::None(Box::new(self.0))),
        }
    }
}

/// The client's Certificate has been received.
pub(crate) struct WaitVerdict(WaitFinished);

impl WaitVerdict {
    fn judge(&self) -> Judge<'_> {
        let auth = self.0.rest.config.client_auth.as_ref();
        Judge::Client(auth.and_then(|auth| auth.verifier.as_deref()))
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
        Ok(Box::new(self.0))
    }
}

/// Our Finished has been sent, and the client's certificate, if any, is good.
pub(crate) struct WaitFinished {
    rest: Rest,
    theirs: ApplicationTraffic,
    ours: ApplicationTraffic,
}

impl WaitFinished {
    fn finished(self, m: &Finished<'_>, io: &mut Io<'_>) -> Result<Box<Open>, Error> {
        check_finished(m, &self.rest.theirs, &self.rest.transcript)?;
        let aligned = io.aligned()?;
        io.incoming.rekey(aligned, self.theirs.record_key());
        io.note_keys(false, "application");
        io.agree(self.rest.agreed);
        Ok(Box::new(Open::new(self.theirs, self.ours)))
    }
}
