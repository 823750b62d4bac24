//! What a person is told.

use crate::pki::{self, Ca, DAY, Der, HOST, NOW, at, ca, dns, leaf, name, root, trust};
use netkit_x509::{Diagnosis, Error, Roots, diagnose};
use rcgen::{CertificateParams, DnType, SanType};

/// The diagnosis of a refusal that must happen.
fn refused(roots: &Roots, chain: &[Der], ask: &str, now: u64) -> Diagnosis {
    let error = roots
        .verify_server(chain, &name(ask), at(now))
        .expect_err("a refusal");
    let diagnosis = diagnose(chain, roots, &name(ask), at(now), error);
    assert_eq!(diagnosis.error, error);
    diagnosis
}

fn as_is(_: &mut CertificateParams) {}

#[test]
fn expiry_has_a_date_and_an_age() {
    let top = root("top", as_is);
    let chain = [leaf(&top, |params| {
        params.not_after = rcgen::date_time_ymd(2029, 12, 29);
    })];
    let diagnosis = refused(&trust(&[&top]), &chain, HOST, NOW);
    assert_eq!(
        diagnosis.to_string(),
        "certificate expired 3 days ago (notAfter 2029-12-29)\
         \n  certificate: CN=a server\
         \n  hint: renew the certificate; if today is not 2030-01-01, set this machine's clock"
    );
    let hours = refused(&trust(&[&top]), &chain, HOST, NOW - 2 * DAY - 3600);
    assert_eq!(
        hours.summary,
        "certificate expired 23 hours ago (notAfter 2029-12-29)"
    );
}

#[test]
fn the_expired_one_of_several_is_named() {
    let top = root("top", |params| {
        params.not_after = rcgen::date_time_ymd(2029, 1, 1);
    });
    let chain = [leaf(&top, as_is)];
    let diagnosis = refused(&trust(&[&top]), &chain, HOST, NOW);
    assert_eq!(
        diagnosis.summary,
        "certificate expired 365 days ago (notAfter 2029-01-01)"
    );
    assert_eq!(diagnosis.certificate.as_deref(), Some("CN=top"));
}

#[test]
fn a_clock_that_is_behind_is_suspected() {
    let top = root("top", as_is);
    let chain = [leaf(&top, |params| {
        params.not_before = rcgen::date_time_ymd(2030, 1, 1);
    })];
    let skewed = refused(&trust(&[&top]), &chain, HOST, NOW - 90);
    assert_eq!(
        skewed.summary,
        "certificate not valid yet, it starts in 1 minute (notBefore 2030-01-01)"
    );
    assert_eq!(
        skewed.hint.as_deref(),
        Some("the two clocks may differ: this machine's is 1 minute behind")
    );
    let far = refused(&trust(&[&top]), &chain, HOST, NOW - 9 * DAY);
    assert_eq!(
        far.hint.as_deref(),
        Some("if today is not 2029-12-23, set this machine's clock")
    );
}

#[test]
fn both_names_are_shown() {
    let top = root("top", as_is);
    let told = |names: &[SanType], ask| {
        let chain = [leaf(&top, |params| {
            params.subject_alt_names = names.to_vec();
        })];
        refused(&trust(&[&top]), &chain, ask, NOW).to_string()
    };
    let address = SanType::IpAddress([192, 0, 2, 1].into());
    assert_eq!(
        told(
            &[dns("a.example"), dns("*.a.example"), address.clone()],
            "b.example"
        ),
        "the certificate is not for b.example\
         \n  asked for: b.example\
         \n  it is for: a.example, *.a.example, 192.0.2.1"
    );
    assert!(told(&[dns("*.a.example")], "c.b.a.example").contains("exactly one label"));
    assert!(told(&[dns("a.example")], "www.a.example").contains("ask for that"));
    assert!(told(&[dns("a.example")], "192.0.2.1").contains("iPAddress"));
    let many: Vec<_> = (0..20).map(|nth| dns(&format!("n{nth}.example"))).collect();
    assert!(told(&many, "b.example").contains("n7.example and 12 more"));
}

#[test]
fn a_name_only_in_the_common_name_is_a_near_miss() {
    let top = root("top", as_is);
    let chain = [leaf(&top, |params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(DnType::CommonName, HOST);
    })];
    let told = refused(&trust(&[&top]), &chain, HOST, NOW).to_string();
    assert!(told.contains("no name at all"), "{told}");
    assert!(told.contains("common name"), "{told}");
}

#[test]
fn the_missing_issuer_is_named() {
    let top = root("top", as_is);
    let middle = ca("middle", &top, as_is);
    let lower = ca("lower", &middle, as_is);
    let chain = [leaf(&lower, as_is), lower.der().clone()];
    let gap = refused(&trust(&[&top]), &chain, HOST, NOW);
    assert_eq!(gap.missing_issuer.as_deref(), Some("CN=middle"));
    assert_eq!(gap.certificate.as_deref(), Some("CN=lower"));
    assert!(
        gap.to_string().contains("left out an intermediate"),
        "{gap}"
    );

    let whole = [
        leaf(&middle, as_is),
        middle.der().clone(),
        top.der().clone(),
    ];
    let other = root("other", as_is);
    let untrusted = refused(&trust(&[&other]), &whole, HOST, NOW);
    assert_eq!(
        untrusted.summary,
        "the chain ends in a root that is not trusted"
    );
    assert_eq!(untrusted.missing_issuer.as_deref(), Some("CN=top"));
    assert!(
        refused(&Roots::new(), &whole, HOST, NOW)
            .to_string()
            .contains("no root is trusted")
    );

    let itself = Ca::self_signed(pki::leaf_params(), pki::key()).expect("self-signed");
    let alone = refused(&trust(&[&other]), &[itself.der().clone()], HOST, NOW);
    assert_eq!(
        alone.summary,
        "the certificate is signed by itself, and not trusted"
    );
}

#[test]
fn a_peers_text_cannot_steer_the_terminal() {
    let evil = root("evil\x1b[2J\u{202e}\r\n", as_is);
    let told = refused(&Roots::new(), &[leaf(&evil, as_is)], HOST, NOW);
    let issuer = told.missing_issuer.expect("an issuer");
    assert!(
        !issuer.chars().any(|c| c.is_control() || c == '\u{202e}'),
        "{issuer:?}"
    );
}

#[test]
fn every_error_has_a_name_and_words() {
    let top = root("top", as_is);
    let chain = [leaf(&top, as_is)];
    let malformed = refused(&trust(&[&top]), &[Der::from(vec![1])], HOST, NOW);
    assert_eq!(malformed.to_string(), "a certificate is malformed");
    let expired = Error::Expired {
        not_after: 5,
        now: 7,
    };
    assert_eq!(
        (expired.name(), expired.to_string().as_str()),
        (
            "expired",
            "certificate expired 2 seconds ago (notAfter 1970-01-01)"
        )
    );
    let told = diagnose(
        &chain,
        &trust(&[&top]),
        &name(HOST),
        at(NOW),
        Error::BudgetExceeded,
    );
    assert_eq!(told.summary, Error::BudgetExceeded.to_string());
}
