//! HTTP cases put to the bare machines: no socket, no clock. The server answers as [`crate::cases`] wants
//! it; the client tells what it made of one response.

use netkit_core::Inbox;
use netkit_http::{
    BodyLength, Client, Error, Event, NO_FIELDS, RequestHead, RequestLine, Server, Slot, Status,
};

const SLOTS: usize = 128;

/// What a server said to `pieces`, and whether it then closed.
///
/// # Errors
/// Where a call of the machine is refused that the case's answer needs.
pub fn serve(pieces: &[&[u8]], eof: bool) -> Result<(Vec<u8>, bool), Error> {
    let mut serving = Serving::default();
    for piece in pieces {
        serving.inbox.extend(piece);
        if !serving.turn()? {
            return Ok((serving.out, true));
        }
    }
    if eof {
        serving.server.eof();
        let goes_on = serving.turn()?;
        return Ok((serving.out, !goes_on));
    }
    Ok((serving.out, false))
}

#[derive(Default)]
struct Serving {
    server: Server,
    inbox: Inbox,
    out: Vec<u8>,
    asked: Asked,
}

/// The request that is being read.
#[derive(Default)]
struct Asked {
    method: String,
    target: String,
    length: usize,
}

impl Asked {
    fn head(head: &RequestHead<'_>) -> Self {
        Self {
            method: head.method.to_owned(),
            target: head.target.to_owned(),
            length: 0,
        }
    }

    /// The status of an answer that does not wait for the content.
    fn refused(&self) -> Option<Status> {
        match self.method.as_str() {
            "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => None,
            "CONNECT" | "TRACE" => Some(Status::METHOD_NOT_ALLOWED),
            _ => Some(Status::NOT_IMPLEMENTED),
        }
    }
}

impl Serving {
    /// Hears all that is here; whether the connection goes on.
    fn turn(&mut self) -> Result<bool, Error> {
        let mut slots = [Slot::default(); SLOTS];
        loop {
            let step = match self.server.recv(self.inbox.unread(), &mut slots) {
                Ok(step) => step,
                Err(error) => {
                    if self.server.awaits_response() {
                        self.answer(error.status(), "")?;
                    }
                    return Ok(false);
                }
            };
            let used = step.used;
            let (mut answers, mut refusal) = (false, None);
            match step.event {
                Event::NeedData => {
                    self.inbox.consume(used);
                    if self.server.expects_continue() {
                        self.server
                            .send_interim(Status::CONTINUE, NO_FIELDS, &mut self.out)?;
                    }
                    return Ok(true);
                }
                Event::Head(head) => {
                    self.asked = Asked::head(&head);
                    refusal = self.asked.refused();
                }
                Event::Data(data) => self.asked.length += data.len(),
                Event::End => answers = self.server.awaits_response(),
                Event::Trailers(_) | Event::Interim(_) => {}
                Event::Waiting | Event::Switched | Event::Closed => return Ok(false),
            }
            self.inbox.consume(used);
            if let Some(status) = refusal {
                self.answer(status, "")?;
            } else if answers {
                self.content()?;
            }
            if !self.server.keep_alive() && !self.server.awaits_response() {
                return Ok(false);
            }
        }
    }

    fn content(&mut self) -> Result<(), Error> {
        let Asked {
            method,
            target,
            length,
        } = &self.asked;
        let text = format!("method={method} target={target} len={length}");
        match target.split('?').next() {
            Some("/204") => self.answer(Status::NO_CONTENT, ""),
            Some("/304") => self.answer(Status::NOT_MODIFIED, ""),
            _ => self.answer(Status::OK, &text),
        }
    }

    fn answer(&mut self, status: Status, text: &str) -> Result<(), Error> {
        let Self { server, out, .. } = self;
        let length = match text {
            "" => BodyLength::None,
            _ if self.asked.target == "/chunked" => BodyLength::Chunked,
            text => BodyLength::Known(text.len() as u64),
        };
        if server.send_head(status, NO_FIELDS, length, out)? {
            let behind = server.send_data(text.len() as u64, out)?;
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(behind);
            server.send_end(NO_FIELDS, out)?;
        }
        Ok(())
    }
}

/// The status and content that a client makes of `pieces`, the response to its `method`; `None` where it
/// waits for more.
///
/// # Errors
/// What the machine said of the response.
pub fn ask(method: &str, pieces: &[&[u8]], eof: bool) -> Result<Option<(u16, Vec<u8>)>, Error> {
    let (mut client, mut inbox) = (Client::default(), Inbox::new());
    let line = RequestLine::new(method, "/");
    client.send_head(line, [("Host", "h")], BodyLength::None, &mut Vec::new())?;
    let (mut status, mut content) = (0, Vec::new());
    let mut slots = [Slot::default(); SLOTS];
    let end: [&[u8]; 1] = [b""];
    for (number, piece) in pieces.iter().chain(&end).enumerate() {
        inbox.extend(piece);
        if eof && number == pieces.len() {
            client.eof();
        }
        loop {
            let step = client.recv(inbox.unread(), &mut slots)?;
            let used = step.used;
            let mut waits = false;
            match step.event {
                Event::Head(head) => status = head.status.0,
                Event::Data(data) => content.extend_from_slice(data),
                Event::End | Event::Switched => return Ok(Some((status, content))),
                Event::Interim(_) | Event::Trailers(_) => {}
                Event::NeedData | Event::Waiting | Event::Closed => waits = true,
            }
            inbox.consume(used);
            if waits {
                break;
            }
        }
    }
    Ok(None)
}
