//! Times as people read them.

use core::{fmt, time::Duration};
use der::DateTime;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

/// A day in UTC, of seconds since the Unix epoch.
pub(crate) struct Day(pub(crate) u64);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_unix_duration(Duration::from_secs(self.0)) {
            Ok(day) => write!(f, "{:04}-{:02}-{:02}", day.year(), day.month(), day.day()),
            Err(_) => f.write_str("after 9999"),
        }
    }
}

/// So many seconds, in their largest unit.
pub(crate) struct Span(pub(crate) u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match self.0 {
            DAY.. => (self.0 / DAY, "day"),
            HOUR.. => (self.0 / HOUR, "hour"),
            MINUTE.. => (self.0 / MINUTE, "minute"),
            _ => (self.0, "second"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}
