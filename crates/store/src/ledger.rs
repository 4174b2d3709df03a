//! Reading the ledger, and the months (partitions) it is kept in. Writing it is the batch commit's.

use std::collections::HashMap;

use domain::{
    Day, EntryKind, Hash, LedgerEntry, Money, Month, Price, Quantity, QuoteSource, Symbol, TradeId,
    UnixMicros,
};

use crate::db::Db;
use crate::rows::{Rows, Type};
use crate::statement::{Lazy, Statement};
use crate::{Store, StoreError};

/// A ledger entry with its hash, and what stands beside it elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// The entry.
    pub entry: LedgerEntry,
    /// Its hash.
    pub hash: Hash,
    /// The symbol of its stock.
    pub symbol: Option<Symbol>,
    /// The player's note about it.
    pub note: Option<String>,
}

/// Which entries of a player are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct LedgerFilter {
    /// Of this kind only.
    pub kind: Option<EntryKind>,
    /// About this stock only.
    pub stock_id: Option<i64>,
}

impl LedgerFilter {
    /// Whether it lets an entry through.
    pub fn lets(&self, entry: &LedgerEntry) -> bool {
        self.kind.is_none_or(|kind| kind == entry.kind)
            && self.stock_id.is_none_or(|stock_id| Some(stock_id) == entry.stock_id)
    }
}

/// A page of the entries that a filter lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilteredPage {
    /// The entries, newest first.
    pub rows: Vec<LedgerRow>,
    /// The version below which to go on; `None` at the end of the ledger.
    pub next: Option<i64>,
}

/// A note with the trade that it explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteRow {
    /// The version of the trade.
    pub version: i64,
    /// The note.
    pub text: String,
    /// When it was written.
    pub written_at: UnixMicros,
}

/// Ledger entries `l` with what stands beside each, a symbol and a note. Columns are named, never
/// `l.*`: one more of them must not change what a prepared statement gives.
macro_rules! select_entries {
    ($beside:literal, $rest:literal) => {
        concat!(
            "SELECT l.player_id, l.version, l.month, l.kind, l.stock_id, l.quantity, l.price,
             l.amount, l.fee, l.xp_trade, l.xp_achievements, l.cash_after, l.quantity_after,
             l.cost_basis_after, l.total_xp_after, l.quote_as_of, l.quote_day, l.quote_source,
             l.about_version, l.created_at, l.hash, ",
            $beside,
            " FROM portfolio_audit l ",
            $rest
        )
    };
}
pub(crate) use select_entries;

/// What `select_entries!` gives.
pub(crate) struct EntryRow {
    player_id: i64,
    version: i64,
    month: i64,
    kind: String,
    stock_id: Option<i64>,
    quantity: i64,
    price: Option<i64>,
    amount: i64,
    fee: i64,
    xp_trade: i64,
    xp_achievements: i64,
    cash_after: i64,
    quantity_after: i64,
    cost_basis_after: i64,
    total_xp_after: i64,
    quote_as_of: Option<i64>,
    quote_day: Option<i64>,
    quote_source: Option<String>,
    about_version: Option<i64>,
    created_at: i64,
    hash: Vec<u8>,
    symbol: Option<String>,
    note: Option<String>,
}

// By their places: looking millions of names up costs more than reading the values.
impl<'r, R> sqlx::FromRow<'r, R> for EntryRow
where
    R: sqlx::Row,
    usize: sqlx::ColumnIndex<R>,
    i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    Vec<u8>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            player_id: row.try_get(0)?,
            version: row.try_get(1)?,
            month: row.try_get(2)?,
            kind: row.try_get(3)?,
            stock_id: row.try_get(4)?,
            quantity: row.try_get(5)?,
            price: row.try_get(6)?,
            amount: row.try_get(7)?,
            fee: row.try_get(8)?,
            xp_trade: row.try_get(9)?,
            xp_achievements: row.try_get(10)?,
            cash_after: row.try_get(11)?,
            quantity_after: row.try_get(12)?,
            cost_basis_after: row.try_get(13)?,
            total_xp_after: row.try_get(14)?,
            quote_as_of: row.try_get(15)?,
            quote_day: row.try_get(16)?,
            quote_source: row.try_get(17)?,
            about_version: row.try_get(18)?,
            created_at: row.try_get(19)?,
            hash: row.try_get(20)?,
            symbol: row.try_get(21)?,
            note: row.try_get(22)?,
        })
    }
}

/// A digest as read from the database.
pub(crate) fn read_hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    let bytes = bytes.try_into().map_err(|_| StoreError::Corrupt("a hash is not 32 bytes".into()));
    bytes.map(Hash)
}

/// A day as read from the database.
pub(crate) fn read_day(number: i64) -> Result<Day, StoreError> {
    let day = i32::try_from(number).map_err(|_| StoreError::Corrupt("a day out of range".into()));
    day.map(Day)
}

impl EntryRow {
    pub(crate) fn read(self) -> Result<LedgerRow, StoreError> {
        let unknown = |what: &str| StoreError::Corrupt(format!("unknown {what} in the ledger"));
        let source = self.quote_source.map(|word| QuoteSource::parse(&word));
        let quote_source = source.map(|s| s.ok_or_else(|| unknown("source"))).transpose()?;
        let symbol = self.symbol.map(|text| Symbol::parse(&text)).transpose();
        let entry = LedgerEntry {
            month: Month(self.month),
            player_id: self.player_id,
            version: self.version,
            kind: EntryKind::parse(&self.kind).ok_or_else(|| unknown("kind"))?,
            stock_id: self.stock_id,
            quantity: Quantity(self.quantity),
            price: self.price.map(Price),
            amount: Money(self.amount),
            fee: Money(self.fee),
            xp_trade: self.xp_trade,
            xp_achievements: self.xp_achievements,
            cash_after: Money(self.cash_after),
            quantity_after: Quantity(self.quantity_after),
            cost_basis_after: Money(self.cost_basis_after),
            total_xp_after: self.total_xp_after,
            quote_as_of: self.quote_as_of.map(UnixMicros),
            quote_day: self.quote_day.map(read_day).transpose()?,
            quote_source,
            about_version: self.about_version,
            created_at: UnixMicros(self.created_at),
        };
        let symbol = symbol.map_err(|_| unknown("symbol"))?;
        Ok(LedgerRow { entry, hash: read_hash(&self.hash)?, symbol, note: self.note })
    }
}

static PAGE: Lazy = Lazy::new(|| {
    Statement::new(
        "ledger.page",
        select_entries!(
            "s.symbol, n.text AS note",
            "LEFT JOIN stocks s ON s.stock_id = l.stock_id
         LEFT JOIN trade_notes n ON n.player_id = l.player_id AND n.version = l.version
         WHERE l.player_id = $1 AND l.version < $2
         ORDER BY l.version DESC LIMIT $3"
        ),
    )
});

// Rare entries are searched for among a bounded number of versions at a time.
static FILTERED_PAGE: Lazy = Lazy::new(|| {
    Statement::new(
        "ledger.filtered_page",
        select_entries!(
            "s.symbol, n.text AS note",
            "LEFT JOIN stocks s ON s.stock_id = l.stock_id
         LEFT JOIN trade_notes n ON n.player_id = l.player_id AND n.version = l.version
         WHERE l.player_id = $1 AND l.version < $2 AND l.version >= $3
           AND (CAST($4 AS TEXT) IS NULL OR l.kind = $4)
           AND (CAST($5 AS BIGINT) IS NULL OR l.stock_id = $5)
         ORDER BY l.version DESC LIMIT $6"
        ),
    )
});

// What stands beside entries that are not in the ledger any more.
static BESIDE: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "ledger.beside",
        &[("version", Type::Int), ("stock_id", Type::Int)],
        "WITH wanted AS ({rows})
         SELECT w.version, s.symbol, n.text AS note FROM wanted w
         LEFT JOIN stocks s ON s.stock_id = w.stock_id
         LEFT JOIN trade_notes n ON n.player_id = {$1} AND n.version = w.version",
    )
});

static HEAD: Lazy = Lazy::new(|| {
    Statement::new("ledger.head", "SELECT balance_version FROM players WHERE player_id = $1")
});

static NOTES_PAGE: Lazy = Lazy::new(|| {
    Statement::new(
        "notes.page",
        "SELECT n.version, n.text, n.written_at FROM trade_notes n
         WHERE n.player_id = $1 AND n.version > $2 ORDER BY n.version LIMIT $3",
    )
});

static FIND: Lazy = Lazy::new(|| {
    Statement::new(
        "ledger.find",
        select_entries!(
            "s.symbol, n.text AS note",
            "LEFT JOIN stocks s ON s.stock_id = l.stock_id
         LEFT JOIN trade_notes n ON n.player_id = l.player_id AND n.version = l.version
         WHERE l.player_id = $1 AND l.version = $2 AND l.month = $3"
        ),
    )
});

static RANGE: Lazy = Lazy::new(|| {
    Statement::new(
        "ledger.range",
        select_entries!(
            "NULL AS symbol, NULL AS note",
            "WHERE (l.player_id, l.version) > ($1, $2) AND l.player_id <= $3
         ORDER BY l.player_id, l.version LIMIT $4"
        ),
    )
});

pub(crate) static STATEMENTS: &[&Lazy] =
    &[&PAGE, &FILTERED_PAGE, &BESIDE, &HEAD, &NOTES_PAGE, &FIND, &RANGE];

/// How many versions are searched for a filtered page.
const SEARCHED_MAX: i64 = 10_000;

/// How many months ahead of the present PostgreSQL's partitions are made.
const MONTHS_AHEAD: usize = 3;

impl Store {
    /// Entries of a player before the cursor (month, version), newest first, at most `limit`.
    pub async fn transactions_page(
        &self,
        player_id: i64,
        before: Option<(Month, i64)>,
        limit: i64,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let before = before.map_or(i64::MAX, |(_, version)| version);
        let rows: Vec<EntryRow> =
            self.reader().fetch_all(&PAGE, (player_id, before, limit)).await?;
        rows.into_iter().map(EntryRow::read).collect()
    }

    /// Entries of one player that come from elsewhere than the ledger, with what the database has
    /// beside them: symbols and notes.
    pub async fn describe_entries(
        &self,
        player_id: i64,
        entries: Vec<(LedgerEntry, Hash)>,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let rows = Rows::new(vec![
            Rows::int(&entries, |(entry, _)| entry.version),
            Rows::maybe(&entries, |(entry, _)| entry.stock_id),
        ]);
        let beside: Vec<(i64, Option<String>, Option<String>)> =
            self.reader().fetch_all(&BESIDE, (&rows, player_id)).await?;
        let mut beside: HashMap<i64, _> =
            beside.into_iter().map(|(version, symbol, note)| (version, (symbol, note))).collect();
        let describe = |(entry, hash): (LedgerEntry, Hash)| {
            let (symbol, note) = beside.remove(&entry.version).unwrap_or_default();
            let symbol = symbol.map(|text| Symbol::parse(&text)).transpose();
            let unknown = |_| StoreError::Corrupt("unknown symbol beside the ledger".to_owned());
            Ok(LedgerRow { entry, hash, symbol: symbol.map_err(unknown)?, note })
        };
        entries.into_iter().map(describe).collect()
    }

    /// Entries of a player that the filter lets through below version `before`, newest first, at
    /// most `limit`. Of a long ledger a page may be short, or empty, and yet not be the last one.
    pub async fn filtered_transactions_page(
        &self,
        player_id: i64,
        filter: LedgerFilter,
        before: Option<i64>,
        limit: i64,
    ) -> Result<FilteredPage, StoreError> {
        let before = match before {
            Some(before) => before,
            None => self.find_head(player_id).await?.map_or(0, |head| head + 1),
        };
        let from = before.saturating_sub(SEARCHED_MAX);
        let rows: Vec<EntryRow> = self
            .reader()
            .fetch_all(
                &FILTERED_PAGE,
                (
                    player_id,
                    before,
                    from,
                    filter.kind.map(EntryKind::as_str),
                    filter.stock_id,
                    limit,
                ),
            )
            .await?;
        let rows = rows.into_iter().map(EntryRow::read).collect::<Result<Vec<_>, _>>()?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= limit);
        let searched_to = rows.last().filter(|_| is_full).map_or(from, |row| row.entry.version);
        // Versions begin at 1.
        Ok(FilteredPage { rows, next: Some(searched_to).filter(|version| *version > 1) })
    }

    /// The version of a player's last entry.
    async fn find_head(&self, player_id: i64) -> Result<Option<i64>, StoreError> {
        let row: Option<(i64,)> = self.reader().fetch_optional(&HEAD, (player_id,)).await?;
        Ok(row.map(|(version,)| version))
    }

    /// Notes of a player about trades after version `after`, oldest trade first, at most `limit`.
    pub async fn notes_page(
        &self,
        player_id: i64,
        after: i64,
        limit: i64,
    ) -> Result<Vec<NoteRow>, StoreError> {
        let rows: Vec<(i64, String, i64)> =
            self.reader().fetch_all(&NOTES_PAGE, (player_id, after, limit)).await?;
        let read = |(version, text, written_at)| NoteRow {
            version,
            text,
            written_at: UnixMicros(written_at),
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// The trade (a purchase or a sale) of this number.
    pub async fn find_transaction(&self, id: TradeId) -> Result<Option<LedgerRow>, StoreError> {
        let found = self.find_entry(id).await?;
        Ok(found.filter(|row| matches!(row.entry.kind, EntryKind::Buy | EntryKind::Sell)))
    }

    /// The entry of this number, of any kind.
    pub(crate) async fn find_entry(&self, id: TradeId) -> Result<Option<LedgerRow>, StoreError> {
        let row: Option<EntryRow> =
            self.writer().fetch_optional(&FIND, (id.player_id, id.version, id.month.0)).await?;
        row.map(EntryRow::read).transpose()
    }

    /// Entries after (player, version) of players up to `up_to_player`, in that order.
    pub async fn ledger_range(
        &self,
        after: (i64, i64),
        up_to_player: i64,
        limit: i64,
    ) -> Result<Vec<(LedgerEntry, Hash)>, StoreError> {
        let rows: Vec<EntryRow> =
            self.scan().fetch_all(&RANGE, (after.0, after.1, up_to_player, limit)).await?;
        rows.into_iter().map(|row| row.read().map(|r| (r.entry, r.hash))).collect()
    }

    /// Makes the ledger's months from the present one on, where the engine keeps months apart.
    pub async fn ensure_ledger_months(&self, now: UnixMicros) -> Result<(), StoreError> {
        let mut month = now.month();
        for _ in 0..=MONTHS_AHEAD {
            self.ensure_ledger_month(month).await?;
            month = month.next();
        }
        Ok(())
    }

    /// Makes one of the ledger's months, where the engine keeps months apart.
    pub(crate) async fn ensure_ledger_month(&self, month: Month) -> Result<(), StoreError> {
        let Db::Postgres(db) = self.db()? else { return Ok(()) };
        let table = format!("portfolio_audit_{}", month.0);
        let exists: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
            .bind(&table)
            .fetch_one(&db.writer)
            .await?;
        if !exists {
            // Numbers cannot be bound in a definition; this one is a month's number.
            let text = format!(
                "CREATE TABLE IF NOT EXISTS {table} PARTITION OF portfolio_audit
                         FOR VALUES IN ({});
                     CREATE OR REPLACE TRIGGER portfolio_audit_is_never_truncated
                         BEFORE TRUNCATE ON {table}
                         FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()",
                month.0
            );
            sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&db.writer).await?;
        }
        Ok(())
    }
}
