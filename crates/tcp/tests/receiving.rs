//! What is received and how it is acknowledged: RFC 9293 3.8.5, 3.8.6, 3.10.7.4; RFC 2018, 2883, 7323.

mod hand;

use hand::{A, F, Host, R, U, config, ms};
use netkit_tcp::{Config, Dropped, Error, Segment, State, TcpOption};
use std::time::Duration;

fn with_options(change: impl FnOnce(&mut Config)) -> Host {
    let mut config = config();
    change(&mut config);
    let options = [
        TcpOption::MaximumSegmentSize(1000),
        TcpOption::SackPermitted,
        TcpOption::Timestamps {
            value: 100,
            echo_reply: 0,
        },
        TcpOption::NoOperation,
        TcpOption::WindowScale(0),
    ];
    Host::established_with(config, &options)
}

fn blocks(host: &mut Host) -> Vec<(u32, u32)> {
    let octets = host.segments().pop().expect("an ACK");
    let segment = Segment::parse(&octets).expect("whole");
    let sack = segment.options().find_map(|option| match option {
        Ok(TcpOption::Sack(blocks)) => Some(blocks.iter().collect::<Vec<_>>()),
        _ => None,
    });
    let number = |seq: netkit_tcp::Seq| seq.since(hand::PEER_ISS);
    sack.unwrap_or_default()
        .iter()
        .map(|(left, right)| (number(*left), number(*right)))
        .collect()
}

fn timestamps(value: u32, echo_reply: u32) -> Vec<TcpOption<'static>> {
    vec![TcpOption::Timestamps { value, echo_reply }]
}

#[test]
fn every_second_full_segment_is_acknowledged_and_one_alone_within_half_a_second() {
    let mut host = Host::established(config());
    host.hear(A, 1, 1, &[0; 1000]);
    assert!(host.said().is_empty());
    host.hear(A, 1001, 1, &[0; 1000]);
    assert_eq!(host.said(), [". 1+0 ack 2001"]);
    host.hear(A, 2001, 1, b"x");
    assert_eq!(host.says_in_time(1), [(40, ". 1+0 ack 2002".to_owned())]);
    let mut late = config();
    late.delayed_ack = Duration::from_secs(10);
    let mut host = Host::established(late);
    host.hear(A, 1, 1, b"x");
    assert_eq!(host.says_in_time(1)[0].0, 499, "MUST-40");
}

#[test]
fn segments_that_came_together_are_acknowledged_together() {
    let mut host = Host::established(config());
    for i in 0..6 {
        host.hear(A, 1 + i * 1000, 1, &[0; 1000]);
    }
    assert_eq!(host.said(), [". 1+0 ack 6001"]);
}

#[test]
fn data_carry_the_ack_along() {
    let mut host = Host::established(config());
    host.hear(A, 1, 1, &[0; 1000]);
    host.hear(A, 1001, 1, &[0; 1000]);
    host.connection.send(b"answer").expect("open");
    assert_eq!(host.said(), ["P. 1+6 ack 2001"]);
    assert_eq!(
        host.connection.timeout().map(|at| at.abs_diff(host.now)),
        Some(ms(1000)),
        "only the RTO runs"
    );
}

#[test]
fn data_out_of_order_wait_and_are_acknowledged_at_once() {
    let mut host = Host::established(config());
    assert_eq!(host.hear(A, 6, 1, b"world").data, 0);
    assert_eq!(host.said(), [". 1+0 ack 1"]);
    assert_eq!(host.hear(A, 1, 1, b"hello").data, 10);
    assert_eq!(
        host.said(),
        [". 1+0 ack 11"],
        "a filled hole is acknowledged at once"
    );
    assert_eq!(host.connection.unread().0, b"helloworld");
}

#[test]
fn overlapping_segments_give_every_octet_once() {
    let mut host = Host::established(config());
    host.hear(A, 4, 1, b"defg");
    host.hear(A, 6, 1, b"fghij");
    assert_eq!(host.hear(A, 1, 1, b"abcdef").data, 10);
    assert_eq!(host.connection.unread().0, b"abcdefghij");
    assert_eq!(host.hear(A, 3, 1, b"cdefghijkl").data, 2);
    assert_eq!(host.connection.unread().0, b"abcdefghijkl");
}

#[test]
fn data_with_an_old_ack_are_taken() {
    let mut host = Host::established(config());
    host.connection.send(&[0; 3000]).expect("open");
    host.said();
    host.hear(A, 1, 3001, b"");
    let heard = host.hear(A, 1, 1, b"late");
    assert_eq!((heard.data, heard.acked, heard.dropped), (4, 0, None));
}

#[test]
fn an_ack_older_than_a_window_is_challenged() {
    let mut host = Host::established(config());
    assert_eq!(
        host.hear(A, 1, 1u32.wrapping_sub(10_002), b"data").dropped,
        Some(Dropped::UnacceptableAck)
    );
    assert_eq!(host.said(), [". 1+0 ack 1"]);
    assert_eq!(host.hear(A, 1, 1u32.wrapping_sub(10_000), b"data").data, 4);
}

fn small_buffer(octets: u32) -> Config {
    let mut config = config();
    config.receive_buffer = octets;
    config
}

#[test]
fn what_lies_beyond_the_window_is_cut_off_with_its_fin() {
    let mut host = Host::established(small_buffer(100));
    let heard = host.hear(A | F, 1, 1, &[1; 150]);
    assert!(!heard.peer_closed);
    let taken = heard.data;
    assert!((100..=164).contains(&taken), "{taken}");
    assert_eq!(host.connection.state(), State::Established);
    host.said();
    host.connection.consume(taken);
    host.said();
    // The rest and the FIN, again.
    let rest = 150 - taken.min(150);
    let heard = host.hear(A | F, 1 + taken as u32, 1, &vec![2; rest]);
    assert!(heard.peer_closed);
}

#[test]
fn a_fin_just_beyond_the_window_waits() {
    let mut host = Host::established(small_buffer(100));
    host.hear(A, 1, 1, &[1; 60]);
    let window = host.announced().unwrap_or(40);
    assert!(!host.hear(A | F, 61, 1, &vec![1; window.into()]).peer_closed);
    assert_eq!(host.connection.state(), State::Established);
    // A FIN alone, at a number that was passed: an old duplicate, which is always answered.
    let mut host = Host::established(config());
    host.hear(A, 1, 1, b"data");
    host.said();
    assert_eq!(
        host.hear(A | F, 2, 1, b"").dropped,
        Some(Dropped::OutsideWindow)
    );
    assert_eq!(host.said(), [". 1+0 ack 5"]);
}

#[test]
fn at_a_zero_window_ack_urgent_and_reset_still_count() {
    let mut host = Host::established(small_buffer(100));
    host.connection.send(b"data").expect("open");
    host.said();
    while host
        .hear(A, 1 + host.connection.unread().0.len() as u32, 1, &[1; 50])
        .data
        > 0
    {
        host.said();
    }
    let next = 1 + host.connection.unread().0.len() as u32;
    host.urgent_pointer = 5;
    let heard = host.hear(A | U, next, 5, b"more");
    assert_eq!((heard.acked, heard.urgent, heard.data), (4, true, 0));
    assert_eq!(host.said(), [format!(". 5+0 ack {next}")]);
    assert!(host.hear(R, next, 0, b"").ended);
    assert_eq!(host.connection.error(), Some(Error::PeerReset));
}

#[test]
fn at_a_zero_window_only_the_next_number_is_heard() {
    let mut host = Host::established(small_buffer(4000));
    for i in 0..4 {
        host.hear(A, 1 + i * 1000, 1, &[1; 1000]);
    }
    assert_eq!(host.announced(), Some(0));
    // An ACK without data is none of ours to acknowledge: two such ends would never fall silent.
    assert_eq!(host.hear(A, 4001, 1, b"").dropped, None);
    assert!(host.said().is_empty());
    for (seq, data) in [(4000, ""), (4002, ""), (4000, "xy")] {
        let heard = host.hear(A, seq, 1, data.as_bytes());
        assert_eq!(heard.dropped, Some(Dropped::OutsideWindow), "{seq} {data}");
        assert_eq!(host.said(), [". 1+0 ack 4001"]);
    }
}

#[test]
fn old_data_are_always_acknowledged_and_old_acks_ten_times_a_second() {
    for (data, answers) in [("x", 15), ("", 10)] {
        let mut host = Host::established(config());
        let said = (0..15).map(|_| {
            host.hear(A, 0, 1, data.as_bytes());
            host.said().len()
        });
        assert_eq!(said.sum::<usize>(), answers, "{data}");
    }
}

#[test]
fn a_fin_that_just_fits_into_the_window_is_taken() {
    let mut host = Host::established(small_buffer(4000));
    assert!(host.hear(A | F, 1, 1, &[1; 3999]).peer_closed);
}

#[test]
fn an_old_ack_is_no_duplicate_to_be_reported() {
    let mut host = with_options(|config| config.sack = true);
    host.hear(A, 0, 1, b"");
    assert_eq!(blocks(&mut host), []);
}

#[test]
fn of_a_segment_larger_than_the_window_the_window_is_taken() {
    let mut host = Host::established(small_buffer(4000));
    host.hear(A, 1, 1, &[1; 1000]);
    assert_eq!(host.hear(A, 901, 1, &[1; 4000]).data, 3000);
    assert_eq!(host.connection.unread().0, [1; 4000]);
}

#[test]
fn the_window_opens_by_half_the_buffer_or_a_segment_at_least() {
    let mut host = Host::established(small_buffer(4000));
    for i in 0..4 {
        host.hear(A, 1 + i * 1000, 1, &[1; 1000]);
    }
    assert_eq!(host.announced(), Some(0));
    host.connection.consume(1);
    assert_eq!(host.announced(), None, "one octet is not worth a segment");
    host.hear(A, 4001, 1, b"?");
    assert_eq!(
        host.announced(),
        Some(0),
        "nor a window in one that goes out anyway"
    );
    host.connection.consume(999);
    assert_eq!(host.announced(), Some(1000));
}

#[test]
fn the_right_edge_of_the_window_never_moves_to_the_left() {
    let mut scaled = small_buffer(1 << 20);
    scaled.window_scale = true;
    let mut host = Host::established_with(
        scaled,
        &[
            TcpOption::MaximumSegmentSize(1000),
            TcpOption::WindowScale(7),
        ],
    );
    let (mut edge, mut next) = (0u64, 1u32);
    for i in 0..1500u32 {
        let length = 1 + i % 700;
        assert_eq!(
            host.hear(A, next, 1, &vec![0; length as usize]).data,
            length as usize
        );
        next += length;
        host.hear(A, next + 5, 1, b"");
        if i % 3 == 0 {
            host.connection
                .consume(host.connection.unread().0.len().min(300));
        }
        host.wait(ms(50));
        if let Some(window) = host.announced() {
            let now = u64::from(next) + (u64::from(window) << 5);
            assert!(now >= edge, "segment {i}: {edge} to {now}");
            edge = now;
        }
    }
}

#[test]
fn a_fin_out_of_order_is_remembered() {
    let mut host = Host::established(config());
    assert!(!host.hear(A | F, 6, 1, b"world").peer_closed);
    assert_eq!(host.said(), [". 1+0 ack 1"]);
    let heard = host.hear(A, 1, 1, b"hello");
    assert!(heard.peer_closed);
    assert_eq!(heard.data, 10);
    assert_eq!(host.said(), [". 1+0 ack 12"]);
    assert!(!host.connection.at_end(), "data are unread");
    let mut buffer = [0; 20];
    assert_eq!(host.connection.read(&mut buffer), 10);
    assert!(host.connection.at_end());
    assert_eq!(host.connection.read(&mut buffer), 0);
}

#[test]
fn data_behind_a_fin_are_nobodys() {
    let mut host = Host::established(config());
    host.hear(A | F, 6, 1, b"");
    host.hear(A, 6, 1, b"behind");
    let heard = host.hear(A, 1, 1, b"hello, all");
    assert!(heard.peer_closed);
    assert_eq!(host.connection.unread().0, b"hello");
}

#[test]
fn urgent_data_are_announced_counted_and_end_behind_the_pointer() {
    let mut host = Host::established(config());
    host.urgent_pointer = 8;
    let heard = host.hear(A | U, 1, 1, b"urge");
    assert!(heard.urgent);
    assert_eq!(
        host.connection.urgent(),
        Some(8),
        "more is to come than has arrived"
    );
    host.urgent_pointer = 4;
    assert!(!host.hear(A | U, 5, 1, b"nt!!calm").urgent, "nothing new");
    host.connection.consume(7);
    assert_eq!(host.connection.urgent(), Some(1));
    host.connection.consume(1);
    assert_eq!(host.connection.urgent(), None);
    assert_eq!(host.connection.unread().0, b"calm");
}

#[test]
fn sack_reports_the_latest_block_first_and_duplicates_before_it() {
    let mut host = with_options(|config| config.sack = true);
    host.hear(A, 1001, 1, &[0; 1000]);
    assert_eq!(blocks(&mut host), [(1001, 2001)]);
    host.hear(A, 3001, 1, &[0; 1000]);
    assert_eq!(blocks(&mut host), [(3001, 4001), (1001, 2001)]);
    host.hear(A, 5001, 1, &[0; 1000]);
    host.hear(A, 7001, 1, &[0; 1000]);
    assert_eq!(blocks(&mut host).len(), 4);
    host.hear(A, 9001, 1, &[0; 1000]);
    assert_eq!(blocks(&mut host)[0], (9001, 10_001));
    // RFC 2883 4: a D-SACK block comes first, then the one that holds it.
    host.hear(A, 3001, 1, &[0; 500]);
    assert_eq!(blocks(&mut host)[0], (3001, 3501));
    host.hear(A, 1, 1, &[0; 1000]);
    host.segments();
    host.hear(A, 1, 1, &[0; 1000]);
    assert_eq!(blocks(&mut host)[0], (1, 1001));
}

#[test]
fn more_holes_than_are_remembered_are_still_acknowledged() {
    let mut host = Host::established(config());
    let mut refused = 0;
    for i in 0..1100 {
        let heard = host.hear(A, 3 + i * 2, 1, b"x");
        refused += usize::from(heard.dropped == Some(Dropped::TooManyHoles));
        assert_eq!(host.said(), [". 1+0 ack 1"]);
    }
    assert_eq!(refused, 1100 - netkit_tcp::limits::RANGES);
}

#[test]
fn an_old_timestamp_is_challenged_and_a_missing_one_dropped() {
    let mut host = with_options(|config| config.timestamps = true);
    host.options = timestamps(200, 0);
    assert_eq!(host.hear(A, 1, 1, b"new").data, 3);
    host.wait(ms(40));
    host.said();
    host.options = timestamps(150, 0);
    assert_eq!(
        host.hear(A, 4, 1, b"old").dropped,
        Some(Dropped::OldTimestamp)
    );
    assert_eq!(host.said(), [". 1+0 ack 4"]);
    host.options.clear();
    assert_eq!(
        host.hear(A, 4, 1, b"bare").dropped,
        Some(Dropped::NoTimestamp)
    );
    assert!(host.said().is_empty());
    assert!(host.hear(R, 4, 1, b"").ended, "a RST needs none");
}

#[test]
fn a_timestamp_beyond_the_last_ack_is_not_echoed() {
    let mut host = with_options(|config| config.timestamps = true);
    let echoed = |host: &mut Host| {
        let octets = host.segments().pop().expect("an ACK");
        Segment::parse(&octets)
            .expect("whole")
            .options()
            .find_map(|option| match option {
                Ok(TcpOption::Timestamps { echo_reply, .. }) => Some(echo_reply),
                _ => None,
            })
    };
    host.options = timestamps(300, 0);
    host.hear(A, 501, 1, b"ahead");
    assert_eq!(echoed(&mut host), Some(100));
    host.options = timestamps(200, 0);
    host.hear(A, 1, 1, &[0; 500]);
    assert_eq!(echoed(&mut host), Some(200));
}

#[test]
fn an_idle_connection_is_less_than_a_kibibyte_and_holds_no_buffer() {
    let size = size_of::<netkit_tcp::Connection>() + size_of::<netkit_tcp::Cubic>();
    println!("{size} octets");
    assert!(size <= 1024, "{size}");
    let mut host = Host::established(config());
    assert_eq!(host.connection.buffered(), 0);
    host.hear(A, 1, 1, b"data");
    host.connection.send(b"data").expect("open");
    assert!(host.connection.buffered() > 0);
    host.connection.consume(4);
    host.said();
    host.hear(A, 5, 5, b"");
    host.connection.rest();
    assert_eq!(host.connection.buffered(), 0);
}
