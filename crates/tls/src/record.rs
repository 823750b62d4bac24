//! The record layer (RFC 9846 5): headers, protection, and what may be read past.

use crate::{
    codepoints::{ContentType, ProtocolVersion},
    crypto::aead::{RecordKey, TAG_LEN},
    error::{Error, Spoken},
    joiner::Aligned,
    limits::{MAX_CIPHERTEXT, MAX_PLAINTEXT, MIN_FRAGMENT},
};
use alloc::vec::Vec;
use core::ops::Range;
use zeroize::Zeroize;

/// Octets of a record's header.
pub(crate) const HEADER_LEN: usize = 5;

/// A whole record at the front of some input.
#[derive(Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) kind: ContentType,
    /// The fragment's octets, counted from the record's first.
    pub(crate) fragment: Range<usize>,
}

impl Record {
    /// Octets of the record, header included.
    pub(crate) fn len(&self) -> usize {
        self.fragment.end
    }
}

/// How other protocols begin that are spoken to a wrong port (RFC 9112 3, 4). None begins like a record.
const OTHERS: [(&[u8], Spoken); 9] = [
    (b"GET ", Spoken::HttpRequest),
    (b"POST ", Spoken::HttpRequest),
    (b"HEAD ", Spoken::HttpRequest),
    (b"PUT ", Spoken::HttpRequest),
    (b"DELETE ", Spoken::HttpRequest),
    (b"OPTIONS ", Spoken::HttpRequest),
    (b"PATCH ", Spoken::HttpRequest),
    (b"CONNECT ", Spoken::HttpConnect),
    (b"HTTP/", Spoken::HttpResponse),
];

/// What `input` is instead of a record; `None` if its next octets may tell.
fn spoken(input: &[u8]) -> Option<Spoken> {
    if let Some((_, spoken)) = OTHERS.iter().find(|(front, _)| input.starts_with(front)) {
        return Some(*spoken);
    }
    let may_become = OTHERS.iter().any(|(front, _)| front.starts_with(input));
    (!may_become).then_some(Spoken::Unknown)
}

/// Finds the record at the front of `input`; `None` if it has not all arrived. A header is judged as
/// soon as its octets are there, so that a stranger's protocol is refused at its first octets.
pub(crate) fn front(input: &[u8]) -> Result<Option<Record>, Error> {
    let Some(&kind) = input.first() else {
        return Ok(None);
    };
    let kind = ContentType(kind);
    if kind.name().is_none() {
        return spoken(input).map_or(Ok(None), |spoken| Err(Error::PeerNotTls(spoken)));
    }
    // RFC 9846 5.1: legacy_record_version is ignored, but every TLS has had a 3 here.
    if input.get(1).is_some_and(|&major| major != 3) {
        return Err(Error::PeerNotTls(Spoken::Unknown));
    }
    let Some(&[high, low]) = input.get(3..HEADER_LEN).and_then(<[u8]>::first_chunk) else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let limit = match kind {
        ContentType::APPLICATION_DATA => MAX_CIPHERTEXT,
        _ => MAX_PLAINTEXT,
    };
    if length > limit {
        return Err(Error::PeerRecordOverflow);
    }
    let record = Record {
        kind,
        fragment: HEADER_LEN..HEADER_LEN + length,
    };
    Ok((input.len() >= record.len()).then_some(record))
}

/// What a record turned out to hold.
#[derive(Debug, PartialEq)]
pub(crate) enum Opened {
    /// Content of this type at this place, counted from the record's first octet.
    Content(ContentType, Range<usize>),
    /// A record to read past: early data that we do not take.
    Skipped,
}

/// The receiving half: under which key records arrive.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    key: Option<RecordKey>,
    /// Octets of refused early data that may still be read past.
    skip: usize,
    /// A protected record has opened: the peer has keys.
    opened: bool,
}

impl Incoming {
    /// From now on records arrive under `key`. No message may straddle the change.
    pub(crate) fn rekey(&mut self, _: Aligned, key: RecordKey) {
        self.key = Some(key);
    }

    /// Reads past early data (RFC 9846 4.3.10) until a record opens.
    pub(crate) fn skip_early_data(&mut self, max_size: usize) {
        self.skip = max_size;
    }

    /// Whatever comes now is meant for us.
    pub(crate) fn skip_no_more(&mut self) {
        self.skip = 0;
    }

    /// Opens the record in place.
    pub(crate) fn open(&mut self, record: &Record, octets: &mut [u8]) -> Result<Opened, Error> {
        let fragment = record.fragment.clone();
        let Self { key, skip, opened } = self;
        match key {
            // RFC 5246 6.2.3: whatever its type, a record is protected once there is a key.
            Some(key) if key.is_tls12() => {
                let (header, protected) = octets.split_at_mut(HEADER_LEN);
                let place = key.open(header, &mut protected[..fragment.len()])?;
                if place.len() > MAX_PLAINTEXT {
                    return Err(Error::PeerRecordOverflow);
                }
                let place = HEADER_LEN + place.start..HEADER_LEN + place.end;
                Ok(Opened::Content(record.kind, place))
            }
            Some(key) if record.kind == ContentType::APPLICATION_DATA => {
                let (header, protected) = octets.split_at_mut(HEADER_LEN);
                match key.open(header, &mut protected[..fragment.len()]) {
                    Ok(place) => {
                        (*skip, *opened) = (0, true);
                        inner(&octets[HEADER_LEN..HEADER_LEN + place.end])
                    }
                    Err(Error::PeerBadRecordMac) if read_past(skip, fragment.len()) => {
                        Ok(Opened::Skipped)
                    }
                    Err(error) => Err(error),
                }
            }
            // After a retry the client's early data arrives before there is a key to try.
            None if record.kind == ContentType::APPLICATION_DATA
                && read_past(skip, fragment.len()) =>
            {
                Ok(Opened::Skipped)
            }
            None if record.kind == ContentType::APPLICATION_DATA => {
                Err(Error::PeerUnexpectedRecord(record.kind))
            }
            // ChangeCipherSpec is never protected; messages are once there are keys. Alerts are too
            // (RFC 9846 6), but a peer that could not derive keys tells so in the clear. From one that
            // has them a clear alert would be anybody's, and a clear close_notify would cut its data.
            Some(_)
                if record.kind == ContentType::HANDSHAKE
                    || (record.kind == ContentType::ALERT && *opened) =>
            {
                Err(Error::PeerUnexpectedRecord(record.kind))
            }
            _ => Ok(Opened::Content(record.kind, fragment)),
        }
    }
}

/// Takes a record off the budget for early data, if there is room for it. As in the client's account,
/// the inner type and the tag do not count (RFC 9846 4.7.1).
fn read_past(budget: &mut usize, length: usize) -> bool {
    let content = length.saturating_sub(1 + TAG_LEN);
    let left = budget.checked_sub(content.max(1));
    *budget = left.unwrap_or(*budget);
    left.is_some()
}

/// Content and type of a TLSInnerPlaintext (RFC 9846 5.2): the last octet that is not zero is the
/// type, and what stands behind it is padding.
fn inner(plaintext: &[u8]) -> Result<Opened, Error> {
    if plaintext.len() > MAX_PLAINTEXT + 1 {
        return Err(Error::PeerRecordOverflow);
    }
    let at = plaintext
        .iter()
        .rposition(|&octet| octet != 0)
        .ok_or(Error::PeerUnexpectedRecord(ContentType(0)))?;
    let kind = ContentType(plaintext[at]);
    match kind {
        // RFC 9846 5.4: neither may be without content, padded or not.
        ContentType::HANDSHAKE | ContentType::ALERT if at == 0 => {
            Err(Error::PeerUnexpectedRecord(kind))
        }
        ContentType::HANDSHAKE | ContentType::ALERT | ContentType::APPLICATION_DATA => {
            Ok(Opened::Content(kind, HEADER_LEN..HEADER_LEN + at))
        }
        // RFC 9846 5: a protected ChangeCipherSpec has no place anywhere.
        _ => Err(Error::PeerUnexpectedRecord(kind)),
    }
}

/// The most octets around the content of a record, for each side of it.
const MAX_ROOM: usize = 32;

/// The header of a record whose body has `length` octets, at most `MAX_CIPHERTEXT`.
fn head(kind: ContentType, length: usize) -> [u8; HEADER_LEN] {
    let [high, low] = ProtocolVersion::TLS1_2.0.to_be_bytes();
    let [length_high, length_low] = (length as u16).to_be_bytes();
    [kind.0, high, low, length_high, length_low]
}

/// The sending half: under which key records leave.
#[derive(Debug)]
pub(crate) struct Outgoing {
    key: Option<RecordKey>,
    /// Octets of content that a record holds at most.
    longest: usize,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            key: None,
            longest: MAX_PLAINTEXT,
        }
    }
}

impl Outgoing {
    /// From now on records hold `longest` octets of content at most: 64 to 16 384.
    pub(crate) fn limit(&mut self, longest: usize) {
        self.longest = longest.clamp(MIN_FRAGMENT, MAX_PLAINTEXT);
    }

    /// Octets of content that a record holds at most.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// From now on records leave under `key`.
    pub(crate) fn rekey(&mut self, key: RecordKey) {
        self.key = Some(key);
    }

    /// From now on records leave in the clear again: a ClientHello does, whatever was sent before it.
    pub(crate) fn clear(&mut self) {
        self.key = None;
    }

    /// Whether the key may protect `parts`, joined, and a record behind them that announces the next.
    pub(crate) fn has_room_for(&self, parts: &[&[u8]]) -> bool {
        let octets: usize = parts.iter().map(|part| part.len()).sum();
        let records = octets.div_ceil(self.longest) as u64;
        self.key.as_ref().is_none_or(|key| key.left() > records)
    }

    /// Leaves the key so many records to protect.
    #[cfg(any(feature = "proptest", feature = "arbitrary"))]
    pub(crate) fn wear_down_to(&mut self, left: u64) {
        if let Some(key) = &mut self.key {
            key.wear_down_to(left);
        }
    }

    /// Appends `parts`, joined, as records of type `kind`, each as long as it may be. Nothing to
    /// send makes no record.
    pub(crate) fn send(
        &mut self,
        kind: ContentType,
        parts: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let mut left: usize = parts.iter().map(|part| part.len()).sum();
        let (front, behind) = self.room();
        out.reserve(left + left.div_ceil(self.longest) * (front + behind));
        let mut parts = parts.iter().copied();
        let mut part: &[u8] = &[];
        while left > 0 {
            let length = left.min(self.longest);
            left -= length;
            self.record(kind, out, |out| {
                let mut wanted = length;
                while wanted > 0 {
                    if part.is_empty() {
                        part = parts.next().unwrap_or_default();
                    }
                    let (now, later) = part.split_at(part.len().min(wanted));
                    out.extend_from_slice(now);
                    wanted -= now.len();
                    part = later;
                }
            })?;
        }
        Ok(())
    }

    /// Octets around the content of a record: the header, and where AES-GCM protects TLS 1.2 a nonce;
    /// behind it in TLS 1.3 the inner type, and the tag.
    pub(crate) fn room(&self) -> (usize, usize) {
        let (nonce, behind) = self.key.as_ref().map_or((0, 0), RecordKey::room);
        (HEADER_LEN + nonce, behind)
    }

    /// Protects the content that stands in `record` between [`room`](Self::room)'s octets, all of which
    /// it fills.
    pub(crate) fn seal_in_place(
        &mut self,
        kind: ContentType,
        record: &mut [u8],
    ) -> Result<(), Error> {
        let (header, body) = record.split_at_mut(HEADER_LEN);
        let Some(key) = &mut self.key else {
            header.copy_from_slice(&head(kind, body.len()));
            return Ok(());
        };
        let length = body.len();
        let (protected, tag) = body.split_at_mut(length - TAG_LEN);
        if key.is_tls12() {
            header.copy_from_slice(&head(kind, length));
        } else {
            header.copy_from_slice(&head(ContentType::APPLICATION_DATA, length));
            protected[length - TAG_LEN - 1] = kind.0;
        }
        match key.seal(header, protected) {
            Ok(sealed) => tag.copy_from_slice(&sealed),
            Err(error) => {
                // What could not be protected must not leave.
                record.zeroize();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Appends the ChangeCipherSpec of TLS 1.2, or the dummy of TLS 1.3 that looks like it (RFC 9846
    /// D.4): neither is protected.
    pub(crate) fn change_cipher_spec(out: &mut Vec<u8>) {
        let [high, low] = ProtocolVersion::TLS1_2.0.to_be_bytes();
        out.extend_from_slice(&[ContentType::CHANGE_CIPHER_SPEC.0, high, low, 0, 1, 1]);
    }

    /// Appends one record whose content `fill` appends.
    pub(crate) fn record(
        &mut self,
        kind: ContentType,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Error> {
        let start = out.len();
        let (front, behind) = self.room();
        out.extend_from_slice(&[0; MAX_ROOM][..front]);
        fill(out);
        out.extend_from_slice(&[0; MAX_ROOM][..behind]);
        self.seal_in_place(kind, &mut out[start..])
            .inspect_err(|_| out.truncate(start))
    }
}

#[cfg(test)]
mod tests {
    use super::{HEADER_LEN, Incoming, OTHERS, Opened, Outgoing, Record, front, inner};
    use crate::{
        codepoints::ContentType,
        crypto::aead::{Aead, RecordKey, TAG_LEN},
        error::{Error, Spoken},
        joiner::Joiner,
        limits::{MAX_CIPHERTEXT, MAX_PLAINTEXT, MAX_SKIPPED_EARLY_DATA},
    };
    use alloc::{vec, vec::Vec};

    fn key() -> RecordKey {
        RecordKey::new(Aead::Aes128Gcm, &[1; 16], [2; 12])
    }

    fn pair() -> (Outgoing, Incoming) {
        let mut outgoing = Outgoing::default();
        outgoing.rekey(key());
        let mut incoming = Incoming::default();
        incoming.rekey(Joiner::default().aligned().unwrap(), key());
        (outgoing, incoming)
    }

    #[test]
    fn headers_are_judged_as_soon_as_they_can_be() {
        assert_eq!(front(&[]), Ok(None));
        let other = |spoken| Err(Error::PeerNotTls(spoken));
        assert_eq!(front(b"S"), other(Spoken::Unknown));
        assert_eq!(front(&[22, 2]), other(Spoken::Unknown));
        assert_eq!(front(b"GE"), Ok(None));
        assert_eq!(front(b"GE7 /"), other(Spoken::Unknown));
        assert_eq!(front(b"GET /"), other(Spoken::HttpRequest));
        assert_eq!(front(b"CONNECT "), other(Spoken::HttpConnect));
        assert_eq!(front(b"HTTP/1.0"), other(Spoken::HttpResponse));
        let alike = OTHERS
            .iter()
            .filter(|(front, _)| ContentType(front[0]).name().is_some());
        assert_eq!(alike.count(), 0, "none begins like a record");
        assert_eq!(front(&[22, 3, 9, 0]), Ok(None));
        assert_eq!(front(&[22, 3, 1, 0, 2, 7]), Ok(None));
        let record = Record {
            kind: ContentType::HANDSHAKE,
            fragment: 5..7,
        };
        assert_eq!(front(&[22, 3, 1, 0, 2, 7, 7, 9]), Ok(Some(record)));
        let header = |kind, length: usize| {
            let [high, low] = (length as u16).to_be_bytes();
            [kind, 3, 3, high, low]
        };
        assert_eq!(front(&header(22, MAX_PLAINTEXT)), Ok(None));
        let over = Err(Error::PeerRecordOverflow);
        assert_eq!(front(&header(22, MAX_PLAINTEXT + 1)), over);
        assert_eq!(front(&header(23, MAX_CIPHERTEXT)), Ok(None));
        assert_eq!(front(&header(23, MAX_CIPHERTEXT + 1)), over);
    }

    #[test]
    fn records_are_full_and_hold_the_parts_in_order() {
        let body: Vec<u8> = (0..MAX_PLAINTEXT + 700).map(|i| i as u8).collect();
        let (mut outgoing, mut incoming) = pair();
        let mut out = Vec::new();
        let parts = [&body[..3], &[], &body[3..16_000], &body[16_000..]];
        outgoing
            .send(ContentType::APPLICATION_DATA, &parts, &mut out)
            .unwrap();
        assert_eq!(out.capacity(), out.len(), "room for all is made once");
        let (mut got, mut lengths) = (Vec::new(), Vec::new());
        while let Some(record) = front(&out).unwrap() {
            let Ok(Opened::Content(kind, range)) = incoming.open(&record, &mut out) else {
                panic!("does not open");
            };
            assert_eq!(kind, ContentType::APPLICATION_DATA);
            lengths.push(range.len());
            got.extend_from_slice(&out[range]);
            out.drain(..record.len());
        }
        assert_eq!(lengths, [MAX_PLAINTEXT, 700]);
        assert!(got == body && out.is_empty());
        outgoing
            .send(ContentType::APPLICATION_DATA, &[&[], &[]], &mut out)
            .unwrap();
        assert!(out.is_empty(), "nothing makes no record");
    }

    #[test]
    fn what_a_worn_out_key_cannot_protect_does_not_leave() {
        let mut key = key();
        key.wear_down_to(3);
        let mut outgoing = Outgoing::default();
        outgoing.rekey(key);
        let two_records = vec![0x5a; MAX_PLAINTEXT + 1];
        assert!(outgoing.has_room_for(&[&two_records]));
        assert!(!outgoing.has_room_for(&[&two_records, &two_records]));
        let (mut out, data) = (Vec::new(), ContentType::APPLICATION_DATA);
        let four = [&two_records[..]; 3];
        assert_eq!(
            outgoing.send(data, &four, &mut out),
            Err(Error::KeyExhausted)
        );
        let protected = 3 * (HEADER_LEN + MAX_PLAINTEXT + 1 + TAG_LEN);
        assert!(out.len() <= protected, "three records");
        assert!(!out.windows(8).any(|octets| octets == [0x5a; 8]));
    }

    #[test]
    fn the_inner_type_is_behind_the_content_and_before_the_padding() {
        let data = |range| Ok(Opened::Content(ContentType::APPLICATION_DATA, range));
        assert_eq!(inner(&[1, 2, 23, 0, 0]), data(HEADER_LEN..HEADER_LEN + 2));
        assert_eq!(inner(&[23]), data(HEADER_LEN..HEADER_LEN));
        assert_eq!(inner(&[0, 0, 23]), data(HEADER_LEN..HEADER_LEN + 2));
        let unexpected = |kind| Err(Error::PeerUnexpectedRecord(ContentType(kind)));
        assert_eq!(inner(&[0, 0]), unexpected(0));
        assert_eq!(inner(&[]), unexpected(0));
        assert_eq!(inner(&[1, 20]), unexpected(20));
        assert_eq!(inner(&[22]), unexpected(22));
        assert_eq!(inner(&[21, 0, 0]), unexpected(21));
        let mut long = vec![1; MAX_PLAINTEXT];
        long.push(23);
        assert!(inner(&long).is_ok());
        long.push(0);
        assert_eq!(inner(&long), Err(Error::PeerRecordOverflow));
    }

    #[test]
    fn protection_is_required_once_there_is_a_key_and_impossible_before() {
        let record = |kind| Record {
            kind,
            fragment: 5..6,
        };
        let mut octets = [0; 6];
        let (_, mut keyed) = pair();
        let mut plain = Incoming::default();
        let handshake = record(ContentType::HANDSHAKE);
        let data = record(ContentType::APPLICATION_DATA);
        assert_eq!(
            keyed.open(&handshake, &mut octets),
            Err(Error::PeerUnexpectedRecord(ContentType::HANDSHAKE))
        );
        assert_eq!(keyed.open(&data, &mut octets), Err(Error::PeerBadRecordMac));
        assert!(plain.open(&handshake, &mut octets).is_ok());
        assert_eq!(
            plain.open(&data, &mut octets),
            Err(Error::PeerUnexpectedRecord(ContentType::APPLICATION_DATA))
        );
        for clear in [ContentType::ALERT, ContentType::CHANGE_CIPHER_SPEC] {
            for incoming in [&mut keyed, &mut plain] {
                assert_eq!(
                    incoming.open(&record(clear), &mut octets),
                    Ok(Opened::Content(clear, 5..6))
                );
            }
        }
    }

    #[test]
    fn early_data_is_read_past_within_its_budget_and_until_a_record_opens() {
        let (mut outgoing, mut incoming) = pair();
        incoming.skip_early_data(MAX_SKIPPED_EARLY_DATA);
        let length = MAX_SKIPPED_EARLY_DATA / 4;
        let early = Record {
            kind: ContentType::APPLICATION_DATA,
            fragment: 5..5 + length,
        };
        let mut octets = vec![0; 5 + length];
        for _ in 0..4 {
            assert_eq!(incoming.open(&early, &mut octets), Ok(Opened::Skipped));
        }
        let bad = Err(Error::PeerBadRecordMac);
        assert_eq!(incoming.open(&early, &mut octets), bad);

        incoming.skip_early_data(MAX_SKIPPED_EARLY_DATA);
        let mut out = Vec::new();
        outgoing
            .send(ContentType::HANDSHAKE, &[b"Finished"], &mut out)
            .unwrap();
        let record = front(&out).unwrap().unwrap();
        assert!(matches!(
            incoming.open(&record, &mut out),
            Ok(Opened::Content(ContentType::HANDSHAKE, _))
        ));
        assert_eq!(incoming.open(&early, &mut octets), bad, "skipping is over");

        let mut plain = Incoming::default();
        plain.skip_early_data(MAX_SKIPPED_EARLY_DATA);
        assert_eq!(plain.open(&early, &mut octets), Ok(Opened::Skipped));
        plain.skip_no_more();
        assert!(plain.open(&early, &mut octets).is_err());
    }
}
