//! Timestamps (RFC 7323).

use crate::Seq;
use core::time::Duration;

/// The timestamps of one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimestampClock {
    /// Added to the clock of milliseconds: another for each pair of ends (RFC 7323 5.4).
    pub(crate) offset: u32,
    /// TS.Recent, and when it was set.
    pub(crate) recent: (u32, Duration),
    /// Last.ACK.sent.
    pub(crate) last_ack_sent: Seq,
}

/// How long TS.Recent is believed: RFC 7323 5.5, 24 days.
const OUTDATED: Duration = Duration::from_secs(24 * 24 * 60 * 60);

impl TimestampClock {
    /// TSval.
    pub(crate) const fn value(&self, now: Duration) -> u32 {
        (now.as_millis() as u32).wrapping_add(self.offset)
    }

    /// RFC 7323 5.3 (R1): whether a segment with this TSval is an old duplicate.
    pub(crate) fn is_old(&self, value: u32, now: Duration) -> bool {
        let (recent, at) = self.recent;
        Seq(value).before(Seq(recent)) && now.saturating_sub(at) < OUTDATED
    }

    /// RFC 7323 4.3 (2): remembers the TSval of a segment that is not beyond the last ACK.
    pub(crate) fn hear(&mut self, now: Duration, seq: Seq, value: u32) {
        if !self.is_old(value, now) && !seq.after(self.last_ack_sent) {
            self.recent = (value, now);
        }
    }

    /// The round trip that TSecr tells of; `None` if it was never sent, or a minute ago.
    pub(crate) fn round_trip(&self, now: Duration, echo_reply: u32) -> Option<Duration> {
        let passed = self.value(now).wrapping_sub(echo_reply);
        (passed < 60_000).then(|| Duration::from_millis(passed.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::{OUTDATED, TimestampClock};
    use crate::Seq;
    use core::time::Duration;

    #[test]
    fn an_old_timestamp_is_old_for_24_days() {
        let mut clock = TimestampClock {
            offset: 5,
            recent: (100, Duration::ZERO),
            last_ack_sent: Seq(10),
        };
        assert!(clock.is_old(99, Duration::ZERO) && !clock.is_old(100, Duration::ZERO));
        assert!(!clock.is_old(99, OUTDATED));
        clock.hear(Duration::ZERO, Seq(11), 200);
        assert_eq!(clock.recent.0, 100, "beyond the last ACK");
        clock.hear(Duration::ZERO, Seq(10), 200);
        assert_eq!(clock.recent.0, 200);
        clock.hear(Duration::ZERO, Seq(10), 150);
        assert_eq!(clock.recent.0, 200, "older");
    }

    #[test]
    fn a_round_trip_is_told_in_milliseconds_and_only_if_it_can_be_true() {
        let clock = TimestampClock {
            offset: 5,
            recent: (0, Duration::ZERO),
            last_ack_sent: Seq(0),
        };
        let now = Duration::from_secs(2);
        assert_eq!(clock.value(now), 2005);
        assert_eq!(
            clock.round_trip(now, 1905),
            Some(Duration::from_millis(100))
        );
        assert_eq!(clock.round_trip(now, 2006), None);
    }
}
