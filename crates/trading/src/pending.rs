//! Executing pending orders: a page of due orders is claimed, submitted to the desk at the caller's
//! quotes and recorded. A run may stop anywhere or run on several nodes: an order in the state
//! `executing` is submitted again under the same idempotency key and gets the stored outcome.

use std::collections::HashSet;
use std::sync::Arc;

use domain::{Action, Clock, Note, OrderState, Quote, Rejection, UnixMicros};
use store::{OrderOutcome, PendingOrder, Store, StoreError};

use crate::{Desk, DeskError, DeskRequest, Idempotency, OrderResponse};

/// Returns the quote that an order fills at, or why there is none yet.
pub type OrderQuotes = Arc<dyn Fn(&PendingOrder) -> Result<Quote, Rejection> + Send + Sync>;

/// Orders of a page; fewer than a lane's queue holds, so that other orders have room.
const PAGE: i64 = 256;

/// Executes pending orders, a page at a time.
pub struct OrderExecutor {
    store: Store,
    desk: Desk,
    clock: Arc<dyn Clock>,
    quotes: OrderQuotes,
    /// The fill time and number after which the next page begins.
    cursor: (UnixMicros, i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutionRun {
    /// Orders that reached a final state.
    pub ended: u64,
    /// Whether the last page of due orders was reached; the next run begins with the first.
    pub is_last: bool,
}

/// An order to be submitted, with its quote.
type ClaimedOrder = (PendingOrder, Result<Quote, Rejection>);

impl OrderExecutor {
    /// Starts with the first due order.
    pub fn new(store: Store, desk: Desk, clock: Arc<dyn Clock>, quotes: OrderQuotes) -> Self {
        Self { store, desk, clock, quotes, cursor: (UnixMicros(i64::MIN), i64::MIN) }
    }

    /// Executes the next page of due orders. After an error, claimed orders stay in the state
    /// `executing` and a later run submits them again.
    pub async fn run(&mut self) -> Result<ExecutionRun, StoreError> {
        let now = self.clock.now();
        let orders = self.store.due_orders(now, self.cursor, PAGE).await?;
        let is_last = orders.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        let next = orders.last().map(|order| (order.fills_at, order.id.order_id));
        let (claims, mut outcomes) = self.triage(orders, now);
        let claims = self.claim(claims).await?;
        outcomes.extend(self.submit(claims).await);
        let ended = if outcomes.is_empty() { 0 } else { self.record(&outcomes).await? };
        self.cursor = match next {
            Some(next) if !is_last => next,
            _ => (UnixMicros(i64::MIN), i64::MIN),
        };
        Ok(ExecutionRun { ended, is_last })
    }

    /// Returns the orders to submit and the expired pending ones. An order in the state `executing`
    /// may have been filled already and is submitted even without a price.
    fn triage(
        &self,
        orders: Vec<PendingOrder>,
        now: UnixMicros,
    ) -> (Vec<ClaimedOrder>, Vec<OrderOutcome>) {
        let (mut claims, mut outcomes) = (Vec::new(), Vec::new());
        for order in orders {
            let quote = (self.quotes)(&order);
            match quote {
                Err(rejection) if order.state == OrderState::Pending => {
                    // While the clock is paused, orders wait.
                    if order.expires_at < now && rejection != Rejection::GamePaused {
                        outcomes.push(outcome(&order, OrderState::Expired, Some(rejection)));
                    }
                }
                quote => claims.push((order, quote)),
            }
        }
        (claims, outcomes)
    }

    /// Moves pending orders to `executing`; cancelled ones are dropped.
    async fn claim(&self, mut orders: Vec<ClaimedOrder>) -> Result<Vec<ClaimedOrder>, StoreError> {
        let is_pending = |(order, _): &&ClaimedOrder| order.state == OrderState::Pending;
        let pending = orders.iter().filter(is_pending).map(|(order, _)| order.id.order_id);
        let pending: Vec<i64> = pending.collect();
        if pending.is_empty() {
            return Ok(orders);
        }
        let claimed: HashSet<i64> = self.store.claim_orders(&pending).await?.into_iter().collect();
        orders.retain_mut(|(order, _)| {
            let is_claimed = claimed.contains(&order.id.order_id);
            let is_kept = is_claimed || order.state == OrderState::Executing;
            order.state = OrderState::Executing;
            is_kept
        });
        Ok(orders)
    }

    async fn submit(&self, claims: Vec<ClaimedOrder>) -> Vec<OrderOutcome> {
        let requests = claims.iter().map(|(order, quote)| (request(order), *quote));
        let responses = self.desk.submit_at(requests.collect()).await;
        let now = self.clock.now();
        let decided = claims.iter().zip(responses);
        decided.filter_map(|((order, _), response)| decide(order, response, now)).collect()
    }

    async fn record(&self, outcomes: &[OrderOutcome]) -> Result<u64, StoreError> {
        let ended = self.store.end_orders(outcomes, self.clock.now()).await?;
        let ended: HashSet<i64> = ended.into_iter().collect();
        for outcome in outcomes.iter().filter(|outcome| ended.contains(&outcome.order_id)) {
            count_ended(outcome.state);
        }
        Ok(ended.len() as u64)
    }
}

/// Counts an order that left the open states.
pub fn count_ended(state: OrderState) {
    metrics::counter!("openbell_pending_orders_ended_total", "outcome" => state.as_str())
        .increment(1);
}

fn request(order: &PendingOrder) -> DeskRequest {
    // The text was checked when the order was accepted.
    let note = order.note.as_deref().and_then(|text| Note::parse(text).ok());
    DeskRequest {
        player_id: order.id.player_id,
        action: Action::Trade(order.order, note),
        idempotency: Some(Idempotency {
            key: order.id.execution_key(),
            fingerprint: order.fingerprint,
        }),
        request_id: order.request_id.clone(),
    }
}

/// The outcome of an order from the desk's response; `None`: it is submitted again later.
fn decide(
    order: &PendingOrder,
    response: Result<OrderResponse, DeskError>,
    now: UnixMicros,
) -> Option<OrderOutcome> {
    match response.map(|response| response.outcome) {
        Ok(Ok(fill)) => {
            let trade = Some(fill.entry.trade_id());
            Some(OrderOutcome { trade, ..outcome(order, OrderState::Filled, None) })
        }
        Ok(Err(rejection)) if rejection.is_final() => {
            Some(outcome(order, OrderState::Rejected, Some(rejection)))
        }
        Ok(Err(rejection)) => {
            (order.expires_at < now).then(|| outcome(order, OrderState::Expired, Some(rejection)))
        }
        Err(DeskError::UnknownPlayer) => Some(outcome(order, OrderState::Expired, None)),
        Err(DeskError::Full { .. } | DeskError::Closed) => None,
        Err(error) => {
            let order_id = order.id.order_id;
            tracing::warn!(order_id, %error, "a pending order has no outcome yet; it is retried");
            None
        }
    }
}

fn outcome(order: &PendingOrder, state: OrderState, rejection: Option<Rejection>) -> OrderOutcome {
    let (order_id, from) = (order.id.order_id, order.state);
    OrderOutcome { order_id, from, state, trade: None, rejection }
}
