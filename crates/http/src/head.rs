//! Lines and field lines (RFC 9112 2.2, 5), found once: what a call has seen of an unfinished
//! section is not scanned again by the next.

use crate::{
    Error, Slot,
    error::Fault,
    octets::{first_control, token_length, trim_end, trim_start},
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
    /// RFC 9112 5.2: a server refuses obs-fold, a user agent replaces it with spaces.
    pub(crate) folds: bool,
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

    /// The next line, once it is complete. `limit` counts from the front of the section to the last
    /// octet before CRLF.
    #[inline]
    pub(crate) fn line(
        &mut self,
        input: &[u8],
        (limit, too_long): (u32, Error),
    ) -> Result<Option<Line>, Fault> {
        // A line at the limit has CRLF behind it.
        let limit = self.base + limit as usize + 2;
        let window = &input[..input.len().min(limit)];
        let Some(lf) = self.line_feed(window) else {
            if window.len() == limit {
                return Err(too_long.at(limit));
            }
            return Ok(None);
        };
        let line = Line {
            start: self.at,
            end: lf.saturating_sub(1),
            dirty: self.dirty,
        };
        if self.dirty && (lf == line.start || input[line.end] != b'\r') {
            return Err(Error::PeerBareLf.at(lf));
        }
        (self.at, self.searched, self.dirty) = (lf + 1, lf + 1, false);
        Ok(Some(line))
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
    ) -> Result<Option<usize>, Fault> {
        let resumed = self.at > self.begin;
        while let Some(line) = self.line(input, rules.limit)? {
            match input[line.range()] {
                [] => {
                    if resumed {
                        // `slots` need not be those of the calls before: the lines, all checked, are
                        // read into these.
                        (self.at, self.searched, self.fields) = (self.begin, self.begin, 0);
                        return self.fields(input, slots, rules);
                    }
                    return Ok(Some(self.fields));
                }
                [b' ' | b'\t', ..] => self.folded_line(input, &line, slots, rules)?,
                _ => {
                    let slot = field_line(input, &line)?;
                    let Some(free) = slots.get_mut(self.fields) else {
                        return Err(Error::PeerTooManyFields.at(line.start));
                    };
                    *free = slot;
                    self.fields += 1;
                }
            }
        }
        Ok(None)
    }

    /// A line that begins with whitespace: RFC 9112 5.2.
    #[cold]
    fn folded_line(
        &mut self,
        input: &mut [u8],
        line: &Line,
        slots: &mut [Slot],
        rules: &Rules,
    ) -> Result<(), Fault> {
        let Some(last) = self.fields.checked_sub(1) else {
            return Err(Error::PeerFieldName.at(line.start));
        };
        if !rules.folds {
            return Err(Error::PeerFoldedLine.at(line.start));
        }
        if line.dirty {
            check_value(input, &line.range())?;
        }
        // "MUST replace each received obs-fold with one or more SP octets": CRLF becomes SP SP.
        input[line.start - 2..line.start].fill(b' ');
        let more = trimmed(&input[line.range()], line.start);
        if let Some(slot) = slots.get_mut(last).filter(|_| !more.is_empty()) {
            slot.fold(&more);
        }
        Ok(())
    }
}

/// A field line (RFC 9112 5): `field-name ":" OWS field-value OWS`.
#[inline]
fn field_line(input: &[u8], line: &Line) -> Result<Slot, Fault> {
    let octets = &input[line.range()];
    // No token goes on over the line's end: whole blocks are there to look at.
    let name = token_length(&input[line.start..]);
    if name == 0 || octets.get(name) != Some(&b':') {
        return Err(not_name(&octets[name..]).at(line.start + name));
    }
    let value = line.start + name + 1..line.end;
    if line.dirty {
        check_value(input, &value)?;
    }
    Ok(Slot::new(
        &(line.start..line.start + name),
        &trimmed(&octets[name + 1..], value.start),
    ))
}

/// What is wrong with a field line whose name ends before `octets`.
#[cold]
fn not_name(octets: &[u8]) -> Error {
    match octets {
        [b' ' | b'\t', ..] if trim_start(octets).first() == Some(&b':') => {
            Error::PeerSpaceBeforeColon
        }
        [b'\r', ..] => Error::PeerBareCr,
        _ => Error::PeerFieldName,
    }
}

/// RFC 9110 5.5: a value has no control characters but HTAB.
pub(crate) fn check_value(input: &[u8], value: &Range<usize>) -> Result<(), Fault> {
    let octets = &input[value.clone()];
    let Some(found) = first_control(octets) else {
        return Ok(());
    };
    let error = match octets[found] {
        b'\r' => Error::PeerBareCr,
        _ => Error::PeerFieldValue,
    };
    Err(error.at(value.start + found))
}

/// Where `value`, which stands at `start`, is without the whitespace around it.
fn trimmed(value: &[u8], start: usize) -> Range<usize> {
    let rest = trim_start(value);
    let start = start + value.len() - rest.len();
    start..start + trim_end(rest).len()
}
