//! What `http`'s header fields mean for a message to send.

use http::{HeaderMap, header};
use netkit_http::BodyLength;

/// The fields of `headers`, but for the two that the machine writes itself.
pub(crate) fn fields(headers: &HeaderMap) -> impl Iterator<Item = (&str, &[u8])> {
    headers
        .iter()
        .filter(|(name, _)| **name != header::CONTENT_LENGTH && **name != header::TRANSFER_ENCODING)
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
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
