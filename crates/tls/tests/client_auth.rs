//! Who the sides are: client certificates, several identities, and what is stapled to them.

mod duo;

use duo::{Authority, Duo, Messages, client_config};
use netkit_tls::{
    AlertDescription, ClientAuth, ClientConfig, DangerousAcceptAny, Error, Identity, ServerConfig,
    SignatureScheme, generators::inject,
};
use std::sync::Arc;

const P256: &rcgen::SignatureAlgorithm = &rcgen::PKCS_ECDSA_P256_SHA256;

fn identity(
    authority: &Authority,
    name: &str,
    key: &'static rcgen::SignatureAlgorithm,
) -> Arc<Identity> {
    Arc::new(authority.identity(name, key))
}

/// A server and a client with the client's identities.
fn pair(
    authority: &Authority,
    auth: Option<ClientAuth>,
    identities: Vec<Arc<Identity>>,
) -> (ClientConfig, ServerConfig) {
    let mut server = authority.server("localhost");
    server.client_auth = auth;
    let mut client = client_config(authority.roots());
    client.identities = identities;
    (client, server)
}

#[test]
fn a_required_certificate_is_given_and_known_to_the_server() {
    let authority = Authority::new();
    let auth = ClientAuth::required(authority.roots());
    for key in [P256, &rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P384_SHA384] {
        let ours = identity(&authority, "me", key);
        let (client, server) = pair(&authority, Some(auth.clone()), vec![ours.clone()]);
        let mut duo = Duo::new(client, server);
        duo.connect().unwrap();
        assert_eq!(duo.server.peer_chain(), ours.chain());
        assert_eq!(duo.say_to_server(b"question").unwrap(), b"question");
        assert_eq!(duo.say_to_client(b"answer").unwrap(), b"answer");
    }
}

#[test]
fn without_one_a_client_is_served_or_refused_as_the_server_wants() {
    let authority = Authority::new();
    let roots = authority.roots();
    let (client, server) = pair(
        &authority,
        Some(ClientAuth::requested(roots.clone())),
        vec![],
    );
    let mut duo = Duo::new(client, server);
    duo.connect().unwrap();
    assert!(duo.server.peer_chain().is_empty());

    let (client, server) = pair(&authority, Some(ClientAuth::required(roots)), vec![]);
    let mut duo = Duo::new(client, server);
    let missing = Error::PeerNoClientCertificate(netkit_tls::ProtocolVersion::TLS1_3);
    assert_eq!(duo.settle(), Err(missing));
    let told = Error::PeerAlert(AlertDescription::CERTIFICATE_REQUIRED);
    assert_eq!(duo.settle(), Err(told));
}

#[test]
fn nobody_who_is_not_asked_shows_a_certificate() {
    let authority = Authority::new();
    let (client, server) = pair(&authority, None, vec![identity(&authority, "me", P256)]);
    let mut duo = Duo::new(client, server);
    duo.connect().unwrap();
    assert!(duo.server.peer_chain().is_empty());
}

#[test]
fn a_stranger_s_certificate_is_refused() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mut auth = ClientAuth::required(authority.roots());
    // Not told which authorities count, the client shows what it has.
    auth.authorities.clear();
    let (client, server) = pair(
        &authority,
        Some(auth),
        vec![identity(&stranger, "me", P256)],
    );
    let mut duo = Duo::new(client, server);
    let refused = Error::PeerCertificate(netkit_x509::Error::UnknownIssuer);
    assert_eq!(duo.settle(), Err(refused));
    assert_eq!(
        duo.server.peer_chain().len(),
        1,
        "and kept, for the owner to see"
    );
    let told = Error::PeerAlert(AlertDescription::UNKNOWN_CA);
    assert_eq!(duo.settle(), Err(told));
}

#[test]
fn the_identity_is_chosen_by_authority_and_scheme() {
    let (authority, other) = (Authority::new(), Authority::new());
    let ours = [
        identity(&other, "other's", P256),
        identity(&authority, "ed25519", &rcgen::PKCS_ED25519),
        identity(&authority, "p256", P256),
    ];
    let shown = |change: fn(&mut ClientAuth)| {
        let mut auth = ClientAuth::requested(authority.roots());
        auth.verifier = Some(Arc::new(DangerousAcceptAny));
        change(&mut auth);
        let (client, server) = pair(&authority, Some(auth), ours.to_vec());
        let mut duo = Duo::new(client, server);
        duo.connect().unwrap();
        ours.iter()
            .position(|identity| identity.chain() == duo.server.peer_chain())
    };
    assert_eq!(shown(|_| ()), Some(1), "the first of the authority");
    assert_eq!(
        shown(|auth| auth.authorities.clear()),
        Some(0),
        "any authority"
    );
    let p256 = |auth: &mut ClientAuth| {
        auth.signature_schemes = vec![SignatureScheme::ECDSA_SECP256R1_SHA256];
    };
    assert_eq!(shown(p256), Some(2));
    let p384 = |auth: &mut ClientAuth| {
        auth.signature_schemes = vec![SignatureScheme::ECDSA_SECP384R1_SHA384];
    };
    assert_eq!(shown(p384), None, "none suits, so none is shown");
}

#[test]
fn a_server_shows_the_certificate_that_has_the_name_and_suits_the_client() {
    let authority = Authority::new();
    let ours = [
        identity(&authority, "elsewhere", P256),
        identity(&authority, "localhost", &rcgen::PKCS_ED25519),
        identity(&authority, "localhost", P256),
    ];
    let shown = |schemes: &[SignatureScheme], identities: &[Arc<Identity>]| {
        let (mut client, mut server) = pair(&authority, None, vec![]);
        client.signature_schemes = schemes.to_vec();
        client.verifier = Some(Arc::new(DangerousAcceptAny));
        server.identities = identities.to_vec();
        let mut duo = Duo::new(client, server);
        duo.connect().map(|()| {
            ours.iter()
                .position(|identity| identity.chain() == duo.client.peer_chain())
        })
    };
    let (p256, ed25519) = (
        SignatureScheme::ECDSA_SECP256R1_SHA256,
        SignatureScheme::ED25519,
    );
    assert_eq!(shown(&[p256, ed25519], &ours), Ok(Some(1)));
    assert_eq!(shown(&[p256], &ours), Ok(Some(2)));
    assert_eq!(
        shown(&[p256], &ours[..2]),
        Ok(Some(0)),
        "a wrong name may still do"
    );
    let p384 = [SignatureScheme::ECDSA_SECP384R1_SHA384];
    assert_eq!(shown(&p384, &ours), Err(Error::PeerNoCommonScheme));
}

#[test]
fn staples_come_to_those_who_ask() {
    let authority = Authority::new();
    let stapled = || {
        let identity = authority.identity("localhost", P256);
        let identity = identity.with_ocsp_response(b"fresh".to_vec());
        Arc::new(identity.with_sct_list(vec![0, 3, 0, 1, 7]))
    };
    for (ocsp, scts) in [(true, true), (true, false), (false, true), (false, false)] {
        let (mut client, mut server) = pair(&authority, None, vec![]);
        (client.ask_for_ocsp, client.ask_for_scts) = (ocsp, scts);
        server.identities = vec![stapled()];
        let mut duo = Duo::new(client, server);
        duo.connect().unwrap();
        let expected = |asked: bool, staple: &'static [u8]| asked.then_some(staple);
        assert_eq!(duo.client.ocsp_response(), expected(ocsp, b"fresh"));
        assert_eq!(duo.client.sct_list(), expected(scts, &[0, 3, 0, 1, 7]));
    }
}

#[test]
fn a_client_does_not_staple() {
    let authority = Authority::new();
    let auth = ClientAuth::required(authority.roots());
    let ours = authority.identity("me", P256);
    let ours = Arc::new(ours.with_ocsp_response(b"fresh".to_vec()));
    let (client, server) = pair(&authority, Some(auth), vec![ours]);
    let mut duo = Duo::new(client, server);
    duo.connect().unwrap();
    assert_eq!(duo.server.ocsp_response(), None);
}

/// What a server says of its client's messages, the one at `index` broken.
fn server_hears(index: usize, break_it: impl Fn(&mut Vec<u8>)) -> Result<(), &'static str> {
    let authority = Authority::new();
    let auth = ClientAuth::required(authority.roots());
    let (mut client, server) = pair(
        &authority,
        Some(auth),
        vec![identity(&authority, "me", P256)],
    );
    let sent = Arc::new(Messages::default());
    client.watch = Some(sent.clone());
    let mut duo = Duo::new(client, server);
    duo.deliver_to_server().unwrap();
    duo.deliver_to_client().unwrap();
    let (mut messages, out) = (sent.sent(), &mut Vec::new());
    break_it(&mut messages[index]);
    messages[1..]
        .iter()
        .try_for_each(|message| inject(&mut duo.server, message, out))
        .map_err(|error| error.name())
}

#[test]
fn the_server_refuses_each_broken_proof() {
    const CERTIFICATE: usize = 1;
    const VERIFY: usize = 2;
    const FINISHED: usize = 3;
    assert_eq!(server_hears(CERTIFICATE, |_| ()), Ok(()));
    let context = |m: &mut Vec<u8>| {
        (m[3], m[4]) = (m[3] + 1, 1);
        m.insert(5, 7);
    };
    // The length may carry into its next octet; either way it is refused.
    assert!(server_hears(CERTIFICATE, context).is_err());
    let altered = |m: &mut Vec<u8>| *m.last_mut().unwrap() ^= 1;
    assert!(server_hears(CERTIFICATE, |m| m[20] ^= 0x80).is_err());
    assert_eq!(server_hears(VERIFY, altered), Err("peer_bad_signature"));
    assert_eq!(
        server_hears(VERIFY, |m| m[5] = 1),
        Err("peer_illegal_parameter"),
        "the scheme"
    );
    assert_eq!(server_hears(FINISHED, altered), Err("peer_bad_finished"));
    let empty = |m: &mut Vec<u8>| *m = vec![11, 0, 0, 4, 0, 0, 0, 0];
    assert_eq!(
        server_hears(CERTIFICATE, empty),
        Err("peer_no_client_certificate")
    );
}
