//! The sum of many words at once, with AVX2 where the CPU has it: that is asked when it runs.
//!
//! The only `unsafe` of this crate is here: the call of what needs AVX2, and its load. A property and a fuzz target hold both
//! loops equal to a plain sum.

/// What is looked at together.
pub(crate) type Block = [u8; 64];

/// The sum of the 32-bit little-endian words. `blocks` are shorter than 2^31 octets: no carry is lost.
#[inline]
pub(crate) fn sum(blocks: &[Block]) -> u64 {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "calls what needs a CPU with AVX2")]
        // SAFETY: this CPU has AVX2.
        return unsafe { avx2::sum(blocks) };
    }
    portable(blocks)
}

/// Lanes are independent, so that the compiler may add them at once. By itself: its registers are no concern of
/// those who have AVX2.
#[inline(never)]
fn portable(blocks: &[Block]) -> u64 {
    let mut lanes = [0u64; 8];
    for block in blocks {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks().0) {
            let word = u64::from_le_bytes(*word);
            *lane += (word & 0xffff_ffff) + (word >> 32);
        }
    }
    lanes.iter().sum()
}

/// The same sum in AVX2's words: left to itself the compiler gathers words across blocks, three times slower.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[expect(unsafe_code, reason = "loads need it")]
mod avx2 {
    use super::Block;
    use core::arch::x86_64::{
        __m256i, _mm_add_epi64, _mm_cvtsi128_si64, _mm_extract_epi64, _mm256_add_epi64,
        _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_setzero_si256,
        _mm256_slli_epi64, _mm256_srli_epi64, _mm256_sub_epi64,
    };

    #[target_feature(enable = "avx2")]
    pub(super) fn sum(blocks: &[Block]) -> u64 {
        let mut whole = [_mm256_setzero_si256(); 2];
        let mut high = [_mm256_setzero_si256(); 2];
        for block in blocks {
            for (at, words) in block.as_chunks().0.iter().enumerate() {
                let words = load(words);
                whole[at] = _mm256_add_epi64(whole[at], words);
                high[at] = _mm256_add_epi64(high[at], _mm256_srli_epi64::<32>(words));
            }
        }
        // Of all words, whose carries are lost, and of their high halves, which have none: what is left of the one
        // without the other is the sum of the low halves.
        let whole = _mm256_add_epi64(whole[0], whole[1]);
        let high = _mm256_add_epi64(high[0], high[1]);
        let low = _mm256_sub_epi64(whole, _mm256_slli_epi64::<32>(high));
        let lanes = _mm256_add_epi64(low, high);
        let pair = _mm_add_epi64(
            _mm256_castsi256_si128(lanes),
            _mm256_extracti128_si256::<1>(lanes),
        );
        let sum = _mm_cvtsi128_si64(pair) + _mm_extract_epi64::<1>(pair);
        sum.cast_unsigned()
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(octets: &[u8; 32]) -> __m256i {
        // SAFETY: 32 octets can be read there, and need no alignment.
        unsafe { _mm256_loadu_si256(octets.as_ptr().cast()) }
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
        let blocks = std::vec![[0xff; 64]; 1024];
        assert_eq!(sum(&blocks), 16_384 * 0xffff_ffff);
        assert_eq!(portable(&blocks), 16_384 * 0xffff_ffff);
    }
}
