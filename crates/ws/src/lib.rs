#![no_std]
#![doc = include_str!("../README.md")]

extern crate alloc;
#[cfg(any(test, feature = "std", feature = "proptest", feature = "arbitrary"))]
extern crate std;

mod codepoints;
mod coding;
mod connection;
#[cfg(feature = "deflate")]
mod deflate;
mod error;
mod event;
mod extension;
mod frame;
#[cfg(any(feature = "proptest", feature = "arbitrary"))]
pub mod generators;
pub mod handshake;
mod incoming;
pub mod limits;
mod mask;
mod octets;
mod outgoing;
mod utf8;
mod watch;
mod wide;

pub use codepoints::{CloseCode, OpCode};
pub use connection::Connection;
#[cfg(feature = "deflate")]
pub use deflate::{Deflate, DeflateAgreed};
pub use error::{Answer, Error};
pub use event::{Event, Found, Kind, Place};
pub use extension::Extension;
pub use frame::FrameHead;
pub use limits::Limits;
pub use mask::Mask;
pub use rand_core::CryptoRng;
pub use watch::Watch;
