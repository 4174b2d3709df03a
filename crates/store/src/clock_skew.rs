//! The difference between a node's clock and the database's. Nodes date orders, sessions and leases
//! by their own clocks, so that a node whose clock is wrong must not serve.

use std::sync::atomic::Ordering;

use domain::Clock;
use sqlx::PgConnection;

use crate::pools::Db;
use crate::{Store, StoreError};

/// Measurements, of which the one with the shortest round trip counts.
const SAMPLES: usize = 3;

impl Store {
    /// Measures how far `clock` is ahead of the database's clock, in microseconds; negative if it
    /// is behind. The error is at most half of the shortest of three round trips. 0 on SQLite,
    /// which has no clock of its own.
    pub async fn clock_skew(&self, clock: &dyn Clock) -> Result<i64, StoreError> {
        let skew = match self.db()? {
            Db::Sqlite(_) => 0,
            // Acquired first: the wait for a connection is no part of the round trip.
            Db::Postgres(db) => measure(&mut *db.reader.acquire().await?, clock).await?,
        };
        self.last_clock_skew.store(skew, Ordering::Relaxed);
        Ok(skew)
    }

    /// The result of the last [`Store::clock_skew`]; 0 before the first.
    pub fn last_clock_skew(&self) -> i64 {
        self.last_clock_skew.load(Ordering::Relaxed)
    }
}

async fn measure(conn: &mut PgConnection, clock: &dyn Clock) -> Result<i64, StoreError> {
    let mut best = (i64::MAX, 0);
    for _ in 0..SAMPLES {
        let sent = clock.now().0;
        let theirs: i64 =
            sqlx::query_scalar("SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint")
                .fetch_one(&mut *conn)
                .await?;
        let round_trip = clock.now().0.saturating_sub(sent);
        let ours = sent.saturating_add(round_trip / 2);
        best = best.min((round_trip.saturating_abs(), ours.saturating_sub(theirs)));
    }
    Ok(best.1)
}
