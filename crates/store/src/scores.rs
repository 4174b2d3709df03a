//! What a leaderboard in memory is built from and follows. Ranking itself is in `leaderboard`.

use std::collections::HashMap;

use domain::UnixMicros;
use serde::{Deserialize, Serialize};

use crate::rows::{Rows, Type};
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

/// What a board shows of a player, besides the score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayerLabel {
    /// The name.
    pub name: PublicName,
    /// The place at the session's close that was asked for.
    pub closed_place: Option<i64>,
}

/// What a board calls a player.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PublicName {
    /// The name, or the pseudonym that stands for it.
    Known(String),
    /// Nothing.
    Hidden,
    /// Nothing: the person has left.
    Former,
}

// Many small rows come as one text: row by row, SQLite's thread and ours wake each other for each
// of them, and PostgreSQL's protocol has a message for each.
static SCORES_PAGE: Lazy = Lazy::new(|| {
    Statement::new(
        "players.scores_page",
        "SELECT COALESCE(string_agg(player_id || ' ' || total_xp, ' '), '') FROM (
             SELECT player_id, total_xp FROM players WHERE player_id > $1
             ORDER BY player_id LIMIT $2) AS page",
    )
});

// As above, without the players whose user was erased.
static BOARD_SCORES: Lazy = Lazy::new(|| {
    Statement::new(
        "players.board_scores",
        "SELECT COALESCE(string_agg(player_id || ' ' || total_xp, ' '), '') FROM (
             SELECT player_id, total_xp FROM players
             WHERE player_id > $1 AND erased_at IS NULL
             ORDER BY player_id LIMIT $2) AS page",
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
         SELECT CAST({json_rows}({json_row}(
             w.player_id, CAST(u.user_id IS NOT NULL AS INTEGER),
             CASE COALESCE(a.shows, 'name') WHEN 'name' THEN u.name
                 WHEN 'pseudonym' THEN a.pseudonym END,
             c.place)) AS TEXT)
         FROM wanted w
         LEFT JOIN players p ON p.player_id = w.player_id
         LEFT JOIN users u ON u.user_id = p.user_id
         LEFT JOIN appearances a ON a.player_id = p.player_id
         LEFT JOIN board_places c ON c.close_id = {$1} AND c.player_id = w.player_id",
    )
});

// Holdings are read as one range: asked for player by player, PostgreSQL may merge both tables,
// and would read all holdings before the page.
static VALUES_PAGE: Lazy = Lazy::new(|| {
    Statement::new(
        "players.values_page",
        "WITH prices AS MATERIALIZED ({prices:$3:prices}),
         page AS MATERIALIZED (
             SELECT player_id, cash FROM players
             WHERE player_id > $1 AND erased_at IS NULL
             ORDER BY player_id LIMIT $2),
         worth AS MATERIALIZED (
             SELECT h.player_id, CAST(SUM({value:h.quantity:p.price}) AS BIGINT) AS value
             FROM holdings h
             JOIN prices p ON p.stock_id = h.stock_id
             WHERE h.player_id > $1 AND h.player_id <= (SELECT MAX(player_id) FROM page)
                 AND h.quantity > 0
             GROUP BY h.player_id)
         SELECT COALESCE(string_agg(s.player_id || ' ' || (s.cash + COALESCE(w.value, 0)), ' '), '')
         FROM page s LEFT JOIN worth w ON w.player_id = s.player_id",
    )
});

static VALUES: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "players.values",
        &[("player_id", Type::Int)],
        "WITH prices AS MATERIALIZED ({prices:{$1}:prices}),
         wanted AS MATERIALIZED ({rows})
         SELECT pl.player_id, pl.total_xp, pl.cash + CAST(COALESCE(SUM(
                 {value:h.quantity:p.price}), 0) AS BIGINT) AS value
         FROM wanted w
         JOIN players pl ON pl.player_id = w.player_id
         LEFT JOIN holdings h ON h.player_id = pl.player_id AND h.quantity > 0
         LEFT JOIN prices p ON p.stock_id = h.stock_id
         GROUP BY pl.player_id, pl.total_xp, pl.cash",
    )
});

pub(crate) static STATEMENTS: &[&Lazy] =
    &[&SCORES_PAGE, &BOARD_SCORES, &SCORES_CHANGED, &NAMES, &VALUES_PAGE, &VALUES];

impl Store {
    /// Players after `after_player_id` with their total XP, by number, at most `limit`.
    pub async fn player_scores_page(
        &self,
        after_player_id: i64,
        limit: i64,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let page: String = self.scan().fetch_scalar(&SCORES_PAGE, (after_player_id, limit)).await?;
        read_page(&page)
    }

    /// The same without the players whose user was erased: those that a board has.
    pub async fn board_scores_page(
        &self,
        after_player_id: i64,
        limit: i64,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let page: String =
            self.scan().fetch_scalar(&BOARD_SCORES, (after_player_id, limit)).await?;
        read_page(&page)
    }

    /// Ledger entries after the cursor as player, total XP and their own cursor, at most `limit`.
    pub async fn scores_changed_after(
        &self,
        cursor: ScoreCursor,
        limit: i64,
    ) -> Result<Vec<(i64, i64, ScoreCursor)>, StoreError> {
        let rows: Vec<(i64, i64, i64, i64)> = self
            .reader()
            .fetch_all(
                &SCORES_CHANGED,
                (cursor.created_at.0, cursor.player_id, cursor.version, limit),
            )
            .await?;
        let read = |(player_id, xp, at, version)| {
            (player_id, xp, ScoreCursor { created_at: UnixMicros(at), player_id, version })
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// What may be shown of these players (at most a page of them), with their places at a close;
    /// 0 is none.
    pub async fn shown_players(
        &self,
        player_ids: &[i64],
        close_id: i64,
    ) -> Result<HashMap<i64, PlayerLabel>, StoreError> {
        let rows = Rows::new(vec![Rows::int(player_ids, |id| *id)]);
        let names: Option<String> = self.reader().fetch_scalar(&NAMES, (&rows, close_id)).await?;
        type LabelRow = (i64, i32, Option<String>, Option<i64>);
        let names: Vec<LabelRow> = serde_json::from_str(names.as_deref().unwrap_or("[]"))
            .map_err(|error| StoreError::Corrupt(format!("names do not read as JSON: {error}")))?;
        let read = |(player_id, is_here, name, closed_place): LabelRow| {
            let name = match name {
                _ if is_here == 0 => PublicName::Former,
                Some(name) => PublicName::Known(name),
                None => PublicName::Hidden,
            };
            (player_id, PlayerLabel { name, closed_place })
        };
        Ok(names.into_iter().map(read).collect())
    }

    /// Players after `after_player_id` whose user was not erased, with what they have, cash and
    /// shares together in cents at these prices (the price board's JSON), by number, at most
    /// `limit`.
    pub async fn player_values_page(
        &self,
        after_player_id: i64,
        limit: i64,
        prices_json: &str,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let page: String =
            self.scan().fetch_scalar(&VALUES_PAGE, (after_player_id, limit, prices_json)).await?;
        read_page(&page)
    }

    /// Total XP, and what they have in cents at these prices, of these players (at most a page of
    /// them), in any order.
    pub async fn player_values(
        &self,
        player_ids: &[i64],
        prices_json: &str,
    ) -> Result<Vec<(i64, i64, i64)>, StoreError> {
        let rows = Rows::new(vec![Rows::int(player_ids, |id| *id)]);
        self.reader().fetch_all(&VALUES, (&rows, prices_json)).await
    }
}

/// Players and numbers of a page that came as one text, by player.
fn read_page(page: &str) -> Result<Vec<(i64, i64)>, StoreError> {
    let damaged = || StoreError::Corrupt("a page of players does not read as numbers".to_owned());
    let mut numbers = page.split_ascii_whitespace().map(str::parse::<i64>);
    let mut rows = Vec::with_capacity(page.len() / 16);
    while let Some(player_id) = numbers.next() {
        let (Ok(player_id), Some(Ok(number))) = (player_id, numbers.next()) else {
            return Err(damaged());
        };
        rows.push((player_id, number));
    }
    // Neither engine promises the order, though both keep it.
    if !rows.is_sorted() {
        rows.sort_unstable();
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_in_the_order_of_players_or_not_at_all() {
        assert_eq!(read_page("").unwrap(), []);
        assert_eq!(read_page("7 -5 3 9223372036854775807").unwrap(), [(3, i64::MAX), (7, -5)]);
        for damaged in ["1", "1 2 3", "1 x", "x 1", "1 9223372036854775808", "1 2.5"] {
            assert!(matches!(read_page(damaged), Err(StoreError::Corrupt(_))), "{damaged}");
        }
    }
}
