//! `--resume`: what is there of a body already, and what a server says of the rest.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netkit::Body;
use netkit::http::header::{CONTENT_RANGE, DATE, IF_RANGE, LAST_MODIFIED, RANGE};
use netkit::http::{HeaderMap, HeaderValue, Response, StatusCode};
use netkit::semantics::{ContentRange, HttpDate};

use crate::exit::Failure;

/// The front of a body, in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    octets: u64,
    /// The file's time: when what it holds was last modified, if [`keep_date`] set it.
    modified: HttpDate,
}

impl Held {
    /// What the file at `path` has; nothing, if it is not there, or empty.
    pub(crate) fn of(path: &Path) -> Result<Option<Self>, Failure> {
        let failed = |error| Failure::file(path.display(), error);
        let about = match std::fs::metadata(path) {
            Ok(about) => about,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let modified = about.modified().map_err(failed)?;
        Ok((about.len() > 0).then(|| Self {
            octets: about.len(),
            modified: netkit::http_date(modified),
        }))
    }

    /// RFC 9110 14.2 and 13.1.5: the rest, if it is the same that the file's front is of, else all of it.
    pub(crate) fn ask_for_rest(&self, headers: &mut HeaderMap) {
        let range = HeaderValue::try_from(format!("bytes={}-", self.octets));
        let date = HeaderValue::try_from(self.modified.to_string());
        if let (Ok(range), Ok(date)) = (range, date) {
            headers.insert(RANGE, range);
            // Who knows the entity tag may say it.
            headers.entry(IF_RANGE).or_insert(date);
        }
    }

    /// What a response to that is (RFC 9110 15.3.7, 15.5.17, 14.4).
    pub(crate) fn rest(&self, response: &Response<Body>) -> Result<Rest, Failure> {
        let field = response.headers().get(CONTENT_RANGE);
        let range = field.and_then(|field| ContentRange::parse(field.as_bytes()));
        let status = response.status();
        match (status, range) {
            (StatusCode::PARTIAL_CONTENT, Some(ContentRange::Part { octets, .. }))
                if octets.start == self.octets =>
            {
                Ok(Rest::Follows)
            }
            (StatusCode::RANGE_NOT_SATISFIABLE, Some(ContentRange::Unsatisfied { complete }))
                if complete == self.octets =>
            {
                Ok(Rest::Nothing)
            }
            (StatusCode::OK, _) => Ok(Rest::All),
            _ => Err(Failure::http(format!(
                "asked for what follows octet {}: {status}, content-range {field:?}; the file stays as it is",
                self.octets
            ))),
        }
    }
}

/// What a response says of a body whose first octets are there already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// It begins where the file ends.
    Follows,
    /// There is none: the file is whole.
    Nothing,
    /// The server sends everything again.
    All,
}

/// The date by which a later request may ask for the rest: that of the last modification, where it is a
/// strong validator (RFC 9110 8.8.2.2).
pub(crate) fn validator(response: &Response<Body>) -> Option<HttpDate> {
    let now = netkit::http_date(SystemTime::now());
    let date = |name| {
        let field = response.headers().get(name)?;
        HttpDate::parse(field.as_bytes(), now)
    };
    date(LAST_MODIFIED).filter(|modified| date(DATE).is_some_and(|date| *modified < date))
}

/// Makes the file's time this date, for [`Held::of`].
pub(crate) fn keep_date(path: &Path, date: HttpDate) -> std::io::Result<()> {
    let seconds = Duration::from_secs(date.unix().unsigned_abs());
    let at = if date.unix() < 0 {
        UNIX_EPOCH - seconds
    } else {
        UNIX_EPOCH + seconds
    };
    File::options().append(true).open(path)?.set_modified(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    #[test]
    fn a_file_goes_on_only_where_it_ends() {
        let said = |status: u16, range: &str| {
            let response = Response::builder()
                .status(status)
                .header("content-range", range);
            let held = Held {
                octets: 10,
                modified: HttpDate::from_unix(0),
            };
            held.rest(&response.body(Body::empty()).unwrap()).ok()
        };
        assert_eq!(said(206, "bytes 10-19/20"), Some(Rest::Follows));
        assert_eq!(said(206, "bytes 10-19/*"), Some(Rest::Follows));
        assert_eq!(said(206, "bytes 1-19/20"), None);
        assert_eq!(said(206, "bytes 100-119/120"), None);
        assert_eq!(said(206, "bytes 10-9/20"), None);
        assert_eq!(said(416, "bytes */10"), Some(Rest::Nothing));
        assert_eq!(said(416, "bytes */9"), None);
        assert_eq!(said(200, ""), Some(Rest::All));
        assert_eq!(said(404, ""), None);
    }

    #[test]
    fn the_files_time_is_the_date_to_ask_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        assert_eq!(Held::of(&path).unwrap(), None);
        std::fs::write(&path, "").unwrap();
        assert_eq!(Held::of(&path).unwrap(), None);
        std::fs::write(&path, "12345").unwrap();
        for unix in [784_111_777, -1] {
            let modified = HttpDate::from_unix(unix);
            keep_date(&path, modified).unwrap();
            let held = Held::of(&path).unwrap().unwrap();
            assert_eq!(
                held,
                Held {
                    octets: 5,
                    modified
                }
            );
            let mut headers = HeaderMap::new();
            held.ask_for_rest(&mut headers);
            assert_eq!(headers["range"], "bytes=5-");
            assert_eq!(headers["if-range"], modified.to_string().as_str());
            let tag = HeaderValue::from_static("\"a tag of the user's\"");
            headers.insert(IF_RANGE, tag.clone());
            held.ask_for_rest(&mut headers);
            assert_eq!(headers["if-range"], tag);
        }
    }

    #[test]
    fn only_a_strong_date_validates() {
        let of = |date: &str| {
            let response = Response::builder()
                .header("last-modified", MODIFIED)
                .header("date", date);
            validator(&response.body(Body::empty()).unwrap())
        };
        let modified = Some(HttpDate::from_unix(784_111_777));
        assert_eq!(of("Sun, 06 Nov 1994 08:49:38 GMT"), modified);
        assert_eq!(of(MODIFIED), None);
        assert_eq!(of(""), None);
        let none = Response::new(Body::empty());
        assert_eq!(validator(&none), None);
    }
}
