//! Both machines together: what one sends the other hears, in any pieces.

use netkit_core::split::{Cuts, transcript};
use netkit_http::{
    BodyLength, Client, Error, Event, Failure, Limits, NO_FIELDS, RequestLine, Server, Slot,
    Status, Version,
    generators::{Body, Heard, OwnedFields, Request, Response, hear_requests, hear_responses},
};
use proptest::{prelude::*, test_runner::TestCaseResult};

/// What the receiver is to hear of content and trailers.
fn heard_body(body: &Body, trailers: bool) -> Vec<Heard> {
    let data = body.pieces.concat();
    let mut heard = Vec::new();
    if !data.is_empty() {
        heard.push(Heard::Data(data));
    }
    if trailers && !body.trailers.is_empty() {
        heard.push(Heard::Trailers(body.trailers.clone()));
    }
    heard.push(Heard::End);
    heard
}

/// The fields that the caller gave: what the machine added is not among them.
fn given(fields: &OwnedFields) -> OwnedFields {
    let added = ["Content-Length", "Transfer-Encoding", "Connection"];
    let given = fields
        .iter()
        .filter(|(name, _)| !added.contains(&name.as_str()));
    given.cloned().collect()
}

fn requests_are_heard(requests: &[Request], cuts: &Cuts) -> TestCaseResult {
    let (mut client, mut stream, mut expected) = (Client::default(), Vec::new(), Vec::new());
    for request in requests {
        let sent = request.send(&mut client, &mut stream);
        if expected.is_empty() {
            prop_assert_eq!(sent, Ok(()));
        }
        // The client refuses what would follow a last request or a CONNECT.
        if sent.is_err() {
            break;
        }
        let Request {
            method,
            target,
            version,
            fields,
            body,
        } = request.clone();
        expected.push(Heard::Request(method, target, version, fields));
        expected.extend(heard_body(&body, true));
    }
    let said = transcript(cuts.pieces(&stream), hear_requests(Limits::default()));
    let heard: Vec<Heard> = said
        .events
        .into_iter()
        .map(|event| match event {
            Heard::Request(method, target, version, fields) => {
                Heard::Request(method, target, version, given(&fields))
            }
            event => event,
        })
        .collect();
    prop_assert_eq!(said.error, None);
    prop_assert_eq!(said.left, 0);
    prop_assert_eq!(heard, expected);
    Ok(())
}

fn response_is_heard(request: &Request, response: &Response, cuts: &Cuts) -> TestCaseResult {
    let (mut client, mut server) = (Client::default(), Server::default());
    let (mut sent, mut back) = (Vec::new(), Vec::new());
    let mut slots = [Slot::default(); 64];
    prop_assert_eq!(request.send(&mut client, &mut sent), Ok(()));
    let mut response = response.clone();
    if request.method == "CONNECT" && response.status.is_successful() {
        response.status = Status::FORBIDDEN;
    }
    let mut used = 0;
    loop {
        let step = server.recv(&mut sent[used..], &mut slots).unwrap();
        used += step.used;
        if step.event == Event::End {
            break;
        }
    }
    prop_assert_eq!(response.send(&mut server, &mut back), Ok(()));
    let mut hear = hear_responses(client);
    let said = transcript(cuts.pieces(&back), &mut hear);
    prop_assert_eq!(said.error, None);
    let mut said = said.events.into_iter();
    let Some(Heard::Response(status, reason, fields)) = said.next() else {
        return Err(TestCaseError::fail("no response head"));
    };
    prop_assert_eq!(status, response.status);
    prop_assert_eq!(reason, status.name().unwrap_or_default().as_bytes());
    prop_assert_eq!(given(&fields), response.fields.clone());
    let has_content = request.method != "HEAD" && !matches!(status.0, 204 | 304);
    let chunks = request.version == Version::Http11;
    let mut expected = if has_content {
        heard_body(&response.body, chunks)
    } else {
        vec![Heard::End]
    };
    let until_close = match response.body.length {
        BodyLength::UntilClose => has_content,
        BodyLength::Chunked => has_content && !chunks,
        _ => false,
    };
    if until_close {
        // The end is told by eof.
        expected.pop();
    }
    prop_assert_eq!(said.collect::<Vec<_>>(), expected);
    Ok(())
}

/// Somebody else's parser finds the same head in what leaves.
fn httparse_reads(request: &Request, response: &Response) -> TestCaseResult {
    let (mut client, mut out) = (Client::default(), Vec::new());
    prop_assert_eq!(request.send(&mut client, &mut out), Ok(()));
    let mut slots = [httparse::EMPTY_HEADER; 64];
    let mut theirs = httparse::Request::new(&mut slots);
    prop_assert!(theirs.parse(&out).is_ok_and(|parsed| parsed.is_complete()));
    prop_assert_eq!(theirs.method, Some(request.method.as_str()));
    prop_assert_eq!(theirs.path, Some(request.target.as_str()));
    prop_assert_eq!(as_given(theirs.headers), given(&request.fields));

    let (mut server, mut answer) = (server_after(GET), Vec::new());
    prop_assert_eq!(response.send(&mut server, &mut answer), Ok(()));
    let mut slots = [httparse::EMPTY_HEADER; 64];
    let mut theirs = httparse::Response::new(&mut slots);
    prop_assert!(
        theirs
            .parse(&answer)
            .is_ok_and(|parsed| parsed.is_complete())
    );
    prop_assert_eq!(theirs.code, Some(response.status.0));
    prop_assert_eq!(as_given(theirs.headers), response.fields.clone());
    Ok(())
}

/// The fields without those that the machine added.
fn as_given(headers: &[httparse::Header<'_>]) -> OwnedFields {
    let owned = |header: &httparse::Header<'_>| (header.name.to_owned(), header.value.to_owned());
    given(&headers.iter().map(owned).collect())
}

proptest! {
    #[test]
    fn what_a_client_sends_a_server_hears(requests in prop::collection::vec(any::<Request>(), 1..4), cuts: Cuts) {
        requests_are_heard(&requests, &cuts)?;
    }

    #[test]
    fn what_a_server_sends_a_client_hears(request: Request, response: Response, cuts: Cuts) {
        response_is_heard(&request, &response, &cuts)?;
    }

    #[test]
    fn what_is_sent_httparse_reads_as_it_was_meant(request: Request, response: Response) {
        httparse_reads(&request, &response)?;
    }

    #[test]
    fn any_octets_are_the_same_in_any_pieces(
        head in prop_oneof![Just("GET / HTTP/1.1\r\nHost: h\r\n"), Just("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"), Just("")],
        rest in "[ -~\r\n0-9a:;]{0,60}",
        cuts: Cuts,
    ) {
        let raw = format!("{head}{rest}");
        let hear = || hear_requests(Limits::default());
        let whole = transcript([raw.as_bytes()], hear());
        prop_assert_eq!(transcript(cuts.pieces(raw.as_bytes()), hear()), whole);
        let raw = raw.replace("GET / HTTP/1.1\r\nHost", "HTTP/1.1 200 OK\r\nHost").replace("POST / HTTP/1.1", "HTTP/1.1 200 OK");
        let hear = || {
            let mut client = Client::default();
            client.send_head(RequestLine::new("GET", "/"), [("Host", "h")], BodyLength::None, &mut Vec::new()).unwrap();
            hear_responses(client)
        };
        let whole = transcript([raw.as_bytes()], hear());
        prop_assert_eq!(transcript(cuts.pieces(raw.as_bytes()), hear()), whole);
    }
}

/// A server that has received `raw` and said everything that it has to say of it.
fn server_after(raw: &str) -> Server {
    let mut server = Server::default();
    receive(&mut server, raw);
    server
}

fn receive(server: &mut Server, raw: &str) {
    let mut input = raw.as_bytes().to_vec();
    let mut slots = [Slot::default(); 16];
    let mut used = 0;
    while let Ok(step) = server.recv(&mut input[used..], &mut slots) {
        used += step.used;
        if matches!(
            step.event,
            Event::NeedData | Event::Waiting | Event::Switched | Event::Closed
        ) {
            break;
        }
    }
}

fn event_of(server: &mut Server, raw: &str) -> String {
    let mut input = raw.as_bytes().to_vec();
    let mut slots = [Slot::default(); 16];
    match server.recv(&mut input, &mut slots) {
        Ok(step) => format!("{:?} {}", step.event, step.used),
        Err(error) => error.name().to_owned(),
    }
}

fn answered(server: &mut Server, status: Status, body: BodyLength) -> String {
    let mut out = Vec::new();
    match server.send_head(status, NO_FIELDS, body, &mut out) {
        Ok(_) => String::from_utf8(out).unwrap(),
        Err(error) => error.name().to_owned(),
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn a_pipelined_request_waits_for_the_response_before_it() {
    let mut server = server_after(GET);
    assert_eq!(event_of(&mut server, GET), "Waiting 0");
    let ok = answered(&mut server, Status::OK, BodyLength::Chunked);
    assert_eq!(ok, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(event_of(&mut server, GET), "Waiting 0");
    let mut out = Vec::new();
    assert_eq!(server.send_data(0, &mut out), Ok(&b""[..]));
    assert_eq!(server.send_data(26, &mut out), Ok(&b"\r\n"[..]));
    server.send_end([("A", "b")], &mut out).unwrap();
    assert_eq!(out, b"1a\r\n0\r\nA: b\r\n\r\n");
    assert!(server.is_idle() && server.keep_alive());
    assert!(event_of(&mut server, GET).starts_with("Head"));
}

#[test]
fn a_server_says_when_it_closes() {
    const CLOSE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let ok = |server: &mut Server| answered(server, Status::OK, BodyLength::None);
    let mut server = server_after("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_eq!(ok(&mut server), CLOSE);
    assert_eq!(event_of(&mut server, GET), format!("Closed {}", GET.len()));
    assert_eq!(ok(&mut server), "MisuseClosed");

    assert_eq!(ok(&mut server_after("GET / HTTP/1.0\r\n\r\n")), CLOSE);
    let mut server = server_after("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(ok(&mut server), CLOSE.replace("close", "keep-alive"));

    let mut server = server_after(GET);
    server.close();
    assert!(!server.keep_alive());
    assert_eq!(ok(&mut server), CLOSE);
    let mut server = server_after("");
    server.close();
    assert_eq!(event_of(&mut server, GET), format!("Closed {}", GET.len()));

    let mut server = server_after(GET);
    let mut out = Vec::new();
    let close = [("connection", "x, Close")];
    server
        .send_head(Status::OK, close, BodyLength::None, &mut out)
        .unwrap();
    assert_eq!(
        out,
        b"HTTP/1.1 200 OK\r\nconnection: x, Close\r\nContent-Length: 0\r\n\r\n"
    );
    assert!(!server.keep_alive());
}

#[test]
fn the_length_of_a_response_fits_its_receiver() {
    let to = |request: &str, status: u16, body| {
        answered(&mut server_after(request), Status(status), body)
    };
    let head = GET.replace("GET", "HEAD");
    let http10 = "GET / HTTP/1.0\r\n\r\n";
    assert_eq!(
        to(&head, 200, BodyLength::Known(7)),
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
    );
    assert_eq!(to(&head, 200, BodyLength::None), "HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(
        to(GET, 204, BodyLength::None),
        "HTTP/1.1 204 No Content\r\n\r\n"
    );
    assert_eq!(to(GET, 204, BodyLength::Known(1)), "MisuseContent");
    assert_eq!(to(GET, 205, BodyLength::Chunked), "MisuseContent");
    assert_eq!(
        to(GET, 304, BodyLength::Known(9)),
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"
    );
    assert_eq!(
        to(GET, 299, BodyLength::None),
        "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(
        to(GET, 200, BodyLength::UntilClose),
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(
        to(http10, 200, BodyLength::Chunked),
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    );
    for status in [0, 99, 100, 101, 199, 1000] {
        assert_eq!(
            to(GET, status, BodyLength::None),
            "MisuseStatus",
            "{status}"
        );
    }
}

#[test]
fn exactly_the_declared_length_is_sent() {
    let mut out = Vec::new();
    let mut server = server_after(GET);
    assert_eq!(
        server.send_head(Status::OK, NO_FIELDS, BodyLength::Known(5), &mut out),
        Ok(true)
    );
    let head = out.len();
    assert_eq!(
        server.send_data(6, &mut out).map_err(Error::name),
        Err("MisuseContentLength")
    );
    assert_eq!(server.send_data(4, &mut out), Ok(&b""[..]));
    assert_eq!(
        server.send_end(NO_FIELDS, &mut out).map_err(Error::name),
        Err("MisuseContentLength")
    );
    assert_eq!(server.send_data(1, &mut out), Ok(&b""[..]));
    assert_eq!(
        server.send_end([("A", "b")], &mut out).map_err(Error::name),
        Err("MisuseTrailer")
    );
    assert_eq!(server.send_end(NO_FIELDS, &mut out), Ok(()));
    assert_eq!(
        server.send_end(NO_FIELDS, &mut out).map_err(Error::name),
        Err("MisuseOrder")
    );
    assert_eq!(out.len(), head);
}

#[test]
fn nothing_malformed_is_sent() {
    let head = |name: &str, value: &str| {
        let mut out = b"before".to_vec();
        let sent =
            server_after(GET).send_head(Status::OK, [(name, value)], BodyLength::None, &mut out);
        assert_eq!(sent.is_err(), out == b"before");
        sent.map_or_else(Error::name, |_| "sent")
    };
    assert_eq!(head("A", " b \t\u{e4} "), "sent");
    for name in ["", "A B", "A:", "A\r\n", "\u{e4}"] {
        assert_eq!(head(name, "b"), "MisuseFieldName", "{name:?}");
    }
    for value in ["a\r\nB: c", "a\nb", "a\0", "\x7f"] {
        assert_eq!(head("A", value), "MisuseFieldValue", "{value:?}");
    }
    assert_eq!(head("content-LENGTH", "0"), "MisuseFramingField");
    assert_eq!(head("Transfer-Encoding", "x"), "MisuseFramingField");

    let request = |method: &str, target: &str, fields: &[(&str, &str)], body| {
        let mut out = Vec::new();
        let line = RequestLine::new(method, target);
        let sent = Client::default().send_head(line, fields.iter().copied(), body, &mut out);
        sent.map_or_else(
            |error| error.name().to_owned(),
            |_| String::from_utf8(out).unwrap(),
        )
    };
    let host = [("Host", "h")];
    assert_eq!(request("G T", "/", &host, BodyLength::None), "MisuseMethod");
    assert_eq!(
        request("GET", "/ HTTP/1.1\r\nX: y", &host, BodyLength::None),
        "MisuseTarget"
    );
    assert_eq!(request("GET", "*", &host, BodyLength::None), "MisuseTarget");
    assert_eq!(request("GET", "/", &[], BodyLength::None), "MisuseHost");
    assert_eq!(
        request("GET", "/", &[("host", "a b")], BodyLength::None),
        "MisuseHost"
    );
    assert_eq!(
        request(
            "GET",
            "/",
            &[("host", "a"), ("Host", "a")],
            BodyLength::None
        ),
        "MisuseHost"
    );
    assert_eq!(
        request("GET", "/", &host, BodyLength::UntilClose),
        "MisuseContent"
    );
    assert_eq!(
        request("TRACE", "/", &host, BodyLength::Known(1)),
        "MisuseContent"
    );
    assert_eq!(
        request("CONNECT", "h:1", &host, BodyLength::Chunked),
        "MisuseContent"
    );
    assert_eq!(
        request("GET", "/", &host, BodyLength::None),
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    );
    assert_eq!(
        request("POST", "/", &host, BodyLength::None),
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
    );

    let mut out = Vec::new();
    let mut server = server_after(GET);
    server
        .send_head(Status::OK, NO_FIELDS, BodyLength::Chunked, &mut out)
        .unwrap();
    let length = out.len();
    for name in ["Content-Length", "host", "TRANSFER-ENCODING", "Trailer"] {
        assert_eq!(
            server
                .send_end([(name, "1")], &mut out)
                .map_err(Error::name),
            Err("MisuseTrailer")
        );
    }
    assert_eq!(
        server
            .send_end([("A", "\r")], &mut out)
            .map_err(Error::name),
        Err("MisuseFieldValue")
    );
    assert_eq!(out.len(), length);
}

#[test]
fn one_response_may_follow_an_error() {
    let mut server = server_after("GET / HTTP/1.1\r\nHost: h\r\nX y\r\n\r\n");
    let Failure { error, at, octet } = server.failure().unwrap();
    assert_eq!(
        (error.name(), error.status(), at, octet),
        ("PeerFieldName", Status::BAD_REQUEST, 26, Some(b' '))
    );
    assert_eq!(event_of(&mut server, GET), "PeerFieldName");
    assert!(server.awaits_response() && !server.keep_alive());
    let sent = answered(&mut server, error.status(), BodyLength::None);
    assert_eq!(
        sent,
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(event_of(&mut server, GET), "PeerFieldName");
    assert_eq!(
        answered(&mut server, Status::OK, BodyLength::None),
        "MisuseOrder"
    );
}

#[test]
fn the_end_of_the_transport_is_explicit() {
    let after = |raw: &str, rest: &str| {
        let mut server = server_after(raw);
        server.eof();
        event_of(&mut server, rest)
    };
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(after("", ""), "Closed 0");
    assert_eq!(after("\r\n", ""), "Closed 0");
    assert_eq!(after("", "GET /"), "Truncated");
    assert_eq!(after("", "GET / HTTP/1.1\r\nHo"), "Truncated");
    assert_eq!(after(post, ""), "Truncated");
    assert_eq!(after(GET, ""), "Waiting 0");
    let mut server = server_after(GET);
    server.eof();
    answered(&mut server, Status::OK, BodyLength::None);
    assert!(
        event_of(&mut server, GET).starts_with("Head"),
        "what arrived before is heard"
    );

    let client = |raw: &[u8], rest: &mut [u8]| {
        let mut client = Client::default();
        let mut slots = [Slot::default(); 4];
        client
            .send_head(
                RequestLine::new("GET", "/"),
                [("Host", "h")],
                BodyLength::None,
                &mut Vec::new(),
            )
            .unwrap();
        let mut input = raw.to_vec();
        let mut used = 0;
        loop {
            let step = client.recv(&mut input[used..], &mut slots).unwrap();
            used += step.used;
            if step.event == Event::NeedData {
                break;
            }
        }
        client.eof();
        let first = client
            .recv(rest, &mut slots)
            .map(|step| format!("{:?}", step.event));
        let then = client
            .recv(&mut [], &mut slots)
            .map(|step| format!("{:?}", step.event));
        assert!(!client.keep_alive());
        [first, then].map(|said| said.unwrap_or_else(|error| error.name().to_owned()))
    };
    assert_eq!(client(b"", &mut []), ["Unanswered", "Unanswered"]);
    assert_eq!(
        client(b"", &mut b"HTTP/1".to_vec()),
        ["Truncated", "Truncated"]
    );
    assert_eq!(
        client(b"HTTP/1.1 200 OK\r\n\r\nhello", &mut []),
        ["End", "Closed"]
    );
    assert_eq!(
        client(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
            &mut []
        ),
        ["Truncated", "Truncated"]
    );
    assert_eq!(
        client(b"HTTP/1.1 204 N\r\n\r\n", &mut []),
        ["Closed", "Closed"]
    );
}

#[test]
fn a_hundred_is_sent_to_those_who_wait_for_it() {
    let expect = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let mut out = Vec::new();
    let mut server = server_after(expect);
    assert!(server.expects_continue());
    server
        .send_interim(Status::CONTINUE, NO_FIELDS, &mut out)
        .unwrap();
    assert_eq!(out, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert!(!server.expects_continue() && server.awaits_response());
    receive(&mut server, "hello");
    assert!(!answered(&mut server, Status::OK, BodyLength::None).contains("close"));
    assert!(server.is_idle());

    // The content may or may not come: nothing can follow it.
    let mut server = server_after(expect);
    assert!(answered(&mut server, Status::CONTENT_TOO_LARGE, BodyLength::None).contains("close"));
    // The content is there: nobody waits.
    let mut server = server_after(&format!("{expect}h"));
    assert!(!server.expects_continue());
    assert!(!answered(&mut server, Status::OK, BodyLength::None).contains("close"));
    // HTTP/1.0 knows no 1xx, and nobody waits without content.
    let mut server = server_after(&expect.replace("1.1", "1.0"));
    assert!(!server.expects_continue());
    assert_eq!(
        server
            .send_interim(Status::CONTINUE, NO_FIELDS, &mut out)
            .map_err(Error::name),
        Err("MisuseStatus")
    );
    assert!(!server_after(&expect.replace("Length: 5", "Length: 0")).expects_continue());
    // 101 and final responses are not interim.
    let mut server = server_after(expect);
    for status in [Status::SWITCHING_PROTOCOLS, Status::OK] {
        assert_eq!(
            server
                .send_interim(status, NO_FIELDS, &mut out)
                .map_err(Error::name),
            Err("MisuseStatus")
        );
    }
}

#[test]
fn content_waits_for_a_hundred_and_is_left_out_after_a_final_response() {
    let fields = [("Host", "h"), ("Expect", "100-continue")];
    let asking = |version| {
        let mut client = Client::default();
        let line = RequestLine {
            version,
            ..RequestLine::new("POST", "/")
        };
        let sent = client.send_head(line, fields, BodyLength::Known(5), &mut Vec::new());
        assert_eq!(sent, Ok(true));
        client
    };
    let hear = |client: &mut Client, raw: &str| {
        let (mut raw, mut slots) = (raw.as_bytes().to_vec(), [Slot::default(); 4]);
        client.recv(&mut raw, &mut slots).map(|step| step.used)
    };
    let mut out = Vec::new();

    let mut client = asking(Version::Http11);
    assert!(client.awaits_continue() && client.is_sending());
    assert!(hear(&mut client, "HTTP/1.1 103 E\r\n\r\n").is_ok() && client.awaits_continue());
    assert!(hear(&mut client, "HTTP/1.1 100 C\r\n\r\n").is_ok() && !client.awaits_continue());
    assert!(client.send_data(5, &mut out).is_ok() && client.send_end(NO_FIELDS, &mut out).is_ok());
    assert!(!client.is_sending());
    assert!(hear(&mut client, "HTTP/1.1 204 N\r\n\r\n").is_ok() && client.keep_alive());

    // Refused: the content stays here, and no other request can follow.
    let mut client = asking(Version::Http11);
    assert!(hear(&mut client, "HTTP/1.1 417 N\r\nContent-Length: 0\r\n\r\n").is_ok());
    assert!(!client.awaits_continue() && !client.is_sending() && !client.keep_alive());
    assert_eq!(client.send_data(5, &mut out), Err(Error::MisuseOrder));

    // An owner whose patience ends: an early answer is like any other.
    let mut client = asking(Version::Http11);
    assert_eq!(
        client.send_data(9, &mut out),
        Err(Error::MisuseContentLength)
    );
    assert!(client.awaits_continue());
    assert!(client.send_data(2, &mut out).is_ok() && !client.awaits_continue());
    assert!(hear(&mut client, "HTTP/1.1 417 N\r\nContent-Length: 0\r\n\r\n").is_ok());
    assert!(client.is_sending() && client.keep_alive());

    // What an earlier request is answered says nothing of this one.
    let mut client = Client::default();
    let get = RequestLine::new("GET", "/");
    client
        .send_head(get, [("Host", "h")], BodyLength::None, &mut out)
        .unwrap();
    let post = RequestLine::new("POST", "/");
    client
        .send_head(post, fields, BodyLength::Chunked, &mut out)
        .unwrap();
    assert!(hear(&mut client, "HTTP/1.1 100 C\r\n\r\n").is_ok() && client.awaits_continue());
    assert!(hear(&mut client, "HTTP/1.1 204 N\r\n\r\n").is_ok() && client.awaits_continue());
    assert!(client.send_end(NO_FIELDS, &mut out).is_ok() && !client.awaits_continue());

    assert!(!asking(Version::Http10).awaits_continue());
    let none = Client::default().send_head(post, fields, BodyLength::None, &mut out);
    assert_eq!(none, Err(Error::MisuseExpectation));
}

#[test]
fn a_switch_hands_the_rest_over() {
    let upgrade = [("Host", "h"), ("Connection", "Upgrade"), ("Upgrade", "x")];
    let mut sent = Vec::new();
    let mut client = Client::default();
    let line = RequestLine::new("GET", "/");
    client
        .send_head(line, upgrade, BodyLength::None, &mut sent)
        .unwrap();
    assert_eq!(
        client
            .send_head(line, upgrade, BodyLength::None, &mut sent)
            .map_err(Error::name),
        Err("MisuseOrder")
    );
    let mut server = server_after(&String::from_utf8(sent).unwrap());
    assert!(server.may_switch());
    let mut back = Vec::new();
    let fields = upgrade.into_iter().skip(1);
    assert_eq!(
        server.send_head(
            Status::SWITCHING_PROTOCOLS,
            fields,
            BodyLength::None,
            &mut back
        ),
        Ok(false)
    );
    assert_eq!(
        back,
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
    );
    assert_eq!(event_of(&mut server, "raw"), "Switched 0");
    let mut slots = [Slot::default(); 4];
    let step = client.recv(&mut back, &mut slots).unwrap();
    assert!(matches!(step.event, Event::Head(head) if head.status == Status::SWITCHING_PROTOCOLS));
    assert_eq!(
        client.recv(&mut [1], &mut slots).unwrap().event,
        Event::Switched
    );

    let mut server = server_after("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(
        answered(&mut server, Status::OK, BodyLength::None),
        "HTTP/1.1 200 OK\r\n\r\n"
    );
    assert_eq!(event_of(&mut server, "raw"), "Switched 0");
}

#[test]
fn requests_are_pipelined_as_far_as_the_limit() {
    let limits = Limits {
        pipeline: 2,
        ..Limits::default()
    };
    let mut client = Client::new(limits);
    let mut out = Vec::new();
    let send = |client: &mut Client, method: &str, out: &mut Vec<u8>| {
        client.send_head(
            RequestLine::new(method, "/"),
            [("Host", "h")],
            BodyLength::None,
            out,
        )
    };
    assert_eq!(send(&mut client, "HEAD", &mut out), Ok(false));
    assert_eq!(send(&mut client, "GET", &mut out), Ok(false));
    assert_eq!(
        send(&mut client, "GET", &mut out).map_err(Error::name),
        Err("MisusePipelineFull")
    );
    assert_eq!(client.outstanding(), 2);
    let mut input = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx".to_vec();
    let mut slots = [Slot::default(); 4];
    let (mut used, mut said) = (0, Vec::new());
    while !client.is_idle() {
        let step = client.recv(&mut input[used..], &mut slots).unwrap();
        used += step.used;
        said.push(match step.event {
            Event::Head(_) => 'H',
            Event::Data(_) => 'D',
            Event::End => 'E',
            event => panic!("{event:?}"),
        });
    }
    assert_eq!(said, ['H', 'E', 'H', 'D', 'E']);
    assert!(client.keep_alive());
    let last = RequestLine {
        version: Version::Http10,
        ..RequestLine::new("GET", "/")
    };
    assert_eq!(
        client.send_head(last, NO_FIELDS, BodyLength::None, &mut out),
        Ok(false)
    );
    assert!(!client.keep_alive());
    assert_eq!(
        send(&mut client, "GET", &mut out).map_err(Error::name),
        Err("MisuseClosed")
    );
}
