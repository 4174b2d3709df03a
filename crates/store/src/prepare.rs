//! Registers many players at once for load runs; `users` registers a single user.

use std::collections::HashMap;

use domain::{Hash, RulesRef, UnixMicros, open_player};

use crate::batch;
use crate::game::MAIN;
use crate::pools::Db;
use crate::rows::RowSet;
use crate::seals;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

#[derive(Clone, Debug)]
pub struct NewPlayer {
    pub name: String,
    /// In lower case.
    pub email: String,
    /// SHA-256 of the token's text.
    pub token_hash: [u8; 32],
}

/// The values that all new players share.
#[derive(Clone, Copy, Debug)]
pub struct NewPlayerDefaults<'a> {
    /// PHC string.
    pub password_hash: &'a str,
    pub token_name: &'a str,
    /// Idle and absolute expiry.
    pub token_expires_at: UnixMicros,
    /// Whether leaderboards list the players.
    pub is_ranked: bool,
}

/// The most unranked players. Every node has their ids in memory.
pub const UNRANKED_PLAYERS_MAX: i64 = 100_000;
/// The tag of a change of the unranked players.
pub const UNRANKED_TAG: &str = "unranked";

static USERS: LazyStatement = LazyStatement::with_rows(
    "users.insert_many",
    "name text, email text",
    "WITH batch AS ({rows})
     INSERT INTO users (name, email, email_key, password_hash, created_at, updated_at)
     SELECT name, email, email, {$1}, {$2}, {$2} FROM batch
     RETURNING user_id, email_key",
);

// The other columns are written by the statement that updates players.
pub(crate) static INSERT_PLAYERS: LazyStatement = LazyStatement::with_rows(
    "players.seat_many",
    "user_id bigint",
    "WITH batch AS ({rows})
     INSERT INTO players (user_id, game_id, cash, total_xp, balance_version, head_hash,
         head_month, xp_day, xp_day_trades, trades, notes, stocks_bought,
         categories_bought, realised_profit, achievements, updated_at)
     SELECT b.user_id, g.game_id, 0, 0, 0, {$1}, 0, 0, 0, 0, 0, 0, 0, 0, 0, {$2}
     FROM batch b JOIN games g ON g.code = {$3} RETURNING user_id, player_id",
);

static TOKENS: LazyStatement = LazyStatement::with_rows(
    "tokens.insert_many",
    "user_id bigint, hash bytea",
    "WITH batch AS ({rows})
     INSERT INTO tokens
         (user_id, hash, name, created_at, last_used_at, idle_expires_at, expires_at)
     SELECT user_id, hash, {$1}, {$2}, {$2}, {$3}, {$3} FROM batch",
);

static INSERT_UNRANKED: LazyStatement = LazyStatement::with_rows(
    "unranked_players.insert_many",
    "player_id bigint",
    "WITH batch AS ({rows})
     INSERT INTO unranked_players (player_id) SELECT player_id FROM batch",
);

static NOTE_UNRANKED: LazyStatement =
    LazyStatement::new("unranked_players.note", "INSERT INTO tag_changes (tag) VALUES ($1)");

static UNRANKED: LazyStatement = LazyStatement::new(
    "unranked_players.all",
    "SELECT u.player_id FROM unranked_players u ORDER BY u.player_id LIMIT $1",
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&USERS, &INSERT_PLAYERS, &TOKENS, &INSERT_UNRANKED, &NOTE_UNRANKED, &UNRANKED];

impl Store {
    /// Registers users with players and tokens in one transaction, like [`Store::register`]; about
    /// a thousand per call.
    ///
    /// # Errors
    /// `Query` if an address is taken. Nothing is written.
    pub async fn register_many<'r>(
        &self,
        players: &[NewPlayer],
        common: &NewPlayerDefaults<'_>,
        rules: impl Into<RulesRef<'r>> + Send,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        let rules = rules.into();
        let mut tx = self.begin().await?;
        let names = RowSet::new(vec![
            RowSet::text(players, |player| player.name.clone()),
            RowSet::text(players, |player| player.email.clone()),
        ]);
        let users: Vec<(i64, String)> =
            tx.run().fetch_all(&USERS, (&names, common.password_hash, now.0)).await?;
        let user_ids: HashMap<String, i64> =
            users.into_iter().map(|(user_id, email)| (email, user_id)).collect();
        let tokens: Vec<(i64, [u8; 32])> = players
            .iter()
            .filter_map(|player| Some((*user_ids.get(&player.email)?, player.token_hash)))
            .collect();
        let rows = RowSet::new(vec![RowSet::int(&tokens, |(user_id, _)| *user_id)]);
        let params = (&rows, vec![0u8; 32], now.0, MAIN);
        let inserted: Vec<(i64, i64)> = tx.run().fetch_all(&INSERT_PLAYERS, params).await?;
        let player_ids: Vec<i64> = inserted.into_iter().map(|(_, player_id)| player_id).collect();
        if !common.is_ranked {
            let rows = RowSet::new(vec![RowSet::int(&player_ids, |player_id| *player_id)]);
            tx.run().execute(&INSERT_UNRANKED, (&rows,)).await?;
            tx.run().execute(&NOTE_UNRANKED, (UNRANKED_TAG,)).await?;
        }
        let opened_at = seals::entry_time(tx.conn(), now).await?;
        let open = |player_id| open_player(player_id, rules, opened_at);
        let opened: Vec<_> = player_ids.into_iter().map(open).collect();
        let players_before: Vec<_> =
            opened.iter().map(|(player, _)| (player, 0, Hash([0; 32]))).collect();
        tx.run()
            .execute(&batch::OPENED_PLAYERS, (&batch::player_rows(&players_before, opened_at),))
            .await?;
        let fills: Vec<_> = opened.iter().map(|(_, fill)| (&fill.entry, fill.hash)).collect();
        tx.run().execute(&batch::ENTRIES, (&batch::entry_rows(&fills),)).await?;
        let rows = RowSet::new(vec![
            RowSet::int(&tokens, |(user_id, _)| *user_id),
            RowSet::bytes(&tokens, |(_, hash)| hash.to_vec()),
        ]);
        tx.run()
            .execute(&TOKENS, (&rows, common.token_name, now.0, common.token_expires_at.0))
            .await?;
        tx.commit().await
    }

    /// The players that no leaderboard lists, ascending, at most [`UNRANKED_PLAYERS_MAX`].
    pub async fn unranked_players(&self) -> Result<Vec<i64>, StoreError> {
        let mut players: Vec<i64> =
            self.writer().fetch_scalars(&UNRANKED, (UNRANKED_PLAYERS_MAX + 1,)).await?;
        if players.len() as u64 > UNRANKED_PLAYERS_MAX.unsigned_abs() {
            players.pop();
            tracing::error!(
                most = UNRANKED_PLAYERS_MAX,
                "there are too many unranked players; leaderboards list the newest of them"
            );
        }
        Ok(players)
    }

    /// Updates the planner's statistics after many rows were written.
    pub async fn analyze(&self) -> Result<(), StoreError> {
        match self.db()? {
            // All tables without statistics, sampling a bounded number of rows.
            Db::Sqlite(db) => {
                sqlx::query("PRAGMA optimize = 0x10012").execute(&db.writer).await?;
            }
            Db::Postgres(db) => {
                let tables = "ANALYZE users, tokens, players, portfolio_audit";
                sqlx::query(tables).execute(&db.writer).await?;
            }
        }
        Ok(())
    }
}
