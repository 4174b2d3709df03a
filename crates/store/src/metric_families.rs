//! The metrics of the database.

use domain::{MetricFamily, MetricLabel, MetricScope};

/// More statements than the catalogue has.
const STATEMENTS_MAX: usize = 300;
const STATEMENT: MetricLabel = MetricLabel::open("statement");
const KIND: MetricLabel = MetricLabel::open("kind");
const POOL: MetricLabel = MetricLabel::open("pool");
const STATE: MetricLabel = MetricLabel::known("state", || vec!["in_use", "idle"]);
/// The newest ten years (`operations::MONTHS_MAX`).
const MONTH: MetricLabel = MetricLabel::open("month");
const READ_FROM: MetricLabel = MetricLabel::known("outcome", || vec!["replica", "primary"]);

/// Every family of this crate.
pub static METRIC_FAMILIES: &[MetricFamily] = &[
    MetricFamily::histogram(
        "openbell_query_seconds",
        "Time of a statement, from waiting for a connection to the last row.",
    )
    .at_most(STATEMENTS_MAX, &[STATEMENT]),
    MetricFamily::counter("openbell_query_errors_total", "Statements that failed.")
        .at_most(10 * STATEMENTS_MAX, &[STATEMENT, KIND]),
    MetricFamily::histogram(
        "openbell_lock_wait_seconds",
        "Time until a transaction had exclusive access, or gave up: to the file on SQLite, to the \
         players of a batch on PostgreSQL, with the update of their rows.",
    ),
    MetricFamily::gauge(
        "openbell_database_connections",
        "Open connections of a pool that are in use or idle.",
    )
    .at_most(4, &[POOL, STATE]),
    MetricFamily::gauge(
        "openbell_database_connections_max",
        "The most connections of a pool (database.connections_max).",
    )
    .at_most(2, &[POOL]),
    MetricFamily::gauge(
        "openbell_database_connections_waiting",
        "Callers that wait for a connection of a pool or for BEGIN.",
    )
    .at_most(2, &[POOL]),
    MetricFamily::gauge(
        "openbell_database_up",
        "1 while PostgreSQL responds to the check of each second, 0 otherwise.",
    )
    .only(MetricScope::Postgres),
    MetricFamily::gauge(
        "openbell_database_lock_waiters",
        "Sessions of the database, of all nodes, that wait for a lock.",
    )
    .only(MetricScope::Postgres),
    MetricFamily::gauge("openbell_database_bytes", "Size of the database."),
    MetricFamily::gauge(
        "openbell_schema_version",
        "The newest migration of the database, which may be newer than this program.",
    ),
    MetricFamily::gauge(
        "openbell_ledger_entries",
        "Entries of the ledger by month, estimated from the statistics of PostgreSQL.",
    )
    .at_most(120, &[MONTH])
    .only(MetricScope::Postgres),
    MetricFamily::gauge("openbell_ledger_bytes", "Size of the ledger by month, with indexes.")
        .at_most(120, &[MONTH])
        .only(MetricScope::Postgres),
    MetricFamily::gauge(
        "openbell_ledger_growth_entries",
        "Entries that the ledger has grown by within the last 24 hours.",
    ),
    MetricFamily::gauge(
        "openbell_replica_usable",
        "1 while reads that tolerate staleness go to the read replica, 0 while they go to the \
         primary.",
    )
    .only(MetricScope::Replica),
    MetricFamily::gauge(
        "openbell_replica_lag_seconds",
        "How far the read replica is behind the primary.",
    )
    .only(MetricScope::Replica),
    MetricFamily::counter(
        "openbell_replica_reads_total",
        "Reads that tolerate staleness, by the server that answered them.",
    )
    .by(&[READ_FROM])
    .only(MetricScope::Replica),
];
