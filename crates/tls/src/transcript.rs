//! The messages of a handshake: hashed as they come and go, and sent a flight at a time.

use crate::{
    codepoints::{CipherSuite, ContentType, HandshakeType},
    crypto::hash::{Digest, Running},
    error::Error,
    io::Io,
};
use alloc::vec::Vec;
use netkit_core::TooLong;

/// The running hash of a handshake's messages (RFC 9846 4.1).
#[derive(Debug)]
pub(crate) struct Transcript {
    running: Running,
    /// The messages themselves, while a client of TLS 1.2 may have to sign them: the primitive takes
    /// them and no hash. A flow has a fixed number of messages, each of limited length.
    kept: Option<Vec<u8>>,
}

/// Whose message or proof it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Transcript {
    /// Begins with the ClientHello, once the suite names the hash function.
    pub(crate) fn new(suite: CipherSuite, client_hello: &[u8]) -> Self {
        let mut running = suite.hash().start();
        running.update(client_hello);
        Self {
            running,
            kept: None,
        }
    }

    /// Begins anew after a retry: the first ClientHello is replaced by its hash.
    pub(crate) fn retried(suite: CipherSuite, client_hello: &[u8], retry: &[u8]) -> Self {
        let hash = suite.hash();
        let mut running = hash.start();
        running.update(&[HandshakeType::MESSAGE_HASH.0, 0, 0, hash.len() as u8]);
        running.update(hash.of(client_hello).as_ref());
        running.update(retry);
        Self {
            running,
            kept: None,
        }
    }

    /// Adds a message, header included.
    pub(crate) fn add(&mut self, message: &[u8]) {
        self.running.update(message);
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(message);
        }
    }

    /// The hash of all messages so far and the front of the next.
    pub(crate) fn hash_with(&self, front: &[u8]) -> Digest {
        let mut running = self.running.clone();
        running.update(front);
        running.so_far()
    }

    /// The hash of all messages so far.
    pub(crate) fn hash(&self) -> Digest {
        self.running.so_far()
    }

    /// Keeps the messages themselves, from the ClientHello on, which is all so far.
    pub(crate) fn keep(&mut self, client_hello: &[u8]) {
        self.kept = Some(client_hello.to_vec());
    }

    /// The messages so far. They are kept no longer.
    pub(crate) fn take_kept(&mut self) -> Vec<u8> {
        self.kept.take().unwrap_or_default()
    }
}

/// Messages that leave together.
#[derive(Default)]
pub(crate) struct Flight(Vec<u8>);

impl Flight {
    /// Adds a message that `write` appends whole.
    pub(crate) fn add(
        &mut self,
        transcript: &mut Transcript,
        io: &mut Io<'_>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>,
    ) -> Result<(), Error> {
        let start = self.0.len();
        self.add_untranscribed(io, write)?;
        transcript.add(&self.0[start..]);
        Ok(())
    }

    /// Adds a message of those that no transcript covers.
    pub(crate) fn add_untranscribed(
        &mut self,
        io: &Io<'_>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>,
    ) -> Result<(), Error> {
        let start = self.0.len();
        write(&mut self.0)?;
        io.note_sent(&self.0[start..]);
        Ok(())
    }

    /// Appends the flight to `out` in records.
    pub(crate) fn send(self, io: &mut Io<'_>) -> Result<(), Error> {
        io.outgoing.send(ContentType::HANDSHAKE, &[&self.0], io.out)
    }
}

#[cfg(test)]
mod tests {
    use super::Transcript;
    use crate::{codepoints::CipherSuite, crypto::hash::Hash};

    #[test]
    fn the_transcript_is_the_hash_of_all_messages_in_order() {
        let mut transcript = Transcript::new(CipherSuite::TLS_AES_128_GCM_SHA256, b"hello");
        transcript.add(b"more");
        let joined = Hash::Sha256.of(b"hellomore");
        assert_eq!(transcript.hash().as_ref(), joined.as_ref());
    }

    #[test]
    fn after_a_retry_a_hash_stands_for_the_first_hello() {
        let suite = CipherSuite::TLS_AES_256_GCM_SHA384;
        let transcript = Transcript::retried(suite, b"hello", b"retry");
        let mut octets = [254, 0, 0, 48].to_vec();
        octets.extend(Hash::Sha384.of(b"hello").as_ref());
        octets.extend(b"retry");
        let joined = Hash::Sha384.of(&octets);
        assert_eq!(transcript.hash().as_ref(), joined.as_ref());
    }
}
