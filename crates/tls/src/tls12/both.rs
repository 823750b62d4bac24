//! What both sides do alike: the end of the handshake, and the open connection.

use super::prf::{MasterSecret, Randoms};
use crate::{
    codepoints::AlertDescription,
    crypto::aead::RecordKey,
    error::Error,
    io::Io,
    limits::MAX_RENEGOTIATIONS,
    messages::write_finished,
    transcript::{Flight, Side, Transcript},
};
use alloc::vec::Vec;

/// RFC 9846 4.2.3: how the random of a server that has TLS 1.3 ends where TLS 1.2 is chosen.
pub(super) const DOWNGRADE: &[u8; 8] = b"DOWNGRD\x01";
/// The same of a server that has TLS 1.2, where less is chosen: never with TLS 1.2.
pub(super) const DOWNGRADE_FURTHER: &[u8; 8] = b"DOWNGRD\x00";

/// What a ServerKeyExchange's signature is of (RFC 8422 5.4): both randoms, then the parameters.
pub(super) fn signed_params(client_random: &[u8], server_random: &[u8], params: &[u8]) -> Vec<u8> {
    [client_random, server_random, params].concat()
}

/// Ends `signer`'s part: sends the flight, ChangeCipherSpec, and Finished under the new key.
pub(super) fn finish(
    flight: Flight,
    transcript: &mut Transcript,
    master: &MasterSecret,
    signer: Side,
    key: RecordKey,
    io: &mut Io<'_>,
) -> Result<(), Error> {
    flight.send(io)?;
    io.change_cipher_spec();
    io.outgoing.rekey(key);
    io.note_keys(true, "application");
    let verify_data = master.verify_data(signer, &transcript.hash());
    let mut flight = Flight::default();
    flight.add(transcript, io, |out| write_finished(out, &verify_data))?;
    flight.send(io)
}

/// An open connection: what other keys come from, and what its peer may still do.
pub(crate) struct Open {
    master: MasterSecret,
    /// Both sides' randoms, where keys may be exported: with extended_master_secret (RFC 7627 5.4).
    exporter: Option<Randoms>,
    /// Wishes to renegotiate since the last application data.
    renegotiations: u8,
}

impl Open {
    pub(super) fn new(master: MasterSecret, exporter: Option<Randoms>) -> Self {
        Self {
            master,
            exporter,
            renegotiations: 0,
        }
    }

    /// Fills `out` with a key for another protocol (RFC 5705 4).
    pub(crate) fn export(&self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let randoms = self.exporter.as_ref().ok_or(Error::MisuseExport)?;
        self.master.export(randoms, label, context, out)
    }

    /// The peer wants another handshake, and gets none (RFC 5246 7.2.2).
    pub(super) fn decline(mut self, io: &mut Io<'_>) -> Result<Self, Error> {
        self.renegotiations += 1;
        if self.renegotiations > MAX_RENEGOTIATIONS {
            return Err(Error::PeerTooMany("wishes to renegotiate"));
        }
        if !io.send_closed {
            io.warn(AlertDescription::NO_RENEGOTIATION)?;
        }
        Ok(self)
    }

    /// Application data arrived: the peer has a reason for what it sends.
    pub(crate) fn heard_data(&mut self) {
        self.renegotiations = 0;
    }
}
