//! What a run measured: counted while it goes (`Tally`), and as it is told at the end (`Report`).
//! It sends nothing and judges no number but the statuses and the sums.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The status of a good answer, as it is counted.
const GOOD: &str = "200";
/// What a request without an answer is counted as.
const FAILED: &str = "failed";
/// The longest latency told apart, in microseconds; longer ones count as this.
const LATENCY_MAX_US: u64 = 600_000_000;
/// How many digits of a latency are kept.
const DIGITS: u8 = 3;

/// The numbers of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How many requests were measured.
    pub requests: u64,
    /// How many workers sent them.
    pub concurrency: u32,
    /// How many stocks the player held.
    pub holdings: u32,
    /// How long the measured requests took together.
    pub seconds: f64,
    /// Answers a second, whatever their status.
    pub throughput: f64,
    /// From sending a request to the last byte of its answer; without requests that failed.
    pub latency_ms: Latency,
    /// How often each status was answered; `failed` is a request without an answer.
    pub statuses: BTreeMap<String, u64>,
    /// Whether the portfolio's rows add up to its summary.
    pub sums: Sums,
}

/// Percentiles of the latency in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.9th percentile.
    pub p999: f64,
}

/// What comparing the rows' worth with the summary's came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sums {
    /// They are the same.
    Equal,
    /// They differ, though no price moved.
    Unequal,
    /// Prices moved at every try, so nothing was compared.
    PricesMoved,
    /// An answer before was not 200, so nothing was asked.
    NotAsked,
}

impl Report {
    /// Whether every answer was 200 and the sums do not contradict each other.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.statuses.keys().all(|status| status == GOOD) && self.sums != Sums::Unequal
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} requests by {} workers, {} holdings, in {:.2} s: {:.1} answers/s",
            self.requests, self.concurrency, self.holdings, self.seconds, self.throughput
        )?;
        let statuses = self.statuses.iter().map(|(status, count)| format!("{status}: {count}"));
        writeln!(f, "statuses  {}", statuses.collect::<Vec<_>>().join(", "))?;
        let Latency { p50, p90, p99, p999 } = self.latency_ms;
        writeln!(f, "latency   p50 {p50} ms, p90 {p90} ms, p99 {p99} ms, p99.9 {p999} ms")?;
        write!(f, "sums      {}", self.sums)
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "the rows add up to the summary's total_value",
            Self::Unequal => "the rows do NOT add up to the summary's total_value",
            Self::PricesMoved => "not compared with the summary: prices moved meanwhile",
            Self::NotAsked => "not compared with the summary: not every answer was 200",
        })
    }
}

/// Statuses and latencies of some requests.
#[derive(Debug)]
pub(crate) struct Tally {
    statuses: BTreeMap<String, u64>,
    latency_us: Histogram<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        let latency_us = Histogram::new_with_bounds(1, LATENCY_MAX_US, DIGITS)
            .expect("invariant: the bounds are constants that fit together");
        Self { statuses: BTreeMap::new(), latency_us }
    }
}

impl Tally {
    /// Counts one request; no status means that it failed.
    pub(crate) fn count(&mut self, status: Option<u16>, latency: Duration) {
        let name = status.map_or_else(|| FAILED.to_owned(), |status| status.to_string());
        self.count_name(name, 1);
        if status.is_some() {
            let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
            self.latency_us.saturating_record(micros);
        }
    }

    /// Takes in what another one counted.
    pub(crate) fn add(&mut self, other: &Self) {
        for (name, count) in &other.statuses {
            self.count_name(name.clone(), *count);
        }
        self.latency_us
            .add(&other.latency_us)
            .expect("invariant: all tallies have the same bounds");
    }

    /// Whether nothing but 200 was answered.
    pub(crate) fn all_good(&self) -> bool {
        self.statuses.keys().all(|status| status == GOOD)
    }

    /// The numbers as they are told.
    pub(crate) fn report(
        self,
        elapsed: Duration,
        concurrency: u32,
        holdings: u32,
        sums: Sums,
    ) -> Report {
        let at = |quantile| milliseconds(self.latency_us.value_at_quantile(quantile));
        let latency_ms = Latency { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) };
        Report {
            requests: self.statuses.values().sum(),
            concurrency,
            holdings,
            seconds: elapsed.as_secs_f64(),
            throughput: per_second(self.latency_us.len(), elapsed),
            latency_ms,
            statuses: self.statuses,
            sums,
        }
    }

    fn count_name(&mut self, name: String, more: u64) {
        let count = self.statuses.entry(name).or_default();
        *count = count.saturating_add(more);
    }
}

#[expect(clippy::float_arithmetic, reason = "a measured time for people, not a value of the game")]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

/// 0 when no time passed.
#[expect(clippy::float_arithmetic, reason = "a measured rate for people, not a value of the game")]
fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { count as f64 / elapsed.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 to 1000 ms from two workers, all 200.
    fn thousand() -> Tally {
        let (mut all, mut other) = (Tally::default(), Tally::default());
        for ms in 1..=500 {
            all.count(Some(200), Duration::from_millis(ms));
            other.count(Some(200), Duration::from_millis(ms + 500));
        }
        all.add(&other);
        all
    }

    /// Whether a latency is this one to three digits.
    #[expect(clippy::float_arithmetic, reason = "a histogram keeps three digits")]
    fn near(actual: f64, expected: f64) -> bool {
        (actual / expected - 1.0).abs() < 0.001
    }

    #[test]
    fn percentiles_and_throughput_are_of_all_workers() {
        let tally = thousand();
        assert!(tally.all_good());
        let report = tally.report(Duration::from_secs(4), 2, 20, Sums::Equal);
        let Latency { p50, p90, p99, p999 } = report.latency_ms;
        for (actual, expected) in [(p50, 500.0), (p90, 900.0), (p99, 990.0), (p999, 999.0)] {
            assert!(near(actual, expected), "{actual} instead of {expected}");
        }
        assert!(near(report.throughput, 250.0) && report.requests == 1000);
        assert!(report.is_good());
    }

    #[test]
    fn a_failed_request_counts_but_is_no_answer() {
        let mut tally = thousand();
        tally.count(None, Duration::from_secs(30));
        tally.count(Some(429), Duration::from_millis(1));
        assert!(!tally.all_good());
        let report = tally.report(Duration::from_secs(1), 2, 20, Sums::NotAsked);
        assert!(!report.is_good());
        assert_eq!(report.requests, 1002);
        assert!(near(report.throughput, 1001.0));
        assert!(report.to_string().contains("200: 1000, 429: 1, failed: 1"), "{report}");
    }

    #[test]
    fn sums_that_differ_are_not_good_and_sums_not_compared_are_told() {
        let report = |sums| thousand().report(Duration::from_secs(1), 2, 20, sums);
        assert!(!report(Sums::Unequal).is_good());
        assert!(report(Sums::PricesMoved).is_good());
        assert!(report(Sums::PricesMoved).to_string().ends_with("prices moved meanwhile"));
    }

    #[test]
    fn the_json_has_the_names_that_are_promised() {
        let report = thousand().report(Duration::from_secs(4), 2, 20, Sums::PricesMoved);
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!(json["throughput"].as_f64(), Some(250.0));
        assert_eq!(json["statuses"], serde_json::json!({ "200": 1000 }));
        assert_eq!(json["sums"], "prices_moved");
        for name in ["p50", "p90", "p99", "p999"] {
            assert!(json["latency_ms"][name].is_f64(), "{name}");
        }
    }

    #[test]
    fn nothing_measured_is_zeros() {
        let report = Tally::default().report(Duration::ZERO, 1, 0, Sums::Equal);
        assert!(report.throughput == 0.0 && report.latency_ms.p999 == 0.0);
    }
}
