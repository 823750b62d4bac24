//! A ClientHello as a server's owner sees it before it chooses.

use crate::{
    codepoints::{CipherSuite, ExtensionType, NamedGroup, ProtocolVersion, SignatureScheme},
    error::Error,
    messages::{ClientHello, HEADER_LEN, Parse},
};
use alloc::vec::Vec;
use core::fmt;
use netkit_core::Reader;

/// A ClientHello (RFC 9846 4.2.2), read but not judged.
pub struct Hello<'a> {
    octets: &'a [u8],
    message: ClientHello<'a>,
    versions: Vec<ProtocolVersion>,
    server_name: Option<&'a str>,
    protocols: Vec<&'a [u8]>,
}

impl<'a> Hello<'a> {
    /// Reads a handshake message, header included.
    pub(crate) fn read(octets: &'a [u8]) -> Result<Self, Error> {
        let message = Reader::whole(&octets[HEADER_LEN..], ClientHello::parse)?;
        let versions = message.supported_versions()?;
        Ok(Self {
            octets,
            versions: versions
                .iter()
                .flat_map(|list| list.iter().map(ProtocolVersion))
                .collect(),
            server_name: message.server_name()?,
            protocols: message.protocols()?.unwrap_or_default(),
            message,
        })
    }

    /// The whole message as it arrived, its header of four octets included.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The client's random.
    pub fn random(&self) -> &[u8; 32] {
        &self.message.random
    }

    /// legacy_session_id: at most 32 octets.
    pub fn session_id(&self) -> &'a [u8] {
        self.message.legacy_session_id
    }

    /// The versions of supported_versions, in the client's order; none in a hello that is older.
    pub fn versions(&self) -> &[ProtocolVersion] {
        &self.versions
    }

    /// The cipher suites, in the client's order.
    pub fn cipher_suites(&self) -> impl Iterator<Item = CipherSuite> + use<'a> {
        self.message.cipher_suites.iter().map(CipherSuite)
    }

    /// The groups of supported_groups, in the client's order.
    pub fn groups(&self) -> impl Iterator<Item = NamedGroup> + use<'a> {
        let groups = self.message.supported_groups().ok();
        groups
            .into_iter()
            .flat_map(|list| list.iter().map(NamedGroup))
    }

    /// The schemes of signature_algorithms, in the client's order.
    pub fn signature_schemes(&self) -> impl Iterator<Item = SignatureScheme> + use<'a> {
        let schemes = self.message.signature_algorithms().ok();
        schemes
            .into_iter()
            .flat_map(|list| list.iter().map(SignatureScheme))
    }

    /// The host name that the client asks for (RFC 6066 3).
    pub fn server_name(&self) -> Option<&'a str> {
        self.server_name
    }

    /// The application protocols, in the client's order (RFC 7301).
    pub fn protocols(&self) -> &[&'a [u8]] {
        &self.protocols
    }

    /// Every extension in order: its kind and its content.
    pub fn extensions(&self) -> impl Iterator<Item = (ExtensionType, &'a [u8])> + use<'a> {
        self.message.extensions.iter()
    }
}

impl fmt::Debug for Hello<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello")
            .field("server_name", &self.server_name)
            .field("versions", &self.versions)
            .field("octets", &self.octets.len())
            .finish_non_exhaustive()
    }
}
