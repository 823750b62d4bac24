//! Full records through the machines, and through bare ring: encryption in place and nothing else.

use crate::{
    handshake::OurPair,
    measure::{Bench, Contest, Unit, in_batches, timed},
    parties::{FULL_RECORD, Parties, SUITES, Suite, content},
    rustls_pair::RustlsPair,
};
use netkit_tls::{Connection, Event};
use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::{hint::black_box, io, sync::Arc, time::Duration};

/// Records that wait to be opened at once: they fit the second-level cache.
const BATCH: u64 = 16;

/// Octets of content in a record.
const SIZES: [usize; 3] = [FULL_RECORD, 1024, 64];

fn row(what: &str, suite: &Suite, size: usize) -> String {
    format!("record/{what}/{}/{size}", suite.name)
}

pub fn run(bench: &mut Bench) {
    let parties = Parties::new();
    for suite in &SUITES {
        for peer in ["rustls", "bare ring"] {
            for size in SIZES {
                send(bench, &parties, suite, peer, size);
                send_in_place(bench, &parties, suite, peer, size);
                recv(bench, &parties, suite, peer, size);
            }
        }
    }
}

fn our_pair(parties: &Parties, suite: &Suite) -> OurPair {
    let (client, server) = (parties.our_client(suite), parties.our_server(suite));
    OurPair::connected(&Arc::new(client), &Arc::new(server))
}

fn send(bench: &mut Bench, parties: &Parties, suite: &Suite, peer: &str, size: usize) {
    let name = &row("send", suite, size);
    let contest = Contest {
        name,
        peer,
        unit: Unit::Octets(size),
    };
    if !bench.wants(name) {
        return;
    }
    let body = &content(size);
    let mut out = Vec::new();
    let mut ours = our_pair(parties, suite);
    ours.client.send(&[body], &mut out).expect("open");
    assert_eq!(opened(&mut ours.server, &mut out), *body);
    let ours = |times| {
        timed(|| {
            for _ in 0..times {
                out.clear();
                ours.client.send(&[body], &mut out).expect("open");
                black_box(&mut out);
            }
        })
    };
    against(bench, &contest, parties, suite, body, ours);
}

/// As [`send`], of content that stands in its record already.
fn send_in_place(bench: &mut Bench, parties: &Parties, suite: &Suite, peer: &str, size: usize) {
    let name = &row("send-in-place", suite, size);
    let contest = Contest {
        name,
        peer,
        unit: Unit::Octets(size),
    };
    if !bench.wants(name) {
        return;
    }
    let body = &content(size);
    let mut ours = our_pair(parties, suite);
    let (front, behind) = ours.client.room_around();
    let mut record = vec![0; front];
    record.extend(body);
    record.resize(front + size + behind, 0);
    let mut out = Vec::new();
    ours.client
        .send_in_place(&mut record, &mut out)
        .expect("open");
    assert_eq!(opened(&mut ours.server, &mut record.clone()), *body);
    let ours = |times| {
        timed(|| {
            for _ in 0..times {
                let sent = ours.client.send_in_place(black_box(&mut record), &mut out);
                sent.expect("open");
            }
        })
    };
    against(bench, &contest, parties, suite, body, ours);
}

/// Runs our way of sending against the peer's.
fn against(
    bench: &mut Bench,
    contest: &Contest<'_>,
    parties: &Parties,
    suite: &Suite,
    body: &[u8],
    ours: impl FnMut(u64) -> Duration,
) {
    if contest.peer == "rustls" {
        let mut theirs = RustlsPair::connected(parties, suite);
        let mut sent = Vec::new();
        theirs.send(body, &mut sent);
        theirs.recv(&mut sent, |data| assert_eq!(data, body));
        bench.run(contest, ours, |times| {
            timed(|| (0..times).for_each(|_| theirs.send(body, &mut io::sink())))
        });
    } else {
        let mut bare = Bare::new(suite);
        let mut record = body.to_vec();
        bench.run(contest, ours, |times| {
            timed(|| (0..times).for_each(|_| bare.seal(black_box(&mut record))))
        });
    }
}

fn recv(bench: &mut Bench, parties: &Parties, suite: &Suite, peer: &str, size: usize) {
    let name = &row("recv", suite, size);
    let contest = Contest {
        name,
        peer,
        unit: Unit::Octets(size),
    };
    if !bench.wants(name) {
        return;
    }
    let body = &content(size);
    let mut ours = our_pair(parties, suite);
    let (mut wire, mut out) = (Vec::new(), Vec::new());
    ours.client.send(&[body], &mut wire).expect("open");
    assert_eq!(opened(&mut ours.server, &mut wire), *body);
    let ours = |times| {
        in_batches(times, BATCH, |batch| {
            wire.clear();
            for _ in 0..batch {
                ours.client.send(&[body], &mut wire).expect("open");
            }
            let server = &mut ours.server;
            timed(|| {
                let mut used = 0;
                for _ in 0..batch {
                    let step = server.recv(&mut wire[used..], &mut out).expect("a record");
                    used += step.used;
                    assert!(matches!(step.event, Event::Data(data) if data.len() == size));
                }
            })
        })
    };
    if peer == "rustls" {
        let mut theirs = RustlsPair::connected(parties, suite);
        let mut wire = Vec::new();
        bench.run(&contest, ours, |times| {
            in_batches(times, BATCH, |batch| {
                wire.clear();
                for _ in 0..batch {
                    theirs.send(body, &mut wire);
                }
                timed(|| theirs.recv(&mut wire, |data| assert_eq!(data.len(), size)))
            })
        });
    } else {
        let mut bare = Bare::new(suite);
        bench.run(&contest, ours, |times| {
            in_batches(times, BATCH, |batch| bare.open_batch(body, batch))
        });
    }
}

/// Everything in `arrived`, opened.
fn opened(machine: &mut Connection, arrived: &mut [u8]) -> Vec<u8> {
    let step = machine.recv(arrived, &mut Vec::new()).expect("a record");
    assert_eq!(step.used, arrived_length(&step.event));
    match step.event {
        Event::Data(data) => data.to_vec(),
        other => panic!("{other:?} instead of data"),
    }
}

/// Octets of the record that held `event`: header, content, inner type, tag.
fn arrived_length(event: &Event<'_>) -> usize {
    match event {
        Event::Data(data) => 5 + data.len() + 1 + 16,
        _ => 0,
    }
}

/// A key and a counter.
struct Bare {
    key: LessSafeKey,
    sealed: u64,
}

impl Bare {
    fn new(suite: &Suite) -> Self {
        let key = UnboundKey::new(suite.bare, &[7; 32][..suite.bare.key_len()]);
        Self {
            key: LessSafeKey::new(key.expect("of this length")),
            sealed: 0,
        }
    }

    fn nonce(number: u64) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[4..].copy_from_slice(&number.to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }

    fn seal(&mut self, record: &mut [u8]) {
        let (nonce, header) = (Self::nonce(self.sealed), Aad::from([0; 5]));
        let tag = self.key.seal_in_place_separate_tag(nonce, header, record);
        let _ = black_box(tag.expect("short"));
        self.sealed += 1;
    }

    /// Seals copies of `body` and times their opening.
    fn open_batch(&mut self, body: &[u8], count: u64) -> Duration {
        let mut wire = Vec::new();
        let header = || Aad::from([0; 5]);
        for number in 0..count {
            let mut record = body.to_vec();
            self.key
                .seal_in_place_append_tag(Self::nonce(number), header(), &mut record)
                .expect("short");
            wire.extend(record);
        }
        let took = timed(|| {
            let records = wire.chunks_exact_mut(body.len() + 16);
            for (number, record) in (0..).zip(records) {
                let plain = self
                    .key
                    .open_in_place(Self::nonce(number), header(), record);
                assert_eq!(plain.expect("a record").len(), body.len());
            }
        });
        assert!(wire.starts_with(body));
        took
    }
}
