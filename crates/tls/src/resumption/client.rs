//! Where a client keeps its sessions.

use super::Session;
use crate::{config::ClientConfig, identity::Identity, verify::ServerVerifier};
use alloc::{sync::Arc, vec::Vec};
use core::fmt;
use rustls_pki_types::{ServerName, UnixTime};

/// What a client shows for its session.
#[derive(Clone)]
pub(crate) enum Shown {
    Ticket(Vec<u8>),
    /// Of TLS 1.2: the server keeps the session.
    SessionId(Vec<u8>),
}

/// A session with the ticket that its server knows it by, and who judged the server.
#[derive(Clone)]
pub struct ClientSession {
    pub(crate) session: Session,
    pub(crate) shown: Shown,
    verifier: Option<Arc<dyn ServerVerifier>>,
    identities: Vec<Arc<Identity>>,
}

impl ClientSession {
    /// `None` where the server was judged by the connection's owner, who is not asked again: nobody can
    /// tell whether it would be judged so once more.
    pub(crate) fn new(session: Session, shown: Shown, config: &ClientConfig) -> Option<Self> {
        let judged = config.verifier.is_some() || config.judge_resumed;
        judged.then(|| Self {
            session,
            shown,
            verifier: config.verifier.clone(),
            identities: config.identities.clone(),
        })
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether a connection with `config` may go on from it: the same verifier accepted the server, or it is
    /// judged again; the client would be the same; and the time is not over.
    pub(crate) fn fits(&self, config: &ClientConfig, now: UnixTime) -> bool {
        let same = |(ours, theirs): (&Arc<Identity>, &Arc<Identity>)| Arc::ptr_eq(ours, theirs);
        let judged = match (&config.verifier, &self.verifier) {
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        };
        (judged || config.judge_resumed)
            && config.identities.len() == self.identities.len()
            && config.identities.iter().zip(&self.identities).all(same)
            && config.offers(self.session.version, self.session.cipher_suite)
            && self.session.is_fresh(now)
    }
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientSession").field(&self.session).finish()
    }
}

/// Where a client keeps sessions between connections.
///
/// A session is for the server name that it was made with, and is given out once: whoever sees two
/// connections with one ticket knows that they are one client's (RFC 9846 C.4).
pub trait ClientSessions: Send + Sync {
    /// Keeps a session with `name`.
    fn put(&self, name: &ServerName<'static>, session: ClientSession);

    /// Takes a session with `name` out, the latest first.
    fn take(&self, name: &ServerName<'static>) -> Option<ClientSession>;
}

#[cfg(feature = "std")]
pub use memory::ClientSessionMemory;

#[cfg(feature = "std")]
mod memory {
    use super::{ClientSession, ClientSessions};
    use crate::limits::{MAX_SESSION_SERVERS, MAX_SESSIONS_PER_SERVER};
    use alloc::collections::VecDeque;
    use core::fmt;
    use rustls_pki_types::ServerName;
    use std::sync::{Mutex, PoisonError};

    /// Sessions in memory: the latest few with each of the servers that were last spoken to.
    #[derive(Default)]
    pub struct ClientSessionMemory(Mutex<VecDeque<Kept>>);

    struct Kept {
        name: ServerName<'static>,
        sessions: VecDeque<ClientSession>,
    }

    impl ClientSessionMemory {
        fn with<T>(&self, then: impl FnOnce(&mut VecDeque<Kept>) -> T) -> T {
            // Every change is whole at any time, also for who comes after a panic.
            then(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }
    }

    impl ClientSessions for ClientSessionMemory {
        fn put(&self, name: &ServerName<'static>, session: ClientSession) {
            self.with(|servers| {
                let at = servers.iter().position(|kept| kept.name == *name);
                let mut kept = at
                    .and_then(|at| servers.remove(at))
                    .unwrap_or_else(|| Kept {
                        name: name.clone(),
                        sessions: VecDeque::new(),
                    });
                if kept.sessions.len() == MAX_SESSIONS_PER_SERVER {
                    kept.sessions.pop_front();
                }
                kept.sessions.push_back(session);
                if servers.len() == MAX_SESSION_SERVERS {
                    servers.pop_front();
                }
                servers.push_back(kept);
            });
        }

        fn take(&self, name: &ServerName<'static>) -> Option<ClientSession> {
            self.with(|servers| {
                let kept = servers.iter_mut().find(|kept| kept.name == *name)?;
                kept.sessions.pop_back()
            })
        }
    }

    impl fmt::Debug for ClientSessionMemory {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let servers = self.with(|servers| servers.len());
            f.debug_struct("ClientSessionMemory")
                .field("servers", &servers)
                .finish()
        }
    }

    #[cfg(test)]
    mod tests {
        use super::{ClientSession, ClientSessionMemory, ClientSessions};
        use crate::resumption::Shown;
        use crate::{
            config::ClientConfig,
            limits::{MAX_SESSION_SERVERS, MAX_SESSIONS_PER_SERVER},
            resumption::tests::session,
            verify::DangerousAcceptAny,
        };
        use alloc::{format, sync::Arc, vec::Vec};
        use core::time::Duration;
        use rustls_pki_types::{ServerName, UnixTime};

        fn config() -> ClientConfig {
            ClientConfig::with_verifier(Arc::new(DangerousAcceptAny))
        }

        fn kept(number: usize) -> ClientSession {
            ClientSession::new(session(), shown(number as u8), &config()).unwrap()
        }

        fn shown(octet: u8) -> Shown {
            Shown::Ticket([octet].to_vec())
        }

        fn name(name: &str) -> ServerName<'static> {
            ServerName::try_from(name).unwrap().to_owned()
        }

        #[test]
        fn a_session_is_given_out_once_the_latest_first_and_only_for_its_name() {
            let memory = ClientSessionMemory::default();
            for number in 0..=MAX_SESSIONS_PER_SERVER {
                memory.put(&name("a.example"), kept(number));
            }
            assert!(memory.take(&name("b.example")).is_none());
            let taken: Vec<u8> = core::iter::from_fn(|| memory.take(&name("a.example")))
                .map(|session| match session.shown {
                    Shown::Ticket(octets) | Shown::SessionId(octets) => octets[0],
                })
                .collect();
            let all_but_the_first: Vec<u8> = (1..=MAX_SESSIONS_PER_SERVER as u8).rev().collect();
            assert_eq!(taken, all_but_the_first);
        }

        #[test]
        fn the_server_that_was_longest_unheard_of_is_forgotten_first() {
            let memory = ClientSessionMemory::default();
            for number in 0..MAX_SESSION_SERVERS {
                memory.put(&name(&format!("n{number}.example")), kept(0));
            }
            memory.put(&name("n0.example"), kept(1));
            memory.put(&name("new.example"), kept(2));
            assert!(memory.take(&name("n1.example")).is_none());
            assert!(memory.take(&name("n0.example")).is_some());
            assert!(memory.take(&name("new.example")).is_some());
        }

        #[test]
        fn a_session_is_for_the_verifier_and_the_identities_that_it_was_made_with() {
            let now = UnixTime::since_unix_epoch(Duration::from_secs(1_000));
            let ours = config();
            let session = ClientSession::new(session(), shown(0), &ours).unwrap();
            assert!(session.fits(&ours.clone(), now));
            assert!(!session.fits(&config(), now), "another verifier, if alike");
            let mut other = ours.clone();
            other.cipher_suites.remove(0);
            assert!(!session.fits(&other, now), "its suite is no longer wanted");
            let mut other = ours.clone();
            other.verifier = None;
            assert!(!session.fits(&other, now));
            assert!(ClientSession::new(session.session, shown(0), &other).is_none());
        }
    }
}
