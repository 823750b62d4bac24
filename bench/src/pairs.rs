//! Octets from one TCP to another in memory, on one thread: packets of 1500 octets, whatever is due sent and
//! heard in turns.

use crate::measure::{Bench, Contest, Unit, timed};
use netkit_tcp::{Backlog, Config, Connection, Listener, PseudoHeader, Secret, Segment};
use smoltcp::{
    iface::{Config as IfaceConfig, Interface, SocketHandle, SocketSet},
    phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken},
    socket::tcp,
    time::Instant,
    wire::{HardwareAddress, IpAddress, IpCidr},
};
use std::{collections::VecDeque, net::SocketAddr, ops::Range, sync::Arc, time::Duration};

/// Octets moved by an operation.
const OCTETS: usize = 1 << 20;

/// Octets of each side's buffers: netkit's default.
pub const BUFFER: usize = 256 * 1024;

/// How much later it is at each side's next turn.
const TURN: Duration = Duration::from_micros(50);

pub fn run(bench: &mut Bench) {
    if !bench.wants("tcp/pair") {
        return;
    }
    let (mut ours, mut theirs) = (Ours::connected(), Theirs::connected());
    let contest = Contest {
        name: "tcp/pair",
        peer: "smoltcp",
        unit: Unit::Octets(OCTETS),
    };
    let data: Vec<u8> = (0..OCTETS).map(|at| (at / 3) as u8).collect();
    bench.run(
        &contest,
        |count| timed(|| (0..count).for_each(|_| ours.carry(&data))),
        |count| timed(|| (0..count).for_each(|_| theirs.carry(&data))),
    );
}

/// What has to arrive, a piece at a time.
pub fn check(data: &[u8], read: &mut usize, piece: &[u8]) {
    // The edges tell whether anything is out of place, and cost next to nothing.
    assert_eq!(piece.first(), data.get(*read));
    *read += piece.len();
    assert_eq!(piece.last(), data.get(*read - 1));
}

struct Ours {
    now: Duration,
    client: Connection,
    server: Connection,
    pseudo: PseudoHeader,
    wire: Vec<u8>,
    sent: Vec<Range<usize>>,
    buffer: Vec<u8>,
}

impl Ours {
    fn connected() -> Self {
        let now = Duration::from_secs(1);
        let here: SocketAddr = ([192, 0, 2, 1], 50_000).into();
        let there: SocketAddr = ([192, 0, 2, 2], 80).into();
        let pseudo = PseudoHeader::new(here.ip(), there.ip()).expect("one family");
        let config = Arc::new(Config::new(Secret::new([7; 16])));
        let mut client = Connection::connect(now, config.clone(), here, there).expect("addresses");
        let mut listener = Listener::new(config, Backlog::default());
        let mut wire = Vec::new();
        for _ in 0..2 {
            wire.clear();
            while let Some(sent) = client.transmit(now, &mut wire) {
                let segment = Segment::parse(&wire[sent.range]).expect("whole");
                let segment = segment.verify(pseudo).expect("right");
                listener.recv(now, there, here, &segment);
            }
            while let Some((_, sent)) = listener.transmit(now, &mut wire) {
                let segment = Segment::parse(&wire[sent.range]).expect("whole");
                client.recv(now, &segment.verify(pseudo).expect("right"));
            }
        }
        Self {
            now,
            client,
            server: listener.accept().expect("established"),
            pseudo,
            wire,
            sent: Vec::new(),
            buffer: vec![0; BUFFER],
        }
    }

    fn carry(&mut self, data: &[u8]) {
        let (mut queued, mut read) = (0, 0);
        while read < data.len() {
            queued += self.client.send(&data[queued..]).expect("open");
            turn(
                self.now,
                &mut self.client,
                &mut self.server,
                self.pseudo,
                &mut self.wire,
                &mut self.sent,
            );
            self.now += TURN;
            let count = self.server.read(&mut self.buffer);
            check(data, &mut read, &self.buffer[..count]);
            turn(
                self.now,
                &mut self.server,
                &mut self.client,
                self.pseudo,
                &mut self.wire,
                &mut self.sent,
            );
            self.now += TURN;
        }
    }
}

/// Everything that is due at one end reaches the other.
fn turn(
    now: Duration,
    from: &mut Connection,
    to: &mut Connection,
    pseudo: PseudoHeader,
    wire: &mut Vec<u8>,
    sent: &mut Vec<Range<usize>>,
) {
    wire.clear();
    while let Some(segment) = from.transmit(now, wire) {
        sent.push(segment.range);
    }
    for range in sent.drain(..) {
        let segment = Segment::parse(&wire[range]).expect("whole");
        to.recv(now, &segment.verify(pseudo).expect("right"));
    }
}

/// One end's side of a wire.
#[derive(Default)]
struct Wire {
    sent: VecDeque<Vec<u8>>,
    arrived: VecDeque<Vec<u8>>,
}

struct Arrived(Vec<u8>);
struct Sending<'w>(&'w mut VecDeque<Vec<u8>>);

impl Device for Wire {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Arrived, Sending<'_>)> {
        let packet = self.arrived.pop_front()?;
        Some((Arrived(packet), Sending(&mut self.sent)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Sending<'_>> {
        Some(Sending(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1500;
        capabilities
    }
}

impl RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut packet = vec![0; length];
        let result = write(&mut packet);
        self.0.push_back(packet);
        result
    }
}

struct End {
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    wire: Wire,
}

impl End {
    fn new(address: [u8; 4]) -> Self {
        let mut wire = Wire::default();
        let config = IfaceConfig::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut wire, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            let cidr = IpCidr::new(IpAddress::Ipv4(address.into()), 24);
            addresses.push(cidr).expect("room");
        });
        let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(tcp::Socket::new(buffer(), buffer()));
        Self {
            interface,
            sockets,
            socket,
            wire,
        }
    }

    fn socket(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    fn turn(&mut self, now: Instant, other: &mut Self) {
        self.interface.poll(now, &mut self.wire, &mut self.sockets);
        other.wire.arrived.append(&mut self.wire.sent);
    }
}

struct Theirs {
    now: Instant,
    client: End,
    server: End,
    buffer: Vec<u8>,
}

impl Theirs {
    fn connected() -> Self {
        let (mut client, mut server) = (End::new([192, 0, 2, 1]), End::new([192, 0, 2, 2]));
        server.socket().listen(80).expect("fresh");
        let remote = (IpAddress::v4(192, 0, 2, 2), 80);
        let End {
            interface,
            sockets,
            socket,
            ..
        } = &mut client;
        let opening = sockets.get_mut::<tcp::Socket<'_>>(*socket);
        opening
            .connect(interface.context(), remote, 50_000)
            .expect("addresses");
        let mut theirs = Self {
            now: Instant::from_millis(1000),
            client,
            server,
            buffer: vec![0; BUFFER],
        };
        while !theirs.server.socket().may_send() {
            theirs.turns();
        }
        theirs
    }

    fn turns(&mut self) {
        self.client.turn(self.now, &mut self.server);
        self.now += TURN.into();
        self.server.turn(self.now, &mut self.client);
        self.now += TURN.into();
    }

    fn carry(&mut self, data: &[u8]) {
        let (mut queued, mut read) = (0, 0);
        while read < data.len() {
            queued += self
                .client
                .socket()
                .send_slice(&data[queued..])
                .expect("open");
            self.client.turn(self.now, &mut self.server);
            self.now += TURN.into();
            self.server.turn(self.now, &mut self.client);
            let count = self
                .server
                .sockets
                .get_mut::<tcp::Socket<'_>>(self.server.socket)
                .recv_slice(&mut self.buffer)
                .expect("open");
            if count > 0 {
                check(data, &mut read, &self.buffer[..count]);
            }
            self.server.turn(self.now, &mut self.client);
            self.now += TURN.into();
        }
    }
}
