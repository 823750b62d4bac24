//! For those who look on: the key log, and what is sent and received.

use crate::codepoints::{AlertDescription, HandshakeType};
use alloc::sync::Arc;
use core::fmt;

/// Takes the lines of a key log (RFC 9850), with which a capture can be decrypted.
///
/// There is no environment variable for it: whoever reads these lines reads the connection, so a
/// program has to ask for them in code.
pub trait KeyLog: Send + Sync {
    /// One line, without its end: a label, the client's random, a secret, in hexadecimal.
    fn line(&self, line: &str);
}

/// Looks on while a connection is made, to tell its story.
pub trait Watch: Send + Sync {
    /// Called for each thing sent or received, in order. Application data is not reported.
    fn note(&self, note: &Note<'_>);
}

/// Something that was sent or received.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Note<'a> {
    /// Whether this side sent it.
    pub sent: bool,
    /// What it was.
    pub what: What<'a>,
}

/// What was sent or received.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum What<'a> {
    /// A handshake message: its kind, and its octets with the header.
    Handshake(HandshakeType, &'a [u8]),
    /// A ChangeCipherSpec record; in TLS 1.3 a dummy, for middleboxes.
    ChangeCipherSpec,
    /// An alert.
    Alert(AlertDescription),
    /// From here records in this direction are under these keys: `handshake` or `application`; TLS 1.2
    /// has the latter only.
    Keys(&'static str),
}

/// Those who look on at a connection.
#[derive(Clone, Default)]
pub(crate) struct Watched {
    pub(crate) key_log: Option<Arc<dyn KeyLog>>,
    pub(crate) watch: Option<Arc<dyn Watch>>,
}

impl Watched {
    pub(crate) fn note(&self, note: &Note<'_>) {
        if let Some(watch) = &self.watch {
            watch.note(note);
        }
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("key_log", &self.key_log.is_some())
            .field("watch", &self.watch.is_some())
            .finish()
    }
}
