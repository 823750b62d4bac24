//! RSA keys for development certificates: neither ring nor rcgen on ring makes any.

use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero};
use crypto_primes::Flavor;
use netkit::PrivateKeyDer;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use x509_cert::der::{Encode, Result, Tag};

/// Bits of the modulus.
const BITS: u32 = 2048;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Draws a key of [`BITS`] bits with the public exponent 65537, in PKCS #8 (RFC 5208).
pub(crate) fn generate() -> Result<PrivateKeyDer<'static>> {
    let mut random = rand_core::UnwrapErr(getrandom::SysRng);
    let mut prime =
        || -> BoxedUint { crypto_primes::random_prime(&mut random, Flavor::Any, BITS / 2) };
    loop {
        let (p, q) = (prime(), prime());
        if let Some(numbers) = numbers(p, q) {
            let key = private_key_info(&rsa_private_key(&numbers)?)?;
            return Ok(PrivateKeyDer::Pkcs8(key.into()));
        }
    }
}

/// An RSAPrivateKey's numbers after the version (RFC 8017 A.1.2), unless the primes do not suit: the
/// exponent needs an inverse, and the modulus all its bits.
#[expect(clippy::many_single_char_names, reason = "the names of RFC 8017")]
fn numbers(p: BoxedUint, q: BoxedUint) -> Option<[BoxedUint; 8]> {
    let n = p.concatenating_mul(&q);
    if p == q || n.bit_width() != BITS {
        return None;
    }
    let e = BoxedUint::from_be_slice(&[1, 0, 1], BITS / 2).ok()?;
    let one = BoxedUint::one_with_precision(BITS / 2);
    let less_one = |prime: &BoxedUint| NonZero::new(prime.wrapping_sub(&one)).into_option();
    let (p_1, q_1) = (less_one(&p)?, less_one(&q)?);
    // Any multiple of the least common one does (RFC 8017 3.2).
    let phi = NonZero::new(p_1.concatenating_mul(q_1.as_ref())).into_option()?;
    let wide_e = BoxedUint::from_be_slice(&[1, 0, 1], BITS).ok()?;
    let d = wide_e.invert_mod(&phi).into_option()?;
    let d_p = e.invert_mod(&p_1).into_option()?;
    let d_q = e.invert_mod(&q_1).into_option()?;
    let q_inv = q
        .invert_mod(&NonZero::new(p.clone()).into_option()?)
        .into_option()?;
    Some([n, e, d, p, q, d_p, d_q, q_inv])
}

/// RSAPrivateKey of two primes.
fn rsa_private_key(numbers: &[BoxedUint; 8]) -> Result<Vec<u8>> {
    let mut content = UintRef::new(&[0])?.to_der()?;
    for number in numbers {
        content.extend(UintRef::new(&number.to_be_bytes())?.to_der()?);
    }
    AnyRef::new(Tag::Sequence, &content)?.to_der()
}

/// PKCS #8's PrivateKeyInfo around it.
fn private_key_info(key: &[u8]) -> Result<Vec<u8>> {
    let algorithm = [RSA_ENCRYPTION.to_der()?, AnyRef::NULL.to_der()?].concat();
    let content = [
        UintRef::new(&[0])?.to_der()?,
        AnyRef::new(Tag::Sequence, &algorithm)?.to_der()?,
        AnyRef::new(Tag::OctetString, key)?.to_der()?,
    ];
    AnyRef::new(Tag::Sequence, &content.concat())?.to_der()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_good_for_an_identity() {
        use crate::args::KeyType;
        use crate::dev_ca::{DevCa, lasting, names_of};
        let ca = DevCa::new("a CA").unwrap();
        let validity = lasting(std::time::SystemTime::now());
        let signed = ca.sign(&names_of("localhost"), KeyType::Rsa, &validity);
        let signed = signed.unwrap();
        netkit::tls::Identity::new(vec![signed.certificate], &signed.key).unwrap();
    }

    #[test]
    fn primes_that_do_not_suit_are_passed_over() {
        let number = |octets: &[u8]| {
            let mut all = [0; 128];
            all[..octets.len()].copy_from_slice(octets);
            all[127] |= 1;
            BoxedUint::from_be_slice(&all, BITS / 2).unwrap()
        };
        let (small, large) = (number(&[0x80]), number(&[0xff]));
        assert!(numbers(large.clone(), large).is_none());
        assert!(numbers(small, number(&[0x81])).is_none());
    }
}
