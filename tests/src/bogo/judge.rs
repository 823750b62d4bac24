//! The shim's verdict on its peers: what the test's roots say, and what the test wants said.

use std::sync::{Mutex, MutexGuard, PoisonError};

use netkit::tls::{AlertDescription, ClientVerifier, Presented, ServerVerifier};
use netkit::{CertificateDer, ServerName, UnixTime};
use netkit_x509::{Error, Inputs, Roots};
use rustls_pki_types::pem::PemObject;

use super::flags::{Settings, Unsupported};

/// Judges the peers of all connections of one test, each as that connection's settings say.
#[derive(Debug, Default)]
pub struct Judge(Mutex<Now>);

#[derive(Debug, Default)]
struct Now {
    server: bool,
    settings: Settings,
    roots: Option<Roots>,
    calls: u32,
    /// What was last said, also in an earlier connection.
    verdict: Option<bool>,
}

/// Why a peer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its certificates are not good.
    Certificate(Error),
    /// The test wants it refused.
    Wanted {
        /// BoringSSL's words for it.
        words: &'static str,
        /// What the peer is told.
        alert: AlertDescription,
    },
}

impl Judge {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on judges as `settings` say, for a server or a client.
    pub fn set(&self, server: bool, settings: &Settings) -> Result<(), Unsupported> {
        let mut now = self.now();
        now.server = server;
        now.settings = settings.clone();
        now.roots = roots(settings)?;
        now.calls = 0;
        Ok(())
    }

    /// How often it was asked in this connection.
    pub fn calls(&self) -> u32 {
        self.now().calls
    }

    /// What it said last.
    pub fn last(&self) -> Option<bool> {
        self.now().verdict
    }

    /// Says whether the peer may go on.
    pub fn decide(
        &self,
        chain: &[CertificateDer<'_>],
        ocsp_response: Option<&[u8]>,
        inputs: &Inputs<'_>,
    ) -> Result<(), Refusal> {
        let mut now = self.now();
        now.calls += 1;
        let found = now.find(chain, ocsp_response, inputs);
        now.verdict = Some(found.is_ok());
        let flags = &now.settings.flags;
        // A client that was not told to verify only notes what it finds.
        let lenient = !now.server && !flags.has("verify-peer") && !flags.has("use-ocsp-callback");
        match found {
            Err(Refusal::Wanted { .. }) if lenient => Ok(()),
            found => found,
        }
    }
}

impl Now {
    fn find(
        &self,
        chain: &[CertificateDer<'_>],
        ocsp_response: Option<&[u8]>,
        inputs: &Inputs<'_>,
    ) -> Result<(), Refusal> {
        use AlertDescription as A;
        let flags = &self.settings.flags;
        let wanted = |words, alert| Err(Refusal::Wanted { words, alert });
        if flags.has("verify-fail") {
            let alert = if flags.has("use-custom-verify-callback") {
                A::CERTIFICATE_UNKNOWN
            } else {
                A::HANDSHAKE_FAILURE
            };
            return wanted("CERTIFICATE_VERIFY_FAILED", alert);
        }
        if let Ok(Some(expected)) = flags.octets("expect-ocsp-response")
            && ocsp_response != Some(&expected)
        {
            return wanted("no such OCSP response", A::INTERNAL_ERROR);
        }
        if flags.has("use-ocsp-callback") && flags.has("fail-ocsp-callback") && !self.server {
            return wanted("OCSP_CB_ERROR", A::BAD_CERTIFICATE_STATUS_RESPONSE);
        }
        match &self.roots {
            Some(roots) => match roots.verify(chain, inputs) {
                // RFC 5280 4.2.1.6 wants a name in subjectAltName; the runner's certificates have none there,
                // and the shim asks for none.
                Ok(_) | Err(Error::InvalidSubjectAltName) => Ok(()),
                Err(error) => Err(Refusal::Certificate(error)),
            },
            None => Ok(()),
        }
    }
}

/// The roots of `-trust-cert`, if it names any.
fn roots(settings: &Settings) -> Result<Option<Roots>, Unsupported> {
    let file = match settings.flags.value("trust-cert") {
        None | Some("") => return Ok(None),
        Some(file) => file,
    };
    let root = CertificateDer::from_pem_file(file)
        .map_err(|error| Unsupported(format!("{file}: {error}")))?;
    let mut roots = Roots::new();
    roots
        .add(&root)
        .map_err(|error| Unsupported(format!("{file}: {error}")))?;
    Ok(Some(roots))
}

impl Refusal {
    fn error(self) -> Error {
        match self {
            Self::Certificate(error) => error,
            Self::Wanted { .. } => Error::UnknownIssuer,
        }
    }
}

impl ServerVerifier for Judge {
    fn verify(
        &self,
        presented: &Presented<'_>,
        _: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let mut inputs = Inputs::server(now);
        inputs.key_usage = Some(presented.key_usage);
        self.decide(presented.chain, presented.ocsp_response, &inputs)
            .map_err(Refusal::error)
    }
}

impl ClientVerifier for Judge {
    fn verify(&self, presented: &Presented<'_>, now: UnixTime) -> Result<(), Error> {
        self.decide(presented.chain, None, &Inputs::client(now))
            .map_err(Refusal::error)
    }
}
