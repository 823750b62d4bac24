//! The opening handshake: what is agreed on, and every refusal.

use netkit_http::{Status, Version};
use netkit_ws::{
    Answer, Deflate, Error,
    handshake::{Agreed, Config, Offer, Opening, OwnedFields, refusal_fields},
};
use proptest::prelude::*;
use rand_core::{Infallible, TryCryptoRng, TryRng};

/// The octets of RFC 6455 1.3's key: "the sample nonce".
struct Sample;

impl TryRng for Sample {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        octets.copy_from_slice(b"the sample nonce");
        Ok(())
    }
}
impl TryCryptoRng for Sample {}

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const REQUEST: [(&str, &str); 4] = [
    ("Upgrade", "WebSocket"),
    ("Connection", "keep-alive, Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
];

const RESPONSE: [(&str, &str); 3] = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Accept", ACCEPT),
];

fn octets<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a [u8])> {
    let lend = |(name, value): &(&'a str, &'a str)| (*name, value.as_bytes());
    fields.iter().map(lend).collect()
}

fn read(fields: &[(&str, &str)]) -> Result<Offer, Error> {
    Offer::read("GET", Version::Http11, octets(fields).into_iter())
}

/// The fields with this one changed, or left out.
fn with<'a>(
    fields: &[(&'a str, &'a str)],
    name: &'a str,
    value: Option<&'a str>,
) -> Vec<(&'a str, &'a str)> {
    let mut fields = fields.to_vec();
    fields.retain(|(found, _)| *found != name);
    fields.extend(value.map(|value| (name, value)));
    fields
}

fn config(protocols: &[&str], deflate: Option<Deflate>) -> Config {
    Config {
        protocols: protocols
            .iter()
            .map(|&protocol| protocol.to_owned())
            .collect(),
        deflate,
    }
}

fn field<'a>(fields: &'a OwnedFields, name: &str) -> Option<&'a str> {
    let found = fields.iter().find(|(found, _)| *found == name);
    found.map(|(_, value)| value.as_str())
}

#[test]
fn the_key_of_the_rfc_has_the_answer_of_the_rfc() {
    let opening = Opening::new(Config::default(), &mut Sample).unwrap();
    assert_eq!(field(&opening.fields(), "Sec-WebSocket-Key"), Some(KEY));
    let (agreed, fields) = read(&REQUEST).unwrap().accept(&Config::default());
    assert_eq!(agreed, Agreed::default());
    assert_eq!(field(&fields, "Sec-WebSocket-Accept"), Some(ACCEPT));
    let status = Status::SWITCHING_PROTOCOLS;
    let checked = opening.check(status, octets(&RESPONSE).into_iter());
    assert_eq!(checked, Ok(Agreed::default()));
}

#[test]
fn every_request_that_is_no_handshake_has_its_status() {
    let fields = || octets(&REQUEST).into_iter();
    for (error, status, refused) in [
        (
            Error::PeerMethod,
            405,
            Offer::read("POST", Version::Http11, fields()).err(),
        ),
        (
            Error::PeerHttpVersion,
            505,
            Offer::read("GET", Version::Http10, fields()).err(),
        ),
        (
            Error::PeerNoUpgrade,
            426,
            read(&with(&REQUEST, "Upgrade", None)).err(),
        ),
        (
            Error::PeerNoUpgrade,
            426,
            read(&with(&REQUEST, "Upgrade", Some("h2c"))).err(),
        ),
        (
            Error::PeerNoUpgrade,
            426,
            read(&with(&REQUEST, "Connection", Some("keep-alive"))).err(),
        ),
        (
            Error::PeerVersion,
            426,
            read(&with(&REQUEST, "Sec-WebSocket-Version", Some("8"))).err(),
        ),
        (
            Error::PeerVersion,
            426,
            read(&with(&REQUEST, "Sec-WebSocket-Version", None)).err(),
        ),
        (
            Error::PeerKey,
            400,
            read(&with(&REQUEST, "Sec-WebSocket-Key", None)).err(),
        ),
        (
            Error::PeerKey,
            400,
            read(&with(&REQUEST, "Sec-WebSocket-Key", Some("AAAA"))).err(),
        ),
        (
            Error::PeerKey,
            400,
            read(&with(&REQUEST, "Sec-WebSocket-Key", Some("x"))).err(),
        ),
        (
            Error::PeerProtocols,
            400,
            read(&with(&REQUEST, "Sec-WebSocket-Protocol", Some("a b"))).err(),
        ),
        (
            Error::PeerProtocols,
            400,
            read(&with(&REQUEST, "Sec-WebSocket-Protocol", Some("a, a"))).err(),
        ),
        (
            Error::PeerExtensions,
            400,
            read(&with(&REQUEST, "Sec-WebSocket-Extensions", Some("a;"))).err(),
        ),
    ] {
        assert_eq!(refused, Some(error));
        assert_eq!(error.answer(), Answer::Status(Status(status)));
        let version = field(&refusal_fields(error), "Sec-WebSocket-Version").map(str::to_owned);
        assert_eq!(version.is_some(), status == 426, "{error:?}");
    }
    let twice = [&REQUEST[..], &[("sec-websocket-key", KEY)]].concat();
    assert_eq!(read(&twice), Err(Error::PeerKey));
    assert_eq!(
        field(&refusal_fields(Error::PeerMethod), "Allow"),
        Some("GET")
    );
}

#[test]
fn every_response_that_is_not_the_handshakes_is_refused() {
    let opening = Opening::new(config(&["chat", "mail"], None), &mut Sample).unwrap();
    let check = |fields: &[(&str, &str)]| {
        opening
            .check(Status::SWITCHING_PROTOCOLS, octets(fields).into_iter())
            .err()
    };
    let changed = |name, value| check(&with(&RESPONSE, name, value));
    assert_eq!(check(&RESPONSE), None);
    let ok = opening.check(Status::OK, octets(&RESPONSE).into_iter());
    assert_eq!(ok, Err(Error::PeerStatus));
    assert_eq!(changed("Upgrade", Some("h2c")), Some(Error::PeerUpgrade));
    assert_eq!(changed("Connection", None), Some(Error::PeerUpgrade));
    assert_eq!(
        changed("Sec-WebSocket-Accept", None),
        Some(Error::PeerAccept)
    );
    assert_eq!(
        changed("Sec-WebSocket-Accept", Some(KEY)),
        Some(Error::PeerAccept)
    );
    assert_eq!(changed("Sec-WebSocket-Protocol", Some("mail")), None);
    assert_eq!(
        changed("Sec-WebSocket-Protocol", Some("Mail")),
        Some(Error::PeerProtocol)
    );
    assert_eq!(
        changed("Sec-WebSocket-Protocol", Some("chat, mail")),
        Some(Error::PeerProtocol)
    );
    let extension = "permessage-deflate";
    assert_eq!(
        changed("Sec-WebSocket-Extensions", Some(extension)),
        Some(Error::PeerExtension)
    );
}

#[test]
fn the_server_takes_the_first_subprotocol_of_its_own_that_is_offered() {
    let offer = read(&with(&REQUEST, "Sec-WebSocket-Protocol", Some("a, b, c"))).unwrap();
    assert_eq!(offer.protocols(), ["a", "b", "c"]);
    let (agreed, fields) = offer.accept(&config(&["x", "c", "a"], None));
    assert_eq!(agreed.protocol.as_deref(), Some("c"));
    assert_eq!(field(&fields, "Sec-WebSocket-Protocol"), Some("c"));
    assert_eq!(offer.accept(&config(&["x"], None)).0.protocol, None);
    let misuse = Opening::new(config(&["a", "a"], None), &mut Sample).err();
    assert_eq!(misuse, Some(Error::MisuseProtocol));
}

#[test]
fn an_origin_is_shown_to_be_judged() {
    let offer = read(&with(&REQUEST, "Origin", Some("https://a.example"))).unwrap();
    assert_eq!(offer.origin(), Some("https://a.example"));
    assert_eq!(
        Error::PeerOrigin.answer(),
        Answer::Status(Status::FORBIDDEN)
    );
    assert_eq!(read(&REQUEST).unwrap().origin(), None);
}

/// What a server that wants `deflate` says to these offers.
fn answer(offers: &str, deflate: Deflate) -> Option<String> {
    let offer = read(&with(&REQUEST, "Sec-WebSocket-Extensions", Some(offers))).unwrap();
    let (_, fields) = offer.accept(&config(&[], Some(deflate)));
    field(&fields, "Sec-WebSocket-Extensions").map(str::to_owned)
}

#[test]
fn the_first_offer_of_compression_that_can_be_met_is_met() {
    let full = Deflate::default();
    let small = Deflate {
        server_max_window_bits: 10,
        client_max_window_bits: 11,
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        ..full
    };
    let name = "permessage-deflate";
    let met = |offers: &str, deflate, params: &str| {
        assert_eq!(
            answer(offers, deflate),
            Some(format!("{name}{params}")),
            "{offers}"
        );
    };
    met(name, full, "");
    met("permessage-deflate; client_max_window_bits", full, "");
    met(
        "permessage-deflate; client_max_window_bits=10",
        full,
        "; client_max_window_bits=10",
    );
    met(
        "permessage-deflate; client_max_window_bits=8",
        full,
        "; client_max_window_bits=8",
    );
    met(
        "permessage-deflate; server_max_window_bits=12",
        full,
        "; server_max_window_bits=12",
    );
    met(
        "permessage-deflate; server_max_window_bits=15",
        full,
        "; server_max_window_bits=15",
    );
    met(
        "permessage-deflate; server_no_context_takeover",
        full,
        "; server_no_context_takeover",
    );
    met(
        "permessage-deflate; client_no_context_takeover",
        full,
        "; client_no_context_takeover",
    );
    let forgets = "; server_no_context_takeover; client_no_context_takeover";
    met(
        name,
        small,
        &format!("{forgets}; server_max_window_bits=10"),
    );
    met(
        "permessage-deflate; client_max_window_bits; server_max_window_bits=9",
        small,
        &format!("{forgets}; server_max_window_bits=9; client_max_window_bits=11"),
    );
    // A window that zlib has not, what is malformed, then one that can be met.
    let several = "x-other, permessage-deflate; server_max_window_bits=8, permessage-deflate; a, permessage-deflate";
    met(several, full, "");
    for unmet in [
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; server_max_window_bits=\"+9\"",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; unknown",
        "x-webkit-deflate-frame",
    ] {
        assert_eq!(answer(unmet, full), None, "{unmet}");
    }
}

#[test]
fn a_response_has_to_be_within_the_offer() {
    let asks = |deflate, response: &str| {
        let opening = Opening::new(config(&[], Some(deflate)), &mut Sample).unwrap();
        let fields = with(&RESPONSE, "Sec-WebSocket-Extensions", Some(response));
        opening.check(Status::SWITCHING_PROTOCOLS, octets(&fields).into_iter())
    };
    let full = Deflate::default();
    let small = Deflate {
        server_max_window_bits: 10,
        client_max_window_bits: 11,
        server_no_context_takeover: true,
        ..full
    };
    let refused = |deflate, response| asks(deflate, response) == Err(Error::PeerExtension);
    let agreed = asks(
        full,
        "permessage-deflate; client_max_window_bits=8; server_max_window_bits=9",
    );
    let agreed = agreed.unwrap().deflate.unwrap();
    assert_eq!(
        (agreed.client_max_window_bits, agreed.server_max_window_bits),
        (8, 9)
    );
    assert!(
        asks(
            small,
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=10"
        )
        .is_ok()
    );
    assert!(refused(
        small,
        "permessage-deflate; server_no_context_takeover"
    ));
    assert!(refused(
        small,
        "permessage-deflate; server_max_window_bits=10"
    ));
    assert!(refused(
        small,
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=11"
    ));
    assert!(refused(
        small,
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=12"
    ));
    assert!(refused(full, "permessage-deflate; client_max_window_bits"));
    assert!(refused(full, "permessage-deflate, permessage-deflate"));
    assert!(refused(full, "x-other"));
    assert!(refused(full, "permessage-deflate; x"));
}

proptest! {
    #[test]
    fn what_a_client_asks_for_a_server_agrees_to(
        bits in (9u8..=15, 9u8..=15, 9u8..=15, 9u8..=15), forgets: [bool; 4],
    ) {
        let wants = |server, client, forgets: &[bool]| Deflate {
            server_max_window_bits: server,
            client_max_window_bits: client,
            server_no_context_takeover: forgets[0],
            client_no_context_takeover: forgets[1],
            ..Deflate::default()
        };
        let client = wants(bits.0, bits.1, &forgets[..2]);
        let server = wants(bits.2, bits.3, &forgets[2..]);
        let opening = Opening::new(config(&[], Some(client)), &mut Sample).unwrap();
        let asked = opening.fields();
        let asked = asked.iter().map(|(name, value)| (*name, value.as_bytes()));
        let offer = Offer::read("GET", Version::Http11, asked).unwrap();
        let (theirs, fields) = offer.accept(&config(&[], Some(server)));
        let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
        let ours = opening.check(Status::SWITCHING_PROTOCOLS, fields).unwrap();
        prop_assert_eq!(&ours, &theirs);
        let agreed = ours.deflate.unwrap();
        prop_assert_eq!(agreed.server_max_window_bits, bits.0.min(bits.2));
        prop_assert_eq!(agreed.client_max_window_bits, bits.1.min(bits.3));
        prop_assert_eq!(agreed.server_no_context_takeover, forgets[0] || forgets[2]);
    }

    #[test]
    fn any_fields_are_read_without_panic(names in proptest::collection::vec(0usize..6, 0..8), values: Vec<Vec<u8>>) {
        let known = ["Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
            "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"];
        let fields = names.iter().map(|&name| known[name]).zip(values.iter().map(Vec::as_slice));
        let fields: Vec<_> = fields.chain(octets(&REQUEST)).collect();
        let _ = Offer::read("GET", Version::Http11, fields.iter().copied());
        let opening = Opening::new(config(&["a"], Some(Deflate::default())), &mut Sample).unwrap();
        let _ = opening.check(Status::SWITCHING_PROTOCOLS, fields.iter().copied());
    }
}
