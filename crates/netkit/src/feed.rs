//! A request's body on its way from the connection to the handler, which may have moved it to
//! another task: one piece at a time, read when it is asked for.

use crate::{body::Pieces, error::Error};
use bytes::Bytes;
use http_body::Frame;
use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

type Piece = Option<Result<Frame<Bytes>, Error>>;

/// The connection's end.
pub(crate) struct Feed(Arc<Mutex<Slot>>);

/// The body's end.
pub(crate) struct Fed {
    slot: Arc<Mutex<Slot>>,
    left: Option<u64>,
}

#[derive(Default)]
struct Slot {
    /// A piece, or the end, that waits for the body to take it.
    piece: Option<Piece>,
    /// The body waits for a piece.
    wanted: bool,
    /// One of the two ends is gone, or the end was taken.
    over: bool,
    body: Option<Waker>,
    connection: Option<Waker>,
}

/// What the body's end wants.
#[derive(Debug, PartialEq)]
pub(crate) enum Wants {
    Piece,
    /// It is gone.
    Nothing,
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    // Nothing here panics half way: what a poisoned slot holds is whole.
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Two ends; `length` octets are expected, if that is known.
pub(crate) fn feed(length: Option<u64>) -> (Feed, Fed) {
    let slot = Arc::<Mutex<Slot>>::default();
    let fed = Fed {
        slot: Arc::clone(&slot),
        left: length,
    };
    (Feed(slot), fed)
}

impl Feed {
    /// Waits until the body wants a piece.
    pub(crate) fn poll_wanted(&self, cx: &mut Context<'_>) -> Poll<Wants> {
        let mut slot = lock(&self.0);
        if slot.over {
            return Poll::Ready(Wants::Nothing);
        }
        if slot.wanted && slot.piece.is_none() {
            return Poll::Ready(Wants::Piece);
        }
        slot.connection = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Gives a piece, or the end. The task of `cx` polls the handler again by itself and is not woken.
    pub(crate) fn put(&self, piece: Piece, cx: &Context<'_>) {
        let mut slot = lock(&self.0);
        slot.piece = Some(piece);
        slot.wanted = false;
        let waker = slot.body.take();
        drop(slot);
        if let Some(waker) = waker.filter(|waker| !waker.will_wake(cx.waker())) {
            waker.wake();
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut slot = lock(&self.0);
        slot.over = true;
        if let Some(waker) = slot.body.take() {
            waker.wake();
        }
    }
}

impl Pieces for Fed {
    fn poll_piece(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut slot = lock(&self.slot);
        if let Some(piece) = slot.piece.take() {
            slot.over |= !matches!(piece, Some(Ok(_)));
            drop(slot);
            if let (Some(left), Some(Ok(frame))) = (&mut self.left, &piece) {
                *left -= frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            return Poll::Ready(piece);
        }
        if slot.over {
            return Poll::Ready(Some(Err(Error::abandoned())));
        }
        slot.wanted = true;
        slot.body = Some(cx.waker().clone());
        if let Some(waker) = slot.connection.take() {
            waker.wake();
        }
        Poll::Pending
    }

    fn length(&self) -> Option<u64> {
        self.left
    }
}

impl Drop for Fed {
    fn drop(&mut self) {
        let mut slot = lock(&self.slot);
        slot.over = true;
        if let Some(waker) = slot.connection.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Wants, feed};
    use crate::body::Pieces;
    use bytes::Bytes;
    use http_body::Frame;
    use std::{
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    #[test]
    fn nothing_is_wanted_until_the_body_is_polled_and_nothing_after_it_is_gone() {
        let mut cx = Context::from_waker(Waker::noop());
        let (feed, mut fed) = feed(Some(3));
        assert_eq!(feed.poll_wanted(&mut cx), Poll::Pending);
        assert!(Pin::new(&mut fed).poll_piece(&mut cx).is_pending());
        assert_eq!(feed.poll_wanted(&mut cx), Poll::Ready(Wants::Piece));
        feed.put(Some(Ok(Frame::data(Bytes::from_static(b"abc")))), &cx);
        assert_eq!(feed.poll_wanted(&mut cx), Poll::Pending, "one at a time");
        assert!(Pin::new(&mut fed).poll_piece(&mut cx).is_ready());
        assert_eq!(fed.length(), Some(0));
        assert_eq!(feed.poll_wanted(&mut cx), Poll::Pending);
        drop(fed);
        assert_eq!(feed.poll_wanted(&mut cx), Poll::Ready(Wants::Nothing));
    }

    #[test]
    fn a_body_whose_connection_is_gone_fails() {
        let mut cx = Context::from_waker(Waker::noop());
        let (feed, mut fed) = feed(None);
        drop(feed);
        let piece = Pin::new(&mut fed).poll_piece(&mut cx);
        assert!(matches!(piece, Poll::Ready(Some(Err(_)))));
    }
}
