//! Runs BoringSSL's test runner against netkit's TLS and prints what came of it, by family: see
//! docs/conformance.md. Fails where that is not what `bogo/expected.toml` says.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use netkit_tests::bogo::expected::{self, Outcome};

const EXPECTED: &str = include_str!("bogo/expected.toml");

const USAGE: &str =
    "usage: bogo --runner PATH [--shim PATH] [--octets N] [--test PATTERNS] [--workers N]
  --runner   BoringSSL's ssl/test/runner, built by `go test -c`
  --shim     a shim that was built otherwise, with a sanitizer, say
  --octets   read at most so many octets at once
  --test     only these tests, and no comparison with what is expected";

#[derive(Default)]
struct Wanted {
    runner: PathBuf,
    shim: Option<PathBuf>,
    octets: Option<String>,
    test: Option<String>,
    workers: Option<String>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let wanted = wanted()?;
    let (results, found) = run(&wanted)?;
    print(&results);
    for finding in &found {
        println!("{finding}");
    }
    println!("{} panics, hangs or findings of a sanitizer", found.len());
    if wanted.test.is_some() {
        return Ok(ExitCode::from(u8::from(!found.is_empty())));
    }
    let wrong = expected::surprises(&expected::read(EXPECTED)?, &results);
    for line in &wrong {
        println!("{line}");
    }
    println!("{} surprises", wrong.len());
    Ok(ExitCode::from(u8::from(
        !wrong.is_empty() || !found.is_empty(),
    )))
}

fn wanted() -> Result<Wanted, Box<dyn Error>> {
    let mut wanted = Wanted::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match option.as_str() {
            "--runner" => wanted.runner = std::fs::canonicalize(value)?,
            "--shim" => wanted.shim = Some(std::fs::canonicalize(value)?),
            "--octets" => wanted.octets = Some(value),
            "--test" => wanted.test = Some(value),
            "--workers" => wanted.workers = Some(value),
            _ => return Err(USAGE.into()),
        }
    }
    if wanted.runner.as_os_str().is_empty() {
        return Err(USAGE.into());
    }
    Ok(wanted)
}

/// The shim, freshly built.
fn shim() -> Result<PathBuf, Box<dyn Error>> {
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "-p",
            "netkit-tests",
            "--bin",
            "bogo-shim",
        ])
        .status()?;
    if !built.success() {
        return Err("the shim does not build".into());
    }
    let target = cargo_metadata::MetadataCommand::new()
        .no_deps()
        .exec()?
        .target_directory;
    Ok(target.join("release/bogo-shim").into_std_path_buf())
}

type Results = BTreeMap<String, Outcome>;

/// What came of each test, and what none of them may end in: panics, hangs, findings of a sanitizer.
fn run(wanted: &Wanted) -> Result<(Results, Vec<String>), Box<dyn Error>> {
    let shim = match &wanted.shim {
        Some(shim) => shim.clone(),
        None => shim()?,
    };
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("results.json");
    // Tickets leave once the client is done: RFC 9846 4.7.1 allows both.
    let shim_config = folder.path().join("shim.json");
    std::fs::write(&shim_config, r#"{"HalfRTTTickets": 0}"#)?;
    let mut runner = Command::new(&wanted.runner);
    runner
        .current_dir(folder.path())
        .args(["-allow-unimplemented", "-pipe", "-shim-path"])
        .arg(&shim)
        .arg("-shim-config")
        .arg(&shim_config)
        .arg("-json-output")
        .arg(&report);
    let found = folder.path().join("found");
    std::fs::create_dir(&found)?;
    runner.env("NETKIT_BOGO_FOUND", &found).env(
        "ASAN_OPTIONS",
        format!("exitcode=90:log_path={}/asan", found.display()),
    );
    if let Some(octets) = &wanted.octets {
        runner.env("NETKIT_BOGO_OCTETS", octets);
    }
    if let Some(test) = &wanted.test {
        runner.args(["-test", test]);
    }
    if let Some(workers) = &wanted.workers {
        runner.args(["-num-workers", workers]);
    }
    let said = runner.output()?;
    if wanted.test.is_some() {
        print!("{}", String::from_utf8_lossy(&said.stdout));
    }
    let results = results(&report).map_err(|error| {
        let stderr = String::from_utf8_lossy(&said.stderr);
        format!("no results ({error}): {stderr}")
    })?;
    let mut all = Vec::new();
    for file in std::fs::read_dir(found)? {
        all.push(String::from_utf8_lossy(&std::fs::read(file?.path())?).into_owned());
    }
    all.extend(hangs(&String::from_utf8_lossy(&said.stdout)));
    Ok((results, all))
}

/// Tests that ended when the runner lost patience, whatever else they expect.
fn hangs(said: &str) -> Vec<String> {
    /// Renegotiation is declined by a warning (RFC 5246 7.2.2), which ends nothing: both sides wait, and
    /// may.
    const DECLINED: [&str; 2] = [
        "Renegotiate-Client-Forbidden-1",
        "Renegotiate-Server-Forbidden",
    ];
    let mut name = "";
    let mut hangs = Vec::new();
    for line in said.lines() {
        let of = line
            .split_once(" (")
            .and_then(|(_, name)| name.strip_suffix(')'));
        name = of.unwrap_or(name);
        if line.contains("timeout") && !DECLINED.contains(&name) {
            hangs.push(format!("{name}: {}", line.trim()));
        }
    }
    hangs
}

/// The runner's report: what came of each test.
fn results(report: &Path) -> Result<BTreeMap<String, Outcome>, Box<dyn Error>> {
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(report)?)?;
    let tests = report["tests"].as_object().ok_or("no tests")?;
    let outcomes = tests.iter().map(|(name, test)| {
        let outcome = match test["actual"].as_str() {
            Some("PASS") => Outcome::Passed,
            Some("SKIP") => Outcome::NotRun,
            _ => Outcome::Failed,
        };
        (name.clone(), outcome)
    });
    Ok(outcomes.collect())
}

/// Tiers and families of tests, from the list in the folder that `NETKIT_SUITES` names.
fn families() -> BTreeMap<String, String> {
    let list = std::env::var_os("NETKIT_SUITES")
        .map(|folder| PathBuf::from(folder).join("tls/bogo-tests.tsv"))
        .and_then(|file| std::fs::read_to_string(file).ok());
    let list = list.unwrap_or_default();
    let rows = list.lines().skip(1).filter_map(|row| {
        let mut fields = row.split('\t');
        let (name, _side, tier, family) = (
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
        );
        Some((name.to_owned(), format!("T{tier} {family}")))
    });
    rows.collect()
}

/// Prints a line a family, and one a tier.
fn print(results: &BTreeMap<String, Outcome>) {
    let families = families();
    let mut table: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for (name, outcome) in results {
        let family = families.get(name).map_or("other", String::as_str);
        let tier = family.split(' ').next().unwrap_or("other");
        for row in [family, tier] {
            table.entry(row).or_default()[*outcome as usize] += 1;
            if family == tier {
                break;
            }
        }
    }
    println!("| family | passed | failed | not run |\n|---|---|---|---|");
    for (family, [passed, failed, not_run]) in table {
        println!("| {family} | {passed} | {failed} | {not_run} |");
    }
}
