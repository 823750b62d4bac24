//! The retransmission timer's period (RFC 6298).

use crate::limits;
use core::time::Duration;

/// Clock granularity, G: the machine's times are exact, networks are not.
const GRANULARITY: Duration = Duration::from_millis(1);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Rtt {
    smoothed: Option<Duration>,
    variation: Duration,
    rto: Duration,
    min_rto: Duration,
}

impl Rtt {
    pub(crate) fn new(min_rto: Duration) -> Self {
        Self {
            smoothed: None,
            variation: Duration::ZERO,
            rto: limits::FIRST_RTO,
            min_rto,
        }
    }

    pub(crate) const fn rto(&self) -> Duration {
        self.rto
    }

    /// SRTT, or the first RTO before there is one.
    pub(crate) fn smoothed(&self) -> Duration {
        self.smoothed.unwrap_or(limits::FIRST_RTO)
    }

    /// RFC 6298 (2.2), (2.3): a measurement.
    pub(crate) fn sample(&mut self, measured: Duration) {
        match self.smoothed {
            None => {
                self.smoothed = Some(measured);
                self.variation = measured / 2;
            }
            Some(smoothed) => {
                self.variation = (self.variation * 3 + smoothed.abs_diff(measured)) / 4;
                self.smoothed = Some((smoothed * 7 + measured) / 8);
            }
        }
        self.settle();
    }

    /// The RTO that the measurements give: what backing off did is undone (5.3).
    pub(crate) fn settle(&mut self) {
        if let Some(smoothed) = self.smoothed {
            let rto = smoothed + (self.variation * 4).max(GRANULARITY);
            self.rto = rto.clamp(self.min_rto, limits::MAX_RTO);
        }
    }

    /// RFC 6298 (5.5): the timer ran out.
    pub(crate) fn back_off(&mut self) {
        self.rto = (self.rto * 2).min(limits::MAX_RTO);
    }

    /// RFC 6298 (5.7): the handshake's SYN was sent again.
    pub(crate) const fn after_syn_again(&mut self) {
        self.rto = limits::RTO_AFTER_SYN;
    }
}

#[cfg(test)]
mod tests {
    use super::Rtt;
    use core::time::Duration;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn the_rto_follows_rfc_6298() {
        let mut rtt = Rtt::new(ms(1));
        assert_eq!(rtt.rto(), ms(1000));
        rtt.sample(ms(100));
        assert_eq!(rtt.rto(), ms(100 + 4 * 50));
        rtt.sample(ms(180));
        // RTTVAR = 3/4 50 + 1/4 80, SRTT = 7/8 100 + 1/8 180.
        assert_eq!(rtt.smoothed(), ms(110));
        assert_eq!(rtt.rto(), ms(110 + 2 * 115));
    }

    #[test]
    fn the_rto_is_at_least_a_second_and_at_most_a_minute() {
        let mut rtt = Rtt::new(crate::limits::MIN_RTO);
        rtt.sample(ms(1));
        assert_eq!(rtt.rto(), ms(1000));
        for seconds in [2, 4, 8, 16, 32, 60, 60] {
            rtt.back_off();
            assert_eq!(rtt.rto(), ms(seconds * 1000));
        }
        rtt.settle();
        assert_eq!(rtt.rto(), ms(1000));
    }
}
