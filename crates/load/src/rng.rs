//! A seeded random number generator (splitmix64): equal seeds give equal requests. Not for secrets.

/// The golden ratio in 64 bits, which spreads neighboring seeds apart.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The generator splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct SeededRng(u64);

impl SeededRng {
    /// The generator of one worker.
    pub(crate) fn new(seed: u64, worker: usize) -> Self {
        let mut rng = Self(seed);
        // Mixed once more: a generator that begins some steps further on would only be late.
        let mut own = Self(rng.next().wrapping_add(worker as u64));
        Self(own.next())
    }

    /// A number below `end`; 0 when there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = end.max(1) as u64;
        // The remainder of 64 bits by so small a number is even enough.
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_worker_does_what_another_one_did() {
        let drawn = |worker| {
            let mut rng = SeededRng::new(1, worker);
            (0..1_000).map(move |_| rng.below(usize::MAX))
        };
        let all: HashSet<usize> = (0..50).flat_map(drawn).collect();
        assert_eq!(all.len(), 50_000);
    }

    #[test]
    fn a_seed_plays_the_same_again_and_workers_play_differently() {
        let draw = |seed, worker| {
            let mut rng = SeededRng::new(seed, worker);
            std::iter::repeat_with(|| rng.below(1000)).take(20).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, 0), draw(1, 0));
        assert_ne!(draw(1, 0), draw(1, 1));
        assert_ne!(draw(1, 0), draw(2, 0));
        assert!(draw(1, 0).iter().all(|number| *number < 1000));
    }
}
