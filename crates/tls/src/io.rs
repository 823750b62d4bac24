//! What a flow's handlers may touch beside their own state.

use crate::{
    codepoints::{AlertDescription, ContentType, HandshakeType},
    connection::{Agreed, Facts},
    disagreement::Disagreement,
    error::Error,
    identity::Staples,
    joiner::Aligned,
    record::{Incoming, Outgoing},
    watch::{Note, Watched, What},
};
use alloc::{boxed::Box, format, vec::Vec};
use rand_core::CryptoRng;
use rustls_pki_types::{CertificateDer, UnixTime};

/// Appends an alert.
pub(crate) fn send_alert(
    alert: AlertDescription,
    outgoing: &mut Outgoing,
    watched: &Watched,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    use AlertDescription as A;
    const FATAL: u8 = 2;
    let level = match alert {
        A::CLOSE_NOTIFY | A::USER_CANCELED | A::NO_RENEGOTIATION => ALERT_WARNING,
        _ => FATAL,
    };
    watched.note(&Note {
        sent: true,
        what: What::Alert(alert),
    });
    outgoing.send(ContentType::ALERT, &[&[level, alert.0]], out)
}

/// The level of an alert that ends nothing, in TLS 1.2.
pub(crate) const ALERT_WARNING: u8 = 1;

/// One message's surroundings.
pub(crate) struct Io<'c> {
    /// The message being handled, header included.
    pub(crate) raw: &'c [u8],
    /// The proof that nothing stands behind the message, until a key change takes it.
    pub(crate) alignment: Option<Aligned>,
    pub(crate) incoming: &'c mut Incoming,
    pub(crate) outgoing: &'c mut Outgoing,
    pub(crate) out: &'c mut Vec<u8>,
    pub(crate) random: &'c mut (dyn CryptoRng + Send),
    pub(crate) now: UnixTime,
    /// Whether close_notify has been sent: nothing may follow it.
    pub(crate) send_closed: bool,
    pub(crate) facts: &'c mut Facts,
    pub(crate) watched: &'c Watched,
}

impl Io<'_> {
    /// The proof that no message straddles a key change.
    pub(crate) fn aligned(&mut self) -> Result<Aligned, Error> {
        self.alignment.take().ok_or(Error::PeerMisalignedMessage)
    }

    /// Keeps the peer's certificates, for whoever asks, also after a refusal.
    pub(crate) fn keep_chain(&mut self, chain: Vec<CertificateDer<'static>>, staples: Staples) {
        self.facts.peer_chain = chain;
        self.facts.staples = staples;
    }

    /// Keeps why there is no agreement.
    pub(crate) fn disagree(&mut self, why: Option<Disagreement>) {
        self.facts.disagreement = why.map(Box::new);
    }

    /// Keeps what was agreed: from here the connection is open.
    pub(crate) fn agree(&mut self, agreed: Agreed) {
        self.facts.agreed = Some(agreed);
    }

    /// Sends a warning.
    pub(crate) fn warn(&mut self, alert: AlertDescription) -> Result<(), Error> {
        send_alert(alert, self.outgoing, self.watched, self.out)
    }

    /// Sends ChangeCipherSpec, or the dummy that looks like it.
    pub(crate) fn change_cipher_spec(&mut self) {
        Outgoing::change_cipher_spec(self.out);
        self.watched.note(&Note {
            sent: true,
            what: What::ChangeCipherSpec,
        });
    }

    /// Tells the watcher of a message that leaves.
    pub(crate) fn note_sent(&self, message: &[u8]) {
        if let [kind, ..] = *message {
            self.watched.note(&Note {
                sent: true,
                what: What::Handshake(HandshakeType(kind), message),
            });
        }
    }

    /// Tells the watcher that records in one direction are now under other keys.
    pub(crate) fn note_keys(&self, sent: bool, which: &'static str) {
        self.watched.note(&Note {
            sent,
            what: What::Keys(which),
        });
    }

    /// Logs a secret where that was asked for in code (RFC 9850).
    pub(crate) fn log_secret(&self, label: &str, client_random: &[u8; 32], secret: &[u8]) {
        if let Some(log) = &self.watched.key_log {
            let secret = zeroize::Zeroizing::new(hex::encode(secret));
            let line = format!("{label} {} {}", hex::encode(client_random), *secret);
            log.line(&zeroize::Zeroizing::new(line));
        }
    }
}
