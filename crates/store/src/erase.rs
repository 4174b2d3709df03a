//! Erases users: deletes all personal data in one transaction. Cash, holdings and ledger stay
//! without a name, because the ledger is immutable.

use domain::UnixMicros;
use serde::{Deserialize, Serialize};

use crate::query::row;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

// A batch that writes a note locks the player's row too: the note is either committed before and
// deleted here, or finds no user and is not written.
static LOCK_PLAYERS: LazyStatement = LazyStatement::new(
    "erase.lock_players",
    "SELECT p.player_id FROM players p WHERE p.user_id = $1 ORDER BY p.player_id {for update}",
);

static TOKENS: LazyStatement =
    LazyStatement::new("erase.tokens", "DELETE FROM tokens WHERE user_id = $1");

static LINKS: LazyStatement =
    LazyStatement::new("erase.password_links", "DELETE FROM password_links WHERE user_id = $1");

static CODES: LazyStatement =
    LazyStatement::new("erase.recovery_codes", "DELETE FROM recovery_codes WHERE user_id = $1");

static PREFERENCES: LazyStatement =
    LazyStatement::new("erase.preferences", "DELETE FROM preferences WHERE user_id = $1");

static NAME_KEYS: LazyStatement =
    LazyStatement::new("erase.name_keys", "DELETE FROM name_keys WHERE user_id = $1");

static APPEARANCES: LazyStatement = LazyStatement::new(
    "erase.appearances",
    "DELETE FROM appearances
     WHERE player_id IN (SELECT p.player_id FROM players p WHERE p.user_id = $1)",
);

static WATCHES: LazyStatement = LazyStatement::new(
    "erase.watches",
    "DELETE FROM watches
     WHERE player_id IN (SELECT p.player_id FROM players p WHERE p.user_id = $1)",
);

static ORDERS: LazyStatement = LazyStatement::new(
    "erase.pending_orders",
    "DELETE FROM pending_orders
     WHERE player_id IN (SELECT p.player_id FROM players p WHERE p.user_id = $1)",
);

static NOTES: LazyStatement = LazyStatement::new(
    "erase.notes",
    "DELETE FROM trade_notes
     WHERE player_id IN (SELECT p.player_id FROM players p WHERE p.user_id = $1)",
);

static NOTE_TEXTS: LazyStatement = LazyStatement::new(
    "erase.note_texts",
    "DELETE FROM note_texts
     WHERE player_id IN (SELECT p.player_id FROM players p WHERE p.user_id = $1)",
);

static REWARDS_SEEN: LazyStatement = LazyStatement::new(
    "erase.rewards_seen",
    "DELETE FROM rewards_seen
     WHERE player_id IN (SELECT p.player_id FROM players p WHERE p.user_id = $1)",
);

static EQUITY: LazyStatement = LazyStatement::new(
    "erase.equity",
    "DELETE FROM equity_snapshots
     WHERE player_id IN (SELECT p.player_id FROM players p WHERE p.user_id = $1)",
);

// Runs before the user's row is deleted. User ids repeat after a restore, but not with the same
// registration time.
static RECORD: LazyStatement = LazyStatement::new(
    "erase.record",
    "INSERT INTO erasures (user_id, registered_at, erased_at)
     SELECT u.user_id, u.created_at, $2 FROM users u WHERE u.user_id = $1
     ON CONFLICT DO NOTHING",
);

static RECORD_AGAIN: LazyStatement = LazyStatement::new(
    "erase.record_again",
    "INSERT INTO erasures (user_id, registered_at, erased_at) VALUES ($1, $2, $3)
     ON CONFLICT DO NOTHING",
);

static IS_THERE: LazyStatement = LazyStatement::new(
    "erase.is_there",
    "SELECT u.user_id FROM users u WHERE u.user_id = $1 AND u.created_at = $2",
);

static LIST: LazyStatement = LazyStatement::new(
    "erase.list",
    "SELECT e.user_id, e.registered_at, e.erased_at FROM erasures e
     WHERE (e.erased_at, e.user_id, e.registered_at) > ($1, $2, $3)
     ORDER BY e.erased_at, e.user_id, e.registered_at LIMIT $4",
);

static USER: LazyStatement =
    LazyStatement::new("erase.user", "DELETE FROM users WHERE user_id = $1");

/// In execution order after the lock; the user's row is last and counted.
static DELETIONS: [&LazyStatement; 13] = [
    &TOKENS,
    &LINKS,
    &CODES,
    &PREFERENCES,
    &NAME_KEYS,
    &APPEARANCES,
    &WATCHES,
    &ORDERS,
    &NOTES,
    &NOTE_TEXTS,
    &REWARDS_SEEN,
    &EQUITY,
    &USER,
];

pub(crate) static STATEMENTS: &[&LazyStatement] = &[
    &LOCK_PLAYERS,
    &TOKENS,
    &LINKS,
    &CODES,
    &PREFERENCES,
    &NAME_KEYS,
    &APPEARANCES,
    &WATCHES,
    &ORDERS,
    &NOTES,
    &NOTE_TEXTS,
    &REWARDS_SEEN,
    &EQUITY,
    &RECORD,
    &RECORD_AGAIN,
    &IS_THERE,
    &LIST,
    &USER,
];

row! {
    /// The record of an erasure.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Erasure {
        /// In microseconds since 1970 UTC.
        pub erased_at: i64,
        pub user_id: i64,
        /// In microseconds since 1970 UTC.
        pub registered_at: i64,
    }
}

impl Store {
    /// Erases a user: tokens, settings, notes, all other personal data, and the user's row. Returns
    /// whether the user existed. A trigger writes the players' tombstones and the tag that informs
    /// other nodes. The erasure is recorded.
    ///
    /// # Errors
    /// Nothing is deleted.
    pub async fn erase_user(&self, user_id: i64, now: UnixMicros) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        tx.run().execute(&LOCK_PLAYERS, (user_id,)).await?;
        tx.run().execute(&RECORD, (user_id, now.0)).await?;
        let mut deleted = 0;
        for deletion in DELETIONS {
            deleted = tx.run().execute(deletion, (user_id,)).await?;
        }
        tx.commit().await?;
        Ok(deleted > 0)
    }

    /// Erases a user again who is in a restored backup; returns whether the user existed.
    pub async fn erase_again(&self, erasure: Erasure) -> Result<bool, StoreError> {
        let Erasure { erased_at, user_id, registered_at } = erasure;
        self.writer().execute(&RECORD_AGAIN, (user_id, registered_at, erased_at)).await?;
        let found: Option<i64> =
            self.writer().fetch_optional_scalar(&IS_THERE, (user_id, registered_at)).await?;
        if found.is_none() {
            return Ok(false);
        }
        self.erase_user(user_id, UnixMicros(erased_at)).await
    }

    /// Erasures after this one in order of time, at most `limit`.
    pub async fn erasures_page(
        &self,
        after: Erasure,
        limit: i64,
    ) -> Result<Vec<Erasure>, StoreError> {
        self.writer()
            .fetch_all(&LIST, (after.erased_at, after.user_id, after.registered_at, limit))
            .await
    }
}
