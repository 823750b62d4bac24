#![no_std]
#![doc = include_str!("../README.md")]

extern crate alloc;
#[cfg(any(test, feature = "proptest", feature = "tokio"))]
extern crate std;

mod chance;
mod config;
mod error;
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
mod watch;

pub use config::HostConfig;
pub use error::{Dropped, Error};
pub use host::{Event, Host, ListenerId, Readiness, Sent, SocketId};
#[cfg(feature = "tokio")]
pub use net::{Cable, Device, Driver, Net, OwnedReadHalf, OwnedWriteHalf, TcpListener, TcpStream};
pub use network::Network;
pub use prefix::{Prefix, PrefixError};
pub use watch::{Note, Watch};

pub use netkit_tcp as tcp;
