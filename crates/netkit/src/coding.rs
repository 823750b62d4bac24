//! Bodies with a content coding put on or taken off (RFC 9110 8.4), as they stream.

use crate::{
    body::{Body, Pieces},
    error::{Error, Stage},
};
use bytes::{Buf, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, RANGE},
};
use http_body::Frame;
use netkit_http::{
    coding::{Coding, Decoded, Decoder, Encoder},
    limits::CodingLimits,
};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Octets that are decoded at once.
const PIECE: usize = 32 * 1024;

/// Octets of content that are encoded at once: as many become one piece, however little they shrink to.
const ENCODE_AHEAD: usize = 64 * 1024;

impl Body {
    /// The same content with `coding` put on, as it is asked for. Its length is no longer known. `level` is
    /// zlib's, 0 to 9.
    ///
    /// Who serves it says so: Content-Encoding, Vary, and another ETag than that of the content without
    /// coding (RFC 9110 8.8.3.3).
    #[must_use]
    pub fn encoded(self, coding: Coding, level: u32) -> Self {
        Self::pieces(Encoding {
            body: self,
            encoder: Some(Encoder::new(coding, level)),
            coded: Vec::new(),
        })
    }

    /// The same content with `coding` taken off, as it is asked for. Its length is no longer known.
    ///
    /// It fails where the content is not what its coding says, or is more than `limits` allow.
    #[must_use]
    pub fn decoded(self, coding: Coding, limits: CodingLimits) -> Self {
        Self::pieces(Decoding {
            body: self,
            decoder: Decoder::with_limits(coding, limits),
            coded: Bytes::new(),
            content: BytesMut::new(),
            state: Reading::Goes,
        })
    }
}

struct Encoding {
    body: Body,
    /// `None` behind the end.
    encoder: Option<Encoder>,
    coded: Vec<u8>,
}

impl Encoding {
    fn take(&mut self) -> Option<Result<Frame<Bytes>, Error>> {
        let coded = std::mem::take(&mut self.coded);
        (!coded.is_empty()).then(|| Ok(Frame::data(coded.into())))
    }
}

impl Pieces for Encoding {
    fn poll_piece(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let refused = |error| Error::http(Stage::Stream, error);
        let mut taken = 0;
        let this = &mut *self;
        let Some(encoder) = &mut this.encoder else {
            return this.body.poll_piece(cx);
        };
        loop {
            let piece = match this.body.poll_piece(cx) {
                Poll::Ready(piece) => piece.transpose()?.map(Frame::into_data),
                Poll::Pending => {
                    // Whoever waits for the rest gets what there is.
                    if taken > 0 {
                        encoder.flush(&mut this.coded).map_err(refused)?;
                    }
                    return this
                        .take()
                        .map_or(Poll::Pending, |piece| Poll::Ready(Some(piece)));
                }
            };
            match piece {
                Some(Ok(data)) => {
                    taken += data.len();
                    encoder.send(&[&data], &mut this.coded).map_err(refused)?;
                    if taken >= ENCODE_AHEAD && !this.coded.is_empty() {
                        return Poll::Ready(this.take());
                    }
                }
                // Trailers come last: they wait in the body for their turn.
                Some(Err(frame)) => {
                    encoder.close(&mut this.coded).map_err(refused)?;
                    this.encoder = None;
                    this.body = Body::pieces(Last(Some(frame)));
                    return Poll::Ready(this.take());
                }
                None => {
                    encoder.close(&mut this.coded).map_err(refused)?;
                    this.encoder = None;
                    return Poll::Ready(this.take());
                }
            }
        }
    }

    fn length(&self) -> Option<u64> {
        None
    }
}

/// A frame that is left.
struct Last(Option<Frame<Bytes>>);

impl Pieces for Last {
    fn poll_piece(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Poll::Ready(self.0.take().map(Ok))
    }

    fn length(&self) -> Option<u64> {
        None
    }
}

struct Decoding {
    body: Body,
    decoder: Decoder,
    /// What of the last piece has yet to be decoded.
    coded: Bytes,
    content: BytesMut,
    state: Reading,
}

enum Reading {
    Goes,
    /// Only what may follow content is left.
    Ended,
    Failed(netkit_http::Error),
}

impl Pieces for Decoding {
    fn poll_piece(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        loop {
            match this.state {
                Reading::Failed(error) => {
                    return Poll::Ready(Some(Err(Error::http(Stage::Stream, error))));
                }
                Reading::Ended => return this.body.poll_piece(cx),
                Reading::Goes => {}
            }
            match this.decode() {
                Ok(Some(content)) => return Poll::Ready(Some(Ok(Frame::data(content)))),
                Ok(None) => {}
                Err(error) => {
                    this.state = Reading::Failed(error);
                    continue;
                }
            }
            let frame = ready!(this.body.poll_piece(cx)).transpose()?;
            match frame.map(Frame::into_data) {
                Some(Ok(data)) => this.coded = data,
                behind => {
                    this.state = match this.decoder.eof() {
                        Ok(()) => Reading::Ended,
                        Err(error) => Reading::Failed(error),
                    };
                    if let (Reading::Ended, Some(Err(frame))) = (&this.state, behind) {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
            }
        }
    }

    fn length(&self) -> Option<u64> {
        None
    }
}

impl Decoding {
    /// The next piece of content, if what has come makes one.
    fn decode(&mut self) -> Result<Option<Bytes>, netkit_http::Error> {
        self.content.resize(PIECE, 0);
        let step = self.decoder.recv(&self.coded, &mut self.content)?;
        self.coded.advance(step.used);
        let made = match step.event {
            Decoded::Data(content) => content.len(),
            Decoded::NeedData => return Ok(None),
        };
        Ok(Some(self.content.split_to(made).freeze()))
    }
}

/// Asks for codings that [`take_off`] knows, unless the request does or asks for a part: a part of coded
/// content cannot be decoded.
pub(crate) fn ask(headers: &mut HeaderMap) {
    if !headers.contains_key(RANGE) {
        headers
            .entry(ACCEPT_ENCODING)
            .or_insert(HeaderValue::from_static("gzip, deflate"));
    }
}

/// Takes the coding off a response that has one that is known, and from its head what spoke of it; says which
/// it was.
pub(crate) fn take_off(response: &mut Response<Body>, limits: CodingLimits) -> Option<Coding> {
    let is_part = response.status() == StatusCode::PARTIAL_CONTENT;
    if is_part || response.body().length() == Some(0) {
        return None;
    }
    let headers = response.headers_mut();
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let (Some(coding), None) = (codings.next(), codings.next()) else {
        return None;
    };
    let coding = Coding::named(coding.as_bytes())?;
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    let body = std::mem::take(response.body_mut());
    *response.body_mut() = body.decoded(coding, limits);
    Some(coding)
}

#[cfg(test)]
mod tests {
    use super::{Body, Coding, CodingLimits};
    use crate::error::Error;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};
    use http_body::Frame;
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    /// Pieces, trailers, and an interruption before each.
    struct Slow(Vec<Frame<Bytes>>, bool);

    impl http_body::Body for Slow {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            self.1 = !self.1;
            if self.1 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let next = (!self.0.is_empty()).then(|| self.0.remove(0));
            Poll::Ready(next.map(Ok))
        }
    }

    fn decoded(body: Body, coding: Coding) -> Body {
        body.decoded(coding, CodingLimits::default())
    }

    fn slow(pieces: &[&'static [u8]]) -> Body {
        let mut frames: Vec<_> = pieces
            .iter()
            .map(|&piece| Frame::data(piece.into()))
            .collect();
        let trailers =
            HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("\"t\""))]);
        frames.push(Frame::trailers(trailers));
        Body::wrap(Slow(frames, false))
    }

    #[tokio::test]
    async fn codings_go_on_and_off_and_trailers_stay() {
        for coding in Coding::ALL {
            for pieces in [
                &[][..],
                &[&b"one"[..]],
                &[b"one, ", b"", b"two, ", b"three"],
            ] {
                let mut body = decoded(slow(pieces).encoded(coding, 6), coding);
                let mut content = Vec::new();
                while let Some(piece) = body.chunk().await {
                    content.extend_from_slice(&piece.unwrap());
                }
                assert_eq!(content, pieces.concat());
                assert!(
                    body.trailers()
                        .is_some_and(|trailers| trailers["etag"] == "\"t\"")
                );
            }
        }
    }

    #[tokio::test]
    async fn a_slow_source_holds_nothing_back() {
        let mut body = slow(&[b"first", b"second"]).encoded(Coding::Gzip, 6);
        let first = body.chunk().await.unwrap().unwrap();
        let decoded = decoded(Body::full(first), Coding::Gzip).chunk().await;
        assert_eq!(decoded.unwrap().unwrap(), "first");
    }

    #[tokio::test]
    async fn what_is_long_comes_in_pieces_that_are_not() {
        let long: Vec<_> = (0..300_000).map(|number| number.to_string()).collect();
        let long = long.join(" ");
        let coded = Body::full(long.clone()).encoded(Coding::Gzip, 6);
        let coded = coded.collect(long.len()).await.unwrap();
        assert!(coded.len() < long.len() * 3 / 4);
        let mut body = decoded(Body::full(coded), Coding::Gzip);
        let mut length = 0;
        while let Some(piece) = body.chunk().await {
            let piece = piece.unwrap();
            assert!(piece.len() <= super::PIECE);
            length += piece.len();
        }
        assert_eq!(length, long.len());
    }

    #[tokio::test]
    async fn broken_codings_stay_broken() {
        let mut coded = Vec::from(
            Body::full("hello")
                .encoded(Coding::Gzip, 6)
                .collect(99)
                .await
                .unwrap(),
        );
        coded.pop();
        let mut body = decoded(Body::full(coded), Coding::Gzip);
        assert_eq!(body.chunk().await.unwrap().unwrap(), "hello");
        for _ in 0..2 {
            let error = body.chunk().await.unwrap().unwrap_err();
            assert!(
                error.to_string().contains("ended inside its coding"),
                "{error}"
            );
        }
    }
}
