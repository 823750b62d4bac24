//! Every split of an input gives the same events: the oracle of every stream machine's property
//! tests and fuzz targets.
//!
//! A stream may arrive in any pieces. [`transcript`] plays the owner of a machine: it appends each
//! piece to an [`Inbox`], calls the machine until it needs more, and writes the events down.
//! [`same_for_every_split`] compares what the machine says of the whole input with what it says of
//! other splits of it.

use crate::{Inbox, Step};
use alloc::{vec, vec::Vec};
use core::fmt::Debug;

/// An event as a transcript keeps it: owned, comparable, and able to absorb its neighbour where the
/// boundary between the two is an accident of arrival (two runs of body data, say).
pub trait Heard: Debug + PartialEq + Sized {
    /// Appends `next` to `self`, or gives it back when the two are different events.
    fn join(&mut self, next: Self) -> Option<Self>;
}

/// What a machine said of one input.
#[derive(Debug, PartialEq)]
pub struct Transcript<E, X> {
    /// The events, neighbouring data joined.
    pub events: Vec<E>,
    /// The error that ended it, if one did.
    pub error: Option<X>,
    /// Octets that the machine never used.
    pub left: usize,
}

/// How many events in a row may use no input before the machine counts as stuck.
const IDLE_EVENTS: usize = 64;

/// Runs one machine over `pieces` and writes down what it says.
///
/// `recv` is one call of the machine; `None` stands for "need data", and ends the run of calls for
/// this piece.
///
/// # Panics
/// If the machine uses more than it was offered, or goes on reporting events without using input.
pub fn transcript<'p, E: Heard, X>(
    pieces: impl IntoIterator<Item = &'p [u8]>,
    mut recv: impl FnMut(&mut [u8]) -> Result<Step<Option<E>>, X>,
) -> Transcript<E, X> {
    let mut inbox = Inbox::new();
    let mut events: Vec<E> = Vec::new();
    for piece in pieces {
        inbox.extend(piece);
        let mut idle = 0;
        loop {
            let step = match recv(inbox.unread()) {
                Ok(step) => step,
                Err(error) => {
                    return Transcript {
                        events,
                        error: Some(error),
                        left: 0,
                    };
                }
            };
            idle = if step.used == 0 { idle + 1 } else { 0 };
            inbox.consume(step.used);
            let Some(event) = step.event else { break };
            assert!(idle < IDLE_EVENTS, "events without progress: {event:?}");
            let apart = match events.last_mut() {
                Some(last) => last.join(event),
                None => Some(event),
            };
            events.extend(apart);
        }
    }
    Transcript {
        events,
        error: None,
        left: inbox.len(),
    }
}

/// Compares the transcript of `input` in one piece with those of every split in two, and of single
/// octets. `start` makes a fresh machine.
///
/// # Panics
/// If two transcripts differ; the message shows the split and both.
pub fn same_for_every_split<E: Heard, X: Debug + PartialEq, M>(
    input: &[u8],
    mut start: impl FnMut() -> M,
) -> Transcript<E, X>
where
    M: FnMut(&mut [u8]) -> Result<Step<Option<E>>, X>,
{
    let whole = transcript([input], start());
    for at in 1..input.len() {
        let (front, back) = input.split_at(at);
        let split = transcript([front, back], start());
        assert!(
            split == whole,
            "split at {at}: {split:?}\nin one piece: {whole:?}"
        );
    }
    let octets = transcript(input.chunks(1), start());
    assert!(
        octets == whole,
        "octet by octet: {octets:?}\nin one piece: {whole:?}"
    );
    whole
}

/// Where to cut an input: a split that a generator chose. The lengths repeat until the input ends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Cuts(
    /// Lengths of the pieces, in turn; zero counts as one.
    pub Vec<u8>,
);

impl Cuts {
    /// The pieces of `input` between the cuts. No cuts: one piece.
    pub fn pieces<'p>(&self, input: &'p [u8]) -> Vec<&'p [u8]> {
        if self.0.is_empty() {
            return vec![input];
        }
        let mut rest = input;
        let mut pieces = Vec::new();
        for length in self.0.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, tail) = rest.split_at(rest.len().min(usize::from(*length).max(1)));
            pieces.push(piece);
            rest = tail;
        }
        pieces
    }
}

#[cfg(feature = "proptest")]
impl proptest::arbitrary::Arbitrary for Cuts {
    type Parameters = ();
    type Strategy = proptest::strategy::BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        use proptest::prelude::*;
        proptest::collection::vec(prop_oneof![Just(1u8), 1u8..16, any::<u8>()], 0..8)
            .prop_map(Cuts)
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::{Cuts, Heard, same_for_every_split, transcript};
    use crate::Step;
    use alloc::{string::String, vec::Vec};

    #[derive(Debug, PartialEq)]
    struct Text(String);

    impl Heard for Text {
        fn join(&mut self, next: Self) -> Option<Self> {
            self.0.push_str(&next.0);
            None
        }
    }

    type Said = Result<Step<Option<Text>>, u8>;

    fn text(octets: &[u8]) -> Text {
        Text(octets.iter().map(|&octet| char::from(octet)).collect())
    }

    /// Reports everything but refuses `!`.
    fn faithful(input: &mut [u8]) -> Said {
        match input.iter().position(|&octet| octet == b'!') {
            Some(0) => Err(b'!'),
            _ if input.is_empty() => Ok(Step::new(0, None)),
            until => {
                let used = until.unwrap_or(input.len());
                Ok(Step::new(used, Some(text(&input[..used]))))
            }
        }
    }

    #[test]
    fn a_faithful_machine_passes() {
        let said = same_for_every_split(b"some text! more", || faithful);
        assert_eq!(said.events, [text(b"some text")]);
        assert_eq!(said.error, Some(b'!'));
    }

    #[test]
    #[should_panic(expected = "split at 1")]
    fn a_machine_that_minds_the_split_fails() {
        let _ = same_for_every_split(b"abc", || {
            |input: &mut [u8]| -> Said {
                if input.is_empty() {
                    return Ok(Step::new(0, None));
                }
                Ok(Step::new(input.len(), Some(text(&input[..1]))))
            }
        });
    }

    #[test]
    #[should_panic(expected = "events without progress")]
    fn a_stuck_machine_fails() {
        let _ = transcript([&b"a"[..]], |_: &mut [u8]| -> Said {
            Ok(Step::new(0, Some(text(b""))))
        });
    }

    proptest::proptest! {
        #[test]
        fn cuts_lose_nothing(cuts: Cuts, input: Vec<u8>) {
            let pieces = cuts.pieces(&input);
            proptest::prop_assert_eq!(pieces.concat(), input);
        }
    }
}
