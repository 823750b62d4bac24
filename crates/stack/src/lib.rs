#![no_std]
#![doc = include_str!("../README.md")]

extern crate alloc;
#[cfg(any(test, feature = "proptest", feature = "tokio"))]
extern crate std;

mod config;
mod error;
mod host;
mod icmp;
pub mod ip;
pub mod limits;
#[cfg(feature = "tokio")]
mod net;
mod prefix;
mod slab;

pub use config::HostConfig;
pub use error::{Dropped, Error};
pub use host::{Event, Host, ListenerId, Readiness, Sent, SocketId};
#[cfg(feature = "tokio")]
pub use net::{Device, Driver, Net, OwnedReadHalf, OwnedWriteHalf, TcpListener, TcpStream};
pub use prefix::{Prefix, PrefixError};

pub use netkit_tcp as tcp;
