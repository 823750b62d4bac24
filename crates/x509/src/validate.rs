//! RFC 5280 section 6: one function a check. [`issued`], [`issuer`] and [`end_entity`] judge a
//! certificate by itself; [`path`] judges what depends on the certificates above it.

use crate::{
    Error,
    certificate::{Certificate, Extensions, Profile},
    constraints::NameConstraints,
    path::Budget,
    roots::Anchor,
};
use alloc::vec::Vec;
use der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::name::GeneralNames;

/// What the end entity's key is to be trusted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    ServerAuth,
    ClientAuth,
}

impl Purpose {
    /// RFC 5280 4.2.1.12.
    const fn oid(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Self::ServerAuth => "1.3.6.1.5.5.7.3.1",
            Self::ClientAuth => "1.3.6.1.5.5.7.3.2",
        })
    }
}

/// What holds for every certificate of a path (RFC 5280 6.1.3 (a)(2), 6.1.4 (o), 6.1.5 (f)).
pub(crate) fn certificate(profile: &Profile, now: u64) -> Result<(), Error> {
    validity(profile, now)?;
    critical_extensions(&profile.extensions)
}

/// What holds for every certificate that a CA of this path issued (RFC 5280 4.1.2): roots are older than
/// some of it.
pub(crate) fn issued(certificate: &Certificate<'_>, now: u64) -> Result<(), Error> {
    self::certificate(&certificate.profile, now)?;
    serial_number(&certificate.profile)?;
    subject(certificate)
}

/// What holds for every CA certificate (RFC 5280 6.1.4 (k), (n)).
pub(crate) fn issuer(profile: &Profile, purpose: Purpose) -> Result<(), Error> {
    version(profile)?;
    basic_constraints(&profile.extensions)?;
    key_cert_sign(&profile.extensions)?;
    extended_key_usage(&profile.extensions, purpose)
}

/// What holds for the end entity alone.
pub(crate) fn end_entity(certificate: &Certificate<'_>, purpose: Purpose) -> Result<(), Error> {
    let extensions = &certificate.profile.extensions;
    version(&certificate.profile)?;
    certificate.public_key.usable()?;
    key_usage_of_end_entity(extensions)?;
    constraints_of_end_entity(extensions)?;
    extended_key_usage(extensions, purpose)
}

/// 6.1.3 (a)(2): "The certificate validity period includes the current time."
fn validity(profile: &Profile, now: u64) -> Result<(), Error> {
    if now < profile.not_before {
        return Err(Error::NotYetValid {
            not_before: profile.not_before,
            now,
        });
    }
    if now > profile.not_after {
        return Err(Error::Expired {
            not_after: profile.not_after,
            now,
        });
    }
    Ok(())
}

/// 6.1.4 (o), 6.1.5 (f): unrecognised critical extensions are refused.
fn critical_extensions(extensions: &Extensions) -> Result<(), Error> {
    if extensions.unknown_critical {
        return Err(Error::UnsupportedCriticalExtension);
    }
    Ok(())
}

/// 4.1.2.1: extensions, which every check below relies on, need version 3.
fn version(profile: &Profile) -> Result<(), Error> {
    if !profile.version_3 {
        return Err(Error::UnsupportedVersion);
    }
    Ok(())
}

/// 4.1.2.2.
fn serial_number(profile: &Profile) -> Result<(), Error> {
    if !profile.serial_number_fits {
        return Err(Error::InvalidSerialNumber);
    }
    Ok(())
}

/// 4.1.2.6: an empty subject leaves it to a critical subjectAltName to name somebody. (CAs are
/// found by their subject, and no certificate has an empty issuer.)
fn subject(certificate: &Certificate<'_>) -> Result<(), Error> {
    if certificate.subject.is_empty() && !certificate.profile.extensions.subject_alt_name_critical {
        return Err(Error::InvalidSubjectAltName);
    }
    Ok(())
}

/// 6.1.4 (k): the issuer is a CA.
fn basic_constraints(extensions: &Extensions) -> Result<(), Error> {
    match &extensions.basic_constraints {
        Some(constraints) if constraints.ca => Ok(()),
        _ => Err(Error::IssuerNotCa),
    }
}

/// 6.1.4 (n): keyCertSign, if the extension is present.
fn key_cert_sign(extensions: &Extensions) -> Result<(), Error> {
    match extensions.key_usage {
        Some(usage) if !usage.key_cert_sign() => Err(Error::KeyUsageNotAllowed),
        _ => Ok(()),
    }
}

/// 4.2.1.3, 4.2.1.9: TLS signs with this key, and only a CA may sign certificates with its own.
fn key_usage_of_end_entity(extensions: &Extensions) -> Result<(), Error> {
    let ca = extensions
        .basic_constraints
        .as_ref()
        .is_some_and(|constraints| constraints.ca);
    match extensions.key_usage {
        Some(usage) if !usage.digital_signature() || (usage.key_cert_sign() && !ca) => {
            Err(Error::KeyUsageNotAllowed)
        }
        _ => Ok(()),
    }
}

/// 4.2.1.10: name constraints "MUST be used only in a CA certificate".
fn constraints_of_end_entity(extensions: &Extensions) -> Result<(), Error> {
    let ca = extensions
        .basic_constraints
        .as_ref()
        .is_some_and(|constraints| constraints.ca);
    if extensions.name_constraints.is_some() && !ca {
        return Err(Error::InvalidNameConstraints);
    }
    Ok(())
}

/// 4.2.1.12: an absent extension allows every purpose. In a CA it bounds what lies below; the web's
/// CAs and verifiers nest it, though section 6 does not. anyExtendedKeyUsage is not honoured.
fn extended_key_usage(extensions: &Extensions, purpose: Purpose) -> Result<(), Error> {
    match &extensions.extended_key_usage {
        Some(usage) if !usage.0.contains(&purpose.oid()) => Err(Error::ExtendedKeyUsageNotAllowed),
        _ => Ok(()),
    }
}

/// 6.1: what depends on the certificates above. `path[0]` is the end entity, its last certificate
/// was issued by `anchor`; every signature has been checked.
pub(crate) fn path(
    anchor: &Anchor,
    path: &[&Certificate<'_>],
    budget: &mut Budget,
) -> Result<(), Error> {
    let mut state = State::initialise(anchor, path.len());
    let (end_entity, intermediates) = path.split_first().ok_or(Error::NoCertificate)?;
    for certificate in intermediates.iter().rev() {
        if !certificate.is_self_issued() {
            state.name_constraints(certificate, budget)?;
        }
        state.prepare_for_next(certificate)?;
    }
    state.name_constraints(end_entity, budget)
}

/// 6.1.2: the variables of path validation. Policies (6.1.2 (a), (d)-(f)) have their room here.
struct State<'a> {
    /// (k) max_path_length.
    max_path_length: usize,
    /// (b), (c): the subtrees of every CA so far; a name must satisfy each.
    constraints: Vec<&'a NameConstraints>,
}

impl<'a> State<'a> {
    fn initialise(anchor: &'a Anchor, path_length: usize) -> Self {
        let mut state = Self {
            max_path_length: path_length,
            constraints: Vec::new(),
        };
        state.constraints.extend(anchor.name_constraints());
        state.narrow(anchor.extensions());
        state
    }

    /// 6.1.3 (b), (c): the subject and its alternative names are inside every permitted subtree and
    /// outside every excluded one.
    fn name_constraints(
        &self,
        certificate: &Certificate<'_>,
        budget: &mut Budget,
    ) -> Result<(), Error> {
        let alternative: &[_] = certificate
            .profile
            .extensions
            .subject_alt_name
            .as_ref()
            .map_or(&[], GeneralNames::as_slice);
        for constraints in &self.constraints {
            constraints.check(&certificate.subject_name, alternative, budget)?;
        }
        Ok(())
    }

    /// 6.1.4 (g), (l), (m).
    fn prepare_for_next(&mut self, certificate: &'a Certificate<'_>) -> Result<(), Error> {
        if !certificate.is_self_issued() {
            self.max_path_length = self
                .max_path_length
                .checked_sub(1)
                .ok_or(Error::PathLenExceeded)?;
        }
        let extensions = &certificate.profile.extensions;
        self.constraints.extend(&extensions.name_constraints);
        self.narrow(Some(extensions));
        Ok(())
    }

    /// 6.1.4 (m): pathLenConstraint lowers max_path_length.
    fn narrow(&mut self, extensions: Option<&Extensions>) {
        let limit = extensions
            .and_then(|extensions| extensions.basic_constraints.as_ref())
            .and_then(|constraints| constraints.path_len_constraint);
        if let Some(limit) = limit {
            self.max_path_length = self.max_path_length.min(usize::from(limit));
        }
    }
}
