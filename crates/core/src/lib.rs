#![no_std]
#![doc = include_str!("../README.md")]

extern crate alloc;
#[cfg(feature = "arbitrary")]
extern crate std;

mod inbox;
mod reader;
pub mod split;
mod step;
mod tlv;
mod wire_enum;
mod writer;

pub use inbox::Inbox;
pub use reader::{ReadError, Reader};
pub use step::Step;
pub use tlv::{NotDer, Tlv};
pub use writer::{TooLong, Writer};
