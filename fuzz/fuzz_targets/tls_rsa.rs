//! Keys from anyone, to encrypt a premaster secret for and as a private key; and a ciphertext from
//! anyone, which yields the secret that was drawn before.

#![no_main]

use getrandom::{SysRng, rand_core::UnwrapErr};
use libfuzzer_sys::fuzz_target;
use netkit_tls::{
    Error, PrivateKeyDer, ProtocolVersion,
    rsa::{Decrypter, encrypt, premaster},
};
use std::sync::LazyLock;

const KEY: &[u8] = include_bytes!("../../crates/tls/tests/rsa/2048.der");
const VERSION: ProtocolVersion = ProtocolVersion::TLS1_2;

static DECRYPTER: LazyLock<Decrypter> =
    LazyLock::new(|| Decrypter::new(&PrivateKeyDer::Pkcs1(KEY.into())).expect("a key"));

fuzz_target!(|octets: &[u8]| {
    let mut random = UnwrapErr(SysRng);
    let secret = premaster(VERSION, &mut random);
    if let Ok(encrypted) = encrypt(octets, &secret, &mut random) {
        assert!((256..=1024).contains(&encrypted.len()) && octets.len() > encrypted.len());
    }
    for key in [
        PrivateKeyDer::Pkcs1(octets.into()),
        PrivateKeyDer::Pkcs8(octets.into()),
    ] {
        match Decrypter::new(&key) {
            Ok(_) => assert!(octets.len() > 1024, "eight numbers"),
            Err(error) => assert_eq!(error, Error::MisuseKey),
        }
    }
    // Nobody can make a ciphertext without encrypting, but for one in 2^64 or so.
    let found = DECRYPTER.decrypt(octets, VERSION, &mut random);
    let again = DECRYPTER.decrypt(octets, VERSION, &mut random);
    assert!(found != again, "the same secret twice");
});
