//! Certificates and signatures on P-521, against OpenSSL: a chain that it made.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use netkit::tls::{ClientAuth, ClientConfig, Identity, NamedGroup, SignatureScheme};
use netkit::{CertificateDer, Client, Error};
use netkit_tests::certificates::{Authority, Files, Key};
use netkit_tests::ours::{Ours, block_on};
use netkit_tests::process::run;
use netkit_tests::{Failed, Trial, ensure, openssl, trial};
use netkit_x509::Roots;
use rustls_pki_types::pem::PemObject;

use crate::{OPENSSL, Page, Tested, get};

pub(crate) fn trials() -> Vec<Trial> {
    let one = |name: &str, test: fn() -> Tested| trial(name, OPENSSL, test);
    vec![
        one("server/certificate/P-521", server_signs),
        one("server/client_certificate/P-521", server_verifies),
        one("client/certificate/P-521", || {
            client_verifies("-tls1_3", "TLSv1.3")
        }),
        one("client/certificate/P-521/tls1.2", || {
            client_verifies("-tls1_2", "TLSv1.2")
        }),
        one("client/certificate/P-521/unnamed", client_has_not_named_it),
    ]
}

/// A root and a certificate for `localhost`, all on P-521 and signed with SHA-512.
struct Chain {
    files: Files,
    ca: PathBuf,
}

fn chain(folder: &Path) -> Result<Chain, Failed> {
    let path = |name: &str| folder.join(name).display().to_string();
    let (ca, ca_key, request) = (path("ca.pem"), path("ca.key"), path("request.pem"));
    let (certificate, key, extensions) = (path("cert.pem"), path("key.pem"), path("extensions"));
    std::fs::write(
        &extensions,
        "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nsubjectAltName=DNS:localhost\n",
    )?;
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-521 -nodes -sha512";
    let commands = [
        format!("req -x509 {new} -subj /CN=P-521 -days 30 -keyout {ca_key} -out {ca}"),
        format!("req {new} -subj /CN=localhost -keyout {key} -out {request}"),
        format!(
            "x509 -req -in {request} -CA {ca} -CAkey {ca_key} -CAcreateserial -sha512 -days 30 \
             -extfile {extensions} -out {certificate}"
        ),
    ];
    for command in commands {
        run("openssl", command.split(' '), b"")?.ok()?;
    }
    Ok(Chain {
        files: Files {
            certificate: certificate.into(),
            key: key.into(),
        },
        ca: ca.into(),
    })
}

impl Chain {
    fn identity(&self) -> Result<Identity, Failed> {
        Ok(netkit::identity::pem_files(
            &self.files.certificate,
            &self.files.key,
        )?)
    }

    fn roots(&self) -> Result<Roots, Failed> {
        let mut roots = Roots::new();
        roots.add(&CertificateDer::from_pem_file(&self.ca)?)?;
        Ok(roots)
    }
}

const SCHEME: SignatureScheme = SignatureScheme::ECDSA_SECP521R1_SHA512;

fn server_signs() -> Tested {
    let place = tempfile::tempdir()?;
    let chain = chain(place.path())?;
    let identity = chain.identity()?;
    let leaf = Authority::new("not asked")?.localhost(Key::P256)?;
    let ours = Ours::https(&leaf, |config| config.identities = vec![Arc::new(identity)])?;
    for version in ["-tls1_3", "-tls1_2"] {
        let mut client = openssl::client(ours.at, &chain.ca, &[version])?;
        let _ = client.type_in(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        client.wait()?.ok()?.says(&[
            "Peer signing digest: SHA512",
            "Peer signature type: ECDSA",
            "Verify return code: 0 (ok)",
            "HTTP/1.1 200 OK",
        ])?;
    }
    Ok(())
}

fn server_verifies() -> Tested {
    let place = tempfile::tempdir()?;
    let chain = chain(place.path())?;
    let ca = Authority::new("a test CA")?;
    let roots = Arc::new(chain.roots()?);
    let ours = Ours::https(&ca.localhost(Key::P256)?, |config| {
        let mut auth = ClientAuth::required(roots);
        auth.signature_schemes.push(SCHEME);
        config.client_auth = Some(auth);
    })?;
    let path = |path: &Path| path.display().to_string();
    let (cert, key) = (path(&chain.files.certificate), path(&chain.files.key));
    let ca = ca.write(place.path())?;
    for version in ["-tls1_3", "-tls1_2"] {
        let options = [version, "-cert", &cert, "-key", &key];
        let mut client = openssl::client(ours.at, &ca, &options)?;
        let _ = client.type_in(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        client
            .wait()?
            .ok()?
            .says(&["Verify return code: 0 (ok)", "HTTP/1.1 200 OK"])?;
    }
    Ok(())
}

/// `s_server -www` that shows the chain, and one of our clients that asks it for `/`.
fn asks(
    options: &[&str],
    configure: fn(&mut ClientConfig),
) -> Result<(openssl::Server, Result<Page, Error>), Failed> {
    let place = tempfile::tempdir()?;
    let chain = chain(place.path())?;
    let server = openssl::server(&chain.files, &[&["-www"], options].concat())?;
    let client = Client::builder()
        .roots(chain.roots()?)
        .configure_tls(configure)
        .build()?;
    let got = block_on(get(&client, server.at, "localhost"));
    Ok((server, got))
}

fn client_verifies(option: &str, version: &str) -> Tested {
    let (_server, page) = asks(&[option], |config| {
        config.signature_schemes.push(SCHEME);
        config.groups.push(NamedGroup::SECP521R1);
    })?;
    let words = format!("New, {version}, Cipher is");
    let text = page?.text;
    ensure!(text.contains(&words), "no {words:?} in {text}");
    Ok(())
}

fn client_has_not_named_it() -> Tested {
    let (server, got) = asks(&["-tls1_3"], |_| ())?;
    ensure!(got.is_err());
    server.running.complains("no suitable signature algorithm")
}
