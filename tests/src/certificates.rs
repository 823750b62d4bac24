//! Authorities and certificates of every kind that netkit speaks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use libtest_mimic::Failed;
use netkit::tls::Identity;
use netkit::x509::Roots;
use netkit::{CertificateDer, PrivateKeyDer};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::process;

/// A kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// RSA, 2048 bits. ring makes none, so `openssl` does.
    Rsa,
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// Ed25519. OpenSSL 3.0 does not read the form of PKCS #8 that ring writes, so `openssl` makes it.
    Ed25519,
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Valid {
    /// Today.
    Now,
    /// Until 10 days ago.
    Over,
}

/// Signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
}

/// A certificate of a server or a client, and its key.
pub struct Leaf {
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    certificate_pem: String,
    key_pem: String,
}

/// Where a [`Leaf`] was written.
#[derive(Debug)]
pub struct Files {
    /// The certificate, as PEM.
    pub certificate: PathBuf,
    /// The key, as PEM.
    pub key: PathBuf,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Authority {
    /// With this common name.
    pub fn new(name: &str) -> Result<Self, Failed> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// Trusting this authority alone.
    pub fn roots(&self) -> Result<Arc<Roots>, Failed> {
        let mut roots = Roots::new();
        roots.add(&self.der)?;
        Ok(Arc::new(roots))
    }

    /// Writes its certificate into the folder.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, Failed> {
        let path = folder.join("ca.pem");
        std::fs::write(&path, &self.pem)?;
        Ok(path)
    }

    /// Its private key, as PEM.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate for `localhost` and 127.0.0.1.
    pub fn localhost(&self, key: Key) -> Result<Leaf, Failed> {
        self.leaf(key, &["localhost", "127.0.0.1"], Valid::Now)
    }

    /// A certificate for these names.
    pub fn leaf(&self, key: Key, names: &[&str], valid: Valid) -> Result<Leaf, Failed> {
        self.issue(key, names, valid, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a client of this name.
    pub fn client(&self, key: Key, name: &str) -> Result<Leaf, Failed> {
        self.issue(
            key,
            &[name],
            Valid::Now,
            ExtendedKeyUsagePurpose::ClientAuth,
        )
    }

    fn issue(
        &self,
        key: Key,
        names: &[&str],
        valid: Valid,
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result<Leaf, Failed> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names.clone())?;
        params
            .distinguished_name
            .push(DnType::CommonName, names[0].as_str());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if key == Key::Rsa {
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.extended_key_usages = vec![purpose];
        params.use_authority_key_identifier_extension = true;
        let end = match valid {
            Valid::Now => SystemTime::now() + 30 * DAY,
            Valid::Over => SystemTime::now() - 10 * DAY,
        };
        let date = |at: SystemTime| {
            rcgen::date_time_ymd(1970, 1, 1) + at.duration_since(UNIX_EPOCH).unwrap_or_default()
        };
        params.not_before = date(end - 60 * DAY);
        params.not_after = date(end);
        let key = key.generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Leaf {
            der: certificate.der().clone(),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            key: PrivateKeyDer::try_from(key.serialize_der())?,
        })
    }
}

impl Leaf {
    /// For us.
    pub fn identity(&self) -> Result<Identity, Failed> {
        Ok(Identity::new(vec![self.der.clone()], &self.key)?)
    }

    /// For a peer: writes both into the folder.
    pub fn write(&self, folder: &Path) -> Result<Files, Failed> {
        let files = Files {
            certificate: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        };
        std::fs::write(&files.certificate, &self.certificate_pem)?;
        std::fs::write(&files.key, &self.key_pem)?;
        Ok(files)
    }
}

impl Key {
    fn generate(self) -> Result<KeyPair, Failed> {
        Ok(match self {
            Self::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?,
            Self::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384)?,
            Self::Ed25519 => {
                let arguments = ["genpkey", "-algorithm", "ED25519"];
                KeyPair::from_pem(&process::run("openssl", arguments, b"")?.ok()?.out)?
            }
            Self::Rsa => {
                let arguments = [
                    "genpkey",
                    "-algorithm",
                    "RSA",
                    "-pkeyopt",
                    "rsa_keygen_bits:2048",
                ];
                KeyPair::from_pem(&process::run("openssl", arguments, b"")?.ok()?.out)?
            }
        })
    }
}
