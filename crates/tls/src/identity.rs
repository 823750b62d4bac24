//! Who a side is: certificates, and the key that speaks for them, wherever it is.

#[cfg(feature = "rsa-key-transport")]
use crate::crypto::rsa;
use crate::{
    codepoints::{CipherSuite, NamedGroup, SignatureScheme},
    compression::{CertificateCompression, Forms},
    crypto::sign::SigningKey,
    error::Error,
    suites::KeyExchange,
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use netkit_x509::{KeyKind, PublicKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

/// A certificate chain with the private key of its first certificate: who a server, or a client, is.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    /// The private key, unless it is elsewhere.
    key: Option<Box<SigningKey>>,
    schemes: Vec<SignatureScheme>,
    /// That of an ECDSA key.
    curve: Option<NamedGroup>,
    /// Shown only to peers that name its issuer.
    for_its_issuers: bool,
    /// An RSA key, as it decrypts.
    #[cfg(feature = "rsa-key-transport")]
    decrypter: Option<Box<rsa::Decrypter>>,
    /// What a server staples to its certificate, where a client asks for it.
    pub(crate) staples: Staples,
    /// The chain as it is sent to peers that take it compressed.
    pub(crate) compressed: Forms,
}

/// What came, or goes, with a server's own certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Staples {
    pub(crate) ocsp_response: Option<Vec<u8>>,
    pub(crate) sct_list: Option<Vec<u8>>,
}

impl Identity {
    /// Takes a chain, the end entity's certificate first, and its private key in PKCS#8, SEC1 or
    /// PKCS#1: RSA of 2048 to 4096 bits, ECDSA on P-256, P-384 or (with the feature `p521`) P-521, or Ed25519.
    ///
    /// # Errors
    /// [`Error::MisuseCertificate`], [`Error::MisuseKey`], or [`Error::MisuseKeyMismatch`] if the
    /// key belongs to another certificate.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<Self, Error> {
        let public = end_entity_key(&chain)?;
        let signing_key = SigningKey::new(key)?;
        if public.subject_public_key() != signing_key.public() {
            return Err(Error::MisuseKeyMismatch);
        }
        let curve = curve_of(public.kind());
        Ok(Self {
            chain,
            curve,
            schemes: signing_key.schemes().to_vec(),
            key: Some(Box::new(signing_key)),
            for_its_issuers: false,
            #[cfg(feature = "rsa-key-transport")]
            decrypter: rsa::Decrypter::new(key).ok().map(Box::new),
            staples: Staples::default(),
            compressed: Forms::default(),
        })
    }

    /// Takes a chain whose private key is elsewhere (in an HSM, say) and can sign with `schemes`, best
    /// first. Whenever it has to, [`Question::Sign`](crate::Question::Sign) shows.
    ///
    /// # Errors
    /// [`Error::MisuseCertificate`], or [`Error::MisuseConfig`] without a scheme.
    pub fn with_key_elsewhere(
        chain: Vec<CertificateDer<'static>>,
        schemes: Vec<SignatureScheme>,
    ) -> Result<Self, Error> {
        let curve = curve_of(end_entity_key(&chain)?.kind());
        if schemes.is_empty() {
            return Err(Error::MisuseConfig("no signature schemes"));
        }
        Ok(Self {
            chain,
            key: None,
            schemes,
            curve,
            for_its_issuers: false,
            #[cfg(feature = "rsa-key-transport")]
            decrypter: None,
            staples: Staples::default(),
            compressed: Forms::default(),
        })
    }

    /// Signs with `schemes` only, best first: some of [`schemes`](Self::schemes), which is what the key can.
    ///
    /// # Errors
    /// [`Error::MisuseConfig`] if one of them is not, or there are none.
    pub fn with_schemes(mut self, schemes: Vec<SignatureScheme>) -> Result<Self, Error> {
        if schemes.is_empty() || schemes.iter().any(|scheme| !self.schemes.contains(scheme)) {
            return Err(Error::MisuseConfig(
                "no signature schemes, or one that the key has not",
            ));
        }
        self.schemes = schemes;
        Ok(self)
    }

    /// Is shown only to peers that say whom they trust (certificate_authorities, RFC 9846 4.3.4) and name an
    /// issuer of its chain: for a chain that most peers do not know. Put one that they know behind it.
    #[must_use]
    pub fn for_its_issuers_only(mut self) -> Self {
        self.for_its_issuers = true;
        self
    }

    /// Staples an OCSP response in DER to the first certificate (RFC 6066 8).
    #[must_use]
    pub fn with_ocsp_response(mut self, response: Vec<u8>) -> Self {
        self.staples.ocsp_response = Some(response);
        self.compressed_anew()
    }

    /// Sends a SignedCertificateTimestampList with the first certificate (RFC 6962 3.3).
    #[must_use]
    pub fn with_sct_list(mut self, list: Vec<u8>) -> Self {
        self.staples.sct_list = Some(list);
        self.compressed_anew()
    }

    /// Is sent compressed to peers that take one of `algorithms`, by the first that they take, in TLS 1.3
    /// (RFC 8879). It is compressed here, once, and in no handshake.
    #[must_use]
    pub fn with_compression(mut self, algorithms: Vec<Arc<dyn CertificateCompression>>) -> Self {
        self.compressed = Forms::of(&self, algorithms);
        self
    }

    /// What is stapled is compressed with the chain.
    fn compressed_anew(mut self) -> Self {
        let algorithms = self.compressed.take_algorithms();
        self.with_compression(algorithms)
    }

    /// The certificates, the end entity's first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The schemes that the key can sign with, best first.
    pub fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }

    /// Signs `content` with `scheme`, as an answer to [`Question::Sign`](crate::Question::Sign) that is made
    /// in another place. `None` if the key is elsewhere or `scheme` is not one of [`schemes`](Self::schemes).
    pub fn sign(&self, scheme: SignatureScheme, content: &[u8]) -> Option<Result<Vec<u8>, Error>> {
        let key = self.key.as_ref()?;
        let able = self.schemes.contains(&scheme);
        able.then(|| key.sign(scheme, content))
    }

    /// Whether the key decrypts premaster secrets.
    #[cfg_attr(
        not(feature = "rsa-key-transport"),
        expect(clippy::unused_self, reason = "with the feature, keys differ in it")
    )]
    pub(crate) fn decrypts(&self) -> bool {
        #[cfg(feature = "rsa-key-transport")]
        return self.decrypter.is_some();
        #[cfg(not(feature = "rsa-key-transport"))]
        false
    }

    /// The key as it decrypts premaster secrets; `None` if it is no RSA key, or elsewhere.
    #[cfg(feature = "rsa-key-transport")]
    pub fn decrypter(&self) -> Option<&rsa::Decrypter> {
        self.decrypter.as_deref()
    }

    /// Whether the key can do its part in this suite of TLS 1.2.
    pub(crate) fn serves(&self, suite: CipherSuite) -> bool {
        match suite.key_exchange() {
            KeyExchange::Rsa => self.decrypts(),
            _ => self.schemes.iter().any(|scheme| suite.signs_with(*scheme)),
        }
    }

    /// The curve of the first certificate's key, if it is an ECDSA key.
    pub(crate) fn curve(&self) -> Option<NamedGroup> {
        self.curve
    }

    /// Whether the first certificate has this DNS name.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        ServerName::try_from(name).is_ok_and(|name| netkit_x509::has_name(&self.chain[0], &name))
    }

    /// Whether a certificate of the chain was issued by one of `authorities`.
    fn is_issued_by(&self, authorities: &[&[u8]]) -> bool {
        let mut chain = self.chain.iter();
        chain.any(|certificate| netkit_x509::names_issuer(certificate, authorities))
    }

    /// Whether a client may show it to a server that names these authorities; none stand for all.
    pub(crate) fn suits_server(&self, authorities: &[&[u8]]) -> bool {
        match authorities {
            [] => !self.for_its_issuers,
            named => self.is_issued_by(named),
        }
    }

    /// Whether a server may show it to a client that names these authorities, or none.
    pub(crate) fn suits_client(&self, authorities: &[&[u8]]) -> bool {
        !self.for_its_issuers || self.is_issued_by(authorities)
    }

    /// The first of its schemes that the peer accepts.
    pub(crate) fn scheme_for(
        &self,
        accepts: impl Fn(SignatureScheme) -> bool,
    ) -> Option<SignatureScheme> {
        self.schemes()
            .iter()
            .copied()
            .find(|&scheme| accepts(scheme))
    }
}

/// The curve that an ECDSA key is on.
pub(crate) const fn curve_of(kind: KeyKind) -> Option<NamedGroup> {
    match kind {
        KeyKind::EcP256 => Some(NamedGroup::SECP256R1),
        KeyKind::EcP384 => Some(NamedGroup::SECP384R1),
        KeyKind::EcP521 => Some(NamedGroup::SECP521R1),
        _ => None,
    }
}

fn end_entity_key<'c>(chain: &'c [CertificateDer<'static>]) -> Result<PublicKey<'c>, Error> {
    let end_entity = chain
        .first()
        .ok_or(Error::MisuseCertificate(netkit_x509::Error::NoCertificate))?;
    PublicKey::of_certificate(end_entity).map_err(Error::MisuseCertificate)
}

/// Whom a server that asks for a certificate wants to see (RFC 9846 4.4.2, RFC 5246 7.4.4).
#[derive(Debug, Clone)]
pub struct IdentityRequest {
    schemes: Vec<SignatureScheme>,
    certificate_types: Vec<u8>,
    authorities: Vec<Vec<u8>>,
}

impl IdentityRequest {
    pub(crate) fn new(
        schemes: impl Iterator<Item = SignatureScheme>,
        certificate_types: &[u8],
        authorities: &[&[u8]],
    ) -> Self {
        Self {
            schemes: schemes.collect(),
            certificate_types: certificate_types.to_vec(),
            authorities: authorities.iter().map(|name| name.to_vec()).collect(),
        }
    }

    /// How the identity's key may sign, in the server's order.
    pub fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }

    /// What kinds of keys the server of TLS 1.2 takes, in numbers of RFC 5246 7.4.4 and RFC 8422 5.5; empty in TLS
    /// 1.3. [`schemes`](Self::schemes) has none of another kind.
    pub fn certificate_types(&self) -> &[u8] {
        &self.certificate_types
    }

    /// Distinguished names in DER of the CAs whose certificates will do; none stand for all.
    pub fn authorities(&self) -> &[Vec<u8>] {
        &self.authorities
    }

    /// How the identity's key would sign.
    pub(crate) fn scheme_of(&self, identity: &Identity) -> Option<SignatureScheme> {
        identity.scheme_for(|scheme| self.schemes.contains(&scheme))
    }

    /// The first of `identities` that suits, and how its key signs.
    pub(crate) fn choose(&self, identities: &[Arc<Identity>]) -> Shown {
        let authorities: Vec<_> = self.authorities.iter().map(Vec::as_slice).collect();
        identities.iter().find_map(|identity| {
            let scheme = self.scheme_of(identity)?;
            let suits = identity.suits_server(&authorities);
            suits.then(|| (Arc::clone(identity), scheme))
        })
    }
}

/// The identity to show, and how its key signs; `None`: no certificate.
pub(crate) type Shown = Option<(Arc<Identity>, SignatureScheme)>;

/// What a private key has to sign.
#[derive(Debug, Clone)]
pub struct ToSign {
    pub(crate) identity: Arc<Identity>,
    pub(crate) scheme: SignatureScheme,
    pub(crate) content: Vec<u8>,
}

impl ToSign {
    /// Whose key it is.
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// How to sign: one of the identity's schemes.
    pub fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    /// The octets to sign: all of them, not a hash.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// The signature, if the key is here.
    pub(crate) fn sign(&self) -> Option<Result<Vec<u8>, Error>> {
        self.identity.sign(self.scheme, &self.content)
    }
}
