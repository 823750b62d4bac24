//! Keys that two sides have before they speak (RFC 9846 4.3.11), and the importer of RFC 9258.

use crate::{
    codepoints::{CipherSuite, ProtocolVersion},
    crypto::{hash::Hash, hkdf::Prk},
    error::Error,
    resumption::Session,
};
use alloc::vec::Vec;
use core::fmt;
use netkit_core::Writer;
use rustls_pki_types::UnixTime;
use zeroize::Zeroizing;

/// Where a pre-shared key is from; its binder's label keeps the kinds apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Resumption,
    External,
    Imported,
}

impl Origin {
    /// RFC 9846 7.1; RFC 9258 5.2 for imported keys.
    pub(crate) fn binder_label(self) -> &'static [u8] {
        match self {
            Self::Resumption => b"res binder",
            Self::External => b"ext binder",
            Self::Imported => b"imp binder",
        }
    }
}

/// A pre-shared key with its hash function.
#[derive(Clone)]
pub(crate) struct Psk {
    pub(crate) origin: Origin,
    pub(crate) hash: Hash,
    pub(crate) secret: Zeroizing<Vec<u8>>,
}

impl Psk {
    /// The key that a session of TLS 1.3 goes on from.
    pub(crate) fn of_session(session: &Session) -> Self {
        Self {
            origin: Origin::Resumption,
            hash: session.cipher_suite.hash(),
            secret: session.secret.clone(),
        }
    }

    /// Whether it can be used with `suite`.
    pub(crate) fn suits(&self, suite: CipherSuite) -> bool {
        suite.hash() == self.hash
    }
}

/// A key that a client and a server were given, and what it is called between them. Whoever has it is
/// trusted as either of them.
///
/// The secret is random and at least 16 octets long, or everybody who saw a handshake can guess
/// it: a password is none.
#[derive(Clone)]
pub struct ExternalPsk {
    pub(crate) identity: Vec<u8>,
    pub(crate) psk: Psk,
}

impl ExternalPsk {
    /// A key for suites with SHA-256, which is meant where nothing else is said (RFC 9846 4.3.11).
    ///
    /// # Errors
    /// [`Error::MisuseConfig`] if identity or secret is empty or does not fit.
    pub fn new(identity: &[u8], secret: &[u8]) -> Result<Self, Error> {
        Self::with(identity.to_vec(), secret, Hash::Sha256, Origin::External)
    }

    /// A key for suites with SHA-384.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn new_sha384(identity: &[u8], secret: &[u8]) -> Result<Self, Error> {
        Self::with(identity.to_vec(), secret, Hash::Sha384, Origin::External)
    }

    /// Imports a key that was made for any protocol (RFC 9258), with SHA-256 as its hash: one for each
    /// hash function of TLS 1.3's suites. `context` is what else the two have agreed on, or empty.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn import(
        external_identity: &[u8],
        secret: &[u8],
        context: &[u8],
    ) -> Result<[Self; 2], Error> {
        let hash = Hash::Sha256;
        if external_identity.is_empty() || secret.is_empty() {
            return Err(EMPTY);
        }
        let extracted = Prk::extract(hash, &[], secret);
        // RFC 9258 10: the KDF identifiers.
        let import = |target_kdf: u16, target: Hash| {
            let mut identity = Vec::new();
            for block in [external_identity, context] {
                identity.nested_u16(|out| {
                    out.bytes(block);
                    Ok(())
                })?;
            }
            identity.u16(ProtocolVersion::TLS1_3.0);
            identity.u16(target_kdf);
            let mut secret = Zeroizing::new([0; crate::crypto::hash::MAX_HASH]);
            let secret = &mut secret[..target.len()];
            extracted.expand_label(b"derived psk", hash.of(&identity).as_ref(), secret);
            Self::with(identity, secret, target, Origin::Imported)
        };
        Ok([import(1, Hash::Sha256)?, import(2, Hash::Sha384)?])
    }

    fn with(identity: Vec<u8>, secret: &[u8], hash: Hash, origin: Origin) -> Result<Self, Error> {
        if identity.is_empty() || secret.is_empty() {
            return Err(EMPTY);
        }
        if identity.len() > MAX_IDENTITY {
            return Err(Error::MisuseConfig(
                "a pre-shared key's identity is too long",
            ));
        }
        let secret = Zeroizing::new(secret.to_vec());
        Ok(Self {
            identity,
            psk: Psk {
                origin,
                hash,
                secret,
            },
        })
    }

    /// What the key is called on the wire.
    pub fn identity(&self) -> &[u8] {
        &self.identity
    }
}

const EMPTY: Error = Error::MisuseConfig("a pre-shared key or its identity is empty");

/// Octets of an identity: two of them, one for each hash, fit a ClientHello.
const MAX_IDENTITY: usize = 1 << 14;

impl fmt::Debug for ExternalPsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExternalPsk({})", self.identity.escape_ascii())
    }
}

/// Where a server finds keys that it shares with clients. A list of them is one such place.
pub trait ExternalPsks: Send + Sync {
    /// The key with this identity, which may be anybody's octets.
    fn find(&self, identity: &[u8]) -> Option<ExternalPsk>;
}

impl ExternalPsks for Vec<ExternalPsk> {
    fn find(&self, identity: &[u8]) -> Option<ExternalPsk> {
        self.iter().find(|psk| psk.identity == identity).cloned()
    }
}

/// A pre-shared key in our ClientHello.
pub(crate) struct OfferedPsk {
    pub(crate) identity: Vec<u8>,
    pub(crate) obfuscated_ticket_age: u32,
    pub(crate) psk: Psk,
    /// What it goes on from, if its identity is a ticket.
    pub(crate) session: Option<Session>,
}

impl OfferedPsk {
    pub(crate) fn of_session(session: Session, ticket: Vec<u8>, now: UnixTime) -> Self {
        let age = now.as_secs().saturating_sub(session.created);
        // RFC 9846 4.3.11.1: modulo 2^32.
        let age = (age as u32).wrapping_mul(1_000);
        Self {
            obfuscated_ticket_age: age.wrapping_add(session.age_add),
            psk: Psk::of_session(&session),
            identity: ticket,
            session: Some(session),
        }
    }

    /// An age is for tickets (RFC 9846 4.3.11).
    pub(crate) fn external(external: &ExternalPsk) -> Self {
        Self {
            identity: external.identity.clone(),
            obfuscated_ticket_age: 0,
            psk: external.psk.clone(),
            session: None,
        }
    }
}
