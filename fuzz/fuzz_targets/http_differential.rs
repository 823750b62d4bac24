//! Heads from anyone, to netkit and to httparse: what netkit takes httparse takes too, and both find the same
//! parts. What httparse refuses and netkit takes is named here, with the rule.
//!
//! The first octet chooses the role.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit_http::{BodyLength, Client, Event, Fields, RequestLine, Server, Slot};

const FIELDS: usize = 16;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, head)) = input.split_first() else {
        return;
    };
    match choice % 2 {
        0 => request(head),
        _ => response(head),
    }
});

/// The minor version's digit is above 1. RFC 9110 2.5: "process the message as if it was in the highest
/// minor version" that the recipient knows; httparse refuses it.
fn is_higher_minor(line: &[u8]) -> bool {
    let at = line.windows(7).position(|seven| seven == b"HTTP/1.");
    at.and_then(|at| line.get(at + 7))
        .is_some_and(|minor| (b'2'..=b'9').contains(minor))
}

fn first_line(head: &[u8]) -> &[u8] {
    let begin = head
        .iter()
        .position(|octet| !b"\r\n".contains(octet))
        .unwrap_or(0);
    head[begin..]
        .split(|&octet| octet == b'\n')
        .next()
        .unwrap_or_default()
}

fn request(head: &[u8]) {
    let (mut ours, mut slots) = (head.to_vec(), [Slot::default(); FIELDS]);
    let Ok(step) = Server::default().recv(&mut ours, &mut slots) else {
        return;
    };
    let Event::Head(heard) = step.event else {
        return;
    };
    if is_higher_minor(first_line(head)) {
        return;
    }
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut theirs = httparse::Request::new(&mut fields);
    assert_eq!(
        theirs.parse(head),
        Ok(httparse::Status::Complete(step.used)),
        "{heard:?}"
    );
    assert_eq!(
        (theirs.method, theirs.path),
        (Some(heard.method), Some(heard.target))
    );
    same(&heard.fields, theirs.headers);
}

fn response(head: &[u8]) {
    let (mut ours, mut slots) = (head.to_vec(), [Slot::default(); FIELDS]);
    let mut client = Client::default();
    let line = RequestLine::new("GET", "/");
    client
        .send_head(line, [("Host", "h")], BodyLength::None, &mut Vec::new())
        .expect("a request");
    let Ok(step) = client.recv(&mut ours, &mut slots) else {
        return;
    };
    let (Event::Head(heard) | Event::Interim(heard)) = step.event else {
        return;
    };
    if is_higher_minor(first_line(head)) {
        return;
    }
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut theirs = httparse::Response::new(&mut fields);
    // RFC 9112 5.2: a user agent replaces obs-fold; httparse does so when told.
    let mut config = httparse::ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true);
    let parsed = config.parse_response(&mut theirs, head);
    assert_eq!(
        parsed,
        Ok(httparse::Status::Complete(step.used)),
        "{heard:?}"
    );
    assert_eq!(theirs.code, Some(heard.status.0));
    // Line breaks in what httparse lends stay where they are.
    if !head[..step.used]
        .windows(3)
        .any(|three| matches!(three, [b'\r', b'\n', b' ' | b'\t']))
    {
        same(&heard.fields, theirs.headers);
    }
}

fn same(ours: &Fields<'_>, theirs: &[httparse::Header<'_>]) {
    assert!(
        ours.iter()
            .eq(theirs.iter().map(|header| (header.name, header.value))),
        "{ours:?} {theirs:?}"
    );
}
