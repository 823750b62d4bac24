//! Requests and responses between `Client` and `Server`, over `http` and `https`.

mod support;

use netkit::{
    Arrival, Body, Bytes, Client, Exchange, Leniencies, Leniency, Server, Shutdown,
    http::{Method, Request, Response, StatusCode, Version, header},
};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};
use support::{Authority, LOOPBACK, Lengthless, client, content, echo, hello, start_echo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const SIZES: [usize; 7] = [0, 1, 5000, 16_384, 70_000, 1 << 20, (5 << 20) + 3];

/// Both schemes: a client, and the URL of an echoing server.
fn both() -> [(Client, String); 2] {
    let http = start_echo(Server::http());
    let authority = Authority::new("Test CA");
    let https = start_echo(Server::https(authority.identity("localhost")));
    let secure = Client::builder().roots(authority.roots()).build().unwrap();
    [
        (
            client().build().unwrap(),
            format!("http://localhost:{}", http.port()),
        ),
        (secure, format!("https://localhost:{}", https.port())),
    ]
}

#[tokio::test]
async fn bodies_of_every_size_go_both_ways_whole_streamed_and_chunked() {
    for (client, base) in both() {
        for size in SIZES {
            let sent = content(size);
            for (path, lengthless) in [
                ("/whole", false),
                ("/whole", true),
                ("/stream", false),
                ("/stream", true),
                ("/chunked", false),
                ("/chunked", true),
            ] {
                let body = if lengthless {
                    Body::wrap(Lengthless(Body::full(sent.clone())))
                } else {
                    Body::full(sent.clone())
                };
                let request = Request::post(format!("{base}{path}")).body(body).unwrap();
                let response = client.request(request).await.unwrap();
                assert_eq!(response.status(), StatusCode::OK);
                let chunked = response.headers().contains_key(header::TRANSFER_ENCODING);
                let unknown = path == "/chunked" || (path == "/stream" && lengthless);
                assert_eq!(chunked, unknown, "{base}{path} {size} {lengthless}");
                let received = response.into_body().collect(usize::MAX).await.unwrap();
                assert!(received == sent, "{base}{path} {size} {lengthless}");
            }
        }
    }
}

#[tokio::test]
async fn requests_share_a_connection_until_told_otherwise() {
    for (client, base) in both() {
        for number in 1..=5 {
            let response = client.get(&format!("{base}/")).await.unwrap();
            let exchange = response.extensions().get::<Exchange>().unwrap().clone();
            assert_eq!((exchange.number, exchange.reused), (number, number > 1));
            assert_eq!(exchange.connection.tls.is_some(), base.starts_with("https"));
            assert_eq!(response.into_body().collect(9).await.unwrap(), "0");
        }
    }
    let at = start_echo(Server::http());
    let short = client().keep_alive(false).build().unwrap();
    for _ in 0..3 {
        let response = short.get(&format!("http://{at}/")).await.unwrap();
        assert_eq!(response.headers()[header::CONNECTION], "close");
        assert!(!response.extensions().get::<Exchange>().unwrap().reused);
    }
}

#[tokio::test]
async fn a_body_left_unread_keeps_its_connection_out_of_the_pool() {
    let at = start_echo(Server::http());
    let client = client().build().unwrap();
    let post = |size| {
        Request::post(format!("http://{at}/stream"))
            .body(Body::full(content(size)))
            .unwrap()
    };
    let mut response = client.request(post(4 << 20)).await.unwrap();
    assert!(response.body_mut().chunk().await.is_some());
    drop(response);
    let response = client.request(post(10)).await.unwrap();
    assert!(!response.extensions().get::<Exchange>().unwrap().reused);
    assert_eq!(response.into_body().collect(10).await.unwrap(), content(10));
}

#[tokio::test]
async fn head_has_the_length_and_not_the_body() {
    for (client, base) in both() {
        for _ in 0..2 {
            let request = Request::head(format!("{base}/")).body(()).unwrap();
            let response = client.request(request).await.unwrap();
            assert_eq!(response.headers()[header::CONTENT_LENGTH], "1");
            assert!(response.headers().contains_key(header::DATE));
            assert_eq!(response.into_body().collect(0).await.unwrap(), "");
        }
    }
}

#[tokio::test]
async fn http_1_0_gets_a_length_or_the_end_of_the_connection() {
    let at = start_echo(Server::http());
    let old = client().http1_0(true).build().unwrap();
    for path in ["/whole", "/chunked"] {
        let request = Request::post(format!("http://{at}{path}"))
            .body(content(100_000))
            .unwrap();
        let response = old.request(request).await.unwrap();
        assert_eq!(response.headers()[header::CONNECTION], "close");
        assert!(!response.headers().contains_key(header::TRANSFER_ENCODING));
        let received = response.into_body().collect(100_000).await.unwrap();
        assert_eq!(received, content(100_000));
    }
}

#[tokio::test]
async fn handlers_see_how_a_request_came() {
    let authority = Authority::new("Test CA");
    let bound = Server::https(authority.identity("localhost"))
        .bind(LOOPBACK)
        .unwrap();
    let at = bound.local_addr();
    tokio::spawn(bound.serve(async |request: Request<Body>| {
        let arrival = request.extensions().get::<Arrival>().unwrap();
        assert!(arrival.peer.is_some());
        let tls = arrival.tls.as_ref().unwrap();
        assert_eq!(tls.alpn.as_deref(), Some(&b"http/1.1"[..]));
        assert_eq!(request.version(), Version::HTTP_11);
        let name = tls.server_name.clone().unwrap_or_default();
        Ok::<_, Infallible>(Response::new(Body::from(format!(
            "{name} {}",
            arrival.number
        ))))
    }));
    let client = Client::builder().roots(authority.roots()).build().unwrap();
    for number in 1..4 {
        let url = format!("https://localhost:{}/", at.port());
        let body = client.get(&url).await.unwrap().into_body();
        assert_eq!(
            body.collect(99).await.unwrap(),
            format!("localhost {number}")
        );
    }
}

/// Writes `sent` to a fresh connection and reads to its end.
async fn raw(at: SocketAddr, sent: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    String::from_utf8(received).unwrap()
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let at = start_echo(Server::http());
    let one = "POST /whole HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none";
    let two = "POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n";
    let three = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let all = raw(at, &format!("{one}{two}{three}")).await;
    let places =
        ["\r\n\r\none", "3\r\ntwo\r\n0\r\n\r\n", "\r\n\r\n0"].map(|part| all.find(part).unwrap());
    assert!(places.is_sorted(), "{all}");
    assert_eq!(all.matches("HTTP/1.1 200 OK").count(), 3);
}

#[tokio::test]
async fn what_is_malformed_is_answered_and_ends_the_connection() {
    let at = start_echo(Server::http());
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\nHost: a\n\n", "400"),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", "505"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "400",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "400",
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n", "417"),
    ] {
        let answer = raw(at, request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request:?}: {answer:?}"
        );
        assert!(answer.contains("Connection: close\r\n"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_gets_it_when_the_body_is_wanted() {
    let at = start_echo(Server::http());
    let mut stream = TcpStream::connect(at).await.unwrap();
    let head = b"POST /whole HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(
        rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.ends_with("\r\n\r\nbody"),
        "{rest}"
    );
}

#[tokio::test]
async fn an_early_answer_to_a_waiting_client_ends_the_connection_without_100() {
    let bound = Server::http().bind(LOOPBACK).unwrap();
    let at = bound.local_addr();
    tokio::spawn(bound.serve(hello));
    let answer = raw(
        at,
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("Connection: close\r\n"));
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let bound = Server::http().bind(LOOPBACK).unwrap();
    let at = bound.local_addr();
    tokio::spawn(bound.serve(hello));
    let client = client().build().unwrap();
    let request = Request::post(format!("http://{at}/"))
        .body(content(20 << 20))
        .unwrap();
    let response = client.request(request).await.unwrap();
    assert_eq!(response.into_body().collect(9).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_small_body_that_nobody_reads_does_not_end_the_connection() {
    let bound = Server::http().bind(LOOPBACK).unwrap();
    let at = bound.local_addr();
    tokio::spawn(bound.serve(hello));
    let client = client().build().unwrap();
    for number in 1..4 {
        let request = Request::post(format!("http://{at}/"))
            .body(Body::wrap(Lengthless(Body::full(content(100_000)))))
            .unwrap();
        let response = client.request(request).await.unwrap();
        assert_eq!(
            response.extensions().get::<Exchange>().unwrap().number,
            number
        );
        response.into_body().collect(9).await.unwrap();
    }
}

#[tokio::test]
async fn errors_and_panics_of_handlers_are_500_and_the_server_lives() {
    let heard = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&heard);
    let server = Server::http().on_refusal(move |_, error| {
        assert!(error.report().contains("handling the request"), "{error:?}");
        count.fetch_add(1, Ordering::Relaxed);
    });
    let bound = server.bind(LOOPBACK).unwrap();
    let at = bound.local_addr();
    tokio::spawn(
        bound.serve(async |request: Request<Body>| match request.uri().path() {
            "/panic" => panic!("this panic is part of the test"),
            "/error" => Err("no"),
            _ => Ok(Response::new(Body::empty())),
        }),
    );
    let client = client().build().unwrap();
    for (path, status) in [("/panic", 500), ("/error", 500), ("/", 200)] {
        let response = client.get(&format!("http://{at}{path}")).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let text = response.into_body().collect(99).await.unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("no\n"));
    }
    assert_eq!(heard.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_stale_connection_costs_an_idempotent_request_nothing() {
    // Answers one request on each connection, promises more, and hangs up when the next arrives.
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(answer).await.unwrap();
            let _ = stream.read(&mut request).await;
        }
    });
    let client = client().build().unwrap();
    let url = format!("http://{at}/");
    for _ in 0..3 {
        let response = client.get(&url).await.unwrap();
        assert!(!response.extensions().get::<Exchange>().unwrap().reused);
        assert_eq!(response.into_body().collect(2).await.unwrap(), "ok");
    }
    let post = Request::post(&url).body("x").unwrap();
    let error = client.request(post).await.unwrap_err();
    assert_eq!(error.layer(), netkit::Layer::Http, "{error}");
}

#[tokio::test]
async fn every_address_of_a_host_is_tried() {
    struct Twice(SocketAddr);
    impl netkit::Transport for Twice {
        fn resolve<'a>(&'a self, host: &'a str, _: u16) -> netkit::Doing<'a, Vec<SocketAddr>> {
            assert_eq!(host, "example.test");
            let closed = SocketAddr::new(self.0.ip(), 1);
            Box::pin(async move { Ok(vec![closed, self.0]) })
        }
        fn connect(&self, to: SocketAddr) -> netkit::Doing<'_, Box<dyn netkit::Stream>> {
            netkit::Tcp.connect(to)
        }
        fn listen(
            &self,
            at: SocketAddr,
            share: bool,
        ) -> std::io::Result<Box<dyn netkit::Listener>> {
            netkit::Tcp.listen(at, share)
        }
    }
    let at = start_echo(Server::http().transport(Twice(LOOPBACK)));
    let client = client().transport(Twice(at)).build().unwrap();
    let response = client.get("http://example.test/").await.unwrap();
    let facts = &response.extensions().get::<Exchange>().unwrap().connection;
    assert_eq!(facts.refused.len(), 1);
    assert_eq!(facts.peer, Some(at));
}

#[tokio::test]
async fn misuse_is_refused_before_anything_is_dialled() {
    let client = client().build().unwrap();
    for url in ["/path", "ftp://a:1/", "http:///", "https://a b/"] {
        let error = client.get(url).await.unwrap_err();
        assert_eq!(error.layer(), netkit::Layer::Usage, "{url}: {error}");
    }
    let connect = Request::builder()
        .method(Method::CONNECT)
        .uri("http://a/")
        .body(())
        .unwrap();
    assert!(client.request(connect).await.is_err());
    assert!(support::client().connect_to("nowhere").build().is_err());
}

#[test]
fn run_serves_on_every_thread_until_shutdown() {
    let shutdown = Shutdown::new();
    let server = Server::http().shutdown(shutdown.clone());
    let (tell, told) = std::sync::mpsc::channel();
    let running =
        std::thread::spawn(move || server.run(LOOPBACK, 3, move |at| tell.send(at).unwrap(), echo));
    let at = told.recv().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = client().keep_alive(false).build().unwrap();
        for _ in 0..20 {
            let response = client.get(&format!("http://{at}/")).await.unwrap();
            assert_eq!(
                response.into_body().collect(1).await.unwrap(),
                Bytes::from("0")
            );
        }
    });
    shutdown.begin();
    running.join().unwrap().unwrap();
    assert!(std::net::TcpStream::connect(at).is_err());
}

#[tokio::test]
async fn a_response_whose_body_fails_does_not_look_complete() {
    /// Gives one piece, then fails.
    struct Fails(bool);
    impl http_body::Body for Fails {
        type Data = Bytes;
        type Error = &'static str;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, &'static str>>> {
            let first = !std::mem::replace(&mut self.0, true);
            let frame = http_body::Frame::data(Bytes::from_static(b"half"));
            std::task::Poll::Ready(Some(if first { Ok(frame) } else { Err("broken") }))
        }
    }
    let authority = Authority::new("Test CA");
    let bound = Server::https(authority.identity("localhost"))
        .bind(LOOPBACK)
        .unwrap();
    let url = format!("https://localhost:{}/", bound.local_addr().port());
    tokio::spawn(bound.serve(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::wrap(Fails(false))))
    }));
    for http1_0 in [false, true] {
        let client = Client::builder()
            .roots(authority.roots())
            .http1_0(http1_0)
            .build()
            .unwrap();
        let received = match client.get(&url).await {
            Ok(response) => response.into_body().collect(99).await.map(drop),
            Err(error) => Err(error),
        };
        assert_eq!(received.unwrap_err().layer(), netkit::Layer::Tls);
    }
}

#[tokio::test]
async fn a_body_that_a_task_keeps_is_fed_after_the_response() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = Mutex::new(Some(tell));
    let bound = Server::http().bind(LOOPBACK).unwrap();
    let at = bound.local_addr();
    tokio::spawn(bound.serve(move |request: Request<Body>| {
        let tell = tell.lock().unwrap().take();
        if let Some(tell) = tell {
            tokio::spawn(async move {
                let _ = tell.send(request.into_body().collect(1 << 30).await);
            });
        }
        hello(Request::default())
    }));
    let client = client().build().unwrap();
    let sent = content(20 << 20);
    let request = Request::post(format!("http://{at}/"))
        .body(sent.clone())
        .unwrap();
    let response = client.request(request).await.unwrap();
    // The request is still being sent: reading the response moves it on, to its end.
    assert_eq!(response.into_body().collect(9).await.unwrap(), "hello");
    assert!(told.await.unwrap().unwrap() == sent);
}

#[tokio::test]
async fn a_body_longer_than_its_handler_allows_is_413() {
    let bound = Server::http().bind(LOOPBACK).unwrap();
    let at = bound.local_addr();
    tokio::spawn(bound.serve(async |request: Request<Body>| {
        let body = request.into_body().collect(1000).await?;
        Ok::<_, netkit::Error>(Response::new(Body::full(body)))
    }));
    let client = client().build().unwrap();
    for (size, status) in [(1000, 200), (1001, 413), (3 << 20, 413)] {
        let request = Request::post(format!("http://{at}/"))
            .body(content(size))
            .unwrap();
        let response = client.request(request).await.unwrap();
        assert_eq!(response.status(), status, "{size}");
        assert!(response.into_body().collect(1000).await.is_ok());
    }
}

#[tokio::test]
async fn what_is_let_pass_is_told_once_and_only_what_was_asked_for() {
    type Told = Arc<Mutex<Vec<(Leniency, u64)>>>;
    let told: Told = Arc::default();
    let hears = Arc::clone(&told);
    let leniencies = Leniencies::NONE.with(Leniency::BareLf);
    let server = Server::http().lenient(leniencies, move |_, leniency, at| {
        hears.lock().unwrap().push((leniency, at));
    });
    let at = start_echo(server);
    let mut stream = TcpStream::connect(at).await.unwrap();
    let raw = "GET / HTTP/1.1\nHost: h\n\nGET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n";
    stream.write_all(raw.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("HTTP/1.1 400 "), "{answer}");
    assert_eq!(*told.lock().unwrap(), [(Leniency::BareLf, 14)]);

    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1000];
            let _ = stream.read(&mut asked).await.unwrap();
            let raw = b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nhi";
            stream.write_all(raw).await.unwrap();
        }
    });
    let url = format!("http://{at}/");
    let refused = client().build().unwrap().get(&url).await.unwrap_err();
    assert!(refused.to_string().contains("' ' at octet 31"), "{refused}");
    let told: Told = Arc::default();
    let hears = Arc::clone(&told);
    let leniencies = Leniencies::NONE.with(Leniency::SpaceBeforeColon);
    let lenient = client().lenient(leniencies, move |peer, leniency, at| {
        assert_eq!(peer.0, "127.0.0.1");
        hears.lock().unwrap().push((leniency, at));
    });
    let response = lenient.build().unwrap().get(&url).await.unwrap();
    assert_eq!(response.into_body().collect(10).await.unwrap(), "hi");
    assert_eq!(*told.lock().unwrap(), [(Leniency::SpaceBeforeColon, 31)]);
}
