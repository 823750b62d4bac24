//! Well-formed packets.

use crate::ip::{Header, NO_NEXT_HEADER};
use core::net::IpAddr;
use std::{vec, vec::Vec};

/// The choices that a packet is built from: any will do.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
struct Choices {
    ends: Ends,
    protocol: u8,
    hop_limit: u8,
    traffic_class: u8,
    payload: Vec<u8>,
}

/// Of one family.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
enum Ends {
    /// With words of options.
    V4([[u8; 4]; 2], Vec<[u8; 4]>),
    V6([[u8; 16]; 2]),
}

/// A well-formed packet of IPv4 or IPv6, in one piece and without extension headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedPacket {
    /// Who sends it.
    pub source: IpAddr,
    /// Whom it is for: of the same family.
    pub destination: IpAddr,
    /// What it carries.
    pub protocol: u8,
    /// IPv4's time to live, IPv6's hop limit.
    pub hop_limit: u8,
    /// Six bits of DSCP and two of ECN.
    pub traffic_class: u8,
    /// IPv4's, whatever they say: a multiple of four octets, at most forty.
    pub options: Vec<u8>,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl OwnedPacket {
    /// The octets on the wire.
    ///
    /// # Panics
    /// If its ends are of different families.
    pub fn octets(&self) -> Vec<u8> {
        let header = Header::new(self.source, self.destination, self.protocol);
        let mut header = header.expect("one family");
        header.hop_limit = self.hop_limit;
        header.traffic_class = self.traffic_class;
        header.options = &self.options;
        let mut octets = vec![0; header.length()];
        octets.extend_from_slice(&self.payload);
        header.write(&mut octets);
        octets
    }
}

impl From<Choices> for OwnedPacket {
    fn from(choices: Choices) -> Self {
        let (ends, options) = match choices.ends {
            Ends::V4(ends, words) => (
                ends.map(IpAddr::from),
                words.into_iter().take(10).flatten().collect(),
            ),
            Ends::V6(ends) => (ends.map(IpAddr::from), Vec::new()),
        };
        let [source, destination] = ends;
        let protocol = match choices.protocol {
            // Extension headers of IPv6.
            0 | 43 | 44 | 51 | 60 if source.is_ipv6() => NO_NEXT_HEADER,
            protocol => protocol,
        };
        Self {
            source,
            destination,
            protocol,
            hop_limit: choices.hop_limit,
            traffic_class: choices.traffic_class,
            options,
            payload: choices.payload,
        }
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for OwnedPacket {
    fn arbitrary(octets: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Choices::arbitrary(octets).map(Self::from)
    }
}

#[cfg(any(test, feature = "proptest"))]
impl proptest::arbitrary::Arbitrary for OwnedPacket {
    type Parameters = ();
    type Strategy = proptest::strategy::BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        use proptest::{collection::vec, prelude::*};
        let ends = prop_oneof![
            (any::<[[u8; 4]; 2]>(), vec(any::<[u8; 4]>(), 0..=10))
                .prop_map(|(ends, words)| Ends::V4(ends, words)),
            any::<[[u8; 16]; 2]>().prop_map(Ends::V6),
        ];
        (ends, any::<[u8; 3]>(), vec(any::<u8>(), 0..256))
            .prop_map(|(ends, [protocol, hop_limit, traffic_class], payload)| {
                Self::from(Choices {
                    ends,
                    protocol,
                    hop_limit,
                    traffic_class,
                    payload,
                })
            })
            .boxed()
    }
}
