//! Early data: how much a server takes, and how it tells a replay (RFC 9846 8).

use crate::limits::EARLY_DATA_WINDOW;
use alloc::sync::Arc;
use core::fmt;

/// How a server takes early data. **Whoever saw it on its way can send it again**, and only what the guard
/// remembers is refused: take it for requests that may be done twice.
#[derive(Clone)]
pub struct EarlyDataPolicy {
    /// Octets to take in one connection.
    pub max_size: u32,
    /// Tells replays.
    pub guard: Arc<dyn ReplayGuard>,
}

impl fmt::Debug for EarlyDataPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarlyDataPolicy")
            .field("max_size", &self.max_size)
            .finish_non_exhaustive()
    }
}

/// Why early data that could have been was not: at a server it was not taken, at a client not offered.
/// [`Agreed`](crate::Agreed) says of a retry, or a session that was not gone on from, what it says anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EarlyDataRefusal {
    /// The configuration takes none.
    SwitchedOff,
    /// A retry refuses it (RFC 9846 4.3.10).
    HelloRetry,
    /// The handshake is a full one, or under another key than the client's first.
    NotItsKey,
    /// The session allows none, or more than is taken now.
    Session,
    /// The session's protocol is not this connection's (RFC 9846 4.3.10).
    Protocol,
    /// The client's account of its ticket's age is wrong by so many seconds, positive if it thinks the ticket
    /// older than it is: a replay, or a clock that goes wrong (RFC 9846 8.3).
    TicketAge(i64),
    /// The guard cannot say for sure that it is the first time.
    MayBeReplay,
}

/// A ticket that early data came with.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct TicketUse<'a> {
    /// The ticket.
    pub ticket: &'a [u8],
    /// When the ticket was made, in seconds since 1970.
    pub created: u64,
    /// Now, in seconds since 1970.
    pub now: u64,
}

/// Remembers which tickets early data came with. Servers that share ticket keys have to share this too, or
/// each takes the same data once.
pub trait ReplayGuard: Send + Sync {
    /// Whether this is the first time, as far as can be known for sure; and remembers it. The
    /// client's own account of the ticket's age is right to within [`EARLY_DATA_WINDOW`] seconds,
    /// so a use that is older than twice that need not be remembered.
    fn is_first(&self, use_of: &TicketUse<'_>) -> bool;
}

/// Refuses an age that a client gives and that is not the ticket's, as far as clocks and the way allow.
pub(crate) fn check_age(given_milliseconds: u32, age_seconds: u64) -> Result<(), EarlyDataRefusal> {
    let given = u64::from(given_milliseconds) / 1_000;
    if given.abs_diff(age_seconds) <= EARLY_DATA_WINDOW {
        return Ok(());
    }
    // Neither is near the end of what fits.
    let skew = given.cast_signed().saturating_sub_unsigned(age_seconds);
    Err(EarlyDataRefusal::TicketAge(skew))
}

#[cfg(feature = "std")]
pub use single_use::SingleUse;

#[cfg(feature = "std")]
mod single_use {
    use super::{ReplayGuard, TicketUse};
    use crate::{
        crypto::hash::Hash,
        limits::{EARLY_DATA_WINDOW, MAX_REMEMBERED_TICKETS},
    };
    use alloc::collections::{BTreeSet, VecDeque};
    use core::fmt;
    use rustls_pki_types::UnixTime;
    use std::sync::{Mutex, PoisonError};

    /// A guard in one server's memory, by which a ticket brings early data once. It takes none with a
    /// ticket that is older than itself, whose uses it may have missed, none over a connection made
    /// more than [`EARLY_DATA_WINDOW`] seconds before the latest, and none while its memory is full.
    pub struct SingleUse {
        since: u64,
        seen: Mutex<Seen>,
    }

    #[derive(Default)]
    struct Seen {
        tickets: BTreeSet<[u8; 32]>,
        /// The same in the order of their use, with its time.
        order: VecDeque<(u64, [u8; 32])>,
        /// Uses before this time may be forgotten.
        forgotten: u64,
    }

    impl SingleUse {
        /// Knows nothing from before `now`.
        pub fn new(now: UnixTime) -> Self {
            Self {
                since: now.as_secs(),
                seen: Mutex::default(),
            }
        }
    }

    impl Seen {
        fn forget_before(&mut self, time: u64) {
            self.forgotten = self.forgotten.max(time);
            while let Some(&(used, ticket)) = self.order.front()
                && used < time
            {
                self.order.pop_front();
                self.tickets.remove(&ticket);
            }
        }
    }

    impl ReplayGuard for SingleUse {
        fn is_first(&self, use_of: &TicketUse<'_>) -> bool {
            if use_of.created < self.since {
                return false;
            }
            let mut ticket = [0; 32];
            ticket.copy_from_slice(Hash::Sha256.of(use_of.ticket).as_ref());
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.forget_before(use_of.now.saturating_sub(3 * EARLY_DATA_WINDOW + 1));
            // A connection's time is when it was made, and it may have been kept waiting since.
            let stale = use_of.now.saturating_sub(2 * EARLY_DATA_WINDOW) < seen.forgotten;
            if stale {
                return false;
            }
            if seen.tickets.len() >= MAX_REMEMBERED_TICKETS || !seen.tickets.insert(ticket) {
                return false;
            }
            seen.order.push_back((use_of.now, ticket));
            true
        }
    }

    impl fmt::Debug for SingleUse {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("SingleUse")
                .field("since", &self.since)
                .finish_non_exhaustive()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EarlyDataRefusal, ReplayGuard, SingleUse, TicketUse, check_age};
    use crate::limits::{EARLY_DATA_WINDOW, MAX_REMEMBERED_TICKETS};
    use core::time::Duration;
    use rustls_pki_types::UnixTime;

    fn use_of(ticket: &[u8], created: u64, now: u64) -> TicketUse<'_> {
        TicketUse {
            ticket,
            created,
            now,
        }
    }

    fn guard() -> SingleUse {
        SingleUse::new(UnixTime::since_unix_epoch(Duration::from_secs(1_000)))
    }

    #[test]
    fn a_ticket_is_used_once_and_not_if_it_is_older_than_the_guard() {
        let guard = guard();
        assert!(!guard.is_first(&use_of(b"old", 999, 1_005)));
        assert!(guard.is_first(&use_of(b"a", 1_000, 1_005)));
        assert!(guard.is_first(&use_of(b"b", 1_000, 1_005)));
        for later in [1_005, 1_005 + 2 * EARLY_DATA_WINDOW] {
            assert!(!guard.is_first(&use_of(b"a", 1_000, later)), "{later}");
        }
    }

    #[test]
    fn a_connection_that_waited_for_longer_than_the_memory_reaches_brings_nothing() {
        let guard = guard();
        assert!(guard.is_first(&use_of(b"a", 1_000, 1_005)));
        assert!(guard.is_first(&use_of(b"b", 1_000, 2_000)));
        assert!(!guard.is_first(&use_of(b"a", 1_000, 1_005)));
        let last = 2_000 - EARLY_DATA_WINDOW - 1;
        assert!(!guard.is_first(&use_of(b"c", 1_000, last - 1)));
        assert!(guard.is_first(&use_of(b"c", 1_000, last)));
    }

    #[test]
    fn a_full_memory_takes_nothing_until_it_may_forget() {
        let guard = guard();
        for number in 0..MAX_REMEMBERED_TICKETS {
            assert!(guard.is_first(&use_of(&number.to_be_bytes(), 1_000, 1_000)));
        }
        assert!(!guard.is_first(&use_of(b"one more", 1_000, 1_000)));
        let later = 1_000 + 3 * EARLY_DATA_WINDOW + 2;
        assert!(guard.is_first(&use_of(b"one more", 1_000, later)));
    }

    #[test]
    fn an_age_is_right_within_the_window() {
        let window = EARLY_DATA_WINDOW as u32;
        for (given, age) in [(0, 0), (60_999, 60)] {
            assert_eq!(check_age(given, age), Ok(()));
        }
        for given in [60 - window, 60 + window] {
            assert_eq!(check_age(given * 1_000, 60), Ok(()));
        }
        let off_by = i64::from(window) + 1;
        for (given, skew) in [(61 + window, off_by), (59 - window, -off_by)] {
            let refused = Err(EarlyDataRefusal::TicketAge(skew));
            assert_eq!(check_age(given * 1_000, 60), refused);
        }
    }
}
