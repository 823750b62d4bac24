//! Field values from anyone to both roles: lists are read or refused, what is read is written so that it
//! is read again, and what a server accepts its client agrees to.
//!
//! Extensions, a line feed, subprotocols.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netkit_fuzz::ws;
use netkit_http::{Status, Version};
use netkit_ws::{
    Deflate, Extension,
    handshake::{Config, Offer, Opening},
};

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |&octet| octet == b'\n');
    let extensions = parts.next().unwrap_or_default();
    let protocols = parts.next().unwrap_or_default();

    if let Ok(list) = Extension::list([extensions]) {
        let written: Vec<String> = list.iter().map(ToString::to_string).collect();
        assert_eq!(Extension::list([written.join(", ").as_bytes()]), Ok(list));
    }

    let config = Config {
        protocols: vec!["chat".to_owned()],
        deflate: Some(Deflate::default()),
    };
    let opening = Opening::new(config.clone(), &mut ws::Random).expect("a token");
    let asked = opening.fields();
    let field = |(name, value): &(&'static str, String)| (*name, value.clone().into_bytes());
    let mut request: Vec<(&str, Vec<u8>)> = asked.iter().map(field).collect();
    request.push(("sec-websocket-extensions", extensions.to_vec()));
    if !protocols.is_empty() {
        request.push(("sec-websocket-protocol", protocols.to_vec()));
    }
    let fields = request
        .iter()
        .map(|(name, value)| (*name, value.as_slice()));
    if let Ok(offer) = Offer::read("GET", Version::Http11, fields) {
        let (_, response) = offer.accept(&config);
        let fields = response
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()));
        assert!(opening.check(Status::SWITCHING_PROTOCOLS, fields).is_ok());
    }

    let fields = [
        ("sec-websocket-extensions", extensions),
        ("sec-websocket-protocol", protocols),
    ];
    let answered = Offer::read(
        "GET",
        Version::Http11,
        asked.iter().map(|(n, v)| (*n, v.as_bytes())),
    );
    let (_, honest) = answered.expect("a handshake").accept(&Config::default());
    let honest = honest.iter().map(|(name, value)| (*name, value.as_bytes()));
    let _ = opening.check(Status::SWITCHING_PROTOCOLS, honest.chain(fields));
});
