use super::{Fragment, Header, Malformed, Packet, PacketError, error};
use core::net::{IpAddr, Ipv4Addr};
use netkit_tcp::internet_checksum;

/// Octets of a header without options.
pub(super) const HEADER: usize = 20;

/// "Don't fragment".
const DF: u8 = 0x40;

/// RFC 791 3.1. What is not `whole` is quoted: cut short, its checksum perhaps not that of what is left.
pub(super) fn parse(octets: &[u8], whole: bool) -> Result<Packet<'_>, PacketError> {
    let Some(fixed) = octets.first_chunk::<HEADER>() else {
        return Err(error(Malformed::Short, octets.len()));
    };
    let header = usize::from(fixed[0] & 15) * 4;
    let length = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    if header < HEADER || header > octets.len() {
        return Err(error(Malformed::HeaderLength, 0));
    }
    if length < header || whole && length > octets.len() {
        return Err(error(Malformed::Length, 2));
    }
    let octets = &octets[..length.min(octets.len())];
    let (head, payload) = octets.split_at(header);
    if whole && internet_checksum(head) != 0 {
        return Err(error(Malformed::Checksum, 10));
    }
    Ok(Packet {
        source: Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]).into(),
        destination: Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]).into(),
        protocol: fixed[9],
        hop_limit: fixed[8],
        traffic_class: fixed[1],
        options: &head[HEADER..],
        fragment: fragment(fixed, length - header)?,
        payload,
        octets,
        protocol_at: 9,
    })
}

fn fragment(fixed: &[u8; HEADER], length: usize) -> Result<Option<Fragment>, PacketError> {
    let field = u16::from_be_bytes([fixed[6], fixed[7]]);
    let (more, offset) = (field & 0x2000 != 0, (field & 0x1fff) * 8);
    if !more && offset == 0 {
        return Ok(None);
    }
    if more && !length.is_multiple_of(8) || usize::from(offset) + length > 0xffff {
        return Err(error(Malformed::Fragment, 6));
    }
    Ok(Some(Fragment {
        identification: u16::from_be_bytes([fixed[4], fixed[5]]).into(),
        offset,
        more,
    }))
}

pub(super) fn addresses(octets: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let fixed = octets.first_chunk::<HEADER>()?;
    let (_, addresses) = fixed.split_last_chunk::<8>()?;
    let [source, destination] = *addresses.as_chunks::<4>().0.first_chunk()?;
    Some((source.into(), destination.into()))
}

pub(super) fn write(
    header: &Header<'_>,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    packet: &mut [u8],
) {
    let size = header.length();
    let length = packet.len() as u16;
    let head = &mut packet[..size];
    head[0] = 0x40 | (size / 4) as u8;
    head[1] = header.traffic_class;
    head[2..4].copy_from_slice(&length.to_be_bytes());
    head[4..8].copy_from_slice(&[0, 0, DF, 0]);
    head[8..12].copy_from_slice(&[header.hop_limit, header.protocol, 0, 0]);
    head[12..16].copy_from_slice(&source.octets());
    head[16..20].copy_from_slice(&destination.octets());
    head[HEADER..].copy_from_slice(header.options);
    let checksum = internet_checksum(head);
    head[10..12].copy_from_slice(&checksum.to_be_bytes());
}
