use crate::{
    Error,
    certificate::Certificate,
    choice::distinguished_name,
    conformance::Profile,
    constraints::NameConstraints,
    directory,
    identity::Identity,
    inputs::Inputs,
    path::{self, Path},
    signature::PublicKey,
};
use alloc::vec::Vec;
use rustls_pki_types::{CertificateDer, Der, ServerName, TrustAnchor, UnixTime};

/// The trusted roots: kept once, shared by every verdict, which reads them where they are.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    anchors: Vec<Anchor>,
}

/// One root (RFC 5280 6.1.1 (d)) as it is kept; everything in it has been read once.
#[derive(Debug, Clone)]
pub(crate) struct Anchor {
    /// Content of the Name's SEQUENCE.
    pub(crate) subject: Der<'static>,
    pub(crate) profile: Profile,
    kind: AnchorKind,
}

#[derive(Debug, Clone)]
enum AnchorKind {
    /// A name and a key: contents of the SubjectPublicKeyInfo's and the NameConstraints' SEQUENCEs.
    Bare {
        subject_public_key_info: Der<'static>,
        name_constraints: Option<Der<'static>>,
    },
    Certificate(CertificateDer<'static>),
}

/// One root, read for a verdict: a name and a key, and the certificate if it came as one.
#[derive(Debug, Clone)]
pub(crate) struct Trusted<'r> {
    pub(crate) profile: Profile,
    pub(crate) public_key: PublicKey<'r>,
    pub(crate) name_constraints: Option<NameConstraints<'r>>,
    pub(crate) certificate: Option<Certificate<'r>>,
}

impl Anchor {
    fn of_certificate(der: &[u8], profile: Profile) -> Result<Self, Error> {
        Ok(Self {
            subject: Certificate::parse(der)?.subject.to_vec().into(),
            profile,
            kind: AnchorKind::Certificate(CertificateDer::from(der.to_vec())),
        })
    }

    fn of_trust_anchor(anchor: TrustAnchor<'static>, profile: Profile) -> Result<Self, Error> {
        directory::check(&anchor.subject)?;
        let anchor = Self {
            subject: anchor.subject,
            profile,
            kind: AnchorKind::Bare {
                subject_public_key_info: anchor.subject_public_key_info,
                name_constraints: anchor.name_constraints,
            },
        };
        anchor.read()?;
        Ok(anchor)
    }

    pub(crate) fn read(&self) -> Result<Trusted<'_>, Error> {
        Ok(match &self.kind {
            AnchorKind::Bare {
                subject_public_key_info,
                name_constraints,
            } => Trusted {
                profile: self.profile,
                public_key: PublicKey::of_info(subject_public_key_info)?,
                name_constraints: name_constraints
                    .as_deref()
                    .map(NameConstraints::of_content)
                    .transpose()?,
                certificate: None,
            },
            AnchorKind::Certificate(der) => {
                let certificate = Certificate::parse(der)?;
                Trusted {
                    profile: self.profile,
                    public_key: certificate.public_key,
                    name_constraints: certificate.extensions.name_constraints,
                    certificate: Some(certificate),
                }
            }
        })
    }

    /// Whether the root came as exactly this certificate.
    pub(crate) fn is_certificate(&self, other: &[u8]) -> bool {
        matches!(&self.kind, AnchorKind::Certificate(der) if **der == *other)
    }
}

impl Roots {
    /// No roots: nothing is trusted.
    pub const fn new() -> Self {
        Self {
            anchors: Vec::new(),
        }
    }

    /// Trusts a certificate in DER under [`Profile::Path`]. What it says of itself binds its paths: validity,
    /// CA flag, path length, key usages, name constraints.
    ///
    /// A bundle may hold certificates that do not parse; skip those, the others stay good.
    pub fn add(&mut self, der: &[u8]) -> Result<(), Error> {
        self.add_under(Profile::Path, der)
    }

    /// Trusts a certificate in DER, itself and its paths to be judged by `profile`.
    pub fn add_under(&mut self, profile: Profile, der: &[u8]) -> Result<(), Error> {
        self.anchors.push(Anchor::of_certificate(der, profile)?);
        Ok(())
    }

    /// Trusts a name and a key under [`Profile::Path`]. One whose key or constraints do not parse can vouch
    /// for nothing and is left out.
    pub fn add_anchor(&mut self, anchor: TrustAnchor<'static>) {
        self.add_anchor_under(Profile::Path, anchor);
    }

    /// Trusts a name and a key, its paths to be judged by `profile`.
    pub fn add_anchor_under(&mut self, profile: Profile, anchor: TrustAnchor<'static>) {
        self.anchors
            .extend(Anchor::of_trust_anchor(anchor, profile));
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
        self.verify(chain, &Inputs::server(now))?
            .is_for(&Identity::Server(name))
    }

    /// Whether `chain[0]` is a client's certificate under these roots at the time `now`: a path to a
    /// root (RFC 5280 6) and the purpose clientAuth. Whose certificate it is, is for the caller to read.
    pub fn verify_client(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Error> {
        self.verify(chain, &Inputs::client(now)).map(drop)
    }

    /// A path from `chain[0]` to a root, over the pool `chain[1..]`, that is valid for `inputs`. Ask the path
    /// whom it is for: this says nothing of names.
    pub fn verify<'c>(
        &self,
        chain: &'c [CertificateDer<'_>],
        inputs: &Inputs<'_>,
    ) -> Result<Path<'c>, Error> {
        let (end_entity, pool) = chain.split_first().ok_or(Error::NoCertificate)?;
        path::find(self, Certificate::parse(end_entity)?, pool, inputs)
    }
}
