//! Compares a run with an earlier report of the same scenario.

use serde_json::Value;

use crate::report::LoadReport;

/// Less than this part of the earlier throughput, in percent, is a regression.
const THROUGHPUT_PERCENT: f64 = 80.0;
/// More than this part of the earlier p99, in percent, and so many milliseconds more, is one.
const P99_PERCENT: f64 = 150.0;
const P99_MORE_MS: f64 = 20.0;

/// Describes what is worse than in the earlier report; `None` without a regression.
pub fn regression(earlier: &Value, now: &LoadReport) -> Option<String> {
    let throughput = earlier["throughput"].as_f64().unwrap_or_default();
    let p99 = earlier["latency_ms"]["p99"].as_f64().unwrap_or(f64::MAX);
    if is_slower(throughput, now.throughput) {
        let now = now.throughput;
        return Some(format!("throughput fell from {throughput:.1} to {now:.1} a second"));
    }
    if is_later(p99, now.latency_ms.p99) {
        return Some(format!("p99 rose from {p99} to {} ms", now.latency_ms.p99));
    }
    None
}

#[expect(clippy::float_arithmetic, reason = "measured rates, not values of the game")]
fn is_slower(earlier: f64, now: f64) -> bool {
    now * 100.0 < earlier * THROUGHPUT_PERCENT
}

#[expect(clippy::float_arithmetic, reason = "measured times, not values of the game")]
fn is_later(earlier: f64, now: f64) -> bool {
    now * 100.0 > earlier * P99_PERCENT && now > earlier + P99_MORE_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_less_throughput_is_no_regression_and_more_is() {
        assert!(!is_slower(1000.0, 800.0) && is_slower(1000.0, 799.0));
    }

    #[test]
    fn a_p99_is_worse_when_it_is_half_as_long_again_and_noticeably_so() {
        assert!(!is_later(4.0, 20.0) && !is_later(100.0, 150.0));
        assert!(is_later(100.0, 151.0) && is_later(4.0, 24.5));
    }
}
