use crate::wide;
use alloc::boxed::Box;
use rand_core::CryptoRng;

/// A masking key (RFC 6455 5.3) and how far into the payload it has come; masking twice unmasks.
///
/// What [`head`](crate::Connection::head) returns has to be applied to the payload behind that head,
/// in one piece or in several. On a server it does nothing.
#[must_use = "a client's payload has to be masked"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mask {
    key: [u8; 4],
}

impl Mask {
    /// The mask that changes nothing: a server's.
    pub(crate) const NONE: Self = Self::new([0; 4]);

    pub(crate) const fn new(key: [u8; 4]) -> Self {
        Self { key }
    }

    /// Masks the next `octets` of the payload in place.
    #[inline]
    pub fn apply(&mut self, octets: &mut [u8]) {
        if self.key == [0; 4] {
            return;
        }
        wide::xor(octets, self.key);
        let done = 8 * (octets.len() % 4) as u32;
        self.key = u32::from_be_bytes(self.key).rotate_left(done).to_be_bytes();
    }
}

/// Keys drawn at once: a system's generator costs a system call.
const DRAWN: usize = 64;

/// A client's masking keys: each frame's is new, and nobody can foretell it (RFC 6455 5.3, 10.3).
pub(crate) struct Keys {
    random: Box<dyn CryptoRng + Send>,
    drawn: [[u8; 4]; DRAWN],
    left: usize,
}

impl Keys {
    pub(crate) fn new(random: Box<dyn CryptoRng + Send>) -> Self {
        Self {
            random,
            drawn: [[0; 4]; DRAWN],
            left: 0,
        }
    }

    #[inline]
    pub(crate) fn next(&mut self) -> [u8; 4] {
        if self.left == 0 {
            self.random.fill_bytes(self.drawn.as_flattened_mut());
            self.left = DRAWN;
        }
        self.left -= 1;
        core::mem::take(&mut self.drawn[self.left])
    }
}

#[cfg(test)]
mod tests {
    use super::Mask;
    use alloc::vec::Vec;

    #[test]
    fn every_length_in_any_pieces_is_masked_octet_by_octet() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for length in (0..100usize).chain([127, 128, 129, 200, 4096]) {
            let plain: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let expected: Vec<u8> = plain
                .iter()
                .enumerate()
                .map(|(at, octet)| octet ^ key[at % 4])
                .collect();
            for cut in (0..=length).filter(|cut| *cut < 100 || length - cut < 5) {
                let mut masked = plain.clone();
                let (front, back) = masked.split_at_mut(cut);
                let mut mask = Mask::new(key);
                mask.apply(front);
                mask.apply(back);
                assert_eq!(masked, expected, "{length} cut at {cut}");
            }
        }
    }
}
