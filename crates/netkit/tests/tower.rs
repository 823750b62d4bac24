//! Layers of tower around our client, and around the service that our server hosts.

#![cfg(feature = "tower-service")]

mod support;

use netkit::{
    Body, Bytes, Client, Hosted, Server,
    http::{Request, Response, StatusCode},
};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use support::LOOPBACK;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};

/// Counts how many it answers at once, and takes a while for each.
#[derive(Clone, Default)]
struct Busy {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Busy {
    async fn answer(self, request: Request<Body>) -> Result<Response<String>, Infallible> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let pause = if request.uri().path() == "/slow" {
            60_000
        } else {
            20
        };
        tokio::time::sleep(Duration::from_millis(pause)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect(100).await;
        Ok(Response::new(format!("{path} {:?}", body.ok())))
    }
}

async fn text(response: Response<Body>) -> Bytes {
    response.into_body().collect(1000).await.unwrap()
}

#[tokio::test]
async fn layers_wrap_both_sides() {
    let busy = Busy::default();
    let most = Arc::clone(&busy.most);
    // Two at once, and none for longer than two seconds.
    let service = ServiceBuilder::new()
        .concurrency_limit(2)
        .timeout(Duration::from_secs(2))
        .service_fn(move |request| busy.clone().answer(request));
    let bound = Server::http().bind(LOOPBACK).unwrap();
    let at = bound.local_addr();
    tokio::spawn(bound.serve(Hosted(service)));

    let client = Client::builder().build().unwrap();
    let mut layered = ServiceBuilder::new()
        .map_request(move |path: &'static str| {
            Request::post(format!("http://{at}{path}"))
                .body("hello")
                .unwrap()
        })
        .service(client);
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let answer = layered.ready().await.unwrap().call("/quick");
        asked.spawn(async { text(answer.await.unwrap()).await });
    }
    while let Some(said) = asked.join_next().await {
        assert_eq!(said.unwrap(), "/quick Some(b\"hello\")");
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
    // What a layer gives up on is the handler's error.
    let late = layered.ready().await.unwrap().call("/slow").await.unwrap();
    assert_eq!(late.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn an_error_of_readiness_is_the_handlers() {
    #[derive(Clone)]
    struct Never;
    impl Service<Request<Body>> for Never {
        type Response = Response<Body>;
        type Error = BoxError;
        type Future = std::future::Pending<Result<Response<Body>, BoxError>>;

        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), BoxError>> {
            std::task::Poll::Ready(Err("never ready".into()))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            unreachable!("it is not ready")
        }
    }
    let bound = Server::http().bind(LOOPBACK).unwrap();
    let url = format!("http://{}/", bound.local_addr());
    tokio::spawn(bound.serve(Hosted(Never)));
    let client = Client::builder().build().unwrap();
    let request = Request::get(url).body(()).unwrap();
    let answer = client.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
