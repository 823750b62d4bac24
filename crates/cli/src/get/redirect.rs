//! Where a response sends its client (RFC 9110 15.4).

use netkit::Body;
use netkit::http::uri::PathAndQuery;
use netkit::http::{Method, Response, StatusCode, Uri};

use crate::exit::Failure;

/// Redirects that are followed, one after the other. RFC 9110 15.4: "SHOULD detect and intervene in
/// cyclical redirections".
const MOST: u32 = 10;

/// One request of those that a URL leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) uri: Uri,
    /// The request became a GET on its way, and lost its content (RFC 9110 15.4.2 to 15.4.4).
    pub(crate) is_get: bool,
    /// The origin is no longer the one that the user named: what proves who they are stays behind.
    pub(crate) is_elsewhere: bool,
    number: u32,
}

impl Hop {
    pub(crate) const fn first(uri: Uri) -> Self {
        Self {
            uri,
            is_get: false,
            is_elsewhere: false,
            number: 0,
        }
    }

    /// Where `response` to a request with `method` leads; nowhere for most.
    pub(crate) fn next(
        &self,
        response: &Response<Body>,
        method: &Method,
    ) -> Result<Option<Self>, Failure> {
        let rewrites = match response.status() {
            StatusCode::SEE_OTHER => *method != Method::HEAD,
            // "MAY change the request method from POST to GET": everybody does.
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
            _ => return Ok(None),
        };
        let Some(location) = response.headers().get("location") else {
            return Ok(None);
        };
        let bad = |why| Failure::http(format!("a redirect to {location:?}: {why}"));
        if self.number == MOST {
            return Err(bad("it is the eleventh"));
        }
        let location = location.to_str().map_err(|_| bad("no URL"))?;
        let uri = resolved(&self.uri, location).ok_or_else(|| bad("no URL"))?;
        match (self.uri.scheme_str(), uri.scheme_str()) {
            (Some("https"), Some("http")) => {
                return Err(bad("it leaves HTTPS; ask there yourself"));
            }
            (_, Some("http" | "https")) => {}
            _ => return Err(bad("only http:// and https:// are spoken here")),
        }
        let same = self.uri.scheme() == uri.scheme() && self.uri.authority() == uri.authority();
        Ok(Some(Self {
            uri,
            is_get: self.is_get || rewrites,
            is_elsewhere: self.is_elsewhere || !same,
            number: self.number + 1,
        }))
    }
}

/// RFC 3986 5.2: `reference` as seen from `base`, without its fragment.
fn resolved(base: &Uri, reference: &str) -> Option<Uri> {
    let reference = reference.split('#').next().unwrap_or_default();
    let scheme = reference.split(['/', '?']).next().unwrap_or_default();
    if scheme.contains(':') {
        return reference.parse().ok();
    }
    if reference.starts_with("//") {
        return format!("{}:{reference}", base.scheme_str()?).parse().ok();
    }
    let path = base.path();
    let target = match reference.chars().next() {
        None => base
            .path_and_query()
            .map_or("/", PathAndQuery::as_str)
            .to_owned(),
        Some('/') => reference.to_owned(),
        Some('?') => format!("{path}{reference}"),
        Some(_) => {
            let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
            format!("{folder}{reference}")
        }
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (target.as_str(), String::new()),
    };
    let target = format!("{}{query}", without_dots(path));
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(target.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// RFC 3986 5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3986 5.4's table, without what `Uri` cannot say.
    #[test]
    fn references_are_resolved_as_in_rfc_3986() {
        let base: Uri = "http://a/b/c/d;p?q".parse().unwrap();
        for (reference, resolves) in [
            ("http://g/h", "http://g/h"),
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("./../g", "http://a/b/g"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
        ] {
            let found = resolved(&base, reference).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), Some(resolves), "{reference}");
        }
    }

    fn after(
        hop: &Hop,
        method: &Method,
        status: u16,
        location: &str,
    ) -> Result<Option<Hop>, Failure> {
        let response = Response::builder()
            .status(status)
            .header("location", location);
        hop.next(&response.body(Body::empty()).unwrap(), method)
    }

    #[test]
    fn methods_and_credentials_stay_where_they_belong() {
        let hop = Hop::first("https://a/x".parse().unwrap());
        for (method, status, is_get) in [
            (Method::POST, 301, true),
            (Method::POST, 302, true),
            (Method::PUT, 302, false),
            (Method::PUT, 303, true),
            (Method::HEAD, 303, false),
            (Method::POST, 307, false),
            (Method::POST, 308, false),
        ] {
            let next = after(&hop, &method, status, "/y").unwrap().unwrap();
            assert_eq!(
                (next.is_get, next.is_elsewhere),
                (is_get, false),
                "{status}"
            );
        }
        assert_eq!(after(&hop, &Method::GET, 200, "/y").unwrap(), None);
        let away = after(&hop, &Method::GET, 302, "https://b/")
            .unwrap()
            .unwrap();
        assert!(away.is_elsewhere);
        let back = after(&away, &Method::GET, 302, "https://a/")
            .unwrap()
            .unwrap();
        assert!(
            back.is_elsewhere,
            "whoever stands between may have chosen it"
        );
        assert!(after(&hop, &Method::GET, 302, "http://a/").is_err());
        assert!(after(&hop, &Method::GET, 302, "ftp://a/").is_err());
    }

    #[test]
    fn a_circle_ends() {
        let mut hop = Hop::first("http://a/".parse().unwrap());
        for _ in 0..MOST {
            hop = after(&hop, &Method::GET, 302, "/").unwrap().unwrap();
        }
        assert!(after(&hop, &Method::GET, 302, "/").is_err());
    }
}
