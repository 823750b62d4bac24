use crate::{
    Flags, OptionList, Options, PseudoHeader, Seq, TcpOption,
    error::{Malformed, SegmentError},
};
use core::{fmt, ops::Deref};

/// Octets of a header without options.
pub const HEADER: usize = 20;

/// A segment where it arrived: header and payload are lent from the caller's octets (RFC 9293 3.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    header: &'a [u8; HEADER],
    options: &'a [u8],
    payload: &'a [u8],
    octets: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Finds the parts of `octets`, which are one whole segment: what IP carried. The checksum is
    /// [`verify`](Self::verify)'s, the options are [`options`](Self::options)'.
    ///
    /// # Errors
    /// [`SegmentError`] if the header does not fit.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, SegmentError> {
        let error = |reason, at| SegmentError { reason, at };
        let Some((header, _)) = octets.split_first_chunk::<HEADER>() else {
            return Err(error(Malformed::Short, octets.len()));
        };
        let offset = usize::from(header[12] >> 4) * 4;
        if offset < HEADER {
            return Err(error(Malformed::DataOffsetSmall, 12));
        }
        let Some((head, payload)) = octets.split_at_checked(offset) else {
            return Err(error(Malformed::DataOffsetLarge, 12));
        };
        Ok(Self {
            header,
            options: &head[HEADER..],
            payload,
            octets,
        })
    }

    /// The segment, if its checksum is right (RFC 9293 3.1, MUST-3).
    ///
    /// # Errors
    /// [`SegmentError`] if it is not.
    #[inline]
    pub fn verify(self, pseudo: PseudoHeader) -> Result<Verified<'a>, SegmentError> {
        if pseudo.checksum(self.octets) == 0 {
            return Ok(Verified(self));
        }
        Err(SegmentError {
            reason: Malformed::Checksum,
            at: 16,
        })
    }

    /// The segment, whose checksum the device that received it has vouched for.
    pub const fn vouched(self) -> Verified<'a> {
        Verified(self)
    }

    const fn word(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.header[at], self.header[at + 1]])
    }

    const fn double_word(&self, at: usize) -> u32 {
        (self.word(at) as u32) << 16 | self.word(at + 2) as u32
    }

    /// The sender's port.
    pub const fn source_port(&self) -> u16 {
        self.word(0)
    }

    /// The receiver's port.
    pub const fn destination_port(&self) -> u16 {
        self.word(2)
    }

    /// The number of the first octet, or of the SYN.
    pub const fn sequence_number(&self) -> Seq {
        Seq(self.double_word(4))
    }

    /// The next number that the sender expects; means nothing without ACK.
    pub const fn acknowledgment_number(&self) -> Seq {
        Seq(self.double_word(8))
    }

    /// The control bits.
    pub const fn flags(&self) -> Flags {
        Flags(self.word(12) & Flags::MASK)
    }

    /// The window field, not scaled.
    pub const fn window(&self) -> u16 {
        self.word(14)
    }

    /// The checksum field.
    pub const fn checksum(&self) -> u16 {
        self.word(16)
    }

    /// Where urgent data end, from the sequence number on; means nothing without URG.
    pub const fn urgent_pointer(&self) -> u16 {
        self.word(18)
    }

    /// The options, in order.
    pub const fn options(&self) -> Options<'a> {
        Options::new(self.options, HEADER)
    }

    /// The octets of the options with their padding.
    pub const fn option_octets(&self) -> &'a [u8] {
        self.options
    }

    /// The data.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// SEG.LEN: what it takes of the sequence space, SYN and FIN included.
    pub fn length(&self) -> u32 {
        let flags = self.flags();
        let controls = u32::from(flags.has(Flags::SYN)) + u32::from(flags.has(Flags::FIN));
        self.payload.len() as u32 + controls
    }

    /// The header's fields, to be changed and written again.
    ///
    /// # Errors
    /// [`SegmentError`] if an option is malformed.
    pub fn header(&self) -> Result<Header, SegmentError> {
        let mut options = OptionList::new();
        for option in self.options() {
            // What was read from a header fits into one.
            options = options.with(&option?).unwrap_or(options);
        }
        Ok(Header {
            source_port: self.source_port(),
            destination_port: self.destination_port(),
            sequence_number: self.sequence_number(),
            acknowledgment_number: self.acknowledgment_number(),
            flags: self.flags(),
            window: self.window(),
            urgent_pointer: self.urgent_pointer(),
            options,
        })
    }
}

/// One line, as tcpdump prints it behind the addresses.
impl fmt::Display for Segment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (flags, seq) = (self.flags(), self.sequence_number());
        write!(f, "Flags [{flags}]")?;
        let length = self.payload.len();
        if length > 0 {
            write!(f, ", seq {seq}:{}", seq + length as u32)?;
        } else if flags.any(Flags::SYN | Flags::FIN | Flags::RST) {
            write!(f, ", seq {seq}")?;
        }
        if flags.has(Flags::ACK) {
            write!(f, ", ack {}", self.acknowledgment_number())?;
        }
        write!(f, ", win {}", self.window())?;
        if flags.has(Flags::URG) {
            write!(f, ", urg {}", self.urgent_pointer())?;
        }
        let mut between = ", options [";
        for option in self.options() {
            f.write_str(between)?;
            between = ",";
            match option {
                Ok(option) => write!(f, "{option}")?,
                Err(_) => f.write_str("bad opt")?,
            }
        }
        if between == "," {
            f.write_str("]")?;
        }
        write!(f, ", length {length}")
    }
}

impl fmt::Debug for Segment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A segment whose checksum is right: only [`Segment::verify`] and [`Segment::vouched`] make one, so
/// no other reaches a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified<'a>(Segment<'a>);

impl<'a> Deref for Verified<'a> {
    type Target = Segment<'a>;

    fn deref(&self) -> &Segment<'a> {
        &self.0
    }
}

impl fmt::Display for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The header of a segment to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// The number of the first octet, or of the SYN.
    pub sequence_number: Seq,
    /// The next number that the sender expects.
    pub acknowledgment_number: Seq,
    /// The control bits.
    pub flags: Flags,
    /// The window field, not scaled.
    pub window: u16,
    /// Where urgent data end, from the sequence number on.
    pub urgent_pointer: u16,
    /// Written in order, then padded with zeros.
    pub options: OptionList,
}

impl Header {
    /// Octets of the header with its options, a multiple of four, at most 60.
    #[inline]
    pub fn length(&self) -> usize {
        HEADER + self.options.padded().len()
    }

    /// The header with `options` behind those that it has.
    ///
    /// # Errors
    /// [`NoRoom`](crate::NoRoom) if they do not fit.
    pub fn with_options<'o>(
        mut self,
        options: impl IntoIterator<Item = TcpOption<'o>>,
    ) -> Result<Self, crate::NoRoom> {
        for option in options {
            self.options = self.options.with(&option)?;
        }
        Ok(self)
    }

    /// Writes the header to the front of `segment`, behind which the payload already stands, with the
    /// checksum of both.
    ///
    /// # Panics
    /// If `segment` is shorter than the header.
    #[inline]
    pub fn write(&self, pseudo: PseudoHeader, segment: &mut [u8]) {
        self.write_fields(segment);
        let checksum = pseudo.checksum(segment);
        segment[16..18].copy_from_slice(&checksum.to_be_bytes());
    }

    /// Writes the header as [`write`](Self::write) does for a device that completes the checksum: the
    /// field holds the sum of the pseudo-header alone.
    ///
    /// # Panics
    /// If `segment` is shorter than the header.
    pub fn write_partial(&self, pseudo: PseudoHeader, segment: &mut [u8]) {
        self.write_fields(segment);
        let sum = pseudo.partial(segment.len());
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
    }

    /// Everything but the checksum, which is zero.
    #[inline]
    fn write_fields(&self, segment: &mut [u8]) {
        let length = self.length();
        let (fixed, rest) = segment
            .split_first_chunk_mut::<HEADER>()
            .expect("room for a header");
        let offset = (length as u16 / 4) << 12;
        fixed[0..2].copy_from_slice(&self.source_port.to_be_bytes());
        fixed[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        fixed[4..8].copy_from_slice(&self.sequence_number.0.to_be_bytes());
        fixed[8..12].copy_from_slice(&self.acknowledgment_number.0.to_be_bytes());
        fixed[12..14].copy_from_slice(&(offset | self.flags.0 & Flags::MASK).to_be_bytes());
        fixed[14..16].copy_from_slice(&self.window.to_be_bytes());
        fixed[16..18].fill(0);
        fixed[18..20].copy_from_slice(&self.urgent_pointer.to_be_bytes());
        rest[..length - HEADER].copy_from_slice(self.options.padded());
    }
}

#[cfg(test)]
mod tests {
    use super::{Header, Segment};
    use crate::{Flags, PseudoHeader, Seq, TcpOption, error::Malformed};
    use core::net::{IpAddr, Ipv4Addr};
    use std::{string::ToString, vec};

    fn pseudo() -> PseudoHeader {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        PseudoHeader::new(address, address).expect("one family")
    }

    #[test]
    fn a_header_that_does_not_fit_is_refused_with_its_place() {
        let mut octets = [0; 24];
        let error = |octets: &[u8]| {
            let error = Segment::parse(octets).expect_err("malformed");
            (error.reason, error.at)
        };
        assert_eq!(error(&octets[..19]), (Malformed::Short, 19));
        octets[12] = 4 << 4;
        assert_eq!(error(&octets), (Malformed::DataOffsetSmall, 12));
        octets[12] = 7 << 4;
        assert_eq!(error(&octets), (Malformed::DataOffsetLarge, 12));
        octets[12] = 6 << 4;
        assert_eq!(Segment::parse(&octets).expect("fits").options().count(), 1);
    }

    #[test]
    fn a_written_segment_verifies_and_a_damaged_one_does_not() {
        let header = Header {
            source_port: 1,
            destination_port: 2,
            flags: Flags::ACK,
            ..Header::default()
        };
        let mut octets = vec![0; 20];
        octets.extend_from_slice(b"abc");
        header.write(pseudo(), &mut octets);
        let segment = Segment::parse(&octets).expect("whole");
        assert_eq!(segment.verify(pseudo()).expect("right").payload(), b"abc");
        for at in 0..octets.len() {
            let mut damaged = octets.clone();
            damaged[at] ^= 0x10;
            let refused =
                Segment::parse(&damaged).map_or(true, |segment| segment.verify(pseudo()).is_err());
            assert!(refused, "octet {at}");
        }
    }

    #[test]
    fn a_segment_prints_as_tcpdump_prints_it() {
        let header = Header {
            sequence_number: Seq(100),
            acknowledgment_number: Seq(7),
            flags: Flags::SYN | Flags::ACK,
            window: 65535,
            ..Header::default()
        };
        let header = header
            .with_options([
                TcpOption::MaximumSegmentSize(1460),
                TcpOption::SackPermitted,
                TcpOption::NoOperation,
                TcpOption::NoOperation,
            ])
            .expect("room");
        let mut octets = vec![0; header.length()];
        header.write(pseudo(), &mut octets);
        assert_eq!(
            Segment::parse(&octets).expect("whole").to_string(),
            "Flags [S.], seq 100, ack 7, win 65535, options [mss 1460,sackOK,nop,nop], length 0"
        );
        let header = Header {
            sequence_number: Seq(1),
            flags: Flags::PSH | Flags::ACK | Flags::URG,
            urgent_pointer: 3,
            ..Header::default()
        };
        let mut octets = vec![0; 30];
        header.write(pseudo(), &mut octets);
        assert_eq!(
            Segment::parse(&octets).expect("whole").to_string(),
            "Flags [P.U], seq 1:11, ack 0, win 0, urg 3, length 10"
        );
    }
}
