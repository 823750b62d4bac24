//! What to answer: a file, a part of it, a folder's page, or why not.

use std::fs::Metadata;
use std::io::SeekFrom;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use netkit::http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, ALLOW, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderName, LAST_MODIFIED, LOCATION, RANGE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use netkit::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use netkit::semantics::{self, ContentRange, EntityTag, Selected, Validators, Verdict};
use netkit::{Body, Coding};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::content_type;
use super::files::{self, Folder, Found, Refusal};
use super::listing::{self, Listing};

/// Less than this is not worth a coding, in octets.
const SMALL: u64 = 256;

/// zlib's level: most of what text has to give, at a third of the time of the default.
const LEVEL: u32 = 4;

pub(crate) async fn to(folder: &Folder, request: &Request<()>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED);
        set(&mut response, ALLOW, "GET, HEAD");
        return response;
    }
    let uri = request.uri();
    let found = match folder.find(uri.path()) {
        Ok(Found::File(file)) => self::file(&file, request).await,
        Ok(Found::Listing(folder)) => page(&folder, request),
        Ok(Found::FolderWithoutSlash) => Ok(beside(uri.path(), uri.query())),
        Err(refusal) => Err(refusal),
    };
    found.unwrap_or_else(|refusal| match refusal {
        Refusal::Malformed => plain(StatusCode::BAD_REQUEST),
        Refusal::Missing => plain(StatusCode::NOT_FOUND),
        Refusal::Forbidden => plain(StatusCode::FORBIDDEN),
    })
}

async fn file(path: &Path, request: &Request<()>) -> Result<Response<Body>, Refusal> {
    let mut file = tokio::fs::File::open(path)
        .await
        .map_err(|_| Refusal::Forbidden)?;
    let about = file.metadata().await.map_err(|_| Refusal::Forbidden)?;
    let (length, asked) = (about.len(), request.headers());
    let mut response = Response::new(Body::empty());
    let media_type = content_type::of(path);
    let coding = coding(asked, media_type, length, &mut response);
    let tag = tag(&about, coding);
    let modified = about.modified().ok().map(netkit::http_date);
    set(&mut response, ETAG, &tag);
    if let Some(modified) = modified {
        set(&mut response, LAST_MODIFIED, &modified.to_string());
    }
    let current = Validators {
        etag: EntityTag::parse(tag.as_bytes()),
        last_modified: modified,
    };
    let fields = asked.iter();
    let fields = fields.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let now = netkit::http_date(SystemTime::now());
    let verdict = semantics::evaluate(request.method().as_str(), fields, Some(&current), now);
    let range = match verdict {
        Verdict::Perform { range } => asked.get(RANGE).filter(|_| range),
        Verdict::NotModified => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(response);
        }
        Verdict::PreconditionFailed => return Ok(plain(StatusCode::PRECONDITION_FAILED)),
    };
    set(&mut response, CONTENT_TYPE, media_type);
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut response, ACCEPT_RANGES, "bytes");
    let selected = range.map_or(Selected::Whole, |range| {
        semantics::select(range.as_bytes(), length)
    });
    let octets = match selected {
        Selected::Whole => 0..length,
        Selected::Part(octets) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let part = ContentRange::Part {
                octets: octets.clone(),
                complete: Some(length),
            };
            set(&mut response, CONTENT_RANGE, &part.to_string());
            octets
        }
        Selected::Unsatisfiable => {
            let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE);
            let none = ContentRange::Unsatisfied { complete: length };
            set(&mut response, CONTENT_RANGE, &none.to_string());
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
    let body = Body::read(file.take(length), Some(length));
    *response.body_mut() = coded(body, coding);
    Ok(response)
}

/// The coding to use for content of this type and length, if any; the response says so, and that the answer
/// depends on what was asked. A request with a range has the content as it is: its parts are the file's.
fn coding(
    asked: &HeaderMap,
    media_type: &str,
    length: u64,
    response: &mut Response<Body>,
) -> Option<Coding> {
    if !content_type::shrinks(media_type) || length < SMALL {
        return None;
    }
    add(response, VARY, "Accept-Encoding");
    if asked.contains_key(RANGE) {
        return None;
    }
    let lines = asked.get_all(ACCEPT_ENCODING).iter();
    let name = semantics::content_coding(
        lines.map(HeaderValue::as_bytes),
        &Coding::ALL.map(Coding::name),
    )?;
    set(response, CONTENT_ENCODING, name);
    Coding::named(name.as_bytes())
}

fn coded(body: Body, coding: Option<Coding>) -> Body {
    match coding {
        Some(coding) => body.encoded(coding, LEVEL),
        None => body,
    }
}

/// The file's time and length, as far as the system tells them apart. Coded content has a tag of its own
/// (RFC 9110 8.8.3.3), and a weak one: another release may code it otherwise.
fn tag(about: &Metadata, coding: Option<Coding>) -> String {
    let modified = about.modified().unwrap_or(UNIX_EPOCH);
    let nanoseconds = match modified.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_nanos(),
        Err(before) => before.duration().as_nanos(),
    };
    let length = about.len();
    match coding {
        None => format!("\"{nanoseconds:x}-{length:x}\""),
        Some(coding) => format!("W/\"{nanoseconds:x}-{length:x}-{}\"", coding.name()),
    }
}

/// A folder's entries, as a page or as JSON, whichever is wanted more.
fn page(folder: &Path, request: &Request<()>) -> Result<Response<Body>, Refusal> {
    let path = files::relative(request.uri().path())?;
    let entries = Listing::of(folder).map_err(|_| Refusal::Forbidden)?;
    let asked = request.headers();
    let mut response = Response::new(Body::empty());
    add(&mut response, VARY, "Accept");
    let (media_type, text) = if listing::wants_json(asked) {
        ("application/json", entries.json())
    } else {
        ("text/html; charset=utf-8", entries.html(&path))
    };
    let coding = coding(asked, media_type, text.len() as u64, &mut response);
    set(&mut response, CONTENT_TYPE, media_type);
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    *response.body_mut() = coded(Body::from(text), coding);
    Ok(response)
}

/// To the same folder with its slash. The reference is relative to the folder's parent, so a path
/// such as `//elsewhere` cannot make it point to another host.
fn beside(path: &str, query: Option<&str>) -> Response<Body> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    let mut response = plain(StatusCode::MOVED_PERMANENTLY);
    set(&mut response, LOCATION, &format!("./{name}/{query}"));
    response
}

/// The status as a line of text.
fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{status}\n")));
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, "text/plain; charset=utf-8");
    response
}

/// Every value here is visible ASCII: a constant, a number, a date, a tag, or a part of a parsed URI.
fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// One more element of a list.
fn add(response: &mut Response<Body>, name: HeaderName, value: &'static str) {
    response
        .headers_mut()
        .append(name, HeaderValue::from_static(value));
}
