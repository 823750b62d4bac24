//! What the WebSocket targets share: both sides, behind a handshake.

use getrandom::rand_core::{Infallible, TryCryptoRng, TryRng};
use netkit_ws::{Connection, DeflateAgreed, Limits, handshake::Agreed};

/// Masking keys that repeat: runs have to.
pub struct Random;

impl TryRng for Random {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(1)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(1)
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        for (at, octet) in octets.iter_mut().enumerate() {
            *octet = at as u8 ^ 0x5a;
        }
        Ok(())
    }
}

impl TryCryptoRng for Random {}

/// With compression or without, and with contexts that are kept or not.
pub fn agreed(deflate: bool, forgets: bool) -> Agreed {
    Agreed {
        protocol: None,
        deflate: deflate.then_some(DeflateAgreed {
            level: 1,
            threshold: 4,
            server_no_context_takeover: forgets,
            client_no_context_takeover: forgets,
            server_max_window_bits: 15,
            client_max_window_bits: 9,
        }),
    }
}

/// A client's side.
pub fn client(agreed: &Agreed, limits: Limits) -> Connection {
    Connection::client(agreed, limits, Box::new(Random))
}

/// A server's side.
pub fn server(agreed: &Agreed, limits: Limits) -> Connection {
    Connection::server(agreed, limits)
}
