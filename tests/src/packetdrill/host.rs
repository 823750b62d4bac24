//! The host that scripts speak to: sockets by number, and the segments that leave it.

use netkit_tcp::{
    Backlog, Config, Connection, Error, Listener, PseudoHeader, Segment, Sent, Verified, refusal,
};
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

/// What a call gives: a number, or the name of an error.
pub(super) type Answer = Result<i64, &'static str>;

enum Socket {
    /// Neither connected nor listening.
    Fresh,
    Listening(Listener),
    Connected(Box<Connection>),
}

pub(super) struct Host {
    pub(super) now: Duration,
    /// What the next connection or listener is made of.
    pub(super) config: Config,
    pub(super) here: SocketAddr,
    pub(super) there: SocketAddr,
    pub(super) pseudo: PseudoHeader,
    sockets: BTreeMap<i64, Socket>,
    /// Connections that nobody holds any more and that are not over.
    orphans: Vec<Connection>,
    /// What has left, and when.
    pub(super) sent: Vec<(Duration, Vec<u8>)>,
}

impl Host {
    pub(super) fn new(config: Config, here: SocketAddr, there: SocketAddr) -> Option<Self> {
        Some(Self {
            now: Duration::from_secs(1000),
            config,
            here,
            there,
            pseudo: PseudoHeader::new(here.ip(), there.ip())?,
            sockets: BTreeMap::new(),
            orphans: Vec::new(),
            sent: Vec::new(),
        })
    }

    fn socket(&mut self, number: i64) -> Result<&mut Socket, &'static str> {
        self.sockets.get_mut(&number).ok_or("EBADF")
    }

    pub(super) fn connection(&mut self, number: i64) -> Result<&mut Connection, &'static str> {
        match self.socket(number)? {
            Socket::Connected(connection) => Ok(connection),
            _ => Err("ENOTCONN"),
        }
    }

    fn number(&self) -> i64 {
        (3..1000)
            .find(|number| !self.sockets.contains_key(number))
            .unwrap_or(3)
    }

    pub(super) fn open(&mut self) -> i64 {
        let number = self.number();
        self.sockets.insert(number, Socket::Fresh);
        number
    }

    pub(super) fn listen(&mut self, number: i64, backlog: Backlog) -> Answer {
        let listener = Listener::new(Arc::new(self.config.clone()), backlog);
        *self.socket(number)? = Socket::Listening(listener);
        Ok(0)
    }

    pub(super) fn accept(&mut self, number: i64) -> Answer {
        let Socket::Listening(listener) = self.socket(number)? else {
            return Err("EINVAL");
        };
        let connection = listener.accept().ok_or("EAGAIN")?;
        let accepted = self.number();
        self.sockets
            .insert(accepted, Socket::Connected(Box::new(connection)));
        Ok(accepted)
    }

    pub(super) fn connect(&mut self, number: i64, there: SocketAddr) -> Answer {
        let (now, here) = (self.now, self.here);
        let config = Arc::new(self.config.clone());
        let made = Connection::connect(now, config, here, there).map_err(errno)?;
        *self.socket(number)? = Socket::Connected(Box::new(made));
        Err("EINPROGRESS")
    }

    /// Nobody holds the socket any more.
    pub(super) fn close(&mut self, number: i64) -> Answer {
        match self.sockets.remove(&number).ok_or("EBADF")? {
            Socket::Fresh => {}
            Socket::Listening(listener) => {
                let mut out = Vec::new();
                for (_, Sent { range, .. }) in listener.close(self.now, &mut out) {
                    self.sent.push((self.now, out[range].to_vec()));
                }
            }
            Socket::Connected(mut connection) => {
                connection.leave(self.now);
                self.orphans.push(*connection);
            }
        }
        Ok(0)
    }

    /// A segment arrives.
    pub(super) fn recv(&mut self, octets: &[u8]) -> Result<(), String> {
        let segment = Segment::parse(octets).map_err(|error| error.to_string())?;
        // A damaged one never gets further (MUST-3).
        let Ok(segment) = segment.verify(self.pseudo) else {
            return Ok(());
        };
        self.arrives(&segment);
        Ok(())
    }

    fn arrives(&mut self, segment: &Verified<'_>) {
        let (now, here, there) = (self.now, self.here, self.there);
        let (mut connection, mut listener) = (None, None);
        for socket in self.sockets.values_mut() {
            match socket {
                Socket::Connected(found) if !found.is_closed() => connection = Some(&mut **found),
                Socket::Listening(found) => listener = Some(found),
                Socket::Fresh | Socket::Connected(_) => {}
            }
        }
        let mut orphans = self.orphans.iter_mut();
        let connection = connection.or_else(|| orphans.find(|orphan| !orphan.is_closed()));
        match (connection_of(connection, segment), listener) {
            (Known::Yields(old), Some(listener)) => {
                listener.reuse(now, old, segment);
            }
            (Known::Yields(connection) | Known::Takes(connection), _) => {
                connection.recv(now, segment);
            }
            (Known::Nobody, Some(listener)) => {
                listener.recv(now, here, there, segment);
            }
            (Known::Nobody, None) => {
                if let Some(header) = refusal(segment) {
                    let mut octets = vec![0; header.length()];
                    header.write(self.pseudo, &mut octets);
                    self.sent.push((now, octets));
                }
            }
        }
    }

    /// The network reports about a segment of ours.
    pub(super) fn icmp(&mut self, report: netkit_tcp::Icmp, seq: netkit_tcp::Seq) {
        for socket in self.sockets.values_mut() {
            if let Socket::Connected(connection) = socket {
                connection.icmp(report, seq);
            }
        }
    }

    /// Takes what is due now.
    pub(super) fn flush(&mut self) {
        let mut out = Vec::new();
        let connections = self.sockets.values_mut().filter_map(|socket| match socket {
            Socket::Connected(connection) => Some(&mut **connection),
            _ => None,
        });
        for connection in connections.chain(&mut self.orphans) {
            while let Some(Sent { range, .. }) = connection.transmit(self.now, &mut out) {
                self.sent.push((self.now, out[range].to_vec()));
            }
        }
        for socket in self.sockets.values_mut() {
            if let Socket::Listening(listener) = socket {
                while let Some((_, Sent { range, .. })) = listener.transmit(self.now, &mut out) {
                    self.sent.push((self.now, out[range].to_vec()));
                }
            }
        }
        self.orphans.retain(|connection| !connection.is_closed());
    }

    /// When something happens by itself.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let sockets = self.sockets.values().filter_map(|socket| match socket {
            Socket::Fresh => None,
            Socket::Listening(listener) => listener.timeout(),
            Socket::Connected(connection) => connection.timeout(),
        });
        let orphans = self.orphans.iter().filter_map(Connection::timeout);
        sockets.chain(orphans).min()
    }
}

/// Whose segment it is.
enum Known<'c> {
    Takes(&'c mut Connection),
    /// A connection in TIME-WAIT gives its place to it.
    Yields(&'c mut Connection),
    Nobody,
}

fn connection_of<'c>(connection: Option<&'c mut Connection>, segment: &Verified<'_>) -> Known<'c> {
    match connection {
        None => Known::Nobody,
        Some(connection) if connection.yields_to(segment) => Known::Yields(connection),
        Some(connection) => Known::Takes(connection),
    }
}

/// As a socket would call it.
pub(super) fn errno(error: Error) -> &'static str {
    match error {
        Error::PeerRefused => "ECONNREFUSED",
        Error::PeerReset => "ECONNRESET",
        Error::PathTimedOut => "ETIMEDOUT",
        Error::PathUnreachable => "EHOSTUNREACH",
        Error::LocalAborted => "ECONNABORTED",
        Error::MisuseClosing => "EPIPE",
        // MisuseAddress, and what later versions add.
        _ => "EINVAL",
    }
}
