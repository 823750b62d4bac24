//! The shared HTTP cases, put to netkit's server and client over real sockets: the octets whole, and
//! one at a time. `NETKIT_SUITES` names the folder that has them.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use netkit::http::Request;
use netkit::{Body, Client};
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
        let name = format!("request/{}", word(&case, "id"));
        trials.push(Trial::test(name, move || request(&case, server.at)));
    }
    for case in responses {
        let name = format!("response/{}", word(&case, "id"));
        trials.push(Trial::test(name, move || response(&case)));
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

/// Ends of writing early are the peer's right: what matters is what it says.
fn send(stream: &mut TcpStream, parts: &[Part], one_by_one: bool) {
    for part in parts {
        let sent = match part {
            Part::Pause(seconds) => {
                thread::sleep(Duration::from_secs_f64(*seconds));
                Ok(())
            }
            Part::Octets(octets) if one_by_one => octets
                .iter()
                .try_for_each(|octet| stream.write_all(&[*octet])),
            Part::Octets(octets) => stream.write_all(octets),
        };
        if sent.is_err() {
            return;
        }
    }
}

fn request(case: &Value, at: SocketAddr) -> Tested {
    let parts = cases::octets(case);
    for one_by_one in [false, true] {
        if one_by_one && length(&parts) > SHORT {
            continue;
        }
        let mut stream = TcpStream::connect(at)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(LONG))?;
        send(&mut stream, &parts, one_by_one);
        if case["eof"].as_bool() == Some(true) {
            let _ = stream.shutdown(Shutdown::Write);
        }
        let said = listen(&mut stream, case)?;
        let allowed = words(case, "ok").any(|ok| said.is(ok));
        let text = String::from_utf8_lossy(&said.octets);
        ensure!(
            allowed,
            "{}: {:?} {} is none of {} (one by one: {one_by_one})\n{case}\n{text}",
            word(case, "desc"),
            said.statuses,
            if said.closed { "close" } else { "open" },
            case["ok"],
        );
        for target in words(case, "forbid") {
            ensure!(
                !text.contains(&format!("target={target} ")),
                "{target} was answered\n{case}\n{text}"
            );
        }
        let wants_echo = said.statuses.contains(&200);
        for echo in words(case, "echo").filter(|_| wants_echo) {
            let mut echo = echo.split(' ');
            let [method, target, length] = [(); 3].map(|()| echo.next().unwrap_or_default());
            // HEAD is answered without the body that would tell.
            let told = format!("method={method} target={target} len={length}");
            ensure!(
                method == "HEAD" || text.contains(&told),
                "no {told:?}\n{case}\n{text}"
            );
        }
    }
    Ok(())
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

/// Reads until the connection ends, or the server has reacted in an allowed way and is quiet.
fn listen(stream: &mut TcpStream, case: &Value) -> Result<Said, Failed> {
    let mut said = Said::default();
    let until = Instant::now() + LONG;
    stream.set_read_timeout(Some(QUIET))?;
    let mut buffer = [0; 1 << 14];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => said.closed = true,
            Ok(count) => said.octets.extend_from_slice(&buffer[..count]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let done = said.whole && words(case, "ok").any(|ok| said.is(ok));
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

fn response(case: &Value) -> Tested {
    let parts = cases::octets(case);
    for one_by_one in [false, true] {
        if one_by_one && length(&parts) > SHORT {
            continue;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let at = listener.local_addr()?;
        let eof = case["eof"].as_bool() == Some(true);
        let (parts, method) = (parts.clone(), word(case, "method").to_owned());
        let server = thread::spawn(move || answer(&listener, &parts, one_by_one, eof));
        let said = match block_on(ask(&method, at)) {
            Ok((status, body)) => format!("ok {status} {body}"),
            Err(error) => format!("err {error:?}"),
        };
        let allowed = words(case, "ok").any(|ok| {
            said == ok
                || ok == "err" && said.starts_with("err ")
                || ok
                    .strip_suffix('*')
                    .is_some_and(|front| said.starts_with(front))
        });
        drop(server.join());
        ensure!(allowed, "{said:?} (one by one: {one_by_one})\n{case}");
    }
    Ok(())
}

async fn ask(method: &str, at: SocketAddr) -> Result<(u16, String), Failed> {
    let client = Client::builder().keep_alive(false).build()?;
    let request = Request::builder()
        .method(method)
        .uri(format!("http://{at}/"))
        .body(Body::empty())?;
    let asked = async {
        let response = client.request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect(1 << 20).await?;
        // Latin-1, as the cases are written.
        Ok((
            status,
            body.iter().map(|&octet| char::from(octet)).collect(),
        ))
    };
    tokio::time::timeout(LONG, asked).await?
}

/// Takes one connection, reads the request's head, sends the case, and waits for the client to go.
fn answer(
    listener: &TcpListener,
    parts: &[Part],
    one_by_one: bool,
    eof: bool,
) -> std::io::Result<()> {
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
    send(&mut stream, parts, one_by_one);
    if eof {
        stream.shutdown(Shutdown::Write)?;
    }
    while stream.read(&mut buffer)? > 0 {}
    Ok(())
}
