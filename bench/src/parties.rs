//! One certificate authority and one server, as both implementations want to be told of them.

use netkit_tls::{CertificateDer, CipherSuite, PrivateKeyDer, ServerName};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::{CryptoProvider, ring};
use std::sync::Arc;

/// Octets of content in a full record (RFC 9846 5.1).
pub const FULL_RECORD: usize = 16 * 1024;

/// Both sides' names of a cipher suite.
#[derive(Clone, Copy)]
pub struct Suite {
    pub name: &'static str,
    pub ours: CipherSuite,
    pub theirs: rustls::SupportedCipherSuite,
    pub bare: &'static ::ring::aead::Algorithm,
}

pub const SUITES: [Suite; 2] = [
    Suite {
        name: "aes-128-gcm",
        ours: CipherSuite::TLS_AES_128_GCM_SHA256,
        theirs: ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
        bare: &::ring::aead::AES_128_GCM,
    },
    Suite {
        name: "chacha20-poly1305",
        ours: CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
        theirs: ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        bare: &::ring::aead::CHACHA20_POLY1305,
    },
];

/// Who the server says to be.
pub fn name() -> ServerName<'static> {
    "localhost".try_into().expect("a DNS name")
}

/// A P-256 root and a P-256 certificate for [`name`] under it. Every configuration made of them
/// allows one suite, X25519 first, TLS 1.3 and no resumption.
pub struct Parties {
    root: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Parties {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a P-256 key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("a root");
        let key = KeyPair::generate().expect("a P-256 key");
        let leaf = CertificateParams::new(["localhost".to_owned()])
            .and_then(|params| params.signed_by(&key, &authority))
            .expect("a certificate");
        Self {
            root: authority.der().clone(),
            chain: vec![leaf.into()],
            key: PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS#8"),
        }
    }

    pub fn roots(&self) -> netkit_x509::Roots {
        let mut roots = netkit_x509::Roots::new();
        roots.add(&self.root).expect("a root");
        roots
    }

    pub fn our_client(&self, suite: &Suite) -> netkit_tls::ClientConfig {
        let mut config = netkit_tls::ClientConfig::new(Arc::new(self.roots()));
        config.cipher_suites = vec![suite.ours];
        config
    }

    pub fn our_server(&self, suite: &Suite) -> netkit_tls::ServerConfig {
        let identity = netkit_tls::Identity::new(self.chain.clone(), &self.key).expect("a pair");
        let mut config = netkit_tls::ServerConfig::new(identity);
        config.cipher_suites = vec![suite.ours];
        config
    }

    pub fn their_client(&self, suite: &Suite) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.root.clone()).expect("a root");
        let mut config = rustls::ClientConfig::builder_with_provider(provider(suite))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the suite is one of TLS 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        Arc::new(config)
    }

    pub fn their_server(&self, suite: &Suite) -> Arc<rustls::ServerConfig> {
        let mut config = rustls::ServerConfig::builder_with_provider(provider(suite))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the suite is one of TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .expect("a pair");
        config.send_tls13_tickets = 0;
        Arc::new(config)
    }
}

fn provider(suite: &Suite) -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![suite.theirs],
        ..ring::default_provider()
    })
}

/// Octets that repeat in no power of two.
pub fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}
