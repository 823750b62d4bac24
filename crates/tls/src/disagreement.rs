//! What each side would have accepted, where they have nothing in common.

use crate::{
    codepoints::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme},
    config::{ClientConfig, ServerConfig},
    error::Error,
    messages::ClientHello,
};
use alloc::{vec, vec::Vec};
use core::fmt;

/// Nothing in common: what both sides have, in their order of preference.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disagreement {
    /// Of the versions.
    Version(Lists<ProtocolVersion>),
    /// Of the cipher suites.
    CipherSuite(Lists<CipherSuite>),
    /// Of the groups for the key exchange.
    Group(Lists<NamedGroup>),
    /// Of the signature schemes.
    SignatureScheme(Lists<SignatureScheme>),
    /// Of the application protocols.
    Protocol(Lists<Protocol>),
}

/// What this side has, and the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lists<T> {
    /// What this side accepts.
    pub ours: Vec<T>,
    /// What the peer accepts; `None` if it did not say, as servers do not.
    pub theirs: Option<Vec<T>>,
}

/// An application protocol's name (RFC 7301).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protocol(pub Vec<u8>);

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl<T> Lists<T> {
    fn new(ours: impl IntoIterator<Item = T>, theirs: Option<Vec<T>>) -> Self {
        Self {
            ours: ours.into_iter().collect(),
            theirs,
        }
    }
}

fn protocols<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> Vec<Protocol> {
    names
        .into_iter()
        .map(|name| Protocol(name.to_vec()))
        .collect()
}

impl Disagreement {
    /// What a server that fails with `error` has found in the ClientHello.
    pub(crate) fn of_server(
        error: Error,
        config: &ServerConfig,
        m: &ClientHello<'_>,
    ) -> Option<Self> {
        Some(match error {
            Error::PeerNoCommonVersion => {
                let theirs = m.supported_versions().ok()?;
                let theirs = theirs.map(|list| list.iter().map(ProtocolVersion).collect());
                Self::Version(Lists::new(config.spoken(), theirs))
            }
            Error::PeerNoCommonSuite => Self::CipherSuite(Lists::new(
                config.spoken().flat_map(|version| config.suites(version)),
                Some(m.cipher_suites.iter().map(CipherSuite).collect()),
            )),
            Error::PeerNoCommonCurve => Self::Group(Lists::new(
                config
                    .identities
                    .iter()
                    .filter_map(|identity| identity.curve()),
                Some(m.supported_groups().ok()?.iter().map(NamedGroup).collect()),
            )),
            Error::PeerNoCommonGroup => Self::Group(Lists::new(
                config.groups.iter().copied(),
                Some(m.supported_groups().ok()?.iter().map(NamedGroup).collect()),
            )),
            Error::PeerNoCommonScheme => Self::SignatureScheme(Lists::new(
                config
                    .identities
                    .iter()
                    .flat_map(|identity| identity.schemes().iter().copied()),
                Some(
                    m.signature_algorithms()
                        .ok()?
                        .iter()
                        .map(SignatureScheme)
                        .collect(),
                ),
            )),
            Error::PeerNoCommonProtocol => Self::Protocol(Lists::new(
                protocols(config.alpn.iter().map(Vec::as_slice)),
                Some(protocols(m.protocols().ok()??)),
            )),
            _ => return None,
        })
    }

    /// What a client has offered to a server that accepted none of it and does not say why.
    pub(crate) fn of_client(config: &ClientConfig) -> Vec<Self> {
        vec![
            Self::Version(Lists::new(config.spoken(), None)),
            Self::CipherSuite(Lists::new(config.suites(), None)),
            Self::Group(Lists::new(config.groups.iter().copied(), None)),
            Self::SignatureScheme(Lists::new(config.signature_schemes.iter().copied(), None)),
            Self::Protocol(Lists::new(
                protocols(config.alpn.iter().map(Vec::as_slice)),
                None,
            )),
        ]
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(lists) => write!(f, "versions: {lists}"),
            Self::CipherSuite(lists) => write!(f, "cipher suites: {lists}"),
            Self::Group(lists) => write!(f, "groups: {lists}"),
            Self::SignatureScheme(lists) => write!(f, "signature schemes: {lists}"),
            Self::Protocol(lists) => write!(f, "application protocols: {lists}"),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Lists<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this side has ")?;
        list(&self.ours, f)?;
        if let Some(theirs) = &self.theirs {
            f.write_str("; the peer has ")?;
            list(theirs, f)?;
        }
        Ok(())
    }
}

/// The front of a list that a peer may have made long.
fn list<T: fmt::Display>(values: &[T], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const SHOWN: usize = 24;
    if values.is_empty() {
        return f.write_str("none");
    }
    for (index, value) in values.iter().take(SHOWN).enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        write!(f, "{comma}{value}")?;
    }
    match values.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Disagreement, Lists};
    use crate::codepoints::NamedGroup;
    use alloc::{string::ToString, vec, vec::Vec};

    #[test]
    fn long_lists_are_cut_and_empty_ones_named() {
        let theirs: Vec<NamedGroup> = (0..1000).map(NamedGroup).collect();
        let lists = Lists::new([NamedGroup::X25519], Some(theirs));
        let shown = Disagreement::Group(lists).to_string();
        assert!(
            shown.starts_with("groups: this side has x25519; the peer has "),
            "{shown}"
        );
        assert!(
            shown.ends_with(" and 976 more") && shown.len() < 500,
            "{shown}"
        );
        let lists = Lists::<NamedGroup>::new(vec![], None);
        assert_eq!(lists.to_string(), "this side has none");
    }
}
