#![no_std]
#![doc = include_str!("../README.md")]

extern crate alloc;
#[cfg(any(test, feature = "std", feature = "proptest", feature = "arbitrary"))]
extern crate std;

mod arrives;
mod buffer;
mod checksum;
mod clock;
mod config;
mod congestion;
mod connection;
mod error;
mod flags;
#[cfg(any(feature = "proptest", feature = "arbitrary"))]
pub mod generators;
mod icmp;
mod lanes;
pub mod limits;
mod listener;
mod option;
mod ranges;
mod recovery;
mod rtt;
mod secret;
mod segment;
mod seq;
mod timers;
mod transmit;

pub use arrives::{Dropped, Heard, refusal};
pub use checksum::{PROTOCOL, PseudoHeader, internet_checksum, update};
pub use config::{Config, KeepAlive, Offload};
pub use congestion::{Congestion, Cubic, NewReno};
pub use connection::{Connection, State};
pub use error::{Error, Malformed, SegmentError};
pub use flags::Flags;
pub use icmp::Icmp;
pub use listener::{Backlog, Listener};
pub use option::{NoRoom, OptionKind, OptionList, Options, SackBlocks, TcpOption};
pub use secret::Secret;
pub use segment::{HEADER, Header, Segment, Verified};
pub use seq::Seq;
pub use transmit::Sent;
