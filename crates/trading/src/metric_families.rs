//! The metrics of the trade path.

use domain::{MetricFamily, MetricLabel, OrderState, Rejection};

const LANE: MetricLabel = MetricLabel::open("lane");
const SIDE: MetricLabel = MetricLabel::known("side", || vec!["buy", "sell"]);
const CODE: MetricLabel =
    MetricLabel::known("code", || Rejection::ALL.map(Rejection::code).to_vec());
const OUTCOME: MetricLabel = MetricLabel::known("outcome", || {
    let ended = OrderState::ALL.into_iter().filter(|state| !state.is_open());
    ended.map(OrderState::as_str).collect()
});

/// Every family of this crate.
pub static METRIC_FAMILIES: &[MetricFamily] = &[
    MetricFamily::counter("openbell_trades_total", "Committed purchases and sales.").by(&[SIDE]),
    MetricFamily::counter(
        "openbell_rejections_total",
        "Orders that were rejected, by the code of the response.",
    )
    .by(&[CODE]),
    MetricFamily::counter(
        "openbell_idempotent_replays_total",
        "Orders that were answered with the stored response of an earlier request.",
    ),
    MetricFamily::gauge("openbell_desk_queue_length", "Orders that wait in a lane.")
        .at_most(64, &[LANE]),
    MetricFamily::gauge(
        "openbell_desk_aside_length",
        "Orders that a lane has set aside because another transaction has locked their player.",
    )
    .at_most(64, &[LANE]),
    MetricFamily::gauge(
        "openbell_desk_queue_length_max",
        "The most orders that may wait in a lane (trading.queue_max).",
    ),
    MetricFamily::histogram(
        "openbell_desk_queue_wait_seconds",
        "Time from the acceptance of an order to the start of its batch.",
    ),
    MetricFamily::counter(
        "openbell_desk_full_total",
        "Orders that were refused with 503 because the queue of their lane was full.",
    ),
    MetricFamily::histogram("openbell_batch_size", "Orders of one batch."),
    MetricFamily::histogram(
        "openbell_batch_commit_seconds",
        "Time of the transaction that commits a batch.",
    ),
    MetricFamily::counter(
        "openbell_batches_lost_total",
        "Batches whose task panicked; their orders were answered with an error.",
    ),
    MetricFamily::counter(
        "openbell_version_conflicts_total",
        "Players of a batch that were not written because another node changed them concurrently.",
    ),
    MetricFamily::counter(
        "openbell_retries_total",
        "Orders that were settled again after a version conflict.",
    ),
    MetricFamily::counter(
        "openbell_pending_orders_ended_total",
        "Orders that did not fill at once and have ended, by outcome.",
    )
    .by(&[OUTCOME]),
];
