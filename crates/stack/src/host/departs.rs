//! What a host sends, one packet a call, and when it wants to be called.

use super::{Ends, Host, Party, Readiness, is_time_wait};
use crate::{icmp::Report, ip::Packet, limits, slab::Key};
use alloc::vec::Vec;
use core::{net::IpAddr, ops::Range, time::Duration};
use netkit_tcp::{Connection, State};

/// A packet that was appended to the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Where it stands there.
    pub range: Range<usize>,
}

impl Host {
    /// Appends the next packet that is due to `out`; `None` if none is. Connections take turns.
    pub fn transmit(&mut self, now: Duration, out: &mut Vec<u8>) -> Option<Sent> {
        self.expire(now);
        let start = out.len();
        loop {
            let destination = self.next_packet(now, out)?;
            if !self.config.is_ours(destination) {
                if self.config.watch.is_some()
                    && let Ok(packet) = Packet::parse(&out[start..])
                {
                    self.note(now, true, &packet);
                }
                return Some(Sent {
                    range: start..out.len(),
                });
            }
            // To itself, by no link.
            let packet = out.split_off(start);
            let _ = self.recv(now, &packet);
        }
    }

    /// Who it is for.
    fn next_packet(&mut self, now: Duration, out: &mut Vec<u8>) -> Option<IpAddr> {
        if let Some(packet) = self.outbox.pop_front() {
            out.extend_from_slice(&packet);
            return Packet::ends_of(&packet).map(|(_, destination)| destination);
        }
        while let Some(party) = self.ready.pop_front() {
            let sent = match party {
                Party::Socket(key) => self.socket_sends(now, key, out),
                Party::Listener(key) => self.listener_sends(now, key, out),
            };
            if sent.is_some() {
                // There may be more: after the others.
                self.ready.push_back(party);
                return sent;
            }
        }
        None
    }

    fn socket_sends(&mut self, now: Duration, key: Key, out: &mut Vec<u8>) -> Option<IpAddr> {
        let socket = self.sockets.get_mut(key)?;
        let connection = &mut socket.connection;
        let way = self.routes.way(connection.local(), connection.remote());
        let mut header = way.header(connection.local().ip())?;
        header.hop_limit = socket.hop_limit;
        header.traffic_class = socket.traffic_class;
        let start = out.len();
        out.resize(start + header.length(), 0);
        if connection.transmit(now, out).is_some() {
            header.write(&mut out[start..]);
            return Some(way.next);
        }
        out.truncate(start);
        socket.schedule.is_ready = false;
        if socket.rest_at.is_none() && connection.buffered() > 0 {
            socket.rest_at = Some(now + limits::IDLE);
        }
        self.settle(key);
        None
    }

    fn listener_sends(&mut self, now: Duration, key: Key, out: &mut Vec<u8>) -> Option<IpAddr> {
        let listening = self.listeners.get_mut(key)?;
        self.scratch.clear();
        if let Some(((local, remote), sent)) = listening.listener.transmit(now, &mut self.scratch) {
            let way = self.routes.way(local, remote);
            let mut header = way.header(local.ip())?;
            header.hop_limit = listening.hop_limit;
            header.traffic_class = listening.traffic_class;
            let start = out.len();
            out.resize(start + header.length(), 0);
            out.extend_from_slice(&self.scratch[sent.range]);
            header.write(&mut out[start..]);
            return Some(way.next);
        }
        listening.schedule.is_ready = false;
        let timeout = listening.listener.timeout();
        self.schedule(Party::Listener(key), timeout);
        None
    }

    /// A connection has nothing to send for now: what is to be remembered of it.
    pub(super) fn settle(&mut self, key: Key) {
        let Some(socket) = self.sockets.get_mut(key) else {
            return;
        };
        if socket.connection.state() == State::Closed && socket.is_bound {
            socket.is_bound = false;
            let ends = Ends::of(&socket.connection);
            self.by_ends.remove(&ends);
            self.routes.forget(&ends);
            let news = Readiness {
                closed: true,
                ..Readiness::default()
            };
            self.tell(key, news);
        }
        let Some(socket) = self.sockets.get_mut(key) else {
            return;
        };
        if socket.is_left && socket.connection.is_closed() {
            self.forget(key);
            return;
        }
        if socket.is_left && is_time_wait(socket) && !socket.is_in_time_wait {
            socket.is_in_time_wait = true;
            self.time_wait.push_back(key);
        }
        let timeout = [socket.connection.timeout(), socket.rest_at];
        let timeout = timeout.into_iter().flatten().min();
        self.schedule(Party::Socket(key), timeout);
    }

    /// Sees to it that a party is called no later than it wants.
    fn schedule(&mut self, party: Party, timeout: Option<Duration>) {
        let schedule = match party {
            Party::Socket(key) => self.sockets.get_mut(key).map(|it| &mut it.schedule),
            Party::Listener(key) => self.listeners.get_mut(key).map(|it| &mut it.schedule),
        };
        let (Some(schedule), Some(timeout)) = (schedule, timeout) else {
            return;
        };
        match schedule.at {
            Some(at) if at <= timeout => return,
            Some(at) => self.due.remove(&(at, party)),
            None => false,
        };
        schedule.at = Some(timeout);
        self.due.insert((timeout, party));
    }

    /// When to call [`transmit`](Self::transmit) again although nothing else has happened.
    pub fn timeout(&self) -> Option<Duration> {
        let due = self.due.first().map(|(at, _)| *at);
        [due, self.pieces.timeout()].into_iter().flatten().min()
    }

    /// Those whose time has come may have something to send.
    fn expire(&mut self, now: Duration) {
        while let Some(first) = self.pieces.expire(now) {
            // RFC 1122 3.3.2: only if the first piece is there.
            if let Ok(packet) = Packet::parse(&first) {
                self.report(now, &packet, Report::Reassembly);
            }
        }
        while let Some(&(at, party)) = self.due.first().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, party));
            match party {
                Party::Socket(key) => {
                    if let Some(socket) = self.sockets.get_mut(key) {
                        socket.schedule.at = None;
                        if socket.rest_at.take_if(|at| *at <= now).is_some() {
                            rest(&mut socket.connection, socket.last_used, now);
                        }
                    }
                }
                Party::Listener(key) => {
                    if let Some(listening) = self.listeners.get_mut(key) {
                        listening.schedule.at = None;
                    }
                }
            }
            self.touched(party);
        }
    }
}

/// Gives the buffers of a connection that was not used for a while back.
fn rest(connection: &mut Connection, last_used: Duration, now: Duration) {
    if now.saturating_sub(last_used) >= limits::IDLE {
        connection.rest();
    }
}
