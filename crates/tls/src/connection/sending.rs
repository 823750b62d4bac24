//! What an owner sends, and the keys that it is sent under.

use super::{
    Connection,
    flow::{Flow, Open},
};
use crate::{
    codepoints::{ContentType, HandshakeType, KeyUpdateRequest},
    error::Error,
    record::Outgoing,
    watch::{Note, What},
};
use alloc::vec::Vec;

impl Connection {
    /// Appends `body`, its parts joined, to `out` in records. A server may answer early data at once, before
    /// its client is done: the answer goes to whoever has the session's key, and to nobody else.
    ///
    /// # Errors
    /// [`Error::MisuseNotOpen`] before [`Event::Connected`](super::Event::Connected) and after
    /// [`close`](Self::close), which harms nothing; after a failure, that error again.
    pub fn send(&mut self, body: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Error> {
        self.prepare(body, out)?;
        self.outgoing.send(ContentType::APPLICATION_DATA, body, out)
    }

    /// Octets that [`send_in_place`](Self::send_in_place) needs in front of the content and behind it.
    pub fn room_around(&self) -> (usize, usize) {
        self.outgoing.room()
    }

    /// Makes `record` a record where it stands, so that its content is not copied: room in front, 1 to
    /// 16 384 octets of content (or `max_fragment`), room behind, as [`room_around`](Self::room_around) says.
    /// What this appends to `out` leaves before the record.
    ///
    /// # Errors
    /// [`Error::MisuseRecord`] if the content is empty or too long, which harms nothing; otherwise as
    /// [`send`](Self::send).
    pub fn send_in_place(&mut self, record: &mut [u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let (front, behind) = self.room_around();
        let content = record.len().saturating_sub(front + behind);
        if !(1..=self.outgoing.longest()).contains(&content) {
            return Err(Error::MisuseRecord);
        }
        self.prepare(&[&record[..content]], out)?;
        self.outgoing
            .seal_in_place(ContentType::APPLICATION_DATA, record)
    }

    /// Changes the key first where it is worn out, or where the peer waits for that. TLS 1.2 cannot: a
    /// worn-out key ends the connection.
    fn prepare(&mut self, body: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Error> {
        if self.failed.is_none() && !self.send_closed && self.flow.answers_early_data() {
            return if self.outgoing.has_room_for(body) {
                Ok(())
            } else {
                Err(self.fail(Error::KeyExhausted, out))
            };
        }
        let (open, outgoing) = self.sending()?;
        let worn_out = !outgoing.has_room_for(body);
        match open {
            Open::Tls12(_) if worn_out => Err(self.fail(Error::KeyExhausted, out)),
            Open::Tls12(_) => Ok(()),
            Open::Tls13(open) => {
                if open.will_send_data() || worn_out {
                    self.update_keys(false, out)?;
                }
                Ok(())
            }
        }
    }

    /// Octets that a client may send before the server has answered: none unless
    /// [`ClientConfig::early_data`](crate::ClientConfig::early_data) is set and a session allows it.
    pub fn early_data_left(&mut self) -> usize {
        match (&self.flow, self.failed, self.send_closed) {
            (Flow::Client(_), None, false) => {
                self.flow.early_left().map_or(0, |left| *left as usize)
            }
            _ => 0,
        }
    }

    /// Appends `body`, its parts joined, as early data (RFC 9846 2.3). Once connected,
    /// [`Agreed::early_data`](super::Agreed::early_data) says whether the server took it; otherwise it may be sent again.
    ///
    /// **It has no protection against being sent twice by others**, and none that outlives the key of the
    /// session: send only requests that may be done twice.
    ///
    /// # Errors
    /// [`Error::MisuseEarlyData`] if it is more than [`early_data_left`](Self::early_data_left), which
    /// harms nothing; after a failure, that error again.
    pub fn send_early(&mut self, body: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let length: usize = body.iter().map(|part| part.len()).sum();
        if length > self.early_data_left() {
            return Err(Error::MisuseEarlyData);
        }
        if let Some(left) = self.flow.early_left() {
            // Not more than is left, which fits.
            *left -= length as u32;
        }
        self.outgoing.send(ContentType::APPLICATION_DATA, body, out)
    }

    /// Fills `out` with a key for another protocol, which both sides get from the same `label` and
    /// `context` (RFC 9846 7.5). Labels are registered with IANA, or begin with "EXPERIMENTAL". In TLS 1.2
    /// (RFC 5705) an empty context is none.
    ///
    /// # Errors
    /// [`Error::MisuseNotOpen`] before [`Event::Connected`](super::Event::Connected); [`Error::MisuseExport`] if label (249 octets)
    /// or output (255 hashes) is too long, or if TLS 1.2 is without extended_master_secret (RFC 7627 5.4).
    /// Neither harms anything.
    pub fn export(&mut self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        match (self.failed, self.flow.open()) {
            (Some(error), _) => Err(error),
            (None, Some(open)) => open.export(label, context, out),
            (None, None) => Err(Error::MisuseNotOpen),
        }
    }

    /// Moves this side to its next key, and with `ask_peer_too` asks the peer to do the same.
    ///
    /// It is not needed: a key that has protected as many records as it may is changed by itself.
    ///
    /// # Errors
    /// As [`send`](Self::send); [`Error::MisuseNoKeyUpdate`] in TLS 1.2, which harms nothing.
    pub fn update_keys(&mut self, ask_peer_too: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        let request = KeyUpdateRequest(u8::from(ask_peer_too));
        let (Open::Tls13(open), outgoing) = self.sending()? else {
            return Err(Error::MisuseNoKeyUpdate);
        };
        let message = open.announce_key(request, outgoing, out)?;
        self.watched.note(&Note {
            sent: true,
            what: What::Handshake(HandshakeType::KEY_UPDATE, &message),
        });
        Ok(())
    }

    /// What sends, if this side may.
    fn sending(&mut self) -> Result<(Open<'_>, &mut Outgoing), Error> {
        match (self.failed, self.flow.open()) {
            (Some(error), _) => Err(error),
            (None, Some(open)) if !self.send_closed => Ok((open, &mut self.outgoing)),
            _ => Err(Error::MisuseNotOpen),
        }
    }
}
