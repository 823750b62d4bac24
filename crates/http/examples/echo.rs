//! A client and a server that talk without a socket: two requests on one connection, the second
//! pipelined behind the first, each echoed back. Prints what passes over the wire.
//!
//! `cargo run -p netkit-http --example echo`

use netkit_core::Inbox;
use netkit_http::{BodyLength, Client, Error, Event, NO_FIELDS, RequestLine, Server, Slot, Status};

fn main() -> Result<(), Error> {
    let mut client = Client::default();
    let mut server = Server::default();
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());

    post(&mut client, &["hello, ", "world"], &mut to_server)?;
    post(&mut client, &["again"], &mut to_server)?;
    println!("client says:\n{}", String::from_utf8_lossy(&to_server));

    serve(&mut server, &to_server, &mut to_client)?;
    println!("server says:\n{}", String::from_utf8_lossy(&to_client));

    let answers = collect(&mut client, &to_client)?;
    println!("client hears: {answers:?}");
    assert_eq!(answers, ["hello, world", "again"]);
    assert!(client.is_idle() && client.keep_alive());
    Ok(())
}

/// Sends a request whose length is not known before its last piece.
fn post(client: &mut Client, pieces: &[&str], out: &mut Vec<u8>) -> Result<(), Error> {
    let line = RequestLine::new("POST", "/echo");
    client.send_head(line, [("Host", "h.example")], BodyLength::Chunked, out)?;
    for piece in pieces {
        let behind = client.send_data(piece.len() as u64, out)?;
        out.extend_from_slice(piece.as_bytes());
        out.extend_from_slice(behind);
    }
    client.send_end(NO_FIELDS, out)
}

/// The owner of a server: it collects the content of a request and sends it back.
fn serve(server: &mut Server, arrived: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let mut inbox = Inbox::new();
    let mut slots = [Slot::default(); 32];
    let mut content = Vec::new();
    // It arrives in pieces of seven octets.
    for piece in arrived.chunks(7) {
        inbox.extend(piece);
        let mut more = true;
        while more {
            let step = server.recv(inbox.unread(), &mut slots)?;
            let used = step.used;
            match step.event {
                Event::Data(data) => content.extend_from_slice(data),
                Event::End => {
                    let length = content.len() as u64;
                    let body = BodyLength::Known(length);
                    if server.send_head(Status::OK, NO_FIELDS, body, out)? {
                        server.send_data(length, out)?;
                        out.append(&mut content);
                        server.send_end(NO_FIELDS, out)?;
                    }
                }
                Event::Head(_) | Event::Interim(_) | Event::Trailers(_) => {}
                // Some input may have been used all the same.
                Event::NeedData | Event::Waiting | Event::Switched | Event::Closed => more = false,
            }
            inbox.consume(used);
        }
    }
    Ok(())
}

/// The owner of a client: it collects the content of each response.
fn collect(client: &mut Client, arrived: &[u8]) -> Result<Vec<String>, Error> {
    let mut inbox = Inbox::new();
    let mut slots = [Slot::default(); 32];
    let mut answers = Vec::new();
    inbox.extend(arrived);
    loop {
        let step = client.recv(inbox.unread(), &mut slots)?;
        let used = step.used;
        match step.event {
            Event::Head(_) => answers.push(String::new()),
            Event::Data(data) => {
                if let Some(answer) = answers.last_mut() {
                    answer.push_str(&String::from_utf8_lossy(data));
                }
            }
            Event::Interim(_) | Event::Trailers(_) | Event::End => {}
            Event::NeedData | Event::Waiting | Event::Switched | Event::Closed => break,
        }
        inbox.consume(used);
    }
    Ok(answers)
}
