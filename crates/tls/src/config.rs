//! What a side offers, accepts and is. Shared by all its connections.

use crate::{
    codepoints::{CipherSuite, NamedGroup, SignatureScheme},
    crypto::kx::{GROUPS, is_built_in},
    error::Error,
    identity::Identity,
    limits::MAX_HANDSHAKE_MESSAGE,
    psk::{ExternalPsk, ExternalPsks},
    resumption::{ClientSessions, EarlyDataPolicy, ServerSessions},
    verify::{ClientVerifier, ServerVerifier},
    watch::{KeyLog, Watch, Watched},
};
use alloc::{sync::Arc, vec, vec::Vec};
use core::fmt;
use netkit_x509::Roots;

/// The suites that are built in. ring picks AES instructions where there are any; without them
/// ChaCha20 is faster, and whoever runs there puts it first.
const CIPHER_SUITES: &[CipherSuite] = &[
    CipherSuite::TLS_AES_128_GCM_SHA256,
    CipherSuite::TLS_AES_256_GCM_SHA384,
    CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
];

/// The schemes that a client accepts. Those of PKCS#1 are for certificates only.
const SIGNATURE_SCHEMES: &[SignatureScheme] = &[
    SignatureScheme::ECDSA_SECP256R1_SHA256,
    SignatureScheme::ED25519,
    SignatureScheme::RSA_PSS_RSAE_SHA256,
    SignatureScheme::ECDSA_SECP384R1_SHA384,
    SignatureScheme::RSA_PSS_RSAE_SHA384,
    SignatureScheme::RSA_PSS_RSAE_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

/// Seconds of a day.
const DAY: u32 = 24 * 60 * 60;

/// What a client offers and how it judges servers. The lists are in order of preference.
#[derive(Clone)]
pub struct ClientConfig {
    /// Judges the server's certificates. `None`: the owner does, whenever
    /// [`Question::Verify`](crate::Question::Verify) shows.
    pub verifier: Option<Arc<dyn ServerVerifier>>,
    /// Who the client is, for servers that ask: the first is shown whose key and issuer suit the
    /// server. None: such servers get no certificate and may refuse.
    pub identities: Vec<Arc<Identity>>,
    /// Whether to ask for a stapled OCSP response (RFC 6066 8).
    pub ask_for_ocsp: bool,
    /// Whether to ask for certificate timestamps (RFC 6962 3.3).
    pub ask_for_scts: bool,
    /// Application protocols to offer (RFC 7301), each of 1 to 255 octets. None: not offered.
    pub alpn: Vec<Vec<u8>>,
    /// Cipher suites to offer.
    pub cipher_suites: Vec<CipherSuite>,
    /// Groups to offer. A key share is sent for the first; another costs a round trip.
    pub groups: Vec<NamedGroup>,
    /// Signature schemes to offer.
    pub signature_schemes: Vec<SignatureScheme>,
    /// Where sessions are kept, to go on from in later connections. `None`: every handshake is full.
    pub sessions: Option<Arc<dyn ClientSessions>>,
    /// Whether to offer early data with a session that allows it: see
    /// [`send_early`](crate::Connection::send_early).
    pub early_data: bool,
    /// Keys that the client shares with its servers. A server that takes one shows no certificate.
    pub external_psks: Vec<ExternalPsk>,
    /// Longest handshake message to take, in octets with its header.
    pub max_handshake_message: usize,
    /// Takes the connections secrets, so that a capture of it can be read.
    pub key_log: Option<Arc<dyn KeyLog>>,
    /// Looks on.
    pub watch: Option<Arc<dyn Watch>>,
}

impl ClientConfig {
    /// Trusts the servers that `roots` vouch for.
    pub fn new(roots: Arc<Roots>) -> Self {
        Self::with_verifier(roots)
    }

    /// Trusts the servers that `verifier` accepts.
    pub fn with_verifier(verifier: Arc<dyn ServerVerifier>) -> Self {
        Self {
            verifier: Some(verifier),
            identities: Vec::new(),
            ask_for_ocsp: true,
            ask_for_scts: false,
            sessions: None,
            early_data: false,
            external_psks: Vec::new(),
            max_handshake_message: MAX_HANDSHAKE_MESSAGE,
            alpn: Vec::new(),
            cipher_suites: CIPHER_SUITES.to_vec(),
            groups: GROUPS.to_vec(),
            signature_schemes: SIGNATURE_SCHEMES.to_vec(),
            key_log: None,
            watch: None,
        }
    }

    /// Refuses a configuration that allows no handshake.
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_lists(&self.alpn, &self.cipher_suites, &self.groups)?;
        if self.signature_schemes.is_empty() {
            return Err(Error::MisuseConfig("no signature schemes"));
        }
        Ok(())
    }

    /// The identity to show a server that accepts these schemes and authorities, and how its key
    /// signs.
    pub(crate) fn identity_for(
        &self,
        accepts: impl Fn(SignatureScheme) -> bool,
        authorities: &[&[u8]],
    ) -> Option<(Arc<Identity>, SignatureScheme)> {
        self.identities.iter().find_map(|identity| {
            let scheme = identity.scheme_for(&accepts)?;
            let named = identity.is_issued_by(authorities);
            named.then(|| (Arc::clone(identity), scheme))
        })
    }

    pub(crate) fn watched(&self) -> Watched {
        Watched {
            key_log: self.key_log.clone(),
            watch: self.watch.clone(),
        }
    }
}

/// How a server asks clients for certificates.
#[derive(Clone)]
pub struct ClientAuth {
    /// Judges the client's certificates. `None`: the owner does, whenever
    /// [`Question::Verify`](crate::Question::Verify) shows.
    pub verifier: Option<Arc<dyn ClientVerifier>>,
    /// Whether a client without a certificate is refused.
    pub required: bool,
    /// The distinguished names in DER of the CAs to name, as a help to the client's choice.
    pub authorities: Vec<Vec<u8>>,
    /// Signature schemes to accept.
    pub signature_schemes: Vec<SignatureScheme>,
}

impl ClientAuth {
    /// Requires a certificate that `roots` vouch for.
    pub fn required(roots: Arc<Roots>) -> Self {
        Self {
            authorities: roots.subjects().collect(),
            verifier: Some(roots),
            required: true,
            signature_schemes: SIGNATURE_SCHEMES.to_vec(),
        }
    }

    /// Asks for a certificate that `roots` vouch for, and goes on without one.
    pub fn requested(roots: Arc<Roots>) -> Self {
        Self {
            required: false,
            ..Self::required(roots)
        }
    }
}

impl fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAuth")
            .field("required", &self.required)
            .field("signature_schemes", &self.signature_schemes)
            .finish_non_exhaustive()
    }
}

/// Who a server is and what it accepts. The lists are in order of preference.
#[derive(Clone)]
pub struct ServerConfig {
    /// Who the server may be: of those whose key suits the client, the first whose certificate has
    /// the name that it asks for, or else the first.
    pub identities: Vec<Arc<Identity>>,
    /// Whether to ask for client certificates. `None`: nobody is asked.
    pub client_auth: Option<ClientAuth>,
    /// Application protocols to accept (RFC 7301). None: a client's offer is not answered.
    pub alpn: Vec<Vec<u8>>,
    /// Cipher suites to accept.
    pub cipher_suites: Vec<CipherSuite>,
    /// Groups to accept. One that the client sent a key share for goes before one that it did not.
    pub groups: Vec<NamedGroup>,
    /// Where sessions are kept for clients to go on from. `None`: every handshake is full.
    pub sessions: Option<Arc<dyn ServerSessions>>,
    /// Tickets for each client that can use them.
    pub tickets: u8,
    /// Seconds that a session lasts, with all that go on from it: at most
    /// [`MAX_TICKET_LIFETIME`](crate::limits::MAX_TICKET_LIFETIME).
    pub session_lifetime: u32,
    /// Whether and how early data is taken. `None`: it is not.
    pub early_data: Option<EarlyDataPolicy>,
    /// Keys that the server shares with clients; they show no certificate.
    pub external_psks: Option<Arc<dyn ExternalPsks>>,
    /// Longest handshake message to take, in octets with its header.
    pub max_handshake_message: usize,
    /// Takes the connections' secrets, so that a capture of them can be read.
    pub key_log: Option<Arc<dyn KeyLog>>,
    /// Looks on.
    pub watch: Option<Arc<dyn Watch>>,
}

impl ServerConfig {
    /// A server that is `identity`.
    pub fn new(identity: Identity) -> Self {
        Self {
            identities: vec![Arc::new(identity)],
            client_auth: None,
            sessions: None,
            tickets: 2,
            session_lifetime: DAY,
            early_data: None,
            external_psks: None,
            max_handshake_message: MAX_HANDSHAKE_MESSAGE,
            alpn: vec![],
            cipher_suites: CIPHER_SUITES.to_vec(),
            groups: GROUPS.to_vec(),
            key_log: None,
            watch: None,
        }
    }

    /// Refuses a configuration that allows no handshake.
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_lists(&self.alpn, &self.cipher_suites, &self.groups)?;
        if self.identities.is_empty() && self.external_psks.is_none() {
            return Err(Error::MisuseConfig("no identity"));
        }
        Ok(())
    }

    /// The identity to show a client that accepts these schemes and asks for `name`, and how its key
    /// signs.
    pub(crate) fn identity_for(
        &self,
        accepts: impl Fn(SignatureScheme) -> bool,
        name: Option<&str>,
    ) -> Option<(&Arc<Identity>, SignatureScheme)> {
        let usable = || {
            self.identities
                .iter()
                .filter_map(|identity| Some((identity, identity.scheme_for(&accepts)?)))
        };
        let named = |name| usable().find(|(identity, _)| identity.has_name(name));
        let only = self.identities.len() == 1;
        name.filter(|_| !only)
            .and_then(named)
            .or_else(|| usable().next())
    }

    pub(crate) fn watched(&self) -> Watched {
        Watched {
            key_log: self.key_log.clone(),
            watch: self.watch.clone(),
        }
    }
}

fn check_lists(
    alpn: &[Vec<u8>],
    cipher_suites: &[CipherSuite],
    groups: &[NamedGroup],
) -> Result<(), Error> {
    if alpn.iter().any(|name| !(1..=255).contains(&name.len())) {
        return Err(Error::MisuseConfig(
            "a protocol name is not 1 to 255 octets long",
        ));
    }
    if cipher_suites.is_empty()
        || cipher_suites
            .iter()
            .any(|suite| !CIPHER_SUITES.contains(suite))
    {
        return Err(Error::MisuseConfig(
            "no cipher suites, or one that is not built in",
        ));
    }
    if groups.is_empty() || groups.iter().any(|group| !is_built_in(*group)) {
        return Err(Error::MisuseConfig(
            "no groups, or one that is not built in",
        ));
    }
    Ok(())
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("alpn", &self.alpn)
            .field("cipher_suites", &self.cipher_suites)
            .field("groups", &self.groups)
            .field("signature_schemes", &self.signature_schemes)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig")
            .field("identities", &self.identities)
            .field("client_auth", &self.client_auth)
            .field("alpn", &self.alpn)
            .field("cipher_suites", &self.cipher_suites)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}
