//! A full TLS 1.3 handshake in memory, client and server: X25519, ECDSA P-256, the chain verified to
//! its root and to the name. rustls is driven through its buffered API.

use crate::{
    measure::{Bench, Contest, Unit, timed},
    parties::{Parties, SUITES, name},
};
use netkit_tls::{
    ClientSessionMemory, Connection, CryptoRng, Event, NamedGroup, TicketKeys, UnixTime,
};
use rand_core::UnwrapErr;
use ring::{
    agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral},
    rand::SystemRandom,
    signature::{
        self, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair,
        Signature,
    },
};
use rustls::HandshakeKind;
use std::{hint::black_box, sync::Arc};

pub fn run(bench: &mut Bench) {
    full(bench);
    resumed(bench);
}

/// Each handshake goes on from a ticket of the one before, and two new tickets leave.
fn resumed(bench: &mut Bench) {
    let contest = Contest {
        name: "handshake/resumed",
        peer: "rustls, webpki",
        unit: Unit::Rate(1),
    };
    if !bench.wants(contest.name) {
        return;
    }
    let (parties, suite) = (Parties::new(), &SUITES[0]);
    let mut client = parties.our_client(suite);
    client.sessions = Some(Arc::new(ClientSessionMemory::default()));
    let mut server = parties.our_server(suite);
    server.sessions = Some(Arc::new(TicketKeys::from_secret(&[7; 32])));
    let ours = (Arc::new(client), Arc::new(server));
    let mut client = (*parties.their_client(suite)).clone();
    client.resumption = rustls::client::Resumption::in_memory_sessions(32);
    let mut server = (*parties.their_server(suite)).clone();
    server.ticketer = rustls::crypto::ring::Ticketer::new().expect("a key");
    server.send_tls13_tickets = 2;
    let theirs = (Arc::new(client), Arc::new(server));
    OurPair::connected(&ours.0, &ours.1);
    their_handshake(&theirs.0, &theirs.1);
    bench.run(
        &contest,
        |times| {
            timed(|| {
                for _ in 0..times {
                    let pair = OurPair::connected(&ours.0, &ours.1);
                    assert!(pair.server.agreed().is_some_and(|agreed| agreed.resumed));
                }
            })
        },
        |times| {
            timed(|| {
                for _ in 0..times {
                    let kind = their_handshake(&theirs.0, &theirs.1);
                    assert_eq!(kind, HandshakeKind::Resumed);
                }
            })
        },
    );
}

fn full(bench: &mut Bench) {
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
    let our_turn = |times| {
        timed(|| {
            for _ in 0..times {
                OurPair::connected(&ours.0, &ours.1);
            }
        })
    };
    let their_turn = |times| {
        timed(|| {
            for _ in 0..times {
                let kind = their_handshake(&theirs.0, &theirs.1);
                assert_eq!(kind, HandshakeKind::Full);
            }
        })
    };
    bench.run(&contest, our_turn, their_turn);
    // What each adds to the operations that nobody can leave out.
    let bare = Bare::new();
    let bare_turn = |times| timed(|| (0..times).for_each(|_| bare.operations()));
    let peer = "bare ring";
    bench.run(&Contest { peer, ..contest }, our_turn, bare_turn);
    let name = "handshake of rustls, webpki";
    bench.run(
        &Contest {
            name,
            peer,
            ..contest
        },
        their_turn,
        bare_turn,
    );
}

/// The asymmetric operations of a handshake and no more: two key pairs and agreements on X25519, one
/// ECDSA signature, and two verified, the certificate's and the handshake's.
struct Bare {
    key: EcdsaKeyPair,
    signature: Signature,
}

/// As much as a CertificateVerify covers.
const SIGNED: [u8; 130] = [32; 130];

impl Bare {
    fn new() -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).expect("a key");
        let signature = key.sign(&random, &SIGNED).expect("a signature");
        Self { key, signature }
    }

    fn operations(&self) {
        let random = SystemRandom::new();
        let pair = || {
            let private = EphemeralPrivateKey::generate(&X25519, &random).expect("a key");
            let public = private.compute_public_key().expect("a key");
            (private, public)
        };
        let ((ours, our_public), (theirs, their_public)) = (pair(), pair());
        for (private, public) in [(ours, their_public), (theirs, our_public)] {
            let peer = UnparsedPublicKey::new(&X25519, public);
            let _ = black_box(agree_ephemeral(private, &peer, |secret| secret[0]).expect("agree"));
        }
        black_box(self.key.sign(&random, &SIGNED).expect("a signature"));
        let public = self.key.public_key();
        for _ in 0..2 {
            signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public)
                .verify(&SIGNED, self.signature.as_ref())
                .expect("its signature");
        }
    }
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
        assert!(agreed.group == Some(NamedGroup::X25519) && !agreed.hello_retry);
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

fn their_handshake(
    client: &Arc<rustls::ClientConfig>,
    server: &Arc<rustls::ServerConfig>,
) -> HandshakeKind {
    let mut client = rustls::ClientConnection::new(Arc::clone(client), name()).expect("a client");
    let mut server = rustls::ServerConnection::new(Arc::clone(server)).expect("a server");
    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() || server.wants_write() {
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
    client.handshake_kind().expect("a handshake")
}
