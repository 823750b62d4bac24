//! Where the body goes: a file or standard output, with a progress bar where somebody watches.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use netkit::Body;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::exit::Failure;

/// Shorter downloads show no bar.
const LONG: Duration = Duration::from_millis(500);

pub(crate) struct Sink {
    name: String,
    to: Box<dyn AsyncWrite + Unpin>,
    /// Whoever reads standard output sees each piece as it comes.
    live: bool,
    bar: Option<ProgressBar>,
}

/// How reading a body went.
pub(crate) struct Read {
    pub(crate) octets: u64,
    pub(crate) took: Duration,
    pub(crate) ended: Result<(), Failure>,
}

impl Sink {
    /// Opened once there is a body: a failed connection leaves an old file as it was. With `append` what
    /// is in it stays.
    pub(crate) fn open(
        output: Option<&Path>,
        append: bool,
        length: Option<u64>,
    ) -> Result<Self, Failure> {
        let output: Option<PathBuf> = output
            .filter(|path| *path != Path::new("-"))
            .map(Path::to_owned);
        let (name, to): (_, Box<dyn AsyncWrite + Unpin>) = match &output {
            None => ("standard output".to_owned(), Box::new(tokio::io::stdout())),
            Some(path) => {
                let mut options = std::fs::OpenOptions::new();
                let options = options.create(true).append(append).truncate(!append);
                let file = options
                    .write(true)
                    .open(path)
                    .map_err(|e| Failure::file(path.display(), e))?;
                (
                    path.display().to_string(),
                    Box::new(tokio::fs::File::from_std(file)),
                )
            }
        };
        let body_elsewhere = output.is_some() || !std::io::stdout().is_terminal();
        let watched = body_elsewhere && std::io::stderr().is_terminal();
        Ok(Self {
            name,
            to,
            live: output.is_none(),
            bar: watched.then(|| bar(length)),
        })
    }

    /// Takes all of the body, or what comes until `stop` says why there is no more.
    pub(crate) async fn take(mut self, body: Body, stop: impl Future<Output = Failure>) -> Read {
        let started = Instant::now();
        let mut octets = 0;
        let drained = tokio::select! {
            drained = self.drain(body, &mut octets, started) => drained,
            failure = stop => Err(failure),
        };
        // What did arrive is worth keeping, but why there is no more matters most.
        let flushed = self.to.flush().await;
        let ended = drained.and(flushed.map_err(|e| Failure::file(&self.name, e)));
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        Read {
            octets,
            took: started.elapsed(),
            ended,
        }
    }

    async fn drain(
        &mut self,
        mut body: Body,
        octets: &mut u64,
        started: Instant,
    ) -> Result<(), Failure> {
        while let Some(piece) = body.chunk().await {
            let piece = piece?;
            self.to
                .write_all(&piece)
                .await
                .map_err(|e| Failure::file(&self.name, e))?;
            if self.live {
                self.to
                    .flush()
                    .await
                    .map_err(|e| Failure::file(&self.name, e))?;
            }
            *octets += piece.len() as u64;
            if let Some(bar) = self.bar.as_ref().filter(|_| started.elapsed() > LONG) {
                bar.set_position(*octets);
            }
        }
        Ok(())
    }
}

fn bar(length: Option<u64>) -> ProgressBar {
    let template = match length {
        Some(_) => "{bar:30} {percent:>3}% {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        None => "{spinner} {bytes}, {bytes_per_sec}",
    };
    let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    // The templates are constants: one that does not parse leaves the default.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
