//! Authenticated encryption of records: a key, its nonces, and how many records it may protect.

use crate::{error::Error, limits};
use core::{fmt, ops::Range};
use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};

/// Octets of a tag, for every suite here.
pub(crate) const TAG_LEN: usize = 16;
/// Octets of a nonce, for every suite here.
pub(crate) const NONCE_LEN: usize = 12;
/// Octets of the part of a nonce that travels with a record of AES-GCM in TLS 1.2.
const EXPLICIT_NONCE_LEN: usize = 8;
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

    /// Octets of what TLS 1.2's key block has for nonces (RFC 5288 3, RFC 7905 2).
    pub(crate) fn fixed_iv_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm => NONCE_LEN - EXPLICIT_NONCE_LEN,
            Self::ChaCha20Poly1305 => NONCE_LEN,
        }
    }
}

/// How a version protects a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    /// The content's type is encrypted too, and the header authenticated (RFC 9846 5.2).
    Tls13,
    /// The record's number, its type, version and plain length are authenticated (RFC 5246 6.2.3.3).
    Tls12,
    /// The same, and a part of the nonce travels with the record (RFC 5288 3).
    Tls12ExplicitNonce,
}

/// One direction's key under one traffic secret, or one master secret.
///
/// The nonce is the record's number, XORed into the IV (RFC 9846 5.3, RFC 7905 2): the number grows
/// with every record and refuses to pass the suite's limit, so no nonce repeats. AES-GCM in TLS 1.2 is
/// the same with an IV that ends in eight zeros: its explicit nonce is the number.
pub(crate) struct RecordKey {
    key: LessSafeKey,
    protection: Protection,
    iv: [u8; NONCE_LEN],
    sequence_number: u64,
    limit: u64,
}

impl RecordKey {
    /// TLS 1.2's: a key of [`Aead::key_len`] octets, and [`Aead::fixed_iv_len`] octets for nonces.
    pub(crate) fn tls12(aead: Aead, key: &[u8], fixed_iv: &[u8]) -> Self {
        let mut iv = [0; NONCE_LEN];
        iv[..fixed_iv.len()].copy_from_slice(fixed_iv);
        let mut key = Self::new(aead, key, iv);
        key.protection = Protection::Tls12;
        if fixed_iv.len() < NONCE_LEN {
            key.protection = Protection::Tls12ExplicitNonce;
            key.limit = limits::MAX_RECORDS_AES_GCM_TLS12;
        }
        key
    }

    /// TLS 1.3's: a key of [`Aead::key_len`] octets.
    pub(crate) fn new(aead: Aead, key: &[u8], iv: [u8; NONCE_LEN]) -> Self {
        let key = UnboundKey::new(aead.ring(), key).expect("the schedule cuts keys to length");
        Self {
            key: LessSafeKey::new(key),
            protection: Protection::Tls13,
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

    /// Whether the key protects records of TLS 1.2.
    pub(crate) fn is_tls12(&self) -> bool {
        self.protection != Protection::Tls13
    }

    /// Octets between a record's header and its content, and behind the content.
    pub(crate) fn room(&self) -> (usize, usize) {
        match self.protection {
            Protection::Tls13 => (0, 1 + TAG_LEN),
            Protection::Tls12 => (0, TAG_LEN),
            Protection::Tls12ExplicitNonce => (EXPLICIT_NONCE_LEN, TAG_LEN),
        }
    }

    /// RFC 5246 6.2.3.3: the record's number, then its header with the length of its content.
    fn additional_data(&self, header: &[u8], length: usize) -> [u8; 13] {
        let mut data = [0; 13];
        data[..8].copy_from_slice(&self.sequence_number.to_be_bytes());
        data[8..11].copy_from_slice(&header[..3]);
        // At most MAX_CIPHERTEXT: two octets hold it.
        data[11..].copy_from_slice(&(length as u16).to_be_bytes());
        data
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

    /// Encrypts `protected`, all that stands between the header and the tag, in place, and returns the
    /// tag. An explicit nonce is written to its front.
    pub(crate) fn seal(
        &mut self,
        header: &[u8],
        protected: &mut [u8],
    ) -> Result<[u8; TAG_LEN], Error> {
        let nonce = self.nonce(self.limit)?;
        let (explicit, plaintext) = protected.split_at_mut(self.room().0);
        if self.protection == Protection::Tls12ExplicitNonce {
            explicit.copy_from_slice(&self.sequence_number.to_be_bytes());
        }
        let tls12 = self.additional_data(header, plaintext.len());
        let authenticated = if self.is_tls12() { &tls12 } else { header };
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(authenticated), plaintext)
            .map_err(|_| Error::CryptoFailed)?;
        self.sequence_number += 1;
        let mut octets = [0; TAG_LEN];
        octets.copy_from_slice(tag.as_ref());
        Ok(octets)
    }

    /// Decrypts `protected`, all that stands behind the header, in place; says where in it the
    /// plaintext is. On failure the number does not move, so that a server may read past early data
    /// that it cannot open.
    pub(crate) fn open(
        &mut self,
        header: &[u8],
        protected: &mut [u8],
    ) -> Result<Range<usize>, Error> {
        // How long a key may protect is its sender's to watch, and many peers never change theirs.
        let mut nonce = self.nonce(limits::MAX_RECORDS_OPENED)?;
        let mut start = 0;
        if self.protection == Protection::Tls12ExplicitNonce {
            // The sender's choice; a repeated one harms its own data only.
            let explicit = protected
                .first_chunk::<EXPLICIT_NONCE_LEN>()
                .ok_or(Error::PeerBadRecordMac)?;
            let mut octets = self.iv;
            octets[NONCE_LEN - EXPLICIT_NONCE_LEN..].copy_from_slice(explicit);
            nonce = Nonce::assume_unique_for_key(octets);
            start = EXPLICIT_NONCE_LEN;
        }
        let length = (protected.len() - start)
            .checked_sub(TAG_LEN)
            .ok_or(Error::PeerBadRecordMac)?;
        let tls12 = self.additional_data(header, length);
        let authenticated = if self.is_tls12() { &tls12 } else { header };
        self.key
            .open_in_place(nonce, Aad::from(authenticated), &mut protected[start..])
            .map_err(|_| Error::PeerBadRecordMac)?;
        self.sequence_number += 1;
        Ok(start..start + length)
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
    use alloc::{vec, vec::Vec};

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
                assert_eq!(theirs.open(b"header", &mut record.clone()), Ok(0..5));
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
            assert!(
                seen.insert(key.seal(b"----", &mut text).unwrap()),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn refuses_to_wrap() {
        let (mut ours, mut theirs) = (key(Aead::Aes128Gcm), key(Aead::Aes128Gcm));
        ours.wear_down_to(1);
        assert_eq!(ours.left(), 1);
        ours.seal(b"----", &mut [0; 1]).unwrap();
        assert_eq!(ours.left(), 0);
        assert_eq!(ours.seal(b"----", &mut [0; 1]), Err(Error::KeyExhausted));

        // A peer that goes on under one key for longer than we would is heard.
        let (limit, mut text) = (ours.limit, [7; 1 + TAG_LEN]);
        (ours.limit, theirs.sequence_number) = (u64::MAX, limit);
        let tag = ours.seal(b"----", &mut text[..1]).unwrap();
        text[1..].copy_from_slice(&tag);
        assert_eq!(theirs.open(b"----", &mut text), Ok(0..1));
        theirs.sequence_number = limits::MAX_RECORDS_OPENED;
        assert_eq!(theirs.open(b"----", &mut text), Err(Error::KeyExhausted));
    }

    /// What a sender of TLS 1.2 puts behind the header of its first record.
    fn sealed12(aead: Aead, fixed_iv: &[u8], content: &[u8]) -> Vec<u8> {
        let mut key = RecordKey::tls12(aead, &[7; 32][..aead.key_len()], fixed_iv);
        let (front, behind) = key.room();
        let mut record = vec![1; front];
        record.extend(content);
        let tag = key.seal(&[23, 3, 3, 9, 9], &mut record).unwrap();
        record.extend(tag);
        assert_eq!(record.len(), front + content.len() + behind);
        record
    }

    #[test]
    fn tls12_numbers_its_nonces_and_authenticates_number_type_version_and_length() {
        use ring::aead::{AES_128_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
        let cases = [
            (Aead::Aes128Gcm, &AES_128_GCM, 4, 8),
            (Aead::ChaCha20Poly1305, &CHACHA20_POLY1305, 12, 0),
        ];
        for (aead, ring, fixed, explicit) in cases {
            assert_eq!(aead.fixed_iv_len(), fixed);
            let mut record = sealed12(aead, &[9; 12][..fixed], b"content");
            assert_eq!(record[..explicit], [0; 8][..explicit], "the first number");
            let key = UnboundKey::new(ring, &[7; 32][..aead.key_len()]).unwrap();
            let mut nonce = [0; 12];
            nonce[..fixed].fill(9);
            let nonce = Nonce::assume_unique_for_key(nonce);
            let authenticated = [0, 0, 0, 0, 0, 0, 0, 0, 23, 3, 3, 0, 7];
            let plain = LessSafeKey::new(key)
                .open_in_place(nonce, Aad::from(authenticated), &mut record[explicit..])
                .unwrap();
            assert_eq!(plain, b"content");
        }
    }

    #[test]
    fn tls12_opens_once_in_order_and_only_under_its_header() {
        for (aead, fixed) in [(Aead::Aes256Gcm, 4), (Aead::ChaCha20Poly1305, 12)] {
            let fixed_iv = &[9; 12][..fixed];
            let record = sealed12(aead, fixed_iv, b"content");
            let mut key = RecordKey::tls12(aead, &[7; 32][..aead.key_len()], fixed_iv);
            let mut open = |header: [u8; 5], mut record: Vec<u8>| key.open(&header, &mut record);
            let bad = Err(Error::PeerBadRecordMac);
            for length in 0..record.len() {
                assert_eq!(open([23, 3, 3, 9, 9], record[..length].to_vec()), bad);
            }
            for place in 0..record.len() {
                let mut forged = record.clone();
                forged[place] ^= 1;
                assert_eq!(open([23, 3, 3, 9, 9], forged), bad, "octet {place}");
            }
            assert_eq!(open([22, 3, 3, 9, 9], record.clone()), bad);
            assert_eq!(open([23, 3, 2, 9, 9], record.clone()), bad);
            let start = if fixed == 4 { 8 } else { 0 };
            let good = Ok(start..start + 7);
            assert_eq!(open([23, 3, 3, 9, 9], record.clone()), good);
            assert_eq!(open([23, 3, 3, 9, 9], record), bad, "a replay");
        }
    }
}
