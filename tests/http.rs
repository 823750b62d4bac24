//! HTTP against curl and nginx: bodies of every size both ways, and what connections are used for.

use std::time::{Duration, Instant};

use netkit::http::{Method, Request, StatusCode};
use netkit::{Body, Client, ClientTimeouts, Exchange};
use netkit_tests::certificates::{Authority, Key};
use netkit_tests::nginx::Nginx;
use netkit_tests::octets::{self, Check, Octets, SIZES};
use netkit_tests::ours::{Ours, block_on};
use netkit_tests::process::{Ended, Running, run};
use netkit_tests::{Failed, Peer, ensure, trial};

#[path = "http/codings.rs"]
mod codings;
#[path = "http/expect.rs"]
mod expect;

type Tested = Result<(), Failed>;

const CURL: &[Peer] = &[Peer::Curl];
const NGINX: &[Peer] = &[Peer::Nginx];

fn main() {
    let mut trials = Vec::new();
    for length in SIZES {
        for (framing, chunked) in [("length", false), ("chunked", true)] {
            let name = |what: &str| format!("{what}/{framing}/{length}");
            trials.extend([
                trial(name("curl_downloads"), CURL, move || {
                    curl_downloads(length, chunked)
                }),
                trial(name("curl_uploads"), CURL, move || {
                    curl_uploads(length, chunked)
                }),
                trial(name("nginx_sends"), NGINX, move || {
                    nginx_sends(length, chunked)
                }),
                trial(name("nginx_takes"), NGINX, move || {
                    nginx_takes(length, chunked)
                }),
            ]);
        }
    }
    let curl = |name: &str, test: fn() -> Tested| trial(name, CURL, test);
    trials.extend([
        curl("curl_reuses_a_connection", curl_reuses),
        curl("curl_waits_for_100", curl_waits_for_100),
        curl("curl_expects_what_nobody_does", curl_expects_otherwise),
        curl("curl_speaks_http1.0", curl_speaks_http1_0),
        curl("curl_head", curl_head),
        curl("curl_without_tls", curl_without_tls),
        curl("curl_refuses_an_unknown_ca", curl_refuses_an_unknown_ca),
        curl("curl_sees_truncation", curl_sees_truncation),
        trial(
            "nginx_stands_before_our_server",
            &[Peer::Nginx, Peer::Curl],
            nginx_before,
        ),
        trial("wrk_keeps_every_connection", &[Peer::Wrk], wrk),
        trial("python_asks_our_server", &[Peer::Python], python_asks),
        trial("python_answers_our_client", &[Peer::Python], python_answers),
        trial("node_asks_our_server", &[Peer::Node], node_asks),
        trial("node_answers_our_client", &[Peer::Node], node_answers),
        trial("nginx_keeps_a_connection", NGINX, nginx_keeps),
        trial("nginx_closes_a_connection", NGINX, nginx_closes),
        trial("nginx_without_tls", NGINX, nginx_without_tls),
        trial("nginx_http1.0", NGINX, nginx_http1_0),
        trial("nginx_statuses", NGINX, nginx_statuses),
    ]);
    trials.extend(codings::trials());
    trials.extend(expect::trials());
    netkit_tests::run(trials)
}

/// One of our servers, and curl with these arguments towards a path of it.
fn curl(path: &str, arguments: &[&str]) -> Result<Ended, Failed> {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let ours = Ours::https(&ca.localhost(Key::P256)?, |_| ())?;
    let ca = ca.write(place.path())?.display().to_string();
    let url = ours.url(path);
    let mut all = vec!["--silent", "--show-error", "--cacert", &ca];
    all.extend(arguments);
    all.push(&url);
    run("curl", all, b"")
}

fn curl_downloads(length: u64, chunked: bool) -> Tested {
    let place = tempfile::tempdir()?;
    let file = place.path().join("body");
    let path = format!("/{}/{length}", if chunked { "chunked" } else { "octets" });
    let file_name = file.display().to_string();
    let words = "%{http_code} %{http_version} %{size_download}";
    let curl = curl(&path, &["-v", "--output", &file_name, "--write-out", words])?.ok()?;
    curl.says(&[&format!("200 1.1 {length}"), "SSL connection using TLSv1.3"])?;
    let framing = if chunked {
        "transfer-encoding: chunked".into()
    } else {
        format!("content-length: {length}")
    };
    ensure!(
        curl.err.to_ascii_lowercase().contains(&framing),
        "no {framing} in {curl}"
    );
    octets::check(&file, length)
}

fn curl_uploads(length: u64, chunked: bool) -> Tested {
    let place = tempfile::tempdir()?;
    let file = place.path().join("body");
    octets::write(&file, length)?;
    let file_name = file.display().to_string();
    // curl 7.88 never ends an empty chunked --upload-file.
    let data = format!("@{file_name}");
    let arguments = if chunked {
        vec![
            "-X",
            "PUT",
            "--data-binary",
            &data,
            "--header",
            "Transfer-Encoding: chunked",
        ]
    } else {
        vec!["--upload-file", &file_name]
    };
    let announced = if chunked { None } else { Some(length) };
    curl("/", &arguments)?
        .ok()?
        .says(&[&format!("{length} octets, announced {announced:?}")])
}

fn curl_reuses() -> Tested {
    let curl = curl("/[1-3]", &["-v"])?.ok()?;
    curl.says(&["request 1 for /1", "request 2 for /2", "request 3 for /3"])?;
    let handshakes = curl.err.matches("SSL connection using TLSv1.3").count();
    ensure!(handshakes == 1, "{handshakes} handshakes\n{curl}");
    Ok(())
}

fn curl_waits_for_100() -> Tested {
    let place = tempfile::tempdir()?;
    let file = place.path().join("body");
    octets::write(&file, 1000)?;
    let file = file.display().to_string();
    let header = [
        "-v",
        "--header",
        "Expect: 100-continue",
        "--expect100-timeout",
        "30",
    ];
    let started = Instant::now();
    let curl = curl("/", &[&header[..], &["--upload-file", &file]].concat())?.ok()?;
    ensure!(
        started.elapsed() < Duration::from_secs(20),
        "curl gave up waiting\n{curl}"
    );
    curl.says(&["< HTTP/1.1 100 Continue", "1000 octets"])
}

/// RFC 9110 10.1.1: an expectation that is unknown is refused, and the connection serves on.
fn curl_expects_otherwise() -> Tested {
    let refused = curl("/[1-2]", &["-v", "-H", "Expect: a-miracle", "-d", "x"])?.ok()?;
    refused.says(&["< HTTP/1.1 417 Expectation Failed"])
}

fn curl_speaks_http1_0() -> Tested {
    let curl = curl(
        "/chunked/1000",
        &["-v", "--http1.0", "--output", "/dev/null"],
    )?
    .ok()?;
    let chunked = curl.err.to_ascii_lowercase().contains("transfer-encoding");
    ensure!(
        !chunked,
        "RFC 9112 6.1: no transfer coding for HTTP/1.0\n{curl}"
    );
    curl.says(&["< HTTP/1.1 200", "Closing connection"])
}

fn curl_head() -> Tested {
    let curl = curl(
        "/octets/12345",
        &["--head", "--write-out", "%{size_download} octets"],
    )?
    .ok()?;
    ensure!(
        curl.out
            .to_ascii_lowercase()
            .contains("content-length: 12345"),
        "{curl}"
    );
    curl.says(&["HTTP/1.1 200", "0 octets"])
}

fn curl_without_tls() -> Tested {
    let ours = Ours::http()?;
    let url = format!("http://{}/x", ours.at);
    run("curl", ["--silent", "--show-error", &url], b"")?
        .ok()?
        .says(&["for /x, without TLS"])
}

/// 60 is curl's code for a peer's certificate that cannot be authenticated.
fn curl_refuses_an_unknown_ca() -> Tested {
    let ours = Ours::https(&Authority::new("a test CA")?.localhost(Key::P256)?, |_| ())?;
    let curl = run("curl", ["--silent", "--show-error", &ours.url("/")], b"")?;
    ensure!(curl.code() == Some(60), "{curl}");
    ours.refused("unknown_ca")
}

/// 18 is curl's code for a transfer that ended early: the server must not pretend that it is whole.
fn curl_sees_truncation() -> Tested {
    for path in ["/cut/octets", "/cut/chunked"] {
        let curl = curl(path, &["--output", "/dev/null"])?;
        let cut = matches!(curl.code(), Some(18 | 56));
        ensure!(cut, "{path}: {curl}");
    }
    Ok(())
}

/// One nginx, and one client of ours that trusts it.
pub(crate) fn nginx(more: &str) -> Result<(Nginx, Client), Failed> {
    nginx_with(more, ClientTimeouts::default())
}

fn nginx_with(more: &str, timeouts: ClientTimeouts) -> Result<(Nginx, Client), Failed> {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let files = ca.localhost(Key::P256)?.write(place.path())?;
    let nginx = Nginx::start(&files, more)?;
    let client = Client::builder().roots(ca.roots()?).timeouts(timeouts);
    Ok((nginx, client.build()?))
}

fn url(nginx: &Nginx, path: &str) -> String {
    format!("https://localhost:{}/{path}", nginx.tls.port())
}

fn nginx_sends(length: u64, chunked: bool) -> Tested {
    let (nginx, client) = nginx("")?;
    octets::write(&nginx.file("body"), length)?;
    let path = if chunked { "chunked/body" } else { "body" };
    block_on(async {
        let response = client.get(&url(&nginx, path)).await?;
        ensure!(response.status() == StatusCode::OK, "{response:?}");
        let announced = if chunked { None } else { Some(length) };
        let mut body = response.into_body();
        // nginx's SSI filter never has a length to tell, but for nothing.
        ensure!(
            body.length() == announced || length == 0,
            "announced {:?}",
            body.length()
        );
        let mut check = Check::default();
        while let Some(piece) = body.chunk().await {
            check.next(&piece?)?;
        }
        ensure!(check.end() == length, "{} octets", check.end());
        Ok::<_, Failed>(())
    })?;
    nginx.logs("status=200 tls=TLSv1.3").map(|_| ())
}

fn nginx_takes(length: u64, chunked: bool) -> Tested {
    let (nginx, client) = nginx("")?;
    block_on(async {
        let announced = if chunked { None } else { Some(length) };
        let request = Request::builder()
            .method(Method::PUT)
            .uri(url(&nginx, "sent"))
            .body(Body::read(Octets::new(length), announced))?;
        let response = client.request(request).await?;
        ensure!(response.status() == StatusCode::CREATED, "{response:?}");
        Ok::<_, Failed>(())
    })?;
    nginx.logs("PUT /sent status=201 tls=TLSv1.3")?;
    octets::check(&nginx.file("sent"), length)
}

/// Three requests, their bodies read to the end.
async fn three(client: &Client, nginx: &Nginx) -> Result<Vec<Exchange>, Failed> {
    let mut exchanges = Vec::new();
    for _ in 0..3 {
        let response = client.get(&url(nginx, "body")).await?;
        exchanges.extend(response.extensions().get::<Exchange>().cloned());
        response.into_body().collect(1 << 20).await?;
    }
    Ok(exchanges)
}

fn nginx_keeps() -> Tested {
    let (nginx, client) = nginx("")?;
    octets::write(&nginx.file("body"), 1000)?;
    let exchanges = block_on(three(&client, &nginx))?;
    let reused: Vec<bool> = exchanges.iter().map(|exchange| exchange.reused).collect();
    ensure!(reused == [false, true, true], "{exchanges:#?}");
    nginx.logs("number=3").map(|_| ())
}

fn nginx_closes() -> Tested {
    let (nginx, client) = nginx("keepalive_requests 2;")?;
    octets::write(&nginx.file("body"), 1000)?;
    let exchanges = block_on(three(&client, &nginx))?;
    let reused: Vec<bool> = exchanges.iter().map(|exchange| exchange.reused).collect();
    ensure!(reused == [false, true, false], "{exchanges:#?}");
    nginx.logs("number=2").map(|_| ())
}

fn nginx_without_tls() -> Tested {
    let (nginx, client) = nginx("")?;
    octets::write(&nginx.file("body"), 1000)?;
    block_on(async {
        let response = client.get(&format!("http://{}/body", nginx.plain)).await?;
        ensure!(
            response.into_body().collect(2000).await?.len() == 1000,
            "not all"
        );
        Ok::<_, Failed>(())
    })?;
    nginx.logs("status=200 tls=- ").map(|_| ())
}

fn nginx_http1_0() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let files = ca.localhost(Key::P256)?.write(place.path())?;
    let nginx = Nginx::start(
        &files,
        "location = /version { return 200 $server_protocol; }",
    )?;
    let client = Client::builder().roots(ca.roots()?).http1_0(true).build()?;
    block_on(async {
        let response = client.get(&url(&nginx, "version")).await?;
        let text = response.into_body().collect(100).await?;
        ensure!(text == "HTTP/1.0", "{text:?}");
        Ok(())
    })
}

fn nginx_statuses() -> Tested {
    let (nginx, client) = nginx(
        "location = /204 { return 204; } location = /304 { return 304; } location = /500 { return 500; }
         location = /301 { return 301 https://elsewhere.example/; }",
    )?;
    octets::write(&nginx.file("body"), 10)?;
    block_on(async {
        for status in [204, 304, 500, 301, 404] {
            let response = client.get(&url(&nginx, &status.to_string())).await?;
            ensure!(response.status().as_u16() == status, "{response:?}");
            response.into_body().collect(1 << 16).await?;
        }
        let head = Request::head(url(&nginx, "body")).body(())?;
        let response = client.request(head).await?;
        let length = response.headers().get("content-length").cloned();
        ensure!(length.is_some_and(|length| length == "10"), "{response:?}");
        ensure!(
            response.into_body().collect(10).await?.is_empty(),
            "a body for HEAD"
        );
        Ok::<_, Failed>(())
    })?;
    nginx.logs("HEAD /body status=200").map(|_| ())
}

/// nginx passes requests on to our server over connections that it keeps, and both bodies through.
fn nginx_before() -> Tested {
    let ours = Ours::http()?;
    let place = tempfile::tempdir()?;
    let body = place.path().join("body");
    octets::write(&body, 300_000)?;
    let (nginx, _) = nginx(&format!(
        "location /octets/ {{ proxy_pass http://{0}; }}
         location /chunked/7 {{ proxy_pass http://{0}; proxy_http_version 1.1; }}
         location /up {{ proxy_pass http://{0}; proxy_http_version 1.1;
           proxy_set_header Connection \"\"; proxy_request_buffering off; }}",
        ours.at
    ))?;
    let front = format!("http://{}", nginx.plain);
    let got = place.path().join("got");
    let name = got.display().to_string();
    for path in ["/octets/300000", "/chunked/70000"] {
        let url = format!("{front}{path}");
        run("curl", ["-sS", "--fail", "-o", &name, &url], b"")?.ok()?;
        octets::check(
            &got,
            if path == "/octets/300000" {
                300_000
            } else {
                70_000
            },
        )?;
    }
    let data = format!("@{}", body.display());
    for chunked in ["X-A: b", "Transfer-Encoding: chunked"] {
        let url = format!("{front}/up");
        run(
            "curl",
            ["-sS", "--fail", "-H", chunked, "--data-binary", &data, &url],
            b"",
        )?
        .ok()?
        .says(&["300000 octets"])?;
    }
    Ok(())
}

/// As many as it can for a second over eight connections: no error, nothing but 200.
fn wrk() -> Tested {
    let ours = Ours::http()?;
    let url = format!("http://{}/octets/100", ours.at);
    let ended = run("wrk", ["-t1", "-c8", "-d1s", &url], b"")?.ok()?;
    ended.says(&["Requests/sec"])?;
    for bad in ["Socket errors", "Non-2xx"] {
        ensure!(!ended.to_string().contains(bad), "{ended}");
    }
    Ok(())
}

/// Two requests on one connection, one with chunks; then a HEAD.
fn python_asks() -> Tested {
    const SCRIPT: &str = r#"
import http.client, sys
conn = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
conn.request("GET", "/chunked/70000")
body = conn.getresponse().read()
assert len(body) == 70000, len(body)
sock = conn.sock
conn.request("POST", "/", body=iter([body[:1], body[1:]]), encode_chunked=True,
    headers={"Transfer-Encoding": "chunked"})
said = conn.getresponse()
print(said.status, said.read().decode())
assert conn.sock is sock, "another connection"
conn.request("HEAD", "/octets/5")
said = conn.getresponse()
assert (said.getheader("content-length"), said.read()) == ("5", b"")
"#;
    let ours = Ours::http()?;
    let port = ours.at.port().to_string();
    run("python3", ["-c", SCRIPT, &port], b"")?
        .ok()?
        .says(&["200 70000 octets, announced None"])
}

fn node_asks() -> Tested {
    const SCRIPT: &str = r#"
const http = require("http"), port = process.argv[1];
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = (method, path, pieces) => new Promise((done, fail) => {
  const asked = http.request({ port, method, path, agent }, (response) => {
    const body = [];
    response.on("data", (piece) => body.push(piece));
    response.on("end", () => done([response, Buffer.concat(body)]));
  });
  asked.on("error", fail);
  for (const piece of pieces) asked.write(piece);
  asked.end();
});
(async () => {
  const [, body] = await ask("GET", "/chunked/70000", []);
  const [posted, said] = await ask("POST", "/", [body.subarray(0, 1), body.subarray(1)]);
  console.log(posted.statusCode, said.toString(), posted.req.reusedSocket);
  const [head, none] = await ask("HEAD", "/octets/5", []);
  console.log(head.headers["content-length"], none.length);
  agent.destroy();
})();
"#;
    let ours = Ours::http()?;
    let port = ours.at.port().to_string();
    run("node", ["-e", SCRIPT, &port], b"")?.ok()?.says(&[
        "200 70000 octets, announced None",
        "true",
        "5 0",
    ])
}

/// What a script that answers is asked: it prints its port first, echoes a POST, and has trailers.
fn answers(program: &str, arguments: &[&str]) -> Tested {
    let running = Running::start(program, arguments)?;
    let port: u16 = running.line_after("port ")?.parse()?;
    block_on(async {
        let client = Client::builder().build()?;
        for number in 0..3_u32 {
            let sent: Vec<u8> = (0..70_000_u32).map(|at| (at % 251) as u8).collect();
            let body = if number == 0 {
                Body::from(sent.clone())
            } else {
                Body::read(std::io::Cursor::new(sent.clone()), None)
            };
            let request = Request::post(format!("http://127.0.0.1:{port}/")).body(body)?;
            let response = client.request(request).await?;
            let reused = response
                .extensions()
                .get::<Exchange>()
                .map(|exchange| exchange.reused);
            ensure!(reused == Some(number > 0), "{response:?}");
            ensure!(response.status() == StatusCode::OK, "{response:?}");
            let got = response.into_body().collect(1 << 20).await?;
            ensure!(got == sent, "{} octets came back", got.len());
        }
        Ok(())
    })
}

fn python_answers() -> Tested {
    const SCRIPT: &str = r#"
import http.server, sys
class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def chunks(self):
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
    def do_POST(self):
        length = self.headers["Content-Length"]
        body = self.rfile.read(int(length)) if length else b"".join(self.chunks())
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in (body[:1], body[1:]):
            self.wfile.write(b"%x;a=b\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\nX: y\r\n\r\n")
server = http.server.HTTPServer(("127.0.0.1", 0), Echo)
print("port", server.server_port, flush=True)
server.serve_forever()
"#;
    answers("python3", &["-c", SCRIPT])
}

fn node_answers() -> Tested {
    const SCRIPT: &str = r#"
const server = require("http").createServer((request, response) => {
  response.writeHead(200, { Trailer: "X" });
  request.on("data", (piece) => response.write(piece));
  request.on("end", () => { response.addTrailers({ X: "y" }); response.end(); });
});
server.listen(0, "127.0.0.1", () => console.log("port", server.address().port));
"#;
    answers("node", &["-e", SCRIPT])
}
