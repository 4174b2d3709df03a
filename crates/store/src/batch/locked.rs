//! A batch whose players are locked before they are loaded, so that nobody can win them meanwhile:
//! what a lane does with players it has lost before. It holds a transaction between loading and
//! committing, in which the lane does nothing but settle.

use domain::UnixMicros;
use tokio::time::Instant;

use super::commit::commit;
use super::load::load;
use super::{BatchMark, BatchState, Change, Committed, Wanted};
use crate::measure::Timed as _;
use crate::rows::{BindRows as _, Rows, Type};
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

/// A transaction that holds the players of a batch. Dropping it lets them go, unchanged.
pub struct LockedBatch(Tx);

impl LockedBatch {
    /// Writes the changes; see [`Store::commit_batch`].
    ///
    /// # Errors
    /// As there.
    pub async fn commit(
        self,
        changes: &[Change],
        mark: BatchMark,
        now: UnixMicros,
    ) -> Result<Committed, StoreError> {
        commit(self.0, changes, mark, now).await
    }
}

impl Store {
    /// Loads a batch like [`Store::load_batch`], and keeps its players from everybody else until
    /// the batch is committed or dropped.
    ///
    /// # Errors
    /// `Conflict` when others hold a player for longer than the lock time-out; or the fault met.
    pub async fn lock_batch(
        &self,
        wanted: &[Wanted],
        keys: &[(i64, String)],
        prices_json: &str,
    ) -> Result<(LockedBatch, BatchState), StoreError> {
        let mut tx = self.begin().await?;
        lock_players(tx.conn(), wanted).await?;
        // A statement of its own: it sees what those committed who held the players before.
        let state = load(tx.conn(), wanted, prices_json).await?;
        let state = state.with_keys(tx.conn(), keys).await?;
        Ok((LockedBatch(tx), state))
    }
}

/// On SQLite the transaction itself holds everything.
async fn lock_players(conn: Conn<'_>, wanted: &[Wanted]) -> Result<(), StoreError> {
    let Conn::Postgres(conn) = conn else { return Ok(()) };
    let mut players: Vec<i64> = wanted.iter().map(|wanted| wanted.player_id).collect();
    players.dedup();
    let rows = Rows::new(vec![Rows::int(&players, |player_id| *player_id)]);
    let began = Instant::now();
    let query = sqlx::query(LOCK.postgres).bind_rows(&rows);
    query.execute(conn).timed(&LOCK).await?;
    record_lock_wait(began);
    Ok(())
}
