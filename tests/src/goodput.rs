//! Kinds of links, for how much of what is sent gets through.

use std::time::Duration;

use netkit::stack::link::{Chance, LinkConfig, Path};

/// Octets of a host's buffers: as large as Linux lets its own grow.
pub const BUFFER: u32 = 6 << 20;

/// A kind of link, the same both ways.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its letter.
    pub name: &'static str,
    /// What it does, in a few words.
    pub what: &'static str,
    /// Bits a second.
    rate: u64,
    round_trip: Duration,
    loss: Chance,
    /// By five milliseconds.
    reorder: Chance,
    /// Octets.
    queue: usize,
    /// Mbit/s of Linux (6.18, kernel to kernel), with CUBIC and with Reno.
    pub linux: [&'static str; 2],
    /// For how long it is measured.
    pub seconds: u64,
}

impl Kind {
    /// What the link does.
    pub fn link(&self) -> LinkConfig {
        LinkConfig::both(Path {
            rate: Some(self.rate),
            delay: self.round_trip / 2,
            loss: self.loss,
            reorder: self.reorder,
            queue: self.queue,
            ..Path::default()
        })
    }

    /// So many octets in its time, in tenths of Mbit/s.
    pub const fn tenths(&self, octets: u64) -> u64 {
        octets * 8 / self.seconds / 100_000
    }
}

/// Tenths as a decimal.
pub fn decimal(tenths: u64) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

const USUAL: Kind = Kind {
    name: "A",
    what: "100M, 20 ms",
    rate: 100_000_000,
    round_trip: Duration::from_millis(20),
    loss: Chance::NEVER,
    reorder: Chance::NEVER,
    // One bandwidth-delay product.
    queue: 250_000,
    linux: ["96", "96"],
    seconds: 5,
};

/// All kinds.
#[rustfmt::skip]
pub const KINDS: [Kind; 7] = [
    USUAL,
    Kind { name: "B", what: "A, 0.1 % lost", loss: Chance::percent(0.1), linux: ["29", "24"], seconds: 10, ..USUAL },
    Kind { name: "C", what: "A, 1 % lost", loss: Chance::percent(1.0), linux: ["7", "7"], seconds: 20, ..USUAL },
    Kind { name: "D", what: "A, 2 % 5 ms late", reorder: Chance::percent(2.0), linux: ["96", "89"], ..USUAL },
    Kind { name: "E", what: "10M, 100 ms, 1 % lost", rate: 10_000_000, round_trip: Duration::from_millis(100), queue: 125_000, loss: Chance::percent(1.0), linux: ["1.4", "1.5"], seconds: 60, ..USUAL },
    Kind { name: "G", what: "1G, 10 ms, 0.01 % lost", rate: 1_000_000_000, round_trip: Duration::from_millis(10), queue: 1_250_000, loss: Chance::percent(0.01), linux: ["206", "176"], ..USUAL },
    Kind { name: "H", what: "A, queue of 25 kB", queue: 25_000, linux: ["48", "42"], ..USUAL },
];
