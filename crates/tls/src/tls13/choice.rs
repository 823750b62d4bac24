//! What a server goes on from: a pre-shared key of the client's, if one is good (RFC 9846 4.3.11).

use super::schedule::Early;
use crate::{
    codepoints::{CipherSuite, ProtocolVersion},
    config::ServerConfig,
    error::Error,
    identity::Staples,
    io::Io,
    messages::{ClientHello, PskOffer},
    psk::Psk,
    resumption::{EarlyDataRefusal, Session, TicketUse, check_age},
    transcript::Transcript,
};
use alloc::vec::Vec;

/// A pre-shared key that the client has proved to have.
pub(super) struct ChosenPsk {
    pub(super) index: u16,
    pub(super) psk: Psk,
    pub(super) cipher_suite: CipherSuite,
    pub(super) from: From,
}

/// What the key's identity is.
pub(super) enum From {
    Ticket {
        session: Session,
        ticket: Vec<u8>,
        obfuscated_ticket_age: u32,
    },
    External(Vec<u8>),
}

/// What a choice is made from.
pub(super) struct Offered<'c> {
    pub(super) config: &'c ServerConfig,
    pub(super) m: &'c ClientHello<'c>,
    /// After a retry: its suite, and the messages before this ClientHello.
    pub(super) retried: Option<(CipherSuite, &'c Transcript)>,
}

impl Offered<'_> {
    /// The first of the client's keys that is known and good; refuses one whose binder is wrong.
    pub(super) fn psk(&self, io: &Io<'_>) -> Result<Option<ChosenPsk>, Error> {
        let Some(offer) = self.m.pre_shared_keys()? else {
            return Ok(None);
        };
        let name = self.m.server_name()?;
        let chosen = (0..)
            .zip(&offer.identities)
            .find_map(|(index, &(identity, age))| {
                let (psk, cipher_suite, from) = self
                    .external(identity)
                    .or_else(|| self.ticket(identity, age, name, io))?;
                Some(ChosenPsk {
                    index,
                    psk,
                    cipher_suite,
                    from,
                })
            });
        let Some(chosen) = chosen else {
            return Ok(None);
        };
        self.check_binder(&chosen, &offer, io)?;
        Ok(Some(chosen))
    }

    fn external(&self, identity: &[u8]) -> Option<(Psk, CipherSuite, From)> {
        let required = self
            .config
            .client_auth
            .as_ref()
            .is_some_and(|auth| auth.required);
        let psks = self.config.external_psks.as_ref().filter(|_| !required)?;
        let psk = psks.find(identity)?.psk;
        let suites = self.config.suites(ProtocolVersion::TLS1_3);
        let suite = suites
            .filter(|&suite| psk.suits(suite))
            .find(|&suite| self.allows(suite))?;
        Some((psk, suite, From::External(identity.to_vec())))
    }

    fn ticket(
        &self,
        ticket: &[u8],
        obfuscated_ticket_age: u32,
        name: Option<&str>,
        io: &Io<'_>,
    ) -> Option<(Psk, CipherSuite, From)> {
        let session = self.config.sessions.as_ref()?.get(ticket)?;
        let suite = session.cipher_suite;
        let good = session.is_good(ProtocolVersion::TLS1_3, self.config, name, io.now)
            && self.allows(suite);
        good.then(|| {
            let psk = Psk::of_session(&session);
            let from = From::Ticket {
                session,
                ticket: ticket.to_vec(),
                obfuscated_ticket_age,
            };
            (psk, suite, from)
        })
    }

    fn allows(&self, suite: CipherSuite) -> bool {
        self.m.cipher_suites.contains(suite.0)
            && self.retried.is_none_or(|(retried, _)| retried == suite)
    }

    fn check_binder(
        &self,
        chosen: &ChosenPsk,
        offer: &PskOffer<'_>,
        io: &Io<'_>,
    ) -> Result<(), Error> {
        let front = &io.raw[..io.raw.len() - offer.binders_len];
        let truncated = match self.retried {
            Some((_, before)) => before.hash_with(front),
            None => chosen.psk.hash.of(front),
        };
        let binder = Early::new(&chosen.psk).binder(chosen.psk.origin, &truncated);
        if !binder.matches(offer.binders[usize::from(chosen.index)]) {
            return Err(Error::PeerBadBinder);
        }
        Ok(())
    }
}

impl ChosenPsk {
    /// The session that it goes on from.
    pub(super) fn session(&self) -> Option<&Session> {
        match &self.from {
            From::Ticket { session, .. } => Some(session),
            From::External(_) => None,
        }
    }

    /// What the client is called, if the key was not a connection's.
    pub(super) fn external_identity(&self) -> Option<Vec<u8>> {
        match &self.from {
            From::Ticket { .. } => None,
            From::External(identity) => Some(identity.clone()),
        }
    }

    /// The certificates that the client is known by.
    pub(super) fn restore(&self, io: &mut Io<'_>) {
        if let Some(session) = self.session() {
            io.keep_chain(session.peer_chain.clone(), Staples::default());
        }
    }

    /// How much early data under this key is taken, or why none is (RFC 9846 4.3.10, 8).
    pub(super) fn early_data(
        &self,
        config: &ServerConfig,
        alpn: Option<&[u8]>,
        io: &Io<'_>,
    ) -> Result<u32, EarlyDataRefusal> {
        use EarlyDataRefusal as No;
        let From::Ticket {
            session,
            ticket,
            obfuscated_ticket_age,
        } = &self.from
        else {
            return Err(No::NotItsKey);
        };
        let policy = config.early_data.as_ref().ok_or(No::SwitchedOff)?;
        let now = io.now.as_secs();
        let given = obfuscated_ticket_age.wrapping_sub(session.age_add);
        if self.index != 0 {
            return Err(No::NotItsKey);
        }
        // Its client may send all that the ticket promised.
        if session.max_early_data == 0 || session.max_early_data > policy.max_size {
            return Err(No::Session);
        }
        if session.alpn.as_deref() != alpn {
            return Err(No::Protocol);
        }
        check_age(given, now.saturating_sub(session.created))?;
        let first = policy.guard.is_first(&TicketUse {
            ticket,
            created: session.created,
            now,
        });
        if first {
            Ok(session.max_early_data)
        } else {
            Err(No::MayBeReplay)
        }
    }
}
