//! The only source of chance in a simulation: a seeded sequence of numbers, independent of the
//! system, so that a seed repeats its run.

use testkit::SeededEntropy;

pub(crate) struct SimRng(SeededEntropy);

impl SimRng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&self, low: i64, high: i64) -> i64 {
        let width = u64::try_from(high - low).expect("a range") + 1;
        low + i64::try_from(self.0.next_u64() % width).expect("a narrow range")
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&self, n: i64) -> bool {
        self.between(1, n) == 1
    }

    /// A place in something of this length.
    pub(crate) fn index(&self, length: usize) -> usize {
        let last = i64::try_from(length).expect("short") - 1;
        usize::try_from(self.between(0, last)).expect("not negative")
    }

    pub(crate) fn pick<'t, T>(&self, among: &'t [T]) -> &'t T {
        &among[self.index(among.len())]
    }
}
