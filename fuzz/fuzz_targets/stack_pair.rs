//! Two whole hosts on a link that does to packets what it is told: every octet in order, or a clean error, and
//! then nothing is left of the connection.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use netkit_stack::{
    Host, HostConfig, Network, SocketId,
    link::{Chance, End, Link, LinkConfig, Path},
    tcp::{Backlog, Connection, Secret, State},
};
use std::{net::SocketAddr, time::Duration};

#[derive(Debug, Arbitrary)]
struct Input {
    seed: u64,
    six: bool,
    faults: [Faults; 2],
    /// Whether a side has SACK, timestamps, Nagle's rule and small buffers.
    options: [u8; 2],
    lengths: [u16; 2],
    /// Packets that come from nowhere while the two talk.
    strays: Vec<Vec<u8>>,
}

/// Of one direction, each small enough that something gets through.
#[derive(Debug, Arbitrary)]
struct Faults {
    rate: u16,
    queue: u16,
    delay: u8,
    jitter: u8,
    loss: u8,
    reorder: u8,
    duplicate: u8,
    corrupt: u8,
    mtu: u8,
}

impl Faults {
    /// 576 octets at least for IPv4, 1280 for IPv6, 9000 at most.
    fn mtu(&self, six: bool) -> usize {
        if six {
            1280 + usize::from(self.mtu) * 30
        } else {
            576 + usize::from(self.mtu) * 33
        }
    }

    fn path(&self, six: bool) -> Path {
        let percent = |octet: u8| Chance::percent(f64::from(octet % 30));
        Path {
            rate: (self.rate > 0).then(|| 100_000 + u64::from(self.rate) * 10_000),
            queue: 10_000 + usize::from(self.queue),
            delay: Duration::from_millis(self.delay.into()),
            jitter: Duration::from_millis(self.jitter.into()),
            loss: percent(self.loss),
            reorder: percent(self.reorder),
            duplicate: percent(self.duplicate),
            corrupt: percent(self.corrupt),
            mtu: self.mtu(six),
            ..Path::default()
        }
    }
}

struct Talk {
    id: Option<SocketId>,
    says: Vec<u8>,
    said: usize,
    heard: Vec<u8>,
    is_over: bool,
}

impl Talk {
    fn new(id: Option<SocketId>, length: u16, salt: u8) -> Self {
        let says = (0..length % 6000).map(|at| at as u8 ^ (at >> 8) as u8 ^ salt);
        Self {
            id,
            says: says.collect(),
            said: 0,
            heard: Vec::new(),
            is_over: false,
        }
    }

    fn go_on(&mut self, host: &mut Host, now: Duration) {
        let Some(id) = self.id else { return };
        self.said += host.send(now, id, &self.says[self.said..]).unwrap_or(0);
        // Closed before the peer has answered, it would be taken back.
        let is_open = |it: &Connection| it.state().is_synchronized();
        if self.said == self.says.len() && host.connection(id).is_some_and(is_open) {
            host.close(now, id).expect("held");
        }
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = host.read(now, id, &mut buffer) {
            self.heard.extend_from_slice(&buffer[..count]);
        }
        let state = host.connection(id).map_or(State::Closed, Connection::state);
        self.is_over = matches!(state, State::Closed | State::TimeWait);
    }

    fn has_failed(&self, host: &Host) -> bool {
        let connection = self.id.and_then(|id| host.connection(id));
        connection.is_none_or(|connection| connection.error().is_some())
    }
}

fn host(prefix: &str, seed: u64, options: u8, mtu: usize) -> Host {
    let secret = Secret::new(u128::from(seed).to_le_bytes());
    let mut config = HostConfig::new([prefix.parse().expect("a prefix")], secret);
    config.mtu = mtu as u16;
    config.tcp.sack = options & 1 == 0;
    config.tcp.timestamps = options & 2 == 0;
    config.tcp.nagle = options & 4 == 0;
    if options & 8 == 0 {
        (config.tcp.send_buffer, config.tcp.receive_buffer) = (5000, 3000);
    }
    Host::new(config).expect("a host")
}

fuzz_target!(|input: Input| {
    let Input { six, seed, .. } = input;
    let [there, back] = &input.faults;
    let mtu = there.mtu(six).min(back.mtu(six));
    let link = LinkConfig {
        from_a: there.path(six),
        from_b: back.path(six),
    };
    let prefixes = if six {
        ["2001:db8::1/64", "2001:db8::2/64"]
    } else {
        ["192.0.2.1/24", "192.0.2.2/24"]
    };
    let [a, b] = input.options;
    let hosts = [
        host(prefixes[0], seed, a, mtu),
        host(prefixes[1], !seed, b, mtu),
    ];
    let mut network = Network::new(Link::new(seed, link), hosts);
    let server: SocketAddr = if six {
        ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 2], 80).into()
    } else {
        ([192, 0, 2, 2], 80).into()
    };
    let listening = network.host(End::B).listen(server, Backlog::default());
    let (listener, _) = listening.expect("free");
    let now = network.now();
    let opened = network.host(End::A).connect(now, None, server);
    let mut client = Talk::new(Some(opened.expect("a port")), input.lengths[0], 1);
    let mut other = Talk::new(None, input.lengths[1], 2);
    let mut strays = input.strays.iter();
    let mut steps = 0;
    let over = network.run_until(now + Duration::from_secs(3600), |network| {
        steps += 1;
        assert!(steps < 1_000_000, "endless talk");
        let now = network.now();
        if let Some(stray) = strays.next() {
            let _ = network.host(End::B).recv(now, stray);
        }
        client.go_on(network.host(End::A), now);
        let host = network.host(End::B);
        other.id = other.id.or_else(|| host.accept(now, listener));
        other.go_on(host, now);
        let is_lost = client.has_failed(network.host(End::A)) && other.id.is_none();
        client.is_over && other.is_over || is_lost
    });
    let failed = client.has_failed(network.host(End::A)) || other.has_failed(network.host(End::B));
    // Who waits for a peer that gave up waits for ever: keep-alives are off (RFC 9293 3.8.4).
    assert!(over || failed, "it never ends");
    assert!(client.says.starts_with(&other.heard), "not in order");
    assert!(other.says.starts_with(&client.heard), "not in order");
    assert!(
        failed || client.says == other.heard && other.says == client.heard,
        "octets are missing and nobody says why"
    );
    // Given up, nothing of it is held for ever.
    let now = network.now();
    network.host(End::B).unlisten(now, listener);
    for (end, talk) in End::BOTH.into_iter().zip([client, other]) {
        if let Some(id) = talk.id {
            network.host(end).leave(now, id);
        }
    }
    network.run_until(now + Duration::from_secs(3600), |_| false);
    for end in End::BOTH {
        assert_eq!(network.host(end).connections(), 0, "held for ever");
    }
});
