//! `netkit get`.

use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use netkit_tests::certificates::{Authority, Key, Valid};
use netkit_tests::nginx::Nginx;
use netkit_tests::octets::{self, HUGE};
use netkit_tests::openssl;
use netkit_tests::process::{Running, run};
use netkit_tests::{Failed, Peer, Trial, ensure, trial};

use crate::{NETKIT, Tested, netkit, text};

pub(crate) fn trials() -> Vec<Trial> {
    let nginx = |name: &str, test: fn() -> Tested| trial(name, &[Peer::Nginx], test);
    let openssl = |name: &str, test: fn() -> Tested| trial(name, &[Peer::OpenSsl], test);
    vec![
        nginx("get/100_mib", takes_100_mib),
        nginx("get/methods_headers_bodies", methods),
        nginx("get/verbose", verbose),
        nginx("get/http1.0", http1_0),
        nginx("get/redirects", redirects),
        nginx("get/resume", resume),
        nginx("get/resume_what_was_cut", resume_what_was_cut),
        trial(
            "get/resume_elsewhere",
            &[Peer::Python, Peer::Node],
            resume_elsewhere,
        ),
        nginx("get/compressed", compressed),
        trial(
            "get/compressed_otherwise",
            &[Peer::Python],
            compressed_otherwise,
        ),
        trial("get/max_time", &[], max_time),
        openssl("get/wrong_name", wrong_name),
        openssl("get/expired", expired),
        openssl("get/unknown_ca", unknown_ca),
        openssl("get/insecure", insecure),
        openssl("get/client_certificate", client_certificate),
        openssl("get/rsa_key_transport", rsa_key_transport),
        openssl("get/truncation", truncation),
        trial("get/exit_codes", &[], exit_codes),
        trial("get/lenient", &[], lenient),
    ]
}

/// An nginx with these lines in its configuration, and the file that holds its CA.
fn nginx(place: &Path, more: &str) -> Result<(Nginx, String), Failed> {
    let ca = Authority::new("a test CA")?;
    let files = ca.localhost(Key::P256)?.write(place)?;
    Ok((Nginx::start(&files, more)?, text(&ca.write(place)?)))
}

fn url(nginx: &Nginx, path: &str) -> String {
    format!("https://localhost:{}/{path}", nginx.tls.port())
}

fn takes_100_mib() -> Tested {
    let place = tempfile::tempdir()?;
    let (nginx, ca) = nginx(place.path(), "")?;
    octets::write(&nginx.file("huge"), HUGE)?;
    let got = place.path().join("got");
    netkit(&[
        "get",
        "--cacert",
        &ca,
        "-o",
        &text(&got),
        &url(&nginx, "huge"),
    ])?
    .ok()?;
    nginx.logs("GET /huge status=200 tls=TLSv1.3")?;
    octets::check(&got, HUGE)
}

fn methods() -> Tested {
    let place = tempfile::tempdir()?;
    let (nginx, ca) = nginx(
        place.path(),
        "location = /echo { return 200 '$request_method $http_x_one $content_type $http_user_agent'; }",
    )?;
    let get = |arguments: &[&str], path: &str| {
        let url = url(&nginx, path);
        netkit(&[&["get", "--cacert", &ca][..], arguments, &[&url]].concat())
    };
    let echoed = get(&["-H", "X-One: 1", "-X", "PURGE"], "echo")?.ok()?;
    ensure!(echoed.out.starts_with("PURGE 1  netkit/"), "{echoed}");
    let posted = get(&["-d", "a=b", "-H", "User-Agent: mine"], "echo")?.ok()?;
    ensure!(
        posted.out == "POST  application/x-www-form-urlencoded mine",
        "{posted}"
    );
    let file = place.path().join("body");
    octets::write(&file, 100_000)?;
    let data = format!("@{}", text(&file));
    get(&["-X", "PUT", "-d", &data], "sent")?.ok()?;
    octets::check(&nginx.file("sent"), 100_000)?;
    get(
        &["-X", "PUT", "-d", &data, "-H", "Transfer-Encoding: chunked"],
        "chunks",
    )?
    .ok()?;
    octets::check(&nginx.file("chunks"), 100_000)?;
    let head = get(&["-I"], "sent")?.ok()?;
    ensure!(head.out.starts_with("HTTP/1.1 200 OK\n"), "{head}");
    ensure!(head.out.contains("content-length: 100000\n"), "{head}");
    nginx.logs("HEAD /sent status=200")?;
    // An answer is an answer, also when it says no.
    get(&[], "none")?.ok()?.says(&["404 Not Found"])
}

fn verbose() -> Tested {
    let place = tempfile::tempdir()?;
    let (nginx, ca) = nginx(place.path(), "")?;
    std::fs::write(nginx.file("x"), "body")?;
    let at = format!("127.0.0.1:{}", nginx.tls.port());
    let get = netkit(&[
        "get",
        "-v",
        "--cacert",
        &ca,
        "--connect-to",
        &at,
        "https://localhost:1/x",
    ])?
    .ok()?;
    ensure!(get.out == "body", "{get}");
    ensure!(!get.err.contains('\x1b'), "colour, but no terminal: {get}");
    get.says(&[
        "dns",
        "-> 127.0.0.1:",
        "-> ClientHello",
        "<- ServerHello",
        "TLS 1.3, TLS_",
        "CN=localhost",
        "CN=a test CA",
        "days left",
        "GET /x HTTP/1.1",
        "host: localhost:1",
        "connection: close",
        "HTTP/1.1 200 OK",
        "content-length: 4",
        "4 octets",
    ])?;
    // What it tells is what nginx saw.
    let line = nginx.logs("GET /x status=200")?;
    let suite = line
        .split_whitespace()
        .find_map(|word| word.strip_prefix("suite="))
        .unwrap_or_default();
    get.says(&[suite])
}

fn http1_0() -> Tested {
    let place = tempfile::tempdir()?;
    let (nginx, ca) = nginx(
        place.path(),
        "location = /v { return 200 $server_protocol; }",
    )?;
    let get = netkit(&["get", "--http1.0", "--cacert", &ca, &url(&nginx, "v")])?.ok()?;
    ensure!(get.out == "HTTP/1.0", "{get}");
    Ok(())
}

/// A certificate that `get` refuses, and what it says of it.
struct Refusal {
    names: &'static [&'static str],
    valid: Valid,
    /// `another CA`, or the certificate's own.
    trusted: bool,
    /// Whom the URL names.
    host: &'static str,
    /// Each date is `DATE`.
    told: &'static str,
    /// What the server is told.
    alert: &'static str,
}

impl Refusal {
    /// `netkit get` from an `s_server` with that certificate.
    fn check(&self) -> Tested {
        let place = tempfile::tempdir()?;
        let ca = Authority::new("a test CA")?;
        let leaf = ca.leaf(Key::P256, self.names, self.valid)?;
        let server = openssl::server(&leaf.write(place.path())?, &["-www"])?;
        let ca = if self.trusted {
            ca
        } else {
            Authority::new("another CA")?
        };
        let ca = text(&ca.write(place.path())?);
        let (at, url) = (server.at.to_string(), format!("https://{}/", self.host));
        let get = netkit(&["get", "--cacert", &ca, "--connect-to", &at, &url])?;
        ensure!(get.code() == Some(7) && get.out.is_empty(), "{get}");
        let (told, golden) = (undated(get.err.trim_end()), self.told);
        ensure!(told == golden, "told:\n{told}\ninstead of:\n{golden}");
        server.running.complains(self.alert)
    }
}

/// With `DATE` for each date.
fn undated(text: &str) -> String {
    let is_date = |at: usize| {
        text.get(at..at + 10).is_some_and(|date| {
            let mut shape = "0000-00-00".bytes().zip(date.bytes());
            shape.all(|(of, c)| {
                if of == b'-' {
                    c == of
                } else {
                    c.is_ascii_digit()
                }
            })
        })
    };
    let dates: Vec<usize> = (0..text.len()).filter(|at| is_date(*at)).collect();
    let mut undated = text.to_owned();
    for at in dates.into_iter().rev() {
        undated.replace_range(at..at + 10, "DATE");
    }
    undated
}

fn wrong_name() -> Tested {
    let other = Refusal {
        names: &["other.example"],
        valid: Valid::Now,
        trusted: true,
        host: "localhost",
        told: "netkit: certificate: handshake: the peer's certificate is refused: the certificate is not for the name asked for
  the certificate is not for localhost
    asked for: localhost
    it is for: other.example
  try: ask for a name that the certificate is for",
        alert: "alert bad certificate",
    };
    other.check()?;
    Refusal {
        names: &["api.a.example"],
        host: "app.a.example",
        told: "netkit: certificate: handshake: the peer's certificate is refused: the certificate is not for the name asked for
  the certificate is not for app.a.example
    asked for: app.a.example
    it is for: api.a.example
    hint: the certificate is for api.a.example: one label differs
  try: ask for a name that the certificate is for",
        ..other
    }
    .check()?;
    Refusal {
        names: &["*.a.example"],
        host: "c.b.a.example",
        told: "netkit: certificate: handshake: the peer's certificate is refused: the certificate is not for the name asked for
  the certificate is not for c.b.a.example
    asked for: c.b.a.example
    it is for: *.a.example
    hint: a wildcard stands for exactly one label (RFC 9525 6.3)
  try: ask for a name that the certificate is for",
        ..other
    }
    .check()?;
    Refusal {
        names: &["localhost"],
        host: "127.0.0.1",
        told: "netkit: certificate: handshake: the peer's certificate is refused: the certificate is not for the name asked for
  the certificate is not for 127.0.0.1
    asked for: 127.0.0.1
    it is for: localhost
    hint: an address needs an iPAddress in subjectAltName: ask for a name, or issue it again
  try: ask for a name that the certificate is for",
        ..other
    }
    .check()
}

fn expired() -> Tested {
    Refusal {
        names: &["localhost"],
        valid: Valid::Over,
        trusted: true,
        host: "localhost",
        told: "netkit: certificate: handshake: the peer's certificate is refused: certificate expired 10 days ago (notAfter DATE)
    certificate: CN=localhost
    hint: renew the certificate; if today is not DATE, set this machine's clock
  try: check this machine's clock; if it is right, the server needs a new certificate",
        alert: "alert certificate expired",
    }
    .check()
}

fn unknown_ca() -> Tested {
    Refusal {
        names: &["localhost"],
        valid: Valid::Now,
        trusted: false,
        host: "localhost",
        told: "netkit: certificate: handshake: the peer's certificate is refused: no path leads from the certificate to a trusted root
    certificate: CN=localhost
    missing issuer: CN=a test CA
    the search, from the certificate up:
      CN=localhost: nobody here issued it
    hint: the server may have left out an intermediate certificate, or the CA is private: trust its root
  try: if you know the issuing CA to be yours, trust its certificate (a PEM file)",
        alert: "alert unknown ca",
    }
    .check()
}

/// `s_server -Verify` ends the handshake of clients without a certificate.
fn client_certificate() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let clients = tempfile::tempdir()?;
    let files = ca.client(Key::Ed25519, "a-client")?.write(clients.path())?;
    let (certificate, key) = (text(&files.certificate), text(&files.key));
    let files = ca.localhost(Key::P256)?.write(place.path())?;
    let ca = text(&ca.write(place.path())?);
    let options = [
        "-www",
        "-Verify",
        "1",
        "-verify_return_error",
        "-CAfile",
        &ca,
    ];
    let server = openssl::server(&files, &options)?;
    let url = format!("https://localhost:{}/", server.at.port());
    let with = [
        "get",
        "--cacert",
        &ca,
        "--cert",
        &certificate,
        "--key",
        &key,
        &url,
    ];
    netkit(&with)?.ok()?.says(&["a-client"])?;
    let without = netkit(&["get", "--cacert", &ca, &url])?;
    ensure!(without.code() == Some(6), "{without}");
    without.says(&["certificate_required"])?;
    let half = netkit(&["get", "--cert", &certificate, &url])?;
    ensure!(half.code() == Some(2), "{half}");
    Ok(())
}

/// From an `s_server` that knows nothing else, with and without the switch.
fn rsa_key_transport() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let files = ca.localhost(Key::Rsa)?.write(place.path())?;
    let ca = text(&ca.write(place.path())?);
    for cipher in ["AES128-GCM-SHA256", "AES256-GCM-SHA384"] {
        let server = openssl::server(&files, &["-www", "-tls1_2", "-cipher", cipher])?;
        let url = format!("https://localhost:{}/", server.at.port());
        let get = ["get", "--cacert", &ca, "--tls-max", "1.2", &url];
        let page = netkit(&[&get[..], &["--rsa-key-transport"]].concat())?.ok()?;
        let words = format!("New, TLSv1.2, Cipher is {cipher}");
        page.says(&[&words])?;
        let without = netkit(&get)?;
        ensure!(without.code() == Some(6), "{without}");
        without.says(&["handshake_failure"])?;
    }
    Ok(())
}

fn insecure() -> Tested {
    let place = tempfile::tempdir()?;
    let leaf = Authority::new("a test CA")?.leaf(Key::P256, &["other.example"], Valid::Over)?;
    let server = openssl::server(&leaf.write(place.path())?, &["-www"])?;
    let url = format!("https://localhost:{}/", server.at.port());
    netkit(&["get", "-k", &url])?
        .ok()?
        .says(&["Cipher is TLS_"])
}

/// What was cut is an error, in the layer that noticed.
fn truncation() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let mut server = openssl::server(&ca.localhost(Key::P256)?.write(place.path())?, &[])?;
    let ca = text(&ca.write(place.path())?);
    let url = format!("https://localhost:{}/", server.at.port());
    let get = Running::start(NETKIT, ["get", "--cacert", &ca, &url])?;
    server.running.says("GET / HTTP/1.1")?;
    // Until the connection ends: only close_notify could tell that this is all of it.
    server
        .running
        .type_in(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")?;
    get.says("half of it")?;
    server.running.kill();
    let get = get.wait()?;
    ensure!(matches!(get.code(), Some(5 | 6)), "{get}");
    Ok(())
}

/// The address of a server that says `text` to one client, whatever that asks.
fn babble(text: &'static [u8]) -> Result<String, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let at = listener.local_addr()?.to_string();
    thread::spawn(move || {
        if let Ok((mut stream, _)) = listener.accept() {
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let _ = std::io::Write::write_all(&mut stream, text);
        }
    });
    Ok(at)
}

/// A response that breaks a rule is taken, and told of, where that rule was named, and nowhere else.
fn lenient() -> Tested {
    const BARE: &[u8] = b"HTTP/1.1 200 OK\nContent-Length: 4\n\nbody";
    let url = || -> Result<String, Failed> { Ok(format!("http://{}/", babble(BARE)?)) };
    for strict in [&["get"][..], &["get", "--lenient", "equal-lengths"]] {
        let got = netkit(&[strict, &[&url()?]].concat())?;
        ensure!(got.code() == Some(8) && got.out.is_empty(), "{got}");
        got.says(&["LF without CR (RFC 9112 2.2): '\\n' at octet 15"])?;
    }
    let got = netkit(&["get", "--lenient", "bare-lf", &url()?])?.ok()?;
    ensure!(got.out == "body", "{got}");
    got.says(&["needs --lenient bare-lf (RFC 9112 2.2) at octet 15"])?;
    let got = netkit(&["get", "--lenient", "anything", &url()?])?;
    ensure!(got.code() == Some(2), "{got}");
    got.says(&["padded-chunk-sizes"])
}

fn exit_codes() -> Tested {
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mute = TcpListener::bind("127.0.0.1:0")?;
    let no_tls = format!("https://{}/", babble(b"220 mail.example ESMTP\r\n")?);
    let no_http = format!("http://{}/", babble(b"220 mail.example ESMTP\r\n")?);
    let short = format!(
        "http://{}/",
        babble(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")?
    );
    let closed = format!("http://{closed}/");
    let mute = format!("http://{}/", mute.local_addr()?);
    let table: [(&[&str], i32); 14] = [
        (&[], 2),
        (&["localhost"], 2),
        (&["ftp://localhost/"], 2),
        (&["http://localhost:99999/"], 2),
        (
            &["--tls-min", "1.3", "--tls-max", "1.2", "https://localhost/"],
            2,
        ),
        (&["--tls-min", "1.4", "https://localhost/"], 2),
        (&["-H", "no colon", "http://localhost/"], 2),
        (&["-d", "@/nonexistent", &mute], 3),
        (&["-o", "/nonexistent/x", &short], 3),
        (&["http://name.invalid/"], 4),
        (&[&closed], 5),
        (&[&no_tls], 6),
        (&[&no_http], 8),
        (&["--help"], 0),
    ];
    for (arguments, code) in table {
        let get = netkit(&[&["get"], arguments].concat())?;
        ensure!(
            get.code() == Some(code),
            "{arguments:?} should exit with {code}: {get}"
        );
        ensure!(
            code == 0 || !get.err.is_empty(),
            "{arguments:?} failed silently"
        );
    }
    let help = netkit(&["get", "--help"])?.ok()?;
    help.says(&["Exit codes", "7  certificate"])?;
    let short = format!(
        "http://{}/",
        babble(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")?
    );
    let get = netkit(&["get", &short])?;
    ensure!(
        matches!(get.code(), Some(5 | 8)) && get.out == "half",
        "{get}"
    );
    Ok(())
}

fn redirects() -> Tested {
    let place = tempfile::tempdir()?;
    let (nginx, ca) = nginx(
        place.path(),
        "location = /old { return 301 /a/../new; }
         location = /form { return 303 /shown; }
         location = /shown { return 200 \"$request_method $content_length $http_cookie\"; }
         location = /round { return 302 /round; }
         location = /down { return 302 http://localhost/; }",
    )?;
    std::fs::write(nginx.file("new"), "here")?;
    let old = url(&nginx, "old");
    netkit(&["get", "--cacert", &ca, &old])?.says(&["301"])?;
    let got = netkit(&["get", "--cacert", &ca, "-L", &old])?.ok()?;
    ensure!(got.out == "here", "{got}");
    let form = url(&nginx, "form");
    let got = netkit(&[
        "get",
        "--cacert",
        &ca,
        "-L",
        "-d",
        "a=b",
        "-H",
        "Cookie: c",
        &form,
    ])?
    .ok()?;
    ensure!(got.out == "GET  c", "{got}");
    for (path, why) in [("round", "eleventh"), ("down", "leaves HTTPS")] {
        let got = netkit(&["get", "--cacert", &ca, "-L", &url(&nginx, path)])?;
        ensure!(got.code() == Some(8), "{got}");
        got.says(&[why])?;
    }
    Ok(())
}

fn resume() -> Tested {
    let place = tempfile::tempdir()?;
    let (nginx, ca) = nginx(place.path(), "location = /all { max_ranges 0; }")?;
    octets::write(&nginx.file("body"), 100_000)?;
    std::fs::copy(nginx.file("body"), nginx.file("all"))?;
    let file = place.path().join("got");
    let get = |path: &str| {
        let name = text(&file);
        netkit(&[
            "get",
            "--cacert",
            &ca,
            "--resume",
            "-o",
            &name,
            &url(&nginx, path),
        ])
    };
    // As a program leaves it that breaks off: with a part of it, and its date.
    let cut = || {
        let part = std::fs::OpenOptions::new().write(true).open(&file)?;
        let modified = part.metadata()?.modified()?;
        part.set_len(30_000)?;
        part.set_modified(modified)
    };
    past(&nginx.file("body"))?;
    past(&nginx.file("all"))?;
    // From nothing, from a part, and from all of it.
    get("body")?.ok()?;
    octets::check(&file, 100_000)?;
    cut()?;
    get("body")?.ok()?;
    octets::check(&file, 100_000)?;
    nginx.logs("GET /body status=206")?;
    get("body")?.ok()?;
    nginx.logs("GET /body status=416")?;
    octets::check(&file, 100_000)?;
    // A server without ranges sends everything, which replaces the part.
    cut()?;
    get("all")?.ok()?;
    octets::check(&file, 100_000)?;
    // What changed meanwhile does not go on in the middle of what it was.
    std::fs::write(nginx.file("changed"), vec![b'x'; 100_000])?;
    cut()?;
    get("changed")?.ok()?;
    nginx.logs("GET /changed status=200")?;
    ensure!(std::fs::read(&file)? == vec![b'x'; 100_000], "two halves");
    past(&nginx.file("changed"))?;
    octets::write(&file, 30_000)?;
    get("changed")?.ok()?;
    ensure!(std::fs::read(&file)? == vec![b'x'; 100_000], "two halves");
    // What is no rest leaves the file alone.
    cut()?;
    let got = get("missing")?;
    ensure!(got.code() == Some(8), "{got}");
    ensure!(
        std::fs::metadata(&file)?.len() == 30_000,
        "the part is gone"
    );
    Ok(())
}

/// A date that is a strong validator: nothing has changed for years.
fn past(file: &Path) -> std::io::Result<()> {
    let at = UNIX_EPOCH + Duration::from_secs(784_111_777);
    let file = std::fs::OpenOptions::new().append(true).open(file)?;
    file.set_modified(at)
}

/// Broken off by --max-time, and by an interrupt; what there is then is gone on with.
fn resume_what_was_cut() -> Tested {
    let place = tempfile::tempdir()?;
    let (nginx, ca) = nginx(
        place.path(),
        "location = /slow/body { rewrite .* /body break; limit_rate 30k; }",
    )?;
    octets::write(&nginx.file("body"), 400_000)?;
    past(&nginx.file("body"))?;
    let file = place.path().join("got");
    let name = text(&file);
    let slow = url(&nginx, "slow/body");
    let arguments = ["get", "--cacert", &ca, "-o", &name, &slow];
    let held = || std::fs::metadata(&file).map_or(0, |about| about.len());
    for interrupted in [false, true] {
        let _ = std::fs::remove_file(&file);
        let ended = if interrupted {
            let get = Running::start(NETKIT, arguments)?;
            let until = Instant::now() + Duration::from_secs(20);
            while held() == 0 {
                ensure!(Instant::now() < until, "nothing comes: {}", get.said());
                thread::sleep(Duration::from_millis(20));
            }
            run("kill", ["-INT", &get.id().to_string()], b"")?.ok()?;
            get.wait()?
        } else {
            netkit(&[&arguments[..], &["--max-time", "3"]].concat())?
        };
        let code = if interrupted { 130 } else { 9 };
        ensure!(ended.code() == Some(code), "{ended}");
        let part = held();
        ensure!((1..400_000).contains(&part), "{part} octets");
        let fast = url(&nginx, "body");
        netkit(&["get", "--cacert", &ca, "--resume", "-o", &name, &fast])?.ok()?;
        octets::check(&file, 400_000)?;
    }
    let log = nginx.logs("GET /body status=206");
    log.map(|_| ())
}

/// Python's server knows no parts and Node's script lies about them; Python redirects, too.
fn resume_elsewhere() -> Tested {
    const NODE: &str = r#"
const server = require("http").createServer((request, response) => {
  response.writeHead(206, { "Content-Range": "bytes 1-5/6" });
  response.end("wrong");
});
server.listen(0, "127.0.0.1", () => console.log("port", server.address().port));
"#;
    const PYTHON: &str = "
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
print('port', server.server_port, flush=True)
server.serve_forever()
";
    let place = tempfile::tempdir()?;
    let served = place.path().join("served");
    std::fs::create_dir_all(served.join("sub"))?;
    std::fs::write(served.join("sub/index.html"), "the index")?;
    let file = place.path().join("got");
    let name = text(&file);
    let python = Running::start("python3", ["-c", PYTHON, &text(&served)])?;
    let url = format!("http://127.0.0.1:{}/sub", python.line_after("port ")?);
    netkit(&["get", "-L", "-o", &name, &url])?.ok()?;
    std::fs::write(&file, "the")?;
    netkit(&["get", "-L", "--resume", "-o", &name, &url])?.ok()?;
    ensure!(std::fs::read(&file)? == b"the index", "not all of it");
    let node = Running::start("node", ["-e", NODE])?;
    let url = format!("http://127.0.0.1:{}/", node.line_after("port ")?);
    let got = netkit(&["get", "--resume", "-o", &name, &url])?;
    ensure!(got.code() == Some(8), "{got}");
    got.says(&["bytes 1-5/6", "stays as it is"])?;
    ensure!(std::fs::read(&file)? == b"the index", "it did not");
    Ok(())
}

fn compressed() -> Tested {
    let place = tempfile::tempdir()?;
    let (nginx, ca) = nginx(place.path(), "gzip on; gzip_types *; gzip_min_length 1;")?;
    let words = octets::prose(5000);
    std::fs::write(nginx.file("text"), &words)?;
    let url = url(&nginx, "text");
    let got = netkit(&["get", "--cacert", &ca, "--compressed", "-v", &url])?.ok()?;
    ensure!(got.out == words, "{} octets", got.out.len());
    got.says(&[
        "accept-encoding: gzip, deflate",
        "comes as gzip, decoded here",
    ])?;
    let plain = netkit(&["get", "--cacert", &ca, "-v", &url])?.ok()?;
    ensure!(
        plain.out == words && !plain.err.contains("gzip"),
        "{}",
        plain.err
    );
    Ok(())
}

/// A coding that nobody asked for, and one that breaks off.
fn compressed_otherwise() -> Tested {
    const SCRIPT: &str = r#"
import gzip, http.server
class Coded(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Encoding", self.path[1:])
        self.end_headers()
        self.wfile.write(gzip.compress(b"hello")[:-1])
server = http.server.HTTPServer(("127.0.0.1", 0), Coded)
print("port", server.server_port, flush=True)
server.serve_forever()
"#;
    let python = Running::start("python3", ["-c", SCRIPT])?;
    let port = python.line_after("port ")?;
    for (coding, why) in [
        ("br", "not one that was asked for"),
        ("gzip", "ended inside its coding"),
    ] {
        let url = format!("http://127.0.0.1:{port}/{coding}");
        let got = netkit(&["get", "--compressed", &url])?;
        ensure!(got.code() == Some(8), "{got}");
        got.says(&[why])?;
    }
    // Without the option nothing is taken off.
    let url = format!("http://127.0.0.1:{port}/br");
    netkit(&["get", &url])?.ok().map(|_| ())
}

fn max_time() -> Tested {
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/", silent.local_addr()?);
    let got = netkit(&["get", "--max-time", "0.3", &url])?;
    ensure!(got.code() == Some(9), "{got}");
    got.says(&["not done after 0.3 s"])?;
    let got = netkit(&["get", "--max-time", "0", &url])?;
    ensure!(got.code() == Some(2), "{got}");
    Ok(())
}
