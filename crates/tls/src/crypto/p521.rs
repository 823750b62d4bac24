//! Key exchange and signatures on P-521, which ring has not: for peers that have nothing else. The crate's
//! arithmetic takes the same time whatever the secret is.

use super::kx;
use crate::error::Error;
use alloc::{boxed::Box, vec::Vec};
use p521::{
    PublicKey, SecretKey,
    ecdh::EphemeralSecret,
    ecdsa::{self, DerSignature, signature::Signer},
    elliptic_curve::{Generate, sec1::ToSec1Point},
    pkcs8::DecodePrivateKey,
};
use rand_core::CryptoRng;

/// Octets of an uncompressed point (RFC 9846 4.3.8.2).
const POINT: usize = 1 + 2 * 66;
const UNCOMPRESSED: u8 = 4;

/// A key pair: its private half, and the key_exchange field.
pub(super) fn generate(random: &mut (dyn CryptoRng + Send)) -> (EphemeralSecret, Vec<u8>) {
    let private = EphemeralSecret::generate_from_rng(random);
    let public = private.public_key().to_sec1_point(false);
    (private, public.as_bytes().to_vec())
}

/// The secret that is shared with `peer`: the x-coordinate.
pub(super) fn agree<T>(
    private: &EphemeralSecret,
    peer: &[u8],
    derive: impl FnOnce(&[u8]) -> T,
) -> Result<T, Error> {
    if peer.len() != POINT || peer[0] != UNCOMPRESSED {
        return Err(kx::NO_POINT);
    }
    let peer = PublicKey::from_sec1_bytes(peer).map_err(|_| kx::NO_POINT)?;
    Ok(derive(private.diffie_hellman(&peer).raw_secret_bytes()))
}

/// A private key that signs with SHA-512. It is cleared when it goes.
pub(crate) struct SigningKey {
    key: ecdsa::SigningKey,
    public: Box<[u8]>,
}

impl SigningKey {
    /// Reads a PKCS#8 key; one that holds its public half too has to hold the right one.
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, Error> {
        let key = SecretKey::from_pkcs8_der(der).map_err(|_| Error::MisuseKey)?;
        let public = key.public_key().to_sec1_point(false);
        Ok(Self {
            public: public.as_bytes().into(),
            key: ecdsa::SigningKey::from(&key),
        })
    }

    /// The public half as an uncompressed point.
    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }

    /// Signs, with a nonce that key and message fix (RFC 6979).
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature: DerSignature = self
            .key
            .try_sign(message)
            .map_err(|_| Error::CryptoFailed)?;
        Ok(signature.as_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::{POINT, SigningKey, agree, generate, kx};
    use crate::error::Error;
    use getrandom::SysRng;
    use rand_core::UnwrapErr;

    /// Made by `openssl genpkey` for this test.
    const KEY: &[u8] = include_bytes!("../../tests/p521.pkcs8.der");

    #[test]
    fn what_the_private_half_signs_the_public_half_verifies() {
        use p521::ecdsa::{DerSignature, VerifyingKey, signature::Verifier};
        let key = SigningKey::from_pkcs8(KEY).unwrap();
        let public = VerifyingKey::from_sec1_bytes(key.public()).unwrap();
        let signature = DerSignature::from_bytes(&key.sign(b"message").unwrap()).unwrap();
        assert!(public.verify(b"message", &signature).is_ok());
        assert!(public.verify(b"Message", &signature).is_err());
        assert!(KEY.ends_with(key.public()));
    }

    #[test]
    fn halves_that_are_no_pair_are_no_key() {
        for cut in 0..KEY.len() {
            assert_eq!(
                SigningKey::from_pkcs8(&KEY[..cut]).err(),
                Some(Error::MisuseKey)
            );
        }
        let mut other = KEY.to_vec();
        *other.last_mut().unwrap() ^= 1;
        assert_eq!(SigningKey::from_pkcs8(&other).err(), Some(Error::MisuseKey));
    }

    #[test]
    fn two_agree_on_the_same_and_on_uncompressed_points_of_the_curve_alone() {
        let (ours, our_point) = generate(&mut UnwrapErr(SysRng));
        let (theirs, their_point) = generate(&mut UnwrapErr(SysRng));
        let secret = agree(&ours, &their_point, <[u8]>::to_vec).unwrap();
        assert_eq!(
            agree(&theirs, &our_point, <[u8]>::to_vec),
            Ok(secret.clone())
        );
        assert_eq!((secret.len(), our_point.len()), (66, POINT));
        let mut off = their_point.clone();
        off[POINT - 1] ^= 1;
        let mut compressed = their_point[..67].to_vec();
        compressed[0] = 2 + (their_point[POINT - 1] & 1);
        for wrong in [&off[..], &compressed, &their_point[1..], &[]] {
            assert_eq!(agree(&ours, wrong, |_| ()), Err(kx::NO_POINT));
        }
    }
}
