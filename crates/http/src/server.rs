use crate::{
    BodyLength, Error, Event, Failure, Found, Leniencies, Leniency, Limits, RequestHead,
    RequestRanges, Slot, Status, Version,
    encode::{self, Outgoing, whole_or_nothing},
    error::Fault,
    framing::{Framing, Message, Method, framing},
    head::{Role, Scan},
    incoming::{Awaits, Incoming},
    leniency::Lenient,
    notice::{Expects, Notice},
    octets::is_token,
    request,
};
use alloc::vec::Vec;
use core::ops::Range;
use netkit_core::Step;

/// The server's end of a connection: requests in, responses out, one exchange after the other.
///
/// ```text
/// recv   Head (Data)* [Trailers] End   Waiting until the response is sent   Head ...
/// send   (send_interim)* send_head [(send_data)* send_end]
/// ```
///
/// The response may begin as soon as the head is there. The next request is read when the request
/// and its response are both complete. After an error of `recv`, one response may still be sent;
/// [`Error::status`] says which.
#[derive(Debug)]
pub struct Server {
    incoming: Incoming,
    start: Start,
    sends: Sends,
    exchange: Exchange,
    /// RFC 9112 9.3: whether another exchange follows this one.
    persists: bool,
    /// The owner wants no further exchange.
    closing: bool,
}

/// What has been read of an unfinished head.
#[derive(Debug, Clone, Copy, Default)]
struct Start {
    empty_lines: u32,
    line: Option<request::LineRanges>,
}

/// What the sending side is to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sends {
    /// Nothing: no request to answer.
    Nothing,
    /// A head.
    Head,
    /// Content, or the rest of it.
    Content(Outgoing),
    /// Nothing more of this exchange.
    Done,
    /// Octets of another protocol.
    Switched,
}

/// What the response depends on.
#[derive(Debug, Clone, Copy)]
struct Exchange {
    method: Method,
    version: Version,
    /// RFC 9110 7.8: the client offers another protocol.
    upgrades: bool,
    /// RFC 9110 10.1.1: the client waits for 100 before it sends content.
    expects: bool,
}

impl Exchange {
    /// Before a request line is understood. Any client understands a response for HTTP/1.0.
    const UNKNOWN: Self = Self {
        method: Method::Other,
        version: Version::Http10,
        upgrades: false,
        expects: false,
    };
}

impl Default for Server {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Server {
    /// A connection on which nothing has been received.
    pub fn new(limits: Limits) -> Self {
        Self {
            incoming: Incoming::new(limits, Role::Request),
            start: Start::default(),
            sends: Sends::Nothing,
            exchange: Exchange::UNKNOWN,
            persists: true,
            closing: false,
        }
    }

    /// Lets pass what `leniencies` say, of a client that is known to need it.
    #[must_use]
    pub const fn lenient(mut self, leniencies: Leniencies) -> Self {
        self.incoming.allow(leniencies);
        self
    }

    /// What was let pass of the request that is being received, or was received last: each leniency, and
    /// the octet of the received stream, counted from zero, where it showed first.
    pub fn leniencies_used(&self) -> impl Iterator<Item = (Leniency, u64)> {
        self.incoming.lenient.used()
    }

    /// Eats the front of `input` and sees one event, which lends from `input` and `slots`.
    ///
    /// The number of slots is the number of fields that a head may have.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a chunk's place is the next one's start: through memory it comes late"
    )]
    pub fn recv<'b>(
        &mut self,
        input: &'b mut [u8],
        slots: &'b mut [Slot],
    ) -> Result<Step<Event<'b, RequestHead<'b>>>, Error> {
        if let Some(data) = self.chunk(input) {
            return Ok(Step::new(data.end, Event::Data(&input[data])));
        }
        self.other(input, slots)
    }

    /// Any other event of [`recv`](Self::recv).
    fn other<'b>(
        &mut self,
        input: &'b mut [u8],
        slots: &'b mut [Slot],
    ) -> Result<Step<Event<'b, RequestHead<'b>>>, Error> {
        let step = self.any(input, slots)?;
        let lend = |ranges: RequestRanges, bytes, slots| ranges.lend(bytes, slots);
        Ok(step.map(|found| found.lend(input, slots, lend)))
    }

    /// The same as [`recv`](Self::recv) with ranges: an owner of `BytesMut` splits off what the step
    /// used, and slices it.
    #[inline]
    pub fn step(
        &mut self,
        input: &mut [u8],
        slots: &mut [Slot],
    ) -> Result<Step<Found<RequestRanges>>, Error> {
        if let Some(data) = self.chunk(input) {
            return Ok(Step::new(data.end, Found::Data(data)));
        }
        self.any(input, slots)
    }

    /// The next chunk's data, if nothing else is in the way.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a chunk's place is the next one's start: through memory it comes late"
    )]
    fn chunk(&mut self, input: &[u8]) -> Option<Range<usize>> {
        let data = self.incoming.clean_chunk(input)?;
        // RFC 9110 10.1.1: 100 may be omitted when content has arrived.
        self.exchange.expects = false;
        Some(data)
    }

    /// A step of any kind.
    fn any(
        &mut self,
        input: &mut [u8],
        slots: &mut [Slot],
    ) -> Result<Step<Found<RequestRanges>>, Error> {
        let Self {
            start, exchange, ..
        } = self;
        let mut notice = Notice::default();
        let step = self.incoming.step(input, slots, |incoming, input, slots| {
            let Some(line) = start.line(incoming, exchange, input)? else {
                return Ok(incoming.need_data_or_closed(input.len()));
            };
            let head = fields(incoming, line, exchange.method, input, slots)?;
            let Some((ranges, noticed)) = head.event else {
                start.keep(line, head.used);
                return Ok(Step::new(head.used, Found::NeedData));
            };
            notice = noticed;
            Ok(Step::new(head.used, Found::Head(ranges)))
        });
        match step.as_ref().map(|step| &step.event) {
            Ok(Found::Head(ranges)) => self.begin(ranges, &notice),
            // RFC 9110 10.1.1: 100 may be omitted when content has arrived.
            Ok(Found::Data(_)) => self.exchange.expects = false,
            Ok(Found::End) => {
                self.exchange.expects = false;
                self.turn();
            }
            Ok(_) => {}
            Err(_) => {
                self.persists = false;
                if self.sends == Sends::Nothing {
                    self.sends = Sends::Head;
                }
            }
        }
        step
    }

    /// The transport ended: nothing more will arrive behind what `recv` left unused. From here `recv`
    /// says [`Event::Closed`] or [`Error::Truncated`] where it would have said `NeedData`.
    pub const fn eof(&mut self) {
        self.incoming.ended = true;
    }

    /// No request is to follow the one that is being answered; its response says so if its head is
    /// still to be sent. An idle connection is [`Event::Closed`] at once.
    pub fn close(&mut self) {
        self.closing = true;
        self.persists = false;
        let idle = self.incoming.awaits == Awaits::Head
            && self.start.line.is_none()
            && !self.incoming.scan.has_begun();
        if idle {
            self.incoming.awaits = Awaits::Nothing;
        }
    }

    /// Whether another request may follow the current one (RFC 9112 9.3).
    pub const fn keep_alive(&self) -> bool {
        self.persists && self.incoming.failure().is_none()
    }

    /// Whether no exchange is under way: everything received has been answered.
    pub const fn is_idle(&self) -> bool {
        matches!(self.sends, Sends::Nothing)
    }

    /// Whether a response head is due.
    pub const fn awaits_response(&self) -> bool {
        matches!(self.sends, Sends::Head)
    }

    /// Whether the client waits for [`Status::CONTINUE`] before it sends content (RFC 9110 10.1.1). A
    /// final response instead of it makes this the last exchange: the client may send the content or
    /// leave it out, and the next request could not be told from it.
    pub const fn expects_continue(&self) -> bool {
        self.exchange.expects && matches!(self.sends, Sends::Head)
    }

    /// Whether the client offers to switch to the protocols in its Upgrade field (RFC 9110 7.8).
    pub const fn may_switch(&self) -> bool {
        self.exchange.upgrades && matches!(self.sends, Sends::Head)
    }

    /// Whether both sides have left HTTP/1.1: unused input, and what still comes, is another protocol's
    /// ([`Event::Switched`]).
    pub const fn has_switched(&self) -> bool {
        matches!(self.incoming.awaits, Awaits::Switched)
    }

    /// The error that ended the requests, and the octet where it showed.
    pub const fn failure(&self) -> Option<Failure> {
        self.incoming.failure()
    }

    /// Appends an interim response: 1xx but 101 (RFC 9110 15.2). HTTP/1.0 has none.
    pub fn send_interim<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        status: Status,
        fields: impl IntoIterator<Item = (N, V)>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if self.sends != Sends::Head || self.incoming.failure().is_some() {
            return Err(Error::MisuseOrder);
        }
        if !status.is_interim() || self.exchange.version == Version::Http10 {
            return Err(Error::MisuseStatus);
        }
        whole_or_nothing(out, |out| {
            status_line(status, out);
            encode::fields(fields, out)?;
            out.extend_from_slice(b"\r\n");
            Ok(())
        })?;
        self.exchange.expects &= status != Status::CONTINUE;
        Ok(())
    }

    /// Appends the head of the final response. True when content follows, and `send_end` behind it;
    /// false when the response is complete: its length is zero, or a response to HEAD, 204, 304, or
    /// a switch of protocols.
    ///
    /// `Content-Length` and `Transfer-Encoding` are written from `body` and must not be in `fields`.
    /// `Connection` may be: "close" there ends the connection. What persistence demands is added.
    pub fn send_head<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        status: Status,
        fields: impl IntoIterator<Item = (N, V)>,
        body: BodyLength,
        out: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        if self.sends != Sends::Head {
            return Err(match self.incoming.awaits {
                Awaits::Nothing => Error::MisuseClosed,
                _ => Error::MisuseOrder,
            });
        }
        self.check_status(status)?;
        let Exchange {
            method,
            version,
            expects,
            ..
        } = self.exchange;
        let (framing, persists) = whole_or_nothing(out, |out| {
            status_line(status, out);
            let notice = encode::fields(fields, out)?;
            let framing = encode::body(Message::Response(status, method), version, body, out)?;
            let outgoing = Outgoing::after_head(framing);
            let persists = self.persists
                && !notice.connection.close
                && !expects
                && outgoing != Some(Outgoing::UntilClose);
            match version {
                _ if !persists && !notice.connection.close => {
                    out.extend_from_slice(b"Connection: close\r\n");
                }
                // RFC 9112 9.3: HTTP/1.0 persists only when both sides say so.
                Version::Http10 if persists && !notice.connection.keep_alive => {
                    out.extend_from_slice(b"Connection: keep-alive\r\n");
                }
                _ => {}
            }
            out.extend_from_slice(b"\r\n");
            Ok((framing, persists))
        })?;
        self.persists = persists;
        self.sends = match Outgoing::after_head(framing) {
            Some(outgoing) => Sends::Content(outgoing),
            None if framing == Framing::Switched => Sends::Switched,
            None => Sends::Done,
        };
        self.turn();
        Ok(matches!(self.sends, Sends::Content(_)))
    }

    /// Appends the framing that stands before `length` octets of content and returns what stands
    /// behind them: the content itself never passes through here.
    pub fn send_data(&mut self, length: u64, out: &mut Vec<u8>) -> Result<&'static [u8], Error> {
        match &mut self.sends {
            Sends::Content(outgoing) => outgoing.data(length, out),
            _ => Err(Error::MisuseOrder),
        }
    }

    /// Appends what ends the content, with trailers if it is chunked (RFC 9110 6.5).
    pub fn send_end<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        trailers: impl IntoIterator<Item = (N, V)>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let Sends::Content(outgoing) = self.sends else {
            return Err(Error::MisuseOrder);
        };
        whole_or_nothing(out, |out| outgoing.end(trailers, out))?;
        self.sends = Sends::Done;
        self.turn();
        Ok(())
    }

    /// A request has begun.
    fn begin(&mut self, ranges: &RequestRanges, notice: &Notice) {
        self.start = Start::default();
        let version = ranges.version();
        self.persists = notice.persists(version) && !self.closing;
        self.exchange.upgrades = notice.upgrades(version);
        self.exchange.expects = notice.expects == Expects::Continue
            && version == Version::Http11
            && ranges.framing != Framing::None;
        self.sends = Sends::Head;
    }

    /// When both directions have done their part of the exchange, the next one begins.
    fn turn(&mut self) {
        if self.incoming.awaits != Awaits::Turn {
            return;
        }
        self.incoming.awaits = match self.sends {
            Sends::Done if self.persists => Awaits::Head,
            // RFC 9112 9.6: "MUST NOT process any further requests" after close.
            Sends::Done => Awaits::Nothing,
            Sends::Switched => Awaits::Switched,
            Sends::Nothing | Sends::Head | Sends::Content(_) => return,
        };
        if self.sends == Sends::Done {
            self.sends = Sends::Nothing;
            self.exchange = Exchange::UNKNOWN;
        }
    }

    /// Whether a final response may have `status` here.
    fn check_status(&self, status: Status) -> Result<(), Error> {
        let legal = match status {
            // RFC 9110 7.8: only to a request that offered it.
            Status::SWITCHING_PROTOCOLS => {
                self.exchange.upgrades && self.incoming.failure().is_none()
            }
            Status(200..=999) => true,
            Status(_) => false,
        };
        if legal {
            Ok(())
        } else {
            Err(Error::MisuseStatus)
        }
    }
}

/// RFC 9112 4. The status has three digits.
fn status_line(status: Status, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    encode::decimal(u64::from(status.0), out);
    out.extend_from_slice(b" ");
    out.extend_from_slice(status.name().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

impl Start {
    /// The request line, once it is complete.
    fn line(
        &mut self,
        incoming: &mut Incoming,
        exchange: &mut Exchange,
        input: &[u8],
    ) -> Result<Option<request::LineRanges>, Fault> {
        if self.line.is_some() {
            return Ok(self.line);
        }
        if !incoming.scan.has_begun() {
            let limit = incoming.limits.empty_lines;
            let at = self.skip_empty_lines(input, limit, &mut incoming.lenient)?;
            incoming.scan = Scan::new(at);
            // What is no request at all is refused at its first octet: TLS, say.
            match input[at..] {
                [] | [b'\r'] => return Ok(None),
                [b'\r', ..] => return Err(Error::PeerBareCr.at(at)),
                [b'\n', ..] => return Err(Error::PeerBareLf.at(at)),
                [first, ..] if !is_token(&[first]) => return Err(Error::PeerMethod.at(at)),
                _ => {}
            }
        }
        let Incoming {
            scan,
            limits,
            lenient,
            ..
        } = incoming;
        let Some(ranges) = request::start_line(scan, input, limits.start_line, lenient)? else {
            return Ok(None);
        };
        ranges.check_target(input, lenient)?;
        exchange.method = Method::of(&input[ranges.method()]);
        exchange.version = ranges.version;
        Ok(Some(ranges))
    }

    /// The head is incomplete; the caller drops the `used` octets before its request line.
    const fn keep(&mut self, mut line: request::LineRanges, used: usize) {
        line.drop_front(used);
        self.line = Some(line);
    }

    /// RFC 9112 2.2: a server "SHOULD ignore at least one empty line" before a request line.
    fn skip_empty_lines(
        &mut self,
        input: &[u8],
        limit: u32,
        lenient: &mut Lenient,
    ) -> Result<usize, Fault> {
        let mut at = 0;
        loop {
            let length = match input[at..] {
                [b'\r', b'\n', ..] => 2,
                [b'\n', ..] if lenient.lets(Leniency::BareLf, at) => 1,
                _ => return Ok(at),
            };
            if self.empty_lines == limit {
                return Err(Error::PeerEmptyLines.at(at));
            }
            self.empty_lines += 1;
            at += length;
        }
    }
}

/// The rest of a head, once it is complete, and what it says.
fn fields(
    incoming: &mut Incoming,
    line: request::LineRanges,
    method: Method,
    input: &mut [u8],
    slots: &mut [Slot],
) -> Result<Step<Option<(RequestRanges, Notice)>>, Fault> {
    let rules = incoming.head_rules();
    let Incoming { scan, lenient, .. } = &mut *incoming;
    let Some(fields) = scan.fields(input, slots, &rules, lenient)? else {
        return Ok(Step::new(scan.drop_front(), None));
    };
    let version = line.version;
    let slots = &slots[..fields];
    let mut notice = Notice::of(input, slots);
    notice.settle(input, slots, lenient);
    if notice.lacks_host(version) {
        // The head has ended without it.
        return Err(Error::PeerHostMissing.at(scan.end() - 1));
    }
    let judge = |notice: &Notice| {
        notice.check_host()?;
        // "MAY respond with a 417": no other expectation is defined. HTTP/1.0 has none.
        if notice.expects == Expects::Unknown && version == Version::Http11 {
            return Err(Error::PeerExpectation);
        }
        framing(Message::Request(method), version, notice)
    };
    let framing = judge(&notice)
        .map_err(|error| Notice::fault(error, input, slots, |notice| judge(notice).map(drop)))?;
    let used = incoming.head_done(framing);
    let ranges = RequestRanges {
        line,
        fields,
        framing,
    };
    Ok(Step::new(used, Some((ranges, notice))))
}
