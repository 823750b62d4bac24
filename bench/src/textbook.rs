//! RSA decryption of premaster secrets as textbooks have it: it stops at the first fault. It leaks on
//! purpose, to show that the timing test would see a leak.

use crypto_bigint::{
    BoxedUint, ConcatenatingMul, NonZero, Odd,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use netkit_core::Reader;
use netkit_tls::CryptoRng;
use std::hint::black_box;

/// Bits of the modulus.
const BITS: u32 = 2048;
/// Octets of the modulus.
pub const OCTETS: usize = 256;

/// A private key of [`BITS`] bits.
pub struct Textbook {
    n: BoxedMontyParams,
    e: BoxedUint,
    p: BoxedMontyParams,
    q: BoxedMontyParams,
    d_p: BoxedUint,
    d_q: BoxedUint,
    coefficient: BoxedMontyForm,
}

impl Textbook {
    /// Reads an RSAPrivateKey (RFC 8017 A.1.2) in DER.
    pub fn new(pkcs1: &[u8]) -> Self {
        let mut reader = Reader::new(pkcs1);
        reader.bytes(4).expect("a SEQUENCE");
        let mut next = |bits| {
            let octets = integer(&mut reader);
            let zeros = octets.iter().take_while(|&&octet| octet == 0).count();
            BoxedUint::from_be_slice(&octets[zeros..], bits).expect("a key of 2048 bits")
        };
        let modulus = |number: BoxedUint| {
            let odd: Odd<BoxedUint> = number.into_odd().into_option().expect("odd");
            BoxedMontyParams::new(odd)
        };
        next(8); // version
        let (n, e) = (modulus(next(BITS)), next(64));
        next(BITS); // d
        let (p, q) = (modulus(next(BITS / 2)), modulus(next(BITS / 2)));
        let (d_p, d_q) = (next(BITS / 2), next(BITS / 2));
        let coefficient = BoxedMontyForm::new(next(BITS / 2), &p);
        Self {
            n,
            e,
            p,
            q,
            d_p,
            d_q,
            coefficient,
        }
    }

    /// RSAEP of an encoded message.
    pub fn encrypt(&self, message: &[u8; OCTETS]) -> Box<[u8]> {
        self.raise(message).to_be_bytes()
    }

    fn raise(&self, octets: &[u8]) -> BoxedUint {
        let number = BoxedUint::from_be_slice(octets, BITS).expect("256 octets");
        BoxedMontyForm::new(number, &self.n).pow(&self.e).retrieve()
    }

    /// Decrypts. After a fault a line for the log is made, and then a random secret.
    pub fn decrypt(&self, encrypted: &[u8], random: &mut dyn CryptoRng) -> [u8; 48] {
        self.premaster(encrypted).unwrap_or_else(|fault| {
            black_box(format!("RSA decryption failed: {fault}"));
            let mut premaster = [0; 48];
            random.fill_bytes(&mut premaster);
            premaster
        })
    }

    fn premaster(&self, encrypted: &[u8]) -> Result<[u8; 48], String> {
        let message = self.rsadp(encrypted);
        let Some(padded) = message.strip_prefix(&[0, 2]) else {
            return Err("no padding".to_owned());
        };
        let end = padded.iter().position(|&octet| octet == 0);
        let found = &padded[end.map_or(padded.len(), |end| end + 1)..];
        let premaster = <[u8; 48]>::try_from(found)
            .map_err(|_| format!("{} octets in {message:02x?}", found.len()))?;
        if self.raise(&message).to_be_bytes()[..] != *encrypted {
            return Err("it cannot be undone".to_owned());
        }
        match premaster {
            [3, 3, ..] => Ok(premaster),
            [major, minor, ..] => Err(format!("version {major}.{minor} in {message:02x?}")),
        }
    }

    /// RSADP (RFC 8017 5.1.2), by the Chinese remainder theorem and without blinding.
    fn rsadp(&self, encrypted: &[u8]) -> Box<[u8]> {
        let c = BoxedUint::from_be_slice(encrypted, BITS).expect("256 octets");
        let power = |prime: &BoxedMontyParams, exponent: &BoxedUint| {
            let modulus: &NonZero<BoxedUint> = prime.modulus().as_nz_ref();
            BoxedMontyForm::new(c.rem(modulus), prime).pow(exponent)
        };
        let (m_1, m_2) = (
            power(&self.p, &self.d_p),
            power(&self.q, &self.d_q).retrieve(),
        );
        let h = m_1.sub(&BoxedMontyForm::new(m_2.clone(), &self.p));
        let h = h.mul(&self.coefficient).retrieve();
        let mut m = h.concatenating_mul(self.q.modulus().as_ref());
        m.wrapping_add_assign(&m_2);
        m.to_be_bytes()
    }
}

/// The content of an INTEGER.
fn integer<'a>(reader: &mut Reader<'a>) -> &'a [u8] {
    assert_eq!(reader.u8(), Ok(2), "an INTEGER");
    let length = match reader.u8().expect("a length") {
        0x81 => usize::from(reader.u8().expect("a length")),
        0x82 => usize::from(reader.u16().expect("a length")),
        short => usize::from(short),
    };
    reader.bytes(length).expect("a key in DER")
}
