//! Scripts in packetdrill's syntax against our TCP: `tests/packetdrill/*.pkt`, each named by the requirement of
//! RFC 9293's Appendix B that it shows, or by another RFC or rule.

use netkit_tests::packetdrill::Script;
use netkit_tests::{Failed, Trial, ensure};
use std::path::{Path, PathBuf};

type Tested = Result<(), Failed>;

fn main() {
    let mut trials: Vec<Trial> = scripts()
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            Trial::test(name.into_owned(), move || play(&path))
        })
        .collect();
    trials.push(Trial::test("docs_tcp_names_every_script", named));
    trials.push(Trial::test(
        "a_requirement_has_a_script_or_a_reason",
        shown_or_not,
    ));
    trials.push(Trial::test("a_wrong_line_is_shown", wrong_lines_are_shown));
    netkit_tests::run(trials);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn scripts() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join("tests/packetdrill"));
    let mut paths: Vec<PathBuf> = folder
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pkt"))
        .collect();
    paths.sort();
    paths
}

fn play(path: &Path) -> Tested {
    let script = Script::parse(&std::fs::read_to_string(path)?);
    let played = script.and_then(|script| script.run());
    played.map_err(|wrong| format!("{}: {wrong}", path.display()).into())
}

fn named() -> Tested {
    let document = std::fs::read_to_string(root().join("docs/tcp.md"))?;
    let scripts = scripts();
    ensure!(scripts.len() > 60, "{}: too few", scripts.len());
    for path in &scripts {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        ensure!(
            document.contains(&format!("`tests/packetdrill/{name}`")),
            "docs/tcp.md does not name {name}"
        );
        let id = name.trim_end_matches(".pkt").split('-').take(2);
        let id = id.collect::<Vec<_>>().join("-");
        let numbered = ["MUST-", "SHLD-", "MAY-"]
            .iter()
            .any(|kind| id.starts_with(kind));
        ensure!(
            !numbered || document.contains(&format!("| {id} |")),
            "{name} is for no requirement"
        );
    }
    for (_, rest) in document
        .match_indices("`tests/packetdrill/")
        .map(|(at, _)| document.split_at(at + 1))
    {
        let path = rest.split('`').next().unwrap_or_default();
        ensure!(
            root().join(path).is_file(),
            "docs/tcp.md names {path}, which does not exist"
        );
    }
    Ok(())
}

/// Whether a text names a requirement: it, and not one whose number goes on.
fn names(text: &str, id: &str) -> bool {
    text.match_indices(id).any(|(at, _)| {
        let next = text[at + id.len()..].chars().next();
        next.is_none_or(|next| !next.is_ascii_digit())
    })
}

/// Every requirement of docs/tcp.md that is met is named by a script, or stands among those that none can show.
fn shown_or_not() -> Tested {
    let document = std::fs::read_to_string(root().join("docs/tcp.md"))?;
    let (_, without) = document
        .split_once("## Without a script")
        .ok_or("no list of what has no script")?;
    let mut shown = String::new();
    for path in scripts() {
        shown.push_str(&path.file_name().unwrap_or_default().to_string_lossy());
        shown.push_str(&std::fs::read_to_string(path)?);
    }
    let mut count = 0;
    for line in document.lines() {
        let Some((id, rest)) = line.strip_prefix("| ").and_then(|row| row.split_once(" |")) else {
            continue;
        };
        let numbered = ["MUST-", "SHLD-", "MAY-", "REC-"]
            .iter()
            .any(|kind| id.starts_with(kind));
        if !numbered || rest.contains("| not done") || rest.contains("| not ours") {
            continue;
        }
        count += 1;
        ensure!(
            names(&shown, id) != names(without, id),
            "{id}: either a script, or a reason why there is none"
        );
    }
    ensure!(count > 100, "{count}: too few");
    Ok(())
}

/// What a script that is not true says.
fn wrong_lines_are_shown() -> Tested {
    let start = "--tcp_timestamps=0\n--tcp_sack=0\n--tcp_window_scaling=0\n\
                 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n\
                 +0 bind(3, ..., ...) = 0\n\
                 +0 listen(3, 1) = 0\n\
                 +0 < S 0:0(0) win 1000 <mss 1000>\n";
    for (line, why) in [
        (
            "+0 > S. 0:0(0) ack 2",
            "line 8: what is sent is: > S. 0:0(0) ack 1 win 65535 <mss 1460>",
        ),
        ("+0 > S. 0:0(0) ack 1", "what is sent is"),
        ("+0 > S. 0:0(0) ack 1 win 7 <...>", "win 65535"),
        ("+.2 > S. 0:0(0) ack 1 <...>", "it is sent +0.000 s after"),
        (
            "+0 accept(3, ..., ...) = 4",
            "before this, nobody expected, at 0.000: > S. 0:0(0)",
        ),
        (
            "+0 > S. 0:0(0) ack 1 <...>\n+0 accept(3, ..., ...) = 4",
            "line 9: the call's answer is -1 EAGAIN",
        ),
        (
            "+0 > S. 0:0(0) ack 1 <...>\n+.5 > . 1:1(0) ack 1",
            "line 9: nothing is sent",
        ),
        (
            "+0 > S. 0:0(0) ack 1 <...>\n+1 > S. 0:0(0) ack 1 <...>\n+2.5 listen(3, 1) = 0",
            "before this, nobody",
        ),
        (
            "+0 > S. 0:1(0) ack 1",
            "line 8: `0:1(0)`: from 0 to 1 is not 0",
        ),
        ("+0 > Q 0:0(0)", "`Q` is no flag"),
        ("+x close(3) = 0", "`x` is not a time"),
        (
            "+0 > S. 0:0(0) ack 1 <...>\n+0 fly(3) = 0",
            "`fly` is no call",
        ),
    ] {
        let text = format!("{start}{line}\n");
        let played = Script::parse(&text).and_then(|script| script.run());
        let Err(wrong) = played else {
            return Err(format!("taken for true: {line}").into());
        };
        ensure!(wrong.to_string().contains(why), "{wrong} instead of {why}");
    }
    Ok(())
}
