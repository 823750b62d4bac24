//! Python with packages that its standard library has not.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use libtest_mimic::Failed;

use crate::process::Running;

/// The interpreter of the virtual environment in `folder`, which is made if it is not there, with
/// `packages`. They are installed once, under `name`.
pub fn python(folder: &Path, name: &str, packages: &[&str]) -> Result<PathBuf, Failed> {
    /// Two tests must not install the same thing at once.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let python = folder.join("bin/python");
    if !python.exists() {
        let folder = folder.display().to_string();
        install("python3", &["-m", "venv", &folder])?;
    }
    let there = folder.join(format!("{name}.there"));
    if !there.exists() {
        install(
            &python,
            &[&["-m", "pip", "install", "--quiet"], packages].concat(),
        )?;
        std::fs::write(there, "")?;
    }
    Ok(python)
}

/// Runs what downloads and unpacks.
pub fn install(program: impl AsRef<Path>, arguments: &[&str]) -> Result<(), Failed> {
    let installing = Running::start(program, arguments)?;
    installing.wait_within(Duration::from_secs(300))?.ok()?;
    Ok(())
}
