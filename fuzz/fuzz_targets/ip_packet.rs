//! Octets as a packet: no panic, every part inside of them, what etherparse finds too, and what is written
//! again is read again.

#![no_main]

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};
use libfuzzer_sys::fuzz_target;
use netkit_stack::ip::{Header, Packet};

fuzz_target!(|octets: &[u8]| {
    let Ok(packet) = Packet::parse(octets) else {
        return;
    };
    assert!(octets.starts_with(packet.octets));
    assert!(packet.octets.ends_with(packet.payload));
    assert!(packet.protocol_at < packet.octets.len());
    assert_eq!(packet.octets[packet.protocol_at], packet.protocol);
    if packet.source.is_ipv4() {
        let theirs = Ipv4HeaderSlice::from_slice(octets).expect("they read what we do");
        assert_eq!(theirs.source_addr(), packet.source);
        assert_eq!(theirs.destination_addr(), packet.destination);
        assert_eq!(theirs.protocol().0, packet.protocol);
        assert_eq!(theirs.ttl(), packet.hop_limit);
        assert_eq!(theirs.options(), packet.options);
        assert_eq!(theirs.is_fragmenting_payload(), packet.fragment.is_some());
        assert_eq!(usize::from(theirs.total_len()), packet.octets.len());
    } else {
        let theirs = Ipv6HeaderSlice::from_slice(octets).expect("they read what we do");
        assert_eq!(theirs.source_addr(), packet.source);
        assert_eq!(theirs.destination_addr(), packet.destination);
        assert_eq!(theirs.hop_limit(), packet.hop_limit);
        assert_eq!(theirs.traffic_class(), packet.traffic_class);
    }
    let header = Header::new(packet.source, packet.destination, 253).map(|mut header| {
        header.hop_limit = packet.hop_limit;
        header.traffic_class = packet.traffic_class;
        header.options = packet.options;
        header
    });
    let header = header.expect("one family");
    let mut again = vec![0; header.length()];
    again.extend_from_slice(packet.payload);
    header.write(&mut again);
    let read = Packet::parse(&again).expect("what was written");
    assert_eq!(
        (read.source, read.destination),
        (packet.source, packet.destination)
    );
    assert_eq!(
        (read.payload, read.options),
        (packet.payload, packet.options)
    );
});
