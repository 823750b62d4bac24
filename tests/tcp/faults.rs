//! A device that does to packets what networks do.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use netkit::stack::Device;

/// What happens to one packet in so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Loss,
    Reorder,
    Duplicate,
    Corrupt,
}

impl Fault {
    pub(crate) const ALL: [Self; 4] = [Self::Loss, Self::Reorder, Self::Duplicate, Self::Corrupt];
}

/// A device with a fault, in both directions.
pub(crate) struct Faulty<D> {
    device: D,
    fault: Fault,
    one_in: u32,
    /// Of a generator: the same packets have the same fate.
    state: u32,
    arriving: Delayed,
    departing: Delayed,
}

/// Packets that wait for others to pass them, and those that are due.
#[derive(Default)]
struct Delayed {
    held: Option<(Vec<u8>, u32)>,
    due: VecDeque<Vec<u8>>,
}

/// Packets that pass one that is late.
const PASSED: u32 = 5;

impl<D> Faulty<D> {
    pub(crate) fn new(device: D, fault: Fault, one_in: u32, seed: u32) -> Self {
        Self {
            device,
            fault,
            one_in,
            state: seed,
            arriving: Delayed::default(),
            departing: Delayed::default(),
        }
    }

    /// Xorshift.
    fn next(&mut self) -> u32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        self.state
    }

    /// What becomes of a packet: none, one or more, in order.
    fn meet(&mut self, packet: &[u8], arrives: bool) {
        let hit = self.next().is_multiple_of(self.one_in);
        let chance = self.next();
        let way = if arrives {
            &mut self.arriving
        } else {
            &mut self.departing
        };
        let mut packet = packet.to_vec();
        match self.fault {
            _ if !hit => way.due.push_back(packet),
            Fault::Loss => {}
            Fault::Duplicate => way.due.extend([packet.clone(), packet]),
            Fault::Corrupt => {
                let at = chance as usize % packet.len();
                packet[at] ^= 1 << (chance >> 24 & 7);
                way.due.push_back(packet);
            }
            Fault::Reorder if way.held.is_none() => way.held = Some((packet, PASSED)),
            Fault::Reorder => way.due.push_back(packet),
        }
        if let Some((_, left)) = &mut way.held {
            *left -= 1;
        }
        if let Some((packet, _)) = way.held.take_if(|(_, left)| *left == 0) {
            way.due.push_back(packet);
        }
    }
}

impl<D: Device> Device for Faulty<D> {
    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            if let Some(packet) = self.arriving.due.pop_front() {
                buffer[..packet.len()].copy_from_slice(&packet);
                return Poll::Ready(Ok(packet.len()));
            }
            match self.device.poll_recv(cx, buffer)? {
                Poll::Ready(length) => {
                    let packet = buffer[..length].to_vec();
                    self.meet(&packet, true);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, packet: &[u8]) -> Poll<io::Result<()>> {
        while let Some(due) = self.departing.due.front() {
            match self.device.poll_send(cx, due)? {
                Poll::Ready(()) => self.departing.due.pop_front(),
                Poll::Pending => return Poll::Pending,
            };
        }
        self.meet(packet, false);
        while let Some(due) = self.departing.due.front() {
            match self.device.poll_send(cx, due)? {
                Poll::Ready(()) => self.departing.due.pop_front(),
                // They go in front of the next: this one is taken.
                Poll::Pending => break,
            };
        }
        Poll::Ready(Ok(()))
    }

    fn mtu(&self) -> u16 {
        self.device.mtu()
    }
}
