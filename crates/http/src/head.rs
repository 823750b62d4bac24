//! Lines and field lines (RFC 9112 2.2, 5), found once: what a call has seen of an unfinished
//! section is not scanned again by the next.

use crate::{
    Error, Slot, blocks,
    error::Fault,
    leniency::{Leniency, Lenient},
    octets::{first_control, is_ows, token_length, trim_end, trim_start},
};
use core::ops::Range;
use memchr::memchr;

/// How far a section has been read: indices into the input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// Where the section begins.
    base: usize,
    /// Where the field lines begin: behind the start line.
    begin: usize,
    /// Where the first line begins that is not complete.
    at: usize,
    /// No LF is in `at..searched`.
    searched: usize,
    /// A control character is in `at..searched`.
    dirty: bool,
    /// Field lines before `at`.
    fields: usize,
}

/// A line without its CRLF.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// It holds a control character other than HTAB.
    pub(crate) dirty: bool,
}

impl Line {
    pub(crate) const fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// What a section may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Octets of the section, and what to say when it is longer.
    pub(crate) limit: (u32, Error),
    /// RFC 9112 5.1: only a response may have whitespace before a colon.
    pub(crate) role: Role,
}

/// Who sends what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Request,
    Response,
}

impl Scan {
    /// A section that begins at `base`.
    pub(crate) const fn new(base: usize) -> Self {
        Self {
            base,
            begin: base,
            at: base,
            searched: base,
            dirty: false,
            fields: 0,
        }
    }

    /// Whether an octet of the section has arrived.
    pub(crate) const fn has_begun(&self) -> bool {
        self.searched > self.base
    }

    /// Where the section ends, once it is complete.
    pub(crate) const fn end(&self) -> usize {
        self.at
    }

    /// The caller drops the octets before the section.
    pub(crate) const fn drop_front(&mut self) -> usize {
        let used = self.base;
        self.base -= used;
        self.begin -= used;
        self.at -= used;
        self.searched -= used;
        used
    }

    /// What of the input may belong to the section, which ends in CRLF behind `limit` octets.
    #[inline]
    pub(crate) fn window<'b>(&self, input: &'b [u8], limit: u32) -> &'b [u8] {
        &input[..input.len().min(self.base + limit as usize + 2)]
    }

    /// The next line, once it is complete. `limit` counts from the front of the section to the last
    /// octet before CRLF.
    #[inline]
    pub(crate) fn line(
        &mut self,
        input: &[u8],
        (limit, too_long): (u32, Error),
        lenient: &mut Lenient,
    ) -> Result<Option<Line>, Fault> {
        let window = self.window(input, limit);
        let Some(lf) = self.line_feed(window) else {
            if window.len() == self.base + limit as usize + 2 {
                return Err(too_long.at(window.len() - 1));
            }
            return Ok(None);
        };
        let mut line = Line {
            start: self.at,
            end: lf.saturating_sub(1),
            dirty: self.dirty,
        };
        if self.dirty && (lf == line.start || input[line.end] != b'\r') {
            // RFC 9112 2.2: "a recipient MAY recognize a single LF as a line terminator".
            if !lenient.lets(Leniency::BareLf, lf) {
                return Err(Error::PeerBareLf.at(lf));
            }
            line.end = lf;
        }
        self.next_line(lf + 1);
        Ok(Some(line))
    }

    /// The line before `at` has been read.
    #[inline]
    pub(crate) const fn next_line(&mut self, at: usize) {
        (self.at, self.searched, self.dirty) = (at, at, false);
    }

    /// Where the next line begins, if nothing of it has been looked at.
    #[inline]
    pub(crate) fn fresh(&self) -> Option<usize> {
        (self.searched == self.at).then_some(self.at)
    }

    /// Where the line's LF is. The search for it finds control characters on its way: a line without
    /// any need not be searched for them again.
    #[inline]
    fn line_feed(&mut self, window: &[u8]) -> Option<usize> {
        if !self.dirty {
            if let [b'\r', b'\n', ..] = window[self.searched..] {
                return Some(self.searched + 1);
            }
            let Some(found) = first_control(&window[self.searched..]) else {
                self.searched = window.len();
                return None;
            };
            self.searched += found;
            match window[self.searched..] {
                [b'\r', b'\n', ..] => return Some(self.searched + 1),
                [b'\r'] => return None,
                _ => self.dirty = true,
            }
        }
        let found = memchr(b'\n', &window[self.searched..]);
        let lf = found.map(|found| self.searched + found);
        self.searched = lf.unwrap_or(window.len());
        lf
    }

    /// The start line is complete: field lines begin.
    pub(crate) const fn begin_fields(&mut self) {
        self.begin = self.at;
    }

    /// The number of field lines, once the empty line behind them has arrived: their places are
    /// then in the front of `slots`.
    pub(crate) fn fields(
        &mut self,
        input: &mut [u8],
        slots: &mut [Slot],
        rules: &Rules,
        lenient: &mut Lenient,
    ) -> Result<Option<usize>, Fault> {
        let resumed = self.at > self.begin;
        loop {
            self.clean_fields(self.window(input, rules.limit.0), slots);
            let Some(line) = self.line(input, rules.limit, lenient)? else {
                return Ok(None);
            };
            match input[line.range()] {
                [] => {
                    if resumed {
                        // `slots` need not be those of the calls before: the lines, all checked, are
                        // read into these.
                        self.next_line(self.begin);
                        self.fields = 0;
                        return self.fields(input, slots, rules, lenient);
                    }
                    return Ok(Some(self.fields));
                }
                [b' ' | b'\t', ..] => self.folded_line(input, &line, slots, lenient)?,
                _ => {
                    let slot = field_line(input, &line, rules.role, lenient)?;
                    let Some(free) = slots.get_mut(self.fields) else {
                        return Err(Error::PeerTooManyFields.at(line.start));
                    };
                    *free = slot;
                    self.fields += 1;
                }
            }
        }
    }

    /// Reads lines while they are as lines should be; any other is left to who finds out what is wrong with
    /// it.
    #[inline]
    fn clean_fields(&mut self, window: &[u8], slots: &mut [Slot]) {
        if let Some(at) = self.fresh() {
            let free = slots.get_mut(self.fields..).unwrap_or_default();
            let (count, at) = clean_fields(window, at, free);
            self.next_line(at);
            self.fields += count;
        }
    }

    /// The start line ends before `begin`, `fields` field lines behind it before `at`.
    pub(crate) const fn resume(&mut self, begin: usize, fields: usize, at: usize) {
        self.begin = begin;
        self.fields = fields;
        self.next_line(at);
    }

    /// A line that begins with whitespace: RFC 9112 5.2.
    #[cold]
    fn folded_line(
        &mut self,
        input: &mut [u8],
        line: &Line,
        slots: &mut [Slot],
        lenient: &mut Lenient,
    ) -> Result<(), Fault> {
        let Some(last) = self.fields.checked_sub(1) else {
            return Err(Error::PeerFieldName.at(line.start));
        };
        if !lenient.lets(Leniency::FoldedLines, line.start) {
            return Err(Error::PeerFoldedLine.at(line.start));
        }
        if line.dirty {
            check_value(input, &line.range(), lenient)?;
        }
        // "MUST replace each received obs-fold with one or more SP octets": CRLF becomes SP SP.
        let end = match input[line.start - 2] {
            b'\r' => line.start - 2,
            _ => line.start - 1,
        };
        input[end..line.start].fill(b' ');
        let more = trimmed(&input[line.range()], line.start);
        if let Some(slot) = slots.get_mut(last).filter(|_| !more.is_empty()) {
            slot.fold(&more);
        }
        Ok(())
    }
}

/// Reads lines from `at` into `slots` while they are as lines should be: their number, and where the next
/// line begins.
#[inline]
pub(crate) fn clean_fields(window: &[u8], mut at: usize, slots: &mut [Slot]) -> (usize, usize) {
    let mut count = 0;
    for free in slots {
        let Some((slot, next)) = clean_field(window, at) else {
            break;
        };
        *free = slot;
        (at, count) = (next, count + 1);
    }
    (count, at)
}

/// The field line at `at`, and where the next line begins: if it is complete, and has nothing in it that
/// needs a judgement.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "a fifth of the instructions of a short head"
)]
fn clean_field(window: &[u8], at: usize) -> Option<(Slot, usize)> {
    let colon = blocks::first(window, at, blocks::beyond_name)?;
    if colon == at || window[colon] != b':' {
        return None;
    }
    let mut start = colon + 1;
    let mut end = blocks::first(window, start, blocks::controls)?;
    let next = end + 2;
    if window.get(end..next)? != b"\r\n" {
        return None;
    }
    while start < end && is_ows(window[start]) {
        start += 1;
    }
    while start < end && is_ows(window[end - 1]) {
        end -= 1;
    }
    Some((Slot::new(&(at..colon), &(start..end)), next))
}

/// A field line (RFC 9112 5): `field-name ":" OWS field-value OWS`.
fn field_line(input: &[u8], line: &Line, role: Role, lenient: &mut Lenient) -> Result<Slot, Fault> {
    let octets = &input[line.range()];
    let name = token_length(octets);
    let space = octets.len() - name - trim_start(&octets[name..]).len();
    let colon = name + space;
    if name == 0 || octets.get(colon) != Some(&b':') {
        return Err(not_name(octets.get(name)).at(line.start + name));
    }
    // RFC 9112 5.1: a server "MUST reject" it, a proxy "MUST remove" it from a response.
    let lets = role == Role::Response && space > 0;
    if space > 0 && !(lets && lenient.lets(Leniency::SpaceBeforeColon, line.start + name)) {
        return Err(Error::PeerSpaceBeforeColon.at(line.start + name));
    }
    let value = line.start + colon + 1..line.end;
    if line.dirty {
        check_value(input, &value, lenient)?;
    }
    Ok(Slot::new(
        &(line.start..line.start + name),
        &trimmed(&octets[colon + 1..], value.start),
    ))
}

/// What is wrong with a field line whose name ends before `octet`.
#[cold]
const fn not_name(octet: Option<&u8>) -> Error {
    match octet {
        Some(b'\r') => Error::PeerBareCr,
        _ => Error::PeerFieldName,
    }
}

/// RFC 9110 5.5: a value has no control characters but HTAB.
#[cold]
pub(crate) fn check_value(
    input: &[u8],
    value: &Range<usize>,
    lenient: &mut Lenient,
) -> Result<(), Fault> {
    let mut from = value.start;
    while let Some(found) = first_control(&input[from..value.end]) {
        let at = from + found;
        // "CR, LF, and NUL are invalid and dangerous"; of others a recipient "MAY retain such characters".
        match input[at] {
            b'\r' => return Err(Error::PeerBareCr.at(at)),
            0 => return Err(Error::PeerFieldValue.at(at)),
            _ if lenient.lets(Leniency::ControlsInValues, at) => from = at + 1,
            _ => return Err(Error::PeerFieldValue.at(at)),
        }
    }
    Ok(())
}

/// Where `value`, which stands at `start`, is without the whitespace around it.
fn trimmed(value: &[u8], start: usize) -> Range<usize> {
    let rest = trim_start(value);
    let start = start + value.len() - rest.len();
    start..start + trim_end(rest).len()
}
