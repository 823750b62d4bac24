//! permessage-deflate (RFC 7692): its parameters, and the two directions.

use crate::{
    Error, Extension,
    coding::Ran,
    limits::{FINAL_BLOCKS, INFLATED_PIECE, KEPT},
};
use alloc::{string::ToString, vec::Vec};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The base-2 logarithm of the largest window, which is the default (RFC 7692 7.1.2).
const MOST_BITS: u8 = 15;
/// The smallest window that zlib has.
const LEAST_BITS: u8 = 9;

/// RFC 7692 7.2.1: the end of a flush, which every message would end with and no message does.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// How this side wants to compress, and have the peer compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deflate {
    /// zlib's level, 0 to 9.
    pub level: u32,
    /// Shorter messages are not compressed: they hardly shrink.
    pub threshold: usize,
    /// The server forgets each message when it has sent it (RFC 7692 7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client forgets each message when it has sent it (RFC 7692 7.1.1.2).
    pub client_no_context_takeover: bool,
    /// The base-2 logarithm of the server's window, 9 to 15 (RFC 7692 7.1.2.1).
    pub server_max_window_bits: u8,
    /// The base-2 logarithm of the client's window, 9 to 15 (RFC 7692 7.1.2.2).
    pub client_max_window_bits: u8,
}

impl Default for Deflate {
    /// Contexts are kept and windows are full: a side that compresses holds about 300 KB, one that
    /// inflates about 50 KB, from its first compressed message on.
    fn default() -> Self {
        Self {
            level: 1,
            threshold: 64,
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: MOST_BITS,
            client_max_window_bits: MOST_BITS,
        }
    }
}

/// What both sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeflateAgreed {
    /// As this side configured it.
    pub level: u32,
    /// As this side configured it.
    pub threshold: usize,
    /// The server forgets each message.
    pub server_no_context_takeover: bool,
    /// The client forgets each message.
    pub client_no_context_takeover: bool,
    /// The base-2 logarithm of the server's window, 8 to 15.
    pub server_max_window_bits: u8,
    /// The base-2 logarithm of the client's window, 8 to 15.
    pub client_max_window_bits: u8,
}

/// The parameters as an offer or a response has them.
#[derive(Debug, Clone, Copy, Default)]
struct Params {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    #[expect(clippy::option_option, reason = "an offer may have it without a value")]
    client_max_window_bits: Option<Option<u8>>,
}

impl Params {
    /// RFC 7692 7.1: `None` if a parameter is unknown, repeated, or has a value that it cannot have.
    fn read(extension: &Extension) -> Option<Self> {
        let mut params = Self::default();
        for (name, value) in &extension.params {
            let value = value.as_deref();
            let fresh = match name.as_str() {
                SERVER_NO_CONTEXT_TAKEOVER if value.is_none() => {
                    !core::mem::replace(&mut params.server_no_context_takeover, true)
                }
                CLIENT_NO_CONTEXT_TAKEOVER if value.is_none() => {
                    !core::mem::replace(&mut params.client_no_context_takeover, true)
                }
                SERVER_MAX_WINDOW_BITS => {
                    let bits = bits(value?)?;
                    params.server_max_window_bits.replace(bits).is_none()
                }
                CLIENT_MAX_WINDOW_BITS => {
                    let bits = match value {
                        Some(value) => Some(bits(value)?),
                        None => None,
                    };
                    params.client_max_window_bits.replace(bits).is_none()
                }
                _ => return None,
            };
            if !fresh {
                return None;
            }
        }
        Some(params)
    }

    fn write(self) -> Extension {
        let mut extension = Extension::new(NAME);
        let mut add = |there: bool, name, value: Option<u8>| {
            if there {
                let value = value.map(|bits| bits.to_string());
                extension.params.push((ToString::to_string(name), value));
            }
        };
        let (server, client) = (self.server_max_window_bits, self.client_max_window_bits);
        add(
            self.server_no_context_takeover,
            SERVER_NO_CONTEXT_TAKEOVER,
            None,
        );
        add(
            self.client_no_context_takeover,
            CLIENT_NO_CONTEXT_TAKEOVER,
            None,
        );
        add(server.is_some(), SERVER_MAX_WINDOW_BITS, server);
        add(client.is_some(), CLIENT_MAX_WINDOW_BITS, client.flatten());
        extension
    }
}

/// RFC 7692 7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15".
fn bits(value: &str) -> Option<u8> {
    let bits: u8 = value.parse().ok()?;
    let plain = !value.starts_with(['0', '+']);
    (plain && (8..=MOST_BITS).contains(&bits)).then_some(bits)
}

/// Mentioned when it is less than the default.
fn unless_full(bits: u8) -> Option<u8> {
    (bits < MOST_BITS).then_some(bits)
}

impl Deflate {
    /// What zlib can do.
    fn bits(configured: u8) -> u8 {
        configured.clamp(LEAST_BITS, MOST_BITS)
    }

    /// The client's offer.
    pub(crate) fn offer(&self) -> Extension {
        Params {
            server_no_context_takeover: self.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover,
            server_max_window_bits: unless_full(Self::bits(self.server_max_window_bits)),
            client_max_window_bits: Some(unless_full(Self::bits(self.client_max_window_bits))),
        }
        .write()
    }

    /// The server's choice among the offers: the first that it can satisfy, and its response.
    pub(crate) fn choose(&self, offers: &[Extension]) -> Option<(DeflateAgreed, Extension)> {
        let offers = offers.iter().filter(|offer| offer.name == NAME);
        offers
            .filter_map(Params::read)
            .find_map(|offer| self.satisfy(offer))
    }

    fn satisfy(&self, offer: Params) -> Option<(DeflateAgreed, Extension)> {
        let ours = Self::bits(self.server_max_window_bits);
        let server = ours.min(offer.server_max_window_bits.unwrap_or(MOST_BITS));
        if server < LEAST_BITS {
            return None;
        }
        let theirs = Self::bits(self.client_max_window_bits);
        let client = offer
            .client_max_window_bits
            .map(|bits| theirs.min(bits.unwrap_or(MOST_BITS)));
        let response = Params {
            server_no_context_takeover: self.server_no_context_takeover
                || offer.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover
                || offer.client_no_context_takeover,
            server_max_window_bits: offer
                .server_max_window_bits
                .map(|_| server)
                .or(unless_full(server)),
            // RFC 7692 7.1.2.2: only to a client that says it can.
            client_max_window_bits: client.and_then(unless_full).map(Some),
        };
        Some((self.agreed(response), response.write()))
    }

    /// What the server's response agrees on; it has to be within the offer (RFC 7692 7.1).
    pub(crate) fn check(&self, response: &Extension) -> Result<DeflateAgreed, Error> {
        let params = Some(response)
            .filter(|response| response.name == NAME)
            .and_then(Params::read)
            .ok_or(Error::PeerExtension)?;
        let server = params.server_max_window_bits.unwrap_or(MOST_BITS);
        let within = server <= Self::bits(self.server_max_window_bits)
            && (params.server_no_context_takeover || !self.server_no_context_takeover)
            && match params.client_max_window_bits {
                None => true,
                Some(None) => false,
                Some(Some(client)) => client <= Self::bits(self.client_max_window_bits),
            };
        if within {
            Ok(self.agreed(params))
        } else {
            Err(Error::PeerExtension)
        }
    }

    /// The agreement that a response stands for.
    fn agreed(&self, response: Params) -> DeflateAgreed {
        let client = response.client_max_window_bits.flatten();
        DeflateAgreed {
            level: self.level.min(9),
            threshold: self.threshold,
            server_no_context_takeover: response.server_no_context_takeover,
            client_no_context_takeover: response.client_no_context_takeover,
            server_max_window_bits: response.server_max_window_bits.unwrap_or(MOST_BITS),
            client_max_window_bits: client.unwrap_or(MOST_BITS),
        }
    }
}

impl DeflateAgreed {
    /// The window and forgetfulness of the client's direction, or the server's.
    const fn direction(&self, client: bool) -> (u8, bool) {
        if client {
            (self.client_max_window_bits, self.client_no_context_takeover)
        } else {
            (self.server_max_window_bits, self.server_no_context_takeover)
        }
    }

    /// What the client, or the server, needs. A window that zlib does not have is no reason to fail:
    /// whoever has it sends messages as they are (RFC 7692 6).
    pub(crate) fn coding(&self, client: bool) -> (Option<Deflator>, Inflator) {
        let (bits, forgets) = self.direction(client);
        let deflate = (bits >= LEAST_BITS).then(|| Deflator {
            level: Compression::new(self.level),
            threshold: self.threshold,
            bits,
            forgets,
            compress: None,
            compressed: Vec::new(),
        });
        let (bits, forgets) = self.direction(!client);
        let inflate = Inflator {
            bits: bits.max(LEAST_BITS),
            forgets,
            decompress: None,
            tail: 0,
            finals: 0,
        };
        (deflate, inflate)
    }
}

/// Compresses what this side sends.
pub(crate) struct Deflator {
    level: Compression,
    threshold: usize,
    bits: u8,
    forgets: bool,
    /// Made for the first message: an idle connection needs none.
    compress: Option<Compress>,
    compressed: Vec<u8>,
}

impl Deflator {
    /// Whether a message of so many octets, or that begins with so many, is to be compressed.
    pub(crate) const fn is_worth(&self, length: usize, last: bool) -> bool {
        !last || (length >= self.threshold && length > 0)
    }

    /// The payload of a message's next frame.
    pub(crate) fn message(&mut self, payload: &[&[u8]], last: bool) -> &[u8] {
        let Self { level, bits, .. } = *self;
        let compress = self
            .compress
            .get_or_insert_with(|| Compress::new_with_window_bits(level, false, bits));
        let out = &mut self.compressed;
        if out.capacity() > KEPT {
            *out = Vec::new();
        }
        out.clear();
        for part in payload {
            run(compress, part, FlushCompress::None, out);
        }
        run(compress, &[], FlushCompress::Sync, out);
        if last {
            // RFC 7692 7.2.1: the end of the flush is left out. Where nothing was left to flush, an
            // empty block has to be begun (7.2.3.6).
            if out.ends_with(&TAIL) {
                out.truncate(out.len() - TAIL.len());
            }
            if out.is_empty() {
                out.push(0);
            }
            if self.forgets {
                compress.reset();
            }
        }
        out
    }
}

/// Appends what becomes of all of `part`.
fn run(compress: &mut Compress, mut part: &[u8], flush: FlushCompress, out: &mut Vec<u8>) {
    loop {
        // Room for the flush's own octets beside the content: a flush that just fits repeats itself.
        out.reserve(part.len() / 2 + 64);
        let before = compress.total_in();
        // It fails only where its state is broken, which nothing here can cause.
        let status = compress.compress_vec(part, out, flush);
        part = &part[(compress.total_in() - before) as usize..];
        let full = out.len() == out.capacity();
        if status.is_err() || (part.is_empty() && !full) {
            return;
        }
    }
}

/// Inflates what the peer sends.
pub(crate) struct Inflator {
    bits: u8,
    forgets: bool,
    /// Made for the first message: an idle connection needs none.
    decompress: Option<Decompress>,
    /// How much of [`TAIL`] the message has got back.
    tail: usize,
    /// Final blocks in the message so far.
    finals: u32,
}

impl Inflator {
    /// Inflates the front of `input`, as much as the capacity of `inflated` takes. `last`: the message
    /// ends with `input`.
    pub(crate) fn run(&mut self, input: &[u8], last: bool, inflated: &mut Vec<u8>) -> Ran {
        inflated.clear();
        inflated.reserve(INFLATED_PIECE);
        let mut used = 0;
        let mut fed = self.feed(input, &mut used, inflated);
        if last && used == input.len() && fed.is_ok() {
            let mut tail = self.tail;
            fed = self.feed(&TAIL, &mut tail, inflated);
            self.tail = tail;
        }
        let drained = inflated.len() < inflated.capacity() && (!last || self.tail == TAIL.len());
        if last && drained {
            (self.tail, self.finals) = (0, 0);
            if self.forgets {
                self.decompress = None;
            }
        }
        Ran {
            used,
            drained,
            fault: fed.err(),
        }
    }

    /// Inflates `octets` behind the `used` ones.
    fn feed(
        &mut self,
        octets: &[u8],
        used: &mut usize,
        inflated: &mut Vec<u8>,
    ) -> Result<(), Error> {
        while *used < octets.len() || inflated.is_empty() {
            let bits = self.bits;
            let inflate = self
                .decompress
                .get_or_insert_with(|| Decompress::new_with_window_bits(false, bits));
            let (read, had) = (inflate.total_in(), inflated.len());
            let flush = FlushDecompress::Sync;
            let status = inflate.decompress_vec(&octets[*used..], inflated, flush);
            let eaten = (inflate.total_in() - read) as usize;
            *used += eaten;
            match status {
                Err(_) => return Err(Error::PeerDeflate),
                Ok(Status::StreamEnd) if self.finals == FINAL_BLOCKS => {
                    return Err(Error::PeerDeflate);
                }
                // RFC 7692 7.2.3.5: a final block ends nothing; the next one stands alone.
                Ok(Status::StreamEnd) => {
                    self.finals += 1;
                    inflate.reset(false);
                }
                Ok(_) => {}
            }
            let idle = eaten == 0 && inflated.len() == had;
            if idle || inflated.len() == inflated.capacity() {
                break;
            }
        }
        Ok(())
    }
}
