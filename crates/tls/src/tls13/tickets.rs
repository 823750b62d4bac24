//! Tickets (RFC 9846 4.7.1): given by a server, kept by a client.

use super::schedule::Resumption;
use crate::{
    config::{ClientConfig, ServerConfig},
    connection::Agreed,
    error::Error,
    io::Io,
    limits::MAX_TICKET,
    messages::{NewSessionTicket, write_new_session_ticket},
    resumption::{ClientSession, Session, Shown},
    transcript::Flight,
};
use alloc::sync::Arc;
use rustls_pki_types::ServerName;

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
        let session = Session::of(agreed, self.secret.psk(m.ticket_nonce), self.end, io);
        let session = Session {
            lifetime: session.lifetime.min(m.ticket_lifetime),
            age_add: m.ticket_age_add,
            max_early_data: m.max_early_data,
            ..session
        };
        if session.is_fresh(io.now)
            && let Some(kept) =
                ClientSession::new(session, Shown::Ticket(m.ticket.to_vec()), &self.config)
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
            ..Session::of(agreed, secret.psk(&nonce), end, io)
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
