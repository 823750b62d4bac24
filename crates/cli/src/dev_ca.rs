//! A certificate authority for development: it lives in memory, signs one server certificate, and
//! forgets its key.

use std::net::IpAddr;
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netkit::{CertificateDer, PrivateKeyDer};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256,
};

use crate::args::KeyType;

/// How long what it signs lasts.
pub(crate) const LIFETIME: Duration = Duration::from_secs(7 * DAY);
pub(crate) const DAY: u64 = 24 * HOUR;
const HOUR: u64 = 60 * 60;
/// Clocks differ: a certificate begins a little in the past.
const SKEW: Duration = Duration::from_secs(HOUR);

/// An authority.
#[derive(Debug)]
pub(crate) struct DevCa {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

/// A server's certificate, and its key in PKCS #8.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl DevCa {
    /// An authority with this common name, and a P-256 key.
    pub(crate) fn new(common_name: &str) -> Result<Self, rcgen::Error> {
        Self::with(common_name, KeyType::Ecdsa)
    }

    /// The same with a key of this type.
    pub(crate) fn with(common_name: &str, key_type: KeyType) -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = common(common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, &lasting(SystemTime::now()));
        let key = generate(key_type)?;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        })
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a server of these names: DNS names, or IP addresses as text.
    pub(crate) fn sign(
        &self,
        names: &[&str],
        key_type: KeyType,
        validity: &Range<SystemTime>,
    ) -> Result<Signed, rcgen::Error> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = params(&names, key_type)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        set_validity(&mut params, validity);
        let key = generate(key_type)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Signed {
            certificate: certificate.der().clone(),
            key: PrivateKeyDer::Pkcs8(key.into()),
        })
    }
}

/// A certificate for these names: DNS names, or IP addresses as text.
pub(crate) fn params(
    names: &[String],
    key_type: KeyType,
) -> Result<CertificateParams, rcgen::Error> {
    // `new` tells addresses from DNS names by parsing them.
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = common(&names[0]);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    if key_type == KeyType::Rsa {
        // RFC 5246 7.4.2: RSA key transport wants it.
        params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
    }
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// A private key.
pub(crate) fn generate(key_type: KeyType) -> Result<KeyPair, rcgen::Error> {
    match key_type {
        KeyType::Ecdsa => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        KeyType::Ed25519 => KeyPair::generate_for(&PKCS_ED25519),
        KeyType::Rsa => {
            let key = crate::rsa_key::generate().map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
            KeyPair::from_der_and_sign_algo(&key, &PKCS_RSA_SHA256)
        }
    }
}

/// From a little before `start` for [`LIFETIME`].
pub(crate) fn lasting(start: SystemTime) -> Range<SystemTime> {
    start - SKEW..start + LIFETIME
}

/// The names of a server that is asked for as `name`: this machine has three.
pub(crate) fn names_of(name: &str) -> Vec<&str> {
    match name {
        "localhost" => vec!["localhost", "127.0.0.1", "::1"],
        other => vec![other],
    }
}

/// Whether a URL writes this name in brackets (RFC 3986 3.2.2).
pub(crate) fn in_url(name: &str) -> String {
    match name.parse() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => name.to_owned(),
    }
}

/// A name that is this common name.
pub(crate) fn common(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

pub(crate) fn set_validity(params: &mut CertificateParams, validity: &Range<SystemTime>) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let since = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default();
    params.not_before = epoch + since(validity.start);
    params.not_after = epoch + since(validity.end);
}
