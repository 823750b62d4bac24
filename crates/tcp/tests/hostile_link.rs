//! Two ends over a link that loses, reorders, repeats and damages segments, in virtual time: every
//! octet in order, or a clean error.

use netkit_tcp::{
    Config, Cubic, Flags, NewReno, Secret, Segment, State,
    generators::{Faults, Pair, Side},
};
use proptest::prelude::*;
use std::time::Duration;

fn octets(seed: u8, length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| (i as u8).wrapping_mul(31) ^ (i >> 8) as u8 ^ seed)
        .collect()
}

fn config(seed: u64) -> Config {
    Config::new(Secret::new(u128::from(seed).to_le_bytes()))
}

/// Everything arrives, and both ends close in order.
fn carries(pair: &mut Pair, upload: usize, download: usize) {
    let (up, down) = (octets(1, upload), octets(2, download));
    let [at_client, at_server] = pair.exchange(&up, &down);
    let server = pair.server.as_ref().expect("accepted");
    let ends = (
        pair.client.state(),
        server.state(),
        pair.client.error(),
        server.error(),
    );
    assert!(
        at_server == up,
        "{} of {upload} octets up: {ends:?}",
        at_server.len()
    );
    assert!(
        at_client == down,
        "{} of {download} octets down: {ends:?}",
        at_client.len()
    );
    assert_eq!((pair.client.error(), server.error()), (None, None));
}

#[test]
fn a_quiet_link_carries_both_ways() {
    let mut pair = Pair::new(1, Faults::default()).expect("addresses");
    carries(&mut pair, 1_000_000, 300_000);
    let again = pair
        .sent
        .iter()
        .filter(|(_, side, _)| *side == Side::Client)
        .map(|(_, _, octets)| Segment::parse(octets).expect("whole"))
        .filter(|segment| !segment.payload().is_empty())
        .count();
    assert!(
        again <= 1_000_000 / 1448 + 20,
        "{again} segments: some were sent twice"
    );
}

#[test]
fn an_empty_connection_is_seven_segments_and_ends_in_time_wait() {
    let mut pair = Pair::new(2, Faults::default()).expect("addresses");
    carries(&mut pair, 0, 0);
    let flags: Vec<_> = pair
        .sent
        .iter()
        .map(|(_, _, octets)| Segment::parse(octets).expect("whole").flags().to_string())
        .collect();
    assert_eq!(&flags[..3], ["S", "S.", "."]);
    assert!(flags.len() <= 7, "{flags:?}");
    let fins = pair.sent.iter().filter(|(_, _, octets)| {
        Segment::parse(octets)
            .expect("whole")
            .flags()
            .has(Flags::FIN)
    });
    assert_eq!(fins.count(), 2);
}

#[test]
fn hundreds_of_seeds_lose_nothing_under_every_fault() {
    let seeds = std::env::var("NETKIT_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok());
    for seed in 0..seeds.unwrap_or(300u64) {
        let faults = Faults {
            loss: (seed % 5 * 6) as u8,
            reorder: (seed / 5 % 4 * 20) as u8,
            duplicate: (seed / 20 % 3 * 12) as u8,
            corrupt: (seed / 60 % 3 * 6) as u8,
        };
        let (mut client, mut server) = (config(seed), config(seed + 1));
        client.sack = seed % 2 == 0;
        server.timestamps = seed % 3 != 0;
        server.window_scale = seed % 7 != 0;
        client.congestion = if seed % 4 < 2 {
            NewReno::start
        } else {
            Cubic::start
        };
        client.mtu = [1500, 576, 9000][(seed % 3) as usize];
        server.receive_buffer = [256 * 1024, 4096, 20_000][(seed / 3 % 3) as usize];
        let mut pair = Pair::with(seed, faults, client, server).expect("addresses");
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            carries(&mut pair, 60_000, 30_000);
        }));
        assert!(outcome.is_ok(), "seed {seed}: {faults:?}");
    }
}

#[test]
fn a_dead_link_is_a_clean_error_in_time() {
    let faults = Faults {
        loss: 255,
        ..Faults::default()
    };
    let mut pair = Pair::new(3, faults).expect("addresses");
    let began = pair.now;
    // One segment in 256 still passes: none does with this seed until the end.
    pair.run(1000, |pair| pair.client.is_closed());
    assert_eq!(pair.client.error(), Some(netkit_tcp::Error::PathTimedOut));
    assert_eq!(
        pair.now.abs_diff(began),
        Duration::from_secs(180),
        "R2 of a SYN, MUST-23"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_faults_lose_nothing_or_end_cleanly(seed: u64, loss in 0u8..90, reorder: u8, duplicate: u8, corrupt in 0u8..60, length in 0usize..40_000) {
        let faults = Faults { loss, reorder, duplicate, corrupt };
        let mut pair = Pair::new(seed, faults).expect("addresses");
        let data = octets(seed as u8, length);
        let [_, at_server] = pair.exchange(&data, &[]);
        let failed = pair.client.error().is_some() || pair.server.as_ref().is_none_or(|server| server.error().is_some());
        prop_assert!(data.starts_with(&at_server));
        prop_assert!(failed || at_server.len() == data.len(), "{} of {length}", at_server.len());
    }
}

#[test]
fn the_same_seed_gives_the_same_segments() {
    let run = || {
        let faults = Faults {
            loss: 20,
            reorder: 20,
            duplicate: 20,
            corrupt: 20,
        };
        let mut pair = Pair::new(7, faults).expect("addresses");
        pair.exchange(&octets(1, 50_000), &octets(2, 50_000));
        pair.sent
    };
    assert_eq!(run(), run());
    assert!(run().len() > 70);
}

#[test]
fn time_wait_lasts_two_msl() {
    let mut pair = Pair::new(8, Faults::default()).expect("addresses");
    carries(&mut pair, 10, 10);
    let waits = [
        pair.client.state(),
        pair.server.as_ref().expect("accepted").state(),
    ];
    assert!(waits.contains(&State::TimeWait), "{waits:?}");
    let began = pair.now;
    pair.run(100, |pair| pair.client.is_closed());
    assert!(
        pair.now.abs_diff(began) >= Duration::from_millis(239_900),
        "{:?}",
        pair.now.abs_diff(began)
    );
}
