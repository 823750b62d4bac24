//! Loss recovery: NewReno (RFC 6582) without SACK, the scoreboard (RFC 6675) with it.

use crate::{Seq, connection::Connection, limits};
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

/// Whether the first answer to what is sent again can tell that the first copy had arrived (RFC 3522).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eifel {
    /// It was heard, or nothing is sent again.
    Over,
    /// Nothing was sent again yet.
    Armed,
    /// The first copy was sent again with this timestamp: the echo of an older one is the first's.
    Sent(u32),
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
        let threshold = self.threshold();
        for hole in self.sacked.holes(self.snd_una) {
            if hole.is_lost(self.smss, threshold) {
                let gone = hole
                    .end
                    .min(self.snd_nxt)
                    .beyond(hole.start.max(self.snd_una + again));
                pipe = pipe.saturating_sub(gone);
            }
        }
        pipe
    }

    /// FlightSize (RFC 5681 2), of which what the peer has reported by SACK, or was sent on ACKs that
    /// report losses, does not speak for a larger window.
    pub(crate) fn flight_size(&self) -> u32 {
        let sent = self.snd_max.since(self.snd_una);
        sent.min(self.congestion.window())
    }

    /// DupThresh (RFC 6675 2): more than three segments on a path that was seen to reorder, as RFC 4653
    /// does, but never so many that what is in flight could not report a loss.
    fn threshold(&self) -> u32 {
        let in_flight = self.snd_max.since(self.snd_una) / self.smss;
        u32::from(self.reordering)
            .min(in_flight / 3 * 2)
            .max(limits::DUPLICATES.into())
    }

    /// Something is acknowledged that was not sent again, although what was sent after it had arrived:
    /// how far it was overtaken is how far is to be waited from now on.
    pub(crate) fn notice_reordering(&mut self) {
        let Some((_, right)) = self.sacked.iter().next_back() else {
            return;
        };
        // By all up to `right` but itself, and one more is a loss.
        let overtaken = right.beyond(self.snd_una) / self.smss;
        let overtaken = overtaken.min(limits::REORDERING.into()) as u16;
        self.reordering = self.reordering.max(overtaken);
    }

    /// The first acknowledgment of what was sent again: whether it is that of the first copy
    /// (RFC 3522 3.2).
    pub(crate) fn was_needless(&mut self, echo_reply: Option<u32>) -> bool {
        let Eifel::Sent(again) = self.eifel else {
            return false;
        };
        self.eifel = Eifel::Over;
        echo_reply.is_some_and(|echo| Seq(echo).before(Seq(again)))
    }

    /// Nothing was lost: the window is as before (RFC 4015 3), and nothing more is sent again.
    pub(crate) fn undo_recovery(&mut self) {
        self.notice_reordering();
        self.congestion.on_spurious();
        self.recovery = Recovery::None;
        self.must_retransmit = false;
        self.snd_nxt = self.snd_max;
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
                let threshold = self.threshold();
                let first_is_lost = self.sack
                    && self
                        .sacked
                        .holes(self.snd_una)
                        .next()
                        .is_some_and(|hole| hole.is_lost(self.smss, threshold));
                if u32::from(self.duplicates) >= threshold || first_is_lost {
                    self.enter_fast_recovery(now);
                }
            }
        }
        self.credit = self.credit.min(self.snd_nxt.since(self.snd_una));
    }

    /// RFC 6675 5 (4), RFC 6582 3.2 (2).
    fn enter_fast_recovery(&mut self, now: Duration) {
        let in_flight = self.flight_size();
        self.recovery = Recovery::Fast {
            recover: self.snd_max,
        };
        self.high_rxt = self.snd_una;
        self.eifel = Eifel::Armed;
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
        let threshold = self.threshold();
        let mut later = None;
        for hole in self.sacked.holes(self.snd_una) {
            if !hole.end.after(from) {
                continue;
            }
            let rest = (hole.start.max(from), hole.end);
            if hole.is_lost(self.smss, threshold) {
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
