//! Linux's TUN device.

use crate::Device;
use alloc::{borrow::ToOwned, format, string::String};
use core::{
    fmt,
    task::{Context, Poll, ready},
};
use std::io;
use tun_rs::{AsyncDevice, DeviceBuilder};

/// A TUN device of Linux: the kernel on the other end of the link. It has to be there and up, with an
/// address of the kernel's own; as root:
///
/// ```text
/// ip tuntap add dev NAME mode tun user USER
/// ip addr add 192.0.2.1/24 dev NAME
/// ip link set NAME up
/// ```
///
/// The host that stands on it takes another address of the same network.
pub struct Tun {
    device: AsyncDevice,
    name: String,
    mtu: u16,
}

/// What the kernel does not take is lost: the device is down (EIO), as a cable that is not plugged in; the packet
/// is of no version of IP (EINVAL), as one that was damaged on its way here.
const LOST: [Option<i32>; 2] = [Some(5), Some(22)];

impl Tun {
    /// Attaches to the device, inside of a tokio runtime. The kernel allows it to root, and to the user
    /// that `ip tuntap add` named.
    ///
    /// # Errors
    /// `PermissionDenied`, `ResourceBusy` if somebody is attached already, `NotFound` if there is no such
    /// device; each says what to do.
    pub fn open(name: &str) -> io::Result<Self> {
        // Without one the kernel would make it, down and without an address, until it is closed.
        let devices = std::fs::read_to_string("/proc/thread-self/net/dev")?;
        let is_there = |line: &str| line.trim_start().split(':').next() == Some(name);
        if !devices.lines().any(is_there) {
            return Err(missing(name));
        }
        let device = DeviceBuilder::new()
            .name(name)
            .inherit_enable_state()
            .build_sync()
            .map_err(|error| explain(name, &error))?;
        let mtu = device.mtu()?;
        Ok(Self {
            device: AsyncDevice::new(device)?,
            name: name.to_owned(),
            mtu,
        })
    }
}

fn missing(name: &str) -> io::Error {
    let why = format!(
        "there is no device {name}; as root: ip tuntap add dev {name} mode tun && \
         ip addr add ADDRESS/PREFIX dev {name} && ip link set {name} up"
    );
    io::Error::new(io::ErrorKind::NotFound, why)
}

fn explain(name: &str, error: &io::Error) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; run as root, or let root make it for you: ip tuntap add dev NAME mode tun user USER"
        }
        io::ErrorKind::ResourceBusy => "; another program is attached to it",
        io::ErrorKind::NotFound => "; the kernel has no TUN: modprobe tun",
        _ => "",
    };
    io::Error::new(error.kind(), format!("TUN device {name}: {error}{advice}"))
}

impl Device for Tun {
    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.device.poll_recv(cx, buffer)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, packet: &[u8]) -> Poll<io::Result<()>> {
        Poll::Ready(match ready!(self.device.poll_send(cx, packet)) {
            Err(error) if !LOST.contains(&error.raw_os_error()) => Err(error),
            _ => Ok(()),
        })
    }

    fn mtu(&self) -> u16 {
        self.mtu
    }
}

impl fmt::Debug for Tun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tun")
            .field("name", &self.name)
            .field("mtu", &self.mtu)
            .finish_non_exhaustive()
    }
}
