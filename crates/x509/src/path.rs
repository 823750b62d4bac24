//! Finds a path from an end entity over an unordered pool to a root: depth first with backtracking,
//! the shortest paths first. Names lead the search, key identifiers say where to look first, and a
//! budget bounds it.

use crate::{
    Error, Roots,
    budget::Budget,
    certificate::Certificate,
    conformance::{self, Place, Profile},
    directory,
    identity::{self, Identity},
    inputs::{Inputs, Purpose},
    limits::MAX_POOL,
    revocation,
    roots::{Anchor, Trusted},
    section6,
    signature::PublicKey,
};
use alloc::{vec, vec::Vec};
use rustls_pki_types::CertificateDer;

/// Octets of two names that are compared for a step of the search.
const OCTETS_A_STEP: usize = 256;

/// A valid path: what the certificates of a chain prove. It has been judged but for the name.
#[derive(Debug, Clone)]
pub struct Path<'c> {
    end_entity: Certificate<'c>,
    certificates: Vec<&'c [u8]>,
}

impl<'c> Path<'c> {
    /// Whether the end entity's certificate is for `identity` (RFC 9525 6).
    pub fn is_for(&self, identity: &Identity<'_>) -> Result<(), Error> {
        identity::matches(&self.end_entity, identity)
    }

    /// The certificates in DER, from the end entity to the one that a root issued; the root is not
    /// among them.
    pub fn certificates(&self) -> &[&'c [u8]] {
        &self.certificates
    }
}

/// Finds a path from `end_entity` to a root, or says why there is none.
pub(crate) fn find<'c>(
    roots: &Roots,
    end_entity: Certificate<'c>,
    pool: &'c [CertificateDer<'_>],
    inputs: &Inputs<'_>,
) -> Result<Path<'c>, Error> {
    section6::issued(&end_entity, inputs.now.as_secs())?;
    section6::end_entity(&end_entity, inputs)?;
    if pool.len() > MAX_POOL {
        return Err(Error::TooManyCertificates);
    }
    let pool: Vec<Certificate<'c>> = pool
        .iter()
        .filter_map(|der| Certificate::parse(der).ok())
        .collect();
    let path = Search::new(roots.anchors(), &pool, inputs).from(&end_entity)?;
    let certificates = path.iter().map(|certificate| certificate.der).collect();
    Ok(Path {
        end_entity,
        certificates,
    })
}

/// One search, and the work that is left for it.
pub(crate) struct Search<'p, 'c> {
    /// The trust anchors that a path may end at.
    pub(crate) anchors: &'p [Anchor],
    pub(crate) pool: &'p [Certificate<'c>],
    pub(crate) inputs: &'p Inputs<'p>,
    pub(crate) budget: Budget,
    checked: Vec<Checked<'p>>,
    /// Names of CAs and issuers that are not the same octets are compared by RFC 5280 7.1.
    by_meaning: bool,
    /// A CA was left out because the paths of this round are to be shorter.
    goes_on: bool,
}

/// A signature that was checked: many paths share it.
struct Checked<'p> {
    signed: &'p [u8],
    key: &'p [u8],
    verdict: Result<(), Error>,
}

impl<'p, 'c> Search<'p, 'c> {
    pub(crate) fn new(
        anchors: &'p [Anchor],
        pool: &'p [Certificate<'c>],
        inputs: &'p Inputs<'p>,
    ) -> Self {
        Self {
            anchors,
            pool,
            inputs,
            budget: Budget::new(),
            checked: Vec::new(),
            by_meaning: false,
            goes_on: false,
        }
    }

    /// A path from `end_entity`, which is its first, to a root, which is not in it, or the most telling reason why there is none.
    pub(crate) fn from(
        &mut self,
        end_entity: &'p Certificate<'c>,
    ) -> Result<Vec<&'p Certificate<'c>>, Error> {
        let mut anchors = self.anchors.iter();
        if let Some(itself) = anchors.find(|root| root.is_certificate(end_entity.der)) {
            return self.trusted_itself(end_entity, itself);
        }
        match self.rounds(end_entity) {
            Err(error) if error != Error::BudgetExceeded => {
                // Nearly all CAs copy names octet for octet; RFC 5280 7.1 allows more.
                self.by_meaning = true;
                self.rounds(end_entity)
            }
            ended => ended,
        }
    }

    /// Looks for ever longer paths: no detour can hide a short one.
    fn rounds(
        &mut self,
        end_entity: &'p Certificate<'c>,
    ) -> Result<Vec<&'p Certificate<'c>>, Error> {
        let mut reason = Error::UnknownIssuer;
        // A round that fails leaves it as it was. Most paths have four certificates or less.
        let mut path = Vec::with_capacity(4);
        path.push(end_entity);
        for intermediates in 0..=self.pool.len() {
            self.goes_on = false;
            match self.extend(&mut path, intermediates) {
                Ok(()) => return Ok(path),
                Err(Error::BudgetExceeded) => return Err(Error::BudgetExceeded),
                Err(error) => keep(&mut reason, error),
            }
            if !self.goes_on {
                break;
            }
        }
        Err(reason)
    }

    /// The end entity is itself a root: the path is that one certificate. A self-issued one must have
    /// signed itself; above any other there is nothing that could be checked.
    fn trusted_itself(
        &mut self,
        end_entity: &'p Certificate<'c>,
        itself: &'p Anchor,
    ) -> Result<Vec<&'p Certificate<'c>>, Error> {
        if end_entity.is_self_issued() {
            self.check_signature(end_entity, &end_entity.public_key)?;
        }
        self.conforms(end_entity, Place::EndEntity, itself.profile)?;
        Ok(vec![end_entity])
    }

    /// Extends `path`, whose last certificate lacks an issuer, by so many intermediates and a root.
    fn extend(
        &mut self,
        path: &mut Vec<&'p Certificate<'c>>,
        intermediates: usize,
    ) -> Result<(), Error> {
        let last = *path.last().ok_or(Error::NoCertificate)?;
        let Some(fewer) = intermediates.checked_sub(1) else {
            return self.end(path, last);
        };
        let mut reason = Error::UnknownIssuer;
        for likely in [true, false] {
            for candidate in self.pool {
                self.budget.search_step()?;
                if !self.is_named(candidate.subject, last.issuer)?
                    || key_identifiers_agree(last, candidate) != likely
                {
                    continue;
                }
                match self.intermediate(path, last, candidate, fewer) {
                    Ok(()) => return Ok(()),
                    Err(Error::BudgetExceeded) => return Err(Error::BudgetExceeded),
                    Err(error) => keep(&mut reason, error),
                }
            }
        }
        Err(reason)
    }

    /// Ends the path at a root.
    fn end(
        &mut self,
        path: &[&'p Certificate<'c>],
        last: &'p Certificate<'c>,
    ) -> Result<(), Error> {
        let mut reason = Error::UnknownIssuer;
        for anchor in self.anchors {
            if !self.is_named(&anchor.subject, last.issuer)? {
                continue;
            }
            match self.anchor(path, last, anchor) {
                Ok(()) => return Ok(()),
                Err(Error::BudgetExceeded) => return Err(Error::BudgetExceeded),
                Err(error) => keep(&mut reason, error),
            }
        }
        self.goes_on = self.goes_on || self.may_go_on(path, last)?;
        Err(reason)
    }

    /// Whether the pool has a CA that could have issued `last` and is not on its path.
    fn may_go_on(
        &mut self,
        path: &[&Certificate<'_>],
        last: &Certificate<'_>,
    ) -> Result<bool, Error> {
        for ca in self.pool {
            if self.is_named(ca.subject, last.issuer)? && !path.iter().any(|on| is_same_ca(on, ca))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a CA's name is the one that a certificate gives as its issuer. Names that have to be read are
    /// paid for by their length: they may be long, and differ only at their end.
    fn is_named(&mut self, subject: &[u8], issuer: &[u8]) -> Result<bool, Error> {
        if subject == issuer {
            return Ok(true);
        }
        if !self.by_meaning {
            return Ok(false);
        }
        for _ in 0..=subject.len().min(issuer.len()) / OCTETS_A_STEP {
            self.budget.search_step()?;
        }
        Ok(directory::same(subject, issuer))
    }

    /// Ends the path at `anchor`.
    fn anchor(
        &mut self,
        path: &[&'p Certificate<'c>],
        last: &'p Certificate<'c>,
        anchor: &'p Anchor,
    ) -> Result<(), Error> {
        let root = anchor.read()?;
        if let Some(certificate) = &root.certificate {
            section6::certificate(certificate, self.inputs.now.as_secs())?;
            section6::issuer(certificate, self.inputs.purpose)?;
        }
        self.check_signature(last, &root.public_key)?;
        section6::path(&root, path, self.inputs, &mut self.budget)?;
        self.conform(path, &root)?;
        if let Some(revocation) = &self.inputs.revocation {
            revocation::check(self, path, anchor, &root, revocation)?;
        }
        Ok(())
    }

    /// Whether there is a path from another end entity to `anchor`, for other inputs, on what is left of
    /// this search's budget.
    pub(crate) fn has_path(
        &mut self,
        end_entity: &Certificate<'_>,
        anchor: &Anchor,
        inputs: &Inputs<'_>,
    ) -> Result<bool, Error> {
        if section6::issued(end_entity, inputs.now.as_secs()).is_err()
            || section6::end_entity(end_entity, inputs).is_err()
        {
            return Ok(false);
        }
        let mut search = Search::new(core::slice::from_ref(anchor), self.pool, inputs);
        core::mem::swap(&mut search.budget, &mut self.budget);
        let found = search.from(end_entity).map(drop);
        core::mem::swap(&mut search.budget, &mut self.budget);
        match found {
            Err(Error::BudgetExceeded) => Err(Error::BudgetExceeded),
            found => Ok(found.is_ok()),
        }
    }

    /// Goes on through `candidate`.
    fn intermediate(
        &mut self,
        path: &mut Vec<&'p Certificate<'c>>,
        last: &'p Certificate<'c>,
        candidate: &'p Certificate<'c>,
        intermediates: usize,
    ) -> Result<(), Error> {
        // The same name and key twice is a loop: what lies between adds nothing.
        if path.iter().any(|on| is_same_ca(on, candidate)) {
            return Err(Error::UnknownIssuer);
        }
        section6::issued(candidate, self.inputs.now.as_secs())?;
        section6::issuer(candidate, self.inputs.purpose)?;
        let most = self.inputs.max_intermediates;
        let counted = || path.iter().skip(1).chain([&candidate]);
        // As many as the path has certificates so far: names are looked at only where it matters.
        if path.len() > most && counted().filter(|ca| !ca.is_self_issued()).count() > most {
            return Err(Error::PathTooLong);
        }
        self.check_signature(last, &candidate.public_key)?;
        path.push(candidate);
        let outcome = self.extend(path, intermediates);
        if outcome.is_err() {
            path.pop();
        }
        outcome
    }

    /// Holds each certificate of a path to the root's profile.
    fn conform(&self, path: &[&Certificate<'_>], root: &Trusted<'_>) -> Result<(), Error> {
        if let Some(certificate) = &root.certificate {
            self.conforms(certificate, Place::Root, root.profile)?;
        }
        for (at, certificate) in path.iter().enumerate().rev() {
            let place = if at == 0 {
                Place::EndEntity
            } else {
                Place::Intermediate
            };
            self.conforms(certificate, place, root.profile)?;
        }
        Ok(())
    }

    fn conforms(
        &self,
        certificate: &Certificate<'_>,
        place: Place,
        profile: Profile,
    ) -> Result<(), Error> {
        // The Baseline Requirements are for servers.
        let profile = match self.inputs.purpose {
            Purpose::ServerAuth => profile,
            _ => profile.min(Profile::Rfc5280),
        };
        conformance::check(certificate, place, profile).map_err(Error::Nonconforming)
    }

    fn check_signature(
        &mut self,
        certificate: &Certificate<'p>,
        key: &PublicKey<'p>,
    ) -> Result<(), Error> {
        let (signed, key_octets) = (certificate.signed.tbs, key.subject_public_key());
        let mut checked = self.checked.iter();
        if let Some(checked) = checked
            .find(|checked| checked.key == key_octets && core::ptr::eq(checked.signed, signed))
        {
            return checked.verdict;
        }
        self.budget.signature_check()?;
        let verdict = key.verify_signed(&certificate.signed);
        self.checked.push(Checked {
            signed,
            key: key_octets,
            verdict,
        });
        verdict
    }
}

/// The same name and key (RFC 4158 2.4.2).
fn is_same_ca(one: &Certificate<'_>, other: &Certificate<'_>) -> bool {
    one.subject == other.subject && one.subject_public_key_info == other.subject_public_key_info
}

/// RFC 4158 3.5.12: whether the key that a certificate says it was signed by is `issuer`'s, as far as both
/// say. It tells where to look first, and nothing more.
fn key_identifiers_agree(certificate: &Certificate<'_>, issuer: &Certificate<'_>) -> bool {
    let said = certificate
        .extensions
        .authority_key_identifier
        .and_then(|identifier| identifier.key_identifier);
    match (said, issuer.extensions.subject_key_identifier) {
        (Some(said), Some(has)) => said == has,
        _ => true,
    }
}

/// Keeps the most telling error, of two alike the first.
fn keep(reason: &mut Error, error: Error) {
    if telling(error) > telling(*reason) {
        *reason = error;
    }
}

/// A key that did not sign says little (CAs share names), and "unknown issuer" least.
const fn telling(error: Error) -> u8 {
    match error {
        Error::UnknownIssuer => 0,
        Error::BadSignature => 1,
        _ => 2,
    }
}
