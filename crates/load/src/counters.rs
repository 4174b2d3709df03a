//! What a worker counts while it goes. What the numbers become is `report`'s.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::leaderboard_scenario::LeaderboardCounters;

/// The longest time told apart, in microseconds; longer ones count as this.
const TIME_MAX_US: u64 = 600_000_000;
/// How many digits of a time are kept.
const DIGITS: u8 = 3;

/// A histogram of latencies, in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct LatencyHistogram(Histogram<u64>);

impl Default for LatencyHistogram {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, TIME_MAX_US, DIGITS);
        Self(histogram.expect("invariant: the bounds are constants that fit together"))
    }
}

impl LatencyHistogram {
    pub(crate) fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("invariant: all have the same bounds");
    }

    /// The time that this part of all does not exceed, in microseconds.
    pub(crate) fn at_quantile(&self, quantile: f64) -> u64 {
        self.0.value_at_quantile(quantile)
    }
}

/// The counts of some requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    /// From the first try, or from when it was due, to the last byte of the last answer.
    pub(crate) latency: LatencyHistogram,
    /// How late requests of an open loop were sent.
    pub(crate) send_delay: LatencyHistogram,
    /// How often each status was answered.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// How often each code of a refusal was answered.
    pub(crate) codes: BTreeMap<String, u64>,
    /// Requests without an answer.
    pub(crate) failed: u64,
    /// Requests that were sent again.
    pub(crate) retries: u64,
    /// Requests answered within the measured time.
    pub(crate) answered_in_time: u64,
    /// Trades accepted within the measured time.
    pub(crate) accepted_in_time: u64,
    /// Trades carried out.
    pub(crate) accepted: u64,
    /// Trades refused.
    pub(crate) refused: u64,
    /// Trades of which it is not known.
    pub(crate) unknown: u64,
    /// What ended in another way than the game allows.
    pub(crate) bad: u64,
    /// What was asked of the boards, and checked.
    pub(crate) board: LeaderboardCounters,
}

impl Counters {
    /// Takes in what another one counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.latency.add(&other.latency);
        self.send_delay.add(&other.send_delay);
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (code, count) in &other.codes {
            *self.codes.entry(code.clone()).or_default() += count;
        }
        self.failed += other.failed;
        self.retries += other.retries;
        self.answered_in_time += other.answered_in_time;
        self.accepted_in_time += other.accepted_in_time;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.bad += other.bad;
        self.board.add(&other.board);
    }

    /// Requests sent, answered or not.
    pub(crate) fn requests(&self) -> u64 {
        self.statuses.values().sum::<u64>() + self.failed
    }

    /// Whether nothing but 429 was ever answered.
    pub(crate) fn is_limited(&self) -> bool {
        !self.statuses.is_empty() && self.statuses.keys().all(|status| *status == 429)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_all_workers() {
        let (mut all, mut other) = (Counters::default(), Counters::default());
        for ms in 1..=500 {
            all.latency.record(Duration::from_millis(ms));
            other.latency.record(Duration::from_millis(ms + 500));
        }
        all.add(&other);
        for (quantile, expected) in [(0.5, 500), (0.9, 900), (0.99, 990), (0.999, 999)] {
            let found = all.latency.at_quantile(quantile) / 1000;
            assert!(found.abs_diff(expected) <= 1, "{found} instead of {expected}");
        }
    }

    #[test]
    fn counts_of_workers_add_up() {
        let mut one = Counters { failed: 1, retries: 2, accepted: 3, ..Counters::default() };
        one.statuses.insert(200, 3);
        one.codes.insert("contended".into(), 1);
        let mut all = one.clone();
        all.add(&one);
        assert_eq!((all.requests(), all.retries, all.accepted), (8, 4, 6));
        assert_eq!(all.codes["contended"], 2);
        assert!(!all.is_limited());
        let limited = Counters { statuses: BTreeMap::from([(429, 5)]), ..Counters::default() };
        assert!(limited.is_limited());
    }
}
