//! What a connection waits for, and what it does when the wait is over.

use crate::{
    Error, State,
    connection::Connection,
    limits,
    recovery::{Eifel, Recovery},
};
use core::time::Duration;

/// When each timer runs out; off if `None`.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// RFC 6298.
    pub(crate) retransmit: Option<Duration>,
    /// A probe of a window that is closed or too small (RFC 9293 3.8.6.1).
    pub(crate) persist: Option<Duration>,
    /// A delayed ACK.
    pub(crate) ack: Option<Duration>,
    /// 2 MSL, or the end of FIN-WAIT-2 without a reader.
    pub(crate) time_wait: Option<Duration>,
    /// The next keep-alive probe.
    pub(crate) keep_alive: Option<Duration>,
    /// R2: when the peer's silence counts as its end.
    pub(crate) give_up: Option<Duration>,
}

impl Timers {
    fn next(&self) -> Option<Duration> {
        let all = [
            self.retransmit,
            self.persist,
            self.ack,
            self.time_wait,
            self.keep_alive,
            self.give_up,
        ];
        all.into_iter().flatten().min()
    }
}

/// Takes the timer if it has run out.
fn due(timer: &mut Option<Duration>, now: Duration) -> bool {
    timer.take_if(|at| *at <= now).is_some()
}

impl Connection {
    /// When to call [`transmit`](Self::transmit) again although nothing else has happened.
    pub fn timeout(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// Everything whose time has come.
    pub(crate) fn expire(&mut self, now: Duration) {
        if self.timers.next().is_none_or(|at| at > now) {
            return;
        }
        if due(&mut self.timers.time_wait, now) {
            self.delete(None);
        }
        if due(&mut self.timers.give_up, now) {
            // RFC 9293 3.8.3: "close the connection" at R2.
            self.delete(Some(Error::PathTimedOut));
        }
        if due(&mut self.timers.retransmit, now) {
            self.retransmission_timeout(now);
        }
        if due(&mut self.timers.persist, now) {
            self.probe_due = true;
            self.unanswered += 1;
        }
        if due(&mut self.timers.ack, now) {
            self.acks_due = self.acks_due.max(1);
        }
        if due(&mut self.timers.keep_alive, now) {
            self.keep_alive_timeout(now);
        }
    }

    /// RFC 6298 (5.4) to (5.7).
    fn retransmission_timeout(&mut self, now: Duration) {
        self.unanswered += 1;
        self.rtt.back_off();
        self.timed = None;
        if matches!(self.state, State::SynSent | State::SynReceived) {
            self.syn_due = true;
            self.syn_again = true;
            return;
        }
        let first = self.unanswered == 1;
        let in_flight = first.then(|| self.flight_size());
        self.congestion.on_timeout(now, in_flight);
        if first {
            self.eifel = Eifel::Armed;
        }
        self.reordering = limits::DUPLICATES.into();
        self.recovery = Recovery::Timeout {
            recover: self.snd_max,
        };
        // RFC 2018 8: the peer may have discarded what it reported.
        self.sacked.clear();
        self.go_back();
    }

    /// RFC 9293 3.8.4.
    fn keep_alive_timeout(&mut self, now: Duration) {
        let Some(keep_alive) = self.keep_alive else {
            return;
        };
        if self.keep_alives >= keep_alive.probes {
            self.delete(Some(Error::PathTimedOut));
            return;
        }
        self.keep_alives += 1;
        self.keep_alive_due = true;
        self.timers.keep_alive = Some(now + keep_alive.interval);
    }

    /// Something arrived: the peer is alive.
    pub(crate) fn restart_keep_alive(&mut self, now: Duration) {
        self.keep_alives = 0;
        let wanted = self.keep_alive.filter(|_| {
            // MUST-26: only on connections that are idle.
            self.state.is_synchronized() && self.state != State::TimeWait
        });
        self.timers.keep_alive = wanted.map(|keep_alive| now + keep_alive.idle);
    }

    /// How long from now R2 is, in this state.
    pub(crate) fn patience(&self) -> Duration {
        match self.state {
            State::SynSent | State::SynReceived => self.config.syn_timeout,
            _ => self.user_timeout,
        }
    }

    /// Starts the retransmission timer, and R2's, if they do not run (RFC 6298 (5.1)).
    pub(crate) fn start_retransmission_timer(&mut self, now: Duration) {
        let rto = self.rtt.rto();
        self.timers.retransmit.get_or_insert(now + rto);
        let give_up = now + self.patience();
        self.timers.give_up.get_or_insert(give_up);
    }

    pub(crate) fn stop_retransmission_timer(&mut self) {
        self.timers.retransmit = None;
        self.timers.give_up = None;
    }

    /// Starts 2 MSL (again) and turns the other timers off.
    pub(crate) fn enter_time_wait(&mut self, now: Duration) {
        self.state = State::TimeWait;
        self.timers = Timers {
            time_wait: Some(now + 2 * self.config.msl),
            ..Timers::default()
        };
        self.tx.release();
        self.sacked.release();
        self.out_of_order.release();
    }

    /// A connection that nobody reads waits for the peer's FIN no longer than this.
    pub(crate) fn limit_fin_wait_2(&mut self, now: Duration) {
        if self.state == State::FinWait2 && self.unread_is_lost {
            let until = now + limits::FIN_WAIT_2;
            self.timers.time_wait.get_or_insert(until);
        }
    }
}
