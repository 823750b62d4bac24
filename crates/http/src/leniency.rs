//! What may be let pass of a peer that one knows: each leniency by name, off unless it is asked for, and
//! told when it was used.

use core::fmt;

/// One row per leniency: variant, name, the rule that it bends, what it lets pass, and what that may cost.
macro_rules! leniencies {
    ($( $Variant:ident, $name:literal, $rule:literal, $text:literal, $danger:literal; )*) => {
        /// A deviation that may be let pass, for a peer that is known to need it.
        ///
        /// Whoever stands in between (a proxy, a cache, a filter) may read such a message otherwise: the
        /// difference is what request smuggling is made of. So none is on by itself, and those that let
        /// the two ends disagree about where a message ends whoever is between them (two different
        /// lengths, a length beside chunks, a bare CR, LF for CRLF between chunks) do not exist.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Leniency {
            $( #[doc = concat!($text, " (", $rule, "). Danger: ", $danger, ".")] $Variant, )*
        }

        impl Leniency {
            /// Every leniency.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),*];

            /// Its name, in options and logs: words with dashes.
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$Variant => $name, )*
                }
            }

            /// The section that speaks of it.
            pub const fn rule(self) -> &'static str {
                match self {
                    $( Self::$Variant => $rule, )*
                }
            }
        }
    };
}

leniencies! {
    BareLf, "bare-lf", "RFC 9112 2.2",
        "LF alone ends a line of a head or trailer section: \"MAY recognize a single LF as a line terminator\"",
        "a recipient in front that takes LF for data sees fewer fields, or another end of the head";
    FoldedLines, "folded-lines", "RFC 9112 5.2",
        "A field value goes on in a line that begins with whitespace; the break becomes spaces. Requests only: a client does so always, \"MUST replace each received obs-fold\"",
        "a recipient in front may drop the line, or read it as a field";
    SpaceBeforeColon, "space-before-colon", "RFC 9112 5.1",
        "Whitespace between name and colon is left out. Responses only: a server \"MUST reject\" such a request",
        "a recipient in front may not know the field by its name";
    EqualLengths, "equal-lengths", "RFC 9112 6.3 (5)",
        "Several Content-Lengths count as one when \"all values in the list are the same\"",
        "little: every recipient that takes the message reads the same length";
    RawTargets, "raw-targets", "RFC 9112 3.2",
        "An origin-form target may have UTF-8, and octets that RFC 3986 wants encoded, but neither whitespace nor controls nor #",
        "who matches paths may normalize the octets otherwise than who serves them";
    PaddedChunkSizes, "padded-chunk-sizes", "RFC 9112 7.1",
        "Spaces and tabs between a chunk size and its CRLF",
        "a recipient in front may refuse the chunk, none is known to read another size";
    ControlsInValues, "controls-in-values", "RFC 9110 5.5",
        "Control characters in field values and reasons, but for NUL, CR and LF: \"MAY retain such characters for the sake of robustness\"",
        "values may harm who shows them or writes them to a log";
}

impl Leniency {
    const COUNT: usize = Self::ALL.len();

    /// The leniency of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.name() == name)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Leniency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of leniencies; none by default.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Leniencies(u8);

impl Leniencies {
    /// Everything is strict.
    pub const NONE: Self = Self(0);

    /// These and `leniency`.
    #[must_use]
    pub const fn with(self, leniency: Leniency) -> Self {
        Self(self.0 | leniency.bit())
    }

    /// These but for `leniency`.
    #[must_use]
    pub const fn without(self, leniency: Leniency) -> Self {
        Self(self.0 & !leniency.bit())
    }

    /// Whether `leniency` is among them.
    pub const fn has(self, leniency: Leniency) -> bool {
        self.0 & leniency.bit() != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Leniency> for Leniencies {
    fn from_iter<I: IntoIterator<Item = Leniency>>(leniencies: I) -> Self {
        leniencies.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Leniencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let those = Leniency::ALL.iter().filter(|&&each| self.has(each));
        f.debug_set().entries(those).finish()
    }
}

/// What a receiver lets pass, and what it did let pass of the current message.
#[derive(Debug, Default)]
pub(crate) struct Lenient {
    pub(crate) allowed: Leniencies,
    used: Leniencies,
    /// The message that `used` tells of has ended.
    ended: bool,
    /// Where each was used first, if it was: octets of the stream.
    first: [u64; Leniency::COUNT],
    /// Octets of the stream before the input.
    pub(crate) passed: u64,
}

impl Lenient {
    /// Whether `leniency` is allowed; what needs it stands at octet `at` of the input.
    #[cold]
    pub(crate) fn lets(&mut self, leniency: Leniency, at: usize) -> bool {
        if !self.allowed.has(leniency) {
            return false;
        }
        self.begin();
        if !self.used.has(leniency) {
            self.used = self.used.with(leniency);
            self.first[leniency as usize] = self.passed + at as u64;
        }
        true
    }

    /// A message has begun: what is told of the one before goes.
    pub(crate) const fn begin(&mut self) {
        if self.ended {
            (self.ended, self.used) = (false, Leniencies::NONE);
        }
    }

    /// The message is complete. What was let pass of it is told until the next begins.
    pub(crate) const fn end(&mut self) {
        self.ended = true;
    }

    /// What was let pass, each with the octet of the stream where it showed first.
    pub(crate) fn used(&self) -> impl Iterator<Item = (Leniency, u64)> {
        let used = Leniency::ALL.iter().filter(|&&each| self.used.has(each));
        used.map(|&each| (each, self.first[each as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::{Leniencies, Leniency, Lenient};
    use alloc::{format, vec::Vec};

    #[test]
    fn each_has_a_name_and_a_place_of_its_own() {
        for &one in Leniency::ALL {
            assert_eq!(Leniency::named(one.name()), Some(one));
            assert!(one.rule().starts_with("RFC 911"), "{one}");
            let alone: Leniencies = [one].into_iter().collect();
            for &other in Leniency::ALL {
                assert_eq!(alone.has(other), one == other);
                assert_eq!(alone.with(other).without(one).has(other), one != other);
            }
            assert!(!alone.is_empty() && alone.without(one).is_empty());
        }
        assert_eq!(Leniency::named("bare-cr"), None);
        let two = [Leniency::BareLf, Leniency::RawTargets];
        let set: Leniencies = two.into_iter().collect();
        assert_eq!(format!("{set:?}"), "{BareLf, RawTargets}");
    }

    #[test]
    fn the_first_use_is_told_until_the_next_message() {
        let mut lenient = Lenient {
            allowed: Leniencies::NONE.with(Leniency::BareLf),
            passed: 100,
            ..Lenient::default()
        };
        assert!(!lenient.lets(Leniency::RawTargets, 1));
        assert!(lenient.lets(Leniency::BareLf, 7) && lenient.lets(Leniency::BareLf, 9));
        let used: Vec<_> = lenient.used().collect();
        assert_eq!(used, [(Leniency::BareLf, 107)]);
        lenient.begin();
        lenient.end();
        assert_eq!(lenient.used().count(), 1);
        lenient.begin();
        assert_eq!(lenient.used().count(), 0);
        lenient.lets(Leniency::BareLf, 3);
        lenient.end();
        assert!(lenient.lets(Leniency::BareLf, 5));
        assert_eq!(lenient.used().next(), Some((Leniency::BareLf, 105)));
    }
}
