//! Heads, from octets to slices, against httparse.
//!
//! httparse finds the parts of a head, and so does `RequestParser`: rows `head/parse`. netkit's machines,
//! rows `head/request` and `head/response`, then decide what the head means: framing, persistence, Host,
//! Expect, Upgrade, the form of the target; and they keep their place in the conversation. Machines that
//! wait for a head are made beforehand, as those of open connections would be.

use crate::{
    counted,
    measure::{Bench, Contest, Unit, in_batches, timed},
};
use httparse::Header;
use netkit_http::{Client, Event, Limits, RequestLine, RequestParser, Server, Slot};
use std::{hint::black_box, mem::MaybeUninit};

/// Machines made at once, and heads read between two looks at the clock.
const BATCH: u64 = 64;

/// Fields that both have room for.
const FIELDS: usize = 64;

const SMALLEST: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

const SMALL: &str =
    "GET /index.html HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: curl8\r\n\r\n";

/// What a browser sends.
const BROWSER: &str = "GET /articles/2026/11/the-transport-of-the-web?from=front&page=2 HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    Connection: keep-alive\r\n\
    Cache-Control: max-age=0\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Referer: https://www.example.com/articles/\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    DNT: 1\r\n\
    Cookie: session=0f1e2d3c4b5a69788796a5b4c3d2e1f0; theme=dark; seen=1700000000.1763900000; csrf=Zm9vYmFyYmF6cXV4; lang=en-GB; id=42; consent=2026-01-31T12:00:00Z; x=12345678901\r\n\
    \r\n";

const RESPONSE: &str = "HTTP/1.1 200 OK\r\n\
    Date: Mon, 23 Nov 2026 03:00:00 GMT\r\n\
    Server: example\r\n\
    Content-Type: text/html; charset=utf-8\r\n\
    Content-Length: 12345\r\n\
    Last-Modified: Sun, 22 Nov 2026 10:00:00 GMT\r\n\
    ETag: \"5f3c-61a2b3c4d5e6f\"\r\n\
    Cache-Control: public, max-age=3600\r\n\
    Vary: Accept-Encoding\r\n\
    Connection: keep-alive\r\n\
    \r\n";

pub fn run(bench: &mut Bench) {
    for head in [BROWSER, SMALL, SMALLEST] {
        parse(bench, head);
        request(bench, head);
    }
    response(bench, RESPONSE);
}

/// Name and value of each field.
type Parts = Vec<(String, Vec<u8>)>;

fn request(bench: &mut Bench, head: &str) {
    let name = &format!("head/request/{}", head.len());
    if !bench.wants(name) {
        return;
    }
    let mut input = head.as_bytes().to_vec();
    let expected = their_request(head.as_bytes());
    assert_eq!(our_request(&mut input), expected);
    let mut slots = [Slot::default(); FIELDS];
    let count = expected.2.len();
    bench.run(
        &contest(name),
        |times| {
            in_batches(times, BATCH, |batch| {
                let mut servers: Vec<Server> = (0..batch).map(|_| Server::default()).collect();
                timed(|| {
                    for server in &mut servers {
                        let step = server.recv(black_box(&mut input), &mut slots);
                        let step = step.expect("a head");
                        assert!(
                            matches!(&step.event, Event::Head(head) if head.fields.len() == count)
                        );
                        black_box(&step);
                    }
                })
            })
        },
        |times| their_turn(times, head, count),
    );
}

/// The parts only.
fn parse(bench: &mut Bench, head: &str) {
    let name = &format!("head/parse/{}", head.len());
    if !bench.wants(name) {
        return;
    }
    let mut input = head.as_bytes().to_vec();
    let count = their_request(head.as_bytes()).2.len();
    let mut slots = [Slot::default(); FIELDS];
    let limits = Limits::default();
    bench.run(
        &contest(name),
        |times| {
            in_batches(times, BATCH, |batch| {
                timed(|| {
                    for _ in 0..batch {
                        let mut parser = RequestParser::default();
                        let parsed = parser.parse(black_box(&mut input), &mut slots, &limits);
                        let parsed = parsed.expect("a head");
                        assert!(parsed.is_some_and(|parsed| parsed.fields == count));
                        black_box((&parsed, &slots));
                    }
                })
            })
        },
        |times| their_turn(times, head, count),
    );
    let length = head.len();
    let names = [
        format!("head/ours/{length}"),
        format!("head/theirs/{length}"),
    ];
    if let Some(counts) = counted::instructions([&names[0], &names[1]]) {
        let name = format!("{name}/instructions");
        let contest = Contest {
            unit: Unit::Instructions,
            ..contest(&name)
        };
        bench.count(&contest, counts);
    }
}

/// Finds once the parts of the head whose side and length are `what`.
pub fn count(what: &str) {
    let (side, length) = what.split_once('/').expect("SIDE/LENGTH");
    let heads = [BROWSER, SMALL, SMALLEST];
    let head = heads
        .into_iter()
        .find(|head| head.len().to_string() == length);
    let head = head.expect("the length of a head");
    if side == "ours" {
        let mut input = head.as_bytes().to_vec();
        let mut slots = [Slot::default(); FIELDS];
        let limits = Limits::default();
        counted::counted(&mut || {
            let mut parser = RequestParser::default();
            let parsed = parser.parse(&mut input, &mut slots, &limits);
            assert!(parsed.is_ok_and(|parsed| parsed.is_some()));
        });
    } else {
        counted::counted(&mut || {
            let mut fields = [const { MaybeUninit::<Header<'_>>::uninit() }; FIELDS];
            let mut request = httparse::Request::new(&mut []);
            let parsed = request.parse_with_uninit_headers(head.as_bytes(), &mut fields);
            assert!(parsed.is_ok_and(|parsed| parsed.is_complete()));
            black_box(&request);
        });
    }
}

fn their_turn(times: u64, head: &str, count: usize) -> std::time::Duration {
    in_batches(times, BATCH, |batch| {
        timed(|| {
            for _ in 0..batch {
                let mut fields = [const { MaybeUninit::<Header<'_>>::uninit() }; FIELDS];
                let mut request = httparse::Request::new(&mut []);
                let input = black_box(head.as_bytes());
                let parsed = request.parse_with_uninit_headers(input, &mut fields);
                assert!(parsed.is_ok_and(|parsed| parsed.is_complete()));
                assert_eq!(request.headers.len(), count);
                black_box(&request);
            }
        })
    })
}

fn response(bench: &mut Bench, head: &str) {
    let name = &format!("head/response/{}", head.len());
    if !bench.wants(name) {
        return;
    }
    let mut input = head.as_bytes().to_vec();
    let expected = their_response(head.as_bytes());
    assert_eq!(our_response(&mut input), expected);
    let mut slots = [Slot::default(); FIELDS];
    let count = expected.1.len();
    bench.run(
        &contest(name),
        |times| {
            in_batches(times, BATCH, |batch| {
                let mut clients: Vec<Client> = (0..batch).map(|_| asking()).collect();
                timed(|| {
                    for client in &mut clients {
                        let step = client.recv(black_box(&mut input), &mut slots);
                        let step = step.expect("a head");
                        assert!(
                            matches!(&step.event, Event::Head(head) if head.fields.len() == count)
                        );
                        black_box(&step);
                    }
                })
            })
        },
        |times| {
            in_batches(times, BATCH, |batch| {
                timed(|| {
                    for _ in 0..batch {
                        let mut fields = [const { MaybeUninit::<Header<'_>>::uninit() }; FIELDS];
                        let mut response = httparse::Response::new(&mut []);
                        let parsed = httparse::ParserConfig::default()
                            .parse_response_with_uninit_headers(
                                &mut response,
                                black_box(head.as_bytes()),
                                &mut fields,
                            );
                        assert!(parsed.is_ok_and(|parsed| parsed.is_complete()));
                        assert_eq!(response.headers.len(), count);
                        black_box(&response);
                    }
                })
            })
        },
    );
}

const fn contest(name: &str) -> Contest<'_> {
    Contest {
        name,
        peer: "httparse",
        unit: Unit::Time,
    }
}

/// A client that has asked and waits.
fn asking() -> Client {
    let mut client = Client::default();
    let line = RequestLine::new("GET", "/");
    let fields = [("Host", "a")];
    client
        .send_head(
            line,
            fields,
            netkit_http::BodyLength::Known(0),
            &mut Vec::new(),
        )
        .expect("a request");
    client
}

fn our_request(input: &mut [u8]) -> (String, String, Parts) {
    let mut slots = [Slot::default(); FIELDS];
    let step = Server::default().recv(input, &mut slots).expect("a head");
    let Event::Head(head) = step.event else {
        panic!("no head");
    };
    let fields = head.fields.iter();
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    (
        head.method.to_owned(),
        head.target.to_owned(),
        fields.collect(),
    )
}

fn our_response(input: &mut [u8]) -> (u16, Parts) {
    let mut slots = [Slot::default(); FIELDS];
    let step = asking().recv(input, &mut slots).expect("a head");
    let Event::Head(head) = step.event else {
        panic!("no head");
    };
    let fields = head.fields.iter();
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    (head.status.0, fields.collect())
}

fn their_request(head: &[u8]) -> (String, String, Parts) {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let parsed = request.parse(head).expect("a head");
    assert_eq!(parsed, httparse::Status::Complete(head.len()));
    let (method, target) = (request.method, request.path);
    let text = |part: Option<&str>| part.expect("is complete").to_owned();
    (text(method), text(target), parts(request.headers))
}

fn their_response(head: &[u8]) -> (u16, Parts) {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let parsed = response.parse(head).expect("a head");
    assert_eq!(parsed, httparse::Status::Complete(head.len()));
    (response.code.expect("is complete"), parts(response.headers))
}

fn parts(headers: &[Header<'_>]) -> Parts {
    let part = |header: &Header<'_>| (header.name.to_owned(), header.value.to_owned());
    headers.iter().map(part).collect()
}
