use crate::limits::{ERROR_INTERVAL, ERRORS_AT_ONCE};
use core::time::Duration;

/// ICMP errors that may be sent: a token bucket (RFC 4443 2.4 (f)).
#[derive(Debug)]
pub(super) struct Bucket {
    tokens: u32,
    /// Since when the tokens are these.
    since: Duration,
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
            tokens: ERRORS_AT_ONCE,
            since: Duration::ZERO,
        }
    }
}

impl Bucket {
    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.since);
        let earned = u32::try_from(passed.as_millis() / ERROR_INTERVAL.as_millis());
        let earned = earned.unwrap_or(ERRORS_AT_ONCE).min(ERRORS_AT_ONCE);
        if self.tokens + earned >= ERRORS_AT_ONCE {
            self.tokens = ERRORS_AT_ONCE;
            self.since = now;
        } else {
            self.tokens += earned;
            self.since += ERROR_INTERVAL * earned;
        }
        let has = self.tokens > 0;
        self.tokens -= u32::from(has);
        has
    }
}

#[cfg(test)]
mod tests {
    use super::{Bucket, ERROR_INTERVAL, ERRORS_AT_ONCE};
    use core::time::Duration;

    #[test]
    fn a_burst_and_then_one_for_each_interval() {
        let mut bucket = Bucket::default();
        let mut now = Duration::from_secs(7);
        let mut burst = |now| (0..100).filter(|_| bucket.take(now)).count();
        assert_eq!(burst(now), ERRORS_AT_ONCE as usize);
        assert_eq!(burst(now + ERROR_INTERVAL / 2), 0);
        // What was passed of an interval is not lost.
        assert_eq!(burst(now + ERROR_INTERVAL), 1);
        assert_eq!(burst(now + ERROR_INTERVAL * 7 / 2), 2);
        assert_eq!(burst(now + ERROR_INTERVAL * 4), 1);
        now += Duration::from_secs(1 << 40);
        assert_eq!(burst(now), ERRORS_AT_ONCE as usize);
    }
}
