//! How much gets through links of several kinds, in real time and with the kernel on the other end: prints a line for
//! each kind, in Mbit/s. Its arguments are the letters of kinds; without, it takes all, some six minutes.
//!
//! It makes a device, so it wants root and a network namespace of its own: `unshare --net tcp-goodput`.

use std::time::Duration;

use netkit::stack::link::Link;
use netkit::stack::tcp::{Congestion, Cubic, NewReno};
use netkit::stack::{Cable, Tun, bridge};
use netkit_tests::Failed;
use netkit_tests::goodput::{BUFFER, KINDS, Kind, decimal};
use netkit_tests::ours::block_on;
use netkit_tests::place::{Family, Place, ip};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

fn main() {
    if let Err(failed) = run() {
        eprintln!("{}", failed.message().unwrap_or("failed"));
        std::process::exit(1);
    }
}

fn run() -> Result<(), Failed> {
    let place = Place::new(Family::Four, 1500)?;
    // The kernel's default may be another, and a namespace cannot set its own.
    let route = [
        "10.77.0.0/24",
        "dev",
        "tun0",
        "scope",
        "link",
        "src",
        "10.77.0.1",
    ];
    ip(&[&["route", "replace"], &route[..], &["congctl", "cubic"]].concat())?;
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    println!("Mbit/s                      CUBIC   Reno  received");
    for kind in &KINDS {
        if !chosen.is_empty() && !chosen.iter().any(|name| name == kind.name) {
            continue;
        }
        let cubic = carried(&place, kind, Cubic::start, true)?;
        let reno = carried(&place, kind, NewReno::start, true)?;
        let received = carried(&place, kind, Cubic::start, false)?;
        let (name, what) = (kind.name, kind.what);
        println!("{name} {what:24} {cubic:>6} {reno:>6} {received:>9}");
    }
    Ok(())
}

/// What the kernel got from us in the kind's time, or we from the kernel.
fn carried(
    place: &Place,
    kind: &Kind,
    congestion: fn(u32) -> Box<dyn Congestion>,
    we_send: bool,
) -> Result<String, Failed> {
    block_on(async {
        let [near, far] = Cable::new(Link::new(7, kind.link()));
        tokio::spawn(bridge(far, Tun::open("tun0")?));
        let net = place.host_on(near, |config| {
            config.tcp.congestion = congestion;
            (config.tcp.receive_buffer, config.tcp.send_buffer) = (BUFFER, BUFFER);
        })?;
        let listener = tokio::net::TcpListener::bind(place.theirs(0)).await?;
        let at = listener.local_addr()?;
        let ((kernel, _), ours) = tokio::try_join!(listener.accept(), net.connect(at))?;
        let until = Instant::now() + Duration::from_secs(kind.seconds);
        let octets = if we_send {
            between(ours, kernel, until).await?
        } else {
            between(kernel, ours, until).await?
        };
        Ok(decimal(kind.tenths(octets)))
    })
}

/// Octets that have come from one stream to the other when the time is over.
async fn between(
    mut from: impl AsyncWrite + Unpin,
    mut to: impl AsyncRead + Unpin,
    until: Instant,
) -> Result<u64, Failed> {
    let data = vec![7; 1 << 16];
    let mut buffer = vec![0; 1 << 16];
    let mut octets = 0;
    let writes = async { while from.write_all(&data).await.is_ok() {} };
    let reads = async {
        while let Ok(count @ 1..) = to.read(&mut buffer).await {
            octets += count as u64;
        }
    };
    // Neither ends before the time does.
    if timeout_at(until, async { tokio::join!(writes, reads) })
        .await
        .is_ok()
    {
        return Err("a stream has ended".into());
    }
    Ok(octets)
}
