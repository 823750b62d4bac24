//! What is read in place, held equal to what `x509-cert` reads.

use crate::{Error, certificate::Certificate, generators::Mutation};
use alloc::{string::ToString, vec::Vec};
use der::{Decode, Encode, ErrorKind, asn1::ObjectIdentifier};
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
    SanType,
};
use std::sync::LazyLock;
use x509_cert::ext::pkix;

extern crate std;

/// One with every extension that rcgen writes.
static RICH: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut params = CertificateParams::new(["a.example".to_string()]).unwrap();
    params.distinguished_name.push(DnType::CountryName, "XX");
    params.distinguished_name.push(DnType::CommonName, "a name");
    params.subject_alt_names.extend([
        SanType::IpAddress([192, 0, 2, 1].into()),
        SanType::Rfc822Name("me@a.example".try_into().unwrap()),
        SanType::URI("https://a.example/".try_into().unwrap()),
    ]);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(3));
    params.key_usages = std::vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = std::vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: std::vec![GeneralSubtree::DnsName("a.example".into())],
        excluded_subtrees: std::vec![GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix(
            [192, 0, 2, 0],
            24
        ))],
    });
    params.use_authority_key_identifier_extension = true;
    for (arc, content) in [
        (32, &[0x30, 8, 0x30, 6, 6, 4, 0x55, 0x1d, 0x20, 0][..]),
        (33, &[0x30, 12, 0x30, 10, 6, 3, 42, 3, 1, 6, 3, 42, 3, 2]),
        (36, &[0x30, 6, 0x80, 1, 2, 0x81, 1, 0]),
        (54, &[2, 1, 5]),
    ] {
        let extension = CustomExtension::from_oid_content(&[2, 5, 29, arc], content.to_vec());
        params.custom_extensions.push(extension);
    }
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
});

/// Whatever is read here is read there, to the same fields.
fn same(der: &[u8]) -> Result<(), TestCaseError> {
    // x509-cert reads less of a certificate, and so more certificates.
    let Ok(ours) = Certificate::parse(der) else {
        return Ok(());
    };
    let theirs = match x509_cert::Certificate::from_der(der) {
        Ok(theirs) => theirs,
        Err(error) if is_beyond_them(error.kind()) => return Ok(()),
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
    };
    let fields = theirs.tbs_certificate();
    let content = |tlv: Vec<u8>| der::asn1::AnyRef::from_der(&tlv).unwrap().value().to_vec();
    prop_assert_eq!(ours.issuer, content(fields.issuer().to_der().unwrap()));
    prop_assert_eq!(ours.subject, content(fields.subject().to_der().unwrap()));
    let validity = fields.validity();
    prop_assert_eq!(
        ours.not_before,
        validity.not_before.to_unix_duration().as_secs()
    );
    prop_assert_eq!(
        ours.not_after,
        validity.not_after.to_unix_duration().as_secs()
    );
    prop_assert_eq!(
        ours.subject_public_key_info,
        content(fields.subject_public_key_info().to_der().unwrap())
    );
    prop_assert_eq!(ours.signed.tbs, fields.to_der().unwrap());
    prop_assert_eq!(Some(ours.signed.signature), theirs.signature().as_bytes());
    extensions(&ours, fields)
}

fn extensions(
    ours: &Certificate<'_>,
    theirs: &x509_cert::TbsCertificate,
) -> Result<(), TestCaseError> {
    let ours = &ours.extensions;
    if let Ok(Some((_, theirs))) = theirs.get_extension::<pkix::BasicConstraints>() {
        let constraints = ours.basic_constraints.unwrap();
        prop_assert_eq!(constraints.ca, theirs.ca);
        let path_len = theirs.path_len_constraint.map(u32::from);
        prop_assert_eq!(constraints.path_len_constraint, path_len);
    }
    if let Ok(Some((_, theirs))) = theirs.get_extension::<pkix::ExtendedKeyUsage>() {
        let theirs: Vec<&[u8]> = theirs.0.iter().map(ObjectIdentifier::as_bytes).collect();
        let ours: Vec<&[u8]> = ours.extended_key_usage.unwrap().iter().collect();
        prop_assert_eq!(ours, theirs);
    }
    if let Ok(Some((_, theirs))) = theirs.get_extension::<pkix::SubjectAltName>() {
        prop_assert_eq!(
            ours.subject_alt_name.unwrap().iter().count(),
            theirs.0.len()
        );
    }
    if let Ok(Some((_, theirs))) = theirs.get_extension::<pkix::SubjectKeyIdentifier>() {
        prop_assert_eq!(ours.subject_key_identifier, Some(theirs.0.as_bytes()));
    }
    if let Ok(Some((_, theirs))) = theirs.get_extension::<pkix::CertificatePolicies>() {
        let theirs: Vec<&[u8]> = theirs
            .0
            .iter()
            .map(|p| p.policy_identifier.as_bytes())
            .collect();
        let ours: Vec<&[u8]> = ours.certificate_policies.unwrap().iter().collect();
        prop_assert_eq!(ours, theirs);
    }
    Ok(())
}

/// What `der` refuses though it is DER: tags that it has no name for, where anything may stand, and arcs of
/// OIDs that nobody has assigned.
const fn is_beyond_them(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::TagUnknown { .. } | ErrorKind::OidMalformed)
}

#[test]
fn the_undamaged_certificate_is_read_by_both() {
    assert_eq!(Certificate::parse(&RICH).map(drop), Ok(()));
    assert!(x509_cert::Certificate::from_der(&RICH).is_ok());
    let twice = Certificate::parse(&[&RICH[..], &RICH[..]].concat()).map(drop);
    assert_eq!(twice, Err(Error::Malformed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn damaged_certificates_are_read_alike(damage: Mutation) {
        same(&damage.apply(&RICH))?;
    }
}

/// Each octet by itself, changed in each bit.
#[test]
fn each_changed_bit_is_read_alike() {
    for place in 0..RICH.len() {
        for bit in 0..8 {
            let mut changed = RICH.clone();
            changed[place] ^= 1 << bit;
            same(&changed).unwrap();
        }
    }
}
