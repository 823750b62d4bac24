use crate::{Error, OpCode};
use alloc::vec::Vec;
use netkit_core::{ReadError, Reader, Writer};

/// Octets that the payload of a control frame may have (RFC 6455 5.5).
pub(crate) const CONTROL: u64 = 125;
/// The second octet's length when the real one stands in the two octets behind it.
const LENGTH_16: u8 = 126;
/// The second octet's length when the real one stands in the eight octets behind it.
const LENGTH_64: u8 = 127;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_RSV3: u8 = 0x30;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;

/// What stands before the payload of a frame (RFC 6455 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    /// The last frame of its message.
    pub fin: bool,
    /// The first frame of a compressed message (RFC 7692 6).
    pub rsv1: bool,
    /// What the frame is.
    pub opcode: OpCode,
    /// What a client's payload is masked with.
    pub masking_key: Option<[u8; 4]>,
    /// Octets of payload.
    pub length: u64,
}

impl FrameHead {
    /// The head at the front of `input`, and the number of its octets; `None` if more have to arrive.
    ///
    /// Refused is what no role and no extension of this crate allows: reserved bits and opcodes,
    /// control frames that are long or fragmented, lengths in more octets than they need.
    #[inline]
    pub fn read(input: &[u8]) -> Result<Option<(Self, usize)>, Error> {
        let mut reader = Reader::new(input);
        match Self::read_from(&mut reader) {
            Ok(head) => Ok(Some((head, input.len() - reader.len()))),
            Err(Stop::Short) => Ok(None),
            Err(Stop::Refused(error)) => Err(error),
        }
    }

    #[inline]
    fn read_from(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let first = reader.u8()?;
        let opcode = OpCode(first & OPCODE);
        let fin = first & FIN != 0;
        if first & RSV2_RSV3 != 0 {
            return Err(Error::PeerReservedBit.into());
        }
        if opcode.name().is_none() {
            return Err(Error::PeerOpCode.into());
        }
        if opcode.is_control() && !fin {
            return Err(Error::PeerControlFragmented.into());
        }
        let second = reader.u8()?;
        let length = second & !MASKED;
        if opcode.is_control() && u64::from(length) > CONTROL {
            return Err(Error::PeerControlTooLong.into());
        }
        let length = match length {
            LENGTH_16 => at_least(u64::from(LENGTH_16), reader.u16()?.into())?,
            LENGTH_64 => at_least(1 << 16, reader.u64()?)?,
            length => length.into(),
        };
        let masking_key = match second & MASKED {
            0 => None,
            _ => Some(reader.array()?),
        };
        Ok(Self {
            fin,
            rsv1: first & RSV1 != 0,
            opcode,
            masking_key,
            length,
        })
    }

    /// Appends the head, its length in as few octets as can be.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        // A sum, because no two of its terms share a bit.
        let bit = |is: bool, bit| if is { bit } else { 0 };
        out.u8(bit(self.fin, FIN) + bit(self.rsv1, RSV1) + (self.opcode.0 & OPCODE));
        let masked = bit(self.masking_key.is_some(), MASKED);
        match (u8::try_from(self.length), u16::try_from(self.length)) {
            (Ok(length @ ..LENGTH_16), _) => out.u8(masked + length),
            (_, Ok(length)) => {
                out.u8(masked + LENGTH_16);
                out.u16(length);
            }
            _ => {
                out.u8(masked + LENGTH_64);
                out.u64(self.length);
            }
        }
        out.bytes(self.masking_key.as_ref().map_or(&[], |key| key));
    }
}

/// RFC 6455 5.2: "the minimal number of bytes MUST be used"; the highest of 64 bits is 0.
#[inline]
const fn at_least(least: u64, length: u64) -> Result<u64, Stop> {
    if length < least {
        return Err(Stop::Refused(Error::PeerLengthNotMinimal));
    }
    if length >> 63 != 0 {
        return Err(Stop::Refused(Error::PeerLength));
    }
    Ok(length)
}

/// Why there is no head.
enum Stop {
    Short,
    Refused(Error),
}

impl From<ReadError> for Stop {
    fn from(_: ReadError) -> Self {
        Self::Short
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

#[cfg(test)]
mod tests {
    use super::FrameHead;
    use crate::{Error, OpCode};
    use alloc::{vec, vec::Vec};
    use proptest::prelude::*;

    fn refusal(octets: &[u8]) -> Option<Error> {
        FrameHead::read(octets).err()
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 6455 5.7.
        let masked_hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d];
        let head = FrameHead {
            fin: true,
            rsv1: false,
            opcode: OpCode::TEXT,
            masking_key: Some([0x37, 0xfa, 0x21, 0x3d]),
            length: 5,
        };
        assert_eq!(FrameHead::read(&masked_hello), Ok(Some((head, 6))));
        for (octets, fin, opcode, length) in [
            (&[0x01, 0x03][..], false, OpCode::TEXT, 3),
            (&[0x80, 0x02], true, OpCode::CONTINUATION, 2),
            (&[0x8a, 0x05], true, OpCode::PONG, 5),
            (&[0x82, 0x7e, 0x01, 0x00], true, OpCode::BINARY, 256),
            (
                &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0],
                true,
                OpCode::BINARY,
                65536,
            ),
        ] {
            let head = FrameHead {
                fin,
                rsv1: false,
                opcode,
                masking_key: None,
                length,
            };
            assert_eq!(FrameHead::read(octets), Ok(Some((head, octets.len()))));
            let mut out = Vec::new();
            head.write(&mut out);
            assert_eq!(out, octets);
        }
    }

    #[test]
    fn what_no_frame_can_be_is_refused_at_its_octet() {
        for bits in [0x90, 0xa0, 0xb0] {
            assert_eq!(refusal(&[bits | 1]), Some(Error::PeerReservedBit));
        }
        assert_eq!(
            refusal(&[0xc1]),
            None,
            "an extension may have agreed on RSV1"
        );
        for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
            assert_eq!(refusal(&[0x80 | opcode]), Some(Error::PeerOpCode));
        }
        for opcode in [8, 9, 10] {
            assert_eq!(refusal(&[opcode]), Some(Error::PeerControlFragmented));
            let long = [0x80 | opcode, 126];
            assert_eq!(refusal(&long), Some(Error::PeerControlTooLong));
            assert_eq!(refusal(&[0x80 | opcode, 0xfd]), None);
        }
    }

    #[test]
    fn lengths_have_one_form() {
        assert_eq!(
            refusal(&[0x82, 126, 0, 125]),
            Some(Error::PeerLengthNotMinimal)
        );
        assert_eq!(refusal(&[0x82, 126, 0, 126]), None);
        let long = |length: u64| {
            let mut octets = vec![0x82, 127];
            octets.extend(length.to_be_bytes());
            refusal(&octets)
        };
        assert_eq!(long(65535), Some(Error::PeerLengthNotMinimal));
        assert_eq!(long(65536), None);
        assert_eq!(long(u64::MAX >> 1), None);
        assert_eq!(long(1 << 63), Some(Error::PeerLength));
    }

    proptest! {
        #[test]
        fn a_head_that_was_written_is_read(
            fin: bool,
            rsv1: bool,
            opcode in prop::sample::select(OpCode::ALL),
            masking_key: Option<[u8; 4]>,
            length in prop_oneof![0u64..300, 65_500u64..65_600, 0..=u64::MAX >> 1],
        ) {
            let control = opcode.is_control();
            let head = FrameHead {
                fin: fin || control,
                rsv1,
                opcode,
                masking_key,
                length: if control { length % 126 } else { length },
            };
            let mut out = Vec::new();
            head.write(&mut out);
            for short in 0..out.len() {
                prop_assert_eq!(FrameHead::read(&out[..short]), Ok(None));
            }
            let end = out.len();
            out.push(0);
            prop_assert_eq!(FrameHead::read(&out), Ok(Some((head, end))));
        }
    }
}
