//! One connection of a test: the handshake, what the test expects of it, and an echo.

use std::sync::Arc;
use std::time::Duration;

use netkit::UnixTime;
use netkit::tls::{
    AlertDescription, CipherSuite, Connection, EarlyData, Error, Event, Hello, ProtocolVersion,
    Question, ServerConfig,
};
use netkit_x509::Inputs;

use super::errors::words;
use super::flags::{Line, Settings, Unsupported};
use super::judge::Refusal;
use super::settings::{self, Credential, Settled, Shared};
use super::wire::Wire;
use crate::tls_cases::random;

/// BoringSSL's shim reads so much at a time, and echoes it.
const READ_SIZE: usize = 512;

/// Why a test ends badly.
#[derive(Debug)]
pub enum Failure {
    /// The shim cannot do what is asked.
    Unsupported(String),
    /// What goes to standard error.
    Said(String),
}

impl From<Unsupported> for Failure {
    fn from(Unsupported(what): Unsupported) -> Self {
        Self::Unsupported(what)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Said(format!("{} {}: {error}", words(error), error.name()))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Said(format!("socket: {error}"))
    }
}

fn said<T>(what: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Said(what.into()))
}

pub(super) fn expect(holds: bool, what: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { said(what()) }
}

/// Makes all connections of a test. `octets` at most are read at once.
pub fn run(line: &Line, octets: Option<usize>) -> Result<(), Failure> {
    let shared = Shared::new();
    let mut now = UnixTime::now();
    let count = line.initial.flags.number("resume-count")?.unwrap_or(0);
    for number in 0..=count {
        let resumes = number > 0;
        let settings = if resumes { &line.resume } else { &line.initial };
        let server = settings.flags.has("server");
        if resumes && !server {
            expect(shared.sessions.is_some(), || "no session to offer".into())?;
        }
        let mut exchange = Exchange::new(settings, &line.retry, resumes, &shared, now, octets)?;
        let ended = exchange.run();
        exchange.wire.drain();
        ended?;
        if let Some(delay) = settings.flags.number("resumption-delay")? {
            now = UnixTime::since_unix_epoch(
                Duration::from_secs(now.as_secs()) + Duration::from_secs(delay),
            );
        }
    }
    Ok(())
}

/// What was heard.
enum Heard {
    Connected,
    Data(Vec<u8>),
    EarlyData(Vec<u8>),
    Closed,
    /// The transport ended.
    End,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "what is known of a connection, beside its settings"
)]
pub(super) struct Exchange<'t> {
    pub(super) settings: &'t Settings,
    retry: &'t Settings,
    pub(super) resumes: bool,
    pub(super) server: bool,
    pub(super) shared: &'t Shared,
    pub(super) credentials: Vec<Arc<Credential>>,
    /// Chosen once the ClientHello has been seen.
    chosen: Option<Arc<ServerConfig>>,
    wire: Wire,
    pub(super) connection: Connection,
    now: UnixTime,
    /// Early data was sent; once refused, it is sent again.
    pub(super) offered_early: bool,
    /// The message that early data waits for.
    early_after: Option<u8>,
    /// What was to be sent first and did not fit early data.
    unsent: Vec<Vec<u8>>,
    pub(super) sessions_before: usize,
    pub(super) session_ids_before: usize,
    connected: bool,
}

impl<'t> Exchange<'t> {
    fn new(
        settings: &'t Settings,
        retry: &'t Settings,
        resumes: bool,
        shared: &'t Shared,
        now: UnixTime,
        octets: Option<usize>,
    ) -> Result<Self, Failure> {
        let flags = &settings.flags;
        let server = flags.has("server");
        shared.judge.set(server, settings)?;
        let credentials = shared.credentials(settings)?;
        let sessions_before = shared.sessions.count();
        let at_once = octets.unwrap_or(if flags.has("async") { 1 } else { 1 << 14 });
        // What is not supported shows before the runner is bothered.
        let (connection, chosen, name, client) = if server {
            let config = Arc::new(settings::server(settings, &credentials, shared)?);
            if answers_hello(settings) {
                (
                    Some(Connection::undecided(now, random())),
                    Some(config),
                    None,
                    None,
                )
            } else {
                (
                    Some(Connection::server(config, now, random())),
                    None,
                    None,
                    None,
                )
            }
        } else {
            let config = Arc::new(settings::client(settings, &credentials, shared)?);
            (
                None,
                None,
                Some(settings::server_name(flags)?),
                Some(config),
            )
        };
        let mut wire = Wire::connect(settings, at_once)?;
        let connection = match (connection, name, client) {
            (Some(connection), ..) => connection,
            (None, Some(name), Some(config)) => {
                Connection::client(config, name, now, random(), &mut wire.out)?
            }
            _ => return said("neither a server nor a client"),
        };
        Ok(Self {
            settings,
            retry,
            resumes,
            server,
            shared,
            credentials,
            chosen,
            wire,
            connection,
            now,
            offered_early: false,
            early_after: flags.number("early-write-after-message")?,
            unsent: Vec::new(),
            sessions_before,
            session_ids_before: shared.session_ids(),
            connected: false,
        })
    }

    pub(super) fn has(&self, flag: &str) -> bool {
        self.settings.flags.has(flag)
    }

    fn run(&mut self) -> Result<(), Failure> {
        if self.connection.early_data_left() > 0 && !self.server {
            let unwanted = self.has("expect-no-offer-early-data") && self.resumes;
            expect(!unwanted, || "early data is offered".into())?;
            self.offered_early = true;
            self.export()?;
            if self.early_after.is_none() {
                self.write_early()?;
            }
        }
        loop {
            match self.hear()? {
                Heard::Connected => {
                    if self.connected()? {
                        break;
                    }
                }
                Heard::Data(data) | Heard::EarlyData(data) => self.echo(&data)?,
                Heard::Closed => break,
                Heard::End => {
                    expect(self.connected, || ":HANDSHAKE_NOT_COMPLETE:".into())?;
                    let cut = self.has("check-close-notify");
                    expect(!cut, || "Unexpected SSL_shutdown result: -1 != 1".into())?;
                    break;
                }
            }
        }
        self.sessions()?;
        self.shut_down()
    }

    /// Waits until something is heard, and answers what is asked.
    fn hear(&mut self) -> Result<Heard, Failure> {
        loop {
            let stepped = self
                .connection
                .recv(self.wire.inbox.unread(), &mut self.wire.out);
            let (used, heard, question) = match stepped {
                Err(error) => {
                    self.wire.flush().ok();
                    let hello = !self.server && !self.connection.disagreements().is_empty();
                    let also = if hello {
                        ":HANDSHAKE_FAILURE_ON_CLIENT_HELLO"
                    } else {
                        ""
                    };
                    return match Failure::from(error) {
                        Failure::Said(words) => said(format!("{also}{words}")),
                        other @ Failure::Unsupported(_) => Err(other),
                    };
                }
                Ok(step) => match step.event {
                    Event::Connected => (step.used, Some(Heard::Connected), None),
                    Event::Data(data) => (step.used, Some(Heard::Data(data.to_vec())), None),
                    Event::EarlyData(data) => {
                        (step.used, Some(Heard::EarlyData(data.to_vec())), None)
                    }
                    Event::PeerClosed => (step.used, Some(Heard::Closed), None),
                    Event::Question(question) => (step.used, None, Some(question)),
                    Event::NeedData => (step.used, None, None),
                    Event::Waiting => return said("waits for what was answered"),
                },
            };
            self.wire.inbox.consume(used);
            if self.early_after.is_some() && self.early_after == self.shared.overheard.message() {
                self.early_after = None;
                self.write_early()?;
            }
            if let Some(question) = question {
                self.answer(question)?;
                continue;
            }
            if let Some(heard) = heard {
                return Ok(heard);
            }
            if !self.wire.read()? {
                return match self.connection.eof() {
                    Ok(()) | Err(Error::Truncated) => Ok(Heard::End),
                    Err(error) => Err(error.into()),
                };
            }
        }
    }

    fn answer(&mut self, question: Question) -> Result<(), Failure> {
        // It waits, and wants nothing, until it has its answer.
        let mut nothing = Vec::new();
        let step = self
            .connection
            .recv(self.wire.inbox.unread(), &mut nothing)?;
        expect(step.event == Event::Waiting && nothing.is_empty(), || {
            "does not wait for an answer".into()
        })?;
        match question {
            Question::Hello => self.choose(),
            Question::Identity => self.identify(),
            Question::Sign => self.sign(),
            Question::Verify => self.judge(),
        }
    }

    fn refuse<T>(&mut self, words: &str, alert: AlertDescription) -> Result<T, Failure> {
        let error = self.connection.refuse(alert, &mut self.wire.out);
        self.wire.flush().ok();
        said(format!(":{words}: {error}"))
    }

    fn choose(&mut self) -> Result<(), Failure> {
        use AlertDescription as A;
        if self.has("fail-early-callback") || self.has("fail-ddos-callback") {
            let alert = if self.has("fail-early-callback") {
                A::HANDSHAKE_FAILURE
            } else {
                A::INTERNAL_ERROR
            };
            return self.refuse("CONNECTION_REJECTED", alert);
        }
        if self.has("fail-cert-callback") {
            return self.refuse("CERT_CB_ERROR", A::INTERNAL_ERROR);
        }
        if self.has("fail-ocsp-callback") {
            return self.refuse("OCSP_CB_ERROR", A::INTERNAL_ERROR);
        }
        let Some(hello) = self.connection.hello() else {
            return said("a question about no ClientHello");
        };
        if let Some(expected) = self.settings.flags.value("expect-advertised-alpn") {
            let expected = settings::protocols(expected)?;
            expect(hello.protocols() == expected, || {
                "other protocols than expected".into()
            })?;
        }
        if let Some(name) = self.settings.flags.value("expect-server-name") {
            expect(hello.server_name() == Some(name), || {
                "another server name".into()
            })?;
        }
        let preferred: Vec<u16> = self.settings.flags.numbers("expect-peer-verify-pref")?;
        if !preferred.is_empty() {
            let is: Vec<u16> = hello.signature_schemes().map(|scheme| scheme.0).collect();
            expect(is == preferred, || format!("the client prefers {is:?}"))?;
        }
        if self.has("reject-alpn") && !hello.protocols().is_empty() {
            return self.refuse("NO_APPLICATION_PROTOCOL", A::NO_APPLICATION_PROTOCOL);
        }
        let transports_key = is_rsa_key_transport(&hello);
        match &self.chosen {
            // A key that is elsewhere signs, and decrypts nothing.
            Some(config) if transports_key => {
                let mut config = ServerConfig::clone(config);
                let here = self.credentials.iter().map(|own| own.signer.as_ref());
                let here = here.zip(&config.identities);
                config.identities = here
                    .map(|(here, shown)| Arc::clone(here.unwrap_or(shown)))
                    .collect();
                Ok(self.connection.choose(Arc::new(config))?)
            }
            Some(config) => Ok(self.connection.choose(Arc::clone(config))?),
            None => said("asks for a configuration that it has"),
        }
    }

    /// Shows the first credential that suits, as BoringSSL's shim does when it is asked.
    fn identify(&mut self) -> Result<(), Failure> {
        if self.has("fail-cert-callback") {
            return self.refuse("CERT_CB_ERROR", AlertDescription::INTERNAL_ERROR);
        }
        let Some(request) = self.connection.identity_request() else {
            return said("a question about no CertificateRequest");
        };
        let flags = &self.settings.flags;
        let preferred: Vec<u16> = flags.numbers("expect-peer-verify-pref")?;
        let is: Vec<u16> = request.schemes().iter().map(|scheme| scheme.0).collect();
        expect(preferred.is_empty() || is == preferred, || {
            format!("the server prefers {is:?}")
        })?;
        if let Some(types) = flags.octets("expect-certificate-types")? {
            expect(request.certificate_types() == types, || {
                format!("the server takes {:?}", request.certificate_types())
            })?;
        }
        if let Some(list) = flags.value("expect-client-ca-list") {
            let names = request.authorities().iter().map(hex::encode);
            expect(names.eq(list.split(',')), || {
                "other CAs than expected".into()
            })?;
        }
        let suits = |own: &&Arc<Credential>| {
            let schemes = own.shown.schemes().iter();
            schemes
                .clone()
                .any(|scheme| request.schemes().contains(scheme))
                && own.suits(request.authorities())
        };
        let own = self.credentials.iter().find(suits);
        if own.is_none() && !self.credentials.is_empty() {
            // Who has credentials wants to be known by one.
            let issuers = request.authorities();
            let types = request.certificate_types();
            let is_wanted = |own: &Arc<Credential>| {
                let mut schemes = own
                    .shown
                    .schemes()
                    .iter()
                    .filter_map(|scheme| scheme.name());
                let kind = if schemes.any(|name| name.starts_with("rsa")) {
                    1
                } else {
                    64
                };
                types.is_empty() || types.contains(&kind)
            };
            let words = if !self.credentials.iter().any(is_wanted) {
                "UNKNOWN_CERTIFICATE_TYPE"
            } else if self.credentials.iter().any(|own| own.suits(issuers)) {
                "NO_COMMON_SIGNATURE_ALGORITHMS"
            } else {
                "NO_MATCHING_ISSUER"
            };
            return self.refuse(words, AlertDescription::HANDSHAKE_FAILURE);
        }
        let shown = own.map(|own| Arc::clone(&own.shown));
        Ok(self.connection.show(shown, &mut self.wire.out)?)
    }

    fn sign(&mut self) -> Result<(), Failure> {
        let Some(to_sign) = self.connection.to_sign() else {
            return said("a question about nothing to sign");
        };
        let own = self.credentials.iter();
        let mut own = own.filter(|own| Arc::ptr_eq(&own.shown, to_sign.identity()));
        let Some(signer) = own.next().and_then(|own| own.signer.as_ref()) else {
            return said("a signature of a key that is here");
        };
        let Some(signature) = signer.sign(to_sign.scheme(), to_sign.content()) else {
            return said("a signature that the key does not make");
        };
        Ok(self.connection.signature(&signature?, &mut self.wire.out)?)
    }

    fn judge(&mut self) -> Result<(), Failure> {
        let inputs = if self.server {
            Inputs::client(self.now)
        } else {
            Inputs::server(self.now)
        };
        if self.offered_early && self.connection.early_data_left() == 0 {
            // What is left of this connection is another, without early data.
            self.shared.judge.set(self.server, self.retry)?;
        }
        let connection = &self.connection;
        let refused =
            self.shared
                .judge
                .decide(connection.peer_chain(), connection.ocsp_response(), &inputs);
        match refused {
            Ok(()) => Ok(self.connection.verdict(Ok(()), &mut self.wire.out)?),
            Err(Refusal::Certificate(error)) => {
                Ok(self.connection.verdict(Err(error), &mut self.wire.out)?)
            }
            Err(Refusal::Wanted { words, alert }) => self.refuse(words, alert),
        }
    }

    /// Sends what is to be sent first as early data, as much as fits.
    fn write_early(&mut self) -> Result<(), Failure> {
        if !self.has("shim-writes-first") {
            return Ok(());
        }
        self.wire.flush()?;
        for mut first in self.first_writes()? {
            let fits = first.len().min(self.connection.early_data_left());
            let unsent = first.split_off(fits);
            self.connection.send_early(&[&first], &mut self.wire.out)?;
            if !unsent.is_empty() {
                self.unsent.push(unsent);
            }
        }
        self.begin_to_write()
    }

    /// Sends all that there is, or the first octet of it: the rest when something has been read.
    fn begin_to_write(&mut self) -> Result<(), Failure> {
        if !self.has("read-with-unfinished-write") {
            return self.wire.flush();
        }
        let later = self.wire.out.split_off(1);
        self.wire.flush()?;
        self.wire.out = later;
        self.wire.holds_back = true;
        Ok(())
    }

    fn first_writes(&self) -> Result<Vec<Vec<u8>>, Unsupported> {
        let text = self
            .settings
            .flags
            .value("shim-initial-write")
            .unwrap_or("hello");
        let times = self
            .settings
            .flags
            .number("repeat-shim-initial-write")?
            .unwrap_or(1);
        Ok(vec![text.as_bytes().to_vec(); times])
    }

    /// What follows the handshake; whether nothing is read any more.
    fn connected(&mut self) -> Result<bool, Failure> {
        self.connected = true;
        let Some(agreed) = self.connection.agreed().cloned() else {
            return said("connected, and nothing is agreed");
        };
        expect(self.early_after.is_none(), || {
            "early data waited for a message that did not come".into()
        })?;
        let refused = self.offered_early && agreed.early_data == EarlyData::Rejected;
        if self.offered_early && !self.server {
            let expected = self.has("expect-reject-early-data");
            expect(refused == expected, || {
                "early data was not treated as expected".into()
            })?;
        }
        if refused {
            self.settings = self.retry;
        }
        if !agreed.resumed {
            *self.shared.settled() = Settled {
                peer_scheme: if self.server {
                    agreed.client_signature_scheme
                } else {
                    agreed.signature_scheme
                },
                group: agreed.group,
            };
        }
        if !self.has("implicit-handshake") {
            self.check(&agreed)?;
        }
        if self.has("expect-extended-master-secret") {
            // Without it TLS 1.2 exports nothing (RFC 7627 5.4).
            let exported = self.connection.export(b"EXPERIMENTAL", b"", &mut [0; 32]);
            expect(exported.is_ok(), || "no extended_master_secret".into())?;
        }
        if self.has("no-op-extra-handshake") {
            let before = self.wire.out.len();
            let step = self.connection.recv(&mut [], &mut self.wire.out)?;
            let idle = step.event == Event::NeedData && self.wire.out.len() == before;
            expect(idle, || "a handshake that is done goes on".into())?;
        }
        self.export()?;
        if self.has("export-traffic-secrets") {
            self.export_secrets()?;
        }
        if self.has("send-alert") {
            const DECOMPRESSION_FAILURE: AlertDescription = AlertDescription(30);
            self.connection
                .refuse(DECOMPRESSION_FAILURE, &mut self.wire.out);
            self.wire.flush()?;
            return Ok(true);
        }
        let already = self.offered_early && !refused;
        if self.has("shim-writes-first") || self.has("read-with-unfinished-write") {
            let first = if already {
                std::mem::take(&mut self.unsent)
            } else {
                self.first_writes()?
            };
            // Only data may be left half written.
            self.wire.flush()?;
            for first in first {
                self.connection.send(&[&first], &mut self.wire.out)?;
            }
            if already || self.offered_early {
                self.wire.flush()?;
            } else {
                self.begin_to_write()?;
            }
        }
        Ok(self.has("shim-shuts-down"))
    }

    fn export(&mut self) -> Result<(), Failure> {
        let flags = &self.settings.flags;
        let Some(length) = flags.number("export-keying-material")? else {
            return Ok(());
        };
        let label = flags.value("export-label").unwrap_or("");
        let context = flags.value("export-context").unwrap_or("");
        let tls12 =
            self.connection.agreed().map(|agreed| agreed.version) == Some(ProtocolVersion::TLS1_2);
        if tls12 && flags.has("use-export-context") == context.is_empty() {
            return Err(Unsupported(
                "an empty context that is one, or another that is none".into(),
            )
            .into());
        }
        let mut material = vec![0; length];
        self.connection
            .export(label.as_bytes(), context.as_bytes(), &mut material)?;
        self.connection.send(&[&material], &mut self.wire.out)?;
        self.wire.flush()
    }

    /// Sends the first traffic secrets, that under which we read first.
    fn export_secrets(&mut self) -> Result<(), Failure> {
        let secrets = ["SERVER_TRAFFIC_SECRET_0", "CLIENT_TRAFFIC_SECRET_0"]
            .map(|label| self.shared.overheard.secret(label).unwrap_or_default());
        let [read, written] = &secrets;
        let length = u16::try_from(read.len()).unwrap_or(0).to_le_bytes();
        self.connection
            .send(&[&length, read, written], &mut self.wire.out)?;
        self.wire.flush()
    }

    fn echo(&mut self, data: &[u8]) -> Result<(), Failure> {
        let at_once = self
            .settings
            .flags
            .number("read-size")?
            .unwrap_or(READ_SIZE);
        for piece in data.chunks(at_once) {
            if self.has("key-update") {
                self.connection.update_keys(false, &mut self.wire.out)?;
            }
            let answer: Vec<u8> = piece.iter().map(|octet| octet ^ 0xff).collect();
            self.connection.send(&[&answer], &mut self.wire.out)?;
        }
        self.wire.flush()
    }

    fn shut_down(&mut self) -> Result<(), Failure> {
        if !self.has("check-close-notify") || self.has("send-alert") {
            return Ok(());
        }
        self.connection.close(&mut self.wire.out)?;
        self.wire.flush()?;
        if self.has("shim-shuts-down") {
            loop {
                match self.hear()? {
                    Heard::Closed => break,
                    Heard::End => return said("Unexpected SSL_shutdown result: -1 != 1"),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Whether the client has nothing but RSA key transport.
fn is_rsa_key_transport(hello: &Hello<'_>) -> bool {
    let mut known = hello.cipher_suites().filter_map(CipherSuite::name);
    known.all(|name| name.starts_with("TLS_RSA_"))
}

/// Whether the test has something to say about the ClientHello.
fn answers_hello(settings: &Settings) -> bool {
    [
        "async",
        "use-early-callback",
        "fail-early-callback",
        "install-ddos-callback",
        "fail-cert-callback",
        "use-ocsp-callback",
        "set-ocsp-in-callback",
        "expect-advertised-alpn",
        "expect-peer-verify-pref",
        "reject-alpn",
    ]
    .iter()
    .any(|flag| settings.flags.has(flag))
}
