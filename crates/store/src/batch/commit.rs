//! Committing a batch: one transaction of at most six statements. It decides nothing and retries
//! nothing: a player whose version moved is reported, and none of his rows is written. Where the
//! answer to a COMMIT is lost, it can be asked later what became of the transaction.

use std::collections::BTreeSet;

use domain::{Fill, Player, UnixMicros};

use super::sets::{
    ENTRIES, HOLDINGS, NOTES, PLAYERS, RECORDS, UNLOCKS, entry_rows, holding_rows, note_rows,
    player_rows, record_rows, unlock_rows,
};
use super::{Change, Committed, Doubt, Record};
use crate::db::Db;
use crate::measure::Timed as _;
use crate::rows::{BindRows as _, Rows};
use crate::statement::{Lazy, Statement};
use crate::transaction::{Conn, Tx};
use crate::{Store, StoreError};

// Not asked of SQLite, where nobody is between the program and its file.
pub(super) static STATUS: Lazy = Lazy::new(|| Statement {
    name: "batch.transaction_status",
    sqlite: "SELECT CAST(NULL AS TEXT) WHERE $1 > 0",
    postgres: "SELECT pg_xact_status($1::text::xid8)",
});

impl Store {
    /// Writes the changes of a batch in one transaction, and reports the players of whom nothing
    /// was written because another transaction moved their version or used their key first.
    ///
    /// # Errors
    /// The fault met; nothing is written, unless it is `InDoubt`: then a COMMIT may have been
    /// carried out whose answer was lost (see [`Store::was_committed`]).
    pub async fn commit_batch(
        &self,
        changes: &[Change],
        now: UnixMicros,
    ) -> Result<Committed, StoreError> {
        let tx = self.begin().await?;
        commit(tx, changes, now).await
    }

    /// Whether a transaction was committed; `None` while it is under way. PostgreSQL keeps that for
    /// as long as it keeps two thousand million transactions apart.
    ///
    /// # Errors
    /// The fault met, or `Fault` for a transaction the database does not know (any more).
    pub async fn was_committed(&self, doubt: &Doubt) -> Result<Option<bool>, StoreError> {
        let Db::Postgres(db) = self.db()? else { return Err(unknown_transaction()) };
        let status: Option<String> = sqlx::query_scalar(STATUS.postgres)
            .bind(doubt.transaction)
            .fetch_one(&db.writer)
            .timed(&STATUS)
            .await?;
        match status.as_deref() {
            Some("committed") => Ok(Some(true)),
            Some("aborted") => Ok(Some(false)),
            Some(_) => Ok(None),
            None => Err(unknown_transaction()),
        }
    }
}

fn unknown_transaction() -> StoreError {
    StoreError::Fault(sqlx::Error::RowNotFound)
}

/// Writes the changes and commits. Players are locked before keys are taken, in every transaction
/// and each in order, so that no two wait for each other.
pub(super) async fn commit(
    mut tx: Tx,
    changes: &[Change],
    now: UnixMicros,
) -> Result<Committed, StoreError> {
    let (moved, transaction) = write_players(tx.conn(), changes, now).await?;
    let kept: Vec<&Change> =
        changes.iter().filter(|c| !moved.contains(&c.player.player_id)).collect();
    if !write_records(tx.conn(), &kept, now).await? {
        // Rare: a key that another node used for a refusal since it was looked for.
        tx.rollback().await?;
        return Ok(Committed { moved: changes.iter().map(|c| c.player.player_id).collect() });
    }
    write_rest(tx.conn(), &kept, now).await?;
    match (tx.commit().await, transaction) {
        (Ok(()), _) => Ok(Committed { moved }),
        (Err(StoreError::Unavailable(error)), Some(transaction)) => {
            Err(StoreError::InDoubt(Doubt { transaction, moved }, error))
        }
        (Err(error), _) => Err(error),
    }
}

/// Writes the players whose version is still the one that was loaded; gives the others, and the
/// transaction's number where there is one.
async fn write_players(
    conn: Conn<'_>,
    changes: &[Change],
    now: UnixMicros,
) -> Result<(BTreeSet<i64>, Option<i64>), StoreError> {
    let changed = changes.iter().filter(|c| !c.fills.is_empty());
    let mut players: Vec<(&Player, i64)> = changed.map(|c| (&c.player, c.version_before)).collect();
    if players.is_empty() {
        return Ok((BTreeSet::new(), None));
    }
    players.sort_by_key(|(player, _)| player.player_id);
    let rows = player_rows(&players, now);
    let kept: Vec<(i64, Option<i64>)> = with_conn!(conn, |conn, sql| {
        let query = sqlx::query_as(sql(&PLAYERS)).bind_rows(&rows);
        query.fetch_all(conn).timed(&PLAYERS).await?
    });
    let mut moved: BTreeSet<i64> = players.iter().map(|(player, _)| player.player_id).collect();
    let mut number = None;
    for (player_id, transaction) in kept {
        moved.remove(&player_id);
        number = transaction;
    }
    Ok((moved, number))
}

/// Writes the records; whether none of their keys was there before.
async fn write_records(
    conn: Conn<'_>,
    kept: &[&Change],
    now: UnixMicros,
) -> Result<bool, StoreError> {
    let records: Vec<(i64, &Record)> = kept
        .iter()
        .flat_map(|c| c.records.iter().map(|record| (c.player.player_id, record)))
        .collect();
    if records.is_empty() {
        return Ok(true);
    }
    let rows = record_rows(&records, now);
    let written = with_conn!(conn, |conn, sql| {
        let query = sqlx::query(sql(&RECORDS)).bind_rows(&rows);
        query.execute(conn).timed(&RECORDS).await?.rows_affected()
    });
    Ok(written == records.len() as u64)
}

/// Writes what hangs on the players.
async fn write_rest(conn: Conn<'_>, kept: &[&Change], now: UnixMicros) -> Result<(), StoreError> {
    let fills: Vec<&Fill> = kept.iter().flat_map(|c| &c.fills).collect();
    let entries: Vec<_> = fills.iter().map(|fill| (&fill.entry, fill.hash)).collect();
    let sets: [(&Lazy, Option<Rows>); 4] = [
        (&HOLDINGS, holding_rows(kept)),
        (&ENTRIES, (!entries.is_empty()).then(|| entry_rows(&entries))),
        (&UNLOCKS, unlock_rows(&fills)),
        (&NOTES, note_rows(kept, now)),
    ];
    with_conn!(conn, |conn, sql| {
        for (statement, rows) in sets {
            if let Some(rows) = rows {
                let query = sqlx::query(sql(statement)).bind_rows(&rows);
                query.execute(&mut *conn).timed(statement).await?;
            }
        }
    });
    Ok(())
}
