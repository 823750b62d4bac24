//! Sixteen octets at once. Each function tells of every octet of a block whether it has a property: bit `i`
//! is octet `i`'s answer.
//!
//! The only `unsafe` of this crate is here: SSE2's instructions, which every x86-64 has. Elsewhere the
//! loops in [`portable`] answer, and a property holds the two equal.

/// What is looked at together.
pub(crate) type Block = [u8; 16];

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
pub(crate) use portable::{beyond_name, beyond_target, controls};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) use sse2::{beyond_name, beyond_target, controls};

#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
mod portable {
    use super::Block;

    fn mask(block: &Block, has: impl Fn(u8) -> bool) -> u32 {
        let bit = |mask, (at, &octet): (usize, &u8)| mask | u32::from(has(octet)) << at;
        block.iter().enumerate().fold(0, bit)
    }

    /// Controls but HTAB: no field value has them (RFC 9110 5.5).
    pub(crate) fn controls(block: &Block) -> u32 {
        mask(block, |octet| octet != b'\t' && octet.is_ascii_control())
    }

    /// What is neither a letter, nor a digit, nor "-": few names go on behind one.
    pub(crate) fn beyond_name(block: &Block) -> u32 {
        mask(block, |octet| {
            octet != b'-' && !octet.is_ascii_alphanumeric()
        })
    }

    /// Controls and SP: no target has them.
    pub(crate) fn beyond_target(block: &Block) -> u32 {
        mask(block, |octet| octet == b' ' || octet.is_ascii_control())
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[expect(
    unsafe_code,
    reason = "the compiler finds no such loop by itself; measured in docs/design.md"
)]
mod sse2 {
    use super::Block;
    use core::arch::x86_64::{
        __m128i, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set_epi64x, _mm_set1_epi8, _mm_sub_epi8,
    };

    /// [`portable::controls`](super::portable::controls).
    #[inline]
    pub(crate) fn controls(block: &Block) -> u32 {
        #[inline]
        #[target_feature(enable = "sse2")]
        fn controls(block: &Block) -> u32 {
            let octets = load(block);
            let is = |octet| _mm_cmpeq_epi8(octets, all(octet));
            let below_space = up_to(octets, 0x1f);
            mask(_mm_or_si128(
                _mm_andnot_si128(is(b'\t'), below_space),
                is(0x7f),
            ))
        }
        // SAFETY: this module is compiled only where the target has SSE2.
        unsafe { controls(block) }
    }

    /// [`portable::beyond_name`](super::portable::beyond_name).
    #[inline]
    pub(crate) fn beyond_name(block: &Block) -> u32 {
        #[inline]
        #[target_feature(enable = "sse2")]
        fn in_name(block: &Block) -> u32 {
            let octets = load(block);
            let lower = _mm_or_si128(octets, all(0x20));
            let letters = up_to(_mm_sub_epi8(lower, all(b'a')), 25);
            let digits = up_to(_mm_sub_epi8(octets, all(b'0')), 9);
            let dashes = _mm_cmpeq_epi8(octets, all(b'-'));
            mask(_mm_or_si128(_mm_or_si128(letters, digits), dashes))
        }
        // SAFETY: this module is compiled only where the target has SSE2.
        let in_name = unsafe { in_name(block) };
        in_name ^ 0xffff
    }

    /// [`portable::beyond_target`](super::portable::beyond_target).
    #[inline]
    pub(crate) fn beyond_target(block: &Block) -> u32 {
        #[inline]
        #[target_feature(enable = "sse2")]
        fn beyond_target(block: &Block) -> u32 {
            let octets = load(block);
            let delete = _mm_cmpeq_epi8(octets, all(0x7f));
            mask(_mm_or_si128(up_to(octets, b' '), delete))
        }
        // SAFETY: this module is compiled only where the target has SSE2.
        unsafe { beyond_target(block) }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn load(block: &Block) -> __m128i {
        let octets = u128::from_le_bytes(*block);
        _mm_set_epi64x(
            (octets >> 64).cast_signed() as i64,
            octets.cast_signed() as i64,
        )
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn all(octet: u8) -> __m128i {
        _mm_set1_epi8(octet.cast_signed())
    }

    /// Octets of at most `most`.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn up_to(octets: __m128i, most: u8) -> __m128i {
        _mm_cmpeq_epi8(_mm_min_epu8(octets, all(most)), octets)
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn mask(octets: __m128i) -> u32 {
        _mm_movemask_epi8(octets).cast_unsigned()
    }
}

/// Index of the first octet at or behind `from` that `of` marks.
#[inline]
pub(crate) fn first(octets: &[u8], from: usize, of: impl Fn(&Block) -> u32) -> Option<usize> {
    let mut at = from;
    while let Some(block) = octets.get(at..)?.first_chunk() {
        let found = of(block);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize);
        }
        at += size_of::<Block>();
    }
    let left = octets.len() - at;
    // Fewer octets than a block: the last block has them, with others in front.
    let found = match octets.last_chunk() {
        Some(block) => of(block) >> (size_of::<Block>() - left),
        None => of(&padded(&octets[at..])) & ((1 << left) - 1),
    };
    (found != 0).then(|| at + found.trailing_zeros() as usize)
}

/// Fewer octets than a block, and zeros behind them.
#[inline]
fn padded(octets: &[u8]) -> Block {
    let length = octets.len();
    let block = match (octets.first_chunk(), octets.last_chunk()) {
        (Some(front), Some(back)) => {
            let (front, back) = (u64::from_le_bytes(*front), u64::from_le_bytes(*back));
            u128::from(front) | u128::from(back) << (8 * (length - 8))
        }
        _ => match (octets.first_chunk(), octets.last_chunk()) {
            (Some(front), Some(back)) => {
                let (front, back) = (u32::from_le_bytes(*front), u32::from_le_bytes(*back));
                u128::from(front) | u128::from(back) << (8 * (length - 4))
            }
            _ => octets
                .iter()
                .rev()
                .fold(0, |block, &octet| block << 8 | u128::from(octet)),
        },
    };
    block.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::{beyond_name, beyond_target, controls, first, padded, portable};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn every_octet_at_every_place_has_the_same_answer_from_both() {
        for octet in 0..=255 {
            for at in 0..16 {
                for others in [b'a', b' ', 0, 0x80, 0xff] {
                    let mut block = [others; 16];
                    block[at] = octet;
                    assert_eq!(controls(&block), portable::controls(&block));
                    assert_eq!(beyond_name(&block), portable::beyond_name(&block));
                    assert_eq!(beyond_target(&block), portable::beyond_target(&block));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_block_has_the_same_answers_from_both(block: [u8; 16]) {
            prop_assert_eq!(controls(&block), portable::controls(&block));
            prop_assert_eq!(beyond_name(&block), portable::beyond_name(&block));
            prop_assert_eq!(beyond_target(&block), portable::beyond_target(&block));
        }

        #[test]
        fn the_first_is_the_first(
            octets in prop::collection::vec(prop_oneof![9 => Just(b'a'), 1 => Just(b' ')], 0..70),
            from in 0..80_usize,
        ) {
            let found = octets.iter().skip(from).position(|&octet| octet == b' ');
            prop_assert_eq!(first(&octets, from, beyond_target), found.map(|found| from + found));
        }

        #[test]
        fn padding_is_zeros(octets in prop::collection::vec(any::<u8>(), 0..16)) {
            let mut expected: Vec<u8> = octets.clone();
            expected.resize(16, 0);
            prop_assert_eq!(padded(&octets).to_vec(), expected);
        }
    }
}
