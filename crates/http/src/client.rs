use crate::{
    BodyLength, Error, Event, Failure, Found, Leniencies, Leniency, Limits, RequestLine,
    ResponseHead, ResponseRanges, Slot, Status, Version,
    encode::{self, Outgoing, whole_or_nothing},
    error::Fault,
    framing::{Framing, Message, Method, framing},
    head::Role,
    incoming::{Awaits, Incoming, Stepped},
    notice::{Expects, Host, Notice},
    response,
};
use alloc::{collections::VecDeque, vec::Vec};
use core::ops::Range;
use netkit_core::Step;

/// The client's end of a connection: requests out, responses in, in the order of the requests.
///
/// ```text
/// send   send_head [(send_data)* send_end]   send_head ...        (pipelined, if the owner likes)
/// recv   (Interim)* Head (Data)* [Trailers] End   (Interim)* Head ...
/// ```
#[derive(Debug)]
pub struct Client {
    incoming: Incoming,
    /// The start line of the head that is being read.
    line: Option<response::LineRanges>,
    /// Content of the last request that is still to be sent.
    sends: Option<Outgoing>,
    /// Requests without a complete response, oldest first.
    outstanding: VecDeque<Outstanding>,
    /// RFC 9110 10.1.1: the last request expects 100 before its content, none of which is sent.
    expects: bool,
    /// Interim responses to the oldest request.
    interim: u32,
    /// RFC 9112 9.3: whether the connection persists after the messages so far.
    persists: bool,
}

/// What the response to a request depends on.
#[derive(Debug, Clone, Copy)]
struct Outstanding {
    method: Method,
    /// RFC 9110 7.8: the request offers another protocol.
    upgrades: bool,
}

impl Outstanding {
    /// Whether what follows this request may be another protocol's.
    const fn may_switch(self) -> bool {
        self.upgrades || matches!(self.method, Method::Connect)
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Client {
    /// A connection on which nothing has been sent.
    pub fn new(limits: Limits) -> Self {
        Self {
            incoming: Incoming::new(limits, Role::Response),
            line: None,
            sends: None,
            outstanding: VecDeque::new(),
            expects: false,
            interim: 0,
            persists: true,
        }
        .lenient(Leniencies::NONE)
    }

    /// Lets pass what `leniencies` say, of a server that is known to need it.
    #[must_use]
    pub const fn lenient(mut self, leniencies: Leniencies) -> Self {
        self.incoming.allow(leniencies);
        self
    }

    /// What was let pass of the response that is being received, or was received last: each leniency, and
    /// the octet of the received stream, counted from zero, where it showed first. A line break in a
    /// field value ([`Leniency::FoldedLines`]) is told, too.
    pub fn leniencies_used(&self) -> impl Iterator<Item = (Leniency, u64)> {
        self.incoming.lenient.used()
    }

    /// Eats the front of `input` and sees one event, which lends from `input` and `slots`.
    ///
    /// The number of slots is the number of fields that a head may have. A line break inside a field
    /// value (obs-fold) is overwritten with spaces: RFC 9112 5.2.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a chunk's place is the next one's start: through memory it comes late"
    )]
    pub fn recv<'b>(
        &mut self,
        input: &'b mut [u8],
        slots: &'b mut [Slot],
    ) -> Result<Step<Event<'b, ResponseHead<'b>>>, Error> {
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
    ) -> Result<Step<Event<'b, ResponseHead<'b>>>, Error> {
        let step = self.any(input, slots)?;
        let lend = |ranges: ResponseRanges, bytes, slots| ranges.lend(bytes, slots);
        Ok(step.map(|found| found.lend(input, slots, lend)))
    }

    /// The same as [`recv`](Self::recv) with ranges: an owner of `BytesMut` splits off what the step
    /// used, and slices it.
    #[inline]
    pub fn step(
        &mut self,
        input: &mut [u8],
        slots: &mut [Slot],
    ) -> Result<Step<Found<ResponseRanges>>, Error> {
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
        self.incoming.clean_chunk(input)
    }

    /// A step of any kind.
    fn any(
        &mut self,
        input: &mut [u8],
        slots: &mut [Slot],
    ) -> Result<Step<Found<ResponseRanges>>, Error> {
        let request = self.outstanding.front().copied();
        let Self {
            line,
            persists,
            interim,
            ..
        } = self;
        let step = self.incoming.step(input, slots, |incoming, input, slots| {
            let Some(request) = request else {
                return between_exchanges(incoming, input);
            };
            let Some(ranges) = status_line(incoming, line, input)? else {
                return Ok(Step::new(0, Found::NeedData));
            };
            if ranges.status.is_interim() && *interim == incoming.limits.interim_responses {
                return Err(Error::PeerTooManyInterim.at(0));
            }
            let head = fields(incoming, ranges, request, persists, input, slots)?;
            Ok(head.map(|found| match found {
                None => Found::NeedData,
                Some(ranges) if ranges.status().is_interim() => Found::Interim(ranges),
                Some(ranges) => Found::Head(ranges),
            }))
        });
        match step.as_ref().map(|step| &step.event) {
            Ok(Found::Interim(head)) => {
                self.line = None;
                self.interim += 1;
                let waits = self.outstanding.len() > 1 || head.status() != Status::CONTINUE;
                self.expects &= waits;
            }
            Ok(Found::Head(_)) => {
                self.line = None;
                self.interim = 0;
                if self.expects && self.outstanding.len() == 1 {
                    self.leave_out();
                }
            }
            Ok(Found::End) => self.turn(),
            _ => {}
        }
        step
    }

    /// The transport ended: nothing more will arrive behind what `recv` left unused. From here `recv`
    /// ends content that lasts until close, and says [`Event::Closed`], [`Error::Unanswered`] or
    /// [`Error::Truncated`] where it would have said `NeedData`.
    pub const fn eof(&mut self) {
        self.incoming.ended = true;
    }

    /// Whether the connection outlives the exchanges under way: another request may follow (RFC 9112
    /// 9.3).
    pub const fn keep_alive(&self) -> bool {
        self.persists && !self.incoming.ended && self.incoming.failure().is_none()
    }

    /// Whether no exchange is under way: every request is sent, and its response received.
    pub fn is_idle(&self) -> bool {
        self.outstanding.is_empty() && self.sends.is_none()
    }

    /// Whether the content of the last request had better wait, because its head says `Expect:
    /// 100-continue` (RFC 9110 10.1.1): until 100 comes, or until the owner has waited long enough for a
    /// server that does not know of it, and sends it all the same. A final response instead of 100 leaves
    /// the content out, and makes the exchange the last.
    pub const fn awaits_continue(&self) -> bool {
        self.expects
    }

    /// Whether content of the last request, or its end, is still to be sent.
    pub const fn is_sending(&self) -> bool {
        self.sends.is_some()
    }

    /// Number of requests without a complete response.
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// The error that ended the responses, and the octet where it showed.
    pub const fn failure(&self) -> Option<Failure> {
        self.incoming.failure()
    }

    /// Appends a request's head. True when content follows, and `send_end` behind it; false when the
    /// request is complete.
    ///
    /// `Content-Length` and `Transfer-Encoding` are written from `body` and must not be in `fields`;
    /// an HTTP/1.1 request needs `Host` there. `Connection: close` makes it the last request, and so
    /// does HTTP/1.0 without `keep-alive`.
    pub fn send_head<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        line: RequestLine<'_>,
        fields: impl IntoIterator<Item = (N, V)>,
        body: BodyLength,
        out: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        self.check_turn()?;
        line.check()?;
        let method = Method::of(line.method.as_bytes());
        let (framing, notice) = whole_or_nothing(out, |out| {
            for part in [
                line.method,
                " ",
                line.target,
                " ",
                line.version.as_str(),
                "\r\n",
            ] {
                out.extend_from_slice(part.as_bytes());
            }
            let notice = encode::fields(fields, out)?;
            match (notice.host, line.version) {
                (Host::Valid, _) | (Host::Absent, Version::Http10) => {}
                _ => return Err(Error::MisuseHost),
            }
            let body = match (line.method, body) {
                // RFC 9110 8.6: a method that defines content says that there is none.
                ("POST" | "PUT" | "PATCH", BodyLength::None) => BodyLength::Known(0),
                // RFC 9110 9.3.8: "MUST NOT send content in a TRACE request".
                ("TRACE", BodyLength::Known(1..) | BodyLength::Chunked) => {
                    return Err(Error::MisuseContent);
                }
                _ => body,
            };
            let framing = encode::body(Message::Request(method), line.version, body, out)?;
            // RFC 9110 10.1.1: "MUST NOT generate a 100-continue expectation" without content.
            if notice.expects == Expects::Continue && framing == Framing::None {
                return Err(Error::MisuseExpectation);
            }
            out.extend_from_slice(b"\r\n");
            Ok((framing, notice))
        })?;
        self.persists = notice.persists(line.version);
        let upgrades = notice.upgrades(line.version);
        self.outstanding.push_back(Outstanding { method, upgrades });
        self.sends = Outgoing::after_head(framing);
        // HTTP/1.0 has no 100: nobody waits for it.
        self.expects = notice.expects == Expects::Continue && line.version == Version::Http11;
        Ok(self.sends.is_some())
    }

    /// Appends the framing that stands before `length` octets of content and returns what stands
    /// behind them: the content itself never passes through here.
    pub fn send_data(&mut self, length: u64, out: &mut Vec<u8>) -> Result<&'static [u8], Error> {
        let outgoing = self.sends.as_mut().ok_or(Error::MisuseOrder)?;
        let behind = outgoing.data(length, out)?;
        self.expects = false;
        Ok(behind)
    }

    /// Appends what ends the content, with trailers if it is chunked (RFC 9110 6.5).
    pub fn send_end<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        trailers: impl IntoIterator<Item = (N, V)>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let outgoing = self.sends.ok_or(Error::MisuseOrder)?;
        whole_or_nothing(out, |out| outgoing.end(trailers, out))?;
        (self.sends, self.expects) = (None, false);
        Ok(())
    }

    /// Whether a request may be sent now.
    fn check_turn(&self) -> Result<(), Error> {
        let nothing_follows = matches!(self.incoming.awaits, Awaits::Nothing | Awaits::Switched);
        if !self.keep_alive() || nothing_follows {
            return Err(Error::MisuseClosed);
        }
        // RFC 9112 9.3.2: nothing is pipelined behind a request that may switch protocols.
        let behind_switch = self
            .outstanding
            .back()
            .is_some_and(|last| last.may_switch());
        if self.sends.is_some() || behind_switch {
            return Err(Error::MisuseOrder);
        }
        if self.outstanding.len() >= self.incoming.limits.pipeline as usize {
            return Err(Error::MisusePipelineFull);
        }
        Ok(())
    }

    /// The server has answered without the content: nothing can follow a request that stays without it.
    const fn leave_out(&mut self) {
        (self.sends, self.expects, self.persists) = (None, false, false);
    }

    /// A response is complete.
    fn turn(&mut self) {
        self.outstanding.pop_front();
        self.incoming.awaits = if self.persists {
            Awaits::Head
        } else {
            Awaits::Nothing
        };
    }
}

/// No request is unanswered: nothing should arrive.
fn between_exchanges<L>(incoming: &mut Incoming, input: &[u8]) -> Stepped<L> {
    // RFC 9112 9.2: what arrives unasked "MUST NOT" be taken for a response to a later request.
    match input {
        [] => Ok(incoming.need_data_or_closed(0)),
        _ => Err(Error::PeerUnsolicited.at(0)),
    }
}

/// The status line, once it is complete.
fn status_line(
    incoming: &mut Incoming,
    ranges: &mut Option<response::LineRanges>,
    input: &[u8],
) -> Result<Option<response::LineRanges>, Fault> {
    const NAME: &[u8] = b"HTTP/";
    if ranges.is_some() {
        return Ok(*ranges);
    }
    if incoming.ended && input.is_empty() {
        return Err(Error::Unanswered.at(0));
    }
    // What is no response at all is refused at its first octets: HTTP/0.9, say.
    let seen = input.iter().zip(NAME).position(|(seen, name)| seen != name);
    if let Some(at) = seen {
        return Err(Error::PeerStatusLine.at(at));
    }
    let limit = (incoming.limits.start_line, Error::PeerStartLineTooLong);
    let lenient = &mut incoming.lenient;
    if let Some(line) = incoming.scan.line(input, limit, lenient)? {
        *ranges = Some(response::line(input, &line, lenient)?);
        incoming.scan.begin_fields();
    }
    Ok(*ranges)
}

/// The rest of a head, once it is complete.
fn fields(
    incoming: &mut Incoming,
    line: response::LineRanges,
    request: Outstanding,
    persists: &mut bool,
    input: &mut [u8],
    slots: &mut [Slot],
) -> Result<Step<Option<ResponseRanges>>, Fault> {
    let rules = incoming.head_rules();
    let lenient = &mut incoming.lenient;
    let Some(fields) = incoming.scan.fields(input, slots, &rules, lenient)? else {
        return Ok(Step::new(0, None));
    };
    let mut notice = Notice::of(input, &slots[..fields]);
    notice.settle(input, &slots[..fields], lenient);
    // RFC 9110 7.8: a switch must have been offered.
    if line.status == Status::SWITCHING_PROTOCOLS && !request.upgrades {
        return Err(Error::PeerSwitched.at(response::STATUS));
    }
    let message = Message::Response(line.status, request.method);
    let judge = |notice: &Notice| framing(message, line.version, notice);
    let framing = judge(&notice).map_err(|error| {
        Notice::fault(error, input, &slots[..fields], |notice| {
            judge(notice).map(drop)
        })
    })?;
    let used = incoming.head_done(framing);
    if line.status.is_interim() {
        incoming.awaits = Awaits::Head;
    } else {
        *persists &= notice.persists(line.version) && framing != Framing::UntilClose;
    }
    Ok(Step::new(
        used,
        Some(ResponseRanges {
            line,
            fields,
            framing,
        }),
    ))
}
