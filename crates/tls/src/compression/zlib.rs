//! zlib (RFC 1950), on the crate `flate2`.

use super::CertificateCompression;
use crate::codepoints::CertificateCompressionAlgorithm;
use alloc::vec::Vec;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Certificates in zlib's format.
#[derive(Debug, Clone, Copy, Default)]
pub struct Zlib;

impl CertificateCompression for Zlib {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm::ZLIB
    }

    /// `None` if it does not get shorter.
    fn compress(&self, body: &[u8]) -> Option<Vec<u8>> {
        // It fills the room there is and no more.
        let mut compressed = Vec::with_capacity(body.len().saturating_sub(1));
        let status = Compress::new(Compression::best(), true).compress_vec(
            body,
            &mut compressed,
            FlushCompress::Finish,
        );
        let whole = matches!(status, Ok(Status::StreamEnd));
        (whole && compressed.len() < body.len()).then_some(compressed)
    }

    fn decompress(&self, compressed: &[u8], body: &mut [u8]) -> Option<usize> {
        let mut stream = Decompress::new(true);
        let status = stream.decompress(compressed, body, FlushDecompress::Finish);
        let whole = matches!(status, Ok(Status::StreamEnd));
        // Neither is longer than its slice.
        (whole && stream.total_in() == compressed.len() as u64)
            .then_some(stream.total_out() as usize)
    }
}
