//! The declaration of a metric family. Each crate lists its families in `metric_families.rs`; the
//! server describes and registers them at start and generates docs/metrics.md from the lists.

/// A metric family: all series of one name.
#[derive(Clone, Copy, Debug)]
pub struct MetricFamily {
    /// The name, which ends with the unit: `_seconds`, `_bytes`, and `_total` for a counter.
    pub name: &'static str,
    /// The type of its series.
    pub kind: MetricKind,
    /// The servers that export it.
    pub scope: MetricScope,
    /// The labels of each series.
    pub labels: &'static [MetricLabel],
    /// The most label sets; `None` if they follow from the labels' known values.
    label_sets_max: Option<usize>,
    /// One sentence for its `# HELP` line.
    pub help: &'static str,
}

/// The type of a metric family in Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only increases, and starts at 0 with the process.
    Counter,
    /// A present value.
    Gauge,
    /// A distribution in cumulative buckets.
    Histogram,
}

/// The servers that export a metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricScope {
    /// Every server.
    Always,
    /// Servers on SQLite.
    Sqlite,
    /// Servers on PostgreSQL.
    Postgres,
    /// Servers with a read replica.
    Replica,
    /// Servers with Redis.
    Redis,
    /// Servers of a live market.
    LiveMarket,
    /// Servers with an archive of the ledger.
    Archive,
    /// Servers that seal the ledger.
    Seals,
    /// Servers that know the directory of the backups.
    Backups,
    /// Servers that send traces.
    Traces,
}

/// A label of a metric family.
#[derive(Clone, Copy, Debug)]
pub struct MetricLabel {
    /// The label's name.
    pub name: &'static str,
    /// The values that it may have.
    pub values: LabelValues,
}

/// The values of a label.
#[derive(Clone, Copy, Debug)]
pub enum LabelValues {
    /// These values; the series exist from the start.
    Known(fn() -> Vec<&'static str>),
    /// Values that are found out at run time: a series exists once its value has occurred.
    Open,
}

impl MetricFamily {
    /// A counter that every server exports.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(MetricKind::Counter, name, help)
    }

    /// A gauge that every server exports.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(MetricKind::Gauge, name, help)
    }

    /// A histogram that every server exports.
    pub const fn histogram(name: &'static str, help: &'static str) -> Self {
        Self::new(MetricKind::Histogram, name, help)
    }

    const fn new(kind: MetricKind, name: &'static str, help: &'static str) -> Self {
        Self { name, kind, scope: MetricScope::Always, labels: &[], label_sets_max: None, help }
    }

    /// The same family with these labels, whose values are known.
    #[must_use]
    pub const fn by(self, labels: &'static [MetricLabel]) -> Self {
        Self { labels, ..self }
    }

    /// The same family with these labels and at most `label_sets` sets of their values.
    #[must_use]
    pub const fn at_most(self, label_sets: usize, labels: &'static [MetricLabel]) -> Self {
        Self { labels, label_sets_max: Some(label_sets), ..self }
    }

    /// The same family, exported by these servers only.
    #[must_use]
    pub const fn only(self, scope: MetricScope) -> Self {
        Self { scope, ..self }
    }

    /// The label sets that are known before anything happened; empty if a label's values are not.
    pub fn known_series(&self) -> Vec<Vec<(&'static str, &'static str)>> {
        self.labels.iter().fold(vec![Vec::new()], |series, label| {
            let LabelValues::Known(values) = label.values else { return Vec::new() };
            let values = values();
            let extended = series.iter().flat_map(|labels| {
                values.iter().map(|value| [&labels[..], &[(label.name, *value)]].concat())
            });
            extended.collect()
        })
    }

    /// The most label sets that it can have.
    pub fn label_sets_max(&self) -> usize {
        self.label_sets_max.unwrap_or_else(|| self.known_series().len())
    }
}

impl MetricLabel {
    /// A label with these values.
    pub const fn known(name: &'static str, values: fn() -> Vec<&'static str>) -> Self {
        Self { name, values: LabelValues::Known(values) }
    }

    /// A label whose values are found out at run time.
    pub const fn open(name: &'static str) -> Self {
        Self { name, values: LabelValues::Open }
    }
}

impl MetricKind {
    /// The type in the exposition format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl MetricScope {
    /// The servers, in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "all",
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Replica => "read replica",
            Self::Redis => "Redis",
            Self::LiveMarket => "live market",
            Self::Archive => "archive",
            Self::Seals => "seals",
            Self::Backups => "backups",
            Self::Traces => "traces",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: MetricLabel = MetricLabel::known("side", || vec!["buy", "sell"]);
    const LANE: MetricLabel = MetricLabel::open("lane");

    #[test]
    fn known_values_make_series_before_anything_happened() {
        let plain = MetricFamily::counter("a_total", "A.");
        assert_eq!(plain.known_series(), [vec![]]);
        let by_side = plain.by(&[SIDE]);
        assert_eq!(by_side.known_series(), [vec![("side", "buy")], vec![("side", "sell")]]);
        let by_lane = plain.at_most(128, &[SIDE, LANE]);
        assert!(by_lane.known_series().is_empty());
        assert_eq!([plain, by_side, by_lane].map(|f| f.label_sets_max()), [1, 2, 128]);
    }
}
