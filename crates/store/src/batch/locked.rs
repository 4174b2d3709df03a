//! A batch whose players are locked before they are loaded, so that nobody can win them meanwhile:
//! what a lane does with players it has lost before. It holds a transaction between loading and
//! committing, in which the lane does nothing but settle.

use std::collections::BTreeSet;

use domain::UnixMicros;
use tokio::time::Instant;

use super::commit::commit;
use super::load::load;
use super::{BatchMark, BatchState, Committed, LoadKey, PlayerUpdate, Valuation};
use crate::rows::{Rows, Type};
use crate::statement::{Lazy, Statement};
use crate::transaction::{Conn, Tx, record_lock_wait};
use crate::{Store, StoreError};

// In the order of their numbers, as every batch locks them, so that two never wait for each other.
pub(super) static LOCK: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "batch.lock_players",
        &[("player_id", Type::Int)],
        "WITH batch AS MATERIALIZED ({rows})
         SELECT p.player_id FROM players p JOIN batch b ON b.player_id = p.player_id
         ORDER BY p.player_id {for update}",
    )
});

// The same, without those that other transactions hold.
pub(super) static LOCK_FREE: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "batch.lock_free_players",
        &[("player_id", Type::Int)],
        "WITH batch AS MATERIALIZED ({rows})
         SELECT p.player_id FROM players p JOIN batch b ON b.player_id = p.player_id
         ORDER BY p.player_id {for update} {skip locked}",
    )
});

/// What to do about players that other transactions hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locking {
    /// They are left out.
    Skip,
    /// They are waited for, each for 100 ms at most.
    Wait,
}

/// A transaction that holds the players of a batch. Dropping it lets them go, unchanged.
pub struct LockedBatch {
    tx: Tx,
    held: BTreeSet<i64>,
}

impl LockedBatch {
    /// The players that were left out: other transactions hold them, or they do not exist.
    pub fn held(&self) -> &BTreeSet<i64> {
        &self.held
    }

    /// Writes the changes; see [`Store::commit_batch`].
    pub async fn commit(
        self,
        changes: &[PlayerUpdate],
        mark: BatchMark,
        now: UnixMicros,
    ) -> Result<Committed, StoreError> {
        commit(self.tx, changes, mark, now).await
    }
}

impl Store {
    /// Loads a batch like [`Store::load_batch`], and keeps its players from everybody else until
    /// the batch is committed or dropped.
    ///
    /// # Errors
    /// `Conflict` when others hold a player that is waited for; or the fault met.
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
        // A statement of its own: it sees what those committed who held the players before.
        let state = load(tx.conn(), &wanted, valuation).await?;
        let state = state.with_keys(tx.conn(), &keys).await?;
        Ok((LockedBatch { tx, held }, state))
    }
}

/// Locks players, and gives those that are left out. On SQLite the transaction itself holds
/// everything.
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
    let rows = Rows::new(vec![Rows::int(&players, |player_id| *player_id)]);
    let began = Instant::now();
    let statement = if locking == Locking::Skip { &LOCK_FREE } else { &LOCK };
    let locked: Vec<(i64,)> = conn.run().fetch_all(statement, (&rows,)).await?;
    record_lock_wait(began);
    let mut held = BTreeSet::new();
    if locking == Locking::Skip {
        held.extend(players);
        for (player_id,) in locked {
            held.remove(&player_id);
        }
    }
    Ok(held)
}
