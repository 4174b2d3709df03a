//! The metrics of the market and its providers.

use domain::{MetricFamily, MetricLabel, MetricScope};

/// A server has one market.
const MARKET: MetricLabel = MetricLabel::open("market");
/// Providers with a key; `GuardedProvider::new` registers their series.
const PROVIDER: MetricLabel = MetricLabel::open("provider");
const OPERATION: MetricLabel = MetricLabel::open("operation");
const OUTCOME: MetricLabel = MetricLabel::open("outcome");
const WINDOW: MetricLabel = MetricLabel::open("window");

/// Every family of this crate.
pub static METRIC_FAMILIES: &[MetricFamily] = &[
    MetricFamily::counter(
        "openbell_market_ticks_total",
        "Publications of prices on the price board, one a second.",
    ),
    MetricFamily::gauge(
        "openbell_market_open",
        "1 while the market accepts orders, 0 outside of its sessions.",
    ),
    MetricFamily::gauge(
        "openbell_market_quote_age_seconds",
        "Age of the oldest quote of a stock that can be traded.",
    )
    .at_most(1, &[MARKET]),
    MetricFamily::counter(
        "openbell_provider_calls_total",
        "Calls to a price provider, by outcome; held_back calls were not made.",
    )
    .at_most(4 * 4 * 11, &[PROVIDER, OPERATION, OUTCOME])
    .only(MetricScope::LiveMarket),
    MetricFamily::histogram("openbell_provider_seconds", "Time of a call to a price provider.")
        .at_most(4, &[PROVIDER])
        .only(MetricScope::LiveMarket),
    MetricFamily::gauge(
        "openbell_provider_breaker_state",
        "State of the circuit breaker: 0 closed, 1 half-open, 2 open.",
    )
    .at_most(4, &[PROVIDER])
    .only(MetricScope::LiveMarket),
    MetricFamily::gauge(
        "openbell_provider_breaker_changed_timestamp_seconds",
        "When the circuit breaker last changed its state; 0 if it never did.",
    )
    .at_most(4, &[PROVIDER])
    .only(MetricScope::LiveMarket),
    MetricFamily::gauge(
        "openbell_provider_quota_used",
        "Calls that count against the quota of the present window.",
    )
    .at_most(12, &[PROVIDER, WINDOW])
    .only(MetricScope::LiveMarket),
    MetricFamily::gauge(
        "openbell_provider_quota_limit",
        "Calls that the quota of a window permits; 0 is no limit.",
    )
    .at_most(12, &[PROVIDER, WINDOW])
    .only(MetricScope::LiveMarket),
];
