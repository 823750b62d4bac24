use crate::{
    Error,
    certificate::{Certificate, Extensions, Profile},
    choice::distinguished_name,
    constraints::NameConstraints,
    name, path,
    signature::PublicKey,
    validate::Purpose,
};
use alloc::vec::Vec;
use rustls_pki_types::{CertificateDer, Der, ServerName, TrustAnchor, UnixTime};

/// The trusted roots: parsed once, shared by every verdict.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    anchors: Vec<Anchor>,
}

/// One root (RFC 5280 6.1.1 (d)): a name and a key, and the certificate if it came as one.
#[derive(Debug, Clone)]
pub(crate) struct Anchor {
    /// Content of the Name's SEQUENCE.
    pub(crate) subject: Der<'static>,
    /// Content of the SubjectPublicKeyInfo SEQUENCE, which parses.
    subject_public_key_info: Der<'static>,
    kind: AnchorKind,
}

#[derive(Debug, Clone)]
enum AnchorKind {
    Bare(Option<NameConstraints>),
    Certificate { der: Vec<u8>, profile: Profile },
}

impl Anchor {
    fn of_certificate(der: &[u8]) -> Result<Self, Error> {
        let certificate = Certificate::parse(der)?;
        Ok(Self {
            subject: certificate.subject.to_vec().into(),
            subject_public_key_info: certificate.subject_public_key_info.to_vec().into(),
            kind: AnchorKind::Certificate {
                der: der.into(),
                profile: certificate.profile,
            },
        })
    }

    fn of_trust_anchor(anchor: TrustAnchor<'static>) -> Result<Self, Error> {
        PublicKey::of_info(&anchor.subject_public_key_info).map_err(|_| Error::Malformed)?;
        Ok(Self {
            subject: anchor.subject,
            subject_public_key_info: anchor.subject_public_key_info,
            kind: AnchorKind::Bare(
                anchor
                    .name_constraints
                    .map(|content| NameConstraints::parse_content(&content))
                    .transpose()?,
            ),
        })
    }

    pub(crate) fn public_key(&self) -> Result<PublicKey<'_>, Error> {
        PublicKey::of_info(&self.subject_public_key_info).map_err(|_| Error::Malformed)
    }

    /// What the root's certificate says of itself, if it came as one.
    pub(crate) const fn profile(&self) -> Option<&Profile> {
        match &self.kind {
            AnchorKind::Bare(_) => None,
            AnchorKind::Certificate { profile, .. } => Some(profile),
        }
    }

    pub(crate) fn extensions(&self) -> Option<&Extensions> {
        self.profile().map(|profile| &profile.extensions)
    }

    pub(crate) fn name_constraints(&self) -> Option<&NameConstraints> {
        match &self.kind {
            AnchorKind::Bare(constraints) => constraints.as_ref(),
            AnchorKind::Certificate { profile, .. } => profile.extensions.name_constraints.as_ref(),
        }
    }

    /// Whether the root came as exactly this certificate.
    pub(crate) fn is_certificate(&self, other: &[u8]) -> bool {
        matches!(&self.kind, AnchorKind::Certificate { der, .. } if der == other)
    }
}

impl Roots {
    /// No roots: nothing is trusted.
    pub const fn new() -> Self {
        Self {
            anchors: Vec::new(),
        }
    }

    /// Trusts a certificate in DER. What it says of itself binds its paths: validity, CA flag, path length,
    /// key usages, name constraints.
    ///
    /// A bundle may hold certificates that do not parse; skip those, the others stay good.
    pub fn add(&mut self, der: &[u8]) -> Result<(), Error> {
        self.anchors.push(Anchor::of_certificate(der)?);
        Ok(())
    }

    /// Trusts a name and a key. One whose key or constraints do not parse can vouch for nothing
    /// and is left out.
    pub fn add_anchor(&mut self, anchor: TrustAnchor<'static>) {
        self.anchors.extend(Anchor::of_trust_anchor(anchor));
    }

    /// Number of roots.
    pub const fn len(&self) -> usize {
        self.anchors.len()
    }

    /// Whether nothing is trusted.
    pub const fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    /// The roots' distinguished names in DER, for whoever tells a peer which authorities it trusts.
    pub fn subjects(&self) -> impl Iterator<Item = Vec<u8>> {
        self.anchors
            .iter()
            .map(|anchor| distinguished_name(&anchor.subject))
    }

    pub(crate) fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    /// Whether `chain[0]` may speak for the server `name` at the time `now`: a path to a root
    /// (RFC 5280 6), the purpose serverAuth, and the name (RFC 9525 6).
    ///
    /// `chain[1..]` is an unordered pool of certificates that may help; those that do not parse
    /// are skipped.
    pub fn verify_server(
        &self,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let end_entity = self.verify(chain, Purpose::ServerAuth, now)?;
        name::matches(&end_entity, name)
    }

    /// Whether `chain[0]` is a client's certificate under these roots at the time `now`: a path to a
    /// root (RFC 5280 6) and the purpose clientAuth. Whose certificate it is, is for the caller to read.
    pub fn verify_client(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Error> {
        self.verify(chain, Purpose::ClientAuth, now).map(drop)
    }

    /// The end entity, once a path from it to a root is found.
    fn verify<'c>(
        &self,
        chain: &'c [CertificateDer<'_>],
        purpose: Purpose,
        now: UnixTime,
    ) -> Result<Certificate<'c>, Error> {
        let (end_entity, pool) = chain.split_first().ok_or(Error::NoCertificate)?;
        let end_entity = Certificate::parse(end_entity)?;
        path::find(self, &end_entity, pool, purpose, now.as_secs())?;
        Ok(end_entity)
    }
}
