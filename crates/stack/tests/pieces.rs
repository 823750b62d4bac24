//! Packets that come in pieces (RFC 1122 3.3.2, RFC 8200 4.5, RFC 5722).

mod hand;

use hand::*;
use netkit_stack::{
    Dropped, Host,
    ip::{self, Header, ICMP, ICMPV6, Packet},
    limits,
    tcp::{self, Backlog, Flags, PROTOCOL, PseudoHeader},
};
use proptest::prelude::*;
use std::time::Duration;

/// A piece of a packet from the peer: `payload` from `offset` on, and whether there is more.
fn piece(
    family: usize,
    protocol: u8,
    name: u16,
    offset: usize,
    more: bool,
    payload: &[u8],
) -> Vec<u8> {
    let field = offset as u16 | u16::from(more);
    if family == 1 {
        let mut extension = vec![protocol, 0];
        extension.extend_from_slice(&field.to_be_bytes());
        extension.extend_from_slice(&u32::from(name).to_be_bytes());
        extension.extend_from_slice(payload);
        return packet(THEIRS[1], OURS[1], 44, &extension);
    }
    let mut octets = packet(THEIRS[0], OURS[0], protocol, payload);
    octets[4..6].copy_from_slice(&name.to_be_bytes());
    let field = (offset as u16 / 8) | if more { 0x2000 } else { 0 };
    octets[6..8].copy_from_slice(&field.to_be_bytes());
    octets[10..12].fill(0);
    let sum = tcp::internet_checksum(&octets[..20]);
    octets[10..12].copy_from_slice(&sum.to_be_bytes());
    octets
}

/// An echo request's octets, so that the host says what it has put together.
fn request(family: usize, length: usize) -> Vec<u8> {
    let mut octets = vec![if family == 0 { 8 } else { 128 }, 0, 0, 0];
    octets.extend((4..length).map(|at| (at ^ at >> 8) as u8));
    let sum = if family == 0 {
        tcp::internet_checksum(&octets)
    } else {
        let pseudo = PseudoHeader::carrying(ICMPV6, ip(THEIRS[1]), ip(OURS[1]));
        pseudo.expect("one family").checksum(&octets)
    };
    octets[2..4].copy_from_slice(&sum.to_be_bytes());
    octets
}

fn echo(family: usize) -> u8 {
    if family == 0 { ICMP } else { ICMPV6 }
}

/// Every piece of a packet, of `size` octets each.
fn cut(family: usize, name: u16, octets: &[u8], size: usize) -> Vec<Vec<u8>> {
    let count = octets.len().div_ceil(size);
    let piece = |(at, data): (usize, &[u8])| {
        piece(family, echo(family), name, at * size, at + 1 < count, data)
    };
    octets.chunks(size).enumerate().map(piece).collect()
}

/// What the host echoes, behind type, code and checksum.
fn echoed(host: &mut Host, now: Duration) -> Vec<u8> {
    let octets = only(host, now);
    Packet::parse(&octets).expect("a packet").payload[4..].to_vec()
}

#[test]
fn pieces_in_any_order_are_put_together() {
    for family in 0..2 {
        let request = request(family, 3000);
        let pieces = cut(family, 7, &request, 1000);
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let (mut host, now) = (host(), SECOND);
            for at in order {
                silent(&mut host, now);
                assert_eq!(host.recv(now, &pieces[at]), Ok(()));
            }
            assert_eq!(echoed(&mut host, now), request[4..]);
            assert_eq!(host.timeout(), None);
        }
    }
}

#[test]
fn a_connection_opens_by_a_syn_in_pieces() {
    for family in 0..2 {
        let (mut host, now) = (host(), SECOND);
        host.listen(at("::", 80), Backlog::default()).expect("free");
        let pseudo = PseudoHeader::new(ip(THEIRS[family]), ip(OURS[family]));
        let mut segment = [0; 36];
        syn(5, 80).write(pseudo.expect("one family"), &mut segment);
        // IPv6's first piece has the whole header of TCP.
        let ends = [[8, 16, 36], [24, 32, 36]][family];
        for (offset, end) in [0, ends[0], ends[1]].into_iter().zip(ends) {
            let more = end < segment.len();
            let octets = piece(family, PROTOCOL, 1, offset, more, &segment[offset..end]);
            assert_eq!(host.recv(now, &octets), Ok(()));
        }
        let answer = only(&mut host, now);
        assert_eq!(tcp_of(&answer).flags(), Flags::SYN | Flags::ACK);
    }
}

#[test]
fn a_first_piece_of_ipv6_has_all_headers() {
    let options = |next| [next, 0, 1, 4, 0, 0, 0, 0];
    let mut long = [0; 24];
    long[12] = 7 << 4;
    for (protocol, payload, holds) in [
        (PROTOCOL, [0x50; 24].as_slice(), true),
        (PROTOCOL, &[0x50; 16], false),
        (PROTOCOL, &[0; 8], false),
        // Options are of the header.
        (PROTOCOL, &long, false),
        (ICMPV6, &[0; 8], true),
        (ip::UDP, &[0; 8], true),
        (60, &options(ip::UDP), false),
        (60, &[options(ip::UDP), [0; 8]].concat(), true),
        // It would go on behind the piece.
        (60, &[ip::UDP, 1, 1, 4, 0, 0, 0, 0], false),
        (
            60,
            &[ip::UDP, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            false,
        ),
        (51, &[ip::UDP, 1, 0, 0, 0, 0, 0, 0], false),
        // What a header of an unknown protocol has, nobody knows.
        (253, &[0; 8], true),
        (59, &[0; 8], true),
    ] {
        let (mut host, now) = (host(), SECOND);
        let first = piece(1, protocol, 1, 0, true, payload);
        if holds {
            assert_eq!(host.recv(now, &first), Ok(()));
        } else {
            assert_eq!(error_of(&mut host, &first, now), ([4, 3], 0));
        }
        // It is said of first pieces alone.
        let later = piece(1, protocol, 1, 2000, true, payload);
        assert_eq!(host.recv(now, &later), Ok(()));
        silent(&mut host, now);
    }
}

#[test]
fn what_overlaps_is_refused_with_all_that_is_to_come() {
    for family in 0..2 {
        let request = request(family, 64);
        let of = |from: usize, to: usize| {
            piece(family, echo(family), 9, from, to < 64, &request[from..to])
        };
        let mut other = request.clone();
        other[40] ^= 1;
        let differs = piece(family, echo(family), 9, 32, true, &other[32..48]);
        for (first, second) in [
            (of(0, 32), of(24, 64)),
            (of(24, 64), of(0, 32)),
            (of(0, 32), of(8, 16)),
            (of(8, 16), of(0, 32)),
            (of(0, 32), of(0, 24)),
            (of(32, 48), differs),
            // Two ends, and something behind the end.
            (
                of(32, 64),
                piece(family, echo(family), 9, 48, false, &[0; 8]),
            ),
            (
                piece(family, echo(family), 9, 16, false, &[0; 8]),
                of(32, 64),
            ),
            (
                piece(family, echo(family), 9, 16, false, &[0; 8]),
                of(24, 32),
            ),
            (
                of(32, 48),
                piece(family, echo(family), 9, 16, false, &[0; 8]),
            ),
            // Nothing at all.
            (of(0, 32), piece(family, echo(family), 9, 32, true, &[])),
        ] {
            let (mut host, now) = (host(), SECOND);
            assert_eq!(host.recv(now, &first), Ok(()));
            assert_eq!(host.recv(now, &second), Err(Dropped::Fragment));
            for octets in [of(0, 32), of(32, 64)] {
                assert_eq!(host.recv(now, &octets), Err(Dropped::Fragment));
            }
            // No error is sent for it (RFC 5722 4), also when its time is over.
            silent(&mut host, now);
            silent(&mut host, now + limits::REASSEMBLY);
            assert_eq!(host.timeout(), None);
        }
        // The same piece twice is no overlap.
        let (mut host, now) = (host(), SECOND);
        for octets in [of(0, 32), of(0, 32), of(32, 64)] {
            assert_eq!(host.recv(now, &octets), Ok(()));
        }
        assert_eq!(echoed(&mut host, now), request[4..]);
    }
}

#[test]
fn packets_are_told_apart() {
    for family in 0..2 {
        let (mut host, now) = (host(), SECOND);
        let (one, other) = (request(family, 2000), request(family, 1600));
        let (ones, others) = (cut(family, 1, &one, 1000), cut(family, 2, &other, 1000));
        for octets in [&ones[0], &others[1], &others[0]] {
            assert_eq!(host.recv(now, octets), Ok(()));
        }
        assert_eq!(echoed(&mut host, now), other[4..]);
        assert_eq!(host.recv(now, &ones[1]), Ok(()));
        assert_eq!(echoed(&mut host, now), one[4..]);
    }
    // IPv4 names them for each protocol (RFC 791 3.2), IPv6 does not.
    for (family, apart) in [(0, true), (1, false)] {
        let (mut host, now) = (host(), SECOND);
        let request = request(family, 64);
        let pieces = cut(family, 1, &request, 32);
        host.recv(now, &piece(family, 17, 1, 0, true, &[0; 32]))
            .expect("kept");
        assert_eq!(host.recv(now, &pieces[0]).is_ok(), apart);
    }
}

#[test]
fn pieces_are_waited_for_a_minute_and_who_sent_the_first_is_told() {
    for (family, kind) in [(0, [11, 1]), (1, [3, 1])] {
        let (mut host, now) = (host(), SECOND);
        let request = request(family, 2000);
        let pieces = cut(family, 1, &request, 1000);
        host.recv(now, &pieces[0]).expect("kept");
        let end = now + limits::REASSEMBLY;
        assert_eq!(host.timeout(), Some(end));
        silent(&mut host, now + limits::REASSEMBLY.mul_f32(0.99));
        let told = only(&mut host, end);
        let told = Packet::parse(&told).expect("a packet");
        assert_eq!(told.destination, ip(THEIRS[family]));
        assert_eq!(told.payload[..2], kind);
        assert!(pieces[0].starts_with(&told.payload[8..]));
        // The rest begins a new packet, of which nobody is told: its first piece never came.
        host.recv(end, &pieces[1]).expect("kept");
        silent(&mut host, end + limits::REASSEMBLY);
        assert_eq!(host.timeout(), None);
    }
}

#[test]
fn what_waits_for_pieces_is_bounded() {
    for family in 0..2 {
        let (mut host, now) = (host(), SECOND);
        let request = request(family, 2000);
        let all: Vec<_> = (0..=limits::FRAGMENTED_PACKETS as u16)
            .map(|name| cut(family, name, &request, 1000))
            .collect();
        for pieces in &all {
            host.recv(now, &pieces[0]).expect("kept");
        }
        // The first had to make room.
        host.recv(now, &all[1][1]).expect("the last");
        assert_eq!(echoed(&mut host, now), request[4..]);
        host.recv(now, &all[0][1]).expect("kept");
        silent(&mut host, now);
        // A packet of too many pieces.
        let (mut host, octets) = (self::host(), [0; 8]);
        for at in 0..limits::FRAGMENTS {
            let octets = piece(family, echo(family), 1, at * 8, true, &octets);
            host.recv(now, &octets).expect("kept");
        }
        let last = piece(
            family,
            echo(family),
            1,
            limits::FRAGMENTS * 8,
            true,
            &octets,
        );
        assert_eq!(host.recv(now, &last), Err(Dropped::Fragment));
    }
}

/// IPv4 counts its header, so the longest payload is shorter by that.
#[test]
fn a_packet_that_would_be_too_long_is_never_whole() {
    for (family, fits) in [(0, false), (1, true)] {
        let (mut host, now) = (host(), SECOND);
        let request = request(family, 65_530);
        for octets in cut(family, 1, &request, 1480) {
            host.recv(now, &octets).expect("kept");
        }
        assert_eq!(sent(&mut host, now).is_some(), fits);
    }
}

#[test]
fn options_and_fields_of_the_first_piece_are_the_packets() {
    let (mut host, now) = (host(), SECOND);
    let mut first = Header::new(ip(THEIRS[0]), ip(OURS[0]), ip::UDP).expect("one family");
    first.options = &[1, 1, 1, 0];
    first.hop_limit = 9;
    let mut octets = vec![0; first.length()];
    octets.extend_from_slice(&[5; 16]);
    first.write(&mut octets);
    octets[6..8].copy_from_slice(&[0x20, 0]);
    octets[10..12].fill(0);
    let sum = tcp::internet_checksum(&octets[..24]);
    octets[10..12].copy_from_slice(&sum.to_be_bytes());
    host.recv(now, &octets).expect("kept");
    // Its identification is zero, as the header above has it.
    let last = piece(0, ip::UDP, 0, 16, false, &[6; 3]);
    assert_eq!(host.recv(now, &last), Err(Dropped::Refused));
    let error = only(&mut host, now);
    let quoted = &Packet::parse(&error).expect("a packet").payload[8..];
    let quoted = Packet::parse(quoted).expect("a packet");
    assert_eq!((quoted.options, quoted.hop_limit), (&[1, 1, 1, 0][..], 9));
    assert_eq!(quoted.payload, [[5; 16].as_slice(), &[6; 3]].concat());
    assert_eq!(quoted.fragment, None);
}

proptest! {
    /// However a packet is cut, shuffled and doubled, it is put together once it is complete, and as it was.
    #[test]
    fn what_was_cut_is_whole_again(
        family in 0usize..2, length in 16usize..4000, size in 1usize..40, order in any::<u64>(), doubled: bool,
    ) {
        let request = request(family, length);
        let size = (size * 8).max(length.div_ceil(100).next_multiple_of(8));
        let mut pieces = cut(family, 3, &request, size);
        if doubled && pieces.len() > 1 {
            // The last to arrive may be a double: it would begin a new packet.
            let copy = pieces[0].clone();
            pieces.insert(0, copy);
        }
        let mut dice = order;
        for at in (1..pieces.len()).rev() {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            pieces.swap(at, (dice >> 33) as usize % (at + 1));
        }
        let (mut host, now) = (host(), SECOND);
        for octets in &pieces {
            prop_assert_eq!(host.recv(now, octets), Ok(()));
        }
        let reply = sent(&mut host, now).expect("echoed");
        prop_assert_eq!(&Packet::parse(&reply).expect("a packet").payload[4..], &request[4..]);
        prop_assert_eq!(sent(&mut host, now), None);
    }
}
