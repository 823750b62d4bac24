use crate::{
    Error, Fields, Framing, Slot, Status, Version,
    error::Fault,
    fields::widen,
    head::{Line, check_value},
    leniency::Lenient,
};
use core::ops::Range;

/// The head of a response (RFC 9112 4, 5), lent from the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHead<'b> {
    /// The version of the message.
    pub version: Version,
    /// The status code.
    pub status: Status,
    /// The reason phrase: may be empty, need not be UTF-8, means nothing.
    pub reason: &'b [u8],
    /// The header fields.
    pub fields: Fields<'b>,
    /// How its content is delimited.
    pub framing: Framing,
}

/// Where the parts of a response head are: what [`Client::step`](crate::Client::step) finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseRanges {
    pub(crate) line: LineRanges,
    /// Number of slots that the head filled.
    pub fields: usize,
    /// How its content is delimited.
    pub framing: Framing,
}

impl ResponseRanges {
    /// The head itself, lent from `bytes`, the octets that the step used, and the slots it filled.
    pub fn lend<'b>(&self, bytes: &'b [u8], slots: &'b [Slot]) -> ResponseHead<'b> {
        ResponseHead {
            version: self.line.version,
            status: self.line.status,
            reason: bytes.get(self.reason()).unwrap_or_default(),
            fields: Fields::new(bytes, &slots[..self.fields.min(slots.len())]),
            framing: self.framing,
        }
    }

    /// Where the reason phrase is.
    pub const fn reason(&self) -> Range<usize> {
        widen(self.line.reason)
    }

    /// The status code.
    pub const fn status(&self) -> Status {
        self.line.status
    }

    /// The version of the message.
    pub const fn version(&self) -> Version {
        self.line.version
    }
}

/// Where the parts of a status line are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineRanges {
    pub(crate) version: Version,
    pub(crate) status: Status,
    reason: (u32, u32),
}

/// Where the status code stands in a head.
pub(crate) const STATUS: usize = 9;

/// RFC 9112 4: `HTTP-version SP status-code SP [ reason-phrase ]`. The SP behind the code may be
/// missing with the reason: many servers leave both out.
pub(crate) fn line(input: &[u8], line: &Line, lenient: &mut Lenient) -> Result<LineRanges, Fault> {
    let octets = &input[line.range()];
    let fault = |offset| Error::PeerStatusLine.at(line.start + offset);
    let Some((version, [b' ', rest @ ..])) = octets.split_at_checked(8) else {
        return Err(fault(octets.len().min(8)));
    };
    let version = Version::parse(version).map_err(|fault| fault.error.at(line.start + fault.at))?;
    let (code, reason) = match rest {
        [a, b, c] | [a, b, c, b' ', ..] => ([*a, *b, *c], line.end.min(line.start + 13)..line.end),
        _ => {
            return Err(fault(
                STATUS
                    + rest
                        .iter()
                        .take(3)
                        .take_while(|octet| octet.is_ascii_digit())
                        .count(),
            ));
        }
    };
    if let Some(at) = code.iter().position(|octet| !octet.is_ascii_digit()) {
        return Err(fault(STATUS + at));
    }
    // RFC 9110 15: "values outside the range of 100..599" are invalid; those beyond are known as 5xx.
    if code[0] == b'0' {
        return Err(fault(STATUS));
    }
    let status = code
        .iter()
        .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    if line.dirty {
        check_value(input, &reason, lenient)?;
    }
    Ok(LineRanges {
        version,
        status: Status(status),
        reason: (reason.start as u32, reason.end as u32),
    })
}
