//! `netkit cert`, and the diagnosis of each near-miss, word by word.

use std::fmt::Write;

use netkit_tests::certificates::Files;
use netkit_tests::openssl;
use netkit_tests::process::run;
use netkit_tests::{Failed, Peer, Trial, ensure, trial};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber, date_time_ymd,
};

use crate::{Tested, netkit, text};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("cert/new_inspect_verify", &[], new_inspect_verify),
        trial("cert/new_with_openssl", &[Peer::OpenSsl], new_with_openssl),
        trial("cert/usage", &[], usage),
        trial("cert/ocsp_of_openssl", &[Peer::OpenSsl], ocsp_of_openssl),
    ];
    for (name, near_miss) in NEAR_MISSES {
        trials.push(trial(format!("cert/near_miss/{name}"), &[], near_miss));
    }
    trials
}

type Ca = CertifiedIssuer<'static, KeyPair>;

/// The time of every verdict.
const NOW: &str = "2030-01-01T00:00:00Z";

fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.use_authority_key_identifier_extension = true;
    params
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn root(name: &str) -> Result<Ca, Failed> {
    Ok(Ca::self_signed(ca_params(name), KeyPair::generate()?)?)
}

fn below(name: &str, issuer: &Ca) -> Result<Ca, Failed> {
    Ok(Ca::signed_by(
        ca_params(name),
        KeyPair::generate()?,
        issuer,
    )?)
}

fn leaf(
    issuer: &Ca,
    names: &[&str],
    edit: impl FnOnce(&mut CertificateParams),
) -> Result<String, Failed> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = named("a server");
    params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    edit(&mut params);
    Ok(params.signed_by(&KeyPair::generate()?, issuer)?.pem())
}

fn as_is(_: &mut CertificateParams) {}

/// `cert verify` of a chain under roots refuses, and says this on standard error.
fn refused(chain: &[&str], roots: &str, name: &str, more: &[&str], golden: &str) -> Tested {
    let place = tempfile::tempdir()?;
    let (file, trusted) = (
        place.path().join("chain.pem"),
        place.path().join("roots.pem"),
    );
    std::fs::write(&file, chain.concat())?;
    std::fs::write(&trusted, roots)?;
    let (file, trusted) = (text(&file), text(&trusted));
    let mut arguments = vec!["cert", "verify", &file, "--roots", &trusted, "--name", name];
    if !more.contains(&"--time") {
        arguments.extend(["--time", NOW]);
    }
    arguments.extend(more);
    let ended = netkit(&arguments)?;
    ensure!(ended.code() == Some(7) && ended.out.is_empty(), "{ended}");
    let told = ended.err.trim_end();
    ensure!(told == golden, "told:\n{told}\ninstead of:\n{golden}");
    Ok(())
}

type NearMiss = (&'static str, fn() -> Tested);

const NEAR_MISSES: [NearMiss; 14] = [
    ("intermediate_missing", || {
        let top = root("A root")?;
        let middle = below("A CA", &top)?;
        // id-ad-caIssuers: URI.
        let uri = b"http://ca.example/a.cer";
        let mut content = vec![0x30, 37, 0x30, 35, 6, 8, 43, 6, 1, 5, 5, 7, 48, 2, 0x86, 23];
        content.extend(uri);
        let access = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content);
        let leaf = leaf(&middle, &["a.example"], |params| {
            params.custom_extensions = vec![access];
        })?;
        refused(
            &[&leaf],
            &top.pem(),
            "a.example",
            &[],
            "netkit: certificate: no path leads from the certificate to a trusted root
  certificate: CN=a server
  missing issuer: CN=A CA
  it may be at: http://ca.example/a.cer
  the search, from the certificate up:
    CN=a server: nobody here issued it
  hint: the server may have left out an intermediate certificate, or the CA is private: trust its root",
        )
    }),
    ("root_not_in_the_store", || {
        let (top, other) = (root("A root")?, root("Another root")?);
        let middle = below("A CA", &top)?;
        refused(
            &[
                &leaf(&middle, &["a.example"], as_is)?,
                &middle.pem(),
                &top.pem(),
            ],
            &other.pem(),
            "a.example",
            &[],
            "netkit: certificate: the chain ends in a root that is not trusted
  certificate: CN=A root
  missing issuer: CN=A root
  the search, from the certificate up:
    CN=a server
      CN=A CA
        CN=A root: nobody here issued it
  hint: if this CA is yours, trust it as a root",
        )
    }),
    ("clock_skew", || {
        let top = root("A root")?;
        let leaf = leaf(&top, &["a.example"], |params| {
            params.not_before = date_time_ymd(2030, 1, 1);
        })?;
        refused(
            &[&leaf],
            &top.pem(),
            "a.example",
            &["--time", "2029-12-31T23:55:00Z"],
            "netkit: certificate: certificate not valid yet, it starts in 5 minutes (notBefore 2030-01-01)
  certificate: CN=a server
  hint: the two clocks may differ: this machine's is 5 minutes behind",
        )
    }),
    ("common_name_only", || {
        let top = root("A root")?;
        let leaf = leaf(&top, &[], |params| {
            params.distinguished_name = DistinguishedName::new();
            params
                .distinguished_name
                .push(DnType::CommonName, "a.example");
        })?;
        refused(
            &[&leaf],
            &top.pem(),
            "a.example",
            &[],
            "netkit: certificate: the certificate is not for a.example
  asked for: a.example
  it is for: no name at all
  hint: only the subject's common name says so, and that has no meaning any more (RFC 9525): issue it again with a subjectAltName",
        )
    }),
    ("one_label_off", || {
        let top = root("A root")?;
        refused(
            &[&leaf(&top, &["api.a.example", "b.example"], as_is)?],
            &top.pem(),
            "app.a.example",
            &[],
            "netkit: certificate: the certificate is not for app.a.example
  asked for: app.a.example
  it is for: api.a.example, b.example
  hint: the certificate is for api.a.example: one label differs",
        )
    }),
    ("expired_3_days_ago", || {
        let top = root("A root")?;
        let leaf = leaf(&top, &["a.example"], |params| {
            params.not_after = date_time_ymd(2029, 12, 29);
        })?;
        refused(
            &[&leaf],
            &top.pem(),
            "a.example",
            &[],
            "netkit: certificate: certificate expired 3 days ago (notAfter 2029-12-29)
  certificate: CN=a server
  hint: renew the certificate; if today is not 2030-01-01, set this machine's clock",
        )
    }),
    ("wildcard_too_deep", || {
        let top = root("A root")?;
        refused(
            &[&leaf(&top, &["*.a.example"], as_is)?],
            &top.pem(),
            "c.b.a.example",
            &[],
            "netkit: certificate: the certificate is not for c.b.a.example
  asked for: c.b.a.example
  it is for: *.a.example
  hint: a wildcard stands for exactly one label (RFC 9525 6.3)",
        )
    }),
    ("without_www", || {
        let top = root("A root")?;
        refused(
            &[&leaf(&top, &["www.a.example"], as_is)?],
            &top.pem(),
            "a.example",
            &[],
            "netkit: certificate: the certificate is not for a.example
  asked for: a.example
  it is for: www.a.example
  hint: the certificate is for www.a.example: ask for that",
        )
    }),
    ("an_address_asked_for", || {
        let top = root("A root")?;
        refused(
            &[&leaf(&top, &["a.example"], as_is)?],
            &top.pem(),
            "192.0.2.1",
            &[],
            "netkit: certificate: the certificate is not for 192.0.2.1
  asked for: 192.0.2.1
  it is for: a.example
  hint: an address needs an iPAddress in subjectAltName: ask for a name, or issue it again",
        )
    }),
    ("self_signed", || {
        let itself = {
            let mut params = named("a server");
            params.subject_alt_names =
                CertificateParams::new(vec!["a.example".to_owned()])?.subject_alt_names;
            params.self_signed(&KeyPair::generate()?)?.pem()
        };
        refused(
            &[&itself],
            &root("A root")?.pem(),
            "a.example",
            &[],
            "netkit: certificate: the certificate is signed by itself, and not trusted
  certificate: CN=a server
  missing issuer: CN=a server
  the search, from the certificate up:
    CN=a server: nobody here issued it
  hint: if it is yours, trust it as a root",
        )
    }),
    ("ca_made_anew", || {
        let (old, new) = (root("A root")?, root("A root")?);
        refused(
            &[&leaf(&old, &["a.example"], as_is)?],
            &new.pem(),
            "a.example",
            &[],
            "netkit: certificate: a signature does not verify
  the search, from the certificate up:
    CN=a server
      CN=A root, a root: did not sign the one before
  hint: a CA made anew under its old name has another key: trust the new one, or issue the certificate again",
        )
    }),
    ("expired_intermediate", || {
        let top = root("A root")?;
        let mut params = ca_params("A CA");
        params.not_after = date_time_ymd(2029, 12, 31);
        let middle = Ca::signed_by(params, KeyPair::generate()?, &top)?;
        refused(
            &[&leaf(&middle, &["a.example"], as_is)?, &middle.pem()],
            &top.pem(),
            "a.example",
            &[],
            "netkit: certificate: certificate expired 1 day ago (notAfter 2029-12-31)
  certificate: CN=A CA
  the search, from the certificate up:
    CN=a server
      CN=A CA: certificate expired 1 day ago (notAfter 2029-12-31)
  hint: renew the certificate; if today is not 2030-01-01, set this machine's clock",
        )
    }),
    ("for_clients_only", || {
        let top = root("A root")?;
        let leaf = leaf(&top, &["a.example"], |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })?;
        refused(
            &[&leaf],
            &top.pem(),
            "a.example",
            &[],
            "netkit: certificate: extKeyUsage does not allow this purpose
  certificate: CN=a server
  hint: a server's certificate needs extKeyUsage serverAuth and keyUsage digitalSignature, its CAs keyCertSign",
        )
    }),
    ("revoked", || {
        let top = root("A root")?;
        let serial = SerialNumber::from(7);
        let leaf = leaf(&top, &["a.example"], |params| {
            params.serial_number = Some(serial.clone());
        })?;
        let place = tempfile::tempdir()?;
        let list = place.path().join("list.crl");
        std::fs::write(&list, crl(&top, serial)?)?;
        refused(
            &[&leaf],
            &top.pem(),
            "a.example",
            &["--crl", &text(&list)],
            "netkit: certificate: certificate revoked on 2029-12-24: somebody else may have its key
  the search, from the certificate up:
    CN=a server
      CN=A root, a root
  hint: do not trust it; its holder needs a new certificate",
        )
    }),
];

/// A CRL of the last days of 2029 that has this serial number.
fn crl(issuer: &Ca, serial_number: SerialNumber) -> Result<String, Failed> {
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2029, 12, 25),
        next_update: date_time_ymd(2030, 1, 8),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number,
            revocation_time: date_time_ymd(2029, 12, 24),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Ok(params.signed_by(issuer)?.pem()?)
}

fn new_inspect_verify() -> Tested {
    let place = tempfile::tempdir()?;
    let file = |name: &str| text(&place.path().join(name));
    let (ca, server) = (file("ca.pem"), file("server.pem"));
    for (key_type, key) in [
        ("ecdsa", "ECDSA on P-256"),
        ("ed25519", "Ed25519"),
        ("rsa", "RSA of 2048 bits"),
    ] {
        let new = [
            "cert",
            "new",
            "a.example",
            "192.0.2.1",
            "--ca",
            &ca,
            "--key-type",
            key_type,
        ];
        let made = netkit(&new)?.ok()?;
        std::fs::write(&server, &made.out)?;
        netkit(&["cert", "inspect", &server])?.ok()?.says(&[
            "subject CN=a.example, serial ",
            "for     a.example, 192.0.2.1",
            "issuer  CN=netkit CA",
            "89 days left",
            key,
            "(2.5.29.37)",
        ])?;
        for name in ["a.example", "192.0.2.1"] {
            let verify = ["cert", "verify", &server, "--roots", &ca, "--name", name];
            for profile in ["path", "rfc5280"] {
                let verdict = netkit(&[&verify[..], &["--profile", profile]].concat())?.ok()?;
                verdict.says(&[
                    &format!("good for {name}"),
                    "CN=a.example, issued by CN=netkit CA",
                ])?;
            }
        }
        let wrong = netkit(&["cert", "verify", &server, "--roots", &ca, "--client"])?;
        ensure!(wrong.code() == Some(7), "{wrong}");
    }
    let client = file("client.pem");
    let new = [
        "cert",
        "new",
        "me.example",
        "--client",
        "--ca",
        &ca,
        "-o",
        &client,
    ];
    netkit(&new)?.ok()?;
    netkit(&["cert", "verify", &client, "--roots", &ca, "--client"])?.ok()?;
    ensure!(netkit(&new)?.code() == Some(3), "it overwrote a key");
    Ok(())
}

/// What is made here is read there, and a CA that was made there signs here.
fn new_with_openssl() -> Tested {
    let place = tempfile::tempdir()?;
    let file = |name: &str| text(&place.path().join(name));
    let (ca, key, leaf) = (file("ca.pem"), file("key.pem"), file("leaf.pem"));
    let request = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/C=XX/O=Acme & Co/CN=their CA",
        "-keyout",
        &key,
        "-out",
        &ca,
        "-addext",
        "basicConstraints=critical,CA:TRUE",
        "-addext",
        "keyUsage=critical,keyCertSign",
    ];
    run("openssl", request, b"")?.ok()?;
    let both = file("both.pem");
    std::fs::write(&both, [std::fs::read(&ca)?, std::fs::read(&key)?].concat())?;
    netkit(&[
        "cert",
        "new",
        "a.example",
        "--ca",
        &both,
        "--days",
        "1",
        "-o",
        &leaf,
    ])?
    .ok()?;
    let verify = [
        "verify",
        "-x509_strict",
        "-CAfile",
        &ca,
        "-verify_hostname",
        "a.example",
        &leaf,
    ];
    run("openssl", verify, b"")?.ok()?;
    netkit(&[
        "cert",
        "verify",
        &leaf,
        "--roots",
        &ca,
        "--name",
        "a.example",
    ])?
    .ok()?;
    Ok(())
}

fn usage() -> Tested {
    for (arguments, code) in [
        (&["cert"][..], 2),
        (&["cert", "new"], 2),
        (&["cert", "new", "a.example", "--days", "0"], 2),
        (&["cert", "inspect", "/nonexistent"], 3),
        (&["cert", "inspect", "https://name.invalid"], 5),
        (&["cert", "verify", "/nonexistent"], 3),
        (&["cert", "verify", "x", "--profile", "webpki"], 2),
        (&["cert", "inspect", "/proc/self/status"], 3),
    ] {
        let ended = netkit(arguments)?;
        ensure!(ended.code() == Some(code), "{arguments:?}: {ended}");
    }
    Ok(())
}

/// `openssl ocsp` answers for a good and for a revoked certificate: as the CA, as its delegate, and as one
/// who is neither. What a server staples is heard too.
fn ocsp_of_openssl() -> Tested {
    let place = tempfile::tempdir()?;
    let file = |name: &str| text(&place.path().join(name));
    let write = |name: &str, text: String| std::fs::write(file(name), text);
    let top = root("A root")?;
    write("ca.pem", top.pem())?;
    write("ca.key", top.key().serialize_pem())?;
    for (name, purpose) in [
        ("delegate", ExtendedKeyUsagePurpose::OcspSigning),
        ("neither", ExtendedKeyUsagePurpose::ServerAuth),
    ] {
        let mut params = named(name);
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate()?;
        write(&format!("{name}.pem"), params.signed_by(&key, &top)?.pem())?;
        write(&format!("{name}.key"), key.serialize_pem())?;
    }
    let mut index = String::new();
    for (nth, state) in [
        (1, "V\t400101000000Z\t"),
        (2, "R\t400101000000Z\t260101000000Z,keyCompromise"),
    ] {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(["localhost".to_owned()])?;
        params.serial_number = Some(SerialNumber::from(nth));
        write(&format!("{nth}.pem"), params.signed_by(&key, &top)?.pem())?;
        write(&format!("{nth}.key"), key.serialize_pem())?;
        writeln!(index, "{state}\t0{nth}\tunknown\t/CN=a server")?;
    }
    write("index.txt", index)?;
    for (nth, signer, code) in [
        (1, "ca", 0),
        (2, "ca", 7),
        (1, "delegate", 0),
        (2, "delegate", 7),
        (1, "neither", 7),
    ] {
        let leaf = file(&format!("{nth}.pem"));
        let response = ocsp_response(&file, &leaf, signer)?;
        let verify = [
            "cert",
            "verify",
            &leaf,
            "--roots",
            &file("ca.pem"),
            "--ocsp",
            &response,
        ];
        let verdict = netkit(&verify)?;
        ensure!(verdict.code() == Some(code), "{signer}: {verdict}");
        if signer == "neither" {
            verdict.says(&["nobody who may signed the CRL or OCSP response"])?;
            continue;
        }
        let stale = netkit(&[&verify[..], &["--time", NOW]].concat())?;
        ensure!(stale.code() == Some(7), "{stale}");
        stale.says(&["the CRL or OCSP response is not of this time"])?;

        let files = Files {
            certificate: leaf.into(),
            key: file(&format!("{nth}.key")).into(),
        };
        let server = openssl::server(&files, &["-www", "-status_file", &response])?;
        let url = format!("https://localhost:{}/", server.at.port());
        let get = netkit(&["get", "--cacert", &file("ca.pem"), &url])?;
        ensure!(get.code() == Some(code), "{get}");
        if code == 7 {
            get.says(&["certificate revoked on 2026-01-01"])?;
        }
    }
    Ok(())
}

/// Where the answer about a certificate was written.
fn ocsp_response(
    file: &dyn Fn(&str) -> String,
    leaf: &str,
    signer: &str,
) -> Result<String, Failed> {
    let (ca, request, response) = (file("ca.pem"), file("request"), file("response"));
    let ask = [
        "ocsp",
        "-issuer",
        &ca,
        "-cert",
        leaf,
        "-reqout",
        &request,
        "-no_nonce",
    ];
    run("openssl", ask, b"")?.ok()?;
    let (index, certificate, key) = (
        file("index.txt"),
        file(&format!("{signer}.pem")),
        file(&format!("{signer}.key")),
    );
    let answer = [
        "ocsp",
        "-index",
        &index,
        "-CA",
        &ca,
        "-rsigner",
        &certificate,
        "-rkey",
        &key,
        "-reqin",
        &request,
        "-respout",
        &response,
        "-ndays",
        "1",
    ];
    run("openssl", answer, b"")?.ok()?;
    Ok(response)
}
