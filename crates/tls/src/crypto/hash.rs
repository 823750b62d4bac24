//! Hash functions, the running hash of a handshake, and HMAC.

use core::fmt;
use ring::{digest, hmac};
use subtle::ConstantTimeEq;

/// The hash function of a cipher suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
}

/// Longest output of a [`Hash`], in octets.
pub(crate) const MAX_HASH: usize = 48;

impl Hash {
    fn ring(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
        }
    }

    pub(super) fn hkdf(self) -> ring::hkdf::Algorithm {
        match self {
            Self::Sha256 => ring::hkdf::HKDF_SHA256,
            Self::Sha384 => ring::hkdf::HKDF_SHA384,
        }
    }

    /// Length of the output in octets.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    /// The hash of `data`.
    pub(crate) fn of(self, data: &[u8]) -> Digest {
        Digest(digest::digest(self.ring(), data))
    }

    /// The hash of nothing.
    pub(crate) fn of_nothing(self) -> &'static [u8] {
        match self {
            Self::Sha256 => &[
                0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f,
                0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b,
                0x78, 0x52, 0xb8, 0x55,
            ],
            Self::Sha384 => &[
                0x38, 0xb0, 0x60, 0xa7, 0x51, 0xac, 0x96, 0x38, 0x4c, 0xd9, 0x32, 0x7e, 0xb1, 0xb1,
                0xe3, 0x6a, 0x21, 0xfd, 0xb7, 0x11, 0x14, 0xbe, 0x07, 0x43, 0x4c, 0x0c, 0xc7, 0xbf,
                0x63, 0xf6, 0xe1, 0xda, 0x27, 0x4e, 0xde, 0xbf, 0xe7, 0x6f, 0x65, 0xfb, 0xd5, 0x1a,
                0xd2, 0xf1, 0x48, 0x98, 0xb9, 0x5b,
            ],
        }
    }

    /// A running hash of nothing yet.
    pub(crate) fn start(self) -> Running {
        Running(digest::Context::new(self.ring()))
    }

    /// HMAC of `data` under `key`.
    pub(crate) fn hmac(self, key: &[u8], data: &[u8]) -> Mac {
        self.hmac_key(key).sign(&[data])
    }

    /// A key for several HMACs.
    pub(crate) fn hmac_key(self, key: &[u8]) -> HmacKey {
        let algorithm = match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
        };
        HmacKey(hmac::Key::new(algorithm, key))
    }
}

/// A key for HMAC.
pub(crate) struct HmacKey(hmac::Key);

impl HmacKey {
    /// HMAC of `parts`, joined.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> Mac {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        Mac(context.sign())
    }
}

/// The output of a hash function.
#[derive(Clone, Copy)]
pub(crate) struct Digest(digest::Digest);

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

/// A hash that goes on.
#[derive(Clone)]
pub(crate) struct Running(digest::Context);

impl Running {
    pub(crate) fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The hash of all so far.
    pub(crate) fn so_far(&self) -> Digest {
        Digest(self.0.clone().finish())
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Running(..)")
    }
}

/// A message authentication code.
pub(crate) struct Mac(hmac::Tag);

impl Mac {
    /// Whether `other` is the same code; takes the same time wherever they differ.
    pub(crate) fn matches(&self, other: &[u8]) -> bool {
        self.0.as_ref().ct_eq(other).into()
    }
}

impl AsRef<[u8]> for Mac {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}
