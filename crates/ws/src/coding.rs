//! The seam for extensions: what may happen to the octets of a message between its sender and its
//! frames. Without the feature `deflate` nothing can.

#[cfg(feature = "deflate")]
pub(crate) use crate::deflate::{Deflator, Inflator};
#[cfg(not(feature = "deflate"))]
pub(crate) use none::{Deflator, Inflator};

use crate::Error;

/// What one run of an inflator did.
pub(crate) struct Ran {
    /// Octets of the frame that it has finished with.
    pub(crate) used: usize,
    /// It holds nothing back: all that the octets so far stand for has come out.
    pub(crate) drained: bool,
    pub(crate) fault: Option<Error>,
}

#[cfg(not(feature = "deflate"))]
mod none {
    use super::Ran;
    use alloc::vec::Vec;

    /// There is none.
    pub(crate) enum Deflator {}
    /// There is none.
    pub(crate) enum Inflator {}

    impl Deflator {
        pub(crate) fn is_worth(&self, _: usize, _: bool) -> bool {
            match *self {}
        }

        pub(crate) fn message(&mut self, _: &[&[u8]], _: bool) -> &[u8] {
            match *self {}
        }
    }

    impl Inflator {
        pub(crate) fn run(&mut self, _: &[u8], _: bool, _: &mut Vec<u8>) -> Ran {
            match *self {}
        }
    }
}
