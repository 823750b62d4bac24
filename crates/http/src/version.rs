use crate::{Error, error::Fault};
use core::fmt;

/// The version of a message (RFC 9112 2.3). A higher minor version of HTTP/1 counts as 1.1, the
/// highest one that is understood (RFC 9110 2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// Where the major version's digit is.
const MAJOR: usize = 5;

/// Where `octets` first differ from what a version looks like.
#[cold]
fn unlike(octets: &[u8]) -> usize {
    const SHAPE: &[u8] = b"HTTP/1.1";
    let like = |(octet, shape): (&u8, &u8)| match shape {
        b'1' => octet.is_ascii_digit(),
        _ => octet == shape,
    };
    octets
        .iter()
        .zip(SHAPE)
        .take_while(|&pair| like(pair))
        .count()
}

impl Version {
    /// `HTTP-name "/" DIGIT "." DIGIT`.
    #[inline]
    pub(crate) fn parse(octets: &[u8]) -> Result<Self, Fault> {
        match octets {
            b"HTTP/1.0" => Ok(Self::Http10),
            b"HTTP/1.1" | [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => {
                Ok(Self::Http11)
            }
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                Err(Error::PeerVersionUnsupported.at(MAJOR))
            }
            _ => Err(Error::PeerVersion.at(unlike(octets))),
        }
    }

    /// As it stands in a start line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
