//! The primitives, and the only place that names ring (and crypto-bigint and ml-kem, for what ring has not).
//!
//! ring draws its own randomness for key shares and signatures; both stand behind one type each
//! ([`kx::KeyShare`], [`sign::SigningKey`]). Its key contexts do not wipe themselves; every secret
//! that we hold as bytes does ([`hkdf::Secret`]).

pub(crate) mod aead;
pub(crate) mod hash;
pub(crate) mod hkdf;
#[cfg(feature = "ml-kem")]
mod hybrid;
pub(crate) mod kx;
#[cfg(feature = "p521")]
mod p521;
#[cfg(feature = "rsa-key-transport")]
pub mod rsa;
pub(crate) mod sign;
pub(crate) mod ticket;
