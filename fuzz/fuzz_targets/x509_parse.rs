//! One certificate from anyone, in every place that takes one: as a root, as an end entity under
//! itself, and for its key.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit_x509::{
    CertificateDer, Error, KeyKind, PublicKey, Roots, ServerName, SignatureAlgorithm, UnixTime,
};
use std::time::Duration;

fuzz_target!(|der: &[u8]| {
    let mut roots = Roots::new();
    let added = roots.add(der);
    let key = PublicKey::of_certificate(der);
    assert_eq!(added, key.map(drop), "one parser, one verdict");
    assert_eq!(roots.len(), usize::from(added.is_ok()));

    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_893_456_000));
    let name = ServerName::try_from("www.a.example").expect("a server name");
    let chain = [CertificateDer::from(der)];
    let trusted = roots.verify_server(&chain, &name, now);
    assert!(added.is_ok() || trusted.is_err());
    assert!(Roots::new().verify_server(&chain, &name, now).is_err());

    let Ok(key) = key else { return };
    assert!(!matches!(key.kind(), KeyKind::Rsa { bits } if bits as usize > der.len() * 8));
    for algorithm in [
        SignatureAlgorithm::Ed25519,
        SignatureAlgorithm::EcdsaP256Sha256,
        SignatureAlgorithm::RsaPssSha256,
    ] {
        let verdict = key.verify(algorithm, b"message", &[1; 64]);
        assert!(matches!(
            verdict,
            Err(Error::BadSignature | Error::UnsupportedKey(_) | Error::AlgorithmDoesNotFitKey)
        ));
    }
});
