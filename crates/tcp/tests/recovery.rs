//! What counts as a loss, what it costs, and what happens when it was none (RFC 3522, 4015, 6675).

mod hand;

use hand::{A, Host, config, ms};
use netkit_tcp::{NewReno, SackBlocks, Segment, TcpOption};

/// ESTABLISHED with SACK and timestamps; the initial window is ten segments of 1000 octets.
fn established() -> Host {
    let mut config = config();
    (config.sack, config.timestamps) = (true, true);
    (config.congestion, config.window_scale) = (NewReno::start, true);
    let options = [
        TcpOption::MaximumSegmentSize(1012),
        TcpOption::SackPermitted,
        TcpOption::Timestamps {
            value: 1,
            echo_reply: 0,
        },
        TcpOption::WindowScale(7),
    ];
    Host::established_with(config, &options)
}

/// Queues octets; what is sent of them, and the timestamp on it.
fn send(host: &mut Host, length: usize) -> (Vec<u32>, u32) {
    assert_eq!(host.connection.send(&vec![b'x'; length]), Ok(length));
    due(host)
}

/// Numbers of what is due, and the timestamp of the last.
fn due(host: &mut Host) -> (Vec<u32>, u32) {
    let mut stamp = 0;
    let octets = host.segments();
    let numbers = octets.iter().map(|octets| {
        let segment = Segment::parse(octets).expect("whole");
        for option in segment.options().flatten() {
            if let TcpOption::Timestamps { value, .. } = option {
                stamp = value;
            }
        }
        segment.sequence_number().since(host.iss)
    });
    (numbers.collect(), stamp)
}

/// An ACK with an echo and with what has arrived beyond it.
fn ack(host: &mut Host, ack: u32, echo_reply: u32, beyond: &[(u32, u32)]) {
    let blocks: Vec<[u8; 8]> = beyond
        .iter()
        .map(|(left, right)| SackBlocks::block(host.iss + *left, host.iss + *right))
        .collect();
    host.options = vec![TcpOption::Timestamps {
        value: 1,
        echo_reply,
    }];
    if !blocks.is_empty() {
        let blocks = SackBlocks::new(blocks.leak());
        host.options.push(TcpOption::Sack(blocks));
    }
    host.hear(A, 1, ack, b"");
}

const ONE_TO_TEN: [u32; 10] = [1, 1001, 2001, 3001, 4001, 5001, 6001, 7001, 8001, 9001];

/// The first of ten segments is sent again, as if it were lost; the timestamps of both copies.
fn sent_again() -> (Host, u32, u32) {
    let mut host = established();
    let (sent, first) = send(&mut host, 10_000);
    assert_eq!(sent, ONE_TO_TEN);
    host.wait(ms(20));
    ack(&mut host, 1, first, &[(1001, 4001)]);
    let (sent, second) = due(&mut host);
    assert_eq!(sent, [1]);
    assert_eq!(second - first, 20);
    (host, first, second)
}

#[test]
fn a_loss_costs_half_the_window() {
    let (mut host, _, second) = sent_again();
    host.wait(ms(20));
    ack(&mut host, 10_001, second, &[]);
    assert_eq!(send(&mut host, 30_000).0.len(), 5);
}

#[test]
fn what_was_overtaken_costs_nothing_and_makes_patient() {
    let (mut host, first, _) = sent_again();
    host.wait(ms(5));
    // The echo is the first copy's: it was late, not lost.
    ack(&mut host, 4001, first, &[]);
    ack(&mut host, 10_001, first, &[]);
    assert!(due(&mut host).0.is_empty());
    let (sent, first) = send(&mut host, 60_000);
    assert!(sent.len() >= 10, "{}", sent.len());
    // Three beyond the next one are no loss any more: it is what is in flight that goes on.
    let next = sent[0];
    ack(&mut host, next, first, &[(next + 1000, next + 4000)]);
    let (sent, _) = due(&mut host);
    assert!(sent.iter().all(|number| *number > next + 4000), "{sent:?}");
    // Many are.
    ack(&mut host, next, first, &[(next + 1000, next + 9000)]);
    assert!(due(&mut host).0.contains(&next));
}

#[test]
fn what_was_overtaken_before_it_was_sent_again_makes_patient_too() {
    let mut host = established();
    let (_, first) = send(&mut host, 10_000);
    for beyond in [2001, 3001] {
        ack(&mut host, 1, first, &[(1001, beyond)]);
    }
    ack(&mut host, 10_001, first, &[]);
    let (sent, first) = send(&mut host, 60_000);
    let next = sent[0];
    ack(&mut host, next, first, &[(next + 1000, next + 4000)]);
    assert_eq!(due(&mut host).0[0], next, "as far as two segments is near");
}

#[test]
fn what_was_overtaken_here_and_there_makes_patient_too() {
    let mut host = established();
    let (_, first) = send(&mut host, 10_000);
    ack(&mut host, 1, first, &[(5001, 6001), (1001, 2001)]);
    assert!(due(&mut host).0.is_empty(), "two are not three");
    ack(&mut host, 10_001, first, &[]);
    let (sent, first) = send(&mut host, 60_000);
    // Six segments is how far the first was overtaken.
    let next = sent[0];
    ack(&mut host, next, first, &[(next + 1000, next + 4000)]);
    assert!(!due(&mut host).0.contains(&next));
}

#[test]
fn a_timeout_that_only_was_impatient_sends_nothing_more_again() {
    let mut host = established();
    let (_, first) = send(&mut host, 10_000);
    host.next_timer();
    let (sent, second) = due(&mut host);
    assert_eq!(sent, [1]);
    assert_eq!(second - first, 1000);
    // The first copy's answer comes late.
    ack(&mut host, 1001, first, &[]);
    let (sent, _) = send(&mut host, 30_000);
    assert_eq!(sent[0], 10_001, "new data, none of the old again");
    assert!(sent.len() <= 12);

    let mut host = established();
    send(&mut host, 10_000);
    host.next_timer();
    let (_, second) = due(&mut host);
    ack(&mut host, 1001, second, &[]);
    assert_eq!(due(&mut host).0, [1001, 2001], "the timeout was right");
}

#[test]
fn what_is_sent_while_a_loss_is_repaired_does_not_count_for_the_next_window() {
    let (mut host, _, second) = sent_again();
    host.connection.send(&[0; 10_000]).expect("open");
    // All but the first arrive, and new ones for them; then the retransmission is lost, too.
    for beyond in (5001..=10_001).step_by(1000) {
        ack(&mut host, 1, second, &[(1001, beyond)]);
        due(&mut host);
    }
    host.next_timer();
    assert_eq!(due(&mut host).0, [1]);
    // ssthresh is half of cwnd, 5 segments, not half of all that is unacknowledged.
    host.wait(ms(1));
    let (mut next, mut largest) = (1001, 0);
    for _ in 0..3 {
        ack(&mut host, next, second + 2000, &[]);
        let (sent, _) = due(&mut host);
        largest = sent.len().max(largest);
        next = sent.last().map_or(next, |last| last + 1000);
    }
    assert!(largest <= 3, "{largest}");
}

#[test]
fn the_answer_to_a_second_copy_with_the_firsts_timestamp_is_no_measurement() {
    let mut host = established();
    let (_, first) = send(&mut host, 1000);
    // The first ACK is lost; twice the timer runs out.
    for _ in 0..2 {
        host.next_timer();
        due(&mut host);
    }
    ack(&mut host, 1001, first, &[(1, 1001)]);
    let (_, stamp) = send(&mut host, 1000);
    host.wait(ms(20));
    ack(&mut host, 2001, stamp, &[]);
    send(&mut host, 1000);
    let rto = host.next_timer().expect("in flight");
    assert_eq!(rto, ms(1000), "three seconds would have been a lie");
}

#[test]
fn what_was_sent_twice_is_measured_by_its_timestamp() {
    let mut host = established();
    send(&mut host, 1000);
    host.next_timer();
    let (_, second) = due(&mut host);
    host.wait(ms(20));
    ack(&mut host, 1001, second, &[]);
    send(&mut host, 1000);
    assert_eq!(host.next_timer(), Some(ms(1000)), "it has backed off");
}

#[test]
fn what_is_timed_is_measured_once_all_of_it_is_acknowledged() {
    let mut host = Host::established(config());
    send(&mut host, 1000);
    host.wait(ms(20));
    host.hear(A, 1, 501, b"");
    host.wait(ms(900));
    host.hear(A, 1, 1001, b"");
    send(&mut host, 1000);
    // RFC 6298 (2.3): 0 from the handshake, then 920.
    assert_eq!(host.next_timer(), Some(ms(115 + 4 * 230)));
}
