//! IP packets: a view of those that arrive (RFC 791, RFC 8200), and headers for those that leave.

mod route;
mod v4;
mod v6;

use core::{fmt, net::IpAddr};

pub use route::{Route, SourceRoute};

/// IP's number for ICMP.
pub const ICMP: u8 = 1;
/// IP's number for UDP.
pub const UDP: u8 = 17;
/// IP's number for ICMPv6.
pub const ICMPV6: u8 = 58;
/// "No next header" (RFC 8200 4.7).
pub(crate) const NO_NEXT_HEADER: u8 = 59;

/// A packet where it arrived: everything that is longer than a few octets is lent from the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Who sent it, by its own account.
    pub source: IpAddr,
    /// Whom it is for.
    pub destination: IpAddr,
    /// What it carries: [`netkit_tcp::PROTOCOL`], [`ICMP`] or another of IANA's numbers; behind IPv6's
    /// extension headers.
    pub protocol: u8,
    /// IPv4's time to live, IPv6's hop limit.
    pub hop_limit: u8,
    /// Six bits of DSCP and two of ECN (RFC 2474 3, RFC 3168 5).
    pub traffic_class: u8,
    /// IPv4's options as they came; empty for IPv6.
    pub options: &'a [u8],
    /// Which piece of a packet it is, if it is not the whole.
    pub fragment: Option<Fragment>,
    /// What it carries.
    pub payload: &'a [u8],
    /// All of it, without what a link may have put behind it.
    pub octets: &'a [u8],
    /// Where in `octets` the field stands that names the protocol, for an error about it.
    pub protocol_at: usize,
}

/// A piece of a packet (RFC 791 2.3, RFC 8200 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Common to the pieces of one packet.
    pub identification: u32,
    /// Octets of the payload in front of this piece.
    pub offset: u16,
    /// Others follow.
    pub more: bool,
}

/// Octets that are no IP packet, or one that a host has to discard: why, and the octet where it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketError {
    /// What is wrong.
    pub reason: Malformed,
    /// Counted from the packet's first octet.
    pub at: usize,
}

/// What is wrong with octets that should be a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Malformed {
    /// Fewer octets than the shortest header has.
    Short,
    /// Neither 4 nor 6.
    Version,
    /// The header's length is below its least, or beyond the packet.
    HeaderLength,
    /// The packet's length is below the header's, or beyond what arrived.
    Length,
    /// The header's checksum is not that of the header.
    Checksum,
    /// A fragment that lies beyond the largest packet, or whose length is not a multiple of eight.
    Fragment,
    /// A first fragment of IPv6 that does not hold all headers: the sender is to be told (RFC 7112 5).
    FirstFragment,
    /// More extension headers than [`limits::EXTENSION_HEADERS`](crate::limits::EXTENSION_HEADERS).
    ExtensionHeaders,
    /// An option of IPv6 that has to be understood, and is not: discard silently (RFC 8200 4.2, 01).
    Option,
    /// The same, and the sender is to be told, whoever it was for (10).
    OptionTold,
    /// The same, unless it was for many (11).
    OptionToldIfUnicast,
    /// A routing header that is not at its end, of a type that is not known (RFC 8200 4.4).
    Routing,
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            Malformed::Short => "fewer octets than the shortest IP header has",
            Malformed::Version => "neither IPv4 nor IPv6",
            Malformed::HeaderLength => "the header's length does not fit",
            Malformed::Length => "the packet's length does not fit",
            Malformed::Checksum => "the header's checksum is wrong",
            Malformed::Fragment => "a fragment that does not fit",
            Malformed::FirstFragment => "a first fragment without all headers",
            Malformed::ExtensionHeaders => "too many extension headers",
            Malformed::Option | Malformed::OptionTold | Malformed::OptionToldIfUnicast => {
                "an option that has to be understood is not known"
            }
            Malformed::Routing => "a routing header that is not known",
        })?;
        write!(f, " (octet {})", self.at)
    }
}

impl core::error::Error for PacketError {}

pub(crate) const fn error(reason: Malformed, at: usize) -> PacketError {
    PacketError { reason, at }
}

impl<'a> Packet<'a> {
    /// Finds the parts of a packet. `octets` may be longer: links pad.
    ///
    /// # Errors
    /// [`PacketError`] if it is malformed, or a host has to discard it.
    pub fn parse(octets: &'a [u8]) -> Result<Self, PacketError> {
        match octets.first().map(|first| first >> 4) {
            Some(4) => v4::parse(octets, true),
            Some(6) => v6::parse(octets, true),
            Some(_) => Err(error(Malformed::Version, 0)),
            None => Err(error(Malformed::Short, 0)),
        }
    }

    /// Finds the parts of a packet that an error message quotes: it may be cut short.
    pub(crate) fn quoted(octets: &'a [u8]) -> Option<Self> {
        match octets.first()? >> 4 {
            4 => v4::parse(octets, false).ok(),
            6 => v6::parse(octets, false).ok(),
            _ => None,
        }
    }

    /// The addresses of a packet that cannot be read to its end, for an error about it.
    pub(crate) fn ends_of(octets: &[u8]) -> Option<(IpAddr, IpAddr)> {
        match octets.first()? >> 4 {
            4 => v4::addresses(octets),
            6 => v6::addresses(octets),
            _ => None,
        }
    }
}

/// The header of a packet to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'o> {
    ends: Ends,
    /// What the packet carries.
    pub protocol: u8,
    /// IPv4's time to live, IPv6's hop limit.
    pub hop_limit: u8,
    /// Six bits of DSCP and two of ECN.
    pub traffic_class: u8,
    /// Of IPv4, padded to a multiple of four octets, at most forty. IPv6 has none.
    pub options: &'o [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    V4(core::net::Ipv4Addr, core::net::Ipv4Addr),
    V6(core::net::Ipv6Addr, core::net::Ipv6Addr),
}

impl Header<'static> {
    /// The header of a packet between two addresses; `None` if they are of different families.
    pub const fn new(source: IpAddr, destination: IpAddr, protocol: u8) -> Option<Self> {
        let ends = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Ends::V4(source, destination),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Ends::V6(source, destination),
            _ => return None,
        };
        Some(Self {
            ends,
            protocol,
            hop_limit: crate::limits::HOP_LIMIT,
            traffic_class: 0,
            options: &[],
        })
    }
}

impl Header<'_> {
    /// Octets of the header.
    pub const fn length(&self) -> usize {
        match self.ends {
            Ends::V4(..) => v4::HEADER + self.options.len(),
            Ends::V6(..) => v6::HEADER,
        }
    }

    /// Writes the header to the front of `packet`, behind which the payload already stands. A packet of
    /// IPv4 is not to be fragmented (RFC 1191 3), so it needs no identification (RFC 6864 4).
    ///
    /// # Panics
    /// If `packet` is shorter than the header, or longer than 65535 octets and the header's of IPv6.
    pub fn write(&self, packet: &mut [u8]) {
        match self.ends {
            Ends::V4(source, destination) => v4::write(self, source, destination, packet),
            Ends::V6(source, destination) => v6::write(self, source, destination, packet),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fragment, Header, Malformed, Packet};
    use crate::generators::OwnedPacket;
    use core::net::IpAddr;
    use std::{string::ToString, vec, vec::Vec};

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn written(header: &Header<'_>, payload: &[u8]) -> Vec<u8> {
        let mut octets = vec![0; header.length()];
        octets.extend_from_slice(payload);
        header.write(&mut octets);
        octets
    }

    fn error(octets: &[u8]) -> (Malformed, usize) {
        let error = Packet::parse(octets).expect_err("refused");
        assert!(
            error
                .to_string()
                .ends_with(&std::format!("(octet {})", error.at))
        );
        (error.reason, error.at)
    }

    fn four() -> Vec<u8> {
        let header = Header::new(ip("192.0.2.1"), ip("192.0.2.2"), 6).expect("one family");
        written(&header, b"abc")
    }

    /// A packet of IPv6 with extension headers in front of "abc".
    fn six(first: u8, extensions: &[u8]) -> Vec<u8> {
        let header = Header::new(ip("2001:db8::1"), ip("2001:db8::2"), first).expect("one family");
        written(&header, &[extensions, b"abc"].concat())
    }

    #[test]
    fn a_header_of_ipv4_has_every_field_in_its_place() {
        let mut header = Header::new(ip("192.0.2.1"), ip("192.0.2.2"), 6).expect("one family");
        header.traffic_class = 0xb8;
        header.hop_limit = 7;
        header.options = &[1, 1, 1, 0];
        let octets = written(&header, b"abc");
        assert_eq!(
            octets,
            [
                0x46, 0xb8, 0, 27, 0, 0, 0x40, 0, 7, 6, 0xec, 0x20, 192, 0, 2, 1, 192, 0, 2, 2, 1,
                1, 1, 0, b'a', b'b', b'c'
            ]
        );
        let padded = [&octets[..], b"ethernet's"].concat();
        let packet = Packet::parse(&padded).expect("a packet");
        assert_eq!(packet.source, ip("192.0.2.1"));
        assert_eq!(packet.destination, ip("192.0.2.2"));
        assert_eq!(
            (packet.protocol, packet.hop_limit, packet.traffic_class),
            (6, 7, 0xb8)
        );
        assert_eq!(
            (packet.options, packet.payload),
            (&[1, 1, 1, 0][..], &b"abc"[..])
        );
        assert_eq!((packet.octets, packet.fragment), (&octets[..], None));
        assert_eq!(packet.protocol_at, 9);
    }

    #[test]
    fn a_header_of_ipv6_has_every_field_in_its_place() {
        let mut header = Header::new(ip("2001:db8::1"), ip("2001:db8::2"), 6).expect("one family");
        header.traffic_class = 0xb8;
        header.hop_limit = 7;
        let octets = written(&header, b"abc");
        assert_eq!(octets[..8], [0x6b, 0x80, 0, 0, 0, 3, 6, 7]);
        assert_eq!(octets[8..12], [0x20, 1, 0x0d, 0xb8]);
        assert_eq!((octets[23], octets[39]), (1, 2));
        let padded = [&octets[..], b"ethernet's"].concat();
        let packet = Packet::parse(&padded).expect("a packet");
        assert_eq!(packet.source, ip("2001:db8::1"));
        assert_eq!(packet.destination, ip("2001:db8::2"));
        assert_eq!(
            (packet.protocol, packet.hop_limit, packet.traffic_class),
            (6, 7, 0xb8)
        );
        assert_eq!((packet.options, packet.payload), (&[][..], &b"abc"[..]));
        assert_eq!((packet.octets, packet.fragment), (&octets[..], None));
        assert_eq!(packet.protocol_at, 6);
    }

    #[test]
    fn families_do_not_mix() {
        assert!(Header::new(ip("192.0.2.1"), ip("2001:db8::2"), 6).is_none());
        assert!(Header::new(ip("2001:db8::2"), ip("192.0.2.1"), 6).is_none());
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_place() {
        assert_eq!(error(&[]), (Malformed::Short, 0));
        assert_eq!(error(&[0x50; 40]), (Malformed::Version, 0));
        let whole = four();
        assert_eq!(error(&whole[..19]), (Malformed::Short, 19));
        let changed = |at: usize, to: u8| {
            let mut octets = four();
            octets[at] = to;
            octets
        };
        assert_eq!(error(&changed(0, 0x44)), (Malformed::HeaderLength, 0));
        assert_eq!(error(&changed(0, 0x46)), (Malformed::HeaderLength, 0));
        assert_eq!(error(&changed(3, 19)), (Malformed::Length, 2));
        assert_eq!(error(&changed(3, 24)), (Malformed::Length, 2));
        assert_eq!(error(&changed(8, 63)), (Malformed::Checksum, 10));
        let six = six(6, &[]);
        assert_eq!(error(&six[..39]), (Malformed::Short, 39));
        assert_eq!(error(&six[..42]), (Malformed::Length, 4));
    }

    #[test]
    fn every_damaged_header_of_ipv4_is_refused() {
        for at in 0..20 {
            for bit in 0..8 {
                let mut octets = four();
                octets[at] ^= 1 << bit;
                assert!(Packet::parse(&octets).is_err(), "octet {at}, bit {bit}");
            }
        }
    }

    /// Sets IPv4's flags and offset, and the checksum anew.
    fn piece(field: u16, payload: &[u8]) -> Vec<u8> {
        let header = Header::new(ip("192.0.2.1"), ip("192.0.2.2"), 17).expect("one family");
        let mut octets = written(&header, payload);
        octets[4..6].copy_from_slice(&[0xab, 0xcd]);
        octets[6..8].copy_from_slice(&field.to_be_bytes());
        octets[10..12].fill(0);
        let sum = netkit_tcp::internet_checksum(&octets[..20]);
        octets[10..12].copy_from_slice(&sum.to_be_bytes());
        octets
    }

    #[test]
    fn fragments_of_ipv4_say_where_they_belong() {
        let of = |octets: &[u8]| Packet::parse(octets).expect("a packet").fragment;
        let fragment = |offset, more| {
            Some(Fragment {
                identification: 0xabcd,
                offset,
                more,
            })
        };
        assert_eq!(of(&piece(0x2000, &[0; 8])), fragment(0, true));
        assert_eq!(of(&piece(0x2001, &[0; 16])), fragment(8, true));
        assert_eq!(of(&piece(3, &[0; 5])), fragment(24, false));
        assert_eq!(of(&piece(0x4000, &[0; 5])), None);
        assert_eq!(of(&piece(0, &[0; 5])), None);
        assert_eq!(error(&piece(0x2000, &[0; 9])), (Malformed::Fragment, 6));
        assert_eq!(error(&piece(0x1fff, &[0; 8])), (Malformed::Fragment, 6));
        assert_eq!(of(&piece(0x1fff, &[0; 7])), fragment(65528, false));
    }

    #[test]
    fn extension_headers_are_walked() {
        // Hop-by-hop with padding, a routing header at its end, destination options, authentication.
        let all = [
            &[43, 0, 1, 4, 0, 0, 0, 0][..],
            &[60, 0, 0, 0, 0, 0, 0, 0],
            &[51, 0, 0, 0, 0x1e, 2, 0, 0],
            &[6, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2],
        ];
        let octets = six(0, &all.concat());
        let packet = Packet::parse(&octets).expect("a packet");
        assert_eq!((packet.protocol, packet.payload), (6, &b"abc"[..]));
        assert_eq!(packet.protocol_at, 64);
        // A fragment's protocol is the one behind it; a first piece may go on with extension headers.
        let octets = six(44, &[6, 0, 0, 8, 0, 0, 0, 9]);
        let packet = Packet::parse(&octets).expect("a packet");
        let fragment = Fragment {
            identification: 9,
            offset: 8,
            more: false,
        };
        assert_eq!(
            (packet.fragment, packet.payload),
            (Some(fragment), &b"abc"[..])
        );
        // One that is the whole packet is no fragment (RFC 6946).
        let octets = six(44, &[6, 0, 0, 0, 0, 0, 0, 9]);
        assert_eq!(Packet::parse(&octets).expect("a packet").fragment, None);
        assert_eq!(
            error(&six(44, &[6, 0, 0, 1, 0, 0, 0, 9])),
            (Malformed::Fragment, 42)
        );
        assert_eq!(
            error(&six(44, &[6, 0, 0xff, 0xf8, 0, 0, 0, 9, 0, 0, 0, 0, 0])),
            (Malformed::Fragment, 42)
        );
    }

    #[test]
    fn extension_headers_that_a_host_does_not_know_end_the_walk() {
        let option = |kind: u8| six(60, &[6, 0, kind, 2, 0, 0, 1, 0]);
        assert!(Packet::parse(&option(0x1e)).is_ok());
        assert_eq!(error(&option(0x5e)), (Malformed::Option, 42));
        assert_eq!(error(&option(0x9e)), (Malformed::OptionTold, 42));
        assert_eq!(error(&option(0xde)), (Malformed::OptionToldIfUnicast, 42));
        // Cut short: inside the header, inside an option, before its length.
        assert_eq!(error(&six(60, &[6, 9])), (Malformed::HeaderLength, 40));
        assert_eq!(
            error(&six(60, &[6, 0, 1, 5, 0, 0, 0, 0])),
            (Malformed::HeaderLength, 42)
        );
        assert_eq!(
            error(&six(60, &[6, 0, 1, 3, 0, 0, 0, 1])),
            (Malformed::HeaderLength, 47)
        );
        // Somewhere on its way, of a type that nobody uses any more (RFC 5095).
        assert_eq!(
            error(&six(43, &[6, 0, 0, 1, 0, 0, 0, 0])),
            (Malformed::Routing, 42)
        );
        // Hop-by-hop stands first or not at all (RFC 8200 4.1): elsewhere it is not known.
        let late = six(60, &[0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0]);
        let packet = Packet::parse(&late).expect("a packet");
        assert_eq!((packet.protocol, packet.protocol_at), (0, 40));
        let many: Vec<u8> = [60, 0, 1, 4, 0, 0, 0, 0].repeat(9);
        assert_eq!(error(&six(60, &many)), (Malformed::ExtensionHeaders, 104));
        let most = [
            [60, 0, 1, 4, 0, 0, 0, 0].repeat(7),
            [6, 0, 1, 4, 0, 0, 0, 0].to_vec(),
        ];
        assert!(Packet::parse(&six(60, &most.concat())).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn what_was_written_is_read(written: OwnedPacket, behind: Vec<u8>) {
            let octets = written.octets();
            let padded = [&octets[..], &behind].concat();
            let packet = Packet::parse(&padded).expect("a packet");
            let OwnedPacket { source, destination, protocol, hop_limit, traffic_class, options, payload } = &written;
            proptest::prop_assert_eq!(packet, Packet {
                source: *source, destination: *destination, protocol: *protocol, hop_limit: *hop_limit,
                traffic_class: *traffic_class, options, fragment: None, payload, octets: &octets,
                protocol_at: if source.is_ipv4() { 9 } else { 6 },
            });
        }

        #[test]
        fn octets_from_anyone_are_read_without_harm(octets: Vec<u8>, version in 4u8..=6) {
            let mut octets = octets;
            if let Some(first) = octets.first_mut() {
                *first = version << 4 | *first & 15;
            }
            let _ = Packet::parse(&octets);
        }
    }
}
