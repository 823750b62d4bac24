//! What certificates say of themselves and of those below them.

use crate::pki::{self, HOST, NOW, at, ca, extension, leaf, name, root, trust, under, verdict};
use netkit_x509::{Error, Roots, TrustAnchor};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    SerialNumber,
};

fn as_is(_: &mut CertificateParams) {}

fn path_len(limit: u8) -> impl Fn(&mut CertificateParams) {
    move |params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(limit))
}

#[test]
fn a_chain_to_a_root_is_accepted() {
    let root = root("root", as_is);
    let middle = ca("middle", &root, as_is);
    assert_eq!(under(&root, leaf(&root, as_is), &[]), Ok(()));
    assert_eq!(under(&root, leaf(&middle, as_is), &[&middle]), Ok(()));
}

#[test]
fn without_its_root_or_an_intermediate_it_is_not() {
    let trusted = root("root", as_is);
    let other = root("other", as_is);
    let middle = ca("middle", &trusted, as_is);
    assert_eq!(
        under(&trusted, leaf(&middle, as_is), &[]),
        Err(Error::UnknownIssuer)
    );
    assert_eq!(
        under(&other, leaf(&middle, as_is), &[&middle, &trusted]),
        Err(Error::UnknownIssuer)
    );
    assert_eq!(
        verdict(&Roots::new(), &[leaf(&trusted, as_is)]),
        Err(Error::UnknownIssuer)
    );
    assert_eq!(verdict(&trust(&[&trusted]), &[]), Err(Error::NoCertificate));
}

#[test]
fn a_namesake_of_the_issuer_is_told_by_its_key() {
    let trusted = root("root", as_is);
    let namesake = root("root", as_is);
    assert_eq!(
        under(&trusted, leaf(&namesake, as_is), &[]),
        Err(Error::BadSignature)
    );
    assert_eq!(
        verdict(&trust(&[&namesake, &trusted]), &[leaf(&trusted, as_is)]),
        Ok(())
    );
}

#[test]
fn an_intermediate_may_be_a_root() {
    let top = root("top", as_is);
    let middle = ca("middle", &top, as_is);
    assert_eq!(under(&middle, leaf(&middle, as_is), &[&top]), Ok(()));
}

#[test]
fn a_trust_anchor_is_a_name_and_a_key() {
    let root = root("root", as_is);
    let good = leaf(&root, as_is);
    let anchor = anchor(root.der());
    let mut roots = Roots::new();
    roots.add_anchor(anchor.clone());
    assert_eq!(roots.len(), 1);
    assert_eq!(verdict(&roots, &[good]), Ok(()));

    let mut roots = Roots::new();
    roots.add_anchor(TrustAnchor {
        subject_public_key_info: [0x30].to_vec().into(),
        ..anchor
    });
    assert!(
        roots.is_empty(),
        "a key that does not parse vouches for nothing"
    );
}

/// Subject and key, cut out of a certificate by hand: the contents of their SEQUENCEs.
fn anchor(der: &[u8]) -> TrustAnchor<'static> {
    use der::{Decode, Encode};
    let root = x509_cert::Certificate::from_der(der).expect("a certificate");
    let content = |tlv: Vec<u8>| {
        der::asn1::Any::from_der(&tlv)
            .expect("a SEQUENCE")
            .value()
            .to_vec()
    };
    let tbs = root.tbs_certificate();
    TrustAnchor {
        subject: content(tbs.subject().to_der().expect("a name")).into(),
        subject_public_key_info: content(tbs.subject_public_key_info().to_der().expect("a key"))
            .into(),
        name_constraints: None,
    }
}

#[test]
fn a_trusted_leaf_needs_no_issuer_but_keeps_every_other_rule() {
    let itself = pki::Ca::self_signed(pki::leaf_params(), pki::key()).expect("self-signed");
    let roots = trust(&[&itself]);
    let chain = [itself.der().clone()];
    assert_eq!(verdict(&roots, &chain), Ok(()));
    assert_eq!(
        roots.verify_server(&chain, &name("b.example"), at(NOW)),
        Err(Error::NameMismatch)
    );
    assert_eq!(
        roots.verify_client(&chain, at(NOW)),
        Err(Error::ExtendedKeyUsageNotAllowed)
    );
    assert_eq!(verdict(&Roots::new(), &chain), Err(Error::UnknownIssuer));

    let mut forged = chain[0].to_vec();
    *forged.last_mut().expect("octets") ^= 1;
    let mut roots = Roots::new();
    roots.add(&forged).expect("parses");
    assert_eq!(verdict(&roots, &[forged.into()]), Err(Error::BadSignature));
}

#[test]
fn validity_includes_its_first_and_last_second() {
    let (from, until) = (NOW - 1000, NOW + 1000);
    let limits = |params: &mut CertificateParams| {
        let day = rcgen::date_time_ymd(2030, 1, 1);
        params.not_before = day - std::time::Duration::from_secs(1000);
        params.not_after = day + std::time::Duration::from_secs(1000);
    };
    let expired = |now| {
        Err(Error::Expired {
            not_after: until,
            now,
        })
    };
    let early = |now| {
        Err(Error::NotYetValid {
            not_before: from,
            now,
        })
    };
    let long = root("long", as_is);
    let short = root("short", limits);
    let middle = ca("middle", &long, limits);
    let cases = [
        ("leaf", &long, leaf(&long, limits), None),
        ("intermediate", &long, leaf(&middle, as_is), Some(&middle)),
        ("root", &short, leaf(&short, as_is), None),
    ];
    for (which, root, leaf, middle) in cases {
        let mut chain = vec![leaf];
        chain.extend(middle.map(|ca| ca.der().clone()));
        let verdict = |now| trust(&[root]).verify_server(&chain, &name(HOST), at(now));
        assert_eq!(verdict(from - 1), early(from - 1), "{which}");
        assert_eq!(verdict(from), Ok(()), "{which}");
        assert_eq!(verdict(until), Ok(()), "{which}");
        assert_eq!(verdict(until + 1), expired(until + 1), "{which}");
    }
}

#[test]
fn only_cas_issue() {
    let trusted = root("root", as_is);
    for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa] {
        let no_ca = |params: &mut CertificateParams| {
            params.is_ca = is_ca;
        };
        let middle = ca("middle", &trusted, no_ca);
        assert_eq!(
            under(&trusted, leaf(&middle, as_is), &[&middle]),
            Err(Error::IssuerNotCa)
        );
        let top = root("top", no_ca);
        assert_eq!(under(&top, leaf(&top, as_is), &[]), Err(Error::IssuerNotCa));
    }
}

#[test]
fn path_length_counts_the_cas_below() {
    let top = root("top", as_is);
    for (limit, cas, outcome) in [
        (0, 0, Ok(())),
        (0, 1, Err(Error::PathLenExceeded)),
        (1, 1, Ok(())),
        (1, 2, Err(Error::PathLenExceeded)),
    ] {
        let mut path = vec![ca("limited", &top, path_len(limit))];
        for nth in 0..cas {
            let below = ca(&format!("below {nth}"), &path[nth], as_is);
            path.push(below);
        }
        let leaf = leaf(path.last().expect("a CA"), as_is);
        let above: Vec<_> = path.iter().collect();
        assert_eq!(
            under(&top, leaf, &above),
            outcome,
            "{limit} allowed, {cas} below"
        );
    }
}

#[test]
fn a_root_certificate_limits_its_path_too() {
    let top = root("top", path_len(0));
    let middle = ca("middle", &top, as_is);
    assert_eq!(under(&top, leaf(&top, as_is), &[]), Ok(()));
    assert_eq!(
        under(&top, leaf(&middle, as_is), &[&middle]),
        Err(Error::PathLenExceeded)
    );
}

#[test]
fn path_length_leaves_out_self_issued_cas() {
    let top = root("top", as_is);
    let old = ca("rolled over", &top, path_len(0));
    let new = ca("rolled over", &old, path_len(0));
    assert_eq!(under(&top, leaf(&new, as_is), &[&new, &old]), Ok(()));
}

#[test]
fn key_usage_binds_cas_and_leaves() {
    let top = root("top", as_is);
    let crl_only =
        |params: &mut CertificateParams| params.key_usages = vec![KeyUsagePurpose::CrlSign];
    let middle = ca("middle", &top, crl_only);
    assert_eq!(
        under(&top, leaf(&middle, as_is), &[&middle]),
        Err(Error::KeyUsageNotAllowed)
    );
    let limited = root("limited", crl_only);
    assert_eq!(
        under(&limited, leaf(&limited, as_is), &[]),
        Err(Error::KeyUsageNotAllowed)
    );

    let with = |usages: &[KeyUsagePurpose]| {
        under(
            &top,
            leaf(&top, |params| params.key_usages = usages.to_vec()),
            &[],
        )
    };
    assert_eq!(with(&[]), Ok(()), "an absent extension allows all");
    assert_eq!(
        with(&[
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment
        ]),
        Ok(())
    );
    assert_eq!(
        with(&[KeyUsagePurpose::KeyEncipherment]),
        Err(Error::KeyUsageNotAllowed)
    );
    let signs_certificates = [
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyCertSign,
    ];
    assert_eq!(with(&signs_certificates), Err(Error::KeyUsageNotAllowed));
}

#[test]
fn extended_key_usage_nests() {
    let server = ExtendedKeyUsagePurpose::ServerAuth;
    let client = ExtendedKeyUsagePurpose::ClientAuth;
    let top = root("top", as_is);
    let purposes = |list: &[ExtendedKeyUsagePurpose]| {
        let list = list.to_vec();
        move |params: &mut CertificateParams| params.extended_key_usages = list
    };
    for (of_ca, of_leaf, as_server, as_client) in [
        (&[][..], &[][..], true, true),
        (&[], std::slice::from_ref(&server), true, false),
        (&[], std::slice::from_ref(&client), false, true),
        (
            std::slice::from_ref(&client),
            &[server.clone(), client.clone()],
            false,
            true,
        ),
        (std::slice::from_ref(&server), &[], true, false),
        (&[], &[ExtendedKeyUsagePurpose::Any], false, false),
    ] {
        let middle = ca("middle", &top, purposes(of_ca));
        let chain = [leaf(&middle, purposes(of_leaf)), middle.der().clone()];
        let roots = trust(&[&top]);
        let expect = |allowed| {
            if allowed {
                Ok(())
            } else {
                Err(Error::ExtendedKeyUsageNotAllowed)
            }
        };
        assert_eq!(
            verdict(&roots, &chain),
            expect(as_server),
            "{of_ca:?} {of_leaf:?}"
        );
        assert_eq!(
            roots.verify_client(&chain, at(NOW)),
            expect(as_client),
            "{of_ca:?} {of_leaf:?}"
        );
    }
}

#[test]
fn critical_extensions_must_be_understood() {
    let top = root("top", as_is);
    let unknown = |critical| {
        move |params: &mut CertificateParams| {
            params.custom_extensions =
                vec![extension(&[1, 3, 6, 1, 4, 1, 55_738, 1], critical, &[5, 0])];
        }
    };
    assert_eq!(under(&top, leaf(&top, unknown(false)), &[]), Ok(()));
    let refused = Err(Error::UnsupportedCriticalExtension);
    assert_eq!(under(&top, leaf(&top, unknown(true)), &[]), refused);
    let middle = ca("middle", &top, unknown(true));
    assert_eq!(under(&top, leaf(&middle, as_is), &[&middle]), refused);
    let strange = root("strange", unknown(true));
    assert_eq!(under(&strange, leaf(&strange, as_is), &[]), refused);
}

#[test]
fn an_extension_occurs_once() {
    let top = root("top", as_is);
    let twice = leaf(&top, |params| {
        params.custom_extensions = vec![extension(&[2, 5, 29, 15], true, &[3, 2, 7, 0x80])];
    });
    assert_eq!(under(&top, twice, &[]), Err(Error::DuplicateExtension));
}

#[test]
fn empty_usages_say_nothing_and_are_refused() {
    let top = root("top", as_is);
    let with = |oid: &[u64], content: &[u8]| {
        let extension = extension(oid, false, content);
        let leaf = leaf(&top, |params| {
            params.key_usages = vec![];
            params.extended_key_usages = vec![];
            params.custom_extensions = vec![extension];
        });
        under(&top, leaf, &[])
    };
    assert_eq!(with(&[2, 5, 29, 15], &[3, 2, 7, 0x80]), Ok(()));
    assert_eq!(
        with(&[2, 5, 29, 15], &[3, 1, 0]),
        Err(Error::Malformed),
        "keyUsage without a bit"
    );
    assert_eq!(
        with(&[2, 5, 29, 37], &[0x30, 0]),
        Err(Error::Malformed),
        "no purpose"
    );
}

#[test]
fn serial_numbers_are_positive_and_short() {
    let top = root("top", as_is);
    let with = |serial: &[u8]| {
        let leaf = leaf(&top, |params| {
            params.serial_number = Some(SerialNumber::from_slice(serial));
        });
        under(&top, leaf, &[])
    };
    assert_eq!(with(&[1]), Ok(()));
    assert_eq!(with(&[0x7f; 20]), Ok(()));
    assert_eq!(with(&[0]), Err(Error::InvalidSerialNumber));
    assert_eq!(with(&[0x7f; 21]), Err(Error::InvalidSerialNumber));
    let old = root("old", |params| {
        params.serial_number = Some(SerialNumber::from_slice(&[0]));
    });
    assert_eq!(
        under(&old, leaf(&old, as_is), &[]),
        Ok(()),
        "roots are older than the rule"
    );
}

#[test]
fn a_cas_subject_may_not_be_empty_and_a_leafs_only_with_critical_names() {
    let top = root("top", as_is);
    let nameless = leaf(&top, |params| {
        params.distinguished_name.remove(DnType::CommonName);
    });
    assert_eq!(
        under(&top, nameless, &[]),
        Ok(()),
        "rcgen marks the extension critical"
    );
    let not_critical = leaf(&top, |params| {
        params.distinguished_name.remove(DnType::CommonName);
        params.subject_alt_names.clear();
        params.custom_extensions = vec![extension(
            &[2, 5, 29, 17],
            false,
            b"\x30\x0f\x82\x0dwww.a.example",
        )];
    });
    assert_eq!(
        under(&top, not_critical, &[]),
        Err(Error::InvalidSubjectAltName)
    );
    let nobody = root("nobody", |params| {
        params.distinguished_name.remove(DnType::CommonName);
    });
    let mut roots = Roots::new();
    assert_eq!(roots.add(nobody.der()), Err(Error::Malformed));
}
