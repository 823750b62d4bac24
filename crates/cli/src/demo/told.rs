//! The story, as lines of at most 80 columns.

use std::time::{Duration, SystemTime};

use netkit::Facts;
use netkit::http::StatusCode;
use netkit::stack::tcp::State;
use netkit::tls::{Agreed, HandshakeType};

use super::Seen;
use super::broken::folded;
use super::ending::Endings;
use super::stage::{Answered, Course, Served, url};
use super::truth::{self, Checked, Octets};
use super::wire::{Passage, Story};
use super::{echo, tap};
use crate::paint::Paint;
use crate::story::{self, ms};
use crate::ws;

/// Column where the right half of a table begins.
const LEFT: usize = 40;

/// The whole story; `checked` has been held against both sides.
pub(crate) fn story(
    seen: &Seen,
    checked: &Checked,
    passed: &[Passage],
    paint: Paint,
) -> Vec<String> {
    let facts = &*seen.long.answered[0].exchange.connection;
    let Some(agreed) = &facts.tls else {
        return Vec::new();
    };
    let mut lines = vec![
        paint.title("netkit demo: an HTTPS server and its client, two hosts, a simulated wire"),
        format!("  server          {}", url("/")),
        String::new(),
        paint.title("Three segments open a connection: the client, the wire, the server"),
    ];
    lines.extend(opening(seen, passed));
    lines.push(String::new());
    lines.push(paint.title("One connection, three requests: which layer each octet belongs to"));
    lines.extend(layers(seen, checked, facts, agreed));
    lines.push(String::new());
    lines.push(paint.title(&halves(
        "HTTPS in eight steps (TLS 1.2, RSA)",
        "this connection; {} is encrypted",
    )));
    let here = here(seen, checked, facts, agreed);
    lines.extend(
        DOCUMENT
            .iter()
            .zip(&here)
            .map(|(document, here)| halves(document, here)),
    );
    lines.push(String::new());
    lines.push(paint.title("Short and long connections: a request on each, or all on one"));
    lines.extend(ports(seen));
    lines.extend(courses(seen));
    lines.push(String::new());
    lines.push(paint.title("WebSocket: one request, then both sides speak as they like"));
    lines.extend(websocket(seen));
    lines.push(String::new());
    lines.push(
        paint.title("Four segments close it; the client goes first, and still hears the answer"),
    );
    lines.extend(closing(seen, passed));
    lines.push(String::new());
    lines.push(paint.good("All of it happened: both sides, TLS and the wire count the same."));
    lines
}

fn layers(seen: &Seen, checked: &Checked, facts: &Facts, agreed: &Agreed) -> Vec<String> {
    let row = |layer: &str, here: &str, octets: fn(&Octets) -> usize| {
        format!(
            "  {layer:<15} {here:<44}{:>7} {:>7}",
            octets(&checked.out),
            octets(&checked.back)
        )
    };
    let carried = |layer: &str, here: &str, octets: [usize; 2]| {
        format!("  {layer:<15} {here:<44}{:>7} {:>7}", octets[0], octets[1])
    };
    let requests = seen.long.answered.len();
    let [local, peer] =
        [facts.local, facts.peer].map(|at| at.map_or(String::new(), |at| at.to_string()));
    let [from, to] =
        [facts.local, facts.peer].map(|at| at.map_or(String::new(), |at| at.ip().to_string()));
    let [out, back] = checked.carried.segments;
    vec![
        format!(
            "  {:<15} {:<44}{:>7} {:>7}",
            "OSI layer", "here", "out", "in"
        ),
        row(
            "7 application",
            &format!("HTTP/1.1: {requests} requests, {requests} responses"),
            |o| o.application,
        ),
        row(
            "6 presentation",
            &format!("{} records", agreed.cipher_suite),
            |o| o.presentation,
        ),
        row(
            "5 session",
            &format!("{} handshake, {}", agreed.version, agreed.key_exchange()),
            |o| o.session,
        ),
        carried(
            "4 transport",
            &format!("TCP {local} to :{}, {out} + {back} segments", port(&peer)),
            checked.carried.tcp,
        ),
        carried(
            "3 network",
            &format!("IPv4, {from} to {to}"),
            checked.carried.ip,
        ),
        carried(
            "2 link",
            &format!("a simulated wire of {}, the sum", whole_ms(super::DELAY)),
            checked.carried.all,
        ),
        format!(
            "  {:<15} none: the octets never leave this machine's memory",
            "1 physical"
        ),
    ]
}

/// The segments of the first connection until both ends are established.
fn opening(seen: &Seen, passed: &[Passage]) -> Vec<String> {
    let story = Story::of(passed, truth::port(&seen.short));
    let both = [Some(State::Established); 2];
    let last = story.segments.iter().position(|it| it.states == both);
    let opening = story.segments.iter().take(last.map_or(0, |last| last + 1));
    opening.map(|segment| story.line(segment, true)).collect()
}

/// The segments of the last connection from the client's FIN on, and what answers where nobody listens.
fn closing(seen: &Seen, passed: &[Passage]) -> Vec<String> {
    let close = seen.endings.close(passed);
    let mut lines: Vec<String> = close
        .segments
        .iter()
        .map(|segment| close.line(segment, false))
        .collect();
    if let Some(reset) = Endings::reset(passed) {
        lines.push("  Where nobody listens a RST answers, and the client is told:".to_owned());
        let line = |segment| reset.line(segment, false);
        lines.extend(reset.segments.iter().map(line));
        lines.extend(folded(&format!("  {}", seen.endings.refused), 80));
    }
    lines
}

/// The document's steps, in as many lines as [`here`] has for them.
const DOCUMENT: [&str; 14] = [
    "1  the client asks",
    "2  TCP handshake; then version",
    "   and cipher suite are agreed",
    "",
    "",
    "",
    "3  the server sends its certificate",
    "4  the client checks it against its CAs",
    "   and encrypts a secret to its key",
    "5  it sends the secret",
    "6  the server decrypts it,",
    "   which takes the private key",
    "7  both derive keys from the secret",
    "8  and encrypt with them",
];

/// What this connection did in each step. Braces are around what was encrypted.
fn here(seen: &Seen, checked: &Checked, facts: &Facts, agreed: &Agreed) -> [String; 14] {
    use HandshakeType as Type;
    let size = |sent, kind| truth::message(&seen.long, sent, kind).map_or(0, <[u8]>::len);
    let heard = |kind| format!("<- {{{kind} {}}}", size(false, kind));
    let share = |way, sent, kind| format!("{way} {kind} {} with a key share", size(sent, kind));
    let certificate = &checked.certificate;
    let days = certificate.days_left(SystemTime::now());
    let alpn = String::from_utf8_lossy(agreed.alpn.as_deref().unwrap_or_default());
    let first = &seen.stage.served()[seen.short.answered.len()].line;
    [
        format!("https, {first}"),
        format!("{} in {}", facts.host, ms(facts.connect)),
        share("->", true, Type::CLIENT_HELLO),
        share("<-", false, Type::SERVER_HELLO),
        format!("{}, {}", agreed.version, agreed.cipher_suite),
        format!("{} {alpn}", heard(Type::ENCRYPTED_EXTENSIONS)),
        format!("{} {}", heard(Type::CERTIFICATE), certificate.subject),
        format!("by {}, {days} days left", certificate.issuer),
        "no secret travels: both compute it".to_owned(),
        format!("from the two key shares, {}", agreed.key_exchange()),
        heard(Type::CERTIFICATE_VERIFY),
        format!("{} proves the key", story::signature(agreed)),
        format!(
            "{} -> {{Finished {}}}",
            heard(Type::FINISHED),
            size(true, Type::FINISHED)
        ),
        format!("-> {{{first}}} <- {{{}}}", seen.long.answered[0].status),
    ]
}

/// Which port of the client asked for what, as the server saw it.
fn ports(seen: &Seen) -> Vec<String> {
    let served = seen.stage.served();
    let (short, rest) = served.split_at(seen.short.answered.len());
    let long = &rest[..seen.long.answered.len()];
    let line = |course: &Course, served: &[Served]| {
        let asked = format!("GET /{0}/1 to /{0}/{1}", course.name, served.len());
        let status = course.answered[0].status;
        let from: Vec<String> = served
            .iter()
            .map(|it| {
                let port = it.peer.map_or(0, |peer| peer.port());
                format!("{port} #{}", it.number)
            })
            .collect();
        format!("  {asked:<24} {status}, from port {}", from.join(", "))
    };
    vec![line(&seen.short, short), line(&seen.long, long)]
}

/// A line for each request, as the server saw it.
fn requests(seen: &Seen) -> Vec<String> {
    let served = seen.stage.served();
    let answered = seen.short.answered.iter().chain(&seen.long.answered);
    let line = |(served, answered): (&Served, &Answered)| {
        let peer = served
            .peer
            .map_or_else(String::new, |peer| peer.to_string());
        let (status, number) = (answered.status, served.number);
        format!(
            "  {:<22}  {status}, request {number} from {peer}",
            served.line
        )
    };
    served.iter().zip(answered).map(line).collect()
}

fn courses(seen: &Seen) -> Vec<String> {
    let row = |course: &Course| {
        let octets = |sent| -> usize {
            course
                .passed
                .iter()
                .map(|passed| truth::direction(passed, sent).len())
                .sum()
        };
        format!(
            "  {:<6} {:>8} {:>12} {:>11} {:>11} {:>11} {:>12}",
            course.name,
            course.answered.len(),
            course.passed.len(),
            truth::handshakes(course),
            octets(true),
            octets(false),
            ms(course.took),
        )
    };
    vec![
        format!(
            "  {:<6} {:>8} {:>12} {:>11} {:>11} {:>11} {:>12}",
            "", "requests", "connections", "handshakes", "octets out", "octets in", "time"
        ),
        row(&seen.short),
        row(&seen.long),
    ]
}

/// The request as the server saw it, and the frames behind it.
fn websocket(seen: &Seen) -> Vec<String> {
    let served = seen.stage.served();
    let asked = served.iter().find(|it| it.line.contains(echo::PATH));
    let upgrade = asked.map_or("", |served| served.line.as_str());
    let switched = StatusCode::SWITCHING_PROTOCOLS;
    let mut lines = vec![format!("  {upgrade:<22}  {switched}")];
    for pair in seen.frames.chunks(2) {
        let told: Vec<String> = pair
            .iter()
            .map(|(sent, head)| format!("{:<36}", ws::told(*sent, head)))
            .collect();
        lines.push(format!("  {}", told.concat()).trim_end().to_owned());
    }
    lines.push(format!("  what was said and came back: {}", echo::SAID));
    lines
}

/// `-v`: every request and every segment, and everything that was said on the long connection.
pub(crate) fn more(
    seen: &Seen,
    checked: &Checked,
    passed: &[Passage],
    paint: Paint,
) -> Vec<String> {
    let mut lines = vec![String::new(), paint.title("Every request, as it arrived")];
    lines.extend(requests(seen));
    lines.push(String::new());
    lines.push(paint.title("Every segment of every connection"));
    let mut ports: Vec<u16> = passed.iter().map(|passage| passage.ports.0).collect();
    ports.sort_unstable();
    ports.dedup();
    let mut stories: Vec<Story> = ports.iter().map(|&port| Story::of(passed, port)).collect();
    stories.sort_by_key(|story| story.segments.first().map(|segment| segment.number));
    for story in stories {
        let port = story.segments.first().map_or(0, |segment| segment.ports.0);
        lines.push(format!("  port {port}"));
        let line = |segment| story.line(segment, false);
        lines.extend(story.segments.iter().map(line));
    }
    lines.push(String::new());
    lines.push(paint.title("Every message of TLS on the long connection"));
    for heard in &seen.long.heard {
        lines.push(format!("  {:>9}  {heard}", ms(heard.at)));
    }
    lines.push(String::new());
    lines.push(paint.title("Every record on its wire"));
    for passed in &seen.long.passed {
        for (way, sent) in [("->", true), ("<-", false)] {
            for record in tap::records(truth::direction(passed, sent)).unwrap_or_default() {
                lines.push(format!("  {way} {record}"));
            }
        }
    }
    lines.push(String::new());
    lines.push(paint.title("The certificate"));
    lines.extend(
        checked
            .certificate
            .lines(SystemTime::now())
            .map(|line| format!("  {line}")),
    );
    lines.push(format!("  client random {}", checked.client_random));
    lines.push(format!("  server random {}", checked.server_random));
    lines
}

fn halves(left: &str, right: &str) -> String {
    format!("  {left:<LEFT$}{right}").trim_end().to_owned()
}

/// Enough of a long number to tell two apart.
pub(crate) fn short(hex: &str) -> String {
    match hex.get(..32) {
        Some(front) if hex.len() > 32 => format!("{front}..."),
        _ => hex.to_owned(),
    }
}

fn whole_ms(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap_or_default()
}
