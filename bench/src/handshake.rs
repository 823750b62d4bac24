//! A full TLS 1.3 handshake in memory, client and server: X25519, ECDSA P-256, the chain verified to
//! its root and to the name. rustls is driven through its buffered API.

use crate::{
    measure::{Bench, Contest, Unit, timed},
    parties::{Parties, SUITES, name},
};
use netkit_tls::{Connection, CryptoRng, Event, NamedGroup, UnixTime};
use rand_core::UnwrapErr;
use std::sync::Arc;

pub fn run(bench: &mut Bench) {
    let contest = Contest {
        name: "handshake/p256-x25519",
        peer: "rustls, webpki",
        unit: Unit::Rate(1),
    };
    if !bench.wants(contest.name) {
        return;
    }
    let (parties, suite) = (Parties::new(), &SUITES[0]);
    let ours = (
        Arc::new(parties.our_client(suite)),
        Arc::new(parties.our_server(suite)),
    );
    let theirs = (parties.their_client(suite), parties.their_server(suite));
    bench.run(
        &contest,
        |times| {
            timed(|| {
                for _ in 0..times {
                    OurPair::connected(&ours.0, &ours.1);
                }
            })
        },
        |times| {
            timed(|| {
                for _ in 0..times {
                    their_handshake(&theirs.0, &theirs.1);
                }
            })
        },
    );
}

fn random() -> Box<dyn CryptoRng + Send> {
    Box::new(UnwrapErr(getrandom::SysRng))
}

/// netkit's machines with the octets between them.
pub struct OurPair {
    pub client: Connection,
    pub server: Connection,
}

impl OurPair {
    /// Two that are connected.
    pub fn connected(
        client: &Arc<netkit_tls::ClientConfig>,
        server: &Arc<netkit_tls::ServerConfig>,
    ) -> Self {
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        let now = UnixTime::now();
        let client = Arc::clone(client);
        let mut pair = Self {
            client: Connection::client(client, name(), now, random(), &mut to_server)
                .expect("a client"),
            server: Connection::server(Arc::clone(server), now, random()),
        };
        while !(to_server.is_empty() && to_client.is_empty()) {
            deliver(&mut pair.server, &mut to_server, &mut to_client);
            deliver(&mut pair.client, &mut to_client, &mut to_server);
        }
        let agreed = pair.client.agreed().expect("a handshake");
        assert!(agreed.group == NamedGroup::X25519 && !agreed.hello_retry);
        assert!(pair.server.is_connected() && pair.client.peer_chain().len() == 1);
        pair
    }
}

fn deliver(machine: &mut Connection, arrived: &mut Vec<u8>, out: &mut Vec<u8>) {
    let mut used = 0;
    while used < arrived.len() {
        let step = machine
            .recv(&mut arrived[used..], out)
            .expect("a handshake");
        used += step.used;
        assert!(matches!(step.event, Event::Connected | Event::NeedData));
    }
    arrived.clear();
}

fn their_handshake(client: &Arc<rustls::ClientConfig>, server: &Arc<rustls::ServerConfig>) {
    let mut client = rustls::ClientConnection::new(Arc::clone(client), name()).expect("a client");
    let mut server = rustls::ServerConnection::new(Arc::clone(server)).expect("a server");
    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        while client.wants_write() {
            client.write_tls(&mut wire).expect("writes to memory");
        }
        let mut unread = &wire[..];
        while !unread.is_empty() {
            server.read_tls(&mut unread).expect("reads a slice");
            server.process_new_packets().expect("a handshake");
        }
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).expect("writes to memory");
        }
        let mut unread = &wire[..];
        while !unread.is_empty() {
            client.read_tls(&mut unread).expect("reads a slice");
            client.process_new_packets().expect("a handshake");
        }
        wire.clear();
    }
    let group = client.negotiated_key_exchange_group().expect("a handshake");
    assert_eq!(group.name(), rustls::NamedGroup::X25519);
    assert_eq!(client.peer_certificates().map(<[_]>::len), Some(1));
}
