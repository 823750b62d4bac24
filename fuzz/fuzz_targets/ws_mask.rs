//! A payload is masked in any pieces, at any place in memory, with whatever registers the processor has, as
//! it is one octet at a time.
//!
//! The masking key, where the payload begins and where it is cut, then the payload.

#![no_main]

use getrandom::rand_core::{Infallible, TryCryptoRng, TryRng};
use libfuzzer_sys::fuzz_target;
use netkit_ws::{Connection, Kind, Limits, handshake::Agreed};

/// The same masking key for every frame.
struct Given([u8; 4]);

impl TryRng for Given {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_ne_bytes(self.0))
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u32::from_ne_bytes(self.0).into())
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        octets.as_chunks_mut().0.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Given {}

fuzz_target!(|input: &[u8]| {
    let Some((key, [start, cut, few, payload @ ..])) = input.split_first_chunk::<4>() else {
        return;
    };
    // Longer than what a fuzzer likes to send: several times the widest step.
    let payload = payload.repeat(1 + usize::from(few % 8));
    let mut place = vec![0; usize::from(start % 64)];
    let start = place.len();
    place.extend_from_slice(&payload);
    let random = Box::new(Given(*key));
    let mut client = Connection::client(&Agreed::default(), Limits::default(), random);
    let (mut head, mut frame) = (Vec::new(), Vec::new());
    let mask = client.head(Kind::Binary, &[&payload], true, &mut head);
    let mut mask = mask.expect("open");
    let cut = usize::from(*cut).min(payload.len());
    let (front, back) = place[start..].split_at_mut(cut);
    mask.apply(front);
    mask.apply(back);
    let each = payload.iter().zip(key.iter().cycle());
    assert!(
        place[start..]
            .iter()
            .eq(each.map(|(o, k)| o ^ k).collect::<Vec<_>>().iter())
    );

    // What is copied and masked piece by piece is the same frame.
    let sent = client.send(
        Kind::Binary,
        &[&payload[..cut], &payload[cut..]],
        true,
        &mut frame,
    );
    sent.expect("open");
    head.extend_from_slice(&place[start..]);
    assert!(head == frame);
});
