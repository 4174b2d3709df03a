//! The watch lists of players.

use domain::UnixMicros;

use crate::statement::LazyStatement;
use crate::{Store, StoreError};

// A player watches 100 stocks at most. The lock makes concurrent requests of a player count one
// after the other.
static LOCK: LazyStatement = LazyStatement::new(
    "watches.lock_player",
    "SELECT p.player_id FROM players p WHERE p.player_id = $1 {for update}",
);

// An existing row is written again, so that the number of written rows is the new state.
static WATCH: LazyStatement = LazyStatement::new(
    "watches.watch",
    "INSERT INTO watches (player_id, stock_id, created_at)
     SELECT $1, s.stock_id, $3 FROM stocks s
     WHERE s.stock_id = $2 AND (
         (SELECT count(*) FROM watches w WHERE w.player_id = $1) < 100
         OR EXISTS (SELECT 1 FROM watches w WHERE w.player_id = $1 AND w.stock_id = $2))
     ON CONFLICT (player_id, stock_id) DO UPDATE SET created_at = watches.created_at",
);

static UNWATCH: LazyStatement = LazyStatement::new(
    "watches.unwatch",
    "DELETE FROM watches WHERE player_id = $1 AND stock_id = $2",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&LOCK, &WATCH, &UNWATCH];

impl Store {
    /// Adds a stock to the watch list. Returns `false` if there is no such stock or the list has
    /// 100 others.
    pub async fn watch(
        &self,
        player_id: i64,
        stock_id: i64,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        tx.run().execute(&LOCK, (player_id,)).await?;
        let is_watched = tx.run().execute(&WATCH, (player_id, stock_id, now.0)).await? > 0;
        tx.commit().await?;
        Ok(is_watched)
    }

    /// Removes a stock from the watch list, if it is there.
    pub async fn unwatch(&self, player_id: i64, stock_id: i64) -> Result<(), StoreError> {
        self.writer().execute(&UNWATCH, (player_id, stock_id)).await?;
        Ok(())
    }
}
