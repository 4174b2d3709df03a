//! A clock that a test moves by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::{Clock, UnixMicros};

/// 2026-01-05T14:30:00Z, a Monday, when the New York exchange opens.
const START: UnixMicros = UnixMicros(1_767_623_400_000_000);

/// A clock that stands still until it is moved. Clones share their time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock at 2026-01-05T14:30:00Z.
    pub fn new() -> Self {
        Self::at(START)
    }

    pub fn at(instant: UnixMicros) -> Self {
        Self(Arc::new(AtomicI64::new(instant.0)))
    }

    /// Moves the clock to an instant, which may lie in its past.
    pub fn set(&self, instant: UnixMicros) {
        self.0.store(instant.0, Ordering::SeqCst);
    }

    /// Moves the clock forward (backward when negative).
    pub fn advance_seconds(&self, seconds: i64) {
        let moved = |micros| Some(UnixMicros(micros).plus_seconds(seconds).0);
        // The closure always returns a value, so this does not fail.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMicros {
        UnixMicros(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_stands_until_it_is_moved() {
        let clock = ManualClock::new();
        let given_away = clock.clone();
        assert_eq!(clock.now().to_string(), "2026-01-05T14:30:00.000000Z");
        clock.advance_seconds(90);
        assert_eq!(given_away.now().to_string(), "2026-01-05T14:31:30.000000Z");
        clock.set(UnixMicros(0));
        assert_eq!(given_away.now(), UnixMicros(0));
    }
}
