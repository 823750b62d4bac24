//! The ServerHello, and what follows at once where it goes on from a session (RFC 5246 7.4.1, 7.3).

use super::{DAY, Keeper, Negotiated, State, WaitCcs, WaitCert, WaitFinished};
use crate::{
    codepoints::{ExtensionType, ProtocolVersion},
    config::ClientConfig,
    connection::{Agreed, EarlyData},
    error::Error,
    io::Io,
    limits::MAX_TICKET_LIFETIME,
    messages::{ServerHelloTls12, first_handshake},
    resumption::{Session, Shown, end_of_proof},
    suites::KeyExchange,
    tls12::{
        both::{DOWNGRADE, DOWNGRADE_FURTHER},
        prf::{Keys, MasterSecret, Randoms},
    },
    tls13::client::Client,
    transcript::Transcript,
    verify::Judge,
};
use alloc::{boxed::Box, string::ToString, sync::Arc, vec::Vec};
use rustls_pki_types::ServerName;

/// The server chose TLS 1.2 in answer to `hello`.
pub(crate) fn start(
    mut client: Client,
    hello: &[u8],
    m: &ServerHelloTls12<'_>,
    io: &mut Io<'_>,
) -> Result<State, Error> {
    let config = &client.config;
    if !config.speaks(ProtocolVersion::TLS1_2) {
        return Err(Error::PeerNoCommonVersion);
    }
    let is_marked = m.random.ends_with(DOWNGRADE) || m.random.ends_with(DOWNGRADE_FURTHER);
    if config.speaks(ProtocolVersion::TLS1_3) && is_marked {
        return Err(Error::PeerDowngrade);
    }
    // RFC 9846 D.3: a server that has given a session of TLS 1.3 does not go back.
    if client.early_data != EarlyData::NotOffered {
        return Err(Error::PeerIllegalParameter("TLS 1.2 after early data"));
    }
    let session = session_of(&mut client, m)?;
    let config = &client.config;
    if !config.offers(ProtocolVersion::TLS1_2, m.cipher_suite) {
        return Err(Error::PeerIllegalParameter(
            "a cipher suite that was not offered",
        ));
    }
    let offer = client.offer(&[], None);
    m.extensions.answer_only(|kind| offer.offers(kind))?;
    let extension = ExtensionType::RENEGOTIATION_INFO;
    m.extensions
        .read(extension, first_handshake)?
        .ok_or(Error::PeerUnprotected(extension))?;
    let extension = ExtensionType::EXTENDED_MASTER_SECRET;
    let extended_master_secret = m.extensions.get(extension).is_some();
    if config.tls12.require_extended_master_secret && !extended_master_secret {
        return Err(Error::PeerUnprotected(extension));
    }
    let alpn = protocol(config, m)?;
    let agreed = Agreed {
        version: ProtocolVersion::TLS1_2,
        cipher_suite: m.cipher_suite,
        group: None,
        signature_scheme: None,
        client_signature_scheme: None,
        alpn,
        server_name: match &client.name {
            ServerName::DnsName(name) => Some(name.as_ref().to_string()),
            _ => None,
        },
        hello_retry: false,
        resumed: session.is_some(),
        psk_identity: None,
        early_data: EarlyData::NotOffered,
    };
    let randoms = Randoms {
        client: client.random,
        server: m.random,
    };
    let end = match &session {
        Some(session) => session.end(),
        None => end_of_proof(MAX_TICKET_LIFETIME, io),
    };
    let mut transcript = Transcript::new(m.cipher_suite, hello);
    let may_sign = config.asks_identity || !config.identities.is_empty();
    if may_sign && session.is_none() {
        transcript.keep(hello);
    }
    transcript.add(io.raw);
    let keeper = Keeper {
        config: Arc::clone(config),
        name: client.name.clone(),
        end,
        ticket_is_due: m.extensions.get(ExtensionType::SESSION_TICKET).is_some(),
        shown: (session.is_none() && !m.session_id.is_empty())
            .then(|| Shown::SessionId(m.session_id.to_vec())),
        lifetime: DAY,
    };
    if let Some(session) = session {
        return resume(
            session,
            randoms,
            transcript,
            extended_master_secret,
            keeper,
            agreed,
            io,
        );
    }
    let sct_list = m
        .extensions
        .get(ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP);
    io.facts.staples.sct_list = sct_list.map(<[u8]>::to_vec);
    Ok(State::WaitCert(Box::new(WaitCert(Negotiated {
        randoms,
        transcript,
        extended_master_secret,
        status_is_due: m.extensions.get(ExtensionType::STATUS_REQUEST).is_some(),
        keeper,
        agreed,
        config: client.config,
        name: client.name,
    }))))
}

/// Our session, if the server goes on from it: it says so by our session id, and keeps to its suite.
fn session_of(client: &mut Client, m: &ServerHelloTls12<'_>) -> Result<Option<Session>, Error> {
    if m.session_id.is_empty() || m.session_id != client.legacy_session_id {
        return Ok(None);
    }
    match client.session.take() {
        None => Err(Error::PeerIllegalParameter(
            "a session that there has not been",
        )),
        Some(session) if session.cipher_suite != m.cipher_suite => Err(
            Error::PeerIllegalParameter("another cipher suite than the session's"),
        ),
        session => Ok(session),
    }
}

/// The protocol that the server chose, one of ours.
fn protocol(config: &ClientConfig, m: &ServerHelloTls12<'_>) -> Result<Option<Vec<u8>>, Error> {
    match m.protocol {
        Some(protocol) if !config.alpn.iter().any(|offered| offered == protocol) => Err(
            Error::PeerIllegalParameter("a protocol that was not offered"),
        ),
        protocol => Ok(protocol.map(<[u8]>::to_vec)),
    }
}

/// The server goes on from `session`: only Finished is left, the server's first.
fn resume(
    session: Session,
    randoms: Randoms,
    transcript: Transcript,
    extended_master_secret: bool,
    keeper: Keeper,
    agreed: Agreed,
    io: &mut Io<'_>,
) -> Result<State, Error> {
    // RFC 7627 5.3: no session is kept without it.
    if !extended_master_secret {
        return Err(Error::PeerUnprotected(
            ExtensionType::EXTENDED_MASTER_SECRET,
        ));
    }
    let master = MasterSecret::of_session(&session).ok_or(Error::CryptoFailed)?;
    io.log_secret("CLIENT_RANDOM", &randoms.client, master.expose());
    io.keep_chain(session.peer_chain, session.staples);
    io.facts.key_transport = agreed.cipher_suite.key_exchange() == KeyExchange::Rsa;
    let Keys { client, server } = master.keys(&randoms);
    let judge_resumed = keeper.config.judge_resumed;
    let next = Box::new(WaitCcs {
        key: server,
        rest: WaitFinished {
            answer: Some(client),
            transcript,
            master,
            exporter: Some(randoms),
            keeper,
            agreed,
        },
    });
    Ok(if judge_resumed {
        State::WaitResumedVerdict(Box::new(WaitResumedVerdict(next)))
    } else {
        State::WaitCcs(next)
    })
}

/// The certificates of the session are judged again.
pub(crate) struct WaitResumedVerdict(Box<WaitCcs>);

impl WaitResumedVerdict {
    pub(super) fn judge(&self) -> Judge<'_> {
        let Keeper { config, name, .. } = &self.0.rest.keeper;
        Judge::Server(config.verifier.as_deref(), name)
    }

    pub(super) fn verdict(
        self,
        verdict: Result<(), netkit_x509::Error>,
    ) -> Result<Box<WaitCcs>, Error> {
        verdict.map_err(Error::PeerCertificate)?;
        Ok(self.0)
    }
}
