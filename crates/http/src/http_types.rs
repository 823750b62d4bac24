//! Heads as the `http` crate has them, both ways.

use crate::{BodyLength, Fields, RequestHead, RequestLine, ResponseHead, Status, Version};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header,
    request::Parts,
};

impl TryFrom<RequestHead<'_>> for Request<()> {
    type Error = http::Error;

    /// Copies the head. Fails where `http` is narrower than RFC 9110: some targets are no `Uri`.
    fn try_from(head: RequestHead<'_>) -> Result<Self, Self::Error> {
        let mut request = Self::new(());
        *request.method_mut() = Method::from_bytes(head.method.as_bytes())?;
        *request.uri_mut() = head.target.parse()?;
        *request.version_mut() = head.version.into();
        *request.headers_mut() = head.fields.try_into()?;
        Ok(request)
    }
}

impl TryFrom<ResponseHead<'_>> for Response<()> {
    type Error = http::Error;

    /// Copies the head, without the reason phrase.
    fn try_from(head: ResponseHead<'_>) -> Result<Self, Self::Error> {
        let mut response = Self::new(());
        *response.status_mut() = head.status.try_into()?;
        *response.version_mut() = head.version.into();
        *response.headers_mut() = head.fields.try_into()?;
        Ok(response)
    }
}

impl TryFrom<Fields<'_>> for HeaderMap {
    type Error = http::Error;

    /// Copies the fields of a head, or of a trailer section.
    fn try_from(fields: Fields<'_>) -> Result<Self, Self::Error> {
        let mut map = Self::with_capacity(fields.len());
        for (name, value) in fields.iter() {
            let name = HeaderName::from_bytes(name.as_bytes())?;
            map.append(name, HeaderValue::from_bytes(value)?);
        }
        Ok(map)
    }
}

impl<'a> From<&'a Parts> for RequestLine<'a> {
    /// The request line for an origin server: authority-form for CONNECT, origin-form or asterisk-form
    /// otherwise (RFC 9112 3.2).
    fn from(parts: &'a Parts) -> Self {
        line(&parts.method, &parts.uri, parts.version)
    }
}

impl<'a, T> From<&'a Request<T>> for RequestLine<'a> {
    /// The request line for an origin server: authority-form for CONNECT, origin-form or asterisk-form
    /// otherwise (RFC 9112 3.2).
    fn from(request: &'a Request<T>) -> Self {
        line(request.method(), request.uri(), request.version())
    }
}

fn line<'a>(method: &'a Method, uri: &'a http::Uri, version: http::Version) -> RequestLine<'a> {
    let target = match (method, uri.authority(), uri.path_and_query()) {
        (&Method::CONNECT, Some(authority), _) => authority.as_str(),
        (_, _, Some(path)) => path.as_str(),
        (_, _, None) => "/",
    };
    RequestLine {
        method: method.as_str(),
        target,
        version: version.into(),
    }
}

/// The fields of `headers` that [`send_head`](crate::Server::send_head) takes: all but Content-Length and
/// Transfer-Encoding, which it writes itself from the [`BodyLength`].
pub fn unframed(headers: &HeaderMap) -> impl Iterator<Item = (&str, &[u8])> {
    let framing = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
    headers
        .iter()
        .filter(move |(name, _)| !framing.contains(name))
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
}

impl BodyLength {
    /// How long the content of a message with these fields is: `length` octets, if its body knows that, else
    /// what Content-Length says, else it comes in chunks.
    pub fn of(length: Option<u64>, headers: &HeaderMap) -> Self {
        let declared = || {
            let value = headers.get(header::CONTENT_LENGTH)?;
            value.to_str().ok()?.parse().ok()
        };
        match length {
            // An empty body may stand for one that is left out: HEAD, 304.
            Some(0) => declared().map_or(Self::None, Self::Known),
            Some(length) => Self::Known(length),
            None => declared().map_or(Self::Chunked, Self::Known),
        }
    }
}

impl From<Version> for http::Version {
    fn from(version: Version) -> Self {
        match version {
            Version::Http10 => Self::HTTP_10,
            Version::Http11 => Self::HTTP_11,
        }
    }
}

impl From<http::Version> for Version {
    /// HTTP/1.0 stays itself; anything higher is sent as HTTP/1.1.
    fn from(version: http::Version) -> Self {
        if version <= http::Version::HTTP_10 {
            Self::Http10
        } else {
            Self::Http11
        }
    }
}

impl From<StatusCode> for Status {
    fn from(status: StatusCode) -> Self {
        Self(status.as_u16())
    }
}

impl TryFrom<Status> for StatusCode {
    type Error = http::status::InvalidStatusCode;

    fn try_from(status: Status) -> Result<Self, Self::Error> {
        Self::from_u16(status.0)
    }
}

#[cfg(test)]
mod tests {
    use super::unframed;
    use crate::{BodyLength, Client, Event, RequestLine, Server, Slot, Status, Version};
    use alloc::vec::Vec;
    use http::{HeaderMap, Request, Response, StatusCode};

    #[test]
    fn requests_and_responses_survive_the_wire() {
        let request = Request::post("http://h.example/a?b=c")
            .header("host", "h.example")
            .header("x-twice", "one")
            .header("x-twice", "two\u{e4}")
            .body(())
            .unwrap();
        let (mut client, mut server) = (Client::default(), Server::default());
        let (mut out, mut back) = (Vec::new(), Vec::new());
        let mut slots = [Slot::default(); 8];
        let line = RequestLine::from(&request);
        client
            .send_head(line, request.headers(), BodyLength::None, &mut out)
            .unwrap();
        let Event::Head(head) = server.recv(&mut out, &mut slots).unwrap().event else {
            panic!("no head");
        };
        let heard: Request<()> = head.try_into().unwrap();
        assert_eq!(heard.method(), request.method());
        assert_eq!(heard.uri(), "/a?b=c");
        let twice = |request: &Request<()>| -> Vec<Vec<u8>> {
            let values = request.headers().get_all("x-twice").iter();
            values.map(|value| value.as_bytes().to_vec()).collect()
        };
        assert_eq!(twice(&heard), twice(&request));
        assert_eq!(heard.version(), http::Version::HTTP_11);

        let response = Response::builder()
            .status(299)
            .header("a", "b")
            .body(())
            .unwrap();
        let status = Status::from(response.status());
        server
            .send_head(status, response.headers(), BodyLength::None, &mut back)
            .unwrap();
        let Event::Head(head) = client.recv(&mut back, &mut slots).unwrap().event else {
            panic!("no head");
        };
        let heard: Response<()> = head.try_into().unwrap();
        assert_eq!(heard.status(), StatusCode::from_u16(299).unwrap());
        assert_eq!(heard.headers()["a"], "b");
    }

    #[test]
    fn framing_is_written_from_the_length_alone() {
        let headers = |length: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-length", length.parse().unwrap());
            headers.insert("transfer-encoding", "chunked".parse().unwrap());
            headers.insert("a", "b".parse().unwrap());
            headers
        };
        assert!(unframed(&headers("5")).eq([("a", &b"b"[..])]));
        for (length, field, expected) in [
            (Some(7), "5", BodyLength::Known(7)),
            (Some(0), "5", BodyLength::Known(5)),
            (None, "5", BodyLength::Known(5)),
            (Some(7), "", BodyLength::Known(7)),
            (Some(0), "x", BodyLength::None),
            (None, "-1", BodyLength::Chunked),
        ] {
            assert_eq!(BodyLength::of(length, &headers(field)), expected);
        }
        let mut out = Vec::new();
        let mut server = Server::default();
        let mut slots = [Slot::default(); 1];
        let mut request = *b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        let heard = server.recv(&mut request, &mut slots).map(|step| step.used);
        assert_eq!(heard, Ok(request.len()));
        server
            .send_head(
                Status::OK,
                unframed(&headers("5")),
                BodyLength::Chunked,
                &mut out,
            )
            .unwrap();
        assert_eq!(
            out,
            b"HTTP/1.1 200 OK\r\na: b\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
    }

    #[test]
    fn targets_have_the_form_of_their_method() {
        for (method, uri, target) in [
            ("GET", "http://h.example", "/"),
            ("GET", "/a?b", "/a?b"),
            ("OPTIONS", "*", "*"),
            ("CONNECT", "h.example:443", "h.example:443"),
        ] {
            let request = Request::builder()
                .method(method)
                .uri(uri)
                .version(http::Version::HTTP_10)
                .body(())
                .unwrap();
            let line = RequestLine::from(&request);
            assert_eq!((line.target, line.version), (target, Version::Http10));
            assert_eq!(line.check(), Ok(()));
        }
    }
}
