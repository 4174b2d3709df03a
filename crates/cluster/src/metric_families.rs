//! The metrics of Redis, the bus and the cache.

use domain::{MetricFamily, MetricLabel, MetricScope};

use crate::cache::Family;

const COMMAND: MetricLabel = MetricLabel::known("command", || vec!["ping", "publish", "take"]);
const REASON: MetricLabel = MetricLabel::known("reason", || vec!["subscribed", "slow"]);
const KIND: MetricLabel = MetricLabel::known("kind", || vec!["message", "gap", "own", "unknown"]);
const FAMILY: MetricLabel =
    MetricLabel::known("family", || Family::ALL.map(Family::as_str).to_vec());

/// Every family of this crate.
pub static METRIC_FAMILIES: &[MetricFamily] = &[
    MetricFamily::gauge("openbell_redis_up", "1 while Redis responds in time, 0 otherwise.")
        .only(MetricScope::Redis),
    MetricFamily::histogram("openbell_redis_seconds", "Time of a command of Redis.")
        .by(&[COMMAND])
        .only(MetricScope::Redis),
    MetricFamily::counter(
        "openbell_redis_fallbacks_total",
        "Rate-limit decisions that this node made alone because Redis did not respond.",
    )
    .only(MetricScope::Redis),
    MetricFamily::gauge(
        "openbell_bus_up",
        "1 while this node is subscribed to the messages of the others, 0 otherwise.",
    )
    .only(MetricScope::Redis),
    MetricFamily::counter("openbell_bus_sent_total", "Messages that Redis accepted.")
        .only(MetricScope::Redis),
    MetricFamily::counter(
        "openbell_bus_dropped_total",
        "Messages that were not sent; the other nodes read the database instead.",
    )
    .only(MetricScope::Redis),
    MetricFamily::counter("openbell_bus_received_total", "Messages received.")
        .by(&[KIND])
        .only(MetricScope::Redis),
    MetricFamily::counter(
        "openbell_bus_gaps_total",
        "Times that messages may have been missed and the database was read instead.",
    )
    .by(&[REASON])
    .only(MetricScope::Redis),
    MetricFamily::counter("openbell_cache_hits_total", "Values served from the cache.")
        .by(&[FAMILY]),
    MetricFamily::counter(
        "openbell_cache_misses_total",
        "Values that were not in the cache and were loaded from the database.",
    )
    .by(&[FAMILY]),
    MetricFamily::counter(
        "openbell_cache_stale_total",
        "Expired values that were served from the cache while they were loaded again.",
    )
    .by(&[FAMILY]),
    MetricFamily::counter(
        "openbell_cache_evictions_total",
        "Values that were removed from the cache because it was full.",
    )
    .by(&[FAMILY]),
    MetricFamily::counter(
        "openbell_cache_load_failures_total",
        "Loads of values for the cache that failed.",
    )
    .by(&[FAMILY]),
    MetricFamily::histogram(
        "openbell_cache_load_seconds",
        "Time to load a value for the cache from the database.",
    )
    .by(&[FAMILY]),
    MetricFamily::histogram(
        "openbell_cache_age_seconds",
        "Age of the values served from the cache.",
    )
    .by(&[FAMILY]),
];
