use crate::{connection::Connection, dial::Facts, limits::IDLE_IN_ALL};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
    time::Duration,
};
use tokio::time::Instant;

/// A client's connection.
pub(crate) struct Conn {
    pub(crate) link: Connection<netkit_http::Client>,
    pub(crate) facts: Arc<Facts>,
    /// Requests sent on it.
    pub(crate) requests: u32,
}

impl Conn {
    /// Ends it politely, as far as that goes without waiting.
    pub(crate) fn retire(mut self: Box<Self>) {
        let _ = self
            .link
            .wire
            .poll_close(&mut Context::from_waker(Waker::noop()));
    }

    /// Whether nothing has arrived that no request asked for: not even the connection's end.
    fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.link.wire.poll_more(&mut cx).is_pending()
    }
}

/// Who a connection goes to: a pooled one serves no other (RFC 9110 4.3.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) https: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Connections without a request, by where they go.
pub(crate) struct Pool {
    per_host: usize,
    idle_for: Duration,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    by_origin: HashMap<Origin, Vec<(Instant, Box<Conn>)>>,
    count: usize,
}

impl Pool {
    pub(crate) fn new(per_host: usize, idle_for: Duration) -> Self {
        Self {
            per_host,
            idle_for,
            idle: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        // Nothing here panics half way: what a poisoned pool holds is whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection to `origin` that was used last, if one is still good as far as can be seen.
    pub(crate) fn take(&self, origin: &Origin) -> Option<Box<Conn>> {
        loop {
            let (since, mut conn) = {
                let mut idle = self.lock();
                let found = idle.by_origin.get_mut(origin)?.pop()?;
                idle.count -= 1;
                found
            };
            if since.elapsed() < self.idle_for && conn.is_quiet() {
                return Some(conn);
            }
            conn.retire();
        }
    }

    /// Keeps `conn`, or retires it where there are enough.
    pub(crate) fn put(&self, origin: &Origin, mut conn: Box<Conn>) {
        conn.link.wire.rest();
        conn.link.deadline.disarm();
        let mut idle = self.lock();
        if idle.count >= IDLE_IN_ALL {
            idle.sweep(self.idle_for);
        }
        let here = idle.by_origin.get(origin).map_or(0, Vec::len);
        if here >= self.per_host || idle.count >= IDLE_IN_ALL {
            drop(idle);
            return conn.retire();
        }
        idle.count += 1;
        let kept = (Instant::now(), conn);
        match idle.by_origin.get_mut(origin) {
            Some(others) => others.push(kept),
            None => {
                idle.by_origin.insert(origin.clone(), vec![kept]);
            }
        }
    }
}

impl Idle {
    /// Drops what has been idle for too long.
    fn sweep(&mut self, idle_for: Duration) {
        self.by_origin.retain(|_, kept| {
            kept.retain(|(since, _)| since.elapsed() < idle_for);
            !kept.is_empty()
        });
        self.count = self.by_origin.values().map(Vec::len).sum();
    }
}
