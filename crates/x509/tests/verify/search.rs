//! Finding a path where several, or none, lead somewhere.

use crate::pki::{
    Ca, Der, HOST, NOW, at, ca, ca_params, ca_with_key, copy, key, leaf, name, root, trust, under,
    verdict,
};
use netkit_x509::{
    Error, Inputs,
    limits::{MAX_CERTIFICATE_LEN, MAX_INTERMEDIATES, MAX_NAME_COMPARISONS, MAX_POOL},
};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, NameConstraints,
};

/// One thing that is changed about a certificate.
type Edit = fn(&mut CertificateParams);

fn as_is(_: &mut CertificateParams) {}

#[test]
fn the_pool_is_unordered_and_may_hold_junk() {
    let top = root("top", as_is);
    let one = ca("one", &top, as_is);
    let two = ca("two", &one, as_is);
    let chain = [
        leaf(&two, as_is),
        Der::from(vec![0xff; 40]),
        one.der().clone(),
        Der::from(vec![]),
        root("stranger", as_is).der().clone(),
        two.der().clone(),
        two.der().clone(),
        Der::from(two.der()[..100].to_vec()),
    ];
    assert_eq!(verdict(&trust(&[&top]), &chain), Ok(()));
}

/// One CA, certified twice: once in a way that leads nowhere. Both orders of the pool.
#[test]
fn the_search_turns_back_from_a_cross_sign_that_fails() {
    let top = root("top", as_is);
    let untrusted = root("untrusted", as_is);
    let shared = key();
    let good = ca_with_key("shared", copy(&shared), &top, as_is);
    let bad: [(&str, &Ca, Edit); 6] = [
        ("untrusted", &untrusted, as_is),
        ("expired", &top, |params| {
            params.not_after = rcgen::date_time_ymd(2029, 1, 1);
        }),
        ("no CA", &top, |params| params.is_ca = IsCa::NoCa),
        ("key usage", &top, |params| {
            params.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign];
        }),
        ("purpose", &top, |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }),
        ("names", &top, |params| {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: vec![GeneralSubtree::DnsName("b.example".into())],
                excluded_subtrees: vec![],
            });
        }),
    ];
    for (why, issuer, edit) in bad {
        let bad = ca_with_key("shared", copy(&shared), issuer, edit);
        let leaf = leaf(&good, as_is);
        assert!(under(&top, leaf.clone(), &[&bad]).is_err(), "{why}");
        assert_eq!(under(&top, leaf.clone(), &[&bad, &good]), Ok(()), "{why}");
        assert_eq!(under(&top, leaf, &[&good, &bad]), Ok(()), "{why}");
    }
}

/// CVE-2024-0567: A, B and C certify each other; A is also under the root.
#[test]
fn cycles_end() {
    let top = root("top", as_is);
    let keys = [key(), key(), key()];
    let selves: Vec<Ca> = (0..3)
        .map(|nth| {
            Ca::self_signed(ca_params(&format!("ca {nth}")), copy(&keys[nth])).expect("a CA")
        })
        .collect();
    let mut pool = Vec::new();
    for issuer in &selves {
        for (nth, key) in keys.iter().enumerate() {
            pool.push(ca_with_key(&format!("ca {nth}"), copy(key), issuer, as_is));
        }
    }
    let leaf = leaf(&selves[0], as_is);
    let mut refs: Vec<&Ca> = pool.iter().collect();
    assert_eq!(under(&top, leaf.clone(), &refs), Err(Error::UnknownIssuer));
    let way_out = ca_with_key("ca 2", copy(&keys[2]), &top, as_is);
    refs.push(&way_out);
    assert_eq!(under(&top, leaf, &refs), Ok(()));
}

/// CVE-2018-16875: as many paths as there are orders of the CAs, and none leads to a root.
#[test]
fn a_hostile_pool_ends_in_a_budget_error() {
    let top = root("top", as_is);
    let keys: Vec<_> = (0..9).map(|_| key()).collect();
    let name_of = |nth: usize| format!("ca {nth}");
    let selves: Vec<Ca> = (0..9)
        .map(|nth| Ca::self_signed(ca_params(&name_of(nth)), copy(&keys[nth])).expect("a CA"))
        .collect();
    let mut chain = vec![leaf(&selves[0], as_is)];
    for issuer in &selves {
        for (nth, key) in keys.iter().enumerate() {
            chain.push(
                ca_with_key(&name_of(nth), copy(key), issuer, as_is)
                    .der()
                    .clone(),
            );
        }
    }
    assert_eq!(verdict(&trust(&[&top]), &chain), Err(Error::BudgetExceeded));
}

#[test]
fn namesakes_without_end_end_in_a_budget_error() {
    let top = root("top", as_is);
    let mut chain = vec![leaf(&root("same", as_is), as_is)];
    chain.extend((0..MAX_POOL).map(|_| root("same", as_is).der().clone()));
    assert_eq!(verdict(&trust(&[&top]), &chain), Err(Error::BudgetExceeded));
}

/// One CA under many spellings of its name, and one name that differs at its end: each comparison reads it all.
#[test]
fn spellings_without_end_end_in_a_budget_error() {
    const SPELLINGS: usize = 40;
    let top = root("top", as_is);
    let shared = key();
    let name = |nth: usize, last: char| -> String {
        let letters = (0..60).map(|at| if nth >> at & 1 == 1 { 'A' } else { 'a' });
        letters.chain([last]).collect()
    };
    let selves: Vec<Ca> = (0..SPELLINGS)
        .map(|nth| Ca::self_signed(ca_params(&name(nth, 'z')), copy(&shared)).expect("a CA"))
        .collect();
    let mut chain = vec![leaf(&selves[0], as_is)];
    chain.extend((0..SPELLINGS).map(|nth| root(&name(nth, 'y'), as_is).der().clone()));
    chain.extend((0..SPELLINGS).map(|nth| {
        let issuer = &selves[(nth + 1) % SPELLINGS];
        ca_with_key(&name(nth, 'z'), copy(&shared), issuer, as_is)
            .der()
            .clone()
    }));
    assert_eq!(verdict(&trust(&[&top]), &chain), Err(Error::BudgetExceeded));
}

/// CVE-2025-58187: thousands of names under thousands of constraints.
#[test]
fn names_times_constraints_end_in_a_budget_error() {
    let side = MAX_NAME_COMPARISONS.isqrt() + 1;
    let top = root("top", |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![],
            excluded_subtrees: (0..side)
                .map(|nth| GeneralSubtree::DnsName(format!("c{nth}.example")))
                .collect(),
        });
    });
    let many = |count| {
        leaf(&top, |params| {
            params
                .subject_alt_names
                .extend((1..count).map(|nth| crate::pki::dns(&format!("n{nth}.example"))));
        })
    };
    assert_eq!(under(&top, many(side / 2), &[]), Ok(()));
    assert_eq!(under(&top, many(side), &[]), Err(Error::BudgetExceeded));
}

#[test]
fn paths_have_a_longest() {
    let top = root("top", as_is);
    let mut path = vec![ca("ca 0", &top, as_is)];
    for nth in 1..=MAX_INTERMEDIATES {
        let below = ca(&format!("ca {nth}"), &path[nth - 1], as_is);
        path.push(below);
    }
    let refs: Vec<&Ca> = path.iter().collect();
    assert_eq!(
        under(&top, leaf(refs[MAX_INTERMEDIATES - 1], as_is), &refs),
        Ok(())
    );
    assert_eq!(
        under(&top, leaf(refs[MAX_INTERMEDIATES], as_is), &refs),
        Err(Error::PathTooLong)
    );
}

#[test]
fn pools_and_certificates_have_a_largest_size() {
    let top = root("top", as_is);
    let mut chain = vec![leaf(&top, as_is)];
    chain.resize(MAX_POOL + 1, Der::from(vec![0]));
    assert_eq!(verdict(&trust(&[&top]), &chain), Ok(()));
    chain.push(Der::from(vec![0]));
    assert_eq!(
        verdict(&trust(&[&top]), &chain),
        Err(Error::TooManyCertificates)
    );
    let long = [Der::from(vec![0x30; MAX_CERTIFICATE_LEN + 1])];
    assert_eq!(
        trust(&[&top]).verify_server(&long, &name(HOST), at(NOW)),
        Err(Error::CertificateTooLong)
    );
}

/// Roots that share a name: the reason is that of the one whose key signed, in either order.
#[test]
fn a_root_that_did_not_sign_does_not_hide_the_reason_of_the_one_that_did() {
    let stranger = root("top", as_is);
    let signer = root("top", |params| {
        params.not_after = rcgen::date_time_ymd(2029, 1, 1);
    });
    let chain = [leaf(&signer, as_is)];
    let expired = |verdict| matches!(verdict, Err(Error::Expired { .. }));
    assert!(expired(verdict(&trust(&[&stranger, &signer]), &chain)));
    assert!(expired(verdict(&trust(&[&signer, &stranger]), &chain)));
}

/// RFC 5280 7.1: names are the same whatever the case, the spaces and the encoding.
#[test]
fn an_issuer_is_found_however_its_name_is_written() {
    let shared = key();
    let written = |text: DnValue| {
        let mut params = ca_params("");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, text);
        Ca::self_signed(params, copy(&shared)).expect("a CA")
    };
    let one = written(DnValue::Utf8String("A Root".into()));
    let other = written(DnValue::PrintableString(
        "a  ROOT".try_into().expect("printable"),
    ));
    let another = written(DnValue::Utf8String("A Roof".into()));
    assert_eq!(under(&one, leaf(&other, as_is), &[]), Ok(()));
    let middle = ca("middle", &other, as_is);
    assert_eq!(under(&one, leaf(&middle, as_is), &[&middle]), Ok(()));
    assert_eq!(
        under(&another, leaf(&other, as_is), &[]),
        Err(Error::UnknownIssuer)
    );
}

/// More namesakes than there are signature checks: the key identifier leads to the one that signed.
#[test]
fn key_identifiers_say_where_to_look_first() {
    let top = root("top", as_is);
    let signer = ca("same", &top, as_is);
    let identified = |params: &mut CertificateParams| {
        params.use_authority_key_identifier_extension = true;
    };
    let mut chain = vec![leaf(&signer, identified)];
    chain.extend((1..MAX_POOL).map(|_| ca("same", &top, as_is).der().clone()));
    chain.push(signer.der().clone());
    assert_eq!(verdict(&trust(&[&top]), &chain), Ok(()));
}

#[test]
fn a_path_has_the_certificates_that_lead_to_the_root() {
    let top = root("top", as_is);
    let (one, unused) = (ca("one", &top, as_is), ca("unused", &top, as_is));
    let two = ca("two", &one, as_is);
    let chain = [
        leaf(&two, as_is),
        unused.der().clone(),
        one.der().clone(),
        two.der().clone(),
    ];
    let roots = trust(&[&top]);
    let path = roots
        .verify(&chain, &Inputs::server(at(NOW)))
        .expect("a path");
    let expected: [&[u8]; 3] = [&chain[0], two.der(), one.der()];
    assert_eq!(path.certificates(), expected);
}
