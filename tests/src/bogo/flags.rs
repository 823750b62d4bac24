//! The shim's command line, as the runner writes it: flags of one dash, some with a value, some for one
//! of the connections only.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Flags without a value.
const SWITCHES: &[&str] = &[
    "async",
    "check-close-notify",
    "decline-alpn",
    "decline-ocsp-callback",
    "enable-early-data",
    "enable-ocsp-stapling",
    "enable-signed-cert-timestamps",
    "expect-accept-early-data",
    "expect-extended-master-secret",
    "expect-hrr",
    "expect-no-hrr",
    "expect-no-offer-early-data",
    "expect-no-session",
    "expect-no-session-id",
    "expect-reject-early-data",
    "expect-secure-renegotiation",
    "expect-session-id",
    "expect-session-miss",
    "expect-ticket-renewal",
    "expect-ticket-supports-early-data",
    "expect-verify-result",
    "export-traffic-secrets",
    "fail-cert-callback",
    "fail-ddos-callback",
    "fail-early-callback",
    "fail-ocsp-callback",
    "implicit-handshake",
    "install-cert-compression-algs",
    "install-ddos-callback",
    "ipv6",
    "is-handshaker-supported",
    "key-update",
    "must-match-issuer",
    "new-x509-credential",
    "no-key-shares",
    "no-legacy-server-connect",
    "no-op-extra-handshake",
    "no-ticket",
    "no-tls1",
    "no-tls11",
    "no-tls12",
    "no-tls13",
    "read-with-unfinished-write",
    "reject-alpn",
    "renew-ticket",
    "require-any-client-certificate",
    "reverify-on-resume",
    "select-empty-alpn",
    "send-alert",
    "server",
    "set-ocsp-in-callback",
    "shim-shuts-down",
    "shim-writes-first",
    "skip-ticket",
    "use-custom-verify-callback",
    "use-early-callback",
    "use-export-context",
    "use-ocsp-callback",
    "use-old-client-cert-callback",
    "use-ticket-aead-callback",
    "use-ticket-callback",
    "verify-fail",
    "verify-peer",
];

/// Flags with a value.
const VALUED: &[&str] = &[
    "advertise-alpn",
    "cert-file",
    "cipher",
    "curves",
    "early-write-after-message",
    "expect-advertised-alpn",
    "expect-alpn",
    "expect-certificate-types",
    "expect-cipher",
    "expect-cipher-aes",
    "expect-cipher-no-aes",
    "expect-client-ca-list",
    "expect-curve-id",
    "expect-early-data-reason",
    "expect-ocsp-response",
    "expect-peer-cert-file",
    "expect-peer-signature-algorithm",
    "expect-peer-verify-pref",
    "expect-selected-credential",
    "expect-server-name",
    "expect-signed-cert-timestamps",
    "expect-version",
    "expect-ticket-age-skew",
    "export-context",
    "export-keying-material",
    "export-label",
    "host-name",
    "install-one-cert-compression-alg",
    "key-file",
    "key-shares",
    "max-cert-list",
    "max-send-fragment",
    "max-version",
    "min-version",
    "ocsp-response",
    "port",
    "read-size",
    "repeat-shim-initial-write",
    "resume-count",
    "resumption-delay",
    "select-alpn",
    "shim-id",
    "shim-initial-write",
    "signed-cert-timestamps",
    "signing-prefs",
    "trust-cert",
    "use-client-ca-list",
    "verify-prefs",
];

/// Flags that belong to the credential before them, if there is one.
const OF_CREDENTIALS: &[&str] = &[
    "cert-file",
    "key-file",
    "must-match-issuer",
    "ocsp-response",
    "signed-cert-timestamps",
    "signing-prefs",
];

/// What the shim does not do: it says so with exit code 89, and the test counts as not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported(pub String);

/// Values by flag, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags(BTreeMap<&'static str, Vec<String>>);

impl Flags {
    /// Whether the flag is there.
    pub fn has(&self, flag: &str) -> bool {
        debug_assert!(is_known(flag), "{flag} is not in the tables");
        self.0.contains_key(flag)
    }

    /// Its last value.
    pub fn value(&self, flag: &str) -> Option<&str> {
        debug_assert!(VALUED.contains(&flag), "{flag} has no value");
        self.0.get(flag)?.last().map(String::as_str)
    }

    /// Its last value, a number.
    pub fn number<T: std::str::FromStr>(&self, flag: &str) -> Result<Option<T>, Unsupported> {
        self.value(flag)
            .map(|value| number(flag, value))
            .transpose()
    }

    /// All its values, numbers.
    pub fn numbers<T: std::str::FromStr>(&self, flag: &str) -> Result<Vec<T>, Unsupported> {
        let values = self.0.get(flag).into_iter().flatten();
        values.map(|value| number(flag, value)).collect()
    }

    /// Its last value, octets in base64.
    pub fn octets(&self, flag: &str) -> Result<Option<Vec<u8>>, Unsupported> {
        let decoded = self.value(flag).map(|value| STANDARD.decode(value));
        decoded
            .transpose()
            .map_err(|_| Unsupported(format!("-{flag}: no base64")))
    }

    /// Those of them that make a credential.
    #[must_use]
    pub fn of_credential(&self) -> Self {
        let of = self
            .0
            .iter()
            .filter(|(flag, _)| OF_CREDENTIALS.contains(flag));
        Self(of.map(|(flag, values)| (*flag, values.clone())).collect())
    }

    /// Takes over `other`'s values of the flag, if it is there.
    pub fn take_over(&mut self, other: &Self, flag: &'static str) {
        if let Some(values) = other.0.get(flag) {
            self.0.insert(flag, values.clone());
        }
    }

    /// Takes the flag away.
    pub fn remove(&mut self, flag: &str) {
        self.0.remove(flag);
    }

    fn put(&mut self, flag: &'static str, value: Option<String>) {
        self.0.entry(flag).or_default().extend(value);
    }
}

fn number<T: std::str::FromStr>(flag: &str, value: &str) -> Result<T, Unsupported> {
    value
        .parse()
        .map_err(|_| Unsupported(format!("-{flag} {value}: no number that fits")))
}

fn is_known(flag: &str) -> bool {
    SWITCHES.contains(&flag) || VALUED.contains(&flag)
}

/// What one connection is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Its flags; those of the first credential among them, where none was announced.
    pub flags: Flags,
    /// The flags of the credentials that were announced.
    pub credentials: Vec<Flags>,
}

impl Settings {
    fn put(&mut self, flag: &'static str, value: Option<String>) {
        if flag == "new-x509-credential" {
            self.credentials.push(Flags::default());
            return;
        }
        match self.credentials.last_mut() {
            Some(credential) if OF_CREDENTIALS.contains(&flag) => credential.put(flag, value),
            _ => self.flags.put(flag, value),
        }
    }
}

/// What the connections of one test are to be.
#[derive(Debug, Default)]
pub struct Line {
    /// The first.
    pub initial: Settings,
    /// Those after it.
    pub resume: Settings,
    /// What is left of one whose early data was refused.
    pub retry: Settings,
}

impl Line {
    /// Reads a command line.
    pub fn read(arguments: impl IntoIterator<Item = String>) -> Result<Self, Unsupported> {
        let mut line = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let flag = argument
                .strip_prefix('-')
                .ok_or_else(|| Unsupported(argument.clone()))?;
            let flag = flag.strip_prefix("on-shim-").unwrap_or(flag);
            let (of, flag) = [
                ("on-initial-", &mut line.initial),
                ("on-resume-", &mut line.resume),
                ("on-retry-", &mut line.retry),
            ]
            .into_iter()
            .find_map(|(prefix, of)| Some((Some(of), flag.strip_prefix(prefix)?)))
            .unwrap_or((None, flag));
            let find = |table: &[&'static str]| table.iter().copied().find(|known| *known == flag);
            let (flag, value) = match (find(SWITCHES), find(VALUED)) {
                (Some(flag), _) => (flag, None),
                (None, Some(flag)) => {
                    let value = arguments.next();
                    let value = value.ok_or_else(|| Unsupported(argument.clone()))?;
                    (flag, Some(value))
                }
                (None, None) => return Err(Unsupported(argument)),
            };
            match of {
                Some(of) => of.put(flag, value),
                None => {
                    for of in [&mut line.initial, &mut line.resume, &mut line.retry] {
                        of.put(flag, value.clone());
                    }
                }
            }
        }
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, OF_CREDENTIALS, SWITCHES, Unsupported, VALUED};

    fn read(line: &str) -> Result<Line, Unsupported> {
        Line::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_flag_is_for_all_connections_or_for_those_that_it_names() {
        let line = read("-port 7 -on-resume-verify-fail -curves 23 -curves 29 -on-retry-async");
        let line = line.unwrap();
        for settings in [&line.initial, &line.resume, &line.retry] {
            assert_eq!(settings.flags.number("port"), Ok(Some(7)));
            assert_eq!(settings.flags.numbers("curves"), Ok(vec![23, 29]));
        }
        let having = |flag| [&line.initial, &line.resume, &line.retry].map(|s| s.flags.has(flag));
        assert_eq!(having("verify-fail"), [false, true, false]);
        assert_eq!(having("async"), [false, false, true]);
    }

    #[test]
    fn a_credential_takes_the_flags_behind_it() {
        let line = "-cert-file a -new-x509-credential -cert-file b -key-file c -verify-peer";
        let initial = read(line).unwrap().initial;
        assert_eq!(initial.flags.value("cert-file"), Some("a"));
        assert_eq!(initial.credentials[0].value("cert-file"), Some("b"));
        assert!(initial.flags.has("verify-peer") && !initial.flags.has("key-file"));
    }

    #[test]
    fn what_is_not_in_the_tables_is_unsupported() {
        for line in ["-no-such-flag", "port 7", "-port", "-on-resume-dtls"] {
            assert!(read(line).is_err(), "{line}");
        }
        assert!(
            read("-port x")
                .unwrap()
                .initial
                .flags
                .number::<u16>("port")
                .is_err()
        );
    }

    /// A flag that is read and then ignored would make every test that has it worth nothing.
    #[test]
    fn every_flag_of_the_tables_is_asked_for_somewhere() {
        let sources = [
            include_str!("settings.rs"),
            include_str!("judge.rs"),
            include_str!("checks.rs"),
            include_str!("compression.rs"),
            include_str!("exchange.rs"),
            include_str!("wire.rs"),
            include_str!("../../bogo-shim.rs"),
        ];
        for flag in SWITCHES.iter().chain(VALUED) {
            let quoted = format!("\"{flag}\"");
            let asked = sources.iter().any(|source| source.contains(&quoted));
            assert!(asked || *flag == "new-x509-credential", "{flag}");
        }
        assert!(OF_CREDENTIALS.iter().all(|flag| super::is_known(flag)));
    }
}
