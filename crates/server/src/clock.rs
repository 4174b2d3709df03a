//! The system's clock and randomness, which only this file reads; all other code takes a
//! `domain::Clock` and a `domain::Entropy`.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::{Clock, Entropy, UnixMicros};

#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the wall clock")]
    fn now(&self) -> UnixMicros {
        // A clock before 1970 reads as 1970, one after the year 294,000 as that year.
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMicros(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
    }
}

/// The operating system's randomness, fit for secrets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one reader of the system's randomness"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        // getrandom(2) does not fail after its first success, which `check_entropy` waits for. No
        // token may be made without randomness, so the process must not continue.
        getrandom::fill(buffer).expect("invariant: the system's randomness was there at start");
    }
}

/// Draws once, so that a system without randomness is reported at start and not by a request.
#[expect(clippy::disallowed_methods, reason = "the check behind `SystemEntropy`'s invariant")]
pub(crate) fn check_entropy() -> Result<(), getrandom::Error> {
    getrandom::fill(&mut [0u8; 16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_reads_a_time_after_2025() {
        assert!(SystemClock.now().day() > domain::Day::parse("2025-01-01").expect("a day"));
    }

    #[test]
    fn two_draws_differ() {
        let (mut one, mut two) = ([0; 16], [0; 16]);
        SystemEntropy.fill(&mut one);
        SystemEntropy.fill(&mut two);
        assert_ne!(one, two);
    }
}
