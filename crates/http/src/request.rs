use crate::{
    Error, Fields, Framing, Limits, Slot, Version, blocks,
    error::Fault,
    fields::widen,
    head::{Line, Role, Rules, Scan, clean_fields},
    leniency::{Leniency, Lenient},
    octets::{is_token, token_length},
    target,
};
use core::ops::Range;
use memchr::memchr;

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
        // Method and target were checked to be text.
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

    /// Whether the target has a form that the method allows.
    pub(crate) fn check_target(&self, input: &[u8], lenient: &mut Lenient) -> Result<(), Fault> {
        let start = self.target.0 as usize;
        let target = &input[widen(self.target)];
        if target::is_valid(&input[self.method()], target) {
            return Ok(());
        }
        let at = start + target::fault(target);
        if target::is_raw(target) && lenient.lets(Leniency::RawTargets, at) {
            return Ok(());
        }
        Err(Error::PeerTarget.at(at))
    }

    /// The caller drops `used` octets before the line.
    pub(crate) const fn drop_front(&mut self, used: usize) {
        let used = used as u32;
        self.method = (self.method.0 - used, self.method.1 - used);
        self.target = (self.target.0 - used, self.target.1 - used);
    }
}

/// The request line, once it is complete.
#[inline]
pub(crate) fn start_line(
    scan: &mut Scan,
    input: &[u8],
    limit: u32,
    lenient: &mut Lenient,
) -> Result<Option<LineRanges>, Fault> {
    let clean = scan
        .fresh()
        .and_then(|at| clean_line(scan.window(input, limit), at));
    let ranges = if let Some((ranges, next)) = clean {
        scan.next_line(next);
        ranges
    } else {
        let limit = (limit, Error::PeerStartLineTooLong);
        let Some(found) = scan.line(input, limit, lenient)? else {
            return Ok(None);
        };
        line(input, &found)?
    };
    scan.begin_fields();
    Ok(Some(ranges))
}

/// The request line at `at`, and where the next line begins: if it is complete, of this version, and has
/// nothing in it that needs a judgement.
// Inlined, it takes a fifth of its instructions from a short head.
#[inline(always)]
fn clean_line(window: &[u8], at: usize) -> Option<(LineRanges, usize)> {
    const BEHIND: &[u8; 11] = b" HTTP/1.1\r\n";
    let method = blocks::first(window, at, blocks::beyond_name)?;
    if method == at || window[method] != b' ' {
        return None;
    }
    let target = blocks::first(window, method + 1, blocks::beyond_target)?;
    let behind: &[u8; 11] = window.get(target..)?.first_chunk()?;
    (behind == BEHIND).then(|| {
        let ranges = LineRanges {
            method: (at as u32, method as u32),
            target: (method as u32 + 1, target as u32),
            version: Version::Http11,
        };
        (ranges, target + BEHIND.len())
    })
}

/// RFC 9112 3: `method SP request-target SP HTTP-version`.
fn line(input: &[u8], line: &Line) -> Result<LineRanges, Fault> {
    let octets = &input[line.range()];
    let method = token_length(octets);
    if method == 0 || octets.get(method) != Some(&b' ') {
        return Err(not_method(octets.get(method)).at(line.start + method));
    }
    let rest = &octets[method + 1..];
    let Some(target) = memchr(b' ', rest) else {
        return Err(Error::PeerRequestLine.at(line.end));
    };
    let start = line.start + method + 1;
    // The version first: the preface of HTTP/2 deserves 505, whatever its target.
    let version = start + target + 1;
    Ok(LineRanges {
        method: (line.start as u32, (line.start + method) as u32),
        target: (start as u32, (start + target) as u32),
        version: Version::parse(&rest[target + 1..])
            .map_err(|fault| fault.error.at(version + fault.at))?,
    })
}

/// What is wrong with a method that ends before `octet`.
#[cold]
const fn not_method(octet: Option<&u8>) -> Error {
    match octet {
        Some(b'\r') => Error::PeerBareCr,
        None => Error::PeerRequestLine,
        Some(_) => Error::PeerMethod,
    }
}

/// Finds the parts of a request's head and decides nothing: neither Host nor the form of the target nor
/// framing is judged. For owners with a connection of their own; [`Server`](crate::Server) does both.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestParser {
    scan: Scan,
    line: Option<LineRanges>,
}

/// Where the parts of a head are that [`RequestParser`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parsed {
    line: LineRanges,
    /// Number of slots that the head filled.
    pub fields: usize,
    /// Octets of the head, the empty line included.
    pub length: usize,
}

impl Parsed {
    /// Where the method is.
    pub const fn method(&self) -> Range<usize> {
        self.line.method()
    }

    /// Where the target is: octets that are neither SP nor controls.
    pub const fn target(&self) -> Range<usize> {
        widen(self.line.target)
    }

    /// The version of the message.
    pub const fn version(&self) -> Version {
        self.line.version
    }
}

impl RequestParser {
    /// The head at the front of `input`, once it is complete. Until then the same octets come again with
    /// what follows them; lines that were complete are not read twice.
    pub fn parse(
        &mut self,
        input: &mut [u8],
        slots: &mut [Slot],
        limits: &Limits,
    ) -> Result<Option<Parsed>, Error> {
        if self.line.is_none() && self.scan.fresh() == Some(0) {
            let clean = self.clean(input, slots, limits);
            if clean.is_some() {
                return Ok(clean);
            }
        }
        self.find(input, slots, limits).map_err(|fault| fault.error)
    }

    /// A head of which nothing has been looked at: if it is complete, and as heads should be. What it has
    /// read of any other need not be read again.
    #[inline]
    fn clean(&mut self, input: &[u8], slots: &mut [Slot], limits: &Limits) -> Option<Parsed> {
        let (line, begin) = clean_line(self.scan.window(input, limits.start_line), 0)?;
        let window = self.scan.window(input, limits.head);
        let (fields, end) = clean_fields(window, begin, slots);
        if let Some(b"\r\n") = window.get(end..end + 2) {
            let length = end + 2;
            return Some(Parsed {
                line,
                fields,
                length,
            });
        }
        self.line = Some(line);
        self.scan.resume(begin, fields, end);
        None
    }

    #[cold]
    fn find(
        &mut self,
        input: &mut [u8],
        slots: &mut [Slot],
        limits: &Limits,
    ) -> Result<Option<Parsed>, Fault> {
        let mut strict = Lenient::default();
        let line = if let Some(line) = self.line {
            line
        } else {
            let found = start_line(&mut self.scan, input, limits.start_line, &mut strict)?;
            let Some(line) = found else {
                return Ok(None);
            };
            *self.line.insert(line)
        };
        let rules = Rules {
            limit: (limits.head, Error::PeerHeadTooLong),
            role: Role::Request,
        };
        let fields = self.scan.fields(input, slots, &rules, &mut strict)?;
        Ok(fields.map(|fields| Parsed {
            line,
            fields,
            length: self.scan.end(),
        }))
    }
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
