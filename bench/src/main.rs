//! netkit against its peers: both sides of every comparison run alternately in this process.

mod chains;
mod chunks;
mod counted;
mod exchanges;
mod handshake;
mod heads;
mod measure;
mod pairs;
mod parties;
mod records;
mod requests;
mod rustls_pair;
mod segments;
mod sockets;
mod streams;
mod textbook;
mod timing;
mod tun;

use clap::Parser;
use measure::{Bench, Rounds};

/// Measures netkit against its peers and prints ratios of time: below 1, netkit is faster.
#[derive(Parser)]
struct Args {
    /// Run only comparisons whose name contains this.
    filter: Option<String>,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    /// A few short rounds: shows that everything runs and agrees, not how fast.
    #[arg(long)]
    quick: bool,
    /// Does this once, for whoever counts instructions.
    #[arg(long, hide = true)]
    count: Option<String>,
}

fn main() {
    let args = Args::parse();
    if let Some(name) = args.count {
        return match name.split_once('/') {
            Some(("head", what)) => heads::count(what),
            _ => chains::count(&name),
        };
    }
    let rounds = if args.quick {
        Rounds::QUICK
    } else {
        Rounds::FULL
    };
    let mut bench = Bench::new(args.filter, rounds, args.json);
    records::run(&mut bench);
    streams::run(&mut bench);
    handshake::run(&mut bench);
    chains::run(&mut bench);
    heads::run(&mut bench);
    chunks::run(&mut bench);
    exchanges::run(&mut bench);
    requests::run(&mut bench);
    segments::run(&mut bench);
    pairs::run(&mut bench);
    sockets::run(&mut bench);
    timing::run(&mut bench);
    tun::run(&mut bench);
    assert!(bench.has_run(), "no comparison has that in its name");
}
