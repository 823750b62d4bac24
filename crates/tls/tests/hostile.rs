//! What a peer may not send, and the alert that tells it so.

mod duo;

use duo::{Duo, Messages, client_config, server_config};
use netkit_tls::{
    AlertDescription as Alert, CipherSuite, Connection, ContentType, Error, ExtensionType as X,
    NamedGroup, ProtocolVersion, Versions,
    generators::{Hello, inject},
    limits::MAX_SIGNATURE_SCHEMES,
};
use std::sync::Arc;

const KEY_SHARE: [u8; 32] = [9; 32];

/// The dummy record.
const CCS: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// A ClientHello that a server answers.
fn hello() -> Hello {
    let mut key_share = vec![0, 36, 0, 29, 0, 32];
    key_share.extend(KEY_SHARE);
    Hello {
        random: [1; 32],
        session_id: vec![2; 32],
        cipher_suites: vec![CipherSuite::TLS_AES_128_GCM_SHA256.0],
        offers_tls13: true,
        extensions: vec![
            (X::SUPPORTED_GROUPS.0, vec![0, 2, 0, 29]),
            (X::SIGNATURE_ALGORITHMS.0, vec![0, 2, 4, 3]),
            (X::KEY_SHARE.0, key_share),
        ],
    }
}

/// What the server says of a message in a record of its own, and all that it sends.
fn server_hears(message: &[u8]) -> (Result<(), Error>, Vec<u8>) {
    let (mut server, roots) = server_config();
    server.alpn = vec![b"http/1.1".to_vec()];
    server.versions = Versions::only(ProtocolVersion::TLS1_3);
    let mut duo = Duo::new(client_config(roots), server);
    duo.to_server = vec![22, 3, 1, (message.len() >> 8) as u8, message.len() as u8];
    duo.to_server.extend_from_slice(message);
    (duo.deliver_to_server(), duo.to_client)
}

fn set(hello: &mut Hello, kind: X, content: Vec<u8>) {
    match hello.extensions.iter_mut().find(|(k, _)| *k == kind.0) {
        Some(extension) => extension.1 = content,
        None => hello.extensions.push((kind.0, content)),
    }
}

fn remove(hello: &mut Hello, kind: X) {
    hello.extensions.retain(|(k, _)| *k != kind.0);
}

/// Offers these identities, an octet each, with so many binders.
fn psks(hello: &mut Hello, identities: &[u8], binders: usize) {
    let mut content = vec![0, 7 * identities.len() as u8];
    for identity in identities {
        content.extend([0, 1, *identity, 0, 0, 0, 0]);
    }
    content.extend([0, 33 * binders as u8]);
    content.extend([[32; 33]].repeat(binders).concat());
    set(hello, X::PSK_KEY_EXCHANGE_MODES, vec![1, 1]);
    set(hello, X::PRE_SHARED_KEY, content);
}

/// Breaks something good.
type Break<T> = fn(&mut T);

/// What is wrong with a ClientHello, and the error and alert that say so.
#[rustfmt::skip]
const BROKEN_HELLOS: &[(&str, Break<Hello>, &str, Alert)] = &[
    ("no TLS 1.3", |h| h.offers_tls13 = false, "peer_no_common_version", Alert::PROTOCOL_VERSION),
    ("no extensions", |h| (h.offers_tls13, h.extensions) = (false, vec![]), "peer_no_common_version", Alert::PROTOCOL_VERSION),
    ("versions of odd length", |h| { h.offers_tls13 = false; set(h, X::SUPPORTED_VERSIONS, vec![3, 3, 4, 3]); }, "peer_decode", Alert::DECODE_ERROR),
    ("unknown suites", |h| h.cipher_suites = vec![0x1399], "peer_no_common_suite", Alert::HANDSHAKE_FAILURE),
    ("no suites", |h| h.cipher_suites.clear(), "peer_decode", Alert::DECODE_ERROR),
    ("unknown groups", |h| { set(h, X::SUPPORTED_GROUPS, vec![0, 2, 9, 9]); set(h, X::KEY_SHARE, vec![0, 0]); }, "peer_no_common_group", Alert::HANDSHAKE_FAILURE),
    ("unknown schemes", |h| set(h, X::SIGNATURE_ALGORITHMS, vec![0, 2, 9, 9]), "peer_no_common_scheme", Alert::HANDSHAKE_FAILURE),
    ("no schemes", |h| set(h, X::SIGNATURE_ALGORITHMS, vec![0, 0]), "peer_decode", Alert::DECODE_ERROR),
    ("schemes missing", |h| remove(h, X::SIGNATURE_ALGORITHMS), "peer_missing_extension", Alert::MISSING_EXTENSION),
    ("groups missing", |h| remove(h, X::SUPPORTED_GROUPS), "peer_missing_extension", Alert::MISSING_EXTENSION),
    ("shares missing", |h| remove(h, X::KEY_SHARE), "peer_missing_extension", Alert::MISSING_EXTENSION),
    ("an extension twice", |h| h.extensions.push(h.extensions[0].clone()), "peer_illegal_parameter", Alert::ILLEGAL_PARAMETER),
    ("an extension of another message", |h| set(h, X::OID_FILTERS, vec![0, 0]), "peer_illegal_parameter", Alert::ILLEGAL_PARAMETER),
    ("a share for no group", |h| set(h, X::SUPPORTED_GROUPS, vec![0, 2, 0, 23]), "peer_illegal_parameter", Alert::ILLEGAL_PARAMETER),
    ("a share twice", |h| set(h, X::KEY_SHARE, vec![0, 10, 0, 29, 0, 1, 7, 0, 29, 0, 1, 7]), "peer_illegal_parameter", Alert::ILLEGAL_PARAMETER),
    ("an empty share", |h| set(h, X::KEY_SHARE, vec![0, 4, 0, 29, 0, 0]), "peer_decode", Alert::DECODE_ERROR),
    ("a share that is too short", |h| set(h, X::KEY_SHARE, vec![0, 5, 0, 29, 0, 1, 7]), "peer_illegal_parameter", Alert::ILLEGAL_PARAMETER),
    ("a share of low order", |h| h.extensions[2].1[6..].fill(0), "peer_illegal_parameter", Alert::ILLEGAL_PARAMETER),
    ("a share with a tail", |h| h.extensions[2].1.push(0), "peer_decode", Alert::DECODE_ERROR),
    ("a pre-shared key before the end", |h| h.extensions.insert(0, (X::PRE_SHARED_KEY.0, vec![])), "peer_illegal_parameter", Alert::ILLEGAL_PARAMETER),
    ("a pre-shared key without modes", |h| set(h, X::PRE_SHARED_KEY, vec![]), "peer_missing_extension", Alert::MISSING_EXTENSION),
    ("more binders than identities", |h| psks(h, &[7], 2), "peer_illegal_parameter", Alert::ILLEGAL_PARAMETER),
    ("more identities than binders", |h| psks(h, &[7, 8], 1), "peer_illegal_parameter", Alert::ILLEGAL_PARAMETER),
    ("no identities", |h| psks(h, &[], 0), "peer_decode", Alert::DECODE_ERROR),
    ("a short binder", |h| { psks(h, &[7], 0); set(h, X::PRE_SHARED_KEY, vec![0, 7, 0, 1, 7, 0, 0, 0, 0, 0, 3, 2, 1, 1]); }, "peer_decode", Alert::DECODE_ERROR),
    ("an empty identity", |h| { psks(h, &[7], 0); set(h, X::PRE_SHARED_KEY, vec![0, 6, 0, 0, 0, 0, 0, 0, 0, 0]); }, "peer_decode", Alert::DECODE_ERROR),
    ("no modes", |h| { psks(h, &[7], 1); set(h, X::PSK_KEY_EXCHANGE_MODES, vec![0]); }, "peer_decode", Alert::DECODE_ERROR),
    ("another protocol", |h| { set(h, X::APPLICATION_LAYER_PROTOCOL_NEGOTIATION, vec![0, 3, 2, b'h', b'2']); }, "peer_no_common_protocol", Alert::NO_APPLICATION_PROTOCOL),
    ("an empty protocol", |h| set(h, X::APPLICATION_LAYER_PROTOCOL_NEGOTIATION, vec![0, 1, 0]), "peer_decode", Alert::DECODE_ERROR),
    ("no protocols", |h| set(h, X::APPLICATION_LAYER_PROTOCOL_NEGOTIATION, vec![0, 0]), "peer_decode", Alert::DECODE_ERROR),
    ("a server name of another type", |h| set(h, X::SERVER_NAME, vec![0, 4, 1, 0, 1, b'a']), "peer_illegal_parameter", Alert::ILLEGAL_PARAMETER),
    ("two server names", |h| set(h, X::SERVER_NAME, vec![0, 8, 0, 0, 1, b'a', 0, 0, 1, b'b']), "peer_illegal_parameter", Alert::ILLEGAL_PARAMETER),
    ("an empty server name", |h| set(h, X::SERVER_NAME, vec![0, 3, 0, 0, 0]), "peer_illegal_parameter", Alert::ILLEGAL_PARAMETER),
    ("a server name that moves the cursor", |h| set(h, X::SERVER_NAME, vec![0, 5, 0, 0, 2, b'a', 0x1b]), "peer_illegal_parameter", Alert::ILLEGAL_PARAMETER),
    ("a server name with a zero", |h| set(h, X::SERVER_NAME, vec![0, 5, 0, 0, 2, b'a', 0]), "peer_illegal_parameter", Alert::ILLEGAL_PARAMETER),
];

#[test]
fn the_server_refuses_each_broken_hello_with_its_alert() {
    assert_eq!(server_hears(&hello().message().unwrap()).0, Ok(()));
    for (what, break_it, name, alert) in BROKEN_HELLOS {
        let mut broken = hello();
        break_it(&mut broken);
        let (heard, sent) = server_hears(&broken.message().unwrap());
        let error = heard.expect_err(what);
        assert_eq!(
            (error.name(), error.alert()),
            (*name, Some(*alert)),
            "{what}: {error}"
        );
        assert_eq!(sent, [21, 3, 3, 0, 2, 2, alert.0], "{what}");
    }
}

#[test]
fn the_server_refuses_broken_framing() {
    let message = hello().message().unwrap();
    let edited = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut message = message.clone();
        edit(&mut message);
        server_hears(&message).0.map_err(|error| error.name())
    };
    // The length of the message counts one octet more: the record ends inside it.
    assert_eq!(edited(&|m| m[3] += 1), Ok(()));
    assert_eq!(
        edited(&|m| {
            m[3] += 1;
            m.push(0);
        }),
        Err("peer_decode")
    );
    assert_eq!(edited(&|m| m[3] -= 1), Err("peer_decode"));
    let compression = 4 + 2 + 32 + 33 + 4;
    assert_eq!(message[compression..compression + 2], [1, 0]);
    assert_eq!(
        edited(&|m| m[compression + 1] = 1),
        Err("peer_illegal_parameter")
    );
    // Something behind the ClientHello would straddle the change to handshake keys.
    assert_eq!(edited(&|m| m.push(20)), Err("peer_misaligned_message"));
    assert_eq!(edited(&|m| m[1] = 1), Err("peer_too_many"));
}

/// What a client says of its server's messages, `broken` by the caller, fed as far as `fed`; ALPN is
/// offered, and the server chooses.
fn client_hears(
    retried: bool,
    fed: usize,
    break_it: impl Fn(&mut Vec<u8>),
) -> (Result<(), Error>, Connection) {
    let (mut server, roots) = server_config();
    server.alpn = vec![b"b".to_vec()];
    if retried {
        server.groups = vec![NamedGroup::SECP256R1];
    }
    let sent = Arc::new(Messages::default());
    server.watch = Some(sent.clone());
    let mut client = client_config(roots);
    client.alpn = vec![b"a".to_vec(), b"b".to_vec()];
    client.ask_for_ocsp = false;
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    let mut out = Vec::new();
    for message in &sent.sent()[..fed] {
        inject(&mut duo.client, message, &mut out).unwrap();
    }
    let mut message = sent.sent()[fed].clone();
    break_it(&mut message);
    (inject(&mut duo.client, &message, &mut out), duo.client)
}

/// What is wrong with a server's message: whether after a retry, which message, how, and the error.
type BrokenAnswer = (&'static str, bool, usize, Break<Vec<u8>>, &'static str);

/// Places in a ServerHello: suite 71, compression 73, extensions' length 74, the version that
/// supported_versions chose 80, key_share's group 86. In a retry the group is at 86 too.
#[rustfmt::skip]
const BROKEN_ANSWERS: &[BrokenAnswer] = &[
    ("another session id", false, 0, |m| m[40] ^= 1, "peer_illegal_parameter"),
    ("a suite not offered", false, 0, |m| m[72] = 9, "peer_illegal_parameter"),
    ("compression", false, 0, |m| m[73] = 1, "peer_illegal_parameter"),
    ("another version chosen", false, 0, |m| m[81] = 3, "peer_illegal_parameter"),
    ("a strange legacy_version", false, 0, |m| m[5] = 4, "peer_illegal_parameter"),
    ("no version chosen", false, 0, |m| m[77] = 99, "peer_illegal_parameter"),
    ("a share for another group", false, 0, |m| m[87] = 23, "peer_illegal_parameter"),
    ("a share of low order", false, 0, |m| m[90..122].fill(0), "peer_illegal_parameter"),
    ("no share", false, 0, |m| m[83] = 99, "peer_missing_extension"),
    ("more behind ServerHello", false, 0, |m| m.push(8), "peer_misaligned_message"),
    ("a retry for the same group", true, 0, |m| m[87] = 29, "peer_illegal_parameter"),
    ("a retry for a group not offered", true, 0, |m| m[87] = 25, "peer_illegal_parameter"),
    ("a retry that changes nothing", true, 0, |m| { m.truncate(82); m[3] -= 6; m[75] -= 6; }, "peer_illegal_parameter"),
    ("a protocol not offered", false, 1, |m| *m.last_mut().unwrap() = b'z', "peer_illegal_parameter"),
    ("an answer to nothing", false, 1, |m| m[7] = 41, "peer_illegal_parameter"),
    ("an unknown answer", false, 1, |m| m[6] = 0x7f, "peer_unsupported_extension"),
    ("early data accepted", false, 1, |m| *m = vec![8, 0, 0, 6, 0, 4, 0, 42, 0, 0], "peer_unsupported_extension"),
    ("a context", false, 2, |m| *m = vec![11, 0, 0, 5, 1, 7, 0, 0, 0], "peer_illegal_parameter"),
    ("no certificate", false, 2, |m| *m = vec![11, 0, 0, 4, 0, 0, 0, 0], "peer_no_certificate"),
    ("an empty certificate", false, 2, |m| *m = vec![11, 0, 0, 9, 0, 0, 0, 5, 0, 0, 0, 0, 0], "peer_decode"),
    ("a broken certificate", false, 2, |m| *m = vec![11, 0, 0, 10, 0, 0, 0, 6, 0, 0, 1, 5, 0, 0], "peer_certificate"),
    ("a staple that was not asked for", false, 2, |m| *m = vec![11, 0, 0, 14, 0, 0, 0, 10, 0, 0, 1, 5, 0, 4, 0, 5, 0, 0], "peer_unsupported_extension"),
    ("another signature", false, 3, |m| *m.last_mut().unwrap() ^= 1, "peer_bad_signature"),
    ("a scheme not offered", false, 3, |m| m[4] = 2, "peer_illegal_parameter"),
    ("a scheme for another key", false, 3, |m| (m[4], m[5]) = (8, 7), "peer_illegal_parameter"),
    ("a scheme for certificates only", false, 3, |m| (m[4], m[5]) = (4, 1), "peer_illegal_parameter"),
    ("another Finished", false, 4, |m| m[20] ^= 1, "peer_bad_finished"),
    ("a short Finished", false, 4, |m| { m.pop(); m[3] -= 1; }, "peer_bad_finished"),
    ("more behind Finished", false, 4, |m| m.push(4), "peer_misaligned_message"),
];

#[test]
fn the_client_refuses_each_broken_answer() {
    for fed in 0..4 {
        assert_eq!(client_hears(false, fed, |_| ()).0, Ok(()), "{fed}");
    }
    assert_eq!(client_hears(false, 4, |_| ()).0, Ok(()));
    for (what, retried, fed, break_it, name) in BROKEN_ANSWERS {
        let (heard, client) = client_hears(*retried, *fed, break_it);
        let error = heard.expect_err(what);
        assert_eq!(error.name(), *name, "{what}: {error}");
        assert!(
            !client.is_connected() && client.agreed().is_none(),
            "{what}"
        );
    }
}

#[test]
fn an_open_connection_refuses_what_does_not_belong_to_it() {
    let hears = |message: &[u8]| {
        let mut duo = Duo::connected();
        inject(&mut duo.client, message, &mut Vec::new()).map_err(|error| error.name())
    };
    assert_eq!(hears(&[24, 0, 0, 1, 0]), Ok(()));
    assert_eq!(hears(&[24, 0, 0, 1, 2]), Err("peer_illegal_parameter"));
    assert_eq!(hears(&[24, 0, 0, 2, 0, 0]), Err("peer_decode"));
    assert_eq!(hears(&[24, 0, 0, 1, 0, 24]), Err("peer_misaligned_message"));
    let ticket = [4, 0, 0, 14, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0];
    assert_eq!(hears(&ticket), Ok(()));
    assert_eq!(hears(&ticket.repeat(100)), Err("peer_too_many"));
    assert_eq!(
        hears(&[4, 0, 0, 13, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        Err("peer_decode"),
        "an empty ticket"
    );
}

#[test]
fn a_second_hello_may_change_only_what_the_retry_asked_for() {
    let answer = |change: &dyn Fn(&mut Hello)| {
        let mut first = hello();
        set(&mut first, X::SUPPORTED_GROUPS, vec![0, 4, 0, 23, 0, 29]);
        set(&mut first, X::KEY_SHARE, vec![0, 0]);
        let (mut server, roots) = server_config();
        server.groups = vec![NamedGroup::X25519];
        let mut duo = Duo::new(client_config(roots), server);
        let mut out = Vec::new();
        inject(&mut duo.server, &first.message().unwrap(), &mut out).unwrap();
        let share = hello().extensions[2].1.clone();
        set(&mut first, X::KEY_SHARE, share);
        change(&mut first);
        inject(&mut duo.server, &first.message().unwrap(), &mut out).map_err(|error| error.name())
    };
    assert_eq!(answer(&|_| ()), Ok(()));
    let illegal = Err("peer_illegal_parameter");
    assert_eq!(answer(&|h| h.random[0] ^= 1), illegal);
    assert_eq!(answer(&|h| set(h, X::EARLY_DATA, vec![])), illegal);
    assert_eq!(answer(&|h| set(h, X::PADDING, vec![0; 9])), Ok(()));
    assert_eq!(answer(&|h| h.extensions.reverse()), Ok(()), "another order");
    let name = vec![0, 4, 0, 0, 1, b'b'];
    assert_eq!(answer(&|h| set(h, X::SERVER_NAME, name.clone())), illegal);
    let protocol = vec![0, 3, 2, b'h', b'2'];
    let kind = X::APPLICATION_LAYER_PROTOCOL_NEGOTIATION;
    assert_eq!(answer(&|h| set(h, kind, protocol.clone())), illegal);
    assert_eq!(answer(&|h| h.session_id.clear()), illegal);
    assert_eq!(answer(&|h| h.cipher_suites.push(0x1302)), illegal);
    let schemes = [0, 4, 4, 3, 8, 7];
    let kind = X::SIGNATURE_ALGORITHMS;
    assert_eq!(answer(&|h| set(h, kind, schemes.to_vec())), illegal);
    assert_eq!(answer(&|h| h.cipher_suites = vec![0x1302]), illegal);
    assert_eq!(answer(&|h| set(h, X::KEY_SHARE, vec![0, 0])), illegal);
    assert_eq!(
        answer(&|h| set(h, X::KEY_SHARE, vec![0, 5, 0, 23, 0, 1, 4])),
        illegal
    );
}

#[test]
fn records_out_of_place_are_refused() {
    let heard = |records: &[u8], connected: bool| {
        let (server, roots) = server_config();
        let mut duo = Duo::new(client_config(roots), server);
        if connected {
            duo.connect().unwrap();
        } else {
            duo.deliver_to_server().unwrap();
        }
        duo.to_server = records.to_vec();
        duo.deliver_to_server().map_err(|error| error.name())
    };
    assert_eq!(heard(&CCS, false), Ok(()));
    assert_eq!(heard(&CCS.repeat(8), false), Ok(()));
    assert_eq!(heard(&CCS.repeat(9), false), Err("peer_too_many"));
    assert_eq!(heard(&CCS, true), Err("peer_unexpected_record"));
    assert_eq!(
        heard(&[20, 3, 3, 0, 1, 2], false),
        Err("peer_unexpected_record")
    );
    assert_eq!(
        heard(&[22, 3, 3, 0, 0], true),
        Err("peer_unexpected_record")
    );
    assert_eq!(heard(&[21, 3, 3, 0, 1, 0], false), Err("peer_decode"));
    assert_eq!(heard(&[21, 3, 3, 0, 2, 2, 40], false), Err("peer_alert"));
    assert_eq!(heard(&[21, 3, 3, 0, 2, 1, 90].repeat(4), false), Ok(()));
    assert_eq!(
        heard(&[21, 3, 3, 0, 2, 1, 90].repeat(5), false),
        Err("peer_too_many")
    );
    assert_eq!(
        heard(&[23, 3, 3, 0x41, 1], true),
        Err("peer_record_overflow")
    );
}

#[test]
fn a_record_without_content_before_the_hello_is_refused() {
    for (records, name) in [
        (&[22, 3, 3, 0, 0][..], "peer_decode"),
        (&[20, 3, 3, 0, 1, 1], "peer_unexpected_record"),
        (&[23, 3, 3, 0, 1, 1], "peer_unexpected_record"),
    ] {
        let (server, roots) = server_config();
        let mut duo = Duo::new(client_config(roots), server);
        duo.to_server = records.to_vec();
        assert_eq!(duo.deliver_to_server().unwrap_err().name(), name);
    }
}

#[test]
fn an_alert_in_the_clear_ends_nothing_once_the_peer_has_protected_a_record() {
    // Anybody on the path can write these octets: they must not pass for the peer's end of data.
    for clear in [
        [21, 3, 3, 0, 2, 1, 0],
        [21, 3, 3, 0, 2, 1, 90],
        [21, 3, 3, 0, 2, 2, 40],
    ] {
        let mut duo = Duo::connected();
        duo.to_client = clear.to_vec();
        let heard = duo.deliver_to_client().map_err(|error| error.name());
        assert_eq!(heard, Err("peer_unexpected_record"), "client, {clear:?}");
        let mut duo = Duo::connected();
        duo.to_server = clear.to_vec();
        let heard = duo.deliver_to_server().map_err(|error| error.name());
        assert_eq!(heard, Err("peer_unexpected_record"), "server, {clear:?}");
    }
}

#[test]
fn nothing_stands_between_the_parts_of_a_message() {
    let (server, roots) = server_config();
    let mut duo = Duo::new(client_config(roots), server);
    duo.deliver_to_server().unwrap();
    let length = 5 + usize::from(u16::from_be_bytes([duo.to_client[3], duo.to_client[4]]));
    let hello = duo.to_client[5..length].to_vec();
    let mut cut = vec![22, 3, 3, 0, 40];
    cut.extend(&hello[..40]);
    cut.extend(CCS);
    cut.extend([22, 3, 3, 0, (hello.len() - 40) as u8]);
    cut.extend(&hello[40..]);
    duo.to_client = cut;
    let between = Error::PeerUnexpectedRecord(ContentType::CHANGE_CIPHER_SPEC);
    assert_eq!(duo.deliver_to_client(), Err(between));
}

#[test]
fn a_hello_of_ssl_3_is_refused_whatever_it_offers() {
    let mut message = hello().message().unwrap();
    message[5] = 0;
    let heard = server_hears(&message).0;
    assert_eq!(heard, Err(Error::PeerNoCommonVersion));
    let (heard, _) = client_hears(false, 0, |m| m[5] = 0);
    assert_eq!(heard, Err(Error::PeerNoCommonVersion));
}

#[test]
fn a_hello_full_of_key_shares_is_refused_before_they_are_compared() {
    let mut many = hello();
    let groups: Vec<u8> = (0..16_000u16)
        .flat_map(|g| (g + 100).to_be_bytes())
        .collect();
    let mut listed = (groups.len() as u16).to_be_bytes().to_vec();
    listed.extend(&groups);
    set(&mut many, X::SUPPORTED_GROUPS, listed);
    let shares: Vec<u8> = (0..6_400u16)
        .flat_map(|g| {
            let [h, l] = (g + 100 + 9_600).to_be_bytes();
            [h, l, 0, 1, 7]
        })
        .collect();
    let mut listed = (shares.len() as u16).to_be_bytes().to_vec();
    listed.extend(&shares);
    set(&mut many, X::KEY_SHARE, listed);
    let (server, roots) = server_config();
    let mut duo = Duo::new(client_config(roots), server);
    let heard = inject(&mut duo.server, &many.message().unwrap(), &mut Vec::new());
    assert_eq!(heard.map_err(|error| error.name()), Err("peer_too_many"));
}

#[test]
fn a_hello_full_of_schemes_is_refused_before_each_identity_looks_for_its_own() {
    let heard = |count: usize| {
        let mut many = hello();
        let mut listed = (2 * count as u16).to_be_bytes().to_vec();
        listed.extend([4, 3].repeat(count));
        set(&mut many, X::SIGNATURE_ALGORITHMS, listed);
        let (server, roots) = server_config();
        let mut duo = Duo::new(client_config(roots), server);
        inject(&mut duo.server, &many.message().unwrap(), &mut Vec::new())
    };
    assert_eq!(heard(MAX_SIGNATURE_SCHEMES), Ok(()));
    let refused = Err(Error::PeerTooMany("signature schemes"));
    assert_eq!(heard(MAX_SIGNATURE_SCHEMES + 1), refused);
}

#[test]
fn a_cookie_that_no_hello_can_hold_is_the_servers_doing() {
    let (heard, _) = client_hears(true, 0, |m| {
        let cookie = vec![7; 65_300];
        let mut extension = X::COOKIE.0.to_be_bytes().to_vec();
        extension.extend((cookie.len() as u16 + 2).to_be_bytes());
        extension.extend((cookie.len() as u16).to_be_bytes());
        extension.extend(cookie);
        m.extend(extension);
        let length = (m.len() - 4) as u32;
        m[1..4].copy_from_slice(&length.to_be_bytes()[1..]);
        let extensions = (m.len() - 76) as u16;
        m[74..76].copy_from_slice(&extensions.to_be_bytes());
    });
    assert_eq!(heard.unwrap_err().name(), "peer_too_many");
}
