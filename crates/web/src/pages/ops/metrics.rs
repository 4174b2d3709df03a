//! A parser of Prometheus' exposition format (0.0.4): counters and gauges by name and label, and
//! quantiles of histograms. Values are truncated to millionths.

use std::collections::BTreeMap;

/// The decimal places of a value, and its unit.
const PLACES: usize = 6;
const UNIT: i64 = 1_000_000;

struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    /// In millionths.
    value: i64,
}

pub(super) struct MetricSamples(Vec<Sample>);

impl MetricSamples {
    /// Malformed lines are left out.
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(lines.filter_map(Sample::parse).collect())
    }

    /// The first sample of this name.
    pub(super) fn find(&self, name: &str) -> Option<i64> {
        self.0.iter().find(|sample| sample.name == name).map(|sample| sample.value / UNIT)
    }

    /// The same, or 0.
    pub(super) fn value(&self, name: &str) -> i64 {
        self.find(name).unwrap_or(0)
    }

    /// The sum over all labels.
    pub(super) fn sum(&self, name: &str) -> i64 {
        self.named(name).map(|sample| sample.value / UNIT).sum()
    }

    /// Sums by the values of a label.
    pub(super) fn by(&self, name: &str, label: &str) -> BTreeMap<String, i64> {
        self.grouped(name, label, |_| true)
    }

    /// The same of the samples that have another label with this value.
    pub(super) fn by_where(
        &self,
        name: &str,
        label: &str,
        (other, value): (&str, &str),
    ) -> BTreeMap<String, i64> {
        self.grouped(name, label, |sample| sample.labels.get(other).is_some_and(|v| v == value))
    }

    /// The mean of a histogram, rounded down.
    pub(super) fn mean(&self, name: &str) -> i64 {
        let [sum, count] = ["sum", "count"].map(|part| self.sum(&format!("{name}_{part}")));
        sum / count.max(1)
    }

    /// The upper bound of a quantile over all labels, in microseconds; the largest bound for values
    /// above all bounds, and `None` without observations.
    pub(super) fn quantile(&self, name: &str, per_mille: u64) -> Option<i64> {
        bound_of(self.named(&format!("{name}_bucket")), per_mille)
    }

    /// The same for each value of a label.
    pub(super) fn quantiles_by(
        &self,
        name: &str,
        label: &str,
        per_mille: u64,
    ) -> Vec<(String, i64)> {
        let name = format!("{name}_bucket");
        let mut groups: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
        for sample in self.named(&name) {
            if let Some(value) = sample.labels.get(label) {
                groups.entry(value).or_default().push(sample);
            }
        }
        let bound = |(value, samples): (&str, Vec<&Sample>)| {
            Some((value.to_owned(), bound_of(samples.into_iter(), per_mille)?))
        };
        groups.into_iter().filter_map(bound).collect()
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| sample.name == name)
    }

    fn grouped(
        &self,
        name: &str,
        label: &str,
        counts: impl Fn(&Sample) -> bool,
    ) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        for sample in self.named(name).filter(|sample| counts(sample)) {
            if let Some(value) = sample.labels.get(label) {
                *sums.entry(value.clone()).or_insert(0) += sample.value / UNIT;
            }
        }
        sums
    }
}

fn bound_of<'a>(buckets: impl Iterator<Item = &'a Sample>, per_mille: u64) -> Option<i64> {
    let mut upto: BTreeMap<i64, i64> = BTreeMap::new();
    for sample in buckets {
        let bound = match sample.labels.get("le").map(String::as_str) {
            Some("+Inf") => i64::MAX,
            Some(text) => millionths(text)?,
            None => continue,
        };
        *upto.entry(bound).or_insert(0) += sample.value / UNIT;
    }
    let total = upto.get(&i64::MAX).copied().filter(|total| *total > 0)?;
    let per_mille = i64::try_from(per_mille).unwrap_or(1000);
    let rank = (total.saturating_mul(per_mille) + 999) / 1000;
    let largest = upto.keys().rev().find(|bound| **bound < i64::MAX).copied()?;
    let found = upto.iter().find(|(_, count)| **count >= rank).map(|(bound, _)| *bound);
    Some(found.unwrap_or(largest).min(largest))
}

impl Sample {
    fn parse(line: &str) -> Option<Self> {
        let (head, value) = line.rsplit_once(' ')?;
        let (name, labels) = match head.split_once('{') {
            Some((name, rest)) => (name, read_labels(rest.strip_suffix('}')?)),
            None => (head, BTreeMap::new()),
        };
        Some(Self { name: name.to_owned(), labels, value: millionths(value)? })
    }
}

/// Labels as `name="value"`, separated by commas. Values have neither quotes nor commas.
fn read_labels(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()
}

/// A plain decimal number in millionths.
fn millionths(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
    let kept: String = format!("{places:0<PLACES$}").chars().take(PLACES).collect();
    let number = whole.parse::<i64>().ok()?.checked_mul(UNIT)?.checked_add(kept.parse().ok()?)?;
    Some(if negative { -number } else { number })
}

/// Microseconds as `0.25 ms` or `2.5 s`.
pub(super) fn seconds(micros: i64) -> String {
    let (whole, rest, unit) = if micros >= UNIT {
        (micros / UNIT, micros % UNIT / 1_000, "s")
    } else {
        (micros / 1_000, micros % 1_000, "ms")
    };
    let rest = format!("{rest:03}");
    match rest.trim_end_matches('0') {
        "" => format!("{whole} {unit}"),
        rest => format!("{whole}.{rest} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE a counter
a_total{code=\"x\",kind=\"1\"} 3
a_total{code=\"y\",kind=\"1\"} 4
a_total{code=\"x\",kind=\"2\"} 5

up 1
t_seconds_bucket{s=\"one\",le=\"0.001\"} 50
t_seconds_bucket{s=\"one\",le=\"0.01\"} 99
t_seconds_bucket{s=\"one\",le=\"+Inf\"} 100
t_seconds_sum{s=\"one\"} 0.500000001
t_seconds_count{s=\"one\"} 100
size_sum 90
size_count 20
";

    #[test]
    fn numbers_are_found_summed_and_grouped() {
        let metrics = MetricSamples::parse(TEXT);
        assert_eq!((metrics.find("up"), metrics.find("down")), (Some(1), None));
        assert_eq!(metrics.sum("a_total"), 12);
        assert_eq!(
            metrics.by("a_total", "code"),
            BTreeMap::from([("x".into(), 8), ("y".into(), 4)])
        );
        assert_eq!(
            metrics.by_where("a_total", "code", ("kind", "2")),
            BTreeMap::from([("x".into(), 5)])
        );
        assert_eq!((metrics.mean("size"), metrics.mean("none")), (4, 0));
    }

    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let metrics = MetricSamples::parse(TEXT);
        assert_eq!(metrics.quantile("t_seconds", 500), Some(1_000));
        assert_eq!(metrics.quantile("t_seconds", 990), Some(10_000));
        assert_eq!(metrics.quantile("t_seconds", 999), Some(10_000), "beyond all bounds");
        assert_eq!(metrics.quantile("none", 500), None);
        assert_eq!(metrics.quantiles_by("t_seconds", "s", 500), [("one".into(), 1_000)]);
    }

    #[test]
    fn times_have_a_suitable_unit() {
        let texts = [250, 2_500, 10_000, 2_500_000, 0].map(seconds);
        assert_eq!(texts, ["0.25 ms", "2.5 ms", "10 ms", "2.5 s", "0 ms"]);
    }
}
