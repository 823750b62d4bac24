#![no_std]
#![doc = include_str!("../README.md")]

extern crate alloc;
#[cfg(feature = "arbitrary")]
extern crate std;

mod certificate;
mod choice;
mod constraints;
mod dates;
mod diagnose;
mod error;
#[cfg(any(feature = "proptest", feature = "arbitrary"))]
pub mod generators;
pub mod limits;
mod name;
mod path;
mod roots;
mod signature;
mod validate;

pub use choice::{has_name, names_issuer};
pub use diagnose::{Diagnosis, diagnose};
pub use error::Error;
pub use roots::Roots;
pub use signature::{KeyKind, PublicKey, SignatureAlgorithm};

pub use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
