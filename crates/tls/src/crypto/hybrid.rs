//! X25519MLKEM768: ML-KEM-768 (FIPS 203) beside X25519, so that whoever records today and has a quantum
//! computer tomorrow still has to break X25519's partner (draft-ietf-tls-ecdhe-mlkem).
//!
//! In every field and in the secret ML-KEM's part stands first.

use super::kx;
use crate::error::Error;
use alloc::{boxed::Box, vec::Vec};
use ml_kem::{
    DecapsulationKey, EncapsulationKey, KeyExport, MlKem768,
    kem::{Decapsulate, Encapsulate, Kem},
};
use rand_core::CryptoRng;
use ring::agreement::{EphemeralPrivateKey, X25519};
use zeroize::Zeroizing;

/// Octets of an encapsulation key.
const ENCAPSULATION_KEY: usize = 1184;
/// Octets of a ciphertext.
const CIPHERTEXT: usize = 1088;
/// Octets of each of the two secrets.
const SECRET: usize = 32;

/// The private half of a client's share.
pub(super) struct Private {
    ml_kem: Box<DecapsulationKey<MlKem768>>,
    x25519: EphemeralPrivateKey,
}

/// A client's share: its private half, and the key_exchange field.
pub(super) fn generate(random: &mut (dyn CryptoRng + Send)) -> Result<(Private, Vec<u8>), Error> {
    let (ml_kem, encapsulation_key) = MlKem768::generate_keypair_from_rng(&mut { random });
    let (x25519, point) = kx::generate(&X25519)?;
    let mut public = encapsulation_key.to_bytes().to_vec();
    public.extend(point);
    let ml_kem = Box::new(ml_kem);
    Ok((Private { ml_kem, x25519 }, public))
}

/// A client's secret, from the server's key_exchange field.
pub(super) fn agree<T>(
    private: Private,
    peer: &[u8],
    derive: impl FnOnce(&[u8]) -> T,
) -> Result<T, Error> {
    let (ciphertext, point) = peer.split_at_checked(CIPHERTEXT).ok_or(kx::NO_POINT)?;
    // FIPS 203 6.3: a forged ciphertext gives another secret, not an error.
    let secret = private.ml_kem.decapsulate_slice(ciphertext);
    let secret = Zeroizing::new(secret.map_err(|_| kx::NO_POINT)?);
    joined(private.x25519, point, &secret, derive)
}

/// A server's key_exchange field and secret, from the client's field.
pub(super) fn answer<T>(
    peer: &[u8],
    random: &mut (dyn CryptoRng + Send),
    derive: impl FnOnce(&[u8]) -> T,
) -> Result<(Vec<u8>, T), Error> {
    let (key, point) = peer
        .split_at_checked(ENCAPSULATION_KEY)
        .ok_or(kx::NO_POINT)?;
    // FIPS 203 7.2: a key with coefficients out of range is refused.
    let key = key.try_into().map_err(|_| kx::NO_POINT)?;
    let key = EncapsulationKey::<MlKem768>::new(key).map_err(|_| kx::NO_POINT)?;
    let (ciphertext, secret) = key.encapsulate_with_rng(&mut { random });
    let secret = Zeroizing::new(secret);
    let (x25519, ours) = kx::generate(&X25519)?;
    let mut public = ciphertext.to_vec();
    public.extend(ours);
    Ok((public, joined(x25519, point, &secret, derive)?))
}

/// Puts X25519's secret behind ML-KEM's.
fn joined<T>(
    x25519: EphemeralPrivateKey,
    point: &[u8],
    ml_kem: &[u8],
    derive: impl FnOnce(&[u8]) -> T,
) -> Result<T, Error> {
    let mut secret = Zeroizing::new([0; 2 * SECRET]);
    let (first, second) = secret.split_at_mut(SECRET);
    first.copy_from_slice(ml_kem);
    kx::agree(x25519, point, |shared| second.copy_from_slice(shared))?;
    Ok(derive(&*secret))
}

#[cfg(test)]
mod tests {
    use crate::{codepoints::NamedGroup, crypto::kx::KeyShare, error::Error};
    use alloc::{vec, vec::Vec};

    const GROUP: NamedGroup = NamedGroup::X25519MLKEM768;

    fn random() -> impl rand_core::CryptoRng + Send {
        rand_core::UnwrapErr(getrandom::SysRng)
    }

    #[test]
    fn both_sides_share_64_octets_and_the_fields_have_the_published_lengths() {
        let share = KeyShare::generate(GROUP, &mut random()).unwrap();
        assert_eq!(share.public().len(), 1216);
        let (field, theirs) =
            KeyShare::answer(GROUP, share.public(), &mut random(), <[u8]>::to_vec).unwrap();
        assert_eq!((field.len(), theirs.len()), (1120, 64));
        assert_eq!(share.agree(&field, <[u8]>::to_vec), Ok(theirs));
    }

    #[test]
    fn each_half_counts_and_broken_ones_are_refused() {
        let refused = Error::PeerIllegalParameter("key_exchange is no point of its group");
        let answer = |field: &[u8]| KeyShare::answer(GROUP, field, &mut random(), <[u8]>::to_vec);
        let client = || KeyShare::generate(GROUP, &mut random()).unwrap();
        let field = client().public().to_vec();
        for length in [0, 32, 1184, 1215] {
            assert_eq!(answer(&field[..length]).map(drop), Err(refused), "{length}");
        }
        assert_eq!(answer(&[&field[..], &[0]].concat()).map(drop), Err(refused));
        let mut zero_point = field.clone();
        zero_point[1184..].fill(0);
        assert_eq!(answer(&zero_point).map(drop), Err(refused));
        // A coefficient of 4095 is not below 3329.
        let mut out_of_range = field;
        out_of_range[..2].fill(0xff);
        assert_eq!(answer(&out_of_range).map(drop), Err(refused));

        let hears = |change: fn(&mut Vec<u8>)| {
            let share = client();
            let (mut field, theirs) = answer(share.public()).unwrap();
            change(&mut field);
            share.agree(&field, |ours| ours == theirs)
        };
        assert_eq!(hears(|_| ()), Ok(true));
        assert_eq!(hears(|field| field[0] ^= 1), Ok(false), "another secret");
        assert_eq!(hears(|field| *field.last_mut().unwrap() ^= 1), Ok(false));
        assert_eq!(hears(|field| *field = vec![0; 1119]), Err(refused));
        assert_eq!(hears(|field| field[1088..].fill(0)), Err(refused));
    }
}
