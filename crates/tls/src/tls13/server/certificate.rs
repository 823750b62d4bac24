//! The client's certificates (RFC 9846 4.5.2, 4.5.3).

use super::WaitFinished;
use crate::{
    codepoints::ProtocolVersion,
    compression::{CertificateCompression, decompress},
    error::Error,
    io::Io,
    messages::{Certificate, CertificateVerify, CompressedCertificate},
    tls13::both::check_verify,
    transcript::Side,
    verify::Judge,
};
use alloc::{boxed::Box, sync::Arc};

/// Our Finished has been sent, and a certificate asked for.
pub(crate) struct WaitCert(pub(super) WaitFinished);

/// Where the client's Certificate leads.
pub(super) enum AfterCertificate {
    Given(Box<WaitVerdict>),
    None(Box<WaitFinished>),
}

impl WaitCert {
    fn compression(&self) -> &[Arc<dyn CertificateCompression>] {
        let auth = self.0.rest.config.client_auth.as_ref();
        auth.map_or(&[], |auth| &auth.certificate_compression)
    }

    /// Whether the client may compress its certificates: who was not told of it has no such message.
    pub(super) fn takes_compressed(&self) -> bool {
        !self.compression().is_empty()
    }

    pub(super) fn compressed_certificate(
        self,
        m: &CompressedCertificate<'_>,
        io: &mut Io<'_>,
    ) -> Result<AfterCertificate, Error> {
        let longest = self.0.rest.config.max_handshake_message;
        let body = decompress(m, self.compression(), longest)?;
        self.certificate(Certificate::whole(&body)?, io)
    }

    pub(super) fn certificate(
        mut self,
        m: Certificate<'_>,
        io: &mut Io<'_>,
    ) -> Result<AfterCertificate, Error> {
        if !m.certificate_request_context.is_empty() {
            return Err(Error::PeerIllegalParameter(
                "a context that the request did not have",
            ));
        }
        // Nothing in the request asks for an extension of the answer.
        let (chain, staples) = m.take(|_| false)?;
        self.0.rest.transcript.add(io.raw);
        if !chain.is_empty() {
            io.keep_chain(chain, staples);
            return Ok(AfterCertificate::Given(Box::new(WaitVerdict(self.0))));
        }
        self.0
            .rest
            .config
            .allow_no_certificate(ProtocolVersion::TLS1_3)?;
        Ok(AfterCertificate::None(Box::new(self.0)))
    }
}

/// The client's Certificate has been received.
pub(crate) struct WaitVerdict(WaitFinished);

impl WaitVerdict {
    pub(super) fn judge(&self) -> Judge<'_> {
        self.0.rest.config.client_judge()
    }

    pub(super) fn verdict(
        self,
        verdict: Result<(), netkit_x509::Error>,
    ) -> Result<Box<WaitCv>, Error> {
        verdict.map_err(Error::PeerCertificate)?;
        Ok(Box::new(WaitCv(self.0)))
    }
}

/// The client's certificates are good.
pub(crate) struct WaitCv(WaitFinished);

impl WaitCv {
    pub(super) fn verify(
        mut self,
        m: &CertificateVerify<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitFinished>, Error> {
        let rest = &mut self.0.rest;
        let auth = rest.config.client_auth.as_ref();
        let accepted = auth.map_or(&[][..], |auth| &auth.signature_schemes);
        check_verify(m, accepted, Side::Client, &rest.transcript, io)?;
        rest.transcript.add(io.raw);
        rest.agreed.client_signature_scheme = Some(m.algorithm);
        Ok(Box::new(self.0))
    }
}
