#![no_std]
#![doc = include_str!("../README.md")]

extern crate alloc;
#[cfg(any(test, feature = "proptest", feature = "arbitrary"))]
extern crate std;

mod blocks;
mod chunked;
mod client;
#[cfg(feature = "coding")]
pub mod coding;
mod encode;
mod error;
mod event;
mod fields;
mod framing;
#[cfg(any(feature = "proptest", feature = "arbitrary"))]
pub mod generators;
mod head;
#[cfg(feature = "http")]
mod http_types;
mod incoming;
mod leniency;
pub mod limits;
mod notice;
mod octets;
mod request;
mod response;
pub mod semantics;
mod server;
mod status;
mod target;
mod version;

pub use client::Client;
pub use encode::{BodyLength, NO_FIELDS};
pub use error::{Error, Failure};
pub use event::{Event, Found};
pub use fields::{Fields, Slot};
pub use framing::Framing;
#[cfg(feature = "http")]
pub use http_types::unframed;
pub use leniency::{Leniencies, Leniency};
pub use limits::Limits;
pub use request::{Parsed, RequestHead, RequestLine, RequestParser, RequestRanges};
pub use response::{ResponseHead, ResponseRanges};
pub use server::Server;
pub use status::Status;
pub use version::Version;
