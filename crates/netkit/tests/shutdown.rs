//! A server that is told to stop finishes what it began.

mod support;

use netkit::{
    Body, Server, ServerTimeouts, Stage,
    http::{Request, Response, header},
};
use std::{convert::Infallible, sync::Arc, time::Duration};
use support::{LOOPBACK, client};
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    sync::Notify,
    time::{sleep, timeout},
};

#[tokio::test]
async fn running_requests_finish_idle_connections_end_and_new_ones_are_refused() {
    let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let bound = Server::http().bind(LOOPBACK).unwrap();
    let (at, shutdown) = (bound.local_addr(), bound.shutdown());
    let (tell, wait) = (Arc::clone(&began), Arc::clone(&go));
    let serving = tokio::spawn(bound.serve(move |_: Request<Body>| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            tell.notify_one();
            wait.notified().await;
            Ok::<_, Infallible>(Response::new(Body::from("finished")))
        }
    }));
    let mut idle = TcpStream::connect(at).await.unwrap();
    let client = client().build().unwrap();
    let request = tokio::spawn(async move { client.get(&format!("http://{at}/")).await });
    began.notified().await;
    shutdown.begin();

    let ended = timeout(Duration::from_secs(5), idle.read(&mut [0; 1])).await;
    assert_eq!(
        ended.unwrap().unwrap(),
        0,
        "an idle connection ends at once"
    );
    assert!(
        TcpStream::connect(at).await.is_err(),
        "nobody listens any more"
    );
    sleep(Duration::from_millis(50)).await;
    assert!(!serving.is_finished(), "a request is still running");

    go.notify_one();
    let response = request.await.unwrap().unwrap();
    assert_eq!(response.headers()[header::CONNECTION], "close");
    assert_eq!(response.into_body().collect(99).await.unwrap(), "finished");
    timeout(Duration::from_secs(5), serving)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn what_does_not_finish_is_cut_after_the_drain_timeout() {
    let timeouts = ServerTimeouts {
        drain: Duration::from_millis(100),
        ..ServerTimeouts::default()
    };
    let bound = Server::http().timeouts(timeouts).bind(LOOPBACK).unwrap();
    let (at, shutdown) = (bound.local_addr(), bound.shutdown());
    let began = Arc::new(Notify::new());
    let tell = Arc::clone(&began);
    let serving = tokio::spawn(bound.serve(move |_: Request<Body>| {
        tell.notify_one();
        std::future::pending::<Result<Response<Body>, Infallible>>()
    }));
    let client = client().build().unwrap();
    let request = tokio::spawn(async move { client.get(&format!("http://{at}/")).await });
    began.notified().await;
    shutdown.begin();
    let error = timeout(Duration::from_secs(5), serving)
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!(error.stage(), Stage::Drain);
    assert!(request.await.unwrap().is_err());
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let bound = Server::http().max_connections(1).bind(LOOPBACK).unwrap();
    let at = bound.local_addr();
    tokio::spawn(bound.serve(support::hello));
    let first = TcpStream::connect(at).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    let client = client().build().unwrap();
    let url = format!("http://{at}/");
    let waits = timeout(Duration::from_millis(200), client.get(&url)).await;
    assert!(waits.is_err(), "there is room for one");
    drop(first);
    let served = timeout(Duration::from_secs(5), client.get(&url)).await;
    assert_eq!(served.unwrap().unwrap().status(), 200);
}
