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

mod certificate;
mod finished;
mod hello;

use self::{
    certificate::{AfterVerdict, WaitCert, WaitCertCr, WaitCv, WaitIdentity, WaitVerdict},
    finished::{AfterFinished, WaitFinished, WaitSignature},
    hello::{ANOTHER_VERSION, WaitRetriedSh, WaitSh},
};
use super::{
    both::Open,
    schedule::{Handshake, HandshakeTraffic},
};
use crate::{
    codepoints::ProtocolVersion,
    config::ClientConfig,
    connection::{Agreed, Asks, EarlyData},
    error::Error,
    io::Io,
    messages::{EncryptedExtensions, Message},
    psk::OfferedPsk,
    tls12,
    transcript::Transcript,
};
use alloc::boxed::Box;

pub(crate) use self::hello::{Client, start};

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
