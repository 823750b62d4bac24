//! What TLS said on one connection or several, as it happened.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use netkit::tls::{Agreed, AlertDescription, HandshakeType, Note, Watch, What};
use tokio::time::Instant;

/// Keeps every note. A connection says less than twenty things.
#[derive(Debug)]
pub(crate) struct Recorder {
    began: Instant,
    heard: Mutex<Vec<Heard>>,
}

/// One thing that was said.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// Since the recorder was made.
    pub(crate) at: Duration,
    /// By us, or by the peer.
    pub(crate) sent: bool,
    pub(crate) said: Said,
}

/// What was said.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// A whole handshake message, with its header.
    Handshake(HandshakeType, Vec<u8>),
    ChangeCipherSpec,
    Alert(AlertDescription),
    /// Not on the wire: what comes next that way is protected by these keys.
    Keys(&'static str),
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            heard: Mutex::new(Vec::new()),
        }
    }

    /// All that was heard so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Watch for Recorder {
    fn note(&self, note: &Note<'_>) {
        let said = match note.what {
            What::Handshake(kind, message) => Said::Handshake(kind, message.to_vec()),
            What::ChangeCipherSpec => Said::ChangeCipherSpec,
            What::Alert(description) => Said::Alert(description),
            What::Keys(name) => Said::Keys(name),
            // What a later version may tell.
            _ => return,
        };
        let heard = Heard {
            at: self.began.elapsed(),
            sent: note.sent,
            said,
        };
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(heard);
    }
}

impl Heard {
    pub(crate) fn is_alert(&self) -> bool {
        matches!(self.said, Said::Alert(_))
    }

    /// The message, if it is one of this kind that went this way.
    pub(crate) fn message(&self, sent: bool, kind: HandshakeType) -> Option<&[u8]> {
        match &self.said {
            Said::Handshake(this, message) if *this == kind && self.sent == sent => Some(message),
            _ => None,
        }
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.sent { "->" } else { "<-" };
        match &self.said {
            Said::Handshake(kind, message) => write!(f, "{way} {kind}, {} octets", message.len()),
            Said::ChangeCipherSpec => write!(f, "{way} change_cipher_spec"),
            Said::Alert(description) => write!(f, "{way} alert {description}"),
            Said::Keys(name) => write!(f, "{way} now under {name} keys"),
        }
    }
}

/// The random of a ClientHello or ServerHello (RFC 9846 4.2): 4 octets of header and 2 of version
/// come before it.
pub(crate) fn random(hello: &[u8]) -> Option<&[u8]> {
    hello.get(6..38)
}

/// Milliseconds, as people compare them.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// What the server proved itself with: a signature, or what an earlier connection left behind.
pub(crate) fn signature(agreed: &Agreed) -> String {
    match agreed.signature_scheme {
        Some(scheme) => scheme.to_string(),
        None if agreed.resumed => "resumed, no signature".to_owned(),
        None => "no signature".to_owned(),
    }
}
