use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// An address of this host and the length of its network's prefix (RFC 4632 3.1, RFC 4291 2.3):
/// `192.0.2.7/24`, `2001:db8::7/64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

/// Why there is no [`Prefix`] in a text or of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefixError {
    /// No slash, or not an address before it and a number behind it.
    Syntax,
    /// Longer than the address.
    Length,
    /// The address is no host's: multicast, broadcast, unspecified, or the network's own.
    Address,
}

impl Prefix {
    /// The address of a host in a network whose prefix has `length` bits.
    ///
    /// # Errors
    /// [`PrefixError`] if the length is more than the address has, or the address is not a host's.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, PrefixError> {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        if length > bits {
            return Err(PrefixError::Length);
        }
        let prefix = Self { address, length };
        if !is_host(address) || prefix.is_broadcast(address) {
            return Err(PrefixError::Address);
        }
        Ok(prefix)
    }

    /// The host's address.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Bits of the network's prefix.
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// Whether an address is of this network.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                (ours.to_bits() ^ theirs.to_bits()) & mask_v4(self.length) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                (ours.to_bits() ^ theirs.to_bits()) & mask_v6(self.length) == 0
            }
            _ => false,
        }
    }

    /// Whether an address means every host of this network (RFC 1122 3.2.1.3): the host part is all ones,
    /// or all zeros as it once was. Networks of one or two hosts have none (RFC 3021), nor has IPv6.
    pub fn is_broadcast(&self, address: IpAddr) -> bool {
        let IpAddr::V4(four) = address else {
            return false;
        };
        if self.length > 30 || !self.contains(address) {
            return false;
        }
        let all_ones = !mask_v4(self.length);
        let host = four.to_bits() & all_ones;
        host == 0 || host == all_ones
    }
}

const fn mask_v4(length: u8) -> u32 {
    match length {
        0 => 0,
        length => u32::MAX << (32 - length),
    }
}

const fn mask_v6(length: u8) -> u128 {
    match length {
        0 => 0,
        length => u128::MAX << (128 - length),
    }
}

/// Whether an address may be one host's, on any network (RFC 1122 3.2.1.3, RFC 4291 2.7): not multicast,
/// not broadcast, not unspecified; nor of class E, nor an IPv4 address in an IPv6 one's clothes (RFC 4942
/// 2.2).
pub(crate) fn is_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            let reserved = four.octets()[0] == 0 || four.octets()[0] >= 224;
            !reserved
        }
        IpAddr::V6(six) => {
            !six.is_multicast() && !six.is_unspecified() && six.to_ipv4_mapped().is_none()
        }
    }
}

/// Whether an address never leaves a host (RFC 1122 3.2.1.3 (g), RFC 4291 2.5.3).
pub(crate) const fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => Ipv4Addr::is_loopback(&four),
        IpAddr::V6(six) => Ipv6Addr::is_loopback(&six),
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, length) = text.split_once('/').ok_or(PrefixError::Syntax)?;
        let address = address.parse().map_err(|_| PrefixError::Syntax)?;
        let length = length.parse().map_err(|_| PrefixError::Syntax)?;
        Self::new(address, length)
    }
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "wants an address and its prefix length, as 192.0.2.7/24",
            Self::Length => "the prefix is longer than the address",
            Self::Address => "not a host's address: it means many hosts or none",
        })
    }
}

impl core::error::Error for PrefixError {}

#[cfg(test)]
mod tests {
    use super::{Prefix, PrefixError};
    use core::net::IpAddr;
    use std::string::ToString;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_prefix_knows_its_network_and_its_broadcasts() {
        let four: Prefix = "192.0.2.7/24".parse().expect("a prefix");
        assert_eq!((four.address(), four.length()), (ip("192.0.2.7"), 24));
        assert_eq!(four.to_string(), "192.0.2.7/24");
        assert!(four.contains(ip("192.0.2.255")) && !four.contains(ip("192.0.3.1")));
        assert!(!four.contains(ip("::1")));
        for (address, is) in [
            ("192.0.2.255", true),
            ("192.0.2.0", true),
            ("192.0.2.1", false),
            ("192.0.3.255", false),
            ("::", false),
        ] {
            assert_eq!(four.is_broadcast(ip(address)), is, "{address}");
        }
        let pair: Prefix = "192.0.2.1/31".parse().expect("a prefix");
        assert!(!pair.is_broadcast(ip("192.0.2.1")) && !pair.is_broadcast(ip("192.0.2.0")));
        let small: Prefix = "192.0.2.1/30".parse().expect("a prefix");
        assert!(small.is_broadcast(ip("192.0.2.3")));
        let all: Prefix = "192.0.2.1/0".parse().expect("a prefix");
        assert!(all.contains(ip("10.0.0.1")) && !all.contains(ip("::1")));
        let six: Prefix = "2001:db8::7/64".parse().expect("a prefix");
        assert!(six.contains(ip("2001:db8::1:0")) && !six.contains(ip("2001:db8:0:1::7")));
        assert!(
            "::2/0"
                .parse::<Prefix>()
                .expect("a prefix")
                .contains(ip("fe80::1"))
        );
        assert!(!six.is_broadcast(ip("2001:db8::ffff:ffff:ffff:ffff")));
        assert!(!six.is_broadcast(ip("192.0.2.255")));
    }

    #[test]
    fn what_is_no_hosts_address_is_refused_with_its_reason() {
        let error = |text: &str| text.parse::<Prefix>().expect_err("refused");
        for text in [
            "192.0.2.7",
            "192.0.2.7/",
            "x/24",
            "192.0.2.7/24/24",
            "192.0.2.7/-1",
        ] {
            assert_eq!(error(text), PrefixError::Syntax, "{text}");
        }
        for text in ["192.0.2.7/33", "::1/129"] {
            assert_eq!(error(text), PrefixError::Length, "{text}");
        }
        for text in [
            "224.0.0.1/24",
            "255.255.255.255/32",
            "240.0.0.1/32",
            "0.0.0.0/32",
            "0.1.2.3/32",
            "192.0.2.255/24",
            "192.0.2.0/24",
            "ff02::1/64",
            "::/64",
            "::ffff:192.0.2.1/128",
        ] {
            assert_eq!(error(text), PrefixError::Address, "{text}");
        }
        assert!(error("x").to_string().starts_with("wants an address"));
    }
}
