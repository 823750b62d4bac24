use core::fmt;

/// Octets that are no TCP segment: why, and the octet of the segment where it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentError {
    /// What is wrong.
    pub reason: Malformed,
    /// Counted from the segment's first octet.
    pub at: usize,
}

/// What is wrong with octets that should be a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// Fewer octets than the shortest header has.
    Short,
    /// The data offset is less than five words.
    DataOffsetSmall,
    /// The data offset lies behind the segment's end.
    DataOffsetLarge,
    /// An option's length is less than two.
    OptionLength,
    /// An option goes on behind the header's end.
    OptionCut,
    /// The checksum is not that of the segment.
    Checksum,
}

impl fmt::Display for SegmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            Malformed::Short => "fewer octets than the shortest TCP header has",
            Malformed::DataOffsetSmall => "the data offset is less than five words",
            Malformed::DataOffsetLarge => "the data offset lies behind the segment's end",
            Malformed::OptionLength => "an option's length is less than two",
            Malformed::OptionCut => "an option goes on behind the header's end",
            Malformed::Checksum => "the checksum is wrong: the segment was damaged on the way",
        })?;
        write!(f, " (octet {})", self.at)
    }
}

impl core::error::Error for SegmentError {}
