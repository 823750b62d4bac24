//! The ClientHello that is sent: its extensions, one row each (RFC 9846 4.2.2).

use super::{
    certificate::write_compression_algorithms,
    extensions::write_list,
    hello::PSK_DHE_KE,
    tls12::{FIRST_HANDSHAKE, POINT_FORMATS},
    write_message,
};
use crate::{
    codepoints::{ExtensionType, HandshakeType, ProtocolVersion, SignatureScheme},
    config::ClientConfig,
    crypto::kx::KeyShare,
    psk::OfferedPsk,
};
use alloc::vec::Vec;
use netkit_core::{TooLong, Writer};
use rustls_pki_types::ServerName;

/// What a client offers: everything that its ClientHello is written from.
pub(crate) struct Offer<'a> {
    pub(crate) config: &'a ClientConfig,
    pub(crate) name: &'a ServerName<'a>,
    pub(crate) random: &'a [u8; 32],
    pub(crate) legacy_session_id: &'a [u8],
    pub(crate) shares: &'a [KeyShare],
    /// What a HelloRetryRequest asked to have back.
    pub(crate) cookie: Option<&'a [u8]>,
    pub(crate) psks: &'a [OfferedPsk],
    /// What a session of TLS 1.2 goes on with; empty: a wish for one.
    pub(crate) ticket: &'a [u8],
    pub(crate) early_data: bool,
}

/// An extension of our ClientHello: when it is there, and its content.
struct Row {
    kind: ExtensionType,
    offered: fn(&Offer<'_>) -> bool,
    write: fn(&Offer<'_>, &mut Vec<u8>) -> Result<(), TooLong>,
}

/// The extensions of our ClientHello, in order.
const ROWS: &[Row] = &[
    Row {
        kind: ExtensionType::SERVER_NAME,
        // RFC 6066 3: a literal address is no host name.
        offered: |offer| matches!(offer.name, ServerName::DnsName(_)),
        write: |offer, out| {
            out.nested_u16(|out| {
                out.u8(0);
                let name = offer.name.to_str();
                // RFC 6066 3: without the trailing dot.
                let name = name.strip_suffix('.').unwrap_or(&name);
                out.nested_u16(|out| {
                    out.bytes(name.as_bytes());
                    Ok(())
                })
            })
        },
    },
    Row {
        kind: ExtensionType::SUPPORTED_VERSIONS,
        offered: |offer| offer.has(ProtocolVersion::TLS1_3),
        write: |offer, out| {
            out.nested_u8(|out| {
                let versions = offer.config.spoken();
                versions.for_each(|version| out.u16(version.0));
                Ok(())
            })
        },
    },
    Row {
        kind: ExtensionType::SUPPORTED_GROUPS,
        offered: |_| true,
        write: |offer, out| write_list(out, offer.config.groups.iter().map(|group| group.0)),
    },
    Row {
        kind: ExtensionType::SIGNATURE_ALGORITHMS,
        offered: |_| true,
        write: |offer, out| {
            let schemes: &[SignatureScheme] = &offer.config.signature_schemes;
            write_list(out, schemes.iter().map(|scheme| scheme.0))
        },
    },
    Row {
        kind: ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
        offered: |offer| !offer.config.alpn.is_empty(),
        write: |offer, out| {
            out.nested_u16(|out| {
                offer.config.alpn.iter().try_for_each(|name| {
                    out.nested_u8(|out| {
                        out.bytes(name);
                        Ok(())
                    })
                })
            })
        },
    },
    Row {
        kind: ExtensionType::STATUS_REQUEST,
        offered: |offer| offer.config.ask_for_ocsp,
        write: |_, out| {
            out.bytes(&[1, 0, 0, 0, 0]); // ocsp, no responder preferred, no extensions
            Ok(())
        },
    },
    Row {
        kind: ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP,
        offered: |offer| offer.config.ask_for_scts,
        write: |_, _| Ok(()),
    },
    Row {
        kind: ExtensionType::COMPRESS_CERTIFICATE,
        offered: |offer| {
            offer.has(ProtocolVersion::TLS1_3) && !offer.config.certificate_compression.is_empty()
        },
        write: |offer, out| {
            write_compression_algorithms(out, &offer.config.certificate_compression)
        },
    },
    Row {
        kind: ExtensionType::COOKIE,
        offered: |offer| offer.cookie.is_some(),
        write: |offer, out| {
            out.nested_u16(|out| {
                out.bytes(offer.cookie.unwrap_or_default());
                Ok(())
            })
        },
    },
    Row {
        kind: ExtensionType::EC_POINT_FORMATS,
        offered: |offer| offer.has(ProtocolVersion::TLS1_2),
        write: |_, out| {
            out.bytes(&POINT_FORMATS);
            Ok(())
        },
    },
    Row {
        kind: ExtensionType::EXTENDED_MASTER_SECRET,
        offered: |offer| offer.has(ProtocolVersion::TLS1_2),
        write: |_, _| Ok(()),
    },
    Row {
        kind: ExtensionType::SESSION_TICKET,
        offered: |offer| offer.has(ProtocolVersion::TLS1_2) && offer.config.sessions.is_some(),
        write: |offer, out| {
            out.bytes(offer.ticket);
            Ok(())
        },
    },
    Row {
        kind: ExtensionType::RENEGOTIATION_INFO,
        offered: |offer| offer.has(ProtocolVersion::TLS1_2),
        write: |_, out| {
            out.bytes(&FIRST_HANDSHAKE);
            Ok(())
        },
    },
    Row {
        kind: ExtensionType::KEY_SHARE,
        offered: |offer| offer.has(ProtocolVersion::TLS1_3),
        write: |offer, out| {
            out.nested_u16(|out| {
                offer.shares.iter().try_for_each(|share| {
                    out.u16(share.group().0);
                    out.nested_u16(|out| {
                        out.bytes(share.public());
                        Ok(())
                    })
                })
            })
        },
    },
    Row {
        kind: ExtensionType::PSK_KEY_EXCHANGE_MODES,
        // RFC 9846 4.3.9: a server sends tickets to those who say how they would use them.
        offered: |offer| {
            offer.has(ProtocolVersion::TLS1_3)
                && (offer.config.sessions.is_some() || !offer.config.external_psks.is_empty())
        },
        write: |_, out| {
            out.bytes(&[1, PSK_DHE_KE]);
            Ok(())
        },
    },
    Row {
        kind: ExtensionType::EARLY_DATA,
        offered: |offer| offer.early_data,
        write: |_, _| Ok(()),
    },
    // RFC 9846 4.3.11: the last of all.
    Row {
        kind: ExtensionType::PRE_SHARED_KEY,
        offered: |offer| !offer.psks.is_empty(),
        write: |offer, out| {
            out.nested_u16(|out| {
                offer.psks.iter().try_for_each(|psk| {
                    out.nested_u16(|out| {
                        out.bytes(&psk.identity);
                        Ok(())
                    })?;
                    out.u32(psk.obfuscated_ticket_age);
                    Ok(())
                })
            })?;
            // Their place: they cover all before it.
            out.nested_u16(|out| {
                offer.psks.iter().try_for_each(|psk| {
                    out.nested_u8(|out| {
                        out.resize(out.len() + psk.psk.hash.len(), 0);
                        Ok(())
                    })
                })
            })
        },
    },
];

impl Offer<'_> {
    fn has(&self, version: ProtocolVersion) -> bool {
        self.config.speaks(version)
    }

    /// Whether the ClientHello has the extension `kind`.
    pub(crate) fn offers(&self, kind: ExtensionType) -> bool {
        ROWS.iter()
            .any(|row| row.kind == kind && (row.offered)(self))
    }

    /// Octets of the list of binders, with which the ClientHello ends.
    pub(crate) fn binders_len(&self) -> usize {
        2 + self
            .psks
            .iter()
            .map(|psk| 1 + psk.psk.hash.len())
            .sum::<usize>()
    }

    /// Appends the ClientHello, with zeros for binders.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        write_message(out, HandshakeType::CLIENT_HELLO, |out| {
            out.u16(ProtocolVersion::TLS1_2.0);
            out.bytes(self.random);
            out.nested_u8(|out| {
                out.bytes(self.legacy_session_id);
                Ok(())
            })?;
            write_list(out, self.config.suites().map(|suite| suite.0))?;
            out.bytes(&[1, 0]); // legacy_compression_methods: null
            out.nested_u16(|out| {
                let offered = ROWS.iter().filter(|row| (row.offered)(self));
                offered.into_iter().try_for_each(|row| {
                    out.u16(row.kind.0);
                    out.nested_u16(|out| (row.write)(self, out))
                })
            })
        })
    }
}
