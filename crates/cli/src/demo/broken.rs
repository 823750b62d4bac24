//! `netkit demo --break`: the client's warning, and why.

use std::sync::Arc;
use std::time::Duration;

use netkit::sim::Network;
use netkit::tls::HandshakeType;
use netkit::{Error, Layer};
use tokio::time::Instant;

use super::stage::{Stage, Style, url};
use super::tap::Tap;
use crate::args::{self, Breakage};
use crate::exit::Failure;
use crate::key_log::KeyLogFile;
use crate::paint::Paint;
use crate::story::{Heard, Recorder, ms};

/// How long the server has to hear the client's alert.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn show(
    breakage: Breakage,
    network: Network,
    args: &args::Demo,
    key_log: Option<Arc<KeyLogFile>>,
    paint: Paint,
) -> Result<Vec<String>, Failure> {
    let mut stage = Stage::set(network, Some(breakage), Style::Usual, key_log)?;
    let recorder = Arc::new(Recorder::new());
    let client = stage.client(false, &Tap::over(&stage.network.client), &recorder)?;
    let Err(error) = client.get(&url("/")).await else {
        return Err(Failure::demo(
            "the client accepted a certificate that is broken",
        ));
    };
    let heard = recorder.heard();
    hold(&stage, &error, &heard).await?;
    let lines = story(breakage, &stage, &error, &heard, args.verbose, paint);
    stage.strike().await?;
    Ok(lines)
}

/// What must have happened before it is told.
async fn hold(stage: &Stage, error: &Error, heard: &[Heard]) -> Result<(), Failure> {
    if error.layer() != Layer::Certificate {
        return Err(Failure::demo(format!(
            "another layer failed: {}",
            error.report()
        )));
    }
    if !heard
        .iter()
        .any(|heard| heard.message(false, HandshakeType::CERTIFICATE).is_some())
    {
        return Err(Failure::demo("no certificate was seen"));
    }
    if !heard.iter().any(|heard| heard.sent && heard.is_alert()) {
        return Err(Failure::demo("no alert was sent"));
    }
    let began = Instant::now();
    while stage.refused().is_empty() {
        if began.elapsed() > PATIENCE {
            return Err(Failure::demo("the server did not hear the alert"));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    if stage.served().is_empty() {
        Ok(())
    } else {
        Err(Failure::demo("a request was served"))
    }
}

fn story(
    breakage: Breakage,
    stage: &Stage,
    error: &Error,
    heard: &[Heard],
    verbose: bool,
    paint: Paint,
) -> Vec<String> {
    let what = match breakage {
        Breakage::Expired => "whose time is over",
        Breakage::Name => "for another name",
        Breakage::Ca => "of a CA that the client does not trust",
    };
    let mut lines = vec![
        paint.title(&format!("netkit demo: a certificate {what}")),
        format!("  the client asks for {}", url("/")),
        String::new(),
        paint.title("What TLS said, as the client saw it"),
    ];
    for heard in heard {
        let at = if verbose {
            format!("{:>9}  ", ms(heard.at))
        } else {
            String::new()
        };
        lines.push(format!("  {at}{heard}"));
    }
    lines.push(String::new());
    lines.push(paint.bad("The client's warning (step 4 of the eight)"));
    for line in error.report().lines() {
        lines.extend(folded(line, 78).into_iter().map(|line| format!("  {line}")));
    }
    lines.push(String::new());
    lines.push(paint.title("What the server was told"));
    for line in stage.refused() {
        lines.extend(
            folded(&line, 78)
                .into_iter()
                .map(|line| format!("  {line}")),
        );
    }
    lines.push(String::new());
    lines.push(
        paint.good("No request was sent: the handshake ended before any key for data was used."),
    );
    lines
}

/// The line in pieces of at most `width` characters, cut at spaces; the rest is indented.
pub(crate) fn folded(line: &str, width: usize) -> Vec<String> {
    let indent = line.len() - line.trim_start().len();
    let mut lines = vec![" ".repeat(indent)];
    for word in line.split_whitespace() {
        let last = lines.len() - 1;
        let room = width.saturating_sub(lines[last].chars().count());
        if lines[last].trim().is_empty() {
            lines[last].push_str(word);
        } else if word.chars().count() < room {
            lines[last].push(' ');
            lines[last].push_str(word);
        } else {
            lines.push(format!("{}{word}", " ".repeat(indent + 2)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn long_lines_are_folded_at_spaces() {
        assert_eq!(folded("  one two three", 9), ["  one two", "    three"]);
        assert_eq!(folded("", 9), [""]);
        assert_eq!(folded("unbreakable", 4), ["unbreakable"]);
    }
}
