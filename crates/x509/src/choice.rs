//! For whoever has to choose among certificates of its own: nothing here is a verdict.

use crate::{
    asn1::SEQUENCE,
    certificate::Certificate,
    identity::{self, Identity},
};
use alloc::vec::Vec;
use rustls_pki_types::ServerName;

/// Whether a certificate of ours in DER has `name`. One that does not parse has none.
pub fn has_name(certificate: &[u8], name: &ServerName<'_>) -> bool {
    Certificate::parse(certificate)
        .is_ok_and(|certificate| identity::matches(&certificate, &Identity::Server(name)).is_ok())
}

/// Whether a certificate of ours in DER names one of `authorities`, distinguished names in DER, as its
/// issuer.
pub fn names_issuer(certificate: &[u8], authorities: &[&[u8]]) -> bool {
    Certificate::parse(certificate).is_ok_and(|certificate| {
        authorities.contains(&distinguished_name(certificate.issuer).as_slice())
    })
}

/// The Name in DER whose SEQUENCE has this content.
pub(crate) fn distinguished_name(content: &[u8]) -> Vec<u8> {
    framed(SEQUENCE, content)
}

/// An element of DER with this tag and content.
pub(crate) fn framed(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let zeros = length.iter().take_while(|&&octet| octet == 0).count();
    let length = &length[zeros.min(length.len() - 1)..];
    let mut der = Vec::with_capacity(content.len() + 4);
    der.push(tag);
    if content.len() >= 128 {
        der.push(0x80 | length.len() as u8);
    }
    der.extend_from_slice(length);
    der.extend_from_slice(content);
    der
}

#[cfg(test)]
mod tests {
    use super::{distinguished_name, has_name, names_issuer};
    use alloc::{vec, vec::Vec};
    use rustls_pki_types::ServerName;

    #[test]
    fn a_name_is_framed_as_der_wants() {
        assert_eq!(distinguished_name(&[]), [0x30, 0]);
        assert_eq!(distinguished_name(&[7; 127])[..3], [0x30, 127, 7]);
        assert_eq!(distinguished_name(&[7; 128])[..4], [0x30, 0x81, 128, 7]);
        assert_eq!(
            distinguished_name(&vec![7; 256])[..5],
            [0x30, 0x82, 1, 0, 7]
        );
    }

    #[test]
    fn a_certificate_is_found_by_its_name_and_its_issuer() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::default();
        ca.distinguished_name
            .push(rcgen::DnType::CommonName, "An authority");
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let mut roots = crate::Roots::new();
        roots.add(ca.self_signed(&key).unwrap().der()).unwrap();
        let issuer = rcgen::Issuer::from_params(&ca, &key);
        let leaf = rcgen::CertificateParams::new(["a.test".into()])
            .unwrap()
            .signed_by(&key, &issuer)
            .unwrap();
        let name = |name: &'static str| ServerName::try_from(name).unwrap();
        assert!(has_name(leaf.der(), &name("a.test")));
        assert!(!has_name(leaf.der(), &name("b.test")));
        assert!(!has_name(b"no certificate", &name("a.test")));
        let [authority] = &roots.subjects().collect::<Vec<_>>()[..] else {
            panic!("one root");
        };
        assert!(names_issuer(leaf.der(), &[&[0x30, 0], authority]));
        assert!(!names_issuer(leaf.der(), &[&[0x30, 0]]));
        assert!(!names_issuer(b"no certificate", &[authority]));
    }
}
