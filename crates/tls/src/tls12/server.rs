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

mod hello;

use self::hello::Handle;
use super::{
    both::{Open, finish},
    prf::{Keys, MasterSecret, Randoms},
};
use crate::{
    codepoints::ProtocolVersion,
    config::ServerConfig,
    connection::{Agreed, Asks},
    crypto::{aead::RecordKey, kx::KeyShare},
    error::Error,
    identity::{Identity, Staples, ToSign},
    io::Io,
    messages::{
        CertificateTls12, CertificateVerify, ClientKeyExchange, Finished, Message,
        NewSessionTicketTls12, write_new_session_ticket_tls12, write_server_key_exchange,
    },
    resumption::{Session, end_of_proof},
    transcript::{Flight, Side, Transcript},
    verify::{Judge, check_signature},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use netkit_core::TooLong;
use zeroize::Zeroizing;

pub(crate) use self::hello::start;

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
