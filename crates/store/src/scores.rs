//! The data from which the leaderboards in memory are built and updated. `leaderboard` ranks.

use std::collections::HashMap;

use domain::{MinorUnit, RankingRules, UnixMicros};
use serde::Serialize;

use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

/// A position in the ledger ordered by time. An entry after it may still be committed late; the
/// follower reads with an overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScoreCursor {
    /// The time of settlement.
    pub created_at: UnixMicros,
    pub player_id: i64,
    pub version: i64,
}

/// What a leaderboard shows of a player besides the score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlayerLabel {
    pub name: PublicName,
    /// The rank in the requested snapshot.
    pub snapshot_rank: Option<i64>,
}

/// The name that a leaderboard shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum PublicName {
    /// The name or the pseudonym.
    Known(String),
    /// The player hides the name.
    Hidden,
    /// The user was erased.
    Former,
}

// Many small rows as one text: row by row, SQLite switches threads and PostgreSQL sends a message
// for each.
static SCORES_PAGE: LazyStatement = LazyStatement::new(
    "players.scores_page",
    "SELECT COALESCE(string_agg(player_id || ' ' || total_xp, ' '), '') FROM (
         SELECT player_id, total_xp FROM players WHERE player_id > $1
         ORDER BY player_id LIMIT $2) AS page",
);

// Without players whose user was erased, and without unranked ones, which are marked in the
// transaction that registers them.
static BOARD_SCORES: LazyStatement = LazyStatement::new(
    "players.board_scores",
    "SELECT COALESCE(string_agg(player_id || ' ' || total_xp, ' '), '') FROM (
         SELECT pl.player_id, pl.total_xp FROM players pl
         WHERE pl.player_id > $1 AND pl.erased_at IS NULL AND NOT EXISTS (
             SELECT 1 FROM unranked_players u WHERE u.player_id = pl.player_id)
         ORDER BY pl.player_id LIMIT $2) AS page",
);

static SCORES_CHANGED: LazyStatement = LazyStatement::new(
    "ledger.scores_changed",
    "SELECT a.player_id,
         CASE WHEN EXISTS (SELECT 1 FROM unranked_players u WHERE u.player_id = a.player_id)
             THEN NULL ELSE a.total_xp_after END,
         a.created_at, a.version
     FROM portfolio_audit a
     WHERE (a.created_at, a.player_id, a.version) > ($1, $2, $3)
     ORDER BY a.created_at, a.player_id, a.version LIMIT $4",
);

static NAMES: LazyStatement = LazyStatement::with_rows(
    "players.names",
    "player_id bigint",
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
);

// Holdings are read as one range: with a look-up per player, PostgreSQL may merge both tables and
// read all holdings before the page.
static VALUES_PAGE: LazyStatement = LazyStatement::new(
    "players.values_page",
    "WITH prices AS MATERIALIZED ({prices:$3:prices}),
     page AS MATERIALIZED (
         SELECT pl.player_id, pl.cash FROM players pl
         WHERE pl.player_id > $1 AND pl.erased_at IS NULL AND pl.trades >= $4 AND pl.notes >= $5
             AND NOT EXISTS (SELECT 1 FROM unranked_players u WHERE u.player_id = pl.player_id)
         ORDER BY pl.player_id LIMIT $2),
     worth AS MATERIALIZED (
         SELECT h.player_id, CAST(SUM({value:h.quantity:p.price:$6}) AS BIGINT) AS value
         FROM holdings h
         JOIN prices p ON p.stock_id = h.stock_id
         WHERE h.player_id > $1 AND h.player_id <= (SELECT MAX(player_id) FROM page)
             AND h.quantity > 0
         GROUP BY h.player_id)
     SELECT COALESCE(string_agg(s.player_id || ' ' || (s.cash + COALESCE(w.value, 0)), ' '), '')
     FROM page s LEFT JOIN worth w ON w.player_id = s.player_id",
);

static VALUES: LazyStatement = LazyStatement::with_rows(
    "players.values",
    "player_id bigint",
    "WITH prices AS MATERIALIZED ({prices:{$1}:prices}),
     wanted AS MATERIALIZED ({rows})
     SELECT pl.player_id, pl.total_xp, pl.cash + CAST(COALESCE(SUM(
             {value:h.quantity:p.price:{$2}}), 0) AS BIGINT) AS value
     FROM wanted w
     JOIN players pl ON pl.player_id = w.player_id
     LEFT JOIN holdings h ON h.player_id = pl.player_id AND h.quantity > 0
     LEFT JOIN prices p ON p.stock_id = h.stock_id
     GROUP BY pl.player_id, pl.total_xp, pl.cash",
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&SCORES_PAGE, &BOARD_SCORES, &SCORES_CHANGED, &NAMES, &VALUES_PAGE, &VALUES];

impl Store {
    /// Players after `after_player_id` with total XP, ascending, at most `limit`.
    pub async fn player_scores_page(
        &self,
        after_player_id: i64,
        limit: i64,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let page: String = self.scan().fetch_scalar(&SCORES_PAGE, (after_player_id, limit)).await?;
        read_page(&page)
    }

    /// The same without players whose user was erased: those of a leaderboard.
    pub async fn board_scores_page(
        &self,
        after_player_id: i64,
        limit: i64,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let page: String =
            self.scan().fetch_scalar(&BOARD_SCORES, (after_player_id, limit)).await?;
        read_page(&page)
    }

    /// Ledger entries after the cursor: (player, total XP, cursor), at most `limit`. The entries of
    /// unranked players have no XP.
    pub async fn scores_changed_after(
        &self,
        cursor: ScoreCursor,
        limit: i64,
    ) -> Result<Vec<(i64, Option<i64>, ScoreCursor)>, StoreError> {
        let rows: Vec<(i64, Option<i64>, i64, i64)> = self
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

    /// The labels of these players (at most a page) with their ranks in a snapshot; `snapshot_id` 0
    /// for none.
    pub async fn player_labels(
        &self,
        player_ids: &[i64],
        snapshot_id: i64,
    ) -> Result<HashMap<i64, PlayerLabel>, StoreError> {
        let rows = RowSet::new(vec![RowSet::int(player_ids, |id| *id)]);
        let names: Option<String> =
            self.reader().fetch_scalar(&NAMES, (&rows, snapshot_id)).await?;
        type LabelRow = (i64, i32, Option<String>, Option<i64>);
        let names: Vec<LabelRow> =
            serde_json::from_str(names.as_deref().unwrap_or("[]")).map_err(|error| {
                StoreError::Corrupt(format!("invalid JSON of player names: {error}"))
            })?;
        let read = |(player_id, is_here, name, snapshot_rank): LabelRow| {
            let name = match name {
                _ if is_here == 0 => PublicName::Former,
                Some(name) => PublicName::Known(name),
                None => PublicName::Hidden,
            };
            (player_id, PlayerLabel { name, snapshot_rank })
        };
        Ok(names.into_iter().map(read).collect())
    }

    /// Ranked players after `after_player_id` whose user was not erased, with the value of cash and
    /// shares at these prices in this unit, ascending, at most `limit` of those that the rules
    /// rank.
    pub async fn player_values_page(
        &self,
        after_player_id: i64,
        limit: i64,
        (prices_json, unit): (&str, MinorUnit),
        ranking: &RankingRules,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let least = (ranking.trades_min, ranking.notes_min);
        let params = (after_player_id, limit, prices_json, least.0, least.1, unit.price_units());
        let page: String = self.scan().fetch_scalar(&VALUES_PAGE, params).await?;
        read_page(&page)
    }

    /// (player, total XP, value at these prices in this unit) of these players (at most a page), in
    /// any order.
    pub async fn player_values(
        &self,
        player_ids: &[i64],
        prices_json: &str,
        unit: MinorUnit,
    ) -> Result<Vec<(i64, i64, i64)>, StoreError> {
        let rows = RowSet::new(vec![RowSet::int(player_ids, |id| *id)]);
        self.reader().fetch_all(&VALUES, (&rows, prices_json, unit.price_units())).await
    }
}

/// Parses a page of (player, number) and sorts it by player.
fn read_page(page: &str) -> Result<Vec<(i64, i64)>, StoreError> {
    let damaged = || StoreError::Corrupt("invalid numbers in a page of players".to_owned());
    let mut numbers = page.split_ascii_whitespace().map(str::parse::<i64>);
    let mut rows = Vec::with_capacity(page.len() / 16);
    while let Some(player_id) = numbers.next() {
        let (Ok(player_id), Some(Ok(number))) = (player_id, numbers.next()) else {
            return Err(damaged());
        };
        rows.push((player_id, number));
    }
    // Neither engine guarantees the order.
    if !rows.is_sorted() {
        rows.sort_unstable();
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_parsed_in_player_order_or_rejected() {
        assert_eq!(read_page("").unwrap(), []);
        assert_eq!(read_page("7 -5 3 9223372036854775807").unwrap(), [(3, i64::MAX), (7, -5)]);
        for damaged in ["1", "1 2 3", "1 x", "x 1", "1 9223372036854775808", "1 2.5"] {
            assert!(matches!(read_page(damaged), Err(StoreError::Corrupt(_))), "{damaged}");
        }
    }
}
