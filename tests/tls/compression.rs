//! Compressed certificates, against tlslite-ng: both sides', in both directions.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use netkit::Client;
use netkit::tls::{Brotli, CertificateCompression, ClientAuth, ClientConfig, Identity, Zlib};
use netkit_tests::certificates::{Authority, Key, Leaf};
use netkit_tests::ours::{Ours, block_on};
use netkit_tests::process::{PATIENCE, run};
use netkit_tests::{Failed, Peer, Running, Trial, ensure, trial, venv};

use crate::Tested;

pub(crate) fn trials() -> Vec<Trial> {
    let algorithms: [(_, Arc<dyn CertificateCompression>); 2] =
        [("brotli", Arc::new(Brotli)), ("zlib", Arc::new(Zlib))];
    let both = algorithms.map(|(name, algorithm)| {
        let same = Arc::clone(&algorithm);
        [
            trial(
                format!("server/compressed_certificates/{name}"),
                &[Peer::Python],
                move || server_and_client_compress(name, algorithm),
            ),
            trial(
                format!("client/compressed_certificates/{name}"),
                &[Peer::Python],
                move || client_and_server_compress(name, same),
            ),
        ]
    });
    both.into_iter().flatten().collect()
}

/// A chain of two, which has something that repeats.
struct Chain {
    identity: Arc<Identity>,
    certificates: PathBuf,
    key: PathBuf,
}

fn chain(
    ca: &Authority,
    leaf: &Leaf,
    folder: &Path,
    algorithm: &Arc<dyn CertificateCompression>,
) -> Result<Chain, Failed> {
    std::fs::create_dir_all(folder)?;
    let files = leaf.write(folder)?;
    let both = [&files.certificate, &ca.write(folder)?].map(std::fs::read_to_string);
    let [leaf, above] = both;
    std::fs::write(&files.certificate, leaf? + &above?)?;
    let identity = netkit::identity::pem_files(&files.certificate, &files.key)?;
    Ok(Chain {
        identity: Arc::new(identity.with_compression(vec![Arc::clone(algorithm)])),
        certificates: files.certificate,
        key: files.key,
    })
}

fn tlslite() -> Result<PathBuf, Failed> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("strangers/python");
    venv::python(
        &folder,
        "tlslite-ng",
        &["tlslite-ng==0.9.0b2", "brotli>=1.1,<2"],
    )
}

fn words(role: &str, port: &str, algorithm: &str, shown: &Chain) -> [String; 6] {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tls/compression.py");
    let text = |path: &Path| path.display().to_string();
    [
        text(&script),
        role.to_owned(),
        port.to_owned(),
        algorithm.to_owned(),
        text(&shown.certificates),
        text(&shown.key),
    ]
}

fn said(name: &str) -> [String; 2] {
    ["server", "client"].map(|side| format!("{side}'s certificates: 2 {name}"))
}

fn server_and_client_compress(name: &str, algorithm: Arc<dyn CertificateCompression>) -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let server = ca.localhost(Key::P256)?;
    let ours = chain(&ca, &server, &place.path().join("server"), &algorithm)?;
    let client = ca.client(Key::P256, "a-client")?;
    let theirs = chain(&ca, &client, &place.path().join("client"), &algorithm)?;
    let mut auth = ClientAuth::required(ca.roots()?);
    auth.certificate_compression = vec![algorithm];
    let identity = ours.identity;
    let ours = Ours::https(&server, |config| {
        config.identities = vec![identity];
        config.client_auth = Some(auth);
    })?;
    let port = ours.at.port().to_string();
    let ended = run(tlslite()?, words("client", &port, name, &theirs), b"")?.ok()?;
    let [of_server, of_client] = said(name);
    ended.says(&["page: HTTP/1.1 200 OK", &of_server, &of_client])
}

fn client_and_server_compress(name: &str, algorithm: Arc<dyn CertificateCompression>) -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let server = ca.localhost(Key::P256)?;
    let theirs = chain(&ca, &server, &place.path().join("server"), &algorithm)?;
    let client = ca.client(Key::P256, "a-client")?;
    let ours = chain(&ca, &client, &place.path().join("client"), &algorithm)?;
    let mut config = ClientConfig::new(ca.roots()?);
    config.certificate_compression = vec![algorithm];
    config.identities = vec![ours.identity];
    let peer = Running::start(tlslite()?, words("server", "-", name, &theirs))?;
    let port = peer.line_after("port: ")?;
    let client = Client::builder().tls(config).build()?;
    let response = block_on(client.get(&format!("https://localhost:{port}/")));
    // What it says tells more than what we have seen of it.
    let ended = peer.wait_within(PATIENCE)?.ok()?;
    ensure!(response?.status() == 204, "another answer");
    let [of_server, of_client] = said(name);
    ended.says(&[&of_server, &of_client])
}
