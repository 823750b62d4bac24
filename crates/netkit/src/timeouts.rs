use crate::error::{Error, Stage};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// How long a client waits in each stage. `Duration::MAX` turns one off.
///
/// The stages that move octets start again with every octet that moves, so a long download is not
/// cut; only a stalled one is.
#[derive(Debug, Clone, Copy)]
pub struct ClientTimeouts {
    /// Looking up the host's addresses. Default: 10 s.
    pub resolve: Duration,
    /// TCP connect, for each address. Default: 10 s.
    pub connect: Duration,
    /// TLS handshake, from the first octet to the last. Default: 10 s.
    pub tls_handshake: Duration,
    /// Writing the request, without progress. Default: 30 s.
    pub send: Duration,
    /// Waiting for 100 before the content of a request with `Expect: 100-continue`: when it ends the content
    /// is sent all the same (RFC 9110 10.1.1). Default: 1 s, as curl has it.
    pub expect_continue: Duration,
    /// From the written request to the end of the response's head. Default: 60 s.
    pub response_head: Duration,
    /// Reading the response's body, without progress. Default: 30 s.
    pub response_body: Duration,
}

impl Default for ClientTimeouts {
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(10),
            connect: Duration::from_secs(10),
            tls_handshake: Duration::from_secs(10),
            send: Duration::from_secs(30),
            expect_continue: Duration::from_secs(1),
            response_head: Duration::from_secs(60),
            response_body: Duration::from_secs(30),
        }
    }
}

/// How long a server waits in each stage. `Duration::MAX` turns one off.
#[derive(Debug, Clone, Copy)]
pub struct ServerTimeouts {
    /// TLS handshake, from the first octet to the last. Default: 10 s.
    pub tls_handshake: Duration,
    /// From the first octet of a request's head to its last. Default: 10 s.
    pub request_head: Duration,
    /// Reading a request's body while the handler wants it, without progress. Default: 30 s.
    pub request_body: Duration,
    /// Octets of a request's body that one more second of waiting for it has to bring, when all its waits together
    /// have lasted longer than [`request_body`](Self::request_body): an octet now and then does not keep a connection.
    /// 0 turns it off. Default: 500, as Apache's RequestReadTimeout has it.
    pub request_body_rate: u32,
    /// The handler, from request to the head of its response. Default: 120 s.
    pub handler: Duration,
    /// Writing the response, without progress. Default: 30 s.
    pub send: Duration,
    /// Between two requests on one connection. Default: 60 s.
    pub idle: Duration,
    /// Reading what the peer still sends after the last response, so that it is not lost to a reset
    /// (RFC 9112 9.6). Default: 2 s.
    pub linger: Duration,
    /// From shutdown to the end of the last request; what still runs then is cut. Default: 30 s.
    pub drain: Duration,
}

impl Default for ServerTimeouts {
    fn default() -> Self {
        Self {
            tls_handshake: Duration::from_secs(10),
            request_head: Duration::from_secs(10),
            request_body: Duration::from_secs(30),
            request_body_rate: 500,
            handler: Duration::from_secs(120),
            send: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            linger: Duration::from_secs(2),
            drain: Duration::from_secs(30),
        }
    }
}

/// How long a server has waited for a request's body, and for how much.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    waited: Duration,
    octets: u64,
    since: Option<Instant>,
}

impl Patience {
    /// Another wait begins; how long it may last.
    pub(crate) fn begin(&mut self, timeouts: &ServerTimeouts) -> Duration {
        self.since = Some(Instant::now());
        let (once, rate) = (timeouts.request_body, timeouts.request_body_rate);
        if rate == 0 {
            return once;
        }
        let earned = Duration::from_secs(self.octets / u64::from(rate));
        let in_all = once.saturating_add(earned);
        once.min(in_all.saturating_sub(self.waited))
    }

    /// So many octets came, after a wait or at once.
    pub(crate) fn got(&mut self, octets: u64) {
        self.waited += self
            .since
            .take()
            .map_or(Duration::ZERO, |since| since.elapsed());
        self.octets += octets;
    }
}

/// The one timer of a connection: the stage it is in, and when that ends.
///
/// Arming it again costs a look at the clock. The timer underneath is moved only when it would ring
/// too late; when it rings too early it is set anew, so a busy connection leaves the timer wheel alone.
#[derive(Debug)]
pub(crate) struct Deadline {
    sleep: Option<Pin<Box<Sleep>>>,
    end: Option<Instant>,
    stage: Stage,
    after: Duration,
}

impl Deadline {
    pub(crate) const fn new() -> Self {
        Self {
            sleep: None,
            end: None,
            stage: Stage::Setup,
            after: Duration::MAX,
        }
    }

    /// The stage ends `after` from now.
    pub(crate) fn arm(&mut self, stage: Stage, after: Duration) {
        self.stage = stage;
        self.after = after;
        self.end = (after != Duration::MAX)
            .then(|| Instant::now().checked_add(after))
            .flatten();
    }

    /// Whether `stage` armed it last.
    pub(crate) fn is_of(&self, stage: Stage) -> bool {
        self.stage == stage
    }

    pub(crate) fn disarm(&mut self) {
        self.end = None;
    }

    /// Ready when the stage has lasted too long.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let Some(end) = self.end else {
            return Poll::Pending;
        };
        // Timers too are pending to a task that has read its share: a peer that sends without a pause
        // would keep it from ever seeing the time.
        if Instant::now() >= end {
            self.end = None;
            return Poll::Ready(Error::timeout(self.stage, self.after));
        }
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        if sleep.deadline() > end {
            sleep.as_mut().reset(end);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= end {
                self.end = None;
                return Poll::Ready(Error::timeout(self.stage, self.after));
            }
            sleep.as_mut().reset(end);
        }
        Poll::Pending
    }
}

/// Runs `work`, but not for longer than `after`.
pub(crate) async fn within<T>(
    stage: Stage,
    after: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    if after == Duration::MAX {
        return work.await;
    }
    match tokio::time::timeout(after, work).await {
        Ok(result) => result,
        Err(_) => Err(Error::timeout(stage, after)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Patience, ServerTimeouts};
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn waits_are_paid_for_with_octets() {
        let timeouts = ServerTimeouts::default();
        let (mut patience, second) = (Patience::default(), Duration::from_secs(1));
        for number in 0..20 {
            // One octet a second: nothing is earned.
            assert_eq!(patience.begin(&timeouts), (30 - number) * second);
            tokio::time::advance(second).await;
            patience.got(1);
        }
        // What comes without a wait earns, too; a single wait is never longer than the first.
        patience.got(2980);
        assert_eq!(patience.begin(&timeouts), 16 * second);
        patience.got(100_000_000);
        assert_eq!(patience.begin(&timeouts), 30 * second);
        let off = ServerTimeouts {
            request_body_rate: 0,
            ..timeouts
        };
        let mut patience = Patience::default();
        patience.begin(&off);
        tokio::time::advance(100 * second).await;
        patience.got(1);
        assert_eq!(patience.begin(&off), 30 * second);
        patience.got(0);
        assert_eq!(patience.begin(&timeouts), Duration::ZERO);
    }
}
