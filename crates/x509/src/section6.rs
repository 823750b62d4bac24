//! RFC 5280 section 6.1, as RFC 9618 updates it: one function a lettered step. [`issued`], [`issuer`] and
//! [`end_entity`] judge a certificate by itself, while a path is looked for; [`path`] judges what
//! depends on the certificates above it, once there is one.

use crate::{
    Error,
    budget::Budget,
    certificate::Certificate,
    extensions::{
        CertificatePolicies, Extensions, KeyUsageBits, PolicyConstraints, PolicyMappings,
    },
    inputs::{Inputs, KeyUsage, Purpose},
    oids::ANY_POLICY,
    policy::PolicyGraph,
    roots::Trusted,
};
use alloc::vec::Vec;

/// What holds for every certificate of a path (6.1.3 (a)(2), 6.1.4 (o), 6.1.5 (f)).
pub(crate) fn certificate(certificate: &Certificate<'_>, now: u64) -> Result<(), Error> {
    validity(certificate, now)?;
    critical_extensions(&certificate.extensions)
}

/// What holds for every certificate that a CA of this path issued (4.1.2): roots are older than
/// some of it.
pub(crate) fn issued(issued: &Certificate<'_>, now: u64) -> Result<(), Error> {
    certificate(issued, now)?;
    serial_number(issued)?;
    subject(issued)
}

/// What holds for every CA certificate (6.1.4 (a), (k), (n)).
pub(crate) fn issuer(certificate: &Certificate<'_>, purpose: Purpose) -> Result<(), Error> {
    version(certificate)?;
    no_mapping_of_any_policy(&certificate.extensions)?;
    basic_constraints(certificate)?;
    key_cert_sign(&certificate.extensions)?;
    extended_key_usage(&certificate.extensions, purpose)
}

/// What holds for the end entity alone.
pub(crate) fn end_entity(certificate: &Certificate<'_>, inputs: &Inputs<'_>) -> Result<(), Error> {
    version(certificate)?;
    certificate.public_key.usable()?;
    key_usage(&certificate.extensions, inputs.key_usage)?;
    ca_extensions_of_end_entity(certificate)?;
    extended_key_usage(&certificate.extensions, inputs.purpose)
}

/// 6.1.3 (a)(2): "The certificate validity period includes the current time."
fn validity(certificate: &Certificate<'_>, now: u64) -> Result<(), Error> {
    let Certificate {
        not_before,
        not_after,
        ..
    } = *certificate;
    if now < not_before {
        return Err(Error::NotYetValid { not_before, now });
    }
    if now > not_after {
        return Err(Error::Expired { not_after, now });
    }
    Ok(())
}

/// 6.1.4 (o), 6.1.5 (f): unrecognised critical extensions are refused.
const fn critical_extensions(extensions: &Extensions<'_>) -> Result<(), Error> {
    if extensions.unknown_critical {
        return Err(Error::UnsupportedCriticalExtension);
    }
    Ok(())
}

/// 4.1.2.1: extensions, which every check below relies on, need version 3.
const fn version(certificate: &Certificate<'_>) -> Result<(), Error> {
    if !certificate.version_3 {
        return Err(Error::UnsupportedVersion);
    }
    Ok(())
}

/// 4.1.2.2.
fn serial_number(certificate: &Certificate<'_>) -> Result<(), Error> {
    if !certificate.serial_number_fits() {
        return Err(Error::InvalidSerialNumber);
    }
    Ok(())
}

/// 4.1.2.6: an empty subject leaves it to a critical subjectAltName to name somebody. (CAs are
/// found by their subject, and no certificate has an empty issuer.)
fn subject(certificate: &Certificate<'_>) -> Result<(), Error> {
    use crate::extensions::Kind::SubjectAltName;
    if certificate.subject.is_empty() && !certificate.extensions.is_critical(SubjectAltName) {
        return Err(Error::InvalidSubjectAltName);
    }
    Ok(())
}

/// 6.1.4 (a): anyPolicy is on neither side of a mapping.
fn no_mapping_of_any_policy(extensions: &Extensions<'_>) -> Result<(), Error> {
    let mut pairs = extensions
        .policy_mappings
        .into_iter()
        .flat_map(PolicyMappings::iter);
    if pairs.any(|(from, to)| from == ANY_POLICY || to == ANY_POLICY) {
        return Err(Error::InvalidPolicies);
    }
    Ok(())
}

/// 6.1.4 (k): the issuer is a CA.
fn basic_constraints(certificate: &Certificate<'_>) -> Result<(), Error> {
    if !certificate.is_ca() {
        return Err(Error::IssuerNotCa);
    }
    Ok(())
}

/// 6.1.4 (n): keyCertSign, if the extension is present.
fn key_cert_sign(extensions: &Extensions<'_>) -> Result<(), Error> {
    match extensions.key_usage {
        Some(bits) if !bits.has(KeyUsageBits::KEY_CERT_SIGN) => Err(Error::KeyUsageNotAllowed),
        _ => Ok(()),
    }
}

/// 4.2.1.3: what the key is used for, if the extension is present.
pub(crate) fn key_usage(
    extensions: &Extensions<'_>,
    needed: Option<KeyUsage>,
) -> Result<(), Error> {
    let needed = needed.map(|needed| match needed {
        KeyUsage::DigitalSignature => KeyUsageBits::DIGITAL_SIGNATURE,
        KeyUsage::KeyEncipherment => KeyUsageBits::KEY_ENCIPHERMENT,
        KeyUsage::CrlSign => KeyUsageBits::CRL_SIGN,
    });
    match (extensions.key_usage, needed) {
        (Some(bits), Some(needed)) if !bits.has(needed) => Err(Error::KeyUsageNotAllowed),
        _ => Ok(()),
    }
}

/// 4.2.1.9, 4.2.1.10: only a CA's key signs certificates, and only a CA constrains names.
fn ca_extensions_of_end_entity(certificate: &Certificate<'_>) -> Result<(), Error> {
    if certificate.is_ca() {
        return Ok(());
    }
    let key_usage = certificate.extensions.key_usage;
    if key_usage.is_some_and(|bits| bits.has(KeyUsageBits::KEY_CERT_SIGN)) {
        return Err(Error::KeyUsageNotAllowed);
    }
    if certificate.extensions.name_constraints.is_some() {
        return Err(Error::InvalidNameConstraints);
    }
    Ok(())
}

/// 4.2.1.12: an absent extension allows every purpose. In a CA it bounds what lies below; the web's
/// CAs and verifiers nest it, though section 6 does not. anyExtendedKeyUsage is not honoured.
fn extended_key_usage(extensions: &Extensions<'_>, purpose: Purpose) -> Result<(), Error> {
    match (extensions.extended_key_usage, purpose.oid()) {
        (Some(purposes), Some(purpose)) if !purposes.has(purpose) => {
            Err(Error::ExtendedKeyUsageNotAllowed)
        }
        _ => Ok(()),
    }
}

/// 6.1: what depends on the certificates above. `path[0]` is the end entity, its last certificate
/// was issued by `root`; every signature has been checked.
pub(crate) fn path(
    root: &Trusted<'_>,
    path: &[&Certificate<'_>],
    inputs: &Inputs<'_>,
    budget: &mut Budget,
) -> Result<(), Error> {
    let mut state = State::initialise(root, path, inputs);
    for (at, certificate) in path.iter().enumerate().rev() {
        let is_last = at == 0;
        // It matters of intermediates only.
        let self_issued = !is_last && certificate.is_self_issued();
        let above = path.get(at + 1..).unwrap_or_default();
        if is_last || !self_issued {
            name_constraints(root, above, certificate, budget)?;
        }
        let any_policy = state.inhibit_any_policy > 0 || self_issued;
        state.process_policies(&certificate.extensions, any_policy, budget)?;
        state.explicit_policy()?;
        if is_last {
            break;
        }
        state.policy_mappings(&certificate.extensions, budget)?;
        if !self_issued {
            state.count_down()?;
        }
        state.policy_constraints(certificate.extensions.policy_constraints);
        state.inhibit_any_policy(&certificate.extensions);
        state.path_len_constraint(&certificate.extensions);
    }
    let end_entity = path.first().ok_or(Error::NoCertificate)?;
    state.wrap_up(&end_entity.extensions, inputs)
}

/// 6.1.3 (b), (c): the subject and its alternative names are inside every permitted subtree and
/// outside every excluded one of `root` and of the CAs `above`.
fn name_constraints(
    root: &Trusted<'_>,
    above: &[&Certificate<'_>],
    certificate: &Certificate<'_>,
    budget: &mut Budget,
) -> Result<(), Error> {
    let of_cas = above.iter().filter_map(|ca| ca.extensions.name_constraints);
    for constraints in root.name_constraints.into_iter().chain(of_cas) {
        let alternative = certificate.extensions.subject_alt_name;
        constraints.check(certificate.subject, alternative, budget)?;
    }
    Ok(())
}

/// 6.1.2: the variables of path validation. The subtrees of (b) and (c) are read where they stand.
struct State<'a> {
    /// (a): only while a policy can be required at all.
    valid_policy_graph: Option<PolicyGraph<'a>>,
    /// (d).
    explicit_policy: usize,
    /// (e).
    inhibit_any_policy: usize,
    /// (f).
    policy_mapping: usize,
    /// (k).
    max_path_length: usize,
}

impl<'a> State<'a> {
    fn initialise(root: &Trusted<'_>, path: &[&Certificate<'a>], inputs: &Inputs<'_>) -> Self {
        let policies = inputs.policies;
        let unless = |inhibited: bool| if inhibited { 0 } else { path.len() + 1 };
        // Without either, explicit_policy stays above zero, and no verdict depends on the graph.
        let required = policies.initial_explicit_policy
            || path.iter().any(|certificate| {
                let constraints = certificate.extensions.policy_constraints;
                constraints.is_some_and(|limits| limits.require_explicit_policy.is_some())
            });
        let mut state = Self {
            valid_policy_graph: required.then(PolicyGraph::new),
            explicit_policy: unless(policies.initial_explicit_policy),
            inhibit_any_policy: unless(policies.initial_any_policy_inhibit),
            policy_mapping: unless(policies.initial_policy_mapping_inhibit),
            max_path_length: path.len(),
        };
        if let Some(certificate) = &root.certificate {
            state.path_len_constraint(&certificate.extensions);
        }
        state
    }

    /// 6.1.3 (d), (e).
    fn process_policies(
        &mut self,
        extensions: &Extensions<'a>,
        any_policy: bool,
        budget: &mut Budget,
    ) -> Result<(), Error> {
        let policies: Option<CertificatePolicies<'a>> = extensions.certificate_policies;
        match &mut self.valid_policy_graph {
            Some(graph) => graph.descend(policies, any_policy, budget),
            None => Ok(()),
        }
    }

    /// 6.1.3 (f): "either explicit_policy is greater than 0 or the valid_policy_graph is not NULL".
    fn explicit_policy(&self) -> Result<(), Error> {
        let null = self
            .valid_policy_graph
            .as_ref()
            .is_some_and(PolicyGraph::is_null);
        if self.explicit_policy == 0 && null {
            return Err(Error::NoValidPolicy);
        }
        Ok(())
    }

    /// 6.1.4 (b).
    fn policy_mappings(
        &mut self,
        extensions: &Extensions<'a>,
        budget: &mut Budget,
    ) -> Result<(), Error> {
        match (&mut self.valid_policy_graph, extensions.policy_mappings) {
            (Some(graph), Some(mappings)) => graph.map(mappings, self.policy_mapping > 0, budget),
            _ => Ok(()),
        }
    }

    /// 6.1.4 (h), (l), for a CA that is not self-issued.
    fn count_down(&mut self) -> Result<(), Error> {
        self.explicit_policy = self.explicit_policy.saturating_sub(1);
        self.policy_mapping = self.policy_mapping.saturating_sub(1);
        self.inhibit_any_policy = self.inhibit_any_policy.saturating_sub(1);
        self.max_path_length = self
            .max_path_length
            .checked_sub(1)
            .ok_or(Error::PathLenExceeded)?;
        Ok(())
    }

    /// 6.1.4 (i).
    fn policy_constraints(&mut self, constraints: Option<PolicyConstraints>) {
        let Some(constraints) = constraints else {
            return;
        };
        lower(
            &mut self.explicit_policy,
            constraints.require_explicit_policy,
        );
        lower(&mut self.policy_mapping, constraints.inhibit_policy_mapping);
    }

    /// 6.1.4 (j).
    fn inhibit_any_policy(&mut self, extensions: &Extensions<'_>) {
        lower(&mut self.inhibit_any_policy, extensions.inhibit_any_policy);
    }

    /// 6.1.4 (m).
    fn path_len_constraint(&mut self, extensions: &Extensions<'_>) {
        let constraints = extensions.basic_constraints;
        lower(
            &mut self.max_path_length,
            constraints.and_then(|constraints| constraints.path_len_constraint),
        );
    }

    /// 6.1.5 (a), (b), (g).
    fn wrap_up(mut self, extensions: &Extensions<'_>, inputs: &Inputs<'_>) -> Result<(), Error> {
        self.explicit_policy = self.explicit_policy.saturating_sub(1);
        let required = extensions
            .policy_constraints
            .and_then(|constraints| constraints.require_explicit_policy);
        if required == Some(0) {
            self.explicit_policy = 0;
        }
        let Some(graph) = &self.valid_policy_graph else {
            return Ok(());
        };
        let accepted: Vec<&[u8]> = graph.user_constrained(inputs.policies.user_initial_policy_set);
        if self.explicit_policy == 0 && accepted.is_empty() {
            return Err(Error::NoValidPolicy);
        }
        Ok(())
    }
}

/// A constraint lowers a variable, and never raises it.
fn lower(variable: &mut usize, limit: Option<u32>) {
    if let Some(limit) = limit {
        *variable = (*variable).min(usize::try_from(limit).unwrap_or(usize::MAX));
    }
}
