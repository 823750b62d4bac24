//! The runner's ways to compress certificates: they shorten little, and show which one was used.

use std::sync::Arc;

use netkit::tls::{CertificateCompression, CertificateCompressionAlgorithm};
use rand_core::Rng as _;

use super::flags::{Flags, Unsupported};
use crate::tls_cases::random;

/// Leaves out the two zeros that a Certificate begins with.
const SHRINKING: u16 = 0xff01;
/// Puts [`PREFIX`] in front.
const EXPANDING: u16 = 0xff02;
/// Puts an octet in front that nobody knows before.
const RANDOM: u16 = 0xff03;

const PREFIX: [u8; 4] = [1, 2, 3, 4];

/// One of them, by its number.
struct Mock(u16);

impl CertificateCompression for Mock {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm(self.0)
    }

    fn compress(&self, body: &[u8]) -> Option<Vec<u8>> {
        match self.0 {
            SHRINKING => body.strip_prefix(&[0, 0]).map(<[u8]>::to_vec),
            EXPANDING => Some([&PREFIX, body].concat()),
            _ => {
                let mut octet = [0];
                random().fill_bytes(&mut octet);
                Some([&octet, body].concat())
            }
        }
    }

    fn decompress(&self, compressed: &[u8], body: &mut [u8]) -> Option<usize> {
        let whole = match self.0 {
            SHRINKING => [&[0, 0], compressed].concat(),
            EXPANDING => compressed.strip_prefix(&PREFIX)?.to_vec(),
            _ => compressed.get(1..)?.to_vec(),
        };
        body.get_mut(..whole.len())?.copy_from_slice(&whole);
        Some(whole.len())
    }
}

/// The flags that [`algorithms`] looks at.
pub(super) const FLAGS: [&str; 2] = [
    "install-cert-compression-algs",
    "install-one-cert-compression-alg",
];

/// Those that a connection is to have, in BoringSSL's order.
pub(super) fn algorithms(
    flags: &Flags,
) -> Result<Vec<Arc<dyn CertificateCompression>>, Unsupported> {
    let all = flags.has("install-cert-compression-algs");
    let one = flags.number::<u16>("install-one-cert-compression-alg")?;
    let chosen = [EXPANDING, SHRINKING, RANDOM].into_iter();
    let chosen = chosen.filter(|number| all || one == Some(*number));
    Ok(chosen
        .map(|number| Arc::new(Mock(number)) as Arc<dyn CertificateCompression>)
        .collect())
}
