//! What a verdict is asked for: the inputs of RFC 5280 6.1.1 besides path and trust anchors.

use crate::{limits::MAX_INTERMEDIATES, oids, revocation::Revocation};
use der::asn1::ObjectIdentifier;
use rustls_pki_types::UnixTime;

/// The inputs of one verdict. [`server`](Self::server) and [`client`](Self::client) have those that TLS
/// needs; change what differs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Inputs<'a> {
    /// The time of the verdict (6.1.1 (b)).
    pub now: UnixTime,
    /// What the end entity's key is to be trusted for.
    pub purpose: Purpose,
    /// What the end entity's keyUsage has to allow, if there is one (RFC 5280 4.2.1.3).
    pub key_usage: Option<KeyUsage>,
    /// CAs allowed between the end entity and the root; self-issued ones are not counted
    /// (RFC 5280 4.2.1.9).
    pub max_intermediates: usize,
    /// Which certificate policies are acceptable.
    pub policies: Policies<'a>,
    /// Whether a certificate was revoked; `None` does not ask.
    pub revocation: Option<Revocation<'a>>,
}

impl Inputs<'_> {
    /// A TLS server that signs with its key.
    pub const fn server(now: UnixTime) -> Self {
        Self::new(Purpose::ServerAuth, now)
    }

    /// A TLS client that signs with its key.
    pub const fn client(now: UnixTime) -> Self {
        Self::new(Purpose::ClientAuth, now)
    }

    const fn new(purpose: Purpose, now: UnixTime) -> Self {
        Self {
            now,
            purpose,
            key_usage: Some(KeyUsage::DigitalSignature),
            max_intermediates: MAX_INTERMEDIATES,
            policies: Policies {
                user_initial_policy_set: &[],
                initial_policy_mapping_inhibit: false,
                initial_explicit_policy: false,
                initial_any_policy_inhibit: false,
            },
            revocation: None,
        }
    }
}

/// What the end entity's key is to be trusted for (RFC 5280 4.2.1.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// id-kp-serverAuth.
    ServerAuth,
    /// id-kp-clientAuth.
    ClientAuth,
    /// id-kp-OCSPSigning.
    OcspSigning,
    /// A CRL's signer: extKeyUsage has no word for it.
    CrlSigning,
}

impl Purpose {
    pub(crate) const fn oid(self) -> Option<&'static [u8]> {
        match self {
            Self::ServerAuth => Some(oids::SERVER_AUTH),
            Self::ClientAuth => Some(oids::CLIENT_AUTH),
            Self::OcspSigning => Some(oids::OCSP_SIGNING),
            Self::CrlSigning => None,
        }
    }
}

/// A bit of keyUsage that an end entity may need (RFC 5280 4.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyUsage {
    /// It signs: handshakes, for one.
    DigitalSignature,
    /// Others encrypt keys for it: RSA key transport.
    KeyEncipherment,
    /// It signs CRLs.
    CrlSign,
}

/// RFC 5280 6.1.1 (c), (e) to (g).
#[derive(Debug, Clone, Copy, Default)]
pub struct Policies<'a> {
    /// Policies that the user accepts; empty for any.
    pub user_initial_policy_set: &'a [ObjectIdentifier],
    /// No policy may be mapped to another.
    pub initial_policy_mapping_inhibit: bool,
    /// The path must be valid for at least one of the accepted policies.
    pub initial_explicit_policy: bool,
    /// anyPolicy in a certificate stands for nothing.
    pub initial_any_policy_inhibit: bool,
}
