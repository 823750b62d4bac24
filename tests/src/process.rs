//! Processes that end with their test, whatever it does, and say all they said.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

/// No peer needs longer for one test.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What a process wrote so far.
#[derive(Default)]
struct Written {
    octets: Mutex<Vec<u8>>,
    more: Condvar,
}

impl Written {
    fn text(&self) -> String {
        let octets = self.octets.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// Reads to the end, in its own thread: a peer must never wait for us to read.
    fn follow(self: &Arc<Self>, mut from: impl Read + Send + 'static) -> thread::JoinHandle<()> {
        let written = Arc::clone(self);
        thread::spawn(move || {
            let mut buffer = [0; 1 << 14];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                let mut octets = written
                    .octets
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                octets.extend_from_slice(&buffer[..count]);
                written.more.notify_all();
            }
        })
    }
}

/// A process, killed when dropped.
pub struct Running {
    child: Child,
    what: String,
    out: Arc<Written>,
    err: Arc<Written>,
    readers: Vec<thread::JoinHandle<()>>,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Its status.
    pub status: ExitStatus,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Running {
    /// Starts `program`, with pipes for standard input, output and error.
    pub fn start<S: AsRef<std::ffi::OsStr>>(
        program: impl AsRef<Path>,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Self, Failed> {
        let program = program.as_ref();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("LC_ALL", "C")
            .env_remove("NO_COLOR");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let what = format!("{command:?}");
        let mut child = command.spawn().map_err(|e| format!("{what}: {e}"))?;
        let (out, err) = (Arc::<Written>::default(), Arc::<Written>::default());
        let mut readers = Vec::new();
        readers.extend(child.stdout.take().map(|pipe| out.follow(pipe)));
        readers.extend(child.stderr.take().map(|pipe| err.follow(pipe)));
        Ok(Self {
            child,
            what,
            out,
            err,
            readers,
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its standard input, which stays open.
    pub fn type_in(&mut self, text: &[u8]) -> Result<(), Failed> {
        let pipe = self
            .child
            .stdin
            .as_mut()
            .ok_or("standard input is closed")?;
        pipe.write_all(text)
            .and_then(|()| pipe.flush())
            .map_err(|e| format!("{}: standard input: {e}\n{}", self.what, self.err.text()).into())
    }

    /// Ends its standard input.
    pub fn end_input(&mut self) {
        self.child.stdin = None;
    }

    /// What it wrote so far: standard output, then standard error.
    pub fn said(&self) -> String {
        format!("{}{}", self.out.text(), self.err.text())
    }

    /// Waits until standard output has a line that begins so, and returns the rest of that line.
    pub fn line_after(&self, begin: &str) -> Result<String, Failed> {
        Self::wait_for(&self.out, |text| {
            let (whole, _) = text.rsplit_once('\n')?;
            whole
                .lines()
                .find_map(|line| line.strip_prefix(begin).map(str::to_owned))
        })
        .ok_or_else(|| self.complaint(&format!("no line {begin:?}")))
    }

    /// Waits until it has written this to standard output.
    pub fn says(&self, words: &str) -> Result<(), Failed> {
        Self::wait_for(&self.out, |text| text.contains(words).then_some(()))
            .ok_or_else(|| self.complaint(&format!("no {words:?} on standard output")))
    }

    /// Waits until it has written this to standard error.
    pub fn complains(&self, words: &str) -> Result<(), Failed> {
        Self::wait_for(&self.err, |text| text.contains(words).then_some(()))
            .ok_or_else(|| self.complaint(&format!("no {words:?} on standard error")))
    }

    fn wait_for<T>(written: &Written, found: impl Fn(&str) -> Option<T>) -> Option<T> {
        let until = Instant::now() + PATIENCE / 2;
        let mut octets = written
            .octets
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(value) = found(&String::from_utf8_lossy(&octets)) {
                return Some(value);
            }
            let left = until.checked_duration_since(Instant::now())?;
            octets = match written.more.wait_timeout(octets, left) {
                Ok((octets, _)) => octets,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    fn complaint(&self, why: &str) -> Failed {
        format!("{}: {why}\n{}", self.what, self.said()).into()
    }

    /// Kills it, as `kill -9` does: the kernel closes its sockets, and it says no goodbye.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends its standard input and waits for its end.
    pub fn finish(mut self) -> Result<Ended, Failed> {
        self.end_input();
        self.wait()
    }

    /// Waits for its end, with standard input open.
    pub fn wait(self) -> Result<Ended, Failed> {
        self.wait_within(PATIENCE)
    }

    /// [`wait`](Self::wait) for what takes longer than a test has patience.
    pub fn wait_within(mut self, patience: Duration) -> Result<Ended, Failed> {
        let until = Instant::now() + patience;
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(2)),
                Ok(None) => return Err(self.complaint("does not end")),
                Err(e) => return Err(self.complaint(&e.to_string())),
            }
        };
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        Ok(Ended {
            status,
            out: self.out.text(),
            err: self.err.text(),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Ended {
    /// The exit code; none after a signal.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails unless it ended with 0.
    pub fn ok(self) -> Result<Self, Failed> {
        if self.status.success() {
            Ok(self)
        } else {
            Err(format!("{self}").into())
        }
    }

    /// Fails unless standard output and error together have all of these words.
    pub fn says(&self, words: &[&str]) -> Result<(), Failed> {
        for words in words {
            if !self.out.contains(words) && !self.err.contains(words) {
                return Err(format!("no {words:?} in\n{self}").into());
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}\n--- out\n{}\n--- err\n{}",
            self.status, self.out, self.err
        )
    }
}

/// Runs `program` with this standard input until it ends.
pub fn run<S: AsRef<std::ffi::OsStr>>(
    program: impl AsRef<Path>,
    arguments: impl IntoIterator<Item = S>,
    input: &[u8],
) -> Result<Ended, Failed> {
    let mut running = Running::start(program, arguments)?;
    // It may end before it has read everything, which is its right.
    let _ = running.type_in(input);
    running.finish()
}
