use crate::Error;
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

impl Version {
    /// `HTTP-name "/" DIGIT "." DIGIT`.
    #[inline]
    pub(crate) const fn parse(octets: &[u8]) -> Result<Self, Error> {
        match octets {
            b"HTTP/1.0" => Ok(Self::Http10),
            b"HTTP/1.1" | [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => {
                Ok(Self::Http11)
            }
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                Err(Error::PeerVersionUnsupported)
            }
            _ => Err(Error::PeerVersion),
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
