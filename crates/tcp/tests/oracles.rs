//! Reassembly and the scoreboard beside models that look at each octet by itself.

mod hand;

use hand::{A, Host, config};
use netkit_tcp::{NewReno, SackBlocks, Segment, TcpOption};
use proptest::prelude::*;

const WINDOW: u32 = 3000;

/// What stands at a place of the stream.
fn octet(at: u32) -> u8 {
    (at.wrapping_mul(31) ^ (at >> 5)) as u8
}

proptest! {
    /// Segments of a stream in any order and with any overlap: what can be read is what has come from the
    /// front on without a gap, and that is what is acknowledged.
    #[test]
    fn what_is_read_is_what_has_come_without_a_gap(
        segments in prop::collection::vec((0..WINDOW + 200, 1u32..400), 1..60),
    ) {
        let mut config = config();
        config.receive_buffer = WINDOW;
        let mut host = Host::established(config);
        let mut come = vec![false; WINDOW as usize];
        let mut front = 0;
        for (start, length) in segments {
            let data: Vec<u8> = (start..start + length).map(octet).collect();
            let heard = host.hear(A, 1 + start, 1, &data);
            let end = (start + length).min(WINDOW);
            (start.min(end)..end).for_each(|at| come[at as usize] = true);
            let before = front;
            front = come.iter().position(|come| !come).unwrap_or(come.len());
            prop_assert_eq!(heard.data, front - before);
            let (first, rest) = host.connection.unread();
            let read: Vec<u8> = first.iter().chain(rest).copied().collect();
            prop_assert_eq!(read, (0..front as u32).map(octet).collect::<Vec<u8>>());
            for said in host.said() {
                prop_assert!(said.ends_with(&format!(" ack {}", 1 + front)), "{}", said);
            }
        }
    }

    /// Any reports of what has arrived: nothing that the peer has is sent again, and nothing twice.
    #[test]
    fn what_is_sent_again_is_missing_and_is_sent_once(
        reports in prop::collection::vec(prop::collection::vec((0u32..20, 1u32..6), 1..4), 1..30),
    ) {
        let mut config = config();
        config.sack = true;
        config.congestion = NewReno::start;
        let options = [TcpOption::MaximumSegmentSize(1000), TcpOption::SackPermitted];
        let mut host = Host::established_with(config, &options);
        host.connection.send(&[7; 10_000]).expect("open");
        prop_assert_eq!(host.segments().len(), 10);
        let mut arrived = vec![false; 10_000];
        let mut again = vec![false; 10_000];
        for report in reports {
            let mut blocks = Vec::new();
            for (start, length) in report {
                // In halves of segments, none at the front.
                let (left, right) = ((500 * start).max(500), (500 * (start + length)).min(10_000));
                if left < right {
                    blocks.push(SackBlocks::block(host.iss + 1 + left, host.iss + 1 + right));
                    (left..right).for_each(|at| arrived[at as usize] = true);
                }
            }
            host.options = vec![TcpOption::Sack(SackBlocks::new(blocks.leak()))];
            host.hear(A, 1, 1, b"");
            for octets in host.segments() {
                let segment = Segment::parse(&octets).expect("whole");
                let start = segment.sequence_number().since(host.iss) as usize - 1;
                for at in start..start + segment.payload().len() {
                    prop_assert!(!arrived[at], "{} has arrived", at);
                    prop_assert!(!again[at], "{} twice", at);
                    again[at] = true;
                }
            }
        }
    }
}
