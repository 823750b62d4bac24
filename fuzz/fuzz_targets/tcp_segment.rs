//! Octets from anyone to the segment codec, beside etherparse: both refuse the same headers and read
//! the same fields; what is read is written again bit by bit.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use etherparse::{TcpHeaderSlice, TcpOptionElement};
use libfuzzer_sys::fuzz_target;
use netkit_tcp::{
    Flags, OptionKind, PseudoHeader, Segment, TcpOption, generators::OwnedSegment,
    internet_checksum,
};

const ADDRESSES: ([u8; 4], [u8; 4]) = ([192, 0, 2, 1], [198, 51, 100, 2]);

fuzz_target!(|octets: &[u8]| {
    sums(octets);
    compare(octets);
    if let Ok(segment) = OwnedSegment::arbitrary(&mut Unstructured::new(octets)) {
        let octets = segment.octets(pseudo());
        let read = Segment::parse(&octets).expect("well-formed");
        assert!(read.verify(pseudo()).is_ok());
        compare(&octets);
    }
});

/// The checksum is that of RFC 1071 4.1, word by word. Long ones are summed by other code than short ones.
fn sums(octets: &[u8]) {
    for octets in [octets, &octets.repeat(40)[..]] {
        let mut sum = 0u32;
        for pair in octets.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        let (fast, plain) = (internet_checksum(octets), !(sum as u16));
        // Zero has two forms in ones' complement.
        assert!(fast == plain || fast ^ plain == 0xffff && (fast == 0 || plain == 0));
    }
}

fn pseudo() -> PseudoHeader {
    PseudoHeader::new(ADDRESSES.0.into(), ADDRESSES.1.into()).expect("one family")
}

fn compare(octets: &[u8]) {
    let (ours, theirs) = (Segment::parse(octets), TcpHeaderSlice::from_slice(octets));
    let (Ok(ours), Ok(theirs)) = (&ours, &theirs) else {
        assert_eq!(ours.is_ok(), theirs.is_ok(), "{ours:?} {theirs:?}");
        return;
    };
    assert_eq!(ours.source_port(), theirs.source_port());
    assert_eq!(ours.destination_port(), theirs.destination_port());
    assert_eq!(ours.sequence_number().0, theirs.sequence_number());
    assert_eq!(
        ours.acknowledgment_number().0,
        theirs.acknowledgment_number()
    );
    assert_eq!(ours.window(), theirs.window_size());
    assert_eq!(ours.urgent_pointer(), theirs.urgent_pointer());
    for (flag, set) in [
        (Flags::FIN, theirs.fin()),
        (Flags::SYN, theirs.syn()),
        (Flags::RST, theirs.rst()),
        (Flags::PSH, theirs.psh()),
        (Flags::ACK, theirs.ack()),
        (Flags::URG, theirs.urg()),
        (Flags::ECE, theirs.ece()),
        (Flags::CWR, theirs.cwr()),
        (Flags::AE, theirs.ns()),
    ] {
        assert_eq!(ours.flags().has(flag), set);
    }
    let header = theirs.to_header();
    let payload = &octets[theirs.slice().len()..];
    assert_eq!(ours.payload(), payload);
    let checksum = header.calc_checksum_ipv4_raw(ADDRESSES.0, ADDRESSES.1, payload);
    assert_eq!(
        ours.verify(pseudo()).is_ok(),
        // Theirs leaves the reserved bits out; zero has two forms in ones' complement.
        ours.checksum() == checksum.expect("short enough") && ours.flags().0 & 0xe00 == 0
            || pseudo().checksum(octets) == 0,
    );
    compare_options(ours, &theirs);
    assert!(!ours.to_string().is_empty());
    written_again(ours, octets);
}

/// Every option that etherparse knows reads the same, up to the first that it refuses.
fn compare_options(ours: &Segment<'_>, theirs: &TcpHeaderSlice<'_>) {
    let mut mine = ours.options();
    for element in theirs.options_iterator() {
        let Ok(element) = element else { return };
        let option = mine.next().expect("as many").expect("well-formed");
        match (element, option) {
            (TcpOptionElement::Noop, TcpOption::NoOperation)
            | (TcpOptionElement::SelectiveAcknowledgementPermitted, TcpOption::SackPermitted) => {}
            (TcpOptionElement::MaximumSegmentSize(a), TcpOption::MaximumSegmentSize(b)) => {
                assert_eq!(a, b);
            }
            (TcpOptionElement::WindowScale(a), TcpOption::WindowScale(b)) => assert_eq!(a, b),
            (TcpOptionElement::Timestamp(a, b), TcpOption::Timestamps { value, echo_reply }) => {
                assert_eq!((a, b), (value, echo_reply));
            }
            (TcpOptionElement::SelectiveAcknowledgement(first, rest), TcpOption::Sack(blocks)) => {
                let theirs = std::iter::once(first).chain(rest.into_iter().flatten());
                assert!(theirs.eq(blocks.iter().map(|(left, right)| (left.0, right.0))));
            }
            (element, option) => panic!("{element:?} {option:?}"),
        }
    }
}

/// The header's bits are those that were read; behind the end of the list zeros take the place of
/// what was there.
fn written_again(ours: &Segment<'_>, octets: &[u8]) {
    let Ok(header) = ours.header() else { return };
    let ends = ours
        .options()
        .any(|option| option.is_ok_and(|option| option.kind() == OptionKind::END_OF_OPTION_LIST));
    if ends {
        return;
    }
    assert_eq!(header.options.padded(), ours.option_octets());
    let mut again = octets.to_vec();
    again[..header.length()].fill(0);
    header.write(pseudo(), &mut again);
    again[16..18].copy_from_slice(&octets[16..18]);
    assert_eq!(again, octets);
}
