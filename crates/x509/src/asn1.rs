//! The types of ASN.1 that certificates are made of, read from DER in place (X.690).

use crate::Error;
use netkit_core::{NotDer, Reader};

pub(crate) type Read<T> = Result<T, NotDer>;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// `[number] IMPLICIT` of a primitive type.
pub(crate) const fn context(number: u8) -> u8 {
    0x80 | number
}

/// `[number] EXPLICIT`, or `[number] IMPLICIT` of a constructed type.
pub(crate) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

impl From<NotDer> for Error {
    fn from(_: NotDer) -> Self {
        Self::Malformed
    }
}

/// Reads all of `octets` with `read`.
#[inline]
pub(crate) fn whole<'a, T>(
    octets: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Read<T>,
) -> Read<T> {
    let mut reader = Reader::new(octets);
    let value = read(&mut reader)?;
    end(&reader)?;
    Ok(value)
}

pub(crate) fn end(reader: &Reader<'_>) -> Read<()> {
    if reader.is_empty() {
        Ok(())
    } else {
        Err(NotDer)
    }
}

/// The content of the next element, which has this tag.
#[inline]
pub(crate) fn element<'a>(reader: &mut Reader<'a>, tag: u8) -> Read<&'a [u8]> {
    let element = reader.tlv()?;
    if element.tag == tag {
        Ok(element.content)
    } else {
        Err(NotDer)
    }
}

/// The content of the next element if it has this tag.
#[inline]
pub(crate) fn optional<'a>(reader: &mut Reader<'a>, tag: u8) -> Read<Option<&'a [u8]>> {
    if reader.next_tag() == Some(tag) {
        element(reader, tag).map(Some)
    } else {
        Ok(None)
    }
}

pub(crate) fn sequence<'a>(reader: &mut Reader<'a>) -> Read<&'a [u8]> {
    element(reader, SEQUENCE)
}

/// The content of a value that is one SEQUENCE.
pub(crate) fn only_sequence(octets: &[u8]) -> Read<&[u8]> {
    whole(octets, sequence)
}

/// `BOOLEAN DEFAULT FALSE`: DER leaves the default out.
pub(crate) fn flag(reader: &mut Reader<'_>, tag: u8) -> Read<bool> {
    match optional(reader, tag)? {
        None => Ok(false),
        Some([0xff]) => Ok(true),
        Some(_) => Err(NotDer),
    }
}

/// An INTEGER's content: two's complement, in its shortest form.
pub(crate) fn integer<'a>(reader: &mut Reader<'a>) -> Read<&'a [u8]> {
    shortest(element(reader, INTEGER)?)
}

pub(crate) fn shortest(content: &[u8]) -> Read<&[u8]> {
    match content {
        [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => Err(NotDer),
        _ => Ok(content),
    }
}

/// `INTEGER (0..MAX)`; one that is too large for any use is the largest.
pub(crate) fn natural(content: &[u8]) -> Read<u32> {
    let content = shortest(content)?;
    if content.first().is_some_and(|octet| octet & 0x80 != 0) {
        return Err(NotDer);
    }
    let digits = content.strip_prefix(&[0]).unwrap_or(content);
    Ok(if digits.len() > 4 {
        u32::MAX
    } else {
        digits.iter().fold(0, |n, &octet| n << 8 | u32::from(octet))
    })
}

/// The content of an OBJECT IDENTIFIER.
#[inline]
pub(crate) fn oid<'a>(reader: &mut Reader<'a>) -> Read<&'a [u8]> {
    valid_oid(element(reader, OBJECT_IDENTIFIER)?)
}

/// X.690 8.19.2: each arc ends, and begins with its first digit.
pub(crate) fn valid_oid(content: &[u8]) -> Read<&[u8]> {
    let ends = content.last().is_some_and(|last| last & 0x80 == 0);
    // 0x80 is rare, and good inside an arc.
    if ends && (content.iter().all(|&octet| octet != 0x80) || arcs_begin(content)) {
        Ok(content)
    } else {
        Err(NotDer)
    }
}

/// Whether no arc begins with a zero.
fn arcs_begin(content: &[u8]) -> bool {
    let begins = |at: usize| at == 0 || content[at - 1] & 0x80 == 0;
    let mut octets = content.iter().enumerate();
    !octets.any(|(at, &octet)| octet == 0x80 && begins(at))
}

/// The content of an AlgorithmIdentifier (RFC 5280 4.1.1.2): an OID, and parameters or none.
pub(crate) fn algorithm_identifier<'a>(reader: &mut Reader<'a>) -> Read<&'a [u8]> {
    let content = sequence(reader)?;
    check_algorithm_identifier(content)?;
    Ok(content)
}

pub(crate) fn check_algorithm_identifier(content: &[u8]) -> Read<()> {
    whole(content, |reader| {
        oid(reader)?;
        if !reader.is_empty() {
            reader.tlv()?;
        }
        Ok(())
    })
}

/// A BIT STRING's octets, and how many bits at their end do not count: these are zero.
pub(crate) fn bits(content: &[u8]) -> Read<(&[u8], u8)> {
    let (&unused, octets) = content.split_first().ok_or(NotDer)?;
    let padding = match octets.last() {
        _ if unused > 7 => return Err(NotDer),
        Some(last) => last & !(0xff_u8 << unused),
        None => unused,
    };
    if padding == 0 {
        Ok((octets, unused))
    } else {
        Err(NotDer)
    }
}

/// A BIT STRING of whole octets.
pub(crate) fn bit_string<'a>(reader: &mut Reader<'a>) -> Read<&'a [u8]> {
    match bits(element(reader, BIT_STRING)?)? {
        (octets, 0) => Ok(octets),
        _ => Err(NotDer),
    }
}

/// Flags by name (X.690 11.2.2: no zero at the end). The first bit is the highest.
pub(crate) fn named_bits(content: &[u8]) -> Read<u16> {
    let (octets, unused) = bits(content)?;
    let flags = match *octets {
        [] => 0,
        [a] => u16::from_be_bytes([a, 0]),
        [a, b] => u16::from_be_bytes([a, b]),
        _ => return Err(NotDer),
    };
    let lowest = octets.last().map_or(0, |last| last.trailing_zeros());
    if u32::from(unused) == lowest {
        Ok(flags)
    } else {
        Err(NotDer)
    }
}

/// Text whose characters are all ASCII.
pub(crate) fn ia5(content: &[u8]) -> Read<&str> {
    match core::str::from_utf8(content) {
        Ok(text) if text.is_ascii() => Ok(text),
        _ => Err(NotDer),
    }
}

/// A Time in seconds of the Unix epoch (RFC 5280 4.1.2.5): through 2049 UTCTime, then GeneralizedTime.
pub(crate) fn time(reader: &mut Reader<'_>) -> Read<u64> {
    let element = reader.tlv()?;
    match element.tag {
        UTC_TIME => {
            let (year, rest) = digits(element.content).ok_or(NotDer)?;
            let century = if year >= 50 { 1900 } else { 2000 };
            seconds(century + year, rest)
        }
        GENERALIZED_TIME => generalized(element.content).and_then(|at| match at {
            THROUGH_2049.. => Ok(at),
            _ => Err(NotDer),
        }),
        _ => Err(NotDer),
    }
}

/// First second of 2050.
const THROUGH_2049: u64 = 2_524_608_000;

/// A GeneralizedTime's content of any year since 1970 (RFC 6960 4.2.2.1 has them before 2050 too).
pub(crate) fn generalized(content: &[u8]) -> Read<u64> {
    let (century, rest) = digits(content).ok_or(NotDer)?;
    let (year, rest) = digits(rest).ok_or(NotDer)?;
    seconds(century * 100 + year, rest)
}

/// `MMDDHHMMSSZ` of a year: seconds of the Unix epoch.
fn seconds(year: u64, rest: &[u8]) -> Read<u64> {
    let parse = || {
        let (month, rest) = digits(rest)?;
        let (day, rest) = digits(rest)?;
        let (hour, rest) = digits(rest)?;
        let (minute, rest) = digits(rest)?;
        let (second, rest) = digits(rest)?;
        let days = days_before(year, month)? + day.checked_sub(1)?;
        let fits = day <= days_in(year, month)? && hour < 24 && minute < 60 && second < 60;
        (fits && rest == b"Z").then_some(((days * 24 + hour) * 60 + minute) * 60 + second)
    };
    parse().ok_or(NotDer)
}

fn digits(octets: &[u8]) -> Option<(u64, &[u8])> {
    match octets {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', rest @ ..] => {
            Some((u64::from(a - b'0') * 10 + u64::from(b - b'0'), rest))
        }
        _ => None,
    }
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> Option<u64> {
    const DAYS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days = DAYS.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    Some(days + u64::from(month == 2 && is_leap(year)))
}

/// Days from 1970-01-01 to the first of the month.
fn days_before(year: u64, month: u64) -> Option<u64> {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    /// Days from the first of year 1 to 1970-01-01.
    const UNTIL_1970: u64 = 719_162;
    let past = year.checked_sub(1)?;
    let leap_days = past / 4 - past / 100 + past / 400;
    let before = BEFORE.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    let this_leap = u64::from(month > 2 && is_leap(year));
    (past * 365 + leap_days + before + this_leap).checked_sub(UNTIL_1970)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn days_are_counted_as_der_counts_them() {
        for day in (0..=2_932_896).step_by(13) {
            let at = day * 86_400 + 86_399;
            let date = der::DateTime::from_unix_duration(Duration::from_secs(at)).unwrap();
            let text = alloc::format!(
                "{:04}{:02}{:02}235959Z",
                date.year(),
                date.month(),
                date.day()
            );
            assert_eq!(generalized(text.as_bytes()), Ok(at), "{text}");
        }
    }

    #[test]
    fn times_that_no_calendar_has_are_refused() {
        for text in [
            "20300229000000Z",
            "21000229000000Z",
            "20300431000000Z",
            "20300100000000Z",
            "20300001000000Z",
            "20301301000000Z",
            "20300101240000Z",
            "20300101006000Z",
            "20300101000060Z",
            "20300101000000",
            "20300101000000Z0",
            "20300101000000.5Z",
            "20300101000000+0000",
            "2030010100000Z",
            "19691231235959Z",
            "00000101000000Z",
        ] {
            assert_eq!(generalized(text.as_bytes()), Err(NotDer), "{text}");
        }
        assert!(generalized(b"20320229000000Z").is_ok());
        assert!(generalized(b"20000229000000Z").is_ok());
    }

    #[test]
    fn the_form_of_a_time_follows_from_its_year() {
        let read = |octets: &[u8]| whole(octets, time);
        assert_eq!(read(b"\x17\x0d491231235959Z"), Ok(THROUGH_2049 - 1));
        assert_eq!(read(b"\x18\x0f20500101000000Z"), Ok(THROUGH_2049));
        assert_eq!(read(b"\x18\x0f20491231235959Z"), Err(NotDer));
        assert_eq!(read(b"\x17\x0d700101000000Z"), Ok(0));
        assert_eq!(read(b"\x17\x0d500101000000Z"), Err(NotDer));
        assert_eq!(read(b"\x16\x0d700101000000Z"), Err(NotDer));
    }

    #[test]
    fn integers_have_their_shortest_form() {
        for (content, value) in [
            (&[][..], Err(NotDer)),
            (&[0], Ok(0)),
            (&[0x7f], Ok(127)),
            (&[0x80], Err(NotDer)),
            (&[0, 0x7f], Err(NotDer)),
            (&[0, 0x80], Ok(128)),
            (&[0xff, 0x80], Err(NotDer)),
            (&[1, 0, 0, 0], Ok(1 << 24)),
            (&[0, 0xff, 0xff, 0xff, 0xff], Ok(u32::MAX)),
            (&[1, 0, 0, 0, 0], Ok(u32::MAX)),
        ] {
            assert_eq!(natural(content), value, "{content:?}");
        }
    }

    #[test]
    fn named_bits_end_in_a_one() {
        assert_eq!(named_bits(&[7, 0x80]), Ok(0x8000));
        assert_eq!(named_bits(&[7, 0, 0x80]), Ok(0x0080));
        assert_eq!(named_bits(&[0]), Ok(0));
        for content in [
            &[][..],
            &[7],
            &[6, 0x80],
            &[8, 0x80],
            &[7, 0x81],
            &[0, 0],
            &[0, 1, 1, 1],
        ] {
            assert_eq!(named_bits(content), Err(NotDer), "{content:?}");
        }
    }

    #[test]
    fn object_identifiers_end_and_have_no_leading_zeros() {
        for content in [
            &[][..],
            &[0x80, 1],
            &[0x2a, 0x80, 1],
            &[0x2a, 0x86],
            &[0x2a, 1, 0x80],
        ] {
            assert_eq!(valid_oid(content), Err(NotDer), "{content:?}");
        }
        for content in [&[0x2a, 0x86, 0x48][..], &[0x2a, 0x81, 0x80, 1]] {
            assert!(valid_oid(content).is_ok(), "{content:?}");
        }
    }
}
