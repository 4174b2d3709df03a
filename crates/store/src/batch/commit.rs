//! Committing a batch: one transaction of at most seven statements. It decides nothing and retries
//! nothing: a player whose version moved is reported, and none of his rows is written. On
//! PostgreSQL the first statement also writes the batch's mark, by which `mark` resolves a COMMIT
//! whose answer is lost.

use std::collections::BTreeSet;

use domain::{Fill, Hash, Player, UnixMicros};

use super::sets::{
    ENTRIES, HOLDINGS, MARKED_RECORDS, NOTE_TEXTS, NOTES, PLAYERS, RECORDS, UNLOCKS, entry_rows,
    holding_rows, note_rows, note_text_rows, player_rows, record_rows, unlock_rows,
};
use super::{BatchMark, Committed, IdempotencyRecord, PlayerUpdate, UnknownCommit};
use crate::rows::Rows;
use crate::statement::Lazy;
use crate::transaction::{Conn, Tx};
use crate::{Store, StoreError};

impl Store {
    /// Writes the changes of a batch in one transaction, and reports the players of whom nothing
    /// was written because another transaction moved their version or used their key first.
    ///
    /// # Errors
    /// `Conflict` when another transaction holds a row or a key for longer than 100 ms; or the
    /// fault met. Nothing is written, unless it is `CommitUnknown`: then a COMMIT may have been
    /// carried out whose answer was lost (see [`Store::resolve_commit`]).
    pub async fn commit_batch(
        &self,
        changes: &[PlayerUpdate],
        mark: BatchMark,
        now: UnixMicros,
    ) -> Result<Committed, StoreError> {
        let tx = self.begin_brief().await?;
        commit(tx, changes, mark, now).await
    }
}

/// Writes the changes and commits. Players are locked before keys are taken, in every transaction
/// and each in order, so that no two wait for each other.
pub(super) async fn commit(
    mut tx: Tx,
    changes: &[PlayerUpdate],
    mark: BatchMark,
    now: UnixMicros,
) -> Result<Committed, StoreError> {
    let conflicted = write_players(tx.conn(), changes, mark, now).await?;
    let only_refuses = changes.iter().all(|c| c.fills.is_empty());
    let kept: Vec<&PlayerUpdate> =
        changes.iter().filter(|c| !conflicted.contains(&c.player.player_id)).collect();
    if !write_records(tx.conn(), &kept, only_refuses.then_some(mark), now).await? {
        // Rare: a key that another node used for a refusal since it was looked for.
        tx.rollback().await?;
        return Ok(Committed { conflicted: changes.iter().map(|c| c.player.player_id).collect() });
    }
    write_rest(tx.conn(), &kept, now).await?;
    let is_marked = matches!(tx, Tx::Postgres(_));
    match tx.commit().await {
        Ok(()) => Ok(Committed { conflicted }),
        // A conflict is the server's answer, and means that it was undone. Anything else is none.
        Err(StoreError::Unavailable(error) | StoreError::Fault(error)) if is_marked => {
            Err(StoreError::CommitUnknown(UnknownCommit { mark, made_at: now, conflicted }, error))
        }
        Err(error) => Err(error),
    }
}

/// Writes the players whose version is still the one that was loaded, with the batch's mark, and
/// gives the others. SQLite's statement has no place for a mark and leaves it.
async fn write_players(
    mut conn: Conn<'_>,
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
    let kept: Vec<(i64,)> = conn.run().fetch_all(&PLAYERS, (&rows, now.0, mark.0.to_vec())).await?;
    let mut conflicted: BTreeSet<i64> =
        players.iter().map(|(player, ..)| player.player_id).collect();
    for (player_id,) in kept {
        conflicted.remove(&player_id);
    }
    Ok(conflicted)
}

/// Writes the records, with the batch's mark where nothing else is written; whether none of their
/// keys was there before.
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

/// Writes what hangs on the players.
async fn write_rest(
    mut conn: Conn<'_>,
    kept: &[&PlayerUpdate],
    now: UnixMicros,
) -> Result<(), StoreError> {
    let fills: Vec<&Fill> = kept.iter().flat_map(|c| &c.fills).collect();
    let entries: Vec<_> = fills.iter().map(|fill| (&fill.entry, fill.hash)).collect();
    let sets: [(&Lazy, Option<Rows>); 5] = [
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
