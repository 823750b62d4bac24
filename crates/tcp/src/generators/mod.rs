//! For property tests and fuzz targets, ours and yours: segments, and two connections over a link that
//! loses, delays, repeats and damages what it carries, in virtual time.

mod link;
mod segments;

pub use link::{Faults, Pair, Side, cut};
pub use segments::OwnedSegment;
