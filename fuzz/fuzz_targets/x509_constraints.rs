//! Any nameConstraints in a root over any subjectAltName in a leaf, rightly signed: a verdict, the same
//! each time, and a refusal that can be explained.
//!
//! The input is the first extension's content behind a two-octet length, then the second's.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit_core::Reader;
use netkit_x509::{CertificateDer, Error, Inputs, Roots, UnixTime, diagnose};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, IsCa, KeyPair};
use std::{sync::LazyLock, time::Duration};

const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(1_893_456_000));

static KEY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    key.serialize_der()
});

fn key() -> KeyPair {
    KeyPair::try_from(KEY.as_slice()).expect("a key")
}

fn params(arc: u64, content: &[u8]) -> CertificateParams {
    let mut params = CertificateParams::default();
    let extension = CustomExtension::from_oid_content(&[2, 5, 29, arc], content.to_vec());
    params.custom_extensions = vec![extension];
    params
}

fuzz_target!(|input: &[u8]| {
    let mut reader = Reader::new(input);
    let constraints = reader.block_u16().unwrap_or_default();
    let names = reader.rest();
    let mut of_root = params(30, constraints);
    of_root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(of_root, key()).expect("a root");
    let leaf = params(17, names);
    let leaf = leaf.signed_by(&key(), &root).expect("a leaf");

    let mut roots = Roots::new();
    if let Err(error) = roots.add(root.der()) {
        assert!(matches!(
            error,
            Error::InvalidNameConstraints | Error::CertificateTooLong
        ));
        return;
    }
    let chain: [CertificateDer<'_>; 1] = [leaf.der().clone()];
    let verdict = roots.verify(&chain, &Inputs::server(NOW)).map(drop);
    assert_eq!(
        verdict,
        roots.verify(&chain, &Inputs::server(NOW)).map(drop)
    );
    if let Err(error) = verdict {
        let name = "a.example".try_into().expect("a name");
        let text = diagnose(&chain, &roots, &name, NOW, error).to_string();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    }
});
