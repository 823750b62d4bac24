//! Key exchange on X25519, P-256 and P-384.

use crate::{codepoints::NamedGroup, error::Error};
use core::fmt;
use ring::{agreement, rand::SystemRandom};

/// The groups that are built in, in the order that we prefer them.
pub(crate) const GROUPS: &[NamedGroup] = &[
    NamedGroup::X25519,
    NamedGroup::SECP256R1,
    NamedGroup::SECP384R1,
];

fn algorithm(group: NamedGroup) -> Option<&'static agreement::Algorithm> {
    match group {
        NamedGroup::X25519 => Some(&agreement::X25519),
        NamedGroup::SECP256R1 => Some(&agreement::ECDH_P256),
        NamedGroup::SECP384R1 => Some(&agreement::ECDH_P384),
        _ => None,
    }
}

/// An ephemeral private key, used once, and its public half.
pub(crate) struct KeyShare {
    group: NamedGroup,
    private: agreement::EphemeralPrivateKey,
    public: agreement::PublicKey,
}

impl KeyShare {
    /// A fresh key pair in `group`.
    pub(crate) fn generate(group: NamedGroup) -> Result<Self, Error> {
        let algorithm =
            algorithm(group).ok_or(Error::MisuseConfig("a group that is not built in"))?;
        let private = agreement::EphemeralPrivateKey::generate(algorithm, &SystemRandom::new())
            .map_err(|_| Error::CryptoFailed)?;
        let public = private
            .compute_public_key()
            .map_err(|_| Error::CryptoFailed)?;
        Ok(Self {
            group,
            private,
            public,
        })
    }

    pub(crate) fn group(&self) -> NamedGroup {
        self.group
    }

    /// The key_exchange field: a u-coordinate, or an uncompressed point (RFC 9846 4.3.8).
    pub(crate) fn public(&self) -> &[u8] {
        self.public.as_ref()
    }

    /// Hands the shared secret to `derive`. Refuses points off the curve and, for X25519, the
    /// all-zero secret (RFC 9846 7.4.2).
    pub(crate) fn agree<T>(self, peer: &[u8], derive: impl FnOnce(&[u8]) -> T) -> Result<T, Error> {
        let peer = agreement::UnparsedPublicKey::new(self.private.algorithm(), peer);
        agreement::agree_ephemeral(self.private, &peer, derive)
            .map_err(|_| Error::PeerIllegalParameter("key_exchange is no point of its group"))
    }
}

impl fmt::Debug for KeyShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyShare")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}
