//! CRLs and OCSP responses from anyone about a certificate that its CA has revoked, and one that it has
//! not: a verdict each time, the same each time, and only what the CA signed makes a certificate good.
//!
//! The input is a CRL or an OCSP response behind a two-octet length, then the damage to the CA's CRL.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use netkit_core::Reader;
use netkit_x509::{
    CertificateDer, Error, Inputs, Revocation, Roots, UnixTime, generators::Mutation,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use std::{sync::LazyLock, time::Duration};

/// 2030-01-01.
const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(1_893_456_000));

struct Setting {
    roots: Roots,
    /// With serial numbers 1 and 2.
    leaves: [CertificateDer<'static>; 2],
    /// Revokes 1.
    list: Vec<u8>,
}

static SETTING: LazyLock<Setting> = LazyLock::new(|| {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let ca = CertifiedIssuer::self_signed(params, key).expect("a CA");
    let mut roots = Roots::new();
    roots.add(ca.der()).expect("parses");
    let leaf = |serial: u64| {
        let mut params = CertificateParams::new(["a.example".to_owned()]).expect("a name");
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().expect("a key");
        params.signed_by(&key, &ca).expect("a leaf").der().clone()
    };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2029, 12, 25),
        next_update: date_time_ymd(2030, 1, 8),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(1),
            revocation_time: date_time_ymd(2029, 12, 24),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Setting {
        leaves: [leaf(1), leaf(2)],
        list: list.signed_by(&ca).expect("a CRL").der().to_vec(),
        roots,
    }
});

fn verdict(leaf: usize, crls: &[&[u8]], responses: &[&[u8]]) -> Result<(), Error> {
    let mut inputs = Inputs::server(NOW);
    inputs.revocation = Some(Revocation::new(crls, responses));
    let chain = &SETTING.leaves[leaf..=leaf];
    SETTING.roots.verify(chain, &inputs).map(drop)
}

fuzz_target!(|input: &[u8]| {
    let mut reader = Reader::new(input);
    let octets = reader.block_u16().unwrap_or_default();
    let damage = Mutation::arbitrary(&mut Unstructured::new(reader.rest()));
    let list = damage.expect("from any octets").apply(&SETTING.list);
    for leaf in [0, 1] {
        let given = [list.as_slice(), octets];
        let found = verdict(leaf, &given, &given);
        assert_eq!(found, verdict(leaf, &given, &given));
        let whole = list == SETTING.list || octets == SETTING.list;
        assert_eq!(found.is_ok(), whole && leaf == 1);
    }
});
