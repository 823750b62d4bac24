//! Where a server keeps its sessions: with itself, or sealed with the client.

use super::Session;
use crate::{
    crypto::ticket::{NAME_LEN, SALT_LEN, TicketKey},
    limits::{MAX_SESSION, MAX_TICKET_KEYS},
};
use alloc::{vec, vec::Vec};
use core::fmt;
use rand_core::CryptoRng;
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
    use super::{ServerSessions, TicketKeys};
    use crate::resumption::tests::session;

    fn random() -> impl rand_core::CryptoRng {
        rand_core::UnwrapErr(getrandom::SysRng)
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
