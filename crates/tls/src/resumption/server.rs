//! Where a server keeps its sessions: with itself, or sealed with the client.

use super::Session;
use crate::{
    codepoints::ProtocolVersion,
    config::ServerConfig,
    crypto::ticket::{NAME_LEN, SALT_LEN, TicketKey},
    limits::{MAX_SESSION, MAX_TICKET_KEYS},
    verify::Presented,
};
use alloc::{vec, vec::Vec};
use core::fmt;
use netkit_x509::KeyUsage;
use rand_core::CryptoRng;
use rustls_pki_types::UnixTime;
use zeroize::Zeroizing;

/// Where a server keeps sessions between connections. [`TicketKeys`] keep them with the clients.
pub trait ServerSessions: Send + Sync {
    /// Keeps a session and returns what the client has to show for it: 1 to 65535 octets, which nobody
    /// can guess or make. `None`: it is not kept, and the client gets no ticket.
    fn put(&self, session: &Session, random: &mut dyn CryptoRng) -> Option<Vec<u8>>;

    /// The session of a ticket, which may be anybody's octets. A store may give each out once.
    fn get(&self, ticket: &[u8]) -> Option<Session>;
}

/// Stores behind a lock, which a server can change while it runs:
/// `keys.write().unwrap().rotate(secret)`.
#[cfg(feature = "std")]
impl<T: ServerSessions> ServerSessions for std::sync::RwLock<T> {
    fn put(&self, session: &Session, random: &mut dyn CryptoRng) -> Option<Vec<u8>> {
        self.read().ok()?.put(session, random)
    }

    fn get(&self, ticket: &[u8]) -> Option<Session> {
        self.read().ok()?.get(ticket)
    }
}

/// Where a server keeps sessions of TLS 1.2 for clients without tickets (RFC 5246 F.1.4).
pub trait SessionIds: Send + Sync {
    /// Keeps a session under `id`, which is random.
    fn put(&self, id: &[u8; 32], session: Session);

    /// The session of an id, which may be anybody's octets.
    fn get(&self, id: &[u8]) -> Option<Session>;
}

impl Session {
    /// Whether a server may go on from it in `version` with a client that asks for `name`: it would
    /// agree to it anew, and let the client in with the certificates that it showed then.
    pub(crate) fn is_good(
        &self,
        version: ProtocolVersion,
        config: &ServerConfig,
        name: Option<&str>,
        now: UnixTime,
    ) -> bool {
        // Who has no certificate lets nobody in without a key, and gave no ticket.
        !config.identities.is_empty()
            && self.version == version
            && self.extended_master_secret
            && self.is_fresh(now)
            && self.server_name.as_deref() == name
            && config
                .suites(version)
                .any(|suite| suite == self.cipher_suite)
            && self.is_authenticated(config, now)
    }

    fn is_authenticated(&self, config: &ServerConfig, now: UnixTime) -> bool {
        match (&config.client_auth, &self.peer_chain[..]) {
            (None, chain) => chain.is_empty(),
            (Some(auth), []) => !auth.required,
            (Some(auth), _) if !auth.judge_resumed => true,
            (Some(auth), chain) => auth.verifier.as_ref().is_some_and(|verifier| {
                let presented = Presented {
                    chain,
                    ocsp_response: None,
                    sct_list: None,
                    key_usage: KeyUsage::DigitalSignature,
                };
                verifier.verify(&presented, now).is_ok()
            }),
        }
    }
}

#[cfg(feature = "std")]
pub use memory::SessionIdMemory;

#[cfg(feature = "std")]
mod memory {
    use super::{Session, SessionIds};
    use crate::limits::MAX_SESSION_IDS;
    use alloc::collections::{BTreeMap, VecDeque};
    use core::fmt;
    use std::sync::{Mutex, PoisonError};

    /// Sessions in one server's memory, the latest [`MAX_SESSION_IDS`] of them.
    #[derive(Default)]
    pub struct SessionIdMemory(Mutex<Kept>);

    #[derive(Default)]
    struct Kept {
        sessions: BTreeMap<[u8; 32], Session>,
        /// Their ids, the oldest first.
        order: VecDeque<[u8; 32]>,
    }

    impl SessionIds for SessionIdMemory {
        fn put(&self, id: &[u8; 32], session: Session) {
            if session.encode().is_err() {
                return; // too long to keep
            }
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.sessions.insert(*id, session).is_some() {
                return;
            }
            kept.order.push_back(*id);
            if kept.order.len() > MAX_SESSION_IDS
                && let Some(oldest) = kept.order.pop_front()
            {
                kept.sessions.remove(&oldest);
            }
        }

        fn get(&self, id: &[u8]) -> Option<Session> {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.sessions.get(id).cloned()
        }
    }

    impl fmt::Debug for SessionIdMemory {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("SessionIdMemory(..)")
        }
    }
}

/// Keys that seal sessions into tickets (RFC 9846 4.7.1, RFC 5077), so that the server keeps nothing.
///
/// Servers with the same secrets take each other's tickets. Whoever learns a secret reads the early
/// data of its tickets and can be a client that was accepted: change it often.
///
/// A ticket is the name of its key (16 octets), a random value (32), and the session encrypted with
/// AES-256-GCM under a key that is derived for it alone.
pub struct TicketKeys(Vec<TicketKey>);

impl TicketKeys {
    /// Fresh keys, which no other server has.
    pub fn new(random: &mut dyn CryptoRng) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        random.fill_bytes(&mut *secret);
        Self::from_secret(&secret)
    }

    /// The keys of a secret that nobody can guess: the same everywhere.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(vec![TicketKey::new(secret)])
    }

    /// Seals with `secret` from now on. Tickets of the two secrets before it are still taken.
    pub fn rotate(&mut self, secret: &[u8; 32]) {
        self.0.truncate(MAX_TICKET_KEYS - 1);
        self.0.insert(0, TicketKey::new(secret));
    }
}

impl ServerSessions for TicketKeys {
    fn put(&self, session: &Session, random: &mut dyn CryptoRng) -> Option<Vec<u8>> {
        let key = self.0.first()?;
        let mut salt = [0; SALT_LEN];
        random.fill_bytes(&mut salt);
        let mut content = session.encode().ok()?;
        key.seal(&salt, &mut content).ok()?;
        Some([&key.name()[..], &salt, &content].concat())
    }

    fn get(&self, ticket: &[u8]) -> Option<Session> {
        const TAG_LEN: usize = 16;
        let (name, rest) = ticket.split_first_chunk::<NAME_LEN>()?;
        let (salt, sealed) = rest.split_first_chunk::<SALT_LEN>()?;
        let key = self.0.iter().find(|key| key.name() == name)?;
        if sealed.len() > MAX_SESSION + TAG_LEN {
            return None;
        }
        let mut sealed = Zeroizing::new(sealed.to_vec());
        Session::decode(key.open(salt, &mut sealed)?).ok()
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKeys(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::{ServerSessions, SessionIdMemory, SessionIds, TicketKeys};
    use crate::{limits::MAX_SESSION_IDS, resumption::tests::session};

    fn random() -> impl rand_core::CryptoRng {
        rand_core::UnwrapErr(getrandom::SysRng)
    }

    #[test]
    fn the_memory_of_ids_forgets_the_oldest_first() {
        let memory = SessionIdMemory::default();
        let id = |number: usize| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&(number as u64).to_be_bytes());
            id
        };
        for number in 0..=MAX_SESSION_IDS {
            memory.put(&id(number), session());
        }
        assert_eq!(memory.get(&id(0)), None);
        assert_eq!(memory.get(&id(1)), Some(session()));
        assert_eq!(memory.get(&id(MAX_SESSION_IDS)), Some(session()));
        assert_eq!(memory.get(b"short"), None);
    }

    #[test]
    fn whoever_has_the_secret_opens_the_ticket_and_nobody_else() {
        let ours = TicketKeys::from_secret(&[1; 32]);
        let ticket = ours.put(&session(), &mut random()).unwrap();
        let member = TicketKeys::from_secret(&[1; 32]);
        assert_eq!(member.get(&ticket), Some(session()));
        assert_eq!(TicketKeys::new(&mut random()).get(&ticket), None);
        let again = ours.put(&session(), &mut random()).unwrap();
        assert_ne!(ticket, again, "no two tickets are alike");
        assert!(!ticket.windows(8).any(|octets| octets == [7; 8]));
    }

    #[test]
    fn a_ticket_that_was_altered_anywhere_is_none() {
        let ours = TicketKeys::from_secret(&[1; 32]);
        let ticket = ours.put(&session(), &mut random()).unwrap();
        for place in 0..ticket.len() {
            let mut altered = ticket.clone();
            altered[place] ^= 1;
            assert_eq!(ours.get(&altered), None, "octet {place}");
            assert_eq!(ours.get(&ticket[..place]), None, "cut at {place}");
        }
    }

    #[test]
    fn old_secrets_open_for_two_rotations_and_the_new_one_seals() {
        let mut ours = TicketKeys::from_secret(&[1; 32]);
        let first = ours.put(&session(), &mut random()).unwrap();
        for (secret, opens) in [(2, true), (3, true), (4, false)] {
            ours.rotate(&[secret; 32]);
            assert_eq!(ours.get(&first).is_some(), opens, "secret {secret}");
            let ticket = ours.put(&session(), &mut random()).unwrap();
            assert!(
                TicketKeys::from_secret(&[secret; 32])
                    .get(&ticket)
                    .is_some()
            );
        }
    }
}
