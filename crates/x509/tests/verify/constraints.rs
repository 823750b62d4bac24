//! RFC 5280 4.2.1.10: whom a CA may vouch for.

use crate::pki::{self, NOW, at};
use crate::pki::{ca, dns, extension, leaf, root, trust, under};
use netkit_x509::{Error, Roots, TrustAnchor, limits::MAX_COMPARED_VALUE};
use rcgen::{
    CertificateParams, CidrSubnet, DistinguishedName, DnType, DnValue, GeneralSubtree,
    NameConstraints, SanType,
};

const VIOLATION: Result<(), Error> = Err(Error::NameConstraintViolation);

fn permit(subtrees: Vec<GeneralSubtree>) -> impl FnOnce(&mut CertificateParams) {
    constrain(subtrees, vec![])
}

fn exclude(subtrees: Vec<GeneralSubtree>) -> impl FnOnce(&mut CertificateParams) {
    constrain(vec![], subtrees)
}

fn constrain(
    permitted_subtrees: Vec<GeneralSubtree>,
    excluded_subtrees: Vec<GeneralSubtree>,
) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees,
            excluded_subtrees,
        });
    }
}

fn domain(name: &str) -> GeneralSubtree {
    GeneralSubtree::DnsName(name.into())
}

/// The verdict, name aside, on a leaf with these alternative names under a CA so constrained.
fn leaf_under(
    constraints: impl FnOnce(&mut CertificateParams),
    names: Vec<SanType>,
) -> Result<(), Error> {
    let top = root("top", |_| {});
    let middle = ca("middle", &top, constraints);
    let leaf = leaf(&middle, |params| params.subject_alt_names = names);
    nameless(under(&top, leaf, &[&middle]))
}

fn nameless(verdict: Result<(), Error>) -> Result<(), Error> {
    match verdict {
        Err(Error::NameMismatch) => Ok(()),
        verdict => verdict,
    }
}

#[test]
fn dns_subtrees() {
    for (base, presented, within, overlaps) in [
        ("a.example", "a.example", true, true),
        ("a.example", "b.a.example", true, true),
        ("A.Example", "b.a.example", true, true),
        ("a.example", "ba.example", false, false),
        ("a.example", "example", false, false),
        ("a.example", "b.example", false, false),
        ("", "b.example", true, true),
        ("a.example", "*.a.example", true, true),
        ("a.example", "*.b.a.example", true, true),
        // Some of the names that it stands for are inside, some are not.
        ("b.a.example", "*.a.example", false, true),
        ("c.b.a.example", "*.a.example", false, true),
        ("a.example", "*.b.example", false, false),
        // What is no DNS name is never permitted and always excluded.
        ("a.example", ".a.example", false, true),
        ("b.example", "b*.a.example", false, true),
    ] {
        let verdict = |keeps| if keeps { Ok(()) } else { VIOLATION };
        let permitted = leaf_under(permit(vec![domain(base)]), vec![dns(presented)]);
        assert_eq!(
            permitted,
            verdict(within),
            "{presented} under permitted {base:?}"
        );
        let excluded = leaf_under(exclude(vec![domain(base)]), vec![dns(presented)]);
        assert_eq!(
            excluded,
            verdict(!overlaps),
            "{presented} under excluded {base:?}"
        );
    }
}

#[test]
fn every_name_counts_and_exclusion_wins() {
    let names = || vec![dns("www.a.example"), dns("b.example")];
    assert_eq!(
        leaf_under(permit(vec![domain("a.example")]), names()),
        VIOLATION
    );
    assert_eq!(
        leaf_under(
            permit(vec![domain("a.example"), domain("b.example")]),
            names()
        ),
        Ok(())
    );
    let both = constrain(vec![domain("a.example")], vec![domain("www.a.example")]);
    assert_eq!(leaf_under(both, vec![dns("www.a.example")]), VIOLATION);
}

#[test]
fn addresses() {
    let net =
        |prefix| GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([192, 0, 2, 0], prefix));
    let v4 = |last| vec![SanType::IpAddress([192, 0, 2, last].into())];
    let v6 = || vec![SanType::IpAddress([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into())];
    assert_eq!(leaf_under(permit(vec![net(25)]), v4(127)), Ok(()));
    assert_eq!(leaf_under(permit(vec![net(25)]), v4(128)), VIOLATION);
    assert_eq!(
        leaf_under(permit(vec![net(24)]), v6()),
        VIOLATION,
        "the other family"
    );
    assert_eq!(leaf_under(exclude(vec![net(25)]), v4(127)), VIOLATION);
    assert_eq!(leaf_under(exclude(vec![net(25)]), v4(128)), Ok(()));
    assert_eq!(
        leaf_under(permit(vec![net(24)]), vec![dns("a.example")]),
        Ok(()),
        "another kind"
    );
    let mask = CidrSubnet::V4([192, 0, 2, 0], [255, 0, 255, 0]);
    let holes = permit(vec![GeneralSubtree::IpAddress(mask)]);
    let top = root("top", holes);
    assert_eq!(
        Roots::new().add(top.der()),
        Err(Error::InvalidNameConstraints)
    );
}

#[test]
fn distinguished_names() {
    let of = |organisation: DnValue, common_name: Option<&str>| {
        let mut name = DistinguishedName::new();
        name.push(DnType::OrganizationName, organisation);
        if let Some(common_name) = common_name {
            name.push(DnType::CommonName, common_name);
        }
        name
    };
    let long = "acme ".repeat(MAX_COMPARED_VALUE);
    let utf8 = |text: &str| DnValue::Utf8String(text.into());
    let printable = |text: &str| DnValue::PrintableString(text.try_into().expect("printable"));
    let teletex = |text: &str| DnValue::TeletexString(text.try_into().expect("teletex"));
    for (base, subject, within, overlaps) in [
        (utf8("Acme"), utf8("Acme"), true, true),
        (utf8("Acme"), printable("ACME"), true, true),
        (utf8("Acme  Corp"), utf8("acme corp "), true, true),
        (utf8("Acme"), utf8("Acme Corp"), false, false),
        // Encodings that are not compared are neither permitted nor let through.
        (utf8("Acme"), teletex("Other"), false, true),
        // RFC 4518 2: what is composed, or maps to nothing, may be the same.
        (utf8("Caf\u{e9}"), utf8("CAF\u{c9}"), true, true),
        (utf8("Caf\u{e9}"), utf8("Cafe\u{301}"), false, true),
        (utf8("Caf\u{e9}"), utf8("Kaf\u{e9}"), false, false),
        (utf8("Acme"), utf8("Ac\u{ad}me"), false, true),
        (utf8("Acme"), utf8("Ac\u{1}me"), false, true),
        (utf8(&long), utf8(&long), true, true),
        (utf8(&long), utf8(&long.to_uppercase()), false, true),
    ] {
        let verdict = |constraints: Box<dyn FnOnce(&mut CertificateParams)>| {
            let top = root("top", |_| {});
            let middle = ca("middle", &top, constraints);
            let subject = of(subject.clone(), Some("a server"));
            nameless(under(
                &top,
                leaf(&middle, |params| params.distinguished_name = subject),
                &[&middle],
            ))
        };
        let subtree = || vec![GeneralSubtree::DirectoryName(of(base.clone(), None))];
        let expect = |keeps| if keeps { Ok(()) } else { VIOLATION };
        assert_eq!(
            verdict(Box::new(permit(subtree()))),
            expect(within),
            "{base:?} {subject:?}"
        );
        assert_eq!(
            verdict(Box::new(exclude(subtree()))),
            expect(!overlaps),
            "{base:?} {subject:?}"
        );
    }
}

#[test]
fn mailboxes_and_uris() {
    let mail = |base: &str| GeneralSubtree::Rfc822Name(base.into());
    let address = || {
        vec![SanType::Rfc822Name(
            "me@a.example".try_into().expect("ASCII"),
        )]
    };
    assert_eq!(
        leaf_under(permit(vec![mail("a.example")]), address()),
        Ok(())
    );
    assert_eq!(
        leaf_under(permit(vec![mail("b.example")]), address()),
        VIOLATION
    );
    assert_eq!(
        leaf_under(exclude(vec![mail("a.example")]), address()),
        VIOLATION
    );
    assert_eq!(
        leaf_under(exclude(vec![mail("b.example")]), address()),
        Ok(())
    );
    assert_eq!(
        leaf_under(permit(vec![mail("b.example")]), vec![dns("a.example")]),
        Ok(())
    );

    for (base, verdict) in [("a.example", Ok(())), ("b.example", VIOLATION)] {
        let top = root("top", permit(vec![mail(base)]));
        let in_subject = leaf(&top, |params| {
            let email = DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]);
            let address = DnValue::Ia5String("me@a.example".try_into().expect("ASCII"));
            params.distinguished_name.push(email, address);
        });
        assert_eq!(under(&top, in_subject, &[]), verdict, "{base}");
    }

    let uri = |text: &str| vec![SanType::URI(text.try_into().expect("ASCII"))];
    for (presented, permitted, excluded) in [
        ("https://x.a.example/", Ok(()), VIOLATION),
        ("https://a.example/", VIOLATION, Ok(())),
        ("https://192.0.2.1/", VIOLATION, VIOLATION),
    ] {
        let base = b"\x30\x10\xa0\x0e\x30\x0c\x86\x0a.a.example";
        assert_eq!(
            leaf_under(raw(base), uri(presented)),
            permitted,
            "{presented}"
        );
        let base = b"\x30\x10\xa1\x0e\x30\x0c\x86\x0a.a.example";
        assert_eq!(
            leaf_under(raw(base), uri(presented)),
            excluded,
            "{presented}"
        );
    }
}

/// A nameConstraints extension of these octets.
fn raw(content: &[u8]) -> impl FnOnce(&mut CertificateParams) + use<> {
    let extension = extension(&[2, 5, 29, 30], true, content);
    |params| params.custom_extensions = vec![extension]
}

#[test]
fn kinds_that_are_not_compared_fail_closed() {
    let other = || SanType::OtherName((vec![1, 2, 3], "x".into()));
    for content in [
        b"\x30\x0e\xa0\x0c\x30\x0a\xa0\x08\x06\x02\x2a\x03\xa0\x02\x05\x00",
        b"\x30\x0e\xa1\x0c\x30\x0a\xa0\x08\x06\x02\x2a\x03\xa0\x02\x05\x00",
    ] {
        let named = vec![dns("a.example"), other()];
        assert_eq!(leaf_under(raw(content), named), VIOLATION);
        assert_eq!(leaf_under(raw(content), vec![dns("a.example")]), Ok(()));
    }
}

#[test]
fn constraints_bind_cas_below_but_not_their_own_self_issued_ones() {
    let top = root("top", permit(vec![domain("a.example")]));
    let named = |params: &mut CertificateParams| params.subject_alt_names = vec![dns("b.example")];
    let middle = ca("middle", &top, named);
    assert_eq!(under(&top, leaf(&middle, |_| {}), &[&middle]), VIOLATION);
    let rolled_over = ca("top", &top, named);
    assert_eq!(
        under(&top, leaf(&rolled_over, |_| {}), &[&rolled_over]),
        Ok(())
    );
}

#[test]
fn malformed_constraints_spoil_the_ca() {
    for content in [
        &b"\x30\x00"[..],                                            // neither list
        b"\x30\x02\xa0\x00",                                         // an empty list
        b"\x30\x11\xa0\x0f\x30\x0d\x82\x0b*.a.example",              // a wildcard
        b"\x30\x0f\xa0\x0d\x30\x0b\x82\x09.a.exampl",                // a leading dot
        b"\x30\x0c\xa0\x0a\x30\x08\x87\x06\xc0\x00\x02\x00\xff\xff", // three octets each
        b"\x30\x0d\xa0\x0b\x30\x09\x82\x04a.ex\x80\x01\x01",         // a minimum
        b"\x30\x0d\xa0\x0b\x30\x09\x82\x04a.ex\x81\x01\x01",         // a maximum
    ] {
        let extension = extension(&[2, 5, 29, 30], true, content);
        let top = root("top", |params| params.custom_extensions = vec![extension]);
        assert_eq!(
            Roots::new().add(top.der()),
            Err(Error::InvalidNameConstraints),
            "{content:?}"
        );
    }
    let top = root("top", |params| {
        let content = b"\x30\x0a\xa0\x08\x30\x06\x82\x04a.ex";
        params.custom_extensions = vec![extension(&[2, 5, 29, 30], true, content)];
    });
    assert_eq!(Roots::new().add(top.der()), Ok(()));
    let top = root("top", |_| {});
    let constrained_leaf = leaf(&top, |params| {
        let content = b"\x30\x0a\xa0\x08\x30\x06\x82\x04a.ex";
        params.custom_extensions = vec![extension(&[2, 5, 29, 30], true, content)];
    });
    assert_eq!(
        under(&top, constrained_leaf, &[]),
        Err(Error::InvalidNameConstraints)
    );
}

#[test]
fn a_bare_anchor_has_constraints_too() {
    let top = root("top", |_| {});
    let parsed =
        <x509_cert::Certificate as der::Decode>::from_der(top.der()).expect("a certificate");
    let content = |tlv: Vec<u8>| {
        <der::asn1::AnyRef<'_> as der::Decode>::from_der(&tlv)
            .expect("a SEQUENCE")
            .value()
            .to_vec()
    };
    let tbs = parsed.tbs_certificate();
    let anchor = |base: &[u8]| TrustAnchor {
        subject: content(der::Encode::to_der(tbs.subject()).expect("a name")).into(),
        subject_public_key_info: content(
            der::Encode::to_der(tbs.subject_public_key_info()).expect("a key"),
        )
        .into(),
        name_constraints: Some(base.to_vec().into()),
    };
    let chain = [leaf(&top, |_| {})];
    for (base, expected) in [
        (&b"\xa0\x0d\x30\x0b\x82\x09a.example"[..], Ok(())),
        (b"\xa0\x0d\x30\x0b\x82\x09b.example", VIOLATION),
    ] {
        let mut roots = Roots::new();
        roots.add_anchor(anchor(base));
        assert_eq!(
            roots.verify_server(&chain, &pki::name(pki::HOST), at(NOW)),
            expected
        );
    }
    let mut roots = trust(&[]);
    roots.add_anchor(anchor(b"junk"));
    assert!(roots.is_empty());
}
