//! Which octets of the sequence space are there: what arrived beyond a hole, and what the peer says
//! did.

use crate::{Seq, limits};
use alloc::vec::Vec;

/// Disjoint ranges that do not touch, in order, all within half the sequence space.
#[derive(Default, Debug)]
pub(crate) struct Ranges(Vec<(Seq, Seq)>);

impl Ranges {
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (Seq, Seq)> + '_ {
        self.0.iter().copied()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn release(&mut self) {
        self.0 = Vec::new();
    }

    /// Adds `start..end`; false if there are too many ranges to remember one more.
    pub(crate) fn insert(&mut self, mut start: Seq, mut end: Seq) -> bool {
        // Those that overlap or touch become one.
        let from = self.0.partition_point(|range| range.1.before(start));
        let to = self.0.partition_point(|range| !range.0.after(end));
        if from == to && self.0.len() >= limits::RANGES {
            return false;
        }
        for range in &self.0[from..to] {
            start = start.min(range.0);
            end = end.max(range.1);
        }
        self.0.splice(from..to, [(start, end)]);
        true
    }

    /// Forgets what lies before `seq`.
    pub(crate) fn forget_before(&mut self, seq: Seq) {
        let gone = self.0.partition_point(|range| !range.1.after(seq));
        self.0.drain(..gone);
        if let Some(first) = self.0.first_mut() {
            first.0 = first.0.max(seq);
        }
    }

    /// The range that `seq` lies in.
    pub(crate) fn containing(&self, seq: Seq) -> Option<(Seq, Seq)> {
        let at = self.0.partition_point(|range| !range.1.after(seq));
        self.0.get(at).copied().filter(|range| !range.0.after(seq))
    }

    /// Whether all of `start..end` is there.
    pub(crate) fn covers(&self, start: Seq, end: Seq) -> bool {
        self.containing(start)
            .is_some_and(|range| !range.1.before(end))
    }

    /// Octets that are there, below `end`.
    pub(crate) fn octets_before(&self, end: Seq) -> u32 {
        self.iter()
            .map(|(left, right)| right.min(end).beyond(left))
            .sum()
    }

    /// The holes between `start` and the last range, in order, each with the number of ranges and of
    /// octets that lie above it.
    pub(crate) fn holes(&self, start: Seq) -> impl Iterator<Item = Hole> + '_ {
        let mut above = (self.0.len(), self.octets_before_last());
        let mut from = start;
        self.iter().filter_map(move |(left, right)| {
            let hole = Hole {
                start: from,
                end: left,
                ranges_above: above.0,
                octets_above: above.1,
            };
            above = (above.0 - 1, above.1 - right.since(left));
            from = right.max(from);
            hole.start.before(hole.end).then_some(hole)
        })
    }

    fn octets_before_last(&self) -> u32 {
        self.0
            .last()
            .map_or(0, |&(_, right)| self.octets_before(right))
    }
}

/// Octets that are not there, below some that are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) start: Seq,
    pub(crate) end: Seq,
    pub(crate) ranges_above: usize,
    pub(crate) octets_above: u32,
}

impl Hole {
    /// RFC 6675 4, `IsLost`, with so many segments as DupThresh.
    pub(crate) const fn is_lost(&self, smss: u32, threshold: u32) -> bool {
        self.ranges_above >= threshold as usize || self.octets_above > (threshold - 1) * smss
    }
}

#[cfg(test)]
mod tests {
    use super::Ranges;
    use crate::Seq;
    use proptest::prelude::*;
    use std::{collections::BTreeSet, vec::Vec};

    const BASE: Seq = Seq(u32::MAX - 100);

    /// Octet by octet.
    fn runs(octets: &BTreeSet<u32>) -> Vec<(Seq, Seq)> {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for &octet in octets {
            match runs.last_mut() {
                Some(run) if run.1 == octet => run.1 += 1,
                _ => runs.push((octet, octet + 1)),
            }
        }
        runs.into_iter()
            .map(|(a, b)| (BASE + a, BASE + b))
            .collect()
    }

    proptest! {
        #[test]
        fn ranges_are_what_a_set_of_octets_is(steps in prop::collection::vec((0u32..300, 1u32..40, 0u8..8), 1..40)) {
            let (mut ranges, mut octets) = (Ranges::default(), BTreeSet::new());
            for (start, length, what) in steps {
                if what == 0 {
                    ranges.forget_before(BASE + start);
                    octets = octets.split_off(&start);
                } else if ranges.insert(BASE + start, BASE + start + length) {
                    octets.extend(start..start + length);
                }
                prop_assert_eq!(ranges.iter().collect::<Vec<_>>(), runs(&octets));
                prop_assert_eq!(ranges.octets_before(BASE + 150), octets.range(..150).count() as u32);
                prop_assert_eq!(ranges.containing(BASE + start).is_some(), octets.contains(&start));
                let whole = (start..start + length).all(|octet| octets.contains(&octet));
                prop_assert_eq!(ranges.covers(BASE + start, BASE + start + length), whole);
            }
        }

        #[test]
        fn a_hole_is_lost_when_every_octet_of_it_is(steps in prop::collection::vec((1u32..300, 1u32..20), 1..12), smss in 1u32..30, threshold in 3u32..7) {
            let (mut ranges, mut octets) = (Ranges::default(), BTreeSet::new());
            for (start, length) in steps {
                if ranges.insert(BASE + start, BASE + start + length) {
                    octets.extend(start..start + length);
                }
            }
            // RFC 6675 4: for each octet that is not there, count what is above it.
            let mut lost = BTreeSet::new();
            for octet in 0..*octets.last().expect("some") {
                let above = octets.split_off(&octet);
                let is_lost = runs(&above).len() >= threshold as usize
                    || above.len() as u32 > (threshold - 1) * smss;
                if is_lost && !above.contains(&octet) {
                    lost.insert(octet);
                }
                octets.extend(above);
            }
            let mut ours = BTreeSet::new();
            for hole in ranges.holes(BASE) {
                if hole.is_lost(smss, threshold) {
                    ours.extend(hole.start.since(BASE)..hole.end.since(BASE));
                }
            }
            prop_assert_eq!(ours, lost);
        }
    }

    #[test]
    fn a_range_too_many_is_refused_and_the_others_still_grow() {
        let mut ranges = Ranges::default();
        for i in 0..crate::limits::RANGES as u32 {
            assert!(ranges.insert(Seq(10 * i), Seq(10 * i + 1)));
        }
        assert!(!ranges.insert(Seq(100_000), Seq(100_001)));
        assert!(ranges.insert(Seq(1), Seq(5)));
        assert!(ranges.covers(Seq(0), Seq(5)));
    }
}
