#![no_std]
#![doc = include_str!("../README.md")]

#[cfg(any(test, feature = "proptest", feature = "arbitrary"))]
extern crate std;

mod checksum;
mod error;
mod flags;
#[cfg(any(feature = "proptest", feature = "arbitrary"))]
pub mod generators;
mod option;
mod segment;
mod seq;

pub use checksum::{PROTOCOL, PseudoHeader, update};
pub use error::{Malformed, SegmentError};
pub use flags::Flags;
pub use option::{NoRoom, OptionKind, OptionList, Options, SackBlocks, TcpOption};
pub use segment::{HEADER, Header, Segment, Verified};
pub use seq::Seq;
