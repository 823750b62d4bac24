#![doc = include_str!("../README.md")]

mod args;
mod cert;
mod certificate;
mod demo;
mod dev_ca;
mod exit;
mod get;
mod key_log;
mod paint;
mod rsa_key;
mod serve;
mod story;
#[cfg(all(feature = "tun", target_os = "linux"))]
mod tun;
mod ws;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use args::{Command, Netkit};

fn main() -> ExitCode {
    let ended = match Netkit::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Cert(args) => cert::run(&args),
        Command::Ws(args) => ws::run(&args),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let paint = paint::Paint::on(&std::io::stderr());
            tell(&format!("{} {}", paint.bad("netkit:"), failure.why));
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// A line on standard output. Whoever closed it does not want to hear of it either.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// A line on standard error.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// What a peer was let off, and where in its stream it showed first.
fn passed(used: netkit::Leniency, at: u64) -> String {
    format!("needs --lenient {used} ({}) at octet {at}", used.rule())
}
