//! The counters and latency histograms of a worker. `report` turns them into a report.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest latency that is recorded, in microseconds; longer ones count as this.
const TIME_MAX_US: u64 = 600_000_000;
/// The significant digits of a recorded latency.
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

    /// In microseconds.
    pub(crate) fn at_quantile(&self, quantile: f64) -> u64 {
        self.0.value_at_quantile(quantile)
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct RequestCounters {
    /// From the first attempt, or from when it was due, to the last byte of the last response.
    pub(crate) latency: LatencyHistogram,
    /// How late requests of an open loop were sent.
    pub(crate) send_delay: LatencyHistogram,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) codes: BTreeMap<String, u64>,
    /// Requests without a response.
    pub(crate) failed: u64,
    pub(crate) retries: u64,
    /// Responses within the measured time.
    pub(crate) answered_in_time: u64,
    /// Trades accepted within the measured time.
    pub(crate) accepted_in_time: u64,
    /// Trades that were executed.
    pub(crate) accepted: u64,
    /// Trades that were rejected.
    pub(crate) refused: u64,
    /// Trades that were accepted and had not filled when the run ended.
    pub(crate) pending: u64,
    /// Trades whose outcome is unknown.
    pub(crate) unknown: u64,
    /// Requests that ended in a way that the game does not allow.
    pub(crate) bad: u64,
    pub(crate) board: LeaderboardCounters,
}

impl RequestCounters {
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
        self.pending += other.pending;
        self.unknown += other.unknown;
        self.bad += other.bad;
        self.board.add(&other.board);
    }

    /// Requests sent, with or without a response.
    pub(crate) fn requests(&self) -> u64 {
        self.statuses.values().sum::<u64>() + self.failed
    }

    /// Whether every response was 429.
    pub(crate) fn is_limited(&self) -> bool {
        !self.statuses.is_empty() && self.statuses.keys().all(|status| *status == 429)
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct LeaderboardCounters {
    pub(crate) kinds: BTreeMap<&'static str, QueryCounters>,
    /// Responses without a violation.
    pub(crate) checked: u64,
    /// Pages that the next page followed without a gap.
    pub(crate) joined: u64,
    /// Responses that were discarded because a player may have moved between two reads.
    pub(crate) moved: u64,
    pub(crate) violations: u64,
    pub(crate) violation: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct QueryCounters {
    pub(crate) latency: LatencyHistogram,
    pub(crate) responses: u64,
    pub(crate) bytes: u64,
}

impl LeaderboardCounters {
    pub(crate) fn add(&mut self, other: &Self) {
        for (kind, counts) in &other.kinds {
            let known = self.kinds.entry(kind).or_default();
            known.latency.add(&counts.latency);
            known.responses += counts.responses;
            known.bytes += counts.bytes;
        }
        self.checked += other.checked;
        self.joined += other.joined;
        self.moved += other.moved;
        self.violations += other.violations;
        if self.violation.is_none() {
            self.violation.clone_from(&other.violation);
        }
    }

    pub(crate) fn count(&mut self, kind: &'static str, latency: Duration, bytes: u64) {
        let counts = self.kinds.entry(kind).or_default();
        counts.latency.record(latency);
        counts.responses += 1;
        counts.bytes += bytes;
    }

    pub(crate) fn record_violation(&mut self, path: &str, what: &str) {
        self.violations += 1;
        self.violation.get_or_insert_with(|| format!("GET {path}: {what}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_all_workers() {
        let (mut all, mut other) = (RequestCounters::default(), RequestCounters::default());
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
        let mut one =
            RequestCounters { failed: 1, retries: 2, accepted: 3, ..RequestCounters::default() };
        one.statuses.insert(200, 3);
        one.codes.insert("contended".into(), 1);
        let mut all = one.clone();
        all.add(&one);
        assert_eq!((all.requests(), all.retries, all.accepted), (8, 4, 6));
        assert_eq!(all.codes["contended"], 2);
        assert!(!all.is_limited());
        let limited =
            RequestCounters { statuses: BTreeMap::from([(429, 5)]), ..RequestCounters::default() };
        assert!(limited.is_limited());
    }
}
