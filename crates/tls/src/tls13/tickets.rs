//! Tickets (RFC 9846 4.7.1): given by a server, kept by a client.

use super::schedule::Resumption;
use crate::{
    codepoints::ProtocolVersion,
    config::{ClientConfig, ServerConfig},
    connection::Agreed,
    error::Error,
    io::Io,
    limits::{MAX_TICKET, MAX_TICKET_LIFETIME},
    messages::{NewSessionTicket, write_new_session_ticket},
    resumption::{ClientSession, Session},
    transcript::Flight,
};
use alloc::{sync::Arc, vec::Vec};
use rustls_pki_types::ServerName;
use zeroize::Zeroizing;

/// When what was proved in a full handshake at `io`'s time has to be proved again, in seconds since 1970.
pub(super) fn end_of_proof(lifetime: u32, io: &Io<'_>) -> u64 {
    let lifetime = lifetime.min(MAX_TICKET_LIFETIME);
    io.now.as_secs().saturating_add(u64::from(lifetime))
}

/// What was agreed, as a session that lasts until `end`.
fn session(agreed: &Agreed, secret: Zeroizing<Vec<u8>>, end: u64, io: &Io<'_>) -> Session {
    let created = io.now.as_secs();
    Session {
        version: ProtocolVersion::TLS1_3,
        cipher_suite: agreed.cipher_suite,
        secret,
        created,
        // At most seven days.
        lifetime: end.saturating_sub(created) as u32,
        age_add: 0,
        max_early_data: 0,
        extended_master_secret: true,
        server_name: agreed.server_name.clone(),
        alpn: agreed.alpn.clone(),
        peer_chain: io.facts.peer_chain.clone(),
    }
}

/// What a client makes sessions of, as tickets come.
pub(super) struct Keeper {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
    pub(super) secret: Resumption,
    pub(super) end: u64,
}

impl Keeper {
    pub(super) fn keep(&self, m: &NewSessionTicket<'_>, io: &Io<'_>) {
        let (Some(sessions), Some(agreed)) = (&self.config.sessions, &io.facts.agreed) else {
            return;
        };
        if m.ticket.len() > MAX_TICKET {
            return;
        }
        let session = session(agreed, self.secret.psk(m.ticket_nonce), self.end, io);
        let session = Session {
            lifetime: session.lifetime.min(m.ticket_lifetime),
            age_add: m.ticket_age_add,
            max_early_data: m.max_early_data,
            ..session
        };
        if session.is_fresh(io.now)
            && let Some(kept) = ClientSession::new(session, m.ticket.to_vec(), &self.config)
        {
            sessions.put(&self.name, kept);
        }
    }
}

/// Sends tickets for sessions that last until `end`.
pub(super) fn give(
    config: &ServerConfig,
    secret: &Resumption,
    agreed: &Agreed,
    end: u64,
    io: &mut Io<'_>,
) -> Result<(), Error> {
    let Some(sessions) = &config.sessions else {
        return Ok(());
    };
    let mut flight = Flight::default();
    for number in 0..config.tickets {
        let mut age_add = [0; 4];
        io.random.fill_bytes(&mut age_add);
        let nonce = [number];
        let session = Session {
            age_add: u32::from_be_bytes(age_add),
            max_early_data: config
                .early_data
                .as_ref()
                .map_or(0, |policy| policy.max_size),
            ..session(agreed, secret.psk(&nonce), end, io)
        };
        if !session.is_fresh(io.now) {
            break;
        }
        let Some(ticket) = sessions.put(&session, &mut *io.random) else {
            break;
        };
        flight.add_untranscribed(io, |out| {
            write_new_session_ticket(
                out,
                &NewSessionTicket {
                    ticket_lifetime: session.lifetime,
                    ticket_age_add: session.age_add,
                    ticket_nonce: &nonce,
                    ticket: &ticket,
                    max_early_data: session.max_early_data,
                },
            )
        })?;
    }
    flight.send(io)
}
