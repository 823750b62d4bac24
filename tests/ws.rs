//! WebSocket against strangers: Python's websockets and Node's ws, both ways, and the Autobahn suite.
//!
//! The peers are installed by their own package managers into the build's folder when they are first needed.
//! `NETKIT_SUITES` names the folder that sets up Autobahn; `NETKIT_AUTOBAHN=all` runs all 517 cases
//! instead of the 409 quick ones.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use netkit::http::Request;
use netkit::websocket::{Config, Message};
use netkit::ws::{CloseCode, Kind};
use netkit::{Bytes, Client, WebSocket};
use netkit_tests::certificates::{Authority, Key};
use netkit_tests::ours::{Ours, block_on};
use netkit_tests::process::{Running, run};
use netkit_tests::venv::{self, install};
use netkit_tests::{Failed, Peer, Trial, ensure, trial};
use serde_json::{Value, json};

type Tested = Result<(), Failed>;

fn main() {
    let mut trials = Vec::new();
    for stranger in [Stranger::Python, Stranger::Node] {
        for tls in [false, true] {
            for deflate in [false, true] {
                let name = |what: &str| {
                    let scheme = if tls { "wss" } else { "ws" };
                    let coding = if deflate { "deflate" } else { "plain" };
                    format!("{what}/{stranger:?}/{scheme}/{coding}")
                };
                let peers = stranger.peers();
                trials.extend([
                    trial(name("client"), peers, move || {
                        stranger_asks(stranger, tls, deflate)
                    }),
                    trial(name("server"), peers, move || {
                        stranger_answers(stranger, tls, deflate)
                    }),
                ]);
            }
        }
    }
    for (name, test) in [
        (
            "autobahn/server",
            autobahn_tests_our_server as fn() -> Tested,
        ),
        ("autobahn/client", autobahn_tests_our_client),
    ] {
        let missing = "no ws/setup-autobahn.sh in NETKIT_SUITES";
        let absent = setup_script().is_none();
        let kind = if absent { missing } else { "" };
        let trial = Trial::test(name, test).with_kind(kind);
        trials.push(trial.with_ignored_flag(absent));
    }
    netkit_tests::run(trials)
}

/// Somebody else's implementation.
#[derive(Debug, Clone, Copy)]
enum Stranger {
    Python,
    Node,
}

/// Two tests must not install the same thing at once.
static INSTALLING: Mutex<()> = Mutex::new(());

impl Stranger {
    const fn peers(self) -> &'static [Peer] {
        match self {
            Self::Python => &[Peer::Python],
            Self::Node => &[Peer::Node],
        }
    }

    /// The command that runs the program of this name, with the package it needs.
    fn command(self, program: &str) -> Result<(PathBuf, String), Failed> {
        let _alone = INSTALLING.lock();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("ws");
        let place = place("strangers");
        std::fs::create_dir_all(&place)?;
        match self {
            Self::Python => {
                let folder = place.join("python");
                let python = venv::python(&folder, "websockets", &["websockets>=14,<17"])?;
                let script = sources.join(program).with_extension("py");
                Ok((python, script.display().to_string()))
            }
            Self::Node => {
                if !place.join("node_modules/ws/package.json").exists() {
                    let prefix = place.display().to_string();
                    let quiet = ["--no-audit", "--no-fund", "--silent"];
                    let package = ["install", "--prefix", &prefix, "ws@8"];
                    install("npm", &[&package[..], &quiet].concat())?;
                }
                // Where it lies, Node looks for packages.
                let script = place.join(program).with_extension("js");
                std::fs::copy(sources.join(program).with_extension("js"), &script)?;
                Ok(("node".into(), script.display().to_string()))
            }
        }
    }
}

/// A folder of the build's.
fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

const fn coding(deflate: bool) -> &'static str {
    if deflate { "deflate" } else { "plain" }
}

fn stranger_asks(stranger: Stranger, tls: bool, deflate: bool) -> Tested {
    let folder = tempfile::tempdir()?;
    let authority = Authority::new("a test CA")?;
    let (ours, url, ca) = if tls {
        let ours = Ours::https(&authority.localhost(Key::P256)?, |_| ())?;
        let url = format!("wss://localhost:{}/ws", ours.at.port());
        (
            ours,
            url,
            authority.write(folder.path())?.display().to_string(),
        )
    } else {
        let ours = Ours::http()?;
        let url = format!("ws://{}/ws", ours.at);
        (ours, url, "-".to_owned())
    };
    let (program, script) = stranger.command("client")?;
    let ended = run(program, [&script, &url, &ca, coding(deflate)], b"")?.ok()?;
    drop(ours);
    ended.says(&["closed: 1000"])?;
    ensure!(
        ended.out.contains("permessage-deflate") == deflate,
        "what was agreed on\n{ended}"
    );
    Ok(())
}

fn stranger_answers(stranger: Stranger, tls: bool, deflate: bool) -> Tested {
    let folder = tempfile::tempdir()?;
    let authority = Authority::new("a test CA")?;
    let files = authority.localhost(Key::P256)?.write(folder.path())?;
    let (program, script) = stranger.command("server")?;
    let (certificate, key) = if tls {
        (
            files.certificate.display().to_string(),
            files.key.display().to_string(),
        )
    } else {
        ("-".to_owned(), "-".to_owned())
    };
    let server = Running::start(program, [&script, &certificate, &key, coding(deflate)])?;
    let port = server.line_after("port: ")?;
    let client = Client::builder()
        .roots(authority.roots()?)
        .connect_to(format!("127.0.0.1:{port}"))
        .build()?;
    let scheme = if tls { "wss" } else { "ws" };
    let url = format!("{scheme}://localhost:{port}/");
    let mut config = Config::default();
    config.deflate = config.deflate.filter(|_| deflate);
    block_on(async {
        let request = Request::get(&url).body(())?;
        let mut socket = client.websocket_with(request, &config).await?;
        for length in [0, 1, 125, 126, 65_535, 65_536, 300_000] {
            let text = Message::from("\u{e9}".repeat(length));
            let octets: Bytes = (0..length).map(|at| (at % 251) as u8).collect();
            for sent in [text, Message::from(octets)] {
                socket.send(sent.clone()).await?;
                ensure!(socket.recv().await? == Some(sent), "{length} octets differ");
            }
        }
        for (piece, last) in [("in ", false), ("three ", false), ("pieces", true)] {
            socket
                .send_piece(Kind::Text, piece.as_bytes(), last)
                .await?;
        }
        ensure!(
            socket.recv().await? == Some("in three pieces".into()),
            "pieces differ"
        );
        socket.close(CloseCode::NORMAL_CLOSURE, "").await?;
        Ok::<_, Failed>(())
    })?;
    let agreed = if deflate {
        "agreed: permessage-deflate"
    } else {
        "agreed: none"
    };
    for line in [agreed, "answered: alive", "closed: 1000"] {
        server.says(line)?;
    }
    Ok(())
}

fn setup_script() -> Option<PathBuf> {
    let suites = PathBuf::from(std::env::var_os("NETKIT_SUITES")?);
    let script = suites.join("ws/setup-autobahn.sh");
    script.exists().then_some(script)
}

/// The suite's program, installed when it is not there yet.
fn wstest() -> Result<PathBuf, Failed> {
    static INSTALLED: Mutex<()> = Mutex::new(());
    let _alone = INSTALLED.lock();
    let place = place("autobahn");
    let program = place.join("wstest");
    if !place.join("ready").exists() {
        let script = setup_script().ok_or("no NETKIT_SUITES")?;
        let script = script.display().to_string();
        install("bash", &[&script, &place.display().to_string()])?;
        std::fs::write(place.join("ready"), "")?;
    }
    Ok(program)
}

/// All cases, or the quick ones: those with a thousand messages take long in the suite itself.
fn excluded() -> Vec<String> {
    if std::env::var("NETKIT_AUTOBAHN").is_ok_and(|which| which == "all") {
        return Vec::new();
    }
    let slow = (7..=10).chain(14..=18);
    slow.flat_map(|case| [format!("12.*.{case}"), format!("13.*.{case}")])
        .collect()
}

/// Every case is OK or has nothing to judge, and every close is clean.
fn judge(folder: &Path) -> Tested {
    let index = std::fs::read(folder.join("index.json"))?;
    let index: Value = serde_json::from_slice(&index)?;
    let cases = index["netkit"].as_object().ok_or("no results")?;
    let count = |what: &str| {
        let is = |case: &&Value| case["behavior"] == what;
        cases.values().filter(is).count()
    };
    let wanted = if excluded().is_empty() { 514 } else { 406 };
    let wrong: Vec<_> = cases
        .iter()
        .filter(|(_, case)| {
            let good = case["behavior"] == "OK" || case["behavior"] == "INFORMATIONAL";
            !good || case["behaviorClose"] == "FAILED" || case["behaviorClose"] == "UNCLEAN"
        })
        .map(|(name, case)| format!("{name} {} {}", case["behavior"], case["behaviorClose"]))
        .collect();
    ensure!(wrong.is_empty(), "{wrong:#?}");
    let counted = (count("OK"), count("INFORMATIONAL"));
    ensure!(counted == (wanted, 3), "{counted:?} of {wanted} and 3");
    Ok(())
}

/// Longer than any run of the suite takes.
const LONG: Duration = Duration::from_secs(2 * 3600);

fn autobahn_tests_our_server() -> Tested {
    let (program, folder) = (wstest()?, tempfile::tempdir()?);
    let ours = Ours::http()?;
    let spec = json!({
        "outdir": folder.path(), "cases": ["*"], "exclude-cases": excluded(),
        "exclude-agent-cases": {}, "options": {"failByDrop": false},
        "servers": [{"agent": "netkit", "url": format!("ws://{}/ws", ours.at), "options": {"version": 18}}],
    });
    let file = folder.path().join("spec.json");
    std::fs::write(&file, spec.to_string())?;
    let arguments = [
        "-m".as_ref(),
        "fuzzingclient".as_ref(),
        "-s".as_ref(),
        file.as_os_str(),
    ];
    let suite = Running::start(program, arguments)?;
    suite.wait_within(LONG)?.ok()?;
    judge(folder.path())
}

fn autobahn_tests_our_client() -> Tested {
    let (program, folder) = (wstest()?, tempfile::tempdir()?);
    let at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let spec = json!({
        "outdir": folder.path(), "cases": ["*"], "exclude-cases": excluded(),
        "exclude-agent-cases": {}, "url": format!("ws://{at}"),
    });
    let file = folder.path().join("spec.json");
    std::fs::write(&file, spec.to_string())?;
    let arguments = [
        "-m".as_ref(),
        "fuzzingserver".as_ref(),
        "-s".as_ref(),
        file.as_os_str(),
        "-u".as_ref(),
        "0".as_ref(),
    ];
    let suite = Running::start(program, arguments)?;
    let until = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(at).is_err() {
        ensure!(
            Instant::now() < until,
            "the suite does not listen: {}",
            suite.said()
        );
        thread::sleep(Duration::from_millis(50));
    }
    block_on(every_case(at))?;
    judge(folder.path())
}

async fn every_case(at: SocketAddr) -> Tested {
    let client = Client::builder().danger_accept_any_certificate().build()?;
    let mut asks = client.websocket(&format!("ws://{at}/getCaseCount")).await?;
    let Some(Message::Text(count)) = asks.recv().await? else {
        return Err("the suite does not say how many cases it has".into());
    };
    let count: u32 = count.parse()?;
    for case in 1..=count {
        let url = format!("ws://{at}/runCase?case={case}&agent=netkit");
        // Cases that break rules end with an error, which is what they are to end with.
        let _ = echo(client.websocket(&url).await?).await;
    }
    let url = format!("ws://{at}/updateReports?agent=netkit");
    let mut reports = client.websocket(&url).await?;
    ensure!(reports.recv().await?.is_none(), "the suite has more to say");
    Ok(())
}

async fn echo(mut socket: WebSocket) -> Result<(), netkit::Error> {
    let mut message = Vec::new();
    while let Some(kind) = socket.recv_into(&mut message).await? {
        socket.send_piece(kind, &message, true).await?;
    }
    Ok(())
}
