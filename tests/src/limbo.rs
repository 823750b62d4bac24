//! The cases of x509-limbo, and netkit's verdict on each.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netkit_x509::{
    CertificateDer, Identity, Inputs, KeyUsage, Profile, Purpose, Revocation, Roots, ServerName,
    UnixTime,
};
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject;
use serde_json::Value;

/// One of the suite's cases.
#[derive(Debug)]
pub struct Case(Value);

/// Every case of a file of the suite's schema, packed by gzip or not.
pub fn load(file: &Path) -> Result<Vec<Case>, Box<dyn Error>> {
    let text = if file.extension().is_some_and(|extension| extension == "gz") {
        Command::new("gzip").arg("-dc").arg(file).output()?.stdout
    } else {
        std::fs::read(file)?
    };
    let mut suite: Value = serde_json::from_slice(&text)?;
    match suite["testcases"].take() {
        Value::Array(cases) => Ok(cases.into_iter().map(Case).collect()),
        _ => Err("no list of test cases".into()),
    }
}

impl Case {
    /// What it is called.
    pub fn id(&self) -> &str {
        self.word("id")
    }

    /// Whether the suite wants the chain accepted.
    pub fn is_good(&self) -> bool {
        self.word("expected_result") == "SUCCESS"
    }

    /// netkit's verdict: nothing, or why not.
    pub fn verdict(&self) -> Result<(), String> {
        let chain = self.chain()?;
        let roots = self.roots();
        let revoked: Vec<Vec<u8>> = self
            .pem("crls")
            .filter_map(|pem| CertificateRevocationListDer::from_pem_slice(pem.as_bytes()).ok())
            .map(|crl| crl.as_ref().to_vec())
            .collect();
        let crls: Vec<&[u8]> = revoked.iter().map(Vec::as_slice).collect();
        let inputs = self.inputs(&crls)?;
        let path = roots
            .verify(&chain, &inputs)
            .map_err(|error| error.to_string())?;
        self.names()?
            .iter()
            .try_for_each(|name| match name {
                Name::Server(name) => path.is_for(&Identity::Server(name)),
                Name::Email(name) => path.is_for(&Identity::Email(name)),
            })
            .map_err(|error| error.to_string())
    }

    fn word(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    fn pem(&self, name: &str) -> impl Iterator<Item = &str> {
        let list = self.0[name].as_array();
        list.into_iter().flatten().filter_map(Value::as_str)
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes());
        let peer = certificate(self.word("peer_certificate")).map_err(|error| error.to_string())?;
        let pool = self
            .pem("untrusted_intermediates")
            .filter_map(|pem| certificate(pem).ok());
        Ok(std::iter::once(peer).chain(pool).collect())
    }

    /// Cases of the web's namespace are judged by its profile, all others by RFC 5280's. A root that
    /// does not parse is not trusted.
    fn roots(&self) -> Roots {
        let profile = if self.id().starts_with("webpki::") {
            Profile::WebPki
        } else {
            Profile::Rfc5280
        };
        let mut roots = Roots::new();
        for pem in self.pem("trusted_certs") {
            if let Ok(root) = CertificateDer::from_pem_slice(pem.as_bytes()) {
                let _ = roots.add_under(profile, &root);
            }
        }
        roots
    }

    fn inputs<'a>(&self, crls: &'a [&'a [u8]]) -> Result<Inputs<'a>, String> {
        let now = self.time()?;
        let mut inputs = match self.word("validation_kind") {
            "CLIENT" => Inputs::client(now),
            _ => Inputs::server(now),
        };
        // The names of purposes are those of RFC 5280 4.2.1.12.
        if self
            .pem("extended_key_usage")
            .any(|name| name == "clientAuth")
        {
            inputs.purpose = Purpose::ClientAuth;
        }
        inputs.key_usage = self
            .pem("key_usage")
            .any(|name| name == "digitalSignature")
            .then_some(KeyUsage::DigitalSignature);
        if let Some(depth) = self.0["max_chain_depth"].as_u64() {
            inputs.max_intermediates = usize::try_from(depth).unwrap_or(usize::MAX);
        }
        if !crls.is_empty() {
            inputs.revocation = Some(Revocation::new(crls, &[]));
        }
        Ok(inputs)
    }

    /// Whole seconds: certificates have no smaller ones.
    fn time(&self) -> Result<UnixTime, String> {
        let text = self.word("validation_time");
        let at = if text.is_empty() {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_err(|error| error.to_string())?
        } else {
            Duration::from_secs(seconds(text).ok_or_else(|| format!("no time: {text}"))?)
        };
        Ok(UnixTime::since_unix_epoch(at))
    }

    fn names(&self) -> Result<Vec<Name>, String> {
        let list = self.0["expected_peer_names"].as_array();
        let one = Some(&self.0["expected_peer_name"]).filter(|name| !name.is_null());
        one.into_iter()
            .chain(list.into_iter().flatten())
            .map(|name| {
                let value = name["value"].as_str().unwrap_or_default();
                match name["kind"].as_str() {
                    Some("RFC822") => Ok(Name::Email(value.to_owned())),
                    _ => ServerName::try_from(value.to_owned())
                        .map(Name::Server)
                        .map_err(|error| format!("{value}: {error}")),
                }
            })
            .collect()
    }
}

/// A name that a case expects.
enum Name {
    Server(ServerName<'static>),
    Email(String),
}

/// `YYYY-MM-DDTHH:MM:SS` in UTC, whatever follows, in seconds of the Unix epoch.
fn seconds(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    // Days since 0000-03-01, whose years end with the day that leaps.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let clock = number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
    Some((days - 719_468) * 86_400 + clock)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_of_cases() {
        assert_eq!(seconds("1970-01-01T00:00:00+00:00"), Some(0));
        assert_eq!(
            seconds("2024-03-01T00:00:00.999000+00:00"),
            Some(1_709_251_200)
        );
        assert_eq!(seconds("2024-02-29T23:59:59+00:00"), Some(1_709_251_199));
        assert_eq!(seconds("soon"), None);
    }
}
