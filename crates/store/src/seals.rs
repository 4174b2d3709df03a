//! Stores seals and computes the chain heads at an instant. `archive` computes the seals.

use domain::{Hash, UnixMicros};

use crate::decode::read_hash;
use crate::query::row;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

row! {
    /// A stored seal.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SealRow {
        /// The instant of the sealed heads.
        pub cut_at: UnixMicros,
        /// The number of chains.
        pub players: i64,
        pub entries: i64,
        /// The Merkle root over all chain heads.
        pub root: Hash,
        /// The hash of the previous seal; zeros for the first.
        pub previous: Hash,
        pub made_at: UnixMicros,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedHead {
    pub player_id: i64,
    /// The version of the last entry.
    pub version: i64,
    /// The hash of the last entry.
    pub hash: Hash,
}

static LIST: LazyStatement = LazyStatement::new(
    "seals.list",
    "SELECT s.cut_at, s.players, s.entries, s.root, s.previous, s.made_at FROM audit_seals s
     WHERE s.cut_at < $1 ORDER BY s.cut_at DESC LIMIT $2",
);

static ADD: LazyStatement = LazyStatement::new(
    "seals.add",
    "INSERT INTO audit_seals (cut_at, players, entries, root, previous, made_at)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
);

// Players without later entries: the player's row has the head. Others: the ledger, or the saved
// heads of archived months.
static HEADS: LazyStatement = LazyStatement::new(
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
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&LIST, &ADD, &HEADS];

impl Store {
    /// Seals before an instant, newest first, at most `limit`.
    pub async fn seals_page(
        &self,
        before: UnixMicros,
        limit: i64,
    ) -> Result<Vec<SealRow>, StoreError> {
        self.writer().fetch_all(&LIST, (before.0, limit)).await
    }

    /// Saves a seal. Returns `false` if the previous seal has a successor already.
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

    /// The chain heads at an instant among the next `limit` players after `after`, ascending, and
    /// the last of these players; `None` at the end. Valid only for instants later than all
    /// archived entries.
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
