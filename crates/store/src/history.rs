//! The public history of stocks as whole days, and its months: open, high, low, close, average and
//! sessions of each, from which long charts are drawn. Closes alone are in `stocks`.

use domain::{DailyBar, Day, Month, Price};

use crate::ledger::read_day;
use crate::rows::{Rows, Type};
use crate::statement::{Lazy, Statement};
use crate::{Store, StoreError};

/// The most months a chart has: a century.
const MONTHS_MAX: i64 = 1_200;

/// A month of a stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthBar {
    /// Which.
    pub month: Month,
    /// The day of its last session.
    pub last_day: Day,
    /// The first price that is known of it.
    pub open: Price,
    /// The highest.
    pub high: Price,
    /// The lowest.
    pub low: Price,
    /// The last close.
    pub close: Price,
    /// The mean of its closes.
    pub average: Price,
    /// How many sessions it has.
    pub sessions: i64,
}

/// A month and its days: from the first up to, and without, the day after its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthSpan {
    /// Which.
    pub month: Month,
    /// Its first day.
    pub from: Day,
    /// The first day of the next one.
    pub until: Day,
}

impl MonthSpan {
    /// The month that a day is in.
    pub fn of(day: Day) -> Self {
        let (year, month, _) = day.civil();
        let first = |year, month| Day::from_civil(year, month, 1).unwrap_or(day);
        let next = if month == 12 { first(year + 1, 1) } else { first(year, month + 1) };
        Self { month: day.start().month(), from: first(year, month), until: next }
    }
}

static SAVE_BARS: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "stock_history.save_bars",
        &[
            ("stock_id", Type::Int),
            ("day", Type::Int),
            ("open", Type::Int),
            ("high", Type::Int),
            ("low", Type::Int),
            ("close", Type::Int),
            ("volume", Type::Int),
        ],
        "WITH wanted AS ({rows})
         INSERT INTO stock_history (stock_id, day, close, open, high, low, volume)
         SELECT stock_id, day, close, open, high, low, volume FROM wanted WHERE true
         ON CONFLICT (stock_id, day) DO UPDATE SET close = excluded.close, open = excluded.open,
             high = excluded.high, low = excluded.low, volume = excluded.volume",
    )
});

static FIRST_AND_LAST: Lazy = Lazy::new(|| {
    Statement::new(
        "stock_history.first_and_last",
        "SELECT MIN(day) AS first, MAX(day) AS last FROM stock_history WHERE stock_id = $1",
    )
});

static ROLLED_TO: Lazy = Lazy::new(|| {
    Statement::new(
        "stock_history_months.last",
        "SELECT MAX(month) AS month FROM stock_history_months WHERE stock_id = $1",
    )
});

// Where only the close of a day is known, it stands for the whole day. CROSS JOIN, because SQLite
// otherwise walks all months for each day.
static ROLL_UP: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "stock_history_months.roll_up",
        &[("month", Type::Int), ("from_day", Type::Int), ("until_day", Type::Int)],
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
    )
});

static MONTHS: Lazy = Lazy::new(|| {
    Statement::new(
        "stock_history_months.list",
        "SELECT month, last_day, open, high, low, close, average, sessions
         FROM stock_history_months WHERE stock_id = $1 AND last_day >= $2 AND last_day <= $3
         ORDER BY month DESC LIMIT $4",
    )
});

// Only what is in a month that is rolled up.
static FORGET: Lazy = Lazy::new(|| {
    Statement::new(
        "stock_history.forget",
        "DELETE FROM stock_history WHERE stock_id = $1 AND day < $2 AND day <= (
             SELECT COALESCE(MAX(last_day), -1000000) FROM stock_history_months
             WHERE stock_id = $1)",
    )
});

pub(crate) static STATEMENTS: &[&Lazy] =
    &[&SAVE_BARS, &FIRST_AND_LAST, &ROLLED_TO, &ROLL_UP, &MONTHS, &FORGET];

#[derive(sqlx::FromRow)]
struct MonthRow {
    month: i64,
    last_day: i64,
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    average: i64,
    sessions: i64,
}

impl Store {
    /// Keeps whole days of a stock, in place of what is kept of them.
    pub async fn save_bars(&self, stock_id: i64, bars: &[DailyBar]) -> Result<(), StoreError> {
        let price = |price: Option<Price>| price.map(|price| price.0);
        let rows = Rows::new(vec![
            Rows::int(bars, |_| stock_id),
            Rows::int(bars, |bar| i64::from(bar.day.0)),
            Rows::maybe(bars, |bar| price(bar.open)),
            Rows::maybe(bars, |bar| price(bar.high)),
            Rows::maybe(bars, |bar| price(bar.low)),
            Rows::int(bars, |bar| bar.close.0),
            Rows::maybe(bars, |bar| bar.volume),
        ]);
        self.writer().execute(&SAVE_BARS, (&rows,)).await?;
        Ok(())
    }

    /// Rolls up the months of a stock that are over before `until` and not rolled up yet; with
    /// `again_from`, those from that day on again. How many months there were to do.
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
        let rows = Rows::new(vec![
            Rows::int(&spans, |span| span.month.0),
            Rows::int(&spans, |span| i64::from(span.from.0)),
            Rows::int(&spans, |span| i64::from(span.until.0)),
        ]);
        self.writer().execute(&ROLL_UP, (&rows, stock_id)).await?;
        Ok(spans.len())
    }

    /// The months of a stock whose last sessions are from `from` to `to`, ascending.
    pub async fn stock_months(
        &self,
        stock_id: i64,
        from: Day,
        to: Day,
    ) -> Result<Vec<MonthBar>, StoreError> {
        let rows: Vec<MonthRow> = self
            .reader()
            .fetch_all(&MONTHS, (stock_id, i64::from(from.0), i64::from(to.0), MONTHS_MAX))
            .await?;
        let read = |row: MonthRow| {
            Ok(MonthBar {
                month: Month(row.month),
                last_day: read_day(row.last_day)?,
                open: Price(row.open),
                high: Price(row.high),
                low: Price(row.low),
                close: Price(row.close),
                average: Price(row.average),
                sessions: row.sessions,
            })
        };
        rows.into_iter().rev().map(read).collect()
    }

    /// Forgets the days of a stock before `before`, as far as their months are rolled up. How many.
    pub async fn forget_history(&self, stock_id: i64, before: Day) -> Result<u64, StoreError> {
        self.writer().execute(&FORGET, (stock_id, i64::from(before.0))).await
    }
}
