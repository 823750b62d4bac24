//! The shim between BoringSSL's test runner and netkit's TLS: see docs/conformance.md.

mod checks;
mod compression;
pub mod errors;
pub mod exchange;
pub mod expected;
pub mod flags;
pub mod judge;
pub mod settings;
mod wire;
