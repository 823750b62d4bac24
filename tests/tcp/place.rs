//! A network namespace for each test: this program, started again inside of it.

use std::net::SocketAddr;
use std::time::Duration;

use libtest_mimic::Trial;
use netkit::stack::tcp::Secret;
use netkit::stack::{Device, HostConfig, Net, Tun};
use netkit_tests::process::{Running, run as run_program};
use netkit_tests::{Failed, Peer, ensure};

pub(crate) type Tested = Result<(), Failed>;

/// The test that this process is to run, inside of its namespace.
const INSIDE: &str = "NETKIT_TCP_KERNEL_TEST";

/// No test takes longer, long transfers by hand included.
const PATIENCE: Duration = Duration::from_secs(900);

/// A test that runs in a namespace of its own.
pub(crate) fn trial(
    name: impl Into<String>,
    peers: &[Peer],
    test: impl FnOnce() -> Tested + Send + 'static,
) -> Trial {
    let name = name.into();
    if let Ok(wanted) = std::env::var(INSIDE) {
        if wanted != name {
            return Trial::test(name, || Ok(()));
        }
        let ended = test();
        if let Err(why) = &ended {
            eprintln!("{}", why.message().unwrap_or("failed"));
        }
        std::process::exit(i32::from(ended.is_err()));
    }
    let all: Vec<Peer> = [&[Peer::Tun], peers].concat();
    let wanted = name.clone();
    netkit_tests::trial(name, &all, move || {
        let program = std::env::current_exe()?;
        // Ten thousand connections are as many files.
        let script = "ulimit -n $(ulimit -H -n); export NETKIT_TCP_KERNEL_TEST=$1; exec \"$0\"";
        let program = program.display().to_string();
        let arguments = ["--net", "sh", "-c", script, &program, &wanted];
        let ended = Running::start("unshare", arguments)?.wait_within(PATIENCE)?;
        ensure!(ended.status.success(), "{ended}");
        Ok(())
    })
    .with_ignored_flag(true)
}

/// Runs the trials; one at a time, because each means to fill the machine.
pub(crate) fn run(trials: Vec<Trial>) -> ! {
    let mut arguments = netkit_tests::Arguments::from_args();
    arguments.test_threads.get_or_insert(2);
    libtest_mimic::run(&arguments, trials).exit()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Four,
    Six,
}

/// The namespace that this process is in: a TUN device on whose other end the kernel is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) family: Family,
    pub(crate) mtu: u16,
}

#[expect(
    clippy::unused_self,
    reason = "the namespace is what a place stands for"
)]
impl Place {
    /// Makes the device.
    pub(crate) fn new(family: Family, mtu: u16) -> Result<Self, Failed> {
        let place = Self { family, mtu };
        place.ip(&["link", "set", "lo", "up"])?;
        place.ip(&["tuntap", "add", "dev", "tun0", "mode", "tun"])?;
        place.ip(&["link", "set", "tun0", "mtu", &mtu.to_string()])?;
        match family {
            Family::Four => place.ip(&["addr", "add", "10.77.0.1/24", "dev", "tun0"])?,
            Family::Six => place.ip(&["addr", "add", "fd77::1/64", "dev", "tun0", "nodad"])?,
        }
        place.ip(&["link", "set", "tun0", "up"])?;
        Ok(place)
    }

    /// A second device, for a second host, whose packets the kernel forwards.
    pub(crate) fn second_link(&self, mtu: u16) -> Tested {
        self.ip(&["tuntap", "add", "dev", "tun1", "mode", "tun"])?;
        self.ip(&["link", "set", "tun1", "mtu", &mtu.to_string()])?;
        self.ip(&["addr", "add", "10.78.0.1/24", "dev", "tun1"])?;
        self.ip(&["link", "set", "tun1", "up"])
    }

    /// Our address.
    pub(crate) fn ours(&self, port: u16) -> SocketAddr {
        match self.family {
            Family::Four => SocketAddr::from(([10, 77, 0, 2], port)),
            Family::Six => SocketAddr::from(([0xfd77, 0, 0, 0, 0, 0, 0, 2], port)),
        }
    }

    /// The kernel's.
    pub(crate) fn theirs(&self, port: u16) -> SocketAddr {
        match self.family {
            Family::Four => SocketAddr::from(([10, 77, 0, 1], port)),
            Family::Six => SocketAddr::from(([0xfd77, 0, 0, 0, 0, 0, 0, 1], port)),
        }
    }

    /// A host on the device, driven by this runtime.
    pub(crate) fn host(&self) -> Result<Net, Failed> {
        self.host_through(|tun| tun)
    }

    /// The same with something between.
    pub(crate) fn host_through<D>(&self, between: impl FnOnce(Tun) -> D) -> Result<Net, Failed>
    where
        D: Device + Unpin + Send + 'static,
    {
        let address = match self.family {
            Family::Four => "10.77.0.2/24",
            Family::Six => "fd77::2/64",
        };
        drive(between(Tun::open("tun0")?), address)
    }

    /// A host on the second device, that does not know how small its packets have to be.
    pub(crate) fn second_host(&self) -> Result<Net, Failed> {
        drive(Boastful(Tun::open("tun1")?), "10.78.0.2/24")
    }

    /// Writes a setting of the namespace.
    pub(crate) fn set(&self, name: &str, value: u8) -> Tested {
        let path = format!("/proc/sys/net/{name}");
        Ok(std::fs::write(path, value.to_string())?)
    }

    /// What the kernel tells of its TCP sockets.
    pub(crate) fn sockets(&self) -> Result<String, Failed> {
        Ok(run_program("ss", ["-tnioaH"], b"")?.ok()?.out)
    }

    pub(crate) fn ip(&self, arguments: &[&str]) -> Tested {
        run_program("ip", arguments, b"")?.ok().map(drop)
    }
}

fn drive<D>(device: D, address: &str) -> Result<Net, Failed>
where
    D: Device + Unpin + Send + 'static,
{
    let mut secret = [0; 16];
    getrandom::fill(&mut secret).map_err(|e| e.to_string())?;
    let config = HostConfig::new([address.parse()?], Secret::new(secret));
    let (net, driver) = Net::new(device, config)?;
    tokio::spawn(driver);
    Ok(net)
}

/// A device that takes itself for one of 1500 octets.
struct Boastful(Tun);

impl Device for Boastful {
    fn poll_recv(
        &mut self,
        cx: &mut std::task::Context<'_>,
        buffer: &mut [u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        self.0.poll_recv(cx, buffer)
    }

    fn poll_send(
        &mut self,
        cx: &mut std::task::Context<'_>,
        packet: &[u8],
    ) -> std::task::Poll<std::io::Result<()>> {
        self.0.poll_send(cx, packet)
    }

    fn mtu(&self) -> u16 {
        1500
    }
}
