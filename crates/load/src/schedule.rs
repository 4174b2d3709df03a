//! The schedule of an open loop: requests are due at even intervals from the start, and any free
//! worker sends them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// The arrivals of a run.
#[derive(Debug)]
pub(crate) struct Schedule {
    start: Instant,
    end: Instant,
    rate: u64,
    taken: AtomicU64,
}

impl Schedule {
    /// `rate` arrivals a second from `start` until `end`.
    pub(crate) fn new(start: Instant, end: Instant, rate: u64) -> Self {
        Self { start, end, rate: rate.max(1), taken: AtomicU64::new(0) }
    }

    /// Takes the next arrival; `None` after the last.
    pub(crate) fn take(&self) -> Option<Instant> {
        let number = u128::from(self.taken.fetch_add(1, Ordering::Relaxed));
        let after = number * NANOS_PER_SECOND / u128::from(self.rate);
        let after = Duration::from_nanos(u64::try_from(after).unwrap_or(u64::MAX));
        self.start.checked_add(after).filter(|due| *due < self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_even_and_do_not_drift() {
        let start = Instant::now();
        let schedule = Schedule::new(start, start + Duration::from_secs(2), 3);
        let due: Vec<_> = std::iter::from_fn(|| schedule.take()).collect();
        assert_eq!(due.len(), 6);
        assert_eq!(due[0], start);
        assert_eq!(due[3], start + Duration::from_secs(1));
        assert_eq!(due[1] - start, Duration::from_nanos(333_333_333));
    }
}
