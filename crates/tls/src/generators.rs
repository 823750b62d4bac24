//! For property tests and fuzzers, ours and yours: hellos, mutations, and a way to be the peer behind
//! the record protection.

use crate::{
    codepoints::{ContentType, ExtensionType, HandshakeType, ProtocolVersion},
    connection::{Connection, Event, Question},
    error::Error,
};
use alloc::vec::Vec;
use netkit_core::{Step, TooLong, Writer, split::Heard};

/// A ClientHello with any content, well-framed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Hello {
    /// `random`.
    pub random: [u8; 32],
    /// `legacy_session_id`, of which the first 32 octets are used.
    pub session_id: Vec<u8>,
    /// `cipher_suites`.
    pub cipher_suites: Vec<u16>,
    /// Whether `supported_versions` with TLS 1.3 is added in front, so that parsing goes on.
    pub offers_tls13: bool,
    /// Extensions: kind and content.
    pub extensions: Vec<(u16, Vec<u8>)>,
}

impl Hello {
    /// The handshake message.
    ///
    /// # Errors
    /// [`TooLong`] if a list does not fit its length field.
    pub fn message(&self) -> Result<Vec<u8>, TooLong> {
        let mut out = Vec::new();
        crate::messages::write_message(&mut out, HandshakeType::CLIENT_HELLO, |out| {
            out.u16(ProtocolVersion::TLS1_2.0);
            out.bytes(&self.random);
            out.nested_u8(|out| {
                out.bytes(&self.session_id[..self.session_id.len().min(32)]);
                Ok(())
            })?;
            out.nested_u16(|out| {
                self.cipher_suites.iter().for_each(|suite| out.u16(*suite));
                Ok(())
            })?;
            out.bytes(&[1, 0]);
            out.nested_u16(|out| {
                if self.offers_tls13 {
                    out.u16(ExtensionType::SUPPORTED_VERSIONS.0);
                    out.bytes(&[0, 3, 2, 3, 4]);
                }
                self.extensions.iter().try_for_each(|(kind, content)| {
                    out.u16(*kind);
                    out.nested_u16(|out| {
                        out.bytes(content);
                        Ok(())
                    })
                })
            })
        })?;
        Ok(out)
    }
}

/// A change to some octets. Places are taken modulo their length.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Mutation {
    /// Replaces an octet.
    Set(u16, u8),
    /// Inserts octets.
    Insert(u16, Vec<u8>),
    /// Removes up to so many octets.
    Remove(u16, u8),
    /// Drops all from here on.
    Truncate(u16),
}

impl Mutation {
    /// Changes `octets`.
    pub fn apply(&self, octets: &mut Vec<u8>) {
        let (Self::Set(place, _)
        | Self::Insert(place, _)
        | Self::Remove(place, _)
        | Self::Truncate(place)) = self;
        let place = usize::from(*place) % octets.len().max(1);
        match self {
            Self::Set(_, value) => {
                if let Some(octet) = octets.get_mut(place) {
                    *octet = *value;
                }
            }
            Self::Insert(_, more) => drop(octets.splice(place..place, more.iter().copied())),
            Self::Remove(_, count) => {
                let end = octets.len().min(place + usize::from(*count));
                octets.drain(place..end);
            }
            Self::Truncate(_) => octets.truncate(place),
        }
    }
}

/// An [`Event`] that outlives its input; neighbouring data joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// As [`Event::Connected`].
    Connected,
    /// As [`Event::Question`].
    Question(Question),
    /// As [`Event::Data`].
    Data(Vec<u8>),
    /// As [`Event::EarlyData`].
    EarlyData(Vec<u8>),
    /// As [`Event::PeerClosed`].
    PeerClosed,
}

impl Heard for Said {
    fn join(&mut self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Data(data), Self::Data(more))
            | (Self::EarlyData(data), Self::EarlyData(more)) => {
                data.extend(more);
                None
            }
            (_, next) => Some(next),
        }
    }
}

/// One call of [`Connection::recv`] with its event kept: what [`netkit_core::split`] drives.
///
/// # Errors
/// As [`Connection::recv`].
pub fn hear(
    connection: &mut Connection,
    input: &mut [u8],
    out: &mut Vec<u8>,
) -> Result<Step<Option<Said>>, Error> {
    let step = connection.recv(input, out)?;
    Ok(step.map(|event| match event {
        Event::NeedData | Event::Waiting => None,
        Event::Question(question) => Some(Said::Question(question)),
        Event::Connected => Some(Said::Connected),
        Event::Data(data) => Some(Said::Data(data.to_vec())),
        Event::EarlyData(data) => Some(Said::EarlyData(data.to_vec())),
        Event::PeerClosed => Some(Said::PeerClosed),
    }))
}

/// Hands `messages` to `connection` as if they had arrived in protected records, so that a fuzzer can be
/// a peer that holds the keys.
///
/// # Errors
/// As [`Connection::recv`].
pub fn inject(
    connection: &mut Connection,
    messages: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    connection.take_messages(messages, out)
}

/// Appends one record of this type and content, as long as it is, under `connection`'s present key: for a
/// peer that holds the keys and breaks the rules of records.
///
/// # Errors
/// [`Error::KeyExhausted`].
pub fn seal(
    connection: &mut Connection,
    kind: ContentType,
    content: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    connection.seal_record(kind, content, out)
}

/// Leaves `connection`'s sending key so many records to protect, as if it had protected all others.
pub fn wear_down(connection: &mut Connection, left: u64) {
    connection.wear_down_to(left);
}

#[cfg(feature = "proptest")]
mod strategies {
    use super::{Hello, Mutation};
    use crate::codepoints::{CipherSuite, ExtensionType};
    use alloc::vec::Vec;
    use proptest::{collection::vec, prelude::*, sample::select};

    impl Arbitrary for Hello {
        type Parameters = ();
        type Strategy = BoxedStrategy<Self>;

        fn arbitrary_with((): ()) -> Self::Strategy {
            let suites: Vec<u16> = CipherSuite::ALL.iter().map(|suite| suite.0).collect();
            let kinds: Vec<u16> = ExtensionType::ALL.iter().map(|kind| kind.0).collect();
            (
                any::<[u8; 32]>(),
                vec(any::<u8>(), 0..40),
                vec(prop_oneof![select(suites), any::<u16>()], 0..6),
                prop::bool::weighted(0.8),
                vec(
                    (
                        prop_oneof![select(kinds), any::<u16>()],
                        vec(any::<u8>(), 0..40),
                    ),
                    0..8,
                ),
            )
                .prop_map(
                    |(random, session_id, cipher_suites, offers_tls13, extensions)| Self {
                        random,
                        session_id,
                        cipher_suites,
                        offers_tls13,
                        extensions,
                    },
                )
                .boxed()
        }
    }

    impl Arbitrary for Mutation {
        type Parameters = ();
        type Strategy = BoxedStrategy<Self>;

        fn arbitrary_with((): ()) -> Self::Strategy {
            prop_oneof![
                4 => (any::<u16>(), any::<u8>()).prop_map(|(place, value)| Self::Set(place, value)),
                1 => (any::<u16>(), vec(any::<u8>(), 1..6))
                    .prop_map(|(place, more)| Self::Insert(place, more)),
                1 => (any::<u16>(), any::<u8>()).prop_map(|(place, count)| Self::Remove(place, count)),
                1 => any::<u16>().prop_map(Self::Truncate),
            ]
            .boxed()
        }
    }
}
