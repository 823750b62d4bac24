//! Verifies a server's chain of certificates and says why not.
//!
//! `verify CHAIN.pem ROOTS.pem NAME` reads files; without arguments it makes a CA and three servers' certificates
//! in memory, of which one is good.

use netkit_x509::{CertificateDer, Roots, ServerName, UnixTime, diagnose};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls_pki_types::pem::PemObject;
use std::{
    env,
    error::Error,
    process::ExitCode,
    time::{Duration, SystemTime},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let now = UnixTime::since_unix_epoch(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?);
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [chain, roots, name] => {
            let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<Vec<_>, _>>()?;
            let mut trusted = Roots::new();
            for root in CertificateDer::pem_file_iter(roots)? {
                if let Err(error) = trusted.add(&root?) {
                    eprintln!("a root is skipped: {error}");
                }
            }
            let good = verify(&trusted, &chain, name, now)?;
            Ok(if good {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        [] => in_memory(now),
        _ => Err("usage: verify [CHAIN.pem ROOTS.pem NAME]".into()),
    }
}

/// Prints the verdict.
fn verify(
    roots: &Roots,
    chain: &[CertificateDer<'_>],
    name: &str,
    now: UnixTime,
) -> Result<bool, Box<dyn Error>> {
    let server = ServerName::try_from(name)?;
    match roots.verify_server(chain, &server, now) {
        Ok(()) => {
            println!("{name}: good");
            Ok(true)
        }
        Err(error) => {
            println!("{name}: {}", diagnose(chain, roots, &server, now, error));
            Ok(false)
        }
    }
}

/// A good certificate, one that is asked for another name, and one that has expired.
fn in_memory(now: UnixTime) -> Result<ExitCode, Box<dyn Error>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "a CA in memory");
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let mut roots = Roots::new();
    roots.add(ca.der())?;

    let params = CertificateParams::new(["www.example.com".to_owned()])?;
    let mut old = params.clone();
    old.not_after = (SystemTime::now() - 3 * DAY).into();
    let good = params.signed_by(&KeyPair::generate()?, &ca)?;
    let expired = old.signed_by(&KeyPair::generate()?, &ca)?;
    let verdicts = [
        verify(&roots, &[good.der().clone()], "www.example.com", now)?,
        verify(&roots, &[good.der().clone()], "example.com", now)?,
        verify(&roots, &[expired.der().clone()], "www.example.com", now)?,
    ];
    Ok(if verdicts == [true, false, false] {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
