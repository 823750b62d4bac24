//! Conversations for property tests and fuzz targets, and a listener that writes down what a machine
//! says of a stream.
//!
//! A generated conversation is sent with [`Said::send`]; [`hear`] is what [`netkit_core::split`] feeds.

use crate::{CloseCode, Connection, Error, Event, Kind};
use alloc::{borrow::ToOwned, string::String, vec::Vec};
use netkit_core::{Step, split};

/// What one side says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Said {
    /// A message in pieces; none is an empty message.
    Text(Vec<String>),
    /// A message in pieces; none is an empty message.
    Binary(Vec<Vec<u8>>),
    /// Of the octets at most 125.
    Ping(Vec<u8>),
    /// Of the octets at most 125.
    Pong(Vec<u8>),
}

/// What was heard: owned, and joined where the boundary is an accident of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Octets of a message, and whether it is complete.
    Data(Kind, Vec<u8>, bool),
    /// A ping.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// The peer's close frame.
    Closing(Option<CloseCode>, String),
}

impl split::Heard for Heard {
    fn join(&mut self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Data(kind, bytes, last @ false), Self::Data(other, more, ends))
                if *kind == other =>
            {
                bytes.extend(more);
                *last = ends;
                None
            }
            (_, next) => Some(next),
        }
    }
}

fn control(payload: &[u8]) -> &[u8] {
    &payload[..payload.len().min(125)]
}

impl Said {
    /// Sends it whole.
    pub fn send(&self, side: &mut Connection, out: &mut Vec<u8>) -> Result<(), Error> {
        let (kind, pieces): (_, Vec<&[u8]>) = match self {
            Self::Text(pieces) => (Kind::Text, pieces.iter().map(String::as_bytes).collect()),
            Self::Binary(pieces) => (Kind::Binary, pieces.iter().map(Vec::as_slice).collect()),
            Self::Ping(payload) => return side.ping(control(payload), out),
            Self::Pong(payload) => return side.pong(control(payload), out),
        };
        let Some((last, front)) = pieces.split_last() else {
            return side.send(kind, &[], true, out);
        };
        for piece in front {
            side.send(kind, &[piece], false, out)?;
        }
        side.send(kind, &[last], true, out)
    }

    /// What the peer is to hear of it.
    pub fn heard(&self) -> Heard {
        match self {
            Self::Text(pieces) => Heard::Data(Kind::Text, pieces.concat().into_bytes(), true),
            Self::Binary(pieces) => Heard::Data(Kind::Binary, pieces.concat(), true),
            Self::Ping(payload) => Heard::Ping(control(payload).to_owned()),
            Self::Pong(payload) => Heard::Pong(control(payload).to_owned()),
        }
    }
}

/// One call of the machine, as [`split::transcript`] wants it.
pub fn hear(
    side: &mut Connection,
    input: &mut [u8],
    out: &mut Vec<u8>,
) -> Result<Step<Option<Heard>>, Error> {
    let mut inflated = Vec::new();
    let step = side.recv(input, &mut inflated, out)?;
    Ok(step.map(|event| match event {
        Event::NeedData | Event::Closed => None,
        Event::Data { kind, bytes, last } => Some(Heard::Data(kind, bytes.to_owned(), last)),
        Event::Ping(payload) => Some(Heard::Ping(payload.to_owned())),
        Event::Pong(payload) => Some(Heard::Pong(payload.to_owned())),
        Event::Closing { code, reason } => Some(Heard::Closing(code, reason.to_owned())),
    }))
}

#[cfg(feature = "proptest")]
impl proptest::arbitrary::Arbitrary for Said {
    type Parameters = ();
    type Strategy = proptest::strategy::BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        use proptest::{collection::vec, prelude::*};
        // Short, at the boundaries of the length's forms, and repetitive.
        let octets = || {
            prop_oneof![
                3 => vec(any::<u8>(), 0..40),
                1 => vec(any::<u8>(), 120..130),
                1 => (any::<u8>(), 0usize..70_000).prop_map(|(octet, count)| alloc::vec![octet; count]),
            ]
        };
        prop_oneof![
            2 => vec(any::<String>(), 0..4).prop_map(Self::Text),
            2 => vec(octets(), 0..4).prop_map(Self::Binary),
            1 => vec(any::<u8>(), 0..130).prop_map(Self::Ping),
            1 => vec(any::<u8>(), 0..130).prop_map(Self::Pong),
        ]
        .boxed()
    }
}
