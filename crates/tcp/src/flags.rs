use core::{
    fmt,
    ops::{BitOr, BitOrAssign},
};

/// The twelve control bits of the header (RFC 9293 3.1): the registered ones by name, the reserved
/// three as they came.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(
    /// The low twelve bits of the header's seventh 16-bit word.
    pub u16,
);

/// One row per flag: constant, bit, tcpdump's letter, what it says.
macro_rules! flags {
    ($( $NAME:ident, $bit:literal, $letter:literal, $text:literal; )*) => {
        impl Flags {
            $( #[doc = concat!($text, ".")] pub const $NAME: Self = Self($bit); )*

            /// Each registered flag with the letter that tcpdump prints for it, in its order.
            pub const ALL: &'static [(Self, char)] = &[$((Self::$NAME, $letter)),*];
        }
    };
}

flags! {
    FIN, 0x001, 'F', "No more data from sender";
    SYN, 0x002, 'S', "Synchronize sequence numbers";
    RST, 0x004, 'R', "Reset the connection";
    PSH, 0x008, 'P', "Push function: data that the sender wants delivered is present";
    ACK, 0x010, '.', "The acknowledgment field is significant";
    URG, 0x020, 'U', "The urgent pointer field is significant";
    ECE, 0x040, 'E', "ECN-Echo (RFC 3168)";
    CWR, 0x080, 'W', "Congestion window reduced (RFC 3168)";
    AE, 0x100, 'e', "Accurate ECN (RFC 9768)";
}

impl Flags {
    /// No bit set.
    pub const NONE: Self = Self(0);

    /// Every bit that the header has room for.
    pub const MASK: u16 = 0x0fff;

    /// Whether all flags of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of `other` is set.
    pub const fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

/// As tcpdump writes them between brackets: `S.`, `P.`, `none`.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 & Self::MASK == 0 {
            return f.write_str("none");
        }
        for &(flag, letter) in Self::ALL {
            if self.has(flag) {
                write!(f, "{letter}")?;
            }
        }
        for bit in 9..12 {
            if self.0 & (1 << bit) != 0 {
                write!(f, "{bit}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Flags;
    use std::string::ToString;

    #[test]
    fn flags_print_as_tcpdump_prints_them() {
        assert_eq!((Flags::SYN | Flags::ACK).to_string(), "S.");
        assert_eq!((Flags::ACK | Flags::PSH | Flags::FIN).to_string(), "FP.");
        assert_eq!(Flags::NONE.to_string(), "none");
        assert_eq!(Flags(0xfff).to_string(), "FSRP.UEWe91011");
    }

    #[test]
    fn has_wants_all_and_any_wants_one() {
        let flags = Flags::SYN | Flags::ACK;
        assert!(flags.has(Flags::SYN | Flags::ACK) && !flags.has(Flags::SYN | Flags::RST));
        assert!(flags.any(Flags::SYN | Flags::RST) && !flags.any(Flags::RST | Flags::FIN));
    }
}
