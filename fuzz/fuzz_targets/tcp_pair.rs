//! Two ends over a hostile link: every octet in order, or a clean error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit_tcp::{
    Config, NewReno, Offload, Secret,
    generators::{Faults, Pair},
};

fuzz_target!(|input: (u64, Faults, u8, u16, u16)| {
    let (seed, mut faults, options, upload, download) = input;
    // More would only be silence.
    (faults.loss, faults.corrupt) = (faults.loss % 96, faults.corrupt % 64);
    let config = |bits: u8| {
        let mut config = Config::new(Secret::new(u128::from(seed).to_le_bytes()));
        config.sack = bits & 1 == 0;
        config.timestamps = bits & 2 == 0;
        config.window_scale = bits & 4 == 0;
        if bits & 8 == 0 {
            config.congestion = NewReno::start;
            config.receive_buffer = 3000;
            config.offload = Offload::Segmentation;
        }
        config
    };
    let mut pair =
        Pair::with(seed, faults, config(options), config(options >> 4)).expect("addresses");
    let octets = |length: u16, salt: u8| {
        (0..length)
            .map(|i| i as u8 ^ (i >> 8) as u8 ^ salt)
            .collect::<Vec<u8>>()
    };
    let (up, down) = (octets(upload % 20_000, 1), octets(download % 20_000, 2));
    let [at_client, at_server] = pair.exchange(&up, &down);
    assert!(up.starts_with(&at_server) && down.starts_with(&at_client));
    let failed = pair.client.error().is_some()
        || pair
            .server
            .as_ref()
            .is_none_or(|server| server.error().is_some());
    assert!(
        failed || (at_client == down && at_server == up),
        "{} {}",
        at_client.len(),
        at_server.len()
    );
});
