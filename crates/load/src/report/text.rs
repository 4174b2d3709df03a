//! Writes a report for people.

use std::collections::BTreeMap;
use std::fmt;

use super::{Latency, LeaderboardReport, LoadReport, Memory, QueryReport, QueueWait, Sums, Trades};
use crate::verify::Verification;

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, p999 } = self;
        write!(f, "p50 {p50} ms, p90 {p90} ms, p99 {p99} ms, p99.9 {p999} ms")
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trades { accepted, refused, pending, unknown } = self.trades;
        writeln!(
            f,
            "{}: {} requests by {} workers in {:.2} s: {:.1} answers/s, {:.1} accepted trades/s",
            self.scenario,
            self.requests,
            self.concurrency,
            self.seconds,
            self.answers_per_second,
            self.accepted_per_second
        )?;
        writeln!(f, "latency   {}", self.latency_ms)?;
        if let (Some(rate), Some(delay)) = (self.rate, &self.send_delay_ms) {
            writeln!(f, "sent late {delay}, at {rate} arrivals/s")?;
        }
        if let Some(QueueWait { p50, p90, p99 }) = self.queue_wait_ms {
            writeln!(f, "queues    p50 {p50} ms, p90 {p90} ms, p99 {p99} ms")?;
        }
        writeln!(f, "statuses  {}", listed(&self.statuses))?;
        if !self.codes.is_empty() {
            writeln!(f, "codes     {}", listed(&self.codes))?;
        }
        writeln!(f, "retries   {}", self.retries)?;
        if let Some(Memory { first, last, max }) = self.memory_bytes {
            writeln!(f, "memory    first {first}, last {last}, most {max} bytes")?;
        }
        if let Some(sums) = self.sums {
            writeln!(f, "sums      {sums}")?;
        }
        if let Some(board) = &self.board {
            board.fmt(f)?;
        }
        if accepted + refused + pending + unknown > 0 {
            writeln!(
                f,
                "trades    {accepted} accepted, {refused} refused, {pending} pending, {unknown} \
                 unknown"
            )?;
            let Verification { players, acknowledged, found, foreign, .. } = &self.verified;
            writeln!(
                f,
                "verified  {found} of {acknowledged} acknowledged trades of {players} players, \
                 {foreign} foreign entries"
            )?;
        }
        for error in &self.errors {
            writeln!(f, "ERROR: {error}")?;
        }
        if let Some(difference) = &self.verified.difference {
            writeln!(f, "DIFFERENCE: {difference}")?;
        }
        if self.is_limited {
            writeln!(f, "every response was 429: turn limits.enabled of the server off")?;
        }
        f.write_str(if self.good { "good" } else { "NOT good" })
    }
}

impl fmt::Display for LeaderboardReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, QueryReport { answers, per_second, bytes, latency_ms }) in &self.kinds {
            let mean = bytes / answers.max(&1);
            writeln!(f, "{kind:<17} {answers}, {per_second:.1}/s, {mean} bytes, {latency_ms}")?;
        }
        let Self { checked, joined, moved, violations, .. } = self;
        writeln!(
            f,
            "checked   {checked} answers, {joined} compared with the next page, {moved} \
             changed between the two, {violations} violations"
        )?;
        match &self.violation {
            Some(violation) => writeln!(f, "VIOLATION: {violation}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "the rows add up to the summary's total_value",
            Self::Unequal => "the rows do NOT add up to the summary's total_value",
            Self::PricesMoved => "not compared with the summary: prices moved meanwhile",
        })
    }
}

fn listed(counts: &BTreeMap<String, u64>) -> String {
    let counts = counts.iter().map(|(name, count)| format!("{name}: {count}"));
    counts.collect::<Vec<_>>().join(", ")
}
