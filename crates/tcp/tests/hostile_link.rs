//! Two ends over a link that loses, reorders, repeats and damages segments, in virtual time: every
//! octet in order, or a clean error.

use netkit_tcp::{
    Config, Cubic, Error, Flags, NewReno, Offload, Secret, Segment, State,
    generators::{Faults, Pair, Side},
    internet_checksum,
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

/// The client aborts amid a transfer: what the server has read is the beginning of it, and the server
/// learns of the end.
fn is_aborted(pair: &mut Pair, seed: u64) {
    let (up, down) = (octets(1, 60_000), octets(2, 60_000));
    let (mut queued, mut read) = (0, Vec::new());
    let mut buffer = vec![0; 4096];
    let mut steps = 0;
    pair.run(200_000, |pair| {
        steps += 1;
        queued += pair.client.send(&up[queued..]).unwrap_or(0);
        if steps == 20 + seed % 200 {
            pair.client.abort();
        }
        let Some(server) = &mut pair.server else {
            return pair.client.error().is_some() && steps > 1000;
        };
        let _ = server.send(&down);
        let count = server.read(&mut buffer);
        read.extend_from_slice(&buffer[..count]);
        server.is_closed()
    });
    assert!(up.starts_with(&read), "{} octets read", read.len());
    let ended = pair.server.as_ref().and_then(netkit_tcp::Connection::error);
    let told = matches!(ended, Some(Error::PeerReset | Error::PathTimedOut));
    assert!(told || pair.server.is_none(), "{ended:?}");
}

/// What both ends sent, for Wireshark: a capture of bare IPv4 packets.
fn capture(pair: &Pair, seed: u64) -> std::path::PathBuf {
    let mut file: Vec<u8> = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 101u32] {
        file.extend(word.to_le_bytes());
    }
    for (at, side, octets) in &pair.sent {
        let (source, destination) = match side {
            Side::Client => ([192, 0, 2, 1], [192, 0, 2, 2]),
            Side::Server => ([192, 0, 2, 2], [192, 0, 2, 1]),
        };
        let length = 20 + octets.len() as u32;
        for word in [at.as_secs() as u32, at.subsec_micros(), length, length] {
            file.extend(word.to_le_bytes());
        }
        let start = file.len();
        file.extend([
            0x45,
            0,
            (length >> 8) as u8,
            length as u8,
            0,
            0,
            0x40,
            0,
            64,
            6,
            0,
            0,
        ]);
        file.extend(source);
        file.extend(destination);
        let checksum = internet_checksum(&file[start..]);
        file[start + 10..start + 12].copy_from_slice(&checksum.to_be_bytes());
        file.extend(octets);
    }
    let path = std::env::temp_dir().join(format!("netkit-tcp-{seed}.pcap"));
    std::fs::write(&path, file).expect("a place for files that nobody needs");
    path
}

#[test]
fn a_capture_of_a_failure_holds_every_segment() {
    let mut pair = Pair::new(9, Faults::default()).expect("addresses");
    carries(&mut pair, 1000, 0);
    let path = capture(&pair, u64::MAX);
    let size = std::fs::metadata(&path).expect("written").len();
    let octets: usize = pair
        .sent
        .iter()
        .map(|(_, _, octets)| 36 + octets.len())
        .sum();
    assert_eq!(size, 24 + octets as u64);
    std::fs::remove_file(path).expect("removable");
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
    for seed in 0..seeds.unwrap_or(500u64) {
        let faults = Faults {
            loss: (seed % 5 * 6) as u8,
            reorder: (seed / 5 % 4 * 20) as u8,
            duplicate: (seed / 20 % 3 * 12) as u8,
            corrupt: (seed / 60 % 3 * 6) as u8,
        };
        let (mut client, mut server) = (config(seed), config(seed + 1));
        // What one segment at a time loses is a matter of many timeouts.
        client.user_timeout = Duration::from_secs(1000);
        server.user_timeout = Duration::from_secs(1000);
        client.sack = seed % 2 == 0;
        server.timestamps = seed % 3 != 0;
        server.window_scale = seed % 7 != 0;
        client.congestion = if seed % 4 < 2 {
            NewReno::start
        } else {
            Cubic::start
        };
        client.mtu = [1500, 576, 9000][(seed % 3) as usize];
        server.receive_buffer = [256 * 1024, 4096, 20_000, 700][(seed / 3 % 4) as usize];
        if seed % 11 == 0 {
            client.offload = Offload::Segmentation;
        }
        let mut pair = Pair::with(seed, faults, client, server).expect("addresses");
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            if seed % 16 == 5 {
                is_aborted(&mut pair, seed);
            } else {
                carries(&mut pair, 60_000, 30_000);
            }
        }));
        assert!(
            outcome.is_ok(),
            "seed {seed}: {faults:?}: see {}",
            capture(&pair, seed).display()
        );
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
    assert_eq!(pair.client.error(), Some(Error::PathTimedOut));
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
