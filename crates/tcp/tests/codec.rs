//! What is written is read, bit by bit, and octets from anyone are read without harm.

use netkit_tcp::{OptionList, PseudoHeader, Segment, TcpOption, generators::OwnedSegment};
use proptest::prelude::*;
use std::net::IpAddr;

fn pseudo() -> PseudoHeader {
    let (source, destination) = ([192, 0, 2, 1], [198, 51, 100, 2]);
    PseudoHeader::new(IpAddr::from(source), IpAddr::from(destination)).expect("one family")
}

/// A SYN as Linux sends it, captured on a loopback interface, and what tcpdump said of it.
#[test]
fn a_captured_syn_reads_as_tcpdump_reads_it() {
    let octets = [
        0xd8, 0x86, 0x00, 0x50, 0x65, 0x0c, 0x74, 0x1f, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x02, 0xff,
        0xd7, 0x00, 0x00, 0x00, 0x00, 0x02, 0x04, 0xff, 0xd7, 0x04, 0x02, 0x08, 0x0a, 0x3c, 0x1f,
        0x5a, 0x10, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x07,
    ];
    let segment = Segment::parse(&octets).expect("whole");
    assert_eq!(
        segment.to_string(),
        "Flags [S], seq 1695314975, win 65495, options [mss 65495,sackOK,TS val 1008687632 ecr 0,nop,wscale 7], length 0"
    );
    assert_eq!(
        (segment.source_port(), segment.destination_port()),
        (55430, 80)
    );
    assert_eq!(segment.length(), 1);
}

proptest! {
    #[test]
    fn what_is_written_is_read(segment: OwnedSegment) {
        let octets = segment.octets(pseudo());
        let read = Segment::parse(&octets).expect("whole");
        let read = read.verify(pseudo()).expect("the checksum is right");
        prop_assert_eq!(read.payload(), &segment.payload[..]);
        prop_assert_eq!(read.option_octets(), segment.header.options.padded());
        let mut header = read.header().expect("well-formed options");
        // A typed option and its octets are the same option.
        prop_assert_eq!(header.options.padded(), segment.header.options.padded());
        header.options = segment.header.options;
        prop_assert_eq!(header, segment.header);
    }

    #[test]
    fn what_is_read_is_written_again_bit_by_bit(mut octets in prop::collection::vec(any::<u8>(), 20..80)) {
        octets[12] = octets[12] & 0x0f | 5 << 4;
        octets[16..18].fill(0);
        pseudo().fill(&mut octets);
        let read = Segment::parse(&octets).expect("no options, so it fits");
        let mut again = octets.clone();
        again[..20].fill(0);
        read.header().expect("no options").write(pseudo(), &mut again);
        prop_assert_eq!(again, octets);
    }

    #[test]
    fn octets_from_anyone_are_read_without_harm(octets: Vec<u8>) {
        if let Ok(segment) = Segment::parse(&octets) {
            prop_assert!(segment.options().count() <= 40);
            prop_assert!(!segment.to_string().is_empty());
            let (header, text) = (segment.header(), segment.option_octets());
            prop_assert!(header.is_err() || header.is_ok_and(|h| h.options.padded().len() <= text.len()));
        }
    }

    #[test]
    fn options_are_kept_in_order(kinds in prop::collection::vec(any::<(u8, u8)>(), 0..10)) {
        let options: Vec<TcpOption<'_>> = kinds
            .iter()
            .map(|(kind, value)| match kind % 5 {
                0 => TcpOption::NoOperation,
                1 => TcpOption::MaximumSegmentSize(u16::from(*value)),
                2 => TcpOption::WindowScale(*value),
                3 => TcpOption::SackPermitted,
                _ => TcpOption::Other(netkit_tcp::OptionKind(99), &[]),
            })
            .collect();
        let list = options.iter().try_fold(OptionList::new(), |list, option| list.with(option)).expect("room");
        let read: Vec<_> = list.iter().collect::<Result<_, _>>().expect("well-formed");
        prop_assert_eq!(read, options);
    }
}
