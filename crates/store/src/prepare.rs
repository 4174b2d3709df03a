//! Filling a database with many players at once, for load runs. A person registers in `users`;
//! here nobody is asked whether an address is taken.

use std::collections::HashMap;

use domain::{Hash, Rules, UnixMicros, open_player};

use crate::batch;
use crate::db::Db;
use crate::game::MAIN;
use crate::rows::{Rows, Type};
use crate::statement::{Lazy, Statement};
use crate::{Store, StoreError};

/// A player to be made.
#[derive(Clone, Debug)]
pub struct NewPlayer {
    /// The name.
    pub name: String,
    /// The e-mail address, in lower case.
    pub email: String,
    /// SHA-256 of the token's text.
    pub token_hash: [u8; 32],
}

/// What all players made together share.
#[derive(Clone, Copy, Debug)]
pub struct NewPlayerDefaults<'a> {
    /// The PHC string of their password.
    pub password_hash: &'a str,
    /// What their tokens are called.
    pub token_name: &'a str,
    /// When their tokens die, used or not.
    pub token_expires_at: UnixMicros,
}

static USERS: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "users.insert_many",
        &[("name", Type::Text), ("email", Type::Text)],
        "WITH batch AS ({rows})
         INSERT INTO users (name, email, email_key, password_hash, created_at, updated_at)
         SELECT name, email, email, {$1}, {$2}, {$2} FROM batch
         RETURNING user_id, email_key",
    )
});

// The rest of the rows is written by the same statement as any other change of players.
static SEATS: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "players.seat_many",
        &[("user_id", Type::Int)],
        "WITH batch AS ({rows})
         INSERT INTO players (user_id, game_id, cash, total_xp, balance_version, head_hash,
             head_month, xp_day, xp_day_trades, trades, notes, stocks_bought,
             categories_bought, realised_profit, achievements, updated_at)
         SELECT b.user_id, g.game_id, 0, 0, 0, {$1}, 0, 0, 0, 0, 0, 0, 0, 0, 0, {$2}
         FROM batch b JOIN games g ON g.code = {$3} RETURNING player_id",
    )
});

static TOKENS: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "tokens.insert_many",
        &[("user_id", Type::Int), ("hash", Type::Bytes)],
        "WITH batch AS ({rows})
         INSERT INTO tokens
             (user_id, hash, name, created_at, last_used_at, idle_expires_at, expires_at)
         SELECT user_id, hash, {$1}, {$2}, {$2}, {$3}, {$3} FROM batch",
    )
});

pub(crate) static STATEMENTS: &[&Lazy] = &[&USERS, &SEATS, &TOKENS];

impl Store {
    /// Registers many people as [`Store::register`] does one, each with a token, in one
    /// transaction. A thousand at once is a good number.
    ///
    /// # Errors
    /// The fault met, a `Fault` when one of the addresses is taken; nothing is written then.
    pub async fn register_many(
        &self,
        players: &[NewPlayer],
        common: &NewPlayerDefaults<'_>,
        rules: &Rules,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let names = Rows::new(vec![
            Rows::text(players, |player| player.name.clone()),
            Rows::text(players, |player| player.email.clone()),
        ]);
        let users: Vec<(i64, String)> =
            tx.run().fetch_all(&USERS, (&names, common.password_hash, now.0)).await?;
        let user_ids: HashMap<String, i64> =
            users.into_iter().map(|(user_id, email)| (email, user_id)).collect();
        let tokens: Vec<(i64, [u8; 32])> = players
            .iter()
            .filter_map(|player| Some((*user_ids.get(&player.email)?, player.token_hash)))
            .collect();
        let seats: Vec<(i64,)> = tx
            .run()
            .fetch_all(
                &SEATS,
                (
                    &Rows::new(vec![Rows::int(&tokens, |(user_id, _)| *user_id)]),
                    vec![0u8; 32],
                    now.0,
                    MAIN,
                ),
            )
            .await?;
        let opened: Vec<_> =
            seats.iter().map(|(player_id,)| open_player(*player_id, rules, now)).collect();
        let seated: Vec<_> = opened.iter().map(|(player, _)| (player, 0, Hash([0; 32]))).collect();
        tx.run().execute(&batch::OPENED_PLAYERS, (&batch::player_rows(&seated, now),)).await?;
        let fills: Vec<_> = opened.iter().map(|(_, fill)| (&fill.entry, fill.hash)).collect();
        tx.run().execute(&batch::ENTRIES, (&batch::entry_rows(&fills),)).await?;
        let rows = Rows::new(vec![
            Rows::int(&tokens, |(user_id, _)| *user_id),
            Rows::bytes(&tokens, |(_, hash)| hash.to_vec()),
        ]);
        tx.run()
            .execute(&TOKENS, (&rows, common.token_name, now.0, common.token_expires_at.0))
            .await?;
        tx.commit().await
    }

    /// Tells the planner how large the tables have become, after much was written at once.
    pub async fn analyze(&self) -> Result<(), StoreError> {
        match self.db()? {
            // All tables that lack numbers, from a bounded number of rows each.
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
