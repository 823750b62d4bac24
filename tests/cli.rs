//! The program `netkit` against curl, nginx, openssl and tshark, and what it tells its user.

#[path = "cli/cert.rs"]
mod cert;
#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/get.rs"]
mod get;
#[path = "cli/serve.rs"]
mod serve;
#[path = "cli/tun.rs"]
mod tun;
#[path = "cli/ws.rs"]
mod ws;

use std::path::Path;

use netkit_tests::Failed;
use netkit_tests::process::{Ended, run};

type Tested = Result<(), Failed>;

const NETKIT: &str = env!("CARGO_BIN_EXE_netkit");

fn main() {
    let trials = [
        // In front: those that run in a namespace make no others there.
        tun::trials(),
        cert::trials(),
        demo::trials(),
        serve::trials(),
        get::trials(),
        ws::trials(),
    ];
    netkit_tests::run(trials.into_iter().flatten().collect())
}

fn netkit(arguments: &[&str]) -> Result<Ended, Failed> {
    run(NETKIT, arguments, b"")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
