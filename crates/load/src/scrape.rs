//! Parses the server's Prometheus metrics: the waits of orders in the queues and the memory of the
//! process.

use std::collections::BTreeMap;

use crate::amount::fixed;

const QUEUE_WAIT: &str = "openbell_desk_queue_wait_seconds_bucket";
const MEMORY: &str = "process_resident_memory_bytes";
/// Bounds are read in nanoseconds.
const PLACES: usize = 9;

/// The histogram of waits: orders by bound in nanoseconds, cumulative.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueWaits(BTreeMap<i64, u64>);

impl QueueWaits {
    /// Adds the buckets of a metrics text, over all labels.
    pub(crate) fn add(&mut self, text: &str) {
        for line in text.lines().filter(|line| line.starts_with(QUEUE_WAIT)) {
            let bound = line.split("le=\"").nth(1).and_then(|rest| rest.split('"').next());
            let bound = bound.and_then(|text| match text {
                "+Inf" => Some(i64::MAX),
                _ => fixed(text, PLACES),
            });
            let count = line.rsplit(' ').next().and_then(|text| text.parse::<u64>().ok());
            if let (Some(bound), Some(count)) = (bound, count) {
                *self.0.entry(bound).or_default() += count;
            }
        }
    }

    /// A quantile of the waits since `before`, in nanoseconds, interpolated within its bucket;
    /// `None` without an order.
    pub(crate) fn since(&self, before: &Self, thousandths: u64) -> Option<u64> {
        let count = |(bound, count): (&i64, &u64)| {
            (*bound, count.saturating_sub(before.0.get(bound).copied().unwrap_or(0)))
        };
        let counts: Vec<(i64, u64)> = self.0.iter().map(count).collect();
        let total = counts.last().map_or(0, |(_, count)| *count);
        let wanted = total.saturating_mul(thousandths).div_ceil(1000);
        let at = counts.iter().position(|(_, count)| *count >= wanted).filter(|_| total > 0)?;
        let (lower, below) = at.checked_sub(1).map_or((0, 0), |before| counts[before]);
        let (upper, upto) = counts[at];
        // A wait beyond the last bound counts as that.
        let upper = if upper == i64::MAX { lower } else { upper };
        let share = i128::from(upper - lower) * i128::from(wanted.saturating_sub(below))
            / i128::from(upto.saturating_sub(below).max(1));
        u64::try_from(i128::from(lower) + share).ok()
    }
}

/// The memory of the process, in bytes.
pub(crate) fn memory_bytes(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(MEMORY))?;
    let number = fixed(line.rsplit(' ').next()?, 0)?;
    u64::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE openbell_desk_queue_wait_seconds histogram
openbell_desk_queue_wait_seconds_bucket{lane=\"0\",le=\"0.001\"} 10
openbell_desk_queue_wait_seconds_bucket{lane=\"0\",le=\"0.01\"} 50
openbell_desk_queue_wait_seconds_bucket{lane=\"0\",le=\"+Inf\"} 50
openbell_desk_queue_wait_seconds_bucket{lane=\"1\",le=\"0.001\"} 0
openbell_desk_queue_wait_seconds_bucket{lane=\"1\",le=\"0.01\"} 40
openbell_desk_queue_wait_seconds_bucket{lane=\"1\",le=\"+Inf\"} 60
openbell_desk_queue_wait_seconds_count{lane=\"1\"} 60
process_resident_memory_bytes 1048576
";

    #[test]
    fn waits_are_interpolated_over_all_lanes() {
        let mut waits = QueueWaits::default();
        waits.add(TEXT);
        let none = QueueWaits::default();
        assert_eq!(waits.since(&none, 50), Some(600_000));
        assert_eq!(waits.since(&none, 500), Some(6_062_500));
        assert_eq!(waits.since(&none, 999), Some(10_000_000));
        assert_eq!(waits.since(&waits, 500), None);
        assert_eq!(none.since(&none, 500), None);
    }

    #[test]
    fn only_what_came_since_counts() {
        let (mut before, mut after) = (QueueWaits::default(), QueueWaits::default());
        before.add(TEXT);
        after.add(TEXT);
        after.add("openbell_desk_queue_wait_seconds_bucket{le=\"0.001\"} 8\n");
        after.add("openbell_desk_queue_wait_seconds_bucket{le=\"0.01\"} 8\n");
        after.add("openbell_desk_queue_wait_seconds_bucket{le=\"+Inf\"} 8\n");
        assert_eq!(after.since(&before, 1000), Some(1_000_000));
    }

    #[test]
    fn the_memory_is_read() {
        assert_eq!(memory_bytes(TEXT), Some(1_048_576));
        assert_eq!(memory_bytes(""), None);
    }
}
