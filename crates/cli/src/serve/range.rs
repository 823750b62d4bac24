//! Part of a file (RFC 9110 14): one range of octets. Several at once are answered with the whole,
//! as 14.2 allows.

use std::ops::Range;

/// What the `Range` field of a request for `length` octets asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it: no range, or none that is understood.
    Whole,
    /// These octets; never empty. Status 206.
    Some(Range<u64>),
    /// None that exist. Status 416.
    Beyond,
}

/// RFC 9110 14.1.1: `bytes=first-last`, `bytes=first-` or `bytes=-suffix`.
pub(crate) fn asked(range: &str, length: u64) -> Part {
    let Some((first, last)) = range
        .strip_prefix("bytes=")
        .and_then(|spec| spec.split_once('-'))
    else {
        return Part::Whole;
    };
    let octets = match (number(first.trim()), number(last.trim())) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.trim().is_empty() => first..length,
        (None, Some(suffix)) if first.trim().is_empty() => length.saturating_sub(suffix)..length,
        _ => return Part::Whole,
    };
    if octets.is_empty() {
        Part::Beyond
    } else {
        Part::Some(octets)
    }
}

fn number(digits: &str) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|d| d.is_ascii_digit());
    // What does not fit is beyond the end of every file.
    all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_ten_octets() {
        let table = [
            ("bytes=0-0", Part::Some(0..1)),
            ("bytes=0-9", Part::Some(0..10)),
            ("bytes=2-4", Part::Some(2..5)),
            ("bytes=5-", Part::Some(5..10)),
            ("bytes=5-99999999999999999999999", Part::Some(5..10)),
            ("bytes=-3", Part::Some(7..10)),
            ("bytes=-30", Part::Some(0..10)),
            ("bytes=10-", Part::Beyond),
            ("bytes=99999999999999999999999-", Part::Beyond),
            ("bytes=-0", Part::Beyond),
            ("bytes=4-2", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=1-x", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("", Part::Whole),
        ];
        for (range, part) in table {
            assert_eq!(asked(range, 10), part, "{range}");
        }
        assert_eq!(asked("bytes=0-", 0), Part::Beyond);
    }
}
