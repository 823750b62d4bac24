//! `netkit cert new`: a certificate and its key, self-signed or from a CA in a file.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::{DecodePem, Tag, Tagged};
use x509_cert::ext::pkix::SubjectKeyIdentifier;

use crate::args::{KeyType, New};
use crate::dev_ca::{self, DAY, set_validity};
use crate::exit::Failure;

pub(crate) fn run(args: &New) -> Result<(), Failure> {
    let key = dev_ca::generate(args.key_type).map_err(cannot)?;
    let params = params(args).map_err(cannot)?;
    let mut text = match &args.ca {
        Some(file) => {
            let issuer = ca(file)?;
            params.signed_by(&key, &issuer).map_err(cannot)?.pem()
        }
        None => params.self_signed(&key).map_err(cannot)?.pem(),
    };
    text.push_str(&key.serialize_pem());
    if let Some(file) = &args.output {
        return write_secret(file, &text);
    }
    crate::say(text.trim_end());
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn cannot(error: rcgen::Error) -> Failure {
    Failure::usage(format!("no such certificate can be made: {error}"))
}

fn params(args: &New) -> Result<CertificateParams, rcgen::Error> {
    let mut params = dev_ca::params(&args.names, args.key_type)?;
    params.extended_key_usages = vec![if args.client {
        ExtendedKeyUsagePurpose::ClientAuth
    } else {
        ExtendedKeyUsagePurpose::ServerAuth
    }];
    lasts(&mut params, args.days);
    Ok(params)
}

fn lasts(params: &mut CertificateParams, days: u32) {
    let lifetime = Duration::from_secs(u64::from(days) * DAY);
    let now = SystemTime::now();
    set_validity(params, &(dev_ca::lasting(now).start..now + lifetime));
}

/// The CA in this file, certificate and key. If there is no such file, a new CA is written to it.
fn ca(file: &Path) -> Result<Issuer<'static, KeyPair>, Failure> {
    /// Ten years: what it signs ends before it.
    const DAYS: u32 = 3650;
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = dev_ca::generate(KeyType::Ecdsa).map_err(cannot)?;
            let mut params = CertificateParams::default();
            params.distinguished_name = dev_ca::common("netkit CA");
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            lasts(&mut params, DAYS);
            let mut text = params.self_signed(&key).map_err(cannot)?.pem();
            text.push_str(&key.serialize_pem());
            write_secret(file, &text)?;
            text
        }
        Err(error) => return Err(Failure::file(file.display(), error)),
    };
    issuer(&text).map_err(|why| Failure::file(file.display(), why))
}

/// An issuer of a PEM text with certificate and key: what it signs names its subject and its key as they
/// are in the certificate.
fn issuer(text: &str) -> Result<Issuer<'static, KeyPair>, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let begins = text
        .find("-----BEGIN CERTIFICATE-----")
        .ok_or("no certificate in it")?;
    let ends = "-----END CERTIFICATE-----";
    let certificate = text[begins..]
        .split_inclusive(ends)
        .next()
        .unwrap_or_default();
    let certificate = x509_cert::Certificate::from_pem(certificate).map_err(|e| words(&e))?;
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|e| words(&e))?;
    let key = KeyPair::try_from(&key).map_err(|e| words(&e))?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let fields = certificate.tbs_certificate();
    for attribute in fields.subject().iter() {
        let arcs = attribute.oid.arcs().map(u64::from).collect();
        let value =
            dn_value(&AnyRef::from(&attribute.value)).ok_or("its subject cannot be copied")?;
        params
            .distinguished_name
            .push(DnType::CustomDnType(arcs), value);
    }
    if let Ok(Some((_, identifier))) = fields.get_extension::<SubjectKeyIdentifier>() {
        params.key_identifier_method = KeyIdMethod::PreSpecified(identifier.0.as_bytes().to_vec());
    }
    Ok(Issuer::new(params, key))
}

fn dn_value(value: &AnyRef<'_>) -> Option<DnValue> {
    let text = std::str::from_utf8(value.value()).ok()?;
    Some(match value.tag() {
        Tag::Utf8String => DnValue::Utf8String(text.to_owned()),
        Tag::PrintableString => DnValue::PrintableString(text.try_into().ok()?),
        Tag::Ia5String => DnValue::Ia5String(text.try_into().ok()?),
        _ => return None,
    })
}

/// A new file that its owner alone can read.
fn write_secret(file: &Path, text: &str) -> Result<(), Failure> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Failure::file(file.display(), error))
}
