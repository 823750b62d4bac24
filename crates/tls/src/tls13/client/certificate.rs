//! The server's certificates, and which of ours it gets (RFC 9846 4.4.2, 4.5.2, 4.5.3).

use super::{Keyed, finished::WaitFinished};
use crate::{
    codepoints::{CertificateCompressionAlgorithm, SignatureScheme},
    compression::decompress,
    error::Error,
    identity::{IdentityRequest, Shown as Identified},
    io::Io,
    messages::{Certificate, CertificateRequest, CertificateVerify, CompressedCertificate},
    tls13::both::check_verify,
    transcript::Side,
    verify::Judge,
};
use alloc::{boxed::Box, vec::Vec};

/// EncryptedExtensions has been received.
pub(crate) struct WaitCertCr(pub(super) Keyed);

impl WaitCertCr {
    /// The server asks for a client certificate.
    pub(super) fn request(
        mut self,
        m: &CertificateRequest<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitIdentity>, Error> {
        // RFC 9846 4.4.2: the context is for requests after the handshake.
        if !m.context.is_empty() {
            return Err(Error::PeerIllegalParameter(
                "a certificate_request_context in the handshake",
            ));
        }
        self.0.transcript.add(io.raw);
        let schemes = m.signature_algorithms.iter().map(SignatureScheme);
        let request = IdentityRequest::new(
            schemes.filter(|scheme| !scheme.is_pkcs1()),
            &[],
            &m.certificate_authorities,
        );
        let compression = m
            .certificate_compression
            .iter()
            .flat_map(|list| list.iter());
        Ok(Box::new(WaitIdentity {
            keyed: self.0,
            request,
            compression: compression.map(CertificateCompressionAlgorithm).collect(),
        }))
    }

    pub(super) fn certificate(
        self,
        m: Certificate<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitVerdict>, Error> {
        self.0.certificate(m, None, io)
    }

    pub(super) fn compressed_certificate(
        self,
        m: &CompressedCertificate<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitVerdict>, Error> {
        self.0.compressed_certificate(m, None, io)
    }
}

/// CertificateRequest has been received.
pub(crate) struct WaitIdentity {
    pub(super) keyed: Keyed,
    pub(super) request: IdentityRequest,
    /// How the server takes our certificates beside as they are.
    compression: Vec<CertificateCompressionAlgorithm>,
}

impl WaitIdentity {
    pub(super) fn identity(self, shown: &Identified) -> Box<WaitCert> {
        let asked = Asked {
            shown: shown.clone(),
            compression: self.compression,
        };
        Box::new(WaitCert(self.keyed, asked))
    }
}

/// The server asked for a certificate: what it gets.
pub(super) struct Asked {
    pub(super) shown: Identified,
    pub(super) compression: Vec<CertificateCompressionAlgorithm>,
}

/// The server asked for a certificate, and we know which it gets.
pub(crate) struct WaitCert(pub(super) Keyed, Asked);

impl WaitCert {
    pub(super) fn certificate(
        self,
        m: Certificate<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitVerdict>, Error> {
        self.0.certificate(m, Some(self.1), io)
    }

    pub(super) fn compressed_certificate(
        self,
        m: &CompressedCertificate<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitVerdict>, Error> {
        self.0.compressed_certificate(m, Some(self.1), io)
    }
}

impl Keyed {
    /// Whether the server may compress its certificates: who was not told of it has no such message.
    pub(super) fn takes_compressed(&self) -> bool {
        !self.client.config.certificate_compression.is_empty()
    }

    fn compressed_certificate(
        self,
        m: &CompressedCertificate<'_>,
        asked: Option<Asked>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitVerdict>, Error> {
        let config = &self.client.config;
        let (offered, longest) = (
            &config.certificate_compression,
            config.max_handshake_message,
        );
        let body = decompress(m, offered, longest)?;
        self.certificate(Certificate::whole(&body)?, asked, io)
    }

    fn certificate(
        mut self,
        m: Certificate<'_>,
        asked: Option<Asked>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitVerdict>, Error> {
        if !m.certificate_request_context.is_empty() {
            return Err(Error::PeerIllegalParameter(
                "a context in the server's Certificate",
            ));
        }
        if m.certificate_list.is_empty() {
            return Err(Error::PeerNoCertificate);
        }
        let offer = self.client.offer(&[], None);
        let (chain, staples) = m.take(|kind| offer.offers(kind))?;
        io.keep_chain(chain, staples);
        self.transcript.add(io.raw);
        Ok(Box::new(WaitVerdict { keyed: self, asked }))
    }
}

/// The server's Certificate has been received, or is a session's. It is judged before its signature: a
/// refusal costs less.
pub(crate) struct WaitVerdict {
    pub(super) keyed: Keyed,
    pub(super) asked: Option<Asked>,
}

impl WaitVerdict {
    pub(super) fn judge(&self) -> Judge<'_> {
        let client = &self.keyed.client;
        Judge::Server(client.config.verifier.as_deref(), &client.name)
    }

    pub(super) fn verdict(
        self,
        verdict: Result<(), netkit_x509::Error>,
    ) -> Result<AfterVerdict, Error> {
        verdict.map_err(Error::PeerCertificate)?;
        let Self { keyed, asked } = self;
        Ok(match keyed.psk {
            None => AfterVerdict::Verify(Box::new(WaitCv { keyed, asked })),
            Some(_) => AfterVerdict::Psk(Box::new(WaitFinished { keyed, asked })),
        })
    }
}

/// Where a verdict leads.
pub(super) enum AfterVerdict {
    Verify(Box<WaitCv>),
    Psk(Box<WaitFinished>),
}

/// The server's certificates are good.
pub(crate) struct WaitCv {
    keyed: Keyed,
    asked: Option<Asked>,
}

impl WaitCv {
    pub(super) fn verify(
        self,
        m: &CertificateVerify<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitFinished>, Error> {
        let mut keyed = self.keyed;
        let accepted = &keyed.client.config.signature_schemes;
        check_verify(m, accepted, Side::Server, &keyed.transcript, io)?;
        keyed.agreed.signature_scheme = Some(m.algorithm);
        keyed.transcript.add(io.raw);
        Ok(Box::new(WaitFinished {
            keyed,
            asked: self.asked,
        }))
    }
}
