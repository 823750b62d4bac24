//! Chains of all kinds, judged by netkit under RFC 5280's profile and by `openssl verify -x509_strict`: the
//! two agree, or the difference has RFC words.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use netkit_tests::{Failed, Peer, ensure, trial};
use netkit_x509::{CertificateDer, Error, Profile, Roots, ServerName, UnixTime};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, SanType, SerialNumber, date_time_ymd,
};

const CHAINS: u64 = 1_000;

const HOST: &str = "www.a.example";

/// 2030-01-01T00:00:00Z.
const NOW: u64 = 1_893_456_000;

fn main() {
    let name = format!("{CHAINS}_chains_are_judged_alike");
    netkit_tests::run(vec![trial(name, &[Peer::OpenSsl], agree)]);
}

/// Chance that a seed repeats (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// True once in so many times.
    fn one_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times)
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[(self.next() % of.len() as u64) as usize].clone()
    }
}

/// The leaf first, the root last; and what the leaf was made of.
struct Chain {
    certificates: Vec<rcgen::Certificate>,
    leaf: CertificateParams,
}

/// Several kinds of oddity are rare enough that about half of the chains are good.
fn chain(chance: &mut Chance, keys: &[KeyPair]) -> Result<Chain, Failed> {
    let intermediates = chance.pick(&[0, 1, 1, 2, 2, 3]);
    let mut certificates = Vec::new();
    let root = authority(chance, "root", 0);
    certificates.push(root.self_signed(&keys[0])?);
    let mut issuer = (root, 0);
    for nth in 1..=intermediates {
        let name = match chance.next() % 12 {
            0 => "root".to_owned(),
            _ => format!("ca {nth}"),
        };
        let params = authority(chance, &name, nth);
        let signer = Issuer::from_params(&issuer.0, &keys[issuer.1]);
        let certificate = params.signed_by(&keys[nth], &signer)?;
        certificates.insert(0, certificate);
        issuer = (params, nth);
    }
    let wrong_key = chance.one_in(25);
    let key = if wrong_key { keys.len() - 1 } else { issuer.1 };
    let signer = Issuer::from_params(&issuer.0, &keys[key]);
    let leaf = server(chance);
    certificates.insert(0, leaf.signed_by(&keys[keys.len() - 2], &signer)?);
    if chance.one_in(20) && certificates.len() > 2 {
        certificates.remove(1);
    }
    Ok(Chain { certificates, leaf })
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority(chance: &mut Chance, name: &str, depth: usize) -> CertificateParams {
    let mut params = named(name);
    params.serial_number = Some(SerialNumber::from(chance.next() >> 1 | 1));
    params.is_ca = match chance.next() % 30 {
        0 => IsCa::ExplicitNoCa,
        1 => IsCa::NoCa,
        2..=9 => IsCa::Ca(BasicConstraints::Constrained((chance.next() % 3) as u8)),
        _ => IsCa::Ca(BasicConstraints::Unconstrained),
    };
    params.key_usages = match chance.next() % 30 {
        0 => vec![],
        1 => vec![KeyUsagePurpose::CrlSign],
        _ => vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
    };
    params.use_authority_key_identifier_extension = depth == 0 || !chance.one_in(30);
    params.extended_key_usages = purposes(chance, &[30, 6]);
    if chance.one_in(5) {
        let domains = |chance: &mut Chance| {
            let domain = chance.pick(&["a.example", "www.a.example", "b.example", "example"]);
            vec![GeneralSubtree::DnsName(domain.into())]
        };
        let constraints = NameConstraints {
            permitted_subtrees: domains(chance),
            excluded_subtrees: vec![],
        };
        params.name_constraints = Some(if chance.one_in(4) {
            NameConstraints {
                excluded_subtrees: constraints.permitted_subtrees,
                permitted_subtrees: vec![],
            }
        } else {
            constraints
        });
    }
    dates(chance, &mut params);
    params.custom_extensions = policies(chance);
    oddity(chance, &mut params);
    params
}

fn server(chance: &mut Chance) -> CertificateParams {
    let mut params = named("a server");
    let names = chance.pick(&[
        &["www.a.example"][..],
        &["www.a.example", "b.example"],
        &["*.a.example"],
        &["*.example"],
        &["a.example"],
        &["WWW.A.EXAMPLE"],
        &[],
    ]);
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    if let Ok(with_names) = CertificateParams::new(names) {
        params.subject_alt_names = with_names.subject_alt_names;
    }
    params.key_usages = match chance.next() % 12 {
        0 => vec![],
        1 => vec![KeyUsagePurpose::KeyAgreement],
        2 => vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ],
        _ => vec![KeyUsagePurpose::DigitalSignature],
    };
    params.extended_key_usages = purposes(chance, &[12, 2]);
    params.use_authority_key_identifier_extension = !chance.one_in(30);
    dates(chance, &mut params);
    params.custom_extensions = policies(chance);
    oddity(chance, &mut params);
    params
}

/// clientAuth once in so many times, else serverAuth once in so many, else none.
fn purposes(chance: &mut Chance, times: &[u64; 2]) -> Vec<ExtendedKeyUsagePurpose> {
    if chance.one_in(times[0]) {
        vec![ExtendedKeyUsagePurpose::ClientAuth]
    } else if chance.one_in(times[1]) {
        vec![ExtendedKeyUsagePurpose::ServerAuth]
    } else {
        vec![]
    }
}

fn dates(chance: &mut Chance, params: &mut CertificateParams) {
    if chance.one_in(40) {
        params.not_after = date_time_ymd(2029, 12, 31);
    }
    if chance.one_in(40) {
        params.not_before = date_time_ymd(2030, 1, 2);
    }
}

/// Policies 1.2.3.1 and 1.2.3.2 or anyPolicy; now and then one is required, or mapped.
fn policies(chance: &mut Chance) -> Vec<CustomExtension> {
    const ANY: &[u8] = &[0x30, 8, 0x30, 6, 6, 4, 0x55, 0x1d, 0x20, 0];
    const ONE: &[u8] = &[0x30, 7, 0x30, 5, 6, 3, 0x2a, 3, 1];
    const TWO: &[u8] = &[0x30, 7, 0x30, 5, 6, 3, 0x2a, 3, 2];
    let mut extensions = Vec::new();
    let mut add = |arc, critical, value: &[u8]| {
        let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, arc], value.to_vec());
        extension.set_criticality(critical);
        extensions.push(extension);
    };
    let listed = chance.pick(&[ANY, ONE, ONE, ONE, TWO, &[]]);
    if !listed.is_empty() {
        add(32, false, listed);
    }
    if chance.one_in(6) {
        let skip = (chance.next() % 3) as u8;
        add(36, true, &[0x30, 3, 0x80, 1, skip]);
    }
    if chance.one_in(8) && listed == ONE {
        add(
            33,
            true,
            &[0x30, 12, 0x30, 10, 6, 3, 0x2a, 3, 1, 6, 3, 0x2a, 3, 2],
        );
    }
    if chance.one_in(10) {
        let skip = (chance.next() % 3) as u8;
        add(54, true, &[2, 1, skip]);
    }
    extensions
}

/// An extension that nobody knows, critical once in two times.
fn oddity(chance: &mut Chance, params: &mut CertificateParams) {
    if chance.one_in(20) {
        let mut unknown =
            CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 55_738], vec![5, 0]);
        unknown.set_criticality(chance.one_in(2));
        params.custom_extensions.push(unknown);
    }
}

fn ours(chain: &Chain) -> Result<(), Error> {
    let mut roots = Roots::new();
    let (root, sent) = chain
        .certificates
        .split_last()
        .ok_or(Error::NoCertificate)?;
    roots.add_under(Profile::Rfc5280, root.der())?;
    let sent: Vec<CertificateDer<'_>> = sent.iter().map(|c| c.der().clone()).collect();
    let name = ServerName::try_from(HOST).map_err(|_| Error::NameMismatch)?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    roots.verify_server(&sent, &name, now)
}

/// `openssl verify`: nothing, or what it complains of.
fn theirs(chain: &Chain, place: &Path) -> Result<Result<(), String>, Failed> {
    let file = |name: &str| place.join(name).display().to_string();
    let (root, sent) = chain.certificates.split_last().ok_or("no root")?;
    let (leaf, pool) = sent.split_first().ok_or("no leaf")?;
    std::fs::write(file("root.pem"), root.pem())?;
    std::fs::write(file("leaf.pem"), leaf.pem())?;
    let pool: String = pool.iter().map(rcgen::Certificate::pem).collect();
    std::fs::write(file("pool.pem"), &pool)?;
    let (roots, others, leaf) = (file("root.pem"), file("pool.pem"), file("leaf.pem"));
    let mut verify = Command::new("openssl");
    verify
        .args([
            "verify",
            "-x509_strict",
            // Of any-policy: without a policy it takes the user to accept none.
            "-policy",
            "2.5.29.32.0",
            "-purpose",
            "sslserver",
        ])
        .args(["-verify_hostname", HOST, "-attime", &NOW.to_string()])
        .args(["-no-CApath", "-no-CAstore", "-CAfile", &roots]);
    if !pool.is_empty() {
        verify.args(["-untrusted", &others]);
    }
    let ended = verify.arg(&leaf).stdin(Stdio::null()).output()?;
    if ended.status.success() {
        return Ok(Ok(()));
    }
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let first = said.lines().find(|line| line.contains(" error "));
    Ok(Err(first.unwrap_or(&said).to_owned()))
}

/// The words of an RFC for a difference.
fn explained(chain: &Chain, ours: Result<(), Error>) -> Option<&'static str> {
    let Chain { leaf, .. } = chain;
    let wildcard =
        |name: &SanType| matches!(name, SanType::DnsName(name) if name.as_str().starts_with('*'));
    match ours {
        Err(Error::KeyUsageNotAllowed) if leaf.key_usages == [KeyUsagePurpose::KeyAgreement] => {
            Some("RFC 9846 4.4.2.2: the digitalSignature bit MUST be set if keyUsage is present")
        }
        Err(Error::NameConstraintViolation) if leaf.subject_alt_names.iter().any(wildcard) => Some(
            "RFC 5280 4.2.1.10: any name matching an excluded subtree is invalid; a wildcard stands for it",
        ),
        _ => None,
    }
}

fn agree() -> Result<(), Failed> {
    let keys: Vec<KeyPair> = (0..6)
        .map(|_| KeyPair::generate())
        .collect::<Result<_, _>>()?;
    let place = tempfile::tempdir()?;
    let (mut good, mut differences) = (0, Vec::new());
    for seed in 0..CHAINS {
        let chain = chain(&mut Chance(seed), &keys)?;
        let (ours, theirs) = (ours(&chain), theirs(&chain, place.path())?);
        good += u64::from(ours.is_ok());
        if ours.is_ok() != theirs.is_ok() && explained(&chain, ours).is_none() {
            differences.push(format!("seed {seed}: netkit {ours:?}, openssl {theirs:?}"));
        }
    }
    ensure!(
        differences.is_empty(),
        "{} differences\n{}",
        differences.len(),
        differences.join("\n")
    );
    ensure!(
        (CHAINS / 10..CHAINS * 9 / 10).contains(&good),
        "{good} of {CHAINS} chains are good: too one-sided to tell anything"
    );
    Ok(())
}
