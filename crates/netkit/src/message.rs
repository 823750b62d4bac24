//! Between the `http` crate's messages and the machines' heads.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
};
use netkit_http::{BodyLength, Error, Fields, RequestHead, ResponseHead};

/// The fields of `headers`, but for the two that the machine writes itself.
pub(crate) fn fields(headers: &HeaderMap) -> impl Iterator<Item = (&str, &[u8])> {
    headers
        .iter()
        .filter(|(name, _)| **name != header::CONTENT_LENGTH && **name != header::TRANSFER_ENCODING)
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
}

/// `fields` as a map. The values share one allocation.
pub(crate) fn headers(fields: Fields<'_>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(fields.len());
    let all: usize = fields.iter().map(|(_, value)| value.len()).sum();
    let mut values = Vec::with_capacity(all);
    for (_, value) in fields.iter() {
        values.extend_from_slice(value);
    }
    let mut values = Bytes::from(values);
    for (name, value) in fields.iter() {
        let value = HeaderValue::from_maybe_shared(values.split_to(value.len()));
        // The machine has checked both: names are tokens, values have no control characters.
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
            headers.append(name, value);
        }
    }
    headers
}

fn version(version: netkit_http::Version) -> Version {
    match version {
        netkit_http::Version::Http10 => Version::HTTP_10,
        netkit_http::Version::Http11 => Version::HTTP_11,
    }
}

/// A request without its body. The target stands as it came.
pub(crate) fn request(head: &RequestHead<'_>) -> Result<Request<()>, Error> {
    let mut request = Request::new(());
    *request.method_mut() =
        Method::from_bytes(head.method.as_bytes()).map_err(|_| Error::PeerMethod)?;
    *request.uri_mut() = Uri::try_from(head.target).map_err(|_| Error::PeerTarget)?;
    *request.version_mut() = version(head.version);
    *request.headers_mut() = headers(head.fields);
    Ok(request)
}

/// A response without its body.
pub(crate) fn response(head: &ResponseHead<'_>) -> Result<Response<()>, Error> {
    let mut response = Response::new(());
    *response.status_mut() =
        StatusCode::from_u16(head.status.0).map_err(|_| Error::PeerStatusLine)?;
    *response.version_mut() = version(head.version);
    *response.headers_mut() = headers(head.fields);
    Ok(response)
}

/// What to declare of a body that has `length` octets, if that is known; `headers` may say it too.
pub(crate) fn body_length(length: Option<u64>, headers: &HeaderMap) -> BodyLength {
    let declared = || {
        let value = headers.get(header::CONTENT_LENGTH)?;
        value.to_str().ok()?.parse().ok()
    };
    match length {
        // An empty body may stand for one that is left out: HEAD, 304.
        Some(0) => declared().map_or(BodyLength::None, BodyLength::Known),
        Some(length) => BodyLength::Known(length),
        None => declared().map_or(BodyLength::Chunked, BodyLength::Known),
    }
}
