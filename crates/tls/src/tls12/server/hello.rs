//! The ClientHello, and the server's flight that answers it (RFC 5246 7.4.1 to 7.4.5).

use super::{
    AfterHello, Key, Negotiated, State, Ticket, WaitCcs, WaitCert, WaitCke, WaitFinished,
    WaitSignature,
};
use crate::{
    codepoints::{CipherSuite, ExtensionType, NamedGroup, ProtocolVersion, SignatureScheme},
    config::ServerConfig,
    connection::{Agreed, EarlyData},
    crypto::kx::KeyShare,
    error::Error,
    identity::{Identity, Staples, ToSign},
    io::Io,
    messages::{
        ClientHello, FIRST_HANDSHAKE, ListU16, POINT_FORMATS, write_certificate_request_tls12,
        write_certificate_status, write_certificate_tls12, write_params, write_protocol,
        write_server_hello_done, write_server_hello_tls12,
    },
    resumption::Session,
    suites::KeyExchange,
    tls12::{
        both::{DOWNGRADE, finish, signed_params},
        prf::{Keys, MasterSecret, Randoms},
    },
    tls13::server::choose_protocol,
    transcript::{Flight, Side, Transcript},
};
use alloc::{borrow::ToOwned, boxed::Box, sync::Arc, vec::Vec};
use netkit_core::{TooLong, Writer};

/// What the server chose from a ClientHello.
struct Choice {
    cipher_suite: CipherSuite,
    identity: Arc<Identity>,
    /// How to sign, and in which group to agree; `None`: RSA key transport.
    signed: Option<(SignatureScheme, NamedGroup)>,
}

impl Choice {
    /// The first suite that both have and an identity can serve, which is chosen first: by its name,
    /// then by its schemes.
    fn new(config: &ServerConfig, m: &ClientHello<'_>) -> Result<Self, Error> {
        let suites: Vec<_> = config
            .suites(ProtocolVersion::TLS1_2)
            .filter(|suite| m.cipher_suites.contains(suite.0))
            .filter(|suite| config.identities.iter().any(|own| own.serves(*suite)))
            .collect();
        if suites.is_empty() {
            return Err(Error::PeerNoCommonSuite);
        }
        let schemes = if_there(m.signature_algorithms())?;
        let accepts = |scheme: SignatureScheme| {
            schemes.is_some_and(|schemes| schemes.contains(scheme.0))
                && suites.iter().any(|suite| suite.signs_with(scheme))
        };
        let wanted = m.wanted_identity()?;
        let groups = if_there(m.supported_groups())?;
        // RFC 8422 5.3: the key of an ECDSA certificate is on a curve of the client's choice.
        let has_curve = |curve: NamedGroup| groups.is_none_or(|groups| groups.contains(curve.0));
        let able = |identity: &Identity| identity.scheme_for(accepts);
        let signer = config.identity_that(
            |identity| able(identity).filter(|_| identity.curve().is_none_or(has_curve)),
            &wanted,
        );
        let group = common_group(config, groups);
        suites
            .iter()
            .find_map(|&cipher_suite| {
                let (identity, signed) = if cipher_suite.key_exchange() == KeyExchange::Rsa {
                    (config.decrypting_identity(&wanted)?, None)
                } else {
                    let (identity, scheme) =
                        signer.filter(|(_, scheme)| cipher_suite.signs_with(*scheme))?;
                    (identity, Some((scheme, group?)))
                };
                Some(Self {
                    cipher_suite,
                    identity: Arc::clone(identity),
                    signed,
                })
            })
            .ok_or_else(|| match config.identity_that(able, &wanted) {
                None => config.no_identity(&wanted),
                Some(_) if group.is_none() => Error::PeerNoCommonGroup,
                Some(_) => Error::PeerNoCommonCurve,
            })
    }
}

/// Our most preferred group that the client has; one that names none has P-256 (RFC 8422 4).
fn common_group(config: &ServerConfig, theirs: Option<ListU16<'_>>) -> Option<NamedGroup> {
    let mut ours = config.groups.iter().copied().filter(|g| g.is_of_tls12());
    ours.find(|group| match theirs {
        Some(theirs) => theirs.contains(group.0),
        None => *group == NamedGroup::SECP256R1,
    })
}

/// A list that TLS 1.2 does not require.
fn if_there(list: Result<ListU16<'_>, Error>) -> Result<Option<ListU16<'_>>, Error> {
    match list {
        Err(Error::PeerMissingExtension(_)) => Ok(None),
        list => list.map(Some),
    }
}

/// Answers a ClientHello that leads to TLS 1.2.
pub(crate) fn start(
    config: Arc<ServerConfig>,
    m: &ClientHello<'_>,
    io: &mut Io<'_>,
) -> Result<State, Error> {
    if m.falls_back() && config.speaks(ProtocolVersion::TLS1_3) {
        return Err(Error::PeerInappropriateFallback);
    }
    if !m.legacy_compression_methods.contains(&0) {
        return Err(Error::PeerIllegalParameter(
            "compression_methods without null",
        ));
    }
    // What answers us cannot have been sent yet.
    io.aligned()?;
    let extended_master_secret = m.extended_master_secret()?;
    if config.tls12.require_extended_master_secret && !extended_master_secret {
        return Err(Error::PeerUnprotected(
            ExtensionType::EXTENDED_MASTER_SECRET,
        ));
    }
    m.check_point_formats()?;
    let session = session_of(&config, m, io)?;
    if session.is_some() && !extended_master_secret {
        // RFC 7627 5.3: the session had it.
        return Err(Error::PeerUnprotected(
            ExtensionType::EXTENDED_MASTER_SECRET,
        ));
    }
    let alpn = choose_protocol(&config.alpn, m)?;
    let mut randoms = Randoms {
        client: m.random,
        server: [0; 32],
    };
    io.random.fill_bytes(&mut randoms.server);
    if config.speaks(ProtocolVersion::TLS1_3) {
        randoms.server[24..].copy_from_slice(DOWNGRADE);
    }
    if let Some(session) = session {
        return resume(&config, &session, randoms, alpn, m, io).map(State::WaitCcs);
    }
    let choice = Choice::new(&config, m)?;
    let mut negotiated = Negotiated {
        handle: Handle::new(&config, m, extended_master_secret, io),
        randoms,
        client_version: m.legacy_version,
        transcript: Transcript::new(choice.cipher_suite, io.raw),
        extended_master_secret,
        agreed: Agreed {
            version: ProtocolVersion::TLS1_2,
            cipher_suite: choice.cipher_suite,
            group: choice.signed.map(|(_, group)| group),
            signature_scheme: choice.signed.map(|(scheme, _)| scheme),
            client_signature_scheme: None,
            alpn,
            server_name: m.server_name()?.map(ToOwned::to_owned),
            hello_retry: false,
            resumed: false,
            psk_identity: None,
            early_data: EarlyData::NotOffered,
        },
        config,
    };
    if negotiated.config.client_auth.is_some() {
        negotiated.transcript.keep(io.raw);
    }
    let mut flight = Flight::default();
    io.facts.identity = Some(Arc::clone(&choice.identity));
    negotiated.show(&choice.identity, m, &mut flight, io)?;
    let Some((scheme, group)) = choice.signed else {
        let key = Key::Certified(choice.identity);
        return Ok(match negotiated.done(flight, key, io)? {
            AfterHello::Certificate(s) => State::WaitCert(s),
            AfterHello::KeyExchange(s) => State::WaitCke(s),
        });
    };
    let share = KeyShare::generate(group, io.random)?;
    let mut params = Vec::new();
    write_params(&mut params, group, share.public())?;
    let Randoms { client, server } = &negotiated.randoms;
    Ok(State::WaitSignature(Box::new(WaitSignature {
        to_sign: ToSign {
            identity: choice.identity,
            scheme,
            content: signed_params(client, server, &params),
        },
        params,
        share,
        flight,
        negotiated,
    })))
}

/// The session that the client wants to go on from, if it is good. A ticket hides a session id (RFC 5077
/// 3.4).
fn session_of(
    config: &ServerConfig,
    m: &ClientHello<'_>,
    io: &Io<'_>,
) -> Result<Option<Session>, Error> {
    let session = match (m.session_ticket(), m.legacy_session_id) {
        (None | Some([]), []) => None,
        (None | Some([]), id) => config.session_ids.as_ref().and_then(|ids| ids.get(id)),
        (Some(ticket), _) => config.sessions.as_ref().and_then(|s| s.get(ticket)),
    };
    let name = m.server_name()?;
    Ok(session.filter(|session| {
        session.is_good(ProtocolVersion::TLS1_2, config, name, io.now)
            && m.cipher_suites.contains(session.cipher_suite.0)
    }))
}

/// Goes on from `session`: sends all of our part.
fn resume(
    config: &ServerConfig,
    session: &Session,
    randoms: Randoms,
    alpn: Option<Vec<u8>>,
    m: &ClientHello<'_>,
    io: &mut Io<'_>,
) -> Result<Box<WaitCcs>, Error> {
    let agreed = Agreed {
        version: ProtocolVersion::TLS1_2,
        cipher_suite: session.cipher_suite,
        group: None,
        signature_scheme: None,
        client_signature_scheme: None,
        alpn,
        server_name: session.server_name.clone(),
        hello_retry: false,
        resumed: true,
        psk_identity: None,
        early_data: EarlyData::NotOffered,
    };
    io.keep_chain(session.peer_chain.clone(), Staples::default());
    let master = MasterSecret::of_session(session).ok_or(Error::CryptoFailed)?;
    io.log_secret("CLIENT_RANDOM", &randoms.client, master.expose());
    let mut transcript = Transcript::new(session.cipher_suite, io.raw);
    let mut flight = Flight::default();
    let gives_ticket = gives_ticket(config, m);
    let answers = [
        (
            ExtensionType::RENEGOTIATION_INFO,
            m.renegotiates_securely()?.then_some(&FIRST_HANDSHAKE[..]),
        ),
        (ExtensionType::EXTENDED_MASTER_SECRET, Some(&[])),
        (
            ExtensionType::SESSION_TICKET,
            gives_ticket.then_some(&[][..]),
        ),
    ];
    // RFC 5077 3.4: the echo tells that a ticket was taken.
    let hello = Hello {
        random: &randoms.server,
        session_id: m.legacy_session_id,
        agreed: &agreed,
    };
    flight.add(&mut transcript, io, |out| hello.write(&answers, out))?;
    if gives_ticket {
        let ticket = Ticket::new(config, &master, &agreed, session.end(), io);
        flight.add(&mut transcript, io, |out| ticket.write(out))?;
    }
    let Keys { client, server } = master.keys(&randoms);
    finish(flight, &mut transcript, &master, Side::Server, server, io)?;
    Ok(Box::new(WaitCcs {
        key: client,
        rest: WaitFinished {
            ending: None,
            transcript,
            master,
            exporter: Some(randoms),
            agreed,
        },
    }))
}

/// Whether the client gets a ticket.
fn gives_ticket(config: &ServerConfig, m: &ClientHello<'_>) -> bool {
    config.sessions.is_some() && config.tickets > 0 && m.session_ticket().is_some()
}

/// What a client will show for its session.
pub(super) enum Handle {
    None,
    Ticket,
    SessionId([u8; 32]),
}

impl Handle {
    fn new(
        config: &ServerConfig,
        m: &ClientHello<'_>,
        extended_master_secret: bool,
        io: &mut Io<'_>,
    ) -> Self {
        // RFC 7627 5.3: a session that is not bound to its handshake is not gone on from.
        if !extended_master_secret {
            return Self::None;
        }
        if gives_ticket(config, m) {
            return Self::Ticket;
        }
        if config.session_ids.is_none() {
            return Self::None;
        }
        let mut id = [0; 32];
        io.random.fill_bytes(&mut id);
        Self::SessionId(id)
    }

    fn session_id(&self) -> &[u8] {
        match self {
            Self::SessionId(id) => id,
            Self::None | Self::Ticket => &[],
        }
    }
}

/// What a ServerHello says beside its extensions.
struct Hello<'a> {
    random: &'a [u8; 32],
    session_id: &'a [u8],
    agreed: &'a Agreed,
}

impl Hello<'_> {
    /// Appends the ServerHello with those of `answers` that there are.
    fn write(
        &self,
        answers: &[(ExtensionType, Option<&[u8]>)],
        out: &mut Vec<u8>,
    ) -> Result<(), TooLong> {
        let Agreed {
            cipher_suite, alpn, ..
        } = self.agreed;
        write_server_hello_tls12(out, self.random, self.session_id, *cipher_suite, |out| {
            for (kind, content) in answers {
                let Some(content) = content else { continue };
                out.u16(kind.0);
                out.nested_u16(|out| {
                    out.bytes(content);
                    Ok(())
                })?;
            }
            write_protocol(alpn.as_deref(), out)
        })
    }
}

impl Negotiated {
    /// Adds ServerHello, Certificate and CertificateStatus to the flight.
    fn show(
        &mut self,
        identity: &Identity,
        m: &ClientHello<'_>,
        flight: &mut Flight,
        io: &mut Io<'_>,
    ) -> Result<(), Error> {
        use ExtensionType as X;
        let wanted = |kind| m.extensions.get(kind).is_some();
        let staples = &identity.staples;
        let ocsp_response = staples.ocsp_response.as_deref();
        let ocsp_response = ocsp_response.filter(|_| wanted(X::STATUS_REQUEST));
        let sct_list = staples.sct_list.as_deref();
        let renegotiates_securely = m.renegotiates_securely()?;
        let answers = [
            (
                X::RENEGOTIATION_INFO,
                renegotiates_securely.then_some(&FIRST_HANDSHAKE[..]),
            ),
            (
                X::EXTENDED_MASTER_SECRET,
                self.extended_master_secret.then_some(&[]),
            ),
            (
                X::EC_POINT_FORMATS,
                wanted(X::EC_POINT_FORMATS).then_some(&POINT_FORMATS),
            ),
            (X::STATUS_REQUEST, ocsp_response.map(|_| &[][..])),
            (
                X::SESSION_TICKET,
                matches!(self.handle, Handle::Ticket).then_some(&[]),
            ),
            (
                X::SIGNED_CERTIFICATE_TIMESTAMP,
                sct_list.filter(|_| wanted(X::SIGNED_CERTIFICATE_TIMESTAMP)),
            ),
            // RFC 6066 3: the name was taken.
            (
                X::SERVER_NAME,
                self.agreed.server_name.is_some().then_some(&[][..]),
            ),
        ];
        let hello = Hello {
            random: &self.randoms.server,
            session_id: self.handle.session_id(),
            agreed: &self.agreed,
        };
        flight.add(&mut self.transcript, io, |out| hello.write(&answers, out))?;
        flight.add(&mut self.transcript, io, |out| {
            write_certificate_tls12(out, Some(identity))
        })?;
        match ocsp_response {
            Some(response) => flight.add(&mut self.transcript, io, |out| {
                write_certificate_status(out, response)
            }),
            None => Ok(()),
        }
    }

    /// Adds CertificateRequest and ServerHelloDone, and sends the flight.
    pub(super) fn done(
        mut self,
        mut flight: Flight,
        key: Key,
        io: &mut Io<'_>,
    ) -> Result<AfterHello, Error> {
        let client_auth = self.config.client_auth.as_ref();
        if let Some(client_auth) = client_auth {
            flight.add(&mut self.transcript, io, |out| {
                write_certificate_request_tls12(out, client_auth)
            })?;
        }
        let asked = client_auth.is_some();
        flight.add(&mut self.transcript, io, write_server_hello_done)?;
        flight.send(io)?;
        let next = WaitCke {
            negotiated: self,
            key,
        };
        Ok(if asked {
            AfterHello::Certificate(Box::new(WaitCert(next)))
        } else {
            AfterHello::KeyExchange(Box::new(next))
        })
    }
}
