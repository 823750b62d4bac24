//! A host: every connection and listener behind one link.

mod arrives;
mod departs;
mod ends;
mod errors;
mod pieces;
mod routes;

use crate::{
    Error, HostConfig,
    config::is_unicast,
    slab::{Key, Slab},
};
use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use ends::Ends;
use netkit_tcp::{Backlog, Config, Connection, KeepAlive, Listener, Offload, State};

pub use departs::Sent;

/// A connection of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(Key);

/// A listener of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(Key);

/// What a socket's owner may want to know: what became possible since it was last told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Readiness {
    /// It is established.
    pub connected: bool,
    /// There are data to read, or their end, or urgent data ahead.
    pub readable: bool,
    /// There is room for a quarter of the send buffer at least.
    pub writable: bool,
    /// The connection is over.
    pub closed: bool,
}

/// News for an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Of a connection.
    Socket(SocketId, Readiness),
    /// Someone waits to be accepted.
    Acceptable(ListenerId),
}

/// Something with timers, and something to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Party {
    Socket(Key),
    Listener(Key),
}

/// When a party wants to be called again: never later than it has to be, maybe sooner.
#[derive(Debug, Default)]
struct Schedule {
    /// The entry in the host's list.
    at: Option<Duration>,
    /// It is among those that may have something to send.
    is_ready: bool,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Socket {
    connection: Connection,
    /// It is found by its ends.
    is_bound: bool,
    /// Nobody will ask for it any more.
    is_left: bool,
    /// It is among those in TIME-WAIT that nobody will ask for.
    is_in_time_wait: bool,
    news: Readiness,
    has_news: bool,
    hop_limit: u8,
    traffic_class: u8,
    heard_traffic_class: u8,
    /// When its buffers may be given back.
    rest_at: Option<Duration>,
    last_used: Duration,
    schedule: Schedule,
}

#[derive(Debug)]
struct Listening {
    listener: Listener,
    at: SocketAddr,
    has_news: bool,
    hop_limit: u8,
    traffic_class: u8,
    schedule: Schedule,
}

/// A TCP/IP host without I/O: packets in by [`recv`](Self::recv), packets out by
/// [`transmit`](Self::transmit), sockets between. It owns no clock and no randomness: the same calls give
/// the same packets.
///
/// The grammar: after every other call `transmit` until it returns `None` and [`event`](Self::event)
/// until it does; again when [`timeout`](Self::timeout) has come.
#[derive(Debug)]
pub struct Host {
    config: HostConfig,
    tcp: Arc<Config>,
    sockets: Slab<Socket>,
    listeners: Slab<Listening>,
    by_ends: BTreeMap<Ends, Key>,
    by_port: BTreeMap<(u16, IpAddr), Key>,
    /// Who wants to be called when. Later than it says is never, sooner may be: most timers are moved
    /// many times before they run out.
    due: BTreeSet<(Duration, Party)>,
    /// Who may have something to send, each once.
    ready: VecDeque<Party>,
    news: VecDeque<Party>,
    /// Whole packets that belong to no connection.
    outbox: VecDeque<Vec<u8>>,
    errors: errors::Bucket,
    pieces: pieces::Pieces,
    routes: routes::Routes,
    paths: routes::Paths,
    /// Connections opened so far, for the choice of ports.
    attempts: u16,
    /// Those that nobody will ask for any more.
    orphans: usize,
    /// Those of them in TIME-WAIT, the oldest first.
    time_wait: VecDeque<Key>,
    scratch: Vec<u8>,
}

impl Host {
    /// A host without connections.
    ///
    /// # Errors
    /// [`Error::MisuseConfig`] if it has no address or too small an MTU.
    pub fn new(config: HostConfig) -> Result<Self, Error> {
        config.check()?;
        let tcp = Arc::new(Config {
            mtu: config.mtu,
            // Packets leave complete.
            offload: Offload::None,
            ..config.tcp.clone()
        });
        Ok(Self {
            config,
            tcp,
            sockets: Slab::new(),
            listeners: Slab::new(),
            by_ends: BTreeMap::new(),
            by_port: BTreeMap::new(),
            due: BTreeSet::new(),
            ready: VecDeque::new(),
            news: VecDeque::new(),
            outbox: VecDeque::new(),
            errors: errors::Bucket::default(),
            pieces: pieces::Pieces::default(),
            routes: routes::Routes::default(),
            paths: routes::Paths::default(),
            attempts: 0,
            orphans: 0,
            time_wait: VecDeque::new(),
            scratch: Vec::new(),
        })
    }

    /// What it is.
    pub const fn config(&self) -> &HostConfig {
        &self.config
    }

    /// Connections that are held, whatever their state; those that wait to be accepted are their
    /// listener's.
    pub fn connections(&self) -> usize {
        self.sockets.len()
    }

    /// Whether no connection has anything left to say: none is held, or only in TIME-WAIT.
    pub fn is_idle(&self) -> bool {
        self.outbox.is_empty()
            && self
                .sockets
                .values()
                .all(|socket| socket.connection.is_closed() || is_time_wait(socket))
    }

    /// Listens (passive OPEN, RFC 9293 3.10.1): at one address or, unspecified, at all of its family;
    /// `[::]` means both families. Port 0 takes a free one. Where it listens, and by which name.
    ///
    /// # Errors
    /// [`Error::MisuseNotOurs`], [`Error::MisuseInUse`], [`Error::LocalPortsUsedUp`].
    pub fn listen(
        &mut self,
        at: SocketAddr,
        backlog: Backlog,
    ) -> Result<(ListenerId, SocketAddr), Error> {
        let ip = at.ip();
        if !ip.is_unspecified() && !self.config.is_ours(ip) {
            return Err(Error::MisuseNotOurs);
        }
        let port = match at.port() {
            0 => self.free_port(at)?,
            port => port,
        };
        if self.by_port.contains_key(&(port, ip)) {
            return Err(Error::MisuseInUse);
        }
        let at = SocketAddr::new(ip, port);
        let key = self.listeners.insert(Listening {
            listener: Listener::new(self.tcp.clone(), backlog),
            at,
            has_news: false,
            hop_limit: self.config.hop_limit,
            traffic_class: 0,
            schedule: Schedule::default(),
        });
        self.by_port.insert((port, ip), key);
        Ok((ListenerId(key), at))
    }

    /// A port that nobody listens on or connects from.
    fn free_port(&mut self, at: SocketAddr) -> Result<u16, Error> {
        self.attempts = self.attempts.wrapping_add(1);
        let is_free = |port| !self.by_port.keys().any(|(taken, _)| *taken == port);
        self.tcp
            .secret
            .port(at.ip(), at, self.attempts, is_free)
            .ok_or(Error::LocalPortsUsedUp)
    }

    /// Where a listener listens.
    pub fn listens_at(&self, id: ListenerId) -> Option<SocketAddr> {
        self.listeners.get(id.0).map(|listening| listening.at)
    }

    /// The next connection that is established, in their order.
    pub fn accept(&mut self, now: Duration, id: ListenerId) -> Option<SocketId> {
        let listening = self.listeners.get_mut(id.0)?;
        let connection = listening.listener.accept()?;
        let (hop_limit, traffic_class) = (listening.hop_limit, listening.traffic_class);
        let id = self.insert(now, connection);
        if let Some(socket) = self.sockets.get_mut(id.0) {
            socket.hop_limit = hop_limit;
            socket.traffic_class = traffic_class;
        }
        Some(id)
    }

    /// Stops listening: those that nobody accepted are reset.
    pub fn unlisten(&mut self, now: Duration, id: ListenerId) {
        let Some(listening) = self.listeners.remove(id.0) else {
            return;
        };
        self.by_port
            .remove(&(listening.at.port(), listening.at.ip()));
        if let Some(at) = listening.schedule.at {
            self.due.remove(&(at, Party::Listener(id.0)));
        }
        let mut out = Vec::new();
        for ((local, remote), sent) in listening.listener.close(now, &mut out) {
            self.enclose(local, remote, listening.hop_limit, &out[sent.range]);
        }
    }

    /// Opens a connection (active OPEN, RFC 9293 3.10.1). Without `local`, or with its address
    /// unspecified or its port 0, the host chooses (MUST-43, MUST-44).
    ///
    /// # Errors
    /// [`Error`] if there is no such pair of ends, or it is in use.
    pub fn connect(
        &mut self,
        now: Duration,
        local: Option<SocketAddr>,
        remote: SocketAddr,
    ) -> Result<SocketId, Error> {
        if !is_unicast(&self.config, remote.ip()) {
            return Err(Error::MisuseBroadcast);
        }
        let wanted = local.filter(|local| !local.ip().is_unspecified());
        let ip = match wanted {
            Some(local) if !self.config.is_ours(local.ip()) => return Err(Error::MisuseNotOurs),
            Some(local) if local.is_ipv4() != remote.is_ipv4() => return Err(Error::MisuseFamily),
            Some(local) => local.ip(),
            None => self
                .config
                .source_towards(remote.ip())
                .ok_or(Error::MisuseFamily)?,
        };
        let port = match local.map_or(0, |local| local.port()) {
            0 => self.ephemeral_port(ip, remote)?,
            port => port,
        };
        let local = SocketAddr::new(ip, port);
        if self.by_ends.contains_key(&Ends::new(local, remote)) {
            return Err(Error::MisuseInUse);
        }
        let connection = Connection::connect(now, self.tcp.clone(), local, remote)?;
        Ok(self.insert(now, connection))
    }

    /// RFC 6056 3.3.3.
    fn ephemeral_port(&mut self, ip: IpAddr, remote: SocketAddr) -> Result<u16, Error> {
        self.attempts = self.attempts.wrapping_add(1);
        let is_free = |port| {
            let local = SocketAddr::new(ip, port);
            !self.by_ends.contains_key(&Ends::new(local, remote))
        };
        self.tcp
            .secret
            .port(ip, remote, self.attempts, is_free)
            .ok_or(Error::LocalPortsUsedUp)
    }

    fn insert(&mut self, now: Duration, mut connection: Connection) -> SocketId {
        self.prepare(now, &mut connection);
        let ends = Ends::of(&connection);
        let key = self.sockets.insert(Socket {
            connection,
            is_bound: true,
            is_left: false,
            is_in_time_wait: false,
            news: Readiness::default(),
            has_news: false,
            hop_limit: self.config.hop_limit,
            traffic_class: 0,
            heard_traffic_class: 0,
            rest_at: None,
            last_used: now,
            schedule: Schedule::default(),
        });
        self.by_ends.insert(ends, key);
        self.touched(Party::Socket(key));
        SocketId(key)
    }

    /// The connection behind a name, to look at: its state, its error, what is unread.
    pub fn connection(&self, id: SocketId) -> Option<&Connection> {
        self.sockets.get(id.0).map(|socket| &socket.connection)
    }

    /// Queues octets, as many as there is room for, and says how many: [`Connection::send`].
    ///
    /// # Errors
    /// What ended the connection, or that it is closing.
    pub fn send(&mut self, now: Duration, id: SocketId, octets: &[u8]) -> Result<usize, Error> {
        Ok(self.with(now, id, |connection| connection.send(octets))??)
    }

    /// The same for urgent data: [`Connection::send_urgent`].
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_urgent(
        &mut self,
        now: Duration,
        id: SocketId,
        octets: &[u8],
    ) -> Result<usize, Error> {
        Ok(self.with(now, id, |connection| connection.send_urgent(octets))??)
    }

    /// Copies what is unread to the front of `buffer`: [`Connection::read`]. Zero: nothing is there.
    ///
    /// # Errors
    /// [`Error::MisuseGone`].
    pub fn read(&mut self, now: Duration, id: SocketId, buffer: &mut [u8]) -> Result<usize, Error> {
        self.with(now, id, |connection| connection.read(buffer))
    }

    /// Drops the first `count` octets that are unread, at most all: [`Connection::consume`].
    ///
    /// # Errors
    /// [`Error::MisuseGone`].
    pub fn consume(&mut self, now: Duration, id: SocketId, count: usize) -> Result<(), Error> {
        self.with(now, id, |connection| {
            let (first, rest) = connection.unread();
            let most = first.len() + rest.len();
            connection.consume(count.min(most));
        })
    }

    /// Sends no more: [`Connection::close`].
    ///
    /// # Errors
    /// [`Error::MisuseGone`].
    pub fn close(&mut self, now: Duration, id: SocketId) -> Result<(), Error> {
        self.with(now, id, Connection::close)
    }

    /// Ends the connection at once: [`Connection::abort`].
    ///
    /// # Errors
    /// [`Error::MisuseGone`].
    pub fn abort(&mut self, now: Duration, id: SocketId) -> Result<(), Error> {
        self.with(now, id, Connection::abort)
    }

    /// Gives the socket up: nobody reads it, sends on it or asks for it any more
    /// ([`Connection::leave`]). What is queued is still sent.
    pub fn leave(&mut self, now: Duration, id: SocketId) {
        let is_crowded = self.orphans >= crate::limits::ORPHANS && !self.end_oldest_time_wait();
        let Some(socket) = self.sockets.get_mut(id.0).filter(|socket| !socket.is_left) else {
            return;
        };
        socket.is_left = true;
        self.orphans += 1;
        if is_crowded {
            socket.connection.abort();
        } else {
            socket.connection.leave(now);
        }
        self.touched(Party::Socket(id.0));
    }

    /// Makes room: whether there was one in TIME-WAIT.
    fn end_oldest_time_wait(&mut self) -> bool {
        while let Some(key) = self.time_wait.pop_front() {
            if self.sockets.get(key).is_some_and(is_time_wait) {
                self.forget(key);
                return true;
            }
        }
        false
    }

    /// Sets R2 of a connection: [`Connection::set_user_timeout`].
    ///
    /// # Errors
    /// [`Error::MisuseGone`].
    pub fn set_user_timeout(
        &mut self,
        now: Duration,
        id: SocketId,
        timeout: Duration,
    ) -> Result<(), Error> {
        self.with(now, id, |connection| connection.set_user_timeout(timeout))
    }

    /// Whether small segments leave although data are unacknowledged: the opposite of
    /// [`Connection::set_nagle`].
    ///
    /// # Errors
    /// [`Error::MisuseGone`].
    pub fn set_nodelay(&mut self, now: Duration, id: SocketId, nodelay: bool) -> Result<(), Error> {
        self.with(now, id, |connection| connection.set_nagle(!nodelay))
    }

    /// Turns probes of an idle connection on or off: [`Connection::set_keep_alive`].
    ///
    /// # Errors
    /// [`Error::MisuseGone`].
    pub fn set_keep_alive(
        &mut self,
        now: Duration,
        id: SocketId,
        keep_alive: Option<KeepAlive>,
    ) -> Result<(), Error> {
        self.with(now, id, |connection| {
            connection.set_keep_alive(now, keep_alive);
        })
    }

    /// Sets the TTL or hop limit of a connection's packets (RFC 9293 3.9.2, MUST-49).
    ///
    /// # Errors
    /// [`Error::MisuseGone`].
    pub fn set_hop_limit(&mut self, id: SocketId, hop_limit: u8) -> Result<(), Error> {
        self.socket(id)?.hop_limit = hop_limit;
        Ok(())
    }

    /// Sets the Differentiated Services Code Point, six bits, of a connection's packets from now on
    /// (RFC 9293 3.9.2, MUST-48, SHLD-21).
    ///
    /// # Errors
    /// [`Error::MisuseGone`].
    pub fn set_dscp(&mut self, id: SocketId, dscp: u8) -> Result<(), Error> {
        self.socket(id)?.traffic_class = dscp << 2;
        Ok(())
    }

    /// The DSCP of the packet that the connection heard last (RFC 9293 3.9.2, MAY-9).
    pub fn heard_dscp(&self, id: SocketId) -> Option<u8> {
        let socket = self.sockets.get(id.0)?;
        Some(socket.heard_traffic_class >> 2)
    }

    /// The same two for the connections that a listener accepts from now on.
    ///
    /// # Errors
    /// [`Error::MisuseGone`].
    pub fn set_listener_fields(
        &mut self,
        id: ListenerId,
        hop_limit: u8,
        dscp: u8,
    ) -> Result<(), Error> {
        let listening = self.listeners.get_mut(id.0).ok_or(Error::MisuseGone)?;
        listening.hop_limit = hop_limit;
        listening.traffic_class = dscp << 2;
        Ok(())
    }

    /// The next news for an owner.
    pub fn event(&mut self) -> Option<Event> {
        while let Some(party) = self.news.pop_front() {
            match party {
                Party::Socket(key) => {
                    if let Some(socket) = self.sockets.get_mut(key) {
                        socket.has_news = false;
                        let news = core::mem::take(&mut socket.news);
                        if !socket.is_left {
                            return Some(Event::Socket(SocketId(key), news));
                        }
                    }
                }
                Party::Listener(key) => {
                    if let Some(listening) = self.listeners.get_mut(key) {
                        listening.has_news = false;
                        if listening.listener.waiting() > 0 {
                            return Some(Event::Acceptable(ListenerId(key)));
                        }
                    }
                }
            }
        }
        None
    }

    fn socket(&mut self, id: SocketId) -> Result<&mut Socket, Error> {
        let socket = self.sockets.get_mut(id.0);
        socket
            .filter(|socket| !socket.is_left)
            .ok_or(Error::MisuseGone)
    }

    /// Does something to a connection, after which it may have something to send.
    fn with<T>(
        &mut self,
        now: Duration,
        id: SocketId,
        act: impl FnOnce(&mut Connection) -> T,
    ) -> Result<T, Error> {
        let socket = self.socket(id)?;
        socket.last_used = now;
        let result = act(&mut socket.connection);
        self.touched(Party::Socket(id.0));
        Ok(result)
    }

    /// Something happened to a party: it may have something to send, and other timers.
    fn touched(&mut self, party: Party) {
        let schedule = match party {
            Party::Socket(key) => self.sockets.get_mut(key).map(|it| &mut it.schedule),
            Party::Listener(key) => self.listeners.get_mut(key).map(|it| &mut it.schedule),
        };
        if let Some(schedule) = schedule.filter(|schedule| !schedule.is_ready) {
            schedule.is_ready = true;
            self.ready.push_back(party);
        }
    }

    /// Drops all that is known of a connection.
    fn forget(&mut self, key: Key) {
        let Some(socket) = self.sockets.remove(key) else {
            return;
        };
        if socket.is_bound {
            let ends = Ends::of(&socket.connection);
            self.by_ends.remove(&ends);
            self.routes.forget(&ends);
        }
        if let Some(at) = socket.schedule.at {
            self.due.remove(&(at, Party::Socket(key)));
        }
        self.orphans -= usize::from(socket.is_left);
    }
}

fn is_time_wait(socket: &Socket) -> bool {
    socket.connection.state() == State::TimeWait
}
