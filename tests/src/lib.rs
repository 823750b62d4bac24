//! What the tests against real peers share: which peers there are, processes that cannot outlive
//! their test, certificates, and netkit's own server in a thread.

pub mod bare;
pub mod bogo;
pub mod cases;
pub mod certificates;
pub mod goodput;
pub mod limbo;
pub mod nginx;
pub mod octets;
pub mod openssl;
pub mod ours;
pub mod packetdrill;
pub mod peer;
pub mod place;
pub mod process;
pub mod tls_cases;
pub mod venv;

/// The repository's front page: its code compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct FrontPage;

pub use libtest_mimic::{Arguments, Failed, Trial};
pub use peer::{Peer, trial};
pub use process::Running;

/// Fails the test with a formatted message unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($holds:expr $(,)?) => {
        $crate::ensure!($holds, "not so: {}", stringify!($holds))
    };
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err($crate::Failed::from(format!($($why)+)));
        }
    };
}

/// Runs the trials as the command line asks, and ends the process with their verdict.
pub fn run(trials: Vec<Trial>) -> ! {
    let mut arguments = Arguments::from_args();
    // Peers spend their time waiting for each other, but two of them can fill two cores.
    arguments.test_threads.get_or_insert(4);
    libtest_mimic::run(&arguments, trials).exit()
}
