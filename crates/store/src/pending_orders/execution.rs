//! Executing pending orders: which are due, claiming, and recording outcomes. Claims and outcomes
//! are guarded by the state, so that of two nodes one claims an order and one outcome is recorded.
//! When to do what is decided in `trading`.

use domain::{OrderState, Rejection, TradeId, UnixMicros};

use super::{OrderRow, PendingOrder};
use crate::rows::{Rows, Type};
use crate::statement::{Lazy, Statement};
use crate::{Store, StoreError};

/// The outcome of an order, to be recorded if the order is still in the state `from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderOutcome {
    /// Which order.
    pub order_id: i64,
    /// The state it must be in.
    pub from: OrderState,
    /// The state it enters.
    pub state: OrderState,
    /// The trade it became.
    pub trade: Option<TradeId>,
    /// Why it did not become one.
    pub rejection: Option<Rejection>,
}

static DUE: Lazy = Lazy::new(|| {
    Statement::new(
        "pending_orders.due",
        select!(
            "WHERE o.state IN ('pending', 'executing') AND o.fills_at <= $1
                 AND (o.fills_at, o.order_id) > ($2, $3)
             ORDER BY o.fills_at, o.order_id LIMIT $4"
        ),
    )
});

static HAS_DUE: Lazy = Lazy::new(|| {
    Statement::new(
        "pending_orders.has_due",
        "SELECT o.order_id FROM pending_orders o
         WHERE o.state IN ('pending', 'executing') AND o.fills_at <= $1
         ORDER BY o.fills_at, o.order_id LIMIT 1",
    )
});

static CLAIM: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "pending_orders.claim",
        &[("order_id", Type::Int)],
        "UPDATE pending_orders SET state = 'executing'
         WHERE state = 'pending' AND order_id IN (SELECT order_id FROM ({rows}) AS batch)
         RETURNING order_id",
    )
});

static END: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "pending_orders.end",
        &[
            ("order_id", Type::Int),
            ("from_state", Type::Text),
            ("state", Type::Text),
            ("month", Type::Int),
            ("version", Type::Int),
            ("rejection", Type::Text),
        ],
        "UPDATE pending_orders SET state = b.state, month = b.month, version = b.version,
             rejection = b.rejection, ended_at = {$1}
         FROM ({rows}) AS b
         WHERE pending_orders.order_id = b.order_id AND pending_orders.state = b.from_state
         RETURNING pending_orders.order_id",
    )
});

static COUNT_ALL: Lazy = Lazy::new(|| {
    Statement::new(
        "pending_orders.count_all",
        "SELECT count(*) FROM pending_orders o
         WHERE o.state IN ('pending', 'executing') AND o.fills_at > -1",
    )
});

static DELETE_ENDED: Lazy = Lazy::new(|| {
    Statement::new(
        "pending_orders.delete_ended",
        "DELETE FROM pending_orders WHERE order_id IN (
             SELECT o.order_id FROM pending_orders o
             WHERE o.ended_at IS NOT NULL AND o.ended_at < $1 ORDER BY o.ended_at LIMIT $2)",
    )
});

pub(crate) static STATEMENTS: &[&Lazy] = &[&DUE, &HAS_DUE, &CLAIM, &END, &COUNT_ALL, &DELETE_ENDED];

impl Store {
    /// Open orders that can be executed at `now`, after this fill time and number, in their order.
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

    /// Whether an open order can be executed at `now`.
    pub async fn has_due_orders(&self, now: UnixMicros) -> Result<bool, StoreError> {
        let found: Option<(i64,)> = self.reader().fetch_optional(&HAS_DUE, (now.0,)).await?;
        Ok(found.is_some())
    }

    /// Claims pending orders for execution; the numbers of those that were still pending.
    pub async fn claim_orders(&self, order_ids: &[i64]) -> Result<Vec<i64>, StoreError> {
        let rows = Rows::new(vec![Rows::int(order_ids, |id| *id)]);
        let claimed: Vec<(i64,)> = self.writer().fetch_all(&CLAIM, (&rows,)).await?;
        Ok(claimed.into_iter().map(|(order_id,)| order_id).collect())
    }

    /// Records outcomes; the numbers of the orders that were still in the state they had to be in.
    pub async fn end_orders(
        &self,
        outcomes: &[OrderOutcome],
        now: UnixMicros,
    ) -> Result<Vec<i64>, StoreError> {
        let rows = Rows::new(vec![
            Rows::int(outcomes, |outcome| outcome.order_id),
            Rows::text(outcomes, |outcome| outcome.from.as_str().to_owned()),
            Rows::text(outcomes, |outcome| outcome.state.as_str().to_owned()),
            Rows::maybe(outcomes, |outcome| outcome.trade.map(|trade| trade.month.0)),
            Rows::maybe(outcomes, |outcome| outcome.trade.map(|trade| trade.version)),
            Rows::maybe_text(outcomes, |outcome| {
                outcome.rejection.map(|rejection| rejection.code().to_owned())
            }),
        ]);
        let ended: Vec<(i64,)> = self.writer().fetch_all(&END, (&rows, now.0)).await?;
        Ok(ended.into_iter().map(|(order_id,)| order_id).collect())
    }

    /// How many orders are open.
    pub async fn count_open_orders(&self) -> Result<i64, StoreError> {
        self.reader().fetch_scalar(&COUNT_ALL, ()).await
    }

    /// Deletes orders that ended before `before`, at most `max` of them; returns how many.
    pub async fn delete_ended_orders(
        &self,
        before: UnixMicros,
        max: i64,
    ) -> Result<u64, StoreError> {
        self.writer().execute(&DELETE_ENDED, (before.0, max)).await
    }
}
