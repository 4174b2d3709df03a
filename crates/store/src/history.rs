//! The public daily bars of stocks, and their monthly aggregates for long charts. `stocks` has the
//! plain closes.

use domain::{DailyBar, Day, Month, Price};

use crate::decode::read_day;
use crate::query::row;
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

/// A century.
const MONTHS_MAX: i64 = 1_200;

row! {
    /// A monthly bar of a stock.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct MonthBar {
        pub month: Month,
        pub last_day: Day,
        /// The first known price.
        pub open: Price,
        pub high: Price,
        pub low: Price,
        pub close: Price,
        /// The mean of the closes.
        pub average: Price,
        pub sessions: i64,
    }
}

/// A month and its days, `from` inclusive, `until` exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthSpan {
    pub month: Month,
    pub from: Day,
    pub until: Day,
}

impl MonthSpan {
    /// The month of a day.
    pub fn of(day: Day) -> Self {
        let (year, month, _) = day.civil();
        let first = |year, month| Day::from_civil(year, month, 1).unwrap_or(day);
        let next = if month == 12 { first(year + 1, 1) } else { first(year, month + 1) };
        Self { month: day.start().month(), from: first(year, month), until: next }
    }
}

static SAVE_BARS: LazyStatement = LazyStatement::with_rows(
    "stock_history.save_bars",
    "stock_id bigint, day bigint, open bigint, high bigint, low bigint, close bigint, \
     volume bigint",
    "WITH wanted AS ({rows})
     INSERT INTO stock_history (stock_id, day, close, open, high, low, volume)
     SELECT stock_id, day, close, open, high, low, volume FROM wanted WHERE true
     ON CONFLICT (stock_id, day) DO UPDATE SET close = excluded.close, open = excluded.open,
         high = excluded.high, low = excluded.low, volume = excluded.volume",
);

static FIRST_AND_LAST: LazyStatement = LazyStatement::new(
    "stock_history.first_and_last",
    "SELECT MIN(day) AS first, MAX(day) AS last FROM stock_history WHERE stock_id = $1",
);

static ROLLED_TO: LazyStatement = LazyStatement::new(
    "stock_history_months.last",
    "SELECT MAX(month) AS month FROM stock_history_months WHERE stock_id = $1",
);

// A day of which only the close is known counts with its close. CROSS JOIN, because SQLite
// otherwise scans all months for each day.
static ROLL_UP: LazyStatement = LazyStatement::with_rows(
    "stock_history_months.roll_up",
    "month bigint, from_day bigint, until_day bigint",
    "WITH wanted AS ({rows}),
     sums AS (
         SELECT w.month, MIN(h.day) AS first_day, MAX(h.day) AS last_day,
             MAX(COALESCE(h.high, h.close)) AS high, MIN(COALESCE(h.low, h.close)) AS low,
             SUM(h.close) AS total, count(*) AS sessions
         FROM wanted w CROSS JOIN stock_history h
         WHERE h.stock_id = {$1} AND h.day >= w.from_day AND h.day < w.until_day
         GROUP BY w.month)
     INSERT INTO stock_history_months (stock_id, month, last_day, open, high, low, close,
         average, sessions)
     SELECT {$1}, m.month, m.last_day, COALESCE(f.open, f.close), m.high, m.low, l.close,
         {average:m.total:m.sessions}, m.sessions
     FROM sums m
     JOIN stock_history f ON f.stock_id = {$1} AND f.day = m.first_day
     JOIN stock_history l ON l.stock_id = {$1} AND l.day = m.last_day
     WHERE true
     ON CONFLICT (stock_id, month) DO UPDATE SET last_day = excluded.last_day,
         open = excluded.open, high = excluded.high, low = excluded.low,
         close = excluded.close, average = excluded.average, sessions = excluded.sessions",
);

static MONTHS: LazyStatement = LazyStatement::new(
    "stock_history_months.list",
    "SELECT month, last_day, open, high, low, close, average, sessions
     FROM stock_history_months WHERE stock_id = $1 AND last_day >= $2 AND last_day <= $3
     ORDER BY month DESC LIMIT $4",
);

// Only days of aggregated months.
static DELETE_OLD: LazyStatement = LazyStatement::new(
    "stock_history.forget",
    "DELETE FROM stock_history WHERE stock_id = $1 AND day < $2 AND day <= (
         SELECT COALESCE(MAX(last_day), -1000000) FROM stock_history_months
         WHERE stock_id = $1)",
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&SAVE_BARS, &FIRST_AND_LAST, &ROLLED_TO, &ROLL_UP, &MONTHS, &DELETE_OLD];

impl Store {
    /// Saves daily bars of a stock and replaces existing ones.
    pub async fn save_bars(&self, stock_id: i64, bars: &[DailyBar]) -> Result<(), StoreError> {
        let price = |price: Option<Price>| price.map(|price| price.0);
        let rows = RowSet::new(vec![
            RowSet::int(bars, |_| stock_id),
            RowSet::int(bars, |bar| i64::from(bar.day.0)),
            RowSet::optional_int(bars, |bar| price(bar.open)),
            RowSet::optional_int(bars, |bar| price(bar.high)),
            RowSet::optional_int(bars, |bar| price(bar.low)),
            RowSet::int(bars, |bar| bar.close.0),
            RowSet::optional_int(bars, |bar| bar.volume),
        ]);
        self.writer().execute(&SAVE_BARS, (&rows,)).await?;
        Ok(())
    }

    /// Aggregates the months of a stock that end before `until` and are not aggregated yet; with
    /// `again_from`, also those from that day on again. Returns the number of months.
    pub async fn roll_up_history(
        &self,
        stock_id: i64,
        until: Day,
        again_from: Option<Day>,
    ) -> Result<usize, StoreError> {
        let (first, last): (Option<i64>, Option<i64>) =
            self.reader().fetch_one(&FIRST_AND_LAST, (stock_id,)).await?;
        let (Some(first), Some(last)) = (first, last) else { return Ok(0) };
        let rolled: Option<i64> = self.reader().fetch_scalar(&ROLLED_TO, (stock_id,)).await?;
        let again = again_from.map(|day| MonthSpan::of(day).month.0);
        let is_due = |span: &MonthSpan| {
            rolled.is_none_or(|rolled| span.month.0 > rolled)
                || again.is_some_and(|again| span.month.0 >= again)
        };
        let end = until.min(Day(read_day(last)?.0.saturating_add(32)));
        let mut spans = Vec::new();
        let mut span = MonthSpan::of(read_day(first)?);
        while span.until <= end {
            if is_due(&span) {
                spans.push(span);
            }
            span = MonthSpan::of(span.until);
        }
        if spans.is_empty() {
            return Ok(0);
        }
        let rows = RowSet::new(vec![
            RowSet::int(&spans, |span| span.month.0),
            RowSet::int(&spans, |span| i64::from(span.from.0)),
            RowSet::int(&spans, |span| i64::from(span.until.0)),
        ]);
        self.writer().execute(&ROLL_UP, (&rows, stock_id)).await?;
        Ok(spans.len())
    }

    /// The monthly bars of a stock whose last sessions are from `from` to `to`, ascending.
    pub async fn stock_months(
        &self,
        stock_id: i64,
        from: Day,
        to: Day,
    ) -> Result<Vec<MonthBar>, StoreError> {
        let mut bars: Vec<MonthBar> = self
            .reader()
            .fetch_all(&MONTHS, (stock_id, i64::from(from.0), i64::from(to.0), MONTHS_MAX))
            .await?;
        bars.reverse();
        Ok(bars)
    }

    /// Deletes the days of a stock before `before` whose months are aggregated; returns their
    /// number.
    pub async fn delete_history_before(
        &self,
        stock_id: i64,
        before: Day,
    ) -> Result<u64, StoreError> {
        self.writer().execute(&DELETE_OLD, (stock_id, i64::from(before.0))).await
    }
}
