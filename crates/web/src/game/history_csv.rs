//! A player's history as CSV. A whole history is streamed, a bounded number of entries at a time,
//! from the ledger and then from the archive: memory use does not grow with the history, and no
//! transaction stays open.

use std::io;

use archive::{History, HistoryCursor};
use bytes::Bytes;
use domain::{LedgerEntry, MinorUnit, Money, QuoteSource};
use futures_util::stream::{self, Stream};
use store::{LedgerFilter, LedgerRow};

use crate::game::csv::{BOM, Cell, Csv};
use crate::problem::Problem;
use crate::state::AppState;

/// Entries read at a time.
const ROWS: usize = 500;

/// Which entries the file contains.
pub(crate) struct CsvRequest {
    pub(crate) player_id: i64,
    pub(crate) filter: LedgerFilter,
    /// Only the entries below it.
    pub(crate) cursor: Option<HistoryCursor>,
    /// Whether the file begins with the byte order mark by which spreadsheets recognize UTF-8.
    pub(crate) has_bom: bool,
}

/// Streams the file. If a later piece cannot be read, the stream ends with an error and the
/// connection is closed, so that the client can distinguish the file from a complete one.
///
/// # Errors
/// As for a page of the history, if the first piece cannot be read.
pub(crate) async fn stream_csv(
    state: &AppState,
    request: CsvRequest,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>, Problem> {
    let CsvRequest { player_id, filter, cursor, has_bom } = request;
    let unit = state.rules().minor_unit;
    let first = state.history.search(player_id, filter, cursor, ROWS).await?;
    let history = state.history.clone();
    let begin = (Some(to_csv(&first.rows, unit, has_bom)), first.next);
    Ok(stream::try_unfold(begin, move |(ready, next)| {
        let history = history.clone();
        async move {
            if let Some(text) = ready {
                return Ok(Some((Bytes::from(text), (None, next))));
            }
            let Some(cursor) = next else { return Ok(None) };
            let (rows, next) = read(&history, player_id, filter, cursor).await?;
            let mut csv = Csv::default();
            push_csv(&mut csv, &rows, unit);
            let piece = csv.into_text();
            Ok::<_, io::Error>(Some((Bytes::from(piece), (None, next))))
        }
    }))
}

async fn read(
    history: &History,
    player_id: i64,
    filter: LedgerFilter,
    cursor: HistoryCursor,
) -> io::Result<(Vec<LedgerRow>, Option<HistoryCursor>)> {
    let found = history.search(player_id, filter, Some(cursor), ROWS).await.map_err(|error| {
        let error = error.chain();
        tracing::error!(player_id, error, "streaming a history as CSV failed midway");
        io::Error::other(error)
    })?;
    Ok((found.rows, found.next))
}

const HEADER: &str = "trade_id,version,kind,stock_symbol,quantity,price,amount,fee,xp_trade,\
    xp_achievements,cash_after,quantity_after,cost_basis_after,total_xp_after,quote_as_of,\
    market_date,quote_source,about_version,executed_at,note,canonical,hash,\
    rules_version,awarded";

/// The entries as a table with its header. The lines of the canonical text are joined by spaces, so
/// that an entry is one line of the file.
pub(crate) fn to_csv(rows: &[LedgerRow], unit: MinorUnit, has_bom: bool) -> String {
    let mut csv = Csv::new(HEADER);
    push_csv(&mut csv, rows, unit);
    let bom = if has_bom { BOM } else { "" };
    format!("{bom}{}", csv.into_text())
}

pub(crate) fn push_csv(csv: &mut Csv, rows: &[LedgerRow], unit: MinorUnit) {
    for row in rows {
        csv.row(cells(&row.entry, row, unit));
    }
}

fn cells(entry: &LedgerEntry, row: &LedgerRow, unit: MinorUnit) -> [Cell; 24] {
    let amount = |money: Money| Cell::plain(Some(money.to_text(unit)));
    [
        Cell::plain(Some(entry.trade_id())),
        Cell::plain(Some(entry.version)),
        Cell::plain(Some(entry.kind.as_str())),
        Cell::Text(row.symbol.as_ref().map(ToString::to_string).unwrap_or_default()),
        Cell::plain(Some(entry.quantity)),
        Cell::plain(entry.price.map(|price| price.to_text(unit))),
        amount(entry.amount),
        amount(entry.fee),
        Cell::plain(Some(entry.xp_trade)),
        Cell::plain(Some(entry.xp_achievements)),
        amount(entry.cash_after),
        Cell::plain(Some(entry.quantity_after)),
        amount(entry.cost_basis_after),
        Cell::plain(Some(entry.total_xp_after)),
        Cell::plain(entry.quote_as_of),
        Cell::plain(entry.quote_day),
        Cell::plain(entry.quote_source.map(QuoteSource::as_str)),
        Cell::plain(entry.about_version),
        Cell::plain(Some(entry.created_at)),
        Cell::Text(row.note.clone().unwrap_or_default()),
        Cell::plain(Some(entry.canonical().replace('\n', " "))),
        Cell::plain(Some(row.hash)),
        Cell::plain(entry.rules_version),
        Cell::Text(row.awarded.clone().unwrap_or_default()),
    ]
}
