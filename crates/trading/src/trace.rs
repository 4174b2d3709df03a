//! Spans of orders and batches in traces (docs/traces.md). An order carries its span through the
//! queue to its batch. Without a sampled request, no span is made.

use tracing::{Span, info_span};

use crate::job::Job;

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
    pub(crate) fn start(jobs: &[Job], lane: u32) -> Self {
        // Traces have signed numbers only.
        let (lane, size) = (i64::from(lane), i64::try_from(jobs.len()).unwrap_or(i64::MAX));
        let traced = jobs.iter().map(|job| &job.span).filter(|span| !span.is_disabled());
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
