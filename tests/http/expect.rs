//! Our client waits for 100 before it sends content (RFC 9110 10.1.1): what servers that send it, refuse, or
//! know nothing of it say they saw.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use netkit::http::{Request, Response, StatusCode};
use netkit::{Body, Client, ClientTimeouts};
use netkit_tests::ours::block_on;
use netkit_tests::process::Running;
use netkit_tests::{Failed, Peer, Trial, ensure, trial};
use tokio::io::{AsyncRead, ReadBuf};

use super::Tested;

const LENGTH: u64 = 70_000;

/// So long that a test which waits for its end fails.
const LONG: Duration = Duration::from_secs(120);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("node_sends_100", &[Peer::Node], || sends("node", NODE)),
        trial("node_refuses_before_100", &[Peer::Node], || {
            refuses("node", NODE)
        }),
        trial("node_never_sends_100", &[Peer::Node], never),
        trial("python_sends_100", &[Peer::Python], || {
            sends("python3", PYTHON)
        }),
        trial("python_refuses_before_100", &[Peer::Python], || {
            refuses("python3", PYTHON)
        }),
        trial("nginx_sends_100", &[Peer::Nginx], nginx_sends),
        trial("nginx_refuses_before_100", &[Peer::Nginx], nginx_refuses),
    ]
}

/// Says how much had arrived a while after the head, then sends 100; refuses what goes to /refused.
const NODE: &str = r#"
const server = require("http").createServer();
server.on("checkContinue", (request, response) => {
  if (request.url == "/refused") { response.writeHead(417); return response.end(); }
  setTimeout(() => {
    const early = request.socket.bytesRead > 1000;
    response.writeContinue();
    let length = 0;
    request.on("data", (piece) => length += piece.length);
    request.on("end", () => response.end(`early ${early}, then ${length}`));
  }, 200);
});
server.listen(0, "127.0.0.1", () => console.log("port", server.address().port));
"#;

const PYTHON: &str = r#"
import http.server, select
class Waits(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def handle_expect_100(self):
        if self.path == "/refused":
            self.send_response(417)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False
        self.early = bool(select.select([self.connection], [], [], 0.2)[0])
        return super().handle_expect_100()
    def do_POST(self):
        length = len(self.rfile.read(int(self.headers["Content-Length"])))
        text = f"early {str(self.early).lower()}, then {length}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
server = http.server.HTTPServer(("127.0.0.1", 0), Waits)
print("port", server.server_port, flush=True)
server.serve_forever()
"#;

/// Content that knows whether it was asked for.
struct Watched {
    asked: Arc<AtomicBool>,
    left: usize,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.asked.store(true, Relaxed);
        let count = self.left.min(buf.remaining());
        buf.put_slice(&vec![b'a'; count]);
        self.left -= count;
        Poll::Ready(Ok(()))
    }
}

/// The response to a POST or PUT that expects 100, and whether its content was asked for.
async fn ask(client: &Client, method: &str, url: &str) -> Result<(Response<Body>, bool), Failed> {
    let asked = Arc::new(AtomicBool::new(false));
    let content = Watched {
        asked: Arc::clone(&asked),
        left: usize::try_from(LENGTH)?,
    };
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header("Expect", "100-continue")
        .body(Body::read(content, Some(LENGTH)))?;
    let response = client.request(request).await?;
    Ok((response, asked.load(Relaxed)))
}

fn patient(patience: Duration) -> ClientTimeouts {
    ClientTimeouts {
        expect_continue: patience,
        ..ClientTimeouts::default()
    }
}

fn script(program: &str, script: &str) -> Result<(Running, String), Failed> {
    let option = if program == "node" { "-e" } else { "-c" };
    let running = Running::start(program, [option, script])?;
    let port = running.line_after("port ")?;
    Ok((running, format!("http://127.0.0.1:{port}")))
}

fn sends(program: &str, text: &str) -> Tested {
    let (_running, url) = script(program, text)?;
    block_on(async {
        let client = Client::builder().timeouts(patient(LONG)).build()?;
        let (response, _) = ask(&client, "POST", &format!("{url}/")).await?;
        let said = response.into_body().collect(1000).await?;
        ensure!(said == "early false, then 70000", "{said:?}");
        Ok(())
    })
}

fn refuses(program: &str, text: &str) -> Tested {
    let (_running, url) = script(program, text)?;
    block_on(async {
        let client = Client::builder().timeouts(patient(LONG)).build()?;
        // The second has a connection of its own: nothing follows content that was left out.
        for _ in 0..2 {
            let (response, asked) = ask(&client, "POST", &format!("{url}/refused")).await?;
            ensure!(
                response.status() == StatusCode::EXPECTATION_FAILED && !asked,
                "{response:?}, asked for content: {asked}"
            );
            response.into_body().collect(1000).await?;
        }
        Ok(())
    })
}

/// A server that reads the content before it says anything.
fn never() -> Tested {
    const SILENT: &str = r#"
const server = require("net").createServer((socket) => {
  let length = 0;
  socket.on("data", (piece) => {
    length += piece.length;
    if (length > 70000) socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`);
  });
});
server.listen(0, "127.0.0.1", () => console.log("port", server.address().port));
"#;
    let (_running, url) = script("node", SILENT)?;
    block_on(async {
        let timeouts = patient(Duration::from_millis(50));
        let client = Client::builder().timeouts(timeouts).build()?;
        let (response, asked) = ask(&client, "POST", &url).await?;
        ensure!(response.status() == StatusCode::OK && asked, "{response:?}");
        let said = response.into_body().collect(10).await?;
        ensure!(said == "ok", "{said:?}");
        Ok(())
    })
}

fn nginx_sends() -> Tested {
    let (nginx, client) = super::nginx_with("", patient(LONG))?;
    block_on(async {
        let (response, asked) = ask(&client, "PUT", &super::url(&nginx, "sent")).await?;
        ensure!(
            response.status() == StatusCode::CREATED && asked,
            "{response:?}"
        );
        Ok::<_, Failed>(())
    })?;
    nginx.logs("PUT /sent status=201").map(drop)
}

fn nginx_refuses() -> Tested {
    let (nginx, client) = super::nginx_with("client_max_body_size 1k;", patient(LONG))?;
    block_on(async {
        let (response, asked) = ask(&client, "PUT", &super::url(&nginx, "sent")).await?;
        ensure!(
            response.status() == StatusCode::PAYLOAD_TOO_LARGE && !asked,
            "{response:?}, asked for content: {asked}"
        );
        Ok::<_, Failed>(())
    })?;
    nginx.logs("PUT /sent status=413").map(drop)
}
