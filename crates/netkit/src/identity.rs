//! Who a server is: a certificate chain and its private key, from PEM.

use crate::error::{Error, Layer, Stage};
use netkit_tls::{CertificateDer, Identity, PrivateKeyDer};
use rustls_pki_types::pem::PemObject;
use std::path::Path;

/// The chain in one PEM file (the server's own certificate first) and the private key in another;
/// both may be in the same.
pub fn pem_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Identity, Error> {
    pem(&read(chain.as_ref())?, &read(key.as_ref())?)
}

/// The chain (the server's own certificate first) and the private key as PEM texts. The key is PKCS #8,
/// PKCS #1 or SEC 1.
pub fn pem(chain: &[u8], key: &[u8]) -> Result<Identity, Error> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|error| Error::usage(format!("not a PEM text: {error}")).because(error))?;
    if chain.is_empty() {
        return Err(Error::usage("no certificate in the PEM text")
            .advise("a certificate begins with -----BEGIN CERTIFICATE-----"));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
        Error::usage(format!("no private key in the PEM text: {error}"))
            .because(error)
            .advise(
                "a private key begins with -----BEGIN PRIVATE KEY-----; it must not be encrypted",
            )
    })?;
    Identity::new(chain, &key).map_err(|error| {
        Error::new(Layer::Tls, Stage::Setup, error.to_string())
            .because(error)
            .advise("give the private key of the chain's first certificate")
    })
}

/// The file at `path`; the error names it.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| {
        Error::usage(format!("cannot read {}: {error}", path.display())).because(error)
    })
}
