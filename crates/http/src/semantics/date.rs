//! Dates (RFC 9110 5.6.7).

use core::fmt;

const DAY: i64 = 24 * 60 * 60;

const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A moment to the second, in the years 0 to 9999.
///
/// `Display` writes an IMF-fixdate, the one format that may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpDate {
    /// Seconds since 1970 began, without leap seconds.
    unix: i64,
}

impl HttpDate {
    /// So many seconds after 1970 began; the nearest date there is where that has more than four digits
    /// in its year.
    pub const fn from_unix(seconds: i64) -> Self {
        let (first, last) = (midnight(0, 1, 1), midnight(10_000, 1, 1) - 1);
        let unix = if seconds < first {
            first
        } else if seconds > last {
            last
        } else {
            seconds
        };
        Self { unix }
    }

    /// Seconds since 1970 began.
    pub const fn unix(self) -> i64 {
        self.unix
    }

    /// Reads any of the three formats that a recipient has to know. Of an `rfc850-date`, which has two digits
    /// for its year, `now` tells the century: 5.6.7 has none of them more than 50 years ahead.
    ///
    /// `None` for what is no date, or has another weekday than its date.
    pub fn parse(value: &[u8], now: Self) -> Option<Self> {
        let civil = imf_fixdate(value)
            .or_else(|| rfc850_date(value, now))
            .or_else(|| asctime_date(value))?;
        civil.date()
    }
}

/// A date and time of day as people write them.
struct Civil<'a> {
    /// Its first three letters, or all of them.
    weekday: &'a [u8],
    year: i64,
    month: i64,
    day: i64,
    time: i64,
}

impl Civil<'_> {
    fn date(&self) -> Option<HttpDate> {
        let days = midnight(self.year, self.month, self.day) / DAY;
        let (year, month, day) = civil(days);
        let exists = (year, month, day) == (self.year, self.month, self.day);
        let weekday = DAYS[weekday(days)].as_bytes();
        let agrees = self.weekday == weekday || self.weekday == &weekday[..3];
        (exists && agrees).then_some(HttpDate {
            unix: days * DAY + self.time,
        })
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(value: &[u8]) -> Option<Civil<'_>> {
    let (weekday, rest) = value.split_at_checked(3)?;
    let rest = rest.strip_prefix(b", ")?.strip_suffix(b" GMT")?;
    let [
        d1,
        d2,
        b' ',
        m1,
        m2,
        m3,
        b' ',
        year @ ..,
        b' ',
        _,
        _,
        b':',
        _,
        _,
        b':',
        _,
        _,
    ] = rest
    else {
        return None;
    };
    Some(Civil {
        weekday,
        year: number::<4>(year)?,
        month: month(&[*m1, *m2, *m3])?,
        day: number::<2>(&[*d1, *d2])?,
        time: time(&rest[rest.len() - 8..])?,
    })
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850_date(value: &[u8], now: HttpDate) -> Option<Civil<'_>> {
    let end = value.iter().position(|&octet| octet == b',')?;
    let weekday = &value[..end];
    let rest = value[end..].strip_prefix(b", ")?.strip_suffix(b" GMT")?;
    let [d1, d2, b'-', m1, m2, m3, b'-', y1, y2, b' ', time @ ..] = rest else {
        return None;
    };
    let (month, day) = (month(&[*m1, *m2, *m3])?, number::<2>(&[*d1, *d2])?);
    let time = self::time(time)?;
    // "MUST interpret a timestamp that appears to be more than 50 years in the future as representing the most
    // recent year in the past".
    let (this_year, this_month, this_day) = civil(now.unix.div_euclid(DAY));
    let ahead = midnight(this_year + 50, this_month, this_day) + now.unix.rem_euclid(DAY);
    let next = this_year - this_year.rem_euclid(100) + 100 + number::<2>(&[*y1, *y2])?;
    let near = |year: &i64| midnight(*year, month, day) + time <= ahead;
    let year = [next, next - 100, next - 200].into_iter().find(near)?;
    Some(Civil {
        weekday: if weekday.len() > 3 { weekday } else { b"" },
        year,
        month,
        day,
        time,
    })
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime_date(value: &[u8]) -> Option<Civil<'_>> {
    let [_, _, _, b' ', m1, m2, m3, b' ', d1, d2, b' ', rest @ ..] = value else {
        return None;
    };
    let (time, year) = rest.split_at_checked(8)?;
    let day = [if *d1 == b' ' { b'0' } else { *d1 }, *d2];
    Some(Civil {
        weekday: &value[..3],
        year: number::<4>(year.strip_prefix(b" ")?)?,
        month: month(&[*m1, *m2, *m3])?,
        day: number::<2>(&day)?,
        time: self::time(time)?,
    })
}

/// `08:49:37`, in seconds; a leap second is the next minute's first.
fn time(value: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = value else {
        return None;
    };
    let hour = number::<2>(&[*h1, *h2]).filter(|hour| *hour < 24)?;
    let minute = number::<2>(&[*m1, *m2]).filter(|minute| *minute < 60)?;
    let second = number::<2>(&[*s1, *s2]).filter(|second| *second <= 60)?;
    Some((hour * 60 + minute) * 60 + second)
}

fn month(name: &[u8]) -> Option<i64> {
    let mut months = (1..).zip(MONTHS);
    let found = months.find(|(_, month)| month.as_bytes() == name)?;
    Some(found.0)
}

/// A number of so many digits.
fn number<const DIGITS: usize>(digits: &[u8]) -> Option<i64> {
    (digits.len() == DIGITS && digits.iter().all(u8::is_ascii_digit)).then(|| {
        let digit = |number, digit: &u8| number * 10 + i64::from(digit - b'0');
        digits.iter().fold(0, digit)
    })
}

/// Days and seconds of the Gregorian calendar, by years that begin in March: the leap day is their last.
const fn midnight(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let (century, year) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    // 719 468 days lie between the first of March of the year 0 and 1970.
    (century * 146_097 + year * 365 + year / 4 - year / 100 + of_year - 719_468) * DAY
}

/// Year, month and day, so many days after 1970 began.
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (century, of_century) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    // Every fourth year has a day more, every hundredth has not, and the last one has.
    let year = (of_century - of_century / 1460 + of_century / 36_524 - of_century / 146_096) / 365;
    let of_year = of_century - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let next = if month < 3 { 1 } else { 0 };
    (century * 400 + year + next, month, day)
}

/// The first of January 1970 was a Thursday.
const fn weekday(days: i64) -> usize {
    (days + 3).rem_euclid(7) as usize
}

impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.unix.div_euclid(DAY);
        let (year, month, day) = civil(days);
        let second = self.unix.rem_euclid(DAY);
        write!(
            f,
            "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
            &DAYS[weekday(days)][..3],
            MONTHS[(month - 1).rem_euclid(12) as usize],
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::HttpDate;
    use alloc::{format, string::ToString};
    use proptest::prelude::*;
    use std::time::{Duration, UNIX_EPOCH};

    const NOW: HttpDate = HttpDate {
        unix: 1_795_824_000,
    }; // 28 November 2026

    fn parse(text: &str) -> Option<i64> {
        HttpDate::parse(text.as_bytes(), NOW).map(HttpDate::unix)
    }

    #[test]
    fn one_moment_in_three_formats() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text), Some(784_111_777), "{text}");
        }
        let date = HttpDate::from_unix(784_111_777);
        assert_eq!(date.to_string(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(parse("Tue, 29 Feb 2000 23:59:60 GMT"), Some(951_868_800));
        assert_eq!(parse("Wed, 01 Mar 2000 00:00:00 GMT"), Some(951_868_800));
        assert_eq!(parse("Sat Jan 10 00:00:00 1970"), Some(9 * 86_400));
    }

    #[test]
    fn two_digits_are_at_most_fifty_years_ahead() {
        for (text, year) in [
            ("Saturday, 28-Nov-26 00:00:00 GMT", 2026),
            ("Saturday, 28-Nov-76 00:00:00 GMT", 2076),
            ("Monday, 29-Nov-76 00:00:00 GMT", 1976),
            ("Wednesday, 01-Jan-70 00:00:00 GMT", 2070),
            ("Tuesday, 31-Dec-69 00:00:00 GMT", 2069),
            ("Friday, 31-Dec-99 00:00:00 GMT", 1999),
        ] {
            let date = HttpDate::parse(text.as_bytes(), NOW).map(|date| date.to_string());
            let found = date.as_deref().and_then(|date| date.get(12..16));
            assert_eq!(found, Some(year.to_string().as_str()), "{text}");
        }
        // Near the end of a century the next one's years are ahead.
        let late = HttpDate::parse(b"Thu, 01 Jan 2099 00:00:00 GMT", NOW).unwrap();
        let near = HttpDate::parse(b"Saturday, 06-Jan-20 00:00:00 GMT", late).unwrap();
        assert_eq!(near.to_string(), "Sat, 06 Jan 2120 00:00:00 GMT");
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "",
            "now",
            "0",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49:3a GMT",
            "Sun, 31 Feb 1999 00:00:00 GMT",
            "Wed, 00 Mar 2000 00:00:00 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday 06-Nov-94 08:49:37 GMT",
            "Sun Nov 06 08:49:37 94",
            "Sun Nov  6 08:49:37 1994 ",
            "Sun Nov  6 08-49-37 1994",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn years_have_four_digits() {
        let (first, last) = (HttpDate::from_unix(i64::MIN), HttpDate::from_unix(i64::MAX));
        assert_eq!(first.to_string(), "Sat, 01 Jan 0000 00:00:00 GMT");
        assert_eq!(last.to_string(), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(
            HttpDate::from_unix(-1).to_string(),
            "Wed, 31 Dec 1969 23:59:59 GMT"
        );
        for date in [first, last] {
            assert_eq!(
                HttpDate::parse(date.to_string().as_bytes(), NOW),
                Some(date)
            );
        }
    }

    proptest! {
        #[test]
        fn httpdate_writes_and_reads_the_same(unix in 0i64..253_402_300_800) {
            let date = HttpDate::from_unix(unix);
            let theirs = UNIX_EPOCH + Duration::from_secs(unix.unsigned_abs());
            let text = date.to_string();
            prop_assert_eq!(&text, &httpdate::fmt_http_date(theirs));
            prop_assert_eq!(httpdate::parse_http_date(&text).ok(), Some(theirs));
            prop_assert_eq!(parse(&text), Some(unix));
            let (weekday, day, month) = (&text[..3], text[5..7].trim_start_matches('0'), &text[8..11]);
            let asctime = format!("{weekday} {month} {day:>2} {} {}", &text[17..25], &text[12..16]);
            prop_assert_eq!(parse(&asctime), Some(unix));
        }

        #[test]
        fn what_httpdate_reads_is_read(mut text in "(Sun|Mon), [0-3][0-9] (Nov|Feb) [0-9]{4} [0-2][0-9]:[0-6][0-9]:[0-6][0-9] GMT") {
            if let Ok(theirs) = httpdate::parse_http_date(&text) {
                let unix = theirs.duration_since(UNIX_EPOCH).unwrap().as_secs();
                prop_assert_eq!(parse(&text), Some(unix.cast_signed()));
            }
            text.push('x');
            prop_assert_eq!(parse(&text), None);
        }

        #[test]
        fn nothing_panics(value: std::vec::Vec<u8>, now: i64) {
            let _ = HttpDate::parse(&value, HttpDate::from_unix(now));
        }
    }
}
