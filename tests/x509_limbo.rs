//! x509-limbo: netkit agrees with the suite on every case but those that `x509-limbo.expected` excepts, and
//! on none of these. `NETKIT_SUITES` names the folder that has the suite.

use std::collections::BTreeMap;
use std::path::PathBuf;

use netkit_tests::limbo::{self, Case};
use netkit_tests::{Failed, Trial, ensure};

const EXPECTED: &str = include_str!("x509-limbo.expected");

fn main() {
    let file = std::env::var_os("NETKIT_SUITES")
        .map(|folder| PathBuf::from(folder).join("x509/limbo.json.gz"))
        .filter(|file| file.exists());
    let trial = match file {
        Some(file) => Trial::test("agrees_but_for_the_exceptions", move || {
            let cases = limbo::load(&file).map_err(|error| error.to_string())?;
            agrees(&cases)
        }),
        None => Trial::test("agrees_but_for_the_exceptions", || Ok(()))
            .with_kind("no NETKIT_SUITES")
            .with_ignored_flag(true),
    };
    netkit_tests::run(vec![trial]);
}

/// The cases that are to be missed, each with the reason.
fn exceptions() -> Result<BTreeMap<&'static str, &'static str>, Failed> {
    let lines = EXPECTED.lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (id, why) = line.split_once(": ").ok_or("a line without a reason")?;
            Ok((id, why))
        })
        .collect()
}

fn agrees(cases: &[Case]) -> Result<(), Failed> {
    let exceptions = exceptions()?;
    let mut wrong = Vec::new();
    for case in cases {
        let verdict = case.verdict();
        let agrees = verdict.is_ok() == case.is_good();
        match (agrees, exceptions.get(case.id())) {
            (true, None) | (false, Some(_)) => {}
            (true, Some(why)) => wrong.push(format!("{} agrees, though {why}", case.id())),
            (false, None) => wrong.push(format!("{}: {verdict:?}", case.id())),
        }
    }
    ensure!(cases.len() > 5_000, "only {} cases", cases.len());
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
