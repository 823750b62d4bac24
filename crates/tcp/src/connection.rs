use crate::{
    Config, Congestion, Error, Flags, Header, KeepAlive, PseudoHeader, Seq,
    buffer::Buffer,
    clock::TimestampClock,
    limits,
    ranges::Ranges,
    recovery::{Eifel, Recovery},
    rtt::Rtt,
    timers::Timers,
};
use alloc::{boxed::Box, sync::Arc};
use core::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// The states of a connection (RFC 9293 3.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// No connection.
    Closed,
    /// Waits for anybody's SYN: a [`Listener`](crate::Listener).
    Listen,
    /// Has sent a SYN.
    SynSent,
    /// Has sent and received a SYN.
    SynReceived,
    /// Data flow both ways.
    Established,
    /// Has sent a FIN.
    FinWait1,
    /// Has sent a FIN that is acknowledged.
    FinWait2,
    /// Has received a FIN.
    CloseWait,
    /// Has sent and received a FIN; its own is not acknowledged.
    Closing,
    /// Has received a FIN, then sent one.
    LastAck,
    /// Both FINs are acknowledged: old segments die out.
    TimeWait,
}

impl State {
    /// Every state, in the order of RFC 9293 3.3.2's list but for CLOSED, which is first.
    pub const ALL: [Self; 11] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
    ];

    /// Whether both sides have heard each other's SYN acknowledged.
    pub const fn is_synchronized(self) -> bool {
        !matches!(
            self,
            Self::Closed | Self::Listen | Self::SynSent | Self::SynReceived
        )
    }

    /// Whether the peer's data are still to come.
    pub(crate) const fn receives(self) -> bool {
        matches!(self, Self::Established | Self::FinWait1 | Self::FinWait2)
    }

    /// Whether our data or FIN may still have to be sent.
    pub(crate) const fn sends(self) -> bool {
        matches!(
            self,
            Self::Established | Self::CloseWait | Self::FinWait1 | Self::Closing | Self::LastAck
        )
    }
}

/// As the RFC writes it.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        })
    }
}

/// A segment without data that answers another, outside of the connection's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) sequence_number: Seq,
    pub(crate) acknowledgment_number: Option<Seq>,
    pub(crate) flags: Flags,
}

impl Reply {
    /// Without ports.
    pub(crate) fn header(self) -> Header {
        Header {
            sequence_number: self.sequence_number,
            acknowledgment_number: self.acknowledgment_number.unwrap_or_default(),
            flags: self.flags,
            ..Header::default()
        }
    }
}

/// One connection: the transmission control block of RFC 9293 3.3.1 and the octets that wait on
/// either side of it.
///
/// The grammar: `connect`, or a [`Listener`](crate::Listener)'s `accept`; then `recv` for each segment that
/// arrives, `send`, `read`, `close` at will; after any of them `transmit` until it returns `None`, and
/// again when `timeout` has come. [`is_closed`](Self::is_closed) ends it.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is something due, by itself"
)]
pub struct Connection {
    pub(crate) config: Arc<Config>,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) pseudo: PseudoHeader,
    pub(crate) state: State,
    pub(crate) error: Option<Error>,
    /// MUST-11: whether it came to SYN-RECEIVED from LISTEN.
    pub(crate) is_passive: bool,
    /// Nobody reads any more: data that arrive are lost (RFC 9293 3.6.1).
    pub(crate) unread_is_lost: bool,

    // What we send.
    pub(crate) iss: Seq,
    pub(crate) snd_una: Seq,
    /// Goes back to `snd_una` after a timeout.
    pub(crate) snd_nxt: Seq,
    /// The highest number that was sent.
    pub(crate) snd_max: Seq,
    pub(crate) snd_wnd: u32,
    pub(crate) max_snd_wnd: u32,
    pub(crate) snd_wl1: Seq,
    pub(crate) snd_wl2: Seq,
    /// Where urgent data end.
    pub(crate) snd_up: Seq,
    pub(crate) snd_shift: u8,
    /// The MSS that the peer announced, or the default (RFC 9293 3.7.1, MUST-15).
    pub(crate) peer_mss: u16,
    /// Octets of data in the largest segment, options taken off (Eff.snd.MSS, MUST-16).
    pub(crate) smss: u32,
    /// Octets of the largest packet on the path.
    pub(crate) path_mtu: u16,
    /// Octets of IP options in front of each segment.
    pub(crate) ip_options: u8,
    pub(crate) tx: Buffer,
    /// The number of the first octet in `tx`.
    pub(crate) tx_seq: Seq,
    /// A FIN stands behind `tx`.
    pub(crate) fin_queued: bool,

    // What we receive.
    pub(crate) irs: Seq,
    pub(crate) rcv_nxt: Seq,
    /// The right edge of the window that was announced.
    pub(crate) rcv_adv: Seq,
    pub(crate) rcv_shift: u8,
    pub(crate) rcv_up: Option<Seq>,
    pub(crate) rx: Buffer,
    /// Something was read since the window was last announced.
    pub(crate) has_read: bool,
    pub(crate) out_of_order: Ranges,
    /// Numbers in the ranges that grew last, the latest first.
    pub(crate) recent: [Seq; 3],
    /// What arrived twice (RFC 2883).
    pub(crate) duplicate: Option<(Seq, Seq)>,
    /// The number of the peer's FIN, once it is known.
    pub(crate) fin_at: Option<Seq>,

    // What both agreed on.
    pub(crate) sack: bool,
    pub(crate) clock: Option<TimestampClock>,

    // Loss and congestion.
    pub(crate) rtt: Rtt,
    /// A segment whose round trip is measured: its end, and when it was sent.
    pub(crate) timed: Option<(Seq, Duration)>,
    pub(crate) congestion: Box<dyn Congestion>,
    pub(crate) cwnd_limited: bool,
    pub(crate) recovery: Recovery,
    pub(crate) sacked: Ranges,
    pub(crate) high_rxt: Seq,
    pub(crate) must_retransmit: bool,
    pub(crate) duplicates: u16,
    /// Segments that may be overtaken before they count as lost.
    pub(crate) reordering: u16,
    pub(crate) eifel: Eifel,
    pub(crate) credit: u32,
    pub(crate) last_sent: Duration,

    // What is due.
    pub(crate) timers: Timers,
    pub(crate) user_timeout: Duration,
    pub(crate) nagle: bool,
    pub(crate) keep_alive: Option<KeepAlive>,
    /// Retransmissions and probes without an answer.
    pub(crate) unanswered: u32,
    pub(crate) syn_due: bool,
    pub(crate) syn_again: bool,
    pub(crate) acks_due: u8,
    /// Octets received since the last ACK.
    pub(crate) unacknowledged: u32,
    pub(crate) probe_due: bool,
    /// A probe is in flight beyond the peer's window.
    pub(crate) is_probing: bool,
    pub(crate) keep_alive_due: bool,
    pub(crate) keep_alives: u8,
    pub(crate) reply: Option<Reply>,
    /// Challenge ACKs sent in the second that began then.
    pub(crate) challenges: (Duration, u8),
    /// The network's soft error, if it reported one.
    pub(crate) soft_error: bool,
}

/// Octets of IP and TCP headers without options.
pub(crate) const fn headers(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => 40,
        IpAddr::V6(_) => 60,
    }
}

/// MSS of a peer that sends none (RFC 9293 3.7.1, MUST-15).
pub(crate) const fn default_mss(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => 536,
        IpAddr::V6(_) => 1220,
    }
}

/// Whether segments of a connection may carry the address (RFC 9293 3.9.2.3, MUST-46, MUST-63).
pub(crate) fn is_unicast(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_multicast() || address.is_unspecified() || broadcast)
}

impl Connection {
    /// A connection that is about to send its SYN (active OPEN, RFC 9293 3.10.1).
    ///
    /// # Errors
    /// [`Error::MisuseAddress`] unless both addresses are unicast and of one family, and both ports are
    /// given.
    pub fn connect(
        now: Duration,
        config: Arc<Config>,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<Self, Error> {
        let iss = config.secret.isn(now, local, remote);
        let mut connection = Self::new(config, local, remote, iss)?;
        connection.state = State::SynSent;
        connection.syn_due = true;
        Ok(connection)
    }

    pub(crate) fn new(
        config: Arc<Config>,
        local: SocketAddr,
        remote: SocketAddr,
        iss: Seq,
    ) -> Result<Self, Error> {
        let pseudo = PseudoHeader::new(local.ip(), remote.ip()).ok_or(Error::MisuseAddress)?;
        let unicast = is_unicast(local.ip()) && is_unicast(remote.ip());
        if !unicast || local.port() == 0 || remote.port() == 0 {
            return Err(Error::MisuseAddress);
        }
        let peer_mss = default_mss(remote.ip());
        let smss = u32::from(peer_mss);
        Ok(Self {
            local,
            remote,
            pseudo,
            state: State::Closed,
            error: None,
            is_passive: false,
            unread_is_lost: false,
            iss,
            snd_una: iss,
            snd_nxt: iss,
            snd_max: iss,
            snd_wnd: 0,
            max_snd_wnd: 0,
            snd_wl1: Seq(0),
            snd_wl2: Seq(0),
            snd_up: iss,
            snd_shift: 0,
            peer_mss,
            smss,
            path_mtu: config.mtu,
            ip_options: 0,
            tx: Buffer::default(),
            tx_seq: iss + 1,
            fin_queued: false,
            irs: Seq(0),
            rcv_nxt: Seq(0),
            rcv_adv: Seq(0),
            rcv_shift: 0,
            rcv_up: None,
            rx: Buffer::default(),
            has_read: false,
            out_of_order: Ranges::default(),
            recent: [Seq(0); 3],
            duplicate: None,
            fin_at: None,
            sack: false,
            clock: None,
            rtt: Rtt::new(config.min_rto),
            timed: None,
            congestion: (config.congestion)(smss),
            cwnd_limited: false,
            recovery: Recovery::None,
            sacked: Ranges::default(),
            high_rxt: iss,
            must_retransmit: false,
            duplicates: 0,
            reordering: limits::DUPLICATES.into(),
            eifel: Eifel::Over,
            credit: 0,
            last_sent: Duration::ZERO,
            timers: Timers::default(),
            user_timeout: config.user_timeout,
            nagle: config.nagle,
            keep_alive: config.keep_alive,
            unanswered: 0,
            syn_due: false,
            syn_again: false,
            acks_due: 0,
            unacknowledged: 0,
            probe_due: false,
            is_probing: false,
            keep_alive_due: false,
            keep_alives: 0,
            reply: None,
            challenges: (Duration::ZERO, 0),
            soft_error: false,
            config,
        })
    }

    /// The state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Our end.
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// The peer's end.
    pub const fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Why the connection ended, if not by both sides' closing.
    pub const fn error(&self) -> Option<Error> {
        self.error
    }

    /// Whether nothing is left to do: the owner may drop the connection once `transmit` is silent.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed && self.reply.is_none()
    }

    /// Whether R1 is reached (RFC 9293 3.8.3): data were sent again three times without an answer.
    /// IP should look for another route, the owner may be told (SHLD-9), the connection goes on.
    pub const fn is_doubtful(&self) -> bool {
        self.unanswered >= limits::R1
    }

    /// Whether the network has reported a soft error since the last answer (RFC 9293 3.9.2.2).
    pub const fn has_soft_error(&self) -> bool {
        self.soft_error
    }

    /// Sets R2 (RFC 9293 3.8.3, MUST-21): how long data may stay unanswered from now on.
    pub const fn set_user_timeout(&mut self, timeout: Duration) {
        self.user_timeout = timeout;
    }

    /// Whether small segments wait while data are unacknowledged (RFC 9293 3.7.4, MUST-17).
    pub const fn set_nagle(&mut self, nagle: bool) {
        self.nagle = nagle;
    }

    /// Turns probes on or off while the connection is idle, which is from now (RFC 9293 3.8.4, MUST-24).
    pub fn set_keep_alive(&mut self, now: Duration, keep_alive: Option<KeepAlive>) {
        self.keep_alive = keep_alive;
        self.restart_keep_alive(now);
    }

    /// Octets that `send` takes now.
    pub fn room(&self) -> usize {
        let open = matches!(
            self.state,
            State::SynSent | State::SynReceived | State::Established | State::CloseWait
        );
        if !open || self.fin_queued {
            return 0;
        }
        (self.config.send_buffer.min(limits::MAX_BUFFER) as usize).saturating_sub(self.tx.len())
    }

    /// Queues octets, as many as there is room for, and says how many (SEND, RFC 9293 3.10.2). They are
    /// pushed: none waits for more (MUST-60, MAY-15).
    ///
    /// # Errors
    /// What ended the connection; [`Error::MisuseClosing`] after `close`.
    pub fn send(&mut self, octets: &[u8]) -> Result<usize, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let closing = !matches!(
            self.state,
            State::SynSent | State::SynReceived | State::Established | State::CloseWait
        );
        if closing || self.fin_queued {
            return Err(Error::MisuseClosing);
        }
        let taken = octets.len().min(self.room());
        self.tx.put(self.tx.len(), &octets[..taken]);
        self.tx.extend(taken);
        Ok(taken)
    }

    /// Queues octets as `send` does and marks all that is queued as urgent (RFC 9293 3.8.5). New
    /// applications should not (SHLD-13).
    ///
    /// # Errors
    /// As `send`.
    pub fn send_urgent(&mut self, octets: &[u8]) -> Result<usize, Error> {
        let taken = self.send(octets)?;
        self.snd_up = self.tx_end();
        Ok(taken)
    }

    /// Octets that arrived in order and were not consumed, in two pieces.
    pub fn unread(&self) -> (&[u8], &[u8]) {
        self.rx.slices(0..self.rx.len())
    }

    /// Drops the first `count` unread octets: the window opens.
    ///
    /// # Panics
    /// If fewer are unread.
    pub fn consume(&mut self, count: usize) {
        assert!(
            count <= self.rx.len(),
            "more octets consumed than were unread"
        );
        self.rx.consume(count);
        self.has_read = true;
        if self.rcv_up.is_some_and(|up| !up.after(self.read_seq())) {
            self.rcv_up = None;
        }
    }

    /// Copies unread octets to the front of `buffer` and consumes them (RECEIVE, RFC 9293 3.10.3).
    /// Zero: nothing is there; see [`at_end`](Self::at_end) and [`error`](Self::error).
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let (first, rest) = self.unread();
        let head = first.len().min(buffer.len());
        let tail = rest.len().min(buffer.len() - head);
        buffer[..head].copy_from_slice(&first[..head]);
        buffer[head..head + tail].copy_from_slice(&rest[..tail]);
        self.consume(head + tail);
        head + tail
    }

    /// Whether the peer's FIN arrived and everything before it was read.
    pub fn at_end(&self) -> bool {
        self.peer_has_closed() && self.rx.len() == 0
    }

    /// How many unread or awaited octets are urgent (RFC 9293 3.8.5, MUST-33); `None` if the urgent
    /// data are all read. More may follow.
    pub fn urgent(&self) -> Option<u32> {
        self.rcv_up.map(|up| up.beyond(self.read_seq()))
    }

    /// Sends no more: a FIN follows what is queued (CLOSE, RFC 9293 3.10.4). The peer's data are still
    /// received. Before the peer has answered our SYN it takes the connection back, and what is queued
    /// with it. A second call does nothing.
    pub fn close(&mut self) {
        match self.state {
            State::SynSent => self.delete(None),
            State::Established => {
                self.fin_queued = true;
                self.state = State::FinWait1;
            }
            State::SynReceived | State::CloseWait => self.fin_queued = true,
            _ => {}
        }
    }

    /// Sends no more and reads no more. If data are unread, or arrive later, the peer is told by a RST
    /// that they are lost (RFC 9293 3.6.1, SHLD-3).
    pub fn leave(&mut self, now: Duration) {
        self.unread_is_lost = true;
        if self.rx.len() > 0 {
            self.abort();
        } else {
            self.close();
            self.limit_fin_wait_2(now);
        }
    }

    /// Ends the connection at once: a RST tells the peer (ABORT, RFC 9293 3.10.5).
    pub fn abort(&mut self) {
        let tell = !matches!(
            self.state,
            State::Closed | State::SynSent | State::LastAck | State::Closing | State::TimeWait
        );
        let error = (self.state != State::Closed).then_some(Error::LocalAborted);
        let reset = Reply {
            sequence_number: self.snd_max,
            acknowledgment_number: Some(self.rcv_nxt),
            flags: Flags::RST | Flags::ACK,
        };
        if error.is_some() {
            self.delete(error);
        }
        if tell {
            self.reply = Some(reset);
        }
    }

    /// Gives the memory of empty buffers back: for a connection that goes idle.
    pub fn rest(&mut self) {
        if self.tx.len() == 0 {
            self.tx.release();
        }
        if self.rx.len() == 0 && self.out_of_order.is_empty() {
            self.rx.release();
        }
    }

    /// Octets of memory that the buffers hold.
    pub const fn buffered(&self) -> usize {
        self.tx.capacity() + self.rx.capacity()
    }

    /// Deletes the TCB: the connection is over. What arrived in order may still be read.
    pub(crate) fn delete(&mut self, error: Option<Error>) {
        self.state = State::Closed;
        self.error = error;
        self.timers = Timers::default();
        self.tx.release();
        self.sacked.release();
        self.out_of_order.release();
        self.syn_due = false;
        self.acks_due = 0;
        self.probe_due = false;
        self.keep_alive_due = false;
        self.must_retransmit = false;
    }

    /// The number behind the last queued octet: the FIN's, if there is one.
    pub(crate) fn tx_end(&self) -> Seq {
        self.tx_seq + self.tx.len() as u32
    }

    pub(crate) const fn peer_has_closed(&self) -> bool {
        matches!(self.fin_at, Some(fin) if self.rcv_nxt.after(fin))
    }

    /// The number of the first unread octet.
    pub(crate) fn read_seq(&self) -> Seq {
        let fin = u32::from(self.peer_has_closed());
        self.rcv_nxt - (self.rx.len() as u32 + fin)
    }
}
