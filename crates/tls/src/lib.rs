#![no_std]
#![doc = include_str!("../README.md")]

extern crate alloc;
#[cfg(any(feature = "arbitrary", test))]
extern crate std;

mod codepoints;
mod config;
mod connection;
mod crypto;
mod error;
#[cfg(any(feature = "proptest", feature = "arbitrary"))]
pub mod generators;
mod identity;
mod io;
mod joiner;
pub mod limits;
mod messages;
mod record;
mod tls13;
mod verify;
mod watch;

pub use codepoints::{
    AlertDescription, CipherSuite, ContentType, ExtensionType, HandshakeType, KeyUpdateRequest,
    NamedGroup, ProtocolVersion, SignatureScheme,
};
pub use config::{ClientConfig, ServerConfig};
pub use connection::{Agreed, Connection, Event, Found};
pub use error::{Error, Malformed};
pub use identity::Identity;
pub use verify::{DangerousAcceptAny, ServerVerifier};
pub use watch::{KeyLog, Note, Watch, What};

pub use rand_core::CryptoRng;
pub use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
