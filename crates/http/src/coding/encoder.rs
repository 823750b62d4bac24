//! From content to coded octets.

use super::{Coding, gzip};
use crate::Error;
use alloc::vec::Vec;
use core::fmt;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Puts a content coding on.
pub struct Encoder {
    coding: Coding,
    compress: Compress,
    crc: Crc,
    /// The header has been written.
    begun: bool,
    closed: bool,
}

impl Encoder {
    /// With zlib's `level`, 0 to 9: 1 is fast, 9 is small, 0 does not compress.
    pub fn new(coding: Coding, level: u32) -> Self {
        let has_zlib_format = coding == Coding::Deflate;
        Self {
            coding,
            compress: Compress::new(Compression::new(level.min(9)), has_zlib_format),
            crc: Crc::new(),
            begun: false,
            closed: false,
        }
    }

    /// Appends what becomes of these pieces of content. Most of it may come later: see [`flush`](Self::flush).
    pub fn send(&mut self, content: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Error> {
        self.begin(out)?;
        for piece in content {
            if self.coding == Coding::Gzip {
                self.crc.update(piece);
            }
            self.run(piece, FlushCompress::None, out);
        }
        Ok(())
    }

    /// Appends what is missing for the content so far to be decoded. Each time costs a few octets.
    pub fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.begin(out)?;
        self.run(&[], FlushCompress::Sync, out);
        Ok(())
    }

    /// Appends the end of the coding.
    pub fn close(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.begin(out)?;
        self.closed = true;
        self.run(&[], FlushCompress::Finish, out);
        if self.coding == Coding::Gzip {
            out.extend_from_slice(&self.crc.sum().to_le_bytes());
            // RFC 1952 2.3.1: ISIZE is "modulo 2^32".
            out.extend_from_slice(&self.crc.amount().to_le_bytes());
        }
        Ok(())
    }

    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.closed {
            return Err(Error::MisuseOrder);
        }
        if !self.begun && self.coding == Coding::Gzip {
            out.extend_from_slice(&gzip::MAGIC);
            // No flags, no time, no level, and an operating system that is unknown (RFC 1952 2.3.1).
            out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 255]);
        }
        self.begun = true;
        Ok(())
    }

    /// Appends what becomes of all of `piece`.
    fn run(&mut self, mut piece: &[u8], flush: FlushCompress, out: &mut Vec<u8>) {
        loop {
            // Room for a flush's own octets, too: one that just fits repeats itself.
            out.reserve(piece.len() / 2 + 64);
            let before = self.compress.total_in();
            let status = self.compress.compress_vec(piece, out, flush);
            piece = &piece[(self.compress.total_in() - before) as usize..];
            let has_room = out.len() < out.capacity();
            match status {
                // It fails only where its state is broken, which nothing here can cause.
                Err(_) | Ok(Status::StreamEnd) => return,
                Ok(_) if piece.is_empty() && has_room => return,
                Ok(_) => {}
            }
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("coding", &self.coding)
            .field("content", &self.compress.total_in())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Encoder;
    use crate::{Error, coding::Coding};
    use alloc::{vec, vec::Vec};
    use std::io::Read;

    #[test]
    fn flate2_reads_it() {
        let content: Vec<u8> = (0..200_000u32).map(|at| (at / 7 % 251) as u8).collect();
        for level in [0, 1, 6, 9, 12] {
            for coding in Coding::ALL {
                let (mut encoder, mut coded) = (Encoder::new(coding, level), Vec::new());
                encoder
                    .send(&[&content[..10], &content[10..]], &mut coded)
                    .unwrap();
                encoder.close(&mut coded).unwrap();
                let mut found = Vec::new();
                let read = match coding {
                    Coding::Gzip => {
                        flate2::read::GzDecoder::new(&coded[..]).read_to_end(&mut found)
                    }
                    Coding::Deflate => {
                        flate2::read::ZlibDecoder::new(&coded[..]).read_to_end(&mut found)
                    }
                };
                assert_eq!(read.ok(), Some(content.len()), "{level} {coding:?}");
                assert_eq!(found, content);
                assert_eq!(coded.len() > content.len(), level == 0);
            }
        }
    }

    #[test]
    fn nothing_is_sent_behind_the_end() {
        for coding in Coding::ALL {
            let (mut encoder, mut out) = (Encoder::new(coding, 1), vec![7]);
            encoder.close(&mut out).unwrap();
            let length = out.len();
            assert_eq!(encoder.send(&[b"x"], &mut out), Err(Error::MisuseOrder));
            assert_eq!(encoder.flush(&mut out), Err(Error::MisuseOrder));
            assert_eq!(encoder.close(&mut out), Err(Error::MisuseOrder));
            assert_eq!((out[0], out.len()), (7, length));
        }
    }
}
