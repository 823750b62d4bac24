//! ClientHello, ServerHello, HelloRetryRequest (RFC 9846 4.2) and EncryptedExtensions (4.4.1).

use super::{
    Extensions, HEADER_LEN, Parse, Place,
    certificate::{authorities, compression_algorithms},
    extensions::{ListU16, host_name, list_u16, nothing, protocol_name, protocol_names},
    offer::Offer,
    tls12::{first_handshake, point_formats},
    write_message,
};
use crate::{
    codepoints::{CipherSuite, ExtensionType, HandshakeType, NamedGroup, ProtocolVersion},
    crypto::hash::{Digest, Hash},
    error::{Error, Malformed},
    limits::{MAX_COOKIE, MAX_KEY_SHARES, MAX_PSKS, MAX_SIGNATURE_SCHEMES},
};
use alloc::vec::Vec;
use netkit_core::{Reader, TooLong, Writer};

/// The random that makes a ServerHello a HelloRetryRequest: SHA-256 of "HelloRetryRequest".
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Not suites but signals (RFC 5746 3.3, RFC 7507).
const EMPTY_RENEGOTIATION_INFO_SCSV: u16 = 0x00ff;
const FALLBACK_SCSV: u16 = 0x5600;

/// Whether the body of a ServerHello is a HelloRetryRequest's.
pub(super) fn is_retry(body: &[u8]) -> bool {
    body.get(2..34) == Some(&RETRY_RANDOM)
}

/// Whether the body of a ServerHello chooses TLS 1.2 or less: it has no supported_versions. What does
/// not parse may be taken for either.
pub(super) fn is_tls12(body: &[u8]) -> bool {
    let supported_versions = |reader: &mut Reader<'_>| {
        reader.bytes(2 + 32)?; // legacy_version, random
        reader.block_u8()?; // legacy_session_id_echo
        reader.bytes(2 + 1)?; // cipher_suite, legacy_compression_method
        if reader.is_empty() {
            return Ok(false);
        }
        let (mut block, mut found) = (Reader::new(reader.block_u16()?), false);
        while !block.is_empty() {
            found |= block.u16()? == ExtensionType::SUPPORTED_VERSIONS.0;
            block.block_u16()?;
        }
        Ok::<_, Error>(found)
    };
    supported_versions(&mut Reader::new(body)) == Ok(false)
}

/// At most 32 octets, or it is `too_long`.
pub(super) fn session_id<'a>(
    reader: &mut Reader<'a>,
    too_long: &'static str,
) -> Result<&'a [u8], Error> {
    match reader.block_u8()? {
        id if id.len() <= 32 => Ok(id),
        _ => Err(Error::PeerDecode(Malformed::Shape(too_long))),
    }
}

/// supported_versions decides, whatever legacy_version is; only SSL 3.0's ends it (RFC 9846 D.5).
fn refuse_ssl(legacy_version: u16) -> Result<(), Error> {
    if legacy_version < ProtocolVersion::TLS1_0.0 {
        return Err(Error::PeerNoCommonVersion);
    }
    Ok(())
}

/// A ClientHello as received.
pub(crate) struct ClientHello<'a> {
    pub(crate) legacy_version: ProtocolVersion,
    pub(crate) random: [u8; 32],
    pub(crate) legacy_session_id: &'a [u8],
    pub(crate) cipher_suites: ListU16<'a>,
    pub(crate) legacy_compression_methods: &'a [u8],
    pub(crate) extensions: Extensions<'a>,
}

impl<'a> Parse<'a> for ClientHello<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let legacy_version = ProtocolVersion(reader.u16()?);
        refuse_ssl(legacy_version.0)?;
        let random = reader.array()?;
        let legacy_session_id = session_id(reader, "legacy_session_id over 32 octets")?;
        let cipher_suites = list_u16(reader)?;
        let legacy_compression_methods = reader.block_u8()?;
        Ok(Self {
            legacy_version,
            random,
            legacy_session_id,
            cipher_suites,
            legacy_compression_methods,
            extensions: Extensions::parse_optional(reader, Place::ClientHello)?,
        })
    }
}

impl<'a> ClientHello<'a> {
    pub(crate) fn supported_versions(&self) -> Result<Option<ListU16<'a>>, Error> {
        self.extensions
            .read(ExtensionType::SUPPORTED_VERSIONS, |reader| {
                ListU16::new(reader.block_u8()?)
            })
    }

    pub(crate) fn supported_groups(&self) -> Result<ListU16<'a>, Error> {
        self.extensions
            .require(ExtensionType::SUPPORTED_GROUPS, list_u16)
    }

    pub(crate) fn signature_algorithms(&self) -> Result<ListU16<'a>, Error> {
        self.extensions.require(
            ExtensionType::SIGNATURE_ALGORITHMS,
            |reader| match list_u16(reader)? {
                schemes if schemes.iter().count() > MAX_SIGNATURE_SCHEMES => {
                    Err(Error::PeerTooMany("signature schemes"))
                }
                schemes => Ok(schemes),
            },
        )
    }

    /// Whether the client knows the attack on renegotiation, and is in its first handshake (RFC 5746
    /// 3.6).
    pub(crate) fn renegotiates_securely(&self) -> Result<bool, Error> {
        let kind = ExtensionType::RENEGOTIATION_INFO;
        let extension = self.extensions.read(kind, first_handshake)?;
        let scsv = self.cipher_suites.contains(EMPTY_RENEGOTIATION_INFO_SCSV);
        Ok(extension.is_some() || scsv)
    }

    /// Whether the client has been refused a higher version before (RFC 7507).
    pub(crate) fn falls_back(&self) -> bool {
        self.cipher_suites.contains(FALLBACK_SCSV)
    }

    /// Refuses encodings of points that leave out the one there is.
    pub(crate) fn check_point_formats(&self) -> Result<(), Error> {
        self.extensions
            .read(ExtensionType::EC_POINT_FORMATS, point_formats)
            .map(drop)
    }

    /// Whether the client has extended_master_secret (RFC 7627).
    pub(crate) fn extended_master_secret(&self) -> Result<bool, Error> {
        let kind = ExtensionType::EXTENDED_MASTER_SECRET;
        Ok(self.extensions.read(kind, nothing)?.is_some())
    }

    /// The ticket of a session of TLS 1.2, empty if the client wants one (RFC 5077 3.2).
    pub(crate) fn session_ticket(&self) -> Option<&'a [u8]> {
        self.extensions.get(ExtensionType::SESSION_TICKET)
    }

    /// The offered public keys with their groups, in order, no group twice (RFC 9846 4.3.8).
    pub(crate) fn key_shares(&self) -> Result<Vec<(NamedGroup, &'a [u8])>, Error> {
        self.extensions.require(ExtensionType::KEY_SHARE, |reader| {
            reader.nested_u16(|reader| {
                let mut shares: Vec<(NamedGroup, &[u8])> = Vec::new();
                while !reader.is_empty() {
                    if shares.len() == MAX_KEY_SHARES {
                        return Err(Error::PeerTooMany("key shares"));
                    }
                    let share = key_share_entry(reader)?;
                    if shares.iter().any(|(group, _)| *group == share.0) {
                        return Err(Error::PeerIllegalParameter("two key shares for one group"));
                    }
                    shares.push(share);
                }
                Ok(shares)
            })
        })
    }

    pub(crate) fn server_name(&self) -> Result<Option<&'a str>, Error> {
        self.extensions.read(ExtensionType::SERVER_NAME, host_name)
    }

    /// Who the server is to be.
    pub(crate) fn wanted_identity(&self) -> Result<WantedIdentity<'a>, Error> {
        let authorities = self
            .extensions
            .read(ExtensionType::CERTIFICATE_AUTHORITIES, authorities)?;
        Ok(WantedIdentity {
            name: self.server_name()?,
            authorities: authorities.unwrap_or_default(),
        })
    }

    /// How the server's certificates may be compressed, if at all.
    pub(crate) fn certificate_compression(&self) -> Result<Option<ListU16<'a>>, Error> {
        let kind = ExtensionType::COMPRESS_CERTIFICATE;
        self.extensions.read(kind, compression_algorithms)
    }

    pub(crate) fn protocols(&self) -> Result<Option<Vec<&'a [u8]>>, Error> {
        self.extensions.read(
            ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
            protocol_names,
        )
    }
}

/// What a client says of the identity that it wants to see.
pub(crate) struct WantedIdentity<'a> {
    pub(crate) name: Option<&'a str>,
    /// Distinguished names in DER; none: any will do.
    pub(crate) authorities: Vec<&'a [u8]>,
}

/// The extensions that a choice is made from. Those that we do not know may follow rules of their own.
const LASTING: [ExtensionType; 10] = [
    ExtensionType::SERVER_NAME,
    ExtensionType::STATUS_REQUEST,
    ExtensionType::SUPPORTED_GROUPS,
    ExtensionType::SIGNATURE_ALGORITHMS,
    ExtensionType::CERTIFICATE_AUTHORITIES,
    ExtensionType::COMPRESS_CERTIFICATE,
    ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
    ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP,
    ExtensionType::SUPPORTED_VERSIONS,
    ExtensionType::PSK_KEY_EXCHANGE_MODES,
];

impl ClientHello<'_> {
    /// The hash of what a second ClientHello repeats (RFC 9846 4.2.2): all before the extensions, and
    /// those in [`LASTING`]. `raw` is the message, header included.
    pub(crate) fn lasting(&self, raw: &[u8], hash: Hash) -> Digest {
        let block: usize = self.extensions.iter().map(|(_, c)| 4 + c.len()).sum();
        let mut running = hash.start();
        running.update(&raw[HEADER_LEN..raw.len() - 2 - block]);
        for kind in LASTING {
            let Some(content) = self.extensions.get(kind) else {
                continue;
            };
            running.update(&kind.0.to_be_bytes());
            // An extension's content fits two octets.
            running.update(&(content.len() as u16).to_be_bytes());
            running.update(content);
        }
        running.so_far()
    }
}

/// The pre_shared_key of a ClientHello (RFC 9846 4.3.11).
pub(crate) struct PskOffer<'a> {
    /// Each with its obfuscated_ticket_age; at most as many as a server looks up.
    pub(crate) identities: Vec<(&'a [u8], u32)>,
    /// One each.
    pub(crate) binders: Vec<&'a [u8]>,
    /// Octets of the list of binders: where the ClientHello ends for them.
    pub(crate) binders_len: usize,
}

impl<'a> ClientHello<'a> {
    /// The pre-shared keys, if there are any that may be used with a key exchange.
    pub(crate) fn pre_shared_keys(&self) -> Result<Option<PskOffer<'a>>, Error> {
        let Some(offer) = self
            .extensions
            .read(ExtensionType::PRE_SHARED_KEY, PskOffer::parse)?
        else {
            return Ok(None);
        };
        Ok(self.takes_tickets()?.then_some(offer))
    }

    /// Whether the client uses pre-shared keys with a key exchange, the only mode that is built in.
    pub(crate) fn takes_tickets(&self) -> Result<bool, Error> {
        let modes = self
            .extensions
            .read(
                ExtensionType::PSK_KEY_EXCHANGE_MODES,
                |reader| match reader.block_u8()? {
                    [] => Err(Error::PeerDecode(Malformed::Shape(
                        "no psk_key_exchange_modes",
                    ))),
                    modes => Ok(modes),
                },
            )?;
        Ok(modes.is_some_and(|modes| modes.contains(&PSK_DHE_KE)))
    }
}

/// A pre-shared key beside a key exchange (RFC 9846 4.3.9).
pub(super) const PSK_DHE_KE: u8 = 1;

impl<'a> Parse<'a> for PskOffer<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let shape = |what| Error::PeerDecode(Malformed::Shape(what));
        let (mut identities, mut binders, mut count) = (Vec::new(), Vec::new(), 0_usize);
        reader.nested_u16(|reader| {
            while !reader.is_empty() {
                let identity = reader.block_u16()?;
                let age = reader.u32()?;
                if identity.is_empty() {
                    return Err(shape("an empty identity"));
                }
                if identities.len() < MAX_PSKS {
                    identities.push((identity, age));
                }
                count += 1;
            }
            Ok(())
        })?;
        let binders_len = reader.len();
        reader.nested_u16(|reader| {
            while !reader.is_empty() {
                let binder = reader.block_u8()?;
                if binder.len() < 32 {
                    return Err(shape("a binder shorter than a hash"));
                }
                if binders.len() < MAX_PSKS {
                    binders.push(binder);
                }
                count = count.checked_sub(1).ok_or(UNEVEN)?;
            }
            Ok(())
        })?;
        match (identities.len(), count) {
            (0, _) => Err(shape("no identities")),
            _ if binders.is_empty() => Err(shape("no binders")),
            (_, 0) => Ok(Self {
                identities,
                binders,
                binders_len,
            }),
            _ => Err(UNEVEN),
        }
    }
}

const UNEVEN: Error = Error::PeerIllegalParameter("not one binder for each identity");

fn key_share_entry<'a>(reader: &mut Reader<'a>) -> Result<(NamedGroup, &'a [u8]), Error> {
    let group = NamedGroup(reader.u16()?);
    match reader.block_u16()? {
        [] => Err(Error::PeerDecode(Malformed::Shape("an empty key_exchange"))),
        key => Ok((group, key)),
    }
}

/// The fields that a ServerHello and a HelloRetryRequest share.
pub(crate) struct ServerHelloHead<'a> {
    pub(crate) selected_version: ProtocolVersion,
    pub(crate) legacy_session_id_echo: &'a [u8],
    pub(crate) cipher_suite: CipherSuite,
    pub(crate) extensions: Extensions<'a>,
}

impl<'a> ServerHelloHead<'a> {
    fn parse(reader: &mut Reader<'a>, place: Place) -> Result<Self, Error> {
        let legacy_version = ProtocolVersion(reader.u16()?);
        refuse_ssl(legacy_version.0)?;
        reader.array::<32>()?;
        let legacy_session_id_echo = session_id(reader, "legacy_session_id_echo over 32 octets")?;
        let cipher_suite = CipherSuite(reader.u16()?);
        let compression = reader.u8()?;
        if reader.is_empty() {
            return Err(Error::PeerNoCommonVersion);
        }
        let extensions = Extensions::parse(reader, place)?;
        let selected_version = extensions
            .read(ExtensionType::SUPPORTED_VERSIONS, |reader| {
                Ok(ProtocolVersion(reader.u16()?))
            })?
            .ok_or(Error::PeerNoCommonVersion)?;
        if legacy_version != ProtocolVersion::TLS1_2 {
            return Err(Error::PeerIllegalParameter(
                "legacy_version is not TLS 1.2's",
            ));
        }
        if compression != 0 {
            return Err(Error::PeerIllegalParameter(
                "legacy_compression_method is not null",
            ));
        }
        Ok(Self {
            selected_version,
            legacy_session_id_echo,
            cipher_suite,
            extensions,
        })
    }

    /// Refuses what the ClientHello did not offer.
    pub(crate) fn check(&self, offer: &Offer<'_>) -> Result<(), Error> {
        if self.selected_version != ProtocolVersion::TLS1_3 {
            return Err(Error::PeerIllegalParameter(
                "a version that was not offered",
            ));
        }
        if self.legacy_session_id_echo != offer.legacy_session_id {
            return Err(Error::PeerIllegalParameter(
                "legacy_session_id_echo is no echo",
            ));
        }
        if !offer
            .config
            .offers(ProtocolVersion::TLS1_3, self.cipher_suite)
        {
            return Err(Error::PeerIllegalParameter(
                "a cipher suite that was not offered",
            ));
        }
        // RFC 9846 4.3: only a cookie may come unasked.
        self.extensions
            .answer_only(|kind| kind == ExtensionType::COOKIE || offer.offers(kind))
    }
}

/// A ServerHello that chose TLS 1.3.
pub(crate) struct ServerHello<'a> {
    pub(crate) head: ServerHelloHead<'a>,
    /// The server's public key and its group.
    pub(crate) key_share: (NamedGroup, &'a [u8]),
    /// Which of the pre-shared keys it goes on from.
    pub(crate) selected_identity: Option<u16>,
}

impl<'a> Parse<'a> for ServerHello<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let head = ServerHelloHead::parse(reader, Place::ServerHello)?;
        let key_share = head
            .extensions
            .require(ExtensionType::KEY_SHARE, key_share_entry)?;
        let selected_identity = head
            .extensions
            .read(ExtensionType::PRE_SHARED_KEY, |reader| Ok(reader.u16()?))?;
        Ok(Self {
            head,
            key_share,
            selected_identity,
        })
    }
}

/// A HelloRetryRequest.
pub(crate) struct HelloRetryRequest<'a> {
    pub(crate) head: ServerHelloHead<'a>,
    pub(crate) selected_group: Option<NamedGroup>,
    pub(crate) cookie: Option<&'a [u8]>,
}

impl<'a> Parse<'a> for HelloRetryRequest<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let head = ServerHelloHead::parse(reader, Place::HelloRetryRequest)?;
        let selected_group = head.extensions.read(ExtensionType::KEY_SHARE, |reader| {
            Ok(NamedGroup(reader.u16()?))
        })?;
        let cookie = head.extensions.read(ExtensionType::COOKIE, |reader| {
            match reader.block_u16()? {
                [] => Err(Error::PeerDecode(Malformed::Shape("an empty cookie"))),
                cookie if cookie.len() > MAX_COOKIE => {
                    Err(Error::PeerTooMany("octets in one cookie"))
                }
                cookie => Ok(cookie),
            }
        })?;
        Ok(Self {
            head,
            selected_group,
            cookie,
        })
    }
}

/// Appends a ServerHello, or a HelloRetryRequest where there is no `random`; `write_key_share`
/// appends the content of its key_share. `selected_identity` is of the pre-shared key it goes on from.
pub(crate) fn write_server_hello(
    out: &mut Vec<u8>,
    random: Option<&[u8; 32]>,
    legacy_session_id_echo: &[u8],
    cipher_suite: CipherSuite,
    selected_identity: Option<u16>,
    write_key_share: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>,
) -> Result<(), TooLong> {
    write_message(out, HandshakeType::SERVER_HELLO, |out| {
        out.u16(ProtocolVersion::TLS1_2.0);
        out.bytes(random.unwrap_or(&RETRY_RANDOM));
        out.nested_u8(|out| {
            out.bytes(legacy_session_id_echo);
            Ok(())
        })?;
        out.u16(cipher_suite.0);
        out.u8(0); // legacy_compression_method: null
        out.nested_u16(|out| {
            out.u16(ExtensionType::SUPPORTED_VERSIONS.0);
            out.nested_u16(|out| {
                out.u16(ProtocolVersion::TLS1_3.0);
                Ok(())
            })?;
            out.u16(ExtensionType::KEY_SHARE.0);
            out.nested_u16(write_key_share)?;
            let Some(index) = selected_identity else {
                return Ok(());
            };
            out.u16(ExtensionType::PRE_SHARED_KEY.0);
            out.nested_u16(|out| {
                out.u16(index);
                Ok(())
            })
        })
    })
}

/// The server's answers that need no key to choose, but one to read.
pub(crate) struct EncryptedExtensions<'a> {
    pub(crate) extensions: Extensions<'a>,
    pub(crate) protocol: Option<&'a [u8]>,
    /// Whether the early data is taken.
    pub(crate) early_data: bool,
}

impl<'a> Parse<'a> for EncryptedExtensions<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let extensions = Extensions::parse(reader, Place::EncryptedExtensions)?;
        extensions.read(ExtensionType::SERVER_NAME, nothing)?;
        extensions.read(ExtensionType::SUPPORTED_GROUPS, list_u16)?;
        let protocol = extensions.read(
            ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
            |reader| reader.nested_u16(protocol_name),
        )?;
        let early_data = extensions.read(ExtensionType::EARLY_DATA, nothing)?;
        Ok(Self {
            extensions,
            protocol,
            early_data: early_data.is_some(),
        })
    }
}
