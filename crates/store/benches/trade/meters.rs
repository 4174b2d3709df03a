//! Reads Openbell's metrics of a cell from the text format of the server: batches, statements and
//! their durations.

use std::collections::BTreeMap;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

type BenchError = Box<dyn std::error::Error + Send + Sync>;

/// The receiver of the metrics.
pub(crate) struct Meters(PrometheusHandle);

/// Counts and sums in microseconds by name, in total or between two readings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readings(BTreeMap<String, (u64, u64)>);

impl Meters {
    pub(crate) fn install() -> Result<Self, BenchError> {
        let recorder = recorder()?;
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|_| "metrics are received already")?;
        Ok(Self(handle))
    }

    pub(crate) fn read(&self) -> Readings {
        let mut all = BTreeMap::<String, (u64, u64)>::new();
        for line in self.0.render().lines() {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            if let Some(key) = key_of(name, "_count") {
                all.entry(key).or_default().0 = value.parse().unwrap_or(0);
            } else if let Some(key) = key_of(name, "_sum") {
                all.entry(key).or_default().1 = millionths(value);
            }
        }
        Readings(all)
    }
}

fn recorder() -> Result<metrics_exporter_prometheus::PrometheusRecorder, BuildError> {
    // Few buckets: counts and sums are all that is read.
    Ok(PrometheusBuilder::new().set_buckets(&[0.001, 1.0])?.build_recorder())
}

/// `openbell_query_seconds_count{statement="x"}` is the statement x; others are called as they are.
fn key_of(name: &str, suffix: &str) -> Option<String> {
    let (name, labels) = name.split_once('{').unwrap_or((name, ""));
    let name = name.strip_suffix(suffix)?;
    match (name, labels.split('"').nth(1)) {
        ("openbell_query_seconds", Some(statement)) => Some(statement.to_owned()),
        ("openbell_batch_commit_seconds" | "openbell_batch_size", _) => Some(name.to_owned()),
        _ => None,
    }
}

/// A decimal number in millionths, cut off.
fn millionths(text: &str) -> u64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part: String = part.chars().chain("000000".chars()).take(6).collect();
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    number(whole) * 1_000_000 + number(&part)
}

impl Readings {
    pub(crate) fn since(&self, before: &Self) -> Self {
        let differences = self.0.iter().map(|(name, (count, sum))| {
            let (count_before, sum_before) = before.0.get(name).copied().unwrap_or_default();
            let count = count.saturating_sub(count_before);
            (name.clone(), (count, sum.saturating_sub(sum_before)))
        });
        Self(differences.filter(|(_, (count, _))| *count > 0).collect())
    }

    /// Statements sent, BEGIN and COMMIT among them.
    pub(crate) fn statements(&self) -> u64 {
        self.by_name().map(|(_, count, _)| count).sum::<u64>() + 2 * self.commits().0
    }

    /// Statements with their count and the microseconds they took.
    pub(crate) fn by_name(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        let all = self.0.iter().filter(|(name, _)| !name.starts_with("openbell_"));
        all.map(|(name, (count, sum))| (name.as_str(), *count, *sum))
    }

    /// Batches committed, and the microseconds from BEGIN to COMMIT.
    pub(crate) fn commits(&self) -> (u64, u64) {
        self.0.get("openbell_batch_commit_seconds").copied().unwrap_or_default()
    }

    /// Batches taken, and the requests in them.
    pub(crate) fn batches(&self) -> (u64, u64) {
        let (count, sum) = self.0.get("openbell_batch_size").copied().unwrap_or_default();
        (count, sum / 1_000_000)
    }
}
