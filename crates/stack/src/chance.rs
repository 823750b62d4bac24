//! Dice: small, seeded, the same everywhere. Nothing secret is drawn from them.

use core::fmt;
use core::time::Duration;

/// How often something happens: so many times in a million.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Chance(u32);

const ALWAYS: u32 = 1_000_000;

impl Chance {
    /// It never happens.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(ALWAYS);

    /// So many times in a hundred; what is no chance is the nearest one.
    #[expect(clippy::cast_sign_loss, reason = "what is below zero is zero")]
    pub const fn percent(percent: f64) -> Self {
        Self::per_million((percent * 1e4) as u32)
    }

    /// So many times in a million.
    pub const fn per_million(count: u32) -> Self {
        Self(if count < ALWAYS { count } else { ALWAYS })
    }
}

/// As a percentage.
impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(self.0) / 1e4)
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `SplitMix64` (Steele, Lea and Flood, 2014): any seed is as good as another.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `count`, 0 if that is 0.
    pub(crate) const fn below(&mut self, count: u64) -> u64 {
        ((self.roll() as u128 * count as u128) >> 64) as u64
    }

    /// A chance that never comes costs no roll, so that one fault alone falls the same with others off.
    pub(crate) fn happens(&mut self, chance: Chance) -> bool {
        chance != Chance::NEVER && self.below(ALWAYS.into()) < chance.0.into()
    }

    /// A time up to `longest`.
    pub(crate) fn within(&mut self, longest: Duration) -> Duration {
        let nanoseconds = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(match nanoseconds {
            0 => 0,
            _ => self.below(nanoseconds.saturating_add(1)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Chance, Dice};
    use core::time::Duration;
    use std::{format, vec::Vec};

    /// The authors' generator, seeded with 1234567.
    #[test]
    fn the_dice_are_splitmix64() {
        let mut dice = Dice::new(1_234_567);
        let rolls: Vec<u64> = (0..3).map(|_| dice.roll()).collect();
        assert_eq!(
            rolls,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn chances_come_as_often_as_they_say() {
        let mut dice = Dice::new(7);
        let mut often = |chance| (0..100_000).filter(|_| dice.happens(chance)).count();
        assert!((4_700..5_300).contains(&often(Chance::percent(5.0))));
        assert_eq!(often(Chance::NEVER), 0);
        assert_eq!(often(Chance::ALWAYS), 100_000);
        assert_eq!(Chance::percent(120.0), Chance::ALWAYS);
        assert_eq!(Chance::percent(-1.0), Chance::NEVER);
        assert_eq!(Chance::percent(f64::NAN), Chance::NEVER);
        assert_eq!(format!("{:?}", Chance::percent(0.5)), "0.5 %");
    }

    #[test]
    fn times_stay_within_their_bound() {
        let mut dice = Dice::new(7);
        let longest = Duration::from_nanos(3);
        let seen: Vec<_> = (0..100).map(|_| dice.within(longest)).collect();
        assert_eq!(seen.iter().max(), Some(&longest));
        assert_eq!(seen.iter().min(), Some(&Duration::ZERO));
        assert_eq!(dice.within(Duration::ZERO), Duration::ZERO);
    }
}
