//! What both roles receive: the state table, content and trailers.

use crate::{
    Error, Failure, Found, Framing, Leniencies, Leniency, Limits, Slot, chunked,
    chunked::CHUNK_END,
    error::Fault,
    head::{Role, Rules, Scan},
    leniency::Lenient,
    octets::trim_end,
};
use core::ops::Range;
use netkit_core::Step;

/// What the receiving side awaits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// A head, or the rest of it.
    Head,
    /// Content, or the rest of it.
    Content(Content),
    /// Nothing more of this message; its end is to be told.
    End,
    /// The other direction: the response to this request.
    Turn,
    /// Octets of another protocol.
    Switched,
    /// No further message.
    Nothing,
}

/// What is left of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// So many octets.
    Length(u64),
    /// A chunk-size line.
    ChunkSize,
    /// So many octets of a chunk.
    Chunk(u64),
    /// The CRLF behind a chunk.
    ChunkEnd,
    /// The trailer section.
    Trailers,
    /// Everything.
    UntilClose,
}

impl Awaits {
    /// What follows a head that says `framing`.
    pub(crate) const fn after_head(framing: Framing) -> Self {
        match framing {
            Framing::None => Self::End,
            Framing::Length(octets) => Self::Content(Content::Length(octets)),
            Framing::Chunked => Self::Content(Content::ChunkSize),
            Framing::UntilClose => Self::Content(Content::UntilClose),
            Framing::Switched => Self::Switched,
        }
    }
}

/// A step that ranges describe, or the fault that ends the stream.
pub(crate) type Stepped<L> = Result<Step<Found<L>>, Fault>;

/// The receiving half of a connection.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) awaits: Awaits,
    /// How far the unfinished line or section has been read.
    pub(crate) scan: Scan,
    pub(crate) limits: Limits,
    /// The transport said that nothing more will arrive.
    pub(crate) ended: bool,
    pub(crate) lenient: Lenient,
    /// Who sends what is received.
    role: Role,
    /// Octets of chunk extensions in this message.
    extensions: u32,
    /// What went wrong.
    failure: Option<Failure>,
}

impl Incoming {
    pub(crate) fn new(limits: Limits, role: Role) -> Self {
        Self {
            awaits: Awaits::Head,
            scan: Scan::default(),
            limits,
            ended: false,
            lenient: Lenient::default(),
            role,
            extensions: 0,
            failure: None,
        }
    }

    /// Lets pass what `leniencies` say, and what is no leniency in this role.
    pub(crate) const fn allow(&mut self, leniencies: Leniencies) {
        self.lenient.allowed = match self.role {
            Role::Request => leniencies,
            // RFC 9112 5.2: a user agent "MUST replace each received obs-fold".
            Role::Response => leniencies.with(Leniency::FoldedLines),
        };
    }

    /// The data of the next chunk, if its size line is here as size lines should be, without extensions.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a chunk's place is the next one's start: through memory it comes late"
    )]
    pub(crate) fn clean_chunk(&mut self, input: &[u8]) -> Option<Range<usize>> {
        let begin = match self.awaits {
            Awaits::Content(Content::ChunkEnd) if input.starts_with(CHUNK_END) => CHUNK_END.len(),
            Awaits::Content(Content::ChunkSize) if self.scan.fresh() == Some(0) => 0,
            _ => return None,
        };
        let (size, line) = chunked::clean_line(&input[begin..])?;
        let start = begin + line;
        let here = input.len() - start;
        if self.failure.is_some() || here == 0 || line > self.limits.chunk_line as usize {
            return None;
        }
        let data = if size <= here {
            self.awaits = Awaits::Content(Content::ChunkEnd);
            start..start + size
        } else {
            self.awaits = Awaits::Content(Content::Chunk((size - here) as u64));
            start..input.len()
        };
        self.lenient.passed += data.end as u64;
        Some(data)
    }

    /// One step, by what is awaited. `head` reads the head of the role.
    #[inline]
    pub(crate) fn step<L>(
        &mut self,
        input: &mut [u8],
        slots: &mut [Slot],
        head: impl FnOnce(&mut Self, &mut [u8], &mut [Slot]) -> Stepped<L>,
    ) -> Result<Step<Found<L>>, Error> {
        if let Some(failure) = self.failure {
            return Err(failure.error);
        }
        let offered = input.len();
        let stepped = match self.awaits {
            Awaits::Head => head(self, input, slots),
            Awaits::Content(content) => self.content(content, input, slots),
            Awaits::End => Ok(Step::new(0, self.end())),
            Awaits::Turn => Ok(Step::new(0, Found::Waiting)),
            Awaits::Switched => Ok(Step::new(0, Found::Switched)),
            Awaits::Nothing => Ok(Step::new(offered, Found::Closed)),
        };
        let fault = match stepped {
            // RFC 9112 8: a message that the connection's end cuts off is incomplete.
            Ok(step) if self.ended && matches!(step.event, Found::NeedData) => {
                Error::Truncated.at(offered)
            }
            Ok(step) => {
                self.lenient.passed += step.used as u64;
                return Ok(step);
            }
            Err(fault) => fault,
        };
        self.failure = Some(Failure {
            error: fault.error,
            at: self.lenient.passed + fault.at as u64,
            octet: input.get(fault.at).copied(),
        });
        Err(fault.error)
    }

    /// What ended the stream.
    pub(crate) const fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// What the fields of a head must obey.
    pub(crate) const fn head_rules(&self) -> Rules {
        Rules {
            limit: (self.limits.head, Error::PeerHeadTooLong),
            role: self.role,
        }
    }

    /// The head is incomplete: octets before it are used, the rest comes back.
    pub(crate) const fn need_data<L>(&mut self) -> Step<Found<L>> {
        Step::new(self.scan.drop_front(), Found::NeedData)
    }

    /// The same between two messages: when the transport has ended there, the stream has too.
    pub(crate) fn need_data_or_closed<L>(&mut self, offered: usize) -> Step<Found<L>> {
        let step = self.need_data();
        if self.ended && step.used == offered {
            self.awaits = Awaits::Nothing;
            return Step::new(offered, Found::Closed);
        }
        step
    }

    /// The head is complete; what it says of its content is awaited next.
    #[inline]
    pub(crate) fn head_done(&mut self, framing: Framing) -> usize {
        let used = self.scan.end();
        self.awaits = Awaits::after_head(framing);
        self.scan = Scan::default();
        self.lenient.begin();
        self.extensions = 0;
        used
    }

    const fn end<L>(&mut self) -> Found<L> {
        self.awaits = Awaits::Turn;
        self.lenient.end();
        Found::End
    }

    fn content<L>(
        &mut self,
        mut content: Content,
        input: &mut [u8],
        slots: &mut [Slot],
    ) -> Stepped<L> {
        // Framing octets in front of the data are used with it.
        let mut at = 0;
        loop {
            content = match content {
                Content::Length(left) | Content::Chunk(left) => {
                    let data = at..at
                        + (input.len() - at).min(usize::try_from(left).unwrap_or(usize::MAX));
                    let after = left - data.len() as u64;
                    self.awaits = match content {
                        Content::Length(_) if after == 0 => Awaits::End,
                        Content::Length(_) => Awaits::Content(Content::Length(after)),
                        _ if after == 0 => Awaits::Content(Content::ChunkEnd),
                        _ => Awaits::Content(Content::Chunk(after)),
                    };
                    let used = data.end;
                    return Ok(if data.is_empty() {
                        Step::new(used, Found::NeedData)
                    } else {
                        Step::new(used, Found::Data(data))
                    });
                }
                Content::UntilClose if !input.is_empty() => {
                    return Ok(Step::new(input.len(), Found::Data(0..input.len())));
                }
                Content::UntilClose if self.ended => return Ok(Step::new(0, self.end())),
                Content::UntilClose => return Ok(Step::new(0, Found::NeedData)),
                Content::ChunkEnd => match input[at..] {
                    [b'\r', b'\n', ..] => {
                        at += 2;
                        self.scan = Scan::new(at);
                        Content::ChunkSize
                    }
                    [] | [b'\r'] => {
                        self.awaits = Awaits::Content(content);
                        return Ok(Step::new(at, Found::NeedData));
                    }
                    _ => return Err(Error::PeerChunkEnd.at(at)),
                },
                Content::ChunkSize => {
                    let Some(size) = self.chunk_size(input)? else {
                        self.awaits = Awaits::Content(content);
                        return Ok(self.need_data());
                    };
                    at = self.scan.end();
                    self.scan = Scan::new(at);
                    match size {
                        0 => Content::Trailers,
                        size => Content::Chunk(size),
                    }
                }
                Content::Trailers => return self.trailers(input, slots),
            };
        }
    }

    /// The size in the chunk-size line, once that is complete.
    fn chunk_size(&mut self, input: &[u8]) -> Result<Option<u64>, Fault> {
        let too_long = Error::PeerChunkExtensionsTooLong;
        let limit = (self.limits.chunk_line, too_long);
        // RFC 9112 2.2 lets LF end the start line and fields, nothing else.
        let Some(line) = self.scan.line(input, limit, &mut Lenient::default())? else {
            return Ok(None);
        };
        let start = line.start;
        let octets = &input[line.range()];
        let (size, extensions) = chunked::parse_line(octets).or_else(|fault| {
            let bare = trim_end(octets);
            let padding = start + bare.len();
            match chunked::parse_line(bare) {
                Ok(read) if self.lenient.lets(Leniency::PaddedChunkSizes, padding) => Ok(read),
                _ => Err(fault.error.at(start + fault.at)),
            }
        })?;
        self.extensions = self.extensions.saturating_add(extensions as u32);
        if self.extensions > self.limits.chunk_extensions {
            return Err(too_long.at(start));
        }
        Ok(Some(size))
    }

    fn trailers<L>(&mut self, input: &mut [u8], slots: &mut [Slot]) -> Stepped<L> {
        let rules = Rules {
            limit: (self.limits.trailers, Error::PeerTrailersTooLong),
            role: self.role,
        };
        let Some(count) = self.scan.fields(input, slots, &rules, &mut self.lenient)? else {
            self.awaits = Awaits::Content(Content::Trailers);
            return Ok(self.need_data());
        };
        let used = self.scan.end();
        self.scan = Scan::default();
        if count == 0 {
            return Ok(Step::new(used, self.end()));
        }
        self.awaits = Awaits::End;
        Ok(Step::new(used, Found::Trailers(count)))
    }
}
