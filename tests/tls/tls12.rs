//! TLS 1.2 against OpenSSL, GnuTLS and curl, in both directions.

use std::sync::Arc;

use netkit::tls::{
    ClientConfig, Connection, Error, NamedGroup, Presented, ProtocolVersion, ServerConfig,
    ServerVerifier, Versions,
};
use netkit::{ServerName, UnixTime};
use netkit_tests::certificates::{Authority, Key};
use netkit_tests::openssl;
use netkit_tests::ours::Ours;
use netkit_tests::process::{Ended, Running, run};
use netkit_tests::tls_cases::random;
use netkit_tests::{Failed, Peer, Trial, ensure, trial};
use netkit_x509::KeyUsage;

use crate::{OPENSSL, Page, Tested, asked, asks, refusal, suite};

/// The suites: their registered names, OpenSSL's, GnuTLS's, and the keys that serve them.
#[rustfmt::skip]
const SUITES: [(&str, &str, &str, &[Key]); 6] = [
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA:+AES-128-GCM", ECDSA),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA:+AES-256-GCM", ECDSA),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA:+CHACHA20-POLY1305", ECDSA),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA:+AES-128-GCM", RSA),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA:+AES-256-GCM", RSA),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA:+CHACHA20-POLY1305", RSA),
];
const ECDSA: &[Key] = &[Key::P256, Key::P384, Key::Ed25519];
const RSA: &[Key] = &[Key::Rsa];

/// The suites of RSA key transport.
const TRANSPORT: [(&str, &str); 2] = [
    ("TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
    ("TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
];

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, openssl, gnutls, keys) in SUITES {
        for &key in keys {
            trials.push(trial(
                format!("tls1.2/server/{name}/{key:?}"),
                OPENSSL,
                move || server_speaks(name, openssl, key),
            ));
            trials.push(trial(
                format!("tls1.2/client/{name}/{key:?}"),
                OPENSSL,
                move || client_speaks(name, openssl, key),
            ));
        }
        trials.push(trial(
            format!("tls1.2/server/{name}/gnutls"),
            &[Peer::GnuTls],
            move || gnutls_asks(gnutls, keys[0]),
        ));
    }
    for (name, openssl) in TRANSPORT {
        trials.push(trial(format!("tls1.2/server/{name}"), OPENSSL, move || {
            server_decrypts(openssl)
        }));
        trials.push(trial(format!("tls1.2/client/{name}"), OPENSSL, move || {
            client_encrypts(name, openssl)
        }));
    }
    let one = |name: &str, test: fn() -> Tested| trial(name, OPENSSL, test);
    trials.extend([
        one("tls1.2/server/pkcs1_signature", server_signs_as_of_old),
        one("tls1.2/client/pkcs1_signature", client_verifies_as_of_old),
        one(
            "tls1.2/server/no_key_transport",
            server_has_no_key_transport,
        ),
        one(
            "tls1.2/client/no_key_transport",
            client_has_no_key_transport,
        ),
        one("tls1.2/server/renegotiation", server_declines),
        one("tls1.2/server/fallback_scsv", server_refuses_a_fallback),
        one("tls1.2/client/server_has_more", client_has_no_more),
        one("tls1.2/server/alpn", server_agrees_on_a_protocol),
        one("tls1.2/server/bad_ciphertexts", bad_looks_like_good),
        trial("tls1.2/server/curl", &[Peer::Curl], curl_asks),
    ]);
    trials
}

/// A server that has both versions is asked for TLS 1.2.
fn server_speaks(name: &str, cipher: &str, key: Key) -> Tested {
    let (_ours, client) = asked(key, |_| (), &["-tls1_2", "-cipher", cipher])?;
    let new = format!("New, TLSv1.2, Cipher is {cipher}");
    let saw = format!("TLS 1.2 {name} ");
    client.ok()?.says(&[
        &new,
        "Secure Renegotiation IS supported",
        "Extended master secret: yes",
        "Verify return code: 0 (ok)",
        &saw,
    ])?;
    Ok(())
}

fn client_speaks(name: &'static str, cipher: &str, key: Key) -> Tested {
    // TLS 1.3 is offered too, and the server has it not.
    let (_server, page) = asks(key, &["-tls1_2", "-cipher", cipher], move |config| {
        config.cipher_suites.retain(|ours| {
            *ours == suite(name) || ours.name().is_some_and(|name| !name.contains("WITH"))
        });
    })?;
    spoken(&page?, cipher)
}

fn spoken(page: &Page, cipher: &str) -> Tested {
    let new = format!("New, TLSv1.2, Cipher is {cipher}\n");
    for words in [
        &new,
        "Secure Renegotiation IS supported",
        "Extended master secret: yes",
    ] {
        ensure!(page.text.contains(words), "no {words:?} in {}", page.text);
    }
    Ok(())
}

fn gnutls_asks(algorithms: &str, key: Key) -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let ours = Ours::https(&ca.localhost(key)?, |_| ())?;
    let (port, ca) = (ours.at.port().to_string(), ca.write(place.path())?);
    let ca = ca.display().to_string();
    let priority = format!("NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:-CIPHER-ALL:+{algorithms}");
    let arguments = [
        "--x509cafile",
        &ca,
        "--priority",
        &priority,
        "--port",
        &port,
        "localhost",
    ];
    let mut client = Running::start(Peer::GnuTls.command(), arguments)?;
    client.says("Handshake was completed")?;
    client.type_in(REQUEST)?;
    client.wait()?.ok()?.says(&[
        "Description: (TLS1.2-X.509)",
        "Options: extended master secret, safe renegotiation",
        "HTTP/1.1 200 OK",
    ])?;
    Ok(())
}

fn transports(config: &mut ServerConfig) {
    config.tls12.rsa_key_transport = true;
}

fn server_decrypts(cipher: &str) -> Tested {
    let (_ours, client) = asked(Key::Rsa, transports, &["-tls1_2", "-cipher", cipher])?;
    let new = format!("New, TLSv1.2, Cipher is {cipher}");
    client
        .ok()?
        .says(&[&new, "HTTP/1.1 200 OK", " RSA key transport unsigned "])?;
    Ok(())
}

/// Accepts a certificate whose key is to be encrypted for.
struct Enciphers;

impl ServerVerifier for Enciphers {
    fn verify(
        &self,
        presented: &Presented<'_>,
        _: &ServerName<'_>,
        _: UnixTime,
    ) -> Result<(), netkit_x509::Error> {
        match presented.key_usage {
            KeyUsage::KeyEncipherment => Ok(()),
            _ => Err(netkit_x509::Error::KeyUsageNotAllowed),
        }
    }
}

fn client_encrypts(name: &'static str, cipher: &str) -> Tested {
    let options = ["-tls1_2", "-cipher", cipher];
    let (_server, page) = asks(Key::Rsa, &options, move |config| {
        config.verifier = Some(Arc::new(Enciphers));
        config.tls12.rsa_key_transport = true;
        config.cipher_suites = vec![suite(name)];
    })?;
    spoken(&page?, cipher)?;
    let (_server, page) = asks(Key::Rsa, &options, move |config| {
        config.tls12.rsa_key_transport = true;
        config.cipher_suites = vec![suite(name)];
    })?;
    spoken(&page?, cipher)
}

/// What a server that decrypts premaster secrets does with this ClientKeyExchange of a client that goes
/// on as if nothing were the matter: its error, what it sent, and in which record's turn.
fn hears(
    server: &Arc<ServerConfig>,
    client: &Arc<ClientConfig>,
    alter: fn(&mut Vec<u8>),
) -> Result<(Option<Error>, Vec<u8>, usize), Failed> {
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    let (now, name) = (UnixTime::now(), ServerName::try_from("localhost")?);
    let mut client = Connection::client(Arc::clone(client), name, now, random(), &mut to_server)?;
    let mut server = Connection::server(Arc::clone(server), now, random());
    let _ = server.recv(&mut to_server, &mut to_client)?;
    to_server.clear();
    let _ = client.recv(&mut to_client, &mut to_server)?;
    // One record: a header of five octets, one of four, a length of two.
    let length = usize::from(u16::from_be_bytes([to_server[3], to_server[4]]));
    let mut ciphertext = to_server[11..5 + length].to_vec();
    alter(&mut ciphertext);
    let size = |more: usize| ((ciphertext.len() + more) as u16).to_be_bytes();
    let mut records = [&[22, 3, 3][..], &size(6), &[16, 0], &size(2), &size(0)].concat();
    records.extend(ciphertext);
    let exchange = records.len();
    records.extend_from_slice(&to_server[5 + length..]);
    let mut out = Vec::new();
    for (turn, piece) in [
        0..exchange,
        exchange..exchange + 6,
        exchange + 6..records.len(),
    ]
    .into_iter()
    .enumerate()
    {
        if let Err(error) = server.recv(&mut records[piece], &mut out) {
            return Ok((Some(error), out, turn));
        }
    }
    Ok((None, out, 3))
}

/// RFC 5246 7.4.7.1: a ciphertext that is no good changes nothing before Finished, which then is none.
fn bad_looks_like_good() -> Tested {
    let ca = Authority::new("a test CA")?;
    let mut server = ServerConfig::new(ca.localhost(Key::Rsa)?.identity()?);
    transports(&mut server);
    let mut client = ClientConfig::new(ca.roots()?);
    client.tls12.rsa_key_transport = true;
    client.cipher_suites = vec![suite(TRANSPORT[0].0)];
    let (server, client) = (Arc::new(server), Arc::new(client));
    let (error, out, turn) = hears(&server, &client, |_| ())?;
    ensure!(error.is_none() && turn == 3 && !out.is_empty(), "{error:?}");
    let alterations: [fn(&mut Vec<u8>); 6] = [
        |octets| octets[100] ^= 1,
        |octets| octets.fill(0),
        |octets| octets.fill(0xff),
        |octets| octets.truncate(octets.len() - 1),
        |octets| octets.push(0),
        Vec::clear,
    ];
    for (index, alter) in alterations.into_iter().enumerate() {
        let (error, out, turn) = hears(&server, &client, alter)?;
        let alert = [21, 3, 3, 0, 2, 2, 20];
        ensure!(
            error == Some(Error::PeerBadRecordMac) && out == alert && turn == 2,
            "{index}: {error:?} {out:?} {turn}"
        );
    }
    Ok(())
}

fn server_has_no_key_transport() -> Tested {
    let (ours, client) = asked(Key::Rsa, |_| (), &["-tls1_2", "-cipher", TRANSPORT[0].1])?;
    ensure!(!client.status.success(), "key transport\n{client}");
    client.says(&["alert handshake failure"])?;
    ours.refused("no cipher suite in common")
}

fn client_has_no_key_transport() -> Tested {
    let (server, page) = asks(Key::Rsa, &["-tls1_2", "-cipher", TRANSPORT[0].1], |_| ())?;
    let error = refusal(page)?;
    ensure!(
        error.report().contains("handshake_failure"),
        "{}",
        error.report()
    );
    server.running.complains("no shared cipher")
}

/// A client that has PKCS#1 v1.5 alone.
fn server_signs_as_of_old() -> Tested {
    let options = ["-tls1_2", "-sigalgs", "RSA+SHA256:ECDSA+SHA256"];
    let (_ours, client) = asked(Key::Rsa, |_| (), &options)?;
    client
        .ok()?
        .says(&["Peer signature type: RSA\n", "HTTP/1.1 200 OK"])?;
    Ok(())
}

fn client_verifies_as_of_old() -> Tested {
    let options = ["-tls1_2", "-sigalgs", "RSA+SHA512"];
    let (_server, page) = asks(Key::Rsa, &options, |_| ())?;
    ensure!(page?.text.contains("New, TLSv1.2"), "another version");
    Ok(())
}

/// `R` on a line makes `s_client` renegotiate: it is told that it may not, and ends.
fn server_declines() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let ours = Ours::https(&ca.localhost(Key::P256)?, |_| ())?;
    let mut client = openssl::client(ours.at, &ca.write(place.path())?, &["-tls1_2"])?;
    client.says("Verify return code: 0 (ok)")?;
    client.type_in(b"R\n")?;
    client.complains("no renegotiation")?;
    let ended: Ended = client.wait()?;
    ensure!(!ended.status.success(), "it went on\n{ended}");
    Ok(())
}

fn server_refuses_a_fallback() -> Tested {
    let (ours, client) = asked(Key::P256, |_| (), &["-tls1_2", "-fallback_scsv"])?;
    ensure!(
        !client.status.success(),
        "a fallback was accepted\n{client}"
    );
    client.says(&["inappropriate fallback"])?;
    ours.refused("lower version")?;
    // Where there is nothing higher it means nothing.
    let only = |config: &mut ServerConfig| {
        config.versions = Versions::only(ProtocolVersion::TLS1_2);
    };
    let (_ours, client) = asked(Key::P256, only, &["-tls1_2", "-fallback_scsv"])?;
    client.ok()?.says(&["HTTP/1.1 200 OK"])?;
    Ok(())
}

/// OpenSSL marks its random when it has TLS 1.3 and is not offered it.
fn client_has_no_more() -> Tested {
    let (_server, page) = asks(Key::P256, &[], |config: &mut ClientConfig| {
        config.versions = Versions::only(ProtocolVersion::TLS1_2);
        config.groups = vec![NamedGroup::SECP256R1];
    })?;
    ensure!(page?.text.contains("New, TLSv1.2"), "another version");
    Ok(())
}

fn server_agrees_on_a_protocol() -> Tested {
    let configure = |config: &mut ServerConfig| config.alpn = vec![b"http/1.1".to_vec()];
    let (_ours, client) = asked(Key::P256, configure, &["-tls1_2", "-alpn", "http/1.1"])?;
    client
        .ok()?
        .says(&["ALPN protocol: http/1.1", "HTTP/1.1 200 OK"])?;
    Ok(())
}

fn curl_asks() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    for key in [Key::P256, Key::Rsa] {
        let ours = Ours::https(&ca.localhost(key)?, |_| ())?;
        let ca = ca.write(place.path())?.display().to_string();
        let url = ours.url("/");
        let arguments = ["-v", "--silent", "--tls-max", "1.2", "--cacert", &ca, &url];
        let curl: Result<Ended, Failed> = run("curl", arguments, b"");
        curl?
            .ok()?
            .says(&["SSL connection using TLSv1.2", "TLS 1.2 TLS_ECDHE_"])?;
    }
    Ok(())
}
