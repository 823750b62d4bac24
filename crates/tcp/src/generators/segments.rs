//! Well-formed segments.

use crate::{Flags, Header, OptionKind, OptionList, PseudoHeader, Seq, TcpOption};
use std::{vec, vec::Vec};

/// The choices that a segment is built from: any will do.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
struct Choices {
    ports: (u16, u16),
    numbers: (u32, u32),
    flags: u16,
    window: u16,
    urgent_pointer: u16,
    options: Vec<(u8, Vec<u8>)>,
    payload: Vec<u8>,
}

/// A well-formed segment: a header, and data behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedSegment {
    /// Every field but the checksum.
    pub header: Header,
    /// The data.
    pub payload: Vec<u8>,
}

impl OwnedSegment {
    /// The octets on the wire.
    pub fn octets(&self, pseudo: PseudoHeader) -> Vec<u8> {
        let mut octets = vec![0; self.header.length()];
        octets.extend_from_slice(&self.payload);
        self.header.write(pseudo, &mut octets);
        octets
    }
}

impl From<Choices> for OwnedSegment {
    fn from(choices: Choices) -> Self {
        let mut options = OptionList::new();
        for (kind, octets) in &choices.options {
            let option = match OptionKind(*kind) {
                // The end is written by the padding.
                OptionKind::END_OF_OPTION_LIST | OptionKind::NO_OPERATION => TcpOption::NoOperation,
                kind => TcpOption::Other(kind, octets),
            };
            // Whatever finds room.
            options = options.with(&option).unwrap_or(options);
        }
        Self {
            header: Header {
                source_port: choices.ports.0,
                destination_port: choices.ports.1,
                sequence_number: Seq(choices.numbers.0),
                acknowledgment_number: Seq(choices.numbers.1),
                flags: Flags(choices.flags & Flags::MASK),
                window: choices.window,
                urgent_pointer: choices.urgent_pointer,
                options,
            },
            payload: choices.payload,
        }
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for OwnedSegment {
    fn arbitrary(octets: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Choices::arbitrary(octets).map(Self::from)
    }
}

#[cfg(feature = "proptest")]
impl proptest::arbitrary::Arbitrary for OwnedSegment {
    type Parameters = ();
    type Strategy = proptest::strategy::BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        use proptest::{collection::vec, prelude::*};
        let kind = prop_oneof![0u8..9, any::<u8>()];
        let options = vec((kind, vec(any::<u8>(), 0..20)), 0..6);
        let fields = any::<((u16, u16), (u32, u32), u16, u16, u16)>();
        (fields, options, vec(any::<u8>(), 0..64))
            .prop_map(
                |((ports, numbers, flags, window, urgent_pointer), options, payload)| {
                    Self::from(Choices {
                        ports,
                        numbers,
                        flags,
                        window,
                        urgent_pointer,
                        options,
                        payload,
                    })
                },
            )
            .boxed()
    }
}
