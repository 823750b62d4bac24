//! `--tun`: netkit's own TCP/IP host on a TUN device, instead of the kernel's.

use std::time::Duration;

use netkit::stack::tcp::Secret;
use netkit::stack::{HostConfig, Net, Tun};
use tokio::task::JoinHandle;

use crate::args;
use crate::exit::Failure;

/// A host that this runtime drives.
pub(crate) struct Host {
    pub(crate) net: Net,
    driver: JoinHandle<std::io::Result<()>>,
}

/// How long the last segments may take to be acknowledged.
const GOODBYE: Duration = Duration::from_secs(2);

impl Host {
    /// The host that the command line asks for, if it does; inside of a runtime.
    pub(crate) fn open(args: &args::Stack) -> Result<Option<Self>, Failure> {
        let Some(name) = &args.tun else {
            return Ok(None);
        };
        let device = Tun::open(name).map_err(Failure::tcp)?;
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).map_err(|e| Failure::file("randomness", e))?;
        let config = HostConfig::new(args.tun_addr.iter().copied(), Secret::new(secret));
        let (net, driver) =
            Net::new(device, config).map_err(|e| Failure::usage(format!("--tun: {e}")))?;
        let driver = tokio::spawn(driver);
        Ok(Some(Self { net, driver }))
    }

    /// Lets what was said last arrive; everything that holds the host has to be gone.
    pub(crate) async fn finish(self) -> Result<(), Failure> {
        drop(self.net);
        match tokio::time::timeout(GOODBYE, self.driver).await {
            Ok(Ok(ended)) => ended.map_err(Failure::tcp),
            // It does not panic; and a peer that does not answer any more is not waited for.
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }
}
