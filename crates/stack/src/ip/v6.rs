use super::{Fragment, Header, ICMPV6, Malformed, Packet, PacketError, UDP, error};
use crate::limits;
use core::net::{IpAddr, Ipv6Addr};
use netkit_tcp::PROTOCOL;

/// Octets of a header.
pub(super) const HEADER: usize = 40;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

/// RFC 8200 3. What is not `whole` is quoted, and may be cut short.
pub(super) fn parse(octets: &[u8], whole: bool) -> Result<Packet<'_>, PacketError> {
    let Some(fixed) = octets.first_chunk::<HEADER>() else {
        return Err(error(Malformed::Short, octets.len()));
    };
    let length = usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
    if whole && HEADER + length > octets.len() {
        return Err(error(Malformed::Length, 4));
    }
    let octets = &octets[..octets.len().min(HEADER + length)];
    let (source, destination) = addresses(octets).ok_or(error(Malformed::Short, 0))?;
    let walked = walk(octets, fixed[6])?;
    if whole && let Some(Fragment { offset: 0, .. }) = walked.fragment {
        holds_the_chain(octets, &walked)?;
    }
    Ok(Packet {
        source,
        destination,
        protocol: walked.protocol,
        hop_limit: fixed[7],
        traffic_class: fixed[0] << 4 | fixed[1] >> 4,
        options: &[],
        fragment: walked.fragment,
        payload: &octets[walked.end..],
        octets,
        protocol_at: walked.protocol_at,
    })
}

pub(super) fn addresses(octets: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let (_, addresses) = octets.first_chunk::<HEADER>()?.split_last_chunk::<32>()?;
    let source: [u8; 16] = *addresses.first_chunk()?;
    let destination: [u8; 16] = *addresses.last_chunk()?;
    Some((source.into(), destination.into()))
}

/// How far the extension headers go.
struct Walked {
    protocol: u8,
    protocol_at: usize,
    fragment: Option<Fragment>,
    /// Where what the packet carries begins.
    end: usize,
}

/// RFC 8200 4: header by header to what the packet carries, or to a fragment's piece of it.
fn walk(octets: &[u8], first: u8) -> Result<Walked, PacketError> {
    let mut walked = Walked {
        protocol: first,
        protocol_at: 6,
        fragment: None,
        end: HEADER,
    };
    for count in 0.. {
        let at = walked.end;
        let is_known = match walked.protocol {
            HOP_BY_HOP => at == HEADER,
            ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION_OPTIONS => true,
            _ => false,
        };
        if !is_known {
            break;
        }
        if count == limits::EXTENSION_HEADERS {
            return Err(error(Malformed::ExtensionHeaders, at));
        }
        let cut = error(Malformed::HeaderLength, at);
        let &[next, units, ..] = octets.get(at..).ok_or(cut)? else {
            return Err(cut);
        };
        let length = length(walked.protocol, units);
        let header = octets.get(at..at + length).ok_or(cut)?;
        match walked.protocol {
            HOP_BY_HOP | DESTINATION_OPTIONS => options(header, at)?,
            // Segments left.
            ROUTING if header[3] != 0 => return Err(error(Malformed::Routing, at + 2)),
            FRAGMENT => walked.fragment = fragment(header, at, octets.len() - at - length)?,
            _ => {}
        }
        walked.protocol = next;
        walked.protocol_at = at;
        walked.end = at + length;
        if walked.fragment.is_some() {
            break;
        }
    }
    Ok(walked)
}

/// Octets of an extension header.
fn length(protocol: u8, units: u8) -> usize {
    match protocol {
        FRAGMENT => 8,
        AUTHENTICATION => usize::from(units) * 4 + 8,
        _ => usize::from(units) * 8 + 8,
    }
}

/// RFC 7112 5: a first fragment has all headers, that of the upper layer too. Behind `walked` is what they say of the
/// whole packet, which is judged when that is there: here only their lengths count.
fn holds_the_chain(octets: &[u8], walked: &Walked) -> Result<(), PacketError> {
    let (mut protocol, mut rest) = (walked.protocol, &octets[walked.end..]);
    let cut = error(Malformed::FirstFragment, walked.end);
    while let ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION_OPTIONS = protocol {
        let &[next, units, ..] = rest else {
            return Err(cut);
        };
        rest = rest.get(length(protocol, units)..).ok_or(cut)?;
        protocol = next;
    }
    let upper = match protocol {
        PROTOCOL => {
            let offset = rest.get(12).ok_or(cut)?;
            usize::from(offset >> 4) * 4
        }
        ICMPV6 | UDP => 8,
        _ => 0,
    };
    if rest.len() < upper {
        return Err(cut);
    }
    Ok(())
}

/// RFC 8200 4.2: all are passed over but those that say otherwise.
fn options(header: &[u8], at: usize) -> Result<(), PacketError> {
    let mut here = 2;
    while let Some((&kind, rest)) = header[here..].split_first() {
        if kind == 0 {
            here += 1;
            continue;
        }
        let cut = error(Malformed::HeaderLength, at + here);
        let length = 2 + usize::from(*rest.first().ok_or(cut)?);
        if here + length > header.len() {
            return Err(cut);
        }
        // PadN is of those to be passed over.
        let reason = match kind >> 6 {
            0 => None,
            1 => Some(Malformed::Option),
            2 => Some(Malformed::OptionTold),
            _ => Some(Malformed::OptionToldIfUnicast),
        };
        if let Some(reason) = reason {
            return Err(error(reason, at + here));
        }
        here += length;
    }
    Ok(())
}

/// RFC 8200 4.5. `length` octets follow the header.
fn fragment(header: &[u8], at: usize, length: usize) -> Result<Option<Fragment>, PacketError> {
    let field = u16::from_be_bytes([header[2], header[3]]);
    let (more, offset) = (field & 1 != 0, field & !7);
    if !more && offset == 0 {
        // RFC 6946 4: by itself the whole packet.
        return Ok(None);
    }
    if more && !length.is_multiple_of(8) || usize::from(offset) + length > 0xffff {
        return Err(error(Malformed::Fragment, at + 2));
    }
    Ok(Some(Fragment {
        identification: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        offset,
        more,
    }))
}

pub(super) fn write(
    header: &Header<'_>,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    packet: &mut [u8],
) {
    let length = (packet.len() - HEADER) as u16;
    let class = header.traffic_class;
    packet[..4].copy_from_slice(&[0x60 | class >> 4, class << 4, 0, 0]);
    packet[4..6].copy_from_slice(&length.to_be_bytes());
    packet[6..8].copy_from_slice(&[header.protocol, header.hop_limit]);
    packet[8..24].copy_from_slice(&source.octets());
    packet[24..40].copy_from_slice(&destination.octets());
}
