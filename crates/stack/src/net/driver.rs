use super::{Device, Inner, Shared};
use crate::{Event, Readiness};
use alloc::{boxed::Box, string::ToString, sync::Arc, vec, vec::Vec};
use core::{
    fmt,
    future::Future,
    ops::Range,
    pin::Pin,
    task::{Context, Poll},
};
use std::io;
use tokio::time::Sleep;

/// Packets that are received, and sent, before others on the runtime have their turn. Those received
/// together are acknowledged together (RFC 9293 3.8.6.3, MUST-58, MUST-59).
const BATCH: usize = 64;

/// Drives a host over a device: what [`Net::new`](super::Net::new) gives to be spawned.
///
/// Dropping it ends every socket of the host with an error.
#[must_use = "nothing happens until it is polled"]
pub struct Driver<D> {
    device: D,
    shared: Arc<Shared>,
    /// Made when it is first polled, inside a runtime.
    sleep: Option<Pin<Box<Sleep>>>,
    received: Vec<u8>,
    /// Where the packets of a batch end in `received`.
    ends: Vec<usize>,
    sending: Vec<u8>,
    /// Packets in `sending` that the device has yet to take.
    packets: Vec<Range<usize>>,
    sent: usize,
}

impl<D: Device> Driver<D> {
    pub(super) fn new(device: D, shared: Arc<Shared>) -> Self {
        let mtu = usize::from(device.mtu());
        Self {
            device,
            shared,
            sleep: None,
            received: vec![0; mtu.max(2048) * BATCH],
            ends: Vec::with_capacity(BATCH),
            sending: Vec::new(),
            packets: Vec::with_capacity(BATCH),
            sent: 0,
        }
    }

    /// Takes what the device has, at most a batch.
    fn receive(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mtu = usize::from(self.device.mtu());
        let mut end = 0;
        self.ends.clear();
        while self.ends.len() < BATCH && end + mtu <= self.received.len() {
            match self.device.poll_recv(cx, &mut self.received[end..]) {
                Poll::Ready(Ok(length)) => {
                    end += length;
                    self.ends.push(end);
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        if self.ends.is_empty() {
            return Ok(());
        }
        let now = self.shared.now();
        let mut inner = self.shared.lock();
        let mut start = 0;
        for &end in &self.ends {
            // Why a packet is dropped is nobody's question here.
            let _ = inner.host.recv(now, &self.received[start..end]);
            start = end;
        }
        Ok(())
    }

    /// Sends what is due, at most a batch: whether there may be more, and the device would take it.
    fn send(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        if self.sent == self.packets.len() {
            self.packets.clear();
            self.sending.clear();
            self.sent = 0;
            let now = self.shared.now();
            let mut inner = self.shared.lock();
            while self.packets.len() < BATCH
                && let Some(sent) = inner.host.transmit(now, &mut self.sending)
            {
                self.packets.push(sent.range);
            }
            inner.tell();
        }
        while let Some(packet) = self.packets.get(self.sent) {
            match self.device.poll_send(cx, &self.sending[packet.clone()]) {
                Poll::Ready(Ok(())) => self.sent += 1,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Ok(false),
            }
        }
        Ok(self.packets.len() == BATCH)
    }

    /// One turn: whether there may be more to do at once.
    fn turn(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        self.receive(cx)?;
        let may_send = self.send(cx)?;
        Ok(may_send || self.ends.len() == BATCH)
    }

    /// Waits for the time that the host wants; ready if it is there.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let mut inner = self.shared.lock();
        inner.driver = Some(cx.waker().clone());
        if inner.is_abandoned && inner.host.is_idle() && self.sent == self.packets.len() {
            return Poll::Ready(None);
        }
        let Some(at) = inner.host.timeout() else {
            return Poll::Pending;
        };
        drop(inner);
        let at = self.shared.epoch + at;
        match &mut self.sleep {
            Some(sleep) if sleep.deadline() == at => {}
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
        }
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(cx).map(Some),
            None => Poll::Pending,
        }
    }

    fn end(&mut self, error: Option<&io::Error>) {
        let (kind, why) = match error {
            Some(error) => (error.kind(), error.to_string()),
            None => (
                io::ErrorKind::NotConnected,
                "the host's driver was dropped".into(),
            ),
        };
        let mut inner = self.shared.lock();
        inner.dead.get_or_insert((kind, why));
        inner.wake_all();
    }
}

impl<D: Device + Unpin> Future for Driver<D> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.turn(cx) {
            Ok(true) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Ok(false) => {}
            Err(error) => {
                this.end(Some(&error));
                return Poll::Ready(Err(error));
            }
        }
        match this.wait(cx) {
            Poll::Ready(Some(())) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(None) => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<D> Drop for Driver<D> {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        inner.dead.get_or_insert_with(|| {
            (
                io::ErrorKind::NotConnected,
                "the task that drives this host has ended".into(),
            )
        });
        inner.wake_all();
    }
}

impl<D> fmt::Debug for Driver<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

impl Inner {
    /// Wakes those for whom there are news.
    fn tell(&mut self) {
        while let Some(event) = self.host.event() {
            match event {
                Event::Socket(id, news) => {
                    let Some(waiting) = self.sockets.get_mut(&id) else {
                        continue;
                    };
                    let Readiness {
                        connected,
                        readable,
                        writable,
                        closed,
                    } = news;
                    let reader = waiting.reader.take_if(|_| readable || closed);
                    let writer = waiting.writer.take_if(|_| connected || writable || closed);
                    reader
                        .into_iter()
                        .chain(writer)
                        .for_each(std::task::Waker::wake);
                }
                Event::Acceptable(id) => {
                    if let Some(waiting) = self.listeners.get_mut(&id) {
                        waiting.drain(..).for_each(std::task::Waker::wake);
                    }
                }
            }
        }
    }

    fn wake_all(&mut self) {
        for waiting in self.sockets.values_mut() {
            let both = [waiting.reader.take(), waiting.writer.take()];
            both.into_iter().flatten().for_each(std::task::Waker::wake);
        }
        for waiting in self.listeners.values_mut() {
            waiting.drain(..).for_each(std::task::Waker::wake);
        }
    }
}
