//! Brotli (RFC 7932), on the crate `brotli`.

use super::CertificateCompression;
use crate::codepoints::CertificateCompressionAlgorithm;
use alloc::vec::Vec;
use brotli::{
    BrotliCompress, BrotliDecompressStream, BrotliResult, BrotliState,
    enc::{BrotliEncoderParams, StandardAlloc},
};

/// Certificates in Brotli's format, which browsers take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Brotli;

/// The base-2 logarithms of the smallest window and of the largest that is of use here, at 64 KiB.
const WINDOWS: core::ops::RangeInclusive<i32> = 10..=16;

impl CertificateCompression for Brotli {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm::BROTLI
    }

    /// `None` if it does not get shorter.
    fn compress(&self, mut body: &[u8]) -> Option<Vec<u8>> {
        let length = body.len();
        let params = BrotliEncoderParams {
            quality: 11,
            // A window that holds all of it, so that the peer reserves no more.
            lgwin: WINDOWS
                .into_iter()
                .find(|window| length < 1 << window)
                .unwrap_or(*WINDOWS.end()),
            size_hint: length,
            ..BrotliEncoderParams::default()
        };
        let mut compressed = Vec::new();
        BrotliCompress(&mut body, &mut compressed, &params).ok()?;
        (compressed.len() < length).then_some(compressed)
    }

    fn decompress(&self, compressed: &[u8], body: &mut [u8]) -> Option<usize> {
        let (mut available_in, mut used) = (compressed.len(), 0);
        let (mut available_out, mut written, mut total_out) = (body.len(), 0, 0);
        let allocate = StandardAlloc::default;
        let result = BrotliDecompressStream(
            &mut available_in,
            &mut used,
            compressed,
            &mut available_out,
            &mut written,
            body,
            &mut total_out,
            // Strict: without the large windows that RFC 7932 has not.
            &mut BrotliState::new_strict(allocate(), allocate(), allocate()),
        );
        let whole = matches!(result, BrotliResult::ResultSuccess);
        (whole && used == compressed.len()).then_some(written)
    }
}
