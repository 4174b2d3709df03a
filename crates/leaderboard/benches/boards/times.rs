//! Measuring: a random sequence that is equal in every run, durations of single calls, and the
//! memory of this process.

use std::hint::black_box;
use std::time::Duration;

use tokio::time::Instant;

use crate::BenchError;

/// A splitmix64 sequence.
pub(crate) struct Sequence(pub(crate) u64);

impl Sequence {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

/// Times of one kind of question.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// Runs the operation so many times in sequence.
    pub(crate) fn of<T>(count: usize, mut run: impl FnMut() -> T) -> Self {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let began = Instant::now();
            black_box(run());
            times.push(began.elapsed());
        }
        Self::new(times)
    }

    /// The same with what may fail.
    pub(crate) fn of_fallible<T>(
        count: usize,
        mut run: impl FnMut() -> Result<T, BenchError>,
    ) -> Result<Self, BenchError> {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let began = Instant::now();
            black_box(run()?);
            times.push(began.elapsed());
        }
        Ok(Self::new(times))
    }

    pub(crate) fn at_per_mille(&self, per_mille: usize) -> Duration {
        let place = self.0.len() * per_mille / 1000;
        self.0.get(place.min(self.0.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |per_mille| self.at_per_mille(per_mille);
        write!(f, "{:.1?}, {:.1?}, {:.1?}", at(500), at(990), at(1000))
    }
}

/// Tenths, as people write them.
pub(crate) fn tenths(tenths: u64) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// So many a second.
pub(crate) fn rate(count: u64, took: Duration) -> u128 {
    u128::from(count) * 1_000_000 / took.as_micros().max(1)
}

/// Lets the peak of this process's memory begin anew (proc(5), clear_refs).
pub(crate) fn reset_peak() -> Result<(), BenchError> {
    Ok(std::fs::write("/proc/self/clear_refs", "5")?)
}

/// A line of this process's status, in bytes.
pub(crate) fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
