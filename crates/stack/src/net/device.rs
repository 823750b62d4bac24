use core::task::{Context, Poll};
use std::io;

/// What carries packets of IP: one a call, whole, in both directions.
pub trait Device {
    /// Receives a packet into the front of `buffer`, which has room for [`mtu`](Self::mtu) octets, and
    /// says how long it is. A longer one may be cut: it will be dropped.
    ///
    /// An error ends the host.
    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Sends a packet; a device that has to drop it says that it was sent, as the network would.
    ///
    /// An error ends the host.
    fn poll_send(&mut self, cx: &mut Context<'_>, packet: &[u8]) -> Poll<io::Result<()>>;

    /// Octets of the largest packet.
    fn mtu(&self) -> u16;
}

impl<D: Device + ?Sized> Device for alloc::boxed::Box<D> {
    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        (**self).poll_recv(cx, buffer)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, packet: &[u8]) -> Poll<io::Result<()>> {
        (**self).poll_send(cx, packet)
    }

    fn mtu(&self) -> u16 {
        (**self).mtu()
    }
}
