//! Stores seals, computes the chain heads at an instant, and keeps later entries out of the time
//! that a seal covers. `archive` computes the seals.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::{Hash, UnixMicros};
use tokio::time::sleep;

use crate::decode::read_hash;
use crate::query::row;
use crate::statement::LazyStatement;
use crate::transaction::Conn;
use crate::{Store, StoreError};

/// How long an announcement waits for the transactions in progress, and how often it checks them.
/// PostgreSQL ends them earlier (`statement_timeout`, `idle_in_transaction_session_timeout`).
const IN_PROGRESS_MAX: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

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

static ANNOUNCE: LazyStatement = LazyStatement::new(
    "seals.announce",
    "UPDATE audit_sealing SET sealed_until = $1 WHERE id = 1 AND sealed_until < $1",
);

// An UPDATE of players locks the table before it reads the announced cut.
static IN_PROGRESS: LazyStatement = LazyStatement::by_engine(
    "seals.in_progress",
    "SELECT '' WHERE 1 = 0",
    "SELECT l.virtualtransaction FROM pg_locks l
     WHERE l.relation = 'players'::regclass AND l.mode = 'RowExclusiveLock'
         AND l.pid <> pg_backend_pid()
         AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())",
);

// The shared row lock keeps a cut from being announced until the new players are committed.
static SEALED_UNTIL: LazyStatement = LazyStatement::by_engine(
    "seals.sealed_until",
    "SELECT g.sealed_until FROM audit_sealing g WHERE g.id = 1",
    "SELECT g.sealed_until FROM audit_sealing g WHERE g.id = 1 FOR SHARE",
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&LIST, &ADD, &HEADS, &ANNOUNCE, &IN_PROGRESS, &SEALED_UNTIL];

/// The time of the first entry of a player who registers in this transaction.
pub(crate) async fn entry_time(
    mut conn: Conn<'_>,
    now: UnixMicros,
) -> Result<UnixMicros, StoreError> {
    let sealed_until: i64 = conn.run().fetch_scalar(&SEALED_UNTIL, ()).await?;
    Ok(now.max(UnixMicros(sealed_until.saturating_add(1))))
}

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

    /// Announces the cut of the next seal: entries that are committed after the return are dated
    /// after it, on every node, whatever its clock shows. Delays no transaction.
    ///
    /// # Errors
    /// `Conflict` if a transaction that began before stays open for a minute.
    pub async fn announce_cut(&self, cut_at: UnixMicros) -> Result<(), StoreError> {
        self.writer().execute(&ANNOUNCE, (cut_at.0,)).await?;
        let mut left = self.in_progress().await?;
        let checks = IN_PROGRESS_MAX.as_millis() / POLL_INTERVAL.as_millis();
        for _ in 0..checks {
            if left.is_empty() {
                return Ok(());
            }
            sleep(POLL_INTERVAL).await;
            let still = self.in_progress().await?;
            left.retain(|transaction| still.contains(transaction));
        }
        let text = "a transaction that writes players has been open for a minute".to_owned();
        Err(StoreError::Conflict(sqlx::Error::Protocol(text)))
    }

    /// The transactions that may commit entries at the times of before; none on SQLite, which has
    /// one writer.
    async fn in_progress(&self) -> Result<BTreeSet<String>, StoreError> {
        Ok(self.writer().fetch_scalars(&IN_PROGRESS, ()).await?.into_iter().collect())
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
