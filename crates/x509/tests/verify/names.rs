//! RFC 9525: who the server is.

use crate::pki::{Ca, NOW, at, dns, extension, leaf, name, root, trust};
use netkit_x509::{
    Error,
    generators::{DnsName, PresentedName},
};
use proptest::prelude::*;
use rcgen::{CertificateParams, DnType, SanType};
use std::sync::LazyLock;

static ROOT: LazyLock<Ca> = LazyLock::new(|| root("root", |_| {}));

fn asked(names: Vec<SanType>, ask: &str) -> Result<(), Error> {
    asked_of(|params| params.subject_alt_names = names, ask)
}

fn asked_of(edit: impl FnOnce(&mut CertificateParams), ask: &str) -> Result<(), Error> {
    trust(&[&ROOT]).verify_server(&[leaf(&ROOT, edit)], &name(ask), at(NOW))
}

#[test]
fn dns_names() {
    for (presented, ask, matches) in [
        ("a.example", "a.example", true),
        ("A.Example", "a.eXAMPLE", true),
        ("a.example", "a.example.", true),
        ("a.example", "b.example", false),
        ("a.example", "www.a.example", false),
        ("www.a.example", "a.example", false),
        ("a.example.", "a.example", false),
        (".a.example", "b.a.example", false),
        ("*.a.example", "b.a.example", true),
        ("*.A.example", "B.a.EXAMPLE", true),
        ("*.a.example", "xn--bcher-kva.a.example", true),
        ("*.a.example", "a.example", false),
        ("*.a.example", "c.b.a.example", false),
        ("b.*.example", "b.a.example", false),
        ("b*.a.example", "bc.a.example", false),
        ("*b.a.example", "cb.a.example", false),
        ("*.*.example", "b.a.example", false),
        (
            "xn--*-1b3c148a.a.example",
            "xn--bliss-1b3c148a.a.example",
            false,
        ),
        ("*", "localhost", false),
        ("*.example", "a.example", false),
        ("localhost", "localhost", true),
        ("under_score.a.example", "under_score.a.example", true),
    ] {
        let expected = if matches {
            Ok(())
        } else {
            Err(Error::NameMismatch)
        };
        assert_eq!(
            asked(vec![dns(presented)], ask),
            expected,
            "{presented} for {ask}"
        );
    }
    assert_eq!(
        asked(vec![dns("b.example"), dns("a.example")], "a.example"),
        Ok(())
    );
}

#[test]
fn addresses() {
    let v4 = || SanType::IpAddress([192, 0, 2, 1].into());
    let v6 = || SanType::IpAddress([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into());
    assert_eq!(asked(vec![v4()], "192.0.2.1"), Ok(()));
    assert_eq!(asked(vec![v6()], "2001:db8::1"), Ok(()));
    assert_eq!(asked(vec![v6(), v4()], "192.0.2.1"), Ok(()));
    for (names, ask) in [
        (vec![v4()], "192.0.2.2"),
        (vec![v6()], "2001:db8::2"),
        (vec![v4()], "::ffff:192.0.2.1"),
        (vec![dns("192.0.2.1")], "192.0.2.1"),
        (vec![dns("*.0.2.1")], "192.0.2.1"),
        (vec![v4()], "a.example"),
    ] {
        assert_eq!(asked(names, ask), Err(Error::NameMismatch), "{ask}");
    }
}

#[test]
fn the_common_name_names_nobody() {
    let only_common_name = |params: &mut CertificateParams| {
        params.subject_alt_names.clear();
        params
            .distinguished_name
            .push(DnType::CommonName, "a.example");
    };
    assert_eq!(
        asked_of(only_common_name, "a.example"),
        Err(Error::NameMismatch)
    );
    let other_kinds = vec![SanType::URI("https://a.example".try_into().expect("ASCII"))];
    assert_eq!(asked(other_kinds, "a.example"), Err(Error::NameMismatch));
}

#[test]
fn an_extension_that_does_not_parse_is_refused() {
    for content in [
        &b"\x30\x00"[..],
        b"\x30\x0b\x82\x09a.exampl\xe9",
        b"\x30\x0c\x82\x0aa.example",
        b"\x30\x10\x82\x09a.example\x87\x03\xc0\x00\x02",
        b"\x30\x0f\x82\x09a.example\x8f\x02ab",
        b"\x82\x09a.example",
    ] {
        let extension = extension(&[2, 5, 29, 17], false, content);
        let names = |params: &mut CertificateParams| {
            params.subject_alt_names.clear();
            params.custom_extensions = vec![extension];
        };
        assert_eq!(
            asked_of(names, "a.example"),
            Err(Error::InvalidSubjectAltName),
            "{content:?}"
        );
    }
}

/// RFC 9525 6.3 said another way: same number of labels, each equal, but a first one of `*`
/// equals any.
fn matches_by_label(presented: &str, asked: &str) -> bool {
    let (presented, asked): (Vec<_>, Vec<_>) =
        (presented.split('.').collect(), asked.split('.').collect());
    let wild = presented[0] == "*" && presented.len() > 2;
    presented.len() == asked.len()
        && presented
            .iter()
            .zip(&asked)
            .enumerate()
            .all(|(nth, (presented, asked))| presented == asked || (wild && nth == 0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_match_is_a_match_of_every_label(
        presented: PresentedName,
        other: DnsName,
        first in "[a-z]{1,3}",
    ) {
        let end = presented.0.trim_start_matches(['*', '.', 'x']).trim_end_matches('.');
        let near = [other.0, end.to_owned(), format!("{first}.{end}"), format!("{first}.{first}.{end}")];
        for ask in near {
            let verdict = asked(vec![dns(&presented.0)], &ask);
            let expected = if matches_by_label(&presented.0, &ask) { Ok(()) } else { Err(Error::NameMismatch) };
            prop_assert_eq!(verdict, expected, "{} for {}", presented.0, ask);
        }
    }
}
