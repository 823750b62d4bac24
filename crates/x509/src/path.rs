//! Finds a path from an end entity over an unordered pool to a root, depth first with
//! backtracking. Every step costs a signature check, so the budget bounds the search.

use crate::{
    Error, Roots,
    certificate::Certificate,
    limits::{MAX_INTERMEDIATES, MAX_NAME_COMPARISONS, MAX_POOL, MAX_SIGNATURE_CHECKS},
    roots::Anchor,
    signature::PublicKey,
    validate::{self, Purpose},
};
use alloc::{vec, vec::Vec};
use rustls_pki_types::CertificateDer;

/// The work that is left for one verdict.
#[derive(Debug)]
pub(crate) struct Budget {
    signature_checks: usize,
    name_comparisons: usize,
}

impl Budget {
    pub(crate) const fn new() -> Self {
        Self {
            signature_checks: MAX_SIGNATURE_CHECKS,
            name_comparisons: MAX_NAME_COMPARISONS,
        }
    }

    fn signature_check(&mut self) -> Result<(), Error> {
        spend(&mut self.signature_checks)
    }

    pub(crate) fn name_comparison(&mut self) -> Result<(), Error> {
        spend(&mut self.name_comparisons)
    }
}

fn spend(left: &mut usize) -> Result<(), Error> {
    *left = left.checked_sub(1).ok_or(Error::BudgetExceeded)?;
    Ok(())
}

/// Finds a path from `end_entity` to a root, or says why there is none.
pub(crate) fn find(
    roots: &Roots,
    end_entity: &Certificate<'_>,
    pool: &[CertificateDer<'_>],
    purpose: Purpose,
    now: u64,
) -> Result<(), Error> {
    validate::issued(end_entity, now)?;
    validate::end_entity(end_entity, purpose)?;
    if pool.len() > MAX_POOL {
        return Err(Error::TooManyCertificates);
    }
    let pool: Vec<Certificate<'_>> = pool
        .iter()
        .filter_map(|der| Certificate::parse(der).ok())
        .collect();
    let mut search = Search {
        roots,
        pool: &pool,
        purpose,
        now,
        budget: Budget::new(),
    };
    if roots
        .anchors()
        .iter()
        .any(|root| root.is_certificate(end_entity.der))
    {
        return search.trusted_itself(end_entity);
    }
    search.extend(&mut vec![end_entity])
}

struct Search<'p> {
    roots: &'p Roots,
    pool: &'p [Certificate<'p>],
    purpose: Purpose,
    now: u64,
    budget: Budget,
}

impl<'p> Search<'p> {
    /// The end entity is itself a root: the path is that one certificate. A self-issued one must have
    /// signed itself; above any other there is nothing that could be checked.
    fn trusted_itself(&mut self, end_entity: &Certificate<'_>) -> Result<(), Error> {
        if end_entity.is_self_issued() {
            self.check_signature(end_entity, end_entity.public_key)?;
        }
        Ok(())
    }

    /// Extends `path`, whose last certificate lacks an issuer, to a root, or gives the most telling
    /// error.
    fn extend(&mut self, path: &mut Vec<&'p Certificate<'p>>) -> Result<(), Error> {
        let Some(&last) = path.last() else {
            return Err(Error::NoCertificate);
        };
        let mut reason = Error::UnknownIssuer;
        for anchor in self
            .roots
            .anchors()
            .iter()
            .filter(|root| *root.subject == *last.issuer)
        {
            match self.anchor(path, last, anchor) {
                Ok(()) => return Ok(()),
                Err(Error::BudgetExceeded) => return Err(Error::BudgetExceeded),
                Err(error) => keep(&mut reason, error),
            }
        }
        for candidate in self.pool.iter().filter(|ca| ca.subject == last.issuer) {
            match self.intermediate(path, last, candidate) {
                Ok(()) => return Ok(()),
                Err(Error::BudgetExceeded) => return Err(Error::BudgetExceeded),
                Err(error) => keep(&mut reason, error),
            }
        }
        Err(reason)
    }

    /// Ends the path at `anchor`.
    fn anchor(
        &mut self,
        path: &[&Certificate<'_>],
        last: &Certificate<'_>,
        anchor: &Anchor,
    ) -> Result<(), Error> {
        if let Some(profile) = anchor.profile() {
            validate::certificate(profile, self.now)?;
            validate::issuer(profile, self.purpose)?;
        }
        self.check_signature(last, anchor.public_key()?)?;
        validate::path(anchor, path, &mut self.budget)
    }

    /// Goes on through `candidate`.
    fn intermediate(
        &mut self,
        path: &mut Vec<&'p Certificate<'p>>,
        last: &Certificate<'_>,
        candidate: &'p Certificate<'p>,
    ) -> Result<(), Error> {
        // The same name and key twice is a loop: what lies between adds nothing.
        let repeats = |on: &&Certificate<'_>| {
            on.subject == candidate.subject
                && on.subject_public_key_info == candidate.subject_public_key_info
        };
        if path.len() > MAX_INTERMEDIATES || path.iter().any(repeats) {
            return Err(Error::UnknownIssuer);
        }
        validate::issued(candidate, self.now)?;
        validate::issuer(&candidate.profile, self.purpose)?;
        self.check_signature(last, candidate.public_key)?;
        path.push(candidate);
        let outcome = self.extend(path);
        path.pop();
        outcome
    }

    fn check_signature(
        &mut self,
        certificate: &Certificate<'_>,
        key: PublicKey<'_>,
    ) -> Result<(), Error> {
        self.budget.signature_check()?;
        key.verify_certificate(certificate)
    }
}

/// Keeps the most telling error: a key that did not sign says little (CAs share names), and "unknown
/// issuer" least.
fn keep(reason: &mut Error, error: Error) {
    let replaced = match *reason {
        Error::UnknownIssuer => true,
        Error::BadSignature => error != Error::UnknownIssuer,
        _ => false,
    };
    if replaced {
        *reason = error;
    }
}
