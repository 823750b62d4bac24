//! `netkit demo`.

use std::collections::HashSet;

use netkit_tests::process::{Ended, run};
use netkit_tests::{Failed, Peer, Trial, ensure, trial};

use crate::{Tested, netkit, text};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("demo/tells_its_story", &[], tells),
        trial("demo/breaks_certificates", &[], breaks),
        trial("demo/rsa_key_transport", &[], eight_steps),
        trial("demo/two_runs_differ", &[], differs),
        trial("demo/losses_are_percentages", &[], percentages),
        trial(
            "demo/capture_shows_the_same_requests",
            &[Peer::Tshark],
            captured,
        ),
        trial("demo/capture_is_flawless", &[Peer::Tshark], flawless),
        trial("demo/a_seed_repeats_itself", &[Peer::Tshark], repeats),
        trial("demo/four_segments_close_and_rst", &[Peer::Tshark], ends),
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
        .chain(["SYN,ACK", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED"])
        .chain([
            "FIN-WAIT-1",
            "FIN-WAIT-2",
            "CLOSE-WAIT",
            "LAST-ACK",
            "TIME-WAIT",
        ])
        .chain(["RST,ACK", "PSH", "--seed"])
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

/// A demo that leaves a capture and its keys.
struct Left {
    demo: Ended,
    place: tempfile::TempDir,
}

fn leaves(seed: &str, loss: &str) -> Result<Left, Failed> {
    let place = tempfile::tempdir()?;
    let (capture, keys) = (
        text(&place.path().join("pcap")),
        text(&place.path().join("keys")),
    );
    let demo = netkit(&[
        "demo", "-v", "--seed", seed, "--loss", loss, "--pcap", &capture, "--keylog", &keys,
    ])?
    .ok()?;
    Ok(Left { demo, place })
}

impl Left {
    /// What tshark reads of it: a line for each packet that it shows, its fields between tabs.
    fn read(&self, filter: &str, fields: &[&str], options: &[&str]) -> Result<Vec<String>, Failed> {
        let path = |name| text(&self.place.path().join(name));
        let (capture, keys) = (path("pcap"), format!("tls.keylog_file:{}", path("keys")));
        let mut arguments = vec!["-r", &capture, "-o", &keys, "-Y", filter, "-T", "fields"];
        for option in ["tcp.check_checksum:TRUE", "ip.check_checksum:TRUE"] {
            arguments.extend(["-o", option]);
        }
        arguments.extend(options);
        for field in fields {
            arguments.extend(["-e", field]);
        }
        let read = run(Peer::Tshark.command(), arguments, b"")?.ok()?;
        Ok(read.out.lines().map(str::to_owned).collect())
    }
}

/// The capture, decrypted with the key log, shows the requests that the demo tells.
fn captured() -> Tested {
    let left = leaves("7", "5")?;
    let fields = [
        "http.request.method",
        "http.request.uri",
        "http.request.version",
    ];
    let seen: Vec<String> = left
        .read("http.request", &fields, &[])?
        .iter()
        .map(|line| line.replace('\t', " "))
        .collect();
    let asked: Vec<String> = ["short", "long"]
        .iter()
        .flat_map(|name| (1..=3).map(move |number| format!("GET /{name}/{number} HTTP/1.1")))
        .chain([
            "GET /echo HTTP/1.1".to_owned(),
            "GET /last HTTP/1.1".to_owned(),
        ])
        .collect();
    ensure!(seen == asked, "the capture has {seen:?}");
    let words: Vec<&str> = asked[..7].iter().map(String::as_str).collect();
    left.demo.says(&words)
}

/// tshark finds every checksum right and every packet well formed, and sees what was sent again.
fn flawless() -> Tested {
    let left = leaves("7", "5")?;
    let number = ["frame.number"];
    let all = left.read("tcp", &number, &[])?.len();
    let good = left.read(
        "tcp.checksum.status == 1 && ip.checksum.status == 1",
        &number,
        &[],
    )?;
    ensure!(
        all > 60 && good.len() == all,
        "{} of {all} are good",
        good.len()
    );
    let bad = left.read(
        "_ws.malformed || tls.alert_message.level == 2",
        &number,
        &[],
    )?;
    ensure!(bad.is_empty(), "malformed: {bad:?}");
    let again = "tcp.analysis.retransmission || tcp.analysis.fast_retransmission";
    let again = left.read(again, &number, &[])?;
    ensure!(!again.is_empty(), "tshark saw nothing sent again");
    let told = left
        .demo
        .out
        .lines()
        .filter(|line| line.contains("sent again after"));
    ensure!(
        told.count() > 0,
        "the demo does not tell of it\n{}",
        left.demo
    );
    Ok(())
}

/// Times, lengths and flags are the seed's; another seed has others.
fn repeats() -> Tested {
    let fields = ["frame.time_relative", "tcp.len", "tcp.flags"];
    let read = |seed| leaves(seed, "5")?.read("tcp", &fields, &[]);
    let (first, second, other) = (read("7")?, read("7")?, read("8")?);
    ensure!(first.len() > 60, "{} packets", first.len());
    ensure!(
        first == second,
        "a seed does not repeat itself:\n{first:?}\n{second:?}"
    );
    ensure!(first != other, "the seed changes nothing");
    Ok(())
}

/// The close of the last request, and what answers on a closed port, in tshark's words.
fn ends() -> Tested {
    let left = leaves("7", "0")?;
    let stream = left.read("http.request.uri == \"/last\"", &["tcp.stream"], &[])?;
    let filter = format!("tcp.stream == {}", stream.join(""));
    let plain = ["--disable-protocol", "tls"];
    let info = left.read(&filter, &["_ws.col.Info"], &plain)?;
    let fin = info.iter().position(|line| line.contains("[FIN"));
    let close = fin.map_or(&[][..], |at| &info[at..]);
    let starts = |line: &String, way: &str, flags: &str| {
        line.split_once('[').is_some_and(|(ports, rest)| {
            let to_server = ports.trim().ends_with("443");
            to_server == (way == "->") && rest.starts_with(flags)
        })
    };
    let four = [
        ("->", "FIN, PSH, ACK]"),
        ("<-", "ACK]"),
        ("<-", "FIN, PSH, ACK]"),
        ("->", "ACK]"),
    ];
    let is = close.len() == 4
        && close
            .iter()
            .zip(four)
            .all(|(line, (way, flags))| starts(line, way, flags));
    ensure!(is, "not four segments: {info:?}");
    // Behind the client's FIN.
    ensure!(
        !close[2].contains("Len=0"),
        "no data after the FIN: {close:?}"
    );
    let reset = left.read("tcp.port == 444", &["_ws.col.Info"], &plain)?;
    let [syn, reset] = reset.as_slice() else {
        return Err(format!("not two segments: {reset:?}").into());
    };
    ensure!(
        syn.contains("[SYN]") && reset.contains("[RST, ACK] Seq=1 Ack=1"),
        "{syn} {reset}"
    );
    let opened = left.read("tcp.stream == 0", &["_ws.col.Info"], &plain)?;
    let words = ["[SYN] Seq=0", "[SYN, ACK] Seq=0 Ack=1", "[ACK] Seq=1 Ack=1"];
    let shaken = words
        .iter()
        .zip(&opened)
        .all(|(word, line)| line.contains(word));
    ensure!(shaken, "no three-way handshake: {opened:?}");
    Ok(())
}

fn percentages() -> Tested {
    for loss in ["-1", "101", "many", "NaN"] {
        let demo = netkit(&["demo", &format!("--loss={loss}")])?;
        ensure!(demo.code() == Some(2), "{loss}\n{demo}");
    }
    Ok(())
}
