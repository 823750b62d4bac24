//! What a root's profile asks of its certificates besides a valid path.

use crate::asn1::der;
use crate::pki::{Ca, HOST, NOW, at, ca_params, dns, extension, key, leaf_params, name};
use netkit_x509::{Error, Profile, Roots, Rule};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, NameConstraints, SanType,
};

type Edit = fn(&mut CertificateParams);

fn as_is(_: &mut CertificateParams) {}

/// The verdict on root, CA and leaf under a profile, each after its edit.
fn verdict(profile: Profile, edits: [Edit; 3]) -> Result<(), Error> {
    let mut params = ca_params("top");
    edits[0](&mut params);
    let top = Ca::self_signed(params, key()).expect("a root");
    let mut params = ca_params("middle");
    params.use_authority_key_identifier_extension = true;
    edits[1](&mut params);
    let middle = Ca::signed_by(params, key(), &top).expect("a CA");
    let mut params = leaf_params();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, HOST);
    params.use_authority_key_identifier_extension = true;
    edits[2](&mut params);
    let leaf = params.signed_by(&key(), &middle).expect("a leaf");
    let mut roots = Roots::new();
    roots.add_under(profile, top.der()).expect("parses");
    let chain = [leaf.der().clone(), middle.der().clone()];
    roots.verify_server(&chain, &name(HOST), at(NOW))
}

/// Holds under [`Profile::Path`], breaks `rule` under `profile` and those above it.
fn breaks(profile: Profile, edits: [Edit; 3], rule: Rule) {
    for judged in [Profile::Path, Profile::Rfc5280, Profile::WebPki] {
        let expected = if judged < profile {
            Ok(())
        } else {
            Err(Error::Nonconforming(rule))
        };
        assert_eq!(
            verdict(judged, edits),
            expected,
            "{rule:?} under {judged:?}"
        );
    }
}

#[test]
fn a_conforming_chain_passes_every_profile() {
    for profile in [Profile::Path, Profile::Rfc5280, Profile::WebPki] {
        assert_eq!(verdict(profile, [as_is; 3]), Ok(()), "{profile:?}");
    }
}

#[test]
fn rfc_5280_section_4() {
    use Profile::Rfc5280;
    let no_aki: Edit = |params| params.use_authority_key_identifier_extension = false;
    breaks(
        Rfc5280,
        [as_is, no_aki, as_is],
        Rule::NoAuthorityKeyIdentifier,
    );
    breaks(
        Rfc5280,
        [as_is, as_is, no_aki],
        Rule::NoAuthorityKeyIdentifier,
    );
    let no_usage: Edit = |params| params.key_usages.clear();
    breaks(Rfc5280, [no_usage, as_is, as_is], Rule::NoKeyUsage);
    breaks(Rfc5280, [as_is, no_usage, as_is], Rule::NoKeyUsage);
    let underscore: Edit = |params| params.subject_alt_names.push(dns("a_b.example"));
    breaks(Rfc5280, [as_is, as_is, underscore], Rule::DnsNameSyntax);
    let hyphen: Edit = |params| params.subject_alt_names.push(dns("-a.example"));
    breaks(Rfc5280, [as_is, as_is, hyphen], Rule::DnsNameSyntax);
    let address: Edit = |params| params.subject_alt_names.push(dns("192.0.2.1"));
    breaks(Rfc5280, [as_is, as_is, address], Rule::DnsNameSyntax);
    let limited_leaf: Edit = |params| {
        params.custom_extensions = vec![extension(&[2, 5, 29, 19], true, &[0x30, 3, 2, 1, 0])];
    };
    breaks(
        Rfc5280,
        [as_is, as_is, limited_leaf],
        Rule::PathLenWithoutCa,
    );
    // authorityInfoAccess of one otherName-free description, critical.
    let access: Edit = |params| {
        let content = [0x30, 14, 0x30, 12, 6, 8, 43, 6, 1, 5, 5, 7, 48, 1, 0x86, 0];
        params.custom_extensions = vec![extension(&[1, 3, 6, 1, 5, 5, 7, 1, 1], true, &content)];
    };
    breaks(Rfc5280, [as_is, as_is, access], Rule::CriticalExtension);
    let optional_constraints: Edit = |params| {
        params.custom_extensions = vec![extension(&[2, 5, 29, 36], false, &[0x30, 3, 0x80, 1, 9])];
    };
    breaks(
        Rfc5280,
        [as_is, optional_constraints, as_is],
        Rule::NotCriticalExtension,
    );
}

/// RFC 5280 wants nameConstraints critical; the Baseline Requirements allow both.
#[test]
fn name_constraints_may_be_optional_on_the_web_only() {
    let optional: Edit = |params| {
        let subtree = der(0x30, &der(0x82, b"a.example"));
        let content = der(0x30, &der(0xa0, &subtree));
        params.custom_extensions = vec![extension(&[2, 5, 29, 30], false, &content)];
    };
    let refused = Err(Error::Nonconforming(Rule::NotCriticalExtension));
    assert_eq!(verdict(Profile::Rfc5280, [as_is, optional, as_is]), refused);
    assert_eq!(verdict(Profile::WebPki, [as_is, optional, as_is]), Ok(()));
    let critical: Edit = |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("a.example".into())],
            excluded_subtrees: vec![],
        });
    };
    assert_eq!(verdict(Profile::Rfc5280, [as_is, critical, as_is]), Ok(()));
}

#[test]
fn the_baseline_requirements() {
    use Profile::WebPki;
    let no_purpose: Edit = |params| params.extended_key_usages.clear();
    breaks(
        WebPki,
        [as_is, as_is, no_purpose],
        Rule::ServerExtendedKeyUsage,
    );
    let any_purpose: Edit = |params| {
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::Any);
    };
    breaks(
        WebPki,
        [as_is, as_is, any_purpose],
        Rule::ServerExtendedKeyUsage,
    );
    let authority: Edit = |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    };
    breaks(WebPki, [as_is, as_is, authority], Rule::CaAsServer);
    let other_name: Edit = |params| {
        let address = "me@a.example".try_into().expect("ASCII");
        params.subject_alt_names.push(SanType::Rfc822Name(address));
    };
    breaks(
        WebPki,
        [as_is, as_is, other_name],
        Rule::ServerSubjectAltName,
    );
    let elsewhere: Edit = |params| {
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "WWW.a.example");
    };
    breaks(
        WebPki,
        [as_is, as_is, elsewhere],
        Rule::CommonNameNotInSubjectAltName,
    );
    let purpose_of_root: Edit = |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    };
    breaks(
        WebPki,
        [purpose_of_root, as_is, as_is],
        Rule::ExtendedKeyUsageInRoot,
    );
    let bare_identifier: Edit = |params| {
        // authorityKeyIdentifier with a key that is not the root's.
        let content = [0x30, 3, 0x80, 1, 7];
        params.custom_extensions = vec![extension(&[2, 5, 29, 35], false, &content)];
    };
    breaks(
        WebPki,
        [bare_identifier, as_is, as_is],
        Rule::KeyIdentifierMismatch,
    );
}

#[test]
fn the_web_has_no_ed25519() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let top = Ca::self_signed(ca_params("top"), key).expect("a root");
    let mut params = leaf_params();
    params.use_authority_key_identifier_extension = true;
    let leaf = params.signed_by(&crate::pki::key(), &top).expect("a leaf");
    let mut roots = Roots::new();
    roots.add_under(Profile::WebPki, top.der()).expect("parses");
    assert_eq!(
        roots.verify_server(&[leaf.der().clone()], &name(HOST), at(NOW)),
        Err(Error::Nonconforming(Rule::KeyAlgorithm))
    );
}
