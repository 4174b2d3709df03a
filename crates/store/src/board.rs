//! What a leaderboard in memory is built from and follows. Ranking itself is in `leaderboard`.

use std::collections::HashMap;

use domain::UnixMicros;

use crate::measure::Timed as _;
use crate::rows::{BindRows, Rows, Type};
use crate::statement::{Lazy, Statement};
use crate::{Store, StoreError};

/// A place in the ledger by time; entries after it were written later (or late, see the overlap of
/// the follower).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScoreCursor {
    /// When the entry was settled.
    pub created_at: UnixMicros,
    /// Whose entry.
    pub player_id: i64,
    /// Which entry.
    pub version: i64,
}

/// What a board shows of a player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShownName {
    /// The name, or the pseudonym that stands for it.
    Known(String),
    /// Nothing.
    Hidden,
}

static SCORES_PAGE: Lazy = Lazy::new(|| {
    Statement::new(
        "players.scores_page",
        "SELECT player_id, total_xp FROM players WHERE player_id > $1
         ORDER BY player_id LIMIT $2",
    )
});

static SCORES_CHANGED: Lazy = Lazy::new(|| {
    Statement::new(
        "ledger.scores_changed",
        "SELECT player_id, total_xp_after, created_at, version FROM portfolio_audit
         WHERE (created_at, player_id, version) > ($1, $2, $3)
         ORDER BY created_at, player_id, version LIMIT $4",
    )
});

static NAMES: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "players.names",
        &[("player_id", Type::Int)],
        "WITH wanted AS MATERIALIZED ({rows})
         SELECT p.player_id,
             CASE COALESCE(a.shows, 'name') WHEN 'name' THEN u.name
                 WHEN 'pseudonym' THEN a.pseudonym END AS name
         FROM wanted w
         JOIN players p ON p.player_id = w.player_id
         JOIN users u ON u.user_id = p.user_id
         LEFT JOIN appearances a ON a.player_id = p.player_id",
    )
});

pub(crate) static STATEMENTS: &[&Lazy] = &[&SCORES_PAGE, &SCORES_CHANGED, &NAMES];

impl Store {
    /// Players after `after_player_id` with their total XP, by number, at most `limit`.
    ///
    /// # Errors
    /// The fault met.
    pub async fn player_scores_page(
        &self,
        after_player_id: i64,
        limit: i64,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        Ok(with_db!(self, |db, sql| {
            sqlx::query_as(sql(&SCORES_PAGE))
                .bind(after_player_id)
                .bind(limit)
                .fetch_all(&db.reader)
                .timed(&SCORES_PAGE)
                .await?
        }))
    }

    /// Ledger entries after the cursor as player, total XP and their own cursor, at most `limit`.
    ///
    /// # Errors
    /// The fault met.
    pub async fn scores_changed_after(
        &self,
        cursor: ScoreCursor,
        limit: i64,
    ) -> Result<Vec<(i64, i64, ScoreCursor)>, StoreError> {
        let rows: Vec<(i64, i64, i64, i64)> = with_db!(self, |db, sql| {
            sqlx::query_as(sql(&SCORES_CHANGED))
                .bind(cursor.created_at.0)
                .bind(cursor.player_id)
                .bind(cursor.version)
                .bind(limit)
                .fetch_all(&db.reader)
                .timed(&SCORES_CHANGED)
                .await?
        });
        let read = |(player_id, xp, at, version)| {
            (player_id, xp, ScoreCursor { created_at: UnixMicros(at), player_id, version })
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// What may be shown of these players (at most a page of them). A player whose user has left
    /// is not among them.
    ///
    /// # Errors
    /// The fault met.
    pub async fn player_names(
        &self,
        player_ids: &[i64],
    ) -> Result<HashMap<i64, ShownName>, StoreError> {
        let rows = Rows::new(vec![Rows::int(player_ids, |id| *id)]);
        let names: Vec<(i64, Option<String>)> = with_db!(self, |db, sql| {
            sqlx::query_as(sql(&NAMES)).bind_rows(&rows).fetch_all(&db.reader).timed(&NAMES).await?
        });
        let read = |(player_id, name): (i64, Option<String>)| {
            (player_id, name.map_or(ShownName::Hidden, ShownName::Known))
        };
        Ok(names.into_iter().map(read).collect())
    }
}
