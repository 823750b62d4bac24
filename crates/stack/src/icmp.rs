//! ICMP and ICMPv6 (RFC 792, RFC 4443): echo, and errors in both directions.

use crate::{
    ip::{self, Header, Packet},
    limits,
};
use alloc::{vec, vec::Vec};
use core::net::IpAddr;
use netkit_tcp::{Icmp, PseudoHeader, internet_checksum};

/// A message to this host.
pub(crate) enum Message<'a> {
    /// To be answered with the same: identifier, sequence number, data.
    EchoRequest(&'a [u8]),
    /// About a packet that this host sent, or so it says: as much of it as is quoted.
    Error(Icmp, Packet<'a>),
    /// Nothing that a host without UDP has asked for.
    Other,
}

/// An error that this host reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// Nothing here speaks the protocol that the octet at `.0` names.
    Protocol(usize),
    /// Nobody listens on the port.
    Port,
    /// An extension header's field at `.0` is wrong.
    Field(usize),
    /// The option at `.0` is not known.
    Option(usize),
    /// Pieces of the packet did not come in time.
    Reassembly,
    /// A first fragment does not hold all headers.
    FirstFragment,
    /// The packet's source route does not end here.
    SourceRoute,
}

/// Reads a message; `None` if its checksum is wrong or it is cut short.
pub(crate) fn parse<'a>(packet: &Packet<'a>) -> Option<Message<'a>> {
    let message = packet.payload;
    let (head, quoted) = message.split_first_chunk::<8>()?;
    if checksum(packet.source, packet.destination, message)? != 0 {
        return None;
    }
    let is_four = packet.source.is_ipv4();
    let report = match (is_four, head[0], head[1]) {
        (true, 8, 0) | (false, 128, 0) => return Some(Message::EchoRequest(&message[4..])),
        // RFC 9293 3.9.2.2, MUST-56 and SHLD-26: which are soft and which are hard.
        (true, 3, 2 | 3) | (false, 1, 1 | 4) => Icmp::Hard,
        (true, 3, 4) => Icmp::TooBig(next_hop(u16::from_be_bytes([head[6], head[7]]), quoted)),
        (true, 3 | 11 | 12, _) | (false, 1 | 3 | 4, _) => Icmp::Soft,
        (true, 4, _) => Icmp::SourceQuench,
        (false, 2, _) => {
            let mtu = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
            let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
            // RFC 8201 4: "a node MUST NOT reduce its estimate of the Path MTU below" it.
            Icmp::TooBig(mtu.max(limits::MIN_MTU_V6))
        }
        _ => return Some(Message::Other),
    };
    Some(Packet::quoted(quoted).map_or(Message::Other, |quoted| Message::Error(report, quoted)))
}

/// The MTU that a router reports, or the next smaller one in use if it is too old to say (RFC 1191 5).
fn next_hop(mtu: u16, quoted: &[u8]) -> u16 {
    const PLATEAUS: [u16; 10] = [
        32000,
        17914,
        8166,
        4352,
        2002,
        1492,
        1006,
        508,
        296,
        limits::MIN_MTU_V4,
    ];
    if mtu >= limits::MIN_MTU_V4 {
        return mtu;
    }
    let length = quoted
        .get(2..4)
        .map_or(0, |length| u16::from_be_bytes([length[0], length[1]]));
    let plateau = PLATEAUS.into_iter().find(|plateau| *plateau < length);
    plateau.unwrap_or(limits::MIN_MTU_V4)
}

/// Zero over a message whose checksum is right; `None` if the families differ.
fn checksum(source: IpAddr, destination: IpAddr, message: &[u8]) -> Option<u16> {
    if source.is_ipv4() {
        return Some(internet_checksum(message));
    }
    let pseudo = PseudoHeader::carrying(ip::ICMPV6, source, destination)?;
    Some(pseudo.checksum(message))
}

/// The packet that answers an echo request to `packet.destination`.
pub(crate) fn echo_reply(packet: &Packet<'_>, rest: &[u8]) -> Option<Vec<u8>> {
    let kind = if packet.source.is_ipv4() { 0 } else { 129 };
    message(packet.destination, packet.source, [kind, 0], rest)
}

/// The packet that tells `destination` what was wrong with its own, `about`.
pub(crate) fn report(
    source: IpAddr,
    destination: IpAddr,
    report: Report,
    about: &[u8],
) -> Option<Vec<u8>> {
    let is_four = source.is_ipv4();
    let (head, field) = match (report, is_four) {
        (Report::Protocol(_), true) => ([3, 2], 0),
        (Report::Protocol(at), false) => ([4, 1], at),
        (Report::Port, true) => ([3, 3], 0),
        (Report::Port, false) => ([1, 4], 0),
        // RFC 792: the pointer is one octet, in front.
        (Report::Field(at) | Report::Option(at), true) => ([12, 0], at << 24),
        (Report::Field(at), false) => ([4, 0], at),
        (Report::Option(at), false) => ([4, 2], at),
        (Report::Reassembly, true) => ([11, 1], 0),
        (Report::Reassembly, false) => ([3, 1], 0),
        // RFC 7112 7.
        (Report::FirstFragment, false) => ([4, 3], 0),
        (Report::SourceRoute, true) => ([3, 5], 0),
        // IPv4 has one header, IPv6 no option for the other.
        (Report::FirstFragment, true) | (Report::SourceRoute, false) => return None,
    };
    let most = if is_four {
        limits::QUOTED_V4
    } else {
        limits::QUOTED_V6
    };
    let mut rest = (field as u32).to_be_bytes().to_vec();
    rest.extend_from_slice(&about[..about.len().min(most)]);
    message(source, destination, head, &rest)
}

fn message(source: IpAddr, destination: IpAddr, head: [u8; 2], rest: &[u8]) -> Option<Vec<u8>> {
    let protocol = if source.is_ipv4() {
        ip::ICMP
    } else {
        ip::ICMPV6
    };
    let header = Header::new(source, destination, protocol)?;
    let start = header.length();
    let mut packet = vec![0; start];
    packet.extend_from_slice(&[head[0], head[1], 0, 0]);
    packet.extend_from_slice(rest);
    let sum = checksum(source, destination, &packet[start..])?;
    packet[start + 2..start + 4].copy_from_slice(&sum.to_be_bytes());
    header.write(&mut packet);
    Some(packet)
}

/// Whether a message is an error, which no error answers (RFC 1122 3.2.2, RFC 4443 2.4 (e)).
pub(crate) fn is_error(protocol: u8, message: &[u8]) -> bool {
    match (protocol, message.first()) {
        (ip::ICMP, Some(kind)) => !matches!(kind, 0 | 8..=10 | 13..=18),
        (ip::ICMPV6, Some(kind)) => *kind < 128,
        (ip::ICMP | ip::ICMPV6, None) => true,
        _ => false,
    }
}
