//! The stocks that a player watches. What a watched stock costs is on the market's page.

use domain::UnixMicros;

use crate::measure::Timed as _;
use crate::statement::{Lazy, Statement};
use crate::{Store, StoreError};

// A player watches 100 stocks at most; one more can slip in when two requests meet. Watching what
// is watched writes the same row again, so that the number of rows written tells what holds now.
static WATCH: Lazy = Lazy::new(|| {
    Statement::new(
        "watches.watch",
        "INSERT INTO watches (player_id, stock_id, created_at)
         SELECT $1, s.stock_id, $3 FROM stocks s
         WHERE s.stock_id = $2 AND (
             (SELECT count(*) FROM watches w WHERE w.player_id = $1) < 100
             OR EXISTS (SELECT 1 FROM watches w WHERE w.player_id = $1 AND w.stock_id = $2))
         ON CONFLICT (player_id, stock_id) DO UPDATE SET created_at = watches.created_at",
    )
});

static UNWATCH: Lazy = Lazy::new(|| {
    Statement::new("watches.unwatch", "DELETE FROM watches WHERE player_id = $1 AND stock_id = $2")
});

pub(crate) static STATEMENTS: &[&Lazy] = &[&WATCH, &UNWATCH];

impl Store {
    /// Watches a stock; whether it is watched now. It is not when there is no such stock, or when
    /// the player watches 100 others.
    ///
    /// # Errors
    /// The fault met.
    pub async fn watch(
        &self,
        player_id: i64,
        stock_id: i64,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        Ok(with_db!(self, |db, sql| {
            sqlx::query(sql(&WATCH))
                .bind(player_id)
                .bind(stock_id)
                .bind(now.0)
                .execute(&db.writer)
                .timed(&WATCH)
                .await?
                .rows_affected()
                > 0
        }))
    }

    /// Watches a stock no longer, whether it was watched or not.
    ///
    /// # Errors
    /// The fault met.
    pub async fn unwatch(&self, player_id: i64, stock_id: i64) -> Result<(), StoreError> {
        with_db!(self, |db, sql| {
            sqlx::query(sql(&UNWATCH))
                .bind(player_id)
                .bind(stock_id)
                .execute(&db.writer)
                .timed(&UNWATCH)
                .await?;
        });
        Ok(())
    }
}
