//! A client and a server with the octets between them.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

pub use netkit_tls::generators::Said;
use netkit_tls::generators::{hear, inject};
use netkit_tls::{
    CertificateDer, ClientConfig, Connection, Error, Event, HandshakeType, Identity, KeyLog, Note,
    ServerConfig, ServerName, SignatureScheme, UnixTime, Watch, What,
};
use netkit_x509::Roots;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// 2026-01-01: inside the validity of rcgen's default certificates.
pub const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(1_767_225_600));

/// A key log that keeps its lines.
#[derive(Default)]
pub struct Lines(pub Mutex<Vec<String>>);

impl KeyLog for Lines {
    fn line(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// A watcher that keeps the handshake messages that were sent.
#[derive(Default)]
pub struct Messages(Mutex<Vec<Vec<u8>>>);

impl Messages {
    pub fn sent(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().clone()
    }
}

impl Watch for Messages {
    fn note(&self, note: &Note<'_>) {
        if let (true, What::Handshake(_, message)) = (note.sent, note.what) {
            self.0.lock().unwrap().push(message.to_vec());
        }
    }
}

/// A certificate authority.
pub struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    roots: Arc<Roots>,
}

impl Authority {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, format!("Authority {number}"));
        let mut roots = Roots::new();
        roots.add(params.self_signed(&key).unwrap().der()).unwrap();
        Self {
            issuer: rcgen::Issuer::new(params, key),
            roots: Arc::new(roots),
        }
    }

    pub fn roots(&self) -> Arc<Roots> {
        self.roots.clone()
    }

    /// A chain for `name` and its key.
    pub fn leaf(
        &self,
        name: &str,
        algorithm: &'static rcgen::SignatureAlgorithm,
    ) -> (Vec<CertificateDer<'static>>, rcgen::KeyPair) {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let certificate = rcgen::CertificateParams::new([name.to_owned()])
            .unwrap()
            .signed_by(&key, &self.issuer)
            .unwrap();
        (vec![certificate.into()], key)
    }

    pub fn identity(&self, name: &str, algorithm: &'static rcgen::SignatureAlgorithm) -> Identity {
        let (chain, key) = self.leaf(name, algorithm);
        Identity::new(chain, &key.serialize_der().try_into().unwrap()).unwrap()
    }

    pub fn server(&self, name: &str) -> ServerConfig {
        ServerConfig::new(self.identity(name, &rcgen::PKCS_ECDSA_P256_SHA256))
    }
}

/// A server for `localhost` with a certificate of its own making, and roots that trust it.
pub fn server_config() -> (ServerConfig, Arc<Roots>) {
    server_config_with(&rcgen::PKCS_ECDSA_P256_SHA256)
}

/// As [`server_config`], with a key of this kind.
pub fn server_config_with(
    algorithm: &'static rcgen::SignatureAlgorithm,
) -> (ServerConfig, Arc<Roots>) {
    let authority = Authority::new();
    let identity = authority.identity("localhost", algorithm);
    (ServerConfig::new(identity), authority.roots)
}

/// A client that trusts `roots`.
pub fn client_config(roots: Arc<Roots>) -> ClientConfig {
    ClientConfig::new(roots)
}

pub struct Duo {
    pub client: Connection,
    pub server: Connection,
    pub to_server: Vec<u8>,
    pub to_client: Vec<u8>,
    pub client_heard: Vec<Said>,
    pub server_heard: Vec<Said>,
}

pub fn random() -> Box<dyn netkit_tls::CryptoRng + Send> {
    Box::new(rand_core::UnwrapErr(getrandom::SysRng))
}

impl Duo {
    pub fn new(client: ClientConfig, server: ServerConfig) -> Self {
        let mut to_server = Vec::new();
        let name = ServerName::try_from("localhost").unwrap();
        let client =
            Connection::client(Arc::new(client), name, NOW, random(), &mut to_server).unwrap();
        Self {
            client,
            server: Connection::server(Arc::new(server), NOW, random()),
            to_server,
            to_client: Vec::new(),
            client_heard: Vec::new(),
            server_heard: Vec::new(),
        }
    }

    /// Two that are connected.
    pub fn connected() -> Self {
        let (server, roots) = server_config();
        let mut duo = Self::new(client_config(roots), server);
        duo.connect().unwrap();
        duo
    }

    /// Carries what the client has sent, and leaves the answer.
    pub fn deliver_to_server(&mut self) -> Result<(), Error> {
        let arrived = std::mem::take(&mut self.to_server);
        deliver(
            &mut self.server,
            arrived,
            &mut self.to_client,
            &mut self.server_heard,
        )
    }

    /// Carries what the server has sent, and leaves the answer.
    pub fn deliver_to_client(&mut self) -> Result<(), Error> {
        let arrived = std::mem::take(&mut self.to_client);
        deliver(
            &mut self.client,
            arrived,
            &mut self.to_server,
            &mut self.client_heard,
        )
    }

    /// Carries octets until nothing moves, or one side fails.
    pub fn settle(&mut self) -> Result<(), Error> {
        while !(self.to_server.is_empty() && self.to_client.is_empty()) {
            self.deliver_to_server()?;
            self.deliver_to_client()?;
        }
        Ok(())
    }

    pub fn connect(&mut self) -> Result<(), Error> {
        self.settle()?;
        assert!(self.client.is_connected() && self.server.is_connected());
        assert_eq!(self.client_heard, [Said::Connected]);
        assert_eq!(self.server_heard, [Said::Connected]);
        Ok(())
    }

    pub fn say_to_server(&mut self, body: &[u8]) -> Result<Vec<u8>, Error> {
        self.server_heard.clear();
        self.client.send(&[body], &mut self.to_server)?;
        self.settle()?;
        Ok(data(&self.server_heard))
    }

    pub fn say_to_client(&mut self, body: &[u8]) -> Result<Vec<u8>, Error> {
        self.client_heard.clear();
        self.server.send(&[body], &mut self.to_client)?;
        self.settle()?;
        Ok(data(&self.client_heard))
    }
}

/// An identity for `name` whose key is elsewhere, so that its owner is asked for signatures.
pub fn elsewhere(authority: &Authority, name: &str) -> Identity {
    let (chain, _) = authority.leaf(name, &rcgen::PKCS_ECDSA_P256_SHA256);
    let schemes = vec![SignatureScheme::ECDSA_SECP256R1_SHA256];
    Identity::with_key_elsewhere(chain, schemes).unwrap()
}

/// Whether `connection` waits for a message or an answer in `state`.
pub fn is_in(connection: &Connection, state: &str) -> bool {
    format!("{connection:?}").contains(&format!("state: {state:?},"))
}

/// A cell of a matrix: whether a message of this kind has its turn in `state` ("x"), is refused as out of
/// its turn ("."), or waits with the peer until we have decided something ("-").
pub fn turn(
    mut connection: Connection,
    state: &'static str,
    kind: HandshakeType,
    message: &[u8],
) -> &'static str {
    assert!(
        is_in(&connection, state),
        "{connection:?} is not in {state}"
    );
    match inject(&mut connection, message, &mut Vec::new()) {
        Err(Error::PeerUnexpectedMessage(refused, by)) => {
            assert_eq!((refused, by), (kind, state));
            "."
        }
        Ok(()) if is_in(&connection, state) && waits(&mut connection) => "-",
        _ => "x",
    }
}

/// Whether nothing is taken before an answer.
pub fn waits(connection: &mut Connection) -> bool {
    let step = connection.recv(&mut [], &mut Vec::new());
    let waiting = |event: &Event<'_>| matches!(event, Event::Question(_) | Event::Waiting);
    step.is_ok_and(|step| step.used == 0 && waiting(&step.event))
}

/// The last cells of a row: whether it takes an identity, a verdict, a signature.
pub fn answers(reach: &dyn Fn() -> Connection) -> [&'static str; 3] {
    let out = &mut Vec::new();
    // It takes no answer before it has asked.
    let asked = || {
        let mut connection = reach();
        let _ = waits(&mut connection);
        connection
    };
    let taken = [
        asked().show(None, out),
        asked().verdict(Ok(()), out),
        asked().signature(b"no signature", out),
    ];
    taken.map(|taken| match taken {
        Err(Error::MisuseNotAsked) => ".",
        _ => "x",
    })
}

fn data(heard: &[Said]) -> Vec<u8> {
    heard
        .iter()
        .flat_map(|said| match said {
            Said::Data(data) => data.clone(),
            other => panic!("{other:?} among data"),
        })
        .collect()
}

/// Offers all that arrived, in one piece.
pub fn deliver(
    machine: &mut Connection,
    mut arrived: Vec<u8>,
    out: &mut Vec<u8>,
    heard: &mut Vec<Said>,
) -> Result<(), Error> {
    while !arrived.is_empty() {
        let step = hear(machine, &mut arrived, out)?;
        if step.event.is_none() {
            assert_eq!(step.used, arrived.len(), "whole records were sent");
        }
        heard.extend(step.event);
        arrived.drain(..step.used);
    }
    Ok(())
}
