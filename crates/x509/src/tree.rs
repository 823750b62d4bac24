//! The search for a path once more, as a tree: certificate, candidate issuer, reason. For people; no part
//! of a verdict.

use crate::{
    Error, Inputs, Roots, certificate::Certificate, directory, section6, text::distinguished_name,
};
use alloc::{string::String, vec::Vec};
use core::fmt;

/// Certificates that are shown. Each costs a signature check at most.
const SHOWN: usize = 24;

/// A certificate that was tried, and what was tried above it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The certificate's distinguished name (RFC 4514).
    pub subject: String,
    /// It is a root, and not one of those that the peer sent.
    pub is_root: bool,
    /// Why it cannot stand in the path; a CA that did not sign the certificate below has
    /// [`Error::BadSignature`].
    pub refused: Option<Error>,
    /// What was tried as its issuer.
    pub issuers: Vec<Attempt>,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line(f, 0)
    }
}

impl Attempt {
    fn line(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        write!(
            f,
            "\n    {:indent$}{}",
            "",
            self.subject,
            indent = 2 * depth
        )?;
        if self.is_root {
            f.write_str(", a root")?;
        }
        match self.refused {
            Some(Error::BadSignature) => f.write_str(": did not sign the one before")?,
            Some(error) => write!(f, ": {error}")?,
            None if self.issuers.is_empty() && !self.is_root => {
                f.write_str(": nobody here issued it")?;
            }
            None => {}
        }
        self.issuers
            .iter()
            .try_for_each(|issuer| issuer.line(f, depth + 1))
    }
}

/// The tree above `end_entity`.
pub(crate) fn of(
    end_entity: &Certificate<'_>,
    pool: &[&Certificate<'_>],
    roots: &Roots,
    inputs: &Inputs<'_>,
) -> Attempt {
    let mut tree = Tree {
        pool,
        roots,
        inputs,
        left: SHOWN,
    };
    Attempt {
        subject: distinguished_name(end_entity.subject),
        is_root: false,
        refused: None,
        issuers: tree.above(&mut alloc::vec![end_entity]),
    }
}

struct Tree<'t> {
    pool: &'t [&'t Certificate<'t>],
    roots: &'t Roots,
    inputs: &'t Inputs<'t>,
    left: usize,
}

impl<'t> Tree<'t> {
    fn above(&mut self, path: &mut Vec<&Certificate<'t>>) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        let Some(&last) = path.last() else {
            return attempts;
        };
        for anchor in self.roots.anchors() {
            if !directory::same(&anchor.subject, last.issuer) || !self.spend() {
                continue;
            }
            let refused = anchor.read().and_then(|root| {
                if let Some(certificate) = &root.certificate {
                    self.judge_root(certificate)?;
                }
                root.public_key.verify_signed(&last.signed)
            });
            attempts.push(Attempt {
                subject: distinguished_name(&anchor.subject),
                is_root: true,
                refused: refused.err(),
                issuers: Vec::new(),
            });
        }
        for candidate in self.pool {
            let repeats = path.iter().any(|on| {
                on.subject == candidate.subject
                    && on.subject_public_key_info == candidate.subject_public_key_info
            });
            if repeats || !directory::same(candidate.subject, last.issuer) || !self.spend() {
                continue;
            }
            let refused = self
                .judge(candidate)
                .and_then(|()| candidate.public_key.verify_signed(&last.signed));
            path.push(candidate);
            let issuers = match refused {
                Ok(()) => self.above(path),
                Err(_) => Vec::new(),
            };
            path.pop();
            attempts.push(Attempt {
                subject: distinguished_name(candidate.subject),
                is_root: false,
                refused: refused.err(),
                issuers,
            });
        }
        attempts
    }

    fn spend(&mut self) -> bool {
        let some = self.left > 0;
        self.left = self.left.saturating_sub(1);
        some
    }

    fn judge_root(&self, root: &Certificate<'_>) -> Result<(), Error> {
        section6::certificate(root, self.inputs.now.as_secs())?;
        section6::issuer(root, self.inputs.purpose)
    }

    fn judge(&self, ca: &Certificate<'_>) -> Result<(), Error> {
        section6::issued(ca, self.inputs.now.as_secs())?;
        section6::issuer(ca, self.inputs.purpose)
    }
}
