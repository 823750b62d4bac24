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

mod certificate;
mod flight;
mod hello;

use self::{
    certificate::{AfterCertificate, WaitCert, WaitCv, WaitVerdict},
    flight::{AfterSignature, WaitEoed, WaitSignature},
    hello::{AfterCh, AfterShare, WaitRetriedCh},
};
use super::{
    both::{Application, Open, check_finished},
    schedule::{HandshakeTraffic, Main},
    tickets::give,
};
use crate::{
    config::ServerConfig,
    connection::{Agreed, Asks, EarlyData},
    error::Error,
    io::Io,
    messages::{Finished, Message},
    tls12,
    transcript::Transcript,
};
use alloc::{boxed::Box, sync::Arc};

pub(crate) use self::hello::{WaitCh, choose_protocol};

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
