//! Connections that leave HTTP: Upgrade and CONNECT, over `http` and `https`.

mod support;

use netkit::{
    Body, Client, Server, Switched, TakeOver,
    http::{Method, Request, Response, StatusCode},
};
use std::{convert::Infallible, net::SocketAddr};
use support::{Authority, LOOPBACK, client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Says what it got, in capitals, until the end.
async fn shout(mut io: Switched) {
    let mut buffer = [0; 64];
    while let Ok(count @ 1..) = io.read(&mut buffer).await {
        buffer[..count].make_ascii_uppercase();
        if io.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    let _ = io.shutdown().await;
}

/// Switches on `/shout` and for CONNECT; `/deaf` switches and hands over to nobody; `/no` refuses.
async fn switching(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path().to_owned();
    let connect = *request.method() == Method::CONNECT;
    // A switch comes behind the whole request.
    let length = request
        .into_body()
        .collect(100)
        .await
        .map_or(0, |body| body.len());
    let response = Response::builder().header("content-was", length.to_string());
    let response = match path.as_str() {
        _ if connect => response.extension(TakeOver::new(shout)),
        "/shout" => response
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header("connection", "upgrade")
            .header("upgrade", "shouting")
            .extension(TakeOver::new(shout)),
        "/deaf" => response.status(StatusCode::SWITCHING_PROTOCOLS),
        // What a response that ends nothing says of taking over counts for nothing.
        _ => response.extension(TakeOver::new(|_| async { panic!("HTTP goes on") })),
    };
    Ok(response.body(Body::empty()).expect("a response"))
}

fn start(server: Server) -> SocketAddr {
    let bound = server.bind(LOOPBACK).unwrap();
    let at = bound.local_addr();
    tokio::spawn(bound.serve(switching));
    at
}

fn both() -> [(Client, String); 2] {
    let authority = Authority::new("Test CA");
    let http = start(Server::http());
    let https = start(Server::https(authority.identity("localhost")));
    let secure = Client::builder().roots(authority.roots()).build().unwrap();
    [
        (
            client().build().unwrap(),
            format!("http://localhost:{}", http.port()),
        ),
        (secure, format!("https://localhost:{}", https.port())),
    ]
}

fn upgrade(url: &str, body: &'static str) -> Request<Body> {
    Request::get(url)
        .header("connection", "Upgrade")
        .header("upgrade", "shouting")
        .body(Body::from(body))
        .unwrap()
}

#[tokio::test]
async fn both_sides_go_on_with_the_connection_behind_101() {
    for (client, base) in both() {
        for body in ["", "a body first"] {
            let request = upgrade(&format!("{base}/shout"), body);
            let mut response = client.request(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
            assert_eq!(response.headers()["content-was"], body.len().to_string());
            let mut io = Switched::take(&mut response).unwrap();
            assert!(Switched::take(&mut response).is_none(), "once");
            io.write_all(b"hello").await.unwrap();
            let mut answer = [0; 5];
            io.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HELLO");
            io.shutdown().await.unwrap();
            assert_eq!(io.read(&mut answer).await.unwrap(), 0);
        }
    }
}

#[tokio::test]
async fn a_refused_upgrade_is_an_exchange_like_any_other() {
    for (client, base) in both() {
        for _ in 0..2 {
            let request = upgrade(&format!("{base}/no"), "");
            let mut response = client.request(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            assert!(Switched::take(&mut response).is_none());
        }
    }
}

#[tokio::test]
async fn a_switch_that_nobody_takes_over_ends_the_connection() {
    for (client, base) in both() {
        let request = upgrade(&format!("{base}/deaf"), "");
        let mut response = client.request(request).await.unwrap();
        let mut io = Switched::take(&mut response).unwrap();
        assert_eq!(io.read(&mut [0; 9]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_tunnel_begins_behind_a_success_to_connect() {
    let proxy = start(Server::http());
    let client = client().connect_to(proxy.to_string()).build().unwrap();
    for uri in ["http://h.example/", "h.example"] {
        let request = Request::connect(uri).body(Body::empty()).unwrap();
        let error = client.request(request).await.unwrap_err();
        assert!(error.report().contains("host:port"), "{}", error.report());
    }
    let request = Request::connect("h.example:443")
        .body(Body::empty())
        .unwrap();
    let mut response = client.request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut io = Switched::take(&mut response).unwrap();
    io.write_all(b"in the tunnel").await.unwrap();
    let mut answer = [0; 13];
    io.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"IN THE TUNNEL");
}

#[tokio::test]
async fn what_came_with_the_request_belongs_to_the_next_protocol() {
    let at = start(Server::http());
    for request in [
        "CONNECT h.example:443 HTTP/1.1\r\nHost: h.example:443\r\nConnection: close\r\n\r\n",
        "GET /shout HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: shouting\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let ahead = format!("{request}GET / HTTP/1.1\r\n");
        stream.write_all(ahead.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("\r\n\r\nGET / HTTP/1.1\r\n"), "{answer}");
    }
}
