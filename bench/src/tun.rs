//! Octets between the kernel's TCP and another over a TUN device, the kernel on a thread of its own. As root only:
//! it makes devices, in a network namespace that it enters.

use crate::{
    measure::{Bench, Contest, Unit, timed},
    pairs::{BUFFER, check},
};
use netkit_stack::{HostConfig, Net, Tun, tcp::Secret};
use nix::sched::{CloneFlags, unshare};
use smoltcp::{
    iface::{Config as IfaceConfig, Interface, SocketHandle, SocketSet},
    phy::{Medium, TunTapInterface, wait},
    socket::tcp,
    time::{Duration as Pause, Instant},
    wire::{HardwareAddress, IpAddress, IpCidr},
};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::fd::AsRawFd,
    process::Command,
    thread,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::Runtime,
};

/// Octets moved by an operation.
const OCTETS: usize = 4 << 20;

pub fn run(bench: &mut Bench) {
    let names = ["tun/receive", "tun/send"];
    if !names.iter().any(|name| bench.wants(name)) {
        return;
    }
    if let Err(why) = unshare(CloneFlags::CLONE_NEWNET) {
        eprintln!("tun/: no network namespace, so not measured: {why}");
        return;
    }
    let (mut ours, mut theirs) = (Ours::connected(), Theirs::connected());
    let data: Vec<u8> = (0..OCTETS).map(|at| (at / 3) as u8).collect();
    let contest = |name| Contest {
        name,
        peer: "smoltcp",
        unit: Unit::Octets(OCTETS),
    };
    let [receive, send] = names;
    if bench.wants(receive) {
        bench.run(
            &contest(receive),
            |count| timed(|| (0..count).for_each(|_| ours.receive(&data))),
            |count| timed(|| (0..count).for_each(|_| theirs.receive(&data))),
        );
    }
    if bench.wants(send) {
        bench.run(
            &contest(send),
            |count| timed(|| (0..count).for_each(|_| ours.send(&data))),
            |count| timed(|| (0..count).for_each(|_| theirs.send(&data))),
        );
    }
}

/// Makes a device whose network has this number, and a listener of the kernel's on it.
fn device(name: &str, network: u8) -> TcpListener {
    for arguments in [
        format!("tuntap add dev {name} mode tun"),
        format!("addr add 10.0.{network}.1/24 dev {name}"),
        format!("link set {name} up"),
    ] {
        let status = Command::new("ip").args(arguments.split(' ')).status();
        assert!(status.expect("iproute2").success(), "ip {arguments}");
    }
    TcpListener::bind((Ipv4Addr::new(10, 0, network, 1), 0)).expect("an address")
}

/// The kernel reads what it is to be sent.
fn takes(mut kernel: &TcpStream, data: &[u8]) {
    let (mut buffer, mut read) = (vec![0; BUFFER], 0);
    while read < data.len() {
        let count = kernel.read(&mut buffer).expect("open");
        check(data, &mut read, &buffer[..count]);
    }
}

struct Ours {
    runtime: Runtime,
    stream: netkit_stack::TcpStream,
    kernel: TcpStream,
    buffer: Vec<u8>,
}

impl Ours {
    fn connected() -> Self {
        let listener = device("tun0", 1);
        let at = listener.local_addr().expect("bound");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let stream = runtime.block_on(async {
            let address = "10.0.1.2/24".parse().expect("a prefix");
            let config = HostConfig::new([address], Secret::new([7; 16]));
            let (net, driver) = Net::new(Tun::open("tun0").expect("a device"), config)?;
            tokio::spawn(driver);
            net.connect(at).await
        });
        Self {
            runtime,
            stream: stream.expect("the kernel accepts"),
            kernel: listener.accept().expect("we connected").0,
            buffer: vec![0; BUFFER],
        }
    }

    fn receive(&mut self, data: &[u8]) {
        let Self {
            runtime,
            stream,
            kernel,
            buffer,
        } = self;
        thread::scope(|scope| {
            scope.spawn(|| kernel.write_all(data).expect("open"));
            let mut read = 0;
            runtime.block_on(async {
                while read < data.len() {
                    let count = stream.read(buffer).await.expect("open");
                    check(data, &mut read, &buffer[..count]);
                }
            });
        });
    }

    fn send(&mut self, data: &[u8]) {
        let Self {
            runtime,
            stream,
            kernel,
            ..
        } = self;
        thread::scope(|scope| {
            let (done, is_done) = tokio::sync::oneshot::channel();
            scope.spawn(|| {
                takes(kernel, data);
                done.send(()).expect("waited for");
            });
            runtime.block_on(async {
                stream.write_all(data).await.expect("open");
                is_done.await.expect("told");
            });
        });
    }
}

struct Theirs {
    device: TunTapInterface,
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    kernel: TcpStream,
    buffer: Vec<u8>,
}

impl Theirs {
    fn connected() -> Self {
        let listener = device("tun1", 2);
        let port = listener.local_addr().expect("bound").port();
        let mut device = TunTapInterface::new("tun1", Medium::Ip).expect("a device");
        let config = IfaceConfig::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut device, Instant::now());
        interface.update_ip_addrs(|addresses| {
            let cidr = IpCidr::new(IpAddress::v4(10, 0, 2, 2), 24);
            addresses.push(cidr).expect("room");
        });
        let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        let remote = (IpAddress::v4(10, 0, 2, 1), port);
        socket
            .connect(interface.context(), remote, 50_000)
            .expect("addresses");
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        let accepts = thread::spawn(move || listener.accept().expect("it connects").0);
        while !accepts.is_finished() {
            interface.poll(Instant::now(), &mut device, &mut sockets);
        }
        Self {
            device,
            interface,
            sockets,
            socket,
            kernel: accepts.join().expect("it connected"),
            buffer: vec![0; BUFFER],
        }
    }

    fn receive(&mut self, data: &[u8]) {
        let kernel = self.kernel.try_clone().expect("a descriptor");
        thread::scope(|scope| {
            scope.spawn(move || (&kernel).write_all(data).expect("open"));
            let mut read = 0;
            while read < data.len() {
                self.turn();
                let socket = self.sockets.get_mut::<tcp::Socket<'_>>(self.socket);
                match socket.recv_slice(&mut self.buffer).expect("open") {
                    0 => self.wait(),
                    count => check(data, &mut read, &self.buffer[..count]),
                }
            }
        });
        self.turn();
    }

    fn send(&mut self, data: &[u8]) {
        let kernel = self.kernel.try_clone().expect("a descriptor");
        thread::scope(|scope| {
            let taken = scope.spawn(move || takes(&kernel, data));
            let mut queued = 0;
            while !taken.is_finished() {
                let socket = self.sockets.get_mut::<tcp::Socket<'_>>(self.socket);
                let count = socket.send_slice(&data[queued..]).expect("open");
                queued += count;
                self.turn();
                if count == 0 {
                    self.wait();
                }
            }
        });
    }

    fn turn(&mut self) {
        let Self {
            device,
            interface,
            sockets,
            ..
        } = self;
        interface.poll(Instant::now(), device, sockets);
    }

    /// Until a packet comes or something is due; a thread that ends wakes nobody, so not for long.
    fn wait(&mut self) {
        const LONGEST: Pause = Pause::from_micros(200);
        let due = self.interface.poll_delay(Instant::now(), &self.sockets);
        let pause = due.map_or(LONGEST, |due| due.min(LONGEST));
        wait(self.device.as_raw_fd(), Some(pause)).expect("a device");
    }
}
