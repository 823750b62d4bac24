//! RSA key transport's two operations: a client encrypts the premaster secret for the key of the
//! server's certificate, the server decrypts it (RFC 5246 7.4.7.1; the encryption is
//! RSAES-PKCS1-v1_5, RFC 8017 7.2). ring has neither.
//!
//! Whoever can tell a server's answers to good and bad ciphertexts apart can decrypt recorded
//! sessions (Bleichenbacher 1998, and every few years again). So [`Decrypter::decrypt`] cannot fail
//! and does the same for every ciphertext: it blinds, raises by the Chinese remainder theorem,
//! unblinds, checks the result against the public exponent, looks at every octet of the padding,
//! and chooses, octet by octet, between what it found and a secret that it drew before.

mod der;

use self::der::{private_key_info, rsa_private_key, rsa_public_key};
use crate::{codepoints::ProtocolVersion, error::Error};
use alloc::{vec, vec::Vec};
use core::fmt;
use crypto_bigint::{
    BoxedUint, ConcatenatingMul, Odd,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use rand_core::CryptoRng;
use rustls_pki_types::PrivateKeyDer;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

/// Octets of a premaster secret (RFC 5246 7.4.7.1).
pub const PREMASTER_LEN: usize = 48;

/// The client's version and 46 octets that nobody guesses. Wiped when dropped.
pub type PreMasterSecret = Zeroizing<[u8; PREMASTER_LEN]>;

/// Bits of a private key's modulus: those that ring signs with.
const PRIVATE_BITS: [usize; 3] = [2048, 3072, 4096];

/// Draws a premaster secret for a ClientHello whose client_version is `client_version`.
pub fn premaster(client_version: ProtocolVersion, random: &mut dyn CryptoRng) -> PreMasterSecret {
    let mut premaster = Zeroizing::new([0; PREMASTER_LEN]);
    random.fill_bytes(&mut premaster[..]);
    premaster[..2].copy_from_slice(&client_version.0.to_be_bytes());
    premaster
}

/// Encrypts a premaster secret for `public_key`, the content of an RSA certificate's
/// subjectPublicKey: an RSAPublicKey in DER. The result is as long as the modulus.
///
/// # Errors
/// [`Error::PeerCertificate`] for a key that nobody should encrypt with: not 2048 to 8192 bits, a
/// number of bits that is no multiple of 8, an even modulus, an exponent that is 1, even or longer
/// than 33 bits.
pub fn encrypt(
    public_key: &[u8],
    premaster: &PreMasterSecret,
    random: &mut dyn CryptoRng,
) -> Result<Vec<u8>, Error> {
    use netkit_x509::{Error as Refused, KeyKind};
    let (modulus, exponent) =
        rsa_public_key(public_key).map_err(|_| Error::PeerCertificate(Refused::Malformed))?;
    let key = PublicKey::new(modulus, exponent).ok_or_else(|| {
        let bits = modulus.len() as u32 * 8;
        Error::PeerCertificate(Refused::UnsupportedKey(KeyKind::Rsa { bits }))
    })?;
    // RFC 8017 7.2.1: EM = 0x00 || 0x02 || PS || 0x00 || M, and no octet of PS is zero.
    let mut message = Zeroizing::new(vec![0; key.octets]);
    let (head, secret) = message.split_at_mut(key.octets - PREMASTER_LEN);
    secret.copy_from_slice(&premaster[..]);
    let padding = &mut head[2..key.octets - PREMASTER_LEN - 1];
    random.fill_bytes(padding);
    for octet in padding {
        while *octet == 0 {
            random.fill_bytes(core::slice::from_mut(octet));
        }
    }
    head[1] = 2;
    let encrypted = key.raise(&key.number(&message));
    Ok(key.octet_string(&encrypted).to_vec())
}

/// The modulus and the public exponent.
struct PublicKey {
    modulus: BoxedMontyParams,
    exponent: BoxedUint,
    /// Octets of the modulus: k in RFC 8017.
    octets: usize,
}

impl PublicKey {
    /// A key from the octets of its two numbers, most significant first and without leading zeros.
    fn new(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        use netkit_x509::limits::{MAX_RSA_BITS, MIN_RSA_BITS};
        let bits = modulus.len() as u32 * 8;
        // Moduli of a whole number of octets only, as certificates may have.
        if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) || modulus[0] < 0x80 {
            return None;
        }
        // As ring: an exponent of 33 bits at most, so that nobody makes us work for long.
        let value = match exponent {
            [high, low @ ..] if low.len() < 4 || (low.len() == 4 && *high == 1) => {
                low.iter().fold(u64::from(*high), |value, &octet| {
                    value << 8 | u64::from(octet)
                })
            }
            _ => return None,
        };
        if value < 3 || value % 2 == 0 {
            return None;
        }
        let modulus = odd(modulus, bits)?;
        Some(Self {
            octets: (bits / 8) as usize,
            modulus: BoxedMontyParams::new_vartime(modulus),
            exponent: BoxedUint::from(value),
        })
    }

    /// OS2IP (RFC 8017 4.2) of as many octets as the modulus has, modulo the modulus.
    fn number(&self, octets: &[u8]) -> BoxedMontyForm {
        BoxedMontyForm::new(number(octets, self.modulus.bits_precision()), &self.modulus)
    }

    /// I2OSP (RFC 8017 4.1): as many octets as the modulus has.
    fn octet_string(&self, number: &BoxedMontyForm) -> Zeroizing<Vec<u8>> {
        let number = Zeroizing::new(number.retrieve());
        let octets = Zeroizing::new(number.to_be_bytes());
        Zeroizing::new(octets[octets.len() - self.octets..].to_vec())
    }

    /// RSAEP (RFC 8017 5.1.1): the `number` to the power of the public exponent.
    fn raise(&self, number: &BoxedMontyForm) -> BoxedMontyForm {
        number.pow_bounded_exp(&self.exponent, self.exponent.bit_width())
    }
}

/// One of the modulus's two primes, with the private exponent modulo the prime less one.
struct Prime {
    modulus: BoxedMontyParams,
    exponent: Zeroizing<BoxedUint>,
    /// 2 to the power of the prime's bits, to reduce numbers that have twice as many.
    shift: Zeroizing<BoxedMontyForm>,
}

impl Prime {
    fn new(prime: &[u8], exponent: &[u8], bits: u32) -> Option<Self> {
        if prime.len() as u32 * 8 != bits || prime[0] < 0x80 || exponent.len() > prime.len() {
            return None;
        }
        let modulus = BoxedMontyParams::new(odd(prime, bits)?);
        // One in Montgomery form is that power of 2, reduced.
        let one = BoxedMontyForm::one(&modulus);
        Some(Self {
            exponent: Zeroizing::new(number(exponent, bits)),
            shift: Zeroizing::new(BoxedMontyForm::new(one.to_montgomery(), &modulus)),
            modulus,
        })
    }

    /// `number`, which is below the modulus, modulo the prime.
    fn reduce(&self, number: &BoxedUint) -> BoxedMontyForm {
        let words = number.as_words();
        let (low, high) = words.split_at(words.len() / 2);
        let half = |words: &[_]| {
            BoxedMontyForm::new(BoxedUint::from_words(words.iter().copied()), &self.modulus)
        };
        half(low).add(&half(high).mul(&self.shift))
    }

    /// `number` to the power of the private exponent, modulo the prime.
    fn raise(&self, number: &BoxedUint) -> Zeroizing<BoxedMontyForm> {
        Zeroizing::new(self.reduce(number).pow(&self.exponent))
    }
}

/// An RSA private key that decrypts premaster secrets. Shows nothing in `Debug`.
pub struct Decrypter {
    public: PublicKey,
    p: Prime,
    q: Prime,
    /// The inverse of q modulo p.
    coefficient: Zeroizing<BoxedMontyForm>,
}

impl Decrypter {
    /// Takes a private key of 2048, 3072 or 4096 bits with two primes of the same length, in
    /// PKCS#1 or PKCS#8, and tries it.
    ///
    /// # Errors
    /// [`Error::MisuseKey`] for any other key, and for one whose parts do not belong together.
    pub fn new(key: &PrivateKeyDer<'_>) -> Result<Self, Error> {
        let parts = match key {
            PrivateKeyDer::Pkcs1(key) => rsa_private_key(key.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(key) => {
                private_key_info(key.secret_pkcs8_der()).and_then(rsa_private_key)
            }
            _ => return Err(Error::MisuseKey),
        };
        parts
            .ok()
            .and_then(|parts| Self::of_parts(&parts))
            .filter(Self::works)
            .ok_or(Error::MisuseKey)
    }

    /// RFC 8017 A.1.2's numbers, in its order.
    fn of_parts(parts: &[&[u8]; 8]) -> Option<Self> {
        let [n, e, _d, p, q, d_p, d_q, q_inv] = parts;
        if !PRIVATE_BITS.contains(&(n.len() * 8)) {
            return None;
        }
        let half = n.len() as u32 * 4;
        let (p, q) = (Prime::new(p, d_p, half)?, Prime::new(q, d_q, half)?);
        if q_inv.len() as u32 * 8 > half {
            return None;
        }
        Some(Self {
            public: PublicKey::new(n, e)?,
            coefficient: Zeroizing::new(BoxedMontyForm::new(number(q_inv, half), &p.modulus)),
            p,
            q,
        })
    }

    /// Whether the private half undoes the public one.
    fn works(&self) -> bool {
        // A number larger than both primes: a small one would not need the coefficient.
        let number = BoxedMontyForm::one(&self.public.modulus).double().neg();
        self.raise(&self.public.raise(&number)) == number
    }

    /// RSADP (RFC 8017 5.1.2 (b)): `number` to the power of the private exponent.
    fn raise(&self, number: &BoxedMontyForm) -> BoxedMontyForm {
        let number = Zeroizing::new(number.retrieve());
        let (m_1, m_2) = (self.p.raise(&number), self.q.raise(&number));
        let m_2 = Zeroizing::new(m_2.retrieve());
        let m_2_mod_p = Zeroizing::new(BoxedMontyForm::new((*m_2).clone(), &self.p.modulus));
        let h = Zeroizing::new(m_1.sub(&m_2_mod_p).mul(&self.coefficient).retrieve());
        // h < p and m_2 < q: the sum is below the modulus.
        let mut m = h.concatenating_mul(self.q.modulus.modulus().as_ref());
        m.wrapping_add_assign(&*m_2);
        BoxedMontyForm::new(m, &self.public.modulus)
    }

    /// Decrypts an EncryptedPreMasterSecret that came after a ClientHello with `client_version`. On
    /// any fault (the ciphertext's length or value, the padding, the secret's length or version)
    /// the result is a random secret, and nothing else tells the difference (RFC 5246 7.4.7.1).
    pub fn decrypt(
        &self,
        encrypted: &[u8],
        client_version: ProtocolVersion,
        random: &mut dyn CryptoRng,
    ) -> PreMasterSecret {
        let mut premaster = Zeroizing::new([0; PREMASTER_LEN]);
        random.fill_bytes(&mut premaster[..]);
        let k = self.public.octets;
        let mut ciphertext = vec![0; k];
        let taken = encrypted.len().min(k);
        ciphertext[k - taken..].copy_from_slice(&encrypted[..taken]);
        let (message, sound) = self.decrypt_blinded(&ciphertext, random);

        let good = sound & encrypted.len().ct_eq(&k) & conforms(&message, client_version);
        for (octet, found) in premaster.iter_mut().zip(&message[k - PREMASTER_LEN..]) {
            octet.conditional_assign(found, good);
        }
        premaster
    }

    /// The encoded message in `ciphertext`, which is as long as the modulus, and whether encrypting
    /// the one gives the other: it does not if the ciphertext is not below the modulus, or if the
    /// computation went wrong and its result would tell the primes.
    fn decrypt_blinded(
        &self,
        ciphertext: &[u8],
        random: &mut dyn CryptoRng,
    ) -> (Zeroizing<Vec<u8>>, Choice) {
        let mut octets = Zeroizing::new(vec![0; ciphertext.len()]);
        random.fill_bytes(&mut octets);
        let blind = Zeroizing::new(self.public.number(&octets));
        // One number in 2^1023 has no inverse; what is unblinded with another is not sound.
        let one = BoxedMontyForm::one(&self.public.modulus);
        let unblind = Zeroizing::new(blind.invert().unwrap_or(one));
        let blinded = self
            .public
            .number(ciphertext)
            .mul(&self.public.raise(&blind));
        let message = Zeroizing::new(self.raise(&blinded).mul(&unblind));
        let again = self.public.octet_string(&self.public.raise(&message));
        let sound = again.ct_eq(ciphertext);
        (self.public.octet_string(&message), sound)
    }
}

impl fmt::Debug for Decrypter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decrypter(..)")
    }
}

/// Whether an encoded message is padding (RFC 8017 7.2.2) around a premaster secret of the right
/// length and version. The length settles where the padding ends.
fn conforms(message: &[u8], client_version: ProtocolVersion) -> Choice {
    let (head, secret) = message.split_at(message.len() - PREMASTER_LEN);
    let (padding, zero) = head[2..].split_at(head.len() - 3);
    let padded = padding
        .iter()
        .fold(Choice::from(1), |so_far, octet| so_far & !octet.ct_eq(&0));
    head[..2].ct_eq(&[0, 2])
        & padded
        & zero.ct_eq(&[0])
        & secret[..2].ct_eq(&client_version.0.to_be_bytes())
}

/// A number of at most `bits` bits.
fn number(octets: &[u8], bits: u32) -> BoxedUint {
    BoxedUint::from_be_slice(octets, bits).expect("the caller compares the lengths")
}

/// An odd number of at most `bits` bits.
fn odd(octets: &[u8], bits: u32) -> Option<Odd<BoxedUint>> {
    number(octets, bits).into_odd().into_option()
}

#[cfg(test)]
mod tests;
