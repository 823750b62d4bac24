//! `netkit demo`: whole HTTPS exchanges and a WebSocket between two hosts in this process, over a simulated
//! wire in virtual time, told layer by layer.

mod broken;
mod echo;
mod ending;
mod stage;
mod tap;
mod told;
mod transport;
mod truth;
mod wire;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use netkit::sim::{Chance, LinkConfig, Network, Path, Sighting, Sim};
use netkit::ws::FrameHead;

use crate::args;
use crate::exit::Failure;
use crate::key_log::KeyLogFile;
use crate::paint::Paint;
use ending::Endings;
use stage::{Course, Stage, Style};
use wire::{Log, Passage};

/// How long a packet travels.
pub(crate) const DELAY: Duration = Duration::from_millis(10);

/// Tells the story once everything has passed the wire.
type Telling<'a> = Box<dyn FnOnce(&[Passage]) -> Result<Vec<String>, Failure> + 'a>;

pub(crate) fn run(args: &args::Demo) -> Result<(), Failure> {
    let paint = Paint::on(&std::io::stdout());
    for line in told(args, paint)? {
        crate::say(&line);
    }
    Ok(())
}

fn told(args: &args::Demo, paint: Paint) -> Result<Vec<String>, Failure> {
    let seed = match args.seed {
        Some(seed) => seed,
        // Short enough to be typed.
        None => getrandom::u32()
            .map_err(|e| Failure::demo(format!("a seed: {e}")))?
            .into(),
    };
    let log = Arc::<Log>::default();
    let (tapped, watched) = (Arc::clone(&log), Arc::clone(&log));
    let path = Path {
        delay: DELAY,
        loss: Chance::percent(args.loss),
        ..Path::default()
    };
    let mut sim = Sim::new(seed)
        .link(LinkConfig::both(path))
        .tap(move |sighting: &Sighting<'_>| tapped.sent(sighting))
        .hosts(move |at, host| host.watch = Some(watched.watch(at)));
    if let Some(path) = &args.pcap {
        let file = File::create(path).map_err(|e| Failure::file(path.display(), e))?;
        sim = sim.capture(file);
    }
    let key_log = args.keylog.as_deref().map(KeyLogFile::create).transpose()?;
    let key_log = key_log.map(Arc::new);
    let telling = sim.run(async |network| play(network, args, key_log, paint).await)??;
    let passed = log.passed();
    let mut lines = telling(&passed)?;
    let lost = wire::losses(&passed);
    if !lost.is_empty() {
        lines.push(String::new());
        lines.push(paint.title("What the wire lost, and what TCP did about it"));
        lines.extend(lost);
    }
    lines.extend(files(args));
    let again = format!("netkit demo --seed {seed} --loss {}", args.loss);
    lines.push(paint.faint(&format!("The same times, lengths and flags again: {again}")));
    Ok(lines)
}

async fn play(
    network: Network,
    args: &args::Demo,
    key_log: Option<Arc<KeyLogFile>>,
    paint: Paint,
) -> Result<Telling<'_>, Failure> {
    let lines = match args.breakage {
        Some(breakage) => broken::show(breakage, network, args, key_log, paint).await?,
        None if args.rsa_key_transport => transport::show(network, key_log, paint).await?,
        None => {
            let seen = whole(network, key_log).await?;
            return Ok(Box::new(move |passed| tell(&seen, passed, args, paint)));
        }
    };
    Ok(Box::new(|_| Ok(lines)))
}

/// Where the captures are.
fn files(args: &args::Demo) -> Vec<String> {
    let file = |what: &str, path: &Option<PathBuf>| {
        let path = path.as_ref()?;
        Some(format!("{what}: {}", path.display()))
    };
    let packets = file("Every packet, for Wireshark", &args.pcap);
    let secrets = file("The secrets to read them with", &args.keylog);
    packets.into_iter().chain(secrets).collect()
}

/// Everything that was seen on one stage.
pub(crate) struct Seen {
    stage: Stage,
    short: Course,
    long: Course,
    /// The WebSocket's frames, as the client saw them, and whether it sent them.
    frames: Vec<(bool, FrameHead)>,
    endings: Endings,
}

async fn whole(network: Network, key_log: Option<Arc<KeyLogFile>>) -> Result<Seen, Failure> {
    let mut stage = Stage::set(network, None, Style::Usual, key_log)?;
    let short = stage.course("short", false).await?;
    let long = stage.course("long", true).await?;
    let frames = echo::course(&stage).await?;
    let endings = ending::course(&stage).await?;
    stage.strike().await?;
    Ok(Seen {
        stage,
        short,
        long,
        frames,
        endings,
    })
}

fn tell(
    seen: &Seen,
    passed: &[Passage],
    args: &args::Demo,
    paint: Paint,
) -> Result<Vec<String>, Failure> {
    let checked = truth::check(seen, passed)?;
    let mut lines = told::story(seen, &checked, passed, paint);
    if args.verbose {
        lines.extend(told::more(seen, &checked, passed, paint));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Breakage;

    fn args(seed: u64) -> args::Demo {
        args::Demo {
            breakage: None,
            rsa_key_transport: false,
            loss: 0.0,
            seed: Some(seed),
            pcap: None,
            keylog: None,
            verbose: false,
        }
    }

    fn lines(args: &args::Demo) -> Vec<String> {
        told(args, Paint::OFF).unwrap_or_else(|failure| panic!("{}", failure.why))
    }

    #[test]
    fn the_story_fits_a_terminal() {
        let broken = |breakage| args::Demo {
            breakage: Some(breakage),
            ..args(7)
        };
        for args in [
            args(7),
            broken(Breakage::Expired),
            broken(Breakage::Name),
            broken(Breakage::Ca),
        ] {
            let lines = lines(&args);
            assert!(lines.len() <= 60, "{} lines", lines.len());
            for line in &lines {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
        let verbose = args::Demo {
            verbose: true,
            ..args(7)
        };
        assert!(lines(&verbose).len() > 60);
    }

    /// The seed decides what TCP does; randoms, keys and serial numbers are never the same.
    #[test]
    fn two_runs_share_what_the_seed_decides_and_no_more() {
        let run = |seed| {
            lines(&args::Demo {
                verbose: true,
                loss: 5.0,
                ..args(seed)
            })
        };
        let part = |lines: &[String], is: fn(&str) -> bool| -> Vec<String> {
            lines.iter().filter(|line| is(line)).cloned().collect()
        };
        let fresh = |line: &str| line.contains("random ") || line.contains("serial ");
        let decided = |line: &str| line.contains(" seq=");
        let (first, second, other) = (run(7), run(7), run(8));
        let (a, b) = (part(&first, fresh), part(&second, fresh));
        assert!(a.len() >= 2, "{a:?}");
        assert!(a.iter().zip(&b).all(|(a, b)| a != b), "{a:?}");
        assert!(part(&first, decided).len() > 50);
        assert_eq!(part(&first, decided), part(&second, decided));
        assert_ne!(part(&first, decided), part(&other, decided));
    }

    /// Whatever is lost, the story holds: no seed is special.
    #[test]
    fn the_story_holds_whatever_is_lost() {
        for seed in 0..20 {
            lines(&args::Demo {
                loss: 10.0,
                ..args(seed)
            });
        }
    }
}
