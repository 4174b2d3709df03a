//! Commits a batch in one transaction of at most seven statements. On PostgreSQL the first
//! statement also writes the batch mark, by which `mark` resolves a COMMIT without a response.

use std::collections::BTreeSet;

use domain::{Fill, Hash, Player, UnixMicros};
use tokio::time::Instant;

use super::sets::{
    ENTRIES, HOLDINGS, MARKED_RECORDS, NOTE_TEXTS, NOTES, PLAYERS, RECORDS, UNLOCKS, entry_rows,
    holding_rows, note_rows, note_text_rows, player_rows, record_rows, unlock_rows,
};
use super::{Committed, IdempotencyRecord, PlayerUpdate};
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::transaction::{Conn, Tx, record_lock_wait};
use crate::{BatchMark, Store, StoreError, UnknownCommit};

impl Store {
    /// Writes a batch in one transaction. If a player's version changed concurrently, none of that
    /// player's rows are written and the id is returned in [`Committed::conflicted`].
    ///
    /// # Errors
    /// `Conflict` if another transaction holds a row or key for more than 100 ms. `CommitUnknown`
    /// if COMMIT got no response (see [`Store::resolve_commit`]). After `DiskFailed` the batch may
    /// be
    /// durable; with every other error nothing is written.
    pub async fn commit_batch(
        &self,
        changes: &[PlayerUpdate],
        mark: BatchMark,
        now: UnixMicros,
    ) -> Result<Committed, StoreError> {
        let tx = self.begin_brief().await?;
        commit(tx, Attempt::Unlocked, changes, mark, now).await
    }
}

/// Whether the players of a batch were locked, with a recorded wait, before they are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    Unlocked,
    Locked,
}

/// Writes the updates and commits. Every transaction locks players before keys, each in ascending
/// order, to avoid deadlocks.
pub(super) async fn commit(
    mut tx: Tx,
    attempt: Attempt,
    changes: &[PlayerUpdate],
    mark: BatchMark,
    now: UnixMicros,
) -> Result<Committed, StoreError> {
    let conflicted = write_players(tx.conn(), attempt, changes, mark, now).await?;
    let only_rejections = changes.iter().all(|c| c.fills.is_empty());
    let kept: Vec<&PlayerUpdate> =
        changes.iter().filter(|c| !conflicted.contains(&c.player.player_id)).collect();
    if !write_records(tx.conn(), &kept, only_rejections.then_some(mark), now).await? {
        // Rare: another node used one of the keys for a rejection since the batch was loaded.
        tx.rollback().await?;
        return Ok(Committed { conflicted: changes.iter().map(|c| c.player.player_id).collect() });
    }
    write_rest(tx.conn(), &kept, now).await?;
    match tx.commit_once().await {
        Ok(()) => Ok(Committed { conflicted }),
        Err(StoreError::CommitLost(error)) => {
            Err(StoreError::CommitUnknown(UnknownCommit { mark, made_at: now, conflicted }, error))
        }
        Err(error) => Err(error),
    }
}

/// Updates the players whose version is still the loaded one, writes the batch mark, and returns
/// the other players. SQLite has no marks.
async fn write_players(
    mut conn: Conn<'_>,
    attempt: Attempt,
    changes: &[PlayerUpdate],
    mark: BatchMark,
    now: UnixMicros,
) -> Result<BTreeSet<i64>, StoreError> {
    let changed = changes.iter().filter(|c| !c.fills.is_empty());
    let mut players: Vec<(&Player, i64, Hash)> =
        changed.map(|c| (&c.player, c.version_before, c.head_before)).collect();
    if players.is_empty() {
        return Ok(BTreeSet::new());
    }
    players.sort_by_key(|(player, ..)| player.player_id);
    let rows = player_rows(&players, now);
    // The entries of a batch are settled by one version.
    let rules_version =
        changes.iter().find_map(|c| c.fills.last().and_then(|fill| fill.entry.rules_version));
    let began = Instant::now();
    let params = (&rows, now.0, mark.0.to_vec(), rules_version);
    let written = conn.run().fetch_scalars(&PLAYERS, params).await;
    // The statement waits for locked players. SQLite waits when the transaction begins.
    if attempt == Attempt::Unlocked && matches!(conn, Conn::Postgres(_)) {
        record_lock_wait(began);
    }
    let written: Vec<i64> = written?;
    let mut conflicted: BTreeSet<i64> =
        players.iter().map(|(player, ..)| player.player_id).collect();
    for player_id in written {
        conflicted.remove(&player_id);
    }
    Ok(conflicted)
}

/// Inserts the idempotency records, with the mark if the batch writes nothing else. Returns whether
/// all keys were free.
async fn write_records(
    mut conn: Conn<'_>,
    kept: &[&PlayerUpdate],
    mark: Option<BatchMark>,
    now: UnixMicros,
) -> Result<bool, StoreError> {
    let records: Vec<(i64, &IdempotencyRecord)> = kept
        .iter()
        .flat_map(|c| c.records.iter().map(|record| (c.player.player_id, record)))
        .collect();
    if records.is_empty() {
        return Ok(true);
    }
    let rows = record_rows(&records, now);
    let written = match mark {
        Some(mark) => conn.run().execute(&MARKED_RECORDS, (&rows, now.0, mark.0.to_vec())).await?,
        None => conn.run().execute(&RECORDS, (&rows,)).await?,
    };
    Ok(written == records.len() as u64)
}

/// Writes the rows that depend on the players.
async fn write_rest(
    mut conn: Conn<'_>,
    kept: &[&PlayerUpdate],
    now: UnixMicros,
) -> Result<(), StoreError> {
    let fills: Vec<&Fill> = kept.iter().flat_map(|c| &c.fills).collect();
    let entries: Vec<_> = fills.iter().map(|fill| (&fill.entry, fill.hash)).collect();
    let sets: [(&LazyStatement, Option<RowSet>); 5] = [
        (&HOLDINGS, holding_rows(kept)),
        (&ENTRIES, (!entries.is_empty()).then(|| entry_rows(&entries))),
        (&UNLOCKS, unlock_rows(&fills)),
        (&NOTES, note_rows(kept, now)),
        (&NOTE_TEXTS, note_text_rows(kept)),
    ];
    for (statement, rows) in sets {
        if let Some(rows) = rows {
            conn.run().execute(statement, (&rows,)).await?;
        }
    }
    Ok(())
}
