//! What verdicts cost in memory: certificates are read where they are, and the search keeps four short lists.

use allocation_counter::measure;
use netkit_x509::{CertificateDer, PublicKey, Roots, ServerName, UnixTime};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
};
use std::time::Duration;

/// 2030-01-01T00:00:00Z.
const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(1_893_456_000));

/// The pool as it was read, the path, its signatures, and what it is told as.
const LISTS: u64 = 4;

type Ca = CertifiedIssuer<'static, KeyPair>;

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

fn ca(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params
}

/// A server with so many names, an intermediate that constrains them, and the roots.
fn setting(names: usize) -> (Vec<CertificateDer<'static>>, Roots) {
    let root = Ca::self_signed(ca("root"), key()).unwrap();
    let mut middle = ca("middle");
    middle.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("example".into())],
        excluded_subtrees: vec![GeneralSubtree::DnsName("b.example".into())],
    });
    let middle = Ca::signed_by(middle, key(), &root).unwrap();
    let names: Vec<String> = (0..names).map(|n| format!("s{n}.a.example")).collect();
    let mut leaf = CertificateParams::new(names).unwrap();
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let leaf = leaf.signed_by(&key(), &middle).unwrap();
    let mut roots = Roots::new();
    roots.add(root.der()).unwrap();
    (vec![leaf.der().clone(), middle.der().clone()], roots)
}

/// Allocations for a verdict on `chain`, which is good.
fn allocations(chain: &[CertificateDer<'_>], roots: &Roots) -> u64 {
    let name = ServerName::try_from("s0.a.example").unwrap();
    measure(|| assert_eq!(roots.verify_server(chain, &name, NOW), Ok(()))).count_total
}

#[test]
fn a_certificate_is_read_without_an_allocation() {
    let (chain, _) = setting(100);
    let mut kind = None;
    let read = |kind: &mut Option<_>| {
        measure(|| *kind = Some(PublicKey::of_certificate(&chain[0]).unwrap().kind())).count_total
    };
    assert_eq!(read(&mut kind), 0);
    // The count is a count: a copy of what was read shows in it.
    let copied = measure(|| assert!(!chain[0].to_vec().is_empty()));
    assert_eq!(copied.count_total, 1);
}

#[test]
fn a_verdict_allocates_the_same_few_lists_for_chains_of_any_size() {
    for names in [1, 10, 1_000] {
        let (chain, roots) = setting(names);
        assert_eq!(allocations(&chain, &roots), LISTS, "with {names} names");
    }
    // The count is a count: lists that have to grow show in it.
    let (chain, roots) = setting(1);
    let namesakes = (0..5).map(|_| setting(1).0[1].clone());
    let crowded: Vec<_> = chain.into_iter().chain(namesakes).rev().collect();
    let crowded = [&crowded[6..], &crowded[..6]].concat();
    assert!(allocations(&crowded, &roots) > LISTS, "one signature each");
}
