//! Rightly signed chains whose extensions, names, times and order come from the input: a verdict whatever the
//! order of the pool, a path that is made of the chain, and a refusal that can be explained.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use netkit_x509::{
    CertificateDer, Diagnosis, Error, Identity, Inputs, Profile, Revocation, Roots, ServerName,
    UnixTime,
};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use std::{sync::LazyLock, time::Duration};

/// 2030-01-01.
const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(1_893_456_000));

/// So many certificates at most, the root first.
const LONGEST: usize = 6;

/// Extensions as they occur: the arc below 2.5.29, and the content.
const USUAL: [(u64, &[u8]); 16] = [
    (17, b"\x30\x0b\x82\x09a.example"),
    (17, b"\x30\x0b\x82\x09*.example"),
    (19, b"\x30\x03\x01\x01\xff"),
    (19, b"\x30\x06\x01\x01\xff\x02\x01\x00"),
    (30, b"\x30\x0d\xa0\x0b\x30\x09\x82\x07example"),
    (30, b"\x30\x0d\xa1\x0b\x30\x09\x82\x07example"),
    (31, b"\x30\x0f\x30\x0d\xa0\x0b\xa0\x09\x86\x07http://"),
    (32, b"\x30\x08\x30\x06\x06\x04\x55\x1d\x20\x00"),
    (32, b"\x30\x07\x30\x05\x06\x03\x2a\x03\x01"),
    (
        33,
        b"\x30\x0c\x30\x0a\x06\x03\x2a\x03\x01\x06\x03\x2a\x03\x02",
    ),
    (35, b"\x30\x03\x80\x01\x07"),
    (36, b"\x30\x03\x80\x01\x00"),
    (36, b"\x30\x03\x81\x01\x00"),
    (37, b"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"),
    (37, b"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02"),
    (54, b"\x02\x01\x00"),
];

#[derive(Debug, Arbitrary)]
enum Content<'i> {
    Usual(u8),
    Any { arc: u8, content: &'i [u8] },
}

#[derive(Debug, Arbitrary)]
struct Link<'i> {
    /// Of three.
    name: u8,
    is_ca: bool,
    key_usage: bool,
    expired: bool,
    /// Signed with a key that its issuer does not have.
    forged: bool,
    /// Who issued it, of those before it.
    issuer: u8,
    extensions: Vec<(Content<'i>, bool)>,
}

#[derive(Debug, Arbitrary)]
struct Input<'i> {
    links: Vec<Link<'i>>,
    profile: u8,
    revocation: &'i [u8],
    client: bool,
    explicit_policy: bool,
}

static KEYS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    [(); 2].map(|()| {
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
        key.serialize_der()
    })
});

fn key(forged: bool) -> KeyPair {
    KeyPair::try_from(KEYS[usize::from(forged)].as_slice()).expect("a key")
}

fn params(link: &Link<'_>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let name = ["one", "two", "three"][usize::from(link.name % 3)];
    params.distinguished_name.push(DnType::CommonName, name);
    if link.is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    if link.key_usage {
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
    }
    if link.expired {
        params.not_after = date_time_ymd(2029, 12, 31);
    }
    let extensions = link.extensions.iter().take(8);
    params.custom_extensions = extensions
        .map(|(content, critical)| {
            let (arc, content) = match content {
                Content::Usual(nth) => USUAL[usize::from(*nth) % USUAL.len()],
                Content::Any { arc, content } => (u64::from(arc % 64), *content),
            };
            let mut extension =
                CustomExtension::from_oid_content(&[2, 5, 29, arc], content.to_vec());
            extension.set_criticality(*critical);
            extension
        })
        .collect();
    params
}

/// The root first, the end entity last.
fn chain(links: &[Link<'_>]) -> Vec<CertificateDer<'static>> {
    let mut made: Vec<(CertificateParams, CertificateDer<'static>)> = Vec::new();
    for link in links.iter().take(LONGEST) {
        let params = params(link);
        let signer = key(link.forged);
        let certificate = match made.get(usize::from(link.issuer) % made.len().max(1)) {
            Some((issuer, _)) => {
                params.signed_by(&key(false), &Issuer::from_params(issuer, &signer))
            }
            None => params.self_signed(&signer),
        };
        let der = certificate.expect("a certificate").der().clone();
        made.push((params, der));
    }
    made.into_iter().map(|(_, der)| der).collect()
}

fuzz_target!(|input: &[u8]| {
    let Ok(input) = Input::arbitrary(&mut Unstructured::new(input)) else {
        return;
    };
    let mut certificates = chain(&input.links);
    certificates.reverse();
    let Some(root) = certificates.pop() else {
        return;
    };
    let profile = [Profile::Path, Profile::Rfc5280, Profile::WebPki];
    let mut roots = Roots::new();
    let _ = roots.add_under(profile[usize::from(input.profile % 3)], &root);

    let given = [input.revocation];
    let mut inputs = if input.client {
        Inputs::client(NOW)
    } else {
        Inputs::server(NOW)
    };
    inputs.policies.initial_explicit_policy = input.explicit_policy;
    if !input.revocation.is_empty() {
        inputs.revocation = Some(Revocation::new(&given, &given));
    }
    let name = ServerName::try_from("a.example").expect("a name");
    let identity = Identity::Server(&name);
    let verdict = |chain: &[CertificateDer<'_>]| -> Result<(), Error> {
        let path = roots.verify(chain, &inputs)?;
        for certificate in path.certificates() {
            assert!(chain.iter().any(|given| given.as_ref() == *certificate));
        }
        path.is_for(&identity)
    };
    let found = verdict(&certificates);
    if let Some((leaf, pool)) = certificates.split_first() {
        let turned: Vec<_> = std::iter::once(leaf)
            .chain(pool.iter().rev())
            .cloned()
            .collect();
        assert_eq!(found.is_ok(), verdict(&turned).is_ok());
    }
    if let Err(error) = found {
        let diagnosis = Diagnosis::of(&certificates, &roots, Some(&identity), &inputs, error);
        let text = diagnosis.to_string();
        assert!(!text.is_empty() && !text.chars().any(|c| c.is_control() && c != '\n'));
        assert!(text.len() < 20_000, "{}", text.len());
    }
});
