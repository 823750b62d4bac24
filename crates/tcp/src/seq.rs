use core::{
    fmt,
    ops::{Add, AddAssign, Sub},
};

/// A sequence number (RFC 9293 3.4): arithmetic wraps at 2^32, and order is that of the shorter way
/// round the circle. It is no `Ord`: the order of three numbers may go round in a circle too.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Seq(
    /// The value on the wire.
    pub u32,
);

impl Seq {
    /// Whether this number comes before `other`.
    pub const fn before(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0).cast_signed() < 0
    }

    /// Whether this number comes after `other`.
    pub const fn after(self, other: Self) -> bool {
        other.before(self)
    }

    /// Octets from `earlier` up to this number.
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// Octets from `earlier` up to this number; none if it is not earlier.
    pub const fn beyond(self, earlier: Self) -> u32 {
        if earlier.before(self) {
            self.since(earlier)
        } else {
            0
        }
    }

    /// Whether this number lies in the `length` numbers from `start`.
    pub const fn within(self, start: Self, length: u32) -> bool {
        self.since(start) < length
    }

    /// The later of the two.
    #[must_use]
    pub const fn max(self, other: Self) -> Self {
        if self.before(other) { other } else { self }
    }

    /// The earlier of the two.
    #[must_use]
    pub const fn min(self, other: Self) -> Self {
        if other.before(self) { other } else { self }
    }
}

impl Add<u32> for Seq {
    type Output = Self;

    fn add(self, octets: u32) -> Self {
        Self(self.0.wrapping_add(octets))
    }
}

impl AddAssign<u32> for Seq {
    fn add_assign(&mut self, octets: u32) {
        *self = *self + octets;
    }
}

impl Sub<u32> for Seq {
    type Output = Self;

    fn sub(self, octets: u32) -> Self {
        Self(self.0.wrapping_sub(octets))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Seq;

    #[test]
    fn order_is_the_shorter_way_round() {
        let (low, high) = (Seq(5), Seq(0xffff_fff0));
        assert!(high.before(low) && low.after(high));
        assert!(!low.before(low) && !low.after(low));
        assert_eq!(low.since(high), 21);
        assert_eq!((low.beyond(high), high.beyond(low)), (21, 0));
        assert_eq!(high + 21, low);
        assert_eq!(low - 21, high);
        assert_eq!((low.max(high), low.min(high)), (low, high));
        assert!(high.within(high, 1) && !high.within(high, 0));
        assert!(low.within(high, 22) && !low.within(high, 21));
    }
}
