//! Decodes ledger entries.

use domain::{
    EntryKind, Hash, LedgerEntry, Money, Month, Price, Quantity, QuoteSource, Symbol, UnixMicros,
};

use crate::StoreError;
use crate::decode::{read_day, read_hash};

/// A ledger entry with its hash, symbol and note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    pub entry: LedgerEntry,
    pub hash: Hash,
    pub symbol: Option<Symbol>,
    pub note: Option<String>,
}

/// Selects ledger entries `l` with symbol and note. Columns are listed, never `l.*`: a new column
/// must not change the result of a prepared statement.
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

/// A row of `select_entries!`.
pub(crate) struct LedgerEntryRow {
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

// By index: verification reads millions of rows, and looking up column names costs more than
// decoding the values.
impl<'r, R> sqlx::FromRow<'r, R> for LedgerEntryRow
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

impl LedgerEntryRow {
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
