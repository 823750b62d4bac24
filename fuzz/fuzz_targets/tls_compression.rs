//! Compressed certificates from anyone: what comes out stays in its room, whatever its size; and what we
//! compress comes back. One octet for the algorithm, two for the room, the rest.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit_tls::{Brotli, CertificateCompression, Zlib};

fuzz_target!(|input: &[u8]| {
    let [which, a, b, octets @ ..] = input else {
        return;
    };
    let algorithm: &dyn CertificateCompression = if which % 2 == 0 { &Brotli } else { &Zlib };
    let room = usize::from(u16::from_be_bytes([*a, *b]));
    let decompress = |octets: &[u8], room| {
        let mut body = vec![0; room];
        let written = algorithm.decompress(octets, &mut body)?;
        assert!(written <= room);
        body.truncate(written);
        Some(body)
    };
    if let Some(body) = decompress(octets, room) {
        assert_eq!(decompress(octets, body.len()).as_ref(), Some(&body));
        if let Some(less) = body.len().checked_sub(1) {
            assert_eq!(decompress(octets, less), None);
        }
        let longer = [octets, &[0]].concat();
        assert_eq!(decompress(&longer, room), None);
    }
    if let Some(compressed) = algorithm.compress(octets) {
        assert!(compressed.len() < octets.len());
        assert_eq!(
            decompress(&compressed, octets.len()).as_deref(),
            Some(octets)
        );
    }
});
