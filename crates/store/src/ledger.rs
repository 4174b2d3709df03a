//! Reads the ledger. The batch commit writes it.

use std::collections::HashMap;

use domain::{EntryKind, Hash, LedgerEntry, Month, Symbol, TradeId, UnixMicros};

use crate::ledger_row::{LedgerRow, select_described, select_entries};
use crate::query::row;
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::{Store, StoreError};

/// A filter of a player's entries.
#[derive(Clone, Copy, Debug, Default)]
pub struct LedgerFilter {
    pub kind: Option<EntryKind>,
    pub stock_id: Option<i64>,
}

impl LedgerFilter {
    /// Whether an entry matches.
    pub fn matches(&self, entry: &LedgerEntry) -> bool {
        self.kind.is_none_or(|kind| kind == entry.kind)
            && self.stock_id.is_none_or(|stock_id| Some(stock_id) == entry.stock_id)
    }
}

/// A page of the matching entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilteredPage {
    /// Newest first.
    pub rows: Vec<LedgerRow>,
    /// The cursor: continue below this version; `None` at the end of the ledger.
    pub next: Option<i64>,
}

row! {
    /// A note about a trade.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct NoteRow {
        /// The version of the trade's entry.
        pub version: i64,
        pub text: String,
        pub written_at: UnixMicros,
    }
}

static PAGE: LazyStatement = LazyStatement::new(
    "ledger.page",
    select_described!(
        "WHERE l.player_id = $1 AND l.version < $2
     ORDER BY l.version DESC LIMIT $3"
    ),
);

// A bounded range of versions, because matching entries may be rare.
static FILTERED_PAGE: LazyStatement = LazyStatement::new(
    "ledger.filtered_page",
    select_described!(
        "WHERE l.player_id = $1 AND l.version < $2 AND l.version >= $3
       AND (CAST($4 AS TEXT) IS NULL OR l.kind = $4)
       AND (CAST($5 AS BIGINT) IS NULL OR l.stock_id = $5)
     ORDER BY l.version DESC LIMIT $6"
    ),
);

// Symbols, notes and awarded achievements of entries that are only in the archive.
static DESCRIBE: LazyStatement = LazyStatement::with_rows(
    "ledger.beside",
    "version bigint, stock_id bigint, is_award bigint",
    "WITH wanted AS ({rows})
     SELECT w.version, s.symbol, n.text AS note,
         CASE WHEN w.is_award = 1 THEN (
             SELECT string_agg(a.name, ', ' ORDER BY a.position, a.achievement_id)
             FROM player_achievements pa
             JOIN achievements a ON a.achievement_id = pa.achievement_id
             WHERE pa.player_id = {$1} AND pa.version = w.version) END AS awarded
     FROM wanted w
     LEFT JOIN stocks s ON s.stock_id = w.stock_id
     LEFT JOIN trade_notes n ON n.player_id = {$1} AND n.version = w.version",
);

/// The version of an entry, its symbol, note and awarded achievements.
type DescriptionRow = (i64, Option<String>, Option<String>, Option<String>);

static HEAD: LazyStatement =
    LazyStatement::new("ledger.head", "SELECT balance_version FROM players WHERE player_id = $1");

static NOTES_PAGE: LazyStatement = LazyStatement::new(
    "notes.page",
    "SELECT n.version, n.text, n.written_at FROM trade_notes n
     WHERE n.player_id = $1 AND n.version > $2 ORDER BY n.version LIMIT $3",
);

static FIND: LazyStatement = LazyStatement::new(
    "ledger.find",
    select_described!("WHERE l.player_id = $1 AND l.version = $2 AND l.month = $3"),
);

static RANGE: LazyStatement = LazyStatement::new(
    "ledger.range",
    select_entries!(
        "NULL AS symbol, NULL AS note, NULL AS awarded",
        "WHERE (l.player_id, l.version) > ($1, $2) AND l.player_id <= $3
     ORDER BY l.player_id, l.version LIMIT $4"
    ),
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&PAGE, &FILTERED_PAGE, &DESCRIBE, &HEAD, &NOTES_PAGE, &FIND, &RANGE];

/// The number of versions that a filtered page scans.
const SEARCHED_MAX: i64 = 10_000;

impl Store {
    /// Entries of a player before the cursor (month, version), newest first, at most `limit`.
    pub async fn transactions_page(
        &self,
        player_id: i64,
        before: Option<(Month, i64)>,
        limit: i64,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let before = before.map_or(i64::MAX, |(_, version)| version);
        self.reader().fetch_all(&PAGE, (player_id, before, limit)).await
    }

    /// Adds symbols, notes and awarded achievements to archived entries of a player.
    pub async fn describe_entries(
        &self,
        player_id: i64,
        entries: Vec<(LedgerEntry, Hash)>,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let rows = RowSet::new(vec![
            RowSet::int(&entries, |(entry, _)| entry.version),
            RowSet::optional_int(&entries, |(entry, _)| entry.stock_id),
            RowSet::int(&entries, |(entry, _)| i64::from(entry.kind == EntryKind::Award)),
        ]);
        let found: Vec<DescriptionRow> =
            self.reader().fetch_all(&DESCRIBE, (&rows, player_id)).await?;
        let described = found.into_iter();
        let described =
            described.map(|(version, symbol, note, awarded)| (version, (symbol, note, awarded)));
        let mut described: HashMap<i64, _> = described.collect();
        let describe = |(entry, hash): (LedgerEntry, Hash)| {
            let (symbol, note, awarded) = described.remove(&entry.version).unwrap_or_default();
            let symbol = symbol.map(|text| Symbol::parse(&text)).transpose();
            let unknown = |_| StoreError::Corrupt("unknown symbol of a ledger entry".to_owned());
            Ok(LedgerRow { entry, hash, symbol: symbol.map_err(unknown)?, note, awarded })
        };
        entries.into_iter().map(describe).collect()
    }

    /// Entries of a player below version `before` that match the filter, newest first, at most
    /// `limit`. A page of a long ledger may be short or empty without being the last.
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
        let rows: Vec<LedgerRow> = self
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
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= limit);
        let searched_to = rows.last().filter(|_| is_full).map_or(from, |row| row.entry.version);
        // Versions begin at 1.
        Ok(FilteredPage { rows, next: Some(searched_to).filter(|version| *version > 1) })
    }

    /// The version of a player's newest entry.
    async fn find_head(&self, player_id: i64) -> Result<Option<i64>, StoreError> {
        self.reader().fetch_optional_scalar(&HEAD, (player_id,)).await
    }

    /// Notes of a player about trades after version `after`, oldest trade first, at most `limit`.
    pub async fn notes_page(
        &self,
        player_id: i64,
        after: i64,
        limit: i64,
    ) -> Result<Vec<NoteRow>, StoreError> {
        self.reader().fetch_all(&NOTES_PAGE, (player_id, after, limit)).await
    }

    /// The trade with this id.
    pub async fn find_transaction(&self, id: TradeId) -> Result<Option<LedgerRow>, StoreError> {
        let found = self.find_entry(id).await?;
        Ok(found.filter(|row| matches!(row.entry.kind, EntryKind::Buy | EntryKind::Sell)))
    }

    /// The entry with this id, of any kind.
    pub(crate) async fn find_entry(&self, id: TradeId) -> Result<Option<LedgerRow>, StoreError> {
        self.writer().fetch_optional(&FIND, (id.player_id, id.version, id.month.0)).await
    }

    /// Entries after the key (player, version) of players up to `up_to_player`, in key order.
    pub async fn ledger_range(
        &self,
        after: (i64, i64),
        up_to_player: i64,
        limit: i64,
    ) -> Result<Vec<(LedgerEntry, Hash)>, StoreError> {
        let rows: Vec<LedgerRow> =
            self.scan().fetch_all(&RANGE, (after.0, after.1, up_to_player, limit)).await?;
        Ok(rows.into_iter().map(|row| (row.entry, row.hash)).collect())
    }
}
