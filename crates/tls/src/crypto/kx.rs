//! Key exchange on X25519, P-256 and P-384; behind features on P-521 (`p521`) and on X25519 with ML-KEM-768
//! (`ml-kem`).

use crate::{codepoints::NamedGroup, error::Error};
use alloc::vec::Vec;
use core::fmt;
use rand_core::CryptoRng;
use ring::{agreement, rand::SystemRandom};

/// The groups that a configuration has unless it says otherwise, in the order that we prefer them.
pub(crate) const GROUPS: &[NamedGroup] = &[
    NamedGroup::X25519,
    NamedGroup::SECP256R1,
    NamedGroup::SECP384R1,
];

/// Whether the group is built in.
pub(crate) fn is_built_in(group: NamedGroup) -> bool {
    GROUPS.contains(&group)
        || (cfg!(feature = "ml-kem") && group == NamedGroup::X25519MLKEM768)
        || (cfg!(feature = "p521") && group == NamedGroup::SECP521R1)
}

/// An ephemeral private key, used once, and its public half.
pub(crate) struct KeyShare {
    group: NamedGroup,
    private: Private,
    public: Vec<u8>,
}

enum Private {
    Curve(agreement::EphemeralPrivateKey),
    #[cfg(feature = "p521")]
    P521(p521::ecdh::EphemeralSecret),
    #[cfg(feature = "ml-kem")]
    Hybrid(super::hybrid::Private),
}

impl KeyShare {
    /// A fresh key pair in `group`.
    pub(crate) fn generate(
        group: NamedGroup,
        random: &mut (dyn CryptoRng + Send),
    ) -> Result<Self, Error> {
        let (private, public) = match group {
            NamedGroup::X25519 => curve(&agreement::X25519)?,
            NamedGroup::SECP256R1 => curve(&agreement::ECDH_P256)?,
            NamedGroup::SECP384R1 => curve(&agreement::ECDH_P384)?,
            #[cfg(feature = "p521")]
            NamedGroup::SECP521R1 => {
                let (private, public) = super::p521::generate(random);
                (Private::P521(private), public)
            }
            #[cfg(feature = "ml-kem")]
            NamedGroup::X25519MLKEM768 => {
                let (private, public) = super::hybrid::generate(random)?;
                (Private::Hybrid(private), public)
            }
            _ => return Err(Error::MisuseConfig("a group that is not built in")),
        };
        // ring's randomness is its own.
        let _ = random;
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
        &self.public
    }

    /// Hands the secret that is shared with the one who answered to `derive`. Refuses points off the
    /// curve and, for X25519, the all-zero secret (RFC 9846 7.4.2).
    pub(crate) fn agree<T>(self, peer: &[u8], derive: impl FnOnce(&[u8]) -> T) -> Result<T, Error> {
        match self.private {
            Private::Curve(private) => agree(private, peer, derive),
            #[cfg(feature = "p521")]
            Private::P521(private) => super::p521::agree(&private, peer, derive),
            #[cfg(feature = "ml-kem")]
            Private::Hybrid(private) => super::hybrid::agree(private, peer, derive),
        }
    }

    /// Answers the share of `peer` in `group`: our key_exchange field, and what `derive` makes of the
    /// shared secret.
    pub(crate) fn answer<T>(
        group: NamedGroup,
        peer: &[u8],
        random: &mut (dyn CryptoRng + Send),
        derive: impl FnOnce(&[u8]) -> T,
    ) -> Result<(Vec<u8>, T), Error> {
        #[cfg(feature = "ml-kem")]
        if group == NamedGroup::X25519MLKEM768 {
            return super::hybrid::answer(peer, random, derive);
        }
        let mut share = Self::generate(group, random)?;
        let public = core::mem::take(&mut share.public);
        Ok((public, share.agree(peer, derive)?))
    }
}

fn curve(algorithm: &'static agreement::Algorithm) -> Result<(Private, Vec<u8>), Error> {
    generate(algorithm).map(|(private, public)| (Private::Curve(private), public))
}

/// A key pair on a curve.
pub(super) fn generate(
    algorithm: &'static agreement::Algorithm,
) -> Result<(agreement::EphemeralPrivateKey, Vec<u8>), Error> {
    let private = agreement::EphemeralPrivateKey::generate(algorithm, &SystemRandom::new())
        .map_err(|_| Error::CryptoFailed)?;
    let public = private
        .compute_public_key()
        .map_err(|_| Error::CryptoFailed)?;
    Ok((private, public.as_ref().to_vec()))
}

/// The secret that is shared with `peer` on a curve.
pub(super) fn agree<T>(
    private: agreement::EphemeralPrivateKey,
    peer: &[u8],
    derive: impl FnOnce(&[u8]) -> T,
) -> Result<T, Error> {
    let peer = agreement::UnparsedPublicKey::new(private.algorithm(), peer);
    agreement::agree_ephemeral(private, &peer, derive).map_err(|_| NO_POINT)
}

/// What is no public key of its group.
pub(super) const NO_POINT: Error =
    Error::PeerIllegalParameter("key_exchange is no point of its group");

impl fmt::Debug for KeyShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyShare")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}
