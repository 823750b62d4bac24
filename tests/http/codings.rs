//! Content codings: ours for others, and others' for our client.

use netkit::http::{Request, StatusCode};
use netkit::{Client, Coding, CodingLimits, Exchange};
use netkit_tests::octets;
use netkit_tests::ours::{Ours, block_on};
use netkit_tests::process::{Running, run};
use netkit_tests::{Failed, Peer, Trial, ensure, trial};

use crate::{Tested, nginx};

pub(crate) fn trials() -> Vec<Trial> {
    let python = |name: &str, test: fn() -> Tested| trial(name, &[Peer::Python], test);
    vec![
        trial("codings/curl_decodes", &[Peer::Curl], curl_decodes),
        python("codings/python_codes", python_codes),
        python("codings/python_codes_badly", python_codes_badly),
        trial("codings/node_codes_as_it_goes", &[Peer::Node], node_codes),
        trial("codings/nginx_codes", &[Peer::Nginx], nginx_codes),
    ]
}

fn curl_decodes() -> Tested {
    let ours = Ours::http()?;
    let place = tempfile::tempdir()?;
    let file = place.path().join("body");
    let name = file.display().to_string();
    for coding in ["gzip", "deflate"] {
        for length in [0, 1, 16_384, 1 << 20] {
            let url = format!("http://{}/{coding}/{length}", ours.at);
            let arguments = ["-sS", "-v", "--compressed", "-o", &name, &url];
            let curl = run("curl", arguments, b"")?.ok()?;
            curl.says(&[&format!("content-encoding: {coding}")])?;
            octets::check(&file, length)?;
        }
    }
    Ok(())
}

/// A client that decodes.
fn decoding() -> Result<Client, Failed> {
    Ok(Client::builder().decode(CodingLimits::default()).build()?)
}

/// gzip, zlib and their misuse, as Python makes them.
const PYTHON: &str = r#"
import gzip, http.server, zlib
text = b"".join(b"This is line %d.\n" % number for number in range(1000))
def raw(content):
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflate.compress(content) + deflate.flush()
half = len(text) // 2
good = gzip.compress(text)
answers = {
    "/gzip": ("gzip", good), "/x-gzip": ("X-GZip", good),
    "/members": ("gzip", gzip.compress(text[:half]) + gzip.compress(text[half:])),
    "/zlib": ("deflate", zlib.compress(text)), "/raw": ("deflate", raw(text)),
    "/none": ("gzip", b""), "/other": ("br", text), "/two": ("gzip, gzip", gzip.compress(good)),
    "/cut": ("gzip", good[:-1]), "/half": ("gzip", good[:len(good) // 2]), "/more": ("gzip", good + b"\n"),
    "/sum": ("gzip", good[:-8] + bytes([good[-8] ^ 1]) + good[-7:]),
    "/length": ("gzip", good[:-1] + b"\1"), "/plain": ("gzip", text), "/nonsense": ("deflate", b"\x78\x9c\x07"),
    "/bomb": ("gzip", gzip.compress(bytes(50 << 20))),
}
class Coded(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def do_GET(self):
        coding, body = answers[self.path]
        self.send_response(200)
        self.send_header("Content-Encoding", coding)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Asked", self.headers.get("Accept-Encoding", "nothing"))
        self.end_headers()
        if self.command == "GET": self.wfile.write(body)
    do_HEAD = do_GET
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Coded)
print("port", server.server_port, flush=True)
server.serve_forever()
"#;

/// It, and the URL of one of its answers.
fn python() -> Result<(Running, impl Fn(&str) -> String), Failed> {
    let running = Running::start("python3", ["-c", PYTHON])?;
    let port: u16 = running.line_after("port ")?.parse()?;
    Ok((running, move |path: &str| {
        format!("http://127.0.0.1:{port}/{path}")
    }))
}

fn python_codes() -> Tested {
    let (_python, url) = python()?;
    let text = octets::prose(1000);
    block_on(async {
        let client = decoding()?;
        for path in ["gzip", "x-gzip", "members", "zlib", "raw"] {
            let response = client.get(&url(path)).await?;
            let headers = response.headers();
            ensure!(headers["x-asked"] == "gzip, deflate", "{response:?}");
            let gone = ["content-encoding", "content-length"];
            ensure!(
                !gone.iter().any(|name| headers.contains_key(*name)),
                "{response:?}"
            );
            let exchange = response.extensions().get::<Exchange>();
            ensure!(
                exchange.is_some_and(|exchange| exchange.decoded.is_some()),
                "{path}"
            );
            ensure!(response.body().length().is_none(), "{path}");
            let body = response.into_body().collect(1 << 20).await?;
            ensure!(body == text, "{path}: {} octets", body.len());
        }
        // What is not taken off stays, and so does its head.
        for (path, coding) in [("none", "gzip"), ("other", "br"), ("two", "gzip, gzip")] {
            let response = client.get(&url(path)).await?;
            ensure!(
                response.headers()["content-encoding"] == coding,
                "{response:?}"
            );
            let length = response.headers()["content-length"].to_str()?.to_owned();
            let body = response.into_body().collect(1 << 20).await?;
            ensure!(body.len().to_string() == length, "{path}");
        }
        let head = client.request(Request::head(url("gzip")).body(())?).await?;
        ensure!(head.headers()["content-encoding"] == "gzip", "{head:?}");
        // A request may name the codings itself; and without decode nobody does anything.
        let request = Request::get(url("gzip")).header("accept-encoding", "gzip, br");
        let response = client.request(request.body(())?).await?;
        ensure!(response.headers()["x-asked"] == "gzip, br", "{response:?}");
        ensure!(
            response.into_body().collect(1 << 20).await? == text,
            "decoded all the same"
        );
        let response = Client::new()?.get(&url("gzip")).await?;
        ensure!(response.headers()["x-asked"] == "nothing", "{response:?}");
        ensure!(
            response
                .into_body()
                .collect(1 << 20)
                .await?
                .starts_with(b"\x1f\x8b"),
            "coded"
        );
        Ok(())
    })
}

/// What was good comes first, then why the rest is not.
fn python_codes_badly() -> Tested {
    let (_python, url) = python()?;
    block_on(async {
        let client = decoding()?;
        for (path, why) in [
            ("cut", "ended inside its coding"),
            ("half", "ended inside its coding"),
            ("more", "follows the end"),
            ("sum", "another checksum"),
            ("length", "another length"),
            ("plain", "no valid header"),
            ("nonsense", "deflate data is malformed"),
            ("bomb", "too many times its coded length"),
        ] {
            let response = client.get(&url(path)).await?;
            let Err(error) = response.into_body().collect(100 << 20).await else {
                return Err(format!("{path} is taken").into());
            };
            ensure!(error.report().contains(why), "{path}: {}", error.report());
        }
        Ok(())
    })
}

/// Node flushes after the first piece, and waits with the second until the first has been read.
fn node_codes() -> Tested {
    const SCRIPT: &str = r#"
const http = require("http"), zlib = require("zlib");
let go;
const server = http.createServer((request, response) => {
  if (request.url === "/go") { go(); return response.end("went"); }
  response.writeHead(200, { "Content-Encoding": "gzip" });
  const gzip = zlib.createGzip();
  gzip.pipe(response);
  gzip.write("first");
  gzip.flush();
  go = () => gzip.end("second");
});
server.listen(0, "127.0.0.1", () => console.log("port", server.address().port));
"#;
    let running = Running::start("node", ["-e", SCRIPT])?;
    let port: u16 = running.line_after("port ")?.parse()?;
    block_on(async {
        let client = decoding()?;
        let mut body = client
            .get(&format!("http://127.0.0.1:{port}/"))
            .await?
            .into_body();
        let mut heard = Vec::new();
        while heard != b"first" {
            let piece = body.chunk().await.ok_or("it ended")??;
            heard.extend_from_slice(&piece);
        }
        let went = client.get(&format!("http://127.0.0.1:{port}/go")).await?;
        ensure!(went.into_body().collect(10).await? == "went", "no answer");
        ensure!(body.collect(100).await? == "second", "no second piece");
        Ok(())
    })
}

fn nginx_codes() -> Tested {
    let (nginx, _) = nginx("gzip on; gzip_types *; gzip_min_length 1; gzip_http_version 1.0;")?;
    let text = octets::prose(20_000);
    std::fs::write(nginx.file("text"), &text)?;
    let url = format!("http://{}/text", nginx.plain);
    block_on(async {
        let client = decoding()?;
        for _ in 0..2 {
            let response = client.get(&url).await?;
            let exchange = response.extensions().get::<Exchange>();
            let coding = exchange.and_then(|exchange| exchange.decoded);
            ensure!(coding == Some(Coding::Gzip), "{response:?}");
            let body = response.into_body().collect(1 << 20).await?;
            ensure!(body == text, "{} octets", body.len());
        }
        // A part is asked for without coding.
        let part = Request::get(&url).header("range", "bytes=5-6").body(())?;
        let response = client.request(part).await?;
        ensure!(
            response.status() == StatusCode::PARTIAL_CONTENT,
            "{response:?}"
        );
        ensure!(
            response.into_body().collect(100).await? == "is",
            "another part"
        );
        Ok(())
    })
}
