//! How much gets through links of several kinds, in virtual time: `tcp/goodput.txt` has the figures, with what Linux
//! gives on links of the same kinds beside them.

use std::path::Path;
use std::thread;
use std::time::Duration;

use netkit::stack::link::{End, Link};
use netkit::stack::tcp::{Backlog, Congestion, Cubic, NewReno, Secret};
use netkit::stack::{Host, HostConfig, Network};
use netkit_tests::goodput::{BUFFER, KINDS, Kind, decimal};
use netkit_tests::{Failed, ensure};

#[test]
fn as_much_gets_through_as_the_table_says() -> Result<(), Failed> {
    let lines = thread::scope(|scope| {
        KINDS
            .each_ref()
            .map(|kind| scope.spawn(|| line(kind)))
            .map(|line| line.join().map_err(|_| Failed::from("it panicked"))?)
            .into_iter()
            .collect::<Result<String, Failed>>()
    })?;
    let table = format!("Mbit/s                      CUBIC  Linux   Reno  Linux\n{lines}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tcp/goodput.txt");
    let expected = std::fs::read_to_string(path)?;
    ensure!(
        table == expected,
        "tests/tcp/goodput.txt differs from:\n{table}"
    );
    Ok(())
}

fn line(kind: &Kind) -> Result<String, Failed> {
    let shown = |congestion| carried(kind, congestion).map(|octets| decimal(kind.tenths(octets)));
    let (cubic, reno) = (shown(Cubic::start)?, shown(NewReno::start)?);
    let [linux_cubic, linux_reno] = kind.linux;
    Ok(format!(
        "{} {:24} {cubic:>6} {linux_cubic:>6} {reno:>6} {linux_reno:>6}\n",
        kind.name, kind.what
    ))
}

fn host(address: &str, congestion: fn(u32) -> Box<dyn Congestion>) -> Result<Host, Failed> {
    let mut config = HostConfig::new([address.parse()?], Secret::new([7; 16]));
    config.tcp.congestion = congestion;
    (config.tcp.receive_buffer, config.tcp.send_buffer) = (BUFFER, BUFFER);
    Ok(Host::new(config)?)
}

/// Octets that have arrived when the kind's time is over.
fn carried(kind: &Kind, congestion: fn(u32) -> Box<dyn Congestion>) -> Result<u64, Failed> {
    let hosts = [
        host("192.0.2.1/24", congestion)?,
        host("192.0.2.2/24", congestion)?,
    ];
    let mut network = Network::new(Link::new(7, kind.link()), hosts);
    let start = network.now();
    let end = start + Duration::from_secs(kind.seconds);
    let at = ([192, 0, 2, 2], 80).into();
    let (listener, _) = network.host(End::B).listen(at, Backlog::default())?;
    let sends = network.host(End::A).connect(start, None, at)?;
    let data = vec![7; 1 << 16];
    let (mut accepted, mut octets) = (None, 0);
    let mut failed = Ok(());
    network.run_until(end, |network| {
        let now = network.now();
        failed = (|| {
            while network.host(End::A).send(now, sends, &data)? > 0 {}
            let reader = network.host(End::B);
            accepted = accepted.or_else(|| reader.accept(now, listener));
            if let Some(id) = accepted
                && let Some(connection) = reader.connection(id)
            {
                let (first, rest) = connection.unread();
                let count = first.len() + rest.len();
                reader.consume(now, id, count)?;
                octets += count as u64;
            }
            Ok(())
        })();
        failed.is_err()
    });
    failed.map(|()| octets)
}
