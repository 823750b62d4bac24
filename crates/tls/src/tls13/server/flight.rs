//! The server's flight, from ServerHello to Finished (RFC 9846 4.2.3, 4.4, 4.5).

use super::{
    Rest, WaitFinished,
    certificate::WaitCert,
    hello::{AfterShare, Choice, Proof},
};
use crate::{
    codepoints::{
        CertificateCompressionAlgorithm, ExtensionType, HandshakeType, NamedGroup, ProtocolVersion,
        SignatureScheme,
    },
    config::ServerConfig,
    connection::{Agreed, EarlyData},
    crypto::kx::KeyShare,
    error::Error,
    identity::{Identity, ToSign},
    io::Io,
    messages::{
        ClientHello, EndOfEarlyData, write_certificate, write_certificate_request,
        write_certificate_verify, write_message, write_protocol, write_server_hello,
    },
    resumption::{EarlyDataRefusal, end_of_proof},
    tls13::{
        both::{add_finished, application, handshake_traffic, signed_content},
        schedule::{Early, EarlyTraffic, Handshake, HandshakeTraffic},
    },
    transcript::{Flight, Side, Transcript},
};
use alloc::{borrow::ToOwned, boxed::Box, sync::Arc};
use netkit_core::Writer;

/// What is known of the handshake before there are keys.
pub(super) struct Seen {
    pub(super) config: Arc<ServerConfig>,
    pub(super) transcript: Transcript,
    pub(super) hello_retry: bool,
    pub(super) early_data: EarlyData,
}

impl Seen {
    /// Sends ServerHello and, with a pre-shared key, all up to Finished. From here our messages are under
    /// handshake keys, and the client's once its early data has ended.
    pub(super) fn respond(
        mut self,
        choice: Choice,
        (group, public): (NamedGroup, &[u8]),
        m: &ClientHello<'_>,
        io: &mut Io<'_>,
    ) -> Result<AfterShare, Error> {
        let aligned = io.aligned()?;
        let cipher_suite = choice.cipher_suite;
        let early_data = self.early_data(&choice, m, io);
        let early = choice.early();
        // A share that is refused is refused before anything leaves.
        let (key_exchange, secret) = KeyShare::answer(group, public, io.random, |shared| {
            Handshake::new(early, cipher_suite, shared)
        })?;
        self.server_hello((group, &key_exchange), &choice, m, io)?;
        if !m.legacy_session_id.is_empty() && !self.hello_retry {
            io.change_cipher_spec();
        }
        let (theirs, ours) = handshake_traffic(&secret, &self.transcript, &m.random, io);
        io.outgoing.rekey(ours.record_key());
        io.note_keys(true, "handshake");
        if let Some((traffic, _)) = &early_data {
            io.incoming.skip_no_more();
            io.incoming.rekey(aligned, traffic.record_key());
            io.note_keys(false, "early data");
        } else {
            io.incoming.rekey(aligned, theirs.record_key());
            io.note_keys(false, "handshake");
        }
        let mut unfinished = Unfinished {
            flight: Flight::default(),
            ours,
            secret,
            client_random: m.random,
            rest: Rest {
                agreed: self.agreed(&choice, group, m)?,
                takes_tickets: m.takes_tickets()?,
                proved_until: match choice.session() {
                    Some(session) => session.end(),
                    None => end_of_proof(self.config.session_lifetime, io),
                },
                config: self.config,
                transcript: self.transcript,
                theirs,
            },
        };
        unfinished.encrypted_extensions(io)?;
        match choice.proof {
            Proof::Certificate(identity, scheme) => unfinished
                .sign(identity, scheme, m, io)
                .map(AfterShare::Sign),
            Proof::Psk(psk) => {
                psk.restore(io);
                let finished = unfinished.finish(io)?;
                Ok(match early_data {
                    Some((_, left)) => AfterShare::EarlyData(Box::new(WaitEoed { finished, left })),
                    None => AfterShare::Psk(Box::new(finished)),
                })
            }
        }
    }

    /// The secret of early data and how much of it is taken, if any is.
    fn early_data(
        &mut self,
        choice: &Choice,
        m: &ClientHello<'_>,
        io: &mut Io<'_>,
    ) -> Option<(EarlyTraffic, u32)> {
        use EarlyDataRefusal as No;
        if self.early_data == EarlyData::NotOffered {
            return None;
        }
        let taken = match &choice.proof {
            // RFC 9846 4.3.10: a retry refuses it.
            _ if self.hello_retry => Err(No::HelloRetry),
            _ if self.config.early_data.is_none() => Err(No::SwitchedOff),
            Proof::Certificate(..) => Err(No::NotItsKey),
            Proof::Psk(psk) => psk
                .early_data(&self.config, choice.alpn.as_deref(), io)
                .map(|left| (psk, left)),
        };
        let (psk, left) = taken
            .inspect_err(|why| io.facts.early_data_refusal = Some(*why))
            .ok()?;
        self.early_data = EarlyData::Accepted;
        let hello = self.transcript.hash();
        let traffic = Early::new(&psk.psk).traffic(choice.cipher_suite, &hello);
        io.log_secret("CLIENT_EARLY_TRAFFIC_SECRET", &m.random, traffic.expose());
        Some((traffic, left))
    }

    fn server_hello(
        &mut self,
        (group, key_exchange): (NamedGroup, &[u8]),
        choice: &Choice,
        m: &ClientHello<'_>,
        io: &mut Io<'_>,
    ) -> Result<(), Error> {
        let mut random = [0; 32];
        io.random.fill_bytes(&mut random);
        let mut flight = Flight::default();
        flight.add(&mut self.transcript, io, |out| {
            write_server_hello(
                out,
                Some(&random),
                m.legacy_session_id,
                choice.cipher_suite,
                choice.selected_identity(),
                |out| {
                    out.u16(group.0);
                    out.nested_u16(|out| {
                        out.bytes(key_exchange);
                        Ok(())
                    })
                },
            )
        })?;
        flight.send(io)
    }

    fn agreed(
        &self,
        choice: &Choice,
        group: NamedGroup,
        m: &ClientHello<'_>,
    ) -> Result<Agreed, Error> {
        let (signature_scheme, psk_identity) = match &choice.proof {
            Proof::Certificate(_, scheme) => (Some(*scheme), None),
            Proof::Psk(psk) => (None, psk.external_identity()),
        };
        Ok(Agreed {
            version: ProtocolVersion::TLS1_3,
            cipher_suite: choice.cipher_suite,
            group: Some(group),
            signature_scheme,
            client_signature_scheme: None,
            alpn: choice.alpn.clone(),
            server_name: m.server_name()?.map(ToOwned::to_owned),
            hello_retry: self.hello_retry,
            resumed: choice.session().is_some(),
            psk_identity,
            early_data: self.early_data,
        })
    }
}

/// What is left until our Finished is sent.
struct Unfinished {
    flight: Flight,
    ours: HandshakeTraffic,
    secret: Handshake,
    client_random: [u8; 32],
    rest: Rest,
}

impl Unfinished {
    fn encrypted_extensions(&mut self, io: &mut Io<'_>) -> Result<(), Error> {
        let Rest {
            agreed, transcript, ..
        } = &mut self.rest;
        self.flight.add(transcript, io, |out| {
            write_message(out, HandshakeType::ENCRYPTED_EXTENSIONS, |out| {
                out.nested_u16(|out| {
                    // RFC 6066 3: the name was taken, and not where a session has it.
                    if agreed.server_name.is_some() && !agreed.resumed {
                        out.u16(ExtensionType::SERVER_NAME.0);
                        out.nested_u16(|_| Ok(()))?;
                    }
                    write_protocol(agreed.alpn.as_deref(), out)?;
                    if agreed.early_data == EarlyData::Accepted {
                        out.u16(ExtensionType::EARLY_DATA.0);
                        out.nested_u16(|_| Ok(()))?;
                    }
                    Ok(())
                })
            })
        })
    }

    /// Adds CertificateRequest and Certificate, and prepares what is signed next.
    fn sign(
        mut self,
        identity: Arc<Identity>,
        scheme: SignatureScheme,
        m: &ClientHello<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitSignature>, Error> {
        let Rest {
            config, transcript, ..
        } = &mut self.rest;
        if let Some(client_auth) = &config.client_auth {
            self.flight.add(transcript, io, |out| {
                write_certificate_request(out, client_auth)
            })?;
        }
        io.facts.identity = Some(Arc::clone(&identity));
        let compression = m.certificate_compression()?;
        self.flight.add(transcript, io, |out| {
            let wanted = |kind| m.extensions.get(kind).is_some();
            let takes = |algorithm: CertificateCompressionAlgorithm| {
                compression.is_some_and(|list| list.contains(algorithm.0))
            };
            write_certificate(out, Some(&identity), wanted, takes)
        })?;
        Ok(Box::new(WaitSignature {
            to_sign: ToSign {
                identity,
                scheme,
                content: signed_content(Side::Server, &self.rest.transcript),
            },
            unfinished: self,
        }))
    }

    /// Sends all with Finished. From here our messages are under application keys.
    fn finish(mut self, io: &mut Io<'_>) -> Result<WaitFinished, Error> {
        let mut rest = self.rest;
        add_finished(&mut self.flight, &mut rest.transcript, io, &self.ours)?;
        self.flight.send(io)?;
        let main = self.secret.main();
        let traffic = application(&main, &rest.transcript, &self.client_random, io);
        io.outgoing.rekey(traffic.server.record_key());
        io.note_keys(true, "application");
        Ok(WaitFinished {
            rest,
            main,
            traffic,
        })
    }
}

/// Our certificate waits for its key's signature.
pub(crate) struct WaitSignature {
    pub(super) to_sign: ToSign,
    unfinished: Unfinished,
}

/// Where our Finished leads.
pub(super) enum AfterSignature {
    Certificate(Box<WaitCert>),
    Finished(Box<WaitFinished>),
}

impl WaitSignature {
    pub(super) fn signature(
        mut self,
        signature: &[u8],
        io: &mut Io<'_>,
    ) -> Result<AfterSignature, Error> {
        let Unfinished { flight, rest, .. } = &mut self.unfinished;
        flight.add(&mut rest.transcript, io, |out| {
            write_certificate_verify(out, self.to_sign.scheme, signature)
        })?;
        let finished = self.unfinished.finish(io)?;
        Ok(if finished.rest.config.client_auth.is_some() {
            AfterSignature::Certificate(Box::new(WaitCert(finished)))
        } else {
            AfterSignature::Finished(Box::new(finished))
        })
    }
}

/// Our Finished has been sent, and early data is taken.
pub(crate) struct WaitEoed {
    finished: WaitFinished,
    /// Octets of early data that may still come.
    pub(super) left: u32,
}

impl WaitEoed {
    /// The client's next messages are under handshake keys.
    pub(super) fn end(
        self,
        _: &EndOfEarlyData<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitFinished>, Error> {
        let mut finished = self.finished;
        let aligned = io.aligned()?;
        finished.rest.transcript.add(io.raw);
        io.incoming
            .rekey(aligned, finished.rest.theirs.record_key());
        io.note_keys(false, "handshake");
        Ok(Box::new(finished))
    }
}
