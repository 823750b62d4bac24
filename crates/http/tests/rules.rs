//! One raw message a row, and what the machine must say of it, whole and however it is split.

use netkit_core::split::{Transcript, same_for_every_split};
use netkit_http::{
    BodyLength, Client, Error, Failure, Limits, RequestLine, RequestParser, Slot, Version,
    generators::{Heard, hear_requests, hear_responses},
};

/// The events in short: `M target` or the status, `[data]`, `{trailers}`, `.` for the end.
fn short(said: &Transcript<Heard, Failure>) -> String {
    let event = |event: &Heard| match event {
        Heard::Request(method, target, ..) => format!("{method} {target} "),
        Heard::Response(status, ..) => format!("{} ", status.0),
        Heard::Data(data) => format!("[{}]", data.escape_ascii()),
        Heard::Trailers(fields) => format!("{{{}}}", fields.len()),
        Heard::End => ". ".to_owned(),
    };
    let end = match said.error {
        Some(failure) => failure.error.name().to_owned(),
        None if said.left > 0 => format!("left {}", said.left),
        None => String::new(),
    };
    let text: String = said.events.iter().map(event).chain([end]).collect();
    text.trim_end().to_owned()
}

fn server_says(raw: &str) -> String {
    let raw: Vec<u8> = raw.chars().map(|octet| octet as u8).collect();
    short(&same_for_every_split(&raw, || {
        hear_requests(Limits::default())
    }))
}

fn client_says(method: &str, raw: &str) -> String {
    let raw: Vec<u8> = raw.chars().map(|octet| octet as u8).collect();
    short(&same_for_every_split(&raw, || {
        let mut client = Client::default();
        let line = RequestLine::new(method, if method == "CONNECT" { "h:1" } else { "/" });
        let upgrade = [("Host", "h"), ("Connection", "upgrade"), ("Upgrade", "x")];
        let fields = if method == "UPGRADE" {
            &upgrade[..]
        } else {
            &upgrade[..1]
        };
        let fields = fields.iter().copied();
        client
            .send_head(line, fields, BodyLength::None, &mut Vec::new())
            .unwrap();
        hear_responses(client)
    }))
}

/// `<H>` stands for a Host line, `<N>` for the next request.
fn requests(table: &[(&str, &str)]) {
    for (raw, expected) in table {
        let raw = raw
            .replace("<H>", "Host: h\r\n")
            .replace("<N>", "GET /n HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(server_says(&raw), *expected, "{raw:?}");
    }
}

#[test]
fn request_lines() {
    requests(&[
        ("GET / HTTP/1.1\r\n<H>\r\n", "GET / ."),
        ("GET / HTTP/1.2\r\n<H>\r\n", "GET / ."),
        (
            "M!#$%&'*+-.^_`|~9 / HTTP/1.1\r\n<H>\r\n",
            "M!#$%&'*+-.^_`|~9 / .",
        ),
        ("\r\n\r\nGET / HTTP/1.1\r\n<H>\r\n", "GET / ."),
        ("\r\n\r\nGET / HTTP/1.1\r\nHos", "left 19"),
        ("\r\n\r\n\r\n\r\n\r\nGET /", "PeerEmptyLines"),
        ("\nGET /", "PeerBareLf"),
        ("\rGET /", "PeerBareCr"),
        (" GET / HTTP/1.1\r\n", "PeerMethod"),
        ("\x16\x03\x01\x02", "PeerMethod"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "PeerRequestLine"),
        ("G(T / HTTP/1.1\r\n", "PeerMethod"),
        ("GET: / HTTP/1.1\r\n", "PeerMethod"),
        ("GET\t/\tHTTP/1.1\r\n", "PeerMethod"),
        ("GET\r/\rHTTP/1.1\r\n", "PeerBareCr"),
        ("GET /\r\n<H>\r\n", "PeerRequestLine"),
        ("GET /\nHTTP/1.1\r\n", "PeerBareLf"),
        ("GET  / HTTP/1.1\r\n", "PeerVersion"),
        ("GET /  HTTP/1.1\r\n", "PeerVersion"),
        ("GET /a b HTTP/1.1\r\n", "PeerVersion"),
        ("GET / http/1.1\r\n", "PeerVersion"),
        ("GET / HTTP/01.1\r\n", "PeerVersion"),
        ("GET / HTTP/1.\r\n", "PeerVersion"),
        ("GET / HTTP/1.1x\r\n", "PeerVersion"),
        ("GET / HTTP/257.257\r\n", "PeerVersion"),
        ("GET / HTTP/3.0\r\n", "PeerVersionUnsupported"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PeerVersionUnsupported"),
        ("GET /a#b HTTP/1.1\r\n", "PeerTarget"),
        ("GET /\x01 HTTP/1.1\r\n", "PeerTarget"),
        ("GET /\u{e9} HTTP/1.1\r\n", "PeerTarget"),
        ("GET foo HTTP/1.1\r\n", "PeerTarget"),
    ]);
}

#[test]
fn fields() {
    requests(&[
        ("GET / HTTP/1.1\nHost: h\n\n", "PeerBareLf"),
        ("GET / HTTP/1.1\r\n<H>\n", "PeerBareLf"),
        ("GET / HTTP/1.1\r\n<H>X: a\nY: b\r\n\r\n", "PeerBareLf"),
        ("GET / HTTP/1.1\r\n<H>\rX\r\n", "PeerBareCr"),
        ("GET / HTTP/1.1\r\n<H>X: a\rb\r\n\r\n", "PeerBareCr"),
        ("GET / HTTP/1.1\r\n<H>X: a\0b\r\n\r\n", "PeerFieldValue"),
        ("GET / HTTP/1.1\r\n<H>X: a\x7fb\r\n\r\n", "PeerFieldValue"),
        ("GET / HTTP/1.1\r\n<H>X: a\t\u{ff}b\r\n\r\n", "GET / ."),
        ("GET / HTTP/1.1\r\n<H>X :a\r\n\r\n", "PeerSpaceBeforeColon"),
        (
            "GET / HTTP/1.1\r\n<H>X\t: a\r\n\r\n",
            "PeerSpaceBeforeColon",
        ),
        ("GET / HTTP/1.1\r\n<H>X Y: a\r\n\r\n", "PeerFieldName"),
        ("GET / HTTP/1.1\r\n<H>X\r\n\r\n", "PeerFieldName"),
        ("GET / HTTP/1.1\r\n<H>: a\r\n\r\n", "PeerFieldName"),
        ("GET / HTTP/1.1\r\n<H>X(Y: a\r\n\r\n", "PeerFieldName"),
        ("GET / HTTP/1.1\r\n<H>\u{ef}: a\r\n\r\n", "PeerFieldName"),
        ("GET / HTTP/1.1\r\n<H>X: a\r\n b\r\n\r\n", "PeerFoldedLine"),
        ("GET / HTTP/1.1\r\n X: a\r\n<H>\r\n", "PeerFieldName"),
        ("GET / HTTP/1.1\r\n\r\n", "PeerHostMissing"),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", "PeerHost"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "PeerHost"),
        (
            "GET / HTTP/1.1\r\nhOST: a\r\nX: y\r\nHost: a\r\n\r\n",
            "PeerHostRepeated",
        ),
        ("GET http://h/ HTTP/1.1\r\n\r\n", "PeerHostMissing"),
        ("GET / HTTP/1.0\r\n\r\n", "GET / ."),
        ("GET / HTTP/1.0\r\n<H><H>\r\n", "PeerHostRepeated"),
        (
            "GET / HTTP/1.1\r\n<H>Expect: foo\r\n\r\n",
            "PeerExpectation",
        ),
        (
            "GET / HTTP/1.1\r\n<H>Expect: 100-Continue\r\n\r\n",
            "GET / .",
        ),
        ("GET / HTTP/1.0\r\nExpect: foo\r\n\r\n", "GET / ."),
    ]);
}

#[test]
fn content_of_requests() {
    let bad_length = |value: &str, error: &str| {
        let raw = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {value}\r\n\r\nhello");
        assert_eq!(server_says(&raw), error, "{value:?}");
    };
    for value in [
        "+5",
        "-5",
        "0x5",
        "5 5",
        "",
        "5e0",
        "5_0",
        "\"5\"",
        "5L",
        "\u{a0}5",
        "99999999999999999999",
    ] {
        bad_length(value, "PeerContentLength");
    }
    bad_length("5, 5", "PeerContentLengthRepeated");
    bad_length("5\r\nContent-Length: 5", "PeerContentLengthRepeated");
    requests(&[
        (
            "POST / HTTP/1.1\r\n<H>Content-Length: \t 5 \t\r\n\r\nhello<N>",
            "POST / [hello]. GET /n .",
        ),
        (
            "POST / HTTP/1.1\r\n<H>Content-Length: 005\r\n\r\nhello\r\n<N>",
            "POST / [hello]. GET /n .",
        ),
        (
            "GET / HTTP/1.1\r\n<H>Content-Length: 00\r\n\r\n<N>",
            "GET / . GET /n .",
        ),
        (
            "GET / HTTP/1.1\r\n<H>Content-Length: 18446744073709551615\r\n\r\nhel",
            "GET / [hel]",
        ),
        (
            "CONNECT h:1 HTTP/1.1\r\n<H>Content-Length: 3\r\n\r\nabc",
            "PeerConnectContent",
        ),
        (
            "GET / HTTP/1.1\r\n<H>Connection: foo, CLOSE\r\n\r\n<N>",
            "GET / .",
        ),
        ("GET / HTTP/1.0\r\n\r\n<N>", "GET / ."),
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n<N>",
            "GET / . GET /n .",
        ),
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n<N>",
            "GET / .",
        ),
    ]);
}

#[test]
fn transfer_codings_of_requests() {
    for (coding, expected) in [
        ("chunked", "POST / [hello]. GET /n ."),
        ("Chunked \t", "POST / [hello]. GET /n ."),
        ("gzip, chunked", "PeerTransferCodingUnknown"),
        (
            "gzip\r\nTransfer-Encoding: chunked",
            "PeerTransferCodingUnknown",
        ),
        ("gzip", "PeerChunkedNotFinal"),
        ("chunkedx", "PeerChunkedNotFinal"),
        ("'chunked'", "PeerChunkedNotFinal"),
        ("chunked, identity", "PeerChunkedNotFinal"),
        ("chunked\r\nTransfer-encoding: cow", "PeerChunkedNotFinal"),
        ("chunked, chunked", "PeerTransferEncoding"),
        ("chunked, gzip, chunked", "PeerTransferEncoding"),
        ("chunked;q=1", "PeerTransferEncoding"),
        ("chunked chunked", "PeerTransferEncoding"),
        (", chunked", "PeerTransferEncoding"),
        ("", "PeerTransferEncoding"),
        ("\u{a0}chunked", "PeerTransferEncoding"),
        ("chunked\x0b", "PeerFieldValue"),
        (
            "chunked\r\nContent-Length: 5",
            "PeerLengthAndTransferEncoding",
        ),
        (
            "gzip\r\nContent-Length: abc",
            "PeerLengthAndTransferEncoding",
        ),
    ] {
        let head = format!("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: {coding}\r\n\r\n");
        let raw = head + "5\r\nhello\r\n0\r\n\r\nGET /n HTTP/1.1\r\nHost: h\r\n\r\n";
        assert_eq!(server_says(&raw), expected, "{coding:?}");
    }
    requests(&[(
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "PeerTransferEncodingVersion",
    )]);
}

#[test]
fn chunks() {
    for (chunks, expected) in [
        ("5\r\nhello\r\n0\r\n\r\n<N>", "POST / [hello]. GET /n ."),
        (
            "000A\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n<N>",
            "POST / [01234567890123456789]. GET /n .",
        ),
        (
            "5;a=b;c=\"d;\\\"e\";f\r\nhello\r\n0;x=y\r\n\r\n",
            "POST / [hello].",
        ),
        (
            "5\r\nhello\r\n0\r\nA: b\r\nHost: evil\r\n\r\n<N>",
            "POST / [hello]{2}. GET /n .",
        ),
        (
            "0\r\nX:GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
            "POST / {2}.",
        ),
        ("5\nhello\r\n", "PeerBareLf"),
        ("5;a\nb\r\nhello\r\n", "PeerBareLf"),
        ("5;a\rb\r\nhello\r\n", "PeerChunkExtension"),
        ("5;\r\nhello\r\n", "PeerChunkExtension"),
        ("5 \r\nhello\r\n", "PeerChunkExtension"),
        ("0x5\r\nhello\r\n", "PeerChunkSize"),
        ("\r\nhello\r\n", "PeerChunkSize"),
        ("10000000000000005\r\nhello\r\n", "PeerChunkSize"),
        ("5\r\nhello\n0\r\n\r\n", "[hello]PeerChunkEnd"),
        ("5\r\nhello0\r\n\r\n", "[hello]PeerChunkEnd"),
        ("5\r\nhello\r\r\n0\r\n\r\n", "[hello]PeerChunkEnd"),
        ("5\r\nhello\r\n\r\n0\r\n\r\n", "[hello]PeerChunkSize"),
        ("5\r\nhello\r\n0\r\n\n", "[hello]PeerBareLf"),
        ("5\r\nhello\r\n0\n\r\n", "[hello]PeerBareLf"),
        ("5\r\nhello\r\n0\r\nfoo\r\n\r\n", "[hello]PeerFieldName"),
        (
            "5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n",
            "[hello]PeerFoldedLine",
        ),
        ("5\r\nhello\r\n0\r\n", "[hello]"),
        ("0\r\n\r\nJUNK\r\n\r\n", ". PeerRequestLine"),
    ] {
        let chunks = chunks.replace("<N>", "GET /n HTTP/1.1\r\nHost: h\r\n\r\n");
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        let said = server_says(&format!("{head}{chunks}"));
        let expected = if expected.starts_with("POST") {
            expected.to_owned()
        } else {
            format!("POST / {expected}")
        };
        assert_eq!(said, expected, "{chunks:?}");
    }
}

fn responses(table: &[(&str, &str, &str)]) {
    for (method, raw, expected) in table {
        assert_eq!(client_says(method, raw), *expected, "{raw:?}");
    }
}

#[test]
fn responses_that_are_heard() {
    responses(&[
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "200 [hello].",
        ),
        (
            "GET",
            "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
            "200 [hello].",
        ),
        (
            "GET",
            "HTTP/1.2 600 \u{e4}\u{ff}\r\nContent-Length: 0\r\n\r\n",
            "600 .",
        ),
        ("GET", "HTTP/1.0 200 OK\r\n\r\nhello", "200 [hello]"),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
            "200 [hello]{1}.",
        ),
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "200 .",
        ),
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\nContent-Length: bad\r\n\r\n",
            "200 .",
        ),
        (
            "GET",
            "HTTP/1.1 204 N\r\nContent-Length: 5\r\n\r\n",
            "204 .",
        ),
        (
            "GET",
            "HTTP/1.1 304 N\r\nTransfer-Encoding: chunked\r\n\r\n",
            "304 .",
        ),
        (
            "GET",
            "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 199 X\r\nA: b\r\n\r\nHTTP/1.1 204 N\r\n\r\n",
            "100 199 204 .",
        ),
        (
            "GET",
            "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\njunk",
            "PeerSwitched",
        ),
        (
            "UPGRADE",
            "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\njunk",
            "101 left 4",
        ),
        (
            "UPGRADE",
            "HTTP/1.1 200 S\r\nContent-Length: 4\r\n\r\njunk",
            "200 [junk].",
        ),
        (
            "CONNECT",
            "HTTP/1.1 200 S\r\nContent-Length: 4\r\n\r\njunk",
            "200 left 4",
        ),
        (
            "CONNECT",
            "HTTP/1.1 407 S\r\nContent-Length: 4\r\n\r\njunk",
            "407 [junk].",
        ),
        (
            "GET",
            "HTTP/1.1 204 N\r\n\r\nHTTP/1.1 200 OK\r\n\r\nevil",
            "204 . PeerUnsolicited",
        ),
        (
            "GET",
            "HTTP/1.1 204 N\r\nConnection: close\r\n\r\nevil",
            "204 .",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length:\r\n 5\r\n \r\n\r\nhello",
            "200 [hello].",
        ),
    ]);
}

#[test]
fn responses_that_are_refused() {
    responses(&[
        ("GET", "HTTP/1.1 200 OK\r\n X: a\r\n\r\n", "PeerFieldName"),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nX: a\r\n b\rc\r\n\r\n",
            "PeerBareCr",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
            "PeerChunkedNotFinal",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "PeerLengthAndTransferEncoding",
        ),
        ("GET", "HTTP/2.0 200 OK\r\n\r\n", "PeerVersionUnsupported"),
        ("GET", "HTTP/01.1 200 OK\r\n\r\n", "PeerStatusLine"),
        ("GET", "http/1.1 200 OK\r\n\r\n", "PeerStatusLine"),
        ("GET", "HTTP/1.1  200 OK\r\n\r\n", "PeerStatusLine"),
        ("GET", "HTTP/1.1 20 OK\r\n\r\n", "PeerStatusLine"),
        ("GET", "HTTP/1.1 2000 OK\r\n\r\n", "PeerStatusLine"),
        ("GET", "HTTP/1.1 099 OK\r\n\r\n", "PeerStatusLine"),
        ("GET", "HTTP/1.1 200 O\0K\r\n\r\n", "PeerFieldValue"),
        ("GET", "hello", "PeerStatusLine"),
        ("GET", "\r\nHTTP/1.1 200 OK\r\n\r\n", "PeerStatusLine"),
    ]);
}

#[test]
fn a_folded_value_is_one_value() {
    let raw = b"HTTP/1.1 204 N\r\nX: a\r\n\tb \r\n \r\n c\r\nY:\r\n d\r\n\r\n";
    let said = same_for_every_split(raw, || {
        let mut client = Client::default();
        let line = RequestLine::new("GET", "/");
        client
            .send_head(line, [("Host", "h")], BodyLength::None, &mut Vec::new())
            .unwrap();
        hear_responses(client)
    });
    let Some(Heard::Response(_, _, fields)) = said.events.first() else {
        panic!("{said:?}");
    };
    assert_eq!(fields[0], ("X".to_owned(), b"a  \tb       c".to_vec()));
    assert_eq!(fields[1], ("Y".to_owned(), b"d".to_vec()));
}

#[test]
fn limits() {
    let limits = Limits {
        start_line: 40,
        head: 100,
        trailers: 30,
        chunk_line: 20,
        chunk_extensions: 25,
        ..Limits::default()
    };
    let says = |raw: &str| {
        short(&same_for_every_split(raw.as_bytes(), || {
            hear_requests(limits)
        }))
    };
    let pad = |n: usize| "a".repeat(n);
    assert_eq!(
        says(&format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", pad(26))),
        format!("GET /{} .", pad(26))
    );
    assert_eq!(
        says(&format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", pad(27))),
        "PeerStartLineTooLong"
    );
    assert_eq!(says(&pad(100)), "PeerStartLineTooLong");
    let head = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
    assert_eq!(
        says(&format!("{head}{}\r\n\r\n", pad(100 - head.len() - 2))),
        "GET / ."
    );
    assert_eq!(
        says(&format!("{head}{}\r\n\r\n", pad(100 - head.len() - 1))),
        "PeerHeadTooLong"
    );
    assert_eq!(says(&format!("{head}{}", pad(200))), "PeerHeadTooLong");
    let chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(
        says(&format!("{chunked}1;{}\r\na\r\n", pad(18))),
        "POST / [a]"
    );
    assert_eq!(
        says(&format!("{chunked}1;{}\r\na\r\n", pad(19))),
        "POST / PeerChunkExtensionsTooLong"
    );
    assert_eq!(
        says(&format!("{chunked}1;{}\r\na\r\n1;{}\r\n", pad(18), pad(6))),
        "POST / [a]PeerChunkExtensionsTooLong"
    );
    assert_eq!(
        says(&format!("{chunked}0\r\nX: {}\r\n\r\n", pad(25))),
        "POST / {1}."
    );
    assert_eq!(
        says(&format!("{chunked}0\r\nX: {}\r\n\r\n", pad(26))),
        "POST / PeerTrailersTooLong"
    );
    assert_eq!(
        server_says(&format!(
            "GET / HTTP/1.1\r\nHost: h\r\n{}\r\n",
            "A: b\r\n".repeat(63)
        )),
        "GET / ."
    );
    let many = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(64));
    assert_eq!(server_says(&many), "PeerTooManyFields");
    let interim = "HTTP/1.1 102 P\r\n\r\n".repeat(64);
    let said = client_says("GET", &format!("{interim}HTTP/1.1 204 N\r\n\r\n"));
    assert!(said.ends_with("204 ."), "{said}");
    assert!(
        client_says("GET", &format!("{interim}HTTP/1.1 102 P\r\n\r\n"))
            .ends_with("PeerTooManyInterim")
    );
}

#[test]
fn a_head_alone_is_found_in_any_pieces_and_nothing_else_is_judged() {
    let raw = b"GET not-a-target HTTP/1.1\r\nContent-Length: 1\r\ncontent-length:\tx \r\n\r\nrest";
    for first in 0..raw.len() {
        let mut parser = RequestParser::default();
        let (mut input, mut slots) = (raw.to_vec(), [Slot::default(); 2]);
        let limits = Limits::default();
        let early = parser.parse(&mut input[..first], &mut slots, &limits);
        let head = raw.len() - 4;
        if first < head {
            assert_eq!(early, Ok(None), "{first}");
        }
        let parsed = early.and_then(|early| match early {
            Some(parsed) => Ok(Some(parsed)),
            None => parser.parse(&mut input, &mut slots, &limits),
        });
        let parsed = parsed.unwrap().unwrap();
        assert_eq!((parsed.length, parsed.fields), (head, 2));
        assert_eq!(&input[parsed.method()], b"GET");
        assert_eq!(&input[parsed.target()], b"not-a-target");
        assert_eq!(parsed.version(), Version::Http11);
        assert_eq!(&input[slots[1].value()], b"x");
    }
    for (bad, error) in [
        ("GET / HTTP/2.0\r\n", Error::PeerVersionUnsupported),
        ("GET  / HTTP/1.1\r\n", Error::PeerVersion),
        ("GET /\r\n", Error::PeerRequestLine),
        ("G\u{7f}T / HTTP/1.1\r\n", Error::PeerMethod),
        ("GET / HTTP/1.1\r\n: a\r\n", Error::PeerFieldName),
        ("GET / HTTP/1.1\r\na : b\r\n", Error::PeerSpaceBeforeColon),
        ("GET / HTTP/1.1\r\na: b\0\r\n", Error::PeerFieldValue),
        (
            "GET / HTTP/1.1\r\na:\r\nb:\r\nc:\r\n",
            Error::PeerTooManyFields,
        ),
    ] {
        let (mut input, mut slots) = (bad.as_bytes().to_vec(), [Slot::default(); 2]);
        let parsed = RequestParser::default().parse(&mut input, &mut slots, &Limits::default());
        assert_eq!(parsed, Err(error), "{bad:?}");
    }
}
