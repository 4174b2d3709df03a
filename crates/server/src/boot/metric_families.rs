//! The inventory of all metrics: the families of every crate. It is described and registered at
//! start, and docs/metrics.md is generated from it.

use std::collections::HashSet;

use domain::{LabelValues, MetricFamily, MetricKind, MetricLabel, MetricScope};
use store::ArchiveState;

use super::config::Config;
use super::process_stats;
use super::span_export::DROP_REASONS;

/// Bucket bounds of durations, in seconds.
pub(super) const SECONDS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
/// Bucket bounds of durations that are recorded by route, statement or job.
pub(super) const SECONDS_OF_MANY: [f64; 9] =
    [0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];
pub(super) const MANY: [&str; 3] = [
    "openbell_http_request_duration_seconds",
    "openbell_query_seconds",
    "openbell_reconciler_seconds",
];
/// Bucket bounds of counts (orders of a batch, rows).
pub(super) const COUNTS: [f64; 12] =
    [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 10_000.0];

const BOARD: MetricLabel = MetricLabel::known("board", || vec!["xp", "return"]);
const REPAIR: MetricLabel = MetricLabel::known("kind", || vec!["raised", "lowered", "removed"]);
const DROPPED: MetricLabel = MetricLabel::known("reason", || DROP_REASONS.to_vec());
const NAME: MetricLabel = MetricLabel::open("name");
const OUTCOME: MetricLabel = MetricLabel::open("outcome");
const MONTH_STATE: MetricLabel =
    MetricLabel::known("state", || ArchiveState::ALL.map(ArchiveState::as_str).to_vec());
const VERSION: MetricLabel = MetricLabel::open("version");
/// The jobs that one node does at a time.
pub(crate) const LEASES: [&str; 5] =
    ["award_achievements", "close_boards", "execute_orders", "refresh_quotes", "seal_heads"];
const LEASE: MetricLabel = MetricLabel::known("lease", || LEASES.to_vec());
/// More jobs than there are.
const JOBS_MAX: usize = 30;

/// The families of this crate, apart from those of the process.
static SERVER: &[MetricFamily] = &[
    MetricFamily::gauge("openbell_build_info", "1, with the version of the program.")
        .at_most(1, &[VERSION]),
    MetricFamily::counter(
        "openbell_invariant_breaches_total",
        "Internal facts that did not hold; 0 in a healthy server.",
    ),
    MetricFamily::counter(
        "openbell_log_lines_dropped_total",
        "Log lines that stderr did not accept: it was closed, full or not read.",
    ),
    MetricFamily::counter(
        "openbell_spans_dropped_total",
        "Spans of traces that were not sent: their queue was full, or the request with them failed.",
    )
    .by(&[DROPPED])
    .only(MetricScope::Traces),
    MetricFamily::gauge(
        "openbell_clock_skew_seconds",
        "How far the node's clock is ahead of the database's; negative if it is behind, 0 on SQLite.",
    ),
    MetricFamily::histogram("openbell_reconciler_seconds", "Time of a run of a background job.")
        .at_most(JOBS_MAX, &[NAME]),
    MetricFamily::counter("openbell_reconciler_runs_total", "Runs of a background job.")
        .at_most(2 * JOBS_MAX, &[NAME, OUTCOME]),
    MetricFamily::counter(
        "openbell_reconciler_changes_total",
        "Rows, or what else the job counts, that a background job changed.",
    )
    .at_most(JOBS_MAX, &[NAME]),
    MetricFamily::gauge(
        "openbell_reconciler_last_success_timestamp_seconds",
        "When a run of the background job last succeeded; the start of the server until then.",
    )
    .at_most(JOBS_MAX, &[NAME]),
    MetricFamily::gauge(
        "openbell_reconciler_interval_seconds",
        "From the start of one run of a background job to the start of the next.",
    )
    .at_most(JOBS_MAX, &[NAME]),
    MetricFamily::gauge(
        "openbell_lease_held",
        "1 if this node held the lease of the job when it was last read, 0 otherwise.",
    )
    .by(&[LEASE]),
    MetricFamily::gauge("openbell_board_players", "Players on a leaderboard.").by(&[BOARD]),
    MetricFamily::gauge("openbell_board_bytes", "Memory of a leaderboard.").by(&[BOARD]),
    MetricFamily::counter(
        "openbell_board_repairs_total",
        "Scores of the leaderboard by experience that differed from the database.",
    )
    .by(&[REPAIR]),
    MetricFamily::histogram(
        "openbell_board_valuation_seconds",
        "Time to value all players for the leaderboard by return.",
    ),
    MetricFamily::gauge(
        "openbell_pending_orders",
        "Orders that are pending or executing in the database; every node reports the same number.",
    ),
    MetricFamily::gauge(
        "openbell_disk_free_bytes",
        "Free space of the file system of the database, without the reserve.",
    )
    .only(MetricScope::Sqlite),
    MetricFamily::gauge("openbell_disk_size_bytes", "Size of the file system of the database.")
        .only(MetricScope::Sqlite),
    MetricFamily::gauge(
        "openbell_disk_reserve_bytes",
        "Space that is kept allocated and released on a full disk (database.disk_reserve).",
    )
    .only(MetricScope::Sqlite),
    MetricFamily::gauge(
        "openbell_disk_full",
        "1 while the disk of the database is full and nothing can be written, 0 otherwise.",
    )
    .only(MetricScope::Sqlite),
    MetricFamily::gauge("openbell_archive_months", "Months of the ledger by archive state.")
        .by(&[MONTH_STATE])
        .only(MetricScope::Archive),
    MetricFamily::gauge(
        "openbell_archive_changed_timestamp_seconds",
        "When a month of the archive last changed its state; 0 if none ever did.",
    )
    .only(MetricScope::Archive),
    MetricFamily::gauge(
        "openbell_audit_seal_timestamp_seconds",
        "When the newest seal of the ledger was made; 0 without one.",
    )
    .only(MetricScope::Seals),
    MetricFamily::gauge(
        "openbell_audit_seal_interval_seconds",
        "Time between two seals (audit.seal_every_s).",
    )
    .only(MetricScope::Seals),
    MetricFamily::gauge("openbell_audit_seal_players", "Chains in the newest seal.")
        .only(MetricScope::Seals),
    MetricFamily::counter("openbell_audit_seal_failures_total", "Attempts to seal that failed.")
        .only(MetricScope::Seals),
    MetricFamily::gauge(
        "openbell_backup_timestamp_seconds",
        "When the newest complete backup in backup.dir was finished; 0 without one.",
    )
    .only(MetricScope::Backups),
];

/// Every family of the program, in groups with a title.
static GROUPS: [(&str, &[&[MetricFamily]]); 7] = [
    ("Trade path", &[trading::METRIC_FAMILIES]),
    ("Market", &[market::METRIC_FAMILIES]),
    ("HTTP", &[web::METRIC_FAMILIES]),
    ("Database", &[store::METRIC_FAMILIES]),
    ("Redis, bus and cache", &[cluster::METRIC_FAMILIES]),
    ("Notification", &[notify::METRIC_FAMILIES]),
    (
        "Jobs, boards, ledger and process",
        &[SERVER, archive::METRIC_FAMILIES, process_stats::FAMILIES],
    ),
];

const INTRODUCTION: &str = include_str!("metrics_introduction.md");

fn families() -> impl Iterator<Item = &'static MetricFamily> {
    GROUPS.iter().flat_map(|(_, lists)| lists.iter().copied().flatten())
}

/// The families that a server with this configuration exports.
pub(super) fn exported(config: &Config) -> Vec<&'static MetricFamily> {
    let is_exported = |scope| match scope {
        MetricScope::Always => true,
        MetricScope::Sqlite => config.sqlite_file().is_some(),
        MetricScope::Postgres => config.sqlite_file().is_none(),
        MetricScope::Replica => !config.database.read_url.is_empty(),
        MetricScope::Redis => !config.redis.url.is_empty(),
        MetricScope::LiveMarket => config.market.source == market::SourceKind::Live,
        MetricScope::Archive => !config.audit.archive_url.is_empty(),
        MetricScope::Seals => config.audit.seal_every_s > 0,
        MetricScope::Backups => !config.backup.dir.as_os_str().is_empty(),
        MetricScope::Traces => !config.traces.endpoint.is_empty(),
    };
    families().filter(|family| is_exported(family.scope)).collect()
}

/// Describes families and registers those series, with 0, whose labels are known.
pub(super) fn register(families: &[&'static MetricFamily]) {
    for family in families.iter().filter(|family| !is_of_process(family)) {
        match family.kind {
            MetricKind::Counter => metrics::describe_counter!(family.name, family.help),
            MetricKind::Gauge => metrics::describe_gauge!(family.name, family.help),
            MetricKind::Histogram => metrics::describe_histogram!(family.name, family.help),
        }
        for labels in family.known_series() {
            match family.kind {
                MetricKind::Counter => metrics::counter!(family.name, &labels).increment(0),
                MetricKind::Gauge => metrics::gauge!(family.name, &labels).increment(0.0),
                MetricKind::Histogram => drop(metrics::histogram!(family.name, &labels)),
            }
        }
    }
}

fn is_of_process(family: &MetricFamily) -> bool {
    process_stats::FAMILIES.iter().any(|other| other.name == family.name)
}

/// The lines `# HELP` and `# TYPE` of the families that have no series yet.
pub(super) fn headers_of_missing(text: &str, families: &[&'static MetricFamily]) -> String {
    let is_open = |family: &&&MetricFamily| {
        family.labels.iter().any(|label| matches!(label.values, LabelValues::Open))
    };
    // One pass over a text of up to a megabyte.
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let present: HashSet<&str> = types.filter_map(|line| line.split(' ').next()).collect();
    let mut headers = String::new();
    for MetricFamily { name, kind, help, .. } in families.iter().filter(is_open) {
        let kind = kind.as_str();
        if !present.contains(name) {
            headers += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n\n");
        }
    }
    headers
}

/// docs/metrics.md.
pub(crate) fn document() -> String {
    let mut text = INTRODUCTION.to_owned();
    let series_max: usize = families().map(series_max).sum();
    text += &format!(
        "\nA node exports at most {series_max} series, which is the sum of the column *series*.\n"
    );
    for (title, lists) in &GROUPS {
        text += &format!(
            "\n## {title}\n\n| name | type | unit | labels | servers | series | meaning |\n\
             |---|---|---|---|---|---|---|\n"
        );
        for family in lists.iter().copied().flatten() {
            text += &row(family);
        }
    }
    text
}

fn row(family: &MetricFamily) -> String {
    let labels: Vec<_> = family.labels.iter().map(|label| format!("`{}`", label.name)).collect();
    format!(
        "| `{}` | {} | {} | {} | {} | {} | {} |\n",
        family.name,
        family.kind.as_str(),
        unit(family.name),
        labels.join(", "),
        family.scope.as_str(),
        series_max(family),
        family.help
    )
}

/// The most series of a family.
fn series_max(family: &MetricFamily) -> usize {
    let each = match family.kind {
        MetricKind::Counter | MetricKind::Gauge => 1,
        MetricKind::Histogram => series_of_histogram(family.name),
    };
    family.label_sets_max() * each
}

/// The series of one label set of a histogram: its buckets, `+Inf`, sum and count.
fn series_of_histogram(name: &str) -> usize {
    let bounds = if MANY.contains(&name) {
        SECONDS_OF_MANY.len()
    } else if name.ends_with("_seconds") {
        SECONDS.len()
    } else {
        COUNTS.len()
    };
    bounds + 3
}

/// The unit that the end of a name states.
fn unit(name: &str) -> &'static str {
    let name = name.strip_suffix("_total").unwrap_or(name);
    match name {
        _ if name.ends_with("_timestamp_seconds") || name.ends_with("start_time_seconds") => {
            "Unix time in seconds"
        }
        _ if name.ends_with("_seconds") => "seconds",
        _ if name.ends_with("_bytes") => "bytes",
        _ => "count",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        let mut names = HashSet::new();
        for family in families() {
            let name = family.name;
            assert!(names.insert(name), "{name} is declared twice");
            assert!(name.starts_with("openbell_") || is_of_process(family), "{name}");
            let is_counter = family.kind == MetricKind::Counter;
            assert_eq!(name.ends_with("_total"), is_counter, "{name}");
            assert!(family.help.ends_with('.') || is_of_process(family), "{name}: {}", family.help);
            let unit_first = ["_seconds_", "_bytes_"].iter().any(|unit| name.contains(unit));
            assert!(!unit_first || is_counter, "{name}: the unit comes last");
            assert!(family.label_sets_max() > 0, "{name} needs at_most");
        }
    }

    #[test]
    fn there_are_fewer_statements_and_jobs_than_the_bounds_say() {
        let statements = families().find(|family| family.name == "openbell_query_seconds");
        let statements_max = statements.expect("declared").label_sets_max();
        assert!(store::CATALOGUE.len() <= statements_max, "{}", store::CATALOGUE.len());
    }
}
