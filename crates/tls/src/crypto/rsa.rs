//! RSA key transport's two operations: a client encrypts the premaster secret for the key of the
//! server's certificate, the server decrypts it (RFC 5246 7.4.7.1; the encryption is
//! RSAES-PKCS1-v1_5, RFC 8017 7.2). ring has neither.
//!
//! Whoever can tell a server's answers to good and bad ciphertexts apart can decrypt recorded
//! sessions (Bleichenbacher 1998, and every few years again). So [`Decrypter::decrypt`] cannot fail
//! and does the same for every ciphertext: it blinds, raises by the Chinese remainder theorem,
//! unblinds, checks the result against the public exponent, looks at every octet of the padding,
//! and chooses, octet by octet, between what it found and a secret that it drew before.

use crate::{codepoints::ProtocolVersion, error::Error};
use alloc::{vec, vec::Vec};
use core::fmt;
use crypto_bigint::{
    BoxedUint, ConcatenatingMul, Odd,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use netkit_core::{ReadError, Reader};
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

/// Octets that are not the DER that was expected.
struct NotDer;

impl From<ReadError> for NotDer {
    fn from(_: ReadError) -> Self {
        Self
    }
}

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// RSAPublicKey (RFC 8017 A.1.1): modulus and publicExponent.
fn rsa_public_key(der: &[u8]) -> Result<(&[u8], &[u8]), NotDer> {
    let content = Reader::whole(der, |reader| element(reader, SEQUENCE))?;
    Reader::whole(content, |reader| Ok((unsigned(reader)?, unsigned(reader)?)))
}

/// RSAPrivateKey (RFC 8017 A.1.2) of two primes: all its numbers after the version.
fn rsa_private_key(der: &[u8]) -> Result<[&[u8]; 8], NotDer> {
    let content = Reader::whole(der, |reader| element(reader, SEQUENCE))?;
    Reader::whole(content, |reader| {
        expect(reader, &[INTEGER, 1, 0])?;
        let mut parts = [&[][..]; 8];
        for part in &mut parts {
            *part = unsigned(reader)?;
        }
        Ok(parts)
    })
}

/// PKCS#8's PrivateKeyInfo (RFC 5208 5) of an RSA key: its privateKey.
fn private_key_info(der: &[u8]) -> Result<&[u8], NotDer> {
    /// AlgorithmIdentifier { rsaEncryption, NULL }.
    const RSA_ENCRYPTION: &[u8] = &[
        0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    ];
    let mut reader = Reader::new(Reader::whole(der, |reader| element(reader, SEQUENCE))?);
    expect(&mut reader, &[INTEGER, 1, 0])?;
    expect(&mut reader, RSA_ENCRYPTION)?;
    // Attributes may follow.
    element(&mut reader, OCTET_STRING)
}

/// The content of an element with that tag.
fn element<'a>(reader: &mut Reader<'a>, tag: u8) -> Result<&'a [u8], NotDer> {
    expect(reader, &[tag])?;
    let length = match reader.u8()? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(reader.u8()?),
        0x82 => usize::from(reader.u16()?),
        _ => return Err(NotDer),
    };
    Ok(reader.bytes(length)?)
}

/// An INTEGER that is not negative, without leading zeros.
fn unsigned<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], NotDer> {
    match element(reader, INTEGER)? {
        [0, octets @ ..] if octets.first() >= Some(&0x80) => Ok(octets),
        octets @ [0x01..=0x7f, ..] => Ok(octets),
        _ => Err(NotDer),
    }
}

fn expect(reader: &mut Reader<'_>, octets: &[u8]) -> Result<(), NotDer> {
    if reader.bytes(octets.len())? == octets {
        Ok(())
    } else {
        Err(NotDer)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Decrypter, PREMASTER_LEN, PreMasterSecret, PublicKey, conforms, encrypt, premaster,
        rsa_private_key,
    };
    use crate::{codepoints::ProtocolVersion, error::Error};
    use alloc::{format, vec, vec::Vec};
    use core::convert::Infallible;
    use netkit_core::Writer;
    use proptest::prelude::*;
    use rand_core::{TryCryptoRng, TryRng};
    use rustls_pki_types::PrivateKeyDer;
    use zeroize::Zeroizing;

    const VERSION: ProtocolVersion = ProtocolVersion::TLS1_2;

    /// Keys of `openssl genrsa -traditional BITS`, and what `openssl pkeyutl -encrypt -pkeyopt
    /// rsa_padding_mode:pkcs1` made of the premaster secret 3, 3, 0, 1, 2 .. 45.
    const OPENSSL: [(&[u8], &[u8]); 3] = [
        (KEY, include_bytes!("../../tests/rsa/2048.encrypted")),
        (
            include_bytes!("../../tests/rsa/3072.der"),
            include_bytes!("../../tests/rsa/3072.encrypted"),
        ),
        (
            include_bytes!("../../tests/rsa/4096.der"),
            include_bytes!("../../tests/rsa/4096.encrypted"),
        ),
    ];
    const KEY: &[u8] = include_bytes!("../../tests/rsa/2048.der");
    const KEY_IN_PKCS8: &[u8] = include_bytes!("../../tests/rsa/2048.pkcs8.der");

    /// Counts: what is drawn first is known.
    struct Counting(u8);

    impl TryRng for Counting {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            unreachable!("octets are drawn")
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            unreachable!("octets are drawn")
        }

        fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
            for octet in octets {
                *octet = self.0;
                self.0 = self.0.wrapping_add(1);
            }
            Ok(())
        }
    }

    impl TryCryptoRng for Counting {}

    fn pkcs1(key: &[u8]) -> PrivateKeyDer<'_> {
        PrivateKeyDer::Pkcs1(key.into())
    }

    fn decrypter(key: &[u8]) -> Decrypter {
        Decrypter::new(&pkcs1(key)).unwrap()
    }

    /// The first 48 octets that [`Counting`] gives.
    fn drawn() -> PreMasterSecret {
        Zeroizing::new(core::array::from_fn(|at| at as u8))
    }

    fn good() -> PreMasterSecret {
        premaster(VERSION, &mut Counting(100))
    }

    /// RSAPublicKey of two numbers, most significant octet first.
    fn public_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
        let integer = |out: &mut Vec<u8>, octets: &[u8]| {
            let zero = octets.first().is_none_or(|&high| high >= 0x80);
            out.bytes(&[2, 0x82]);
            out.u16(octets.len() as u16 + u16::from(zero));
            out.bytes(&[0][..usize::from(zero)]);
            out.bytes(octets);
        };
        let mut content = Vec::new();
        integer(&mut content, modulus);
        integer(&mut content, exponent);
        let mut key = vec![0x30, 0x82];
        key.u16(content.len() as u16);
        key.bytes(&content);
        key
    }

    fn public_half(key: &[u8]) -> Vec<u8> {
        let [modulus, exponent, ..] = rsa_private_key(key).ok().unwrap();
        public_key(modulus, exponent)
    }

    /// EM around `secret`, with a padding of ones.
    fn encoded(octets: usize, secret: &[u8]) -> Vec<u8> {
        let mut message = vec![1; octets - secret.len()];
        let zero = message.len() - 1;
        (message[0], message[1], message[zero]) = (0, 2, 0);
        message.extend(secret);
        message
    }

    /// RSAEP of any octets.
    fn raised(key: &PublicKey, message: &[u8]) -> Vec<u8> {
        key.octet_string(&key.raise(&key.number(message))).to_vec()
    }

    #[test]
    fn decrypts_what_openssl_encrypted() {
        let mut secret = [3; PREMASTER_LEN];
        for (at, octet) in secret[2..].iter_mut().enumerate() {
            *octet = at as u8;
        }
        for (key, encrypted) in OPENSSL {
            let found = decrypter(key).decrypt(encrypted, VERSION, &mut Counting(9));
            assert_eq!(*found, secret, "{} octets", encrypted.len());
        }
        let key = Decrypter::new(&PrivateKeyDer::Pkcs8(KEY_IN_PKCS8.into())).unwrap();
        assert_eq!(
            *key.decrypt(OPENSSL[0].1, VERSION, &mut Counting(9)),
            secret
        );
    }

    #[test]
    fn decrypts_what_it_encrypted_with_other_padding_each_time() {
        for (key, _) in OPENSSL {
            let (private, public) = (decrypter(key), public_half(key));
            let mut random = Counting(250);
            let first = encrypt(&public, &good(), &mut random).unwrap();
            let second = encrypt(&public, &good(), &mut random).unwrap();
            assert_ne!(first, second);
            for encrypted in [first, second] {
                assert_eq!(encrypted.len(), private.public.octets);
                assert_eq!(private.decrypt(&encrypted, VERSION, &mut random), good());
            }
        }
    }

    #[test]
    fn padding_holds_no_zero() {
        let (private, public) = (decrypter(KEY), public_half(KEY));
        // The counter passes zero within the 205 octets of padding.
        let encrypted = encrypt(&public, &good(), &mut Counting(200)).unwrap();
        let (message, _) = private.decrypt_blinded(&encrypted, &mut Counting(7));
        let (head, secret) = message.split_at(256 - PREMASTER_LEN);
        assert_eq!(
            (&head[..2], head[207], secret),
            (&[0, 2][..], 0, &good()[..])
        );
        assert!(head[2..207].iter().all(|&octet| octet != 0), "{head:?}");
        assert_eq!(
            head[2 + 55..][..3],
            [255, 149, 1],
            "the zero was drawn again"
        );
    }

    #[test]
    fn every_fault_gives_the_secret_that_was_drawn_before() {
        let private = decrypter(KEY);
        let (key, secret) = (&private.public, good());
        let message = encoded(256, &secret[..]);
        let with = |at: usize, value: u8| {
            let mut message = message.clone();
            message[at] = value;
            raised(key, &message)
        };
        let fine = with(2, 1);
        let long = [&fine[..], &[0]].concat();
        let modulus = key.modulus.modulus().to_be_bytes();
        let faults: [(&str, &[u8]); 14] = [
            ("first octet", &with(0, 1)),
            ("block type 1", &with(1, 1)),
            ("block type 0", &with(1, 0)),
            ("padding of no octets", &with(2, 0)),
            ("padding of 7 octets", &with(9, 0)),
            ("a secret of 49 octets", &with(206, 0)),
            (
                "a secret of 47 octets",
                &raised(key, &encoded(256, &secret[1..])),
            ),
            ("no end of the padding", &with(207, 1)),
            ("version 1.1", &with(209, 2)),
            ("version 2.3", &with(208, 2)),
            ("a ciphertext that is empty", &[]),
            ("a ciphertext that is short", &fine[..255]),
            ("a ciphertext that is long", &long),
            ("the modulus", &modulus),
        ];
        assert_eq!(private.decrypt(&fine, VERSION, &mut Counting(0)), secret);
        for (fault, encrypted) in faults {
            let found = private.decrypt(encrypted, VERSION, &mut Counting(0));
            assert_eq!(found, drawn(), "{fault}");
        }
    }

    /// The number is congruent to a good ciphertext, and yet none.
    #[test]
    fn a_ciphertext_above_the_modulus_is_a_fault() {
        let private = decrypter(KEY);
        let message = encoded(256, &good()[..]);
        // Other padding until ciphertext and modulus together fit the modulus's octets.
        let sum = (1..=255).find_map(|octet| {
            let mut message = message.clone();
            message[2] = octet;
            let fine = super::number(&raised(&private.public, &message), 2048);
            let modulus = private.public.modulus.modulus().as_ref();
            let (sum, carry) = fine.overflowing_add(modulus);
            (!carry.to_bool()).then_some(sum)
        });
        let sum = sum.unwrap().to_be_bytes();
        let (found, sound) = private.decrypt_blinded(&sum, &mut Counting(7));
        assert_eq!(found[256 - PREMASTER_LEN..], good()[..]);
        assert!(!bool::from(sound));
        assert_eq!(private.decrypt(&sum, VERSION, &mut Counting(0)), drawn());
    }

    #[test]
    fn a_key_larger_or_smaller_than_the_ciphertext_gives_the_drawn_secret() {
        for (key, _) in OPENSSL {
            for (other, encrypted) in OPENSSL.iter().filter(|(other, _)| *other != key) {
                let found = decrypter(key).decrypt(encrypted, VERSION, &mut Counting(0));
                assert_eq!(found, drawn(), "{} for {}", other.len(), key.len());
            }
        }
    }

    #[test]
    fn every_octet_of_the_padding_is_looked_at() {
        let fine = encoded(256, &good()[..]);
        let good = |message: &[u8]| bool::from(conforms(message, VERSION));
        for at in 0..256 {
            let mut message = fine.clone();
            for value in [0, 1, 2, 3, 0x80, 0xff] {
                message[at] = value;
                let expected = match at {
                    0 | 207 => value == 0,
                    1 => value == 2,
                    2..=206 => value != 0,
                    208 | 209 => value == 3,
                    _ => true,
                };
                assert_eq!(good(&message), expected, "{value} at {at}");
            }
        }
    }

    #[test]
    fn a_computation_that_went_wrong_gives_the_drawn_secret() {
        let mut damaged = KEY.to_vec();
        let d_p = rsa_private_key(KEY).ok().unwrap()[5];
        let at = d_p.as_ptr() as usize - KEY.as_ptr() as usize;
        damaged[at + 100] ^= 4;
        assert_eq!(
            Decrypter::new(&pkcs1(&damaged)).err(),
            Some(Error::MisuseKey)
        );

        let parts = rsa_private_key(&damaged).ok().unwrap();
        let private = Decrypter::of_parts(&parts).unwrap();
        let found = private.decrypt(OPENSSL[0].1, VERSION, &mut Counting(0));
        assert_eq!(found, drawn());
    }

    #[test]
    fn keys_whose_parts_do_not_belong_together_are_refused() {
        let parts = rsa_private_key(KEY).ok().unwrap();
        let works = |parts: &[&[u8]; 8]| Decrypter::of_parts(parts).is_some_and(|key| key.works());
        assert!(works(&parts));
        for (one, other) in [(3, 4), (5, 6), (3, 7), (4, 7), (0, 3)] {
            let mut parts = parts;
            parts.swap(one, other);
            assert!(!works(&parts), "{one} and {other} in each other's place");
        }
        for part in [0, 3, 4] {
            let mut even = parts[part].to_vec();
            *even.last_mut().unwrap() ^= 1;
            let mut parts = parts;
            parts[part] = &even;
            assert!(Decrypter::of_parts(&parts).is_none(), "part {part} is even");
        }
        let long = [&[1], parts[7]].concat();
        assert!(
            Decrypter::of_parts(&[&parts[..7], &[&long]].concat().try_into().unwrap()).is_none()
        );
        for short in 0..8 {
            let mut parts = parts;
            parts[short] = &parts[short][1..];
            assert!(short == 2 || !works(&parts), "part {short} is short");
            parts[short] = &[];
            assert!(short == 2 || !works(&parts), "part {short} is empty");
        }
    }

    #[test]
    fn what_is_no_rsa_key_is_refused() {
        let refused = |key: PrivateKeyDer<'_>| Decrypter::new(&key).err() == Some(Error::MisuseKey);
        let trailing = [KEY, &[0]].concat();
        assert!(refused(pkcs1(&trailing)));
        assert!(refused(pkcs1(&KEY[..KEY.len() - 1])));
        assert!(refused(pkcs1(&[])));
        assert!(refused(pkcs1(KEY_IN_PKCS8)));
        assert!(refused(PrivateKeyDer::Pkcs8(KEY.into())));
        assert!(refused(PrivateKeyDer::Sec1(KEY.into())));
        let mut other = KEY_IN_PKCS8.to_vec();
        other[19] ^= 1; // the algorithm
        assert!(refused(PrivateKeyDer::Pkcs8(other[..].into())));
    }

    #[test]
    fn nothing_is_encrypted_for_a_hostile_key() {
        use netkit_x509::Error as Refused;
        let [modulus, exponent, ..] = rsa_private_key(KEY).ok().unwrap();
        let mut even = modulus.to_vec();
        even[255] ^= 1;
        let long = vec![0xff; 1025];
        let mut odd_bits = modulus.to_vec();
        odd_bits[0] = 0x7f;
        let hostile: [(&str, &[u8], &[u8]); 12] = [
            ("an even modulus", &even, exponent),
            ("no modulus", &[], exponent),
            ("a modulus of 2040 bits", &long[..255], exponent),
            ("a modulus of 8200 bits", &long, exponent),
            ("a modulus of 2047 bits", &odd_bits, exponent),
            ("two leading zeros", &[&[0, 0], modulus].concat(), exponent),
            ("no exponent", modulus, &[]),
            ("exponent 1", modulus, &[1]),
            ("an even exponent", modulus, &[1, 0, 0]),
            ("an exponent of 34 bits", modulus, &[2, 0, 0, 0, 1]),
            ("an exponent of 40 bits", modulus, &[1, 0, 0, 0, 0, 1]),
            ("an exponent as long as the modulus", modulus, &long[..256]),
        ];
        let unsupported = |bits| {
            let kind = netkit_x509::KeyKind::Rsa { bits };
            Some(Error::PeerCertificate(Refused::UnsupportedKey(kind)))
        };
        let malformed = Some(Error::PeerCertificate(Refused::Malformed));
        let random = &mut Counting(0);
        for (what, modulus, exponent) in hostile {
            let key = public_key(modulus, exponent);
            let refused = encrypt(&key, &good(), random).err();
            let bits = modulus.len() as u32 * 8;
            assert!(
                refused == unsupported(bits) || refused == malformed,
                "{what}"
            );
        }
        let negative = [
            &[0x30, 0x82, 1, 9, 2, 0x82, 1, 0][..],
            modulus,
            &[2, 3, 1, 0, 1],
        ]
        .concat();
        assert_eq!(encrypt(&negative, &good(), random).err(), malformed);
        // DER wants the shortest form.
        let padded = public_key(modulus, &[0, 1, 0, 1]);
        assert_eq!(encrypt(&padded, &good(), random).err(), malformed);
        let mut trailing = public_key(modulus, exponent);
        trailing.push(0);
        assert_eq!(encrypt(&trailing, &good(), random).err(), malformed);

        let largest = public_key(&long[..1024], &[1, 0, 0, 0, 1]);
        let smallest = public_key(modulus, &[3]);
        assert_eq!(
            encrypt(&largest, &good(), random).map(|c| c.len()),
            Ok(1024)
        );
        assert_eq!(
            encrypt(&smallest, &good(), random).map(|c| c.len()),
            Ok(256)
        );
        let uneven = public_key(&long[..257], exponent);
        assert_eq!(encrypt(&uneven, &good(), random).map(|c| c.len()), Ok(257));
    }

    #[test]
    fn an_identity_decrypts_if_its_key_is_rsa() {
        let identity = |key: &rcgen::KeyPair| {
            let params = rcgen::CertificateParams::new(["localhost".into()]).unwrap();
            let chain = vec![params.self_signed(key).unwrap().der().clone()];
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            crate::Identity::new(chain, &key).unwrap()
        };
        let key = PrivateKeyDer::Pkcs8(KEY_IN_PKCS8.into());
        let rsa = rcgen::KeyPair::from_der_and_sign_algo(&key, &rcgen::PKCS_RSA_SHA256).unwrap();
        let rsa = identity(&rsa);
        let found = rsa
            .decrypter()
            .map(|key| key.decrypt(OPENSSL[0].1, VERSION, &mut Counting(9)));
        assert_eq!(
            found,
            Some(decrypter(KEY).decrypt(OPENSSL[0].1, VERSION, &mut Counting(0)))
        );
        let ecdsa = identity(&rcgen::KeyPair::generate().unwrap());
        assert!(ecdsa.decrypter().is_none());
    }

    #[test]
    fn debug_shows_no_number() {
        assert_eq!(format!("{:?}", decrypter(KEY)), "Decrypter(..)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn any_octets_give_the_drawn_secret(
            encrypted in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            let found = decrypter(KEY).decrypt(&encrypted, VERSION, &mut Counting(0));
            prop_assert_eq!(found, drawn());
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_a_key_or_refused(
            (at, value) in (0usize..24, any::<u8>()),
            octets in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut key = public_half(KEY);
            key[at] = value;
            for key in [&key[..], &octets] {
                if let Ok(encrypted) = encrypt(key, &good(), &mut Counting(0)) {
                    prop_assert!(encrypted.len() >= 256);
                }
            }
        }
    }
}
