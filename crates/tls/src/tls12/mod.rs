//! TLS 1.2 (RFC 5246) with authenticated encryption only: the secrets and both sides' flows.

pub(crate) mod both;
pub(crate) mod client;
mod prf;
pub(crate) mod server;
