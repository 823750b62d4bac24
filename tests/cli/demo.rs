//! `netkit demo`.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use netkit_tests::process::{PATIENCE, Running, run};
use netkit_tests::{Failed, Peer, Trial, ensure, trial};

use crate::{Tested, netkit, text};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("demo/tells_its_story", &[], tells),
        trial("demo/breaks_certificates", &[], breaks),
        trial("demo/rsa_key_transport", &[], eight_steps),
        trial("demo/two_runs_differ", &[], differs),
        trial(
            "demo/capture_shows_the_same_requests",
            &[Peer::Tshark],
            captured,
        ),
    ]
}

fn tells() -> Tested {
    let demo = netkit(&["demo"])?.ok()?;
    let lines: Vec<&str> = demo.out.lines().collect();
    ensure!(lines.len() <= 60, "{} lines\n{demo}", lines.len());
    let wide = lines.iter().find(|line| line.chars().count() > 80);
    ensure!(wide.is_none(), "wider than 80 columns: {wide:?}");
    ensure!(demo.err.is_empty() && !demo.out.contains('\x1b'), "{demo}");
    let layers = "application presentation session transport network link physical";
    let words: Vec<&str> = layers
        .split(' ')
        .chain(["TLS 1.3", "ClientHello", "short", "long", "WebSocket"])
        .collect();
    demo.says(&words)?;
    let more = netkit(&["demo", "-v"])?.ok()?;
    ensure!(
        more.out.lines().count() > lines.len(),
        "-v tells no more\n{more}"
    );
    more.says(&["GET /short/1 HTTP/1.1", "GET /long/3 HTTP/1.1"])
}

/// The steps by number, and what the messages of two of them have to weigh: a key exchange of 4 octets
/// of header, 2 of length and 256 of secret, and an empty ServerHelloDone.
fn eight_steps() -> Tested {
    let demo = netkit(&["demo", "--rsa-key-transport"])?.ok()?;
    let wide = demo.out.lines().find(|line| line.chars().count() > 80);
    ensure!(wide.is_none(), "wider than 80 columns: {wide:?}");
    let numbers: String = demo
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.chars().next())
        .filter(char::is_ascii_digit)
        .collect();
    ensure!(numbers == "12345678", "{numbers}\n{demo}");
    demo.says(&["TLS 1.2, TLS_RSA_WITH_AES_128_GCM_SHA256"])?;
    let weighs = |words: &str| {
        let line = demo.out.lines().find(|line| line.contains(words));
        let mut ends = line.unwrap_or_default().split_whitespace().rev();
        let back = ends.next().and_then(|word| word.parse::<usize>().ok());
        (ends.next().and_then(|word| word.parse().ok()), back)
    };
    ensure!(
        weighs("-> ClientKeyExchange") == (Some(262), Some(0)),
        "{demo}"
    );
    ensure!(weighs("<- ServerHelloDone") == (Some(0), Some(4)), "{demo}");
    ensure!(weighs("{Finished}") == (Some(17), Some(17)), "{demo}");
    Ok(())
}

fn breaks() -> Tested {
    let table = [
        ("expired", ["expired", "certificate_expired"]),
        ("name", ["wrong.example", "bad_certificate"]),
        ("ca", ["netkit demo CA", "unknown_ca"]),
    ];
    for (what, words) in table {
        netkit(&["demo", "--break", what])?.ok()?.says(&words)?;
    }
    ensure!(
        netkit(&["demo", "--break", "else"])?.code() == Some(2),
        "no usage error"
    );
    Ok(())
}

fn differs() -> Tested {
    let fresh = || -> Result<HashSet<String>, Failed> {
        let demo = netkit(&["demo", "-v"])?.ok()?;
        let words = demo
            .out
            .split_whitespace()
            .map(|word| word.trim_end_matches(','));
        let long_hex =
            |word: &&str| word.len() >= 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
        Ok(words.filter(long_hex).map(str::to_owned).collect())
    };
    let (first, second) = (fresh()?, fresh()?);
    ensure!(first.len() >= 3, "randoms and a serial number: {first:?}");
    ensure!(first.is_disjoint(&second), "{first:?} {second:?}");
    Ok(())
}

/// A capture of loopback, decrypted with the key log, shows the requests that the demo tells.
fn captured() -> Tested {
    let place = tempfile::tempdir()?;
    // tshark may capture as another user.
    let capture = std::env::temp_dir().join(format!("netkit-{}.pcapng", std::process::id()));
    let (keys, capture_name) = (text(&place.path().join("keys")), text(&capture));
    // What is longer than the demo's packets is other tests' traffic, which must not push it out.
    let filter = ["-f", "tcp and less 4000", "-B", "32"];
    let tshark = Running::start(
        Peer::Tshark.command(),
        [&["-i", "lo", "-w", &capture_name][..], &filter].concat(),
    )?;
    tshark.complains("Capture started")?;
    let demo = netkit(&["demo", "--keylog", &keys])?.ok()?;
    let url = demo
        .out
        .split_whitespace()
        .find(|word| word.starts_with("https://localhost:"));
    let port = url.and_then(|url| url.strip_prefix("https://localhost:")?.strip_suffix('/'));
    let port = port.ok_or_else(|| format!("no port in {demo}"))?;
    // The kernel hands packets over in batches, so the file's end may be on its way yet.
    let until = Instant::now() + PATIENCE / 2;
    let seen = loop {
        let seen = decrypted(&capture_name, &keys, port)?;
        if seen.len() >= 7 || Instant::now() > until {
            break seen;
        }
        thread::sleep(Duration::from_millis(200));
    };
    run("kill", ["-INT", &tshark.id().to_string()], b"")?.ok()?;
    tshark.finish()?;
    std::fs::remove_file(&capture)?;
    let told: Vec<&str> = demo
        .out
        .lines()
        .filter_map(|line| line.trim().split_once("  "))
        .map(|line| line.0)
        .collect();
    let asked: Vec<String> = ["short", "long"]
        .iter()
        .flat_map(|name| (1..=3).map(move |number| format!("GET /{name}/{number} HTTP/1.1")))
        .chain(["GET /echo HTTP/1.1".to_owned()])
        .collect();
    ensure!(seen == asked, "the capture has {seen:?}");
    for line in &asked {
        ensure!(
            told.contains(&line.as_str()),
            "the demo does not tell {line:?}\n{demo}"
        );
    }
    Ok(())
}

/// The request lines that a capture has on this port, as tshark reads them with these keys. It
/// complains of a capture that is still written to, but reads it.
fn decrypted(capture: &str, keys: &str, port: &str) -> Result<Vec<String>, Failed> {
    let keys = format!("tls.keylog_file:{keys}");
    let (decode, filter) = (
        format!("tcp.port=={port},tls"),
        format!("http.request && tcp.port == {port}"),
    );
    let mut arguments = vec!["-r", capture, "-o", &keys, "-d", &decode, "-Y", &filter];
    arguments.extend(["-T", "fields"]);
    for field in [
        "http.request.method",
        "http.request.uri",
        "http.request.version",
    ] {
        arguments.extend(["-e", field]);
    }
    let fields = run(Peer::Tshark.command(), arguments, b"")?;
    Ok(fields
        .out
        .lines()
        .map(|line| line.replace('\t', " "))
        .collect())
}
