//! The metrics of the archive.

use domain::{MetricFamily, MetricScope};

/// Every family of this crate.
pub static METRIC_FAMILIES: &[MetricFamily] = &[
    MetricFamily::counter(
        "openbell_archive_rows_total",
        "Entries of the ledger that were written to the archive.",
    )
    .only(MetricScope::Archive),
    MetricFamily::counter(
        "openbell_archive_failures_total",
        "Attempts to archive, read back or delete a month that failed.",
    )
    .only(MetricScope::Archive),
];
