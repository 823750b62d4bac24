//! The server that HTTP cases are put to: `http-case-server --listen ADDR`.
//!
//! It answers GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS on every target with 200 and what it
//! was asked, `/204` and `/304` with those statuses, `/chunked` with a chunked body; CONNECT and
//! TRACE with 405, any other method with 501.

use std::convert::Infallible;
use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;

use netkit::http::{Method, Request, Response, StatusCode};
use netkit::{Body, Server};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [option, at] = arguments.as_slice() else {
        return Err("usage: http-case-server --listen ADDR".into());
    };
    if option != "--listen" {
        return Err(format!("unknown option {option}").into());
    }
    let ready = |at: SocketAddr| {
        let _ = writeln!(std::io::stdout(), "listening on {at}");
    };
    let handler = |request| async { Ok::<_, Infallible>(answer(request).await) };
    Ok(Server::http().run(at.parse()?, 1, ready, handler)?)
}

async fn answer(request: Request<Body>) -> Response<Body> {
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
        return status(StatusCode::METHOD_NOT_ALLOWED);
    }
    if !answered.contains(&head.method) {
        return status(StatusCode::NOT_IMPLEMENTED);
    }
    let mut length = 0;
    while let Some(piece) = body.chunk().await {
        match piece {
            Ok(piece) => length += piece.len(),
            Err(_) => return status(StatusCode::BAD_REQUEST),
        }
    }
    let text = format!("method={} target={} len={length}", head.method, head.uri);
    match head.uri.path() {
        "/204" => status(StatusCode::NO_CONTENT),
        "/304" => status(StatusCode::NOT_MODIFIED),
        "/chunked" => Response::new(Body::read(std::io::Cursor::new(text), None)),
        _ => Response::new(Body::from(text)),
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
