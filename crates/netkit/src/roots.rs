//! Where trust begins: the system's store, a bundle compiled in, or PEM files.

use crate::error::{Error, Layer, Stage};
use netkit_tls::CertificateDer;
use netkit_x509::Roots;
use rustls_pki_types::pem::PemObject;
use std::path::Path;

/// The roots that the operating system trusts.
///
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` name others. Entries that are no certificates are passed over, as
/// system stores hold some; it fails only when nothing usable is left.
pub fn system() -> Result<Roots, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = Roots::new();
    for certificate in &found.certs {
        // One unreadable entry must not take the rest of the store away.
        let _ = roots.add(certificate);
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

/// Mozilla's roots, as compiled into this program: they age with it.
pub fn bundle() -> Roots {
    let mut roots = Roots::new();
    for anchor in webpki_roots::TLS_SERVER_ROOTS {
        roots.add_anchor(anchor.clone());
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
