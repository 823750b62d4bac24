//! Two sides in turns, so that what disturbs the machine disturbs both; medians over rounds.

use serde_json::json;
use std::time::{Duration, Instant};

/// How often, and how long each side's turn takes about: so short that a busy machine interrupts few
/// of them.
#[derive(Clone, Copy)]
pub struct Rounds {
    count: usize,
    turn: Duration,
    samples: usize,
}

impl Rounds {
    pub const FULL: Self = Self {
        count: 601,
        turn: Duration::from_millis(1),
        samples: 100_000,
    };
    pub const QUICK: Self = Self {
        count: 3,
        turn: Duration::from_millis(1),
        samples: 400,
    };
}

/// Welch's t from which two classes count as told apart: one in 10^5 pairs without a difference
/// reaches it.
pub const APART: f64 = 4.5;

/// Two classes of samples and Welch's t between their times.
pub struct Pair {
    pub classes: [&'static str; 2],
    pub t: f64,
}

/// How an operation's time is told.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Nanoseconds each.
    Time,
    /// Executed instructions each, counted once.
    Instructions,
    /// An operation does something so often: how often that is a second.
    Rate(u64),
    /// An operation moves so many octets: MB (10^6) a second.
    Octets(usize),
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Time => "ns",
            Self::Instructions => "instr",
            Self::Rate(_) => "1/s",
            Self::Octets(_) => "MB/s",
        }
    }

    fn of(self, nanoseconds: f64) -> f64 {
        match self {
            Self::Time | Self::Instructions => nanoseconds,
            Self::Rate(count) => count as f64 * 1e9 / nanoseconds,
            Self::Octets(octets) => octets as f64 * 1e3 / nanoseconds,
        }
    }
}

/// What is compared.
#[derive(Clone, Copy)]
pub struct Contest<'a> {
    pub name: &'a str,
    pub peer: &'a str,
    pub unit: Unit,
}

/// Runs comparisons and prints a row for each.
pub struct Bench {
    filter: Option<String>,
    rounds: Rounds,
    json: bool,
    has_run: bool,
}

impl Bench {
    pub const fn new(filter: Option<String>, rounds: Rounds, json: bool) -> Self {
        Self {
            filter,
            rounds,
            json,
            has_run: false,
        }
    }

    /// Whether a comparison was asked for: ask before setting it up.
    pub fn wants(&self, name: &str) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| name.contains(filter))
    }

    pub const fn has_run(&self) -> bool {
        self.has_run
    }

    /// How many samples a timing test is to take.
    pub const fn samples(&self) -> usize {
        self.rounds.samples
    }

    /// Prints what a timing test found: for each pair of classes, Welch's t and whether it tells them
    /// apart.
    pub fn pairs(&mut self, name: &str, who: &str, samples: usize, pairs: &[Pair]) {
        if !self.json {
            println!("{name}: {who}, {samples} samples");
        }
        for Pair { classes, t } in pairs {
            let [one, other] = classes;
            let apart = t.abs() >= APART;
            if self.json {
                let row = json!({
                    "name": name, "who": who, "samples": samples, "classes": classes, "t": t,
                    "apart": apart,
                });
                println!("{row}");
            } else {
                let verdict = if apart {
                    "told apart"
                } else {
                    "not told apart"
                };
                println!("    {one:14} {other:14} t = {t:8.2}  {verdict}");
            }
        }
        self.has_run = true;
    }

    /// Each side does an operation so many times and says how long that took.
    pub fn run(
        &mut self,
        contest: &Contest<'_>,
        mut ours: impl FnMut(u64) -> Duration,
        mut theirs: impl FnMut(u64) -> Duration,
    ) {
        let times = calibrate(self.rounds.turn, &mut ours);
        theirs(times);
        let each = |took: Duration| took.as_secs_f64() * 1e9 / times as f64;
        let turns: Vec<(f64, f64)> = (0..self.rounds.count)
            .map(|round| {
                // Who goes first changes: a drift does not favour either.
                if round % 2 == 0 {
                    let first = each(ours(times));
                    (first, each(theirs(times)))
                } else {
                    let first = each(theirs(times));
                    (each(ours(times)), first)
                }
            })
            .collect();
        self.print(contest, times, &turns);
    }

    /// Each side's figure, where one is enough.
    pub fn count(&mut self, contest: &Contest<'_>, [ours, theirs]: [u64; 2]) {
        self.print(contest, 1, &[(ours as f64, theirs as f64)]);
    }

    fn print(&mut self, contest: &Contest<'_>, times: u64, turns: &[(f64, f64)]) {
        let Contest { name, peer, unit } = contest;
        let ours = unit.of(quartiles(turns.iter().map(|turn| turn.0))[1]);
        let theirs = unit.of(quartiles(turns.iter().map(|turn| turn.1))[1]);
        let [low, ratio, high] = quartiles(turns.iter().map(|(ours, theirs)| ours / theirs));
        if self.json {
            let row = json!({
                "name": name, "peer": peer, "unit": unit.name(), "ours": ours, "theirs": theirs,
                "ratio": ratio, "ratio_quartiles": [low, high],
                "rounds": turns.len(), "operations_a_turn": times,
            });
            println!("{row}");
        } else {
            if !self.has_run {
                println!(
                    "{:31} {:14} {:>10} {:>10} {:5} ratio (quartiles)",
                    "comparison", "peer", "netkit", "peer", "unit"
                );
            }
            let unit = unit.name();
            println!(
                "{name:31} {peer:14} {ours:10.0} {theirs:10.0} {unit:5} {ratio:.2} ({low:.2}-{high:.2})"
            );
        }
        self.has_run = true;
    }
}

/// How often `side` does its operation in about `turn`, going by the best of three: what else runs
/// on the machine, and what only the first time costs, does not count.
fn calibrate(turn: Duration, mut side: impl FnMut(u64) -> Duration) -> u64 {
    let mut times = 1;
    loop {
        let took = side(times).min(side(times)).min(side(times));
        if took * 4 >= turn {
            let fit = u128::from(times) * turn.as_nanos() / took.as_nanos().max(1);
            return (fit as u64).max(1);
        }
        times *= 2;
    }
}

/// Lower quartile, median and upper quartile.
fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    [last / 4, last / 2, last - last / 4].map(|at| values[at])
}

/// How long `work` took.
pub fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// `times` operations in batches of at most `size`, each timed by `work`, which may prepare for it first.
pub fn in_batches(times: u64, size: u64, mut work: impl FnMut(u64) -> Duration) -> Duration {
    (0..times.div_ceil(size))
        .map(|done| work(size.min(times - done * size)))
        .sum()
}
