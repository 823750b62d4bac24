//! LISTEN: connections in the making, those that wait to be accepted, and cookies when there are too
//! many of the former.

use crate::{
    Config, Connection, Dropped, Error, Flags, Header, Heard, PseudoHeader, Sent, Seq, State,
    Verified,
    arrives::{Arriving, closed},
    connection::{default_mss, headers, is_unicast},
    limits,
    secret::Use,
    transmit::syn_options,
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::{net::SocketAddr, time::Duration};

/// How many connections a listener holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// In SYN-RECEIVED: [`limits::SYN_QUEUE`]. Beyond it SYNs are answered by cookies.
    pub syn_queue: usize,
    /// Established and not accepted: [`limits::ACCEPT_QUEUE`]. Beyond it handshakes do not end.
    pub accept_queue: usize,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            syn_queue: limits::SYN_QUEUE,
            accept_queue: limits::ACCEPT_QUEUE,
        }
    }
}

/// Our end and the peer's.
type Ends = (SocketAddr, SocketAddr);

/// A port in LISTEN (passive OPEN, RFC 9293 3.10.1), on one address or on all: the owner hands it the
/// segments to its port that belong to no connection of its own.
#[derive(Debug)]
pub struct Listener {
    pub(crate) config: Arc<Config>,
    backlog: Backlog,
    /// In SYN-RECEIVED, or established and not accepted.
    pending: BTreeMap<Ends, Connection>,
    /// Those that are established, in order.
    ready: VecDeque<Ends>,
    /// Segments that no connection sends.
    replies: VecDeque<(Ends, Header)>,
    /// Until when cookies may return: without a flood none is believed.
    cookies_until: Duration,
}

/// The MSS values that a cookie can hold.
const MSS: [u16; 8] = [216, 536, 1024, 1220, 1300, 1440, 1460, 8960];

/// How long a cookie's clock stands still; it is good for this period and the next.
const COOKIE_PERIOD: u64 = 64;

/// Low bits of the timestamp that go with a cookie: the window scale, and whether SACK is permitted.
const COOKIE_OPTIONS: u32 = 0x1f;

impl Listener {
    /// A listener that nobody has called yet.
    pub const fn new(config: Arc<Config>, backlog: Backlog) -> Self {
        Self {
            config,
            backlog,
            pending: BTreeMap::new(),
            ready: VecDeque::new(),
            replies: VecDeque::new(),
            cookies_until: Duration::ZERO,
        }
    }

    /// Takes a segment to this listener's port that belongs to no accepted connection.
    pub fn recv(
        &mut self,
        now: Duration,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &Verified<'_>,
    ) -> Heard {
        let ends = (local, remote);
        if let Some(connection) = self.pending.get_mut(&ends) {
            let completes = connection.state() == State::SynReceived
                && segment.flags().has(Flags::ACK)
                && !segment.flags().any(Flags::RST | Flags::SYN);
            if completes && self.ready.len() >= self.backlog.accept_queue {
                // The peer's ACK is as if lost: our SYN is sent again until there is room.
                return dropped(Dropped::QueueFull);
            }
            let heard = connection.recv(now, segment);
            if heard.connected {
                self.ready.push_back(ends);
            }
            return heard;
        }
        match self.listen(now, ends, segment, None) {
            Ok(heard) => heard,
            Err(reason) => dropped(reason),
        }
    }

    /// Takes a SYN that an old connection in TIME-WAIT [yields to](Connection::yields_to): the new
    /// one's numbers begin beyond the old one's (RFC 9293 3.10.7.4, MAY-2).
    pub fn reuse(&mut self, now: Duration, old: &Connection, segment: &Verified<'_>) -> Heard {
        let ends = (old.local(), old.remote());
        match self.listen(now, ends, segment, Some(old.snd_max)) {
            Ok(heard) => heard,
            Err(reason) => dropped(reason),
        }
    }

    /// RFC 9293 3.10.7.2.
    fn listen(
        &mut self,
        now: Duration,
        ends: Ends,
        segment: &Verified<'_>,
        after: Option<Seq>,
    ) -> Result<Heard, Dropped> {
        let (local, remote) = ends;
        if !is_unicast(local.ip()) || !is_unicast(remote.ip()) || remote.port() == 0 {
            // MUST-57, MUST-63: silently.
            return Err(Dropped::BadAddress);
        }
        let flags = segment.flags();
        // First, RST: ignored. Second, ACK: a cookie, or answered by a RST. Third, SYN.
        if flags.has(Flags::RST) {
            return Err(Dropped::NoConnection);
        }
        if flags.has(Flags::ACK) {
            return self.cookie_returns(now, ends, segment);
        }
        if !flags.has(Flags::SYN) {
            return Err(Dropped::NoSyn);
        }
        if self.ready.len() >= self.backlog.accept_queue {
            return Err(Dropped::QueueFull);
        }
        if self.pending.len() - self.ready.len() >= self.backlog.syn_queue {
            self.send_cookie(now, ends, segment);
            return Ok(Heard::default());
        }
        let config = &self.config;
        let clock = config.secret.isn(now, local, remote);
        let iss = match after {
            Some(last) if !clock.after(last + 0xffff) => last + 0x1_0001,
            _ => clock,
        };
        let mut connection =
            Connection::new(config.clone(), local, remote, iss).map_err(|_| Dropped::BadAddress)?;
        connection.is_passive = true;
        connection.hear_syn(now, &Arriving::new(segment, 0));
        connection.state = State::SynReceived;
        connection.syn_due = true;
        self.pending.insert(ends, connection);
        Ok(Heard::default())
    }

    /// The next connection that is established, in their order.
    pub fn accept(&mut self) -> Option<Connection> {
        while let Some(ends) = self.ready.pop_front() {
            if let Some(connection) = self.pending.remove(&ends) {
                return Some(connection);
            }
        }
        None
    }

    /// The state between these ends, until the connection is accepted: LISTEN if there is none.
    pub fn state(&self, local: SocketAddr, remote: SocketAddr) -> State {
        let pending = self.pending.get(&(local, remote));
        pending.map_or(State::Listen, Connection::state)
    }

    /// Connections that wait to be accepted.
    pub fn waiting(&self) -> usize {
        self.ready.len()
    }

    /// Appends the next segment that is due to `out`, with the ends it goes between.
    pub fn transmit(&mut self, now: Duration, out: &mut Vec<u8>) -> Option<(Ends, Sent)> {
        if let Some((ends, header)) = self.replies.pop_front()
            && let Some(pseudo) = PseudoHeader::new(ends.0.ip(), ends.1.ip())
        {
            let start = out.len();
            out.resize(start + header.length(), 0);
            let offload = self.config.offload;
            return Some((ends, Sent::written(&header, pseudo, offload, start, out)));
        }
        let sent = self
            .pending
            .iter_mut()
            .find_map(|(ends, connection)| Some((*ends, connection.transmit(now, out)?)));
        if sent.is_none() {
            // What a RST or the silence of its peer ended is forgotten, unless somebody may read it.
            let ready = &self.ready;
            self.pending
                .retain(|ends, connection| !connection.is_closed() || ready.contains(ends));
        }
        sent
    }

    /// When to call [`transmit`](Self::transmit) again although nothing else has happened.
    pub fn timeout(&self) -> Option<Duration> {
        self.pending.values().filter_map(Connection::timeout).min()
    }

    /// Stops listening: those that nobody accepted are reset. What they send is in `out`, each with its
    /// ends.
    pub fn close(mut self, now: Duration, out: &mut Vec<u8>) -> Vec<(Ends, Sent)> {
        self.pending.values_mut().for_each(Connection::abort);
        core::iter::from_fn(|| self.transmit(now, out)).collect()
    }

    fn reply(&mut self, ends: Ends, header: Header) {
        if self.replies.len() < limits::REPLIES {
            let header = Header {
                source_port: ends.0.port(),
                destination_port: ends.1.port(),
                ..header
            };
            self.replies.push_back((ends, header));
        }
    }

    /// 24 bits over both ends, the peer's number, the cookie's time and its MSS.
    fn cookie_hash(&self, (local, remote): Ends, irs: Seq, period: u64, mss: u32) -> u32 {
        let more = u64::from(irs.0) << 32 | (period & 0x1fff_ffff) << 3 | u64::from(mss);
        self.config.secret.hash(Use::Cookie, local, remote, more) as u32 & 0x00ff_ffff
    }

    /// A SYN,ACK whose number is all that is remembered of the connection (RFC 4987 3.6): five bits of
    /// time, three of MSS, and a hash that nobody else can make.
    fn send_cookie(&mut self, now: Duration, ends: Ends, segment: &Verified<'_>) {
        let syn = Arriving::new(segment, 0);
        let announced = syn.mss.unwrap_or(default_mss(ends.1.ip()));
        let index = MSS.iter().rposition(|mss| *mss <= announced).unwrap_or(0) as u32;
        let period = now.as_secs() / COOKIE_PERIOD;
        let hash = self.cookie_hash(ends, syn.seq, period, index);
        let cookie = (period as u32 & 0x1f) << 27 | index << 24 | hash;
        let config = &self.config;
        let timestamps = syn
            .timestamps
            .filter(|_| config.timestamps)
            .map(|(value, _)| {
                let scale = syn
                    .window_scale
                    .filter(|_| config.window_scale)
                    .map_or(15, |shift| shift.min(14));
                let sack = u32::from(config.sack && syn.sack_permitted);
                let options = u32::from(scale) << 1 | sack;
                let clock = (now.as_millis() as u32).wrapping_add(self.timestamp_offset(ends));
                // Never ahead of the clock.
                let base = clock.wrapping_sub(COOKIE_OPTIONS) & !COOKIE_OPTIONS;
                (base | options, value)
            });
        // Without timestamps nothing remembers the other options.
        let sack = timestamps.is_some() && config.sack && syn.sack_permitted;
        let scales = timestamps.is_some() && config.window_scale && syn.window_scale.is_some();
        let mss = config
            .mtu
            .saturating_sub(headers(ends.1.ip()))
            .max(limits::MIN_MSS);
        let shift = scales.then(|| config.shift());
        let header = Header {
            sequence_number: Seq(cookie),
            acknowledgment_number: syn.seq + 1,
            flags: Flags::SYN | Flags::ACK,
            window: config.receive_buffer.min(0xffff) as u16,
            options: syn_options(mss, sack, timestamps, shift).unwrap_or_default(),
            ..Header::default()
        };
        self.cookies_until = now + Duration::from_secs(2 * COOKIE_PERIOD);
        self.reply(ends, header);
    }

    fn timestamp_offset(&self, (local, remote): Ends) -> u32 {
        self.config.secret.hash(Use::Timestamp, local, remote, 0) as u32
    }

    /// An ACK for no connection: the end of a handshake by cookie, or nobody's.
    fn cookie_returns(
        &mut self,
        now: Duration,
        ends: Ends,
        segment: &Verified<'_>,
    ) -> Result<Heard, Dropped> {
        let Some(mss) = self.read_cookie(now, ends, segment) else {
            // RFC 9293 3.10.7.2, second.
            if let Some(reply) = closed(segment) {
                self.reply(ends, reply.header());
            }
            return Err(Dropped::BadCookie);
        };
        if self.ready.len() >= self.backlog.accept_queue {
            return Err(Dropped::QueueFull);
        }
        let cookie = segment.acknowledgment_number() - 1;
        let made = Connection::new(self.config.clone(), ends.0, ends.1, cookie);
        let mut connection = made.map_err(|_: Error| Dropped::BadAddress)?;
        connection.is_passive = true;
        // The SYN that is no longer there, as far as the cookie and the timestamp remember it.
        let mut syn = Arriving::new(segment, 0);
        syn.seq = segment.sequence_number() - 1;
        syn.mss = Some(mss);
        if let Some((_, echo_reply)) = syn.timestamps {
            let scale = (echo_reply & COOKIE_OPTIONS) >> 1;
            syn.window_scale = (scale != 15).then_some(scale as u8);
            syn.sack_permitted = echo_reply & 1 == 1;
        }
        connection.hear_syn(now, &syn);
        connection.state = State::SynReceived;
        connection.snd_nxt = cookie + 1;
        connection.snd_max = cookie + 1;
        connection.rcv_adv = connection.rcv_nxt + self.config.receive_buffer.min(0xffff);
        let heard = connection.recv(now, segment);
        if heard.connected {
            self.ready.push_back(ends);
        }
        self.pending.insert(ends, connection);
        Ok(heard)
    }

    /// The MSS that a cookie of ours in this acknowledgment holds.
    fn read_cookie(&self, now: Duration, ends: Ends, segment: &Verified<'_>) -> Option<u16> {
        let flags = segment.flags();
        if flags.any(Flags::SYN | Flags::RST) || now >= self.cookies_until {
            return None;
        }
        let cookie = (segment.acknowledgment_number() - 1).0;
        let irs = segment.sequence_number() - 1;
        let (index, hash) = (cookie >> 24 & 7, cookie & 0x00ff_ffff);
        let period = now.as_secs() / COOKIE_PERIOD;
        let age = u64::from((period as u32).wrapping_sub(cookie >> 27) & 0x1f);
        let sent = period.checked_sub(age).filter(|_| age <= 1)?;
        (self.cookie_hash(ends, irs, sent, index) == hash).then_some(MSS[index as usize])
    }
}

/// A segment that changed nothing.
const fn dropped(reason: Dropped) -> Heard {
    Heard {
        connected: false,
        data: 0,
        acked: 0,
        peer_closed: false,
        urgent: false,
        ended: false,
        dropped: Some(reason),
    }
}
