//! A chain from anyone against a fixed root: it ends in a verdict, the same each time, and only a
//! certificate that the root's holder issued is ever accepted. Every refusal can be explained.
//!
//! The input is certificates behind two-octet lengths: the end entity, then the pool.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit_core::Reader;
use netkit_x509::{CertificateDer, Error, Roots, ServerName, UnixTime, diagnose};
use std::{sync::LazyLock, time::Duration};

/// Inputs that hold everything the root vouches for.
const ISSUED: [&[u8]; 3] = [
    include_bytes!("../seeds/x509_verify/chain"),
    include_bytes!("../seeds/x509_verify/direct"),
    include_bytes!("../seeds/x509_verify/cycle_with_way_out"),
];

static ROOTS: LazyLock<Roots> = LazyLock::new(|| {
    let mut roots = Roots::new();
    let added = roots.add(include_bytes!("../seeds/x509_parse/root.der"));
    assert_eq!(added, Ok(()));
    roots
});

fn chain(input: &[u8]) -> Vec<CertificateDer<'_>> {
    let mut reader = Reader::new(input);
    let mut chain = Vec::new();
    while let Ok(der) = reader.block_u16() {
        chain.push(CertificateDer::from(der));
    }
    chain
}

fuzz_target!(|input: &[u8]| {
    let chain = chain(input);
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_893_456_000));
    for name in ["www.a.example", "x.a.example", "192.0.2.1", "b.example"] {
        let name = ServerName::try_from(name).expect("a server name");
        let verdict = ROOTS.verify_server(&chain, &name, now);
        assert_eq!(verdict, ROOTS.verify_server(&chain, &name, now));
        match verdict {
            Ok(()) => assert!(
                ISSUED
                    .iter()
                    .any(|issued| self::chain(issued)[0] == chain[0])
            ),
            Err(error) => explain(&chain, &ROOTS, &name, now, error),
        }
    }

    // The peer's last certificate as a root: every way of ending a path.
    let mut own = Roots::new();
    if let Some(Ok(())) = chain.last().map(|der| own.add(der)) {
        let name = ServerName::try_from("www.a.example").expect("a server name");
        if let Err(error) = own.verify_server(&chain, &name, now) {
            explain(&chain, &own, &name, now, error);
        }
    }
});

fn explain(
    chain: &[CertificateDer<'_>],
    roots: &Roots,
    name: &ServerName<'_>,
    now: UnixTime,
    error: Error,
) {
    let text = diagnose(chain, roots, name, now, error).to_string();
    assert!(!text.is_empty() && !text.chars().any(|c| c.is_control() && c != '\n'));
    assert!(text.len() < 20_000, "{}", text.len());
}
