//! Certificates in fewer octets (RFC 8879), in TLS 1.3 alone.

#[cfg(feature = "brotli")]
pub(crate) mod brotli;
#[cfg(feature = "zlib")]
pub(crate) mod zlib;

use crate::{
    codepoints::{CertificateCompressionAlgorithm, ExtensionType},
    error::Error,
    identity::Identity,
    limits::MAX_COMPRESSIONS,
    messages::{CompressedCertificate, HEADER_LEN, write_certificate_body},
};
use alloc::{sync::Arc, vec, vec::Vec};
use core::fmt;

/// An algorithm that certificates are compressed with. [`Brotli`](crate::Brotli) and
/// [`Zlib`](crate::Zlib) are built in, each behind a feature.
///
/// What it is given is the body of a Certificate: nothing in it is secret.
pub trait CertificateCompression: Send + Sync {
    /// Its number.
    fn algorithm(&self) -> CertificateCompressionAlgorithm;

    /// The compressed form of `body`. `None` if it is not worth sending: the Certificate then goes as
    /// it is.
    fn compress(&self, body: &[u8]) -> Option<Vec<u8>>;

    /// Writes what `compressed` stands for to the front of `body`, which is as long as the peer says it
    /// is, and returns how many octets that were. `None` if `compressed` is broken, if something stands
    /// behind its end, or if it stands for more than `body` has room for.
    fn decompress(&self, compressed: &[u8], body: &mut [u8]) -> Option<usize>;
}

/// Refuses a list that cannot be offered.
pub(crate) fn check(algorithms: &[Arc<dyn CertificateCompression>]) -> Result<(), Error> {
    if algorithms.len() > MAX_COMPRESSIONS {
        return Err(Error::MisuseConfig(
            "too many certificate compression algorithms",
        ));
    }
    if has_repeats(algorithms.iter().map(|known| known.algorithm().0)) {
        return Err(Error::MisuseConfig(
            "a certificate compression algorithm stands twice",
        ));
    }
    Ok(())
}

/// Whether a number stands twice. There are never more than [`MAX_COMPRESSIONS`].
pub(crate) fn has_repeats(mut numbers: impl Iterator<Item = u16> + Clone) -> bool {
    while let Some(number) = numbers.next() {
        if numbers.clone().any(|other| other == number) {
            return true;
        }
    }
    false
}

/// The body of the Certificate that `m` stands for, with its header no longer than `longest`.
pub(crate) fn decompress(
    m: &CompressedCertificate<'_>,
    offered: &[Arc<dyn CertificateCompression>],
    longest: usize,
) -> Result<Vec<u8>, Error> {
    let algorithm = offered
        .iter()
        .find(|known| known.algorithm() == m.algorithm)
        .ok_or(Error::PeerIllegalParameter(
            "a certificate compression algorithm that was not offered",
        ))?;
    // RFC 8879 4: the stated length is there to be limited before anything is reserved for it.
    let length = m.uncompressed_length as usize;
    if HEADER_LEN + length > longest {
        return Err(Error::PeerTooMany("octets in one uncompressed Certificate"));
    }
    let mut body = vec![0; length];
    match algorithm.decompress(m.message, &mut body) {
        Some(written) if written == length => Ok(body),
        _ => Err(Error::PeerBadCompression),
    }
}

/// Which of an identity's staples go with its certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stapled {
    ocsp: bool,
    scts: bool,
}

impl Stapled {
    /// Those of `identity` that `wanted` has.
    pub(crate) fn those(identity: &Identity, wanted: impl Fn(ExtensionType) -> bool) -> Self {
        let staples = &identity.staples;
        Self {
            ocsp: staples.ocsp_response.is_some() && wanted(ExtensionType::STATUS_REQUEST),
            scts: staples.sct_list.is_some() && wanted(ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP),
        }
    }

    pub(crate) fn has(self, kind: ExtensionType) -> bool {
        match kind {
            ExtensionType::STATUS_REQUEST => self.ocsp,
            ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP => self.scts,
            _ => false,
        }
    }
}

/// A Certificate in compressed form.
pub(crate) struct Form {
    pub(crate) algorithm: CertificateCompressionAlgorithm,
    stapled: Stapled,
    /// As it is on the wire.
    pub(crate) uncompressed_length: [u8; 3],
    pub(crate) octets: Vec<u8>,
}

/// The compressed forms of an identity's Certificate, all that peers can ask for: they are made with the
/// identity and not in handshakes, so that no peer can make a server compress.
#[derive(Default)]
pub(crate) struct Forms {
    algorithms: Vec<Arc<dyn CertificateCompression>>,
    /// At most four for each algorithm.
    forms: Vec<Form>,
}

impl Forms {
    /// All that `algorithms` make of `identity`, in their order.
    pub(crate) fn of(
        identity: &Identity,
        algorithms: Vec<Arc<dyn CertificateCompression>>,
    ) -> Self {
        let mut forms = Vec::new();
        for (ocsp, scts) in [(false, false), (true, false), (false, true), (true, true)] {
            let stapled = Stapled { ocsp, scts };
            let mut body = Vec::new();
            let whole = write_certificate_body(&mut body, Some(identity), stapled);
            let there = Stapled::those(identity, |kind| stapled.has(kind)) == stapled;
            if !there || whole.is_err() {
                continue;
            }
            // A chain that was written fits three octets, but for the last few lengths.
            let [0, uncompressed_length @ ..] = (body.len() as u32).to_be_bytes() else {
                continue;
            };
            forms.extend(algorithms.iter().filter_map(|algorithm| {
                Some(Form {
                    algorithm: algorithm.algorithm(),
                    stapled,
                    uncompressed_length,
                    octets: algorithm.compress(&body)?,
                })
            }));
        }
        Self { algorithms, forms }
    }

    /// The algorithms that they were made with.
    pub(crate) fn take_algorithms(&mut self) -> Vec<Arc<dyn CertificateCompression>> {
        core::mem::take(&mut self.algorithms)
    }

    /// The first of an algorithm that the peer `takes`.
    pub(crate) fn find(
        &self,
        stapled: Stapled,
        takes: impl Fn(CertificateCompressionAlgorithm) -> bool,
    ) -> Option<&Form> {
        let mut forms = self.forms.iter();
        forms.find(|form| form.stapled == stapled && takes(form.algorithm))
    }
}

impl fmt::Debug for Forms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forms = self.forms.iter();
        f.debug_list()
            .entries(forms.map(|form| (form.algorithm, form.octets.len())))
            .finish()
    }
}
