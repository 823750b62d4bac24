//! Options (RFC 9293 3.2): the common ones typed, all others kept as they came.

use crate::{
    Seq,
    error::{Malformed, SegmentError},
};
use core::fmt;
use netkit_core::wire_enum;

wire_enum! {
    /// Option kinds, named as IANA's registry names them.
    pub struct OptionKind(u8) {
        /// RFC 9293 3.2.
        END_OF_OPTION_LIST = 0, "End of Option List";
        /// RFC 9293 3.2.
        NO_OPERATION = 1, "No-Operation";
        /// RFC 9293 3.7.1.
        MAXIMUM_SEGMENT_SIZE = 2, "Maximum Segment Size";
        /// RFC 7323 2.
        WINDOW_SCALE = 3, "Window Scale";
        /// RFC 2018 2.
        SACK_PERMITTED = 4, "SACK Permitted";
        /// RFC 2018 3.
        SACK = 5, "SACK";
        /// RFC 1072, obsolete.
        ECHO = 6, "Echo";
        /// RFC 1072, obsolete.
        ECHO_REPLY = 7, "Echo Reply";
        /// RFC 7323 3.
        TIMESTAMPS = 8, "Timestamps";
        /// RFC 1693, obsolete.
        PARTIAL_ORDER_CONNECTION_PERMITTED = 9, "Partial Order Connection Permitted";
        /// RFC 1693, obsolete.
        PARTIAL_ORDER_SERVICE_PROFILE = 10, "Partial Order Service Profile";
        /// RFC 1644, obsolete.
        CC = 11, "CC";
        /// RFC 1644, obsolete.
        CC_NEW = 12, "CC.NEW";
        /// RFC 1644, obsolete.
        CC_ECHO = 13, "CC.ECHO";
        /// RFC 1146, obsolete.
        ALTERNATE_CHECKSUM_REQUEST = 14, "TCP Alternate Checksum Request";
        /// RFC 1146, obsolete.
        ALTERNATE_CHECKSUM_DATA = 15, "TCP Alternate Checksum Data";
        /// Registered without a document.
        SKEETER = 16, "Skeeter";
        /// Registered without a document.
        BUBBA = 17, "Bubba";
        /// Registered without a document.
        TRAILER_CHECKSUM = 18, "Trailer Checksum Option";
        /// RFC 2385, obsolete.
        MD5_SIGNATURE = 19, "MD5 Signature Option";
        /// Registered without a document.
        SCPS_CAPABILITIES = 20, "SCPS Capabilities";
        /// Registered without a document.
        SELECTIVE_NEGATIVE_ACKNOWLEDGEMENTS = 21, "Selective Negative Acknowledgements";
        /// Registered without a document.
        RECORD_BOUNDARIES = 22, "Record Boundaries";
        /// Registered without a document.
        CORRUPTION_EXPERIENCED = 23, "Corruption experienced";
        /// Registered without a document.
        SNAP = 24, "SNAP";
        /// Registered without a document.
        COMPRESSION_FILTER = 26, "TCP Compression Filter";
        /// RFC 4782.
        QUICK_START_RESPONSE = 27, "Quick-Start Response";
        /// RFC 5482.
        USER_TIMEOUT = 28, "User Timeout Option";
        /// RFC 5925.
        AUTHENTICATION = 29, "TCP Authentication Option";
        /// RFC 8684.
        MULTIPATH = 30, "Multipath TCP";
        /// RFC 7413.
        FAST_OPEN_COOKIE = 34, "TCP Fast Open Cookie";
        /// RFC 8547.
        ENCRYPTION_NEGOTIATION = 69, "Encryption Negotiation";
        /// RFC 9768.
        ACCURATE_ECN_ORDER_0 = 172, "Accurate ECN Order 0";
        /// RFC 9768.
        ACCURATE_ECN_ORDER_1 = 174, "Accurate ECN Order 1";
        /// RFC 3692, RFC 6994.
        EXPERIMENT_1 = 253, "RFC3692-style Experiment 1";
        /// RFC 3692, RFC 6994.
        EXPERIMENT_2 = 254, "RFC3692-style Experiment 2";
    }
}

/// One option. An option whose length is not the one of its kind is `Other`, so that whatever was
/// read can be written again bit by bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpOption<'a> {
    /// Nothing but padding follows.
    EndOfOptionList,
    /// Padding between options.
    NoOperation,
    /// The largest segment that the sender can receive, in octets without headers.
    MaximumSegmentSize(u16),
    /// How far the sender's window field is shifted to the left.
    WindowScale(u8),
    /// The sender understands SACK.
    SackPermitted,
    /// What the sender has received beyond its acknowledgment number.
    Sack(SackBlocks<'a>),
    /// The sender's clock, and the last of the receiver's clock that it heard.
    Timestamps {
        /// TSval.
        value: u32,
        /// TSecr.
        echo_reply: u32,
    },
    /// Any other option: its kind, and what stands behind its length octet.
    Other(OptionKind, &'a [u8]),
}

/// The edges of a SACK option, eight octets a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SackBlocks<'a>(&'a [[u8; 8]]);

impl<'a> SackBlocks<'a> {
    /// Blocks over their octets on the wire, left edge and right edge.
    pub const fn new(octets: &'a [[u8; 8]]) -> Self {
        Self(octets)
    }

    /// The octets of one block.
    pub fn block(left: Seq, right: Seq) -> [u8; 8] {
        (u64::from(left.0) << 32 | u64::from(right.0)).to_be_bytes()
    }

    /// Left edge and right edge of each block, in order; the right one is not part of it.
    pub fn iter(&self) -> impl Iterator<Item = (Seq, Seq)> + use<'a> {
        self.0.iter().map(|&octets| {
            let (left, right) = pair(octets);
            (Seq(left), Seq(right))
        })
    }
}

impl fmt::Debug for SackBlocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Two 32-bit numbers out of eight octets.
const fn pair(octets: [u8; 8]) -> (u32, u32) {
    let both = u64::from_be_bytes(octets);
    ((both >> 32) as u32, both as u32)
}

impl TcpOption<'_> {
    /// The option's kind.
    pub const fn kind(&self) -> OptionKind {
        match self {
            Self::EndOfOptionList => OptionKind::END_OF_OPTION_LIST,
            Self::NoOperation => OptionKind::NO_OPERATION,
            Self::MaximumSegmentSize(_) => OptionKind::MAXIMUM_SEGMENT_SIZE,
            Self::WindowScale(_) => OptionKind::WINDOW_SCALE,
            Self::SackPermitted => OptionKind::SACK_PERMITTED,
            Self::Sack(_) => OptionKind::SACK,
            Self::Timestamps { .. } => OptionKind::TIMESTAMPS,
            Self::Other(kind, _) => *kind,
        }
    }
}

/// As tcpdump writes them between brackets.
impl fmt::Display for TcpOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndOfOptionList => f.write_str("eol"),
            Self::NoOperation => f.write_str("nop"),
            Self::MaximumSegmentSize(size) => write!(f, "mss {size}"),
            Self::WindowScale(shift) => write!(f, "wscale {shift}"),
            Self::SackPermitted => f.write_str("sackOK"),
            Self::Sack(blocks) => {
                write!(f, "sack {} ", blocks.0.len())?;
                blocks
                    .iter()
                    .try_for_each(|(left, right)| write!(f, "{{{left}:{right}}}"))
            }
            Self::Timestamps { value, echo_reply } => write!(f, "TS val {value} ecr {echo_reply}"),
            Self::Other(kind, octets) => {
                match kind.name() {
                    Some(name) => f.write_str(name)?,
                    None => write!(f, "unknown-{}", kind.0)?,
                }
                if !octets.is_empty() {
                    f.write_str(" 0x")?;
                }
                octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
            }
        }
    }
}

/// The options of a segment, in order. An illegal length is reported once and ends the list: those
/// in front of it stand (RFC 9293 3.1, MUST-7).
#[derive(Debug, Clone)]
pub struct Options<'a> {
    rest: &'a [u8],
    /// Where `rest` begins, counted from the segment's first octet.
    at: usize,
}

impl<'a> Options<'a> {
    /// Reads `octets`, which begin at octet `at` of their segment.
    pub(crate) const fn new(octets: &'a [u8], at: usize) -> Self {
        Self { rest: octets, at }
    }

    fn split(&mut self, length: usize) -> &'a [u8] {
        let (option, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.at += length;
        option
    }

    fn refuse(&mut self, reason: Malformed) -> SegmentError {
        self.rest = &[];
        SegmentError {
            reason,
            at: self.at,
        }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<TcpOption<'a>, SegmentError>;

    fn next(&mut self) -> Option<Self::Item> {
        let kind = OptionKind(*self.rest.first()?);
        match kind {
            OptionKind::END_OF_OPTION_LIST => {
                self.rest = &[];
                return Some(Ok(TcpOption::EndOfOptionList));
            }
            OptionKind::NO_OPERATION => {
                self.split(1);
                return Some(Ok(TcpOption::NoOperation));
            }
            _ => {}
        }
        let Some(&length) = self.rest.get(1) else {
            return Some(Err(self.refuse(Malformed::OptionCut)));
        };
        let length = usize::from(length);
        if length < 2 {
            return Some(Err(self.refuse(Malformed::OptionLength)));
        }
        if length > self.rest.len() {
            return Some(Err(self.refuse(Malformed::OptionCut)));
        }
        Some(Ok(typed(kind, &self.split(length)[2..])))
    }
}

/// The option of `kind` with `octets` behind its length.
fn typed(kind: OptionKind, octets: &[u8]) -> TcpOption<'_> {
    match (kind, octets) {
        (OptionKind::MAXIMUM_SEGMENT_SIZE, &[a, b]) => {
            TcpOption::MaximumSegmentSize(u16::from_be_bytes([a, b]))
        }
        (OptionKind::WINDOW_SCALE, &[shift]) => TcpOption::WindowScale(shift),
        (OptionKind::SACK_PERMITTED, []) => TcpOption::SackPermitted,
        (OptionKind::TIMESTAMPS, octets) => match octets.try_into() {
            Ok(octets) => {
                let (value, echo_reply) = pair(octets);
                TcpOption::Timestamps { value, echo_reply }
            }
            Err(_) => TcpOption::Other(kind, octets),
        },
        (OptionKind::SACK, octets) => match octets.as_chunks() {
            (blocks, []) => TcpOption::Sack(SackBlocks(blocks)),
            _ => TcpOption::Other(kind, octets),
        },
        _ => TcpOption::Other(kind, octets),
    }
}

/// Options to be written: at most 40 octets, as many as a header has room for. Allocates nothing.
#[derive(Clone, Copy)]
pub struct OptionList {
    octets: [u8; OptionList::ROOM],
    length: u8,
}

/// An option does not fit into the header behind those that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom;

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header has room for 40 octets of options")
    }
}

impl core::error::Error for NoRoom {}

impl OptionList {
    /// Octets of options that a header has room for.
    pub const ROOM: usize = 40;

    /// No options.
    pub const fn new() -> Self {
        Self {
            octets: [0; Self::ROOM],
            length: 0,
        }
    }

    /// The list with `option` behind the others.
    ///
    /// # Errors
    /// [`NoRoom`] if it does not fit; the list is then lost.
    pub fn with(mut self, option: &TcpOption<'_>) -> Result<Self, NoRoom> {
        let kind = option.kind().0;
        match *option {
            TcpOption::EndOfOptionList | TcpOption::NoOperation => self.append(&[kind])?,
            TcpOption::SackPermitted => self.append(&[kind, 2])?,
            TcpOption::WindowScale(shift) => self.append(&[kind, 3, shift])?,
            TcpOption::MaximumSegmentSize(size) => {
                self.append(&[kind, 4])?;
                self.append(&size.to_be_bytes())?;
            }
            TcpOption::Timestamps { value, echo_reply } => {
                self.append(&[kind, 10])?;
                self.append(&value.to_be_bytes())?;
                self.append(&echo_reply.to_be_bytes())?;
            }
            TcpOption::Sack(blocks) => self.append_behind_length(kind, blocks.0.as_flattened())?,
            TcpOption::Other(_, octets) => self.append_behind_length(kind, octets)?,
        }
        Ok(self)
    }

    fn append_behind_length(&mut self, kind: u8, octets: &[u8]) -> Result<(), NoRoom> {
        let length = u8::try_from(octets.len() + 2).map_err(|_| NoRoom)?;
        self.append(&[kind, length])?;
        self.append(octets)
    }

    fn append(&mut self, octets: &[u8]) -> Result<(), NoRoom> {
        let at = usize::from(self.length);
        let room = self.octets.get_mut(at..at + octets.len()).ok_or(NoRoom)?;
        room.copy_from_slice(octets);
        self.length += octets.len() as u8;
        Ok(())
    }

    /// The options' octets, padded with zeros to whole 32-bit words (RFC 9293 3.1, MUST-69).
    pub fn padded(&self) -> &[u8] {
        &self.octets[..usize::from(self.length).next_multiple_of(4)]
    }

    /// The options, in order.
    pub fn iter(&self) -> Options<'_> {
        Options::new(&self.octets[..usize::from(self.length)], 20)
    }
}

impl<'a> IntoIterator for &'a OptionList {
    type Item = Result<TcpOption<'a>, SegmentError>;
    type IntoIter = Options<'a>;

    fn into_iter(self) -> Options<'a> {
        self.iter()
    }
}

impl Default for OptionList {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for OptionList {
    fn eq(&self, other: &Self) -> bool {
        self.padded() == other.padded()
    }
}

impl Eq for OptionList {}

impl fmt::Debug for OptionList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().flatten()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{NoRoom, OptionKind, OptionList, Options, SackBlocks, TcpOption};
    use crate::error::Malformed;
    use std::{string::ToString, vec::Vec};

    #[test]
    fn illegal_lengths_end_the_list_and_say_where() {
        for (octets, reason, at) in [
            (&[2, 4, 5, 180, 99, 0][..], Malformed::OptionLength, 24),
            (&[1, 99, 1], Malformed::OptionLength, 21),
            (&[3, 4, 7], Malformed::OptionCut, 20),
            (&[1, 1, 8], Malformed::OptionCut, 22),
        ] {
            let last = Options::new(octets, 20).last();
            let Some(Err(error)) = last else {
                panic!("{octets:?}: {last:?}")
            };
            assert_eq!((error.reason, error.at), (reason, at), "{octets:?}");
        }
    }

    #[test]
    fn nothing_is_read_behind_the_end_of_the_list() {
        let read: Vec<_> = Options::new(&[1, 0, 2, 0], 20).flatten().collect();
        assert_eq!(read, [TcpOption::NoOperation, TcpOption::EndOfOptionList]);
    }

    #[test]
    fn a_known_kind_of_another_length_is_kept_as_it_came() {
        let octets = [2, 3, 9, 8, 3, 1, 5, 6, 0, 0, 0, 0];
        let read: Vec<_> = Options::new(&octets, 20).flatten().collect();
        let mss = TcpOption::Other(OptionKind::MAXIMUM_SEGMENT_SIZE, &[9]);
        let timestamps = TcpOption::Other(OptionKind::TIMESTAMPS, &[1]);
        let sack = TcpOption::Other(OptionKind::SACK, &[0, 0, 0, 0]);
        assert_eq!(read, [mss, timestamps, sack]);
        let again = OptionList::new().with(&read[0]).expect("room");
        assert_eq!(again.padded(), [2, 3, 9, 0]);
    }

    #[test]
    fn forty_octets_have_room_and_forty_one_do_not() {
        let filled = OptionList::new().with(&TcpOption::Other(OptionKind(99), &[7; 38]));
        assert_eq!(filled.expect("room").padded().len(), 40);
        let list = OptionList::new().with(&TcpOption::Other(OptionKind(99), &[7; 39]));
        assert_eq!(list, Err(NoRoom));
        let long = OptionList::new().with(&TcpOption::Other(OptionKind(99), &[7; 300]));
        assert_eq!(long, Err(NoRoom));
    }

    #[test]
    fn options_print_as_tcpdump_prints_them() {
        let blocks = [SackBlocks::block(crate::Seq(1), crate::Seq(5))];
        for (option, text) in [
            (TcpOption::MaximumSegmentSize(1460), "mss 1460"),
            (TcpOption::WindowScale(7), "wscale 7"),
            (TcpOption::SackPermitted, "sackOK"),
            (TcpOption::Sack(SackBlocks::new(&blocks)), "sack 1 {1:5}"),
            (
                TcpOption::Timestamps {
                    value: 1,
                    echo_reply: 2,
                },
                "TS val 1 ecr 2",
            ),
            (TcpOption::NoOperation, "nop"),
            (TcpOption::EndOfOptionList, "eol"),
            (
                TcpOption::Other(OptionKind(99), &[1, 255]),
                "unknown-99 0x01ff",
            ),
            (
                TcpOption::Other(OptionKind::USER_TIMEOUT, &[]),
                "User Timeout Option",
            ),
        ] {
            assert_eq!(option.to_string(), text);
        }
    }
}
