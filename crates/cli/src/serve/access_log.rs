//! One line a request, in the Common Log Format that log readers know.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::SystemTime;

use netkit::Body;
use netkit::http::{Request, Response};

/// `127.0.0.1 - - [06/Nov/1994:08:49:37 +0000] "GET / HTTP/1.1" 200 12`
pub(crate) fn line<B>(
    now: SystemTime,
    peer: Option<SocketAddr>,
    request: &Request<B>,
    response: &Response<Body>,
) -> String {
    let mut line = peer.map_or_else(|| "-".to_owned(), |peer| peer.ip().to_string());
    let _ = write!(line, " - - [{}] \"{} ", date(now), request.method());
    // A target is a stranger's text: it must not end the quotes or the line.
    for octet in request.uri().to_string().bytes() {
        match octet {
            b'"' | b'\\' => {
                let _ = write!(line, "\\{}", char::from(octet));
            }
            0x20..=0x7e => line.push(char::from(octet)),
            _ => {
                let _ = write!(line, "\\x{octet:02x}");
            }
        }
    }
    let _ = write!(
        line,
        " {:?}\" {} ",
        request.version(),
        response.status().as_u16()
    );
    match response.body().length() {
        Some(length) => {
            let _ = write!(line, "{length}");
        }
        None => line.push('-'),
    }
    line
}

/// The format's own date, from the fixed columns of an IMF-fixdate (RFC 9110 5.6.7).
fn date(now: SystemTime) -> String {
    let fixdate = netkit::http_date(now).to_string();
    let column = |range| fixdate.get(range).unwrap_or_default();
    format!(
        "{}/{}/{}:{} +0000",
        column(5..7),
        column(8..11),
        column(12..16),
        column(17..25)
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_line() {
        let request = Request::builder().uri("/a\"b?\u{e9}").body(()).unwrap();
        let response = Response::builder()
            .status(404)
            .body(Body::from("gone"))
            .unwrap();
        let at = UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(
            line(at, Some(([127, 0, 0, 1], 4).into()), &request, &response),
            "127.0.0.1 - - [06/Nov/1994:08:49:37 +0000] \"GET /a\\\"b?\\xc3\\xa9 HTTP/1.1\" 404 4"
        );
    }
}
