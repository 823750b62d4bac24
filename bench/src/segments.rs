//! TCP segments: parse and verify, write with checksum, against smoltcp and etherparse.

use crate::measure::{Bench, Contest, Unit, timed};
use etherparse::{TcpHeader, TcpHeaderSlice};
use netkit_tcp::{Flags, Header, PseudoHeader, Segment, Seq, internet_checksum};
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{IpAddress, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber},
};
use std::{hint::black_box, net::IpAddr, time::Duration};

const SOURCE: [u8; 4] = [192, 0, 2, 1];
const DESTINATION: [u8; 4] = [198, 51, 100, 2];

fn pseudo() -> PseudoHeader {
    PseudoHeader::new(IpAddr::from(SOURCE), IpAddr::from(DESTINATION)).expect("one family")
}

fn addresses() -> (IpAddress, IpAddress) {
    (
        IpAddress::Ipv4(SOURCE.into()),
        IpAddress::Ipv4(DESTINATION.into()),
    )
}

fn ours_header() -> Header {
    Header {
        source_port: 50_000,
        destination_port: 80,
        sequence_number: Seq(1000),
        acknowledgment_number: Seq(2000),
        flags: Flags::ACK | Flags::PSH,
        window: 501,
        ..Header::default()
    }
}

fn etherparse_header() -> TcpHeader {
    let mut header = TcpHeader::new(50_000, 80, 1000, 501);
    (header.ack, header.psh, header.acknowledgment_number) = (true, true, 2000);
    header
}

fn smoltcp_repr(payload: &[u8]) -> TcpRepr<'_> {
    TcpRepr {
        src_port: 50_000,
        dst_port: 80,
        control: TcpControl::Psh,
        seq_number: TcpSeqNumber(1000),
        ack_number: Some(TcpSeqNumber(2000)),
        window_len: 501,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None, None, None],
        timestamp: None,
        payload,
    }
}

pub fn run(bench: &mut Bench) {
    for length in [0, 1460] {
        let payload = vec![0x5a; length];
        let mut octets = vec![0; 20];
        octets.extend_from_slice(&payload);
        ours_header().write(pseudo(), &mut octets);
        parse(bench, length, &octets);
        write(bench, length, &payload, &octets);
    }
    checksum(bench);
}

fn times(count: u64, mut operation: impl FnMut()) -> Duration {
    timed(|| (0..count).for_each(|_| operation()))
}

fn checksum(bench: &mut Bench) {
    let name = "segment/checksum/1480";
    if !bench.wants(name) {
        return;
    }
    let octets: Vec<u8> = (0..1480).map(|at| (at / 3) as u8).collect();
    assert_eq!(
        internet_checksum(&octets),
        !smoltcp::wire::checksum::data(&octets)
    );
    let contest = Contest {
        name,
        peer: "smoltcp",
        unit: Unit::Octets(octets.len()),
    };
    let ours = |count| {
        times(count, || {
            black_box(internet_checksum(black_box(&octets)));
        })
    };
    let smoltcp = |count| {
        times(count, || {
            black_box(smoltcp::wire::checksum::data(black_box(&octets)));
        })
    };
    bench.run(&contest, ours, smoltcp);
}

fn parse(bench: &mut Bench, length: usize, octets: &[u8]) {
    let name = format!("segment/parse/{length}");
    if !bench.wants(&name) {
        return;
    }
    let pseudo = pseudo();
    let ours = |count| {
        times(count, || {
            let segment = Segment::parse(black_box(octets)).expect("whole");
            let segment = segment.verify(pseudo).expect("right");
            black_box((segment.sequence_number(), segment.payload().len()));
        })
    };
    let (source, destination) = addresses();
    let smoltcp = |count| {
        times(count, || {
            let packet = TcpPacket::new_checked(black_box(octets)).expect("whole");
            let checks = ChecksumCapabilities::default();
            let repr = TcpRepr::parse(&packet, &source, &destination, &checks).expect("right");
            black_box((repr.seq_number, repr.payload.len()));
        })
    };
    let etherparse = |count| {
        times(count, || {
            let header = TcpHeaderSlice::from_slice(black_box(octets)).expect("whole");
            let payload = &octets[header.slice().len()..];
            let checksum = header.calc_checksum_ipv4_raw(SOURCE, DESTINATION, payload);
            assert_eq!(checksum, Ok(header.checksum()));
            black_box((header.sequence_number(), payload.len()));
        })
    };
    let unit = Unit::Time;
    let contest = |peer| Contest {
        name: &name,
        peer,
        unit,
    };
    bench.run(&contest("smoltcp"), ours, smoltcp);
    bench.run(&contest("etherparse"), ours, etherparse);
}

fn write(bench: &mut Bench, length: usize, payload: &[u8], expected: &[u8]) {
    let name = format!("segment/write/{length}");
    if !bench.wants(&name) {
        return;
    }
    let (header, pseudo) = (ours_header(), pseudo());
    let ours = |count| {
        let mut out = vec![0; expected.len()];
        let took = times(count, || {
            let header = black_box(&header);
            out[header.length()..].copy_from_slice(black_box(payload));
            header.write(pseudo, &mut out);
            black_box(&mut out);
        });
        assert_eq!(out, expected);
        took
    };
    let (source, destination) = addresses();
    let smoltcp = |count| {
        let mut out = vec![0; expected.len()];
        let took = times(count, || {
            let repr = smoltcp_repr(black_box(payload));
            let checks = ChecksumCapabilities::default();
            let mut packet = TcpPacket::new_unchecked(&mut out);
            repr.emit(&mut packet, &source, &destination, &checks);
            black_box(&mut out);
        });
        assert_eq!(out, expected);
        took
    };
    let etherparse = |count| {
        let mut out = vec![0; expected.len()];
        let mut header = etherparse_header();
        let took = times(count, || {
            let checksum = header.calc_checksum_ipv4_raw(SOURCE, DESTINATION, black_box(payload));
            header.checksum = checksum.expect("short enough");
            let (head, data) = out.split_at_mut(20);
            head.copy_from_slice(&header.to_bytes());
            data.copy_from_slice(payload);
            black_box(&mut out);
        });
        assert_eq!(out, expected);
        took
    };
    let unit = Unit::Time;
    let contest = |peer| Contest {
        name: &name,
        peer,
        unit,
    };
    bench.run(&contest("smoltcp"), ours, smoltcp);
    bench.run(&contest("etherparse"), ours, etherparse);
}
