//! The client's handshake (RFC 9846 A.1, without pre-shared keys).
//!
//! ```text
//!                            START
//!                             | send ClientHello
//!          +--------------> WAIT_SH --------------------+
//!          |                  | ServerHello             | HelloRetryRequest
//!          |                  |                         v  send ClientHello
//!          |                  | <-- ServerHello -- WAIT_RETRIED_SH
//!          |                  v
//!   keys:  |               WAIT_EE
//!  handshake                  | EncryptedExtensions
//!          |                  v
//!          |             WAIT_CERT_CR ---- CertificateRequest ---> WAIT_CERT
//!          |                  | Certificate                          | Certificate
//!          |                  v <------------------------------------+
//!          |               WAIT_CV
//!          |                  | CertificateVerify
//!          |                  v
//!          +---            WAIT_FINISHED
//!                             | Finished; send [Certificate,] Finished
//!   keys: application         v
//!                            OPEN --- NewSessionTicket, KeyUpdate ---> OPEN
//! ```

use super::{
    both::{
        Flight, Open, Transcript, application_traffic, check_finished, handshake_traffic,
        signed_content,
    },
    schedule::{Early, Handshake, HandshakeTraffic},
};
use crate::{
    codepoints::{CipherSuite, ContentType, ExtensionType, HandshakeType, ProtocolVersion},
    config::ClientConfig,
    connection::Agreed,
    crypto::kx::KeyShare,
    error::Error,
    io::Io,
    messages::{
        Certificate, CertificateRequest, CertificateVerify, EncryptedExtensions, Finished,
        HelloRetryRequest, Message, Offer, ServerHello, ServerHelloHead,
    },
    verify::check_signature,
};
use alloc::{boxed::Box, string::ToString, sync::Arc, vec::Vec};
use netkit_core::Writer;
use rustls_pki_types::{CertificateDer, ServerName};

/// What the client waits for.
pub(crate) enum State {
    WaitSh(Box<WaitSh>),
    WaitRetriedSh(Box<WaitRetriedSh>),
    WaitEe(Box<WaitEe>),
    WaitCertCr(Box<WaitCertCr>),
    WaitCert(Box<WaitCert>),
    WaitCv(Box<WaitCv>),
    WaitFinished(Box<WaitFinished>),
    Open(Box<Open>),
}

impl State {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::WaitSh(_) => "WAIT_SH",
            Self::WaitRetriedSh(_) => "WAIT_RETRIED_SH",
            Self::WaitEe(_) => "WAIT_EE",
            Self::WaitCertCr(_) => "WAIT_CERT_CR",
            Self::WaitCert(_) => "WAIT_CERT",
            Self::WaitCv(_) => "WAIT_CV",
            Self::WaitFinished(_) => "WAIT_FINISHED",
            Self::Open(_) => "OPEN",
        }
    }
}

/// The flow: every state, every message that has its turn in it, and the state that follows.
pub(crate) fn advance(
    state: State,
    message: &Message<'_>,
    io: &mut Io<'_>,
) -> Result<State, Error> {
    use {Message as M, State as S};
    Ok(match (state, message) {
        (S::WaitSh(s), M::ServerHello(m)) => S::WaitEe(s.server_hello(&m.read()?, io)?),
        (S::WaitSh(s), M::HelloRetryRequest(m)) => S::WaitRetriedSh(s.retry(&m.read()?, io)?),
        (S::WaitRetriedSh(s), M::ServerHello(m)) => S::WaitEe(s.server_hello(&m.read()?, io)?),
        (S::WaitEe(s), M::EncryptedExtensions(m)) => S::WaitCertCr(s.extensions(&m.read()?, io)?),
        (S::WaitCertCr(s), M::CertificateRequest(m)) => S::WaitCert(s.request(&m.read()?, io)?),
        (S::WaitCertCr(s), M::Certificate(m)) => S::WaitCv(s.certificate(m.read()?, io)?),
        (S::WaitCert(s), M::Certificate(m)) => S::WaitCv(s.certificate(m.read()?, io)?),
        (S::WaitCv(s), M::CertificateVerify(m)) => S::WaitFinished(s.verify(&m.read()?, io)?),
        (S::WaitFinished(s), M::Finished(m)) => S::Open(s.finished(&m.read()?, io)?),
        (S::Open(s), M::NewSessionTicket(m)) => {
            S::Open(Box::new(s.new_session_ticket(&m.read()?)?))
        }
        (S::Open(s), M::KeyUpdate(m)) => S::Open(Box::new(s.key_update(&m.read()?, io)?)),
        (state, message) => {
            return Err(Error::PeerUnexpectedMessage(message.kind(), state.name()));
        }
    })
}

/// What the client keeps from its ClientHello on.
struct Client {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    random: [u8; 32],
    legacy_session_id: [u8; 32],
}

impl Client {
    /// What a ClientHello with these key shares and this cookie offers.
    fn offer<'a>(&'a self, shares: &'a [KeyShare], cookie: Option<&'a [u8]>) -> Offer<'a> {
        Offer {
            config: &self.config,
            name: &self.name,
            random: &self.random,
            legacy_session_id: &self.legacy_session_id,
            shares,
            cookie,
        }
    }

    /// Sends a ClientHello and returns it.
    fn hello(
        &self,
        shares: &[KeyShare],
        cookie: Option<&[u8]>,
        io: &mut Io<'_>,
    ) -> Result<Vec<u8>, Error> {
        let mut hello = Vec::with_capacity(512);
        self.offer(shares, cookie).write(&mut hello)?;
        io.note_sent(&hello);
        io.outgoing
            .send(ContentType::HANDSHAKE, &[&hello], io.out)?;
        Ok(hello)
    }
}

/// Sends the ClientHello.
pub(crate) fn start(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    io: &mut Io<'_>,
) -> Result<State, Error> {
    config.check()?;
    let mut client = Client {
        config,
        name,
        random: [0; 32],
        legacy_session_id: [0; 32],
    };
    io.random.fill_bytes(&mut client.random);
    // Middlebox compatibility (RFC 9846 D.4): any value, 32 octets.
    io.random.fill_bytes(&mut client.legacy_session_id);
    let share = KeyShare::generate(client.config.groups[0])?;
    let hello = client.hello(core::slice::from_ref(&share), None, io)?;
    Ok(State::WaitSh(Box::new(WaitSh {
        client,
        share,
        hello,
    })))
}

/// A ClientHello has been sent.
pub(crate) struct WaitSh {
    client: Client,
    share: KeyShare,
    hello: Vec<u8>,
}

impl WaitSh {
    fn server_hello(self, m: &ServerHello<'_>, io: &mut Io<'_>) -> Result<Box<WaitEe>, Error> {
        check_head(&m.head, &self.client, &self.share, None)?;
        let transcript = Transcript::new(m.head.cipher_suite, &self.hello);
        let seen = Seen {
            client: self.client,
            transcript,
            hello_retry: false,
        };
        agree_keys(seen, self.share, m, io)
    }

    /// Answers a HelloRetryRequest (RFC 9846 4.2.4) with a second ClientHello.
    fn retry(
        self,
        m: &HelloRetryRequest<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitRetriedSh>, Error> {
        check_head(&m.head, &self.client, &self.share, None)?;
        let share = match m.selected_group {
            Some(group) if group == self.share.group() => {
                return Err(Error::PeerIllegalParameter(
                    "a retry asks for the share it has",
                ));
            }
            Some(group) if !self.client.config.groups.contains(&group) => {
                return Err(Error::PeerIllegalParameter(
                    "a retry for a group not offered",
                ));
            }
            Some(group) => KeyShare::generate(group)?,
            None if m.cookie.is_none() => {
                return Err(Error::PeerIllegalParameter(
                    "a retry that would change nothing",
                ));
            }
            None => self.share,
        };
        io.aligned()?;
        let cipher_suite = m.head.cipher_suite;
        let mut transcript = Transcript::retried(cipher_suite, &self.hello, io.raw);
        io.change_cipher_spec();
        let hello = self
            .client
            .hello(core::slice::from_ref(&share), m.cookie, io)?;
        transcript.add(&hello);
        Ok(Box::new(WaitRetriedSh {
            seen: Seen {
                client: self.client,
                transcript,
                hello_retry: true,
            },
            share,
            cipher_suite,
        }))
    }
}

/// A second ClientHello has been sent.
pub(crate) struct WaitRetriedSh {
    seen: Seen,
    share: KeyShare,
    /// The suite of the HelloRetryRequest, which the ServerHello must repeat.
    cipher_suite: CipherSuite,
}

impl WaitRetriedSh {
    fn server_hello(self, m: &ServerHello<'_>, io: &mut Io<'_>) -> Result<Box<WaitEe>, Error> {
        check_head(
            &m.head,
            &self.seen.client,
            &self.share,
            Some(self.cipher_suite),
        )?;
        agree_keys(self.seen, self.share, m, io)
    }
}

/// What is known of the handshake once the hash function is.
struct Seen {
    client: Client,
    transcript: Transcript,
    hello_retry: bool,
}

/// Refuses a ServerHello or HelloRetryRequest that answers another ClientHello.
fn check_head(
    head: &ServerHelloHead<'_>,
    client: &Client,
    share: &KeyShare,
    retried_suite: Option<CipherSuite>,
) -> Result<(), Error> {
    head.check(&client.offer(core::slice::from_ref(share), None))?;
    if retried_suite.is_some_and(|suite| suite != head.cipher_suite) {
        return Err(Error::PeerIllegalParameter(
            "the suite changed after a retry",
        ));
    }
    Ok(())
}

/// Ends the key exchange: from here both directions are under handshake keys.
fn agree_keys(
    mut seen: Seen,
    share: KeyShare,
    m: &ServerHello<'_>,
    io: &mut Io<'_>,
) -> Result<Box<WaitEe>, Error> {
    let (group, public) = m.key_share;
    if group != share.group() {
        return Err(Error::PeerIllegalParameter(
            "a key share for a group not asked for",
        ));
    }
    let aligned = io.aligned()?;
    let cipher_suite = m.head.cipher_suite;
    seen.transcript.add(io.raw);
    let secret = share.agree(public, |shared| Early::new(cipher_suite).handshake(shared))?;
    let (ours, theirs) = handshake_traffic(&secret, &seen.transcript, &seen.client.random, io);
    if !seen.hello_retry {
        io.change_cipher_spec();
    }
    io.incoming.rekey(aligned, theirs.record_key());
    io.note_keys(false, "handshake");
    io.outgoing.rekey(ours.record_key());
    io.note_keys(true, "handshake");
    Ok(Box::new(WaitEe(Keyed {
        agreed: Agreed {
            version: ProtocolVersion::TLS1_3,
            cipher_suite,
            group,
            signature_scheme: None,
            alpn: None,
            server_name: match &seen.client.name {
                ServerName::DnsName(name) => Some(name.as_ref().to_string()),
                _ => None,
            },
            hello_retry: seen.hello_retry,
        },
        client: seen.client,
        transcript: seen.transcript,
        secret,
        ours,
        theirs,
    })))
}

/// What is known of the handshake once there are keys.
struct Keyed {
    client: Client,
    transcript: Transcript,
    secret: Handshake,
    ours: HandshakeTraffic,
    theirs: HandshakeTraffic,
    agreed: Agreed,
}

/// ServerHello has been received.
pub(crate) struct WaitEe(Keyed);

impl WaitEe {
    fn extensions(
        mut self,
        m: &EncryptedExtensions<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitCertCr>, Error> {
        let keyed = &mut self.0;
        let config = &keyed.client.config;
        let offer = keyed.client.offer(&[], None);
        m.extensions.answer_only(|kind| offer.offers(kind))?;
        if let Some(protocol) = m.protocol {
            if !config.alpn.iter().any(|offered| offered == protocol) {
                return Err(Error::PeerIllegalParameter(
                    "a protocol that was not offered",
                ));
            }
            keyed.agreed.alpn = Some(protocol.to_vec());
        }
        keyed.transcript.add(io.raw);
        Ok(Box::new(WaitCertCr(self.0)))
    }
}

/// EncryptedExtensions has been received.
pub(crate) struct WaitCertCr(Keyed);

impl WaitCertCr {
    /// The server asks for a client certificate. There is none to give: it gets an empty list.
    fn request(
        mut self,
        m: &CertificateRequest<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitCert>, Error> {
        // RFC 9846 4.4.2: the context is for requests after the handshake.
        if !m.certificate_request_context.is_empty() {
            return Err(Error::PeerIllegalParameter(
                "a certificate_request_context in the handshake",
            ));
        }
        self.0.transcript.add(io.raw);
        Ok(Box::new(WaitCert(self.0)))
    }

    fn certificate(self, m: Certificate<'_>, io: &mut Io<'_>) -> Result<Box<WaitCv>, Error> {
        self.0.certificate(m, false, io)
    }
}

/// CertificateRequest has been received.
pub(crate) struct WaitCert(Keyed);

impl WaitCert {
    fn certificate(self, m: Certificate<'_>, io: &mut Io<'_>) -> Result<Box<WaitCv>, Error> {
        self.0.certificate(m, true, io)
    }
}

impl Keyed {
    /// Judges the server's certificates before its signature: a refusal costs less.
    fn certificate(
        mut self,
        m: Certificate<'_>,
        requested: bool,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitCv>, Error> {
        if !m.certificate_request_context.is_empty() {
            return Err(Error::PeerIllegalParameter(
                "a context in the server's Certificate",
            ));
        }
        if m.certificate_list.is_empty() {
            return Err(Error::PeerNoCertificate);
        }
        let offer = self.client.offer(&[], None);
        let mut chain = Vec::with_capacity(m.certificate_list.len());
        for (der, extensions) in m.certificate_list {
            extensions.answer_only(|kind: ExtensionType| offer.offers(kind))?;
            chain.push(CertificateDer::from(der.to_vec()));
        }
        io.keep_chain(chain);
        self.client
            .config
            .verifier
            .verify(&io.facts.peer_chain, &self.client.name, io.now)
            .map_err(Error::PeerCertificate)?;
        self.transcript.add(io.raw);
        Ok(Box::new(WaitCv {
            keyed: self,
            requested,
        }))
    }
}

/// The server's Certificate has been received.
pub(crate) struct WaitCv {
    keyed: Keyed,
    /// Whether the server asked for our certificate.
    requested: bool,
}

impl WaitCv {
    fn verify(
        self,
        m: &CertificateVerify<'_>,
        io: &mut Io<'_>,
    ) -> Result<Box<WaitFinished>, Error> {
        let mut keyed = self.keyed;
        if !keyed.client.config.signature_schemes.contains(&m.algorithm) {
            return Err(Error::PeerIllegalParameter(
                "a signature scheme that was not offered",
            ));
        }
        let content = signed_content(&keyed.transcript.hash());
        check_signature(&io.facts.peer_chain[0], m.algorithm, &content, m.signature)?;
        keyed.agreed.signature_scheme = Some(m.algorithm);
        keyed.transcript.add(io.raw);
        Ok(Box::new(WaitFinished {
            keyed,
            requested: self.requested,
        }))
    }
}

/// The server has proved who it is.
pub(crate) struct WaitFinished {
    keyed: Keyed,
    requested: bool,
}

impl WaitFinished {
    fn finished(self, m: &Finished<'_>, io: &mut Io<'_>) -> Result<Box<Open>, Error> {
        let mut keyed = self.keyed;
        check_finished(m, &keyed.theirs, &keyed.transcript.hash())?;
        let aligned = io.aligned()?;
        keyed.transcript.add(io.raw);
        let server_finished = keyed.transcript.hash();

        let mut flight = Flight::new(&mut keyed.transcript);
        if self.requested {
            flight.message(io, HandshakeType::CERTIFICATE, |out| {
                out.bytes(&[0, 0, 0, 0]); // no context, no certificates
                Ok(())
            })?;
        }
        flight.finished(io, &keyed.ours)?;
        flight.send(io)?;

        let (ours, theirs) = application_traffic(
            keyed.secret.main(),
            &server_finished,
            &keyed.client.random,
            io,
        );
        io.incoming.rekey(aligned, theirs.record_key());
        io.note_keys(false, "application");
        io.outgoing.rekey(ours.record_key());
        io.note_keys(true, "application");
        io.agree(keyed.agreed);
        Ok(Box::new(Open::new(theirs, ours)))
    }
}
