//! `netkit cert`: shows, judges and makes certificates.

mod inspect;
mod issue;
mod verify;

use std::path::Path;

use rustls_pki_types::pem::PemObject;

use crate::args::{Cert, CertCommand};
use crate::exit::Failure;

pub(crate) fn run(args: &Cert) -> Result<(), Failure> {
    match &args.command {
        CertCommand::Inspect(args) => inspect::run(args),
        CertCommand::Verify(args) => verify::run(args),
        CertCommand::New(args) => issue::run(args),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::file(path.display(), error))
}

/// Everything of one kind in a file: each section of a PEM text, or the whole if it is DER.
fn sections<T: PemObject + AsRef<[u8]>>(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let octets = read(path)?;
    // A SEQUENCE is no text.
    if octets.first() == Some(&0x30) {
        return Ok(vec![octets]);
    }
    let found: Vec<Vec<u8>> = T::pem_slice_iter(&octets)
        .map(|section| section.map(|section| section.as_ref().to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::file(path.display(), error))?;
    if found.is_empty() {
        return Err(Failure::file(
            path.display(),
            "neither PEM nor DER of that kind",
        ));
    }
    Ok(found)
}
