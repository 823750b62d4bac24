//! What is to come of each of the runner's tests, and whether it did.

use std::collections::{BTreeMap, BTreeSet};

/// What came of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// As the runner wants it.
    Passed,
    /// Not as the runner wants it.
    Failed,
    /// The shim does not do it.
    NotRun,
}

/// Tests that are not run or not passed, and why.
#[derive(Debug)]
pub struct Exception {
    /// Patterns of names, in which `*` stands for anything.
    pub tests: Vec<String>,
    /// What comes of them; `None`: anything, for they test another protocol.
    pub outcome: Option<Outcome>,
    /// Why it is so.
    pub why: String,
}

/// Reads expected.toml.
pub fn read(text: &str) -> Result<Vec<Exception>, String> {
    let table: toml::Table = text.parse().map_err(|error| format!("{error}"))?;
    let kinds = [
        ("another-protocol", None),
        ("not-run", Some(Outcome::NotRun)),
        ("failed", Some(Outcome::Failed)),
    ];
    if let Some(other) = table
        .keys()
        .find(|key| kinds.iter().all(|(kind, _)| kind != key))
    {
        return Err(format!("{other}: no outcome"));
    }
    let mut exceptions = Vec::new();
    for (kind, outcome) in kinds {
        let rows = table.get(kind).and_then(toml::Value::as_array);
        for row in rows.into_iter().flatten() {
            let why = row.get("why").and_then(toml::Value::as_str);
            let tests = row.get("tests").and_then(toml::Value::as_array);
            let (Some(why), Some(tests)) = (why, tests) else {
                return Err(format!("{kind}: a row without why or tests"));
            };
            let tests = tests.iter().filter_map(toml::Value::as_str);
            exceptions.push(Exception {
                tests: tests.map(str::to_owned).collect(),
                outcome,
                why: why.to_owned(),
            });
        }
    }
    Ok(exceptions)
}

/// Whether a name fits a pattern, in which `*` stands for anything.
pub fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((front, rest)) => name.strip_prefix(front).is_some_and(|name| {
            (0..=name.len()).any(|at| name.get(at..).is_some_and(|name| fits(rest, name)))
        }),
    }
}

/// Where what came of the tests is not what is to come: a line each.
pub fn surprises(exceptions: &[Exception], results: &BTreeMap<String, Outcome>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for (name, &outcome) in results {
        let fitting = exceptions.iter().find_map(|exception| {
            let pattern = exception.tests.iter().find(|pattern| fits(pattern, name))?;
            Some((exception, pattern))
        });
        match fitting {
            Some((exception, pattern)) => {
                used.insert(pattern);
                if exception
                    .outcome
                    .is_some_and(|expected| expected != outcome)
                {
                    wrong.push(format!("{name}: {outcome:?}, though {}", exception.why));
                }
            }
            None if outcome == Outcome::Passed => {}
            None => wrong.push(format!("{name}: {outcome:?}")),
        }
    }
    let patterns = exceptions.iter().flat_map(|exception| &exception.tests);
    let idle = patterns.filter(|pattern| !used.contains(pattern));
    wrong.extend(idle.map(|pattern| format!("{pattern}: no test fits it alone")));
    wrong
}

#[cfg(test)]
mod tests {
    use super::{Outcome, fits, read, surprises};
    use std::collections::BTreeMap;

    const TEXT: &str = "[[not-run]]\nwhy = 'no such thing'\ntests = ['DTLS*', '*-QUIC']\n\
        [[failed]]\nwhy = 'RFC 1'\ntests = ['Odd']\n\
        [[another-protocol]]\nwhy = 'none'\ntests = ['SCTP*']\n";

    fn results(of: &[(&str, Outcome)]) -> BTreeMap<String, Outcome> {
        of.iter()
            .map(|(name, outcome)| ((*name).to_owned(), *outcome))
            .collect()
    }

    #[test]
    fn the_file_is_what_it_says() {
        let exceptions = read(include_str!("../../bogo/expected.toml")).unwrap();
        assert!(
            exceptions
                .iter()
                .all(|exception| !exception.tests.is_empty())
        );
        assert!(read("[[passed]]\nwhy = ''\ntests = []").is_err());
        assert!(read("[[failed]]\ntests = ['a']").is_err());
    }

    #[test]
    fn a_pattern_fits_whole_names() {
        for (pattern, name, fit) in [
            ("A*C", "ABC", true),
            ("A*C", "AC", true),
            ("A*C", "ACB", false),
            ("*B*", "ABC", true),
            ("ABC", "ABCD", false),
            ("*-QUIC", "A-B-QUIC", true),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }

    #[test]
    fn surprises_are_told_also_good_ones_and_patterns_that_are_idle() {
        use Outcome::{Failed, NotRun, Passed};
        let exceptions = read(TEXT).unwrap();
        let mut of = vec![
            ("DTLS-A", NotRun),
            ("B-QUIC", NotRun),
            ("Odd", Failed),
            ("Fine", Passed),
            ("SCTP-A", Failed),
            ("SCTP-B", Passed),
        ];
        assert!(surprises(&exceptions, &results(&of)).is_empty());
        for (name, outcome) in [
            ("DTLS-B", Passed),
            ("Odd", Passed),
            ("New", Failed),
            ("New", NotRun),
        ] {
            let mut of = of.clone();
            of.push((name, outcome));
            assert_eq!(surprises(&exceptions, &results(&of)).len(), 1, "{name}");
        }
        of.retain(|(name, _)| *name != "Odd");
        assert_eq!(surprises(&exceptions, &results(&of)).len(), 1);
    }
}
