//! What the fields of a head mean for the connection, noticed in one pass over them.

use crate::{
    Error, Slot, Version,
    framing::{Codings, Length},
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

    /// RFC 9112 3.2: 400 to a request of HTTP/1.1 without Host, and to any with more than one or an
    /// invalid one.
    pub(crate) fn check_host(&self, version: Version) -> Result<(), Error> {
        match self.host {
            Host::Valid => Ok(()),
            Host::Absent if version == Version::Http10 => Ok(()),
            Host::Absent => Err(Error::PeerHostMissing),
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
    /// RFC 9110 8.6: `1*DIGIT`. RFC 9112 6.3 (5) would let equal values pass; they are refused.
    fn and(self, value: &[u8]) -> Self {
        if self != Self::Absent {
            return Self::Repeated;
        }
        let digit = |length: u64, octet: &u8| {
            let digit = octet.is_ascii_digit().then(|| u64::from(octet - b'0'))?;
            length.checked_mul(10)?.checked_add(digit)
        };
        match value.iter().try_fold(0, digit) {
            Some(length) if !value.is_empty() => Self::Octets(length),
            _ if value.contains(&b',') => Self::Repeated,
            _ => Self::Invalid,
        }
    }
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
