//! SEGMENT ARRIVES (RFC 9293 3.10.7): one function for each numbered step, in the order in which
//! [`Connection::recv`] takes them.
//!
//! ```text
//!            CLOSED    SYN-SENT           all others
//!   first              ACK                sequence number (and PAWS, RFC 7323 5.3)
//!   second             RST                RST (RFC 5961 3)
//!   third              (security)         (security)
//!   fourth             SYN                SYN (RFC 5961 4)
//!   fifth              neither: drop      ACK (RFC 5961 5)
//!   sixth                                 URG
//!   seventh                               segment text
//!   eighth                                FIN
//! ```

mod syn_sent;

use crate::{
    Error, Flags, Header, SackBlocks, Seq, State, TcpOption, Verified,
    connection::{Connection, Reply},
    limits,
    recovery::Recovery,
};
use core::time::Duration;

/// What a segment did. One may do several things at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Heard {
    /// The connection is established.
    pub connected: bool,
    /// Octets that became readable.
    pub data: usize,
    /// Octets that the peer acknowledged: there is room to send so many more.
    pub acked: usize,
    /// The peer's FIN has come and everything before it: end of file after what is unread.
    pub peer_closed: bool,
    /// Urgent data are announced, or more than before (RFC 9293 3.8.5, MUST-32).
    pub urgent: bool,
    /// The connection is over; [`Connection::error`] says why.
    pub ended: bool,
    /// Why the segment, or what it said, was not taken.
    pub dropped: Option<Dropped>,
}

/// Why a segment was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dropped {
    /// There is no connection (any more).
    NoConnection,
    /// Nothing of it lies in the window: an old duplicate, or one too far ahead.
    OutsideWindow,
    /// Its timestamp is older than one heard before (RFC 7323 5.3).
    OldTimestamp,
    /// It lacks the timestamp that both sides agreed on (RFC 7323 3.2).
    NoTimestamp,
    /// A RST that is not exactly the next number: challenged (RFC 5961 3.2).
    ChallengedReset,
    /// A SYN inside a connection: challenged (RFC 5961 4.2).
    ChallengedSyn,
    /// Its acknowledgment number was never sent, or long ago (RFC 5961 5.2).
    UnacceptableAck,
    /// It carries no ACK although it must.
    NoAck,
    /// It carries neither SYN nor RST although the handshake waits for one.
    NoSyn,
    /// Its data found no room: more holes than are remembered.
    TooManyHoles,
    /// A listener's queues are full.
    QueueFull,
    /// An acknowledgment that no cookie was sent for.
    BadCookie,
    /// Its source or destination is no host's address (RFC 9293 3.9.2.3).
    BadAddress,
}

/// A segment that is worked on: what does not lie in the window is cut away.
pub(crate) struct Arriving<'a> {
    pub(crate) seq: Seq,
    pub(crate) ack: Seq,
    pub(crate) flags: Flags,
    /// SEG.WND, scaled.
    window: u32,
    urgent_pointer: u16,
    data: &'a [u8],
    pub(crate) mss: Option<u16>,
    pub(crate) window_scale: Option<u8>,
    pub(crate) sack_permitted: bool,
    /// TSval and TSecr.
    pub(crate) timestamps: Option<(u32, u32)>,
    sack: Option<SackBlocks<'a>>,
}

impl<'a> Arriving<'a> {
    pub(crate) fn new(segment: &Verified<'a>, shift: u8) -> Self {
        let mut arriving = Self {
            seq: segment.sequence_number(),
            ack: segment.acknowledgment_number(),
            flags: segment.flags(),
            // RFC 7323 2.2: the window of a SYN is never scaled.
            window: u32::from(segment.window())
                << if segment.flags().has(Flags::SYN) {
                    0
                } else {
                    shift
                },
            urgent_pointer: segment.urgent_pointer(),
            data: segment.payload(),
            mss: None,
            window_scale: None,
            sack_permitted: false,
            timestamps: None,
            sack: None,
        };
        for option in segment.options() {
            match option {
                Ok(TcpOption::MaximumSegmentSize(size)) => arriving.mss = Some(size),
                Ok(TcpOption::WindowScale(shift)) => arriving.window_scale = Some(shift),
                Ok(TcpOption::SackPermitted) => arriving.sack_permitted = true,
                Ok(TcpOption::Timestamps { value, echo_reply }) => {
                    arriving.timestamps = Some((value, echo_reply));
                }
                Ok(TcpOption::Sack(blocks)) => arriving.sack = Some(blocks),
                // MUST-6, MUST-7: unknown ones are passed over, an illegal length ends the list.
                Ok(_) | Err(_) => {}
            }
        }
        arriving
    }

    fn length(&self) -> u32 {
        let controls =
            u32::from(self.flags.has(Flags::SYN)) + u32::from(self.flags.has(Flags::FIN));
        self.data.len() as u32 + controls
    }

    /// Whether it carries a D-SACK for what it acknowledges (RFC 2883 4).
    fn reports_a_duplicate(&self) -> bool {
        let first = self.sack.and_then(|blocks| blocks.iter().next());
        first.is_some_and(|(_, right)| !right.after(self.ack))
    }

    const fn clear(&mut self, flag: Flags) {
        self.flags = Flags(self.flags.0 & !flag.0);
    }
}

/// The RST that answers a segment for which there is no connection; none answers a RST
/// (RFC 9293 3.10.7.1).
pub(crate) fn closed(segment: &Verified<'_>) -> Option<Reply> {
    if segment.flags().has(Flags::RST) {
        return None;
    }
    Some(if segment.flags().has(Flags::ACK) {
        Reply {
            sequence_number: segment.acknowledgment_number(),
            acknowledgment_number: None,
            flags: Flags::RST,
        }
    } else {
        Reply {
            sequence_number: Seq(0),
            acknowledgment_number: Some(segment.sequence_number() + segment.length()),
            flags: Flags::RST | Flags::ACK,
        }
    })
}

/// The RST for a segment to a port that nobody listens on; `None` for a RST (RFC 9293 3.10.7.1).
pub fn refusal(segment: &Verified<'_>) -> Option<Header> {
    let reply = closed(segment)?;
    Some(Header {
        source_port: segment.destination_port(),
        destination_port: segment.source_port(),
        ..reply.header()
    })
}

impl Connection {
    /// Takes a segment that arrived for this connection.
    pub fn recv(&mut self, now: Duration, segment: &Verified<'_>) -> Heard {
        let mut heard = Heard::default();
        let before = self.state;
        let mut arriving = Arriving::new(segment, self.snd_shift);
        let outcome = match self.state {
            State::Closed | State::Listen => {
                self.reply = self.reply.or(closed(segment));
                Err(Dropped::NoConnection)
            }
            State::SynSent => self.arrives_in_syn_sent(now, &mut arriving, &mut heard),
            _ => self.arrives_otherwise(now, &mut arriving, &mut heard),
        };
        heard.ended = self.state == State::Closed && before != State::Closed;
        heard.dropped = outcome.err().filter(|_| !heard.ended);
        if heard.dropped.is_none() {
            self.restart_keep_alive(now);
        }
        heard
    }

    /// RFC 9293 3.10.7.4.
    fn arrives_otherwise(
        &mut self,
        now: Duration,
        segment: &mut Arriving<'_>,
        heard: &mut Heard,
    ) -> Result<(), Dropped> {
        self.first_timestamp(now, segment)?;
        let (seq, timestamps) = (segment.seq, segment.timestamps);
        self.first_sequence_number(now, segment)?;
        if let (Some(clock), Some((value, _))) = (&mut self.clock, timestamps) {
            clock.hear(now, seq, value);
        }
        self.second_reset(now, segment)?;
        // Third, security: this implementation has no compartments.
        self.fourth_syn(now, segment)?;
        self.fifth_ack(now, segment, heard)?;
        self.sixth_urgent(segment, heard);
        self.seventh_text(now, segment, heard)?;
        self.eighth_fin(now, segment, heard);
        Ok(())
    }

    /// RFC 7323 5.3 (R1), in front of the sequence number.
    fn first_timestamp(&mut self, now: Duration, segment: &Arriving<'_>) -> Result<(), Dropped> {
        let Some(clock) = &self.clock else {
            return Ok(());
        };
        if segment.flags.has(Flags::RST) {
            return Ok(());
        }
        let (value, _) = segment.timestamps.ok_or(Dropped::NoTimestamp)?;
        if clock.is_old(value, now) {
            self.challenge(now);
            return Err(Dropped::OldTimestamp);
        }
        Ok(())
    }

    fn first_sequence_number(
        &mut self,
        now: Duration,
        segment: &mut Arriving<'_>,
    ) -> Result<(), Dropped> {
        let window = self.rcv_wnd();
        let (seq, length) = (segment.seq, segment.length());
        let acceptable = match (length, window) {
            (0, 0) => seq == self.rcv_nxt,
            (0, _) => seq.within(self.rcv_nxt, window),
            (_, 0) => false,
            _ => {
                seq.within(self.rcv_nxt, window)
                    || (seq + (length - 1)).within(self.rcv_nxt, window)
                    || (seq.before(self.rcv_nxt) && (seq + length).after(self.rcv_nxt + window))
            }
        };
        if acceptable {
            self.trim(segment);
            return Ok(());
        }
        if window == 0 && seq == self.rcv_nxt && !segment.flags.any(Flags::SYN) {
            // MUST-66: at a zero window "process the RST and URG fields", and the ACK; data and FIN
            // are not taken.
            segment.data = &[];
            segment.clear(Flags::FIN);
            self.acks_due = self.acks_due.max(1);
            return Ok(());
        }
        if segment.flags.has(Flags::RST) {
            return Err(Dropped::OutsideWindow);
        }
        if self.state == State::SynReceived && segment.flags.has(Flags::SYN) && seq == self.irs {
            // The peer has not heard our SYN: it is sent again, if it does not acknowledge it.
            self.syn_due = self.syn_due || !segment.flags.has(Flags::ACK);
        }
        if self.state == State::TimeWait && segment.flags.has(Flags::FIN) {
            self.enter_time_wait(now);
        }
        self.duplicate_arrived(segment);
        if length > 0 {
            self.acks_due = self.acks_due.max(1);
        } else {
            self.challenge(now);
        }
        Err(Dropped::OutsideWindow)
    }

    /// RFC 9293 3.10.7.4: "trimming off any portions that lie outside the window (including SYN and
    /// FIN)".
    fn trim(&self, segment: &mut Arriving<'_>) {
        if segment.flags.has(Flags::SYN) {
            return;
        }
        let old = self
            .rcv_nxt
            .beyond(segment.seq)
            .min(segment.data.len() as u32);
        segment.data = &segment.data[old as usize..];
        segment.seq += old;
        let room = self.rcv_adv.beyond(segment.seq);
        if segment.data.len() as u64 > u64::from(room) {
            segment.data = &segment.data[..room as usize];
            segment.clear(Flags::FIN);
        } else if segment.length() > room {
            segment.clear(Flags::FIN);
        }
    }

    /// Remembers what arrived twice, for D-SACK (RFC 2883 4).
    fn duplicate_arrived(&mut self, segment: &Arriving<'_>) {
        let end = segment.seq + segment.data.len() as u32;
        if !segment.data.is_empty() && !end.after(self.rcv_nxt) {
            self.duplicate = Some((segment.seq, end));
        }
    }

    fn second_reset(&mut self, now: Duration, segment: &Arriving<'_>) -> Result<(), Dropped> {
        if !segment.flags.has(Flags::RST) {
            return Ok(());
        }
        if segment.seq != self.rcv_nxt {
            self.challenge(now);
            return Err(Dropped::ChallengedReset);
        }
        let error = match self.state {
            // A passive OPEN returns to LISTEN: its listener drops the connection.
            State::SynReceived if !self.is_passive => Some(Error::PeerRefused),
            State::Closing | State::LastAck | State::TimeWait => None,
            _ => Some(Error::PeerReset),
        };
        self.delete(error);
        Err(Dropped::NoConnection)
    }

    fn fourth_syn(&mut self, now: Duration, segment: &Arriving<'_>) -> Result<(), Dropped> {
        if !segment.flags.has(Flags::SYN) {
            return Ok(());
        }
        if self.state == State::SynReceived && self.is_passive {
            // "Return this connection to the LISTEN state."
            self.delete(Some(Error::PeerReset));
            return Err(Dropped::NoConnection);
        }
        self.challenge(now);
        Err(Dropped::ChallengedSyn)
    }

    fn fifth_ack(
        &mut self,
        now: Duration,
        segment: &Arriving<'_>,
        heard: &mut Heard,
    ) -> Result<(), Dropped> {
        if !segment.flags.has(Flags::ACK) {
            return Err(Dropped::NoAck);
        }
        if self.state == State::SynReceived {
            let acceptable = segment.ack.after(self.snd_una) && !segment.ack.after(self.snd_max);
            if !acceptable {
                self.reply = Some(Reply {
                    sequence_number: segment.ack,
                    acknowledgment_number: None,
                    flags: Flags::RST,
                });
                return Err(Dropped::UnacceptableAck);
            }
            self.establish();
            heard.connected = true;
        }
        // RFC 5961 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT.
        let oldest = self.snd_una - self.max_snd_wnd;
        if segment.ack.after(self.snd_max) || segment.ack.before(oldest) {
            self.challenge(now);
            return Err(Dropped::UnacceptableAck);
        }
        if segment.ack.before(self.snd_una) {
            // "If the ACK is a duplicate, it can be ignored": the ACK, not its segment.
            return Ok(());
        }
        self.soft_error = false;
        let is_new = segment.ack != self.snd_una;
        heard.acked += self.acknowledge(now, segment);
        self.update_window(segment);
        self.probe_was_answered(now);
        if is_new {
            self.own_fin_acknowledged(now);
        }
        Ok(())
    }

    /// ESTABLISHED's part of the fifth step: what is acknowledged, and what that says of losses. The
    /// number of octets that leave the send buffer.
    fn acknowledge(&mut self, now: Duration, segment: &Arriving<'_>) -> usize {
        let acked = segment.ack.since(self.snd_una);
        let news = self.hear_sack(segment);
        if acked == 0 {
            let duplicate = self.snd_max != self.snd_una
                && segment.length() == 0
                && segment.window == self.snd_wnd
                && !self.is_probing;
            if if self.sack { news } else { duplicate } {
                self.recover_on_duplicate_ack(now);
            }
            return 0;
        }
        self.measure(now, segment);
        if self.was_needless(segment.timestamps.map(|(_, echo_reply)| echo_reply)) {
            self.undo_recovery();
        } else if self.recovery == Recovery::None {
            self.notice_reordering();
        }
        self.snd_una = segment.ack;
        self.snd_nxt = self.snd_nxt.max(segment.ack);
        self.high_rxt = self.high_rxt.max(segment.ack);
        self.sacked.forget_before(segment.ack);
        self.snd_up = self.snd_up.max(segment.ack);
        let octets = (segment.ack.beyond(self.tx_seq) as usize).min(self.tx.len());
        self.tx.consume(octets);
        self.tx_seq += octets as u32;
        self.unanswered = 0;
        self.is_probing = false;
        self.recover_on_new_ack(now, acked);
        // RFC 6298 (5.2), (5.3). What backing off did stays until something is measured (Karn, MUST-18).
        self.stop_retransmission_timer();
        self.timers.persist = None;
        if self.snd_una != self.snd_max {
            self.start_retransmission_timer(now);
        }
        octets
    }

    /// A round trip, by the segment that is timed, or by its timestamp (RFC 7323 4.1).
    fn measure(&mut self, now: Duration, segment: &Arriving<'_>) {
        match self.timed {
            Some((end, sent)) if !segment.ack.before(end) => {
                self.timed = None;
                self.rtt.sample(now.saturating_sub(sent));
            }
            Some(_) => {}
            // Both copies had arrived, and the ACK of the first was lost: it is the second's answer with
            // the first's timestamp.
            None if segment.reports_a_duplicate() => {}
            // What was sent again is told apart by its timestamp only (Karn, MUST-18).
            None => {
                let echoed = segment.timestamps.map(|(_, echo_reply)| echo_reply);
                let clock = self.clock.as_ref();
                let measured = clock
                    .zip(echoed)
                    .and_then(|(clock, echo)| clock.round_trip(now, echo));
                if let Some(measured) = measured {
                    self.rtt.sample(measured);
                }
            }
        }
    }

    /// Takes down SACK blocks; whether they tell of anything new.
    fn hear_sack(&mut self, segment: &Arriving<'_>) -> bool {
        let Some(blocks) = segment.sack.filter(|_| self.sack) else {
            return false;
        };
        let una = self.snd_una.max(segment.ack);
        let mut news = false;
        for (left, right) in blocks.iter() {
            // A block below the acknowledgment is a D-SACK (RFC 2883 5); one beyond what was sent is
            // a lie.
            let is_true = left.before(right) && !left.before(una) && !right.after(self.snd_max);
            if is_true && !self.sacked.covers(left, right) {
                news |= self.sacked.insert(left, right);
            }
        }
        news
    }

    /// RFC 9293 3.10.7.4, fifth: SND.WND, SND.WL1, SND.WL2.
    fn update_window(&mut self, segment: &Arriving<'_>) {
        let is_later = self.snd_wl1.before(segment.seq)
            || self.snd_wl1 == segment.seq && !self.snd_wl2.after(segment.ack)
            || self.state == State::SynSent
            || self.max_snd_wnd == 0;
        if is_later {
            self.snd_wnd = segment.window;
            self.max_snd_wnd = self.max_snd_wnd.max(segment.window);
            self.snd_wl1 = segment.seq;
            self.snd_wl2 = segment.ack;
        }
    }

    /// A peer that answers a probe is alive, whatever its window (RFC 9293 3.8.6.1, MUST-37); when
    /// the window opens, what the probe sent is sent again with the rest.
    fn probe_was_answered(&mut self, now: Duration) {
        if self.timers.persist.is_none() && !self.is_probing {
            return;
        }
        self.timers.give_up = Some(now + self.patience());
        if self.snd_wnd > 0 {
            self.timers.persist = None;
            self.timers.give_up = None;
            self.unanswered = 0;
            // It was the window that was silent, not the path.
            self.rtt.settle();
            if self.is_probing {
                self.is_probing = false;
                self.go_back();
            }
            if self.snd_una != self.snd_max {
                self.start_retransmission_timer(now);
            }
        }
    }

    /// "If the FIN segment is now acknowledged", state by state.
    fn own_fin_acknowledged(&mut self, now: Duration) {
        let acknowledged = self.fin_queued && self.snd_una.after(self.tx_end());
        if !acknowledged {
            return;
        }
        match self.state {
            State::FinWait1 => {
                self.state = State::FinWait2;
                self.limit_fin_wait_2(now);
            }
            State::Closing => self.enter_time_wait(now),
            State::LastAck => self.delete(None),
            _ => {}
        }
    }

    fn sixth_urgent(&mut self, segment: &Arriving<'_>, heard: &mut Heard) {
        if !segment.flags.has(Flags::URG) || !self.state.receives() {
            return;
        }
        // RCV.UP <- max(RCV.UP, SEG.UP); the pointer names the octet behind (MUST-62).
        let up = segment.seq + u32::from(segment.urgent_pointer);
        let known = self.rcv_up.unwrap_or(self.read_seq());
        if up.after(known) {
            self.rcv_up = Some(up);
            heard.urgent = true;
        }
    }

    fn seventh_text(
        &mut self,
        now: Duration,
        segment: &mut Arriving<'_>,
        heard: &mut Heard,
    ) -> Result<(), Dropped> {
        if !self.state.receives() || self.peer_has_closed() {
            // "This should not occur since a FIN has been received": ignored.
            segment.data = &[];
            return Ok(());
        }
        if let Some(fin) = self.fin_at {
            let kept = fin.beyond(segment.seq).min(segment.data.len() as u32);
            segment.data = &segment.data[..kept as usize];
        }
        if segment.data.is_empty() {
            return Ok(());
        }
        if self.unread_is_lost {
            // RFC 9293 3.6.1: "new data is received after CLOSE is called".
            self.abort();
            return Err(Dropped::NoConnection);
        }
        let (start, end) = (segment.seq, segment.seq + segment.data.len() as u32);
        if start != self.rcv_nxt {
            if self.out_of_order.covers(start, end) {
                self.duplicate = Some((start, end));
            }
            self.acks_due = self.acks_due.saturating_add(1);
            if !self.out_of_order.insert(start, end) {
                segment.clear(Flags::FIN);
                return Err(Dropped::TooManyHoles);
            }
            self.rx.put(
                self.rx.len() + start.since(self.rcv_nxt) as usize,
                segment.data,
            );
            self.remember_recent(start);
            return Ok(());
        }
        let filled = !self.out_of_order.is_empty();
        self.rx.put(self.rx.len(), segment.data);
        let joined = self
            .out_of_order
            .containing(end)
            .map_or(end, |(_, right)| right);
        self.out_of_order.forget_before(joined);
        let octets = joined.since(start);
        self.rx.extend(octets as usize);
        self.rcv_nxt = joined;
        heard.data = octets as usize;
        self.unacknowledged += octets;
        self.owe_ack(now, filled);
        Ok(())
    }

    /// RFC 2018 4: the block that grew last comes first.
    fn remember_recent(&mut self, seq: Seq) {
        let [a, b, c] = self.recent;
        self.recent = match self.out_of_order.containing(seq) {
            Some(range) if range == self.out_of_order.containing(a).unwrap_or_default() => {
                [seq, b, c]
            }
            _ => [seq, a, b],
        };
    }

    /// RFC 9293 3.8.6.3: an ACK for every second full-sized segment, at once when a hole was filled;
    /// otherwise after a while.
    fn owe_ack(&mut self, now: Duration, at_once: bool) {
        if at_once || self.unacknowledged >= 2 * self.smss {
            self.acks_due = self.acks_due.max(1);
        } else {
            // MUST-40: "less than 0.5 seconds".
            let delay = self.config.delayed_ack.min(Duration::from_millis(499));
            self.timers.ack.get_or_insert(now + delay);
        }
    }

    fn eighth_fin(&mut self, now: Duration, segment: &Arriving<'_>, heard: &mut Heard) {
        if segment.flags.has(Flags::FIN) && self.state.receives() && self.fin_at.is_none() {
            self.fin_at = Some(segment.seq + segment.data.len() as u32);
            self.acks_due = self.acks_due.max(1);
        }
        // A FIN may have come before the data in front of it.
        if self.fin_at != Some(self.rcv_nxt) || !self.state.receives() {
            return;
        }
        self.rcv_nxt += 1;
        self.out_of_order.release();
        self.acks_due = self.acks_due.max(1);
        heard.peer_closed = true;
        match self.state {
            State::Established => self.state = State::CloseWait,
            // Its FIN's acknowledgment would have made it FIN-WAIT-2.
            State::FinWait1 => self.state = State::Closing,
            State::FinWait2 => self.enter_time_wait(now),
            _ => {}
        }
    }

    /// A challenge ACK, if there were not too many this second (RFC 5961 7).
    fn challenge(&mut self, now: Duration) {
        let (began, count) = &mut self.challenges;
        if now.saturating_sub(*began) >= Duration::from_secs(1) {
            (*began, *count) = (now, 0);
        }
        if *count < limits::CHALLENGE_ACKS {
            *count += 1;
            self.acks_due = self.acks_due.max(1);
        }
    }

    /// Whether this connection, in TIME-WAIT, gives its place to a SYN (RFC 6191 2): one with a later
    /// timestamp, or a later sequence number. The owner then hands both to
    /// [`Listener::reuse`](crate::Listener::reuse).
    pub fn yields_to(&self, segment: &Verified<'_>) -> bool {
        let flags = segment.flags();
        if self.state != State::TimeWait
            || !flags.has(Flags::SYN)
            || flags.any(Flags::ACK | Flags::RST | Flags::FIN)
        {
            return false;
        }
        let arriving = Arriving::new(segment, 0);
        match (&self.clock, arriving.timestamps) {
            (Some(clock), Some((value, _))) if value != clock.recent.0 => {
                Seq(value).after(Seq(clock.recent.0))
            }
            _ => segment.sequence_number().after(self.rcv_nxt),
        }
    }

    /// Octets that the peer may send: RCV.WND.
    pub(crate) fn rcv_wnd(&self) -> u32 {
        self.rcv_adv.beyond(self.rcv_nxt)
    }
}
