//! The server's Finished, and the client's last flight (RFC 9846 4.5).

use super::{Client, Keyed, certificate::Asked};
use crate::{
    codepoints::HandshakeType,
    connection::Agreed,
    error::Error,
    identity::ToSign,
    io::Io,
    messages::{Finished, write_certificate, write_certificate_verify, write_message},
    tls13::{
        both::{Application, Open, add_finished, application, check_finished, signed_content},
        schedule::{HandshakeTraffic, Main},
        tickets::Keeper,
    },
    transcript::{Flight, Side, Transcript},
};
use alloc::{boxed::Box, sync::Arc};

/// The server has proved who it is.
pub(crate) struct WaitFinished {
    pub(super) keyed: Keyed,
    pub(super) asked: Option<Asked>,
}

/// Where the server's Finished leads.
pub(super) enum AfterFinished {
    Sign(Box<WaitSignature>),
    Open(Box<Open>),
}

impl WaitFinished {
    pub(super) fn finished(
        self,
        m: &Finished<'_>,
        io: &mut Io<'_>,
    ) -> Result<AfterFinished, Error> {
        let mut keyed = self.keyed;
        check_finished(m, &keyed.theirs, &keyed.transcript)?;
        let aligned = io.aligned()?;
        keyed.transcript.add(io.raw);
        let main = keyed.secret.main();
        let traffic = application(&main, &keyed.transcript, &keyed.client.random, io);
        io.incoming.rekey(aligned, traffic.server.record_key());
        io.note_keys(false, "application");
        end_early_data(&mut keyed.client, &mut keyed.transcript, &keyed.ours, io)?;

        let mut ending = Ending {
            transcript: keyed.transcript,
            flight: Flight::default(),
            handshake_ours: keyed.ours,
            traffic,
            main,
            client: keyed.client,
            proved_until: keyed.proved_until,
            agreed: keyed.agreed,
        };
        let Some(Asked { shown, compression }) = self.asked else {
            return ending.finish(io).map(AfterFinished::Open);
        };
        ending.flight.add(&mut ending.transcript, io, |out| {
            let identity = shown.as_ref().map(|(identity, _)| &**identity);
            let takes = |algorithm| compression.contains(&algorithm);
            // A server's request may ask for staples; a client has none.
            write_certificate(out, identity, |_| false, takes)
        })?;
        let Some((identity, scheme)) = shown else {
            return ending.finish(io).map(AfterFinished::Open);
        };
        io.facts.identity = Some(Arc::clone(&identity));
        Ok(AfterFinished::Sign(Box::new(WaitSignature {
            to_sign: ToSign {
                identity,
                scheme,
                content: signed_content(Side::Client, &ending.transcript),
            },
            ending,
        })))
    }
}

/// What is left once the server's part is done: our Finished, and what may stand before it.
struct Ending {
    transcript: Transcript,
    flight: Flight,
    handshake_ours: HandshakeTraffic,
    traffic: Application,
    main: Main,
    client: Client,
    proved_until: u64,
    agreed: Agreed,
}

impl Ending {
    fn finish(mut self, io: &mut Io<'_>) -> Result<Box<Open>, Error> {
        add_finished(
            &mut self.flight,
            &mut self.transcript,
            io,
            &self.handshake_ours,
        )?;
        self.flight.send(io)?;
        io.outgoing.rekey(self.traffic.client.record_key());
        io.note_keys(true, "application");
        let Client { config, name, .. } = self.client;
        // Who showed no certificate is known by the key alone, which may be given up any time.
        let external = self.agreed.psk_identity.is_some();
        io.agree(self.agreed);
        let keeper = (config.sessions.is_some() && !external).then(|| {
            Box::new(Keeper {
                secret: self.main.resumption(&self.transcript.hash()),
                config,
                name,
                end: self.proved_until,
            })
        });
        Ok(Box::new(Open::client(self.traffic, keeper)))
    }
}

/// Our certificate waits for its key's signature.
pub(crate) struct WaitSignature {
    pub(super) to_sign: ToSign,
    ending: Ending,
}

impl WaitSignature {
    pub(super) fn signature(
        mut self,
        signature: &[u8],
        io: &mut Io<'_>,
    ) -> Result<Box<Open>, Error> {
        let Ending {
            flight, transcript, ..
        } = &mut self.ending;
        flight.add(transcript, io, |out| {
            write_certificate_verify(out, self.to_sign.scheme, signature)
        })?;
        self.ending.agreed.client_signature_scheme = Some(self.to_sign.scheme);
        self.ending.finish(io)
    }
}

/// Ends early data, if it was taken (RFC 9846 4.5.4); from here on our messages are under handshake keys.
fn end_early_data(
    client: &mut Client,
    transcript: &mut Transcript,
    ours: &HandshakeTraffic,
    io: &mut Io<'_>,
) -> Result<(), Error> {
    if client.early_left.take().is_none() {
        return Ok(());
    }
    let mut flight = Flight::default();
    flight.add(transcript, io, |out| {
        write_message(out, HandshakeType::END_OF_EARLY_DATA, |_| Ok(()))
    })?;
    flight.send(io)?;
    io.outgoing.rekey(ours.record_key());
    io.note_keys(true, "handshake");
    Ok(())
}
