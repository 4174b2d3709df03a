//! The leaderboard by return. Scores rise and fall with prices, so each round values every player
//! at the prices of one moment and replaces the whole leaderboard. The server starts the rounds.

use std::sync::Arc;

use domain::{MinorUnit, RankingRules};
use store::Store;
use tokio::task::spawn_blocking;

use crate::follow::FollowError;
use crate::leaderboard::Leaderboard;

/// Players valued in one statement.
const PAGE_ROWS: i64 = 5_000;

/// One round through all players. Dropping it has no effect on the leaderboard.
#[derive(Debug)]
pub struct ReturnValuation {
    prices_json: Arc<str>,
    unit: MinorUnit,
    ranking: RankingRules,
    /// Player and value.
    players: Vec<(i64, i64)>,
}

impl ReturnValuation {
    /// A round in this unit at these prices, as JSON of the price board, of the players that the
    /// rules rank.
    pub fn new(prices_json: Arc<str>, unit: MinorUnit, ranking: RankingRules) -> Self {
        Self { prices_json, unit, ranking, players: Vec::new() }
    }

    /// Values the next players; returns whether all are valued. A failed step can be repeated.
    pub async fn step(&mut self, store: &Store) -> Result<bool, FollowError> {
        let after = self.players.last().map_or(i64::MIN, |row| row.0);
        // A round takes seconds, so replication lag is acceptable.
        let (prices, ranking) = ((&*self.prices_json, self.unit), &self.ranking);
        let page = store
            .with_replica(|store| async move {
                store.player_values_page(after, PAGE_ROWS, prices, ranking).await
            })
            .await?;
        let is_done = i64::try_from(page.len()).unwrap_or(i64::MAX) < PAGE_ROWS;
        self.players.extend(page);
        Ok(is_done)
    }

    /// Replaces the scores of the round before; returns the number of players.
    pub async fn finish(self, board: &Arc<Leaderboard>) -> Result<u64, FollowError> {
        let (board, mut players, ranking) = (Arc::clone(board), self.players, self.ranking);
        Ok(spawn_blocking(move || {
            // Adds players that registered after the last page was read.
            if ranking.ranks_all() {
                let last = players.last().map_or(i64::MIN, |row| row.0);
                players.extend(board.scores_after(last, usize::MAX));
            }
            board.replace(players);
            board.total()
        })
        .await?)
    }
}
