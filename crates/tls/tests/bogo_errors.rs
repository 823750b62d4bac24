//! What BoringSSL's test runner made us tell apart, or find sooner: see `docs/conformance.md`.

mod duo;

use duo::{Authority, Duo, Messages, NOW, random};
use netkit_tls::{
    AlertDescription as Alert, CipherSuite as Suite, ClientAuth, ClientConfig, ClientSessionMemory,
    Connection, DangerousAcceptAny, Disagreement, Error, ExtensionType as X, HandshakeType as H,
    Identity, Malformed, NamedGroup as G, ProtocolVersion as V, ServerConfig, TicketKeys, Versions,
    generators::inject,
};
use std::sync::Arc;

const BOTH: [V; 2] = [V::TLS1_2, V::TLS1_3];

/// A server for `localhost` with a key of this kind, and a client that trusts anybody; without sessions.
fn configs(
    version: V,
    algorithm: &'static rcgen::SignatureAlgorithm,
) -> (ClientConfig, ServerConfig) {
    let mut server = ServerConfig::new(Authority::new().identity("localhost", algorithm));
    let mut client = ClientConfig::with_verifier(Arc::new(DangerousAcceptAny));
    (client.versions, server.versions) = (Versions::only(version), Versions::only(version));
    (client, server)
}

fn p256(version: V) -> (ClientConfig, ServerConfig) {
    configs(version, &rcgen::PKCS_ECDSA_P256_SHA256)
}

fn outcome(client: &ClientConfig, server: &ServerConfig) -> Result<(), Error> {
    Duo::new(client.clone(), server.clone()).settle()
}

/// The messages that the server sends in answer to a ClientHello.
fn answers(client: &ClientConfig, server: &ServerConfig) -> Vec<Vec<u8>> {
    let sent = Arc::new(Messages::default());
    let mut server = server.clone();
    server.watch = Some(sent.clone());
    let mut duo = Duo::new(client.clone(), server);
    duo.deliver_to_server().unwrap();
    sent.sent()
}

fn client_hello(client: &ClientConfig) -> Vec<u8> {
    let sent = Arc::new(Messages::default());
    let mut client = client.clone();
    client.watch = Some(sent.clone());
    drop(Duo::new(client, p256(V::TLS1_3).1));
    sent.sent().remove(0)
}

fn server_hears(server: &ServerConfig, octets: &[u8]) -> Result<(), Error> {
    let mut connection = Connection::server(Arc::new(server.clone()), NOW, random());
    inject(&mut connection, octets, &mut Vec::new())
}

/// Makes a message longer by an octet.
fn longer(mut message: Vec<u8>) -> Vec<u8> {
    message.push(0);
    message[3] += 1;
    message
}

#[test]
fn an_error_names_the_message_or_the_extension_that_does_not_parse() {
    for version in BOTH {
        let (client, server) = p256(version);
        let hello = longer(client_hello(&client));
        let malformed = |what| Err(Error::PeerDecode(what));
        assert_eq!(
            server_hears(&server, &hello),
            malformed(Malformed::Message(H::CLIENT_HELLO))
        );
        let mut duo = Duo::new(client.clone(), server.clone());
        let answer = longer(answers(&client, &server).remove(0));
        assert_eq!(
            inject(&mut duo.client, &answer, &mut Vec::new()),
            malformed(Malformed::Message(H::SERVER_HELLO)),
            "{version}"
        );
        // The last extension of a ClientHello with names gets an octet more.
        let mut hello = client_hello(&client);
        let name = hello.windows(9).position(|nine| nine == b"localhost");
        let name = name.unwrap();
        // The host name is a shorter one, and its list goes on.
        hello[name - 1] -= 1;
        let refused = server_hears(&server, &hello);
        assert_eq!(
            refused,
            Err(Error::PeerIllegalParameter(
                "server_name is not one host name"
            ))
        );
        hello[name - 1] += 2;
        let refused = server_hears(&server, &hello);
        let extension = Malformed::Extension(X::SERVER_NAME);
        assert_eq!(refused, malformed(extension));
        let words = Error::PeerDecode(extension).to_string();
        assert!(words.contains("server_name"), "{words}");
    }
}

#[test]
fn a_finished_of_another_length_is_a_wrong_one() {
    for length in [0_u8, 31, 33] {
        let mut finished = vec![20, 0, 0, length];
        finished.resize(4 + usize::from(length), 7);
        let mut duo = Duo::new(p256(V::TLS1_3).0, p256(V::TLS1_3).1);
        duo.deliver_to_server().unwrap();
        let refused = inject(&mut duo.server, &finished, &mut Vec::new());
        assert_eq!(refused, Err(Error::PeerBadFinished));
    }
    assert_eq!(Error::PeerBadFinished.alert(), Some(Alert::DECRYPT_ERROR));
}

#[test]
fn what_comes_after_a_retry_has_its_version() {
    let (mut client, mut server) = p256(V::TLS1_3);
    client.versions = Versions::default();
    client.groups = vec![G::X25519, G::SECP256R1];
    server.groups = vec![G::SECP256R1];
    let changed = Err(Error::PeerIllegalParameter(
        "the version changed after a retry",
    ));
    for (kind, version) in [(43, [3, 3]), (43, [3, 5]), (99, [3, 4])] {
        let sent = Arc::new(Messages::default());
        server.watch = Some(sent.clone());
        let mut duo = Duo::new(client.clone(), server.clone());
        duo.deliver_to_server().unwrap();
        let retry = sent.sent().remove(0);
        inject(&mut duo.client, &retry, &mut Vec::new()).unwrap();
        // As a ServerHello it is none of TLS 1.3's: supported_versions comes first.
        let mut hello = retry.clone();
        hello[6..38].fill(1);
        hello[77] = kind;
        hello[80..82].copy_from_slice(&version);
        if kind == 43 {
            // key_share is a whole one.
            hello[85] = 65 + 4;
            hello.extend([0, 65]);
            hello.extend([4; 65]);
            let block = (hello.len() - 76) as u8;
            hello[75] = block;
            hello[3] = (hello.len() - 4) as u8;
        }
        let heard = inject(&mut duo.client, &hello, &mut Vec::new());
        assert_eq!(heard, changed, "{kind} {version:?}");
    }
}

/// An identity whose certificate allows its key this use alone.
fn with_usage(usage: rcgen::KeyUsagePurpose) -> Identity {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.key_usages = vec![usage];
    let certificate = params.self_signed(&key).unwrap();
    let key = key.serialize_der().try_into().unwrap();
    Identity::new(vec![certificate.into()], &key).unwrap()
}

#[test]
fn a_key_that_may_not_sign_signs_no_handshake_whatever_the_verifier_says() {
    use rcgen::KeyUsagePurpose as U;
    let refused = Err(Error::PeerCertificate(
        netkit_x509::Error::KeyUsageNotAllowed,
    ));
    for version in BOTH {
        for (usage, expected) in [(U::DigitalSignature, Ok(())), (U::KeyAgreement, refused)] {
            let (mut client, mut server) = p256(version);
            server.identities = vec![Arc::new(with_usage(usage))];
            assert_eq!(outcome(&client, &server), expected, "{version}");

            server = p256(version).1;
            client.identities = vec![Arc::new(with_usage(usage))];
            let mut auth = ClientAuth::required(Authority::new().roots());
            auth.verifier = Some(Arc::new(DangerousAcceptAny));
            auth.authorities = Vec::new();
            server.client_auth = Some(auth);
            assert_eq!(outcome(&client, &server), expected, "{version}");
        }
    }
}

#[test]
fn in_tls12_a_certificate_is_on_a_curve_that_the_client_has() {
    let authority = Authority::new();
    let own = |algorithm| Arc::new(authority.identity("localhost", algorithm));
    let (small, large) = (
        own(&rcgen::PKCS_ECDSA_P256_SHA256),
        own(&rcgen::PKCS_ECDSA_P384_SHA384),
    );
    for version in BOTH {
        let (mut client, mut server) = p256(version);
        server.identities = vec![small.clone(), large.clone()];
        client.groups = vec![G::X25519, G::SECP384R1];
        let mut duo = Duo::new(client.clone(), server.clone());
        duo.settle().unwrap();
        let second = Arc::ptr_eq(duo.server.identity().unwrap(), &large);
        assert_eq!(second, version == V::TLS1_2, "TLS 1.3's schemes say it");

        server.identities.pop();
        let mut duo = Duo::new(client, server);
        let tls12 = version == V::TLS1_2;
        let refused = tls12
            .then_some(Error::PeerNoCommonCurve)
            .map_or(Ok(()), Err);
        assert_eq!(duo.settle(), refused);
        if let [Disagreement::Group(lists)] = &duo.server.disagreements()[..] {
            assert!(tls12);
            assert_eq!(lists.ours, [G::SECP256R1]);
            assert_eq!(lists.theirs, Some(vec![G::X25519, G::SECP384R1]));
        } else {
            assert!(!tls12);
        }
    }
    // A client does not believe it either.
    let (client, server) = p256(V::TLS1_2);
    let answers = answers(&client, &server);
    let mut narrow = client;
    narrow.groups = vec![G::X25519];
    let mut duo = Duo::new(narrow, server);
    inject(&mut duo.client, &answers[0], &mut Vec::new()).unwrap();
    let heard = inject(&mut duo.client, &answers[1], &mut Vec::new());
    let why = "a certificate on a curve that was not offered";
    assert_eq!(heard, Err(Error::PeerIllegalParameter(why)));
}

#[test]
fn in_tls12_a_certificate_is_of_its_suite() {
    for (algorithm, suite) in [
        (
            &rcgen::PKCS_ECDSA_P256_SHA256,
            Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ),
        (
            &rcgen::PKCS_ED25519,
            Suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ),
    ] {
        let (client, server) = configs(V::TLS1_2, algorithm);
        let mut answers = answers(&client, &server);
        let hello = &mut answers[0];
        let at = 4 + 2 + 32 + 1 + usize::from(hello[38]);
        hello[at..at + 2].copy_from_slice(&suite.0.to_be_bytes());
        let mut duo = Duo::new(client, server);
        inject(&mut duo.client, &answers[0], &mut Vec::new()).unwrap();
        let heard = inject(&mut duo.client, &answers[1], &mut Vec::new());
        let why = "a certificate whose key is not its suite's";
        assert_eq!(heard, Err(Error::PeerIllegalParameter(why)));
    }
}

#[test]
fn a_server_without_an_identity_for_the_clients_authorities_says_so() {
    for version in BOTH {
        let (client, mut server) = p256(version);
        let own = Authority::new().identity("localhost", &rcgen::PKCS_ECDSA_P256_SHA256);
        server.identities = vec![Arc::new(own.for_its_issuers_only())];
        assert_eq!(outcome(&client, &server), Err(Error::PeerNoCommonAuthority));
    }
    assert_eq!(
        Error::PeerNoCommonAuthority.alert(),
        Some(Alert::HANDSHAKE_FAILURE)
    );
}

#[test]
fn in_tls12_nothing_stands_behind_what_the_other_side_answers() {
    let (client, server) = p256(V::TLS1_2);
    let mut hello = client_hello(&client);
    assert_eq!(server_hears(&server, &hello), Ok(()));
    hello.push(16);
    assert_eq!(
        server_hears(&server, &hello),
        Err(Error::PeerMisalignedMessage)
    );
    for behind in [&[][..], &[20]] {
        let mut duo = Duo::new(client.clone(), server.clone());
        // The messages that this very client gets.
        let sent = Arc::new(Messages::default());
        let mut watched = server.clone();
        watched.watch = Some(sent.clone());
        duo.server = Connection::server(Arc::new(watched), NOW, random());
        duo.deliver_to_server().unwrap();
        let mut flight = sent.sent().concat();
        flight.extend(behind);
        let heard = inject(&mut duo.client, &flight, &mut Vec::new());
        let misaligned = Err(Error::PeerMisalignedMessage);
        assert_eq!(
            heard,
            if behind.is_empty() {
                Ok(())
            } else {
                misaligned
            }
        );
    }
}

#[test]
fn in_tls12_a_change_cipher_spec_with_another_content_does_not_parse() {
    let (client, server) = p256(V::TLS1_2);
    for content in [&[2][..], &[1, 1]] {
        let mut duo = Duo::new(client.clone(), server.clone());
        duo.deliver_to_server().unwrap();
        duo.to_server = [&[20, 3, 3, 0, content.len() as u8], content].concat();
        let what = Malformed::Shape("a ChangeCipherSpec is not one octet of 1");
        assert_eq!(duo.deliver_to_server(), Err(Error::PeerDecode(what)));
    }
}

#[test]
fn an_extension_in_the_wrong_message_is_named_with_it() {
    let (client, server) = p256(V::TLS1_3);
    let mut duo = Duo::new(client.clone(), server.clone());
    let mut hello = answers(&client, &server).remove(0);
    // ALPN, which has its place in EncryptedExtensions.
    hello.extend([0, 16, 0, 0]);
    (hello[3], hello[75]) = (hello[3] + 4, hello[75] + 4);
    let heard = inject(&mut duo.client, &hello, &mut Vec::new());
    let why = "an extension that has no place in a ServerHello";
    assert_eq!(heard, Err(Error::PeerIllegalParameter(why)));
}

/// As [`p256`], and they have a session.
fn with_session(version: V) -> (ClientConfig, ServerConfig) {
    let (mut client, mut server) = p256(version);
    client.sessions = Some(Arc::new(ClientSessionMemory::default()));
    server.sessions = Some(Arc::new(TicketKeys::from_secret(&[1; 32])));
    assert_eq!(outcome(&client, &server), Ok(()));
    (client, server)
}

#[test]
fn a_session_of_tls12_goes_on_in_its_suite_whatever_was_offered() {
    let (client, mut server) = with_session(V::TLS1_2);
    let sent = Arc::new(Messages::default());
    server.watch = Some(sent.clone());
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    let mut hello = sent.sent().remove(0);
    let suite = 4 + 2 + 32 + 1 + usize::from(hello[38]);
    // TLS_RSA_WITH_AES_128_CBC_SHA.
    hello[suite..suite + 2].copy_from_slice(&[0, 0x2f]);
    let heard = inject(&mut duo.client, &hello, &mut Vec::new());
    let why = "another cipher suite than the session's";
    assert_eq!(heard, Err(Error::PeerIllegalParameter(why)));
}

#[test]
fn a_list_of_no_binders_does_not_parse() {
    let (client, server) = with_session(V::TLS1_3);
    let mut hello = client_hello(&client);
    let is_binders = |length: &usize| {
        let list = hello.len() - 3 - length;
        hello[list..list + 3] == [0, *length as u8 + 1, *length as u8]
    };
    let length = [32, 48].into_iter().find(is_binders).unwrap();
    // The identities, in front of them, end with the age.
    let list = hello.len() - 3 - length;
    hello.truncate(list);
    hello.extend([0, 0]);
    let less = length + 1;
    let extension = (0..list).rev().find(|&at| hello[at..at + 2] == [0, 41]);
    let suites = 4 + 2 + 32 + 1 + 32;
    let block = suites + 2 + usize::from(hello[suites + 1]) + 2;
    for at in [2, block, extension.unwrap() + 2] {
        let length = u16::from_be_bytes([hello[at], hello[at + 1]]) - less as u16;
        hello[at..at + 2].copy_from_slice(&length.to_be_bytes());
    }
    let heard = server_hears(&server, &hello);
    let shape = Malformed::Shape("no binders");
    assert_eq!(heard, Err(Error::PeerDecode(shape)));
}
