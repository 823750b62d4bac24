//! What the documents say of tests is true: each test that a table names exists.

use std::path::{Path, PathBuf};

/// The project's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The tests that `text` names: `path/to/file.rs::name` between backticks.
fn named(text: &str) -> Vec<(&str, &str)> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.split_once(".rs::"))
        .map(|(path, name)| (path, name.rsplit("::").next().unwrap_or(name)))
        .collect()
}

/// Whether `source` has a test of this name: a function, or a trial.
fn has(source: &str, name: &str) -> bool {
    source.contains(&format!("fn {name}(")) || source.contains(&format!("\"{name}\""))
}

#[test]
fn every_test_that_a_document_names_exists() {
    let (mut missing, mut count) = (Vec::new(), 0);
    for entry in std::fs::read_dir(root().join("docs")).expect("docs") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a document");
        for (file, name) in named(&text) {
            count += 1;
            let source = std::fs::read_to_string(root().join(format!("{file}.rs")));
            if !source.is_ok_and(|source| has(&source, name)) {
                missing.push(format!("{}: {file}.rs::{name}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(count > 0, "the documents name tests");
}

#[test]
fn a_test_that_does_not_exist_is_found_out() {
    let text = "| `crates/x/tests/y.rs::is_there` and `crates/x/tests/y.rs::is_not` | `no test` |";
    let names: Vec<_> = named(text).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["is_there", "is_not"]);
    let source = "fn is_there() {} trial(\"as/a_trial\", &[], run)";
    assert!(has(source, "is_there") && has(source, "as/a_trial"));
    assert!(!has(source, "is_not") && !has(source, "there"));
}
