//! Whether a certificate was revoked (RFC 5280 6.3): OCSP responses first, then CRLs, a step a function.
//! Nothing is fetched: the caller gives what it has.

use crate::{
    Error,
    certificate::Certificate,
    conformance::Profile,
    crl::{ALL_REASONS, Crl, DistributionPoint, Entry, OnlyContains},
    directory,
    extensions::{Extensions, KeyUsageBits},
    inputs::{Inputs, KeyUsage, Policies, Purpose},
    ocsp,
    path::Search,
    roots::{Anchor, Trusted},
    signature::PublicKey,
};
use alloc::vec::Vec;
use core::{cmp::Reverse, fmt};
use netkit_core::Reader;

/// What is known of revoked certificates, and how much of it is asked for.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Revocation<'a> {
    /// CRLs in DER, in any order: complete, delta, indirect and partitioned ones. Those that do not
    /// parse are passed over.
    pub crls: &'a [&'a [u8]],
    /// OCSP responses in DER, stapled or fetched, in any order.
    pub ocsp_responses: &'a [&'a [u8]],
    /// Which certificates are asked for.
    pub scope: Scope,
    /// Whether a certificate passes of which nothing is known.
    pub accept_unknown: bool,
    /// Whether CRLs and responses count after their nextUpdate.
    pub accept_stale: bool,
}

impl<'a> Revocation<'a> {
    /// For the whole path, and strict: what is unknown or stale is refused.
    pub const fn new(crls: &'a [&'a [u8]], ocsp_responses: &'a [&'a [u8]]) -> Self {
        Self {
            crls,
            ocsp_responses,
            scope: Scope::Path,
            accept_unknown: false,
            accept_stale: false,
        }
    }

    /// For the end entity, by what its server staples (RFC 6066 8): only a word against it counts, for a
    /// server that staples nothing is no worse than one that was not asked.
    pub const fn stapled(ocsp_responses: &'a [&'a [u8]]) -> Self {
        Self {
            crls: &[],
            ocsp_responses,
            scope: Scope::EndEntity,
            accept_unknown: true,
            accept_stale: false,
        }
    }
}

/// Which certificates of a path are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The end entity's.
    EndEntity,
    /// Every one but the root's.
    Path,
}

/// Why a certificate was revoked (RFC 5280 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No reason is given.
    Unspecified,
    /// Somebody else may have the private key.
    KeyCompromise,
    /// Somebody else may have the CA's private key.
    CaCompromise,
    /// What the certificate says of its subject has changed.
    AffiliationChanged,
    /// Another certificate has replaced it.
    Superseded,
    /// It is not needed any more.
    CessationOfOperation,
    /// It is on hold.
    CertificateHold,
    /// A delta CRL takes it off the list.
    RemoveFromCrl,
    /// What gave it privileges has lost them.
    PrivilegeWithdrawn,
    /// Somebody else may have the attribute authority's private key.
    AaCompromise,
}

impl Reason {
    pub(crate) const fn of_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Unspecified,
            1 => Self::KeyCompromise,
            2 => Self::CaCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            8 => Self::RemoveFromCrl,
            9 => Self::PrivilegeWithdrawn,
            10 => Self::AaCompromise,
            _ => return None,
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "no reason is given",
            Self::KeyCompromise => "somebody else may have its key",
            Self::CaCompromise => "somebody else may have its CA's key",
            Self::AffiliationChanged => "its subject has changed",
            Self::Superseded => "another has replaced it",
            Self::CessationOfOperation => "it is not needed any more",
            Self::CertificateHold => "it is on hold",
            Self::RemoveFromCrl => "it was taken off the list",
            Self::PrivilegeWithdrawn => "its privileges were withdrawn",
            Self::AaCompromise => "somebody else may have the attribute authority's key",
        })
    }
}

/// Why it is not known whether a certificate was revoked; of several the most telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Unknown {
    /// Nothing that was given speaks of it.
    NothingGiven,
    /// CRLs speak of some of the reasons only.
    NotAllReasons,
    /// The responder does not know the certificate.
    ResponderDoesNotKnow,
    /// What speaks of it is signed by nobody who may.
    NotSignedByIssuer,
    /// What speaks of it is not made as RFC 5280 5.2 wants, and the root's profile asks for that.
    Nonconforming,
    /// What speaks of it is not of this time.
    Stale,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NothingGiven => "no CRL and no OCSP response speaks of it",
            Self::NotAllReasons => "the CRLs speak of some reasons only",
            Self::ResponderDoesNotKnow => "the OCSP responder does not know it",
            Self::NotSignedByIssuer => "nobody who may signed the CRL or OCSP response",
            Self::Nonconforming => "the CRL is not made as it must be (RFC 5280 5.2)",
            Self::Stale => "the CRL or OCSP response is not of this time",
        })
    }
}

/// What is known of one certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Good,
    Revoked { at: u64, reason: Reason },
    Unknown(Unknown),
}

/// A CA as the issuer of a certificate, a CRL or an OCSP response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Issuer<'x> {
    pub(crate) name: &'x [u8],
    pub(crate) key: PublicKey<'x>,
    /// None of a root that is but a name and a key.
    extensions: Option<&'x Extensions<'x>>,
}

impl<'x> Issuer<'x> {
    fn of(certificate: &'x Certificate<'_>) -> Self {
        Self {
            name: certificate.subject,
            key: certificate.public_key,
            extensions: Some(&certificate.extensions),
        }
    }

    /// RFC 5280 6.3.3 (f): cRLSign, if keyUsage is present.
    fn may_sign_crls(&self) -> bool {
        self.extensions
            .and_then(|extensions| extensions.key_usage)
            .is_none_or(|bits| bits.has(KeyUsageBits::CRL_SIGN))
    }
}

/// Refuses a path of which a certificate was revoked, or may have been.
pub(crate) fn check<'p>(
    search: &mut Search<'p, '_>,
    path: &[&Certificate<'_>],
    anchor: &'p Anchor,
    root: &Trusted<'p>,
    revocation: &Revocation<'p>,
) -> Result<(), Error> {
    let mut crls: Vec<Crl<'p>> = revocation
        .crls
        .iter()
        .filter_map(|der| Crl::parse(der).ok())
        .collect();
    // Of several that speak of the same certificates the newest has the word.
    crls.sort_by_key(|crl| Reverse(crl.this_update));
    let given = Given {
        anchor,
        profile: root.profile,
        crls: &crls,
        revocation,
    };
    let count = match revocation.scope {
        Scope::EndEntity => 1,
        Scope::Path => path.len(),
    };
    for (at, certificate) in path.iter().enumerate().take(count) {
        let issuer = match path.get(at + 1) {
            Some(issuer) => Issuer::of(issuer),
            None => Issuer {
                name: certificate.issuer,
                key: root.public_key,
                extensions: root.certificate.as_ref().map(|root| &root.extensions),
            },
        };
        match status(search, certificate, &issuer, &given)? {
            Status::Good => {}
            Status::Revoked { at, reason } => return Err(Error::Revoked { at, reason }),
            Status::Unknown(_) if revocation.accept_unknown => {}
            Status::Unknown(unknown) => return Err(Error::RevocationUnknown(unknown)),
        }
    }
    Ok(())
}

/// What speaks of the certificates of a path.
struct Given<'g, 'p> {
    /// Where the path ends.
    anchor: &'p Anchor,
    profile: Profile,
    /// The newest first.
    crls: &'g [Crl<'p>],
    revocation: &'g Revocation<'p>,
}

/// The word of OCSP responses and of CRLs. Whatever revokes has the last one: a response is as old as the
/// server that staples it wants, as long as it is fresh.
fn status(
    search: &mut Search<'_, '_>,
    certificate: &Certificate<'_>,
    issuer: &Issuer<'_>,
    given: &Given<'_, '_>,
) -> Result<Status, Error> {
    let by_ocsp = ocsp::status(search, certificate, issuer, given.revocation)?;
    if let Status::Revoked { .. } = by_ocsp {
        return Ok(by_ocsp);
    }
    let unknown = match by_ocsp {
        Status::Unknown(unknown) => unknown,
        _ => Unknown::NothingGiven,
    };
    let mut lists = Lists {
        search,
        certificate,
        issuer,
        given,
        reasons_mask: 0,
        unknown,
    };
    match lists.status()? {
        Status::Unknown(_) if by_ocsp == Status::Good => Ok(Status::Good),
        by_lists => Ok(by_lists),
    }
}

/// 6.3.2: the variables of CRL processing for one certificate.
struct Lists<'l, 's, 'p, 'c> {
    search: &'l mut Search<'p, 'c>,
    certificate: &'l Certificate<'s>,
    issuer: &'l Issuer<'s>,
    given: &'l Given<'l, 's>,
    /// Reasons that CRLs have spoken of.
    reasons_mask: u16,
    unknown: Unknown,
}

impl<'l> Lists<'l, '_, '_, '_> {
    /// 6.3.3: each distribution point and each CRL of it; then those of no point that the issuer signed.
    fn status(&mut self) -> Result<Status, Error> {
        let points = self.certificate.extensions.crl_distribution_points;
        let mut points = Reader::new(points.unwrap_or_default());
        let mut next = || DistributionPoint::read(&mut points).ok();
        let named = core::iter::from_fn(&mut next);
        for point in named.chain([DistributionPoint::default()]) {
            for crl in self.given.crls {
                if self.reasons_mask == ALL_REASONS {
                    return Ok(Status::Good);
                }
                if let Some(entry) = self.apply(&point, crl)? {
                    return Ok(Status::Revoked {
                        at: entry.at,
                        reason: entry.reason,
                    });
                }
            }
        }
        if self.reasons_mask == ALL_REASONS {
            return Ok(Status::Good);
        }
        if self.reasons_mask != 0 {
            self.because(Unknown::NotAllReasons);
        }
        Ok(Status::Unknown(self.unknown))
    }

    fn because(&mut self, unknown: Unknown) {
        self.unknown = self.unknown.max(unknown);
    }

    /// 6.3.3 (b) to (l) for one CRL of one distribution point: the certificate's entry, if it has one.
    fn apply(
        &mut self,
        point: &DistributionPoint<'_>,
        crl: &Crl<'_>,
    ) -> Result<Option<Entry>, Error> {
        let interim_reasons_mask = interim_reasons(point, crl);
        if crl.is_delta()
            || !self.is_issuer(point, crl)
            || !self.is_in_scope(point, crl)
            || interim_reasons_mask & !self.reasons_mask == 0
            || !self.is_believed(crl)?
        {
            return Ok(None);
        }
        let Certificate {
            issuer,
            serial_number,
            ..
        } = *self.certificate;
        let entry = match self.in_deltas(crl)? {
            Some(entry) => Some(entry),
            None => match crl.entry(issuer, serial_number) {
                Ok(entry) => entry,
                // It says nothing of any certificate.
                Err(_) => return Ok(None),
            },
        };
        if self.given.profile == Profile::Path || crl.conforms {
            self.reasons_mask |= interim_reasons_mask;
        } else {
            // It may revoke, but not acquit.
            self.because(Unknown::Nonconforming);
        }
        // (k): a delta may take a certificate off the list.
        Ok(entry.filter(|entry| entry.reason != Reason::RemoveFromCrl))
    }

    /// (b)(1): who issues the CRL.
    fn is_issuer(&self, point: &DistributionPoint<'_>, crl: &Crl<'_>) -> bool {
        match point.crl_issuer {
            Some(names) => {
                crl.issuing_distribution_point.indirect
                    && crate::crl::names_directory(names, crl.issuer)
            }
            None => directory::same(crl.issuer, self.certificate.issuer),
        }
    }

    /// (b)(2): what the CRL covers.
    fn is_in_scope(&self, point: &DistributionPoint<'_>, crl: &Crl<'_>) -> bool {
        let covers = match crl.issuing_distribution_point.only_contains {
            OnlyContains::All => true,
            OnlyContains::UserCertificates => !self.certificate.is_ca(),
            OnlyContains::CaCertificates => self.certificate.is_ca(),
            OnlyContains::AttributeCertificates => false,
        };
        covers && point.is_of(crl, self.certificate.issuer)
    }

    /// 5.1.2.4, 5.1.2.5, and (f), (g): the CRL is of this time, and signed by one who may.
    fn is_believed(&mut self, crl: &Crl<'_>) -> Result<bool, Error> {
        let now = self.search.inputs.now.as_secs();
        let over = crl.next_update.is_none_or(|next| now > next);
        if now < crl.this_update || (over && !self.given.revocation.accept_stale) {
            self.because(Unknown::Stale);
            return Ok(false);
        }
        if self.is_signed(crl)? {
            return Ok(true);
        }
        self.because(Unknown::NotSignedByIssuer);
        Ok(false)
    }

    /// (f), (g): the certificate's issuer signed the CRL, or a CRL issuer that has a path of its own.
    fn is_signed(&mut self, crl: &Crl<'_>) -> Result<bool, Error> {
        if directory::same(self.issuer.name, crl.issuer)
            && self.issuer.may_sign_crls()
            && self.verifies(&self.issuer.key, crl)?
        {
            return Ok(true);
        }
        for signer in self.search.pool {
            if directory::same(signer.subject, crl.issuer)
                && Issuer::of(signer).may_sign_crls()
                && self.verifies(&signer.public_key, crl)?
                && self.has_path(signer)?
            {
                return Ok(true);
            }
        }
        let Ok(root) = self.given.anchor.read() else {
            return Ok(false);
        };
        let may_sign = root
            .certificate
            .as_ref()
            .is_none_or(|root| Issuer::of(root).may_sign_crls());
        Ok(may_sign
            && directory::same(&self.given.anchor.subject, crl.issuer)
            && self.verifies(&root.public_key, crl)?)
    }

    fn verifies(&mut self, key: &PublicKey<'_>, crl: &Crl<'_>) -> Result<bool, Error> {
        self.search.budget.signature_check()?;
        Ok(key.verify_signed(&crl.signed).is_ok())
    }

    /// (f): a path for the CRL's issuer, on the same budget: "The trust anchor for the certification path MUST be
    /// the same". Another root could take the name of any CA.
    fn has_path(&mut self, signer: &Certificate<'_>) -> Result<bool, Error> {
        let inputs = Inputs {
            purpose: Purpose::CrlSigning,
            key_usage: Some(KeyUsage::CrlSign),
            policies: Policies::default(),
            revocation: None,
            ..*self.search.inputs
        };
        self.search.has_path(signer, self.given.anchor, &inputs)
    }

    /// (c), (h), (i): the last word of the delta CRLs that go on from this complete one.
    fn in_deltas(&mut self, complete: &Crl<'_>) -> Result<Option<Entry>, Error> {
        let mut latest: Option<(&'l Crl<'_>, Option<Entry>)> = None;
        for delta in self
            .given
            .crls
            .iter()
            .filter(|delta| goes_on(delta, complete))
        {
            let newer = latest.is_none_or(|(before, _)| is_less(before.number, delta.number));
            if newer && self.is_believed(delta)? {
                let Certificate {
                    issuer,
                    serial_number,
                    ..
                } = *self.certificate;
                if let Ok(entry) = delta.entry(issuer, serial_number) {
                    latest = Some((delta, entry));
                }
            }
        }
        Ok(latest.and_then(|(_, entry)| entry))
    }
}

/// (d): the reasons that a CRL of a distribution point speaks of.
fn interim_reasons(point: &DistributionPoint<'_>, crl: &Crl<'_>) -> u16 {
    let of_point = point.reasons.unwrap_or(ALL_REASONS);
    let of_crl = crl
        .issuing_distribution_point
        .only_some_reasons
        .unwrap_or(ALL_REASONS);
    of_point & of_crl & ALL_REASONS
}

/// (c): whether a delta CRL goes on from a complete one: same issuer, scope and key, a base that is not
/// newer, and a number that is.
fn goes_on(delta: &Crl<'_>, complete: &Crl<'_>) -> bool {
    delta.is_delta()
        && directory::same(delta.issuer, complete.issuer)
        && delta.scope == complete.scope
        && delta.key_identifier == complete.key_identifier
        && !is_less(complete.number, delta.base_number)
        && is_less(complete.number, delta.number)
}

/// Order of CRL numbers: contents of INTEGERs that are not negative. One that is absent has no place.
fn is_less(one: Option<&[u8]>, other: Option<&[u8]>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one.len(), one) < (other.len(), other),
        _ => false,
    }
}
