//! Where trust begins: the system's store, a bundle compiled in, or PEM files.

use crate::error::{Error, Layer, Stage};
use netkit_tls::CertificateDer;
use netkit_x509::{Profile, PublicKey, Roots};
use rustls_pki_types::pem::PemObject;
use std::path::Path;

/// The roots that the operating system trusts.
///
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` name others. Entries that are no certificates are passed over, as
/// system stores hold some; it fails only when nothing usable is left. Roots that are in [`bundle`] too are the
/// web's: their servers are held to the CA/Browser Forum's rules.
pub fn system() -> Result<Roots, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = Roots::new();
    for certificate in &found.certs {
        // One unreadable entry must not take the rest of the store away.
        let _ = roots.add_under(profile(certificate), certificate);
    }
    if !roots.is_empty() {
        return Ok(roots);
    }
    let error = Error::usage("the system has no trusted root certificates")
        .advise("install ca-certificates, name a PEM file, or use the bundled roots");
    Err(match found.errors.into_iter().next() {
        Some(cause) => error.because(cause),
        None => error,
    })
}

/// Whose rules bind a root of the system's: browsers make that difference too, for stores also hold the
/// roots of schools, firms and developers.
fn profile(certificate: &CertificateDer<'_>) -> Profile {
    let Ok(key) = PublicKey::of_certificate(certificate) else {
        return Profile::Path;
    };
    let of_the_web = |key: &[u8]| {
        let mut anchors = webpki_roots::TLS_SERVER_ROOTS.iter();
        anchors.any(|anchor| anchor.subject_public_key_info.ends_with(key))
    };
    if of_the_web(key.subject_public_key()) {
        Profile::WebPki
    } else {
        Profile::Path
    }
}

/// Mozilla's roots, as compiled into this program: they age with it. Their servers are held to the
/// CA/Browser Forum's rules.
pub fn bundle() -> Roots {
    let mut roots = Roots::new();
    for anchor in webpki_roots::TLS_SERVER_ROOTS {
        roots.add_anchor_under(Profile::WebPki, anchor.clone());
    }
    roots
}

/// Every certificate in the PEM file at `path`, as a root.
pub fn pem_file(path: impl AsRef<Path>) -> Result<Roots, Error> {
    pem(&crate::identity::read(path.as_ref())?)
}

/// Every certificate in a PEM text, as a root. Other sections are passed over.
pub fn pem(text: &[u8]) -> Result<Roots, Error> {
    let mut roots = Roots::new();
    for certificate in CertificateDer::pem_slice_iter(text) {
        let certificate = certificate
            .map_err(|error| Error::usage(format!("not a PEM text: {error}")).because(error))?;
        roots.add(&certificate).map_err(|error| {
            Error::new(
                Layer::Certificate,
                Stage::Setup,
                format!("not a root: {error}"),
            )
            .because(error)
        })?;
    }
    if roots.is_empty() {
        return Err(Error::usage("no certificate in the PEM text")
            .advise("a certificate begins with -----BEGIN CERTIFICATE-----"));
    }
    Ok(roots)
}
