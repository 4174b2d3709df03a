//! Seals over the heads of all chains, and those heads as they were at an instant. What a seal is
//! computed from is decided by `archive`.

use domain::{Hash, UnixMicros};

use crate::ledger::read_hash;
use crate::statement::{Lazy, Statement};
use crate::{Store, StoreError};

/// What is kept of a seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealRow {
    /// The instant at whose heads it looks.
    pub cut_at: UnixMicros,
    /// How many chains there were.
    pub players: i64,
    /// How many entries they had.
    pub entries: i64,
    /// The root of the tree over all heads.
    pub root: Hash,
    /// The hash of the seal before; zeros for the first.
    pub previous: Hash,
    /// When it was made.
    pub made_at: UnixMicros,
}

/// A chain's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedHead {
    /// Whose.
    pub player_id: i64,
    /// The version of its last entry.
    pub version: i64,
    /// The hash of its last entry.
    pub hash: Hash,
}

#[derive(sqlx::FromRow)]
struct SealRecord {
    cut_at: i64,
    players: i64,
    entries: i64,
    root: Vec<u8>,
    previous: Vec<u8>,
    made_at: i64,
}

static LIST: Lazy = Lazy::new(|| {
    Statement::new(
        "seals.list",
        "SELECT s.cut_at, s.players, s.entries, s.root, s.previous, s.made_at FROM audit_seals s
         WHERE s.cut_at < $1 ORDER BY s.cut_at DESC LIMIT $2",
    )
});

static ADD: Lazy = Lazy::new(|| {
    Statement::new(
        "seals.add",
        "INSERT INTO audit_seals (cut_at, players, entries, root, previous, made_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
});

// Of who did nothing since, the row says it all; of others the ledger is asked, and what is left of
// their archived entries.
static HEADS: Lazy = Lazy::new(|| {
    Statement::new(
        "seals.heads",
        "SELECT page.player_id,
             CASE WHEN page.updated_at <= $2 THEN page.balance_version
                  ELSE COALESCE(l.version, a.version) END AS version,
             CASE WHEN page.updated_at <= $2 THEN page.head_hash
                  ELSE COALESCE(l.hash, a.hash) END AS hash
         FROM (SELECT q.player_id, q.balance_version, q.head_hash, q.updated_at FROM players q
               WHERE q.player_id > $1 ORDER BY q.player_id LIMIT $3) page
         LEFT JOIN portfolio_audit l ON page.updated_at > $2 AND l.player_id = page.player_id
             AND l.version = (SELECT m.version FROM portfolio_audit m
                              WHERE m.player_id = page.player_id AND m.created_at <= $2
                              ORDER BY m.version DESC LIMIT 1)
         LEFT JOIN audit_heads a ON page.updated_at > $2 AND a.player_id = page.player_id
         ORDER BY page.player_id",
    )
});

pub(crate) static STATEMENTS: &[&Lazy] = &[&LIST, &ADD, &HEADS];

impl Store {
    /// Seals before an instant, newest first, at most `limit`.
    pub async fn seals_page(
        &self,
        before: UnixMicros,
        limit: i64,
    ) -> Result<Vec<SealRow>, StoreError> {
        let rows: Vec<SealRecord> = self.writer().fetch_all(&LIST, (before.0, limit)).await?;
        let read = |row: SealRecord| {
            Ok(SealRow {
                cut_at: UnixMicros(row.cut_at),
                players: row.players,
                entries: row.entries,
                root: read_hash(&row.root)?,
                previous: read_hash(&row.previous)?,
                made_at: UnixMicros(row.made_at),
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Keeps a seal. Not done (`false`) when the one before has a successor already.
    pub async fn add_seal(&self, seal: &SealRow) -> Result<bool, StoreError> {
        let added = self
            .writer()
            .execute(
                &ADD,
                (
                    seal.cut_at.0,
                    seal.players,
                    seal.entries,
                    seal.root.0.to_vec(),
                    seal.previous.0.to_vec(),
                    seal.made_at.0,
                ),
            )
            .await?;
        Ok(added == 1)
    }

    /// The heads of the chains of players after `after` as they were at an instant, in the order of
    /// their numbers: those among the next `limit` players who had one by then, and the last of
    /// these players; `None` after the last one. True for instants that are past everything in the
    /// archive only.
    pub async fn sealed_heads_page(
        &self,
        after: i64,
        cut_at: UnixMicros,
        limit: i64,
    ) -> Result<Option<(i64, Vec<SealedHead>)>, StoreError> {
        let rows: Vec<(i64, Option<i64>, Option<Vec<u8>>)> =
            self.scan().fetch_all(&HEADS, (after, cut_at.0, limit)).await?;
        let Some((last, ..)) = rows.last() else { return Ok(None) };
        let last = *last;
        let read = |(player_id, version, hash): (i64, Option<i64>, Option<Vec<u8>>)| {
            let (version, hash) = version.zip(hash)?;
            Some(read_hash(&hash).map(|hash| SealedHead { player_id, version, hash }))
        };
        let heads = rows.into_iter().filter_map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Some((last, heads)))
    }
}
