//! Closing and aborting: RFC 9293 3.6, 3.10.4, 3.10.5, and TIME-WAIT.

mod hand;

use hand::{A, F, Host, R, S, config, ms};
use netkit_tcp::{Dropped, Error, State, TcpOption};
use std::time::Duration;

#[test]
fn an_active_close_goes_through_fin_wait_to_time_wait() {
    let mut host = Host::established(config());
    host.connection.send(b"last").expect("open");
    host.connection.close();
    assert_eq!(
        host.said(),
        ["FP. 1+4 ack 1"],
        "the FIN follows what is queued"
    );
    assert_eq!(host.connection.state(), State::FinWait1);
    host.hear(A, 1, 6, b"");
    assert_eq!(host.connection.state(), State::FinWait2);
    // Half-closed: the peer's data still arrive.
    assert_eq!(host.hear(A, 1, 6, b"more").data, 4);
    assert!(host.hear(A | F, 5, 6, b"").peer_closed);
    assert_eq!(host.said(), [". 6+0 ack 6"]);
    assert_eq!(host.connection.state(), State::TimeWait);
    assert_eq!(host.connection.unread().0, b"more");
}

#[test]
fn time_wait_is_two_msl_and_begins_again_with_a_fin() {
    let mut host = Host::in_state(config(), State::TimeWait);
    host.wait(Duration::from_secs(100));
    host.hear(A | F, 1, 2, b"");
    assert_eq!(host.said(), [". 2+0 ack 2"]);
    assert_eq!(host.next_timer(), Some(Duration::from_secs(240)));
    assert!(host.said().is_empty());
    assert_eq!(host.connection.state(), State::Closed);
    assert_eq!(host.connection.error(), None);
    assert!(host.connection.is_closed());
}

#[test]
fn a_passive_close_ends_with_the_ack_of_its_fin() {
    let mut host = Host::established(config());
    let heard = host.hear(A | F, 1, 1, b"end");
    assert!(heard.peer_closed);
    assert_eq!(host.connection.state(), State::CloseWait);
    assert_eq!(host.said(), [". 1+0 ack 5"]);
    host.connection.send(b"answer").expect("half-open");
    host.connection.close();
    assert_eq!(host.said(), ["FP. 1+6 ack 5"]);
    assert_eq!(host.connection.state(), State::LastAck);
    assert!(host.hear(A, 5, 8, b"").ended);
    assert_eq!(host.connection.state(), State::Closed);
    assert_eq!(host.connection.error(), None);
}

#[test]
fn both_sides_may_close_at_once() {
    let mut host = Host::in_state(config(), State::Closing);
    host.hear(A, 2, 2, b"");
    assert_eq!(host.connection.state(), State::TimeWait);
}

#[test]
fn a_fin_with_the_ack_of_ours_leads_to_time_wait_at_once() {
    let mut host = Host::in_state(config(), State::FinWait1);
    host.hear(A | F, 1, 2, b"");
    assert_eq!(host.connection.state(), State::TimeWait);
}

#[test]
fn a_lost_fin_is_sent_again() {
    let mut host = Host::in_state(config(), State::FinWait1);
    assert_eq!(host.says_in_time(1), [(1000, "F. 1+0 ack 1".to_owned())]);
}

#[test]
fn an_abort_resets_and_the_application_knows() {
    let mut host = Host::established(config());
    host.connection.send(&[0; 500]).expect("open");
    host.said();
    host.connection.abort();
    assert_eq!(host.said(), ["R. 501+0 ack 1"]);
    assert_eq!(host.connection.error(), Some(Error::LocalAborted));
    assert_eq!(host.connection.send(b"x"), Err(Error::LocalAborted));
    assert!(host.connection.is_closed());
}

#[test]
fn leaving_with_data_unread_resets() {
    let mut host = Host::established(config());
    host.hear(A, 1, 1, b"unread");
    let now = host.now;
    host.connection.leave(now);
    assert_eq!(host.said(), ["R. 1+0 ack 7"]);
}

#[test]
fn data_for_somebody_who_left_are_answered_by_a_reset() {
    let mut host = Host::established(config());
    let now = host.now;
    host.connection.leave(now);
    assert_eq!(host.said(), ["F. 1+0 ack 1"]);
    host.hear(A, 1, 2, b"");
    assert_eq!(host.connection.state(), State::FinWait2);
    assert!(host.hear(A, 1, 2, b"late").ended);
    assert_eq!(host.said(), ["R. 2+0 ack 1"]);
}

#[test]
fn a_peer_that_never_closes_is_not_waited_for_after_leaving() {
    let mut host = Host::established(config());
    let now = host.now;
    host.connection.leave(now);
    host.said();
    host.hear(A, 1, 2, b"");
    assert_eq!(host.next_timer(), Some(Duration::from_secs(60)));
    host.said();
    assert_eq!(host.connection.state(), State::Closed);
}

#[test]
fn closing_before_the_handshake_is_over_sends_the_fin_after_it() {
    let mut host = Host::in_state(config(), State::SynReceived);
    host.connection.close();
    assert!(host.said().is_empty());
    host.hear(A, 1, 1, b"");
    assert_eq!(host.said(), ["F. 1+0 ack 1"]);
    assert_eq!(host.connection.state(), State::FinWait1);
    let mut host = Host::connecting(config());
    host.connection.close();
    assert_eq!(
        (host.connection.state(), host.connection.error()),
        (State::Closed, None)
    );
}

#[test]
fn time_wait_yields_to_a_later_syn_only() {
    use netkit_tcp::{Header, PseudoHeader, Segment, Seq};
    let pseudo = PseudoHeader::new(hand::OURS.0.into(), hand::PEERS.0.into()).expect("one family");
    let yields = |host: &Host, seq: Seq, value: Option<u32>| {
        let header = Header {
            sequence_number: seq,
            flags: S,
            window: 1,
            ..Header::default()
        };
        let timestamps = value.map(|value| TcpOption::Timestamps {
            value,
            echo_reply: 0,
        });
        let octets = hand::from_peer(header.with_options(timestamps).expect("room"), b"");
        let segment = Segment::parse(&octets)
            .expect("whole")
            .verify(pseudo)
            .expect("right");
        host.connection.yields_to(&segment)
    };
    let host = Host::in_state(config(), State::TimeWait);
    assert!(yields(&host, hand::PEER_ISS + 5000, None));
    assert!(!yields(&host, hand::PEER_ISS, None));
    let host = Host::established(config());
    assert!(!yields(&host, hand::PEER_ISS + 5000, None));

    let mut config = config();
    config.timestamps = true;
    let timestamps = TcpOption::Timestamps {
        value: 100,
        echo_reply: 0,
    };
    let mut host = Host::established_with(config, &[timestamps]);
    host.options = vec![timestamps];
    host.connection.close();
    host.said();
    host.hear(A | F, 1, 2, b"");
    assert_eq!(host.connection.state(), State::TimeWait);
    assert!(
        yields(&host, hand::PEER_ISS, Some(101)),
        "RFC 6191: a later timestamp is enough"
    );
    assert!(!yields(&host, hand::PEER_ISS + 5000, Some(99)));
}

#[test]
fn a_fin_that_comes_again_changes_nothing() {
    let mut host = Host::in_state(config(), State::CloseWait);
    let heard = host.hear(F | A, 1, 1, b"");
    assert_eq!(heard.dropped, Some(Dropped::OutsideWindow));
    assert_eq!(host.said(), [". 1+0 ack 2"]);
    assert_eq!(host.connection.state(), State::CloseWait);
}

#[test]
fn only_a_fin_makes_time_wait_begin_again() {
    let mut host = Host::in_state(config(), State::TimeWait);
    let end = host.connection.timeout();
    host.wait(ms(1000));
    host.hear(A, 1, 2, b"x");
    host.said();
    assert_eq!(host.connection.timeout(), end);
    host.hear(F | A, 1, 2, b"");
    assert!(host.connection.timeout() > end);
}

#[test]
fn a_reset_after_both_sides_have_closed_is_no_error() {
    for state in [State::Closing, State::LastAck, State::TimeWait] {
        let mut host = Host::in_state(config(), state);
        assert!(host.hear(R, 2, 0, b"").ended, "{state:?}");
        assert_eq!(host.connection.error(), None, "{state:?}");
    }
}

#[test]
fn a_reset_in_syn_received_refuses_an_active_open() {
    let mut host = Host::in_state(config(), State::SynReceived);
    assert!(host.hear(R, 1, 0, b"").ended);
    assert_eq!(host.connection.error(), Some(Error::PeerRefused));
}
