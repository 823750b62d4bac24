//! What is sent, one segment a call.

use crate::{
    Flags, Header, NoRoom, Offload, OptionList, PseudoHeader, SackBlocks, Seq, State, TcpOption,
    connection::{Connection, headers},
    limits,
    recovery::{Eifel, Recovery},
    secret::Use,
};
use alloc::vec::Vec;
use core::{ops::Range, time::Duration};

/// A segment that was appended to the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Where it stands there: header and data, with its checksum (see [`Offload`]); IP's header is the
    /// owner's.
    pub range: Range<usize>,
    /// Octets of data in each segment that the device has to cut this one into, the last but at most as
    /// many, if it is longer than that: only with [`Offload::Segmentation`]. The header is that of the
    /// first; the next ones' numbers follow from it, and FIN and PSH are the last one's.
    pub gso_size: Option<u16>,
}

impl Sent {
    /// Writes the header of the segment that begins at `start` of `out`.
    pub(crate) fn written(
        header: &Header,
        pseudo: PseudoHeader,
        offload: Offload,
        start: usize,
        out: &mut [u8],
    ) -> Self {
        match offload {
            Offload::None => header.write(pseudo, &mut out[start..]),
            Offload::Checksum | Offload::Segmentation => {
                header.write_partial(pseudo, &mut out[start..]);
            }
        }
        Self {
            range: start..out.len(),
            gso_size: None,
        }
    }
}

/// What the next segment carries.
struct Plan {
    seq: Seq,
    /// Octets of data.
    length: u32,
    flags: Flags,
}

impl Connection {
    /// Appends the next segment that is due to `out`; `None` if none is. Call it after every other call
    /// until it returns `None`, and when [`timeout`](Self::timeout) has come.
    pub fn transmit(&mut self, now: Duration, out: &mut Vec<u8>) -> Option<Sent> {
        self.expire(now);
        if let Some(reply) = self.reply.take() {
            return Some(self.append(reply.header(), 0, out));
        }
        let plan = match self.state {
            State::Closed | State::Listen => return None,
            State::SynSent | State::SynReceived => self.plan_syn(now),
            _ => self.plan_data(now),
        };
        let plan = plan.or_else(|| self.plan_ack())?;
        Some(self.write(now, &plan, out))
    }

    fn plan_syn(&mut self, now: Duration) -> Option<Plan> {
        if !core::mem::take(&mut self.syn_due) {
            return None;
        }
        if self.snd_max == self.iss {
            self.timed = Some((self.iss + 1, now));
        } else {
            self.timed = None;
        }
        self.snd_nxt = self.iss + 1;
        self.snd_max = self.snd_nxt;
        self.timers.retransmit = None;
        self.start_retransmission_timer(now);
        let flags = match self.state {
            State::SynReceived => Flags::SYN | Flags::ACK,
            _ => Flags::SYN,
        };
        Some(Plan {
            seq: self.iss,
            length: 0,
            flags,
        })
    }

    /// Data, FIN, or a probe.
    fn plan_data(&mut self, now: Duration) -> Option<Plan> {
        if !self.state.sends() {
            return self.plan_keep_alive();
        }
        if self.snd_nxt == self.snd_una && now.saturating_sub(self.last_sent) > self.rtt.rto() {
            // RFC 5681 4.1.
            if self.may_send_new() && self.recovery == Recovery::None {
                self.congestion.on_idle();
            }
        }
        let plan = self
            .plan_retransmission()
            .or_else(|| self.plan_new())
            .or_else(|| self.plan_probe(now));
        let Some(plan) = plan else {
            self.wait_for_window(now);
            return self.plan_keep_alive();
        };
        self.account(now, &plan);
        Some(plan)
    }

    /// What is lost, at once or as the congestion window allows.
    fn plan_retransmission(&mut self) -> Option<Plan> {
        if core::mem::take(&mut self.must_retransmit) && self.snd_una != self.snd_max {
            let end = self
                .sacked
                .iter()
                .next()
                .map_or(self.snd_max, |(left, _)| left);
            let limit = end.since(self.snd_una);
            return Some(self.segment(self.snd_una, limit, self.segment_room()));
        }
        let (start, end) = self.next_hole()?;
        let room = self.congestion.window().saturating_sub(self.pipe());
        (room >= self.smss).then(|| self.segment(start, end.since(start), self.segment_room()))
    }

    /// Whether there is something to send from SND.NXT on that the peer's window has room for.
    pub(crate) fn may_send_new(&self) -> bool {
        let waiting = self.sendable_end().beyond(self.snd_nxt);
        waiting > 0 && self.window_end().after(self.snd_nxt)
    }

    /// The number behind everything that is queued, the FIN included.
    fn sendable_end(&self) -> Seq {
        self.tx_end() + u32::from(self.fin_queued)
    }

    fn window_end(&self) -> Seq {
        self.snd_una + self.snd_wnd
    }

    /// From SND.NXT on: new data, or after a timeout the old again.
    fn plan_new(&mut self) -> Option<Plan> {
        if self.recovery != Recovery::None
            && let Some((_, right)) = self.sacked.containing(self.snd_nxt)
        {
            // What the peer has is not sent again.
            self.snd_nxt = right;
        }
        if !self.may_send_new() {
            // RFC 7661 4.3: a window of which less than half is in use is not what limits the sender.
            self.cwnd_limited &= self.pipe() >= self.congestion.window() / 2;
            return None;
        }
        let usable = self.window_end().since(self.snd_nxt);
        let waiting = self.tx_end().beyond(self.snd_nxt);
        let one = self.segment_room();
        let length = waiting.min(usable).min(one);
        let (pipe, window) = (self.pipe(), self.congestion.window());
        if pipe > 0 && pipe + length.max(1) > window {
            self.cwnd_limited = true;
            return None;
        }
        if !self.is_worth_sending(length, waiting, usable) {
            return None;
        }
        let most = waiting.min(usable).min(window.saturating_sub(pipe));
        Some(self.segment(self.snd_nxt, usable, self.at_once(one, most)))
    }

    /// Octets for one segment, or of at most `most` for a device that cuts them: full ones, so that what
    /// is left obeys the rules for small ones by itself.
    fn at_once(&self, one: u32, most: u32) -> u32 {
        let cuts = self.config.offload == Offload::Segmentation
            && self.recovery == Recovery::None
            && self.snd_nxt == self.snd_max
            // The urgent pointer would have to differ from one to the next.
            && !self.snd_up.after(self.snd_nxt);
        let most = most.min(limits::SUPER_SEGMENT);
        if cuts && most > one {
            most - most % one
        } else {
            one
        }
    }

    /// Nagle's rule and the sender's silly window avoidance (RFC 9293 3.7.4, 3.8.6.2.1).
    fn is_worth_sending(&mut self, length: u32, waiting: u32, usable: u32) -> bool {
        let idle = self.snd_nxt == self.snd_una;
        let all = waiting <= usable && length == waiting;
        let last = all && self.fin_queued && usable > waiting;
        let again = self.snd_nxt.before(self.snd_max);
        let urgent = self.snd_up.after(self.snd_nxt);
        if length >= self.segment_room()
            || last
            || again
            || all && (idle || !self.nagle || urgent)
            || idle && length >= self.max_snd_wnd.div_ceil(2) && length > 0
        {
            return true;
        }
        // (4): the override timeout has come.
        let overridden = idle && self.probe_due && length > 0;
        if overridden {
            self.probe_due = false;
            self.timers.persist = None;
        }
        overridden
    }

    /// A probe of a closed window: one octet, or the FIN, that lies beyond it (RFC 9293 3.8.6.1).
    fn plan_probe(&mut self, now: Duration) -> Option<Plan> {
        if !core::mem::take(&mut self.probe_due) || self.sendable_end() == self.snd_una {
            return None;
        }
        self.is_probing = true;
        self.timers.persist = None;
        self.rtt.back_off();
        let give_up = now + self.patience();
        self.timers.give_up.get_or_insert(give_up);
        Some(self.segment(self.snd_una, 1, 1))
    }

    /// Nothing in flight, something to send, and it may not be sent: the persist timer sees to it.
    fn wait_for_window(&mut self, now: Duration) {
        let in_flight = self.snd_una != self.snd_nxt && !self.is_probing;
        let waiting = self.sendable_end().after(self.snd_una);
        if in_flight || !waiting || self.timers.persist.is_some() {
            return;
        }
        let wait = if self.snd_wnd == 0 || self.is_probing {
            // SHLD-29, SHLD-30: after an RTO, then backing off.
            self.rtt.rto()
        } else {
            limits::OVERRIDE
        };
        self.timers.retransmit = None;
        self.timers.persist = Some(now + wait);
    }

    fn plan_keep_alive(&mut self) -> Option<Plan> {
        // SHLD-12: without data, just below what the peer expects.
        core::mem::take(&mut self.keep_alive_due).then(|| Plan {
            seq: self.snd_una - 1,
            length: 0,
            flags: Flags::ACK,
        })
    }

    /// An ACK that is due, or news of a window that opened.
    fn plan_ack(&mut self) -> Option<Plan> {
        if self.acks_due == 0 && !self.window_news() {
            return None;
        }
        self.acks_due = self.acks_due.saturating_sub(1);
        let sent = if self.is_probing {
            self.snd_una
        } else {
            self.snd_max
        };
        Some(Plan {
            seq: sent,
            length: 0,
            flags: Flags::ACK,
        })
    }

    /// Whether the window has opened by so much that the peer should hear of it (RFC 9293 3.8.6.2.2,
    /// MUST-39).
    fn window_news(&self) -> bool {
        self.has_read
            && self.state.receives()
            && self.rcv_adv.before(self.right_edge())
            && !self.peer_has_closed()
    }

    /// The window's right edge as silly window avoidance lets it move: not at all, or by half the
    /// buffer or a full segment at least (RFC 9293 3.8.6.2.2).
    fn right_edge(&self) -> Seq {
        let buffer = self.config.receive_buffer.min(limits::MAX_BUFFER);
        let free = buffer.saturating_sub(self.rx.len() as u32);
        let free = free.min(0xffff << self.rcv_shift);
        let edge = self.rcv_nxt + free;
        let step = (buffer / 2).min(self.smss);
        if edge.beyond(self.rcv_adv) >= step {
            edge
        } else {
            self.rcv_adv
        }
    }

    /// Octets of data that fit beside the options.
    fn segment_room(&self) -> u32 {
        if !self.has_sack_blocks() {
            return self.smss;
        }
        let sack = 4 + 8 * self.sack_blocks().count() as u32;
        self.smss - sack.min(self.smss - 8)
    }

    /// At most `limit` numbers from `seq` on, and at most `room` octets of data: data, and the FIN behind
    /// them.
    fn segment(&self, seq: Seq, limit: u32, room: u32) -> Plan {
        let waiting = self.tx_end().beyond(seq);
        let length = waiting.min(limit).min(room);
        let mut flags = Flags::ACK;
        if length == waiting {
            if length > 0 {
                // MUST-61: "the last buffered segment".
                flags |= Flags::PSH;
            }
            if self.fin_queued && limit > length {
                flags |= Flags::FIN;
            }
        }
        Plan { seq, length, flags }
    }

    /// What is about to be sent is in flight.
    fn account(&mut self, now: Duration, plan: &Plan) {
        let fin = plan.flags.has(Flags::FIN);
        let end = plan.seq + plan.length + u32::from(fin);
        if fin && self.state == State::CloseWait {
            self.state = State::LastAck;
        }
        let is_new = end.after(self.snd_max);
        if is_new
            && self.timed.is_none()
            && self.recovery == Recovery::None
            && plan.seq == self.snd_max
        {
            self.timed = Some((end, now));
        }
        if plan.seq.before(self.snd_max) {
            self.high_rxt = self.high_rxt.max(end);
            if let (Eifel::Armed, Some(clock)) = (self.eifel, &self.clock) {
                self.eifel = Eifel::Sent(clock.value(now));
            }
            // Karn (MUST-18): what is sent twice cannot be timed.
            self.timed = None;
        }
        self.snd_nxt = self.snd_nxt.max(end);
        self.snd_max = self.snd_max.max(end);
        self.last_sent = now;
        self.cwnd_limited |= self.pipe() + self.smss > self.congestion.window();
        if !self.is_probing {
            self.timers.persist = None;
            self.start_retransmission_timer(now);
        }
    }

    fn write(&mut self, now: Duration, plan: &Plan, out: &mut Vec<u8>) -> Sent {
        let is_syn = plan.flags.has(Flags::SYN);
        let size = self.segment_room();
        let options = if is_syn {
            self.syn_options(now, plan.flags)
        } else {
            self.options(now)
        };
        let window = self.advertise(is_syn);
        let has_ack = plan.flags.has(Flags::ACK);
        let mut header = Header {
            sequence_number: plan.seq,
            acknowledgment_number: if has_ack { self.rcv_nxt } else { Seq(0) },
            flags: plan.flags,
            window,
            // Every list that is made here fits.
            options: options.unwrap_or_default(),
            ..Header::default()
        };
        if self.snd_up.after(self.snd_una) && !is_syn {
            let urgent = self.snd_up.beyond(plan.seq);
            header.flags |= Flags::URG;
            header.urgent_pointer = urgent.min(0xffff) as u16;
        }
        if has_ack {
            // What goes out anyway acknowledges along.
            let carries = plan.length > 0 || plan.flags.any(Flags::SYN | Flags::FIN);
            self.acks_due = self.acks_due.saturating_sub(u8::from(carries));
            self.timers.ack = None;
            self.unacknowledged = 0;
            self.has_read = false;
            self.duplicate = None;
            if let Some(clock) = &mut self.clock {
                clock.last_ack_sent = self.rcv_nxt;
            }
        }
        let mut sent = self.append(header, plan.length, out);
        sent.gso_size = (plan.length > size).then_some(size as u16);
        sent
    }

    /// Appends the segment: `length` octets of the send buffer from the header's number on.
    fn append(&self, header: Header, length: u32, out: &mut Vec<u8>) -> Sent {
        let header = Header {
            source_port: self.local.port(),
            destination_port: self.remote.port(),
            ..header
        };
        let start = out.len();
        out.resize(start + header.length(), 0);
        if length > 0 {
            let from = header.sequence_number.since(self.tx_seq) as usize;
            let (first, rest) = self.tx.slices(from..from + length as usize);
            out.extend_from_slice(first);
            out.extend_from_slice(rest);
        }
        Sent::written(&header, self.pseudo, self.config.offload, start, out)
    }

    /// The window field. The right edge never moves to the left (SHLD-14): what the shift rounds away
    /// is rounded up, which the buffer has room for, unless that would make it creep.
    fn advertise(&mut self, is_syn: bool) -> u16 {
        let edge = self.right_edge().max(self.rcv_adv);
        let window = edge.since(self.rcv_nxt);
        if is_syn {
            // RFC 7323 2.2: never scaled.
            let window = window.min(0xffff);
            self.rcv_adv = self.rcv_nxt + window;
            return window as u16;
        }
        let unit = 1u32 << self.rcv_shift;
        let slack = self.config.receive_buffer.min(limits::MAX_BUFFER) + 64 * unit;
        let up = window.div_ceil(unit);
        let fits = u64::from(up) * u64::from(unit) + self.rx.len() as u64 <= u64::from(slack);
        let field = if fits { up } else { window / unit }.min(0xffff);
        self.rcv_adv = self.rcv_adv.max(self.rcv_nxt + field * unit);
        field as u16
    }

    /// A SYN's options in Linux's order: MSS, SACK-Permitted, Timestamps, Window Scale, padded between.
    fn syn_options(&self, now: Duration, flags: Flags) -> Result<OptionList, NoRoom> {
        let answers = flags.has(Flags::ACK);
        let clock = if answers {
            self.clock.map(|clock| (clock.value(now), clock.recent.0))
        } else {
            let first = (now.as_millis() as u32).wrapping_add(self.timestamp_offset());
            self.config.timestamps.then_some((first, 0))
        };
        let sack = if answers { self.sack } else { self.config.sack };
        let scales = if answers {
            self.rcv_shift > 0 || self.snd_shift > 0
        } else {
            self.config.window_scale
        };
        let shift = scales.then(|| self.config.shift());
        syn_options(self.announced_mss(), sack, clock, shift)
    }

    /// MMS_R - 20 (RFC 9293 3.7.1, MUST-67).
    fn announced_mss(&self) -> u16 {
        self.config
            .mtu
            .saturating_sub(headers(self.remote.ip()))
            .max(limits::MIN_MSS)
    }

    fn options(&self, now: Duration) -> Result<OptionList, NoRoom> {
        let mut list = OptionList::new();
        if let Some(clock) = &self.clock {
            list = list
                .with(&TcpOption::NoOperation)?
                .with(&TcpOption::NoOperation)?
                .with(&TcpOption::Timestamps {
                    value: clock.value(now),
                    echo_reply: clock.recent.0,
                })?;
        }
        if !self.has_sack_blocks() {
            return Ok(list);
        }
        let mut blocks = [[0; 8]; 4];
        let mut count = 0;
        for (left, right) in self.sack_blocks() {
            blocks[count] = SackBlocks::block(left, right);
            count += 1;
        }
        list.with(&TcpOption::NoOperation)?
            .with(&TcpOption::NoOperation)?
            .with(&TcpOption::Sack(SackBlocks::new(&blocks[..count])))
    }

    /// Whether there is anything to report: mostly there is not, and then nobody looks for it.
    fn has_sack_blocks(&self) -> bool {
        self.sack && (self.duplicate.is_some() || !self.out_of_order.is_empty())
    }

    /// What is reported: a duplicate first (RFC 2883 4), then the ranges that grew last (RFC 2018 4).
    /// Three beside a timestamp, four without.
    fn sack_blocks(&self) -> impl Iterator<Item = (Seq, Seq)> + '_ {
        let most = match (self.sack, self.clock.is_some()) {
            (false, _) => 0,
            (true, true) => 3,
            (true, false) => 4,
        };
        let ranges = &self.out_of_order;
        let [a, b, c] = self.recent.map(|seq| ranges.containing(seq));
        let second = b.filter(|_| b != a);
        let third = c.filter(|_| c != a && c != b);
        let recent = [a, second, third];
        let others = ranges
            .iter()
            .filter(move |range| !recent.contains(&Some(*range)));
        self.duplicate
            .into_iter()
            .chain(recent.into_iter().flatten())
            .chain(others)
            .take(most)
    }

    /// Of the timestamp clock of this pair of ends (RFC 7323 5.4).
    pub(crate) fn timestamp_offset(&self) -> u32 {
        let secret = &self.config.secret;
        secret.hash(Use::Timestamp, self.local, self.remote, 0) as u32
    }
}

/// The options of a SYN in Linux's order.
pub(crate) fn syn_options(
    mss: u16,
    sack: bool,
    timestamps: Option<(u32, u32)>,
    shift: Option<u8>,
) -> Result<OptionList, NoRoom> {
    let mut list = OptionList::new().with(&TcpOption::MaximumSegmentSize(mss))?;
    if sack || timestamps.is_some() {
        list = if sack && timestamps.is_some() {
            list.with(&TcpOption::SackPermitted)?
        } else {
            list.with(&TcpOption::NoOperation)?
                .with(&TcpOption::NoOperation)?
        };
        list = match timestamps {
            Some((value, echo_reply)) => list.with(&TcpOption::Timestamps { value, echo_reply })?,
            None => list.with(&TcpOption::SackPermitted)?,
        };
    }
    match shift {
        Some(shift) => list
            .with(&TcpOption::NoOperation)?
            .with(&TcpOption::WindowScale(shift)),
        None => Ok(list),
    }
}
