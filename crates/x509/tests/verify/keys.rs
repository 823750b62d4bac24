//! Kinds of keys, and signatures as TLS checks them.

use crate::pki::{Ca, NOW, at, ca_params, ca_with_key, leaf, name, root, under, verdict};
use netkit_x509::{CertificateDer, Error, KeyKind, PublicKey, Roots, SignatureAlgorithm};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
    PKCS_RSA_SHA384, PKCS_RSA_SHA512, PublicKeyData, SigningKey,
};

type Kind = (
    &'static rcgen::SignatureAlgorithm,
    KeyKind,
    SignatureAlgorithm,
);

const RSA: KeyKind = KeyKind::Rsa { bits: 2048 };

const KINDS: [Kind; 6] = [
    (
        &PKCS_ECDSA_P256_SHA256,
        KeyKind::EcP256,
        SignatureAlgorithm::EcdsaP256Sha256,
    ),
    (
        &PKCS_ECDSA_P384_SHA384,
        KeyKind::EcP384,
        SignatureAlgorithm::EcdsaP384Sha384,
    ),
    (&PKCS_ED25519, KeyKind::Ed25519, SignatureAlgorithm::Ed25519),
    (&PKCS_RSA_SHA256, RSA, SignatureAlgorithm::RsaPkcs1Sha256),
    (&PKCS_RSA_SHA384, RSA, SignatureAlgorithm::RsaPkcs1Sha384),
    (&PKCS_RSA_SHA512, RSA, SignatureAlgorithm::RsaPkcs1Sha512),
];

/// rcgen on ring makes no RSA keys; this one was made for these tests.
const RSA_KEY: &[u8] = include_bytes!("fixtures/rsa2048.pkcs8.der");

fn key_of((algorithm, kind, _): Kind) -> KeyPair {
    if kind == RSA {
        KeyPair::from_pkcs8_der_and_sign_algo(&RSA_KEY.into(), algorithm).expect("the RSA key")
    } else {
        KeyPair::generate_for(algorithm).expect("a key")
    }
}

#[test]
fn chains_of_every_kind() {
    for kind in KINDS {
        let top = Ca::self_signed(ca_params("top"), key_of(kind)).expect("a root");
        let middle = ca_with_key("middle", key_of(kind), &top, |_| {});
        let good = leaf(&middle, |_| {});
        assert_eq!(
            under(&top, good.clone(), &[&middle]),
            Ok(()),
            "{:?}",
            kind.1
        );
        let mut forged = good.to_vec();
        *forged.last_mut().expect("octets") ^= 1;
        assert_eq!(
            under(&top, forged.into(), &[&middle]),
            Err(Error::BadSignature),
            "{:?}",
            kind.1
        );
    }
}

#[test]
fn signatures_verify_only_with_their_key_message_and_algorithm() {
    for kind in KINDS {
        let key = key_of(kind);
        let certificate = Ca::self_signed(ca_params("self"), key).expect("a certificate");
        let public = PublicKey::of_certificate(certificate.der()).expect("a key");
        assert_eq!(public.kind(), kind.1);
        assert_eq!(public.subject_public_key(), certificate.key().der_bytes());
        let signature = certificate.key().sign(b"message").expect("a signature");
        assert_eq!(public.verify(kind.2, b"message", &signature), Ok(()));
        assert_eq!(
            public.verify(kind.2, b"Message", &signature),
            Err(Error::BadSignature)
        );
        assert_eq!(
            public.verify(kind.2, b"message", &signature[1..]),
            Err(Error::BadSignature)
        );
        assert_eq!(
            public.verify(kind.2, b"message", &[]),
            Err(Error::BadSignature)
        );
        for (_, other, algorithm) in KINDS {
            if other != kind.1 {
                let refused = Err(Error::AlgorithmDoesNotFitKey);
                assert_eq!(public.verify(algorithm, b"message", &signature), refused);
            }
        }
    }
}

/// Self-signed by OpenSSL with `rsa_padding_mode:pss`, the salt as long as the hash.
#[test]
fn pss_signatures() {
    for der in [
        &include_bytes!("fixtures/pss256.der")[..],
        include_bytes!("fixtures/pss384.der"),
        include_bytes!("fixtures/pss512.der"),
    ] {
        let trusted = |der: &[u8]| {
            let mut roots = Roots::new();
            roots.add(der).expect("parses");
            roots.verify_server(
                &[CertificateDer::from(der.to_vec())],
                &name("pss.example"),
                at(NOW),
            )
        };
        assert_eq!(trusted(der), Ok(()));
        let mut forged = der.to_vec();
        *forged.last_mut().expect("octets") ^= 1;
        assert_eq!(trusted(&forged), Err(Error::BadSignature));
    }
}

/// Self-signed by OpenSSL.
#[test]
fn signatures_on_p521() {
    let der = include_bytes!("fixtures/p521.der");
    let trusted = |der: &[u8]| {
        let mut roots = Roots::new();
        roots.add(der).expect("parses");
        let chain = [CertificateDer::from(der.to_vec())];
        roots.verify_server(&chain, &name("p521.example"), at(NOW))
    };
    assert_eq!(trusted(der), Ok(()));
    let mut forged = der.to_vec();
    *forged.last_mut().expect("octets") ^= 1;
    assert_eq!(trusted(&forged), Err(Error::BadSignature));
    let public = PublicKey::of_certificate(der).expect("a key");
    assert_eq!(public.kind(), KeyKind::EcP521);
    assert_eq!(public.kind().to_string(), "ECDSA on P-521");
    for algorithm in [
        SignatureAlgorithm::EcdsaP256Sha256,
        SignatureAlgorithm::EcdsaP384Sha384,
        SignatureAlgorithm::Ed25519,
    ] {
        let refused = Err(Error::AlgorithmDoesNotFitKey);
        assert_eq!(public.verify(algorithm, b"", b""), refused);
    }
    for octets in [&b""[..], b"0", &[0x30, 6, 2, 1, 0, 2, 1, 0]] {
        let verified = public.verify(SignatureAlgorithm::EcdsaP521Sha512, b"message", octets);
        assert_eq!(verified, Err(Error::BadSignature));
    }
    // ecdsa-with-SHA512 is known, and no key of another kind signs with it here.
    let top = root("top", |_| {});
    let mut changed = leaf(&top, |_| {}).to_vec();
    let oid = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    for place in 0..changed.len() - oid.len() {
        if changed[place..].starts_with(&oid) {
            changed[place + 7] = 4;
        }
    }
    assert_eq!(
        under(&top, changed.into(), &[]),
        Err(Error::AlgorithmDoesNotFitKey)
    );
}

/// A point in another form, or none, is no key to verify with.
#[test]
fn points_of_p521_are_uncompressed_and_on_the_curve() {
    let der = include_bytes!("fixtures/p521.der");
    let point = PublicKey::of_certificate(der)
        .expect("a key")
        .subject_public_key();
    let place = der
        .windows(point.len())
        .position(|octets| octets == point)
        .expect("the point");
    for (at, octet) in [(0, 2), (0, 6), (point.len() - 1, !point[point.len() - 1])] {
        let mut wrong = der.to_vec();
        wrong[place + at] = octet;
        let key = PublicKey::of_certificate(&wrong).expect("parses");
        // r and s of one: what matters is that the key is refused and nothing panics.
        let verified = key.verify(
            SignatureAlgorithm::EcdsaP521Sha512,
            b"message",
            &[0x30, 6, 2, 1, 1, 2, 1, 1],
        );
        assert_eq!(verified, Err(Error::BadSignature));
    }
}

#[test]
fn weak_and_unknown_keys_and_algorithms_are_refused() {
    let cases = [
        (
            &include_bytes!("fixtures/rsa1024.der")[..],
            "weak.example",
            "unsupported_key",
            "a public key is of an unsupported kind or size: RSA of 1024 bits",
        ),
        (
            include_bytes!("fixtures/secp256k1.der"),
            "k256.example",
            "unsupported_key",
            "a public key is of an unsupported kind or size: 1.3.132.0.10",
        ),
        (
            include_bytes!("fixtures/sha1.der"),
            "sha1.example",
            "unsupported_signature_algorithm",
            "a signature algorithm is not supported: SHA-1 with RSA",
        ),
    ];
    for (der, host, named, text) in cases {
        let mut roots = Roots::new();
        roots.add(der).expect("parses");
        let chain = [CertificateDer::from(der)];
        let error = roots
            .verify_server(&chain, &name(host), at(NOW))
            .expect_err(host);
        assert_eq!((error.name(), error.to_string().as_str()), (named, text));
    }
    let weak = PublicKey::of_certificate(include_bytes!("fixtures/rsa1024.der")).expect("parses");
    assert_eq!(weak.kind(), KeyKind::Rsa { bits: 1024 });
    assert_eq!(
        weak.verify(SignatureAlgorithm::RsaPkcs1Sha256, b"", &[0; 128]),
        Err(Error::UnsupportedKey(weak.kind()))
    );
}

/// The two AlgorithmIdentifiers differ in one octet: ecdsa-with-SHA256 outside, SHA384 inside.
#[test]
fn both_algorithm_fields_are_equal() {
    let top = root("top", |_| {});
    let good = leaf(&top, |_| {});
    let oid = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let places: Vec<_> = (0..good.len() - oid.len())
        .filter(|&at| good[at..].starts_with(&oid))
        .collect();
    assert_eq!(places.len(), 2);
    for place in places {
        let mut changed = good.to_vec();
        changed[place + 7] = 3;
        assert_eq!(
            under(&top, changed.into(), &[]),
            Err(Error::SignatureAlgorithmMismatch)
        );
    }
    assert_eq!(verdict(&Roots::new(), &[good]), Err(Error::UnknownIssuer));
}

/// One of version 1, without extensions; and one whose `[0] EXPLICIT INTEGER 2`, version 3, becomes 1,
/// version 2, which may have none either.
#[test]
fn a_certificate_of_an_older_version_is_refused_as_such() {
    let top = root("top", |_| {});
    let oldest = include_bytes!("fixtures/version-1.der").to_vec();
    assert_eq!(
        under(&top, oldest.into(), &[]),
        Err(Error::UnsupportedVersion)
    );
    let mut older = leaf(&top, |_| {}).to_vec();
    let version_3 = [0xa0, 3, 2, 1, 2];
    let place = older.windows(5).position(|octets| octets == version_3);
    older[place.unwrap() + 4] = 1;
    assert_eq!(
        under(&top, older.into(), &[]),
        Err(Error::UnsupportedVersion)
    );
}
