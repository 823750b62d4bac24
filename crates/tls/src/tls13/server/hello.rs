//! ClientHellos, and what the server chooses from them (RFC 9846 4.2).

use super::WaitFinished;
use super::flight::{Seen, WaitEoed, WaitSignature};
use crate::{
    codepoints::{
        CipherSuite, ContentType, ExtensionType, NamedGroup, ProtocolVersion, SignatureScheme,
    },
    config::ServerConfig,
    connection::EarlyData,
    crypto::hash::Digest,
    disagreement::Disagreement,
    error::Error,
    identity::Identity,
    io::Io,
    limits::MAX_SKIPPED_EARLY_DATA,
    messages::{ClientHello, ListU16, write_server_hello},
    resumption::Session,
    tls12,
    tls13::{
        choice::{ChosenPsk, Offered},
        schedule::Early,
    },
    transcript::Transcript,
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use netkit_core::Writer;

/// Nothing has been received.
pub(crate) struct WaitCh {
    config: Arc<ServerConfig>,
}

/// Where a first ClientHello leads.
pub(super) enum AfterCh {
    Shared(AfterShare),
    Retry(Box<WaitRetriedCh>),
    Tls12(tls12::server::State),
}

/// Where a ClientHello with a usable share leads.
pub(super) enum AfterShare {
    Sign(Box<WaitSignature>),
    Psk(Box<WaitFinished>),
    EarlyData(Box<WaitEoed>),
}

impl WaitCh {
    pub(crate) fn new(config: Arc<ServerConfig>) -> Self {
        Self { config }
    }

    pub(super) fn client_hello(
        self,
        m: &ClientHello<'_>,
        io: &mut Io<'_>,
    ) -> Result<AfterCh, Error> {
        self.config.check()?;
        let config = Arc::clone(&self.config);
        self.answer(m, io)
            .inspect_err(|error| io.disagree(Disagreement::of_server(*error, &config, m)))
    }

    fn answer(self, m: &ClientHello<'_>, io: &mut Io<'_>) -> Result<AfterCh, Error> {
        // Checked here although it is only reported where one identity serves all: a name that is none
        // is refused.
        m.server_name()?;
        if choose_version(&self.config, m)? == ProtocolVersion::TLS1_2 {
            return tls12::server::start(self.config, m, io).map(AfterCh::Tls12);
        }
        check_hello(m)?;
        let choice = Choice::new(&self.config, m, None, io)?;
        // RFC 9846 4.3.10: what is not taken is read past.
        let early_data = match m.extensions.get(ExtensionType::EARLY_DATA) {
            Some(_) => EarlyData::Rejected,
            None => EarlyData::NotOffered,
        };
        if early_data == EarlyData::Rejected {
            let granted = self
                .config
                .early_data
                .as_ref()
                .map_or(0, |policy| policy.max_size);
            io.incoming
                .skip_early_data(MAX_SKIPPED_EARLY_DATA.max(granted as usize));
        }
        let groups = m.supported_groups()?;
        match choose_share(&self.config.groups, groups, &m.key_shares()?)? {
            Some(share) => {
                let transcript = Transcript::new(choice.cipher_suite, io.raw);
                let seen = Seen {
                    config: self.config,
                    transcript,
                    hello_retry: false,
                    early_data,
                };
                seen.respond(choice, share, m, io).map(AfterCh::Shared)
            }
            None => self
                .retry(choice.cipher_suite, groups, early_data, m, io)
                .map(AfterCh::Retry),
        }
    }

    /// Asks for a share of a group that both have (RFC 9846 4.2.4).
    fn retry(
        self,
        cipher_suite: CipherSuite,
        groups: ListU16<'_>,
        early_data: EarlyData,
        m: &ClientHello<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitRetriedCh>, Error> {
        io.aligned()?;
        let group = first_common(self.config.groups.iter().map(|group| group.0), groups)
            .map(NamedGroup)
            .ok_or(Error::PeerNoCommonGroup)?;
        let mut retry = Vec::new();
        let session_id = m.legacy_session_id;
        write_server_hello(&mut retry, None, session_id, cipher_suite, None, |out| {
            out.u16(group.0);
            Ok(())
        })?;
        let transcript = Transcript::retried(cipher_suite, io.raw, &retry);
        io.note_sent(&retry);
        io.outgoing
            .send(ContentType::HANDSHAKE, &[&retry], io.out)?;
        if !m.legacy_session_id.is_empty() {
            io.change_cipher_spec();
        }
        Ok(Box::new(WaitRetriedCh {
            seen: Seen {
                config: self.config,
                transcript,
                hello_retry: true,
                early_data,
            },
            cipher_suite,
            group,
            lasting: m.lasting(io.raw, cipher_suite.hash()),
        }))
    }
}

/// A HelloRetryRequest has been sent.
pub(crate) struct WaitRetriedCh {
    seen: Seen,
    cipher_suite: CipherSuite,
    group: NamedGroup,
    /// What of the first ClientHello the second must repeat, hashed.
    lasting: Digest,
}

impl WaitRetriedCh {
    pub(super) fn client_hello(
        mut self,
        m: &ClientHello<'_>,
        io: &mut Io<'_>,
    ) -> Result<AfterShare, Error> {
        io.incoming.skip_no_more();
        check_hello(m)?;
        // RFC 9846 4.2.2: the second ClientHello changes only what the retry asked for.
        let lasting = m.lasting(io.raw, self.cipher_suite.hash());
        if lasting.as_ref() != self.lasting.as_ref() {
            return Err(Error::PeerIllegalParameter(
                "the ClientHello changed after a retry",
            ));
        }
        if m.extensions.get(ExtensionType::EARLY_DATA).is_some() {
            return Err(Error::PeerIllegalParameter("early_data after a retry"));
        }
        let Seen {
            config, transcript, ..
        } = &self.seen;
        let choice = Choice::new(config, m, Some((self.cipher_suite, transcript)), io)?;
        let [(group, public)] = m.key_shares()?[..] else {
            return Err(Error::PeerIllegalParameter(
                "not the one key share that the retry asked for",
            ));
        };
        if group != self.group {
            return Err(Error::PeerIllegalParameter(
                "a key share for a group not asked for",
            ));
        }
        self.seen.transcript.add(io.raw);
        self.seen.respond(choice, (group, public), m, io)
    }
}

/// What the server chose from a ClientHello, but for the key share.
pub(super) struct Choice {
    pub(super) cipher_suite: CipherSuite,
    pub(super) proof: Proof,
    pub(super) alpn: Option<Vec<u8>>,
}

/// How the server proves who it is: by a key that only it and the client have, or by a signature.
pub(super) enum Proof {
    Psk(Box<ChosenPsk>),
    Certificate(Arc<Identity>, SignatureScheme),
}

impl Choice {
    /// `retried` is the suite of a retry, and the messages up to this ClientHello.
    fn new(
        config: &ServerConfig,
        m: &ClientHello<'_>,
        retried: Option<(CipherSuite, &Transcript)>,
        io: &Io<'_>,
    ) -> Result<Self, Error> {
        let alpn = choose_protocol(&config.alpn, m)?;
        if let Some(psk) = (Offered { config, m, retried }).psk(io)? {
            return Ok(Self {
                cipher_suite: psk.cipher_suite,
                proof: Proof::Psk(Box::new(psk)),
                alpn,
            });
        }
        let suites = config.suites(ProtocolVersion::TLS1_3).map(|suite| suite.0);
        let schemes = m.signature_algorithms()?;
        let accepts = |scheme: SignatureScheme| schemes.contains(scheme.0) && !scheme.is_pkcs1();
        let wanted = m.wanted_identity()?;
        let (identity, signature_scheme) = config
            .identity_that(|identity| identity.scheme_for(accepts), &wanted)
            .ok_or_else(|| config.no_identity(&wanted))?;
        let cipher_suite = match retried {
            Some((suite, _)) => suite,
            None => first_common(suites, m.cipher_suites)
                .map(CipherSuite)
                .ok_or(Error::PeerNoCommonSuite)?,
        };
        Ok(Self {
            cipher_suite,
            proof: Proof::Certificate(Arc::clone(identity), signature_scheme),
            alpn,
        })
    }

    /// The session that it goes on from.
    pub(super) fn session(&self) -> Option<&Session> {
        match &self.proof {
            Proof::Psk(psk) => psk.session(),
            Proof::Certificate(..) => None,
        }
    }

    pub(super) fn selected_identity(&self) -> Option<u16> {
        match &self.proof {
            Proof::Psk(psk) => Some(psk.index),
            Proof::Certificate(..) => None,
        }
    }

    pub(super) fn early(&self) -> Option<Early> {
        match &self.proof {
            Proof::Psk(psk) => Some(Early::new(&psk.psk)),
            Proof::Certificate(..) => None,
        }
    }
}

/// The first of `ours` that `theirs` has too.
fn first_common(mut ours: impl Iterator<Item = u16>, theirs: ListU16<'_>) -> Option<u16> {
    ours.find(|&value| theirs.contains(value))
}

/// The highest version that both have (RFC 9846 4.3.1); without supported_versions the client's highest
/// is its legacy_version (D.2).
fn choose_version(config: &ServerConfig, m: &ClientHello<'_>) -> Result<ProtocolVersion, Error> {
    let theirs = m.supported_versions()?;
    config
        .spoken()
        .find(|&ours| match theirs {
            Some(theirs) => theirs.contains(ours.0),
            None => ours == ProtocolVersion::TLS1_2 && m.legacy_version >= ours,
        })
        .ok_or(Error::PeerNoCommonVersion)
}

/// Refuses what a ClientHello of TLS 1.3 may not have.
fn check_hello(m: &ClientHello<'_>) -> Result<(), Error> {
    if m.legacy_compression_methods != [0] {
        return Err(Error::PeerIllegalParameter(
            "legacy_compression_methods is not null alone",
        ));
    }
    // Of no use where nothing is compressed, and looked at all the same.
    m.certificate_compression()?;
    // RFC 9846 4.3.11: it is last, and useless without its modes.
    if m.extensions.get(ExtensionType::PRE_SHARED_KEY).is_some() {
        let last = m.extensions.iter().last().map(|(kind, _)| kind);
        if last != Some(ExtensionType::PRE_SHARED_KEY) {
            return Err(Error::PeerIllegalParameter(
                "pre_shared_key is not the last extension",
            ));
        }
        let modes = ExtensionType::PSK_KEY_EXCHANGE_MODES;
        if m.extensions.get(modes).is_none() {
            return Err(Error::PeerMissingExtension(modes));
        }
    }
    Ok(())
}

/// The client's share for our most preferred group that it sent one for. A share for a group that
/// the client does not support is refused (RFC 9846 4.3.8).
fn choose_share<'a>(
    ours: &[NamedGroup],
    supported: ListU16<'_>,
    shares: &[(NamedGroup, &'a [u8])],
) -> Result<Option<(NamedGroup, &'a [u8])>, Error> {
    if shares.iter().any(|(group, _)| !supported.contains(group.0)) {
        return Err(Error::PeerIllegalParameter(
            "a key share for a group that is not supported",
        ));
    }
    let share_of = |group: &NamedGroup| shares.iter().find(|(theirs, _)| theirs == group).copied();
    Ok(ours.iter().find_map(share_of))
}

/// Our most preferred protocol that the client offers. Offering none, or serving none, is no
/// failure; having none in common is (RFC 7301 3.2).
pub(crate) fn choose_protocol(
    ours: &[Vec<u8>],
    m: &ClientHello<'_>,
) -> Result<Option<Vec<u8>>, Error> {
    let Some(theirs) = m.protocols()? else {
        return Ok(None);
    };
    if ours.is_empty() {
        return Ok(None);
    }
    ours.iter()
        .find(|name| theirs.contains(&name.as_slice()))
        .cloned()
        .map(Some)
        .ok_or(Error::PeerNoCommonProtocol)
}
