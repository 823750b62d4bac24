//! A small CA: every certificate is made in memory, and every test changes one thing about it.

use netkit_x509::{CertificateDer, Error, Roots, ServerName, UnixTime};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use std::time::Duration;

pub(crate) type Ca = CertifiedIssuer<'static, KeyPair>;
pub(crate) type Der = CertificateDer<'static>;

/// 2030-01-01T00:00:00Z: the time of every verdict that does not say another.
pub(crate) const NOW: u64 = 1_893_456_000;
pub(crate) const DAY: u64 = 24 * 60 * 60;

/// The name that every verdict asks for that does not say another.
pub(crate) const HOST: &str = "www.a.example";

pub(crate) fn key() -> KeyPair {
    KeyPair::generate().expect("a P-256 key")
}

/// The same key once more: rcgen's keys are not `Clone`.
pub(crate) fn copy(key: &KeyPair) -> KeyPair {
    KeyPair::try_from(key.serialized_der()).expect("a key that was serialised")
}

fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}

pub(crate) fn ca_params(common_name: &str) -> CertificateParams {
    let mut params = named(common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A self-signed CA, after `edit`.
pub(crate) fn root(common_name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Ca {
    let mut params = ca_params(common_name);
    edit(&mut params);
    Ca::self_signed(params, key()).expect("a root")
}

/// A CA below `issuer`, after `edit`.
pub(crate) fn ca(common_name: &str, issuer: &Ca, edit: impl FnOnce(&mut CertificateParams)) -> Ca {
    ca_with_key(common_name, key(), issuer, edit)
}

pub(crate) fn ca_with_key(
    common_name: &str,
    key: KeyPair,
    issuer: &Ca,
    edit: impl FnOnce(&mut CertificateParams),
) -> Ca {
    let mut params = ca_params(common_name);
    edit(&mut params);
    Ca::signed_by(params, key, issuer).expect("a CA")
}

/// A server's certificate for [`HOST`], after `edit`.
pub(crate) fn leaf(issuer: &Ca, edit: impl FnOnce(&mut CertificateParams)) -> Der {
    let mut params = leaf_params();
    edit(&mut params);
    params
        .signed_by(&key(), issuer)
        .expect("a leaf")
        .der()
        .clone()
}

pub(crate) fn leaf_params() -> CertificateParams {
    let mut params = named("a server");
    params.subject_alt_names = vec![dns(HOST)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

pub(crate) fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("ASCII"))
}

/// An extension of any kind with any content.
pub(crate) fn extension(oid: &[u64], critical: bool, content: &[u8]) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, content.to_vec());
    extension.set_criticality(critical);
    extension
}

pub(crate) fn trust(roots: &[&Ca]) -> Roots {
    let mut trusted = Roots::new();
    for root in roots {
        trusted.add(root.der()).expect("a root that parses");
    }
    trusted
}

pub(crate) fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

pub(crate) fn name(text: &str) -> ServerName<'_> {
    ServerName::try_from(text).expect("a server name")
}

/// The verdict for [`HOST`] at [`NOW`].
pub(crate) fn verdict(roots: &Roots, chain: &[Der]) -> Result<(), Error> {
    roots.verify_server(chain, &name(HOST), at(NOW))
}

/// The verdict on a leaf and the CAs above it, under the one root.
pub(crate) fn under(root: &Ca, leaf: Der, cas: &[&Ca]) -> Result<(), Error> {
    let mut chain = vec![leaf];
    chain.extend(cas.iter().map(|ca| ca.der().clone()));
    verdict(&trust(&[root]), &chain)
}
