//! The sessions' secrets, for Wireshark (RFC 9850).

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use netkit::tls::KeyLog;

use crate::exit::Failure;

/// Writes each line as it comes: a reader may be waiting, and the process may not end well.
#[derive(Debug)]
pub(crate) struct KeyLogFile(Mutex<File>);

impl KeyLogFile {
    /// Begins an empty file, which only its owner may read.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(path)
            .map_err(|e| Failure::file(path.display(), e))?;
        Ok(Self(Mutex::new(file)))
    }
}

impl KeyLog for KeyLogFile {
    fn line(&self, line: &str) {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The connection does not depend on its log: a full disk shows as missing lines.
        let _ = file.write_all(format!("{line}\n").as_bytes());
    }
}
