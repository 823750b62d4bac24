//! What a subscriber of tracing hears of an exchange, and what it does not.

#![cfg(feature = "tracing")]

mod support;

use netkit::{
    Body, Client, Server,
    http::{Request, Response, StatusCode},
};
use std::{
    io::Write,
    sync::{Arc, Mutex},
};
use support::LOOPBACK;
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

/// What was written, by whichever thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

async fn answer(request: Request<Body>) -> Result<Response<Body>, netkit::Error> {
    tracing::info!("in the handler");
    let mut response = Response::new(Body::from("hello"));
    if request.uri().path() == "/none" {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    if request.uri().path() == "/wrong" {
        request.into_body().collect(1).await?;
    }
    Ok(response)
}

#[tokio::test]
async fn spans_name_what_happened_and_nothing_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    // This test is alone in its process.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let bound = Server::http().bind(LOOPBACK).unwrap();
    let (at, stop) = (bound.local_addr(), bound.shutdown());
    let serving = tokio::spawn(bound.serve(answer));
    let client = Client::builder().build().unwrap();
    for path in ["/found?password=hunter2", "/none", "/wrong"] {
        let request = Request::post(format!("http://{at}{path}"))
            .header("authorization", "hunter2")
            .body("hunter2");
        let response = client.request(request.unwrap()).await.unwrap();
        response.into_body().collect(100).await.unwrap();
    }
    assert!(client.get(&format!("http://{LOOPBACK}/")).await.is_err());
    drop(client);
    stop.begin();
    serving.await.unwrap().unwrap();

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let has = |words: &[&str]| {
        let found = log
            .lines()
            .any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "no line with {words:?} in\n{log}");
    };
    let port = format!("port={}", at.port());
    let peer = format!("peer={at}");
    has(&["connected", &peer]);
    has(&[
        "exchange{method=POST",
        "127.0.0.1",
        &port,
        "path=\"/found\"",
        "status=200",
        "close",
    ]);
    has(&["exchange{", "path=\"/none\"", "status=404", "close"]);
    has(&[
        "connection{peer=127.0.0.1:",
        "request{method=POST path=\"/found\" version=HTTP/1.1",
        "status=200",
        "close",
    ]);
    has(&[
        "connection{",
        "request{",
        "path=\"/none\"",
        "in the handler",
    ]);
    has(&[
        "request{",
        "path=\"/wrong\"",
        "the handler failed",
        "longer than the 1 octets",
    ]);
    has(&["exchange{method=GET", "failed", "TCP: connecting"]);
    assert!(!log.contains("hunter2"), "{log}");
}
