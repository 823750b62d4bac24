//! Every stage ends in time, and the error says which it was.

mod support;

use netkit::{
    Body, Client, ClientTimeouts, Doing, Listener, Server, ServerTimeouts, Stage, Stream, Tcp,
    Transport,
    http::{Request, Response},
};
use std::{
    convert::Infallible,
    future::pending,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use support::{Authority, LOOPBACK, Lengthless, client};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const SOON: Duration = Duration::from_millis(120);

fn quick() -> ClientTimeouts {
    let mut timeouts = ClientTimeouts::default();
    for stage in [
        &mut timeouts.resolve,
        &mut timeouts.connect,
        &mut timeouts.tls_handshake,
        &mut timeouts.send,
        &mut timeouts.response_head,
        &mut timeouts.response_body,
    ] {
        *stage = SOON;
    }
    timeouts
}

/// A server that sends `answer` and then nothing, and reads nothing if `deaf`.
async fn silent(answer: &'static str, deaf: bool) -> SocketAddr {
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        if !deaf {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        pending::<()>().await;
    });
    at
}

async fn late(client: &Client, url: String, body: Body) -> Stage {
    let start = Instant::now();
    let request = Request::post(url).body(body).unwrap();
    let error = match client.request(request).await {
        Ok(response) => response.into_body().collect(1 << 30).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(error.is_timeout(), "{error:?}");
    let took = start.elapsed();
    assert!(took >= SOON && took < Duration::from_secs(20), "{took:?}");
    error.stage()
}

#[tokio::test]
async fn a_client_names_the_stage_in_which_its_server_fell_silent() {
    let plain = client().timeouts(quick()).build().unwrap();
    let secure = Client::builder()
        .roots(Authority::new("Test CA").roots())
        .timeouts(quick())
        .build()
        .unwrap();
    let at = silent("", false).await;
    assert_eq!(
        late(&secure, format!("https://{at}/"), Body::empty()).await,
        Stage::TlsHandshake
    );
    let at = silent("", true).await;
    let long = Body::full(vec![7; 64 << 20]);
    assert_eq!(
        late(&plain, format!("http://{at}/"), long).await,
        Stage::SendRequest
    );
    for begun in ["", "HTTP/1.1 200 OK\r\nContent-"] {
        let at = silent(begun, false).await;
        let stage = late(&plain, format!("http://{at}/"), Body::empty()).await;
        assert_eq!(stage, Stage::ResponseHead);
    }
    let at = silent("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", false).await;
    assert_eq!(
        late(&plain, format!("http://{at}/"), Body::empty()).await,
        Stage::ResponseBody
    );
}

/// Never finds a host, or never reaches it.
struct Stuck {
    finds: bool,
}

impl Transport for Stuck {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Doing<'a, Vec<SocketAddr>> {
        Box::pin(async move {
            if self.finds {
                Ok(vec![LOOPBACK])
            } else {
                pending().await
            }
        })
    }

    fn connect(&self, _: SocketAddr) -> Doing<'_, Box<dyn Stream>> {
        Box::pin(pending())
    }

    fn listen(&self, at: SocketAddr, share: bool) -> io::Result<Box<dyn Listener>> {
        Tcp.listen(at, share)
    }
}

#[tokio::test]
async fn lookup_and_connect_end_in_time() {
    for (finds, stage) in [(false, Stage::Resolve), (true, Stage::Connect)] {
        let stuck = client()
            .transport(Stuck { finds })
            .timeouts(quick())
            .build()
            .unwrap();
        assert_eq!(
            late(&stuck, "http://a/".to_owned(), Body::empty()).await,
            stage
        );
    }
}

/// A server with quick timeouts, and the stages in which connections failed.
fn server() -> (Server, Arc<Mutex<Vec<Stage>>>) {
    let heard = Arc::<Mutex<Vec<Stage>>>::default();
    let hears = Arc::clone(&heard);
    let mut timeouts = ServerTimeouts::default();
    for stage in [
        &mut timeouts.tls_handshake,
        &mut timeouts.request_head,
        &mut timeouts.request_body,
        &mut timeouts.handler,
        &mut timeouts.send,
        &mut timeouts.idle,
        &mut timeouts.linger,
    ] {
        *stage = SOON;
    }
    let server = Server::http()
        .timeouts(timeouts)
        .on_refusal(move |_, error| {
            assert!(error.is_timeout(), "{error:?}");
            hears.lock().unwrap().push(error.stage());
        });
    (server, heard)
}

async fn handler(request: Request<Body>) -> Result<Response<Body>, netkit::Error> {
    match request.uri().path() {
        "/stuck" => pending().await,
        "/long" => Ok(Response::new(Body::full(vec![7; 64 << 20]))),
        _ => Ok(Response::new(Body::wrap(Lengthless(Body::full(
            request.into_body().collect(99).await?,
        ))))),
    }
}

/// What comes of sending `sent` and then nothing: the answer.
async fn stall(at: SocketAddr, sent: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_server_gives_up_on_a_client_that_does_not_read() {
    let (server, heard) = server();
    let bound = server.bind(LOOPBACK).unwrap();
    let mut stream = TcpStream::connect(bound.local_addr()).await.unwrap();
    tokio::spawn(bound.serve(handler));
    let request = b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let start = Instant::now();
    while heard.lock().unwrap().is_empty() && start.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(SOON).await;
    }
    assert_eq!(*heard.lock().unwrap(), [Stage::SendResponse]);
}

#[tokio::test]
async fn a_server_names_the_stage_in_which_its_client_fell_silent() {
    for (sent, answer, stage) in [
        ("", "", None),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200", None),
        ("GET / HTT", "", Some(Stage::RequestHead)),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
            "HTTP/1.1 408",
            Some(Stage::RequestBody),
        ),
        (
            "GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n",
            "HTTP/1.1 503",
            Some(Stage::Handler),
        ),
    ] {
        let (server, heard) = server();
        let bound = server.bind(LOOPBACK).unwrap();
        let at = bound.local_addr();
        let serving = tokio::spawn(bound.serve(handler));
        let answered = stall(at, sent).await;
        assert!(answered.starts_with(answer), "{sent:?}: {answered:?}");
        assert_eq!(
            answered.is_empty(),
            answer.is_empty(),
            "{sent:?}: {answered:?}"
        );
        assert_eq!(*heard.lock().unwrap(), Vec::from_iter(stage), "{sent:?}");
        serving.abort();
    }
}

#[tokio::test]
async fn a_handshake_that_stalls_ends_in_time() {
    let heard = Arc::<Mutex<Vec<Stage>>>::default();
    let hears = Arc::clone(&heard);
    let identity = Authority::new("Test CA").identity("localhost");
    let timeouts = ServerTimeouts {
        tls_handshake: SOON,
        ..ServerTimeouts::default()
    };
    let server = Server::https(identity)
        .timeouts(timeouts)
        .on_refusal(move |_, error| hears.lock().unwrap().push(error.stage()));
    let bound = server.bind(LOOPBACK).unwrap();
    let at = bound.local_addr();
    tokio::spawn(bound.serve(async |_| Ok::<_, Infallible>(Response::new(Body::empty()))));
    assert_eq!(stall(at, "\x16\x03\x01").await, "");
    assert_eq!(*heard.lock().unwrap(), [Stage::TlsHandshake]);
}

#[tokio::test]
async fn a_deadline_of_one_stage_is_not_left_to_the_next() {
    // Reads nothing, answers in two parts, and keeps the connection: what stalls then is the request.
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::time::sleep(SOON).await;
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
        stream.write_all(head).await.unwrap();
        tokio::time::sleep(2 * SOON).await;
        stream.write_all(b" more").await.unwrap();
        pending::<()>().await;
    });
    let timeouts = ClientTimeouts {
        send: 6 * SOON,
        response_body: 3 * SOON,
        ..ClientTimeouts::default()
    };
    let client = client().timeouts(timeouts).build().unwrap();
    let long = Body::full(vec![7; 64 << 20]);
    let stage = late(&client, format!("http://{at}/"), long).await;
    assert_eq!(stage, Stage::SendRequest);
}
