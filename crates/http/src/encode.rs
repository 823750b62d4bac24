//! What both roles send. Nothing malformed leaves: each part is checked as it is written, and a
//! refused message leaves `out` as it was.

use crate::{
    Error, Framing, Status, Version,
    chunked::{self, CHUNK_END},
    framing::{Codings, Length, Message, Method, allows_content, framing},
    notice::Notice,
    octets::{first_control, is_token, trim},
};
use alloc::vec::Vec;

/// How long the content of a message to send is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// No content. Where its absence has to be said, `Content-Length: 0` says it.
    None,
    /// So many octets. On a response to HEAD, and on 304, the length that the content would have.
    Known(u64),
    /// Chunks, until the end is sent. An HTTP/1.0 client gets the content until close instead.
    Chunked,
    /// Until the connection ends. Responses only.
    UntilClose,
}

/// What is left to send of a message's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outgoing {
    Length(u64),
    Chunks,
    UntilClose,
}

impl Outgoing {
    /// What follows a head that says `framing`.
    pub(crate) const fn after_head(framing: Framing) -> Option<Self> {
        match framing {
            Framing::None | Framing::Switched => None,
            Framing::Length(octets) => Some(Self::Length(octets)),
            Framing::Chunked => Some(Self::Chunks),
            Framing::UntilClose => Some(Self::UntilClose),
        }
    }

    /// Appends what stands before `length` octets of content, and returns what stands behind them.
    pub(crate) fn data(&mut self, length: u64, out: &mut Vec<u8>) -> Result<&'static [u8], Error> {
        match self {
            Self::Length(left) => {
                *left = left.checked_sub(length).ok_or(Error::MisuseContentLength)?;
                Ok(b"")
            }
            // A chunk of no octets would be the last one.
            Self::Chunks if length > 0 => {
                chunked::write_line(length, out);
                Ok(CHUNK_END)
            }
            Self::Chunks | Self::UntilClose => Ok(b""),
        }
    }

    /// Appends what stands behind the content.
    pub(crate) fn end<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        self,
        trailers: impl IntoIterator<Item = (N, V)>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        match self {
            Self::Chunks => {
                out.extend_from_slice(b"0\r\n");
                for (name, value) in trailers {
                    if !may_be_trailer(name.as_ref()) {
                        return Err(Error::MisuseTrailer);
                    }
                    field(name.as_ref(), value.as_ref(), out)?;
                }
                out.extend_from_slice(b"\r\n");
                Ok(())
            }
            Self::Length(1..) => Err(Error::MisuseContentLength),
            Self::Length(0) if trailers.into_iter().next().is_some() => Err(Error::MisuseTrailer),
            // RFC 9110 6.5.1: trailers may be lost; an HTTP/1.0 client, which gets no chunks, gets none.
            Self::Length(0) | Self::UntilClose => Ok(()),
        }
    }
}

/// RFC 9110 6.5.1: no field for framing, routing, request modifiers, authentication or content.
fn may_be_trailer(name: &[u8]) -> bool {
    const FORBIDDEN: [&[u8]; 20] = [
        b"authorization",
        b"cache-control",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-range",
        b"content-type",
        b"cookie",
        b"expect",
        b"host",
        b"keep-alive",
        b"max-forwards",
        b"proxy-authorization",
        b"range",
        b"set-cookie",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"www-authenticate",
    ];
    !FORBIDDEN
        .iter()
        .any(|forbidden| name.eq_ignore_ascii_case(forbidden))
}

/// No fields: for heads without a field, and ends without a trailer.
pub const NO_FIELDS: [(&str, &str); 0] = [];

/// Runs `write`; what it appended goes away if it fails.
pub(crate) fn whole_or_nothing<T>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<T, Error>,
) -> Result<T, Error> {
    let start = out.len();
    let written = write(out);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Appends a field line.
fn field(name: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    if !is_token(name) {
        return Err(Error::MisuseFieldName);
    }
    if first_control(value).is_some() {
        return Err(Error::MisuseFieldValue);
    }
    for part in [name, b": ", trim(value), b"\r\n"] {
        out.extend_from_slice(part);
    }
    Ok(())
}

/// Appends the caller's fields, and notices what they mean.
pub(crate) fn fields<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    fields: impl IntoIterator<Item = (N, V)>,
    out: &mut Vec<u8>,
) -> Result<Notice, Error> {
    let mut notice = Notice::default();
    for (name, value) in fields {
        let value = trim(value.as_ref());
        notice.field(name.as_ref(), value);
        field(name.as_ref(), value, out)?;
    }
    // RFC 9112 6: the two fields that the framing rests on have one author.
    if notice.length != Length::Absent || notice.codings != Codings::Absent {
        return Err(Error::MisuseFramingField);
    }
    Ok(notice)
}

/// Appends the field that says how long the content is, if one has to; what the receiver will
/// understand is the result.
pub(crate) fn body(
    message: Message,
    receiver: Version,
    body: BodyLength,
    out: &mut Vec<u8>,
) -> Result<Framing, Error> {
    let body = agreed(message, receiver, body)?;
    let mut says = Notice::default();
    match body {
        BodyLength::None | BodyLength::UntilClose => {}
        BodyLength::Known(octets) => {
            says.length = Length::Octets(octets);
            out.extend_from_slice(b"Content-Length: ");
            decimal(octets, out);
            out.extend_from_slice(b"\r\n");
        }
        BodyLength::Chunked => {
            says.codings = Codings::Chunked;
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
    }
    // What the receiver will make of it, by the same function that it uses.
    framing(message, receiver, &says).map_err(|_| Error::MisuseContent)
}

/// The length that `message` may declare.
fn agreed(message: Message, receiver: Version, body: BodyLength) -> Result<BodyLength, Error> {
    let empty = matches!(body, BodyLength::None | BodyLength::Known(0));
    match message {
        Message::Request(method) => match body {
            // A request without a length has no content; chunks need HTTP/1.1 (RFC 9112 6.1).
            BodyLength::UntilClose => Err(Error::MisuseContent),
            BodyLength::Chunked if receiver == Version::Http10 => Err(Error::MisuseContent),
            _ if method == Method::Connect && empty => Ok(BodyLength::None),
            _ => Ok(body),
        },
        // RFC 9110 8.6: no Content-Length in 1xx, 204, or 2xx to CONNECT.
        Message::Response(status, method)
            if (!allows_content(status) && status != Status::NOT_MODIFIED)
                || (method == Method::Connect && status.is_successful()) =>
        {
            if empty {
                Ok(BodyLength::None)
            } else {
                Err(Error::MisuseContent)
            }
        }
        // RFC 9110 15.3.6: "MUST NOT generate content in a 205 response".
        Message::Response(Status::RESET_CONTENT, _) if !empty => Err(Error::MisuseContent),
        Message::Response(status, method) => Ok(match body {
            BodyLength::Chunked if receiver == Version::Http10 => BodyLength::UntilClose,
            BodyLength::None if status != Status::NOT_MODIFIED && method != Method::Head => {
                BodyLength::Known(0)
            }
            _ => body,
        }),
    }
}

/// Appends `value` in decimal digits.
pub(crate) fn decimal(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}
