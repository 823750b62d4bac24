//! The simulated wire: every segment that passed it, what became of it, and the states of both ends.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use netkit::sim::{End, Fate, Sighting};
use netkit::stack::tcp::{Flags, Segment, Seq, State, TcpOption};
use netkit::stack::{Note, Watch, ip::Packet};

/// A segment on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Passage {
    pub(crate) number: u64,
    pub(crate) at: Duration,
    pub(crate) from: End,
    /// The client's port and the server's.
    pub(crate) ports: (u16, u16),
    pub(crate) flags: Flags,
    pub(crate) seq: Seq,
    pub(crate) ack: Seq,
    /// Octets of data.
    pub(crate) length: usize,
    /// Octets of headers: IP's, and TCP's.
    pub(crate) headers: [usize; 2],
    /// It tells of a hole in what arrived.
    pub(crate) has_sack: bool,
    pub(crate) fate: Fate,
    /// The client's state and the server's: the sender's once it was sent, the receiver's once it arrived.
    pub(crate) states: [Option<State>; 2],
    packet: Vec<u8>,
}

impl Passage {
    fn read(sighting: &Sighting<'_>) -> Option<Self> {
        let packet = Packet::parse(sighting.packet).ok()?;
        let segment = Segment::parse(packet.payload).ok()?;
        let (source, destination) = (segment.source_port(), segment.destination_port());
        let total = sighting.packet.len();
        let ip = total - packet.payload.len();
        let mut options = segment.options();
        Some(Self {
            number: sighting.number,
            at: sighting.at,
            from: sighting.from,
            ports: match sighting.from {
                End::A => (source, destination),
                End::B => (destination, source),
            },
            flags: segment.flags(),
            seq: segment.sequence_number(),
            ack: segment.acknowledgment_number(),
            length: segment.payload().len(),
            headers: [ip, total - ip - segment.payload().len()],
            has_sack: options.any(|option| matches!(option, Ok(TcpOption::Sack(_)))),
            fate: sighting.fate,
            states: [None, None],
            packet: sighting.packet.to_vec(),
        })
    }

    /// The number behind what it takes up: data, SYN, FIN.
    pub(crate) fn end(&self) -> Seq {
        let more = [Flags::SYN, Flags::FIN].map(|flag| u32::from(self.flags.has(flag)));
        self.seq + (self.length as u32 + more[0] + more[1])
    }

    /// Whether these flags and no others are set.
    pub(crate) fn is(&self, flags: Flags) -> bool {
        self.flags == flags
    }
}

/// Everything that passed, in the order of sending.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    passed: Vec<Passage>,
    /// What each host has said and the wire has not taken, with the state in which it was said.
    said: [VecDeque<(Vec<u8>, State)>; 2],
}

impl Log {
    pub(crate) fn passed(&self) -> Vec<Passage> {
        self.lock().passed.clone()
    }

    /// The link's tap.
    pub(crate) fn sent(&self, sighting: &Sighting<'_>) {
        let mut inner = self.lock();
        let Some(mut passage) = Passage::read(sighting) else {
            return;
        };
        let said = inner.said[sighting.from as usize].pop_front();
        let said = said.filter(|(packet, _)| packet == sighting.packet);
        passage.states[sighting.from as usize] = said.map(|(_, state)| state);
        inner.passed.push(passage);
    }

    /// The watch of the host at an end.
    pub(crate) fn watch(self: &Arc<Self>, at: End) -> Arc<dyn Watch> {
        let log = Arc::clone(self);
        Arc::new(Watcher { log, at })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Watcher {
    log: Arc<Log>,
    at: End,
}

impl Watch for Watcher {
    fn segment(&self, note: &Note<'_>) {
        let mut inner = self.log.lock();
        let at = self.at as usize;
        if note.sent {
            inner.said[at].push_back((note.packet.to_vec(), note.state));
            return;
        }
        let arrived = inner.passed.iter_mut().find(|passage| {
            passage.from != self.at && passage.states[at].is_none() && passage.packet == note.packet
        });
        if let Some(passage) = arrived {
            passage.states[at] = Some(note.state);
        }
    }
}

/// One connection, by the client's port.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) segments: Vec<Passage>,
    /// Where each end's numbers begin.
    first: [Option<Seq>; 2],
}

impl Story {
    pub(crate) fn of(passed: &[Passage], port: u16) -> Self {
        let segments: Vec<Passage> = passed
            .iter()
            .filter(|passage| passage.ports.0 == port)
            .cloned()
            .collect();
        let first = End::BOTH.map(|end| {
            let is_first =
                |passage: &&Passage| passage.from == end && passage.flags.has(Flags::SYN);
            segments.iter().find(is_first).map(|passage| passage.seq)
        });
        Self { segments, first }
    }

    /// Octets of data that a side sent, each counted once.
    pub(crate) fn stream(&self, from: End) -> u32 {
        let Some(first) = self.first[from as usize] else {
            return 0;
        };
        let ends = self
            .segments
            .iter()
            .filter(|segment| segment.from == from && segment.length > 0)
            .map(|segment| (segment.seq + segment.length as u32).since(first) - 1);
        ends.max().unwrap_or(0)
    }

    /// A line: when, the client's state, the segment, the server's state.
    pub(crate) fn line(&self, segment: &Passage, absolute: bool) -> String {
        let state = |end: End| match segment.states[end as usize] {
            Some(state) => state.to_string(),
            None if segment.fate == Fate::Delivered => String::new(),
            None => segment.fate.to_string(),
        };
        let line = format!(
            "  {:>6} ms  {:<12} {:<41} {:<12}",
            segment.at.as_millis(),
            state(End::A),
            self.said(segment, absolute),
            state(End::B),
        );
        line.trim_end().to_owned()
    }

    /// Way, flags and numbers: as they are, or as Wireshark counts them.
    pub(crate) fn said(&self, segment: &Passage, absolute: bool) -> String {
        let relative = |seq: Seq, end: End| match self.first[end as usize] {
            Some(first) if !absolute => seq.since(first),
            _ => seq.0,
        };
        let way = match segment.from {
            End::A => "->",
            End::B => "<-",
        };
        let mut said = vec![
            way.to_owned(),
            Names(segment.flags).to_string(),
            format!("seq={}", relative(segment.seq, segment.from)),
        ];
        if segment.flags.has(Flags::ACK) {
            let ack = relative(segment.ack, segment.from.other());
            said.push(format!("ack={ack}"));
        }
        if segment.length > 0 {
            said.push(format!("len={}", segment.length));
        }
        said.join(" ")
    }
}

/// The flags by their names.
struct Names(Flags);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Flags::SYN, "SYN"),
            (Flags::FIN, "FIN"),
            (Flags::RST, "RST"),
            (Flags::PSH, "PSH"),
            (Flags::ACK, "ACK"),
        ];
        let mut comma = "";
        for (_, name) in names.iter().filter(|(flag, _)| self.0.has(*flag)) {
            write!(f, "{comma}{name}")?;
            comma = ",";
        }
        Ok(())
    }
}

/// What was lost and what became of it, a line each.
pub(crate) fn losses(passed: &[Passage]) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, lost) in passed.iter().enumerate() {
        if lost.fate != Fate::Lost {
            continue;
        }
        let story = Story::of(passed, lost.ports.0);
        let said = story.said(lost, false);
        let what = format!("  segment {:<4} {said}", lost.number);
        let later = &passed[at + 1..];
        let again = later.iter().find(|passage| {
            passage.from == lost.from
                && passage.ports == lost.ports
                && passage.seq == lost.seq
                && passage.end() != passage.seq
        });
        lines.push(match again {
            _ if lost.end() == lost.seq => format!("{what:<48} an ACK: the next makes up for it"),
            None => format!("{what:<48} nobody waited for it any more"),
            Some(again) => {
                let told = later
                    .iter()
                    .take_while(|passage| passage.number != again.number)
                    .any(|passage| passage.ports == lost.ports && passage.has_sack);
                let why = if told { "SACK" } else { "RTO" };
                let after = again.at.saturating_sub(lost.at).as_millis();
                format!("{what:<48} sent again after {after} ms ({why})")
            }
        });
    }
    lines
}
