use crate::error::{BoxError, Error, Layer, Stage};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use std::{
    fmt,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Octets that a [`Body::read`] takes from its reader at once.
const PIECE: usize = 64 * 1024;

/// The content of a request or response: empty, whole in memory, or a stream.
///
/// A received body is read from the connection as it is asked for: whoever does not ask holds the peer
/// back. It is an [`http_body::Body`].
#[derive(Default)]
pub struct Body {
    inner: Inner,
    trailers: Option<Box<HeaderMap>>,
}

enum Inner {
    /// What is left of it.
    Whole(Bytes),
    Stream(Pin<Box<dyn Pieces>>),
}

impl Default for Inner {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

/// A body that comes in pieces.
pub(crate) trait Pieces: Send {
    fn poll_piece(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>>;

    /// Octets left, if they are known.
    fn length(&self) -> Option<u64>;
}

/// A body of somebody else's.
struct Foreign<B>(Pin<Box<B>>);

impl<B> Pieces for Foreign<B>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    fn poll_piece(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let piece = ready!(self.0.as_mut().poll_frame(cx));
        Poll::Ready(
            piece.map(|piece| piece.map_err(|error| Error::foreign(Stage::Stream, error.into()))),
        )
    }

    fn length(&self) -> Option<u64> {
        self.0.size_hint().exact()
    }
}

/// What a reader gives.
struct Reading<R> {
    reader: Pin<Box<R>>,
    left: Option<u64>,
    buffer: BytesMut,
}

impl<R: AsyncRead + Send> Pieces for Reading<R> {
    fn poll_piece(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if this.left == Some(0) {
            return Poll::Ready(None);
        }
        this.buffer.reserve(PIECE);
        let count = ready!(pin!(this.reader.read_buf(&mut this.buffer)).poll(cx));
        let count = match count {
            Ok(count) => count as u64,
            Err(error) => {
                let error =
                    Error::new(Layer::Usage, Stage::Stream, error.to_string()).because(error);
                return Poll::Ready(Some(Err(error)));
            }
        };
        match &mut this.left {
            _ if count == 0 => return Poll::Ready(None),
            Some(left) if count > *left => {
                // The source grew behind the length that was declared: that much was promised.
                this.buffer
                    .truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left = 0;
            }
            Some(left) => *left -= count,
            None => {}
        }
        Poll::Ready(Some(Ok(Frame::data(this.buffer.split().freeze()))))
    }

    fn length(&self) -> Option<u64> {
        self.left
    }
}

impl Body {
    /// No content.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Content that is in memory.
    pub fn full(content: impl Into<Bytes>) -> Self {
        Self {
            inner: Inner::Whole(content.into()),
            trailers: None,
        }
    }

    /// Any body of the `http-body` world.
    pub fn wrap<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::pieces(Foreign(Box::pin(body)))
    }

    /// What `reader` gives until its end: a file, say. With `length` that many octets and no more.
    pub fn read(reader: impl AsyncRead + Send + 'static, length: Option<u64>) -> Self {
        Self::pieces(Reading {
            reader: Box::pin(reader),
            left: length,
            buffer: BytesMut::new(),
        })
    }

    pub(crate) fn pieces(pieces: impl Pieces + 'static) -> Self {
        Self {
            inner: Inner::Stream(Box::pin(pieces)),
            trailers: None,
        }
    }

    /// Octets that are left, if their number is known.
    pub fn length(&self) -> Option<u64> {
        match &self.inner {
            Inner::Whole(content) => Some(content.len() as u64),
            Inner::Stream(pieces) => pieces.length(),
        }
    }

    /// The next piece of the content; `None` at its end.
    ///
    /// A received body fails with the stage that failed, or timed out, and then stays failed.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Error>> {
        loop {
            let frame = std::future::poll_fn(|cx| self.poll_piece(cx)).await?;
            match frame.map(Frame::into_data) {
                Ok(Ok(data)) => return Some(Ok(data)),
                Ok(Err(frame)) => {
                    self.trailers = frame.into_trailers().ok().map(Box::new);
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The whole content, if it has at most `limit` octets. A handler that returns the error answers
    /// with 413.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, Error> {
        let Some(first) = self.chunk().await.transpose()? else {
            return Ok(Bytes::new());
        };
        if first.len() > limit {
            return Err(Error::too_long(limit));
        }
        let Some(second) = self.chunk().await.transpose()? else {
            return Ok(first);
        };
        let mut whole = BytesMut::from(first);
        let mut next = Some(second);
        while let Some(piece) = next {
            if piece.len() > limit - whole.len() {
                return Err(Error::too_long(limit));
            }
            whole.extend_from_slice(&piece);
            next = self.chunk().await.transpose()?;
        }
        Ok(whole.freeze())
    }

    /// The trailer section (RFC 9110 6.5), after [`chunk`](Self::chunk) has returned `None`.
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_deref()
    }

    /// The same body again, if nothing has to be read for it.
    pub(crate) fn again(&self) -> Option<Self> {
        match &self.inner {
            Inner::Whole(content) => Some(Self::full(content.clone())),
            Inner::Stream(_) => None,
        }
    }

    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut self.inner {
            Inner::Whole(content) if content.is_empty() => Poll::Ready(None),
            Inner::Whole(content) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(content))))),
            Inner::Stream(pieces) => {
                let piece = ready!(pieces.as_mut().poll_piece(cx));
                if piece.is_none() {
                    self.inner = Inner::default();
                }
                Poll::Ready(piece)
            }
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.get_mut().poll_piece(cx)
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.inner, Inner::Whole(content) if content.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        self.length()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams = matches!(self.inner, Inner::Stream(_));
        f.debug_struct("Body")
            .field("streams", &streams)
            .field("length", &self.length())
            .finish_non_exhaustive()
    }
}

macro_rules! whole_from {
    ($($Content:ty),*) => {
        $(impl From<$Content> for Body {
            fn from(content: $Content) -> Self {
                Self::full(content)
            }
        })*
    };
}

whole_from!(Bytes, Vec<u8>, String, &'static str, &'static [u8]);

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Body;
    use bytes::Bytes;

    #[tokio::test]
    async fn a_reader_gives_what_it_promised_and_no_more() {
        let source: &[u8] = b"0123456789";
        let body = Body::read(source, Some(4));
        assert_eq!(body.length(), Some(4));
        assert_eq!(body.collect(100).await.unwrap(), "0123");
        let body = Body::read(source, None);
        assert_eq!(body.length(), None);
        assert_eq!(body.collect(100).await.unwrap(), "0123456789");
    }

    #[tokio::test]
    async fn collect_stops_at_its_limit() {
        assert_eq!(Body::full("abcd").collect(4).await.unwrap(), "abcd");
        assert!(Body::full("abcde").collect(4).await.is_err());
        let long = vec![7; 200_000];
        let pieces = std::io::Cursor::new(long.clone());
        assert!(
            Body::read(pieces.clone(), None)
                .collect(199_999)
                .await
                .is_err()
        );
        let whole = Body::wrap(Body::read(pieces, None)).collect(200_000).await;
        assert_eq!(whole.unwrap(), Bytes::from(long));
    }
}
