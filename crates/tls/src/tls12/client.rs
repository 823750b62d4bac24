//! The client's handshake (RFC 5246 7.3, RFC 8422 2).
//!
//! ```text
//!                     (WAIT_SH of TLS 1.3)
//!                             | ServerHello of TLS 1.2
//!                             v
//!                         WAIT_CERT
//!                             | Certificate
//!                             +---------------- RSA key transport --------------+
//!                             v                                                 |
//!     CertificateStatus --> WAIT_SKE                                            |
//!                             | ServerKeyExchange                               |
//!                             v <-----------------------------------------------+
//!     CertificateStatus --> WAIT_CR -- CertificateRequest --> (WAIT_IDENTITY) -- ours --> WAIT_DONE
//!                             | ServerHelloDone                              ServerHelloDone |
//!                             v <------------------------------------------------------------+
//!                       (WAIT_VERDICT)
//!                             | the verifier's verdict
//!                             | send [empty Certificate,] ClientKeyExchange
//!                             +--- we have a certificate: send Certificate, ClientKeyExchange
//!                             |                                       v
//!                             |                                (WAIT_SIGNATURE)
//!                             |                                       | send CertificateVerify
//!                             v <-------------------------------------+
//!                             | send ChangeCipherSpec, Finished
//!                             v
//!                         WAIT_CCS
//!   receive: application      | [NewSessionTicket], ChangeCipherSpec
//!                             v
//!                       WAIT_FINISHED
//!                             | Finished
//!                             v
//!                           OPEN --- HelloRequest: send no_renegotiation ---> OPEN
//! ```
//!
//! Where the server goes on from our session (RFC 5246 7.3, RFC 5077 3.1), Finished is all that is left,
//! and the server's comes first:
//!
//! ```text
//!                     (WAIT_SH of TLS 1.3)
//!                             | ServerHello of TLS 1.2 with our session id
//!                  (WAIT_RESUMED_VERDICT), where sessions are judged again
//!                             v
//!                         WAIT_CCS
//!   receive: application      | [NewSessionTicket], ChangeCipherSpec
//!                             v
//!                       WAIT_FINISHED
//!                             | Finished
//!                             | send ChangeCipherSpec, Finished
//!                             v
//!                            OPEN
//! ```
//!
//! The states in parentheses wait for us, not for the peer. NewSessionTicket comes once where the server
//! announced it. CertificateStatus is for once, and only
//! where the server announced it.

mod hello;

use self::hello::WaitResumedVerdict;
use super::{
    both::{Open, finish, signed_params},
    prf::{Keys, MasterSecret, Randoms},
};
use crate::{
    codepoints::{CipherSuite, NamedGroup, ProtocolVersion},
    config::ClientConfig,
    connection::{Agreed, Asks},
    crypto::{aead::RecordKey, kx::KeyShare},
    error::Error,
    identity::{IdentityRequest, Shown as Identified, Staples, ToSign},
    io::Io,
    limits::MAX_TICKET,
    messages::{
        CertificateRequestTls12, CertificateStatus, CertificateTls12, Finished, Message,
        NewSessionTicketTls12, ServerHelloDone, ServerKeyExchange, write_certificate_tls12,
        write_certificate_verify, write_client_key_exchange,
    },
    resumption::{ClientSession, Session, Shown},
    suites::KeyExchange,
    transcript::{Flight, Side, Transcript},
    verify::{Judge, check_key, check_signature},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use netkit_core::Writer;
use rustls_pki_types::ServerName;
use zeroize::Zeroizing;

pub(crate) use self::hello::start;

/// What the client waits for.
pub(crate) enum State {
    WaitCert(Box<WaitCert>),
    WaitSke(Box<WaitSke>),
    WaitCr(Box<WaitCr>),
    WaitIdentity(Box<WaitIdentity>),
    WaitDone(Box<WaitDone>),
    WaitVerdict(Box<WaitVerdict>),
    WaitResumedVerdict(Box<WaitResumedVerdict>),
    WaitSignature(Box<WaitSignature>),
    WaitCcs(Box<WaitCcs>),
    WaitFinished(Box<WaitFinished>),
    Open(Box<Open>),
}

impl State {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::WaitCert(_) => "WAIT_CERT",
            Self::WaitSke(_) => "WAIT_SKE",
            Self::WaitCr(_) => "WAIT_CR",
            Self::WaitIdentity(_) => "WAIT_IDENTITY",
            Self::WaitDone(_) => "WAIT_DONE",
            Self::WaitVerdict(_) => "WAIT_VERDICT",
            Self::WaitResumedVerdict(_) => "WAIT_RESUMED_VERDICT",
            Self::WaitSignature(_) => "WAIT_SIGNATURE",
            Self::WaitCcs(_) => "WAIT_CCS",
            Self::WaitFinished(_) => "WAIT_FINISHED",
            Self::Open(_) => "OPEN",
        }
    }

    /// What our side has to decide before the flow goes on.
    pub(crate) fn asks(&self) -> Option<Asks<'_>> {
        match self {
            Self::WaitIdentity(s) => Some(Asks::Identity(&s.request, &s.negotiated.config)),
            Self::WaitVerdict(s) => Some(Asks::Verdict(s.judge())),
            Self::WaitResumedVerdict(s) => Some(Asks::Verdict(s.judge())),
            Self::WaitSignature(s) => Some(Asks::Signature(&s.to_sign)),
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
        (S::WaitCert(s), M::Certificate(m)) => match s.certificate(m.read_as()?, io)? {
            AfterCertificate::Signed(s) => S::WaitSke(s),
            AfterCertificate::Encrypted(s) => S::WaitCr(s),
        },
        (S::WaitSke(s), M::CertificateStatus(m)) if s.0.status_is_due => {
            S::WaitSke(s.status(&m.read()?, io))
        }
        (S::WaitSke(s), M::ServerKeyExchange(m)) => S::WaitCr(s.key_exchange(&m.read()?, io)?),
        (S::WaitCr(s), M::CertificateStatus(m)) if s.0.status_is_due => {
            S::WaitCr(s.status(&m.read()?, io))
        }
        (S::WaitCr(s), M::CertificateRequest(m)) => S::WaitIdentity(s.request(&m.read_as()?, io)),
        (S::WaitIdentity(s), M::Identity(shown)) => S::WaitDone(s.identity(shown)),
        (S::WaitCr(s), M::ServerHelloDone(m)) => S::WaitVerdict(s.done(&m.read()?, io)?),
        (S::WaitDone(s), M::ServerHelloDone(m)) => S::WaitVerdict(s.done(&m.read()?, io)?),
        (S::WaitVerdict(s), M::Verdict(verdict)) => match s.verdict(*verdict, io)? {
            AfterVerdict::Sign(s) => S::WaitSignature(s),
            AfterVerdict::Finish(s) => S::WaitCcs(s),
        },
        (S::WaitResumedVerdict(s), M::Verdict(verdict)) => S::WaitCcs(s.verdict(*verdict)?),
        (S::WaitSignature(s), M::Signature(signature)) => S::WaitCcs(s.signature(signature, io)?),
        (S::WaitCcs(s), M::NewSessionTicket(m)) if s.rest.keeper.ticket_is_due => {
            S::WaitCcs(s.new_session_ticket(&m.read_as()?, io))
        }
        (S::WaitCcs(s), M::ChangeCipherSpec) if !s.rest.keeper.ticket_is_due => {
            S::WaitFinished(s.change_cipher_spec(io)?)
        }
        (S::WaitFinished(s), M::Finished(m)) => S::Open(s.finished(&m.read()?, io)?),
        (S::Open(s), M::HelloRequest(m)) => {
            m.read()?;
            S::Open(Box::new(s.decline(io)?))
        }
        (state, message) => return Err(message.unexpected(state.name())),
    })
}

/// What is known of the handshake from the ServerHello on.
struct Negotiated {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    randoms: Randoms,
    transcript: Transcript,
    extended_master_secret: bool,
    /// A CertificateStatus is announced and has not come.
    status_is_due: bool,
    keeper: Keeper,
    agreed: Agreed,
}

/// Seconds that a session lasts whose server does not say (RFC 5246 F.1.4).
const DAY: u32 = 24 * 60 * 60;

/// What the client makes a session of.
struct Keeper {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    /// When what was proved has to be proved again, in seconds since 1970.
    end: u64,
    /// A NewSessionTicket is announced and has not come.
    ticket_is_due: bool,
    /// What the server knows the session by; a ticket goes before a session id (RFC 5077 3.4).
    shown: Option<Shown>,
    /// In seconds.
    lifetime: u32,
}

impl Keeper {
    fn keep(self, master: &MasterSecret, agreed: &Agreed, io: &Io<'_>) {
        let (Some(sessions), Some(shown)) = (&self.config.sessions, self.shown) else {
            return;
        };
        let session = Session::of(agreed, master.keep(), self.end, io);
        let session = Session {
            lifetime: session.lifetime.min(self.lifetime),
            ..session
        };
        if session.is_fresh(io.now)
            && let Some(kept) = ClientSession::new(session, shown, &self.config)
        {
            sessions.put(&self.name, kept);
        }
    }
}

impl Negotiated {
    fn status(&mut self, m: &CertificateStatus<'_>, io: &mut Io<'_>) {
        io.facts.staples.ocsp_response = Some(m.ocsp_response.to_vec());
        self.transcript.add(io.raw);
        self.status_is_due = false;
    }
}

/// ServerHello has been received.
pub(crate) struct WaitCert(Negotiated);

/// Where the server's Certificate leads.
enum AfterCertificate {
    Signed(Box<WaitSke>),
    Encrypted(Box<WaitCr>),
}

impl WaitCert {
    fn certificate(
        mut self,
        m: CertificateTls12,
        io: &mut Io<'_>,
    ) -> Result<AfterCertificate, Error> {
        if m.0.is_empty() {
            return Err(Error::PeerNoCertificate);
        }
        let staples = Staples {
            sct_list: io.facts.staples.sct_list.take(),
            ..Staples::default()
        };
        io.keep_chain(m.0, staples);
        let Negotiated { config, agreed, .. } = &self.0;
        check_key(&io.facts.peer_chain[0], agreed.cipher_suite, &config.groups)?;
        self.0.transcript.add(io.raw);
        io.facts.key_transport = self.0.agreed.cipher_suite.key_exchange() == KeyExchange::Rsa;
        Ok(match self.0.agreed.cipher_suite.key_exchange() {
            KeyExchange::Rsa => AfterCertificate::Encrypted(Box::new(WaitCr(self.0, None))),
            _ => AfterCertificate::Signed(Box::new(WaitSke(self.0))),
        })
    }
}

/// Certificate has been received.
pub(crate) struct WaitSke(Negotiated);

impl WaitSke {
    fn status(mut self: Box<Self>, m: &CertificateStatus<'_>, io: &mut Io<'_>) -> Box<Self> {
        self.0.status(m, io);
        self
    }

    fn key_exchange(
        mut self,
        m: &ServerKeyExchange<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitCr>, Error> {
        let negotiated = &mut self.0;
        let config = &negotiated.config;
        if !config.groups.contains(&m.group) || !m.group.is_of_tls12() {
            return Err(Error::PeerIllegalParameter("a group that was not offered"));
        }
        if !config.signature_schemes.contains(&m.algorithm)
            || !negotiated.agreed.cipher_suite.signs_with(m.algorithm)
        {
            return Err(Error::PeerIllegalParameter(
                "a signature scheme that was not offered, or that its suite has not",
            ));
        }
        let Randoms { client, server } = &negotiated.randoms;
        check_signature(
            ProtocolVersion::TLS1_2,
            &io.facts.peer_chain[0],
            m.algorithm,
            &signed_params(client, server, m.params),
            m.signature,
        )?;
        negotiated.agreed.signature_scheme = Some(m.algorithm);
        negotiated.agreed.group = Some(m.group);
        negotiated.status_is_due = false;
        negotiated.transcript.add(io.raw);
        let share = (m.group, m.public.to_vec());
        Ok(Box::new(WaitCr(self.0, Some(share))))
    }
}

/// The server's share; `None` where our secret is encrypted under its certificate's key.
type Share = Option<(NamedGroup, Vec<u8>)>;

/// All that the key exchange needs has been received.
pub(crate) struct WaitCr(Negotiated, Share);

impl WaitCr {
    fn status(mut self: Box<Self>, m: &CertificateStatus<'_>, io: &mut Io<'_>) -> Box<Self> {
        self.0.status(m, io);
        self
    }

    /// The server asks for a client certificate.
    fn request(mut self, m: &CertificateRequestTls12<'_>, io: &mut Io<'_>) -> Box<WaitIdentity> {
        self.0.transcript.add(io.raw);
        let request = IdentityRequest::new(
            m.accepted(),
            m.certificate_types,
            &m.certificate_authorities,
        );
        Box::new(WaitIdentity {
            negotiated: self.0,
            share: self.1,
            request,
        })
    }

    fn done(mut self, _: &ServerHelloDone<'_>, io: &mut Io<'_>) -> Result<Box<WaitVerdict>, Error> {
        // What answers us cannot have been sent yet.
        io.aligned()?;
        self.0.transcript.add(io.raw);
        Ok(Box::new(WaitVerdict {
            negotiated: self.0,
            share: self.1,
            asked: None,
        }))
    }
}

/// CertificateRequest has been received.
pub(crate) struct WaitIdentity {
    negotiated: Negotiated,
    share: Share,
    request: IdentityRequest,
}

impl WaitIdentity {
    fn identity(self, shown: &Identified) -> Box<WaitDone> {
        Box::new(WaitDone(self.negotiated, self.share, Asked(shown.clone())))
    }
}

/// The server asked for a certificate: what it gets.
struct Asked(Identified);

/// The server asked for a certificate, and we know which it gets.
pub(crate) struct WaitDone(Negotiated, Share, Asked);

impl WaitDone {
    fn done(mut self, _: &ServerHelloDone<'_>, io: &mut Io<'_>) -> Result<Box<WaitVerdict>, Error> {
        io.aligned()?;
        self.0.transcript.add(io.raw);
        Ok(Box::new(WaitVerdict {
            negotiated: self.0,
            share: self.1,
            asked: Some(self.2),
        }))
    }
}

/// The server's part is done. Its certificates are judged once all that it stapled is there.
pub(crate) struct WaitVerdict {
    negotiated: Negotiated,
    share: Share,
    asked: Option<Asked>,
}

/// Where a good verdict leads.
enum AfterVerdict {
    Sign(Box<WaitSignature>),
    Finish(Box<WaitCcs>),
}

impl WaitVerdict {
    fn judge(&self) -> Judge<'_> {
        let verifier = self.negotiated.config.verifier.as_deref();
        Judge::Server(verifier, &self.negotiated.name)
    }

    /// Sends our part of the key exchange.
    fn verdict(
        self,
        verdict: Result<(), netkit_x509::Error>,
        io: &mut Io<'_>,
    ) -> Result<AfterVerdict, Error> {
        verdict.map_err(Error::PeerCertificate)?;
        let Self {
            mut negotiated,
            share,
            asked,
        } = self;
        let transcript = &mut negotiated.transcript;
        let mut flight = Flight::default();
        if let Some(Asked(identity)) = &asked {
            let identity = identity.as_ref().map(|(identity, _)| &**identity);
            flight.add(transcript, io, |out| write_certificate_tls12(out, identity))?;
        }
        let premaster = match &share {
            Some((group, public)) => agree(*group, public, &mut flight, transcript, io)?,
            None => encrypt(&mut flight, transcript, io)?,
        };
        let session_hash = negotiated
            .extended_master_secret
            .then(|| negotiated.transcript.hash());
        let randoms = &negotiated.randoms;
        let suite: CipherSuite = negotiated.agreed.cipher_suite;
        let master = MasterSecret::new(suite, &premaster, randoms, session_hash.as_ref());
        io.log_secret("CLIENT_RANDOM", &randoms.client, master.expose());
        let mut ending = Ending {
            flight,
            keys: master.keys(randoms),
            master,
            transcript: negotiated.transcript,
            exporter: negotiated.extended_master_secret.then_some(*randoms),
            keeper: negotiated.keeper,
            agreed: negotiated.agreed,
        };
        Ok(match asked {
            Some(Asked(Some((identity, scheme)))) => {
                io.facts.identity = Some(Arc::clone(&identity));
                AfterVerdict::Sign(Box::new(WaitSignature {
                    to_sign: ToSign {
                        identity,
                        scheme,
                        content: ending.transcript.take_kept(),
                    },
                    ending,
                }))
            }
            _ => AfterVerdict::Finish(ending.finish(io)?),
        })
    }
}

/// Adds our share; the premaster secret.
fn agree(
    group: NamedGroup,
    public: &[u8],
    flight: &mut Flight,
    transcript: &mut Transcript,
    io: &mut Io<'_>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (key_exchange, premaster) = KeyShare::answer(group, public, io.random, |shared| {
        Zeroizing::new(shared.to_vec())
    })?;
    flight.add(transcript, io, |out| {
        write_client_key_exchange(out, |out| {
            out.nested_u8(|out| {
                out.bytes(&key_exchange);
                Ok(())
            })
        })
    })?;
    Ok(premaster)
}

/// Adds the premaster secret, encrypted under the key of the server's certificate; the secret.
#[cfg(feature = "rsa-key-transport")]
fn encrypt(
    flight: &mut Flight,
    transcript: &mut Transcript,
    io: &mut Io<'_>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    use crate::crypto::rsa;
    let key = netkit_x509::PublicKey::of_certificate(&io.facts.peer_chain[0])
        .map_err(Error::PeerCertificate)?;
    // RFC 5246 7.4.7.1: the version is the ClientHello's, which is TLS 1.2's always.
    let premaster = rsa::premaster(ProtocolVersion::TLS1_2, io.random);
    let encrypted = rsa::encrypt(key.subject_public_key(), &premaster, io.random)?;
    flight.add(transcript, io, |out| {
        write_client_key_exchange(out, |out| {
            out.nested_u16(|out| {
                out.bytes(&encrypted);
                Ok(())
            })
        })
    })?;
    Ok(Zeroizing::new(premaster.to_vec()))
}

/// Without the feature no suite leads here: it is not built in.
#[cfg(not(feature = "rsa-key-transport"))]
fn encrypt(
    _: &mut Flight,
    _: &mut Transcript,
    _: &mut Io<'_>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    Err(Error::MisuseConfig("RSA key transport is not built in"))
}

/// What is left once the keys are known: our Finished, and what may stand before it.
struct Ending {
    flight: Flight,
    transcript: Transcript,
    master: MasterSecret,
    keys: Keys,
    exporter: Option<Randoms>,
    keeper: Keeper,
    agreed: Agreed,
}

impl Ending {
    fn finish(mut self, io: &mut Io<'_>) -> Result<Box<WaitCcs>, Error> {
        let Keys { client, server } = self.keys;
        finish(
            self.flight,
            &mut self.transcript,
            &self.master,
            Side::Client,
            client,
            io,
        )?;
        Ok(Box::new(WaitCcs {
            key: server,
            rest: WaitFinished {
                answer: None,
                transcript: self.transcript,
                master: self.master,
                exporter: self.exporter,
                keeper: self.keeper,
                agreed: self.agreed,
            },
        }))
    }
}

/// Our certificate waits for its key's signature.
pub(crate) struct WaitSignature {
    to_sign: ToSign,
    ending: Ending,
}

impl WaitSignature {
    fn signature(mut self, signature: &[u8], io: &mut Io<'_>) -> Result<Box<WaitCcs>, Error> {
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

/// Our Finished has been sent, or answers the server's.
pub(crate) struct WaitCcs {
    key: RecordKey,
    rest: WaitFinished,
}

impl WaitCcs {
    fn new_session_ticket(
        mut self: Box<Self>,
        m: &NewSessionTicketTls12<'_>,
        io: &mut Io<'_>,
    ) -> Box<Self> {
        self.rest.transcript.add(io.raw);
        let keeper = &mut self.rest.keeper;
        keeper.ticket_is_due = false;
        if (1..=MAX_TICKET).contains(&m.ticket.len()) {
            keeper.shown = Some(Shown::Ticket(m.ticket.to_vec()));
        }
        if m.ticket_lifetime_hint != 0 {
            keeper.lifetime = m.ticket_lifetime_hint;
        }
        self
    }

    fn change_cipher_spec(self, io: &mut Io<'_>) -> Result<Box<WaitFinished>, Error> {
        let aligned = io.aligned()?;
        io.incoming.rekey(aligned, self.key);
        io.note_keys(false, "application");
        Ok(Box::new(self.rest))
    }
}

/// The server's records are under its key.
pub(crate) struct WaitFinished {
    /// Our key, where our Finished comes last.
    answer: Option<RecordKey>,
    transcript: Transcript,
    master: MasterSecret,
    exporter: Option<Randoms>,
    keeper: Keeper,
    agreed: Agreed,
}

impl WaitFinished {
    fn finished(mut self, m: &Finished<'_>, io: &mut Io<'_>) -> Result<Box<Open>, Error> {
        let transcript = &mut self.transcript;
        self.master
            .check_finished(m, Side::Server, &transcript.hash())?;
        if let Some(key) = self.answer {
            transcript.add(io.raw);
            let flight = Flight::default();
            finish(flight, transcript, &self.master, Side::Client, key, io)?;
        }
        // RFC 7627 5.3: a session that is not bound to its handshake is not gone on from.
        if self.exporter.is_some() {
            self.keeper.keep(&self.master, &self.agreed, io);
        }
        io.agree(self.agreed);
        Ok(Box::new(Open::new(self.master, self.exporter)))
    }
}
