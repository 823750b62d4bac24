//! What to answer: a file, a part of it, a folder's page, or why not.

use std::io::SeekFrom;
use std::path::Path;
use std::time::SystemTime;

use netkit::Body;
use netkit::http::header::{
    ACCEPT_RANGES, ALLOW, CONTENT_RANGE, CONTENT_TYPE, HeaderName, IF_MODIFIED_SINCE, IF_RANGE,
    LAST_MODIFIED, LOCATION, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use netkit::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::content_type;
use super::files::{Folder, Found, Refusal};
use super::listing;
use super::range::{self, Part};

pub(crate) async fn to(folder: &Folder, request: &Request<()>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED);
        set(&mut response, ALLOW, "GET, HEAD");
        return response;
    }
    let path = request.uri().path();
    let found = match folder.find(path) {
        Ok(Found::File(file)) => self::file(&file, request.headers()).await,
        Ok(Found::Listing(folder)) => page(&folder, path),
        Ok(Found::FolderWithoutSlash) => Ok(beside(path)),
        Err(refusal) => Err(refusal),
    };
    found.unwrap_or_else(|refusal| match refusal {
        Refusal::Malformed => plain(StatusCode::BAD_REQUEST),
        Refusal::Missing => plain(StatusCode::NOT_FOUND),
        Refusal::Forbidden => plain(StatusCode::FORBIDDEN),
    })
}

async fn file(path: &Path, asked: &HeaderMap) -> Result<Response<Body>, Refusal> {
    let mut file = tokio::fs::File::open(path)
        .await
        .map_err(|_| Refusal::Forbidden)?;
    let about = file.metadata().await.map_err(|_| Refusal::Forbidden)?;
    let length = about.len();
    let modified = about.modified().ok();
    let mut response = Response::new(Body::empty());
    set(&mut response, CONTENT_TYPE, content_type::of(path));
    set(&mut response, ACCEPT_RANGES, "bytes");
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    if let Some(modified) = modified {
        set(
            &mut response,
            LAST_MODIFIED,
            &httpdate::fmt_http_date(modified),
        );
    }
    if not_modified(asked, modified) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(CONTENT_TYPE);
        return Ok(response);
    }
    let octets = match part(asked, response.headers().get(LAST_MODIFIED), length) {
        Part::Whole => 0..length,
        Part::Some(octets) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {}-{}/{length}", octets.start, octets.end - 1);
            set(&mut response, CONTENT_RANGE, &range);
            octets
        }
        Part::Beyond => {
            let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE);
            set(&mut response, CONTENT_RANGE, &format!("bytes */{length}"));
            return Ok(response);
        }
    };
    if octets.start > 0 {
        file.seek(SeekFrom::Start(octets.start))
            .await
            .map_err(|_| Refusal::Forbidden)?;
    }
    let length = octets.end - octets.start;
    // A file that grows meanwhile must not outgrow what the head says.
    *response.body_mut() = Body::read(file.take(length), Some(length));
    Ok(response)
}

/// RFC 9110 13.1.3, to the second, which is all that a date has.
fn not_modified(asked: &HeaderMap, modified: Option<SystemTime>) -> bool {
    let since = asked
        .get(IF_MODIFIED_SINCE)
        .and_then(|field| field.to_str().ok());
    let since = since.and_then(|date| httpdate::parse_http_date(date).ok());
    match (since, modified) {
        (Some(since), Some(modified)) => {
            httpdate::HttpDate::from(modified) <= httpdate::HttpDate::from(since)
        }
        _ => false,
    }
}

/// RFC 9110 13.1.5: a range of a file that may have changed is the whole file.
fn part(asked: &HeaderMap, last_modified: Option<&HeaderValue>, length: u64) -> Part {
    let unchanged = asked
        .get(IF_RANGE)
        .is_none_or(|then| Some(then) == last_modified);
    match asked.get(RANGE).and_then(|field| field.to_str().ok()) {
        Some(range) if unchanged => range::asked(range, length),
        _ => Part::Whole,
    }
}

fn page(folder: &Path, path: &str) -> Result<Response<Body>, Refusal> {
    let page = listing::page(folder, path).map_err(|_| Refusal::Forbidden)?;
    let mut response = Response::new(Body::from(page));
    set(&mut response, CONTENT_TYPE, "text/html; charset=utf-8");
    Ok(response)
}

/// To the same folder with its slash. The reference is relative to the folder's parent, so a path
/// such as `//elsewhere` cannot make it point to another host.
fn beside(path: &str) -> Response<Body> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let mut response = plain(StatusCode::MOVED_PERMANENTLY);
    set(&mut response, LOCATION, &format!("./{name}/"));
    response
}

/// The status as a line of text.
fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{status}\n")));
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, "text/plain; charset=utf-8");
    response
}

/// Every value here is visible ASCII: a constant, a number, a date, or a part of a parsed URI.
fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
