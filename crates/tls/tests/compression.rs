//! Certificates that are sent compressed (RFC 8879), and peers that say they are.

mod duo;

use duo::{Authority, Duo, Messages, client_config};
use netkit_tls::{
    AlertDescription, Brotli, CertificateCompression, CertificateCompressionAlgorithm, ClientAuth,
    ClientConfig, Connection, Error, Identity, Malformed, ProtocolVersion, ServerConfig,
    TicketKeys, Versions, Zlib, generators::inject,
};
use proptest::prelude::*;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

type Algorithm = Arc<dyn CertificateCompression>;

const CERTIFICATE: u8 = 11;
const COMPRESSED_CERTIFICATE: u8 = 25;

fn brotli() -> Algorithm {
    Arc::new(Brotli)
}

fn zlib() -> Algorithm {
    Arc::new(Zlib)
}

/// Leaves out the octets of an empty certificate_request_context and a short list's length, and counts.
#[derive(Default)]
struct Leaving {
    number: u16,
    compressed: AtomicUsize,
}

impl CertificateCompression for Leaving {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm(self.number)
    }

    fn compress(&self, body: &[u8]) -> Option<Vec<u8>> {
        self.compressed.fetch_add(1, Ordering::Relaxed);
        body.strip_prefix(&[0, 0]).map(<[u8]>::to_vec)
    }

    fn decompress(&self, compressed: &[u8], body: &mut [u8]) -> Option<usize> {
        let room = body.get_mut(2..)?.get_mut(..compressed.len())?;
        room.copy_from_slice(compressed);
        Some(2 + compressed.len())
    }
}

fn leaving(number: u16) -> Arc<Leaving> {
    Arc::new(Leaving {
        number,
        compressed: AtomicUsize::new(0),
    })
}

/// Two certificates, so that something repeats.
fn chain_of(authority: &Authority) -> Identity {
    let leaf = || authority.leaf("localhost", &rcgen::PKCS_ECDSA_P256_SHA256);
    let (chain, key) = leaf();
    let chain = [chain, leaf().0].concat();
    Identity::new(chain, &key.serialize_der().try_into().unwrap()).unwrap()
}

/// A client that offers `offered` to a server that has `had`.
fn pair(offered: Vec<Algorithm>, had: Vec<Algorithm>) -> (ClientConfig, ServerConfig) {
    let authority = Authority::new();
    let server = ServerConfig::new(chain_of(&authority).with_compression(had));
    let mut client = client_config(authority.roots());
    client.certificate_compression = offered;
    (client, server)
}

/// The Certificate, or what stands in its place, of all that `config` sends in a handshake.
fn certificate(client: ClientConfig, mut server: ServerConfig) -> Vec<u8> {
    let sent = Arc::new(Messages::default());
    server.watch = Some(sent.clone());
    let chain = server.identities[0].chain().to_vec();
    let mut duo = Duo::new(client, server);
    duo.connect().unwrap();
    assert_eq!(duo.client.peer_chain(), chain);
    certificate_of(&sent)
}

fn certificate_of(sent: &Messages) -> Vec<u8> {
    let mut sent = sent.sent().into_iter();
    sent.find(|message| matches!(message[0], CERTIFICATE | COMPRESSED_CERTIFICATE))
        .unwrap()
}

/// The algorithm of a CompressedCertificate; `None` if it is none.
fn algorithm_of(message: &[u8]) -> Option<u16> {
    (message[0] == COMPRESSED_CERTIFICATE).then(|| u16::from_be_bytes([message[4], message[5]]))
}

#[test]
fn the_server_takes_its_first_algorithm_that_the_client_has() {
    let sent = |offered, had| {
        let (client, server) = pair(offered, had);
        algorithm_of(&certificate(client, server))
    };
    let both = || vec![brotli(), zlib()];
    assert_eq!(sent(both(), both()), Some(2));
    assert_eq!(sent(vec![zlib(), brotli()], both()), Some(2));
    assert_eq!(sent(both(), vec![zlib(), brotli()]), Some(1));
    assert_eq!(sent(vec![zlib()], both()), Some(1));
    assert_eq!(sent(vec![zlib()], vec![brotli()]), None);
    assert_eq!(sent(vec![], both()), None);
    assert_eq!(sent(both(), vec![]), None);
}

#[test]
fn a_certificate_gets_shorter() {
    let (client, server) = pair(vec![], vec![]);
    let plain = certificate(client, server).len();
    for algorithm in [brotli(), zlib()] {
        let (client, server) = pair(vec![algorithm.clone()], vec![algorithm]);
        let compressed = certificate(client, server).len();
        assert!(compressed < plain, "{compressed} of {plain}");
    }
}

#[test]
fn the_client_compresses_too() {
    let authority = Authority::new();
    for (takes, expected) in [
        (vec![zlib(), brotli()], Some(2)),
        (vec![zlib()], Some(1)),
        (vec![], None),
    ] {
        let (mut client, mut server) = pair(vec![], vec![]);
        let sent = Arc::new(Messages::default());
        let identity = chain_of(&authority).with_compression(vec![brotli(), zlib()]);
        client.identities = vec![Arc::new(identity)];
        client.watch = Some(sent.clone());
        let mut auth = ClientAuth::required(authority.roots());
        auth.certificate_compression = takes;
        server.client_auth = Some(auth);
        let chain = client.identities[0].chain().to_vec();
        let mut duo = Duo::new(client, server);
        duo.connect().unwrap();
        assert_eq!(duo.server.peer_chain(), chain);
        assert_eq!(algorithm_of(&certificate_of(&sent)), expected);
    }
}

/// A client without a certificate has nothing to compress.
#[test]
fn nothing_is_not_compressed() {
    let (mut client, mut server) = pair(vec![], vec![]);
    let sent = Arc::new(Messages::default());
    client.watch = Some(sent.clone());
    let mut auth = ClientAuth::requested(Authority::new().roots());
    auth.certificate_compression = vec![leaving(7)];
    server.client_auth = Some(auth);
    Duo::new(client, server).connect().unwrap();
    assert_eq!(certificate_of(&sent), [CERTIFICATE, 0, 0, 4, 0, 0, 0, 0]);
}

#[test]
fn handshakes_compress_nothing() {
    let counted = leaving(0xff01);
    let algorithms: Vec<Algorithm> = vec![counted.clone()];
    let (client, server) = pair(algorithms.clone(), algorithms);
    assert_eq!(counted.compressed.load(Ordering::Relaxed), 1);
    for _ in 0..3 {
        let message = certificate(client.clone(), server.clone());
        assert_eq!(algorithm_of(&message), Some(0xff01));
    }
    assert_eq!(counted.compressed.load(Ordering::Relaxed), 1);
}

/// Whatever of the staples the client asks for, there is a form for it, in whichever order they came.
#[test]
fn staples_are_compressed_with_the_chain() {
    let authority = Authority::new();
    let counted = leaving(0xff01);
    let algorithms: Vec<Algorithm> = vec![counted.clone()];
    let identities = [
        chain_of(&authority)
            .with_compression(algorithms.clone())
            .with_ocsp_response(vec![1; 40])
            .with_sct_list(vec![2; 40]),
        chain_of(&authority)
            .with_ocsp_response(vec![1; 40])
            .with_sct_list(vec![2; 40])
            .with_compression(algorithms.clone()),
    ];
    // One, then two, then four; and four at once.
    assert_eq!(counted.compressed.load(Ordering::Relaxed), 1 + 2 + 4 + 4);
    for identity in identities.map(Arc::new) {
        for (ocsp, scts) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut client = ClientConfig::with_verifier(Arc::new(netkit_tls::DangerousAcceptAny));
            client.certificate_compression = algorithms.clone();
            client.ask_for_ocsp = ocsp;
            client.ask_for_scts = scts;
            let mut server = ServerConfig::new(identity.clone());
            let sent = Arc::new(Messages::default());
            server.watch = Some(sent.clone());
            let mut duo = Duo::new(client, server);
            duo.connect().unwrap();
            assert_eq!(algorithm_of(&certificate_of(&sent)), Some(0xff01));
            let ocsp = ocsp.then_some([1; 40]);
            assert_eq!(duo.client.ocsp_response(), ocsp.as_ref().map(|r| &r[..]));
            let scts = scts.then_some([2; 40]);
            assert_eq!(duo.client.sct_list(), scts.as_ref().map(|r| &r[..]));
        }
    }
}

/// RFC 8879 3: where TLS 1.2 is agreed on, the extension is ignored.
#[test]
fn tls12_ignores_it() {
    let both = || vec![brotli(), zlib()];
    let (client, mut server) = pair(both(), both());
    server.versions = Versions::only(ProtocolVersion::TLS1_2);
    assert_eq!(certificate(client, server)[0], CERTIFICATE);
    let (mut client, server) = pair(both(), both());
    client.versions = Versions::only(ProtocolVersion::TLS1_2);
    let sent = Arc::new(Messages::default());
    client.watch = Some(sent.clone());
    Duo::new(client, server).connect().unwrap();
    let hello = &sent.sent()[0];
    let offer = [0, 27, 0, 5, 4, 0, 2, 0, 1];
    assert!(!hello.windows(offer.len()).any(|part| part == offer));
}

#[test]
fn a_retry_and_a_session_go_with_it() {
    let (mut client, mut server) = pair(vec![brotli()], vec![brotli()]);
    server.groups = vec![netkit_tls::NamedGroup::SECP256R1];
    assert_eq!(
        algorithm_of(&certificate(client.clone(), server.clone())),
        Some(2)
    );
    server.sessions = Some(Arc::new(TicketKeys::from_secret(&[1; 32])));
    client.sessions = Some(Arc::new(netkit_tls::ClientSessionMemory::default()));
    for resumed in [false, true] {
        let mut duo = Duo::new(client.clone(), server.clone());
        duo.connect().unwrap();
        assert_eq!(duo.client.agreed().unwrap().resumed, resumed);
        assert_eq!(duo.client.peer_chain(), server.identities[0].chain());
    }
}

/// A CompressedCertificate.
fn message(algorithm: u16, length: usize, compressed: &[u8]) -> Vec<u8> {
    let mut body = algorithm.to_be_bytes().to_vec();
    body.extend(&(length as u32).to_be_bytes()[1..]);
    body.extend(&(compressed.len() as u32).to_be_bytes()[1..]);
    body.extend(compressed);
    let mut message = (body.len() as u32).to_be_bytes().to_vec();
    message[0] = COMPRESSED_CERTIFICATE;
    message.extend(body);
    message
}

/// A client whose server has still to show its certificate, and the body that it would show.
fn waiting(offered: Vec<Algorithm>) -> (Connection, Vec<u8>) {
    let (client, mut server) = pair(offered, vec![]);
    let sent = Arc::new(Messages::default());
    server.watch = Some(sent.clone());
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    let sent = sent.sent();
    for message in &sent[..2] {
        inject(&mut duo.client, message, &mut Vec::new()).unwrap();
    }
    assert_eq!(sent[2][0], CERTIFICATE);
    (duo.client, sent[2][4..].to_vec())
}

fn refusal(client: &mut Connection, message: &[u8]) -> (Error, AlertDescription) {
    let error = inject(client, message, &mut Vec::new()).unwrap_err();
    (error, error.alert().unwrap())
}

#[test]
fn what_is_not_as_it_says_is_refused() {
    let refused = |make: &dyn Fn(&[u8]) -> Vec<u8>| {
        let (mut client, body) = waiting(vec![brotli(), zlib()]);
        refusal(&mut client, &make(&body))
    };
    let bad = (Error::PeerBadCompression, AlertDescription::BAD_CERTIFICATE);
    for algorithm in [brotli(), zlib()] {
        let number = algorithm.algorithm().0;
        let compress = |body: &[u8]| algorithm.compress(body).unwrap();
        for wrong in [-1, 1, 100] {
            let stated = |body: &[u8]| body.len().strict_add_signed(wrong);
            assert_eq!(
                refused(&|body| message(number, stated(body), &compress(body))),
                bad
            );
        }
        assert_eq!(refused(&|body| message(number, 0, &compress(body))), bad);
        let longer = |body: &[u8]| [compress(body), vec![0]].concat();
        assert_eq!(
            refused(&|body| message(number, body.len(), &longer(body))),
            bad
        );
        let cut = |body: &[u8]| compress(body)[..20].to_vec();
        assert_eq!(
            refused(&|body| message(number, body.len(), &cut(body))),
            bad
        );
        assert_eq!(refused(&|body| message(number, body.len(), body)), bad);
    }
    let illegal = AlertDescription::ILLEGAL_PARAMETER;
    let (error, alert) = refused(&|body| message(3, body.len(), body));
    assert!(matches!(error, Error::PeerIllegalParameter(_)));
    assert_eq!(alert, illegal);
}

/// Before anything is reserved for it, and whatever stands behind it.
#[test]
fn the_stated_length_is_limited() {
    let longest = netkit_tls::limits::MAX_HANDSHAKE_MESSAGE - 4;
    let (mut client, _) = waiting(vec![zlib()]);
    let (error, _) = refusal(&mut client, &message(1, longest + 1, &[0]));
    assert_eq!(
        error,
        Error::PeerTooMany("octets in one uncompressed Certificate")
    );
    let (mut client, _) = waiting(vec![zlib()]);
    let (error, _) = refusal(&mut client, &message(1, longest, &[0]));
    assert_eq!(error, Error::PeerBadCompression);
}

#[test]
fn what_comes_out_is_read_like_any_certificate() {
    let take = |change: &dyn Fn(&mut Vec<u8>)| {
        let (mut client, mut body) = waiting(vec![zlib()]);
        change(&mut body);
        let message = message(1, body.len(), &zlib_of(&body));
        inject(&mut client, &message, &mut Vec::new())
    };
    assert_eq!(take(&|_| ()), Ok(()));
    let nobody = |body: &mut Vec<u8>| *body = vec![0; 4];
    assert_eq!(take(&nobody), Err(Error::PeerNoCertificate));
    let trailing = take(&|body| body.push(0));
    assert_eq!(trailing, Err(Error::PeerDecode(Malformed::Trailing)));
    let context = take(&|body| drop(body.splice(..1, [1, 7])));
    assert!(matches!(context, Err(Error::PeerIllegalParameter(_))));
}

/// zlib's format of `body`, also where that is longer: one stored block.
fn zlib_of(body: &[u8]) -> Vec<u8> {
    let (mut a, mut b) = (1_u32, 0_u32);
    for octet in body {
        a = (a + u32::from(*octet)) % 65521;
        b = (b + a) % 65521;
    }
    let length = body.len() as u16;
    let mut stream = vec![0x78, 0x01, 1];
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(body);
    stream.extend(((b << 16) | a).to_be_bytes());
    stream
}

#[test]
fn an_empty_stream_does_not_parse() {
    let (mut client, body) = waiting(vec![zlib()]);
    let (error, _) = refusal(&mut client, &message(1, body.len(), &[]));
    assert!(matches!(error, Error::PeerDecode(Malformed::Shape(_))));
}

/// A message that nobody offered to take has no turn.
#[test]
fn nobody_takes_what_it_did_not_offer() {
    let (mut client, body) = waiting(vec![]);
    let sent = message(1, body.len(), &zlib_of(&body));
    let (error, alert) = refusal(&mut client, &sent);
    assert!(matches!(
        error,
        Error::PeerUnexpectedMessage(_, "WAIT_CERT_CR")
    ));
    assert_eq!(alert, AlertDescription::UNEXPECTED_MESSAGE);
}

/// The server's side of the same, by a client that shows a certificate.
#[test]
fn a_server_refuses_the_same() {
    let refused = |takes: Vec<Algorithm>, make: &dyn Fn(&[u8]) -> Vec<u8>| {
        let authority = Authority::new();
        let (mut client, mut server) = pair(vec![], vec![]);
        let sent = Arc::new(Messages::default());
        client.identities = vec![Arc::new(chain_of(&authority))];
        client.watch = Some(sent.clone());
        let mut auth = ClientAuth::required(authority.roots());
        auth.certificate_compression = takes;
        server.client_auth = Some(auth);
        let mut duo = Duo::new(client, server);
        duo.deliver_to_server().unwrap();
        duo.deliver_to_client().unwrap();
        let body = certificate_of(&sent)[4..].to_vec();
        inject(&mut duo.server, &make(&body), &mut Vec::new())
    };
    let whole = |body: &[u8]| message(1, body.len(), &zlib_of(body));
    assert_eq!(refused(vec![zlib()], &whole), Ok(()));
    assert!(matches!(
        refused(vec![], &whole),
        Err(Error::PeerUnexpectedMessage(_, "WAIT_CERT"))
    ));
    assert!(matches!(
        refused(vec![brotli()], &whole),
        Err(Error::PeerIllegalParameter(_))
    ));
    let short = |body: &[u8]| message(1, body.len() - 1, &zlib_of(body));
    assert_eq!(
        refused(vec![zlib()], &short),
        Err(Error::PeerBadCompression)
    );
    assert!(matches!(
        refused(vec![zlib()], &|_| message(1, 1 << 20, &[0])),
        Err(Error::PeerTooMany(_))
    ));
    let none = |_: &[u8]| message(1, 4, &zlib_of(&[0; 4]));
    assert_eq!(
        refused(vec![zlib()], &none),
        Err(Error::PeerNoClientCertificate(ProtocolVersion::TLS1_3))
    );
}

#[test]
fn a_list_without_sense_is_a_mistake() {
    let twice: Vec<Algorithm> = vec![zlib(), zlib()];
    let many: Vec<Algorithm> = (0..128)
        .map(|number| leaving(number) as Algorithm)
        .collect();
    let most = many[..127].to_vec();
    let connect = |client: ClientConfig, server: ServerConfig| {
        let mut out = Vec::new();
        let name = "localhost".try_into().unwrap();
        Connection::client(
            Arc::new(client.clone()),
            name,
            duo::NOW,
            duo::random(),
            &mut out,
        )
        .map(drop)?;
        Duo::new(client, server).settle()
    };
    for (wrong, expected) in [(twice, false), (many, false), (most, true)] {
        let (client, server) = pair(wrong.clone(), vec![]);
        assert_eq!(connect(client, server).is_ok(), expected);
        let (client, mut server) = pair(vec![], vec![]);
        let mut auth = ClientAuth::requested(Authority::new().roots());
        auth.certificate_compression = wrong;
        server.client_auth = Some(auth);
        assert_eq!(connect(client, server).is_ok(), expected);
    }
}

fn one_of_both(first: bool) -> Algorithm {
    if first { brotli() } else { zlib() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_compressed_comes_back(
        first: bool,
        part in proptest::collection::vec(any::<u8>(), 1..200),
        times in 1_usize..40,
    ) {
        let algorithm = one_of_both(first);
        let body = part.repeat(times);
        let Some(compressed) = algorithm.compress(&body) else {
            prop_assert!(times < 8 || part.len() < 20, "what repeats gets shorter");
            return Ok(());
        };
        prop_assert!(compressed.len() < body.len());
        let mut room = vec![0; body.len()];
        prop_assert_eq!(algorithm.decompress(&compressed, &mut room), Some(body.len()));
        prop_assert_eq!(&room, &body);
        let mut more = vec![0; body.len() + 1];
        prop_assert_eq!(algorithm.decompress(&compressed, &mut more), Some(body.len()));
        let mut less = vec![0; body.len() - 1];
        prop_assert_eq!(algorithm.decompress(&compressed, &mut less), None);
        let cut = &compressed[..compressed.len() - 1];
        prop_assert_eq!(algorithm.decompress(cut, &mut room), None);
    }

    #[test]
    fn whatever_arrives_stays_in_its_room(
        first: bool,
        arrived in proptest::collection::vec(any::<u8>(), 0..300),
        room in 0_usize..300,
    ) {
        let mut body = vec![0; room];
        let algorithm = one_of_both(first);
        let written = algorithm.decompress(&arrived, &mut body);
        prop_assert!(written.is_none_or(|written| written <= room));
    }
}
