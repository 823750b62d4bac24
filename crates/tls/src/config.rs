//! What a side offers, accepts and is. Shared by all its connections.

use crate::{
    codepoints::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme},
    compression::{self, CertificateCompression},
    crypto::kx::{GROUPS, is_built_in},
    error::Error,
    identity::Identity,
    limits::{MAX_HANDSHAKE_MESSAGE, MAX_PLAINTEXT, MIN_FRAGMENT},
    messages::WantedIdentity,
    psk::{ExternalPsk, ExternalPsks},
    resumption::{ClientSessions, EarlyDataPolicy, ServerSessions, SessionIds},
    suites::KeyExchange,
    verify::{ClientVerifier, Judge, ServerVerifier},
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
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

const RSA_KEY_TRANSPORT: &[CipherSuite] = &[
    CipherSuite::TLS_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_RSA_WITH_AES_256_GCM_SHA384,
];

/// The versions of TLS that a side has: all from `min` to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The lowest: TLS 1.2 or TLS 1.3.
    pub min: ProtocolVersion,
    /// The highest.
    pub max: ProtocolVersion,
}

impl Default for Versions {
    fn default() -> Self {
        Self {
            min: ProtocolVersion::TLS1_2,
            max: ProtocolVersion::TLS1_3,
        }
    }
}

impl Versions {
    /// One version alone.
    pub const fn only(version: ProtocolVersion) -> Self {
        Self {
            min: version,
            max: version,
        }
    }

    /// The versions, the highest first.
    pub fn iter(self) -> impl Iterator<Item = ProtocolVersion> {
        [ProtocolVersion::TLS1_3, ProtocolVersion::TLS1_2]
            .into_iter()
            .filter(move |version| (self.min..=self.max).contains(version))
    }

    /// Whether `version` is one of them.
    pub fn contains(self, version: ProtocolVersion) -> bool {
        self.iter().any(|ours| ours == version)
    }
}

/// What holds in TLS 1.2 alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tls12 {
    /// Whether the peer has to have extended_master_secret (RFC 7627). Without it somebody between two
    /// connections can make their secrets the same.
    pub require_extended_master_secret: bool,
    /// Whether RSA key transport may be agreed on, which has no forward secrecy: whoever gets the
    /// server's private key later reads all that was said. Needs the feature `rsa-key-transport`. Its
    /// suites come last, unless `cipher_suites` names some.
    pub rsa_key_transport: bool,
}

impl Default for Tls12 {
    fn default() -> Self {
        Self {
            require_extended_master_secret: true,
            rsa_key_transport: false,
        }
    }
}

/// The schemes that a side accepts unless told otherwise. In TLS 1.3 those of PKCS#1 are for certificates only.
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
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, off or on in any company"
)]
#[derive(Clone)]
pub struct ClientConfig {
    /// Judges the server's certificates. `None`: the owner does, whenever
    /// [`Question::Verify`](crate::Question::Verify) shows.
    pub verifier: Option<Arc<dyn ServerVerifier>>,
    /// Whether the server's certificates are judged again, with what was stapled to them then, in each
    /// connection that goes on from a session. Otherwise one verdict lasts as long as the session, and
    /// where the owner judges there are no sessions.
    pub judge_resumed: bool,
    /// Who the client is, for servers that ask: the first is shown whose key and issuer suit the
    /// server. None: such servers get no certificate and may refuse.
    pub identities: Vec<Arc<Identity>>,
    /// Whether the owner says who the client is, whenever a server asks and
    /// [`Question::Identity`](crate::Question::Identity) shows, and `identities` are not looked at. A session
    /// goes on as whom it was made with, and nobody is asked.
    pub asks_identity: bool,
    /// Whether to ask for a stapled OCSP response (RFC 6066 8).
    pub ask_for_ocsp: bool,
    /// Whether to ask for certificate timestamps (RFC 6962 3.3).
    pub ask_for_scts: bool,
    /// How the server may compress its certificates (RFC 8879). None: not at all.
    pub certificate_compression: Vec<Arc<dyn CertificateCompression>>,
    /// Application protocols to offer (RFC 7301), each of 1 to 255 octets. None: not offered.
    pub alpn: Vec<Vec<u8>>,
    /// Versions to offer.
    pub versions: Versions,
    /// What holds in TLS 1.2 alone.
    pub tls12: Tls12,
    /// Cipher suites to offer, of all versions.
    pub cipher_suites: Vec<CipherSuite>,
    /// Groups to offer.
    pub groups: Vec<NamedGroup>,
    /// Those of the groups to send a key share for; any other costs a round trip, and each of them a key
    /// pair. `None`: the first.
    pub key_shares: Option<Vec<NamedGroup>>,
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
    /// Longest content of a record to send, in octets: 64 to 16 384
    /// ([`MIN_FRAGMENT`](crate::limits::MIN_FRAGMENT), [`MAX_PLAINTEXT`](crate::limits::MAX_PLAINTEXT)). Less costs more records; the peer can use the first
    /// octets sooner, and one with little memory needs less.
    pub max_fragment: usize,
    /// Takes the connection's secrets, so that a capture of it can be read.
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
            judge_resumed: false,
            identities: Vec::new(),
            asks_identity: false,
            ask_for_ocsp: true,
            ask_for_scts: false,
            certificate_compression: Vec::new(),
            sessions: None,
            early_data: false,
            external_psks: Vec::new(),
            max_handshake_message: MAX_HANDSHAKE_MESSAGE,
            max_fragment: MAX_PLAINTEXT,
            alpn: Vec::new(),
            versions: Versions::default(),
            tls12: Tls12::default(),
            cipher_suites: CIPHER_SUITES.to_vec(),
            groups: GROUPS.to_vec(),
            key_shares: None,
            signature_schemes: SIGNATURE_SCHEMES.to_vec(),
            key_log: None,
            watch: None,
        }
    }

    /// Refuses a configuration that allows no handshake.
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_lists(&self.alpn, &self.groups)?;
        check_fragment(self.max_fragment)?;
        check_suites(
            self.versions,
            self.tls12.rsa_key_transport,
            &self.cipher_suites,
        )?;
        let groups = &self.groups;
        if self.shares().any(|share| !groups.contains(&share)) {
            return Err(Error::MisuseConfig("a key share for a group not offered"));
        }
        check_schemes(&self.signature_schemes)?;
        compression::check(&self.certificate_compression)
    }

    /// The groups to send key shares for.
    pub(crate) fn shares(&self) -> impl Iterator<Item = NamedGroup> {
        let first = &self.groups[..1];
        self.key_shares.as_deref().unwrap_or(first).iter().copied()
    }

    /// The suites to offer, of all versions.
    pub(crate) fn suites(&self) -> impl Iterator<Item = CipherSuite> {
        suites(
            self.versions,
            self.tls12.rsa_key_transport,
            &self.cipher_suites,
        )
    }

    /// The versions to offer, the highest first: those that a suite is offered of.
    pub(crate) fn spoken(&self) -> impl Iterator<Item = ProtocolVersion> {
        let has_suite = |version: &_| self.suites().any(|suite| suite.version() == *version);
        self.versions.iter().filter(has_suite)
    }

    /// Whether `version` is offered.
    pub(crate) fn speaks(&self, version: ProtocolVersion) -> bool {
        self.spoken().any(|ours| ours == version)
    }

    /// Whether `suite` of this version is offered.
    pub(crate) fn offers(&self, version: ProtocolVersion, suite: CipherSuite) -> bool {
        self.suites()
            .any(|ours| ours == suite && ours.version() == version)
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
    /// Whether the certificates of a client that goes on from a session are judged again by `verifier`;
    /// without one there are no such sessions. Otherwise one verdict lasts as long as the session.
    pub judge_resumed: bool,
    /// Whether a client without a certificate is refused.
    pub required: bool,
    /// The distinguished names in DER of the CAs to name, as a help to the client's choice.
    pub authorities: Vec<Vec<u8>>,
    /// Signature schemes to accept.
    pub signature_schemes: Vec<SignatureScheme>,
    /// How the client may compress its certificates (RFC 8879). None: not at all.
    pub certificate_compression: Vec<Arc<dyn CertificateCompression>>,
}

impl ClientAuth {
    /// Requires a certificate that `roots` vouch for.
    pub fn required(roots: Arc<Roots>) -> Self {
        Self {
            authorities: roots.subjects().collect(),
            verifier: Some(roots),
            judge_resumed: true,
            required: true,
            signature_schemes: SIGNATURE_SCHEMES.to_vec(),
            certificate_compression: Vec::new(),
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
    /// the name that it asks for, or else the first. See also
    /// [`Identity::for_its_issuers_only`].
    pub identities: Vec<Arc<Identity>>,
    /// Whether to ask for client certificates. `None`: nobody is asked.
    pub client_auth: Option<ClientAuth>,
    /// Application protocols to accept (RFC 7301). None: a client's offer is not answered.
    pub alpn: Vec<Vec<u8>>,
    /// Versions to accept.
    pub versions: Versions,
    /// What holds in TLS 1.2 alone.
    pub tls12: Tls12,
    /// Cipher suites to accept, of all versions.
    pub cipher_suites: Vec<CipherSuite>,
    /// Groups to accept. One that the client sent a key share for goes before one that it did not.
    pub groups: Vec<NamedGroup>,
    /// Where sessions are kept for clients to go on from. `None`: every handshake is full.
    pub sessions: Option<Arc<dyn ServerSessions>>,
    /// Where sessions of TLS 1.2 are kept for clients that get no ticket. `None`: theirs are not.
    pub session_ids: Option<Arc<dyn SessionIds>>,
    /// Tickets for each client that can use them; in TLS 1.2 one, or none.
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
    /// Longest content of a record to send, in octets: 64 to 16 384
    /// ([`MIN_FRAGMENT`](crate::limits::MIN_FRAGMENT), [`MAX_PLAINTEXT`](crate::limits::MAX_PLAINTEXT)). Less costs more records; the peer can use the first
    /// octets sooner, and one with little memory needs less.
    pub max_fragment: usize,
    /// Takes the connections' secrets, so that a capture of them can be read.
    pub key_log: Option<Arc<dyn KeyLog>>,
    /// Looks on.
    pub watch: Option<Arc<dyn Watch>>,
}

impl ServerConfig {
    /// A server that is `identity`.
    pub fn new(identity: impl Into<Arc<Identity>>) -> Self {
        Self {
            identities: vec![identity.into()],
            client_auth: None,
            sessions: None,
            session_ids: None,
            tickets: 2,
            session_lifetime: DAY,
            early_data: None,
            external_psks: None,
            max_handshake_message: MAX_HANDSHAKE_MESSAGE,
            max_fragment: MAX_PLAINTEXT,
            alpn: vec![],
            versions: Versions::default(),
            tls12: Tls12::default(),
            cipher_suites: CIPHER_SUITES.to_vec(),
            groups: GROUPS.to_vec(),
            key_log: None,
            watch: None,
        }
    }

    /// Refuses a configuration that allows no handshake.
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_lists(&self.alpn, &self.groups)?;
        check_fragment(self.max_fragment)?;
        check_suites(
            self.versions,
            self.tls12.rsa_key_transport,
            &self.cipher_suites,
        )?;
        if self.identities.is_empty() && self.external_psks.is_none() {
            return Err(Error::MisuseConfig("no identity"));
        }
        match &self.client_auth {
            Some(auth) => {
                check_schemes(&auth.signature_schemes)?;
                compression::check(&auth.certificate_compression)
            }
            None => Ok(()),
        }
    }

    /// The versions to accept, the highest first: those that a suite is accepted of.
    pub(crate) fn spoken(&self) -> impl Iterator<Item = ProtocolVersion> {
        let has_suite = |version: &_| self.suites(*version).next().is_some();
        self.versions.iter().filter(has_suite)
    }

    /// Whether `version` is accepted.
    pub(crate) fn speaks(&self, version: ProtocolVersion) -> bool {
        self.spoken().any(|ours| ours == version)
    }

    /// The suites to accept in `version`.
    pub(crate) fn suites(&self, version: ProtocolVersion) -> impl Iterator<Item = CipherSuite> {
        suites(
            self.versions,
            self.tls12.rsa_key_transport,
            &self.cipher_suites,
        )
        .filter(move |suite| suite.version() == version)
    }

    /// Why no identity could be shown to a client that asks for `wanted`.
    pub(crate) fn no_identity(&self, wanted: &WantedIdentity<'_>) -> Error {
        let suits = self.identity_that(|_| Some(()), wanted).is_some();
        if suits || self.identities.is_empty() {
            Error::PeerNoCommonScheme
        } else {
            Error::PeerNoCommonAuthority
        }
    }

    /// Who judges a client's certificates.
    pub(crate) fn client_judge(&self) -> Judge<'_> {
        let auth = self.client_auth.as_ref();
        Judge::Client(auth.and_then(|auth| auth.verifier.as_deref()))
    }

    /// Refuses a client without a certificate where one is required.
    pub(crate) fn allow_no_certificate(&self, version: ProtocolVersion) -> Result<(), Error> {
        match &self.client_auth {
            Some(auth) if auth.required => Err(Error::PeerNoClientCertificate(version)),
            _ => Ok(()),
        }
    }

    /// The identity that decrypts the premaster secret of a client that asks for `wanted`.
    pub(crate) fn decrypting_identity(
        &self,
        wanted: &WantedIdentity<'_>,
    ) -> Option<&Arc<Identity>> {
        self.identity_that(|identity| identity.decrypts().then_some(()), wanted)
            .map(|(identity, ())| identity)
    }

    /// Of the identities that `usable` has something for and the client may be shown, the first that has
    /// the name it asks for, or else the first.
    pub(crate) fn identity_that<T>(
        &self,
        usable: impl Fn(&Identity) -> Option<T>,
        wanted: &WantedIdentity<'_>,
    ) -> Option<(&Arc<Identity>, T)> {
        let WantedIdentity { name, authorities } = wanted;
        let all = || {
            self.identities
                .iter()
                .filter(|identity| identity.suits_client(authorities))
                .filter_map(|identity| Some((identity, usable(identity)?)))
        };
        let named = |name| all().find(|(identity, _)| identity.has_name(name));
        let only = self.identities.len() == 1;
        name.filter(|_| !only)
            .and_then(named)
            .or_else(|| all().next())
    }

    pub(crate) fn watched(&self) -> Watched {
        Watched {
            key_log: self.key_log.clone(),
            watch: self.watch.clone(),
        }
    }
}

/// The suites of `listed` that `versions` have, and behind them those of RSA key transport where it is
/// switched on and none is listed.
fn suites(
    versions: Versions,
    rsa_key_transport: bool,
    listed: &[CipherSuite],
) -> impl Iterator<Item = CipherSuite> {
    let unlisted = rsa_key_transport && !listed.iter().copied().any(transports_keys);
    let added = RSA_KEY_TRANSPORT.iter().filter(move |_| unlisted);
    listed
        .iter()
        .chain(added)
        .copied()
        .filter(move |suite| versions.contains(suite.version()))
}

fn transports_keys(suite: CipherSuite) -> bool {
    suite.key_exchange() == KeyExchange::Rsa
}

fn check_suites(
    versions: Versions,
    rsa_key_transport: bool,
    listed: &[CipherSuite],
) -> Result<(), Error> {
    let refuse = |why| Err(Error::MisuseConfig(why));
    if rsa_key_transport && !cfg!(feature = "rsa-key-transport") {
        return refuse("RSA key transport is not built in");
    }
    if listed.iter().any(|suite| !suite.is_built_in()) {
        return refuse("a cipher suite that is not built in");
    }
    if !rsa_key_transport && listed.iter().copied().any(transports_keys) {
        return refuse("RSA key transport is switched off");
    }
    if suites(versions, rsa_key_transport, listed).next().is_none() {
        return refuse("no versions, or no cipher suites of theirs");
    }
    Ok(())
}

fn check_lists(alpn: &[Vec<u8>], groups: &[NamedGroup]) -> Result<(), Error> {
    if alpn.iter().any(|name| !(1..=255).contains(&name.len())) {
        return Err(Error::MisuseConfig(
            "a protocol name is not 1 to 255 octets long",
        ));
    }
    if groups.is_empty() || groups.iter().any(|group| !is_built_in(*group)) {
        return Err(Error::MisuseConfig(
            "no groups, or one that is not built in",
        ));
    }
    Ok(())
}

fn check_fragment(longest: usize) -> Result<(), Error> {
    if (MIN_FRAGMENT..=MAX_PLAINTEXT).contains(&longest) {
        Ok(())
    } else {
        Err(Error::MisuseConfig(
            "max_fragment is not 64 to 16384 octets",
        ))
    }
}

fn check_schemes(schemes: &[SignatureScheme]) -> Result<(), Error> {
    if schemes.is_empty() || schemes.iter().any(|scheme| !scheme.is_built_in()) {
        return Err(Error::MisuseConfig(
            "no signature schemes, or one that is not built in",
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
