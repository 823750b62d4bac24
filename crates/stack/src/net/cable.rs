use super::Device;
use crate::link::{End, Link};
use alloc::{boxed::Box, sync::Arc};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::time::{Instant, Sleep};

/// One end of a [`Link`] as a device. The time is tokio's: on a runtime whose clock is paused, packets
/// travel in virtual time, and whenever every task waits the clock goes on to the next arrival.
///
/// tokio's timers count milliseconds: a packet is noticed at the first whole one at or after its arrival.
/// [`Network`](crate::Network) is exact.
pub struct Cable {
    wire: Arc<Wire>,
    end: End,
    /// Made when somebody first waits, inside a runtime.
    sleep: Option<Pin<Box<Sleep>>>,
}

/// What both ends share.
struct Wire {
    epoch: Instant,
    state: Mutex<State>,
}

struct State {
    link: Link,
    /// Who waits at either end.
    waiting: [Option<Waker>; 2],
}

impl Cable {
    /// Both ends of a link, whose time begins now.
    pub fn new(link: Link) -> [Self; 2] {
        let wire = Arc::new(Wire {
            epoch: Instant::now(),
            state: Mutex::new(State {
                link,
                waiting: [None, None],
            }),
        });
        End::BOTH.map(|end| Self {
            wire: Arc::clone(&wire),
            end,
            sleep: None,
        })
    }

    /// Looks at the link, or changes what it does.
    pub fn with_link<T>(&self, act: impl FnOnce(&mut Link, Duration) -> T) -> T {
        let now = self.wire.epoch.elapsed();
        act(&mut self.wire.lock().link, now)
    }
}

impl Wire {
    /// A panic in a tap leaves the link whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Device for Cable {
    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut state = self.wire.lock();
            let now = self.wire.epoch.elapsed();
            if let Some(packet) = state.link.recv(now, self.end) {
                let length = packet.len().min(buffer.len());
                buffer[..length].copy_from_slice(&packet[..length]);
                return Poll::Ready(Ok(length));
            }
            state.waiting[self.end as usize] = Some(cx.waker().clone());
            let Some(next) = state.link.next(self.end) else {
                return Poll::Pending;
            };
            drop(state);
            let at = self.wire.epoch + next;
            let sleep = match &mut self.sleep {
                Some(sleep) => sleep,
                none => none.insert(Box::pin(tokio::time::sleep_until(at))),
            };
            if sleep.deadline() != at {
                sleep.as_mut().reset(at);
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn poll_send(&mut self, _: &mut Context<'_>, packet: &[u8]) -> Poll<io::Result<()>> {
        let now = self.wire.epoch.elapsed();
        let mut state = self.wire.lock();
        state.link.send(now, self.end, packet.to_vec());
        // It may arrive before what the other end waits for.
        if let Some(waker) = state.waiting[self.end.other() as usize].take() {
            waker.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn mtu(&self) -> u16 {
        let state = self.wire.lock();
        let config = state.link.config();
        let mtu = config.from_a.mtu.min(config.from_b.mtu);
        u16::try_from(mtu).unwrap_or(u16::MAX)
    }
}

impl fmt::Debug for Cable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cable")
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
