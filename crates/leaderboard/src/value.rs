//! The board by return: what every player has, valued again and again as prices move. Scores fall
//! as well as rise, so each round makes a whole new board, all of it at the prices of one moment.
//! When to begin a round is the server's to say.

use std::sync::Arc;

use store::Store;
use tokio::task::spawn_blocking;

use crate::board::Board;
use crate::follow::FollowError;

/// Players valued in one statement.
const PAGE_ROWS: i64 = 5_000;

/// One round through all players. Dropping it leaves the board as it was.
#[derive(Debug)]
pub struct Valuation {
    prices_json: Arc<str>,
    /// Player and value, in cents.
    players: Vec<(i64, i64)>,
}

impl Valuation {
    /// A round at these prices (the price board's JSON).
    pub fn new(prices_json: Arc<str>) -> Self {
        Self { prices_json, players: Vec::new() }
    }

    /// Values the next players; whether all are valued.
    ///
    /// # Errors
    /// The fault met; the step can be done again.
    pub async fn step(&mut self, store: &Store) -> Result<bool, FollowError> {
        let after = self.players.last().map_or(i64::MIN, |row| row.0);
        // It is a round of a few seconds anyway.
        let prices = &self.prices_json;
        let page = store
            .with_replica(|store| async move {
                store.player_values_page(after, PAGE_ROWS, prices).await
            })
            .await?;
        let is_done = i64::try_from(page.len()).unwrap_or(i64::MAX) < PAGE_ROWS;
        self.players.extend(page);
        Ok(is_done)
    }

    /// Puts the round in the place of the one before; how many players it has.
    ///
    /// # Errors
    /// `Sort` when the thread that sorts has failed.
    pub async fn finish(self, board: &Arc<Board>) -> Result<u64, FollowError> {
        let (board, mut players) = (Arc::clone(board), self.players);
        Ok(spawn_blocking(move || {
            // Who joined after the last of these was read.
            let last = players.last().map_or(i64::MIN, |row| row.0);
            players.extend(board.scores_after(last, usize::MAX));
            board.replace(players);
            board.total()
        })
        .await?)
    }
}
