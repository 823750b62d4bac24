use http::HeaderValue;
use netkit_http::semantics::HttpDate;
use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
};

thread_local! {
    /// The second that was last written out, and its text.
    static LAST: RefCell<Option<(HttpDate, HeaderValue)>> = const { RefCell::new(None) };
}

/// `at` as a date of HTTP, which has no fractions of a second.
pub fn http_date(at: SystemTime) -> HttpDate {
    let seconds = match at.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        // What began before counts by the second that it is in.
        Err(before) => {
            let before = before.duration();
            let whole = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            -whole - i64::from(before.subsec_nanos() > 0)
        }
    };
    HttpDate::from_unix(seconds)
}

/// The time as a Date field says it (RFC 9110 6.6.1); written out once a second.
pub(crate) fn now() -> HeaderValue {
    let second = http_date(SystemTime::now());
    LAST.with_borrow_mut(|last| match last {
        Some((then, text)) if *then == second => text.clone(),
        _ => {
            let text = HeaderValue::try_from(second.to_string())
                .unwrap_or_else(|_| HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"));
            last.insert((second, text)).1.clone()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::http_date;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn seconds_are_cut_towards_the_past() {
        let of = |at| http_date(at).unix();
        assert_eq!(of(UNIX_EPOCH + Duration::from_millis(1999)), 1);
        assert_eq!(of(UNIX_EPOCH - Duration::from_secs(2)), -2);
        assert_eq!(of(UNIX_EPOCH - Duration::from_millis(1)), -1);
    }
}
