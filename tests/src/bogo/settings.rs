//! From a connection's settings to a configuration of netkit's.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use netkit::tls::{
    CipherSuite, ClientAuth, ClientConfig, ClientSession, ClientSessions, CryptoRng,
    EarlyDataPolicy, Identity, KeyLog, NamedGroup, Note, ProtocolVersion, ServerConfig,
    ServerSessions, Session, SessionIdMemory, SessionIds, SignatureScheme, SingleUse, TicketKeys,
    Versions, Watch, What,
};
use netkit::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls_pki_types::pem::PemObject;

use super::compression;
use super::flags::{Flags, Settings, Unsupported};
use super::judge::Judge;
use crate::tls_cases::random;

/// What BoringSSL takes of early data.
const MAX_EARLY_DATA: u32 = 14_336;

/// The longest handshake message that BoringSSL takes, but for certificates.
const MAX_OTHER_MESSAGE: usize = 16_384;

/// What the connections of one test have in common.
#[derive(Debug)]
pub struct Shared {
    /// Judges the peers.
    pub judge: Arc<Judge>,
    /// A client's sessions.
    pub sessions: Arc<LatestSession>,
    tickets: Arc<TicketKeys>,
    session_ids: Arc<CountedSessionIds>,
    guard: Arc<SingleUse>,
    credentials: Mutex<Vec<Arc<Credential>>>,
    /// What the test listens to.
    pub overheard: Arc<Overheard>,
    settled: Mutex<Settled>,
}

/// What a full handshake settled, for those that go on from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// How the peer signed.
    pub peer_scheme: Option<SignatureScheme>,
    /// The group of the key exchange.
    pub group: Option<NamedGroup>,
}

/// Sessions under their ids, and how many there have been.
#[derive(Debug, Default)]
pub struct CountedSessionIds(SessionIdMemory, AtomicUsize);

impl SessionIds for CountedSessionIds {
    fn put(&self, id: &[u8; 32], session: Session) {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.put(id, session);
    }

    fn get(&self, id: &[u8]) -> Option<Session> {
        self.0.get(id)
    }
}

/// Tickets as the test wants them: none, or each looked up once.
#[derive(Debug)]
struct Tickets {
    keys: Arc<TicketKeys>,
    skip: bool,
    opened: AtomicUsize,
}

impl ServerSessions for Tickets {
    fn put(&self, session: &Session, random: &mut dyn CryptoRng) -> Option<Vec<u8>> {
        self.keys.put(session, random).filter(|_| !self.skip)
    }

    fn get(&self, ticket: &[u8]) -> Option<Session> {
        let first = self.opened.fetch_add(1, Ordering::Relaxed) == 0;
        self.keys.get(ticket).filter(|_| first)
    }
}

/// What connections said on the side.
#[derive(Debug, Default)]
pub struct Overheard(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    /// The kind of the latest handshake message that came.
    message: Option<u8>,
    /// Lines of the key log.
    secrets: Vec<String>,
}

impl Overheard {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kind of the latest handshake message that came.
    pub fn message(&self) -> Option<u8> {
        self.heard().message
    }

    /// The latest secret with this label.
    pub fn secret(&self, label: &str) -> Option<Vec<u8>> {
        let heard = self.heard();
        let line = heard
            .secrets
            .iter()
            .rfind(|line| line.split(' ').next() == Some(label))?;
        hex::decode(line.split(' ').nth(2)?).ok()
    }
}

impl Watch for Overheard {
    fn note(&self, note: &Note<'_>) {
        if let (false, What::Handshake(kind, _)) = (note.sent, note.what) {
            self.heard().message = Some(kind.0);
        }
    }
}

impl KeyLog for Overheard {
    fn line(&self, line: &str) {
        self.heard().secrets.push(line.to_owned());
    }
}

/// One of our identities, the same in all connections that name the same files.
#[derive(Debug)]
pub struct Credential {
    of: Flags,
    deferred: bool,
    /// As the configuration has it.
    pub shown: Arc<Identity>,
    /// As it signs, if the configuration's cannot.
    pub signer: Option<Arc<Identity>>,
}

impl Shared {
    /// Of a test that begins now.
    pub fn new() -> Self {
        Self {
            judge: Arc::default(),
            sessions: Arc::default(),
            tickets: Arc::new(TicketKeys::new(&mut *random())),
            session_ids: Arc::default(),
            guard: Arc::new(SingleUse::new(UnixTime::now())),
            credentials: Mutex::default(),
            overheard: Arc::default(),
            settled: Mutex::default(),
        }
    }
}

impl Shared {
    /// What the last full handshake settled.
    pub fn settled(&self) -> MutexGuard<'_, Settled> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many sessions a server has kept under ids.
    pub fn session_ids(&self) -> usize {
        self.session_ids.1.load(Ordering::Relaxed)
    }

    /// The credentials of a connection in their order, and that of the rest behind them.
    pub fn credentials(&self, settings: &Settings) -> Result<Vec<Arc<Credential>>, Unsupported> {
        let all = settings.credentials.iter().chain([&settings.flags]);
        all.filter(|flags| flags.has("cert-file"))
            .map(|flags| self.credential(flags, settings))
            .collect()
    }

    fn credential(
        &self,
        flags: &Flags,
        settings: &Settings,
    ) -> Result<Arc<Credential>, Unsupported> {
        let mut of = flags.of_credential();
        if settings.flags.has("decline-ocsp-callback") {
            of.remove("ocsp-response");
        }
        for flag in compression::FLAGS {
            of.take_over(&settings.flags, flag);
        }
        let deferred = settings.flags.has("async");
        let mut known = self
            .credentials
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known
            .iter()
            .find(|known| known.of == of && known.deferred == deferred)
        {
            return Ok(Arc::clone(known));
        }
        let credential = Arc::new(Credential::new(of, deferred)?);
        known.push(Arc::clone(&credential));
        Ok(credential)
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self::new()
    }
}

/// The latest session, and how many there have been.
#[derive(Debug, Default)]
pub struct LatestSession(Mutex<(Option<ClientSession>, usize)>);

impl LatestSession {
    fn with<T>(&self, then: impl FnOnce(&mut (Option<ClientSession>, usize)) -> T) -> T {
        then(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many there have been.
    pub fn count(&self) -> usize {
        self.with(|kept| kept.1)
    }

    /// Octets of early data that the latest allows.
    pub fn max_early_data(&self) -> u32 {
        self.with(|kept| {
            let latest = kept.0.as_ref();
            latest.map_or(0, |latest| latest.session().max_early_data())
        })
    }

    /// Whether there is one.
    pub fn is_some(&self) -> bool {
        self.with(|kept| kept.0.is_some())
    }
}

impl ClientSessions for LatestSession {
    fn put(&self, _: &ServerName<'static>, session: ClientSession) {
        self.with(|kept| *kept = (Some(session), kept.1 + 1));
    }

    fn take(&self, _: &ServerName<'static>) -> Option<ClientSession> {
        self.with(|kept| kept.0.take())
    }
}

fn unsupported<T>(why: impl Into<String>) -> Result<T, Unsupported> {
    Err(Unsupported(why.into()))
}

/// The client's configuration.
pub fn client(
    settings: &Settings,
    credentials: &[Arc<Credential>],
    shared: &Shared,
) -> Result<ClientConfig, Unsupported> {
    let flags = &settings.flags;
    let judge: Arc<Judge> = Arc::clone(&shared.judge);
    let mut config = ClientConfig::with_verifier(judge);
    config.judge_resumed = flags.has("reverify-on-resume");
    if asks_for_verdict(settings) {
        config.verifier = None;
    }
    config.identities = shown(credentials);
    // The shim says whom a server sees, whether it is asked "use-old-client-cert-callback"'s way or not.
    config.asks_identity = !credentials.is_empty()
        || flags.has("use-old-client-cert-callback")
        || flags.has("fail-cert-callback")
        || flags.has("expect-peer-verify-pref")
        || flags.has("expect-certificate-types")
        || flags.has("expect-client-ca-list");
    config.ask_for_ocsp = flags.has("enable-ocsp-stapling");
    config.ask_for_scts = flags.has("enable-signed-cert-timestamps");
    config.certificate_compression = compression::algorithms(flags)?;
    if let Some(list) = flags.value("advertise-alpn") {
        config.alpn = protocols(list)?;
    }
    config.versions = versions(flags)?;
    if let Some(octets) = flags.number("max-cert-list")? {
        // One limit for all messages; BoringSSL's is never below what other messages need.
        config.max_handshake_message = MAX_OTHER_MESSAGE.max(octets);
    }
    // A server of TLS 1.2 without renegotiation_info is refused anyway.
    let _refused = flags.has("no-legacy-server-connect");
    config.tls12.rsa_key_transport = true;
    config.tls12.require_extended_master_secret = false;
    if let Some(groups) = groups(flags)? {
        config.groups = groups;
    }
    let shares: Vec<u16> = flags.numbers("key-shares")?;
    if flags.has("no-key-shares") || !shares.is_empty() {
        config.key_shares = Some(shares.into_iter().map(NamedGroup).collect());
    }
    if let Some(suites) = suites(flags)? {
        config.cipher_suites = suites;
    }
    if let Some(schemes) = schemes(flags, "verify-prefs")? {
        config.signature_schemes = schemes;
    }
    if flags.has("no-ticket") {
        return unsupported("a client that takes no tickets, but session ids");
    }
    config.sessions = Some(Arc::<LatestSession>::clone(&shared.sessions));
    config.early_data = flags.has("enable-early-data");
    if let Some(longest) = flags.number("max-send-fragment")? {
        config.max_fragment = longest;
    }
    if flags.has("early-write-after-message") {
        config.watch = Some(Arc::<Overheard>::clone(&shared.overheard));
    }
    if flags.has("export-traffic-secrets") {
        config.key_log = Some(Arc::<Overheard>::clone(&shared.overheard));
    }
    Ok(config)
}

/// Whether the peer is judged by the connection's owner.
fn asks_for_verdict(settings: &Settings) -> bool {
    let flags = &settings.flags;
    let resumes = flags.value("resume-count").is_some();
    if resumes {
        // Where sessions are kept, somebody has to judge them who is there later.
        return flags.has("reverify-on-resume");
    }
    flags.has("verify-fail") || flags.has("fail-ocsp-callback")
}

/// The name of the server, and of itself no server_name extension.
pub fn server_name(flags: &Flags) -> Result<ServerName<'static>, Unsupported> {
    let name = flags.value("host-name").unwrap_or("127.0.0.1").to_owned();
    ServerName::try_from(name).map_err(|_| Unsupported("a host name that is none".into()))
}

/// The server's configuration.
pub fn server(
    settings: &Settings,
    credentials: &[Arc<Credential>],
    shared: &Shared,
) -> Result<ServerConfig, Unsupported> {
    let flags = &settings.flags;
    let [first, ..] = credentials else {
        return unsupported("a server without a certificate");
    };
    let mut config = ServerConfig::new(Arc::clone(&first.shown));
    config.identities = shown(credentials);
    let required = flags.has("require-any-client-certificate");
    if required || flags.has("verify-peer") {
        let mut auth = ClientAuth::required(Arc::default());
        auth.required = required && !flags.has("verify-peer");
        auth.judge_resumed = flags.has("reverify-on-resume");
        auth.certificate_compression = compression::algorithms(flags)?;
        auth.verifier = if asks_for_verdict(settings) {
            None
        } else {
            Some(Arc::<Judge>::clone(&shared.judge))
        };
        if let Some(schemes) = schemes(flags, "verify-prefs")? {
            auth.signature_schemes = schemes;
        }
        match flags.value("use-client-ca-list") {
            None | Some("<NULL>" | "<EMPTY>") => {}
            Some(list) => {
                let names = list.split(',').map(hex::decode).collect::<Result<_, _>>();
                auth.authorities =
                    names.map_err(|_| Unsupported("CAs that are not in hexadecimal".into()))?;
            }
        }
        config.client_auth = Some(auth);
    }
    if let Some(protocol) = flags.value("select-alpn")
        && !protocol.is_empty()
        && !flags.has("decline-alpn")
    {
        config.alpn = vec![protocol.as_bytes().to_vec()];
    }
    if flags.has("select-empty-alpn") {
        config.alpn = vec![Vec::new()];
    }
    if let Some(longest) = flags.number("max-send-fragment")? {
        config.max_fragment = longest;
    }
    config.versions = versions(flags)?;
    config.tls12.rsa_key_transport = true;
    config.tls12.require_extended_master_secret = false;
    if let Some(groups) = groups(flags)? {
        config.groups = groups;
    }
    if let Some(suites) = suites(flags)? {
        config.cipher_suites = suites;
    }
    let keys = Arc::<TicketKeys>::clone(&shared.tickets);
    if flags.has("use-ticket-callback") || flags.has("use-ticket-aead-callback") {
        // Every handshake renews its client's tickets, also where a test does not ask for "renew-ticket".
        config.sessions = Some(Arc::new(Tickets {
            keys,
            skip: flags.has("skip-ticket") && !flags.has("renew-ticket"),
            opened: AtomicUsize::new(0),
        }));
    } else if !flags.has("no-ticket") {
        config.sessions = Some(keys);
    }
    config.session_ids = Some(Arc::<CountedSessionIds>::clone(&shared.session_ids));
    config.early_data = flags.has("enable-early-data").then(|| EarlyDataPolicy {
        max_size: MAX_EARLY_DATA,
        guard: Arc::<SingleUse>::clone(&shared.guard),
    });
    Ok(config)
}

impl Credential {
    fn new(of: Flags, deferred: bool) -> Result<Self, Unsupported> {
        let (Some(cert), Some(key)) = (of.value("cert-file"), of.value("key-file")) else {
            return unsupported("half an identity");
        };
        let wrong = |file: &str, why: &dyn std::fmt::Display| Unsupported(format!("{file}: {why}"));
        let chain = chain(cert)?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
        let mut own = Identity::new(chain, &key).map_err(|error| wrong(cert, &error))?;
        if let Some(schemes) = schemes(&of, "signing-prefs")? {
            own = own
                .with_schemes(schemes)
                .map_err(|error| wrong(cert, &error))?;
        }
        let (mut shown, signer) = if deferred {
            let shown = Identity::with_key_elsewhere(own.chain().to_vec(), own.schemes().to_vec())
                .map_err(|error| wrong(cert, &error))?;
            (shown, Some(Arc::new(own)))
        } else {
            (own, None)
        };
        if let Some(response) = of.octets("ocsp-response")? {
            shown = shown.with_ocsp_response(response);
        }
        if let Some(list) = of.octets("signed-cert-timestamps")? {
            shown = shown.with_sct_list(list);
        }
        if of.has("must-match-issuer") {
            shown = shown.for_its_issuers_only();
        }
        shown = shown.with_compression(compression::algorithms(&of)?);
        Ok(Self {
            shown: Arc::new(shown),
            signer,
            of,
            deferred,
        })
    }
}

/// The certificates of a file.
pub fn chain(file: &str) -> Result<Vec<CertificateDer<'static>>, Unsupported> {
    let wrong = |why: &dyn std::fmt::Display| Unsupported(format!("{file}: {why}"));
    let pem = fs::read(file).map_err(|error| wrong(&error))?;
    CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(&error))
}

impl Credential {
    /// Whether a server that names these authorities, or none, may see it.
    pub fn suits(&self, authorities: &[Vec<u8>]) -> bool {
        let authorities: Vec<_> = authorities.iter().map(Vec::as_slice).collect();
        let mut chain = self.shown.chain().iter();
        let issued = chain.any(|der| netkit_x509::names_issuer(der, &authorities));
        issued || !self.of.has("must-match-issuer")
    }
}

fn shown(credentials: &[Arc<Credential>]) -> Vec<Arc<Identity>> {
    credentials
        .iter()
        .map(|own| Arc::clone(&own.shown))
        .collect()
}

/// Names of protocols, each behind an octet with its length.
pub fn protocols(list: &str) -> Result<Vec<Vec<u8>>, Unsupported> {
    let mut rest = list.as_bytes();
    let mut names = Vec::new();
    while let Some((length, behind)) = rest.split_first() {
        let Some((name, behind)) = behind.split_at_checked(usize::from(*length)) else {
            return unsupported("a list of protocols that is none");
        };
        names.push(name.to_vec());
        rest = behind;
    }
    Ok(names)
}

fn versions(flags: &Flags) -> Result<Versions, Unsupported> {
    let mut versions = Versions::default();
    // TLS 1.0 and 1.1 are switched off for good.
    let _off = flags.has("no-tls1") || flags.has("no-tls11");
    if let Some(min) = flags.number("min-version")? {
        versions.min = versions.min.max(ProtocolVersion(min));
    }
    if let Some(max) = flags.number("max-version")? {
        versions.max = ProtocolVersion(max);
    }
    if flags.has("no-tls13") {
        versions.max = versions.max.min(ProtocolVersion::TLS1_2);
    }
    if flags.has("no-tls12") {
        versions.min = versions.min.max(ProtocolVersion::TLS1_3);
    }
    Ok(versions)
}

/// The suites of TLS 1.2 in a list without operators, and all of TLS 1.3.
fn suites(flags: &Flags) -> Result<Option<Vec<CipherSuite>>, Unsupported> {
    let Some(list) = flags.value("cipher") else {
        return Ok(None);
    };
    let built_in = |name: &str| {
        let mut all = (0..=u16::MAX).map(CipherSuite);
        let found = all.find(|suite| suite.name() == Some(name));
        found.ok_or_else(|| Unsupported(format!("the suite {name}")))
    };
    let tls13 = [
        CipherSuite::TLS_AES_128_GCM_SHA256,
        CipherSuite::TLS_AES_256_GCM_SHA384,
        CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
    ];
    let listed = list
        .split(':')
        .map(built_in)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Some([&tls13[..], &listed].concat()))
}

fn groups(flags: &Flags) -> Result<Option<Vec<NamedGroup>>, Unsupported> {
    const BUILT_IN: [NamedGroup; 5] = [
        NamedGroup::X25519,
        NamedGroup::SECP256R1,
        NamedGroup::SECP384R1,
        NamedGroup::SECP521R1,
        NamedGroup::X25519MLKEM768,
    ];
    let groups: Vec<NamedGroup> = flags
        .numbers("curves")?
        .into_iter()
        .map(NamedGroup)
        .collect();
    if let Some(other) = groups.iter().find(|group| !BUILT_IN.contains(group)) {
        return unsupported(format!("the group {other}"));
    }
    Ok((!groups.is_empty()).then_some(groups))
}

/// The schemes of a flag. One that is not built in cannot be preferred.
fn schemes(flags: &Flags, flag: &str) -> Result<Option<Vec<SignatureScheme>>, Unsupported> {
    let schemes: Vec<_> = flags
        .numbers(flag)?
        .into_iter()
        .map(SignatureScheme)
        .collect();
    if let Some(other) = schemes.iter().find(|scheme| scheme.name().is_none()) {
        return unsupported(format!("the scheme {other}"));
    }
    Ok((!schemes.is_empty()).then_some(schemes))
}
