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

/// One row per error: variant, the rule, what happened and what to do.
macro_rules! errors {
    ($( $Variant:ident, $rule:literal, $text:literal; )*) => {
        /// Why a connection ended without both sides closing it, or why a call was refused: `Peer..`
        /// is the other end's doing, `Path..` the network's, `Local..` ours, `Misuse..` a call out of
        /// its turn.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Error {
            $( #[doc = concat!(stringify!($Variant), ": ", $text, " (", $rule, ").")] $Variant, )*
        }

        impl Error {
            /// Every error, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),*];

            /// The variant's name: stable, for logs and tables.
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$Variant => stringify!($Variant), )*
                }
            }

            /// The section that speaks of it.
            pub const fn rule(self) -> &'static str {
                match self {
                    $( Self::$Variant => $rule, )*
                }
            }

            const fn text(self) -> &'static str {
                match self {
                    $( Self::$Variant => $text, )*
                }
            }
        }
    };
}

errors! {
    PeerRefused, "RFC 9293 3.10.7.3", "the peer refused the connection: nobody listens on that port";
    PeerReset, "RFC 9293 3.10.7.4", "the peer reset the connection";
    PathTimedOut, "RFC 9293 3.8.3", "the peer did not answer in time: check that it is up and the path to it works";
    PathUnreachable, "RFC 9293 3.9.2.2", "the network says that the peer cannot be reached";
    LocalAborted, "RFC 9293 3.10.5", "this side aborted the connection";
    MisuseAddress, "RFC 9293 3.9.2.3", "a connection needs two unicast addresses of one family, and ports";
    MisuseClosing, "RFC 9293 3.10.2", "nothing can be sent after close";
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text(), self.rule())
    }
}

impl core::error::Error for Error {}
