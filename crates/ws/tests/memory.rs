//! What messages cost in memory: allocations from one side to the other, once buffers have grown.

use allocation_counter::measure;
use netkit_ws::{Connection, DeflateAgreed, Event, Kind, Limits, handshake::Agreed};
use rand_core::{Infallible, TryCryptoRng, TryRng};

/// Not random at all: tests repeat.
struct Same;

impl TryRng for Same {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(7)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(7)
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        octets.fill(7);
        Ok(())
    }
}
impl TryCryptoRng for Same {}

/// What one side sends and the other inflates.
#[derive(Default)]
struct Buffers {
    wire: Vec<u8>,
    inflated: Vec<u8>,
    out: Vec<u8>,
}

/// Allocations while a message goes from one side to the other, which appends it to `kept`.
fn allocations(
    (from, to): (&mut Connection, &mut Connection),
    buffers: &mut Buffers,
    message: &[u8],
    kept: &mut Vec<u8>,
) -> u64 {
    let Buffers {
        wire,
        inflated,
        out,
    } = buffers;
    measure(|| {
        wire.clear();
        from.send(Kind::Binary, &[message], true, wire).unwrap();
        let mut used = 0;
        loop {
            let step = to.recv(&mut wire[used..], inflated, out).unwrap();
            used += step.used;
            match step.event {
                Event::Data { bytes, last, .. } => {
                    kept.extend_from_slice(bytes);
                    if last {
                        break;
                    }
                }
                other => panic!("{other:?} instead of data"),
            }
        }
    })
    .count_total
}

/// More messages than masking keys are drawn for at once.
const MESSAGES: usize = 100;

fn echoes_without_an_allocation(agreed: &Agreed) {
    let mut client = Connection::client(agreed, Limits::default(), Box::new(Same));
    let mut server = Connection::server(agreed, Limits::default());
    let mut buffers = Buffers::default();
    let message: Vec<u8> = (0..20_000_u32).map(|at| (at / 7) as u8).collect();
    let mut kept = Vec::with_capacity(2 * message.len());
    for round in 0..MESSAGES {
        kept.clear();
        let there = (&mut client, &mut server);
        let there = allocations(there, &mut buffers, &message, &mut kept);
        let back = (&mut server, &mut client);
        let back = allocations(back, &mut buffers, &message, &mut kept);
        assert!(kept == message.repeat(2), "what was heard in round {round}");
        // The first fills buffers, and makes what compresses.
        let counts = (there, back);
        assert!(
            round == 0 || counts == (0, 0),
            "{counts:?} in round {round}"
        );
    }
    // The count is a count: a buffer that has to grow shows in it.
    let sides = (&mut client, &mut server);
    assert_ne!(
        allocations(sides, &mut buffers, &message, &mut Vec::new()),
        0
    );
}

#[test]
fn messages_are_sent_and_received_without_an_allocation() {
    echoes_without_an_allocation(&Agreed::default());
}

#[test]
fn compressed_messages_are_sent_and_received_without_an_allocation() {
    let deflate = DeflateAgreed {
        level: 1,
        threshold: 64,
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    echoes_without_an_allocation(&Agreed {
        protocol: None,
        deflate: Some(deflate),
    });
}
