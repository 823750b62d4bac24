use crate::{
    Host,
    link::{End, Link},
};
use alloc::vec::Vec;
use core::time::Duration;

/// Two hosts on a [`Link`], in virtual time: time passes when [`step`](Self::step) is called, and as fast as
/// the machine can.
///
/// The grammar: do something to a [`host`](Self::host), then `step`, or [`run_until`](Self::run_until) what
/// you wait for is there. The same seed and the same calls give the same packets at the same times.
#[derive(Debug)]
pub struct Network {
    now: Duration,
    link: Link,
    hosts: [Host; 2],
    out: Vec<u8>,
}

impl Network {
    /// The first host at [`End::A`] of the link, the second at [`End::B`]. The time is a second past zero.
    pub const fn new(link: Link, hosts: [Host; 2]) -> Self {
        Self {
            now: Duration::from_secs(1),
            link,
            hosts,
            out: Vec::new(),
        }
    }

    /// The virtual time: the `now` of every call to a host.
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// The host at an end.
    pub const fn host(&mut self, at: End) -> &mut Host {
        &mut self.hosts[at as usize]
    }

    /// The link: to tap it, or to change what it does.
    pub const fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// When something happens next although nobody does anything: a packet arrives, or a timer runs out.
    /// It may be now: what the hosts have to send is on the link after the next step.
    pub fn next(&self) -> Option<Duration> {
        let arrivals = End::BOTH.map(|end| self.link.next(end));
        let timers = self.hosts.each_ref().map(Host::timeout);
        let next = arrivals.into_iter().chain(timers).flatten().min();
        next.map(|next| next.max(self.now))
    }

    /// Puts what the hosts have to send on the link, and goes on to when something happens next: whether
    /// something does, before `end`. If not, the time is `end`.
    pub fn step(&mut self, end: Duration) -> bool {
        self.flush();
        let next = self.next().filter(|next| *next <= end);
        self.now = next.unwrap_or_else(|| end.max(self.now));
        if next.is_none() {
            return false;
        }
        for at in End::BOTH {
            while let Some(packet) = self.link.recv(self.now, at) {
                // Damaged packets are no news on such a link: the tap tells of them.
                let _ = self.hosts[at as usize].recv(self.now, &packet);
            }
        }
        self.flush();
        true
    }

    /// Steps until `done`, at the latest until `end`; whether it was.
    pub fn run_until(&mut self, end: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        loop {
            if done(self) {
                return true;
            }
            if !self.step(end) {
                return done(self);
            }
        }
    }

    fn flush(&mut self) {
        for from in End::BOTH {
            loop {
                self.out.clear();
                let host = &mut self.hosts[from as usize];
                let Some(sent) = host.transmit(self.now, &mut self.out) else {
                    break;
                };
                let packet = self.out[sent.range].to_vec();
                self.link.send(self.now, from, packet);
            }
        }
    }
}
