//! A wire between two hosts, in memory and in virtual time, that may do to packets what networks do.

use crate::chance::Dice;
use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::{fmt, time::Duration};

pub use crate::chance::Chance;

/// One end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum End {
    /// The one end.
    A,
    /// The other.
    B,
}

impl End {
    /// Both, in order.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// What happens to packets in one direction. The default is a perfect wire without delay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Bits a second; `None` if packets take no time to send.
    pub rate: Option<u64>,
    /// Octets that may wait while another packet is being sent; what finds no room is dropped.
    pub queue: usize,
    /// How long every packet travels.
    pub delay: Duration,
    /// How much longer it may travel: a time between none and this. Order is kept.
    pub jitter: Duration,
    /// It is lost on the way.
    pub loss: Chance,
    /// It takes [`reorder_by`](Self::reorder_by) longer, and the packets behind it overtake it.
    pub reorder: Chance,
    /// How much longer.
    pub reorder_by: Duration,
    /// It arrives twice.
    pub duplicate: Chance,
    /// One of its bits is another when it arrives.
    pub corrupt: Chance,
    /// Octets of the largest packet; larger ones are dropped.
    pub mtu: usize,
}

impl Default for Path {
    fn default() -> Self {
        Self {
            rate: None,
            queue: usize::MAX,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: Chance::NEVER,
            reorder: Chance::NEVER,
            reorder_by: Duration::from_millis(5),
            duplicate: Chance::NEVER,
            corrupt: Chance::NEVER,
            mtu: 1500,
        }
    }
}

impl Path {
    /// How long sending so many octets takes.
    fn sending(&self, octets: usize) -> Duration {
        let bits = (octets as u64).saturating_mul(8_000_000_000);
        Duration::from_nanos(self.rate.map_or(0, |rate| bits / rate.max(1)))
    }

    /// Octets that are sent in so long a time.
    fn sent_in(&self, time: Duration) -> u128 {
        let rate = u128::from(self.rate.unwrap_or(0));
        time.as_nanos().saturating_mul(rate) / 8_000_000_000
    }
}

/// What a link does, each way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkConfig {
    /// To what [`End::A`] sends.
    pub from_a: Path,
    /// To what [`End::B`] sends.
    pub from_b: Path,
}

impl LinkConfig {
    /// The same both ways.
    pub fn both(path: Path) -> Self {
        Self {
            from_a: path.clone(),
            from_b: path,
        }
    }

    const fn from(&self, end: End) -> &Path {
        match end {
            End::A => &self.from_a,
            End::B => &self.from_b,
        }
    }
}

/// What became of a packet, or of one copy of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It arrives.
    Delivered,
    /// It arrives later than those behind it.
    Reordered,
    /// It arrives with a wrong bit.
    Corrupted,
    /// The same packet arrives once more.
    Duplicated,
    /// It is lost on the way.
    Lost,
    /// It found no room in the queue.
    QueueFull,
    /// It is larger than the MTU.
    TooBig,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Delivered => "delivered",
            Self::Reordered => "reordered",
            Self::Corrupted => "corrupted",
            Self::Duplicated => "duplicated",
            Self::Lost => "lost",
            Self::QueueFull => "queue full",
            Self::TooBig => "too big",
        })
    }
}

/// A packet that was given to a link, and what becomes of it: all of that is decided then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting<'p> {
    /// When it was sent.
    pub at: Duration,
    /// Who sent it.
    pub from: End,
    /// Its number among all the link's packets, from 1.
    pub number: u64,
    /// The packet as it was sent.
    pub packet: &'p [u8],
    /// What becomes of it. A packet that is duplicated is seen a second time, with the same number.
    pub fate: Fate,
    /// When it arrives, if it does.
    pub arrives: Option<Duration>,
}

/// Sees every packet of a link.
pub trait Tap: Send {
    /// A packet was given to the link.
    fn sent(&mut self, sighting: &Sighting<'_>);

    /// A packet reached the end `at`, perhaps not as it was sent. `number` is that of its sighting.
    fn arrived(&mut self, _now: Duration, _at: End, _number: u64, _packet: &[u8]) {}
}

impl<F: FnMut(&Sighting<'_>) + Send> Tap for F {
    fn sent(&mut self, sighting: &Sighting<'_>) {
        self(sighting);
    }
}

impl Tap for Box<dyn Tap> {
    fn sent(&mut self, sighting: &Sighting<'_>) {
        (**self).sent(sighting);
    }

    fn arrived(&mut self, now: Duration, at: End, number: u64, packet: &[u8]) {
        (**self).arrived(now, at, number, packet);
    }
}

/// One direction of a link.
#[derive(Debug, Default)]
struct Flow {
    /// When the last packet is sent and the next may be.
    free_at: Duration,
    /// When the last packet that kept its place arrives.
    last: Duration,
    /// On their way: by arrival, then by order of sending. The value's first is the packet's number.
    flying: BTreeMap<(Duration, u64), (u64, Vec<u8>)>,
}

/// A wire between two hosts: packets in at one end by [`send`](Self::send), out at the other by
/// [`recv`](Self::recv). It owns no clock: [`next`](Self::next) says when something arrives.
///
/// The same seed, configuration and packets at the same times have the same fates.
pub struct Link {
    config: LinkConfig,
    dice: [Dice; 2],
    flows: [Flow; 2],
    /// Packets so far, and copies.
    count: u64,
    copies: u64,
    taps: Vec<Box<dyn Tap>>,
}

impl Link {
    /// A wire that is empty. Each direction has dice of its own.
    pub fn new(seed: u64, config: LinkConfig) -> Self {
        let mut seeds = Dice::new(seed);
        let mut dice = || Dice::new(seeds.roll());
        Self {
            config,
            dice: [dice(), dice()],
            flows: [Flow::default(), Flow::default()],
            count: 0,
            copies: 0,
            taps: Vec::new(),
        }
    }

    /// Shows everything from now on to `tap`.
    pub fn tap(&mut self, tap: impl Tap + 'static) {
        self.taps.push(Box::new(tap));
    }

    /// What it does.
    pub const fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// What it does from now on: a route that changes, a cable that is pulled.
    pub const fn config_mut(&mut self) -> &mut LinkConfig {
        &mut self.config
    }

    /// Takes a packet at one end. `now` never goes back.
    pub fn send(&mut self, now: Duration, from: End, packet: Vec<u8>) {
        self.count += 1;
        let path = self.config.from(from).clone();
        let dice = &mut self.dice[from as usize];
        let flow = &mut self.flows[from as usize];
        let waiting = path.sent_in(flow.free_at.saturating_sub(now));
        if packet.len() > path.mtu {
            return self.tell(now, from, &packet, Fate::TooBig, None);
        }
        if waiting > 0 && waiting + packet.len() as u128 > path.queue as u128 {
            return self.tell(now, from, &packet, Fate::QueueFull, None);
        }
        flow.free_at = flow.free_at.max(now) + path.sending(packet.len());
        // It was sent all the same: what is lost takes its time on the wire.
        if dice.happens(path.loss) {
            return self.tell(now, from, &packet, Fate::Lost, None);
        }
        let arrives = (flow.free_at + path.delay + dice.within(path.jitter)).max(flow.last);
        if dice.happens(path.duplicate) {
            self.fly(now, from, &path, packet.clone(), (arrives, Fate::Delivered));
            self.fly(now, from, &path, packet, (arrives, Fate::Duplicated));
        } else {
            self.fly(now, from, &path, packet, (arrives, Fate::Delivered));
        }
    }

    /// Puts one copy on its way.
    fn fly(
        &mut self,
        now: Duration,
        from: End,
        path: &Path,
        mut packet: Vec<u8>,
        (mut arrives, mut fate): (Duration, Fate),
    ) {
        let dice = &mut self.dice[from as usize];
        let flow = &mut self.flows[from as usize];
        if dice.happens(path.reorder) {
            arrives += path.reorder_by;
            fate = Fate::Reordered;
        } else {
            flow.last = arrives;
        }
        let bit = (dice.happens(path.corrupt) && !packet.is_empty())
            .then(|| dice.below(packet.len() as u64 * 8));
        if bit.is_some() {
            fate = Fate::Corrupted;
        }
        self.tell(now, from, &packet, fate, Some(arrives));
        if let Some(bit) = bit {
            packet[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
        self.copies += 1;
        let place = (arrives, self.copies);
        self.flows[from as usize]
            .flying
            .insert(place, (self.count, packet));
    }

    fn tell(
        &mut self,
        at: Duration,
        from: End,
        packet: &[u8],
        fate: Fate,
        arrives: Option<Duration>,
    ) {
        let sighting = Sighting {
            at,
            from,
            number: self.count,
            packet,
            fate,
            arrives,
        };
        for tap in &mut self.taps {
            tap.sent(&sighting);
        }
    }

    /// When the next packet reaches this end; `None` if none is on its way.
    pub fn next(&self, at: End) -> Option<Duration> {
        let flying = &self.flows[at.other() as usize].flying;
        flying.keys().next().map(|(arrives, _)| *arrives)
    }

    /// The next packet that has reached this end by `now`, in the order of arrival.
    pub fn recv(&mut self, now: Duration, at: End) -> Option<Vec<u8>> {
        self.next(at).filter(|&arrives| arrives <= now)?;
        let flying = &mut self.flows[at.other() as usize].flying;
        let ((arrived, _), (number, packet)) = flying.pop_first()?;
        for tap in &mut self.taps {
            tap.arrived(arrived, at, number, &packet);
        }
        Some(packet)
    }

    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.flows.iter().all(|flow| flow.flying.is_empty())
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("config", &self.config)
            .field("packets", &self.count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
