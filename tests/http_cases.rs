//! The shared HTTP cases, put to netkit's server and client over real sockets and to the bare machines: the
//! octets whole, one at a time, and in pieces by chance. Every case has to give its strict reaction.
//! `NETKIT_SUITES` names the folder that has them.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use netkit::http::Request;
use netkit::{Body, Bytes, Client};
use netkit_tests::bare;
use netkit_tests::cases::{self, Part};
use netkit_tests::ours::{Ours, block_on};
use netkit_tests::{Failed, Trial, ensure};
use serde_json::Value;

type Tested = Result<(), Failed>;

/// A connection on which nothing comes for so long, after a whole answer, is taken to stay open.
const QUIET: Duration = Duration::from_millis(80);
/// Nothing takes longer, but for the server's own timeouts.
const LONG: Duration = Duration::from_secs(4);
/// Longer cases are sent whole only.
const SHORT: usize = 4096;

fn main() {
    let (Some(requests), Some(responses)) =
        (cases::load("requests.json"), cases::load("responses.json"))
    else {
        let absent = Trial::test("cases", || {
            Err("NETKIT_SUITES names no folder with http/".into())
        });
        netkit_tests::run(vec![
            absent.with_kind("no NETKIT_SUITES").with_ignored_flag(true),
        ]);
    };
    let server = match Ours::cases() {
        Ok(server) => Arc::new(server),
        Err(error) => panic!("{error:?}"),
    };
    let mut trials = Vec::new();
    for case in requests {
        let server = Arc::clone(&server);
        let name = |what: &str| format!("{what}/{}", word(&case, "id"));
        let bare = case.clone();
        trials.push(Trial::test(name("bare_request"), move || {
            bare_request(&bare)
        }));
        trials.push(Trial::test(name("request"), move || {
            request(&case, server.at)
        }));
    }
    for case in responses {
        let name = |what: &str| format!("{what}/{}", word(&case, "id"));
        let bare = case.clone();
        trials.push(Trial::test(name("bare_response"), move || {
            bare_response(&bare)
        }));
        trials.push(Trial::test(name("response"), move || response(&case)));
    }
    netkit_tests::run(trials)
}

fn word<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap_or_default()
}

fn words<'a>(case: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    case[name]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn length(parts: &[Part]) -> usize {
    let length = |part: &Part| match part {
        Part::Octets(octets) => octets.len(),
        Part::Pause(_) => 0,
    };
    parts.iter().map(length).sum()
}

/// In what pieces a case's octets leave.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Split {
    Whole,
    OneByOne,
    /// By chance, from this seed.
    Random(u64),
}

impl Split {
    /// Over sockets, where each write takes its time.
    const FEW: [Self; 3] = [Self::Whole, Self::OneByOne, Self::Random(1)];

    /// What suits a case of so many octets.
    const fn suits(self, length: usize) -> bool {
        length <= SHORT || !matches!(self, Self::OneByOne)
    }

    fn pieces(self, octets: &[u8]) -> Vec<&[u8]> {
        let mut rest = octets;
        let mut pieces = Vec::new();
        let mut seed = 0;
        while !rest.is_empty() {
            let length = match self {
                Self::Whole => rest.len(),
                Self::OneByOne => 1,
                Self::Random(start) => {
                    // Knuth's MMIX generator: its high bits are the good ones.
                    let state = if pieces.is_empty() { start } else { seed };
                    seed = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    let most = if octets.len() > SHORT { 14 } else { 5 };
                    1 + (seed >> 32) as usize % (1 << (seed >> 60).min(most))
                }
            };
            let (piece, behind) = rest.split_at(length.min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        pieces
    }
}

/// Ends of writing early are the peer's right: what matters is what it says.
fn send(stream: &mut TcpStream, parts: &[Part], split: Split) {
    for part in parts {
        let sent = match part {
            Part::Pause(seconds) => {
                thread::sleep(Duration::from_secs_f64(*seconds));
                Ok(())
            }
            Part::Octets(octets) => split
                .pieces(octets)
                .iter()
                .try_for_each(|piece| stream.write_all(piece)),
        };
        if sent.is_err() {
            return;
        }
    }
}

fn request(case: &Value, at: SocketAddr) -> Tested {
    let parts = cases::octets(case);
    for split in Split::FEW {
        if !split.suits(length(&parts)) {
            continue;
        }
        let mut stream = TcpStream::connect(at)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(LONG))?;
        send(&mut stream, &parts, split);
        if case["eof"].as_bool() == Some(true) {
            let _ = stream.shutdown(Shutdown::Write);
        }
        let said = listen(&mut stream, case, split)?;
        said.judge(case, split)?;
        let date = case["need_date"].is_null()
            || String::from_utf8_lossy(&said.octets).contains("\r\ndate: ");
        ensure!(date, "no Date\n{case}");
    }
    Ok(())
}

/// The octets of a case, apart where it pauses.
fn runs(case: &Value) -> Vec<Vec<u8>> {
    let octets = |part: Part| match part {
        Part::Octets(octets) => Some(octets),
        Part::Pause(_) => None,
    };
    cases::octets(case).into_iter().filter_map(octets).collect()
}

/// Every split that a case is put to the bare machines in.
fn splits(runs: &[Vec<u8>]) -> impl Iterator<Item = Split> {
    let length = runs.iter().map(Vec::len).sum();
    let random = (0..32).map(Split::Random);
    let all = [Split::Whole, Split::OneByOne].into_iter().chain(random);
    all.filter(move |split| split.suits(length))
}

fn bare_request(case: &Value) -> Tested {
    let runs = runs(case);
    let eof = case["eof"].as_bool() == Some(true);
    for split in splits(&runs) {
        let pieces: Vec<&[u8]> = runs.iter().flat_map(|run| split.pieces(run)).collect();
        let (octets, closed) =
            bare::serve(&pieces, eof).map_err(|misuse| format!("{misuse}: {case}"))?;
        let mut said = Said {
            octets,
            closed,
            ..Said::default()
        };
        said.parse();
        said.judge(case, split)?;
    }
    Ok(())
}

fn bare_response(case: &Value) -> Tested {
    let runs = runs(case);
    let eof = case["eof"].as_bool() == Some(true);
    for split in splits(&runs) {
        let pieces: Vec<&[u8]> = runs.iter().flat_map(|run| split.pieces(run)).collect();
        let said = match bare::ask(word(case, "method"), &pieces, eof) {
            Ok(Some((status, body))) => told(status, &body),
            Ok(None) => "err waits".to_owned(),
            Err(error) => format!("err {error}"),
        };
        ensure!(
            is_outcome(&said, word(case, "want")),
            "{said:?} ({split:?})\n{case}"
        );
    }
    Ok(())
}

/// A response as the cases write it: content in latin-1.
fn told(status: u16, body: &[u8]) -> String {
    let body: String = body.iter().map(|&octet| char::from(octet)).collect();
    format!("ok {status} {body}")
}

/// Whether what a client said is `outcome`: `err` for any error, `*` for any rest.
fn is_outcome(said: &str, outcome: &str) -> bool {
    match outcome.strip_suffix('*') {
        Some(front) => said.starts_with(front),
        None if outcome == "err" => said.starts_with("err "),
        None => said == outcome,
    }
}

/// What a server did.
#[derive(Default)]
struct Said {
    octets: Vec<u8>,
    statuses: Vec<u16>,
    closed: bool,
    /// No answer is cut off at the end.
    whole: bool,
}

/// Reads until the connection ends, or the server has reacted as it should and is quiet.
fn listen(stream: &mut TcpStream, case: &Value, split: Split) -> Result<Said, Failed> {
    let mut said = Said::default();
    let until = Instant::now() + LONG;
    stream.set_read_timeout(Some(QUIET))?;
    let mut buffer = [0; 1 << 14];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => said.closed = true,
            Ok(count) => said.octets.extend_from_slice(&buffer[..count]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let done = said.whole && said.is_strict(case, split);
                if done || Instant::now() > until {
                    return Ok(said);
                }
            }
            Err(_) => said.closed = true,
        }
        said.parse();
        if said.closed {
            return Ok(said);
        }
    }
}

impl Said {
    /// The statuses of the answers so far.
    fn parse(&mut self) {
        self.statuses.clear();
        let mut rest = self.octets.as_slice();
        self.whole = true;
        while !rest.is_empty() {
            let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") else {
                self.whole = false;
                return;
            };
            let head = String::from_utf8_lossy(&rest[..end]).to_ascii_lowercase();
            rest = &rest[end + 4..];
            let status = head
                .get(9..12)
                .and_then(|status| status.parse().ok())
                .unwrap_or(0);
            self.statuses.push(status);
            let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
            let length = field("content-length: ").and_then(|length| length.parse().ok());
            // An answer to HEAD has a length but no body.
            if rest.is_empty() || rest.starts_with(b"HTTP/1.1 ") {
                continue;
            }
            if field("transfer-encoding: chunked").is_some() {
                let end = rest.windows(5).position(|five| five == b"0\r\n\r\n");
                rest = end.map_or(&[], |end| &rest[end + 5..]);
                self.whole &= end.is_some();
            } else {
                let length: usize = length.unwrap_or(rest.len());
                self.whole &= length <= rest.len();
                rest = rest.get(length..).unwrap_or_default();
            }
        }
    }

    /// Whether it is the strict reaction, answers nothing that it must not, and heard what was sent.
    fn judge(&self, case: &Value, split: Split) -> Tested {
        let text = String::from_utf8_lossy(&self.octets);
        let end = if self.closed { "close" } else { "open" };
        ensure!(
            self.is_strict(case, split),
            "{}: {:?} {end} is not {} ({split:?})\n{case}\n{text}",
            word(case, "desc"),
            self.statuses,
            case["want"],
        );
        for target in words(case, "forbid") {
            ensure!(
                !text.contains(&format!("target={target} ")),
                "{target} was answered\n{case}\n{text}"
            );
        }
        let answers = self.statuses.contains(&200);
        for echo in words(case, "echo").filter(|_| answers) {
            // HEAD is answered without the body that would tell.
            ensure!(
                echo.starts_with("HEAD ") || text.contains(&as_told(echo)),
                "not {echo}\n{case}\n{text}"
            );
        }
        for echo in words(case, "echo_never") {
            ensure!(!text.contains(&as_told(echo)), "{echo}\n{case}\n{text}");
        }
        Ok(())
    }

    /// Whether it is the one reaction that the case wants. RFC 9110 10.1.1: 100 is left out where content
    /// has arrived with the head; in pieces it has not.
    fn is_strict(&self, case: &Value, split: Split) -> bool {
        let want = word(case, "want");
        let with_100 = format!("100,{want}");
        let asked = words(case, "ok").any(|ok| ok == with_100);
        self.is(want) || (asked && split != Split::Whole && self.is(&with_100))
    }

    /// Whether it is this reaction, `STATUS,STATUS close|open|any`; `-` for no status.
    fn is(&self, reaction: &str) -> bool {
        let Some((statuses, end)) = reaction.split_once(' ') else {
            return false;
        };
        let ended = match end {
            "close" => self.closed,
            "open" => !self.closed,
            _ => true,
        };
        let wanted: Vec<&str> = statuses
            .split(',')
            .filter(|&status| status != "-")
            .collect();
        let status = |(wanted, status): (&&str, &u16)| match wanted.strip_suffix("xx") {
            Some(class) => status.to_string().starts_with(class),
            None => status.to_string() == **wanted,
        };
        ended
            && wanted.len() == self.statuses.len()
            && wanted.iter().zip(&self.statuses).all(status)
    }
}

/// `METHOD TARGET LENGTH` as the server's answers have it.
fn as_told(echo: &str) -> String {
    let mut echo = echo.split(' ');
    let [method, target, length] = [(); 3].map(|()| echo.next().unwrap_or_default());
    format!("method={method} target={target} len={length}")
}

fn response(case: &Value) -> Tested {
    let parts = cases::octets(case);
    for split in Split::FEW {
        if !split.suits(length(&parts)) {
            continue;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let at = listener.local_addr()?;
        let eof = case["eof"].as_bool() == Some(true);
        let (parts, method) = (parts.clone(), word(case, "method").to_owned());
        let server = thread::spawn(move || answer(&listener, &parts, split, eof));
        let said = match block_on(ask(&method, at)) {
            Ok((status, body)) => told(status, &body),
            Err(error) => format!("err {error:?}"),
        };
        drop(server.join());
        ensure!(
            is_outcome(&said, word(case, "want")),
            "{said:?} ({split:?})\n{case}"
        );
    }
    Ok(())
}

async fn ask(method: &str, at: SocketAddr) -> Result<(u16, Bytes), Failed> {
    let client = Client::builder().keep_alive(false).build()?;
    let request = Request::builder()
        .method(method)
        .uri(format!("http://{at}/"))
        .body(Body::empty())?;
    let asked = async {
        let response = client.request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect(1 << 20).await?;
        Ok((status, body))
    };
    tokio::time::timeout(LONG, asked).await?
}

/// Takes one connection, reads the request's head, sends the case, and waits for the client to go.
fn answer(listener: &TcpListener, parts: &[Part], split: Split, eof: bool) -> std::io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LONG))?;
    stream.set_write_timeout(Some(LONG))?;
    let (mut asked, mut buffer) = (Vec::new(), [0; 4096]);
    while !asked.windows(4).any(|four| four == b"\r\n\r\n") {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        asked.extend_from_slice(&buffer[..count]);
    }
    send(&mut stream, parts, split);
    if eof {
        stream.shutdown(Shutdown::Write)?;
    }
    while stream.read(&mut buffer)? > 0 {}
    Ok(())
}
