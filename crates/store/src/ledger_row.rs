//! Decodes ledger entries.

use domain::{Hash, LedgerEntry, Symbol};

use crate::decode::column;

/// A ledger entry with its hash, symbol, note and awarded achievements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    pub entry: LedgerEntry,
    pub hash: Hash,
    pub symbol: Option<Symbol>,
    pub note: Option<String>,
    /// Of an award: the names of the achievements that it unlocked.
    pub awarded: Option<String>,
}

/// Selects ledger entries `l` with three columns beside them. Columns are listed, never `l.*`: a
/// new column must not change the result of a prepared statement.
macro_rules! select_entries {
    ($beside:literal, $($rest:literal),+) => {
        concat!(
            "SELECT l.player_id, l.version, l.month, l.kind, l.stock_id, l.quantity, l.price,
             l.amount, l.fee, l.xp_trade, l.xp_achievements, l.cash_after, l.quantity_after,
             l.cost_basis_after, l.total_xp_after, l.quote_as_of, l.quote_day, l.quote_source,
             l.about_version, l.created_at, l.rules_version, l.hash, ",
            $beside,
            " FROM portfolio_audit l ",
            $($rest),+
        )
    };
}
pub(crate) use select_entries;

/// Selects ledger entries `l` with symbol, note and awarded achievements.
macro_rules! select_described {
    ($rest:literal) => {
        crate::ledger_row::select_entries!(
            "s.symbol, n.text AS note,
             CASE WHEN l.kind = 'award' THEN (
                 SELECT string_agg(a.name, ', ' ORDER BY a.position, a.achievement_id)
                 FROM player_achievements pa
                 JOIN achievements a ON a.achievement_id = pa.achievement_id
                 WHERE pa.player_id = l.player_id AND pa.version = l.version) END AS awarded",
            "LEFT JOIN stocks s ON s.stock_id = l.stock_id
             LEFT JOIN trade_notes n ON n.player_id = l.player_id AND n.version = l.version ",
            $rest
        )
    };
}
pub(crate) use select_described;

// A row of `select_entries!`, by index: verification reads millions of rows, and looking up column
// names costs more than decoding the values.
impl<'r, R> sqlx::FromRow<'r, R> for LedgerRow
where
    R: sqlx::Row,
    usize: sqlx::ColumnIndex<R>,
    i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    Vec<u8>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let entry = LedgerEntry {
            player_id: column(row, 0)?,
            version: column(row, 1)?,
            month: column(row, 2)?,
            kind: column(row, 3)?,
            stock_id: column(row, 4)?,
            quantity: column(row, 5)?,
            price: column(row, 6)?,
            amount: column(row, 7)?,
            fee: column(row, 8)?,
            xp_trade: column(row, 9)?,
            xp_achievements: column(row, 10)?,
            cash_after: column(row, 11)?,
            quantity_after: column(row, 12)?,
            cost_basis_after: column(row, 13)?,
            total_xp_after: column(row, 14)?,
            quote_as_of: column(row, 15)?,
            quote_day: column(row, 16)?,
            quote_source: column(row, 17)?,
            about_version: column(row, 18)?,
            created_at: column(row, 19)?,
            rules_version: column(row, 20)?,
        };
        let (hash, symbol) = (column(row, 21)?, column(row, 22)?);
        let (note, awarded) = (column(row, 23)?, column(row, 24)?);
        Ok(Self { entry, hash, symbol, note, awarded })
    }
}
