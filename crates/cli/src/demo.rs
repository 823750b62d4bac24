//! `netkit demo`: a whole HTTPS exchange in this process, over loopback, told layer by layer, and a
//! WebSocket.

mod broken;
mod echo;
mod stage;
mod tap;
mod told;
mod transport;
mod truth;

use std::sync::Arc;

use netkit::ws::FrameHead;

use crate::args;
use crate::exit::Failure;
use crate::key_log::KeyLogFile;
use stage::{Course, Stage, Style};

pub(crate) fn run(args: &args::Demo) -> Result<(), Failure> {
    let paint = crate::paint::Paint::on(&std::io::stdout());
    let lines = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::file("runtime", e))?
        .block_on(async {
            match args.breakage {
                Some(breakage) => broken::show(breakage, args, paint).await,
                None if args.rsa_key_transport => transport::show(args, paint).await,
                None => whole(args, paint).await,
            }
        })?;
    for line in lines {
        crate::say(&line);
    }
    Ok(())
}

/// Everything that was seen on one stage.
pub(crate) struct Seen {
    stage: Stage,
    short: Course,
    long: Course,
    /// The WebSocket's frames, as the client saw them, and whether it sent them.
    frames: Vec<(bool, FrameHead)>,
}

async fn whole(args: &args::Demo, paint: crate::paint::Paint) -> Result<Vec<String>, Failure> {
    let key_log = args
        .keylog
        .as_deref()
        .map(KeyLogFile::create)
        .transpose()?
        .map(Arc::new);
    let stage = Stage::set(None, Style::Usual, key_log)?;
    let short = stage.course("short", false).await?;
    let long = stage.course("long", true).await?;
    let frames = echo::course(&stage).await?;
    let seen = Seen {
        stage,
        short,
        long,
        frames,
    };
    let facts = truth::check(&seen)?;
    let mut lines = told::story(&seen, &facts, paint);
    if args.verbose {
        lines.extend(told::more(&seen, &facts, paint));
    }
    if let Some(path) = &args.keylog {
        lines.push("The secrets of all five connections, for Wireshark, are in".to_owned());
        lines.push(format!("  {}", path.display()));
    }
    seen.stage.strike().await?;
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Breakage;
    use crate::paint::Paint;

    fn told(breakage: Option<Breakage>, verbose: bool) -> Vec<String> {
        let args = args::Demo {
            breakage,
            rsa_key_transport: false,
            keylog: None,
            verbose,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            match breakage {
                Some(breakage) => broken::show(breakage, &args, Paint::OFF).await.unwrap(),
                None => whole(&args, Paint::OFF).await.unwrap(),
            }
        })
    }

    #[test]
    fn the_story_fits_a_terminal() {
        for lines in [
            told(None, false),
            told(Some(Breakage::Expired), false),
            told(Some(Breakage::Name), false),
            told(Some(Breakage::Ca), false),
        ] {
            assert!(lines.len() <= 60, "{} lines", lines.len());
            for line in &lines {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
        assert!(told(None, true).len() > 60);
    }

    #[test]
    fn two_runs_share_no_random_and_no_certificate() {
        let fresh = |lines: Vec<String>| -> Vec<String> {
            lines
                .into_iter()
                .filter(|line| line.contains("random") || line.contains("serial"))
                .collect()
        };
        let (first, second) = (fresh(told(None, false)), fresh(told(None, false)));
        assert_eq!(first.len(), 3, "{first:?}");
        assert!(first.iter().zip(&second).all(|(a, b)| a != b), "{first:?}");
    }
}
