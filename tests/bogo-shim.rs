//! The shim that BoringSSL's test runner drives: one process a test, all of it in its command line. See
//! docs/conformance.md.

use std::path::Path;
use std::process::ExitCode;

use netkit_tests::bogo::exchange::{self, Failure};
use netkit_tests::bogo::flags::Line;

/// What the runner takes for "not implemented".
const UNIMPLEMENTED: u8 = 89;

/// What the runner takes for a failure in any test.
const NEVER: u8 = 90;

/// A folder for what no test may end in: a file for each panic.
const FOUND: &str = "NETKIT_BOGO_FOUND";

/// Octets to read at once, if fewer than there are.
const OCTETS: &str = "NETKIT_BOGO_OCTETS";

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        if let Some(folder) = std::env::var_os(FOUND) {
            let file = Path::new(&folder).join(format!("panic.{}", std::process::id()));
            // The exit code says it too.
            let _ = std::fs::write(file, panic.to_string());
        }
        std::process::exit(NEVER.into());
    }));
    let line = match Line::read(std::env::args().skip(1)) {
        Ok(line) => line,
        Err(error) => return unimplemented(&error.0),
    };
    if line.initial.flags.has("is-handshaker-supported") {
        println!("No");
        return ExitCode::SUCCESS;
    }
    let octets = std::env::var(OCTETS).ok();
    let octets = octets.and_then(|octets| octets.parse().ok());
    match exchange::run(&line, octets) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Unsupported(what)) => unimplemented(&what),
        Err(Failure::Said(what)) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}

fn unimplemented(what: &str) -> ExitCode {
    eprintln!("not implemented: {what}");
    ExitCode::from(UNIMPLEMENTED)
}
