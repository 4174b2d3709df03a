//! Reads and deletes idempotency records. The batch commit writes them in the transaction of their
//! effect.

use domain::{Fill, Month, Rejection, UnixMicros};

use crate::statement::LazyStatement;
use crate::{Store, StoreError};

/// The stored outcome of an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOutcome {
    /// SHA-256 of the route and body of the request.
    pub fingerprint: Vec<u8>,
    /// The ledger entry of the request.
    pub version: Option<(Month, i64)>,
    /// With neither entry nor rejection, the key belongs to a pending order.
    pub rejection: Option<Rejection>,
    pub request_id: String,
}

// Keeps the keys of open orders: that of the request and that of the execution, which may be
// repeated.
static DELETE_OLD: LazyStatement = LazyStatement::new(
    "idempotency.delete_old",
    "DELETE FROM idempotency WHERE (player_id, key) IN (
         SELECT i.player_id, i.key FROM idempotency i
         WHERE i.created_at < $1 AND NOT EXISTS (
             SELECT 1 FROM pending_orders o
             WHERE o.player_id = i.player_id AND o.state IN ('pending', 'executing')
                 AND i.key IN ('order ' || o.order_id, o.client_key))
         ORDER BY i.created_at LIMIT $2)",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&DELETE_OLD];

impl Store {
    /// Deletes at most `max` records older than `before` and returns their number.
    pub async fn delete_idempotency_before(
        &self,
        before: UnixMicros,
        max: i64,
    ) -> Result<u64, StoreError> {
        self.writer().execute(&DELETE_OLD, (before.0, max)).await
    }

    /// The fill of a ledger entry, for an idempotent replay.
    pub async fn load_fill(
        &self,
        player_id: i64,
        month: Month,
        version: i64,
    ) -> Result<Option<Fill>, StoreError> {
        let id = domain::TradeId { player_id, month, version };
        let Some(row) = self.find_entry(id).await? else { return Ok(None) };
        let unlocked = self.unlocked_by(player_id, version).await?;
        Ok(Some(Fill { entry: row.entry, hash: row.hash, unlocked }))
    }
}
