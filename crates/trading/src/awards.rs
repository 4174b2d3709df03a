//! Awards achievements to players who meet their condition already, after new rules came into
//! force: a page of players at a time, in small portions through the desk. A run may stop anywhere
//! or run on several nodes: an award that is repeated finds nothing to do.

use std::sync::Arc;
use std::time::Duration;

use domain::{Action, Clock, Player, Rejection};
use store::{AwardBackfill, Store, StoreError};
use tokio::time::{Instant, sleep};

use crate::{Desk, DeskError, DeskRequest, GameRules, Valuations};

/// Players of a page.
const PAGE: i64 = 500;
/// Awards that are queued together. After each portion the lanes are left to other orders for as
/// long as it took, and for the least pause.
const PORTION: usize = 32;
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// From when a version is in force until its awards begin: batches that were settled by the rules
/// before it on a node whose clock is late are committed by then.
const SETTLED_S: i64 = 5;

/// Awards what is due, a page of players at a time.
pub struct AchievementAwards {
    store: Store,
    desk: Desk,
    rules: Arc<GameRules>,
    clock: Arc<dyn Clock>,
    valuation: Valuations,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AwardRun {
    /// The players who were awarded something.
    pub awarded: u64,
    /// Whether all players are finished.
    pub is_last: bool,
    /// Whether the desk had no room: the page is repeated later, because the orders of players come
    /// first.
    pub is_interrupted: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum AwardError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("an award to player {player_id} has no outcome")]
    Desk { player_id: i64, source: DeskError },
    #[error("an award to player {player_id} was rejected")]
    Rejected { player_id: i64, source: Rejection },
}

impl AchievementAwards {
    pub fn new(
        store: Store,
        desk: Desk,
        rules: Arc<GameRules>,
        clock: Arc<dyn Clock>,
        valuation: Valuations,
    ) -> Self {
        Self { store, desk, rules, clock, valuation }
    }

    /// The awards of a version in force that are not finished. One short read.
    pub async fn find_due(&self) -> Result<Option<AwardBackfill>, StoreError> {
        let in_force = self.rules.at(self.clock.now().plus_seconds(-SETTLED_S));
        self.store.next_award_backfill(self.rules.game_id(), in_force.version).await
    }

    /// Awards what is due to the next page of players.
    ///
    /// # Errors
    /// The progress stays, and the page can be repeated.
    pub async fn run(&self, due: AwardBackfill) -> Result<AwardRun, AwardError> {
        let game_id = self.rules.game_id();
        let (rules, valuation) = (self.rules.current(), (self.valuation)());
        let page = self.store.valued_players_page(game_id, due.up_to, PAGE, &valuation).await?;
        let Some(last) = page.last().map(|player| player.player_id) else {
            self.store.end_award_backfill(game_id, due.version, self.clock.now()).await?;
            return Ok(AwardRun { is_last: true, ..AwardRun::default() });
        };
        let is_due = |player: &&Player| !player.due_achievements(&rules).is_empty();
        let players: Vec<i64> = page.iter().filter(is_due).map(|p| p.player_id).collect();
        let mut awarded = 0;
        for portion in players.chunks(PORTION) {
            let begun = Instant::now();
            let Some(count) = self.award(portion, due.version).await? else {
                return Ok(AwardRun { awarded, is_interrupted: true, ..AwardRun::default() });
            };
            awarded += count;
            sleep(begun.elapsed().max(PAUSE_MIN)).await;
        }
        let to = AwardBackfill { up_to: last, ..due };
        self.store.move_award_backfill(game_id, to, self.clock.now()).await?;
        Ok(AwardRun { awarded, ..AwardRun::default() })
    }

    /// The number of players who were awarded something; `None` if the desk has no room.
    async fn award(&self, players: &[i64], version: i64) -> Result<Option<u64>, AwardError> {
        let request = |&player_id: &i64| DeskRequest {
            player_id,
            action: Action::Award,
            idempotency: None,
            request_id: format!("award-{version}"),
        };
        let responses = self.desk.submit_all(players.iter().map(request).collect()).await;
        let (mut awarded, mut has_room) = (0, true);
        for (response, &player_id) in responses.into_iter().zip(players) {
            match response.map(|response| response.outcome) {
                Ok(Ok(_)) => awarded += 1,
                // A trade or another node was first.
                Ok(Err(Rejection::NothingToAward)) | Err(DeskError::UnknownPlayer) => {}
                Ok(Err(source)) => return Err(AwardError::Rejected { player_id, source }),
                Err(DeskError::Full { .. } | DeskError::Closed) => has_room = false,
                Err(source) => return Err(AwardError::Desk { player_id, source }),
            }
        }
        Ok(has_room.then_some(awarded))
    }
}
