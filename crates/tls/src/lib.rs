#![no_std]
#![doc = include_str!("../README.md")]

extern crate alloc;
#[cfg(any(feature = "std", feature = "arbitrary", test))]
extern crate std;

mod codepoints;
mod compression;
mod config;
mod connection;
mod crypto;
mod disagreement;
mod error;
#[cfg(any(feature = "proptest", feature = "arbitrary"))]
pub mod generators;
mod hello;
mod identity;
mod io;
mod joiner;
pub mod limits;
mod messages;
mod psk;
mod record;
mod resumption;
mod suites;
mod tls12;
mod tls13;
mod transcript;
mod verify;
mod watch;

pub use codepoints::{
    AlertDescription, CertificateCompressionAlgorithm, CipherSuite, ContentType, ExtensionType,
    HandshakeType, KeyUpdateRequest, NamedGroup, ProtocolVersion, SignatureScheme,
};
pub use compression::CertificateCompression;
#[cfg(feature = "brotli")]
pub use compression::brotli::Brotli;
#[cfg(feature = "zlib")]
pub use compression::zlib::Zlib;
pub use config::{ClientAuth, ClientConfig, ServerConfig, Tls12, Versions};
pub use connection::{Agreed, Connection, EarlyData, Event, Found, Question};
#[cfg(feature = "rsa-key-transport")]
pub use crypto::rsa;
pub use disagreement::{Disagreement, Lists, Protocol};
pub use error::{Error, Malformed, Spoken};
pub use hello::Hello;
pub use identity::{Identity, IdentityRequest, ToSign};
pub use psk::{ExternalPsk, ExternalPsks};
pub use resumption::{
    ClientSession, ClientSessions, EarlyDataPolicy, EarlyDataRefusal, ReplayGuard, ServerSessions,
    Session, SessionIds, TicketKeys, TicketUse,
};
#[cfg(feature = "std")]
pub use resumption::{ClientSessionMemory, SessionIdMemory, SingleUse};
pub use verify::{ClientVerifier, DangerousAcceptAny, Presented, ServerVerifier};
pub use watch::{KeyLog, Note, Watch, What};

pub use rand_core::CryptoRng;
pub use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
