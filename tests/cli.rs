//! The program `netkit` against curl, nginx, openssl and tshark, and what it tells its user.

use std::collections::HashSet;
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use netkit_tests::certificates::{Authority, Key, Valid};
use netkit_tests::nginx::Nginx;
use netkit_tests::octets::{self, HUGE};
use netkit_tests::openssl;
use netkit_tests::process::{Ended, Running, run};
use netkit_tests::{Failed, Peer, ensure, trial};

type Tested = Result<(), Failed>;

const NETKIT: &str = env!("CARGO_BIN_EXE_netkit");

fn main() {
    let alone = |name: &str, test: fn() -> Tested| trial(name, &[], test);
    let curl = |name: &str, test: fn() -> Tested| trial(name, &[Peer::Curl], test);
    let nginx = |name: &str, test: fn() -> Tested| trial(name, &[Peer::Nginx], test);
    let openssl = |name: &str, test: fn() -> Tested| trial(name, &[Peer::OpenSsl], test);
    netkit_tests::run(vec![
        alone("demo/tells_its_story", demo_tells),
        alone("demo/breaks_certificates", demo_breaks),
        alone("demo/two_runs_differ", demo_differs),
        trial(
            "demo/capture_shows_the_same_requests",
            &[Peer::Tshark],
            demo_captured,
        ),
        curl("serve/100_mib", serve_100_mib),
        curl("serve/the_line_to_paste", serve_prints_a_line_that_works),
        curl("serve/another_name", serve_another_name),
        curl("serve/own_certificate", serve_own_certificate),
        curl("serve/files", serve_files),
        curl("serve/no_escape", serve_does_not_leave_its_folder),
        curl("serve/http", serve_http),
        curl("serve/drains", serve_drains),
        nginx("get/100_mib", get_100_mib),
        nginx("get/methods_headers_bodies", get_methods),
        nginx("get/verbose", get_verbose),
        nginx("get/http1.0", get_http1_0),
        openssl("get/wrong_name", get_wrong_name),
        openssl("get/expired", get_expired),
        openssl("get/unknown_ca", get_unknown_ca),
        openssl("get/insecure", get_insecure),
        openssl("get/truncation", get_truncation),
        alone("get/exit_codes", get_exit_codes),
        curl("get/from_serve", get_from_serve),
    ])
}

fn netkit(arguments: &[&str]) -> Result<Ended, Failed> {
    run(NETKIT, arguments, b"")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn demo_tells() -> Tested {
    let demo = netkit(&["demo"])?.ok()?;
    let lines: Vec<&str> = demo.out.lines().collect();
    ensure!(lines.len() <= 60, "{} lines\n{demo}", lines.len());
    let wide = lines.iter().find(|line| line.chars().count() > 80);
    ensure!(wide.is_none(), "wider than 80 columns: {wide:?}");
    ensure!(demo.err.is_empty() && !demo.out.contains('\x1b'), "{demo}");
    let layers = "application presentation session transport network link physical";
    let words: Vec<&str> = layers
        .split(' ')
        .chain(["TLS 1.3", "ClientHello", "short", "long"])
        .collect();
    demo.says(&words)?;
    let more = netkit(&["demo", "-v"])?.ok()?;
    ensure!(
        more.out.lines().count() > lines.len(),
        "-v tells no more\n{more}"
    );
    more.says(&["GET /short/1 HTTP/1.1", "GET /long/3 HTTP/1.1"])
}

fn demo_breaks() -> Tested {
    let table = [
        ("expired", ["expired", "certificate_expired"]),
        ("name", ["wrong.example", "bad_certificate"]),
        ("ca", ["netkit demo CA", "unknown_ca"]),
    ];
    for (what, words) in table {
        netkit(&["demo", "--break", what])?.ok()?.says(&words)?;
    }
    ensure!(
        netkit(&["demo", "--break", "else"])?.code() == Some(2),
        "no usage error"
    );
    Ok(())
}

fn demo_differs() -> Tested {
    let fresh = || -> Result<HashSet<String>, Failed> {
        let demo = netkit(&["demo", "-v"])?.ok()?;
        let words = demo
            .out
            .split_whitespace()
            .map(|word| word.trim_end_matches(','));
        let long_hex =
            |word: &&str| word.len() >= 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
        Ok(words.filter(long_hex).map(str::to_owned).collect())
    };
    let (first, second) = (fresh()?, fresh()?);
    ensure!(first.len() >= 3, "randoms and a serial number: {first:?}");
    ensure!(first.is_disjoint(&second), "{first:?} {second:?}");
    Ok(())
}

/// A capture of loopback, decrypted with the key log, shows the requests that the demo tells.
fn demo_captured() -> Tested {
    let place = tempfile::tempdir()?;
    // tshark may capture as another user.
    let capture = std::env::temp_dir().join(format!("netkit-{}.pcapng", std::process::id()));
    let (keys, capture_name) = (text(&place.path().join("keys")), text(&capture));
    let mut tshark = Running::start(
        Peer::Tshark.command(),
        ["-i", "lo", "-f", "tcp", "-w", &capture_name],
    )?;
    tshark.complains("Capture started")?;
    let demo = netkit(&["demo", "--keylog", &keys])?.ok()?;
    // The kernel hands packets over in batches.
    thread::sleep(Duration::from_millis(1500));
    run("kill", ["-INT", &tshark.id().to_string()], b"")?.ok()?;
    tshark.end_input();
    tshark.wait()?;
    let url = demo
        .out
        .split_whitespace()
        .find(|word| word.starts_with("https://localhost:"));
    let port = url.and_then(|url| url.strip_prefix("https://localhost:")?.strip_suffix('/'));
    let port = port.ok_or_else(|| format!("no port in {demo}"))?;
    let read = run(
        Peer::Tshark.command(),
        [
            "-r",
            &capture_name,
            "-o",
            &format!("tls.keylog_file:{keys}"),
            "-d",
            &format!("tcp.port=={port},tls"),
            "-Y",
            &format!("http.request && tcp.port == {port}"),
            "-T",
            "fields",
            "-e",
            "http.request.method",
            "-e",
            "http.request.uri",
            "-e",
            "http.request.version",
        ],
        b"",
    );
    std::fs::remove_file(&capture)?;
    let seen: Vec<String> = read?
        .ok()?
        .out
        .lines()
        .map(|line| line.replace('\t', " "))
        .collect();
    let told: Vec<&str> = demo
        .out
        .lines()
        .filter_map(|line| line.trim().split_once("  "))
        .map(|line| line.0)
        .collect();
    let asked: Vec<String> = ["short", "long"]
        .iter()
        .flat_map(|name| (1..=3).map(move |number| format!("GET /{name}/{number} HTTP/1.1")))
        .collect();
    ensure!(seen == asked, "the capture has {seen:?}");
    for line in &asked {
        ensure!(
            told.contains(&line.as_str()),
            "the demo does not tell {line:?}\n{demo}"
        );
    }
    Ok(())
}

/// `netkit serve` with these arguments, on any port.
struct Serving {
    running: Running,
    url: String,
    port: String,
}

fn serve(folder: &Path, arguments: &[&str]) -> Result<Serving, Failed> {
    let folder = text(folder);
    let mut all = vec!["serve", &folder];
    all.extend(arguments);
    if !arguments.contains(&"--listen") {
        all.extend(["--listen", "127.0.0.1:0"]);
    }
    let running = Running::start(NETKIT, &all)?;
    let line = running.line_after(&format!("serving {folder} on "))?;
    let port = line
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .to_owned();
    let scheme = if arguments.contains(&"--http") {
        "http"
    } else {
        "https"
    };
    Ok(Serving {
        running,
        url: format!("{scheme}://localhost:{port}"),
        port,
    })
}

impl Serving {
    fn signal(&self, name: &str) -> Tested {
        run("kill", [name, &self.running.id().to_string()], b"")?
            .ok()
            .map(|_| ())
    }
}

fn serve_100_mib() -> Tested {
    let place = tempfile::tempdir()?;
    let served = place.path().join("served");
    std::fs::create_dir(&served)?;
    octets::write(&served.join("huge"), HUGE)?;
    let (ca, got) = (text(&place.path().join("ca.pem")), place.path().join("got"));
    let serving = serve(&served, &["--ca-out", &ca])?;
    let url = format!("{}/huge", serving.url);
    let curl = run(
        "curl",
        ["-sSv", "--cacert", &ca, "-o", &text(&got), &url],
        b"",
    )?
    .ok()?;
    curl.says(&["SSL connection using TLSv1.3", "HTTP/1.1 200 OK"])?;
    octets::check(&got, HUGE)
}

/// Whatever the program prints to be pasted must work when pasted.
fn serve_prints_a_line_that_works() -> Tested {
    let place = tempfile::tempdir()?;
    std::fs::write(place.path().join("index.html"), "the index")?;
    let serving = serve(place.path(), &[])?;
    let line = format!("curl{}", serving.running.line_after("  curl")?);
    let curl = run("sh", ["-c", &line], b"")?.ok()?;
    ensure!(curl.out == "the index", "{line}: {curl}");
    let ca = line
        .split_whitespace()
        .nth(2)
        .unwrap_or_default()
        .to_owned();
    serving.signal("-TERM")?;
    serving.running.wait()?.ok()?;
    ensure!(!Path::new(&ca).exists(), "{ca} is left behind");
    Ok(())
}

fn serve_another_name() -> Tested {
    let place = tempfile::tempdir()?;
    std::fs::write(place.path().join("index.html"), "the index")?;
    for name in ["dev.example", "127.0.0.1"] {
        let serving = serve(place.path(), &["--dev-ca", name])?;
        let line = format!("curl{}", serving.running.line_after("  curl")?);
        ensure!(line.contains(name), "{line}");
        let curl = run("sh", ["-c", &line], b"")?.ok()?;
        ensure!(curl.out == "the index", "{line}: {curl}");
        if name == "dev.example" {
            let ca = line.split_whitespace().nth(2).unwrap_or_default();
            let other = run("curl", ["-sS", "--cacert", ca, &serving.url], b"")?;
            ensure!(
                other.code() == Some(60),
                "localhost was not this server's name: {other}"
            );
        }
    }
    Ok(())
}

fn serve_own_certificate() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let files = ca.localhost(Key::Ed25519)?.write(place.path())?;
    let (certificate, key) = (text(&files.certificate), text(&files.key));
    let serving = serve(place.path(), &["--cert", &certificate, "--key", &key])?;
    let url = format!("{}/cert.pem", serving.url);
    let ca = text(&ca.write(place.path())?);
    run("curl", ["-sSv", "--cacert", &ca, &url], b"")?
        .ok()?
        .says(&["BEGIN CERTIFICATE", "TLSv1.3"])?;
    // A key that does not fit is told before anyone connects.
    let other = tempfile::tempdir()?;
    let other = Authority::new("x")?
        .localhost(Key::P256)?
        .write(other.path())
        .map(|files| text(&files.key))?;
    let refused = netkit(&[
        "serve",
        "--cert",
        &certificate,
        "--key",
        &other,
        "--listen",
        "127.0.0.1:0",
    ])?;
    ensure!(refused.code().is_some_and(|code| code != 0), "{refused}");
    Ok(())
}

/// One `netkit serve` over plain HTTP, and what curl says of a target.
fn asked(serving: &Serving, arguments: &[&str], target: &str) -> Result<Ended, Failed> {
    let url = format!("{}{target}", serving.url);
    let mut all = vec!["-sS", "-i", "--path-as-is"];
    all.extend(arguments);
    all.push(&url);
    run("curl", all, b"")?.ok()
}

fn serve_files() -> Tested {
    let place = tempfile::tempdir()?;
    std::fs::write(place.path().join("a b.html"), "<p>0123456789")?;
    std::fs::write(place.path().join("noise"), "")?;
    std::fs::create_dir(place.path().join("sub"))?;
    std::fs::write(place.path().join("sub/index.html"), "sub's index")?;
    let serving = serve(place.path(), &["--http"])?;
    let table: [(&[&str], &str, &[&str]); 11] = [
        (
            &[],
            "/a%20b.html",
            &[
                "200 OK",
                "content-type: text/html; charset=utf-8",
                "content-length: 13",
                "last-modified: ",
                "<p>0123456789",
            ],
        ),
        (
            &["-I"],
            "/a%20b.html?q=1",
            &["200 OK", "content-length: 13"],
        ),
        (
            &[],
            "/noise",
            &[
                "200 OK",
                "content-type: application/octet-stream",
                "content-length: 0",
            ],
        ),
        (
            &["-r", "3-5"],
            "/a%20b.html",
            &[
                "206 ",
                "content-range: bytes 3-5/13",
                "content-length: 3",
                "012",
            ],
        ),
        (
            &["-r", "99-"],
            "/a%20b.html",
            &["416 ", "content-range: bytes */13"],
        ),
        (
            &["-z", "Fri, 31 Dec 2100 00:00:00 GMT"],
            "/a%20b.html",
            &["304 "],
        ),
        (&[], "/sub", &["301 ", "location: ./sub/"]),
        (&["-L"], "/sub", &["301 ", "sub's index"]),
        (
            &[],
            "/",
            &["200 OK", "href=\"./a%20b.html\"", "href=\"./sub/\""],
        ),
        (&[], "/none", &["404 "]),
        (&["-d", "x"], "/a%20b.html", &["405 ", "allow: get, head"]),
    ];
    for (arguments, target, words) in table {
        let curl = asked(&serving, arguments, target)?;
        let said = curl.out.to_lowercase();
        for words in words {
            ensure!(
                said.contains(&words.to_lowercase()),
                "{target}: no {words:?} in {curl}"
            );
        }
    }
    // The access log, one line a request.
    serving
        .running
        .says("\"GET /a%20b.html HTTP/1.1\" 200 13")?;
    serving
        .running
        .says("\"HEAD /a%20b.html?q=1 HTTP/1.1\" 200 13")?;
    serving.running.says("\"GET /none HTTP/1.1\" 404 ")
}

fn serve_does_not_leave_its_folder() -> Tested {
    let place = tempfile::tempdir()?;
    let served = place.path().join("served");
    std::fs::create_dir_all(served.join("sub"))?;
    std::fs::write(place.path().join("secret"), "the secret")?;
    std::fs::write(served.join(".hidden"), "the secret")?;
    std::fs::write(served.join("open"), "open")?;
    #[cfg(unix)]
    std::os::unix::fs::symlink("../secret", served.join("link"))?;
    run("mkfifo", [served.join("fifo")], b"")?.ok()?;
    let serving = serve(&served, &["--http"])?;
    let up = [
        "/../secret",
        "/sub/../../secret",
        "/%2e%2e/secret",
        "/%2E%2E%2fsecret",
        "/..%2fsecret",
        "/.%2e/secret",
        "/sub/..%2f..%2fsecret",
        "/..%5csecret",
        "/..\\secret",
        "//../secret",
        "/./../secret",
        "/open/../../secret",
        "/..;/secret",
        "/%252e%252e/secret",
        "/..%00/secret",
        "/secret%00",
        "/link",
        "/.hidden",
        "/%2ehidden",
        "/fifo",
        "/etc/passwd",
        "//etc/passwd",
        "/%c0%ae%c0%ae/secret",
        "/....//secret",
    ];
    for target in up {
        let curl = asked(&serving, &["--max-time", "10"], target)?;
        let refused = ["400", "404"]
            .iter()
            .any(|status| curl.out.starts_with(&format!("HTTP/1.1 {status} ")));
        ensure!(
            refused && !curl.out.contains("the secret"),
            "{target}: {curl}"
        );
    }
    // An absolute-form target names the same tree.
    let absolute = asked(
        &serving,
        &["--request-target", "http://localhost/../secret"],
        "/",
    )?;
    ensure!(absolute.out.starts_with("HTTP/1.1 40"), "{absolute}");
    ensure!(
        asked(&serving, &[], "/open")?.out.ends_with("\r\n\r\nopen"),
        "the folder itself"
    );
    Ok(())
}

fn serve_http() -> Tested {
    let place = tempfile::tempdir()?;
    std::fs::write(place.path().join("x"), "plain")?;
    let serving = serve(place.path(), &["--http"])?;
    let curl = asked(&serving, &[], "/x")?;
    ensure!(curl.out.ends_with("plain"), "{curl}");
    let both = netkit(&["serve", "--http", "--dev-ca", "x"])?;
    ensure!(both.code() == Some(2), "{both}");
    Ok(())
}

/// SIGTERM: the download that runs is finished, nobody else is let in, and the exit code is 0.
fn serve_drains() -> Tested {
    let place = tempfile::tempdir()?;
    let served = place.path().join("served");
    std::fs::create_dir(&served)?;
    let length = 8 << 20;
    octets::write(&served.join("long"), length)?;
    let got = place.path().join("got");
    for signal in ["-TERM", "-INT"] {
        let serving = serve(&served, &["--http"])?;
        let url = format!("{}/long", serving.url);
        let output = text(&got);
        let curl = Running::start("curl", ["-sS", "--limit-rate", "4M", "-o", &output, &url])?;
        serving.running.says("\"GET /long HTTP/1.1\" 200")?;
        serving.signal(signal)?;
        let at = format!("127.0.0.1:{}", serving.port);
        let until = Instant::now() + Duration::from_secs(5);
        while TcpStream::connect(&at).is_ok() {
            ensure!(Instant::now() < until, "still lets others in");
            thread::sleep(Duration::from_millis(20));
        }
        curl.finish()?.ok()?;
        octets::check(&got, length)?;
        serving.running.wait()?.ok()?;
    }
    Ok(())
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

fn get_100_mib() -> Tested {
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

fn get_methods() -> Tested {
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

fn get_verbose() -> Tested {
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

fn get_http1_0() -> Tested {
    let place = tempfile::tempdir()?;
    let (nginx, ca) = nginx(
        place.path(),
        "location = /v { return 200 $server_protocol; }",
    )?;
    let get = netkit(&["get", "--http1.0", "--cacert", &ca, &url(&nginx, "v")])?.ok()?;
    ensure!(get.out == "HTTP/1.0", "{get}");
    Ok(())
}

/// `netkit get` from an `s_server` with such a certificate, trusting `another CA` or its own.
fn refused(
    names: &[&str],
    valid: Valid,
    trusted: bool,
) -> Result<(Ended, openssl::Server), Failed> {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let server = openssl::server(
        &ca.leaf(Key::P256, names, valid)?.write(place.path())?,
        &["-www"],
    )?;
    let ca = if trusted {
        ca
    } else {
        Authority::new("another CA")?
    };
    let ca = text(&ca.write(place.path())?);
    let url = format!("https://localhost:{}/", server.at.port());
    let get = netkit(&["get", "--cacert", &ca, &url])?;
    ensure!(get.code() == Some(7) && get.out.is_empty(), "{get}");
    Ok((get, server))
}

fn get_wrong_name() -> Tested {
    let (get, server) = refused(&["other.example"], Valid::Now, true)?;
    get.says(&["localhost", "other.example", "certificate"])?;
    server.running.complains("alert bad certificate")
}

fn get_expired() -> Tested {
    let (get, server) = refused(&["localhost"], Valid::Over, true)?;
    // The year is in the date, whatever its format.
    let year = 1970 + std::time::UNIX_EPOCH.elapsed()?.as_secs() / 31_556_952;
    let date = [year, year - 1]
        .iter()
        .any(|year| get.err.contains(&year.to_string()));
    ensure!(date, "no date in {get}");
    get.says(&["expired", "10 days"])?;
    server.running.complains("alert certificate expired")
}

fn get_unknown_ca() -> Tested {
    let (get, server) = refused(&["localhost"], Valid::Now, false)?;
    get.says(&["CN=a test CA"])?;
    server.running.complains("alert unknown ca")
}

fn get_insecure() -> Tested {
    let place = tempfile::tempdir()?;
    let leaf = Authority::new("a test CA")?.leaf(Key::P256, &["other.example"], Valid::Over)?;
    let server = openssl::server(&leaf.write(place.path())?, &["-www"])?;
    let url = format!("https://localhost:{}/", server.at.port());
    netkit(&["get", "-k", &url])?
        .ok()?
        .says(&["Cipher is TLS_"])
}

/// What was cut is an error, in the layer that noticed.
fn get_truncation() -> Tested {
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

fn get_exit_codes() -> Tested {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mute = std::net::TcpListener::bind("127.0.0.1:0")?;
    let babble = |text: &'static [u8]| -> Result<String, Failed> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let at = listener.local_addr()?.to_string();
        thread::spawn(move || {
            if let Ok((mut stream, _)) = listener.accept() {
                let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
                let _ = std::io::Write::write_all(&mut stream, text);
            }
        });
        Ok(at)
    };
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
        (&["--tls-max", "1.2", "https://localhost/"], 2),
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

fn get_from_serve() -> Tested {
    let place = tempfile::tempdir()?;
    octets::write(&place.path().join("body"), 1 << 20)?;
    let ca = text(&place.path().join("ca"));
    let serving = serve(place.path(), &["--ca-out", &ca])?;
    let got = place.path().join("got");
    let url = format!("{}/body", serving.url);
    netkit(&["get", "--cacert", &ca, &url, "-o", &text(&got)])?.ok()?;
    octets::check(&got, 1 << 20)
}
