//! Reproducible randomness for tests: the same seed yields the same bytes.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::Entropy;

/// The step of splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators").
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A splitmix64 generator.
#[derive(Debug)]
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next number of the sequence.
    pub fn next_u64(&self) -> u64 {
        let state = self.0.fetch_add(GOLDEN_GAMMA, Ordering::SeqCst).wrapping_add(GOLDEN_GAMMA);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_splitmix64() {
        // The first numbers of the reference implementation for the seed 1234567.
        let random = SeededEntropy::new(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn equal_seeds_fill_buffers_equally() {
        let (mut one, mut two, mut other) = ([0; 13], [0; 13], [0; 13]);
        SeededEntropy::new(7).fill(&mut one);
        SeededEntropy::new(7).fill(&mut two);
        SeededEntropy::new(8).fill(&mut other);
        assert_eq!(one, two);
        assert_ne!(one, other);
    }
}
