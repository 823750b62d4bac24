use super::{
    Decrypter, PREMASTER_LEN, PreMasterSecret, PublicKey, conforms, der::rsa_private_key, encrypt,
    premaster,
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
    (KEY, include_bytes!("../../../tests/rsa/2048.encrypted")),
    (
        include_bytes!("../../../tests/rsa/3072.der"),
        include_bytes!("../../../tests/rsa/3072.encrypted"),
    ),
    (
        include_bytes!("../../../tests/rsa/4096.der"),
        include_bytes!("../../../tests/rsa/4096.encrypted"),
    ),
];
const KEY: &[u8] = include_bytes!("../../../tests/rsa/2048.der");
const KEY_IN_PKCS8: &[u8] = include_bytes!("../../../tests/rsa/2048.pkcs8.der");

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
    assert!(Decrypter::of_parts(&[&parts[..7], &[&long]].concat().try_into().unwrap()).is_none());
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
