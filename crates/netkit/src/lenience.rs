use netkit_http::{Leniencies, Leniency};
use std::{net::SocketAddr, sync::Arc};

type Hear<P> = dyn Fn(P, Leniency, u64) + Send + Sync;

/// What a client or server lets pass of its peers, and who hears of it.
#[derive(Clone)]
pub(crate) struct Lenience<P> {
    pub(crate) leniencies: Leniencies,
    pub(crate) hear: Option<Arc<Hear<P>>>,
}

/// A client's peer is a host and port; a server's may be unknown.
pub(crate) type OfServers = Lenience<(String, u16)>;
pub(crate) type OfClients = Lenience<Option<SocketAddr>>;

impl<P> Default for Lenience<P> {
    fn default() -> Self {
        Self {
            leniencies: Leniencies::NONE,
            hear: None,
        }
    }
}

impl<P: Clone + Send + Sync + 'static> Lenience<P> {
    pub(crate) fn new(
        leniencies: Leniencies,
        hear: impl Fn(P, Leniency, u64) + Send + Sync + 'static,
    ) -> Self {
        Self {
            leniencies,
            hear: Some(Arc::new(hear)),
        }
    }

    /// Who hears of what is let pass on the connection to `peer`.
    pub(crate) fn of(&self, peer: P) -> Option<Told> {
        let hear = Arc::clone(self.hear.as_ref()?);
        Some(Told {
            hear: Box::new(move |leniency, at| hear(peer.clone(), leniency, at)),
            before: 0,
        })
    }
}

/// Who hears of one connection's leniencies, each told once.
pub(crate) struct Told {
    hear: Box<dyn Fn(Leniency, u64) + Send + Sync>,
    /// What was used before this octet of the stream has been told.
    before: u64,
}

impl Told {
    /// Tells of `used`, but for what has been told before.
    pub(crate) fn tell(&mut self, used: impl Iterator<Item = (Leniency, u64)>) {
        let mut end = self.before;
        for (leniency, at) in used.filter(|&(_, at)| at >= self.before) {
            (self.hear)(leniency, at);
            end = end.max(at + 1);
        }
        self.before = end;
    }
}
