//! Extension blocks: the list, where each kind may stand, and the contents that both sides read.

use crate::{
    codepoints::ExtensionType,
    error::{Error, Malformed},
};
use alloc::vec::Vec;
use netkit_core::{ReadError, Reader, TooLong, Writer};

/// A message that carries extensions (the columns of RFC 9846 4.3's table).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    ClientHello = 1,
    ServerHello = 2,
    HelloRetryRequest = 4,
    EncryptedExtensions = 8,
    Certificate = 16,
    CertificateRequest = 32,
    NewSessionTicket = 64,
    /// Of TLS 1.2, which has the answers of EncryptedExtensions and Certificate here.
    ServerHelloTls12 = 128,
}

impl Place {
    /// What is wrong with an extension that may not stand there.
    const fn has_no_place(self) -> &'static str {
        match self {
            Self::ClientHello => "an extension that has no place in a ClientHello",
            Self::ServerHello | Self::ServerHelloTls12 => {
                "an extension that has no place in a ServerHello"
            }
            Self::HelloRetryRequest => "an extension that has no place in a HelloRetryRequest",
            Self::EncryptedExtensions => "an extension that has no place in EncryptedExtensions",
            Self::Certificate => "an extension that has no place in a Certificate",
            Self::CertificateRequest => "an extension that has no place in a CertificateRequest",
            Self::NewSessionTicket => "an extension that has no place in a NewSessionTicket",
        }
    }
}

/// Where an extension may stand, as the sum of [`Place`]s; `None` if we do not know it.
fn places(kind: ExtensionType) -> Option<u8> {
    use ExtensionType as X;
    const CH: u8 = Place::ClientHello as u8;
    const SH: u8 = Place::ServerHello as u8;
    const HRR: u8 = Place::HelloRetryRequest as u8;
    const EE: u8 = Place::EncryptedExtensions as u8;
    const CT: u8 = Place::Certificate as u8;
    const CR: u8 = Place::CertificateRequest as u8;
    const NST: u8 = Place::NewSessionTicket as u8;
    const SH12: u8 = Place::ServerHelloTls12 as u8;
    Some(match kind {
        X::SERVER_NAME | X::MAX_FRAGMENT_LENGTH | X::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
            CH | EE | SH12
        }
        // Servers of TLS 1.2 have no use for it, and some send it.
        X::SUPPORTED_GROUPS => CH | EE | SH12,
        X::STATUS_REQUEST | X::SIGNED_CERTIFICATE_TIMESTAMP => CH | CR | CT | SH12,
        X::EC_POINT_FORMATS
        | X::EXTENDED_MASTER_SECRET
        | X::SESSION_TICKET
        | X::RENEGOTIATION_INFO => CH | SH12,
        X::SIGNATURE_ALGORITHMS
        | X::SIGNATURE_ALGORITHMS_CERT
        | X::CERTIFICATE_AUTHORITIES
        | X::COMPRESS_CERTIFICATE => CH | CR,
        X::PADDING | X::PSK_KEY_EXCHANGE_MODES | X::POST_HANDSHAKE_AUTH => CH,
        X::KEY_SHARE | X::SUPPORTED_VERSIONS => CH | SH | HRR,
        X::PRE_SHARED_KEY => CH | SH,
        X::EARLY_DATA => CH | EE | NST,
        X::COOKIE => CH | HRR,
        X::OID_FILTERS => CR,
        _ => return None,
    })
}

/// A block of extensions whose framing has been checked and which has no kind twice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extensions<'a>(&'a [u8]);

impl<'a> Extensions<'a> {
    /// Reads a block of extensions that stands in `place`.
    pub(crate) fn parse(reader: &mut Reader<'a>, place: Place) -> Result<Self, Error> {
        let block = reader.block_u16()?;
        let mut kinds = Vec::new();
        let mut rest = Reader::new(block);
        while !rest.is_empty() {
            let kind = ExtensionType(rest.u16()?);
            rest.block_u16()?;
            // RFC 9846 4.3: one that is recognised but not specified for the message is illegal.
            if places(kind).is_some_and(|places| places & place as u8 == 0) {
                return Err(Error::PeerIllegalParameter(place.has_no_place()));
            }
            kinds.push(kind);
        }
        kinds.sort_unstable();
        if kinds.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::PeerIllegalParameter("an extension stands twice"));
        }
        Ok(Self(block))
    }

    /// As [`parse`](Self::parse), where TLS 1.2 may leave the block out.
    pub(crate) fn parse_optional(reader: &mut Reader<'a>, place: Place) -> Result<Self, Error> {
        if reader.is_empty() {
            return Ok(Self(&[]));
        }
        Self::parse(reader, place)
    }

    /// The extensions in order: kind and content.
    pub(crate) fn iter(self) -> impl Iterator<Item = (ExtensionType, &'a [u8])> + use<'a> {
        let mut rest = Reader::new(self.0);
        core::iter::from_fn(move || {
            let kind = rest.u16().ok()?;
            Some((ExtensionType(kind), rest.block_u16().ok()?))
        })
    }

    /// The content of the extension `kind`.
    pub(crate) fn get(self, kind: ExtensionType) -> Option<&'a [u8]> {
        self.iter()
            .find(|(k, _)| *k == kind)
            .map(|(_, content)| content)
    }

    /// What `read` makes of the content of `kind`, all of it, if the extension is there.
    pub(crate) fn read<T>(
        self,
        kind: ExtensionType,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let content = self.get(kind).map(|content| Reader::whole(content, read));
        content
            .transpose()
            .map_err(|error| error.within(Malformed::Extension(kind)))
    }

    /// As [`read`](Self::read), of an extension that must be there.
    pub(crate) fn require<T>(
        self,
        kind: ExtensionType,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.read(kind, read)?
            .ok_or(Error::PeerMissingExtension(kind))
    }

    /// Refuses an answer to an extension that was not offered (RFC 9846 4.3).
    pub(crate) fn answer_only(self, offered: impl Fn(ExtensionType) -> bool) -> Result<(), Error> {
        match self.iter().find(|(kind, _)| !offered(*kind)) {
            Some((kind, _)) => Err(Error::PeerUnsupportedExtension(kind)),
            None => Ok(()),
        }
    }
}

/// The content of a list of two-octet values behind a two-octet length: never empty.
pub(super) fn list_u16<'a>(reader: &mut Reader<'a>) -> Result<ListU16<'a>, Error> {
    ListU16::new(reader.block_u16()?)
}

/// A list of two-octet values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListU16<'a>(&'a [u8]);

impl<'a> ListU16<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Result<Self, Error> {
        if octets.is_empty() || !octets.len().is_multiple_of(2) {
            return Err(Error::PeerDecode(Malformed::Shape(
                "a list of two-octet values is empty or of odd length",
            )));
        }
        Ok(Self(octets))
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = u16> + Clone + use<'a> {
        self.0
            .chunks_exact(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
    }

    pub(crate) fn contains(self, value: u16) -> bool {
        self.iter().any(|listed| listed == value)
    }
}

/// Appends a list of two-octet values.
pub(super) fn write_list(
    out: &mut Vec<u8>,
    values: impl Iterator<Item = u16>,
) -> Result<(), TooLong> {
    out.nested_u16(|out| {
        values.for_each(|value| out.u16(value));
        Ok(())
    })
}

/// One protocol name of ALPN: 1 to 255 octets (RFC 7301 3.1).
pub(crate) fn protocol_name<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Error> {
    match reader.block_u8()? {
        [] => Err(Error::PeerDecode(Malformed::Shape(
            "an empty protocol name",
        ))),
        name => Ok(name),
    }
}

/// The names of an ALPN list, each checked: never empty.
pub(super) fn protocol_names<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a [u8]>, Error> {
    reader.nested_u16(|reader| {
        let mut names = Vec::new();
        while !reader.is_empty() {
            names.push(protocol_name(reader)?);
        }
        if names.is_empty() {
            return Err(Error::PeerDecode(Malformed::Shape(
                "an empty protocol list",
            )));
        }
        Ok(names)
    })
}

/// The ALPN answer, if there is one.
pub(crate) fn write_protocol(protocol: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), TooLong> {
    let Some(protocol) = protocol else {
        return Ok(());
    };
    out.u16(ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION.0);
    out.nested_u16(|out| {
        out.nested_u16(|out| {
            out.nested_u8(|out| {
                out.bytes(protocol);
                Ok(())
            })
        })
    })
}

/// The host name of a server_name list (RFC 6066 3).
pub(super) fn host_name<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Error> {
    const HOST_NAME: u8 = 0;
    reader.nested_u16(|reader| {
        let kind = reader.u8()?;
        let name = reader.block_u16()?;
        // RFC 6066 3: no two names of one type, and no other type was ever defined.
        if kind != HOST_NAME || !reader.is_empty() {
            return Err(Error::PeerIllegalParameter(
                "server_name is not one host name",
            ));
        }
        // It goes into logs: no control characters.
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return Err(Error::PeerIllegalParameter("server_name is no DNS name"));
        }
        core::str::from_utf8(name)
            .map_err(|_| Error::PeerIllegalParameter("server_name is no DNS name"))
    })
}

/// An extension without content.
pub(super) fn nothing(reader: &mut Reader<'_>) -> Result<(), Error> {
    reader.end().map_err(ReadError::into)
}
