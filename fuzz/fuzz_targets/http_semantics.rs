//! Field values from anyone: nothing panics, what is selected exists, what is written is read back, and a
//! condition and its opposite do not both hold.
//!
//! Lines of the input are values, in turn of every kind of field.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit_http::semantics::{
    ContentRange, EntityTag, HttpDate, MediaType, Selected, Validators, Verdict, content_coding,
    evaluate, media_type_weight, select, weighted,
};

fuzz_target!(|input: &[u8]| {
    let lines: Vec<&[u8]> = input.split(|&octet| octet == b'\n').take(8).collect();
    let now = HttpDate::from_unix(1_800_000_000);
    for line in &lines {
        one(line, now);
    }
    let html = MediaType::parse(b"text/html;charset=utf-8").expect("a media type");
    let weight = media_type_weight(lines.iter().copied(), &html);
    assert!(weight.thousandths() <= 1000);
    let offers = ["gzip", "deflate"];
    if let Some(coding) = content_coding(lines.iter().copied(), &offers) {
        assert!(offers.contains(&coding));
    }
    conditions(&lines, now);
});

fn one(line: &[u8], now: HttpDate) {
    if let Some(date) = HttpDate::parse(line, now) {
        let again = date.to_string();
        assert_eq!(HttpDate::parse(again.as_bytes(), now), Some(date));
    }
    if let Some(tag) = EntityTag::parse(line) {
        assert!(tag.weak_eq(&tag));
        assert_eq!(tag.strong_eq(&tag), !tag.is_weak());
        if line.is_ascii() {
            assert_eq!(tag.to_string().as_bytes(), line);
        }
    }
    for length in [0, 1, 1000, u64::MAX] {
        if let Selected::Part(octets) = select(line, length) {
            assert!(octets.start < octets.end && octets.end <= length);
        }
    }
    if let Some(range) = ContentRange::parse(line) {
        let again = range.to_string();
        assert_eq!(ContentRange::parse(again.as_bytes()), Some(range));
    }
    if let Some(found) = MediaType::parse(line) {
        let _ = (found.parameters().count(), format!("{found:?}"));
        assert!(found.is(found.kind(), found.subtype()));
    }
    for (item, weight) in weighted(line) {
        assert!(!item.is_empty() || weight.thousandths() <= 1000);
    }
}

/// The lines as conditions on something that has the first of them as its tag and the second as its date.
fn conditions(lines: &[&[u8]], now: HttpDate) {
    let line = |at: usize| lines.get(at).copied().unwrap_or_default();
    let current = Validators {
        etag: EntityTag::parse(line(0)),
        last_modified: HttpDate::parse(line(1), now),
    };
    let verdict =
        |method, name: &'static str, value| evaluate(method, [(name, value)], Some(&current), now);
    for &value in lines {
        let fails = verdict("PUT", "If-Match", value) == Verdict::PreconditionFailed;
        let none_fails = verdict("PUT", "If-None-Match", value) == Verdict::PreconditionFailed;
        // What matches strongly matches weakly.
        assert!(fails || none_fails, "{value:?}");
        let modified = verdict("GET", "If-Modified-Since", value) != Verdict::NotModified;
        let unmodified =
            verdict("GET", "If-Unmodified-Since", value) != Verdict::PreconditionFailed;
        assert!(modified || unmodified);
        verdict("GET", "If-Range", value);
    }
    let names = [
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-unmodified-since",
        "if-range",
    ];
    let fields = names.into_iter().zip(lines.iter().copied());
    for method in ["GET", "HEAD", "PUT", "OPTIONS"] {
        evaluate(method, fields.clone(), Some(&current), now);
        evaluate(method, fields.clone(), None, now);
    }
}
