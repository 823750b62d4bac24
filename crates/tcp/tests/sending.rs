//! What is sent and when: RFC 9293 3.7.4, 3.8; RFC 5681, 6298, 6582, 6675.

mod hand;

use hand::{A, Host, U, config, ms};
use netkit_tcp::{Config, Error, KeepAlive, NewReno, SackBlocks, Segment, State, TcpOption};
use std::time::Duration;

fn reno() -> Config {
    let mut config = config();
    config.congestion = NewReno::start;
    config
}

/// A peer with this window that has accepted SACK.
fn with_sack(mut config: Config) -> Host {
    config.sack = true;
    Host::established_with(
        config,
        &[
            TcpOption::MaximumSegmentSize(1000),
            TcpOption::SackPermitted,
        ],
    )
}

fn send(host: &mut Host, length: usize) -> Vec<String> {
    assert_eq!(host.connection.send(&vec![b'x'; length]), Ok(length));
    host.said()
}

#[test]
fn full_segments_go_out_and_the_last_is_pushed() {
    let mut host = Host::established(config());
    assert_eq!(
        send(&mut host, 2500),
        [". 1+1000 ack 1", ". 1001+1000 ack 1"]
    );
    // Nagle: the rest waits for an ACK.
    host.hear(A, 1, 2001, b"");
    assert_eq!(host.said(), ["P. 2001+500 ack 1"]);
}

#[test]
fn nagle_waits_and_may_be_turned_off() {
    let mut host = Host::established(config());
    assert_eq!(send(&mut host, 10), ["P. 1+10 ack 1"]);
    assert!(send(&mut host, 10).is_empty());
    host.hear(A, 1, 11, b"");
    assert_eq!(host.said(), ["P. 11+10 ack 1"]);

    let mut config = config();
    config.nagle = false;
    let mut host = Host::established(config);
    assert_eq!(send(&mut host, 10), ["P. 1+10 ack 1"]);
    assert_eq!(send(&mut host, 10), ["P. 11+10 ack 1"]);
}

#[test]
fn the_initial_window_is_ten_segments() {
    let mut host = Host::established(config());
    host.window = 60_000;
    host.hear(A, 1, 1, b"");
    assert_eq!(send(&mut host, 50_000).len(), 10);
}

#[test]
fn a_window_too_small_to_be_useful_is_not_filled_at_once() {
    let mut host = Host::established(config());
    host.window = 10;
    host.hear(A, 1, 1, b"");
    assert!(send(&mut host, 5000).is_empty());
    // The override timeout, 0.1 to 1 s.
    assert_eq!(host.says_in_time(1), [(200, ". 1+10 ack 1".to_owned())]);
}

#[test]
fn a_zero_window_is_probed_after_an_rto_and_ever_more_rarely() {
    let mut host = Host::established(config());
    host.window = 0;
    host.hear(A, 1, 1, b"");
    assert!(send(&mut host, 5000).is_empty());
    let mut times = Vec::new();
    for _ in 0..8 {
        let (waited, probe) = host.says_in_time(1).pop().expect("a probe");
        assert_eq!(probe, ". 1+1 ack 1");
        times.push(waited / 1000);
        // Answered, so it may go on for ever.
        host.hear(A, 1, 1, b"");
        assert!(host.said().is_empty());
    }
    assert_eq!(times, [1, 2, 4, 8, 16, 32, 60, 60]);
    host.window = 3000;
    host.hear(A, 1, 1, b"");
    assert_eq!(
        host.said(),
        [". 1+1000 ack 1", ". 1001+1000 ack 1", ". 2001+1000 ack 1"]
    );
}

#[test]
fn a_zero_window_whose_peer_is_silent_ends_at_r2() {
    let mut host = Host::established(config());
    host.window = 0;
    host.hear(A, 1, 1, b"");
    send(&mut host, 5000);
    let began = host.now;
    while host.connection.error().is_none() {
        host.next_timer().expect("a timer");
        host.said();
    }
    assert_eq!(host.connection.error(), Some(Error::PathTimedOut));
    assert!((100..=102).contains(&(host.now.abs_diff(began)).as_secs()));
}

#[test]
fn a_window_that_shrinks_is_respected_without_harm() {
    let mut host = Host::established(config());
    assert_eq!(send(&mut host, 5000).len(), 5);
    host.window = 1000;
    host.hear(A, 1, 1001, b"");
    assert!(
        host.said().is_empty(),
        "SHLD-15: nothing new beyond the window"
    );
    host.hear(A, 1, 5001, b"");
    assert_eq!(send(&mut host, 2000), [". 5001+1000 ack 1"]);
}

#[test]
fn an_old_segment_does_not_change_the_send_window() {
    let mut host = Host::established(config());
    assert_eq!(host.hear(A, 1, 1, b"new").data, 3);
    host.window = 1;
    host.hear(A, 1, 1, b"new");
    host.window = 10_000;
    host.said();
    assert_eq!(send(&mut host, 2000).len(), 2);
}

#[test]
fn an_ack_of_what_was_never_sent_takes_nothing() {
    let mut host = Host::established(config());
    host.window = 1000;
    host.hear(A, 1, 1, b"");
    assert_eq!(send(&mut host, 5000), [". 1+1000 ack 1"]);
    let heard = host.hear(A, 1, 3001, b"");
    assert_eq!(heard.acked, 0);
    assert_eq!(host.said(), [". 1001+0 ack 1"]);
    host.hear(A, 1, 1001, b"");
    assert_eq!(
        host.said(),
        [". 1001+1000 ack 1"],
        "what was queued is still there"
    );
}

#[test]
fn data_are_sent_again_ever_more_rarely_until_r2() {
    let mut host = Host::established(config());
    send(&mut host, 10);
    let (mut times, began) = (Vec::new(), host.now);
    while let Some((waited, line)) = host.says_in_time(1).pop() {
        assert_eq!(line, "P. 1+10 ack 1");
        times.push(waited / 1000);
        assert_eq!(
            host.connection.is_doubtful(),
            times.len() >= 3,
            "R1 is three"
        );
    }
    assert_eq!(times, [1, 2, 4, 8, 16, 32]);
    assert_eq!(host.connection.error(), Some(Error::PathTimedOut));
    assert_eq!(host.now.abs_diff(began), Duration::from_secs(100));
}

#[test]
fn r2_is_the_applications_choice() {
    let mut host = Host::established(config());
    host.connection.set_user_timeout(Duration::from_secs(10));
    send(&mut host, 10);
    let began = host.now;
    while host.next_timer().is_some() {
        host.said();
    }
    assert_eq!(host.connection.error(), Some(Error::PathTimedOut));
    assert_eq!(host.now.abs_diff(began), Duration::from_secs(10));
}

#[test]
fn a_syn_is_given_up_after_180_seconds() {
    let mut host = Host::connecting(config());
    let said = host.says_in_time(100);
    let times: Vec<u64> = said.iter().map(|(time, _)| time / 1000).collect();
    assert_eq!(times, [1, 2, 4, 8, 16, 32, 60]);
    assert!(said.iter().all(|(_, line)| line == "S 0+0"));
    assert_eq!(host.now, Duration::from_secs(181));
    assert_eq!(host.connection.error(), Some(Error::PathTimedOut));
}

#[test]
fn after_a_lost_syn_the_rto_is_three_seconds_and_the_window_one_segment() {
    let mut host = Host::connecting(config());
    assert_eq!(host.says_in_time(1).len(), 1);
    host.hear(hand::S | A, 0, 1, b"");
    host.said();
    assert_eq!(host.connection.send(&[0; 3000]), Ok(3000));
    assert_eq!(host.said().len(), 1);
    assert_eq!(host.says_in_time(1)[0].0, 3000);
}

#[test]
fn what_was_sent_twice_is_not_timed() {
    let mut config = config();
    config.min_rto = ms(1);
    let mut host = Host::established(config);
    for round in 0..20 {
        send(&mut host, 10);
        host.wait(ms(100));
        host.hear(A, 1, 11 + round * 10, b"");
    }
    send(&mut host, 10);
    let (rto, _) = host.says_in_time(1).pop().expect("again");
    assert!((100..200).contains(&rto), "{rto}");
    // The answer to either copy: a sample of 5 s would be a lie.
    host.wait(ms(5000));
    host.hear(A, 1, 211, b"");
    send(&mut host, 10);
    // RFC 6298 5: what backing off did stays until something is measured.
    let backed_off = host.says_in_time(1)[0].0;
    assert!(
        (2 * rto..=2 * rto + 2).contains(&backed_off),
        "{backed_off}"
    );
    host.hear(A, 1, 221, b"");
    send(&mut host, 10);
    host.wait(ms(100));
    host.hear(A, 1, 231, b"");
    send(&mut host, 10);
    assert!(host.says_in_time(1)[0].0 <= rto);
}

#[test]
fn three_duplicates_bring_one_segment_again_and_partial_acks_the_next() {
    let mut host = Host::established(reno());
    assert_eq!(send(&mut host, 10_000).len(), 10);
    for _ in 0..2 {
        host.hear(A, 1, 1, b"");
        assert!(host.said().is_empty());
    }
    host.hear(A, 1, 1, b"");
    assert_eq!(host.said(), [". 1+1000 ack 1"]);
    // RFC 6582: a partial ACK tells of the next hole; no RTO is needed.
    host.hear(A, 1, 3001, b"");
    assert_eq!(host.said(), [". 3001+1000 ack 1"]);
    host.hear(A, 1, 10_001, b"");
    assert!(host.said().is_empty());
    assert_eq!(host.connection.timeout(), None);
}

#[test]
fn a_timeout_sends_one_segment_and_then_slowly_more() {
    let mut host = Host::established(reno());
    assert_eq!(send(&mut host, 10_000).len(), 10);
    assert_eq!(host.says_in_time(1), [(1000, ". 1+1000 ack 1".to_owned())]);
    host.hear(A, 1, 1001, b"");
    assert_eq!(host.said(), [". 1001+1000 ack 1", ". 2001+1000 ack 1"]);
}

fn sack(host: &mut Host, blocks: &[(u32, u32)]) {
    let octets: Vec<[u8; 8]> = blocks
        .iter()
        .map(|(left, right)| SackBlocks::block(host.iss + *left, host.iss + *right))
        .collect();
    host.options = vec![TcpOption::Sack(SackBlocks::new(octets.leak()))];
    host.hear(A, 1, 1, b"");
    host.options.clear();
}

#[test]
fn sack_brings_each_hole_again_and_nothing_else() {
    let mut host = with_sack(reno());
    assert_eq!(send(&mut host, 10_000).len(), 10);
    sack(&mut host, &[(1001, 2001)]);
    sack(&mut host, &[(1001, 2001), (3001, 4001)]);
    assert!(host.said().is_empty());
    sack(&mut host, &[(1001, 2001), (3001, 6001)]);
    assert_eq!(host.said()[0], ". 1+1000 ack 1");
    sack(&mut host, &[(1001, 2001), (3001, 10_001)]);
    assert_eq!(host.said(), [". 2001+1000 ack 1"]);
    host.hear(A, 1, 10_001, b"");
    assert!(host.said().is_empty());
}

#[test]
fn sack_blocks_that_cannot_be_true_are_ignored() {
    let mut host = with_sack(reno());
    assert_eq!(send(&mut host, 10_000).len(), 10);
    for _ in 0..5 {
        sack(&mut host, &[(20_000, 30_000), (5, 1), (u32::MAX - 500, 1)]);
    }
    assert!(host.said().is_empty());
}

#[test]
fn keep_alives_are_off_unless_asked_for_and_then_only_when_idle() {
    let host = Host::established(config());
    assert_eq!(host.connection.timeout(), None);
    assert_eq!(KeepAlive::default().idle, Duration::from_secs(7200));
    let mut config = config();
    let keep_alive = KeepAlive {
        idle: ms(10_000),
        interval: ms(1000),
        probes: 3,
    };
    config.keep_alive = Some(keep_alive);
    let mut host = Host::established(config.clone());
    assert_eq!(host.says_in_time(1), [(10_000, ". 0+0 ack 1".to_owned())]);
    // An answer, and the next is as far away as the first.
    host.hear(A, 1, 1, b"");
    let said = host.says_in_time(10);
    let times: Vec<u64> = said.iter().map(|(time, _)| *time).collect();
    assert_eq!(times, [10_000, 1000, 1000]);
    assert_eq!(host.connection.error(), Some(Error::PathTimedOut));
    assert!(
        said.iter().all(|(_, line)| line == ". 0+0 ack 1"),
        "without data"
    );
}

#[test]
fn urgent_data_point_behind_their_last_octet() {
    let mut host = Host::established(config());
    assert_eq!(host.connection.send_urgent(&[b'u'; 1500]), Ok(1500));
    assert_eq!(host.connection.send(b"calm"), Ok(4));
    let mut pointers = Vec::new();
    for octets in host.segments() {
        let segment = Segment::parse(&octets).expect("whole");
        pointers.push((
            segment.flags().has(U),
            segment.urgent_pointer(),
            segment.payload().len(),
        ));
    }
    assert_eq!(pointers[..2], [(true, 1500, 1000), (true, 500, 504)]);
    host.hear(A, 1, 1505, b"");
    let after = {
        host.connection.send(b"x").expect("open");
        host.said()
    };
    assert_eq!(after, ["P. 1505+1 ack 1"]);
}

#[test]
fn an_idle_connection_starts_again_from_the_initial_window() {
    let mut host = Host::established(config());
    host.window = 65_535;
    let mut acked = 1;
    for _ in 0..4 {
        host.connection.send(&vec![0; 60_000]).expect("open");
        let sent = host.said().len() as u32;
        acked += sent * 1000;
        host.hear(A, 1, acked, b"");
    }
    while host.connection.room() < 256 * 1024 {
        acked += 1000 * host.said().len() as u32;
        host.hear(A, 1, acked, b"");
    }
    host.wait(ms(5000));
    assert_eq!(send(&mut host, 60_000).len(), 10);
}

#[test]
fn windows_beyond_two_to_the_sixteen_are_used() {
    let mut config = config();
    config.window_scale = true;
    let options = [
        TcpOption::MaximumSegmentSize(1000),
        TcpOption::WindowScale(7),
    ];
    let mut host = Host::established_with(config, &options);
    host.window = 2000;
    host.hear(A, 1, 1, b"");
    let (mut acked, mut most) = (1, 0);
    for _ in 0..12 {
        let room = host.connection.room();
        host.connection.send(&vec![0; room]).expect("open");
        let sent = host.said().len() as u32;
        most = most.max(sent);
        for _ in 0..sent {
            acked += 1000;
            host.hear(A, 1, acked, b"");
        }
    }
    assert!(most > 66, "{most} segments at once");
}

#[test]
fn nothing_can_be_sent_after_close() {
    let mut host = Host::established(config());
    host.connection.close();
    assert_eq!(host.connection.send(b"x"), Err(Error::MisuseClosing));
    assert_eq!(host.connection.state(), State::FinWait1);
}
