//! What a cipher suite stands for.

use crate::{
    codepoints::CipherSuite,
    crypto::{aead::Aead, hash::Hash},
};

impl CipherSuite {
    /// The encryption of its records.
    pub(crate) fn aead(self) -> Aead {
        match self {
            Self::TLS_AES_128_GCM_SHA256 => Aead::Aes128Gcm,
            Self::TLS_AES_256_GCM_SHA384 => Aead::Aes256Gcm,
            _ => Aead::ChaCha20Poly1305,
        }
    }

    /// The hash function of its transcript and key schedule.
    pub(crate) fn hash(self) -> Hash {
        match self {
            Self::TLS_AES_256_GCM_SHA384 => Hash::Sha384,
            _ => Hash::Sha256,
        }
    }
}
