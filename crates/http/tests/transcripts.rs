//! Golden transcripts: octets in, events out, in files that people read (`transcripts/*.txt`).
//!
//! A case is a title, what is asked of the machine, octets, and what it says of them:
//!
//! ```text
//! == a chunk extension is skipped
//! : accepted
//! > POST / HTTP/1.1\r\n
//! > ...
//! < head POST / HTTP/1.1: chunked, keep-alive
//! < ...
//! ```
//!
//! `: accepted`, `: incomplete` or `: refused STATUS` is the verdict that the RFC asks for, written by
//! hand. Other lines with a colon say what is done: `: sent HEAD, GET` (a client's requests), `: ends` (then
//! the transport does), `: answers 413 at once`, `: lenient NAME, ...`, `: limits NAME N, ...`. `>9 octets`
//! stands for nine times the octets. Files whose name begins with `response` are a client's.
//!
//! `NETKIT_BLESS=1 cargo test -p netkit-http --test transcripts` writes the events of every case anew, to be
//! read as a diff; a verdict that does not fit fails all the same.

use netkit_core::Inbox;
use netkit_http::{
    BodyLength, Client, Error, Event, Failure, Fields, Framing, Leniencies, Leniency, Limits,
    RequestHead, RequestLine, ResponseHead, Server, Slot, Status, Version,
};
use std::{fmt::Write, fs, path::Path};

/// Longer inputs are put to fewer splits.
const SHORT: usize = 400;

#[derive(Default, Clone)]
struct Case {
    title: String,
    verdict: String,
    sent: Vec<String>,
    ends: bool,
    answer: Option<(u16, bool)>,
    leniencies: Leniencies,
    limits: Limits,
    octets: Vec<u8>,
    events: Vec<String>,
}

/// The octets that a line of a transcript stands for.
fn unescaped(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        if next != '\\' {
            assert!(next.is_ascii(), "{text}: escape what is not ASCII");
            octets.push(next as u8);
            continue;
        }
        octets.push(match rest.next() {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('\\') => b'\\',
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                u8::from_str_radix(&digits, 16).unwrap_or_else(|_| panic!("{text}"))
            }
            other => panic!("{text}: {other:?}"),
        });
    }
    octets
}

impl Case {
    fn directive(&mut self, text: &str) {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let words = || rest.split(", ");
        match word {
            "accepted" | "incomplete" | "refused" => text.clone_into(&mut self.verdict),
            "sent" => self.sent = words().map(str::to_owned).collect(),
            "ends" => self.ends = true,
            "answers" => {
                let (status, when) = rest.split_once(' ').unwrap_or((rest, ""));
                self.answer = Some((status.parse().expect("a status"), when == "at once"));
            }
            "lenient" => {
                let named = |name| Leniency::named(name).unwrap_or_else(|| panic!("{name}"));
                self.leniencies = words().map(named).collect();
            }
            "limits" => words().for_each(|limit| {
                let (name, value) = limit.split_once(' ').expect("NAME N");
                let value = value.parse().expect("a number");
                *match name {
                    "start-line" => &mut self.limits.start_line,
                    "head" => &mut self.limits.head,
                    "trailers" => &mut self.limits.trailers,
                    "chunk-line" => &mut self.limits.chunk_line,
                    "chunk-extensions" => &mut self.limits.chunk_extensions,
                    _ => panic!("{name}"),
                } = value;
            }),
            _ => panic!("{}: {text}", self.title),
        }
    }

    fn line(&mut self, line: &str) {
        if let Some(text) = line.strip_prefix(": ") {
            self.directive(text);
        } else if let Some(text) = line.strip_prefix('>') {
            let (times, text) = text.split_once(' ').expect("> octets");
            let times = if times.is_empty() { "1" } else { times };
            let times = times.parse().expect("a number");
            self.octets.extend(unescaped(text).repeat(times));
        } else if let Some(text) = line.strip_prefix("< ") {
            self.events.push(text.to_owned());
        }
    }
}

/// What is written down of a machine.
#[derive(Default, PartialEq, Debug)]
struct Transcript {
    events: Vec<String>,
    data: Vec<u8>,
    failure: Option<Failure>,
    told: Vec<(Leniency, u64)>,
}

impl Transcript {
    fn event(&mut self, text: impl Into<String>) {
        let data = std::mem::take(&mut self.data);
        match data.len() {
            0 => {}
            1..=64 => self
                .events
                .push(format!("data \"{}\"", data.escape_ascii())),
            length => self.events.push(format!("data of {length} octets")),
        }
        let text = text.into();
        // Both are said as often as one asks.
        let again = text == "closed" || text == "switched";
        if !again || self.events.last() != Some(&text) {
            self.events.extend((!text.is_empty()).then_some(text));
        }
    }

    fn fields(&mut self, fields: &Fields<'_>) {
        for (name, value) in fields.iter() {
            self.events
                .push(format!("    {name}: {}", value.escape_ascii()));
        }
    }

    /// One event; `head` writes down what a role has in its head.
    fn hear<H>(&mut self, event: Event<'_, H>, head: impl FnOnce(&mut Self, &str, H)) -> Then {
        match event {
            Event::NeedData | Event::Waiting => return Then::Stops,
            Event::Head(lent) => {
                head(self, "head", lent);
                return Then::Begun;
            }
            Event::Interim(lent) => {
                head(self, "interim", lent);
                return Then::Begun;
            }
            Event::Data(data) => self.data.extend_from_slice(data),
            Event::Trailers(fields) => {
                self.event("trailers");
                self.fields(&fields);
            }
            Event::End => {
                self.event("end");
                return Then::Ended;
            }
            Event::Switched => {
                self.event("switched");
                return Then::Stops;
            }
            Event::Closed => {
                self.event("closed");
                return Then::Stops;
            }
        }
        Then::GoesOn
    }

    /// What was let pass and is not told yet.
    fn lenient(&mut self, used: impl Iterator<Item = (Leniency, u64)>) {
        for use_of in used
            .filter(|used| !self.told.contains(used))
            .collect::<Vec<_>>()
        {
            self.told.push(use_of);
            self.events
                .push(format!("lenient {} at {}", use_of.0, use_of.1));
        }
    }

    fn fail(&mut self, failure: Failure) {
        let Failure { error, at, octet } = failure;
        let octet = octet.map_or("the end".to_owned(), |octet| {
            format!("\"{}\"", octet.escape_ascii())
        });
        let (name, rule) = (error.name(), error.rule());
        self.event(format!("error {name} at {at}, {octet}: {rule}"));
        self.failure = Some(failure);
    }
}

/// What comes of an event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// There is nothing more to say of what is here.
    Stops,
    GoesOn,
    /// It goes on behind a head.
    Begun,
    /// It goes on behind a message.
    Ended,
}

fn framed(framing: Framing) -> String {
    match framing {
        Framing::None => "no content".to_owned(),
        Framing::Length(octets) => format!("content of {octets}"),
        Framing::Chunked => "chunked".to_owned(),
        Framing::UntilClose => "content until close".to_owned(),
        Framing::Switched => "another protocol".to_owned(),
    }
}

/// A machine of either role as the runner needs it.
trait Heard {
    /// One step; `None` when there is nothing more to say of what is here.
    fn step(&mut self, input: &mut [u8], said: &mut Transcript) -> (usize, bool);
    fn eof(&mut self);
}

struct Serving {
    server: Server,
    answer: Option<(u16, bool)>,
}

impl Serving {
    /// Answers, and says so.
    fn answer(&mut self, status: u16, said: &mut Transcript) {
        let mut out = Vec::new();
        let switch = [("Connection", "upgrade"), ("Upgrade", "x")];
        let fields = &switch[..if status == 101 { 2 } else { 0 }];
        let fields = fields.iter().copied();
        let sent = self
            .server
            .send_head(Status(status), fields, BodyLength::None, &mut out);
        let then = match sent {
            _ if self.server.has_switched() => "another protocol",
            _ if self.server.keep_alive() => "keep-alive",
            _ => "close",
        };
        match sent {
            Ok(_) => said.event(format!("answer {status}, {then}")),
            Err(error) => said.event(format!("answer {status} refused: {}", error.name())),
        }
    }
}

impl Heard for Serving {
    fn eof(&mut self) {
        self.server.eof();
    }

    fn step(&mut self, input: &mut [u8], said: &mut Transcript) -> (usize, bool) {
        let mut slots = [Slot::default(); 16];
        let Ok(step) = self.server.recv(input, &mut slots) else {
            let failure = self.server.failure().expect("it failed");
            said.fail(failure);
            if self.server.awaits_response() {
                self.answer(failure.error.status().0, said);
            }
            return (0, false);
        };
        let used = step.used;
        let then = said.hear(step.event, |said, _, head: RequestHead<'_>| {
            said.event(self.head(&head));
            said.fields(&head.fields);
        });
        let (begun, ended) = (then == Then::Begun, then == Then::Ended);
        if begun || ended {
            said.lenient(self.server.leniencies_used());
        }
        let (status, at_once) = self.answer.unwrap_or((200, false));
        if self.server.awaits_response() && (ended || (begun && at_once)) {
            self.answer(status, said);
        }
        (used, then != Then::Stops)
    }
}

impl Serving {
    fn head(&self, head: &RequestHead<'_>) -> String {
        let RequestHead {
            method,
            target,
            version,
            framing,
            ..
        } = head;
        let mut text = format!("head {method} {target} {version}: {}", framed(*framing));
        let notes = [
            (self.server.keep_alive(), ", keep-alive"),
            (!self.server.keep_alive(), ", close"),
            (self.server.expects_continue(), ", expects 100"),
            (self.server.may_switch(), ", may switch"),
        ];
        notes
            .iter()
            .filter(|note| note.0)
            .for_each(|note| text.push_str(note.1));
        if let Some(authority) = head.authority() {
            let _ = write!(text, ", for {authority}");
        }
        text
    }
}

struct Asking(Client);

impl Heard for Asking {
    fn eof(&mut self) {
        self.0.eof();
    }

    fn step(&mut self, input: &mut [u8], said: &mut Transcript) -> (usize, bool) {
        let mut slots = [Slot::default(); 16];
        let Ok(step) = self.0.recv(input, &mut slots) else {
            said.fail(self.0.failure().expect("it failed"));
            return (0, false);
        };
        let used = step.used;
        let then = said.hear(step.event, |said, word, head: ResponseHead<'_>| {
            self.head(word, &head, said);
        });
        // When nothing is asked any more, what still comes is unasked.
        if matches!(then, Then::Begun | Then::Ended) {
            said.lenient(self.0.leniencies_used());
        }
        (used, then != Then::Stops)
    }
}

impl Asking {
    fn new(case: &Case) -> Self {
        let mut client = Client::new(case.limits).lenient(case.leniencies);
        let get = ["GET".to_owned()];
        let sent = if case.sent.is_empty() {
            &get[..]
        } else {
            &case.sent
        };
        for what in sent {
            let fields = [("Host", "h"), ("Connection", "upgrade"), ("Upgrade", "x")];
            let (method, count, version) = match what.as_str() {
                "Upgrade" => ("GET", 3, Version::Http11),
                "HTTP/1.0" => ("GET", 1, Version::Http10),
                method => (method, 1, Version::Http11),
            };
            let line = RequestLine {
                method,
                target: if method == "CONNECT" { "h:443" } else { "/" },
                version,
            };
            let fields = fields[..count].iter().copied();
            client
                .send_head(line, fields, BodyLength::None, &mut Vec::new())
                .expect("a request");
        }
        Self(client)
    }

    fn head(&self, word: &str, head: &ResponseHead<'_>, said: &mut Transcript) {
        let ResponseHead {
            version,
            status,
            reason,
            framing,
            fields,
        } = head;
        let framing = match word {
            "interim" => String::new(),
            _ if self.0.keep_alive() => format!(": {}, keep-alive", framed(*framing)),
            _ => format!(": {}, close", framed(*framing)),
        };
        let reason = reason.escape_ascii();
        said.event(format!(
            "{word} {version} {} \"{reason}\"{framing}",
            status.0
        ));
        said.fields(fields);
    }
}

/// What the machine that `case` is put to says of its octets in `pieces`.
fn said<'p>(case: &Case, client: bool, pieces: impl IntoIterator<Item = &'p [u8]>) -> Transcript {
    let mut machine: Box<dyn Heard> = if client {
        Box::new(Asking::new(case))
    } else {
        Box::new(Serving {
            server: Server::new(case.limits).lenient(case.leniencies),
            answer: case.answer,
        })
    };
    let (mut inbox, mut said) = (Inbox::new(), Transcript::default());
    let mut hear = |machine: &mut dyn Heard, inbox: &mut Inbox| {
        // No more events than octets, and those that no octet causes.
        for _ in 0..2 * case.octets.len() + 8 {
            if said.failure.is_some() {
                return;
            }
            let (used, goes_on) = machine.step(inbox.unread(), &mut said);
            inbox.consume(used);
            if !goes_on {
                return;
            }
        }
        panic!("{}: no progress", case.title);
    };
    for piece in pieces {
        inbox.extend(piece);
        hear(&mut *machine, &mut inbox);
    }
    if case.ends {
        machine.eof();
        hear(&mut *machine, &mut inbox);
    }
    said.event("");
    if said.failure.is_none() && !inbox.is_empty() {
        said.event(format!("left \"{}\"", inbox.unread().escape_ascii()));
    }
    said
}

/// Whole, in two pieces at every place, and octet by octet; longer input in pieces of some lengths.
fn same_in_any_pieces(case: &Case, client: bool) -> Transcript {
    let octets = case.octets.as_slice();
    let whole = said(case, client, [octets]);
    let same = |split: Transcript, how: &str| {
        assert_eq!(split, whole, "{}: {how}", case.title);
    };
    if octets.len() <= SHORT {
        for at in 1..octets.len() {
            let (front, back) = octets.split_at(at);
            same(said(case, client, [front, back]), &format!("split at {at}"));
        }
    }
    for length in [1, 2, 3, 7, 16, 61]
        .into_iter()
        .filter(|&length| octets.len() / length <= 8 * SHORT)
    {
        let pieces = octets.chunks(length);
        same(said(case, client, pieces), &format!("pieces of {length}"));
    }
    whole
}

fn verdict(said: &Transcript) -> String {
    let told = |event: &&String| !event.starts_with(' ') && !event.starts_with("lenient");
    let mut backwards = said.events.iter().filter(told).rev();
    let mut last = backwards.next().map_or("", String::as_str);
    let left = last.starts_with("left");
    if left {
        last = backwards.next().map_or("", String::as_str);
    }
    let over = last == "end" || last == "closed" || last.starts_with("answer");
    match said.failure {
        Some(Failure { error, .. }) => format!("refused {}", error.status().0),
        None if last == "switched" || (over && !left) => "accepted".to_owned(),
        None => "incomplete".to_owned(),
    }
}

/// The cases of a file, each with the text that it was read from, events left out.
fn read(text: &str) -> (String, Vec<(String, Case)>) {
    let (mut front, mut cases) = (String::new(), Vec::<(String, Case)>::new());
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("== ") {
            let case = Case {
                title: title.to_owned(),
                ..Case::default()
            };
            cases.push((String::new(), case));
        }
        let (text, case) = match cases.last_mut() {
            Some((text, case)) => (text, Some(case)),
            None => (&mut front, None),
        };
        if let Some(case) = case {
            case.line(line);
        }
        if !line.starts_with("< ") {
            text.push_str(line);
            text.push('\n');
        }
    }
    (front, cases)
}

#[test]
fn every_transcript_is_what_the_machine_says() {
    let bless = std::env::var_os("NETKIT_BLESS").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut count = 0;
    let mut wrong = String::new();
    for file in fs::read_dir(&folder).expect("a folder of transcripts") {
        let path = file.expect("a file").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&path).expect("text");
        let (mut written, cases) = read(&text);
        for (mut text, case) in cases {
            count += 1;
            let said = same_in_any_pieces(&case, name.starts_with("response"));
            if verdict(&said) != case.verdict {
                let _ = writeln!(wrong, "{name}: {}: {}", case.title, verdict(&said));
            }
            if said.events != case.events && !bless {
                let said = said.events.join("\n    < ");
                let _ = writeln!(wrong, "{name}: {}:\n    < {said}", case.title);
            }
            text.truncate(text.trim_end().len());
            let events = said.events.iter().map(|event| format!("\n< {event}"));
            written.extend([text].into_iter().chain(events));
            written.push_str("\n\n");
        }
        if bless {
            let written = written.trim_end().to_owned() + "\n";
            fs::write(&path, written).expect("a file to write");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count >= 300, "only {count}");
}

#[test]
fn every_error_of_a_peer_has_a_transcript() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut all = String::new();
    for file in fs::read_dir(folder).expect("a folder of transcripts") {
        all += &fs::read_to_string(file.expect("a file").path()).expect("text");
    }
    for error in Error::ALL {
        let name = error.name();
        // Content codings have no part in a connection.
        let elsewhere = ["RFC 195", "RFC 9110 8.4.1", "RFC 9110 15.5.14"];
        let elsewhere = elsewhere.iter().any(|rule| error.rule().starts_with(rule));
        let told = all.contains(&format!("< error {name} at "));
        assert!(told || elsewhere || name.starts_with("Misuse"), "{name}");
    }
    for leniency in Leniency::ALL {
        assert!(
            all.contains(&format!("< lenient {leniency} at ")),
            "{leniency}"
        );
    }
}
