//! What the TLS targets share: a server with a certificate, and a client that trusts it.

pub mod hyper;
pub mod ws;

use netkit_core::split::{Cuts, Transcript, transcript};
use netkit_tls::{
    Brotli, CertificateCompression, ClientConfig, ClientSessionMemory, Connection, CryptoRng,
    EarlyDataPolicy, Error, Identity, ProtocolVersion, ServerConfig, ServerName, SingleUse,
    TicketKeys, UnixTime, Versions, Zlib,
    generators::{Said, hear},
};
use netkit_x509::Roots;
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(1_767_225_600));

/// A client of both versions, one of TLS 1.2 alone, and a server of both.
static CONFIGS: LazyLock<([Arc<ClientConfig>; 2], Arc<ServerConfig>)> = LazyLock::new(|| {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()])
        .and_then(|parameters| parameters.self_signed(&key))
        .expect("a certificate");
    let mut roots = Roots::new();
    roots.add(certificate.der()).expect("parses");
    let key = key.serialize_der().try_into().expect("PKCS#8");
    let algorithms: Vec<Arc<dyn CertificateCompression>> = vec![Arc::new(Brotli), Arc::new(Zlib)];
    // Twice, so that it gets shorter.
    let identity = Identity::new(vec![certificate.clone().into(), certificate.into()], &key)
        .expect("a pair")
        .with_compression(algorithms.clone());
    let mut client = ClientConfig::new(Arc::new(roots));
    client.certificate_compression = algorithms;
    client.alpn = vec![b"a".to_vec(), b"b".to_vec()];
    let mut server = ServerConfig::new(identity);
    server.alpn = vec![b"b".to_vec()];
    let mut old = client.clone();
    old.versions = Versions::only(ProtocolVersion::TLS1_2);
    ([Arc::new(client), Arc::new(old)], Arc::new(server))
});

fn random() -> Box<dyn CryptoRng + Send> {
    Box::new(getrandom::rand_core::UnwrapErr(getrandom::SysRng))
}

/// A fresh client, of both versions or of TLS 1.2 alone; its ClientHello is in `out`.
pub fn client(tls12: bool, out: &mut Vec<u8>) -> Connection {
    let name = ServerName::try_from("localhost").expect("a name");
    let config = CONFIGS.0[usize::from(tls12)].clone();
    Connection::client(config, name, NOW, random(), out).expect("a ClientHello")
}

/// A fresh server.
pub fn server() -> Connection {
    Connection::server(CONFIGS.1.clone(), NOW, random())
}

/// A client that goes on from an earlier connection and has sent `early`, as much of it as it may; its
/// octets are in `out`. And its server.
pub fn resuming(early: &[u8], out: &mut Vec<u8>) -> (Connection, Connection) {
    const EARLY: u32 = 1 << 10;
    let mut client = ClientConfig::clone(&CONFIGS.0[0]);
    client.sessions = Some(Arc::new(ClientSessionMemory::default()));
    client.early_data = true;
    let mut server = ServerConfig::clone(&CONFIGS.1);
    server.sessions = Some(Arc::new(TicketKeys::from_secret(&[1; 32])));
    server.early_data = Some(EarlyDataPolicy {
        max_size: EARLY,
        guard: Arc::new(SingleUse::new(NOW)),
    });
    let (client, server) = (Arc::new(client), Arc::new(server));
    let pair = |now, out: &mut Vec<u8>| {
        let name = ServerName::try_from("localhost").expect("a name");
        let client = Connection::client(client.clone(), name, now, random(), out);
        let server = Connection::server(server.clone(), now, random());
        (client.expect("a ClientHello"), server)
    };
    let (mut first, mut other) = pair(NOW, out);
    let mut back = Vec::new();
    for _ in 0..2 {
        let all = &Cuts(vec![]);
        carry(&mut other, &std::mem::take(out), all, &mut back);
        carry(&mut first, &std::mem::take(&mut back), all, out);
    }
    assert!(first.is_connected() && other.is_connected());
    // The guard takes no ticket of the second that it was made in.
    let later = UnixTime::since_unix_epoch(Duration::from_secs(NOW.as_secs() + 2));
    let (mut client, server) = pair(later, out);
    let early = &early[..early.len().min(client.early_data_left())];
    client.send_early(&[early], out).expect("what is left");
    (client, server)
}

/// Offers `octets` in pieces; an error has to repeat.
pub fn carry(
    machine: &mut Connection,
    octets: &[u8],
    cuts: &Cuts,
    out: &mut Vec<u8>,
) -> Transcript<Said, Error> {
    let heard = transcript(cuts.pieces(octets), |input| hear(machine, input, out));
    if let Some(error) = heard.error {
        assert_eq!(machine.recv(&mut [], out), Err(error));
    }
    heard
}
