//! SYN-SENT's steps (RFC 9293 3.10.7.3), and what a SYN agrees on.

use super::{Arriving, Dropped, Heard};
use crate::{
    Error, Flags, State,
    clock::TimestampClock,
    connection::{Connection, Reply},
};
use core::time::Duration;

impl Connection {
    /// RFC 9293 3.10.7.3.
    pub(super) fn arrives_in_syn_sent(
        &mut self,
        now: Duration,
        segment: &mut Arriving<'_>,
        heard: &mut Heard,
    ) -> Result<(), Dropped> {
        self.first_ack_in_syn_sent(segment)?;
        self.second_reset_in_syn_sent(segment)?;
        // Third, security: this implementation has no compartments.
        self.fourth_syn_in_syn_sent(now, segment, heard)?;
        if self.state.is_synchronized() {
            // "Continue processing at the sixth step."
            segment.clear(Flags::SYN);
            segment.seq += 1;
            self.trim(segment);
            self.sixth_urgent(segment, heard);
            self.seventh_text(now, segment, heard)?;
            self.eighth_fin(now, segment, heard);
        }
        Ok(())
    }

    fn first_ack_in_syn_sent(&mut self, segment: &Arriving<'_>) -> Result<(), Dropped> {
        if !segment.flags.has(Flags::ACK) || segment.ack == self.iss + 1 && self.snd_max != self.iss
        {
            return Ok(());
        }
        if !segment.flags.has(Flags::RST) {
            self.reply = Some(Reply {
                sequence_number: segment.ack,
                acknowledgment_number: None,
                flags: Flags::RST,
            });
        }
        Err(Dropped::UnacceptableAck)
    }

    fn second_reset_in_syn_sent(&mut self, segment: &Arriving<'_>) -> Result<(), Dropped> {
        if !segment.flags.has(Flags::RST) {
            return Ok(());
        }
        if segment.flags.has(Flags::ACK) {
            self.delete(Some(Error::PeerRefused));
            return Ok(());
        }
        Err(Dropped::NoAck)
    }

    fn fourth_syn_in_syn_sent(
        &mut self,
        now: Duration,
        segment: &Arriving<'_>,
        heard: &mut Heard,
    ) -> Result<(), Dropped> {
        if self.state == State::Closed {
            return Ok(());
        }
        if !segment.flags.has(Flags::SYN) {
            // Fifth: "if neither of the SYN or RST bits is set, then drop the segment".
            return Err(Dropped::NoSyn);
        }
        self.hear_syn(now, segment);
        if segment.flags.has(Flags::ACK) {
            heard.acked = self.acknowledge(now, segment);
            self.update_window(segment);
            self.establish();
            heard.connected = true;
            self.acks_due = 1;
        } else {
            // Simultaneous open (MUST-10).
            self.state = State::SynReceived;
            self.syn_due = true;
        }
        Ok(())
    }

    /// The peer's SYN: its number, and what both now agree on.
    pub(crate) fn hear_syn(&mut self, now: Duration, segment: &Arriving<'_>) {
        let announced = self.rcv_wnd();
        self.irs = segment.seq;
        self.rcv_nxt = segment.seq + 1;
        self.rcv_adv = self.rcv_nxt + announced;
        self.recent = [self.rcv_nxt; 3];
        self.sack = self.config.sack && segment.sack_permitted;
        self.clock = segment
            .timestamps
            .filter(|_| self.config.timestamps)
            .map(|(value, _)| TimestampClock {
                offset: self.timestamp_offset(),
                recent: (value, now),
                last_ack_sent: self.rcv_nxt,
            });
        if let Some(shift) = segment.window_scale.filter(|_| self.config.window_scale) {
            // RFC 7323 2.3: "MUST use the value 14".
            self.snd_shift = shift.min(14);
            self.rcv_shift = self.config.shift();
        }
        self.peer_mss = segment.mss.unwrap_or(self.peer_mss);
        self.smss = self.eff_snd_mss();
        self.congestion = (self.config.congestion)(self.smss);
    }

    pub(super) fn establish(&mut self) {
        self.state = if self.fin_queued {
            // CLOSE was called before: "queue for processing after entering ESTABLISHED state".
            State::FinWait1
        } else {
            State::Established
        };
        self.syn_due = false;
        if self.syn_again {
            self.rtt.after_syn_again();
            // RFC 5681 3.1: "the initial window used by a sender after a correctly transmitted SYN MUST
            // be one segment".
            self.congestion.on_timeout(Duration::ZERO, None);
        }
    }
}
