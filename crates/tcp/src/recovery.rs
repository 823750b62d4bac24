//! Loss recovery: NewReno (RFC 6582) without SACK, the scoreboard (RFC 6675) with it.

use crate::{Seq, connection::Connection, ranges::DUPLICATES};
use core::time::Duration;

/// Whether lost data are being repaired, and until what is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// Nothing is known to be lost.
    None,
    /// After duplicate ACKs.
    Fast { recover: Seq },
    /// After the retransmission timer: what was in flight is sent again from the front.
    Timeout { recover: Seq },
}

impl Connection {
    /// Octets believed to be in the network (RFC 6675 4, `SetPipe`). Without SACK each duplicate ACK
    /// stands for a segment that has left it: RFC 6582's window inflation from the other side.
    pub(crate) fn pipe(&self) -> u32 {
        let in_flight = self.snd_nxt.since(self.snd_una);
        if !self.sack {
            return in_flight.saturating_sub(self.credit);
        }
        if self.sacked.is_empty() {
            return in_flight;
        }
        let again = self.high_rxt.beyond(self.snd_una).min(in_flight);
        let mut pipe = in_flight - self.sacked.octets_before(self.snd_nxt).min(in_flight);
        for hole in self.sacked.holes(self.snd_una) {
            if hole.is_lost(self.smss) {
                let gone = hole
                    .end
                    .min(self.snd_nxt)
                    .beyond(hole.start.max(self.snd_una + again));
                pipe = pipe.saturating_sub(gone);
            }
        }
        pipe
    }

    /// New data were acknowledged.
    pub(crate) fn recover_on_new_ack(&mut self, now: Duration, acked: u32) {
        let una = self.snd_una;
        match self.recovery {
            Recovery::Fast { recover } if una.before(recover) => {
                // RFC 6582 3.2 (5), a partial acknowledgment: the next hole is sent at once.
                if !self.sack {
                    self.must_retransmit = true;
                    self.credit = self.credit.saturating_sub(acked) + self.smss;
                }
                return;
            }
            Recovery::Fast { .. } => self.recovery = Recovery::None,
            Recovery::Timeout { recover } => {
                if !una.before(recover) {
                    self.recovery = Recovery::None;
                }
                self.grow_window(now, acked);
            }
            Recovery::None => self.grow_window(now, acked),
        }
        self.duplicates = 0;
        self.credit = 0;
    }

    fn grow_window(&mut self, now: Duration, acked: u32) {
        // RFC 5681 has the window grow only where it is what limits the sender (RFC 7661 4).
        if self.cwnd_limited {
            self.congestion.on_ack(now, acked, self.rtt.smoothed());
        }
    }

    /// A duplicate ACK (RFC 5681 2), or one with new SACK blocks (RFC 6675 2).
    pub(crate) fn recover_on_duplicate_ack(&mut self, now: Duration) {
        self.duplicates = self.duplicates.saturating_add(1);
        match self.recovery {
            Recovery::Fast { .. } => self.credit += self.smss,
            // RFC 6582 4: after a timeout, duplicates tell of what was sent twice.
            Recovery::Timeout { .. } => {}
            Recovery::None => {
                // RFC 3042: the segments that left allow new ones.
                self.credit += self.smss;
                let first_is_lost = self.sack
                    && self
                        .sacked
                        .holes(self.snd_una)
                        .next()
                        .is_some_and(|hole| hole.is_lost(self.smss));
                if u32::from(self.duplicates) >= DUPLICATES || first_is_lost {
                    self.enter_fast_recovery(now);
                }
            }
        }
        self.credit = self.credit.min(self.snd_nxt.since(self.snd_una));
    }

    /// RFC 6675 5 (4), RFC 6582 3.2 (2).
    fn enter_fast_recovery(&mut self, now: Duration) {
        let in_flight = self.snd_max.since(self.snd_una);
        self.recovery = Recovery::Fast {
            recover: self.snd_max,
        };
        self.high_rxt = self.snd_una;
        self.must_retransmit = true;
        self.timed = None;
        self.congestion.on_loss(now, in_flight);
    }

    /// The next octets to send again while recovering: RFC 6675 4, `NextSeg` rules (1) and (3).
    pub(crate) fn next_hole(&self) -> Option<(Seq, Seq)> {
        if !self.sack || !matches!(self.recovery, Recovery::Fast { .. }) {
            return None;
        }
        let from = self.high_rxt.max(self.snd_una);
        let mut later = None;
        for hole in self.sacked.holes(self.snd_una) {
            if !hole.end.after(from) {
                continue;
            }
            let rest = (hole.start.max(from), hole.end);
            if hole.is_lost(self.smss) {
                return Some(rest);
            }
            later = later.or(Some(rest));
        }
        // Rule (2): new data come before what is not known to be lost.
        later.filter(|_| !self.may_send_new())
    }

    /// Sends again from the front, as if nothing had been sent beyond.
    pub(crate) fn go_back(&mut self) {
        self.snd_nxt = self.snd_una;
        self.high_rxt = self.snd_una;
        self.must_retransmit = false;
        self.duplicates = 0;
        self.credit = 0;
    }
}
