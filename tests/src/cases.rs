//! The shared HTTP cases: how the server that they are put to answers, and how they are read.

use std::path::PathBuf;

use netkit::http::{Method, Request, Response, StatusCode};
use netkit::{Body, Error};
use serde_json::Value;

/// GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS on every target get 200 and what was asked,
/// `/204` and `/304` those statuses, `/chunked` a chunked body; CONNECT and TRACE get 405, any other
/// method 501.
///
/// # Errors
/// What is wrong with the request's body.
pub async fn answer(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (head, mut body) = request.into_parts();
    let answered = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    if matches!(head.method, Method::CONNECT | Method::TRACE) {
        return Ok(status(StatusCode::METHOD_NOT_ALLOWED));
    }
    if !answered.contains(&head.method) {
        return Ok(status(StatusCode::NOT_IMPLEMENTED));
    }
    let mut length = 0;
    while let Some(piece) = body.chunk().await {
        length += piece?.len();
    }
    let text = format!("method={} target={} len={length}", head.method, head.uri);
    Ok(match head.uri.path() {
        "/204" => status(StatusCode::NO_CONTENT),
        "/304" => status(StatusCode::NOT_MODIFIED),
        "/chunked" => Response::new(Body::read(std::io::Cursor::new(text), None)),
        _ => Response::new(Body::from(text)),
    })
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// The cases in this file of the folder that `NETKIT_SUITES` names; none without it.
///
/// # Panics
/// If there is such a file and it is not a list of cases.
pub fn load(file: &str) -> Option<Vec<Value>> {
    let folder = PathBuf::from(std::env::var_os("NETKIT_SUITES")?);
    let text = std::fs::read(folder.join("http").join(file)).ok()?;
    Some(serde_json::from_slice(&text).expect("a list of cases"))
}

/// A case's octets and the pauses in seconds between them: `raw` in latin-1, a list of strings and
/// runs, or `parts` of strings and pauses.
pub fn octets(case: &Value) -> Vec<Part> {
    match (&case["raw"], &case["parts"]) {
        (Value::Array(pieces), _) => {
            vec![Part::Octets(pieces.iter().flat_map(piece).collect())]
        }
        (raw @ Value::String(_), _) => vec![Part::Octets(piece(raw))],
        (_, parts) => parts
            .as_array()
            .into_iter()
            .flatten()
            .map(|part| {
                part.as_f64()
                    .map_or_else(|| Part::Octets(piece(part)), Part::Pause)
            })
            .collect(),
    }
}

/// A piece of what a case sends.
#[derive(Debug, Clone)]
pub enum Part {
    /// These octets.
    Octets(Vec<u8>),
    /// Nothing, for so many seconds.
    Pause(f64),
}

fn piece(piece: &Value) -> Vec<u8> {
    let latin1 = |text: &str| -> Vec<u8> { text.chars().map(|c| c as u8).collect() };
    match piece {
        Value::String(text) => latin1(text),
        run => {
            let times = run["n"].as_u64().unwrap_or_default();
            latin1(run["rep"].as_str().unwrap_or_default()).repeat(times as usize)
        }
    }
}
