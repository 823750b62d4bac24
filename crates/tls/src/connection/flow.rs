//! Whose flow it is, and what is alike in all: client and server, TLS 1.2 and 1.3.

use super::{Asks, EMPTY_HANDSHAKE};
use crate::{
    codepoints::{ContentType, HandshakeType},
    error::Error,
    hello::Hello,
    io::Io,
    joiner::Joiner,
    limits::MAX_HANDSHAKE_MESSAGE,
    messages::Message,
    record::front,
    tls12, tls13,
    tls13::{client, server},
};
use alloc::boxed::Box;
use core::ops::Range;

/// A side's flow.
pub(super) enum Flow {
    Undecided(Box<Glance>),
    Client(client::State),
    Server(server::State),
    /// A handler has failed, and with it the connection.
    Over,
}

impl Flow {
    pub(super) fn advance(self, message: &Message<'_>, io: &mut Io<'_>) -> Result<Self, Error> {
        Ok(match self {
            Self::Client(state) => Self::Client(client::advance(state, message, io)?),
            Self::Server(state) => Self::Server(server::advance(state, message, io)?),
            Self::Undecided(_) | Self::Over => Self::Over,
        })
    }

    /// What our side has to decide before the flow goes on.
    pub(super) fn asks(&self) -> Option<Asks<'_>> {
        match self {
            Self::Client(state) => state.asks(),
            Self::Server(state) => state.asks(),
            Self::Undecided(_) | Self::Over => None,
        }
    }

    pub(super) fn open(&mut self) -> Option<Open<'_>> {
        use {client::State as C, server::State as S};
        match self {
            Self::Client(C::Open(open)) | Self::Server(S::Open(open)) => Some(Open::Tls13(open)),
            Self::Client(C::Tls12(tls12::client::State::Open(open)))
            | Self::Server(S::Tls12(tls12::server::State::Open(open))) => Some(Open::Tls12(open)),
            _ => None,
        }
    }

    /// Octets of early data that a client may still send, or a server has still to take, while the
    /// flow is where either may be.
    pub(super) fn early_left(&mut self) -> Option<&mut u32> {
        match self {
            Self::Client(state) => state.early_left(),
            Self::Server(state) => state.early_left(),
            _ => None,
        }
    }

    /// Whether it is a server's that has taken early data, and has still to hear that its client is done.
    pub(super) fn answers_early_data(&self) -> bool {
        matches!(self, Self::Server(state) if state.answers_early_data())
    }

    pub(super) fn is_tls12(&self) -> bool {
        matches!(
            self,
            Self::Client(client::State::Tls12(_)) | Self::Server(server::State::Tls12(_))
        )
    }

    /// Whether an alert's level tells something: in TLS 1.2, and as long as it may be what the server
    /// chooses.
    pub(super) fn has_alert_levels(&self) -> bool {
        self.is_tls12() || matches!(self, Self::Client(state) if state.may_be_tls12())
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Client(state) => state.name(),
            Self::Server(state) => state.name(),
            Self::Undecided(_) => "UNDECIDED",
            Self::Over => "OVER",
        }
    }
}

/// What an open connection of either version can do.
pub(super) enum Open<'f> {
    Tls12(&'f mut tls12::both::Open),
    Tls13(&'f mut tls13::both::Open),
}

impl Open<'_> {
    pub(super) fn heard_data(&mut self) {
        match self {
            Self::Tls12(open) => open.heard_data(),
            Self::Tls13(open) => open.heard_data(),
        }
    }

    pub(super) fn export(&self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        match self {
            Self::Tls12(open) => open.export(label, context, out),
            Self::Tls13(open) => open.export(label, context, out),
        }
    }
}

/// A ClientHello that has been looked at where it lies: nothing is used before the owner has chosen.
#[derive(Default)]
pub(super) struct Glance {
    joiner: Joiner,
    /// How far the input has been looked at, from its front.
    seen: usize,
    hello: Option<Range<usize>>,
}

impl Glance {
    /// Looks on; whether the ClientHello is there.
    pub(super) fn look(&mut self, input: &[u8]) -> Result<bool, Error> {
        while self.hello.is_none() {
            // What has been looked at comes again, in front of what is new.
            let Some(record) = front(input.get(self.seen..).unwrap_or_default())? else {
                return Ok(false);
            };
            if record.kind != ContentType::HANDSHAKE {
                return Err(Error::PeerUnexpectedRecord(record.kind));
            }
            let fragment = &input[self.seen..][record.fragment.clone()];
            if fragment.is_empty() {
                return Err(EMPTY_HANDSHAKE);
            }
            self.seen += record.len();
            self.joiner.push(fragment);
            self.hello = self.joiner.take(MAX_HANDSHAKE_MESSAGE)?;
        }
        match HandshakeType(self.octets()[0]) {
            HandshakeType::CLIENT_HELLO => Hello::read(self.octets()).map(|_| true),
            other => Err(Error::PeerUnexpectedMessage(other, "WAIT_CH")),
        }
    }

    pub(super) fn octets(&self) -> &[u8] {
        let place = self.hello.clone();
        place.map_or(&[], |place| self.joiner.octets(place))
    }
}
