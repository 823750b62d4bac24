//! The sum of many words at once. With AVX2, which not every x86-64 has, the same loop takes half the time:
//! which of the two runs is decided when it does.
//!
//! The only `unsafe` of this crate is here: the call of what was compiled for AVX2. The loop is one, so that the
//! two cannot differ but by the compiler, and a property and a fuzz target hold them equal to a plain sum.

/// What is looked at together.
pub(crate) type Block = [u8; 128];

/// The sum of the 32-bit little-endian words. `blocks` are shorter than 2^31 octets: no carry is lost.
pub(crate) fn sum(blocks: &[Block]) -> u64 {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "calls what needs a CPU with AVX2")]
        // SAFETY: this CPU has AVX2.
        return unsafe { avx2::sum(blocks) };
    }
    portable(blocks)
}

/// Lanes are independent, so that the compiler may add them at once.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled once for each set of instructions"
)]
fn portable(blocks: &[Block]) -> u64 {
    let mut lanes = [0u64; 16];
    for block in blocks {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks().0) {
            let word = u64::from_le_bytes(*word);
            *lane += (word & 0xffff_ffff) + (word >> 32);
        }
    }
    lanes.iter().sum()
}

#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod avx2 {
    use super::{Block, portable};

    #[target_feature(enable = "avx2")]
    pub(super) fn sum(blocks: &[Block]) -> u64 {
        portable(blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, portable, sum};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_loops_give_the_plain_sum(octets in prop::collection::vec(any::<u8>(), 0..2000)) {
            let blocks: &[Block] = octets.as_chunks().0;
            let words = blocks.as_flattened().chunks(4);
            let plain: u64 = words.map(|word| u64::from(u32::from_le_bytes([word[0], word[1], word[2], word[3]]))).sum();
            prop_assert_eq!(portable(blocks), plain);
            prop_assert_eq!(sum(blocks), plain);
        }
    }

    #[test]
    fn no_carry_is_lost_over_the_longest_segment() {
        let blocks = std::vec![[0xff; 128]; 512];
        assert_eq!(sum(&blocks), 16_384 * 0xffff_ffff);
        assert_eq!(portable(&blocks), 16_384 * 0xffff_ffff);
    }
}
