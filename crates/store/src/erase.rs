//! Forgetting a person. What identifies one goes, in one transaction; the player's cash, holdings
//! and ledger stay, without a name, because others played against them and the ledger is immutable.

use crate::measure::Timed as _;
use crate::statement::{Lazy, Statement};
use crate::{Store, StoreError};

// Whoever writes a note in the same moment holds the player's row, too: either the note is there
// to be deleted, or it finds no user any more and is not written.
static LOCK_PLAYERS: Lazy = Lazy::new(|| {
    Statement::new(
        "erase.lock_players",
        "SELECT p.player_id FROM players p WHERE p.user_id = $1 ORDER BY p.player_id {for update}",
    )
});

static TOKENS: Lazy =
    Lazy::new(|| Statement::new("erase.tokens", "DELETE FROM tokens WHERE user_id = $1"));

static PREFERENCES: Lazy =
    Lazy::new(|| Statement::new("erase.preferences", "DELETE FROM preferences WHERE user_id = $1"));

static APPEARANCES: Lazy = Lazy::new(|| {
    Statement::new(
        "erase.appearances",
        "DELETE FROM appearances
         WHERE player_id IN (SELECT p.player_id FROM players p WHERE p.user_id = $1)",
    )
});

static WATCHES: Lazy = Lazy::new(|| {
    Statement::new(
        "erase.watches",
        "DELETE FROM watches
         WHERE player_id IN (SELECT p.player_id FROM players p WHERE p.user_id = $1)",
    )
});

static NOTES: Lazy = Lazy::new(|| {
    Statement::new(
        "erase.notes",
        "DELETE FROM trade_notes
         WHERE player_id IN (SELECT p.player_id FROM players p WHERE p.user_id = $1)",
    )
});

static REWARDS_SEEN: Lazy = Lazy::new(|| {
    Statement::new(
        "erase.rewards_seen",
        "DELETE FROM rewards_seen
         WHERE player_id IN (SELECT p.player_id FROM players p WHERE p.user_id = $1)",
    )
});

static EQUITY: Lazy = Lazy::new(|| {
    Statement::new(
        "erase.equity",
        "DELETE FROM equity_snapshots
         WHERE player_id IN (SELECT p.player_id FROM players p WHERE p.user_id = $1)",
    )
});

static FIND: Lazy = Lazy::new(|| {
    Statement::new("erase.find", "SELECT u.user_id FROM users u WHERE u.email_key = $1")
});

static USER: Lazy =
    Lazy::new(|| Statement::new("erase.user", "DELETE FROM users WHERE user_id = $1"));

/// In the order in which they run after the lock; the user's row is last, and is counted.
static DELETIONS: [&Lazy; 8] =
    [&TOKENS, &PREFERENCES, &APPEARANCES, &WATCHES, &NOTES, &REWARDS_SEEN, &EQUITY, &USER];

pub(crate) static STATEMENTS: &[&Lazy] = &[
    &LOCK_PLAYERS,
    &TOKENS,
    &PREFERENCES,
    &APPEARANCES,
    &WATCHES,
    &NOTES,
    &REWARDS_SEEN,
    &EQUITY,
    &FIND,
    &USER,
];

impl Store {
    /// Forgets the user of this address (in lower case), as [`Store::erase_user`]; whether there
    /// was one.
    ///
    /// # Errors
    /// The fault met; nothing is deleted then.
    pub async fn erase_user_by_email(&self, email_key: &str) -> Result<bool, StoreError> {
        let found: Option<(i64,)> = with_db!(self, |db, sql| {
            sqlx::query_as(sql(&FIND))
                .bind(email_key)
                .fetch_optional(&db.writer)
                .timed(&FIND)
                .await?
        });
        match found {
            Some((user_id,)) => self.erase_user(user_id).await,
            None => Ok(false),
        }
    }

    /// Forgets a user: tokens, settings, notes and what else only they could see, and the user's
    /// row; whether there was one. Their players stay on the boards without a name.
    ///
    /// # Errors
    /// The fault met; nothing is deleted then.
    pub async fn erase_user(&self, user_id: i64) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let existed = with_conn!(tx.conn(), |conn, sql| {
            sqlx::query(sql(&LOCK_PLAYERS))
                .bind(user_id)
                .execute(&mut *conn)
                .timed(&LOCK_PLAYERS)
                .await?;
            let mut deleted = 0;
            for deletion in DELETIONS {
                let query = sqlx::query(sql(deletion)).bind(user_id);
                deleted = query.execute(&mut *conn).timed(deletion).await?.rows_affected();
            }
            deleted > 0
        });
        tx.commit().await?;
        Ok(existed)
    }
}
