//! Both roles over netkit-http in memory: the opening handshake, a message, and the close.

use netkit_core::Inbox;
use netkit_http::{BodyLength, Event as Http, RequestLine, Slot, Status};
use netkit_ws::{
    CloseCode, Connection, Deflate, Event, Kind, Limits,
    handshake::{Config, Offer, Opening},
};
use rand_core::{Infallible, TryCryptoRng, TryRng};
use std::error::Error;

/// Use the system's generator instead: whoever can foretell masking keys can deceive proxies.
struct Foretellable;

impl TryRng for Foretellable {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(4)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(4)
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        octets.fill(4);
        Ok(())
    }
}
impl TryCryptoRng for Foretellable {}

fn main() -> Result<(), Box<dyn Error>> {
    let config = Config {
        protocols: vec!["greeting".to_owned()],
        deflate: Some(Deflate::default()),
    };
    let mut slots = [Slot::default(); 32];
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());

    // The client asks.
    let opening = Opening::new(config.clone(), &mut Foretellable)?;
    let mut fields = opening.fields();
    fields.push(("Host", "example.com".to_owned()));
    let mut client = netkit_http::Client::default();
    let line = RequestLine::new("GET", "/chat");
    client.send_head(line, fields, BodyLength::None, &mut to_server)?;

    // The server agrees.
    let mut server = netkit_http::Server::default();
    let mut inbox = Inbox::new();
    inbox.extend(&to_server);
    let step = server.recv(inbox.unread(), &mut slots)?;
    let Http::Head(head) = step.event else {
        return Err("no request".into());
    };
    let offer = Offer::read(head.method, head.version, head.fields.iter())?;
    let (agreed, fields) = offer.accept(&config);
    let status = Status::SWITCHING_PROTOCOLS;
    server.send_head(status, fields, BodyLength::None, &mut to_client)?;
    let mut server = Connection::server(&agreed, Limits::default());

    // The client checks, and speaks.
    let used = client.recv(&mut to_client, &mut slots)?;
    let Http::Head(head) = used.event else {
        return Err("no response".into());
    };
    let agreed = opening.check(head.status, head.fields.iter())?;
    println!("agreed: {agreed:?}");
    let mut client = Connection::client(&agreed, Limits::default(), Box::new(Foretellable));
    to_server.clear();
    client.send(
        Kind::Text,
        &[b"hello, ".as_slice(), &[b'x'; 200]],
        true,
        &mut to_server,
    )?;
    client.close(CloseCode::NORMAL_CLOSURE, "", &mut to_server)?;
    println!(
        "on the wire: {} octets for 207, and a close",
        to_server.len()
    );

    // The server hears.
    let (mut at, mut inflated) = (0, Vec::new());
    let mut answer = Vec::new();
    loop {
        let step = server.recv(&mut to_server[at..], &mut inflated, &mut answer)?;
        at += step.used;
        match step.event {
            Event::Data { bytes, last, .. } => {
                println!("heard {} octets, last: {last}", bytes.len());
            }
            Event::Closing { code, .. } => println!("closing: {code:?}"),
            Event::NeedData | Event::Closed => break,
            event => println!("{event:?}"),
        }
    }
    assert!(server.is_over());
    Ok(())
}
