//! A connection whose peer is the test: it hears segments written by hand, and what it says is read
//! as text. Numbers count from each side's initial sequence number.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use netkit_tcp::{
    Config, Connection, Flags, Header, Heard, Offload, PseudoHeader, Secret, Segment, Seq, State,
    TcpOption,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};

pub const OURS: ([u8; 4], u16) = ([192, 0, 2, 1], 50_000);
pub const PEERS: ([u8; 4], u16) = ([192, 0, 2, 2], 80);
pub const PEER_ISS: Seq = Seq(u32::MAX - 20);

pub const S: Flags = Flags::SYN;
pub const A: Flags = Flags::ACK;
pub const F: Flags = Flags::FIN;
pub const R: Flags = Flags::RST;
pub const U: Flags = Flags::URG;

pub fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub fn config() -> Config {
    let mut config = Config::new(Secret::new([7; 16]));
    // Tests that are about options turn them on.
    (config.timestamps, config.sack, config.window_scale) = (false, false, false);
    config
}

pub fn pseudo() -> PseudoHeader {
    PseudoHeader::new(OURS.0.into(), PEERS.0.into()).expect("one family")
}

/// The octets of a segment from the peer.
pub fn from_peer(header: Header, data: &[u8]) -> Vec<u8> {
    let header = Header {
        source_port: PEERS.1,
        destination_port: OURS.1,
        ..header
    };
    let mut octets = vec![0; header.length()];
    octets.extend_from_slice(data);
    header.write(pseudo(), &mut octets);
    octets
}

pub struct Host {
    pub now: Duration,
    pub connection: Connection,
    pub iss: Seq,
    /// What the peer announces from now on.
    pub window: u16,
    pub options: Vec<TcpOption<'static>>,
    pub urgent_pointer: u16,
    offload: Offload,
}

impl Host {
    /// SYN-SENT; the SYN is out.
    pub fn connecting(config: Config) -> Self {
        let now = Duration::from_secs(1);
        let (ours, peers) = (SocketAddr::from(OURS), SocketAddr::from(PEERS));
        let offload = config.offload;
        let mut connection =
            Connection::connect(now, Arc::new(config), ours, peers).expect("addresses");
        let mut out = Vec::new();
        connection.transmit(now, &mut out).expect("a SYN");
        let iss = Segment::parse(&out).expect("whole").sequence_number();
        Self {
            now,
            connection,
            iss,
            window: 10_000,
            options: Vec::new(),
            urgent_pointer: 0,
            offload,
        }
    }

    /// ESTABLISHED with a peer whose MSS is 1000; the handshake's ACK is out.
    pub fn established(config: Config) -> Self {
        Self::established_with(config, &[TcpOption::MaximumSegmentSize(1000)])
    }

    /// The same with these options in the peer's SYN.
    pub fn established_with(config: Config, options: &[TcpOption<'static>]) -> Self {
        let mut host = Self::connecting(config);
        host.options = options.to_vec();
        assert!(host.hear(S | A, 0, 1, b"").connected);
        host.options.clear();
        assert_eq!(host.said(), [". 1+0 ack 1"]);
        host
    }

    /// In any state but LISTEN, what leads there sent and answered.
    pub fn in_state(config: Config, state: State) -> Self {
        let mut host = match state {
            State::SynSent | State::SynReceived => Self::connecting(config),
            _ => Self::established(config),
        };
        let path: &[State] = match state {
            State::Closed | State::SynReceived | State::FinWait1 | State::CloseWait => &[state],
            State::FinWait2 | State::Closing => &[State::FinWait1, state],
            State::LastAck => &[State::CloseWait, state],
            State::TimeWait => &[State::FinWait1, State::FinWait2, state],
            _ => &[],
        };
        for next in path {
            match next {
                State::Closed => host.connection.abort(),
                State::SynReceived => drop(host.hear(S, 0, 0, b"")),
                State::FinWait1 | State::LastAck => host.connection.close(),
                State::FinWait2 => drop(host.hear(A, 1, 2, b"")),
                State::CloseWait | State::Closing => drop(host.hear(F | A, 1, 1, b"")),
                _ => drop(host.hear(F | A, 1, 2, b"")),
            }
            host.said();
        }
        assert_eq!(host.connection.state(), state);
        host
    }

    /// The peer says something; numbers count from the initial ones.
    pub fn hear(&mut self, flags: Flags, seq: u32, ack: u32, data: &[u8]) -> Heard {
        let header = Header {
            sequence_number: PEER_ISS + seq,
            acknowledgment_number: if flags.has(A) { self.iss + ack } else { Seq(0) },
            flags,
            window: self.window,
            urgent_pointer: self.urgent_pointer,
            ..Header::default()
        };
        let header = header
            .with_options(self.options.iter().copied())
            .expect("room");
        let octets = from_peer(header, data);
        let segment = Segment::parse(&octets)
            .expect("whole")
            .verify(pseudo())
            .expect("right");
        self.connection.recv(self.now, &segment)
    }

    /// Everything that is due, as `flags seq+length ack number`.
    pub fn said(&mut self) -> Vec<String> {
        self.segments()
            .iter()
            .map(|octets| self.read(octets))
            .collect()
    }

    fn read(&self, octets: &[u8]) -> String {
        let segment = Segment::parse(octets).expect("whole");
        match self.offload {
            Offload::None => drop(segment.verify(pseudo()).expect("right")),
            _ => assert_eq!(segment.checksum(), pseudo().partial(octets.len())),
        }
        let seq = match segment.sequence_number() {
            Seq(0) => "zero".to_owned(),
            seq => seq.since(self.iss).cast_signed().to_string(),
        };
        let (flags, length) = (segment.flags(), segment.payload().len());
        if flags.has(A) {
            let ack = segment
                .acknowledgment_number()
                .since(PEER_ISS)
                .cast_signed();
            format!("{flags} {seq}+{length} ack {ack}")
        } else {
            format!("{flags} {seq}+{length}")
        }
    }

    /// Everything that is due, as octets.
    pub fn segments(&mut self) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        std::iter::from_fn(|| {
            let sent = self.connection.transmit(self.now, &mut out)?;
            Some(out[sent.range].to_vec())
        })
        .take(1000)
        .collect()
    }

    /// The window that the last thing due announces, not scaled.
    pub fn announced(&mut self) -> Option<u16> {
        let last = self.segments().pop()?;
        Some(Segment::parse(&last).expect("whole").window())
    }

    pub fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    /// Goes on to the next timer; how long that was.
    pub fn next_timer(&mut self) -> Option<Duration> {
        let at = self.connection.timeout()?;
        let waited = at.abs_diff(self.now);
        self.now = at;
        Some(waited)
    }

    /// Each thing said, with the milliseconds since the last, until `count` were or nothing is due.
    pub fn says_in_time(&mut self, count: usize) -> Vec<(u64, String)> {
        let (mut said, mut since) = (Vec::new(), self.now);
        while said.len() < count && self.next_timer().is_some() {
            for line in self.said() {
                said.push((self.now.abs_diff(since).as_millis() as u64, line));
                since = self.now;
            }
        }
        said
    }
}
