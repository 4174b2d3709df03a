//! The report of a run, and whether the run is good.

mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::counters::{LatencyHistogram, LeaderboardCounters, RequestCounters};
use crate::verify::Verification;

/// The shortest run whose memory is judged.
const LONG_RUN: Duration = Duration::from_secs(300);

#[derive(Clone, Debug, Serialize)]
pub struct LoadReport {
    pub scenario: &'static str,
    /// Accepted trades a second in `distinct` and `popular`, responses in the others.
    pub throughput: f64,
    /// Responses a second, of any status.
    pub answers_per_second: f64,
    pub accepted_per_second: f64,
    /// From the first attempt, or from when it was due, to the last byte of the last response.
    pub latency_ms: Latency,
    /// Responses by status; `failed` is a request without a response.
    pub statuses: BTreeMap<String, u64>,
    pub codes: BTreeMap<String, u64>,
    pub retries: u64,
    /// Requests sent, including retries.
    pub requests: u64,
    pub trades: Trades,
    pub concurrency: u32,
    /// Arrivals a second; `null` for closed-loop load.
    pub rate: Option<u64>,
    pub seconds: f64,
    /// The waits of orders in the server's queues; `null` without metrics.
    pub queue_wait_ms: Option<QueueWait>,
    /// How late requests were sent; `null` without a rate.
    pub send_delay_ms: Option<Latency>,
    pub verified: Verification,
    /// The server's memory; `null` except in `soak`.
    pub memory_bytes: Option<Memory>,
    /// Whether the portfolio's rows add up to its summary; `null` except in `portfolio`.
    pub sums: Option<Sums>,
    /// The first errors of the reads after the measured time.
    pub errors: Vec<String>,
    /// `null` except in `board`.
    pub board: Option<LeaderboardReport>,
    /// Whether the run has no error and no violation.
    pub good: bool,
    /// Whether every response was 429.
    #[serde(skip)]
    pub is_limited: bool,
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
}

/// Percentiles of the server's queues in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct QueueWait {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Trades {
    pub accepted: u64,
    pub refused: u64,
    /// Accepted and not yet filled when the run ended.
    pub pending: u64,
    /// Of unknown outcome, in spite of all retries.
    pub unknown: u64,
}

/// Memory of the servers together, in bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Memory {
    /// After a fifth of the run.
    pub first: u64,
    pub last: u64,
    pub max: u64,
}

/// The comparison of the rows' values with the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sums {
    Equal,
    /// They differ although no price moved.
    Unequal,
    /// Prices moved at every attempt, so nothing was compared.
    PricesMoved,
}

/// The leaderboard queries of a run.
#[derive(Clone, Debug, Serialize)]
pub struct LeaderboardReport {
    /// By kind of query: `page`, `around_me`, `return_page`, `return_around_me`.
    pub kinds: BTreeMap<&'static str, QueryReport>,
    /// Responses without a violation.
    pub checked: u64,
    /// Pages that the next page followed without a gap.
    pub joined: u64,
    /// Responses that were discarded because a player may have moved between two reads.
    pub moved: u64,
    pub violations: u64,
    pub violation: Option<String>,
}

/// Queries of one kind.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct QueryReport {
    /// Responses with status 2xx.
    pub answers: u64,
    pub per_second: f64,
    /// Bytes of the bodies.
    pub bytes: u64,
    pub latency_ms: Latency,
}

pub(crate) struct ReportInput {
    pub(crate) scenario: &'static str,
    /// Whether throughput is of accepted trades.
    pub(crate) counts_trades: bool,
    pub(crate) counters: RequestCounters,
    pub(crate) elapsed: Duration,
    pub(crate) concurrency: u32,
    pub(crate) rate: Option<u64>,
    pub(crate) queue_wait: Option<QueueWait>,
    pub(crate) verified: Verification,
    pub(crate) memory: Option<Memory>,
    pub(crate) sums: Option<Sums>,
    pub(crate) errors: Vec<String>,
}

impl LoadReport {
    pub(crate) fn new(input: ReportInput) -> Self {
        let ReportInput { scenario, counters, elapsed, verified, memory, sums, errors, .. } = input;
        let answers_per_second = per_second(counters.answered_in_time, elapsed);
        let accepted_per_second = per_second(counters.accepted_in_time, elapsed);
        let throughput = if input.counts_trades { accepted_per_second } else { answers_per_second };
        let has_grown = elapsed >= LONG_RUN && memory.is_some_and(|memory| memory.has_grown());
        let board = (scenario == "board").then(|| LeaderboardReport::new(&counters.board, elapsed));
        let good = counters.bad == 0
            && counters.unknown == 0
            && counters.latency.at_quantile(1.0) > 0
            && counters.statuses.keys().all(|status| is_expected(*status))
            && verified.difference.is_none()
            && errors.is_empty()
            && !has_grown
            && sums != Some(Sums::Unequal)
            && board.as_ref().is_none_or(|seen| seen.violations == 0 && seen.checked > 0);
        let named = |(status, count): (&u16, &u64)| (status.to_string(), *count);
        let mut statuses: BTreeMap<String, u64> = counters.statuses.iter().map(named).collect();
        if counters.failed > 0 {
            statuses.insert("failed".to_owned(), counters.failed);
        }
        let RequestCounters { accepted, refused, pending, unknown, .. } = counters;
        Self {
            scenario,
            throughput,
            answers_per_second,
            accepted_per_second,
            latency_ms: Latency::new(&counters.latency),
            statuses,
            retries: counters.retries,
            requests: counters.requests(),
            trades: Trades { accepted, refused, pending, unknown },
            concurrency: input.concurrency,
            rate: input.rate,
            seconds: elapsed.as_secs_f64(),
            queue_wait_ms: input.queue_wait,
            send_delay_ms: input.rate.map(|_| Latency::new(&counters.send_delay)),
            verified,
            memory_bytes: memory,
            sums,
            errors,
            board,
            good,
            is_limited: counters.is_limited(),
            codes: counters.codes,
        }
    }
}

/// Statuses of a good run: success, rejections (their codes are judged apart), and those that were
/// retried.
fn is_expected(status: u16) -> bool {
    (200..500).contains(&status) || status == 503
}

impl Memory {
    /// Whether it grew by more than a tenth.
    fn has_grown(self) -> bool {
        self.last.saturating_mul(10) > self.first.saturating_mul(11)
    }
}

impl LeaderboardReport {
    fn new(counters: &LeaderboardCounters, elapsed: Duration) -> Self {
        let kinds = counters.kinds.iter().map(|(kind, counts)| {
            let (answers, bytes) = (counts.responses, counts.bytes);
            let per_second = per_second(answers, elapsed);
            let latency_ms = Latency::new(&counts.latency);
            (*kind, QueryReport { answers, per_second, bytes, latency_ms })
        });
        Self {
            kinds: kinds.collect(),
            checked: counters.checked,
            joined: counters.joined,
            moved: counters.moved,
            violations: counters.violations,
            violation: counters.violation.clone(),
        }
    }
}

impl Latency {
    fn new(times: &LatencyHistogram) -> Self {
        let at = |quantile| milliseconds(times.at_quantile(quantile));
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) }
    }
}

/// Nanoseconds as milliseconds.
#[expect(clippy::float_arithmetic, reason = "a measured time for people, not a value of the game")]
pub(crate) fn nanos_as_ms(nanos: u64) -> f64 {
    (nanos / 1000) as f64 / 1000.0
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
mod tests;
