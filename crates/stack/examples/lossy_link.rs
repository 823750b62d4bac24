//! Two hosts on a link that loses, reorders, repeats and damages packets, in virtual time: a mebibyte there and back,
//! what the link did meanwhile, and a capture for Wireshark.
//!
//! `cargo run -p netkit-stack --example lossy_link [FILE.pcap]`

use netkit_stack::{
    Error, Host, HostConfig, ListenerId, Network, SocketId,
    link::{Chance, End, Fate, Link, LinkConfig, Path, Sighting},
    pcap,
    tcp::{Backlog, Connection, Secret},
};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

const LENGTH: usize = 1 << 20;

/// What the link was seen to do.
#[derive(Default)]
struct Seen {
    fates: HashMap<Fate, usize>,
    capture: Vec<u8>,
}

fn link(seen: &Arc<Mutex<Seen>>) -> Link {
    let one = Chance::percent(1.0);
    let path = Path {
        rate: Some(100_000_000),
        queue: 256 << 10,
        delay: Duration::from_millis(10),
        loss: one,
        reorder: one,
        duplicate: one,
        corrupt: one,
        ..Path::default()
    };
    let mut link = Link::new(7, LinkConfig::both(path));
    let tapped = Arc::clone(seen);
    pcap::start(&mut seen.lock().expect("nobody panics").capture);
    link.tap(move |packet: &Sighting<'_>| {
        let mut seen = tapped.lock().expect("nobody panics");
        *seen.fates.entry(packet.fate).or_default() += 1;
        pcap::packet(packet.at, packet.packet, &mut seen.capture);
    });
    link
}

fn host(prefix: &str, secret: u8) -> Result<Host, Box<dyn std::error::Error>> {
    // A host that strangers reach takes sixteen octets of good randomness.
    let config = HostConfig::new([prefix.parse()?], Secret::new([secret; 16]));
    Ok(Host::new(config)?)
}

/// Sends back what it hears, and closes after its peer.
#[derive(Default)]
struct Echo {
    socket: Option<SocketId>,
    waiting: Vec<u8>,
}

impl Echo {
    fn turn(&mut self, host: &mut Host, now: Duration, listener: ListenerId) -> Result<(), Error> {
        self.socket = self.socket.or_else(|| host.accept(now, listener));
        let Some(socket) = self.socket else {
            return Ok(());
        };
        let mut buffer = [0; 16 << 10];
        // What is not sent yet keeps the window closed.
        if self.waiting.is_empty() {
            let count = host.read(now, socket, &mut buffer)?;
            self.waiting.extend_from_slice(&buffer[..count]);
        }
        if !self.waiting.is_empty() {
            let sent = host.send(now, socket, &self.waiting)?;
            self.waiting.drain(..sent);
        } else if host.connection(socket).is_some_and(Connection::at_end) {
            host.close(now, socket)?;
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seen = Arc::<Mutex<Seen>>::default();
    let hosts = [host("2001:db8::1/64", 1)?, host("2001:db8::2/64", 2)?];
    let mut network = Network::new(link(&seen), hosts);
    let (listener, at) = network
        .host(End::B)
        .listen("[2001:db8::2]:7".parse()?, Backlog::default())?;
    let began = network.now();
    let client = network.host(End::A).connect(began, None, at)?;

    let said: Vec<u8> = (0..LENGTH).map(|at| (at % 251) as u8).collect();
    let (mut sent, mut heard, mut echo) = (0, Vec::new(), Echo::default());
    let mut buffer = [0; 16 << 10];
    let end = began + Duration::from_secs(600);
    let done = network.run_until(end, |network| {
        let now = network.now();
        let host = network.host(End::A);
        sent += host.send(now, client, &said[sent..]).unwrap_or(0);
        if sent == LENGTH {
            host.close(now, client).ok();
        }
        let count = host.read(now, client, &mut buffer).unwrap_or(0);
        heard.extend_from_slice(&buffer[..count]);
        echo.turn(network.host(End::B), now, listener).ok();
        heard.len() == LENGTH
    });
    assert!(done && heard == said, "every octet came back in its place");

    let took = network.now().saturating_sub(began);
    println!("{LENGTH} octets there and back in {took:.2?} of virtual time");
    let seen = seen.lock().expect("nobody panics");
    let mut fates: Vec<_> = seen.fates.iter().collect();
    fates.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (fate, count) in fates {
        println!("{count:6} packets {fate}");
    }
    let file = std::env::args().nth(1).map_or_else(
        || std::env::temp_dir().join("lossy_link.pcap"),
        PathBuf::from,
    );
    std::fs::write(&file, &seen.capture)?;
    println!(
        "{}: {} octets for Wireshark",
        file.display(),
        seen.capture.len()
    );
    Ok(())
}
