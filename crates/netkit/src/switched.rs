use crate::{body::Body, transport::Stream, wire::Wire};
use http::Response;
use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection that has left HTTP, behind a 101 or a CONNECT that succeeded (RFC 9110 7.8, 9.3.6), with
/// TLS if it had that: the first octet to read is the first behind the head. It has no timeouts.
pub struct Switched(Wire<Box<dyn Stream>>);

impl Switched {
    pub(crate) const fn over(wire: Wire<Box<dyn Stream>>) -> Self {
        Self(wire)
    }

    pub(crate) fn into_wire(self) -> Wire<Box<dyn Stream>> {
        self.0
    }

    /// The connection that a [`Client`](crate::Client)'s response has left to the next protocol, once;
    /// none where the response is one like any other. It ends with the response if nobody takes it.
    pub fn take(response: &mut Response<Body>) -> Option<Self> {
        let kept: Kept = response.extensions_mut().remove()?;
        kept.take()
    }

    pub(crate) fn keep(self, response: &mut Response<()>) {
        response.extensions_mut().insert(Kept::new(self));
    }
}

/// One thing for whoever takes it first: extensions of a message want to be cloned and shared.
struct Once<T>(Arc<Mutex<Option<T>>>);

type Kept = Once<Switched>;

impl<T> Once<T> {
    fn new(thing: T) -> Self {
        Self(Arc::new(Mutex::new(Some(thing))))
    }

    fn take(&self) -> Option<T> {
        // Nothing panics while it is locked.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take()
    }
}

impl<T> Clone for Once<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a handler puts into the extensions of its response to go on with the connection, if the response
/// ends HTTP on it: 101, or a success to CONNECT.
///
/// ```
/// # use netkit::{Body, TakeOver, http::{Request, Response, StatusCode}};
/// # async fn handler(_: Request<Body>) -> Result<Response<Body>, netkit::http::Error> {
/// use tokio::io::AsyncWriteExt;
///
/// Response::builder()
///     .status(StatusCode::SWITCHING_PROTOCOLS)
///     .header("connection", "upgrade")
///     .header("upgrade", "greeting")
///     .extension(TakeOver::new(|mut io| async move {
///         let _ = io.write_all(b"hello").await;
///         let _ = io.shutdown().await;
///     }))
///     .body(Body::empty())
/// # }
/// ```
///
/// It runs in the connection's task once the request is read and the response has left, and counts as
/// the connection: for its limit, and for a shutdown that waits.
#[derive(Clone)]
pub struct TakeOver(Once<Box<dyn FnOnce(Switched) -> Work + Send>>);

impl TakeOver {
    /// `work` gets the connection.
    pub fn new<F>(work: impl FnOnce(Switched) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self(Once::new(Box::new(|io| Box::pin(work(io)))))
    }

    pub(crate) async fn run(self, io: Switched) {
        if let Some(work) = self.0.take() {
            work(io).await;
        }
    }
}

impl AsyncRead for Switched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Switched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}

impl fmt::Debug for Switched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switched").finish_non_exhaustive()
    }
}

impl fmt::Debug for TakeOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TakeOver").finish_non_exhaustive()
    }
}
