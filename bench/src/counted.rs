//! Executed instructions, counted by valgrind: they are the same on a busy machine.

use std::{
    hint::black_box,
    process::{Command, Stdio},
};

/// How often a thing is done for its count.
const TIMES: u64 = 100;

/// The instructions of each of these, done once, in a run of this program under valgrind. Nothing without
/// valgrind.
pub fn instructions<const N: usize>(names: [&str; N]) -> Option<[u64; N]> {
    let mut counts = [0; N];
    for (count, name) in counts.iter_mut().zip(names) {
        *count = run(name)?;
    }
    Some(counts)
}

fn run(name: &str) -> Option<u64> {
    let ended = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*counted*counted*")
        .arg(std::env::current_exe().expect("this program"))
        .args(["--count", name])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .expect("valgrind says how many");
    let instructions: u64 = collected.1.trim().parse().expect("a number");
    Some(instructions / TIMES)
}

/// What valgrind counts, and nothing else of the program.
#[inline(never)]
pub fn counted(work: &mut dyn FnMut()) {
    (0..TIMES).for_each(|_| black_box(&mut *work)());
}
