//! Content codings (RFC 9110 8.4): gzip and deflate, as machines without I/O. With the feature `coding`.
//!
//! ```
//! use netkit_http::coding::{Coding, Decoded, Decoder, Encoder};
//!
//! let (mut encoder, mut coded) = (Encoder::new(Coding::Gzip, 6), Vec::new());
//! encoder.send(&[b"hello, ", b"world"], &mut coded)?;
//! encoder.close(&mut coded)?;
//!
//! let mut decoder = Decoder::new(Coding::Gzip);
//! let (mut rest, mut content, mut room) = (&coded[..], Vec::new(), [0; 4]);
//! loop {
//!     let step = decoder.recv(rest, &mut room)?;
//!     rest = &rest[step.used..];
//!     match step.event {
//!         Decoded::Data(piece) => content.extend_from_slice(piece),
//!         Decoded::NeedData => break,
//!     }
//! }
//! decoder.eof()?; // the content ends here: was it all there?
//! assert_eq!(content, b"hello, world");
//! # Ok::<(), netkit_http::Error>(())
//! ```

mod decoder;
mod encoder;
mod gzip;

pub use decoder::{Decoded, Decoder};
pub use encoder::Encoder;

/// A content coding (RFC 9110 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `gzip` (8.4.1.3): deflate data in the format of RFC 1952.
    Gzip,
    /// `deflate` (8.4.1.2): deflate data in the format of zlib (RFC 1950). Some send it without that
    /// format, against the RFC; a [`Decoder`] takes it.
    Deflate,
}

impl Coding {
    /// Every coding there is here, the best first.
    pub const ALL: [Self; 2] = [Self::Gzip, Self::Deflate];

    /// Its name, in any case. `x-gzip` is a name of gzip, too (8.4.1.3).
    pub fn named(name: &[u8]) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("gzip") || is("x-gzip") {
            Some(Self::Gzip)
        } else if is("deflate") {
            Some(Self::Deflate)
        } else {
            None
        }
    }

    /// Its name in the registry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }
}

/// The checksum of zlib (RFC 1950 9).
#[derive(Debug, Clone, Copy)]
struct Adler32 {
    low: u32,
    high: u32,
}

impl Adler32 {
    /// The largest prime below 2^16.
    const BASE: u32 = 65_521;
    /// Octets whose sums stay below 2^32.
    const RUN: usize = 5552;

    const fn new() -> Self {
        Self { low: 1, high: 0 }
    }

    fn update(&mut self, octets: &[u8]) {
        for run in octets.chunks(Self::RUN) {
            for &octet in run {
                self.low += u32::from(octet);
                self.high += self.low;
            }
            self.low %= Self::BASE;
            self.high %= Self::BASE;
        }
    }

    const fn sum(self) -> u32 {
        self.high << 16 | self.low
    }
}

#[cfg(test)]
mod tests {
    use super::{Adler32, Coding};
    use alloc::vec;

    #[test]
    fn names() {
        for coding in Coding::ALL {
            assert_eq!(Coding::named(coding.name().as_bytes()), Some(coding));
        }
        assert_eq!(Coding::named(b"X-GZip"), Some(Coding::Gzip));
        assert_eq!(Coding::named(b"x-deflate"), None);
        assert_eq!(Coding::named(b"identity"), None);
    }

    #[test]
    fn adler32() {
        let of = |octets: &[u8]| {
            let mut adler = Adler32::new();
            adler.update(octets);
            adler.sum()
        };
        // As Python's zlib.adler32 has them.
        assert_eq!(of(b""), 1);
        assert_eq!(of(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(of(&vec![0xff; 100_000]), 0x149a_302c);
        let mut pieces = Adler32::new();
        pieces.update(&vec![0xff; 40_001]);
        pieces.update(&vec![0xff; 59_999]);
        assert_eq!(pieces.sum(), 0x149a_302c);
    }
}
