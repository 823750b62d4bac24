//! docs/tcp.md names files and tests that exist, and every requirement of RFC 9293's Appendix B.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn table() -> Vec<Vec<String>> {
    let path = root().join("docs/tcp.md");
    let text = std::fs::read_to_string(path).expect("docs/tcp.md");
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ID "));
    rows.map(|line| {
        line.trim_matches('|')
            .split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect()
    })
    .collect()
}

/// Whether the file has a test of that name. Those against the kernel are functions that `tests/tcp_kernel.rs` lists.
fn has_test(file: &str, name: &str) -> bool {
    let read = |file| std::fs::read_to_string(root().join(file)).unwrap_or_default();
    let text = read(file);
    let function = format!("fn {name}(");
    if let Some(module) = file.strip_prefix("tests/tcp/") {
        let listed = format!("{}::{name}", module.trim_end_matches(".rs"));
        let mut behind = read("tests/tcp_kernel.rs");
        behind.push(' ');
        return text.contains(&function)
            && behind.match_indices(&listed).any(|(at, _)| {
                let next = behind[at + listed.len()..].chars().next();
                next.is_some_and(|next| !next.is_alphanumeric() && next != '_')
            });
    }
    text.split(&function).count() == 2
        && text.split(&function).next().is_some_and(|before| {
            let last = before.rfind("#[test]").unwrap_or(0);
            !before[last..].contains("\n}") && before[last..].starts_with("#[test]")
        })
}

#[test]
fn every_requirement_has_a_row() {
    let numbered = |kind: &str, last: u32| {
        (1..=last)
            .map(move |number| format!("{kind}-{number}"))
            .collect::<Vec<_>>()
    };
    let expected: BTreeSet<String> = [
        numbered("MUST", 69),
        numbered("SHLD", 31),
        numbered("MAY", 18),
        numbered("REC", 1),
    ]
    .concat()
    .into_iter()
    .collect();
    let rows: Vec<String> = table()
        .into_iter()
        .map(|row| row[0].clone())
        .filter(|id| id.contains('-') && !id.contains(' '))
        .collect();
    let found: BTreeSet<String> = rows
        .iter()
        .filter(|id| expected.contains(*id))
        .cloned()
        .collect();
    assert_eq!(
        expected.difference(&found).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
    assert_eq!(
        found.len(),
        rows.iter().filter(|id| expected.contains(*id)).count(),
        "a row twice"
    );
}

/// Whether a cell without a test says why there is none, or is a table's head.
fn is_reasoned(cell: &str) -> bool {
    let reasoned = ["not done", "not ours"].iter().any(|start| {
        cell.strip_prefix(start)
            .is_some_and(|rest| rest.contains(": "))
    });
    reasoned || cell.starts_with("---") || cell == "test"
}

#[test]
fn every_named_file_and_test_exists() {
    let mut tests = 0;
    for row in table() {
        let last = row.last().expect("a cell");
        if row.len() == 4 && row[2] != "-" {
            let file = row[2].trim_matches('`');
            assert!(root().join(file).is_file(), "{row:?}");
        }
        for cell in last.split(", `") {
            let Some((file, name)) = cell.trim_matches('`').split_once("::") else {
                assert!(is_reasoned(last) && !row[0].starts_with("MUST-"), "{row:?}");
                break;
            };
            assert!(has_test(file, name), "{row:?}");
            tests += 1;
        }
    }
    assert!(tests > 100, "{tests}: too few to be true");
}

#[test]
fn a_test_that_does_not_exist_is_noticed() {
    assert!(has_test(
        "crates/tcp/tests/requirements.rs",
        "every_requirement_has_a_row"
    ));
    assert!(
        !has_test("crates/tcp/tests/requirements.rs", "has_test"),
        "no test"
    );
    assert!(!has_test("crates/tcp/tests/requirements.rs", "nobody"));
    assert!(has_test("tests/tcp/programs.rs", "curl_downloads"));
    assert!(!has_test("tests/tcp/programs.rs", "curl_download"));
    assert!(!has_test(
        "crates/tcp/tests/nowhere.rs",
        "every_requirement_has_a_row"
    ));
}
