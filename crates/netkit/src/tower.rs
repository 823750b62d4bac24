//! tower's services: a [`Client`] is one, and [`Hosted`] makes any of them a server's handler.

use crate::{
    body::Body,
    client::Client,
    error::{BoxError, Error},
    server::Handler,
};
use bytes::Bytes;
use http::{Request, Response};
use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};
use tower_service::Service;

impl<B: Into<Body>> Service<Request<B>> for Client {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

    /// Always: connections are dialled and waited for by each request.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (client, request) = (self.clone(), request.map(Into::into));
        Box::pin(async move { client.request::<Body>(request).await })
    }
}

/// A service of tower as a server's [`Handler`]: a stack of layers, a router.
///
/// Each request has a clone of it, which is asked first whether it is ready; until it is, the connection waits.
///
/// ```
/// use netkit::{Body, Error, Hosted, Server, http::{Request, Response}};
/// use std::time::Duration;
/// use tower::ServiceBuilder;
///
/// # async fn example() -> Result<(), Error> {
/// let service = ServiceBuilder::new()
///     .concurrency_limit(100)
///     .timeout(Duration::from_secs(5))
///     .service_fn(async |request: Request<Body>| {
///         let body = request.into_body().collect(1 << 20).await?;
///         Ok::<_, Error>(Response::new(Body::from(body)))
///     });
/// let bound = Server::http().bind(([127, 0, 0, 1], 0).into())?;
/// bound.serve(Hosted(service)).await
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Hosted<S>(pub S);

impl<S, B> Handler for Hosted<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    async fn handle(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let mut service = self.0.clone();
        poll_fn(|cx| service.poll_ready(cx))
            .await
            .map_err(Into::into)?;
        let response = service.call(request).await.map_err(Into::into)?;
        Ok(response.map(Body::wrap))
    }
}
