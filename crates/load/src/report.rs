//! What a run came to, as it is told and as it is judged. It measures nothing.

mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::counters::{LatencyHistogram, LeaderboardCounters, RequestCounters};
use crate::verify::Verification;

/// From how long on a run says something about memory.
const LONG_RUN: Duration = Duration::from_secs(300);

/// The numbers of a run.
#[derive(Clone, Debug, Serialize)]
pub struct LoadReport {
    /// The scenario's name.
    pub scenario: &'static str,
    /// Accepted trades a second in `distinct` and `popular`, answered requests in the others.
    pub throughput: f64,
    /// Answered requests a second, whatever their status.
    pub answers_per_second: f64,
    /// Accepted trades a second.
    pub accepted_per_second: f64,
    /// From the first try, or from when it was due, to the last byte of the last answer.
    pub latency_ms: Latency,
    /// How often each status was answered; `failed` is a request without an answer.
    pub statuses: BTreeMap<String, u64>,
    /// How often each code of a refusal was answered.
    pub codes: BTreeMap<String, u64>,
    /// Requests that were sent again.
    pub retries: u64,
    /// Requests sent, those sent again included.
    pub requests: u64,
    /// What became of the trades.
    pub trades: Trades,
    /// How many workers sent them.
    pub concurrency: u32,
    /// Arrivals a second; `null` where a worker waits for its answer.
    pub rate: Option<u64>,
    /// How long was measured.
    pub seconds: f64,
    /// How long orders waited in the server's queues; `null` when it does not tell.
    pub queue_wait_ms: Option<QueueWait>,
    /// How late requests were sent; `null` without a rate.
    pub send_delay_ms: Option<Latency>,
    /// What the check at the end came to.
    pub verified: Verification,
    /// The server's memory; `null` but in `soak`.
    pub memory_bytes: Option<Memory>,
    /// Whether the portfolio's rows add up to its summary; `null` but in `portfolio`.
    pub sums: Option<Sums>,
    /// What was asked of the boards, and whether it was as it should be; `null` but in `board`.
    pub board: Option<LeaderboardReport>,
    /// Whether all is as it should be.
    pub good: bool,
    /// Whether nothing but 429 was answered.
    #[serde(skip)]
    pub is_limited: bool,
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
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

/// Percentiles of the server's queues in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct QueueWait {
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
}

/// What became of the trades.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Trades {
    /// Carried out.
    pub accepted: u64,
    /// Refused.
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
    /// At the end.
    pub last: u64,
    /// The most.
    pub max: u64,
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
}

/// What was asked of the boards.
#[derive(Clone, Debug, Serialize)]
pub struct LeaderboardReport {
    /// The kinds of questions: `page`, `around_me`, `return_page`, `return_around_me`.
    pub kinds: BTreeMap<&'static str, QueryReport>,
    /// Answers in which all was as it should be.
    pub checked: u64,
    /// Pages that the next page followed without a gap.
    pub joined: u64,
    /// Comparisons that say nothing, because somebody may have moved meanwhile.
    pub moved: u64,
    /// What was not as it should be.
    pub violations: u64,
    /// The first of it.
    pub violation: Option<String>,
}

/// Questions of one kind.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct QueryReport {
    /// Good answers.
    pub answers: u64,
    /// Good answers a second.
    pub per_second: f64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// As in the report.
    pub latency_ms: Latency,
}

/// What a report is made of.
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
}

impl LoadReport {
    pub(crate) fn new(parts: ReportInput) -> Self {
        let ReportInput { scenario, counters, elapsed, verified, memory, sums, .. } = parts;
        let answers_per_second = per_second(counters.answered_in_time, elapsed);
        let accepted_per_second = per_second(counters.accepted_in_time, elapsed);
        let throughput = if parts.counts_trades { accepted_per_second } else { answers_per_second };
        let has_grown = elapsed >= LONG_RUN && memory.is_some_and(|memory| memory.has_grown());
        let board = (scenario == "board").then(|| LeaderboardReport::new(&counters.board, elapsed));
        let good = counters.bad == 0
            && counters.unknown == 0
            && counters.latency.at_quantile(1.0) > 0
            && counters.statuses.keys().all(|status| is_expected(*status))
            && verified.difference.is_none()
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
            concurrency: parts.concurrency,
            rate: parts.rate,
            seconds: elapsed.as_secs_f64(),
            queue_wait_ms: parts.queue_wait,
            send_delay_ms: parts.rate.map(|_| Latency::new(&counters.send_delay)),
            verified,
            memory_bytes: memory,
            sums,
            board,
            good,
            is_limited: counters.is_limited(),
            codes: counters.codes,
        }
    }
}

/// Statuses that a good run may meet: success, refusals (whose codes are judged on their own) and
/// what was sent again with success.
fn is_expected(status: u16) -> bool {
    (200..500).contains(&status) || status == 503
}

impl Memory {
    /// Whether more than a tenth came on top.
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
