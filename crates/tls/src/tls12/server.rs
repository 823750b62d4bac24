//! The server's handshake (RFC 5246 7.3, RFC 8422 2).
//!
//! ```text
//!                     (WAIT_CH of TLS 1.3)
//!                             | ClientHello without TLS 1.3
//!                             | send ServerHello, Certificate, [CertificateStatus]
//!                             v
//!                     (WAIT_SIGNATURE) -------- RSA key transport: nothing to sign ---+
//!                             | our key's signature; send ServerKeyExchange           |
//!                             v <-----------------------------------------------------+
//!                             | send [CertificateRequest,] ServerHelloDone
//!                             +---------- a certificate was asked for ----> WAIT_CERT
//!                             |                                                | Certificate
//!                             | <------------- empty Certificate --------------+
//!                             |                                                v
//!                             |                                          (WAIT_VERDICT)
//!                             v <------------- the verdict --------------------+
//!                         WAIT_CKE
//!                             | ClientKeyExchange
//!                             +---------- there is a certificate ----------> WAIT_CV
//!                             v <------------- CertificateVerify --------------+
//!                         WAIT_CCS
//!   receive: application      | ChangeCipherSpec
//!                             v
//!                       WAIT_FINISHED
//!                             | Finished
//!                             | send [NewSessionTicket,] ChangeCipherSpec, Finished
//!   send: application         v
//!                           OPEN --- ClientHello: send no_renegotiation ---> OPEN
//! ```
//!
//! A session that is good ends in an abbreviated handshake (RFC 5246 7.3, RFC 5077 3.1):
//!
//! ```text
//!                     (WAIT_CH of TLS 1.3)
//!                             | ClientHello without TLS 1.3, with a ticket or a session id
//!                             | send ServerHello, [NewSessionTicket,] ChangeCipherSpec, Finished
//!                             v
//!                         WAIT_CCS
//!   receive: application      | ChangeCipherSpec
//!                             v
//!                       WAIT_FINISHED
//!                             | Finished
//!   send: application         v
//!                            OPEN
//! ```
//!
//! The states in parentheses wait for us, not for the peer.

use super::{
    both::{DOWNGRADE, Open, finish, signed_params},
    prf::{Keys, MasterSecret, Randoms},
};
use crate::{
    codepoints::{CipherSuite, ExtensionType, NamedGroup, ProtocolVersion, SignatureScheme},
    config::ServerConfig,
    connection::{Agreed, Asks, EarlyData},
    crypto::{aead::RecordKey, kx::KeyShare},
    error::Error,
    identity::{Identity, Staples, ToSign},
    io::Io,
    messages::{
        CertificateTls12, CertificateVerify, ClientHello, ClientKeyExchange, FIRST_HANDSHAKE,
        Finished, ListU16, Message, NewSessionTicketTls12, POINT_FORMATS,
        write_certificate_request_tls12, write_certificate_status, write_certificate_tls12,
        write_new_session_ticket_tls12, write_params, write_protocol, write_server_hello_done,
        write_server_hello_tls12, write_server_key_exchange,
    },
    resumption::{Session, end_of_proof},
    suites::KeyExchange,
    tls13::server::choose_protocol,
    transcript::{Flight, Side, Transcript},
    verify::{Judge, check_signature},
};
use alloc::{borrow::ToOwned, boxed::Box, sync::Arc, vec::Vec};
use netkit_core::{TooLong, Writer};
use zeroize::Zeroizing;

/// What the server waits for.
pub(crate) enum State {
    WaitSignature(Box<WaitSignature>),
    WaitCert(Box<WaitCert>),
    WaitVerdict(Box<WaitVerdict>),
    WaitCke(Box<WaitCke>),
    WaitCv(Box<WaitCv>),
    WaitCcs(Box<WaitCcs>),
    WaitFinished(Box<WaitFinished>),
    Open(Box<Open>),
}

impl State {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::WaitSignature(_) => "WAIT_SIGNATURE",
            Self::WaitCert(_) => "WAIT_CERT",
            Self::WaitVerdict(_) => "WAIT_VERDICT",
            Self::WaitCke(_) => "WAIT_CKE",
            Self::WaitCv(_) => "WAIT_CV",
            Self::WaitCcs(_) => "WAIT_CCS",
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
        (S::WaitSignature(s), M::Signature(signature)) => match s.signature(signature, io)? {
            AfterHello::Certificate(s) => S::WaitCert(s),
            AfterHello::KeyExchange(s) => S::WaitCke(s),
        },
        (S::WaitCert(s), M::Certificate(m)) => match s.certificate(m.read_as()?, io)? {
            AfterCertificate::Given(s) => S::WaitVerdict(s),
            AfterCertificate::None(s) => S::WaitCke(s),
        },
        (S::WaitVerdict(s), M::Verdict(verdict)) => S::WaitCke(s.verdict(*verdict)?),
        (S::WaitCke(s), M::ClientKeyExchange(m)) => match s.key_exchange(&m.read()?, io)? {
            AfterKeyExchange::Verify(s) => S::WaitCv(s),
            AfterKeyExchange::Finish(s) => S::WaitCcs(s),
        },
        (S::WaitCv(s), M::CertificateVerify(m)) => S::WaitCcs(s.verify(&m.read()?, io)?),
        (S::WaitCcs(s), M::ChangeCipherSpec) => S::WaitFinished(s.change_cipher_spec(io)?),
        (S::WaitFinished(s), M::Finished(m)) => S::Open(s.finished(&m.read()?, io)?),
        (S::Open(s), M::ClientHello(_)) => S::Open(Box::new(s.decline(io)?)),
        (state, message) => return Err(message.unexpected(state.name())),
    })
}

/// What the server chose from a ClientHello.
struct Choice {
    cipher_suite: CipherSuite,
    identity: Arc<Identity>,
    /// How to sign, and in which group to agree; `None`: RSA key transport.
    signed: Option<(SignatureScheme, NamedGroup)>,
}

impl Choice {
    /// The first suite that both have and an identity can serve, which is chosen first: by its name,
    /// then by its schemes.
    fn new(config: &ServerConfig, m: &ClientHello<'_>) -> Result<Self, Error> {
        let suites: Vec<_> = config
            .suites(ProtocolVersion::TLS1_2)
            .filter(|suite| m.cipher_suites.contains(suite.0))
            .filter(|suite| config.identities.iter().any(|own| own.serves(*suite)))
            .collect();
        if suites.is_empty() {
            return Err(Error::PeerNoCommonSuite);
        }
        let schemes = if_there(m.signature_algorithms())?;
        let accepts = |scheme: SignatureScheme| {
            schemes.is_some_and(|schemes| schemes.contains(scheme.0))
                && suites.iter().any(|suite| suite.signs_with(scheme))
        };
        let wanted = m.wanted_identity()?;
        let groups = if_there(m.supported_groups())?;
        // RFC 8422 5.3: the key of an ECDSA certificate is on a curve of the client's choice.
        let has_curve = |curve: NamedGroup| groups.is_none_or(|groups| groups.contains(curve.0));
        let able = |identity: &Identity| identity.scheme_for(accepts);
        let signer = config.identity_that(
            |identity| able(identity).filter(|_| identity.curve().is_none_or(has_curve)),
            &wanted,
        );
        let group = common_group(config, groups);
        suites
            .iter()
            .find_map(|&cipher_suite| {
                let (identity, signed) = if cipher_suite.key_exchange() == KeyExchange::Rsa {
                    (config.decrypting_identity(&wanted)?, None)
                } else {
                    let (identity, scheme) =
                        signer.filter(|(_, scheme)| cipher_suite.signs_with(*scheme))?;
                    (identity, Some((scheme, group?)))
                };
                Some(Self {
                    cipher_suite,
                    identity: Arc::clone(identity),
                    signed,
                })
            })
            .ok_or_else(|| match config.identity_that(able, &wanted) {
                None => config.no_identity(&wanted),
                Some(_) if group.is_none() => Error::PeerNoCommonGroup,
                Some(_) => Error::PeerNoCommonCurve,
            })
    }
}

/// Our most preferred group that the client has; one that names none has P-256 (RFC 8422 4).
fn common_group(config: &ServerConfig, theirs: Option<ListU16<'_>>) -> Option<NamedGroup> {
    let mut ours = config.groups.iter().copied().filter(|g| g.is_of_tls12());
    ours.find(|group| match theirs {
        Some(theirs) => theirs.contains(group.0),
        None => *group == NamedGroup::SECP256R1,
    })
}

/// A list that TLS 1.2 does not require.
fn if_there(list: Result<ListU16<'_>, Error>) -> Result<Option<ListU16<'_>>, Error> {
    match list {
        Err(Error::PeerMissingExtension(_)) => Ok(None),
        list => list.map(Some),
    }
}

/// What the server needs until the client has finished.
struct Negotiated {
    config: Arc<ServerConfig>,
    randoms: Randoms,
    client_version: ProtocolVersion,
    transcript: Transcript,
    extended_master_secret: bool,
    handle: Handle,
    agreed: Agreed,
}

/// Answers a ClientHello that leads to TLS 1.2.
pub(crate) fn start(
    config: Arc<ServerConfig>,
    m: &ClientHello<'_>,
    io: &mut Io<'_>,
) -> Result<State, Error> {
    if m.falls_back() && config.speaks(ProtocolVersion::TLS1_3) {
        return Err(Error::PeerInappropriateFallback);
    }
    if !m.legacy_compression_methods.contains(&0) {
        return Err(Error::PeerIllegalParameter(
            "compression_methods without null",
        ));
    }
    // What answers us cannot have been sent yet.
    io.aligned()?;
    let extended_master_secret = m.extended_master_secret()?;
    if config.tls12.require_extended_master_secret && !extended_master_secret {
        return Err(Error::PeerUnprotected(
            ExtensionType::EXTENDED_MASTER_SECRET,
        ));
    }
    m.check_point_formats()?;
    let session = session_of(&config, m, io)?;
    if session.is_some() && !extended_master_secret {
        // RFC 7627 5.3: the session had it.
        return Err(Error::PeerUnprotected(
            ExtensionType::EXTENDED_MASTER_SECRET,
        ));
    }
    let alpn = choose_protocol(&config.alpn, m)?;
    let mut randoms = Randoms {
        client: m.random,
        server: [0; 32],
    };
    io.random.fill_bytes(&mut randoms.server);
    if config.speaks(ProtocolVersion::TLS1_3) {
        randoms.server[24..].copy_from_slice(DOWNGRADE);
    }
    if let Some(session) = session {
        return resume(&config, &session, randoms, alpn, m, io).map(State::WaitCcs);
    }
    let choice = Choice::new(&config, m)?;
    let mut negotiated = Negotiated {
        handle: Handle::new(&config, m, extended_master_secret, io),
        randoms,
        client_version: m.legacy_version,
        transcript: Transcript::new(choice.cipher_suite, io.raw),
        extended_master_secret,
        agreed: Agreed {
            version: ProtocolVersion::TLS1_2,
            cipher_suite: choice.cipher_suite,
            group: choice.signed.map(|(_, group)| group),
            signature_scheme: choice.signed.map(|(scheme, _)| scheme),
            client_signature_scheme: None,
            alpn,
            server_name: m.server_name()?.map(ToOwned::to_owned),
            hello_retry: false,
            resumed: false,
            psk_identity: None,
            early_data: EarlyData::NotOffered,
        },
        config,
    };
    if negotiated.config.client_auth.is_some() {
        negotiated.transcript.keep(io.raw);
    }
    let mut flight = Flight::default();
    io.facts.identity = Some(Arc::clone(&choice.identity));
    negotiated.show(&choice.identity, m, &mut flight, io)?;
    let Some((scheme, group)) = choice.signed else {
        let key = Key::Certified(choice.identity);
        return Ok(match negotiated.done(flight, key, io)? {
            AfterHello::Certificate(s) => State::WaitCert(s),
            AfterHello::KeyExchange(s) => State::WaitCke(s),
        });
    };
    let share = KeyShare::generate(group, io.random)?;
    let mut params = Vec::new();
    write_params(&mut params, group, share.public())?;
    let Randoms { client, server } = &negotiated.randoms;
    Ok(State::WaitSignature(Box::new(WaitSignature {
        to_sign: ToSign {
            identity: choice.identity,
            scheme,
            content: signed_params(client, server, &params),
        },
        params,
        share,
        flight,
        negotiated,
    })))
}

/// The session that the client wants to go on from, if it is good. A ticket hides a session id (RFC 5077
/// 3.4).
fn session_of(
    config: &ServerConfig,
    m: &ClientHello<'_>,
    io: &Io<'_>,
) -> Result<Option<Session>, Error> {
    let session = match (m.session_ticket(), m.legacy_session_id) {
        (None | Some([]), []) => None,
        (None | Some([]), id) => config.session_ids.as_ref().and_then(|ids| ids.get(id)),
        (Some(ticket), _) => config.sessions.as_ref().and_then(|s| s.get(ticket)),
    };
    let name = m.server_name()?;
    Ok(session.filter(|session| {
        session.is_good(ProtocolVersion::TLS1_2, config, name, io.now)
            && m.cipher_suites.contains(session.cipher_suite.0)
    }))
}

/// Goes on from `session`: sends all of our part.
fn resume(
    config: &ServerConfig,
    session: &Session,
    randoms: Randoms,
    alpn: Option<Vec<u8>>,
    m: &ClientHello<'_>,
    io: &mut Io<'_>,
) -> Result<Box<WaitCcs>, Error> {
    let agreed = Agreed {
        version: ProtocolVersion::TLS1_2,
        cipher_suite: session.cipher_suite,
        group: None,
        signature_scheme: None,
        client_signature_scheme: None,
        alpn,
        server_name: session.server_name.clone(),
        hello_retry: false,
        resumed: true,
        psk_identity: None,
        early_data: EarlyData::NotOffered,
    };
    io.keep_chain(session.peer_chain.clone(), Staples::default());
    let master = MasterSecret::of_session(session).ok_or(Error::CryptoFailed)?;
    io.log_secret("CLIENT_RANDOM", &randoms.client, master.expose());
    let mut transcript = Transcript::new(session.cipher_suite, io.raw);
    let mut flight = Flight::default();
    let gives_ticket = gives_ticket(config, m);
    let answers = [
        (
            ExtensionType::RENEGOTIATION_INFO,
            m.renegotiates_securely()?.then_some(&FIRST_HANDSHAKE[..]),
        ),
        (ExtensionType::EXTENDED_MASTER_SECRET, Some(&[])),
        (
            ExtensionType::SESSION_TICKET,
            gives_ticket.then_some(&[][..]),
        ),
    ];
    // RFC 5077 3.4: the echo tells that a ticket was taken.
    let hello = Hello {
        random: &randoms.server,
        session_id: m.legacy_session_id,
        agreed: &agreed,
    };
    flight.add(&mut transcript, io, |out| hello.write(&answers, out))?;
    if gives_ticket {
        let ticket = Ticket::new(config, &master, &agreed, session.end(), io);
        flight.add(&mut transcript, io, |out| ticket.write(out))?;
    }
    let Keys { client, server } = master.keys(&randoms);
    finish(flight, &mut transcript, &master, Side::Server, server, io)?;
    Ok(Box::new(WaitCcs {
        key: client,
        rest: WaitFinished {
            ending: None,
            transcript,
            master,
            exporter: Some(randoms),
            agreed,
        },
    }))
}

/// Whether the client gets a ticket.
fn gives_ticket(config: &ServerConfig, m: &ClientHello<'_>) -> bool {
    config.sessions.is_some() && config.tickets > 0 && m.session_ticket().is_some()
}

/// What a client will show for its session.
enum Handle {
    None,
    Ticket,
    SessionId([u8; 32]),
}

impl Handle {
    fn new(
        config: &ServerConfig,
        m: &ClientHello<'_>,
        extended_master_secret: bool,
        io: &mut Io<'_>,
    ) -> Self {
        // RFC 7627 5.3: a session that is not bound to its handshake is not gone on from.
        if !extended_master_secret {
            return Self::None;
        }
        if gives_ticket(config, m) {
            return Self::Ticket;
        }
        if config.session_ids.is_none() {
            return Self::None;
        }
        let mut id = [0; 32];
        io.random.fill_bytes(&mut id);
        Self::SessionId(id)
    }

    fn session_id(&self) -> &[u8] {
        match self {
            Self::SessionId(id) => id,
            Self::None | Self::Ticket => &[],
        }
    }
}

/// A ticket with its lifetime in seconds.
struct Ticket {
    lifetime: u32,
    octets: Vec<u8>,
}

impl Ticket {
    /// For a session that lasts until `end`; empty if it is not kept (RFC 5077 3.3).
    fn new(
        config: &ServerConfig,
        master: &MasterSecret,
        agreed: &Agreed,
        end: u64,
        io: &mut Io<'_>,
    ) -> Self {
        let session = Session::of(agreed, master.keep(), end, io);
        let sessions = config.sessions.as_ref();
        let octets = sessions.and_then(|sessions| sessions.put(&session, &mut *io.random));
        Self {
            lifetime: session.lifetime,
            octets: octets.unwrap_or_default(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let m = NewSessionTicketTls12 {
            ticket_lifetime_hint: self.lifetime,
            ticket: &self.octets,
        };
        write_new_session_ticket_tls12(out, &m)
    }
}

/// What a ServerHello says beside its extensions.
struct Hello<'a> {
    random: &'a [u8; 32],
    session_id: &'a [u8],
    agreed: &'a Agreed,
}

impl Hello<'_> {
    /// Appends the ServerHello with those of `answers` that there are.
    fn write(
        &self,
        answers: &[(ExtensionType, Option<&[u8]>)],
        out: &mut Vec<u8>,
    ) -> Result<(), TooLong> {
        let Agreed {
            cipher_suite, alpn, ..
        } = self.agreed;
        write_server_hello_tls12(out, self.random, self.session_id, *cipher_suite, |out| {
            for (kind, content) in answers {
                let Some(content) = content else { continue };
                out.u16(kind.0);
                out.nested_u16(|out| {
                    out.bytes(content);
                    Ok(())
                })?;
            }
            write_protocol(alpn.as_deref(), out)
        })
    }
}

impl Negotiated {
    /// Adds ServerHello, Certificate and CertificateStatus to the flight.
    fn show(
        &mut self,
        identity: &Identity,
        m: &ClientHello<'_>,
        flight: &mut Flight,
        io: &mut Io<'_>,
    ) -> Result<(), Error> {
        use ExtensionType as X;
        let wanted = |kind| m.extensions.get(kind).is_some();
        let staples = &identity.staples;
        let ocsp_response = staples.ocsp_response.as_deref();
        let ocsp_response = ocsp_response.filter(|_| wanted(X::STATUS_REQUEST));
        let sct_list = staples.sct_list.as_deref();
        let renegotiates_securely = m.renegotiates_securely()?;
        let answers = [
            (
                X::RENEGOTIATION_INFO,
                renegotiates_securely.then_some(&FIRST_HANDSHAKE[..]),
            ),
            (
                X::EXTENDED_MASTER_SECRET,
                self.extended_master_secret.then_some(&[]),
            ),
            (
                X::EC_POINT_FORMATS,
                wanted(X::EC_POINT_FORMATS).then_some(&POINT_FORMATS),
            ),
            (X::STATUS_REQUEST, ocsp_response.map(|_| &[][..])),
            (
                X::SESSION_TICKET,
                matches!(self.handle, Handle::Ticket).then_some(&[]),
            ),
            (
                X::SIGNED_CERTIFICATE_TIMESTAMP,
                sct_list.filter(|_| wanted(X::SIGNED_CERTIFICATE_TIMESTAMP)),
            ),
            // RFC 6066 3: the name was taken.
            (
                X::SERVER_NAME,
                self.agreed.server_name.is_some().then_some(&[][..]),
            ),
        ];
        let hello = Hello {
            random: &self.randoms.server,
            session_id: self.handle.session_id(),
            agreed: &self.agreed,
        };
        flight.add(&mut self.transcript, io, |out| hello.write(&answers, out))?;
        flight.add(&mut self.transcript, io, |out| {
            write_certificate_tls12(out, Some(identity))
        })?;
        match ocsp_response {
            Some(response) => flight.add(&mut self.transcript, io, |out| {
                write_certificate_status(out, response)
            }),
            None => Ok(()),
        }
    }

    /// Adds CertificateRequest and ServerHelloDone, and sends the flight.
    fn done(mut self, mut flight: Flight, key: Key, io: &mut Io<'_>) -> Result<AfterHello, Error> {
        let client_auth = self.config.client_auth.as_ref();
        if let Some(client_auth) = client_auth {
            flight.add(&mut self.transcript, io, |out| {
                write_certificate_request_tls12(out, client_auth)
            })?;
        }
        let asked = client_auth.is_some();
        flight.add(&mut self.transcript, io, write_server_hello_done)?;
        flight.send(io)?;
        let next = WaitCke {
            negotiated: self,
            key,
        };
        Ok(if asked {
            AfterHello::Certificate(Box::new(WaitCert(next)))
        } else {
            AfterHello::KeyExchange(Box::new(next))
        })
    }
}

/// The private half of our part in the key exchange.
enum Key {
    Ephemeral(KeyShare),
    /// The key of our certificate.
    Certified(Arc<Identity>),
}

/// Our share waits for our key's signature.
pub(crate) struct WaitSignature {
    to_sign: ToSign,
    params: Vec<u8>,
    share: KeyShare,
    flight: Flight,
    negotiated: Negotiated,
}

/// Where our ServerHelloDone leads.
enum AfterHello {
    Certificate(Box<WaitCert>),
    KeyExchange(Box<WaitCke>),
}

impl WaitSignature {
    fn signature(self, signature: &[u8], io: &mut Io<'_>) -> Result<AfterHello, Error> {
        let Self {
            mut flight,
            mut negotiated,
            ..
        } = self;
        flight.add(&mut negotiated.transcript, io, |out| {
            write_server_key_exchange(out, &self.params, self.to_sign.scheme, signature)
        })?;
        negotiated.done(flight, Key::Ephemeral(self.share), io)
    }
}

/// ServerHelloDone has been sent, and a certificate asked for.
pub(crate) struct WaitCert(WaitCke);

/// Where the client's Certificate leads.
enum AfterCertificate {
    Given(Box<WaitVerdict>),
    None(Box<WaitCke>),
}

impl WaitCert {
    fn certificate(
        mut self,
        m: CertificateTls12,
        io: &mut Io<'_>,
    ) -> Result<AfterCertificate, Error> {
        let negotiated = &mut self.0.negotiated;
        negotiated.transcript.add(io.raw);
        if !m.0.is_empty() {
            io.keep_chain(m.0, Staples::default());
            return Ok(AfterCertificate::Given(Box::new(WaitVerdict(self.0))));
        }
        negotiated
            .config
            .allow_no_certificate(ProtocolVersion::TLS1_2)?;
        Ok(AfterCertificate::None(Box::new(self.0)))
    }
}

/// The client's Certificate has been received.
pub(crate) struct WaitVerdict(WaitCke);

impl WaitVerdict {
    fn judge(&self) -> Judge<'_> {
        self.0.negotiated.config.client_judge()
    }

    fn verdict(self, verdict: Result<(), netkit_x509::Error>) -> Result<Box<WaitCke>, Error> {
        verdict.map_err(Error::PeerCertificate)?;
        Ok(Box::new(self.0))
    }
}

/// The client's certificates, if any, are good; its key exchange is to come.
pub(crate) struct WaitCke {
    negotiated: Negotiated,
    key: Key,
}

/// Where the client's key exchange leads.
enum AfterKeyExchange {
    Verify(Box<WaitCv>),
    Finish(Box<WaitCcs>),
}

impl WaitCke {
    fn key_exchange(
        self,
        m: &ClientKeyExchange<'_>,
        io: &mut Io<'_>,
    ) -> Result<AfterKeyExchange, Error> {
        let Self {
            mut negotiated,
            key,
        } = self;
        let premaster = match key {
            Key::Ephemeral(share) => {
                share.agree(m.ec_point()?, |shared| Zeroizing::new(shared.to_vec()))?
            }
            Key::Certified(identity) => decrypt(&identity, negotiated.client_version, m, io)?,
        };
        negotiated.transcript.add(io.raw);
        let session_hash = negotiated
            .extended_master_secret
            .then(|| negotiated.transcript.hash());
        let randoms = &negotiated.randoms;
        let suite = negotiated.agreed.cipher_suite;
        let master = MasterSecret::new(suite, &premaster, randoms, session_hash.as_ref());
        io.log_secret("CLIENT_RANDOM", &randoms.client, master.expose());
        let Keys { client, server } = master.keys(randoms);
        let next = WaitCcs {
            key: client,
            rest: WaitFinished {
                ending: Some(Ending {
                    key: server,
                    handle: negotiated.handle,
                    config: Arc::clone(&negotiated.config),
                }),
                transcript: negotiated.transcript,
                exporter: negotiated.extended_master_secret.then_some(*randoms),
                master,
                agreed: negotiated.agreed,
            },
        };
        Ok(if io.facts.peer_chain.is_empty() {
            AfterKeyExchange::Finish(Box::new(next))
        } else {
            AfterKeyExchange::Verify(Box::new(WaitCv {
                config: negotiated.config,
                next,
            }))
        })
    }
}

/// The premaster secret in the client's key exchange. One that is no good is replaced by a random one,
/// and nothing tells so before Finished (RFC 5246 7.4.7.1).
#[cfg(feature = "rsa-key-transport")]
fn decrypt(
    identity: &Identity,
    client_version: ProtocolVersion,
    m: &ClientKeyExchange<'_>,
    io: &mut Io<'_>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let decrypter = identity.decrypter().ok_or(Error::CryptoFailed)?;
    let premaster = decrypter.decrypt(m.encrypted_premaster()?, client_version, io.random);
    Ok(Zeroizing::new(premaster.to_vec()))
}

/// Without the feature no suite leads here: it is not built in.
#[cfg(not(feature = "rsa-key-transport"))]
fn decrypt(
    _: &Identity,
    _: ProtocolVersion,
    _: &ClientKeyExchange<'_>,
    _: &mut Io<'_>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    Err(Error::MisuseConfig("RSA key transport is not built in"))
}

/// The client has shown a certificate, and has to prove that it holds its key.
pub(crate) struct WaitCv {
    config: Arc<ServerConfig>,
    next: WaitCcs,
}

impl WaitCv {
    fn verify(mut self, m: &CertificateVerify<'_>, io: &mut Io<'_>) -> Result<Box<WaitCcs>, Error> {
        let auth = self.config.client_auth.as_ref();
        if !auth.is_some_and(|auth| auth.signature_schemes.contains(&m.algorithm)) {
            return Err(Error::PeerIllegalParameter(
                "a signature scheme that was not offered",
            ));
        }
        let transcript = &mut self.next.rest.transcript;
        check_signature(
            ProtocolVersion::TLS1_2,
            &io.facts.peer_chain[0],
            m.algorithm,
            &transcript.take_kept(),
            m.signature,
        )?;
        transcript.add(io.raw);
        self.next.rest.agreed.client_signature_scheme = Some(m.algorithm);
        Ok(Box::new(self.next))
    }
}

/// The keys are known.
pub(crate) struct WaitCcs {
    key: RecordKey,
    rest: WaitFinished,
}

impl WaitCcs {
    fn change_cipher_spec(self, io: &mut Io<'_>) -> Result<Box<WaitFinished>, Error> {
        let aligned = io.aligned()?;
        io.incoming.rekey(aligned, self.key);
        io.note_keys(false, "application");
        Ok(Box::new(self.rest))
    }
}

/// What answers the client's Finished.
struct Ending {
    key: RecordKey,
    handle: Handle,
    config: Arc<ServerConfig>,
}

/// The client's records are under its key.
pub(crate) struct WaitFinished {
    /// `None` where ours came first.
    ending: Option<Ending>,
    transcript: Transcript,
    master: MasterSecret,
    exporter: Option<Randoms>,
    agreed: Agreed,
}

impl WaitFinished {
    fn finished(mut self, m: &Finished<'_>, io: &mut Io<'_>) -> Result<Box<Open>, Error> {
        self.master
            .check_finished(m, Side::Client, &self.transcript.hash())?;
        if let Some(ending) = self.ending.take() {
            self.transcript.add(io.raw);
            self.answer(ending, io)?;
        }
        io.agree(self.agreed);
        Ok(Box::new(Open::new(self.master, self.exporter)))
    }

    /// Sends our Finished, and what the client will show for its session.
    fn answer(&mut self, ending: Ending, io: &mut Io<'_>) -> Result<(), Error> {
        let Ending {
            key,
            handle,
            config,
        } = ending;
        let (transcript, master) = (&mut self.transcript, &self.master);
        let end = end_of_proof(config.session_lifetime, io);
        let mut flight = Flight::default();
        match handle {
            Handle::None => {}
            Handle::Ticket => {
                let ticket = Ticket::new(&config, master, &self.agreed, end, io);
                flight.add(transcript, io, |out| ticket.write(out))?;
            }
            Handle::SessionId(id) => {
                if let Some(ids) = &config.session_ids {
                    ids.put(&id, Session::of(&self.agreed, master.keep(), end, io));
                }
            }
        }
        finish(flight, transcript, master, Side::Server, key, io)
    }
}
