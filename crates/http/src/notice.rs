//! What the fields of a head mean for the connection, noticed in one pass over them.

use crate::{
    Error, Slot, Version,
    error::Fault,
    framing::{Codings, Length},
    leniency::{Leniency, Lenient},
    octets::{elements, is_token},
    target,
};

/// What a head says about framing, persistence and the next protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) length: Length,
    pub(crate) codings: Codings,
    pub(crate) host: Host,
    pub(crate) expects: Expects,
    pub(crate) connection: Connection,
    /// An Upgrade field is there.
    upgrade: bool,
}

/// The options of Connection (RFC 9110 7.6.1) that matter here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    upgrade: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Host {
    #[default]
    Absent,
    Valid,
    Invalid,
    Repeated,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Expects {
    #[default]
    Nothing,
    Continue,
    Unknown,
}

impl Notice {
    /// What the fields in `slots` say.
    #[inline]
    pub(crate) fn of(input: &[u8], slots: &[Slot]) -> Self {
        let mut notice = Self::default();
        for slot in slots {
            notice.field(&input[slot.name()], &input[slot.value()]);
        }
        notice
    }

    /// The fault of breaking `error`'s rule: where the value is with which `judge` first says so.
    #[cold]
    pub(crate) fn fault(
        error: Error,
        input: &[u8],
        slots: &[Slot],
        judge: impl Fn(&Self) -> Result<(), Error>,
    ) -> Fault {
        let mut notice = Self::default();
        let breaks = slots.iter().find(|slot| {
            notice.field(&input[slot.name()], &input[slot.value()]);
            judge(&notice) == Err(error)
        });
        let value = breaks.map_or(0..0, Slot::value);
        let at = match error {
            Error::PeerContentLength => {
                let octets = &input[value.clone()];
                octets.iter().position(|octet| !octet.is_ascii_digit())
            }
            _ => None,
        };
        // An empty value stands at the end of its line.
        error.at(value.start + at.unwrap_or(0))
    }

    /// Takes equal lengths for one, if that is allowed. RFC 9112 6.3 (5).
    pub(crate) fn settle(&mut self, input: &[u8], slots: &[Slot], lenient: &mut Lenient) {
        if let Length::Equal(octets) = self.length {
            let is_length =
                |slot: &&Slot| input[slot.name()].eq_ignore_ascii_case(b"content-length");
            let last = slots.iter().rfind(is_length);
            if lenient.lets(
                Leniency::EqualLengths,
                last.map_or(0, |slot| slot.value().start),
            ) {
                self.length = Length::Octets(octets);
            }
        }
    }

    /// One more field line.
    #[inline]
    pub(crate) fn field(&mut self, name: &[u8], value: &[u8]) {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            4 if is(b"host") => self.host = self.host.and(value),
            6 if is(b"expect") => self.expects = self.expects.and(value),
            7 if is(b"upgrade") => self.upgrade = true,
            10 if is(b"connection") => self.connection.read(value),
            14 if is(b"content-length") => self.length = self.length.and(value),
            17 if is(b"transfer-encoding") => self.codings = self.codings.and(value),
            _ => {}
        }
    }

    /// RFC 9112 9.3: whether the connection persists after a message of `version` that says this.
    pub(crate) const fn persists(&self, version: Version) -> bool {
        match version {
            _ if self.connection.close => false,
            Version::Http11 => true,
            Version::Http10 => self.connection.keep_alive,
        }
    }

    /// RFC 9110 7.8: an Upgrade field counts when Connection lists it, and not in HTTP/1.0.
    pub(crate) fn upgrades(&self, version: Version) -> bool {
        self.upgrade && self.connection.upgrade && version == Version::Http11
    }

    /// RFC 9112 3.2: 400 to a request of HTTP/1.1 without Host.
    pub(crate) fn lacks_host(&self, version: Version) -> bool {
        self.host == Host::Absent && version == Version::Http11
    }

    /// RFC 9112 3.2: 400 to a request with more than one Host or an invalid one.
    pub(crate) const fn check_host(&self) -> Result<(), Error> {
        match self.host {
            Host::Valid | Host::Absent => Ok(()),
            Host::Invalid => Err(Error::PeerHost),
            Host::Repeated => Err(Error::PeerHostRepeated),
        }
    }
}

impl Connection {
    fn read(&mut self, value: &[u8]) {
        for option in elements(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }
}

impl Host {
    fn and(self, value: &[u8]) -> Self {
        match self {
            Self::Absent if target::is_host(value) => Self::Valid,
            Self::Absent => Self::Invalid,
            _ => Self::Repeated,
        }
    }
}

impl Expects {
    /// RFC 9110 10.1.1: "100-continue" is the only expectation, in any case.
    fn and(self, value: &[u8]) -> Self {
        elements(value).fold(self, |expects, element| {
            if !element.eq_ignore_ascii_case(b"100-continue") {
                Self::Unknown
            } else if expects == Self::Nothing {
                Self::Continue
            } else {
                expects
            }
        })
    }
}

impl Length {
    /// RFC 9112 6.3 (5): values that are all the same may be told apart from those that are not.
    fn and(self, value: &[u8]) -> Self {
        elements(value).fold(self, |length, element| match (length, decimal(element)) {
            (Self::Absent, Some(octets)) => Self::Octets(octets),
            (Self::Absent, None) => Self::Invalid,
            (Self::Octets(one) | Self::Equal(one), Some(other)) if one == other => Self::Equal(one),
            _ => Self::Repeated,
        })
    }
}

/// RFC 9110 8.6: `1*DIGIT`.
fn decimal(value: &[u8]) -> Option<u64> {
    let digit = |length: u64, octet: &u8| {
        let digit = octet.is_ascii_digit().then(|| u64::from(octet - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    };
    value
        .iter()
        .try_fold(0, digit)
        .filter(|_| !value.is_empty())
}

impl Codings {
    /// RFC 9112 6.1: a list over all lines, chunked at most once and last. It has no parameters.
    fn and(self, value: &[u8]) -> Self {
        elements(value).fold(self, |codings, coding| {
            let chunked = coding.eq_ignore_ascii_case(b"chunked");
            match codings {
                _ if !is_token(coding) => Self::Malformed,
                Self::Absent if chunked => Self::Chunked,
                Self::Unknown if chunked => Self::UnknownThenChunked,
                Self::Absent | Self::Unknown => Self::Unknown,
                _ if chunked => Self::Malformed,
                Self::Malformed => Self::Malformed,
                _ => Self::ChunkedNotFinal,
            }
        })
    }
}
