//! Statements for the execution of pending orders: selects due orders, claims them, records
//! outcomes. The state guards claims and outcomes, so that only one node succeeds. `trading`
//! decides when to execute.

use domain::{Day, OrderState, Rejection, TradeId, UnixMicros};

use super::{OrderRow, PendingOrder};
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

/// The outcome of an order; recorded only if the order is still in the state `from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderOutcome {
    pub order_id: i64,
    pub from: OrderState,
    pub state: OrderState,
    pub trade: Option<TradeId>,
    pub rejection: Option<Rejection>,
}

static DUE: LazyStatement = LazyStatement::new(
    "pending_orders.due",
    select!(
        "WHERE o.state IN ('pending', 'executing') AND o.fills_at <= $1
             AND (o.fills_at, o.order_id) > ($2, $3)
         ORDER BY o.fills_at, o.order_id LIMIT $4"
    ),
);

static HAS_DUE: LazyStatement = LazyStatement::new(
    "pending_orders.has_due",
    "SELECT o.order_id FROM pending_orders o
     WHERE o.state IN ('pending', 'executing') AND o.fills_at <= $1
     ORDER BY o.fills_at, o.order_id LIMIT 1",
);

// The distance to the expiry stays what it is.
static PLAN: LazyStatement = LazyStatement::new(
    "pending_orders.plan",
    "UPDATE pending_orders SET fills_at = $2, expires_at = expires_at - fills_at + $2
     WHERE state = 'pending' AND order_id IN (
         SELECT o.order_id FROM pending_orders o
         WHERE o.state IN ('pending', 'executing') AND o.fills_at > -1 AND o.fills_at <> $2
             AND o.session_day = $1 AND o.state = 'pending'
         ORDER BY o.fills_at, o.order_id LIMIT $3)",
);

static CLAIM: LazyStatement = LazyStatement::with_rows(
    "pending_orders.claim",
    "order_id bigint",
    "UPDATE pending_orders SET state = 'executing'
     WHERE state = 'pending' AND order_id IN (SELECT order_id FROM ({rows}) AS batch)
     RETURNING order_id",
);

static END: LazyStatement = LazyStatement::with_rows(
    "pending_orders.end",
    "order_id bigint, from_state text, state text, month bigint, version bigint, rejection text",
    "UPDATE pending_orders SET state = b.state, month = b.month, version = b.version,
         rejection = b.rejection, ended_at = {$1}
     FROM ({rows}) AS b
     WHERE pending_orders.order_id = b.order_id AND pending_orders.state = b.from_state
     RETURNING pending_orders.order_id",
);

static COUNT_ALL: LazyStatement = LazyStatement::new(
    "pending_orders.count_all",
    "SELECT count(*) FROM pending_orders o
     WHERE o.state IN ('pending', 'executing') AND o.fills_at > -1",
);

static DELETE_ENDED: LazyStatement = LazyStatement::new(
    "pending_orders.delete_ended",
    "DELETE FROM pending_orders WHERE order_id IN (
         SELECT o.order_id FROM pending_orders o
         WHERE o.ended_at IS NOT NULL AND o.ended_at < $1 ORDER BY o.ended_at LIMIT $2)",
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&DUE, &HAS_DUE, &PLAN, &CLAIM, &END, &COUNT_ALL, &DELETE_ENDED];

impl Store {
    /// Open orders that are due at `now`, after the cursor (fill time, id), in that order.
    pub async fn due_orders(
        &self,
        now: UnixMicros,
        after: (UnixMicros, i64),
        limit: i64,
    ) -> Result<Vec<PendingOrder>, StoreError> {
        let rows: Vec<OrderRow> =
            self.reader().fetch_all(&DUE, (now.0, after.0.0, after.1, limit)).await?;
        rows.into_iter().map(OrderRow::read).collect()
    }

    /// Whether an open order is due at `now`.
    pub async fn has_due_orders(&self, now: UnixMicros) -> Result<bool, StoreError> {
        let found: Option<i64> = self.reader().fetch_optional_scalar(&HAS_DUE, (now.0,)).await?;
        Ok(found.is_some())
    }

    /// Moves the fill time of pending orders at the close of a day, at most `limit` of them;
    /// [`UNPLANNED`](super::UNPLANNED) while the clock is paused. Returns how many moved.
    pub async fn plan_closes(
        &self,
        day: Day,
        closes_at: UnixMicros,
        limit: i64,
    ) -> Result<u64, StoreError> {
        self.writer().execute(&PLAN, (i64::from(day.0), closes_at.0, limit)).await
    }

    /// Claims pending orders for execution and returns the ids of those that were still pending.
    pub async fn claim_orders(&self, order_ids: &[i64]) -> Result<Vec<i64>, StoreError> {
        let rows = RowSet::new(vec![RowSet::int(order_ids, |id| *id)]);
        self.writer().fetch_scalars(&CLAIM, (&rows,)).await
    }

    /// Records outcomes and returns the ids of the orders that were still in the expected state.
    pub async fn end_orders(
        &self,
        outcomes: &[OrderOutcome],
        now: UnixMicros,
    ) -> Result<Vec<i64>, StoreError> {
        let rows = RowSet::new(vec![
            RowSet::int(outcomes, |outcome| outcome.order_id),
            RowSet::text(outcomes, |outcome| outcome.from.as_str().to_owned()),
            RowSet::text(outcomes, |outcome| outcome.state.as_str().to_owned()),
            RowSet::optional_int(outcomes, |outcome| outcome.trade.map(|trade| trade.month.0)),
            RowSet::optional_int(outcomes, |outcome| outcome.trade.map(|trade| trade.version)),
            RowSet::optional_text(outcomes, |outcome| {
                outcome.rejection.map(|rejection| rejection.code().to_owned())
            }),
        ]);
        self.writer().fetch_scalars(&END, (&rows, now.0)).await
    }

    pub async fn count_open_orders(&self) -> Result<i64, StoreError> {
        self.reader().fetch_scalar(&COUNT_ALL, ()).await
    }

    /// Deletes at most `max` orders that ended before `before` and returns their number.
    pub async fn delete_ended_orders(
        &self,
        before: UnixMicros,
        max: i64,
    ) -> Result<u64, StoreError> {
        self.writer().execute(&DELETE_ENDED, (before.0, max)).await
    }
}
