//! Well-formed messages for property tests and fuzz targets, and listeners that write down what a
//! machine says of a stream.
//!
//! A generated message is sent with [`Request::send`] or [`Response::send`]; [`hear_requests`] and
//! [`hear_responses`] are what [`netkit_core::split`] feeds.

use crate::{
    BodyLength, Client, Error, Event, Failure, Fields, Limits, NO_FIELDS, RequestLine, Server,
    Slot, Status, Version,
};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use netkit_core::{Step, split};

/// Names and values, owned.
pub type OwnedFields = Vec<(String, Vec<u8>)>;

/// The choices that a message is built from: any will do.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
struct Choices {
    line: (u8, u16, Vec<u8>),
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    framing: u8,
    pieces: Vec<Vec<u8>>,
    trailers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A well-formed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// A token.
    pub method: String,
    /// In a form that the method allows.
    pub target: String,
    /// The version to send.
    pub version: Version,
    /// Host among them.
    pub fields: OwnedFields,
    /// Content and trailers.
    pub body: Body,
}

/// A well-formed final response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 200 to 999.
    pub status: Status,
    /// Without those that frame the content.
    pub fields: OwnedFields,
    /// Content and trailers.
    pub body: Body,
}

/// Content that agrees with its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// How it is framed.
    pub length: BodyLength,
    /// Its pieces, as they are sent.
    pub pieces: Vec<Vec<u8>>,
    /// Behind chunks only.
    pub trailers: OwnedFields,
}

const TCHARS: &[u8] = b"ABCXYZabcxyz0189!#$%&'*+-.^_`|~";
const PATH_CHARS: &[u8] = b"abcxyzABC0189-._~!$&'()*+,;=:@/?[]|{}^`";

fn spelled(octets: &[u8], alphabet: &[u8]) -> String {
    let letter = |octet: &u8| char::from(alphabet[usize::from(*octet) % alphabet.len()]);
    octets.iter().map(letter).collect()
}

/// Names cannot collide with those that mean something; values have no whitespace around them.
fn spelled_fields(raw: &[(Vec<u8>, Vec<u8>)]) -> OwnedFields {
    let legal = |octet: &u8| match octet {
        0..=8 | 10..=31 | 127 => octet | 0x80,
        octet => *octet,
    };
    let line = |(name, value): &(Vec<u8>, Vec<u8>)| {
        let value: Vec<u8> = value.iter().map(legal).collect();
        let value = crate::octets::trim(&value).to_owned();
        (format!("X-{}", spelled(name, TCHARS)), value)
    };
    raw.iter().take(20).map(line).collect()
}

impl Choices {
    fn body(&self, can_end_by_close: bool) -> Body {
        let pieces: Vec<Vec<u8>> = self.pieces.clone();
        let octets = pieces.iter().map(Vec::len).sum::<usize>() as u64;
        let (length, pieces) = match self.framing % 4 {
            0 => (BodyLength::None, Vec::new()),
            1 => (BodyLength::Known(octets), pieces),
            2 if can_end_by_close => (BodyLength::UntilClose, pieces),
            _ => (BodyLength::Chunked, pieces),
        };
        let trailers = match length {
            BodyLength::Chunked => spelled_fields(&self.trailers),
            _ => Vec::new(),
        };
        Body {
            length,
            pieces,
            trailers,
        }
    }
}

impl From<&Choices> for Request {
    fn from(choices: &Choices) -> Self {
        let (method, form, octets) = &choices.line;
        let path = spelled(octets, PATH_CHARS);
        let (method, target) = match method % 8 {
            0 => ("HEAD".to_string(), format!("/{path}")),
            1 => ("OPTIONS".to_string(), "*".to_string()),
            2 => ("CONNECT".to_string(), "h.example:443".to_string()),
            3 => ("GET".to_string(), format!("http://h.example:8080/{path}")),
            4 => (format!("M{}", spelled(octets, TCHARS)), "/".to_string()),
            _ => ("POST".to_string(), format!("/{path}")),
        };
        let version = match form % 4 {
            0 => Version::Http10,
            _ => Version::Http11,
        };
        let mut body = choices.body(false);
        let bare =
            method == "CONNECT" || (version, body.length) == (Version::Http10, BodyLength::Chunked);
        if bare {
            body = Body {
                length: BodyLength::None,
                pieces: Vec::new(),
                trailers: Vec::new(),
            };
        }
        let mut fields = spelled_fields(&choices.fields);
        fields.push(("Host".to_string(), b"h.example".to_vec()));
        if form % 16 == 5 {
            fields.push(("connection".to_string(), b"x, Close".to_vec()));
        }
        Self {
            method,
            target,
            version,
            fields,
            body,
        }
    }
}

impl From<&Choices> for Response {
    fn from(choices: &Choices) -> Self {
        let status = Status(200 + choices.line.1 % 800);
        let mut body = choices.body(true);
        if matches!(status.0, 204 | 205 | 304) {
            body = Body {
                length: BodyLength::None,
                pieces: Vec::new(),
                trailers: Vec::new(),
            };
        }
        Self {
            status,
            fields: spelled_fields(&choices.fields),
            body,
        }
    }
}

#[cfg(feature = "arbitrary")]
mod for_fuzzers {
    use super::{Choices, Request, Response};
    use arbitrary::{Arbitrary, Result, Unstructured};

    impl<'a> Arbitrary<'a> for Request {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            Choices::arbitrary(u).map(|choices| Self::from(&choices))
        }
    }

    impl<'a> Arbitrary<'a> for Response {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            Choices::arbitrary(u).map(|choices| Self::from(&choices))
        }
    }
}

#[cfg(feature = "proptest")]
mod for_proptest {
    use super::{Choices, Request, Response};
    use alloc::vec::Vec;
    use proptest::{collection::vec, prelude::*};

    fn octets(most: usize) -> impl Strategy<Value = Vec<u8>> {
        vec(any::<u8>(), 0..most)
    }

    fn choices() -> impl Strategy<Value = Choices> {
        let fields = || vec((octets(12), octets(24)), 0..6);
        let line = (any::<u8>(), any::<u16>(), octets(16));
        (line, fields(), any::<u8>(), vec(octets(40), 0..5), fields()).prop_map(
            |(line, fields, framing, pieces, trailers)| Choices {
                line,
                fields,
                framing,
                pieces,
                trailers,
            },
        )
    }

    impl Arbitrary for Request {
        type Parameters = ();
        type Strategy = BoxedStrategy<Self>;

        fn arbitrary_with((): ()) -> Self::Strategy {
            choices().prop_map(|choices| Self::from(&choices)).boxed()
        }
    }

    impl Arbitrary for Response {
        type Parameters = ();
        type Strategy = BoxedStrategy<Self>;

        fn arbitrary_with((): ()) -> Self::Strategy {
            choices().prop_map(|choices| Self::from(&choices)).boxed()
        }
    }
}

impl Request {
    /// Sends the whole request.
    pub fn send(&self, client: &mut Client, out: &mut Vec<u8>) -> Result<(), Error> {
        let line = RequestLine {
            method: &self.method,
            target: &self.target,
            version: self.version,
        };
        let fields = self.fields.iter().map(|(name, value)| (name, value));
        if client.send_head(line, fields, self.body.length, out)? {
            for piece in &self.body.pieces {
                let behind = client.send_data(piece.len() as u64, out)?;
                out.extend_from_slice(piece);
                out.extend_from_slice(behind);
            }
            let trailers = self.body.trailers.iter().map(|(name, value)| (name, value));
            client.send_end(trailers, out)?;
        }
        Ok(())
    }
}

impl Response {
    /// Sends the whole response. Content that the request forbids is left out.
    pub fn send(&self, server: &mut Server, out: &mut Vec<u8>) -> Result<(), Error> {
        let fields = self.fields.iter().map(|(name, value)| (name, value));
        if server.send_head(self.status, fields, self.body.length, out)? {
            for piece in &self.body.pieces {
                let behind = server.send_data(piece.len() as u64, out)?;
                out.extend_from_slice(piece);
                out.extend_from_slice(behind);
            }
            let trailers = self.body.trailers.iter().map(|(name, value)| (name, value));
            server.send_end(trailers, out)?;
        }
        Ok(())
    }
}

/// What a machine said, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A request's method, target, version and fields.
    Request(String, String, Version, OwnedFields),
    /// A response's status, reason and fields, interim or final.
    Response(Status, Vec<u8>, OwnedFields),
    /// Content.
    Data(Vec<u8>),
    /// Trailers.
    Trailers(OwnedFields),
    /// The end of a message.
    End,
}

impl split::Heard for Heard {
    fn join(&mut self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Data(data), Self::Data(more)) => {
                data.extend(more);
                None
            }
            (_, next) => Some(next),
        }
    }
}

/// The fields, owned.
pub fn owned(fields: &Fields<'_>) -> OwnedFields {
    let line = |(name, value): (&str, &[u8])| (name.to_owned(), value.to_owned());
    fields.iter().map(line).collect()
}

/// The largest head that the listeners take.
const SLOTS: usize = 64;

fn heard<H>(event: Event<'_, H>, head: impl FnOnce(H) -> Heard) -> Option<Heard> {
    match event {
        Event::NeedData | Event::Waiting | Event::Switched | Event::Closed => None,
        Event::Head(of) | Event::Interim(of) => Some(head(of)),
        Event::Data(data) => Some(Heard::Data(data.to_owned())),
        Event::Trailers(fields) => Some(Heard::Trailers(owned(&fields))),
        Event::End => Some(Heard::End),
    }
}

/// A server that answers every request with an empty 200 as soon as it is complete.
///
/// # Panics
/// The listener does if the answer is refused.
pub fn hear_requests(
    limits: Limits,
) -> impl FnMut(&mut [u8]) -> Result<Step<Option<Heard>>, Failure> {
    let mut server = Server::new(limits);
    let mut slots = [Slot::default(); SLOTS];
    move |input| {
        let Ok(step) = server.recv(input, &mut slots) else {
            return Err(server.failure().expect("it failed"));
        };
        let step = step.map(|event| {
            heard(event, |head| {
                let (method, target) = (head.method.to_owned(), head.target.to_owned());
                Heard::Request(method, target, head.version, owned(&head.fields))
            })
        });
        if step.event == Some(Heard::End) && server.awaits_response() {
            server
                .send_head(Status::OK, NO_FIELDS, BodyLength::None, &mut Vec::new())
                .expect("an answer is due");
        }
        Ok(step)
    }
}

/// The client that sent some requests, and awaits their responses.
///
/// # Panics
/// The listener does not.
pub fn hear_responses(
    mut client: Client,
) -> impl FnMut(&mut [u8]) -> Result<Step<Option<Heard>>, Failure> {
    let mut slots = [Slot::default(); SLOTS];
    move |input| {
        let Ok(step) = client.recv(input, &mut slots) else {
            return Err(client.failure().expect("it failed"));
        };
        Ok(step.map(|event| {
            heard(event, |head| {
                Heard::Response(head.status, head.reason.to_owned(), owned(&head.fields))
            })
        }))
    }
}
