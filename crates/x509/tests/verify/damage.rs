//! Certificates that were damaged, by chance or on purpose.

use crate::pki::{self, Ca, Der, HOST, NOW, at, ca, dns, leaf, name, root, trust};
use netkit_x509::{Error, PublicKey, Roots, diagnose, generators::Mutation};
use proptest::prelude::*;
use rcgen::{GeneralSubtree, NameConstraints, SanType};
use std::sync::LazyLock;

static CAS: LazyLock<(Ca, Ca)> = LazyLock::new(|| {
    let top = root("top", |_| {});
    let middle = ca("middle", &top, |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("a.example".into())],
            excluded_subtrees: vec![GeneralSubtree::Rfc822Name("b.example".into())],
        });
    });
    (top, middle)
});

static LEAF: LazyLock<Der> = LazyLock::new(|| {
    leaf(&CAS.1, |params| {
        let address = SanType::IpAddress([192, 0, 2, 1].into());
        params
            .subject_alt_names
            .extend([dns("*.a.example"), address]);
    })
});

/// Every octet of the leaf counts: the signature covers them all, or the parser does.
#[test]
fn no_changed_octet_goes_unnoticed() {
    let (top, middle) = &*CAS;
    let roots = trust(&[top]);
    let verdict = |leaf: Vec<u8>| {
        roots.verify_server(&[leaf.into(), middle.der().clone()], &name(HOST), at(NOW))
    };
    assert_eq!(verdict(LEAF.to_vec()), Ok(()));
    for place in 0..LEAF.len() {
        for bit in [0x01, 0x80] {
            let mut changed = LEAF.to_vec();
            changed[place] ^= bit;
            assert!(verdict(changed).is_err(), "octet {place}, bit {bit:#x}");
        }
    }
    for length in 0..LEAF.len() {
        assert_eq!(
            verdict(LEAF[..length].to_vec()),
            Err(Error::Malformed),
            "cut at {length}"
        );
    }
    let mut longer = LEAF.to_vec();
    longer.push(0);
    assert_eq!(verdict(longer), Err(Error::Malformed));
}

proptest! {
    /// A damaged leaf is refused, a damaged pool never makes a refused leaf acceptable, and neither
    /// parser nor diagnosis panics on any of it.
    #[test]
    fn damage_is_refused_and_explained(
        of_leaf: Mutation,
        of_middle: Mutation,
        of_root: Mutation,
    ) {
        let (top, middle) = &*CAS;
        let damaged: Vec<Der> = vec![of_leaf.apply(&LEAF).into(), of_middle.apply(middle.der()).into()];
        let roots = trust(&[top]);
        if damaged[0] != *LEAF || damaged[1] != *middle.der() {
            let verdict = pki::verdict(&roots, &damaged);
            prop_assert!(verdict.is_err());
            for error in verdict.err().into_iter().chain([Error::UnknownIssuer, Error::NameMismatch]) {
                let text = diagnose(&damaged, &roots, &name(HOST), at(NOW), error).to_string();
                prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
            }
        }
        let _ = PublicKey::of_certificate(&damaged[0]);
        let mut strange = Roots::new();
        if strange.add(&of_root.apply(top.der())).is_ok() {
            let _ = pki::verdict(&strange, &[LEAF.clone(), middle.der().clone()]);
        }
    }

    #[test]
    fn any_octets_are_parsed_or_refused(octets: Vec<u8>) {
        prop_assert!(Roots::new().add(&octets).is_err());
        prop_assert!(PublicKey::of_certificate(&octets).is_err());
    }
}
