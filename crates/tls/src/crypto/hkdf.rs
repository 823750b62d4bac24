//! HKDF (RFC 5869) with TLS 1.3's labels (RFC 9846 7.1), and secrets that wipe themselves.

use super::hash::{Hash, MAX_HASH};
use core::fmt;
use zeroize::Zeroize;

/// A secret as long as its hash function's output. Wiped when dropped.
pub(crate) struct Secret {
    hash: Hash,
    bytes: [u8; MAX_HASH],
}

impl Secret {
    /// The hash function whose output this is as long as.
    pub(crate) fn hash(&self) -> Hash {
        self.hash
    }

    /// The secret itself: for key derivation and, when asked for in code, the key log.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.bytes[..self.hash.len()]
    }

    /// The pseudorandom key that this secret is.
    pub(crate) fn prk(&self) -> Prk {
        Prk {
            hash: self.hash,
            prk: ring::hkdf::Prk::new_less_safe(self.hash.hkdf(), self.expose()),
        }
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What stands before every label.
const PREFIX: &[u8] = b"tls13 ";

/// Octets of a label, without its prefix (RFC 9846 7.1).
pub(crate) const MAX_LABEL: usize = 255 - PREFIX.len();

/// A pseudorandom key (RFC 5869 2.2), ready to expand.
pub(crate) struct Prk {
    hash: Hash,
    prk: ring::hkdf::Prk,
}

impl Prk {
    /// HKDF-Extract.
    pub(crate) fn extract(hash: Hash, salt: &[u8], secret: &[u8]) -> Self {
        Self {
            hash,
            prk: ring::hkdf::Salt::new(hash.hkdf(), salt).extract(secret),
        }
    }

    /// HKDF-Expand-Label into the whole of `out`.
    ///
    /// A label has at most [`MAX_LABEL`] octets, and `out` 255 hashes.
    pub(crate) fn expand_label(&self, label: &[u8], context: &[u8], out: &mut [u8]) {
        // Contexts are hashes and nonces: all three lengths fit their fields.
        let length = (out.len() as u16).to_be_bytes();
        let label_length = [(PREFIX.len() + label.len()) as u8];
        let context_length = [context.len() as u8];
        let info = [
            &length[..],
            &label_length,
            PREFIX,
            label,
            &context_length,
            context,
        ];
        self.prk
            .expand(&info, Length(out.len()))
            .and_then(|okm| okm.fill(out))
            .expect("no output here is longer than 255 hashes");
    }

    /// HKDF-Expand-Label to a secret as long as the hash: Derive-Secret, given the transcript's hash.
    pub(crate) fn derive(&self, label: &[u8], context: &[u8]) -> Secret {
        let mut bytes = [0; MAX_HASH];
        self.expand_label(label, context, &mut bytes[..self.hash.len()]);
        Secret {
            hash: self.hash,
            bytes,
        }
    }
}

impl fmt::Debug for Prk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prk(..)")
    }
}

struct Length(usize);

impl ring::hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}
