//! TLS 1.3 (RFC 9846): the key schedule and both sides' flows.

pub(crate) mod both;
mod choice;
pub(crate) mod client;
mod schedule;
pub(crate) mod server;
mod tickets;
