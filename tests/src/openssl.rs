//! `openssl s_server` and `s_client`.

use std::net::SocketAddr;
use std::path::Path;

use libtest_mimic::Failed;

use crate::certificates::Files;
use crate::process::Running;

/// TLS 1.3's suites, as OpenSSL and RFC 9846 call them.
pub const SUITES: [&str; 3] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

/// Groups: OpenSSL's name for options, and the words that it reports each with.
pub const GROUPS: [(&str, &str); 3] = [
    ("X25519", "X25519, 253 bits"),
    ("P-256", "ECDH, prime256v1, 256 bits"),
    ("P-384", "ECDH, secp384r1, 384 bits"),
];

/// An `s_server` and where it listens.
pub struct Server {
    /// The process.
    pub running: Running,
    /// Where it listens.
    pub at: SocketAddr,
}

/// Starts `s_server` on any port, with these options besides.
pub fn server(files: &Files, options: &[&str]) -> Result<Server, Failed> {
    let path = |path: &Path| path.display().to_string();
    let (certificate, key) = (path(&files.certificate), path(&files.key));
    let mut arguments = vec![
        "s_server",
        "-accept",
        "127.0.0.1:0",
        "-cert",
        &certificate,
        "-key",
        &key,
    ];
    arguments.extend(options);
    let running = Running::start("openssl", arguments)?;
    let at = running.line_after("ACCEPT ")?.parse()?;
    Ok(Server { running, at })
}

/// Starts `s_client` towards `at`, as `localhost`, trusting `ca`, with these options besides.
pub fn client(at: SocketAddr, ca: &Path, options: &[&str]) -> Result<Running, Failed> {
    let (at, ca) = (at.to_string(), ca.display().to_string());
    let mut arguments = vec![
        "s_client",
        "-connect",
        &at,
        "-CAfile",
        &ca,
        "-verify_return_error",
    ];
    if !options.iter().any(|option| option.ends_with("servername")) {
        arguments.extend(["-servername", "localhost"]);
    }
    arguments.extend(options);
    Running::start("openssl", arguments)
}
