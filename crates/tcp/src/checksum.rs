//! The Internet checksum (RFC 1071) over a segment and its pseudo-header (RFC 9293 3.1).

use crate::lanes;
use core::net::IpAddr;

/// IP's number for TCP.
pub const PROTOCOL: u8 = 6;

/// The pseudo-header of the segments between two addresses, summed once: only the segment's length
/// is added for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PseudoHeader {
    /// Both addresses and the protocol number: the same either way.
    sum: u32,
}

impl PseudoHeader {
    /// The pseudo-header between two addresses; `None` if they are of different families. The sum is
    /// the same in both directions.
    pub fn new(source: IpAddr, destination: IpAddr) -> Option<Self> {
        Self::carrying(PROTOCOL, source, destination)
    }

    /// The same for another of IP's protocols: ICMPv6 has this pseudo-header too (RFC 4443 2.3).
    pub fn carrying(protocol: u8, source: IpAddr, destination: IpAddr) -> Option<Self> {
        let addresses = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                sum(&source.octets()) + sum(&destination.octets())
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                sum(&source.octets()) + sum(&destination.octets())
            }
            _ => return None,
        };
        Some(Self {
            sum: addresses + u32::from(protocol),
        })
    }

    /// The checksum of `segment`, whose own checksum field is taken for zero only if it is zero: over
    /// a segment as it arrived the result is zero if the checksum is right.
    #[inline]
    pub fn checksum(self, segment: &[u8]) -> u16 {
        !fold(u32::from(self.partial(segment.len())) + sum(segment))
    }

    /// What the checksum field of a segment of `length` octets holds for a device that completes it: the
    /// sum of the pseudo-header, not complemented.
    #[inline]
    pub const fn partial(self, length: usize) -> u16 {
        let length = length as u32;
        fold(self.sum + (length >> 16) + (length & 0xffff))
    }

    /// Computes the checksum of `segment`, which is at least 20 octets long, and writes it there.
    ///
    /// # Panics
    /// If the segment is shorter than a header.
    pub fn fill(self, segment: &mut [u8]) {
        segment[16..18].fill(0);
        let checksum = self.checksum(segment);
        segment[16..18].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// The Internet checksum of `octets` without a pseudo-header (RFC 1071): of IPv4's header, of ICMP. Over
/// octets that hold their own checksum the result is zero if that is right.
pub fn internet_checksum(octets: &[u8]) -> u16 {
    !fold(sum(octets))
}

/// The checksum after one 16-bit word that it covers has changed (RFC 1624 3, equation 3): for those
/// who rewrite a port, an address or an option without summing the segment again.
pub fn update(checksum: u16, old: u16, new: u16) -> u16 {
    !fold(u32::from(!checksum) + u32::from(!old) + u32::from(new))
}

/// The ones' complement sum of big-endian 16-bit words, at most 16 bits long; an odd last octet is
/// the high half of a word.
#[inline]
fn sum(octets: &[u8]) -> u32 {
    // The sum of 32-bit halves is the sum of 16-bit words modulo 2^16 - 1, in any order of octets that
    // is swapped back at the end (RFC 1071 2). A segment is too short for a carry to be lost.
    let (blocks, rest) = octets.as_chunks();
    let mut sum = if blocks.is_empty() {
        0
    } else {
        lanes::sum(blocks)
    };
    let (words, rest) = rest.as_chunks();
    for word in words {
        let word = u64::from_le_bytes(*word);
        sum += (word & 0xffff_ffff) + (word >> 32);
    }
    let mut rest = rest;
    if let Some((word, behind)) = rest.split_first_chunk() {
        sum += u64::from(u32::from_le_bytes(*word));
        rest = behind;
    }
    if let Some((word, behind)) = rest.split_first_chunk() {
        sum += u64::from(u16::from_le_bytes(*word));
        rest = behind;
    }
    if let [last] = rest {
        sum += u64::from(*last);
    }
    let half = |sum: u64| (sum & 0xffff_ffff) + (sum >> 32);
    let sum = half(half(sum));
    let folded = fold((sum & 0xffff) as u32 + (sum >> 16) as u32);
    u32::from(folded.swap_bytes())
}

/// Adds the carries back in.
#[inline]
const fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::{PseudoHeader, fold, sum, update};
    use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::vec::Vec;

    /// RFC 1071 4.1, word by word.
    fn plain(octets: &[u8]) -> u16 {
        let mut total = 0u32;
        for pair in octets.chunks(2) {
            total += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            total = (total & 0xffff) + (total >> 16);
        }
        total as u16
    }

    #[test]
    fn the_example_of_rfc_1071_sums_to_ddf2() {
        let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(sum(&octets), 0xddf2);
    }

    #[test]
    fn the_example_of_rfc_1624_gives_0000() {
        assert_eq!(update(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    #[test]
    fn families_do_not_mix() {
        let (four, six) = (
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        );
        assert!(PseudoHeader::new(four, four).is_some());
        assert!(PseudoHeader::new(six, six).is_some());
        assert!(PseudoHeader::new(four, six).is_none());
        assert!(PseudoHeader::new(six, four).is_none());
    }

    proptest::proptest! {
        #[test]
        fn the_fast_sum_is_the_plain_sum(octets: Vec<u8>) {
            // Zero has two forms in ones' complement.
            let same = |a: u16, b: u16| a == b || (a | b == 0xffff && a & b == 0);
            proptest::prop_assert!(same(fold(sum(&octets)), plain(&octets)));
        }

        #[test]
        fn an_updated_checksum_is_that_of_the_changed_segment(
            mut segment in proptest::collection::vec(0u8.., 20..100), at in 0usize..8, new: u16, source: [u8; 4],
        ) {
            let pseudo = PseudoHeader::new(IpAddr::from(source), IpAddr::from([10, 0, 0, 1])).expect("one family");
            pseudo.fill(&mut segment);
            proptest::prop_assert_eq!(pseudo.checksum(&segment), 0);
            let word = |octets: &[u8], at: usize| u16::from_be_bytes([octets[at], octets[at + 1]]);
            let (checksum, old) = (word(&segment, 16), word(&segment, at * 2));
            segment[at * 2..at * 2 + 2].copy_from_slice(&new.to_be_bytes());
            segment[16..18].copy_from_slice(&update(checksum, old, new).to_be_bytes());
            proptest::prop_assert_eq!(pseudo.checksum(&segment), 0);
        }
    }
}
