use crate::{
    Error, Fields, Framing, Slot, Version,
    error::Fault,
    fields::widen,
    head::Line,
    octets::{is_token, token_length},
    target,
};
use core::ops::Range;

/// The head of a request (RFC 9112 3, 5), lent from the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHead<'b> {
    /// The method: a token, case-sensitive (RFC 9110 9.1).
    pub method: &'b str,
    /// The request target, as it came (RFC 9112 3.2).
    pub target: &'b str,
    /// The version of the message.
    pub version: Version,
    /// The header fields.
    pub fields: Fields<'b>,
    /// How its content is delimited.
    pub framing: Framing,
}

impl<'b> RequestHead<'b> {
    /// The host and port that the request is for: an absolute-form target has precedence over the
    /// Host field (RFC 9112 3.2.2), which only an HTTP/1.0 request may lack.
    pub fn authority(&self) -> Option<&'b str> {
        if self.method == "CONNECT" {
            return Some(self.target);
        }
        let octets = match target::split_absolute(self.target.as_bytes()) {
            Some((authority, _)) if !self.target.starts_with('/') => authority,
            _ => self.fields.get("host")?,
        };
        core::str::from_utf8(octets).ok()
    }
}

/// Where the parts of a request head are: what [`Server::step`](crate::Server::step) finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRanges {
    pub(crate) line: LineRanges,
    /// Number of slots that the head filled.
    pub fields: usize,
    /// How its content is delimited.
    pub framing: Framing,
}

impl RequestRanges {
    /// The head itself, lent from `bytes`, the octets that the step used, and the slots it filled.
    pub fn lend<'b>(&self, bytes: &'b [u8], slots: &'b [Slot]) -> RequestHead<'b> {
        // Method and target were checked to be ASCII.
        let text = |range| {
            let octets = bytes.get(widen(range)).unwrap_or_default();
            core::str::from_utf8(octets).unwrap_or_default()
        };
        RequestHead {
            method: text(self.line.method),
            target: text(self.line.target),
            version: self.line.version,
            fields: Fields::new(bytes, &slots[..self.fields.min(slots.len())]),
            framing: self.framing,
        }
    }

    /// Where the method is.
    pub const fn method(&self) -> Range<usize> {
        self.line.method()
    }

    /// Where the target is.
    pub const fn target(&self) -> Range<usize> {
        widen(self.line.target)
    }

    /// The version of the message.
    pub const fn version(&self) -> Version {
        self.line.version
    }
}

/// Where the parts of a request line are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineRanges {
    method: (u32, u32),
    target: (u32, u32),
    pub(crate) version: Version,
}

impl LineRanges {
    pub(crate) const fn method(&self) -> Range<usize> {
        widen(self.method)
    }

    /// The caller drops `used` octets before the line.
    pub(crate) const fn drop_front(&mut self, used: usize) {
        let used = used as u32;
        self.method = (self.method.0 - used, self.method.1 - used);
        self.target = (self.target.0 - used, self.target.1 - used);
    }
}

/// RFC 9112 3: `method SP request-target SP HTTP-version`.
pub(crate) fn line(input: &[u8], line: &Line) -> Result<LineRanges, Fault> {
    let octets = &input[line.range()];
    let method = token_length(octets);
    if method == 0 || octets.get(method) != Some(&b' ') {
        let error = match octets.get(method) {
            Some(b'\r') => Error::PeerBareCr,
            None => Error::PeerRequestLine,
            Some(_) => Error::PeerMethod,
        };
        return Err(error.at(line.start + method));
    }
    let rest = &octets[method + 1..];
    let Some(target) = memchr::memchr(b' ', rest) else {
        return Err(Error::PeerRequestLine.at(line.end));
    };
    let start = line.start + method + 1;
    // The version first: the preface of HTTP/2 deserves 505, whatever its target.
    let version =
        Version::parse(&rest[target + 1..]).map_err(|error| error.at(start + target + 1))?;
    if !target::is_valid(&octets[..method], &rest[..target]) {
        return Err(Error::PeerTarget.at(start));
    }
    Ok(LineRanges {
        method: (line.start as u32, (line.start + method) as u32),
        target: (start as u32, (start + target) as u32),
        version,
    })
}

/// A request line to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLine<'a> {
    /// A token (RFC 9110 9.1).
    pub method: &'a str,
    /// In a form that the method allows (RFC 9112 3.2).
    pub target: &'a str,
    /// The version to send.
    pub version: Version,
}

impl<'a> RequestLine<'a> {
    /// An HTTP/1.1 request line.
    pub const fn new(method: &'a str, target: &'a str) -> Self {
        Self {
            method,
            target,
            version: Version::Http11,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if !is_token(self.method.as_bytes()) {
            return Err(Error::MisuseMethod);
        }
        if !target::is_valid(self.method.as_bytes(), self.target.as_bytes()) {
            return Err(Error::MisuseTarget);
        }
        Ok(())
    }
}
