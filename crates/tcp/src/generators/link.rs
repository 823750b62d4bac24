//! Two ends over a hostile link, in virtual time.

use crate::{
    Config, Connection, Error, Flags, HEADER, Heard, Listener, Offload, PseudoHeader, Secret,
    Segment, Sent, Seq, State,
};
use alloc::{collections::BTreeMap, sync::Arc, vec, vec::Vec};
use core::{net::SocketAddr, time::Duration};

/// What happens to a segment on its way, each with a chance of so many in 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Faults {
    /// It never arrives.
    pub loss: u8,
    /// It arrives up to three delays later than it would.
    pub reorder: u8,
    /// It arrives twice.
    pub duplicate: u8,
    /// One of its bits is another.
    pub corrupt: u8,
}

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that connects.
    Client,
    /// The one that listens.
    Server,
}

/// A client and a server, what is on its way between them, and the time.
pub struct Pair {
    /// The virtual time.
    pub now: Duration,
    /// The end that connects.
    pub client: Connection,
    /// Where the server's end comes from.
    pub listener: Listener,
    /// The server's end, once it is accepted.
    pub server: Option<Connection>,
    /// What the link does.
    pub faults: Faults,
    /// One way.
    pub delay: Duration,
    /// Each segment that was sent, before the link took it: when, by whom, and its octets.
    pub sent: Vec<(Duration, Side, Vec<u8>)>,
    /// What each end heard, the client first.
    pub heard: [Vec<Heard>; 2],
    /// By arrival, then by order of sending.
    flying: BTreeMap<(Duration, usize), (Side, Vec<u8>)>,
    count: usize,
    random: u64,
}

/// Both ends' addresses.
const CLIENT: ([u8; 4], u16) = ([192, 0, 2, 1], 50_000);
const SERVER: ([u8; 4], u16) = ([192, 0, 2, 2], 80);

/// What a device does with a segment under [`Offload::Segmentation`]: cuts its data into pieces of
/// `gso_size` octets, each behind a header of its own, and completes the checksums.
pub fn cut(segment: &[u8], gso_size: Option<u16>, pseudo: PseudoHeader) -> Vec<Vec<u8>> {
    let head = segment
        .get(12)
        .map_or(HEADER, |offset| usize::from(offset >> 4) * 4);
    let (head, data) = segment.split_at(head.min(segment.len()));
    let size = gso_size.map_or(usize::MAX, |size| usize::from(size.max(1)));
    let pieces = data.len().div_ceil(size).max(1);
    let piece = |at: usize| {
        let data = &data[(at * size).min(data.len())..];
        let mut octets = [head, &data[..data.len().min(size)]].concat();
        if let Ok(segment) = Segment::parse(&octets)
            && pieces > 1
        {
            let Seq(seq) = segment.sequence_number() + (at * size) as u32;
            let last = at + 1 == pieces;
            octets[4..8].copy_from_slice(&seq.to_be_bytes());
            if !last {
                octets[13] &= !((Flags::PSH | Flags::FIN).0 as u8);
            }
        }
        if octets.len() >= HEADER {
            pseudo.fill(&mut octets);
        }
        octets
    };
    (0..pieces).map(piece).collect()
}

impl Pair {
    /// A client that is about to connect to a listener: both with the defaults, and `seed` for all that
    /// is left to chance.
    ///
    /// # Errors
    /// None with these addresses.
    pub fn new(seed: u64, faults: Faults) -> Result<Self, Error> {
        let config = Config::new(Secret::new(u128::from(seed).to_le_bytes()));
        Self::with(seed, faults, config.clone(), config)
    }

    /// The same with a configuration for each.
    ///
    /// # Errors
    /// None with these addresses.
    pub fn with(seed: u64, faults: Faults, client: Config, server: Config) -> Result<Self, Error> {
        let now = Duration::from_secs(1);
        let (here, there) = (SocketAddr::from(CLIENT), SocketAddr::from(SERVER));
        Ok(Self {
            now,
            client: Connection::connect(now, Arc::new(client), here, there)?,
            listener: Listener::new(Arc::new(server), crate::Backlog::default()),
            server: None,
            faults,
            delay: Duration::from_millis(10),
            sent: Vec::new(),
            heard: [Vec::new(), Vec::new()],
            flying: BTreeMap::new(),
            count: 0,
            random: seed ^ 0x9e37_79b9_7f4a_7c15,
        })
    }

    /// xorshift64*: no more than a die for the link.
    fn chance(&mut self) -> u32 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40) as u32
    }

    fn happens(&mut self, of_256: u8) -> bool {
        self.chance() & 0xff < u32::from(of_256)
    }

    /// Puts what both ends have to send on the link.
    pub fn flush(&mut self) {
        let mut out = Vec::new();
        while let Some(sent) = self.client.transmit(self.now, &mut out) {
            let offload = self.client.config.offload;
            self.device(Side::Client, offload, &out, sent);
        }
        out.clear();
        while let Some((_, sent)) = self.listener.transmit(self.now, &mut out) {
            let offload = self.listener.config.offload;
            self.device(Side::Server, offload, &out, sent);
        }
        while let Some(sent) = self
            .server
            .as_mut()
            .and_then(|server| server.transmit(self.now, &mut out))
        {
            let offload = self.listener.config.offload;
            self.device(Side::Server, offload, &out, sent);
        }
    }

    /// Does for a segment what its end left to the device.
    fn device(&mut self, side: Side, offload: Offload, out: &[u8], sent: Sent) {
        let octets = &out[sent.range];
        if offload == Offload::None {
            return self.fly(side, octets);
        }
        let Some(pseudo) = PseudoHeader::new(CLIENT.0.into(), SERVER.0.into()) else {
            return;
        };
        for segment in cut(octets, sent.gso_size, pseudo) {
            self.fly(side, &segment);
        }
    }

    /// Sends a segment as if `side` had.
    pub fn fly(&mut self, side: Side, octets: &[u8]) {
        self.sent.push((self.now, side, octets.to_vec()));
        if self.happens(self.faults.loss) {
            return;
        }
        let copies = if self.happens(self.faults.duplicate) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let mut arrival = self.now + self.delay;
            if self.happens(self.faults.reorder) {
                arrival += self.delay * (self.chance() % 300) / 100;
            }
            let mut octets = octets.to_vec();
            if self.happens(self.faults.corrupt) {
                let at = self.chance() as usize % octets.len();
                octets[at] ^= 1 << (self.chance() % 8);
            }
            self.count += 1;
            self.flying.insert((arrival, self.count), (side, octets));
        }
    }

    /// Goes on to the next arrival or timer and lets it happen; false if there is none. A segment
    /// whose checksum is wrong is dropped on arrival, as a host does.
    ///
    /// # Panics
    /// If a timer stays due although it was served.
    pub fn step(&mut self) -> bool {
        self.flush();
        let arrival = self.flying.keys().next().copied();
        let timers = [
            self.client.timeout(),
            self.listener.timeout(),
            self.server.as_ref().and_then(Connection::timeout),
        ];
        let timer = timers.into_iter().flatten().min();
        match (arrival, timer) {
            (None, None) => return false,
            (Some((at, _)), timer) if timer.is_none_or(|timer| at <= timer) => {
                self.now = self.now.max(at);
                if let Some((_, (side, octets))) = self.flying.pop_first() {
                    self.arrive(side, &octets);
                }
            }
            (_, Some(at)) => {
                assert!(at > self.now, "a timer that is due was not served");
                self.now = at;
            }
            (Some(_), None) => {}
        }
        self.flush();
        true
    }

    fn arrive(&mut self, from: Side, octets: &[u8]) {
        let (client, server) = (SocketAddr::from(CLIENT), SocketAddr::from(SERVER));
        let Some(pseudo) = PseudoHeader::new(client.ip(), server.ip()) else {
            return;
        };
        let Ok(segment) = Segment::parse(octets).and_then(|segment| segment.verify(pseudo)) else {
            return;
        };
        match from {
            Side::Server => {
                let heard = self.client.recv(self.now, &segment);
                self.heard[0].push(heard);
            }
            Side::Client => {
                let heard = match &mut self.server {
                    Some(connection) => connection.recv(self.now, &segment),
                    None => self.listener.recv(self.now, server, client, &segment),
                };
                self.heard[1].push(heard);
                self.server = self.server.take().or_else(|| self.listener.accept());
            }
        }
    }

    /// Steps until `done`, at most `steps` times; whether it was.
    pub fn run(&mut self, steps: usize, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        self.flush();
        (0..steps).any(|_| done(self) || !self.step()) && done(self)
    }

    /// Both ends send octets, read what arrives and close: what each read in the end, the client
    /// first. It ends when both are closed, in TIME-WAIT, or have failed.
    pub fn exchange(&mut self, upload: &[u8], download: &[u8]) -> [Vec<u8>; 2] {
        let mut read = [Vec::new(), Vec::new()];
        let mut at = [0, 0];
        let mut buffer = vec![0; 4096];
        self.run(2_000_000, |pair| {
            let mut over = pair.server.is_some() || pair.client.error().is_some();
            let ends = [Some(&mut pair.client), pair.server.as_mut()];
            for (i, end) in ends.into_iter().enumerate() {
                let Some(end) = end else { continue };
                let data = [upload, download][i];
                at[i] += end.send(&data[at[i]..]).unwrap_or(0);
                if at[i] == data.len() && end.state().is_synchronized() {
                    end.close();
                }
                loop {
                    let count = end.read(&mut buffer);
                    read[i].extend_from_slice(&buffer[..count]);
                    if count == 0 {
                        break;
                    }
                }
                over &= matches!(end.state(), State::Closed | State::TimeWait);
            }
            pair.flush();
            over
        });
        read
    }
}
