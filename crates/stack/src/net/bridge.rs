use super::Device;
use alloc::{vec, vec::Vec};
use core::{
    future::poll_fn,
    task::{Context, Poll},
};
use std::io;

/// Packets that go one way before others on the runtime have their turn.
const BATCH: usize = 64;

/// Carries packets between two devices, as they are, until one of them fails: why. With a
/// [`Cable`](super::Cable) between a [`Net`](super::Net) and a `Tun`, the kernel's peer is behind a network that
/// loses, delays and damages.
///
/// # Errors
/// The device's.
pub async fn bridge(mut a: impl Device, mut b: impl Device) -> io::Result<()> {
    let (mut from_a, mut from_b) = (Lane::from(&a), Lane::from(&b));
    poll_fn(|cx| {
        let ways = [
            from_a.carry(&mut a, &mut b, cx)?,
            from_b.carry(&mut b, &mut a, cx)?,
        ];
        if ways.contains(&true) {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await
}

/// One way.
struct Lane {
    buffer: Vec<u8>,
    /// The length of the packet in it that has yet to be sent.
    waiting: Option<usize>,
}

impl Lane {
    fn from(device: &impl Device) -> Self {
        Self {
            buffer: vec![0; device.mtu().into()],
            waiting: None,
        }
    }

    /// Takes as many packets from one to the other as there are, at most a batch: whether there may be more.
    fn carry(
        &mut self,
        from: &mut impl Device,
        to: &mut impl Device,
        cx: &mut Context<'_>,
    ) -> io::Result<bool> {
        for _ in 0..BATCH {
            let length = match self.waiting {
                Some(length) => length,
                None => match from.poll_recv(cx, &mut self.buffer)? {
                    Poll::Ready(length) => length,
                    Poll::Pending => return Ok(false),
                },
            };
            self.waiting = Some(length);
            if to.poll_send(cx, &self.buffer[..length])?.is_pending() {
                return Ok(false);
            }
            self.waiting = None;
        }
        Ok(true)
    }
}
