//! The state of every chain at its last deleted entry: version, hash, balances and shares by stock.
//! Saved before a month is deleted, so that the rest of the chain can be verified.

use domain::{Hash, Money, Month, Quantity};

use crate::query::row;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

row! {
    /// The state of a chain at its last deleted entry.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ArchivedHead {
        pub player_id: i64,
        /// The version of that entry.
        pub version: i64,
        pub month: Month,
        pub hash: Hash,
        /// Cash after that entry.
        pub cash: Money,
        /// XP after that entry.
        pub total_xp: i64,
    }
}

row! {
    /// Shares of one stock after that entry.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ArchivedHolding {
        pub player_id: i64,
        pub stock_id: i64,
        pub quantity: Quantity,
        pub cost_basis: Money,
    }
}

pub(super) static SAVE: LazyStatement = LazyStatement::new(
    "archives.save_heads",
    "INSERT INTO audit_heads (player_id, version, month, hash, cash, total_xp)
     SELECT l.player_id, l.version, l.month, l.hash, l.cash_after, l.total_xp_after
     FROM portfolio_audit l
     WHERE l.month = $1 AND l.player_id > $2 AND l.player_id <= $3
       AND NOT EXISTS (SELECT 1 FROM portfolio_audit n WHERE n.player_id = l.player_id
                           AND n.version = l.version + 1 AND n.month = l.month)
     ON CONFLICT (player_id) DO UPDATE SET
         version = excluded.version, month = excluded.month, hash = excluded.hash,
         cash = excluded.cash, total_xp = excluded.total_xp
     WHERE audit_heads.version < excluded.version",
);

pub(super) static SAVE_HOLDINGS: LazyStatement = LazyStatement::new(
    "archives.save_head_holdings",
    "INSERT INTO audit_head_holdings (player_id, stock_id, version, quantity, cost_basis)
     SELECT e.player_id, e.stock_id, e.version, e.quantity_after, e.cost_basis_after
     FROM (SELECT l.player_id, l.stock_id, l.version, l.quantity_after, l.cost_basis_after,
               row_number() OVER (PARTITION BY l.player_id, l.stock_id
                                  ORDER BY l.version DESC) AS place
           FROM portfolio_audit l
           WHERE l.month = $1 AND l.player_id > $2 AND l.player_id <= $3
             AND l.stock_id IS NOT NULL) e
     WHERE e.place = 1
     ON CONFLICT (player_id, stock_id) DO UPDATE SET
         version = excluded.version, quantity = excluded.quantity,
         cost_basis = excluded.cost_basis
     WHERE audit_head_holdings.version < excluded.version",
);

pub(super) static RANGE: LazyStatement = LazyStatement::new(
    "archives.heads_range",
    "SELECT a.player_id, a.version, a.month, a.hash, a.cash, a.total_xp FROM audit_heads a
     WHERE a.player_id > $1 AND a.player_id <= $2 ORDER BY a.player_id",
);

pub(super) static HOLDINGS_RANGE: LazyStatement = LazyStatement::new(
    "archives.head_holdings_range",
    "SELECT a.player_id, a.stock_id, a.quantity, a.cost_basis FROM audit_head_holdings a
     WHERE a.player_id > $1 AND a.player_id <= $2 ORDER BY a.player_id, a.stock_id",
);

impl Store {
    /// Saves the state, at the end of a month, of the chains of the players after `after` up to
    /// `up_to`.
    pub async fn save_heads(&self, month: Month, after: i64, up_to: i64) -> Result<(), StoreError> {
        let mut tx = self.begin_scan().await?;
        for statement in [&SAVE, &SAVE_HOLDINGS] {
            tx.run().execute(statement, (month.0, after, up_to)).await?;
        }
        tx.commit().await
    }

    /// The saved states of chains of the players after `after` up to `up_to`.
    pub async fn archived_heads_range(
        &self,
        after: i64,
        up_to: i64,
    ) -> Result<Vec<ArchivedHead>, StoreError> {
        self.scan().fetch_all(&RANGE, (after, up_to)).await
    }

    /// The shares of those states.
    pub async fn archived_holdings_range(
        &self,
        after: i64,
        up_to: i64,
    ) -> Result<Vec<ArchivedHolding>, StoreError> {
        self.scan().fetch_all(&HOLDINGS_RANGE, (after, up_to)).await
    }
}
