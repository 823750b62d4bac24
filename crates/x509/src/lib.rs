#![no_std]
#![doc = include_str!("../README.md")]

extern crate alloc;
#[cfg(feature = "arbitrary")]
extern crate std;

mod asn1;
mod budget;
mod certificate;
mod choice;
mod conformance;
mod constraints;
mod crl;
mod dates;
mod diagnose;
mod directory;
#[cfg(test)]
mod equal;
mod error;
mod extensions;
mod general_name;
#[cfg(any(test, feature = "proptest", feature = "arbitrary"))]
pub mod generators;
mod identity;
mod inputs;
pub mod limits;
mod ocsp;
mod oids;
#[cfg(feature = "p521")]
mod p521;
mod path;
mod policy;
mod revocation;
mod roots;
mod section6;
mod signature;
mod text;
mod tree;

pub use choice::{has_name, names_issuer};
pub use conformance::{Profile, Rule};
pub use diagnose::{Diagnosis, diagnose};
pub use error::Error;
pub use identity::Identity;
pub use inputs::{Inputs, KeyUsage, Policies, Purpose};
pub use path::Path;
pub use revocation::{Reason, Revocation, Scope, Unknown};
pub use roots::Roots;
pub use signature::{KeyKind, PublicKey, SignatureAlgorithm, key_for};
pub use tree::Attempt;

pub use der::asn1::ObjectIdentifier;
pub use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
