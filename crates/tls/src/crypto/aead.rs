//! Authenticated encryption of records: a key, its nonces, and how many records it may protect.

use crate::{error::Error, limits};
use core::fmt;
use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};

/// Octets of a tag, for every suite here.
pub(crate) const TAG_LEN: usize = 16;
/// Octets of a nonce, for every suite here.
pub(crate) const NONCE_LEN: usize = 12;
/// Octets of the longest key.
pub(crate) const MAX_KEY: usize = 32;

/// An algorithm for authenticated encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aead {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

impl Aead {
    fn ring(self) -> &'static Algorithm {
        match self {
            Self::Aes128Gcm => &AES_128_GCM,
            Self::Aes256Gcm => &AES_256_GCM,
            Self::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        }
    }

    /// Octets of a key.
    pub(crate) fn key_len(self) -> usize {
        self.ring().key_len()
    }
}

/// One direction's key under one traffic secret.
///
/// The nonce is the record's number, XORed into the IV (RFC 9846 5.3): the number grows with every
/// record and refuses to pass the suite's limit, so no nonce repeats.
pub(crate) struct RecordKey {
    key: LessSafeKey,
    iv: [u8; NONCE_LEN],
    sequence_number: u64,
    limit: u64,
}

impl RecordKey {
    /// A key of [`Aead::key_len`] octets.
    pub(crate) fn new(aead: Aead, key: &[u8], iv: [u8; NONCE_LEN]) -> Self {
        let key = UnboundKey::new(aead.ring(), key).expect("the schedule cuts keys to length");
        Self {
            key: LessSafeKey::new(key),
            iv,
            sequence_number: 0,
            limit: match aead {
                Aead::ChaCha20Poly1305 => limits::MAX_RECORDS_CHACHA20,
                Aead::Aes128Gcm | Aead::Aes256Gcm => limits::MAX_RECORDS_AES_GCM,
            },
        }
    }

    /// Records that the key may still protect.
    pub(crate) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.sequence_number)
    }

    /// Lowers the limit so that the key may protect so many records more.
    #[cfg(any(test, feature = "proptest", feature = "arbitrary"))]
    pub(crate) fn wear_down_to(&mut self, left: u64) {
        self.limit = self.sequence_number + left;
    }

    fn nonce(&self, limit: u64) -> Result<Nonce, Error> {
        if self.sequence_number >= limit {
            return Err(Error::KeyExhausted);
        }
        let mut nonce = self.iv;
        for (octet, number) in nonce[NONCE_LEN - 8..]
            .iter_mut()
            .zip(self.sequence_number.to_be_bytes())
        {
            *octet ^= number;
        }
        Ok(Nonce::assume_unique_for_key(nonce))
    }

    /// Encrypts `plaintext` in place and returns its tag.
    pub(crate) fn seal(
        &mut self,
        header: &[u8],
        plaintext: &mut [u8],
    ) -> Result<[u8; TAG_LEN], Error> {
        let nonce = self.nonce(self.limit)?;
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(header), plaintext)
            .map_err(|_| Error::CryptoFailed)?;
        self.sequence_number += 1;
        let mut octets = [0; TAG_LEN];
        octets.copy_from_slice(tag.as_ref());
        Ok(octets)
    }

    /// Decrypts `protected` (ciphertext and tag) in place; the plaintext is its front. On failure
    /// the number does not move, so that a server may read past early data that it cannot open.
    pub(crate) fn open(&mut self, header: &[u8], protected: &mut [u8]) -> Result<usize, Error> {
        // How long a key may protect is its sender's to watch, and many peers never change theirs.
        let nonce = self.nonce(limits::MAX_RECORDS_OPENED)?;
        let plaintext = self
            .key
            .open_in_place(nonce, Aad::from(header), protected)
            .map_err(|_| Error::PeerBadRecordMac)?;
        self.sequence_number += 1;
        Ok(plaintext.len())
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordKey")
            .field("sequence_number", &self.sequence_number)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Aead, NONCE_LEN, RecordKey, TAG_LEN};
    use crate::{error::Error, limits};

    fn key(aead: Aead) -> RecordKey {
        RecordKey::new(aead, &[7; 32][..aead.key_len()], [9; NONCE_LEN])
    }

    #[test]
    fn opens_what_it_sealed_once_and_in_order() {
        for aead in [Aead::Aes128Gcm, Aead::Aes256Gcm, Aead::ChaCha20Poly1305] {
            let (mut ours, mut theirs) = (key(aead), key(aead));
            for text in [*b"first", *b"other"] {
                let mut record = text.to_vec();
                let tag = ours.seal(b"header", &mut record).unwrap();
                record.extend(tag);
                let mut forged = record.clone();
                forged[2] ^= 1;
                assert_eq!(
                    theirs.open(b"header", &mut forged),
                    Err(Error::PeerBadRecordMac)
                );
                let mut copy = record.clone();
                assert_eq!(
                    theirs.open(b"Header", &mut copy),
                    Err(Error::PeerBadRecordMac)
                );
                assert_eq!(theirs.open(b"header", &mut record.clone()), Ok(5));
                assert_eq!(
                    theirs.open(b"header", &mut record),
                    Err(Error::PeerBadRecordMac),
                    "a replay has the wrong number"
                );
            }
        }
    }

    #[test]
    fn the_number_changes_the_nonce_in_every_octet_of_the_counter() {
        let mut seen = alloc::collections::BTreeSet::new();
        for bit in 0..64 {
            let mut key = key(Aead::ChaCha20Poly1305);
            key.limit = u64::MAX;
            key.sequence_number = (1 << bit) - u64::from(bit == 63);
            let mut text = [0; 4];
            assert!(seen.insert(key.seal(b"", &mut text).unwrap()), "bit {bit}");
        }
    }

    #[test]
    fn refuses_to_wrap() {
        let (mut ours, mut theirs) = (key(Aead::Aes128Gcm), key(Aead::Aes128Gcm));
        ours.wear_down_to(1);
        assert_eq!(ours.left(), 1);
        ours.seal(b"", &mut [0; 1]).unwrap();
        assert_eq!(ours.left(), 0);
        assert_eq!(ours.seal(b"", &mut [0; 1]), Err(Error::KeyExhausted));

        // A peer that goes on under one key for longer than we would is heard.
        let (limit, mut text) = (ours.limit, [7; 1 + TAG_LEN]);
        (ours.limit, theirs.sequence_number) = (u64::MAX, limit);
        let tag = ours.seal(b"", &mut text[..1]).unwrap();
        text[1..].copy_from_slice(&tag);
        assert_eq!(theirs.open(b"", &mut text), Ok(1));
        theirs.sequence_number = limits::MAX_RECORDS_OPENED;
        assert_eq!(theirs.open(b"", &mut text), Err(Error::KeyExhausted));
    }
}
