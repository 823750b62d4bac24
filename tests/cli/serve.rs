//! `netkit serve`.

use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use netkit_tests::certificates::{Authority, Key};
use netkit_tests::nginx::Nginx;
use netkit_tests::octets::{self, HUGE, prose};
use netkit_tests::openssl;
use netkit_tests::process::{Ended, Running, run};
use netkit_tests::{Failed, Peer, Trial, ensure, trial};

use crate::{NETKIT, Tested, netkit, text};

pub(crate) fn trials() -> Vec<Trial> {
    let curl = |name: &str, test: fn() -> Tested| trial(name, &[Peer::Curl], test);
    vec![
        curl("serve/100_mib", gives_100_mib),
        curl("serve/the_line_to_paste", prints_a_line_that_works),
        curl("serve/another_name", another_name),
        trial(
            "serve/own_certificate",
            &[Peer::Curl, Peer::OpenSsl],
            own_certificate,
        ),
        trial("serve/key_types", &[Peer::OpenSsl], key_types),
        trial(
            "serve/rsa_key_transport",
            &[Peer::OpenSsl],
            rsa_key_transport,
        ),
        trial("serve/client_ca", &[Peer::Curl], client_ca),
        trial("serve/client_ca_to_get", &[], client_ca_to_get),
        trial(
            "serve/nothing_in_common",
            &[Peer::OpenSsl],
            nothing_in_common,
        ),
        curl("serve/files", files),
        curl("serve/compressed", compressed),
        trial(
            "serve/compressed_for_others",
            &[Peer::Python, Peer::Node],
            compressed_for_others,
        ),
        curl("serve/refuses_an_upload", refuses_an_upload),
        curl("serve/conditions", conditions),
        trial("serve/listing", &[Peer::Curl, Peer::Python], listing),
        trial(
            "serve/behind_a_cache",
            &[Peer::Nginx, Peer::Curl],
            behind_a_cache,
        ),
        curl("serve/no_escape", does_not_leave_its_folder),
        curl("serve/http", http),
        curl("serve/lenient", lenient),
        curl("serve/drains", drains),
        trial("serve/get", &[], to_our_own_client),
    ]
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

/// A client whose only cipher suite is none of ours: the log has both sides' lists.
fn nothing_in_common() -> Tested {
    let folder = tempfile::tempdir()?;
    let serving = serve(folder.path(), &["--dev-ca", "localhost"])?;
    let at = format!("127.0.0.1:{}", serving.port);
    let suite = "TLS_AES_128_CCM_SHA256";
    let client = run(
        "openssl",
        [
            "s_client",
            "-connect",
            &at,
            "-tls1_3",
            "-ciphersuites",
            suite,
        ],
        b"",
    )?;
    client.says(&["handshake failure"])?;
    serving.running.says("no cipher suite in common")?;
    serving
        .running
        .says("cipher suites: this side has TLS_AES_128_GCM_SHA256, ")?;
    serving.running.says("; the peer has ")
}

fn gives_100_mib() -> Tested {
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
fn prints_a_line_that_works() -> Tested {
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

fn another_name() -> Tested {
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

/// Each kind of development key signs, and an RSA key may also be encrypted for.
fn key_types() -> Tested {
    for (key_type, signature, usage) in [
        ("ecdsa", "ECDSA", "Digital Signature"),
        ("ed25519", "ed25519", "Digital Signature"),
        ("rsa", "RSA-PSS", "Digital Signature, Key Encipherment"),
    ] {
        let place = tempfile::tempdir()?;
        let ca = place.path().join("ca.pem");
        let serving = serve(
            place.path(),
            &[
                "--dev-ca",
                "localhost",
                "--key-type",
                key_type,
                "--ca-out",
                &text(&ca),
            ],
        )?;
        let at = format!("127.0.0.1:{}", serving.port).parse()?;
        let client = openssl::client(at, &ca, &[])?.finish()?.ok()?;
        let signature = format!("Peer signature type: {signature}");
        client.says(&[&signature, "Verify return code: 0 (ok)"])?;
        let shown = run(
            "openssl",
            ["x509", "-noout", "-ext", "keyUsage"],
            client.out.as_bytes(),
        )?;
        let last = shown.out.trim().lines().last().unwrap_or_default().trim();
        ensure!(last == usage, "{key_type}: {shown}");
    }
    Ok(())
}

/// What `s_client` gets that wants RSA key transport, with and without the switch.
fn rsa_key_transport() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = place.path().join("ca.pem");
    let ca_text = text(&ca);
    let asked = |more: &[&str], cipher: &str| {
        let options = [&["--key-type", "rsa", "--ca-out", &ca_text], more].concat();
        let serving = serve(place.path(), &options)?;
        let at = format!("127.0.0.1:{}", serving.port).parse()?;
        let mut client = openssl::client(at, &ca, &["-tls1_2", "-cipher", cipher])?;
        let request = b"GET /ca.pem HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        // It has ended already if there was no handshake.
        let _ = client.type_in(request);
        client.wait()
    };
    for cipher in ["AES128-GCM-SHA256", "AES256-GCM-SHA384"] {
        let cipher_line = format!("New, TLSv1.2, Cipher is {cipher}");
        asked(&["--rsa-key-transport"], cipher)?.ok()?.says(&[
            &cipher_line,
            "Verify return code: 0 (ok)",
            "HTTP/1.1 200 OK",
            "BEGIN CERTIFICATE",
        ])?;
        let without = asked(&[], cipher)?;
        ensure!(!without.status.success(), "{without}");
        without.says(&["alert handshake failure"])?;
    }
    Ok(())
}

/// A CA for clients, a client's certificate and key of it, and of another: PEM files in the folder.
struct Clients {
    ca: String,
    ours: [String; 2],
    others: [String; 2],
}

fn clients(place: &Path) -> Result<Clients, Failed> {
    let folder = |name: &str| {
        let folder = place.join(name);
        std::fs::create_dir(&folder).map(|()| folder)
    };
    let pair = |folder: &Path, ca: &Authority| {
        let files = ca.client(Key::P256, "a-client")?.write(folder)?;
        Ok::<_, Failed>([text(&files.certificate), text(&files.key)])
    };
    let (ours, others) = (folder("ours")?, folder("others")?);
    let ca = Authority::new("a CA for clients")?;
    Ok(Clients {
        ca: text(&ca.write(&ours)?),
        ours: pair(&ours, &ca)?,
        others: pair(&others, &Authority::new("another CA for clients")?)?,
    })
}

fn client_ca() -> Tested {
    let place = tempfile::tempdir()?;
    let clients = clients(place.path())?;
    let ca = text(&place.path().join("ca.pem"));
    let serving = serve(place.path(), &["--ca-out", &ca, "--client-ca", &clients.ca])?;
    let url = format!("{}/ca.pem", serving.url);
    let curl = |more: &[&str]| {
        run(
            "curl",
            [&["-sS", "--cacert", &ca, &url], more].concat(),
            b"",
        )
    };
    let [certificate, key] = &clients.ours;
    curl(&["--cert", certificate, "--key", key])?
        .ok()?
        .says(&["BEGIN CERTIFICATE"])?;
    let without = curl(&[])?;
    ensure!(without.code() == Some(56), "{without}");
    without.says(&["alert certificate required"])?;
    serving.running.says("no certificate")?;
    let [certificate, key] = &clients.others;
    let other = curl(&["--cert", certificate, "--key", key])?;
    ensure!(other.code() == Some(56), "{other}");
    other.says(&["alert unknown ca"])?;
    serving.running.says("the peer's certificate is refused")
}

fn client_ca_to_get() -> Tested {
    let place = tempfile::tempdir()?;
    let clients = clients(place.path())?;
    let ca = text(&place.path().join("ca.pem"));
    let serving = serve(place.path(), &["--ca-out", &ca, "--client-ca", &clients.ca])?;
    let url = format!("{}/ca.pem", serving.url);
    let get = |more: &[&str]| netkit(&[&["get", "--cacert", &ca, &url], more].concat());
    let [certificate, key] = &clients.ours;
    get(&["--cert", certificate, "--key", key])?
        .ok()?
        .says(&["BEGIN CERTIFICATE"])?;
    let without = get(&[])?;
    ensure!(without.code() == Some(6), "{without}");
    without.says(&["certificate_required"])
}

fn own_certificate() -> Tested {
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

/// What curl is told, the target, and words of the answer.
const ANSWERS: [(&[&str], &str, &[&str]); 11] = [
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
    (&[], "/sub?a=b", &["301 ", "location: ./sub/?a=b"]),
    (&["-L"], "/sub", &["301 ", "sub's index"]),
    (
        &[],
        "/",
        &["200 OK", "href=\"./a%20b.html\"", "href=\"./sub/\""],
    ),
    (&[], "/none", &["404 "]),
    (&["-d", "x"], "/a%20b.html", &["405 ", "allow: get, head"]),
];

fn files() -> Tested {
    let place = tempfile::tempdir()?;
    std::fs::write(place.path().join("a b.html"), "<p>0123456789")?;
    std::fs::write(place.path().join("noise"), "")?;
    std::fs::create_dir(place.path().join("sub"))?;
    std::fs::write(place.path().join("sub/index.html"), "sub's index")?;
    let serving = serve(place.path(), &["--http"])?;
    for (arguments, target, words) in ANSWERS {
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

/// The value of a field in the head that curl's `-i` shows.
fn field(curl: &Ended, name: &str) -> Option<String> {
    let head = curl.out.split("\r\n\r\n").next()?.to_owned();
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    Some(found.1.to_owned())
}

fn compressed() -> Tested {
    let place = tempfile::tempdir()?;
    let text = prose(1000);
    std::fs::write(place.path().join("a.txt"), &text)?;
    std::fs::write(place.path().join("a.png"), &text)?;
    std::fs::write(place.path().join("short.txt"), "short")?;
    let serving = serve(place.path(), &["--http"])?;
    let plain = asked(&serving, &[], "/a.txt")?;
    ensure!(plain.out.ends_with(&text), "{plain}");
    ensure!(field(&plain, "content-encoding").is_none(), "{plain}");
    ensure!(
        field(&plain, "vary").as_deref() == Some("Accept-Encoding"),
        "{plain}"
    );
    let tag = field(&plain, "etag").unwrap_or_default();
    ensure!(tag.starts_with('"'), "a strong tag: {tag}");
    for (arguments, coding) in [
        (&["--compressed"][..], "gzip"),
        (
            &["--compressed", "-H", "Accept-Encoding: deflate"],
            "deflate",
        ),
        (
            &["--compressed", "-H", "Accept-Encoding: gzip;q=0.1, deflate"],
            "deflate",
        ),
        (&["--compressed", "--http1.0"], "gzip"),
    ] {
        let size = ["-w", "\n%{size_download}"];
        let curl = asked(&serving, &[arguments, &size].concat(), "/a.txt")?;
        ensure!(
            field(&curl, "content-encoding").as_deref() == Some(coding),
            "{curl}"
        );
        ensure!(field(&curl, "content-length").is_none(), "{curl}");
        let (rest, size) = curl.out.rsplit_once('\n').unwrap_or_default();
        ensure!(rest.ends_with(&text), "{curl}");
        ensure!(size.parse::<usize>()? < text.len() / 3, "{size} octets");
        let coded = field(&curl, "etag").unwrap_or_default();
        ensure!(
            coded.starts_with("W/") && !coded.contains(&tag),
            "{coded} and {tag}"
        );
    }
    for (arguments, path) in [
        (&["-H", "Accept-Encoding: gzip;q=0, br"][..], "/a.txt"),
        (&["-H", "Accept-Encoding: gzip;q=0.5, identity"], "/a.txt"),
        (&["--compressed"], "/a.png"),
        (&["--compressed"], "/short.txt"),
    ] {
        let curl = asked(&serving, arguments, path)?;
        ensure!(field(&curl, "content-encoding").is_none(), "{curl}");
        ensure!(field(&curl, "content-length").is_some(), "{curl}");
    }
    // A part is one of the file itself.
    let part = asked(&serving, &["--compressed", "-r", "5-6"], "/a.txt")?;
    ensure!(part.out.ends_with("\r\n\r\nis"), "{part}");
    ensure!(field(&part, "etag").as_deref() == Some(&tag), "{part}");
    let head = asked(&serving, &["--compressed", "-I"], "/a.txt")?;
    ensure!(
        field(&head, "content-encoding").as_deref() == Some("gzip"),
        "{head}"
    );
    Ok(())
}

/// Python's own gzip and zlib, and what Node's fetch makes of it.
fn compressed_for_others() -> Tested {
    const PYTHON: &str = r#"
import gzip, http.client, sys, zlib
conn = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
for coding, decode in [("gzip", gzip.decompress), ("deflate", zlib.decompress)]:
    conn.request("GET", "/a.txt", headers={"Accept-Encoding": coding})
    said = conn.getresponse()
    body = said.read()
    assert said.getheader("content-encoding") == coding, said.headers
    text = decode(body).decode()
    print(coding, len(text), text.endswith("line 999.\n"), len(body) < len(text))
"#;
    const NODE: &str = r#"
(async () => {
  const said = await fetch(`http://127.0.0.1:${process.argv[1]}/a.txt`);
  const text = await said.text();
  console.log(said.headers.get("content-encoding"), text.length, text.endsWith("line 999.\n"));
})();
"#;
    let place = tempfile::tempdir()?;
    let length = prose(1000).len();
    std::fs::write(place.path().join("a.txt"), prose(1000))?;
    let serving = serve(place.path(), &["--http"])?;
    let python = run("python3", ["-c", PYTHON, &serving.port], b"")?.ok()?;
    for coding in ["gzip", "deflate"] {
        python.says(&[&format!("{coding} {length} True True")])?;
    }
    run("node", ["-e", NODE, &serving.port], b"")?
        .ok()?
        .says(&[&format!("gzip {length} true")])
}

/// curl asks whether it may send 10 MiB, and is told that it may not: it sends none of them.
fn refuses_an_upload() -> Tested {
    let place = tempfile::tempdir()?;
    octets::write(&place.path().join("long"), 10 << 20)?;
    let serving = serve(place.path(), &["--http"])?;
    let long = text(&place.path().join("long"));
    let arguments = [
        "-H",
        "Expect: 100-continue",
        "--expect100-timeout",
        "30",
        "-T",
        &long,
        "-w",
        "%{size_upload} sent",
    ];
    let curl = asked(&serving, &arguments, "/long")?;
    curl.says(&["HTTP/1.1 405 ", "\n0 sent"])
}

fn conditions() -> Tested {
    let place = tempfile::tempdir()?;
    let file = place.path().join("a.txt");
    std::fs::write(&file, "0123456789")?;
    let modified = std::time::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let date = |file| {
        std::fs::File::options()
            .append(true)
            .open(file)?
            .set_modified(modified)
    };
    date(&file)?;
    let serving = serve(place.path(), &["--http"])?;
    // What curl keeps of the first answer it shows again.
    let tags = text(&place.path().join("tags"));
    asked(&serving, &["--etag-save", &tags], "/a.txt")?.says(&["200 OK"])?;
    let compared = ["--etag-compare", &tags];
    let again = asked(&serving, &compared, "/a.txt")?;
    again.says(&["304 "])?;
    let tag = field(&again, "etag").unwrap_or_default();
    ensure!(field(&again, "last-modified").is_some(), "{again}");
    ensure!(field(&again, "content-type").is_none(), "{again}");
    let (other, since) = ("\"other\"", "Sun, 06 Nov 1994 08:49:37 GMT");
    let (if_match, if_none) = (
        format!("If-Match: {tag}"),
        format!("If-None-Match: {other}, W/{tag}"),
    );
    let if_range = format!("If-Range: {tag}");
    let if_range_date = format!("If-Range: {since}");
    let table: [(&[&str], &str); 18] = [
        (&["-z", since], "304"),
        (&["-z", "Sunday, 06-Nov-94 08:49:37 GMT"], "304"),
        (&["-z", "Sun Nov  6 08:49:36 1994"], "200"),
        (&["-z", &format!("-{since}")], "200"),
        (&["-z", "-Sun, 06 Nov 1994 08:49:36 GMT"], "412"),
        (&["-H", &if_match], "200"),
        (&["-H", "If-Match: \"other\""], "412"),
        (&["-H", "If-Match: *"], "200"),
        (&["-H", &if_none], "304"),
        (&["-H", &if_none, "-I"], "304"),
        (&["-H", "If-None-Match: *"], "304"),
        (&["-H", "If-None-Match: \"other\"", "-z", since], "200"),
        (&["-H", "If-Match: \"other\"", "-r", "0-1"], "412"),
        (&["-H", &if_range, "-r", "0-1"], "206"),
        (&["-H", &if_range_date, "-r", "0-1"], "206"),
        (&["-H", "If-Range: \"other\"", "-r", "0-1"], "200"),
        (&["-H", &if_range, "-r", "10-"], "416"),
        (&["-I", "-r", "0-1"], "200"),
    ];
    for (arguments, status) in table {
        let curl = asked(&serving, arguments, "/a.txt")?;
        let begin = format!("HTTP/1.1 {status} ");
        ensure!(
            curl.out.starts_with(&begin),
            "{arguments:?}: no {status} in {curl}"
        );
    }
    // Conditions are on what is there (RFC 9110 13.2.1).
    asked(&serving, &["-H", "If-None-Match: *"], "/none")?.says(&["404 "])?;
    std::fs::write(&file, "another")?;
    date(&file)?;
    let changed = asked(&serving, &compared, "/a.txt")?;
    ensure!(changed.out.ends_with("another"), "{changed}");
    ensure!(
        field(&changed, "etag").is_some_and(|new| new != tag),
        "{changed}"
    );
    Ok(())
}

fn listing() -> Tested {
    const SCRIPT: &str =
        "import json, sys; print([(e['name'], e.get('octets')) for e in json.load(sys.stdin)])";
    let place = tempfile::tempdir()?;
    for name in ["b.txt", "a<b>.txt"] {
        std::fs::write(place.path().join(name), "12345")?;
    }
    std::fs::create_dir(place.path().join("c d"))?;
    let serving = serve(place.path(), &["--http"])?;
    let page = asked(&serving, &[], "/")?;
    page.says(&[
        "text/html",
        "a&lt;b&gt;.txt</a><td>5<td>",
        " GMT",
        "href=\"./c%20d/\"",
    ])?;
    asked(&serving, &[], "/c%20d/")?.says(&["<h1>/c d/</h1>", "href=\"../\""])?;
    let json = asked(&serving, &["-H", "Accept: application/json"], "/")?;
    ensure!(
        field(&json, "content-type").as_deref() == Some("application/json"),
        "{json}"
    );
    let body = json
        .out
        .rsplit("\r\n\r\n")
        .next()
        .unwrap_or_default()
        .to_owned();
    run("python3", ["-c", SCRIPT], body.as_bytes())?
        .ok()?
        .says(&["[('a<b>.txt', 5), ('b.txt', 5), ('c d/', None)]"])?;
    let mixed = asked(
        &serving,
        &["-H", "Accept: text/html, application/json;q=0.9"],
        "/",
    )?;
    mixed.says(&["text/html"])
}

/// nginx keeps what our server said for a second, and then asks whether it is still true.
fn behind_a_cache() -> Tested {
    let place = tempfile::tempdir()?;
    let served = place.path().join("served");
    std::fs::create_dir(&served)?;
    let file = served.join("a.txt");
    std::fs::write(&file, prose(1000))?;
    let serving = serve(&served, &["--http"])?;
    let files = Authority::new("a test CA")?
        .localhost(Key::P256)?
        .write(place.path())?;
    let nginx = Nginx::start(
        &files,
        &format!(
            "location = /a.txt {{ proxy_pass http://127.0.0.1:{}; proxy_http_version 1.1;
               proxy_cache answers; proxy_cache_valid 200 1s; proxy_cache_revalidate on;
               add_header X-Cache $upstream_cache_status; }}",
            serving.port
        ),
    )?;
    let url = format!("http://{}/a.txt", nginx.plain);
    let ask = |cache: &str| -> Tested {
        let curl = run("curl", ["-sS", "-i", &url], b"")?.ok()?;
        ensure!(field(&curl, "x-cache").as_deref() == Some(cache), "{curl}");
        ensure!(
            curl.out.ends_with("\r\n\r\nchanged") || curl.out.ends_with(&prose(1000)),
            "{curl}"
        );
        Ok(())
    };
    ask("MISS")?;
    thread::sleep(Duration::from_millis(2100));
    ask("REVALIDATED")?;
    serving.running.says("\"GET /a.txt HTTP/1.1\" 304")?;
    std::fs::write(&file, "changed")?;
    thread::sleep(Duration::from_millis(2100));
    ask("EXPIRED")
}

const WAYS_OUT: [&str; 24] = [
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

fn does_not_leave_its_folder() -> Tested {
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
    for target in WAYS_OUT {
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

fn http() -> Tested {
    let place = tempfile::tempdir()?;
    std::fs::write(place.path().join("x"), "plain")?;
    let serving = serve(place.path(), &["--http"])?;
    let curl = asked(&serving, &[], "/x")?;
    ensure!(curl.out.ends_with("plain"), "{curl}");
    let both = netkit(&["serve", "--http", "--dev-ca", "x"])?;
    ensure!(both.code() == Some(2), "{both}");
    Ok(())
}

/// curl sends what RFC 3986 wants encoded as it was typed; who serves that has to say so, and hears of it.
fn lenient() -> Tested {
    let place = tempfile::tempdir()?;
    std::fs::write(place.path().join("a\"b"), "quoted")?;
    let strict = serve(place.path(), &["--http"])?;
    let curl = asked(&strict, &[], "/a\"b")?;
    ensure!(curl.out.contains("400"), "{curl}");
    let serving = serve(place.path(), &["--http", "--lenient", "raw-targets"])?;
    let curl = asked(&serving, &[], "/a\"b")?;
    ensure!(curl.out.ends_with("quoted"), "{curl}");
    serving
        .running
        .says("127.0.0.1 needs --lenient raw-targets (RFC 9112 3.2) at octet 6")?;
    Ok(())
}

/// SIGTERM: the download that runs is finished, nobody else is let in, and the exit code is 0.
fn drains() -> Tested {
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

fn to_our_own_client() -> Tested {
    let place = tempfile::tempdir()?;
    octets::write(&place.path().join("body"), 1 << 20)?;
    let ca = text(&place.path().join("ca"));
    let serving = serve(place.path(), &["--ca-out", &ca])?;
    let got = place.path().join("got");
    let url = format!("{}/body", serving.url);
    netkit(&["get", "--cacert", &ca, &url, "-o", &text(&got)])?.ok()?;
    octets::check(&got, 1 << 20)
}
