//! The value of each player's portfolio at the close of each session: written in pages of players,
//! thinned out with age, read as a curve. Callers decide which sessions are written and when they
//! are old.

use domain::{Day, MinorUnit, Money, UnixMicros};

use crate::decode::read_day;
use crate::query::row;
use crate::statement::{LazyStatement, only};
use crate::transaction::Conn;
use crate::{Store, StoreError};

row! {
    /// The portfolio of a player at the close of a session.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct EquityPoint {
        pub day: Day,
        /// Cash and shares.
        pub value: Money,
        pub cash: Money,
    }
}

/// The progress of one step for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EquityStep {
    /// Players written by this step; 0 if another node took the same page.
    pub written: u64,
    pub is_done: bool,
}

/// Which days are kept at which density. Days after `newest` belong to a market that was restarted
/// and stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EquityRetention {
    pub newest: Day,
    /// First day of which every session is kept.
    pub daily_from: Day,
    /// First day from which the last session of each week is kept; before it, of each month.
    pub weekly_from: Day,
}

/// The progress of one thinning step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollUpStep {
    pub deleted: u64,
    /// The cursor of the next step; `None` at the end.
    pub next_after: Option<i64>,
}

static OPEN: LazyStatement = LazyStatement::new(
    "equity.open",
    "INSERT INTO equity_progress (day, after_player_id, done) VALUES ($1, 0, 0)
     ON CONFLICT (day) DO NOTHING",
);

static PROGRESS: LazyStatement = LazyStatement::new(
    "equity.progress",
    "SELECT after_player_id, done FROM equity_progress WHERE day = $1",
);

static WRITTEN: LazyStatement = LazyStatement::new(
    "equity.written",
    "SELECT day FROM equity_progress WHERE day <= $1 AND done = 1 ORDER BY day DESC LIMIT $2",
);

static CHUNK: LazyStatement = LazyStatement::new(
    "equity.chunk",
    "SELECT MAX(player_id) AS last_player_id, count(*) AS players FROM (
         SELECT player_id FROM players WHERE player_id > $1
         ORDER BY player_id LIMIT $2) chunk",
);

// Of two nodes that take the same page the second waits here and finds it taken.
static CLAIM: LazyStatement = LazyStatement::new(
    "equity.claim",
    "UPDATE equity_progress SET after_player_id = $3, done = $4
     WHERE day = $1 AND after_player_id = $2 AND done = 0",
);

// The range is repeated for the holdings: PostgreSQL may merge both tables and would read all
// holdings before it. A stock without a close on that day counts at its last close before. No rows
// for players who never traded, were erased, or traded since the close of an earlier session, whose
// value is no longer known. A row of a restarted market is replaced.
static WRITE: LazyStatement = LazyStatement::new(
    "equity.write",
    "WITH held AS MATERIALIZED (
         SELECT h.player_id, h.quantity, (
             SELECT c.close FROM stock_history c
             WHERE c.stock_id = h.stock_id AND c.day <= $1
             ORDER BY c.day DESC LIMIT 1) AS close
         FROM holdings h
         WHERE h.player_id > $2 AND h.player_id <= $3 AND h.quantity > 0),
     worth AS MATERIALIZED (
         SELECT player_id, CAST(SUM({value:quantity:close:$5}) AS BIGINT) AS value
         FROM held GROUP BY player_id)
     INSERT INTO equity_snapshots (player_id, day, value, cash)
     SELECT pl.player_id, $1, pl.cash + COALESCE(w.value, 0), pl.cash
     FROM players pl
     JOIN users u ON u.user_id = pl.user_id
     LEFT JOIN worth w ON w.player_id = pl.player_id
     WHERE pl.player_id > $2 AND pl.player_id <= $3 AND pl.balance_version > 1
         AND (CAST($4 AS BIGINT) IS NULL OR NOT EXISTS (
             SELECT 1 FROM portfolio_audit l
             WHERE l.player_id = pl.player_id AND l.version = pl.balance_version
                 AND l.month = pl.head_month AND l.created_at > $4))
     ON CONFLICT (player_id, day) DO UPDATE SET
         value = excluded.value, cash = excluded.cash",
);

// Deletes a row if the player's next row is in the same week or month. Weeks begin on Monday (day 0
// was a Thursday); a month counts as 1461/48 days.
static THIN_OUT: LazyStatement = LazyStatement::new(
    "equity.thin_out",
    "WITH old AS MATERIALIZED (
         SELECT eq.player_id, eq.day,
             LEAD(eq.day) OVER (PARTITION BY eq.player_id ORDER BY eq.day) AS next_day
         FROM equity_snapshots eq
         WHERE eq.player_id > $1 AND eq.player_id <= $2 AND eq.day < $3)
     DELETE FROM equity_snapshots
     WHERE player_id > $1 AND player_id <= $2 AND (player_id, day) IN (
         SELECT player_id, day FROM old
         WHERE (day >= $4 AND (day + 3) / 7 = (next_day + 3) / 7)
            OR (day < $4 AND day * 48 / 1461 = next_day * 48 / 1461))",
);

static DELETE_PROGRESS: LazyStatement = LazyStatement::new(
    "equity.forget_progress",
    "DELETE FROM equity_progress WHERE day IN (
         SELECT day FROM equity_progress
         WHERE day > $2 OR (day < $1 AND day < (
             SELECT MAX(day) FROM equity_progress WHERE day <= $2 AND done = 1))
         ORDER BY day LIMIT 1000)",
);

static CURVE: LazyStatement = LazyStatement::new(
    "equity.curve",
    "SELECT eq.day, eq.value, eq.cash FROM equity_snapshots eq
     WHERE eq.player_id = $1 AND eq.day >= $2 AND eq.day <= $3
     ORDER BY eq.day DESC LIMIT 800",
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&OPEN, &PROGRESS, &WRITTEN, &CHUNK, &CLAIM, &WRITE, &THIN_OUT, &DELETE_PROGRESS, &CURVE];

impl Store {
    /// Writes the value of the next `limit` players at the close of `day`, whose closes must be
    /// saved. Nodes share the players. With `closed_at`, the instant of that close, players who
    /// traded since are left out; without it, present holdings count.
    ///
    /// # Errors
    /// Nothing is written.
    pub async fn snapshot_equity(
        &self,
        day: Day,
        closed_at: Option<UnixMicros>,
        unit: MinorUnit,
        limit: i64,
    ) -> Result<EquityStep, StoreError> {
        let day = i64::from(day.0);
        let mut tx = self.begin_scan().await?;
        let step = write_chunk(tx.conn(), day, closed_at, unit, limit).await?;
        tx.commit().await?;
        Ok(step)
    }

    /// The newest `limit` days up to `newest` that are complete, newest first.
    pub async fn written_equity(&self, newest: Day, limit: i64) -> Result<Vec<Day>, StoreError> {
        let days: Vec<i64> =
            self.reader().fetch_scalars(&WRITTEN, (i64::from(newest.0), limit)).await?;
        days.into_iter().map(read_day).collect()
    }

    /// Thins out the old rows of the next `limit` players after `after_player_id` (0 to begin). The
    /// last step also deletes the progress of old sessions, except the newest complete one.
    pub async fn roll_up_equity(
        &self,
        after_player_id: i64,
        limit: i64,
        kept: EquityRetention,
    ) -> Result<RollUpStep, StoreError> {
        let [newest, daily_from, weekly_from] =
            [kept.newest, kept.daily_from, kept.weekly_from].map(|day| i64::from(day.0));
        // Before the transaction: on SQLite a read must not hold the only writer.
        let (last, players): (Option<i64>, i64) =
            only(self.scan().fetch_all(&CHUNK, (after_player_id, limit)).await?)?;
        let mut tx = self.begin_scan().await?;
        let up_to = last.unwrap_or(after_player_id);
        let params = (after_player_id, up_to, daily_from, weekly_from);
        let deleted = tx.run().execute(&THIN_OUT, params).await?;
        let next_after = last.filter(|_| players >= limit);
        if next_after.is_none() {
            tx.run().execute(&DELETE_PROGRESS, (daily_from, newest)).await?;
        }
        tx.commit().await?;
        Ok(RollUpStep { deleted, next_after })
    }

    /// The curve of a player from `from` to `to`, ascending, the newest 800 points at most.
    pub async fn equity_curve(
        &self,
        player_id: i64,
        from: Day,
        to: Day,
    ) -> Result<Vec<EquityPoint>, StoreError> {
        let mut points: Vec<EquityPoint> = self
            .reader()
            .fetch_all(&CURVE, (player_id, i64::from(from.0), i64::from(to.0)))
            .await?;
        points.reverse();
        Ok(points)
    }
}

async fn write_chunk(
    mut conn: Conn<'_>,
    day: i64,
    closed_at: Option<UnixMicros>,
    unit: MinorUnit,
    limit: i64,
) -> Result<EquityStep, StoreError> {
    conn.run().execute(&OPEN, (day,)).await?;
    let (after, done): (i64, i64) = conn.run().fetch_one(&PROGRESS, (day,)).await?;
    if done != 0 {
        return Ok(EquityStep { written: 0, is_done: true });
    }
    let (last, players): (Option<i64>, i64) = conn.run().fetch_one(&CHUNK, (after, limit)).await?;
    let (last, is_done) = (last.unwrap_or(after), players < limit);
    let claimed = conn.run().execute(&CLAIM, (day, after, last, i64::from(is_done))).await?;
    if claimed == 0 {
        return Ok(EquityStep { written: 0, is_done: false });
    }
    let params = (day, after, last, closed_at.map(|at| at.0), unit.price_units());
    let written = conn.run().execute(&WRITE, params).await?;
    Ok(EquityStep { written, is_done })
}
