//! The last good prices of a live market, shared by all nodes, and which stock to request next.
//! `market` judges the prices.

use domain::{Day, Price, Symbol, UnixMicros};

use crate::query::row;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

/// The largest number of stocks of a live market.
const STOCKS_MAX: i64 = 10_000;

row! {
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct StoredQuote {
        pub stock_id: i64,
        /// Per share, above zero.
        pub price: Price,
        /// The previous close, if the provider returned it.
        pub previous_close: Option<Price>,
        /// The time of the price.
        pub as_of: UnixMicros,
        pub market_day: Day,
        /// Shares traded that day, if the provider returned them.
        pub volume: Option<i64>,
        pub provider: String,
        /// Whether a later price is unconfirmed.
        pub is_in_doubt: bool,
    }
}

/// A stock whose price is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueQuote {
    pub stock_id: i64,
    pub symbol: Symbol,
    /// The last good price and its time.
    pub last: Option<(Price, UnixMicros)>,
}

/// Selects due stocks.
#[derive(Clone, Copy, Debug)]
pub struct DueQuoteFilter {
    /// Not requested since this instant.
    pub tried: UnixMicros,
    /// And no provider returned a price since this instant.
    pub confirmed: UnixMicros,
}

static OPEN: LazyStatement = LazyStatement::new(
    "quotes.open",
    "INSERT INTO quotes (stock_id, tried_at, confirmed_at, changed_at)
     SELECT stock_id, 0, 0, 0 FROM stocks WHERE true
     ON CONFLICT (stock_id) DO NOTHING",
);

static DUE: LazyStatement = LazyStatement::new(
    "quotes.due",
    "SELECT q.stock_id, s.symbol, q.price, q.as_of
     FROM quotes q JOIN stocks s ON s.stock_id = q.stock_id
     WHERE q.tried_at < $1 AND q.confirmed_at < $2
     ORDER BY q.tried_at, q.stock_id LIMIT $3",
);

static TRIED: LazyStatement =
    LazyStatement::new("quotes.tried", "UPDATE quotes SET tried_at = $2 WHERE stock_id = $1");

// An older quote only confirms that a provider responded. A quote no older than the unconfirmed one
// ends the doubt.
static SAVE: LazyStatement = LazyStatement::new(
    "quotes.save",
    "UPDATE quotes SET
         price = CASE WHEN as_of > $4 THEN price ELSE $2 END,
         previous_close = CASE WHEN as_of > $4 THEN previous_close
             ELSE COALESCE($3, previous_close) END,
         as_of = CASE WHEN as_of > $4 THEN as_of ELSE $4 END,
         market_day = CASE WHEN as_of > $4 THEN market_day ELSE $5 END,
         volume = CASE WHEN as_of > $4 THEN volume ELSE $6 END,
         provider = CASE WHEN as_of > $4 THEN provider ELSE $7 END,
         changed_at = CASE WHEN as_of > $4
                 OR (as_of = $4 AND price = $2 AND COALESCE(doubted_as_of > $4, true))
             THEN changed_at ELSE $8 END,
         doubted_as_of = CASE WHEN doubted_as_of > $4 THEN doubted_as_of ELSE NULL END,
         tried_at = $8, confirmed_at = $8
     WHERE stock_id = $1",
);

static DOUBT: LazyStatement = LazyStatement::new(
    "quotes.doubt",
    "UPDATE quotes SET tried_at = $4,
         changed_at = CASE WHEN doubted_as_of IS NULL THEN $3 ELSE changed_at END,
         doubted_as_of = CASE WHEN doubted_as_of > $2 THEN doubted_as_of ELSE $2 END
     WHERE stock_id = $1",
);

static CHANGED: LazyStatement = LazyStatement::new(
    "quotes.changed",
    "SELECT stock_id, price, previous_close, as_of, market_day, volume, provider,
         doubted_as_of IS NOT NULL AS is_in_doubt, changed_at
     FROM quotes WHERE changed_at >= $1 AND price IS NOT NULL
     ORDER BY changed_at, stock_id LIMIT $2",
);

static FIND: LazyStatement = LazyStatement::new(
    "quotes.find",
    "SELECT stock_id, price, previous_close, as_of, market_day, volume, provider,
         doubted_as_of IS NOT NULL AS is_in_doubt
     FROM quotes WHERE stock_id = $1 AND price IS NOT NULL",
);

static HURRY: LazyStatement = LazyStatement::new(
    "quotes.hurry",
    "UPDATE quotes SET tried_at = 0
     WHERE stock_id = $1 AND tried_at > 0 AND tried_at < $2 AND confirmed_at < $2",
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&OPEN, &DUE, &TRIED, &SAVE, &DOUBT, &CHANGED, &FIND, &HURRY];

row! {
    struct ChangedQuote {
        changed_at: UnixMicros,
        ..quote: StoredQuote
    }
}

impl Store {
    /// Adds a row for every listed stock.
    pub async fn ensure_quotes(&self) -> Result<(), StoreError> {
        self.writer().execute(&OPEN, ()).await?;
        Ok(())
    }

    /// Due stocks, least recently requested first.
    pub async fn due_quotes(
        &self,
        before: DueQuoteFilter,
        limit: i64,
    ) -> Result<Vec<DueQuote>, StoreError> {
        type Found = (i64, String, Option<i64>, Option<i64>);
        let rows: Vec<Found> = self
            .reader()
            .fetch_all(&DUE, (before.tried.0, before.confirmed.0, limit.clamp(1, STOCKS_MAX)))
            .await?;
        let read = |(stock_id, symbol, price, as_of): Found| {
            let symbol = Symbol::parse(&symbol).ok()?;
            let last = price.map(Price).zip(as_of.map(UnixMicros));
            Some(DueQuote { stock_id, symbol, last })
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Records a request without a price.
    pub async fn mark_quote_tried(&self, stock_id: i64, now: UnixMicros) -> Result<(), StoreError> {
        self.writer().execute(&TRIED, (stock_id, now.0)).await?;
        Ok(())
    }

    /// Marks a price with the time `as_of` as unconfirmed for all nodes, until a quote no older is
    /// saved. The stock is due again as if it had been requested at `tried_at`.
    pub async fn mark_quote_doubted(
        &self,
        stock_id: i64,
        as_of: UnixMicros,
        now: UnixMicros,
        tried_at: UnixMicros,
    ) -> Result<(), StoreError> {
        self.writer().execute(&DOUBT, (stock_id, as_of.0, now.0, tried_at.0)).await?;
        Ok(())
    }

    /// Saves a quote received at `now`, unless the stored one is newer.
    pub async fn save_quote(&self, quote: &StoredQuote, now: UnixMicros) -> Result<(), StoreError> {
        self.writer()
            .execute(
                &SAVE,
                (
                    quote.stock_id,
                    quote.price.0,
                    quote.previous_close.map(|close| close.0),
                    quote.as_of.0,
                    i64::from(quote.market_day.0),
                    quote.volume,
                    quote.provider.as_str(),
                    now.0,
                ),
            )
            .await?;
        Ok(())
    }

    /// Quotes changed at `since` or later with the time of the change, ascending, 10,000 at most.
    pub async fn quotes_changed_since(
        &self,
        since: UnixMicros,
    ) -> Result<Vec<(StoredQuote, UnixMicros)>, StoreError> {
        let rows: Vec<ChangedQuote> =
            self.reader().fetch_all(&CHANGED, (since.0, STOCKS_MAX)).await?;
        Ok(rows.into_iter().map(|row| (row.quote, row.changed_at)).collect())
    }

    pub async fn find_quote(&self, stock_id: i64) -> Result<Option<StoredQuote>, StoreError> {
        self.reader().fetch_optional(&FIND, (stock_id,)).await
    }

    /// Makes a stock the next to be requested, unless it was requested since `since`. Returns
    /// whether it did.
    pub async fn expedite_quote(
        &self,
        stock_id: i64,
        since: UnixMicros,
    ) -> Result<bool, StoreError> {
        let done = self.writer().execute(&HURRY, (stock_id, since.0)).await?;
        Ok(done > 0)
    }
}
