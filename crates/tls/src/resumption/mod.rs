//! What a connection leaves behind, so that a later one need not prove again what was proved.

mod client;
mod early;
mod server;

#[cfg(feature = "std")]
pub use client::ClientSessionMemory;
pub(crate) use client::Shown;
pub use client::{ClientSession, ClientSessions};
#[cfg(feature = "std")]
pub use early::SingleUse;
pub(crate) use early::check_age;
pub use early::{EarlyDataPolicy, EarlyDataRefusal, ReplayGuard, TicketUse};
#[cfg(feature = "std")]
pub use server::SessionIdMemory;
pub use server::{ServerSessions, SessionIds, TicketKeys};

use crate::{
    codepoints::{CipherSuite, ProtocolVersion},
    connection::Agreed,
    crypto::hash::MAX_HASH,
    error::{Error, Malformed},
    identity::Staples,
    io::Io,
    limits::{MAX_CHAIN, MAX_SESSION, MAX_TICKET_LIFETIME},
};
use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::fmt;
use netkit_core::{Reader, TooLong, Writer};
use rustls_pki_types::{CertificateDer, UnixTime};
use zeroize::Zeroizing;

/// What two sides agreed on once and may go on from: the content of a server's ticket, and what a client
/// keeps beside one. It holds a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    pub(crate) version: ProtocolVersion,
    pub(crate) cipher_suite: CipherSuite,
    /// The pre-shared key of TLS 1.3, or the master secret of TLS 1.2.
    pub(crate) secret: Zeroizing<Vec<u8>>,
    /// When it began, in seconds since 1970, and for how many it lasts.
    pub(crate) created: u64,
    pub(crate) lifetime: u32,
    /// ticket_age_add: hides the age on the wire (RFC 9846 4.7.1).
    pub(crate) age_add: u32,
    /// Octets of early data that it allows; 0: none.
    pub(crate) max_early_data: u32,
    /// Whether the master secret is bound to its handshake (RFC 7627); always in TLS 1.3.
    pub(crate) extended_master_secret: bool,
    pub(crate) server_name: Option<String>,
    pub(crate) alpn: Option<Vec<u8>>,
    /// The certificates that the peer proved to hold.
    pub(crate) peer_chain: Vec<CertificateDer<'static>>,
    /// What came with them. Of clients only, so it is in no encoding.
    pub(crate) staples: Staples,
}

impl Session {
    /// What was agreed, with a session that lasts until `end`, in seconds since 1970.
    pub(crate) fn of(agreed: &Agreed, secret: Zeroizing<Vec<u8>>, end: u64, io: &Io<'_>) -> Self {
        let created = io.now.as_secs();
        Self {
            version: agreed.version,
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
            staples: io.facts.staples.clone(),
        }
    }

    /// The version that it goes on in.
    pub fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// The host name that the client asked for.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Octets of early data that it allows; 0: none.
    pub fn max_early_data(&self) -> u32 {
        self.max_early_data
    }

    /// Whether it can still be used: its lifetime is never over seven days (RFC 9846 4.7.1).
    pub fn is_fresh(&self, now: UnixTime) -> bool {
        let lifetime = u64::from(self.lifetime.min(MAX_TICKET_LIFETIME));
        now.as_secs()
            .checked_sub(self.created)
            .is_some_and(|age| age < lifetime)
    }

    /// When it ends, in seconds since 1970.
    pub(crate) fn end(&self) -> u64 {
        self.created.saturating_add(u64::from(self.lifetime))
    }

    /// Its octets, **its secret among them**: to be kept as safe as a private key.
    ///
    /// # Errors
    /// [`Error::MisuseConfig`] if they are more than [`MAX_SESSION`], as a long chain makes them.
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let chain: usize = self.peer_chain.iter().map(|der| der.len()).sum();
        if chain > MAX_SESSION {
            return Err(Error::MisuseConfig("a session is too long to keep"));
        }
        // Room for all: a vector that grew would leave parts of the secret behind.
        let mut out = Zeroizing::new(Vec::with_capacity(chain + 1_024));
        self.write(&mut out)?;
        if out.len() > MAX_SESSION {
            return Err(Error::MisuseConfig("a session is too long to keep"));
        }
        Ok(out)
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let block = |out: &mut Vec<u8>, octets: &[u8]| {
            out.nested_u8(|out| {
                out.bytes(octets);
                Ok(())
            })
        };
        out.u16(self.version.0);
        out.u16(self.cipher_suite.0);
        block(out, &self.secret)?;
        out.u64(self.created);
        out.u32(self.lifetime);
        out.u32(self.age_add);
        out.u32(self.max_early_data);
        out.u8(u8::from(self.extended_master_secret));
        block(
            out,
            self.server_name.as_deref().unwrap_or_default().as_bytes(),
        )?;
        block(out, self.alpn.as_deref().unwrap_or_default())?;
        self.peer_chain.iter().try_for_each(|der| {
            out.nested_u24(|out| {
                out.bytes(der);
                Ok(())
            })
        })
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`Error::PeerDecode`] if it is anything else.
    pub fn decode(octets: &[u8]) -> Result<Self, Error> {
        if octets.len() > MAX_SESSION {
            return Err(Error::PeerDecode(Malformed::Shape(
                "a session over the limit",
            )));
        }
        Reader::whole(octets, Self::read)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let shape = |what| Error::PeerDecode(Malformed::Shape(what));
        let version = ProtocolVersion(reader.u16()?);
        let cipher_suite = CipherSuite(reader.u16()?);
        if cipher_suite.name().is_none() {
            return Err(shape("a session's suite is not built in"));
        }
        let secret = match reader.block_u8()? {
            secret if (1..=MAX_HASH).contains(&secret.len()) => Zeroizing::new(secret.to_vec()),
            _ => return Err(shape("a session's secret is too short or too long")),
        };
        let (created, lifetime) = (reader.u64()?, reader.u32()?);
        let (age_add, max_early_data) = (reader.u32()?, reader.u32()?);
        let extended_master_secret = match reader.u8()? {
            flag @ 0..=1 => flag == 1,
            _ => return Err(shape("a flag is neither 0 nor 1")),
        };
        let server_name = core::str::from_utf8(reader.block_u8()?)
            .map_err(|_| shape("a session's name is no text"))?;
        let alpn = reader.block_u8()?;
        let mut peer_chain = Vec::new();
        while !reader.is_empty() {
            if peer_chain.len() == MAX_CHAIN {
                return Err(shape("a session's chain is too long"));
            }
            peer_chain.push(CertificateDer::from(reader.block_u24()?.to_vec()));
        }
        Ok(Self {
            version,
            cipher_suite,
            secret,
            created,
            lifetime,
            age_add,
            max_early_data,
            extended_master_secret,
            server_name: (!server_name.is_empty()).then(|| server_name.to_owned()),
            alpn: (!alpn.is_empty()).then(|| alpn.to_vec()),
            peer_chain,
            staples: Staples::default(),
        })
    }
}

/// When what was proved in a full handshake at `io`'s time has to be proved again, in seconds since 1970.
pub(crate) fn end_of_proof(lifetime: u32, io: &Io<'_>) -> u64 {
    let lifetime = lifetime.min(MAX_TICKET_LIFETIME);
    io.now.as_secs().saturating_add(u64::from(lifetime))
}

/// Shows no secret.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("version", &self.version)
            .field("cipher_suite", &self.cipher_suite)
            .field("server_name", &self.server_name)
            .field("created", &self.created)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Session;
    use crate::{
        codepoints::{CipherSuite, ProtocolVersion},
        identity::Staples,
        limits::{MAX_SESSION, MAX_TICKET_LIFETIME},
    };
    use alloc::{string::String, vec, vec::Vec};
    use core::time::Duration;
    use proptest::prelude::*;
    use rustls_pki_types::{CertificateDer, UnixTime};
    use zeroize::Zeroizing;

    pub(crate) fn session() -> Session {
        Session {
            version: ProtocolVersion::TLS1_3,
            cipher_suite: CipherSuite::TLS_AES_128_GCM_SHA256,
            secret: Zeroizing::new(vec![7; 32]),
            created: 1_000,
            lifetime: 100,
            age_add: 5,
            max_early_data: 0,
            extended_master_secret: true,
            server_name: Some(String::from("a.example")),
            alpn: Some(b"h2".to_vec()),
            peer_chain: Vec::new(),
            staples: Staples::default(),
        }
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn a_session_lasts_from_its_creation_to_the_end_of_its_lifetime() {
        let mut session = session();
        assert!(!session.is_fresh(at(999)), "from the future");
        assert!(session.is_fresh(at(1_000)) && session.is_fresh(at(1_099)));
        assert!(!session.is_fresh(at(1_100)));
        session.lifetime = u32::MAX;
        let last = 1_000 + u64::from(MAX_TICKET_LIFETIME) - 1;
        assert!(session.is_fresh(at(last)) && !session.is_fresh(at(last + 1)));
    }

    #[test]
    fn a_session_over_the_limit_is_not_kept() {
        let mut session = session();
        session.peer_chain = vec![CertificateDer::from(vec![1; MAX_SESSION])];
        assert!(session.encode().is_err());
        session.peer_chain = vec![CertificateDer::from(vec![1; MAX_SESSION - 512])];
        assert!(session.encode().is_ok());
        assert!(Session::decode(&vec![0; MAX_SESSION + 1]).is_err());
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = alloc::format!("{:?}", session());
        assert!(shown.contains("a.example") && !shown.contains("7, 7") && !shown.contains("0707"));
    }

    proptest! {
        #[test]
        fn what_was_encoded_decodes_to_the_same(
            secret in proptest::collection::vec(any::<u8>(), 1..=48),
            numbers: (u64, u32, u32, u32),
            extended_master_secret: bool,
            server_name in proptest::option::of("[a-z.]{1,255}"),
            alpn in proptest::option::of(proptest::collection::vec(any::<u8>(), 1..=255)),
            chain in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..900), 0..=16),
        ) {
            let session = Session {
                secret: Zeroizing::new(secret),
                created: numbers.0,
                lifetime: numbers.1,
                age_add: numbers.2,
                max_early_data: numbers.3,
                extended_master_secret,
                server_name,
                alpn,
                peer_chain: chain.into_iter().map(CertificateDer::from).collect(),
                ..session()
            };
            let octets = session.encode().unwrap();
            prop_assert_eq!(Session::decode(&octets).unwrap(), session);
        }

        #[test]
        fn any_octets_decode_or_are_refused(octets: Vec<u8>) {
            if let Ok(session) = Session::decode(&octets) {
                prop_assert_eq!(&**session.encode().unwrap(), &octets[..]);
            }
        }
    }
}
