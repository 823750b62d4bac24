//! What a cipher suite stands for.

use crate::{
    codepoints::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme},
    crypto::{aead::Aead, hash::Hash, kx::GROUPS},
};

/// How a suite's keys are exchanged and who its server has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyExchange {
    /// TLS 1.3: not the suite's business.
    Tls13,
    /// An ephemeral share, signed with an ECDSA key or an Ed25519 one (RFC 8422 2.1).
    EcdheEcdsa,
    /// An ephemeral share, signed with an RSA key.
    EcdheRsa,
    /// The client's secret, encrypted under the RSA key of the server's certificate (RFC 5246 7.4.7.1).
    Rsa,
}

impl CipherSuite {
    /// One row a suite; `None` for what is not built in.
    #[rustfmt::skip]
    const fn row(self) -> Option<(KeyExchange, Aead, Hash)> {
        use {Aead as A, Hash as H, KeyExchange as K};
        Some(match self {
            Self::TLS_AES_128_GCM_SHA256 => (K::Tls13, A::Aes128Gcm, H::Sha256),
            Self::TLS_AES_256_GCM_SHA384 => (K::Tls13, A::Aes256Gcm, H::Sha384),
            Self::TLS_CHACHA20_POLY1305_SHA256 => (K::Tls13, A::ChaCha20Poly1305, H::Sha256),
            Self::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => (K::EcdheEcdsa, A::Aes128Gcm, H::Sha256),
            Self::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => (K::EcdheEcdsa, A::Aes256Gcm, H::Sha384),
            Self::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => (K::EcdheEcdsa, A::ChaCha20Poly1305, H::Sha256),
            Self::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => (K::EcdheRsa, A::Aes128Gcm, H::Sha256),
            Self::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => (K::EcdheRsa, A::Aes256Gcm, H::Sha384),
            Self::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => (K::EcdheRsa, A::ChaCha20Poly1305, H::Sha256),
            Self::TLS_RSA_WITH_AES_128_GCM_SHA256 if cfg!(feature = "rsa-key-transport") => (K::Rsa, A::Aes128Gcm, H::Sha256),
            Self::TLS_RSA_WITH_AES_256_GCM_SHA384 if cfg!(feature = "rsa-key-transport") => (K::Rsa, A::Aes256Gcm, H::Sha384),
            _ => return None,
        })
    }

    fn built_in(self) -> (KeyExchange, Aead, Hash) {
        self.row()
            .expect("only suites of the configuration are agreed on, and they are built in")
    }

    /// Whether the suite is built in.
    pub(crate) fn is_built_in(self) -> bool {
        self.row().is_some()
    }

    /// The version that has the suite.
    pub(crate) fn version(self) -> ProtocolVersion {
        match self.key_exchange() {
            KeyExchange::Tls13 => ProtocolVersion::TLS1_3,
            KeyExchange::EcdheEcdsa | KeyExchange::EcdheRsa | KeyExchange::Rsa => {
                ProtocolVersion::TLS1_2
            }
        }
    }

    /// How its keys are exchanged.
    pub(crate) fn key_exchange(self) -> KeyExchange {
        self.built_in().0
    }

    /// The encryption of its records.
    pub(crate) fn aead(self) -> Aead {
        self.built_in().1
    }

    /// The hash function of its transcript and key schedule.
    pub(crate) fn hash(self) -> Hash {
        self.built_in().2
    }

    /// Whether a server of this suite of TLS 1.2 may sign with `scheme`.
    pub(crate) fn signs_with(self, scheme: SignatureScheme) -> bool {
        match self.key_exchange() {
            KeyExchange::EcdheEcdsa => !scheme.is_rsa(),
            KeyExchange::EcdheRsa => scheme.is_rsa(),
            KeyExchange::Rsa | KeyExchange::Tls13 => false,
        }
    }
}

impl NamedGroup {
    /// Whether TLS 1.2 has it: the curves, and no hybrid.
    pub(crate) fn is_of_tls12(self) -> bool {
        GROUPS.contains(&self) || self == Self::SECP521R1
    }
}

impl SignatureScheme {
    /// Whether signatures of it can be verified.
    pub(crate) fn is_built_in(self) -> bool {
        self.name().is_some() && (cfg!(feature = "p521") || self != Self::ECDSA_SECP521R1_SHA512)
    }

    /// Whether an RSA key signs with it.
    pub(crate) fn is_rsa(self) -> bool {
        self.is_pkcs1()
            || matches!(
                self,
                Self::RSA_PSS_RSAE_SHA256 | Self::RSA_PSS_RSAE_SHA384 | Self::RSA_PSS_RSAE_SHA512
            )
    }

    /// Whether it is PKCS#1 v1.5, which no handshake of TLS 1.3 is signed with (RFC 9846 4.3.3).
    pub(crate) fn is_pkcs1(self) -> bool {
        matches!(
            self,
            Self::RSA_PKCS1_SHA256 | Self::RSA_PKCS1_SHA384 | Self::RSA_PKCS1_SHA512
        )
    }
}
