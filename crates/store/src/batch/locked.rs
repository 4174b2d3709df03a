//! A batch whose player rows are locked before they are loaded: the second attempt after a version
//! conflict. The transaction stays open while the lane settles.

use std::collections::BTreeSet;

use domain::UnixMicros;
use tokio::time::Instant;

use super::commit::{Attempt, commit};
use super::load::load;
use super::{BatchState, Committed, LoadKey, PlayerUpdate, Valuation};
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::transaction::{Conn, Tx, record_lock_wait};
use crate::{BatchMark, Store, StoreError};

// In ascending order, as every batch locks players, to avoid deadlocks.
pub(super) static LOCK: LazyStatement = LazyStatement::with_rows(
    "batch.lock_players",
    "player_id bigint",
    "WITH batch AS MATERIALIZED ({rows})
     SELECT p.player_id FROM players p JOIN batch b ON b.player_id = p.player_id
     ORDER BY p.player_id {for update}",
);

// Skips the players that other transactions hold.
pub(super) static LOCK_FREE: LazyStatement = LazyStatement::with_rows(
    "batch.lock_free_players",
    "player_id bigint",
    "WITH batch AS MATERIALIZED ({rows})
     SELECT p.player_id FROM players p JOIN batch b ON b.player_id = p.player_id
     ORDER BY p.player_id {for update} {skip locked}",
);

/// How to treat players that other transactions hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locking {
    /// Leave them out.
    Skip,
    /// Wait up to 100 ms for each.
    Wait,
}

/// A transaction that holds the row locks of a batch. Dropping it rolls back.
pub struct LockedBatch {
    tx: Tx,
    held: BTreeSet<i64>,
}

impl LockedBatch {
    /// The players that were left out because they are locked or do not exist.
    pub fn held(&self) -> &BTreeSet<i64> {
        &self.held
    }

    /// Writes the updates; see [`Store::commit_batch`].
    pub async fn commit(
        self,
        changes: &[PlayerUpdate],
        mark: BatchMark,
        now: UnixMicros,
    ) -> Result<Committed, StoreError> {
        commit(self.tx, Attempt::Locked, changes, mark, now).await
    }
}

impl Store {
    /// Locks the players of a batch until it is committed or dropped, and loads it like
    /// [`Store::load_batch`].
    ///
    /// # Errors
    /// `Conflict` if a player stays locked with [`Locking::Wait`].
    pub async fn lock_batch(
        &self,
        wanted: &[LoadKey],
        keys: &[(i64, String)],
        valuation: &Valuation,
        locking: Locking,
    ) -> Result<(LockedBatch, BatchState), StoreError> {
        let mut tx = self.begin_brief().await?;
        let held = lock_players(tx.conn(), wanted, locking).await?;
        let is_free = |player_id: &i64| !held.contains(player_id);
        let wanted: Vec<LoadKey> =
            wanted.iter().filter(|wanted| is_free(&wanted.player_id)).copied().collect();
        let keys: Vec<(i64, String)> =
            keys.iter().filter(|(player_id, _)| is_free(player_id)).cloned().collect();
        // Loads in a separate statement, which sees the commits of the former lock holders.
        let state = load(tx.conn(), &wanted, valuation).await?;
        let state = state.with_keys(tx.conn(), &keys).await?;
        Ok((LockedBatch { tx, held }, state))
    }
}

/// Locks players and returns those that were left out. On SQLite the transaction itself locks the
/// file.
async fn lock_players(
    mut conn: Conn<'_>,
    wanted: &[LoadKey],
    locking: Locking,
) -> Result<BTreeSet<i64>, StoreError> {
    if matches!(conn, Conn::Sqlite(_)) {
        return Ok(BTreeSet::new());
    }
    let mut players: Vec<i64> = wanted.iter().map(|wanted| wanted.player_id).collect();
    players.dedup();
    let rows = RowSet::new(vec![RowSet::int(&players, |player_id| *player_id)]);
    let began = Instant::now();
    let statement = if locking == Locking::Skip { &LOCK_FREE } else { &LOCK };
    let locked = conn.run().fetch_scalars(statement, (&rows,)).await;
    // A wait in vain as well.
    record_lock_wait(began);
    let locked: Vec<i64> = locked?;
    let mut held = BTreeSet::new();
    if locking == Locking::Skip {
        held.extend(players);
        for player_id in locked {
            held.remove(&player_id);
        }
    }
    Ok(held)
}
