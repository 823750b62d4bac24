//! The request that the command line asks for.

use netkit::Body;
use netkit::http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_TYPE, COOKIE, HOST,
    TRANSFER_ENCODING, USER_AGENT,
};
use netkit::http::{HeaderValue, Method, Request, Uri, Version};

use super::redirect::Hop;
use super::resume::Held;
use crate::args;
use crate::exit::Failure;

/// The request of this hop; what is `held` of the answer need not come again.
pub(crate) async fn of(
    args: &args::Get,
    hop: &Hop,
    held: Option<&Held>,
) -> Result<Request<Body>, Failure> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = hop.uri.clone();
    *request.method_mut() = match (&args.method, &args.data) {
        _ if hop.is_get => Method::GET,
        (Some(method), _) => method.clone(),
        (None, _) if args.head => Method::HEAD,
        (None, Some(_)) => Method::POST,
        (None, None) => Method::GET,
    };
    if args.http1_0 {
        *request.version_mut() = Version::HTTP_10;
    }
    let host = host(request.uri())?;
    let headers = request.headers_mut();
    // What proves who the user is, is for the origin that they named; so is Host.
    let stays = [AUTHORIZATION, COOKIE, HOST];
    for field in &args.headers {
        if !(hop.is_elsewhere && stays.contains(&field.name)) {
            headers.append(&field.name, field.value.clone());
        }
    }
    if args.compressed {
        headers
            .entry(ACCEPT_ENCODING)
            .or_insert(HeaderValue::from_static("gzip, deflate"));
    }
    if let Some(held) = held {
        held.ask_for_rest(headers);
    }
    let agent = concat!("netkit/", env!("CARGO_PKG_VERSION"));
    headers.entry(HOST).or_insert(host);
    headers
        .entry(CONNECTION)
        .or_insert(HeaderValue::from_static("close"));
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(agent));
    headers
        .entry(ACCEPT)
        .or_insert(HeaderValue::from_static("*/*"));
    if let Some(data) = args.data.as_ref().filter(|_| !hop.is_get) {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.entry(CONTENT_TYPE).or_insert(form);
        // Asking for chunks is asking not to tell the length; the framing itself is not ours.
        let chunked = headers.remove(TRANSFER_ENCODING).is_some();
        *request.body_mut() = body(data, chunked).await?;
    }
    Ok(request)
}

/// RFC 9110 7.2: the authority without who asks.
fn host(uri: &Uri) -> Result<HeaderValue, Failure> {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit('@').next().unwrap_or_default();
    HeaderValue::from_str(host).map_err(|e| Failure::usage(format!("{uri}: {e}")))
}

/// A URL that can be asked for.
pub(crate) fn uri(url: &str) -> Result<Uri, Failure> {
    let bad = |why: &str| Failure::usage(format!("{url}: {why}"));
    let uri: Uri = url.parse().map_err(|e| bad(&format!("no URL: {e}")))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(_)) => Ok(uri),
        (Some(_), _) => Err(bad("only http:// and https:// are spoken here")),
        (None, _) => Err(bad(&format!("no scheme; did you mean https://{url} ?"))),
    }
}

async fn body(data: &str, chunked: bool) -> Result<Body, Failure> {
    match data.strip_prefix('@') {
        None if chunked => Ok(Body::read(
            std::io::Cursor::new(data.to_owned().into_bytes()),
            None,
        )),
        None => Ok(Body::from(data.to_owned())),
        Some("-") => Ok(Body::read(tokio::io::stdin(), None)),
        Some(path) => {
            let failed = |e| Failure::file(path, e);
            let file = tokio::fs::File::open(path).await.map_err(failed)?;
            let about = file.metadata().await.map_err(failed)?;
            // A pipe or a device has no length to tell.
            let length = (about.is_file() && !chunked).then_some(about.len());
            Ok(Body::read(file, length))
        }
    }
}
