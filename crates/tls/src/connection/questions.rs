//! What an owner decides while a connection waits.

use super::{Connection, flow::Flow};
use crate::{
    codepoints::AlertDescription,
    config::{ClientConfig, ServerConfig},
    error::Error,
    hello::Hello,
    identity::{Identity, IdentityRequest, ToSign},
    messages::Message,
    verify::Judge,
};
use alloc::{sync::Arc, vec::Vec};

/// What an owner decides, at once or later; until then the connection waits, and takes no input.
/// Instead of an answer, [`Connection::refuse`] ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Which configuration serves this client: see [`Connection::hello`], answer with
    /// [`Connection::choose`]. Only of a connection that [`Connection::undecided`] made.
    Hello,
    /// Who the client is, to a server that asks: see [`Connection::identity_request`], answer with
    /// [`Connection::show`]. Only where [`ClientConfig::asks_identity`] is set.
    Identity,
    /// A signature: see [`Connection::to_sign`], answer with [`Connection::signature`].
    Sign,
    /// Whether the peer's certificates are good: see [`Connection::peer_chain`], answer with
    /// [`Connection::verdict`].
    Verify,
}

/// What our side has to decide before a flow goes on.
pub(crate) enum Asks<'a> {
    Signature(&'a ToSign),
    Verdict(Judge<'a>),
    Identity(&'a IdentityRequest, &'a ClientConfig),
}

impl Asks<'_> {
    fn question(&self) -> Question {
        match self {
            Self::Signature(_) => Question::Sign,
            Self::Verdict(_) => Question::Verify,
            Self::Identity(..) => Question::Identity,
        }
    }
}

impl Connection {
    /// Answers what the flow asks as far as the configuration can; what is left is the owner's.
    pub(super) fn answer(&mut self, out: &mut Vec<u8>) -> Result<Option<Question>, Error> {
        while let Some(asks) = self.flow.asks() {
            let (signature, verdict, shown);
            let answer = match &asks {
                Asks::Signature(to_sign) => {
                    signature = to_sign.sign().transpose()?;
                    signature.as_deref().map(Message::Signature)
                }
                Asks::Identity(request, config) => {
                    shown = (!config.asks_identity).then(|| request.choose(&config.identities));
                    shown.as_ref().map(Message::Identity)
                }
                Asks::Verdict(judge) => {
                    verdict = judge.verdict(&self.facts.presented(), self.now);
                    verdict.map(Message::Verdict)
                }
            };
            let Some(answer) = answer else {
                return Ok(Some(asks.question()));
            };
            self.advance(&answer, &[], None, out)?;
        }
        Ok(None)
    }

    /// The ClientHello, while [`Question::Hello`] waits for its answer.
    pub fn hello(&self) -> Option<Hello<'_>> {
        match &self.flow {
            Flow::Undecided(glance) if self.asked.is_some() => Hello::read(glance.octets()).ok(),
            _ => None,
        }
    }

    /// Answers [`Question::Hello`]: `config` serves this client. The input is used from here on.
    ///
    /// # Errors
    /// [`Error::MisuseNotAsked`], which harms nothing.
    pub fn choose(&mut self, config: Arc<ServerConfig>) -> Result<(), Error> {
        self.asked_for(Question::Hello)?;
        self.asked = None;
        self.serve(config);
        Ok(())
    }

    /// What the server wants to see, while [`Question::Identity`] waits for its answer.
    pub fn identity_request(&self) -> Option<&IdentityRequest> {
        match self.flow.asks() {
            Some(Asks::Identity(request, _)) => Some(request),
            _ => None,
        }
    }

    /// Answers [`Question::Identity`]: who we are; `None`: we show no certificate. Call
    /// [`recv`](Self::recv) again, also without new input.
    ///
    /// # Errors
    /// [`Error::MisuseNotAsked`], or [`Error::MisuseConfig`] if the server does not accept how the identity's
    /// key signs: neither harms anything. Otherwise as [`recv`](Self::recv).
    pub fn show(
        &mut self,
        identity: Option<Arc<Identity>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.asked_for(Question::Identity)?;
        let request = self.identity_request().ok_or(Error::MisuseNotAsked)?;
        let shown = match identity {
            None => None,
            Some(identity) => match request.scheme_of(&identity) {
                Some(scheme) => Some((identity, scheme)),
                None => {
                    return Err(Error::MisuseConfig(
                        "an identity that the server cannot use",
                    ));
                }
            },
        };
        self.take_answer(&Message::Identity(&shown), out)
    }

    /// What has to be signed, while [`Question::Sign`] waits for its answer.
    pub fn to_sign(&self) -> Option<&ToSign> {
        match self.flow.asks() {
            Some(Asks::Signature(to_sign)) => Some(to_sign),
            _ => None,
        }
    }

    /// Answers [`Question::Sign`]. What follows is appended to `out`; call [`recv`](Self::recv) again,
    /// also without new input.
    ///
    /// # Errors
    /// [`Error::MisuseNotAsked`], which harms nothing; otherwise as [`recv`](Self::recv).
    pub fn signature(&mut self, signature: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.asked_for(Question::Sign)?;
        self.take_answer(&Message::Signature(signature), out)
    }

    /// Answers [`Question::Verify`]. Call [`recv`](Self::recv) again, also without new input.
    ///
    /// # Errors
    /// [`Error::MisuseNotAsked`], which harms nothing; [`Error::PeerCertificate`] with the verdict.
    pub fn verdict(
        &mut self,
        verdict: Result<(), netkit_x509::Error>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.asked_for(Question::Verify)?;
        self.take_answer(&Message::Verdict(verdict), out)
    }

    /// Ends a connection that waits for an answer, or is open and not wanted any more (access_denied, say):
    /// appends `alert` and returns the error that now repeats.
    pub fn refuse(&mut self, alert: AlertDescription, out: &mut Vec<u8>) -> Error {
        match (self.failed, self.asked) {
            (Some(error), _) => error,
            (None, None) if !self.connected => Error::MisuseNotAsked,
            (None, _) => self.fail(Error::Refused(alert), out),
        }
    }

    fn asked_for(&self, question: Question) -> Result<(), Error> {
        match (self.failed, self.asked) {
            (Some(error), _) => Err(error),
            (None, Some(asked)) if asked == question => Ok(()),
            _ => Err(Error::MisuseNotAsked),
        }
    }

    fn take_answer(&mut self, answer: &Message<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        self.asked = None;
        self.advance(answer, &[], None, out)
            .map_err(|error| self.fail(error, out))
    }
}
