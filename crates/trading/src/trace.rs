//! Spans of orders and batches in traces (docs/traces.md). An order carries its span through the
//! queue to its batch. Without a sampled request, no span is made.

use tracing::{Span, info_span};

/// The span of an order from its acceptance to its response, within the request's trace.
pub(crate) fn order_span() -> Span {
    info_span!(target: domain::TRACES, "order")
}

/// The spans of one attempt at a batch, one in each trace of its orders.
pub(crate) struct BatchSpans {
    /// The one that contains the statements.
    pub(crate) first: Span,
    /// Linked to the first one; they end with it.
    _others: Vec<Span>,
}

impl BatchSpans {
    /// `orders` has the span of every order, most of them disabled.
    pub(crate) fn start<'a>(orders: impl ExactSizeIterator<Item = &'a Span>, lane: u32) -> Self {
        // Traces have signed numbers only.
        let (lane, size) = (i64::from(lane), i64::try_from(orders.len()).unwrap_or(i64::MAX));
        let traced = orders.filter(|order| !order.is_disabled());
        let mut spans = traced.map(|order| {
            order.in_scope(|| info_span!(target: domain::TRACES, "batch", lane, orders = size))
        });
        let first = spans.next().unwrap_or_else(Span::none);
        let others: Vec<Span> = spans.collect();
        for other in &others {
            other.follows_from(&first);
        }
        Self { first, _others: others }
    }
}
