//! Key exchange on P-521, which ring has not: for peers that have nothing else.

use super::kx;
use crate::error::Error;
use alloc::vec::Vec;
use p521::{
    PublicKey,
    ecdh::EphemeralSecret,
    elliptic_curve::{Generate, sec1::ToSec1Point},
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

#[cfg(test)]
mod tests {
    use super::{POINT, agree, generate, kx};
    use getrandom::SysRng;
    use rand_core::UnwrapErr;

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
