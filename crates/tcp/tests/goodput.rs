//! How much gets through links of several kinds, in virtual time: `goodput.txt` has the figures, with what Linux
//! (6.18, kernel to kernel) gives on links of the same kinds beside them.

use netkit_tcp::{
    Backlog, Config, Congestion, Connection, Cubic, Listener, NewReno, PseudoHeader, Secret,
    Segment,
};
use std::{collections::BTreeMap, fmt::Write, net::SocketAddr, sync::Arc, time::Duration};

/// A kind of link: loss and reordering in a million packets, the same both ways.
struct Link {
    name: &'static str,
    what: &'static str,
    /// Bits a second.
    rate: u64,
    round_trip: Duration,
    loss: u64,
    reorder: u64,
    /// Octets; one bandwidth-delay product if `None`.
    queue: Option<u64>,
    /// Mbit/s with CUBIC and with Reno.
    linux: (&'static str, &'static str),
    /// How long is measured.
    seconds: u64,
}

const LINK: Link = Link {
    name: "",
    what: "",
    rate: 100_000_000,
    round_trip: Duration::from_millis(20),
    loss: 0,
    reorder: 0,
    queue: None,
    linux: ("", ""),
    seconds: 5,
};

#[rustfmt::skip]
const LINKS: [Link; 7] = [
    Link { name: "A", what: "100M, 20 ms", linux: ("96", "96"), ..LINK },
    Link { name: "B", what: "A, 0.1 % lost", loss: 1000, linux: ("29", "24"), seconds: 10, ..LINK },
    Link { name: "C", what: "A, 1 % lost", loss: 10_000, linux: ("7", "7"), seconds: 20, ..LINK },
    Link { name: "D", what: "A, 2 % 5 ms late", reorder: 20_000, linux: ("96", "89"), ..LINK },
    Link { name: "E", what: "10M, 100 ms, 1 % lost", rate: 10_000_000, round_trip: Duration::from_millis(100), loss: 10_000, linux: ("1.4", "1.5"), seconds: 60, ..LINK },
    Link { name: "G", what: "1G, 10 ms, 0.01 % lost", rate: 1_000_000_000, round_trip: Duration::from_millis(10), loss: 100, linux: ("206", "176"), ..LINK },
    Link { name: "H", what: "A, queue of 25 kB", queue: Some(25_000), linux: ("48", "42"), ..LINK },
];

/// One direction of a link: a queue before a wire.
struct Way<'l> {
    link: &'l Link,
    free_at: Duration,
    flying: BTreeMap<(Duration, u64), Vec<u8>>,
    count: u64,
    random: u64,
}

impl<'l> Way<'l> {
    fn new(link: &'l Link, seed: u64) -> Self {
        Self {
            link,
            free_at: Duration::ZERO,
            flying: BTreeMap::new(),
            count: 0,
            random: seed,
        }
    }

    /// xorshift64*, in a million.
    fn happens(&mut self, in_a_million: u64) -> bool {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % 1_000_000 < in_a_million
    }

    fn send(&mut self, now: Duration, segment: &[u8]) {
        // IP's header goes along.
        let octets = segment.len() as u64 + 20;
        let takes = |octets: u64| Duration::from_nanos(octets * 8_000_000_000 / self.link.rate);
        let product = self.link.rate / 8 * self.link.round_trip.as_millis() as u64 / 1000;
        let queue = takes(self.link.queue.unwrap_or(product));
        if self.free_at.saturating_sub(now) + takes(octets) > queue + takes(1500) {
            return;
        }
        self.free_at = self.free_at.max(now) + takes(octets);
        if self.happens(self.link.loss) {
            return;
        }
        let late = if self.happens(self.link.reorder) {
            5
        } else {
            0
        };
        let arrives = self.free_at + self.link.round_trip / 2 + Duration::from_millis(late);
        self.count += 1;
        self.flying.insert((arrives, self.count), segment.to_vec());
    }

    fn next(&self) -> Option<Duration> {
        self.flying.keys().next().map(|(at, _)| *at)
    }

    fn recv(&mut self, now: Duration) -> Option<Vec<u8>> {
        self.next().filter(|at| *at <= now)?;
        self.flying.pop_first().map(|(_, segment)| segment)
    }
}

/// Octets that get through in the link's time.
fn carried(link: &Link, congestion: fn(u32) -> Box<dyn Congestion>) -> u64 {
    let mut config = Config::new(Secret::new([7; 16]));
    config.congestion = congestion;
    (config.receive_buffer, config.send_buffer) = (6 << 20, 6 << 20);
    let config = Arc::new(config);
    let here: SocketAddr = ([192, 0, 2, 1], 50_000).into();
    let there: SocketAddr = ([192, 0, 2, 2], 80).into();
    let pseudo = PseudoHeader::new(here.ip(), there.ip()).expect("one family");
    let mut now = Duration::from_secs(1);
    let end = now + Duration::from_secs(link.seconds);
    let mut client = Connection::connect(now, config.clone(), here, there).expect("addresses");
    let mut listener = Listener::new(config, Backlog::default());
    let mut server: Option<Connection> = None;
    let (mut up, mut down) = (Way::new(link, 1), Way::new(link, 2));
    let data = vec![b'x'; 1 << 16];
    let (mut out, mut read) = (Vec::new(), 0);
    while now < end {
        while client.send(&data).expect("open") > 0 {}
        out.clear();
        while let Some(sent) = client.transmit(now, &mut out) {
            up.send(now, &out[sent.range]);
        }
        while let Some((_, sent)) = listener.transmit(now, &mut out) {
            down.send(now, &out[sent.range]);
        }
        while let Some(sent) = server
            .as_mut()
            .and_then(|server| server.transmit(now, &mut out))
        {
            down.send(now, &out[sent.range]);
        }
        let timers = [
            client.timeout(),
            listener.timeout(),
            server.as_ref().and_then(Connection::timeout),
        ];
        let next = [up.next(), down.next()]
            .into_iter()
            .chain(timers)
            .flatten()
            .min();
        now = now.max(next.expect("something happens"));
        while let Some(octets) = down.recv(now) {
            let segment = Segment::parse(&octets).expect("whole").verify(pseudo);
            client.recv(now, &segment.expect("right"));
        }
        while let Some(octets) = up.recv(now) {
            let segment = Segment::parse(&octets).expect("whole").verify(pseudo);
            let segment = segment.expect("right");
            if let Some(server) = &mut server {
                server.recv(now, &segment);
            } else {
                listener.recv(now, there, here, &segment);
                server = listener.accept();
            }
        }
        if let Some(server) = &mut server {
            let (first, rest) = server.unread();
            let count = first.len() + rest.len();
            server.consume(count);
            read += count as u64;
        }
    }
    read
}

#[test]
fn as_much_gets_through_as_the_table_says() {
    let mut table = String::from("Mbit/s                      CUBIC  Linux   Reno  Linux\n");
    for link in &LINKS {
        let tenths = |congestion| carried(link, congestion) * 8 / link.seconds / 100_000;
        let (cubic, reno) = (tenths(Cubic::start), tenths(NewReno::start));
        let shown = |tenths: u64| format!("{}.{}", tenths / 10, tenths % 10);
        writeln!(
            table,
            "{} {:24} {:>6} {:>6} {:>6} {:>6}",
            link.name,
            link.what,
            shown(cubic),
            link.linux.0,
            shown(reno),
            link.linux.1
        )
        .expect("a string");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goodput.txt");
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        table == expected,
        "tests/goodput.txt differs from:\n{table}"
    );
}
