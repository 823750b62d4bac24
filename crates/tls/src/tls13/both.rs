//! What both sides do alike: the proofs of authentication, and the open connection.

use super::{
    schedule::{ApplicationTraffic, Exporter, Handshake, HandshakeTraffic, Main},
    tickets::Keeper,
};
use crate::{
    codepoints::{ContentType, HandshakeType, KeyUpdateRequest, ProtocolVersion, SignatureScheme},
    error::Error,
    io::Io,
    limits::{MAX_KEY_UPDATES, MAX_TICKETS},
    messages::{
        CertificateVerify, Finished, KeyUpdate, NewSessionTicket, write_finished, write_message,
    },
    record::Outgoing,
    transcript::{Flight, Side, Transcript},
    verify::check_signature,
};
use alloc::{boxed::Box, vec::Vec};
use core::mem;
use netkit_core::Writer;

/// What a CertificateVerify signs (RFC 9846 4.5.2): 64 spaces, a context, a zero, the transcript's
/// hash.
pub(super) fn signed_content(signer: Side, transcript: &Transcript) -> Vec<u8> {
    let context: &[u8] = match signer {
        Side::Client => b"TLS 1.3, client CertificateVerify",
        Side::Server => b"TLS 1.3, server CertificateVerify",
    };
    let hash = transcript.hash();
    let mut content = Vec::with_capacity(64 + context.len() + 1 + hash.as_ref().len());
    content.resize(64, b' ');
    content.bytes(context);
    content.u8(0);
    content.bytes(hash.as_ref());
    content
}

/// Checks the peer's CertificateVerify with a scheme out of `accepted`.
pub(super) fn check_verify(
    message: &CertificateVerify<'_>,
    accepted: &[SignatureScheme],
    signer: Side,
    transcript: &Transcript,
    io: &Io<'_>,
) -> Result<(), Error> {
    if !accepted.contains(&message.algorithm) {
        return Err(Error::PeerIllegalParameter(
            "a signature scheme that was not offered",
        ));
    }
    check_signature(
        ProtocolVersion::TLS1_3,
        &io.facts.peer_chain[0],
        message.algorithm,
        &signed_content(signer, transcript),
        message.signature,
    )
}

/// Adds the Finished of the side whose secret this is.
pub(super) fn add_finished(
    flight: &mut Flight,
    transcript: &mut Transcript,
    io: &mut Io<'_>,
    traffic: &HandshakeTraffic,
) -> Result<(), Error> {
    let verify_data = traffic.verify_data(&transcript.hash());
    flight.add(transcript, io, |out| {
        write_finished(out, verify_data.as_ref())
    })
}

/// Refuses a Finished that is not `traffic`'s over `transcript`.
pub(super) fn check_finished(
    message: &Finished<'_>,
    traffic: &HandshakeTraffic,
    transcript: &Transcript,
) -> Result<(), Error> {
    let verify_data = traffic.verify_data(&transcript.hash());
    if !verify_data.matches(message.verify_data) {
        return Err(Error::PeerBadFinished);
    }
    Ok(())
}

/// Derives both sides' handshake secrets and logs them.
pub(super) fn handshake_traffic(
    secret: &Handshake,
    transcript: &Transcript,
    client_random: &[u8; 32],
    io: &mut Io<'_>,
) -> (HandshakeTraffic, HandshakeTraffic) {
    let (client, server) = secret.traffic(&transcript.hash());
    let log =
        |label, secret: &HandshakeTraffic| io.log_secret(label, client_random, secret.expose());
    log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", &client);
    log("SERVER_HANDSHAKE_TRAFFIC_SECRET", &server);
    (client, server)
}

/// What both sides' records are protected with, and keys for other protocols made from.
pub(super) struct Application {
    pub(super) client: ApplicationTraffic,
    pub(super) server: ApplicationTraffic,
    pub(super) exporter: Exporter,
}

/// Derives the application secrets and logs them; the transcript ends with the server's Finished.
pub(super) fn application(
    secret: &Main,
    transcript: &Transcript,
    client_random: &[u8; 32],
    io: &mut Io<'_>,
) -> Application {
    let transcript = transcript.hash();
    let (client, server) = secret.traffic(&transcript);
    let exporter = secret.exporter(&transcript);
    let log =
        |label, secret: &ApplicationTraffic| io.log_secret(label, client_random, secret.expose());
    log("CLIENT_TRAFFIC_SECRET_0", &client);
    log("SERVER_TRAFFIC_SECRET_0", &server);
    io.log_secret("EXPORTER_SECRET", client_random, exporter.expose());
    Application {
        client,
        server,
        exporter,
    }
}

/// An open connection's secrets, and what its peer may still do.
pub(crate) struct Open {
    receive: ApplicationTraffic,
    send: ApplicationTraffic,
    exporter: Exporter,
    /// Of a client that keeps sessions.
    keeper: Option<Box<Keeper>>,
    /// Post-handshake messages since the last application data.
    key_updates: u8,
    tickets: u8,
    /// The peer has asked for our next key since our last data, however often.
    owes_update: bool,
}

impl Open {
    pub(super) fn client(traffic: Application, keeper: Option<Box<Keeper>>) -> Self {
        Self {
            keeper,
            ..Self::new(traffic.server, traffic.client, traffic.exporter)
        }
    }

    pub(super) fn server(traffic: Application) -> Self {
        Self::new(traffic.client, traffic.server, traffic.exporter)
    }

    fn new(receive: ApplicationTraffic, send: ApplicationTraffic, exporter: Exporter) -> Self {
        Self {
            receive,
            send,
            exporter,
            keeper: None,
            key_updates: 0,
            tickets: 0,
            owes_update: false,
        }
    }

    /// The peer's KeyUpdate: its next records are under its next key. If it asks for ours, it gets it before
    /// our next data: who is silent answers many requests once (RFC 9846 4.7.3).
    pub(super) fn key_update(
        mut self,
        message: &KeyUpdate<'_>,
        io: &mut Io<'_>,
    ) -> Result<Self, Error> {
        let aligned = io.aligned()?;
        self.key_updates += 1;
        if self.key_updates > MAX_KEY_UPDATES {
            return Err(Error::PeerTooMany("KeyUpdate messages without data"));
        }
        self.receive.update();
        io.incoming.rekey(aligned, self.receive.record_key());
        self.owes_update |= message.request_update == KeyUpdateRequest::UPDATE_REQUESTED;
        Ok(self)
    }

    /// A ticket: for the store, if there is one.
    pub(super) fn new_session_ticket(
        mut self,
        message: &NewSessionTicket<'_>,
        io: &Io<'_>,
    ) -> Result<Self, Error> {
        self.tickets += 1;
        if self.tickets > MAX_TICKETS {
            return Err(Error::PeerTooMany("tickets without data"));
        }
        if let Some(keeper) = &self.keeper {
            keeper.keep(message, io);
        }
        Ok(self)
    }

    /// Fills `out` with a key for another protocol (RFC 9846 7.5).
    pub(crate) fn export(&self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        self.exporter.export(label, context, out)
    }

    /// Application data arrived: the peer has a reason for what it sends.
    pub(crate) fn heard_data(&mut self) {
        self.key_updates = 0;
        self.tickets = 0;
    }

    /// Whether a KeyUpdate has to come before the data that is about to be sent; that it is about to be.
    pub(crate) fn will_send_data(&mut self) -> bool {
        mem::take(&mut self.owes_update)
    }

    /// Sends a KeyUpdate under the old key and moves to the next; returns the message.
    pub(crate) fn announce_key(
        &mut self,
        request: KeyUpdateRequest,
        outgoing: &mut Outgoing,
        out: &mut Vec<u8>,
    ) -> Result<Vec<u8>, Error> {
        let mut message = Vec::new();
        write_message(&mut message, HandshakeType::KEY_UPDATE, |out| {
            out.u8(request.0);
            Ok(())
        })?;
        outgoing.send(ContentType::HANDSHAKE, &[&message], out)?;
        self.send.update();
        outgoing.rekey(self.send.record_key());
        Ok(message)
    }
}
