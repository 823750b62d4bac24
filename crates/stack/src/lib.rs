#![no_std]
#![doc = include_str!("../README.md")]

extern crate alloc;
#[cfg(any(test, feature = "tokio", feature = "proptest", feature = "arbitrary"))]
extern crate std;

mod chance;
mod config;
mod error;
#[cfg(any(test, feature = "proptest", feature = "arbitrary"))]
pub mod generators;
mod host;
mod icmp;
pub mod ip;
pub mod limits;
pub mod link;
#[cfg(feature = "tokio")]
mod net;
mod network;
pub mod pcap;
mod prefix;
mod slab;
#[cfg(all(feature = "tun", target_os = "linux"))]
mod tun;
mod watch;

pub use config::HostConfig;
pub use error::{Dropped, Error};
pub use host::{Event, Host, ListenerId, Readiness, Sent, SocketId};
#[cfg(feature = "tokio")]
pub use net::{
    Cable, Device, Driver, Net, OwnedReadHalf, OwnedWriteHalf, TcpListener, TcpStream, bridge,
};
pub use network::Network;
pub use prefix::{Prefix, PrefixError};
#[cfg(all(feature = "tun", target_os = "linux"))]
pub use tun::Tun;
pub use watch::{Note, Watch};

pub use netkit_tcp as tcp;
