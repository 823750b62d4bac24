use crate::{Error, Status, Version, notice::Notice};

/// How the content of a message is delimited (RFC 9112 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// The message ends with its head.
    None,
    /// So many octets follow.
    Length(u64),
    /// Chunks follow, and a trailer section (RFC 9112 7.1).
    Chunked,
    /// Everything until the connection ends. Responses only.
    UntilClose,
    /// What follows is no HTTP/1.1: a tunnel or another protocol.
    Switched,
}

/// What a Content-Length or several say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Length {
    #[default]
    Absent,
    Octets(u64),
    Invalid,
    /// More than one, all the same.
    Equal(u64),
    Repeated,
}

/// What a Transfer-Encoding or several say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Codings {
    #[default]
    Absent,
    /// Exactly "chunked".
    Chunked,
    /// Codings that end in chunked.
    UnknownThenChunked,
    /// Codings without chunked.
    Unknown,
    /// Codings after chunked.
    ChunkedNotFinal,
    /// No list of tokens, or chunked twice.
    Malformed,
}

/// A message as far as its framing depends on it. A request is remembered for its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    Request(Method),
    Response(Status, Method),
}

/// The methods that change the framing of their request or its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Head,
    Connect,
    Other,
}

impl Method {
    pub(crate) const fn of(method: &[u8]) -> Self {
        match method {
            b"HEAD" => Self::Head,
            b"CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// RFC 9112 6.3, in its order: for what is received and what is sent, by servers and by clients.
pub(crate) fn framing(message: Message, version: Version, says: &Notice) -> Result<Framing, Error> {
    match message {
        // (1) HEAD, 1xx, 204 and 304 end with the head, whatever it says. 101 ends HTTP/1.1 too.
        Message::Response(Status::SWITCHING_PROTOCOLS, _) => return Ok(Framing::Switched),
        Message::Response(_, Method::Head) => return Ok(Framing::None),
        Message::Response(status, _) if !allows_content(status) => return Ok(Framing::None),
        // (2) Any 2xx to CONNECT: a tunnel; Content-Length and Transfer-Encoding are ignored.
        Message::Response(status, Method::Connect) if status.is_successful() => {
            return Ok(Framing::Switched);
        }
        _ => {}
    }
    let framing = match (says.codings, says.length) {
        // 6.1: Transfer-Encoding in an HTTP/1.0 message: "treat the message as if the framing is faulty".
        (Codings::Chunked, _) if version == Version::Http10 => {
            return Err(Error::PeerTransferEncodingVersion);
        }
        // (3) Both: "ought to be handled as an error".
        (Codings::Absent, _) => None,
        (_, Length::Octets(_) | Length::Invalid | Length::Equal(_) | Length::Repeated) => {
            return Err(Error::PeerLengthAndTransferEncoding);
        }
        // (4) Chunked is the final coding, and the only one: no other is implemented here.
        (Codings::Chunked, Length::Absent) => Some(Framing::Chunked),
        (Codings::UnknownThenChunked, _) => return Err(Error::PeerTransferCodingUnknown),
        (Codings::Unknown | Codings::ChunkedNotFinal, _) => {
            return Err(Error::PeerChunkedNotFinal);
        }
        (Codings::Malformed, _) => return Err(Error::PeerTransferEncoding),
    };
    let framing = match (framing, says.length) {
        (Some(chunked), _) => chunked,
        // (5) An invalid Content-Length is an unrecoverable error.
        (None, Length::Invalid) => return Err(Error::PeerContentLength),
        (None, Length::Equal(_) | Length::Repeated) => {
            return Err(Error::PeerContentLengthRepeated);
        }
        // (6) A valid one is the length.
        (None, Length::Octets(0)) => Framing::None,
        (None, Length::Octets(octets)) => Framing::Length(octets),
        // (7) A request without either has no content. (8) A response ends with the connection.
        (None, Length::Absent) => match message {
            Message::Request(_) => Framing::None,
            Message::Response(..) => Framing::UntilClose,
        },
    };
    // RFC 9110 9.3.6: a CONNECT request has no content; what follows is the tunnel's.
    match (message, framing) {
        (Message::Request(Method::Connect), Framing::Length(_) | Framing::Chunked) => {
            Err(Error::PeerConnectContent)
        }
        _ => Ok(framing),
    }
}

/// RFC 9110 6.4.1: responses that never have content, whatever the request.
pub(crate) const fn allows_content(status: Status) -> bool {
    !(status.0 < 200 || status.0 == 204 || status.0 == 304)
}
