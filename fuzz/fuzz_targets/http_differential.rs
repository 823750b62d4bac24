//! Octets from anyone, to netkit, to httparse and to hyper: the heads that netkit takes httparse takes too, and
//! the messages that it hears to their end hyper hears too, one behind the other; all find the same in them.
//! What the peers refuse and netkit takes is named here, with the rule.
//!
//! The first octet chooses the role, the request that was asked, and the pieces that hyper reads.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit_fuzz::hyper::{self, Message, by_name, request_start, single_spaced};
use netkit_http::{
    BodyLength, Client, Event, Fields, Framing, NO_FIELDS, RequestLine, Server, Slot, Status,
    Version,
};

const FIELDS: usize = 16;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, stream)) = input.split_first() else {
        return;
    };
    let piece = match choice >> 4 {
        0 => stream.len(),
        octets => usize::from(octets),
    };
    if choice % 2 == 0 {
        request(stream);
        requests(stream, piece);
    } else {
        response(stream);
        final_response(stream, choice >> 1, piece);
    }
});

/// The minor version's digit is above 1. RFC 9110 2.5: "process the message as if it was in the highest
/// minor version" that the recipient knows; httparse refuses it.
fn is_higher_minor(line: &[u8]) -> bool {
    let at = line.windows(7).position(|seven| seven == b"HTTP/1.");
    at.and_then(|at| line.get(at + 7))
        .is_some_and(|minor| (b'2'..=b'9').contains(minor))
}

/// A line that goes on in the next (RFC 9112 5.2).
fn has_folds(section: &[u8]) -> bool {
    let folds = |three: &[u8]| matches!(three, [b'\r', b'\n', b' ' | b'\t']);
    section.windows(3).any(folds)
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
    if !has_folds(&head[..step.used]) {
        same(&heard.fields, theirs.headers);
    }
}

/// A connection's requests, each answered when it has ended. hyper may hear more: it refuses less.
fn requests(stream: &[u8], piece: usize) {
    let mut theirs = hyper::requests(stream, piece).into_iter();
    let (mut input, mut slots) = (stream.to_vec(), [Slot::default(); FIELDS]);
    let (mut server, mut at, mut out) = (Server::default(), 0, Vec::new());
    let (mut heard, mut last) = (Message::default(), false);
    server.eof();
    while let Ok(step) = server.recv(&mut input[at..], &mut slots) {
        let from = at;
        at += step.used;
        match step.event {
            Event::Head(head) => {
                // What `http` has no word for: octets of RFC 3986 that its `Uri` refuses.
                let Some(start) = request_start(head.method, head.target) else {
                    return;
                };
                if is_higher_minor(first_line(&stream[from..])) {
                    return;
                }
                // RFC 9112 9.3: keep-alive beside an option that is no token is keep-alive; hyper reads
                // no value that is not ASCII, and closes.
                let unread = |value: &[u8]| !value.is_ascii();
                last = head.version == Version::Http10 && head.fields.all("connection").any(unread);
                heard = Message {
                    start,
                    fields: by_name(head.fields.iter()),
                    ..Message::default()
                };
            }
            Event::Data(data) => heard.content.extend_from_slice(data),
            Event::Trailers(fields) => heard.trailers = by_name(fields.iter()),
            Event::End => {
                assert_eq!(theirs.next().as_ref(), Some(&heard));
                if last {
                    return;
                }
                let sent = server.send_head(Status::OK, NO_FIELDS, BodyLength::None, &mut out);
                assert_eq!(sent, Ok(false));
            }
            _ => return,
        }
    }
}

/// The final response to one request.
fn final_response(stream: &[u8], choice: u8, piece: usize) {
    let (method, target) = match choice % 4 {
        0 => ("HEAD", "/"),
        1 => ("CONNECT", "h:443"),
        _ => ("GET", "/"),
    };
    let upgrades = choice % 4 == 3;
    let mut fields = vec![("Host", "h")];
    if upgrades {
        fields.extend([("Connection", "upgrade"), ("Upgrade", "x")]);
    }
    let (mut input, mut slots) = (stream.to_vec(), [Slot::default(); FIELDS]);
    let (mut client, mut at) = (Client::default(), 0);
    let line = RequestLine::new(method, target);
    client
        .send_head(line, fields, BodyLength::None, &mut Vec::new())
        .expect("a request");
    client.eof();
    let mut heard = Message::default();
    while let Ok(step) = client.recv(&mut input[at..], &mut slots) {
        let from = at;
        at += step.used;
        let ends = match step.event {
            Event::Interim(_) | Event::Head(_) if is_higher_minor(first_line(&stream[from..])) => {
                return;
            }
            Event::Interim(_) => false,
            Event::Head(head) => {
                heard.start = head.status.0.to_string();
                heard.fields = by_name(head.fields.iter());
                head.framing == Framing::Switched
            }
            Event::Data(data) => {
                heard.content.extend_from_slice(data);
                false
            }
            // RFC 9112 5.2 is about any field line of a response; hyper knows it in heads only.
            Event::Trailers(_) if has_folds(&stream[from..at]) => return,
            Event::Trailers(fields) => {
                heard.trailers = by_name(fields.iter());
                false
            }
            Event::End => true,
            _ => return,
        };
        if ends {
            let theirs = hyper::response(method, upgrades, stream, piece);
            assert_eq!(theirs.map(single_spaced), Some(single_spaced(heard)));
            return;
        }
    }
}

fn same(ours: &Fields<'_>, theirs: &[httparse::Header<'_>]) {
    assert!(
        ours.iter()
            .eq(theirs.iter().map(|header| (header.name, header.value))),
        "{ours:?} {theirs:?}"
    );
}
