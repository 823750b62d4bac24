//! How much may be in flight (RFC 5681): the seam, and the two controllers that come with it.

use alloc::boxed::Box;
use core::{fmt::Debug, time::Duration};

/// A congestion controller. The connection detects loss and counts what is in flight; the controller
/// only sets the window. Sizes are octets.
pub trait Congestion: Debug + Send {
    /// cwnd: how much may be in flight.
    fn window(&self) -> u32;

    /// New data were acknowledged while the window was in full use, outside of loss recovery.
    fn on_ack(&mut self, now: Duration, acked: u32, round_trip: Duration);

    /// A loss was found by duplicate ACKs or SACK, with so much in flight: recovery begins.
    fn on_loss(&mut self, now: Duration, in_flight: u32);

    /// The retransmission timer ran out. `in_flight` is `None` if it did so for the same data before.
    fn on_timeout(&mut self, now: Duration, in_flight: Option<u32>);

    /// What `on_loss`, or `on_timeout` with something in flight, was last told of did not happen: the
    /// first copy had arrived (RFC 4015 3).
    fn on_spurious(&mut self);

    /// Nothing was sent for longer than an RTO (RFC 5681 4.1).
    fn on_idle(&mut self);

    /// The path's MTU has changed.
    fn set_smss(&mut self, smss: u32);
}

/// RFC 6928 2: the initial window.
const fn initial_window(smss: u32) -> u32 {
    let floor = if 2 * smss > 14_600 { 2 * smss } else { 14_600 };
    if 10 * smss < floor { 10 * smss } else { floor }
}

/// What both controllers share: slow start, and the window after a timeout (RFC 5681 3.1).
#[derive(Debug, Clone, Copy)]
struct Window {
    smss: u32,
    cwnd: u32,
    ssthresh: u32,
}

impl Window {
    const fn new(smss: u32) -> Self {
        Self {
            smss,
            cwnd: initial_window(smss),
            ssthresh: u32::MAX,
        }
    }

    /// Slow start takes of `acked` what it needs to reach ssthresh; the rest is left for congestion
    /// avoidance. At most two segments count (RFC 3465 2.2, L = 2).
    fn slow_start(&mut self, acked: u32) -> u32 {
        if self.cwnd >= self.ssthresh {
            return acked;
        }
        let counted = acked.min(2 * self.smss);
        let grown = counted.min(self.ssthresh - self.cwnd);
        self.grow(grown);
        counted - grown
    }

    fn grow(&mut self, octets: u32) {
        self.cwnd = self.cwnd.saturating_add(octets).min(1 << 30);
    }

    /// The window `before` a loss that was none, or as it is if it has grown beyond that.
    fn or_larger(self, before: Self) -> Self {
        Self {
            smss: self.smss,
            cwnd: self.cwnd.max(before.cwnd),
            ssthresh: self.ssthresh.max(before.ssthresh),
        }
    }

    fn restart(&mut self) {
        self.cwnd = self.cwnd.min(initial_window(self.smss));
    }
}

/// RFC 5681's controller; with the connection's recovery (RFC 6582, RFC 6675) it is NewReno.
#[derive(Debug)]
pub struct NewReno {
    window: Window,
    /// Acknowledged since the window last grew in congestion avoidance.
    acked: u32,
    /// As it was before the last loss.
    before: Option<Window>,
}

impl NewReno {
    /// A controller for segments of `smss` octets.
    pub fn start(smss: u32) -> Box<dyn Congestion> {
        Box::new(Self {
            window: Window::new(smss),
            acked: 0,
            before: None,
        })
    }

    /// RFC 5681 (4).
    fn halve(&mut self, in_flight: u32) {
        self.before = Some(self.window);
        self.window.ssthresh = (in_flight / 2).max(2 * self.window.smss);
        self.acked = 0;
    }
}

impl Congestion for NewReno {
    fn window(&self) -> u32 {
        self.window.cwnd
    }

    fn on_ack(&mut self, _now: Duration, acked: u32, _round_trip: Duration) {
        self.acked += self.window.slow_start(acked);
        // A segment for each window that was acknowledged: RFC 5681 3.1, as RFC 3465 2.1 counts.
        if self.acked >= self.window.cwnd {
            self.acked -= self.window.cwnd;
            self.window.grow(self.window.smss);
        }
    }

    fn on_loss(&mut self, _now: Duration, in_flight: u32) {
        self.halve(in_flight);
        self.window.cwnd = self.window.ssthresh;
    }

    fn on_timeout(&mut self, _now: Duration, in_flight: Option<u32>) {
        if let Some(in_flight) = in_flight {
            self.halve(in_flight);
        }
        self.window.cwnd = self.window.smss;
    }

    fn on_spurious(&mut self) {
        if let Some(before) = self.before.take() {
            self.window = self.window.or_larger(before);
        }
    }

    fn on_idle(&mut self) {
        self.window.restart();
    }

    fn set_smss(&mut self, smss: u32) {
        self.window.smss = smss;
    }
}

/// RFC 9438.
#[derive(Debug)]
pub struct Cubic {
    window: Window,
    /// W_max, in octets.
    w_max: u32,
    /// When the current congestion avoidance stage began, and cwnd then.
    epoch: Option<(Duration, u32)>,
    /// W_est, in octets times 2^10.
    w_est: u64,
    /// Growth of cwnd smaller than an octet, in octets times cwnd.
    fraction: u64,
    /// cwnd, ssthresh and W_max before the last loss.
    before: Option<(Window, u32)>,
}

impl Cubic {
    /// A controller for segments of `smss` octets.
    pub fn start(smss: u32) -> Box<dyn Congestion> {
        Box::new(Self {
            window: Window::new(smss),
            w_max: 0,
            epoch: None,
            w_est: 0,
            fraction: 0,
            before: None,
        })
    }

    /// RFC 9438 4.6, 4.7: beta is 0.7; with fast convergence.
    fn reduce(&mut self, in_flight: u32) {
        self.before = Some((self.window, self.w_max));
        let cwnd = self.window.cwnd;
        self.w_max = if cwnd < self.w_max {
            (u64::from(cwnd) * 17 / 20) as u32
        } else {
            cwnd
        };
        let reduced = (u64::from(in_flight) * 7 / 10) as u32;
        self.window.ssthresh = reduced.max(2 * self.window.smss);
        self.epoch = None;
    }

    /// W_cubic(t) = C (t - K)^3 + W_max, C = 0.4, in octets (RFC 9438 4.2, figure 1).
    fn w_cubic(&self, since_epoch: Duration, cwnd_epoch: u32) -> i128 {
        let smss = i128::from(self.window.smss);
        let below = u128::from(self.w_max.saturating_sub(cwnd_epoch));
        // K in milliseconds: the cube root of (W_max - cwnd_epoch) / C, in segments and seconds.
        let k = cube_root(below * 5 / 2 * 1_000_000_000 / smss.unsigned_abs());
        let t = since_epoch.as_millis().min(1 << 32).cast_signed() - k.cast_signed();
        let target = i128::from(self.w_max.max(cwnd_epoch));
        target + 2 * smss * t * t * t / 5_000_000_000
    }
}

impl Congestion for Cubic {
    fn window(&self) -> u32 {
        self.window.cwnd
    }

    fn on_ack(&mut self, now: Duration, acked: u32, round_trip: Duration) {
        let acked = self.window.slow_start(acked);
        if acked == 0 {
            return;
        }
        let cwnd = self.window.cwnd;
        let (began, cwnd_epoch) = *self.epoch.get_or_insert((now, cwnd));
        if began == now && cwnd == cwnd_epoch {
            self.w_est = u64::from(cwnd) << 10;
        }
        // RFC 9438 4.3: W_est grows by alpha = 3 (1 - beta) / (1 + beta) = 9/17 segments a window,
        // and by a whole one from where the last loss was.
        let whole = self.w_est >> 10 >= u64::from(self.w_max);
        let (numerator, denominator) = if whole { (1, 1) } else { (9, 17) };
        let smss = u64::from(self.window.smss);
        self.w_est += ((u64::from(acked) * smss) << 10) / u64::from(cwnd) * numerator / denominator;
        let since = now.saturating_sub(began);
        if self.w_cubic(since, cwnd_epoch) < i128::from(self.w_est >> 10) {
            let w_est = (self.w_est >> 10).min(1 << 30) as u32;
            self.window.grow(w_est.saturating_sub(cwnd));
            return;
        }
        // 4.4, 4.5: towards W_cubic(t + RTT), at most by half a window in a round trip.
        let target = self.w_cubic(since + round_trip, cwnd_epoch);
        let target = target.clamp(i128::from(cwnd), i128::from(cwnd) * 3 / 2);
        let gap = (target - i128::from(cwnd)).unsigned_abs() as u64;
        self.fraction += gap * u64::from(acked);
        let grown = self.fraction / u64::from(cwnd);
        self.fraction %= u64::from(cwnd);
        self.window.grow(grown.min(1 << 30) as u32);
    }

    fn on_loss(&mut self, _now: Duration, in_flight: u32) {
        self.reduce(in_flight);
        self.window.cwnd = self.window.ssthresh;
    }

    fn on_timeout(&mut self, _now: Duration, in_flight: Option<u32>) {
        if let Some(in_flight) = in_flight {
            self.reduce(in_flight);
        }
        self.window.cwnd = self.window.smss;
        self.epoch = None;
    }

    fn on_spurious(&mut self) {
        if let Some((before, w_max)) = self.before.take() {
            self.window = self.window.or_larger(before);
            (self.w_max, self.epoch) = (w_max, None);
        }
    }

    fn on_idle(&mut self) {
        self.window.restart();
        self.epoch = None;
    }

    fn set_smss(&mut self, smss: u32) {
        self.window.smss = smss;
    }
}

/// The largest number whose cube is not above `value`.
fn cube_root(value: u128) -> u128 {
    let mut root = 0;
    for bit in (0..42).rev() {
        let next = root | 1 << bit;
        if next * next * next <= value {
            root = next;
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::{Congestion, Cubic, NewReno, cube_root, initial_window};
    use core::time::Duration;

    const SMSS: u32 = 1000;

    /// Acknowledges a window, segment by segment.
    fn round(controller: &mut dyn Congestion, now: Duration, round_trip: Duration) {
        for _ in 0..controller.window() / SMSS {
            controller.on_ack(now, SMSS, round_trip);
        }
    }

    #[test]
    fn the_initial_window_is_ten_segments() {
        assert_eq!(initial_window(1460), 14_600);
        assert_eq!(initial_window(536), 5360);
        assert_eq!(initial_window(9000), 18_000);
    }

    #[test]
    fn slow_start_doubles_and_avoidance_adds_a_segment() {
        let mut reno = NewReno::start(SMSS);
        let rtt = Duration::from_millis(10);
        assert_eq!(reno.window(), 10_000);
        round(&mut *reno, rtt, rtt);
        assert_eq!(reno.window(), 20_000);
        reno.on_loss(rtt, 20_000);
        assert_eq!(reno.window(), 10_000);
        round(&mut *reno, rtt, rtt);
        assert_eq!(reno.window(), 11_000);
    }

    #[test]
    fn a_timeout_starts_from_one_segment_and_halves_once() {
        for start in [NewReno::start, Cubic::start] {
            let mut controller = start(SMSS);
            controller.on_timeout(Duration::ZERO, Some(10_000));
            assert_eq!(controller.window(), SMSS);
            controller.on_timeout(Duration::ZERO, None);
            let rtt = Duration::from_millis(10);
            (0..3).for_each(|_| round(&mut *controller, rtt, rtt));
            assert!(controller.window() >= 5000, "{controller:?}");
            controller.on_idle();
            assert!(controller.window() <= 10_000);
        }
    }

    #[test]
    fn cubic_keeps_seven_tenths_and_returns_to_w_max_after_k() {
        let mut cubic = Cubic::start(SMSS);
        let rtt = Duration::from_millis(100);
        (0..4).for_each(|_| round(&mut *cubic, rtt, rtt));
        assert_eq!(cubic.window(), 160_000);
        cubic.on_loss(Duration::ZERO, 160_000);
        assert_eq!(cubic.window(), 112_000);
        // K = cbrt(48 / 0.4) s = 4.93 s.
        let mut now = Duration::ZERO;
        while now < Duration::from_millis(4900) {
            now += rtt;
            round(&mut *cubic, now, rtt);
        }
        let at_k = cubic.window();
        assert!((150_000..=170_000).contains(&at_k), "{at_k}");
        // Convex beyond it: 5 s later 0.4 * 5^3 = 50 segments more.
        while now < Duration::from_millis(9900) {
            now += rtt;
            round(&mut *cubic, now, rtt);
        }
        let later = cubic.window();
        assert!((195_000..=225_000).contains(&later), "{later}");
    }

    #[test]
    fn cube_roots_are_exact() {
        for value in [0u128, 1, 7, 8, 26, 27, 1_000_000, 999_999_999_999] {
            let root = cube_root(value);
            assert!(root.pow(3) <= value && (root + 1).pow(3) > value, "{value}");
        }
    }
}
