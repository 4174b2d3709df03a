//! How far the achievements of a version of the rules are awarded, and the players in the order in
//! which they are. `trading` awards.

use domain::{Player, UnixMicros};

use crate::query::row;
use crate::statement::LazyStatement;
use crate::{Store, StoreError, Valuation};

row! {
    /// The awards of a version of the rules that are not finished.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct AwardBackfill {
        pub version: i64,
        /// Players up to this one are finished.
        pub up_to: i64,
    }
}

pub(crate) static BEGIN: LazyStatement = LazyStatement::new(
    "award_backfills.begin",
    "INSERT INTO award_backfills (game_id, version, up_to, is_done, updated_at)
     VALUES ($1, $2, $3, 0, $4)",
);

static NEXT: LazyStatement = LazyStatement::new(
    "award_backfills.next",
    "SELECT version, up_to FROM award_backfills
     WHERE game_id = $1 AND version <= $2 AND is_done = 0 ORDER BY version DESC LIMIT 1",
);

// Never back: a node whose lease has expired may still finish its page.
static MOVE: LazyStatement = LazyStatement::new(
    "award_backfills.move",
    "UPDATE award_backfills SET up_to = $1, updated_at = $2
     WHERE game_id = $3 AND version = $4 AND up_to < $1",
);

// The awards of a version include those of the versions before it.
static END: LazyStatement = LazyStatement::new(
    "award_backfills.end",
    "UPDATE award_backfills SET is_done = 1, updated_at = $1
     WHERE game_id = $2 AND version <= $3 AND is_done = 0",
);

// Without players whose user was erased: they make no trade either.
static PLAYERS: LazyStatement = LazyStatement::new(
    "award_backfills.players",
    "SELECT p.player_id FROM players p
     WHERE p.game_id = $1 AND p.player_id > $2 AND p.erased_at IS NULL
     ORDER BY p.player_id LIMIT $3",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&BEGIN, &NEXT, &MOVE, &END, &PLAYERS];

impl Store {
    /// The newest unfinished awards of a version up to `version`.
    pub async fn next_award_backfill(
        &self,
        game_id: i64,
        version: i64,
    ) -> Result<Option<AwardBackfill>, StoreError> {
        self.reader().fetch_optional(&NEXT, (game_id, version)).await
    }

    /// Records that the players up to one are finished.
    pub async fn move_award_backfill(
        &self,
        game_id: i64,
        to: AwardBackfill,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        self.writer().execute(&MOVE, (to.up_to, now.0, game_id, to.version)).await?;
        Ok(())
    }

    /// Records that all players are finished by this version and those before it.
    pub async fn end_award_backfill(
        &self,
        game_id: i64,
        version: i64,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        self.writer().execute(&END, (now.0, game_id, version)).await?;
        Ok(())
    }

    /// Players of a game after `after` in ascending order, as a batch loads them for an award, at
    /// most `limit`. Two statements.
    pub async fn valued_players_page(
        &self,
        game_id: i64,
        after: i64,
        limit: i64,
        valuation: &Valuation,
    ) -> Result<Vec<Player>, StoreError> {
        let ids: Vec<(i64,)> = self.scan().fetch_all(&PLAYERS, (game_id, after, limit)).await?;
        let ids: Vec<i64> = ids.into_iter().map(|(player_id,)| player_id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.load_valued(&ids, valuation).await
    }
}
