//! The daily closes of stocks. `history` has the bars and the months.

use domain::{Day, Price};

use crate::decode::read_day;
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

static HISTORY: LazyStatement = LazyStatement::new(
    "stocks.history",
    "SELECT day, close FROM stock_history
     WHERE stock_id = $1 AND day >= $2 AND day <= $3 ORDER BY day DESC LIMIT 3700",
);

static LAST_DAY: LazyStatement = LazyStatement::new(
    "stocks.history_last_day",
    "SELECT day FROM stock_history WHERE stock_id = $1 ORDER BY day DESC LIMIT 1",
);

static NEWEST_DAY: LazyStatement = LazyStatement::with_rows(
    "stocks.history_newest_day",
    "stock_id bigint",
    "WITH wanted AS ({rows})
     SELECT MAX((SELECT MAX(h.day) FROM stock_history h WHERE h.stock_id = w.stock_id)) AS day
     FROM wanted w",
);

static SAVE_HISTORY: LazyStatement = LazyStatement::with_rows(
    "stocks.save_history",
    "stock_id bigint, day bigint, close bigint",
    "WITH wanted AS ({rows})
     INSERT INTO stock_history (stock_id, day, close)
     SELECT stock_id, day, close FROM wanted ORDER BY stock_id, day
     ON CONFLICT (stock_id, day) DO NOTHING",
);

static CORRECT_CLOSE: LazyStatement = LazyStatement::new(
    "stocks.correct_close",
    "INSERT INTO stock_history (stock_id, day, close) VALUES ($1, $2, $3)
     ON CONFLICT (stock_id, day) DO UPDATE SET close = excluded.close
     WHERE stock_history.close <> excluded.close",
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&HISTORY, &LAST_DAY, &NEWEST_DAY, &SAVE_HISTORY, &CORRECT_CLOSE];

impl Store {
    /// Daily closes from `from` to `to`, ascending, the newest 3,700 at most.
    pub async fn stock_history(
        &self,
        stock_id: i64,
        from: Day,
        to: Day,
    ) -> Result<Vec<(Day, Price)>, StoreError> {
        let rows: Vec<(i64, i64)> = self
            .reader()
            .fetch_all(&HISTORY, (stock_id, i64::from(from.0), i64::from(to.0)))
            .await?;
        let read = |(day, close)| Ok((read_day(day)?, Price(close)));
        rows.into_iter().rev().map(read).collect()
    }

    /// The day of the newest stored close.
    pub async fn history_last_day(&self, stock_id: i64) -> Result<Option<Day>, StoreError> {
        let day = self.reader().fetch_optional_scalar(&LAST_DAY, (stock_id,)).await?;
        day.map(read_day).transpose()
    }

    /// The day of the newest stored close of any of these stocks.
    pub async fn history_newest_day(&self, stock_ids: &[i64]) -> Result<Option<Day>, StoreError> {
        let rows = RowSet::new(vec![RowSet::int(stock_ids, |stock_id| *stock_id)]);
        let day: Option<i64> = self.reader().fetch_scalar(&NEWEST_DAY, (&rows,)).await?;
        day.map(read_day).transpose()
    }

    /// Saves daily closes; stored ones stay.
    pub async fn save_history(&self, closes: &[(i64, Day, Price)]) -> Result<(), StoreError> {
        let rows = RowSet::new(vec![
            RowSet::int(closes, |(stock_id, _, _)| *stock_id),
            RowSet::int(closes, |(_, day, _)| i64::from(day.0)),
            RowSet::int(closes, |(_, _, close)| close.0),
        ]);
        self.writer().execute(&SAVE_HISTORY, (&rows,)).await?;
        Ok(())
    }

    /// Saves the close of a day and replaces the stored one: the latest report is right.
    pub async fn correct_close(
        &self,
        stock_id: i64,
        day: Day,
        close: Price,
    ) -> Result<(), StoreError> {
        self.writer().execute(&CORRECT_CLOSE, (stock_id, i64::from(day.0), close.0)).await?;
        Ok(())
    }
}
