//! The exclusive or of octets with four that repeat: a payload and its masking key (RFC 6455 5.3).
//!
//! The only `unsafe` of this crate is here: one call, of the same loop compiled for AVX2's registers,
//! which are twice as wide as those that every x86-64 has.

/// Octets in a turn of the loop: two of the widest registers.
const BLOCK: usize = 64;
/// Fewer octets are done sooner than a choice is made.
#[cfg(all(target_arch = "x86_64", feature = "std"))]
const FEW: usize = 128;

/// `octets`, each with its octet of `key`.
#[inline]
pub(crate) fn xor(octets: &mut [u8], key: [u8; 4]) {
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    if octets.len() >= FEW && std::is_x86_feature_detected!("avx2") {
        #[expect(
            unsafe_code,
            reason = "the compiler cannot know which processor it will be; measured in docs/design.md"
        )]
        // SAFETY: this processor has AVX2, and that is all the function asks for.
        return unsafe { xor_avx2(octets, key) };
    }
    portable(octets, key);
}

/// [`portable`], with AVX2's registers.
#[cfg(all(target_arch = "x86_64", feature = "std"))]
#[target_feature(enable = "avx2")]
fn xor_avx2(octets: &mut [u8], key: [u8; 4]) {
    portable(octets, key);
}

#[expect(
    clippy::inline_always,
    reason = "it is compiled for the registers of the function that it is part of"
)]
#[inline(always)]
fn portable(octets: &mut [u8], key: [u8; 4]) {
    let mut twice = [0; 8];
    twice.as_chunks_mut().0.fill(key);
    let pattern = u64::from_ne_bytes(twice);
    let xor = |word: &mut [u8; 8]| *word = (u64::from_ne_bytes(*word) ^ pattern).to_ne_bytes();
    let (blocks, rest) = octets.as_chunks_mut::<BLOCK>();
    for block in blocks {
        block.as_chunks_mut().0.iter_mut().for_each(xor);
    }
    let (words, rest) = rest.as_chunks_mut();
    words.iter_mut().for_each(xor);
    for (octet, key) in rest.iter_mut().zip(twice) {
        *octet ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::{portable, xor};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_octets_are_the_same_from_both_and_one_at_a_time(
            octets in prop::collection::vec(any::<u8>(), 0..700),
            start in 0usize..70,
            key: [u8; 4],
        ) {
            let octets = &octets[start.min(octets.len())..];
            let each: Vec<u8> = octets.iter().zip(key.iter().cycle()).map(|(o, k)| o ^ k).collect();
            let (mut wide, mut narrow) = (octets.to_vec(), octets.to_vec());
            xor(&mut wide, key);
            portable(&mut narrow, key);
            prop_assert_eq!(&wide, &each);
            prop_assert_eq!(&narrow, &each);
        }
    }
}
