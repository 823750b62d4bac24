//! Whether the time of an RSA decryption tells what was encrypted: Welch's t between classes of
//! ciphertexts that come in random order, for ours and for a twin that leaks on purpose.

use crate::{
    measure::{APART, Bench, Pair, timed},
    textbook::{OCTETS, Textbook},
};
use netkit_tls::{PrivateKeyDer, ProtocolVersion, rsa::Decrypter};
use rand_core::{Rng, UnwrapErr};
use std::hint::black_box;

const KEY: &[u8] = include_bytes!("../../crates/tls/tests/rsa/2048.der");

const CLASSES: [&str; 4] = ["good", "bad padding", "wrong version", "wrong length"];

/// Where, in the encoded message, the padding ends and the secret starts.
const END: usize = OCTETS - 49;

pub fn run(bench: &mut Bench) {
    let name = "timing/rsa-premaster";
    if !bench.wants(name) {
        return;
    }
    let ours = Decrypter::new(&PrivateKeyDer::Pkcs1(KEY.into())).expect("a key");
    let twin = Textbook::new(KEY);
    let mut random = UnwrapErr(getrandom::SysRng);
    let mut times: [Times; 2] = Default::default();
    for _ in 0..bench.samples() {
        let class = (random.next_u32() % 4) as usize;
        let message = encoded(class, &mut random);
        let encrypted = twin.encrypt(&message);
        let mut secrets = [[0; 48]; 2];
        let took = timed(|| {
            let found = ours.decrypt(black_box(&encrypted), ProtocolVersion::TLS1_2, &mut random);
            secrets[0] = *found;
        });
        times[0].add(class, took.as_nanos() as f64);
        let took = timed(|| secrets[1] = twin.decrypt(black_box(&encrypted), &mut random));
        times[1].add(class, took.as_nanos() as f64);
        // Only a good one is found; whatever else comes out is drawn.
        let found = secrets.map(|secret| secret == message[OCTETS - 48..]);
        assert_eq!(found, [class == 0; 2], "{}", CLASSES[class]);
    }
    let [ours, twin] = times.map(Times::pairs);
    let samples = bench.samples();
    bench.pairs(name, "netkit", samples, &ours);
    bench.pairs(name, "a twin that leaks", samples, &twin);
    if samples >= 100_000 {
        let apart = |pair: &Pair| pair.t.abs() >= APART;
        assert!(!ours.iter().any(apart), "the time tells what was encrypted");
        assert!(twin.iter().all(apart), "the test does not see a leak");
    }
}

/// An encoded message (RFC 8017 7.2.1) of a class.
fn encoded(class: usize, random: &mut impl Rng) -> [u8; OCTETS] {
    let mut message = [0; OCTETS];
    random.fill_bytes(&mut message);
    for octet in &mut message {
        *octet = (*octet).max(1);
    }
    message[..2].copy_from_slice(&[0, 2]);
    message[END] = 0;
    message[END + 1..END + 3].copy_from_slice(&[3, 3]);
    match CLASSES[class] {
        "bad padding" => message[1] = 1,
        "wrong version" => message[END + 2] = 2,
        "wrong length" => message.swap(END, END + 1),
        _ => {}
    }
    message
}

/// Nanoseconds, by class.
#[derive(Default)]
struct Times([Vec<f64>; 4]);

impl Times {
    fn add(&mut self, class: usize, nanoseconds: f64) {
        self.0[class].push(nanoseconds);
    }

    /// Every pair of classes. The slowest twentieth of all samples is left out: they tell what else
    /// the machine did.
    fn pairs(mut self) -> Vec<Pair> {
        let mut all = self.0.concat();
        all.sort_by(f64::total_cmp);
        let slowest = all[all.len() * 19 / 20];
        self.0
            .iter_mut()
            .for_each(|class| class.retain(|&time| time < slowest));
        let classes: Vec<_> = CLASSES.into_iter().zip(&self.0).collect();
        let mut pairs = Vec::new();
        for (at, &(one, times)) in classes.iter().enumerate() {
            for &(other, other_times) in &classes[at + 1..] {
                pairs.push(Pair {
                    classes: [one, other],
                    t: welch(times, other_times),
                });
            }
        }
        pairs
    }
}

/// Welch's t of two samples.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let [(mean_1, error_1), (mean_2, error_2)] = [one, other].map(|sample| {
        let count = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / count;
        let squares: f64 = sample.iter().map(|time| (time - mean).powi(2)).sum();
        (mean, squares / (count - 1.0) / count)
    });
    (mean_1 - mean_2) / (error_1 + error_2).sqrt()
}
