//! `netkit cert verify`: a verdict on a chain, and why.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netkit::x509::{Diagnosis, Error, Identity, Inputs, Path, Profile, Revocation, Roots};
use netkit::{CertificateDer, ServerName, UnixTime};
use rustls_pki_types::CertificateRevocationListDer;

use super::{read, sections};
use crate::args::{ProfileName, Verify};
use crate::certificate::Certificate;
use crate::exit::Failure;

pub(crate) fn run(args: &Verify) -> Result<(), Failure> {
    let chain: Vec<CertificateDer<'static>> = sections::<CertificateDer<'_>>(&args.file)?
        .into_iter()
        .map(CertificateDer::from)
        .collect();
    let roots = roots(args)?;
    let name = args
        .name
        .as_ref()
        .map(|name| {
            ServerName::try_from(name.as_str())
                .map_err(|error| Failure::usage(format!("--name {name}: {error}")))
        })
        .transpose()?;
    let identity = name.as_ref().map(Identity::Server);
    let mut lists = Vec::new();
    for file in &args.crl {
        lists.extend(sections::<CertificateRevocationListDer<'_>>(file)?);
    }
    let responses: Vec<Vec<u8>> = args
        .ocsp
        .iter()
        .map(|file| read(file))
        .collect::<Result<_, _>>()?;
    let (lists, responses) = (slices(&lists), slices(&responses));
    let inputs = inputs(args, &lists, &responses)?;
    match judge(&roots, &chain, identity.as_ref(), &inputs) {
        Ok(path) => {
            tell(&path, args);
            Ok(())
        }
        Err(error) => {
            let diagnosis = Diagnosis::of(&chain, &roots, identity.as_ref(), &inputs, error);
            Err(Failure::certificate(diagnosis))
        }
    }
}

fn slices(owned: &[Vec<u8>]) -> Vec<&[u8]> {
    owned.iter().map(Vec::as_slice).collect()
}

fn judge<'c>(
    roots: &Roots,
    chain: &'c [CertificateDer<'_>],
    identity: Option<&Identity<'_>>,
    inputs: &Inputs<'_>,
) -> Result<Path<'c>, Error> {
    let path = roots.verify(chain, inputs)?;
    if let Some(identity) = identity {
        path.is_for(identity)?;
    }
    Ok(path)
}

fn roots(args: &Verify) -> Result<Roots, Failure> {
    let Some(file) = &args.roots else {
        return Ok(netkit::roots::system()?);
    };
    let profile = match args.profile {
        ProfileName::Path => Profile::Path,
        ProfileName::Rfc5280 => Profile::Rfc5280,
        ProfileName::Webpki => Profile::WebPki,
    };
    let mut roots = Roots::new();
    for root in sections::<CertificateDer<'_>>(file)? {
        roots
            .add_under(profile, &root)
            .map_err(|error| Failure::certificate(format!("{}: {error}", file.display())))?;
    }
    Ok(roots)
}

fn inputs<'a>(
    args: &Verify,
    lists: &'a [&'a [u8]],
    responses: &'a [&'a [u8]],
) -> Result<Inputs<'a>, Failure> {
    let now = match &args.time {
        Some(text) => seconds(text).ok_or_else(|| {
            Failure::usage(format!(
                "--time {text}: wants YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ"
            ))
        })?,
        None => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default(),
    };
    let now = UnixTime::since_unix_epoch(now);
    let mut inputs = if args.client {
        Inputs::client(now)
    } else {
        Inputs::server(now)
    };
    if !lists.is_empty() || !responses.is_empty() {
        inputs.revocation = Some(Revocation::new(lists, responses));
    }
    Ok(inputs)
}

/// A date, or a date and a time in UTC (RFC 3339), since the Unix epoch.
fn seconds(text: &str) -> Option<Duration> {
    let text = if text.len() == 10 {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    let date: x509_cert::der::DateTime = text.parse().ok()?;
    Some(date.unix_duration())
}

/// The path, from the certificate to the one that a root issued.
fn tell(path: &Path<'_>, args: &Verify) {
    let for_whom = args.name.as_deref().map(|name| format!(" for {name}"));
    crate::say(&format!("good{}", for_whom.unwrap_or_default()));
    for der in path.certificates() {
        if let Some(certificate) = Certificate::read(der) {
            crate::say(&format!(
                "  {}, issued by {}",
                certificate.subject, certificate.issuer
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::seconds;
    use std::time::Duration;

    #[test]
    fn times_are_dates_with_or_without_a_clock() {
        let day = Some(Duration::from_secs(1_893_456_000));
        assert_eq!(seconds("2030-01-01"), day);
        assert_eq!(seconds("2030-01-01T00:00:00Z"), day);
        for bad in ["", "2030-13-01", "tomorrow", "2030-01-01T00:00:00"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
